// The fence: which urls are accepted, which addresses are reached, with a canary that must hear nothing.
#include "engine/guard.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "engine/http.hpp"
#include "engine/url.hpp"

using namespace sentinel::worker;

namespace {

// Listens on every address of this machine, both families, and answers each connection with a 200.
class Canary {
 public:
    Canary() {
        listener_ = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (listener_ >= 0) {
            const int off = 0;
            setsockopt(listener_, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
            sockaddr_in6 any{};
            any.sin6_family = AF_INET6;
            if (bind(listener_, reinterpret_cast<sockaddr*>(&any), sizeof any) != 0) {
                close(listener_);
                listener_ = -1;
            }
        }
        if (listener_ < 0) {  // a machine without IPv6
            listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            sockaddr_in any{};
            any.sin_family = AF_INET;
            EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
        }
        sockaddr_storage bound{};
        socklen_t size = sizeof bound;
        getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &size);
        port_ = ntohs(reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port);
        EXPECT_EQ(listen(listener_, 64), 0);
        thread_ = std::thread([this] { serve(); });
    }
    ~Canary() {
        stop_ = true;
        thread_.join();
        close(listener_);
    }
    int port() const { return port_; }
    int heard() const { return heard_; }

 private:
    void serve() {
        std::vector<int> open;
        while (!stop_) {
            pollfd wait{listener_, POLLIN, 0};
            if (poll(&wait, 1, 20) > 0) {
                const int one = accept(listener_, nullptr, nullptr);
                if (one >= 0) {
                    ++heard_;
                    open.push_back(one);
                }
            }
            for (const int one : open) {
                char buffer[4096];
                const char* answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                while (recv(one, buffer, sizeof buffer, MSG_DONTWAIT) > 0) {
                    if (send(one, answer, strlen(answer), MSG_NOSIGNAL) < 0) break;
                }
            }
        }
        for (const int one : open) close(one);
    }

