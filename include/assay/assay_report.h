/* Results as text, JSON and CSV. Part of libassay-store.
 *
 * Everything that is printed about a run comes from an assay_run_summary, whether the run was just made or was read from a
 * database. JSON numbers are in the fewest digits that read back as the same double; undefined and infinite numbers are
 * null in JSON, empty in CSV and a dash on screen. Texts are UTF-8. Thread-safe: nothing here is shared.
 */
#ifndef ASSAY_REPORT_H
#define ASSAY_REPORT_H

#include <stdio.h>

#include "assay/assay.h"
#include "assay/assay_optimize.h"
#include "assay/assay_store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum assay_report_format {
    ASSAY_FORMAT_TEXT = 0,
    ASSAY_FORMAT_JSON = 1,
    ASSAY_FORMAT_CSV = 2
} assay_report_format;

/* How text is laid out. */
typedef struct assay_report_style {
    unsigned width; /* columns of the screen, 40 to 200 are used; 0: 80 */
    bool utf8;      /* false: ASCII alone */
} assay_report_style;

typedef struct assay_metric_value {
    char name[64];
    double value; /* NaN = undefined */
} assay_metric_value;

/* Rows that a run has in a table. */
typedef struct assay_table_rows {
    const char *table; /* static storage */
    size_t n_rows;
} assay_table_rows;

enum { ASSAY_N_RESULT_TABLES = 6 };

/* What is shown of a run. Strings and arrays are owned (malloc); free them with assay_run_summary_reset. */
typedef struct assay_run_summary {
    char *run_id, *strategy;
    char *parameters_json; /* an object */
    char start_date[32], end_date[32];
    char data_fingerprint[33];
    size_t n_bars, n_symbols;
    assay_metric_value *metrics;
    size_t n_metrics;
    double *equity; /* the initial capital, then one value a bar */
    size_t n_equity;
    assay_table_rows tables[ASSAY_N_RESULT_TABLES]; /* a NULL name ends them */
    size_t n_open_trades;
    bool has_warnings; /* false: not known (a run that was read from a database written by others) */
    uint32_t warnings;
    size_t delisted_positions;
    assay_strategy_result *strategies; /* of several; their names are owned */
    size_t n_strategies;               /* 0: one alone */
} assay_run_summary;

/* Appends an empty row for a strategy of that name; NULL: out of memory. */
ASSAY_API assay_strategy_result *assay_run_summary_add_strategy(assay_run_summary *summary, const char *name,
                                                                size_t name_size);

/* Fills *out_summary from a result. On failure there is nothing to free. ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_run_summary_init(const assay_result *result, const char *run_id,
                                                              assay_run_summary *out_summary,
                                                              assay_error *err);
ASSAY_API void assay_run_summary_reset(assay_run_summary *summary);

/* A metric of the summary; NaN where it has none of that name. */
ASSAY_API double assay_run_summary_metric(const assay_run_summary *summary, const char *name);

/* Writes the summary. Errors of the stream are left to the caller (ferror). ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_report_run(const assay_run_summary *summary,
                                                        assay_report_format format,
                                                        const assay_report_style *style, FILE *out,
                                                        assay_error *err);

/* Draws n finite values as a line chart of `height` lines with its scale at the left. Fewer than 2 values: nothing. */
ASSAY_API void assay_report_chart(const double *values, size_t n, unsigned height,
                                  const assay_report_style *style, FILE *out);

/* Writes a table: text with aligned columns and numbers for people, JSON as an array of objects, or CSV. Text numbers
 * have at most `decimals` decimals; negative: all their digits. */
ASSAY_API ASSAY_NODISCARD assay_status assay_report_table(const assay_table *table,
                                                          assay_report_format format, int decimals,
                                                          const assay_report_style *style, FILE *out,
                                                          assay_error *err);

/* Describes one strategy (NULL: a list of all), and the settings of the engine. CSV is not available: ASSAY_E_ARGUMENT. */
ASSAY_API ASSAY_NODISCARD assay_status assay_report_strategies(const assay_strategy *only,
                                                               assay_report_format format,
                                                               const assay_report_style *style, FILE *out,
                                                               assay_error *err);
ASSAY_API ASSAY_NODISCARD assay_status assay_report_settings(assay_report_format format,
                                                             const assay_report_style *style, FILE *out,
                                                             assay_error *err);

/* The parameters of a configuration as a JSON object on one line. Free *out_text with free(). ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_report_parameters_json(const assay_config *config,
                                                                    char **out_text, assay_error *err);

/* Which symbols a run was over, and what was given of them from outside the database. Sorted. */
typedef struct assay_universe {
    const char *const *symbols;
    size_t n_symbols;           /* 0: every symbol */
    const char *const *sectors; /* "SYMBOL=SECTOR" */
    size_t n_sectors;           /* 0: those of the database, where they are needed */
} assay_universe;

/* Everything needed to run again, as a JSON object on one line: strategy (an ensemble: a list), parameters, universe, period,
 * engine and risk settings with their defaults, frequency (NULL: left out). Equal runs give equal bytes. Free *out_text with
 * free(). ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_report_config_json(const assay_config *config,
                                                                assay_universe universe,
                                                                const char *frequency, char **out_text,
                                                                assay_error *err);

/* --- documents: what tearsheets are made of (docs/tearsheet.md) --- */

