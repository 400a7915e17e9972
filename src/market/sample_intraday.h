/* The sample market's days in bars of minutes. Private to src/market/sample*.c. */
#ifndef ASSAY_MARKET_SAMPLE_INTRADAY_H
#define ASSAY_MARKET_SAMPLE_INTRADAY_H

#include "assay/assay_panel.h"
#include "market/sample_path.h"

/* Minutes of a whole session, 09:30 to 16:00, and of one that ends at 13:00. */
enum { SAMPLE_SESSION_MINUTES = 390, SAMPLE_SHORT_MINUTES = 210 };

/* Where the rows of a symbol go: n of them so far. */
typedef struct sample_rows {
    double *column[ASSAY_N_PRICE_COLUMNS];
    int64_t *timestamp_us;
    uint32_t *symbol;
    size_t n;
} sample_rows;

/* Adds the bars of a day: together they have its open, high, low, close and volume. */
void sample_intraday_day(assay_rng *random, int64_t day_us, uint32_t bar_minutes, bool is_clean,
                         const sample_bar *day, uint32_t symbol, sample_rows *rows);

#endif
