#!/usr/bin/env bash
# Strangers against the worker: addresses nobody may call in every spelling, names that change their mind, redirects, answers
# that lie, drip, flood, hang, reset or show a bad certificate, name servers that hang, every byte in every field; then clocks
# that are wrong, descriptors and disk space that run out. Each attempt ends in time and says what it was, memory stays flat,
# nobody else waits, nothing is dialled that may not be, and no secret is left anywhere.
#
# The worker runs with hostile/stranger.cpp preloaded, which writes down every address it connects to. The cases are in
# hostile/cases.sh. All go through the database as any message does.
set -uo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=SCRIPTDIR/../support/packages.sh
. "$ROOT/test/support/packages.sh"
# shellcheck source=SCRIPTDIR/../support/cluster.sh
. "$ROOT/test/support/cluster.sh"
# shellcheck source=SCRIPTDIR/../support/delivery.sh
. "$ROOT/test/support/delivery.sh"
# shellcheck source=SCRIPTDIR/hostile/cases.sh
. "$ROOT/test/e2e/hostile/cases.sh"
# shellcheck source=SCRIPTDIR/hostile/trial.sh
. "$ROOT/test/e2e/hostile/trial.sh"
# shellcheck source=SCRIPTDIR/hostile/rough.sh
. "$ROOT/test/e2e/hostile/rough.sh"

title() { printf '== %s (%d s)\n' "$1" "$SECONDS"; }
status_kb() { sed -nE "s/^$1:[[:space:]]*([0-9]+) kB\$/\1/p" "/proc/$WORKER_PID/status"; }
witness() { ask witness "$1" | python3 -c "import json, sys; x = json.load(sys.stdin); print($2)"; }

