// The server's own keys, for what the database itself must check or sign. They are in one file that only the
// server's user reads; SQL can use them through functions of this library and never see one.
#pragma once

#include "core/vault.hpp"
#include "pg/pg.hpp"

namespace sentinel {

// Define sentinel.key_file. Called once, when the library is loaded.
void define_key_setting();

// The keys, read at first use and again when the file was changed. Valid until the next call.
// Throws 55000 when there is no file or it may not be used.
const core::Vault& server_vault();

// What a server-side secret belongs to: purpose takes the place of table and column.
core::Binding server_binding(const pg_uuid_t& org, std::string_view purpose, const pg_uuid_t& subject,
                             int32 version);

}  // namespace sentinel
