#!/usr/bin/env python3
"""Everything the daemon can be asked, for a long time, with reloads: does memory grow, do files stay open, do answers get slower?

    python3 benches/soak.py                               20 minutes at 150 requests a second, a reload every 10 s
    python3 benches/soak.py --minutes 2 --rate 50

Two made-up newsrooms (--samples, default 20,000) take turns in one place, and are reloaded from there. Requests of all kinds are due at
a constant rate and timed from when they were due: queries of all four splits, explained and adversarial ones, plain search, batches,
captions of one's own, verification, samples, pages, metrics; and what must be refused, clients that leave in the middle of a request or of
an answer. A status that was not expected is a fault. Each minute a line: requests, p50 and p99 of all and of queries alone, resident and
anonymous memory, open files, threads. At the end the slope of anonymous memory over the second half (least squares) and open files,
p99 of the first and the last quarter. MISPAIR_BIN: another binary than the one that is compiled first.
"""
import argparse, collections, datetime, http.client, itertools, json, os, platform, random, signal, socket, statistics, subprocess, sys, tempfile, threading, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("MISPAIR_BIN", ROOT / "target/release/mispair"))
SPLITS = ["semantics_clip_text_image", "semantics_clip_text_text", "person_sbert_text_text", "scene_resnet_place"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def requests(ids, chance):
    """Kind, method, path, body, statuses that are right: one after another, by chance but in fixed shares."""
    post = lambda kind, path, body, *right: (kind, "POST", path, json.dumps(body).encode(), right or (200,))
    get = lambda kind, path, *right: (kind, "GET", path, None, right or (200,))
    vector = lambda: [round(chance.gauss(0, 1), 4) for _ in range(512)]
    facts = lambda: {"caption": f"A made up caption of {chance.choice(ids)} words that nobody wrote", "timestamp": "2012-04-05", "entities": [{"text": f"Person {chance.randrange(999)}", "label": "PERSON"}]}
    captions = lambda: {**facts(), "id": f"mine {chance.randrange(99)}", "vectors": {"clip-text": vector(), "clip-image": vector()}}
    kinds = [
        # An archive's caption may be one that a split refuses as pristine: 200 with the refusal, or 422.
        (12, lambda: post("query", "/v1/query", {"split": chance.choice(SPLITS), "id": chance.choice(ids), "k": 10}, 200, 422)),
        (2, lambda: post("query", "/v1/query", {"split": chance.choice(SPLITS), "id": chance.choice(ids), "k": 10, "explain": 5, "adversarial": True}, 200, 422)),
        (2, lambda: post("by vector", "/v1/query", {"split": SPLITS[0], "vector": vector(), "facts": facts(), "k": 10}, 200, 422)),
        (3, lambda: post("plain", "/v1/vectors:search", {"modality": "clip-image", "vector": vector(), "k": 10})),
        (1, lambda: post("batch", "/v1/query:batch", {"queries": [{"split": SPLITS[0], "id": chance.choice(ids)} for _ in range(10)]})),
        (1, lambda: post("explain", "/v1/explain", {"split": chance.choice(SPLITS), "id": chance.choice(ids), "explain": 5}, 200, 422)),
        (1, lambda: post("match", "/v1/match", {"split": SPLITS[0], "captions": [captions()]}, 200, 422)),
        (1, lambda: post("verify", "/v1/verify", {"caption": facts()["caption"], "image_id": chance.choice(ids)})),
        (1, lambda: get("sample", f"/v1/samples/{chance.choice(ids)}")),
        (1, lambda: get("page", f"/?split={chance.choice(SPLITS)}&id={chance.choice(ids)}", 200, 422)),
        (1, lambda: get("page", f"/explain?split={chance.choice(SPLITS)}&id={chance.choice(ids)}", 200, 422)),
        (1, lambda: get("page", "/status")),
        (1, lambda: get("metrics", "/metrics")),
        (1, lambda: post("refused", "/v1/query", {"split": "nothing", "id": 1}, 400, 404, 422)),
        (1, lambda: post("refused", "/v1/query", {"split": SPLITS[0], "vector": [1.0] * 3}, 400, 422)),
        (1, lambda: ("refused", "POST", "/v1/query", b'{"split": ', (400,))),
        (1, lambda: get("refused", "/v1/images/..%2f..%2fetc%2fpasswd", 404)),
    ]
    makers = [make for share, make in kinds for _ in range(share)]
    while True:
        yield chance.choice(makers)()


class Soak:
    def __init__(self, port, ids, rate):
        self.port, self.rate, self.begin = port, rate, time.monotonic()
        self.turn, self.lock = itertools.count(), threading.Lock()
        self.made, self.seen, self.faults, self.stop = requests(ids, random.Random(5)), [], [], threading.Event()
        self.good = collections.Counter()

    def next(self):
        with self.lock:
            return self.begin + next(self.turn) / self.rate, next(self.made)

    def client(self):
        connection = None
        while not self.stop.is_set():
            due, (kind, method, path, body, right) = self.next()
            time.sleep(max(0, due - time.monotonic()))
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
                answer = connection.getresponse()
                text = answer.read()
                fault = None if answer.status in right else f"{kind} {path}: {answer.status} {text[:200]!r}"
                if answer.getheader("connection") == "close":
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as e:
                connection, fault = None, f"{kind} {path}: {e!r}"
            with self.lock:
                self.seen.append((due, kind, time.monotonic() - due))
                self.good[kind] += fault is None and answer.status == 200
                if fault:
                    self.faults.append(fault)

    def rude(self):
        """Twice a second somebody leaves: in the middle of a request, or before the answer is read."""
        half = b"POST /v1/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n{"
        whole = b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n"
        for text in itertools.cycle([half, whole]):
            if self.stop.wait(0.5):
                return
            with socket.create_connection(("127.0.0.1", self.port)) as s:
                s.sendall(text)


def state(pid):
    status = {k: v.split()[0] for k, v in (line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()) if v.split()}
    return int(status["VmRSS"]) / 1024, int(status["RssAnon"]) / 1024, len(os.listdir(f"/proc/{pid}/fd")), int(status["Threads"])


def percentile(values, share):
    values = sorted(values)
    return 1000 * values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rate", type=float, default=150)
    parser.add_argument("--reload-seconds", type=float, default=10)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=ROOT / "target/soak.json")
    args = parser.parse_args()
    if "MISPAIR_BIN" not in os.environ:
        subprocess.check_call(["cargo", "build", "-q", "--release", "--locked"], cwd=ROOT)
    model = next((l.split(":")[1].strip() for l in Path("/proc/cpuinfo").read_text().splitlines() if l.startswith("model name")), platform.machine())
    with tempfile.TemporaryDirectory(dir=ROOT / "target", prefix="soak-") as dir:
        dir = Path(dir)
        for name, seed in [("a", 1), ("b", 2)]:
            subprocess.check_call([BINARY, "newsroom", "-q", "--samples", str(args.samples), "--seed", str(seed), "--out", dir / "room"])
            subprocess.check_call([BINARY, "build", "-q", "--newsclippings", dir / "room", "--out", dir / name, "--dtype", "f16"])
            subprocess.check_call(["rm", "-r", dir / "room"])
        listed = lambda name: {json.loads(l)["anchor_id"] for l in subprocess.run([BINARY, "export", dir / name, "--hard-negatives", SPLITS[0], "--num-negatives", "1", "-q"], check=True, capture_output=True, text=True).stdout.splitlines()}
        ids = sorted(listed("a") & listed("b"))
        served = dir / "served"
        served.symlink_to("a")
        port = free_port()
        log = open(dir / "log", "w")
        daemon = subprocess.Popen([BINARY, "serve", served, "--listen", f"127.0.0.1:{port}", "--log-level", "warn"], stderr=log)
        for _ in range(400):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        soak = Soak(port, ids, args.rate)
        threads = [threading.Thread(target=soak.client, daemon=True) for _ in range(8)] + [threading.Thread(target=soak.rude, daemon=True)]
        [t.start() for t in threads]
        print(f"{model}, {os.cpu_count()} cores, {datetime.date.today()}, load {os.getloadavg()[0]:.1f}; two newsrooms of {args.samples:,} ({len(ids):,} captions in both), {args.rate:g} requests/s, a reload every {args.reload_seconds:g} s\n")
        print("| minute | requests | p50 ms | p99 ms | p99 of queries by id | RSS MiB | anonymous MiB | open files | threads |\n|" + "---|" * 9, flush=True)
        minutes, memory, reloads, now = [], [], 0, lambda: time.monotonic() - soak.begin
        while now() < 60 * args.minutes:
            time.sleep(1)
            if now() > (reloads + 1) * args.reload_seconds:
                reloads += 1
                fresh = dir / "fresh"
                fresh.symlink_to("ab"[reloads % 2])
                fresh.rename(served)
                daemon.send_signal(signal.SIGHUP)
            if daemon.poll() is not None:
                sys.exit(f"the daemon ended: {daemon.returncode}\n{(dir / 'log').read_text()[-2000:]}")
            rss, anon, files, running = state(daemon.pid)
            memory.append((now() / 60, anon, files))
            if now() > 60 * (len(minutes) + 1):
                since = soak.begin + 60 * len(minutes)
                with soak.lock:
                    times = [(kind, took) for due, kind, took in soak.seen if since <= due < since + 60]
                all, queries = [t for _, t in times], [t for kind, t in times if kind == "query"]
                minutes.append(dict(requests=len(all), p50_ms=percentile(all, 0.5), p99_ms=percentile(all, 0.99), query_p99_ms=percentile(queries, 0.99), rss_mib=rss, anon_mib=anon, files=files, threads=running))
                m = minutes[-1]
                print(f"| {len(minutes)} | {m['requests']:,} | {m['p50_ms']:.1f} | {m['p99_ms']:.1f} | {m['query_p99_ms']:.1f} | {rss:.0f} | {anon:.1f} | {files} | {running} |", flush=True)
        soak.stop.set()
        [t.join(35) for t in threads]
        code = daemon.poll()
        daemon.terminate()
        stopped = daemon.wait(30)
        warned = (dir / "log").read_text().splitlines()
    half = [(x, a) for x, a, _ in memory if x > args.minutes / 2]
    slope = statistics.linear_regression(*zip(*half)).slope if len(half) > 2 else float("nan")
    quarter = max(1, len(minutes) // 4)
    p99 = lambda part: statistics.median(m["p99_ms"] for m in part) if part else float("nan")
    files = [f for *_, f in memory]
    print(f"\n{len(soak.seen):,} requests, {len(soak.faults)} answered otherwise than they should; {reloads} reloads; exit {stopped}"
          f"\nof these answered with 200: " + ", ".join(f"{kind} {soak.good[kind]:,} of {n:,}" for kind, n in sorted(collections.Counter(kind for _, kind, _ in soak.seen).items())) +
          f"\nanonymous memory over the second half: {1024 * slope:+.1f} KiB a minute; open files {min(files)} to {max(files)}, at the end {files[-1]}"
          f"\np99, median of minutes: first quarter {p99(minutes[:quarter]):.1f} ms, last {p99(minutes[-quarter:]):.1f} ms; log: {len(warned)} warnings")
    args.out.write_text(json.dumps(dict(machine=model, date=str(datetime.date.today()), minutes=minutes, slope_kib_per_minute=1024 * slope, faults=soak.faults[:50], warnings=warned[:20]), indent=1))
    if soak.faults or code is not None or stopped != 0:
        sys.exit("\n".join([*soak.faults[:10], *warned[:5]]))


if __name__ == "__main__":
    main()
