/* How much each axis matters, and what lies around a point. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/sum.h"
#include "research/analysis.h"

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts. Of an even number the mean of the middle two; NaN of none. */
static double median_of(double *values, size_t n) {
    qsort(values, n, sizeof *values, compare_doubles);
    if (n == 0)
        return ASSAY_NAN;
    double low = values[(n - 1) / 2], high = values[n / 2];
    return low == high ? low : low + (high - low) / 2;
}

/* --- levels --- */

/* The first value of a part, of an axis with n values; of part ASSAY_AXIS_PARTS, n. */
static uint64_t part_begin(uint64_t n, uint64_t part) {
    return n / ASSAY_AXIS_PARTS * part + n % ASSAY_AXIS_PARTS * part / ASSAY_AXIS_PARTS;
}

/* The number at which a part begins; of part ASSAY_AXIS_PARTS, the last number of the axis. */
static double part_number(const assay_points *points, size_t axis, uint64_t part) {
    uint64_t n = assay_points_axis_count(points, axis);
    if (n == 0)
        return assay_points_range_number(points, axis, (double)part / ASSAY_AXIS_PARTS);
    uint64_t index = part_begin(n, part);
    return assay_points_axis_number(points, axis, index < n ? index : n - 1);
}

/* A range of few whole numbers has fewer parts. */
static size_t cut_into_parts(const assay_points *points, size_t axis, assay_axis_level *level) {
    size_t n = 0;
    for (uint64_t part = 0; part < ASSAY_AXIS_PARTS; part++) {
        double begin = part_number(points, axis, part);
        if (n > 0 && begin == level[n - 1].begin)
            continue;
        level[n] = (assay_axis_level){.index = n, .begin = begin};
        n++;
    }
    for (size_t i = 0; i < n; i++)
        level[i].end = i + 1 < n ? level[i + 1].begin : part_number(points, axis, ASSAY_AXIS_PARTS);
    return n;
}

static assay_status create_levels(const assay_points *points, size_t axis, assay_sensitivity *s,
                                  assay_error *err) {
    uint64_t n_values = assay_points_axis_count(points, axis);
    s->parts = n_values == 0 || n_values > ASSAY_MOST_LEVELS;
    s->n_levels = s->parts ? ASSAY_AXIS_PARTS : (size_t)n_values;
    s->level = calloc(s->n_levels, sizeof *s->level);
    if (s->level == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the %zu values of axis '%s'",
                               s->n_levels, assay_points_axis_name(points, axis));
    if (s->parts) {
        s->n_levels = cut_into_parts(points, axis, s->level);
        return ASSAY_OK;
    }
    for (size_t i = 0; i < s->n_levels; i++) {
        double number = assay_points_axis_number(points, axis, i);
        s->level[i] = (assay_axis_level){.index = i, .begin = number, .end = number};
    }
    return ASSAY_OK;
}

static size_t level_of(const assay_points *points, size_t axis, uint64_t point, const assay_sensitivity *s) {
    uint64_t index = assay_points_value_index(points, point, axis);
    if (index != ASSAY_NO_INDEX && !s->parts)
        return (size_t)index;
    uint64_t n_values = assay_points_axis_count(points, axis);
    double value = index == ASSAY_NO_INDEX ? assay_points_value_number(points, point, axis) : 0;
    size_t level = s->n_levels - 1;
    while (level > 0 &&
           (index == ASSAY_NO_INDEX ? value < s->level[level].begin : index < part_begin(n_values, level)))
        level--;
    return level;
}

/* --- statistics --- */

/* Copies scores level after level, in the order of the points; out_begin[l] is where level l begins, out_begin[n] the end. */
static void group_scores(const assay_points *points, size_t axis, const double *scores, size_t n_points,
                         assay_sensitivity *s, double *out_grouped, size_t *out_begin) {
    for (size_t i = 0; i < n_points; i++) {
        if (!isnan(scores[i]))
            s->level[level_of(points, axis, i, s)].count++;
    }
    out_begin[0] = 0;
    for (size_t l = 0; l < s->n_levels; l++) {
        out_begin[l + 1] = out_begin[l] + s->level[l].count;
        s->level[l].count = 0;
    }
    for (size_t i = 0; i < n_points; i++) {
        if (isnan(scores[i]))
            continue;
        size_t l = level_of(points, axis, i, s);
        out_grouped[out_begin[l] + s->level[l].count++] = scores[i];
    }
}

