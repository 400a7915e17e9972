/* Long and wide tables, as one long relation.
 *
 * A wide table has a date column and for each symbol one or several columns. Symbol and field stand in rows of the header above
 * one another (Bloomberg, pandas), or in one name ("AAPL", "AAPL Close", "Close_AAPL", "AAPL US Equity PX_LAST").
 */
#include "import_layout.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "import_columns.h"

enum { FIELD_NONE = -1, FIELD_OTHER = -2 };

typedef struct wide_column {
    int field; /* ASSAY_IMPORT_OPEN … VOLUME; FIELD_NONE: the date, or empty; FIELD_OTHER: not used */
    char symbol[128];
} wide_column;

/* --- what a name says --- */

static int field_of(const char *name) {
    static const char *const others[] = {"adj", "ADJ", "Adj"};
    for (int i = ASSAY_IMPORT_OPEN; i <= ASSAY_IMPORT_VOLUME; i++) {
        if (assay_import_name_means(name, (size_t)i, NULL)) {
            return i;
        }
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (strncmp(name, others[i], 3) == 0) {
            return FIELD_OTHER;
        }
    }
    return FIELD_NONE;
}

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), k = strlen(end);
    return n > k && strcmp(text + n - k, end) == 0;
}

static bool is_bloomberg(const char *name) {
    return ends_with(name, " Equity") || ends_with(name, " Index") || ends_with(name, " Curncy") ||
           ends_with(name, " Comdty");
}

/* "AAPL US Equity" is AAPL; of other markets the market stays: "VOD LN". */
static void set_symbol(wide_column *column, const char *name, size_t size) {
    (void)snprintf(column->symbol, sizeof column->symbol, "%.*s", (int)size, name);
    if (is_bloomberg(column->symbol)) {
        *strrchr(column->symbol, ' ') = '\0';
        if (ends_with(column->symbol, " US")) {
            column->symbol[strlen(column->symbol) - 3] = '\0';
        }
    }
}

static bool looks_like_a_symbol(const char *name) {
    size_t letters = 0;
    for (const char *c = name; *c != '\0'; c++) {
        if (islower((unsigned char)*c) != 0 ||
            (isalnum((unsigned char)*c) == 0 && strchr(".^=-_/: ", *c) == NULL)) {
            return is_bloomberg(name);
        }
        letters += isalnum((unsigned char)*c) != 0;
    }
    return letters > 0 && strlen(name) < 24;
}

/* "AAPL Close", "Close_AAPL": the leftmost cut that leaves a field on one side. */
static bool split_name(const char *name, wide_column *column) {
    for (const char *c = strpbrk(name, " _.-:|/"); c != NULL; c = strpbrk(c + 1, " _.-:|/")) {
        char left[128];
        (void)snprintf(left, sizeof left, "%.*s", (int)(c - name), name);
        int after = field_of(c + 1), before = field_of(left);
        if (c > name && after != FIELD_NONE) {
            column->field = after;
            set_symbol(column, name, (size_t)(c - name));
            return true;
        }
        if (c > name && c[1] != '\0' && before != FIELD_NONE) {
            column->field = before;
            set_symbol(column, c + 1, strlen(c + 1));
            return true;
        }
    }
    return false;
}

/* --- wide or not --- */

static const assay_csv_cells *last_header(const assay_csv *csv) {
    return &csv->header[csv->n_headers - 1];
}

static size_t date_column(const assay_csv *csv, const assay_import_spec *spec) {
    const assay_csv_cells *names = last_header(csv);
    size_t i = 0;
    while (i + 1 < names->n &&
           !assay_import_name_means(names->cell[i], ASSAY_IMPORT_TIMESTAMP, spec->columns)) {
        i++;
    }
    return i;
}

