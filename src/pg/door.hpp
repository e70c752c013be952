// The two doors between C++ and the server. Doctrine:
//  * every function the server can call is declared with SENTINEL_FUNCTION, so that no C++ exception leaves
//  it;
//  * every server call that can raise an error is made inside server([&] { ... }), and nothing in that lambda
//  has a
//    destructor, because an error leaves it by longjmp;
//  * nobody else catches (...) and nobody uses PG_TRY. To go on after an error, open a subtransaction in SQL.
// A server error keeps its own error data on the server's stack while ServerError flies through the C++
// frames; the entry door resumes it when the last C++ frame is gone. Nothing is copied, nothing can be lost.
#pragma once

#include "pg/failure.hpp"
#include "pg/pg.hpp"

namespace sentinel::pg {

// Mark a server error crossing C++ frames. Deliberately no std::exception: only the entry door catches it.
struct ServerError {};

// True from the moment a server error enters C++ until the entry door resumes it.
inline bool server_error_in_flight = false;

// Call the server from C++. An ereport(ERROR) inside f unwinds the C++ frames above as ServerError. Cost:
// about 4 ns.
template <class F>
auto server(F&& f) -> decltype(f()) {
    struct Restore {
        sigjmp_buf* stack = PG_exception_stack;
        ErrorContextCallback* context = error_context_stack;
        ~Restore() {
            PG_exception_stack = stack;
            error_context_stack = context;
        }
    } restore;

    sigjmp_buf here;
    if (sigsetjmp(here, 0) == 0) {
        PG_exception_stack = &here;
        return f();
    }
    server_error_in_flight = true;
    throw ServerError{};
}

// Drop the server error in flight because the caller throws a better one at once. Not a way to go on: the
// transaction is broken until the abort that the next error brings.
inline void replace_server_error() {
    server_error_in_flight = false;
    FlushErrorState();
}

// What the entry door needs to raise an error when no C++ object is left. Fixed size: filling it cannot fail.
struct Report {
    bool resume = false;
    char sqlstate[6] = "XX000";
    char message[1024] = "";
    char detail[1024] = "";
    char hint[1024] = "";
};

// Fill a report from the exception in flight. Call only inside a catch block.
void describe_exception(Report& report) noexcept;

// Raise the report as a server error; never returns. Call only when no C++ frame with a destructor is below.
[[noreturn]] void raise(const Report& report, MemoryContext context);

// Call C++ from the server. Body may throw anything; the server sees an ordinary error with its true
// SQLSTATE.
template <Datum (*Body)(FunctionCallInfo)>
Datum entry(FunctionCallInfo fcinfo) {
    MemoryContext context = CurrentMemoryContext;
    Report report;
    try {
        Datum result = Body(fcinfo);
        if (!server_error_in_flight) return result;
        report.resume =
            true;  // somebody swallowed a server error: the transaction is broken, so it must surface
    } catch (...) {
        describe_exception(report);
    }
    raise(report, context);
}

}  // namespace sentinel::pg

// Define an SQL-callable function. The name must begin with sentinel_, or the linker script hides it.
#define SENTINEL_FUNCTION(name)                          \
    static Datum name##_body(FunctionCallInfo fcinfo);   \
    extern "C" {                                         \
    PG_FUNCTION_INFO_V1(name);                           \
    PGDLLEXPORT Datum name(PG_FUNCTION_ARGS);            \
    Datum name(PG_FUNCTION_ARGS) {                       \
        return sentinel::pg::entry<name##_body>(fcinfo); \
    }                                                    \
    }                                                    \
    static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
