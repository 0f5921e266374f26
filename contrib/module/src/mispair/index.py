"""An open index."""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from . import _native, arrays
from .answers import Answer, Chunk, Id
from .batch import Batch
from .errors import QuestionError
from .pairs import Part

Engine = Literal["auto", "exact", "graph"]


class Index:
    """An index folder, mapped: opening it reads next to nothing. ``threads``: how many search; else one a core."""

    def __init__(self, path: str | os.PathLike[str], *, threads: int | None = None) -> None:
        if threads is not None and not 1 <= threads <= 1024:
            raise QuestionError(f"threads = {threads}; 1 to 1024 can be had")
        self._native = _native.Index(Path(path), threads)
        self._threads = threads
        self._described: dict[str, Any] | None = None

    def __len__(self) -> int:
        return len(self._native)

    def __repr__(self) -> str:
        widths = ", ".join(f"{name} {width}" for name, width in self.modalities.items())
        return f"<mispair.Index {str(self.path)!r}: {len(self)} samples; {widths}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process maps the same files.
        return _open, (str(self.path.absolute()), self._threads)

    @property
    def path(self) -> Path:
        return self._native.path

    def describe(self) -> dict[str, Any]:
        """What ``mispair info --format json`` prints."""
        if self._described is None:
            self._described = json.loads(self._native.describe())
        return self._described

    @property
    def modalities(self) -> dict[str, int]:
        """Their widths by their names."""
        return {modality["name"]: modality["dim"] for modality in self.describe()["modalities"]}

    def query(
        self,
        *,
        split: str | os.PathLike[str] | None = None,
        modality: str | None = None,
        id: Id | None = None,
        vector: npt.ArrayLike | None = None,
        vectors: Mapping[str, npt.ArrayLike] | None = None,
        facts: Mapping[str, Any] | None = None,
        k: int = 10,
        adversarial: bool = False,
        unique: bool = False,
        lowest: bool = False,
        partition: str | None = None,
        waive: str | Sequence[str] = (),
        explain: int = 0,
        engine: Engine = "auto",
        ef: int | None = None,
        source: str | None = None,
    ) -> Answer:
        """The document that ``mispair query --format json`` prints, for one sample or one vector.

        A split (its name, or a file of one's own) ranks under its constraints; a modality is plain k-NN. A caption from outside
        brings ``vector``, that of the modality that the split asks with, or ``vectors`` by modality, and its ``facts``: caption,
        timestamp, entities, … (``--meta``). ``unique``: each image once. ``source``: the modality that an id's vector is taken
        from (``--from``).
        """
        given = _given(vector, vectors)
        if any(len(array) != 1 for _, array in given):
            raise QuestionError("vector: query takes one vector; search and batch take many")
        settings = self._settings(split, modality, k, adversarial, unique, lowest, partition, waive, engine, ef, source)
        ids = None if id is None else [id]
        asked = arrays.settings(**settings, ids=ids, facts=None if facts is None else [facts], explain=explain or None)
        answer = self._native.query(asked, [(name, arrays.block(array, 0)) for name, array in given])
        return cast(Answer, json.loads(answer))

    def explain(self, *, split: str | os.PathLike[str], n: int = 10, **asked: Any) -> Answer:
        """:meth:`query`, with the ``n`` best rejected candidates, each with every rule it fails, and the funnel."""
        return self.query(split=split, explain=n, **asked)

    def search(
        self,
        modality: str,
        vectors: npt.ArrayLike | None = None,
        k: int = 10,
        *,
        ids: Sequence[Id] | npt.NDArray[Any] | None = None,
        source: str | None = None,
        unique: bool = False,
        lowest: bool = False,
        partition: str | None = None,
        engine: Engine = "auto",
        ef: int | None = None,
        on_error: Literal["raise", "skip"] = "raise",
    ) -> Batch:
        """Plain k-NN for many vectors, one a row, or for many samples."""
        settings = self._settings(None, modality, k, False, unique, lowest, partition, (), engine, ef, source)
        return self._batch(settings, _given(vectors, None), ids, None, on_error)

    def batch(
        self,
        split: str | os.PathLike[str],
        *,
        ids: Sequence[Id] | npt.NDArray[Any] | None = None,
        vectors: npt.ArrayLike | Mapping[str, npt.ArrayLike] | None = None,
        facts: Sequence[Mapping[str, Any]] | None = None,
        k: int = 10,
        adversarial: bool = False,
        unique: bool = False,
        partition: str | None = None,
        waive: str | Sequence[str] = (),
        engine: Engine = "auto",
        ef: int | None = None,
        on_error: Literal["raise", "skip"] = "raise",
    ) -> Batch:
        """Many captions under a split's constraints: samples, or vectors (one a row, by modality where there are several) with
        the facts of each."""
        settings = self._settings(split, None, k, adversarial, unique, False, partition, waive, engine, ef, None)
        by_name = vectors if isinstance(vectors, Mapping) else None
        given = _given(None if isinstance(vectors, Mapping) else vectors, by_name)
        return self._batch(settings, given, ids, None if facts is None else list(facts), on_error)

    def ids(self, rows: npt.ArrayLike) -> list[Id | None]:
        """Ids of catalog rows; ``None`` for −1."""
        return self._native.ids(arrays.rows(rows))

    def captions(self, rows: npt.ArrayLike) -> list[str | None]:
        """Captions of catalog rows; ``None`` for −1."""
        return self._native.captions(arrays.rows(rows))

    def image_paths(self, rows: npt.ArrayLike) -> list[str | None]:
        """Image paths of catalog rows, as stored; ``None`` for −1."""
        return self._native.image_paths(arrays.rows(rows))

    def row(self, id: Id) -> int:
        """The catalog row of a sample."""
        return self._native.row(arrays.as_json(id))

    def vectors(self, modality: str, rows: npt.ArrayLike | None = None) -> npt.NDArray[np.float32]:
        """Vectors of catalog rows (of all) as they are stored, one a row; NaN where a sample has none."""
        at = np.arange(len(self)) if rows is None else arrays.rows(rows).reshape(-1)
        out = np.empty((len(at), self.modalities.get(modality, 0)), dtype=np.float32)
        self._native.vectors(modality, at, out)
        return out

    def chunks(
        self,
        split: str | Sequence[str],
        *,
        chunk_size: int | None = None,
        seed: int = 1,
        balance: bool = True,
        waive: str | Sequence[str] = (),
        engine: Engine = "auto",
    ) -> list[Chunk]:
        """The chunks of a matching: what ``mispair match --list-chunks`` lists. ``"all"`` stands for all built-in splits."""
        settings = _matching(split, chunk_size, seed, balance, waive, engine)
        return cast(list[Chunk], json.loads(self._native.chunks(settings)))

    def match_chunk(
        self,
        split: str | Sequence[str],
        number: int = 0,
        *,
        chunk_size: int | None = None,
        seed: int = 1,
        balance: bool = True,
        waive: str | Sequence[str] = (),
        engine: Engine = "auto",
        out: str | os.PathLike[str] | None = None,
        force: bool = False,
    ) -> Part:
        """Matches one chunk of :meth:`chunks`, as ``mispair match --chunk`` does. ``out``: the part is written there, byte for
        byte the same; one that is there already, and whole, is read instead. Ctrl-C is heard when the chunk is done."""
        settings = _matching(split, chunk_size, seed, balance, waive, engine)
        if not 0 <= operator.index(number) < 2**32:
            raise QuestionError(f"chunk {number}: chunks are numbered from 0, see chunks()")
        return Part(self._native.match_chunk(settings, number, None if out is None else Path(out), force))

    @staticmethod
    def _settings(
        split: str | os.PathLike[str] | None,
        modality: str | None,
        k: int,
        adversarial: bool,
        unique: bool,
        lowest: bool,
        partition: str | None,
        waive: str | Sequence[str],
        engine: Engine,
        ef: int | None,
        source: str | None,
    ) -> dict[str, Any]:
        # What stands for itself is left out: there is less to read on the other side.
        return {
            "split": None if split is None else os.fspath(split),
            "modality": modality,
            "k": operator.index(k),
            "adversarial": adversarial or None,
            "unique": unique or None,
            "lowest": lowest or None,
            "partition": partition,
            "waive": arrays.names(waive) or None,
            "engine": engine,
            "ef": ef,
            "source": source,
        }

    def _batch(
        self,
        settings: dict[str, Any],
        given: list[tuple[str, npt.NDArray[Any]]],
        ids: Sequence[Id] | npt.NDArray[Any] | None,
        facts: list[Mapping[str, Any]] | None,
        on_error: str,
    ) -> Batch:
        if on_error not in ("raise", "skip"):
            raise QuestionError(f"on_error: {on_error!r}; raise or skip is expected")
        asking: list[Any] | None = None if ids is None else list(ids)
        counts = {len(list_) for list_ in (asking, facts) if list_ is not None} | {len(array) for _, array in given}
        if len(counts) > 1:
            raise QuestionError(f"as many ids, facts and vectors as queries are expected, not {sorted(counts)}")
        n, k = max(counts, default=0), settings["k"]
        if k < 1:
            raise QuestionError(f"k = {k} asks for nothing; ask for at least 1")
        rows = np.full((n, k), -1, dtype=np.int64)
        scores, clip, margin = (np.full((n, k), np.nan, dtype=np.float32) for _ in range(3))
        short: dict[int, str] = {}
        errors: dict[int, str] = {}
        for first in range(0, max(n, 1), arrays.TOGETHER):
            here = slice(first, first + arrays.TOGETHER)
            own = {"ids": None if asking is None else asking[here], "facts": None if facts is None else facts[here]}
            said = self._native.batch(
                arrays.settings(**settings, **own),
                [(name, arrays.block(array, first)) for name, array in given],
                first,
                on_error == "skip",
                rows[here],
                scores[here],
                clip[here],
                margin[here],
            )
            for query, why, is_error in said:
                (errors if is_error else short)[query] = why
        if settings["split"] is None:
            return Batch(self, rows, scores, None, None, short, errors)
        return Batch(self, rows, scores, clip, margin, short, errors)


def _open(path: str, threads: int | None) -> Index:
    return Index(path, threads=threads)


def _given(vector: npt.ArrayLike | None, vectors: Mapping[str, npt.ArrayLike] | None) -> list[tuple[str, npt.NDArray[Any]]]:
    """By the name of the modality; without one: of the modality that asks."""
    if vectors is not None and not isinstance(vectors, Mapping):
        raise QuestionError("vectors: a dict of arrays by the names of modalities is expected; one array is a vector")
    given = [] if vector is None else [("", arrays.vectors(vector, "vectors"))]
    for name, array in (vectors or {}).items():
        given.append((name, arrays.vectors(array, f"vectors of {name!r}")))
    return given


def _matching(
    split: str | Sequence[str],
    chunk_size: int | None,
    seed: int,
    balance: bool,
    waive: str | Sequence[str],
    engine: Engine,
) -> str:
    given = {"splits": arrays.names(split), "seed": seed, "balance": balance, "waive": arrays.names(waive), "engine": engine}
    return arrays.settings(**given, chunk_size=chunk_size)
