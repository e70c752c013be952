// The at-risk periods of a deal over its recorded inputs.
//
// An input is anything that changes the signals: an activity, a move, a value, a setting, a norm. All inputs
// with the same recorded time are one batch. Between batches only time passes. Whoever looks at a deal live,
// batch by batch, and whoever walks its history later, gets the same periods.
#pragma once

#include "core/risk_model.hpp"

namespace sentinel::core {

// What is known of a deal's time at risk at the newest batch of inputs.
struct RiskClock {
    Instant input_at = kNever;  // recorded time of the newest batch
    Instant before = kNever;    // start of the time at risk just before that batch; kNever when not at risk
    Instant since = kNever;     // the same with that batch counted
};

// Start the clock of a deal with its first batch.
RiskClock first_batch(const Signals& signals, Instant recorded_at);

// Move the clock on by a batch recorded at or after clock.input_at. `was` are the signals before it, `is`
// those after it. A batch recorded at clock.input_at joins the newest one.
RiskClock next_batch(const RiskClock& clock, const Signals& was, const Signals& is, Instant recorded_at);

}  // namespace sentinel::core
