// Run transfers at the same time in one thread, each class of trust in a pool of its own.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "engine/curl.hpp"
#include "engine/transfer.hpp"

namespace sentinel::worker {

class Http {
 public:
    using Done = std::function<void(Transfer&, CURLcode)>;

    explicit Http(Done done);
    ~Http();
    Http(const Http&) = delete;
    Http& operator=(const Http&) = delete;

    // Takes the transfer and starts it on the next perform(). Throws when libcurl has no memory.
    Transfer* start(std::unique_ptr<Transfer> transfer);

    // End a transfer early; done is not called for it.
    void abort(Transfer* transfer) noexcept;

    // Let every transfer go as far as it can without waiting, and report those that ended.
    void perform();

    // Sleep until a transfer, one of the descriptors or the time wants attention.
    void poll(std::vector<curl_waitfd>& others, int wait_ms);

    std::size_t running() const noexcept { return transfers_.size(); }

 private:
    CURLM* pool(Trust trust) const noexcept {
        return trust == Trust::guarded ? guarded_.get() : fixed_.get();
    }
    void collect(CURLM* multi);

    Done done_;
    Multi guarded_;
    Multi fixed_;
    std::unordered_map<Transfer*, std::unique_ptr<Transfer>> transfers_;
    std::size_t fixed_running_ = 0;  // of transfers_
};

}  // namespace sentinel::worker
