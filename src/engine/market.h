/* What one market is to the books that are stepped over it: the panel with the period, the delistings by silence and the
 * rebalance bars worked out once. Read-only while books are stepped; shared by all books of a sweep. */
#ifndef ASSAY_ENGINE_MARKET_H
#define ASSAY_ENGINE_MARKET_H

#include "engine/config.h"
#include "engine/signal_bars.h"
#include "market/panel.h"

/* At `bar`, `symbol` has been silent for more than delist_after_days, or is told to be delisted. */
typedef struct assay_silence {
    uint32_t bar;
    uint32_t symbol;
    double delisting_return; /* NaN: not known */
    int32_t told_day;        /* of the table of delistings; INT32_MIN: it fell silent */
} assay_silence;

typedef struct assay_market {
    const assay_panel *panel;
    size_t first_bar, last_bar; /* of the portfolio */
    assay_silence *silence;     /* by bar, symbol */
    size_t n_silences;
    uint8_t *rebalance; /* n_bars flags */
    double
        periods_per_year; /* 252 for daily bars, 52 weekly, 12 monthly, 252 x median bars a day within the day */
    int64_t bar_length_us;
    assay_signal_bars signal; /* what strategies see, where it is not the panel */
    double *own_return_std;   /* n_bars x stride, for slippage_model: impact; else NULL */
} assay_market;

/* Works the market out for these settings. ASSAY_E_DATA: no bar in the period. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_market_init(assay_market *market, const assay_panel *panel,
                                               const assay_settings *settings, assay_error *err);
/* Periods per year of the metrics: as set, else by the calendar. */
double assay_market_periods_per_year(const assay_market *market, const assay_settings *settings);

/* The panel that strategies see, and its bar as of bar t of the run. */
static inline const assay_panel *assay_market_seen(const assay_market *m) {
    return m->signal.panel != NULL ? m->signal.panel : m->panel;
}

static inline size_t assay_market_seen_bar(const assay_market *m, size_t t) {
    return m->signal.panel != NULL ? m->signal.seen[t] : t;
}

void assay_market_reset(assay_market *market); /* frees what it owns */

#endif
