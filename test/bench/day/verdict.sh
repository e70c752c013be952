#!/usr/bin/env bash
# The end of day.sh, which sources it: samples to a file, the drawing, the table by hours, what must hold.

report=$(cluster_psql "$NAME" -d "$DB" -f "$HERE/counts.sql" -f "$HERE/verdict.sql" \
    -c "\copy (SELECT * FROM drawn) TO '$DIR/rows.tsv' WITH (FORMAT csv, DELIMITER E'\t', HEADER)")
declare -A value=()
while IFS='|' read -r name what; do value[$name]=$what; done <<<"$report"

planned() { awk -F'\t' -v kind="$1" '$3 ~ kind { n += $4 } END { print n + 0 }' "$DIR/traffic"; }
is() { [[ ${value[$1]} == "$2" ]]; }
at_most() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a <= b) }'; }
messages=$(planned '^(shop.order|desk.alert)$')

# Facts of the run, then the samples: all that the drawing is made of.
{
    printf '# %s\t%s\n' seed "$SEED" day_seconds "$DAY_SECONDS" tenants "${value[orgs]}" events "${value[events]}" \
        jobs "${value[jobs]}" attempts "${value[attempts]}" messages "${value[delivered]}" lost \
        "$((value[deliveries] - value[delivered] + value[jobs_dead]))" quiet_wait "${value[quiet_wait]}"
    sql "SELECT format(E'# outage\t%s\t%s\t%s\t%s', vendor, round(from_hour, 3), round(to_hour, 3), what)
         FROM day.outages ORDER BY from_hour"
    printf '# import\t%s\t%s\n' "${value[import_hour]}" "${value[leads]}"
    tr ',' '\n' <<<"${value[bursts]}" | awk 'NF == 2 { printf "# burst\t%s\t%s\n", $1, $2 }'
    cat "$DIR/rows.tsv"
} >"$OUT/samples.tsv"
python3 -B "$HERE/draw.py" "$OUT/samples.tsv" "$OUT/day.svg"

step "By hours"
python3 -B "$HERE/hours.py" "$OUT/samples.tsv"

step "What must hold"
same "every planned event was recorded" "$(planned .)" "${value[events]}"
same "every order and alert was made a message" "$messages" "${value[deliveries]}"
same "every message was delivered" "$messages" "${value[delivered]}"
same "every job ended well: dispatches, messages, leads" "$((messages * 2 + value[leads]))" "${value[jobs_completed]}"
same "no job is dead" 0 "${value[jobs_dead]}"
same "no job lost its worker" 0 "${value[jobs_lost_worker]}"
same "every lead was rated" "$(planned shop.lead)" "${value[rated_distinct]}"
same "and none twice" "${value[rated_distinct]}" "${value[rated]}"
read -r lost unknown again < <(sql "
    SELECT CASE target_kind WHEN 'webhook' THEN message_id ELSE convert_from(body, 'UTF8')::jsonb ->> 'text' END
    FROM sentinel.deliveries WHERE state = 'delivered'" | python3 -B "$HERE/witness.py" "$DIR"/{a,c,slack}.received)
same "lost, by the vendors' own logs" 0 "$lost"
same "taken by a vendor and not known as delivered" 0 "$unknown"
same "taken twice, for nobody was killed" 0 "$again"
for v in a b; do
    V=${v^}
    ok "the outage of vendor $V shows: ${value[failed_$v]} failed attempts, up to ${value[held_most_$v]} held" \
        test "${value[failed_$v]}" -gt 0 -a "${value[held_most_$v]}" -gt 0
    same "nothing reached vendor $V meanwhile" 0 "${value[taken_in_outage_$v]}"
    words="it recovered: ${value[made_in_outage_$v]} messages made meanwhile were all delivered"
    words+=", the last ${value[caught_up_$v]} h after its end (bound $RECOVERY_HOURS h)"
    words+=", none after more than ${value[tries_most_$v]} attempts"
    ok "$words" at_most "${value[caught_up_$v]:-99}" "$RECOVERY_HOURS"
done
same "vendor C felt nothing of it: failed attempts" 0 "${value[failed_c]}"
ok "the import: ${value[leads]} leads at once, the last rating began after ${value[import_wait]} s" \
    test -n "${value[import_wait]}"
words="quiet tenants' due jobs waited for a worker ${value[quiet_wait]} s at worst (bound $QUIET_BOUND s"
ok "$words; half of them under ${value[quiet_wait_p50]} s)" at_most "${value[quiet_wait]}" "$QUIET_BOUND"
words="their ${value[quiet_calm]} messages outside an outage of their vendor came after ${value[quiet_told]} s"
ok "$words at worst (bound $QUIET_BOUND s; half of them under ${value[quiet_told_p50]} s)" \
    at_most "${value[quiet_told]}" "$QUIET_BOUND"
ok "their oldest due job in any sample was ${value[quiet_lag]} s old (all tenants': ${value[all_lag]} s)" \
    at_most "${value[quiet_lag]}" "$QUIET_BOUND"
note "drawn: $OUT/day.svg ($(wc -c <"$OUT/day.svg") bytes)"
ok "the drawing has less than 200 kB" test "$(wc -c <"$OUT/day.svg")" -lt 200000
