#include "pg/text.hpp"

namespace sentinel::pg {

std::string_view view(Datum datum) {
    text* value = server([&] { return DatumGetTextPP(datum); });
    return {VARDATA_ANY(value), static_cast<size_t>(VARSIZE_ANY_EXHDR(value))};
}

Datum text_datum(std::string_view value) {
    return server([&] {
        return PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size())));
    });
}

char* c_string(std::string_view value) {
    return server([&] { return pnstrdup(value.data(), value.size()); });
}

}  // namespace sentinel::pg
