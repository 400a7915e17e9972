/* The store: a ParquetDB folder through DuckDB. Part of libassay-store.
 *
 * A database is a folder DIR with DIR/<table>/…/NAME.parquet (docs/database.md). An assay_store is one connection; use it
 * from one thread at a time. Symbols, dates and values reach SQL as bound parameters only.
 */
#ifndef ASSAY_STORE_H
#define ASSAY_STORE_H

#include "assay/assay.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct assay_store assay_store;

/* Opens a database folder with n_threads threads (0: as many as there are cores). `create` makes the folder. Finishes or
 * undoes what a killed process left half done. ASSAY_E_NOT_FOUND (no such folder), ASSAY_E_IO. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_open(const char *folder, bool create, unsigned n_threads,
                                                        assay_store **out_store, assay_error *err);
ASSAY_API void assay_store_close(assay_store *store);               /* NULL: nothing */
ASSAY_API const char *assay_store_folder(const assay_store *store); /* as it was given */

/* Ends what the store's connection is doing, if anything; from any thread. That call then fails. */
ASSAY_API void assay_store_interrupt(assay_store *store);

/* Which part of the prices table a run needs. */
typedef struct assay_load_spec {
    const char *const *symbols; /* NULL: every symbol */
    size_t n_symbols;
    int64_t end_us;        /* rows after it are not read; INT64_MAX: all */
    const char *frequency; /* NULL: the only one there is (several: an error that names them) */
    assay_panel_options panel;
    const assay_bars_spec *bars; /* coarser bars to make of them; NULL: as they are */
} assay_load_spec;

typedef struct assay_load_report {
    assay_panel_report panel;
    size_t n_files;
    const char *frequency; /* as found; static storage or owned by the store */
} assay_load_report;

/* Reads prices (and the corporate_actions table, where there is one) into a panel. `out_report` may be NULL.
 * ASSAY_E_NOT_FOUND: no prices table, unknown symbols (the message names them and the nearest known ones). ASSAY_E_DATA:
 * missing columns, values that cannot be cast (file and value), several currencies or frequencies, bad prices. ASSAY_E_IO:
 * a corrupt or unreadable file (named). */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_load_panel(assay_store *store, const assay_load_spec *spec,
                                                              assay_panel **out_panel,
                                                              assay_load_report *out_report,
                                                              assay_error *err);

/* --- what a panel has beside prices: loaded before it is used --- */

/* Gives each symbol of the panel the sectors of its rows in fundamental_analysis (column sector), from the bar on at which each
 * was known (as of assay_store_load_columns, without an age at which they end; lag_days from the row's timestamp where the table
 * does not say). Nothing happens where the database has no such table or column. Sectors from elsewhere go first
 * (assay_panel_set_sectors, assay_panel_set_universe). ASSAY_E_DATA, ASSAY_E_IO, ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_load_sectors(assay_store *store, assay_panel *panel,
                                                                int64_t lag_days, assay_error *err);

/* The tables universe (symbol, start_date, end_date, sector) and delistings (symbol, date, return) where the database has them.
 * ASSAY_E_DATA: columns that are missing, a value that cannot be read (file, row, value), a universe that never has any of the
 * panel's symbols. ASSAY_E_IO, ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_load_universe(assay_store *store, assay_panel *panel,
                                                                 assay_error *err);
ASSAY_API ASSAY_NODISCARD assay_status assay_store_load_delistings(assay_store *store, assay_panel *panel,
                                                                   assay_error *err);

/* Loads `symbol` alone, as `spec` (whose symbols are not looked at) loaded the panel, and sets it as the panel's benchmark; the
 * panel may have the symbol, too. Without a frequency in `spec`: that of the store's last load. The errors of
 * assay_store_load_panel; ASSAY_E_DATA: it has no return at any bar of the panel. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_load_benchmark(assay_store *store,
                                                                  const assay_load_spec *spec,
                                                                  const char *symbol, assay_panel *panel,
                                                                  assay_error *err);

/* How columns beside prices become known. */
typedef struct assay_column_spec {
    const char *frequency; /* of the run, as assay_load_report has it; NULL: daily */
    int64_t max_age_days;  /* a value that became known longer ago is dropped */
    int64_t
        lag_days; /* from a row's timestamp until it is known: of fundamental_analysis, where it does not say */
} assay_column_spec;

