/* Reading a finished panel. Building one: panel_builder.c, own_time.c. */
#include "market/panel_extras.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/block.h"
#include "base/dates.h"
#include "base/hash.h"
#include "base/number.h"

void assay_panel_destroy(assay_panel *panel) {
    if (panel == NULL)
        return;
    free(panel->timestamp_us);
    free(panel->day);
    free(panel->bar_end_us);
    free(panel->name_block);
    free(panel->name);
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
        assay_block_free(panel->column[c]);
    assay_block_free(panel->own_price);
    free(panel->first_bar);
    free(panel->last_bar);
    assay_block_free(panel->gap_bar);
    free(panel->gap_begin);
    free(panel->irregular);
    assay_block_free(panel->filled);
    free(panel->event);
    free(panel->factor_step);
    assay_panel_reset_extras(panel);
    free(panel);
}

size_t assay_panel_n_bars(const assay_panel *panel) {
    return panel->n_bars;
}

size_t assay_panel_n_symbols(const assay_panel *panel) {
    return panel->n_symbols;
}

const char *assay_panel_symbol(const assay_panel *panel, size_t symbol) {
    return panel->name[symbol];
}

bool assay_panel_find_symbol(const assay_panel *panel, const char *name, size_t *out_symbol) {
    size_t low = 0, high = panel->n_symbols;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(panel->name[middle], name);
        if (order == 0) {
            *out_symbol = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

const int64_t *assay_panel_timestamps(const assay_panel *panel) {
    return panel->timestamp_us;
}

const double *assay_panel_row(const assay_panel *panel, int column, size_t bar) {
    if (column >= ASSAY_N_PRICE_COLUMNS)
        return (size_t)column - ASSAY_N_PRICE_COLUMNS < panel->n_extra
                   ? panel->extra[column - ASSAY_N_PRICE_COLUMNS].values + bar * panel->stride
                   : NULL;
    return panel->column[column] == NULL ? NULL : panel->column[column] + bar * panel->stride;
}

bool assay_panel_has_events(const assay_panel *panel) {
    return panel->n_events != 0;
}

void assay_panel_fingerprint(const assay_panel *panel, char out_hex[33]) {
    assay_hash hash;
    assay_hash_init(&hash);
    assay_hash_add(&hash, &panel->n_bars, sizeof panel->n_bars);
    for (size_t s = 0; s < panel->n_symbols; s++)
        assay_hash_add(&hash, panel->name[s], strlen(panel->name[s]));
    assay_hash_add(&hash, panel->timestamp_us, panel->n_bars * sizeof *panel->timestamp_us);
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        assay_hash_add(&hash, &c, sizeof c);
        for (size_t t = 0; panel->column[c] != NULL && t < panel->n_bars; t++)
            assay_hash_add(&hash, panel->column[c] + t * panel->stride, panel->n_symbols * sizeof(double));
    }
    for (size_t i = 0; i < panel->n_events; i++)
        assay_hash_add(&hash, &panel->event[i], sizeof panel->event[i]);
    assay_panel_hash_extras(panel, panel->n_bars, NULL, panel->n_symbols, &hash);
    assay_hash_hex(&hash, out_hex);
}

size_t assay_panel_gaps_until(const assay_panel *panel, size_t symbol, size_t bar) {
    const uint32_t *gap = panel->gap_bar + panel->gap_begin[symbol];
    size_t low = 0, high = panel->gap_begin[symbol + 1] - panel->gap_begin[symbol];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (gap[middle] <= bar)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t assay_panel_own_count(const assay_panel *panel, size_t symbol, size_t bar) {
    if (bar < panel->first_bar[symbol])
        return 0;
    size_t last = bar < panel->last_bar[symbol] ? bar : panel->last_bar[symbol];
    return last - panel->first_bar[symbol] + 1 - assay_panel_gaps_until(panel, symbol, last);
}

/* The factor of a symbol at an own-time row. */
static double factor_at(const assay_panel *panel, size_t symbol, size_t row) {
    double factor = 1;
    for (size_t i = 0; i < panel->n_factor_steps && panel->factor_step[i].row <= row; i++) {
        if (panel->factor_step[i].symbol == symbol)
            factor = panel->factor_step[i].factor;
    }
    return factor;
}

size_t assay_panel_bar_of_row(const assay_panel *panel, size_t symbol, size_t row) {
    size_t first = panel->first_bar[symbol], last = panel->last_bar[symbol];
    if (first == panel->n_bars || row < first)
        return panel->n_bars;
    const uint32_t *gap = panel->gap_bar + panel->gap_begin[symbol];
    size_t bar = row, n_gaps = panel->gap_begin[symbol + 1] - panel->gap_begin[symbol];
    for (size_t i = 0; i < n_gaps && gap[i] <= bar; i++)
        bar++;
    return bar <= last ? bar : panel->n_bars;
}

/* The part of a factor step that is splits, up to an own-time row. */
static double split_factor_at(const assay_panel *panel, size_t symbol, size_t row) {
    double split = 1, factor = 1;
    for (size_t i = 0; i < panel->n_factor_steps && panel->factor_step[i].row <= row; i++) {
        const assay_factor_step *step = &panel->factor_step[i];
        if (step->symbol != symbol)
            continue;
        split *= step->factor / factor / step->not_split;
        factor = step->factor;
    }
    return split;
}

double assay_panel_adjusted(const assay_panel *panel, int column, size_t symbol, size_t bar, size_t lag) {
    if (column == ASSAY_COLUMN_CLOSE)
        return assay_panel_adjusted_close(panel, symbol, bar, lag);
    if (bar >= panel->n_bars || column < 0 || column >= ASSAY_N_PRICE_COLUMNS ||
        panel->column[column] == NULL ||
        isnan(panel->column[ASSAY_COLUMN_CLOSE][bar * panel->stride + symbol]) ||
        lag >= assay_panel_own_count(panel, symbol, bar))
        return ASSAY_NAN;
    size_t row = bar - assay_panel_gaps_until(panel, symbol, bar);
    size_t then = assay_panel_bar_of_row(panel, symbol, row - lag);
    double value = panel->column[column][then * panel->stride + symbol];
    if (column == ASSAY_COLUMN_VOLUME)
        return value * (split_factor_at(panel, symbol, row) / split_factor_at(panel, symbol, row - lag));
    return value * factor_at(panel, symbol, row - lag) / factor_at(panel, symbol, row);
}

int64_t assay_panel_bar_length(const assay_panel *panel) {
    const int64_t day = ASSAY_US_PER_DAY;
    int64_t least = INT64_MAX;
    bool midnights = true;
    if (panel->bar_length_us != 0)
        return panel->bar_length_us;
    for (size_t t = 0; t < panel->n_bars; t++) {
        midnights = midnights && panel->timestamp_us[t] % day == 0;
        if (t > 0 && panel->timestamp_us[t] - panel->timestamp_us[t - 1] < least)
            least = panel->timestamp_us[t] - panel->timestamp_us[t - 1];
    }
    return midnights || panel->n_bars < 2 ? day : least;
}

double assay_panel_adjusted_close(const assay_panel *panel, size_t symbol, size_t bar, size_t lag) {
    if (bar >= panel->n_bars || isnan(panel->column[ASSAY_COLUMN_CLOSE][bar * panel->stride + symbol]))
        return ASSAY_NAN;
    if (lag >= assay_panel_own_count(panel, symbol, bar))
        return ASSAY_NAN;
    size_t row = bar - assay_panel_gaps_until(panel, symbol, bar);
    return panel->own_price[(row - lag) * panel->stride + symbol] / factor_at(panel, symbol, row);
}
