/* A table of text cells as aligned text, JSON rows or CSV. Rows are written one by one: a table may be large. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/text_layout.h"

static bool is_numeric_type(const char *type) {
    static const char *const TYPES[] = {"TINYINT",   "SMALLINT", "INTEGER", "BIGINT",   "HUGEINT", "UTINYINT",
                                        "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT",   "DOUBLE"};
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
        if (strcmp(type, TYPES[i]) == 0)
            return true;
    }
    return strncmp(type, "DECIMAL", 7) == 0;
}

static const char *cell_at(const assay_table *table, size_t row, size_t column) {
    return table->cells[row * table->n_columns + column];
}

/* --- CSV (RFC 4180, with a plain newline) --- */

static void put_csv_cell(const char *text, FILE *out) {
    if (text == NULL)
        return;
    if (text[0] != '\0' && strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, out);
        return;
    }
    putc('"', out); /* an empty text is quoted: unlike a missing value */
    for (; *text != '\0'; text++) {
        if (*text == '"')
            putc('"', out);
        putc(*text, out);
    }
    putc('"', out);
}

static void write_csv(const assay_table *table, FILE *out) {
    for (size_t c = 0; c < table->n_columns; c++) {
        fputs(c == 0 ? "" : ",", out);
        put_csv_cell(table->names[c], out);
    }
    putc('\n', out);
    for (size_t r = 0; r < table->n_rows; r++) {
        for (size_t c = 0; c < table->n_columns; c++) {
            fputs(c == 0 ? "" : ",", out);
            put_csv_cell(cell_at(table, r, c), out);
        }
        putc('\n', out);
    }
}

/* --- JSON --- */

/* A whole number's digits are kept, also beyond 2^53; other numbers must be finite. */
static cJSON *cell_json(const char *type, const char *text) {
    if (text == NULL)
        return cJSON_CreateNull();
    if (strcmp(type, "BOOLEAN") == 0)
        return cJSON_CreateBool(text[0] == 't' || text[0] == '1');
    if (!is_numeric_type(type))
        return cJSON_CreateString(text);
    double value;
    return assay_double_parse(text, &value) ? cJSON_CreateRaw(text) : cJSON_CreateNull();
}

static cJSON *row_json(const assay_table *table, size_t row) {
    cJSON *object = cJSON_CreateObject();
    for (size_t c = 0; c < table->n_columns && object != NULL; c++) {
        if (!assay_json_add(object, table->names[c], cell_json(table->types[c], cell_at(table, row, c)))) {
            cJSON_Delete(object);
            return NULL;
        }
    }
    return object;
}

static assay_status write_json(const assay_table *table, FILE *out, assay_error *err) {
    fputs("[", out);
    for (size_t r = 0; r < table->n_rows; r++) {
        char *text = NULL;
        assay_status status = assay_json_text(row_json(table, r), &text, err);
        if (status != ASSAY_OK)
            return status;
        fprintf(out, "%s\n  %s", r == 0 ? "" : ",", text);
        cJSON_free(text);
    }
    fputs(table->n_rows == 0 ? "]\n" : "\n]\n", out);
    return ASSAY_OK;
}

/* --- text --- */

/* A cell as it is shown. `buffer` holds it where it is not the cell itself. */
static const char *shown_cell(const assay_table *table, size_t row, size_t column, int decimals,
                              const assay_report_style *style, char *buffer, size_t size) {
    const char *text = cell_at(table, row, column);
    double value;
    if (text == NULL)
        return assay_dash(style);
    bool has_point = strpbrk(text, ".e") != NULL;
    if (decimals >= 0 && has_point && is_numeric_type(table->types[column]) &&
        assay_double_parse(text, &value)) {
        assay_format_number(value, decimals, style, buffer, size);
        return buffer;
    }
    return text;
}

static size_t column_width(const assay_table *table, size_t column, int decimals,
                           const assay_report_style *style) {
    char buffer[NUMBER_SIZE];
    size_t width = assay_text_columns(table->names[column]);
    for (size_t r = 0; r < table->n_rows; r++) {
        size_t n = assay_text_columns(shown_cell(table, r, column, decimals, style, buffer, sizeof buffer));
        width = n > width ? n : width;
    }
    return width;
}

static void put_cell(const assay_table *table, size_t column, const char *text, size_t width, FILE *out) {
    bool right = is_numeric_type(table->types[column]);
    bool is_last = column + 1 == table->n_columns;
    assay_put_padded(text, is_last && !right ? 0 : width, right, out);
    fputs(is_last ? "\n" : "  ", out);
}

static assay_status write_text(const assay_table *table, int decimals, const assay_report_style *style,
                               FILE *out, assay_error *err) {
    size_t *width = calloc(table->n_columns + 1, sizeof *width);
    if (width == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a table");
    for (size_t c = 0; c < table->n_columns; c++)
        width[c] = column_width(table, c, decimals, style);
    for (size_t c = 0; c < table->n_columns; c++)
        put_cell(table, c, table->names[c], width[c], out);
    for (size_t r = 0; r < table->n_rows; r++) {
        for (size_t c = 0; c < table->n_columns; c++) {
            char buffer[NUMBER_SIZE];
            put_cell(table, c, shown_cell(table, r, c, decimals, style, buffer, sizeof buffer), width[c],
                     out);
        }
    }
    free(width);
    return ASSAY_OK;
}

assay_status assay_report_table(const assay_table *table, assay_report_format format, int decimals,
                                const assay_report_style *style, FILE *out, assay_error *err) {
    switch (format) {
    case ASSAY_FORMAT_JSON:
        return write_json(table, out, err);
    case ASSAY_FORMAT_CSV:
        write_csv(table, out);
        return ASSAY_OK;
    case ASSAY_FORMAT_TEXT:
        break;
    }
    return write_text(table, decimals, style, out, err);
}
