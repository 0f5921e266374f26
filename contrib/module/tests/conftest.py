"""A made-up newsroom, its index and its dataset: those of the binary that MISPAIR_BIN names."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import mispair

SPLITS = ["semantics_clip_text_image", "semantics_clip_text_text", "person_sbert_text_text", "scene_resnet_place"]


def run(*args: object) -> str:
    """What the command line prints. One thread, so that plans count the same work."""
    binary = os.environ.get("MISPAIR_BIN")
    if not binary:
        pytest.exit("MISPAIR_BIN must name the mispair binary", returncode=2)
    done = subprocess.run([binary, "--threads", "1", "--quiet", *map(str, args)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(frozen=True)
class Desk:
    """What lies on the disk, and the same index open here."""

    folder: Path
    index: mispair.Index

    @property
    def path(self) -> Path:
        return self.folder / "index"

    def lines(self, *args: object) -> list[Any]:
        """``mispair query`` of the index on the disk."""
        return [json.loads(line) for line in run("query", self.path, *args, "--format", "json").splitlines()]

    def asking(self, split: str, n: int) -> list[mispair.Id]:
        """Samples that a split finds something for, from all over the catalog."""
        everyone = [id for id in self.index.ids(range(len(self.index))) if id is not None]
        answers = self.index.batch(split, ids=everyone, k=1, on_error="skip")
        found = [everyone[i] for i in range(len(everyone)) if answers.rows[i, 0] >= 0]
        assert len(found) >= n, (split, len(found))
        return found[:: len(found) // n][:n]


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("desk") / "demo"
    run("demo", "--samples", 2000, "--out", folder)
    return Desk(folder, mispair.Index(folder / "index", threads=1))
