/* The market of a run: a calendar x symbols panel of named columns, and the corporate actions of its symbols.
 *
 * A panel is built once from rows in any order and is read-only afterwards: any number of threads may read it. Prices
 * are raw (as traded), double precision; NaN is missing. Times are microseconds since 1970-01-01 00:00 UTC.
 */
#ifndef ASSAY_PANEL_H
#define ASSAY_PANEL_H

#include <stdbool.h>
#include <stdint.h>

#include "assay/assay_error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct assay_panel assay_panel;
typedef struct assay_panel_builder assay_panel_builder;

/* The price columns have fixed numbers; further columns follow them. */
enum {
    ASSAY_COLUMN_OPEN = 0,
    ASSAY_COLUMN_HIGH = 1,
    ASSAY_COLUMN_LOW = 2,
    ASSAY_COLUMN_CLOSE = 3,
    ASSAY_COLUMN_VOLUME = 4,
    ASSAY_N_PRICE_COLUMNS = 5
};

/* What kind of number a column holds; decides how splits change it as seen later. */
typedef enum assay_column_kind {
    ASSAY_KIND_PRICE = 0,  /* money per share: divided by later split ratios */
    ASSAY_KIND_VOLUME = 1, /* shares: multiplied by later split ratios */
    ASSAY_KIND_NUMBER = 2  /* neither */
} assay_column_kind;

/* When a value becomes known, relative to the bar that carries it. */
typedef enum assay_availability {
    ASSAY_AVAILABLE_BAR_OPEN = 0, /* at the bar's open (the open price) */
    ASSAY_AVAILABLE_BAR_END = 1,  /* at the bar's end (everything else of a bar) */
    ASSAY_AVAILABLE_LAGGED = 2    /* by its own availability time (point-in-time columns) */
} assay_availability;

/* What to do about rows with a non-positive or infinite price, and about duplicates within one source. */
typedef enum assay_bad_data {
    ASSAY_BAD_DATA_ERROR = 0,
    ASSAY_BAD_DATA_DROP = 1, /* leave the row out (of duplicates: all but the last) */
    ASSAY_BAD_DATA_KEEP = 2  /* keep the row; a cell that cannot be a price becomes missing */
} assay_bad_data;

/* Total-return signal prices also remove dividends from the history that strategies see. */
typedef enum assay_signal_prices {
    ASSAY_SIGNAL_PRICES_SPLIT_ADJUSTED = 0,
    ASSAY_SIGNAL_PRICES_TOTAL_RETURN = 1
} assay_signal_prices;

typedef struct assay_panel_options {
    assay_bad_data on_bad_data;
    assay_signal_prices signal_prices;
    size_t fill_gap_bars; /* gap_policy: forward_fill, at most so many bars in a row; 0: none are filled */
} assay_panel_options;

/* One block of rows for the builder. Every pointer but `symbol`, `timestamp_us` and column CLOSE may be NULL: the column
 * is then missing in these rows. Arrays have n_rows values and are read during the call only. */
typedef struct assay_panel_rows {
    size_t n_rows;
    const uint32_t *symbol; /* ids from assay_panel_builder_symbol */
    const int64_t *timestamp_us;
    const double *column[ASSAY_N_PRICE_COLUMNS]; /* NaN = missing */
    const double *dividend;                      /* cash per share on the row's date; NaN or 0 = none */
    const double *split_ratio; /* new shares per old on the row's date; NaN, 0 or 1 = none */
    const int64_t *version_us; /* of rows with one key the highest version wins; INT64_MIN = none */
    const uint32_t *source;    /* number of the file a row came from, for messages and ties */
} assay_panel_rows;

/* What the builder found and did; all counts of rows. */
typedef struct assay_panel_report {
    size_t n_rows;          /* rows added */
    size_t n_replaced;      /* rows that a newer version (or a later file) of the same key replaced */
    size_t n_dropped;       /* rows left out by on_bad_data: drop */
    size_t n_without_close; /* rows whose close is missing: no bar of their own */
    size_t n_events;        /* corporate actions */
} assay_panel_report;

/* A builder of an empty panel. Free it with assay_panel_builder_destroy. ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_panel_builder_create(assay_panel_builder **out_builder,
                                                                  assay_error *err);
ASSAY_API void assay_panel_builder_destroy(assay_panel_builder *builder); /* NULL: nothing */

/* The id of a symbol (bytes, not NUL-terminated; 1 to 255 bytes), made at the first call. Ids count from 0 in order of first
 * appearance; the finished panel orders symbols by bytes. ASSAY_E_NOMEM, ASSAY_E_DATA (empty or too long). */
ASSAY_API ASSAY_NODISCARD assay_status assay_panel_builder_symbol(assay_panel_builder *builder,
                                                                  const char *name, size_t name_size,
                                                                  uint32_t *out_id, assay_error *err);

/* The name of a source (a file), for messages. `out_source` counts from 0. Optional: source 0 is "the data" without it. */
ASSAY_API ASSAY_NODISCARD assay_status assay_panel_builder_source(assay_panel_builder *builder,
                                                                  const char *name, uint32_t *out_source,
                                                                  assay_error *err);

