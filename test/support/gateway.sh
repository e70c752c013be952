#!/usr/bin/env bash
# What tests of the gateway share. Source it after delivery.sh.
#
#   gateway_begin                         a login for it in the cluster that delivery_begin made
#   gateway_conf FILE [JSON member ...]   write a configuration; a member given takes the place of one written here
#   gateway_start [FILE]                  pid in $GATEWAY_PID, log $DIR/gateway.log, port in $GATEWAY_PORT
#   gateway_stop                          SIGTERM; gives its exit status
#   gateway_kb FIELD                      VmRSS, VmHWM ... of it, in kB
# Call gateway_end in the trap of EXIT.

GATEWAY_PID=
GATEWAY_PORT=

gateway_begin() {
    GATEWAY=$(pg_bindir)/sentinel-gateway
    [[ -x $GATEWAY ]] || die "no $GATEWAY: make install (it needs the headers of Boost 1.81 or later)"
    sql "CREATE ROLE e2e_gateway LOGIN IN ROLE sentinel_gateway" >/dev/null
}

gateway_conf() {
    local file=$1 name member
    shift
    local -A members=(
        [listen]='"127.0.0.1:0"'
        [database]="\"host=$DIR/sock port=$(cluster_port "$NAME") dbname=$DB user=e2e_gateway\""
        [trusted_proxies]='["127.0.0.1"]'
    )
    for member in "$@"; do members[${member%%:*}]=${member#*:}; done
    {
        printf '{'
        for name in "${!members[@]}"; do printf '"%s": %s,\n' "$name" "${members[$name]}"; done
        printf '"log_level": "%s"}\n' "${LOG_LEVEL:-info}"
    } | as_owner tee "$file" >/dev/null
    as_owner chmod 600 "$file"
}

gateway_ready() { tail -n +"$1" "$DIR/gateway.log" 2>/dev/null | grep -q '"msg":"ready"'; }

gateway_start() {
    local from
    from=$(($(wc -l 2>/dev/null <"$DIR/gateway.log" || echo 0) + 1))
    start_process gateway "$GATEWAY" --config "${1:-$DIR/gateway.json}"
    GATEWAY_PID=$!
    await 20 gateway_ready "$from" || die "the gateway is not ready: $(tail -n 5 "$DIR/gateway.log")"
    # shellcheck disable=SC2034  # for who sources this
    GATEWAY_PORT=$(tail -n +"$from" "$DIR/gateway.log" | sed -nE 's/.*"msg":"ready","address":"[^"]*:([0-9]+)".*/\1/p')
}

gateway_stop() {
    local status=0
    kill -TERM "$GATEWAY_PID" 2>/dev/null
    wait "$GATEWAY_PID" || status=$?
    GATEWAY_PID=
    return "$status"
}

gateway_end() {
    [[ -n $GATEWAY_PID ]] || return 0
    kill -TERM "$GATEWAY_PID" 2>/dev/null
    await_exit "$GATEWAY_PID" 25 || kill -KILL "$GATEWAY_PID" 2>/dev/null
    GATEWAY_PID=
}

gateway_kb() { sed -nE "s/^$1:[[:space:]]*([0-9]+) kB\$/\1/p" "/proc/$GATEWAY_PID/status"; }
