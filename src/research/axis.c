/* Axes from text, and their values. Powers are taken in extended precision, whose rounding to double does not depend on the
 * processor. */
#include "research/axis.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"

/* Whole numbers beyond this are no longer all doubles. */
#define LARGEST_WHOLE (INT64_C(1) << 53)

/* The text that is being read, for messages. */
typedef struct reader {
    const char *text; /* the whole axis */
    assay_error *err;
} reader;

/* A part of the text, without the blanks around it. */
typedef struct slice {
    const char *at;
    size_t length;
} slice;

ASSAY_PRINTF(3, 4)
static assay_status refuse(const reader *in, const char *at, const char *format, ...) {
    char what[400];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return assay_error_set(in->err, ASSAY_E_CONFIG, "axis '%.200s', character %zu: %s", in->text,
                           (size_t)(at - in->text) + 1, what);
}

static slice trimmed(const char *begin, const char *end) {
    while (begin < end && isspace((unsigned char)*begin))
        begin++;
    while (begin < end && isspace((unsigned char)end[-1]))
        end--;
    return (slice){begin, (size_t)(end - begin)};
}

enum { NUMBER_SIZE = 64 };

/* As a text of its own; an empty one where it is too long to be a number. */
static void copy_number(slice part, char out_text[NUMBER_SIZE]) {
    size_t length = part.length < NUMBER_SIZE ? part.length : 0;
    memcpy(out_text, part.at, length);
    out_text[length] = '\0';
}

static bool read_double(slice part, double *out_value) {
    char text[NUMBER_SIZE];
    copy_number(part, text);
    return assay_double_parse(text, out_value);
}

static bool read_whole(slice part, int64_t *out_value) {
    char text[NUMBER_SIZE];
    copy_number(part, text);
    return assay_integer_parse(text, out_value) && *out_value >= -LARGEST_WHOLE &&
           *out_value <= LARGEST_WHOLE;
}

static assay_status need_double(const reader *in, slice part, const char *what, double *out_value) {
    if (read_double(part, out_value))
        return ASSAY_OK;
    return refuse(in, part.at, "%s is '%.*s' and must be a number", what, (int)part.length, part.at);
}

/* --- lists --- */

/* Numbers in their one form (1e1 and 010 are 10), so that the same value is the same text; the rest as it stands. */
static void write_canonical(slice item, char *out_text, size_t size) {
    int64_t whole = 0;
    double number = 0;
    if (read_whole(item, &whole))
        snprintf(out_text, size, "%" PRId64, whole);
    else if (read_double(item, &number))
        assay_double_format(number == 0 ? 0 : number, out_text, size);
    else
        snprintf(out_text, size, "%.*s", (int)item.length, item.at);
}

