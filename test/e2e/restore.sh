#!/usr/bin/env bash
# Dump and restore, and take the extension away and bring it back: nothing is lost, and nothing is sent twice. restore.sh
#
# A populated database, with a column, an index and a policy that a user added, is restored into a second database of the
# same cluster, by a plain dump into a third, and into another cluster. Each copy has the same rows (count and md5 of each
# table of the schema) and the same shape (restore_shape.sql), is parked, and hands out no job that reaches outside until
# adopt_restore(). Then DROP EXTENSION, CREATE EXTENSION, install() in the original. Prints one line per check and
# `N passed, N failed` at the end. Needs: the extension installed (make install).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../support/packages.sh
. "$here/../support/packages.sh"
# shellcheck source=../support/cluster.sh
. "$here/../support/cluster.sh"

passed=0
failed=0
finish() {
    cluster_destroy first
    cluster_destroy second
}
trap finish EXIT
ok() {
    passed=$((passed + 1))
    printf 'ok     %2d - %s\n' "$((passed + failed))" "$1"
}
not_ok() {
    failed=$((failed + 1))
    printf 'not ok %2d - %s\n' "$((passed + failed))" "$1"
    printf '%s\n' "$2" | head -12 | cut -c1-300 | sed 's/^/#   /'
}
# is TITLE GOT WANTED
is() { if [[ $2 == "$3" ]]; then ok "$1"; else not_ok "$1" "got: $2"$'\n'"wanted: $3"; fi; }
# equal TITLE FILE FILE
equal() {
    local rest
    if rest=$(diff "$2" "$3"); then ok "$1 ($(wc -l <"$2") lines)"; else not_ok "$1" "$rest"; fi
}
# value CLUSTER DATABASE SQL: what it gives, each statement a transaction, or the error as "ERROR:  state: message"
value() { cluster_psql "$1" -d "$2" -A -t -v VERBOSITY=verbose <<<"$3" 2>&1 | grep -vE '^(LOCATION|CONTEXT|PL/pgSQL)|^$' | sed 's/^psql:[^ ]* //' || true; }

