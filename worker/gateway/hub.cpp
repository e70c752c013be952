#include "gateway/hub.hpp"

#include <algorithm>
#include <utility>

#include "engine/json.hpp"

namespace sentinel::gateway {
namespace {

constexpr std::size_t kMostSeen = 2 * Hub::kMostEvents;

void append_line(std::string& out, std::string_view name, std::string_view text) {
    out.append(name).append(": ");
    for (const char c : text) {
        if (c != '\r' && c != '\n' && c != '\0') out += c;
    }
    out += '\n';
}

Bytes to_bytes(const std::vector<Event>& events, const std::vector<std::string>* seen, int& count) {
    auto out = std::make_shared<std::string>();
    count = 0;
    for (const auto& event : events) {
        if (seen != nullptr && std::find(seen->begin(), seen->end(), event.cursor_after) != seen->end())
            continue;
        *out += to_frame(event);
        ++count;
    }
    return out;
}

}  // namespace

std::optional<Ticket> to_ticket(std::string_view json) {
    const auto value = worker::parse_json(json);
    if (!value || !value->is_object()) return std::nullopt;
    Ticket out;
    for (auto [name, target] : {std::pair{"token", &out.token}, std::pair{"audience", &out.audience},
                                std::pair{"cursor", &out.cursor}}) {
        const auto found = value->find(name);
        if (found == value->end() || !found->is_string()) return std::nullopt;
        *target = found->get<std::string>();
    }
    return out;
}

std::string to_frame(const Event& event) {
    std::string out;
    out.reserve(event.data.size() + 128);
    append_line(out, "id", event.cursor_after);
    append_line(out, "event", event.type);
    std::string_view rest = event.data;
    while (true) {
        const std::size_t end = std::min(rest.find_first_of("\r\n"), rest.size());
        append_line(out, "data", rest.substr(0, end));
        if (end == rest.size()) break;
        rest.remove_prefix(rest.substr(end, 2) == "\r\n" ? end + 2 : end + 1);
    }
    return out += '\n';
}

StreamId Hub::add(Ticket ticket) {
    const StreamId id = ++last_key_;
    Stream& stream = streams_[id];
    stream.ticket = std::move(ticket);
    Audience& audience = audiences_[stream.ticket.audience];
    ++audience.streams;
    const auto group = groups_.find(audience.group);
    if (group != groups_.end() && group->second.cursor == stream.ticket.cursor) {
        join(id, stream, group->first, group->second);
    } else {
        want(id, stream);
    }
    return id;
}

void Hub::remove(StreamId id) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return;
    leave_group(id, found->second);
    const auto audience = audiences_.find(found->second.ticket.audience);
    if (--audience->second.streams == 0) audiences_.erase(audience);
    streams_.erase(found);
}

int Hub::count(const std::string& audience) const {
    const auto found = audiences_.find(audience);
    return found == audiences_.end() ? 0 : found->second.streams;
}

void Hub::want(StreamId id, Stream& stream) {
    if (!std::exchange(stream.queued, true)) ready_.push_back(id);
}

void Hub::want_group(std::uint64_t key, Group& group) {
    if (!std::exchange(group.queued, true)) ready_.push_back(key);
}

void Hub::join(StreamId id, Stream& stream, std::uint64_t key, Group& group) {
    stream.group = key;
    stream.ticket.cursor.clear();
    group.members.push_back(id);
}

void Hub::leave_group(StreamId id, Stream& stream) {
    const auto group = groups_.find(std::exchange(stream.group, 0));
    if (group == groups_.end()) return;
    auto& members = group->second.members;
    const auto place = std::find(members.begin(), members.end(), id);
    if (place != members.end()) {
        *place = members.back();
        members.pop_back();
    }
    if (!members.empty()) return;
    audiences_[group->second.audience].group = 0;
    groups_.erase(group);
}

void Hub::drained(StreamId id) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return;
    Stream& stream = found->second;
    if (stream.group == 0 && !stream.fetching && !stream.parked) want(id, stream);
}

std::optional<Hub::Fetch> Hub::next() {
    while (!ready_.empty()) {
        const std::uint64_t key = ready_.front();
        ready_.pop_front();
        if (const auto found = streams_.find(key); found != streams_.end()) {
            Stream& stream = found->second;
            stream.queued = false;
            if (stream.group != 0 || stream.fetching) continue;
            stream.fetching = true;
            const auto group = groups_.find(audiences_[stream.ticket.audience].group);
            stream.version = group == groups_.end() ? 0 : group->second.version;
            return Fetch{key, stream.ticket.token, stream.ticket.cursor};
        }
        if (const auto found = groups_.find(key); found != groups_.end()) {
            Group& group = found->second;
            group.queued = false;
            if (group.fetching) continue;
            group.fetching = true;
            return Fetch{key, streams_[group.members.front()].ticket.token, group.cursor};
        }
    }
    return std::nullopt;
}

