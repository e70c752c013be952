// Carry out one HTTP request, with every limit that a stranger's server calls for.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/clock.hpp"
#include "engine/curl.hpp"
#include "engine/guard.hpp"
#include "engine/outcome.hpp"
#include "engine/shared.hpp"

namespace sentinel::worker {

// Connections are never shared between classes of trust: an open connection that one class was allowed to
// make would let another class past the address check, which runs when a socket is opened.
enum class Trust { guarded, fixed };  // guarded: urls of customers; fixed: hosts named in the configuration

struct Limits {
    long connect_ms = 5'000;
    long total_ms = 15'000;
    long low_speed_s = 10;  // below 10 bytes a second for so long ends the transfer
    std::size_t body = 64 * 1024;
    std::size_t header = 64 * 1024;
    std::size_t excerpt = kLongestExcerpt;  // of the body, as it is reported
};

Limits limits_of(Trust trust);

// What a channel wants done; built by worker/channels.
struct Call {
    Trust trust = Trust::guarded;
    Url url;
    std::string host;  // for the log
    bool http_only = false;
    bool fetch = false;  // GET, without the body
    std::string body;
    std::vector<std::string> headers;  // "name: value", see header_ok()
    Redactor redactor;                 // holds the secrets of this call
    std::optional<Limits> limits;      // in place of those of its trust
    std::int64_t now = 0;              // unix seconds at the start, by the database's clock
};

// Descriptors that transfers leave to everything else: reconnects, key and CA files, name look-ups.
inline constexpr int kSpareDescriptors = 8;

// A header line libcurl would send verbatim: name of token characters, value of printable ASCII, not empty
// (an empty value would remove a header), at most 4 KiB.
bool header_ok(std::string_view name, std::string_view value);

// Not movable: libcurl holds pointers into it. The guard must outlive it.
class Transfer {
 public:
    Transfer(Call call, const Guard& guard, const std::string& ca_file, std::string tag);
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    CURL* handle() const noexcept { return easy_.get(); }
    Trust trust() const noexcept { return call_.trust; }
    const std::string& tag() const noexcept { return tag_; }
    const std::string& host() const noexcept { return call_.host; }
    const std::string& blocked() const noexcept { return blocked_; }  // the refused address, for our log only
    bool exhausted() const noexcept { return exhausted_; }            // it failed for want of descriptors
    bool sent() const noexcept;

    // Told by Http when it has ended, before anyone asks what came of it.
    void ended(CURLcode code) noexcept;

    // What came of it; call once the transfer has ended.
    Outcome outcome(CURLcode code) const;

 private:
    static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) noexcept;
    static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self) noexcept;
    static curl_socket_t on_socket(void* self, curlsocktype purpose, curl_sockaddr* address) noexcept;
    static CURLcode on_tls(CURL* easy, void* context, void* self) noexcept;
    static int on_request(void* self, char* peer, char* local, int peer_port, int local_port) noexcept;
    void describe(CURLcode code, Outcome& out) const;
    void describe_failure(CURLcode code, Outcome& out) const;
    std::string excerpt() const;

    Call call_;
    const Guard& guard_;
    Limits limits_;
    std::string tag_;
    HeaderList headers_;
    std::array<char, CURL_ERROR_SIZE> error_{};
    std::string blocked_;
    bool tls_begun_ = false;
    bool denied_at_request_ = false;
    bool exhausted_ = false;
    bool body_full_ = false;
    bool header_full_ = false;
    std::size_t header_bytes_ = 0;
    int answers_ = 0;
    std::int64_t body_bytes_ = 0;
    std::string excerpt_;
    Easy easy_;  // last, so that it goes before what it points to
};

}  // namespace sentinel::worker
