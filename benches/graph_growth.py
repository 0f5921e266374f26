#!/usr/bin/env python3
"""How building and asking grow with the rows: mispair alone, on made-up vectors with a modality gap.

    python3 benches/graph_growth.py [--rows 10000,30000,100000,300000,1000000] [--dim 64] [--out growth.svg]

Pictures lie around as many centres as there are rows / 50, captions around the same centres, with an offset of their own and more
noise; 1,000 captions of no picture are the queries. Times are of benches/graph_rows.rs: build with all threads, queries
with one, at the smallest ef that finds 95% of the true ten nearest. The plot is logarithmic both ways: a line that rises
by a square a square grows with the rows.
"""
import argparse, json, os, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / "target" / "peers-venv"
if Path(sys.prefix).resolve() != VENV.resolve():
    # Runs this file again where numpy is, which is installed there when it is not yet.
    python = VENV / "bin" / "python"
    if not python.exists():
        subprocess.check_call([sys.executable, "-m", "venv", str(VENV)])
    if subprocess.call([str(python), "-c", "import numpy"], stderr=subprocess.DEVNULL):
        subprocess.check_call([str(python), "-m", "pip", "install", "-q", "numpy"])
    os.execv(python, [str(python), *sys.argv])

import numpy as np

EFS = "16,24,32,48,64,96,128,192,256,384,512"


def made_up(folder, rows, dim, queries=1000):
    rng = np.random.default_rng(rows)
    unit = lambda x: (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("<f4")
    centres = rng.standard_normal((max(rows // 50, 1), dim), "f4")
    gap = 1.5 * rng.standard_normal(dim, "f4")
    around = lambda of, noise: centres[of] + noise * rng.standard_normal((len(of), dim), "f4")
    of, asked = rng.integers(len(centres), size=rows), rng.integers(len(centres), size=queries)
    x, known, q = unit(around(of, 0.8)), unit(around(of, 1.0) + gap), unit(around(asked, 1.0) + gap)
    for name, array in (("images", x), ("captions", known), ("queries", q)):
        array.tofile(folder / f"{name}.f32")
    best, scores = np.zeros((queries, 0), "u4"), np.zeros((queries, 0), "f4")
    for start in range(0, rows, 100_000):
        part = q @ x[start : start + 100_000].T
        near = np.argpartition(-part, min(10, part.shape[1] - 1), axis=1)[:, :10]
        best = np.hstack([best, (near + start).astype("u4")])
        scores = np.hstack([scores, np.take_along_axis(part, near, 1)])
    order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    np.take_along_axis(best, order, 1).astype("<u4").tofile(folder / "truth.u32")
    (folder / "shape.json").write_text(json.dumps(dict(n=rows, m=queries, dim=dim)))


def plot(points, path):
    lines = [("build, seconds", "build_s", "#4269d0"), ("one query, ms", "query_ms", "#ff725c"), ("index beside vectors, GB", "gb", "#3ca951")]
    xs = [np.log10(p["rows"]) for p in points]
    values = [np.log10(p[key]) for p in points for _, key, _ in lines]
    x0, x1, y0, y1 = np.floor(min(xs)), np.ceil(max(xs)), np.floor(min(values)), np.ceil(max(values))
    at = lambda x, y: (70 + 480 * (x - x0) / (x1 - x0), 330 - 300 * (y - y0) / (y1 - y0))
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="760" height="380" font-family="sans-serif" font-size="12"><rect width="760" height="380" fill="white"/>']
    for x in range(int(x0), int(x1) + 1):
        (px, top), (_, bottom) = at(x, y1), at(x, y0)
        out.append(f'<path d="M{px} {top}V{bottom}" stroke="#ddd"/><text x="{px}" y="350" text-anchor="middle">{10**x:,} rows</text>')
    for y in range(int(y0), int(y1) + 1):
        (left, py), (right, _) = at(x0, y), at(x1, y)
        out.append(f'<path d="M{left} {py}H{right}" stroke="#ddd"/><text x="62" y="{py + 4}" text-anchor="end">{10.0**y:g}</text>')
    for i, (label, key, colour) in enumerate(lines):
        spots = [at(x, np.log10(p[key])) for x, p in zip(xs, points)]
        out.append(f'<polyline points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in spots)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{colour}"/>' for a, b in spots]
        out.append(f'<text x="570" y="{60 + 22 * i}" fill="{colour}">{label}</text>')
    path.write_text("\n".join(out) + "</svg>\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", default="10000,30000,100000,300000,1000000")
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--out", type=Path, default=Path("growth.svg"))
    args = parser.parse_args()
    points = []
    print(f"| rows × {args.dim} | build s | MB | ef | recall | queries/s | p99 µs | visited |\n|---|---|---|---|---|---|---|---|")
    for rows in map(int, args.rows.split(",")):
        with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
            made_up(Path(folder), rows, args.dim)
            command = ["cargo", "bench", "-q", "--bench", "graph_rows", "--", folder, "--rebuild", "--ef", EFS]
            lines = [json.loads(line) for line in subprocess.check_output(command, cwd=ROOT, text=True).splitlines() if line.startswith("{")]
        build, found = lines[0], [line for line in lines if line["what"] == "search"]
        enough = next((line for line in found if line["recall"] >= 0.95), found[-1])
        points.append(dict(rows=rows, build_s=build["seconds"], query_ms=1e3 / enough["qps"], gb=build["bytes"] / 1e9))
        print(f"| {rows:,} | {build['seconds']:.1f} | {build['bytes'] / 1e6:,.0f} | {enough['ef']} | {enough['recall']:.4f} | {enough['qps']:,.0f} | {enough['p99_us']:,.0f} | {enough['visited']:,.0f} |", flush=True)
    plot(points, args.out)


if __name__ == "__main__":
    main()
