#!/usr/bin/env python3
"""The daemon under load, beside what people use instead: hnswlib behind FastAPI and uvicorn.

    python3 benches/peers_daemon.py [--samples 102000] [--seconds 10] [--reload-seconds 120] [--stops 50] [--out FILE.json]

A made-up newsroom is built into an index (clip-image and clip-text, 512 elements each) and served on loopback. Load is open-loop:
requests are due at a constant rate and timed from when they were due (benches/daemon_load.rs). The server runs on one processor,
the generator on another; its CPU is reported. Measured:

- the greatest throughput (closed loop, 32 connections), then 30, 70 and 90% of it and 1,000 requests/s, by id under a split's
  constraints, by vector with facts under the same, and plain k-NN by vector; what HTTP costs over the library's own call;
- the same plain k-NN from hnswlib behind FastAPI/uvicorn (one worker), at an ef that finds as much;
- ten times too much: goodput, how fast the excess is refused, whether /livez answers, how soon all is well again;
- 1,000 idle connections and 200 that send a byte a second: memory;
- a reload every second under load between two indexes whose answers can be told apart: failed and mixed answers;
- SIGTERM under load, again and again: requests without an answer, exit codes.

Peers are installed into target/peers-venv.
"""
import argparse, json, os, platform, resource, shutil, signal, socket, subprocess, sys, tempfile, threading, time, urllib.request
from pathlib import Path

import venvs

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "target" / "peers-daemon"
SPLIT, K = "semantics_clip_text_image", 10
SERVER_CPU, LOAD_CPU = "0", str(max(os.cpu_count() - 1, 0))
# What hnswlib's users put in front of it: one vector in, ids and scores out.
PEER = '''
import sys
import hnswlib, numpy as np, uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

index = hnswlib.Index("ip", 512)
index.load_index(sys.argv[1])
index.set_ef(int(sys.argv[2]))
index.set_num_threads(1)
app = FastAPI()

class Search(BaseModel):
    vector: list[float]
    k: int = 10

@app.post("/search")
def search(body: Search):
    ids, distances = index.knn_query(np.asarray([body.vector], "f4"), k=body.k)
    return {"results": [{"id": int(i), "score": float(1 - d)} for i, d in zip(ids[0], distances[0])]}

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[3]), log_level="error")
'''

if __name__ == "__main__":
    venvs.enter("numpy", "hnswlib", "fastapi", "uvicorn")

import hnswlib
import numpy as np

MISPAIR = ROOT / "target/release/mispair"


