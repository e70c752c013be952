// Whether sentinel.install() has made the tables that this library's code expects.
#pragma once

#include "pg/door.hpp"

namespace sentinel {

// Raise SN001 unless the installed schema is as new as the library. One catalog look-up per session; may open
// SPI.
void require_installed();

}  // namespace sentinel