typedef enum assay_verified {
    ASSAY_NOT_VERIFIED = 0,
    ASSAY_VERIFIED = 1,
    ASSAY_LOOKS_AHEAD = 2
} assay_verified;

struct assay_walkforward_report;

/* What a result does not know of itself. Texts may be NULL. */
typedef struct assay_document_spec {
    const char *run_id;
    const char *config_json, *parameters_json; /* objects */
    const char *data_fingerprint;              /* of the data that are shown; NULL: the panel's */
    const char *data_fingerprint_then;         /* of those that the run was stored with; NULL: the same */
    const char *sweep_id;                      /* that the run was chosen from */
    double n_trials;                           /* of it; 0 and 1: the run alone */
    double trial_variance;                     /* of the trials' Sharpe ratios per bar */
    assay_verified verified;
    const char *look_ahead; /* of ASSAY_LOOKS_AHEAD: the first difference, as a sentence */
    /* Factors to regress the returns on: n_factors names and columns with a return for each bar of the run, NaN = none. NULL, 0:
     * the benchmark alone. */
    const char *const *factor_names;
    const double *const *factors;
    size_t n_factors;
    const struct assay_walkforward_report
        *walkforward;      /* the result is its joined run; NULL: a run by itself */
    bool has_other_equity; /* the stored run had another one, of the same data */
} assay_document_spec;

/* Writes a run as a JSON document: metrics, series, periods, trades, costs, attribution. The result must have all its records
 * (ASSAY_KEEP_ALL). Errors of the stream are left to the caller (ferror). ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_report_document(const assay_result *result,
                                                             const assay_document_spec *spec, FILE *out,
                                                             assay_error *err);

/* Writes a document as one HTML file that needs no network. `document` is JSON text; nothing in it can leave its place.
 * Errors of the stream are left to the caller (ferror). */
ASSAY_API void assay_report_page(const char *document, FILE *out);

/* --- sweeps --- */

/* What is printed of a sweep. Nothing is owned. */
typedef struct assay_sweep_report {
    const char *sweep_id, *strategy, *sampling;
    const assay_optimizer *optimizer;
    const assay_sweep_summary *summary;
    const assay_rung *rung; /* of halving; n_rungs < 2: none */
    size_t n_rungs;
    char start_date[32], end_date[32]; /* "": not known */
    char data_fingerprint[33];
    size_t n_bars, n_symbols, n_kept;
    uint64_t n_shards;        /* 1: not split */
    uint64_t n_shards_stored; /* that the numbers speak of */
    uint64_t shard;           /* the one that they speak of, from 1; 0: all that are stored */
    bool is_stored;
} assay_sweep_report;

/* Writes it; CSV is the list of the best points. Errors of the stream are left to the caller. ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_report_sweep(const assay_sweep_report *report,
                                                          assay_report_format format,
                                                          const assay_report_style *style, FILE *out,
                                                          assay_error *err);

/* Metrics of a sweep's points: value[m][p] is metric[m] (an index into the table) of point p, where has[p]. */
typedef struct assay_sweep_values {
    uint64_t n_points;
    size_t n_metrics;
    const size_t *metric;
    const double *const *value;
    const bool *has;
} assay_sweep_values;

/* Writes a sweep as a JSON document (docs/tearsheet.md): at most 20,000 of its points, evenly. Errors of the stream are left to
 * the caller. ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_report_sweep_document(const assay_sweep_report *report,
                                                                   const assay_sweep_values *values,
                                                                   const char *config_json, FILE *out,
                                                                   assay_error *err);

/* The JSON texts of a sweep's points (parameters, and the configuration with what differs from the defaults), made once
 * with holes for the swept values. From one thread at a time. */
typedef struct assay_sweep_template assay_sweep_template;
ASSAY_API ASSAY_NODISCARD assay_status assay_sweep_template_create(
    const assay_optimizer *optimizer, const assay_config *base, assay_universe universe,
    const char *frequency, assay_sweep_template **out_template, assay_error *err);
ASSAY_API void assay_sweep_template_destroy(assay_sweep_template *template_); /* NULL: nothing */
/* The texts of a point, valid until the next call; false: out of memory. */
ASSAY_API bool assay_sweep_template_fill(assay_sweep_template *template_, uint64_t point,
                                         const char **out_parameters, const char **out_config);

/* A sweep's plan as JSON, stored with it; and the plan that such a text has. Free with free() and
 * assay_sweep_plan_reset. ASSAY_E_NOMEM, ASSAY_E_DATA. */
typedef struct assay_sweep_plan {
    char **axes, **objectives, **constraints;
    size_t n_axes, n_objectives, n_constraints;
    char *sampling;
    char *config_json;
    bool halving;
    double periods_per_year, risk_free_rate;
    uint64_t n_tried;
    assay_rung rung[ASSAY_MAX_RUNGS];
    size_t n_rungs;
} assay_sweep_plan;
ASSAY_API ASSAY_NODISCARD assay_status assay_sweep_plan_text(const assay_sweep_plan *plan, char **out_text,
                                                             assay_error *err);
ASSAY_API ASSAY_NODISCARD assay_status assay_sweep_plan_read(const char *text, assay_sweep_plan *out_plan,
                                                             assay_error *err);
ASSAY_API void assay_sweep_plan_reset(assay_sweep_plan *plan);

#ifdef __cplusplus
}
#endif
#endif
