// The log: one JSON object a line, no secrets, and a reader that stalls costs lines, never time.
#include "engine/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

#include "engine/clock.hpp"
#include "engine/json.hpp"

using namespace sentinel::worker;

namespace {

struct Pipe {
    std::array<int, 2> ends{};
    Pipe() {
        EXPECT_EQ(pipe(ends.data()), 0);
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
    }
    ~Pipe() {
        close_reader();
        close(ends[1]);
    }
    void close_reader() {
        if (ends[0] >= 0) close(ends[0]);
        ends[0] = -1;
    }
    std::string read_all() const {
        std::string out;
        std::array<char, 65536> part{};
        for (ssize_t n = 0; (n = read(ends[0], part.data(), part.size())) > 0;)
            out.append(part.data(), static_cast<std::size_t>(n));
        return out;
    }
};

std::vector<Json> lines_of(const std::string& text) {
    std::vector<Json> out;
    for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
        out.push_back(Json::parse(text.substr(at, end - at)));
    return out;
}

}  // namespace

TEST(Log, WritesOneObjectALine) {
    const Pipe pipe;
    Log log(Level::info, pipe.ends[1]);
    log.debug("not this");
    log.info("delivered", {{"job", std::string("j1")},
                           {"ms", std::int64_t{5}},
                           {"fine", true},
                           {"left out", {}},
                           {"text", std::string("a\"b\\c\n\x1b[31m\xff ü whsec_c2VjcmV0")}});
    log.flush();
    const auto lines = lines_of(pipe.read_all());
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0]["level"], "info");
    EXPECT_EQ(lines[0]["msg"], "delivered");
    EXPECT_EQ(lines[0]["job"], "j1");
    EXPECT_EQ(lines[0]["ms"], 5);
    EXPECT_EQ(lines[0]["fine"], true);
    EXPECT_FALSE(lines[0].contains("left out"));
    EXPECT_EQ(lines[0]["text"], "a\"b\\c\n\x1b[31m\uFFFD ü whsec_[redacted]");
    EXPECT_EQ(lines[0]["ts"].get<std::string>().size(), 27u);
}

TEST(Log, AReaderThatStallsCostsLinesAndNoTime) {
    const Pipe pipe;
    Log log(Level::info, pipe.ends[1]);
    const std::string text(1000, 'x');
    const Instant began = Clock::now();
    for (std::int64_t n = 1; n <= 5000; ++n) log.info("line", {{"n", n}, {"text", text}});
    log.flush();
    EXPECT_LT(Clock::now() - began, Seconds(5));
    EXPECT_TRUE(log.waiting());
    std::string heard;
    while (log.waiting()) {
        heard += pipe.read_all();
        log.flush();
    }
    heard += pipe.read_all();
    log.info("line", {{"n", std::int64_t{5001}}});
    log.flush();
    heard += pipe.read_all();
    std::int64_t kept = 0;
    std::int64_t lost = 0;
    for (const auto& line : lines_of(heard)) {
        if (line.contains("lines")) lost += line["lines"].get<std::int64_t>();
        if (line.contains("n")) ++kept;
    }
    EXPECT_GT(lost, 1000);
    EXPECT_EQ(kept + lost, 5001) << "every line is heard or counted";
}

TEST(Log, AFullDiskIsToldOfOnceThereIsRoom) {
    const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full < 0) GTEST_SKIP() << "no /dev/full";
    Log log(Level::info, full);
    for (int n = 0; n < 10; ++n) log.warning("lost");
    const Pipe pipe;
    ASSERT_EQ(dup2(pipe.ends[1], full), full);
    log.warning("heard");
    const auto lines = lines_of(pipe.read_all());
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[0]["lines"], 10);
    EXPECT_EQ(lines[1]["msg"], "heard");
    close(full);
}

TEST(Log, SurvivesAReaderThatIsGone) {
    signal(SIGPIPE, SIG_IGN);
    Pipe pipe;
    Log log(Level::info, pipe.ends[1]);
    pipe.close_reader();
    for (int n = 0; n < 1000; ++n) log.warning("nobody hears");
    EXPECT_FALSE(log.waiting());
    Log nowhere(Level::info, -1);
    nowhere.warning("no descriptor");
    EXPECT_FALSE(nowhere.waiting());
}
