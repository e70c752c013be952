#include "lanes.hpp"

extern "C" {
#include "access/transam.h"
}

namespace sentinel::queue {

namespace {

constexpr size_t kMostOrgs = 100000;
constexpr int64 kLongestHeldBack = USECS_PER_SEC;
constexpr size_t kInstants = 64;

// Every transaction whose id is next or later got it after at.
struct Instant {
    TimestampTz at;
    TransactionId next;
};

Instant instants[kInstants];
size_t noted = 0;
TimestampTz settled_at = 0;

}  // namespace

void note_instant() {
    const TimestampTz now = GetCurrentTimestamp();
    if (now < settled_at || (noted > 0 && now < instants[(noted - 1) % kInstants].at)) {
        noted = 0;
        settled_at = 0;
    }
    Instant& instant = instants[noted++ % kInstants];
    instant.at = now;
    instant.next = pg::server([] { return XidFromFullTransactionId(ReadNextFullTransactionId()); });
}

TimestampTz settled(Snapshot snapshot, TimestampTz now) {
    for (size_t i = 0; i < std::min(noted, kInstants); i++)
        if (instants[i].at > settled_at && TransactionIdPrecedesOrEquals(instants[i].next, snapshot->xmin))
            settled_at = instants[i].at;
    return std::min(now, std::max(settled_at, now - kLongestHeldBack));
}

TimestampTz due_now() {
    pg::server([] { return GetTopTransactionId(); });
    return GetCurrentTimestamp();
}

namespace {

constexpr size_t kMostPlaces = 20000;

// The last bytes of an id are random.
struct Hash {
    size_t operator()(const OrgKey& id) const {
        size_t hash;
        memcpy(&hash, id.data() + UUID_LEN - sizeof hash, sizeof hash);
        return hash;
    }
};

std::unordered_map<OrgKey, ItemPointerData, Hash>& places() {
    static auto* all = new std::unordered_map<OrgKey, ItemPointerData, Hash>;
    return *all;
}

OrgKey key_of(const pg_uuid_t& id) {
    OrgKey key;
    memcpy(key.data(), id.data, UUID_LEN);
    return key;
}

}  // namespace

void remember_place(const pg_uuid_t& job, const ItemPointerData& place) {
    if (places().size() >= kMostPlaces) places().clear();
    places()[key_of(job)] = place;
}

std::optional<ItemPointerData> recall_place(const pg_uuid_t& job) {
    const auto found = places().find(key_of(job));
    if (found == places().end()) return std::nullopt;
    const ItemPointerData place = found->second;
    places().erase(found);
    return place;
}

namespace {

// The last subtransaction of this transaction that has used the memory, and whether one that had was rolled
// back. Subtransactions are counted up: those inside another come after it.
SubTransactionId used_in = InvalidSubTransactionId;
bool rolled_back = false;

void at_end(XactEvent event, void*) {
    if (event == XACT_EVENT_ABORT && used_in != InvalidSubTransactionId) rolled_back = true;
    if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
        used_in = InvalidSubTransactionId;
}

void at_end_of_part(SubXactEvent event, SubTransactionId ended, SubTransactionId, void*) {
    if (event == SUBXACT_EVENT_ABORT_SUB && used_in >= ended) rolled_back = true;
}

}  // namespace

void watch_rollbacks() {
    RegisterXactCallback(at_end, nullptr);
    RegisterSubXactCallback(at_end_of_part, nullptr);
}

QueueMemory& memory(std::string_view queue) {
    // Never destroyed: it lives as long as the session.
    static auto* queues = new std::map<std::string, QueueMemory, std::less<>>();
    size_t kept = 0;
    for (const auto& [name, one] : *queues) kept += one.orgs.size() + 1;
    if (kept > kMostOrgs || rolled_back) queues->clear();
    used_in = std::max(used_in, GetCurrentSubTransactionId());
    rolled_back = false;
    auto found = queues->find(queue);
    if (found == queues->end()) {
        found = queues->emplace(std::string(queue), QueueMemory()).first;
        // Sessions that live for one claim would else all begin with the same organisation.
        if (!pg_strong_random(found->second.last_served.data(), UUID_LEN))
            throw Failure("58000", "no random bytes for the first turn");
    }
    return found->second;
}

}  // namespace sentinel::queue
