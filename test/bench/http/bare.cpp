// What libcurl does alone: POST the same bytes over and over, so many at a time, over connections that stay
// open. Usage: bare URL REQUESTS AT_ONCE BODY_BYTES. Prints answered requests per second; any other answer
// than 200 is a fault.
#include <curl/curl.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct CloseMulti {
    void operator()(CURLM* p) const noexcept { curl_multi_cleanup(p); }
};
struct CloseEasy {
    void operator()(CURL* p) const noexcept { curl_easy_cleanup(p); }
};
struct CloseList {
    void operator()(curl_slist* p) const noexcept { curl_slist_free_all(p); }
};

// The headers of a signed webhook, so that as many bytes go out.
curl_slist* webhook_headers() {
    curl_slist* list = nullptr;
    for (const char* line :
         {"Content-Type: application/json", "User-Agent: bare/1.0",
          "webhook-id: msg_0123456789abcdef0123456789abcdef", "webhook-timestamp: 1795267200",
          "webhook-signature: v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "Expect:"}) {
        list = curl_slist_append(list, line);
    }
    return list;
}

std::size_t on_body(char*, std::size_t size, std::size_t count, void*) {
    return size * count;
}

double measure(const char* url, long requests, long at_once, std::size_t bytes) {
    const std::string body(bytes, 'x');
    const std::unique_ptr<curl_slist, CloseList> headers(webhook_headers());
    const std::unique_ptr<CURLM, CloseMulti> multi(curl_multi_init());
    std::vector<std::unique_ptr<CURL, CloseEasy>> handles;
    curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, at_once);
    long begun = 0;
    long ended = 0;
    for (; begun < at_once && begun < requests; ++begun) {
        CURL* easy = handles.emplace_back(curl_easy_init()).get();
        curl_easy_setopt(easy, CURLOPT_URL, url);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.c_str());
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body);
        curl_multi_add_handle(multi.get(), easy);
    }
    const auto start = Clock::now();
    while (ended < requests) {
        int running = 0;
        int left = 0;
        bool more = false;
        curl_multi_perform(multi.get(), &running);
        while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
            CURL* easy = message->easy_handle;
            const CURLcode code = message->data.result;
            long status = 0;
            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
            if (code != CURLE_OK || status != 200) {
                throw std::runtime_error(std::string(curl_easy_strerror(code)) + ", HTTP status " +
                                         std::to_string(status));
            }
            ++ended;
            curl_multi_remove_handle(multi.get(), easy);
            if (begun == requests) continue;
            ++begun;
            more = true;
            curl_multi_add_handle(multi.get(), easy);
        }
        if (!more && ended < requests) curl_multi_poll(multi.get(), nullptr, 0, 1000, nullptr);
    }
    return static_cast<double>(requests) / std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

int main(int count, char** words) {
    if (count != 5) {
        std::fputs("usage: bare URL REQUESTS AT_ONCE BODY_BYTES\n", stderr);
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    try {
        std::printf("%.0f\n", measure(words[1], std::atol(words[2]), std::atol(words[3]),
                                      std::strtoul(words[4], nullptr, 10)));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bare: %s\n", error.what());
        return 1;
    }
}
