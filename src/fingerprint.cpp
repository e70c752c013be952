// Room intake: normalisers and fingerprints for SQL. All are immutable; the work is in core.
#include "core/fingerprint.hpp"

#include "core/normalize_company.hpp"
#include "core/normalize_email.hpp"
#include "core/normalize_phone.hpp"
#include "core/normalize_web.hpp"
#include "pg/text.hpp"
#include "uuid_text.hpp"

namespace core = sentinel::core;
namespace pg = sentinel::pg;

namespace {

// Give text or null back to SQL.
Datum answer(FunctionCallInfo fcinfo, const std::optional<std::string>& value) {
    if (!value) PG_RETURN_NULL();
    return pg::text_datum(*value);
}

// Read a text argument; null is empty.
std::string_view text_or_empty(FunctionCallInfo fcinfo, int argument) {
    if (PG_ARGISNULL(argument)) return {};
    return pg::view(PG_GETARG_DATUM(argument));
}

std::string org_of(FunctionCallInfo fcinfo) {
    return sentinel::uuid_text(*PG_GETARG_UUID_P(0));
}

}  // namespace

SENTINEL_FUNCTION(sentinel_normalize_email) {
    return answer(fcinfo, core::normalize_email(pg::view(PG_GETARG_DATUM(0))));
}

SENTINEL_FUNCTION(sentinel_normalize_phone) {
    return answer(fcinfo, core::normalize_phone(pg::view(PG_GETARG_DATUM(0))));
}

SENTINEL_FUNCTION(sentinel_normalize_national_phone) {
    return answer(fcinfo, core::normalize_phone(pg::view(PG_GETARG_DATUM(0)), pg::view(PG_GETARG_DATUM(1))));
}

SENTINEL_FUNCTION(sentinel_normalize_domain) {
    return answer(fcinfo, core::normalize_domain(pg::view(PG_GETARG_DATUM(0))));
}

SENTINEL_FUNCTION(sentinel_normalize_profile_url) {
    return answer(fcinfo, core::normalize_profile_url(pg::view(PG_GETARG_DATUM(0))));
}

SENTINEL_FUNCTION(sentinel_normalize_company) {
    return answer(fcinfo, core::normalize_company(pg::view(PG_GETARG_DATUM(0))));
}

SENTINEL_FUNCTION(sentinel_fingerprint) {
    if (PG_ARGISNULL(0)) PG_RETURN_NULL();
    core::Identity who;
    who.email = text_or_empty(fcinfo, 1);
    who.domain = text_or_empty(fcinfo, 2);
    who.profile_link = text_or_empty(fcinfo, 3);
    return answer(fcinfo, core::combined_fingerprint(org_of(fcinfo), who));
}

SENTINEL_FUNCTION(sentinel_fingerprint_anonymous) {
    if (PG_ARGISNULL(0)) PG_RETURN_NULL();
    core::Identity who;
    who.name = text_or_empty(fcinfo, 1);
    who.phone = text_or_empty(fcinfo, 2);
    who.company = text_or_empty(fcinfo, 3);
    return answer(fcinfo, core::anonymous_fingerprint(org_of(fcinfo), who));
}

SENTINEL_FUNCTION(sentinel_fingerprint_email) {
    if (PG_ARGISNULL(0)) PG_RETURN_NULL();
    return answer(fcinfo, core::email_fingerprint(org_of(fcinfo), text_or_empty(fcinfo, 1)));
}

SENTINEL_FUNCTION(sentinel_fingerprint_profile) {
    if (PG_ARGISNULL(0)) PG_RETURN_NULL();
    return answer(fcinfo, core::profile_fingerprint(org_of(fcinfo), text_or_empty(fcinfo, 1)));
}

SENTINEL_FUNCTION(sentinel_fingerprint_phone) {
    if (PG_ARGISNULL(0)) PG_RETURN_NULL();
    return answer(
        fcinfo, core::phone_fingerprint(org_of(fcinfo), text_or_empty(fcinfo, 1), text_or_empty(fcinfo, 2)));
}
