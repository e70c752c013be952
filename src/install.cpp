#include "install.hpp"

#include "distribution.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace sentinel {

namespace {

bool seen_installed = false;

pg::Statement table_exists = {"SELECT pg_catalog.to_regclass('sentinel.migration') IS NOT NULL", 0, nullptr};

// The schema is current when every migration that the extension carries is recorded and its triggers are
// there.
pg::Statement missing_migrations = {"SELECT sentinel.missing_migrations()", 0, nullptr};

[[noreturn]] void refuse(const char* message) {
    throw Failure(kNotInstalled, message,
                  "The extension carries functions; the tables are made by install().",
                  "SELECT sentinel.install();");
}

void forget_installed(Datum, int, uint32) {
    seen_installed = false;
}

}  // namespace

void watch_functions() {
    CacheRegisterSyscacheCallback(PROCOID, forget_installed, 0);
}

void require_installed() {
    if (seen_installed) {
        distributed();  // how statements are planned hangs on it
        return;
    }
    pg::Spi spi;
    table_exists.run(nullptr);
    if (!DatumGetBool(*pg::cell(0, 1))) refuse("sentinel is not installed in this database");
    missing_migrations.run(nullptr);
    if (DatumGetInt64(*pg::cell(0, 1)) > 0)
        refuse("the installed schema is older than the extension, or without its triggers");
    spi.finish();
    distributed();
    seen_installed = true;
}

}  // namespace sentinel

SENTINEL_FUNCTION(sentinel_require_installed) {
    sentinel::require_installed();
    PG_RETURN_VOID();
}

// Refuse every change of an append-only table: UPDATE and DELETE row triggers, TRUNCATE statement triggers.
SENTINEL_FUNCTION(sentinel_refuse_change) {
    if (!CALLED_AS_TRIGGER(fcinfo)) throw sentinel::Failure("39P01", "refuse_change() is a trigger function");
    auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
    const char* verb = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event)   ? "UPDATE"
                       : TRIGGER_FIRED_BY_DELETE(trigger->tg_event) ? "DELETE"
                                                                    : "TRUNCATE";
    std::string table = RelationGetRelationName(trigger->tg_relation);
    throw sentinel::Failure(
        sentinel::kAppendOnly, std::string(verb) + " of append-only table \"" + table + "\"",
        "What has happened is kept as it was recorded; rows are only added.", "Add a row that corrects it.");
}
