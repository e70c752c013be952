#include "engine/transfer.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <new>

#include "engine/shared.hpp"
#include "engine/fault.hpp"
#include "engine/process.hpp"
#include "engine/retry_after.hpp"

namespace sentinel::worker {
namespace {

constexpr std::string_view kTokenMarks = "!#$%&'*+.^_|~-";
constexpr std::size_t kLongestName = 64;
constexpr std::size_t kLongestValue = 4096;
constexpr int kMostAnswers = 32;              // the final one and those before it
constexpr std::size_t kLongestSecret = 2048;  // of those an answer may quote: a url

void add_header(HeaderList& list, const std::string& line) {
    curl_slist* grown = curl_slist_append(list.get(), line.c_str());
    if (grown == nullptr) throw std::bad_alloc();
    (void)list.release();  // grown begins with it
    list.reset(grown);
}

std::int64_t ms_of(curl_off_t micros) {
    return (micros + 500) / 1000;
}

// The system hands out the lowest free number, so a high one says that nearly all are taken.
bool is_scarce(int descriptor) noexcept {
    return descriptor < 0 || descriptor >= descriptor_limit() - kSpareDescriptors;
}

bool descriptors_are_scarce() noexcept {
    const int probe = fcntl(0, F_DUPFD_CLOEXEC, 0);
    if (probe < 0) return errno == EMFILE || errno == ENFILE;
    close(probe);
    return is_scarce(probe);
}

}  // namespace

Limits limits_of(Trust trust) {
    Limits out;
    if (trust == Trust::fixed) {
        out.total_ms = 30'000;
        out.low_speed_s = 15;
    }
    return out;
}

bool header_ok(std::string_view name, std::string_view value) {
    const auto token = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || kTokenMarks.find(c) != std::string_view::npos;
    };
    const auto printable = [](char c) { return c >= 0x20 && c <= 0x7e; };
    return !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), token) &&
           value.find_first_not_of(' ') != std::string_view::npos && value.size() <= kLongestValue &&
           std::all_of(value.begin(), value.end(), printable);
}

Transfer::Transfer(Call call, const Guard& guard, const std::string& ca_file, std::string tag)
    : call_(std::move(call)),
      guard_(guard),
      limits_(call_.limits.value_or(limits_of(call_.trust))),
      tag_(std::move(tag)),
      easy_(curl_easy_init()) {
    if (!easy_) throw std::bad_alloc();
    CURL* const easy = easy_.get();
    const char* const schemes = call_.http_only ? "http" : "https";

    set(easy, CURLOPT_CURLU, call_.url.get());
    set(easy, CURLOPT_PROTOCOLS_STR, schemes);
    set(easy, CURLOPT_REDIR_PROTOCOLS_STR, schemes);
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_PROXY, "");  // else http_proxy of the environment would be used, and be what is checked
    set(easy, CURLOPT_NOPROXY, "*");
    set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));

    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_QUICK_EXIT,
        1L);  // a hanging name look-up must not be waited for: it would stop the loop
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, limits_.connect_ms);
    set(easy, CURLOPT_TIMEOUT_MS, limits_.total_ms);
    set(easy, CURLOPT_LOW_SPEED_LIMIT, 10L);
    set(easy, CURLOPT_LOW_SPEED_TIME, limits_.low_speed_s);
    set(easy, CURLOPT_DNS_CACHE_TIMEOUT, 60L);
    set(easy, CURLOPT_MAXAGE_CONN, 50L);
    set(easy, CURLOPT_MAXLIFETIME_CONN, 300L);
    set(easy, CURLOPT_TCP_NODELAY, 1L);
    const bool guarded = call_.trust == Trust::guarded;
    set(easy, CURLOPT_HTTP_VERSION,
        static_cast<long>(guarded ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));

    set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!ca_file.empty()) set(easy, CURLOPT_CAINFO, ca_file.c_str());

    for (const auto& line : call_.headers) add_header(headers_, line);
    add_header(headers_, "Expect:");  // no waiting for 100-continue
    set(easy, CURLOPT_HTTPHEADER, headers_.get());
    set(easy, CURLOPT_USERAGENT, "Sentinel/" SENTINEL_VERSION);
    if (call_.fetch) {
        set(easy, CURLOPT_HTTPGET, 1L);
    } else {
        set(easy, CURLOPT_POST, 1L);
        set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call_.body.size()));
        set(easy, CURLOPT_POSTFIELDS, call_.body.data());
    }

    set(easy, CURLOPT_BUFFERSIZE, 4096L);  // answers are short, and every transfer under way holds a buffer
    set(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(easy, CURLOPT_WRITEDATA, static_cast<void*>(this));
    set(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(easy, CURLOPT_HEADERDATA, static_cast<void*>(this));
    set(easy, CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_socket);
    set(easy, CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
    set(easy, CURLOPT_PREREQFUNCTION, &Transfer::on_request);
    set(easy, CURLOPT_PREREQDATA, static_cast<void*>(this));
    set(easy, CURLOPT_SSL_CTX_FUNCTION, &Transfer::on_tls);
    set(easy, CURLOPT_SSL_CTX_DATA, static_cast<void*>(this));
    set(easy, CURLOPT_ERRORBUFFER, error_.data());
    set(easy, CURLOPT_PRIVATE, static_cast<void*>(this));
    fault::watch(easy);
}

// libcurl's own MAXFILESIZE is no cap for chunked or compressed bodies: count here.
std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) noexcept {
    auto& my = *static_cast<Transfer*>(self);
    const std::size_t n = size * count;
    my.body_bytes_ += static_cast<std::int64_t>(n);
    try {
        const std::size_t kept = my.limits_.excerpt + kLongestSecret;  // see excerpt()
        my.excerpt_.append(data, std::min(n, kept - my.excerpt_.size()));
    } catch (...) {
        // The excerpt is a convenience; without memory for it the delivery still counts.
    }
    if (static_cast<std::size_t>(my.body_bytes_) > my.limits_.body) {
        my.body_full_ = true;
        return 0;
    }
    return n;
}

std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) noexcept {
    auto& my = *static_cast<Transfer*>(self);
    const std::size_t n = size * count;
    my.header_bytes_ += n;
    // Each answer, 100 Continue and its like too, begins with one.
    if (std::string_view(data, n).substr(0, 5) == "HTTP/") ++my.answers_;
    if (my.header_bytes_ > my.limits_.header || my.answers_ > kMostAnswers) {
        my.header_full_ = true;
        return 0;
    }
    return n;
}

