#include "engine/slots.hpp"

#include <cmath>

namespace sentinel::worker {

// What the target gets through in a second, for longer would only hold leases that another worker could use;
// and half of the bulkhead, so that others find a line too, unless it moves so fast that they will not
// notice.
std::size_t Slots::longest_line(const Target& target, const Bulkhead& bulkhead) const {
    const double in_a_second = per_target_ * 1000 / std::max(target.usual_ms, 1.0);
    const double half = std::max(bulkhead.places / 2, per_target_);
    const double fair = std::max(half, in_a_second / 20);
    return static_cast<std::size_t>(std::min(std::max(in_a_second, 1.0 * per_target_), fair));
}

// Who is quick may have all places: they are free again soon. Who is slow has a quarter, so that it takes
// several of them at once to keep others waiting; of whom nothing is known yet, half.
bool Slots::has_its_share(const Payer& payer, const Bulkhead& bulkhead) const {
    const int share = payer.usual_ms > kSlow_ms ? bulkhead.places / 4
                      : payer.usual_ms > 0      ? bulkhead.places
                                                : bulkhead.places / 2;
    return payer.running >= std::max(share, per_target_);
}

Slots::Verdict Slots::admit(const std::string& org, const std::string& name, Bulkhead& bulkhead,
                            const std::string& tag) {
    Target& target = targets_[name];
    target.payer = bulkhead.queue + " " + org;
    Payer& payer = payers_[target.payer];
    if (has_its_share(payer, bulkhead)) {
        ++target.turned_away;
        return Verdict::turn_away;
    }
    if (target.running < per_target_ && target.line.empty()) {
        ++target.running;
        ++payer.running;
        return Verdict::run;
    }
    if (target.line.size() < longest_line(target, bulkhead) && bulkhead.waiting < bulkhead.places) {
        target.line.push_back(tag);
        --bulkhead.taken;
        ++bulkhead.waiting;
        return Verdict::wait;
    }
    ++target.turned_away;
    return Verdict::turn_away;
}

void Slots::leave(const std::string& name, double took_ms) {
    const auto found = targets_.find(name);
    if (found == targets_.end()) return;
    Target& target = found->second;
    --target.running;
    Payer& payer = payers_[target.payer];
    --payer.running;
    payer.usual_ms = payer.usual_ms > 0 ? 0.8 * payer.usual_ms + 0.2 * took_ms : std::max(took_ms, 1.0);
    if (payer.running == 0 && payers_.size() > kRemembered) payers_.erase(target.payer);
    target.usual_ms = 0.8 * target.usual_ms + 0.2 * took_ms;
    target.turned_away = std::max(0, target.turned_away - 1);
    if (target.running > 0 || !target.line.empty()) return;
    target.turned_away = 0;  // idle: the crowd is gone
    if (targets_.size() > kRemembered) targets_.erase(found);
}

std::string Slots::next(const std::string& name) {
    const auto found = targets_.find(name);
    if (found == targets_.end()) return {};
    Target& target = found->second;
    if (target.line.empty() || target.running >= per_target_) return {};
    std::string tag = std::move(target.line.front());
    target.line.pop_front();
    ++target.running;
    ++payers_[target.payer].running;
    return tag;
}

void Slots::give_up(const std::string& name, const std::string& tag) {
    const auto found = targets_.find(name);
    if (found == targets_.end()) return;
    auto& line = found->second.line;
    line.erase(std::remove(line.begin(), line.end(), tag), line.end());
}

int Slots::come_back_after(const std::string& name) const {
    const auto found = targets_.find(name);
    if (found == targets_.end()) return 1;
    const double crowd_s = found->second.turned_away * found->second.usual_ms / per_target_ / 1000;
    return static_cast<int>(std::ceil(std::clamp(crowd_s, 1.0, 30.0)));
}

}  // namespace sentinel::worker
