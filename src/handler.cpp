// Room jobs: run a handler for one claimed job, as the organisation of the job and within its time limit.
#include "identity.hpp"
#include "install.hpp"
#include "pg/function.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

using sentinel::Failure;
namespace pg = sentinel::pg;

namespace {

const Oid kHeldTypes[] = {UUIDOID, UUIDOID, INT8OID};

pg::Statement held_job = {
    "SELECT r.job_type, t.handler, r.payload,"
    " (pg_catalog.date_part('epoch', t.time_limit) OPERATOR(pg_catalog.*) 1000)::pg_catalog.int4"
    " FROM sentinel.job_running r JOIN sentinel.job_types t ON t.job_type OPERATOR(pg_catalog.=) r.job_type"
    " WHERE r.org_id OPERATOR(pg_catalog.=) $1 AND r.id OPERATOR(pg_catalog.=) $2"
    " AND r.lease OPERATOR(pg_catalog.=) $3 AND t.kind OPERATOR(pg_catalog.=) 'sql'",
    3, kHeldTypes};

TimeoutId handler_timeout = MAX_TIMEOUTS;
volatile sig_atomic_t time_limit_passed = 0;

// Signal handler of the timer: ask for a cancel, as statement_timeout does.
void on_time_limit() {
    time_limit_passed = 1;
    InterruptPending = 1;
    QueryCancelPending = 1;
    SetLatch(MyLatch);
}

// Run the timer for a scope. Stops it on every path, also when a server error unwinds.
class TimeLimit {
 public:
    explicit TimeLimit(int milliseconds) {
        pg::server([&] {
            if (handler_timeout == MAX_TIMEOUTS)
                handler_timeout = RegisterTimeout(USER_TIMEOUT, on_time_limit);
            time_limit_passed = 0;
            enable_timeout_after(handler_timeout, milliseconds);
        });
    }
    ~TimeLimit() { disable_timeout(handler_timeout, false); }
    TimeLimit(const TimeLimit&) = delete;
    TimeLimit& operator=(const TimeLimit&) = delete;
};

// Call handler(job_id, payload). The result is a copy in the context that was current before.
Datum call_handler(Oid handler, Datum job, Datum payload, bool& is_null) {
    return pg::server([&] {
        FmgrInfo function;
        LOCAL_FCINFO(call, 2);
        fmgr_info(handler, &function);
        InitFunctionCallInfoData(*call, &function, 2, InvalidOid, nullptr, nullptr);
        call->args[0].value = job;
        call->args[0].isnull = false;
        call->args[1].value = payload;
        call->args[1].isnull = false;
        Datum result = FunctionCallInvoke(call);
        is_null = call->isnull;
        return result;
    });
}

}  // namespace

SENTINEL_FUNCTION(sentinel_run_handler) {
    sentinel::require_installed();
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
        throw Failure("22004", "run_handler needs an organisation, a job and a lease");
    pg_uuid_t org = *PG_GETARG_UUID_P(0);
    MemoryContext outer = CurrentMemoryContext;

    // Settings made for the handler end with it, on the error path through the subtransaction's abort.
    int level = pg::server([] { return NewGUCNestLevel(); });
    sentinel::set_identity(&org, nullptr, nullptr, nullptr, true);
    pg::server([] {
        set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                          true, 0, false);
    });

    pg::Spi spi;
    Datum keys[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), PG_GETARG_DATUM(2)};
    if (held_job.run(keys) == 0)
        throw Failure(sentinel::kLeaseLost, "this lease of the job is not held",
                      "A handler runs for a claimed job of an sql job type.", "Claim the job first.");
    std::string job_type = pg::text_cell(0, 1);
    std::string handler_name = pg::text_cell(0, 2) + "(uuid,jsonb)";
    Datum payload = *pg::cell(0, 3);
    int limit = DatumGetInt32(*pg::cell(0, 4));

    const Oid handler = pg::function_oid(handler_name.c_str());
    if (!OidIsValid(handler))
        throw Failure("42883", "no handler function " + handler_name,
                      "job type \"" + job_type + "\" names it",
                      "SELECT sentinel.register_job_type(...) again with a function that exists.");
    if (!pg::may_call(handler))
        throw Failure("42501", "sentinel_owner may not execute " + handler_name,
                      "Handlers run as sentinel_owner.",
                      "GRANT EXECUTE ON FUNCTION " + handler_name + " TO sentinel_owner;");

    bool is_null = false;
    Datum result = 0;
    {
        TimeLimit timer(limit);
        try {
            result = call_handler(handler, PG_GETARG_DATUM(1), payload, is_null);
        } catch (const pg::ServerError&) {
            if (time_limit_passed == 0) throw;
            // Nothing goes on after this: the cancel that the timer asked for is told as what it was.
            pg::replace_server_error();
            throw Failure(sentinel::kTimeLimit, "handler ran longer than " + std::to_string(limit) + " ms",
                          "That is the time limit of job type \"" + job_type + "\".",
                          "Do less in one job, or register the type again with a longer time_limit.");
        }
    }
    // The timer may have gone off in the last instant: that cancel is not the next statement's.
    if (time_limit_passed != 0) QueryCancelPending = 0;

    Datum kept = 0;
    if (!is_null)
        kept = pg::server([&] {
            MemoryContext inner = MemoryContextSwitchTo(outer);
            Datum copy = PointerGetDatum(PG_DETOAST_DATUM_COPY(result));
            MemoryContextSwitchTo(inner);
            return copy;
        });
    spi.finish();
    pg::server([&] { AtEOXact_GUC(true, level); });
    if (is_null) PG_RETURN_NULL();
    return kept;
}
