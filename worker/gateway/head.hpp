// Judge the head of a request byte by byte, before any parser that is more forgiving sees it.
//
// A proxy in front and we must agree where a request ends. Whatever two readers could take differently is
// refused: bare line feeds, folded lines, spaces before the colon, two lengths, two hosts.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sentinel::gateway {

inline constexpr std::size_t kMostHead = 16 * 1024;
inline constexpr std::size_t kMostUri = 8 * 1024;

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Refusal {
    int status = 0;  // 0: nothing is refused
    const char* code = "";
    std::string detail;

    explicit operator bool() const noexcept { return status != 0; }
};

struct Head {
    std::string method;
    std::string path;   // as sent, percent-encoded
    std::string query;  // after '?', as sent
    bool http10 = false;
    Headers headers;  // as sent, in order, values trimmed
    bool chunked = false;
    bool has_length = false;
    unsigned long long length = 0;
    bool expects_continue = false;
    bool keep_alive = true;

    // The one value; empty where there is none or more than one.
    std::string_view get(std::string_view lower_name) const noexcept;
};

// How many bytes the head has, its empty line included; 0: not yet all there. A refusal may come early: a
// flood or a bare line feed is seen as soon as it is there.
std::size_t find_head(std::string_view bytes, std::size_t searched, Refusal& refusal);

// raw: what find_head() gave.
Refusal read_head(std::string_view raw, Head& out);

// [A-Za-z0-9._-]{1,128}
bool is_request_id(std::string_view text) noexcept;

bool same_name(std::string_view a, std::string_view b) noexcept;  // without regard to case
bool is_hop_by_hop(std::string_view name) noexcept;

// Of an answer: a token for a name; a value without CR, LF, NUL or other control characters but the tab.
bool is_header(std::string_view name, std::string_view value) noexcept;

// For metrics: a method of the standard, or OTHER, so that strangers cannot make series.
std::string_view known_method(std::string_view method) noexcept;

}  // namespace sentinel::gateway
