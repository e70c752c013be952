// Room intake: the CSV reader, the judge of rows, and the trigger that fills the fingerprints of a row.
#include "core/csv.hpp"
#include "core/fingerprint.hpp"
#include "core/intake_date.hpp"
#include "core/intake_row.hpp"
#include "core/unicode.hpp"
#include "pg/rows.hpp"
#include "pg/text.hpp"
#include "uuid_text.hpp"

namespace core = sentinel::core;
namespace pg = sentinel::pg;
using sentinel::Failure;

namespace {

constexpr std::size_t kRowsBetweenInterrupts = 1024;
constexpr std::size_t kLongestReadable = 500;

// Memory for one row at a time. After an error the context goes with its parent.
class RowMemory {
 public:
    RowMemory()
        : own_(pg::server([] {
              return AllocSetContextCreate(CurrentMemoryContext, "sentinel csv row", ALLOCSET_DEFAULT_SIZES);
          })),
          outer_(MemoryContextSwitchTo(own_)) {}

    void next_row() { MemoryContextReset(own_); }

    void finish() {
        MemoryContextSwitchTo(outer_);
        MemoryContextDelete(own_);
    }

 private:
    MemoryContext own_;
    MemoryContext outer_;
};

Datum bytes_datum(std::string_view value) {
    return pg::text_datum(value);  // bytea and text are the same varlena
}

Datum text_array(const std::vector<std::string>& texts) {
    std::vector<Datum> items;
    items.reserve(texts.size());
    for (const std::string& text : texts) items.push_back(pg::text_datum(text));
    return pg::array(items, TEXTOID);
}

// View the elements of a text[] argument; nulls are empty.
std::vector<std::string_view> views(Datum array_datum) {
    Datum* items = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    pg::server([&] {
        deconstruct_array(DatumGetArrayTypeP(array_datum), TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls,
                          &count);
    });
    std::vector<std::string_view> out;
    out.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) out.push_back(nulls[i] ? std::string_view() : pg::view(items[i]));
    return out;
}

// View a member of a JSON object as text: strings and numbers; anything else is empty.
std::string_view member(Jsonb* object, std::string_view name) {
    JsonbValue* value = pg::server([&] {
        return getKeyJsonValueFromContainer(&object->root, name.data(), static_cast<int>(name.size()),
                                            nullptr);
    });
    if (value == nullptr) return {};
    if (value->type == jbvString)
        return {value->val.string.val, static_cast<std::size_t>(value->val.string.len)};
    if (value->type == jbvNumeric) {
        return pg::server([&] {
            return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
        });
    }
    return {};
}

Jsonb* jsonb_of(Datum datum) {
    return pg::server([&] { return DatumGetJsonbP(datum); });
}

core::Identity identity_of(Jsonb* payload) {
    core::Identity who;
    who.name = member(payload, "name");
    who.email = member(payload, "email");
    who.phone = member(payload, "phone");
    who.company = member(payload, "company_name");
    who.domain = member(payload, "domain");
    who.profile_link = member(payload, "profile_link");
    return who;
}

}  // namespace

SENTINEL_FUNCTION(sentinel_parse_csv) {
    pg::Rows rows(fcinfo);
    const std::string_view file = pg::view(PG_GETARG_DATUM(0));
    core::CsvReader reader(file);
    core::CsvRecord record;
    RowMemory memory;
    for (std::size_t count = 0; reader.next(record); ++count) {
        if (count % kRowsBetweenInterrupts == 0) pg::server([] { CHECK_FOR_INTERRUPTS(); });
        const bool good = record.fault.empty();
        bool nulls[] = {false, !good, false, good, good, good};
        Datum values[6] = {Int32GetDatum(static_cast<int32>(record.line))};
        if (good) {
            values[1] = text_array(record.cells);
        } else {
            values[3] = pg::text_datum(record.fault);
            values[4] = pg::text_datum(record.reason);
            values[5] = pg::text_datum(record.hint);
        }
        values[2] = bytes_datum(record.raw);
        rows.add(values, nulls);
        memory.next_row();
    }
    memory.finish();
    return Datum{0};
}

SENTINEL_FUNCTION(sentinel_csv_format) {
    const core::CsvReader reader(pg::view(PG_GETARG_DATUM(0)));
    const core::CsvFormat& format = reader.format();
    return text_array({std::string(1, format.delimiter), format.encoding});
}

SENTINEL_FUNCTION(sentinel_intake_payload) {
    const std::string json = core::intake_payload(views(PG_GETARG_DATUM(0)), views(PG_GETARG_DATUM(1)));
    return pg::server([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.c_str())); });
}

