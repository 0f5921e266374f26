"""The client: one method for each thing to be asked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, overload
from urllib.parse import quote, urlencode

from .answers import Answer, Answers, Sample, Verified
from .batches import WINDOW, Batch, OnError
from .errors import MispairError
from .questions import Ask, Caption, Engine, Facts, Find, Id, Photo, Vector, Vectors, document, encode, file, form, rows
from .transport import JSON, Transport

if TYPE_CHECKING:
    from typing_extensions import Unpack

class Client:
    """Speaks to one daemon. Threads may share it.

    :param url: ``http://HOST:PORT``, ``https://HOST`` (where a proxy ends TLS), or ``unix:/PATH``.
    :param token: the daemon's read token, or its admin token for ``reload``.
    :param timeout: seconds that a connection may be silent; None: for ever.
    :param retries: how often a daemon that has too much to do is asked again, after the pause that it wishes (5 s at most).

    Errors: ``MispairError`` where the daemon refuses; ``ConnectionError`` and ``TimeoutError`` where it cannot be heard;
    ``ValueError`` and ``TypeError`` before anything is sent.
    """

    def __init__(
        self, url: str = "http://127.0.0.1:7400", token: str | None = None, timeout: float | None = 60.0, retries: int = 3
    ) -> None:
        self._transport = Transport(url, token, timeout, retries)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes connections that are kept; the client can still be used."""
        self._transport.close()

    def ready(self) -> bool:
        """Does the daemon answer queries? False, too, where nobody is there."""
        try:
            self._transport.get("/readyz", retries=0)
        except (MispairError, OSError):
            return False
        return True

    def indexes(self) -> list[dict[str, Any]]:
        """What is served: of each index its ``index`` (the name to ask by), ``samples``, ``modalities``, ``checksum`` …"""
        return list(self._get("/v1/indexes")["indexes"])

    def splits(self) -> list[dict[str, Any]]:
        """The splits that can be asked for, with their constraints."""
        return list(self._get("/v1/splits")["splits"])

    def sample(self, id: Id, *, index: str | None = None) -> Sample:
        """One sample with its facts."""
        sample = Sample.of_document(self._get(f"/v1/samples/{_in_path(id)}", index))
        if isinstance(sample.id, str) != isinstance(id, str):
            # An address has no types, and finds 5 where there is no "5", and the other way round.
            what = f"index {sample.index!r} has the id {sample.id!r}, which is not {id!r}"
            raise MispairError(404, "There is no such thing", what, "id", None, "not-found")
        return sample

    def image(self, id: Id, *, index: str | None = None) -> bytes:
        """The image of a sample, as its file is. Where both 5 and "5" are ids, the image of "5"."""
        return self._transport.get(f"/v1/images/{_in_path(id)}{_of(index)}").body

    def query(
        self,
        *,
        split: str | None = None,
        modality: str | None = None,
        id: Id | None = None,
        vector: Vector | None = None,
        vectors: Mapping[str, Vector] | None = None,
        text: str | None = None,
        facts: Facts | None = None,
        from_modality: str | None = None,
        k: int | None = None,
        ef: int | None = None,
        engine: Engine | None = None,
        adversarial: bool | None = None,
        lowest: bool | None = None,
        unique: Literal["image"] | None = None,
        partition: str | None = None,
        explain: int | None = None,
        waive: Iterable[str] | None = None,
        index: str | None = None,
    ) -> Answer:
        """The wrong images for one caption under a split's constraints, or plain k-NN over a modality.

        :param id: a sample of the index; or else one of the next three.
        :param vector: in the split's query modality, or in the searched one.
        :param vectors: by modality; each serves wherever the split looks at its modality.
        :param text: a caption, where the daemon has an encoder.
        :param facts: of a caption from outside: ``timestamp``, ``entities`` …
        :param from_modality: with ``modality`` and ``id``: take the sample's vector from this modality.
        :param k: how many results (default 10).
        :param ef: rows that a walk through a graph keeps in sight.
        :param adversarial: candidates that CLIP prefers to the caption's own image first.
        :param lowest: with ``modality``: the least similar first.
        :param unique: ``"image"``: one result an image path, the best.
        :param explain: so many of the best rejected candidates.
        :param waive: rules that hold without being looked at.
        """
        return self._ask(
            "/v1/query",
            {
                "split": split, "modality": modality, "id": id, "vector": vector, "vectors": vectors, "text": text,
                "facts": facts, "from_modality": from_modality, "k": k, "ef": ef, "engine": engine,
                "adversarial": adversarial, "lowest": lowest, "unique": unique, "partition": partition,
                "explain": explain, "waive": waive, "index": index,
            },
        )  # fmt: skip

    def explain(
        self,
        *,
        split: str,
        id: Id | None = None,
        vector: Vector | None = None,
        vectors: Mapping[str, Vector] | None = None,
        text: str | None = None,
        facts: Facts | None = None,
        k: int | None = None,
        ef: int | None = None,
        engine: Engine | None = None,
        adversarial: bool | None = None,
        unique: Literal["image"] | None = None,
        partition: str | None = None,
        explain: int | None = None,
        waive: Iterable[str] | None = None,
        index: str | None = None,
    ) -> Answer:
        """As ``query`` with a split, and the best-scoring rejected candidates, each with every rule it fails.

        :param explain: how many of them (default 10).
        """
        return self._ask(
            "/v1/explain",
            {
                "split": split, "id": id, "vector": vector, "vectors": vectors, "text": text, "facts": facts, "k": k,
                "ef": ef, "engine": engine, "adversarial": adversarial, "unique": unique, "partition": partition,
                "explain": explain, "waive": waive, "index": index,
            },
        )  # fmt: skip

    def batch(
        self, queries: Iterable[Ask], *, on_error: OnError = "raise", window: int = WINDOW, **settings: Unpack[Ask]
    ) -> Batch:
        """Many queries; the answers come in order.

        :param queries: each with arguments of ``query``: ``{"id": 42}``.
        :param on_error: ``"skip"`` leaves out what cannot be answered; ``Batch.errors`` has it.
        :param window: queries that are sent together.
        :param settings: arguments of ``query`` for all that do not say otherwise.
        """
        _known("batch()", settings, Ask.__optional_keys__)
        questions = _merged(queries, document(settings), Ask.__optional_keys__)
        return Batch(self._transport, "/v1/query:batch", questions, on_error, window)

    def match(
        self,
        captions: Iterable[Caption],
        *,
        split: str,
        ef: int | None = None,
        engine: Engine | None = None,
        partition: str | None = None,
        explain: int | None = None,
        waive: Iterable[str] | None = None,
        index: str | None = None,
        on_error: OnError = "raise",
        window: int = WINDOW,
    ) -> Batch:
        """For each caption of one's own the candidate that the matcher would choose; the answers come in order.

        With vectors for both sides of CTI (``clip-text``, ``clip-image``) the choice is adversarial.
        """
        settings = document(
            {
                "split": split, "ef": ef, "engine": engine, "partition": partition, "explain": explain,
                "waive": waive, "index": index,
            }
        )  # fmt: skip
        questions = _merged(captions, settings, Caption.__optional_keys__)
        return Batch(self._transport, "/v1/match", questions, on_error, window)

    @overload
    def search(
        self, modality: str, *, vector: Vector, k: int | None = ..., ef: int | None = ..., engine: Engine | None = ...,
        lowest: bool | None = ..., unique: Literal["image"] | None = ..., partition: str | None = ...,
        index: str | None = ...,
    ) -> Answer: ...  # fmt: skip

    @overload
    def search(
        self, modality: str, *, vectors: Vectors, k: int | None = ..., ef: int | None = ...,
        engine: Engine | None = ..., lowest: bool | None = ..., unique: Literal["image"] | None = ...,
        partition: str | None = ..., index: str | None = ...,
    ) -> Answers: ...  # fmt: skip

    @overload
    def search(
        self, modality: str, *, id: Id, from_modality: str | None = ..., k: int | None = ..., ef: int | None = ...,
        engine: Engine | None = ..., lowest: bool | None = ..., unique: Literal["image"] | None = ...,
        partition: str | None = ..., index: str | None = ...,
    ) -> Answer: ...  # fmt: skip

    def search(
        self,
        modality: str,
        *,
        vector: Vector | None = None,
        vectors: Vectors | None = None,
        id: Id | None = None,
        from_modality: str | None = None,
        k: int | None = None,
        ef: int | None = None,
        engine: Engine | None = None,
        lowest: bool | None = None,
        unique: Literal["image"] | None = None,
        partition: str | None = None,
        index: str | None = None,
    ) -> Answer | Answers:
        """Plain k-NN: the nearest rows of a modality, without constraints.

        :param vector: a list or a 1-d array: one answer.
        :param vectors: a list of vectors or a 2-d array: an answer a row. One scan serves several of them.
        :param id: a sample of the index: one answer.
        """
        settings = document(
            {
                "modality": modality, "vector": vector, "id": id, "from_modality": from_modality, "k": k, "ef": ef,
                "engine": engine, "lowest": lowest, "unique": unique, "partition": partition, "index": index,
            }
        )  # fmt: skip
        if vectors is None:
            return Answer.of_document(self._post("/v1/vectors:search", settings))
        if vector is not None or id is not None:
            raise ValueError("give one of vector, vectors and id")
        listed = rows("vectors", vectors)
        answers = Answers()
        for first in range(0, len(listed), WINDOW):
            self._search(settings, listed[first : first + WINDOW], first, answers)
        return answers

    def search_image(
        self,
        modality: str,
        image: Photo,
        *,
        k: int | None = None,
        ef: int | None = None,
        engine: Engine | None = None,
        unique: Literal["image"] | None = None,
        partition: str | None = None,
        index: str | None = None,
    ) -> Answer:
        """Plain k-NN by a photograph of one's own, where the daemon has a model that sees.

        :param image: what is in its file (JPEG, PNG, WebP), or a ``pathlib.Path``.
        """
        settings = document(
            {
                "modality": modality, "k": k, "ef": ef, "engine": engine, "unique": unique, "partition": partition,
                "index": index,
            }
        )  # fmt: skip
        answer = self._transport.post(f"/v1/images:search?{urlencode(settings)}", file(image), "application/octet-stream")
        return Answer.of_document(_object(answer.body))

    def verify(
        self,
        *,
        id: Id | None = None,
        caption: str | None = None,
        image: Photo | None = None,
        image_id: Id | None = None,
        vectors: Mapping[str, Vector] | None = None,
        evidence: Iterable[Find] | None = None,
        entities: str | None = None,
        images: str | None = None,
        captions: str | None = None,
        same_image: float | None = None,
        other_image: float | None = None,
        near_caption: float | None = None,
        match: Literal["equal", "within"] | None = None,
        most: int | None = None,
        index: str | None = None,
    ) -> Verified:
        """Does a caption belong to an image? Evidence by image and by caption, and a verdict by three rules.

        :param id: a sample: its caption and, without ``image_id``, its image. It is no evidence about itself.
        :param caption: or a caption of one's own, with an ``image``, an ``image_id`` or ``vectors["clip-image"]``.
        :param image: an image file, as bytes or a ``pathlib.Path``, where the daemon has a model that sees.
        :param vectors: of a caption of one's own: its image in ``images``, itself in ``captions``.
        :param evidence: what others have found: a search of the web.
        :param entities: the name of a served index of entities.
        :param images: the modality of images (default ``clip-image``); ``captions``: that of captions (``clip-text``).
        :param same_image: images of at least this cosine are one (default 0.92).
        :param other_image: images below it are clearly different (0.70).
        :param near_caption: captions of at least this cosine are evidence, besides those that match (0.95).
        :param match: captions match if they are equal, or if the asked one stands within the other.
        :param most: lines of either kind from the archive (20).
        """
        fields = {
            "id": id, "caption": caption, "image_id": image_id, "vectors": vectors, "evidence": evidence,
            "entities": entities, "images": images, "captions": captions, "same_image": same_image,
            "other_image": other_image, "near_caption": near_caption, "match": match, "most": most, "index": index,
        }  # fmt: skip
        if image is None:
            return Verified.of_document(self._post("/v1/verify", document(fields)))
        body, media_type = form(document(fields), file(image))
        return Verified.of_document(_object(self._transport.post("/v1/verify", body, media_type).body))

    def reload(self) -> int:
        """Has the daemon open its indexes again; needs the admin token. The number of the new generation."""
        return int(json.loads(self._transport.post("/v1/reload", b"", JSON).body)["generation"])

    def _search(self, settings: dict[str, Any], part: list[list[float]], first: int, into: Answers) -> None:
        try:
            document = self._post("/v1/vectors:search", {**settings, "vectors": part})
        except MispairError as error:
            # More than this daemon takes at a time.
            if len(part) > 1 and (error.field == "vectors" or error.status == 413):
                half = len(part) // 2
                self._search(settings, part[:half], first, into)
                self._search(settings, part[half:], first + half, into)
                return
            error.field = _counted_from(error.field, first)
            raise
        into.extend(Answer.of_document(answer) for answer in document["answers"])

    def _ask(self, path: str, fields: Mapping[str, Any]) -> Answer:
        return Answer.of_document(self._post(path, document(fields)))

    def _post(self, path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        return _object(self._transport.post(path, encode(fields), JSON).body)

    def _get(self, path: str, index: str | None = None) -> dict[str, Any]:
        return _object(self._transport.get(path + _of(index)).body)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ConnectionError("what came is no JSON object: is this a mispair daemon?")
    return value


def _of(index: str | None) -> str:
    return "" if index is None else f"?index={quote(index, safe='')}"


def _in_path(id: Id) -> str:
    return quote(str(id), safe="")


def _counted_from(field: str | None, first: int) -> str | None:
    """``vectors[3]`` of a part is ``vectors[first + 3]`` of the whole."""
    head, _, rest = (field or "").partition("[")
    number, closed, rest = rest.partition("]")
    if head != "vectors" or not closed or not number.isdecimal():
        return field
    return f"vectors[{first + int(number)}]{rest}"


def _known(place: str, fields: Mapping[str, Any], allowed: frozenset[str]) -> None:
    for name in fields:
        if name not in allowed:
            raise TypeError(f"{place}: unknown {name!r}; known are {', '.join(sorted(allowed))}")


def _merged(
    items: Iterable[Ask] | Iterable[Caption], settings: dict[str, Any], allowed: frozenset[str]
) -> Iterator[dict[str, Any]]:
    """Requests, one a line: what an item says, and the settings for the rest."""
    for number, item in enumerate(items):
        _known(f"[{number}]", item, allowed)
        try:
            own = document(item)
        except (TypeError, ValueError) as error:
            raise type(error)(f"[{number}]: {error}") from error
        yield {**settings, **own}
