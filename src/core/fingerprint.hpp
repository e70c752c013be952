// Fingerprints by which intake finds the same person twice; all are pure functions of their arguments.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sentinel::core {

// Hash bytes with SHA-256; lower-case hex, 64 characters. Throws std::runtime_error if the library refuses.
std::string sha256_hex(std::string_view bytes);

// What an intake row tells about a person, as it came; empty means missing.
struct Identity {
    std::string_view name;
    std::string_view email;
    std::string_view phone;
    std::string_view company;
    std::string_view domain;
    std::string_view profile_link;
};

// Hash `org|email|domain|profile_link`, each of the three lower-cased and trimmed; nothing when all three are
// empty. Source: crm-engine notes §6.
std::optional<std::string> combined_fingerprint(std::string_view org, const Identity& who);

// Hash `org|name|phone|company_name`, lower-cased and trimmed, and put `n:` before it: for rows without
// e-mail, domain and profile. Nothing when all of it is empty.
std::optional<std::string> anonymous_fingerprint(std::string_view org, const Identity& who);

// Hash one identifying value in its normalised form: e-mail; profile of a person; telephone together with the
// name, because a telephone alone may be the office's. Nothing when the value cannot identify anybody.
std::optional<std::string> email_fingerprint(std::string_view org, std::string_view email);
std::optional<std::string> profile_fingerprint(std::string_view org, std::string_view profile_link);
std::optional<std::string> phone_fingerprint(std::string_view org, std::string_view phone,
                                             std::string_view name);

}  // namespace sentinel::core
