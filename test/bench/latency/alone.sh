#!/usr/bin/env bash
# Everything that bench.sh has sourced before, for a script that is run by itself; source it from the root of the tree.
# shellcheck source=SCRIPTDIR/../../support/packages.sh
source test/support/packages.sh
# shellcheck source=SCRIPTDIR/../../support/cluster.sh
source test/support/cluster.sh
# shellcheck source=SCRIPTDIR/../peers/settings.sh
source test/bench/peers/settings.sh
# shellcheck source=SCRIPTDIR/../peers/measure.sh
source test/bench/peers/measure.sh

# Make a cluster of its own; the extension is installed already. Argument: a word for names.
bench_private() {
    CLUSTER=$1
    RESULTS=${RESULTS:-$PWD/build/bench-$1.tsv}
    trap bench_private_end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    SCRATCH=$(fresh_folder "$1")
    mkdir -p "$(dirname "$RESULTS")"
    : >"$RESULTS"
    cluster_create "$CLUSTER" "${BENCH_CONF[@]}"
    cluster_start "$CLUSTER"
    # shellcheck disable=SC2034  # used by who sources this
    COPY_FILE=
    # shellcheck disable=SC2034
    read -ra CONNECTION <<<"$(cluster_env "$CLUSTER")"
}

bench_private_end() {
    trap - EXIT
    [[ $(type -t http_end) != function ]] || http_end
    cluster_destroy "$CLUSTER"
    rm -rf -- "$SCRATCH"
}
