#!/usr/bin/env bash
# A BI tool over ODBC sees what psql sees: every view of sentinel_bi, figure by figure. bi.sh
#
# Two companies of test/support/company.sql, with two currencies, nulls and umlauts. Logins in sentinel_reader, to which
# ALTER ROLE gives an organisation, read every view through psql and through unixODBC with Debian's driver, ordered by all
# columns: the rows are the same text, the types are text, numeric and timestamptz in the catalogue and character, numeric and
# timestamp in ODBC, no row is the other company's, and a login without an organisation sees none. Prints one line per check
# and `N passed, N failed`. Needs: the extension installed, unixodbc, odbc-postgresql, python3-pyodbc.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=SCRIPTDIR/../support/packages.sh
. "$here/../support/packages.sh"
# shellcheck source=SCRIPTDIR/../support/cluster.sh
. "$here/../support/cluster.sh"

# The package python3-pyodbc is for the interpreter of Debian.
PYTHON=/usr/bin/python3
passed=0
failed=0
trap 'cluster_destroy bi' EXIT
is() { # TITLE GOT WANTED
    if [[ $2 == "$3" ]]; then
        passed=$((passed + 1))
        printf 'ok     %2d - %s\n' "$((passed + failed))" "$1"
    else
        failed=$((failed + 1))
        printf 'not ok %2d - %s\n' "$((passed + failed))" "$1"
        printf '%s\n' "got: $2" "wanted: $3" | head -12 | cut -c1-300 | sed 's/^/#   /'
    fi
}
super() { cluster_psql bi -A -t "$@"; }
# As a login: psql arguments follow.
login() {
    local role=$1
    shift
    PGHOST=$work/sock PGPORT=$(cluster_port bi) PGUSER=$role PGDATABASE=postgres "$(pg_bindir)/psql" -X -q -A -t -F $'\x1f' \
        -P null='\N' -v ON_ERROR_STOP=1 "$@"
}
odbc() { ODBCINI=$work/odbc.ini ODBCSYSINI=/etc "$@"; }
through_psql() { # LOGIN VIEW FILE
    login "$1" -c "SELECT * FROM sentinel_bi.$2 ORDER BY $(seq -s, 1 "${columns[$2]}")" >"$3"
}
through_odbc() { # LOGIN FOLDER VIEW ...
    local role=$1 folder=$2
    shift 2
    mkdir -p "$folder"
    odbc "$PYTHON" -B "$here/bi.py" "$role" "$folder" "$@"
}

say "bi: two companies in a private cluster"
cluster_create bi "fsync = off"
cluster_start bi
work=$(cluster_dir bi)
super -c 'SET client_min_messages = warning' -c 'CREATE EXTENSION sentinel CASCADE' -c 'SELECT count(*) FROM sentinel.install()' >/dev/null
seed=0
for name in Aardvark Zebra; do
    seed=$((seed + 1))
    slug=${name,,}
    super -v name=$name -v slug="$slug" -v leads=150 -v deals=600 -v activities=4000 -v seed=$seed <"$here/../support/company.sql" >/dev/null
    org=$(super -c "SELECT org_id FROM sentinel.orgs WHERE slug = '$slug'")
    # A text longer than what drivers take for a usual one.
    super -c "UPDATE sentinel.leads SET name = left(name || repeat(' und Söhne', 100), 900), last_activity_at = now() - interval '60 days',
        lifecycle_stage = 'contacted' WHERE org_id = '$org' AND id = (SELECT id FROM sentinel.leads WHERE org_id = '$org'
        AND lifecycle_stage = 'new_lead' ORDER BY id LIMIT 1)" \
        -c "CREATE ROLE bi_$slug LOGIN IN ROLE sentinel_reader" -c "ALTER ROLE bi_$slug SET sentinel.org_id = '$org'"
done
super -c 'CREATE ROLE bi_nobody LOGIN IN ROLE sentinel_reader'
for name in aardvark zebra nobody; do
    super -c "ALTER ROLE bi_$name SET timezone = 'UTC'"
    printf '%s\n' "[bi_$name]" 'Driver = PostgreSQL Unicode' "Servername = $work/sock" "Port = $(cluster_port bi)" 'Database = postgres' \
        "UserName = bi_$name" 'ReadOnly = Yes' ''
done >"$work/odbc.ini"
declare -A columns=()
views=()
while IFS='|' read -r view count; do
    views+=("$view")
    columns[$view]=$count
done < <(super -c "SELECT c.relname, count(*) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'sentinel_bi'::regnamespace GROUP BY 1 ORDER BY 1")
is "there are views" "$((${#views[@]} >= 28))" 1

