// Room deals: the guard that every activity passes, of a deal or of a lead.
#include "core/competitive.hpp"
#include "pg/text.hpp"
#include "pg/trigger.hpp"

using sentinel::Failure;
using sentinel::pg::server;
namespace pg = sentinel::pg;

namespace {

constexpr int64 kClockSkew = 5 * USECS_PER_MINUTE;
constexpr size_t kLongestSubject = 4000;    // bytes
constexpr size_t kLongestBody = 1'000'000;  // bytes

enum ActivityColumn {
    kType,
    kOccurredAt,
    kRecordedAt,
    kSubject,
    kBody,
    kPayload,
    kIndicators,
    kActivityColumns
};

pg::Columns<kActivityColumns> activity = {
    {"activity_type", "occurred_at", "recorded_at", "subject", "body", "payload", "competitive_indicators"}};

bool has_text(std::string_view type) {
    return type == "email_sent" || type == "email_received" || type == "note_added" || type == "call_held";
}

// Give the text that counts: the first of subject, body, and payload's content, note, description that is not
// empty.
std::string_view telling_text(const pg::Row& row) {
    for (ActivityColumn which : {kSubject, kBody}) {
        int column = activity.numbers[which];
        if (row.is_null(column)) continue;
        std::string_view text = pg::view(row[column]);
        if (!text.empty()) return text;
    }
    int payload = activity.numbers[kPayload];
    if (row.is_null(payload)) return {};
    Jsonb* object = server([&] { return DatumGetJsonbP(row[payload]); });
    if (!JB_ROOT_IS_OBJECT(object)) return {};
    for (std::string_view key :
         {std::string_view("content"), std::string_view("note"), std::string_view("description")}) {
        JsonbValue* value = server([&] {
            return getKeyJsonValueFromContainer(&object->root, key.data(), static_cast<int>(key.size()),
                                                nullptr);
        });
        if (value != nullptr && value->type == jbvString && value->val.string.len > 0)
            return {value->val.string.val, static_cast<size_t>(value->val.string.len)};
    }
    return {};
}

void check_length(const pg::Row& row, ActivityColumn which, size_t longest, const char* name) {
    int column = activity.numbers[which];
    if (row.is_null(column)) return;
    size_t size = pg::view(row[column]).size();
    if (size > longest)
        throw Failure(sentinel::kInvalidInput,
                      std::string("the ") + name + " of an activity has " + std::to_string(size) + " bytes",
                      std::string("A ") + name + " has at most " + std::to_string(longest) + " bytes.",
                      "Keep the start and store the rest elsewhere.");
}

std::string shown(TimestampTz value) {
    return server([&] { return pstrdup(timestamptz_to_str(value)); });
}

}  // namespace

// Guard every insert of activities: times that can be true, lengths, and the competitive indicators of the
// text.
SENTINEL_FUNCTION(sentinel_guard_activity) {
    pg::RowTrigger call(fcinfo);
    activity.resolve(call.table());
    pg::Row row = call.new_row();
    auto column = [](ActivityColumn which) { return activity.numbers[which]; };

    TimestampTz now = GetCurrentTimestamp();
    TimestampTz recorded = row.is_null(column(kRecordedAt)) ? GetCurrentTransactionStartTimestamp()
                                                            : DatumGetTimestampTz(row[column(kRecordedAt)]);
    TimestampTz occurred =
        row.is_null(column(kOccurredAt)) ? recorded : DatumGetTimestampTz(row[column(kOccurredAt)]);
    if (TIMESTAMP_NOT_FINITE(recorded) || recorded > now + kClockSkew)
        throw Failure(sentinel::kInvalidInput, "recorded_at " + shown(recorded) + " lies in the future",
                      "What is recorded is known now, five minutes of clock difference allowed.",
                      "Leave it out to mean now.");
    if (TIMESTAMP_NOT_FINITE(occurred) || occurred > recorded + kClockSkew)
        throw Failure(
            sentinel::kInvalidInput, "occurred_at " + shown(occurred) + " lies in the future",
            "An activity has happened when it is recorded, five minutes of clock difference allowed.",
            "Record it when it has happened.");
    if (occurred > recorded) occurred = recorded;

    check_length(row, kSubject, kLongestSubject, "subject");
    check_length(row, kBody, kLongestBody, "body");
    int indicators = 0;
    if (!row.is_null(column(kType)) && has_text(pg::view(row[column(kType)])))
        indicators = sentinel::core::competitive_indicators(telling_text(row));

    call.set(column(kRecordedAt), TimestampTzGetDatum(recorded));
    call.set(column(kOccurredAt), TimestampTzGetDatum(occurred));
    call.set(column(kIndicators), Int16GetDatum(static_cast<int16>(indicators)));
    return call.result();
}
