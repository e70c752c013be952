// Room gateway: sealing, tokens, digests and comparisons for SQL. The work is in core; keys never leave.
#include "core/api_key.hpp"
#include "core/digest.hpp"
#include "core/id_token.hpp"
#include "core/token.hpp"
#include "core/totp.hpp"
#include "pg/text.hpp"
#include "server_keys.hpp"

namespace core = sentinel::core;
namespace pg = sentinel::pg;

namespace {

constexpr std::size_t kLargestSecret = 8000;

std::string_view bytes_of(Datum datum) {
    return pg::view(datum);  // text and bytea are stored alike
}

Datum bytea_datum(std::string_view bytes) {
    return pg::text_datum(bytes);
}

Datum answer(FunctionCallInfo fcinfo, const std::optional<std::string>& value) {
    if (!value) PG_RETURN_NULL();
    return pg::text_datum(*value);
}

std::string_view json_view(Datum datum) {
    const char* text = pg::server([&] {
        Jsonb* value = DatumGetJsonbP(datum);
        return JsonbToCString(nullptr, &value->root, VARSIZE(value));
    });
    return text;
}

// Nothing for infinity, at which no token can be judged.
std::optional<double> seconds_since_1970(TimestampTz at) {
    if (TIMESTAMP_NOT_FINITE(at)) return std::nullopt;
    constexpr double kFrom1970To2000 = 946684800;
    return static_cast<double>(at) / USECS_PER_SEC + kFrom1970To2000;
}

// Claims that were verified, as jsonb.
Datum claims_datum(FunctionCallInfo fcinfo, const std::optional<std::string>& claims) {
    if (!claims) PG_RETURN_NULL();
    char* text = pg::c_string(*claims);
    return pg::server([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(text)); });
}

bool purpose_ok(std::string_view purpose) {
    const auto fine = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
    return !purpose.empty() && purpose.size() <= 40 && std::all_of(purpose.begin(), purpose.end(), fine);
}

[[noreturn]] void invalid(const char* message, const char* rule, const char* good_value) {
    throw sentinel::Failure(sentinel::kInvalidInput, message, rule, good_value);
}

}  // namespace

SENTINEL_FUNCTION(sentinel_seal_server_secret) {
    for (int i = 0; i < 5; ++i) {
        if (PG_ARGISNULL(i))
            invalid("a secret was given without its place", "None of the arguments may be null.",
                    "Give the nil uuid for what belongs to no organisation.");
    }
    const std::string_view purpose = pg::view(PG_GETARG_DATUM(1));
    if (!purpose_ok(purpose))
        invalid("the purpose of a secret cannot be used", "A purpose is 1 to 40 lower-case letters and _.",
                "Use 'webhook' or 'totp'.");
    const std::string_view secret = bytes_of(PG_GETARG_DATUM(4));
    if (secret.empty() || secret.size() > kLargestSecret)
        invalid("a secret of this length cannot be sealed", "A secret is 1 to 8000 bytes.",
                "Use sentinel.random_token().");
    const core::Binding binding =
        sentinel::server_binding(*PG_GETARG_UUID_P(0), purpose, *PG_GETARG_UUID_P(2), PG_GETARG_INT32(3));
    const core::Bytes sealed = sentinel::server_vault().seal(secret, binding);
    return bytea_datum(core::view_of(sealed));
}

SENTINEL_FUNCTION(sentinel_sign_token) {
    const auto token = core::sign_token(sentinel::server_vault().ring(), json_view(PG_GETARG_DATUM(0)));
    if (!token)
        invalid(
            "these claims cannot be signed",
            "Claims are an object with a number exp, and the token is at most 4096 characters.",
            "Use jsonb_build_object('sub', id, 'aud', 'session', 'exp', extract(epoch FROM expires_at)).");
    return pg::text_datum(*token);
}

SENTINEL_FUNCTION(sentinel_verify_token) {
    const auto now = seconds_since_1970(PG_GETARG_TIMESTAMPTZ(2));
    if (!now) PG_RETURN_NULL();
    return claims_datum(fcinfo,
                        core::verify_token(sentinel::server_vault().ring(), pg::view(PG_GETARG_DATUM(0)),
                                           pg::view(PG_GETARG_DATUM(1)), *now));
}

