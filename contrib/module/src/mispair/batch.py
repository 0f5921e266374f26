"""Answers to many queries, as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from .answers import Id

if TYPE_CHECKING:
    from .index import Index


@dataclass(frozen=True, eq=False)
class Batch:
    """Line i answers query i, the best first; −1 and NaN where fewer than k exist. Unpacks as ``rows, scores``."""

    index: Index
    #: Catalog rows.
    rows: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    #: Of a split: CTI of the caption and each image.
    clip: npt.NDArray[np.float32] | None
    #: Of a split: CTI(f) − CTI(p); NaN without an image of the caption's own.
    clip_margin: npt.NDArray[np.float32] | None
    #: Why a query has fewer than k results, by its number.
    short: dict[int, str]
    #: Why a query could not be answered (``on_error="skip"``), by its number.
    errors: dict[int, str]

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        return iter((self.rows, self.scores))

    def __len__(self) -> int:
        return len(self.rows)

    def ids(self) -> list[list[Id]]:
        """The ids found, a list a query."""
        # No id is `None`: none of these rows is −1.
        found = iter(cast(list[Id], self.index.ids(self.rows[self.rows >= 0])))
        return [list(islice(found, int(n))) for n in (self.rows >= 0).sum(axis=1)]

    def to_pandas(self) -> Any:
        """A frame with a row a result: query, rank, id, score, (clip, clip_margin,) image_path, caption."""
        import pandas

        query, place = np.nonzero(self.rows >= 0)
        rows = self.rows[query, place]
        columns: dict[str, Any] = {"query": query, "rank": place + 1, "id": self.index.ids(rows)}
        columns["score"] = self.scores[query, place]
        if self.clip is not None and self.clip_margin is not None:
            columns["clip"], columns["clip_margin"] = self.clip[query, place], self.clip_margin[query, place]
        columns["image_path"], columns["caption"] = self.index.image_paths(rows), self.index.captions(rows)
        return pandas.DataFrame(columns)
