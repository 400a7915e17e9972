/* Rows in any order → a panel. The rows are gathered column by column; then the symbols are sorted, the calendar is the
 * sorted union of the timestamps, and every row goes to its cell. Duplicates are looked for on the way and only then cost
 * anything: a second scatter resolves them with the winner of each cell. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/block.h"
#include "base/dates.h"
#include "base/number.h"
#include "market/builder.h"
#include "market/calendar_index.h"

static const char *const column_name[ASSAY_N_PRICE_COLUMNS] = {"open", "high", "low", "close", "volume"};

assay_status assay_panel_builder_create(assay_panel_builder **out_builder, assay_error *err) {
    *out_builder = calloc(1, sizeof **out_builder);
    return *out_builder == NULL ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a panel builder")
                                : ASSAY_OK;
}

/* Frees the rows early: the matrices are about to need the memory. */
static void free_rows(assay_panel_builder *builder) {
    assay_block_free(builder->symbol);
    assay_block_free(builder->timestamp_us);
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        assay_block_free(builder->column[c]);
        builder->column[c] = NULL;
    }
    assay_block_free(builder->version_us);
    assay_block_free(builder->source);
    builder->symbol = NULL;
    builder->timestamp_us = NULL;
    builder->version_us = NULL;
    builder->source = NULL;
    builder->n_rows = 0;
}

void assay_panel_builder_destroy(assay_panel_builder *builder) {
    if (builder == NULL)
        return;
    free_rows(builder);
    assay_direct_reset(&builder->direct);
    free(builder->event);
    assay_symbol_table_reset(&builder->symbols);
    assay_symbol_table_reset(&builder->sources);
    free(builder);
}

assay_status assay_panel_builder_symbol(assay_panel_builder *builder, const char *name, size_t name_size,
                                        uint32_t *out_id, assay_error *err) {
    return assay_symbol_table_id(&builder->symbols, name, name_size, out_id, err);
}

assay_status assay_panel_builder_source(assay_panel_builder *builder, const char *name, uint32_t *out_source,
                                        assay_error *err) {
    size_t size = strlen(name);
    const char *end_of_name = size > ASSAY_LONGEST_SYMBOL ? name + size - ASSAY_LONGEST_SYMBOL : name;
    return assay_symbol_table_id(&builder->sources, end_of_name, strlen(end_of_name), out_source, err);
}

/* Room for n more rows in an optional column; the rows before the first that has it read `missing`. */
#define RESERVE_COLUMN(builder, pointer, capacity, n, missing, err)                                          \
    reserve_filled((void **)&(pointer), &(capacity), (builder)->n_rows, (n), sizeof *(pointer), &(missing),  \
                   (err))

static assay_status reserve_filled(void **block, size_t *capacity, size_t n_before, size_t n_more,
                                   size_t size, const void *missing, assay_error *err) {
    bool is_new = *block == NULL;
    assay_status status = assay_block_reserve(block, capacity, n_before + n_more, size, err);
    for (size_t i = 0; status == ASSAY_OK && is_new && i < n_before; i++)
        memcpy((char *)*block + i * size, missing, size);
    return status;
}

static assay_status reserve_rows(assay_panel_builder *b, const assay_panel_rows *rows, assay_error *err) {
    const double no_number = ASSAY_NAN;
    const int64_t no_version = INT64_MIN;
    const uint32_t no_source = 0;
    assay_status status = ASSAY_RESERVE_BLOCK(b->symbol, b->symbol_capacity, b->n_rows + rows->n_rows, err);
    if (status == ASSAY_OK)
        status = ASSAY_RESERVE_BLOCK(b->timestamp_us, b->timestamp_capacity, b->n_rows + rows->n_rows, err);
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS && status == ASSAY_OK; c++) {
        if (rows->column[c] != NULL || b->column[c] != NULL)
            status = RESERVE_COLUMN(b, b->column[c], b->column_capacity[c], rows->n_rows, no_number, err);
    }
    if (status == ASSAY_OK && (rows->version_us != NULL || b->version_us != NULL))
        status = RESERVE_COLUMN(b, b->version_us, b->version_capacity, rows->n_rows, no_version, err);
    if (status == ASSAY_OK && (rows->source != NULL || b->source != NULL))
        status = RESERVE_COLUMN(b, b->source, b->source_capacity, rows->n_rows, no_source, err);
    return status;
}

static bool is_split(double ratio) {
    return !isnan(ratio) && ratio != 0 && ratio != 1;
}

static bool is_dividend(double dividend) {
    return !isnan(dividend) && dividend != 0;
}

