// Host names become addresses in another thread, and the name stays what the certificate is checked against.
#include "engine/hosts.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>

using namespace sentinel::worker;

namespace {

bool wait_for(Hosts& hosts) {
    pollfd one{hosts.descriptor(), POLLIN, 0};
    if (poll(&one, 1, 20'000) != 1) return false;
    return hosts.ended();
}

}  // namespace

TEST(Hosts, OnlyNamesAreLookedUp) {
    unsetenv("PGHOST");
    unsetenv("PGHOSTADDR");
    for (const char* text :
         {"dbname=x", "host=/run/postgresql dbname=x", "host=@abstract", "host=10.0.0.1", "host=::1",
          "host=db.example hostaddr=10.0.0.1", "service=crm", "postgresql:///x",
          "postgresql://[fd00::1]:5433/x", "host=10.0.0.1,/tmp", "host=a,b port=1,2,3"}) {
        EXPECT_FALSE(Hosts(text).named()) << text;
    }
    for (const char* text :
         {"host=db.example", "postgresql://u@db.example:5433/x", "host=10.0.0.1,db.example"}) {
        EXPECT_TRUE(Hosts(text).named()) << text;
    }
    setenv("PGHOST", "db.example", 1);
    EXPECT_TRUE(Hosts("dbname=x").named());
    EXPECT_FALSE(Hosts("host=/tmp").named());
    unsetenv("PGHOST");
}

TEST(Hosts, GivesEveryAddressBesideItsName) {
    Hosts hosts("host=/tmp,localhost,10.0.0.1 port=1,2,3");
    ASSERT_TRUE(hosts.named());
    hosts.look_up();
    hosts.look_up();  // one that is under way is waited for
    ASSERT_TRUE(wait_for(hosts));
    EXPECT_EQ(hosts.descriptor(), -1);
    const auto& places = hosts.places();
    ASSERT_GE(places.size(), 3u) << hosts.problem();
    EXPECT_EQ(places.front().host, "/tmp");
    EXPECT_EQ(places.front().address, "");
    EXPECT_EQ(places.back().host, "10.0.0.1");
    EXPECT_EQ(places.back().port, "3");
    EXPECT_TRUE(std::any_of(places.begin(), places.end(), [](const Place& one) {
        return one.host == "localhost" && one.port == "2" &&
               (one.address == "127.0.0.1" || one.address == "::1");
    }));
}

TEST(Hosts, SaysWhichNameIsUnknown) {
    Hosts hosts("host=no-such-host.invalid");
    hosts.look_up();
    ASSERT_TRUE(wait_for(hosts));
    EXPECT_TRUE(hosts.places().empty());
    EXPECT_EQ(hosts.problem().find("no-such-host.invalid: "), 0u) << hosts.problem();
}

TEST(Hosts, ListsBeginWithAnotherPlaceEachTime) {
    const std::vector<Place> places{{"a", "10.0.0.1", "1"}, {"a", "10.0.0.2", "1"}, {"/tmp", "", "2"}};
    const PlaceLists first = to_lists(places, 0);
    EXPECT_EQ(first.hosts, "a,a,/tmp");
    EXPECT_EQ(first.addresses, "10.0.0.1,10.0.0.2,");
    EXPECT_EQ(first.ports, "1,1,2");
    EXPECT_EQ(to_lists(places, 4).addresses, "10.0.0.2,,10.0.0.1");
}
