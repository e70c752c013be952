#include "pg/function.hpp"

namespace sentinel::pg {

Oid function_oid(const char* signature) {
    return server([&] {
        // Not DirectFunctionCall1(): to that a null is an error.
        LOCAL_FCINFO(call, 1);
        InitFunctionCallInfoData(*call, nullptr, 1, InvalidOid, nullptr, nullptr);
        call->args[0].value = CStringGetTextDatum(signature);
        call->args[0].isnull = false;
        const Datum found = to_regprocedure(call);
        return call->isnull ? InvalidOid : DatumGetObjectId(found);
    });
}

bool may_call(Oid function) {
    return server([&] {
#if PG_VERSION_NUM >= 160000
        return object_aclcheck(ProcedureRelationId, function, GetUserId(), ACL_EXECUTE) == ACLCHECK_OK;
#else
        return pg_proc_aclcheck(function, GetUserId(), ACL_EXECUTE) == ACLCHECK_OK;
#endif
    });
}

}  // namespace sentinel::pg
