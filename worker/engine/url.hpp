// Accept or refuse a URL before anything is done with it, with the parser that the transfer itself uses.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/curl.hpp"
#include "engine/guard.hpp"

namespace sentinel::worker {

// handle is set when the URL is acceptable, else problem says why in words that name no secret part.
struct CheckedUrl {
    Url handle;
    std::string scheme;
    std::string host;  // lower case, without brackets
    int port = 0;
    std::string problem;

    bool ok() const { return handle != nullptr; }
};

// https on port 443 or 8443; with allow_http also http on 80; further ports only where egress_allow names
// them. Refused: user info, fragment, zone id, control and non-ASCII bytes, more than 2048 bytes.
CheckedUrl check_url(std::string_view text, bool allow_http, const Guard& guard);

// As above, and the host must be one of hosts: "name", or "name:port" for another port. Plain http needs
// allow_http and an entry with a port, so that opening http for tests opens nothing for the real host.
CheckedUrl check_fixed_url(std::string_view text, bool allow_http, const std::vector<std::string>& hosts);

}  // namespace sentinel::worker
