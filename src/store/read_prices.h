/* Rows of the prices table and of corporate_actions into a panel builder. Internal to loading. */
#ifndef ASSAY_STORE_READ_PRICES_H
#define ASSAY_STORE_READ_PRICES_H

#include "prices_table.h"
#include "symbol_changes.h"
#include "symbol_lookup.h"

typedef struct assay_price_reading {
    assay_panel_builder *builder;
    assay_symbol_lookup symbols;
    const assay_wanted_symbols *wanted;
    bool with_version;   /* second pass: versions and files too */
    bool all_midnight;   /* every timestamp was at 00:00 */
    size_t n_rows;       /* given to the builder */
    size_t n_incomplete; /* rows without symbol or timestamp, left out */
} assay_price_reading;

/* Reads all rows into the builder. ASSAY_E_DATA where a row has no symbol or no timestamp and on_bad_data is error. */
ASSAY_NODISCARD assay_status assay_prices_read(assay_store *store, const assay_prices_table *table,
                                               const assay_load_spec *spec, assay_price_reading *reading,
                                               assay_error *err);

/* Reads the corporate_actions table, where there is one, for the symbols that the lookup knows. */
ASSAY_NODISCARD assay_status assay_events_read(assay_store *store, const assay_load_spec *spec,
                                               assay_price_reading *reading, assay_error *err);

#endif