/* Adds columns to the panel by their names (docs/database.md says where they are looked for, and when a value is known). Where
 * out_found is NULL a column that is not found is an error; else out_found[i] says whether names[i] was. ASSAY_E_NOT_FOUND
 * (with the nearest name and where it was looked for), ASSAY_E_DATA (file and value), ASSAY_E_IO, ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_load_columns(assay_store *store, assay_panel *panel,
                                                                const assay_column_spec *spec,
                                                                const char *const *names, size_t n,
                                                                bool *out_found, assay_error *err);

/* A strategy of ready signals (assay_signals.h). `source`: a table of the database, a path that ends in .parquet or .csv, or a
 * query over the database's tables that begins with SELECT or WITH; docs/signals.md has the columns. The strategy's reference
 * is "signals:SOURCE#" and 12 hex digits of the rows; a source that ends in such digits is refused unless its rows are still
 * those. Destroy it with assay_strategy_destroy. ASSAY_E_NOT_FOUND, ASSAY_E_DATA (source, row from 1, value), ASSAY_E_CONFIG,
 * ASSAY_E_IO. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_load_signals(assay_store *store, const char *source,
                                                                assay_strategy **out_strategy,
                                                                assay_error *err);

/* The names that a symbol of the last load had before (table symbol_changes), index 0, 1 …; NULL: no more. The store's, until its
 * next load. */
ASSAY_API const char *assay_store_other_name(const assay_store *store, const char *instrument, size_t index);

/* What identifies a stored run beside its records. Strings are copied. */
typedef struct assay_run_info {
    const char *run_id;          /* file name of the run's tables: [A-Za-z0-9._-]{1,128}, no leading dot */
    int64_t timestamp_us;        /* when it was run */
    const char *parameters_json; /* the strategy's parameters */
    const char *config_json;     /* everything needed to run it again */
    int64_t duration_ms;
    const char *sweep_id; /* NULL: none */
    int64_t fold;         /* -1: none */
} assay_run_info;

/* Writes the result tables of one run, as a whole or not at all; replaces an earlier run of the same id, whatever its
 * date. ASSAY_E_IO: cannot be written (disk full, permissions: nothing is changed). */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_write_run(assay_store *store, const assay_run_info *info,
                                                             const assay_result *result, assay_error *err);

/* --- sweeps: many points of one strategy, one file a table --- */

/* Shard `index` of `count` (from 0); count 1: the whole sweep. */
typedef struct assay_shard_name {
    uint64_t index, count;
} assay_shard_name;

/* One line of a sweep's plan; what must be the same for another call to go on with the sweep. No tabs, no newlines. */
typedef struct assay_sweep_key {
    const char *name, *value;
} assay_sweep_key;

/* A sweep in the making: parts that are finished are kept in DIR/.assay/sweeps, whatever happens to the process. */
typedef struct assay_sweep_store assay_sweep_store;

/* Whether a text can name a sweep: like a run id, at most 96 bytes, without ".shard-". */
ASSAY_API bool assay_sweep_id_is_good(const char *text);

/* Begins a sweep, or goes on with an unfinished one of the same id and plan. `restart`: forget what is there.
 * ASSAY_E_CONFIG: the id cannot be used, or an unfinished sweep of that id has another plan (the message says what differs).
 * ASSAY_E_IO: another process works on it; the folder cannot be written. End it with assay_store_sweep_end. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_sweep_begin(assay_store *store, const char *sweep_id,
                                                               assay_shard_name shard, bool restart,
                                                               const assay_sweep_key *keys, size_t n_keys,
                                                               assay_sweep_store **out_sweep,
                                                               assay_error *err);
ASSAY_API void
assay_store_sweep_end(assay_sweep_store *sweep); /* NULL: nothing. What is finished stays for the next. */
/* When the first call began it. */
ASSAY_API int64_t assay_store_sweep_begun_us(const assay_sweep_store *sweep);

