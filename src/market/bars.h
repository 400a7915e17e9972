/* To which coarser bar a time belongs: frequencies, trading sessions and time zones.
 *
 * A session has a trading day: one that opens in the evening and closes on the next day belongs to the day on which it closes.
 * Times inside a session are counted in elapsed time from its open, so that a change of the clock moves the session and not its
 * bars. Nothing here looks at prices, and the place of a time depends on no other time: bars made from more history are the same.
 */
#ifndef ASSAY_MARKET_BARS_H
#define ASSAY_MARKET_BARS_H

#include "assay/assay_panel.h"
#include "base/zone.h"

typedef enum assay_bars_unit {
    ASSAY_BARS_AS_THEY_ARE,
    ASSAY_BARS_INTRADAY, /* span_us */
    ASSAY_BARS_DAYS,     /* n_days, counted from 1970-01-01 */
    ASSAY_BARS_WEEKS,    /* that end on last_weekday */
    ASSAY_BARS_MONTHS,
    ASSAY_BARS_QUARTERS,
    ASSAY_BARS_YEARS
} assay_bars_unit;

enum { ASSAY_BARS_NAME_SIZE = 32 };

typedef struct assay_bars {
    assay_bars_unit unit;
    int64_t span_us;
    int32_t n_days, last_weekday;    /* 0: Monday */
    char name[ASSAY_BARS_NAME_SIZE]; /* as the column frequency has it; "" as they are */
    bool has_session, keep_outside, end_labelled, drop_partial;
    int32_t open_s,
        close_s; /* local, after midnight of the trading day; an open of the evening before is negative */
    assay_zone *zone;              /* NULL: UTC */
    const int64_t *early_close_us; /* local times, ascending; the caller's */
    size_t n_early_closes;
    bool daily; /* times are dates: without sessions, and whatever the zone */
} assay_bars;

/* Reads a specification. ASSAY_E_CONFIG: says what is wrong with it. ASSAY_E_NOMEM. Close it in every case. */
ASSAY_NODISCARD assay_status assay_bars_open(assay_bars *bars, const assay_bars_spec *spec, assay_error *err);
void assay_bars_close(assay_bars *bars);

/* Where a row of the source is. */
typedef struct assay_bar_place {
    bool inside;      /* the session */
    int32_t day;      /* the trading day */
    int64_t label_us; /* of its coarser bar: it names it, and ascends */
    int64_t end_us;   /* of its coarser bar: from then on it is known */
} assay_bar_place;

/* A walk over ascending times keeps the trading day at hand. */
typedef struct assay_bars_walk {
    const assay_bars *bars;
    int64_t open_us, close_us; /* of `day` */
    int64_t begin_us, end_us;  /* times that are surely of `day` */
    int32_t day;
    bool begun;
} assay_bars_walk;

/* The place of a row with this timestamp, which lasts length_us. `day` is its civil day where the source knows it (daily). */
assay_bar_place assay_bars_place(assay_bars_walk *walk, int64_t timestamp_us, int64_t length_us, int32_t day);

#endif
