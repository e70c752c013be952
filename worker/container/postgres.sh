#!/bin/bash
# Start PostgreSQL.  On an empty volume make the cluster, the database, Sentinel and the logins of worker and gateway first.
#
# Starts as root, to read secrets and own the volume, and runs everything else as postgres.  The cluster is made aside and
# moved into place when it is complete, so that an interrupted first start begins anew.
set -euo pipefail

home=/var/lib/postgresql
data=$home/data
secrets=/run/secrets
database=sentinel

as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups env -C / HOME="$home" "$@"; }

make_cluster() {
    local new=$data.new socket
    rm -rf "$new"
    socket=$(as_postgres mktemp -d)
    # A copy for initdb, which may not read root's secrets.
    head -n 1 "$secrets/postgres_password" | as_postgres tee "$socket/password" >/dev/null
    as_postgres initdb -D "$new" -U postgres -E UTF8 --locale=C.UTF-8 --auth-local=peer --auth-host=scram-sha-256 \
        --pwfile="$socket/password" >/dev/null
    rm "$socket/password"
    echo "include '/etc/sentinel/postgresql.conf'" >>"$new/postgresql.conf"
    echo 'host all all all scram-sha-256' >>"$new/pg_hba.conf"
    as_postgres pg_ctl start -s -w -D "$new" -o "-c listen_addresses='' -c unix_socket_directories='$socket'"
    as_postgres createdb -h "$socket" "$database"
    {
        # A failed statement is not logged: one of them holds a password.
        echo 'SET log_min_error_statement = panic;'
        for part in worker gateway; do
            echo "\\set ${part}_password '$(head -n 1 "$secrets/${part}_password" | sed "s/[\\\\']/\\\\&/g")'"
        done
        cat <<'SQL'
CREATE EXTENSION sentinel CASCADE;
SELECT count(*) AS steps FROM sentinel.install();
CREATE ROLE sentinel_worker_login LOGIN PASSWORD :'worker_password' IN ROLE sentinel_worker;
CREATE ROLE sentinel_gateway_login LOGIN PASSWORD :'gateway_password' IN ROLE sentinel_gateway;
SELECT sentinel.create_server_key();
CREATE EXTENSION pg_cron;
SELECT sentinel.install_schedule();
SQL
    } | as_postgres psql -X -q -v ON_ERROR_STOP=1 -h "$socket" -d "$database"
    as_postgres pg_ctl stop -s -w -m fast -D "$new"
    rm -rf "$socket"
    mv "$new" "$data"
}

[[ $EUID -eq 0 ]] || { echo 'start this container as root: it becomes postgres itself' >&2; exit 1; }
chown postgres:postgres "$home"
install -d -o postgres -g postgres -m 2775 /var/run/postgresql
[[ -s $data/PG_VERSION ]] || make_cluster
exec setpriv --reuid=postgres --regid=postgres --init-groups env -C / HOME="$home" postgres -D "$data" "$@"
