// One blocking libpq connection with named statements, and numbers from it; what the latency programs share.
#pragma once

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;

struct ClearResult {
    void operator()(PGresult* p) const noexcept { PQclear(p); }
};
struct CloseConnection {
    void operator()(PGconn* p) const noexcept { PQfinish(p); }
};
using Result = std::unique_ptr<PGresult, ClearResult>;

// The server is named by PGHOST, PGPORT, PGUSER and PGDATABASE.
class Connection {
 public:
    explicit Connection(const std::string& conninfo = "") : connection_(PQconnectdb(conninfo.c_str())) {
        if (PQstatus(connection_.get()) != CONNECTION_OK) throw std::runtime_error(error());
        PQsetNoticeProcessor(
            connection_.get(), [](void*, const char*) {}, nullptr);
    }

    Result run(const std::string& sql) { return checked(PQexec(connection_.get(), sql.c_str())); }

    void prepare(const char* name, const std::string& sql) {
        checked(PQprepare(connection_.get(), name, sql.c_str(), 0, nullptr));
    }

    Result call(const char* name, const std::vector<const char*>& values = {}) {
        return checked(PQexecPrepared(connection_.get(), name, static_cast<int>(values.size()), values.data(),
                                      nullptr, nullptr, 0));
    }

    // Wait for bytes from the server and read them. False: none came in time.
    bool wait(int milliseconds) {
        pollfd one{PQsocket(connection_.get()), POLLIN, 0};
        const int ready = poll(&one, 1, milliseconds);
        if (ready < 0 && errno != EINTR) throw std::runtime_error(std::strerror(errno));
        if (ready > 0 && PQconsumeInput(connection_.get()) == 0) throw std::runtime_error(error());
        return ready > 0;
    }

    // The channel of the next notification that was read; empty when there is none.
    std::string notification() {
        PGnotify* one = PQnotifies(connection_.get());
        if (one == nullptr) return {};
        std::string channel = one->relname;
        PQfreemem(one);
        return channel;
    }

 private:
    std::string error() const { return PQerrorMessage(connection_.get()); }

    Result checked(PGresult* raw) {
        Result result(raw);
        const auto status = PQresultStatus(raw);
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) throw std::runtime_error(error());
        return result;
    }

    std::unique_ptr<PGconn, CloseConnection> connection_;
};

inline double micros(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double, std::micro>(to - from).count();
}

// The smallest value that so great a part of the values does not exceed.
inline double percentile(std::vector<double> values, double part) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(values.size())));
    return values[std::max<std::size_t>(rank, 1) - 1];
}

}  // namespace bench
