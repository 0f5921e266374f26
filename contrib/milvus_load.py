#!/usr/bin/env python3
"""A split that `mispair export --to milvus` wrote, into a running Milvus; and a question to it.

    pip install pymilvus pyarrow
    mispair export indexes/news --to milvus --split semantics_clip_text_image --out news_milvus
    python3 contrib/milvus_load.py news_milvus --collection news                    rows, vectors, an HNSW index
    python3 contrib/milvus_load.py news_milvus --collection news --ask 42 -k 5      captions of the archive ask, under their split's rules

The fields are those of collection.json. An array holds a sample's names as `text:NAME` and `link:TITLE`. With --exact the
index is FLAT: every vector that a filter lets pass is compared.
"""
import argparse, json, sys
from pathlib import Path

import pyarrow.parquet as parquet
from pymilvus import Collection, CollectionSchema, DataType, FieldSchema, connections, utility

MESSAGE = 32 << 20  # bytes of vectors in an insert: Milvus takes 64 MiB at a time
HNSW = dict(index_type="HNSW", params=dict(M=16, efConstruction=200))
FLAT = dict(index_type="FLAT", params={})


def described(folder):
    return json.loads((Path(folder) / "collection.json").read_text())


def schema(folder):
    fields = []
    for field in described(folder)["fields"]:
        field = {k: getattr(DataType, v) if k in ("type", "element_type") else v for k, v in field.items()}
        fields.append(FieldSchema(field.pop("name"), field.pop("type"), **field))
    return CollectionSchema(fields)


def load(folder, name, index):
    """All rows, flushed, indexed and in memory; the collection."""
    if utility.has_collection(name):
        sys.exit(f"collection {name} is there already; choose another name, or drop it")
    collection = Collection(name, schema(folder))
    dim = next(field["dim"] for field in described(folder)["fields"] if "dim" in field)
    for batch in parquet.ParquetFile(Path(folder) / "samples.parquet").iter_batches(max(1, min(2000, MESSAGE // (4 * dim)))):
        collection.insert([batch.column(field.name).to_pylist() for field in collection.schema.fields])
    collection.flush()
    collection.create_index("vector", dict(index, metric_type=described(folder)["metric_type"]))
    collection.load()
    return collection


def ask(collection, folder, query, k, ef=None):
    """A row of queries.parquet asks: ids with scores, as the split orders them."""
    search = dict(metric_type="IP", params=dict(ef=max(ef or 2 * k, k)))
    found = collection.search([query["vector"]], "vector", search, limit=k, expr=query["filter"], output_fields=["id", "caption"])
    turned = -1 if described(folder)["turned"] else 1
    return [(hit.entity.get("id"), turned * hit.distance, hit.entity.get("caption")) for hit in found[0]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--collection", required=True)
    parser.add_argument("--uri", default="http://127.0.0.1:19530")
    parser.add_argument("--exact", action="store_true", help="a FLAT index")
    parser.add_argument("--ask", metavar="ID", help="instead of loading: this caption's wrong images")
    parser.add_argument("-k", type=int, default=10)
    args = parser.parse_args()
    connections.connect(uri=args.uri)
    if args.ask is None:
        collection = load(args.folder, args.collection, FLAT if args.exact else HNSW)
        print(f"{args.collection}: {collection.num_entities:,} samples", file=sys.stderr)
        return
    queries = parquet.read_table(args.folder / "queries.parquet", filters=[("id", "=", args.ask)]).to_pylist()
    if not queries:
        sys.exit(f"no caption {args.ask} may be pristine under this split")
    for rank, (id, score, caption) in enumerate(ask(Collection(args.collection), args.folder, queries[0], args.k), 1):
        print(f"{rank}\t{id}\t{score:.4f}\t{caption}")
    left = described(args.folder)["left_to_check"]
    if left:
        print(f"left to be checked: {', '.join(left)}", file=sys.stderr)


if __name__ == "__main__":
    main()
