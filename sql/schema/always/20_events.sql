-- Room events: append-only guard, fan-out, and what the roles may read.

DROP TRIGGER IF EXISTS events_append_only ON sentinel.events;
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON sentinel.events
    FOR EACH ROW EXECUTE FUNCTION sentinel.refuse_change();
DROP TRIGGER IF EXISTS events_no_truncate ON sentinel.events;
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON sentinel.events
    FOR EACH STATEMENT EXECUTE FUNCTION sentinel.refuse_change();
DO $$
BEGIN
    IF NOT sentinel.is_distributed() THEN -- else place_row_triggers() makes the form for shards
        DROP TRIGGER IF EXISTS events_fan_out ON sentinel.events;
        CREATE TRIGGER events_fan_out AFTER INSERT ON sentinel.events
            REFERENCING NEW TABLE AS new_events FOR EACH STATEMENT EXECUTE FUNCTION sentinel.fan_out_events();
    END IF;
END
$$;

INSERT INTO sentinel.org_setup (position, function_name) VALUES (20, 'sentinel.setup_routes')
ON CONFLICT DO NOTHING;

GRANT SELECT ON sentinel.events, sentinel.event_routes, sentinel.default_event_routes, sentinel.generation
    TO sentinel_reader, sentinel_member;