/* A row of fields and a row of symbols above one another. */
static bool take_two_rows(const assay_csv *csv, size_t date, wide_column *columns) {
    size_t n_fields[ASSAY_CSV_HEADERS] = {0}, n_cells[ASSAY_CSV_HEADERS] = {0}, fields = 0;
    for (size_t r = 0; r < csv->n_headers; r++) {
        for (size_t i = 0; i < csv->n_columns; i++) {
            const char *cell = csv->header[r].cell[i];
            if (i != date && cell[0] != '\0') {
                n_cells[r]++;
                n_fields[r] += field_of(cell) != FIELD_NONE;
            }
        }
        fields = n_fields[r] > n_fields[fields] ? r : fields;
    }
    size_t symbols = csv->n_headers;
    for (size_t r = 0; r < csv->n_headers; r++) {
        symbols = r != fields && n_cells[r] > 0 && n_fields[r] == 0 ? r : symbols;
    }
    if (n_fields[fields] == 0 || symbols == csv->n_headers) {
        return false;
    }
    const char *field = "", *symbol = "";
    for (size_t i = 0; i < csv->n_columns; i++) {
        columns[i] = (wide_column){.field = FIELD_NONE};
        if (i == date) {
            continue;
        }
        /* A merged cell stands once, over its first column. */
        field = csv->header[fields].cell[i][0] == '\0' ? field : csv->header[fields].cell[i];
        symbol = csv->header[symbols].cell[i][0] == '\0' ? symbol : csv->header[symbols].cell[i];
        if (field[0] != '\0' && symbol[0] != '\0') {
            columns[i].field = field_of(field) == FIELD_NONE ? FIELD_OTHER : field_of(field);
            set_symbol(&columns[i], symbol, strlen(symbol));
        }
    }
    return true;
}

/* One row of names, each a symbol or a symbol with a field. */
static bool take_one_row(const assay_csv *csv, size_t date, bool forced, wide_column *columns) {
    const assay_csv_cells *names = last_header(csv);
    size_t n_wide = 0;
    for (size_t i = 0; i < names->n; i++) {
        const char *name = names->cell[i];
        columns[i] = (wide_column){.field = FIELD_NONE};
        if (i == date || name[0] == '\0') {
            continue;
        }
        if (!split_name(name, &columns[i])) {
            bool known = false;
            for (size_t k = 0; k < ASSAY_N_IMPORT; k++) {
                known = known || assay_import_name_means(name, k, NULL);
            }
            if (!forced && (known || !looks_like_a_symbol(name))) {
                return false;
            }
            columns[i].field = ASSAY_IMPORT_CLOSE;
            set_symbol(&columns[i], name, strlen(name));
        }
        n_wide++;
    }
    return n_wide > 0;
}

static bool is_wide(const assay_csv *csv, const assay_import_spec *spec, size_t date, wide_column *columns) {
    bool forced = spec->layout != NULL && strcmp(spec->layout, "wide") == 0;
    if (spec->layout != NULL && !forced) {
        return false;
    }
    const assay_csv_cells *names = last_header(csv);
    for (size_t i = 0; i < names->n && !forced && csv->n_headers == 1; i++) {
        if (assay_import_name_means(names->cell[i], ASSAY_IMPORT_CLOSE, spec->columns)) {
            return false;
        }
    }
    if (take_two_rows(csv, date, columns)) {
        return true;
    }
    for (size_t i = 0; i < names->n && !forced; i++) {
        if (assay_import_name_means(names->cell[i], ASSAY_IMPORT_CLOSE, spec->columns)) {
            return false;
        }
    }
    return take_one_row(csv, date, forced, columns);
}

/* --- the relations --- */

static void add_without_footer(const assay_csv *csv, assay_sql *sql) {
    for (size_t i = 0; i < csv->n_footers; i++) {
        char first[256]; /* the footer's first cell */
        (void)snprintf(first, sizeof first, "%.*s",
                       (int)strcspn(csv->footer[i], (char[]){csv->delimiter, '\0'}), csv->footer[i]);
        assay_sql_add(sql, "%s c0 IS DISTINCT FROM ", i == 0 ? " WHERE" : " AND");
        assay_sql_literal(sql, first);
    }
}

