#include "pg/rows.hpp"

namespace sentinel::pg {

Datum array(const std::vector<Datum>& items, Oid element_type) {
    return server([&] {
        int16 length;
        bool by_value;
        char alignment;
        get_typlenbyvalalign(element_type, &length, &by_value, &alignment);
        return PointerGetDatum(construct_array(const_cast<Datum*>(items.data()),
                                               static_cast<int>(items.size()), element_type, length, by_value,
                                               alignment));
    });
}

Datum array(const std::vector<std::optional<Datum>>& items, Oid element_type) {
    return server([&] {
        int16 length;
        bool by_value;
        char alignment;
        get_typlenbyvalalign(element_type, &length, &by_value, &alignment);
        auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * (items.size() + 1)));
        auto* nulls = static_cast<bool*>(palloc(items.size() + 1));
        for (size_t i = 0; i < items.size(); i++) {
            nulls[i] = !items[i].has_value();
            values[i] = items[i].value_or(0);
        }
        int sizes[] = {static_cast<int>(items.size())};
        int starts[] = {1};
        return PointerGetDatum(
            construct_md_array(values, nulls, 1, sizes, starts, element_type, length, by_value, alignment));
    });
}

Datum tid_array(std::vector<ItemPointerData>& tids) {
    std::vector<Datum> items;
    items.reserve(tids.size());
    for (auto& tid : tids) items.push_back(PointerGetDatum(&tid));
    return array(items, TIDOID);
}

int array_size(Datum array_datum) {
    return server([&] {
        ArrayType* value = DatumGetArrayTypeP(array_datum);
        return ArrayGetNItems(ARR_NDIM(value), ARR_DIMS(value));
    });
}

Rows::Rows(FunctionCallInfo fcinfo) {
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    if (result == nullptr || !IsA(result, ReturnSetInfo) || (result->allowedModes & SFRM_Materialize) == 0)
        throw Failure("0A000", "set-returning function called where a set is not accepted", "",
                      "Call it in FROM: SELECT * FROM ...");
    server([&] {
        MemoryContext old = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
        TupleDesc declared;
        if (get_call_result_type(fcinfo, nullptr, &declared) != TYPEFUNC_COMPOSITE)
            elog(ERROR, "return type must be a row type");
        desc_ = BlessTupleDesc(CreateTupleDescCopy(declared));
        store_ =
            tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
        result->returnMode = SFRM_Materialize;
        result->setResult = store_;
        result->setDesc = desc_;
        MemoryContextSwitchTo(old);
    });
}

void Rows::add(HeapTuple tuple, TupleDesc from, int columns) {
    Datum values[100];
    bool nulls[100];
    server([&] {
        for (int column = 0; column < columns; column++)
            values[column] = SPI_getbinval(tuple, from, column + 1, &nulls[column]);
        tuplestore_putvalues(store_, desc_, values, nulls);
    });
}

void Rows::add(Datum* values, bool* nulls) {
    server([&] { tuplestore_putvalues(store_, desc_, values, nulls); });
}

}  // namespace sentinel::pg
