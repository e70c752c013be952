#!/usr/bin/env bash
# The gateway of the demo; demo.sh sources it. gateway_show starts it on a free port and calls it as a website and a program would.

# shellcheck disable=SC2154  # org: demo.sh's
# Say a request and what was answered. Arguments: method, path, body.
gateway_call() {
    printf '    %s %s%s\n' "$1" "$2" "${3:+ $3}"
    GATEWAY_KEY=$(<"$DIR/gateway.key") python3 -B "$DIR/programs/call.py" "$(<"$DIR/gateway.url")" "$@" | sed 's/^/        /'
}

gateway_show() {
    local gateway
    gateway=$(pg_bindir)/sentinel-gateway
    if [[ ! -x $gateway ]]; then
        printf '    not built: it needs the headers of Boost 1.81 (Debian 12: libboost1.81-dev)\n'
        return 0
    fi
    demo_psql -At >/dev/null <<<"CREATE ROLE northwind_gateway LOGIN IN ROLE sentinel_gateway; SELECT sentinel.create_server_key();"
    demo_psql -At -c "SELECT sentinel.enter('$org', NULL, true)" -c "SELECT key FROM sentinel.create_api_key('demo', '{*}')" | tail -n 1 |
        as_owner tee "$DIR/gateway.key" >/dev/null
    chmod 644 "$DIR/gateway.key"
    printf '{"listen": "127.0.0.1:0", "database": "host=%s/sock port=%s dbname=%s user=northwind_gateway"}\n' "$DIR" "$(cluster_port demo)" "$DEMO_DB" |
        as_owner tee "$DIR/gateway.json" >/dev/null
    as_owner chmod 600 "$DIR/gateway.json"
    start_process gateway "$gateway" --config "$DIR/gateway.json"
    await 20 grep -q '"msg":"ready"' "$DIR/gateway.log" || die "the gateway did not start"
    sed -nE 's/.*"msg":"ready","address":"([^"]+)".*/http:\/\/\1/p' "$DIR/gateway.log" | head -n 1 >"$DIR/gateway.url"
    gateway_call POST /intake/form '{"name": "Sample Person", "email": "sample.person@sample.example", "company": "Sample Ltd"}'
    gateway_call POST /intake/form '{"name": "Sample Person", "email": "Sample.Person@sample.example"}'
    gateway_call GET '/deals?kind=open&sort=value&limit=1'
    gateway_call GET /deals/00000000-0000-0000-0000-000000000000
}

gateway_look() {
    [[ -s $(demo_dir)/gateway.url ]] || return 0
    printf 'Every route of the gateway: %s/docs\n\n' "$(<"$(demo_dir)/gateway.url")"
    # shellcheck disable=SC2016  # who copies the line has it expanded
    printf '    curl -s %s/leads?limit=3 -H "Authorization: Bearer $(cat %s/gateway.key)"\n\n' "$(<"$(demo_dir)/gateway.url")" "$(demo_dir)"
}
