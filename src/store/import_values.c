/* How the cells of a file write dates and numbers.
 *
 * Invariant: nothing is guessed. A way of writing is taken when the rows admit no other that means something else; where they do,
 * the user has to say which.
 */
#include "import_values.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { SAMPLE = 400, MAX_OPEN = 4 };

bool assay_import_is_text(const assay_import_columns *columns, size_t index) {
    const assay_import_column *column = &columns->column[index];
    bool date_as_number = index == ASSAY_IMPORT_TIMESTAMP &&
                          (column->type == DUCKDB_TYPE_BIGINT || column->type == DUCKDB_TYPE_INTEGER);
    return column->present && (column->type == DUCKDB_TYPE_VARCHAR || date_as_number);
}

const char *assay_import_date_text(const assay_import_columns *columns) {
    return columns->column[ASSAY_IMPORT_TIME].present
               ? "concat_ws(' ', trim(r_timestamp), nullif(trim(r_time), ''))"
               : "trim(r_timestamp)";
}

/* --- texts against formats --- */

static const char *const date_formats[] = {
    "%Y%m%d",   "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y.%m.%d",  "%d/%m/%y",
    "%m/%d/%y", "%y/%m/%d", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d", "%b %d, %Y", "%B %d, %Y",
    "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d %Y", "%Y-%b-%d", "%b-%d-%Y",  "%d. %B %Y",
};
enum { N_FORMATS = sizeof date_formats / sizeof *date_formats };

static const char *const time_formats[] = {
    "",          " %H:%M:%S", " %H:%M", " %H:%M:%S.%f", "T%H:%M:%S", "T%H:%M", " %I:%M:%S %p",
    " %I:%M %p", " %H%M%S",   " %H%M",  "%H%M%S",
};
enum { N_TIMES = sizeof time_formats / sizeof *time_formats };

static const struct {
    const char *name;
    size_t min_digits, max_digits;
    int64_t units;
} epochs[] = {{"epoch seconds", 9, 10, 1},
              {"epoch milliseconds", 12, 13, 1000},
              {"epoch microseconds", 15, 16, 1000000},
              {"epoch nanoseconds", 18, 19, 1000000000}};
enum { N_EPOCHS = sizeof epochs / sizeof *epochs };

static const char *take_digits(const char *text, size_t min, size_t max, int low, int high) {
    int value = 0;
    size_t n = 0;
    for (; n < max && isdigit((unsigned char)text[n]) != 0; n++) {
        value = n < 6 ? value * 10 + (text[n] - '0') : value;
    }
    return n >= min && value >= low && value <= high ? text + n : NULL;
}

static const char *take_month(const char *text, bool whole) {
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    for (size_t i = 0; i < 12; i++) {
        size_t n = whole ? strlen(months[i]) : 3;
        if (strncasecmp(text, months[i], n) == 0 && isalpha((unsigned char)text[n]) == 0) {
            return text + n;
        }
    }
    return NULL;
}

/* What is left of the text after a date or time of this format; NULL: it has another. */
static const char *match(const char *text, const char *format) {
    for (const char *start = format; *format != '\0' && text != NULL; format++) {
        if (*format != '%') {
            text = *text == *format ? text + 1 : NULL;
            continue;
        }
        switch (*++format) {
        case 'Y':
            text = take_digits(text, 4, 4, 1, 9999);
            break;
        case 'y':
            text = take_digits(text, 2, 2, 0, 99);
            break;
        case 'm':
            text = take_digits(text, format[1] == '%' ? 2 : 1, 2, 1, 12);
            break;
        case 'd':
            text = take_digits(text, format - start >= 2 && format[-2] == 'm' ? 2 : 1, 2, 1, 31);
            break;
        case 'H':
            text = take_digits(text, 1, 2, 0, 24);
            break;
        case 'I':
            text = take_digits(text, 1, 2, 1, 12);
            break;
        case 'f':
            text = take_digits(text, 1, 9, 0, 999999);
            break;
        case 'b':
        case 'B':
            text = take_month(text, *format == 'B');
            break;
        case 'p':
            text = strncasecmp(text, "am", 2) == 0 || strncasecmp(text, "pm", 2) == 0 ? text + 2 : NULL;
            break;
        default: /* %M, %S */
            text = take_digits(text, 2, 2, 0, 59);
        }
    }
    return text;
}

