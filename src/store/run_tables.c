/* The six result tables of a run as rows for DuckDB.
 *
 * One table is a list of columns, and a function that fills one column of up to 2048 rows. Texts that repeat (symbols,
 * names of actions, the run's parameters) are made once and copied as 16-byte string structs; only reasons are made row by row.
 * Columns come in the order of docs/database.md: the brief's first.
 */
#include "run_tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the rows' texts --- */

void assay_run_rows_reset(assay_run_rows *rows) {
    free(rows->symbol);
    free(rows->symbol_name);
    *rows = (assay_run_rows){0};
}

static void list_warnings(uint32_t bits, char *out_text, size_t size) {
    size_t used = 0;
    out_text[0] = '\0';
    for (uint32_t i = 0; i < ASSAY_N_WARNINGS; i++) {
        if ((bits & (1U << i)) != 0 && used < size) {
            int n = snprintf(out_text + used, size - used, "%s%s", used == 0 ? "" : ",",
                             assay_warning_name(1U << i));
            used += n > 0 ? (size_t)n : 0;
        }
    }
}

/* Columns of backtest_signals whose numbers have names. */
static const struct {
    size_t signal_column;
    const char *(*name)(int);
} enumerations[ASSAY_N_ENUMS] = {
    {3, assay_action_name}, {10, assay_signal_status_name}, {11, assay_outcome_name}};

static void list_enum_names(assay_run_rows *rows) {
    for (size_t i = 0; i < ASSAY_N_ENUMS; i++) {
        size_t n = 0;
        while (n < ASSAY_MOST_ENUM_NAMES && strcmp(enumerations[i].name((int)n), "?") != 0) {
            rows->enum_name[i][n] = enumerations[i].name((int)n);
            n++;
        }
        rows->n_enum_names[i] = n;
    }
}

/* The code of a kind's signal_type among the distinct ones. */
static void name_kind(assay_run_rows *rows, uint32_t kind) {
    const char *name = rows->strategy->kinds[kind].signal_type;
    uint32_t code = 0;
    while (code < rows->n_kind_names && strcmp(rows->kind_name[code], name) != 0) {
        code++;
    }
    rows->kind_code[kind] = code;
    if (code == rows->n_kind_names) {
        rows->kind_name[rows->n_kind_names++] = name;
    }
}

/* Of strategies that share a book all but the last two, which sleeves alone have. */
static size_t count_fields(const assay_strategy_result *row) {
    size_t n = ASSAY_N_STRATEGY_FIELDS;
    while (n > 0 && isnan(assay_strategy_field(row, n - 1))) {
        n--;
    }
    return n;
}

assay_status assay_run_rows_init(assay_run_rows *rows, const assay_run_info *info, const assay_result *result,
                                 assay_error *err) {
    const assay_config *config = assay_result_config(result);
    char text[64];
    *rows = (assay_run_rows){.info = info, .result = result, .panel = assay_result_panel(result)};
    rows->strategy = assay_config_strategy(config);
    rows->time = assay_panel_timestamps(rows->panel);
    rows->signal = assay_result_signals(result, &rows->n_signals);
    rows->fill = assay_result_fills(result, &rows->n_fills);
    rows->trade = assay_result_trades(result, &rows->n_trades);
    rows->snapshot = assay_result_snapshots(result, &rows->n_snapshots);
    rows->run_id = assay_row_text(info->run_id);
    rows->parameters = assay_row_text(info->parameters_json);
    const assay_strategy_result *by_strategy = assay_result_strategies(result, &rows->n_strategies);
    if (rows->n_strategies > 1) {
        rows->by_strategy = by_strategy;
        rows->n_by_strategy = rows->n_strategies;
        rows->n_strategy_fields = count_fields(by_strategy);
    }
    for (size_t i = 0; i < rows->n_strategies && i <= ASSAY_MAX_MEMBERS; i++) {
        rows->strategy_name[i] = assay_result_strategy_name(result, i);
    }
    for (uint32_t i = 0; i < rows->strategy->n_kinds && i < ASSAY_MAX_KINDS; i++) {
        rows->kind[i] = assay_row_text(rows->strategy->kinds[i].signal_type);
        name_kind(rows, i);
    }
    list_enum_names(rows);
    size_t n_symbols = assay_panel_n_symbols(rows->panel);
    rows->symbol = malloc((n_symbols + 1) * sizeof *rows->symbol);
    rows->symbol_name = malloc((n_symbols + 1) * sizeof *rows->symbol_name);
    if (rows->symbol == NULL || rows->symbol_name == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while writing the run %s", info->run_id);
    }
    for (size_t i = 0; i < n_symbols; i++) {
        rows->symbol_name[i] = assay_panel_symbol(rows->panel, i);
        rows->symbol[i] = assay_row_text(rows->symbol_name[i]);
    }
    assay_panel_fingerprint(rows->panel, rows->fingerprint);
    list_warnings(assay_result_warnings(result), rows->warnings, sizeof rows->warnings);
    assay_status status = assay_config_get(config, "initial_capital", text, sizeof text, err);
    rows->initial_capital = status == ASSAY_OK ? strtod(text, NULL) : 0;
    return status;
}

