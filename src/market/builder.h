/* The inside of the panel builder, shared by panel_builder.c (rows → matrices) and own_time.c (events, own time). */
#ifndef ASSAY_MARKET_BUILDER_H
#define ASSAY_MARKET_BUILDER_H

#include "market/panel.h"
#include "market/symbol_table.h"

/* A corporate action as it came in. `row`: the price row that carries it, or NO_ROW (a table of its own). */
typedef struct assay_raw_event {
    uint32_t symbol; /* builder id; panel number after sorting */
    uint32_t from_row;
    size_t row;
    int64_t ex_date_us;
    double split_ratio;
    double dividend;
} assay_raw_event;

struct assay_panel_builder {
    assay_symbol_table symbols;
    assay_symbol_table sources;
    size_t n_rows;
    uint32_t *symbol;
    int64_t *timestamp_us;
    double *column[ASSAY_N_PRICE_COLUMNS]; /* NULL until some row has the column */
    int64_t *version_us;                   /* likewise */
    uint32_t *source;                      /* likewise */
    size_t symbol_capacity, timestamp_capacity, column_capacity[ASSAY_N_PRICE_COLUMNS], version_capacity,
        source_capacity;
    assay_raw_event *event;
    size_t n_events, event_capacity;
};

/* Fills first_bar … n_irregular, event, factor_step and own_price of a panel whose columns are ready. `events` are the
 * raw events with panel symbol numbers, in any order. */
ASSAY_NODISCARD assay_status assay_panel_finish_own_time(assay_panel *panel, assay_raw_event *events,
                                                         size_t n_events, assay_signal_prices signal_prices,
                                                         assay_error *err);

#endif
