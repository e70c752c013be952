#!/usr/bin/env bash
# The key file of the server: made once, for the server's user alone, read again when it changes. server_key.sh
#
# Prints one line per check and `N passed, N failed`. Needs: the extension installed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../support/packages.sh
. "$here/../support/packages.sh"
# shellcheck source=../support/cluster.sh
. "$here/../support/cluster.sh"

passed=0
failed=0
trap 'cluster_destroy server_key' EXIT
is() { # TITLE GOT WANTED
    if [[ $2 == "$3" ]]; then
        passed=$((passed + 1))
        printf 'ok     %2d - %s\n' "$((passed + failed))" "$1"
    else
        failed=$((failed + 1))
        printf 'not ok %2d - %s\n#   got: %s\n#   wanted: %s\n' "$((passed + failed))" "$1" "$2" "$3"
    fi
}

cluster_create server_key "fsync = off"
cluster_start server_key
data=$(cluster_dir server_key)/data
ask() { cluster_psql server_key -A -t -c "$1"; }
ask 'SET client_min_messages = warning; CREATE EXTENSION sentinel CASCADE'

# One session for all, so that what it remembers is put to the test.
coproc SESSION { cluster_psql server_key -A -t -v ON_ERROR_STOP=0 -v VERBOSITY=sqlstate 2>&1; }
session() { # STATEMENT that gives one line
    printf '%s;\n' "$1" >&"${SESSION[1]}"
    IFS= read -r -t 30 line <&"${SESSION[0]}"
    printf '%s\n' "$line"
}
sign="SELECT split_part(sentinel.sign_token('{\"aud\": \"a\", \"exp\": 2000000000}'), '.', 1)"
kid() { session "SELECT (convert_from(decode(rpad(h, (length(h) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb)->>'kid' FROM ($sign) x(h)"; }

is 'without a file there is no key' "$(session 'SELECT sentinel.server_key_ready()')" f
is 'and nothing is signed' "$(session "$sign")" 'ERROR:  55000'
is 'the file is made in the data directory' "$(session 'SELECT sentinel.create_server_key()')" "$data/sentinel.keys"
is 'for the server alone' "$(as_owner stat -c '%a %U' "$data/sentinel.keys")" "600 $(cluster_owner)"
is 'with one key' "$(as_owner sed -E 's/[0-9a-f]{64}/KEY/' "$data/sentinel.keys")" '1 KEY active'
is 'never a second time' "$(session 'SELECT sentinel.create_server_key()')" 'ERROR:  58P02'
is 'the session that saw none uses it' "$(kid)" 1
token=$(session "SELECT sentinel.sign_token('{\"aud\": \"a\", \"exp\": 2000000000}')")

rotated="1 $(as_owner sed -nE 's/^1 ([0-9a-f]{64}) active$/\1/p' "$data/sentinel.keys") decrypt-only
2 $(printf 'ab%.0s' {1..32}) active"
as_owner tee "$data/sentinel.keys" <<<"$rotated" >/dev/null
is 'a changed file is read again' "$(kid)" 2
is 'and the old key still verifies' "$(session "SELECT sentinel.verify_token('$token', 'a', to_timestamp(0)) IS NOT NULL")" t
as_owner tee "$data/new.keys" <<<"3 $(printf 'cd%.0s' {1..32}) active" >/dev/null
as_owner chmod 600 "$data/new.keys"
as_owner mv "$data/new.keys" "$data/sentinel.keys"
is 'so is one that took its place' "$(kid)" 3
is 'whose keys alone count' "$(session "SELECT sentinel.verify_token('$token', 'a', to_timestamp(0)) IS NULL")" t

as_owner chmod 644 "$data/sentinel.keys"
is 'a file that others may read is not used, not even from memory' "$(session "$sign")" 'ERROR:  55000'
as_owner chmod 400 "$data/sentinel.keys"
is 'one that nobody may write is' "$(kid)" 3
as_owner mv "$data/sentinel.keys" "$data/elsewhere"
as_owner ln -s elsewhere "$data/sentinel.keys"
is 'a link is not' "$(session "$sign")" 'ERROR:  55000'
as_owner rm "$data/sentinel.keys"
as_owner mkfifo -m 600 "$data/sentinel.keys"
is 'nor a pipe, which is not waited for' "$(session "$sign")" 'ERROR:  55000'
as_owner rm "$data/sentinel.keys"
as_owner tee "$data/broken" <<<"3 $(printf 'cd%.0s' {1..32}) passive" >/dev/null
as_owner chmod 600 "$data/broken"
as_owner cp -p "$data/broken" "$data/sentinel.keys"
is 'a fault in the file is told without the key' \
    "$(cluster_psql server_key -c "$sign" 2>&1 | grep -c 'cdcd' || true) $(cluster_psql server_key -c "$sign" 2>&1 | grep -c 'neither active nor decrypt-only')" '0 1'
as_owner rm "$data/sentinel.keys"

# ALTER SYSTEM knows the setting once the library is there.
loaded() { cluster_psql server_key -A -t -v VERBOSITY=sqlstate -c "LOAD 'sentinel'" "$@" 2>&1 || true; }
loaded -c "ALTER SYSTEM SET sentinel.key_file = 'elsewhere'" -c 'SELECT pg_reload_conf()' >/dev/null
for _ in {1..100}; do
    [[ $(loaded -c 'SHOW sentinel.key_file') == elsewhere ]] && break
    sleep 0.1
done
is 'the setting moves the file, after a reload' "$(ask 'SELECT sentinel.server_key_ready()')" t
is 'a session that runs follows' "$(kid)" 3
is 'and cannot move it itself' "$(session "SET sentinel.key_file = 'x'")" 'ERROR:  55P02'
is 'nor can one that sets it before the library is there' \
    "$(cluster_psql server_key -A -t -c "SET sentinel.key_file = '/nowhere'" -c 'SELECT sentinel.server_key_ready()' 2>/dev/null || true)" t
is 'no key is in the log' "$(grep -cE 'cdcd|abab' "$(cluster_dir server_key)/log" || true)" 0

printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
