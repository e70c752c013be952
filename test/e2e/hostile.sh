#!/usr/bin/env bash
# Receivers that lie, drip, flood, hang, reset or show a bad certificate, and name servers that hang: each attempt ends in
# time and says what it was, memory stays flat, and nobody else waits for it.
set -uo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=SCRIPTDIR/../support/packages.sh
. "$ROOT/test/support/packages.sh"
# shellcheck source=SCRIPTDIR/../support/cluster.sh
. "$ROOT/test/support/cluster.sh"
# shellcheck source=SCRIPTDIR/../support/delivery.sh
. "$ROOT/test/support/delivery.sh"

port() { ask hostile /_ports | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
peak_kb() { sed -nE 's/^VmHWM:[[:space:]]*([0-9]+) kB$/\1/p' "/proc/$WORKER_PID/status"; }
# A fact of the first attempt of a delivery. Arguments: delivery, expression.
attempt() { sql "SELECT $2 FROM sentinel.delivery_attempts WHERE delivery_id = '$1' ORDER BY n LIMIT 1"; }
attempted() { [[ -n $(attempt "$1" n) ]]; }
send_test() { org_sql "SELECT sentinel.send_test('$1')"; }

# Words; port of the stand-in; path; what the first attempt records: HTTP status, error, decision, whether anything was sent.
# A receiver that has said 2xx has taken the message, whatever it does with the rest of its answer.
tricks() {
    cat <<'END'
an endless body;http;/endless;200||delivered|t
a body without length;http;/endless-close;200||delivered|t
a gzip bomb;http;/gzip-bomb;200||delivered|t
50 MB;http;/big;200||delivered|t
a dripping body;http;/drip;200|timeout|delivered|t
half a body, then a reset;http;/reset-mid;200|connection_reset|delivered|t
escapes and script in the answer;http;/escape;200||delivered|t
dripping headers;http;/drip-headers;200|timeout|delivered|t
headers without end;http;/header-flood;200|header_too_large|delivered|t
a header line without end;http;/header-line;200|network_error|delivered|t
103 without end;http;/endless-1xx;|header_too_large|retry|t
101;http;/switch;|connection_reset|retry|t
silence;http;/hang;|timeout|retry|t
a reset;http;/reset;|connection_reset|retry|t
a close;http;/close;|connection_reset|retry|t
no HTTP;http;/garbage;|protocol_error|retry|t
HTTP 0.9;http;/http09;|protocol_error|retry|t
status 999999;http;/bad-status;|protocol_error|retry|t
nothing listens;refused;/;|connection_refused|retry|f
a wedged TLS handshake;stall;/;|connect_timeout|retry|f
TLS as it should be;tls_good;/status/204;204||delivered|t
a self-signed certificate;tls_self_signed;/status/204;|tls_error|retry_slow|f
an expired certificate;tls_expired;/status/204;|tls_error|retry_slow|f
another host's certificate;tls_wrong_host;/status/204;|tls_error|retry_slow|f
END
}

printf '== cluster, stand-ins, worker\n'
delivery_begin hostile "fsync = off"
standin hostile
standin webhook_receiver
EGRESS=
for name in refused stall tls_good tls_self_signed tls_expired tls_wrong_host; do
    EGRESS+=", \"127.0.0.1:$(port "$name")\""
done
worker_conf "$DIR/worker.json" "ca_file:\"$(port ca_file)\""

# A resolver as a stranger may run one: *.slow.test answers after 8 s, all else is 127.0.0.1.
as_owner tee "$DIR/names.cpp" >/dev/null <<'CPP'
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** out) {
    using Resolve = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
    static const auto real = reinterpret_cast<Resolve>(dlsym(RTLD_NEXT, "getaddrinfo"));
    if (node != nullptr && strstr(node, ".slow.test") != nullptr) sleep(8);
    if (node != nullptr && strstr(node, ".test") != nullptr) node = "127.0.0.1";
    return real(node, service, hints, out);
}
CPP
as_owner g++ -D_GNU_SOURCE -shared -fPIC -o "$DIR/names.so" "$DIR/names.cpp" -ldl || die "the resolver does not build"
start_process worker env LD_PRELOAD="$DIR/names.so" "$WORKER" --config "$DIR/worker.json"
WORKER_PID=$!
within 20 "the worker is ready" grep -q '"msg":"ready"' "$DIR/worker.log"
good=$(add_webhook /hooks/good '{chaos.never}' "$(new_webhook_key)")
heard_within() { # seconds, words: a message to the good receiver arrives meanwhile
    local before
    before=$(counter webhook_receiver accepted)
    send_test "$good" >/dev/null
    within "$1" "$2" counted webhook_receiver accepted $((before + 1))
}
heard_within 20 "a good receiver hears"
quiet_kb=$(peak_kb)