/* --- filling --- */

static void put_reason(const assay_run_rows *rows, const assay_signal *signal, duckdb_vector vector,
                       size_t row) {
    char text[256];
    assay_signal_reason(rows->strategy, signal, text, sizeof text);
    duckdb_vector_assign_string_element_len(vector, row, text, strlen(text));
}

/* --- backtest_signals --- */

static const assay_row_column signal_columns[] = {
    {"run_id", TEXT},
    {"timestamp", TIME},
    {"symbol", TEXT},
    {"action", TEXT},
    {"signal_type", TEXT},
    {"strength", NUMBER},
    {"target_position", NUMBER},
    {"reason", TEXT},
    {"parameters", TEXT},
    {"score", NUMBER},
    {"status", TEXT},
    {"outcome", TEXT},
    {"strategy", TEXT},
    {"order_quantity", NUMBER},
};

static bool fill_signals(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    const assay_run_rows *rows = context;
    const assay_signal *signal = rows->signal + first;
    void *data = duckdb_vector_get_data(vector);
    double *number = data;
    int64_t *time = data;
    switch (column) {
    case 1:
        EACH_ROW time[i] = rows->time[signal[i].bar];
        break;
    case 5:
        EACH_ROW number[i] = signal[i].strength;
        break;
    case 6:
        EACH_ROW number[i] = signal[i].target_position;
        break;
    case 9:
        EACH_ROW number[i] = signal[i].score;
        break;
    case 13:
        EACH_ROW number[i] = signal[i].order_quantity;
        break;
    default:
        EACH_ROW put_reason(rows, &signal[i], vector, i);
        break;
    }
    return true;
}

static const char *const *signal_names(const void *context, size_t column, size_t *out_n_names) {
    const assay_run_rows *rows = context;
    for (size_t i = 0; i < ASSAY_N_ENUMS; i++) {
        if (enumerations[i].signal_column == column) {
            *out_n_names = rows->n_enum_names[i];
            return rows->enum_name[i];
        }
    }
    switch (column) {
    case 0:
        *out_n_names = 1;
        return &rows->info->run_id;
    case 2:
        *out_n_names = assay_panel_n_symbols(rows->panel);
        return rows->symbol_name;
    case 4:
        *out_n_names = rows->n_kind_names;
        return rows->kind_name;
    case 8:
        *out_n_names = 1;
        return &rows->info->parameters_json;
    case 12:
        *out_n_names = rows->n_strategies;
        return rows->strategy_name;
    default:
        return NULL;
    }
}

static void signal_codes(const void *context, size_t column, size_t first, size_t n, uint32_t *out_code) {
    const assay_run_rows *rows = context;
    const assay_signal *signal = rows->signal + first;
    switch (column) {
    case 2:
        EACH_ROW out_code[i] = signal[i].symbol;
        break;
    case 3:
        EACH_ROW out_code[i] = signal[i].action;
        break;
    case 4:
        EACH_ROW out_code[i] = rows->kind_code[signal[i].kind];
        break;
    case 10:
        EACH_ROW out_code[i] = signal[i].status;
        break;
    case 11:
        EACH_ROW out_code[i] = signal[i].outcome;
        break;
    case 12:
        EACH_ROW out_code[i] = signal[i].strategy;
        break;
    default:
        EACH_ROW out_code[i] = 0;
        break;
    }
}

/* --- backtest_fills --- */

