#include "cli/runner.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "assay/assay_rule.h"
#include "assay/assay_signals.h"
#include "base/dates.h"
#include "base/hash.h"
#include "base/parallel.h"
#include "cli/columns.h"

bool cli_is_run_id(const char *text) {
    size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return n >= 1 && n <= 128 && text[n] == '\0' && strchr("._-", text[0]) == NULL;
}

static int64_t clock_us(clockid_t id) {
    struct timespec now = {0};
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The index of a choice setting's value: the order of its choices is that of the enum. */
static int choice_of(const assay_config *config, const char *key) {
    char value[64] = "";
    if (assay_config_get(config, key, value, sizeof value, NULL) != ASSAY_OK)
        return 0;
    for (size_t i = 0; i < assay_setting_count(); i++) {
        const assay_setting *setting = assay_setting_at(i);
        if (strcmp(setting->name, key) != 0 || setting->choices == NULL)
            continue;
        const char *choice = setting->choices;
        for (int index = 0;; index++) {
            size_t n = strcspn(choice, "|");
            if (strlen(value) == n && strncmp(choice, value, n) == 0)
                return index;
            if (choice[n] == '\0')
                break;
            choice += n + 1;
        }
    }
    return 0;
}

/* Rows after this are not needed: the end of the day that the period ends on. */
static int64_t end_of_period_us(const assay_config *config) {
    char value[64] = "";
    int64_t end = 0;
    if (assay_config_get(config, "end_date", value, sizeof value, NULL) != ASSAY_OK ||
        !assay_time_parse(value, &end))
        return INT64_MAX;
    if (end % ASSAY_US_PER_DAY != 0)
        return end;
    /* a trading day may end after midnight of UTC */
    int64_t days =
        assay_config_get(config, "session", value, sizeof value, NULL) == ASSAY_OK && value[0] != '\0' ? 2
                                                                                                       : 1;
    return end + days * ASSAY_US_PER_DAY - 1;
}

/* The period, but for what is told apart. */
static int64_t last_needed_us(const cli_request *request) {
    int64_t end = end_of_period_us(request->config);
    return request->read_until_us != 0 && request->read_until_us < end ? request->read_until_us : end;
}

static void report_load(const assay_load_report *report) {
    if (cli_is_quiet())
        return;
    if (report->panel.n_replaced > 0)
        cli_message("%zu rows of prices were replaced by newer rows of the same symbol and time",
                    report->panel.n_replaced);
    if (report->panel.n_dropped > 0)
        cli_message("%zu bad rows of prices were left out (on_bad_data: drop)", report->panel.n_dropped);
    if (report->panel.n_without_close > 0)
        cli_message("%zu rows of prices have no close and count as no bar", report->panel.n_without_close);
}

/* --- what a panel has beside prices --- */

/* How long the symbol of a "SYMBOL=SECTOR" is: symbols may have such a sign themselves (EURUSD=X), sectors have none. */
static size_t symbol_size(const char *pair) {
    return (size_t)(strrchr(pair, '=') - pair);
}

/* The sector of a symbol in the sorted pairs; NULL: none. */
static const char *sector_of(const cli_names *pairs, const char *symbol) {
    size_t size = strlen(symbol), low = 0, high = pairs->n;
    while (low < high) { /* the first pair that does not come before "SYMBOL" */
        size_t middle = (low + high) / 2;
        if (strcmp(pairs->name[middle], symbol) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < pairs->n && strncmp(pairs->name[low], symbol, size) == 0; low++) {
        if (symbol_size(pairs->name[low]) == size)
            return pairs->name[low] + size + 1;
    }
    return NULL;
}

/* Two sectors of one symbol: which of them counts must not be left to the order of a file. */
static assay_status check_sectors(const cli_names *pairs, assay_error *err) {
    for (size_t i = 1; i < pairs->n; i++) {
        const char *a = pairs->name[i - 1], *b = pairs->name[i];
        size_t size = symbol_size(a);
        if (symbol_size(b) == size && strncmp(a, b, size) == 0)
            return assay_error_set(err, ASSAY_E_DATA, "%.*s has two sectors: '%s' and '%s'", (int)size, a,
                                   a + size + 1, b + size + 1);
    }
    return ASSAY_OK;
}

/* The sector of an instrument under any of its names. */
static const char *sector_of_any_name(const assay_store *store, const cli_names *pairs, const char *symbol) {
    const char *found = sector_of(pairs, symbol), *name;
    for (size_t i = 0; found == NULL && (name = assay_store_other_name(store, symbol, i)) != NULL; i++)
        found = sector_of(pairs, name);
    return found;
}

static assay_status set_sectors(const assay_store *store, assay_panel *panel, const cli_names *sectors,
                                assay_error *err) {
    size_t n = assay_panel_n_symbols(panel);
    if (check_sectors(sectors, err) != ASSAY_OK)
        return ASSAY_E_DATA;
    const char **sector = malloc((n + 1) * sizeof *sector);
    if (sector == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the sectors of %zu symbols", n);
    for (size_t s = 0; s < n; s++)
        sector[s] = sector_of_any_name(store, sectors, assay_panel_symbol(panel, s));
    assay_status status = assay_panel_set_sectors(panel, sector, err);
    free(sector);
    return status;
}

static int64_t whole_of(const assay_config *config, const char *key) {
    char value[64] = "";
    return assay_config_get(config, key, value, sizeof value, NULL) == ASSAY_OK ? strtoll(value, NULL, 10)
                                                                                : 0;
}

assay_status cli_load_sectors(assay_store *store, const cli_request *request, assay_panel *panel,
                              assay_error *err) {
    char path[4200];
    cli_names symbols = {0}, sectors = {0};
    assay_status status = ASSAY_OK;
    snprintf(path, sizeof path, "%s/holdings.csv", assay_store_folder(store));
    if (request->sectors.n > 0)
        status = set_sectors(store, panel, &request->sectors, err);
    else if (access(path, R_OK) == 0 &&
             (status = cli_read_holdings(path, &symbols, &sectors, err)) == ASSAY_OK) {
        cli_names_sort(&sectors);
        status = set_sectors(store, panel, &sectors, err);
    }
    cli_names_reset(&symbols);
    cli_names_reset(&sectors);
    return status == ASSAY_OK
               ? assay_store_load_sectors(store, panel, whole_of(request->config, "lag_days"), err)
               : status;
}

static bool is_true(const assay_config *config, const char *key) {
    char value[64] = "";
    return assay_config_get(config, key, value, sizeof value, NULL) == ASSAY_OK && strcmp(value, "true") == 0;
}

static assay_status load_beside(assay_store *store, const cli_request *request, const assay_load_spec *spec,
                                const char *frequency, assay_panel *panel, assay_error *err) {
    char benchmark[64] = "";
    assay_status status = assay_config_get(request->config, "benchmark", benchmark, sizeof benchmark, err);
    if (status == ASSAY_OK && benchmark[0] != '\0')
        status = assay_store_load_benchmark(store, spec, benchmark, panel, err);
    if (status == ASSAY_OK && request->strategies.strategy->needs_sectors)
        status = cli_load_sectors(store, request, panel, err);
    if (status == ASSAY_OK && is_true(request->config, "point_in_time_universe"))
        status = assay_store_load_universe(store, panel, err);
    if (status == ASSAY_OK)
        status = assay_store_load_delistings(store, panel, err);
    return status == ASSAY_OK ? cli_load_columns(store, request, frequency, panel, err) : status;
}

bool cli_has_signals(const assay_strategy *strategy, const assay_panel *panel) {
    assay_signals_report unused;
    return assay_signals_check(strategy, panel, &unused);
}

/* Rows of ready signals that do nothing are said, whatever the reason. */
static void report_signals(const assay_strategy *strategy, const assay_panel *panel) {
    assay_signals_report report;
    if (cli_is_quiet() || !assay_signals_check(strategy, panel, &report))
        return;
    if (report.n_unknown_symbol > 0)
        cli_message("%zu of %zu signals name symbols that the run does not have", report.n_unknown_symbol,
                    report.n_rows);
    if (report.n_without_bar > 0)
        cli_message("%zu of %zu signals fall on bars that their symbols do not have", report.n_without_bar,
                    report.n_rows);
    if (report.n_after_end > 0)
        cli_message("%zu of %zu signals lie behind the data", report.n_after_end, report.n_rows);
}

assay_status cli_load_panel(assay_store *store, const cli_request *request, assay_panel **out_panel,
                            char *out_frequency, size_t frequency_size, assay_error *err) {
    assay_bars_spec bars;
    bool makes_bars = assay_config_bars(request->config, &bars);
    const assay_load_spec spec = {
        .bars = makes_bars ? &bars : NULL,
        .symbols = request->symbols.n == 0 ? NULL : (const char *const *)request->symbols.name,
        .n_symbols = request->symbols.n,
        .end_us = last_needed_us(request),
        .frequency = request->frequency,
        .panel = {.on_bad_data = (assay_bad_data)choice_of(request->config, "on_bad_data"),
                  .signal_prices = (assay_signal_prices)choice_of(request->config, "signal_prices"),
                  .fill_gap_bars = choice_of(request->config, "gap_policy") == 0
                                       ? 0
                                       : (size_t)whole_of(request->config, "max_gap_bars")}};
    if (makes_bars && spec.panel.fill_gap_bars != 0)
        return assay_error_set(
            err, ASSAY_E_CONFIG,
            "gap_policy: forward_fill cannot be had with bars that are made of others: leave one of "
            "them out");
    assay_load_report report = {0};
    cli_progress("loading prices ...");
    assay_status status = assay_store_load_panel(store, &spec, out_panel, &report, err);
    if (status != ASSAY_OK)
        return status;
    report_load(&report);
    snprintf(out_frequency, frequency_size, "%s", report.frequency == NULL ? "" : report.frequency);
    status = load_beside(store, request, &spec, out_frequency, *out_panel, err);
    if (status != ASSAY_OK) {
        assay_panel_destroy(*out_panel);
        *out_panel = NULL;
        return status;
    }
    report_signals(request->strategies.strategy, *out_panel);
    return ASSAY_OK;
}

void cli_name_for_id(const char *strategy, char *out_text, size_t size) {
    size_t n = 0;
    for (; strategy[n] != '\0' && n + 1 < size; n++) {
        char c = strategy[n];
        bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                    c == '-';
        out_text[n] = fits ? c : '-';
    }
    out_text[n] = '\0';
    if (out_text[0] == '_' || out_text[0] == '-')
        out_text[0] = 'x';
}

/* STRATEGY- and 12 hex digits of what the run was made from. */
static void name_run(cli_run *run, const assay_panel *panel, const char *strategy) {
    char fingerprint[33], hex[33], name[101];
    cli_name_for_id(strategy, name, sizeof name);
    assay_panel_fingerprint(panel, fingerprint);
    assay_hash hash;
    assay_hash_init(&hash);
    assay_hash_add(&hash, fingerprint, 32);
    assay_hash_add(&hash, run->config_json, strlen(run->config_json));
    assay_hash_hex(&hash, hex);
    snprintf(run->run_id, sizeof run->run_id, "%.100s-%.12s", name, hex);
}

typedef struct run_batch {
    const cli_request *requests;
    cli_run *runs;
    const char *frequency;
} run_batch;

assay_status cli_run_panel(const cli_request *request, const char *frequency, cli_run *run,
                           assay_error *err) {
    int64_t begin = clock_us(CLOCK_MONOTONIC);
    assay_status status =
        assay_report_config_json(request->config, cli_universe(request),
                                 frequency[0] == '\0' ? NULL : frequency, &run->config_json, err);
    if (status == ASSAY_OK)
        status = assay_report_parameters_json(request->config, &run->parameters_json, err);
    if (status == ASSAY_OK)
        status = assay_run(run->panel, request->config, ASSAY_KEEP_ALL, &run->result, err);
    if (status == ASSAY_OK && !request->few_metrics)
        status = assay_result_analyse(run->result, 0, err);
    if (status == ASSAY_OK)
        name_run(run, run->panel, assay_config_strategy(request->config)->name);
    run->duration_ms = (clock_us(CLOCK_MONOTONIC) - begin) / 1000;
    return status;
}

/* Run number `unit` of a batch, on any thread. */
static assay_status run_one(void *context, unsigned worker, size_t unit, assay_error *err) {
    const run_batch *batch = context;
    (void)worker;
    return cli_run_panel(&batch->requests[unit], batch->frequency, &batch->runs[unit], err);
}

static void note_column(void *context, const char *name) {
    (void)name;
    *(bool *)context = false;
}

/* Whether a strategy reads more than prices: then its panel has more, and another fingerprint. */
static bool reads_prices_alone(const assay_strategy *strategy) {
    bool is_alone = !strategy->needs_sectors;
    return assay_strategy_columns(strategy, note_column, &is_alone, NULL) == ASSAY_OK && is_alone;
}

/* One panel for all that read prices alone, one for each of the others. */
static assay_status load_panels(assay_store *store, const cli_request *requests, size_t n, cli_run *runs,
                                char *out_frequency, size_t frequency_size, assay_error *err) {
    assay_panel *shared = NULL;
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        bool plain = reads_prices_alone(requests[i].strategies.strategy);
        if (plain && shared != NULL) {
            runs[i].panel = shared;
            continue;
        }
        status = cli_load_panel(store, &requests[i], &runs[i].panel, out_frequency, frequency_size, err);
        runs[i].owns_panel = status == ASSAY_OK;
        shared = plain ? runs[i].panel : shared;
    }
    return status;
}

assay_status cli_run_several(assay_store *store, const cli_request *requests, size_t n, unsigned n_threads,
                             cli_run *out_runs, assay_error *err) {
    char frequency[64];
    int64_t begin = clock_us(CLOCK_MONOTONIC), timestamp = clock_us(CLOCK_REALTIME);
    for (size_t i = 0; i < n; i++)
        out_runs[i] = (cli_run){.timestamp_us = timestamp};
    assay_status status = load_panels(store, requests, n, out_runs, frequency, sizeof frequency, err);
    int64_t loading_ms = (clock_us(CLOCK_MONOTONIC) - begin) / 1000;
    if (status == ASSAY_OK) {
        run_batch batch = {requests, out_runs, frequency};
        cli_progress("running ...");
        status = assay_parallel_for(n_threads, n, run_one, &batch, err);
    }
    for (size_t i = n; status != ASSAY_OK && i-- > 0;)
        cli_run_reset(&out_runs[i]);
    for (size_t i = 0; i < n; i++)
        out_runs[i].duration_ms += loading_ms;
    return status;
}

assay_status cli_run_execute(assay_store *store, const cli_request *request, cli_run *out_run,
                             assay_error *err) {
    return cli_run_several(store, request, 1, 1, out_run, err);
}

void cli_run_reset(cli_run *run) {
    assay_result_destroy(run->result);
    if (run->owns_panel)
        assay_panel_destroy(run->panel);
    free(run->config_json);
    free(run->parameters_json);
    *run = (cli_run){0};
}

assay_status cli_run_store(assay_store *store, const cli_run *run, const char *run_id, assay_error *err) {
    const assay_run_info info = {.run_id = run_id,
                                 .timestamp_us = run->timestamp_us,
                                 .parameters_json = run->parameters_json,
                                 .config_json = run->config_json,
                                 .duration_ms = run->duration_ms,
                                 .sweep_id = NULL,
                                 .fold = -1};
    cli_progress("writing tables ...");
    return assay_store_write_run(store, &info, run->result, err);
}
