#!/usr/bin/env bash
# The parts of hostile.sh that need a worker or receivers of their own; source it after trial.sh.

slack=  # channel at the witness
pids=() # of the worker, while it runs

# Start a worker with stranger.so preloaded. Arguments: configuration, name of the log, words of environment ...
worker_with_stranger() {
    local conf=$1 log=${2:-worker}
    shift
    (($# == 0)) || shift
    start_process "$log" env LD_PRELOAD="$DIR/stranger.so" STRANGER_DIALS="$DIR/dials" "$@" "$WORKER" --config "$conf"
    WORKER_PID=$!
}

# What the cases of the storm may dial: the stand-ins, and what stands for the internet.
wanted_dials() {
    local name
    {
        for name in http plain stall full refused tls_good tls_self_signed tls_expired tls_wrong_host tls_old; do
            printf '127.0.0.1 %s\n' "${PORT[$name]}"
        done
        printf '127.0.0.1 %s\n' "${ADDRESS[webhook_receiver]#*:}"
        printf '11.22.33.44 %s\n11.22.33.55 %s\n' "${PORT[outside]}" "${PORT[outside]}"
    } | sort -u
}

# -- every byte in every field --

# The bytes 1 to 255 that the database's text can hold, each as a character of its own.
fuzz_targets() {
    cluster_psql "$NAME" -d "$DB" -c "INSERT INTO trial.cases (grp, words, url, wanted)
        SELECT 'bytes', 'byte ' || b, 'http://${ADDRESS[witness]}/b' || b || '/x' || chr(b) || 'y', '' FROM generate_series(1, 255) b"
    make_targets
}

# How a group of deliveries ended: state and error code with their number.
endings() {
    sql "SELECT string_agg(ending || ' ' || n, ', ' ORDER BY ending) FROM (
        SELECT coalesce(a.error_code, 'delivered') AS ending, count(*) AS n FROM sentinel.deliveries d
        JOIN sentinel.delivery_attempts a ON a.org_id = d.org_id AND a.delivery_id = d.id WHERE $1 GROUP BY 1) x"
}
no_waiting() { gives 0 "SELECT count(*) FROM sentinel.deliveries d WHERE d.state = 'waiting' AND $1"; }

# Send 255 messages to one target, each with one byte more of its own in a column. Arguments: column, expression over b.
fuzz_column() {
    org_sql "BEGIN; CREATE TEMP TABLE made AS SELECT b, sentinel.send_test('$fuzzed') AS id FROM generate_series(1, 255) b;
        UPDATE sentinel.deliveries d SET $1 = $2, event_type = 'fuzz.$1' FROM made m WHERE d.id = m.id; COMMIT" >/dev/null
}

fuzz_fields() {
    local before sent
    # What the database would refuse by itself, the worker must refuse too.
    sql "ALTER TABLE sentinel.deliveries DROP CONSTRAINT deliveries_message_id_check"
    fuzzed=$(add_webhook /bytes '{chaos.never}' "$(new_webhook_key)" "${ADDRESS[witness]}")
    before=$(witness /_verdict 'x["requests"]')
    send bytes
    fuzz_column message_id "'msg_' || replace(m.id::text, '-', '') || '_' || chr(m.b) || '_'"
    fuzz_column content_type "'text/plain' || chr(m.b) || 'x-evil: 1'"
    fuzz_column body "convert_to('{\"b\": \"', 'UTF8') || decode(repeat(lpad(to_hex(m.b), 2, '0'), 100) || '00', 'hex')"
    await_group 20 bytes
    within 20 "every byte in a message id, a content type, a body: all end" no_waiting "d.target_id = '$fuzzed'"
    same "a path takes what is printable but #" "delivered 93, invalid_request 162" \
        "$(endings "d.id IN (SELECT delivery FROM trial.cases WHERE grp = 'bytes')")"
    same "a message id takes letters, digits, _ and -" "delivered 64, invalid_request 191" "$(endings "d.event_type = 'fuzz.message_id'")"
    same "a content type takes what is printable" "delivered 95, invalid_request 160" "$(endings "d.event_type = 'fuzz.content_type'")"
    same "a body takes everything" "delivered 255" "$(endings "d.event_type = 'fuzz.body'")"
    # The same endpoints once more, with the byte in the host.
    sql "UPDATE sentinel.webhook_endpoints e SET url = 'http://h.test' || chr(split_part(c.words, ' ', 2)::integer) || 'b.test:${ADDRESS[witness]#*:}/host'
        FROM trial.cases c WHERE c.grp = 'bytes' AND e.id = c.endpoint"
    send bytes
    await_group 20 bytes
    same "a host takes letters, digits, -, . and _" "delivered 65, invalid_request 188, unreachable 2" \
        "$(endings "d.id IN (SELECT delivery FROM trial.cases WHERE grp = 'bytes')")"
    sent=$(($(witness /_verdict 'x["requests"]') - before))
    same "as many requests came as were delivered" $((93 + 64 + 95 + 255 + 65)) "$sent"
    same "each with exactly our headers, and nothing else" "[]" "$(witness /_verdict 'x["wrong"]')"
    same "bodies arrived byte for byte" t "$(sql "SELECT array_agg(encode(sha256(body), 'hex') ORDER BY 1)
        <@ string_to_array('$(witness /_log '",".join(r["sha256"] for r in x if r["path"] == "/bytes")')', ',')
        FROM sentinel.deliveries WHERE event_type = 'fuzz.body'")"
    ok "the database takes no zero byte at all" not sql "SELECT E'x\\x00'::text"
}

# -- trust --

# Slack's host is trusted by name; a customer's request to the same address must not ride on its connection.
no_shared_connections() {
    local url
    url=$(add_webhook /trust '{chaos.never}' "$(new_webhook_key)" "${ADDRESS[witness]}")
    for _ in 1 2; do
        for target in "$slack" "$url"; do
            send_to=$(org_sql "SELECT sentinel.send_test('$target')")
            within 10 "delivered to ${target:0:8}" gives delivered "SELECT state FROM sentinel.deliveries WHERE id = '$send_to'"
        done
    done
    same "no connection served both classes of trust, each its own twice" "2 2 0" "$(witness /_log '"%d %d %d" % (lambda s, w:
        (sum(r["path"].startswith("/services/") for r in x), sum(r["path"] == "/trust" for r in x), len(s & w)))(
        {r["connection"] for r in x if r["path"].startswith("/services/")}, {r["connection"] for r in x if r["id"]})')"
}

