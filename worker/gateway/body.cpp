#include "gateway/body.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>

#ifdef BOOST_ENABLE_ASSERT_HANDLER
#include <stdexcept>

// What the parser holds for impossible must not end the program when a stranger finds a way to it.
namespace boost {
void assertion_failed(const char* expression, const char*, const char*, long) {
    throw std::logic_error(expression);
}
void assertion_failed_msg(const char* expression, const char*, const char*, const char*, long) {
    throw std::logic_error(expression);
}
}  // namespace boost
#endif

namespace sentinel::gateway {
namespace {

namespace http = boost::beast::http;

constexpr std::size_t kPiece = 16 * 1024;
constexpr std::size_t kShortestChunks = 5;       // "0", and two line ends
constexpr std::size_t kMostFraming = 16 * 1024;  // of one chunk's first line, or of the trailer

}  // namespace

struct BodyReader::Parser {
    http::request_parser<http::buffer_body> beast;
};

BodyReader::BodyReader(std::string_view raw_head, std::size_t most)
    : parser_(std::make_unique<Parser>()), most_(most) {
    auto& beast = parser_->beast;
    beast.header_limit(kMostHead + 1);
    beast.body_limit(boost::none);
    boost::system::error_code error;
    const std::size_t used = beast.put(boost::asio::const_buffer(raw_head.data(), raw_head.size()), error);
    if (error || used != raw_head.size() || !beast.is_header_done()) {
        refusal_ = {400, "bad_request", "the header is malformed"};
    }
    beast.eager(true);
}

BodyReader::~BodyReader() = default;

bool BodyReader::done() const {
    return parser_->beast.is_done();
}

std::size_t BodyReader::feed(std::string_view bytes, std::string& out) {
    try {
        return take(bytes, out);
    } catch (const std::exception&) {
        refusal_ = {400, "bad_request", "the body is malformed"};
        return 0;
    }
}

std::size_t BodyReader::take(std::string_view bytes, std::string& out) {
    auto& beast = parser_->beast;
    // A first chunk that is the last one, come in pieces, runs into an assertion of Beast 1.81
    // (boostorg/beast pull request 2861): no body in chunks is shorter than this.
    if (!begun_ && beast.chunked() && bytes.size() < kShortestChunks) return 0;
    begun_ = true;
    auto& body = beast.get().body();
    std::size_t used = 0;
    char piece[kPiece];
    while (used < bytes.size() && !beast.is_done() && !refusal_) {
        body.data = piece;
        body.size = sizeof piece;
        body.more = true;
        boost::system::error_code error;
        const std::size_t n =
            beast.put(boost::asio::const_buffer(bytes.data() + used, bytes.size() - used), error);
        const std::size_t got = sizeof piece - body.size;
        used += n;
        if (out.size() + got > most_) {
            refusal_ = {413, "body_too_large", "the body has more than " + std::to_string(most_) + " bytes"};
            break;
        }
        out.append(piece, got);
        if (error == http::error::need_more) break;
        if (error && error != http::error::need_buffer) {
            refusal_ = {400, "bad_request", "the body is malformed"};
        } else if (n == 0 && got == 0) {
            break;
        }
    }
    body.data = nullptr;
    body.size = 0;
    if (!refusal_ && !beast.is_done() && bytes.size() - used > kMostFraming) {
        refusal_ = {400, "bad_request", "a chunk's first line, or the trailer, is too long"};
    }
    return used;
}

}  // namespace sentinel::gateway
