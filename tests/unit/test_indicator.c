/* What every function of the table must keep, whatever it computes: its warm-up, purity, what a missing row does, that no
 * symbol minds its neighbours, and the same bits for every width of vector instructions. And numbers from TA-Lib and pandas
 * (tests/python/test_indicators.py has more of them). */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/rng.h"
#include "indicator/function.h"
#include "market/feature.h"
#include "market/rolling.h"

#include "../vectors/indicators.h"
#include "base/block.h"

#define free(block) assay_block_free(block) /* a matrix may lie in a file; what malloc gave is taken, too */

enum { X = ASSAY_N_PRICE_COLUMNS, Y, N_COLUMNS };

/* A market in own time: the price columns, and the series x (the close) and y. */
typedef struct own_market {
    assay_panel panel; /* its size and own_price; and the factor steps, where it is made of a panel */
    double *column[N_COLUMNS];
} own_market;

static double *new_matrix(const assay_panel *p) {
    double *m = assay_aligned_alloc(p->n_bars * p->stride, sizeof *m);
    assert_non_null(m);
    for (size_t i = 0; i < p->n_bars * p->stride; i++)
        m[i] = NO_VALUE;
    return m;
}

static own_market new_market(size_t n_rows, size_t n_symbols) {
    own_market m = {.panel = {.n_bars = n_rows, .n_symbols = n_symbols, .stride = (n_symbols + 7) / 8 * 8}};
    for (int c = 0; c < N_COLUMNS; c++)
        m.column[c] = new_matrix(&m.panel);
    m.panel.own_price = m.column[ASSAY_COLUMN_CLOSE];
    return m;
}

static void free_own(own_market *m) {
    for (int c = 0; c < N_COLUMNS; c++)
        free(m->column[c]);
}

static double random_y(size_t row, size_t symbol) {
    assay_rng rng;
    assay_rng_init(&rng, row * 1000 + symbol);
    return assay_rng_uniform(&rng);
}

/* With every column that a bar should have: random_market leaves out an open here and there. */
static own_market own_market_of(const assay_panel *panel) {
    own_market m = {.panel = *panel};
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
        assert_int_equal(assay_own_column(panel, c, &m.column[c], NULL), ASSAY_OK);
    m.column[X] = new_matrix(panel);
    m.column[Y] = new_matrix(panel);
    for (size_t i = 0; i < panel->n_bars * panel->stride; i++) {
        double close = m.column[ASSAY_COLUMN_CLOSE][i], *open = &m.column[ASSAY_COLUMN_OPEN][i];
        *open = isnan(*open) ? close : *open;
        m.column[X][i] = close;
        m.column[Y][i] = isnan(close) ? close : random_y(i / panel->stride, i % panel->stride);
    }
    return m;
}

static assay_kernel_input input_of(const assay_function *f, const own_market *m, const double *number) {
    assay_kernel_input in = {.panel = &m->panel,
                             .n_rows = m->panel.n_bars,
                             .stride = m->panel.stride,
                             .number = number,
                             .power = f->n_series != 0 ? 1 : 0};
    for (uint32_t i = 0; i < f->n_series; i++)
        in.series[i] = m->column[X + (int)i];
    for (uint32_t i = 0; i < f->n_implied; i++)
        in.series[f->n_series + i] = m->column[f->implied[i]];
    return in;
}

static double *compute(const assay_function *f, const own_market *m, const double *number) {
    double *out = new_matrix(&m->panel);
    assay_kernel_input in = input_of(f, m, number);
    assay_error err = {0};
    if (f->compute(&in, out, &err) != ASSAY_OK)
        fail_msg("%s: %s", f->name, err.message);
    return out;
}

/* Sets of numbers that suit every function: windows by turns, other numbers their default or 0.4. */
enum { N_SETS = 6 };

static void numbers_of(const assay_function *f, int set, double *number) {
    static const double windows[N_SETS][3] = {{3, 5, 2},   {2, 2, 2},    {5, 3, 7},
                                              {14, 9, 28}, {20, 10, 16}, {33, 64, 9}};
    for (uint32_t i = 0; i < f->n_numbers; i++) {
        double usual = isnan(f->number[i].default_value) ? 0.4 : f->number[i].default_value;
        number[i] = f->number[i].is_window ? windows[set][i] : usual;
        assert_true(number[i] >= f->number[i].min && number[i] <= f->number[i].max);
    }
}

