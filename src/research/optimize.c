/* The plan of a sweep bound to a configuration: points into configurations, batches of them into metrics, rungs.
 *
 * Invariant: everything is a function of the base configuration, the spec and a point's number, so that any process computes
 * the same point. Nothing here grows with the number of points.
 */
#include "research/optimize.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assay/assay_sweep.h"
#include "base/dates.h"
#include "base/number.h"
#include "base/parallel.h"
#include "engine/market.h"

enum {
    MOST_CHECKED_VALUES = 10000, /* of an axis, before anything is run */
    SHARE = 3,                   /* of the points of a rung one in so many goes on */
    FEWEST_BARS = 63,            /* of a rung: a quarter of a year of days */
    FEWEST_POINTS = 3            /* of the last rung */
};

/* --- axes --- */

/* Keys that no point can have a value of its own for, and why. */
static const struct {
    const char *key, *reason;
} NOT_SWEPT[] = {
    {"on_bad_data",
     "it decides which rows are read, and all points share one reading; run a sweep for each value"},
    {"signal_prices", "it shapes the prices that all points share; run a sweep for each value"},
    {"benchmark", "it is loaded once for all points; run a sweep for each value"},
    {"max_age_days", "it shapes the columns that all points share; run a sweep for each value"},
    {"lag_days", "it shapes the columns that all points share; run a sweep for each value"},
    {"gap_policy", "it decides which bars there are, and all points share them; run a sweep for each value"},
    {"max_gap_bars",
     "it decides which bars there are, and all points share them; run a sweep for each value"},
    {"point_in_time_universe", "the universe is loaded once for all points; run a sweep for each value"},
    {"periods_per_year",
     "it only changes how results are annualised, not what is traded; give it with --set"},
    {"risk_free_rate", "it only changes the yardstick, not what is traded; give it with --set"},
    {"end_date",
     "it decides how much is read, and all points share one reading; run a sweep for each value, or "
     "`assay walkforward`"},
};

static assay_status refuse_axis(const char *name, const char *value, const char *reason, assay_status status,
                                assay_error *err) {
    if (value == NULL)
        return assay_error_set(err, status, "--axis %s: %s", name, reason);
    return assay_error_set(err, status, "--axis %s, value '%s': %s", name, value, reason);
}

static assay_status try_value(assay_config *scratch, const char *name, const char *text, assay_error *err) {
    assay_error reason = {0};
    assay_status status = assay_config_set(scratch, name, text, &reason);
    return status == ASSAY_OK ? status : refuse_axis(name, text, reason.message, status, err);
}

static assay_status check_axis(const assay_optimizer *o, size_t axis, assay_config *scratch,
                               assay_error *err) {
    const char *name = assay_points_axis_name(o->points, axis);
    for (size_t i = 0; i < sizeof NOT_SWEPT / sizeof *NOT_SWEPT; i++) {
        if (strcmp(name, NOT_SWEPT[i].key) == 0)
            return refuse_axis(name, NULL, NOT_SWEPT[i].reason, ASSAY_E_CONFIG, err);
    }
    char text[128];
    assay_status status = ASSAY_OK;
    if (assay_config_get(scratch, name, text, sizeof text, NULL) != ASSAY_OK) {
        assay_error reason = {0};
        status = assay_config_set(scratch, name, "0", &reason); /* for its message: the nearest name */
        return refuse_axis(name, NULL, status == ASSAY_OK ? "it cannot be swept" : reason.message,
                           ASSAY_E_CONFIG, err);
    }
    uint64_t n = assay_points_axis_count(o->points, axis);
    if (n == 0) {
        for (int end = 0; end <= 1 && status == ASSAY_OK; end++) {
            snprintf(text, sizeof text, "%.17g", assay_points_range_number(o->points, axis, end));
            status = try_value(scratch, name, text, err);
        }
        return status;
    }
    for (uint64_t i = 0; i < n && status == ASSAY_OK; i++) {
        if (i == MOST_CHECKED_VALUES)
            i = n - 1; /* values of steps grow or fall all along: the last is the extreme */
        assay_points_axis_text(o->points, axis, i, text, sizeof text);
        status = try_value(scratch, name, text, err);
    }
    return status;
}

