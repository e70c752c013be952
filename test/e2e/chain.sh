#!/usr/bin/env bash
# The server is killed at each step from a won deal to the onboarding of a client, and in the end there is one of each.
#
# chain.sql lists the places: before and after each row that the chain writes, at each commit and after it, around each
# handler. At each place, with fresh deals, SIGKILL ends the postmaster and all its processes once; the server starts again, the
# client repeats its call whether or not it had been heard, and the clock ticks until no job is left. Prints a line per place
# with what there is, and `N passed, N failed`. Environment: DEALS (3) a place. Needs: the extension installed.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=SCRIPTDIR/../support/packages.sh
. "$here/../support/packages.sh"
# shellcheck source=SCRIPTDIR/../support/cluster.sh
. "$here/../support/cluster.sh"

DEALS=${DEALS:-3}
passed=0
failed=0
trap 'cluster_destroy chain' EXIT
check() { # TITLE, GOT, WANTED
    if [[ $2 == "$3" ]]; then
        passed=$((passed + 1))
        printf 'ok     %2d - %s\n' "$((passed + failed))" "$1"
    else
        failed=$((failed + 1))
        printf 'not ok %2d - %s\n#   got: %s\n#   wanted: %s\n' "$((passed + failed))" "$1" "$2" "$3"
    fi
}
ask() { cluster_psql chain -A -t -c "$1"; }
# As what a client calls: each statement commits for itself, with the organisation entered.
call() { cluster_psql chain -A -t <<<"SELECT sentinel.enter('$org', session => true) \\g /dev/null
$1"; }

# Once all processes are gone their lock files tell nothing, but bind while a slow init has not collected the zombies.
start_again() {
    local pid
    [[ -e $work/fired ]] || return 1
    for pid in $(<"$work/fired"); do await_exit "$pid" 30 || return 1; done
    rm "$work/fired" "$work/data/postmaster.pid" "$work"/sock/.s.*
    cluster_start chain
}
# Do it, and do it again after a crash. Any other failure is one.
through() {
    "$@" >/dev/null 2>"$work/error" && return 0
    if start_again && "$@" >/dev/null 2>"$work/error"; then return 0; fi
    cat "$work/error"
    return 1
}
kill_server() { as_owner "$work/crash"; }

win() { call "SELECT format('SELECT sentinel.move_deal(%L, ''closed_won'')', deal_id) FROM chain.deals WHERE point = $1 \\gexec"; }
pay() { call "SELECT format('SELECT sentinel.mark_invoice_paid(%L)', i.id) FROM chain.deals p JOIN sentinel.invoices i USING (org_id, deal_id)
    WHERE p.point = $1 ORDER BY 1 \\gexec"; }
# What a job waits for after its worker died is not waited for here. Ends when no job is left.
drain() {
    for _ in 1 2 3 4 5 6; do
        ask 'CALL sentinel.tick()' >/dev/null || return 1
        [[ $(ask 'SELECT count(*) FROM sentinel.job_waiting') != 0 || $(ask 'SELECT count(*) FROM sentinel.job_running') != 0 ]] || return 0
        call 'SELECT sentinel.reschedule_job(id, now()) FROM sentinel.job_waiting' >/dev/null || return 1
    done
    echo 'jobs are left' >&2
    return 1
}
# One job a call, until a condition holds; then the server is killed.
drain_until() {
    for _ in {1..40}; do
        [[ $(ask "$1") != t ]] || { kill_server; return 1; }
        ask 'CALL sentinel.run_jobs(1)' >/dev/null || return 1
    done
}

cluster_create chain "fsync = off" "autovacuum = off"
work=$(cluster_dir chain)
cat >"$work/crash" <<EOF
#!/bin/sh
# Once, while armed: the postmaster first, so that it restarts nothing, then all its processes.
rm "$work/armed" 2>/dev/null || exit 0
postmaster=\$(head -n 1 "$work/data/postmaster.pid")
all="\$postmaster \$(cat "/proc/\$postmaster/task/\$postmaster/children")"
echo "\$all" >"$work/fired"
kill -9 \$all
EOF
chmod 755 "$work/crash"
cluster_start chain
cluster_psql chain -c 'SET client_min_messages = warning' -c 'CREATE EXTENSION sentinel CASCADE' -c 'SELECT count(*) FROM sentinel.install()' >/dev/null
org=$(ask "SELECT sentinel.create_org('Example Company', 'example', 'Europe/London')")
cluster_psql chain -v crash="$work/crash" <"$here/chain.sql"

while IFS='|' read -r point step place relation condition; do
    name="$step, $place"
    if ! call "SELECT chain.begin($point, $DEALS)" >/dev/null || ! drain >/dev/null 2>&1; then break; fi
    ask "ALTER DATABASE postgres SET chain.point = '$point'"
    as_owner touch "$work/armed"
    done_by=()
    steps=("win $point" drain "pay $point" drain)
    # After a commit: a client's call that was heard and not answered; a job that ended before its next was claimed.
    if [[ -z $relation ]]; then
        reached="SELECT bool_or($condition) FROM chain.deals p WHERE p.point = $point"
        case $step in
            win | pay) done_by=("$step $point" kill_server) ;;
            create_invoice | generate_contract) done_by=("win $point" "drain_until") ;;
            *) done_by=("win $point" drain "pay $point" "drain_until") ;;
        esac
        if [[ $step == pay ]]; then done_by=("win $point" drain "${done_by[@]}"); fi
        for one in "${done_by[@]}"; do
            # shellcheck disable=SC2086  # a command and its argument
            case $one in
                drain_until) drain_until "$reached" >/dev/null 2>&1 ;;
                *) $one >/dev/null 2>&1 ;;
            esac
        done
        start_again
    fi
    problem=
    for one in "${steps[@]}"; do
        # shellcheck disable=SC2086  # a command and its argument
        problem+=$(through $one)
    done
    IFS='|' read -r bad line < <(ask "SELECT * FROM chain.verdict($point)")
    check "$name: $line" "${bad:-?} ${problem:-}" '0 '
    [[ ! -e $work/armed ]] || { check "$name: the server was killed" no yes; rm "$work/armed"; }
    ask "ALTER DATABASE postgres RESET chain.point"
done < <(ask "SELECT point, step, place, relation, CASE WHEN relation IS NULL THEN condition END FROM chain.points ORDER BY point")

points=$(ask 'SELECT count(*) FROM chain.points')
check "each of $points places was gone through" "$passed" "$points"
check "the server recovered as many times" "$(grep -c 'database system was not properly shut down' "$work/log")" "$points"
check "invoices are numbered without a gap" \
    "$(ask "SELECT bool_and(substr(number, 5)::int = n) FROM (SELECT number, row_number() OVER (ORDER BY number) AS n FROM sentinel.invoices) i")" t
check "no job is dead" "$(ask 'SELECT count(*) FROM sentinel.job_dead')" 0
check "nothing breaks a rule of integrity an hour later" \
    "$(call "SELECT count(*) FROM sentinel.integrity_breaches_at(now() + interval '1 hour')")" 0
printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
