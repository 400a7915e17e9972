/* What the scores of a sweep say: the best points, the Pareto set, how much each axis matters, and whether a best point is a
 * peak or stands on a plateau.
 *
 * Scores are an array of n_points numbers, larger is better (objective.h); number i is that of point i. NaN is a point without
 * a score, left out everywhere. Results are the same on every machine: sums are compensated and in the order of the points.
 * Thread-safe: nothing here is shared, nothing given is changed.
 */
#ifndef ASSAY_RESEARCH_ANALYSIS_H
#define ASSAY_RESEARCH_ANALYSIS_H

#include "research/points.h"

/* Writes the numbers of the at most `k` best points, best first, of equal scores the lower number first. *out_points has
 * room for k; *out_count says how many have a score. Takes n_points x log k, no memory. */
void assay_best_points(const double *scores, size_t n_points, size_t k, uint64_t *out_points,
                       size_t *out_count);

/* The Pareto set of several objectives: the points that no other point equals or beats in every one of them; of points that
 * are equal in all, the one of the lowest number. A point without a score in any of them is left out. *out_points, ascending,
 * belongs to the caller (free); NULL if there are none. n_points x log n_points for one and two objectives, at worst
 * n_points x size of the set for more. ASSAY_E_ARGUMENT: no objective. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_pareto_set(const double *const *scores, size_t n_objectives,
                                              size_t n_points, uint64_t **out_points, size_t *out_count,
                                              assay_error *err);

/* --- sensitivity --- */

enum { ASSAY_MOST_LEVELS = 1000, ASSAY_AXIS_PARTS = 10 };

/* The scores of the points that share one value of an axis, or one part of it. */
typedef struct assay_axis_level {
    uint64_t index; /* of the value (assay_points_axis_text), or of the part */
    /* The value's number twice, NaN for a text; or a part, from begin up to end without it (the last one: with it). */
    double begin, end;
    size_t count; /* points with a score; 0 leaves NaN below */
    double mean, median, min, max;
} assay_axis_level;

typedef struct assay_sensitivity {
    size_t n_levels;
    assay_axis_level *level; /* owned */
    bool parts;              /* a level is a part of the axis, not a value */
    double mean;             /* of all scores */
    /* The share of the scores' variance that the axis explains alone, over all other axes: the variance between levels by
     * the whole variance (first-order Sobol index, exact on a full grid; of few random points a level too large by about
     * n_levels / points). Infinite scores are left out of it. NaN where the scores do not vary. */
    double variance_share;
} assay_sensitivity;

/* Of one axis. n_points must be assay_points_count. A range, or an axis of more than ASSAY_MOST_LEVELS values, is cut into
 * up to ASSAY_AXIS_PARTS parts that are equally probable. Memory: n_points doubles for the time being. On success free with
 * assay_sensitivity_reset; on failure there is nothing to free. ASSAY_E_ARGUMENT, ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_sensitivity_init(const assay_points *points, size_t axis,
                                                    const double *scores, size_t n_points,
                                                    assay_sensitivity *out, assay_error *err);
void assay_sensitivity_reset(assay_sensitivity *sensitivity);

/* --- plateau --- */

typedef struct assay_plateau {
    uint64_t point;
    double score;
    size_t n_neighbours; /* of the grid */
    size_t n_scored;     /* of those, the ones with a score */
    double median;       /* of their scores; NaN without any */
    /* How much of the score the neighbours keep: 1 is a plateau, towards 0 (or below) a peak. median / score of a score above
     * 0, score / median of one below 0; NaN where undefined. */
    double ratio;
} assay_plateau;

/* Of one point of a grid (elsewhere there are no neighbours). No memory. */
void assay_plateau_at(const assay_points *points, const double *scores, uint64_t point, assay_plateau *out);

#endif
