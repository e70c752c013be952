// Settings of the job queue.
#pragma once

namespace sentinel {

// Define sentinel.notify and sentinel.idempotency_retention; called once from _PG_init.
void define_queue_settings();

}  // namespace sentinel
