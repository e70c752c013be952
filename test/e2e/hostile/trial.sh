#!/usr/bin/env bash
# The parts of hostile.sh that deal with many cases at once; source it after delivery.sh.
#
#   add_cases GROUP < lines     note cases (words;url;wanted), ports filled in; make_targets gives all of them endpoint and key
#   send GROUP                  a test message to each
#   judge GROUP                 one line of test for each; await_group SECONDS GROUP before
#   dialled                     what the worker connected to, address and port, each once

declare -A PORT=()
good=  # endpoint of the quiet organisation

learn_ports() {
    local name value
    while read -r name value; do PORT[$name]=$value; done < <(ask hostile /_ports |
        python3 -c 'import json, sys; [print(*pair) for pair in json.load(sys.stdin).items()]')
}

add_cases() {
    local group=$1 text name
    text=$(cat)
    for name in "${!PORT[@]}"; do text=${text//\{$name\}/${PORT[$name]}}; done
    # Neither a backslash nor anything else means something to COPY in its csv form, with a quote that never comes.
    cluster_psql "$NAME" -d "$DB" -c "\\copy trial.cases (grp, words, url, wanted) FROM STDIN (FORMAT csv, DELIMITER ';', QUOTE E'\\x02')" \
        < <(sed "s/^/$group;/" <<<"$text")
}

make_targets() {
    sql "CALL trial.make_targets()"
    sql "SELECT c.org || ' ' || c.secret FROM trial.cases c JOIN sentinel.secrets s ON s.id = c.secret WHERE s.envelope IS NULL" |
        as_owner python3 -B "$DIR/programs/seal_many.py" "$WORKER" "$DIR/keys" "$DIR/clear" |
        cluster_psql "$NAME" -d "$DB" -c "\\copy trial.envelopes FROM STDIN" || die "sealing failed"
    sql "CALL trial.keep_envelopes()"
}

send() { sql "CALL trial.send('$1')" || die "the cases of '$1' were not sent"; }

all_attempted() { gives 0 "SELECT count(*) FROM trial.results WHERE grp = '$1' AND NOT attempted"; }

await_group() { await "$1" all_attempted "$2" || note "not every attempt of '$2' has ended within $1 s"; }

judge() {
    local words wanted got
    while IFS=$'\t' read -r words wanted got; do
        if [[ $got =~ ^($wanted)$ ]]; then
            pass "$words"
        else
            fail "$words"
            printf '        wanted %s\n        got    %s\n' "$wanted" "$got"
        fi
    done < <(sql "SELECT concat_ws(E'\\t', words, wanted, got) FROM trial.results WHERE grp = '$1' ORDER BY n")
}

dialled() { sort -u "$DIR/dials"; }

# How long a message of the quiet organisation takes from the call to the record of its delivery: worst, in ms, of those
# that were made since a time.
worst_ms() {
    sql "SELECT round(max(extract(epoch FROM a.recorded_at - d.created_at)) * 1000) FROM sentinel.deliveries d
        JOIN sentinel.delivery_attempts a ON a.org_id = d.org_id AND a.delivery_id = d.id
        WHERE d.org_id = '$ORG' AND d.target_id = '$good' AND d.created_at >= '$1'"
}

# Send to the quiet organisation's receiver for a while. Arguments: messages, seconds between.
keep_sending() {
    local n
    {
        printf "SELECT sentinel.enter('%s', NULL, true) \\g /dev/null\n" "$ORG"
        for ((n = 0; n < $1; n++)); do
            printf "SELECT sentinel.send_test('%s') \\g /dev/null\n" "$good"
            sleep "$2"
        done
    } | cluster_psql "$NAME" -d "$DB"
}