def talk(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def corpus(folder, images, texts, entries, prefix):
    """A corpus file over npy matrices; every image path begins with the prefix, so that answers tell the index."""
    folder.mkdir(parents=True)
    np.save(folder / "image.npy", images)
    np.save(folder / "text.npy", texts)
    with open(folder / "catalog.jsonl", "w") as out:
        for i, entry in enumerate(entries):
            facts = {k: entry[k] for k in ("timestamp", "caption_entities_spacy") if k in entry}
            out.write(json.dumps({"id": i, "caption": entry["caption"], "image_path": f"{prefix}/{i}.jpg", **facts}) + "\n")
    (folder / "corpus.toml").write_text(
        f'[corpus]\nname = "{prefix}"\n[catalog]\nformat = "jsonl"\npath = "catalog.jsonl"\n'
        '[modalities.clip-image]\npath = "image.npy"\n[modalities.clip-text]\npath = "text.npy"\n')
    subprocess.check_call([MISPAIR, "build", "-q", folder / "corpus.toml", "--out", folder / "index"])


def data(samples):
    import pickle
    folder = DATA / str(samples)
    if (folder / "bodies").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    subprocess.check_call([MISPAIR, "newsroom", "-q", "-o", folder / "room", "--samples", str(samples), "--seed", "11"])
    images, texts, entries = {}, {}, {}
    for partition in ("train", "val", "test"):
        for name, into in (("clip_image", images), ("clip_text", texts)):
            with open(folder / f"room/news_clippings/embeddings/{name}_embeddings/{name}_embeddings_{partition}.pkl", "rb") as file:
                into |= pickle.load(file)  # of our own making, a moment ago
        entries |= json.loads((folder / f"room/news_clippings/metadata/{partition}.json").read_text())
    shutil.rmtree(folder / "room")
    ids = [i for i in images if i in texts and str(i) in entries]
    x, t = (np.array([m[i].reshape(-1) for i in ids], "f4") for m in (images, texts))
    facts = [entries[str(i)] for i in ids]
    talk(f"{len(ids):,} samples with picture, caption and facts")
    corpus(folder / "a", x, t, facts, "a")
    small = min(20_000, len(ids))
    corpus(folder / "b", x[:small], t[:small], facts[:small], "b")
    index = hnswlib.Index("ip", 512)
    index.init_index(len(x), M=16, ef_construction=200, random_seed=7)
    index.add_items(x / np.linalg.norm(x, axis=1, keepdims=True))
    index.save_index(str(folder / "hnswlib.bin"))
    rng = np.random.default_rng(1)
    asked = [int(i) for i in rng.permutation(small) if "timestamp" in facts[i] and len(facts[i].get("caption_entities_spacy", [])) > 1 and 5 <= len(facts[i]["caption"].split()) <= 30][:2000]
    bodies = folder / "making"
    bodies.mkdir()
    write = lambda name, each: (bodies / name).write_text("".join(json.dumps(b) + "\n" for b in each))
    vector = lambda i: [round(float(v), 6) for v in t[i]]
    write("by_id", ({"split": SPLIT, "id": i, "k": K} for i in asked))
    write("by_vector", ({"split": SPLIT, "vector": vector(i), "k": K, "facts": {"caption": facts[i]["caption"], "timestamp": facts[i]["timestamp"],
          "entities": [{"text": e, "label": l} for e, l in facts[i]["caption_entities_spacy"]]}} for i in asked))
    write("plain", ({"modality": "clip-image", "vector": vector(i), "k": K} for i in asked))
    write("peer", ({"vector": (t[i] / np.linalg.norm(t[i])).round(6).tolist(), "k": K} for i in asked))
    bodies.rename(folder / "bodies")
    return folder


class Server:
    """A process on the server's processor that answers on `port`."""

    def __init__(self, command, port, ready):
        self.port = port
        self.process = subprocess.Popen(["taskset", "-c", SERVER_CPU, *map(str, command)], stderr=subprocess.DEVNULL)
        for _ in range(400):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=1)
                return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"{command[0]} does not answer on {port}")

    def rss_mb(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return {key: int(status.split(f"{key}:")[1].split()[0]) / 1024 for key in ("RssAnon", "VmRSS")}

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()


def daemon(index, *flags):
    port = free_port()
    return Server([MISPAIR, "serve", index, "--listen", f"127.0.0.1:{port}", *flags], port, "/readyz")


def load(server, path, bodies, rate, seconds, *flags, start=False):
    command = ["taskset", "-c", LOAD_CPU, LOADER, f"127.0.0.1:{server.port}", path, bodies, "--rate", rate, "--seconds", seconds, *flags]
    child = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    return child if start else json.loads(child.communicate()[0])


def row(name, what, r, note=""):
    ms = lambda value: f"{value / 1000:.2f}" if value is not None else "–"
    a = r["good"]
    print(f"| {name} | {what} | {r['good_per_second']:,.0f} | {ms(a['p50_us'])} | {ms(a['p99_us'])} | {ms(a['p999_us'])} | {100 * r['generator_cpu_s'] / (r['seconds'] + 2):.0f}% | {ms(r['sent_late']['p99_us'])} | {note} |", flush=True)


def rates(server, name, path, bodies, seconds, found):
    full = load(server, path, bodies, 0, seconds, "--connections", 32)
    row(name, "as fast as it goes, 32 connections", full)
    top = full["good_per_second"]
    found[name] = dict(full=full)
    for share in (0.3, 0.7, 0.9):
        found[name][share] = r = load(server, path, bodies, round(top * share), seconds)
        row(name, f"{share:.0%}: {round(top * share):,}/s", r, f"{r['statuses']}" if set(r["statuses"]) - {"200"} else "")
    found[name]["1000"] = r = load(server, path, bodies, 1000, seconds)
    row(name, "1,000/s", r, f"{r['statuses']}" if set(r["statuses"]) - {"200"} else "")
    return top


def post(server, path, body):
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", body.encode(), {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=30))


def overload(server, bodies, top, seconds, connections, found):
    before = load(server, "/v1/query", bodies, round(0.5 * top), 3)
    alive = []
    child = load(server, "/v1/query", bodies, round(10 * top), seconds, "--connections", connections, start=True)
    for _ in range(int(seconds) + 1):
        start = time.perf_counter()
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/livez", timeout=5)
            alive.append(time.perf_counter() - start)
        except OSError as e:
            talk(f"/livez: {e}")
        time.sleep(1)
    r, ended = json.loads(child.communicate()[0]), time.perf_counter()
    while True:  # well again: a second at half the load, without a refusal, as fast as before
        after = load(server, "/v1/query", bodies, round(0.5 * top), 0.5, "--warm-up", 0)
        if set(after["statuses"]) == {"200"} and after["good"]["p99_us"] < max(4 * before["good"]["p99_us"], 5000) or time.perf_counter() - ended > 30:
            break
    recovery = time.perf_counter() - ended
    found[f"overload, {connections}"] = r | dict(livez_worst_s=max(alive, default=None), recovery_s=recovery, maximum=top)
    # What is due and not sent piles up in the generator: how fast a refusal comes is timed from when the request was sent.
    print(f"\n10 × {top:,.0f} requests/s asked for, {connections} connections, {r['answers_per_second']:,.0f} answered: {r['good_per_second']:,.0f} good a second ({r['good_per_second'] / top:.0%} of the maximum), {r['statuses']}; "
          f"refused in {(r['refused_after_sending']['p99_us'] or 0) / 1000:.1f} ms (p99 from sending); /livez at worst {1000 * max(alive, default=0):.0f} ms; well again within {recovery:.1f} s")


def idle(server, found):
    before, held = server.rss_mb(), []
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    for i in range(1200):
        try:
            s = socket.create_connection(("127.0.0.1", server.port), 2)
            if i >= 1000:
                s.sendall(b"POST /v1/query HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            held.append(s)
        except OSError:
            break
    for _ in range(5):
        for s in held[1000:]:
            try:
                s.sendall(b"a")
            except OSError:
                pass
        time.sleep(1)
    after = server.rss_mb()
    [s.close() for s in held]
    time.sleep(0.5)
    urllib.request.urlopen(f"http://127.0.0.1:{server.port}/livez", timeout=5)
    found["idle"] = dict(connections=len(held), before=before, after=after)
    print(f"\n{len(held):,} connections, 1,000 of them idle and the rest a byte a second: heap {before['RssAnon']:.1f} → {after['RssAnon']:.1f} MiB; afterwards it answers")


def reloads(folder, bodies, top, seconds, found):
    """Two published indexes take turns in one place, as `build --force` would swap them."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        served, spare = Path(place) / "served", Path(place) / "spare"
        shutil.copytree(folder / "a/index", served)
        shutil.copytree(folder / "b/index", spare)
        with daemon(served) as server:
            child = load(server, "/v1/query", bodies, round(0.5 * top), seconds, "--either", '"image_path":"a/', '"image_path":"b/', start=True)
            done, start = 0, time.time()
            while child.poll() is None:
                # One name for the other, as a whole: rename, rename, and a reload that sees only the result.
                served.rename(Path(place) / "old")
                spare.rename(served)
                (Path(place) / "old").rename(spare)
                server.process.send_signal(signal.SIGHUP)
                done += 1
                time.sleep(max(0, start + done - time.time()))
            r = json.loads(child.communicate()[0])
        found["reloads"] = r | dict(reloads=done)
        failed = sum(n for status, n in r["statuses"].items() if status != "200") + r["dropped"] + len(r["errors"])
        print(f"\n{done} reloads in {seconds} s at {round(0.5 * top):,}/s: {sum(r['either']) + r['mixed']:,} answers, {r['either'][0]:,} from one index and {r['either'][1]:,} from the other; "
              f"failed {failed}, mixed {r['mixed']}; p99 {r['good']['p99_us'] / 1000:.1f} ms")


def stops(folder, bodies, top, times, found):
    dropped, codes, answered = 0, [], 0
    for i in range(times):
        with daemon(folder / "a/index") as server:
            child = load(server, "/v1/query", bodies, round(0.5 * top), 5, "--warm-up", 0, "--connections", 32, "--drain", start=True)
            time.sleep(0.3 + 0.01 * (i % 20))
            codes.append(server.stop())
            r = json.loads(child.communicate()[0])
            dropped, answered = dropped + r["dropped"], answered + r["answers"]["n"]
    found["stops"] = dict(times=times, dropped=dropped, answered=answered, exit_codes=codes)
    print(f"\nSIGTERM under load × {times}: {answered:,} answered, {dropped} dropped, exit codes {sorted(set(codes))}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=102_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--reload-seconds", type=int, default=120)
    parser.add_argument("--stops", type=int, default=50)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    subprocess.check_call(["cargo", "build", "-q", "--release"], cwd=ROOT)
    lines = subprocess.check_output(["cargo", "bench", "-q", "--bench", "daemon_load", "--no-run", "--message-format=json"], cwd=ROOT, text=True)
    global LOADER
    LOADER = next(m["executable"] for m in map(json.loads, lines.splitlines()) if m.get("target", {}).get("name") == "daemon_load" and m.get("executable"))
    folder, found = data(args.samples), {}
    bodies = {name: folder / "bodies" / name for name in ("by_id", "by_vector", "plain", "peer")}
    cpu = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), platform.processor())
    print(f"{cpu}, {os.cpu_count()} cores (server on {SERVER_CPU}, generator on {LOAD_CPU}), load {os.getloadavg()[0]:.1f}\n")
    print("| server | load | answers/s | p50 ms | p99 ms | p99.9 ms | generator's CPU | sent late, p99 ms | other answers |\n" + "|---" * 9 + "|")
    with daemon(folder / "a/index") as server:
        top = rates(server, "by id, constraints", "/v1/query", bodies["by_id"], args.seconds, found)
        rates(server, "by vector and facts, constraints", "/v1/query", bodies["by_vector"], args.seconds, found)
        rates(server, "plain, by vector", "/v1/vectors:search", bodies["plain"], args.seconds, found)
        lines = bodies["by_id"].read_text().splitlines()[:500]
        inside, outside = [], []
        for line in lines:
            start = time.perf_counter()
            inside.append(post(server, "/v1/query", line)["elapsed_us"])
            outside.append((time.perf_counter() - start) * 1e6)
        idle_one = load(server, "/v1/query", bodies["by_id"], 100, 5, "--connections", 1)
        found["http"] = dict(library_p50_us=float(np.median(inside)), loaded=idle_one)
        # How much as many rows of hnswlib find, so that both are asked for the same.
        x = np.load(folder / "a/image.npy")
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        asked = [json.loads(line) for line in bodies["peer"].read_text().splitlines()[:500]]
        q = np.array([a["vector"] for a in asked], "f4")
        truth = np.sort(q @ x.T, axis=1)[:, -K]
        ours = [post(server, "/v1/vectors:search", line) for line in bodies["plain"].read_text().splitlines()[:500]]
        rows = [[hit["id"] for hit in (a.get("results") or a["answers"][0]["results"])] for a in ours]
        recall = lambda rows: float(np.mean([(x[r] @ q[i] >= truth[i] - 1e-6).mean() for i, r in enumerate(rows)]))
        our_recall = recall(rows)
        idle(server, found)
        for connections in (256, 1000):
            overload(server, bodies["by_id"], top, 5, connections, found)
    print(f"\nwhat HTTP costs: {idle_one['good']['p50_us'] - np.median(inside):.0f} µs: {idle_one['good']['p50_us']} µs a request (p50, 100/s, one connection), {np.median(inside):.0f} of them the library's own\n")
    index = hnswlib.Index("ip", 512)
    index.load_index(str(folder / "hnswlib.bin"))
    for ef in (16, 32, 64, 128, 192, 256, 384, 512, 768, 1024):
        index.set_ef(ef)
        peer_recall = recall(index.knn_query(q, k=K)[0].astype("i8"))
        if peer_recall >= our_recall:
            break
    program = folder / "peer.py"
    program.write_text(PEER)
    port = free_port()
    print(f"recall@10 of plain search: mispair {our_recall:.4f}; hnswlib {peer_recall:.4f} at ef {ef}\n")
    print("| server | load | answers/s | p50 ms | p99 ms | p99.9 ms | generator's CPU | sent late, p99 ms | other answers |\n" + "|---" * 9 + "|")
    with Server([sys.executable, program, folder / "hnswlib.bin", ef, port], port, "/docs") as server:
        rates(server, "hnswlib, FastAPI, uvicorn", "/search", bodies["peer"], args.seconds, found)
    found["recall"] = dict(mispair=our_recall, hnswlib=peer_recall, ef=ef)
    reloads(folder, bodies["by_id"], top, args.reload_seconds, found)
    stops(folder, bodies["by_id"], top, args.stops, found)
    if args.out:
        args.out.write_text(json.dumps(found, indent=1, default=str) + "\n")


if __name__ == "__main__":
    main()
