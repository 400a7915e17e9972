/* The inside of the panel builder, shared by panel_builder.c (rows → matrices) and own_time.c (events, own time). */
#ifndef ASSAY_MARKET_BUILDER_H
#define ASSAY_MARKET_BUILDER_H

#include "market/calendar_index.h"
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
    int64_t pay_date_us; /* where has_pay_date */
    uint32_t child;      /* where child_ratio is above 0; like symbol */
    bool has_pay_date;
    double child_ratio;
} assay_raw_event;

/* Rows that go straight to their cells; see panel_direct.c. */
typedef struct assay_direct {
    assay_panel *panel; /* NULL: rows are gathered */
    uint32_t *rank;
    assay_calendar_index calendar;
    unsigned char *taken; /* one bit a cell */
    size_t n_rows, n_without_close;
} assay_direct;

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
    assay_direct direct;
};

/* True where a number cannot be a price (or, for volume, a volume). NaN is merely missing. */
bool assay_is_bad_price(int column, double value);

/* Keeps an event if it is one. ASSAY_E_DATA: negative or infinite. */
ASSAY_NODISCARD assay_status assay_builder_add_event(assay_panel_builder *b, assay_raw_event event,
                                                     assay_error *err);

/* Sorts the symbols by bytes into the panel, which gets a copy of their names; out_rank[builder id] = panel number. */
ASSAY_NODISCARD assay_status assay_builder_sort_symbols(assay_panel_builder *b, assay_panel *panel,
                                                        uint32_t *out_rank, assay_error *err);

void assay_direct_reset(assay_direct *direct);
ASSAY_NODISCARD assay_status assay_direct_add_rows(assay_panel_builder *b, const assay_panel_rows *rows,
                                                   assay_error *err);
ASSAY_NODISCARD assay_status assay_direct_finish(assay_panel_builder *b, const assay_panel_options *options,
                                                 assay_panel **out_panel, assay_panel_report *out_report,
                                                 assay_error *err);

/* gap_policy: forward_fill: at most so many bars in a row after an own bar. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_panel_fill_gaps(assay_panel *panel, size_t most, assay_error *err);

/* Fills first_bar … n_irregular, event, factor_step and own_price of a panel whose columns are ready. `events` are the
 * raw events with panel symbol numbers, in any order. */
ASSAY_NODISCARD assay_status assay_panel_finish_own_time(assay_panel *panel, assay_raw_event *events,
                                                         size_t n_events, const assay_panel_options *options,
                                                         assay_error *err);

#endif
