#include "market/bars.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"

#define US_PER_S INT64_C(1000000)
enum { DAY_S = 86400 };

static int64_t floor_divide(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

/* --- frequencies --- */

static const struct {
    const char *word;
    assay_bars_unit unit;
    int64_t span_us; /* of one */
    const char *name;
} UNITS[] = {
    {"m", ASSAY_BARS_INTRADAY, 60 * US_PER_S, "m"},
    {"min", ASSAY_BARS_INTRADAY, 60 * US_PER_S, "m"},
    {"t", ASSAY_BARS_INTRADAY, 60 * US_PER_S, "m"},
    {"minute", ASSAY_BARS_INTRADAY, 60 * US_PER_S, "m"},
    {"h", ASSAY_BARS_INTRADAY, 3600 * US_PER_S, "h"},
    {"hour", ASSAY_BARS_INTRADAY, 3600 * US_PER_S, "h"},
    {"hourly", ASSAY_BARS_INTRADAY, 3600 * US_PER_S, "h"},
    {"d", ASSAY_BARS_DAYS, 0, "d"},
    {"day", ASSAY_BARS_DAYS, 0, "d"},
    {"daily", ASSAY_BARS_DAYS, 0, "d"},
    {"w", ASSAY_BARS_WEEKS, 0, "w"},
    {"week", ASSAY_BARS_WEEKS, 0, "w"},
    {"weekly", ASSAY_BARS_WEEKS, 0, "w"},
    {"wk", ASSAY_BARS_WEEKS, 0, "w"},
    {"mo", ASSAY_BARS_MONTHS, 0, "mo"},
    {"me", ASSAY_BARS_MONTHS, 0, "mo"},
    {"month", ASSAY_BARS_MONTHS, 0, "mo"},
    {"monthly", ASSAY_BARS_MONTHS, 0, "mo"},
    {"q", ASSAY_BARS_QUARTERS, 0, "q"},
    {"qe", ASSAY_BARS_QUARTERS, 0, "q"},
    {"quarter", ASSAY_BARS_QUARTERS, 0, "q"},
    {"quarterly", ASSAY_BARS_QUARTERS, 0, "q"},
    {"y", ASSAY_BARS_YEARS, 0, "y"},
    {"ye", ASSAY_BARS_YEARS, 0, "y"},
    {"year", ASSAY_BARS_YEARS, 0, "y"},
    {"yearly", ASSAY_BARS_YEARS, 0, "y"},
};
static const char *const WEEKDAYS[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static assay_status refuse_frequency(const char *text, const char *why, assay_error *err) {
    return assay_error_set(
        err, ASSAY_E_CONFIG,
        "'%.40s' is no frequency of bars%s; write minutes (5m), hours (1h), days (1d, 3d), weeks "
        "(1w, or w-fri for weeks that end on a Friday), 1mo, 1q or 1y",
        text, why);
}

/* The weekday behind "w-"; false: there is none of this name. */
static bool read_anchor(char *word, int32_t *out_weekday) {
    char *dash = strchr(word, '-');
    *out_weekday = 6;
    if (dash == NULL)
        return true;
    *dash = '\0';
    for (int32_t i = 0; i < 7; i++) {
        if (strcmp(dash + 1, WEEKDAYS[i]) == 0) {
            *out_weekday = i;
            return strcmp(word, "w") == 0;
        }
    }
    return false;
}

static void write_name(assay_bars *b, int64_t n, const char *unit) {
    if (b->unit == ASSAY_BARS_WEEKS && b->last_weekday != 6)
        (void)snprintf(b->name, sizeof b->name, "w-%s", WEEKDAYS[b->last_weekday]);
    else
        (void)snprintf(b->name, sizeof b->name, "%d%s", (int)n, unit);
}

static assay_status read_frequency(assay_bars *b, const char *text, assay_error *err) {
    char word[24];
    char *rest = NULL;
    bool has_number = text[0] >= '0' && text[0] <= '9';
    long long n = has_number ? strtoll(text, &rest, 10) : 1;
    rest = has_number ? rest : (char *)(size_t)text;
    if (strlen(rest) >= sizeof word)
        return refuse_frequency(text, "", err);
    bool is_month = strcmp(rest, "M") == 0; /* the one place where case matters: 1m is a minute */
    (void)snprintf(word, sizeof word, "%s", is_month ? "mo" : rest);
    for (char *c = word; *c != '\0'; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    if (!read_anchor(word, &b->last_weekday))
        return refuse_frequency(text, "", err);
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++) {
        if (strcmp(word, UNITS[i].word) != 0)
            continue;
        b->unit = UNITS[i].unit;
        b->span_us = n > 0 && n <= 1440 ? n * UNITS[i].span_us : 0;
        b->n_days = (int32_t)(n > 0 && n <= 366 ? n : 0);
        if (b->unit == ASSAY_BARS_INTRADAY && (b->span_us <= 0 || b->span_us > ASSAY_US_PER_DAY))
            return refuse_frequency(text, ": within a day at most 1440m or 24h", err);
        if (b->unit == ASSAY_BARS_DAYS && b->n_days == 0)
            return refuse_frequency(text, ": 1 to 366 days", err);
        if (b->unit > ASSAY_BARS_DAYS && n != 1)
            return refuse_frequency(text, ": weeks, months, quarters and years by the one only", err);
        if (b->unit == ASSAY_BARS_INTRADAY && b->span_us % (3600 * US_PER_S) == 0)
            write_name(b, b->span_us / (3600 * US_PER_S), "h");
        else if (b->unit == ASSAY_BARS_INTRADAY)
            write_name(b, b->span_us / (60 * US_PER_S), "m");
        else
            write_name(b, n, UNITS[i].name);
        return ASSAY_OK;
    }
    return refuse_frequency(text, "", err);
}

/* --- sessions --- */

static assay_status refuse_session(const char *text, const char *why, assay_error *err) {
    return assay_error_set(
        err, ASSAY_E_CONFIG,
        "session '%.60s': %s; write it as 09:30-16:00 America/New_York (one that closes on the "
        "next day, 18:00-17:00, belongs to the day on which it closes)",
        text, why);
}

/* HH:MM up to 24:00; NULL: it is none. */
static const char *read_time_of_day(const char *at, int32_t *out_s) {
    for (int i = 0; i < 5; i++) {
        if (i == 2 ? at[i] != ':' : at[i] < '0' || at[i] > '9')
            return NULL;
    }
    int32_t hour = (at[0] - '0') * 10 + at[1] - '0', minute = (at[3] - '0') * 10 + at[4] - '0';
    *out_s = hour * 3600 + minute * 60;
    return minute < 60 && *out_s <= DAY_S ? at + 5 : NULL;
}

static assay_status read_session(assay_bars *b, const char *text, assay_error *err) {
    const char *at = read_time_of_day(text, &b->open_s);
    at = at != NULL && *at == '-' ? read_time_of_day(at + 1, &b->close_s) : NULL;
    if (at == NULL || b->open_s == DAY_S)
        return refuse_session(text, "it needs an open and a close", err);
    b->has_session = true;
    if (b->close_s <= b->open_s)
        b->open_s -= DAY_S;
    while (*at == ' ')
        at++;
    if (*at == '\0')
        return refuse_session(text, "it needs a time zone", err);
    return strcmp(at, "UTC") == 0 ? ASSAY_OK : assay_zone_open(at, &b->zone, err);
}

assay_status assay_bars_open(assay_bars *b, const assay_bars_spec *spec, assay_error *err) {
    *b = (assay_bars){.keep_outside = spec->keep_outside,
                      .end_labelled = spec->end_labelled,
                      .drop_partial = spec->drop_partial,
                      .early_close_us = spec->early_close_us,
                      .n_early_closes = spec->n_early_closes};
    assay_status status = ASSAY_OK;
    if (spec->bars != NULL && spec->bars[0] != '\0')
        status = read_frequency(b, spec->bars, err);
    if (status == ASSAY_OK && spec->session != NULL && spec->session[0] != '\0')
        status = read_session(b, spec->session, err);
    if (status == ASSAY_OK && b->n_early_closes != 0 && !b->has_session)
        status = assay_error_set(err, ASSAY_E_CONFIG, "early_closes without a session; set session, too");
    return status;
}

void assay_bars_close(assay_bars *b) {
    assay_zone_close(b->zone);
    *b = (assay_bars){0};
}

/* --- the trading day --- */

static int64_t local_us(const assay_bars *b, int64_t us) {
    return b->zone == NULL ? us : us + assay_zone_offset(b->zone, floor_divide(us, US_PER_S)) * US_PER_S;
}

static int64_t utc_us(const assay_bars *b, int32_t day, int32_t after_midnight_s) {
    int64_t local_s = (int64_t)day * DAY_S + after_midnight_s;
    return (b->zone == NULL ? local_s : assay_zone_to_utc(b->zone, local_s)) * US_PER_S;
}

/* The trading day of a local time: of the evening from a session's open on it is the next. */
static int32_t day_of_local(const assay_bars *b, int64_t us) {
    int32_t day = assay_day_of_us(us);
    return day + (b->open_s < 0 && us - (int64_t)day * ASSAY_US_PER_DAY >= (b->open_s + DAY_S) * US_PER_S);
}

static int64_t close_of(const assay_bars *b, int32_t day) {
    if (!b->has_session || b->daily)
        return ((int64_t)day + 1) * ASSAY_US_PER_DAY;
    int64_t close = utc_us(b, day, b->close_s);
    for (size_t i = 0; i < b->n_early_closes; i++) {
        if (day_of_local(b, b->early_close_us[i]) != day)
            continue;
        int64_t local_s = floor_divide(b->early_close_us[i], US_PER_S);
        int64_t early = (b->zone == NULL ? local_s : assay_zone_to_utc(b->zone, local_s)) * US_PER_S;
        close = early < close ? early : close;
    }
    return close;
}

static void find_day(assay_bars_walk *w, int64_t us) {
    const assay_bars *b = w->bars;
    if (w->begun && us >= w->begin_us && us < w->end_us)
        return;
    int32_t day = b->has_session ? day_of_local(b, local_us(b, us)) : assay_day_of_us(us);
    w->day = w->begun && day < w->day ? w->day : day; /* a clock that is put back over midnight */
    w->begun = true;
    w->open_us = b->has_session ? utc_us(b, w->day, b->open_s) : (int64_t)w->day * ASSAY_US_PER_DAY;
    w->close_us = close_of(b, w->day);
    w->begin_us = w->open_us;
    w->end_us = w->close_us;
}

/* --- the place of a row --- */

static int32_t last_day_of(const assay_bars *b, int32_t day) {
    int32_t year, month, of_month;
    assay_civil_from_day(day, &year, &month, &of_month);
    switch (b->unit) {
    case ASSAY_BARS_DAYS:
        return (int32_t)floor_divide(day, b->n_days) * b->n_days + b->n_days - 1;
    case ASSAY_BARS_WEEKS: {
        int32_t weekday = ((day + 3) % 7 + 7) % 7; /* day 0 was a Thursday */
        return day + (b->last_weekday - weekday + 7) % 7;
    }
    case ASSAY_BARS_QUARTERS:
        month = (month + 2) / 3 * 3;
        break;
    case ASSAY_BARS_YEARS:
        month = 12;
        break;
    default:
        break;
    }
    return assay_day_from_civil(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) - 1;
}

/* Bars are counted from the open; what lies behind the close, where it is kept, from the close. */
static void place_intraday(const assay_bars_walk *w, int64_t us, assay_bar_place *out) {
    int64_t span = w->bars->span_us, base = us >= w->close_us ? w->close_us : w->open_us;
    int64_t begin = base + floor_divide(us - base, span) * span, end = begin + span;
    if (us < w->close_us && end > w->close_us)
        end = w->close_us; /* no bar reaches out of its session */
    out->end_us = end;
    out->label_us = w->bars->end_labelled ? end : begin;
}

assay_bar_place assay_bars_place(assay_bars_walk *w, int64_t timestamp_us, int64_t length_us, int32_t day) {
    const assay_bars *b = w->bars;
    /* a bar that is labelled by its end holds what came before it */
    int64_t us = b->end_labelled && !b->daily ? timestamp_us - 1 : timestamp_us;
    assay_bar_place place = {.inside = true, .day = day};
    int64_t own_end = b->end_labelled && !b->daily ? timestamp_us : timestamp_us + length_us;
    if (!b->daily) {
        find_day(w, us);
        place.day = w->day;
        place.inside = !b->has_session || (us >= w->open_us && us < w->close_us);
    }
    if (b->unit == ASSAY_BARS_AS_THEY_ARE) {
        place.label_us = timestamp_us;
        place.end_us = own_end;
    } else if (b->unit == ASSAY_BARS_INTRADAY) {
        place_intraday(w, us, &place);
    } else {
        int32_t last = last_day_of(b, place.day);
        place.label_us = (int64_t)last * ASSAY_US_PER_DAY;
        place.end_us = close_of(b, last);
    }
    return place;
}
