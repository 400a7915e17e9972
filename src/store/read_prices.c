/* Rows of the prices table into a panel builder, chunk by chunk, straight from DuckDB's vectors.
 *
 * Invariant: a column without missing values is handed to the builder where DuckDB has it; everything else is copied once
 * into the block below. Missing is NaN; rows without symbol or timestamp never reach the builder.
 */
#include "read_prices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/block.h"
#include "base/dates.h"
#include "price_windows.h"

enum { CHUNK = 2048, N_NUMBERS = ASSAY_N_READ - 2 };

/* Room for the rows of one chunk. */
typedef struct block {
    uint32_t symbol[CHUNK];
    int64_t timestamp[CHUNK];
    double number[N_NUMBERS][CHUNK];
    int64_t version[CHUNK];
    uint32_t source[CHUNK];
} block;

/* Where the columns of the query are: vector numbers, -1 = absent. */
typedef struct layout {
    int vector[ASSAY_N_READ];
    int version, file;
} layout;

static layout layout_of(const assay_prices_table *table, bool with_version) {
    layout result = {.version = -1, .file = -1};
    int next = 0;
    for (size_t i = 0; i < ASSAY_N_READ; i++) {
        result.vector[i] = table->column[i].present ? next++ : -1;
    }
    if (with_version) {
        result.version = next++;
        result.file = next;
    }
    return result;
}

static bool all_valid(const uint64_t *mask, size_t n) {
    for (size_t i = 0; mask != NULL && i < n; i++) {
        if (!assay_valid(mask, i)) {
            return false;
        }
    }
    return true;
}

/* The column's own data where nothing is missing, else a copy with NaN. NULL: absent. */
static const double *numbers(duckdb_data_chunk chunk, int vector, size_t n, double *copy) {
    if (vector < 0) {
        return NULL;
    }
    duckdb_vector column = duckdb_data_chunk_get_vector(chunk, (idx_t)vector);
    const double *data = duckdb_vector_get_data(column);
    const uint64_t *valid = duckdb_vector_get_validity(column);
    if (all_valid(valid, n)) {
        return data;
    }
    for (size_t i = 0; i < n; i++) {
        copy[i] = assay_valid(valid, i) ? data[i] : (double)NAN;
    }
    return copy;
}

static bool to_dates(const int64_t *data, size_t n, bool daily, int64_t *out) {
    int64_t rest = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t day = data[i] / ASSAY_US_PER_DAY;
        day -= data[i] < day * ASSAY_US_PER_DAY;
        rest |= data[i] - day * ASSAY_US_PER_DAY;
        out[i] = daily ? day * ASSAY_US_PER_DAY : data[i];
    }
    return rest == 0;
}

/* The builder's number of each row's file; files come in long runs. */
static assay_status sources(const assay_prices_table *table, duckdb_data_chunk chunk, int vector, size_t n,
                            uint32_t *out, assay_error *err) {
    duckdb_string_t *data = duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, (idx_t)vector));
    uint32_t last = 0;
    for (size_t i = 0; i < n; i++) {
        size_t size = duckdb_string_t_length(data[i]);
        const char *name = duckdb_string_t_data(&data[i]);
        const char *path = table->files.path[last];
        if (strlen(path) != size || memcmp(path, name, size) != 0) {
            char text[4096];
            if (size >= sizeof text) {
                return assay_error_set(err, ASSAY_E_IO, "a file name is too long");
            }
            memcpy(text, name, size);
            text[size] = '\0';
            size_t low = 0, high = table->files.count; /* natural order */
            while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (assay_files_compare(table->files.path[middle], text) < 0) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            if (low == table->files.count || strcmp(table->files.path[low], text) != 0) {
                return assay_error_set(err, ASSAY_E_INTERNAL,
                                       "DuckDB names a file that was not asked for: %s", text);
            }
            last = (uint32_t)low;
        }
        out[i] = last;
    }
    return ASSAY_OK;
}

/* Takes the rows out whose symbol or timestamp is missing. Everything has been copied into the block. */
static size_t compact(block *rows, const uint64_t *symbol_valid, const uint64_t *time_valid, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (!assay_valid(symbol_valid, i) || !assay_valid(time_valid, i)) {
            continue;
        }
        rows->symbol[kept] = rows->symbol[i];
        rows->timestamp[kept] = rows->timestamp[i];
        for (size_t c = 0; c < N_NUMBERS; c++) {
            rows->number[c][kept] = rows->number[c][i];
        }
        rows->version[kept] = rows->version[i];
        rows->source[kept] = rows->source[i];
        kept++;
    }
    return kept;
}

static assay_status versions(const assay_prices_table *table, const layout *at, duckdb_data_chunk chunk,
                             size_t n, block *rows, assay_error *err) {
    duckdb_vector column = duckdb_data_chunk_get_vector(chunk, (idx_t)at->version);
    const int64_t *data = duckdb_vector_get_data(column);
    const uint64_t *valid = duckdb_vector_get_validity(column);
    for (size_t i = 0; i < n; i++) {
        rows->version[i] = assay_valid(valid, i) ? data[i] : INT64_MIN;
    }
    return sources(table, chunk, at->file, n, rows->source, err);
}

