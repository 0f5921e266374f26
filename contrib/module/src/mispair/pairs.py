"""Pairs as tables: of one chunk matched here, or of a dataset that ``mispair match`` wrote."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

from . import _native
from .answers import Counted
from .errors import MispairError

#: The set whose pairs stand in the splits' own tables, too.
MERGED = "merged_balanced"


class Part:
    """One chunk, matched."""

    def __init__(self, native: _native.Part) -> None:
        self._native = native
        described = json.loads(native.describe())
        #: Its number, and of how many.
        self.chunk: int = described["chunk"]
        self.of: int = described["of"]
        self.partition: str = described["partition"]
        #: What was counted, a split each.
        self.splits: list[Counted] = described["splits"]

    def __repr__(self) -> str:
        names = ", ".join(counted["split"] for counted in self.splits)
        return f"<mispair.Part {self.chunk} of {self.of}, {self.partition}: {names}>"

    def to_arrow(self) -> Any:
        """The pairs, before any is dropped for balance, with the columns of ``pairs.parquet``; a swap gives two."""
        import pyarrow.parquet

        return pyarrow.parquet.read_table(io.BytesIO(self._native.table()))

    def to_pandas(self) -> Any:
        """The same as a frame."""
        return self.to_arrow().to_pandas()

    def write(self, out: str | os.PathLike[str], *, force: bool = False) -> None:
        """Writes the part as ``mispair match --chunk`` does, byte for byte, whole or not at all, for ``mispair merge``."""
        self._native.write(Path(out), force)


def read_pairs(dataset: str | os.PathLike[str], split: str | None = None, partition: str | None = None) -> Any:
    """The pairs of a folder that ``mispair match`` wrote, as an Arrow table (``.to_pandas()``: a frame). Without a ``split``: of
    all splits; those of the merged set, ``split="merged_balanced"``, are among them."""
    import pyarrow
    import pyarrow.compute
    import pyarrow.parquet

    folder = Path(dataset)
    files = sorted(folder.glob("*/pairs.parquet"))
    have = [file.parent.name for file in files]
    wanted = [file for file, name in zip(files, have) if (name == split if split else name != MERGED)]
    if not have:
        raise MispairError(f"{folder}: no pairs.parquet in its folders; name a folder that `mispair match` wrote")
    if not wanted:
        raise MispairError(f"{folder}: no split {split!r}; it has {', '.join(have)}")
    try:
        table = pyarrow.concat_tables([pyarrow.parquet.read_table(file) for file in wanted])
    except (OSError, pyarrow.ArrowException) as error:
        raise MispairError(f"{folder}: {error}; match again") from error
    if partition is not None:
        table = table.filter(pyarrow.compute.field("partition") == partition)
    return table
