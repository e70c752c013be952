// Decide which addresses a request may reach: public ones, and what the operator allowed.
//
// The check is made on the binary address that the socket is opened for, never on text, so that spellings
// (127.1, 0x7f.1, [::ffff:127.0.0.1]) and DNS answers that change between two look-ups do not matter.
// The lists: http-delivery rules 1.3; RFC 6890 registries; 168.63.129.16 is Azure's wire server.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sentinel::worker {

// An IPv6 address, or an IPv4 one mapped into ::ffff:0:0/96. Both families compare in one form.
using Address = std::array<std::uint8_t, 16>;

std::optional<Address> to_address(const sockaddr* address);
std::optional<Address> to_address(std::string_view text);  // dotted quad or IPv6, no zone, no brackets
std::string to_text(const Address& address);

// True where the address is in none of the private, special or reserved ranges. IPv6 is denied by default.
bool is_public(const Address& address);

// One entry of egress_allow: "ip", "ip:port", "[ip6]:port", each with an optional "/bits" behind the ip.
struct Egress {
    Address address{};
    int bits = 128;  // of the mapped form
    int port = 0;    // 0 = every port

    static std::optional<Egress> parse(std::string_view text);
    bool covers(const Address& address, int port) const;
};

class Guard {
 public:
    Guard() = default;
    explicit Guard(std::vector<Egress> allowed) : allowed_(std::move(allowed)) {}

    bool allows(const Address& address, int port) const;
    bool port_listed(int port) const;  // some entry of egress_allow names this port

    // Learn the addresses of this machine: a request must not come back to it by a public address either.
    void learn_own_addresses();
    void set_own_addresses(std::vector<Address> own) { own_ = std::move(own); }

 private:
    std::vector<Egress> allowed_;
    std::vector<Address> own_;
};

}  // namespace sentinel::worker
