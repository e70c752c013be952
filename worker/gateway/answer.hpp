// Put an answer into bytes: status line, the headers that every answer bears, the length.
#pragma once

#include <string>
#include <string_view>

#include "gateway/head.hpp"

namespace sentinel::gateway {

struct Answer {
    int status = 500;
    Headers headers;
    std::string body;
};

// RFC 9457. retry_after: seconds; 0: none.
Answer problem(int status, const char* code, std::string_view detail, int retry_after = 0);

// The headers of the database's answer, a JSON array of [name, value]; false where one cannot be sent. What
// frames the message is ours and left out.
bool read_headers(std::string_view json, Headers& out);

enum class Body { whole, none, stream };

// Everything before the body. none: the answer to HEAD, which tells the length of what it leaves out.
std::string to_bytes(const Answer& answer, const std::string& request_id, Body body, bool close);

std::string_view reason(int status) noexcept;

// An uuid of random bits (version 4).
std::string new_request_id();

}  // namespace sentinel::gateway
