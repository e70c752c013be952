// Look below the low marks of a busy queue, a little with each claim, for jobs that came to lie there: of
// transactions that were open for long, of claims that were rolled back, and of a clock that was set back.
#pragma once

#include "lanes.hpp"
#include "pg/table.hpp"

namespace sentinel::queue {

// Go on with the sweep of a queue for about two milliseconds, at most one part in kShareOfSweep of the time,
// and begin the next one when the last ended a second ago. A job that is found lowers the mark of its lane.
// waiting: open; queue: a text.
void sweep_some(QueueMemory& memory, const pg::Table& waiting, Datum queue, Snapshot snapshot,
                TimestampTz now);

// Forget the low mark of all lanes of an organisation, and what was seen ahead.
void forget_marks(Lanes& lanes);

}  // namespace sentinel::queue
