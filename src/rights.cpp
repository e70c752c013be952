#include "rights.hpp"

#include "identity.hpp"

namespace sentinel {

void require_engine() {
    Oid caller = GetOuterUserId();
    bool allowed = pg::server([&] {
        if (superuser_arg(caller)) return true;
        for (const char* name : {"sentinel_admin", "sentinel_worker"}) {
            Oid role = get_role_oid(name, true);
            if (OidIsValid(role) && has_privs_of_role(caller, role)) return true;
        }
        return false;
    });
    if (!allowed)
        throw Failure(kNotAllowed, "this role works in the organisation it has entered only",
                      "Work for another organisation is for administrators and workers.",
                      "SELECT sentinel.enter(org_id); then leave the organisation out.");
}

void require_contributor() {
    if (is_viewer())
        throw Failure(kNotAllowed, "a viewer only reads", "The member entered has the role \"viewer\".",
                      "Ask an admin of the organisation for the role member.");
}

}  // namespace sentinel

SENTINEL_FUNCTION(sentinel_require_engine) {
    sentinel::require_engine();
    PG_RETURN_VOID();
}

SENTINEL_FUNCTION(sentinel_require_contributor) {
    sentinel::require_contributor();
    PG_RETURN_VOID();
}
