#include "engine/guard.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace sentinel::worker {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct Range4 {
    std::uint32_t network;
    int bits;
};

constexpr std::uint32_t quad(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
    return a << 24 | b << 16 | c << 8 | d;
}

constexpr Range4 kDenied4[] = {
    {quad(0, 0, 0, 0), 8},        {quad(10, 0, 0, 0), 8},     {quad(100, 64, 0, 0), 10},
    {quad(127, 0, 0, 0), 8},      {quad(169, 254, 0, 0), 16}, {quad(172, 16, 0, 0), 12},
    {quad(192, 0, 0, 0), 24},     {quad(192, 0, 2, 0), 24},   {quad(192, 88, 99, 0), 24},
    {quad(192, 168, 0, 0), 16},   {quad(198, 18, 0, 0), 15},  {quad(198, 51, 100, 0), 24},
    {quad(203, 0, 113, 0), 24},   {quad(224, 0, 0, 0), 4},    {quad(240, 0, 0, 0), 4},
    {quad(168, 63, 129, 16), 32},
};

bool is_mapped(const Address& a) {
    return std::equal(kMapped.begin(), kMapped.end(), a.begin());
}

bool public4(std::uint32_t address) {
    return std::none_of(std::begin(kDenied4), std::end(kDenied4), [&](const Range4& range) {
        return (address ^ range.network) >> (32 - range.bits) == 0;
    });
}

// Only 2000::/3 is handed out at all; of it, Teredo and ORCHID, documentation and 6to4 reach elsewhere.
bool public6(const Address& a) {
    const unsigned first = static_cast<unsigned>(a[0]) << 8 | a[1];
    const unsigned second = static_cast<unsigned>(a[2]) << 8 | a[3];
    if ((first & 0xe000) != 0x2000) return false;
    if (first == 0x2001 && second < 0x0200) return false;
    if (first == 0x2001 && second == 0x0db8) return false;
    if (first == 0x2002) return false;
    return !(first == 0x3fff && second < 0x1000);
}

std::optional<int> number(std::string_view text, int most) {
    int value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
    if (value < 0 || value > most) return std::nullopt;
    return value;
}

}  // namespace

std::optional<Address> to_address(const sockaddr* address) {
    Address out{};
    if (address->sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, address, sizeof v4);
        std::copy(kMapped.begin(), kMapped.end(), out.begin());
        std::memcpy(out.data() + 12, &v4.sin_addr, 4);
        return out;
    }
    if (address->sa_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, address, sizeof v6);
        std::memcpy(out.data(), &v6.sin6_addr, 16);
        return out;
    }
    return std::nullopt;
}

std::optional<Address> to_address(std::string_view text) {
    const std::string copy(text);
    Address out{};
    in_addr v4{};
    if (inet_pton(AF_INET, copy.c_str(), &v4) == 1) {
        std::copy(kMapped.begin(), kMapped.end(), out.begin());
        std::memcpy(out.data() + 12, &v4, 4);
        return out;
    }
    if (inet_pton(AF_INET6, copy.c_str(), out.data()) == 1) return out;
    return std::nullopt;
}

std::string to_text(const Address& address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (is_mapped(address)) {
        inet_ntop(AF_INET, address.data() + 12, text, sizeof text);
    } else {
        inet_ntop(AF_INET6, address.data(), text, sizeof text);
    }
    return text;
}

bool is_public(const Address& address) {
    if (!is_mapped(address)) return public6(address);
    return public4(quad(address[12], address[13], address[14], address[15]));
}

std::optional<Egress> Egress::parse(std::string_view text) {
    Egress out;
    std::string_view host = text;
    std::string_view port;
    if (!host.empty() && host.front() == '[') {
        const std::size_t end = host.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        const std::string_view rest = host.substr(end + 1);
        host = host.substr(1, end - 1);
        if (!rest.empty() && rest.front() != ':') return std::nullopt;
        if (!rest.empty()) port = rest.substr(1);
        if (!rest.empty() && port.empty()) return std::nullopt;
    } else if (std::count(host.begin(), host.end(), ':') == 1) {
        port = host.substr(host.find(':') + 1);
        host = host.substr(0, host.find(':'));
        if (port.empty()) return std::nullopt;
    }
    std::string_view bits;
    if (const std::size_t slash = host.find('/'); slash != std::string_view::npos) {
        bits = host.substr(slash + 1);
        host = host.substr(0, slash);
        if (bits.empty()) return std::nullopt;
    }
    const auto address = to_address(host);
    if (!address) return std::nullopt;
    out.address = *address;
    const int offset = is_mapped(*address) ? 96 : 0;
    if (!bits.empty()) {
        const auto value = number(bits, 128 - offset);
        if (!value) return std::nullopt;
        out.bits = *value + offset;
    }
    if (!port.empty()) {
        const auto value = number(port, 65535);
        if (!value || *value == 0) return std::nullopt;
        out.port = *value;
    }
    return out;
}

bool Egress::covers(const Address& other, int other_port) const {
    if (port != 0 && port != other_port) return false;
    for (int bit = 0; bit < bits; ++bit) {
        const auto byte = static_cast<std::size_t>(bit / 8);
        if ((address[byte] ^ other[byte]) >> (7 - bit % 8) & 1) return false;
    }
    return true;
}

bool Guard::allows(const Address& address, int port) const {
    const auto covers = [&](const Egress& entry) { return entry.covers(address, port); };
    if (std::any_of(allowed_.begin(), allowed_.end(), covers)) return true;
    if (std::find(own_.begin(), own_.end(), address) != own_.end()) return false;
    return is_public(address);
}

bool Guard::port_listed(int port) const {
    return std::any_of(allowed_.begin(), allowed_.end(),
                       [&](const Egress& entry) { return entry.port == port; });
}

void Guard::learn_own_addresses() {
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return;
    std::vector<Address> own;
    for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr == nullptr) continue;
        if (const auto address = to_address(one->ifa_addr)) own.push_back(*address);
    }
    freeifaddrs(list);
    own_ = std::move(own);
}

}  // namespace sentinel::worker
