/* A panel with another future: built anew from the rows of the first, so that nothing of what was worked out from the old
 * future can stay. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "assay/assay_verify.h"
#include "base/array.h"
#include "base/block.h"
#include "base/dates.h"
#include "base/number.h"
#include "base/rng.h"
#include "market/panel_extras.h"
#include "market/resample.h"
#include "market/universe.h"

const char *assay_perturbation_name(int perturbation) {
    static const char *const names[] = {"noise", "scaled prices", "splits", "missing bars", "nothing"};
    return perturbation >= 0 && perturbation < ASSAY_N_PERTURBATIONS ? names[perturbation] : "?";
}

/* The rows of one bar on their way into a builder. */
typedef struct bar_rows {
    uint32_t *symbol;
    int64_t *time;
    double *column[ASSAY_N_PRICE_COLUMNS];
    size_t n;
} bar_rows;

typedef struct perturber {
    const assay_panel *from;
    size_t cut;
    assay_perturbation how;
    assay_rng rng;
    assay_panel_builder *builder;
    bool *ends;    /* of each symbol: it never trades again */
    double *split; /* of each symbol: product of the ratios so far */
    bar_rows rows;
    assay_error *err;
} perturber;

static bool allocate(perturber *p) {
    size_t n = p->from->n_symbols;
    p->ends = calloc(n + 1, sizeof *p->ends);
    p->split = malloc((n + 1) * sizeof *p->split);
    p->rows.symbol = malloc((n + 1) * sizeof *p->rows.symbol);
    p->rows.time = malloc((n + 1) * sizeof *p->rows.time);
    bool whole = p->ends != NULL && p->split != NULL && p->rows.symbol != NULL && p->rows.time != NULL;
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        p->rows.column[c] = malloc((n + 1) * sizeof(double));
        whole = whole && p->rows.column[c] != NULL;
    }
    return whole;
}

static void reset(perturber *p) {
    free(p->ends);
    free(p->split);
    free(p->rows.symbol);
    free(p->rows.time);
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
        free(p->rows.column[c]);
    assay_panel_builder_destroy(p->builder);
}

/* --- one bar --- */

static double cell(const assay_panel *p, int column, size_t t, size_t s) {
    bool is_filled = p->filled != NULL && p->filled[t * p->stride + s] != 0;
    return p->column[column] == NULL || is_filled ? ASSAY_NAN : p->column[column][t * p->stride + s];
}

static bool has_row(const assay_panel *p, size_t t, size_t s) {
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        if (!isnan(cell(p, c, t, s)))
            return true;
    }
    return false;
}

/* What the row's prices and its volume are multiplied by. */
static void draw_factors(perturber *p, size_t s, double *out_price, double *out_volume) {
    *out_price = *out_volume = 1;
    if (p->how == ASSAY_PERTURB_NOISE) {
        *out_price = 0.5 + 1.5 * assay_rng_uniform(&p->rng);
        *out_volume = 0.2 + 3 * assay_rng_uniform(&p->rng);
    } else if (p->how == ASSAY_PERTURB_SCALED) {
        *out_price = 3;
    } else if (p->how == ASSAY_PERTURB_SPLITS) {
        *out_price = 1 / p->split[s];
        *out_volume = p->split[s];
    }
}

static void add_row(perturber *p, size_t t, size_t s, bool future) {
    bar_rows *r = &p->rows;
    double price = 1, volume = 1;
    if (future)
        draw_factors(p, s, &price, &volume);
    r->symbol[r->n] = (uint32_t)s;
    r->time[r->n] = p->from->timestamp_us[t];
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        double value = cell(p->from, c, t, s);
        r->column[c][r->n] = future ? value * (c == ASSAY_COLUMN_VOLUME ? volume : price) : value;
    }
    r->n++;
}