mkdir "$work/psql"
for view in "${views[@]}"; do
    # Ages go by the clock: where one has moved on between the two readings, both are read again.
    for _ in 1 2 3; do
        through_psql bi_aardvark "$view" "$work/psql/$view"
        through_odbc bi_aardvark "$work/odbc" "$view" || break
        ! diff -q "$work/psql/$view" "$work/odbc/$view" >/dev/null || break
    done
    is "$view: $(wc -l <"$work/odbc/$view") rows, the same through psql and ODBC" "$(diff "$work/psql/$view" "$work/odbc/$view" 2>&1)" ''
    is "$view: there are rows" "$(($(wc -l <"$work/psql/$view") > 0))" 1
done

super -c "SELECT c.relname, a.attname, CASE t.typname WHEN 'text' THEN 'text character' WHEN 'numeric' THEN 'numeric numeric'
        WHEN 'timestamptz' THEN 'timestamptz timestamp' ELSE t.typname || ' is no type for BI' END
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 JOIN pg_type t ON t.oid = a.atttypid
    WHERE c.relnamespace = 'sentinel_bi'::regnamespace ORDER BY 1, a.attnum" | tr '|' ' ' >"$work/types"
through_odbc bi_aardvark "$work/odbc" "${views[@]}"
is "$(wc -l <"$work/types") columns: text, numeric and timestamptz are character, numeric and timestamp" \
    "$(diff <(sort "$work/types") <(sort "$work/odbc/types"))" ''
is "the rows hold nulls, umlauts, long texts and both currencies" \
    "$(for word in '\\N' 'ü' '.{900}' 'EUR' 'USD'; do grep -qrE -- "$word" "$work/odbc" && printf 'yes '; done)" 'yes yes yes yes yes '
is "isql reads a view too" "$(odbc isql -b -v bi_aardvark <<<'SELECT sum(open_deals) FROM sentinel_bi.dashboard' 2>&1 | grep -oE '[0-9]+ *\|' | tr -d ' |')" \
    "$(super -c "SELECT count(*) FROM sentinel.deals d JOIN sentinel.orgs USING (org_id) WHERE slug = 'aardvark' AND stage_kind = 'open'")"

# The other company: its name, and any id of its rows.
through_odbc bi_zebra "$work/zebra" "${views[@]}"
ids() { # SLUG
    super <<SQL | grep . | sort -u
SELECT format('SELECT t.%I FROM sentinel.%I t JOIN sentinel.orgs o USING (org_id) WHERE o.slug = %L', a.attname, c.relname, '$1')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('id', 'deal_id') AND a.atttypid = 'uuid'::regtype
JOIN pg_attribute o ON o.attrelid = c.oid AND o.attname = 'org_id'
WHERE c.relnamespace = 'sentinel'::regnamespace AND c.relkind = 'r' ORDER BY c.relname \gexec
SQL
}
shows() { # FOLDER NAME SLUG: how many views show the name, and how many an id, of the company
    printf '%s %s\n' "$(grep -rlF -- "$2" "$1" | wc -l)" "$(grep -rlFf <(ids "$3") "$1" | wc -l)"
}
is "Aardvark sees nothing of Zebra" "$(shows "$work/odbc" Zebra zebra)" '0 0'
is "Zebra sees nothing of Aardvark" "$(shows "$work/zebra" Aardvark aardvark)" '0 0'
read -r names ids < <(shows "$work/odbc" Aardvark aardvark)
is "names ($names views) and ids ($ids) would have been seen" "$((names >= 8)) $((ids >= 8))" '1 1'

is "without an organisation: no error through ODBC" "$(through_odbc bi_nobody "$work/nobody" "${views[@]}" 2>&1)" ''
rm -f "$work/nobody/types"
is "and no rows in ${#views[@]} views" "$(find "$work/nobody" -type f | wc -l) $(cat "$work"/nobody/* | wc -l)" "${#views[@]} 0"
for view in "${views[@]}"; do through_psql bi_nobody "$view" "$work/none" 2>&1 && cat "$work/none"; done >"$work/all"
is "the same through psql" "$(head -5 "$work/all")" ''
is "a reader writes nothing, and cannot enter another organisation" \
    "$(for query in 'DELETE FROM sentinel.deals' "SELECT sentinel.enter('$org')"; do login bi_aardvark -v VERBOSITY=sqlstate -c "$query" 2>&1; done |
        grep -oE '(ERROR:  )[0-9A-Z]{5}' | tr '\n' ' ')" 'ERROR:  42501 ERROR:  SN003 '
printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