static assay_status incomplete(const assay_prices_table *table, const assay_price_reading *reading,
                               const assay_load_spec *spec, const block *rows, const uint64_t *symbol_valid,
                               const uint64_t *time_valid, size_t n, assay_error *err) {
    size_t i = 0;
    while (i < n && assay_valid(symbol_valid, i) && assay_valid(time_valid, i)) {
        i++;
    }
    if (spec->panel.on_bad_data != ASSAY_BAD_DATA_ERROR) {
        return ASSAY_OK;
    }
    return assay_error_set(err, ASSAY_E_DATA,
                           "%s: a row has no %s; correct it, or leave such rows out with on_bad_data: drop",
                           reading->with_version ? table->files.path[rows->source[i]] : "the prices table",
                           assay_valid(symbol_valid, i) ? "timestamp" : "symbol");
}

static assay_status read_chunk(const assay_prices_table *table, const assay_load_spec *spec, const layout *at,
                               duckdb_data_chunk chunk, block *rows, assay_price_reading *reading,
                               assay_error *err) {
    size_t n = duckdb_data_chunk_get_size(chunk);
    duckdb_vector times = duckdb_data_chunk_get_vector(chunk, (idx_t)at->vector[ASSAY_PRICES_TIMESTAMP]);
    duckdb_vector names = duckdb_data_chunk_get_vector(chunk, (idx_t)at->vector[ASSAY_PRICES_SYMBOL]);
    const uint64_t *time_valid = duckdb_vector_get_validity(times);
    const uint64_t *symbol_valid = duckdb_vector_get_validity(names);
    assay_status status = assay_symbol_lookup_ids(&reading->symbols, duckdb_vector_get_data(names),
                                                  symbol_valid, n, rows->symbol, err);
    if (status == ASSAY_OK && reading->with_version) {
        status = versions(table, at, chunk, n, rows, err);
    }
    if (status != ASSAY_OK) {
        return status;
    }
    const double *number[N_NUMBERS];
    for (size_t c = 0; c < N_NUMBERS; c++) {
        number[c] = numbers(chunk, at->vector[ASSAY_PRICES_OPEN + c], n, rows->number[c]);
    }
    bool complete = all_valid(time_valid, n) && all_valid(symbol_valid, n);
    bool midnight = to_dates(duckdb_vector_get_data(times), n, table->daily, rows->timestamp);
    if (!complete) {
        status = incomplete(table, reading, spec, rows, symbol_valid, time_valid, n, err);
        for (size_t c = 0; c < N_NUMBERS; c++) {
            if (number[c] != NULL && number[c] != rows->number[c]) {
                memcpy(rows->number[c], number[c], n * sizeof(double));
                number[c] = rows->number[c];
            }
        }
        size_t kept = compact(rows, symbol_valid, time_valid, n);
        reading->n_incomplete += n - kept;
        n = kept;
    }
    reading->all_midnight = reading->all_midnight && midnight;
    if (status != ASSAY_OK || n == 0) {
        return status;
    }
    assay_panel_rows block_rows = {
        .n_rows = n,
        .symbol = rows->symbol,
        .timestamp_us = rows->timestamp,
        .column = {number[0], number[1], number[2], number[3], number[4]},
        .dividend = number[5],
        .split_ratio = number[6],
        .version_us = reading->with_version ? rows->version : NULL,
        .source = reading->with_version ? rows->source : NULL,
    };
    reading->n_rows += n;
    return assay_panel_builder_add_rows(reading->builder, &block_rows, err);
}

/* --- what to expect --- */

enum {
    MOST_FILES_READ_TWICE = 256
}; /* opening thousands of small files again would cost more than it saves */

