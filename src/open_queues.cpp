#include "open_queues.hpp"

#include "generation.hpp"
#include "pg/remembered.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace sentinel::queue {

namespace {

struct Rule {
    bool paused = false;
    int64 limit = 0;
};

// Never destroyed: the server calls it back as long as it runs.
pg::Remembered<Rule>& rules() {
    static auto* all = new pg::Remembered<Rule>("queues");
    return *all;
}

const Oid kNameTypes[] = {TEXTOID};
pg::Statement find_rule = {
    "SELECT q.paused_at IS NOT NULL, coalesce(q.max_running, 0) FROM sentinel.queues q"
    " WHERE q.queue OPERATOR(pg_catalog.=) $1",
    1, kNameTypes};

pg::Statement find_outside_types = {
    "SELECT t.job_type, t.queue FROM sentinel.job_types t WHERE t.kind OPERATOR(pg_catalog.=) 'http'", 0,
    nullptr};

// A queue without a row has neither pause nor limit.
Rule rule_of(std::string_view queue) {
    if (const Rule* known = rules().find(queue)) return *known;
    Datum name = pg::text_datum(queue);
    Rule rule;
    if (find_rule.run(&name) > 0) rule = {DatumGetBool(*pg::cell(0, 1)), DatumGetInt32(*pg::cell(0, 2))};
    return rules().keep(queue, rule);
}

}  // namespace

Outside kept_inside() {
    Outside out;
    if (!parked()) return out;
    const uint64 count = find_outside_types.run(nullptr);
    for (uint64 row = 0; row < count; row++) {
        out.types.insert(pg::text_cell(row, 1));
        out.queues.insert(pg::text_cell(row, 2));
    }
    return out;
}

std::vector<std::pair<std::string, int64>> open_queues(Datum names, const Outside& outside) {
    Datum* items = nullptr;
    bool* absent = nullptr;
    int count = 0;
    pg::server([&] {
        deconstruct_array(DatumGetArrayTypeP(names), TEXTOID, -1, false, TYPALIGN_INT, &items, &absent,
                          &count);
    });
    std::vector<std::pair<std::string, int64>> open;
    for (int i = 0; i < count; i++) {
        if (absent[i]) continue;
        const std::string name(pg::view(items[i]));
        const Rule rule = rule_of(name);
        if (!rule.paused && outside.queues.count(name) == 0) open.emplace_back(name, rule.limit);
    }
    return open;
}

void watch_queues() {
    rules().watch();
}

}  // namespace sentinel::queue
