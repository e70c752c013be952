// What the server calls when it loads the library.
#include "distribution.hpp"
#include "identity.hpp"
#include "install.hpp"
#include "lanes.hpp"
#include "new_jobs.hpp"
#include "open_queues.hpp"
#include "rate_limits.hpp"
#include "routes.hpp"
#include "server_keys.hpp"
#include "wake.hpp"

extern "C" {
#if PG_VERSION_NUM >= 180000
PG_MODULE_MAGIC_EXT(.name = "sentinel", .version = SENTINEL_VERSION);
#else
PG_MODULE_MAGIC;
#endif

void _PG_init(void);  // NOLINT(bugprone-reserved-identifier): the name is the server's

void _PG_init(void) {  // NOLINT(bugprone-reserved-identifier)
    sentinel::define_identity_settings();
    sentinel::define_key_setting();
    sentinel::queue::define_settings();
    sentinel::queue::watch_job_types();
    sentinel::queue::watch_queues();
    sentinel::queue::watch_rollbacks();
    sentinel::watch_functions();
    sentinel::gateway::watch_limits();
    sentinel::gateway::watch_routes();
    sentinel::watch_distribution();
    MarkGUCPrefixReserved("sentinel");
}
}

SENTINEL_FUNCTION(sentinel_version) {
    return sentinel::pg::server([] { return CStringGetTextDatum(SENTINEL_VERSION); });
}