/* Optional, before the first row, once every symbol has its id: the times that rows will have. Rows then go straight to
 * their cells and need no memory of their own, but only clean ones are taken: a duplicate, a price that is none, another
 * symbol or time make add_rows fail with ASSAY_E_DATA, and the builder is spent. A time that no row has stays a bar.
 * ASSAY_E_NOMEM, ASSAY_E_ARGUMENT. */
ASSAY_API ASSAY_NODISCARD assay_status assay_panel_builder_expect(assay_panel_builder *builder,
                                                                  const int64_t *times, size_t n_times,
                                                                  assay_error *err);

/* Appends rows, in any order. ASSAY_E_NOMEM, ASSAY_E_ARGUMENT (unknown symbol id). */
ASSAY_API ASSAY_NODISCARD assay_status assay_panel_builder_add_rows(assay_panel_builder *builder,
                                                                    const assay_panel_rows *rows,
                                                                    assay_error *err);

/* Adds a corporate action from elsewhere than a price row: `split_ratio` new shares per old (NaN, 0 or 1: none), then
 * `cash_dividend` per new share (NaN or 0: none), both from ex_date_us on. ASSAY_E_DATA: negative or infinite. */
ASSAY_API ASSAY_NODISCARD assay_status assay_panel_builder_add_event(assay_panel_builder *builder,
                                                                     uint32_t symbol, int64_t ex_date_us,
                                                                     double split_ratio, double cash_dividend,
                                                                     assay_error *err);

/* The same with all that a corporate action can be: a pay date later than the ex-date, and a spin-off, for each share (after the
 * split) new_ratio shares of new_symbol. */
typedef struct assay_corporate_action {
    uint32_t symbol;
    int64_t ex_date_us;
    double split_ratio, cash_dividend; /* NaN: none */
    int64_t pay_date_us;               /* INT64_MIN: paid on the ex-date */
    uint32_t new_symbol;               /* where new_ratio is above 0 */
    double new_ratio;                  /* NaN or 0: no spin-off */
} assay_corporate_action;
ASSAY_API ASSAY_NODISCARD assay_status assay_panel_builder_add_action(assay_panel_builder *builder,
                                                                      const assay_corporate_action *action,
                                                                      assay_error *err);

/* Makes the panel. The builder is spent afterwards, in success and failure; destroy it. `out_report` may be NULL.
 * ASSAY_E_DATA: bad prices or duplicates under ASSAY_BAD_DATA_ERROR (the message names symbol, date, column and file), no
 * rows with a close. ASSAY_E_NOMEM. Destroy the panel with assay_panel_destroy. */
ASSAY_API ASSAY_NODISCARD assay_status assay_panel_builder_finish(assay_panel_builder *builder,
                                                                  const assay_panel_options *options,
                                                                  assay_panel **out_panel,
                                                                  assay_panel_report *out_report,
                                                                  assay_error *err);
ASSAY_API void assay_panel_destroy(assay_panel *panel); /* NULL: nothing */

/* --- what comes beside prices: set before the panel is used, by one thread --- */

/* Sectors: n_symbols names in the panel's order, NULL or "" for none; copied. ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_panel_set_sectors(assay_panel *panel, const char *const *sectors,
                                                               assay_error *err);
/* A row of a point-in-time universe: days, both included; INT64_MIN, INT64_MAX: open. sector NULL: the row does not say. */
typedef struct assay_membership {
    uint32_t symbol;
    int64_t start_us, end_us;
    const char *sector;
} assay_membership;

/* A symbol is in the universe at a bar where a row covers its day; without a row it never is. A sector that a row names goes
 * before any other on its days. Copied. ASSAY_E_NOMEM, ASSAY_E_ARGUMENT (no such symbol). */
ASSAY_API ASSAY_NODISCARD assay_status assay_panel_set_universe(assay_panel *panel,
                                                                const assay_membership *rows, size_t n,
                                                                assay_error *err);
/* From the first bar that ends after known_us on a symbol is in this sector (NULL, "": in none), unless assay_panel_set_sectors
 * has one for it; of rows with one time the later counts. Copied. ASSAY_E_NOMEM, ASSAY_E_ARGUMENT. */
typedef struct assay_sector_row {
    uint32_t symbol;
    int64_t known_us;
    const char *sector;
} assay_sector_row;
ASSAY_API ASSAY_NODISCARD assay_status assay_panel_set_sector_history(assay_panel *panel,
                                                                      const assay_sector_row *rows, size_t n,
                                                                      assay_error *err);
/* A symbol is delisted on a day; what its holders get is last close x (1 + delisting_return), NaN: not known. Copied.
 * ASSAY_E_DATA: a return below -1 or infinite. ASSAY_E_NOMEM, ASSAY_E_ARGUMENT. */
typedef struct assay_delisting {
    uint32_t symbol;
    int64_t date_us;
    double delisting_return;
} assay_delisting;
ASSAY_API ASSAY_NODISCARD assay_status assay_panel_set_delistings(assay_panel *panel,
                                                                  const assay_delisting *rows, size_t n,
                                                                  assay_error *err);
