/* A sweep on screen: what was tried, the best points, what each parameter does, plateau or peak, and how much is luck. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/sweep_formats.h"
#include "report/text_layout.h"

enum { CELL = 64, MOST_COLUMNS = 80, MOST_LEVELS = 12, DECIMALS = 3 };

/* --- a table in the making --- */

typedef struct sheet {
    size_t n_rows, n_columns, capacity;
    char (*cell)[CELL]; /* owned */
    const char *name[MOST_COLUMNS];
    bool is_text[MOST_COLUMNS];
    bool failed;
    char spare[CELL]; /* what is written after a failure */
} sheet;

static char *cell_at(sheet *s, size_t row, size_t column) {
    size_t needed = (row + 1) * MOST_COLUMNS;
    if (needed > s->capacity && !s->failed) {
        size_t capacity = needed * 2;
        void *grown = realloc(s->cell, capacity * sizeof *s->cell);
        s->failed = grown == NULL;
        s->cell = s->failed ? s->cell : grown;
        s->capacity = s->failed ? s->capacity : capacity;
    }
    s->n_rows = row + 1 > s->n_rows ? row + 1 : s->n_rows;
    return s->failed ? s->spare : s->cell[row * MOST_COLUMNS + column];
}

static void put_number(sheet *s, size_t row, size_t column, double value, int decimals,
                       const assay_report_style *style) {
    char text[NUMBER_SIZE];
    assay_format_number(value, decimals, style, text, sizeof text);
    snprintf(cell_at(s, row, column), CELL, "%.*s", CELL - 1, text);
}

static void print_sheet(sheet *s, FILE *out) {
    size_t width[MOST_COLUMNS] = {0};
    for (size_t c = 0; c < s->n_columns; c++) {
        width[c] = assay_text_columns(s->name[c]);
        for (size_t r = 0; r < s->n_rows && !s->failed; r++) {
            size_t n = assay_text_columns(s->cell[r * MOST_COLUMNS + c]);
            width[c] = n > width[c] ? n : width[c];
        }
    }
    for (size_t r = 0; r <= s->n_rows && !s->failed; r++) {
        for (size_t c = 0; c < s->n_columns; c++) {
            fputs("  ", out);
            const char *text = r == 0 ? s->name[c] : s->cell[(r - 1) * MOST_COLUMNS + c];
            assay_put_padded(text, s->is_text[c] && c + 1 == s->n_columns ? 0 : width[c], !s->is_text[c],
                             out);
        }
        putc('\n', out);
    }
    free(s->cell);
    *s = (sheet){0};
}

static bool add_column(sheet *s, const char *name, bool is_text) {
    if (s->n_columns == MOST_COLUMNS)
        return false;
    s->name[s->n_columns] = name;
    s->is_text[s->n_columns++] = is_text;
    return true;
}

/* --- lines --- */

static void put_line(const char *text, const assay_report_style *style, FILE *out) {
    fputs("  ", out);
    assay_put_wrapped(text, 2, 2, style, out);
}

static void number_text(double value, int decimals, const assay_report_style *style, char *out_text,
                        size_t size) {
    char text[NUMBER_SIZE];
    assay_format_number(value, decimals, style, text, sizeof text);
    snprintf(out_text, size, "%.*s", (int)size - 1, text);
}

static const char *objective_name(const assay_sweep_report *r) {
    return assay_metric_at(assay_optimizer_objective_metric(r->optimizer, 0))->name;
}

static void count_text(uint64_t count, char *out_text, size_t size) {
    assay_format_count((size_t)count, out_text, size);
}

/* --- parts --- */

static void put_heading(const assay_sweep_report *r, const assay_report_style *style, FILE *out) {
    const assay_sweep_summary *s = r->summary;
    const char *dot = style->utf8 ? "·" : "|";
    char bars[32], symbols[32], points[32], text[1024], goal[160];
    count_text(r->n_bars, bars, sizeof bars);
    count_text(r->n_symbols, symbols, sizeof symbols);
    fprintf(out, "%s, %s\n", r->strategy, r->sampling);
    if (r->start_date[0] != '\0')
        fprintf(out, "%s %s %s %s %s bars %s %s symbols\n", r->start_date, style->utf8 ? "–" : "to",
                r->end_date, dot, bars, dot, symbols);
    fprintf(out, "sweep %s\n\n", r->sweep_id);
    count_text(s->n_tried, points, sizeof points);
    snprintf(text, sizeof text, "%s points tried", points);
    if (s->n_tried < s->n_plan) {
        count_text(s->n_plan, points, sizeof points);
        snprintf(text + strlen(text), sizeof text - strlen(text), " of %s", points);
    }
    for (size_t i = 0; i < assay_optimizer_n_objectives(r->optimizer); i++) {
        assay_optimizer_objective_text(r->optimizer, i, goal, sizeof goal);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i == 0 ? "; objective " : ", ",
                 goal);
    }
    for (size_t i = 0; i < assay_optimizer_n_constraints(r->optimizer); i++) {
        assay_optimizer_constraint_text(r->optimizer, i, goal, sizeof goal);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i == 0 ? "; where " : ", ", goal);
    }
    count_text(s->n_scored, points, sizeof points);
    snprintf(text + strlen(text), sizeof text - strlen(text), "; %s count", points);
    put_line(text, style, out);
}