rows() { # CLUSTER DATABASE FILE: each table with its number of rows and the sum of them
    cluster_psql "$1" -d "$2" -A -t >"$3" <<'SQL'
SET timezone = 'UTC';
SELECT format('SELECT %L, count(*), md5(string_agg(md5(t::text), '''' ORDER BY md5(t::text))) FROM sentinel.%I t', c.relname, c.relname)
FROM pg_class c WHERE c.relnamespace = 'sentinel'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname \gexec
SELECT format('SELECT %L, last_value FROM sentinel.%I', c.relname, c.relname)
FROM pg_class c WHERE c.relnamespace = 'sentinel'::regnamespace AND c.relkind = 'S'
    AND c.relname <> 'idle_queues' -- a hint of the moment
ORDER BY c.relname \gexec
SQL
}
shape() { cluster_psql "$1" -d "$2" -A -t <"$here/restore_shape.sql" >"$3"; }
empty_of() { awk -F'|' '$2 == 0 {print $1}' "$1" | paste -sd ' '; }

# What must hold in every copy before and after it is adopted. Arguments: cluster, database, name for the titles.
copy_is_parked() {
    local c=$1 d=$2 name=$3 waiting discarded
    rows "$c" "$d" "$work/rows"
    shape "$c" "$d" "$work/shape"
    equal "$name: every table has the same rows, no job and no event was made by the restore" "$work/rows.origin" "$work/rows"
    equal "$name: triggers, policies, views, defaults, indexes, rights and comments are the same" "$work/shape.origin" "$work/shape"
    is "$name: the column that a user added has its values" "$(value "$c" "$d" "SELECT count(*) FROM sentinel.deals WHERE user_note = 'kept ' || name")" \
        "$(value first origin 'SELECT count(*) FROM sentinel.deals')"
    is "$name: it is parked" "$(value "$c" "$d" 'SELECT sentinel.parked()')" t
    is "$name: and tells a worker so" "$(value "$c" "$d" "SELECT sentinel.worker_hello('w', '0')")" parked
    is "$name: no job that reaches outside is handed out" \
        "$(value "$c" "$d" "SELECT count(*) FROM sentinel.claim('w', (SELECT array_agg(DISTINCT queue) FROM sentinel.job_types WHERE kind = 'http'), 1000)")" 0
    waiting=$(value "$c" "$d" "SELECT (SELECT count(*) FROM sentinel.job_waiting JOIN sentinel.job_types USING (job_type) WHERE kind = 'http')
        + (SELECT count(*) FROM sentinel.job_running JOIN sentinel.job_types USING (job_type) WHERE kind = 'http')")
    is "$name: a job enqueued there waits too" "$(value "$c" "$d" "SELECT sentinel.enter(org_id, session => true) FROM sentinel.orgs WHERE slug = 'one';
        SELECT sentinel.enqueue('waiting_probe') IS NOT NULL; SELECT count(*) FROM sentinel.claim('w', '{waiting_probe}', 1000)" | paste -sd ' ')" 't 0'
    discarded=$(value "$c" "$d" 'SELECT sentinel.adopt_restore()')
    is "$name: adopt_restore() discards what the original sends" "$discarded" "$((waiting + 1))"
    is "$name: it is parked no more, and a new job is handed out" "$(value "$c" "$d" "SELECT sentinel.parked();
        SELECT sentinel.enter(org_id, session => true) FROM sentinel.orgs WHERE slug = 'one';
        SELECT sentinel.enqueue('waiting_probe') IS NOT NULL; SELECT count(*) FROM sentinel.claim('w', '{waiting_probe}', 1000)" | paste -sd ' ')" 'f t 1'
    is "$name: its events come behind those of the original" "$(value "$c" "$d" "SELECT sentinel.enter(org_id, session => true) FROM sentinel.orgs WHERE slug = 'one';
        SELECT sentinel.emit('copy.used', 'copy', NULL) IS NOT NULL; SELECT string_agg(event_type, ' ') FROM sentinel.events_since('$cursor')" | paste -sd ' ')" 't copy.used'
}

say "restore: two organisations in a private cluster"
cluster_create first "fsync = off"
cluster_start first
cluster_create second "fsync = off"
cluster_start second
work=$(cluster_dir first)
cluster_psql first -d postgres -c 'CREATE DATABASE origin' -c 'CREATE DATABASE copy' -c 'CREATE DATABASE plain'
cluster_psql second -d postgres -c 'CREATE DATABASE copy'
cluster_psql first -d origin -c 'SET client_min_messages = error' -c 'CREATE EXTENSION sentinel CASCADE' -c 'SELECT count(*) FROM sentinel.install()' >/dev/null
for slug in one two; do
    cluster_psql first -d origin -v label="${slug^^}" -v slug="$slug" <"$here/populate.sql"
done
cluster_psql first -d origin <<'SQL'
ALTER TABLE sentinel.deals ADD COLUMN user_note text;
UPDATE sentinel.deals SET user_note = 'kept ' || name;
CREATE INDEX user_index ON sentinel.deals (org_id, user_note);
CREATE POLICY user_policy ON sentinel.deals AS RESTRICTIVE FOR SELECT TO sentinel_reader USING (value < 1000000);
CREATE VIEW public.user_view AS SELECT name, user_note FROM sentinel.deals;
SQL
cursor=$(value first origin "SELECT sentinel.enter(org_id, session => true) FROM sentinel.orgs WHERE slug = 'one';
    SELECT cursor_after FROM sentinel.events_since(NULL, 10000) OFFSET (SELECT count(*) - 1 FROM sentinel.events_since(NULL, 10000))")
rows first origin "$work/rows.origin"
shape first origin "$work/shape.origin"
is 'no table is empty but the one that only a cluster fills, so that comparing means something' "$(empty_of "$work/rows.origin")" 'distribution'
is 'the original is not parked' "$(value first origin 'SELECT sentinel.parked()')" f

value first origin 'SELECT count(*) FROM sentinel.install()' >/dev/null
rows first origin "$work/rows"
shape first origin "$work/shape"
equal 'install() once more: no row changed' "$work/rows.origin" "$work/rows"
equal 'install() once more: the same shape' "$work/shape.origin" "$work/shape"
is 'install() once more: creates nothing' "$(value first origin "SELECT count(*) FROM sentinel.install() WHERE action <> 'refreshed'")" 0

# Copies.
tool() { # PROGRAM CLUSTER ARGUMENTS
    local program=$1 c=$2
    shift 2
    PGHOST=$(cluster_dir "$c")/sock PGPORT=$(cluster_port "$c") PGUSER=postgres "$(pg_bindir)/$program" "$@"
}
tool pg_dump first -Fc origin >"$work/dump"
tool pg_dump first origin >"$work/dump.sql"
is 'pg_restore into the same cluster' "$(tool pg_restore first --exit-on-error -d copy "$work/dump" 2>&1 || echo failed)" ''
copy_is_parked first copy 'same cluster'
is 'a plain dump through psql' "$(tool psql first -X -q -v ON_ERROR_STOP=1 -o /dev/null -d plain -f "$work/dump.sql" 2>&1 || echo failed)" ''
copy_is_parked first plain 'plain dump'

# Another cluster: first what CREATE EXTENSION refuses there, as nothing has made its roles yet.
create() { value second postgres 'SET client_min_messages = error; CREATE EXTENSION sentinel CASCADE' | grep -oE 'ERROR:  [0-9A-Z]{5}: .*' || echo created; }
refused() { # TITLE SETUP WANTED UNDO
    value second postgres "$2" >/dev/null
    is "refused: $1" "$(create)" "$3"
    value second postgres "$4" >/dev/null
}
refused 'a schema of another role' 'CREATE ROLE stranger; CREATE SCHEMA sentinel AUTHORIZATION stranger' \
    'ERROR:  42501: schema "sentinel" belongs to role "stranger"' 'DROP SCHEMA sentinel; DROP ROLE stranger'
refused 'sentinel_owner that may log in' 'CREATE ROLE sentinel_owner LOGIN' \
    'ERROR:  42710: role "sentinel_owner" exists with other attributes' 'DROP ROLE sentinel_owner'
refused 'sentinel_owner with BYPASSRLS' 'CREATE ROLE sentinel_owner BYPASSRLS' \
    'ERROR:  42710: role "sentinel_owner" exists with other attributes' 'DROP ROLE sentinel_owner'
refused 'sentinel_engine that may make roles' 'CREATE ROLE sentinel_engine BYPASSRLS CREATEROLE' \
    'ERROR:  42710: role "sentinel_engine" exists with other attributes' 'DROP ROLE sentinel_engine'
refused 'sentinel_engine without BYPASSRLS' 'CREATE ROLE sentinel_engine' \
    'ERROR:  42710: role "sentinel_engine" exists with other attributes' 'DROP ROLE sentinel_engine'
is 'a refusal leaves no role behind' "$(value second postgres "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'sentinel%'")" 0
is 'pg_restore into another cluster' "$(tool pg_restore second --exit-on-error -d copy "$work/dump" 2>&1 || echo failed)" ''
copy_is_parked second copy 'another cluster'
is 'the copies took nothing from the original' "$(rows first origin "$work/rows" && diff "$work/rows.origin" "$work/rows" && value first origin 'SELECT sentinel.parked()')" f

# The extension goes and comes back.
is 'a copy whose jobs are wanted hands them out' "$(cluster_psql second -d postgres -c 'CREATE DATABASE moved' &&
    tool pg_restore second --exit-on-error -d moved "$work/dump" 2>&1 && value second moved "SELECT sentinel.adopt_restore(false);
    SELECT count(*) > 0 FROM sentinel.claim('w', '{waiting_probe}', 1000)" | paste -sd ' ')" '0 t'
is 'DROP EXTENSION CASCADE' "$(value first origin 'SET client_min_messages = error; DROP EXTENSION sentinel CASCADE')" ''
rows first origin "$work/rows"
equal 'DROP EXTENSION CASCADE takes no row' "$work/rows.origin" "$work/rows"
is 'without policies nobody sees a tenant table' "$(value first origin "SET ROLE sentinel_reader; SELECT count(*) FROM sentinel.deals")" 0
is 'CREATE EXTENSION' "$(value first origin 'CREATE EXTENSION sentinel')" ''
is 'before install() functions say so' "$(value first origin "SELECT sentinel.reap()" | head -1)" \
    'ERROR:  SN001: the installed schema is older than the extension, or without its triggers'
is 'install() refreshes, and creates nothing' "$(value first origin "SELECT DISTINCT action FROM sentinel.install()")" refreshed
rows first origin "$work/rows"
shape first origin "$work/shape"
equal 'no row is lost' "$work/rows.origin" "$work/rows"
equal 'the shape is as before' "$work/shape.origin" "$work/shape"
is 'functions and triggers work' "$(value first origin "SELECT sentinel.enter(org_id, session => true) FROM sentinel.orgs WHERE slug = 'one';
    SELECT sentinel.emit('job.dead', 'job', NULL) IS NOT NULL; SELECT string_agg(event_type, ' ') FROM sentinel.events_since('$cursor');
    DELETE FROM sentinel.events;" | paste -sd ' ')" \
    't job.dead ERROR:  SN006: DELETE of append-only table "events" DETAIL:  What has happened is kept as it was recorded; rows are only added. HINT:  Add a row that corrects it.'

printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
