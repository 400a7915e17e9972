/* TZif files and the rule at their end (RFC 8536, section 3; POSIX.1-2017, section 8.3). */
#include "base/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"

enum { MOST_BYTES = 1 << 20, DAY_S = 86400, HEADER = 44 };

/* A day of the year on which the clock changes. */
typedef struct change_rule {
    char
        form; /* 'M': week `week` (5: the last) of `month`, on `day` (0: Sunday); 'J': day 1-365 without 29 February; 'D': 0-365 */
    int32_t month, week, day;
    int32_t time_s; /* after midnight, local */
} change_rule;

struct assay_zone {
    size_t n; /* changes that the file lists */
    int64_t *at_s;
    int32_t *offset_s; /* from at_s on */
    int32_t first_offset_s;
    bool has_rule; /* after the last of them */
    bool has_summer;
    int32_t standard_s, summer_s;
    change_rule begin, end;
};

/* --- the rule --- */

static bool read_number(const char **at, int32_t most, int32_t *out) {
    int32_t value = 0;
    if (**at < '0' || **at > '9')
        return false;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        value = value * 10 + (**at - '0');
        if (value > most)
            return false;
    }
    *out = value;
    return true;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool read_clock(const char **at, int32_t most_hours, int32_t *out_s) {
    int32_t sign = **at == '-' ? -1 : 1, part[3] = {0};
    if (**at == '-' || **at == '+')
        (*at)++;
    if (!read_number(at, most_hours, &part[0]))
        return false;
    for (int i = 1; i < 3 && **at == ':'; i++) {
        (*at)++;
        if (!read_number(at, 59, &part[i]))
            return false;
    }
    *out_s = sign * (part[0] * 3600 + part[1] * 60 + part[2]);
    return true;
}

static bool skip_name(const char **at) {
    const char *begin = *at;
    if (**at == '<') {
        while (**at != '\0' && **at != '>')
            (*at)++;
        return *(*at)++ == '>';
    }
    while ((**at >= 'a' && **at <= 'z') || (**at >= 'A' && **at <= 'Z'))
        (*at)++;
    return *at > begin;
}

static bool read_change(const char **at, change_rule *out) {
    *out = (change_rule){.form = 'D', .time_s = 7200};
    if (*(*at)++ != ',')
        return false;
    if (**at == 'M') {
        (*at)++;
        out->form = 'M';
        if (!read_number(at, 12, &out->month) || out->month < 1 || *(*at)++ != '.' ||
            !read_number(at, 5, &out->week) || out->week < 1 || *(*at)++ != '.' ||
            !read_number(at, 6, &out->day))
            return false;
    } else {
        if (**at == 'J') {
            (*at)++;
            out->form = 'J';
        }
        if (!read_number(at, 365, &out->day))
            return false;
    }
    if (**at != '/')
        return true;
    (*at)++;
    return read_clock(at, 167, &out->time_s);
}

static bool read_rule(const char *text, assay_zone *zone) {
    const char *at = text;
    int32_t behind;
    if (!skip_name(&at) || !read_clock(&at, 24, &behind))
        return false;
    zone->standard_s = -behind;
    zone->has_rule = true;
    if (*at == '\0')
        return true;
    zone->has_summer = true;
    zone->summer_s = zone->standard_s + 3600;
    if (!skip_name(&at))
        return false;
    if (*at != ',') {
        if (!read_clock(&at, 24, &behind))
            return false;
        zone->summer_s = -behind;
    }
    return read_change(&at, &zone->begin) && read_change(&at, &zone->end) && *at == '\0';
}

