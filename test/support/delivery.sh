#!/usr/bin/env bash
# What the end-to-end tests share: one private cluster with the extension and an organisation, stand-ins, a worker.
#
# Source it after packages.sh and cluster.sh. Everything runs as the cluster's owner, lives in the cluster's folder and is
# ended by pid when the script ends, however it ends.
#
#   delivery_begin NAME [conf line ...]   cluster, database $DB, roles, organisation $ORG
#   standin NAME [option ...]             start test/standins/NAME.py; its address is then in ${ADDRESS[NAME]}
#   ask NAME PATH [JSON]                  what a stand-in answers; with JSON (may be empty), a POST
#   worker_conf FILE [JSON member ...]    write a configuration that reaches the stand-ins
#   worker_start [FILE] | worker_kill | worker_stop   pid in $WORKER_PID, log $DIR/worker.log; stop gives its exit status
#   add_slack NAME EVENTS TOKEN | add_webhook PATH EVENTS KEY [ADDRESS]   a target with its sealed secret; prints its id
#   gateway_start [JSON member ...] | gateway_stop | gateway_kill    the gateway on a free port; its address is then in $URL, pid in
#                                         $GATEWAY_PID, log $DIR/gateway.log
#   sql TEXT                              as superuser; org_sql TEXT: with the organisation entered
#   ok WORDS COMMAND ... | same WORDS WANTED GOT | within SECONDS WORDS COMMAND ...    one test each
#   tally                                 the last line, and the status

DB=e2e
ORG=
DIR=
WORKER_PID=
GATEWAY_PID=
URL=
PASSED=0
FAILED=0
declare -A ADDRESS=() STANDIN_PID=()

note() { printf '    %s\n' "$*"; }

pass() {
    PASSED=$((PASSED + 1))
    printf 'ok      %s\n' "$*"
}

fail() {
    FAILED=$((FAILED + 1))
    printf 'FAILED: %s\n' "$*"
}

ok() {
    local words=$1
    shift
    if "$@" >/dev/null 2>&1; then pass "$words"; else fail "$words"; fi
}

not() { ! "$@"; }

same() {
    if [[ $2 == "$3" ]]; then
        pass "$1"
    else
        fail "$1"
        printf '        wanted %q\n        got    %q\n' "$2" "$3"
    fi
}

within() {
    local seconds=$1 words=$2
    shift 2
    if await "$seconds" "$@"; then pass "$words"; else fail "$words (not within $seconds s)"; fi
}

# A condition for await and within: the query gives the value. Arguments: value, query.
gives() { [[ $(sql "$2") == "$1" ]]; }

# The same of a counter of a stand-in. Arguments: stand-in, counter, least value.
counted() { (($(counter "$1" "$2") >= $3)); }

counter() { ask "$1" /_stats | python3 -c 'import json, sys; print(json.load(sys.stdin).get(sys.argv[1], 0))' "$2"; }

sql() { cluster_psql "$NAME" -d "$DB" -At -c "$1"; }

org_sql() {
    cluster_psql "$NAME" -d "$DB" -At <<<"SELECT sentinel.enter('$ORG', NULL, true) \\g /dev/null
$1"
}

# Run in the background as the cluster's owner, output appended to $DIR/NAME.log; the pid is in $!.
start_process() {
    local name=$1
    shift
    "${AS_OWNER[@]}" "$@" </dev/null >>"$DIR/$name.log" 2>&1 &
}

