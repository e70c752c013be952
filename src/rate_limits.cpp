// Room gateway, limits: token buckets. A row of request_buckets is one caller in one tier. Where many tokens
// come in a second a session takes a lease of them and gives out of its memory: the row is then written a few
// times a second and not with every request, and requests of one caller do not wait for each other's commit.
#include "rate_limits.hpp"

#include <sys/socket.h>

#include "core/token_bucket.hpp"
#include "pg/remembered.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

extern "C" {
#include "utils/fmgrprotos.h"
#include "utils/inet.h"
}

namespace sentinel::gateway {

namespace {

constexpr size_t kMostLeases = 4096;
constexpr int64 kLeaseLapses = USECS_PER_SEC;

struct Tier {
    core::BucketRule rule;
    bool by_caller = false;
};

// Never destroyed: the server calls it back as long as it runs.
pg::Remembered<Tier>& known_tiers() {
    static auto* all = new pg::Remembered<Tier>("rate_tiers");
    return *all;
}

struct Lease {
    int64 left = 0;
    int64 owed = 0;     // given out while another session held the row; paid with the next lease
    double in_row = 0;  // what the row kept, for the headers
    TimestampTz taken_at = 0;
};

// What a transaction that is rolled back brings back.
struct Change {
    Lease* lease;
    Lease before;
    SubTransactionId made_in;
};

std::map<std::string, Lease>& leases() {
    static auto* all = new std::map<std::string, Lease>;
    return *all;
}

std::vector<Change>& changes() {
    static auto* all = new std::vector<Change>;
    return *all;
}

// Subtransactions are counted up: those inside another come after it.
void roll_back(SubTransactionId ended) {
    while (!changes().empty() && changes().back().made_in >= ended) {
        *changes().back().lease = changes().back().before;
        changes().pop_back();
    }
}

void at_end(XactEvent event, void*) {
    if (event == XACT_EVENT_ABORT) roll_back(InvalidSubTransactionId);
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE) changes().clear();
}

void at_end_of_part(SubXactEvent event, SubTransactionId ended, SubTransactionId, void*) {
    if (event == SUBXACT_EVENT_ABORT_SUB) roll_back(ended);
}

const Oid kTierTypes[] = {TEXTOID};
pg::Statement find_tier = {
    "SELECT t.capacity, t.per_seconds, t.counts_by OPERATOR(pg_catalog.=) 'caller' FROM sentinel.rate_tiers t"
    " WHERE t.tier OPERATOR(pg_catalog.=) $1",
    1, kTierTypes};

const Oid kBucketTypes[] = {TEXTOID, TEXTOID, FLOAT8OID, TIMESTAMPTZOID};
pg::Statement look = {
    "SELECT b.tokens, b.updated_at FROM sentinel.request_buckets b"
    " WHERE b.bucket OPERATOR(pg_catalog.=) $1 AND b.tier OPERATOR(pg_catalog.=) $2",
    2, kBucketTypes};
pg::Statement lock_if_free = {
    "SELECT b.tokens, b.updated_at FROM sentinel.request_buckets b"
    " WHERE b.bucket OPERATOR(pg_catalog.=) $1 AND b.tier OPERATOR(pg_catalog.=) $2 FOR UPDATE SKIP LOCKED",
    2, kBucketTypes};
pg::Statement lock = {
    "SELECT b.tokens, b.updated_at FROM sentinel.request_buckets b"
    " WHERE b.bucket OPERATOR(pg_catalog.=) $1 AND b.tier OPERATOR(pg_catalog.=) $2 FOR UPDATE",
    2, kBucketTypes};
pg::Statement put = {
    "UPDATE sentinel.request_buckets SET tokens = $3, updated_at = $4"
    " WHERE bucket OPERATOR(pg_catalog.=) $1 AND tier OPERATOR(pg_catalog.=) $2",
    4, kBucketTypes};
pg::Statement add = {
    "INSERT INTO sentinel.request_buckets (bucket, tier, tokens, updated_at) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT ON CONSTRAINT request_buckets_pkey DO NOTHING",
    4, kBucketTypes};
// Who else makes the row of a bucket just now. A lock that strangers hold costs a lease, not the limit.
pg::Statement only_maker = {
    "SELECT pg_catalog.pg_try_advisory_xact_lock(7360, pg_catalog.hashtext($1 OPERATOR(pg_catalog.||) $2))",
    2, kBucketTypes};

Tier tier_of(std::string_view name) {
    if (const Tier* known = known_tiers().find(name)) return *known;
    Datum key = pg::text_datum(name);
    Tier tier;
    if (find_tier.run(&key) > 0)
        tier = {{DatumGetInt32(*pg::cell(0, 1)), DatumGetInt32(*pg::cell(0, 2))},
                DatumGetBool(*pg::cell(0, 3))};
    return known_tiers().keep(name, tier);
}

// One take of tokens out of the row.
class Bucket {
 public:
    Bucket(std::string_view tier, const core::BucketRule& rule, std::string_view whose, TimestampTz at)
        : tier_(tier), rule_(rule), at_(at) {
        arguments_[0] = pg::text_datum(whose);
        arguments_[1] = pg::text_datum(tier);
    }

