/* Rows in any order → a panel: duplicates, bad prices, corporate actions, calendars; and what the panel then says about own
 * bars and adjusted prices, against slow obvious counting on random markets. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "base/rng.h"
#include "market/panel.h"

/* --- a builder in a test's hands --- */

static assay_panel_builder *new_builder(void) {
    assay_panel_builder *builder = NULL;
    assert_int_equal(assay_panel_builder_create(&builder, NULL), ASSAY_OK);
    return builder;
}

static uint32_t id_of(assay_panel_builder *builder, const char *symbol) {
    uint32_t id = UINT32_MAX;
    assert_int_equal(assay_panel_builder_symbol(builder, symbol, strlen(symbol), &id, NULL), ASSAY_OK);
    return id;
}

/* One row with a close alone, of a version and a source. */
typedef struct keyed_row {
    const char *symbol;
    int day;
    double close;
    int64_t version;
    uint32_t source;
} keyed_row;

static void add_keyed(assay_panel_builder *builder, const keyed_row *row) {
    uint32_t id = id_of(builder, row->symbol);
    int64_t at = day_us(row->day);
    const assay_panel_rows block = {.n_rows = 1,
                                    .symbol = &id,
                                    .timestamp_us = &at,
                                    .column[ASSAY_COLUMN_CLOSE] = &row->close,
                                    .version_us = &row->version,
                                    .source = &row->source};
    assert_int_equal(assay_panel_builder_add_rows(builder, &block, NULL), ASSAY_OK);
}

static assay_status finish(assay_panel_builder *builder, assay_bad_data on_bad_data, assay_panel **out_panel,
                           assay_panel_report *report, assay_error *err) {
    const assay_panel_options options = {.on_bad_data = on_bad_data};
    assay_status status = assay_panel_builder_finish(builder, &options, out_panel, report, err);
    assay_panel_builder_destroy(builder);
    return status;
}

static assay_status build_keyed(const keyed_row *rows, size_t n, assay_bad_data on_bad_data,
                                assay_panel **out_panel, assay_panel_report *report, assay_error *err) {
    assay_panel_builder *builder = new_builder();
    uint32_t source;
    assert_int_equal(assay_panel_builder_source(builder, "first.csv", &source, NULL), ASSAY_OK);
    assert_int_equal(assay_panel_builder_source(builder, "second.csv", &source, NULL), ASSAY_OK);
    for (size_t i = 0; i < n; i++)
        add_keyed(builder, &rows[i]);
    return finish(builder, on_bad_data, out_panel, report, err);
}

static double close_at(const assay_panel *panel, size_t bar, size_t symbol) {
    return assay_panel_row(panel, ASSAY_COLUMN_CLOSE, bar)[symbol];
}

static void expect_built(assay_status status, const assay_error *err) {
    if (status != ASSAY_OK)
        fail_msg("%s", err->message);
}

/* --- order does not matter --- */

/* The rows of a market, shuffled, in blocks of random sizes. */
static assay_panel *shuffled(const matrix_market *m, uint64_t seed) {
    size_t n_cells = m->n_bars * m->n_symbols;
    size_t *order = malloc(n_cells * sizeof *order);
    assert_non_null(order);
    assay_rng rng;
    assay_rng_init(&rng, seed);
    for (size_t i = 0; i < n_cells; i++) {
        size_t j = assay_rng_below(&rng, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    assay_panel_builder *builder = new_builder();
    for (size_t s = m->n_symbols; s-- > 0;)
        (void)id_of(builder, m->name[s]);
    for (size_t i = 0; i < n_cells; i++) {
        size_t cell = order[i];
        if (isnan(m->column[ASSAY_COLUMN_CLOSE][cell]) && isnan(m->split[cell]) && isnan(m->dividend[cell]))
            continue;
        uint32_t id = id_of(builder, m->name[cell % m->n_symbols]);
        assay_panel_rows row = {.n_rows = 1,
                                .symbol = &id,
                                .timestamp_us = &m->timestamp_us[cell / m->n_symbols],
                                .dividend = &m->dividend[cell],
                                .split_ratio = &m->split[cell]};
        for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
            if (!isnan(m->column[c][cell])) /* a column without a value may as well not be given */
                row.column[c] = &m->column[c][cell];
        }
        assert_int_equal(assay_panel_builder_add_rows(builder, &row, NULL), ASSAY_OK);
    }
    assay_panel *panel = NULL;
    assay_error err = {0};
    expect_built(finish(builder, ASSAY_BAD_DATA_ERROR, &panel, NULL, &err), &err);
    free(order);
    return panel;
}

static void test_rows_in_any_order(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        const random_spec spec = {seed, 40 + seed, 1 + seed * 3, 0.1, 0.05, seed % 2 == 0};
        matrix_market m = random_market(&spec);
        assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
        char wanted[33], got[33];
        assay_panel_fingerprint(panel, wanted);
        for (uint64_t order = 0; order < 3; order++) {
            assay_panel *other = shuffled(&m, order);
            assay_panel_fingerprint(other, got);
            assert_string_equal(wanted, got);
            assert_memory_equal(panel->own_price, other->own_price,
                                panel->n_bars * panel->stride * sizeof(double));
            assay_panel_destroy(other);
        }
        assay_panel_destroy(panel);
        free_market(&m);
    }
}

