#!/usr/bin/env bash
# How soon a job is claimed: when all is idle, and when another tenant has a million waiting. Sourced from the root of the
# tree after cluster.sh, settings.sh and measure.sh, with CLUSTER, SCRATCH, RESULTS and CONNECTION set, it gives
# idle_figures_sentinel and noisy_figures. Run by itself it makes a cluster of its own; the extension is installed then.
#
#   idle_p50, idle_p99     microseconds: Sentinel from before enqueue() until a waiting claimer holds the job; floor from
#                          before a bare NOTIFY until a listener has it, in the same run
#   notify_insert_p50, _p99  the same of a NOTIFY in a transaction that writes a row and so waits for the disk
#   noisy_p50, noisy_p99   microseconds from run_at to claimed_at of the quiet tenants' jobs: Sentinel beside a noisy
#                          tenant, floor without one
#   noisy_claims_p99       claims that began in that time and took others, free of how busy the machine is
#   noisy_throughput       jobs/s that the consumers completed meanwhile

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    set -euo pipefail
    cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
    # shellcheck source=SCRIPTDIR/alone.sh
    source test/bench/latency/alone.sh
fi
# shellcheck source=SCRIPTDIR/program.sh
source test/bench/latency/program.sh

IDLE_ROUNDS=${IDLE_ROUNDS:-300}      # samples of each kind in one run
NOISY_JOBS=${NOISY_JOBS:-$BACKLOG}   # jobs of the noisy tenant that wait when a run begins
NOISY_SECONDS=${NOISY_SECONDS:-5}    # length of one run
NOISY_TENANTS=${NOISY_TENANTS:-10}   # quiet ones
NOISY_PAUSE_MS=${NOISY_PAUSE_MS:-50} # between two jobs of one of them
BENCH_SEED=${BENCH_SEED:-42}

# The column of lines `what numbers ...` as their median. Arguments: lines, what, column.
median_of() { awk -v what="$2" -v column="$3" '$1 == what { print $column }' <<<"$1" | median; }

idle_figures_sentinel() {
    local sync run lines missed kind peer figure
    wanted_figure idle || return 0
    bench_program test/bench/latency/idle.cpp -lpq
    bench_database bench_idle
    peer_psql <<<"
        SELECT sentinel.create_org('Bench', 'bench', 'UTC') AS org \\gset
        SELECT sentinel.register_job_type('bench_idle', kind => 'http', queue => 'bench_idle') \\g /dev/null
        ALTER DATABASE bench_idle SET sentinel.org_id = :'org';
        CREATE TABLE bench_noted (at timestamptz NOT NULL DEFAULT now(), payload jsonb NOT NULL)"
    for sync in $SYNCS; do
        use_sync "$sync"
        lines=
        for ((run = 1; run <= RUNS; run++)); do
            lines+=$(env "${CONNECTION[@]}" PGDATABASE=bench_idle "$PROGRAM" "$IDLE_ROUNDS" $((BENCH_SEED + run)) \
                "$PAYLOAD")$'\n' || return 1
        done
        for kind in job notify notify_insert; do
            peer=floor figure=idle
            [[ $kind != job ]] || peer=Sentinel
            [[ $kind != notify_insert ]] || figure=notify_insert
            missed=$(awk -v what="$kind" '$1 == what { n += $4 } END { if (n) print n " not within 2 s" }' <<<"$lines")
            emit "$peer" "${figure}_p50" "$sync" "$(median_of "$lines" "$kind" 2)" us "$missed"
            emit "$peer" "${figure}_p99" "$sync" "$(median_of "$lines" "$kind" 3)" us "$missed"
        done
    done
}