static void add_long(const assay_csv *csv, bool with_rows, assay_sql *sql) {
    const assay_csv_cells *names = last_header(csv);
    assay_sql_add(sql, "(SELECT ");
    if (with_rows) {
        assay_sql_add(sql, "row_number() OVER () + %zu AS n, ", csv->n_before);
    }
    for (size_t i = 0; i < names->n; i++) {
        char name[140];
        bool again = names->cell[i][0] == '\0';
        for (size_t k = 0; k < i; k++) {
            again = again || strcasecmp(names->cell[k], names->cell[i]) == 0;
        }
        (void)snprintf(name, sizeof name, again ? "%.100s (column %zu)" : "%.120s", names->cell[i], i + 1);
        assay_sql_add(sql, "%sc%zu AS ", i == 0 ? "" : ", ", i);
        assay_sql_identifier(sql, name);
    }
    assay_sql_add(sql, " FROM ");
    assay_csv_relation(csv, sql);
    add_without_footer(csv, sql);
    assay_sql_add(sql, ")");
}

/* The columns of one symbol as one struct; each symbol is taken where it stands first. */
static bool is_first_of_symbol(const wide_column *columns, size_t i) {
    for (size_t k = 0; k < i; k++) {
        if (columns[k].field >= 0 && strcmp(columns[k].symbol, columns[i].symbol) == 0) {
            return false;
        }
    }
    return columns[i].field >= 0;
}

static void add_wide(const assay_csv *csv, size_t date, const wide_column *columns, bool with_rows,
                     assay_sql *sql) {
    bool has[ASSAY_N_IMPORT] = {false};
    for (size_t i = 0; i < csv->n_columns; i++) {
        if (columns[i].field >= 0) {
            has[columns[i].field] = true;
        }
    }
    assay_sql_add(sql, "(SELECT %st AS ", with_rows ? "n, " : "");
    assay_sql_identifier(sql, last_header(csv)->cell[date]);
    assay_sql_add(sql, ", s.symbol AS symbol");
    for (size_t f = ASSAY_IMPORT_OPEN; f <= ASSAY_IMPORT_VOLUME; f++) {
        if (has[f]) {
            assay_sql_add(sql, ", s.%s AS %s", assay_import_column_name(f), assay_import_column_name(f));
        }
    }
    assay_sql_add(sql, " FROM (SELECT c%zu AS t, %s unnest([", date, with_rows ? "n, " : "");
    const char *comma = "";
    for (size_t i = 0; i < csv->n_columns; i++) {
        if (!is_first_of_symbol(columns, i)) {
            continue;
        }
        assay_sql_add(sql, "%s{'symbol': ", comma);
        assay_sql_literal(sql, columns[i].symbol);
        comma = ", ";
        for (int f = ASSAY_IMPORT_OPEN; f <= ASSAY_IMPORT_VOLUME; f++) {
            size_t k = i;
            while (k < csv->n_columns &&
                   (columns[k].field != f || strcmp(columns[k].symbol, columns[i].symbol) != 0)) {
                k++;
            }
            if (has[f]) {
                assay_sql_add(sql, ", '%s': ", assay_import_column_name((size_t)f));
                assay_sql_add(sql, k < csv->n_columns ? "c%zu" : "NULL::VARCHAR", k);
            }
        }
        assay_sql_add(sql, "}");
    }
    assay_sql_add(sql, "]) AS s FROM (SELECT *");
    if (with_rows) {
        assay_sql_add(sql, ", row_number() OVER () + %zu AS n", csv->n_before);
    }
    assay_sql_add(sql, " FROM ");
    assay_csv_relation(csv, sql);
    add_without_footer(csv, sql);
    assay_sql_add(sql, ")) WHERE false"); /* a symbol that has nothing at a date has no row */
    for (size_t f = ASSAY_IMPORT_OPEN; f <= ASSAY_IMPORT_VOLUME; f++) {
        if (has[f]) {
            assay_sql_add(
                sql, " OR NOT list_contains([" ASSAY_IMPORT_MISSING "], lower(trim(coalesce(s.%s, ''))))",
                assay_import_column_name(f));
        }
    }
    assay_sql_add(sql, ")");
}

