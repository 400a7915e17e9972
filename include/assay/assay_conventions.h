/* Why a ratio differs from tool to tool: one run's ratios under the conventions of each.
 *
 * Pure functions, thread-safe. Undefined is NaN.
 */
#ifndef ASSAY_CONVENTIONS_H
#define ASSAY_CONVENTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "assay/assay_error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct assay_convention {
    const char *tool;    /* "assay", "empyrical", "backtrader" … */
    const char *measure; /* "Sharpe ratio", "Sortino ratio", "annual return %" … */
    const char *formula; /* of r, P, rf as in the table of metrics */
    double value;
} assay_convention;

ASSAY_API size_t assay_convention_count(void);

/* Writes assay_convention_count() rows: the same measure of all tools stands together. `equity` has n >= 1 values, one a bar;
 * time_us their times. ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_conventions_compute(
    double initial_capital, const double *equity, const int64_t *time_us, size_t n, double periods_per_year,
    double risk_free_rate, assay_convention *out_rows, assay_error *err);

#ifdef __cplusplus
}
#endif
#endif