    // Put the tokens of a lease that was not used up back and take as many as are asked for, or as there are.
    // With patience, wait for who holds the row. False when it is held. Throws SN429 when there is none.
    bool take(int64 wanted, int64 given_back, bool patient) {
        for (int attempt = 0; attempt < 3; attempt++) {
            const bool exists = look.run(arguments_) > 0;
            if (exists) refuse_without(given_back);
            in_row_ = exists ? available(given_back) : static_cast<double>(rule_.capacity);
            if (exists && (patient ? lock : lock_if_free).run(arguments_) > 0) {
                refuse_without(given_back);
                write(put, available(given_back), wanted);
                return true;
            }
            if (exists && !patient) return false;
            if (exists) continue;
            if (!patient && !is_only_maker()) return false;
            if (write(add, static_cast<double>(rule_.capacity), wanted)) return true;
        }
        throw Failure("40001", "another transaction has just changed this bucket",
                      "This transaction's snapshot is older.", "Try the transaction again.");
    }

    double in_row() const { return in_row_; }
    int64 taken() const { return taken_; }

 private:
    double available(int64 given_back) const {
        const TimestampTz updated_at = DatumGetTimestampTz(*pg::cell(0, 2));
        const double tokens = DatumGetFloat8(*pg::cell(0, 1)) + static_cast<double>(given_back);
        return core::refilled(rule_, tokens, at_ - updated_at);
    }

    void refuse_without(int64 given_back) const {
        const double tokens = available(given_back);
        if (core::has_token(tokens)) return;
        // A bucket that a clock ahead of ours has filled fills again when ours gets there.
        const TimestampTz ahead = std::max<TimestampTz>(0, DatumGetTimestampTz(*pg::cell(0, 2)) - at_);
        const int64 seconds =
            core::seconds_to_token(rule_, tokens) + (ahead + USECS_PER_SEC - 1) / USECS_PER_SEC;
        throw Failure(kRateLimited, "too many requests of the tier \"" + std::string(tier_) + "\"",
                      "The next comes in " + std::to_string(seconds) + " s; there are " +
                          std::to_string(rule_.capacity) + " per " + std::to_string(rule_.per_seconds) +
                          " s.",
                      "Wait as Retry-After says.");
    }

    bool is_only_maker() {
        only_maker.run(arguments_);
        return DatumGetBool(*pg::cell(0, 1));
    }

    bool write(pg::Statement& statement, double tokens, int64 wanted) {
        TimestampTz updated_at = at_;
        if (&statement == &put) updated_at = std::max(at_, DatumGetTimestampTz(*pg::cell(0, 2)));
        taken_ = std::min(wanted, std::max<int64>(1, static_cast<int64>(std::floor(tokens))));
        in_row_ = tokens - static_cast<double>(taken_);
        arguments_[2] = Float8GetDatum(in_row_);
        arguments_[3] = TimestampTzGetDatum(updated_at);
        return statement.run(arguments_) > 0;
    }

