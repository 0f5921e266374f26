"""What is sent. Vectors may be lists or numpy arrays; ids keep their type: ``5`` and ``"5"`` differ."""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Literal, Protocol, TypeAlias, TypedDict, cast

#: The id of a sample.
Id: TypeAlias = "int | str"
#: Which engine answers: the cheapest, a scan, a walk through the graph.
Engine: TypeAlias = Literal["auto", "exact", "graph"]
#: An image file: what is in it, or where it is.
Photo: TypeAlias = "bytes | os.PathLike[str]"
#: What the rules need to know of a caption from outside: ``timestamp``, ``entities``, ``person_boxes`` …
Facts: TypeAlias = Mapping[str, Any]


class Array(Protocol):
    """What numpy arrays, and those of other libraries, can do."""

    def tolist(self) -> Any:
        """Nested lists of numbers."""


#: One vector: as many numbers as the modality has dimensions.
Vector: TypeAlias = "Sequence[float] | Array"
#: Several: the rows.
Vectors: TypeAlias = "Sequence[Vector] | Array"


class Ask(TypedDict, total=False):
    """One question of a batch; as the arguments of ``Client.query``."""

    index: str | None
    split: str | None
    modality: str | None
    id: Id | None
    vector: Vector | None
    vectors: Mapping[str, Vector] | None
    text: str | None
    facts: Facts | None
    from_modality: str | None
    k: int | None
    ef: int | None
    engine: Engine | None
    adversarial: bool | None
    lowest: bool | None
    unique: Literal["image"] | None
    partition: str | None
    explain: int | None
    waive: Iterable[str] | None


class Caption(TypedDict, total=False):
    """A caption of one's own, for ``Client.match``."""

    #: Yours; repeated in the answer's ``query``.
    key: Id | None
    #: By modality: what the split asks with; with both sides of CTI the choice is adversarial.
    vectors: Mapping[str, Vector] | None
    text: str | None
    facts: Facts | None


class Find(TypedDict, total=False):
    """What others have found about the caption or the image that ``verify`` is asked about; ``by`` and ``caption`` are needed."""

    #: ``"image"``: the image stood with this caption elsewhere; ``"caption"``: the caption stood with an image elsewhere.
    by: Literal["image", "caption"]
    #: The caption that was found.
    caption: str
    #: The cosine of the image that was found and the one that is asked about …
    clip_sim: float | None
    #: … or the vector of the image that was found.
    vector: Vector | None
    #: Where it was found.
    source: str | None
    domain: str | None
    date: str | None
    #: ``[["Oslo", "GPE"], …]``: what the caption mentions, with spaCy's labels.
    entities: Sequence[Any] | None


def document(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a request as JSON has them; ``None`` is as good as absence."""
    out: dict[str, Any] = {}
    for name, value in fields.items():
        if value is None:
            continue
        if name in ("id", "image_id", "key"):
            out[name] = identity(name, value)
        elif name == "vector":
            out[name] = vector(name, value)
        elif name == "vectors" and isinstance(value, Mapping):
            out[name] = {modality: vector(f"vectors.{modality}", v) for modality, v in value.items()}
        elif name == "vectors":
            out[name] = rows(name, value)
        elif name == "evidence":
            out[name] = [document(find) for find in value]
        elif name == "waive":
            out[name] = [value] if isinstance(value, str) else list(value)
        elif name == "from_modality":
            out["from"] = value
        else:
            out[name] = value
    return out


def encode(fields: Mapping[str, Any]) -> bytes:
    """A document, on one line."""
    return json.dumps(fields, allow_nan=False, separators=(",", ":"), default=_plain).encode()


def file(photo: Photo) -> bytes:
    """What is in an image file. A text is no path: an id is meant, more often than not."""
    if isinstance(photo, (bytes, bytearray, memoryview)):
        return bytes(photo)
    if not isinstance(photo, os.PathLike):
        raise TypeError(f"an image is given as bytes or as a pathlib.Path, not as {type(photo).__name__}")
    with open(photo, "rb") as opened:
        return opened.read()


def form(ask: Mapping[str, Any], image: bytes) -> tuple[bytes, str]:
    """A document and an image file as multipart/form-data: the body, and its media type."""
    boundary = secrets.token_hex(16)
    part = f'--{boundary}\r\nContent-Disposition: form-data; name='
    head = f'{part}"ask"\r\n\r\n'.encode() + encode(ask) + f'\r\n{part}"image"; filename="image"\r\n\r\n'.encode()
    return head + image + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def identity(name: str, value: object) -> Id:
    """An id: an integer, numpy's too, or a text."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    raise TypeError(f"{name}: an id is an int or a str, not {type(value).__name__}")


def vector(name: str, value: Vector) -> list[float]:
    """One vector."""
    numbers = _lists(value)
    if not isinstance(numbers, list) or not all(isinstance(x, Real) for x in numbers):
        raise ValueError(f"{name}: one vector is expected, a list or a 1-d array of numbers")
    for at, x in enumerate(numbers):
        if not math.isfinite(x):
            raise ValueError(f"{name}: element {at} is {x}")
    return cast("list[float]", numbers)


def rows(name: str, value: Vectors) -> list[list[float]]:
    """Several vectors."""
    lists = _lists(value)
    if not isinstance(lists, list) or any(isinstance(row, Real) for row in lists):
        raise ValueError(f"{name}: several vectors are expected, a list of vectors or a 2-d array")
    return [vector(f"{name}[{at}]", row) for at, row in enumerate(lists)]


def _lists(value: Any) -> Any:
    to_list = getattr(value, "tolist", None)
    if to_list is not None:
        return to_list()
    return [_plain(x) if hasattr(x, "item") and not hasattr(x, "__len__") else x for x in value]


def _plain(value: Any) -> Any:
    """numpy's numbers among facts and settings."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{value!r} has no JSON form")
