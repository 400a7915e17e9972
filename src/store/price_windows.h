/* Windows of time in which the prices of a market larger than memory are read. Internal to loading.
 *
 * The matrices of such a market lie in files (base/block.h). Rows that come symbol by symbol would touch every page of
 * every matrix once a symbol; read window by window, they stay within the pages of that window, whatever their order.
 */
#ifndef ASSAY_STORE_PRICE_WINDOWS_H
#define ASSAY_STORE_PRICE_WINDOWS_H

#include <stddef.h>
#include <stdint.h>

#include "assay/assay_error.h"

typedef struct assay_price_windows {
    int64_t *from_us; /* ascending; window i ends where the next begins */
    size_t n;         /* 0: all rows at once */
} assay_price_windows;

/* Plans the windows for these times of the calendar, in any order and with repetitions; sorts them. None where the matrices
 * go into memory. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_price_windows_plan(assay_price_windows *windows, int64_t *times,
                                                      size_t n_times, size_t n_symbols, assay_error *err);
void assay_price_windows_reset(assay_price_windows *windows);

#endif