# One run; prints `p50 p99 jobs_per_second measured missing claims`. Arguments: jobs of the noisy tenant, number of the run.
noisy_run() {
    local have counts
    if (($1 > 0)); then
        have=$(peer_psql -c 'SELECT count(*) FROM sentinel.job_waiting')
        while ((have < $1)); do
            peer_psql -v n=$(($1 - have < 100000 ? $1 - have : 100000)) <<<"
                SELECT sentinel.enqueue_many('bench_noisy', array_fill(:'payload'::jsonb, ARRAY[:n])) \\g /dev/null"
            have=$((have + 100000))
        done
        peer_psql -c 'TRUNCATE sentinel.job_history, sentinel.job_stats' -c 'VACUUM ANALYZE'
    else
        peer_psql -c 'TRUNCATE sentinel.job_waiting, sentinel.job_running, sentinel.job_history, sentinel.job_stats'
    fi
    counts=$(env "${CONNECTION[@]}" PGDATABASE=bench_noisy "$PROGRAM" "$NOISY_SECONDS" "$NOISY_PAUSE_MS" 4 \
        $((BENCH_SEED + $2)) "$PAYLOAD" "${QUIET[@]}") || return 1
    peer_psql -F ' ' -v sent="${counts% *}" -v completed="${counts#* }" -v seconds="$NOISY_SECONDS" <<<"
        CREATE TEMP TABLE claim AS SELECT min(claimed_at) AS at FROM sentinel.job_history GROUP BY lease;
        CREATE INDEX ON claim (at);
        ANALYZE claim;
        SELECT round(percentile_disc(0.5) WITHIN GROUP (ORDER BY late)),
               round(percentile_disc(0.99) WITHIN GROUP (ORDER BY late)),
               round(:completed / :seconds::numeric), count(*), :sent - count(*),
               percentile_disc(0.99) WITHIN GROUP (ORDER BY claims)
        FROM (SELECT extract(epoch FROM h.claimed_at - h.run_at) * 1000000 AS late,
                     (SELECT count(*) FROM claim c WHERE c.at > h.run_at AND c.at < h.claimed_at) AS claims
              FROM sentinel.job_history h JOIN sentinel.orgs o ON o.org_id = h.org_id WHERE o.slug LIKE 'quiet-%') x"
}

noisy_figures() {
    local sync run peer jobs lines word
    local -a QUIET=()
    wanted_figure noisy || return 0
    bench_program test/bench/latency/noisy.cpp -lpq
    bench_database bench_noisy
    peer_psql -v tenants="$NOISY_TENANTS" <<<"
        SELECT sentinel.create_org('Noisy', 'noisy', 'UTC') AS org \\gset
        SELECT sentinel.create_org('Quiet ' || n, 'quiet-' || n, 'UTC') FROM generate_series(1, :tenants) n \\g /dev/null
        SELECT sentinel.register_job_type('bench_noisy', kind => 'http', queue => 'bench_noisy') \\g /dev/null
        ALTER DATABASE bench_noisy SET sentinel.org_id = :'org';"
    mapfile -t QUIET < <(peer_psql -c "SELECT org_id FROM sentinel.orgs WHERE slug LIKE 'quiet-%' ORDER BY slug")
    for peer in floor Sentinel; do
        jobs=0 word="without the noisy tenant"
        [[ $peer == floor ]] || jobs=$NOISY_JOBS word="beside $NOISY_JOBS waiting jobs of another tenant"
        for sync in $SYNCS; do
            use_sync "$sync"
            lines=
            for ((run = 1; run <= RUNS; run++)); do lines+="run $(noisy_run "$jobs" "$run")"$'\n' || return 1; done
            [[ $(median_of "$lines" run 6) == 0 ]] || word+="; jobs were lost or not claimed"
            emit "$peer" noisy_p50 "$sync" "$(median_of "$lines" run 2)" us "$word"
            emit "$peer" noisy_p99 "$sync" "$(median_of "$lines" run 3)" us \
                "$word, $(median_of "$lines" run 5) jobs a run"
            emit "$peer" noisy_claims_p99 "$sync" "$(median_of "$lines" run 7)" claims "$word"
            emit "$peer" noisy_throughput "$sync" "$(median_of "$lines" run 4)" jobs/s "$word"
        done
    done
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    bench_private latency
    idle_figures_sentinel
    noisy_figures
fi
