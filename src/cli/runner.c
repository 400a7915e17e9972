#include "cli/runner.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/dates.h"
#include "base/hash.h"
#include "base/parallel.h"

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
static int64_t last_needed_us(const assay_config *config) {
    char value[64] = "";
    int64_t end = 0;
    if (assay_config_get(config, "end_date", value, sizeof value, NULL) != ASSAY_OK ||
        !assay_time_parse(value, &end))
        return INT64_MAX;
    return end % ASSAY_US_PER_DAY == 0 ? end + (ASSAY_US_PER_DAY - 1) : end;
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

assay_status cli_load_panel(assay_store *store, const cli_request *request, assay_panel **out_panel,
                            char *out_frequency, size_t frequency_size, assay_error *err) {
    const assay_load_spec spec = {
        .symbols = request->symbols.n == 0 ? NULL : (const char *const *)request->symbols.name,
        .n_symbols = request->symbols.n,
        .end_us = last_needed_us(request->config),
        .frequency = request->frequency,
        .panel = {.on_bad_data = (assay_bad_data)choice_of(request->config, "on_bad_data"),
                  .signal_prices = (assay_signal_prices)choice_of(request->config, "signal_prices")}};
    assay_load_report report = {0};
    cli_progress("loading prices ...");
    assay_status status = assay_store_load_panel(store, &spec, out_panel, &report, err);
    if (status != ASSAY_OK)
        return status;
    report_load(&report);
    snprintf(out_frequency, frequency_size, "%s", report.frequency == NULL ? "" : report.frequency);
    return ASSAY_OK;
}

/* STRATEGY- and 12 hex digits of what the run was made from. */
static void name_run(cli_run *run, const assay_panel *panel, const char *strategy) {
    char fingerprint[33], hex[33];
    assay_panel_fingerprint(panel, fingerprint);
    assay_hash hash;
    assay_hash_init(&hash);
    assay_hash_add(&hash, fingerprint, 32);
    assay_hash_add(&hash, run->config_json, strlen(run->config_json));
    assay_hash_hex(&hash, hex);
    snprintf(run->run_id, sizeof run->run_id, "%.100s-%.12s", strategy, hex);
}

typedef struct run_batch {
    const cli_request *requests;
    cli_run *runs;
    assay_panel *panel;
    const char *frequency;
} run_batch;

/* Run number `unit` of a batch, on any thread. */
static assay_status run_one(void *context, unsigned worker, size_t unit, assay_error *err) {
    const run_batch *batch = context;
    const cli_request *request = &batch->requests[unit];
    cli_run *run = &batch->runs[unit];
    int64_t begin = clock_us(CLOCK_MONOTONIC);
    (void)worker;
    assay_status status = assay_report_config_json(
        request->config, (const char *const *)request->symbols.name, request->symbols.n,
        batch->frequency[0] == '\0' ? NULL : batch->frequency, &run->config_json, err);
    if (status == ASSAY_OK)
        status = assay_report_parameters_json(request->config, &run->parameters_json, err);
    if (status == ASSAY_OK)
        status = assay_run(batch->panel, request->config, ASSAY_KEEP_ALL, &run->result, err);
    if (status == ASSAY_OK)
        name_run(run, batch->panel, assay_config_strategy(request->config)->name);
    run->duration_ms = (clock_us(CLOCK_MONOTONIC) - begin) / 1000;
    return status;
}

assay_status cli_run_several(assay_store *store, const cli_request *requests, size_t n, unsigned n_threads,
                             cli_run *out_runs, assay_error *err) {
    char frequency[64];
    int64_t begin = clock_us(CLOCK_MONOTONIC), timestamp = clock_us(CLOCK_REALTIME);
    for (size_t i = 0; i < n; i++)
        out_runs[i] = (cli_run){.timestamp_us = timestamp};
    assay_status status =
        cli_load_panel(store, &requests[0], &out_runs[0].panel, frequency, sizeof frequency, err);
    int64_t loading_ms = (clock_us(CLOCK_MONOTONIC) - begin) / 1000;
    if (status == ASSAY_OK) {
        run_batch batch = {requests, out_runs, out_runs[0].panel, frequency};
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
