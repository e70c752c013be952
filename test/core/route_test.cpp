#include "core/route.hpp"

#include <gtest/gtest.h>

using namespace sentinel::core;

namespace {

RouteTable table() {
    RouteTable routes;
    routes.add("GET", "/deals");                             // 0
    routes.add("POST", "/deals");                            // 1
    routes.add("GET", "/deals/search");                      // 2
    routes.add("GET", "/deals/{deal_id}");                   // 3
    routes.add("PATCH", "/deals/{deal_id}");                 // 4
    routes.add("POST", "/deals/{deal_id}/notes/{note_id}");  // 5
    routes.add("POST", "/webhook/ghl/inbound_sms");          // 6
    routes.add("POST", "/webhook/{vendor}/{org_id}");        // 7
    return routes;
}

int route_of(std::string_view method, std::string_view path) {
    const RouteTable routes = table();
    const auto found = routes.find(method, path);
    return found ? static_cast<int>(found->route) : -1;
}

}  // namespace

TEST(RouteTable, FindsTheRouteOfAMethodAndAPath) {
    EXPECT_EQ(route_of("GET", "/deals"), 0);
    EXPECT_EQ(route_of("POST", "/deals"), 1);
    EXPECT_EQ(route_of("PATCH", "/deals/7"), 4);
    EXPECT_EQ(route_of("POST", "/deals/7/notes/8"), 5);
}

TEST(RouteTable, PrefersWordsToNames) {
    EXPECT_EQ(route_of("GET", "/deals/search"), 2);
    EXPECT_EQ(route_of("POST", "/webhook/ghl/inbound_sms"), 6);
    EXPECT_EQ(route_of("POST", "/webhook/ghl/other"), 7);
}

TEST(RouteTable, PrefersTheMethodToWords) {
    EXPECT_EQ(route_of("PATCH", "/deals/search"), 4);
}

TEST(RouteTable, TakesApiBeforeAndASlashBehindAPath) {
    EXPECT_EQ(route_of("GET", "/api/deals"), 0);
    EXPECT_EQ(route_of("GET", "/api/deals/"), 0);
    EXPECT_EQ(route_of("GET", "/deals/"), 0);
    EXPECT_EQ(route_of("GET", "/apideals"), -1);
    EXPECT_EQ(route_of("GET", "/api/api/deals"), -1);
}

TEST(RouteTable, FindsNothingForAPathThatNothingFits) {
    for (const char* path : {"", "/", "//", "/api", "/api/", "deals", "/deal", "/dealsx", "/Deals", "//deals",
                             "/deals//notes/8", "/deals/7/notes", "/deals/7/notes/8/9", "/de%61ls"})
        EXPECT_EQ(route_of("GET", path), -1) << path;
    EXPECT_EQ(route_of("GET", std::string(100000, '/')), -1);
}

TEST(RouteTable, TellsOtherMethodsOfThePath) {
    const RouteTable routes = table();
    const auto found = routes.find("DELETE", "/deals/search");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->methods, (std::vector<std::string_view>{"GET", "PATCH"}));
}

TEST(RouteTable, GivesTheSegmentsThatNamesStandFor) {
    const RouteTable routes = table();
    const auto found = routes.find("POST", "/api/deals/a%2Fb/notes/{x}/");
    ASSERT_TRUE(found);
    ASSERT_EQ(found->params.size(), 2U);
    EXPECT_EQ(found->params[0], (std::pair<std::string_view, std::string_view>{"deal_id", "a%2Fb"}));
    EXPECT_EQ(found->params[1], (std::pair<std::string_view, std::string_view>{"note_id", "{x}"}));
}

TEST(UrlDecode, ReadsTwoHexadecimalDigits) {
    EXPECT_EQ(url_decode("a%20b+c%C3%bc"), "a b+c\xC3\xBC");
    EXPECT_EQ(url_decode("%00").value_or("-"), std::string(1, '\0'));
    EXPECT_EQ(url_decode(""), "");
    EXPECT_EQ(url_decode("a%"), std::nullopt);
    EXPECT_EQ(url_decode("a%2"), std::nullopt);
    EXPECT_EQ(url_decode("%zz"), std::nullopt);
}
