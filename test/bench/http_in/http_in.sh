#!/usr/bin/env bash
# Leads that come in over HTTP: POST /intake/form through the gateway, each kept and committed before it is answered, against
# pgbench that does the same insert over as many connections. Sourced from the root of the tree after cluster.sh, settings.sh,
# measure.sh and with CLUSTER, SCRATCH and RESULTS set, it gives http_in_figures; http_in_end ends what a broken run left. Run
# by itself it makes a cluster of its own. wrk (Debian) makes the requests; where it is missing, that is said and nothing done.
#
#   http_in          requests/s through the gateway, with latency p50 and p99 as http_in_p50, http_in_p99 (ms)
#   http_in_handle   the same without a gateway: pgbench calls http_handle() with such requests
#   http_in_insert   floor: pgbench calls the function that keeps the lead

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    set -euo pipefail
    cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
    # shellcheck source=SCRIPTDIR/../latency/alone.sh
    source test/bench/latency/alone.sh
fi

HTTP_IN_CONNECTIONS=${HTTP_IN_CONNECTIONS:-8}  # to the database
HTTP_IN_CLIENTS=${HTTP_IN_CLIENTS:-16}         # over HTTP; twice as many, so that a connection need not wait for its client
HTTP_IN_PID=

http_in_end() {
    [[ -n $HTTP_IN_PID ]] || return 0
    kill -TERM "$HTTP_IN_PID" 2>/dev/null
    await_exit "$HTTP_IN_PID" 25 || kill -KILL "$HTTP_IN_PID" 2>/dev/null
    HTTP_IN_PID=
}

http_in_psql() { cluster_psql "$CLUSTER" -d http_in -At "$@"; }

http_in_begin() {
    cluster_psql "$CLUSTER" -d postgres -c "CREATE DATABASE http_in"
    http_in_psql -c "SET client_min_messages = warning" -c "CREATE EXTENSION sentinel CASCADE" -c "SELECT sentinel.install()" >/dev/null
    # Limits of rate are not what is measured; jobs wait, for what is done with leads later is not either.
    http_in_psql -c "UPDATE sentinel.rate_tiers SET capacity = 100000000" -c "CREATE ROLE http_in_gateway LOGIN IN ROLE sentinel_gateway" \
        -c "DO \$\$BEGIN IF NOT sentinel.server_key_ready() THEN PERFORM sentinel.create_server_key(); END IF; END\$\$" >/dev/null
    HTTP_IN_ORG=$(http_in_psql -c "SELECT sentinel.create_org('Example Company', 'example', 'Europe/London')")
    HTTP_IN_KEY=$(http_in_psql <<<"SELECT sentinel.enter('$HTTP_IN_ORG', NULL, true) \\g /dev/null
        SELECT key FROM sentinel.create_api_key('bench', ARRAY['*'])" | tail -n 1)
    printf '{"listen": "127.0.0.1:0", "connections": %d, "log_requests": false, "requests_per_connection": 1000000,
        "database": "host=%s/sock port=%s dbname=http_in user=http_in_gateway"}\n' "$HTTP_IN_CONNECTIONS" "$(cluster_dir "$CLUSTER")" \
        "$(cluster_port "$CLUSTER")" | as_owner tee "$SCRATCH/gateway.json" >/dev/null
    "${AS_OWNER[@]}" "$(pg_bindir)/sentinel-gateway" --config "$SCRATCH/gateway.json" >"$SCRATCH/gateway.log" 2>&1 &
    HTTP_IN_PID=$!
    await 20 grep -q '"msg":"ready"' "$SCRATCH/gateway.log" || die "the gateway did not start"
    HTTP_IN_ADDRESS=http://$(sed -nE 's/.*"msg":"ready","address":"([^"]+)".*/\1/p' "$SCRATCH/gateway.log")
}

