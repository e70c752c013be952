#!/usr/bin/env bash
# Scoring and sweeping deals, at a hundredth of DEALS and at DEALS; sourced by bench.sh.

DEALS=${DEALS:-1000000}

# Print name|value|unit. Argument: number of deals.
measure_deals() {
    "$(pg_bindir)/createdb" "risk_$1"
    cluster_psql risk -d "risk_$1" -c 'SET client_min_messages = warning' -c 'CREATE EXTENSION sentinel CASCADE' \
        -c 'SELECT sentinel.install()' >/dev/null
    cluster_psql risk -d "risk_$1" -At -v n="$1" -f test/bench/risk.sql | grep -E '^[^|]+\|[^|]*\|'
}

value_of() { awk -F'|' -v name="$2" -v unit="$3" '$1 == name && $3 == unit { print $2 }' <<<"$1"; } # rows, name, unit

# Print the part of RESULTS.md.
measure_risk() {
    local few many before after small=$((DEALS / 100)) name value unit
    cluster_create risk "shared_buffers = 2GB" "max_wal_size = 8GB" "work_mem = 64MB" "jit = off"
    cluster_start risk
    eval "export $(cluster_env risk)"
    say "$small deals"
    few=$(measure_deals "$small")
    say "$DEALS deals"
    many=$(measure_deals "$DEALS")
    before=$(value_of "$few" 'pages touched by the sweep' pages)
    after=$(value_of "$many" 'pages touched by the sweep' pages)
    printf 'Of make bench, %s. Serial.\n\n' "$(date -u +%F)"
    printf '| figure | %s deals | %s deals | unit |\n|---|---|---|---|\n' "$small" "$DEALS"
    while IFS='|' read -r name value unit; do
        printf '| %s | %s | %s | %s |\n' "$name" "$(value_of "$few" "$name" "$unit")" "$value" "$unit"
    done <<<"$many"
    [[ -z $before || -z $after ]] ||
        printf '\nPages touched by the sweep at %s deals: %s times those at %s (aim 1.5 at most). Scoring all deals: aim 6 at most.\n' \
            "$DEALS" "$(awk -v a="$after" -v b="$before" 'BEGIN { printf "%.2f", a / b }')" "$small"
    cluster_destroy risk
}
