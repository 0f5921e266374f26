#!/usr/bin/env bash
# Milvus (its embeddable build from PyPI) answers under the exported filters as `mispair query` does. It listens at every address it
# finds, so it is given a network in which loopback is all there is. MISPAIR_BIN: the binary to test. CAPTIONS: asked a split.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
venv=$root/target/milvus-venv
MISPAIR_BIN=$(realpath -m "${MISPAIR_BIN:-$root/target/release/mispair}")
export MISPAIR_BIN PYTHONDONTWRITEBYTECODE=1
[ -x "$MISPAIR_BIN" ] || { echo "no binary at $MISPAIR_BIN: cargo build --release"; exit 1; }
[ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
# The client of that build asks for older versions of what it stands on than pip takes by itself.
"$venv/bin/pip" install --quiet --disable-pip-version-check 'setuptools<80' 'marshmallow<4' milvus==2.3.5 pymilvus==2.3.8 pyarrow
exec unshare --net --map-root-user bash -c 'ip link set lo up && exec "$0" "$1"' "$venv/bin/python" "$root/contrib/milvus_check.py"
