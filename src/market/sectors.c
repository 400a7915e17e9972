#include "market/sectors.h"

#include <math.h>

#include "base/number.h"

void assay_sector_means(const uint32_t *sector, const double *value, size_t n_symbols, size_t n_sectors,
                        double *out_mean, size_t *out_count) {
    for (size_t k = 0; k < n_sectors; k++) {
        out_mean[k] = 0;
        out_count[k] = 0;
    }
    for (size_t s = 0; s < n_symbols; s++) {
        if (sector[s] == UINT32_MAX || isnan(value[s]))
            continue;
        out_mean[sector[s]] += value[s];
        out_count[sector[s]]++;
    }
    for (size_t k = 0; k < n_sectors; k++)
        out_mean[k] = out_count[k] == 0 ? ASSAY_NAN : out_mean[k] / (double)out_count[k];
}

bool assay_sector_extremes(const double *mean, size_t n_sectors, size_t *out_best, size_t *out_worst) {
    size_t n = 0, best = 0, worst = 0;
    for (size_t k = 0; k < n_sectors; k++) {
        if (isnan(mean[k]))
            continue;
        if (n == 0 || mean[k] > mean[best])
            best = k;
        if (n == 0 || mean[k] < mean[worst])
            worst = k;
        n++;
    }
    *out_best = best;
    *out_worst = worst;
    return n >= 2 && best != worst;
}
