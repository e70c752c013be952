// What all connections of one gateway share.
#pragma once

#include <boost/asio/io_context.hpp>
#include <vector>

#include "gateway/config.hpp"
#include "gateway/doors.hpp"
#include "gateway/forwarded.hpp"
#include "gateway/metrics.hpp"
#include "gateway/pool.hpp"
#include "gateway/routes.hpp"

namespace sentinel::gateway {

class Connection;
class Streams;

struct Context {
    boost::asio::io_context& io;
    const Config& config;
    Log& log;
    Pool& requests;
    Pool& control;
    Streams& streams;
    Routes routes;
    Proxies proxies;
    Metrics metrics;
    Budget budget;
    Doors doors;
    Gauges gauges;
    bool stopping = false;
    std::vector<Connection*> connections;  // each knows its place in it
};

}  // namespace sentinel::gateway
