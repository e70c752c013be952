#!/usr/bin/env bash
# Run every kind of test. Installs the packages it needs, builds, installs, and works on private clusters only.
# Usage: make check [ONLY="unit regress isolation pgtap e2e packaging"]. The last line is `N passed, N failed`.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=test/support/packages.sh
source test/support/packages.sh
# shellcheck source=test/support/cluster.sh
source test/support/cluster.sh

ONLY=${ONLY:-packaging unit regress isolation pgtap e2e}
START=$SECONDS
passed=0
failed=0

stage() { [[ " $ONLY " == *" $1 "* ]] && printf '\n== %s (%d s)\n' "$1" $((SECONDS - START)); }
pass() { passed=$((passed + ${1:-1})); }
fail() {
    failed=$((failed + ${1:-1}))
    printf 'FAILED: %s\n' "$2"
}

# Run a command that is one test; show its output when it fails. Arguments: name, command ...
one_test() {
    local name=$1 log
    shift
    log=$(mktemp)
    if "$@" >"$log" 2>&1; then
        printf 'ok      %s\n' "$name"
        pass
    else
        tail -n 60 "$log"
        fail 1 "$name"
    fi
    rm -f "$log"
}

finish() {
    cluster_destroy check >/dev/null 2>&1
    [[ -z ${work:-} ]] || rm -rf -- "$work"
}
trap finish EXIT

[[ ${ENSURE_PACKAGES:-} == no ]] || ensure_packages test || exit 1
PG_CONFIG=$(pg_config_path)
export PG_CONFIG
bindir=$("$PG_CONFIG" --bindir)
pgxs_test=$(dirname "$("$PG_CONFIG" --pgxs)")/../test

say "building"
quiet_make() { make -s CI=1 PG_CONFIG="$PG_CONFIG" "$@" 2> >(grep -vE 'warning: (overriding|ignoring old) recipe' >&2); }
quiet_make -j2 || exit 1
log=$(as_root make -s PG_CONFIG="$PG_CONFIG" install 2>&1) || {
    printf '%s\n' "$log"
    exit 1
}