void Hub::fetched(std::uint64_t key, Failure failure, const std::vector<Event>& events,
                  const std::string& cursor) {
    const bool at_head = static_cast<int>(events.size()) < kMostEvents;
    if (const auto found = streams_.find(key); found != streams_.end()) {
        Stream& stream = found->second;
        stream.fetching = false;
        if (failure == Failure::unauthorised || failure == Failure::refused) return close(key);
        if (failure == Failure::later) {
            if (!std::exchange(stream.parked, true)) parked_.push_back(key);
            return;
        }
        int count = 0;
        const Bytes bytes = to_bytes(events, nullptr, count);
        if (count > 0 && !deliver(key, bytes, count)) return;  // once more when it is drained
        const auto still = streams_.find(key);
        if (still == streams_.end()) return;
        auto& seen = still->second.seen;
        for (const auto& event : events) seen.push_back(event.cursor_after);
        if (seen.size() > kMostSeen)
            seen.erase(seen.begin(), seen.end() - static_cast<std::ptrdiff_t>(kMostSeen));
        still->second.ticket.cursor = cursor;
        settle(key, still->second, at_head);
        return;
    }
    const auto found = groups_.find(key);
    if (found == groups_.end()) return;
    Group& group = found->second;
    group.fetching = false;
    if (failure == Failure::unauthorised || failure == Failure::refused) {
        const StreamId first = group.members.front();
        want_group(key, group);
        return close(first);
    }
    if (failure == Failure::later) {
        group.at_head = true;  // the next question finds it again
        return;
    }
    group.version = ++last_key_;
    group.at_head = at_head;
    const std::string before = std::exchange(group.cursor, cursor);
    if (!at_head) want_group(key, group);
    fan_out(group, events, before);
}

void Hub::fan_out(Group& group, const std::vector<Event>& events, const std::string& before) {
    if (events.empty()) return;
    int all = 0;
    const Bytes shared = to_bytes(events, nullptr, all);
    const std::vector<StreamId> members = group.members;  // of which some may go away meanwhile
    for (const StreamId id : members) {
        const auto found = streams_.find(id);
        if (found == streams_.end()) continue;
        Stream& stream = found->second;
        int count = all;
        const auto seen = std::exchange(stream.seen, {});
        const Bytes bytes = seen.empty() ? shared : to_bytes(events, &seen, count);
        if (count == 0 || deliver(id, bytes, count)) continue;
        // Too slow for the others: it goes on by itself once it has taken what it has.
        if (const auto still = streams_.find(id); still != streams_.end()) {
            leave_group(id, still->second);
            still->second.ticket.cursor = before;
        }
    }
}

// A stream that goes its own way has had an answer.
void Hub::settle(StreamId id, Stream& stream, bool at_head) {
    if (stream.group != 0) return;
    if (!at_head) return;  // drained() asks for more
    Audience& audience = audiences_[stream.ticket.audience];
    auto group = groups_.find(audience.group);
    if (group == groups_.end()) {
        audience.group = ++last_key_;
        const std::uint64_t key = audience.group;
        Group& fresh = groups_[key];
        fresh.audience = stream.ticket.audience;
        fresh.cursor = stream.ticket.cursor;
        fresh.at_head = true;
        fresh.version = ++last_key_;
        join(id, stream, key, fresh);
        stream.seen.clear();
    } else if (group->second.at_head && group->second.version == stream.version) {
        join(id, stream, group->first, group->second);
    } else if (!std::exchange(stream.parked, true)) {
        parked_.push_back(id);
    }
}

Hub::Question Hub::question() const {
    Question out;
    for (const auto& [key, group] : groups_) {
        if (group.fetching || group.queued || !group.at_head) continue;
        out.groups.push_back(key);
        out.tokens.push_back(streams_.at(group.members.front()).ticket.token);
        out.cursors.push_back(group.cursor);
    }
    return out;
}

void Hub::news(const Question& asked, const std::vector<int>& positions) {
    for (const int position : positions) {
        if (position < 1 || static_cast<std::size_t>(position) > asked.groups.size()) continue;
        const auto key = asked.groups[static_cast<std::size_t>(position) - 1];
        const auto found = groups_.find(key);
        if (found != groups_.end() && !found->second.fetching) want_group(key, found->second);
    }
}

void Hub::again() {
    const auto parked = std::exchange(parked_, {});
    for (const StreamId id : parked) {
        const auto found = streams_.find(id);
        if (found == streams_.end()) continue;
        found->second.parked = false;
        want(id, found->second);
    }
}

std::vector<std::string> Hub::tokens(std::vector<StreamId>& ids) const {
    std::vector<std::string> out;
    ids.clear();
    for (const auto& [id, stream] : streams_) {
        out.push_back(stream.ticket.token);
        ids.push_back(id);
    }
    return out;
}

}  // namespace sentinel::gateway
