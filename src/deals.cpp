// Room deals: the guard that every write of a deal passes.
#include "identity.hpp"
#include "pipelines.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "pg/trigger.hpp"

using sentinel::Failure;
using sentinel::pg::server;
namespace pg = sentinel::pg;
using namespace sentinel::pipelines;

namespace {

constexpr int64 kClockSkew = 5 * USECS_PER_MINUTE;
constexpr int kLongestName = 200;
constexpr double kLargestValue = 20e9;

enum DealColumn {
    kOrg,
    kId,
    kPipeline,
    kStage,
    kStageKind,
    kName,
    kValue,
    kCurrency,
    kOwner,
    kExternalId,
    kLostReason,
    kCreatedAt,
    kRecordedAt,
    kChangedAt,
    kStageChangedAt,
    kClosedAt,
    kUpdatedAt,
    kVersion,
    kExpectedCloseAt,
    kForecastCategory,
    kFurthestStage,
    kDealColumns
};

pg::Columns<kDealColumns> deal = {{"org_id",
                                   "id",
                                   "pipeline_id",
                                   "stage",
                                   "stage_kind",
                                   "name",
                                   "value",
                                   "currency",
                                   "owner_id",
                                   "external_id",
                                   "lost_reason",
                                   "created_at",
                                   "recorded_at",
                                   "changed_at",
                                   "stage_changed_at",
                                   "closed_at",
                                   "updated_at",
                                   "version",
                                   "expected_close_at",
                                   "forecast_category",
                                   "furthest_stage"}};

std::string text_of(const pg::Row& row, int column) {
    return row.is_null(column) ? std::string() : std::string(pg::view(row[column]));
}

bool same_uuid(const pg::Row& a, const pg::Row& b, int column) {
    if (a.is_null(column) || b.is_null(column)) return a.is_null(column) && b.is_null(column);
    return memcmp(DatumGetUUIDP(a[column]), DatumGetUUIDP(b[column]), UUID_LEN) == 0;
}

bool same_time(const pg::Row& a, const pg::Row& b, int column) {
    if (a.is_null(column) || b.is_null(column)) return a.is_null(column) && b.is_null(column);
    return DatumGetTimestampTz(a[column]) == DatumGetTimestampTz(b[column]);
}

bool same_text(const pg::Row& a, const pg::Row& b, int column) {
    return a.is_null(column) == b.is_null(column) && text_of(a, column) == text_of(b, column);
}

bool same_number(const pg::Row& a, const pg::Row& b, int column) {
    if (a.is_null(column) || b.is_null(column)) return a.is_null(column) && b.is_null(column);
    return server([&] { return DatumGetBool(DirectFunctionCall2(numeric_eq, a[column], b[column])); });
}

int characters(std::string_view text) {
    return server([&] { return pg_mbstrlen_with_len(text.data(), static_cast<int>(text.size())); });
}

std::string shown(std::string_view value) {
    int bytes = static_cast<int>(value.size());
    bytes = server([&] { return pg_mbcliplen(value.data(), bytes, 80); });
    return "\"" + std::string(value.substr(0, static_cast<size_t>(bytes))) + "\"";
}

// One write of a deal: the new row, the old one when there is one, and what the guard fills in.
class Guard {
 public:
    explicit Guard(pg::RowTrigger& call) : call_(call), is_(call.new_row()), now_(GetCurrentTimestamp()) {
        if (!is_.is_null(col(kOrg))) org_ = is_[col(kOrg)];
    }

    void insert();
    void update(const pg::Row& was);

 private:
    static int col(DealColumn column) { return deal.numbers[column]; }
    TimestampTz time(DealColumn column, TimestampTz if_null) const {
        return is_.is_null(col(column)) ? if_null : DatumGetTimestampTz(is_[col(column)]);
    }
    void set_time(DealColumn column, TimestampTz value) {
        call_.set(col(column), TimestampTzGetDatum(value));
    }

    void keep(const pg::Row& was, DealColumn column) {
        if (was.is_null(col(column)))
            call_.set_null(col(column));
        else
            call_.set(col(column), was[col(column)]);
    }

    void check_name();
    void check_value();
    void check_currency();
    void check_length(DealColumn column, int least, int most);
    void check_past(const char* what, TimestampTz value, TimestampTz limit);
    void find_pipeline();
    // told: the closing time comes from the client, not from an earlier closing.
    void enter_stage(const std::string& kind, TimestampTz at, bool told);
    void move_stage(const pg::Row& was, TimestampTz at);
    void correct_closing(const pg::Row& was);
    [[noreturn]] void refuse_move(const std::string& from, const std::string& to);

