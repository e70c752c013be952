-- peer: PgQ
-- protocol: prepared
-- consumers: 1
-- An event log read in the batches that its ticker cut: here a tick after every 100 events. A second consumer of the same
-- name gets no batch meanwhile, one of another name gets every event again: so one consumer is all there is.

-- @schema
CREATE EXTENSION pgq;
CREATE PROCEDURE fill(wanted integer, payload text) LANGUAGE plpgsql AS $$
BEGIN
    FOR batch IN 1 .. wanted / 100 LOOP
        PERFORM pgq.insert_event('bench', 'job', payload) FROM generate_series(1, 100);
        COMMIT; -- a tick sees what was committed before it
        PERFORM pgq.ticker('bench');
        COMMIT;
    END LOOP;
END $$;
SELECT pgq.create_queue('bench'), pgq.register_consumer('bench', 'worker'),
    pgq.set_queue_config('bench', 'ticker_max_count', '1'), pgq.set_queue_config('bench', 'ticker_max_lag', '0');

-- @clear
SELECT pgq.drop_queue('bench', true);
SELECT pgq.create_queue('bench'), pgq.register_consumer('bench', 'worker'),
    pgq.set_queue_config('bench', 'ticker_max_count', '1'), pgq.set_queue_config('bench', 'ticker_max_lag', '0');

-- @fill
CALL fill(:n, :'payload');

-- @waiting
SELECT pending_events FROM pgq.get_consumer_info('bench', 'worker');

-- @enqueue
SELECT pgq.insert_event('bench', 'job', :payload);

-- @enqueue_many
SELECT count(pgq.insert_event('bench', 'job', :payload)) FROM generate_series(1, 1000);

-- @claim
SELECT coalesce(pgq.next_batch('bench', 'worker'), 0) AS batch \gset
\if :batch = 0
SELECT 1 / 0;
\endif
SELECT count(*) AS claimed, count(ev_data) FROM pgq.get_batch_events(:batch) \gset
SELECT pgq.finish_batch(:batch);
