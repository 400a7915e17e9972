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
    size_t n, n_sectors;
    uint32_t *order; /* scratch: n */
    double *mean;    /* scratch: n_sectors + 1 */
    size_t *count;   /* scratch: n_sectors + 1 */
} assay_cross_bar;

typedef void assay_cross_kernel(const assay_cross_bar *bar, const double *x, double number, double *out);

typedef struct assay_cross {
    const char *name;
    bool has_number; /* a whole number from 1 behind the series */
    bool same_power; /* the result is of the series' kind; else a number */
    bool by_sector;
    assay_cross_kernel *compute;
    const char *formula;
} assay_cross;

size_t assay_cross_count(void);
const assay_cross *assay_cross_at(size_t index);
/* The index of a name, or SIZE_MAX. */
size_t assay_cross_find(const char *name);

#endif
