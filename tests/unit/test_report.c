/* The report layer on summaries and tables made by hand: numbers, undefined values, escapes, layout. */
#include "assay/assay_report.h"
#include "assay/assay_walkforward_report.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const assay_report_style ASCII = {.width = 80, .utf8 = false};
static const assay_report_style UTF8 = {.width = 80, .utf8 = true};

/* What a function writes into its stream; free() it. */
typedef void (*writer)(FILE *out, const void *what);
static char *written_by(writer write, const void *what) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    write(out, what);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_written(writer write, const void *what, const char *expected) {
    char *text = written_by(write, what);
    assert_string_equal(text, expected);
    free(text);
}

static void assert_contains(const char *text, const char *part) {
    if (strstr(text, part) == NULL)
        fail_msg("no '%s' in:\n%s", part, text);
}

/* --- tables --- */

static const char *const NAMES[] = {"sym", "px", "n", "ok"};
static const char *const TYPES[] = {"VARCHAR", "DOUBLE", "BIGINT", "BOOLEAN"};
static const char *const CELLS[] = {
    "A,\"x\"", "1234.5",   "9007199254740993",
    "true", /* a number beyond 2^53 */
    "",        NULL,       "-1",
    "false",   "\xc3\xa9", "nan",
    NULL,      NULL,
};
static const assay_table TABLE = {
    .n_rows = 3, .n_columns = 4, .names = NAMES, .types = TYPES, .cells = CELLS};

static void write_table_csv(FILE *out, const void *what) {
    assert_int_equal(assay_report_table(what, ASSAY_FORMAT_CSV, -1, &ASCII, out, NULL), ASSAY_OK);
}

static void write_table_json(FILE *out, const void *what) {
    assert_int_equal(assay_report_table(what, ASSAY_FORMAT_JSON, -1, &ASCII, out, NULL), ASSAY_OK);
}

static void write_table_text(FILE *out, const void *what) {
    assert_int_equal(assay_report_table(what, ASSAY_FORMAT_TEXT, 2, &UTF8, out, NULL), ASSAY_OK);
}

static void test_table_as_csv(void **state) {
    (void)state;
    assert_written(write_table_csv, &TABLE,
                   "sym,px,n,ok\n"
                   "\"A,\"\"x\"\"\",1234.5,9007199254740993,true\n"
                   "\"\",,-1,false\n"
                   "\xc3\xa9,nan,,\n");
}

static void test_table_as_json(void **state) {
    (void)state;
    assert_written(write_table_json, &TABLE,
                   "[\n"
                   "  {\"sym\":\"A,\\\"x\\\"\",\"px\":1234.5,\"n\":9007199254740993,\"ok\":true},\n"
                   "  {\"sym\":\"\",\"px\":null,\"n\":-1,\"ok\":false},\n"
                   "  {\"sym\":\"\xc3\xa9\",\"px\":null,\"n\":null,\"ok\":null}\n"
                   "]\n");
}

static void test_table_as_text(void **state) {
    (void)state;
    assert_written(write_table_text, &TABLE,
                   "sym          px                 n  ok\n"
                   "A,\"x\"  1,234.50  9007199254740993  true\n"
                   "              –                -1  false\n"
                   "\xc3\xa9           nan                 –  –\n");
}

static void test_empty_table(void **state) {
    (void)state;
    const assay_table empty = {.n_columns = 1, .names = NAMES, .types = TYPES};
    assert_written(write_table_json, &empty, "[]\n");
    assert_written(write_table_csv, &empty, "sym\n");
    assert_written(write_table_text, &empty, "sym\n");
}

/* --- charts --- */

typedef struct chart {
    const double *values;
    size_t n;
    unsigned height;
    assay_report_style style;
} chart;

static void write_chart(FILE *out, const void *what) {
    const chart *c = what;
    assay_report_chart(c->values, c->n, c->height, &c->style, out);
}

static void test_chart_in_ascii(void **state) {
    (void)state;
    static const double RISING[] = {1, 2, 3};
    const chart c = {RISING, 3, 3, {.width = 40, .utf8 = false}};
    assert_written(write_chart, &c,
                   "  3.00 +                       ********\n"
                   "       |        ****************\n"
                   "  1.00 +*********\n");
}

static void test_chart_in_braille(void **state) {
    (void)state;
    static const double RISING[] = {1, 2, 3, 4};
    const chart c = {RISING, 4, 1, {.width = 40, .utf8 = true}};
    char *text = written_by(write_chart, &c);
    assert_contains(text, "4.00 ┤");
    assert_contains(text, "⣀⣀");
    assert_contains(text, "⠉⠉");
    free(text);
}

static void test_chart_of_nothing(void **state) {
    (void)state;
    static const double ONE[] = {1}, GAP[] = {1, 2, (double)NAN};
    const chart one = {ONE, 1, 3, {0}}, gap = {GAP, 3, 3, {0}}, none = {NULL, 0, 3, {0}};
    assert_written(write_chart, &one, "");
    assert_written(write_chart, &gap, "");
    assert_written(write_chart, &none, "");
}