/* An infinite value makes the sum infinite, not undefined. */
static double mean_of(const double *values, size_t n) {
    assay_sum sum = {0};
    double infinite = 0;
    for (size_t i = 0; i < n; i++) {
        if (isinf(values[i]))
            infinite += values[i];
        else
            assay_sum_add(&sum, values[i]);
    }
    return n == 0 ? ASSAY_NAN : (assay_sum_value(&sum) + infinite) / (double)n;
}

/* Sorts the values. */
static void describe_level(double *values, assay_axis_level *level) {
    size_t n = level->count;
    level->mean = mean_of(values, n);
    level->median = median_of(values, n);
    level->min = n == 0 ? ASSAY_NAN : values[0];
    level->max = n == 0 ? ASSAY_NAN : values[n - 1];
}

typedef struct finite_part {
    double n, mean;
} finite_part;

static finite_part finite_part_of(const double *values, size_t n) {
    assay_sum sum = {0};
    double count = 0;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(values[i])) {
            assay_sum_add(&sum, values[i]);
            count += 1;
        }
    }
    return (finite_part){count, assay_sum_value(&sum) / count};
}

/* Sum of squares between the levels by the one around the mean of all. */
static double variance_share(const assay_sensitivity *s, const double *grouped, const size_t *begin) {
    finite_part all = finite_part_of(grouped, begin[s->n_levels]);
    assay_sum between = {0}, whole = {0};
    for (size_t l = 0; l < s->n_levels; l++) {
        finite_part part = finite_part_of(grouped + begin[l], s->level[l].count);
        if (part.n > 0)
            assay_sum_add(&between, part.n * (part.mean - all.mean) * (part.mean - all.mean));
    }
    for (size_t i = 0; i < begin[s->n_levels]; i++) {
        double d = grouped[i] - all.mean;
        if (isfinite(grouped[i]))
            assay_sum_add(&whole, d * d);
    }
    /* Equal scores: what rounding leaves is no variance. */
    double least = 1e-24 * all.mean * all.mean * all.n;
    if (!(assay_sum_value(&whole) > least))
        return ASSAY_NAN;
    return assay_min(assay_sum_value(&between) / assay_sum_value(&whole), 1);
}

assay_status assay_sensitivity_init(const assay_points *points, size_t axis, const double *scores,
                                    size_t n_points, assay_sensitivity *out, assay_error *err) {
    memset(out, 0, sizeof *out);
    if (axis >= assay_points_n_axes(points) || n_points != assay_points_count(points))
        return assay_error_set(err, ASSAY_E_ARGUMENT, "a sensitivity needs an axis and a score a point");
    assay_status status = create_levels(points, axis, out, err);
    if (status != ASSAY_OK)
        return status;
    double *grouped = malloc(n_points * sizeof *grouped);
    size_t *begin = malloc((out->n_levels + 1) * sizeof *begin);
    if (grouped == NULL || begin == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the scores of %zu points", n_points);
        assay_sensitivity_reset(out);
    } else {
        group_scores(points, axis, scores, n_points, out, grouped, begin);
        out->mean = mean_of(grouped, begin[out->n_levels]);
        out->variance_share = variance_share(out, grouped, begin);
        for (size_t l = 0; l < out->n_levels; l++)
            describe_level(grouped + begin[l], &out->level[l]);
    }
    free(grouped);
    free(begin);
    return status;
}

void assay_sensitivity_reset(assay_sensitivity *sensitivity) {
    free(sensitivity->level);
    memset(sensitivity, 0, sizeof *sensitivity);
}

/* --- plateau --- */

static double kept_share(double score, double median) {
    if (score > 0)
        return isfinite(score) ? median / score : ASSAY_NAN;
    return score < 0 && median < 0 ? score / median : ASSAY_NAN;
}

void assay_plateau_at(const assay_points *points, const double *scores, uint64_t point, assay_plateau *out) {
    uint64_t neighbour[2 * ASSAY_MAX_AXES];
    double scored[2 * ASSAY_MAX_AXES];
    *out = (assay_plateau){.point = point, .score = scores[point]};
    out->n_neighbours = assay_points_neighbours(points, point, neighbour);
    for (size_t i = 0; i < out->n_neighbours; i++) {
        if (!isnan(scores[neighbour[i]]))
            scored[out->n_scored++] = scores[neighbour[i]];
    }
    out->median = median_of(scored, out->n_scored);
    out->ratio = kept_share(out->score, out->median);
}