delivery_begin() {
    NAME=$1
    shift
    trap delivery_end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    WORKER=$(pg_bindir)/sentinel-worker
    [[ -x $WORKER ]] || die "no $WORKER: make install"
    cluster_create "$NAME" "$@"
    DIR=$(cluster_dir "$NAME")
    cluster_start "$NAME"
    cluster_psql "$NAME" -d postgres -c "CREATE DATABASE $DB"
    sql "SET client_min_messages = warning; CREATE EXTENSION sentinel CASCADE" >/dev/null
    sql "SELECT sentinel.install()" >/dev/null 2>&1 || die "install() failed"
    sql "CREATE ROLE e2e_worker LOGIN IN ROLE sentinel_worker" >/dev/null
    ORG=$(sql "SELECT sentinel.create_org('Example Company', 'example', 'Europe/London')")
    # The tree may lie where the owner cannot go.
    as_owner mkdir "$DIR/programs"
    cp "$ROOT"/test/standins/*.py "$DIR/programs"
    chmod 644 "$DIR"/programs/*.py
    as_owner "$WORKER" keygen --key-file "$DIR/keys"
}

delivery_end() {
    local pid
    trap - EXIT
    for pid in "$GATEWAY_PID" "$WORKER_PID" "${STANDIN_PID[@]}"; do
        [[ -n $pid ]] || continue
        kill -TERM "$pid" 2>/dev/null
        await_exit "$pid" 10 || kill -KILL "$pid" 2>/dev/null
    done
    if [[ -n ${KEEP:-} && -n $DIR ]]; then
        cluster_stop "$NAME"
        printf 'kept: %s\n' "$DIR" >&2
    else
        cluster_destroy "$NAME"
    fi
}

standin() {
    local name=$1
    shift
    start_process "$name" python3 -B "$DIR/programs/$name.py" --port-file "$DIR/$name.port" "$@"
    STANDIN_PID[$name]=$!
    await 20 test -s "$DIR/$name.port" || die "the stand-in $name did not start"
    ADDRESS[$name]=127.0.0.1:$(<"$DIR/$name.port")
}

ask() {
    if (($# > 2)); then
        printf '%s' "$3" | python3 -B "$ROOT/test/standins/ask.py" "$DIR/$1.port" "$2" --post
    else
        python3 -B "$ROOT/test/standins/ask.py" "$DIR/$1.port" "$2"
    fi
}

# A member given takes the place of one written here. EGRESS: further entries of egress_allow, each in quotes, after commas.
worker_conf() {
    local file=$1 name allowed='' member
    shift
    for name in "${!ADDRESS[@]}"; do allowed+="${allowed:+, }\"${ADDRESS[$name]}\""; done
    local -A members=(
        [database]="\"host=$DIR/sock port=$(cluster_port "$NAME") dbname=$DB user=e2e_worker\""
        [key_file]="\"$DIR/keys\""
        [egress_allow]="[$allowed${EGRESS:-}]"
        [allow_http]=true
        [slack_hosts]="[\"${ADDRESS[slack]:-127.0.0.1:1}\"]"
        [poll_ms]=100
        [tick_s]=1
        [ramp_s]=0
    )
    for member in "$@"; do members[${member%%:*}]=${member#*:}; done
    {
        printf '{'
        for name in "${!members[@]}"; do printf '"%s": %s,\n' "$name" "${members[$name]}"; done
        printf '"log_level": "%s"}\n' "${LOG_LEVEL:-info}"
    } | as_owner tee "$file" >/dev/null
    as_owner chmod 600 "$file"
}

worker_start() {
    start_process worker "$WORKER" --config "${1:-$DIR/worker.json}"
    WORKER_PID=$!
}

worker_kill() {
    kill -KILL "$WORKER_PID"
    wait "$WORKER_PID" 2>/dev/null
    WORKER_PID=
}

worker_stop() {
    local status=0
    kill -TERM "$WORKER_PID" 2>/dev/null
    wait "$WORKER_PID" || status=$?
    WORKER_PID=
    return "$status"
}

# A member given takes the place of one written here. The log begins anew, for the address is read from it.
gateway_start() {
    local member name gateway
    gateway=$(pg_bindir)/sentinel-gateway
    [[ -x $gateway ]] || die "no $gateway: make install, where the headers of Boost 1.81 are"
    sql "DO \$\$BEGIN IF to_regrole('e2e_gateway') IS NULL THEN CREATE ROLE e2e_gateway LOGIN IN ROLE sentinel_gateway; END IF;
         IF NOT sentinel.server_key_ready() THEN PERFORM sentinel.create_server_key(); END IF; END\$\$" >/dev/null
    local -A members=(
        [listen]='"127.0.0.1:0"'
        [database]="\"host=$DIR/sock port=$(cluster_port "$NAME") dbname=$DB user=e2e_gateway\""
        [max_connections_per_address]=20000
        [stream_check_ms]=500
        [stop_grace_s]=5
    )
    for member in "$@"; do members[${member%%:*}]=${member#*:}; done
    {
        printf '{'
        for name in "${!members[@]}"; do printf '"%s": %s,\n' "$name" "${members[$name]}"; done
        printf '"log_level": "%s"}\n' "${LOG_LEVEL:-info}"
    } | as_owner tee "$DIR/gateway.json" >/dev/null
    as_owner chmod 600 "$DIR/gateway.json"
    [[ ! -f $DIR/gateway.log ]] || mv "$DIR/gateway.log" "$DIR/gateway.log.$SECONDS"
    start_process gateway "$gateway" --config "$DIR/gateway.json"
    GATEWAY_PID=$!
    await 20 grep -q '"msg":"ready"' "$DIR/gateway.log" || {
        cat "$DIR/gateway.log" >&2
        die "the gateway did not start"
    }
    # shellcheck disable=SC2034  # read by who sources this
    URL=http://$(sed -nE 's/.*"msg":"ready".*"address":"([^"]+)".*/\1/p' "$DIR/gateway.log" | head -n 1)
}

gateway_stop() {
    local status=0
    kill -TERM "$GATEWAY_PID" 2>/dev/null
    wait "$GATEWAY_PID" || status=$?
    GATEWAY_PID=
    return "$status"
}

gateway_kill() {
    kill -KILL "$GATEWAY_PID"
    wait "$GATEWAY_PID" 2>/dev/null
    GATEWAY_PID=
}

# Seal the secret on standard input. Arguments: purpose, target, secret id.
seal() {
    as_owner "$WORKER" seal --config "$DIR/worker.json" --org "$ORG" --secret "$3" --version 1 --store --purpose "$1" \
        --target "$2" >/dev/null || die "seal failed"
}

add_slack() {
    local target secret
    IFS='|' read -r target secret < <(org_sql "SELECT * FROM sentinel.create_slack_channel('$1', '$2')")
    printf 'http://%s/services/T0EXAMPLE/B0%s/%s' "${ADDRESS[slack]}" "${1//[^a-z]/}" "$3" |
        seal slack_url "$target" "$secret"
    printf '%s\n' "$target"
}

add_webhook() {
    local target secret url=http://${4:-${ADDRESS[webhook_receiver]}}$1
    IFS='|' read -r target secret < <(org_sql "SELECT * FROM sentinel.create_webhook_endpoint('$url', '$2')")
    printf '%s' "$3" | seal webhook_key "$target" "$secret"
    [[ -n ${4:-} ]] || ask webhook_receiver /_control "{\"path\": \"$1\", \"secret\": \"$3\"}" >/dev/null
    printf '%s\n' "$target"
}

new_webhook_key() { printf 'whsec_%s\n' "$(head -c 32 /dev/urandom | base64 -w 0)"; }

tally() {
    printf '%d passed, %d failed\n' "$PASSED" "$FAILED"
    ((FAILED == 0))
}
