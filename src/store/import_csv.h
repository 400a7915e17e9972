/* What the bytes of a CSV file are: compression, encoding, delimiter, lines before and after the table, names of the columns.
 * Internal to importing. */
#ifndef ASSAY_STORE_IMPORT_CSV_H
#define ASSAY_STORE_IMPORT_CSV_H

#include "store.h"

enum { ASSAY_CSV_HEADERS = 3 };

/* A line cut at the delimiter: cells without their quotes. */
typedef struct assay_csv_cells {
    char **cell;
    size_t n;
} assay_csv_cells;

typedef struct assay_csv {
    const char *compression; /* "none", "gzip", "zstd" */
    const char *encoding;    /* "utf-8", "utf-16", "latin-1" */
    char delimiter;
    size_t n_before; /* lines up to and including the last header */
    size_t n_columns;
    /* The rows of the header, the last one last: header[0] may be a row of symbols over a row of fields. */
    assay_csv_cells header[ASSAY_CSV_HEADERS];
    size_t n_headers;
    char *footer[4]; /* lines after the table, whole */
    size_t n_footers;
} assay_csv;

/* Looks at the beginning (and, where it is not compressed, the end) of a file. ASSAY_E_DATA: no table, or a kind of file that is
 * not read; the message says which. */
ASSAY_NODISCARD assay_status assay_csv_look(assay_store *store, const char *file,
                                            const assay_import_spec *spec, assay_csv *out_csv,
                                            assay_error *err);
void assay_csv_reset(assay_csv *csv);

/* Appends read_csv(…) with everything fixed: columns c0 … as text; $1 is the file. */
void assay_csv_relation(const assay_csv *csv, assay_sql *sql);

#endif
