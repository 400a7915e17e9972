/* Plans of points: grid, random and Sobol. */
#include "research/points.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/rng.h"
#include "base/text.h"
#include "research/axis.h"
#include "research/sobol.h"

typedef enum sampling_kind { SAMPLING_GRID, SAMPLING_RANDOM, SAMPLING_SOBOL } sampling_kind;

struct assay_points {
    assay_axis axis[ASSAY_MAX_AXES];
    uint64_t stride[ASSAY_MAX_AXES]; /* combinations of the axes behind this one, where they can be counted */
    size_t n_axes;
    uint64_t combinations; /* 0: an axis is a range, or there are more than MOST_COMBINATIONS */
    uint64_t count;
    sampling_kind sampling;
    uint64_t seed;
    uint64_t shift[ASSAY_MAX_AXES]; /* digital shift of the Sobol sequence */
    assay_sobol *sobol;             /* one an axis; owned */
};

#define MOST_COMBINATIONS (UINT64_C(1) << 60)

/* --- a random order of 0 … n − 1 --- */

enum { FEISTEL_ROUNDS = 8 };

static uint64_t mixed(uint64_t seed, uint64_t value) {
    assay_rng rng;
    assay_rng_init(&rng, seed ^ value);
    return assay_rng_next(&rng);
}

/* A bijection of 0 … 2^(2 half_bits) − 1: a Feistel network (Luby, Rackoff 1988). */
static uint64_t feistel(uint64_t value, unsigned half_bits, uint64_t seed) {
    uint64_t mask = (UINT64_C(1) << half_bits) - 1;
    uint64_t left = value >> half_bits, right = value & mask;
    for (uint64_t round = 0; round < FEISTEL_ROUNDS; round++) {
        uint64_t next = left ^ (mixed(mixed(seed, round), right) & mask);
        left = right;
        right = next;
    }
    return left << half_bits | right;
}

/* The place that `value` takes in a shuffle of 0 … n − 1, without storing it: a bijection of the next power of four, walked
 * until it falls below n (Black, Rogaway 2002); fewer than four steps on average. */
static uint64_t shuffled(uint64_t value, uint64_t n, uint64_t seed) {
    unsigned half_bits = 1;
    while (n > UINT64_C(1) << 2 * half_bits)
        half_bits++;
    do {
        value = feistel(value, half_bits, seed);
    } while (value >= n);
    return value;
}

/* --- creation --- */

static assay_status read_axes(assay_points *points, const char *const *axes, size_t n_axes,
                              assay_error *err) {
    if (n_axes == 0)
        return assay_error_set(err, ASSAY_E_CONFIG, "no axis: give one such as lookback=10,20,50");
    if (n_axes > ASSAY_MAX_AXES)
        return assay_error_set(err, ASSAY_E_CONFIG, "%zu axes: at most %d are possible", n_axes,
                               (int)ASSAY_MAX_AXES);
    for (size_t i = 0; i < n_axes; i++) {
        assay_status status = assay_axis_init(&points->axis[i], axes[i], err);
        if (status != ASSAY_OK)
            return status;
        points->n_axes = i + 1;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(points->axis[j].name, points->axis[i].name) == 0)
                return assay_error_set(err, ASSAY_E_CONFIG,
                                       "axis '%s' is given twice (axes %zu and %zu): put its values into one",
                                       points->axis[i].name, j + 1, i + 1);
        }
    }
    return ASSAY_OK;
}

/* Strides and their product, as far as they can be counted; the index of the axis that passes `most`, or n_axes. */
static size_t count_combinations(assay_points *points, uint64_t most) {
    uint64_t product = 1;
    points->combinations = 0;
    for (size_t i = points->n_axes; i-- > 0;) {
        uint64_t n = points->axis[i].count;
        if (n == 0 || n > most / product)
            return i;
        points->stride[i] = product;
        product *= n;
    }
    points->combinations = product;
    return points->n_axes;
}

static assay_status plan_grid(assay_points *points, assay_error *err) {
    for (size_t i = 0; i < points->n_axes; i++) {
        if (points->axis[i].count == 0)
            return assay_error_set(err, ASSAY_E_CONFIG,
                                   "axis '%s' is a range without steps, of which a grid has no values: write "
                                   "begin:end:step, or sample with random:N:SEED or sobol:N",
                                   points->axis[i].name);
    }
    size_t at_fault = count_combinations(points, ASSAY_MAX_POINTS);
    if (at_fault < points->n_axes)
        return assay_error_set(err, ASSAY_E_CONFIG,
                               "the grid has more than 2^40 points (it passes them at axis '%s' with its "
                               "%" PRIu64 " values): use fewer values, or random:N:SEED or sobol:N",
                               points->axis[at_fault].name, points->axis[at_fault].count);
    points->count = points->combinations;
    return ASSAY_OK;
}