static void test_symbols_are_in_byte_order(void **state) {
    (void)state;
    const price_row rows[] = {FLAT("b", 0, 1), FLAT("AA", 0, 1),  FLAT("B", 1, 1),
                              FLAT("A", 0, 1), FLAT("A.B", 0, 1), FLAT("\xc3\x84", 0, 1)};
    static const char *const sorted[] = {"A", "A.B", "AA", "B", "b", "\xc3\x84"};
    assay_panel *panel = PANEL(rows);
    assert_int_equal(assay_panel_n_symbols(panel), 6);
    for (size_t s = 0; s < 6; s++) {
        size_t found = 99;
        assert_string_equal(assay_panel_symbol(panel, s), sorted[s]);
        assert_true(assay_panel_find_symbol(panel, sorted[s], &found));
        assert_int_equal(found, s);
    }
    size_t found;
    assert_false(assay_panel_find_symbol(panel, "AB", &found));
    assert_false(assay_panel_find_symbol(panel, "", &found));
    assay_panel_destroy(panel);
}

/* --- duplicates --- */

/* Every order of the rows must give `close`, whatever on_bad_data is. */
static void expect_winner(const keyed_row *rows, size_t n, double close) {
    static const size_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t o = 0; o < 6; o++) {
        keyed_row mixed[4] = {{"B", 0, 7, INT64_MIN, 0}}; /* a bystander */
        size_t used = 1;
        for (size_t i = 0; i < 3; i++) {
            if (orders[o][i] < n)
                mixed[used++] = rows[orders[o][i]];
        }
        for (int rule = ASSAY_BAD_DATA_ERROR; rule <= ASSAY_BAD_DATA_KEEP; rule++) {
            assay_panel *panel = NULL;
            assay_error err = {0};
            expect_built(build_keyed(mixed, used, (assay_bad_data)rule, &panel, NULL, &err), &err);
            assert_number(close_at(panel, 0, 0), close);
            assay_panel_destroy(panel);
        }
    }
}

static void test_the_newest_version_wins(void **state) {
    (void)state;
    static const keyed_row versions[] = {{"A", 0, 10, 100, 0}, {"A", 0, 11, 300, 0}, {"A", 0, 12, 200, 0}};
    expect_winner(versions, 3, 11);
    static const keyed_row some[] = {{"A", 0, 10, INT64_MIN, 0}, {"A", 0, 11, -5, 0}};
    expect_winner(some, 2, 11); /* a version is newer than none */
    static const keyed_row files[] = {{"A", 0, 10, 100, 1}, {"A", 0, 11, 100, 0}};
    expect_winner(files, 2, 10); /* of one version the later file */
    static const keyed_row both[] = {{"A", 0, 10, 100, 1}, {"A", 0, 11, 200, 0}};
    expect_winner(both, 2, 11); /* the version comes before the file */
    static const keyed_row missing[] = {{"A", 0, 10, 100, 0}, {"A", 0, NO_VALUE, 200, 0}};
    expect_winner(missing, 2, NO_VALUE); /* a newer row without a close takes the bar away */
}

/* Two old rows of one version and file cannot be told apart, but a newer one replaces both: nothing depends on which of
 * the two was better, so it is no error, whatever the order of the rows. */
static void test_old_twins_do_not_matter(void **state) {
    (void)state;
    static const keyed_row twins[] = {{"A", 0, 10, 100, 0}, {"A", 0, 12, 100, 0}, {"A", 0, 11, 300, 0}};
    expect_winner(twins, 3, 11);
}

/* A row without a close is replaced by a newer one that has one: there is a price to run on. */
static void test_replaced_rows_without_a_close_do_not_count(void **state) {
    (void)state;
    static const keyed_row rows[] = {{"A", 0, NO_VALUE, 100, 0}, {"A", 0, 11, 200, 0}};
    assay_panel *panel = NULL;
    assay_panel_report report;
    assay_error err = {0};
    expect_built(build_keyed(rows, 2, ASSAY_BAD_DATA_ERROR, &panel, &report, &err), &err);
    assert_number(close_at(panel, 0, 0), 11);
    assert_int_equal(report.n_rows, 2);
    assert_int_equal(report.n_replaced, 1);
    assert_int_equal(report.n_without_close, 0);
    assay_panel_destroy(panel);
}

