#!/usr/bin/env python3
"""Is anything lost when the process is killed, the disk fails or is full, or the power goes? Tried, not claimed.

    python3 contrib/nothing_lost.py                 all of it, half an hour
    python3 contrib/nothing_lost.py --quick         a few of each, half a minute
    python3 contrib/nothing_lost.py kills --kills 2000

Whatever writes (build, match, match --chunk, merge, and embed where there is one) replaces something old by something new, again
and again, and is disturbed:

  kills    kill -9 at random times
  reload   kill -9 at random times of a build, of the daemon that is told to reload all the while, or of both: every answer is the old
           index's or the new one's, and so is that of the daemon that is started next
  faults   EIO, ENOSPC, EINTR and SIGKILL at every single write, fsync and rename, by strace
  power    the calls of one run, recorded by strace: what is renamed into place was brought to the disk before, and the folder after it.
           The run is then replayed without what was never brought to the disk. To show that the check can fail, it is done again as
           often as there are files and folders, each time as if one of them had never been brought to the disk
  full     disks of 1, 2, 3 … MiB, until there is room

After each: what is there is the old or the new, whole and nothing between; an error is one line, and leaves no litter; after a kill
the next run goes well, and leaves none. MISPAIR_BIN: the binary (default: target/release/mispair). faults and power need strace, full
needs leave to mount.
"""
import argparse, hashlib, http.client, json, os, random, re, shutil, signal, socket, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = os.environ.get("MISPAIR_BIN", str(ROOT / "target/release/mispair"))
QUIET = ["--quiet", "--threads", "2"]
FAULTS = ["write", "pwrite64", "fsync", "fdatasync", "rename", "renameat", "renameat2", "ftruncate"]
# Graphs however few the rows: every kind of file is written.
CORPUS = """[corpus]
name = "newsroom"
partitions = ["train", "val", "test"]
[catalog]
format = "visual-news"
path = "visual_news/origin/data.json"
metadata = "news_clippings/metadata/{partition}.json"
""" + "".join(f"""[modalities.{name}]
path = "news_clippings/embeddings/{file}/{file}_{{partition}}.pkl"
metric = "{metric}"
graph = {"true" if metric == "cosine" else "false"}
""" for name, file, metric in [("clip-image", "clip_image_embeddings", "cosine"), ("clip-text", "clip_text_embeddings", "cosine"),
                               ("sbert-text", "sbert_embeddings", "cosine"), ("place-image", "places_resnet50", "dot")])
KILLED_AT = FAULTS + ["mkdir", "mkdirat", "flock", "unlink", "unlinkat", "rmdir"]