/* The market to compare with: a symbol of `benchmark`, a panel of its own with the same options. Kept are its returns
 * between its own bars, at the timestamps that both have. ASSAY_E_NOMEM, ASSAY_E_ARGUMENT (no such symbol). */
ASSAY_API ASSAY_NODISCARD assay_status assay_panel_set_benchmark(assay_panel *panel,
                                                                 const assay_panel *benchmark, size_t symbol,
                                                                 assay_error *err);
/* Another column: n_bars x n_symbols values by bar and symbol, NaN = missing, each known at its bar; copied. A second column
 * of that name replaces the first. ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_panel_add_column(assay_panel *panel, const char *name,
                                                              const double *values, assay_error *err);

ASSAY_API size_t assay_panel_n_bars(const assay_panel *panel);
ASSAY_API size_t assay_panel_n_symbols(const assay_panel *panel);

/* Name of symbol 0 … n_symbols − 1, NUL-terminated, owned by the panel. */
ASSAY_API const char *assay_panel_symbol(const assay_panel *panel, size_t symbol);

/* The number of a symbol; false if the panel does not have it. */
ASSAY_API bool assay_panel_find_symbol(const assay_panel *panel, const char *name, size_t *out_symbol);

/* n_bars ascending timestamps, owned by the panel. */
ASSAY_API const int64_t *assay_panel_timestamps(const assay_panel *panel);

/* The raw values of column c at a bar: n_symbols doubles side by side, owned by the panel; NULL where no row has that column. */
ASSAY_API const double *assay_panel_row(const assay_panel *panel, int column, size_t bar);

/* The sector of a symbol as assay_panel_set_sectors has it; NULL: none. Owned by the panel. */
ASSAY_API const char *assay_panel_sector(const assay_panel *panel, size_t symbol);
/* The sector of a symbol at a bar, whoever told it; NULL: none, or the symbol is not in the universe there. */
ASSAY_API const char *assay_panel_sector_at(const assay_panel *panel, size_t symbol, size_t bar);
/* Whether a symbol is in the universe at a bar; without a universe every symbol is. */
ASSAY_API bool assay_panel_is_inside(const assay_panel *panel, size_t symbol, size_t bar);
ASSAY_API bool assay_panel_has_universe(const assay_panel *panel);
/* n_bars returns of the benchmark, NaN where it has none; NULL without a benchmark. */
ASSAY_API const double *assay_panel_benchmark_returns(const assay_panel *panel);
/* The number of a further column (>= ASSAY_N_PRICE_COLUMNS, for assay_panel_row); -1: there is none. */
ASSAY_API int assay_panel_find_column(const assay_panel *panel, const char *name);

/* --- coarser bars, and sessions --- */

/* Which bars to make, and what the timestamps of those that there are mean. All zero: the bars as they are. */
typedef struct assay_bars_spec {
    const char *bars; /* "5m", "1h", "1d", "3d", "1w", "w-fri", "1mo", "1q", "1y"; NULL or "": as they are */
    const char *
        session; /* trading hours of intraday bars: "09:30-16:00 America/New_York"; NULL or "": none, UTC days */
    const int64_t *early_close_us; /* local times at which sessions end early, ascending */
    size_t n_early_closes;
    bool keep_outside; /* bars outside the session stay, but are in no bar of a day or longer */
    bool end_labelled; /* timestamps of intraday bars, those made included, are their ends */
    bool drop_partial; /* leave the last bar out where more could still come into it */
} assay_bars_spec;

/* A panel of coarser bars: open first, high max, low min, close last, volume sum, further columns last, of what is there;
 * prices of a bar are at the scale of its end, its splits and dividends come at its begin (docs/semantics.md, section 2). Each
 * bar knows its trading day and when it ends. A bar of a day or longer carries the date of its last day. ASSAY_E_CONFIG: what is
 * wrong with the specification; ASSAY_E_DATA: no row is left, or bars that are too long; ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_panel_resample(const assay_panel *panel,
                                                            const assay_bars_spec *spec,
                                                            assay_panel **out_panel, assay_error *err);
/* The frequency that assay_panel_resample made, such as "1w"; "" for bars as they were. */
ASSAY_API const char *assay_panel_bars_name(const assay_panel *panel);
/* What a bar of the panel lasts, where its maker knows it better than the gaps of its calendar say. */
ASSAY_API void assay_panel_set_bar_length(assay_panel *panel, int64_t length_us);
/* From when on a bar is known. */
ASSAY_API int64_t assay_panel_bar_end_us(const assay_panel *panel, size_t bar);

/* True where the data carry at least one split or dividend. */
ASSAY_API bool assay_panel_has_events(const assay_panel *panel);

/* 128 bits that any change of a symbol, time, price, volume or corporate action changes, as 32 hex digits and NUL. */
ASSAY_API void assay_panel_fingerprint(const assay_panel *panel, char out_hex[33]);

#ifdef __cplusplus
}
#endif
#endif
