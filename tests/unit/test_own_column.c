/* Price columns and factors in own time against the events and bars themselves; the way back to the calendar. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/block.h"
#include "market/panel.h"

#define free(block) assay_block_free(block) /* a matrix may lie in a file; what malloc gave is taken, too */

/* Products of the symbol's split ratios (and dividends' part, for total-return prices) after its first bar, up to `bar`: an
 * event acts on the first own bar from its own on. */
static double split_until(const assay_panel *p, size_t s, size_t bar) {
    double ratio = 1;
    for (size_t i = 0; i < p->n_events; i++) {
        const assay_panel_event *e = &p->event[i];
        if (e->symbol == s && e->bar > p->first_bar[s] && e->bar <= bar)
            ratio *= e->split_ratio;
    }
    return ratio;
}

/* The factor of a bar: what own_price is made with. */
static double factor_at(const assay_panel *p, size_t s, size_t bar, size_t row) {
    return p->own_price[row * p->stride + s] / p->column[ASSAY_COLUMN_CLOSE][bar * p->stride + s];
}

static double *own_column(const assay_panel *p, int column) {
    double *out = NULL;
    assert_int_equal(assay_own_column(p, column, &out, NULL), ASSAY_OK);
    return out;
}

static void check_cell(const assay_panel *p, double *const *own, const double *factors, size_t s, size_t bar,
                       size_t row) {
    size_t cell = row * p->stride + s, from = bar * p->stride + s;
    double factor = factor_at(p, s, bar, row);
    assert_near(factors == NULL ? 1 : factors[cell], factor, 1e-15);
    for (int c = 0; c < ASSAY_COLUMN_VOLUME; c++)
        assert_near(own[c][cell], p->column[c][from] * factor, 1e-15);
    assert_number(own[ASSAY_COLUMN_CLOSE][cell], p->own_price[cell]);
    assert_number(own[ASSAY_COLUMN_VOLUME][cell],
                  p->column[ASSAY_COLUMN_VOLUME][from] / split_until(p, s, bar));
}

static void check_panel(const assay_panel *p) {
    double *own[ASSAY_N_PRICE_COLUMNS], *factors = NULL;
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
        own[c] = own_column(p, c);
    assert_int_equal(assay_own_factors(p, &factors, NULL), ASSAY_OK);
    assert_int_equal(factors == NULL, p->n_factor_steps == 0);
    for (size_t s = 0; s < p->stride; s++) {
        size_t row = 0;
        for (size_t t = 0; t < p->n_bars && s < p->n_symbols; t++) {
            if (isnan(p->column[ASSAY_COLUMN_CLOSE][t * p->stride + s]))
                continue;
            row = row == 0 ? p->first_bar[s] : row;
            check_cell(p, own, factors, s, t, row++);
        }
        for (; row < p->n_bars; row++) {
            for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
                assert_true(s < p->n_symbols && row < p->first_bar[s] ? true
                                                                      : isnan(own[c][row * p->stride + s]));
        }
        for (row = 0; s < p->n_symbols && row < p->first_bar[s]; row++) {
            for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
                assert_true(isnan(own[c][row * p->stride + s]));
        }
    }
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
        free(own[c]);
    free(factors);
}

static void test_columns(void **state) {
    (void)state;
    for (int total = 0; total < 2; total++) {
        const assay_panel_options options = {.signal_prices = (assay_signal_prices)total};
        for (uint64_t seed = 1; seed < 8; seed++) {
            const random_spec spec = {seed, 90, 12, seed % 2 == 0 ? 0.15 : 0, seed < 6 ? 0.05 : 0, true};
            matrix_market m = random_market(&spec);
            assay_panel *panel = panel_of_market(&m, &options, m.n_bars);
            check_panel(panel);
            assay_panel_destroy(panel);
            free_market(&m);
        }
    }
}

/* There and back: what lies at own bars is as it was, the rest is NaN. */
static void test_there_and_back(void **state) {
    (void)state;
    const random_spec spec = {9, 100, 15, 0.2, 0, true};
    matrix_market m = random_market(&spec);
    assay_panel *p = panel_of_market(&m, NULL, m.n_bars);
    size_t n_cells = p->n_bars * p->stride;
    double *calendar = assay_aligned_alloc(n_cells, sizeof *calendar);
    double *own = assay_aligned_alloc(n_cells, sizeof *own);
    assert_non_null(calendar);
    assert_non_null(own);
    for (size_t i = 0; i < n_cells; i++)
        calendar[i] = (double)i;
    assert_int_equal(assay_calendar_to_own(p, calendar, own, NULL), ASSAY_OK);
    assert_int_equal(assay_own_to_calendar(p, own, NULL), ASSAY_OK);
    for (size_t t = 0; t < p->n_bars; t++) {
        for (size_t s = 0; s < p->n_symbols; s++) {
            size_t i = t * p->stride + s;
            assert_number(own[i], isnan(p->column[ASSAY_COLUMN_CLOSE][i]) ? NO_VALUE : (double)i);
        }
    }
    free(calendar);
    free(own);
    assay_panel_destroy(p);
    free_market(&m);
}

static void test_a_column_that_is_not_there(void **state) {
    (void)state;
    const price_row rows[] = {{"A", 0, NO_VALUE, NO_VALUE, NO_VALUE, 10, NO_VALUE, 0, 0},
                              {"A", 1, NO_VALUE, NO_VALUE, NO_VALUE, 5, NO_VALUE, 0, 2}};
    assay_panel *panel = PANEL(rows);
    double *high = own_column(panel, ASSAY_COLUMN_HIGH), *close = own_column(panel, ASSAY_COLUMN_CLOSE);
    assert_number(high[0], NO_VALUE);
    assert_number(high[panel->stride], NO_VALUE);
    assert_number(close[panel->stride], 10);
    assay_error err = {0};
    double *none = NULL;
    assert_refused(assay_own_column(panel, 5, &none, &err), ASSAY_E_ARGUMENT, &err, "column 5");
    free(high);
    free(close);
    assay_panel_destroy(panel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_a_column_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
