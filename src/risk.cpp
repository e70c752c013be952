// Room risk: the model of core/risk_model.hpp as SQL functions.
#include "core/risk_timeline.hpp"
#include "pg/rows.hpp"
#include "pg/text.hpp"
#include "risk_signals.hpp"

using namespace sentinel::core;
using sentinel::pg::server;

namespace {

// The state that the functions below take: the signals, the start of the time at risk as of input_at, and the
// time to look at.
struct Question {
    Signals signals;
    Weights weights;
    Instant since;
    Instant since_at;
    Instant as_of;
};

inline Instant time_argument(FunctionCallInfo fcinfo, int position, Instant if_null) noexcept {
    return PG_ARGISNULL(position) ? if_null : static_cast<Instant>(PG_GETARG_TIMESTAMPTZ(position));
}

// Fills a place of the caller's, for signals.weights points into it.
inline void ask(FunctionCallInfo fcinfo, Question& out) noexcept {
    out.signals = sentinel::read_signals([&](int position) { return fcinfo->args[position]; });
    out.as_of = PG_GETARG_TIMESTAMPTZ(sentinel::kAsOf);
    out.since = time_argument(fcinfo, sentinel::kAtRiskSince, kNever);
    out.since_at = time_argument(fcinfo, sentinel::kInputAt, out.as_of);
    out.signals.weights = sentinel::read_weights(fcinfo->args[sentinel::kWeightsArgument], out.weights);
}

// Answers of risk_snapshot(), in the order of its columns.
enum Column {
    kScore,
    kBand,
    kStatus,
    kReasons,
    kPrimaryReason,
    kRecommendedAction,
    kActionUrgency,
    kRiskStartedAt,
    kRiskAgeDays,
    kActionDueAt,
    kActionOverdueDays,
    kIsActionOverdue,
    kLastActivityAt,
    kNextChangeAt,
    kColumns
};

Datum reasons_array(const Evaluation& now, int inactivity_days) {
    std::vector<Datum> reasons;
    for (int term = 0; term < kTerms; ++term) {
        std::string text = now.terms.holds(static_cast<Term>(term))
                               ? reason(static_cast<Term>(term), inactivity_days)
                               : std::string();
        if (!text.empty()) reasons.push_back(sentinel::pg::text_datum(text));
    }
    if (now.overdue) reasons.push_back(sentinel::pg::text_datum(overdue_reason(now.overdue_days)));
    return sentinel::pg::array(reasons, TEXTOID);
}

TupleDesc result_row(FunctionCallInfo fcinfo) {
    return server([&] {
        if (fcinfo->flinfo->fn_extra == nullptr) {
            TupleDesc declared;
            if (get_call_result_type(fcinfo, nullptr, &declared) != TYPEFUNC_COMPOSITE)
                elog(ERROR, "return type must be a row type");
            MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
            fcinfo->flinfo->fn_extra = BlessTupleDesc(CreateTupleDescCopy(declared));
            MemoryContextSwitchTo(old);
        }
        return static_cast<TupleDesc>(fcinfo->flinfo->fn_extra);
    });
}

// Days and a tenth, for explanations.
std::string days_ago(Instant event, Instant at) {
    char text[64];
    double days = static_cast<double>(span(event, at)) / static_cast<double>(kDay);
    std::snprintf(text, sizeof text, "%.1f days ago", days);
    return text;
}

std::string number(double value) {
    char text[64];
    std::snprintf(text, sizeof text, "%.15g", value);
    return text;
}

std::string detail(const Question& asked, const Evaluation& now, Term term) {
    const Signals& deal = asked.signals;
    switch (term) {
        case kStageBase:
            return deal.role == RiskRole::Negotiation ? "a negotiation"
                   : deal.role == RiskRole::Discover  ? "a discovery"
                                                      : "a stage without risk of its own";
        case kCompetitive: {
            std::string found = std::to_string(deal.indicators) + " in texts";
            if (deal.role == RiskRole::Negotiation) {
                if (deal.value > deal.weight(kCompetitiveValueOver))
                    found += ", a negotiation over " + number(deal.weight(kCompetitiveValueOver));
                if (asked.as_of >= after(deal.created, kOldNegotiation))
                    found += ", a negotiation older than 30 days";
            }
            return reason(term, 0) + ": " + found;
        }
        case kEmailSent:
            return "e-mail sent " + days_ago(deal.sent, asked.as_of);
        case kEmailReceived:
            return "e-mail received " + days_ago(deal.received, asked.as_of);
        case kMeeting:
            return "meeting or call held " + days_ago(deal.meeting, asked.as_of);
        case kInactivity:
            return reason(term, deal.inactivity_days) + ": last activity " +
                   days_ago(now.last_activity, asked.as_of);
        case kHighValue:
            return reason(term, 0) + ": " + number(deal.value);
        case kStageStalled:
            return reason(term, 0) + ": entered " + days_ago(deal.stage_entered, asked.as_of) + ", typical " +
                   number(deal.norm_days) + " days";
        default:
            return reason(term, 0);
    }
}

// Write the rows of an explanation; position counts from 1.
class Explanation {
 public:
    explicit Explanation(FunctionCallInfo fcinfo) : rows_(fcinfo) {}

