#include "core/risk_timeline.hpp"

namespace sentinel::core {

namespace {

Instant settle(const Signals& signals, Instant before, Instant at) {
    if (base_score(signals, at) < kHighFrom) return kNever;
    return before == kNever ? at : before;
}

}  // namespace

RiskClock first_batch(const Signals& signals, Instant recorded_at) {
    return {recorded_at, kNever, settle(signals, kNever, recorded_at)};
}

RiskClock next_batch(const RiskClock& clock, const Signals& was, const Signals& is, Instant recorded_at) {
    RiskClock next = clock;
    if (recorded_at > clock.input_at) {
        next.input_at = recorded_at;
        next.before = advance(was, clock.since, clock.input_at, recorded_at - 1);
    }
    next.since = settle(is, next.before, next.input_at);
    return next;
}

}  // namespace sentinel::core
