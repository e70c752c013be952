// Record what came of one attempt, in the words of the contract with sentinel.finish_http().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/curl.hpp"

namespace sentinel::worker {

inline constexpr std::size_t kLongestDetail = 200;
inline constexpr std::size_t kLongestExcerpt = 16 * 1024;

// The database decides what an outcome means; empty error_code and a 2xx status is success. It holds the
// whole truth, for our log; to_json() leaves out of it what the one who chose the url must not learn.
struct Outcome {
    bool guarded = false;  // the url is a customer's
    std::optional<long> http_status;
    std::string error_code;
    std::string error_detail;
    bool sent = false;  // some byte of the request left us
    std::optional<int> retry_after_s;
    std::optional<std::int64_t> queue_ms, dns_ms, connect_ms, tls_ms, ttfb_ms, total_ms;
    std::string peer_ip;
    std::int64_t req_bytes = 0;
    std::int64_t resp_bytes = 0;
    std::string resp_excerpt;
    bool resp_truncated = false;
};

// Whether a guarded outcome is told as "unreachable": refused by the guard, by the host or by the way there.
bool is_unreachable(const Outcome& outcome);

// One element of the results array. excerpt: whether the answer's beginning goes along. Every unreachable
// outcome looks the same in it, without times and address: else whoever may register a url could find out
// which names and addresses of our network exist.
std::string to_json(const Outcome& outcome, const std::string& job, std::int64_t lease,
                    const std::string& worker, const std::string& started_at, bool excerpt = true);

// The contract's error code for a failed transfer. connected: the connection (with TLS) was established;
// os_error: CURLINFO_OS_ERRNO.
std::string_view error_code_of(CURLcode code, bool connected, long os_error);

}  // namespace sentinel::worker