static void test_duplicates_that_nothing_tells_apart(void **state) {
    (void)state;
    static const keyed_row rows[] = {
        {"A", 0, 10, 5, 1}, {"B", 3, 1, 5, 1}, {"A", 3, 11, 5, 1}, {"A", 3, 12, 5, 1}, {"A", 3, 13, 5, 1}};
    assay_panel *panel = NULL;
    assay_panel_report report;
    assay_error err = {0};
    assert_refused(build_keyed(rows, 5, ASSAY_BAD_DATA_ERROR, &panel, NULL, &err), ASSAY_E_DATA, &err,
                   "A has two rows for 2020-01-09 in second.csv");
    assert_null(panel);
    for (int rule = ASSAY_BAD_DATA_DROP; rule <= ASSAY_BAD_DATA_KEEP; rule++) {
        expect_built(build_keyed(rows, 5, (assay_bad_data)rule, &panel, &report, &err), &err);
        assert_number(close_at(panel, 1, 0), 13); /* all but the last are left out */
        assert_number(close_at(panel, 1, 1), 1);
        assert_int_equal(report.n_rows, 5);
        assert_int_equal(report.n_dropped, 2);
        assert_int_equal(report.n_replaced, 0);
        assay_panel_destroy(panel);
    }
}

/* --- bad prices --- */

static assay_status build_with(int column, double value, assay_bad_data rule, assay_panel **out_panel,
                               assay_panel_report *report, assay_error *err) {
    assay_panel_builder *builder = new_builder();
    uint32_t id[3] = {id_of(builder, "A"), id_of(builder, "BAD.X"), id_of(builder, "A")},
             source[3] = {0, 0, 0};
    int64_t at[3] = {day_us(0), day_us(1), day_us(1)};
    double cells[ASSAY_N_PRICE_COLUMNS][3];
    assay_panel_rows rows = {.n_rows = 3, .symbol = id, .timestamp_us = at, .source = source};
    assert_int_equal(assay_panel_builder_source(builder, "data/prices 2020.csv", &source[0], NULL), ASSAY_OK);
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        cells[c][0] = cells[c][1] = cells[c][2] = 10;
        rows.column[c] = cells[c];
    }
    cells[column][1] = value;
    assert_int_equal(assay_panel_builder_add_rows(builder, &rows, NULL), ASSAY_OK);
    return finish(builder, rule, out_panel, report, err);
}

static void test_bad_prices(void **state) {
    (void)state;
    static const char *const names[] = {"open", "high", "low", "close", "volume"};
    const double inf = (double)INFINITY, values[] = {0, -1, inf, -inf};
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
        for (size_t v = 0; v < LENGTH(values); v++) {
            bool fine = c == ASSAY_COLUMN_VOLUME && values[v] == 0; /* a day without trade is a day */
            assay_panel *panel = NULL;
            assay_panel_report report;
            assay_error err = {0};
            assay_status status = build_with(c, values[v], ASSAY_BAD_DATA_ERROR, &panel, &report, &err);
            if (fine) {
                expect_built(status, &err);
                assay_panel_destroy(panel);
                continue;
            }
            assert_refused(status, ASSAY_E_DATA, &err, names[c]);
            assert_refused(status, ASSAY_E_DATA, &err, "BAD.X");
            assert_refused(status, ASSAY_E_DATA, &err, "2020-01-07");
            assert_refused(status, ASSAY_E_DATA, &err, "data/prices 2020.csv");
            assert_refused(status, ASSAY_E_DATA, &err, "on_bad_data");
            expect_built(build_with(c, values[v], ASSAY_BAD_DATA_DROP, &panel, &report, &err), &err);
            for (int i = 0; i < ASSAY_N_PRICE_COLUMNS; i++)
                assert_number(assay_panel_row(panel, i, 1)[1], NO_VALUE); /* the whole row */
            assert_number(close_at(panel, 1, 0), 10);                     /* and no other */
            assert_int_equal(report.n_dropped, 1);
            assay_panel_destroy(panel);
            expect_built(build_with(c, values[v], ASSAY_BAD_DATA_KEEP, &panel, &report, &err), &err);
            for (int i = 0; i < ASSAY_N_PRICE_COLUMNS; i++)
                assert_number(assay_panel_row(panel, i, 1)[1], i == c ? NO_VALUE : 10);
            assert_int_equal(report.n_dropped, 0);
            assert_int_equal(report.n_without_close, c == ASSAY_COLUMN_CLOSE ? 1 : 0);
            assay_panel_destroy(panel);
        }
    }
}

