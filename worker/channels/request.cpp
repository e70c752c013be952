#include "channels/request.hpp"

#include "engine/json.hpp"

namespace sentinel::worker {
namespace {

std::string member(const Json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return {};
    return found->is_string() ? found->get<std::string>() : found->dump();
}

std::vector<SealedSecret> read_secrets(std::string_view text) {
    std::vector<SealedSecret> out;
    const auto list = parse_json(text);
    if (!list || !list->is_array()) return out;
    for (const auto& one : *list) {
        if (!one.is_object()) continue;
        out.push_back({member(one, "id"), member(one, "purpose"), member(one, "version"),
                       from_hex(member(one, "envelope")).value_or(Bytes{})});
    }
    return out;
}

}  // namespace

const char* const kRequestsStatement =
    "SELECT job_id, lease, org_id, target_kind, target_id, url, message_id, encode(body, 'hex'), "
    "content_type, "
    "secrets, floor(extract(epoch FROM clock_timestamp()))::bigint FROM sentinel.http_requests($1::uuid[], "
    "$2::bigint[])";

std::int64_t Request::now(std::int64_t otherwise) const {
    if (asked_at == 0) return otherwise;
    return asked_at + std::chrono::duration_cast<Seconds>(Clock::now() - read_at).count();
}

Request read_request(const Reply& reply, int row) {
    const auto text = [&](int column) {
        return std::string(reply.null(row, column) ? "" : reply.text(row, column));
    };
    Request out;
    out.job = text(0);
    out.lease = reply.number(row, 1);
    out.org = text(2);
    out.kind = text(3);
    out.target = text(4);
    out.url = text(5);
    out.message_id = text(6);
    if (const auto body = from_hex(text(7))) out.body.assign(body->begin(), body->end());
    out.content_type = text(8);
    out.secrets = read_secrets(text(9));
    out.asked_at = reply.null(row, 10) ? 0 : reply.number(row, 10);
    out.read_at = Clock::now();
    return out;
}

}  // namespace sentinel::worker