static assay_status refuse_sampling(const char *text, assay_error *err) {
    return assay_error_set(
        err, ASSAY_E_CONFIG,
        "sampling '%.100s': write grid, random:N:SEED or sobol:N[:SEED], N a whole number from "
        "1 to 2^40 and SEED one from 0, such as random:1000:7",
        text);
}

/* Reads N[:SEED] behind the kind. */
static bool read_sample(const char *text, uint64_t *out_count, uint64_t *out_seed, bool *out_seeded) {
    char count_text[32];
    size_t length = strcspn(text, ":");
    int64_t count = 0, seed = 0;
    if (length >= sizeof count_text)
        return false;
    memcpy(count_text, text, length);
    count_text[length] = '\0';
    *out_seeded = text[length] == ':';
    if (!assay_integer_parse(count_text, &count) || count < 1 || (uint64_t)count > ASSAY_MAX_POINTS)
        return false;
    if (*out_seeded && (!assay_integer_parse(text + length + 1, &seed) || seed < 0))
        return false;
    *out_count = (uint64_t)count;
    *out_seed = (uint64_t)seed;
    return true;
}

static assay_status plan_random(assay_points *points, assay_error *err) {
    points->sampling = SAMPLING_RANDOM;
    points->seed = mixed(points->seed, 0); /* neighbouring seeds shall not be neighbouring streams */
    (void)count_combinations(points, MOST_COMBINATIONS);
    if (points->combinations != 0 && points->count > points->combinations)
        return assay_error_set(err, ASSAY_E_CONFIG,
                               "random:%" PRIu64 ": the axes have only %" PRIu64
                               " combinations: ask for fewer points, or use grid",
                               points->count, points->combinations);
    return ASSAY_OK;
}