/* NaN is missing, not bad. Columns that no row has are NULL; those that some have read NaN elsewhere. */
static void test_missing_values_and_columns(void **state) {
    (void)state;
    assay_panel_builder *builder = new_builder();
    uint32_t a = id_of(builder, "A");
    int64_t at[] = {day_us(0), day_us(1), day_us(2)};
    double close[] = {5, NO_VALUE, 6}, open[] = {4, 4, 4};
    assay_panel_rows row = {.n_rows = 1, .symbol = &a};
    for (size_t i = 0; i < 3; i++) {
        row.timestamp_us = &at[i];
        row.column[ASSAY_COLUMN_CLOSE] = &close[i];
        row.column[ASSAY_COLUMN_OPEN] = i == 2 ? &open[i] : NULL;
        assert_int_equal(assay_panel_builder_add_rows(builder, &row, NULL), ASSAY_OK);
    }
    assay_panel *panel = NULL;
    assay_panel_report report;
    assay_error err = {0};
    expect_built(finish(builder, ASSAY_BAD_DATA_ERROR, &panel, &report, &err), &err);
    assert_int_equal(assay_panel_n_bars(panel), 3);
    assert_int_equal(report.n_without_close, 1);
    assert_null(assay_panel_row(panel, ASSAY_COLUMN_HIGH, 0));
    assert_null(assay_panel_row(panel, ASSAY_COLUMN_VOLUME, 2));
    assert_number(assay_panel_row(panel, ASSAY_COLUMN_OPEN, 0)[0], NO_VALUE);
    assert_number(assay_panel_row(panel, ASSAY_COLUMN_OPEN, 2)[0], 4);
    assert_number(close_at(panel, 1, 0), NO_VALUE);
    assert_int_equal(assay_panel_own_count(panel, 0, 1), 1);
    assert_int_equal(assay_panel_own_count(panel, 0, 2), 2);
    assay_panel_destroy(panel);
}

static void test_nothing_to_run_on(void **state) {
    (void)state;
    assay_panel *panel = NULL;
    assay_error err = {0};
    assert_refused(finish(new_builder(), ASSAY_BAD_DATA_ERROR, &panel, NULL, &err), ASSAY_E_DATA, &err,
                   "close");
    static const keyed_row rows[] = {{"A", 0, NO_VALUE, 0, 0}, {"B", 1, NO_VALUE, 0, 0}};
    assert_refused(build_keyed(rows, 2, ASSAY_BAD_DATA_KEEP, &panel, NULL, &err), ASSAY_E_DATA, &err,
                   "close");
    assay_panel_builder *builder = new_builder();
    uint32_t unknown = 3;
    int64_t at = 0;
    double close = 1;
    const assay_panel_rows row = {
        .n_rows = 1, .symbol = &unknown, .timestamp_us = &at, .column[ASSAY_COLUMN_CLOSE] = &close};
    assert_refused(assay_panel_builder_add_rows(builder, &row, &err), ASSAY_E_ARGUMENT, &err, "symbol id 3");
    assert_refused(assay_panel_builder_add_event(builder, 0, 0, 2, 0, &err), ASSAY_E_ARGUMENT, &err,
                   "symbol id 0");
    assay_panel_builder_destroy(builder);
    assay_panel_builder_destroy(NULL);
    assay_panel_destroy(NULL);
}

/* --- corporate actions --- */

/* A: closes of 8 on days 0, 1, 4, 5 (B has 0 … 6); a two-for-one split, by a table, on `day` (a fraction of a day counts:
 * the event acts at the first bar at or after it). Returns the bar at which it acts, or −1. */
static int bar_of_event(double day) {
    assay_panel_builder *builder = new_builder();
    static const int days_of_a[] = {0, 1, 4, 5};
    for (int d = 0; d <= 6; d++)
        add_keyed(builder, &(keyed_row){"B", d, 3, 0, 0});
    for (size_t i = 0; i < LENGTH(days_of_a); i++)
        add_keyed(builder, &(keyed_row){"A", days_of_a[i], 8, 0, 0});
    int64_t ex_date = day_us(0) + (int64_t)(day * (double)ASSAY_US_PER_DAY);
    assert_int_equal(assay_panel_builder_add_event(builder, id_of(builder, "A"), ex_date, 2, NO_VALUE, NULL),
                     ASSAY_OK);
    assay_panel *panel = NULL;
    assay_error err = {0};
    expect_built(finish(builder, ASSAY_BAD_DATA_ERROR, &panel, NULL, &err), &err);
    int bar = panel->n_events == 0 ? -1 : (int)panel->event[0].bar;
    /* The last price before the split is halved as seen from after it, and from nowhere else. */
    for (int t = 0; t <= 5; t++) {
        if (isnan(close_at(panel, (size_t)t, 0)))
            continue;
        bool after = bar > 0 && t >= bar;
        assert_number(assay_panel_adjusted_close(panel, 0, (size_t)t, 0), 8);
        assert_number(
            assay_panel_adjusted_close(panel, 0, (size_t)t, assay_panel_own_count(panel, 0, (size_t)t) - 1),
            after ? 4 : 8);
    }
    assay_panel_destroy(panel);
    return bar;
}

