/* Time zones: the IANA database as the system has it (TZif files, RFC 8536), read without the C library's own notion of a
 * local time, so that any number of zones can be used at once and nothing global is touched.
 */
#ifndef ASSAY_BASE_ZONE_H
#define ASSAY_BASE_ZONE_H

#include <stdint.h>

#include "assay/assay_error.h"

typedef struct assay_zone assay_zone;

/* A zone by name, such as America/New_York; "UTC" needs no file. Files are looked for in $TZDIR, else where systems keep them.
 * ASSAY_E_CONFIG: there is none of this name; ASSAY_E_DATA: its file is damaged; ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_zone_open(const char *name, assay_zone **out_zone, assay_error *err);
void assay_zone_close(assay_zone *zone); /* NULL: nothing */

/* Seconds that the zone is ahead of UTC at a time in seconds since 1970. Any number of threads may ask. */
int32_t assay_zone_offset(const assay_zone *zone, int64_t utc_s);

/* The time of a local one, given as if it were UTC. Of a local time that there is twice the first; one that is skipped as the
 * clock before the change would have had it. */
int64_t assay_zone_to_utc(const assay_zone *zone, int64_t local_s);

#endif
