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
    Instant& instant = instants[noted++ % kInstants];
    instant.at = GetCurrentTimestamp();
    instant.next = pg::server([] { return XidFromFullTransactionId(ReadNextFullTransactionId()); });
}

TimestampTz settled(Snapshot snapshot, TimestampTz now) {
    for (size_t i = 0; i < std::min(noted, kInstants); i++)
        if (instants[i].at > settled_at && TransactionIdPrecedesOrEquals(instants[i].next, snapshot->xmin))
            settled_at = instants[i].at;
    return std::max(settled_at, now - kLongestHeldBack);
}

TimestampTz due_now() {
    pg::server([] { return GetTopTransactionId(); });
    return GetCurrentTimestamp();
}

QueueMemory& memory(std::string_view queue) {
    // Never destroyed: it lives as long as the session.
    static auto* queues = new std::map<std::string, QueueMemory, std::less<>>();
    size_t kept = 0;
    for (const auto& [name, one] : *queues) kept += one.orgs.size() + 1;
    if (kept > kMostOrgs) queues->clear();
    auto found = queues->find(queue);
    if (found == queues->end()) found = queues->emplace(std::string(queue), QueueMemory()).first;
    return found->second;
}

}  // namespace sentinel::queue
