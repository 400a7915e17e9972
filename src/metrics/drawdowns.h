/* The worst falls of an equity curve. Pure functions. */
#ifndef ASSAY_METRICS_DRAWDOWNS_H
#define ASSAY_METRICS_DRAWDOWNS_H

#include <stddef.h>

#define ASSAY_BEFORE_FIRST ((size_t)-1) /* the peak is the initial capital */
#define ASSAY_NOT_RECOVERED ((size_t)-1)

/* From a peak (the last bar at it) to the first bar that is at it again. */
typedef struct assay_drawdown {
    double depth; /* a fraction < 0 */
    size_t peak, trough, recovery;
} assay_drawdown;

/* Writes the `most` deepest, the deepest first (of equal ones the earlier); returns how many there are. Episodes do not
 * overlap: each lasts from a peak to its recovery, as pyfolio and quantstats count them. */
size_t assay_worst_drawdowns(double initial_capital, const double *equity, size_t n, assay_drawdown *out,
                             size_t most);

#endif
