#!/bin/sh
# Join sql/code into the install script, and carry sql/schema in it as the function sentinel.migrations().
# Usage: assemble.sh > sentinel--VERSION.sql, from the top of the tree.
set -eu

printf '%s\n' '\echo Use "CREATE EXTENSION sentinel CASCADE" to load this file. \quit'

# migrations(): one row per file of sql/schema; kind once for a release's folder, again for always/.
printf '%s\n' \
    'CREATE FUNCTION sentinel.migrations() RETURNS TABLE (place integer, kind text, version text, room text, statements text)' \
    "    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS \$migrations\$ VALUES"
position=0
separator='    '
for folder in $(printf '%s\n' sql/schema/[0-9]* | sort -V) sql/schema/always; do
    for file in "$folder"/*.sql; do
        position=$((position + 1))
        kind=once
        [ "$folder" = sql/schema/always ] && kind=again
        if grep -qF '$body_of_migration$' "$file"; then
            echo "assemble.sh: $file holds the quote of migrations()" >&2
            exit 1
        fi
        printf "%s(%d, '%s', '%s', '%s', \$body_of_migration\$" \
            "$separator" "$position" "$kind" "$(basename "$folder")" "$(basename "$file" .sql)"
        cat "$file"
        printf '$body_of_migration$)\n'
        separator='    ,'
    done
done
printf '%s\n' '$migrations$;' \
    "COMMENT ON FUNCTION sentinel.migrations() IS 'Give the migrations that this release carries: kind once is run by install() one time, kind again at every install().';"

for file in sql/code/*.sql; do
    printf '\n-- %s\n' "$file"
    cat "$file"
done

# Rights: nothing for PUBLIC; a comment line "-- grant: role, role" above a function names who may call it.
printf '%s\n' '' 'REVOKE ALL ON ALL ROUTINES IN SCHEMA sentinel FROM PUBLIC;' \
    'GRANT EXECUTE ON ALL ROUTINES IN SCHEMA sentinel TO sentinel_owner, sentinel_engine;' \
    'DO $grants$' 'DECLARE' '    spot record;' 'BEGIN' '    FOR spot IN' \
    '        SELECT p.oid::regprocedure AS routine, p.prokind, g.roles FROM (VALUES'
awk '
    /^-- grant:/ { roles = $0; sub(/^-- grant: */, "", roles); next }
    /^CREATE (FUNCTION|PROCEDURE) / && roles != "" {
        name = $3; sub(/\(.*/, "", name); sub(/^sentinel\./, "", name)
        gsub(/everyone/, "sentinel_reader, sentinel_member, sentinel_operator, sentinel_worker, sentinel_gateway, sentinel_admin", roles)
        printf "%s(\047%s\047, \047%s\047)\n", separator, name, roles
        separator = ","; roles = ""
    }' sql/code/*.sql
printf '%s\n' '        ) AS g(name, roles)' \
    "        JOIN pg_catalog.pg_proc p ON p.proname = g.name AND p.pronamespace = 'sentinel'::regnamespace" \
    '    LOOP' \
    "        EXECUTE format('GRANT EXECUTE ON %s %s TO %s', CASE spot.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, spot.routine, spot.roles);" \
    '    END LOOP;' 'END' '$grants$;'