assay_status assay_builder_add_event(assay_panel_builder *b, assay_raw_event event, assay_error *err) {
    if (is_split(event.split_ratio) || is_dividend(event.dividend) || event.child_ratio > 0) {
        bool bad_split = is_split(event.split_ratio) && (event.split_ratio < 0 || isinf(event.split_ratio));
        if (bad_split || (is_dividend(event.dividend) && (event.dividend < 0 || isinf(event.dividend)))) {
            char date[32];
            assay_time_format(event.ex_date_us, date, sizeof date);
            return assay_error_set(
                err, ASSAY_E_DATA,
                "%s of %s at %s is %g: it must be finite and not negative; correct the row",
                bad_split ? "split ratio" : "dividend", assay_symbol_table_name(&b->symbols, event.symbol),
                date, bad_split ? event.split_ratio : event.dividend);
        }
        event.split_ratio = is_split(event.split_ratio) ? event.split_ratio : 1;
        event.dividend = is_dividend(event.dividend) ? event.dividend : 0;
        assay_status status = ASSAY_RESERVE(b->event, b->event_capacity, b->n_events + 1, err);
        if (status != ASSAY_OK)
            return status;
        b->event[b->n_events++] = event;
    }
    return ASSAY_OK;
}

assay_status assay_panel_builder_add_rows(assay_panel_builder *b, const assay_panel_rows *rows,
                                          assay_error *err) {
    size_t n = rows->n_rows;
    if (b->direct.panel != NULL)
        return assay_direct_add_rows(b, rows, err);
    for (size_t i = 0; i < n; i++) {
        if (rows->symbol[i] >= b->symbols.n_names)
            return assay_error_set(err, ASSAY_E_ARGUMENT,
                                   "row %zu has symbol id %" PRIu32 ", but only %zu are known", i,
                                   rows->symbol[i], b->symbols.n_names);
    }
    assay_status status = reserve_rows(b, rows, err);
    for (size_t i = 0; status == ASSAY_OK && (rows->dividend != NULL || rows->split_ratio != NULL) && i < n;
         i++) {
        assay_raw_event event = {.symbol = rows->symbol[i],
                                 .from_row = 1,
                                 .row = b->n_rows + i,
                                 .ex_date_us = rows->timestamp_us[i],
                                 .split_ratio = rows->split_ratio == NULL ? ASSAY_NAN : rows->split_ratio[i],
                                 .dividend = rows->dividend == NULL ? ASSAY_NAN : rows->dividend[i]};
        status = assay_builder_add_event(b, event, err);
    }
    if (status != ASSAY_OK)
        return status;
    memcpy(b->symbol + b->n_rows, rows->symbol, n * sizeof *b->symbol);
    memcpy(b->timestamp_us + b->n_rows, rows->timestamp_us, n * sizeof *b->timestamp_us);
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        if (rows->column[c] != NULL)
            memcpy(b->column[c] + b->n_rows, rows->column[c], n * sizeof(double));
        else
            for (size_t i = 0; b->column[c] != NULL && i < n; i++)
                b->column[c][b->n_rows + i] = ASSAY_NAN;
    }
    for (size_t i = 0; b->version_us != NULL && i < n; i++)
        b->version_us[b->n_rows + i] = rows->version_us == NULL ? INT64_MIN : rows->version_us[i];
    for (size_t i = 0; b->source != NULL && i < n; i++)
        b->source[b->n_rows + i] = rows->source == NULL ? 0 : rows->source[i];
    b->n_rows += n;
    return ASSAY_OK;
}

assay_status assay_panel_builder_add_event(assay_panel_builder *b, uint32_t symbol, int64_t ex_date_us,
                                           double split_ratio, double cash_dividend, assay_error *err) {
    if (symbol >= b->symbols.n_names)
        return assay_error_set(err, ASSAY_E_ARGUMENT,
                               "an event has symbol id %" PRIu32 ", but only %zu are known", symbol,
                               b->symbols.n_names);
    assay_raw_event event = {
        .symbol = symbol, .ex_date_us = ex_date_us, .split_ratio = split_ratio, .dividend = cash_dividend};
    return assay_builder_add_event(b, event, err);
}