static void test_events_between_and_beyond_bars(void **state) {
    (void)state;
    assert_int_equal(bar_of_event(1), 1);
    assert_int_equal(bar_of_event(0.5), 1); /* between bars: the next */
    assert_int_equal(bar_of_event(2), 2);   /* in a gap of A: a bar of the calendar all the same */
    assert_int_equal(bar_of_event(3), 3);
    assert_int_equal(bar_of_event(4), 4);
    assert_int_equal(bar_of_event(6), 6);    /* after A's last bar */
    assert_int_equal(bar_of_event(6.5), -1); /* after the calendar */
    assert_int_equal(bar_of_event(0), 0);    /* at A's first bar: nothing before it to adjust */
}

/* Before A's first bar there is nothing to act on. */
static void test_events_before_a_listing(void **state) {
    (void)state;
    assay_panel_builder *builder = new_builder();
    add_keyed(builder, &(keyed_row){"B", 0, 3, 0, 0});
    add_keyed(builder, &(keyed_row){"A", 1, 8, 0, 0});
    assert_int_equal(assay_panel_builder_add_event(builder, id_of(builder, "A"), day_us(0), 2, 1, NULL),
                     ASSAY_OK);
    assay_panel *panel = NULL;
    assay_panel_report report;
    assay_error err = {0};
    expect_built(finish(builder, ASSAY_BAD_DATA_ERROR, &panel, &report, &err), &err);
    assert_int_equal(report.n_events, 0);
    assert_false(assay_panel_has_events(panel));
    assay_panel_destroy(panel);
}

/* Told by the price row and by the table: once, and as the price row has it. */
static void test_events_told_twice(void **state) {
    (void)state;
    for (int table = 0; table < 3;
         table++) { /* the row alone; the same in the table; another ratio in the table */
        assay_panel_builder *builder = new_builder();
        uint32_t a = id_of(builder, "A");
        int64_t at[] = {day_us(0), day_us(1)};
        uint32_t ids[] = {a, a};
        double close[] = {90, 30}, split[] = {NO_VALUE, 3}, dividend[] = {0, 0.5};
        const assay_panel_rows rows = {.n_rows = 2,
                                       .symbol = ids,
                                       .timestamp_us = at,
                                       .column[ASSAY_COLUMN_CLOSE] = close,
                                       .split_ratio = split,
                                       .dividend = dividend};
        if (table == 1)
            assert_int_equal(assay_panel_builder_add_event(builder, a, day_us(1), 3, 0.5, NULL), ASSAY_OK);
        assert_int_equal(assay_panel_builder_add_rows(builder, &rows, NULL), ASSAY_OK);
        if (table == 2)
            assert_int_equal(assay_panel_builder_add_event(builder, a, day_us(1), 2, 0.25, NULL), ASSAY_OK);
        assay_panel *panel = NULL;
        assay_panel_report report;
        assay_error err = {0};
        expect_built(finish(builder, ASSAY_BAD_DATA_ERROR, &panel, &report, &err), &err);
        assert_int_equal(report.n_events, 1);
        assert_number(panel->event[0].split_ratio, 3);
        assert_number(panel->event[0].dividend, 0.5);
        assert_number(assay_panel_adjusted_close(panel, 0, 1, 1), 30);
        assay_panel_destroy(panel);
    }
}

