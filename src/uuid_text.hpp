// A uuid as the server writes it.
#pragma once

#include "pg/pg.hpp"

namespace sentinel {

// Write a uuid in its 36 lower-case characters, without a call into the server.
inline std::string uuid_text(const pg_uuid_t& id) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    text.reserve(36);
    for (int i = 0; i < UUID_LEN; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += digits[id.data[i] >> 4];
        text += digits[id.data[i] & 0x0F];
    }
    return text;
}

}  // namespace sentinel
