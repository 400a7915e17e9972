/* What the bytes of a CSV file are.
 *
 * DuckDB decompresses, decodes and cuts into lines; which delimiter, which lines are the header, and what stands before and after
 * the table is decided here, from the first lines and by rules that a reader can follow, and DuckDB is then told all of it.
 */
#include "import_csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "import_columns.h"

enum { LINES = 60, TAIL = 4096, HEAD = 1 << 16 };

/* --- the bytes --- */

static const struct {
    const char *magic;
    size_t n;
    const char *compression; /* NULL: not read */
    const char *name;
} magics[] = {
    {"\x1f\x8b", 2, "gzip", "gzip"},
    {"\x28\xb5\x2f\xfd", 4, "zstd", "zstd"},
    {"BZh", 3, NULL, "a bzip2 file (unpack it with bunzip2)"},
    {"\xfd"
     "7zXZ",
     5, NULL, "an xz file (unpack it with unxz)"},
    {"PK\x03\x04", 4, NULL, "a zip archive or an Excel workbook (unpack it, or save the sheet as CSV)"},
    {"\xd0\xcf\x11\xe0", 4, NULL, "an old Excel workbook (save the sheet as CSV)"},
    {"\xfe\xff", 2, NULL, "UTF-16 with the high byte first (convert it with iconv -f UTF-16 -t UTF-8)"},
};

static bool is_utf8(const unsigned char *text, size_t n) {
    for (size_t i = 0; i < n;) {
        size_t size = text[i] < 0x80         ? 1
                      : (text[i] >> 5) == 6  ? 2
                      : (text[i] >> 4) == 14 ? 3
                      : (text[i] >> 3) == 30 ? 4
                                             : 0;
        if (size == 0) {
            return false;
        }
        for (size_t k = 1; k < size && i + k < n; k++) {
            if ((text[i + k] >> 6) != 2) {
                return false;
            }
        }
        i += size;
    }
    return true;
}

/* UTF-16 without a mark: in text of digits and commas every second byte is 0. */
static const char *guess_encoding(const unsigned char *head, size_t n) {
    size_t zeros = 0;
    for (size_t i = 1; i < n; i += 2) {
        zeros += head[i] == 0;
    }
    if ((n >= 2 && head[0] == 0xff && head[1] == 0xfe) || (n >= 8 && zeros > n / 4)) {
        return "utf-16";
    }
    return is_utf8(head, n) ? "utf-8" : "latin-1";
}

static assay_status look_at_bytes(const char *file, const assay_import_spec *spec, assay_csv *csv,
                                  assay_error *err) {
    FILE *handle = fopen(file, "rb");
    unsigned char *head = malloc(HEAD);
    size_t n = handle == NULL || head == NULL ? 0 : fread(head, 1, HEAD, handle);
    assay_status status = head == NULL ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory") : ASSAY_OK;
    csv->compression = "none";
    csv->encoding = "utf-8";
    if (handle != NULL) {
        (void)fclose(handle);
    }
    if (status == ASSAY_OK && n == 0) {
        status = assay_error_set(err, ASSAY_E_IO, "cannot read %.300s: it is empty", file);
    }
    for (size_t i = 0; status == ASSAY_OK && i < sizeof magics / sizeof *magics; i++) {
        if (n < magics[i].n || memcmp(head, magics[i].magic, magics[i].n) != 0) {
            continue;
        }
        if (magics[i].compression == NULL) {
            status = assay_error_set(err, ASSAY_E_DATA, "cannot read %.300s: it is %s", file, magics[i].name);
        } else {
            csv->compression = magics[i].compression;
        }
    }
    if (status == ASSAY_OK && strcmp(csv->compression, "none") == 0) {
        csv->encoding = guess_encoding(head, n);
        if (strcmp(csv->encoding, "utf-16") != 0 && memchr(head, 0, n) != NULL) {
            status = assay_error_set(err, ASSAY_E_IO,
                                     "cannot read %.300s: it is not text (it has zero bytes)", file);
        }
    }
    if (spec->encoding != NULL) {
        csv->encoding = spec->encoding;
    }
    free(head);
    return status;
}

/* --- lines and cells --- */

static void reset_cells(assay_csv_cells *cells) {
    for (size_t i = 0; i < cells->n; i++) {
        free(cells->cell[i]);
    }
    free(cells->cell);
    *cells = (assay_csv_cells){0};
}

/* One cell from `at`; returns where it ends (a delimiter or the end of the line). `out` NULL: only count. */
static const char *take_cell(const char *at, char delimiter, char *out) {
    size_t used = 0;
    bool quoted = *at == '"';
    for (at += quoted; *at != '\0' && (quoted || *at != delimiter); at++) {
        if (quoted && *at == '"' && at[1] == '"') {
            at++;
        } else if (quoted && *at == '"') {
            quoted = false;
            continue;
        }
        if (out != NULL) {
            out[used++] = *at;
        }
    }
    if (out != NULL) {
        while (used > 0 && out[used - 1] == ' ') {
            used--;
        }
        out[used] = '\0';
        size_t blanks = strspn(out, " ");
        memmove(out, out + blanks, used + 1 - blanks);
    }
    return at;
}

