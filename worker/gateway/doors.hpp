// Bound what strangers may hold at once: connections, and bytes of bodies.
#pragma once

#include <cstddef>
#include <map>
#include <optional>

#include "engine/guard.hpp"

namespace sentinel::gateway {

// Bytes of bodies under way, of all requests together.
class Budget {
 public:
    explicit Budget(std::size_t most) : most_(most) {}
    bool take(std::size_t bytes) noexcept {
        if (bytes > most_ - used_) return false;
        used_ += bytes;
        return true;
    }
    void give(std::size_t bytes) noexcept { used_ -= bytes; }
    std::size_t used() const noexcept { return used_; }

 private:
    std::size_t most_;
    std::size_t used_ = 0;
};

// Who is connected: in all, and by address where that is not a proxy of ours.
class Doors {
 public:
    Doors(int most, int most_per_address) : most_(most), most_per_address_(most_per_address) {}
    bool enter(const std::optional<worker::Address>& address);
    void leave(const std::optional<worker::Address>& address);
    int inside() const noexcept { return inside_; }

 private:
    int most_;
    int most_per_address_;
    int inside_ = 0;
    std::map<worker::Address, int> by_address_;
};

// A place taken at the doors, given back at the end of whatever holds it.
class Place {
 public:
    Place(Doors& doors, std::optional<worker::Address> address) : doors_(&doors), address_(address) {}
    ~Place() { doors_->leave(address_); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

 private:
    Doors* doors_;
    std::optional<worker::Address> address_;
};

}  // namespace sentinel::gateway