static assay_status check_item(const reader *in, slice item) {
    if (item.length == 0)
        return refuse(in, item.at,
                      "a value is empty: write values with one comma between them, such as "
                      "10,20,50");
    const char *colon = memchr(item.at, ':', item.length);
    double number = 0;
    if (colon != NULL && read_double(trimmed(item.at, colon), &number))
        return refuse(in, item.at,
                      "'%.*s' is a range inside a list: write either begin:end:step or single values with "
                      "commas",
                      (int)item.length, item.at);
    return ASSAY_OK;
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A point that is run twice would count as two trials. */
static assay_status check_distinct(const reader *in, const assay_axis *axis, const char *values) {
    size_t n = (size_t)axis->count;
    char **sorted = malloc(n * sizeof *sorted);
    if (sorted == NULL)
        return assay_error_set(in->err, ASSAY_E_NOMEM, "out of memory for %zu values", n);
    memcpy(sorted, axis->text, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_texts);
    assay_status status = ASSAY_OK;
    for (size_t i = 1; i < n && status == ASSAY_OK; i++) {
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            status = refuse(in, values, "the value %.100s is in the list twice: write it once", sorted[i]);
    }
    free(sorted);
    return status;
}

static assay_status read_list(const reader *in, const char *values, assay_axis *axis) {
    size_t n = 1, length = strlen(values);
    for (const char *c = values; *c != '\0'; c++)
        n += *c == ',' ? 1 : 0;
    axis->kind = ASSAY_AXIS_LIST;
    axis->count = n;
    axis->text = malloc(n * (sizeof *axis->text + 32) + length + 1);
    if (axis->text == NULL)
        return assay_error_set(in->err, ASSAY_E_NOMEM, "out of memory for %zu values", n);
    char *next = (char *)(axis->text + n);
    const char *begin = values;
    for (size_t i = 0; i < n; i++) {
        const char *end = begin + strcspn(begin, ",");
        slice item = trimmed(begin, end);
        assay_status status = check_item(in, item);
        if (status != ASSAY_OK)
            return status;
        axis->text[i] = next;
        write_canonical(item, next, item.length + 32);
        next += strlen(next) + 1;
        begin = end + 1;
    }
    return check_distinct(in, axis, values);
}

/* --- begin:end:step --- */

/* mantissa / 10^decimals */
typedef struct decimal {
    int64_t mantissa;
    int decimals;
} decimal;

#define LARGEST_MANTISSA INT64_C(1000000000000000) /* below 2^53: a double holds it exactly */
enum { MOST_DECIMALS = 22 }; /* 10^22 is the last power of ten that a double holds exactly */

static bool scale_up(decimal *d, int decimals) {
    for (; d->decimals < decimals; d->decimals++) {
        if (d->mantissa > LARGEST_MANTISSA / 10 || d->mantissa < -LARGEST_MANTISSA / 10)
            return false;
        d->mantissa *= 10;
    }
    return true;
}

/* Of a text that is a number; false where it has too many digits. */
static bool read_decimal(slice part, decimal *out) {
    decimal d = {0};
    size_t i = part.at[0] == '-' || part.at[0] == '+' ? 1 : 0;
    bool behind_point = false;
    for (; i < part.length && part.at[i] != 'e' && part.at[i] != 'E'; i++) {
        if (part.at[i] == '.') {
            behind_point = true;
            continue;
        }
        if (d.mantissa >= LARGEST_MANTISSA / 10)
            return false;
        d.mantissa = d.mantissa * 10 + (part.at[i] - '0');
        d.decimals += behind_point ? 1 : 0;
    }
    if (i < part.length) {
        long exponent = strtol(part.at + i + 1, NULL, 10);
        if (exponent < -MOST_DECIMALS || exponent > MOST_DECIMALS)
            return false;
        d.decimals -= (int)exponent;
    }
    if (part.at[0] == '-')
        d.mantissa = -d.mantissa;
    *out = d;
    return d.decimals <= MOST_DECIMALS && scale_up(out, 0);
}

/* Steps in units of the last decimal of any of the three numbers; false where units cannot count them. */
static bool count_in_units(const slice parts[3], assay_axis *axis) {
    decimal d[3];
    int decimals = 0;
    for (int i = 0; i < 3; i++) {
        if (!read_decimal(parts[i], &d[i]))
            return false;
        decimals = d[i].decimals > decimals ? d[i].decimals : decimals;
    }
    for (int i = 0; i < 3; i++) {
        if (!scale_up(&d[i], decimals))
            return false;
    }
    axis->begin_units = d[0].mantissa;
    axis->step_units = d[2].mantissa;
    axis->whole = decimals == 0;
    axis->scale = 1;
    for (int i = 0; i < decimals; i++)
        axis->scale *= 10;
    axis->count = (uint64_t)((d[1].mantissa - d[0].mantissa) / d[2].mantissa) + 1;
    return true;
}

static assay_status read_steps(const reader *in, const char *values, assay_axis *axis) {
    static const char *const names[3] = {"the begin", "the end", "the step"};
    slice parts[3];
    double number[3];
    const char *begin = values;
    for (int i = 0; i < 3; i++) {
        const char *end = i == 2 ? begin + strlen(begin) : begin + strcspn(begin, ":");
        parts[i] = trimmed(begin, end);
        assay_status status = need_double(in, parts[i], names[i], &number[i]);
        if (status != ASSAY_OK)
            return status;
        if (i < 2 && *end == '\0')
            return refuse(in, end, "the step is missing: write begin:end:step, such as 10:200:10");
        begin = end + 1;
    }
    axis->kind = ASSAY_AXIS_STEPS;
    axis->begin = number[0];
    axis->end = number[1];
    axis->step = number[2];
    if (axis->step == 0)
        return refuse(in, parts[2].at,
                      "the step is 0: write begin:end:step with a step that leads from "
                      "begin to end");
    if ((axis->end - axis->begin) * axis->step < 0)
        return refuse(in, parts[2].at, "the step %g leads away from the end %g: give it the other sign",
                      axis->step, axis->end);
    if (count_in_units(parts, axis))
        return ASSAY_OK;
    axis->scale = 0;
    axis->whole = false;
    double n_steps = floor((axis->end - axis->begin) / axis->step + 1e-9);
    if (!(n_steps < 0x1p62))
        return refuse(in, parts[2].at, "the step is too small: more than 2^62 values");
    axis->count = (uint64_t)n_steps + 1;
    return ASSAY_OK;
}

/* --- log:begin:end:count and ranges --- */

/* Reads both ends: whole numbers where both are written so. */
static assay_status read_ends(const reader *in, slice begin, slice end, bool logarithmic, assay_axis *axis) {
    int64_t whole = 0;
    axis->whole = read_whole(begin, &whole) && read_whole(end, &whole);
    assay_status status = need_double(in, begin, "the begin", &axis->begin);
    if (status == ASSAY_OK)
        status = need_double(in, end, "the end", &axis->end);
    if (status != ASSAY_OK)
        return status;
    if (logarithmic && axis->begin <= 0)
        return refuse(in, begin.at, "a logarithmic axis needs a begin above 0");
    if (axis->begin >= axis->end)
        return refuse(in, end.at, "the end must be above the begin (for one value, write it alone)");
    return ASSAY_OK;
}

/* Rounded to whole numbers, the values must stay distinct. */
static assay_status check_log_steps(const reader *in, const char *at, const assay_axis *axis) {
    if (!axis->whole)
        return ASSAY_OK;
    for (uint64_t i = 1; i < axis->count; i++) {
        if (assay_axis_at(axis, i).integer == assay_axis_at(axis, i - 1).integer)
            return refuse(in, at,
                          "%" PRIu64 " values from %.0f to %.0f are not distinct whole numbers: ask for "
                          "fewer, or write %.1f for real numbers",
                          axis->count, axis->begin, axis->end, axis->begin);
    }
    return ASSAY_OK;
}

static assay_status read_log_steps(const reader *in, const char *values, const char *colon,
                                   assay_axis *axis) {
    const char *second = strchr(colon + 1, ':');
    if (second == NULL)
        return refuse(in, values, "write log:begin:end:count, such as log:0.01:1:20, or log:begin..end");
    assay_status status = read_ends(in, trimmed(values, colon), trimmed(colon + 1, second), true, axis);
    if (status != ASSAY_OK)
        return status;
    slice part = trimmed(second + 1, second + 1 + strlen(second + 1));
    int64_t count = 0;
    if (!read_whole(part, &count) || count < 2 || count > ASSAY_AXIS_MAX_LOG_STEPS)
        return refuse(in, part.at, "the count is '%.*s' and must be a whole number from 2 to %d",
                      (int)part.length, part.at, (int)ASSAY_AXIS_MAX_LOG_STEPS);
    axis->kind = ASSAY_AXIS_LOG_STEPS;
    axis->count = (uint64_t)count;
    return check_log_steps(in, part.at, axis);
}

static assay_status read_range(const reader *in, const char *values, const char *dots, bool logarithmic,
                               assay_axis *axis) {
    axis->kind = logarithmic ? ASSAY_AXIS_LOG_RANGE : ASSAY_AXIS_RANGE;
    axis->count = 0;
    const char *end = dots + 2;
    return read_ends(in, trimmed(values, dots), trimmed(end, end + strlen(end)), logarithmic, axis);
}

static assay_status read_log(const reader *in, const char *values, assay_axis *axis) {
    const char *dots = strstr(values, ".."), *colon = strchr(values, ':');
    if (dots != NULL)
        return read_range(in, values, dots, true, axis);
    if (colon != NULL)
        return read_log_steps(in, values, colon, axis);
    return refuse(in, values, "write log:begin:end:count, such as log:0.01:1:20, or log:begin..end");
}

/* --- the whole axis --- */

static assay_status read_name(const reader *in, const char *equals, assay_axis *axis) {
    slice name = trimmed(in->text, equals);
    for (size_t i = 0; i < name.length; i++) {
        unsigned char c = (unsigned char)name.at[i];
        if (!isalnum(c) && c != '_' && c != '.' && c != '-')
            return refuse(in, name.at + i,
                          "a name has letters, digits and _ alone: write NAME=VALUES, such "
                          "as lookback=10,20,50");
    }
    if (name.length == 0 || *equals == '\0')
        return refuse(in, equals, "the %s missing: write NAME=VALUES, such as lookback=10,20,50",
                      name.length == 0 ? "name is" : "values are");
    axis->name = malloc(name.length + 1);
    if (axis->name == NULL)
        return assay_error_set(in->err, ASSAY_E_NOMEM, "out of memory for an axis");
    memcpy(axis->name, name.at, name.length);
    axis->name[name.length] = '\0';
    return ASSAY_OK;
}

/* Colons and dots make a range only behind a number: times of day and paths are texts. */
static bool number_before(const char *values, const char *mark) {
    double number = 0;
    return mark != NULL && read_double(trimmed(values, mark), &number);
}

static assay_status read_values(const reader *in, const char *values, assay_axis *axis) {
    const char *dots = strstr(values, "..");
    if (strncmp(values, "log:", 4) == 0)
        return read_log(in, values + 4, axis);
    if (number_before(values, strchr(values, ':')))
        return read_steps(in, values, axis);
    if (number_before(values, dots))
        return read_range(in, values, dots, false, axis);
    return read_list(in, values, axis);
}

assay_status assay_axis_init(assay_axis *out_axis, const char *text, assay_error *err) {
    memset(out_axis, 0, sizeof *out_axis);
    reader in = {text, err};
    const char *equals = text + strcspn(text, "=");
    assay_status status = read_name(&in, equals, out_axis);
    if (status == ASSAY_OK)
        status = read_values(&in, equals + 1 + strspn(equals + 1, " \t"), out_axis);
    if (status != ASSAY_OK)
        assay_axis_reset(out_axis);
    return status;
}

void assay_axis_reset(assay_axis *axis) {
    free(axis->name);
    free(axis->text);
    memset(axis, 0, sizeof *axis);
}

/* --- values --- */

static assay_axis_value real_value(double number) {
    return (assay_axis_value){.number = number == 0 ? 0 : number};
}

static assay_axis_value whole_value(int64_t integer) {
    return (assay_axis_value){.whole = true, .integer = integer, .number = (double)integer};
}

/* begin x (end / begin)^fraction. */
static double geometric(double begin, double end, long double fraction) {
    return (double)((long double)begin * powl((long double)end / (long double)begin, fraction));
}

static double clamp(double value, double low, double high) {
    return assay_min(assay_max(value, low), high);
}

static assay_axis_value step_at(const assay_axis *axis, uint64_t index) {
    if (axis->scale == 0)
        return real_value((double)((long double)axis->begin + (long double)axis->step * (long double)index));
    int64_t units = axis->begin_units + axis->step_units * (int64_t)index;
    return axis->whole ? whole_value(units) : real_value((double)units / axis->scale);
}

static assay_axis_value log_step_at(const assay_axis *axis, uint64_t index) {
    long double fraction = (long double)index / (long double)(axis->count - 1);
    double value = index == 0                 ? axis->begin
                   : index == axis->count - 1 ? axis->end
                                              : geometric(axis->begin, axis->end, fraction);
    return axis->whole ? whole_value((int64_t)floor(value + 0.5)) : real_value(value);
}

assay_axis_value assay_axis_at(const assay_axis *axis, uint64_t index) {
    if (axis->kind == ASSAY_AXIS_STEPS)
        return step_at(axis, index);
    if (axis->kind == ASSAY_AXIS_LOG_STEPS)
        return log_step_at(axis, index);
    assay_axis_value value = {.text = axis->text[index], .number = ASSAY_NAN};
    value.whole = assay_integer_parse(value.text, &value.integer);
    (void)assay_double_parse(value.text, &value.number);
    return value;
}

uint64_t assay_axis_index_at(const assay_axis *axis, double fraction) {
    uint64_t index = (uint64_t)(fraction * (double)axis->count);
    return index < axis->count ? index : axis->count - 1;
}

/* A whole number k is as likely as any other, or, where logarithmic, as the length of log k … log (k + 1). */
assay_axis_value assay_axis_within(const assay_axis *axis, double fraction) {
    double begin = axis->begin, end = axis->end;
    double limit = axis->whole ? end + 1 : end;
    double value = axis->kind == ASSAY_AXIS_LOG_RANGE
                       ? geometric(begin, limit, (long double)fraction)
                       : (double)((long double)begin +
                                  (long double)fraction * ((long double)limit - (long double)begin));
    if (axis->whole)
        return whole_value((int64_t)clamp(floor(value), begin, end));
    return real_value(clamp(value, begin, end));
}

void assay_axis_value_text(const assay_axis_value *value, char *out_text, size_t size) {
    if (value->text != NULL)
        snprintf(out_text, size, "%s", value->text);
    else if (value->whole)
        snprintf(out_text, size, "%" PRId64, value->integer);
    else
        assay_double_format(value->number, out_text, size);
}
