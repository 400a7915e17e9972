/* The inside of a walk-forward validation: what choosing (walkforward_choose.c), testing (walkforward_test.c) and joining
 * (walkforward_join.c) share. */
#ifndef ASSAY_RESEARCH_WALKFORWARD_H
#define ASSAY_RESEARCH_WALKFORWARD_H

#include "assay/assay_walkforward.h"
#include "engine/config.h"
#include "market/panel.h"
#include "research/walkforward_windows.h"

typedef struct assay_points assay_points; /* research/points.h */

/* A fold with what it owns. */
typedef struct assay_fold_state {
    assay_fold shown; /* its pointers point below */
    assay_config *config;
    assay_result *result; /* flatten: the test, also of a fold without a winner */
    double *in_sample, *out_of_sample;
    double score; /* of the winner: larger is better */
} assay_fold_state;

struct assay_walkforward {
    const assay_panel *panel;
    assay_config *base;
    assay_points *points;
    char *objective;
    assay_fold_positions positions;
    assay_fold_state *fold;
    size_t n_folds;
    assay_result *joined;
};

/* The configuration of a point: the base's with the point's values. The caller's (assay_config_destroy). ASSAY_E_CONFIG: the
 * message names the axis. */
ASSAY_NODISCARD assay_status assay_walkforward_point(const assay_walkforward *wf, uint64_t point,
                                                     assay_config **out_config, assay_error *err);

/* Sets the period to the panel's bars first to last, both included. */
void assay_walkforward_set_period(const assay_panel *panel, assay_config *config, size_t first, size_t last);

/* The period of the joined run. */
static inline size_t assay_walkforward_first_bar(const assay_walkforward *wf) {
    return wf->fold[0].shown.test_first;
}

static inline size_t assay_walkforward_last_bar(const assay_walkforward *wf) {
    return wf->fold[wf->n_folds - 1].shown.test_last;
}

/* What cash earns from bar t - 1 to bar t, as the ledger reckons it. */
static inline double assay_walkforward_interest(const assay_walkforward *wf, double cash, size_t t) {
    double years = (double)(wf->panel->day[t] - wf->panel->day[t - 1]) / 365;
    return cash * wf->base->settings.cash_interest_pct * years;
}

/* Runs every point on every training window and notes the winners: point, objective, in-sample metrics, and `config`. */
ASSAY_NODISCARD assay_status assay_walkforward_choose(assay_walkforward *wf,
                                                      const assay_walkforward_spec *spec, unsigned n_threads,
                                                      assay_sweep_progress *progress, void *progress_context,
                                                      assay_error *err);

/* Runs the tests one after the other, each with the capital that the one before left. */
ASSAY_NODISCARD assay_status assay_walkforward_test_flat(assay_walkforward *wf, assay_error *err);

/* Steps one portfolio through all tests; makes the joined run. */
ASSAY_NODISCARD assay_status assay_walkforward_test_carried(assay_walkforward *wf, assay_error *err);

/* The warnings about the market, as a run over the panel's first n_bars bars has them. */
void assay_walkforward_warn(const assay_panel *panel, size_t n_bars, assay_result *result);

/* Makes the joined run out of the tests of assay_walkforward_test_flat. */
ASSAY_NODISCARD assay_status assay_walkforward_join(assay_walkforward *wf, assay_error *err);

#endif
