// Name what the worker shares with the server's library: bytes as text, secrets, keys and envelopes.
#pragma once

#include "core/encoding.hpp"
#include "core/keyring.hpp"
#include "core/secret.hpp"
#include "core/vault.hpp"

namespace sentinel::worker {

using core::Binding;
using core::Bytes;
using core::Keyring;
using core::Redactor;
using core::Secret;
using core::Vault;

using core::create_key_file;
using core::expand_credentials;
using core::from_base64;
using core::from_hex;
using core::redact_patterns;
using core::to_array;
using core::to_base64;
using core::to_hex;
using core::to_printable;
using core::to_uuid;
using core::wipe;

}  // namespace sentinel::worker