static const assay_row_column fill_columns[] = {
    {"run_id", TEXT},       {"order_id", WHOLE},  {"timestamp", TIME}, {"symbol", TEXT},
    {"side", TEXT},         {"quantity", NUMBER}, {"price", NUMBER},   {"reference_price", NUMBER},
    {"commission", NUMBER}, {"slippage", NUMBER}, {"kind", TEXT},      {"strategy", TEXT},
};

static bool fill_fills(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    const assay_run_rows *rows = context;
    const assay_fill *fill = rows->fill + first;
    void *data = duckdb_vector_get_data(vector);
    duckdb_string_t *text = data;
    double *number = data;
    int64_t *whole = data;
    switch (column) {
    case 0:
        EACH_ROW text[i] = rows->run_id;
        break;
    case 1:
        EACH_ROW whole[i] = (int64_t)fill[i].order_id;
        break;
    case 2:
        EACH_ROW whole[i] = rows->time[fill[i].bar];
        break;
    case 3:
        EACH_ROW text[i] = rows->symbol[fill[i].symbol];
        break;
    case 4:
        EACH_ROW text[i] = assay_row_text(assay_side_name(fill[i].side));
        break;
    case 5:
        EACH_ROW number[i] = fill[i].quantity;
        break;
    case 6:
        EACH_ROW number[i] = fill[i].price;
        break;
    case 7:
        EACH_ROW number[i] = fill[i].reference_price;
        break;
    case 8:
        EACH_ROW number[i] = fill[i].commission;
        break;
    case 9:
        EACH_ROW number[i] = fill[i].slippage;
        break;
    case 10:
        EACH_ROW text[i] = assay_row_text(assay_fill_kind_name(fill[i].kind));
        break;
    default:
        EACH_ROW text[i] = assay_row_text(rows->strategy_name[fill[i].strategy]);
        break;
    }
    return true;
}

/* --- backtest_trades --- */

static const assay_row_column trade_columns[] = {
    {"run_id", TEXT},        {"trade_id", TEXT},      {"symbol", TEXT},       {"entry_date", TIME},
    {"exit_date", TIME},     {"entry_price", NUMBER}, {"exit_price", NUMBER}, {"quantity", NUMBER},
    {"pnl", NUMBER},         {"pnl_pct", NUMBER},     {"signal_type", TEXT},  {"direction", TEXT},
    {"entry_value", NUMBER}, {"exit_value", NUMBER},  {"commission", NUMBER}, {"slippage", NUMBER},
    {"dividends", NUMBER},   {"bars_held", WHOLE},    {"mae_pct", NUMBER},    {"mfe_pct", NUMBER},
    {"entry_reason", TEXT},  {"exit_reason", TEXT},   {"status", TEXT},       {"strategy", TEXT},
};

static void put_trade_id(duckdb_vector vector, size_t row, size_t number) {
    char text[24];
    int size = snprintf(text, sizeof text, "%08zu", number);
    duckdb_vector_assign_string_element_len(vector, row, text, (idx_t)size);
}

/* Why a trade ended: its closing signal's reason, or what closed it where that was no signal; open: NULL. */
static void put_exit_reason(const assay_run_rows *rows, const assay_trade *trade, duckdb_vector vector,
                            size_t row) {
    if (trade->is_open != 0) {
        assay_row_set_null(vector, row);
    } else if (trade->exit_signal != ASSAY_NO_SIGNAL && trade->exit_signal < rows->n_signals) {
        put_reason(rows, &rows->signal[trade->exit_signal], vector, row);
    } else {
        bool left = trade->exit_kind <= ASSAY_FILL_MARKET_CLOSE; /* an order that no signal made */
        const char *kind = left ? "universe" : assay_fill_kind_name(trade->exit_kind);
        duckdb_vector_assign_string_element_len(vector, row, kind, strlen(kind));
    }
}

/* What nobody ordered and is held all the same. */
static const char came_without_signal[] = "spin_off";

static bool has_entry_signal(const assay_run_rows *rows, const assay_trade *trade) {
    return trade->entry_signal != ASSAY_NO_SIGNAL && trade->entry_signal < rows->n_signals;
}