# requests/s of pgbench. Arguments: file, further options.
http_in_pgbench() {
    local file=$1
    shift
    env "$(cluster_env "$CLUSTER" | tr ' ' '\n' | sed -n 1p)" "$(cluster_env "$CLUSTER" | tr ' ' '\n' | sed -n 2p)" PGUSER=postgres \
        "$(pg_bindir)/pgbench" -n -M prepared -c "$HTTP_IN_CONNECTIONS" -j 2 -T "$SECONDS_EACH" -f "$file" \
        -D org="$HTTP_IN_ORG" -D key="$HTTP_IN_KEY" "$@" http_in | sed -nE 's/^tps = ([0-9.]+).*/\1/p'
}

http_in_median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

http_in_figures() {
    local sync run line rates p50 p99 insert handle words="$HTTP_IN_CLIENTS clients, $HTTP_IN_CONNECTIONS connections"
    if ! command -v wrk >/dev/null || [[ ! -x $(pg_bindir)/sentinel-gateway ]]; then
        echo "skip: http_in needs wrk (apt-get install wrk) and sentinel-gateway" >&2
        return 0
    fi
    http_in_begin
    cat >"$SCRATCH/handle.sql" <<'SQL'
\set n random(1, 1000000000000)
SELECT * FROM sentinel.http_handle('POST', '/intake/form', '', jsonb_build_array(ARRAY['Content-Type', 'application/json'],
    ARRAY['Authorization', 'Bearer ' || :key::text]), convert_to(format('{"first_name": "Person", "last_name": "%1$s", "email": "%1$s@example.com", "company_name": "Company %1$s", "message": "Please call me about the offer."}', :n::bigint), 'UTF8'), '192.0.2.1', now());
SQL
    for sync in $SYNCS; do
        http_in_psql -c "ALTER DATABASE http_in SET synchronous_commit = $sync"
        # The gateway's connections are to know it too.
        http_in_psql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'http_in_gateway'" >/dev/null
        sleep 3
        : >"$SCRATCH/http_in.out"
        : >"$SCRATCH/handle.out"
        : >"$SCRATCH/insert.out"
        # In turns, so that what else the machine does meets all of them.
        for ((run = 0; run < RUNS; run++)); do
            http_in_pgbench test/bench/http_in/intake.sql >>"$SCRATCH/insert.out"
            http_in_pgbench "$SCRATCH/handle.sql" >>"$SCRATCH/handle.out"
            line=$(wrk -t 1 -c "$HTTP_IN_CLIENTS" -d "$SECONDS_EACH" -s test/bench/http_in/intake.lua "$HTTP_IN_ADDRESS/intake/form" \
                -- "$HTTP_IN_KEY" | sed -n 's/^result //p')
            [[ $line == *" 0" ]] || echo "http_in: answers that are no 2xx: ${line##* }" >&2
            printf '%s\n' "$line" >>"$SCRATCH/http_in.out"
        done
        rates=$(awk '{ print $1 }' "$SCRATCH/http_in.out" | http_in_median)
        p50=$(awk '{ print $2 }' "$SCRATCH/http_in.out" | http_in_median)
        p99=$(awk '{ print $3 }' "$SCRATCH/http_in.out" | http_in_median)
        insert=$(http_in_median <"$SCRATCH/insert.out")
        handle=$(http_in_median <"$SCRATCH/handle.out")
        emit floor http_in_insert "$sync" "$insert" 1/s "pgbench, $HTTP_IN_CONNECTIONS connections"
        emit floor http_in_handle "$sync" "$handle" 1/s "pgbench, $HTTP_IN_CONNECTIONS connections"
        emit Sentinel http_in "$sync" "$rates" 1/s "$words"
        emit Sentinel http_in_p50 "$sync" "$p50" ms "$words"
        emit Sentinel http_in_p99 "$sync" "$p99" ms "$words"
        awk -v a="$rates" -v b="$insert" -v c="$handle" -v s="$sync" \
            'BEGIN { printf "http_in, synchronous_commit %s: %.2f of the insert alone, %.2f of http_handle() alone\n", s, a / b, a / c }'
    done
    http_in_end
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    bench_private http_in
    trap 'http_in_end; bench_private_end' EXIT
    http_in_figures
    column -t -s $'\t' "$RESULTS"
fi
