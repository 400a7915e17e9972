/* Which column of a file is what. Internal to importing. */
#ifndef ASSAY_STORE_IMPORT_COLUMNS_H
#define ASSAY_STORE_IMPORT_COLUMNS_H

#include "query.h"

enum {
    ASSAY_IMPORT_TIMESTAMP = 0,
    ASSAY_IMPORT_SYMBOL = 1,
    ASSAY_IMPORT_OPEN = 2,
    ASSAY_IMPORT_HIGH = 3,
    ASSAY_IMPORT_LOW = 4,
    ASSAY_IMPORT_CLOSE = 5,
    ASSAY_IMPORT_VOLUME = 6,
    ASSAY_IMPORT_DIVIDEND = 7,
    ASSAY_IMPORT_SPLIT = 8,
    ASSAY_IMPORT_FREQUENCY = 9,
    ASSAY_IMPORT_CURRENCY = 10,
    ASSAY_IMPORT_TIME = 11, /* time of day beside a date (Stooq) */
    ASSAY_N_IMPORT = 12
};

typedef struct assay_import_column {
    bool present;
    char name[128]; /* as the file has it */
    duckdb_type type;
} assay_import_column;

typedef struct assay_import_columns {
    assay_import_column column[ASSAY_N_IMPORT];
    char symbol
        [64]; /* for all rows, where the file has no symbol column: the file's name without its ending */
} assay_import_columns;

/* Texts of cells without a value, in lower case, as an SQL list. */
#define ASSAY_IMPORT_MISSING                                                                                 \
    "'', 'null', 'na', 'n/a', '#n/a', '#n/a n/a', '#n/a n.a.', '#n/a field not applicable', 'none', '-', "   \
    "'.'"

/* Whether a header's cell means the column `index` of ours, by its spellings or by the user's `columns` ("close=Kurs,…"; NULL). */
bool assay_import_name_means(const char *name, size_t index, const char *columns);

/* Our names: "timestamp", "symbol", "open" … */
const char *assay_import_column_name(size_t index);

/* Recognises the columns of a result (of SELECT * … LIMIT 0) by their names. Writes what was taken for what into
 * `out_text`, one "wanted = found" a line. ASSAY_E_DATA: no date or no close; the message lists what there is. */
ASSAY_NODISCARD assay_status assay_import_columns_find(duckdb_result *result, const char *file,
                                                       const char *columns, assay_import_columns *out_columns,
                                                       char *out_text, size_t size, assay_error *err);

#endif
