// Count requests for sentinel.report_requests(gateway, report). All counts are since the process began:
//
//   {"started_at": "2026-01-31T08:00:00.000001Z",
//    "bounds_ms": [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000],
//    "requests": [{"method": "GET", "route": "GET /deals/{deal_id}", "class": "2xx",
//                  "count": 12, "sum_ms": 84.2, "buckets": [7, 11, 12, 12, 12, 12, 12, 12, 12, 12, 12]}],
//    "refused": {"body_too_large": 1},          refused by the gateway itself, by the code of its answer
//    "connections": 7, "streams": 2,            open now
//    "connections_total": 300, "streams_total": 5, "events_total": 90,
//    "pool": {"connections": 4, "up": 4, "busy": 1, "waiting": 0}}
//
// buckets[i] counts the requests that took bounds_ms[i] at most, those of smaller buckets among them; count
// has those of any length. Requests that the gateway refuses before the database sees them are only in
// refused.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

namespace sentinel::gateway {

struct Gauges {
    std::int64_t connections = 0;
    std::int64_t streams = 0;
    std::int64_t connections_total = 0;
    std::int64_t streams_total = 0;
    std::int64_t events_total = 0;
    std::int64_t pool = 0;
    std::int64_t up = 0;
    std::int64_t busy = 0;
    std::int64_t waiting = 0;
};

class Metrics {
 public:
    static constexpr std::array<int, 11> kBounds{5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000};

    Metrics();
    void answered(std::string_view method, std::string_view route, int status, double ms);
    void refused(std::string_view code);
    std::string to_json(const Gauges& gauges) const;

 private:
    struct Histogram {
        std::array<std::int64_t, kBounds.size()> within{};  // not cumulative yet
        std::int64_t count = 0;
        double sum_ms = 0;
    };
    std::string started_at_;
    std::map<std::tuple<std::string, std::string, int>, Histogram, std::less<>> requests_;
    std::map<std::string, std::int64_t, std::less<>> refused_;
};

}  // namespace sentinel::gateway
