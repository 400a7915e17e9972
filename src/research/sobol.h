/* The Sobol sequence: points that fill the unit cube evenly, whatever their number.
 *
 * Source: I. M. Sobol, USSR Comp. Math. 7 (1967); Gray-code order of Antonov and Saleev, USSR Comp. Math. 19 (1980); the
 * direction numbers of S. Joe and F. Y. Kuo, "Constructing Sobol sequences with better two-dimensional projections", SIAM J.
 * Sci. Comput. 30, 2635-2654 (2008), table new-joe-kuo-6.21201, dimensions 1 to 64.
 */
#ifndef ASSAY_RESEARCH_SOBOL_H
#define ASSAY_RESEARCH_SOBOL_H

#include <stddef.h>
#include <stdint.h>

enum { ASSAY_SOBOL_DIMENSIONS = 64, ASSAY_SOBOL_BITS = 52 };

/* The direction numbers of one dimension, as binary fractions of ASSAY_SOBOL_BITS bits. Plain data. */
typedef struct assay_sobol {
    uint64_t direction[ASSAY_SOBOL_BITS];
} assay_sobol;

/* dimension 0 … ASSAY_SOBOL_DIMENSIONS − 1; a larger one is ASSAY_SOBOL_DIMENSIONS − 1. */
void assay_sobol_init(assay_sobol *sobol, size_t dimension);

/* The coordinate of point `index` (< 2^52) in [0, 1), its bits flipped by `shift` (a digital shift; 0: the sequence itself,
 * whose first point is 0). Pure; thread-safe. */
double assay_sobol_at(const assay_sobol *sobol, uint64_t index, uint64_t shift);

#endif
