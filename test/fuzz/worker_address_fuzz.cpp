// Reads any bytes as a url, an address and an entry of egress_allow: what is accepted keeps its promises, and
// printing an address and reading it again gives the same one.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/guard.hpp"
#include "engine/url.hpp"

using namespace sentinel::worker;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void read_url(std::string_view text, bool allow_http) {
    const CheckedUrl url = check_url(text, allow_http, Guard());
    require(url.ok() == url.problem.empty());
    if (!url.ok()) return;
    require(text.size() <= 2048);
    require(url.scheme == "https" || (allow_http && url.scheme == "http"));
    require(url.port == 443 || url.port == 8443 || (allow_http && url.port == 80));
    require(!url.host.empty() && url.host.find_first_of("@[]%# \t\r\n") == std::string::npos);
}

void read_address(std::string_view text) {
    if (const auto address = sentinel::worker::to_address(text)) {
        const auto again = sentinel::worker::to_address(to_text(*address));
        require(again && *again == *address);
    }
    if (const auto egress = Egress::parse(text)) {
        require(egress->bits >= 0 && egress->bits <= 128 && egress->port >= 0 && egress->port <= 65535);
        require(egress->covers(egress->address, egress->port));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    read_url(text, (data[0] & 1) != 0);
    read_url("https://" + std::string(text), (data[0] & 1) != 0);
    read_address(text);
    return 0;
}
