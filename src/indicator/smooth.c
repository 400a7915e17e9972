/* Exponential smoothing of a row of symbols. */
#include "indicator/smooth.h"

#include "base/number.h"
#include "base/simd.h"

ASSAY_SIMD void assay_smooth_row(size_t n, double row, double period, double weight,
                                 const double *restrict begin, const double *restrict x,
                                 double *restrict value, double *restrict out) {
    for (size_t s = 0; s < n; s++) {
        double age = row - begin[s]; /* values before this one */
        double share = age < period ? 1 / (age + 1) : weight;
        double next = value[s] + share * (x[s] - value[s]);
        value[s] = age < 0 ? 0 : next;
        out[s] = age + 1 < period ? ASSAY_NAN : next;
    }
}
