#include "engine/presence.hpp"

#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <unordered_map>
#include <unordered_set>

#include "engine/shared.hpp"
#include "engine/json.hpp"

namespace sentinel::worker {
namespace {

constexpr Millis kBeat = Seconds(10);      // and three times in a lease at least
constexpr auto kHelloAgain = Seconds(30);  // while parked
constexpr auto kHelloSoon = Seconds(5);    // after an error

// A version 4 uuid.
std::string random_uuid() {
    Bytes raw(16);
    if (RAND_bytes(raw.data(), static_cast<int>(raw.size())) != 1)
        throw std::runtime_error("no random bytes");
    raw[6] = static_cast<unsigned char>((raw[6] & 0x0f) | 0x40);
    raw[8] = static_cast<unsigned char>((raw[8] & 0x3f) | 0x80);
    std::string text = to_hex(std::string_view(reinterpret_cast<const char*>(raw.data()), raw.size()));
    for (const std::size_t at : {8, 13, 18, 23}) text.insert(at, 1, '-');
    return text;
}

}  // namespace

Presence::Presence(const Config& config, Session& database, Log& log)
    : config_(config),
      database_(database),
      log_(log),
      process_(random_uuid()),
      beat_every_(std::min(kBeat, Millis(Seconds(config.lease_s)) / 3)) {}

void Presence::connected(Instant now) {
    ready_ = false;
    next_beat_ = now;  // what we hold has had no heartbeat for as long as the connection was away
    hello(now);
}

void Presence::disconnected() noexcept {
    ready_ = false;
    greeting_ = false;
    beating_ = false;
}

void Presence::step(Instant now, bool may_beat) {
    if (!database_.up()) return;
    if (!ready_ && !greeting_ && now >= next_hello_) hello(now);
    if (beat_due(now) && (may_beat || now >= next_beat_ + beat_every_)) beat(now);
}

Instant Presence::deadline(Instant now, bool may_beat) const noexcept {
    if (!database_.up()) return Instant::max();
    if (!ready_) return greeting_ ? Instant::max() : next_hello_;
    if (beating_) return Instant::max();
    return beat_due(now) && !may_beat ? next_beat_ + beat_every_ : next_beat_;
}

void Presence::hello(Instant now) {
    greeting_ = true;
    next_hello_ = now + kHelloSoon;
    OrderedJson slots;
    for (const auto& [queue, places] : config_.slots) slots[queue] = places;
    OrderedJson facts;
    facts["pid"] = getpid();
    facts["process"] = process_;
    facts["slots"] = slots;
    facts["per_target"] = config_.per_target;
    facts["lease_s"] = config_.lease_s;
    facts["run_sql_jobs"] = config_.run_sql_jobs;
    database_.send(
        "SELECT sentinel.worker_hello($1::text, $2::text, $3::jsonb)",
        {config_.worker_name, SENTINEL_VERSION, dump_json(facts)}, [this](const Reply& reply) {
            greeting_ = false;
            if (reply.lost()) return;
            if (!reply.ok() || reply.rows() != 1) {
                log_.error("hello was refused", {{"sqlstate", reply.sqlstate()}, {"error", reply.message()}});
                return;
            }
            parked_ = reply.text(0, 0) == "parked";
            ready_ = !parked_ && reply.text(0, 0) == "ready";
            if (ready_) return log_.info("ready", {{"worker", config_.worker_name}});
            next_hello_ = Clock::now() + kHelloAgain;
            log_.warning(
                "parked: this database is a restored copy, nothing is sent from it until "
                "SELECT sentinel.adopt_restore() is called");
        });
}

void Presence::beat(Instant now) {
    beating_ = true;
    next_beat_ = now + beat_every_;
    std::vector<Held> held = leases ? leases() : std::vector<Held>();
    const Parameters parameters{config_.worker_name, jobs_array(held), leases_array(held),
                                std::to_string(config_.lease_s) + " seconds"};
    database_.send(
        "SELECT job_id FROM sentinel.heartbeat($1::text, $2::uuid[], $3::bigint[], $4::interval) AS job_id",
        parameters, [this, held = std::move(held)](const Reply& reply) {
            beating_ = false;
            if (reply.lost()) return;
            if (!reply.ok()) {
                log_.error("heartbeat was refused",
                           {{"sqlstate", reply.sqlstate()}, {"error", reply.message()}});
                return;
            }
            std::unordered_set<std::string> kept;
            for (int row = 0; row < reply.rows(); ++row) kept.emplace(reply.text(row, 0));
            // Of a job that we hold twice, the database knows the newer lease only.
            std::unordered_map<std::string, std::int64_t> newest;
            for (const auto& one : held) newest[one.job] = std::max(newest[one.job], one.lease);
            std::vector<Held> lost;
            for (const auto& one : held) {
                if (kept.count(one.job) == 0 || one.lease < newest[one.job]) lost.push_back(one);
            }
            if (!lost.empty() && on_lost) on_lost(lost);
        });
}

}  // namespace sentinel::worker
