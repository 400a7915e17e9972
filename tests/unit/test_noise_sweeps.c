/* The statistics of overfitting against their promise: sweeps over markets of which everything is known.
 *
 * A market of noise is 40 independent symbols whose simple returns have mean zero, overnight and within the bar: prices are
 * martingales, so whatever is bought and sold at them without costs has an expected profit of 0, and a true Sharpe ratio of
 * 0 (returns whose logs have mean zero would give half their variance to whoever holds many of them). A market with an edge
 * differs in one thing: what rose tends to go on. A sweep is the grid of momentum and that of mean reversion; its winner
 * has the highest Sharpe ratio of the points with enough trades. As in `assay optimize`, every point is a trial.
 *
 * With arguments it prints instead of testing (tools/overfitting-experiment): one line of CSV a sweep and grid, with the
 * statistics that need every point's returns.
 *
 *     test_noise_sweeps --csv EDGE none|default FIRST_SEED LAST_SEED
 */
#include "support.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assay/assay_sweep.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "metrics/normal.h"
#include "metrics/overfit.h"

enum {
    N_SWEEPS = 100,
    N_SYMBOLS = 40,
    N_BARS = 1000,
    N_LEVELS = 15, /* of each of the two parameters */
    N_GRID = N_LEVELS * N_LEVELS,
    N_POINTS = 2 * N_GRID, /* momentum, then mean reversion */
    EDGE_BARS = 20,
    MIN_TRADES = 30,
    PBO_BLOCKS = 12,
    N_THREADS = 2
};
#define PERIODS_PER_YEAR 252.0
#define CONFIDENCE 0.95

/* --- markets --- */

static double uniform_inside(assay_rng *rng) { /* never 0 or 1 */
    return ((double)(assay_rng_next(rng) >> 11) + 0.5) * 0x1p-53;
}

/* Student's t with four degrees of freedom, by its quantile (W. Shaw, J. of Computational Finance 9(4), 2006), scaled to
 * variance 1. Its kurtosis is infinite. */
static double fat_tailed(double u) {
    double a = 4 * u * (1 - u);
    double q = cos(acos(sqrt(a)) / 3) / sqrt(a);
    return copysign(sqrt(2 * assay_max(q - 1, 0)), u - 0.5);
}

static bool has_fat_tails(uint64_t seed) {
    return seed % 2 == 0;
}

/* Mean 0 and variance 1. The cut is the same on both sides, so that the mean stays 0. */
static double shock(assay_rng *rng, uint64_t seed) {
    double u = uniform_inside(rng);
    double x = has_fat_tails(seed) ? fat_tailed(u) : assay_normal_quantile(u);
    return assay_min(assay_max(x, -15), 15);
}

/* A quarter of the variance comes overnight. `edge` moves the mean within the bar: that many standard deviations of a bar
 * for each standard deviation that the last EDGE_BARS bars have risen together (at most three of these count). */
static void fill_symbol(matrix_market *m, size_t symbol, assay_rng *rng, uint64_t seed, double edge) {
    double sigma = 0.01 + 0.02 * assay_rng_uniform(rng), close = 10 + 190 * assay_rng_uniform(rng);
    for (size_t t = 0; t < m->n_bars; t++) {
        double risen = 0;
        if (t > EDGE_BARS)
            risen = *market_cell(m, ASSAY_COLUMN_CLOSE, t - 1, symbol) /
                        *market_cell(m, ASSAY_COLUMN_CLOSE, t - 1 - EDGE_BARS, symbol) -
                    1;
        double trend = assay_min(assay_max(risen / (sigma * sqrt((double)EDGE_BARS)), -3), 3);
        double open = close * (1 + 0.5 * sigma * shock(rng, seed));
        close = open * (1 + sigma * (sqrt(0.75) * shock(rng, seed) + edge * trend));
        *market_cell(m, ASSAY_COLUMN_OPEN, t, symbol) = open;
        *market_cell(m, ASSAY_COLUMN_HIGH, t, symbol) = assay_max(open, close);
        *market_cell(m, ASSAY_COLUMN_LOW, t, symbol) = assay_min(open, close);
        *market_cell(m, ASSAY_COLUMN_CLOSE, t, symbol) = close;
        *market_cell(m, ASSAY_COLUMN_VOLUME, t, symbol) = 1e9;
    }
}

