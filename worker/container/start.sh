#!/bin/bash
# Start sentinel-worker or sentinel-gateway as its own user, or with --check say what is wrong with its configuration.
# Usage: start.sh worker|gateway [--check]
#
# Starts as root, because secrets may be readable by root only, and hands the program its own copies in memory.
set -euo pipefail

part=$1
shift
program=sentinel-$part
run=/run/$program
secrets=/run/secrets
config=${SENTINEL_CONFIG:-/etc/sentinel/$part.json}

[[ $EUID -eq 0 ]] || { echo "start this container as root: it becomes $program itself" >&2; exit 1; }

# Put standard input into a file of the program's user that nobody else may read.
hand_over() {
    (umask 0377 && cat >"$run/$1.new")
    chown "$program:$program" "$run/$1.new"
    mv -f "$run/$1.new" "$run/$1"
}

if [[ ${1:-} != --check ]]; then
    # libpq's passfile: the two characters that it treats as special are escaped.
    head -n 1 "$secrets/${part}_password" | sed 's/[\\:]/\\&/g; s/^/*:*:*:*:/' | hand_over passfile
    # The gateway holds no key.
    [[ $part != worker ]] || hand_over keys <"$secrets/worker_keys"
fi
exec setpriv --reuid="$program" --regid="$program" --init-groups "$program" --config "$config" "$@"