# A receiver that sends our own secrets back finds them nowhere in what we keep.
no_quoted_secrets() {
    local target secret key url
    key=$(new_webhook_key)
    url="http://${ADDRESS[witness]}/echo/services/T0EXAMPLE/B0EXAMPLE/EchoTokenEchoTokenEcho24"
    printf '%s\n%s\n' "$key" EchoTokenEchoTokenEcho24 >>"$DIR/clear"
    ask witness /_say "${key#whsec_} $key" >/dev/null
    IFS='|' read -r target secret < <(org_sql "SELECT * FROM sentinel.create_slack_channel('echo', '{chaos.never}')")
    printf '%s' "$url" | seal slack_url "$target" "$secret"
    said=$(org_sql "SELECT sentinel.send_test('$target')")
    target=$(add_webhook /echo/plain '{chaos.never}' "$key" "${ADDRESS[witness]}")
    said="'$said', '$(org_sql "SELECT sentinel.send_test('$target')")'"
    within 10 "a receiver that quotes our secrets is heard" gives 2 "SELECT count(*) FROM sentinel.delivery_attempts
        WHERE delivery_id IN ($said) AND octet_length(resp_excerpt) > 1000"
    same "and what it quotes is cut out" 2 "$(sql "SELECT count(*) FROM sentinel.delivery_attempts WHERE delivery_id IN ($said)
        AND position('[redacted]'::bytea IN resp_excerpt) > 0 AND position('EchoToken'::bytea IN resp_excerpt) = 0
        AND position('${key:6:12}'::bytea IN resp_excerpt) = 0")"
}

# -- clocks --

write_clock() { python3 -c 'import struct, sys; sys.stdout.buffer.write(struct.pack("q", int(sys.argv[1])))' "$2" | as_owner dd of="$DIR/$1" conv=notrunc status=none; }

