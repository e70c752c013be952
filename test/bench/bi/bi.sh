#!/usr/bin/env bash
# Every view of sentinel_bi at a tenth of DEALS and at DEALS, and what the triggers of activities cost; sourced by bench.sh.
# DEALS deals come with a tenth as many leads and ten times as many activities (test/support/company.sql), in one organisation
# beside three small ones. Views are read as a BI tool reads them: by a login in sentinel_reader, whole, through COPY.

BI_RUNS=5
DEALS=${DEALS:-1000000}

# The database with so many deals, loaded once a run of bench.sh. Argument: number of deals.
bi_database() {
    local deals=$1 database=bi_$1 small began=$SECONDS
    if [[ -z ${CLUSTER_DIRS[bi]:-} ]]; then
        cluster_create bi "shared_buffers = 2GB" "max_wal_size = 8GB" "work_mem = 64MB" "maintenance_work_mem = 512MB" "jit = off"
        cluster_start bi
    fi
    [[ $(cluster_psql bi -At -c "SELECT count(*) FROM pg_database WHERE datname = '$database'") == 0 ]] || return 0
    cluster_psql bi -c "CREATE DATABASE $database"
    cluster_psql bi -d "$database" -c 'SET client_min_messages = warning' -c 'CREATE EXTENSION sentinel CASCADE' \
        -c 'SELECT sentinel.install()' >/dev/null
    for small in 1 2 3; do bi_company "$database" "small-$small" 1000 "$small"; done
    bi_company "$database" large "$deals" 7
    cluster_psql bi -d "$database" -At <<<"VACUUM (ANALYZE);
        CHECKPOINT;
        SELECT 'CREATE ROLE bi_reader LOGIN IN ROLE sentinel_reader' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bi_reader') \\gexec
        SELECT format('ALTER ROLE bi_reader IN DATABASE $database SET sentinel.org_id = %L', org_id) FROM sentinel.orgs WHERE slug = 'large' \\gexec"
    say "$deals deals loaded in $((SECONDS - began)) s"
}

bi_company() { # DATABASE SLUG DEALS SEED
    cluster_psql bi -d "$1" -v name="$2" -v slug="$2" -v leads=$(($3 / 10)) -v deals="$3" -v activities=$(($3 * 10)) -v seed="$4" \
        <test/support/company.sql >/dev/null
}

# Print view|rows|median in ms for each view. Argument: number of deals.
bi_views() {
    local database=bi_$1 view times
    while read -r view; do
        times=$(
            { # the first run loads code and plans
                printf '%s\n' '\o /dev/null' "COPY (SELECT * FROM sentinel_bi.$view LIMIT 1) TO STDOUT;" '\timing on'
                for ((i = 0; i < BI_RUNS; i++)); do printf 'COPY (SELECT * FROM sentinel_bi.%s) TO STDOUT;\n' "$view"; done
            } | bi_reader "$database" | sed -nE 's/^Time: ([0-9.]+) ms.*/\1/p' | sort -n | sed -n "$(((BI_RUNS + 1) / 2))p"
        )
        printf '%s|%s|%s\n' "$view" "$(bi_reader "$database" -At -c "SELECT count(*) FROM sentinel_bi.$view")" "$times"
    done < <(cluster_psql bi -d "$database" -At -c "SELECT viewname FROM pg_views WHERE schemaname = 'sentinel_bi' ORDER BY viewname")
}

bi_reader() {
    local database=$1
    shift
    PGHOST=$(cluster_dir bi)/sock PGPORT=$(cluster_port bi) PGUSER=bi_reader PGDATABASE=$database "$(pg_bindir)/psql" -X -q \
        -v ON_ERROR_STOP=1 "$@"
}

# Print the part of RESULTS.md.
measure_bi() {
    local few many view rows time small=$((DEALS / 10))
    bi_database "$small"
    bi_database "$DEALS"
    say "views at $small deals"
    few=$(bi_views "$small")
    say "views at $DEALS deals"
    many=$(bi_views "$DEALS")
    printf 'Of make bench ONLY=bi, %s. Each view read whole by a login in sentinel_reader; median of %s, in ms. Leads a tenth, activities ten times as many as deals; two years, a quarter of the deals open.\n\n' \
        "$(date -u +%F)" "$BI_RUNS"
    printf '| view | rows | %s deals | rows | %s deals | growth |\n|---|---|---|---|---|---|\n' "$small" "$DEALS"
    while IFS='|' read -r view rows time; do
        awk -F'|' -v view="$view" -v rows="$rows" -v time="$time" \
            '$1 == view { printf "| %s | %s | %.1f | %s | %.1f | %.1f |\n", view, $2, $3, rows, time, time / $3 }' <<<"$few"
    done <<<"$many"
    awk -F'|' -v aim=1000 '{ if ($3 > aim) slow = slow ", " $1 } END { if (slow == "") print "\nNo view takes longer than 1 s."; else print "\nLonger than 1 s: " substr(slow, 3) "." }' <<<"$many"
}

# Print the part of RESULTS.md.
measure_activities() {
    bi_database "$DEALS"
    say "inserting activities at $DEALS deals"
    printf 'Of make bench ONLY=activities, %s, at %s deals. Batches of 1,000, a commit each; without the triggers foreign keys are still checked.\n\n' \
        "$(date -u +%F)" "$DEALS"
    printf '| figure | value | unit |\n|---|---|---|\n'
    cluster_psql bi -d "bi_$DEALS" -At <test/bench/bi/activities.sql | sed -E 's/^(.*)\|(.*)\|(.*)$/| \1 | \2 | \3 |/'
    printf '\nAim: a ratio of 0.6 at least.\n'
}