curl_socket_t Transfer::on_socket(void* self, curlsocktype, curl_sockaddr* address) noexcept {
    auto& my = *static_cast<Transfer*>(self);
    try {
        const auto target = to_address(&address->addr);
        const std::uint16_t port = static_cast<std::uint16_t>(
            static_cast<unsigned char>(address->addr.sa_data[0]) << 8 |
            static_cast<unsigned char>(address->addr.sa_data[1]));  // same place in both families
        if (!target || !my.guard_.allows(*target, port)) {
            my.blocked_ = target ? to_text(*target) : "an address that is not IP";
            return CURL_SOCKET_BAD;
        }
    } catch (...) {
        return CURL_SOCKET_BAD;
    }
    const int opened = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (opened < 0) {
        my.exhausted_ = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
        return CURL_SOCKET_BAD;
    }
    my.exhausted_ = is_scarce(opened);
    if (!my.exhausted_) return opened;
    close(opened);
    return CURL_SOCKET_BAD;
}

// Runs when a TLS handshake begins, which libcurl tells in no other way before it has ended.
CURLcode Transfer::on_tls(CURL*, void*, void* self) noexcept {
    static_cast<Transfer*>(self)->tls_begun_ = true;
    return CURLE_OK;
}

// Runs for reused connections too, before the first byte of the request.
int Transfer::on_request(void* self, char* peer, char*, int peer_port, int) noexcept {
    auto& my = *static_cast<Transfer*>(self);
    try {
        const auto target = to_address(std::string_view(peer));
        if (target && my.guard_.allows(*target, peer_port)) return CURL_PREREQFUNC_OK;
        my.blocked_ = peer;
    } catch (...) {
        // Deny below.
    }
    my.denied_at_request_ = true;
    return CURL_PREREQFUNC_ABORT;
}

// Where descriptors run out, a look-up, a CA file or a connection fails in ways that blame the receiver.
void Transfer::ended(CURLcode code) noexcept {
    if (code == CURLE_OK || sent()) {
        exhausted_ = false;
    } else if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_SSL_CACERT_BADFILE ||
               code == CURLE_SSL_CONNECT_ERROR || code == CURLE_FAILED_INIT) {
        const std::string_view text = error_.data();
        exhausted_ =
            descriptors_are_scarce() || text.find("thread failed to start") != std::string_view::npos;
    }
}

bool Transfer::sent() const noexcept {
    if (denied_at_request_) return false;
    return info<curl_off_t>(easy_.get(), CURLINFO_SIZE_UPLOAD_T) > 0 ||
           info<curl_off_t>(easy_.get(), CURLINFO_PRETRANSFER_TIME_T) > 0;
}