static bool matches_date(const char *text, const char *format) {
    const char *rest = match(text, format);
    for (size_t i = 0; rest != NULL && i < N_TIMES; i++) {
        const char *end = match(rest, time_formats[i]);
        if (end != NULL && *end == '\0') {
            return true;
        }
    }
    return false;
}

static bool matches_iso(const char *text) {
    const char *rest = match(text, "%Y-%m-%d");
    rest = rest == NULL ? match(text, "%Y/%m/%d") : rest;
    return rest != NULL &&
           (*rest == '\0' || ((*rest == ' ' || *rest == 'T') && isdigit((unsigned char)rest[1]) != 0));
}

static bool matches_epoch(const char *text, size_t i) {
    size_t digits = strspn(text, "0123456789");
    bool whole = text[digits] == '\0' || (text[digits] == '.' && strspn(text + digits + 1, "0123456789") ==
                                                                     strlen(text + digits + 1));
    return whole && digits >= epochs[i].min_digits && digits <= epochs[i].max_digits;
}

/* --- numbers --- */

typedef struct tally {
    size_t iso, format[N_FORMATS], epoch[N_EPOCHS];
    char first[64];                  /* date */
    size_t n_point, n_comma, n_open; /* cells that have a decimal point, a decimal comma, or either */
    char open[40];
} tally;

/* "1.5" has a point and "1.234.567" a comma, if anything; "1.234" may be either. */
static void count_number(const char *text, tally *t) {
    text += strspn(text, " -+$");
    const char *dot = strrchr(text, '.'), *comma = strrchr(text, ',');
    if (dot == NULL && comma == NULL) {
        return;
    }
    if (dot != NULL && comma != NULL) {
        *(dot > comma ? &t->n_point : &t->n_comma) += 1;
        return;
    }
    const char *mark = dot == NULL ? comma : dot;
    size_t before = (size_t)(mark - text), after = strspn(mark + 1, "0123456789");
    bool several = strchr(text, *mark) != mark;
    bool decimal = !several && (after != 3 || before > 3 || before == 0 || text[0] == '0');
    if (several || decimal) {
        *((*mark == '.') == decimal ? &t->n_point : &t->n_comma) += 1;
    } else {
        t->n_open++;
        (void)snprintf(t->open, sizeof t->open, "%s", text);
    }
}

static void count_date(const char *text, tally *t) {
    if (t->first[0] == '\0') {
        (void)snprintf(t->first, sizeof t->first, "%.63s", text);
    }
    t->iso += matches_iso(text);
    for (size_t i = 0; i < N_FORMATS; i++) {
        t->format[i] += matches_date(text, date_formats[i]);
    }
    for (size_t i = 0; i < N_EPOCHS; i++) {
        t->epoch[i] += matches_epoch(text, i);
    }
}

static assay_status count_rows(assay_store *store, const assay_import_source *source,
                               const assay_import_columns *columns, const assay_sql *raw, bool all, tally *t,
                               assay_error *err) {
    assay_sql sql = {0};
    assay_cursor cursor;
    char what[400], text[128];
    (void)snprintf(what, sizeof what, "cannot read %.300s", source->file);
    assay_sql_add(&sql, "SELECT CAST(%s AS VARCHAR)",
                  assay_import_is_text(columns, ASSAY_IMPORT_TIMESTAMP) ? assay_import_date_text(columns)
                                                                        : "NULL");
    for (size_t i = ASSAY_IMPORT_OPEN; i <= ASSAY_IMPORT_SPLIT; i++) {
        assay_sql_add(&sql, assay_import_is_text(columns, i) ? ", trim(r_%s)" : ", NULL::VARCHAR",
                      assay_import_column_name(i));
    }
    assay_sql_add(&sql, " FROM (SELECT 1%s FROM %s", raw->text, source->relation);
    if (!all) {
        assay_sql_add(&sql, " LIMIT %d", SAMPLE);
    }
    assay_sql_add(&sql, ")");
    assay_arg file = assay_arg_text(source->file);
    assay_status status =
        assay_cursor_stream(&cursor, store->connection, sql.failed ? NULL : sql.text, &file, 1, what, err);
    assay_sql_reset(&sql);
    if (status != ASSAY_OK) {
        return status;
    }
    while (assay_cursor_next(&cursor)) {
        assay_cursor_copy(&cursor, 0, text, sizeof text);
        if (text[0] != '\0' && !all) {
            count_date(text, t);
        }
        for (idx_t c = 1; c <= ASSAY_IMPORT_SPLIT - ASSAY_IMPORT_OPEN + 1; c++) {
            assay_cursor_copy(&cursor, c, text, sizeof text);
            count_number(text, t);
        }
    }
    status = assay_cursor_check(&cursor, what, err);
    assay_cursor_close(&cursor);
    return status;
}

