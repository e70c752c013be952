#!/usr/bin/env bash
# A lease number is never given twice, though the claim that got it was lost in a crash. leases.sh
#
# With synchronous_commit = off a claim's commit may be lost when the server dies, and so would be what its sequence has
# counted. A worker that survives still holds the lost number: were it given to another claim, its late report would count
# for a job that is not its own. Prints one line per check and `N passed, N failed`. Needs: the extension installed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../support/packages.sh
. "$here/../support/packages.sh"
# shellcheck source=../support/cluster.sh
. "$here/../support/cluster.sh"

passed=0
failed=0
trap 'cluster_destroy leases' EXIT
check() { # TITLE, command ...
    local title=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        printf 'ok     %2d - %s\n' "$((passed + failed))" "$title"
    else
        failed=$((failed + 1))
        printf 'not ok %2d - %s\n' "$((passed + failed))" "$title"
    fi
}
ask() { cluster_psql leases -A -t -c "$1"; }

# Nothing but a commit that waits writes the log to disk: the background writer of it sleeps.
cluster_create leases "synchronous_commit = off" "wal_writer_delay = 10s" "autovacuum = off"
cluster_start leases
ask 'SET client_min_messages = warning; CREATE EXTENSION sentinel CASCADE'
ask 'SELECT sentinel.install()' >/dev/null
org=$(ask "SELECT sentinel.create_org('One', 'one', 'UTC')")
ask "ALTER DATABASE postgres SET sentinel.org_id = '$org'"
ask "SELECT sentinel.register_job_type('probe', kind => 'http', queue => 'q')" >/dev/null
ask "SET synchronous_commit = on; SELECT sentinel.enqueue_many('probe', array_fill('{}'::jsonb, ARRAY[100]))" >/dev/null
ask CHECKPOINT

most=0
lost=0
reused=0
for round in 1 2 3; do
    # 40 numbers: the sequence logs 32 at a time.
    last=$(ask "SELECT max(lease) FROM generate_series(1, 40) n, LATERAL sentinel.claim('w' || n, '{q}', 1, '1 hour') c")
    cluster_restart_immediate leases
    running=$(ask 'SELECT count(*) FROM sentinel.job_running')
    [[ $running -ge 40 ]] || lost=$((lost + 1))
    next=$(ask "SET synchronous_commit = on; SELECT lease FROM sentinel.claim('late', '{q}', 1, '1 hour')" | tail -n 1)
    printf 'round %s: claims up to lease %s, %s jobs running after the crash, next lease %s\n' "$round" "$last" "$running" "$next"
    ((next > last && last > most)) || reused=$((reused + 1))
    most=$next
    ask "SET synchronous_commit = on;
         SELECT count(sentinel.release(ARRAY[id], ARRAY[lease])) FROM sentinel.job_running" >/dev/null
done
check "a crash lost claims, or this shows nothing ($lost of 3 rounds)" test "$lost" -gt 0
check "no lease was given twice" test "$reused" -eq 0
check "no job was lost" test "$(ask 'SELECT (SELECT count(*) FROM sentinel.job_waiting) + (SELECT count(*) FROM sentinel.job_running)')" = 100
printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
