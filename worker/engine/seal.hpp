// Seal a secret from standard input for the database: the only way in that leaves no plain text in its log.
#pragma once

#include <string>

namespace sentinel::worker {

struct SealOrder {
    std::string org;      // uuid
    std::string secret;   // uuid
    std::string version;  // whole number from 1
    std::string key_file;
    bool store = false;    // call sentinel.store_secret() as well
    std::string database;  // with store
    std::string purpose;   // slack_url, webhook_key, enrichment_key or model_key; needed with store
    std::string target;    // uuid; needed with store
};

// Prints the envelope as lower-case hex, or stores it. Returns the exit status; faults go to standard error.
int seal_from_stdin(const SealOrder& order);

}  // namespace sentinel::worker