static size_t count_cells(const char *line, char delimiter) {
    size_t n = 1;
    for (const char *at = line; *(at = take_cell(at, delimiter, NULL)) != '\0'; at++) {
        n++;
    }
    return n;
}

static bool cut(const char *line, char delimiter, assay_csv_cells *out_cells) {
    size_t n = count_cells(line, delimiter);
    *out_cells = (assay_csv_cells){calloc(n, sizeof(char *)), 0};
    const char *at = line;
    while (out_cells->cell != NULL && out_cells->n < n) {
        char *cell = malloc((size_t)(take_cell(at, delimiter, NULL) - at) + 1);
        if (cell == NULL) {
            return false;
        }
        at = take_cell(at, delimiter, cell);
        out_cells->cell[out_cells->n++] = cell;
        at += *at != '\0';
    }
    return out_cells->cell != NULL;
}

/* --- which delimiter, which header --- */

typedef struct lines {
    char *line[LINES];
    size_t n;
} lines;

/* How many lines have as many cells as the delimiter gives most of them; 0: it cuts nothing. */
static size_t agreement(const lines *all, char delimiter, size_t *out_n_columns) {
    size_t best = 0;
    size_t count[LINES];
    for (size_t i = 0; i < all->n; i++) {
        count[i] = count_cells(all->line[i], delimiter);
    }
    for (size_t i = 0; i < all->n; i++) {
        size_t same = 0;
        for (size_t j = 0; j < all->n; j++) {
            same += count[j] == count[i];
        }
        if (count[i] >= 2 && same > best) {
            best = same;
            *out_n_columns = count[i];
        }
    }
    return best;
}

static void choose_delimiter(const lines *all, const assay_import_spec *spec, assay_csv *csv) {
    /* A decimal comma cuts as evenly as a delimiter does, but not the header: others come first. */
    static const char delimiters[] = {'\t', ';', '|', ','};
    size_t best = 0, n_columns = 0;
    csv->delimiter = ',';
    for (size_t i = 0; i < sizeof delimiters; i++) {
        size_t n = 0, same = agreement(all, delimiters[i], &n);
        if (same > best) {
            best = same;
            n_columns = n;
            csv->delimiter = delimiters[i];
        }
    }
    if (spec->delimiter != NULL) {
        csv->delimiter = spec->delimiter[0];
        (void)agreement(all, csv->delimiter, &n_columns);
    }
    csv->n_columns = n_columns;
}

static bool names_a_date(const char *line, char delimiter, const assay_import_spec *spec) {
    assay_csv_cells cells;
    bool found = false;
    if (cut(line, delimiter, &cells)) {
        for (size_t i = 0; i < cells.n && !found; i++) {
            found = assay_import_name_means(cells.cell[i], ASSAY_IMPORT_TIMESTAMP, spec->columns);
        }
    }
    reset_cells(&cells);
    return found;
}

/* The last line of the header is the first that names a date; rows of symbols and fields of the same width may stand above. */
static assay_status find_header(const char *file, const lines *all, const assay_import_spec *spec,
                                assay_csv *csv, assay_error *err) {
    size_t last = 0;
    while (last < all->n && (count_cells(all->line[last], csv->delimiter) != csv->n_columns ||
                             !names_a_date(all->line[last], csv->delimiter, spec))) {
        last++;
    }
    if (last == all->n) {
        const char *first = all->n == 0 ? "" : all->line[0];
        return assay_error_set(err, ASSAY_E_DATA,
                               "%.300s has no column for the date; its columns are: %.300s. A header such as "
                               "timestamp,symbol,open,high,low,close,volume is understood; --columns names "
                               "others",
                               file, first);
    }
    size_t first = last;
    while (first > 0 && last - first + 1 < ASSAY_CSV_HEADERS &&
           count_cells(all->line[first - 1], csv->delimiter) == csv->n_columns) {
        first--;
    }
    for (size_t i = first; i <= last; i++) {
        if (!cut(all->line[i], csv->delimiter, &csv->header[csv->n_headers++])) {
            return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading %.300s", file);
        }
    }
    csv->n_before = last + 1;
    return ASSAY_OK;
}

/* The file as lines: a delimiter that no text has. */
static void add_lines_relation(const assay_csv *csv, assay_sql *sql) {
    assay_sql_add(sql,
                  "read_csv($1, auto_detect=false, header=false, delim=chr(1), quote='', escape='', "
                  "columns={'line': 'VARCHAR'}, max_line_size=16777216, compression='%s', encoding='%s')",
                  csv->compression, csv->encoding);
}