    void add(std::string_view term, double contribution, std::string_view detail) {
        Datum values[] = {Int32GetDatum(++position_), sentinel::pg::text_datum(term),
                          Float8GetDatum(contribution), sentinel::pg::text_datum(detail)};
        bool nulls[4] = {};
        rows_.add(values, nulls);
    }

 private:
    sentinel::pg::Rows rows_;
    int position_ = 0;
};

// State of the aggregate risk_walk(): lives in the aggregate's memory context.
struct Walk {
    bool started;
    Signals signals;
    Weights weights;
    RiskClock clock;
    int count;
    int room;
    Instant* ends;  // start and end of each period that has ended
};

void note_end(Walk& walk, Instant start, Instant end, MemoryContext context) {
    if (walk.count + 2 > walk.room) {
        int room = walk.room == 0 ? 16 : walk.room * 2;
        walk.ends = static_cast<Instant*>(server([&] {
            return walk.ends == nullptr ? MemoryContextAlloc(context, sizeof(Instant) * room)
                                        : repalloc(walk.ends, sizeof(Instant) * room);
        }));
        walk.room = room;
    }
    walk.ends[walk.count++] = start;
    walk.ends[walk.count++] = end;
}

}  // namespace

// The two below have no door: they read their arguments and call noexcept arithmetic; no destructor waits for
// what reading an array could raise. It keeps a million deals within a few sums of a column.
extern "C" {
PG_FUNCTION_INFO_V1(sentinel_risk_score);
PGDLLEXPORT Datum sentinel_risk_score(PG_FUNCTION_ARGS);
Datum sentinel_risk_score(PG_FUNCTION_ARGS) {
    if (PG_ARGISNULL(sentinel::kAsOf)) PG_RETURN_NULL();
    Question asked;
    ask(fcinfo, asked);
    PG_RETURN_FLOAT8(risk_score(asked.signals, asked.since, asked.since_at, asked.as_of));
}

PG_FUNCTION_INFO_V1(sentinel_risk_next_change);
PGDLLEXPORT Datum sentinel_risk_next_change(PG_FUNCTION_ARGS);
Datum sentinel_risk_next_change(PG_FUNCTION_ARGS) {
    if (PG_ARGISNULL(sentinel::kAsOf)) PG_RETURN_NULL();
    Question asked;
    ask(fcinfo, asked);
    Instant next = next_change(asked.signals, asked.since, asked.since_at, asked.as_of);
    if (next == kForever) PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ(next);
}
}

SENTINEL_FUNCTION(sentinel_risk_snapshot) {
    if (PG_ARGISNULL(sentinel::kAsOf)) PG_RETURN_NULL();
    Question asked;
    ask(fcinfo, asked);
    Evaluation now = evaluate(asked.signals, asked.since, asked.since_at, asked.as_of);
    Instant next = next_change(asked.signals, asked.since, asked.since_at, asked.as_of);

    Datum values[kColumns] = {};
    bool nulls[kColumns] = {};
    auto text = [&](Column column, const char* value) {
        nulls[column] = value == nullptr;
        if (value != nullptr) values[column] = sentinel::pg::text_datum(value);
    };
    auto time = [&](Column column, Instant value) {
        nulls[column] = value == kNever || value == kForever;
        values[column] = TimestampTzGetDatum(value);
    };
    values[kScore] = Float8GetDatum(now.score);
    text(kBand, band(now.score));
    text(kStatus, status(now));
    values[kReasons] = reasons_array(now, asked.signals.inactivity_days);
    std::string primary;
    if (now.primary >= 0) primary = reason(static_cast<Term>(now.primary), asked.signals.inactivity_days);
    text(kPrimaryReason, now.primary >= 0 ? primary.c_str() : nullptr);
    text(kRecommendedAction, action_label(now.action));
    text(kActionUrgency, urgency_label(now.urgency));
    time(kRiskStartedAt, now.since);
    nulls[kRiskAgeDays] = !now.at_risk;
    if (now.at_risk)
        values[kRiskAgeDays] = Int32GetDatum(static_cast<int>(span(now.since, asked.as_of) / kDay));
    time(kActionDueAt, now.due);
    values[kActionOverdueDays] = Int32GetDatum(static_cast<int>(now.overdue_days));
    values[kIsActionOverdue] = BoolGetDatum(now.overdue);
    time(kLastActivityAt, now.last_activity);
    time(kNextChangeAt, next);

    TupleDesc row = result_row(fcinfo);
    return server([&] { return HeapTupleGetDatum(heap_form_tuple(row, values, nulls)); });
}

