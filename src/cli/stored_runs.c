#include "cli/stored_runs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "base/text.h"

/* Runs a query with one parameter. */
static assay_status query(assay_store *store, const char *sql, const char *param, assay_table **out_table,
                          assay_error *err) {
    return assay_store_sql(store, sql, &param, param == NULL ? 0 : 1, out_table, err);
}

static const char *cell(const assay_table *table, size_t row, size_t column) {
    return table->cells[row * table->n_columns + column];
}

static const char *text_of(const assay_table *table, size_t row, size_t column) {
    const char *text = cell(table, row, column);
    return text == NULL ? "" : text;
}

/* A missing cell, and a text that is no number, are NaN. */
static double number_of(const assay_table *table, size_t row, size_t column) {
    const char *text = cell(table, row, column);
    char *end = NULL;
    double value = text == NULL ? (double)NAN : strtod(text, &end);
    return text == NULL || end == text ? (double)NAN : value;
}

static size_t count_of(const assay_table *table, size_t row, size_t column) {
    double value = number_of(table, row, column);
    return value >= 0.0 && value < 1e15 ? (size_t)value : 0;
}

assay_status cli_has_table(assay_store *store, const char *table, bool *out_has, assay_error *err) {
    assay_table *found = NULL;
    assay_status status = query(store, "SELECT count(*) FROM information_schema.tables WHERE table_name = $1",
                                table, &found, err);
    if (status == ASSAY_OK)
        *out_has = count_of(found, 0, 0) > 0;
    assay_table_destroy(found);
    return status;
}

assay_status cli_stored_run_ids(assay_store *store, cli_names *ids, assay_error *err) {
    bool has_runs = false;
    assay_status status = cli_has_table(store, "backtest_runs", &has_runs, err);
    if (status != ASSAY_OK || !has_runs)
        return status;
    assay_table *table = NULL;
    status = query(
        store,
        "SELECT run_id FROM backtest_runs WHERE run_id IS NOT NULL AND (sweep_id IS NULL OR fold IS NOT NULL "
        "OR warnings IS NOT NULL) ORDER BY timestamp, run_id",
        NULL, &table, err);
    for (size_t i = 0; status == ASSAY_OK && i < table->n_rows; i++) {
        if (!cli_names_add(ids, text_of(table, i, 0), strlen(text_of(table, i, 0))))
            status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the list of runs");
    }
    assay_table_destroy(table);
    return status;
}

assay_status cli_check_stored_run(assay_store *store, const char *run_id, assay_error *err) {
    cli_names ids = {0};
    assay_table *found = NULL;
    const char *nearest = NULL;
    bool has_runs = false, is_there = false;
    assay_status status = cli_has_table(store, "backtest_runs", &has_runs, err);
    if (status == ASSAY_OK && has_runs)
        status = query(store, "SELECT count(*) FROM backtest_runs WHERE run_id = $1", run_id, &found, err);
    is_there = found != NULL && count_of(found, 0, 0) > 0;
    assay_table_destroy(found);
    if (status == ASSAY_OK && !is_there)
        status = cli_stored_run_ids(store, &ids, err);
    for (size_t i = 0; i < ids.n && status == ASSAY_OK; i++)
        nearest = assay_nearer_name(run_id, nearest, ids.name[i]);
    if (status == ASSAY_OK && !is_there) {
        if (ids.n == 0)
            status = assay_error_set(err, ASSAY_E_NOT_FOUND,
                                     "there is no run '%s': the database has no runs yet", run_id);
        else if (nearest != NULL)
            status = assay_error_set(err, ASSAY_E_NOT_FOUND, "there is no run '%s': did you mean '%s'?",
                                     run_id, nearest);
        else
            status = assay_error_set(err, ASSAY_E_NOT_FOUND, "there is no run '%s'; `assay runs` lists them",
                                     run_id);
    }
    cli_names_reset(&ids);
    return status;
}

assay_status cli_stored_file(assay_store *store, const char *run_id, char *out_name, size_t size,
                             assay_error *err) {
    assay_table *t = NULL;
    assay_status status =
        query(store,
              "SELECT sweep_id, warnings FROM backtest_runs WHERE run_id = $1 AND sweep_id IS NOT NULL "
              "AND fold IS NULL",
              run_id, &t, err);
    bool is_point = status == ASSAY_OK && t->n_rows > 0;
    snprintf(out_name, size, "%s", is_point ? text_of(t, 0, 0) : run_id);
    if (is_point && cell(t, 0, 1) == NULL)
        status =
            assay_error_set(err, ASSAY_E_NOT_FOUND,
                            "point %s was stored with its metrics alone, so there are no tables to compare; "
                            "`assay optimize` with a larger --keep best:N stores them",
                            run_id);
    assay_table_destroy(t);
    return status;
}

