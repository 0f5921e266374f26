#!/usr/bin/env python3
"""How building, asking and matching grow with the corpus: mispair alone, through its command line, on made-up vectors.

    python3 benches/graph_growth.py [--rows 10000,30000,100000,300000,1000000] [--dim 64] [--exact-up-to 100000] [--out growth.svg]

Pictures lie around as many centres as there are rows / 50, captions around the same centres, with an offset of their own (a modality
gap) and more noise; every sample has a day of four years and two entities, some shared. `build` takes catalog, vectors and graphs; `bench`
asks with captions held out of the build, at the smallest ef that finds 95% of the true ten nearest (one thread); `match` chooses
a wrong image for every caption by `semantics_clip_text_image` (all threads), as planned, and up to --exact-up-to samples by full
scan, too. The plot is logarithmic both ways: a line that rises by a square a square grows with the rows.
"""
import argparse, json, os, subprocess, sys, tempfile, time
from pathlib import Path

import venvs

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    venvs.enter("numpy")

import numpy as np

EFS = "16,24,32,48,64,96,128,192,256,384,512"
DAY = 86_400
# What is drawn: a label, the key of a point, a colour.
LINES = [
    ("build, s", "build_s", "#4269d0"),
    ("match as planned, s", "match_s", "#3ca951"),
    ("match by full scan, s", "exact_s", "#9498a0"),
    ("one query, ms", "query_ms", "#ff725c"),
    ("index on disk, GB", "gb", "#a463f2"),
]


def corpus(folder, rows, dim):
    rng = np.random.default_rng(rows)
    unit = lambda x: (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("<f4")
    centres = rng.standard_normal((max(rows // 50, 1), dim), "f4")
    gap = 1.5 * rng.standard_normal(dim, "f4")
    of = rng.integers(len(centres), size=rows)
    around = lambda noise: centres[of] + noise * rng.standard_normal((rows, dim), "f4")
    np.save(folder / "image.npy", unit(around(0.8)))
    np.save(folder / "text.npy", unit(around(1.0) + gap))
    days = rng.integers(4 * 365, size=rows) * DAY + 1_400_000_000
    # One entity that about twenty share, most of them of the same centre, and one of its own.
    with open(folder / "catalog.jsonl", "w") as out:
        for i, (day, centre) in enumerate(zip(days.tolist(), of.tolist())):
            entities = [{"text": f"Place {centre * 3 + i % 3}", "label": "GPE"}, {"text": f"Name {i}", "label": "ORG"}]
            out.write(json.dumps({"id": i, "caption": f"caption {i} of a made up scene", "image_path": f"{i}.jpg", "timestamp": day, "entities": entities}) + "\n")
    (folder / "corpus.toml").write_text(
        '[corpus]\nname = "growth"\n[catalog]\nformat = "jsonl"\npath = "catalog.jsonl"\n'
        '[modalities.clip-image]\npath = "image.npy"\n[modalities.clip-text]\npath = "text.npy"\n'
    )


def run(*words):
    """Seconds, and the peak of resident memory (maps included) in MB, of one command."""
    start = time.perf_counter()
    child = subprocess.Popen([ROOT / "target/release/mispair", *map(str, words), "--quiet"], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"mispair {' '.join(map(str, words))}: exit {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def measured(folder, rows, exact):
    index, split = folder / "index", ["--split", "semantics_clip_text_image", "--no-balance"]
    build_s, build_mb = run("build", folder / "corpus.toml", "--out", index)
    run("bench", index, "--modality", "clip-image", "--from", "clip-text", "--ef", EFS, "--out", folder / "bench")
    found = [row for row in json.loads((folder / "bench/bench.json").read_text())["rows"] if row["engine"] == "graph" and row["threads"] == 1]
    enough = next((row for row in found if row["recall"] >= 0.95), found[-1])
    match_s, match_mb = run("match", index, *split, "--out", folder / "matched")
    summary = json.loads((folder / "matched/summary.json").read_text())["splits"][0]["partitions"]["all"]
    exact_s = run("match", index, *split, "--exact", "--out", folder / "exact")[0] if exact else None
    gb = sum(f.stat().st_size for f in index.iterdir()) / 1e9
    return dict(rows=rows, build_s=build_s, build_mb=build_mb, gb=gb, query_ms=1e3 / enough["qps"], match_s=match_s, match_mb=match_mb, exact_s=exact_s,
                ef=enough["ef"], recall=enough["recall"], qps=enough["qps"], p99_us=enough["p99_us"], visited=enough["visited"], selection="graph" if summary["selection"]["all_with_all"] == 0 else "exact", agreement=summary.get("agreement"))


def plot(points, path):
    xs = np.log10([p["rows"] for p in points])
    values = np.log10([p[key] for p in points for _, key, _ in LINES if p[key]])
    x0, x1, y0, y1 = np.floor(min(xs)), np.ceil(max(xs)), np.floor(min(values)), np.ceil(max(values))
    at = lambda x, y: (70 + 480 * (x - x0) / max(x1 - x0, 1), 330 - 300 * (y - y0) / max(y1 - y0, 1))
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="760" height="380" font-family="sans-serif" font-size="12"><rect width="760" height="380" fill="white"/>']
    for x in range(int(x0), int(x1) + 1):
        (px, top), (_, bottom) = at(x, y1), at(x, y0)
        out.append(f'<path d="M{px} {top}V{bottom}" stroke="#ddd"/><text x="{px}" y="350" text-anchor="middle">{10**x:,} rows</text>')
    for y in range(int(y0), int(y1) + 1):
        (left, py), (right, _) = at(x0, y), at(x1, y)
        out.append(f'<path d="M{left} {py}H{right}" stroke="#ddd"/><text x="62" y="{py + 4}" text-anchor="end">{10.0**y:g}</text>')
    for i, (label, key, colour) in enumerate(LINES):
        spots = [at(x, np.log10(p[key])) for x, p in zip(xs, points) if p[key]]
        out.append(f'<polyline points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in spots)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{colour}"/>' for a, b in spots]
        out.append(f'<text x="570" y="{60 + 22 * i}" fill="{colour}">{label}</text>')
    path.write_text("\n".join(out) + "</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="10000,30000,100000,300000,1000000")
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--exact-up-to", type=int, default=100_000)
    parser.add_argument("--out", type=Path, default=Path("growth.svg"))
    args = parser.parse_args()
    subprocess.check_call(["cargo", "build", "-q", "--release"], cwd=ROOT)
    points = []
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; width {args.dim}\n")
    print("| samples | build s | peak MB | on disk GB | ef | recall | queries/s | p99 µs | visited | match s | through | same as a full scan | match by full scan s |\n|" + "---|" * 13)
    for rows in map(int, args.rows.split(",")):
        with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
            corpus(Path(folder), rows, args.dim)
            p = measured(Path(folder), rows, rows <= args.exact_up_to)
        points.append(p)
        agreed = f"{p['agreement']['same']} of {p['agreement']['captions']}" if p["agreement"] else "is one"
        exact = f"{p['exact_s']:.1f}" if p["exact_s"] else "–"
        print(f"| {rows:,} | {p['build_s']:.1f} | {p['build_mb']:,.0f} | {p['gb']:.2f} | {p['ef']} | {p['recall']:.4f} | {p['qps']:,.0f} | {p['p99_us']:,.0f} | {p['visited']:,.0f} "
              f"| {p['match_s']:.1f} | {p['selection']} | {agreed} | {exact} |", flush=True)
        plot(points, args.out)


if __name__ == "__main__":
    main()
