/* What the unit tests of the core share: small panels from rows, random panels, a strategy that replays a script, runs
 * that must succeed, and comparisons that say what differs.
 *
 * Times are whole days after Monday 2020-01-06. Every helper fails the running test itself where something goes wrong.
 */
#ifndef ASSAY_TESTS_SUPPORT_H
#define ASSAY_TESTS_SUPPORT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "assay/assay.h"
#include "base/number.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define NO_VALUE ASSAY_NAN

/* The time of day number `day` after Monday 2020-01-06 (day 18267 after 1970-01-01). */
int64_t day_us(int day);

/* --- panels --- */

/* One price row. NO_VALUE = missing; dividend and split 0 = none. */
typedef struct price_row {
    const char *symbol;
    int day;
    double open, high, low, close, volume;
    double dividend, split;
} price_row;

/* A bar whose four prices are the same, with volume enough for anything. */
#define FLAT(symbol, day, price)                                                                             \
    { symbol, day, price, price, price, price, 1e9, 0, 0 }

assay_panel *panel_of_rows(const price_row *rows, size_t n_rows);
#define PANEL(rows) panel_of_rows((rows), LENGTH(rows))

/* A market as matrices, row after row of n_symbols values: what tests change, and build panels of. */
typedef struct matrix_market {
    size_t n_bars, n_symbols;
    int64_t *timestamp_us;
    char (*name)[16];
    double *column[ASSAY_N_PRICE_COLUMNS];
    double *dividend, *split; /* NO_VALUE = none */
} matrix_market;

typedef struct random_spec {
    uint64_t seed;
    size_t n_bars, n_symbols;
    double gap;    /* chance of a missing bar */
    double event;  /* chance of a split, and of a dividend, at a bar */
    bool listings; /* symbols begin and end at different bars */
} random_spec;

matrix_market random_market(const random_spec *spec);
matrix_market empty_market(size_t n_bars, size_t n_symbols); /* every cell NO_VALUE, days 0, 1, 2 … */
matrix_market copy_market(const matrix_market *market);
void free_market(matrix_market *market);
/* The rows of bars 0 … n_bars − 1 (cells without a close and without an event make no row). */
assay_panel *panel_of_market(const matrix_market *market, const assay_panel_options *options, size_t n_bars);
double *market_cell(const matrix_market *market, int column, size_t bar, size_t symbol);

/* The sample market of assay_sample.h. */
assay_panel *panel_of_sample(size_t n_symbols, size_t n_bars, uint64_t seed);

/* --- a scripted strategy --- */

/* At the close of `day`, emit this. Lines in order of day, then symbol. strength 0 means 1. */
typedef struct script_line {
    int day;
    size_t symbol;
    assay_action action;
    double target; /* NO_VALUE: the kind's own, 1 */
    double score;
    double strength;
} script_line;

/* Its name is "scripted"; it has no parameters; kind k has action k and signal_type "script_BUY" and so on. */
extern const assay_strategy scripted_strategy;
/* What the scripted strategy of this thread replays from now on; not copied. */
void set_script(const script_line *lines, size_t n_lines);
#define SCRIPT(lines) set_script((lines), LENGTH(lines))

/* --- runs --- */

/* A configuration from "key", "value" … NULL. */
assay_config *config_of(const assay_strategy *strategy, const char *const *settings);

/* Runs and must succeed. The result's config is its own; settings "key", "value" … NULL. */
assay_result *run_with(const assay_panel *panel, const assay_strategy *strategy, const char *const *settings);
/* The scripted strategy, without costs unless the settings say otherwise: commission 0, slippage none, no volume limit. */
#define RUN(panel, ...) run_scripted((panel), (const char *const[]){__VA_ARGS__, NULL})
#define RUN_DEFAULT(panel) run_scripted((panel), (const char *const[]){NULL})
assay_result *run_scripted(const assay_panel *panel, const char *const *settings);

/* One record of a result; fails the test where there is none of that number. */
assay_signal signal_at(const assay_result *result, size_t index);
assay_fill fill_at(const assay_result *result, size_t index);
assay_trade trade_at(const assay_result *result, size_t index);
assay_snapshot snapshot_at(const assay_result *result, size_t index);
size_t n_signals(const assay_result *result);
size_t n_fills(const assay_result *result);
size_t n_trades(const assay_result *result);
size_t n_snapshots(const assay_result *result);
double metric_of(const assay_result *result, const char *name);

/* Fails unless every record of both results has the same bytes. */
void assert_same_records(const assay_result *a, const assay_result *b);

/* --- comparisons --- */

/* The same number exactly (NaN equals NaN). */
#define assert_number(actual, expected) check_number((actual), (expected), 0, #actual, __FILE__, __LINE__)
/* Within `tolerance` relative to the expected value (absolute where that is 0); NaN and infinities must match. */
#define assert_near(actual, expected, tolerance)                                                             \
    check_number((actual), (expected), (tolerance), #actual, __FILE__, __LINE__)
/* Hand-worked money: a few roundings. */
#define assert_money(actual, expected) assert_near((actual), (expected), 1e-12)
void check_number(double actual, double expected, double tolerance, const char *what, const char *file,
                  int line);

/* status must be `expected`, and the message must contain `part`. */
void assert_refused(assay_status status, assay_status expected, const assay_error *err, const char *part);

#endif
