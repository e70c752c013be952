#!/usr/bin/env bash
# Measure against a floor in the same run and write the table to test/bench/RESULTS.md.
# Usage: make bench [DEALS=1000000]. Works on a private cluster; takes some minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=test/support/packages.sh
source test/support/packages.sh
# shellcheck source=test/support/cluster.sh
source test/support/cluster.sh

DEALS=${DEALS:-1000000}
ensure_packages test
PG_CONFIG=$(pg_config_path)
say "building and installing"
make -s PG_CONFIG="$PG_CONFIG" >/dev/null 2>&1
as_root make -s PG_CONFIG="$PG_CONFIG" install >/dev/null 2>&1

trap 'cluster_destroy bench' EXIT
cluster_create bench "shared_buffers = 2GB" "max_wal_size = 8GB" "work_mem = 64MB" "jit = off"
cluster_start bench
bindir=$(pg_bindir)
eval "export $(cluster_env bench)"

measure() { # number of deals: prints name|value|unit
    "$bindir/createdb" "risk_$1"
    cluster_psql bench -d "risk_$1" -c 'SET client_min_messages = warning' -c 'CREATE EXTENSION sentinel CASCADE' \
        -c 'SELECT sentinel.install()' >/dev/null
    cluster_psql bench -d "risk_$1" -At -v n="$1" -f test/bench/risk.sql | grep -E '^[^|]+\|[^|]*\|'
}

small=$((DEALS / 100))
say "$small deals"
few=$(measure "$small")
say "$DEALS deals"
many=$(measure "$DEALS")

value_of() { awk -F'|' -v name="$2" -v unit="$3" '$1 == name && $3 == unit { print $2 }' <<<"$1"; } # rows, name, unit
before=$(value_of "$few" 'pages touched by the sweep' pages)
after=$(value_of "$many" 'pages touched by the sweep' pages)
{
    printf '# Results of make bench\n\n'
    printf '%s, %s cores, PostgreSQL %s, sentinel %s, %s. Serial, medians of three; ratios matter, not times.\n\n' \
        "$(. /etc/os-release && echo "$PRETTY_NAME")" "$(nproc)" "$(cluster_psql bench -At -c 'SHOW server_version')" \
        "$(sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" extension/sentinel.control)" "$(date -u +%F)"
    printf '| figure | %s deals | %s deals | unit |\n|---|---|---|---|\n' "$small" "$DEALS"
    while IFS='|' read -r name value unit; do
        printf '| %s | %s | %s | %s |\n' "$name" "$(value_of "$few" "$name" "$unit")" "$value" "$unit"
    done <<<"$many"
    [[ -z $before || -z $after ]] ||
        printf '\nPages touched by the sweep at %s deals: %s times those at %s (aim 1.5 at most). Scoring all deals: aim 6 at most.\n' \
            "$DEALS" "$(awk -v a="$after" -v b="$before" 'BEGIN { printf "%.2f", a / b }')" "$small"
} | tee test/bench/RESULTS.md
