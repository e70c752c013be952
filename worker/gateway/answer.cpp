#include "gateway/answer.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <random>

#include "engine/json.hpp"

namespace sentinel::gateway {
namespace {

struct Default {
    std::string_view name;
    std::string_view value;
};

constexpr std::array<Default, 6> kDefaults{{
    {"Strict-Transport-Security", "max-age=63072000; includeSubDomains"},
    {"Content-Security-Policy",
     "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cache-Control", "no-store"},
}};

// What frames the message, and what tells strangers what runs here.
bool ours(std::string_view name) {
    constexpr std::array<std::string_view, 4> kNames{"content-length", "date", "server", "x-request-id"};
    return is_hop_by_hop(name) ||
           std::any_of(kNames.begin(), kNames.end(), [&](auto one) { return same_name(name, one); });
}

const std::string& date() {
    static std::string text;
    static std::time_t of = 0;
    const std::time_t now = std::time(nullptr);
    if (now != of) {
        std::tm parts{};
        gmtime_r(&now, &parts);
        char out[64];
        // The process never calls setlocale(), so these are the names of the standard.
        strftime(out, sizeof out, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        text = out;
        of = now;
    }
    return text;
}

void add(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

std::string_view reason(int status) noexcept {
    switch (status) {
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 301:
            return "Moved Permanently";
        case 302:
            return "Found";
        case 303:
            return "See Other";
        case 304:
            return "Not Modified";
        case 307:
            return "Temporary Redirect";
        case 308:
            return "Permanent Redirect";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 406:
            return "Not Acceptable";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 410:
            return "Gone";
        case 412:
            return "Precondition Failed";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 422:
            return "Unprocessable Content";
        case 428:
            return "Precondition Required";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Status";
    }
}

Answer problem(int status, const char* code, std::string_view detail, int retry_after) {
    worker::OrderedJson body{{"type", "about:blank"}, {"title", reason(status)}, {"status", status}};
    body["code"] = code;
    body["detail"] = detail;
    Answer out{status, {{"Content-Type", "application/problem+json"}}, worker::dump_json(body)};
    if (retry_after > 0) out.headers.emplace_back("Retry-After", std::to_string(retry_after));
    return out;
}

bool read_headers(std::string_view json, Headers& out) {
    const auto list = worker::parse_json(json);
    if (!list || !list->is_array()) return false;
    for (const auto& pair : *list) {
        if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string())
            return false;
        auto name = pair[0].get<std::string>();
        auto value = pair[1].get<std::string>();
        if (!is_header(name, value)) return false;
        if (!ours(name)) out.emplace_back(std::move(name), std::move(value));
    }
    return true;
}

std::string to_bytes(const Answer& answer, const std::string& request_id, Body body, bool close) {
    std::string out;
    out.reserve(1024);
    out.append("HTTP/1.1 ").append(std::to_string(answer.status)).append(" ");
    out.append(reason(answer.status)).append("\r\n");
    add(out, "Date", date());
    for (const auto& [name, value] : answer.headers) add(out, name, value);
    for (const auto& [name, value] : kDefaults) {
        const auto set = [&, n = name](const auto& header) { return same_name(header.first, n); };
        if (std::none_of(answer.headers.begin(), answer.headers.end(), set)) add(out, name, value);
    }
    add(out, "X-Request-Id", request_id);
    const bool bodiless = answer.status == 204 || answer.status == 304;
    if (body != Body::stream && !bodiless) add(out, "Content-Length", std::to_string(answer.body.size()));
    if (close) add(out, "Connection", "close");
    return out.append("\r\n");
}

std::string new_request_id() {
    static std::mt19937_64 random = [] {
        std::random_device device;
        std::seed_seq seed{device(), device(), device(), device(), device(), device(), device(), device()};
        return std::mt19937_64(seed);
    }();
    constexpr char kDigits[] = "0123456789abcdef";
    const std::uint64_t bits[2] = {random(), random()};
    std::string out = "00000000-0000-4000-8000-000000000000";
    int n = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
        if (out[i] == '-' || i == 14) continue;
        const unsigned digit = bits[n / 16] >> (n % 16 * 4) & 0xf;
        out[i] = kDigits[i == 19 ? 8 + digit % 4 : digit];
        ++n;
    }
    return out;
}

}  // namespace sentinel::gateway
