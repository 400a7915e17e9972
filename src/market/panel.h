/* The inside of the panel (see include/assay/assay_panel.h for the contract).
 *
 * Two layouts, both time-major with rows of `stride` doubles on cache-line boundaries:
 *
 *   calendar   column[c][t * stride + s]   the raw value of symbol s at bar t; NaN = missing
 *   own time   own_price[r * stride + s]   q of symbol s's own bars, without gaps
 *
 * Row r of own time is the calendar bar minus the number of gaps that symbol s had since its first bar, so both layouts
 * are the same for a symbol without gaps, and every window is W consecutive rows. Rows before the first own bar and after
 * the last one are NaN, so that windows that are too short come out as NaN by themselves.
 *
 * q = raw close x factor, factor = product of the split ratios since the symbol's first stored bar (with
 * ASSAY_SIGNAL_PRICES_TOTAL_RETURN of ratio / (1 - dividend x ratio / previous raw close)). The price that a strategy sees
 * as of t is q / factor[t]. A later event never changes an earlier q: adjustment looks forward.
 */
#ifndef ASSAY_MARKET_PANEL_H
#define ASSAY_MARKET_PANEL_H

#include "assay/assay_panel.h"

/* A corporate action at the bar where it takes effect: the first calendar bar >= ex_date. */
typedef struct assay_panel_event {
    uint32_t bar;
    uint32_t symbol;
    int64_t ex_date_us;
    double split_ratio; /* > 0; 1 = none */
    double dividend;    /* per share after the split; 0 = none. Of a spin-off what the new shares are worth */
    uint32_t child;     /* a spin-off, alone in its event: the new symbol; ASSAY_NO_CHILD: none */
    int32_t pay_day;    /* of the dividend; INT32_MIN: on the ex-date */
    double child_ratio; /* new shares per share */
    double child_price; /* the new symbol's open at `bar`, or its close */
} assay_panel_event;

#define ASSAY_NO_CHILD UINT32_MAX

/* From own-time row `row` on, symbol `symbol` has this factor. */
typedef struct assay_factor_step {
    uint32_t row;
    uint32_t symbol;
    double factor;
    double split;     /* the part of `factor` that is splits: their product so far */
    double not_split; /* the part of this step that is dividends (1 where signal prices are split-adjusted) */
} assay_factor_step;

/* A column beside the prices, in calendar layout. */
typedef struct assay_panel_column {
    char *name;
    double *values; /* n_bars x stride */
} assay_panel_column;

#define ASSAY_NO_SECTOR UINT32_MAX

/* A symbol is in the universe on these days, both included, and in this sector then. */
typedef struct assay_panel_membership {
    uint32_t symbol;
    int32_t first_day, last_day; /* civil days; INT32_MIN, INT32_MAX: open */
    uint32_t sector;             /* ASSAY_NO_SECTOR: the row does not say */
} assay_panel_membership;

/* From the first bar that ends after known_us on, a symbol is in this sector. */
typedef struct assay_panel_sector_change {
    int64_t known_us;
    uint32_t symbol, sector;
    uint32_t order; /* of rows with one time the later counts */
} assay_panel_sector_change;

typedef struct assay_panel_delisting {
    int32_t day;
    uint32_t symbol;
    double delisting_return; /* NaN: not known */
} assay_panel_delisting;

