"""A made-up newsroom, an index of it, and a daemon that serves it: those of the binary that MISPAIR_BIN names."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mispair_client import Client

#: Photographs, and a tiny CLIP with random weights.
MODELS = Path(__file__).resolve().parents[3] / "tests/fixtures/models"
READ_TOKEN = "only-for-asking"
ADMIN_TOKEN = "for-reloading-too"
#: One pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc0000003010100"
    "18dd8db00000000049454e44ae426082"
)


def binary() -> str:
    path = os.environ.get("MISPAIR_BIN")
    if not path:
        pytest.exit("MISPAIR_BIN must name the mispair binary", returncode=2)
    return path


def run(*args: str) -> str:
    """What the command line prints."""
    done = subprocess.run([binary(), *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(frozen=True)
class Desk:
    """The index on disk, and what the command line says of it."""

    index: Path
    images: Path

    def lines(self, *args: str) -> list[dict[str, Any]]:
        """``mispair query`` of the index on disk."""
        out = run("query", str(self.index), *args, "--format", "json")
        return [json.loads(line) for line in out.splitlines()]


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("desk")
    run("newsroom", "--out", str(folder / "room"), "--samples", "600", "--quiet")
    run("build", "--newsclippings", str(folder / "room"), "--out", str(folder / "index"), "--quiet")
    images = folder / "images"
    images.mkdir()
    return Desk(folder / "index", images)


@dataclass(frozen=True)
class Daemon:
    """A running daemon."""

    url: str
    socket: str


def served(desk: Desk, folder: Path, *flags: str, **environment: str) -> Iterator[Daemon]:
    """Starts a daemon, waits until it is ready, and stops it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    path = folder / "socket"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MISPAIR_")}
    command = [binary(), "serve", str(desk.index), "--images", str(desk.images), "--listen", address]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--socket", str(path), "--log-level", "warn", *flags], stderr=log, env={**inherited, **environment}
        )
    try:
        with Client(f"http://{address}") as client:
            while not client.ready():
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.02)
        yield Daemon(f"http://{address}", f"unix:{path}")
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0, (folder / "log").read_text()


@pytest.fixture(scope="session")
def daemon(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    yield from served(desk, tmp_path_factory.mktemp("open"))


@pytest.fixture(scope="session")
def guarded(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with tokens."""
    tokens = {"MISPAIR_READ_TOKEN": READ_TOKEN, "MISPAIR_ADMIN_TOKEN": ADMIN_TOKEN}
    yield from served(desk, tmp_path_factory.mktemp("guarded"), **tokens)


@pytest.fixture(scope="session")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with a model that sees, over photographs that are called by their files' names."""
    folder = tmp_path_factory.mktemp("seeing")
    model, photos = MODELS / "clip", ["photo.jpg", "grey.jpg", "palette.png"]
    lines = [json.dumps({"id": name, "caption": f"the caption of {name}", "image_path": name}) for name in photos]
    (folder / "catalog.jsonl").write_text("\n".join(lines) + "\n")
    embed = ["embed", str(folder / "catalog.jsonl"), "--model", str(model), "--quiet"]
    run(*embed, "--out", str(folder / "text"))
    run(*embed, "--images", str(MODELS), "--out", str(folder / "image"))
    (folder / "corpus.toml").write_text(
        '[corpus]\nname = "photos"\n[catalog]\nformat = "jsonl"\npath = "catalog.jsonl"\n'
        + "".join(f'[modalities.clip-{x}]\npath = "{x}/vectors.npy"\nids = "{x}/ids.npy"\n' for x in ("text", "image"))
    )
    run("build", str(folder / "corpus.toml"), "--out", str(folder / "index"), "--quiet")
    yield from served(Desk(folder / "index", MODELS), folder, "--model", str(model))


@pytest.fixture(scope="session", params=["tcp", "unix"])
def client(request: pytest.FixtureRequest, daemon: Daemon) -> Iterator[Client]:
    """Everything is asked both ways."""
    with Client(daemon.url if request.param == "tcp" else daemon.socket) as client:
        yield client


@pytest.fixture(scope="session")
def ids(desk: Desk) -> list[int]:
    """Samples that the splits answer."""
    folder = desk.index.parent / "pairs"
    run("match", str(desk.index), "--split", "semantics_clip_text_text", "--out", str(folder), "--no-balance", "--quiet")
    found: list[int] = []
    for file in sorted((folder / "semantics_clip_text_text").glob("*.json")):
        annotations = json.loads(file.read_text())["annotations"]
        found.extend(a["id"] for a in annotations if not a["falsified"])
    assert len(found) > 100
    return found[:150]