static assay_status decide_decimal(assay_store *store, const assay_import_source *source,
                                   const assay_import_columns *columns, const assay_sql *raw, char delimiter,
                                   const tally *sample, assay_import_values *values, assay_error *err) {
    tally t = *sample;
    if (t.n_point == 0 && t.n_comma == 0 && t.n_open > 0) {
        memset(&t, 0, sizeof t);
        assay_status status = count_rows(store, source, columns, raw, true, &t, err);
        if (status != ASSAY_OK) {
            return status;
        }
    }
    /* Where the comma cuts cells, a number with one point is no rarity and a decimal comma is one. */
    bool usual = delimiter == ',' && strchr(t.open, ',') == NULL;
    if (t.n_point == t.n_comma && (t.n_point > 0 || t.n_open > 0) && !(usual && t.n_comma == 0)) {
        return assay_error_set(
            err, ASSAY_E_DATA,
            "%.300s: \"%s\" may have a decimal point or a decimal comma, and no other cell tells "
            "which; give --decimal . or --decimal ,",
            source->file, t.open);
    }
    values->decimal_comma = t.n_comma > t.n_point;
    return ASSAY_OK;
}

/* --- dates --- */

static void add_parsed(const char *format, const char *text, assay_sql *sql) {
    assay_sql_add(sql, "try_strptime(%s, [", text);
    for (size_t i = 0; i < N_TIMES; i++) {
        char whole[100];
        (void)snprintf(whole, sizeof whole, "%s%s", format, time_formats[i]);
        assay_sql_add(sql, "%s", i == 0 ? "" : ", ");
        assay_sql_literal(sql, whole);
    }
    assay_sql_add(sql, "])");
}

/* Of formats that fit the sample alike, the one that fits all rows; several are fine when they mean the same. */
static assay_status decide_by_all_rows(assay_store *store, const assay_import_source *source,
                                       const assay_import_columns *columns, const assay_sql *raw,
                                       const char *const *open, size_t n_open, size_t *out_choice,
                                       assay_error *err) {
    assay_sql sql = {0};
    assay_cursor cursor;
    char what[400];
    (void)snprintf(what, sizeof what, "cannot read %.300s", source->file);
    assay_sql_add(&sql, "SELECT ");
    for (size_t i = 0; i < n_open; i++) {
        assay_sql_add(&sql, "count(a%zu), count(*) FILTER (a%zu IS DISTINCT FROM a0), ", i, i);
    }
    assay_sql_add(&sql, "min(d) FROM (SELECT d");
    for (size_t i = 0; i < n_open; i++) {
        assay_sql_add(&sql, ", ");
        add_parsed(open[i], "d", &sql);
        assay_sql_add(&sql, " AS a%zu", i);
    }
    assay_sql_add(&sql, " FROM (SELECT DISTINCT %s AS d FROM (SELECT 1%s FROM %s)))",
                  assay_import_date_text(columns), raw->text, source->relation);
    assay_arg file = assay_arg_text(source->file);
    assay_status status =
        assay_cursor_open(&cursor, store->connection, sql.failed ? NULL : sql.text, &file, 1, what, err);
    assay_sql_reset(&sql);
    if (status != ASSAY_OK) {
        return status;
    }
    int64_t fits[MAX_OPEN] = {0}, differs[MAX_OPEN] = {0};
    char first[64] = "";
    if (assay_cursor_next(&cursor)) {
        for (size_t i = 0; i < n_open; i++) {
            fits[i] = assay_cursor_int(&cursor, (idx_t)(2 * i));
            differs[i] = assay_cursor_int(&cursor, (idx_t)(2 * i + 1));
        }
        assay_cursor_copy(&cursor, (idx_t)(2 * n_open), first, sizeof first);
    }
    assay_cursor_close(&cursor);
    size_t best = 0, rival = n_open;
    for (size_t i = 1; i < n_open; i++) {
        best = fits[i] > fits[best] ? i : best;
    }
    for (size_t i = 0; i < n_open; i++) {
        bool other = i != best && fits[i] == fits[best] && differs[i] != differs[best];
        rival = other ? i : rival;
    }
    *out_choice = best;
    return rival == n_open
               ? ASSAY_OK
               : assay_error_set(err, ASSAY_E_DATA,
                                 "%.300s: its dates (\"%s\") may be %s or %s, and no row tells which; "
                                 "give --date-format \"%s\" or --date-format \"%s\"",
                                 source->file, first, open[best], open[rival], open[best], open[rival]);
}