/* Parts are numbered within a rung. has_part looks at the size alone; read_part is false where the part is missing or
 * damaged. n_values must be the part's. write_part is atomic. */
ASSAY_API bool assay_store_sweep_has_part(const assay_sweep_store *sweep, unsigned rung, uint64_t part,
                                          size_t n_values);
ASSAY_API ASSAY_NODISCARD bool assay_store_sweep_read_part(const assay_sweep_store *sweep, unsigned rung,
                                                           uint64_t part, double *out_values,
                                                           size_t n_values);
ASSAY_API ASSAY_NODISCARD assay_status assay_store_sweep_write_part(assay_sweep_store *sweep, unsigned rung,
                                                                    uint64_t part, const double *values,
                                                                    size_t n_values, assay_error *err);

/* Adds the trades, snapshots, signals and fills of one point that is kept with them. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_sweep_keep(assay_sweep_store *sweep,
                                                              const assay_run_info *info,
                                                              const assay_result *result, assay_error *err);

/* A point as backtest_runs and backtest_results have it. Pointers need to live until the next call for a point. */
typedef struct assay_sweep_point {
    uint64_t number;       /* run_id is SWEEP_ID-number */
    const double *metrics; /* assay_metric_count() values */
    const char *parameters_json, *config_json;
    double initial_capital;
    int64_t start_us, end_us; /* first and last bar of the portfolio */
    int64_t n_bars;
    const char *warnings; /* NULL: not known; so are the next two below 0 */
    int64_t delisted_positions, duration_ms;
} assay_sweep_point;

/* What the tables of a sweep are made of. */
typedef struct assay_sweep_rows {
    uint64_t n_points; /* of this shard */
    const char *strategy;
    const char *plan_json; /* backtest_sweeps.plan */
    const char *data_fingerprint;
    int64_t n_symbols, duration_ms;
    /* Fills *out_point with point j (0 … n_points - 1, ascending); `with_texts` false: number and metrics are enough. False:
     * failed, which the caller knows the reason of. */
    bool (*point)(void *context, uint64_t j, bool with_texts, assay_sweep_point *out_point);
    void *context;
} assay_sweep_rows;

/* Writes the tables of the sweep (or shard), one file each, as a whole or not at all; replaces what the database has of the
 * sweep (a shard: what it has of this shard, and of splits into another number of shards), and deletes the parts.
 * ASSAY_E_IO, ASSAY_E_NOMEM; ASSAY_E_CANCELLED where `point` failed. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_sweep_finish(assay_sweep_store *sweep,
                                                                const assay_sweep_rows *rows,
                                                                assay_error *err);

/* Reads metrics of a stored sweep, all its shards: out_values[m][number] for metric m of point `number` < n_points, untouched
 * where it is not stored; *out_has[number] where it is. ASSAY_E_NOT_FOUND, ASSAY_E_IO, ASSAY_E_DATA. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_sweep_read(assay_store *store, const char *sweep_id,
                                                              const char *const *metrics, size_t n_metrics,
                                                              uint64_t n_points, double *const *out_values,
                                                              bool *out_has, assay_error *err);

/* What an import did. Text arrays are NUL-terminated, cut where they do not fit. */
typedef struct assay_import_report {
    size_t n_rows; /* read from the file */
    size_t n_symbols;
    size_t n_inserted;
    size_t n_replaced; /* keys that the table had already */
    size_t n_dropped;  /* on_bad_data: drop */
    size_t n_events;   /* rows written to corporate_actions */
    size_t n_files_written;
    size_t n_files;        /* read: a folder has several */
    char dialect[40];      /* "Yahoo", "Bloomberg, wide", "long" …; "Parquet" */
    char delimiter[2];     /* of CSV; likewise the next three */
    char encoding[16];     /* "utf-8", "utf-16", "latin-1" */
    char compression[16];  /* "none", "gzip", "zstd" */
    char decimal[2];       /* "." or "," */
    char date_format[64];  /* "ISO 8601", as strptime has it, or "epoch seconds" … */
    char time_zone[64];    /* of times without an offset */
    char symbol[64];       /* from the file's name, where it has no symbols; else "" */
    size_t header_line;    /* the last line of the header */
    size_t n_footer_lines; /* left out after the table */
    char columns[2048];    /* which column was taken for what, one "wanted = found" a line */
} assay_import_report;

