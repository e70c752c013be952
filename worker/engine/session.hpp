// Send statements and be told their answers: what the rest of the engine needs of a connection.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/libpq.hpp"

namespace sentinel::worker {

// The answer to one statement.
class Reply {
 public:
    explicit Reply(ResultPtr result);
    // sqlstate: of an answer whose error fields libpq did not fill.
    Reply(ResultPtr result, std::string sqlstate);

    // The connection broke before an answer came: whether the statement took effect is not known.
    bool lost() const noexcept { return !result_; }
    bool ok() const noexcept;
    // Not the statement's fault (conflict, resources, shutdown, timeout): the same again may succeed.
    bool transient() const noexcept;
    const std::string& sqlstate() const noexcept { return sqlstate_; }
    std::string message() const;  // one line

    int rows() const noexcept { return result_ ? PQntuples(result_.get()) : 0; }
    int column(const char* name) const noexcept {
        return PQfnumber(result_.get(), name);
    }  // -1: there is none
    bool null(int row, int column) const noexcept { return PQgetisnull(result_.get(), row, column) != 0; }
    std::string_view text(int row, int column) const noexcept;
    std::int64_t number(int row, int column) const noexcept;  // 0 where it is no number

 private:
    ResultPtr result_;
    std::string sqlstate_;
};

using Parameters = std::vector<std::optional<std::string>>;

// A seam: Database is the one in use, tests answer in the server's place.
class Session {
 public:
    using Handler = std::function<void(const Reply&)>;

    virtual bool up() const noexcept = 0;

    // Only while up(). The handler is called exactly once, later, and may send again.
    virtual void send(const std::string& sql, const Parameters& parameters, Handler handler) = 0;

 protected:
    Session() = default;
    ~Session() = default;
    Session(const Session&) = default;
    Session& operator=(const Session&) = default;
};

// libpq's text without line ends and tabs.
std::string one_line(const char* text);

}  // namespace sentinel::worker
