#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assay/assay_sample.h"
#include "base/dates.h"
#include "base/rng.h"

int64_t day_us(int day) {
    return (18267 + (int64_t)day) * ASSAY_US_PER_DAY;
}

static void check_status(assay_status status, const assay_error *err) {
    if (status != ASSAY_OK)
        fail_msg("%s: %s", assay_status_name(status), err->message);
}

static void *must_have(void *block) {
    if (block == NULL)
        fail_msg("out of memory in a test");
    return block;
}

/* --- panels --- */

assay_panel *panel_of_rows(const price_row *rows, size_t n_rows) {
    assay_panel_builder *builder = NULL;
    assay_error err = {0};
    check_status(assay_panel_builder_create(&builder, &err), &err);
    for (size_t i = 0; i < n_rows; i++) {
        uint32_t id;
        check_status(assay_panel_builder_symbol(builder, rows[i].symbol, strlen(rows[i].symbol), &id, &err),
                     &err);
        int64_t at = day_us(rows[i].day);
        assay_panel_rows block = {
            .n_rows = 1,
            .symbol = &id,
            .timestamp_us = &at,
            .column = {&rows[i].open, &rows[i].high, &rows[i].low, &rows[i].close, &rows[i].volume},
            .dividend = &rows[i].dividend,
            .split_ratio = &rows[i].split};
        check_status(assay_panel_builder_add_rows(builder, &block, &err), &err);
    }
    assay_panel *panel = NULL;
    const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR};
    check_status(assay_panel_builder_finish(builder, &options, &panel, NULL, &err), &err);
    assay_panel_builder_destroy(builder);
    return panel;
}

double *market_cell(const matrix_market *m, int column, size_t bar, size_t symbol) {
    return &m->column[column][bar * m->n_symbols + symbol];
}

static double *make_cells(size_t n) {
    double *cells = must_have(malloc((n + 1) * sizeof *cells));
    for (size_t i = 0; i < n; i++)
        cells[i] = NO_VALUE;
    return cells;
}

matrix_market empty_market(size_t n_bars, size_t n_symbols) {
    matrix_market m = {.n_bars = n_bars, .n_symbols = n_symbols};
    size_t n_cells = n_bars * n_symbols;
    m.timestamp_us = must_have(malloc((n_bars + 1) * sizeof *m.timestamp_us));
    for (size_t t = 0; t < n_bars; t++)
        m.timestamp_us[t] = day_us((int)t);
    m.name = must_have(malloc((n_symbols + 1) * sizeof *m.name));
    for (size_t s = 0; s < n_symbols; s++)
        snprintf(m.name[s], sizeof m.name[s], "S%06u", (unsigned)s);
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
        m.column[c] = make_cells(n_cells);
    m.dividend = make_cells(n_cells);
    m.split = make_cells(n_cells);
    return m;
}

matrix_market copy_market(const matrix_market *m) {
    matrix_market copy = empty_market(m->n_bars, m->n_symbols);
    size_t bytes = m->n_bars * m->n_symbols * sizeof(double);
    memcpy(copy.timestamp_us, m->timestamp_us, m->n_bars * sizeof *copy.timestamp_us);
    memcpy(copy.name, m->name, m->n_symbols * sizeof *copy.name);
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
        memcpy(copy.column[c], m->column[c], bytes);
    memcpy(copy.dividend, m->dividend, bytes);
    memcpy(copy.split, m->split, bytes);
    return copy;
}

void free_market(matrix_market *m) {
    free(m->timestamp_us);
    free(m->name);
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
        free(m->column[c]);
    free(m->dividend);
    free(m->split);
    *m = (matrix_market){0};
}

/* About normal: the sum of twelve uniform numbers less 6. */
static double random_shock(assay_rng *rng) {
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += assay_rng_uniform(rng);
    return sum;
}

