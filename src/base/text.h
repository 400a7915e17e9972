/* Numbers as text and back, and the nearest known name for an unknown one. Pure functions, thread-safe. */
#ifndef ASSAY_BASE_TEXT_H
#define ASSAY_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The fewest significant digits (15 to 17) that read back as the same double; "nan", "inf", "-inf". `size` >= 32 fits. */
void assay_double_format(double value, char *out_text, size_t size);

/* A whole text as a finite double or an integer, the C locale's point; false for anything else ("", "1x", "nan"). */
bool assay_double_parse(const char *text, double *out_value);
bool assay_integer_parse(const char *text, int64_t *out_value);

/* Edit distance (Levenshtein with transposition) of two names; names longer than 64 bytes count as far apart. */
size_t assay_edit_distance(const char *a, const char *b);

/* The nearer of `best` (may be NULL) and `candidate` to `wanted`; NULL while neither is near enough to be a likely slip. */
const char *assay_nearer_name(const char *wanted, const char *best, const char *candidate);

/* Makes a text of any bytes fit for a terminal and for JSON: bytes that are no UTF-8, and control characters but tab and line
 * feed, become '?'; what a cut left of a last character is taken off. In place; never longer. */
void assay_text_make_printable(char *text);

#endif