SENTINEL_FUNCTION(sentinel_intake_fault) {
    Jsonb* payload = jsonb_of(PG_GETARG_DATUM(0));
    if (!JB_ROOT_IS_OBJECT(payload)) {
        return text_array({"not_an_object", "the payload is no JSON object",
                           "send {\"name\": \"Jane Doe\", \"email\": …}"});
    }
    std::vector<core::IntakeField> fields;
    for (const std::string_view name : core::kIntakeFields) fields.emplace_back(name, member(payload, name));
    const auto fault = core::judge_intake(fields);
    if (!fault) PG_RETURN_NULL();
    return text_array({fault->code, fault->reason, fault->hint});
}

SENTINEL_FUNCTION(sentinel_intake_time) {
    constexpr std::int64_t kEpochShift =
        (std::int64_t{POSTGRES_EPOCH_JDATE} - std::int64_t{UNIX_EPOCH_JDATE}) * SECS_PER_DAY;
    const core::IntakeDate date = core::parse_intake_date(pg::view(PG_GETARG_DATUM(0)));
    if (!date.fault.empty()) PG_RETURN_NULL();
    return TimestampTzGetDatum((date.seconds - kEpochShift) * USECS_PER_SEC);
}

SENTINEL_FUNCTION(sentinel_intake_count) {
    const auto count = core::parse_count(pg::view(PG_GETARG_DATUM(0)));
    if (!count) PG_RETURN_NULL();
    return Int32GetDatum(*count);
}

SENTINEL_FUNCTION(sentinel_readable) {
    const std::string_view raw = pg::view(PG_GETARG_DATUM(0));
    std::string shown = core::is_utf8(raw) ? std::string(core::unicode_clip(raw, kLongestReadable))
                                           : core::windows1252_to_utf8(raw.substr(0, kLongestReadable));
    for (std::size_t at = 0; (at = shown.find('\0', at)) != std::string::npos;)
        shown.replace(at, 1, "\u2400");
    return pg::text_datum(shown);
}

SENTINEL_FUNCTION(sentinel_fill_fingerprints) {
    auto* data = reinterpret_cast<TriggerData*>(fcinfo->context);
    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
        !TRIGGER_FIRED_FOR_ROW(data->tg_event) || !TRIGGER_FIRED_BY_INSERT(data->tg_event)) {
        throw Failure("39P01", "sentinel.fill_fingerprints() is a trigger for BEFORE INSERT, each row");
    }
    HeapTuple tuple = data->tg_trigtuple;
    TupleDesc desc = data->tg_relation->rd_att;
    const auto column = [&](const char* name) {
        const int number = pg::server([&] { return SPI_fnumber(desc, name); });
        if (number <= 0) throw Failure("42703", std::string("the table has no column \"") + name + "\"");
        return number;
    };
    const auto value = [&](const char* name) -> std::optional<Datum> {
        const int number = column(name);
        bool is_null = false;
        const Datum datum = pg::server([&] { return heap_getattr(tuple, number, desc, &is_null); });
        if (is_null) return std::nullopt;
        return datum;
    };
    const auto org = value("org_id");
    const auto payload = value("payload");
    if (!org || !payload) return PointerGetDatum(tuple);
    Jsonb* object = jsonb_of(*payload);
    if (!JB_ROOT_IS_OBJECT(object)) return PointerGetDatum(tuple);

    const std::string org_text = sentinel::uuid_text(*DatumGetUUIDP(*org));
    const core::Identity who = identity_of(object);
    const auto combined = core::combined_fingerprint(org_text, who);
    const auto email = core::email_fingerprint(org_text, who.email);
    // A domain alone names a company: what tells its people apart joins it.
    const bool has_personal_key =
        !core::unicode_trim(who.email).empty() || !core::unicode_trim(who.profile_link).empty();
    const auto anonymous = has_personal_key ? std::nullopt : core::anonymous_fingerprint(org_text, who);
    const std::optional<std::string> prints[] = {
        combined ? combined : anonymous,
        combined ? anonymous : std::nullopt,
        email,
        core::profile_fingerprint(org_text, who.profile_link),
        core::phone_fingerprint(org_text, who.phone, who.name),
    };
    constexpr const char* names[] = {"fingerprint", "fingerprint_person", "fingerprint_email",
                                     "fingerprint_profile", "fingerprint_phone"};
    int columns[5];
    Datum values[5];
    bool nulls[5];
    for (int i = 0; i < 5; ++i) {
        columns[i] = column(names[i]);
        nulls[i] = !prints[i];
        values[i] = prints[i] ? pg::text_datum(*prints[i]) : Datum{0};
    }
    tuple = pg::server([&] { return heap_modify_tuple_by_cols(tuple, desc, 5, columns, values, nulls); });
    return PointerGetDatum(tuple);
}
