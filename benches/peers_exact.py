#!/usr/bin/env python3
"""Exact top-10 inner-product search: mispair beside faiss IndexFlatIP, on the same vectors, in one run.

    python3 benches/peers_exact.py [--rows 200000] [--dim 512] [--rounds 5] [--out FILE.json]

The vectors are made up: seeded Gaussian directions of unit length. An exact scan does not care where
vectors point, so this measures both fairly; it says nothing of recall. The two take turns, round by
round, so that a slow minute of the machine falls on both. Times are of one call: the minimum and
the median over all repeats of all rounds (for mispair the median of the rounds' medians), and the least
CPU time, which is what can be compared while others use the machine. The rows found
must agree; where two neighbours are swapped, their scores in double precision must differ by less than
a rounding of f32.

faiss-cpu is installed into target/peers-venv when it is not there yet.
"""
import argparse, json, os, platform, statistics, subprocess, sys, time
from pathlib import Path

import venvs

ROOT = Path(__file__).resolve().parent.parent
K = 10
NAMES = ("min", "median", "cpu")


def cpu():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    venvs.enter("faiss-cpu", "numpy")
    import faiss
    import numpy as np

    work = ROOT / "target" / "peers"
    work.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)

    def unit(n):
        x = rng.standard_normal((n, args.dim), dtype=np.float32)
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    vectors, queries = unit(args.rows), unit(1000)
    files = [work / "vectors.f32", work / "queries.f32"]
    for path, x in zip(files, (vectors, queries)):
        x.astype("<f4").tofile(path)
    subprocess.check_call(["cargo", "bench", "-q", "--bench", "exact_rows", "--no-run"], cwd=ROOT)
    index = faiss.IndexFlatIP(args.dim)
    index.add(vectors)

    ours, theirs, backend = {}, {}, "?"
    for round_ in range(args.rounds):
        for threads in (1, 2):
            command = ["cargo", "bench", "-q", "--bench", "exact_rows", "--", *map(str, files), str(args.dim), str(threads), str(work / "ids.u32")]
            for line in subprocess.check_output(command, cwd=ROOT, text=True).splitlines():
                row = json.loads(line)
                ours.setdefault((threads, row["batch"]), []).append((row["min_s"], row["median_s"], row["cpu_s"]))
                backend = row["backend"]
            faiss.omp_set_num_threads(threads)
            for batch in (1, 8, 32, 1000):
                index.search(queries[:batch], K)
                for _ in range(9 if batch <= 8 else 3 if batch <= 32 else 2):
                    start, busy = time.perf_counter(), time.process_time()
                    _, ids = index.search(queries[:batch], K)
                    theirs.setdefault((threads, batch), []).append((time.perf_counter() - start, time.process_time() - busy))
        print(f"round {round_ + 1} of {args.rounds}", file=sys.stderr)

    mine = np.fromfile(work / "ids.u32", "<u4").reshape(-1, K)
    swapped = np.argwhere(mine != ids)
    for q, rank in swapped:
        scores = [float(queries[q].astype("f8") @ vectors[row].astype("f8")) for row in (mine[q, rank], ids[q, rank])]
        assert abs(scores[0] - scores[1]) < 1e-6, f"query {q}, rank {rank}: rows {mine[q, rank]} and {ids[q, rank]}, {scores}"

    table = []
    for threads, batch in sorted(ours):
        a, b = ours[threads, batch], theirs[threads, batch]
        row = dict(threads=threads, batch=batch)
        row |= {f"mispair_{name}_s": f(x[i] for x in a) for i, (name, f) in enumerate(zip(NAMES, (min, statistics.median, min)))}
        row |= {f"faiss_{name}_s": f(x[i] for x in b) for i, (name, f) in zip((0, 0, 1), zip(NAMES, (min, statistics.median, min)))}
        row |= {f"ratio_{name}": row[f"faiss_{name}_s"] / row[f"mispair_{name}_s"] for name in NAMES}
        table.append(row | dict(mispair_gflops=2e-9 * batch * args.rows * args.dim / row["mispair_min_s"]))
    machine = dict(cpu=cpu(), cores=os.cpu_count(), load=os.getloadavg(), python=platform.python_version(), faiss=faiss.__version__,
                   faiss_options=faiss.get_compile_options().strip(), mispair=backend, rows=args.rows, dim=args.dim, k=K, rounds=args.rounds,
                   near_ties_swapped=len(swapped))
    print(json.dumps(machine))
    print("| threads | queries | mispair ms (min, median, CPU) | faiss ms (min, median, CPU) | faster by (min, median, CPU) | GFLOP/s |\n|---|---|---|---|---|---|")
    for r in table:
        ms = lambda who: ", ".join(f"{r[f'{who}_{name}_s'] * 1e3:.1f}" for name in NAMES)
        faster = ", ".join(f"{r[f'ratio_{name}']:.2f}×" for name in NAMES)
        print(f"| {r['threads']} | {r['batch']} | {ms('mispair')} | {ms('faiss')} | {faster} | {r['mispair_gflops']:.0f} |")
    if args.out:
        args.out.write_text(json.dumps(dict(machine=machine, table=table), indent=1) + "\n")


if __name__ == "__main__":
    main()