typedef void check_function(const assay_function *f, const own_market *m, const double *number);

/* Every function with every set of numbers. */
static void for_each_function(const own_market *m, check_function *check) {
    for (size_t i = 0; i < assay_function_count(); i++) {
        const assay_function *f = assay_function_at(i);
        double number[ASSAY_MAX_NUMBERS] = {0};
        for (int set = 0; set < (f->n_numbers == 0 ? 1 : N_SETS); set++) {
            numbers_of(f, set, number);
            check(f, m, number);
        }
    }
}

static bool same_bits(double a, double b) {
    uint64_t bits_a, bits_b;
    memcpy(&bits_a, &a, sizeof a);
    memcpy(&bits_b, &b, sizeof b);
    return bits_a == bits_b || (isnan(a) && isnan(b));
}

static void must_be_same(const assay_function *f, const double *number, size_t row, size_t s, double a,
                         double b) {
    if (!same_bits(a, b))
        fail_msg("%s(%g, %g ...), row %zu of symbol %zu: %.17g and not %.17g", f->name, number[0], number[1],
                 row, s, a, b);
}

/* --- the table --- */

static void test_table(void **state) {
    (void)state;
    for (size_t i = 0; i < assay_function_count(); i++) {
        const assay_function *f = assay_function_at(i);
        assert_ptr_equal(assay_function_find(f->name), f); /* names are unique */
        assert_true(f->n_series + f->n_implied > 0);
        assert_true(f->formula[0] != '\0' && f->source[0] != '\0');
        for (uint32_t k = 0; k < f->n_numbers; k++) {
            const assay_function_number *n = &f->number[k];
            assert_true(isnan(n->default_value) ||
                        (n->default_value >= n->min && n->default_value <= n->max));
        }
    }
    assert_null(assay_function_find("smma"));
}

/* --- warm-up --- */

static void check_warm_up(const assay_function *f, const own_market *m, const double *number) {
    const assay_panel *p = &m->panel;
    double *out = compute(f, m, number);
    for (size_t s = 0; s < p->n_symbols; s++) {
        size_t begin = 0, end, first = 0;
        while (begin < p->n_bars && isnan(m->column[X][begin * p->stride + s]))
            begin++;
        for (end = begin; end < p->n_bars && !isnan(m->column[X][end * p->stride + s]);)
            end++;
        while (first < p->n_bars && isnan(out[first * p->stride + s]))
            first++;
        size_t wanted = begin + f->warm_up(number);
        if (first != (wanted < end ? wanted : p->n_bars))
            fail_msg("%s(%g, %g, %g) of symbol %zu: first value in row %zu, not in %zu (rows %zu to %zu)",
                     f->name, number[0], number[1], number[2], s, first, wanted, begin, end);
        for (size_t row = first; row < p->n_bars; row++)
            assert_int_equal(isnan(out[row * p->stride + s]), row >= end);
    }
    free(out);
}

/* On a market with gaps, splits, dividends, and symbols too short for some of the windows. */
static void test_warm_up(void **state) {
    (void)state;
    const random_spec spec = {51, 130, 9, 0.1, 0.02, true};
    matrix_market m = random_market(&spec);
    for (size_t t = 20; t < m.n_bars; t++) /* one of few bars */
        *market_cell(&m, ASSAY_COLUMN_CLOSE, t, 3) = NO_VALUE;
    assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
    own_market own = own_market_of(panel);
    for_each_function(&own, check_warm_up);
    free_own(&own);
    assay_panel_destroy(panel);
    free_market(&m);
}

/* --- purity --- */

static own_market random_own(uint64_t seed, size_t n_rows, size_t n_symbols) {
    const random_spec spec = {seed, n_rows, n_symbols, 0, 0, false};
    matrix_market market = random_market(&spec);
    assay_panel *panel = panel_of_market(&market, NULL, n_rows);
    own_market m = own_market_of(panel);
    m.panel = (assay_panel){.n_bars = panel->n_bars,
                            .n_symbols = n_symbols,
                            .stride = panel->stride,
                            .own_price = m.column[ASSAY_COLUMN_CLOSE]};
    assay_panel_destroy(panel);
    free_market(&market);
    return m;
}