assay_status assay_panel_builder_add_action(assay_panel_builder *b, const assay_corporate_action *a,
                                            assay_error *err) {
    bool spins_off = is_dividend(a->new_ratio); /* neither missing nor 0 */
    if (a->symbol >= b->symbols.n_names || (spins_off && a->new_symbol >= b->symbols.n_names))
        return assay_error_set(
            err, ASSAY_E_ARGUMENT, "a corporate action has symbol id %" PRIu32 ", but only %zu are known",
            a->symbol >= b->symbols.n_names ? a->symbol : a->new_symbol, b->symbols.n_names);
    if (spins_off && (!(a->new_ratio > 0) || isinf(a->new_ratio) || a->new_symbol == a->symbol)) {
        char date[32];
        assay_time_format(a->ex_date_us, date, sizeof date);
        return assay_error_set(
            err, ASSAY_E_DATA,
            "the spin-off of %s at %s is %g shares of %s: it must be a finite number above 0 "
            "of another symbol; correct the row",
            assay_symbol_table_name(&b->symbols, a->symbol), date, a->new_ratio,
            assay_symbol_table_name(&b->symbols, a->new_symbol));
    }
    assay_raw_event event = {.symbol = a->symbol,
                             .ex_date_us = a->ex_date_us,
                             .split_ratio = a->split_ratio,
                             .dividend = a->cash_dividend,
                             .pay_date_us = a->pay_date_us,
                             .has_pay_date = a->pay_date_us != INT64_MIN,
                             .child = a->new_symbol,
                             .child_ratio = spins_off ? a->new_ratio : 0};
    return assay_builder_add_event(b, event, err);
}

/* --- symbols --- */

typedef struct named_id {
    const char *name;
    uint32_t id;
} named_id;

static int compare_names(const void *a, const void *b) {
    return strcmp(((const named_id *)a)->name, ((const named_id *)b)->name);
}

assay_status assay_builder_sort_symbols(assay_panel_builder *b, assay_panel *panel, uint32_t *out_rank,
                                        assay_error *err) {
    size_t n = b->symbols.n_names;
    named_id *sorted = malloc(n * sizeof *sorted);
    panel->name = malloc(n * sizeof *panel->name);
    panel->name_block = malloc(b->symbols.n_bytes);
    if (sorted == NULL || panel->name == NULL || panel->name_block == NULL) {
        free(sorted);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu symbols", n);
    }
    memcpy(panel->name_block, b->symbols.bytes, b->symbols.n_bytes);
    for (size_t i = 0; i < n; i++)
        sorted[i] = (named_id){panel->name_block + b->symbols.begin[i], (uint32_t)i};
    qsort(sorted, n, sizeof *sorted, compare_names);
    for (size_t i = 0; i < n; i++) {
        panel->name[i] = sorted[i].name;
        out_rank[sorted[i].id] = (uint32_t)i;
    }
    free(sorted);
    return ASSAY_OK;
}

/* --- rows to cells --- */

static const char *source_of(const assay_panel_builder *b, size_t row) {
    uint32_t source = b->source == NULL ? 0 : b->source[row];
    return source < b->sources.n_names ? assay_symbol_table_name(&b->sources, source) : "the data";
}

typedef struct scatter {
    assay_panel_builder *builder;
    assay_panel *panel;
    const assay_panel_options *options;
    assay_panel_report *report;
    const uint32_t *rank;
    assay_calendar_index calendar;
    unsigned char *taken;   /* one bit a cell, while no duplicate has been seen */
    size_t *winner;         /* row + 1 of each cell, after one has */
    unsigned char *dropped; /* one byte a row, with events that must follow their rows; may be NULL */
} scatter;

static assay_status refuse_price(const scatter *sc, size_t row, int column, double value, assay_error *err) {
    char date[32];
    assay_time_format(sc->builder->timestamp_us[row], date, sizeof date);
    return assay_error_set(
        err, ASSAY_E_DATA,
        "%s of %s at %s is %g in %s: prices must be positive and finite; correct the data, or set "
        "on_bad_data to drop (leave such rows out) or keep",
        column_name[column], sc->panel->name[sc->rank[sc->builder->symbol[row]]], date, value,
        source_of(sc->builder, row));
}

/* True where a number cannot be a price (or, for volume, a volume). NaN is merely missing. */
bool assay_is_bad_price(int column, double value) {
    return column == ASSAY_COLUMN_VOLUME ? value < 0 || isinf(value) : value <= 0 || isinf(value);
}

/* Decides about a row's numbers: *out_keep false where it is left out. */
static assay_status check_row(const scatter *sc, size_t row, bool *out_keep, assay_error *err) {
    *out_keep = true;
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        const double *column = sc->builder->column[c];
        if (column == NULL || !assay_is_bad_price(c, column[row]))
            continue;
        if (sc->options->on_bad_data == ASSAY_BAD_DATA_ERROR)
            return refuse_price(sc, row, c, column[row], err);
        if (sc->options->on_bad_data == ASSAY_BAD_DATA_DROP)
            *out_keep = false;
    }
    return ASSAY_OK;
}