static void test_events_that_are_none_or_nonsense(void **state) {
    (void)state;
    assay_panel_builder *builder = new_builder();
    uint32_t a = id_of(builder, "A");
    add_keyed(builder, &(keyed_row){"A", 0, 8, 0, 0});
    add_keyed(builder, &(keyed_row){"A", 1, 8, 0, 0});
    static const double none[][2] = {{NO_VALUE, NO_VALUE}, {0, 0}, {1, 0}, {1, NO_VALUE}};
    for (size_t i = 0; i < LENGTH(none); i++)
        assert_int_equal(assay_panel_builder_add_event(builder, a, day_us(1), none[i][0], none[i][1], NULL),
                         ASSAY_OK);
    const double inf = (double)INFINITY;
    assay_error err = {0};
    assert_refused(assay_panel_builder_add_event(builder, a, day_us(1), -2, 0, &err), ASSAY_E_DATA, &err,
                   "split ratio of A at 2020-01-07 is -2");
    assert_refused(assay_panel_builder_add_event(builder, a, day_us(1), inf, 0, &err), ASSAY_E_DATA, &err,
                   "inf");
    assert_refused(assay_panel_builder_add_event(builder, a, day_us(1), 2, -1, &err), ASSAY_E_DATA, &err,
                   "dividend of A at 2020-01-07 is -1");
    assert_refused(assay_panel_builder_add_event(builder, a, day_us(1), 2, inf, &err), ASSAY_E_DATA, &err,
                   "inf");
    assay_panel *panel = NULL;
    expect_built(finish(builder, ASSAY_BAD_DATA_ERROR, &panel, NULL, &err), &err);
    assert_false(assay_panel_has_events(panel));
    assay_panel_destroy(panel);
}

/* An event goes with its row: one that is left out or replaced takes its split along. */
static void test_events_of_replaced_rows_go(void **state) {
    (void)state;
    assay_panel_builder *builder = new_builder();
    uint32_t ids[] = {0, 0, 0};
    int64_t at[] = {day_us(0), day_us(1), day_us(1)}, version[] = {1, 1, 2};
    double close[] = {10, 10, 10}, split[] = {NO_VALUE, 2, NO_VALUE};
    (void)id_of(builder, "A");
    const assay_panel_rows rows = {.n_rows = 3,
                                   .symbol = ids,
                                   .timestamp_us = at,
                                   .column[ASSAY_COLUMN_CLOSE] = close,
                                   .split_ratio = split,
                                   .version_us = version};
    assert_int_equal(assay_panel_builder_add_rows(builder, &rows, NULL), ASSAY_OK);
    assay_panel *panel = NULL;
    assay_error err = {0};
    expect_built(finish(builder, ASSAY_BAD_DATA_ERROR, &panel, NULL, &err), &err);
    assert_false(assay_panel_has_events(panel));
    assert_number(assay_panel_adjusted_close(panel, 0, 1, 1), 10);
    assay_panel_destroy(panel);
}

/* --- own time, against counting --- */

/* Bars of the panel and rows of the matrix market are the same days, less the rows that nobody has. */
static size_t matrix_row(const matrix_market *m, const assay_panel *panel, size_t bar) {
    size_t row = bar;
    while (m->timestamp_us[row] != assay_panel_timestamps(panel)[bar])
        row++;
    return row;
}

static double matrix_close(const matrix_market *m, size_t row, size_t s) {
    return *market_cell(m, ASSAY_COLUMN_CLOSE, row, s);
}

/* What a price of row `from` is worth as seen at row `to`: split by split, dividend by dividend. */
static double slow_adjustment(const matrix_market *m, size_t s, size_t from, size_t to, bool total_return) {
    double factor = 1, previous = matrix_close(m, from, s);
    for (size_t row = from + 1; row <= to; row++) {
        double ratio = m->split[row * m->n_symbols + s], dividend = m->dividend[row * m->n_symbols + s];
        ratio = isnan(ratio) ? 1 : ratio;
        if (total_return && !isnan(dividend))
            factor *= 1 - dividend * ratio / previous;
        factor /= ratio;
        previous /= ratio;
        previous = isnan(matrix_close(m, row, s)) ? previous : matrix_close(m, row, s);
    }
    return factor;
}

static void compare_symbol(const matrix_market *m, const assay_panel *panel, size_t s, bool total_return) {
    size_t own[512], n_own = 0, n_gaps = 0, last = 0;
    for (size_t t = 0; t < panel->n_bars; t++)
        last = isnan(close_at(panel, t, s)) ? last : t;
    for (size_t t = 0; t < panel->n_bars; t++) {
        size_t row = matrix_row(m, panel, t);
        if (!isnan(matrix_close(m, row, s)))
            own[n_own++] = row;
        else
            n_gaps += n_own > 0 && t < last ? 1 : 0;
        assert_int_equal(assay_panel_own_count(panel, s, t), n_own);
        assert_int_equal(assay_panel_gaps_until(panel, s, t), n_gaps);
        for (size_t lag = 0; lag <= n_own + 1; lag += lag < 5 ? 1 : 7) {
            double expected = NO_VALUE;
            if (!isnan(matrix_close(m, row, s)) && lag < n_own) {
                size_t from = own[n_own - 1 - lag];
                expected = matrix_close(m, from, s) * slow_adjustment(m, s, from, row, total_return);
            }
            /* Some tens of events, two roundings each. */
            assert_near(assay_panel_adjusted_close(panel, s, t, lag), expected, 1e-13);
        }
    }
}

