/* Importing a CSV file of 500 symbols x 4,000 days into a new database, against DuckDB's own reader, in turn: the same file into
 * a Parquet table with a folder a year (which is what an import leaves behind), and into a table in memory (reading alone).
 *
 * ASSAY_BENCH_CSV=FILE takes a file of yours (a header; columns timestamp and symbol). One JSON object with the median of the
 * pairwise ratios.
 */
#define _XOPEN_SOURCE 700
#include <duckdb.h>
#include <ftw.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assay/assay_store.h"
#include "bench.h"

enum { N_PAIRS = 5, N_SYMBOLS = 500, N_DAYS = 4000 };

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *place) {
    (void)st;
    (void)kind;
    (void)place;
    return remove(path);
}

static double uniform(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*state >> 11) * 0x1p-53;
}

/* Random walks, by symbol and day; prices with four decimals, as vendors write them. */
static void write_csv(const char *path) {
    FILE *file = fopen(path, "w");
    uint64_t state = 1;
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    fprintf(file, "timestamp,symbol,open,high,low,close,volume\n");
    for (int s = 0; s < N_SYMBOLS; s++) {
        double close = 20 + 200 * uniform(&state);
        for (int d = 0; d < N_DAYS; d++) {
            time_t at = (time_t)(14000 + d / 5 * 7 + d % 5) * 86400;
            struct tm day;
            gmtime_r(&at, &day);
            double open = close * (0.99 + 0.02 * uniform(&state));
            close *= 0.98 + 0.04003 * uniform(&state);
            fprintf(file, "%04d-%02d-%02d,S%03d,%.4f,%.4f,%.4f,%.4f,%d\n", day.tm_year + 1900, day.tm_mon + 1,
                    day.tm_mday, s, open, fmax(open, close) * 1.005, fmin(open, close) * 0.995, close,
                    (int)(1e7 * uniform(&state)));
        }
    }
    if (fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static double time_import(const char *csv, const char *folder, size_t *out_rows) {
    assay_error err;
    assay_store *store = NULL;
    assay_import_report report;
    double start = bench_now();
    bench_check(assay_store_open(folder, true, 0, &store, &err), &err);
    bench_check(assay_store_import(store, csv, NULL, &report, &err), &err);
    assay_store_close(store);
    double seconds = bench_now() - start;
    *out_rows = report.n_rows;
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return seconds;
}

/* DuckDB as it is opened by default: all threads. */
static double time_duckdb(const char *format, const char *csv, const char *folder) {
    char sql[1400];
    duckdb_database database;
    duckdb_connection connection;
    duckdb_result result;
    double start = bench_now();
    (void)snprintf(sql, sizeof sql, format, csv, folder);
    if (duckdb_open(NULL, &database) != DuckDBSuccess ||
        duckdb_connect(database, &connection) != DuckDBSuccess ||
        duckdb_query(connection, sql, &result) != DuckDBSuccess) {
        fprintf(stderr, "bench: DuckDB cannot read %s\n", csv);
        exit(1);
    }
    duckdb_destroy_result(&result);
    duckdb_disconnect(&connection);
    duckdb_close(&database);
    double seconds = bench_now() - start;
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return seconds;
}

int main(void) {
    char folder[] = "/tmp/assay-bench-XXXXXX", made[64], database[64], parquet[64];
    double ours[N_PAIRS], theirs[N_PAIRS], bare[N_PAIRS], ratio[N_PAIRS];
    size_t n_rows = 0;
    if (mkdtemp(folder) == NULL) {
        perror(folder);
        return 1;
    }
    (void)snprintf(made, sizeof made, "%s/long.csv", folder);
    (void)snprintf(database, sizeof database, "%s/db", folder);
    (void)snprintf(parquet, sizeof parquet, "%s/parquet", folder);
    const char *csv = getenv("ASSAY_BENCH_CSV");
    if (csv == NULL) {
        write_csv(made);
        csv = made;
    }
    for (size_t i = 0; i < N_PAIRS; i++) {
        ours[i] = time_import(csv, database, &n_rows);
        theirs[i] = time_duckdb("COPY (SELECT *, year(\"timestamp\") AS year FROM read_csv('%s')) TO '%s' "
                                "(FORMAT parquet, PARTITION_BY (year))",
                                csv, parquet);
        bare[i] = time_duckdb("CREATE TABLE t AS SELECT * FROM read_csv('%s')", csv, parquet);
        ratio[i] = ours[i] / theirs[i];
    }
    printf("{\"bench\": \"import_csv\", \"rows\": %zu, \"seconds\": %.3f, \"duckdb_seconds\": %.3f, "
           "\"duckdb_read_seconds\": %.3f, \"ratio\": %.3f}\n",
           n_rows, bench_median(ours, N_PAIRS), bench_median(theirs, N_PAIRS), bench_median(bare, N_PAIRS),
           bench_median(ratio, N_PAIRS));
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
