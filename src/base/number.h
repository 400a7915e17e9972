/* Missing and undefined, as a double (NAN is a float, and -Wdouble-promotion minds). */
#ifndef ASSAY_BASE_NUMBER_H
#define ASSAY_BASE_NUMBER_H

#include <math.h>

#define ASSAY_NAN ((double)NAN)
#define ASSAY_INFINITY ((double)INFINITY)

/* The smaller and the larger of two numbers that are not NaN; fmin and fmax would be calls. */
static inline double assay_min(double a, double b) {
    return a < b ? a : b;
}

static inline double assay_max(double a, double b) {
    return a > b ? a : b;
}

#endif
