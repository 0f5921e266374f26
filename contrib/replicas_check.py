#!/usr/bin/env python3
"""Two read-only replicas of one index behind HAProxy (contrib/replicas.cfg): one is killed under load, comes back, the other is told to
stop; every request must be answered, and rightly.

    python3 contrib/replicas_check.py INDEX [--seconds 12] [--clients 8]

INDEX has a split's captions to ask for (the demo's index has). What each caption is answered is asked of one daemon first. MISPAIR_BIN:
the binary to test. All on loopback.
"""
import argparse, collections, http.client, json, os, shutil, signal, socket, subprocess, sys, tempfile, threading, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MISPAIR = os.environ.get("MISPAIR_BIN", ROOT / "target/release/mispair")
SPLIT = "semantics_clip_text_image"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(connection, body):
    connection.request("POST", "/v1/query", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    return answer.status, [(r["id"], r["score"]) for r in json.loads(text)["results"]] if answer.status == 200 else text


def ready(port, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit(f"nobody is ready at 127.0.0.1:{port}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--clients", type=int, default=8)
    args = parser.parse_args()
    if not shutil.which("haproxy"):
        sys.exit("haproxy is missing: apt-get install haproxy")
    front, *backs = [free_port() for _ in range(3)]
    start = lambda port: subprocess.Popen([MISPAIR, "serve", args.index, "--listen", f"127.0.0.1:{port}", "--log-level", "error"])
    replicas = [start(port) for port in backs]
    [ready(port) for port in backs]

    # Captions that may be asked for, and what is right.
    direct, right = http.client.HTTPConnection("127.0.0.1", backs[0], timeout=10), {}
    listed = subprocess.run([MISPAIR, "export", args.index, "--hard-negatives", SPLIT, "--num-negatives", "1", "--quiet"], check=True, capture_output=True, text=True)
    for id in [json.loads(line)["anchor_id"] for line in listed.stdout.splitlines()[:400]]:
        body = json.dumps(dict(split=SPLIT, id=id, k=5))
        status, answer = ask(direct, body)
        if status != 200:
            sys.exit(f"{body}: {status} {answer}")
        right[body] = answer

    stats = Path(tempfile.mkdtemp()) / "stats"
    config = stats.with_name("haproxy.cfg")
    config.write_text((ROOT / "contrib/replicas.cfg").read_text().replace("global\n", f"global\n    stats socket {stats} mode 600\n", 1))
    env = dict(os.environ, MISPAIR_FRONT=f"127.0.0.1:{front}", MISPAIR_A=f"127.0.0.1:{backs[0]}", MISPAIR_B=f"127.0.0.1:{backs[1]}")
    proxy = subprocess.Popen(["haproxy", "-db", "-q", "-f", config], env=env)
    ready(front)

    stop, lock, seen, faults = threading.Event(), threading.Lock(), collections.Counter(), []

    def client(n):
        connection, bodies = None, list(right)[n :: args.clients]
        while not stop.is_set():
            for body in bodies:
                try:
                    connection = connection or http.client.HTTPConnection("127.0.0.1", front, timeout=20)
                    status, answer = ask(connection, body)
                    fault = None if status == 200 and answer == right[body] else f"{status} {answer!r}"
                except (OSError, http.client.HTTPException, ValueError) as e:
                    connection, fault = None, repr(e)
                with lock:
                    seen["failed" if fault else "answered"] += 1
                    if fault:
                        faults.append(f"{time.monotonic() - begin:.2f} s: {fault}"[:300])
                if stop.is_set():
                    return

    begin = time.monotonic()
    clients = [threading.Thread(target=client, args=[n]) for n in range(args.clients)]
    [c.start() for c in clients]
    events = []

    def at(share, what, do):
        time.sleep(max(0, begin + share * args.seconds - time.monotonic()))
        with lock:
            events.append(f"{time.monotonic() - begin:.1f} s, after {seen['answered']:,}: {what}")
        do()

    def again(i):
        replicas[i] = start(backs[i])

    at(0.2, "a is killed (SIGKILL)", lambda: replicas[0].send_signal(signal.SIGKILL))
    at(0.4, "a is back", lambda: again(0))
    at(0.6, "b is told to stop (SIGTERM)", lambda: replicas[1].send_signal(signal.SIGTERM))
    at(0.8, "b is back", lambda: again(1))
    at(1.0, "end", stop.set)
    [c.join() for c in clients]
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(stats))
        s.sendall(b"show stat\n")
        rows = [line.split(",") for line in s.makefile().read().lstrip("# ").splitlines() if line]
    table = [dict(zip(rows[0], row)) for row in rows[1:]]
    retried = sum(int(r["wretr"] or 0) + int(r["wredis"] or 0) for r in table if r["svname"] == "BACKEND")
    served = {r["svname"]: int(r["stot"]) for r in table if r["pxname"] == "replicas" and r["svname"] != "BACKEND"}
    for process in [*replicas, proxy]:
        process.terminate()
        process.wait()
    print("\n".join(events))
    print(f"{seen['answered']:,} answered rightly, {seen['failed']} failed; HAProxy asked again {retried} times; by replica {served}")
    if faults or not all(served.values()):
        sys.exit("\n".join(faults[:10]) or "a replica was never asked")


if __name__ == "__main__":
    main()
