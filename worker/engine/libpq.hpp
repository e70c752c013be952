// Include libpq here and nowhere else, and own its handles.
#pragma once

#include <libpq-fe.h>

#include <memory>

namespace sentinel::worker {

struct CloseConnection {
    void operator()(PGconn* p) const noexcept { PQfinish(p); }
};
struct ClearResult {
    void operator()(PGresult* p) const noexcept { PQclear(p); }
};
struct FreeOptions {
    void operator()(PQconninfoOption* p) const noexcept { PQconninfoFree(p); }
};

using ConnectionPtr = std::unique_ptr<PGconn, CloseConnection>;
using ResultPtr = std::unique_ptr<PGresult, ClearResult>;
using OptionsPtr = std::unique_ptr<PQconninfoOption, FreeOptions>;

}  // namespace sentinel::worker
