#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void assay_double_format(double value, char *out_text, size_t size) {
    if (isnan(value)) {
        snprintf(out_text, size, "nan");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out_text, size, "%.*g", digits, value);
        if (digits == 17 || strtod(out_text, NULL) == value)
            return;
    }
}

bool assay_double_parse(const char *text, double *out_value) {
    if (text[0] == '\0' || strspn(text, "0123456789+-.eE") != strlen(text))
        return false;
    char *end = NULL;
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value))
        return false;
    *out_value = value;
    return true;
}

bool assay_integer_parse(const char *text, int64_t *out_value) {
    if (text[0] == '\0' || strspn(text, "0123456789+-") != strlen(text))
        return false;
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*end != '\0' || errno != 0)
        return false;
    *out_value = value;
    return true;
}

enum { LONGEST_NAME = 64 };

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t assay_edit_distance(const char *a, const char *b) {
    size_t na = strlen(a), nb = strlen(b);
    if (na > LONGEST_NAME || nb > LONGEST_NAME)
        return LONGEST_NAME;
    size_t rows[3][LONGEST_NAME + 1] = {{0}}; /* the row before the last, the last, this one */
    for (size_t j = 0; j <= nb; j++)
        rows[1][j] = j;
    for (size_t i = 1; i <= na; i++) {
        rows[2][0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t change = rows[1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            size_t best = smaller(change, smaller(rows[1][j], rows[2][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = smaller(best, rows[0][j - 2] + 1);
            rows[2][j] = best;
        }
        memcpy(rows[0], rows[1], sizeof rows[0]);
        memcpy(rows[1], rows[2], sizeof rows[1]);
    }
    return rows[1][nb];
}

const char *assay_nearer_name(const char *wanted, const char *best, const char *candidate) {
    size_t near_enough = 1 + strlen(wanted) / 3;
    size_t distance = assay_edit_distance(wanted, candidate);
    if (distance > near_enough)
        return best;
    return best == NULL || distance < assay_edit_distance(wanted, best) ? candidate : best;
}

/* The bytes of the character at `text`; 0: none that is valid (RFC 3629: no surrogates, nothing overlong); -1: cut. */
static int measure_character(const unsigned char *text) {
    if (text[0] < 0x80)
        return 1;
    int n = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    if (text[0] < 0xc2 || text[0] > 0xf4)
        return 0;
    for (int i = 1; i < n; i++) {
        if (text[i] == '\0')
            return -1;
        unsigned char least = 0x80, most = 0xbf;
        if (i == 1) {
            least = text[0] == 0xe0 ? 0xa0 : text[0] == 0xf0 ? 0x90 : 0x80;
            most = text[0] == 0xed ? 0x9f : text[0] == 0xf4 ? 0x8f : 0xbf;
        }
        if (text[i] < least || text[i] > most)
            return 0;
    }
    return n;
}

void assay_text_make_printable(char *text) {
    while (*text != '\0') {
        int n = measure_character((const unsigned char *)text);
        bool is_control = ((unsigned char)*text < 0x20 && *text != '\t' && *text != '\n') || *text == 0x7f;
        if (n < 0) {
            *text = '\0';
            return;
        }
        if (n == 0 || is_control) {
            *text = '?';
            n = 1;
        }
        text += n;
    }
}
