#!/usr/bin/env bash
# mypy and pytest of the Python client, in a virtual environment beneath target/. MISPAIR_BIN: the binary to test against.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
venv=$root/target/python-client
MISPAIR_BIN=$(realpath -m "${MISPAIR_BIN:-$root/target/release/mispair}")
export MISPAIR_BIN PYTHONDONTWRITEBYTECODE=1
[ -x "$MISPAIR_BIN" ] || { echo "no binary at $MISPAIR_BIN: cargo build --release"; exit 1; }

[ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check numpy pandas pytest mypy

cd "$root/contrib/python"
"$venv/bin/mypy" --cache-dir "$venv/mypy"
"$venv/bin/pytest"
