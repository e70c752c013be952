#!/usr/bin/env bash
# What every queue is measured with, Sentinel's own among them; source it. Environment variables of these names win.

JOBS=${JOBS:-500000}                       # jobs that wait before a claim figure; one by one: a fifth of it
SECONDS_EACH=${SECONDS_EACH:-3}            # length of one measurement, whole seconds; it ends sooner when no job is left
RUNS=${RUNS:-3}                            # a figure is the median of so many
BACKLOG=${BACKLOG:-1000000}                # jobs that wait in the figure with a backlog
PINNED=${PINNED:-200000}                   # jobs done under an old snapshot before the figure with one
IDLE_SAMPLES=${IDLE_SAMPLES:-60}           # pick-ups in one idle run
SYNCS=${SYNCS:-on off}                     # synchronous_commit; for Redis: appendfsync always, everysec
# 74 bytes, the same for all.
PAYLOAD=${PAYLOAD:-'{"event":"deal.won","deal":1234567,"by":"user-0042","at":"2026-11-21T12Z"}'}

# The lines of postgresql.conf. No checkpoint falls into a measurement by the clock.
BENCH_CONF=("shared_buffers = 2GB" "max_wal_size = 8GB" "checkpoint_timeout = 1h" "work_mem = 64MB" "autovacuum = on"
    "jit = off" "max_connections = 100")
# shellcheck disable=SC2034  # used by who sources this
[[ -z ${BENCH_CONF_LINES:-} ]] || mapfile -t BENCH_CONF <<<"$BENCH_CONF_LINES"