def run(*words, check=True):
    done = subprocess.run([BINARY, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    if check and done.returncode:
        sys.exit(f"mispair {' '.join(map(str, words))}: {done.returncode}\n{done.stderr.decode()}")
    return done


def state(path):
    """A hash of all that is at a path, run.json aside; None where nothing is."""
    if not path.exists():
        return None
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file() and file.name != "run.json":
            digest.update(str(file.relative_to(path)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


class Case:
    """Something that is written: how it is made new over old, and how it is asked whether it is whole."""

    def __init__(self, name, old, new, whole=None, goes_on=None):
        """`goes_on`: what an interrupted run leaves beside its target on purpose, for the next one to go on with."""
        self.name, self.old_words, self.new_words, self.whole, self.goes_on = name, old, new, whole, goes_on

    def prepare(self, folder):
        """Makes old and new once, to know them; keeps a copy of the old."""
        self.folder, self.target, self.kept = folder, folder / "target", folder.parent / (folder.name + ".old")
        folder.mkdir()
        run(*self.new_words, "--out", self.target)
        self.new = state(self.target)
        start = time.perf_counter()
        run(*self.old_words, "--out", self.target, "--force")
        self.seconds = time.perf_counter() - start
        self.old = state(self.target)
        if self.old == self.new:
            sys.exit(f"{self.name}: old and new are the same, so nothing can be told apart")
        copy = shutil.copytree if self.target.is_dir() else shutil.copy2
        copy(self.target, self.kept)
        self.command = [BINARY, *map(str, self.new_words), "--force", "--out", str(self.target)]

    def restore(self):
        """The old again."""
        if state(self.target) != self.old:
            if self.target.exists():
                shutil.rmtree(self.target) if self.target.is_dir() else self.target.unlink()
            (shutil.copytree if self.kept.is_dir() else shutil.copy2)(self.kept, self.target)

    def check(self, what, done=None, deaf=False):
        """What is there is old or new; after an end of its own accord it is the right one, with no litter. `deaf`: stderr may be broken, too."""
        now = state(self.target)
        if now not in (self.old, self.new):
            sys.exit(f"{self.name}, {what}: what is there is neither the old nor the new")
        if self.whole and run(*self.whole, self.target, check=False).returncode:
            sys.exit(f"{self.name}, {what}: unreadable")
        if done is None:
            return
        said = done.stderr.decode(errors="replace")
        if "panicked" in said or done.returncode not in (0, 1):
            sys.exit(f"{self.name}, {what}: {done.returncode} {said}")
        if done.returncode == 0 and now != self.new:
            sys.exit(f"{self.name}, {what}: success, and the old is still there")
        if done.returncode == 1 and sum(line.startswith("error: ") for line in said.splitlines()) != 1 and not (deaf and not said):
            sys.exit(f"{self.name}, {what}: an error of more or less than one line: {said}")
        litter = sorted(p.name for p in self.folder.iterdir() if p != self.target)
        if litter and (done.returncode == 0 or litter != [self.goes_on]):
            sys.exit(f"{self.name}, {what}: litter: {litter}")

    def recover(self, what):
        """The next run goes well and leaves no litter, whatever the one before left."""
        done = subprocess.run(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.check(f"the run after {what}", done)
        if done.returncode:
            sys.exit(f"{self.name}: the run after {what} failed: {done.stderr.decode()}")


def cases(dir):
    """The corpora and everything that writes."""
    for name, seed in [("a", 1), ("b", 2)]:
        run("newsroom", "--samples", 400, "--seed", seed, "--out", dir / f"room-{name}", *QUIET)
        (dir / f"room-{name}/corpus.toml").write_text(CORPUS)
    build = lambda name: ["build", dir / f"room-{name}/corpus.toml", *QUIET]
    run(*build("a"), "--out", dir / "index")
    match = lambda seed: ["match", dir / "index", "--split", "all", "--chunk-size", 100, "--seed", seed, *QUIET]
    chunks = len(run(*match(1), "--list-chunks").stdout.splitlines())
    parts = {}
    for seed in (1, 2):
        parts[seed] = [dir / f"parts-{seed}/{i}" for i in range(chunks)]
        for i, part in enumerate(parts[seed]):
            run(*match(seed), "--chunk", i, "--out", part)
    merge = lambda seed: ["merge", *parts[seed], "--index", dir / "index", *QUIET]
    return [
        Case("build", build("b"), build("a"), ["verify-index"]),
        Case("match", match(2), match(1)),
        Case("part", [*match(2), "--chunk", 0], [*match(1), "--chunk", 0]),
        Case("merge", merge(2), merge(1)),
        *embedding(dir),
    ]


def embedding(dir):
    """Where the verb is: captions through the tiny model of the tests."""
    if run("embed", "--help", check=False).returncode:
        return []
    for name in ("old", "new"):
        lines = [f"{i},{name} caption number {i * i} of a made up scene,{i}.jpg" for i in range(200)]
        (dir / f"{name}.csv").write_text("id,caption,image_path\n" + "\n".join(lines) + "\n")
    embed = lambda name: ["embed", dir / f"{name}.csv", "--model", ROOT / "tests/fixtures/models/bert", "--batch", 8, *QUIET]
    return [Case("embed", embed("old"), embed("new"), goes_on="target.partial")]


def kills(case, wanted, chance):
    killed = finished = new = 0
    while killed < wanted:
        case.restore()
        child = subprocess.Popen(case.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, 1.05 * case.seconds))
        child.send_signal(signal.SIGKILL)
        if child.wait() == -signal.SIGKILL:
            killed += 1
            new += state(case.target) == case.new
            case.check(f"kill {killed}")
        else:
            finished += 1
            case.check("a run that was faster than its kill")
        if killed % 10 == 9:
            case.recover(f"kill {killed}")
    case.recover("the last kill")
    return f"{killed} kills, after {new} of them the new was there; {finished} runs were faster than theirs"


class Daemon:
    """`mispair serve` over a target, and one question that old and new answer differently."""

    def __init__(self, target):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.process = subprocess.Popen([BINARY, "serve", target, "--listen", f"127.0.0.1:{self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while self.answer() is None:
            if self.process.poll() is not None or time.monotonic() > until:
                self.process.kill()
                sys.exit("the daemon does not answer")
            time.sleep(0.002)

    def answer(self):
        """Which index answers, and what it finds; None: nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", "/v1/indexes")
            checksum = json.load(connection.getresponse())["indexes"][0]["checksum"]
            connection.request("POST", "/v1/vectors:search", json.dumps({"modality": "clip-image", "vector": [1.0] * 512, "k": 5}), {"Content-Type": "application/json"})
            response = connection.getresponse()
            found = json.load(response)
            return (response.status, checksum), json.dumps(found.get("results", found))
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    def kill(self):
        self.process.kill()
        self.process.wait()


def reload(case, wanted, chance):
    known, old = {}, None
    for make in (case.restore, lambda: case.recover("nothing")):
        make()
        daemon = Daemon(case.target)
        ((status, checksum), found) = daemon.answer()
        daemon.kill()
        if status != 200:
            sys.exit(f"reload: {status} {found}")
        known[found] = checksum
        old = old if len(known) > 1 else checksum
    if len(known) != 2:
        sys.exit("reload: old and new answer alike, so nothing can be told apart")
    killed = answers = new = lived = 0
    while killed < wanted:
        case.restore()
        daemon, build = Daemon(case.target), subprocess.Popen(case.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        begin, whom = time.monotonic(), chance.choice(["build", "daemon", "both"])
        ends = {name: begin + chance.uniform(0, 1.2 * case.seconds) for name in ("build", "daemon") if whom in (name, "both")}
        while ends or build.poll() is None:
            now = time.monotonic()
            for name in [name for name, end in ends.items() if end <= now]:
                del ends[name]
                process = dict(build=build, daemon=daemon.process)[name]
                killed += process.poll() is None
                process.kill()
            if daemon.process.poll() is None:
                daemon.process.send_signal(signal.SIGHUP)
                answer = daemon.answer()
                if answer is None and "daemon" not in ends and whom != "build":
                    continue
                if answer is None or answer[0][0] != 200 or answer[1] not in known:
                    sys.exit(f"reload, kill {killed} of the {whom}: an answer that is neither the old nor the new: {answer}")
                answers += 1
                lived += known[answer[1]] != old
            time.sleep(chance.uniform(0, 0.01))
        build.wait()
        daemon.kill()
        case.check(f"kill {killed} of the {whom}, reloading")
        after = Daemon(case.target)
        (_, checksum), found = after.answer()
        after.kill()
        if known.get(found) != checksum:
            sys.exit(f"reload: after kill {killed} of the {whom} the next daemon answers neither as the old nor as the new: {found}")
        new += state(case.target) == case.new
    if wanted > 20 and not lived:
        sys.exit("reload: no daemon ever answered as the new, though builds came to their end: does it reload?")
    case.recover("the last kill")
    return f"{killed} kills, {answers} answers meanwhile, all of the old or ({lived}) the new; after {new} of the runs the new was there"


def strace(*words):
    return ["strace", "-f", "-qq", "-o", "/dev/null", *words]


def faults(case, step):
    """For strace `when` counts the calls of each thread apart: each number up to the largest count meets every call."""
    trace = case.folder.parent / "trace"
    case.restore()
    names = ",".join(f"?{name}" for name in KILLED_AT)
    subprocess.run(["strace", "-f", "-qq", "-o", trace, "-e", f"trace={names}", *case.command], check=True, stdout=subprocess.DEVNULL)
    counts = {}
    for line in trace.read_text(errors="replace").splitlines():
        found = re.match(r"(\d+) +(\w+)\(", line)
        if found:
            thread, name = found.groups()
            counts.setdefault(name, {}).setdefault(thread, 0)
            counts[name][thread] += 1
    tried = dict.fromkeys(["EIO", "ENOSPC", "EINTR", "SIGKILL"], 0)
    succeeded = 0
    for name in sorted(counts):
        for number in range(1, max(counts[name].values()) + 1, step):
            for fault in tried:
                if fault != "SIGKILL" and name not in FAULTS:
                    continue
                case.restore()
                how = f"signal={fault}" if fault == "SIGKILL" else f"error={fault}"
                done = subprocess.run(strace("-e", f"trace={name}", "-e", f"inject={name}:{how}:when={number}", *case.command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                what = f"{fault} at {name} {number}"
                # strace ends by the signal that ended what it ran.
                if fault == "SIGKILL" and done.returncode:
                    case.check(what)
                    case.recover(what)
                else:
                    case.check(what, done, deaf=name == "write")
                    succeeded += done.returncode == 0
                tried[fault] += 1
    calls = sum(sum(threads.values()) for threads in counts.values())
    return f"{calls} calls of {len(counts)} kinds; " + ", ".join(f"{n} × {fault}" for fault, n in tried.items()) + f"; {succeeded} went on to succeed"


CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")
FD = re.compile(r"^(-?\w+)<(.*?)>")


class Disk:
    """What a trace says of the disk: which bytes of which file, and which names in which folder, may be lost."""

    def __init__(self, forget=None):
        self.forget, self.unsynced, self.names, self.at, self.published, self.faults = forget, {}, {}, {}, [], []
        self.synced = set()

    def folder_of(self, path):
        return str(Path(path).parent)

    def born(self, path):
        self.names.setdefault(self.folder_of(path), set()).add(path)

    def sync(self, path):
        self.synced.add(path)
        if path != self.forget:
            self.unsynced.pop(path, None)
            self.names.pop(path, None)

    def rename(self, old, new, exchange):
        """Everything beneath `old` must be on the disk."""
        inside = lambda path: path == old or path.startswith(old + "/")
        lost = {path: spans for path, spans in self.unsynced.items() if inside(path)}
        unnamed = {name for folder, names in self.names.items() if inside(folder) for name in names}
        self.published.append((old, new, lost, unnamed))
        if lost or unnamed:
            self.faults.append(f"{new} was renamed into place before {sorted(lost) or sorted(unnamed)} was on the disk")
        moved = lambda path: new + path[len(old):] if inside(path) else path
        self.unsynced = {moved(path): spans for path, spans in self.unsynced.items()}
        self.names = {moved(folder): {moved(n) for n in names} for folder, names in self.names.items()}
        self.born(new)

    def end(self):
        for _, new, _, _ in self.published:
            folder = self.folder_of(new)
            while folder != "/":
                if new in self.names.get(folder, ()):
                    self.faults.append(f"{folder} was not brought to the disk after {new} appeared in it")
                new, folder = folder, self.folder_of(folder)


def read_trace(text, cwd, forget=None):
    disk, halves = Disk(forget), {}
    absolute = lambda path: os.path.normpath(os.path.join(cwd, path))
    texts = lambda args: [absolute(t) for t in re.findall(r'"((?:[^"\\]|\\.)*)"', args)]
    for line in text.splitlines():
        thread = line.split(" ", 1)[0]
        if line.endswith("<unfinished ...>"):
            halves[thread] = line[: -len(" <unfinished ...>")].rstrip()
            continue
        resumed = re.match(r"^\d+ +<\.\.\. \w+ resumed>(.*)", line)
        if resumed:
            line = halves.pop(thread, "") + resumed.group(1).lstrip()
        call = CALL.match(line)
        if not call or int(call.group(3)) < 0:
            continue
        name, args, result = call.group(1), call.group(2), int(call.group(3))
        fd = FD.match(args)
        path = fd.group(2) if fd else None
        if name == "openat":
            if "O_CREAT" in args:
                disk.born(texts(args)[0])
            disk.at[re.sub(r"\D", "", line.rsplit("= ", 1)[1].split("<")[0])] = 0
        elif name in ("mkdir", "mkdirat"):
            disk.born(texts(args)[0])
        elif name in ("write", "pwrite64") and path and path.startswith("/") and os.path.isabs(path) and not path.startswith(("/dev/", "/proc/")):
            at = int(args.rsplit(", ", 1)[1]) if name == "pwrite64" else disk.at.get(fd.group(1), 0)
            disk.unsynced.setdefault(path, []).append((at, result))
            if name == "write":
                disk.at[fd.group(1)] = at + result
        elif name == "lseek" and path:
            disk.at[fd.group(1)] = result
        elif name in ("fsync", "fdatasync") and path:
            disk.sync(path)
        elif name in ("rename", "renameat", "renameat2"):
            old, new = texts(args)[:2]
            disk.rename(old, new, "EXCHANGE" in args)
    disk.end()
    return disk


def power(case):
    """Without anything old: every folder on the way is new, too."""
    parent = case.folder / "deep"
    target = parent / "er" / "target"
    trace = case.folder.parent / "trace"
    command = [BINARY, *map(str, case.new_words), "--out", str(target)]
    calls = "?open,openat,write,pwrite64,lseek,fsync,fdatasync,?rename,?renameat,renameat2,?mkdir,mkdirat"
    subprocess.run(["strace", "-f", "-y", "-qq", "-s", "512", "-o", trace, "-e", f"trace={calls}", *command], check=True, stdout=subprocess.DEVNULL)
    text = trace.read_text(errors="replace")
    disk = read_trace(text, os.getcwd())
    if disk.faults:
        sys.exit(f"{case.name}: " + "\n".join(disk.faults))
    if not disk.published or not disk.synced:
        sys.exit(f"{case.name}: the trace shows nothing published: it was not read as it should be")

    def replay(disk):
        """What the power would leave: bytes and names that were never brought to the disk are gone."""
        left = case.folder.parent / "left"
        (shutil.copytree if target.is_dir() else shutil.copy2)(target, left)
        for old, new, lost, unnamed in disk.published:
            here = lambda path: left if path in (old, new) else left / os.path.relpath(path, old)
            for path, spans in lost.items():
                with open(here(path), "r+b") as file:
                    for at, length in spans:
                        file.seek(at)
                        file.write(bytes(length))
            for path in unnamed:
                gone = here(path)
                shutil.rmtree(gone, ignore_errors=True) if gone.is_dir() else gone.unlink(missing_ok=True)
        now = state(left) if left.exists() else None
        unreadable = case.whole and run(*case.whole, left, check=False).returncode
        shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
        return now == case.new and not unreadable

    if not replay(disk):
        sys.exit(f"{case.name}: the replay is not what was written")
    noticed = damaged = 0
    for path in sorted(disk.synced):
        without = read_trace(text, os.getcwd(), forget=path)
        if not without.faults:
            sys.exit(f"{case.name}: nothing complains if {path} is never brought to the disk: the check is blind")
        noticed += 1
        damaged += not replay(without)
    shutil.rmtree(parent)
    return f"{len(disk.synced)} files and folders brought to the disk in time; without any one of them the check fails ({noticed} of {len(disk.synced)}), the replay in {damaged}"


def full(case, most):
    """Disks that are too small, one MiB larger each time."""
    disk = case.folder.parent / "disk"
    disk.mkdir(exist_ok=True)
    for size in range(1, most + 1):
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", disk], stderr=subprocess.DEVNULL).returncode:
            return "skipped: no leave to mount"
        try:
            done = run(*case.new_words, "--out", disk / "deep/target", check=False)
            said, left = done.stderr.decode(), sorted(disk.rglob("*"))
            if done.returncode == 0:
                if state(disk / "deep/target") != case.new:
                    sys.exit(f"{case.name} on {size} MiB: something else than on a large disk")
                return f"{size - 1} disks too small, each said so and was left empty; {size} MiB is enough"
            if done.returncode != 1 or "No space left" not in said or "free some space" not in said or (left and not case.goes_on):
                sys.exit(f"{case.name} on {size} MiB: {done.returncode} {said} {left}")
        finally:
            subprocess.run(["umount", disk], check=True)
    sys.exit(f"{case.name}: even {most} MiB are not enough")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=["kills", "reload", "faults", "power", "full", []], help="default: all")
    parser.add_argument("--quick", action="store_true", help="a few of each")
    parser.add_argument("--kills", type=int, default=600, help="in all (default 600)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    what = args.what or ["kills", "reload", "faults", "power", "full"]
    if {"faults", "power"} & set(what) and not shutil.which("strace"):
        sys.exit("strace is not here: apt-get install strace")
    chance, start = random.Random(args.seed), time.time()
    with tempfile.TemporaryDirectory() as dir:
        dir = Path(dir)
        all = cases(dir)
        for case in all:
            case.prepare(dir / case.name)
            each = -(-(12 if args.quick else args.kills) // len(all))
            jobs = {"kills": lambda: kills(case, each, chance), "reload": lambda: reload(case, each, chance), "faults": lambda: faults(case, 9 if args.quick else 1), "power": lambda: power(case), "full": lambda: full(case, 60)}
            for job in what:
                if args.quick and job == "full" and case.name != "part":
                    continue
                if job == "reload" and case.name != "build":
                    continue
                # What embed goes on with is written beside its target and removed: nothing that this check could judge.
                if job == "power" and case.name == "embed":
                    continue
                case.restore()
                print(f"{case.name:<6} {job:<7} {jobs[job]()}", flush=True)
    print(f"nothing was lost, in {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
