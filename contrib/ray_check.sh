#!/usr/bin/env bash
# Ray matches a newsroom with two workers on loopback; one of them is killed in the middle. What is merged must be, byte for byte,
# what one run gives. The Slurm script is run task by task, too. MISPAIR_BIN: the binary to test.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
venv=$root/target/ray-venv
MISPAIR_BIN=$(realpath -m "${MISPAIR_BIN:-$root/target/release/mispair}")
export MISPAIR_BIN PYTHONDONTWRITEBYTECODE=1
[ -x "$MISPAIR_BIN" ] || { echo "no binary at $MISPAIR_BIN: cargo build --release"; exit 1; }
[ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check 'ray>=2.50,<3'

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
settings=(--split all --chunk-size "${CHUNK_SIZE:-3000}" --seed 3)
"$MISPAIR_BIN" newsroom --quiet --samples "${SAMPLES:-24000}" --out "$dir/room"
"$MISPAIR_BIN" build --quiet --newsclippings "$dir/room" --out "$dir/index"
rm -r "$dir/room"
"$MISPAIR_BIN" match "$dir/index" "${settings[@]}" --quiet --out "$dir/one" >/dev/null

"$venv/bin/python" "$root/contrib/ray_match.py" "$dir/index" --parts "$dir/parts" --out "$dir/merged" \
  --binary "$MISPAIR_BIN" -- "${settings[@]}" >/dev/null &
driver=$!
# Of the driver's own descendants, the first worker seen to match a chunk after a part is done, and the program it runs: both at once,
# as when a machine dies.
python3 - "$driver" "$dir/parts" <<'PY'
import os, pathlib, signal, sys, time

driver, parts = int(sys.argv[1]), pathlib.Path(sys.argv[2])

def processes():
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            yield int(entry.name), parent, (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            pass

def descends(pid, parents):
    while pid in parents:
        pid = parents[pid]
        if pid == driver:
            return True
    return False

end = time.monotonic() + 300
while time.monotonic() < end:
    time.sleep(0.01)
    done = len(list(parts.glob("*.part")))
    all = list(processes())
    parents = {pid: parent for pid, parent, _ in all}
    if driver not in parents:
        sys.exit("the run ended before anything could be killed")
    for pid, worker, words in all:
        if done and b"--chunk" in words and descends(pid, parents) and not pathlib.Path(words[words.index(b"--out") + 1].decode()).exists():
            os.kill(worker, signal.SIGKILL)
            os.kill(pid, signal.SIGKILL)
            print(f"killed worker {worker} and its chunk {words[words.index(b'--chunk') + 1].decode()}, {done} done before", flush=True)
            sys.exit()
sys.exit("no chunk was seen being matched")
PY
wait "$driver"
same() { diff --recursive --exclude run.json "$dir/one" "$1" && echo "$2: the same bytes as one run"; }
same "$dir/merged" "Ray, a worker killed"
[ -z "$(find "$dir/parts" -name '.*' -type f)" ] || { echo "litter:"; ls -A "$dir/parts"; exit 1; }

chunks=$("$MISPAIR_BIN" match "$dir/index" "${settings[@]}" --list-chunks | wc -l)
for ((i = 0; i < chunks; i++)); do
  SLURM_ARRAY_TASK_ID=$i bash "$root/contrib/slurm_match.sh" "$dir/index" "$dir/slurm" "${settings[@]}" >/dev/null
done
"$MISPAIR_BIN" merge --quiet "$dir"/slurm/*.part --index "$dir/index" --out "$dir/array" >/dev/null
same "$dir/array" "Slurm's tasks"