/* The local time of a change in a year, in seconds. */
static int64_t change_in(const change_rule *rule, int32_t year) {
    int32_t day = assay_day_from_civil(year, 1, 1) + rule->day;
    if (rule->form == 'J') {
        bool leap = assay_day_from_civil(year, 3, 1) - assay_day_from_civil(year, 2, 1) == 29;
        day += leap && rule->day >= 60 ? 0 : -1;
    } else if (rule->form == 'M') {
        int32_t first = assay_day_from_civil(year, rule->month, 1);
        int32_t next = rule->month == 12 ? assay_day_from_civil(year + 1, 1, 1)
                                         : assay_day_from_civil(year, rule->month + 1, 1);
        int32_t weekday = ((first + 4) % 7 + 7) % 7; /* 0: Sunday */
        day = first + (rule->day - weekday + 7) % 7 + 7 * (rule->week - 1);
        while (day >= next)
            day -= 7;
    }
    return (int64_t)day * DAY_S + rule->time_s;
}

static int64_t floor_divide(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

static int32_t offset_by_rule(const assay_zone *zone, int64_t utc_s) {
    int32_t year, month, day;
    if (!zone->has_summer)
        return zone->standard_s;
    assay_civil_from_day((int32_t)floor_divide(utc_s + zone->standard_s, DAY_S), &year, &month, &day);
    int64_t begin = change_in(&zone->begin, year) - zone->standard_s;
    int64_t end = change_in(&zone->end, year) - zone->summer_s;
    bool summer = begin < end ? utc_s >= begin && utc_s < end : utc_s >= begin || utc_s < end;
    return summer ? zone->summer_s : zone->standard_s;
}

/* --- the file --- */

static int64_t big_endian(const unsigned char *at, size_t size) {
    uint64_t value = (at[0] & 0x80) != 0 && size < 8 ? ~UINT64_C(0) : 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | at[i];
    return (int64_t)value;
}

typedef struct block {
    size_t n_utc, n_standard, n_leaps, n_changes, n_types, n_chars;
    size_t size; /* of what follows the header */
} block;

/* The counts of a header; false: it is none, or counts more than there are bytes. */
static bool read_header(const unsigned char *at, size_t left, size_t time_size, block *out) {
    if (left < HEADER || memcmp(at, "TZif", 4) != 0)
        return false;
    size_t count[6];
    for (size_t i = 0; i < 6; i++) {
        int64_t n = big_endian(at + 20 + 4 * i, 4);
        if (n < 0 || n > MOST_BYTES)
            return false;
        count[i] = (size_t)n;
    }
    *out = (block){count[0], count[1], count[2], count[3], count[4], count[5], 0};
    out->size = out->n_changes * (time_size + 1) + out->n_types * 6 + out->n_chars +
                out->n_leaps * (time_size + 4) + out->n_standard + out->n_utc;
    return out->n_types > 0 && out->size <= left - HEADER;
}

static bool take_block(const unsigned char *at, const block *b, size_t time_size, assay_zone *zone) {
    const unsigned char *type = at + b->n_changes * time_size, *types = type + b->n_changes;
    zone->at_s = malloc((b->n_changes + 1) * sizeof *zone->at_s);
    zone->offset_s = malloc((b->n_changes + 1) * sizeof *zone->offset_s);
    if (zone->at_s == NULL || zone->offset_s == NULL)
        return false;
    zone->first_offset_s = (int32_t)big_endian(types, 4);
    for (size_t i = 0; i < b->n_changes; i++) {
        if (type[i] >= b->n_types)
            return false;
        zone->at_s[i] = big_endian(at + i * time_size, time_size);
        zone->offset_s[i] = (int32_t)big_endian(types + (size_t)type[i] * 6, 4);
        if (i > 0 && zone->at_s[i] <= zone->at_s[i - 1])
            return false;
    }
    zone->n = b->n_changes;
    return true;
}

/* No place on earth is further than this from UTC; a wild number would overflow what is made of it. */
static bool is_sane(const assay_zone *zone) {
    const int32_t most = 2 * DAY_S;
    bool sane = abs(zone->first_offset_s) <= most;
    for (size_t i = 0; i < zone->n; i++)
        sane = sane && zone->offset_s[i] >= -most && zone->offset_s[i] <= most;
    return sane;
}

static bool parse(const unsigned char *bytes, size_t size, assay_zone *zone) {
    block b;
    if (!read_header(bytes, size, 4, &b))
        return false;
    if (bytes[4] < '2')
        return take_block(bytes + HEADER, &b, 4, zone) && is_sane(zone);
    size_t second = HEADER + b.size;
    if (!read_header(bytes + second, size - second, 8, &b) ||
        !take_block(bytes + second + HEADER, &b, 8, zone) || !is_sane(zone))
        return false;
    size_t footer = second + HEADER + b.size;
    const unsigned char *end =
        footer < size && bytes[footer] == '\n' ? memchr(bytes + footer + 1, '\n', size - footer - 1) : NULL;
    char text[128];
    if (end == NULL || (size_t)(end - bytes) - footer - 1 >= sizeof text)
        return false;
    size_t n = (size_t)(end - bytes) - footer - 1;
    memcpy(text, bytes + footer + 1, n);
    text[n] = '\0';
    return n == 0 || read_rule(text, zone);
}

/* Letters, digits and _ + - /, no part that begins with a dot: a name leads nowhere else in the file system. */
static bool is_name(const char *name) {
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/");
    return n > 0 && n < 64 && name[n] == '\0' && name[0] != '/' && name[n - 1] != '/';
}

static FILE *open_file(const char *name) {
    const char *own = getenv("TZDIR");
    const char *const folders[] = {own == NULL || own[0] == '\0' ? "/usr/share/zoneinfo" : own,
                                   "/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo",
                                   "/etc/zoneinfo"};
    FILE *file = NULL;
    for (size_t i = 0; file == NULL && i < sizeof folders / sizeof *folders; i++) {
        char path[4200];
        int n = snprintf(path, sizeof path, "%s/%s", folders[i], name);
        file = n > 0 && (size_t)n < sizeof path ? fopen(path, "rb") : NULL;
    }
    return file;
}

assay_status assay_zone_open(const char *name, assay_zone **out_zone, assay_error *err) {
    *out_zone = NULL;
    bool is_utc = strcmp(name, "UTC") == 0;
    FILE *file = is_utc || !is_name(name) ? NULL : open_file(name);
    if (file == NULL && !is_utc)
        return assay_error_set(
            err, ASSAY_E_CONFIG,
            "there is no time zone '%.60s'; write its name as the IANA database has it, such as "
            "America/New_York or UTC (where no zone is found, install the system's tzdata, or "
            "set TZDIR to its folder)",
            name);
    assay_zone *zone = calloc(1, sizeof *zone);
    unsigned char *bytes = is_utc ? NULL : malloc(MOST_BYTES);
    if (zone == NULL || (bytes == NULL && !is_utc)) {
        free(zone);
        free(bytes);
        if (file != NULL)
            (void)fclose(file);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a time zone");
    }
    bool whole = true;
    if (file != NULL) {
        size_t size = fread(bytes, 1, MOST_BYTES, file);
        whole = ferror(file) == 0 && parse(bytes, size, zone);
        (void)fclose(file);
    }
    free(bytes);
    if (!whole) {
        assay_zone_close(zone);
        return assay_error_set(err, ASSAY_E_DATA, "the system's file of the time zone %.60s is damaged",
                               name);
    }
    *out_zone = zone;
    return ASSAY_OK;
}

void assay_zone_close(assay_zone *zone) {
    if (zone == NULL)
        return;
    free(zone->at_s);
    free(zone->offset_s);
    free(zone);
}

int32_t assay_zone_offset(const assay_zone *zone, int64_t utc_s) {
    size_t low = 0, high = zone->n; /* the number of changes at or before the time */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (zone->at_s[middle] <= utc_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->n && zone->has_rule)
        return offset_by_rule(zone, utc_s);
    return low == 0 ? zone->first_offset_s : zone->offset_s[low - 1];
}

int64_t assay_zone_to_utc(const assay_zone *zone, int64_t local_s) {
    int32_t before = assay_zone_offset(zone, local_s - DAY_S),
            after = assay_zone_offset(zone, local_s + DAY_S);
    if (assay_zone_offset(zone, local_s - before) != before &&
        assay_zone_offset(zone, local_s - after) == after)
        return local_s - after;
    return local_s - before;
}