    pg::RowTrigger& call_;
    pg::Row is_;
    TimestampTz now_;
    Datum org_ = 0;
    Datum pipeline_ = 0;
    bool closing_corrected_ = false;
};

void Guard::check_name() {
    if (is_.is_null(col(kName))) return;  // NOT NULL says it
    std::string_view name = pg::view(is_[col(kName)]);
    std::string_view trimmed = name;
    auto blank = [](char letter) { return letter == ' ' || (letter >= '\t' && letter <= '\r'); };
    while (!trimmed.empty() && blank(trimmed.front())) trimmed.remove_prefix(1);
    while (!trimmed.empty() && blank(trimmed.back())) trimmed.remove_suffix(1);
    int length = characters(trimmed);
    if (length == 0 || length > kLongestName)
        throw Failure(sentinel::kInvalidInput,
                      length == 0 ? "the name of a deal is empty"
                                  : "the name of a deal has " + std::to_string(length) + " characters",
                      "A name has 1 to 200 characters, blanks around it not counted.",
                      "Use 'Acme Ltd - 40 seats'.");
    if (trimmed.size() != name.size()) call_.set(col(kName), pg::text_datum(trimmed));
}

void Guard::check_value() {
    if (is_.is_null(col(kValue))) return;
    Datum value = is_[col(kValue)];
    double amount = server([&] { return DatumGetFloat8(DirectFunctionCall1(numeric_float8, value)); });
    if (amount >= 0 && amount <= kLargestValue) return;
    const char* text = server([&] { return DatumGetCString(DirectFunctionCall1(numeric_out, value)); });
    throw Failure(sentinel::kInvalidInput, "invalid deal value " + std::string(text),
                  "A value is a number from 0 to 20,000,000,000.", "Use 75000 or 75000.50.");
}

void Guard::check_currency() {
    std::string code = text_of(is_, col(kCurrency));
    bool good = code.size() == 3;
    for (char letter : code) good = good && letter >= 'A' && letter <= 'Z';
    if (!good)
        throw Failure(sentinel::kInvalidInput,
                      "invalid currency " + (is_.is_null(col(kCurrency)) ? "null" : shown(code)),
                      "A currency is three capital letters, ISO 4217.", "Use 'USD' or 'EUR'.");
}

void Guard::check_length(DealColumn column, int least, int most) {
    if (is_.is_null(col(column))) return;
    int length = characters(pg::view(is_[col(column)]));
    if (length >= least && length <= most) return;
    throw Failure(
        sentinel::kInvalidInput,
        std::string(deal.names[column]) + " of a deal has " + std::to_string(length) + " characters",
        "It has " + std::to_string(least) + " to " + std::to_string(most) + " characters, or is null.",
        "Shorten it, or leave it out.");
}

void Guard::check_past(const char* what, TimestampTz value, TimestampTz limit) {
    if (!TIMESTAMP_NOT_FINITE(value) && value <= limit + kClockSkew) return;
    const char* text = server([&] { return pstrdup(timestamptz_to_str(value)); });
    throw Failure(sentinel::kInvalidInput,
                  std::string(what) + " " + text +
                      (TIMESTAMP_NOT_FINITE(value) ? " is not finite" : " lies in the future"),
                  "Times of a deal are finite and at most five minutes ahead of when they are recorded.",
                  "Leave it out to mean now.");
}

void Guard::find_pipeline() {
    if (!is_.is_null(col(kPipeline))) {
        pipeline_ = is_[col(kPipeline)];
        return;
    }
    if (default_pipeline.run(&org_) == 0)
        throw Failure(sentinel::kNotFound, "the organisation has no default pipeline",
                      "A deal without a pipeline goes to the default one.",
                      "SELECT sentinel.add_pipeline('revenue', true);");
    pg_uuid_t found = *DatumGetUUIDP(*pg::cell(0, 1));
    auto* kept = static_cast<pg_uuid_t*>(server([] { return palloc(sizeof(pg_uuid_t)); }));
    *kept = found;
    pipeline_ = UUIDPGetDatum(kept);
    call_.set(col(kPipeline), pipeline_);
}

void Guard::enter_stage(const std::string& kind, TimestampTz at, bool told) {
    call_.set(col(kStageKind), pg::text_datum(kind));
    if (kind == "open") {
        call_.set_null(col(kClosedAt));
        call_.set_null(col(kLostReason));
    } else if (is_.is_null(col(kClosedAt)) || !told) {
        set_time(kClosedAt, at);
    } else {
        check_past("closed_at", time(kClosedAt, at), now_);
    }
}

void Guard::insert() {
    if (is_.is_null(col(kOrg))) {
        if (!sentinel::identity().has_org)
            throw Failure(sentinel::kNoOrganisation, "no organisation entered",
                          "A deal belongs to an organisation.",
                          "SELECT sentinel.enter(org_id) FROM sentinel.orgs;");
        org_ = UUIDPGetDatum(&sentinel::identity().org);
        call_.set(col(kOrg), org_);
    }
    TimestampTz recorded = time(kRecordedAt, GetCurrentTransactionStartTimestamp());
    TimestampTz created = time(kCreatedAt, recorded);
    TimestampTz entered = time(kStageChangedAt, created);
    check_name();
    check_value();
    check_currency();
    check_length(kExternalId, 1, 200);
    check_length(kLostReason, 0, 1000);
    check_past("recorded_at", recorded, now_);
    check_past("created_at", created, recorded);
    check_past("stage_changed_at", entered, recorded);
    find_pipeline();

    if (is_.is_null(col(kStage))) {
        Datum keys[] = {org_, pipeline_};
        if (first_stage.run(keys) == 0)
            throw Failure(sentinel::kNotFound, "the pipeline has no open stage",
                          "A new deal begins in an open stage.", "SELECT * FROM sentinel.pipeline_stages;");
        std::string stage = pg::text_cell(0, 1);
        call_.set(col(kStage), pg::text_datum(stage));
        enter_stage(pg::text_cell(0, 2), entered, true);
        call_.set(col(kFurthestStage), pg::text_datum(stage));
    } else {
        Datum keys[] = {org_, pipeline_, is_[col(kStage)]};
        if (stage_kind.run(keys) == 0) {
            std::string stages = all_stages.run(keys) > 0 ? pg::text_cell(0, 1) : std::string();
            throw Failure(sentinel::kInvalidInput, "unknown stage " + shown(text_of(is_, col(kStage))),
                          "A deal is in a stage of its pipeline.", "Use one of: " + stages + ".");
        }
        std::string kind = pg::text_cell(0, 1);
        enter_stage(kind, entered, true);
        if (kind == "lost")
            call_.set_null(col(kFurthestStage));
        else
            call_.set(col(kFurthestStage), is_[col(kStage)]);
    }
    set_time(kRecordedAt, recorded);
    set_time(kCreatedAt, created);
    set_time(kChangedAt, recorded);
    set_time(kStageChangedAt, entered);
    set_time(kUpdatedAt, now_);
    call_.set(col(kVersion), Int32GetDatum(1));
}

void Guard::refuse_move(const std::string& from, const std::string& to) {
    Datum keys[] = {org_, pipeline_, pg::text_datum(from)};
    std::string next = next_stages.run(keys) > 0 ? pg::text_cell(0, 1) : std::string();
    throw Failure(sentinel::kIllegalTransition, "a deal cannot move from " + shown(from) + " to " + shown(to),
                  next.empty() ? "From " + shown(from) + " its pipeline leads nowhere."
                               : "Its pipeline leads from " + shown(from) + " to: " + next + ".",
                  next.empty() ? "SELECT * FROM sentinel.stage_transitions;" : "Use one of: " + next + ".");
}

void Guard::move_stage(const pg::Row& was, TimestampTz at) {
    std::string from = text_of(was, col(kStage));
    std::string to = text_of(is_, col(kStage));
    bool further = true;
    if (same_uuid(was, is_, col(kPipeline))) {
        bool nowhere = was.is_null(col(kFurthestStage));
        Datum keys[] = {org_, pipeline_, was[col(kStage)], is_[col(kStage)],
                        nowhere ? Datum(0) : was[col(kFurthestStage)]};
        if (is_.is_null(col(kStage)) || move.run(keys, nowhere ? "    n" : "     ") == 0)
            refuse_move(from, to);
        further = DatumGetBool(*pg::cell(0, 2));
    } else {
        // Into another pipeline a deal changes over while it is open, to an open stage of that pipeline.
        Datum keys[] = {org_, pipeline_, is_[col(kStage)]};
        if (is_.is_null(col(kStage)) || text_of(was, col(kStageKind)) != "open" ||
            stage_kind.run(keys) == 0 || pg::text_cell(0, 1) != "open")
            refuse_move(from, to);
    }
    std::string kind = pg::text_cell(0, 1);
    enter_stage(kind, at, call_.names_column(col(kClosedAt)));
    if (further && kind != "lost") call_.set(col(kFurthestStage), pg::text_datum(to));
    if (!call_.names_column(col(kStageChangedAt))) set_time(kStageChangedAt, at);
}

// The day of a closing may be set right while the deal stands closed; it is a change like any other. An open
// deal has none, and a closed one is never without.
void Guard::correct_closing(const pg::Row& was) {
    if (text_of(was, col(kStageKind)) == "open" || is_.is_null(col(kClosedAt))) {
        keep(was, kClosedAt);
    } else if (!same_time(was, is_, col(kClosedAt))) {
        check_past("closed_at", time(kClosedAt, now_), now_);
        closing_corrected_ = true;
    }
}

void Guard::update(const pg::Row& was) {
    if (!same_uuid(was, is_, col(kOrg)) || !same_uuid(was, is_, col(kId)) ||
        !same_time(was, is_, col(kRecordedAt)))
        throw Failure(sentinel::kAppendOnly, "org_id, id and recorded_at of a deal do not change",
                      "They say which deal it is and when it was first recorded.", "Make another deal.");
    pipeline_ = is_[col(kPipeline)];
    if (call_.names_column(col(kName))) check_name();
    if (call_.names_column(col(kValue))) check_value();
    if (call_.names_column(col(kCurrency))) check_currency();
    if (call_.names_column(col(kExternalId))) check_length(kExternalId, 1, 200);
    if (call_.names_column(col(kLostReason))) check_length(kLostReason, 0, 1000);

    // What is written explicitly may lie in the past, for imports, but never before what is known already.
    TimestampTz last = DatumGetTimestampTz(was[col(kChangedAt)]);
    TimestampTz at = GetCurrentTransactionStartTimestamp();
    if (call_.names_column(col(kChangedAt)) && !is_.is_null(col(kChangedAt))) {
        at = DatumGetTimestampTz(is_[col(kChangedAt)]);
        check_past("changed_at", at, now_);
        if (at < last)
            throw Failure(sentinel::kInvalidInput,
                          "changed_at " +
                              std::string(server([&] { return pstrdup(timestamptz_to_str(at)); })) +
                              " lies before the deal's last change",
                          "Changes of a deal are recorded in their order.", "Leave it out to mean now.");
    }
    if (at < last) at = last;

    bool to_stage = is_.is_null(col(kStage)) || text_of(was, col(kStage)) != text_of(is_, col(kStage)) ||
                    !same_uuid(was, is_, col(kPipeline));
    call_.set(col(kStageKind), was[col(kStageKind)]);
    keep(was, kFurthestStage);
    if (to_stage)
        move_stage(was, at);
    else if (call_.names_column(col(kClosedAt)))
        correct_closing(was);
    if (call_.names_column(col(kCreatedAt))) check_past("created_at", time(kCreatedAt, at), now_);
    if (call_.names_column(col(kStageChangedAt)))
        check_past("stage_changed_at", time(kStageChangedAt, at), now_);

    bool changed = to_stage || closing_corrected_ || !same_number(was, is_, col(kValue)) ||
                   !same_uuid(was, is_, col(kOwner)) || !same_time(was, is_, col(kCreatedAt)) ||
                   !same_time(was, is_, col(kStageChangedAt)) || !same_text(was, is_, col(kCurrency)) ||
                   !same_time(was, is_, col(kExpectedCloseAt)) ||
                   !same_text(was, is_, col(kForecastCategory));
    set_time(kChangedAt, changed ? at : last);
    call_.set(col(kVersion), Int32GetDatum(DatumGetInt32(was[col(kVersion)]) + (changed ? 1 : 0)));
    set_time(kUpdatedAt, now_);
}

}  // namespace

// Guard every insert and update of deals: legal stages and transitions, ranges, and the columns that follow
// from them.
SENTINEL_FUNCTION(sentinel_guard_deal) {
    pg::RowTrigger call(fcinfo);
    deal.resolve(call.table());
    pg::Spi spi;
    Guard guard(call);
    if (call.inserting())
        guard.insert();
    else
        guard.update(call.old_row());
    Datum result = call.result();
    spi.finish();
    return result;
}
