/* A walk-forward validation stored and shown. Part of libassay-store.
 *
 * Stored are the joined run under its own id, with the parameters of each signal's fold, and in flatten each fold's test as
 * a run of its own (`fold` from 1, `sweep_id` the joined run's id). Thread-safe but for the store: nothing here is shared.
 */
#ifndef ASSAY_WALKFORWARD_REPORT_H
#define ASSAY_WALKFORWARD_REPORT_H

#include <stdio.h>

#include "assay/assay_report.h"
#include "assay/assay_walkforward.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The texts of one fold. */
typedef struct assay_fold_texts {
    char *run_id;          /* NULL: the fold is no run of its own */
    char *parameters_json; /* of its signals */
    char *config_json;     /* everything needed to run the test again; NULL without a run id */
} assay_fold_texts;

/* What is shown and stored of a walk-forward, beside its numbers. Strings are owned where they are not const. */
typedef struct assay_walkforward_report {
    const assay_walkforward *wf;
    const assay_walkforward_spec *spec;
    const assay_panel *panel;
    const char *run_id;     /* of the joined run; keep it alive */
    char *parameters_json;  /* swept ones are arrays with a value a fold (null without a winner) */
    char *config_json;      /* the base's configuration, and "walkforward" */
    assay_fold_texts *fold; /* one a fold */
    bool is_stored;
} assay_walkforward_report;

/* Makes the texts. `frequency` may be NULL. Reset it in every case.
 * ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_walkforward_report_init(
    assay_walkforward_report *report, const assay_walkforward *wf, const assay_walkforward_spec *spec,
    const assay_config *base, assay_universe universe, const char *frequency, assay_error *err);
/* Names the runs: `run_id`, and RUN_ID-fold-1 … for the folds that are runs. ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_walkforward_report_name(assay_walkforward_report *report,
                                                                     const char *run_id, assay_error *err);
ASSAY_API void assay_walkforward_report_reset(assay_walkforward_report *report);

/* Writes the joined run and the folds' runs into the six tables (and what the joined run read into backtest_fingerprints), all
 * of them or none; replaces what an earlier
 * walk-forward of this id has left. ASSAY_E_IO, ASSAY_E_ARGUMENT, ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_write_walkforward(assay_store *store,
                                                                     const assay_walkforward_report *report,
                                                                     int64_t timestamp_us,
                                                                     int64_t duration_ms, assay_error *err);

/* Writes it: text, JSON (docs/walkforward.md has the shape), or CSV with a row a fold. Errors of the stream are left to the
 * caller. ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_report_walkforward(const assay_walkforward_report *report,
                                                                assay_report_format format,
                                                                const assay_report_style *style, FILE *out,
                                                                assay_error *err);

/* The plan that a joined run was stored with, out of its configuration. Owned; the specification points to its texts. */
typedef struct assay_walkforward_plan {
    assay_walkforward_spec spec;
    char *config_json; /* the configuration without the plan; NULL: the run is no walk-forward */
    char **axes, **where;
    char *sampling, *objective, *train, *test, *step, *purge, *embargo;
} assay_walkforward_plan;

/* Reads it. A configuration without a plan is no error: see config_json. Reset it in every case. ASSAY_E_DATA: a plan that
 * cannot be read; ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_walkforward_plan_read(const char *config_json,
                                                                   assay_walkforward_plan *out_plan,
                                                                   assay_error *err);
ASSAY_API void assay_walkforward_plan_reset(assay_walkforward_plan *plan);

#ifdef __cplusplus
}
#endif
#endif
