// Room gateway: which route a request is for, and the call of its function.
#include "routes.hpp"

#include "core/route.hpp"
#include "install.hpp"
#include "pg/function.hpp"
#include "pg/remembered.hpp"
#include "pg/rows.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace sentinel::gateway {

namespace {

constexpr int kMostShown = 60;

struct Route {
    std::string pattern;
    std::string function_name;
    std::string access;
    std::string scope;  // empty for none, as role
    std::string role;
    std::string runs_as;
    int max_body_bytes;
    std::string rate_tier;
    bool takes_json;
};

struct Routes {
    core::RouteTable table;
    std::vector<Route> rows;
};

// Never destroyed, as the functions below: the server calls them back as long as it runs.
pg::Remembered<Routes>& known_routes() {
    static auto* all = new pg::Remembered<Routes>("http_routes");
    return *all;
}

pg::Statement read_routes = {
    "SELECT r.pattern, r.function_name, r.access, r.scope, r.role, r.runs_as, r.max_body_bytes, r.rate_tier,"
    " r.request_schema IS NOT NULL AND NOT (r.request_schema OPERATOR(pg_catalog.?) 'contentType'), r.method"
    " FROM sentinel.http_routes r ORDER BY r.pattern, r.method",
    0, nullptr};

const Routes& routes() {
    if (const Routes* known = known_routes().find("")) return *known;
    pg::Spi spi;
    const uint64 count = read_routes.run(nullptr);
    Routes read;
    read.rows.reserve(count);
    for (uint64 row = 0; row < count; row++) {
        read.rows.push_back({pg::text_cell(row, 1), pg::text_cell(row, 2), pg::text_cell(row, 3),
                             pg::text_cell(row, 4), pg::text_cell(row, 5), pg::text_cell(row, 6),
                             DatumGetInt32(*pg::cell(row, 7)), pg::text_cell(row, 8),
                             DatumGetBool(*pg::cell(row, 9))});
        read.table.add(pg::text_cell(row, 10), read.rows.back().pattern);
    }
    spi.finish();
    return known_routes().keep("", std::move(read));
}

std::string decoded(std::string_view part) {
    const auto text = core::url_decode(part);
    const bool good = text && text->find('\0') == std::string::npos && pg::server([&] {
                          return pg_verify_mbstr(PG_UTF8, text->data(), static_cast<int>(text->size()), true);
                      });
    if (!good) {
        const int length =
            pg::server([&] { return pg_mbcliplen(part.data(), static_cast<int>(part.size()), kMostShown); });
        throw Failure(
            "22023",
            "invalid percent-encoding \"" + std::string(part.substr(0, static_cast<size_t>(length))) + "\"",
            "After % come two hexadecimal digits, and the bytes are UTF-8 without NUL.",
            "Write %20 for a space.");
    }
    char* converted =
        pg::server([&] { return pg_any_to_server(text->data(), static_cast<int>(text->size()), PG_UTF8); });
    return converted == text->data() ? *text : std::string(converted);
}

JsonbValue string_value(const std::string& text) {
    JsonbValue value;
    value.type = jbvString;
    value.val.string.val = const_cast<char*>(text.data());
    value.val.string.len = static_cast<int>(text.size());
    return value;
}

Datum params_of(const core::RouteTable::Found& found) {
    std::vector<std::string> texts;
    texts.reserve(found.params.size() * 2);
    for (const auto& [name, value] : found.params) {
        texts.emplace_back(name);
        texts.push_back(decoded(value));
    }
    std::vector<JsonbValue> values;
    for (const std::string& text : texts) values.push_back(string_value(text));
    return pg::server([&] {
        JsonbParseState* state = nullptr;
        pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
        for (size_t i = 0; i < values.size(); i++)
            pushJsonbValue(&state, i % 2 == 0 ? WJB_KEY : WJB_VALUE, &values[i]);
        return PointerGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr)));
    });
}

std::map<std::string, Oid, std::less<>>& known_functions() {
    static auto* all = new std::map<std::string, Oid, std::less<>>;
    return *all;
}

void forget_functions(Datum, int, uint32) {
    known_functions().clear();
}