static assay_status decide_date(assay_store *store, const assay_import_source *source,
                                const assay_import_columns *columns, const assay_sql *raw, const tally *t,
                                assay_import_values *values, assay_error *err) {
    size_t best = t->iso, n_open = 0, choice = 0;
    const char *open[MAX_OPEN];
    for (size_t i = 0; i < N_EPOCHS; i++) {
        if (t->epoch[i] > best) {
            best = t->epoch[i];
            values->kind = ASSAY_DATE_EPOCH;
            values->units = epochs[i].units;
        }
    }
    for (size_t i = 0; i < N_FORMATS; i++) {
        best = t->format[i] > best ? t->format[i] : best;
    }
    if (best == 0) {
        return t->first[0] == '\0'
                   ? ASSAY_OK
                   : assay_error_set(
                         err, ASSAY_E_DATA,
                         "%.300s, column %s: \"%s\" is not a date in any form that is known (such as "
                         "YYYY-MM-DD); give its form with --date-format, as strptime has it",
                         source->file, columns->column[ASSAY_IMPORT_TIMESTAMP].name, t->first);
    }
    if (best == t->iso || (values->kind == ASSAY_DATE_EPOCH)) {
        return ASSAY_OK;
    }
    for (size_t i = 0; i < N_FORMATS && n_open < MAX_OPEN; i++) {
        if (t->format[i] == best) {
            open[n_open++] = date_formats[i];
        }
    }
    assay_status status =
        n_open < 2 ? ASSAY_OK : decide_by_all_rows(store, source, columns, raw, open, n_open, &choice, err);
    values->kind = ASSAY_DATE_FORMAT;
    (void)snprintf(values->format, sizeof values->format, "%s", open[choice]);
    return status;
}

/* --- the interface --- */

static assay_status check_time_zone(assay_store *store, const char *zone, assay_error *err) {
    assay_sql sql = {0};
    assay_sql_add(&sql, "SET TimeZone = ");
    assay_sql_literal(&sql, zone);
    assay_status status = assay_query_do(store->connection, sql.failed ? NULL : sql.text, NULL, 0, "", NULL);
    assay_sql_reset(&sql);
    return status == ASSAY_OK
               ? status
               : assay_error_set(err, ASSAY_E_ARGUMENT,
                                 "\"%s\" is no time zone; write one such as UTC or America/New_York", zone);
}

static void say(const assay_import_values *values, assay_import_report *report) {
    const char *format = values->kind == ASSAY_DATE_FORMAT ? values->format : "ISO 8601";
    for (size_t i = 0; i < N_EPOCHS; i++) {
        if (values->kind == ASSAY_DATE_EPOCH && epochs[i].units == values->units) {
            format = epochs[i].name;
        }
    }
    (void)snprintf(report->date_format, sizeof report->date_format, "%s", format);
    (void)snprintf(report->time_zone, sizeof report->time_zone, "%s", values->time_zone);
    report->decimal[0] = values->decimal_comma ? ',' : '.';
}

assay_status assay_import_values_find(assay_store *store, const assay_import_source *source,
                                      const assay_import_columns *columns, const assay_sql *raw,
                                      const assay_import_spec *spec, assay_import_report *report,
                                      assay_import_values *out_values, assay_error *err) {
    tally t;
    memset(&t, 0, sizeof t);
    *out_values = (assay_import_values){.kind = ASSAY_DATE_ISO,
                                        .time_zone = spec->time_zone == NULL ? "UTC" : spec->time_zone};
    assay_status status = check_time_zone(store, out_values->time_zone, err);
    if (status == ASSAY_OK) {
        status = count_rows(store, source, columns, raw, false, &t, err);
    }
    if (status == ASSAY_OK && spec->date_format != NULL) {
        out_values->kind = ASSAY_DATE_FORMAT;
        (void)snprintf(out_values->format, sizeof out_values->format, "%s", spec->date_format);
    } else if (status == ASSAY_OK) {
        status = decide_date(store, source, columns, raw, &t, out_values, err);
    }
    if (status == ASSAY_OK && spec->decimal != NULL) {
        out_values->decimal_comma = spec->decimal[0] == ',';
    } else if (status == ASSAY_OK) {
        status = decide_decimal(store, source, columns, raw, report->delimiter[0], &t, out_values, err);
    }
    say(out_values, report);
    return status;
}