SENTINEL_FUNCTION(sentinel_password_digest) {
    if (PG_ARGISNULL(0)) PG_RETURN_NULL();
    const core::Keyring& ring = sentinel::server_vault().ring();
    int64 key_id = ring.active();
    if (!PG_ARGISNULL(1)) key_id = PG_GETARG_INT64(1);
    if (key_id < 0 || key_id > UINT32_MAX) PG_RETURN_NULL();
    return answer(fcinfo, core::password_digest(ring, pg::view(PG_GETARG_DATUM(0)),
                                                static_cast<std::uint32_t>(key_id)));
}

SENTINEL_FUNCTION(sentinel_token_digest) {
    return bytea_datum(core::view_of(core::sha256({pg::view(PG_GETARG_DATUM(0))})));
}

SENTINEL_FUNCTION(sentinel_equal_bytes) {
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) return BoolGetDatum(false);
    return BoolGetDatum(core::equal(bytes_of(PG_GETARG_DATUM(0)), bytes_of(PG_GETARG_DATUM(1))));
}

SENTINEL_FUNCTION(sentinel_random_token) {
    const int32 size = PG_GETARG_INT32(0);
    if (size < 16 || size > 256)
        throw sentinel::Failure("22023", "a token of " + std::to_string(size) + " bytes cannot be made",
                                "A token has 16 to 256 bytes.", "Use 32.");
    return pg::text_datum(core::to_base64url(core::random_bytes(static_cast<std::size_t>(size))));
}

SENTINEL_FUNCTION(sentinel_new_api_key) {
    const core::ApiKey key = core::new_api_key();
    const Datum prefix = pg::text_datum(key.prefix);
    const Datum secret = pg::text_datum(key.secret);
    return pg::server([&] {
        TupleDesc shape = nullptr;
        if (get_call_result_type(fcinfo, nullptr, &shape) != TYPEFUNC_COMPOSITE)
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("new_api_key() gives a row where none is wanted")));
        Datum values[] = {prefix, secret};
        bool nulls[] = {false, false};
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
    });
}

SENTINEL_FUNCTION(sentinel_api_key_wellformed) {
    if (PG_ARGISNULL(0)) return BoolGetDatum(false);
    return BoolGetDatum(core::api_key_wellformed(pg::view(PG_GETARG_DATUM(0))));
}

SENTINEL_FUNCTION(sentinel_totp_secret) {
    return pg::text_datum(core::new_totp_secret());
}

SENTINEL_FUNCTION(sentinel_totp_step) {
    const auto now = seconds_since_1970(PG_GETARG_TIMESTAMPTZ(5));
    if (!now) PG_RETURN_NULL();
    const std::string_view sealed = bytes_of(PG_GETARG_DATUM(0));
    const auto secret = sentinel::server_vault().open(
        core::Bytes(sealed.begin(), sealed.end()),
        sentinel::server_binding(*PG_GETARG_UUID_P(1), "totp", *PG_GETARG_UUID_P(2), PG_GETARG_INT32(3)));
    if (!secret) PG_RETURN_NULL();
    const auto step = core::totp_step(secret->view(), pg::view(PG_GETARG_DATUM(4)),
                                      static_cast<std::int64_t>(std::floor(*now)));
    if (!step) PG_RETURN_NULL();
    return Int64GetDatum(*step);
}

SENTINEL_FUNCTION(sentinel_verify_id_token) {
    const auto now = seconds_since_1970(PG_GETARG_TIMESTAMPTZ(4));
    if (!now) PG_RETURN_NULL();
    return claims_datum(
        fcinfo, core::verify_id_token(pg::view(PG_GETARG_DATUM(0)), json_view(PG_GETARG_DATUM(1)),
                                      pg::view(PG_GETARG_DATUM(2)), pg::view(PG_GETARG_DATUM(3)), *now));
}
