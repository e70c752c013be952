#!/usr/bin/env bash
# Sentinel's queue against its floors; sourced by bench.sh after cluster.sh, peers/settings.sh and peers/measure.sh, with
# CLUSTER, SCRATCH, RESULTS, CONNECTION and COPY_FILE set. Each function emits lines `peer|figure|sync|value|unit|word`.

QUEUE_FOLDER=test/bench/queue
HUGE=${HUGE:-10000000} # jobs that wait in the figure with ten million

# Claim and finish in one call a batch. Arguments: file, jobs a call, clients.
next_rate() {
    local before after
    before=$(waiting "$1")
    bench_section "$1" next "$2" "$3" -T "$SECONDS_EACH" -D job=00000000-0000-0000-0000-000000000000 -D lease=0 -D ids='{}' -D leases='{}' || return 1
    after=$(waiting "$1")
    awk -v n="$((before - after))" -v s="$ELAPSED" 'BEGIN { print n / s }'
}

next_figures() { # file
    local sync clients
    for sync in $SYNCS; do
        use_sync "$sync"
        for clients in 1 4 8; do
            figure Sentinel "next_b100_c$clients" "$sync" "" "fresh '$1' $JOBS" next_rate "$1" 100 "$clients"
        done
        figure Sentinel next_b1_c8 "$sync" "" "fresh '$1' $((JOBS / 5))" next_rate "$1" 1 8
    done
}

# Four consumers with so many waiting jobs, filled once. Arguments: file, figure, jobs.
waiting_figure() {
    local sync
    wanted_figure "$2" || return 0
    fresh "$1" "$3"
    for sync in $SYNCS; do
        use_sync "$sync"
        figure Sentinel "$2" "$sync" "" "top_up '$1' $3" claim_rate "$1" 100 4
    done
}

# Pages touched by a claim of 100, per job. Prints EXPLAIN's own lines too. Arguments: file, figure.
buffers_of_claim() {
    local plan
    plan=$(peer_psql -c "SELECT count(*) FROM sentinel.claim('warm', '{bench}', 100)" \
        -c "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF) SELECT * FROM sentinel.claim('bench', '{bench}', 100)")
    printf '%s\n' "$plan" | sed -n 's/^/    /; 2,$p' >&2
    emit Sentinel "$2" - "$(awk '/Buffers:/ && !seen++ { n = 0; for (i = 1; i <= NF; i++) if (split($i, a, "=") == 2 && (a[1] == "hit" || a[1] == "read")) n += a[2]; printf "%.2f", n / 100 }' <<<"$plan")" pages/job
}

buffers_figures() { # file
    wanted_figure claim_buffers || return 0
    fresh "$1" 1000
    buffers_of_claim "$1" claim_buffers_1k
    fresh "$1" "$BACKLOG"
    buffers_of_claim "$1" claim_buffers_backlog
}

fan_out_figures() {
    local what value sync
    wanted_figure fan_out || return 0
    for sync in $SYNCS; do
        use_sync "$sync"
        while IFS='|' read -r what value; do
            case $what in
                events) emit Sentinel fan_out "$sync" "$value" ms "10,000 events, 20,000 jobs" ;;
                bare) emit "floor, same columns" fan_out "$sync" "$value" ms "the same 30,000 rows" ;;
            esac
        done < <(peer_psql -f "$QUEUE_FOLDER/fan_out.sql")
    done
}

queue_figures() {
    local file=$QUEUE_FOLDER/sentinel.sql
    FIGURES=enqueue measure_peer "$QUEUE_FOLDER/floor.sql" bench_wide
    measure_peer test/bench/peers/sql/floor.sql bench_floor
    measure_peer "$file" bench_sentinel
    next_figures "$file"
    buffers_figures "$file"
    waiting_figure "$file" claim_b100_c4_huge "$HUGE"
    section "$file" clear | peer_psql -f - >/dev/null
    fan_out_figures
}
