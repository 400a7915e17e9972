/* The plan of a sweep: which points (combinations of the values of some axes) are tried, and in which order.
 *
 * Invariant: a point is a function of the axes, the sampling and its number, so nothing but the axes is stored, however many
 * points there are, and any thread, shard or later process computes the same one. Axes are read as axis.h says.
 *
 * Sampling:
 *   grid              every combination, the last axis fastest (the default)
 *   random:N:SEED     N points, uniform over the axes (SEED 0 where left out); where every axis has values of its own,
 *                     distinct ones, drawn without replacement
 *   sobol:N[:SEED]    the first N points of the Sobol sequence, one dimension an axis; SEED gives a digital shift. On axes
 *                     of few values, points can repeat
 *
 * After creation nothing changes: every function but create and destroy may be called by several threads at once.
 */
#ifndef ASSAY_RESEARCH_POINTS_H
#define ASSAY_RESEARCH_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assay/assay_error.h"

typedef struct assay_points assay_points;

enum { ASSAY_MAX_AXES = 64 };
#define ASSAY_MAX_POINTS (UINT64_C(1) << 40)
#define ASSAY_NO_INDEX UINT64_MAX

/* Reads n_axes axes and a sampling (NULL or "": grid). *out_points belongs to the caller (assay_points_destroy); NULL on
 * failure. The texts are not kept. ASSAY_E_CONFIG: no axis, too many, an axis given twice, a mistake in an axis (the message
 * has its text and the character), more than ASSAY_MAX_POINTS points, a grid over a range, more distinct random points than
 * there are. ASSAY_E_NOMEM. Whether a name and its values are known is for the caller to try (assay_config_set). */
ASSAY_NODISCARD assay_status assay_points_create(const char *const *axes, size_t n_axes, const char *sampling,
                                                 assay_points **out_points, assay_error *err);
void assay_points_destroy(assay_points *points); /* NULL: nothing */

/* Points 0 … count − 1 and axes 0 … n_axes − 1; below, other numbers are the caller's mistake and undefined. */
uint64_t assay_points_count(const assay_points *points);
size_t assay_points_n_axes(const assay_points *points);
const char *assay_points_axis_name(const assay_points *points, size_t axis); /* as long as `points` */
bool assay_points_is_grid(const assay_points *points);

/* The values that an axis has; 0 for a range (10..200). */
uint64_t assay_points_axis_count(const assay_points *points, size_t axis);
/* Of value `index` of an axis (not of a range): its text, cut at `size`, and its number, NaN where it is none. */
void assay_points_axis_text(const assay_points *points, size_t axis, uint64_t index, char *out_text,
                            size_t size);
double assay_points_axis_number(const assay_points *points, size_t axis, uint64_t index);
/* The number at a fraction in [0, 1] of a range (10..200), NaN where the axis is none. 1 is its end. */
double assay_points_range_number(const assay_points *points, size_t axis, double fraction);

/* The value of a point on an axis: the index of the value (ASSAY_NO_INDEX on a range), its canonical text for
 * assay_config_set, NUL-terminated and cut at `size` (32 fit any number), and its number (NaN where it is none). */
uint64_t assay_points_value_index(const assay_points *points, uint64_t point, size_t axis);
void assay_points_value_text(const assay_points *points, uint64_t point, size_t axis, char *out_text,
                             size_t size);
double assay_points_value_number(const assay_points *points, uint64_t point, size_t axis);

/* Of a grid: the points that differ from `point` by one step on one axis, in the order in which the axis was written; at
 * most 2 x n_axes of them, ascending within each axis, axis after axis. Returns how many; 0 where there is no grid. */
size_t assay_points_neighbours(const assay_points *points, uint64_t point, uint64_t *out_points);

/* --- shards --- */

/* Shard k of n has the points whose number is k − 1 modulo n: shards partition the points, and each sees all regions. */
typedef struct assay_shard {
    uint64_t index; /* 0 … count − 1 */
    uint64_t count; /* 1: everything */
} assay_shard;

/* Reads "k/n", 1 <= k <= n <= 1,000,000; NULL or "" is "1/1". ASSAY_E_CONFIG; *out_shard is then "1/1". Pure. */
ASSAY_NODISCARD assay_status assay_shard_parse(const char *text, assay_shard *out_shard, assay_error *err);
/* How many of n_points the shard has, and the j-th of them. Pure. */
uint64_t assay_shard_size(const assay_shard *shard, uint64_t n_points);
uint64_t assay_shard_point(const assay_shard *shard, uint64_t j);

#endif