wrong_clocks() {
    local before ahead behind slow failing from
    write_clock ahead.clock 3600
    write_clock behind.clock -3600
    from=$(sql "SELECT now()")
    worker_with_stranger "$DIR/worker.json" ahead STRANGER_CLOCK="$DIR/ahead.clock"
    ahead=$WORKER_PID
    worker_with_stranger "$DIR/worker.json" behind STRANGER_CLOCK="$DIR/behind.clock"
    behind=$WORKER_PID
    # shellcheck disable=SC2034
    STANDIN_PID[behind]=$behind # ended with the stand-ins, whatever happens
    within 20 "a worker whose clock is an hour ahead is ready" grep -q '"msg":"ready"' "$DIR/ahead.log"
    within 20 "and one whose clock is an hour behind" grep -q '"msg":"ready"' "$DIR/behind.log"
    before=$(counter webhook_receiver accepted)
    sql "UPDATE sentinel.webhook_endpoints SET not_before = NULL"
    printf 'Retry-After a date;http://127.0.0.1:{http}/retry-after?v=%s;429\\|\\|retry\\|t\n' \
        "$(date -u -d '+300 seconds' '+%a,+%d+%b+%Y+%T+GMT')" >"$DIR/dates"
    for _ in {1..8}; do cat "$DIR/dates"; done | add_cases dates
    printf '%s\n' "a wedged TLS handshake while clocks jump;https://127.0.0.1:{stall}/;\|tls_error\|retry_slow\|f" | add_cases jump
    make_targets
    send jump
    send dates
    keep_sending 30 0.02
    failing=$(add_webhook /hooks/failing '{chaos.never}' "$(new_webhook_key)")
    sql "UPDATE sentinel.webhook_endpoints SET retry_schedule = '{2 s}' WHERE id = '$failing'"
    ask webhook_receiver /_control '{"next": [{"status": 500, "path": "/hooks/failing"}]}' >/dev/null
    slow=$(org_sql "SELECT sentinel.send_test('$failing')")
    write_clock ahead.clock -3600
    write_clock behind.clock 3600
    keep_sending 30 0.02
    within 10 "their messages carry a time that receivers take, before and after both clocks jump" \
        counted webhook_receiver accepted $((before + 60))
    same "none was refused for its time" 0 "$(counter webhook_receiver timestamp_out_of_tolerance)"
    await_group 10 dates
    same "a date to wait for is understood by the database's clock" t \
        "$(sql "SELECT bool_and(retry_after_s BETWEEN 280 AND 300) FROM trial.results WHERE grp = 'dates'")"
    within 10 "a failed message is tried again" gives delivered "SELECT state FROM sentinel.deliveries WHERE id = '$slow'"
    same "when it is due by the database's clock, not before, not an hour later" t "$(sql "SELECT b.recorded_at BETWEEN a.next_attempt_at
        AND a.next_attempt_at + interval '2 s' FROM sentinel.delivery_attempts a JOIN sentinel.delivery_attempts b
        ON b.delivery_id = a.delivery_id AND b.n = 2 WHERE a.delivery_id = '$slow' AND a.n = 1")"
    await_group 10 jump
    judge jump
    same "a time limit is kept while the clock jumps" t "$(sql "SELECT bool_and(total_ms BETWEEN 4900 AND 6500
        AND recorded_at - created_at < interval '9 s') FROM trial.results WHERE grp = 'jump'")"
    same "no lease was lost" 0 "$(sql "SELECT count(*) FROM sentinel.delivery_attempts WHERE NOT held AND recorded_at >= '$from'")"
    ok "the worker behind stops in order" kill -TERM "$behind"
    wait "$behind"
    unset 'STANDIN_PID[behind]'
    WORKER_PID=$ahead
    ok "the worker ahead stops in order" worker_stop
}

# -- what runs out --

# Of two organisations, for one alone has half of the places at first.
few_descriptors() {
    local group n
    for group in few others; do
        for n in {1..15}; do printf 'slow %d;http://127.0.0.1:{http}/slow?ms=1000;200\\|\\|delivered\\|t\n' "$n"; done | add_cases "$group"
        for n in {1..10}; do printf 'slow, by name %d;http://%s%d.test:{http}/slow?ms=1000;200\\|\\|delivered\\|t\n' "$n" "$group" "$n"; done |
            add_cases "$group"
        for n in {1..5}; do printf 'TLS %d;https://127.0.0.1:{tls_good}/slow?ms=1000;200\\|\\|delivered\\|t\n' "$n"; done | add_cases "$group"
    done
    make_targets
    for group in few others; do send "$group"; done
    # shellcheck disable=SC2016  # the inner shell expands it
    start_process few bash -c 'ulimit -n 64 && exec env LD_PRELOAD="$1/stranger.so" "$2" --config "$1/worker.json"' few "$DIR" "$WORKER"
    WORKER_PID=$!
    for group in few others; do await_group 30 "$group"; done
    same "60 messages at once: each delivered, at the first attempt" "delivered 60" \
        "$(endings "d.id IN (SELECT delivery FROM trial.cases WHERE grp IN ('few', 'others'))")"
    ok "though descriptors ran out, which the log says" grep -q 'too many open files' "$DIR/few.log"
    ok "the worker stops in order" worker_stop
}