struct assay_panel {
    size_t n_bars, n_symbols, stride;
    int64_t *timestamp_us;
    int32_t *day; /* civil day of each bar */
    char *name_block;
    const char **name;
    double *column[ASSAY_N_PRICE_COLUMNS];
    double *own_price;
    uint32_t *first_bar; /* of each symbol; n_bars where it has none */
    uint32_t *last_bar;  /* 0 where it has none */
    uint32_t *gap_bar;   /* bars between first and last without a close, symbol after symbol */
    size_t *gap_begin;   /* n_symbols + 1 offsets into gap_bar */
    uint32_t *irregular; /* the symbols with gaps, ascending */
    size_t n_irregular;
    uint8_t
        *filled; /* n_bars x stride: 1 = no bar of its own, made by gap_policy: forward_fill; NULL: none */
    size_t fill_gap_bars;
    assay_panel_event *event; /* by bar, symbol, ex-date */
    size_t n_events;
    assay_signal_prices signal_prices;
    assay_factor_step *factor_step; /* by row, symbol */
    size_t n_factor_steps;
    /* universe.h has what follows; `sector` is what holds at all times. */
    uint32_t *sector;   /* of each symbol, or ASSAY_NO_SECTOR; NULL: none has one */
    char **sector_name; /* in byte order */
    size_t n_sectors;
    assay_panel_membership *membership;
    size_t n_memberships;
    bool has_universe;
    assay_panel_sector_change *sector_change; /* by time */
    size_t n_sector_changes;
    assay_panel_delisting *delisting; /* by day, symbol */
    size_t n_delistings;
    uint32_t *epoch; /* of each bar; NULL: nothing changes */
    size_t n_epochs;
    uint8_t *outside;       /* n_epochs x n_symbols; NULL: no universe */
    uint32_t *dated_sector; /* n_epochs x n_symbols; NULL: `sector` */
    /* bars that were made of others (resample.c) */
    int64_t bar_length_us;    /* 0: the calendar says it */
    int64_t *bar_end_us;      /* of each bar; NULL: timestamp + length */
    char bars_name[32];       /* "": as they were */
    double *benchmark_return; /* n_bars; NULL: no benchmark */
    assay_panel_column *extra;
    size_t n_extra;
};

/* Spreads n_bars x stride values from own time to the calendar, in place. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_own_to_calendar(const assay_panel *panel, double *values,
                                                   assay_error *err);

/* The inverse: closes the gaps of n_bars x stride values of the calendar; NaN in rows before the first and after the last
 * own bar. `own` is another matrix. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_calendar_to_own(const assay_panel *panel, const double *calendar,
                                                   double *own, assay_error *err);

/* Makes n_bars x stride values in own time of a price column, in the units of own_price: prices raw x factor, volumes raw /
 * the splits of the factor. NaN outside the symbol's own bars, and everywhere where the panel does not have the column.
 * assay_block_free frees it. ASSAY_E_NOMEM, ASSAY_E_ARGUMENT (no such column). */
ASSAY_NODISCARD assay_status assay_own_column(const assay_panel *panel, int column, double **out,
                                              assay_error *err);

/* Makes the factor of every row in own time (n_bars x stride), or *out = NULL where it is 1 throughout. assay_block_free
 * frees it.
 * ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_own_factors(const assay_panel *panel, double **out, assay_error *err);

/* How many gaps symbol s has had up to and including bar t. */
size_t assay_panel_gaps_until(const assay_panel *panel, size_t symbol, size_t bar);

/* The calendar bar of own-time row `row` of a symbol; n_bars where it has no such own bar. */
size_t assay_panel_bar_of_row(const assay_panel *panel, size_t symbol, size_t row);

/* Number of own bars of symbol s up to and including bar t. */
size_t assay_panel_own_count(const assay_panel *panel, size_t symbol, size_t bar);

/* The as-of adjusted close `lag` own bars before the own bar at `bar`; NaN where bar or lag has none. */
double assay_panel_adjusted_close(const assay_panel *panel, size_t symbol, size_t bar, size_t lag);
/* The same of any price column; volumes are multiplied by later split ratios. */
double assay_panel_adjusted(const assay_panel *panel, int column, size_t symbol, size_t bar, size_t lag);

/* The length of a bar in microseconds: a day where all bars are at midnight, else the least gap of the calendar. */
int64_t assay_panel_bar_length(const assay_panel *panel);

/* When bar t ends and is known; `length_us` is the panel's bar length. */
static inline int64_t assay_panel_end_of(const assay_panel *panel, size_t t, int64_t length_us) {
    return panel->bar_end_us != NULL ? panel->bar_end_us[t] : panel->timestamp_us[t] + length_us;
}

#endif