static void compare_markets(bool total_return) {
    const assay_panel_options options = {.signal_prices = total_return ? ASSAY_SIGNAL_PRICES_TOTAL_RETURN
                                                                       : ASSAY_SIGNAL_PRICES_SPLIT_ADJUSTED};
    for (uint64_t seed = 50; seed < 62; seed++) {
        const random_spec spec = {seed, 90, 1 + seed % 10, 0.15, 0.08, true};
        matrix_market m = random_market(&spec);
        assay_panel *panel = panel_of_market(&m, &options, m.n_bars);
        if (assay_panel_n_symbols(panel) == m.n_symbols) {
            for (size_t s = 0; s < m.n_symbols; s++)
                compare_symbol(&m, panel, s, total_return);
        }
        assay_panel_destroy(panel);
        free_market(&m);
    }
}

static void test_own_time_by_counting(void **state) {
    (void)state;
    compare_markets(false);
}

static void test_total_return_by_counting(void **state) {
    (void)state;
    compare_markets(true);
}

/* A dividend of 2 on a close of 100 before a two-for-one split of the same date (so 4 an old share): 1 − 4/100. */
static void test_total_return_by_hand(void **state) {
    (void)state;
    matrix_market m = empty_market(2, 1);
    *market_cell(&m, ASSAY_COLUMN_CLOSE, 0, 0) = 100;
    *market_cell(&m, ASSAY_COLUMN_CLOSE, 1, 0) = 48;
    m.split[1] = 2;
    m.dividend[1] = 2;
    const assay_panel_options options = {.signal_prices = ASSAY_SIGNAL_PRICES_TOTAL_RETURN};
    assay_panel *panel = panel_of_market(&m, &options, 2);
    assert_near(assay_panel_adjusted_close(panel, 0, 1, 1), 48, 1e-15);
    assay_panel_destroy(panel);
    panel = panel_of_market(&m, NULL, 2);
    assert_number(assay_panel_adjusted_close(panel, 0, 1, 1), 50);
    assay_panel_destroy(panel);
    free_market(&m);
}

/* Adjustment looks forward: a split or dividend on day t, whatever it is, leaves every earlier own price as it was. */
static void test_later_events_change_no_earlier_price(void **state) {
    (void)state;
    const random_spec spec = {77, 60, 5, 0, 0.05, false};
    matrix_market m = random_market(&spec);
    for (int total_return = 0; total_return < 2; total_return++) {
        const assay_panel_options options = {.signal_prices = total_return != 0
                                                                  ? ASSAY_SIGNAL_PRICES_TOTAL_RETURN
                                                                  : ASSAY_SIGNAL_PRICES_SPLIT_ADJUSTED};
        assay_panel *before = panel_of_market(&m, &options, m.n_bars);
        for (size_t row = 1; row < m.n_bars; row += 13) {
            matrix_market other = copy_market(&m);
            for (size_t s = 0; s < m.n_symbols; s++) {
                other.split[row * m.n_symbols + s] = 0.3;
                other.dividend[row * m.n_symbols + s] = 0.7;
            }
            assay_panel *after = panel_of_market(&other, &options, m.n_bars);
            assert_memory_equal(before->own_price, after->own_price, row * before->stride * sizeof(double));
            assert_memory_not_equal(before->own_price, after->own_price,
                                    before->n_bars * before->stride * sizeof(double));
            assay_panel_destroy(after);
            free_market(&other);
        }
        assay_panel_destroy(before);
    }
    free_market(&m);
}

/* --- calendars --- */

/* The same rows at other times: the matrix must be the same, whichever way the calendar was made. */
static void expect_same_matrix(const matrix_market *m, const int64_t *timestamp_us, const char *how) {
    matrix_market other = copy_market(m);
    memcpy(other.timestamp_us, timestamp_us, m->n_bars * sizeof *timestamp_us);
    assay_panel *a = panel_of_market(m, NULL, m->n_bars), *b = panel_of_market(&other, NULL, m->n_bars);
    if (a->n_bars != b->n_bars)
        fail_msg("%s: %zu and %zu bars", how, a->n_bars, b->n_bars);
    for (size_t t = 0; t < a->n_bars; t++) {
        if (b->timestamp_us[t] != timestamp_us[matrix_row(m, a, t)])
            fail_msg("%s: bar %zu has another time", how, t);
        for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
            assert_memory_equal(assay_panel_row(a, c, t), assay_panel_row(b, c, t),
                                a->n_symbols * sizeof(double));
    }
    assert_memory_equal(a->own_price, b->own_price, a->n_bars * a->stride * sizeof(double));
    assay_panel_destroy(a);
    assay_panel_destroy(b);
    free_market(&other);
}