/* A time as a run's summary has it: midnight is the date alone. */
static void copy_date(const char *text, char *out_text, size_t size) {
    int64_t us = 0;
    if (assay_time_parse(text, &us))
        assay_time_format(us, out_text, size);
    else
        snprintf(out_text, size, "%s", text);
}

/* Names with commas between them, as bits; unknown names (of another version) are passed over. */
static uint32_t warning_bits(const char *names) {
    uint32_t bits = 0;
    for (const char *name = names; *name != '\0';) {
        size_t n = strcspn(name, ",");
        for (uint32_t i = 0; i < ASSAY_N_WARNINGS; i++) {
            const char *known = assay_warning_name(1u << i);
            if (strlen(known) == n && strncmp(known, name, n) == 0)
                bits |= 1u << i;
        }
        name += n + (name[n] == ',');
    }
    return bits;
}

/* --- the parts of a summary --- */

static assay_status read_run(assay_store *store, const char *run_id, assay_run_summary *s,
                             double *out_capital, assay_error *err) {
    assay_table *t = NULL;
    assay_status status = query(store,
                                "SELECT strategy, parameters, start_date, end_date, n_bars, n_symbols, "
                                "data_fingerprint, initial_capital, warnings, delisted_positions, config "
                                "FROM backtest_runs WHERE run_id = $1",
                                run_id, &t, err);
    if (status == ASSAY_OK && t->n_rows == 0)
        status = assay_error_set(err, ASSAY_E_NOT_FOUND, "there is no run '%s'", run_id);
    if (status == ASSAY_OK && cell(t, 0, 10) == NULL)
        status =
            assay_error_set(err, ASSAY_E_DATA,
                            "run '%s' was written by something else than assay, without a configuration; "
                            "`assay runs --format json` shows its row, `assay sql` what else there is",
                            run_id);
    if (status == ASSAY_OK) {
        const char *parameters = text_of(t, 0, 1);
        s->run_id = strdup(run_id);
        s->strategy = strdup(text_of(t, 0, 0));
        s->parameters_json = strdup(parameters[0] == '{' ? parameters : "{}");
        copy_date(text_of(t, 0, 2), s->start_date, sizeof s->start_date);
        copy_date(text_of(t, 0, 3), s->end_date, sizeof s->end_date);
        s->n_bars = count_of(t, 0, 4);
        s->n_symbols = count_of(t, 0, 5);
        snprintf(s->data_fingerprint, sizeof s->data_fingerprint, "%s", text_of(t, 0, 6));
        *out_capital = number_of(t, 0, 7);
        s->has_warnings = cell(t, 0, 8) != NULL;
        s->warnings = warning_bits(text_of(t, 0, 8));
        s->delisted_positions = count_of(t, 0, 9);
        if (s->run_id == NULL || s->strategy == NULL || s->parameters_json == NULL)
            status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a run's summary");
    }
    assay_table_destroy(t);
    return status;
}

/* "pnl:momentum" is a number of the strategy momentum; rows of one strategy stand together. False: it is a metric. */
static assay_status read_strategy_number(assay_run_summary *s, const char *metric, double value,
                                         bool *out_is_one, assay_error *err) {
    const char *colon = strchr(metric, ':');
    *out_is_one = false;
    for (size_t field = 0; colon != NULL && field < ASSAY_N_STRATEGY_FIELDS; field++) {
        const char *name = assay_strategy_field_name(field);
        if (strlen(name) != (size_t)(colon - metric) || strncmp(name, metric, strlen(name)) != 0)
            continue;
        assay_strategy_result *row = s->n_strategies == 0 ? NULL : &s->strategies[s->n_strategies - 1];
        if (row == NULL || strcmp(row->name, colon + 1) != 0)
            row = assay_run_summary_add_strategy(s, colon + 1, strlen(colon + 1));
        if (row == NULL)
            return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a run's strategies");
        assay_strategy_set_field(row, field, value);
        *out_is_one = true;
    }
    return ASSAY_OK;
}

