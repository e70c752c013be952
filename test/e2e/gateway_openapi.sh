#!/usr/bin/env bash
# The OpenAPI document is valid by the standard's own schema, and the page of routes needs nobody else. gateway_openapi.sh
#
# Prints one line per check and `N passed, N failed`. Needs: the extension installed, python3-jsonschema.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=SCRIPTDIR/../support/packages.sh
. "$here/../support/packages.sh"
# shellcheck source=SCRIPTDIR/../support/cluster.sh
. "$here/../support/cluster.sh"
# shellcheck source=SCRIPTDIR/../support/delivery.sh
. "$here/../support/delivery.sh"

# The package is for the interpreter of Debian.
PYTHON=/usr/bin/python3
"$PYTHON" -c 'import jsonschema' 2>/dev/null || PYTHON=python3
trap 'cluster_destroy openapi' EXIT
super() { cluster_psql openapi -A -t "$@"; }
get() { super -c "SELECT convert_from(h.body, 'UTF8') FROM sentinel.http_handle('GET', '$1', '', '[]', '', '192.0.2.1') h" >"$work/$2"; }
# What a checker says of its arguments, standard input going through; silent when all is well.
silent() {
    local words=$1
    shift
    if "$@" >"$work/said" 2>&1; then pass "$words: $(tail -n 1 "$work/said")"; else
        fail "$words"
        sed 's/^/        /' "$work/said" | head -n 20
    fi
}

cluster_create openapi "fsync = off"
cluster_start openapi
work=$(mktemp -d)
trap 'cluster_destroy openapi; rm -rf -- "$work"' EXIT
super -c 'SET client_min_messages = warning' -c 'CREATE EXTENSION sentinel CASCADE' -c 'SELECT count(*) FROM sentinel.install()' >/dev/null
get /openapi.json document.json
get /docs page.html
super -F ' ' -c 'SELECT r.method, r.pattern FROM sentinel.gateway_routes() r' >"$work/routes"
policy=$(super -c "SELECT p.pair ->> 1 FROM sentinel.http_handle('GET', '/docs', '', '[]', '', '192.0.2.1') h,
    jsonb_array_elements(h.headers) p (pair) WHERE p.pair ->> 0 = 'Content-Security-Policy'")

silent "the document is valid by the schema of OpenAPI 3.1" "$PYTHON" "$here/../support/openapi/check.py" "$work/document.json" <"$work/routes"
silent "the page of routes is whole and needs no other host" "$PYTHON" "$here/../support/openapi/page.py" "$work/page.html" "$policy"

# The checkers themselves: one fault each.
python3 - "$work/document.json" "$work/broken.json" <<'PY'
import json, sys
document = json.load(open(sys.argv[1]))
document["paths"]["/health"]["get"]["responses"]["200"].pop("description")
json.dump(document, open(sys.argv[2], "w"))
PY
ok "a document with a fault is found out" not "$PYTHON" "$here/../support/openapi/check.py" "$work/broken.json" <"$work/routes"
sed 's|<h1>|<h1 onclick="x()">|' "$work/page.html" >"$work/broken.html"
ok "so is a page" not "$PYTHON" "$here/../support/openapi/page.py" "$work/broken.html" "$policy"
tally
