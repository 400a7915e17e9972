/* Moving averages beside the simple and the weighted one (rolling_statistics.c). */
#include <math.h>

#include "base/number.h"
#include "base/simd.h"
#include "indicator/kernel.h"
#include "indicator/smooth.h"

/* --- exponential, once, twice, three times --- */

/* The states of chained averages: each smooths the one before it, seeded by its first n values. */
typedef struct chain {
    double period, weight;
    size_t n_links;
    double value[3][ASSAY_TILE];
    double average[3][ASSAY_TILE]; /* of the row */
} chain;

static void chain_row(const assay_tile *t, chain *c, size_t row) {
    const double *x = assay_tile_row(t, 0, row);
    for (size_t i = 0; i < c->n_links; i++) {
        double own_row = (double)row - (double)i * (c->period - 1);
        assay_smooth_row(t->n, own_row, c->period, c->weight, t->begin, x, c->value[i], c->average[i]);
        x = c->average[i];
    }
}

static chain chain_of(double period, size_t n_links) {
    return (chain){.period = period, .weight = assay_ema_weight(period), .n_links = n_links};
}

static assay_status ema_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    double value[ASSAY_TILE] = {0}, weight = assay_ema_weight(t->number[0]);
    for (size_t row = 0; row < t->n_rows; row++)
        assay_smooth_row(t->n, (double)row, t->number[0], weight, t->begin, assay_tile_row(t, 0, row), value,
                         assay_out_row(t, row));
    return ASSAY_OK;
}

assay_status assay_kernel_ema(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {ema_tile, .n_series = 1, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

ASSAY_SIMD static void dema_row(size_t n, const double *restrict once, const double *restrict twice,
                                double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = 2 * once[s] - twice[s];
}

static assay_status dema_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    chain c = chain_of(t->number[0], 2);
    for (size_t row = 0; row < t->n_rows; row++) {
        chain_row(t, &c, row);
        dema_row(t->n, c.average[0], c.average[1], assay_out_row(t, row));
    }
    return ASSAY_OK;
}

assay_status assay_kernel_dema(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {dema_tile, .n_series = 1, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

ASSAY_SIMD static void tema_row(size_t n, const double *restrict once, const double *restrict twice,
                                const double *restrict thrice, double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = 3 * (once[s] - twice[s]) + thrice[s];
}

static assay_status tema_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    chain c = chain_of(t->number[0], 3);
    for (size_t row = 0; row < t->n_rows; row++) {
        chain_row(t, &c, row);
        tema_row(t->n, c.average[0], c.average[1], c.average[2], assay_out_row(t, row));
    }
    return ASSAY_OK;
}

assay_status assay_kernel_tema(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {tema_tile, .n_series = 1, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

/* The change of the triple average from row to row, in percent. `previous` is NaN before the first. */
ASSAY_SIMD static void trix_row(size_t n, const double *restrict now, double *restrict previous,
                                double *restrict out) {
    for (size_t s = 0; s < n; s++) {
        out[s] = (now[s] / previous[s] - 1) * 100;
        previous[s] = now[s];
    }
}

static assay_status trix_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    chain c = chain_of(t->number[0], 3);
    double previous[ASSAY_TILE];
    assay_fill_nan(previous, ASSAY_TILE);
    for (size_t row = 0; row < t->n_rows; row++) {
        chain_row(t, &c, row);
        trix_row(t->n, c.average[2], previous, assay_out_row(t, row));
    }
    return ASSAY_OK;
}

assay_status assay_kernel_trix(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {trix_tile, .n_series = 1, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}

/* --- triangular: the mean of means, their lengths together n + 1 --- */

static assay_status trima_tile(const assay_tile *t, assay_error *err) {
    size_t n = (size_t)t->number[0], first = n / 2 + 1, second = (n + 1) / 2;
    if (n % 2 == 1)
        first = second;
    assay_status status = assay_rolling_mean(t->x[0], t->n_rows, t->n, first, t->scratch[0], ASSAY_TILE, err);
    if (status != ASSAY_OK)
        return status;
    return assay_rolling_mean(assay_scratch_rows(t, 0), t->n_rows, t->n, second, t->out, t->out_stride, err);
}

assay_status assay_kernel_trima(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {trima_tile, .n_series = 1, .n_scratch = 1};
    return assay_by_tile(in, &plan, out, err);
}

/* --- Kaufman's adaptive average --- */

ASSAY_SIMD static void distance_row(size_t n, const double *restrict now, const double *restrict then,
                                    double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = fabs(now[s] - then[s]);
}

/* The average starts at the value before the first full window of changes. Where nothing moved it stands where it is
 * whatever the speed, so that 0 / 0 may count as 1. */
ASSAY_SIMD static void kama_row(size_t n, double row, double period, const double *restrict begin,
                                const double *restrict x, const double *restrict distance,
                                const double *restrict path, double *restrict value, double *restrict out) {
    const double slow = 2.0 / 31, fast = 2.0 / 3;
    for (size_t s = 0; s < n; s++) {
        double age = row - begin[s];
        double ratio = distance[s] < path[s] ? distance[s] / path[s] : 1;
        double speed = ratio * (fast - slow) + slow;
        double next = value[s] + speed * speed * (x[s] - value[s]);
        value[s] = age < period ? x[s] : next;
        out[s] = age < period ? ASSAY_NAN : next;
    }
}

static assay_status kama_tile(const assay_tile *t, assay_error *err) {
    size_t period = (size_t)t->number[0];
    double *change = t->scratch[0], *path = t->scratch[1];
    double value[ASSAY_TILE] = {0}, distance[ASSAY_TILE] = {0};
    assay_fill_nan(change, t->n);
    for (size_t row = 1; row < t->n_rows; row++)
        distance_row(t->n, assay_tile_row(t, 0, row), assay_tile_row(t, 0, row - 1),
                     assay_scratch_row(t, 0, row));
    assay_status status =
        assay_rolling_sum(assay_scratch_rows(t, 0), t->n_rows, t->n, period, path, ASSAY_TILE, err);
    for (size_t row = 0; status == ASSAY_OK && row < t->n_rows; row++) {
        const double *x = assay_tile_row(t, 0, row);
        if (row >= period)
            distance_row(t->n, x, assay_tile_row(t, 0, row - period), distance);
        kama_row(t->n, (double)row, (double)period, t->begin, x, distance, assay_scratch_row(t, 1, row),
                 value, assay_out_row(t, row));
    }
    return status;
}

assay_status assay_kernel_kama(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {kama_tile, .n_series = 1, .n_scratch = 2, .is_recursive = true};
    return assay_by_tile(in, &plan, out, err);
}
