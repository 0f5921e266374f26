#!/usr/bin/env bash
# Requests that the daemon's own /openapi.json allows, nearly allows, and forbids (schemathesis, from PyPI, in a virtual
# environment beneath target/): no answer may be a fault of the server, of an undocumented status or type, or unlike its schema.
#
#   contrib/hostile_requests.sh [INDEX] [EXAMPLES]      defaults: demo/index, which `mispair demo` makes; 20 a route and phase
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
index=${1:-$root/demo/index} examples=${2:-20} address=127.0.0.1:7479
venv=$root/target/schemathesis
[ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis>=4.3,<5"

"$root/target/release/mispair" serve "$index" --listen $address --log-level warn &
daemon=$!
trap 'kill $daemon 2>/dev/null; wait $daemon 2>/dev/null || true' EXIT
for _ in $(seq 100); do
  (exec 3<>"/dev/tcp/${address/:/\/}") 2>/dev/null && break
  sleep 0.1
done
# Reload takes an admin's token, and reads whole indexes each time.
cd "$venv"
bin/schemathesis run "http://$address/openapi.json" --exclude-path /v1/reload --max-examples "$examples" --workers 1 \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