printf '== every trick at once\n'
declare -A first=()
while IFS=';' read -r words name path wanted; do
    scheme=http
    [[ $name == tls_* || $name == stall ]] && scheme=https
    IFS='|' read -r target secret < <(org_sql "SELECT * FROM sentinel.create_webhook_endpoint(
        '$scheme://127.0.0.1:$(port "$name")$path', '{chaos.never}')")
    printf '%s' "$(new_webhook_key)" | seal webhook_key "$target" "$secret"
    first[$words]=$target
done < <(tricks)
for words in "${!first[@]}"; do first[$words]=$(send_test "${first[$words]}"); done
heard_within 3 "a good receiver hears while they go on"
while IFS=';' read -r words name path wanted; do
    within 30 "$words: the attempt ends" attempted "${first[$words]}"
    same "$words: what it was" "$wanted" \
        "$(attempt "${first[$words]}" "concat(http_status, '|', error_code, '|', decision, '|', sent)")"
done < <(tricks)
same "none took longer than its limit" t "$(sql "SELECT bool_and(total_ms <= 16000) FROM sentinel.delivery_attempts")"
same "no more than 16 KiB is kept of an answer, and 64 KiB and one piece read" t "$(sql "SELECT bool_and(
    coalesce(octet_length(resp_excerpt), 0) <= 16384 AND resp_bytes <= 65536 + 16384) FROM sentinel.delivery_attempts")"
same "what was cut is said to be" t "$(sql "SELECT bool_and(resp_truncated) FROM sentinel.delivery_attempts WHERE resp_bytes > 65536")"
grown=$(($(peak_kb) - quiet_kb))
note "memory grew by $grown kB"
ok "memory grew by less than 16 MB" test "$grown" -lt 16384
same "the log is JSON lines without escapes" 0 "$(grep -c -v -P '^\{[\x20-\x7e]*\}$' "$DIR/worker.log")"

printf '== a name server that hangs\n'
targets=''
for n in 1 2 3; do
    targets+="${targets:+,}$(add_webhook / '{chaos.never}' "$(new_webhook_key)" "n$n.slow.test:$(port http)")"
done
slow=$(org_sql "SELECT sentinel.send_test(id) FROM unnest('{$targets}'::uuid[]) id" | head -n 1)
# Jobs of the tricks above may be at their second attempt meanwhile.
within 5 "the look-ups are under way" gives t "SELECT count(*) >= 3 FROM sentinel.job_running WHERE job_type = 'send_webhook'"
heard_within 2 "a good receiver hears meanwhile"
within 20 "the attempt ends" attempted "$slow"
heard_within 2 "and right after"
same "as what it was" "dns_error retry_slow f" "$(attempt "$slow" "concat_ws(' ', error_code, decision, sent)")"
same "after 5 s, not when the look-up returns" t "$(attempt "$slow" "recorded_at - started_at < interval '6500 ms'")"
ok "the worker stops in order" worker_stop
tally
