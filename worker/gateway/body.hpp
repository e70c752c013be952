// Take a request's body out of the bytes that follow its head. The parser is Boost.Beast's, used in this one
// place and without a socket.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/head.hpp"

namespace sentinel::gateway {

class BodyReader {
 public:
    // raw_head: as read_head() took it. What the parser thinks otherwise of is refused: see refusal().
    BodyReader(std::string_view raw_head, std::size_t most);
    ~BodyReader();
    BodyReader(const BodyReader&) = delete;
    BodyReader& operator=(const BodyReader&) = delete;

    // Append to out what is there. Gives how many bytes were used; the rest is to be shown again, longer.
    std::size_t feed(std::string_view bytes, std::string& out);

    bool done() const;
    const Refusal& refusal() const noexcept { return refusal_; }

 private:
    struct Parser;

    std::size_t take(std::string_view bytes, std::string& out);

    std::unique_ptr<Parser> parser_;
    std::size_t most_;
    bool begun_ = false;
    Refusal refusal_;
};

}  // namespace sentinel::gateway
