// Room gateway: judge a webhook by keys that are opened here and nowhere else.
#include "core/signature.hpp"
#include "pg/text.hpp"
#include "server_keys.hpp"

namespace core = sentinel::core;
namespace pg = sentinel::pg;

namespace {

constexpr int kMostKeys = 8;
constexpr int kMostHeaders = 1000;

struct Elements {
    Datum* values = nullptr;
    bool* nulls = nullptr;
    int count = 0;
};

Elements elements(Datum array, Oid type, int16 length, bool by_value) {
    Elements out;
    pg::server([&] {
        ArrayType* value = DatumGetArrayTypeP(array);
        deconstruct_array(value, type, length, by_value, TYPALIGN_INT, &out.values, &out.nulls, &out.count);
    });
    return out;
}

// The text of a string element of a jsonb array; null when the element is another thing.
JsonbValue* string_at(JsonbContainer* array, uint32 place) {
    JsonbValue* value = getIthJsonbValueFromContainer(array, place);
    return value != nullptr && value->type == jbvString ? value : nullptr;
}

std::string_view view_of(const JsonbValue& value) {
    return {value.val.string.val, static_cast<size_t>(value.val.string.len)};
}

// Read [[name, value], ...]; false when it is not that.
bool read_headers(Datum datum, std::vector<core::HeaderLine>& out) {
    Jsonb* headers = pg::server([&] { return DatumGetJsonbP(datum); });
    if (!JB_ROOT_IS_ARRAY(headers) || JB_ROOT_IS_SCALAR(headers) || JB_ROOT_COUNT(headers) > kMostHeaders)
        return false;
    const auto count = static_cast<uint32>(JB_ROOT_COUNT(headers));
    for (uint32 i = 0; i < count; ++i) {
        JsonbValue* name = nullptr;
        JsonbValue* value = nullptr;
        pg::server([&] {
            JsonbValue* pair = getIthJsonbValueFromContainer(&headers->root, i);
            if (pair->type != jbvBinary || !JsonContainerIsArray(pair->val.binary.data) ||
                JsonContainerSize(pair->val.binary.data) != 2) {
                return;
            }
            name = string_at(pair->val.binary.data, 0);
            value = string_at(pair->val.binary.data, 1);
        });
        if (name == nullptr || value == nullptr) return false;
        out.push_back({view_of(*name), view_of(*value)});
    }
    return true;
}

// Open what can be opened; a key that cannot is as good as none.
std::vector<core::Secret> open_keys(Datum sealed, Datum versions, const pg_uuid_t& org,
                                    const pg_uuid_t& source) {
    const Elements keys = elements(sealed, BYTEAOID, -1, false);
    const Elements numbers = elements(versions, INT4OID, sizeof(int32), true);
    if (keys.count != numbers.count || keys.count > kMostKeys) {
        throw sentinel::Failure("22023", std::to_string(keys.count) + " keys cannot be tried",
                                "There are at most 8 keys, each with its version.",
                                "Give the keys that are in force.");
    }
    std::vector<core::Secret> out;
    for (int i = 0; i < keys.count; ++i) {
        if (keys.nulls[i] || numbers.nulls[i]) continue;
        const std::string_view bytes = pg::view(keys.values[i]);
        auto opened = sentinel::server_vault().open(
            core::Bytes(bytes.begin(), bytes.end()),
            sentinel::server_binding(org, "webhook", source, DatumGetInt32(numbers.values[i])));
        if (opened) out.push_back(std::move(*opened));
    }
    return out;
}

}  // namespace

// Not STRICT: the null that would be answered means authentic.
SENTINEL_FUNCTION(sentinel_webhook_fault) {
    for (const int i : {0, 2, 3, 5, 6, 7, 9}) {
        if (PG_ARGISNULL(i)) return pg::text_datum(core::kMalformed);
    }
    if (PG_ARGISNULL(1) || PG_ARGISNULL(4)) return pg::text_datum(core::kNoKey);
    const std::string_view scheme = pg::view(PG_GETARG_DATUM(0));
    if (!core::is_signature_scheme(scheme)) {
        throw sentinel::Failure(sentinel::kInvalidInput,
                                "the signature scheme " + std::string(scheme) + " is not known",
                                "A scheme is one of those that the comment of webhook_fault() lists.",
                                "Use 'standard' or 'hmac_sha256'.");
    }
    const TimestampTz at = PG_GETARG_TIMESTAMPTZ(9);
    core::SignedRequest request;
    if (TIMESTAMP_NOT_FINITE(at) || !read_headers(PG_GETARG_DATUM(7), request.headers))
        return pg::text_datum(core::kMalformed);
    request.method = pg::view(PG_GETARG_DATUM(5));
    request.url = pg::view(PG_GETARG_DATUM(6));
    if (!PG_ARGISNULL(8)) request.body = pg::view(PG_GETARG_DATUM(8));
    constexpr int64 kFrom1970To2000 = INT64CONST(946684800000);
    request.now = at / 1000 + kFrom1970To2000;

    const std::vector<core::Secret> opened =
        open_keys(PG_GETARG_DATUM(1), PG_GETARG_DATUM(4), *PG_GETARG_UUID_P(2), *PG_GETARG_UUID_P(3));
    std::vector<std::string_view> keys;
    keys.reserve(opened.size());
    for (const auto& key : opened) keys.push_back(key.view());
    const std::string_view fault = core::signature_fault(scheme, keys, request);
    if (fault.empty()) PG_RETURN_NULL();
    return pg::text_datum(fault);
}
