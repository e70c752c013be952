// What a session keeps of the rows of a small table that seldom changes: until sentinel.table_changed() tells
// of a change in any session, and at most for a second.
#pragma once

#include "pg/table.hpp"

namespace sentinel::pg {

// The part that knows no type of value. Of objects that are never destroyed only: the server calls them back.
class RememberedTable {
 public:
    // table: its name in schema sentinel.
    explicit RememberedTable(const char* table) : table_(table) {}
    RememberedTable(const RememberedTable&) = delete;
    RememberedTable& operator=(const RememberedTable&) = delete;

    // Listen to changes. Called once, when the library is loaded.
    void watch();

 protected:
    ~RememberedTable() = default;
    // Whether what is kept must be dropped; then the time of the next reading begins.
    bool is_old();

 private:
    static void told(Datum self, Oid relation);

    static constexpr int64 kKeptFor = USECS_PER_SEC;
    const char* const table_;
    Oid oid_ = InvalidOid;
    TimestampTz read_at_ = 0;
    bool changed_ = true;
};

// Values by a text key.
template <class Value>
class Remembered final : public RememberedTable {
 public:
    using RememberedTable::RememberedTable;

    // The value kept under a key; null when there is none. Ask before keep().
    const Value* find(std::string_view key) {
        if (is_old()) values_.clear();
        const auto found = values_.find(key);
        return found == values_.end() ? nullptr : &found->second;
    }

    const Value& keep(std::string_view key, Value value) {
        return values_.insert_or_assign(std::string(key), std::move(value)).first->second;
    }

 private:
    std::map<std::string, Value, std::less<>> values_;
};

}  // namespace sentinel::pg