static void put_row(const scatter *sc, size_t row, size_t cell) {
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        const double *column = sc->builder->column[c];
        if (column != NULL)
            sc->panel->column[c][cell] =
                isnan(column[row]) || assay_is_bad_price(c, column[row]) ? ASSAY_NAN : column[row];
    }
}

static int64_t version_of(const assay_panel_builder *b, size_t row) {
    return b->version_us == NULL ? INT64_MIN : b->version_us[row];
}

static uint32_t source_number(const assay_panel_builder *b, size_t row) {
    return b->source == NULL ? 0 : b->source[row];
}

/* Of two rows of one cell, which stays: the newer version, else the later file, else the later row. */
static bool replaces(const assay_panel_builder *b, size_t row, size_t old_row) {
    if (version_of(b, row) != version_of(b, old_row))
        return version_of(b, row) > version_of(b, old_row);
    return source_number(b, row) >= source_number(b, old_row);
}

static size_t cell_of(const scatter *sc, size_t row) {
    const assay_panel_builder *b = sc->builder;
    return assay_calendar_bar(sc->panel, &sc->calendar, b->timestamp_us[row]) * sc->panel->stride +
           sc->rank[b->symbol[row]];
}

/* Once every cell has its winner: counts the rows that lost. One that nothing tells from the winner is a mistake in the
 * data, found whatever the order of the rows. */
static assay_status settle_losers(scatter *sc, assay_error *err) {
    const assay_panel_builder *b = sc->builder;
    for (size_t row = 0; row < b->n_rows; row++) {
        bool keep = true;
        assay_status status = check_row(sc, row, &keep, err);
        if (status != ASSAY_OK)
            return status;
        size_t cell = cell_of(sc, row);
        if (!keep)
            continue;
        size_t winner = sc->winner[cell] - 1;
        if (winner == row) {
            sc->report->n_without_close += isnan(sc->panel->column[ASSAY_COLUMN_CLOSE][cell]) ? 1 : 0;
        } else if (version_of(b, row) != version_of(b, winner) ||
                   source_number(b, row) != source_number(b, winner)) {
            sc->report->n_replaced++;
        } else if (sc->options->on_bad_data != ASSAY_BAD_DATA_ERROR) {
            sc->report->n_dropped++;
        } else {
            char date[32];
            assay_time_format(b->timestamp_us[row], date, sizeof date);
            return assay_error_set(
                err, ASSAY_E_DATA,
                "%s has two rows for %s in %s and nothing says which is newer: remove one, or set "
                "on_bad_data to drop (the last row stays)",
                sc->panel->name[sc->rank[b->symbol[row]]], date, source_of(b, row));
        }
    }
    return ASSAY_OK;
}

/* One pass over the rows. *out_again: a duplicate turned up in the first pass; do a second one with `winner`. */
static assay_status scatter_rows(scatter *sc, bool *out_again, assay_error *err) {
    const assay_panel_builder *b = sc->builder;
    *out_again = false;
    sc->report->n_replaced = sc->report->n_dropped = sc->report->n_without_close = 0;
    for (size_t row = 0; row < b->n_rows; row++) {
        bool keep = true;
        assay_status status = check_row(sc, row, &keep, err);
        if (status != ASSAY_OK)
            return status;
        if (!keep) {
            sc->report->n_dropped++;
            if (sc->dropped != NULL)
                sc->dropped[row] = 1;
            continue;
        }
        size_t cell = cell_of(sc, row);
        if (sc->winner == NULL) {
            if ((sc->taken[cell / 8] >> (cell % 8) & 1) != 0) {
                *out_again = true;
                return ASSAY_OK;
            }
            sc->taken[cell / 8] = (unsigned char)(sc->taken[cell / 8] | 1u << (cell % 8));
        } else if (sc->winner[cell] != 0) {
            bool new_wins = replaces(b, row, sc->winner[cell] - 1);
            size_t loser = new_wins ? sc->winner[cell] - 1 : row;
            if (sc->dropped != NULL)
                sc->dropped[loser] = 1;
            if (!new_wins)
                continue;
        }
        if (sc->winner != NULL)
            sc->winner[cell] = row + 1;
        put_row(sc, row, cell);
        if (sc->winner == NULL)
            sc->report->n_without_close += isnan(sc->panel->column[ASSAY_COLUMN_CLOSE][cell]) ? 1 : 0;
    }
    return ASSAY_OK;
}