static void random_symbol(const random_spec *spec, const matrix_market *m, assay_rng *rng, size_t s) {
    static const double ratios[] = {2, 3, 0.1, 1.5};
    size_t first = 0, last = spec->n_bars - 1;
    if (spec->listings && assay_rng_uniform(rng) < 0.5)
        first = assay_rng_below(rng, spec->n_bars / 2 + 1);
    if (spec->listings && assay_rng_uniform(rng) < 0.4)
        last -= assay_rng_below(rng, spec->n_bars / 3 + 1);
    double price = 5 + 200 * assay_rng_uniform(rng), scale = 0.01 + 0.04 * assay_rng_uniform(rng);
    double volume = 1000 + 100000 * assay_rng_uniform(rng);
    for (size_t t = first; t <= last; t++) {
        double ratio = NO_VALUE;
        if (assay_rng_uniform(rng) < spec->event) {
            ratio = ratios[assay_rng_below(rng, LENGTH(ratios))];
            price /= ratio;
            m->split[t * m->n_symbols + s] = ratio;
        }
        if (assay_rng_uniform(rng) < spec->event)
            m->dividend[t * m->n_symbols + s] = price * 0.02 * assay_rng_uniform(rng);
        double open = price * exp(scale * 0.5 * random_shock(rng));
        double close = open * exp(scale * random_shock(rng));
        double up = exp(scale * assay_rng_uniform(rng)), down = exp(-scale * assay_rng_uniform(rng));
        double traded = floor(volume * (0.5 + assay_rng_uniform(rng)));
        price = close;
        if (t != first && assay_rng_uniform(rng) < spec->gap)
            continue;
        *market_cell(m, ASSAY_COLUMN_OPEN, t, s) = assay_rng_uniform(rng) < 0.02 ? NO_VALUE : open;
        *market_cell(m, ASSAY_COLUMN_HIGH, t, s) = fmax(open, close) * up;
        *market_cell(m, ASSAY_COLUMN_LOW, t, s) = fmin(open, close) * down;
        *market_cell(m, ASSAY_COLUMN_CLOSE, t, s) = close;
        *market_cell(m, ASSAY_COLUMN_VOLUME, t, s) = traded;
    }
}

matrix_market random_market(const random_spec *spec) {
    matrix_market m = empty_market(spec->n_bars, spec->n_symbols);
    assay_rng rng;
    assay_rng_init(&rng, spec->seed);
    int day = 0;
    for (size_t t = 0; t < spec->n_bars; t++) { /* weekends off, now and then a holiday */
        m.timestamp_us[t] = day_us(day);
        day += day % 7 == 4 ? 3 : 1;
        day += assay_rng_uniform(&rng) < 0.03 && day % 7 != 4 ? 1 : 0;
    }
    for (size_t s = 0; s < spec->n_symbols; s++)
        random_symbol(spec, &m, &rng, s);
    return m;
}

assay_panel *panel_of_market(const matrix_market *m, const assay_panel_options *options, size_t n_bars) {
    assay_panel_builder *builder = NULL;
    assay_error err = {0};
    check_status(assay_panel_builder_create(&builder, &err), &err);
    uint32_t *id = must_have(malloc((m->n_symbols + 1) * sizeof *id));
    int64_t *at = must_have(malloc((m->n_symbols + 1) * sizeof *at));
    for (size_t s = 0; s < m->n_symbols; s++)
        check_status(assay_panel_builder_symbol(builder, m->name[s], strlen(m->name[s]), &id[s], &err), &err);
    for (size_t t = 0; t < n_bars; t++) {
        for (size_t s = 0; s < m->n_symbols; s++) {
            size_t i = t * m->n_symbols + s;
            if (isnan(m->column[ASSAY_COLUMN_CLOSE][i]) && isnan(m->split[i]) && isnan(m->dividend[i]))
                continue;
            assay_panel_rows row = {.n_rows = 1,
                                    .symbol = &id[s],
                                    .timestamp_us = &m->timestamp_us[t],
                                    .dividend = &m->dividend[i],
                                    .split_ratio = &m->split[i]};
            for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
                row.column[c] = &m->column[c][i];
            check_status(assay_panel_builder_add_rows(builder, &row, &err), &err);
        }
    }
    assay_panel *panel = NULL;
    const assay_panel_options plain = {.on_bad_data = ASSAY_BAD_DATA_ERROR};
    check_status(assay_panel_builder_finish(builder, options == NULL ? &plain : options, &panel, NULL, &err),
                 &err);
    assay_panel_builder_destroy(builder);
    free(id);
    free(at);
    return panel;
}

