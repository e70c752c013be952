// Room risk: settle a row of deal_signals when an input reached it.
//
// The statements that bring inputs only write raw signals, input_at and replay; each may be an UPDATE of many
// rows. This trigger sees the old and the new row under the row's lock, so that it is right whatever ran
// concurrently, and needs no query.
#include "core/risk_timeline.hpp"
#include "pg/trigger.hpp"
#include "risk_signals.hpp"

using namespace sentinel::core;
namespace pg = sentinel::pg;

namespace {

enum OwnColumn {
    kSettledInputAt = sentinel::kSignalArguments,
    kSettledBefore,
    kSettledSince,
    kNextChange,
    kReplay,
    kNoticedSince,
    kRecoveredAt,
    kWeightsOfDeal,
    kAll
};

// The signals in the order of SignalArgument, then the columns of OwnColumn.
pg::Columns<kAll> columns = {
    {"risk_role",       "closed",           "value",           "created_at",    "stage_entered_at",
     "last_sent_at",    "last_received_at", "last_meeting_at", "last_event_at", "competitive_indicators",
     "stage_norm_days", "inactivity_days",  "flags",           "input_at",      "since_before",
     "at_risk_since",   "next_change_at",   "replay",          "noticed_since", "recovered_at",
     "weights"}};

Signals signals_of(const pg::Row& row, Weights& weights) {
    auto at = [&](int position) {
        int column = columns.numbers[position];
        return NullableDatum{row[column], row.is_null(column)};
    };
    Signals out = sentinel::read_signals(at);
    out.weights = pg::server([&] { return sentinel::read_weights(at(kWeightsOfDeal), weights); });
    return out;
}

Instant time_of(const pg::Row& row, OwnColumn which) {
    int column = columns.numbers[which];
    return row.is_null(column) ? kNever : static_cast<Instant>(DatumGetTimestampTz(row[column]));
}

// When to look at the deal again. A look that is promised for an earlier time stays: an activity that only
// puts the next change off then moves no index entry; the sweep looks once in vain and sets the time right.
Instant look_at(Instant next, Instant promised, Instant input_at) {
    return promised != kNever && promised > input_at && promised < next ? promised : next;
}

void put(pg::RowTrigger& call, OwnColumn which, Instant value) {
    int column = columns.numbers[which];
    if (value == kNever || value == kForever)
        call.set_null(column);
    else
        call.set(column, TimestampTzGetDatum(value));
}

}  // namespace

SENTINEL_FUNCTION(sentinel_settle_risk) {
    pg::RowTrigger call(fcinfo);
    columns.resolve(call.table());
    pg::Row is = call.new_row();
    Weights weights;
    Weights old_weights;
    Signals now = signals_of(is, weights);
    Instant input_at = time_of(is, kSettledInputAt);
    Instant noticed = time_of(is, kNoticedSince);
    Instant recovered = time_of(is, kRecoveredAt);

    RiskClock clock;
    Instant promised = kNever;
    if (call.inserting()) {
        clock = first_batch(now, input_at);
    } else {
        pg::Row was = call.old_row();
        RiskClock old{time_of(was, kSettledInputAt), time_of(was, kSettledBefore),
                      time_of(was, kSettledSince)};
        promised = time_of(was, kNextChange);
        clock = next_batch(old, signals_of(was, old_weights), now, input_at);
    }

    // The first recovery since the period that the sweep last noticed; the sweep closes that period there.
    if (noticed == kNever || clock.since == noticed)
        recovered = kNever;
    else if (clock.before == noticed || recovered == kNever)
        recovered = clock.input_at;

    put(call, kSettledBefore, clock.before);
    put(call, kSettledSince, clock.since);
    put(call, kRecoveredAt, recovered);
    int replay = columns.numbers[kReplay];
    if (!is.is_null(replay) && DatumGetBool(is[replay]))
        call.set(columns.numbers[kNextChange], TimestampTzGetDatum(DT_NOBEGIN));
    else if (clock.since != noticed)
        put(call, kNextChange, clock.input_at);
    else
        put(call, kNextChange,
            look_at(next_change(now, clock.since, clock.input_at, clock.input_at), promised, clock.input_at));
    return call.result();
}
