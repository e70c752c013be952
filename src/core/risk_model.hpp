// The risk of a deal as a pure function of its signals and a time.
//
// Times are microseconds since 2000-01-01 UTC (the server's timestamptz), so that every boundary is an exact
// integer and "age <= 5 days" ends one microsecond after the fifth day. Scores are double; terms are added in
// the order of enum Term and clamped once. Source: revenue intelligence, deal risk model, with its faults
// mended: inactivity is the first of the primary reasons, held calls are meetings, a risk period ends on
// recovery.
#pragma once

#include <cstdint>
#include <string>

namespace sentinel::core {

using Instant = std::int64_t;

inline constexpr Instant kDay = 86'400'000'000;
inline constexpr Instant kNever = INT64_MIN;    // an event that has not happened
inline constexpr Instant kForever = INT64_MAX;  // a boundary that will not come

inline constexpr double kMediumFrom = 0.4;
inline constexpr double kHighFrom = 0.6;
inline constexpr Instant kOldNegotiation = 31 * kDay;  // floor(age in days) > 30

// Numbers are stored in deal_signals.risk_role: never renumber.
enum class RiskRole : std::int16_t { Other = 0, Discover = 1, Negotiation = 2 };

// Bits are stored in deal_signals.flags: never renumber.
inline constexpr unsigned kCompetitiveOn = 1;
inline constexpr unsigned kStageStallOn = 2;
inline constexpr unsigned kChampionOn = 4;

// Numbers of the model that an organisation may set. Positions are stored in risk_weights.weights: never
// renumber.
enum Weight {
    kWeightNegotiation,
    kWeightDiscover,
    kWeightCompetitiveHigh,
    kWeightCompetitiveMedium,
    kWeightEmailSent,
    kWeightEmailReceived,
    kWeightMeeting,
    kWeightInactivity,
    kWeightNegotiationStalled,
    kWeightHighValue,
    kWeightChampionDormant,
    kWeightStageStalled,
    kHighValueOver,
    kCompetitiveValueOver,  // in a negotiation
    kOverdueStep,           // for each second day
    kWeights
};

struct Weights {
    double of[kWeights];
};

inline constexpr Weights kStandardWeights = {
    {0.3, 0.1, 0.25, 0.15, -0.2, -0.3, -0.4, 0.4, 0.4, 0.2, 0.25, 0.25, 5000, 10000, 0.1}};

// All that is known of a deal at one instant. kNever stands for "did not happen" and norm_days <= 0 for "no
// norm".
struct Signals {
    RiskRole role = RiskRole::Other;
    bool closed = false;
    double value = 0;
    Instant created = 0;
    Instant stage_entered = 0;
    Instant sent = kNever;      // newest email_sent
    Instant received = kNever;  // newest email_received
    Instant meeting = kNever;   // newest meeting_held or call_held
    Instant newest = kNever;    // newest event of any kind
    int indicators = 0;         // competitive indicators found in texts
    double norm_days = 0;       // typical days in the present stage
    int inactivity_days = 7;
    unsigned flags = kCompetitiveOn;
    const Weights* weights = &kStandardWeights;  // not owned; outlives the call

    double weight(Weight which) const { return weights->of[which]; }
};

enum Term {
    kStageBase,
    kCompetitive,
    kEmailSent,
    kEmailReceived,
    kMeeting,
    kInactivity,
    kNegotiationStalled,
    kHighValue,
    kChampionDormant,
    kStageStalled,
    kTerms
};

struct Terms {
    double of[kTerms] = {};
    bool holds(Term term) const { return of[term] > 0; }
};

enum class Action { None, FollowUp, Nudge, Review };
enum class Urgency { None, Medium, High };

// Everything there is to say about a deal at one instant.
struct Evaluation {
    Terms terms;
    double raw = 0;    // the sum of the terms
    double base = 0;   // raw, clamped to 0..1
    double score = 0;  // base, raised while the action is overdue
    bool closed = false;
    bool at_risk = false;
    Instant since = kNever;  // start of the uninterrupted time at risk; kNever when not at risk
    Instant due = kNever;    // kNever when nothing is due
    std::int64_t overdue_days = 0;
    bool overdue = false;
    Action action = Action::None;
    Urgency urgency = Urgency::None;
    int primary = -1;  // the term of the primary reason, or -1
    Instant last_activity = kNever;
};

// Add without overflow: what would pass the end of time stays there.
inline Instant after(Instant from, Instant span) {
    Instant sum;
    return __builtin_add_overflow(from, span, &sum) ? kForever : sum;
}

// Give the time between two instants without overflow.
inline Instant span(Instant from, Instant to) {
    Instant difference;
    return __builtin_sub_overflow(to, from, &difference) ? kForever : difference;
}

// Give the newest human event, or the creation when there was none.
inline Instant last_activity(const Signals& signals) {
    Instant last = signals.sent > signals.received ? signals.sent : signals.received;
    if (signals.meeting > last) last = signals.meeting;
    return last == kNever ? signals.created : last;
}

// Give the longest time in the stage that is still typical; kForever when there is no norm.
Instant stall_limit(const Signals& signals);

// Fill the terms that hold at one instant. A closed deal has none.
void weigh(const Signals& signals, Instant at, Terms& terms);

// Give the score before escalation, 0..1.
double base_score(const Signals& signals, Instant at);

// Give the first instant after `after_this` at which a term may change by the passing of time, or kForever.
Instant next_term_boundary(const Signals& signals, Instant after_this);

// Give the start of the time at risk as of `to`, `to` itself included, when it was `since` at `from` and no
// input came in between. kNever means not at risk.
Instant advance(const Signals& signals, Instant since, Instant from, Instant to);

// Give the score, escalation included. The fast path of evaluate(): no allocation, no exception.
double risk_score(const Signals& signals, Instant since, Instant since_at, Instant at);

// Evaluate all at one instant. `since` is the start of the time at risk as it stood at `since_at` <= at.
Evaluation evaluate(const Signals& signals, Instant since, Instant since_at, Instant at);

// Give the first instant after `at` at which score, status, reasons or the overdue state differ from those at
// `at` if no input comes, or kForever.
Instant next_change(const Signals& signals, Instant since, Instant since_at, Instant at);

const char* band(double score);
const char* status(const Evaluation& evaluation);
const char* action_label(Action action);
const char* urgency_label(Urgency urgency);

// Name a term for explanations.
const char* term_name(Term term);

// Give the reason a term stands for; empty when it has none. N of the inactivity text is the threshold.
std::string reason(Term term, int inactivity_days);

// Give the reason of an overdue action, "day" in the singular at 1.
std::string overdue_reason(std::int64_t days);

}  // namespace sentinel::core
