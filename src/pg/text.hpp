// Text between the server and C++.
#pragma once

#include "pg/door.hpp"

namespace sentinel::pg {

// View the bytes of a text argument. Detoasts; the view lives as long as the current memory context.
std::string_view view(Datum text_datum);

// Make a text datum. Allocates in the current memory context; raises out of memory as a server error.
Datum text_datum(std::string_view value);

// Give a NUL-terminated copy of value in the current memory context.
char* c_string(std::string_view value);

}  // namespace sentinel::pg