assay_panel *panel_of_sample(size_t n_symbols, size_t n_bars, uint64_t seed) {
    assay_sample_spec spec;
    assay_sample_spec_init(&spec);
    spec.seed = seed;
    spec.n_symbols = n_symbols;
    spec.n_bars = n_bars;
    assay_panel_builder *builder = NULL;
    assay_panel *panel = NULL;
    assay_error err = {0};
    const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR};
    check_status(assay_panel_builder_create(&builder, &err), &err);
    check_status(assay_sample_build(&spec, builder, &err), &err);
    check_status(assay_panel_builder_finish(builder, &options, &panel, NULL, &err), &err);
    assay_panel_builder_destroy(builder);
    return panel;
}

/* --- a scripted strategy --- */

static _Thread_local const script_line *script;
static _Thread_local size_t script_length;

void set_script(const script_line *lines, size_t n_lines) {
    script = lines;
    script_length = n_lines;
}

static const assay_signal_kind scripted_kinds[] = {
    {"script_HOLD", ASSAY_ACTION_HOLD, 1, "hold ", 1, 2, ""},
    {"script_BUY", ASSAY_ACTION_BUY, 1, "buy ", 1, 2, ""},
    {"script_SELL", ASSAY_ACTION_SELL, 1, "sell ", 1, 2, ""},
    {"script_INCREASE", ASSAY_ACTION_INCREASE, 1, "increase ", 1, 2, ""},
    {"script_REDUCE", ASSAY_ACTION_REDUCE, 1, "reduce ", 1, 2, ""},
    {"script_TARGET", ASSAY_ACTION_TARGET, 1, "target ", 1, 2, ""},
};

