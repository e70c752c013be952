// The boundary under test: each kind of failure that C++ code can meet. Not part of the extension's SQL; a
// test names this function by hand.
#include "pg/spi.hpp"
#include "pg/text.hpp"

SENTINEL_FUNCTION(sentinel_boundary_probe) {
    std::string kind(sentinel::pg::view(PG_GETARG_DATUM(0)));
    std::vector<std::string> on_the_way(1000, std::string(100, 'x'));  // leaks if a frame is jumped over
    if (kind == "exception") throw std::runtime_error("thrown by the probe");
    if (kind == "bad_alloc") throw std::bad_alloc();
    if (kind == "not an exception") throw 42;
    if (kind == "failure")
        throw sentinel::Failure(sentinel::kInvalidInput, "invalid probe", "the rule", "a good value");
    if (kind == "long message") throw std::runtime_error(std::string(5000, 'm') + std::string(1000, '\xc3'));
    if (kind == "server error") {
        static sentinel::pg::Statement division = {"SELECT 1 / 0", 0, nullptr};
        sentinel::pg::Spi spi;
        division.run(nullptr);
    }
    if (kind == "swallowed") {
        try {
            sentinel::pg::server(
                [] { ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("must not be lost"))); });
        } catch (const sentinel::pg::ServerError&) {
        }
    }
    if (kind == "cancel")
        for (;;) {
            sentinel::pg::server([] { CHECK_FOR_INTERRUPTS(); });
            sentinel::pg::server([] { pg_usleep(1000); });
        }
    PG_RETURN_INT32(static_cast<int32>(on_the_way.size()));
}
