#!/usr/bin/env bash
# Try to see, from inside organisation AARDVARK, anything of organisation ZEBRA: attacks.sh
#
# The attacker has logins of a BI tool (reader), a member who owns AARDVARK and an operator, each over a real connection to
# a private cluster, and knows ids of ZEBRA. Every attack is a psql session: what it tries, then a look at everything that
# can be read, then the same look after a clean re-entry, which must show AARDVARK or the attack proved nothing. A leak is
# the word zebra, or an id of ZEBRA that the attacker did not bring, anywhere in what came back. A superuser who does the
# same sees both, which is checked first. Prints one numbered line per attack, and `N passed, N failed` at the end.
# Needs: the extension installed (make install).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../support/packages.sh
. "$here/../support/packages.sh"
# shellcheck source=../support/cluster.sh
. "$here/../support/cluster.sh"

passed=0
failed=0
finish() { cluster_destroy attacks; }
trap finish EXIT
cluster_create attacks "fsync = off" "max_prepared_transactions = 5"
cluster_start attacks
work=$(cluster_dir attacks)

super() { cluster_psql attacks -d prey "$@"; }
# A session of a login; reads SQL from standard input. Option -x: without the start-up options of the caller.
session() {
    local login=$1
    PGHOST=$work/sock PGPORT=$(cluster_port attacks) PGUSER=$login PGDATABASE=prey "$(pg_bindir)/psql" -X -q -A -t \
        -v VERBOSITY=verbose -v SHOW_CONTEXT=never 2>&1 || true
}
report() { # number is counted here; arguments: ok|not ok, title, what came back
    if [[ $1 == ok ]]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    printf '%-6s %2d - %s: %s\n' "$1" "$((passed + failed))" "$2" "$3"
}

say "attacks: two organisations in a private cluster"
cluster_psql attacks -d postgres -c 'CREATE DATABASE prey'
super -c 'SET client_min_messages = error' -c 'CREATE EXTENSION sentinel CASCADE' -c 'SELECT count(*) FROM sentinel.install()' >/dev/null
for label in AARDVARK ZEBRA; do
    super -v label=$label -v slug="${label,,}" <"$here/populate.sql"
done
super <<'SQL' >/dev/null
CREATE ROLE reader_a LOGIN IN ROLE sentinel_reader;
CREATE ROLE operator_a LOGIN IN ROLE sentinel_operator;
CREATE ROLE member_a LOGIN IN ROLE sentinel_member;
CREATE ROLE member_b LOGIN IN ROLE sentinel_member;
CREATE SCHEMA reader_a AUTHORIZATION reader_a;
SELECT sentinel.grant_login(l.name, o.org_id, CASE WHEN l.name LIKE 'member%' THEN m.id END)
FROM (VALUES ('reader_a'::name, 'aardvark'), ('operator_a', 'aardvark'), ('member_a', 'aardvark'), ('member_b', 'zebra')) l(name, slug)
JOIN sentinel.orgs o USING (slug) JOIN sentinel.members m ON m.org_id = o.org_id AND m.role = 'owner';
SQL

