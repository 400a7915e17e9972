/* Rows straight to their cells.
 *
 * Where symbols and times are known beforehand, the matrices are made first and a row needs no other memory than its
 * cell. What is not clean (a duplicate, a price that is none, an unknown symbol or time) is refused: who wants it resolved
 * gathers the rows with a builder that expects nothing.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/block.h"
#include "base/number.h"
#include "market/builder.h"

void assay_direct_reset(assay_direct *d) {
    assay_panel_destroy(d->panel);
    free(d->rank);
    free(d->calendar.bar_of);
    free(d->taken);
    *d = (assay_direct){0};
}

assay_status assay_panel_builder_expect(assay_panel_builder *b, const int64_t *times, size_t n_times,
                                        assay_error *err) {
    assay_direct *d = &b->direct;
    if (b->n_rows != 0 || n_times == 0 || b->symbols.n_names == 0)
        return assay_error_set(err, ASSAY_E_ARGUMENT,
                               "a builder must know its symbols and times before its first row");
    assay_direct_reset(d);
    d->panel = calloc(1, sizeof *d->panel);
    d->rank = malloc(b->symbols.n_names * sizeof *d->rank);
    if (d->panel == NULL || d->rank == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a panel");
    d->panel->n_symbols = b->symbols.n_names;
    d->panel->stride = (d->panel->n_symbols + 7) / 8 * 8;
    assay_status status = assay_builder_sort_symbols(b, d->panel, d->rank, err);
    if (status == ASSAY_OK)
        status = assay_calendar_make(d->panel, times, n_times, &d->calendar, err);
    if (status != ASSAY_OK)
        return status;
    d->taken = calloc(d->panel->n_bars * d->panel->stride / 8 + 1, 1);
    return d->taken == NULL ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a panel") : ASSAY_OK;
}

static assay_status need_columns(assay_panel *panel, const assay_panel_rows *rows, assay_error *err) {
    size_t n_cells = panel->n_bars * panel->stride;
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        if (rows->column[c] == NULL || panel->column[c] != NULL)
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

static assay_status refuse(assay_error *err) {
    return assay_error_set(err, ASSAY_E_DATA, "the rows are not clean: gather them to see why");
}

/* Puts one row; false where it is not clean. */
static bool put_row(assay_direct *d, const assay_panel_rows *rows, size_t i) {
    size_t bar = assay_calendar_find(d->panel, &d->calendar, rows->timestamp_us[i]);
    if (rows->symbol[i] >= d->panel->n_symbols || bar == ASSAY_NO_BAR)
        return false;
    size_t cell = bar * d->panel->stride + d->rank[rows->symbol[i]];
    if ((d->taken[cell / 8] >> (cell % 8) & 1) != 0)
        return false;
    d->taken[cell / 8] = (unsigned char)(d->taken[cell / 8] | 1u << (cell % 8));
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        if (rows->column[c] == NULL)
            continue;
        double value = rows->column[c][i];
        if (assay_is_bad_price(c, value))
            return false;
        d->panel->column[c][cell] = isnan(value) ? ASSAY_NAN : value;
    }
    d->n_without_close +=
        rows->column[ASSAY_COLUMN_CLOSE] == NULL || isnan(rows->column[ASSAY_COLUMN_CLOSE][i]) ? 1 : 0;
    return true;
}

assay_status assay_direct_add_rows(assay_panel_builder *b, const assay_panel_rows *rows, assay_error *err) {
    assay_direct *d = &b->direct;
    assay_status status = need_columns(d->panel, rows, err);
    bool has_events = rows->dividend != NULL || rows->split_ratio != NULL;
    for (size_t i = 0; status == ASSAY_OK && i < rows->n_rows; i++) {
        if (!put_row(d, rows, i))
            return refuse(err);
        if (!has_events)
            continue;
        assay_raw_event event = {.symbol = rows->symbol[i],
                                 .from_row = 1,
                                 .row = d->n_rows + i,
                                 .ex_date_us = rows->timestamp_us[i],
                                 .split_ratio = rows->split_ratio == NULL ? ASSAY_NAN : rows->split_ratio[i],
                                 .dividend = rows->dividend == NULL ? ASSAY_NAN : rows->dividend[i]};
        status = assay_builder_add_event(b, event, err);
    }
    d->n_rows += rows->n_rows;
    return status;
}

assay_status assay_direct_finish(assay_panel_builder *b, const assay_panel_options *options,
                                 assay_panel **out_panel, assay_panel_report *out_report, assay_error *err) {
    assay_direct *d = &b->direct;
    if (d->n_rows == d->n_without_close)
        return refuse(err);
    for (size_t i = 0; i < b->n_events; i++) {
        b->event[i].symbol = d->rank[b->event[i].symbol];
        b->event[i].child = b->event[i].child_ratio > 0 ? d->rank[b->event[i].child] : ASSAY_NO_CHILD;
    }
    assay_status status = assay_panel_finish_own_time(d->panel, b->event, b->n_events, options, err);
    if (status != ASSAY_OK)
        return status;
    if (out_report != NULL)
        *out_report = (assay_panel_report){
            .n_rows = d->n_rows, .n_without_close = d->n_without_close, .n_events = d->panel->n_events};
    *out_panel = d->panel;
    d->panel = NULL;
    return ASSAY_OK;
}
