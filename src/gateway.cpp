// Room gateway: what it looks at before anything is parsed.
#include "core/json_scan.hpp"
#include "pg/text.hpp"

namespace pg = sentinel::pg;

SENTINEL_FUNCTION(sentinel_json_fault) {
    const std::string fault = sentinel::core::json_fault(pg::view(PG_GETARG_DATUM(0)));
    if (fault.empty()) PG_RETURN_NULL();
    return pg::text_datum(fault);
}

SENTINEL_FUNCTION(sentinel_hide_parameters) {
    for (const char* setting : {"log_parameter_max_length", "log_parameter_max_length_on_error"})
        pg::server([&] {
            return set_config_option(setting, "0", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
        });
    PG_RETURN_VOID();
}
