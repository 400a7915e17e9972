/* Cross-sections: functions of one bar's values of all symbols, or of a sector's.
 *
 * The values that take part are those that are not NaN. A symbol without one has no rank, z-score or percentile, but it has the
 * mean and the count of its group.
 */
#ifndef ASSAY_EXPRESSION_CROSS_H
#define ASSAY_EXPRESSION_CROSS_H

#include "indicator/function.h"

typedef struct assay_cross_bar {
    const uint32_t *sector; /* n numbers (UINT32_MAX: none); NULL: no symbol has one */
    const uint8_t *outside; /* n bytes: 1 takes no part; NULL: all may */
    size_t n, n_sectors;
    uint32_t *order; /* scratch: n */
    double *mean;    /* scratch: one a sector */
    size_t *count;   /* the same */
    size_t most_sectors;
    double *masked; /* scratch: n */
} assay_cross_bar;

/* Scratch for n symbols. Reset it in every case. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_cross_bar_init(assay_cross_bar *bar, size_t n_symbols, assay_error *err);
/* The sectors of a bar, and who is outside the universe. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_cross_bar_set(assay_cross_bar *bar, const uint32_t *sector,
                                                 size_t n_sectors, const uint8_t *outside, assay_error *err);
void assay_cross_bar_reset(assay_cross_bar *bar);

typedef void assay_cross_kernel(const assay_cross_bar *bar, const double *x, double number, double *out);

typedef struct assay_cross {
    const char *name;
    bool has_number; /* a whole number from 1 behind the series */
    bool same_power; /* the result is of the series' kind; else a number */
    bool by_sector;
    bool
        is_cheap; /* one pass over the symbols: a decision computes it itself, rather than have a matrix of it */
    assay_cross_kernel *compute;
    const char *formula;
} assay_cross;

/* One bar: symbols without a bar of their own (NaN in `close`) take no part. */
void assay_cross_compute(const assay_cross *cross, const assay_cross_bar *bar, const double *close,
                         const double *x, double number, double *out);

/* Why sectors are missing. ASSAY_E_DATA. */
assay_status assay_cross_refuse_sectors(const assay_cross *cross, assay_error *err);

size_t assay_cross_count(void);
const assay_cross *assay_cross_at(size_t index);
/* The index of a name, or SIZE_MAX. */
size_t assay_cross_find(const char *name);

#endif
