/* Plans of points: axes from text, grids, random and Sobol sampling, shards. Expected values are worked by hand from the
 * syntax, or come from scipy and mpmath where it says so. */
#include "support.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "research/points.h"
#include "research/sobol.h"

#include "../vectors/sobol.h"

/* --- helpers --- */

#define POINTS(sampling, ...)                                                                                \
    create_points((sampling), (const char *const[]){__VA_ARGS__},                                            \
                  LENGTH(((const char *const[]){__VA_ARGS__})))

static assay_points *create_points(const char *sampling, const char *const *axes, size_t n_axes) {
    assay_error err = {0};
    assay_points *points = NULL;
    if (assay_points_create(axes, n_axes, sampling, &points, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    return points;
}

static void assert_value(const assay_points *points, uint64_t point, size_t axis, const char *wanted) {
    char text[64];
    assay_points_value_text(points, point, axis, text, sizeof text);
    assert_string_equal(text, wanted);
    double number = ASSAY_NAN;
    (void)assay_double_parse(wanted, &number);
    assert_number(assay_points_value_number(points, point, axis), number);
}

/* The values of one axis, with commas between. */
static void assert_values(const char *axis, const char *wanted) {
    assay_points *points = POINTS("grid", axis);
    char all[2000] = "", text[64];
    for (uint64_t i = 0; i < assay_points_count(points); i++) {
        assay_points_value_text(points, i, 0, text, sizeof text);
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i == 0 ? "" : ",", text);
    }
    assert_string_equal(all, wanted);
    assay_points_destroy(points);
}

static void assert_axis_refused(const char *sampling, const char *axis, const char *part) {
    assay_error err = {0};
    assay_points *points = NULL;
    assay_status status = assay_points_create(&axis, 1, sampling, &points, &err);
    assert_refused(status, ASSAY_E_CONFIG, &err, part);
    assert_null(points);
}

/* --- axes --- */

static void test_lists_are_canonical(void **state) {
    (void)state;
    assert_values("lookback=10,20,50", "10,20,50");
    assert_values("lookback=5", "5");
    assert_values(" lookback = 010 , +20,5e1 ", "10,20,50");
    assert_values("threshold=0.10,1e-3,.5,-0.0", "0.1,0.001,0.5,0");
    assert_values("fill=next_open,next_close", "next_open,next_close");
    assert_values("allow_short=true,false", "true,false");
    assert_values("start_date=2020-01-01T10:30:00,2021-01-01", "2020-01-01T10:30:00,2021-01-01");
    assert_values("plugin=../a.so,../b.so", "../a.so,../b.so");
}

static void test_steps_do_not_drift(void **state) {
    (void)state;
    assert_values("lookback=10:50:10", "10,20,30,40,50");
    assert_values("lookback=10:55:10", "10,20,30,40,50"); /* never past the end */
    assert_values("lookback=10:59:10", "10,20,30,40,50");
    assert_values("lookback=50:20:-10", "50,40,30,20");
    assert_values("lookback=7:7:1", "7");
    assert_values("threshold=0.02:0.2:0.02", "0.02,0.04,0.06,0.08,0.1,0.12,0.14,0.16,0.18,0.2");
    assert_values("threshold=-0.3:0.3:0.1", "-0.3,-0.2,-0.1,0,0.1,0.2,0.3");
    assert_values("x=1:2:.25", "1,1.25,1.5,1.75,2");
    assert_values("x=1e-3:3e-3:1e-3", "0.001,0.002,0.003");
    assert_values("x=1e3:3e3:1e3", "1000,2000,3000");
    /* More digits than decimal units hold: begin + i x step, the end within rounding. */
    assert_values("x=0.12345678901234567:0.32345678901234567:0.1",
                  "0.12345678901234566,0.22345678901234567,0.32345678901234565");
    /* A thousand steps: each is the double that its own text reads as. */
    assay_points *points = POINTS(NULL, "x=0.001:1:0.001");
    assert_int_equal(assay_points_count(points), 1000);
    for (uint64_t i = 0; i < 1000; i++) {
        char wanted[32];
        snprintf(wanted, sizeof wanted, "%.3f", (double)(i + 1) / 1000);
        assert_number(assay_points_value_number(points, i, 0), strtod(wanted, NULL));
    }
    assay_points_destroy(points);
}

/* mpmath 1.4, 40 digits: 0.01 x 100^(i / 19) for i = 1, 7, 18, rounded to double. */
static void test_geometric_steps(void **state) {
    (void)state;
    assay_points *points = POINTS("grid", "threshold=log:0.01:1:20");
    assert_int_equal(assay_points_count(points), 20);
    assert_value(points, 0, 0, "0.01");
    assert_value(points, 19, 0, "1");
    assert_value(points, 1, 0, "0.012742749857031338");
    assert_value(points, 7, 0, "0.05455594781168519");
    assert_value(points, 18, 0, "0.7847599703514613");
    assay_points_destroy(points);
    assert_values("lookback=log:10:200:5", "10,21,45,95,200"); /* 10 x 20^(i / 4), rounded: whole ends */
    assert_values("lookback=log:1.0:100:3", "1,10,100");
}

static void test_mistakes_in_axes(void **state) {
    (void)state;
    assert_axis_refused(NULL, "lookback=10:200:0", "axis 'lookback=10:200:0', character 17: the step is 0");
    assert_axis_refused(NULL, "lookback=10:200:-5", "leads away from the end 200");
    assert_axis_refused(NULL, "lookback=200:10:5", "leads away from the end 10");
    assert_axis_refused(NULL, "lookback=10:200", "character 16: the step is missing");
    assert_axis_refused(NULL, "lookback=10:2x:5", "character 13: the end is '2x' and must be a number");
    assert_axis_refused(NULL, "lookback=10:20:5:7", "the step is '5:7'");
    assert_axis_refused(NULL, "lookback=", "character 10: a value is empty");
    assert_axis_refused(NULL, "lookback=10,,20", "character 13: a value is empty");
    assert_axis_refused(NULL, "lookback=10,20,", "character 16: a value is empty");
    assert_axis_refused(NULL, "lookback=10,20,10.0", "the value 10 is in the list twice");
    assert_axis_refused(NULL, "lookback=5,10:20:5", "character 12: '10:20:5' is a range inside a list");
    assert_axis_refused(NULL, "lookback", "the values are missing");
    assert_axis_refused(NULL, "=10", "the name is missing");
    assert_axis_refused(NULL, "", "the name is missing");
    assert_axis_refused(NULL, "look back=10", "character 5: a name has letters");
    assert_axis_refused(NULL, "x=log:0:1:20", "needs a begin above 0");
    assert_axis_refused(NULL, "x=log:0.1:1:1", "the count is '1'");
    assert_axis_refused(NULL, "x=log:0.1:1:2.5", "the count is '2.5'");
    assert_axis_refused(NULL, "x=log:0.1:1", "write log:begin:end:count");
    assert_axis_refused(NULL, "x=log:0.1", "write log:begin:end:count");
    assert_axis_refused(NULL, "x=log:1:0.1:5", "the end must be above the begin");
    assert_axis_refused(NULL, "x=log:1:10:20", "not distinct whole numbers");
    assert_axis_refused("random:5", "x=10..5", "the end must be above the begin");
    assert_axis_refused("random:5", "x=10..2q", "the end is '2q'");
    assert_axis_refused(NULL, "x=10..200", "axis 'x' is a range without steps");
}

static void test_mistakes_in_plans(void **state) {
    (void)state;
    assert_axis_refused("sobol", "x=1,2", "sampling 'sobol': write grid, random:N:SEED or sobol:N[:SEED]");
    assert_axis_refused("random:0:1", "x=1,2", "sampling 'random:0:1'");
    assert_axis_refused("random:5:", "x=1,2", "sampling 'random:5:'");
    assert_axis_refused("random:5:-1", "x=1,2", "sampling 'random:5:-1'");
    assert_axis_refused("sobol:1099511627777", "x=1..2", "sampling 'sobol:");
    assert_axis_refused("Grid", "x=1,2", "sampling 'Grid'");
    assert_axis_refused("random:3:1", "x=1,2", "the axes have only 2 combinations");
    assay_error err = {0};
    assay_points *points = NULL;
    const char *twice[] = {"a=1,2", "b=3", "a=5"};
    assert_refused(assay_points_create(twice, 3, NULL, &points, &err), ASSAY_E_CONFIG, &err,
                   "axis 'a' is given twice (axes 1 and 3)");
    assert_refused(assay_points_create(NULL, 0, NULL, &points, &err), ASSAY_E_CONFIG, &err, "no axis");
    const char *large[] = {"a=1:100000:1", "b=1:100000:1", "c=1:1000:1"};
    assert_refused(assay_points_create(large, 3, NULL, &points, &err), ASSAY_E_CONFIG, &err,
                   "more than 2^40 points (it passes them at axis 'a' with its 100000 values)");
    const char *many[ASSAY_MAX_AXES + 1] = {0};
    assert_refused(assay_points_create(many, LENGTH(many), NULL, &points, &err), ASSAY_E_CONFIG, &err,
                   "65 axes: at most 64");
    assert_null(points);
}

/* --- sampling --- */

static void test_grid_counts_the_last_axis_fastest(void **state) {
    (void)state;
    assay_points *points = POINTS("grid", "lookback=10,20", "fill=next_open,next_close,close", "x=0:1:0.5");
    assert_int_equal(assay_points_count(points), 18);
    assert_int_equal(assay_points_n_axes(points), 3);
    assert_true(assay_points_is_grid(points));
    assert_string_equal(assay_points_axis_name(points, 1), "fill");
    assert_int_equal(assay_points_axis_count(points, 1), 3);
    assert_value(points, 0, 0, "10");
    assert_value(points, 0, 1, "next_open");
    assert_value(points, 0, 2, "0");
    assert_value(points, 1, 2, "0.5");
    assert_value(points, 3, 1, "next_close");
    assert_value(points, 9, 0, "20");
    assert_value(points, 17, 0, "20");
    assert_value(points, 17, 1, "close");
    assert_value(points, 17, 2, "1");
    assert_int_equal(assay_points_value_index(points, 16, 2), 1);
    char text[32];
    assay_points_axis_text(points, 1, 2, text, sizeof text);
    assert_string_equal(text, "close");
    assert_number(assay_points_axis_number(points, 1, 2), NO_VALUE);
    assert_number(assay_points_axis_number(points, 2, 1), 0.5);
    assert_number(assay_points_range_number(points, 2, 0.5), NO_VALUE);
    assay_points_destroy(points);
    assay_points_destroy(NULL);
}

/* Neighbours are exactly the points whose indices differ by 1 in sum. */
static void test_neighbours_of_a_grid(void **state) {
    (void)state;
    assay_points *points = POINTS("grid", "a=1,2,3", "b=1,2", "c=1:5:1");
    for (uint64_t p = 0; p < assay_points_count(points); p++) {
        uint64_t near[6];
        size_t n = assay_points_neighbours(points, p, near), expected = 0;
        for (uint64_t q = 0; q < assay_points_count(points); q++) {
            uint64_t steps = 0;
            bool listed = false;
            for (size_t axis = 0; axis < 3; axis++) {
                uint64_t i = assay_points_value_index(points, p, axis);
                uint64_t j = assay_points_value_index(points, q, axis);
                steps += i > j ? i - j : j - i;
            }
            for (size_t i = 0; i < n; i++)
                listed = listed || near[i] == q;
            assert_true(listed == (steps == 1));
            expected += steps == 1 ? 1 : 0;
        }
        assert_int_equal(n, expected);
    }
    assay_points_destroy(points);
    points = POINTS("sobol:8", "a=1,2,3");
    assert_int_equal(assay_points_neighbours(points, 3, NULL), 0);
    assay_points_destroy(points);
}

static void test_sobol_against_scipy(void **state) {
    (void)state;
    for (size_t d = 0; d < SOBOL_VECTOR_DIMENSIONS; d++) {
        assay_sobol sobol;
        assay_sobol_init(&sobol, d);
        for (size_t i = 0; i < LENGTH(sobol_vectors); i++)
            assert_number(assay_sobol_at(&sobol, sobol_vectors[i].index, 0),
                          (double)sobol_vectors[i].units[d] * 0x1p-30);
    }
}

/* What makes the sequence one: the first 2^k points have one point in each interval of length 2^-k, in every dimension, also
 * after a digital shift; and the direction numbers are odd multiples of their bit. */
static void test_sobol_fills_every_dimension(void **state) {
    (void)state;
    for (size_t d = 0; d < ASSAY_SOBOL_DIMENSIONS; d++) {
        assay_sobol sobol;
        assay_sobol_init(&sobol, d);
        for (uint64_t shift = 0; shift < 2; shift++) {
            unsigned char seen[1024] = {0};
            for (uint64_t i = 0; i < 1024; i++)
                seen[(size_t)(assay_sobol_at(&sobol, i, shift * UINT64_C(0xdeadbeefcafe5)) * 1024)]++;
            for (size_t i = 0; i < 1024; i++)
                assert_int_equal(seen[i], 1);
        }
        for (unsigned k = 0; k < ASSAY_SOBOL_BITS; k++)
            assert_int_equal(sobol.direction[k] >> (ASSAY_SOBOL_BITS - 1 - k) & 1, 1);
    }
}

/* Points 0 to 3 in two dimensions are (0, 0), (1/2, 1/2), (3/4, 1/4), (1/4, 3/4): Joe and Kuo's own example. */
static void test_sobol_on_axes(void **state) {
    (void)state;
    assay_points *points = POINTS("sobol:4", "lookback=10:40:10", "threshold=0.0..0.4");
    assert_value(points, 0, 0, "10");
    assert_value(points, 1, 0, "30");
    assert_value(points, 2, 0, "40");
    assert_value(points, 3, 0, "20");
    assert_value(points, 0, 1, "0");
    assert_value(points, 1, 1, "0.2");
    assert_value(points, 2, 1, "0.1");
    assert_near(assay_points_value_number(points, 3, 1), 0.3, 1e-15);
    assay_points_destroy(points);
    points = POINTS("sobol:4", "k=10..13", "x=log:0.01..1", "y=log:1..8");
    assert_value(points, 1, 0, "12");
    assert_near(assay_points_value_number(points, 1, 1), 0.1, 1e-15); /* the geometric middle */
    assert_value(points, 1, 2, "3");                                  /* sqrt(1 x 9) */
    assay_points_destroy(points);
    assay_points *a = POINTS("sobol:64:5", "x=0.0..1"), *b = POINTS("sobol:64:6", "x=0.0..1");
    assert_true(assay_points_value_number(a, 0, 0) != assay_points_value_number(b, 0, 0));
    assert_true(assay_points_value_number(a, 0, 0) != 0);
    assay_points_destroy(a);
    assay_points_destroy(b);
}

static void test_random_points_are_reproducible(void **state) {
    (void)state;
    assay_points *a = POINTS("random:1000:7", "k=10..200", "x=0.01..0.5", "y=log:0.01..1", "f=u,v");
    assay_points *b = POINTS("random:2000:7", "k=10..200", "x=0.01..0.5", "y=log:0.01..1", "f=u,v");
    assay_points *c = POINTS("random:1000:8", "k=10..200", "x=0.01..0.5", "y=log:0.01..1", "f=u,v");
    size_t differing = 0;
    double sum[3] = {0}, low[3] = {1e9, 1e9, 1e9}, high[3] = {0};
    for (uint64_t i = 1000; i-- > 0;) { /* backward: no point needs the one before */
        for (size_t axis = 0; axis < 4; axis++) {
            char text[3][32];
            assay_points_value_text(a, i, axis, text[0], 32);
            assay_points_value_text(b, i, axis, text[1], 32);
            assay_points_value_text(c, i, axis, text[2], 32);
            assert_string_equal(text[0], text[1]);
            differing += strcmp(text[0], text[2]) != 0 ? 1 : 0;
            double value = assay_points_value_number(a, i, axis);
            if (axis == 3) {
                assert_true(isnan(value));
                continue;
            }
            sum[axis] += axis == 2 ? log10(value) : value;
            low[axis] = fmin(low[axis], value);
            high[axis] = fmax(high[axis], value);
        }
    }
    assert_true(differing > 3000);
    /* Means of 1000 uniform values: within five standard errors of the middle. */
    assert_true(fabs(sum[0] / 1000 - 105) < 5 * 55.1 / 31.6);
    assert_true(fabs(sum[1] / 1000 - 0.255) < 5 * 0.1415 / 31.6);
    assert_true(fabs(sum[2] / 1000 + 1) < 5 * 0.577 / 31.6);
    assert_true(low[0] >= 10 && low[0] < 12 && high[0] > 198 && high[0] <= 200);
    assert_true(low[1] >= 0.01 && high[1] <= 0.5 && low[2] >= 0.01 && high[2] <= 1);
    assay_points_destroy(a);
    assay_points_destroy(b);
    assay_points_destroy(c);
}

static void test_random_points_of_lists_are_distinct(void **state) {
    (void)state;
    for (uint64_t n = 1; n <= 60; n++) {
        char sampling[32];
        snprintf(sampling, sizeof sampling, "random:%" PRIu64 ":%" PRIu64, n, n);
        assay_points *points = POINTS(sampling, "a=1,2,3", "b=1:5:1", "c=w,x,y,z");
        unsigned char seen[60] = {0};
        assert_int_equal(assay_points_count(points), n);
        for (uint64_t i = 0; i < n; i++) {
            uint64_t place = 0;
            for (size_t axis = 0; axis < 3; axis++)
                place =
                    place * assay_points_axis_count(points, axis) + assay_points_value_index(points, i, axis);
            assert_int_equal(seen[place]++, 0);
        }
        assay_points_destroy(points);
    }
    /* Each of 60 combinations comes first about equally often: chi-square of 59 degrees, 99.99 % below 109. */
    double chi = 0;
    unsigned count[60] = {0};
    for (int seed = 0; seed < 6000; seed++) {
        char sampling[32];
        snprintf(sampling, sizeof sampling, "random:1:%d", seed);
        assay_points *points = POINTS(sampling, "a=1:60:1");
        count[assay_points_value_index(points, 0, 0)]++;
        assay_points_destroy(points);
    }
    for (int i = 0; i < 60; i++)
        chi += (count[i] - 100.0) * (count[i] - 100.0) / 100;
    assert_true(chi < 109);
}

/* More combinations than can be counted: points may repeat, but need no memory. */
static void test_a_vast_space(void **state) {
    (void)state;
    assay_points *points = POINTS("random:1000000:1", "a=1:1000000000:1", "b=1:1000000000:1", "c=0.0..1");
    assert_int_equal(assay_points_count(points), 1000000);
    assert_true(assay_points_value_number(points, 999999, 0) >= 1);
    assert_true(assay_points_value_index(points, 999999, 1) < 1000000000);
    assert_true(assay_points_value_index(points, 0, 2) == ASSAY_NO_INDEX);
    assert_number(assay_points_range_number(points, 2, 0.25), 0.25);
    assert_number(assay_points_range_number(points, 2, 1), 1);
    assay_points_destroy(points);
}

/* --- shards --- */

static void test_shards_partition_the_points(void **state) {
    (void)state;
    for (uint64_t n_points = 0; n_points <= 23; n_points++) {
        for (uint64_t n = 1; n <= 7; n++) {
            unsigned char seen[32] = {0};
            for (uint64_t k = 1; k <= n; k++) {
                char text[32];
                snprintf(text, sizeof text, "%" PRIu64 "/%" PRIu64, k, n);
                assay_shard shard;
                assay_error err = {0};
                assert_int_equal(assay_shard_parse(text, &shard, &err), ASSAY_OK);
                for (uint64_t j = 0; j < assay_shard_size(&shard, n_points); j++) {
                    uint64_t point = assay_shard_point(&shard, j);
                    assert_true(point < n_points && point % n == k - 1);
                    seen[point]++;
                }
            }
            for (uint64_t i = 0; i < n_points; i++)
                assert_int_equal(seen[i], 1);
        }
    }
}

static void test_shards_from_text(void **state) {
    (void)state;
    static const char *const wrong[] = {"0/4", "5/4", "1", "/4", "1/", "a/b", "1/4/2", "-1/4", "1/1000001"};
    assay_shard shard;
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        assay_error err = {0};
        assert_refused(assay_shard_parse(wrong[i], &shard, &err), ASSAY_E_CONFIG, &err, "write k/n");
        assert_refused(ASSAY_E_CONFIG, ASSAY_E_CONFIG, &err, wrong[i]);
        assert_true(shard.index == 0 && shard.count == 1);
    }
    assert_int_equal(assay_shard_parse(NULL, &shard, NULL), ASSAY_OK);
    assert_int_equal(assay_shard_size(&shard, 9), 9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_are_canonical),
        cmocka_unit_test(test_steps_do_not_drift),
        cmocka_unit_test(test_geometric_steps),
        cmocka_unit_test(test_mistakes_in_axes),
        cmocka_unit_test(test_mistakes_in_plans),
        cmocka_unit_test(test_grid_counts_the_last_axis_fastest),
        cmocka_unit_test(test_neighbours_of_a_grid),
        cmocka_unit_test(test_sobol_against_scipy),
        cmocka_unit_test(test_sobol_fills_every_dimension),
        cmocka_unit_test(test_sobol_on_axes),
        cmocka_unit_test(test_random_points_are_reproducible),
        cmocka_unit_test(test_random_points_of_lists_are_distinct),
        cmocka_unit_test(test_a_vast_space),
        cmocka_unit_test(test_shards_partition_the_points),
        cmocka_unit_test(test_shards_from_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