void assay_import_add_date(const assay_import_values *values, const assay_import_columns *columns,
                           assay_sql *sql) {
    const char *text = assay_import_date_text(columns);
    if (values->kind == ASSAY_DATE_ISO) {
        bool one_cell = !columns->column[ASSAY_IMPORT_TIME].present;
        if (one_cell) { /* YYYY-MM-DD, as nearly all files have it, needs none of what follows */
            assay_sql_add(sql, "coalesce(CASE WHEN frequency = '1d' AND strlen(r_timestamp) = 10 THEN "
                               "TRY_CAST(r_timestamp AS TIMESTAMP) END, ");
        }
        /* A daily row counts for the date that it says, whatever its time and offset. */
        assay_sql_add(
            sql,
            "CASE WHEN frequency <> '1d' THEN make_timestamp(epoch_us(TRY_CAST(%s AS TIMESTAMPTZ))) "
            "WHEN length(%s) <= 10 THEN TRY_CAST(%s AS TIMESTAMP) "
            "WHEN TRY_CAST(%s AS TIMESTAMPTZ) IS NOT NULL THEN "
            "TRY_CAST(split_part(replace(%s, 'T', ' '), ' ', 1) AS TIMESTAMP) END%s",
            text, text, text, text, text, one_cell ? ")" : "");
        return;
    }
    const char *day = "CASE WHEN frequency = '1d' THEN date_trunc('day', ";
    if (values->kind == ASSAY_DATE_EPOCH) {
        char at[200]; /* an instant; its day is that of the zone */
        (void)snprintf(at, sizeof at,
                       values->units > 1000000 ? "TRY_CAST(%s AS BIGINT) // 1000"
                                               : "TRY_CAST(TRY_CAST(%s AS DOUBLE) * %lld AS BIGINT)",
                       text, (long long)(1000000 / (values->units > 1000000 ? 1 : values->units)));
        assay_sql_add(sql, "%smake_timestamptz(%s))::TIMESTAMP ELSE make_timestamp(%s) END", day, at, at);
        return;
    }
    assay_sql_add(sql, "%s", day);
    add_parsed(values->format, text, sql);
    assay_sql_add(sql, ")::TIMESTAMP ELSE ");
    if (strcmp(values->time_zone, "UTC") == 0) {
        add_parsed(values->format, text, sql);
    } else {
        assay_sql_add(sql, "make_timestamp(epoch_us(timezone(");
        assay_sql_literal(sql, values->time_zone);
        assay_sql_add(sql, ", ");
        add_parsed(values->format, text, sql);
        assay_sql_add(sql, ")))");
    }
    assay_sql_add(sql, " END");
}

void assay_import_add_plain_number(const assay_import_values *values, const char *name, assay_sql *sql) {
    if (!values->decimal_comma) {
        assay_sql_add(sql, ", TRY_CAST(r_%s AS DOUBLE) AS d_%s", name, name);
    }
}

/* Groups of three digits, a currency's sign before, thousands or millions behind: understood, but looked for only where a plain
 * number is not found. (CASE takes a third of the time that coalesce() does.) */
void assay_import_add_number(const assay_import_values *values, const char *name, assay_sql *sql) {
    const char *group = values->decimal_comma ? "[. \u00a0\u202f'']" : "[, \u00a0\u202f'']";
    const char *point = values->decimal_comma ? "," : "[.]";
    if (!values->decimal_comma) {
        assay_sql_add(sql, "CASE WHEN d_%s IS NOT NULL THEN d_%s ELSE ", name, name);
    }
    assay_sql_add(
        sql,
        "CASE WHEN regexp_full_match(trim(r_%s), "
        "'[-+]?[$\u20ac\u00a3]? ?([0-9]*|[0-9]{1,3}(%s[0-9]{3})+)(%s[0-9]*)?([eE][-+]?[0-9]+)?[KMB]?') THEN "
        "TRY_CAST(replace(regexp_replace(trim(r_%s), '[^-+0-9eE%s]', '', 'g'), ',', '.') AS DOUBLE) * CASE "
        "right(trim(r_%s), 1) WHEN 'K' THEN 1e3 WHEN 'M' THEN 1e6 WHEN 'B' THEN 1e9 ELSE 1 END END",
        name, group, point, name, values->decimal_comma ? "," : ".", name);
    assay_sql_add(sql, values->decimal_comma ? "" : " END");
}
