// Whether sentinel.install() has made the tables that this library's code expects.
#pragma once

#include "pg/door.hpp"

namespace sentinel {

// Raise SN001 unless the installed schema is as new as the library. One catalog look-up per session, and
// again after a function was changed, as by ALTER EXTENSION; may open SPI.
void require_installed();

// Let changes of functions bring that look-up about. Called when the library is loaded.
void watch_functions();

}  // namespace sentinel
