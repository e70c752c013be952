#include "core/risk_model.hpp"

namespace sentinel::core {

namespace {

constexpr Instant kEmailFresh = 5 * kDay;
constexpr Instant kChampionQuiet = 14 * kDay;
constexpr int kMostSteps = 64;  // far above the boundaries a deal can have; a guard, not a limit

// True while an event is recent: up to and including the instant `span` after it.
inline bool recent(Instant event, Instant span, Instant at) {
    return event != kNever && at <= after(event, span);
}

inline double competitive_term(const Signals& signals, Instant at) {
    if (!(signals.flags & kCompetitiveOn)) return 0;
    bool negotiation = signals.role == RiskRole::Negotiation;
    int indicators =
        signals.indicators + (negotiation && signals.value > signals.weight(kCompetitiveValueOver) ? 1 : 0);
    if (indicators >= 2) return signals.weight(kWeightCompetitiveHigh);
    // An old negotiation is an indicator that can lift nothing to medium, but never medium to high.
    if (indicators == 1 || (negotiation && at >= after(signals.created, kOldNegotiation)))
        return signals.weight(kWeightCompetitiveMedium);
    return 0;
}

inline double sum(const Terms& terms) {
    double total = 0;
    for (double term : terms.of) total += term;
    return total;
}

inline double clamp(double score) {
    return score < 0 ? 0 : score > 1 ? 1 : score;
}

int primary_term(const Terms& terms) {
    constexpr Term kPriority[] = {kInactivity,      kNegotiationStalled, kCompetitive,
                                  kChampionDormant, kStageStalled,       kHighValue};
    for (Term term : kPriority) {
        if (terms.holds(term)) return term;
    }
    return -1;
}

Action action_for(int primary) {
    switch (primary) {
        case kInactivity:
            return Action::FollowUp;
        case kNegotiationStalled:
            return Action::Nudge;
        case kHighValue:
            return Action::Review;
        default:
            return Action::None;
    }
}

Urgency urgency_for(Action action) {
    switch (action) {
        case Action::FollowUp:
        case Action::Nudge:
            return Urgency::High;
        case Action::Review:
            return Urgency::Medium;
        case Action::None:
            break;
    }
    return Urgency::None;
}

Instant time_to_act(Urgency urgency) {
    return urgency == Urgency::High ? kDay : 3 * kDay;
}

bool same_answer(const Evaluation& a, const Evaluation& b) {
    if (a.score != b.score || a.at_risk != b.at_risk || a.overdue != b.overdue) return false;
    for (int term = kCompetitive; term < kTerms; ++term) {
        if (a.terms.holds(static_cast<Term>(term)) != b.terms.holds(static_cast<Term>(term))) return false;
    }
    return true;
}

// Give the next instant at which an evaluated deal's escalation moves on, or kForever.
Instant next_escalation(const Evaluation& now) {
    if (now.due == kNever) return kForever;
    if (now.overdue_days < 1) return after(now.due, kDay);
    if (now.score >= 1) return kForever;
    return after(now.due, 2 * (now.overdue_days / 2 + 1) * kDay);
}

}  // namespace

Instant stall_limit(const Signals& signals) {
    if (!(signals.norm_days > 0)) return kForever;
    double limit = 2 * signals.norm_days * static_cast<double>(kDay);
    return limit < 9.2e18 ? static_cast<Instant>(limit) : kForever;
}

void weigh(const Signals& signals, Instant at, Terms& terms) {
    terms = Terms{};
    if (signals.closed) return;
    double* of = terms.of;
    bool negotiation = signals.role == RiskRole::Negotiation;
    bool sent = recent(signals.sent, kEmailFresh, at);
    bool received = recent(signals.received, kEmailFresh, at);
    Instant patience = signals.inactivity_days * kDay;

    of[kStageBase] = negotiation                          ? signals.weight(kWeightNegotiation)
                     : signals.role == RiskRole::Discover ? signals.weight(kWeightDiscover)
                                                          : 0;
    of[kCompetitive] = competitive_term(signals, at);
    if (sent) of[kEmailSent] = signals.weight(kWeightEmailSent);
    if (received) of[kEmailReceived] = signals.weight(kWeightEmailReceived);
    if (recent(signals.meeting, patience, at)) of[kMeeting] = signals.weight(kWeightMeeting);
    if (at >= after(last_activity(signals), patience + kDay))
        of[kInactivity] = signals.weight(kWeightInactivity);
    if (negotiation && !sent && !received)
        of[kNegotiationStalled] = signals.weight(kWeightNegotiationStalled);
    if (signals.value > signals.weight(kHighValueOver)) of[kHighValue] = signals.weight(kWeightHighValue);
    if ((signals.flags & kChampionOn) &&
        (signals.received == kNever || at >= after(signals.received, kChampionQuiet))) {
        of[kChampionDormant] = signals.weight(kWeightChampionDormant);
    }
    if ((signals.flags & kStageStallOn) && signals.norm_days > 0 &&
        at > after(signals.stage_entered, stall_limit(signals))) {
        of[kStageStalled] = signals.weight(kWeightStageStalled);
    }
}

double base_score(const Signals& signals, Instant at) {
    if (signals.closed) return 0;
    Terms terms;
    weigh(signals, at, terms);
    return clamp(sum(terms));
}

Instant next_term_boundary(const Signals& signals, Instant after_this) {
    if (signals.closed) return kForever;
    Instant next = kForever;
    auto consider = [&](Instant boundary) {
        if (boundary > after_this && boundary < next) next = boundary;
    };
    Instant patience = signals.inactivity_days * kDay;
    if (signals.sent != kNever) consider(after(signals.sent, kEmailFresh + 1));
    if (signals.received != kNever) consider(after(signals.received, kEmailFresh + 1));
    if (signals.meeting != kNever) consider(after(signals.meeting, patience + 1));
    consider(after(last_activity(signals), patience + kDay));
    if ((signals.flags & kCompetitiveOn) && signals.role == RiskRole::Negotiation) {
        consider(after(signals.created, kOldNegotiation));
    }
    if ((signals.flags & kChampionOn) && signals.received != kNever) {
        consider(after(signals.received, kChampionQuiet));
    }
    if ((signals.flags & kStageStallOn) && signals.norm_days > 0) {
        consider(after(after(signals.stage_entered, stall_limit(signals)), 1));
    }
    return next;
}

Instant advance(const Signals& signals, Instant since, Instant from, Instant to) {
    for (int step = 0; step < kMostSteps; ++step) {
        Instant boundary = next_term_boundary(signals, from);
        if (boundary > to || boundary == kForever) break;
        if (base_score(signals, boundary) < kHighFrom) {
            since = kNever;
        } else if (since == kNever) {
            since = boundary;
        }
        from = boundary;
    }
    return since;
}

Evaluation evaluate(const Signals& signals, Instant since, Instant since_at, Instant at) {
    Evaluation out;
    out.closed = signals.closed;
    if (signals.closed) {
        out.last_activity = signals.newest == kNever ? signals.created : signals.newest;
        return out;
    }
    out.last_activity = last_activity(signals);
    weigh(signals, at, out.terms);
    out.raw = sum(out.terms);
    out.base = out.score = clamp(out.raw);
    out.primary = primary_term(out.terms);
    out.action = action_for(out.primary);
    out.urgency = urgency_for(out.action);
    if (out.base < kHighFrom) return out;

    out.at_risk = true;
    out.since = advance(signals, since, since_at, at);
    if (out.since == kNever || out.since > at) out.since = at;
    if (out.action == Action::None) return out;

    out.due = after(out.since, time_to_act(out.urgency));
    if (at > out.due) out.overdue_days = span(out.due, at) / kDay;
    out.overdue = out.overdue_days > 0;
    if (out.overdue) {
        out.urgency = Urgency::High;
        std::int64_t steps = out.overdue_days / 2;  // whole pairs of days
        double raised = out.base + signals.weight(kOverdueStep) * static_cast<double>(steps);
        out.score = raised < 1 ? raised : 1;
    }
    return out;
}

double risk_score(const Signals& signals, Instant since, Instant since_at, Instant at) {
    double base = base_score(signals, at);
    return base < kHighFrom ? base : evaluate(signals, since, since_at, at).score;
}

Instant next_change(const Signals& signals, Instant since, Instant since_at, Instant at) {
    if (signals.closed) return kForever;
    Evaluation start = evaluate(signals, since, since_at, at);
    Evaluation now = start;
    Instant when = at;
    for (int step = 0; step < kMostSteps; ++step) {
        Instant escalation = next_escalation(now);
        Instant boundary = next_term_boundary(signals, when);
        if (escalation < boundary) boundary = escalation;
        if (boundary == kForever) break;
        now = evaluate(signals, since, since_at, boundary);
        if (!same_answer(start, now)) return boundary;
        when = boundary;
    }
    return kForever;
}

const char* band(double score) {
    return score < kMediumFrom ? "Low" : score < kHighFrom ? "Medium" : "High";
}

const char* status(const Evaluation& evaluation) {
    return evaluation.closed ? "closed" : evaluation.at_risk ? "at_risk" : "active";
}

const char* action_label(Action action) {
    switch (action) {
        case Action::FollowUp:
            return "Send follow-up email";
        case Action::Nudge:
            return "Nudge for response";
        case Action::Review:
            return "Review deal details";
        case Action::None:
            break;
    }
    return nullptr;
}

const char* urgency_label(Urgency urgency) {
    switch (urgency) {
        case Urgency::High:
            return "high";
        case Urgency::Medium:
            return "medium";
        case Urgency::None:
            break;
    }
    return nullptr;
}

const char* term_name(Term term) {
    constexpr const char* kNames[] = {
        "stage",      "competitive",         "recent email sent", "recent email received", "recent meeting",
        "inactivity", "negotiation stalled", "high value",        "champion dormant",      "stage stalled"};
    return term < kTerms ? kNames[term] : "";
}

std::string reason(Term term, int inactivity_days) {
    switch (term) {
        case kCompetitive:
            return "Competitive signals detected";
        case kInactivity:
            return "No activity in last " + std::to_string(inactivity_days) + " days";
        case kNegotiationStalled:
            return "Negotiation stalled without response";
        case kHighValue:
            return "High value deal requires attention";
        case kChampionDormant:
            return "Champion gone quiet - no inbound in 14+ days";
        case kStageStalled:
            return "Stalled in stage longer than typical";
        default:
            return {};
    }
}

std::string overdue_reason(std::int64_t days) {
    return "Action overdue by " + std::to_string(days) + (days == 1 ? " day" : " days");
}

}  // namespace sentinel::core
