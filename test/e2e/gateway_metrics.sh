#!/usr/bin/env bash
# Prometheus' own checker finds nothing wrong with /metrics, from SQL and through the gateway, whose requests are counted there.
# gateway_metrics.sh. Skipped in part where neither promtool nor the package prometheus is to be had.
set -uo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=SCRIPTDIR/../support/packages.sh
. "$ROOT/test/support/packages.sh"
# shellcheck source=SCRIPTDIR/../support/cluster.sh
. "$ROOT/test/support/cluster.sh"
# shellcheck source=SCRIPTDIR/../support/delivery.sh
. "$ROOT/test/support/delivery.sh"

# The package starts a server when it is installed: only unpacked, it starts none.
find_promtool() {
    command -v promtool && return
    (cd "$DIR" && chmod 755 . && { apt-get -qq download prometheus || { apt_quiet update && apt-get -qq download prometheus; }; } && dpkg-deb -x prometheus_*.deb prometheus) >/dev/null 2>&1
    chmod 700 "$DIR"
    [[ -x $DIR/prometheus/usr/bin/promtool ]] && printf '%s\n' "$DIR/prometheus/usr/bin/promtool"
}
# promtool says nothing of the file.
silent() {
    if [[ -z $PROMTOOL ]]; then
        printf 'skipped: %s: no promtool\n' "$1"
        return
    fi
    same "$1" "0:" "$("$PROMTOOL" check metrics <"$2" 2>&1 | head -c 1000; printf '%s:' "${PIPESTATUS[0]}")"
}
figure() { sed -nE "s/^$1 ([0-9.e+-]+)\$/\1/p" "$2"; } # REGULAR EXPRESSION OF A SAMPLE, FILE
# The requests that the gateway has told of. Arguments: route, status.
counted() { sql "SELECT coalesce(sum(requests), 0) FROM sentinel.gateway_requests WHERE route = '$1' AND status_class = '$2'"; }
enough() { [[ $(counted "$1" "$2") -ge $3 ]]; }
status() { curl -s -m 20 -o "$DIR/answer" -w '%{http_code}' "$@"; }

delivery_begin metrics "fsync = off"
PROMTOOL=$(find_promtool)
cluster_psql "$NAME" -d "$DB" -v label=Acme -v slug=acme -f "$ROOT/test/e2e/populate.sql" >/dev/null 2>"$DIR/populate.log" ||
    { cat "$DIR/populate.log" >&2; die "populate.sql failed"; }
# Names that want escaping.
org_sql "SELECT sentinel.register_job_type('odd', kind => 'http', queue => E'a \"queue\"\\\\ of\\ntwo lines')" >/dev/null
org_sql "SELECT sentinel.enqueue('odd', '{}')" >/dev/null
cron=$(sql "SELECT sentinel.make_cron_secret()")

sql "SELECT convert_from(h.body, 'UTF8') FROM sentinel.http_handle('GET', '/metrics', '', '[[\"Authorization\", \"Bearer $cron\"]]', '', '192.0.2.1') h" >"$DIR/from_sql"
silent "promtool finds nothing wrong with what SQL gives" "$DIR/from_sql"
ok "a queue's name is escaped" grep -qF 'sentinel_jobs_waiting{queue="a \"queue\"\\ of\ntwo lines"} 1' "$DIR/from_sql"
same "a clock that never ticked has no age" "" "$(figure 'sentinel_clock_step_age_seconds.*' "$DIR/from_sql")"

# shellcheck disable=SC2119  # nothing but the defaults
gateway_start
same "without the secret there is nothing" 401 "$(status "$URL/metrics")"
same "nor with it in the query" 401 "$(status "$URL/metrics?token=$cron")"
for _ in 1 2 3 4 5; do status "$URL/health" >/dev/null; done
same "a path that does not exist" 404 "$(status "$URL/nowhere")"
within 40 "the gateway tells what it answered" enough /health 2xx 5
same "with the secret it is given" 200 "$(status -H "Authorization: Bearer $cron" -D "$DIR/head" "$URL/metrics")"
ok "as Prometheus' text form" grep -qi '^content-type: text/plain; version=0.0.4' "$DIR/head"
silent "promtool finds nothing wrong with what the gateway gives" "$DIR/answer"
same "requests are counted by route and status" 5 "$(figure 'sentinel_http_requests_total\{.*method="GET",route="\/health",status="2xx"\}' "$DIR/answer")"
same "those to nowhere too" 1 "$(figure 'sentinel_http_requests_total\{.*route="unmatched",status="4xx"\}' "$DIR/answer")"
same "each of them took some time" 5 "$(figure 'sentinel_http_request_duration_seconds_bucket\{.*route="\/health",le="\+Inf"\}' "$DIR/answer")"
ok "the gateway is connected to its database" test "$(figure 'sentinel_gateway_database_connections\{.*state="idle"\}' "$DIR/answer")" -ge 1

{
    cat "$DIR/answer"
    printf 'sentinel_odd_total{a="1"} 1\nsentinel_odd_total{a="1"} 2\n'
} >"$DIR/broken"
[[ -z $PROMTOOL ]] || ok "promtool does find what is wrong" not "$PROMTOOL" check metrics <"$DIR/broken"
tally
