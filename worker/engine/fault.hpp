// Named points at which a test build of the worker ends itself as kill -9 would.
//
// SENTINEL_FAULT=point:n in the environment: die when the point is passed for the n-th time. Without
// -DSENTINEL_FAULTS, as in every build that is installed, all of this compiles to nothing.
#pragma once

#ifdef SENTINEL_FAULTS

#include <curl/curl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

namespace sentinel::worker::fault {

struct Plan {
    std::string point;
    long left = 0;

    Plan() {
        const char* const text = std::getenv("SENTINEL_FAULT");
        if (text == nullptr) return;
        const std::string_view all = text;
        const std::size_t colon = all.find(':');
        point = all.substr(0, colon);
        left = colon == std::string_view::npos ? 1 : std::atol(text + colon + 1);
    }
};

inline void here(std::string_view point) {
    static Plan plan;
    if (plan.point == point && --plan.left == 0) kill(getpid(), SIGKILL);
}

// libcurl tells its debug callback of request bytes once the socket has taken them.
inline void watch(CURL* easy) {
    const auto told = [](CURL*, curl_infotype type, char*, std::size_t, void*) {
        if (type == CURLINFO_DATA_OUT) here("after_bytes_sent");
        return 0;
    };
    curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, +told);
    curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
}

}  // namespace sentinel::worker::fault

#else

namespace sentinel::worker::fault {

template <class... Ignored>
constexpr void here(const Ignored&...) noexcept {}
template <class... Ignored>
constexpr void watch(const Ignored&...) noexcept {}

}  // namespace sentinel::worker::fault

#endif