typedef enum assay_partition {
    ASSAY_PARTITION_KEEP = 0, /* what the table has; a new one: a folder a year */
    ASSAY_PARTITION_NONE = 1,
    ASSAY_PARTITION_YEAR = 2,
    ASSAY_PARTITION_MONTH = 3,
    ASSAY_PARTITION_DAY = 4
} assay_partition;

typedef struct assay_import_spec {
    const char *frequency; /* of the rows where the file has no such column; NULL: "1d" */
    const char *currency;  /* likewise; NULL: "USD" */
    assay_partition partition;
    assay_bad_data on_bad_data;
    bool dry_run; /* read, check and report; write nothing */
    /* What is recognised, where the caller knows better; NULL: recognise it. */
    const char *delimiter;   /* one character */
    const char *decimal;     /* "." or "," */
    const char *encoding;    /* "utf-8", "utf-16" or "latin-1" */
    const char *date_format; /* as strptime has it, e.g. "%d/%m/%Y" */
    const char *time_zone;   /* of times without an offset, e.g. "America/New_York"; NULL: UTC */
    const char *columns;     /* "close=Kurs,timestamp=Datum": our name = the header's */
    const char *layout;      /* "long" or "wide" */
    /* Called for each file that was read, with what was taken for what; NULL: nobody asks. */
    void (*each)(void *context, const char *file, const assay_import_report *report);
    void *each_context;
    const char *symbol; /* of the rows where the file has no such column; NULL: the file's name */
} assay_import_spec;

/* Opens a database to import into: made where there is none, but by a dry run, which takes a database that is not there for an
 * empty one. ASSAY_E_IO, ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_open_for_import(const char *folder, bool dry_run,
                                                                   assay_store **out_store, assay_error *err);

/* Upserts the prices (and splits, dividends) of a CSV or Parquet file, or of all such files of a folder and the folders in it,
 * into the database, atomically (a folder as a whole). ASSAY_E_IO, ASSAY_E_DATA
 * (file, row or line, column, value). */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_import(assay_store *store, const char *file,
                                                          const assay_import_spec *spec,
                                                          assay_import_report *out_report, assay_error *err);

/* Upserts the rows of a CSV or Parquet file into one of the tables universe, delistings, symbol_changes and corporate_actions,
 * atomically. ASSAY_E_NOT_FOUND: no such table. ASSAY_E_IO, ASSAY_E_DATA (file, row from 1, column, value). */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_import_table(assay_store *store, const char *table,
                                                                const char *file, bool dry_run,
                                                                assay_import_report *out_report,
                                                                assay_error *err);

/* Upserts a panel's prices and corporate actions (the sample market). */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_write_panel(assay_store *store, const assay_panel *panel,
                                                               assay_partition partition, assay_error *err);

/* Writes resampled bars (assay_panel_resample) into the table prices of the database that `source`, what they were made of,
 * was loaded from, under their own frequency; replaces rows of the same symbol, time and frequency. Corporate actions that the
 * source's price rows carry go into corporate_actions, unless it has them. As a whole or not at all. ASSAY_E_IO. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_write_bars(assay_store *store, const assay_panel *bars,
                                                              const assay_panel *source,
                                                              assay_import_report *out_report,
                                                              assay_error *err);

/* Columns for the table technical_analysis: values by bar and symbol, as assay_expression_compute makes them. */
typedef struct assay_indicator_columns {
    const char *const *names;
    const double *const *values; /* n_bars x n_symbols each; NaN = missing */
    size_t n;
    const char *frequency; /* as assay_load_report has it */
    int64_t from_us;       /* rows before it are not written */
} assay_indicator_columns;