/* In the order of the table of metrics; those that it does not have come behind. */
static assay_status read_metrics(assay_store *store, const char *run_id, assay_run_summary *s,
                                 assay_error *err) {
    assay_table *t = NULL;
    assay_status status =
        query(store, "SELECT metric, value FROM backtest_results WHERE run_id = $1", run_id, &t, err);
    if (status != ASSAY_OK)
        return status;
    s->metrics = calloc(t->n_rows + 1, sizeof *s->metrics);
    bool *is_taken = calloc(t->n_rows + 1, sizeof *is_taken);
    if (s->metrics == NULL || is_taken == NULL)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a run's metrics");
    for (size_t r = 0; r < t->n_rows && status == ASSAY_OK; r++)
        status = read_strategy_number(s, text_of(t, r, 0), number_of(t, r, 1), &is_taken[r], err);
    for (size_t m = 0; m <= assay_run_metric_count() && status == ASSAY_OK; m++) {
        for (size_t r = 0; r < t->n_rows; r++) {
            bool is_rest = m == assay_run_metric_count();
            if (is_taken[r] || (!is_rest && strcmp(text_of(t, r, 0), assay_run_metric_at(m)->name) != 0))
                continue;
            is_taken[r] = true;
            assay_metric_value *value = &s->metrics[s->n_metrics++];
            snprintf(value->name, sizeof value->name, "%s", text_of(t, r, 0));
            value->value = number_of(t, r, 1);
        }
    }
    s->tables[5] = (assay_table_rows){"backtest_results", t->n_rows};
    free(is_taken);
    assay_table_destroy(t);
    return status;
}

static assay_status read_equity(assay_store *store, const char *run_id, double capital, assay_run_summary *s,
                                assay_error *err) {
    assay_table *t = NULL;
    assay_status status = query(
        store, "SELECT total_value FROM backtest_metrics WHERE run_id = $1 ORDER BY date", run_id, &t, err);
    if (status != ASSAY_OK)
        return status;
    s->equity = calloc(t->n_rows + 1, sizeof *s->equity);
    if (s->equity == NULL)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a run's equity");
    if (status == ASSAY_OK && isfinite(capital))
        s->equity[s->n_equity++] = capital;
    for (size_t i = 0; i < t->n_rows && status == ASSAY_OK; i++)
        s->equity[s->n_equity++] = number_of(t, i, 0);
    s->tables[2] = (assay_table_rows){"backtest_metrics", t->n_rows};
    assay_table_destroy(t);
    return status;
}

static assay_status read_counts(assay_store *store, const char *run_id, assay_run_summary *s,
                                assay_error *err) {
    assay_table *t = NULL;
    assay_status status =
        query(store,
              "SELECT (SELECT count(*) FROM backtest_trades WHERE run_id = $1),"
              " (SELECT count(*) FROM backtest_trades WHERE run_id = $1 AND exit_date IS NULL),"
              " (SELECT count(*) FROM backtest_signals WHERE run_id = $1),"
              " (SELECT count(*) FROM backtest_fills WHERE run_id = $1)",
              run_id, &t, err);
    if (status == ASSAY_OK) {
        s->tables[0] = (assay_table_rows){"backtest_runs", 1};
        s->tables[1] = (assay_table_rows){"backtest_trades", count_of(t, 0, 0)};
        s->tables[3] = (assay_table_rows){"backtest_signals", count_of(t, 0, 2)};
        s->tables[4] = (assay_table_rows){"backtest_fills", count_of(t, 0, 3)};
        s->n_open_trades = count_of(t, 0, 1);
    }
    assay_table_destroy(t);
    return status;
}

assay_status cli_stored_summary(assay_store *store, const char *run_id, assay_run_summary *out_summary,
                                assay_error *err) {
    *out_summary = (assay_run_summary){0};
    double capital = (double)NAN;
    assay_status status = cli_check_stored_run(store, run_id, err);
    if (status == ASSAY_OK)
        status = read_run(store, run_id, out_summary, &capital, err);
    if (status == ASSAY_OK)
        status = read_metrics(store, run_id, out_summary, err);
    if (status == ASSAY_OK)
        status = read_equity(store, run_id, capital, out_summary, err);
    if (status == ASSAY_OK)
        status = read_counts(store, run_id, out_summary, err);
    if (status != ASSAY_OK)
        assay_run_summary_reset(out_summary);
    return status;
}

assay_status cli_stored_config(assay_store *store, const char *run_id, char **out_config,
                               char out_fingerprint[33], char out_version[32], assay_error *err) {
    *out_config = NULL;
    assay_status status = cli_check_stored_run(store, run_id, err);
    assay_table *t = NULL;
    if (status == ASSAY_OK)
        status = query(store,
                       "SELECT config, data_fingerprint, assay_version FROM backtest_runs WHERE run_id = $1",
                       run_id, &t, err);
    if (status == ASSAY_OK && (t->n_rows == 0 || cell(t, 0, 0) == NULL))
        status = assay_error_set(err, ASSAY_E_DATA,
                                 "run '%s' was stored without its configuration, so it cannot be run "
                                 "again",
                                 run_id);
    if (status == ASSAY_OK) {
        snprintf(out_fingerprint, 33, "%s", text_of(t, 0, 1));
        snprintf(out_version, 32, "%s", text_of(t, 0, 2));
        *out_config = strdup(text_of(t, 0, 0));
        if (*out_config == NULL)
            status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a configuration");
    }
    assay_table_destroy(t);
    return status;
}