static assay_status scripted_on_bar(void *state, const double *params, const assay_view *view,
                                    assay_signal_sink *sink, assay_error *err) {
    (void)state;
    (void)params;
    for (size_t i = 0; i < script_length; i++) {
        const script_line *line = &script[i];
        if (day_us(line->day) != assay_view_timestamp_us(view))
            continue;
        assay_status status =
            assay_signal_emit(sink, line->symbol, (uint32_t)line->action, line->score, line->score,
                              line->strength == 0 ? 1 : line->strength, line->target, err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

const assay_strategy scripted_strategy = {
    .abi_version = ASSAY_STRATEGY_ABI_VERSION,
    .name = "scripted",
    .summary = "replays a table of signals",
    .kinds = scripted_kinds,
    .n_kinds = LENGTH(scripted_kinds),
    .on_bar = scripted_on_bar,
};

/* --- runs --- */

static void apply(assay_config *config, const char *const *settings) {
    assay_error err = {0};
    for (; *settings != NULL; settings += 2)
        check_status(assay_config_set(config, settings[0], settings[1], &err), &err);
}

assay_config *config_of(const assay_strategy *strategy, const char *const *settings) {
    assay_config *config = NULL;
    assay_error err = {0};
    check_status(assay_config_create(strategy, &config, &err), &err);
    apply(config, settings);
    return config;
}

static assay_result *run_config(const assay_panel *panel, assay_config *config) {
    assay_result *result = NULL;
    assay_error err = {0};
    check_status(assay_run(panel, config, ASSAY_KEEP_ALL, &result, &err), &err);
    assay_config_destroy(config);
    return result;
}

assay_result *run_with(const assay_panel *panel, const assay_strategy *strategy,
                       const char *const *settings) {
    return run_config(panel, config_of(strategy, settings));
}

assay_result *run_scripted(const assay_panel *panel, const char *const *settings) {
    static const char *const free_of_cost[] = {
        "commission_pct", "0", "slippage_model", "none", "max_participation", "0", NULL};
    assay_config *config = config_of(&scripted_strategy, free_of_cost);
    apply(config, settings);
    return run_config(panel, config);
}

#define RECORD_AT(type, name, records)                                                                       \
    type name##_at(const assay_result *result, size_t index) {                                               \
        size_t n;                                                                                            \
        const type *record = records(result, &n);                                                            \
        if (index >= n)                                                                                      \
            fail_msg("there are %zu records of type " #name ", not %zu", n, index + 1);                      \
        return record[index];                                                                                \
    }                                                                                                        \
    size_t n_##name##s(const assay_result *result) {                                                         \
        size_t n;                                                                                            \
        (void)records(result, &n);                                                                           \
        return n;                                                                                            \
    }
RECORD_AT(assay_signal, signal, assay_result_signals)
RECORD_AT(assay_fill, fill, assay_result_fills)
RECORD_AT(assay_trade, trade, assay_result_trades)
RECORD_AT(assay_snapshot, snapshot, assay_result_snapshots)

double metric_of(const assay_result *result, const char *name) {
    for (size_t i = 0; i < assay_metric_count(); i++) {
        if (strcmp(assay_metric_at(i)->name, name) == 0)
            return assay_result_metrics(result)[i];
    }
    fail_msg("no metric %s", name);
    return NO_VALUE;
}

static void same_bytes(const void *a, size_t n_a, const void *b, size_t n_b, size_t size, const char *what) {
    if (n_a != n_b)
        fail_msg("%zu and %zu %s", n_a, n_b, what);
    for (size_t i = 0; i < n_a; i++) {
        if (memcmp((const char *)a + i * size, (const char *)b + i * size, size) != 0)
            fail_msg("record %zu of the %s differs", i, what);
    }
}

#define SAME(records, what)                                                                                  \
    do {                                                                                                     \
        size_t n_a, n_b;                                                                                     \
        const void *ra = records(a, &n_a), *rb = records(b, &n_b);                                           \
        same_bytes(ra, n_a, rb, n_b, sizeof *records(a, &n_a), what);                                        \
    } while (0)

void assert_same_records(const assay_result *a, const assay_result *b) {
    SAME(assay_result_signals, "signals");
    SAME(assay_result_fills, "fills");
    SAME(assay_result_trades, "trades");
    SAME(assay_result_snapshots, "snapshots");
    same_bytes(assay_result_metrics(a), assay_metric_count(), assay_result_metrics(b), assay_metric_count(),
               sizeof(double), "metrics");
}

/* --- comparisons --- */

void check_number(double actual, double expected, double tolerance, const char *what, const char *file,
                  int line) {
    bool same = (isnan(actual) && isnan(expected)) || actual == expected;
    if (!same && tolerance > 0 && isfinite(actual) && isfinite(expected))
        same = fabs(actual - expected) <= tolerance * (expected == 0 ? 1 : fabs(expected));
    if (same)
        return;
    print_error("%s is %.17g, not %.17g (tolerance %g)\n", what, actual, expected, tolerance);
    _fail(file, line);
}

void assert_refused(assay_status status, assay_status expected, const assay_error *err, const char *part) {
    if (status != expected)
        fail_msg("the status is \"%s\" and not \"%s\"", assay_status_name(status),
                 assay_status_name(expected));
    if (strstr(err->message, part) == NULL)
        fail_msg("the message \"%s\" does not say \"%s\"", err->message, part);
}

/* ASSAY_TEST_BLOCKS=1: every block lies in a file, as those of a market that is larger than memory. */
__attribute__((constructor)) static void use_files(void) {
    if (getenv("ASSAY_TEST_BLOCKS") == NULL)
        return;
    assay_memory_count_from(1);
    if (assay_memory_limit(1, NULL, NULL) != ASSAY_OK)
        abort();
}