static assay_status add_bar(perturber *p, size_t t) {
    bool future = t > p->cut;
    p->rows.n = 0;
    for (size_t s = 0; s < p->from->n_symbols; s++) {
        bool dropped =
            future && p->how == ASSAY_PERTURB_MISSING && (p->ends[s] || assay_rng_uniform(&p->rng) < 0.3);
        if (!dropped && has_row(p->from, t, s))
            add_row(p, t, s, future);
    }
    if (p->rows.n == 0 && !future) /* a bar that an event alone has made */
        add_row(p, t, 0, false);
    assay_panel_rows rows = {.n_rows = p->rows.n, .symbol = p->rows.symbol, .timestamp_us = p->rows.time};
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
        rows.column[c] = p->from->column[c] == NULL ? NULL : p->rows.column[c];
    return p->rows.n == 0 ? ASSAY_OK : assay_panel_builder_add_rows(p->builder, &rows, p->err);
}

/* --- events --- */

/* Splits of the new future: at the bar after the cut, and now and then later. */
static assay_status add_splits(perturber *p, size_t t) {
    static const double ratios[] = {2, 3, 1.5, 0.1, 7};
    assay_status status = ASSAY_OK;
    for (size_t s = 0; s < p->from->n_symbols && status == ASSAY_OK; s++) {
        if (t != p->cut + 1 && assay_rng_uniform(&p->rng) > 0.01)
            continue;
        double ratio = ratios[assay_rng_below(&p->rng, sizeof ratios / sizeof *ratios)];
        p->split[s] *= ratio;
        status = assay_panel_builder_add_event(p->builder, (uint32_t)s, p->from->timestamp_us[t], ratio, 0,
                                               p->err);
    }
    return status;
}

