/* A walk-forward on screen: the folds, what the tests keep of the training, how the choice moves, the joined run. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/walkforward_formats.h"

/* --- the heading --- */

static void put_plan(const assay_walkforward_report *report, const assay_report_style *style, FILE *out) {
    const assay_walkforward_spec *spec = report->spec;
    const char *dot = style->utf8 ? "·" : "|";
    char points[32], line[512];
    size_t n_folds = assay_walkforward_n_folds(report->wf);
    assay_format_count((size_t)assay_walkforward_n_points(report->wf), points, sizeof points);
    snprintf(line, sizeof line, "walk-forward of %s %s %zu %s of %s %s, %s %s positions %s",
             assay_config_strategy(assay_result_config(assay_walkforward_result(report->wf)))->name, dot,
             n_folds, n_folds == 1 ? "fold" : "folds", points,
             assay_walkforward_n_points(report->wf) == 1 ? "point" : "points",
             assay_walkforward_objective(report->wf), dot,
             spec->positions == ASSAY_FOLD_CARRY ? "carried" : "closed between tests");
    assay_put_wrapped(line, 0, 2, style, out);
    snprintf(line, sizeof line, "%s: train %s, test %s, step %s, purge %s, embargo %s",
             spec->anchored ? "anchored" : "rolling", spec->train, spec->test,
             spec->step == NULL ? spec->test : spec->step, spec->purge == NULL ? "0" : spec->purge,
             spec->embargo == NULL ? "0" : spec->embargo);
    assay_put_wrapped(line, 0, 2, style, out);
    putc('\n', out);
}

/* --- the folds: columns of text, as wide as their widest cell --- */

enum { CELL_SIZE = 96, N_FIXED_LEFT = 2, N_FIXED_RIGHT = 5 };

typedef struct fold_table {
    size_t n_columns, n_rows; /* the first row has the names */
    char (*cell)[CELL_SIZE];
} fold_table;

static char *cell_at(const fold_table *table, size_t row, size_t column) {
    return table->cell[row * table->n_columns + column];
}

static void put_number(const fold_table *table, size_t row, size_t column, double value,
                       const assay_report_style *style) {
    char text[NUMBER_SIZE];
    assay_format_number(value, 2, style, text, sizeof text);
    snprintf(cell_at(table, row, column), CELL_SIZE, "%.90s", text);
}

static double metric_of(const double *values, const char *name) {
    for (size_t i = 0; i < assay_metric_count(); i++) {
        if (strcmp(assay_metric_at(i)->name, name) == 0)
            return values[i];
    }
    return (double)NAN;
}

static void fill_heading(const fold_table *table, const assay_walkforward *wf) {
    static const char *const RIGHT[N_FIXED_RIGHT] = {"Sharpe in", "out", "return % in", "out", ""};
    size_t n_axes = assay_walkforward_n_axes(wf);
    snprintf(cell_at(table, 0, 0), CELL_SIZE, "fold");
    snprintf(cell_at(table, 0, 1), CELL_SIZE, "test");
    for (size_t axis = 0; axis < n_axes; axis++)
        snprintf(cell_at(table, 0, N_FIXED_LEFT + axis), CELL_SIZE, "%.90s",
                 assay_walkforward_drift(wf, axis).axis);
    for (size_t i = 0; i < N_FIXED_RIGHT; i++)
        snprintf(cell_at(table, 0, N_FIXED_LEFT + n_axes + i), CELL_SIZE, "%s", RIGHT[i]);
}

static void fill_fold(const fold_table *table, const assay_walkforward_report *report, size_t k,
                      const assay_report_style *style) {
    const assay_fold *f = assay_walkforward_fold(report->wf, k);
    assay_fold_dates d = assay_fold_dates_of(report, k);
    size_t n_axes = assay_walkforward_n_axes(report->wf), right = N_FIXED_LEFT + n_axes, row = k + 1;
    snprintf(cell_at(table, row, 0), CELL_SIZE, "%zu", k + 1);
    snprintf(cell_at(table, row, 1), CELL_SIZE, "%s %s %s", d.test_start, style->utf8 ? "–" : "to",
             d.test_end);
    for (size_t axis = 0; axis < n_axes; axis++) {
        char text[CELL_SIZE];
        assay_walkforward_choice(report->wf, k, axis, text, sizeof text);
        snprintf(cell_at(table, row, N_FIXED_LEFT + axis), CELL_SIZE, "%s",
                 f->has_winner ? text : assay_dash(style));
    }
    put_number(table, row, right, metric_of(f->in_sample, "sharpe_ratio"), style);
    put_number(table, row, right + 1, metric_of(f->out_of_sample, "sharpe_ratio"), style);
    put_number(table, row, right + 2, metric_of(f->in_sample, "annual_return_pct"), style);
    put_number(table, row, right + 3, metric_of(f->out_of_sample, "annual_return_pct"), style);
    snprintf(cell_at(table, row, right + 4), CELL_SIZE, "%s",
             f->is_broke      ? "no capital left"
             : !f->has_winner ? "no winner: nothing was traded"
             : f->is_partial  ? "the data end here"
                              : "");
}