# What the attacker knows: @A@, @B@ the organisations; @DEAL@, @MEMBER@ ... an id of ZEBRA in each table that has ids.
mapfile -t known < <(super -A -t -F= <<'SQL'
SELECT '@A@', org_id FROM sentinel.orgs WHERE slug = 'aardvark' UNION ALL SELECT '@B@', org_id FROM sentinel.orgs WHERE slug = 'zebra';
SELECT format('SELECT %L, t.id FROM sentinel.%I t JOIN sentinel.orgs o USING (org_id) WHERE o.slug = ''zebra'' ORDER BY t.id LIMIT 1',
              '@' || upper(rtrim(c.relname, 's')) || '@', c.relname)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'id' AND a.atttypid = 'uuid'::regtype
JOIN pg_attribute o ON o.attrelid = c.oid AND o.attname = 'org_id'
WHERE c.relnamespace = 'sentinel'::regnamespace AND c.relkind = 'r' ORDER BY c.relname \gexec
SQL
)
fill() { # replace @NAME@ by the ids
    local text=$1 pair
    for pair in "${known[@]}"; do text=${text//${pair%%=*}/${pair#*=}}; done
    printf '%s\n' "$text"
}
# Every id of ZEBRA but those: meeting one is meeting ZEBRA.
super -A -t <<'SQL' | sort -u >"$work/ids"
SELECT format('SELECT DISTINCT %I FROM sentinel.%I t JOIN sentinel.orgs o USING (org_id) WHERE o.slug = ''zebra'' AND %1$I IS NOT NULL',
              a.attname, c.relname)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND a.atttypid = 'uuid'::regtype AND a.attname <> 'org_id'
JOIN pg_attribute o ON o.attrelid = c.oid AND o.attname = 'org_id'
WHERE c.relnamespace = 'sentinel'::regnamespace AND c.relkind = 'r' ORDER BY c.relname \gexec
SQL
printf '%s\n' "${known[@]#*=}" | sort -u >"$work/brought"
comm -23 "$work/ids" "$work/brought" | grep . >"$work/secret-ids"
leaks() { grep -qiF zebra "$1" || grep -qiFf "$work/secret-ids" "$1"; }

# The look: every table and view that any of the three logins may read, row by row.
super -A -t >"$work/look.sql" <<'SQL'
SELECT format('SELECT t::text FROM %s t;', c.oid::regclass) FROM pg_class c
WHERE c.relnamespace::regnamespace::text IN ('sentinel', 'sentinel_bi') AND c.relkind IN ('r', 'v', 'p')
  AND (has_table_privilege('reader_a', c.oid, 'SELECT') OR has_table_privilege('operator_a', c.oid, 'SELECT')
       OR has_table_privilege('member_a', c.oid, 'SELECT')) ORDER BY c.relname;
SELECT 'SELECT t::text FROM sentinel.events_since(NULL, 1000) t;';
SQL
# Sums of all rows of ZEBRA, to tell whether an attack changed one.
zebra_sum() {
    super -A -t <<'SQL' | md5sum
SELECT format('SELECT %L, md5(string_agg(md5(t::text), '''' ORDER BY md5(t::text))) FROM sentinel.%I t JOIN sentinel.orgs o USING (org_id)'
              ' WHERE o.slug = ''zebra''', c.relname, c.relname)
FROM pg_class c JOIN pg_attribute o ON o.attrelid = c.oid AND o.attname = 'org_id'
WHERE c.relnamespace = 'sentinel'::regnamespace AND c.relkind = 'r' AND c.relname <> 'orgs' ORDER BY c.relname \gexec
SQL
}

changed() { # an attack that changes ZEBRA is told once
    local now
    now=$(zebra_sum)
    [[ $now != "$before" ]] || return 1
    before=$now
}

# attack LOGIN TITLE SQL: the session begins without an organisation; the SQL enters AARDVARK where it wants to.
attack() {
    local login=$1 title=$2 out=$work/out said rows
    {
        fill "$3"
        printf '\\echo --look--\n\\i %s/look.sql\nROLLBACK;\nRESET SESSION AUTHORIZATION;\nDISCARD ALL;\n\\i %s/look.sql\n' "$work" "$work"
        printf '\\echo --again--\nSELECT sentinel.enter(%s);\n' "'$(fill @A@)', session => true"
        printf '\\i %s/look.sql\n' "$work"
    } | session "$login" >"$out"
    said=$(sed '/^--look--/,$d' "$out" | grep -E '^(ERROR|WARNING|Asynchronous)' | sed -E 's/^([A-Z]+):  /\1 /' | sort | uniq -c | sort -rn |
        sed -E 's/^ *1 //; s/^ *([0-9]+) /\1 x /' | head -3 | cut -c1-100 | paste -sd ';' | sed 's/;/; /g' || true)
    rows=$(sed '/^--again--/,$d' "$out" | grep -ciF aardvark || true)
    said=${said:-no error}
    if leaks "$out"; then
        report "not ok" "$title" "LEAK: $(grep -iFe zebra -f "$work/secret-ids" "$out" | head -1 | cut -c1-160)"
    elif changed; then
        report "not ok" "$title" "a row of ZEBRA was changed"
    elif [[ $(sed '1,/^--again--/d' "$out" | grep -cF 'AARDVARK') -eq 0 ]]; then
        report "not ok" "$title" "the look did not work: $(tail -1 "$out" | cut -c1-160)"
    else
        report ok "$title" "$said; $rows rows of AARDVARK, 0 of ZEBRA"
    fi
}
# control TITLE SQL: the same done by a superuser shows ZEBRA.
control() {
    { fill "$2"; } | session postgres >"$work/out"
    if leaks "$work/out"; then report ok "control, $1" "a superuser sees ZEBRA"; else report "not ok" "control, $1" "not even a superuser sees ZEBRA"; fi
}
# same LOGIN TITLE SQL VALUE OTHER: one question asked of something of ZEBRA and of something that does not exist has one answer.
same() {
    local login=$1 title=$2 value other
    value=$(fill "${3//@X@/$4}" | session "$login" | sed "s/$(fill "$4")/X/g" | grep -vE '^(LOCATION|LINE)')
    other=$(fill "${3//@X@/$5}" | session "$login" | sed "s/$(fill "$5")/X/g" | grep -vE '^(LOCATION|LINE)')
    printf '%s\n' "$value" >"$work/out"
    if [[ $value == "$other" ]] && ! leaks "$work/out" && ! changed; then
        report ok "$title" "for both: $(grep -m1 -E 'ERROR|^[^ ]' "$work/out" | cut -c1-120)"
    else
        report "not ok" "$title" "ZEBRA: $(head -1 <<<"$value" | cut -c1-100) / nothing: $(head -1 <<<"$other" | cut -c1-100)"
    fi
}
before=$(zebra_sum)
control 'the look' "\\i $work/look.sql"
control 'set_config' "SELECT set_config('sentinel.org_id', '@B@', false); SET ROLE sentinel_owner; TABLE sentinel.deals;"
# shellcheck source=attacks/list.sh
. "$here/attacks/list.sh"
printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
