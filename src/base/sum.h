/* A compensated sum (Neumaier 1974): the error of the total is that of one rounding, whatever the number of terms. */
#ifndef ASSAY_BASE_SUM_H
#define ASSAY_BASE_SUM_H

#include <math.h>

typedef struct assay_sum {
    double total;
    double lost;
} assay_sum;

static inline void assay_sum_add(assay_sum *sum, double term) {
    double total = sum->total + term;
    sum->lost += fabs(sum->total) >= fabs(term) ? (sum->total - total) + term : (term - total) + sum->total;
    sum->total = total;
}

static inline double assay_sum_value(const assay_sum *sum) {
    return sum->total + sum->lost;
}

#endif