full_disk() {
    local folder=$DIR/small target log=/dev/full
    as_owner mkdir "$folder"
    if mount -t tmpfs -o size=64k,mode=777 tmpfs "$folder" 2>/dev/null; then
        log=$folder/log
        head -c 56k /dev/zero >"$folder/filler" 2>/dev/null
    else
        note "no tmpfs to be mounted here: the log goes to /dev/full"
    fi
    # shellcheck disable=SC2016
    start_process disk bash -c 'exec "$1" --config "$2" >"$3"' disk "$WORKER" "$DIR/worker.json" "$log"
    WORKER_PID=$!
    target=$(add_webhook /hooks/disk '{chaos.never}' "$(new_webhook_key)")
    org_sql "SELECT sentinel.send_test('$target') FROM generate_series(1, 60)" >/dev/null
    within 20 "60 messages are delivered without a log" gives 60 \
        "SELECT count(*) FROM sentinel.deliveries WHERE target_id = '$target' AND state = 'delivered'"
    if [[ $log != /dev/full ]]; then
        ok "the disk was full" test "$(df --output=avail "$folder" | tail -n 1)" -eq 0
        rm -f "$folder/filler"
        org_sql "SELECT sentinel.send_test('$target')" >/dev/null
        within 10 "with space again it goes on logging" bash -c "tail -n 3 '$log' | grep -q '\"msg\":\"delivered\"'"
        same "in whole lines: only the one at which the space ran out is broken" 1 "$(python3 -c 'import json, sys
def broken(line):
    try: json.loads(line)
    except ValueError: return True
    return False
print(sum(map(broken, open(sys.argv[1], errors="replace"))))' "$log")"
    fi
    ok "the worker stops in order" worker_stop
    [[ $log == /dev/full ]] || umount "$folder"
}

# -- secrets --

# The keys as given, their base64, their bytes in hex, and the hex of the base64 as a dump shows kept bytes.
patterns() {
    python3 -c 'import base64, sys
for line in open(sys.argv[1]):
    text = line.strip().removeprefix("whsec_")
    if len(text) < 20: continue
    print(text, text.encode().hex(), sep="\n")
    if line.startswith("whsec_"): print(base64.b64decode(text).hex())' "$1"
}

in_proc() {
    patterns "$DIR/clear" | as_owner tee "$DIR/patterns" >/dev/null
    same "no secret in the command line or environment of any process" "" \
        "$(for pid in $(pgrep -u "$(cluster_owner)"); do cat "/proc/$pid/cmdline" "/proc/$pid/environ"; done 2>/dev/null |
            tr '\0' '\n' | grep -F -f "$DIR/patterns" | head -n 1)"
    same "no core may be dumped" 0 "$(sed -nE 's/^Max core file size +([0-9a-z]+) .*/\1/p' "/proc/${pids[0]}/limits")"
}

no_secret_left() {
    local dump=$DIR/dump.sql
    printf '%s\n' CanaryTokenCanaryToken24 >>"$DIR/clear"
    patterns "$DIR/clear" | as_owner tee "$DIR/patterns" >/dev/null
    ok "there are secrets to look for" test "$(wc -l <"$DIR/patterns")" -gt 1000
    PGHOST=$DIR/sock PGPORT=$(cluster_port "$NAME") PGUSER=postgres "$(pg_bindir)/pg_dump" -d "$DB" >"$dump"
    ok "the dump holds everything" grep -q 'COPY sentinel.delivery_attempts' "$dump"
    same "no secret in any table" "" "$(grep -m 1 -F -f "$DIR/patterns" "$dump" | cut -c 1-200)"
    same "no secret in the logs of the workers" "" "$(cat "$DIR"/{worker,ahead,behind,few,disk}.log | grep -m 1 -F -f "$DIR/patterns" | cut -c 1-200)"
    same "no secret in the server's log, statements and parameters in full" "" "$(grep -m 1 -F -f "$DIR/patterns" "$DIR/log" | cut -c 1-200)"
    sql "CHECKPOINT"
    same "no secret in the server's files, write-ahead log among them" "" "$(grep -r -l -a -F -f "$DIR/patterns" "$DIR/data" | head -n 1)"
}
