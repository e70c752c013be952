// The head of a request: what is taken, what is refused and how, before any parser that is more forgiving.
#include "gateway/head.hpp"

#include <gtest/gtest.h>

#include <string>

#include "gateway/body.hpp"

using namespace sentinel::gateway;

namespace {

struct Got {
    Refusal refusal;
    Head head;
    std::size_t size = 0;
};

Got read(const std::string& text) {
    Got out;
    out.size = find_head(text, 0, out.refusal);
    if (out.refusal) return out;
    EXPECT_GT(out.size, 0u) << text;
    out.refusal = read_head(text.substr(0, out.size), out.head);
    return out;
}

Got with(const std::string& headers, const std::string& line = "POST /x HTTP/1.1") {
    return read(line + "\r\n" + headers + "\r\n");
}

int status(const std::string& headers) {
    return with("Host: a\r\n" + headers).refusal.status;
}

}  // namespace

TEST(GatewayHead, ReadsWhatIsInOrder) {
    const auto got =
        read("GET /a%20b?x=1&y HTTP/1.1\r\nHost: h:80\r\nX-A:  two words \t\r\nx-a:\r\n\r\nrest");
    ASSERT_FALSE(got.refusal) << got.refusal.detail;
    EXPECT_EQ(got.head.method, "GET");
    EXPECT_EQ(got.head.path, "/a%20b");
    EXPECT_EQ(got.head.query, "x=1&y");
    ASSERT_EQ(got.head.headers.size(), 3u);
    EXPECT_EQ(got.head.headers[1].second, "two words");
    EXPECT_EQ(got.head.get("host"), "h:80");
    EXPECT_EQ(got.head.get("x-a"), "") << "of two, none is the one";
    EXPECT_TRUE(got.head.keep_alive);
    EXPECT_FALSE(got.head.chunked);
}

TEST(GatewayHead, WaitsForTheEmptyLine) {
    Refusal refusal;
    EXPECT_EQ(find_head("GET / HTTP/1.1\r\nHost: a\r\n", 0, refusal), 0u);
    EXPECT_FALSE(refusal);
    const std::string all = "GET / HTTP/1.1\r\nHost: a\r\n\r\nmore";
    for (std::size_t searched = 0; searched < all.size() - 4; ++searched) {
        EXPECT_EQ(find_head(all, searched, refusal), all.size() - 4) << searched;
    }
}

