#!/bin/bash
# Start the worker as its own user, or with --check say what is wrong with its configuration.
#
# Starts as root, because secrets may be readable by root only, and hands the worker its own copies in memory.
set -euo pipefail

run=/run/sentinel-worker
secrets=/run/secrets
config=${SENTINEL_WORKER_CONFIG:-/etc/sentinel/worker.json}
user=sentinel-worker

[[ $EUID -eq 0 ]] || { echo "start this container as root: it becomes $user itself" >&2; exit 1; }

# Put standard input into a file of the worker's user that nobody else may read.
hand_over() {
    (umask 0377 && cat >"$run/$1.new")
    chown "$user:$user" "$run/$1.new"
    mv -f "$run/$1.new" "$run/$1"
}

if [[ ${1:-} != --check ]]; then
    # libpq's passfile: the two characters that it treats as special are escaped.
    head -n 1 "$secrets/worker_password" | sed 's/[\\:]/\\&/g; s/^/*:*:*:*:/' | hand_over passfile
    hand_over keys <"$secrets/worker_keys"
fi
exec setpriv --reuid="$user" --regid="$user" --init-groups sentinel-worker --config "$config" "$@"
