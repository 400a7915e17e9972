/* How the cells of a file write dates and numbers. Internal to importing. */
#ifndef ASSAY_STORE_IMPORT_VALUES_H
#define ASSAY_STORE_IMPORT_VALUES_H

#include "import_faults.h"

typedef enum assay_date_kind {
    ASSAY_DATE_ISO = 0,
    ASSAY_DATE_FORMAT = 1,
    ASSAY_DATE_EPOCH = 2
} assay_date_kind;

typedef struct assay_import_values {
    assay_date_kind kind;
    char format[64]; /* of dates, as strptime has it */
    int64_t units;   /* of an epoch, a second */
    bool decimal_comma;
    const char *time_zone; /* "UTC" where none is given */
} assay_import_values;

/* Whether the file has this column as text. */
bool assay_import_is_text(const assay_import_columns *columns, size_t index);
/* SQL of a row's date as one text, from the raw cells r_timestamp and r_time. */
const char *assay_import_date_text(const assay_import_columns *columns);

/* Decides by a sample of the rows, and by all of them where the sample leaves it open. ASSAY_E_DATA: the file leaves it open, or a
 * format or zone that was asked for is none. */
ASSAY_NODISCARD assay_status assay_import_values_find(assay_store *store, const assay_import_source *source,
                                                      const assay_import_columns *columns,
                                                      const assay_sql *raw, const assay_import_spec *spec,
                                                      assay_import_report *report,
                                                      assay_import_values *out_values, assay_error *err);

/* SQL of a TIMESTAMP from the raw cells r_timestamp and r_time (daily rows: of the date that they say), and of a DOUBLE from the
 * raw cell r_<name> and from d_<name>, the plain number that the other adds to an inner SELECT. */
void assay_import_add_date(const assay_import_values *values, const assay_import_columns *columns,
                           assay_sql *sql);
void assay_import_add_plain_number(const assay_import_values *values, const char *name, assay_sql *sql);
void assay_import_add_number(const assay_import_values *values, const char *name, assay_sql *sql);

#endif