void Transfer::describe_failure(CURLcode code, Outcome& out) const {
    CURL* const easy = easy_.get();
    const bool resolved = info<curl_off_t>(easy, CURLINFO_NAMELOOKUP_TIME_T) > 0;
    const bool tcp = info<curl_off_t>(easy, CURLINFO_CONNECT_TIME_T) > 0;
    const bool tls = info<curl_off_t>(easy, CURLINFO_APPCONNECT_TIME_T) > 0;
    const bool ready = call_.http_only ? tcp : tls;
    const bool connected = ready || info<curl_off_t>(easy, CURLINFO_PRETRANSFER_TIME_T) > 0;
    out.error_code = error_code_of(code, connected, info<long>(easy, CURLINFO_OS_ERRNO));
    out.error_detail = error_[0] != '\0' ? error_.data() : curl_easy_strerror(code);
    if (out.error_code != "connect_timeout") return;
    if (tls_begun_) {
        out.error_code = "tls_error";
        out.error_detail = "the TLS handshake did not end in time";
    } else if (!connected && !resolved) {
        out.error_code = "dns_error";
    }
}

void Transfer::describe(CURLcode code, Outcome& out) const {
    const long status = out.http_status.value_or(0);
    const bool success = status >= 200 && status < 300;
    const bool blocked = denied_at_request_ || (code == CURLE_COULDNT_CONNECT && !blocked_.empty());
    // libcurl's own limit of 100 kB on one line; it is told as a lack of memory until 8.6, as 100 since.
    const bool long_line = (code == CURLE_OUT_OF_MEMORY || static_cast<int>(code) == 100) && out.sent;
    if (blocked) {
        out.error_code = "blocked_address";
        out.error_detail = "the address of the host is not one that may be reached";
        out.peer_ip.clear();
    } else if (body_full_ && success) {
        // The receiver has taken it; how much it had to say about that does not matter.
    } else if (body_full_) {
        out.error_code = "body_too_large";
        out.error_detail = "the answer is longer than " + std::to_string(limits_.body) + " bytes";
    } else if (header_full_ || (long_line && body_bytes_ == 0)) {
        out.error_code = "header_too_large";
        out.error_detail =
            answers_ > kMostAnswers
                ? "more than " + std::to_string(kMostAnswers) + " answers to one request"
                : "the headers of the answer are longer than " + std::to_string(limits_.header) + " bytes";
    } else if (code != CURLE_OK) {
        describe_failure(code, out);
    } else if (status >= 300 && status < 400) {
        out.error_code = "redirect_error";
        out.error_detail = "the answer is a redirect, which is never followed; register the final url";
    }
    out.error_detail = to_printable(call_.redactor.clean(out.error_detail), kLongestDetail);
}

// A secret that the cut goes through would not be found: so more is kept than is shown, and of what was cut
// the end is not shown, however much the secrets before it shrank.
std::string Transfer::excerpt() const {
    std::string out = call_.redactor.clean(excerpt_);
    const bool cut = body_bytes_ > static_cast<std::int64_t>(excerpt_.size());
    if (cut) out.resize(out.size() - std::min(out.size(), kLongestSecret));
    if (out.size() > limits_.excerpt) out.resize(limits_.excerpt);
    return out;
}

Outcome Transfer::outcome(CURLcode code) const {
    CURL* const easy = easy_.get();
    Outcome out;
    out.guarded = call_.trust == Trust::guarded;
    if (const long status = info<long>(easy, CURLINFO_RESPONSE_CODE); status >= 200) out.http_status = status;
    out.sent = sent();
    if (const char* peer = info<char*>(easy, CURLINFO_PRIMARY_IP)) out.peer_ip = peer;
    out.req_bytes = info<curl_off_t>(easy, CURLINFO_SIZE_UPLOAD_T);
    out.resp_bytes = body_bytes_;
    out.resp_excerpt = excerpt();
    out.resp_truncated = body_full_ || body_bytes_ > static_cast<std::int64_t>(limits_.excerpt);

    curl_header* retry_after = nullptr;
    if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &retry_after) == CURLHE_OK) {
        const std::int64_t took_s = info<curl_off_t>(easy, CURLINFO_TOTAL_TIME_T) / 1'000'000;
        out.retry_after_s = read_retry_after(retry_after->value, call_.now + took_s);
    }

    // libcurl's times count from the start of the transfer, and are 0 for what did not happen.
    const curl_off_t dns = info<curl_off_t>(easy, CURLINFO_NAMELOOKUP_TIME_T);
    const curl_off_t connect = info<curl_off_t>(easy, CURLINFO_CONNECT_TIME_T);
    const curl_off_t tls = info<curl_off_t>(easy, CURLINFO_APPCONNECT_TIME_T);
    const curl_off_t first = info<curl_off_t>(easy, CURLINFO_STARTTRANSFER_TIME_T);
    if (dns > 0) out.dns_ms = ms_of(dns);
    if (connect > 0) out.connect_ms = ms_of(std::max<curl_off_t>(connect - dns, 0));
    if (tls > 0) out.tls_ms = ms_of(std::max<curl_off_t>(tls - connect, 0));
    if (first > 0) out.ttfb_ms = ms_of(first);
    out.total_ms = ms_of(info<curl_off_t>(easy, CURLINFO_TOTAL_TIME_T));
    describe(code, out);
    return out;
}

}  // namespace sentinel::worker
