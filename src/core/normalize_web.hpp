// Compared forms of web addresses: a company's domain, a person's profile.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sentinel::core {

// Take the host out of a web address, a host name or an e-mail address, in its compared form and without www.
// Nothing where there is no public host name. Free-mail hosts come out like any other.
std::optional<std::string> normalize_domain(std::string_view text);

// Bring a profile address to `host/path`: one spelling per account. Locale and www sub-domains, query,
// fragment and trailing parts go; paths are lower-cased on networks that ignore case; twitter.com is x.com.
// Nothing for a bare host, which names a site and not a profile, and for a bare @handle, which names no
// network.
std::optional<std::string> normalize_profile_url(std::string_view text);

// Tell whether a normalised profile names one person or account rather than a company's page.
bool is_personal_profile(std::string_view normal_url);

}  // namespace sentinel::core