if stage packaging; then
    for script in test/packaging/*; do
        one_test "$script" "./$script"
    done
fi

if stage unit; then
    one_test "test/standins/standins_test.py" python3 -B test/standins/standins_test.py
    make -s -f test/unit.mk CI=1 -j2 tests || fail 1 "building the unit tests"
    for binary in build/unit/core/*_test build/unit/worker/*_test; do
        [[ -x $binary ]] || continue
        output=$("$binary" --gtest_brief=1 2>&1)
        status=$?
        count=$(sed -nE 's/^\[  PASSED  \] ([0-9]+) tests?\.$/\1/p' <<<"$output")
        pass "${count:-0}"
        if [[ $status -ne 0 ]]; then
            tail -n 40 <<<"$output"
            count=$(sed -nE 's/^\[  FAILED  \] ([0-9]+) tests?, listed below:$/\1/p' <<<"$output")
            fail "${count:-1}" "$binary"
        else
            printf 'ok      %s (%s)\n' "${binary#build/unit/}" "${count:-0}"
        fi
    done
    if make -s -f test/unit.mk -j2 fuzzers; then
        for fuzzer in build/unit/fuzz/*_fuzz; do
            one_test "${fuzzer#build/unit/}, ${FUZZ_RUNS:-20000} runs" \
                "$fuzzer" -seed=1 -runs="${FUZZ_RUNS:-20000}" -max_len=4096 -artifact_prefix=build/unit/
        done
    else
        fail 1 "building the fuzzers"
    fi
fi

work=$(fresh_folder work)
mapfile -t cron_conf < <(pg_cron_conf cronhome)
cluster_create check "${cron_conf[@]}" "fsync = off" "autovacuum = off" "max_prepared_transactions = 10"
cluster_start check
eval "export $(cluster_env check)"
# The tree may lie where the server's user cannot go.
cp -r test expected "$work"/ && chown -R "$(cluster_owner)" "$work"

# Count the lines of pg_regress: `test x ... ok` up to 15, TAP from 16 on.
count_regress() {
    local output=$1 name=$2 ended=$3 good bad
    good=$(grep -cE '^(test .* \.\.\. ok|ok [0-9]+)' <<<"$output")
    bad=$(grep -cE '^(test .* \.\.\. FAILED|not ok [0-9]+)' <<<"$output")
    pass "$good"
    if [[ $bad -gt 0 || $good -eq 0 || $ended -ne 0 ]]; then
        [[ $bad -gt 0 ]] || bad=1
        printf '%s\n' "$output" | tail -n 30
        find "$work" -name regression.diffs -exec head -n 150 {} \;
        fail "$bad" "$name"
    else
        printf 'ok      %s (%d)\n' "$name" "$good"
    fi
}
load=(--load-extension=pg_trgm --load-extension=pgcrypto --load-extension=btree_gin --load-extension=sentinel)

if stage regress; then
    mapfile -t names < <(cd test/sql && find . -name '*.sql' -printf '%f\n' | sed 's|\.sql$||' | sort)
    output=$("${AS_OWNER[@]}" env -C "$work" "$pgxs_test/regress/pg_regress" --inputdir=test \
        --bindir="$bindir" --dbname=regress "${load[@]}" "${names[@]}" 2>&1)
    count_regress "$output" "pg_regress" $?
fi

if stage isolation && [[ -d test/isolation/specs ]]; then
    mapfile -t names < <(cd test/isolation/specs && find . -name '*.spec' -printf '%f\n' | sed 's|\.spec$||' | sort)
    output=$("${AS_OWNER[@]}" env -C "$work/test/isolation" "$pgxs_test/isolation/pg_isolation_regress" --inputdir=. \
        --outputdir=. --bindir="$bindir" --dbname=isolation "${load[@]}" "${names[@]}" 2>&1)
    count_regress "$output" "isolation" $?
fi

if stage pgtap; then
    "$bindir/createdb" cronhome
    cluster_psql check -d cronhome -c 'CREATE EXTENSION pg_cron'
    "$bindir/createdb" tap
    cluster_psql check -d tap -c 'SET client_min_messages = warning' -c 'CREATE EXTENSION sentinel CASCADE' \
        -c 'CREATE EXTENSION pgtap' -c 'SELECT sentinel.install()' >/dev/null || fail 1 "installing for pgTAP"
    for file in test/pgtap/*.sql; do
        name=$(basename "$file" .sql)
        "$bindir/createdb" -T tap "tap_$name"
        # A copy knows that it is one, and would be parked.
        cluster_psql check -d "tap_$name" \
            -c "UPDATE sentinel.generation SET database_oid = (SELECT oid FROM pg_database WHERE datname = current_database())" ||
            fail 1 "making the database for $file"
        output=$(cluster_psql check -d "tap_$name" -At -f "$file" 2>&1)
        status=$?
        good=$(grep -cE '^ok [0-9]+' <<<"$output")
        bad=$(grep -cE '^not ok [0-9]+' <<<"$output")
        planned=$(sed -nE 's/^1\.\.([0-9]+)$/\1/p' <<<"$output" | head -n 1)
        pass "$good"
        if [[ $status -ne 0 || $bad -gt 0 || $((good + bad)) -ne ${planned:--1} ]]; then
            [[ $bad -gt 0 ]] || bad=1
            grep -vE '^ok ' <<<"$output" | tail -n 40
            fail "$bad" "$file: $good ok of ${planned:-no plan}"
        else
            printf 'ok      %s (%d)\n' "$file" "$good"
            grep -E '^ok [0-9]+ .*# SKIP' <<<"$output"
        fi
        "$bindir/dropdb" --force "tap_$name"
    done
fi

if stage e2e; then
    # Each script makes what it needs, says what it does, and ends with a line `N passed, N failed`.
    for script in test/e2e/*.sh; do
        began=$SECONDS
        output=$(bash "$script" 2>&1)
        status=$?
        summary=$(tail -n 1 <<<"$output")
        if [[ $summary =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
            pass "${BASH_REMATCH[1]}"
            bad=${BASH_REMATCH[2]}
        else
            bad=1
        fi
        [[ $status -eq 0 || $bad -gt 0 ]] || bad=1
        if [[ $bad -gt 0 ]]; then
            tail -n 60 <<<"$output"
            fail "$bad" "$script"
        else
            printf 'ok      %s (%s, %d s)\n' "$script" "$summary" $((SECONDS - began))
            grep -iE '^skip' <<<"$output"
        fi
    done
fi

printf '\nrun time %d s\n' $((SECONDS - START))
printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