static own_market copy_rows(const own_market *m, size_t from) {
    own_market copy = new_market(m->panel.n_bars - from, m->panel.n_symbols);
    assert_int_equal(copy.panel.stride, m->panel.stride);
    for (int c = 0; c < N_COLUMNS; c++)
        memcpy(copy.column[c], m->column[c] + from * m->panel.stride,
               copy.panel.n_bars * copy.panel.stride * sizeof(double));
    return copy;
}

/* A history that begins later, and one that is something else before the window: the same bits. */
static void check_purity(const assay_function *f, const own_market *m, const double *number) {
    static const double garbage[] = {1e300, ASSAY_NAN, -5, 1e-300};
    size_t stride = m->panel.stride, from = 37, warm_up = f->warm_up(number);
    if (f->is_recursive)
        return;
    double *full = compute(f, m, number);
    own_market later = copy_rows(m, from), other = copy_rows(m, 0);
    for (size_t i = 0; i < from * stride; i++) {
        for (int c = 0; c < N_COLUMNS; c++)
            other.column[c][i] = garbage[i % LENGTH(garbage)];
    }
    double *of_later = compute(f, &later, number), *of_other = compute(f, &other, number);
    for (size_t row = from + warm_up; row < m->panel.n_bars; row++) {
        for (size_t s = 0; s < m->panel.n_symbols; s++) {
            double value = full[row * stride + s];
            must_be_same(f, number, row, s, of_later[(row - from) * stride + s], value);
            must_be_same(f, number, row, s, of_other[row * stride + s], value);
        }
    }
    free(full);
    free(of_later);
    free(of_other);
    free_own(&later);
    free_own(&other);
}

static void test_windowed_functions_are_pure(void **state) {
    (void)state;
    own_market m = random_own(52, 150, 11);
    for_each_function(&m, check_purity);
    free_own(&m);
}

/* No function reads a later row. */
static void check_no_future(const assay_function *f, const own_market *m, const double *number) {
    size_t until = 90, n_cells = until * m->panel.stride;
    own_market other = copy_rows(m, 0);
    for (size_t i = n_cells; i < m->panel.n_bars * m->panel.stride; i++) {
        for (int c = 0; c < N_COLUMNS; c++)
            other.column[c][i] *= 1 + random_y(i, (size_t)c);
    }
    double *a = compute(f, m, number), *b = compute(f, &other, number);
    for (size_t i = 0; i < n_cells; i++)
        must_be_same(f, number, i / m->panel.stride, i % m->panel.stride, b[i], a[i]);
    free(a);
    free(b);
    free_own(&other);
}

static void test_the_future_does_not_matter(void **state) {
    (void)state;
    own_market m = random_own(53, 120, 6);
    for_each_function(&m, check_no_future);
    free_own(&m);
}

/* Each symbol alone has the bits that it has among others (in tiles of 128), from wherever its rows begin. */
static void check_alone(const assay_function *f, const own_market *m, const double *number) {
    static const size_t chosen[] = {0, 7, 127, 128, 130};
    const assay_panel *p = &m->panel;
    double *among = compute(f, m, number);
    for (size_t i = 0; i < LENGTH(chosen); i++) {
        size_t s = chosen[i], begin = 0;
        while (begin < p->n_bars && isnan(m->column[X][begin * p->stride + s]))
            begin++;
        own_market one = new_market(p->n_bars, 1);
        for (size_t row = begin; row < p->n_bars; row++) {
            for (int c = 0; c < N_COLUMNS; c++)
                one.column[c][(row - begin) * one.panel.stride] = m->column[c][row * p->stride + s];
        }
        double *alone = compute(f, &one, number);
        for (size_t row = begin; row < p->n_bars; row++)
            must_be_same(f, number, row, s, among[row * p->stride + s],
                         alone[(row - begin) * one.panel.stride]);
        free(alone);
        free_own(&one);
    }
    free(among);
}

static void test_neighbours_do_not_matter(void **state) {
    (void)state;
    const random_spec spec = {54, 110, 131, 0.1, 0, true};
    matrix_market market = random_market(&spec);
    assay_panel *panel = panel_of_market(&market, NULL, market.n_bars);
    own_market m = own_market_of(panel);
    for_each_function(&m, check_alone);
    free_own(&m);
    assay_panel_destroy(panel);
    free_market(&market);
}