static void test_calendars_of_any_spacing(void **state) {
    (void)state;
    const random_spec spec = {5, 80, 6, 0.2, 0.05, true};
    matrix_market m = random_market(&spec);
    int64_t *times = malloc(m.n_bars * sizeof *times);
    assert_non_null(times);
    static const struct {
        const char *how;
        int64_t first, step, jitter;
    } spacings[] = {
        {"minutes", INT64_C(1577975400000000), 60000000, 0},
        {"seconds", INT64_C(1577975400000000), 1000000, 0},
        {"odd microseconds", INT64_C(1577975400000001), 777777, 13},
        {"seconds far apart", 0, INT64_C(10000000) * 1000000, 0}, /* a table would be too long */
        {"days before 1970", -400 * ASSAY_US_PER_DAY, 3 * ASSAY_US_PER_DAY, 0},
        {"around 1970", -7000000, 1000000, 0},
        {"hours around 1970, a microsecond late", -INT64_C(40) * 3600000000 + 1, INT64_C(3600000000), 0}};
    for (size_t i = 0; i < LENGTH(spacings); i++) {
        for (size_t t = 0; t < m.n_bars; t++)
            times[t] =
                spacings[i].first + (int64_t)t * spacings[i].step + spacings[i].jitter * (int64_t)(t % 3);
        expect_same_matrix(&m, times, spacings[i].how);
    }
    free(times);
    free_market(&m);
}

/* --- fingerprints --- */

static void test_fingerprint_sees_every_change(void **state) {
    (void)state;
    const random_spec spec = {9, 12, 3, 0, 0, false};
    matrix_market m = random_market(&spec);
    m.split[20] = 2;
    m.dividend[25] = 0.5;
    assay_panel *panel = panel_of_market(&m, NULL, m.n_bars);
    char before[33], after[33];
    assay_panel_fingerprint(panel, before);
    assay_panel_destroy(panel);
    size_t n_cells = m.n_bars * m.n_symbols;
    double *places[7] = {m.column[0], m.column[1], m.column[2], m.column[3],
                         m.column[4], m.split,     m.dividend};
    for (size_t p = 0; p < 7; p++) {
        for (size_t i = p < 5 ? 0 : 20; i < (p < 5 ? n_cells : 26); i++) {
            double old = places[p][i];
            if (isnan(old) && p < 5)
                continue;
            places[p][i] = isnan(old) ? 3 : nextafter(old, 1e9);
            panel = panel_of_market(&m, NULL, m.n_bars);
            assay_panel_fingerprint(panel, after);
            assert_string_not_equal(before, after);
            assay_panel_destroy(panel);
            places[p][i] = old;
        }
    }
    m.timestamp_us[5] += 1;
    panel = panel_of_market(&m, NULL, m.n_bars);
    assay_panel_fingerprint(panel, after);
    assert_string_not_equal(before, after);
    assay_panel_destroy(panel);
    m.timestamp_us[5] -= 1;
    m.name[2][6]++;
    panel = panel_of_market(&m, NULL, m.n_bars);
    assay_panel_fingerprint(panel, after);
    assert_string_not_equal(before, after);
    assay_panel_destroy(panel);
    free_market(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_in_any_order),
        cmocka_unit_test(test_symbols_are_in_byte_order),
        cmocka_unit_test(test_the_newest_version_wins),
        cmocka_unit_test(test_old_twins_do_not_matter),
        cmocka_unit_test(test_replaced_rows_without_a_close_do_not_count),
        cmocka_unit_test(test_duplicates_that_nothing_tells_apart),
        cmocka_unit_test(test_bad_prices),
        cmocka_unit_test(test_missing_values_and_columns),
        cmocka_unit_test(test_nothing_to_run_on),
        cmocka_unit_test(test_events_between_and_beyond_bars),
        cmocka_unit_test(test_events_before_a_listing),
        cmocka_unit_test(test_events_told_twice),
        cmocka_unit_test(test_events_that_are_none_or_nonsense),
        cmocka_unit_test(test_events_of_replaced_rows_go),
        cmocka_unit_test(test_own_time_by_counting),
        cmocka_unit_test(test_total_return_by_counting),
        cmocka_unit_test(test_total_return_by_hand),
        cmocka_unit_test(test_later_events_change_no_earlier_price),
        cmocka_unit_test(test_calendars_of_any_spacing),
        cmocka_unit_test(test_fingerprint_sees_every_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
