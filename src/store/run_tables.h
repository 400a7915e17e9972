/* The six result tables of a run as rows for DuckDB. Internal to writing runs. */
#ifndef ASSAY_STORE_RUN_TABLES_H
#define ASSAY_STORE_RUN_TABLES_H

#include "query.h"
#include "row_source.h"

enum { ASSAY_N_RUN_TABLES = 6, ASSAY_N_ENUMS = 3, ASSAY_MOST_ENUM_NAMES = 16 };

/* Everything that rows are made of: the records of the result and the texts that they name. */
typedef struct assay_run_rows {
    const assay_run_info *info;
    const assay_result *result;
    const assay_panel *panel;
    const assay_strategy *strategy;
    const int64_t *time; /* of the panel's bars */
    const assay_signal *signal;
    const assay_fill *fill;
    const assay_trade *trade;
    const assay_snapshot *snapshot;
    size_t n_signals, n_fills, n_trades, n_snapshots;
    /* ready strings */
    duckdb_string_t run_id, parameters;
    const char *strategy_name[ASSAY_MAX_MEMBERS + 1]; /* of the run; behind the last: the vote */
    size_t n_strategies;
    const assay_strategy_result *by_strategy; /* of several */
    size_t n_by_strategy, n_strategy_fields;
    duckdb_string_t *symbol; /* of the panel */
    duckdb_string_t kind[ASSAY_MAX_KINDS];
    /* the same as lists of names, for columns of codes */
    const char **symbol_name;
    const char *enum_name[ASSAY_N_ENUMS][ASSAY_MOST_ENUM_NAMES]; /* actions, statuses, outcomes */
    size_t n_enum_names[ASSAY_N_ENUMS];
    const char *kind_name[ASSAY_MAX_KINDS];
    uint32_t kind_code[ASSAY_MAX_KINDS], n_kind_names; /* kinds may share a signal_type */
    char fingerprint[33];
    char warnings[512];
    double initial_capital;
} assay_run_rows;

ASSAY_NODISCARD assay_status assay_run_rows_init(assay_run_rows *rows, const assay_run_info *info,
                                                 const assay_result *result, assay_error *err);
void assay_run_rows_reset(assay_run_rows *rows);

/* Name and rows of table `index`: backtest_trades, _metrics, _signals, _fills, _results, and backtest_runs as the last, so
 * that a reader who finds the run finds all of it. */
const char *assay_run_table_name(size_t index);
assay_row_job assay_run_table_job(size_t index, const assay_run_rows *rows);

/* Adds a SELECT of no row with the columns of backtest_runs, _trades or _metrics, so that UNION ALL BY NAME with rows that others
 * wrote has all of them. False, and nothing is added: it is none of these tables. */
bool assay_run_table_select_none(const char *table, assay_sql *sql);

/* The last two of them (run_row.c). */
assay_row_job assay_result_rows_job(const assay_run_rows *rows);
/* Those of backtest_results that are behind the metrics: of several strategies, each one's. */
assay_row_job assay_strategy_rows_job(const assay_run_rows *rows);
assay_row_job assay_run_row_job(const assay_run_rows *rows);

/* Short names for the columns of these tables. */
#define TEXT DUCKDB_TYPE_VARCHAR
#define NUMBER DUCKDB_TYPE_DOUBLE
#define TIME DUCKDB_TYPE_TIMESTAMP
#define WHOLE DUCKDB_TYPE_BIGINT
#define EACH_ROW for (size_t i = 0; i < n; i++)

static inline void assay_row_set_null(duckdb_vector vector, size_t row) {
    duckdb_vector_ensure_validity_writable(vector);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row);
}

#endif
