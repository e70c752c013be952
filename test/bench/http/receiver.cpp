// Take requests and answer 200, at once or after a while: a receiver that is never the bottleneck.
// Usage: receiver PORT_FILE DELAY_MS. It listens on 127.0.0.1, keeps connections open, and looks at nothing
// but the length of a request. GET anything gives `received N` and `held N` (answers that wait) and closes;
// SIGUSR1 answers at once all that is held, and from then on.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

volatile sig_atomic_t hurry = 0;

[[noreturn]] void give_up(const char* what) {
    std::perror(what);
    std::exit(1);
}

struct Peer {
    std::string input;
    long number;  // tells a descriptor's next owner from this one
};

// The bytes of the first whole request; 0 while it is not whole.
std::size_t whole_request(std::string_view input) {
    constexpr std::string_view kLength = "content-length:";
    const std::size_t head = input.find("\r\n\r\n");
    if (head == std::string_view::npos) return 0;
    std::size_t body = 0;
    for (std::size_t line = input.find("\r\n"); line < head; line = input.find("\r\n", line + 2)) {
        if (strncasecmp(input.data() + line + 2, kLength.data(), kLength.size()) != 0) continue;
        body = std::strtoul(input.data() + line + 2 + kLength.size(), nullptr, 10);
    }
    const std::size_t size = head + 4 + body;
    return input.size() >= size ? size : 0;
}

class Receiver {
 public:
    Receiver(const std::string& port_file, int delay_ms) : delay_(delay_ms) {
        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (bind(listener_, generic, size) != 0 || listen(listener_, 4096) != 0 ||
            getsockname(listener_, generic, &size) != 0) {
            give_up("listen");
        }
        poll_ = epoll_create1(EPOLL_CLOEXEC);
        watch(listener_);
        std::FILE* file = std::fopen(port_file.c_str(), "w");
        if (file == nullptr || std::fprintf(file, "%d\n", ntohs(address.sin_port)) < 0 ||
            std::fclose(file) != 0) {
            give_up(port_file.c_str());
        }
    }

    [[noreturn]] void serve() {
        while (true) {
            std::array<epoll_event, 512> events;
            const int ready = epoll_wait(poll_, events.data(), static_cast<int>(events.size()), pause());
            for (int n = 0; n < ready; ++n) {
                const int fd = events[static_cast<std::size_t>(n)].data.fd;
                if (fd == listener_) {
                    take_peers();
                } else {
                    read_from(fd);
                }
            }
            answer_due();
        }
    }

 private:
    struct Held {
        Clock::time_point due;
        int fd;
        long number;
    };

    void watch(int fd) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        if (epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event) != 0) give_up("epoll_ctl");
    }

    int pause() const {
        if (held_.empty()) return 1000;
        if (hurry != 0) return 0;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(held_.front().due - Clock::now());
        return static_cast<int>(std::clamp<long>(left.count(), 0, 1000));
    }

    void take_peers() {
        int fd = -1;
        while ((fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
            const int on = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            watch(fd);
            peers_.insert_or_assign(fd, Peer{{}, ++numbers_});
        }
    }

    void read_from(int fd) {
        const ssize_t got = read(fd, buffer_.data(), buffer_.size());
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) return drop(fd);
        Peer& peer = peers_.at(fd);
        peer.input.append(buffer_.data(), static_cast<std::size_t>(got));
        while (const std::size_t size = whole_request(peer.input)) {
            if (peer.input.compare(0, 4, "GET ") == 0) return tell(fd);
            peer.input.erase(0, size);
            ++received_;
            if (delay_ == 0 || hurry != 0) {
                say(fd, kAnswer);
            } else {
                held_.push_back({Clock::now() + std::chrono::milliseconds(delay_), fd, peer.number});
            }
        }
    }

    // Of so few bytes a socket takes all or its peer is gone.
    void say(int fd, std::string_view text) {
        if (send(fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) shutdown(fd, SHUT_RDWR);
    }

    void tell(int fd) {
        say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nreceived " + std::to_string(received_) +
                    "\nheld " + std::to_string(held_.size()) + "\n");
        drop(fd);
    }

    void drop(int fd) {
        peers_.erase(fd);
        close(fd);
    }

    void answer_due() {
        const auto now = Clock::now();
        while (!held_.empty() && (hurry != 0 || held_.front().due <= now)) {
            const auto peer = peers_.find(held_.front().fd);
            if (peer != peers_.end() && peer->second.number == held_.front().number)
                say(held_.front().fd, kAnswer);
            held_.pop_front();
        }
    }

    int delay_;
    int listener_ = -1;
    int poll_ = -1;
    long received_ = 0;
    long numbers_ = 0;
    std::unordered_map<int, Peer> peers_;
    std::deque<Held> held_;
    std::array<char, 65536> buffer_;
};

}  // namespace

int main(int count, char** words) {
    if (count != 3) {
        std::fputs("usage: receiver PORT_FILE DELAY_MS\n", stderr);
        return 2;
    }
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    struct sigaction action {};
    action.sa_handler = [](int) { hurry = 1; };
    sigaction(SIGUSR1, &action, nullptr);
    Receiver(words[1], std::atoi(words[2])).serve();
}
