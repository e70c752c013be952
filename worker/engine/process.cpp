#include "engine/process.hpp"

#include <sysexits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <new>
#include <stdexcept>

namespace sentinel::worker {

void harden_process() {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);
    // Without memory nothing can be told for sure any more. What is held runs out, and is tried again.
    std::set_new_handler([] { _exit(EX_OSERR); });
    // A look-up that outlives its transfer keeps a thread until it returns: let it return soon.
    setenv("RES_OPTIONS", "timeout:2 attempts:2", 0);
}

std::int64_t descriptor_limit() {
    rlimit files{};
    return getrlimit(RLIMIT_NOFILE, &files) == 0 ? static_cast<std::int64_t>(files.rlim_cur) : 1024;
}

Signals::Signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int one : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, one);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    descriptor_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (descriptor_ < 0) throw std::runtime_error("no descriptor for signals");
}

Signals::~Signals() {
    close(descriptor_);
}

std::vector<int> Signals::take() {
    std::vector<int> out;
    signalfd_siginfo one{};
    while (read(descriptor_, &one, sizeof one) == static_cast<ssize_t>(sizeof one)) {
        out.push_back(static_cast<int>(one.ssi_signo));
    }
    return out;
}

ServiceManager::ServiceManager() {
    std::uint64_t period = 0;
    if (sd_watchdog_enabled(0, &period) > 0) {
        every_ = std::chrono::microseconds(period / 3);
        next_ = Clock::now();
    }
}

void ServiceManager::ready() {
    sd_notify(0, "READY=1");
}

void ServiceManager::stopping() {
    sd_notify(0, "STOPPING=1");
}

void ServiceManager::status(const std::string& words) {
    const Instant now = Clock::now();
    if (words == said_ || now < say_again_) return;
    said_ = words;
    say_again_ = now + Seconds(1);
    sd_notify(0, ("STATUS=" + words).c_str());
}

void ServiceManager::alive(Instant now) {
    if (now < next_) return;
    sd_notify(0, "WATCHDOG=1");
    next_ = now + every_;
}

}  // namespace sentinel::worker