TEST(GatewayHead, RefusesWhatTwoReadersCouldTakeDifferently) {
    EXPECT_EQ(read("GET / HTTP/1.1\nHost: a\n\n").refusal.status, 400) << "bare line feeds";
    EXPECT_EQ(with("Host: a\r\nX: 1\nY: 2\r\n").refusal.status, 400);
    EXPECT_EQ(status("X: 1\r\n folded\r\n"), 400);
    EXPECT_EQ(status("X : 1\r\n"), 400) << "a space before the colon";
    EXPECT_EQ(status("X\r\n"), 400);
    EXPECT_EQ(status(": 1\r\n"), 400);
    EXPECT_EQ(status("X: a\rb\r\n"), 400);
    EXPECT_EQ(status(std::string("X: a\0b\r\n", 8)), 400);
    EXPECT_EQ(status("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400);
    EXPECT_EQ(status("Content-Length: 1\r\nContent-Length: 1\r\n"), 400);
    EXPECT_EQ(status("Content-Length: 1, 1\r\n"), 400);
    EXPECT_EQ(status("Content-Length: +1\r\n"), 400);
    EXPECT_EQ(status("Content-Length: 0x1\r\n"), 400);
    EXPECT_EQ(status("Content-Length:\r\n"), 400);
    EXPECT_EQ(status("Content-Length: 99999999999999999999999\r\n"), 413);
    EXPECT_EQ(status("Content-Length: 99999999999\r\n"), 0) << "a number: the route's limit decides";
    EXPECT_EQ(status("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400);
    EXPECT_EQ(status("Transfer-Encoding: gzip, chunked\r\n"), 400);
    EXPECT_EQ(status("Transfer-Encoding: identity\r\n"), 400);
    EXPECT_EQ(status("Transfer-Encoding: xchunked\r\n"), 400);
    EXPECT_EQ(status("Transfer-Encoding: CHUNKED\r\n"), 0);
    EXPECT_EQ(status("Host: b\r\n"), 400) << "two hosts";
    EXPECT_EQ(with("X: 1\r\n").refusal.status, 400) << "no host";
    EXPECT_EQ(with("Host: a b\r\n").refusal.status, 400);
    EXPECT_EQ(status("Expect: 100-continue\r\n"), 0);
    EXPECT_EQ(status("Expect: tea\r\n"), 417);
}

TEST(GatewayHead, RefusesRequestLines) {
    const auto line = [](const std::string& text) { return with("Host: a\r\n", text).refusal.status; };
    EXPECT_EQ(line("GET / HTTP/1.1"), 0);
    EXPECT_EQ(line("GET http://h/p?q HTTP/1.1"), 0);
    EXPECT_EQ(line("OPTIONS * HTTP/1.1"), 0);
    EXPECT_EQ(line("GET * HTTP/1.1"), 400);
    EXPECT_EQ(line("GET x HTTP/1.1"), 400);
    EXPECT_EQ(line("GET http:///p HTTP/1.1"), 400);
    EXPECT_EQ(line("GET  / HTTP/1.1"), 400);
    EXPECT_EQ(line("GET /a b HTTP/1.1"), 400);
    EXPECT_EQ(line("GET /a\tb HTTP/1.1"), 400);
    EXPECT_EQ(line("GET /\xc3\xa4 HTTP/1.1"), 400);
    EXPECT_EQ(line("GET /a#b HTTP/1.1"), 400);
    EXPECT_EQ(line("GET /"), 400);
    EXPECT_EQ(line("G@T / HTTP/1.1"), 400);
    EXPECT_EQ(line(""), 400);
    EXPECT_EQ(line("GET / HTTP/2.0"), 505);
    EXPECT_EQ(line("GET / HTTP/1.2"), 505);
    EXPECT_EQ(line("GET / http/1.1"), 400);
    EXPECT_EQ(line("CONNECT a:1 HTTP/1.1"), 501);
    EXPECT_EQ(line("TRACE / HTTP/1.1"), 501);
    EXPECT_EQ(line("GET /" + std::string(kMostUri, 'a') + " HTTP/1.1"), 414);
    EXPECT_EQ(line("GET /" + std::string(kMostUri - 1, 'a') + " HTTP/1.1"), 0);
    const auto absolute = with("Host: a\r\n", "GET HTTP://h:1?q=/ HTTP/1.1");
    EXPECT_EQ(absolute.head.path, "/");
    EXPECT_EQ(absolute.head.query, "q=/");
}

TEST(GatewayHead, KnowsHttp10) {
    const auto got = with("", "GET / HTTP/1.0");
    EXPECT_FALSE(got.refusal) << "it may come without a host";
    EXPECT_FALSE(got.head.keep_alive);
    EXPECT_EQ(with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0").refusal.status, 400);
    EXPECT_FALSE(with("Expect: 100-continue\r\n", "POST / HTTP/1.0").head.expects_continue);
    EXPECT_FALSE(with("Host: a\r\nConnection: x, CLOSE\r\n").head.keep_alive);
}

TEST(GatewayHead, BoundsFloods) {
    Refusal refusal;
    EXPECT_EQ(find_head("GET / HTTP/1.1\r\nX: " + std::string(kMostHead, 'a'), 0, refusal), 0u);
    EXPECT_EQ(refusal.status, 431);
    refusal = {};
    find_head("GET /" + std::string(kMostUri + 100, 'a'), 0, refusal);
    EXPECT_EQ(refusal.status, 414) << "before the line's end has come";
    std::string many;
    for (int i = 0; i < 101; ++i) many += "X: 1\r\n";
    EXPECT_EQ(status(many), 431);
    refusal = {};
    const std::string longest = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    const std::string fits = longest + std::string(kMostHead - longest.size() - 4, 'a') + "\r\n\r\n";
    EXPECT_EQ(find_head(fits, 0, refusal), kMostHead);
}

TEST(GatewayHead, NamesAndValues) {
    EXPECT_TRUE(is_request_id("aZ0._-"));
    EXPECT_FALSE(is_request_id(""));
    EXPECT_FALSE(is_request_id("a b"));
    EXPECT_FALSE(is_request_id("a\n"));
    EXPECT_TRUE(is_request_id(std::string(128, 'a')));
    EXPECT_FALSE(is_request_id(std::string(129, 'a')));
    EXPECT_TRUE(is_hop_by_hop("Keep-Alive"));
    EXPECT_FALSE(is_hop_by_hop("Accept"));
    EXPECT_TRUE(is_header("X-A", "a\tb \xc3\xa4"));
    EXPECT_FALSE(is_header("X A", "a"));
    EXPECT_FALSE(is_header("", "a"));
    for (const char bad : {'\r', '\n', '\0', '\x7f', '\x01'})
        EXPECT_FALSE(is_header("X", std::string(1, bad)));
    EXPECT_EQ(known_method("PATCH"), "PATCH");
    EXPECT_EQ(known_method("patch"), "OTHER");
}

namespace {

const std::string kChunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

// Feed in pieces of so many bytes; gives the status, 0 when it was read, -1 when more is wanted.
int feed(const std::string& head, const std::string& wire, std::size_t piece, std::size_t most,
         std::string& out) {
    BodyReader reader(head, most);
    out.clear();
    std::string in;
    for (std::size_t at = 0; at < wire.size() && !reader.refusal() && !reader.done(); at += piece) {
        in += wire.substr(at, piece);
        in.erase(0, reader.feed(in, out));
    }
    if (reader.refusal()) return reader.refusal().status;
    return reader.done() ? 0 : -1;
}

}  // namespace

TEST(GatewayBody, ReadsChunksHoweverTheyCome) {
    std::string out;
    for (const std::size_t piece : {1, 2, 3, 7, 1000}) {
        EXPECT_EQ(
            feed(kChunked, "5\r\nhello\r\n1;x=y\r\n \r\n5\r\nworld\r\n0\r\nT: 1\r\n\r\n", piece, 100, out),
            0);
        EXPECT_EQ(out, "hello world") << piece;
    }
}

TEST(GatewayBody, ReadsNoChunksHoweverTheyCome) {
    std::string out;
    for (const std::size_t piece : {1, 2, 3, 4, 5}) {
        EXPECT_EQ(feed(kChunked, "0\r\n\r\n", piece, 100, out), 0) << piece;
        EXPECT_EQ(feed(kChunked, "0\r\n2", piece, 100, out), -1) << piece;
        EXPECT_EQ(feed(kChunked, "0;a\r\nT: 1\r\n\r\n", piece, 100, out), 0) << piece;
    }
}

TEST(GatewayBody, RefusesChunks) {
    std::string out;
    EXPECT_EQ(feed(kChunked, "zz\r\n", 100, 100, out), 400);
    EXPECT_EQ(feed(kChunked, "5\nhello\r\n0\r\n\r\n", 100, 100, out), 400) << "a bare line feed";
    EXPECT_EQ(feed(kChunked, "5\r\nhelloXX0\r\n\r\n", 100, 100, out), 400);
    EXPECT_EQ(feed(kChunked, "ffffffffffffffffff\r\n", 100, 100, out), 400);
    EXPECT_EQ(feed(kChunked, "-1\r\n", 100, 100, out), 400);
    EXPECT_EQ(feed(kChunked, "65\r\n" + std::string(101, 'a'), 10, 100, out), 413);
    EXPECT_LE(out.size(), 100u);
    EXPECT_EQ(feed(kChunked, "5;" + std::string(40'000, 'x'), 1000, 100, out), 400)
        << "an endless first line";
    EXPECT_EQ(feed(kChunked, "0\r\nT: " + std::string(40'000, 'x'), 1000, 100, out), 400)
        << "an endless trailer";
}

TEST(GatewayBody, ReadsALength) {
    std::string out;
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    for (const std::size_t piece : {1, 2, 100}) EXPECT_EQ(feed(head, "hello", piece, 5, out), 0);
    EXPECT_EQ(out, "hello");
    EXPECT_EQ(feed(head, "hell", 1, 5, out), -1);
    EXPECT_EQ(feed(head, "hello", 1, 4, out), 413);
}