/* --- missing rows --- */

static bool reads_two_ends(const assay_function *f) {
    static const char *const names[] = {"lag", "mom", "roc", "return"};
    for (size_t i = 0; i < LENGTH(names); i++) {
        if (strcmp(f->name, names[i]) == 0)
            return true;
    }
    return false;
}

/* A missing row: no result while it is in the window, and nothing of it afterwards. */
static void check_windowed_hole(const assay_function *f, const own_market *m, const double *number) {
    size_t hole = 60, warm_up = f->warm_up(number), stride = m->panel.stride;
    if (f->is_recursive)
        return;
    own_market other = copy_rows(m, 0);
    for (int c = 0; c < N_COLUMNS; c++)
        other.column[c][hole * stride + 2] = NO_VALUE;
    double *whole = compute(f, m, number), *holed = compute(f, &other, number);
    for (size_t row = 0; row < m->panel.n_bars; row++) {
        for (size_t s = 0; s < m->panel.n_symbols; s++) {
            bool is_within = s == 2 && row >= hole && row <= hole + warm_up;
            bool is_end = row == hole || row == hole + warm_up;
            bool is_missing = is_within && (is_end || !reads_two_ends(f));
            must_be_same(f, number, row, s, holed[row * stride + s],
                         is_missing ? NO_VALUE : whole[row * stride + s]);
        }
    }
    free(whole);
    free(holed);
    free_own(&other);
}

static void test_windows_with_a_missing_row(void **state) {
    (void)state;
    own_market m = random_own(55, 140, 5);
    for_each_function(&m, check_windowed_hole);
    free_own(&m);
}

/* Rows without input are as if they were not there; one missing input is enough, an infinite one is none. */
static void check_recursive_holes(const assay_function *f, const own_market *m, const double *number) {
    size_t stride = m->panel.stride, n_kept = 0;
    if (!f->is_recursive)
        return;
    own_market holed = copy_rows(m, 0), closed = new_market(m->panel.n_bars, m->panel.n_symbols);
    bool *is_hole = calloc(m->panel.n_bars, sizeof *is_hole);
    assert_non_null(is_hole);
    assay_kernel_input inputs = input_of(f, &holed, number);
    for (size_t row = 0; row < m->panel.n_bars; row++) {
        is_hole[row] = random_y(row, 7) < 0.2;
        size_t i = row % (f->n_series + f->n_implied);
        for (size_t s = 0; s < m->panel.n_symbols; s++) {
            for (int c = 0; c < N_COLUMNS && !is_hole[row]; c++)
                closed.column[c][n_kept * stride + s] = m->column[c][row * stride + s];
            if (is_hole[row]) /* const for the kernel alone */
                ((double *)inputs.series[i])[row * stride + s] = row % 2 == 0 ? NO_VALUE : ASSAY_INFINITY;
        }
        n_kept += is_hole[row] ? 0 : 1;
    }
    double *a = compute(f, &holed, number), *b = compute(f, &closed, number);
    for (size_t row = 0, kept = 0; row < m->panel.n_bars; row++) {
        for (size_t s = 0; s < m->panel.n_symbols; s++)
            must_be_same(f, number, row, s, a[row * stride + s],
                         is_hole[row] ? NO_VALUE : b[kept * stride + s]);
        kept += is_hole[row] ? 0 : 1;
    }
    free(a);
    free(b);
    free(is_hole);
    free_own(&holed);
    free_own(&closed);
}

static void test_recursive_functions_pass_over_missing_rows(void **state) {
    (void)state;
    own_market m = random_own(56, 160, 5);
    for_each_function(&m, check_recursive_holes);
    free_own(&m);
}

/* --- the features' own bits --- */

