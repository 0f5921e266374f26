#!/usr/bin/env python3
"""A corpus of the paper's size on this machine: how long is every stage, how much memory and disk does it take?

    python3 benches/scale.py                                   50,000 samples
    python3 benches/scale.py --samples 50000,100000,200000     growth
    python3 benches/scale.py --samples 509730 --free           the paper's number of pairs; --free removes the newsroom once it is indexed

A made-up newsroom (`mispair newsroom`: widths 512, 512, 768, and 2,048 for places of scenes and persons) is built, read back, matched
in all four splits and merged in chunks (--chunk-size, default 40,000, exact), the same in parts that are merged (--parts), and
matched without chunks through the graphs for the two splits that have one (--unchunked; a full scan chooses again for one caption in
50, and what it agrees to stands in the table). Each stage is a process of its own: wall and CPU seconds, peak resident memory (maps of the
index included: the system takes those pages back when it needs them), and peak anonymous memory, which is what it must have. What
`build` said beforehand of its memory stands beside it. MISPAIR_BIN: another binary than the one that is compiled first. Rows are appended
to --out as JSON; a table is printed. Disk, about, for 100,000 samples: newsroom 1.5 GB, index 1.2 GB with f16 and 1.9 GB with f32; both are
there at once while the index is built, and it is refused to begin with less.
"""
import argparse, datetime, json, os, platform, shutil, subprocess, sys, tempfile, threading, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("MISPAIR_BIN", ROOT / "target/release/mispair"))
GRAPH_SPLITS = ["semantics_clip_text_image", "semantics_clip_text_text"]
# Bytes a sample: the newsroom, and the index with f16 and f32.
NEWSROOM, INDEX = 15_000, {"f16": 12_000, "f32": 19_000}


