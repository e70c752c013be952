// A request from a stranger: the head is judged, then parsed once more by the body's reader. What the judge
// takes the parser takes, limits hold, and how the bytes are cut changes nothing.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "gateway/body.hpp"
#include "gateway/head.hpp"

using namespace sentinel::gateway;

namespace {

constexpr std::size_t kMost = 1000;

struct Read {
    int status = 0;
    bool done = false;
    std::string body;
};

Read read(const std::string& head, const std::string& wire, std::size_t piece) {
    Read out;
    BodyReader reader(head, kMost);
    if (reader.refusal()) abort();  // the judge took what the parser does not
    std::string in;
    for (std::size_t at = 0; at < wire.size() && !reader.refusal() && !reader.done(); at += piece) {
        in += wire.substr(at, piece);
        in.erase(0, reader.feed(in, out.body));
    }
    if (out.body.size() > kMost) abort();
    out.status = reader.refusal().status;
    out.done = reader.done() && out.status == 0;
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string bytes(reinterpret_cast<const char*>(data), size);
    // Half of the inputs are bodies: chance seldom makes a head.
    if (size > 0 && data[0] % 2 == 1) {
        bytes = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + bytes.substr(1);
    }
    Refusal refusal;
    const std::size_t end = find_head(bytes, 0, refusal);
    if (refusal || end == 0) return 0;
    Head head;
    const std::string raw = bytes.substr(0, end);
    if (read_head(raw, head)) return 0;
    if (!head.chunked && head.length == 0) {
        if (!BodyReader(raw, kMost).done()) abort();
        return 0;
    }
    const Read whole = read(raw, bytes.substr(end), size + 1);
    const Read bitwise = read(raw, bytes.substr(end), 1);
    if (whole.done != bitwise.done || (whole.done && whole.body != bitwise.body)) abort();
    if (whole.done && head.has_length && whole.body.size() != head.length) abort();
    return 0;
}
