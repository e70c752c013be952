#!/usr/bin/env bash
# What the latency and http figures share; source it from the root of the tree, after cluster.sh, settings.sh, measure.sh.

# Compile a program into build/bench if its source is newer. Arguments: source, libraries ... Its path is in $PROGRAM.
bench_program() {
    local source=$1
    shift
    PROGRAM=$PWD/build/bench/$(basename "$source" .cpp)
    [[ ! -x $PROGRAM || -n $(find "$(dirname "$source")" -name '*.[ch]pp' -newer "$PROGRAM") ]] || return 0
    mkdir -p build/bench
    "${CXX:-g++}" -std=c++20 -O2 -Wall -Wextra -Werror -isystem "$("$(pg_config_path)" --includedir)" \
        -o "$PROGRAM" "$source" "$@" -pthread
}

# Make a database with the extension and use it from now on. Argument: its name. It is dropped first.
bench_database() {
    # shellcheck disable=SC2034  # peer_psql uses it
    DATABASE=$1
    cluster_psql "$CLUSTER" -c 'SET client_min_messages = warning' -c "DROP DATABASE IF EXISTS $1 WITH (FORCE)" \
        -c "CREATE DATABASE $1"
    peer_psql -c 'SET client_min_messages = warning' -c 'CREATE EXTENSION sentinel CASCADE' \
        -c 'SELECT sentinel.install()' >/dev/null
}