    int listener_ = -1;
    int port_ = 0;
    std::atomic<int> heard_{0};
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

Egress entry(const std::string& text) {
    const auto one = Egress::parse(text);
    EXPECT_TRUE(one) << text;
    return one.value_or(Egress{});
}

bool public_text(const std::string& text) {
    const auto address = to_address(std::string_view(text));
    EXPECT_TRUE(address) << text;
    return address && is_public(*address);
}

// Run one request to the end and give its error code ("" is success).
std::string attempt(Http& http, std::string& result, const std::string& url, const Guard& guard,
                    Trust trust = Trust::guarded) {
    CheckedUrl checked = check_url(url, true, guard);
    if (!checked.ok()) return "invalid_request";
    Call call;
    call.trust = trust;
    call.http_only = checked.scheme == "http";
    call.host = checked.host;
    call.url = std::move(checked.handle);
    call.body = "{}";
    result = "(running)";
    http.start(std::make_unique<Transfer>(std::move(call), guard, "", "tag"));
    for (int i = 0; i < 800 && result == "(running)"; ++i) {
        http.perform();
        std::vector<curl_waitfd> none;
        if (result == "(running)") http.poll(none, 20);
    }
    return result;
}

}  // namespace

TEST(Guard, DeniesPrivateAndSpecialAddresses) {
    for (const std::string text : {"0.0.0.0",
                                   "0.1.2.3",
                                   "10.0.0.1",
                                   "10.255.255.255",
                                   "100.64.0.1",
                                   "100.127.255.255",
                                   "127.0.0.1",
                                   "127.255.255.254",
                                   "169.254.169.254",
                                   "169.254.0.1",
                                   "172.16.0.1",
                                   "172.31.255.255",
                                   "192.0.0.1",
                                   "192.0.2.1",
                                   "192.88.99.1",
                                   "192.168.0.1",
                                   "198.18.0.1",
                                   "198.19.255.255",
                                   "198.51.100.1",
                                   "203.0.113.1",
                                   "224.0.0.1",
                                   "239.255.255.255",
                                   "240.0.0.1",
                                   "255.255.255.255",
                                   "168.63.129.16",
                                   "::",
                                   "::1",
                                   "::2",
                                   "::127.0.0.1",
                                   "::8.8.8.8",
                                   "::ffff:127.0.0.1",
                                   "::ffff:10.0.0.1",
                                   "::ffff:169.254.169.254",
                                   "64:ff9b::8.8.8.8",
                                   "64:ff9b::7f00:1",
                                   "64:ff9b:1::1",
                                   "100::1",
                                   "5f00::1",
                                   "fc00::1",
                                   "fd00::1",
                                   "fd00:ec2::254",
                                   "fe80::1",
                                   "febf::1",
                                   "fec0::1",
                                   "ff02::1",
                                   "ff0e::1",
                                   "2001::1",
                                   "2001:10::1",
                                   "2001:1ff:ffff::1",
                                   "2001:db8::1",
                                   "2002:7f00:1::1",
                                   "2002:808:808::1",
                                   "3fff::1",
                                   "3fff:fff::1",
                                   "4000::1",
                                   "1fff::1",
                                   "e000::1"}) {
        EXPECT_FALSE(public_text(text)) << text;
    }
}

TEST(Guard, AllowsPublicAddresses) {
    for (const std::string text :
         {"1.1.1.1",        "8.8.8.8",         "9.255.255.255",   "11.0.0.1",        "100.63.255.255",
          "100.128.0.1",    "126.255.255.255", "128.0.0.1",       "169.253.255.255", "169.255.0.1",
          "172.15.255.255", "172.32.0.1",      "192.0.1.1",       "192.167.0.1",     "192.169.0.1",
          "198.17.255.255", "198.20.0.1",      "223.255.255.255", "168.63.129.15",   "168.63.129.17",
          "::ffff:8.8.8.8", "2600::1",         "2a00:1450::1",    "2001:200::1",     "2001:4860:4860::8888",
          "2003::1",        "3ffe::1",         "3fff:1000::1"}) {
        EXPECT_TRUE(public_text(text)) << text;
    }
}

TEST(Guard, EgressEntries) {
    const Guard guard(
        {entry("127.0.0.1:8080"), entry("10.1.0.0/16"), entry("[fd00::1]:9000"), entry("fd01::/16")});
    const auto allows = [&](const std::string& text, int port) {
        return guard.allows(*to_address(std::string_view(text)), port);
    };
    EXPECT_TRUE(allows("127.0.0.1", 8080));
    EXPECT_TRUE(allows("::ffff:127.0.0.1", 8080));
    EXPECT_FALSE(allows("127.0.0.1", 8081));
    EXPECT_FALSE(allows("127.0.0.2", 8080));
    EXPECT_TRUE(allows("10.1.255.1", 1));
    EXPECT_FALSE(allows("10.2.0.1", 1));
    EXPECT_TRUE(allows("fd00::1", 9000));
    EXPECT_FALSE(allows("fd00::1", 9001));
    EXPECT_TRUE(allows("fd01:ffff::1", 9001));
    EXPECT_TRUE(guard.port_listed(8080));
    EXPECT_FALSE(guard.port_listed(22));
    for (const std::string bad :
         {"", ":80", "localhost", "localhost:80", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3.4/33",
          "1.2.3.4/", "::1/129", "[::1", "[::1]80", "[::1]:", "1.2.3:80", "0x7f.1", "fe80::1%eth0",
          "1.2.3.4:+80", "1.2.3.4/-1"}) {
        EXPECT_FALSE(Egress::parse(bad)) << bad;
    }
}

TEST(Guard, DoesNotComeBackToItself) {
    Guard guard;
    EXPECT_TRUE(guard.allows(*to_address(std::string_view("8.8.4.4")), 443));
    guard.set_own_addresses({*to_address(std::string_view("8.8.4.4"))});
    EXPECT_FALSE(guard.allows(*to_address(std::string_view("8.8.4.4")), 443));
}

TEST(Url, AcceptsTheUsual) {
    const Guard guard;
    for (const std::string url :
         {"https://example.com", "https://example.com/a?b=c%20d", "https://example.com:8443/x",
          "https://EXAMPLE.com:443/", "https://8.8.8.8/", "https://[2600::1]/", "https://a_b.example.com/",
          "https://xn--bcher-kva.example/"}) {
        EXPECT_TRUE(check_url(url, false, guard).ok()) << url << check_url(url, false, guard).problem;
    }
    EXPECT_TRUE(check_url("http://example.com/", true, guard).ok());
    EXPECT_EQ(check_url("https://EXAMPLE.com/", false, guard).host, "example.com");
}

TEST(Url, RefusesTheUnusual) {
    const Guard guard;
    for (const std::string& url :
         std::initializer_list<std::string>{"",
                                            "example.com",
                                            "//example.com",
                                            "http://example.com/",
                                            "ftp://example.com/",
                                            "file:///etc/passwd",
                                            "gopher://example.com/",
                                            "dict://example.com/",
                                            "javascript:alert(1)",
                                            "https:///",
                                            "https://",
                                            "https://user@example.com/",
                                            "https://user:pw@example.com/",
                                            "https://@example.com/",
                                            "https://example.com/#x",
                                            "https://example.com/#",
                                            "https://example.com:22/",
                                            "https://example.com:5432/",
                                            "https://example.com:0/",
                                            "https://example.com:65536/",
                                            "https://example.com:80/",
                                            "https://[fe80::1%25eth0]/",
                                            "https://[::1/",
                                            "https://exa mple.com/",
                                            "https://example.com/a b",
                                            "https://example.com/\r\nx: y",
                                            "https://ex\xc3\xa4mple.com/",
                                            "https://example.com/\x01",
                                            "https://example.com\\@evil.example/",
                                            std::string("https://example.com/\0x", 22),
                                            "https://" + std::string(300, 'a') + ".com/",
                                            "https://example.com/" + std::string(2048, 'a')}) {
        EXPECT_FALSE(check_url(url, false, guard).ok()) << url;
    }
}

TEST(Fence, NothingReachesTheCanary) {
    const Canary canary;
    std::string result;
    Http http([&](Transfer& transfer, CURLcode code) { result = transfer.outcome(code).error_code; });
    // The port is opened for another address only, so that nothing but the address check is in the way.
    const Guard guard({entry("198.51.100.77:" + std::to_string(canary.port()))});
    const std::string port = ":" + std::to_string(canary.port()) + "/";
    for (const std::string host : {"127.0.0.1",
                                   "127.1",
                                   "127.0.1",
                                   "127.255.255.254",
                                   "2130706433",
                                   "0x7f000001",
                                   "0x7f.1",
                                   "0x7f.0.0.1",
                                   "0177.0.0.1",
                                   "017700000001",
                                   "127.0.0.01",
                                   "0",
                                   "0.0.0.0",
                                   "00",
                                   "0x0",
                                   "localhost",
                                   "LOCALHOST",
                                   "localhost.",
                                   "[::]",
                                   "[::1]",
                                   "[0:0:0:0:0:0:0:1]",
                                   "[::ffff:127.0.0.1]",
                                   "[::ffff:7f00:1]",
                                   "[0:0:0:0:0:ffff:127.0.0.1]",
                                   "[::127.0.0.1]",
                                   "[::ffff:0.0.0.0]",
                                   "169.254.169.254",
                                   "0xa9fea9fe",
                                   "2852039166",
                                   "[::ffff:169.254.169.254]",
                                   "[fd00:ec2::254]",
                                   "168.63.129.16",
                                   "10.0.0.1",
                                   "172.16.0.1",
                                   "192.168.1.1",
                                   "100.64.0.1",
                                   "192.0.0.192",
                                   "198.18.0.1",
                                   "224.0.0.1",
                                   "255.255.255.255",
                                   "[fe80::1]",
                                   "[fc00::1]",
                                   "[ff02::1]",
                                   "[64:ff9b::7f00:1]",
                                   "[64:ff9b::127.0.0.1]",
                                   "[2002:7f00:1::]",
                                   "[2001:db8::1]",
                                   "[2001::1]",
                                   "[100::1]",
                                   "[fec0::1]",
                                   "127.0.0.1%00.example.com",
                                   "127.0.0.1.",
                                   "[::1%25lo]",
                                   "1.1.1.1@0",
                                   "\xef\xbc\x91\x32\x37.0.0.1",
                                   "127%2e0%2e0%2e1",
                                   "[::ffff:127.1]",
                                   "0x7f.0x0.0x0.0x1",
                                   "127.0x1",
                                   "0.1"}) {
        const std::string code = attempt(http, result, "http://" + host + port, guard);
        EXPECT_TRUE(code == "blocked_address" || code == "invalid_request" || code == "dns_error")
            << host << ": " << code;
    }
    EXPECT_EQ(canary.heard(), 0);
    // And the canary does sing, once its address is allowed.
    const Guard open({entry("127.0.0.1:" + std::to_string(canary.port()))});
    EXPECT_EQ(attempt(http, result, "http://127.0.0.1" + port, open), "");
    EXPECT_EQ(canary.heard(), 1);
}

// An open connection must not let a transfer past the check that made it.
TEST(Fence, AReusedConnectionIsCheckedAgain) {
    const Canary canary;
    std::string result;
    bool sent = true;
    Http http([&](Transfer& transfer, CURLcode code) {
        result = transfer.outcome(code).error_code;
        sent = transfer.outcome(code).sent;
    });
    const std::string url = "http://127.0.0.1:" + std::to_string(canary.port()) + "/";
    const Guard open({entry("127.0.0.1:" + std::to_string(canary.port()))});
    const Guard closed({entry("198.51.100.77:" + std::to_string(canary.port()))});
    EXPECT_EQ(attempt(http, result, url, open), "");
    EXPECT_TRUE(sent);
    EXPECT_EQ(attempt(http, result, url, open), "");
    EXPECT_EQ(canary.heard(), 1) << "the second took the connection of the first";
    EXPECT_EQ(attempt(http, result, url, closed), "blocked_address");
    EXPECT_FALSE(sent);
    EXPECT_EQ(attempt(http, result, url, open, Trust::fixed), "");
    EXPECT_EQ(canary.heard(), 2) << "the other class of trust has connections of its own";
}
