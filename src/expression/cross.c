#include "expression/cross.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/simd.h"
#include "base/sum.h"
#include "market/sectors.h"

/* --- a group: the symbols that take part, one sector's or all --- */

static bool takes_part(const assay_cross_bar *bar, const double *x, size_t s, size_t sector) {
    return !isnan(x[s]) && (sector == SIZE_MAX || bar->sector[s] == sector);
}

static size_t list_group(const assay_cross_bar *bar, const double *x, size_t sector) {
    size_t n = 0;
    for (size_t s = 0; s < bar->n; s++) {
        if (takes_part(bar, x, s, sector))
            bar->order[n++] = (uint32_t)s;
    }
    return n;
}

/* The highest value first; of equals the symbol first in order. */
static bool comes_before(const double *x, uint32_t a, uint32_t b) {
    return x[a] != x[b] ? x[a] > x[b] : a < b;
}

static void sift_down(const double *x, uint32_t *heap, size_t n, size_t at) {
    uint32_t moving = heap[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && comes_before(x, heap[child], heap[child + 1]))
            child++;
        if (!comes_before(x, moving, heap[child]))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moving;
}

/* Heap sort: qsort has no context to hand x through. */
static void sort_group(const double *x, uint32_t *order, size_t n) {
    for (size_t i = n / 2; i-- > 0;)
        sift_down(x, order, n, i);
    for (size_t end = n; end-- > 1;) {
        uint32_t last = order[0];
        order[0] = order[end];
        order[end] = last;
        sift_down(x, order, end, 0);
    }
}

static void clear(const assay_cross_bar *bar, double *out) {
    for (size_t s = 0; s < bar->n; s++)
        out[s] = ASSAY_NAN;
}

/* Does something for all symbols together, or for each sector. */
typedef void group_kernel(const assay_cross_bar *bar, const double *x, double number, size_t sector,
                          double *out);

static void for_all(const assay_cross_bar *bar, const double *x, double number, group_kernel *kernel,
                    double *out) {
    clear(bar, out);
    kernel(bar, x, number, SIZE_MAX, out);
}

static void for_sectors(const assay_cross_bar *bar, const double *x, double number, group_kernel *kernel,
                        double *out) {
    clear(bar, out);
    for (size_t k = 0; bar->sector != NULL && k < bar->n_sectors; k++)
        kernel(bar, x, number, k, out);
}

/* --- what a group can be asked --- */

/* 1 for the highest; equals share the mean of their places. */
static void rank_group(const assay_cross_bar *bar, const double *x, double number, size_t sector,
                       double *out) {
    size_t n = list_group(bar, x, sector);
    (void)number;
    sort_group(x, bar->order, n);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && x[bar->order[end]] == x[bar->order[i]];)
            end++;
        for (size_t k = i; k < end; k++)
            out[bar->order[k]] = ((double)i + 1 + (double)end) / 2;
    }
}

/* The part of the group that is not higher: 1 for the highest. */
static void percentile_group(const assay_cross_bar *bar, const double *x, double number, size_t sector,
                             double *out) {
    rank_group(bar, x, number, sector, out);
    size_t n = list_group(bar, x, sector);
    for (size_t i = 0; i < n; i++)
        out[bar->order[i]] = ((double)n + 1 - out[bar->order[i]]) / (double)n;
}

static double mean_of(const double *x, const uint32_t *order, size_t n) {
    assay_sum sum = {0};
    for (size_t i = 0; i < n; i++)
        assay_sum_add(&sum, x[order[i]]);
    return assay_sum_value(&sum) / (double)n;
}

static void zscore_group(const assay_cross_bar *bar, const double *x, double number, size_t sector,
                         double *out) {
    size_t n = list_group(bar, x, sector);
    (void)number;
    if (n < 2)
        return;
    double mean = mean_of(x, bar->order, n);
    assay_sum squares = {0};
    for (size_t i = 0; i < n; i++)
        assay_sum_add(&squares, (x[bar->order[i]] - mean) * (x[bar->order[i]] - mean));
    double std = sqrt(assay_sum_value(&squares) / (double)(n - 1));
    for (size_t i = 0; i < n; i++)
        out[bar->order[i]] = (x[bar->order[i]] - mean) / std;
}

/* What belongs to the group, not to those of it that have a value. */
static void give_all(const assay_cross_bar *bar, size_t sector, double value, double *out) {
    for (size_t s = 0; s < bar->n; s++) {
        if (sector == SIZE_MAX || bar->sector[s] == sector)
            out[s] = value;
    }
}

