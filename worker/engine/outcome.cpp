#include "engine/outcome.hpp"

#include <cerrno>

#include "engine/shared.hpp"
#include "engine/json.hpp"

namespace sentinel::worker {
namespace {

template <class Value>
OrderedJson or_null(const std::optional<Value>& value) {
    return value ? OrderedJson(*value) : OrderedJson(nullptr);
}

OrderedJson or_null(const std::string& text) {
    return text.empty() ? OrderedJson(nullptr) : OrderedJson(text);
}

constexpr const char* kUnreachableDetail = "no connection, or to an address that may not be called";

}  // namespace

bool is_unreachable(const Outcome& outcome) {
    const std::string_view code = outcome.error_code;
    return outcome.guarded && (code == "blocked_address" || code == "connection_refused" ||
                               code == "network_unreachable" || code == "connect_timeout");
}

std::string to_json(const Outcome& outcome, const std::string& job, std::int64_t lease,
                    const std::string& worker, const std::string& started_at, bool excerpt) {
    const bool with_excerpt = excerpt && !outcome.resp_excerpt.empty();
    const bool hidden = is_unreachable(outcome);
    const auto time = [&](const std::optional<std::int64_t>& ms) {
        return hidden ? OrderedJson(nullptr) : or_null(ms);
    };
    OrderedJson out;
    out["job_id"] = job;
    out["lease"] = lease;
    out["worker"] = worker;
    out["started_at"] = started_at;
    out["http_status"] = or_null(outcome.http_status);
    out["error_code"] = hidden ? OrderedJson("unreachable") : or_null(outcome.error_code);
    out["error_detail"] = hidden ? OrderedJson(kUnreachableDetail)
                                 : or_null(to_printable(outcome.error_detail, kLongestDetail));
    out["sent"] = outcome.sent;
    out["retry_after_s"] = or_null(outcome.retry_after_s);
    out["queue_ms"] = or_null(outcome.queue_ms);
    out["dns_ms"] = time(outcome.dns_ms);
    out["connect_ms"] = time(outcome.connect_ms);
    out["tls_ms"] = time(outcome.tls_ms);
    out["ttfb_ms"] = time(outcome.ttfb_ms);
    out["total_ms"] = time(outcome.total_ms);
    out["peer_ip"] = or_null(hidden ? std::string() : outcome.peer_ip);
    out["req_bytes"] = outcome.req_bytes;
    out["resp_bytes"] = outcome.resp_bytes;
    out["resp_excerpt_hex"] =
        or_null(with_excerpt ? to_hex(std::string_view(outcome.resp_excerpt)) : std::string());
    out["resp_truncated"] = outcome.resp_truncated;
    return dump_json(out);
}

std::string_view error_code_of(CURLcode code, bool connected, long os_error) {
    switch (code) {
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
            return "dns_error";
        case CURLE_COULDNT_CONNECT:
            if (os_error == ENETUNREACH || os_error == EHOSTUNREACH) return "network_unreachable";
            if (os_error == ETIMEDOUT) return "connect_timeout";
            if (os_error == ECONNRESET) return "connection_reset";
            if (os_error == EMFILE || os_error == ENFILE || os_error == ENOBUFS) return "network_error";
            return "connection_refused";
        case CURLE_OPERATION_TIMEDOUT:
            return connected ? "timeout" : "connect_timeout";
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            return "tls_error";
        case CURLE_GOT_NOTHING:
            return "connection_reset";
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
            return os_error == ECONNRESET || os_error == EPIPE ? "connection_reset" : "network_error";
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_PARTIAL_FILE:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
        case CURLE_HTTP3:
        case CURLE_BAD_CONTENT_ENCODING:
            return "protocol_error";
        case CURLE_URL_MALFORMAT:
            return "invalid_request";
        case CURLE_ABORTED_BY_CALLBACK:
            return "aborted";
        default:
            return "network_error";
    }
}

}  // namespace sentinel::worker