static assay_panel *make_market(uint64_t seed, double edge) {
    const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR};
    matrix_market m = empty_market(N_BARS, N_SYMBOLS);
    assay_rng seeds, rng;
    assay_rng_init(&seeds, seed);
    for (size_t s = 0; s < N_SYMBOLS; s++) {
        assay_rng_init(&rng, assay_rng_next(&seeds));
        fill_symbol(&m, s, &rng, seed, edge);
    }
    assay_panel *panel = panel_of_market(&m, &options, N_BARS);
    free_market(&m);
    return panel;
}

/* --- the grid --- */

static void set_number(assay_config *config, const char *key, double value) {
    char text[32];
    assay_error err = {0};
    snprintf(text, sizeof text, "%.10g", value);
    if (assay_config_set(config, key, text, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
}

/* Look-backs 5, 10 … 75; thresholds 0, 1 … 14 % and 0.2, 0.4 … 3 standard deviations. The defaults of both strategies are
 * among them. The short look-backs cannot reach the highest z-scores: those points never trade. */
static assay_config *make_point(size_t point, bool with_costs) {
    assay_error err = {0};
    bool momentum = point < N_GRID;
    const assay_strategy *strategy = assay_strategy_find(momentum ? "momentum" : "mean_reversion", &err);
    const char *const no_costs[] = {"commission_pct", "0", "slippage_model", "none", NULL};
    const char *const defaults[] = {NULL};
    assay_config *config = config_of(strategy, with_costs ? defaults : no_costs);
    size_t row = point % N_GRID / N_LEVELS;
    double level = (double)(point % N_LEVELS);
    set_number(config, "periods_per_year", PERIODS_PER_YEAR);
    set_number(config, "lookback", 5 * ((double)row + 1));
    set_number(config, strategy->params[1].name, momentum ? 0.01 * level : 0.2 * (level + 1));
    return config;
}

/* Points of both strategies with their default parameters: nobody chose them. */
static const size_t unchosen[2] = {3 * N_LEVELS + 10, N_GRID + 3 * N_LEVELS + 9};

/* What is called one sweep: the points of one strategy, or of both. */
typedef struct grid {
    const char *name;
    size_t first, n;
} grid;
enum { MOMENTUM = 0, MEAN_REVERSION = 1, BOTH = 2, N_GRIDS = 3 };
static const grid grids[N_GRIDS] = {
    {"momentum", 0, N_GRID}, {"mean_reversion", N_GRID, N_GRID}, {"both", 0, N_POINTS}};

static void make_points(assay_config **out_configs, bool with_costs) {
    for (size_t i = 0; i < N_POINTS; i++)
        out_configs[i] = make_point(i, with_costs);
}

static void free_points(assay_config **configs) {
    for (size_t i = 0; i < N_POINTS; i++)
        assay_config_destroy(configs[i]);
}

/* --- what a sweep says --- */

typedef struct winner {
    size_t point;                             /* of N_POINTS; N_POINTS: no point has enough trades */
    size_t n_trials, n_sharpes, n_candidates; /* points; with a Sharpe ratio; with enough trades as well */
    double trades;
    assay_moments returns; /* per bar */
    double variance;       /* of the points' Sharpe ratios */
    double psr, dsr;
    double dsr_chance; /* with the variance that chance alone gives a Sharpe ratio */
} winner;

static size_t metric_number(const char *name) {
    size_t i = 0;
    while (strcmp(assay_metric_at(i)->name, name) != 0)
        i++;
    return i;
}

static assay_status add_returns(const assay_panel *panel, const assay_config *config, double *out_returns,
                                size_t stride, assay_error *err) {
    assay_result *result = NULL;
    assay_status status = assay_run(panel, config, ASSAY_KEEP_METRICS, &result, err);
    if (status != ASSAY_OK)
        return status;
    size_t n = 0;
    const assay_snapshot *snapshot = assay_result_snapshots(result, &n);
    for (size_t t = 0; t < n; t++)
        out_returns[t * stride] = snapshot[t].daily_return;
    assay_result_destroy(result);
    return ASSAY_OK;
}

static assay_moments moments_of_point(const assay_panel *panel, const assay_config *config) {
    double returns[N_BARS];
    assay_error err = {0};
    if (add_returns(panel, config, returns, 1, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    return assay_moments_of(returns, N_BARS);
}

static double psr_of(const assay_moments *m, double benchmark) {
    return assay_probabilistic_sharpe(m->sharpe, benchmark, (double)m->n, m->skewness, m->kurtosis);
}

static void sweep_points(const assay_panel *panel, assay_config *const *configs, double *out_metrics) {
    assay_error err = {0};
    for (size_t first = 0; first < N_POINTS; first += N_GRID) {
        if (assay_sweep_run(panel, (const assay_config *const *)configs + first, N_GRID, N_THREADS, NULL,
                            NULL, out_metrics + first * assay_metric_count(), &err) != ASSAY_OK)
            fail_msg("%s", err.message);
    }
}

static double dsr_of(const winner *w, double variance, double n_trials) {
    return psr_of(&w->returns, assay_expected_max_sharpe(variance, n_trials));
}

/* The best of a grid. `metrics`: of all N_POINTS, assay_metric_count() each. */
static winner find_winner(const assay_panel *panel, assay_config *const *configs, const double *metrics,
                          const grid *g) {
    size_t width = assay_metric_count(), sharpe = metric_number("sharpe_arithmetic"),
           trades = metric_number("total_trades");
    winner w = {.point = N_POINTS, .n_trials = g->n};
    double sharpes[N_POINTS];
    for (size_t i = g->first; i < g->first + g->n; i++) {
        const double *row = metrics + i * width;
        sharpes[i - g->first] = row[sharpe] / sqrt(PERIODS_PER_YEAR);
        if (!(row[trades] >= MIN_TRADES && isfinite(row[sharpe])))
            continue;
        w.n_candidates++;
        if (w.point == N_POINTS || row[sharpe] > metrics[w.point * width + sharpe])
            w.point = i;
    }
    w.variance = assay_sharpe_variance(sharpes, g->n, &w.n_sharpes);
    w.trades = w.psr = w.dsr = w.dsr_chance = NO_VALUE;
    w.returns = assay_moments_of(NULL, 0);
    if (w.point == N_POINTS)
        return w;
    w.returns = moments_of_point(panel, configs[w.point]);
    assert_near(w.returns.sharpe, sharpes[w.point - g->first], 1e-9); /* the run has the sweep's */
    w.trades = metrics[w.point * width + trades];
    w.psr = psr_of(&w.returns, 0);
    w.dsr = dsr_of(&w, w.variance, (double)g->n);
    w.dsr_chance = dsr_of(&w, 1 / (double)(w.returns.n - 1), (double)g->n);
    return w;
}

/* --- the tests --- */

/* Of N_SWEEPS sweeps, how many say with CONFIDENCE that there is an edge. */
typedef struct count {
    int psr[N_GRIDS], dsr[N_GRIDS], dsr_chance[N_GRIDS]; /* of the winner */
    int unchosen[2];                                     /* PSR of the default parameters */
} count;

static void add_sweep(count *c, const winner *w, size_t grid_number) {
    assert_true(w->n_candidates > w->n_trials / 2);
    assert_true(w->dsr < w->psr && w->dsr_chance < w->psr);
    c->psr[grid_number] += w->psr > CONFIDENCE;
    c->dsr[grid_number] += w->dsr > CONFIDENCE;
    c->dsr_chance[grid_number] += w->dsr_chance > CONFIDENCE;
}

static count count_sweeps(double edge, bool with_costs) {
    count c = {0};
    assay_config *configs[N_POINTS];
    double *metrics = calloc(N_POINTS * assay_metric_count(), sizeof *metrics);
    assert_non_null(metrics);
    make_points(configs, with_costs);
    for (uint64_t seed = 1; seed <= N_SWEEPS; seed++) {
        assay_panel *panel = make_market(seed, edge);
        sweep_points(panel, configs, metrics);
        for (size_t k = 0; k < N_GRIDS; k++) {
            winner w = find_winner(panel, configs, metrics, &grids[k]);
            add_sweep(&c, &w, k);
        }
        for (size_t k = 0; k < LENGTH(unchosen); k++) {
            assay_moments m = moments_of_point(panel, configs[unchosen[k]]);
            c.unchosen[k] += psr_of(&m, 0) > CONFIDENCE;
        }
        assay_panel_destroy(panel);
    }
    free_points(configs);
    free(metrics);
    for (size_t k = 0; k < N_GRIDS; k++)
        fprintf(stderr, "edge %g, %s costs, %s: PSR %d, DSR %d, DSR by chance %d of %d\n", edge,
                with_costs ? "default" : "no", grids[k].name, c.psr[k], c.dsr[k], c.dsr_chance[k], N_SWEEPS);
    fprintf(stderr, "  not chosen: PSR %d and %d\n", c.unchosen[0], c.unchosen[1]);
    return c;
}

static void assert_not_fooled(const count *c) {
    for (size_t k = 0; k < N_GRIDS; k++) {
        assert_true(c->dsr[k] <= N_SWEEPS / 20);
        assert_true(c->dsr_chance[k] <= N_SWEEPS / 20);
        assert_true(c->psr[k] >= 5 * N_SWEEPS / 20);
    }
    /* Chosen by nobody, a point is above 95 % in one market of twenty: so it is the choice that fools, not the markets. More
     * than 11 of 100 would happen once in 230 times. */
    for (size_t k = 0; k < LENGTH(unchosen); k++)
        assert_true(c->unchosen[k] <= 11 * N_SWEEPS / 100);
}

static void test_noise_without_costs(void **state) {
    (void)state;
    count c = count_sweeps(0, false);
    assert_not_fooled(&c);
    assert_true(c.psr[BOTH] >= N_SWEEPS / 2);
}

static void test_noise_with_default_costs(void **state) {
    (void)state;
    count c = count_sweeps(0, true);
    assert_not_fooled(&c);
}

/* An expected return of 0.05 standard deviations a bar for each that the last 20 bars have risen. Where all points of a grid
 * look for the same thing, the deflated ratio sees it. Together with points that lose by it, the Sharpe ratios differ for
 * another reason than luck, their variance is no measure of luck any more, and the deflated ratio is blind; with the
 * variance that chance alone has it sees. */
static void test_an_edge_is_found(void **state) {
    (void)state;
    count c = count_sweeps(0.05, false);
    assert_true(c.dsr[MOMENTUM] >= 8 * N_SWEEPS / 10);
    assert_true(c.dsr_chance[MOMENTUM] >= 9 * N_SWEEPS / 10);
    assert_true(c.dsr[BOTH] <= N_SWEEPS / 10);
    assert_true(c.dsr_chance[BOTH] >= 9 * N_SWEEPS / 10);
}

/* --- one line of CSV a sweep and grid --- */

typedef struct experiment {
    const assay_panel *panel;
    assay_config *config[N_POINTS];
    double *metrics;
    double returns[N_BARS * N_POINTS]; /* row-major: bars x points */
    double part[N_BARS * N_POINTS];    /* likewise, of one grid */
} experiment;

static assay_status run_point(void *context, unsigned worker, size_t point, assay_error *err) {
    (void)worker;
    experiment *e = context;
    return add_returns(e->panel, e->config[point], e->returns + point, N_POINTS, err);
}

static void print_number(double value) {
    if (isnan(value))
        putchar(',');
    else
        printf(",%.9g", value);
}

static void print_names(void) {
    puts("edge,costs,tails,seed,momentum_sharpe,momentum_psr,mean_reversion_sharpe,mean_reversion_psr,grid,"
         "trials,"
         "sharpes,candidates,strategy,lookback,threshold,trades,sharpe,skewness,kurtosis,variance,expected_"
         "max,psr,"
         "dsr,dsr_chance,correlation,effective_trials,dsr_effective,pbo");
}

static void print_winner(const experiment *e, const grid *g, double correlation, double pbo) {
    winner w = find_winner(e->panel, e->config, e->metrics, g);
    double n_effective = assay_effective_trials((double)g->n, correlation);
    printf(",%s,%zu,%zu,%zu", g->name, w.n_trials, w.n_sharpes, w.n_candidates);
    if (w.point == N_POINTS) {
        printf(",,,");
    } else {
        const double *params = assay_config_params(e->config[w.point]);
        printf(",%s,%g,%g", assay_config_strategy(e->config[w.point])->name, params[0], params[1]);
    }
    const double rest[] = {w.trades,
                           w.returns.sharpe,
                           w.returns.skewness,
                           w.returns.kurtosis,
                           w.variance,
                           assay_expected_max_sharpe(w.variance, (double)g->n),
                           w.psr,
                           w.dsr,
                           w.dsr_chance,
                           correlation,
                           n_effective,
                           dsr_of(&w, w.variance, n_effective),
                           pbo};
    for (size_t i = 0; i < LENGTH(rest); i++)
        print_number(rest[i]);
    putchar('\n');
}

static void print_grid(experiment *e, const grid *g) {
    assay_error err = {0};
    double correlation = NO_VALUE;
    assay_overfitting pbo = {0};
    for (size_t t = 0; t < N_BARS; t++)
        memcpy(e->part + t * g->n, e->returns + t * N_POINTS + g->first, g->n * sizeof *e->part);
    if (assay_average_correlation(e->part, N_BARS, g->n, &correlation, &err) != ASSAY_OK ||
        assay_overfitting_probability(e->part, N_BARS, g->n, PBO_BLOCKS, &pbo, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    print_winner(e, g, correlation, pbo.probability);
}

static void print_market(experiment *e, uint64_t seed, double edge, bool with_costs) {
    assay_error err = {0};
    assay_panel *panel = make_market(seed, edge);
    e->panel = panel;
    sweep_points(panel, e->config, e->metrics);
    if (assay_parallel_for(N_THREADS, N_POINTS, run_point, e, &err) != ASSAY_OK)
        fail_msg("%s", err.message);
    for (size_t k = 0; k < N_GRIDS; k++) {
        printf("%g,%s,%s,%" PRIu64, edge, with_costs ? "default" : "none",
               has_fat_tails(seed) ? "fat" : "normal", seed);
        for (size_t i = 0; i < LENGTH(unchosen); i++) {
            assay_moments m = moments_of_point(panel, e->config[unchosen[i]]);
            print_number(m.sharpe);
            print_number(psr_of(&m, 0));
        }
        print_grid(e, &grids[k]);
    }
    fflush(stdout);
    assay_panel_destroy(panel);
}

static int print_sweeps(char **argument) {
    double edge = strtod(argument[0], NULL);
    bool with_costs = strcmp(argument[1], "default") == 0;
    uint64_t first = strtoull(argument[2], NULL, 10), last = strtoull(argument[3], NULL, 10);
    experiment *e = calloc(1, sizeof *e);
    double *metrics = calloc(N_POINTS * assay_metric_count(), sizeof *metrics);
    assert_true(e != NULL && metrics != NULL);
    e->metrics = metrics;
    make_points(e->config, with_costs);
    print_names();
    for (uint64_t seed = first; seed <= last; seed++)
        print_market(e, seed, edge, with_costs);
    free_points(e->config);
    free(metrics);
    free(e);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_noise_without_costs),
        cmocka_unit_test(test_noise_with_default_costs),
        cmocka_unit_test(test_an_edge_is_found),
    };
    if (argc == 6 && strcmp(argv[1], "--csv") == 0)
        return print_sweeps(argv + 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