Oid function_of(std::string_view name) {
    const auto known = known_functions().find(name);
    if (known != known_functions().end()) return known->second;
    const std::string signature = std::string(name) + "(jsonb,bytea)";
    const Oid function = pg::function_oid(signature.c_str());
    const bool good =
        OidIsValid(function) && pg::server([&] { return get_func_rettype(function); }) == JSONBOID;
    if (!good)
        throw Failure("42883", "no function " + signature + " that gives jsonb", "A route names it.",
                      "SELECT sentinel.serve(...) again with a function that exists.");
    known_functions().emplace(name, function);
    return function;
}

}  // namespace

void watch_routes() {
    known_routes().watch();
    CacheRegisterSyscacheCallback(PROCOID, forget_functions, 0);
}

}  // namespace sentinel::gateway

namespace pg = sentinel::pg;
using namespace sentinel::gateway;

SENTINEL_FUNCTION(sentinel_find_route) {
    pg::Rows result(fcinfo);
    const Routes& all = routes();
    const auto found = all.table.find(pg::view(PG_GETARG_DATUM(0)), pg::view(PG_GETARG_DATUM(1)));
    if (!found) return 0;
    const Route& route = all.rows[found->route];
    std::vector<Datum> methods;
    for (const std::string_view method : found->methods) methods.push_back(pg::text_datum(method));
    Datum values[] = {pg::text_datum(route.pattern),       params_of(*found),
                      pg::array(methods, TEXTOID),         pg::text_datum(route.function_name),
                      pg::text_datum(route.access),        pg::text_datum(route.scope),
                      pg::text_datum(route.role),          pg::text_datum(route.runs_as),
                      Int32GetDatum(route.max_body_bytes), pg::text_datum(route.rate_tier),
                      BoolGetDatum(route.takes_json)};
    bool nulls[std::size(values)] = {};
    nulls[5] = route.scope.empty();
    nulls[6] = route.role.empty();
    result.add(values, nulls);
    return 0;
}

namespace {

Datum call_route(FunctionCallInfo fcinfo) {
    sentinel::require_installed();
    if (PG_ARGISNULL(0)) throw sentinel::Failure("22004", "call_route needs a function");
    const std::string_view name = pg::view(PG_GETARG_DATUM(0));
    const Oid function = function_of(name);
    if (!pg::may_call(function))
        throw sentinel::Failure("42501", "permission denied for function " + std::string(name),
                                "A route's function is called with the rights of its runs_as.",
                                "Grant EXECUTE on it to that role, or serve the route with another runs_as.");
    bool is_null = false;
    const Datum answer = pg::server([&] {
        FmgrInfo callee;
        LOCAL_FCINFO(call, 2);
        fmgr_info(function, &callee);
        InitFunctionCallInfoData(*call, &callee, 2, InvalidOid, nullptr, nullptr);
        call->args[0] = fcinfo->args[1];
        call->args[1] = fcinfo->args[2];
        if (callee.fn_strict && (call->args[0].isnull || call->args[1].isnull)) {
            is_null = true;
            return Datum{0};
        }
        const Datum result = FunctionCallInvoke(call);
        is_null = call->isnull;
        return result;
    });
    if (is_null) PG_RETURN_NULL();
    return answer;
}

// Rights of a role for as long as this lives; after an error the end of the subtransaction gives them back
// too.
class Rights {
 public:
    explicit Rights(const char* role) {
        const Oid id = pg::server([&] { return get_role_oid(role, false); });
        GetUserIdAndSecContext(&before_, &context_);
        SetUserIdAndSecContext(id, context_ | SECURITY_LOCAL_USERID_CHANGE);
    }
    Rights(const Rights&) = delete;
    Rights& operator=(const Rights&) = delete;
    ~Rights() { SetUserIdAndSecContext(before_, context_); }

 private:
    Oid before_ = InvalidOid;
    int context_ = 0;
};

}  // namespace

SENTINEL_FUNCTION(sentinel_call_route) {
    return call_route(fcinfo);
}

SENTINEL_FUNCTION(sentinel_answer_as_member) {
    const Rights rights("sentinel_member");
    return call_route(fcinfo);
}

SENTINEL_FUNCTION(sentinel_answer_as_operator) {
    const Rights rights("sentinel_operator");
    return call_route(fcinfo);
}
