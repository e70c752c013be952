#include "engine/http.hpp"

#include <sys/select.h>

#include <algorithm>
#include <new>
#include <stdexcept>

#include "engine/process.hpp"

namespace sentinel::worker {
namespace {

// Idle connections are kept within a share of the descriptors: each one kept is one less for a transfer.
long most_idle() {
    return static_cast<long>(std::clamp<std::int64_t>((descriptor_limit() - 40) / 8, 2, 2048));
}

Multi make_pool() {
    Multi multi(curl_multi_init());
    if (!multi) throw std::bad_alloc();
    // Limits are ours (Slots): libcurl's would start a transfer's clock while it still queues.
    curl_multi_setopt(multi.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, 0L);
    curl_multi_setopt(multi.get(), CURLMOPT_MAX_HOST_CONNECTIONS, 0L);
    curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, most_idle());
    return multi;
}

}  // namespace

Http::Http(Done done) : done_(std::move(done)), guarded_(make_pool()), fixed_(make_pool()) {}

Http::~Http() {
    for (auto& [handle, transfer] : transfers_)
        curl_multi_remove_handle(pool(transfer->trust()), transfer->handle());
}

Transfer* Http::start(std::unique_ptr<Transfer> transfer) {
    Transfer* const key = transfer.get();
    const CURLMcode rc = curl_multi_add_handle(pool(key->trust()), key->handle());
    if (rc != CURLM_OK) throw std::runtime_error(curl_multi_strerror(rc));
    try {
        transfers_.emplace(key, std::move(transfer));
    } catch (...) {
        curl_multi_remove_handle(pool(key->trust()), key->handle());
        throw;
    }
    if (key->trust() == Trust::fixed) ++fixed_running_;
    return key;
}

void Http::abort(Transfer* transfer) noexcept {
    const auto found = transfers_.find(transfer);
    if (found == transfers_.end()) return;
    curl_multi_remove_handle(pool(transfer->trust()), transfer->handle());
    if (transfer->trust() == Trust::fixed) --fixed_running_;
    transfers_.erase(found);
}

void Http::collect(CURLM* multi) {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        const CURLcode code = message->data.result;
        auto* const transfer = static_cast<Transfer*>(info<void*>(message->easy_handle, CURLINFO_PRIVATE));
        const auto found = transfers_.find(transfer);
        if (found == transfers_.end()) continue;
        // Keep it alive until done has read it, but out of the table, so that done may start another.
        const std::unique_ptr<Transfer> owner = std::move(found->second);
        transfers_.erase(found);
        if (owner->trust() == Trust::fixed) --fixed_running_;
        owner->ended(code);
        curl_multi_remove_handle(multi, owner->handle());
        try {
            done_(*owner, code);
        } catch (const std::exception&) {
            // Out of memory for the result: its lease runs out, and the job is tried again.
        }
    }
}

void Http::perform() {
    int running = 0;
    for (CURLM* multi : {guarded_.get(), fixed_.get()}) {
        curl_multi_perform(multi, &running);
        collect(multi);
    }
}

// curl_multi_poll knows one pool; the sockets of the other come along as further descriptors. fdset names
// only numbers below FD_SETSIZE, so where one may lie above, the wait is cut short instead.
void Http::poll(std::vector<curl_waitfd>& others, int wait_ms) {
    const std::size_t before = others.size();
    long fixed_ms = -1;
    curl_multi_timeout(fixed_.get(), &fixed_ms);
    if (fixed_ms >= 0) wait_ms = static_cast<int>(std::min<long>(wait_ms, fixed_ms));

    fd_set in, out, bad;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&bad);
    int highest = -1;
    curl_multi_fdset(fixed_.get(), &in, &out, &bad, &highest);
    for (int fd = 0; fd <= highest; ++fd) {
        const int events =
            (FD_ISSET(fd, &in) ? CURL_WAIT_POLLIN : 0) | (FD_ISSET(fd, &out) ? CURL_WAIT_POLLOUT : 0);
        if (events != 0) others.push_back({fd, static_cast<short>(events), 0});
    }
    // An fd_set holds no descriptor above its size, and none while a name is looked up.
    if (others.size() - before < static_cast<std::size_t>(fixed_running_)) wait_ms = std::min(wait_ms, 20);

    curl_multi_poll(guarded_.get(), others.data(), static_cast<unsigned>(others.size()), std::max(wait_ms, 0),
                    nullptr);
}

}  // namespace sentinel::worker
