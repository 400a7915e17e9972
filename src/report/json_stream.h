/* JSON written straight to a stream, for documents with long arrays. Private to src/report. Keys are plain names; texts are
 * escaped; numbers that are not finite are null. Errors of the stream are left to the caller (ferror). */
#ifndef ASSAY_REPORT_JSON_STREAM_H
#define ASSAY_REPORT_JSON_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct assay_json_stream {
    FILE *out;
    bool is_fresh; /* nothing stands in the innermost object or array yet */
} assay_json_stream;

/* `key` is NULL within arrays and at the top. `bracket`: '{' or '['; the other one closes. */
void assay_stream_open(assay_json_stream *s, const char *key, char bracket);
void assay_stream_close(assay_json_stream *s, char bracket);

void assay_stream_text(assay_json_stream *s, const char *key, const char *text); /* NULL: null */
void assay_stream_json(assay_json_stream *s, const char *key, const char *json); /* as it is; NULL: null */
void assay_stream_whole(assay_json_stream *s, const char *key, int64_t value);
/* In the fewest digits that read back the same. */
void assay_stream_number(assay_json_stream *s, const char *key, double value);
/* Rounded to so many significant digits; charts need no more. */
void assay_stream_rounded(assay_json_stream *s, const char *key, double value, int digits);
void assay_stream_row(assay_json_stream *s, const char *key, const double *values, size_t n, int digits);

#endif
