#include "gateway/doors.hpp"

namespace sentinel::gateway {

bool Doors::enter(const std::optional<worker::Address>& address) {
    if (inside_ >= most_) return false;
    if (address) {
        int& here = by_address_[*address];
        if (here >= most_per_address_) return false;
        ++here;
    }
    ++inside_;
    return true;
}

void Doors::leave(const std::optional<worker::Address>& address) {
    --inside_;
    if (!address) return;
    const auto found = by_address_.find(*address);
    if (found != by_address_.end() && --found->second == 0) by_address_.erase(found);
}

}  // namespace sentinel::gateway
