/* The sample market: its promises (bounds, calendar, determinism) on the panel that it makes. Its statistics are tested
 * in tests/python/test_sample.py, with NumPy. */
#include "assay/assay_sample.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/dates.h"

static assay_panel *make(size_t n_symbols, size_t n_bars, uint64_t seed, bool clean) {
    assay_sample_spec spec;
    assay_sample_spec_init(&spec);
    spec.n_symbols = n_symbols;
    spec.n_bars = n_bars;
    spec.seed = seed;
    spec.clean = clean;
    assay_panel_builder *builder = NULL;
    assay_panel *panel = NULL;
    const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR};
    assay_error err = {0};
    assert_int_equal(assay_panel_builder_create(&builder, &err), ASSAY_OK);
    assert_int_equal(assay_sample_build(&spec, builder, &err), ASSAY_OK);
    if (assay_panel_builder_finish(builder, &options, &panel, NULL, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    assay_panel_builder_destroy(builder);
    return panel;
}

static void fingerprint_of(size_t n_symbols, size_t n_bars, uint64_t seed, bool clean, char out_hex[33]) {
    assay_panel *panel = make(n_symbols, n_bars, seed, clean);
    assay_panel_fingerprint(panel, out_hex);
    assay_panel_destroy(panel);
}

static void test_same_seed_same_market(void **state) {
    (void)state;
    char a[33], b[33], other_seed[33], clean[33];
    fingerprint_of(40, 300, 7, false, a);
    fingerprint_of(40, 300, 7, false, b);
    fingerprint_of(40, 300, 8, false, other_seed);
    fingerprint_of(40, 300, 7, true, clean);
    assert_string_equal(a, b);
    assert_string_not_equal(a, other_seed);
    assert_string_not_equal(a, clean);
}

/* FNV-1a over every date, price and volume. */
static uint64_t hash_of(const assay_panel *panel) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t t = 0; t < assay_panel_n_bars(panel); t++) {
        for (int c = -1; c < ASSAY_N_PRICE_COLUMNS; c++) {
            size_t size = c < 0 ? sizeof(int64_t) : assay_panel_n_symbols(panel) * sizeof(double);
            const unsigned char *bytes = c < 0 ? (const void *)&assay_panel_timestamps(panel)[t]
                                               : (const void *)assay_panel_row(panel, c, t);
            for (size_t i = 0; i < size; i++)
                hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
        }
    }
    return hash;
}

/* Regression value, made by this program itself: it changes when the market changes, and so do then the results of
 * everybody who has compared runs on it. Say so in CHANGELOG.md. */
static void test_market_is_the_one_we_know(void **state) {
    (void)state;
    assay_panel *panel = make(50, 500, 1, false);
    char hex[32];
    snprintf(hex, sizeof hex, "%016" PRIx64, hash_of(panel));
    assert_string_equal(hex, "caddef28b104dc78");
    assay_panel_destroy(panel);
}

static void test_bars_are_consistent(void **state) {
    (void)state;
    assay_panel *panel = make(60, 700, 3, false);
    size_t n_symbols = assay_panel_n_symbols(panel);
    size_t n_present = 0, n_missing = 0;
    assert_int_equal(n_symbols, 60);
    assert_int_equal(assay_panel_n_bars(panel), 700);
    for (size_t t = 0; t < assay_panel_n_bars(panel); t++) {
        const double *row[ASSAY_N_PRICE_COLUMNS];
        for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
            row[c] = assay_panel_row(panel, c, t);
        for (size_t s = 0; s < n_symbols; s++) {
            double open = row[ASSAY_COLUMN_OPEN][s], high = row[ASSAY_COLUMN_HIGH][s];
            double low = row[ASSAY_COLUMN_LOW][s], close = row[ASSAY_COLUMN_CLOSE][s];
            double volume = row[ASSAY_COLUMN_VOLUME][s];
            if (isnan(close)) {
                n_missing++;
                continue;
            }
            n_present++;
            assert_true(low >= 0.01 && low <= open && low <= close && high >= open && high >= close);
            assert_true(volume >= 0.0 && volume == floor(volume));
            for (int c = 0; c < ASSAY_COLUMN_VOLUME; c++)
                assert_true(row[c][s] == round(row[c][s] * 100.0) / 100.0);
        }
    }
    assert_true(n_present > 60 * 700 * 7 / 10);
    assert_true(n_missing > 0);
    assert_true(assay_panel_has_events(panel));
    assay_panel_destroy(panel);
}

static void test_clean_market_has_every_bar(void **state) {
    (void)state;
    assay_panel *panel = make(30, 260, 1, true);
    for (size_t t = 0; t < 260; t++) {
        for (size_t s = 0; s < 30; s++)
            assert_true(isfinite(assay_panel_row(panel, ASSAY_COLUMN_CLOSE, t)[s]) != 0);
    }
    assay_panel_destroy(panel);
}

/* Days on which the New York exchange was closed in 2015 and 2016, from its published calendars (Juneteenth, kept since
 * 2022, is not among our nine). */