def anonymous(pid):
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def run(stage, *words):
    """One command as one stage."""
    load, start = os.getloadavg()[0], time.perf_counter()
    child = subprocess.Popen([BINARY, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak = 0

    def watch():
        nonlocal peak
        while child.returncode is None:
            peak = max(peak, anonymous(child.pid))
            time.sleep(0.02)

    texts = [[], []]
    readers = [threading.Thread(target=lambda i=i, f=f: texts[i].append(f.read())) for i, f in enumerate([child.stdout, child.stderr])]
    threading.Thread(target=watch, daemon=True).start()
    [r.start() for r in readers]
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    [r.join() for r in readers]
    if child.returncode:
        sys.exit(f"mispair {' '.join(map(str, words))}: exit {child.returncode}\n{texts[1][0]}")
    row = dict(stage=stage, wall_s=round(time.perf_counter() - start, 2), cpu_s=round(usage.ru_utime + usage.ru_stime, 2),
               peak_mb=round(usage.ru_maxrss / 1024), anon_mb=round(peak / 2**20), load=round(load, 1))
    print(f"  {stage:<28} {row['wall_s']:>9.1f} s wall {row['cpu_s']:>9.1f} s CPU   peak {row['peak_mb']:>6,} MB, anonymous {row['anon_mb']:>6,} MB   load {load:.1f}", file=sys.stderr, flush=True)
    return row, texts[0][0], texts[1][0]


def size(folder):
    return sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())


def same(a, b):
    """Are two datasets the same bytes, run.json aside?"""
    files = lambda d: {f.relative_to(d): f.read_bytes() for f in Path(d).rglob("*") if f.is_file() and f.name != "run.json"}
    return files(a) == files(b)


def counted(dataset):
    """Pairs by split, the merged set's, and how often a full scan agreed."""
    summary = json.loads((dataset / "summary.json").read_text())
    out = {}
    for split in summary["splits"]:
        parts = split["partitions"].values()
        agreed = [p["agreement"] for p in parts if p.get("agreement")]
        out[split["split"]["name"]] = dict(
            captions=sum(p["captions"] for p in parts), chunks=sum(p["chunks"] for p in parts), pairs=sum(p["pairs"] for p in parts),
            through=sorted({way for p in parts for way, captions in p["selection"].items() if captions}),
            agreement=[sum(a["same"] for a in agreed), sum(a["captions"] for a in agreed)] if agreed else None)
    merged = summary.get("merged_balanced")
    if merged:
        out["merged_balanced"] = dict(pairs=sum(m["pairs_per_split"] * len(m["blocks"]) for m in merged.values()))
    return out


def measured(folder, samples, args):
    room, index = folder / "newsroom", folder / "index"
    need = samples * (NEWSROOM + INDEX[args.dtype])
    free = shutil.disk_usage(folder).free
    if free < need:
        sys.exit(f"{folder}: {need / 1e9:.1f} GB are needed for {samples:,} samples, {free / 1e9:.1f} GB are free; give --work another disk")
    rows, facts = [], dict(samples=samples)
    rows.append(run("newsroom", "newsroom", "--samples", samples, "--seed", 1, "--out", room)[0])
    facts["newsroom_gb"] = round(size(room) / 1e9, 3)
    row, _, said = run("build", "build", "--newsclippings", room, "--dtype", args.dtype, "--out", index)
    rows.append(row)
    facts["said"] = next((line for line in said.splitlines() if "takes about" in line), None)
    facts["index_gb"] = round(size(index) / 1e9, 3)
    if args.free:
        shutil.rmtree(room)
    rows.append(run("verify-index", "verify-index", index)[0])
    settings = ["--split", "all", "--chunk-size", args.chunk_size, "--seed", 1]
    rows.append(run("match all, in chunks", "match", index, *settings, "--out", folder / "set")[0])
    facts["chunked"] = counted(folder / "set")
    facts["dataset_gb"] = round(size(folder / "set") / 1e9, 3)
    if args.parts:
        listed = run("list-chunks", "match", index, *settings, "--list-chunks")[1].splitlines()
        each = [run(f"chunk {i} of {len(listed)}", "match", index, *settings, "--chunk", i, "--out", folder / f"parts/{i}")[0] for i in range(len(listed))]
        rows += each
        rows.append(run("merge", "merge", *sorted((folder / "parts").iterdir()), "--index", index, "--out", folder / "merged")[0])
        facts["merged_is_the_same"] = same(folder / "set", folder / "merged")
        if not facts["merged_is_the_same"]:
            sys.exit("the merged dataset is not that of one run")
    if args.unchunked:
        splits = [word for split in GRAPH_SPLITS for word in ("--split", split)]
        rows.append(run("match 2, unchunked, graphs", "match", index, *splits, "--graph", "--seed", 1, "--out", folder / "graph")[0])
        facts["unchunked"] = counted(folder / "graph")
    return dict(facts, stages=rows)


def machine():
    model = next((l.split(":")[1].strip() for l in Path("/proc/cpuinfo").read_text().splitlines() if l.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", default="50000")
    parser.add_argument("--chunk-size", type=int, default=40_000)
    parser.add_argument("--dtype", choices=["f16", "f32"], default="f16")
    parser.add_argument("--parts", action="store_true", help="also chunk by chunk, merged, and compared byte for byte")
    parser.add_argument("--unchunked", action="store_true", help="also whole partitions through the graphs")
    parser.add_argument("--free", action="store_true", help="remove the newsroom once it is indexed")
    parser.add_argument("--work", type=Path, default=ROOT / "target", help="where a scratch folder is made, and removed")
    parser.add_argument("--out", type=Path, default=ROOT / "target/scale.jsonl")
    args = parser.parse_args()
    if "MISPAIR_BIN" not in os.environ:
        subprocess.check_call(["cargo", "build", "-q", "--release", "--locked"], cwd=ROOT)
    print(f"{machine()}; {datetime.date.today()}; {args.dtype}, chunks of {args.chunk_size:,}\n")
    print("| samples | newsroom GB | index GB | build s (peak MB, of these anonymous) | verify s | match all, in chunks s (anonymous MB) | pairs, merged | unchunked through graphs s | same as a full scan |\n|" + "---|" * 9)
    for samples in map(int, args.samples.split(",")):
        print(f"{samples:,} samples", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=args.work, prefix="scale-") as folder:
            p = measured(Path(folder), samples, args)
        p |= dict(machine=machine(), date=str(datetime.date.today()), dtype=args.dtype, chunk_size=args.chunk_size)
        with open(args.out, "a") as out:
            out.write(json.dumps(p) + "\n")
        stage = {row["stage"]: row for row in p["stages"]}
        build, match, graph = stage["build"], stage["match all, in chunks"], stage.get("match 2, unchunked, graphs")
        agreed = [f"{c['agreement'][0]:,} of {c['agreement'][1]:,}" for c in p.get("unchunked", {}).values() if c.get("agreement")]
        pairs = f"{sum(c['pairs'] for name, c in p['chunked'].items() if name != 'merged_balanced'):,}, {p['chunked']['merged_balanced']['pairs']:,}"
        print(f"| {samples:,} | {p['newsroom_gb']:.2f} | {p['index_gb']:.2f} | {build['wall_s']:.0f} ({build['peak_mb']:,}, {build['anon_mb']:,}) | {stage['verify-index']['wall_s']:.1f} "
              f"| {match['wall_s']:.0f} ({match['anon_mb']:,}) | {pairs} | {graph['wall_s'] if graph else '–'} | {'; '.join(agreed) or '–'} |", flush=True)


if __name__ == "__main__":
    main()