SENTINEL_FUNCTION(sentinel_risk_terms) {
    Explanation rows(fcinfo);
    if (PG_ARGISNULL(sentinel::kAsOf)) PG_RETURN_NULL();
    Question asked;
    ask(fcinfo, asked);
    Evaluation now = evaluate(asked.signals, asked.since, asked.since_at, asked.as_of);
    if (now.closed) {
        rows.add("closed", 0, "a closed deal is at no risk");
        PG_RETURN_NULL();
    }
    for (int at = 0; at < kTerms; ++at) {
        Term term = static_cast<Term>(at);
        if (term == kStageBase || now.terms.of[at] != 0)
            rows.add(term_name(term), now.terms.of[at], detail(asked, now, term));
    }
    if (now.base != now.raw)
        rows.add("clamp", now.base - now.raw,
                 now.raw < 0 ? "a score is not below 0" : "a score is not above 1");
    if (now.score != now.base) rows.add("overdue", now.score - now.base, overdue_reason(now.overdue_days));
    PG_RETURN_NULL();
}

// Step of risk_walk(): take the signals as they were from one instant on. Instants come in ascending order.
SENTINEL_FUNCTION(sentinel_risk_walk_step) {
    MemoryContext context;
    if (!AggCheckCallContext(fcinfo, &context))
        throw sentinel::Failure("0A000", "risk_walk_step() is part of an aggregate", "", "Call risk_walk().");
    Walk* walk = PG_ARGISNULL(0) ? nullptr : reinterpret_cast<Walk*>(PG_GETARG_POINTER(0));
    if (walk == nullptr)
        walk = static_cast<Walk*>(server([&] { return MemoryContextAllocZero(context, sizeof(Walk)); }));
    if (PG_ARGISNULL(1 + sentinel::kSignalArguments)) PG_RETURN_POINTER(walk);
    Signals signals = sentinel::read_signals([&](int position) { return fcinfo->args[1 + position]; });
    Weights weights;
    signals.weights =
        server([&] { return sentinel::read_weights(fcinfo->args[2 + sentinel::kSignalArguments], weights); });
    Instant at = PG_GETARG_TIMESTAMPTZ(1 + sentinel::kSignalArguments);
    if (!walk->started) {
        walk->started = true;
        walk->clock = first_batch(signals, at);
    } else {
        walk->clock = next_batch(walk->clock, walk->signals, signals, at);
        if (walk->clock.before != kNever && walk->clock.since == kNever)
            note_end(*walk, walk->clock.before, at, context);
    }
    walk->signals = signals;
    walk->weights = *signals.weights;
    walk->signals.weights = &walk->weights;
    PG_RETURN_POINTER(walk);
}

// Result of risk_walk(): since_before, at_risk_since, then start and end of each ended period.
SENTINEL_FUNCTION(sentinel_risk_walk_result) {
    if (!AggCheckCallContext(fcinfo, nullptr))
        throw sentinel::Failure("0A000", "risk_walk_result() is part of an aggregate", "",
                                "Call risk_walk().");
    if (PG_ARGISNULL(0)) PG_RETURN_NULL();
    auto* walk = reinterpret_cast<Walk*>(PG_GETARG_POINTER(0));
    if (!walk->started) PG_RETURN_NULL();
    return server([&] {
        int size = walk->count + 2;
        auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * size));
        auto* nulls = static_cast<bool*>(palloc0(sizeof(bool) * size));
        values[0] = TimestampTzGetDatum(walk->clock.before);
        nulls[0] = walk->clock.before == kNever;
        values[1] = TimestampTzGetDatum(walk->clock.since);
        nulls[1] = walk->clock.since == kNever;
        for (int at = 0; at < walk->count; ++at) values[at + 2] = TimestampTzGetDatum(walk->ends[at]);
        int lower = 1;
        return PointerGetDatum(construct_md_array(values, nulls, 1, &size, &lower, TIMESTAMPTZOID,
                                                  sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
    });
}
