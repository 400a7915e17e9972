/* The sample market: a synthetic market that is worth testing on.
 *
 * Eleven sectors with factors of their own and a market factor, fat tails, volatility that clusters, slow trends, listings at
 * different dates, splits (2:1, 3:1, 3:2 and 1:10 reverse), quarterly dividends, single missing days, halts, thinly traded
 * names, failures with a long fall before them, takeovers, and symbols that just end. Weekends and nine holidays a year
 * have no bar.
 *
 * The same specification gives the same numbers, to the bit, on every machine: only + - * / and sqrt are used. Symbol k
 * is the same whatever the number of symbols. Prices are in cents, at least 0.01, with low <= open, close <= high; volumes
 * are whole numbers. It is invented: nothing can be learned from it about real markets.
 */
#ifndef ASSAY_SAMPLE_H
#define ASSAY_SAMPLE_H

#include "assay/assay_panel.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { ASSAY_SAMPLE_MAX_SYMBOLS = 1000000, ASSAY_SAMPLE_MAX_BARS = 500000, ASSAY_SAMPLE_SYMBOL_SIZE = 8 };

typedef struct assay_sample_spec {
    uint64_t seed;
    size_t n_symbols; /* 1 to ASSAY_SAMPLE_MAX_SYMBOLS */
    size_t n_bars;    /* trading days of the calendar, 1 to ASSAY_SAMPLE_MAX_BARS */
    int64_t start_us; /* the first bar is the first trading day at or after it; year 1 to 9999 */
    uint32_t
        bar_minutes; /* 0: a bar a day; 1 to 390: bars of 09:30-16:00 America/New_York that make up the days */
    bool clean;      /* every symbol has every bar: no gaps, halts, late listings, delistings */
} assay_sample_spec;

/* Seed 1, 500 symbols, 2,520 bars from 2015-01-01, not clean. */
ASSAY_API void assay_sample_spec_init(assay_sample_spec *out_spec);

/* Adds the market's rows and corporate actions to an empty builder. ASSAY_E_ARGUMENT: a size out of its bounds.
 * ASSAY_E_NOMEM. Needs memory for one symbol beside what the builder keeps. */
ASSAY_API ASSAY_NODISCARD assay_status assay_sample_build(const assay_sample_spec *spec,
                                                          assay_panel_builder *builder, assay_error *err);

/* Writes the name of symbol `index` (0 … ASSAY_SAMPLE_MAX_SYMBOLS - 1), NUL-terminated, and returns its sector, in
 * static storage. Neither depends on seed or size. */
ASSAY_API const char *assay_sample_symbol(size_t index, char out_name[ASSAY_SAMPLE_SYMBOL_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