static void put_split(const assay_sweep_report *r, const assay_report_style *style, FILE *out) {
    char text[512];
    if (r->n_shards > 1 && r->shard > 0)
        snprintf(
            text, sizeof text,
            "shard %" PRIu64 " of %" PRIu64
            ": everything below speaks of this shard alone; `assay show %s` speaks of all that are stored",
            r->shard, r->n_shards, r->sweep_id);
    else if (r->n_shards > 1)
        snprintf(text, sizeof text, "%" PRIu64 " of %" PRIu64 " shards are stored", r->n_shards_stored,
                 r->n_shards);
    if (r->n_shards > 1)
        put_line(text, style, out);
    for (size_t i = 0; r->n_rungs > 1 && i < r->n_rungs; i++) {
        char points[32], bars[32];
        count_text(r->rung[i].n_points, points, sizeof points);
        count_text(r->rung[i].n_bars, bars, sizeof bars);
        snprintf(text, sizeof text, "halving: %s points over the last %s bars%s%s", points, bars,
                 i + 1 == r->n_rungs ? ", the whole period" : " from ", r->rung[i].start);
        put_line(text, style, out);
    }
    if (r->n_rungs > 1)
        put_line("halving can lose a point that is bad of late and good over the whole period; only points "
                 "of the last "
                 "line are stored and count below",
                 style, out);
}

/* The objectives first, then what one wants to know beside them. */
static size_t shown_metrics(const assay_sweep_report *r, size_t *out_metrics, size_t size) {
    static const char *const BESIDE[] = {"sharpe_ratio", "total_return_pct", "max_drawdown_pct",
                                         "total_trades"};
    size_t n = 0;
    for (size_t i = 0; i < assay_optimizer_n_objectives(r->optimizer) && n < size; i++)
        out_metrics[n++] = assay_optimizer_objective_metric(r->optimizer, i);
    for (size_t i = 0; i < sizeof BESIDE / sizeof *BESIDE; i++) {
        for (size_t m = 0; m < assay_metric_count(); m++) {
            bool is_there = strcmp(assay_metric_at(m)->name, BESIDE[i]) != 0;
            for (size_t j = 0; j < n && !is_there; j++)
                is_there = out_metrics[j] == m;
            if (!is_there && n < size)
                out_metrics[n++] = m;
        }
    }
    return n;
}

static void put_entries(const assay_sweep_report *r, const assay_sweep_entry *entries, size_t n,
                        const assay_report_style *style, FILE *out) {
    sheet s = {0};
    size_t metric[ASSAY_MAX_GOALS + 4], n_axes = assay_optimizer_n_axes(r->optimizer);
    size_t n_metrics = shown_metrics(r, metric, sizeof metric / sizeof *metric);
    (void)add_column(&s, "point", false);
    for (size_t i = 0; i < n_axes && i < MOST_COLUMNS / 2; i++)
        (void)add_column(&s, assay_optimizer_axis_name(r->optimizer, i), false);
    for (size_t i = 0; i < n_metrics; i++)
        (void)add_column(&s, assay_metric_at(metric[i])->name, false);
    for (size_t row = 0; row < n; row++) {
        size_t c = 0;
        snprintf(cell_at(&s, row, c++), CELL, "%" PRIu64, entries[row].point);
        for (size_t i = 0; i < n_axes && i < MOST_COLUMNS / 2; i++)
            assay_optimizer_value_text(r->optimizer, entries[row].point, i, cell_at(&s, row, c++), CELL);
        for (size_t i = 0; i < n_metrics; i++) {
            bool is_count = strcmp(assay_metric_at(metric[i])->unit, "trades") == 0;
            put_number(&s, row, c++, entries[row].metrics[metric[i]], is_count ? 0 : DECIMALS, style);
        }
    }
    print_sheet(&s, out);
}

static void put_axis(const assay_sweep_report *r, const assay_sweep_axis *axis,
                     const assay_report_style *style, FILE *out) {
    char text[256], share[64];
    number_text(axis->variance_share * 100.0, 1, style, share, sizeof share);
    if (isnan(axis->variance_share))
        snprintf(text, sizeof text, "%s", axis->name);
    else
        snprintf(text, sizeof text, "%s: explains %s %% of the variance of %s", axis->name, share,
                 objective_name(r));
    putc('\n', out);
    put_line(text, style, out);
    sheet s = {0};
    (void)add_column(&s, axis->parts ? "part" : "value", false);
    (void)add_column(&s, "points", false);
    (void)add_column(&s, "median", false);
    (void)add_column(&s, "mean", false);
    (void)add_column(&s, "min", false);
    (void)add_column(&s, "max", false);
    /* Of many values some, evenly; JSON has them all. */
    size_t step = (axis->n_levels + MOST_LEVELS - 1) / MOST_LEVELS;
    for (size_t i = 0, row = 0; i < axis->n_levels; i += step == 0 ? 1 : step, row++) {
        const assay_sweep_level *level = &axis->level[i];
        snprintf(cell_at(&s, row, 0), CELL, "%.*s", CELL - 1, level->text);
        snprintf(cell_at(&s, row, 1), CELL, "%zu", level->n);
        put_number(&s, row, 2, level->median, DECIMALS, style);
        put_number(&s, row, 3, level->mean, DECIMALS, style);
        put_number(&s, row, 4, level->min, DECIMALS, style);
        put_number(&s, row, 5, level->max, DECIMALS, style);
    }
    print_sheet(&s, out);
}

