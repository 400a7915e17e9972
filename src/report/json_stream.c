#include "report/json_stream.h"

#include <inttypes.h>
#include <math.h>

#include "base/text.h"

static void put_string(assay_json_stream *s, const char *text) {
    putc('"', s->out);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            fprintf(s->out, "\\%c", *at);
        else if (*at < 0x20)
            fprintf(s->out, "\\u%04x", *at);
        else
            putc(*at, s->out);
    }
    putc('"', s->out);
}

static void begin(assay_json_stream *s, const char *key) {
    if (!s->is_fresh)
        putc(',', s->out);
    s->is_fresh = false;
    if (key != NULL) {
        put_string(s, key);
        putc(':', s->out);
    }
}

void assay_stream_open(assay_json_stream *s, const char *key, char bracket) {
    begin(s, key);
    putc(bracket, s->out);
    s->is_fresh = true;
}

void assay_stream_close(assay_json_stream *s, char bracket) {
    putc(bracket == '{' ? '}' : bracket == '[' ? ']' : bracket, s->out);
    s->is_fresh = false;
}

void assay_stream_text(assay_json_stream *s, const char *key, const char *text) {
    begin(s, key);
    if (text == NULL)
        fputs("null", s->out);
    else
        put_string(s, text);
}

void assay_stream_json(assay_json_stream *s, const char *key, const char *json) {
    begin(s, key);
    fputs(json == NULL ? "null" : json, s->out);
}

void assay_stream_whole(assay_json_stream *s, const char *key, int64_t value) {
    begin(s, key);
    fprintf(s->out, "%" PRId64, value);
}

void assay_stream_number(assay_json_stream *s, const char *key, double value) {
    char text[32];
    assay_double_format(value, text, sizeof text);
    assay_stream_json(s, key, isfinite(value) ? text : NULL);
}

void assay_stream_rounded(assay_json_stream *s, const char *key, double value, int digits) {
    char text[40];
    snprintf(text, sizeof text, "%.*g", digits, value);
    assay_stream_json(s, key, !isfinite(value) ? NULL : value == 0 ? "0" : text);
}

void assay_stream_row(assay_json_stream *s, const char *key, const double *values, size_t n, int digits) {
    assay_stream_open(s, key, '[');
    for (size_t i = 0; i < n; i++)
        assay_stream_rounded(s, NULL, values[i], digits);
    assay_stream_close(s, ']');
}
