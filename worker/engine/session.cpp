#include "engine/session.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace sentinel::worker {

std::string one_line(const char* text) {
    std::string out = text == nullptr ? "" : text;
    while (!out.empty() && out.back() == '\n') out.pop_back();
    std::replace(out.begin(), out.end(), '\n', ' ');
    out.erase(std::remove(out.begin(), out.end(), '\t'), out.end());
    return out;
}

Reply::Reply(ResultPtr result) : result_(std::move(result)) {
    const char* code = result_ ? PQresultErrorField(result_.get(), PG_DIAG_SQLSTATE) : nullptr;
    if (code != nullptr) sqlstate_ = code;
}

Reply::Reply(ResultPtr result, std::string sqlstate)
    : result_(std::move(result)), sqlstate_(std::move(sqlstate)) {}

bool Reply::ok() const noexcept {
    if (!result_) return false;
    const ExecStatusType status = PQresultStatus(result_.get());
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

bool Reply::transient() const noexcept {
    if (sqlstate_.empty()) return true;
    for (const char* family : {"08", "40", "53", "55", "57", "58"}) {
        if (std::strncmp(sqlstate_.c_str(), family, 2) == 0) return true;
    }
    return sqlstate_ == "SN001";  // not installed (yet, or between two steps of an upgrade)
}

std::string Reply::message() const {
    if (!result_) return "the connection was lost";
    const char* text = PQresultErrorField(result_.get(), PG_DIAG_MESSAGE_PRIMARY);
    const char* hint = PQresultErrorField(result_.get(), PG_DIAG_MESSAGE_HINT);
    return one_line(text) + (hint == nullptr ? "" : "; hint: " + one_line(hint));
}

std::string_view Reply::text(int row, int column) const noexcept {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::int64_t Reply::number(int row, int column) const noexcept {
    return std::strtoll(PQgetvalue(result_.get(), row, column), nullptr, 10);
}

}  // namespace sentinel::worker
