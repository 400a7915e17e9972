/* Median, quantiles and ranks of a window.
 *
 * Each symbol of a tile keeps its window sorted: the oldest value goes, the newest comes, and what lies between moves by
 * one. A window with a NaN has no order: its NaN are counted, not kept.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/number.h"
#include "base/simd.h"
#include "indicator/kernel.h"

typedef struct sorted_window {
    size_t n; /* values in it */
    size_t n_nan;
    double *value; /* ascending */
} sorted_window;

/* The first place whose value is not less than x. */
static size_t place_of(const sorted_window *w, double x) {
    size_t low = 0, high = w->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (w->value[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void add_value(sorted_window *w, double x) {
    if (isnan(x)) {
        w->n_nan++;
        return;
    }
    size_t at = place_of(w, x);
    memmove(w->value + at + 1, w->value + at, (w->n - at) * sizeof *w->value);
    w->value[at] = x + 0; /* no negative zero: which zero is where must not matter */
    w->n++;
}

static void remove_value(sorted_window *w, double x) {
    if (isnan(x)) {
        w->n_nan--;
        return;
    }
    size_t at = place_of(w, x);
    memmove(w->value + at, w->value + at + 1, (w->n - at - 1) * sizeof *w->value);
    w->n--;
}

/* The value at the fraction q of the way from the lowest to the highest, straight between neighbours. */
static double quantile_of(const sorted_window *w, double q) {
    if (w->n_nan != 0)
        return ASSAY_NAN;
    double at = q * (double)(w->n - 1), below = floor(at);
    size_t i = (size_t)below;
    if (at == below)
        return w->value[i];
    return w->value[i] + (at - below) * (w->value[i + 1] - w->value[i]);
}

static void quantile_row(const assay_tile *t, sorted_window *windows, size_t row, size_t length, double q) {
    const double *now = assay_tile_row(t, 0, row);
    const double *gone = row >= length ? assay_tile_row(t, 0, row - length) : NULL;
    double *out = assay_out_row(t, row);
    for (size_t s = 0; s < t->n; s++) {
        if (gone != NULL)
            remove_value(&windows[s], gone[s]);
        add_value(&windows[s], now[s]);
        out[s] = row + 1 < length ? ASSAY_NAN : quantile_of(&windows[s], q);
    }
}

static assay_status quantile_rows(const assay_tile *t, double q, assay_error *err) {
    size_t length = (size_t)t->number[0], kept = length < t->n_rows ? length : t->n_rows;
    sorted_window windows[ASSAY_TILE] = {0};
    double *values = assay_aligned_alloc(ASSAY_TILE * kept, sizeof *values);
    if (values == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a window of %zu bars", length);
    for (size_t s = 0; s < ASSAY_TILE; s++)
        windows[s].value = values + s * kept;
    for (size_t row = 0; row < t->n_rows; row++)
        quantile_row(t, windows, row, length, q);
    free(values);
    return ASSAY_OK;
}

static assay_status median_tile(const assay_tile *t, assay_error *err) {
    return quantile_rows(t, 0.5, err);
}

assay_status assay_kernel_median(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {median_tile, .n_series = 1};
    return assay_by_tile(in, &plan, out, err);
}

static assay_status quantile_tile(const assay_tile *t, assay_error *err) {
    return quantile_rows(t, t->number[1], err);
}

assay_status assay_kernel_quantile(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {quantile_tile, .n_series = 1};
    return assay_by_tile(in, &plan, out, err);
}

/* --- rank: counted anew for every window, side by side for all symbols --- */

/* Twice what the newest value's rank has of x: 2 for a smaller one, 1 for an equal one. */
ASSAY_SIMD static void count_row(size_t n, const double *restrict now, const double *restrict x,
                                 double *restrict twice) {
    for (size_t s = 0; s < n; s++) {
        double known = x[s] < now[s] ? 2 : 0;
        double count = x[s] == now[s] ? 1 : known;
        twice[s] += isnan(x[s]) ? ASSAY_NAN : count;
    }
}

ASSAY_SIMD static void rank_row(size_t n, double length, const double *restrict twice, double *restrict out) {
    for (size_t s = 0; s < n; s++)
        out[s] = (twice[s] + 1) / 2 / length;
}

static assay_status rank_tile(const assay_tile *t, assay_error *err) {
    (void)err;
    size_t length = (size_t)t->number[0];
    for (size_t row = 0; row < t->n_rows; row++) {
        const double *now = assay_tile_row(t, 0, row);
        double twice[ASSAY_TILE] = {0};
        if (row + 1 < length) {
            assay_fill_nan(assay_out_row(t, row), t->n);
            continue;
        }
        for (size_t i = row + 1 - length; i < row; i++)
            count_row(t->n, now, assay_tile_row(t, 0, i), twice);
        for (size_t s = 0; s < t->n; s++)
            twice[s] += isnan(now[s]) ? ASSAY_NAN : 1;
        rank_row(t->n, (double)length, twice, assay_out_row(t, row));
    }
    return ASSAY_OK;
}

assay_status assay_kernel_rank(const assay_kernel_input *in, double *out, assay_error *err) {
    const assay_tile_plan plan = {rank_tile, .n_series = 1};
    return assay_by_tile(in, &plan, out, err);
}