static void put_plateau(const assay_sweep_report *r, const assay_report_style *style, FILE *out) {
    const assay_sweep_summary *s = r->summary;
    char text[512], peak[64], median[64], ratio[64];
    fputs("\nplateau or peak\n", out);
    if (!s->is_grid) {
        put_line("only a grid has neighbours; run one around the best point to see", style, out);
        return;
    }
    number_text(s->best[0].metrics[assay_optimizer_objective_metric(r->optimizer, 0)], DECIMALS, style, peak,
                sizeof peak);
    number_text(s->neighbour_median, DECIMALS, style, median, sizeof median);
    number_text(s->plateau_ratio, 2, style, ratio, sizeof ratio);
    if (s->n_scored_neighbours == 0)
        snprintf(text, sizeof text, "none of the %zu neighbours of the best point counts: it stands alone",
                 s->n_neighbours);
    else
        snprintf(text, sizeof text,
                 "%s of the best point is %s; the median of its %zu neighbours is %s (kept: %s)%s",
                 objective_name(r), peak, s->n_scored_neighbours, median, ratio,
                 isnan(s->plateau_ratio)   ? ""
                 : s->plateau_ratio >= 0.8 ? ", a plateau"
                 : s->plateau_ratio >= 0.5 ? ", a hill"
                                           : ", a peak: one step away most of it is gone");
    put_line(text, style, out);
}

static void put_luck(const assay_sweep_report *r, const assay_report_style *style, FILE *out) {
    const assay_sweep_luck *l = &r->summary->luck;
    double annual = sqrt(l->periods_per_year);
    char text[512], expected[64], trials[64], best[64], dsr[64], psr[64];
    number_text(l->expected_max_sharpe * annual, 2, style, expected, sizeof expected);
    number_text(l->n_trials, 0, style, trials, sizeof trials);
    number_text(l->sharpe * annual, 2, style, best, sizeof best);
    number_text(l->dsr, 3, style, dsr, sizeof dsr);
    number_text(l->psr, 3, style, psr, sizeof psr);
    fputs("\nhow much is luck\n", out);
    snprintf(text, sizeof text,
             "the best of %s tries without any skill is expected to have a Sharpe ratio (arithmetic, annual) "
             "of %s",
             trials, expected);
    put_line(text, style, out);
    if (l->n_returns == 0) {
        put_line("the returns of the best point are not stored (--keep), so its deflated Sharpe ratio is not "
                 "known",
                 style, out);
        return;
    }
    snprintf(text, sizeof text,
             "the best point has %s: the probability that it is better than that luck is %s (deflated "
             "Sharpe), that it is "
             "better than nothing %s%s",
             best, dsr, psr, l->dsr < 0.95 ? "; below 0.95 it is no evidence" : "");
    put_line(text, style, out);
}

static void report_text(const assay_sweep_report *r, const assay_report_style *style, FILE *out) {
    const assay_sweep_summary *s = r->summary;
    put_heading(r, style, out);
    put_split(r, style, out);
    if (s->n_best == 0) {
        putc('\n', out);
        put_line("no point meets the constraints and has a value of the objective: loosen --where, or widen "
                 "the axes",
                 style, out);
        return;
    }
    fputs("\nbest points\n", out);
    put_entries(r, s->best, s->n_best, style, out);
    if (s->n_pareto > 0) {
        fprintf(out, "\npoints that no other beats in every objective (%zu%s)\n", s->n_pareto_all,
                s->n_pareto < s->n_pareto_all ? ", the first of them" : "");
        put_entries(r, s->pareto, s->n_pareto, style, out);
    }
    for (size_t i = 0; i < s->n_axes; i++)
        put_axis(r, &s->axis[i], style, out);
    put_plateau(r, style, out);
    put_luck(r, style, out);
}

void assay_sweep_run_id(const assay_sweep_report *r, uint64_t point, char *out_text, size_t size) {
    snprintf(out_text, size, "%s-%" PRIu64, r->sweep_id, point);
}

assay_status assay_report_sweep(const assay_sweep_report *r, assay_report_format format,
                                const assay_report_style *style, FILE *out, assay_error *err) {
    switch (format) {
    case ASSAY_FORMAT_JSON:
        return assay_report_sweep_json(r, out, err);
    case ASSAY_FORMAT_CSV:
        assay_report_sweep_csv(r, out);
        return ASSAY_OK;
    case ASSAY_FORMAT_TEXT:
        break;
    }
    report_text(r, style, out);
    return ASSAY_OK;
}