static assay_status allocate_columns(const assay_panel_builder *b, assay_panel *panel, assay_error *err) {
    size_t n_cells = panel->n_bars * panel->stride;
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        if (b->column[c] == NULL)
            continue;
        panel->column[c] = assay_block_alloc(n_cells, sizeof(double));
        if (panel->column[c] == NULL)
            return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu bars x %zu symbols",
                                   panel->n_bars, panel->n_symbols);
        for (size_t i = 0; i < n_cells; i++)
            panel->column[c][i] = ASSAY_NAN;
    }
    return ASSAY_OK;
}

static assay_status fill_columns(scatter *sc, assay_error *err) {
    size_t n_cells = sc->panel->n_bars * sc->panel->stride;
    assay_status status = allocate_columns(sc->builder, sc->panel, err);
    if (status != ASSAY_OK)
        return status;
    sc->taken = calloc(n_cells / 8 + 1, 1);
    if (sc->builder->n_events != 0)
        sc->dropped = calloc(sc->builder->n_rows, 1);
    if (sc->taken == NULL || (sc->dropped == NULL && sc->builder->n_events != 0))
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu cells", n_cells);
    bool again = false;
    status = scatter_rows(sc, &again, err);
    if (status == ASSAY_OK && again) {
        sc->winner = assay_block_calloc(n_cells, sizeof *sc->winner);
        if (sc->winner == NULL)
            return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu cells", n_cells);
        if (sc->dropped != NULL)
            memset(sc->dropped, 0, sc->builder->n_rows);
        status = scatter_rows(sc, &again, err);
        if (status == ASSAY_OK)
            status = settle_losers(sc, err);
    }
    return status;
}

/* Events of rows that were left out or replaced go; the others get panel symbol numbers. */
static void settle_events(scatter *sc) {
    assay_panel_builder *b = sc->builder;
    size_t n = 0;
    for (size_t i = 0; i < b->n_events; i++) {
        assay_raw_event event = b->event[i];
        if (event.from_row != 0 && sc->dropped[event.row] != 0)
            continue;
        event.symbol = sc->rank[event.symbol];
        event.child = event.child_ratio > 0 ? sc->rank[event.child] : ASSAY_NO_CHILD;
        b->event[n++] = event;
    }
    b->n_events = n;
}

static assay_status build(assay_panel_builder *b, scatter *sc, uint32_t *rank, assay_error *err) {
    assay_status status = assay_builder_sort_symbols(b, sc->panel, rank, err);
    if (status == ASSAY_OK)
        status = assay_calendar_make(sc->panel, b->timestamp_us, b->n_rows, &sc->calendar, err);
    if (status == ASSAY_OK)
        status = fill_columns(sc, err);
    if (status != ASSAY_OK)
        return status;
    if (sc->report->n_without_close + sc->report->n_dropped + sc->report->n_replaced >= b->n_rows)
        return assay_error_set(err, ASSAY_E_DATA, "no row has a close price: there is nothing to run on");
    settle_events(sc);
    free_rows(b);
    return assay_panel_finish_own_time(sc->panel, b->event, b->n_events, sc->options, err);
}

assay_status assay_panel_builder_finish(assay_panel_builder *b, const assay_panel_options *options,
                                        assay_panel **out_panel, assay_panel_report *out_report,
                                        assay_error *err) {
    *out_panel = NULL;
    if (b->direct.panel != NULL)
        return assay_direct_finish(b, options, out_panel, out_report, err);
    assay_panel_report report = {.n_rows = b->n_rows};
    if (b->n_rows == 0 || b->column[ASSAY_COLUMN_CLOSE] == NULL)
        return assay_error_set(err, ASSAY_E_DATA, "no row has a close price: there is nothing to run on");
    assay_panel *panel = calloc(1, sizeof *panel);
    uint32_t *rank = malloc(b->symbols.n_names * sizeof *rank);
    assay_status status = ASSAY_OK;
    if (panel == NULL || rank == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a panel");
    } else {
        panel->n_symbols = b->symbols.n_names;
        panel->stride = (panel->n_symbols + 7) / 8 * 8;
        scatter sc = {.builder = b, .panel = panel, .options = options, .report = &report, .rank = rank};
        status = build(b, &sc, rank, err);
        free(sc.calendar.bar_of);
        free(sc.taken);
        assay_block_free(sc.winner);
        free(sc.dropped);
    }
    free(rank);
    if (status != ASSAY_OK) {
        assay_panel_destroy(panel);
        return status;
    }
    report.n_events = panel->n_events;
    if (out_report != NULL)
        *out_report = report;
    *out_panel = panel;
    return ASSAY_OK;
}