title 'cluster, stand-ins, worker'
# The server's log is as talkative as it can be: no secret may be in it all the same.
delivery_begin hostile "fsync = off" "log_statement = 'all'" "log_min_duration_statement = 0" "log_parameter_max_length = -1"
as_owner tee "$DIR/stranger.cpp" <"$ROOT/test/e2e/hostile/stranger.cpp" >/dev/null
as_owner g++ -std=c++17 -D_GNU_SOURCE -shared -fPIC -o "$DIR/stranger.so" "$DIR/stranger.cpp" -ldl &
compiler=$!
standin hostile --bytes 2000000000
standin witness
standin webhook_receiver
cp "$ROOT"/test/e2e/hostile/*.py "$DIR/programs"
chmod 644 "$DIR"/programs/*.py
learn_ports
EGRESS=
for name in refused full plain stall tls_good tls_self_signed tls_expired tls_wrong_host tls_old; do EGRESS+=", \"127.0.0.1:${PORT[$name]}\""; done
# These ports may be called, at another address.
for name in canary outside outside_too; do EGRESS+=", \"198.51.100.77:${PORT[$name]}\""; done
ADDRESS[slack]=${ADDRESS[witness]}
LOG_LEVEL=debug worker_conf "$DIR/worker.json" "ca_file:\"${PORT[ca_file]}\""
cluster_psql "$NAME" -d "$DB" -f "$ROOT/test/e2e/hostile/trial.sql"
warm | add_cases warm
spellings | add_cases addresses
names | add_cases names
redirects | add_cases redirects
tricks | add_cases tricks
waits | add_cases waits
slow_names | add_cases slow
printf '%s\n' "rebinding, the first look-up;http://r.rebind.test:{outside}/status/204;204\|\|delivered\|t" | add_cases rebind1
printf '%s\n' "rebinding, the second look-up;http://r.rebind.test:{outside_too}/status/204;$BLOCKED" | add_cases rebind2
make_targets
wait "$compiler" || die "stranger.cpp does not build"
worker_with_stranger "$DIR/worker.json"
within 20 "the worker is ready" grep -q '"msg":"ready"' "$DIR/worker.log"
good=$(add_webhook /hooks/good '{chaos.never}' "$(new_webhook_key)")
slack=$(add_slack reuse '{chaos.never}' "CanaryTokenCanaryToken24")
send warm
await_group 20 warm
same "good receivers hear" 0 "$(sql "SELECT count(*) FROM trial.results WHERE grp = 'warm' AND got !~ wanted")"
from=$(sql "SELECT now()")
keep_sending 20 0.05
within 10 "a good receiver hears" counted webhook_receiver accepted 20
calm_ms=$(worst_ms "$from")
resident_kb=$(status_kb VmRSS)
{ printf 5 >"/proc/$WORKER_PID/clear_refs"; } 2>/dev/null || note "the peak of memory counts from the worker's start"

title 'everything at once'
from=$(sql "SELECT now()")
for group in slow tricks addresses names redirects waits rebind1; do send "$group"; done
keep_sending 60 0.05
within 10 "a good receiver hears meanwhile, every time" counted webhook_receiver accepted 80
storm_ms=$(worst_ms "$from")
note "slowest delivery to it: $calm_ms ms before, $storm_ms ms in the storm"
ok "and none of it waits a second for the others" test "$storm_ms" -lt 1000
send rebind2
fuzz_targets
for group in addresses names rebind1 rebind2 redirects waits slow tricks; do await_group 25 "$group"; done
peak_kb=$(status_kb VmHWM)
for group in addresses names rebind1 rebind2 redirects waits slow tricks; do judge "$group"; done
same "the canary saw no connect" 0 "$(counter hostile canary_connects)"
same "nothing was dialled but what may be" "$(wanted_dials)" "$(dialled)"
for name in tls_self_signed tls_expired tls_wrong_host tls_old; do
    same "${name//_/ }: nothing was sent behind the handshake" 0 "$(counter hostile "requests_$name")"
done
same "our log tells a blocked address from a refused connection, the customer's does not" "blocked_address connection_refused" \
    "$(grep -oE '"error":"(blocked_address|connection_refused)"' "$DIR/worker.log" | sort -u | sed -E 's/.*:"(.*)"/\1/' | xargs)"
same "they are told alike, without times or address" 1 "$(sql "SELECT count(DISTINCT (error_code, error_detail, dns_ms, connect_ms,
    tls_ms, ttfb_ms, total_ms, peer_ip, http_status)) FROM sentinel.delivery_attempts WHERE error_code = 'unreachable'")"
same "none took longer than its limit" t "$(sql "SELECT bool_and(total_ms <= 15500) FROM sentinel.delivery_attempts")"
same "a name server that hangs costs 5 s, not what it takes" t "$(sql "SELECT bool_and(took < interval '6500 ms') FROM trial.results WHERE grp = 'slow'")"
same "no more than 16 KiB is kept of an answer, and 64 KiB and one piece read" t "$(sql "SELECT bool_and(
    coalesce(octet_length(resp_excerpt), 0) <= 16384 AND resp_bytes <= 65536 + 16384) FROM sentinel.delivery_attempts")"
same "what was cut is said to be" t "$(sql "SELECT bool_and(resp_truncated) FROM sentinel.delivery_attempts WHERE resp_bytes > 65536")"
same "who was told to wait is waited for, and no longer than a day" t "$(sql "SELECT bool_and(next_attempt_at - recorded_at
    BETWEEN make_interval(secs => coalesce(retry_after_s, 30)) AND interval '28.8 hours') FROM trial.results WHERE grp = 'waits'")"
ok "memory grew by less than 5 MB ($((peak_kb - resident_kb)) kB)" test $((peak_kb - resident_kb)) -lt 5120
same "the log is JSON lines without escapes" 0 "$(grep -c -v -P '^\{[\x20-\x7e]*\}$' "$DIR/worker.log")"

title 'every byte in every field'
fuzz_fields
title 'connections and trust'
no_shared_connections
no_quoted_secrets
pids=("$WORKER_PID")
in_proc
ok "the worker stops in order" worker_stop

title 'clocks that are wrong'
wrong_clocks
title '64 descriptors'
few_descriptors
title 'no space for the log'
full_disk
title 'what is left behind'
no_secret_left

title 'figures'
printf '%-36s %8s %10s\n' "receiver" "ms" "body bytes"
sql "SELECT rpad(words, 36) || lpad(coalesce(round(total_ms)::text, '-'), 9) || lpad(coalesce(resp_bytes, 0)::text, 11)
    FROM trial.results WHERE grp = 'tricks' ORDER BY n"
printf '%-36s %8s\n' "slowest good delivery, calm, ms" "$calm_ms" "slowest good delivery, storm, ms" "$storm_ms" \
    "memory before, kB" "$resident_kb" "memory at most, kB" "$peak_kb" "grown by, kB" "$((peak_kb - resident_kb))" \
    "cases" "$(sql "SELECT count(*) FROM trial.cases")" "run time, s" "$SECONDS"
tally
