// Find the addresses of a connection string's hosts without making the loop wait.
//
// libpq looks names up itself, and stands still while it does. Given hostaddr beside host it does not, and
// host remains what the server's certificate (sslmode=verify-full) and the password file are checked against.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace sentinel::worker {

// One entry of libpq's lists of host, hostaddr and port; empty means libpq's default.
struct Place {
    std::string host;
    std::string address;
    std::string port;
};

// The places as libpq takes them: three lists, of the same length, beginning with the n-th place.
struct PlaceLists {
    std::string hosts;
    std::string addresses;
    std::string ports;
};
PlaceLists to_lists(const std::vector<Place>& places, std::size_t first);

class Hosts {
 public:
    // conninfo: libpq connection string or URI. Where it names no host, PGHOST does.
    explicit Hosts(const std::string& conninfo);

    // Whether there is a name to look up: otherwise libpq can be left alone with the string.
    bool named() const noexcept { return named_; }

    // Look the names up in a thread of its own; one that is still under way is waited for instead, so that a
    // name server that hangs costs one thread. Throws std::system_error when there is no thread to be had.
    void look_up();

    // Readable once the look-up has ended; -1 when none is under way.
    int descriptor() const noexcept;

    // Whether the look-up has ended; then places() or problem() tell of it, and the next may begin.
    bool ended();
    const std::vector<Place>& places() const noexcept { return places_; }
    const std::string& problem() const noexcept { return problem_; }

 private:
    struct Search;

    bool named_ = false;
    std::vector<Place> wanted_;
    std::shared_ptr<Search> search_;
    std::vector<Place> places_;
    std::string problem_;
};

}  // namespace sentinel::worker