static void test_same_bits_as_the_features(void **state) {
    (void)state;
    const random_spec spec = {57, 120, 20, 0.1, 0.04, true};
    matrix_market market = random_market(&spec);
    assay_panel *panel = panel_of_market(&market, NULL, market.n_bars);
    own_market m = own_market_of(panel);
    double *feature = new_matrix(panel);
    for (uint32_t window = 2; window < 60; window += 3) {
        const double number[ASSAY_MAX_NUMBERS] = {window, 1e-6};
        double *zscore = compute(assay_function_find("zscore"), &m, number);
        double *change = compute(assay_function_find("return"), &m, number);
        assert_int_equal(assay_rolling_zscore(panel, window, feature, NULL), ASSAY_OK);
        for (size_t i = 0; i < panel->n_bars * panel->stride; i++)
            assert_true(same_bits(zscore[i], feature[i]));
        const assay_feature spec_of_return = {.kind = ASSAY_FEATURE_WINDOW_RETURN, .window = window};
        assert_int_equal(assay_feature_compute(panel, &spec_of_return, feature, NULL), ASSAY_OK);
        assert_int_equal(assay_own_to_calendar(panel, change, NULL), ASSAY_OK);
        for (size_t i = 0; i < panel->n_bars * panel->stride; i++)
            assert_true(i % panel->stride >= panel->n_symbols || same_bits(change[i], feature[i]));
        free(zscore);
        free(change);
    }
    free(feature);
    free_own(&m);
    assay_panel_destroy(panel);
    free_market(&market);
}

/* --- numbers from elsewhere --- */

static void test_vectors(void **state) {
    (void)state;
    own_market m = new_market(VECTOR_ROWS, 1);
    for (int c = 0; c < N_COLUMNS; c++) {
        for (size_t row = 0; row < VECTOR_ROWS; row++)
            m.column[c][row * m.panel.stride] = vector_input[c][row];
    }
    for (size_t i = 0; i < LENGTH(vectors); i++) {
        const assay_function *f = assay_function_find(vectors[i].name);
        assert_non_null(f);
        double *out = compute(f, &m, vectors[i].number);
        for (size_t row = 0; row < VECTOR_ROWS; row++) {
            double got = out[row * m.panel.stride], wanted = vectors[i].value[row];
            if (isnan(got) != isnan(wanted) || fabs(got - wanted) > 1e-9 * fabs(wanted) + 1e-9)
                fail_msg("%s, row %zu: %.17g and not %.17g", f->name, row, got, wanted);
        }
        free(out);
    }
    free_own(&m);
}

/* --- vector widths (see test_feature.c) --- */

#ifdef TEST_SIMD_WIDTHS
typedef assay_status compute_indicator(size_t function, const assay_kernel_input *in, double *out,
                                       assay_error *err);
compute_indicator indicator_compute_v1, indicator_compute_v3, indicator_compute_v4;

static void check_widths(const assay_function *f, const own_market *m, const double *number) {
    compute_indicator *widths[3] = {indicator_compute_v1, NULL, NULL};
    size_t n_widths = 1, index = 0;
    while (assay_function_at(index) != f)
        index++;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        widths[n_widths++] = indicator_compute_v3;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512cd"))
        widths[n_widths++] = indicator_compute_v4;
    double *usual = compute(f, m, number), *out = new_matrix(&m->panel);
    for (size_t w = 0; w < n_widths; w++) {
        assay_kernel_input in = input_of(f, m, number);
        assert_int_equal(widths[w](index, &in, out, NULL), ASSAY_OK);
        for (size_t i = 0; i < m->panel.n_bars * m->panel.stride; i++)
            must_be_same(f, number, i / m->panel.stride, i % m->panel.stride, out[i], usual[i]);
    }
    free(usual);
    free(out);
}

static void test_vector_widths_do_not_matter(void **state) {
    (void)state;
    const random_spec spec = {58, 120, 141, 0.1, 0.03, true};
    matrix_market market = random_market(&spec);
    assay_panel *panel = panel_of_market(&market, NULL, market.n_bars);
    own_market m = own_market_of(panel);
    for_each_function(&m, check_widths);
    free_own(&m);
    assay_panel_destroy(panel);
    free_market(&market);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_warm_up),
        cmocka_unit_test(test_windowed_functions_are_pure),
        cmocka_unit_test(test_the_future_does_not_matter),
        cmocka_unit_test(test_neighbours_do_not_matter),
        cmocka_unit_test(test_windows_with_a_missing_row),
        cmocka_unit_test(test_recursive_functions_pass_over_missing_rows),
        cmocka_unit_test(test_same_bits_as_the_features),
        cmocka_unit_test(test_vectors),
#ifdef TEST_SIMD_WIDTHS
        cmocka_unit_test(test_vector_widths_do_not_matter),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
