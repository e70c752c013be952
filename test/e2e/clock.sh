#!/usr/bin/env bash
# The clock of the server is set back by an hour, and forward again, under sessions that go on claiming. clock.sh
#
# What a session remembers are times; none of them may hide a job. Prints one line per check and `N passed, N failed`.
# Needs: the extension installed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../support/packages.sh
. "$here/../support/packages.sh"
# shellcheck source=../support/cluster.sh
. "$here/../support/cluster.sh"

passed=0
failed=0
trap 'cluster_destroy clock' EXIT
is() { # TITLE GOT WANTED
    if [[ $2 == "$3" ]]; then
        passed=$((passed + 1))
        printf 'ok     %2d - %s\n' "$((passed + failed))" "$1"
    else
        failed=$((failed + 1))
        printf 'not ok %2d - %s\n#   got: %s\n#   wanted: %s\n' "$((passed + failed))" "$1" "$2" "$3"
    fi
}

cluster_create clock "autovacuum = off"
dir=$(cluster_dir clock)
gcc -shared -fPIC -O2 -o "$dir/clock.so" "$here/../chaos/clock.c"
chmod 755 "$dir/clock.so"
set_clock() { printf '%s\n' "$1" | as_owner tee "$dir/clock.shift" >/dev/null; }
set_clock 0
LD_PRELOAD=$dir/clock.so CHAOS_CLOCK_FILE=$dir/clock.shift cluster_start clock
ask() { cluster_psql clock -A -t -c "$1"; }
ask 'SET client_min_messages = warning; CREATE EXTENSION sentinel CASCADE'
ask 'SELECT sentinel.install()' >/dev/null
org=$(ask "SELECT sentinel.create_org('One', 'one', 'UTC')")
ask "ALTER DATABASE postgres SET sentinel.org_id = '$org'"
ask "SELECT sentinel.register_job_type('probe', kind => 'http', queue => 'q')" >/dev/null
add() { ask "SELECT sentinel.enqueue_many('probe', array_fill('{}'::jsonb, ARRAY[$1]))" >/dev/null; }

# One session, from before to after.
read -ra connection <<<"$(cluster_env clock)"
coproc SESSION { env "${connection[@]}" "$(pg_bindir)/psql" -X -q -A -t -v ON_ERROR_STOP=1 2>&1; }
in_session() {
    local answer
    printf '%s;\n' "$1" >&"${SESSION[1]}"
    read -r -t 20 answer <&"${SESSION[0]}" || answer="no answer"
    printf '%s\n' "$answer"
}
claim() { in_session "SELECT count(*) FROM sentinel.claim('w', '{q}', $1)"; }

before=$(ask 'SELECT extract(epoch FROM clock_timestamp())::bigint')
add 50
is "a session claims some of the jobs" "$(claim 10)" 10
set_clock -3600
after=$(ask 'SELECT extract(epoch FROM clock_timestamp())::bigint')
is "the server lives an hour earlier now" "$((before - after > 3500))" 1
add 5
is "it claims what is due by the new clock" "$(claim 100)" 5
is "and no job that is due in an hour" "$(claim 100)" 0
is "what it holds it completes" "$(in_session "SELECT sentinel.complete(array_agg(id), array_agg(lease)) FROM sentinel.job_running")" 15
set_clock 0
is "when the clock is right again, the others come" "$(claim 100)" 40
add 3
is "and new ones" "$(claim 100)" 3
printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
