/* The best points and the Pareto set. */
#include "research/analysis.h"

#include <math.h>
#include <stdlib.h>

#include "base/array.h"
#include "research/order.h"

/* --- the best --- */

static bool scores_better(const void *context, uint64_t a, uint64_t b) {
    const double *scores = context;
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
}

void assay_best_points(const double *scores, size_t n_points, size_t k, uint64_t *out_points,
                       size_t *out_count) {
    size_t n = 0;
    for (size_t i = 0; i < n_points && k > 0; i++) {
        if (isnan(scores[i]))
            continue;
        if (n < k) {
            out_points[n++] = i;
            if (n == k)
                assay_order_make_heap(out_points, n, scores_better, scores);
        } else if (scores_better(scores, i, out_points[0])) {
            out_points[0] = i;
            assay_order_replace_last(out_points, n, scores_better, scores);
        }
    }
    assay_order_points(out_points, n, scores_better, scores);
    *out_count = n;
}

/* --- the Pareto set --- */

typedef struct objectives {
    const double *const *scores;
    size_t n;
} objectives;

/* Descending by the first objective, then by the second …: whatever beats a point comes before it. */
static bool beats_first(const void *context, uint64_t a, uint64_t b) {
    const objectives *o = context;
    for (size_t i = 0; i < o->n; i++) {
        if (o->scores[i][a] != o->scores[i][b])
            return o->scores[i][a] > o->scores[i][b];
    }
    return a < b;
}

static bool has_all_scores(const objectives *o, size_t point) {
    for (size_t i = 0; i < o->n; i++) {
        if (isnan(o->scores[i][point]))
            return false;
    }
    return true;
}

static bool at_least_as_good(const objectives *o, uint64_t a, uint64_t b) {
    for (size_t i = 0; i < o->n; i++) {
        if (o->scores[i][a] < o->scores[i][b])
            return false;
    }
    return true;
}

/* Keeps of n sorted points the ones of the set, in place. With two objectives the last one kept has the best second so far,
 * so it alone decides. */
static size_t keep_unbeaten(const objectives *o, uint64_t *points, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        size_t first = o->n <= 2 && kept > 0 ? kept - 1 : 0;
        bool beaten = false;
        for (size_t j = first; j < kept && !beaten; j++)
            beaten = at_least_as_good(o, points[j], points[i]);
        if (!beaten)
            points[kept++] = points[i];
    }
    return kept;
}

static bool lower_number(const void *context, uint64_t a, uint64_t b) {
    (void)context;
    return a < b;
}

assay_status assay_pareto_set(const double *const *scores, size_t n_objectives, size_t n_points,
                              uint64_t **out_points, size_t *out_count, assay_error *err) {
    *out_points = NULL;
    *out_count = 0;
    if (n_objectives == 0)
        return assay_error_set(err, ASSAY_E_ARGUMENT, "a Pareto set needs an objective");
    objectives o = {scores, n_objectives};
    uint64_t *points = NULL;
    size_t n = 0, capacity = 0;
    for (size_t i = 0; i < n_points; i++) {
        if (!has_all_scores(&o, i))
            continue;
        assay_status status = ASSAY_RESERVE(points, capacity, n + 1, err);
        if (status != ASSAY_OK) {
            free(points);
            return status;
        }
        points[n++] = i;
    }
    assay_order_points(points, n, beats_first, &o);
    n = keep_unbeaten(&o, points, n);
    assay_order_points(points, n, lower_number, NULL);
    *out_points = points;
    *out_count = n;
    return ASSAY_OK;
}
