/* Columns of other people's tables, read as TIMESTAMP, VARCHAR or DOUBLE whatever their files have. Internal to loading. */
#ifndef ASSAY_STORE_TYPED_COLUMN_H
#define ASSAY_STORE_TYPED_COLUMN_H

#include "store.h"
#include "table_files.h"

typedef enum assay_wanted_type {
    ASSAY_WANTED_TIME = 0,  /* a timestamp of any unit, a date, or text of one */
    ASSAY_WANTED_LABEL = 1, /* text, a dictionary or a number */
    ASSAY_WANTED_NUMBER = 2 /* a number, or text of one */
} assay_wanted_type;

typedef struct assay_typed_column {
    bool present;
    bool is_plain; /* the type in all files is the one we want */
    bool is_text;  /* VARCHAR: values are cast, and a cast may fail */
    assay_wanted_type wanted;
    char name[64];    /* as the files spell it */
    char read[160];   /* SQL that gives TIMESTAMP, VARCHAR or DOUBLE */
    char failed[320]; /* SQL that is true where the cast of a text fails; "" where it cannot */
} assay_typed_column;

/* Fills a column that the files call `name` (at most 63 bytes, no quotes). False: that type cannot be read as wanted. */
bool assay_typed_column_init(assay_typed_column *column, assay_wanted_type wanted, const char *name,
                             duckdb_type type);

/* "a timestamp or a date", "text", "numbers". */
const char *assay_wanted_name(assay_wanted_type wanted);

/* Makes the error of a failed read of Parquet files: names the file, and the value where a text of one of the n columns
 * could not be cast. `first` is DuckDB's. The files have columns symbol and timestamp. */
assay_status assay_files_diagnose(assay_store *store, const assay_files *files,
                                  const assay_typed_column *columns, size_t n, const assay_error *first,
                                  assay_error *err);

#endif
