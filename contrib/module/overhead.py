#!/usr/bin/env python3
"""What a call from Python costs beside the library's own time, and a large batch beside `mispair query`: a Markdown table.

    target/python-module/bin/python contrib/module/overhead.py [--samples 100000] [--queries 100000]

The index is of a made-up newsroom, made by MISPAIR_BIN (default: target/release/mispair) in a scratch folder. The answers of both
sides are compared, every id and every bit of every score.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import mispair

ROOT = Path(__file__).resolve().parents[2]
BIN = os.environ.get("MISPAIR_BIN", str(ROOT / "target/release/mispair"))
SPLIT = "semantics_clip_text_image"


def run(*args: object) -> None:
    subprocess.run([BIN, "--quiet", *map(str, args)], check=True, stdout=subprocess.DEVNULL)


def processor() -> str:
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def per_call(call: Callable[[int], Any], calls: int) -> tuple[float, float]:
    """Microseconds, medians: the whole call, and of it what is not the library's own time."""
    whole, beside = [], []
    for i in range(calls + 50):
        start = time.perf_counter()
        answer = call(i)
        took = (time.perf_counter() - start) * 1e6
        if i >= 50:
            whole.append(took)
            beside.append(took - answer["elapsed_us"])
    return float(np.median(whole)), float(np.median(beside))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mispair-overhead-") as scratch:
        folder = Path(scratch)
        run("newsroom", "--samples", args.samples, "--out", folder / "room")
        run("build", "--newsclippings", folder / "room", "--out", folder / "index")
        index = mispair.Index(folder / "index")
        texts = index.vectors("clip-text")
        texts = texts[~np.isnan(texts[:, 0])]  # A sample may lack one.
        chance = np.random.default_rng(1)
        at = chance.integers(0, len(texts), args.queries)
        queries = texts[at] + 0.05 * chance.standard_normal((args.queries, texts.shape[1])).astype(np.float32)
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        everyone = index.ids(np.arange(len(index)))
        asking = [id for id, row in zip(everyone, index.batch(SPLIT, ids=everyone, k=1, on_error="skip").rows) if row[0] >= 0]

        print(f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; CPython", end=" ")
        print(f"{platform.python_version()}, numpy {np.__version__}; {index!r}\n")
        print("| one call | whole µs | beside the library µs |\n|---|---|---|")
        one: dict[str, Callable[[int], Any]] = {
            "by vector, plain, k = 10": lambda i: index.query(modality="clip-image", vector=queries[i]),
            "by id, under a split's constraints, k = 10": lambda i: index.query(split=SPLIT, id=asking[i % len(asking)]),
            "… and adversarial": lambda i: index.query(split=SPLIT, id=asking[i % len(asking)], adversarial=True),
        }
        for name, call in one.items():
            whole, beside = per_call(call, args.calls)
            print(f"| {name} | {whole:.0f} | {beside:.0f} |")

        np.save(folder / "queries.npy", queries)
        ours, theirs = [], []
        for _ in range(args.rounds):
            start = time.perf_counter()
            found = index.search("clip-image", queries, k=10)
            ours.append(time.perf_counter() - start)
            start = time.perf_counter()
            with open(folder / "answers", "wb") as out:
                command = ["query", folder / "index", "--modality", "clip-image", "--vector", folder / "queries.npy", "-k", 10]
                subprocess.run([BIN, *map(str, command), "--format", "json"], check=True, stdout=out)
            theirs.append(time.perf_counter() - start)
        with open(folder / "answers") as lines:
            for i, line in enumerate(lines):
                hits = json.loads(line)["results"]
                assert index.ids(found.rows[i]) == [hit["id"] for hit in hits], i
                assert found.scores[i].tolist() == np.array([hit["score"] for hit in hits], dtype=np.float32).tolist(), i
        assert i + 1 == len(found)
        megabytes = (folder / "answers").stat().st_size / 1e6
        print(f"\n| {args.queries:,} vectors, plain, k = 10 | s, {args.rounds} rounds |\n|---|---|")
        print(f"| the module: `search`, arrays in and out | {', '.join(f'{s:.2f}' for s in ours)} |")
        print(f"| `mispair query --vector`: process, file in, {megabytes:.0f} MB of JSON out | {', '.join(f'{s:.2f}' for s in theirs)} |")
        ids = [asking[i % len(asking)] for i in range(args.queries)]
        start = time.perf_counter()
        index.batch(SPLIT, ids=ids, k=10)
        print(f"| the module: `batch` by id, under a split's constraints | {time.perf_counter() - start:.2f} |")
        print("\nEvery id and every bit of every score is the same on both sides.")


if __name__ == "__main__":
    main()
