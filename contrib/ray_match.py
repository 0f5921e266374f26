#!/usr/bin/env python3
"""Matches an index chunk by chunk on a Ray cluster, then merges the parts: the same bytes as one `mispair match`.

    python3 contrib/ray_match.py indexes/news --parts parts --out dataset -- --split all --chunk-size 40000
    python3 contrib/ray_match.py indexes/news --parts parts --out dataset --address auto -- --split all --chunk-size 40000

What stands behind `--` goes to every `mispair match`. Index and parts must lie where all machines see them under the same path, and
`mispair` must be there, too. A chunk whose worker dies is given to another one; run again after a failure, it
does only what is missing, since a part that is whole is left as it is. Without --address two workers run on this machine.
"""
import argparse
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
import ray


@ray.remote(num_cpus=1, max_retries=5, retry_exceptions=True)
def match_chunk(binary, index, settings, chunk, part):
    command = [binary, "match", index, *settings, "--quiet", "--threads", "1", "--chunk", str(chunk), "--out", part]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or f"mispair ended with {done.returncode}")
    return part


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("--parts", type=Path, required=True, help="a folder for the parts")
    parser.add_argument("--out", type=Path, required=True, help="the dataset")
    parser.add_argument("--address", help="of a running cluster; without it two workers on this machine's loopback")
    parser.add_argument("--binary", default="mispair")
    parser.add_argument("settings", nargs="+", help="after --: as for `mispair match`")
    args = parser.parse_args()
    index, parts = str(args.index.resolve()), args.parts.resolve()
    command = [args.binary, "match", index, *args.settings, "--list-chunks"]
    chunks = len(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines())
    parts.mkdir(parents=True, exist_ok=True)
    if args.address:
        ray.init(address=args.address)
    else:
        ray.init(num_cpus=2, include_dashboard=False, object_store_memory=100 << 20, _node_ip_address="127.0.0.1")
    paths = [str(parts / f"{chunk}.part") for chunk in range(chunks)]
    waiting = [match_chunk.remote(args.binary, index, args.settings, chunk, path) for chunk, path in enumerate(paths)]
    while waiting:
        done, waiting = ray.wait(waiting)
        print(f"{ray.get(done[0])}, {len(waiting)} left", file=sys.stderr, flush=True)
    ray.shutdown()
    subprocess.run([args.binary, "merge", *paths, "--index", index, "--out", str(args.out)], check=True)


if __name__ == "__main__":
    main()
