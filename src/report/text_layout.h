/* Numbers for people, padding by columns of the screen, and JSON values. Private to src/report. */
#ifndef ASSAY_REPORT_TEXT_LAYOUT_H
#define ASSAY_REPORT_TEXT_LAYOUT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "assay/assay_report.h"

enum { NUMBER_SIZE = 400 }; /* the digits of any double */

/* The dash that stands for an undefined number. */
const char *assay_dash(const assay_report_style *style);

/* 12,345.68: fixed decimals, commas between thousands; NaN the dash, infinity "inf". */
void assay_format_number(double value, int decimals, const assay_report_style *style, char *out_text,
                         size_t size);
void assay_format_count(size_t count, char *out_text, size_t size);

/* Columns that a UTF-8 text takes, one for each code point. */
size_t assay_text_columns(const char *text);

/* Writes `text` and spaces up to `columns`; right: the spaces first. */
void assay_put_padded(const char *text, size_t columns, bool right, FILE *out);

/* Writes `text` broken at spaces to the screen's width, every line but the first indented. The first line starts at
 * column `at`. */
void assay_put_wrapped(const char *text, unsigned at, unsigned indent, const assay_report_style *style,
                       FILE *out);

unsigned assay_style_width(const assay_report_style *style);

/* What names a strategy in a configuration (of an ensemble, a list), and the universe of a run; NULL: out of memory. */
cJSON *assay_strategy_json(const assay_strategy *strategy);
cJSON *assay_universe_json(assay_universe universe);

/* A number as cJSON has it, in our digits; null when not finite. NULL: out of memory. */
cJSON *assay_json_number(double value);
/* Adds an item that may be NULL (out of memory) to an object; false: failed, and the item is freed. */
bool assay_json_add(cJSON *object, const char *name, cJSON *item);
/* A member that is an array of texts, copied; false: it is none, or out of memory. Free with assay_free_texts in any case. */
bool assay_json_read_texts(const cJSON *object, const char *name, char ***out_texts, size_t *out_n);
void assay_free_texts(char **texts, size_t n);
/* Prints `json` (freed in any case; NULL: out of memory) on one line or readably. */
ASSAY_NODISCARD assay_status assay_json_write(cJSON *json, FILE *out, assay_error *err);
ASSAY_NODISCARD assay_status assay_json_text(cJSON *json, char **out_text, assay_error *err);

#endif
