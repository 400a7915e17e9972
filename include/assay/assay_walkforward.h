/* Walk-forward validation: parameters are chosen on one window of time and tried on the next, fold after fold.
 *
 * Method and sources: docs/walkforward.md. What a fold chooses depends on no price after its training window; its test is,
 * byte for byte, assay_run with the chosen parameters over the test's dates (positions flatten).
 */
#ifndef ASSAY_WALKFORWARD_H
#define ASSAY_WALKFORWARD_H

#include "assay/assay_result.h"
#include "assay/assay_sweep.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct assay_walkforward assay_walkforward;

/* What happens to positions between a test and the next one. */
typedef enum assay_fold_positions {
    ASSAY_FOLD_FLATTEN =
        0, /* each test is a run of its own; its end equity (and what cash earns until then) is the next
                             * one's capital */
    ASSAY_FOLD_CARRY = 1 /* one portfolio goes through all tests; the parameters change under it */
} assay_fold_positions;

/* What to try and on which windows. Texts are read during the call only. Lengths: bars ("504") or calendar units ("2y",
 * "6m", "8w", "90d"). */
typedef struct assay_walkforward_spec {
    const char *const *axes; /* "lookback=10:100:10" */
    size_t n_axes;
    const char *sampling;     /* "grid", "random:N:SEED", "sobol:N"; NULL: grid */
    const char *objective;    /* NULL: sharpe_ratio */
    const char *const *where; /* constraints: "total_trades>=30" */
    size_t n_where;
    const char *train, *test;
    const char *step;    /* from one test's begin to the next one's; NULL: the test's length */
    const char *purge;   /* left out at the end of the training; NULL: none */
    const char *embargo; /* left out behind an earlier test; NULL: none */
    bool anchored;       /* every training begins where the first one does */
    assay_fold_positions positions;
} assay_walkforward_spec;

/* One fold. Bars are indices into the panel, both ends included. Everything belongs to the walk-forward. */
typedef struct assay_fold {
    size_t train_first, train_last; /* as used: purge and embargo are off */
    size_t test_first, test_last;
    bool is_partial; /* the data end before the test does */
    bool
        has_winner; /* false: no point had a defined objective and met the constraints; the fold decides nothing */
    bool is_broke;    /* the capital was gone before the test: nothing was run */
    uint64_t point;   /* the winner; of equals the lowest number */
    double objective; /* of the winner in training; NaN without one */
    double start_equity, end_equity;
    const double *in_sample;     /* assay_metric_count() values; NaN without a winner */
    const double *out_of_sample; /* over the test's equity and the trades closed in it */
    const assay_config
        *config; /* of the test: chosen parameters, dates, capital; without a winner the base's */
    const assay_result *result; /* flatten: the test as a run; NULL: carry, or nothing was chosen or left */
} assay_fold;

/* How much the chosen value of an axis moves from fold to fold, over neighbouring folds that both chose. Steps are places
 * on the axis; NaN where there are fewer than two such folds, or the axis is a range without values of its own. */
typedef struct assay_axis_drift {
    const char *axis;
    double mean_steps, max_steps;
    size_t n_changes, n_pairs;
    size_t n_distinct; /* values chosen by any fold */
} assay_axis_drift;

/* Out of sample over in sample, the mean over whole folds where both are defined and the latter is positive. */
typedef struct assay_walkforward_efficiency {
    double annual_return, sharpe_ratio; /* NaN without such folds */
    size_t n_annual_return, n_sharpe_ratio;
} assay_walkforward_efficiency;

/* Everything of a specification that can be checked without data: lengths, axes and their values, objective, constraints.
 * assay_walkforward_run checks it as well. ASSAY_E_CONFIG, ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_walkforward_check(const assay_config *config,
                                                               const assay_walkforward_spec *spec,
                                                               assay_error *err);

/* Runs it. `config`: everything but the axes; its period bounds the folds, bars before it warm windows up. n_threads 0: as
 * many as there are cores. `progress` (may be NULL) counts points x folds. The panel and the strategy must outlive the
 * result (assay_walkforward_destroy). ASSAY_E_CONFIG: an axis, length or constraint that is not understood, windows without
 * a bar; ASSAY_E_DATA, ASSAY_E_STRATEGY, ASSAY_E_NOMEM, ASSAY_E_INTERNAL, ASSAY_E_CANCELLED as assay_run and
 * assay_sweep_run. */
ASSAY_API ASSAY_NODISCARD assay_status
assay_walkforward_run(const assay_panel *panel, const assay_config *config,
                      const assay_walkforward_spec *spec, unsigned n_threads, assay_sweep_progress *progress,
                      void *progress_context, assay_walkforward **out_walkforward, assay_error *err);
ASSAY_API void assay_walkforward_destroy(assay_walkforward *wf); /* NULL: nothing */

ASSAY_API size_t assay_walkforward_n_folds(const assay_walkforward *wf);
ASSAY_API const assay_fold *assay_walkforward_fold(const assay_walkforward *wf, size_t index);
ASSAY_API uint64_t assay_walkforward_n_points(const assay_walkforward *wf);
ASSAY_API const char *assay_walkforward_objective(const assay_walkforward *wf); /* canonical text */
ASSAY_API assay_fold_positions assay_walkforward_positions(const assay_walkforward *wf);

ASSAY_API size_t assay_walkforward_n_axes(const assay_walkforward *wf);
ASSAY_API assay_axis_drift assay_walkforward_drift(const assay_walkforward *wf, size_t axis);
/* The canonical text of the value that a fold chose on an axis, cut at `size`; "" without a winner. */
ASSAY_API void assay_walkforward_choice(const assay_walkforward *wf, size_t fold, size_t axis, char *out_text,
                                        size_t size);

/* Of one fold: out of sample over in sample; NaN where one is undefined or the latter is not positive. `metric` is a name
 * such as "sharpe_ratio". */
ASSAY_API double assay_fold_efficiency(const assay_fold *fold, const char *metric);
ASSAY_API assay_walkforward_efficiency assay_walkforward_efficiency_of(const assay_walkforward *wf);

/* The data up to the end of a fold's test, which is what a single run over its dates loads: fingerprint (32 hex digits and
 * NUL) and number of symbols. ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_walkforward_data(const assay_walkforward *wf, size_t fold,
                                                              char out_fingerprint[33], size_t *out_n_symbols,
                                                              assay_error *err);

/* The tests joined to one run, from the first test's first bar to the last test's last one; bars between tests hold cash.
 * In flatten, positions open at the end of a test are closed at their marks there, without cost, by fills of kind
 * fold_end. Its config is the base's with these dates. Belongs to the walk-forward. */
ASSAY_API const assay_result *assay_walkforward_result(const assay_walkforward *wf);

#ifdef __cplusplus
}
#endif
#endif