/* A flat line, and as many values as a screen has no columns for: no division by zero, nothing lost. */
static void test_chart_extremes(void **state) {
    (void)state;
    double *many = calloc(100000, sizeof *many);
    assert_non_null(many);
    for (size_t i = 0; i < 100000; i++)
        many[i] = 100.0;
    const chart flat = {many, 100000, 6, {.width = 10000, .utf8 = true}};
    char *text = written_by(write_chart, &flat);
    assert_contains(text, "100");
    free(text);
    many[54321] = 500.0; /* one spike of 100,000 values is still seen */
    const chart spike = {many, 100000, 6, {.width = 60, .utf8 = false}};
    text = written_by(write_chart, &spike);
    assert_contains(text, "  500 +                            *");
    free(text);
    free(many);
}

/* --- runs --- */

static assay_metric_value metrics[] = {{"total_return_pct", 12.345},
                                       {"sharpe_ratio", (double)NAN},
                                       {"profit_factor", (double)INFINITY},
                                       {"total_trades", 3},
                                       {"tenth", 0.1},
                                       {"third", 1.0 / 3.0}};
static double equity[] = {100.0, 110.0, 90.0, 112.345};

static assay_run_summary run_summary(void) {
    assay_run_summary s = {.run_id = (char *)(uintptr_t) "r-1",
                           .strategy = (char *)(uintptr_t) "momentum",
                           .parameters_json = (char *)(uintptr_t) "{\"lookback\":20,\"threshold\":0.1}",
                           .start_date = "2020-01-02",
                           .end_date = "2020-01-06",
                           .data_fingerprint = "0123456789abcdef0123456789abcdef",
                           .n_bars = 3,
                           .n_symbols = 1,
                           .metrics = metrics,
                           .n_metrics = sizeof metrics / sizeof *metrics,
                           .equity = equity,
                           .n_equity = 4,
                           .n_open_trades = 1,
                           .has_warnings = true,
                           .warnings = ASSAY_WARNING_SAME_BAR_FILL,
                           .delisted_positions = 1};
    s.tables[0] = (assay_table_rows){"backtest_runs", 1};
    s.tables[1] = (assay_table_rows){"backtest_trades", 4};
    return s;
}

static void write_run_text(FILE *out, const void *what) {
    assert_int_equal(assay_report_run(what, ASSAY_FORMAT_TEXT, &ASCII, out, NULL), ASSAY_OK);
}

static void write_run_json(FILE *out, const void *what) {
    assert_int_equal(assay_report_run(what, ASSAY_FORMAT_JSON, &ASCII, out, NULL), ASSAY_OK);
}

static void write_run_csv(FILE *out, const void *what) {
    assert_int_equal(assay_report_run(what, ASSAY_FORMAT_CSV, &ASCII, out, NULL), ASSAY_OK);
}

static void test_run_as_text(void **state) {
    (void)state;
    assay_run_summary s = run_summary();
    char *text = written_by(write_run_text, &s);
    assert_contains(
        text,
        "momentum (lookback 20, threshold 0.1)\n2020-01-02 to 2020-01-06 | 3 bars | 1 symbol\nrun r-1\n");
    assert_contains(text, "total return              12.35 %");
    assert_contains(text, "Sharpe ratio                    -\n");
    assert_contains(text, "profit factor                 inf");
    assert_contains(text, "3 closed trades, 1 position open at the end\n");
    assert_contains(text, "1 position was closed by a delisting\n");
    assert_contains(text, "warning: ");
    for (const char *c = text; *c != '\0'; c++)
        assert_true((unsigned char)*c < 0x80);
    free(text);
}

static void test_run_as_json(void **state) {
    (void)state;
    assay_run_summary s = run_summary();
    char *text = written_by(write_run_json, &s);
    assert_contains(text, "\"third\":\t0.3333333333333333");
    assert_contains(text, "\"tenth\":\t0.1");
    assert_contains(text, "\"sharpe_ratio\":\tnull");
    assert_contains(text, "\"profit_factor\":\tnull");
    assert_contains(text, "\"same_bar_fill\"");
    assert_contains(text, "\"parameters\":\t{\"lookback\":20,\"threshold\":0.1}");
    free(text);
}

static void test_run_as_csv(void **state) {
    (void)state;
    assay_run_summary s = run_summary();
    assert_written(write_run_csv, &s,
                   "run_id,metric,value\n"
                   "r-1,total_return_pct,12.345\n"
                   "r-1,sharpe_ratio,\n"
                   "r-1,profit_factor,\n"
                   "r-1,total_trades,3\n"
                   "r-1,tenth,0.1\n"
                   "r-1,third,0.3333333333333333\n");
}

