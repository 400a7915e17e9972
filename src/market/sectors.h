/* Sectors of one bar: their means, the best and the worst. */
#ifndef ASSAY_MARKET_SECTORS_H
#define ASSAY_MARKET_SECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* out_mean[k]: the mean of value[s] over the symbols of sector k that have one (not NaN), in symbol order; NaN without any.
 * `sector` has n_symbols numbers (UINT32_MAX: none). out_count[k]: how many. */
void assay_sector_means(const uint32_t *sector, const double *value, size_t n_symbols, size_t n_sectors,
                        double *out_mean, size_t *out_count);

/* The sectors with the highest and the lowest mean; of equals the first. false: fewer than two have a mean, or the best is
 * the worst. */
bool assay_sector_extremes(const double *mean, size_t n_sectors, size_t *out_best, size_t *out_worst);

#endif
