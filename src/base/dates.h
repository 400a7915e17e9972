/* Civil dates, in the proleptic Gregorian calendar, UTC. Day 0 is 1970-01-01, a Thursday. Pure functions.
 *
 * Source of the algorithms: era/day-of-era arithmetic over 400-year cycles of 146,097 days; ISO 8601 for weeks.
 */
#ifndef ASSAY_BASE_DATES_H
#define ASSAY_BASE_DATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASSAY_US_PER_DAY INT64_C(86400000000)

/* The civil day of a time: floor(us / day). */
int32_t assay_day_of_us(int64_t us);

/* Day number of a date; month 1–12, day 1–31. */
int32_t assay_day_from_civil(int32_t year, int32_t month, int32_t day);
void assay_civil_from_day(int32_t day, int32_t *out_year, int32_t *out_month, int32_t *out_day);

/* Numbers that change exactly when a new ISO week (Monday), month or quarter begins. */
int32_t assay_week_number(int32_t day);
int32_t assay_month_number(int32_t day);
int32_t assay_quarter_number(int32_t day);

/* Reads YYYY-MM-DD, or YYYY-MM-DD[T ]HH:MM[:SS[.ffffff]][Z]; false for anything else, impossible dates included. */
bool assay_time_parse(const char *text, int64_t *out_us);

/* YYYY-MM-DD for midnight, else YYYY-MM-DDTHH:MM:SS[.ffffff]. `size` >= 32 always fits. */
void assay_time_format(int64_t us, char *out_text, size_t size);

#endif