    std::string_view tier_;
    const core::BucketRule& rule_;
    TimestampTz at_;
    Datum arguments_[4] = {};
    double in_row_ = 0;
    int64 taken_ = 0;
};

Lease& lease_of(std::string_view tier, std::string_view whose) {
    std::string key = std::string(tier) + ' ' + std::string(whose);
    if (leases().size() >= kMostLeases && changes().empty() && leases().find(key) == leases().end())
        leases().clear();
    return leases()[std::move(key)];
}

// Take one token; gives what is left then.
double take(std::string_view name, const Tier& tier, std::string_view whose, TimestampTz at) {
    const int64 size = core::lease_size(tier.rule);
    Bucket bucket(name, tier.rule, whose, at);
    if (size == 1) {
        bucket.take(1, 0, true);
        return bucket.in_row();
    }
    Lease& lease = lease_of(name, whose);
    if (lease.left > 0 && at - lease.taken_at < kLeaseLapses) {
        lease.left--;
    } else if (bucket.take(size + lease.owed, lease.left, lease.owed >= size)) {
        changes().push_back({&lease, lease, GetCurrentSubTransactionId()});
        const int64 paid = std::min(lease.owed, bucket.taken() - 1);
        lease = {bucket.taken() - paid - 1, lease.owed - paid, bucket.in_row(), at};
    } else if (lease.left > 0) {
        lease.left--;
    } else {
        lease.owed++;
        lease.in_row = bucket.in_row();
    }
    return std::max(0.0, lease.in_row + static_cast<double>(lease.left - lease.owed));
}

// Whose bucket an address is: of IPv6 a network of 64 bits, which is what one client is given.
std::string bucket_of(const inet* peer) {
    if (peer == nullptr) return "address:local";
    static constexpr unsigned char kMapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    const unsigned char* bytes = ip_addr(peer);
    char text[64];
    if (ip_family(peer) == PGSQL_AF_INET6 && memcmp(bytes, kMapped, sizeof(kMapped)) != 0) {
        std::snprintf(text, sizeof(text), "address:%x:%x:%x:%x::/64", bytes[0] << 8 | bytes[1],
                      bytes[2] << 8 | bytes[3], bytes[4] << 8 | bytes[5], bytes[6] << 8 | bytes[7]);
        return text;
    }
    if (ip_family(peer) == PGSQL_AF_INET6) bytes += sizeof(kMapped);
    std::snprintf(text, sizeof(text), "address:%d.%d.%d.%d", bytes[0], bytes[1], bytes[2], bytes[3]);
    return text;
}

Datum headers(std::string_view name, const core::BucketRule& rule, double left) {
    const std::string limit = std::to_string(rule.capacity);
    const std::string text =
        "[[\"RateLimit-Limit\",\"" + limit + "\"],[\"RateLimit-Remaining\",\"" +
        std::to_string(static_cast<int64>(std::floor(left + 1e-6))) + "\"],[\"RateLimit-Reset\",\"" +
        std::to_string(core::seconds_to_full(rule, left)) + "\"],[\"RateLimit-Policy\",\"" + limit +
        ";w=" + std::to_string(rule.per_seconds) + ";name=\\\"" + std::string(name) + "\\\"\"]]";
    return pg::server([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.c_str())); });
}

}  // namespace

void watch_limits() {
    known_tiers().watch();
    RegisterXactCallback(at_end, nullptr);
    RegisterSubXactCallback(at_end_of_part, nullptr);
}

}  // namespace sentinel::gateway

SENTINEL_FUNCTION(sentinel_take_token) {
    namespace pg = sentinel::pg;
    using namespace sentinel::gateway;
    if (PG_ARGISNULL(0))
        return pg::server([] { return DirectFunctionCall1(jsonb_in, CStringGetDatum("[]")); });
    const std::string name(pg::view(PG_GETARG_DATUM(0)));
    const TimestampTz at = PG_ARGISNULL(3) ? GetCurrentTransactionStartTimestamp() : PG_GETARG_TIMESTAMPTZ(3);
    pg::Spi spi;
    const Tier tier = tier_of(name);
    double left = 0;
    if (tier.rule.capacity > 0) {
        const std::string whose = tier.by_caller && !PG_ARGISNULL(1)
                                      ? std::string(pg::view(PG_GETARG_DATUM(1)))
                                      : bucket_of(PG_ARGISNULL(2) ? nullptr : PG_GETARG_INET_PP(2));
        left = take(name, tier, whose, at);
    }
    spi.finish();
    if (tier.rule.capacity == 0)
        return pg::server([] { return DirectFunctionCall1(jsonb_in, CStringGetDatum("[]")); });
    return headers(name, tier.rule, left);
}
