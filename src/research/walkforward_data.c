/* The data of a test as a single run over its dates loads them: rows after its end are not read.
 *
 * A fold is tested on the panel of the whole period, whose later rows cannot be seen. What a stored run says about its data
 * (fingerprint, number of symbols, warnings about the market) is made from the rows up to the test's end all the same, so
 * that a fold and its single run are stored alike.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "engine/result.h"
#include "market/panel_extras.h"
#include "research/walkforward.h"

/* The symbols with an own bar by then, ascending. Their number. */
static size_t list_symbols(const assay_panel *panel, size_t n_bars, uint32_t *out_symbols) {
    size_t n = 0;
    for (size_t s = 0; s < panel->n_symbols; s++) {
        if (panel->first_bar[s] < n_bars)
            out_symbols[n++] = (uint32_t)s;
    }
    return n;
}

/* As assay_panel_fingerprint of a panel of these bars and symbols; `row` is scratch. */
static void hash_columns(assay_hash *hash, const assay_panel *panel, size_t n_bars, const uint32_t *symbol,
                         size_t n, double *row) {
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        assay_hash_add(hash, &c, sizeof c);
        for (size_t t = 0; panel->column[c] != NULL && t < n_bars; t++) {
            const double *from = panel->column[c] + t * panel->stride;
            for (size_t i = 0; i < n && n < panel->n_symbols; i++)
                row[i] = from[symbol[i]];
            assay_hash_add(hash, n < panel->n_symbols ? row : from, n * sizeof *row);
        }
    }
}

/* The place of a number among some in ascending order; what it is itself where it is not among them. */
static uint32_t rank_of(const uint32_t *symbol, size_t n, uint32_t wanted) {
    for (size_t i = 0; i < n; i++) {
        if (symbol[i] == wanted)
            return (uint32_t)i;
    }
    return wanted;
}

static void hash_events(assay_hash *hash, const assay_panel *panel, size_t n_bars, const uint32_t *symbol,
                        size_t n) {
    for (size_t i = 0; i < panel->n_events && panel->event[i].bar < n_bars; i++) {
        assay_panel_event event = panel->event[i];
        uint32_t rank = 0;
        while (rank < n && symbol[rank] < event.symbol)
            rank++;
        if (rank == n || symbol[rank] != event.symbol)
            continue;
        event.symbol = rank;
        event.child = rank_of(symbol, n, event.child);
        assay_hash_add(hash, &event, sizeof event);
    }
}

assay_status assay_walkforward_data(const assay_walkforward *wf, size_t fold, char out_fingerprint[33],
                                    size_t *out_n_symbols, assay_error *err) {
    const assay_panel *panel = wf->panel;
    size_t n_bars = wf->fold[fold].shown.test_last + 1;
    uint32_t *symbol = malloc(panel->n_symbols * sizeof *symbol);
    double *row = malloc(panel->n_symbols * sizeof *row);
    if (symbol == NULL || row == NULL) {
        free(symbol);
        free(row);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu symbols", panel->n_symbols);
    }
    size_t n = list_symbols(panel, n_bars, symbol);
    assay_hash hash;
    assay_hash_init(&hash);
    assay_hash_add(&hash, &n_bars, sizeof n_bars);
    for (size_t i = 0; i < n; i++)
        assay_hash_add(&hash, panel->name[symbol[i]], strlen(panel->name[symbol[i]]));
    assay_hash_add(&hash, panel->timestamp_us, n_bars * sizeof *panel->timestamp_us);
    hash_columns(&hash, panel, n_bars, symbol, n, row);
    hash_events(&hash, panel, n_bars, symbol, n);
    assay_panel_hash_extras(panel, n_bars, symbol, n, &hash);
    assay_hash_hex(&hash, out_fingerprint);
    *out_n_symbols = n;
    free(symbol);
    free(row);
    return ASSAY_OK;
}

/* --- warnings about the market --- */

/* Every symbol trades to the end of the bars. */
static bool nobody_ends(const assay_panel *p, size_t n_bars, int64_t days) {
    size_t n_symbols = 0;
    for (size_t s = 0; s < p->n_symbols; s++) {
        if (p->first_bar[s] >= n_bars)
            continue;
        size_t last = n_bars - 1;
        while (isnan(p->column[ASSAY_COLUMN_CLOSE][last * p->stride + s]))
            last--;
        if (p->day[n_bars - 1] - p->day[last] > days)
            return false;
        n_symbols++;
    }
    return n_symbols >= 20 && p->day[n_bars - 1] - p->day[0] > 3 * 365;
}

void assay_walkforward_warn(const assay_panel *panel, size_t n_bars, assay_result *result) {
    const assay_settings *s = &result->config->settings;
    const uint32_t of_data = ASSAY_WARNING_NO_DELISTING | ASSAY_WARNING_PRICE_LEVELS;
    bool has_events = panel->n_events != 0 && panel->event[0].bar < n_bars;
    result->warnings &= ~of_data;
    if (nobody_ends(panel, n_bars, s->delist_after_days))
        result->warnings |= ASSAY_WARNING_NO_DELISTING;
    if (!has_events && (s->commission_per_share > 0 || s->lot_size > 0))
        result->warnings |= ASSAY_WARNING_PRICE_LEVELS;
}