/* The distinct values of one column of the query, given to `take`. */
static assay_status each_distinct(assay_store *store, const assay_prices_table *table,
                                  const assay_load_spec *spec, const char *column,
                                  assay_status (*take)(void *context, duckdb_vector vector, size_t n,
                                                       assay_error *err),
                                  void *context, assay_error *err) {
    assay_sql sql = {0};
    assay_arg args[4];
    duckdb_result result;
    assay_sql_add(&sql, "SELECT DISTINCT %s FROM (", column);
    assay_prices_sql(table, spec, false, &sql);
    assay_sql_add(&sql, ") WHERE %s IS NOT NULL", column);
    size_t n_args = assay_prices_args(table, spec, args);
    assay_status status = assay_query_run(store->connection, sql.failed ? NULL : sql.text, args, n_args,
                                          "cannot read the prices table", &result, err);
    assay_sql_reset(&sql);
    if (status != ASSAY_OK) {
        return status;
    }
    duckdb_data_chunk chunk;
    while (status == ASSAY_OK && (chunk = duckdb_fetch_chunk(result)) != NULL) {
        status =
            take(context, duckdb_data_chunk_get_vector(chunk, 0), duckdb_data_chunk_get_size(chunk), err);
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
    return status;
}

static assay_status take_symbols(void *context, duckdb_vector vector, size_t n, assay_error *err) {
    uint32_t ids[CHUNK];
    return assay_symbol_lookup_ids(context, duckdb_vector_get_data(vector), NULL, n, ids, err);
}

typedef struct time_list {
    int64_t *us;
    size_t n, capacity;
    bool daily;
} time_list;

static assay_status take_times(void *context, duckdb_vector vector, size_t n, assay_error *err) {
    time_list *list = context;
    assay_status status = ASSAY_RESERVE(list->us, list->capacity, list->n + n, err);
    if (status == ASSAY_OK) {
        (void)to_dates(duckdb_vector_get_data(vector), n, list->daily, list->us + list->n);
        list->n += n;
    }
    return status;
}

/* Small files by the thousand: opening them again would cost more than the memory of their rows. */
static bool are_many_small(const assay_prices_table *table) {
    return table->files.count > MOST_FILES_READ_TWICE &&
           !assay_block_goes_to_file(4 * assay_files_bytes(&table->files)); /* compressed */
}

/* Tells the builder which symbols and times will come: rows then need no memory beside their cells. What goes wrong here
 * goes wrong in the reading itself, which has the better message. */
static void expect(assay_store *store, const assay_prices_table *table, const assay_load_spec *spec,
                   assay_price_reading *reading, assay_price_windows *out_windows) {
    time_list times = {.daily = table->daily};
    assay_error ignored;
    *out_windows = (assay_price_windows){0};
    if (reading->with_version || are_many_small(table)) {
        return;
    }
    if (each_distinct(store, table, spec, "p_symbol", take_symbols, &reading->symbols, &ignored) ==
            ASSAY_OK &&
        each_distinct(store, table, spec, "p_timestamp", take_times, &times, &ignored) == ASSAY_OK &&
        times.n > 0 &&
        assay_panel_builder_expect(reading->builder, times.us, times.n, &ignored) == ASSAY_OK) {
        (void)!assay_price_windows_plan(out_windows, times.us, times.n, reading->symbols.n_entries, &ignored);
    }
    free(times.us);
}

static assay_status read_rows(assay_store *store, const assay_prices_table *table,
                              const assay_load_spec *spec, block *rows, assay_price_reading *reading,
                              assay_error *err) {
    static const char what[] = "cannot read the prices table";
    assay_sql sql = {0};
    assay_arg args[4];
    duckdb_result result;
    assay_error first;
    assay_prices_sql(table, spec, reading->with_version, &sql);
    size_t n_args = assay_prices_args(table, spec, args);
    assay_status status = assay_query_stream(store->connection, sql.failed ? NULL : sql.text, args, n_args,
                                             what, &result, &first);
    assay_sql_reset(&sql);
    if (status != ASSAY_OK) {
        return assay_prices_diagnose(store, table, &first, err);
    }
    layout at = layout_of(table, reading->with_version);
    duckdb_data_chunk chunk;
    while (status == ASSAY_OK && (chunk = duckdb_fetch_chunk(result)) != NULL) {
        status = read_chunk(table, spec, &at, chunk, rows, reading, err);
        duckdb_destroy_data_chunk(&chunk);
    }
    if (status == ASSAY_OK && duckdb_result_error(&result) != NULL) { /* it broke on the way */
        (void)assay_query_error(&result, what, &first);
        status = assay_prices_diagnose(store, table, &first, err);
    }
    duckdb_destroy_result(&result);
    return status;
}

/* One window of time after the other. */
static assay_status read_windows(assay_store *store, const assay_prices_table *table,
                                 const assay_load_spec *spec, const assay_price_windows *windows, block *rows,
                                 assay_price_reading *reading, assay_error *err) {
    assay_prices_table window = *table;
    assay_status status = ASSAY_OK;
    window.has_window = true;
    for (size_t i = 0; status == ASSAY_OK && i < windows->n; i++) {
        window.from_us = i == 0 ? INT64_MIN : windows->from_us[i];
        window.until_us = i + 1 == windows->n ? INT64_MAX : windows->from_us[i + 1];
        status = read_rows(store, &window, spec, rows, reading, err);
    }
    return status;
}

assay_status assay_prices_read(assay_store *store, const assay_prices_table *table,
                               const assay_load_spec *spec, assay_price_reading *reading, assay_error *err) {
    assay_price_windows windows;
    assay_status status = ASSAY_OK;
    expect(store, table, spec, reading, &windows);
    for (size_t i = 0; status == ASSAY_OK && reading->with_version && i < table->files.count; i++) {
        uint32_t source;
        status = assay_panel_builder_source(reading->builder, table->files.path[i], &source, err);
    }
    block *rows = malloc(sizeof *rows);
    if (rows == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading prices");
    }
    reading->all_midnight = true;
    if (status == ASSAY_OK) {
        status = windows.n > 1 ? read_windows(store, table, spec, &windows, rows, reading, err)
                               : read_rows(store, table, spec, rows, reading, err);
    }
    free(rows);
    assay_price_windows_reset(&windows);
    return status;
}