static void put_entry_reason(const assay_run_rows *rows, const assay_trade *trade, duckdb_vector vector,
                             size_t row) {
    if (has_entry_signal(rows, trade)) {
        put_reason(rows, &rows->signal[trade->entry_signal], vector, row);
    } else if (trade->entry_signal == ASSAY_NO_SIGNAL) {
        duckdb_vector_assign_string_element(vector, row, came_without_signal);
    } else {
        assay_row_set_null(vector, row);
    }
}

static void fill_trade_texts(const assay_run_rows *rows, size_t column, size_t first, size_t n,
                             duckdb_vector vector) {
    const assay_trade *trade = rows->trade + first;
    duckdb_string_t *text = duckdb_vector_get_data(vector);
    const duckdb_string_t empty = assay_row_text("");
    switch (column) {
    case 0:
        EACH_ROW text[i] = rows->run_id;
        break;
    case 1:
        EACH_ROW put_trade_id(vector, i, first + i + 1);
        break;
    case 2:
        EACH_ROW text[i] = rows->symbol[trade[i].symbol];
        break;
    case 10:
        EACH_ROW text[i] = has_entry_signal(rows, &trade[i])
                               ? rows->kind[rows->signal[trade[i].entry_signal].kind]
                           : trade[i].entry_signal == ASSAY_NO_SIGNAL ? assay_row_text(came_without_signal)
                                                                      : empty;
        break;
    case 11:
        EACH_ROW text[i] = assay_row_text(trade[i].direction > 0 ? "long" : "short");
        break;
    case 20:
        EACH_ROW put_entry_reason(rows, &trade[i], vector, i);
        break;
    case 21:
        EACH_ROW put_exit_reason(rows, &trade[i], vector, i);
        break;
    case 22:
        EACH_ROW text[i] = assay_row_text(trade[i].is_open != 0 ? "open" : "closed");
        break;
    default:
        EACH_ROW text[i] = assay_row_text(rows->strategy_name[trade[i].strategy]);
        break;
    }
}

static bool fill_trades(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    const assay_run_rows *rows = context;
    const assay_trade *trade = rows->trade + first;
    void *data = duckdb_vector_get_data(vector);
    double *number = data;
    int64_t *whole = data;
    switch (column) {
    case 3:
        EACH_ROW whole[i] = rows->time[trade[i].entry_bar];
        break;
    case 4:
        EACH_ROW {
            whole[i] = rows->time[trade[i].exit_bar];
            if (trade[i].is_open != 0) {
                assay_row_set_null(vector, i);
            }
        }
        break;
    case 5:
        EACH_ROW number[i] = trade[i].entry_price;
        break;
    case 6:
        EACH_ROW number[i] = trade[i].exit_price;
        break;
    case 7:
        EACH_ROW number[i] = trade[i].quantity;
        break;
    case 8:
        EACH_ROW number[i] = trade[i].pnl;
        break;
    case 9:
        EACH_ROW number[i] = trade[i].pnl_pct;
        break;
    case 12:
        EACH_ROW number[i] = trade[i].entry_value;
        break;
    case 13:
        EACH_ROW number[i] = trade[i].exit_value;
        break;
    case 14:
        EACH_ROW number[i] = trade[i].commission;
        break;
    case 15:
        EACH_ROW number[i] = trade[i].slippage;
        break;
    case 16:
        EACH_ROW number[i] = trade[i].dividends;
        break;
    case 17:
        EACH_ROW whole[i] = trade[i].bars_held;
        break;
    case 18:
        EACH_ROW number[i] = trade[i].mae_pct;
        break;
    case 19:
        EACH_ROW number[i] = trade[i].mfe_pct;
        break;
    default:
        fill_trade_texts(rows, column, first, n, vector);
        break;
    }
    return true;
}

/* --- backtest_metrics: one row a bar --- */

static const assay_row_column snapshot_columns[] = {
    {"run_id", TEXT},           {"date", TIME},
    {"total_value", NUMBER},    {"cash", NUMBER},
    {"leverage", NUMBER},       {"num_positions", WHOLE},
    {"concentration", NUMBER},  {"gross_value", NUMBER},
    {"net_exposure", NUMBER},   {"max_position_size", NUMBER},
    {"daily_return", NUMBER},   {"cumulative_return", NUMBER},
    {"drawdown", NUMBER},       {"turnover", NUMBER},
    {"stale_positions", WHOLE}, {"receivable", NUMBER},
};

