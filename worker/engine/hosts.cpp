#include "engine/hosts.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>

#include "engine/libpq.hpp"

namespace sentinel::worker {
namespace {

std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> out;
    std::size_t begin = 0;
    for (std::size_t comma = 0; comma != std::string::npos; begin = comma + 1) {
        comma = list.find(',', begin);
        out.push_back(list.substr(begin, comma == std::string::npos ? comma : comma - begin));
    }
    return out;
}

bool is_name(const std::string& host) {
    if (host.empty() || host[0] == '/' || host[0] == '@')
        return false;  // libpq's default, or a socket's folder
    in_addr v4{};
    return inet_pton(AF_INET, host.c_str(), &v4) != 1 && host.find(':') == std::string::npos;
}

// Runs in the search's thread. Adds a place for each address; gives what went wrong, or nothing.
std::string find(const Place& wanted, std::vector<Place>& found) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int rc = getaddrinfo(wanted.host.c_str(), nullptr, &hints, &list);
    if (rc != 0) return wanted.host + ": " + gai_strerror(rc);
    for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
        char text[NI_MAXHOST];
        if (getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) {
            found.push_back({wanted.host, text, wanted.port});
        }
    }
    freeaddrinfo(list);
    return {};
}

const char* environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

}  // namespace

// Shared with the thread, which may outlive its owner.
struct Hosts::Search {
    Search() : done(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (done < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    }
    ~Search() { close(done); }
    Search(const Search&) = delete;
    Search& operator=(const Search&) = delete;

    const int done;
    std::mutex mutex;
    bool ended = false;
    std::vector<Place> found;
    std::string problem;
};

PlaceLists to_lists(const std::vector<Place>& places, std::size_t first) {
    PlaceLists out;
    for (std::size_t i = 0; i < places.size(); ++i) {
        const Place& one = places[(first + i) % places.size()];
        const char* const comma = i == 0 ? "" : ",";
        out.hosts += comma + one.host;
        out.addresses += comma + one.address;
        out.ports += comma + one.port;
    }
    return out;
}

Hosts::Hosts(const std::string& conninfo) {
    std::string hosts;
    std::string ports;
    bool elsewhere = false;  // a service file, or addresses given beside the names
    const OptionsPtr options(PQconninfoParse(conninfo.c_str(), nullptr));
    for (const auto* one = options.get(); one != nullptr && one->keyword != nullptr; ++one) {
        if (one->val == nullptr || one->val[0] == '\0') continue;
        if (std::strcmp(one->keyword, "host") == 0) hosts = one->val;
        if (std::strcmp(one->keyword, "port") == 0) ports = one->val;
        if (std::strcmp(one->keyword, "hostaddr") == 0 || std::strcmp(one->keyword, "service") == 0)
            elsewhere = true;
    }
    if (elsewhere || *environment("PGHOSTADDR") != '\0') return;
    if (hosts.empty()) hosts = environment("PGHOST");
    if (ports.empty()) ports = environment("PGPORT");
    const auto names = split(hosts);
    const auto numbers = split(ports);
    if (numbers.size() != 1 && numbers.size() != names.size()) return;  // libpq says what is wrong
    for (std::size_t i = 0; i < names.size(); ++i)
        wanted_.push_back({names[i], "", numbers.size() == 1 ? numbers[0] : numbers[i]});
    named_ = std::any_of(names.begin(), names.end(), is_name);
}

void Hosts::look_up() {
    if (search_) return;
    auto search = std::make_shared<Search>();
    std::thread([search, wanted = wanted_] {
        std::vector<Place> found;
        std::string problem;
        for (const auto& one : wanted) {
            if (!is_name(one.host)) {
                found.push_back(one);
            } else if (std::string why = find(one, found); !why.empty()) {
                problem = std::move(why);
            }
        }
        const std::lock_guard<std::mutex> lock(search->mutex);
        search->found = std::move(found);
        search->problem = std::move(problem);
        search->ended = true;
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t told = write(search->done, &one, sizeof one);
    }).detach();
    search_ = std::move(search);
}

int Hosts::descriptor() const noexcept {
    return search_ ? search_->done : -1;
}

bool Hosts::ended() {
    if (!search_) return true;
    {
        const std::lock_guard<std::mutex> lock(search_->mutex);
        if (!search_->ended) return false;
        places_ = std::move(search_->found);
        problem_ = std::move(search_->problem);
    }
    search_.reset();
    return true;
}

}  // namespace sentinel::worker