static assay_status check_wide(const assay_csv *csv, const char *file, const wide_column *columns,
                               assay_error *err) {
    for (size_t i = 0; i < csv->n_columns; i++) {
        for (size_t k = 0; k < i && columns[i].field >= 0; k++) {
            if (columns[k].field == columns[i].field && strcmp(columns[k].symbol, columns[i].symbol) == 0) {
                return assay_error_set(
                    err, ASSAY_E_DATA, "%.300s: columns %zu and %zu are both the %s of %s; remove one", file,
                    k + 1, i + 1, assay_import_column_name((size_t)columns[i].field), columns[i].symbol);
            }
        }
    }
    return ASSAY_OK;
}

/* --- names of dialects --- */

/* The names that make a dialect, in lower case; the first row that the header has all of. */
static const struct {
    const char *dialect;
    const char *names[5];
} dialects[] = {
    {"Stooq", {"<ticker>", "<date>", "<close>"}},
    {"Yahoo", {"date", "adj close", "close", "volume"}},
    {"yfinance", {"date", "stock splits", "close"}},
    {"Alpha Vantage", {"timestamp", "close", "volume", "open"}},
    {"Alpha Vantage", {"4. close"}},
    {"database", {"timestamp", "symbol", "close_price"}},
    {"Kaggle", {"date", "close", "name"}},
    {"Investing.com", {"date", "price", "vol."}},
    {"Nasdaq", {"date", "close/last"}},
};

static bool has_name(const assay_csv_cells *names, const char *name) {
    for (size_t i = 0; i < names->n; i++) {
        if (strcasecmp(names->cell[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static const char *dialect_of(const assay_csv *csv, bool wide) {
    const assay_csv_cells *names = last_header(csv);
    for (size_t r = 0; wide && r < csv->n_headers; r++) {
        for (size_t i = 0; i < csv->header[r].n; i++) {
            const char *cell = csv->header[r].cell[i];
            if (is_bloomberg(cell) || strstr(cell, "PX_LAST") != NULL) {
                return "Bloomberg, wide";
            }
        }
    }
    for (size_t i = 0; !wide && i < sizeof dialects / sizeof *dialects; i++) {
        bool all = true;
        /* Alpha Vantage has no symbol, which the general long file has. */
        all = strcmp(dialects[i].names[0], "timestamp") != 0 || i == 5 || !has_name(names, "symbol");
        for (size_t k = 0; k < 5 && dialects[i].names[k] != NULL; k++) {
            all = all && has_name(names, dialects[i].names[k]);
        }
        if (all) {
            return dialects[i].dialect;
        }
    }
    return wide ? "wide" : "long";
}

assay_status assay_import_layout(const assay_csv *csv, const char *file, const assay_import_spec *spec,
                                 assay_import_report *report, assay_sql *sql, assay_sql *with_rows,
                                 assay_error *err) {
    wide_column *columns = calloc(csv->n_columns, sizeof *columns);
    if (columns == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading %.300s", file);
    }
    size_t date = date_column(csv, spec);
    bool wide = is_wide(csv, spec, date, columns);
    assay_status status = wide ? check_wide(csv, file, columns, err) : ASSAY_OK;
    if (wide) {
        add_wide(csv, date, columns, false, sql);
        add_wide(csv, date, columns, true, with_rows);
    } else {
        add_long(csv, false, sql);
        add_long(csv, true, with_rows);
    }
    free(columns);
    (void)snprintf(report->dialect, sizeof report->dialect, "%s", dialect_of(csv, wide));
    report->delimiter[0] = csv->delimiter;
    report->header_line = csv->n_before;
    report->n_footer_lines = csv->n_footers;
    (void)snprintf(report->encoding, sizeof report->encoding, "%s", csv->encoding);
    (void)snprintf(report->compression, sizeof report->compression, "%s", csv->compression);
    return status;
}