/* Upserts them, a row for each own bar of a symbol, by symbol, frequency and timestamp; other columns of such rows stay as they
 * are. Keeps the table's partitioning. All or nothing. ASSAY_E_ARGUMENT (a name that no column can have), ASSAY_E_IO,
 * ASSAY_E_DATA, ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_write_indicators(assay_store *store,
                                                                    const assay_panel *panel,
                                                                    const assay_indicator_columns *columns,
                                                                    assay_import_report *out_report,
                                                                    assay_error *err);

/* A query's result as text cells, made for printing. Tables of the database are views by their names. */
typedef struct assay_table {
    size_t n_rows, n_columns;
    const char *const *names; /* n_columns */
    const char *const *types; /* DuckDB's names: "DOUBLE", "VARCHAR" … */
    const char *const
        *cells; /* row-major; NULL = missing; doubles in the fewest digits that read back the same */
} assay_table;

/* Runs one SQL query, read-only, over the database's tables. `params` are bound to $1 … $n as text; may be NULL. Destroy
 * the table with assay_table_destroy. ASSAY_E_DATA: DuckDB's message. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_sql(assay_store *store, const char *sql,
                                                       const char *const *params, size_t n_params,
                                                       assay_table **out_table, assay_error *err);
ASSAY_API void assay_table_destroy(assay_table *table); /* NULL: nothing */

/* One difference that an audit found. */
typedef struct assay_audit_report {
    size_t n_bars, n_trades, n_fills;
    double worst_equity_difference; /* |stored - recomputed| / equity */
    double worst_pnl_difference;    /* |stored - recomputed| / initial capital */
    size_t n_differences;           /* above 1e-9 */
    char first_difference[512];     /* "" where none */
} assay_audit_report;

/* Recomputes a stored run's cash, equity and pnl from its fills, the corporate actions and the prices in SQL alone.
 * ASSAY_E_NOT_FOUND: no such run. A difference is not an error: see the report. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_audit(assay_store *store, const char *run_id,
                                                         assay_audit_report *out_report, assay_error *err);

/* Compares the tables of two stored runs (of one database) cell by cell, run_id, timestamp and duration aside. Writes the
 * number of differing rows and the first difference as text ("" where none). */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_compare_runs(assay_store *store, const char *run_id_a,
                                                                const char *run_id_b, size_t *out_differences,
                                                                char *out_first, size_t first_size,
                                                                assay_error *err);

/* The data that a run read, against a panel: what backtest_fingerprints has of the run. */
typedef struct assay_data_report {
    bool is_known;           /* false: the run was stored without fingerprints, and the rest is 0 */
    int64_t end_us;          /* the last bar that the run read */
    size_t n_new_bars;       /* bars of the panel after it; the rest is about those up to it */
    size_t n_months;         /* of symbols, that are not as they were */
    size_t n_rows_added;     /* in months that have more rows now */
    size_t n_rows_removed;   /* in months that have fewer */
    size_t n_months_changed; /* as many rows with other values, or another corporate action */
} assay_data_report;

/* Called for each symbol and month that is not as it was, ordered by them. */
typedef void assay_revised_month(void *context, const char *symbol, const char *month, int64_t n_then,
                                 int64_t n_now);

/* Compares; `each` may be NULL. ASSAY_E_IO, ASSAY_E_DATA, ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_store_compare_data(assay_store *store, const char *run_id,
                                                                const assay_panel *panel,
                                                                assay_revised_month *each, void *context,
                                                                assay_data_report *out_report,
                                                                assay_error *err);

#ifdef __cplusplus
}
#endif
#endif
