// Read one row of sentinel.http_requests().
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/clock.hpp"
#include "engine/shared.hpp"
#include "engine/session.hpp"

namespace sentinel::worker {

struct SealedSecret {
    std::string id;
    std::string purpose;  // slack_url, webhook_key, enrichment_key, model_key
    std::string version;
    Bytes envelope;
};

struct Request {
    std::string job;
    std::int64_t lease = 0;
    std::string org;
    std::string kind;  // slack, webhook, enrichment, model, jwks
    std::string target;
    std::string url;
    std::string message_id;
    std::string body;
    std::string content_type;
    std::vector<SealedSecret> secrets;  // newest first
    std::int64_t asked_at = 0;  // unix seconds by the database's clock when it gave this row; 0: unknown
    Instant read_at{};          // when we read it

    // Unix seconds by the database's clock. Ours may be an hour off, and then no receiver would take a
    // signature; the database's is the one that all workers share. otherwise: where it is unknown.
    std::int64_t now(std::int64_t otherwise) const;
};

// The statement whose rows read_request() takes; parameters: jobs uuid[], leases bigint[].
extern const char* const kRequestsStatement;

// What does not read well (an envelope that is not hex, say) is left empty and fails where it is used.
Request read_request(const Reply& reply, int row);

}  // namespace sentinel::worker
