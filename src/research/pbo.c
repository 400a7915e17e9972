/* Combinatorially symmetric cross-validation.
 *
 * The Sharpe ratio of any set of blocks follows from sums over its blocks. Blocks are cut into a lower and an upper half, and
 * each half's sums are tabulated for all of its subsets, so that a split costs two look-ups a series. Series are gone through
 * one by one, twice: first to find the best of each split, then to rank it; nothing is kept a series.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/number.h"
#include "base/sum.h"
#include "metrics/overfit.h"

enum { MOST_HALF_SETS = 1 << (ASSAY_PBO_MAX_BLOCKS / 2) };

/* Sums of a set of rows, of returns less the mean of the whole series: then the squares do not cancel. */
typedef struct set_sums {
    double n, sum, squares;
} set_sums;

/* Rounding leaves a constant series some deviation: below this fraction of the mean there is none. */
#define NO_DEVIATION 1e-9

/* What becomes of one split. */
typedef struct split {
    uint32_t in_sample; /* one bit a block */
    uint32_t reserved;
    double best_in, best_out; /* Sharpe ratios of the best in sample; NaN while there is none */
    double n_below, n_equal;  /* series out of sample below the best's, and equal to it (itself too) */
} split;

typedef struct validation {
    const double *returns;
    size_t n_bars, n_series;
    unsigned n_blocks;
    split *split;
    size_t n_splits;
    double mean; /* of the series at hand */
    set_sums lower[MOST_HALF_SETS], upper[MOST_HALF_SETS];
} validation;

static set_sums joined(set_sums a, set_sums b) {
    return (set_sums){a.n + b.n, a.sum + b.sum, a.squares + b.squares};
}

/* The first row of a block; of block n_blocks, the end. */
static size_t block_begin(const validation *v, size_t block) {
    return v->n_bars / v->n_blocks * block + v->n_bars % v->n_blocks * block / v->n_blocks;
}

static void tabulate(const set_sums *block, unsigned n_blocks, set_sums *out_sets) {
    out_sets[0] = (set_sums){0, 0, 0};
    for (unsigned b = 0; b < n_blocks; b++) {
        for (size_t set = 0; set < (size_t)1 << b; set++)
            out_sets[set | (size_t)1 << b] = joined(out_sets[set], block[b]);
    }
}

static void load_series(validation *v, size_t series) {
    set_sums block[ASSAY_PBO_MAX_BLOCKS];
    assay_sum total = {0};
    for (size_t t = 0; t < v->n_bars; t++)
        assay_sum_add(&total, v->returns[t * v->n_series + series]);
    v->mean = assay_sum_value(&total) / (double)v->n_bars;
    for (unsigned b = 0; b < v->n_blocks; b++) {
        size_t begin = block_begin(v, b), end = block_begin(v, b + 1);
        assay_sum sum = {0}, squares = {0};
        for (size_t t = begin; t < end; t++) {
            double d = v->returns[t * v->n_series + series] - v->mean;
            assay_sum_add(&sum, d);
            assay_sum_add(&squares, d * d);
        }
        block[b] = (set_sums){(double)(end - begin), assay_sum_value(&sum), assay_sum_value(&squares)};
    }
    unsigned half = v->n_blocks / 2;
    tabulate(block, half, v->lower);
    tabulate(block + half, half, v->upper);
}

static double sharpe_of(const validation *v, uint32_t blocks) {
    unsigned half = v->n_blocks / 2;
    set_sums s = joined(v->lower[blocks & ((1u << half) - 1)], v->upper[blocks >> half]);
    double shift = s.sum / s.n, mean = v->mean + shift;
    double variance = (s.squares - s.sum * shift) / (s.n - 1);
    double floor_std = NO_DEVIATION * assay_max(fabs(mean), fabs(v->mean));
    return variance > floor_std * floor_std ? mean / sqrt(variance) : ASSAY_NAN;
}

static uint32_t all_but(const validation *v, uint32_t blocks) {
    return ((1u << v->n_blocks) - 1) & ~blocks;
}

static void find_best(validation *v) {
    for (size_t series = 0; series < v->n_series; series++) {
        load_series(v, series);
        for (size_t i = 0; i < v->n_splits; i++) {
            split *s = &v->split[i];
            double in = sharpe_of(v, s->in_sample);
            if (in > s->best_in || (isnan(s->best_in) && !isnan(in))) {
                s->best_in = in;
                s->best_out = sharpe_of(v, all_but(v, s->in_sample));
            }
        }
    }
}

/* An undefined Sharpe ratio ranks below every other and equal to its like. */
static void rank_best(validation *v) {
    for (size_t series = 0; series < v->n_series; series++) {
        load_series(v, series);
        for (size_t i = 0; i < v->n_splits; i++) {
            split *s = &v->split[i];
            double out = sharpe_of(v, all_but(v, s->in_sample));
            bool out_less = isnan(out) ? !isnan(s->best_out) : out < s->best_out;
            bool equal = isnan(out) ? isnan(s->best_out) : out == s->best_out;
            s->n_below += out_less ? 1 : 0;
            s->n_equal += equal ? 1 : 0;
        }
    }
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double *values, size_t n) {
    qsort(values, n, sizeof *values, compare_doubles);
    return n == 0 ? ASSAY_NAN : (values[(n - 1) / 2] + values[n / 2]) / 2;
}

