#include "pg/spi.hpp"

namespace sentinel::pg {

bool plan_each_call = false;

Spi::Spi() {
    if (server([] { return SPI_connect(); }) != SPI_OK_CONNECT) throw Failure("XX000", "SPI_connect failed");
}

void Spi::finish() {
    server([] { return SPI_finish(); });
}

uint64 Statement::run(const Datum* values, const char* nulls, long limit) {
    SPIPlanPtr& kept = plan_each_call ? plan_of_call : plan;
    if (kept == nullptr) {
        const int how = plan_each_call ? CURSOR_OPT_CUSTOM_PLAN : CURSOR_OPT_GENERIC_PLAN;
        kept = server([&] {
            SPIPlanPtr prepared = SPI_prepare_cursor(sql, type_count, const_cast<Oid*>(types), how);
            if (prepared != nullptr && SPI_keepplan(prepared) != 0) prepared = nullptr;
            return prepared;
        });
        if (kept == nullptr) throw Failure("XX000", "SPI_prepare failed");
    }
    int code =
        server([&] { return SPI_execute_plan(kept, const_cast<Datum*>(values), nulls, false, limit); });
    if (code < 0)
        throw Failure("XX000", std::string("SPI_execute_plan failed: ") + SPI_result_code_string(code));
    return SPI_processed;
}

std::optional<Datum> cell(uint64 row, int column) {
    bool is_null = false;
    Datum value = server(
        [&] { return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &is_null); });
    if (is_null) return std::nullopt;
    return value;
}

std::string text_cell(uint64 row, int column) {
    char* value =
        server([&] { return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column); });
    return value == nullptr ? std::string() : std::string(value);
}

ItemPointerData tid_cell(uint64 row, int column) {
    return *static_cast<ItemPointerData*>(static_cast<void*>(DatumGetPointer(*cell(row, column))));
}

}  // namespace sentinel::pg
