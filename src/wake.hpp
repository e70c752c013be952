// Wake workers by NOTIFY, but only when one of them found the queue empty: a NOTIFY takes a lock at commit
// that lets commits pass one by one.
#pragma once

#include <string_view>

namespace sentinel::queue {

// Note that a claim found nothing to do in a queue. Outside MVCC: seen by others at once.
void note_idle(std::string_view queue);

// NOTIFY sentinel_jobs when the transaction commits, if some claim found the queue empty since the last
// NOTIFY.
void wake(std::string_view queue);

// The same for all queues.
void wake_all();

// Define sentinel.notify; called once from _PG_init.
void define_settings();

}  // namespace sentinel::queue
