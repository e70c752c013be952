// Include libcurl here and nowhere else, and own its handles.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace sentinel::worker {

struct CloseEasy {
    void operator()(CURL* p) const noexcept { curl_easy_cleanup(p); }
};
struct CloseMulti {
    void operator()(CURLM* p) const noexcept { curl_multi_cleanup(p); }
};
struct CloseList {
    void operator()(curl_slist* p) const noexcept { curl_slist_free_all(p); }
};
struct CloseUrl {
    void operator()(CURLU* p) const noexcept { curl_url_cleanup(p); }
};

using Easy = std::unique_ptr<CURL, CloseEasy>;
using Multi = std::unique_ptr<CURLM, CloseMulti>;
using HeaderList = std::unique_ptr<curl_slist, CloseList>;
using Url = std::unique_ptr<CURLU, CloseUrl>;

// Set an option or throw: an option that silently failed (a guard callback, say) must stop the transfer.
// Pass numbers as long: the parentheses skip curl's macro, which cannot check through a template.
template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
    const CURLcode rc = (curl_easy_setopt)(easy, option, value);
    if (rc != CURLE_OK) {
        throw std::runtime_error(std::string("libcurl refused option ") + std::to_string(option) + ": " +
                                 curl_easy_strerror(rc));
    }
}

template <class Value>
Value info(CURL* easy, CURLINFO what) noexcept {
    Value value{};
    return (curl_easy_getinfo)(easy, what, &value) == CURLE_OK ? value : Value{};
}

}  // namespace sentinel::worker
