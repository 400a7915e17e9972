/* What the Parquet files of the prices table hold, and the SQL that reads it. Internal to loading. */
#ifndef ASSAY_STORE_PRICES_TABLE_H
#define ASSAY_STORE_PRICES_TABLE_H

#include "frequency.h"
#include "query.h"
#include "typed_column.h"

/* The columns of the prices table that loading knows. The first ASSAY_N_READ are what a run reads, in this order. */
enum {
    ASSAY_PRICES_TIMESTAMP = 0,
    ASSAY_PRICES_SYMBOL = 1,
    ASSAY_PRICES_OPEN = 2,
    ASSAY_PRICES_HIGH = 3,
    ASSAY_PRICES_LOW = 4,
    ASSAY_PRICES_CLOSE = 5,
    ASSAY_PRICES_VOLUME = 6,
    ASSAY_PRICES_DIVIDEND = 7,
    ASSAY_PRICES_SPLIT = 8,
    ASSAY_N_READ = 9,
    ASSAY_PRICES_FREQUENCY = 9,
    ASSAY_PRICES_CURRENCY = 10,
    ASSAY_PRICES_UPDATED = 11,
    ASSAY_PRICES_CREATED = 12,
    ASSAY_N_PRICES = 13
};

typedef struct assay_prices_table {
    const assay_store *store; /* whose symbol changes count; NULL: names stay as they are */
    const char *database;     /* folder, for messages */
    assay_files files;
    assay_typed_column column[ASSAY_N_PRICES];
    assay_sql frequency_sql; /* a row's canonical frequency; made where it is needed */
    /* the choice of frequency */
    char frequency[32];  /* canonical; "" while unknown */
    bool daily;          /* rows count for their date */
    char **spelling;     /* of the chosen frequency, where there are several */
    size_t n_spellings;  /* 0: no filter */
    bool null_is_chosen; /* rows without a frequency belong to it */
    /* a window of time (price_windows.h): rows from `from_us` on and before `until_us` */
    bool has_window;
    int64_t from_us, until_us; /* INT64_MIN: those without a time, too; INT64_MAX: to the end */
} assay_prices_table;

/* Lists the files and finds the columns. ASSAY_E_NOT_FOUND: no file. ASSAY_E_DATA: columns missing or of a wrong type. */
ASSAY_NODISCARD assay_status assay_prices_table_open(assay_store *store, assay_prices_table *out_table,
                                                     assay_error *err);
void assay_prices_table_reset(assay_prices_table *table);

/* Chooses the frequency (wanted NULL: the only one), and checks that there is one currency, among these symbols. */
ASSAY_NODISCARD assay_status assay_prices_table_choose(assay_store *store, assay_prices_table *table,
                                                       const assay_load_spec *spec, assay_error *err);

/* SELECT of the first ASSAY_N_READ columns (absent ones left out) as p_timestamp, p_symbol, p_open_price …, filtered, with
 * p_version and assay_file at the end if wanted. Arguments $1 files, then symbols, end and spellings as assay_prices_args fills them. */
void assay_prices_sql(const assay_prices_table *table, const assay_load_spec *spec, bool with_version,
                      assay_sql *sql);
size_t assay_prices_args(const assay_prices_table *table, const assay_load_spec *spec, assay_arg out_args[4]);

/* Whether a column of the prices table is one of those above, in any case. */
bool assay_prices_knows(const char *name);

/* Makes the error of a failed read (assay_files_diagnose). */
assay_status assay_prices_diagnose(assay_store *store, const assay_prices_table *table,
                                   const assay_error *first, assay_error *err);

#endif
