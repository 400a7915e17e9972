#include "base/dates.h"

#include <inttypes.h>
#include <stdio.h>

int32_t assay_day_of_us(int64_t us) {
    int64_t day = us / ASSAY_US_PER_DAY;
    return (int32_t)(us % ASSAY_US_PER_DAY < 0 ? day - 1 : day);
}

int32_t assay_day_from_civil(int32_t year, int32_t month, int32_t day) {
    int32_t y = month <= 2 ? year - 1 : year;
    int32_t era = (y >= 0 ? y : y - 399) / 400;
    int32_t year_of_era = y - era * 400;
    int32_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void assay_civil_from_day(int32_t day, int32_t *out_year, int32_t *out_month, int32_t *out_day) {
    int32_t z = day + 719468;
    int32_t era = (z >= 0 ? z : z - 146096) / 146097;
    int32_t day_of_era = z - era * 146097;
    int32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int32_t shifted_month = (5 * day_of_year + 2) / 153;
    *out_day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    *out_month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    *out_year = year_of_era + era * 400 + (*out_month <= 2 ? 1 : 0);
}

int32_t assay_week_number(int32_t day) {
    int32_t since_monday = day + 3; /* 1969-12-29 was a Monday */
    return (since_monday >= 0 ? since_monday : since_monday - 6) / 7;
}

int32_t assay_month_number(int32_t day) {
    int32_t y, m, d;
    assay_civil_from_day(day, &y, &m, &d);
    return y * 12 + m - 1;
}

int32_t assay_quarter_number(int32_t day) {
    int32_t y, m, d;
    assay_civil_from_day(day, &y, &m, &d);
    return y * 4 + (m - 1) / 3;
}

/* Reads exactly `digits` decimal digits. */
static bool read_number(const char **cursor, int digits, int32_t *out_value) {
    int32_t value = 0;
    for (int i = 0; i < digits; i++) {
        char c = (*cursor)[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *cursor += digits;
    *out_value = value;
    return true;
}

static bool read_char(const char **cursor, char wanted) {
    if (**cursor != wanted)
        return false;
    *cursor += 1;
    return true;
}

static bool read_time_of_day(const char **cursor, int64_t *out_us) {
    int32_t hour, minute, second = 0;
    int64_t micro = 0;
    if (!read_number(cursor, 2, &hour) || !read_char(cursor, ':') || !read_number(cursor, 2, &minute))
        return false;
    if (read_char(cursor, ':')) {
        if (!read_number(cursor, 2, &second))
            return false;
        if (read_char(cursor, '.')) {
            int64_t unit = 100000;
            if (**cursor < '0' || **cursor > '9')
                return false;
            for (; **cursor >= '0' && **cursor <= '9'; *cursor += 1, unit /= 10)
                micro += (**cursor - '0') * unit;
        }
    }
    (void)read_char(cursor, 'Z');
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    *out_us = (((int64_t)hour * 60 + minute) * 60 + second) * 1000000 + micro;
    return true;
}

bool assay_time_parse(const char *text, int64_t *out_us) {
    const char *cursor = text;
    int32_t year, month, day;
    if (!read_number(&cursor, 4, &year) || !read_char(&cursor, '-') || !read_number(&cursor, 2, &month) ||
        !read_char(&cursor, '-') || !read_number(&cursor, 2, &day))
        return false;
    int64_t of_day = 0;
    if ((*cursor == 'T' || *cursor == ' ') && (cursor++, !read_time_of_day(&cursor, &of_day)))
        return false;
    if (*cursor != '\0' || month < 1 || month > 12 || day < 1)
        return false;
    int32_t number = assay_day_from_civil(year, month, day);
    int32_t y, m, d;
    assay_civil_from_day(number, &y, &m, &d);
    if (y != year || m != month || d != day)
        return false;
    *out_us = number * ASSAY_US_PER_DAY + of_day;
    return true;
}

void assay_time_format(int64_t us, char *out_text, size_t size) {
    int32_t day = assay_day_of_us(us);
    int64_t of_day = us - day * ASSAY_US_PER_DAY;
    int32_t y, m, d;
    assay_civil_from_day(day, &y, &m, &d);
    int64_t seconds = of_day / 1000000;
    int64_t micro = of_day % 1000000;
    if (of_day == 0)
        snprintf(out_text, size, "%04" PRId32 "-%02" PRId32 "-%02" PRId32, y, m, d);
    else if (micro == 0)
        snprintf(out_text, size, "%04" PRId32 "-%02" PRId32 "-%02" PRId32 "T%02d:%02d:%02d", y, m, d,
                 (int)(seconds / 3600), (int)(seconds / 60 % 60), (int)(seconds % 60));
    else
        snprintf(out_text, size, "%04" PRId32 "-%02" PRId32 "-%02" PRId32 "T%02d:%02d:%02d.%06d", y, m, d,
                 (int)(seconds / 3600), (int)(seconds / 60 % 60), (int)(seconds % 60), (int)micro);
}