static void put_table(const fold_table *table, FILE *out) {
    for (size_t row = 0; row < table->n_rows; row++) {
        putc(' ', out);
        for (size_t c = 0; c < table->n_columns; c++) {
            size_t width = 0;
            bool is_last = c + 1 == table->n_columns;
            for (size_t r = 0; r < table->n_rows; r++) {
                size_t n = assay_text_columns(cell_at(table, r, c));
                width = n > width ? n : width;
            }
            if (is_last && cell_at(table, row, c)[0] == '\0')
                continue;
            putc(' ', out);
            putc(' ', out);
            assay_put_padded(cell_at(table, row, c), is_last ? 0 : width, !is_last && c != 1, out);
        }
        putc('\n', out);
    }
}

static assay_status put_folds(const assay_walkforward_report *report, const assay_report_style *style,
                              FILE *out, assay_error *err) {
    fold_table table = {.n_columns = N_FIXED_LEFT + assay_walkforward_n_axes(report->wf) + N_FIXED_RIGHT,
                        .n_rows = assay_walkforward_n_folds(report->wf) + 1};
    table.cell = calloc(table.n_columns * table.n_rows, sizeof *table.cell);
    if (table.cell == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a table of %zu folds", table.n_rows);
    fill_heading(&table, report->wf);
    for (size_t k = 0; k < assay_walkforward_n_folds(report->wf); k++)
        fill_fold(&table, report, k, style);
    put_table(&table, out);
    free(table.cell);
    return ASSAY_OK;
}

/* --- what they say together --- */

static void put_efficiency(const assay_walkforward *wf, const assay_report_style *style, FILE *out) {
    assay_walkforward_efficiency e = assay_walkforward_efficiency_of(wf);
    char annual[NUMBER_SIZE], sharpe[NUMBER_SIZE], line[2 * NUMBER_SIZE + 256];
    assay_format_number(e.annual_return, 2, style, annual, sizeof annual);
    assay_format_number(e.sharpe_ratio, 2, style, sharpe, sizeof sharpe);
    snprintf(line, sizeof line,
             "efficiency (test over training, mean of whole folds): annual return %s, Sharpe ratio %s",
             annual, sharpe);
    fputs("\n  ", out);
    assay_put_wrapped(line, 2, 4, style, out);
}

static void put_drift(const assay_walkforward *wf, const assay_report_style *style, FILE *out) {
    for (size_t axis = 0; axis < assay_walkforward_n_axes(wf); axis++) {
        assay_axis_drift d = assay_walkforward_drift(wf, axis);
        char mean[NUMBER_SIZE], most[NUMBER_SIZE], line[2 * NUMBER_SIZE + 256];
        assay_format_number(d.mean_steps, 2, style, mean, sizeof mean);
        assay_format_number(d.max_steps, 0, style, most, sizeof most);
        snprintf(line, sizeof line,
                 "drift of %.100s: %zu of %zu borders, %s steps on average, %s at most; %zu %s", d.axis,
                 d.n_changes, d.n_pairs, mean, most, d.n_distinct, d.n_distinct == 1 ? "value" : "values");
        fputs("  ", out);
        assay_put_wrapped(line, 2, 4, style, out);
    }
}

/* The tests as one run; its parameters are in the table above. */
static assay_status put_joined(const assay_walkforward_report *report, const assay_report_style *style,
                               FILE *out, assay_error *err) {
    assay_run_summary summary;
    assay_status status = assay_walkforward_summary(report, &summary, err);
    if (status != ASSAY_OK)
        return status;
    snprintf(summary.parameters_json, strlen(summary.parameters_json) + 1, "{}");
    fputs("\nout of sample, all tests as one run:\n", out);
    status = assay_report_run(&summary, ASSAY_FORMAT_TEXT, style, out, err);
    assay_run_summary_reset(&summary);
    return status;
}

assay_status assay_walkforward_text(const assay_walkforward_report *report, const assay_report_style *style,
                                    FILE *out, assay_error *err) {
    put_plan(report, style, out);
    assay_status status = put_folds(report, style, out, err);
    if (status != ASSAY_OK)
        return status;
    put_efficiency(report->wf, style, out);
    put_drift(report->wf, style, out);
    return put_joined(report, style, out, err);
}