static bool fill_snapshots(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    const assay_run_rows *rows = context;
    const assay_snapshot *snapshot = rows->snapshot + first;
    void *data = duckdb_vector_get_data(vector);
    duckdb_string_t *text = data;
    double *number = data;
    int64_t *whole = data;
    switch (column) {
    case 0:
        EACH_ROW text[i] = rows->run_id;
        break;
    case 1:
        EACH_ROW whole[i] = rows->time[snapshot[i].bar];
        break;
    case 2:
        EACH_ROW number[i] = snapshot[i].total_value;
        break;
    case 3:
        EACH_ROW number[i] = snapshot[i].cash;
        break;
    case 4:
        EACH_ROW number[i] = snapshot[i].leverage;
        break;
    case 5:
        EACH_ROW whole[i] = snapshot[i].num_positions;
        break;
    case 6:
        EACH_ROW number[i] = snapshot[i].concentration;
        break;
    case 7:
        EACH_ROW number[i] = snapshot[i].gross_value;
        break;
    case 8:
        EACH_ROW number[i] = snapshot[i].net_exposure;
        break;
    case 9:
        EACH_ROW number[i] = snapshot[i].max_position_size;
        break;
    case 10:
        EACH_ROW number[i] = snapshot[i].daily_return;
        break;
    case 11:
        EACH_ROW number[i] = snapshot[i].cumulative_return;
        break;
    case 12:
        EACH_ROW number[i] = snapshot[i].drawdown;
        break;
    case 13:
        EACH_ROW number[i] = snapshot[i].turnover;
        break;
    case 14:
        EACH_ROW whole[i] = snapshot[i].stale_positions;
        break;
    default:
        EACH_ROW number[i] = snapshot[i].receivable;
        break;
    }
    return true;
}

/* --- the list of tables --- */

const char *assay_run_table_name(size_t index) {
    static const char *const names[ASSAY_N_RUN_TABLES] = {"backtest_trades",  "backtest_metrics",
                                                          "backtest_signals", "backtest_fills",
                                                          "backtest_results", "backtest_runs"};
    return names[index];
}

assay_row_job assay_run_table_job(size_t index, const assay_run_rows *rows) {
#define JOB(columns, count, function)                                                                        \
    (assay_row_job){.column = (columns),                                                                     \
                    .n_columns = sizeof(columns) / sizeof *(columns),                                        \
                    .n_rows = (count),                                                                       \
                    .fill = (function),                                                                      \
                    .context = rows}
    assay_row_job signals = JOB(signal_columns, rows->n_signals, fill_signals);
    signals.names = signal_names;
    signals.codes = signal_codes;
    switch (index) {
    case 0:
        return JOB(trade_columns, rows->n_trades, fill_trades);
    case 1:
        return JOB(snapshot_columns, rows->n_snapshots, fill_snapshots);
    case 2:
        return signals;
    case 3:
        return JOB(fill_columns, rows->n_fills, fill_fills);
    case 4:
        return assay_result_rows_job(rows);
    default:
        return assay_run_row_job(rows);
    }
#undef JOB
}

bool assay_run_table_select_none(const char *table, assay_sql *sql) {
    enum { TRADES = 0, METRICS = 1, RUNS = 5 };
    static const assay_run_rows nothing = {0};
    static const size_t others_write[] = {TRADES, METRICS, RUNS};
    size_t index = ASSAY_N_RUN_TABLES;
    for (size_t i = 0; i < sizeof others_write / sizeof *others_write; i++)
        index = strcmp(assay_run_table_name(others_write[i]), table) == 0 ? others_write[i] : index;
    if (index == ASSAY_N_RUN_TABLES)
        return false;
    assay_row_job job = assay_run_table_job(index, &nothing);
    for (size_t c = 0; c < job.n_columns; c++) {
        duckdb_type type = job.column[c].type;
        const char *name = type == TEXT     ? "VARCHAR"
                           : type == NUMBER ? "DOUBLE"
                           : type == TIME   ? "TIMESTAMP"
                                            : "BIGINT";
        assay_sql_add(sql, "%s CAST(NULL AS %s) AS ", c == 0 ? "SELECT" : ",", name);
        assay_sql_identifier(sql, job.column[c].name);
    }
    assay_sql_add(sql, " LIMIT 0");
    return true;
}
