// Preloaded into the worker: name servers as strangers run them, a clock that is wrong, and a record of every
// dial.
//
// Environment: STRANGER_DIALS, a file that takes one line "address port" for each connect() to an IP address,
// as the worker meant it; STRANGER_CLOCK, a file of eight bytes, the seconds by which the wall clock is off,
// which may change.
//
// Names, all others are left alone:
//   *.slow.test      answers after 8 s with 127.0.0.1
//   *.public.test    11.22.33.44, which stands for the internet: connects to it end at 127.0.0.1, the same
//   port
//   *.private.test   127.0.0.1
//   *.metadata.test  169.254.169.254 and fd00:ec2::254
//   *.rebind.test    11.22.33.44 when asked the first time, the third ..., 127.0.0.1 in between
//   *.failover.test  11.22.33.55, where nothing listens, then 127.0.0.1
//   *.mixed.test     127.0.0.1, 10.0.0.1, then 11.22.33.44
//   *.test           127.0.0.1
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace {

constexpr const char* kPublic = "11.22.33.44";
constexpr const char* kRefusing = "11.22.33.55";

template <class Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

bool ends_with(const std::string& name, const char* end) {
    const std::size_t size = std::strlen(end);
    return name.size() >= size && name.compare(name.size() - size, size, end) == 0;
}

std::vector<const char*> addresses_of(const std::string& name) {
    static std::mutex lock;
    static std::map<std::string, int> asked;
    if (ends_with(name, ".slow.test")) sleep(8);
    if (ends_with(name, ".public.test")) return {kPublic};
    if (ends_with(name, ".metadata.test")) return {"169.254.169.254", "fd00:ec2::254"};
    if (ends_with(name, ".failover.test")) return {kRefusing, "127.0.0.1"};
    if (ends_with(name, ".mixed.test")) return {"127.0.0.1", "10.0.0.1", kPublic};
    if (ends_with(name, ".rebind.test")) {
        const std::lock_guard<std::mutex> held(lock);
        return {asked[name]++ % 2 == 0 ? kPublic : "127.0.0.1"};
    }
    return {"127.0.0.1"};
}

// The public address that each descriptor believes to be connected to.
std::mutex peers_lock;
std::map<int, sockaddr_in> peers;

void note_dial(const sockaddr* address) {
    static const char* const path = getenv("STRANGER_DIALS");
    if (path == nullptr) return;
    char host[INET6_ADDRSTRLEN] = "?";
    int port = 0;
    if (address->sa_family == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        port = ntohs(v4->sin_port);
    } else {
        const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        port = ntohs(v6->sin6_port);
    }
    char line[INET6_ADDRSTRLEN + 16];
    const int size = std::snprintf(line, sizeof line, "%s %d\n", host, port);
    const int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0 || write(file, line, static_cast<std::size_t>(size)) != size)
        abort();  // a dial missed proves nothing
    close(file);
}

long long clock_offset() {
    static const volatile long long* const shared = [] {
        const char* const path = getenv("STRANGER_CLOCK");
        const int file = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
        void* const at =
            file < 0 ? MAP_FAILED : mmap(nullptr, sizeof(long long), PROT_READ, MAP_SHARED, file, 0);
        if (file >= 0) close(file);
        return at == MAP_FAILED ? nullptr : static_cast<const volatile long long*>(at);
    }();
    return shared == nullptr ? 0 : *shared;
}

}  // namespace

extern "C" {

int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** out) {
    using Resolve = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
    static const auto real = next<Resolve>("getaddrinfo");
    if (node == nullptr || !ends_with(node, ".test")) return real(node, service, hints, out);
    addrinfo** tail = out;
    *out = nullptr;
    for (const char* address : addresses_of(node)) {
        addrinfo numeric = hints == nullptr ? addrinfo{} : *hints;
        numeric.ai_flags = AI_NUMERICHOST;
        if (const int rc = real(address, service, &numeric, tail); rc != 0) return rc;
        while (*tail != nullptr) tail = &(*tail)->ai_next;
    }
    return 0;
}

int connect(int descriptor, const sockaddr* address, socklen_t size) {
    using Connect = int (*)(int, const sockaddr*, socklen_t);
    static const auto real = next<Connect>("connect");
    if (address->sa_family != AF_INET && address->sa_family != AF_INET6)
        return real(descriptor, address, size);
    note_dial(address);
    const std::lock_guard<std::mutex> held(peers_lock);
    peers.erase(descriptor);
    if (address->sa_family != AF_INET) return real(descriptor, address, size);
    sockaddr_in target{};
    std::memcpy(&target, address, sizeof target);
    if (target.sin_addr.s_addr == inet_addr(kRefusing)) {
        errno = ECONNREFUSED;
        return -1;
    }
    if (target.sin_addr.s_addr != inet_addr(kPublic)) return real(descriptor, address, size);
    peers[descriptor] = target;
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return real(descriptor, reinterpret_cast<const sockaddr*>(&target), sizeof target);
}

int getpeername(int descriptor, sockaddr* __restrict address, socklen_t* __restrict size) {
    using Peer = int (*)(int, sockaddr*, socklen_t*);
    static const auto real = next<Peer>("getpeername");
    const int rc = real(descriptor, address, size);
    const std::lock_guard<std::mutex> held(peers_lock);
    const auto found = peers.find(descriptor);
    if (rc == 0 && found != peers.end()) std::memcpy(address, &found->second, sizeof found->second);
    return rc;
}

int clock_gettime(clockid_t clock, timespec* at) {
    using Tell = int (*)(clockid_t, timespec*);
    static const auto real = next<Tell>("clock_gettime");
    const int rc = real(clock, at);
    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += clock_offset();
    return rc;
}

int gettimeofday(timeval* __restrict at, void* __restrict zone) {
    using Tell = int (*)(timeval*, void*);
    static const auto real = next<Tell>("gettimeofday");
    const int rc = real(at, zone);
    if (rc == 0) at->tv_sec += clock_offset();
    return rc;
}

time_t time(time_t* out) {
    timespec at{};
    clock_gettime(CLOCK_REALTIME, &at);
    if (out != nullptr) *out = at.tv_sec;
    return at.tv_sec;
}

}  // extern "C"