static assay_status plan_sobol(assay_points *points, bool shifted, assay_error *err) {
    points->sampling = SAMPLING_SOBOL;
    points->sobol = malloc(points->n_axes * sizeof *points->sobol);
    if (points->sobol == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a Sobol sequence");
    assay_rng rng;
    assay_rng_init(&rng, points->seed);
    for (size_t i = 0; i < points->n_axes; i++) {
        assay_sobol_init(&points->sobol[i], i);
        points->shift[i] = shifted ? assay_rng_next(&rng) >> 12 : 0;
    }
    return ASSAY_OK;
}

static assay_status plan(assay_points *points, const char *text, assay_error *err) {
    bool seeded = false;
    if (text == NULL || *text == '\0' || strcmp(text, "grid") == 0)
        return plan_grid(points, err);
    if (strncmp(text, "random:", 7) == 0 && read_sample(text + 7, &points->count, &points->seed, &seeded))
        return plan_random(points, err);
    if (strncmp(text, "sobol:", 6) == 0 && read_sample(text + 6, &points->count, &points->seed, &seeded))
        return plan_sobol(points, seeded, err);
    return refuse_sampling(text, err);
}

assay_status assay_points_create(const char *const *axes, size_t n_axes, const char *sampling,
                                 assay_points **out_points, assay_error *err) {
    *out_points = NULL;
    assay_points *points = calloc(1, sizeof *points);
    if (points == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a plan of points");
    assay_status status = read_axes(points, axes, n_axes, err);
    if (status == ASSAY_OK)
        status = plan(points, sampling, err);
    if (status != ASSAY_OK) {
        assay_points_destroy(points);
        return status;
    }
    *out_points = points;
    return ASSAY_OK;
}

void assay_points_destroy(assay_points *points) {
    if (points == NULL)
        return;
    for (size_t i = 0; i < points->n_axes; i++)
        assay_axis_reset(&points->axis[i]);
    free(points->sobol);
    free(points);
}

/* --- what it says --- */

uint64_t assay_points_count(const assay_points *points) {
    return points->count;
}

size_t assay_points_n_axes(const assay_points *points) {
    return points->n_axes;
}

const char *assay_points_axis_name(const assay_points *points, size_t axis) {
    return points->axis[axis].name;
}

bool assay_points_is_grid(const assay_points *points) {
    return points->sampling == SAMPLING_GRID;
}

uint64_t assay_points_axis_count(const assay_points *points, size_t axis) {
    return points->axis[axis].count;
}

void assay_points_axis_text(const assay_points *points, size_t axis, uint64_t index, char *out_text,
                            size_t size) {
    assay_axis_value value = assay_axis_at(&points->axis[axis], index);
    assay_axis_value_text(&value, out_text, size);
}

double assay_points_axis_number(const assay_points *points, size_t axis, uint64_t index) {
    return assay_axis_at(&points->axis[axis], index).number;
}

double assay_points_range_number(const assay_points *points, size_t axis, double fraction) {
    return points->axis[axis].count == 0 ? assay_axis_within(&points->axis[axis], fraction).number
                                         : ASSAY_NAN;
}

/* --- points --- */

/* Where a point lies on an axis, in [0, 1): a coordinate of the sequence, or number point x n_axes + axis of the stream. */
static double fraction_of(const assay_points *points, uint64_t point, size_t axis) {
    if (points->sampling == SAMPLING_SOBOL)
        return assay_sobol_at(&points->sobol[axis], point, points->shift[axis]);
    uint64_t place = point * points->n_axes + axis;
    return (double)(mixed(mixed(points->seed, place), 0) >> 11) * 0x1p-53;
}

uint64_t assay_points_value_index(const assay_points *points, uint64_t point, size_t axis) {
    uint64_t n = points->axis[axis].count;
    if (n == 0)
        return ASSAY_NO_INDEX;
    if (points->combinations == 0 || points->sampling == SAMPLING_SOBOL)
        return assay_axis_index_at(&points->axis[axis], fraction_of(points, point, axis));
    uint64_t place =
        points->sampling == SAMPLING_GRID ? point : shuffled(point, points->combinations, points->seed);
    return place / points->stride[axis] % n;
}

static assay_axis_value value_of(const assay_points *points, uint64_t point, size_t axis) {
    uint64_t index = assay_points_value_index(points, point, axis);
    if (index == ASSAY_NO_INDEX)
        return assay_axis_within(&points->axis[axis], fraction_of(points, point, axis));
    return assay_axis_at(&points->axis[axis], index);
}

void assay_points_value_text(const assay_points *points, uint64_t point, size_t axis, char *out_text,
                             size_t size) {
    assay_axis_value value = value_of(points, point, axis);
    assay_axis_value_text(&value, out_text, size);
}

double assay_points_value_number(const assay_points *points, uint64_t point, size_t axis) {
    return value_of(points, point, axis).number;
}

size_t assay_points_neighbours(const assay_points *points, uint64_t point, uint64_t *out_points) {
    size_t n = 0;
    if (points->sampling != SAMPLING_GRID)
        return 0;
    for (size_t axis = 0; axis < points->n_axes; axis++) {
        uint64_t index = assay_points_value_index(points, point, axis);
        if (index > 0)
            out_points[n++] = point - points->stride[axis];
        if (index + 1 < points->axis[axis].count)
            out_points[n++] = point + points->stride[axis];
    }
    return n;
}

/* --- shards --- */

assay_status assay_shard_parse(const char *text, assay_shard *out_shard, assay_error *err) {
    *out_shard = (assay_shard){.index = 0, .count = 1};
    if (text == NULL || *text == '\0')
        return ASSAY_OK;
    char first[24];
    size_t length = strcspn(text, "/");
    int64_t k = 0, n = 0;
    snprintf(first, sizeof first, "%.*s", (int)(length < sizeof first ? length : 0), text);
    bool understood = text[length] == '/' && assay_integer_parse(first, &k) &&
                      assay_integer_parse(text + length + 1, &n) && k >= 1 && k <= n && n <= 1000000;
    if (!understood)
        return assay_error_set(err, ASSAY_E_CONFIG,
                               "shard '%.100s': write k/n with 1 <= k <= n <= 1000000, such as 2/8", text);
    *out_shard = (assay_shard){.index = (uint64_t)k - 1, .count = (uint64_t)n};
    return ASSAY_OK;
}

uint64_t assay_shard_size(const assay_shard *shard, uint64_t n_points) {
    return n_points / shard->count + (n_points % shard->count > shard->index ? 1 : 0);
}

uint64_t assay_shard_point(const assay_shard *shard, uint64_t j) {
    return shard->index + j * shard->count;
}