static void test_metric_by_name(void **state) {
    (void)state;
    assay_run_summary s = run_summary();
    assert_true(assay_run_summary_metric(&s, "total_trades") == 3.0);
    assert_true(isnan(assay_run_summary_metric(&s, "no_such")) != 0);
}

/* --- the plan of a walk-forward --- */

static const char PLAN[] =
    "{\"axes\":[\"lookback=5:25:5\",\"n=1,2\"],\"where\":[\"total_trades>=3\"],\"sampling\":\"grid\","
    "\"objective\":\"max:sharpe_ratio\",\"train\":\"2y\",\"test\":\"126\",\"step\":\"126\",\"purge\":\"5\","
    "\"embargo\":\"0\",\"anchored\":true,\"positions\":\"carry\"}";
static const char PLAN_OF_NO_POSITIONS[] =
    "{\"axes\":[],\"where\":[],\"sampling\":\"grid\",\"objective\":\"x\",\"train\":\"1\",\"test\":\"1\","
    "\"step\":\"1\",\"purge\":\"0\",\"embargo\":\"0\"}";
/* A rule's text that looks like a plan, and a number that a double does not hold. */
static const char BASE[] = "{\"strategy\":\"rule\",\"rule\":{\"buy\":\"a,\\\"walkforward\\\":{\"},\"engine\":"
                           "{\"seed\":9007199254740993}}";

/* BASE with a plan as its last member. */
static const char *with_plan(const char *plan) {
    static char text[2048];
    snprintf(text, sizeof text, "%.*s,\"walkforward\":%s}", (int)strlen(BASE) - 1, BASE, plan);
    return text;
}

static void test_plan_is_read_back(void **state) {
    (void)state;
    assay_walkforward_plan plan;
    assert_int_equal(assay_walkforward_plan_read(with_plan(PLAN), &plan, NULL), ASSAY_OK);
    assert_string_equal(plan.config_json, BASE);
    const assay_walkforward_spec *spec = &plan.spec;
    assert_int_equal(spec->n_axes, 2);
    assert_string_equal(spec->axes[0], "lookback=5:25:5");
    assert_string_equal(spec->axes[1], "n=1,2");
    assert_int_equal(spec->n_where, 1);
    assert_string_equal(spec->where[0], "total_trades>=3");
    assert_string_equal(spec->sampling, "grid");
    assert_string_equal(spec->objective, "max:sharpe_ratio");
    assert_string_equal(spec->train, "2y");
    assert_string_equal(spec->test, "126");
    assert_string_equal(spec->step, "126");
    assert_string_equal(spec->purge, "5");
    assert_string_equal(spec->embargo, "0");
    assert_true(spec->anchored);
    assert_int_equal(spec->positions, ASSAY_FOLD_CARRY);
    assay_walkforward_plan_reset(&plan);
    assert_null(plan.config_json);
}

static void test_runs_have_no_plan(void **state) {
    (void)state;
    static const char *const CONFIGS[] = {BASE, "{\"parameters\":{\"walkforward\":5}}",
                                          "{\"a\":1,\"walkforward\":5}", "no JSON", ""};
    assay_walkforward_plan plan;
    for (size_t i = 0; i < sizeof CONFIGS / sizeof *CONFIGS; i++) {
        assert_int_equal(assay_walkforward_plan_read(CONFIGS[i], &plan, NULL), ASSAY_OK);
        assert_null(plan.config_json);
        assay_walkforward_plan_reset(&plan);
    }
}

static void test_damaged_plan(void **state) {
    (void)state;
    static const char *const PLANS[] = {"{}", "{\"axes\":[1],\"where\":[]}",
                                        "{\"axes\":[\"a=1\"],\"where\":[],\"sampling\":\"grid\"}",
                                        PLAN_OF_NO_POSITIONS};
    assay_walkforward_plan plan;
    for (size_t i = 0; i < sizeof PLANS / sizeof *PLANS; i++) {
        assay_error err = {0};
        assert_int_equal(assay_walkforward_plan_read(with_plan(PLANS[i]), &plan, &err), ASSAY_E_DATA);
        assert_contains(err.message, "cannot be read");
        assay_walkforward_plan_reset(&plan);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_as_csv),      cmocka_unit_test(test_table_as_json),
        cmocka_unit_test(test_table_as_text),     cmocka_unit_test(test_empty_table),
        cmocka_unit_test(test_chart_in_ascii),    cmocka_unit_test(test_chart_in_braille),
        cmocka_unit_test(test_chart_of_nothing),  cmocka_unit_test(test_chart_extremes),
        cmocka_unit_test(test_run_as_text),       cmocka_unit_test(test_run_as_json),
        cmocka_unit_test(test_run_as_csv),        cmocka_unit_test(test_metric_by_name),
        cmocka_unit_test(test_plan_is_read_back), cmocka_unit_test(test_runs_have_no_plan),
        cmocka_unit_test(test_damaged_plan),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
