#include "gateway/metrics.hpp"

#include <algorithm>
#include <cmath>

#include "engine/clock.hpp"
#include "engine/json.hpp"
#include "gateway/head.hpp"

namespace sentinel::gateway {
namespace {

constexpr std::size_t kMostSeries = 5000;  // the routes' labels come from the database; memory stays bounded

}  // namespace

Metrics::Metrics() : started_at_(worker::wall_iso()) {}

void Metrics::answered(std::string_view method, std::string_view route, int status, double ms) {
    std::tuple<std::string, std::string, int> key{known_method(method), route, status / 100};
    if (requests_.size() >= kMostSeries && requests_.count(key) == 0) std::get<1>(key) = "other";
    auto& one = requests_[key];
    const auto bucket = std::lower_bound(kBounds.begin(), kBounds.end(), ms);
    if (bucket != kBounds.end()) ++one.within[static_cast<std::size_t>(bucket - kBounds.begin())];
    ++one.count;
    one.sum_ms += ms;
}

void Metrics::refused(std::string_view code) {
    ++refused_[std::string(code)];
}

std::string Metrics::to_json(const Gauges& g) const {
    worker::OrderedJson out{{"started_at", started_at_}, {"bounds_ms", kBounds}};
    auto list = worker::OrderedJson::array();
    for (const auto& [key, histogram] : requests_) {
        const auto& [method, route, status_class] = key;
        auto buckets = worker::OrderedJson::array();
        std::int64_t sum = 0;
        for (const auto n : histogram.within) buckets.push_back(sum += n);
        list.push_back({{"method", method},
                        {"route", route},
                        {"class", std::to_string(status_class) + "xx"},
                        {"count", histogram.count},
                        {"sum_ms", std::round(histogram.sum_ms * 1000) / 1000},
                        {"buckets", std::move(buckets)}});
    }
    out["requests"] = std::move(list);
    out["refused"] = worker::OrderedJson::object();
    for (const auto& [code, n] : refused_) out["refused"][code] = n;
    out["connections"] = g.connections;
    out["streams"] = g.streams;
    out["connections_total"] = g.connections_total;
    out["streams_total"] = g.streams_total;
    out["events_total"] = g.events_total;
    out["pool"] = {{"connections", g.pool}, {"up", g.up}, {"busy", g.busy}, {"waiting", g.waiting}};
    return worker::dump_json(out);
}

}  // namespace sentinel::gateway
