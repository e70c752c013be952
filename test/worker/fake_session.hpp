// A session whose server is the test: statements gather until the test answers, refuses or loses them.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "engine/session.hpp"

namespace sentinel::worker {

using Rows = std::vector<std::vector<std::optional<std::string>>>;

inline Reply reply_of(const std::vector<std::string>& columns, const Rows& rows) {
    ResultPtr result(PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK));
    std::vector<PGresAttDesc> descriptions;
    for (const auto& name : columns)
        descriptions.push_back({const_cast<char*>(name.c_str()), 0, 0, 0, 25, -1, -1});
    PQsetResultAttrs(result.get(), static_cast<int>(descriptions.size()), descriptions.data());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        for (std::size_t column = 0; column < columns.size(); ++column) {
            std::optional<std::string> value = rows[row].at(column);
            PQsetvalue(result.get(), static_cast<int>(row), static_cast<int>(column),
                       value ? value->data() : nullptr, value ? static_cast<int>(value->size()) : -1);
        }
    }
    return Reply(std::move(result));
}

class FakeSession final : public Session {
 public:
    struct Statement {
        std::string sql;
        Parameters parameters;
        Handler handler;
    };

    bool up() const noexcept override { return up_; }
    void send(const std::string& sql, const Parameters& parameters, Handler handler) override {
        EXPECT_TRUE(up_) << "sent while the connection is down: " << sql;
        sent.push_back({sql, parameters, std::move(handler)});
    }

    std::size_t count(const std::string& part) const {
        std::size_t n = 0;
        for (const auto& one : sent) n += one.sql.find(part) != std::string::npos ? 1 : 0;
        return n;
    }

    // The oldest unanswered statement with this text, taken out.
    Statement take(const std::string& part) {
        for (auto at = sent.begin(); at != sent.end(); ++at) {
            if (at->sql.find(part) == std::string::npos) continue;
            Statement out = std::move(*at);
            sent.erase(at);
            return out;
        }
        ADD_FAILURE() << "no statement with " << part << " was sent";
        return {"", {}, [](const Reply&) {}};
    }

    Parameters answer(const std::string& part, const std::vector<std::string>& columns = {"x"},
                      const Rows& rows = {}) {
        const Statement one = take(part);
        one.handler(reply_of(columns, rows));
        return one.parameters;
    }

    Parameters refuse(const std::string& part, const std::string& sqlstate) {
        const Statement one = take(part);
        one.handler(Reply(ResultPtr(PQmakeEmptyPGresult(nullptr, PGRES_FATAL_ERROR)), sqlstate));
        return one.parameters;
    }

    // The connection breaks: what was in flight is told, and nothing can be sent until rise().
    void lose() {
        up_ = false;
        std::deque<Statement> lost;
        lost.swap(sent);
        for (const auto& one : lost) one.handler(Reply(nullptr));
    }
    void rise() { up_ = true; }

    std::deque<Statement> sent;

 private:
    bool up_ = true;
};

}  // namespace sentinel::worker
