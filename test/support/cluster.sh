#!/usr/bin/env bash
# Private PostgreSQL clusters for tests and the demo; source it, after packages.sh.
#
# A cluster lives in one fresh folder below ${TMPDIR:-/tmp}: data/, sock/, log and what its caller adds. It listens on no
# network address; the port only names the socket. The server runs as the caller, or as user postgres when the caller is
# root (a server refuses root). Nothing here looks at, starts or stops a cluster that it did not make.
#
#   cluster_create NAME [conf line ...]   initdb; writes the lines to postgresql.conf; does not start it
#   cluster_start NAME | cluster_stop NAME [fast|smart|immediate] | cluster_restart_immediate NAME | cluster_destroy NAME
#   cluster_psql NAME [psql arguments]    psql as superuser postgres, quiet, stops at the first error
#   cluster_env NAME                      print PGHOST=.. PGPORT=.. PGUSER=.. for env(1) or eval
#   cluster_dir NAME, cluster_pid NAME    the folder; the postmaster's pid (cluster_runs NAME: whether it runs)
#   cluster_attach NAME DIR               know a cluster that another shell made
#   pg_cron_conf DATABASE                 print the conf lines that preload pg_cron for that database
#   as_owner COMMAND ...                  run a command in / as the user who owns the clusters (a clone may lie in a folder
#                                         that this user cannot enter)

declare -gA CLUSTER_DIRS=()

# Print the folder of the server's programs.
pg_bindir() {
    local config
    config=$(pg_config_path) || die "no pg_config: install postgresql-server-dev"
    "$config" --bindir
}

# Print the user that runs clusters, workers and stand-ins: never root.
cluster_owner() {
    if [[ $EUID -eq 0 ]]; then echo postgres; else id -un; fi
}

# The words before a command that is to run as that user. Use the array itself, not as_owner, for `cmd &`: then $! is the
# command's own pid (setpriv becomes the command; runuser would stay above it, and kills it 2 s after a SIGTERM).
if [[ $EUID -eq 0 ]]; then
    AS_OWNER=(setpriv --reuid=postgres --regid=postgres --init-groups env -C / HOME=/)
else
    AS_OWNER=(env -C /)
fi

as_owner() { "${AS_OWNER[@]}" "$@"; }

# Make a fresh folder owned by the cluster owner, entered by no one else; print it. Argument: a word for its name.
fresh_folder() {
    local base=${TMPDIR:-/tmp} dir
    as_owner test -x "$base" -a -w "$base" || base=/tmp
    # A socket's path has 107 bytes at most, "/sock/.s.PGSQL.12345" among them.
    [[ ${#base} -le 60 ]] || base=/tmp
    dir=$(mktemp -d "$base/sentinel-$1.XXXXXX")
    chown "$(cluster_owner)" "$dir"
    chmod 700 "$dir"
    printf '%s\n' "$dir"
}

cluster_dir() { printf '%s\n' "${CLUSTER_DIRS[$1]:?no cluster of that name}"; }

cluster_attach() { CLUSTER_DIRS[$1]=$2; }

cluster_port() { sed -nE 's/^port = ([0-9]+)$/\1/p' "$(cluster_dir "$1")/data/sentinel.conf"; }

cluster_pid() { head -n 1 "$(cluster_dir "$1")/data/postmaster.pid" 2>/dev/null; }

cluster_env() {
    printf 'PGHOST=%s PGPORT=%s PGUSER=postgres\n' "$(cluster_dir "$1")/sock" "$(cluster_port "$1")"
}

pg_cron_conf() {
    printf '%s\n' "shared_preload_libraries = 'pg_cron'" "cron.database_name = '$1'" "cron.use_background_workers = on" \
        "max_worker_processes = 20"
}

cluster_create() {
    local name=$1 dir port
    shift
    dir=$(fresh_folder "$name")
    CLUSTER_DIRS[$name]=$dir
    port=$((50000 + RANDOM % 10000)) # not 5432: a psql that forgets -h shall not meet this one
    as_owner mkdir "$dir/sock"
    as_owner "$(pg_bindir)/initdb" --no-sync -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
        >"$dir/initdb.log" 2>&1 || {
        cat "$dir/initdb.log" >&2
        die "initdb failed for the cluster '$name'"
    }
    {
        printf '%s\n' "port = $port" "unix_socket_directories = '$dir/sock'" "listen_addresses = ''" \
            "unix_socket_permissions = 0700" "shared_buffers = 128MB" "log_timezone = 'UTC'" "timezone = 'UTC'" \
            "logging_collector = off" "cluster_name = 'sentinel-$name'"
        [[ $# -eq 0 ]] || printf '%s\n' "$@"
    } | as_owner tee "$dir/data/sentinel.conf" >/dev/null
    printf "include 'sentinel.conf'\n" | as_owner tee -a "$dir/data/postgresql.conf" >/dev/null
}

cluster_start() {
    local name=$1 dir
    dir=$(cluster_dir "$name")
    as_owner "$(pg_bindir)/pg_ctl" start -s -w -t 60 -D "$dir/data" -l "$dir/log" </dev/null >/dev/null 2>&1 || {
        tail -n 20 "$dir/log" >&2
        die "the cluster '$name' did not start; its log: $dir/log"
    }
}

# Status 0 when the cluster's own postmaster runs; a pid file that it left behind, or a pid that is another's by now, is none.
cluster_runs() {
    local pid
    pid=$(cluster_pid "$1") && [[ -n $pid && $(readlink "/proc/$pid/cwd") == "$(cluster_dir "$1")/data" ]]
}

cluster_stop() {
    local name=$1 mode=${2:-fast} dir pid
    cluster_runs "$name" || return 0
    dir=$(cluster_dir "$name")
    pid=$(cluster_pid "$name")
    as_owner "$(pg_bindir)/pg_ctl" stop -s -w -t 60 -m "$mode" -D "$dir/data" >/dev/null 2>&1 && return 0
    # pg_ctl gave up: SIGQUIT is the immediate shutdown.
    cluster_runs "$name" && as_owner kill -QUIT "$pid" 2>/dev/null
    await_exit "$pid" 30 || die "the server of cluster '$name' (pid $pid) does not end"
}

cluster_restart_immediate() {
    cluster_stop "$1" immediate
    cluster_start "$1"
}

cluster_destroy() {
    local name=$1 dir
    dir=${CLUSTER_DIRS[$name]:-}
    [[ -n $dir && -d $dir ]] || return 0
    cluster_stop "$name" immediate
    ! cluster_runs "$name" || die "the cluster '$name' still runs; left as it is: $dir"
    rm -rf -- "$dir"
    unset "CLUSTER_DIRS[$name]"
}

cluster_psql() {
    local name=$1
    shift
    PGHOST=$(cluster_dir "$name")/sock PGPORT=$(cluster_port "$name") PGUSER=postgres PGOPTIONS='' \
        "$(pg_bindir)/psql" -X -q -P pager=off -v ON_ERROR_STOP=1 "$@"
}

# Wait until a process is gone. Arguments: pid, seconds. Status 1 when it is still there.
await_exit() {
    local pid=$1 tenths=$(($2 * 10))
    while [[ -d /proc/$pid ]]; do
        # A zombie whose parent is slow to collect it has ended.
        grep -qs '^State:[[:space:]]*Z' "/proc/$pid/status" && return 0
        ((tenths-- > 0)) || return 1
        sleep 0.1
    done
}

# Wait until a command succeeds. Arguments: seconds, command ... Status 1 when time is up.
await() {
    local tenths=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        ((tenths-- > 0)) || return 1
        sleep 0.1
    done
}
