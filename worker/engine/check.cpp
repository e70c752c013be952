#include "engine/check.hpp"

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "engine/database.hpp"
#include "engine/shared.hpp"
#include "engine/process.hpp"

namespace sentinel::worker {
namespace {

constexpr int kOldestServer = 150000;
constexpr int kConnections = 4;  // that a worker holds: listen, work, results, runner
constexpr const char* kNeeded[] = {"claim",     "http_requests", "finish_http", "release",
                                   "heartbeat", "worker_hello",  "tick",        "run_jobs"};

struct FreeStore {
    void operator()(X509_STORE* p) const noexcept { X509_STORE_free(p); }
};

void check_ca_file(const Config& config, std::vector<std::string>& problems) {
    if (config.ca_file.empty()) return;
    if (access(config.ca_file.c_str(), R_OK) != 0) {
        problems.push_back("ca_file: cannot read " + config.ca_file + ": " + std::strerror(errno) +
                           "; leave it out for the system's certificates");
        return;
    }
    const std::unique_ptr<X509_STORE, FreeStore> store(X509_STORE_new());
    if (!store || X509_STORE_load_file(store.get(), config.ca_file.c_str()) != 1) {
        problems.push_back("ca_file: " + config.ca_file + " holds no PEM certificate");
    }
}

void check_limits(const Config& config, std::vector<std::string>& problems) {
    const std::int64_t limit = descriptor_limit();
    const std::int64_t most = (limit - 64) / 2;
    if (config.all_slots() > most) {
        problems.push_back("slots: " + std::to_string(config.all_slots()) + " in all, but with " +
                           std::to_string(limit) + " open files (ulimit -n) at most " + std::to_string(most) +
                           " are safe; raise LimitNOFILE= or lower the slots");
    }
}

Reply ask(PGconn* connection, const char* sql, const char* parameter = nullptr) {
    return Reply(ResultPtr(PQexecParams(connection, sql, parameter != nullptr ? 1 : 0, nullptr, &parameter,
                                        nullptr, nullptr, 0)));
}

void check_rights(PGconn* connection, std::vector<std::string>& problems) {
    for (const char* name : kNeeded) {
        const Reply reply =
            ask(connection,
                "SELECT pg_catalog.has_function_privilege(p.oid, 'EXECUTE') "
                "FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
                "WHERE n.nspname = 'sentinel' AND p.proname = $1 ORDER BY 1 DESC LIMIT 1",
                name);
        const std::string role = PQuser(connection);
        if (!reply.ok()) {
            problems.push_back("database: " + reply.message());
        } else if (reply.rows() == 0) {
            problems.push_back(std::string("database: there is no function sentinel.") + name +
                               "; is the extension of this version installed?");
        } else if (reply.text(0, 0) != "t") {
            problems.push_back("database: role " + role + " may not call sentinel." + name +
                               "; make it a member of sentinel_worker");
        }
    }
}

void check_database(const Config& config, std::vector<std::string>& problems) {
    std::string why;
    const ConnectionPtr connection = connect_and_wait(config.database, why);
    if (!connection) {
        problems.push_back("database: cannot connect: " + why);
        return;
    }
    PGconn* const c = connection.get();
    if (PQserverVersion(c) < kOldestServer) {
        problems.push_back("database: the server is " + std::to_string(PQserverVersion(c) / 10000) +
                           "; PostgreSQL 15 or newer is needed");
    }
    const Reply facts = ask(c,
                            "SELECT pg_catalog.to_regnamespace('sentinel') IS NOT NULL, "
                            "rolsuper, rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = current_user");
    if (!facts.ok()) {
        problems.push_back("database: " + facts.message());
        return;
    }
    if (facts.text(0, 0) != "t") {
        problems.push_back("database: there is no schema sentinel in database " + std::string(PQdb(c)) +
                           "; CREATE EXTENSION sentinel CASCADE; SELECT sentinel.install();");
        return;
    }
    if (facts.text(0, 1) == "t") {
        problems.push_back("database: role " + std::string(PQuser(c)) +
                           " is a superuser; use a login role that is a member of sentinel_worker");
    }
    if (const auto limit = facts.number(0, 2); limit >= 0 && limit < kConnections) {
        problems.push_back("database: role " + std::string(PQuser(c)) + " may hold " + std::to_string(limit) +
                           " connections, each worker needs " + std::to_string(kConnections) +
                           "; ALTER ROLE ... CONNECTION LIMIT");
    }
    const Reply version = ask(c, "SELECT sentinel.version()");
    if (!version.ok()) {
        problems.push_back("database: sentinel.version(): " + version.message());
    } else if (version.text(0, 0) != SENTINEL_VERSION) {
        problems.push_back("database: the extension is version " + std::string(version.text(0, 0)) +
                           ", this worker is " SENTINEL_VERSION "; update the older of the two");
    }
    check_rights(c, problems);
}

}  // namespace

std::vector<std::string> check_surroundings(const Config& config) {
    std::vector<std::string> problems;
    if (!config.key_file.empty()) Keyring::read(config.key_file, problems);
    check_ca_file(config, problems);
    check_limits(config, problems);
    if (!config.database.empty()) check_database(config, problems);
    return problems;
}

}  // namespace sentinel::worker
