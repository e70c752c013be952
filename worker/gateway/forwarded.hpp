// Find out who asks, and pass on no header that pretends to know it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/guard.hpp"
#include "gateway/head.hpp"

namespace sentinel::gateway {

struct Caller {
    worker::Address address{};
    bool by_proxy = false;  // a trusted one spoke for it
};

class Proxies {
 public:
    explicit Proxies(std::vector<worker::Egress> trusted) : trusted_(std::move(trusted)) {}

    // peer: nothing where it came over a Unix socket, whose folder says who may.
    bool trusted(const std::optional<worker::Address>& peer) const;

    // From the right: each proxy adds whom it heard, and the first that is no proxy of ours is the caller.
    // What stands left of it, it may have invented.
    Caller caller(const std::optional<worker::Address>& peer, const Headers& headers) const;

 private:
    std::vector<worker::Egress> trusted_;
};

// The address as PostgreSQL's inet takes it.
std::string to_inet(const worker::Address& address);

// The headers for the database: a JSON array of [name, value]. Left out: what belongs to the connection, what
// names the caller's address, and from anyone but a trusted proxy what tells of scheme and host.
std::string to_headers_json(const Head& head, const std::string& request_id, bool by_proxy);

}  // namespace sentinel::gateway