static void mean_group(const assay_cross_bar *bar, const double *x, double number, size_t sector,
                       double *out) {
    size_t n = list_group(bar, x, sector);
    (void)number;
    double mean = n == 0 ? ASSAY_NAN : mean_of(x, bar->order, n);
    give_all(bar, sector, mean, out);
}

static void count_group(const assay_cross_bar *bar, const double *x, double number, size_t sector,
                        double *out) {
    size_t n = list_group(bar, x, sector);
    (void)number;
    give_all(bar, sector, (double)n, out);
}

static void top_group(const assay_cross_bar *bar, const double *x, double number, size_t sector,
                      double *out) {
    size_t n = list_group(bar, x, sector);
    sort_group(x, bar->order, n);
    for (size_t i = 0; i < n; i++)
        out[bar->order[i]] = (double)i < number ? 1 : 0;
}

/* The lowest ones; of equals, as everywhere, the symbol first in order comes first. */
static void bottom_group(const assay_cross_bar *bar, const double *x, double number, size_t sector,
                         double *out) {
    size_t n = list_group(bar, x, sector), lowest = (size_t)number < n ? (size_t)number : n;
    sort_group(x, bar->order, n);
    for (size_t i = 0; i < n; i++)
        out[bar->order[i]] = 0;
    for (size_t end = n; lowest > 0 && end > 0;) {
        size_t begin = end - 1; /* a run of equals, served from its front */
        while (begin > 0 && x[bar->order[begin - 1]] == x[bar->order[begin]])
            begin--;
        for (size_t i = begin; i < end && lowest > 0; i++, lowest--)
            out[bar->order[i]] = 1;
        end = begin;
    }
}

/* --- sectors against each other --- */

/* As sector_rotation reckons it. */
static void sector_mean(const assay_cross_bar *bar, const double *x, double number, double *out) {
    (void)number;
    clear(bar, out);
    if (bar->sector == NULL)
        return;
    assay_sector_means(bar->sector, x, bar->n, bar->n_sectors, bar->mean, bar->count);
    for (size_t s = 0; s < bar->n; s++) {
        if (bar->sector[s] != UINT32_MAX)
            out[s] = bar->mean[bar->sector[s]];
    }
}

static void extreme_sector(const assay_cross_bar *bar, const double *x, bool best, double *out) {
    size_t high, low;
    clear(bar, out);
    if (bar->sector == NULL)
        return;
    assay_sector_means(bar->sector, x, bar->n, bar->n_sectors, bar->mean, bar->count);
    bool differ = assay_sector_extremes(bar->mean, bar->n_sectors, &high, &low);
    for (size_t s = 0; s < bar->n; s++) {
        if (bar->sector[s] != UINT32_MAX)
            out[s] = differ && bar->sector[s] == (best ? high : low) ? 1 : 0;
    }
}

/* --- the table --- */

#define ALL(name, group)                                                                                     \
    static void name(const assay_cross_bar *bar, const double *x, double number, double *out) {              \
        for_all(bar, x, number, group, out);                                                                 \
    }
#define SECTORS(name, group)                                                                                 \
    static void name(const assay_cross_bar *bar, const double *x, double number, double *out) {              \
        for_sectors(bar, x, number, group, out);                                                             \
    }
ALL(cross_rank, rank_group)
ALL(cross_percentile, percentile_group)
ALL(cross_zscore, zscore_group)
ALL(cross_mean, mean_group)
ALL(cross_count, count_group)
ALL(top, top_group)
ALL(bottom, bottom_group)
SECTORS(sector_rank, rank_group)
SECTORS(sector_percentile, percentile_group)
SECTORS(sector_zscore, zscore_group)
SECTORS(sector_count, count_group)
SECTORS(sector_top, top_group)
SECTORS(sector_bottom, bottom_group)

static void best_sector(const assay_cross_bar *bar, const double *x, double number, double *out) {
    (void)number;
    extreme_sector(bar, x, true, out);
}

static void worst_sector(const assay_cross_bar *bar, const double *x, double number, double *out) {
    (void)number;
    extreme_sector(bar, x, false, out);
}

