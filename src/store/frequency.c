/* Names of frequencies: one canonical name for the spellings that people use. */
#include "frequency.h"

#include <stdio.h>
#include <string.h>

const char *assay_frequency_name(const char *text, size_t size, char out_text[32]) {
    static const struct {
        const char *spelling, *name;
    } known[] = {{"d", "1d"},      {"day", "1d"},    {"daily", "1d"},  {"1day", "1d"},   {"eod", "1d"},
                 {"w", "1w"},      {"week", "1w"},   {"weekly", "1w"}, {"1wk", "1w"},    {"h", "1h"},
                 {"hour", "1h"},   {"hourly", "1h"}, {"60m", "1h"},    {"60min", "1h"},  {"1min", "1m"},
                 {"minute", "1m"}, {"5min", "5m"},   {"15min", "15m"}, {"30min", "30m"}, {"monthly", "1mo"}};
    while (size > 0 && *text == ' ') {
        text++;
        size--;
    }
    while (size > 0 && text[size - 1] == ' ') {
        size--;
    }
    (void)snprintf(out_text, 32, "%.*s", (int)(size < 31 ? size : 31), text);
    if (strcmp(out_text, "M") == 0 || strcmp(out_text, "1M") == 0) {
        (void)snprintf(out_text, 32, "1mo"); /* the one place where case matters: 1m is a minute */
        return out_text;
    }
    for (char *c = out_text; *c != '\0'; c++) {
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(out_text, known[i].spelling) == 0) {
            (void)snprintf(out_text, 32, "%s", known[i].name);
            break;
        }
    }
    return out_text;
}

assay_status assay_frequency_case(duckdb_connection connection, const char *relation, const assay_arg *args,
                                  size_t n_args, const char *column, const char *otherwise, assay_sql *sql,
                                  assay_error *err) {
    char name[32];
    assay_frequency_name(otherwise, strlen(otherwise), name);
    if (column == NULL) {
        assay_sql_literal(sql, name);
        return ASSAY_OK;
    }
    assay_sql query = {0};
    assay_cursor cursor;
    assay_sql_add(&query, "SELECT DISTINCT CAST(");
    assay_sql_identifier(&query, column);
    assay_sql_add(&query, " AS VARCHAR) FROM %s ORDER BY 1", relation);
    assay_status status = assay_cursor_open(&cursor, connection, query.failed ? NULL : query.text, args,
                                            n_args, "cannot read the frequencies", err);
    assay_sql_reset(&query);
    assay_sql_add(sql, "CASE CAST(");
    assay_sql_identifier(sql, column);
    assay_sql_add(sql, " AS VARCHAR) WHEN NULL THEN NULL");
    while (status == ASSAY_OK && assay_cursor_next(&cursor)) {
        char raw[64], canonical[32];
        assay_cursor_copy(&cursor, 0, raw, sizeof raw);
        assay_frequency_name(raw, strlen(raw), canonical);
        if (canonical[0] != '\0') {
            assay_sql_add(sql, " WHEN ");
            assay_sql_literal(sql, raw);
            assay_sql_add(sql, " THEN ");
            assay_sql_literal(sql, canonical);
        }
    }
    assay_sql_add(sql, " ELSE ");
    assay_sql_literal(sql, name);
    assay_sql_add(sql, " END");
    assay_cursor_close(&cursor);
    return status;
}