static assay_status read_lines(assay_store *store, const char *file, const assay_csv *csv, lines *out_lines,
                               assay_error *err) {
    assay_sql sql = {0};
    char what[400];
    (void)snprintf(what, sizeof what, "cannot read %.300s", file);
    assay_sql_add(&sql, "SELECT line FROM ");
    add_lines_relation(csv, &sql);
    assay_sql_add(&sql, " LIMIT %d", LINES);
    assay_arg arg = assay_arg_text(file);
    assay_cursor cursor;
    assay_status status =
        assay_cursor_open(&cursor, store->connection, sql.failed ? NULL : sql.text, &arg, 1, what, err);
    assay_sql_reset(&sql);
    if (status != ASSAY_OK) {
        err->status = status == ASSAY_E_NOMEM ? status : ASSAY_E_IO; /* whatever DuckDB calls it */
        return err->status;
    }
    while (out_lines->n < LINES && assay_cursor_next(&cursor)) {
        size_t size;
        const char *text = assay_cursor_text(&cursor, 0, &size);
        if (out_lines->n == 0 && size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
            text += 3;
            size -= 3;
        }
        char *line = malloc(size + 1);
        if (line == NULL) {
            break;
        }
        memcpy(line, text, size);
        line[size > 0 && line[size - 1] == '\r' ? size - 1 : size] = '\0';
        out_lines->line[out_lines->n++] = line;
    }
    assay_cursor_close(&cursor);
    return ASSAY_OK;
}

/* --- what stands after the table --- */

/* Lines at the end with another number of cells, none of which is a date: totals, sources, dates of download. */
static void find_footer(const char *file, assay_csv *csv) {
    char tail[TAIL + 1];
    FILE *handle = strcmp(csv->compression, "none") == 0 && strcmp(csv->encoding, "utf-8") == 0
                       ? fopen(file, "rb")
                       : NULL;
    if (handle == NULL) {
        return;
    }
    long size = fseek(handle, 0, SEEK_END) == 0 ? ftell(handle) : 0;
    long from = size > TAIL ? size - TAIL : 0;
    size_t n = fseek(handle, from, SEEK_SET) == 0 ? fread(tail, 1, TAIL, handle) : 0;
    (void)fclose(handle);
    while (csv->n_footers < 4) {
        while (n > 0 && (tail[n - 1] == '\n' || tail[n - 1] == '\r')) {
            n--;
        }
        tail[n] = '\0';
        size_t start = n;
        while (start > 0 && tail[start - 1] != '\n') {
            start--;
        }
        if (start == 0 || strpbrk(tail + start, "\"") != NULL || (tail[start] >= '0' && tail[start] <= '9') ||
            count_cells(tail + start, csv->delimiter) >= csv->n_columns || strlen(tail + start) < n - start) {
            return;
        }
        csv->footer[csv->n_footers] = assay_text_format("%s", tail + start);
        if (csv->footer[csv->n_footers] == NULL) {
            return;
        }
        csv->n_footers++;
        n = start;
    }
}

/* --- the interface --- */

assay_status assay_csv_look(assay_store *store, const char *file, const assay_import_spec *spec,
                            assay_csv *out_csv, assay_error *err) {
    lines all = {.n = 0};
    *out_csv = (assay_csv){.n_columns = 0};
    assay_status status = look_at_bytes(file, spec, out_csv, err);
    if (status == ASSAY_OK) {
        status = read_lines(store, file, out_csv, &all, err);
    }
    if (status == ASSAY_OK) {
        choose_delimiter(&all, spec, out_csv);
        status = find_header(file, &all, spec, out_csv, err);
    }
    if (status == ASSAY_OK) {
        find_footer(file, out_csv);
    }
    for (size_t i = 0; i < all.n; i++) {
        free(all.line[i]);
    }
    return status;
}

void assay_csv_reset(assay_csv *csv) {
    for (size_t i = 0; i < csv->n_headers; i++) {
        reset_cells(&csv->header[i]);
    }
    for (size_t i = 0; i < csv->n_footers; i++) {
        free(csv->footer[i]);
    }
    *csv = (assay_csv){.n_columns = 0};
}

void assay_csv_relation(const assay_csv *csv, assay_sql *sql) {
    const char delimiter[2] = {csv->delimiter, '\0'};
    assay_sql_add(
        sql,
        "read_csv($1, auto_detect=false, header=false, strict_mode=true, skip=%zu, quote='\"', "
        "escape='\"', null_padding=%s, max_line_size=16777216, compression='%s', encoding='%s', delim=",
        csv->n_before, csv->n_footers > 0 ? "true" : "false", csv->compression, csv->encoding);
    assay_sql_literal(sql, delimiter);
    assay_sql_add(sql, ", columns={");
    for (size_t i = 0; i < csv->n_columns; i++) {
        assay_sql_add(sql, "%s'c%zu': 'VARCHAR'", i == 0 ? "" : ", ", i);
    }
    assay_sql_add(sql, "})");
}
