// Normalises any bytes; checks that the result is well formed and that normalising it again changes nothing.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "core/fingerprint.hpp"
#include "core/normalize_company.hpp"
#include "core/normalize_email.hpp"
#include "core/normalize_phone.hpp"
#include "core/normalize_web.hpp"
#include "core/unicode.hpp"

using namespace sentinel::core;

namespace {

template <class Normalizer>
void check(std::string_view text, Normalizer normalize) {
    const std::optional<std::string> once = normalize(text);
    if (!once) return;
    if (once->empty() || (is_utf8(text) && !is_utf8(*once))) std::abort();
    const std::optional<std::string> twice = normalize(*once);
    if (!twice || *twice != *once) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check(text, [](std::string_view t) { return normalize_email(t); });
    check(text, [](std::string_view t) { return normalize_phone(t); });
    check(text, [](std::string_view t) { return normalize_domain(t); });
    check(text, [](std::string_view t) { return normalize_profile_url(t); });
    check(text, [](std::string_view t) { return normalize_company(t); });
    Identity who;
    who.name = who.email = who.phone = who.company = who.domain = who.profile_link = text;
    const auto combined = combined_fingerprint("org", who);
    if (combined && combined->size() != 64) std::abort();
    phone_fingerprint("org", text, text);
    return 0;
}