/* Least squares of best_out on best_in, over the splits that have both. */
static void regress(const validation *v, assay_overfitting *out) {
    assay_sum sum_x = {0}, sum_y = {0}, xx = {0}, xy = {0};
    double n = 0;
    for (size_t i = 0; i < v->n_splits; i++) {
        const split *s = &v->split[i];
        if (isnan(s->best_in) || isnan(s->best_out))
            continue;
        assay_sum_add(&sum_x, s->best_in);
        assay_sum_add(&sum_y, s->best_out);
        n += 1;
    }
    double mean_x = assay_sum_value(&sum_x) / n, mean_y = assay_sum_value(&sum_y) / n;
    for (size_t i = 0; i < v->n_splits; i++) {
        const split *s = &v->split[i];
        if (isnan(s->best_in) || isnan(s->best_out))
            continue;
        assay_sum_add(&xx, (s->best_in - mean_x) * (s->best_in - mean_x));
        assay_sum_add(&xy, (s->best_in - mean_x) * (s->best_out - mean_y));
    }
    bool defined = n >= 2 && assay_sum_value(&xx) > 0;
    out->slope = defined ? assay_sum_value(&xy) / assay_sum_value(&xx) : ASSAY_NAN;
    out->intercept = defined ? mean_y - out->slope * mean_x : ASSAY_NAN;
}

/* `logits` is room for n_splits. */
static void summarise(const validation *v, double *logits, assay_overfitting *out) {
    size_t n = 0, overfit = 0, lost = 0;
    double n_series = (double)v->n_series;
    for (size_t i = 0; i < v->n_splits; i++) {
        const split *s = &v->split[i];
        if (isnan(s->best_in))
            continue;
        double rank = s->n_below + (s->n_equal + 1) / 2; /* 1 … n_series */
        logits[n++] = (double)logl((long double)rank / (long double)(n_series + 1 - rank));
        overfit += 2 * rank <= n_series + 1 ? 1 : 0;
        lost += s->best_out < 0 ? 1 : 0;
    }
    out->n_splits = n;
    out->probability = n == 0 ? ASSAY_NAN : (double)overfit / (double)n;
    out->loss_probability = n == 0 ? ASSAY_NAN : (double)lost / (double)n;
    out->median_logit = median_of(logits, n);
    regress(v, out);
}

static assay_status check(const double *returns, size_t n_bars, size_t n_series, unsigned n_blocks,
                          assay_error *err) {
    if (n_blocks < 2 || n_blocks > ASSAY_PBO_MAX_BLOCKS || n_blocks % 2 != 0)
        return assay_error_set(err, ASSAY_E_ARGUMENT, "%u blocks: their number must be even, from 2 to %d",
                               n_blocks, (int)ASSAY_PBO_MAX_BLOCKS);
    if (n_series < 2)
        return assay_error_set(err, ASSAY_E_ARGUMENT, "%zu series: a choice needs at least 2", n_series);
    if (n_bars / 2 < n_blocks)
        return assay_error_set(err, ASSAY_E_ARGUMENT,
                               "%zu bars in %u blocks: each needs at least 2, so use fewer blocks", n_bars,
                               n_blocks);
    for (size_t i = 0; i < n_bars * n_series; i++) {
        if (!isfinite(returns[i]))
            return assay_error_set(err, ASSAY_E_DATA, "the return of bar %zu, series %zu is not finite",
                                   i / n_series, i % n_series);
    }
    return ASSAY_OK;
}

static bool has_half(uint32_t blocks, unsigned n_blocks) {
    unsigned bits = 0;
    for (; blocks != 0; blocks &= blocks - 1)
        bits++;
    return bits == n_blocks / 2;
}

static assay_status list_splits(validation *v, assay_error *err) {
    size_t capacity = 0;
    for (uint32_t blocks = 0; blocks < 1u << v->n_blocks; blocks++) {
        if (!has_half(blocks, v->n_blocks))
            continue;
        assay_status status = ASSAY_RESERVE(v->split, capacity, v->n_splits + 1, err);
        if (status != ASSAY_OK)
            return status;
        v->split[v->n_splits++] = (split){.in_sample = blocks, .best_in = ASSAY_NAN, .best_out = ASSAY_NAN};
    }
    return ASSAY_OK;
}

assay_status assay_overfitting_probability(const double *returns, size_t n_bars, size_t n_series,
                                           unsigned n_blocks, assay_overfitting *out, assay_error *err) {
    memset(out, 0, sizeof *out);
    assay_status status = check(returns, n_bars, n_series, n_blocks, err);
    if (status != ASSAY_OK)
        return status;
    validation *v = calloc(1, sizeof *v);
    if (v == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a cross-validation");
    v->returns = returns;
    v->n_bars = n_bars;
    v->n_series = n_series;
    v->n_blocks = n_blocks;
    status = list_splits(v, err);
    double *logits = status == ASSAY_OK ? assay_aligned_alloc(v->n_splits, sizeof *logits) : NULL;
    if (status == ASSAY_OK && logits == NULL)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu splits", v->n_splits);
    if (status == ASSAY_OK) {
        find_best(v);
        rank_best(v);
        summarise(v, logits, out);
    }
    free(logits);
    free(v->split);
    free(v);
    return status;
}
