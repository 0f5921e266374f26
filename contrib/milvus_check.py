#!/usr/bin/env python3
"""A real Milvus, loaded by `mispair export --to milvus` and milvus_load.py, must answer under its filters as `mispair query` does.

    contrib/milvus_check.sh            makes an environment, and a network of its own in which nothing but loopback exists

For each split, captions ask both for their ten nearest; what compares two vectors (rule place) is waived, as no filter can say it.
Milvus has a FLAT index and is asked for the same inner product: the scores must be equal to 1e-5 of the greatest, and the ids wherever no
other score is as near.
"""
import json, os, subprocess, sys, tempfile
from pathlib import Path

import pyarrow.parquet as parquet
from milvus import MilvusServer
from pymilvus import connections, utility

import milvus_load

MISPAIR = os.environ["MISPAIR_BIN"]
SPLITS = [("semantics_clip_text_image", []), ("semantics_clip_text_text", []), ("person_sbert_text_text", ["place"]), ("scene_resnet_place", ["place"])]
K, CAPTIONS, NEAR = 10, int(os.environ.get("CAPTIONS", 60)), 1e-5


def mispair(*words):
    return subprocess.run([MISPAIR, *map(str, words)], check=True, capture_output=True, text=True).stdout


def listeners():
    """Addresses that are listened at in this network (hexadecimal, as the system writes them)."""
    for name in ("tcp", "tcp6"):
        for line in Path("/proc/net", name).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A":
                yield words[1]


def alike(ours, theirs):
    """The same scores, and the same ids but where another score is as near."""
    near = NEAR * max([1, *(abs(score) for _, score in ours)])
    if len(ours) != len(theirs) or any(abs(a[1] - b[1]) > near for a, b in zip(ours, theirs)):
        return False
    alone = [all(abs(score - other) > 2 * near for j, (_, other) in enumerate(ours) if j != i) for i, (_, score) in enumerate(ours)]
    # What stands last may be as near as the next, which nobody was asked for.
    checked = slice(None) if len(ours) < K else slice(-1)
    return all(a[0] == b[0] for a, b, alone in zip(ours[checked], theirs[checked], alone) if alone)


def main():
    interfaces = [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]
    if interfaces != ["lo"]:
        sys.exit(f"this network has {interfaces}; it is to have loopback alone: run milvus_check.sh")
    with tempfile.TemporaryDirectory() as dir:
        dir = Path(dir)
        mispair("newsroom", "--quiet", "--samples", 6000, "--seed", 7, "--out", dir / "room")
        mispair("build", "--quiet", "--newsclippings", dir / "room", "--out", dir / "index")
        server = MilvusServer()
        server.set_base_dir(str(dir / "milvus"))
        server.start()
        try:
            connections.connect(host="127.0.0.1", port=server.listen_port)
            print(f"Milvus {utility.get_server_version()}; loopback is the only network; {len(list(listeners()))} sockets listen on it")
            for split, waived in SPLITS:
                waive = [word for rule in waived for word in ("--waive", rule)]
                folder = dir / split
                mispair("export", dir / "index", "--quiet", "--to", "milvus", "--split", split, *waive, "--out", folder)
                collection = milvus_load.load(folder, split, milvus_load.FLAT)
                queries = parquet.read_table(folder / "queries.parquet").to_pylist()
                step = max(1, len(queries) // CAPTIONS)
                asked = short = empty = 0
                for query in queries[::step][:CAPTIONS]:
                    answer = json.loads(mispair("query", dir / "index", "--split", split, *waive, "--id", query["id"], "-k", K, "--exact", "--format", "json"))
                    ours = [(str(r["id"]), r["score"]) for r in answer["results"]]
                    theirs = [(id, score) for id, score, _ in milvus_load.ask(collection, folder, query, K)]
                    if not alike(ours, theirs):
                        sys.exit(f"{split}, caption {query['id']} under {query['filter']}:\n  mispair {ours}\n  Milvus  {theirs}")
                    asked, short, empty = asked + 1, short + (0 < len(ours) < K), empty + (not ours)
                print(f"{split}: {collection.num_entities:,} samples, {asked} captions: the same answers ({short} of fewer than {K}, {empty} of none)", flush=True)
                collection.drop()
        finally:
            connections.disconnect("default")
            server.stop()


if __name__ == "__main__":
    main()