/* Events of the past stay; dividends of the future go, for they may exceed the new prices. */
static assay_status add_events(perturber *p) {
    for (size_t i = 0; i < p->from->n_events; i++) {
        const assay_panel_event *e = &p->from->event[i];
        bool future = e->bar > p->cut;
        bool spins_off = e->child != ASSAY_NO_CHILD;
        if (future && (spins_off || p->how == ASSAY_PERTURB_NOTHING || p->how == ASSAY_PERTURB_SPLITS))
            continue;
        const assay_corporate_action action = {
            .symbol = e->symbol,
            .ex_date_us = e->ex_date_us,
            .split_ratio = e->split_ratio,
            .cash_dividend = future || spins_off ? 0 : e->dividend,
            .pay_date_us = e->pay_day == INT32_MIN ? INT64_MIN : (int64_t)e->pay_day * ASSAY_US_PER_DAY,
            .new_symbol = spins_off ? e->child : 0,
            .new_ratio = spins_off ? e->child_ratio : 0};
        assay_status status = assay_panel_builder_add_action(p->builder, &action, p->err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

static assay_status add_all(perturber *p) {
    const assay_panel *from = p->from;
    assay_status status = ASSAY_OK;
    for (size_t s = 0; s < from->n_symbols && status == ASSAY_OK; s++) {
        uint32_t id;
        status = assay_panel_builder_symbol(p->builder, from->name[s], strlen(from->name[s]), &id, p->err);
        p->ends[s] = assay_rng_uniform(&p->rng) < 0.5;
        p->split[s] = 1;
    }
    size_t last = p->how == ASSAY_PERTURB_NOTHING ? p->cut + 1 : from->n_bars;
    for (size_t t = 0; t < last && status == ASSAY_OK; t++) {
        if (p->how == ASSAY_PERTURB_SPLITS && t > p->cut)
            status = add_splits(p, t);
        if (status == ASSAY_OK)
            status = add_bar(p, t);
    }
    return status == ASSAY_OK ? add_events(p) : status;
}

/* --- what comes beside prices --- */

static size_t old_symbol(const assay_panel *from, const assay_panel *to, size_t s) {
    size_t found = from->n_symbols;
    (void)assay_panel_find_symbol(from, to->name[s], &found);
    return found;
}

static assay_status copy_sectors(const assay_panel *from, assay_panel *to, assay_error *err) {
    if (from->sector == NULL)
        return ASSAY_OK;
    const char **sector = malloc((to->n_symbols + 1) * sizeof *sector);
    if (sector == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the sectors");
    for (size_t s = 0; s < to->n_symbols; s++)
        sector[s] = assay_panel_sector(from, old_symbol(from, to, s));
    assay_status status = assay_panel_set_sectors(to, sector, err);
    free(sector);
    return status;
}

/* The bars of `to` that are not bars of `from` do not exist: it has fewer, never others. */
static size_t old_bar(const assay_panel *from, const assay_panel *to, size_t t, size_t start) {
    while (from->timestamp_us[start] < to->timestamp_us[t])
        start++;
    return start;
}

static assay_status copy_benchmark(perturber *p, assay_panel *to) {
    const assay_panel *from = p->from;
    if (from->benchmark_return == NULL)
        return ASSAY_OK;
    to->benchmark_return = malloc((to->n_bars + 1) * sizeof *to->benchmark_return);
    if (to->benchmark_return == NULL)
        return assay_error_set(p->err, ASSAY_E_NOMEM, "out of memory for a benchmark");
    for (size_t t = 0, old = 0; t < to->n_bars; t++) {
        old = old_bar(from, to, t, old);
        double noise = assay_rng_uniform(&p->rng) - 0.5;
        to->benchmark_return[t] = t <= p->cut ? from->benchmark_return[old] : noise;
    }
    return ASSAY_OK;
}

static assay_status copy_columns(perturber *p, assay_panel *to) {
    const assay_panel *from = p->from;
    assay_status status = ASSAY_OK;
    double *values = assay_block_alloc(to->n_bars * to->n_symbols + 1, sizeof *values);
    if (values == NULL)
        return assay_error_set(p->err, ASSAY_E_NOMEM, "out of memory for columns");
    for (size_t c = 0; c < from->n_extra && status == ASSAY_OK; c++) {
        for (size_t t = 0, old = 0; t < to->n_bars; t++) {
            old = old_bar(from, to, t, old);
            for (size_t s = 0; s < to->n_symbols; s++) {
                double value = from->extra[c].values[old * from->stride + old_symbol(from, to, s)];
                values[t * to->n_symbols + s] =
                    t <= p->cut ? value : value * (3 * assay_rng_uniform(&p->rng) - 1);
            }
        }
        status = assay_panel_add_column(to, from->extra[c].name, values, p->err);
    }
    assay_block_free(values);
    return status;
}

assay_status assay_panel_perturb(const assay_panel *panel, size_t cut, assay_perturbation perturbation,
                                 uint64_t seed, assay_panel **out_panel, assay_error *err) {
    *out_panel = NULL;
    if (cut >= panel->n_bars)
        return assay_error_set(err, ASSAY_E_ARGUMENT, "a cut at bar %zu of %zu", cut, panel->n_bars);
    perturber p = {.from = panel, .cut = cut, .how = perturbation, .err = err};
    assay_rng_init(&p.rng, seed);
    assay_status status = assay_panel_builder_create(&p.builder, err);
    if (status == ASSAY_OK && !allocate(&p))
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu symbols", panel->n_symbols);
    if (status == ASSAY_OK)
        status = add_all(&p);
    const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_KEEP,
                                         .signal_prices = panel->signal_prices,
                                         .fill_gap_bars = panel->fill_gap_bars};
    assay_panel *to = NULL;
    if (status == ASSAY_OK)
        status = assay_panel_builder_finish(p.builder, &options, &to, NULL, err);
    if (status == ASSAY_OK)
        status = assay_panel_copy_bars(panel, to, err);
    if (status == ASSAY_OK)
        status = copy_sectors(panel, to, err);
    if (status == ASSAY_OK)
        status = assay_panel_copy_universe(panel, to, cut, err);
    if (status == ASSAY_OK)
        status = copy_benchmark(&p, to);
    if (status == ASSAY_OK && panel->n_extra != 0)
        status = copy_columns(&p, to);
    reset(&p);
    if (status != ASSAY_OK) {
        assay_panel_destroy(to);
        return status;
    }
    *out_panel = to;
    return ASSAY_OK;
}
