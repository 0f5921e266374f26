#!/usr/bin/env bash
# Builds the Python module, compares it with the binary, runs the notebook: in a virtual environment beneath target/.
# MISPAIR_BIN: the binary to compare with. MISPAIR_DEMO: what `mispair demo` made.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
venv=$root/target/python-module
MISPAIR_BIN=$(realpath -m "${MISPAIR_BIN:-$root/target/release/mispair}")
MISPAIR_DEMO=$(realpath -m "${MISPAIR_DEMO:-$root/demo}")
export MISPAIR_BIN MISPAIR_DEMO PYTHONDONTWRITEBYTECODE=1 CARGO_INCREMENTAL=0
[ -x "$MISPAIR_BIN" ] || { echo "no binary at $MISPAIR_BIN: cargo build --release"; exit 1; }
[ -d "$MISPAIR_DEMO/index" ] || { MISPAIR_DEMO=$venv/demo; "$MISPAIR_BIN" --quiet demo --out "$MISPAIR_DEMO" >/dev/null; }

[ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
cd "$root/contrib/module"
# As the README says. What the crate depends on is compiled already, for the binary; the crate itself is compiled once more.
"$venv/bin/pip" install --quiet --disable-pip-version-check ".[test]"

"$venv/bin/mypy" --cache-dir "$venv/mypy"
# What the stub says of the native half is what it is.
(cd "$venv" && MYPY_CACHE_DIR=$venv/mypy bin/stubtest mispair._native)
"$venv/bin/pytest"

# The notebook, every cell; its assertions are the test.
"$venv/bin/jupyter-execute" --output="$venv/example.executed.ipynb" example.ipynb