static assay_status check_axes(const assay_optimizer *o, assay_error *err) {
    assay_config *scratch = NULL;
    assay_status status = assay_config_copy(o->base, &scratch, err);
    for (size_t i = 0; i < assay_points_n_axes(o->points) && status == ASSAY_OK; i++) {
        status = check_axis(o, i, scratch, err);
        if (status == ASSAY_OK && o->halving &&
            strcmp(assay_points_axis_name(o->points, i), "start_date") == 0)
            status = refuse_axis("start_date", NULL, "--halving sets it by itself; leave one of them out",
                                 ASSAY_E_CONFIG, err);
    }
    assay_config_destroy(scratch);
    return status;
}

/* --- life --- */

assay_status assay_optimizer_create(const assay_config *base, const assay_optimize_spec *spec,
                                    assay_optimizer **out_optimizer, assay_error *err) {
    *out_optimizer = NULL;
    assay_optimizer *o = calloc(1, sizeof *o);
    if (o == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a sweep");
    o->halving = spec->halving;
    assay_status status = assay_config_copy(base, &o->base, err);
    if (status == ASSAY_OK)
        status = assay_points_create(spec->axes, spec->n_axes, spec->sampling, &o->points, err);
    if (status == ASSAY_OK)
        status = assay_shard_parse(spec->shard, &o->shard, err);
    if (status == ASSAY_OK && assay_points_count(o->points) > ASSAY_OPTIMIZE_MAX_POINTS)
        status = assay_error_set(err, ASSAY_E_CONFIG,
                                 "the axes have %llu points, and a sweep can have %llu: use fewer values, or "
                                 "--sample random:N:SEED",
                                 (unsigned long long)assay_points_count(o->points),
                                 (unsigned long long)ASSAY_OPTIMIZE_MAX_POINTS);
    if (status == ASSAY_OK && o->halving && o->shard.count > 1)
        status =
            assay_error_set(err, ASSAY_E_CONFIG,
                            "--halving compares all points with each other after every rung, which a shard "
                            "cannot; leave --shard or --halving out");
    if (status == ASSAY_OK && assay_shard_size(&o->shard, assay_points_count(o->points)) == 0)
        status = assay_error_set(err, ASSAY_E_CONFIG,
                                 "--shard %s: the plan has %llu points, so this shard has none", spec->shard,
                                 (unsigned long long)assay_points_count(o->points));
    if (status == ASSAY_OK)
        status = check_axes(o, err);
    if (status == ASSAY_OK)
        status = assay_optimizer_read_goals(o, spec, err);
    if (status != ASSAY_OK) {
        assay_optimizer_destroy(o);
        return status;
    }
    *out_optimizer = o;
    return ASSAY_OK;
}

void assay_optimizer_destroy(assay_optimizer *o) {
    if (o == NULL)
        return;
    assay_config_destroy(o->base);
    assay_points_destroy(o->points);
    free(o);
}

uint64_t assay_optimizer_n_points(const assay_optimizer *o) {
    return assay_points_count(o->points);
}

uint64_t assay_optimizer_shard_size(const assay_optimizer *o) {
    return assay_shard_size(&o->shard, assay_points_count(o->points));
}

uint64_t assay_optimizer_shard_point(const assay_optimizer *o, uint64_t j) {
    return assay_shard_point(&o->shard, j);
}

void assay_optimizer_shard(const assay_optimizer *o, uint64_t *out_index, uint64_t *out_count) {
    *out_index = o->shard.index;
    *out_count = o->shard.count;
}

size_t assay_optimizer_n_axes(const assay_optimizer *o) {
    return assay_points_n_axes(o->points);
}

const char *assay_optimizer_axis_name(const assay_optimizer *o, size_t axis) {
    return assay_points_axis_name(o->points, axis);
}

void assay_optimizer_value_text(const assay_optimizer *o, uint64_t point, size_t axis, char *out_text,
                                size_t size) {
    assay_points_value_text(o->points, point, axis, out_text, size);
}

/* --- points --- */

/* The bars of the portfolio, as the engine's market has them. */
static void find_period(const assay_panel *panel, const assay_settings *s, size_t *out_first,
                        size_t *out_after) {
    const int64_t *time = assay_panel_timestamps(panel);
    size_t n = assay_panel_n_bars(panel), first = 0, after = n;
    int64_t end = s->end_date == ASSAY_NO_DATE ? INT64_MAX : s->end_date;
    if (end != INT64_MAX && end % ASSAY_US_PER_DAY == 0)
        end += ASSAY_US_PER_DAY - 1; /* a date means all of its day */
    while (first < n && time[first] < s->start_date)
        first++;
    while (after > first && time[after - 1] > end)
        after--;
    *out_first = first;
    *out_after = after;
}

/* An error that belongs to one point names its values. */
static assay_status refuse_point(const assay_optimizer *o, uint64_t point, assay_status status,
                                 const char *reason, assay_error *err) {
    char values[512] = "", text[128];
    for (size_t i = 0; i < assay_points_n_axes(o->points); i++) {
        size_t used = strlen(values);
        assay_points_value_text(o->points, point, i, text, sizeof text);
        snprintf(values + used, sizeof values - used, "%s%s=%s", i == 0 ? "" : ", ",
                 assay_points_axis_name(o->points, i), text);
    }
    return assay_error_set(err, status, "point %llu (%s): %s", (unsigned long long)point, values, reason);
}

static assay_status set_point(const assay_optimizer *o, uint64_t point, assay_config *config,
                              assay_error *err) {
    assay_error reason = {0};
    assay_status status = ASSAY_OK;
    char text[128];
    for (size_t i = 0; i < assay_points_n_axes(o->points) && status == ASSAY_OK; i++) {
        assay_points_value_text(o->points, point, i, text, sizeof text);
        status = assay_config_set(config, assay_points_axis_name(o->points, i), text, &reason);
    }
    if (status == ASSAY_OK)
        status = assay_config_check(config, &reason);
    return status == ASSAY_OK ? status : refuse_point(o, point, status, reason.message, err);
}

assay_status assay_optimizer_config(const assay_optimizer *o, uint64_t point, assay_config **out_config,
                                    assay_error *err) {
    assay_status status = assay_config_copy(o->base, out_config, err);
    if (status != ASSAY_OK)
        return status;
    status = set_point(o, point, *out_config, err);
    if (status != ASSAY_OK) {
        assay_config_destroy(*out_config);
        *out_config = NULL;
    }
    return status;
}

static assay_status check_period(const assay_optimizer *o, const assay_panel *panel,
                                 const assay_config *config, uint64_t point, assay_error *err) {
    size_t first, after;
    find_period(panel, &config->settings, &first, &after);
    return first < after
               ? ASSAY_OK
               : refuse_point(o, point, ASSAY_E_CONFIG, "no bar of the data lies in its period", err);
}

assay_status assay_optimizer_run(const assay_optimizer *o, const assay_panel *panel, const assay_rung *rung,
                                 const uint64_t *points, size_t n_points, unsigned n_threads,
                                 assay_sweep_progress *progress, void *progress_context, double *out_metrics,
                                 assay_error *err) {
    assay_config **config = calloc(n_points + 1, sizeof *config);
    assay_status status = config == NULL
                              ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu points", n_points)
                              : ASSAY_OK;
    size_t n = 0;
    bool sweeps_start = false;
    for (size_t i = 0; i < assay_points_n_axes(o->points); i++)
        sweeps_start = sweeps_start || strcmp(assay_points_axis_name(o->points, i), "start_date") == 0;
    for (; status == ASSAY_OK && n < n_points; n++) {
        status = assay_optimizer_config(o, points[n], &config[n], err);
        if (status == ASSAY_OK && sweeps_start)
            status = check_period(o, panel, config[n], points[n], err);
        if (status == ASSAY_OK && rung != NULL && rung->start[0] != '\0')
            status = assay_config_set(config[n], "start_date", rung->start, err);
    }
    if (status == ASSAY_OK)
        status = assay_sweep_run(panel, (const assay_config *const *)config, n_points, n_threads, progress,
                                 progress_context, out_metrics, err);
    for (size_t i = 0; config != NULL && i < n; i++)
        assay_config_destroy(config[i]);
    free(config);
    return status;
}

/* --- periods --- */

assay_status assay_optimizer_period(const assay_optimizer *o, const assay_panel *panel, uint64_t point,
                                    assay_period *out_period, assay_error *err) {
    assay_config *config = NULL;
    assay_status status = assay_optimizer_config(o, point, &config, err);
    if (status != ASSAY_OK)
        return status;
    size_t first, after;
    find_period(panel, &config->settings, &first, &after);
    *out_period =
        (assay_period){.n_bars = after - first, .initial_capital = config->settings.initial_capital};
    if (after > first) {
        out_period->start_us = assay_panel_timestamps(panel)[first];
        out_period->end_us = assay_panel_timestamps(panel)[after - 1];
    }
    assay_config_destroy(config);
    return ASSAY_OK;
}

assay_status assay_optimizer_annual(const assay_optimizer *o, const assay_panel *panel, uint64_t point,
                                    double *out_periods, double *out_risk_free, assay_error *err) {
    assay_config *config = NULL;
    assay_market market;
    assay_status status = assay_optimizer_config(o, point, &config, err);
    if (status != ASSAY_OK)
        return status;
    status = assay_market_init(&market, panel, &config->settings, err);
    if (status == ASSAY_OK) {
        *out_periods = assay_market_periods_per_year(&market, &config->settings);
        *out_risk_free = config->settings.risk_free_rate;
        assay_market_reset(&market);
    }
    assay_config_destroy(config);
    return status;
}

/* --- rungs --- */

size_t assay_optimizer_rungs(const assay_optimizer *o, const assay_panel *panel,
                             assay_rung out_rungs[ASSAY_MAX_RUNGS]) {
    uint64_t n_points = assay_optimizer_shard_size(o);
    size_t first, after, n_rungs = 1;
    find_period(panel, &o->base->settings, &first, &after);
    size_t n_bars = after - first;
    uint64_t left = n_points;
    for (size_t bars = n_bars; o->halving && n_rungs < ASSAY_MAX_RUNGS; n_rungs++) {
        left = (left + SHARE - 1) / SHARE;
        bars /= SHARE;
        if (bars < FEWEST_BARS || left < FEWEST_POINTS)
            break;
    }
    size_t bars = n_bars;
    for (size_t r = n_rungs; r-- > 0; bars /= SHARE) {
        out_rungs[r] = (assay_rung){.n_bars = bars};
        if (r + 1 < n_rungs)
            assay_time_format(assay_panel_timestamps(panel)[after - bars], out_rungs[r].start,
                              sizeof out_rungs[r].start);
    }
    for (size_t r = 0; r < n_rungs; r++, n_points = (n_points + SHARE - 1) / SHARE)
        out_rungs[r].n_points = n_points;
    return n_rungs;
}

/* A point with its value, for choosing. */
typedef struct candidate {
    double value; /* the larger, the better; NaN the worst */
    uint64_t point;
} candidate;

static int better_first(const void *a, const void *b) {
    const candidate *x = a, *y = b;
    if (isnan(x->value) != isnan(y->value))
        return isnan(x->value) ? 1 : -1;
    if (x->value > y->value || x->value < y->value)
        return x->value > y->value ? -1 : 1;
    return (x->point > y->point) - (x->point < y->point);
}

static int by_number(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

assay_status assay_optimizer_promote(const assay_optimizer *o, const uint64_t *points, const double *metrics,
                                     size_t n_points, size_t n_wanted, uint64_t *out_points,
                                     assay_error *err) {
    candidate *all = malloc((n_points + 1) * sizeof *all);
    if (all == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu points", n_points);
    double sign = o->objective[0].minimise ? -1.0 : 1.0;
    for (size_t i = 0; i < n_points; i++)
        all[i] = (candidate){.value = sign * metrics[i], .point = points[i]};
    qsort(all, n_points, sizeof *all, better_first);
    for (size_t i = 0; i < n_wanted && i < n_points; i++)
        out_points[i] = all[i].point;
    free(all);
    qsort(out_points, n_wanted < n_points ? n_wanted : n_points, sizeof *out_points, by_number);
    return ASSAY_OK;
}