static void test_weekends_and_holidays_have_no_bar(void **state) {
    (void)state;
    static const char *const CLOSED[] = {"2015-01-19", "2015-02-16", "2015-04-03", "2015-05-25", "2015-07-03",
                                         "2015-09-07", "2015-11-26", "2015-12-25", "2016-01-01", "2016-01-18",
                                         "2016-02-15", "2016-03-25", "2016-05-30", "2016-07-04", "2016-09-05",
                                         "2016-11-24", "2016-12-26"};
    assay_panel *panel = make(1, 252 + 252, 1, true);
    const int64_t *times = assay_panel_timestamps(panel);
    char text[32];
    assay_time_format(times[0], text, sizeof text);
    assert_string_equal(text, "2015-01-02");
    assay_time_format(times[503], text, sizeof text);
    assert_string_equal(text, "2016-12-30"); /* 252 trading days in each of the two years */
    for (size_t t = 0; t < 504; t++) {
        int32_t weekday = (assay_day_of_us(times[t]) + 3) % 7;
        assert_true(weekday < 5);
        assay_time_format(times[t], text, sizeof text);
        for (size_t i = 0; i < sizeof CLOSED / sizeof *CLOSED; i++)
            assert_string_not_equal(text, CLOSED[i]);
    }
    assay_panel_destroy(panel);
}

static void test_symbols_do_not_depend_on_how_many_there_are(void **state) {
    (void)state;
    assay_panel *few = make(5, 200, 1, true);
    assay_panel *many = make(20, 200, 1, true);
    for (size_t s = 0; s < 5; s++) {
        size_t other = 0;
        assert_true(assay_panel_find_symbol(many, assay_panel_symbol(few, s), &other));
        for (size_t t = 0; t < 200; t++) {
            double a = assay_panel_row(few, ASSAY_COLUMN_CLOSE, t)[s];
            double b = assay_panel_row(many, ASSAY_COLUMN_CLOSE, t)[other];
            assert_memory_equal(&a, &b, sizeof a);
        }
    }
    assay_panel_destroy(few);
    assay_panel_destroy(many);
}

static void test_names_are_different_and_short(void **state) {
    (void)state;
    enum { N = 7000 }; /* past the end of the three-letter names */
    static char names[N][ASSAY_SAMPLE_SYMBOL_SIZE];
    for (size_t i = 0; i < N; i++) {
        assert_non_null(assay_sample_symbol(i, names[i]));
        size_t length = strlen(names[i]);
        assert_int_equal(length, i < 5832 ? 3 : 4);
        for (size_t j = i % 997; j < i; j += 997)
            assert_string_not_equal(names[i], names[j]);
    }
    char last[ASSAY_SAMPLE_SYMBOL_SIZE];
    assert_non_null(assay_sample_symbol(ASSAY_SAMPLE_MAX_SYMBOLS - 1, last));
    assert_true(strlen(last) < ASSAY_SAMPLE_SYMBOL_SIZE);
}

static void test_every_size_works(void **state) {
    (void)state;
    static const size_t BARS[] = {1, 2, 3, 10, 24, 25, 26, 60, 100};
    for (size_t i = 0; i < sizeof BARS / sizeof *BARS; i++) {
        assay_panel *panel = make(50, BARS[i], 1, false);
        assert_int_equal(assay_panel_n_bars(panel), BARS[i]);
        assay_panel_destroy(panel);
    }
}

static void test_sizes_out_of_bounds_are_refused(void **state) {
    (void)state;
    assay_sample_spec good;
    assay_sample_spec_init(&good);
    assay_sample_spec bad[5] = {good, good, good, good, good};
    bad[0].n_symbols = 0;
    bad[1].n_symbols = (size_t)ASSAY_SAMPLE_MAX_SYMBOLS + 1;
    bad[2].n_bars = 0;
    bad[3].n_bars = SIZE_MAX;
    bad[4].start_us = INT64_MAX;
    assay_panel_builder *builder = NULL;
    assert_int_equal(assay_panel_builder_create(&builder, NULL), ASSAY_OK);
    for (size_t i = 0; i < 5; i++) {
        assay_error err = {0};
        assert_int_equal(assay_sample_build(&bad[i], builder, &err), ASSAY_E_ARGUMENT);
        assert_true(err.message[0] != '\0');
    }
    assert_int_equal(assay_sample_build(NULL, builder, NULL), ASSAY_E_ARGUMENT);
    assay_panel_builder_destroy(builder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_market),
        cmocka_unit_test(test_market_is_the_one_we_know),
        cmocka_unit_test(test_bars_are_consistent),
        cmocka_unit_test(test_clean_market_has_every_bar),
        cmocka_unit_test(test_weekends_and_holidays_have_no_bar),
        cmocka_unit_test(test_symbols_do_not_depend_on_how_many_there_are),
        cmocka_unit_test(test_names_are_different_and_short),
        cmocka_unit_test(test_every_size_works),
        cmocka_unit_test(test_sizes_out_of_bounds_are_refused),
    };
    return cmocka_run_group_tests_name("sample", tests, NULL, NULL);
}