static const assay_cross crosses[] = {
    {"cross_rank", false, false, false, false, cross_rank,
     "place among all symbols, 1 the highest; equals share"},
    {"cross_percentile", false, false, false, false, cross_percentile,
     "part of all symbols not higher, 1 the highest"},
    {"cross_zscore", false, false, false, false, cross_zscore, "(x - mean) / std over all symbols, ddof 1"},
    {"cross_mean", false, true, false, true, cross_mean, "mean over all symbols"},
    {"cross_count", false, false, false, true, cross_count, "how many symbols have a value"},
    {"top", true, false, false, false, top,
     "1 for the n highest, else 0; of equals the symbol first in order"},
    {"bottom", true, false, false, false, bottom,
     "1 for the n lowest, else 0; of equals the symbol first in order"},
    {"sector_rank", false, false, true, false, sector_rank,
     "place within the symbol's sector, 1 the highest"},
    {"sector_percentile", false, false, true, false, sector_percentile, "part of the sector not higher"},
    {"sector_zscore", false, false, true, false, sector_zscore, "(x - mean) / std over the sector, ddof 1"},
    {"sector_mean", false, true, true, true, sector_mean, "mean over the sector"},
    {"sector_count", false, false, true, true, sector_count, "how many symbols of the sector have a value"},
    {"sector_top", true, false, true, false, sector_top, "1 for the n highest of the sector, else 0"},
    {"sector_bottom", true, false, true, false, sector_bottom, "1 for the n lowest of the sector, else 0"},
    {"best_sector", false, false, true, true, best_sector,
     "1 for symbols of the sector with the highest mean, 0 for others; 0 where best and worst are the same"},
    {"worst_sector", false, false, true, true, worst_sector,
     "1 for symbols of the sector with the lowest mean, 0 for others; 0 where best and worst are the same"},
};

/* --- a bar --- */

assay_status assay_cross_bar_init(assay_cross_bar *bar, size_t n, assay_error *err) {
    *bar = (assay_cross_bar){.n = n};
    bar->order = malloc((n + 1) * sizeof *bar->order);
    bar->masked = malloc((n + 1) * sizeof *bar->masked);
    return bar->order != NULL && bar->masked != NULL
               ? ASSAY_OK
               : assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu symbols", n);
}

assay_status assay_cross_bar_set(assay_cross_bar *bar, const uint32_t *sector, size_t n_sectors,
                                 const uint8_t *outside, assay_error *err) {
    bar->sector = sector;
    bar->n_sectors = n_sectors;
    bar->outside = outside;
    if (n_sectors <= bar->most_sectors)
        return ASSAY_OK;
    free(bar->mean);
    free(bar->count);
    bar->mean = malloc(n_sectors * sizeof *bar->mean);
    bar->count = malloc(n_sectors * sizeof *bar->count);
    bar->most_sectors = bar->mean != NULL && bar->count != NULL ? n_sectors : 0;
    return bar->most_sectors != 0
               ? ASSAY_OK
               : assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu sectors", n_sectors);
}

void assay_cross_bar_reset(assay_cross_bar *bar) {
    free(bar->order);
    free(bar->mean);
    free(bar->count);
    free(bar->masked);
    *bar = (assay_cross_bar){0};
}

ASSAY_SIMD static void mask_row(size_t n, const double *restrict close, const double *restrict x,
                                double *restrict out) {
    for (size_t i = 0; i < n; i++)
        out[i] = close[i] == close[i] ? x[i] : close[i];
}

void assay_cross_compute(const assay_cross *cross, const assay_cross_bar *bar, const double *close,
                         const double *x, double number, double *out) {
    mask_row(bar->n, close, x, bar->masked);
    for (size_t s = 0; bar->outside != NULL && s < bar->n; s++)
        bar->masked[s] = bar->outside[s] != 0 ? ASSAY_NAN : bar->masked[s];
    cross->compute(bar, bar->masked, number, out);
}

assay_status assay_cross_refuse_sectors(const assay_cross *cross, assay_error *err) {
    return assay_error_set(err, ASSAY_E_DATA,
                           "%s needs sectors, but no symbol has one: give them with --holdings FILE (columns "
                           "sym, sector)",
                           cross->name);
}

size_t assay_cross_count(void) {
    return sizeof crosses / sizeof *crosses;
}

const assay_cross *assay_cross_at(size_t index) {
    return index < assay_cross_count() ? &crosses[index] : NULL;
}

size_t assay_cross_find(const char *name) {
    for (size_t i = 0; i < assay_cross_count(); i++) {
        if (strcmp(crosses[i].name, name) == 0)
            return i;
    }
    return SIZE_MAX;
}
