#include "pg/door.hpp"

namespace sentinel::pg {

namespace {

void copy(char (&to)[1024], const char* from) noexcept {
    std::snprintf(to, sizeof to, "%s", from);
}

}  // namespace

void describe_exception(Report& report) noexcept {
    try {
        throw;
    } catch (const ServerError&) {
        report.resume = true;
    } catch (const Failure& failure) {
        std::snprintf(report.sqlstate, sizeof report.sqlstate, "%s", failure.sqlstate.c_str());
        copy(report.message, failure.message.c_str());
        copy(report.detail, failure.detail.c_str());
        copy(report.hint, failure.hint.c_str());
    } catch (const std::bad_alloc&) {
        std::snprintf(report.sqlstate, sizeof report.sqlstate, "53200");
        copy(report.message, "out of memory");
    } catch (const std::exception& exception) {
        copy(report.message, exception.what());
    } catch (...) {
        copy(report.message, "unknown C++ exception");
    }
}

// Cut a text that snprintf may have clipped in the middle of a multi-byte character.
static const char* whole_characters(char* text) {
    int length = static_cast<int>(strlen(text));
    text[pg_mbcliplen(text, length, length)] = '\0';
    return text;
}

void raise(const Report& report, MemoryContext context) {
    if (report.resume) {
        server_error_in_flight = false;
        PG_RE_THROW();
    }
    MemoryContextSwitchTo(context);
    Report copy_of = report;
    const char* state = copy_of.sqlstate;
    ereport(ERROR, (errcode(MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4])),
                    errmsg("%s", whole_characters(copy_of.message)),
                    copy_of.detail[0] != '\0' ? errdetail("%s", whole_characters(copy_of.detail)) : 0,
                    copy_of.hint[0] != '\0' ? errhint("%s", whole_characters(copy_of.hint)) : 0));
    pg_unreachable();
}

}  // namespace sentinel::pg
