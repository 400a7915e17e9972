/* The features of a run: every one that its strategies declare, for the whole panel or bar by bar.
 *
 * A bound feature is a declared one with the parameter values that it is for: two that compare equal have the same values at
 * every bar, and a sweep computes them once.
 */
#ifndef ASSAY_EXPRESSION_FEATURES_H
#define ASSAY_EXPRESSION_FEATURES_H

#include "assay/assay_strategy.h"
#include "market/feature.h"

typedef struct assay_bound_feature {
    assay_feature feature;
    const assay_strategy *strategy; /* whose parameters an expression may name */
    const double *param;            /* their values */
} assay_bound_feature;

/* An order of bound features in which equal ones, and only they, compare as 0. */
int assay_bound_feature_compare(const assay_bound_feature *a, const assay_bound_feature *b);

/* Whether an expression has this word in it. */
bool assay_feature_names(const assay_bound_feature *feature, const char *name);

/* Whether expressions can be computed with these parameters. ASSAY_E_CONFIG: the message has the place. */
ASSAY_NODISCARD assay_status assay_features_check(const assay_bound_feature *feature, uint32_t n,
                                                  assay_error *err);

/* n_bars x stride values, calendar layout, prices at the as-of raw scale; out[i] are the caller's (cache-line aligned). The
 * features share what their expressions have in common. ASSAY_E_NOMEM, ASSAY_E_STRATEGY, ASSAY_E_DATA (a column that the
 * panel does not have). */
ASSAY_NODISCARD assay_status assay_features_compute(const assay_panel *panel,
                                                    const assay_bound_feature *feature, uint32_t n,
                                                    double *const *out, assay_error *err);

/* Rows of the features, one bar after the other. */
typedef struct assay_features {
    const assay_panel *panel;
    uint32_t n;
    assay_feature_stream *stream; /* of those that need no matrix; else its window is 0 */
    double **owned;               /* matrices of the others */
    const double **matrix;        /* owned, or shared with others; NULL: streamed */
    const double **row;           /* of the bar at hand */
} assay_features;

/* Computes what cannot be streamed. Close it in every case. Errors as assay_features_compute. */
ASSAY_NODISCARD assay_status assay_features_open(assay_features *features, const assay_panel *panel,
                                                 const assay_bound_feature *feature, uint32_t n,
                                                 assay_error *err);
/* Rows of matrices that somebody else owns. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_features_share(assay_features *features, const assay_panel *panel,
                                                  double *const *matrix, uint32_t n, assay_error *err);
/* Makes features->row the rows of bar t. Bars must ascend. */
void assay_features_at(assay_features *features, size_t t);
void assay_features_close(assay_features *features);

#endif
