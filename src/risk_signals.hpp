// The signals of a deal as SQL holds them: arguments of functions and columns of deal_signals, always in this
// order.
#pragma once

#include "core/risk_model.hpp"
#include "pg/pg.hpp"

namespace sentinel {

// Positions in the argument list of risk_score() and its kin.
enum SignalArgument {
    kRiskRole,
    kClosed,
    kValue,
    kCreatedAt,
    kStageEnteredAt,
    kLastSentAt,
    kLastReceivedAt,
    kLastMeetingAt,
    kLastEventAt,
    kCompetitiveIndicators,
    kStageNormDays,
    kInactivityDays,
    kFlags,
    kSignalArguments,
    kAtRiskSince = kSignalArguments,
    kInputAt,
    kAsOf,
    kWeightsArgument
};

// Read weights: an array of kWeights numbers, else the standard ones; storage keeps a copy. Source: column
// weights of deal_signals. Raises only when memory ends.
inline const core::Weights* read_weights(NullableDatum datum, core::Weights& storage) noexcept {
    if (datum.isnull) return &core::kStandardWeights;
    ArrayType* array = DatumGetArrayTypeP(datum.value);
    if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != core::kWeights || ARR_HASNULL(array) ||
        ARR_ELEMTYPE(array) != FLOAT8OID)
        return &core::kStandardWeights;
    memcpy(storage.of, ARR_DATA_PTR(array), sizeof storage.of);
    return &storage;
}

// Read signals from any source of (null?, datum) by position. Never raises: all types are passed by value.
template <class Source>
inline core::Signals read_signals(Source&& at) noexcept {
    auto time = [&](int position) {
        NullableDatum datum = at(position);
        return datum.isnull ? core::kNever : static_cast<core::Instant>(DatumGetTimestampTz(datum.value));
    };
    core::Signals out;
    NullableDatum datum = at(kRiskRole);
    out.role = datum.isnull ? core::RiskRole::Other : static_cast<core::RiskRole>(DatumGetInt16(datum.value));
    datum = at(kClosed);
    out.closed = !datum.isnull && DatumGetBool(datum.value);
    datum = at(kValue);
    out.value = datum.isnull ? 0 : DatumGetFloat8(datum.value);
    out.created = time(kCreatedAt);
    out.stage_entered = time(kStageEnteredAt);
    out.sent = time(kLastSentAt);
    out.received = time(kLastReceivedAt);
    out.meeting = time(kLastMeetingAt);
    out.newest = time(kLastEventAt);
    datum = at(kCompetitiveIndicators);
    out.indicators = datum.isnull ? 0 : DatumGetInt32(datum.value);
    datum = at(kStageNormDays);
    out.norm_days = datum.isnull ? 0 : DatumGetFloat8(datum.value);
    datum = at(kInactivityDays);
    if (!datum.isnull) out.inactivity_days = DatumGetInt16(datum.value);
    datum = at(kFlags);
    if (!datum.isnull) out.flags = static_cast<unsigned>(DatumGetInt16(datum.value));
    return out;
}

}  // namespace sentinel
