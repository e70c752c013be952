// Of a connection: the request as the database takes it, and what to make of its answer.
#include <algorithm>
#include <utility>

#include "gateway/connection.hpp"
#include "gateway/streams.hpp"

namespace sentinel::gateway {
namespace {

std::int32_t to_int(std::string_view bytes) {
    std::int32_t out = 0;
    for (const char c : bytes)
        out = static_cast<std::int32_t>(static_cast<std::uint32_t>(out) << 8 | static_cast<unsigned char>(c));
    return out;
}

// The binary form of jsonb is a version and the text.
std::string_view to_json_text(std::string_view bytes) {
    return bytes.empty() ? bytes : bytes.substr(1);
}

}  // namespace

Job Connection::to_job() {
    const Caller caller = context_.proxies.caller(peer_, head_.headers);
    Job job;
    job.statement = Statement::handle;
    auto& values = job.parameters;
    values.push_back({head_.method == "HEAD" ? "GET" : head_.method});
    values.push_back({head_.path});
    values.push_back({head_.query});
    values.push_back({to_headers_json(head_, request_id_, caller.by_proxy)});
    values.push_back({std::move(body_), true});
    values.push_back({to_inet(caller.address)});
    values.push_back({worker::wall_iso()});
    return job;
}

Answer Connection::from(const Outcome& outcome) {
    const Reply& reply = outcome.reply;
    route_ = "unanswered";
    if (outcome.fate == Fate::unsent) {
        const bool full = context_.requests.room() == Pool::Room::full || context_.requests.up() > 0;
        const char* const code = full ? "busy" : "database_down";
        context_.metrics.refused(code);
        return problem(
            503, code,
            full ? "too many requests wait; try again" : "the database cannot be reached; try again", 1);
    }
    if (outcome.fate == Fate::cut) {
        return problem(503, "answer_lost",
                       "the database did not answer; whether the request took effect is not known", 1);
    }
    if (reply.ok() && reply.rows() == 1) return from_row(reply);
    // What the server says may quote what the client sent.
    context_.log.error("the database refused a request",
                       {{"sqlstate", reply.sqlstate()}, {"request_id", request_id_}});
    if (reply.sqlstate() == "57014") {
        return problem(503, "took_too_long", "the request took too long and had no effect; try again", 1);
    }
    // Not installed, or not yet; or this login may not.
    const bool absent =
        reply.sqlstate() == "42883" || reply.sqlstate() == "3F000" || reply.sqlstate() == "42501";
    if (reply.transient() || absent) {
        return problem(503, "unavailable", "the database cannot serve requests now; try again", 1);
    }
    return problem(500, "internal_error", "the request failed");
}

Answer Connection::from_row(const Reply& reply) {
    Answer out;
    out.status = to_int(reply.text(0, 0));
    route_ = reply.text(0, 4);
    const std::string_view body = reply.text(0, 2);
    if (body.size() > kSmallAnswer && !charge(charged_ + body.size())) {
        return problem(503, "no_memory", "too many bodies are under way; try again", 1);
    }
    out.body = body;
    const bool headers = reply.null(0, 1) || read_headers(to_json_text(reply.text(0, 1)), out.headers);
    if (out.status < 200 || out.status > 599 || !headers) {
        context_.log.error("the database gave an answer that cannot be sent",
                           {{"route", route_}, {"request_id", request_id_}});
        return problem(500, "internal_error", "the request failed");
    }
    if (out.status == 204 || out.status == 304) out.body.clear();
    if (reply.null(0, 3) || head_.method == "HEAD") return out;
    return begin_stream(to_json_text(reply.text(0, 3)), std::move(out));
}

Answer Connection::begin_stream(std::string_view json, Answer answer) {
    auto ticket = to_ticket(json);
    if (!ticket) {
        context_.log.error("the database gave a stream that is none", {{"request_id", request_id_}});
        return problem(500, "internal_error", "the request failed");
    }
    if (context_.stopping || !context_.streams.room()) {
        return problem(503, "too_many_streams", "too many streams are open; try again", 5);
    }
    if (!context_.streams.room_for(ticket->audience)) {
        return problem(429, "too_many_streams",
                       "at most " + std::to_string(context_.config.max_streams_per_audience) +
                           " streams may be open at once",
                       5);
    }
    ticket_ = std::move(ticket);
    answer.body.clear();
    auto& headers = answer.headers;
    headers.erase(std::remove_if(headers.begin(), headers.end(),
                                 [](const auto& one) {
                                     return same_name(one.first, "content-type") ||
                                            same_name(one.first, "cache-control") ||
                                            same_name(one.first, "x-accel-buffering");
                                 }),
                  headers.end());
    headers.emplace_back("Content-Type", "text/event-stream");
    headers.emplace_back("Cache-Control", "no-store");
    headers.emplace_back("X-Accel-Buffering", "no");
    return answer;
}

}  // namespace sentinel::gateway
