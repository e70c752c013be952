#include "keys.hpp"

#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace sentinel::queue {

namespace {

const Oid kKeyTypes[] = {UUIDOID, TEXTOID};

// A row lock and no advisory lock: whoever can log in takes those, and the queue would stand still.
pg::Statement lock_keys = {
    "SELECT 1 FROM sentinel.orgs o WHERE o.org_id OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE SKIP LOCKED", 1,
    kKeyTypes};
pg::Statement count_key = {
    "SELECT pg_catalog.count(*) FROM sentinel.job_running r WHERE r.org_id OPERATOR(pg_catalog.=) $1"
    " AND r.concurrency_key OPERATOR(pg_catalog.=) $2",
    2, kKeyTypes};

const Oid kQueueTypes[] = {TEXTOID};

// One claimer at a time decides for a queue with a limit, and counts what runs in a snapshot taken after the
// lock; others pass the queue by.
pg::Statement lock_queue = {
    "SELECT q.max_running FROM sentinel.queues q WHERE q.queue OPERATOR(pg_catalog.=) $1"
    " FOR NO KEY UPDATE SKIP LOCKED",
    1, kQueueTypes};
pg::Statement count_queue = {
    "SELECT pg_catalog.count(*) FROM sentinel.job_running r WHERE r.queue OPERATOR(pg_catalog.=) $1", 1,
    kQueueTypes};

int64 count_of(pg::Statement& statement, const Datum* arguments) {
    statement.run(arguments);
    return DatumGetInt64(*pg::cell(0, 1));
}

}  // namespace

OrgKey to_key(const pg_uuid_t& id) {
    OrgKey key;
    memcpy(key.data(), id.data, UUID_LEN);
    return key;
}

bool Keys::admit(const pg_uuid_t& org, std::string_view key, int limit) {
    // With one snapshot for the whole transaction nothing can be counted that others have just taken.
    if (IsolationUsesXactSnapshot() || !locked(org)) return false;
    auto place = running_.find({to_key(org), std::string(key)});
    if (place == running_.end()) {
        Datum arguments[] = {UUIDPGetDatum(&org), pg::text_datum(key)};
        place =
            running_.emplace(std::make_pair(to_key(org), std::string(key)), count_of(count_key, arguments))
                .first;
    }
    return place->second < limit && ++place->second > 0;
}

void Keys::taken_back(const pg_uuid_t& org, std::string_view key) {
    --running_[{to_key(org), std::string(key)}];
}

bool Keys::locked(const pg_uuid_t& org) {
    auto known = locks_.find(to_key(org));
    if (known != locks_.end()) return known->second;
    Datum arguments[] = {UUIDPGetDatum(&org)};
    return locks_[to_key(org)] = lock_keys.run(arguments) > 0;
}

int64 room_in_queue(std::string_view queue, int64 limit) {
    Datum name = pg::text_datum(queue);
    if (IsolationUsesXactSnapshot() || lock_queue.run(&name) == 0) return 0;
    // The limit that was read before the lock may be an old one.
    if (const auto locked = pg::cell(0, 1)) limit = DatumGetInt32(*locked);
    return limit - count_of(count_queue, &name);
}

}  // namespace sentinel::queue
