// What the role outside all SECURITY DEFINER functions, or the member entered, may do.
#pragma once

namespace sentinel {

// Throw SN003 unless the role is an administrator, or a worker or scheduler that works for all organisations.
void require_engine();

// Throw SN003 when the member entered only reads.
void require_contributor();

}  // namespace sentinel
