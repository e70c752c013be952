// A server of the test's own, on 127.0.0.1: it says one thing to all who come.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

namespace sentinel::worker {

// Takes one connection after another on a port of its own, answers each once, and closes it.
class Receiver {
 public:
    explicit Receiver(std::string answer) : answer_(std::move(answer)) {
        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in here{};
        here.sin_family = AF_INET;
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&here), sizeof here), 0);
        socklen_t size = sizeof here;
        getsockname(listener_, reinterpret_cast<sockaddr*>(&here), &size);
        port_ = ntohs(here.sin_port);
        EXPECT_EQ(listen(listener_, 16), 0);
        thread_ = std::thread([this] { serve(); });
    }
    ~Receiver() {
        stop_ = true;
        thread_.join();
        close(listener_);
    }
    int port() const { return port_; }

 private:
    void serve() {
        while (!stop_) {
            pollfd wait{listener_, POLLIN, 0};
            if (poll(&wait, 1, 20) <= 0) continue;
            const int one = accept(listener_, nullptr, nullptr);
            char buffer[4096];
            if (recv(one, buffer, sizeof buffer, 0) > 0) {
                std::size_t done = 0;
                while (done < answer_.size()) {
                    const ssize_t n = send(one, answer_.data() + done, answer_.size() - done, MSG_NOSIGNAL);
                    if (n <= 0) break;
                    done += static_cast<std::size_t>(n);
                }
            }
            close(one);
        }
    }

    std::string answer_;
    int listener_ = -1;
    int port_ = 0;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}  // namespace sentinel::worker
