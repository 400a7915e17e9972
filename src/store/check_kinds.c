/* Every kind of finding and every threshold of the data check: a row each.
 *
 * A kind's SQL reads tables that check_stage.c makes once. Thresholds are DuckDB variables of their names. An occurrence is
 * counted by one kind alone: rows that cannot be prices are no bars, a jump is a spike, a split or a jump (in this order), and
 * a bar whose high is below its low is not looked at for its open and close.
 */
#include <string.h>

#include "check.h"

/* --- thresholds --- */

static const assay_check_threshold thresholds[] = {
    {"ohlc_tolerance", 1e-6, 0, 1, "fraction", "how far open and close may lie outside low to high"},
    {"gap_share", 0.5, 0, 1, "fraction", "a gap: more than this share of the other living symbols trades"},
    {"gap_others", 2, 1, 1e6, "symbols", "... and there are at least so many others"},
    {"stale_bars", 10, 2, 1e6, "bars", "a stale run: so many bars with one close and no volume"},
    {"split_tolerance", 0.05, 0.001, 0.5, "fraction", "how near open and close come to a split ratio"},
    {"split_least", 1.4, 1.01, 100, "ratio", "smaller splits are not guessed from a jump"},
    {"event_least", 1.2, 1.01, 100, "ratio", "the jump of smaller splits is not looked for"},
    {"spike_mads", 20, 1, 1e6, "deviations", "a spike: a return so many robust deviations off"},
    {"spike_least", 0.10, 0, 10, "fraction", "... and at least so large"},
    {"spike_back", 0.3, 0, 1, "fraction", "... of which the next bar leaves at most this share"},
    {"outlier_mads", 40, 1, 1e6, "deviations", "an outlier: a return so many robust deviations off"},
    {"jump", 0.5, 0.01, 100, "fraction", "a jump: a return of at least so much without a split"},
    {"weekend_share", 0.05, 0, 1, "fraction", "weekends are odd where fewer of the daily rows lie on them"},
    {"end_days", 10, 0, 36500, "days", "a symbol ends early, or begins late, by more than so many days"},
    {"survivor_symbols", 50, 1, 1e9, "symbols", "of so many symbols some must end"},
    {"survivor_days", 1095, 1, 1e6, "days", "... in so many days"},
};

size_t assay_check_threshold_count(void) {
    return sizeof thresholds / sizeof *thresholds;
}

const assay_check_threshold *assay_check_threshold_at(size_t index) {
    return &thresholds[index];
}

/* --- kinds --- */

#define V(name) "getvariable('" #name "')"
#define DATE(t)                                                                                              \
    "CASE WHEN " t " = date_trunc('day', " t ") THEN strftime(" t ", '%Y-%m-%d') ELSE strftime(" t           \
    ", '%Y-%m-%d %H:%M') END"
/* A row of the table as an occurrence, or as one that is to go. */
#define HIT(detail) "SELECT symbol, t, t AS until, 1 AS n, " DATE("t") " || ' ' || " detail " AS detail FROM "
#define DROP(detail) "SELECT symbol, file, n, 'drop' AS action, " detail " AS detail FROM "
#define BAR(detail)                                                                                          \
    "SELECT symbol, t, t AS until, 1 AS n, " DATE("t") " || ' ' || " detail                                  \
                                                       " AS detail FROM assay_check_bars WHERE "
#define NONE                                                                                                 \
    { "takes the rows as they are", "takes the rows as they are", "takes the rows as they are" }
#define IGNORED(text)                                                                                        \
    { text, text, text }

#define BAD_CELL(name, column)                                                                               \
    "CASE WHEN " column " <= 0 OR isinf(" column ") THEN '" name " ' || " column " || ' ' ELSE '' END"
#define BAD_CELLS                                                                                            \
    "trim(" BAD_CELL("open", "o") " || " BAD_CELL("high", "h") " || " BAD_CELL("low", "l") " || " BAD_CELL(  \
        "close", "c") " || CASE WHEN v < 0 OR isinf(v) THEN 'volume ' || v ELSE '' END)"
#define BAD_ROWS "assay_check_rows WHERE bad AND symbol IS NOT NULL AND t IS NOT NULL"
#define LOSERS(condition) "assay_check_dups WHERE place > 1 AND " condition
#define EVENT_TEXT "'split ' || split || ', close ' || prev || ' to ' || c"

typedef struct kind_row {
    assay_check_kind kind;
    assay_check_sql sql;
} kind_row;

static const kind_row kinds[] = {
    {{"missing_key",
      ASSAY_SEVERITY_ERROR,
      ASSAY_FIX_SAFE,
      "rows without a symbol or a timestamp",
      {"refuses to start", "leaves the rows out", "leaves the rows out"},
      "correct the rows at their source, or leave them out (--fix, on_bad_data: drop)",
      "drops the rows"},
     {"SELECT symbol, t, t AS until, 1 AS n, 'row ' || n || ' of ' || file || ' has no ' || CASE "
      "WHEN symbol IS NULL "
      "THEN 'symbol' ELSE 'timestamp' END AS detail FROM assay_check_rows WHERE symbol IS NULL OR t "
      "IS NULL",
      DROP("'no symbol or no timestamp'") "assay_check_rows WHERE symbol IS NULL OR t IS NULL"}},
    {{"bad_price",
      ASSAY_SEVERITY_ERROR,
      ASSAY_FIX_SAFE,
      "prices that are not positive or not finite, volumes that are negative or infinite",
      {"refuses to start", "leaves the rows out", "keeps the rows without these cells"},
      "correct the rows at their source, or leave them out (--fix, on_bad_data: drop)",
      "drops the rows"},
     {HIT(BAD_CELLS) BAD_ROWS, DROP(BAD_CELLS) BAD_ROWS}},
    {{"duplicate",
      ASSAY_SEVERITY_ERROR,
      ASSAY_FIX_SAFE,
      "rows of one symbol and time in one file, with the same values",
      {"refuses to start", "takes the last row", "takes the last row"},
      "remove the copies (--fix, on_bad_data: drop)",
      "keeps the last of them"},
     {HIT("'again in ' || file") LOSERS("kind = 'duplicate'"),
      DROP("'the same row stands again behind it'") LOSERS("kind = 'duplicate'")}},
    {{"contradicting_duplicate",
      ASSAY_SEVERITY_ERROR,
      ASSAY_FIX_ASKED,
      "rows of one symbol and time in one file, with different values and nothing that says which is "
      "newer",
      {"refuses to start", "takes the last row", "takes the last row"},
      "find out which is right and remove the other; on_bad_data: drop takes the last",
      "keeps the last of them"},
     {HIT("'close ' || coalesce(c, 0) || ' or ' || coalesce(best_c, 0) || ' in ' || file")
          LOSERS("kind = 'contradicting_duplicate'"),
      DROP("'another row of that time with close ' || coalesce(best_c, 0) || ' stands behind it'")
          LOSERS("kind = 'contradicting_duplicate'")}},
    {{"superseded", ASSAY_SEVERITY_NOTE, ASSAY_FIX_ASKED,
      "rows that a newer version (updated_at, created_at) or a later file replaces",
      IGNORED("takes the newest row"), "nothing has to be done", "drops the older rows"},
     {HIT("'replaced in ' || best_file") LOSERS("kind = 'superseded'"),
      DROP("'replaced in ' || best_file") LOSERS("kind = 'superseded'")}},
    {{"missing_close", ASSAY_SEVERITY_NOTE, ASSAY_FIX_ASKED, "rows without a close",
      IGNORED("makes no bar of the rows"), "nothing has to be done; fill them in where the close is known",
      "drops the rows"},
     {HIT("'no close'") "assay_check_rows WHERE c IS NULL AND NOT bad AND symbol IS NOT NULL AND t "
                        "IS NOT NULL",
      DROP("'no close'") "assay_check_rows WHERE c IS NULL AND NOT bad AND symbol IS NOT NULL AND t "
                         "IS NOT NULL AND split = 1 "
                         "AND dividend = 0"}},
    {{"high_below_low", ASSAY_SEVERITY_WARNING, ASSAY_FIX_SAFE, "bars whose high is below their low", NONE,
      "correct the rows; --fix swaps the two where open and close then lie between them",
      "swaps high and low"},
     {BAR("'high ' || h || ' < low ' || l") "h < l",
      "SELECT symbol, file, n, 'swap' AS action, 'high ' || h || ' and low ' || l || ' swapped' AS "
      "detail FROM "
      "assay_check_bars WHERE h < l AND c BETWEEN h AND l AND coalesce(o BETWEEN h AND l, true)"}},
    {{"close_outside_range", ASSAY_SEVERITY_WARNING, ASSAY_FIX_ASKED,
      "bars whose close is outside low to high", NONE,
      "correct the rows; such bars often come from adjusting the close alone", "widens low or high"},
     {BAR("'close ' || c || ' outside ' || l || ' to ' || h") "h >= l AND (c > h * (1 + " V(
          ohlc_tolerance) ") OR c < l * (1 - " V(ohlc_tolerance) "))",
      "SELECT symbol, file, n, 'widen_close' AS action, 'low to high widened to the close ' || c AS "
      "detail FROM "
      "assay_check_bars WHERE h >= l AND (c > h * (1 + " V(ohlc_tolerance) ") OR c < l * (1 - " V(
          ohlc_tolerance) "))"}},
    {{"open_outside_range", ASSAY_SEVERITY_WARNING, ASSAY_FIX_ASKED, "bars whose open is outside low to high",
      NONE, "correct the rows; fills at the open would be at a price that nobody saw", "widens low or high"},
     {BAR("'open ' || o || ' outside ' || l || ' to ' || h") "h >= l AND (o > h * (1 + " V(
          ohlc_tolerance) ") OR o < l * (1 - " V(ohlc_tolerance) "))",
      "SELECT symbol, file, n, 'widen_open' AS action, 'low to high widened to the open ' || o AS "
      "detail FROM "
      "assay_check_bars WHERE h >= l AND (o > h * (1 + " V(ohlc_tolerance) ") OR o < l * (1 - " V(
          ohlc_tolerance) "))"}},
    {{"gap", ASSAY_SEVERITY_WARNING, ASSAY_FIX_NEVER,
      "bars that most of the other living symbols have and this one does not",
      IGNORED("has no bar there: no signal, no fill, the position at its last close (see gap_policy)"),
      "find the missing rows, or decide with gap_policy", ""},
     {"SELECT symbol, min(t) AS t, max(t) AS until, count(*) AS n, count(*) || ' bars from ' "
      "|| " DATE("min(t)") " AS detail FROM assay_check_gaps GROUP BY symbol, before",
      NULL}},
    {{"stale", ASSAY_SEVERITY_WARNING, ASSAY_FIX_ASKED, "runs of bars with one close and no volume",
      IGNORED("takes the bars as they are: returns of 0, orders wait for volume"),
      "remove bars on which nobody traded, or the symbol", "drops the bars behind the first"},
     {"SELECT symbol, min(t) AS t, max(t) AS until, count(*) AS n, count(*) || ' bars at ' || min(c) "
      "|| ' from ' || " DATE("min(t)") " AS detail FROM assay_check_stale GROUP BY symbol, run",
      "SELECT symbol, file, n, 'drop' AS action, 'one of a stale run at ' || c AS detail FROM "
      "assay_check_stale "
      "WHERE number > 1"}},
    {{"spike", ASSAY_SEVERITY_WARNING, ASSAY_FIX_ASKED, "closes that jump and are back a bar later", NONE,
      "compare with another source; a wrong print buys and sells at prices that nobody saw",
      "drops the rows"},
     {HIT("'close ' || prev || ', ' || c || ', ' || next") "assay_check_jumps WHERE kind = 'spike'",
      "SELECT symbol, file, n, 'drop' AS action, 'close ' || prev || ', ' || c || ', ' || next AS "
      "detail FROM "
      "assay_check_jumps WHERE kind = 'spike'"}},
    {{"unadjusted_split", ASSAY_SEVERITY_WARNING, ASSAY_FIX_ASKED,
      "jumps near a usual split ratio without an event", IGNORED("takes the jump for a loss or a gain"),
      "add the split to corporate_actions, if there was one", "adds the split to corporate_actions"},
     {HIT("'close ' || prev || ' to ' || c || ', near ' || ratio_name") "assay_check_jumps WHERE "
                                                                        "kind = "
                                                                        "'unadjusted_split'",
      "SELECT symbol, NULL AS file, NULL AS n, 'split' AS action, 'split ' || ratio_name || ' added: "
      "close ' || prev "
      "|| ' to ' || c AS detail, t, ratio FROM assay_check_jumps j WHERE kind = 'unadjusted_split' "
      "AND NOT EXISTS "
      "(SELECT 1 FROM assay_check_events e WHERE e.symbol = j.symbol AND e.ex_date = j.t AND e.file "
      "IS NOT NULL)"}},
    {{"split_without_jump", ASSAY_SEVERITY_WARNING, ASSAY_FIX_ASKED,
      "splits at which the price does not jump: the prices are adjusted already",
      IGNORED("multiplies the shares and so makes the split a gain or a loss"),
      "use raw prices, or remove the event", "removes the event"},
     {BAR(EVENT_TEXT) "no_jump", "SELECT b.symbol, e.file, e.n, CASE WHEN e.file IS NULL THEN "
                                 "'unsplit' ELSE 'unsplit_row' END AS action, "
                                 "'split ' || e.split || ' removed: close ' || b.prev || ' to ' || "
                                 "b.c AS detail, e.ex_date AS t, e.split AS "
                                 "ratio FROM assay_check_bars b JOIN assay_check_events e ON "
                                 "e.symbol = b.symbol AND e.ex_date > b.prev_t AND "
                                 "e.ex_date <= b.t WHERE b.no_jump AND e.split <> 1"}},
    {{"jump", ASSAY_SEVERITY_WARNING, ASSAY_FIX_NEVER, "large returns without a split that explains them",
      NONE, "compare with another source", ""},
     {HIT("'close ' || prev || ' to ' || c") "assay_check_jumps WHERE kind = 'jump'", NULL}},
    {{"outlier", ASSAY_SEVERITY_NOTE, ASSAY_FIX_NEVER,
      "returns far off the symbol's own median, in robust deviations", NONE, "compare with another source",
      ""},
     {HIT("'close ' || prev || ' to ' || c || ', ' || round(deviations, 1) || ' deviations'") "assay_"
                                                                                              "check_"
                                                                                              "jumps "
                                                                                              "WHERE "
                                                                                              "kind "
                                                                                              "= "
                                                                                              "'outli"
                                                                                              "er'",
      NULL}},
    {{"bad_event", ASSAY_SEVERITY_ERROR, ASSAY_FIX_NEVER, "splits or dividends that are negative or infinite",
      IGNORED("refuses to start"), "correct the row", ""},
     {"SELECT symbol, ex_date AS t, ex_date AS until, 1 AS n, " DATE(
          "ex_date") " || ' split ' || split || ', dividend ' || dividend AS detail FROM "
                     "assay_check_events WHERE "
                     "split < 0 OR isinf(split) OR dividend < 0 OR isinf(dividend)",
      NULL}},
    {{"mixed_currencies", ASSAY_SEVERITY_ERROR, ASSAY_FIX_NEVER, "prices in several currencies",
      IGNORED("refuses to start"), "name symbols of one currency with --symbols, or convert the prices", ""},
     {"SELECT NULL AS symbol, min(t) AS t, max(t) AS until, count(*) AS n, coalesce(currency, "
      "'none') || ': ' || "
      "count(*) || ' rows' AS detail FROM assay_check_rows WHERE (SELECT count(DISTINCT currency) "
      "FROM "
      "assay_check_rows) > 1 GROUP BY currency",
      NULL}},
    {{"mixed_frequencies", ASSAY_SEVERITY_ERROR, ASSAY_FIX_NEVER,
      "rows of several frequencies, of which none was chosen",
      IGNORED("refuses to start without --frequency"), "choose one with --frequency", ""},
     {"SELECT NULL AS symbol, first AS t, last AS until, n, frequency || ': ' || n || ' rows' AS "
      "detail FROM "
      "assay_check_frequencies WHERE (SELECT count(*) FROM assay_check_frequencies) > 1",
      NULL}},
    {{"future_date", ASSAY_SEVERITY_WARNING, ASSAY_FIX_ASKED, "rows dated after now", NONE,
      "correct the dates; day and month may be exchanged", "drops the rows"},
     {HIT("'lies in the future'") "assay_check_rows WHERE t > " V(now),
      DROP("'lies in the future'") "assay_check_rows WHERE t > " V(now)}},
    {{"weekend", ASSAY_SEVERITY_WARNING, ASSAY_FIX_ASKED, "daily rows on Saturdays and Sundays", NONE,
      "correct the dates: they may be those of another time zone", "drops the rows"},
     {HIT("dayname(t)") "assay_check_weekend", DROP("dayname(t)") "assay_check_weekend"}},
    {{"survivorship", ASSAY_SEVERITY_WARNING, ASSAY_FIX_NEVER, "no symbol ever ends",
      IGNORED("knows only symbols that survived, and reports too high returns"),
      "add symbols that were delisted", ""},
     {"SELECT NULL AS symbol, NULL::TIMESTAMP AS t, NULL::TIMESTAMP AS until, count(*) AS n, 'none "
      "of ' || count(*) "
      "|| ' symbols ends before the last date' AS detail FROM assay_check_lives HAVING count(*) "
      ">= " V(survivor_symbols) " AND NOT bool_or(ended) AND max(last) - min(first) >= "
                                "to_days(CAST(" V(survivor_days) " AS INTEGER))",
      NULL}},
    {{"ended_early", ASSAY_SEVERITY_NOTE, ASSAY_FIX_NEVER, "symbols that end before the last date",
      IGNORED("takes them for delisted after delist_after_days"),
      "nothing has to be done where they were delisted; set delisting_return", ""},
     {"SELECT NULL AS symbol, last AS t, last AS until, 1 AS n, symbol || ' ends ' || " DATE(
          "last") " AS detail FROM assay_check_lives WHERE ended",
      NULL}},
    {{"begins_late", ASSAY_SEVERITY_NOTE, ASSAY_FIX_NEVER, "symbols that begin after the first date",
      IGNORED("trades them from their first bars on"), "nothing has to be done", ""},
     {"SELECT NULL AS symbol, first AS t, first AS until, 1 AS n, symbol || ' begins ' || " DATE(
          "first") " AS detail FROM assay_check_lives WHERE late",
      NULL}},
};

size_t assay_check_kind_count(void) {
    return sizeof kinds / sizeof *kinds;
}

const assay_check_kind *assay_check_kind_at(size_t index) {
    return &kinds[index].kind;
}

const assay_check_sql *assay_check_kind_sql(size_t index) {
    return &kinds[index].sql;
}

const char *assay_severity_name(assay_severity severity) {
    static const char *const names[] = {"note", "warning", "error"};
    return names[severity];
}

void assay_check_spec_init(assay_check_spec *spec) {
    *spec = (assay_check_spec){.start_us = INT64_MIN, .end_us = INT64_MAX, .now_us = INT64_MAX};
    for (size_t i = 0; i < assay_check_threshold_count(); i++) {
        spec->threshold[i] = thresholds[i].standard;
    }
}

bool assay_check_wants(const assay_check_spec *spec, size_t kind) {
    return spec->kinds == NULL || spec->kinds[kind];
}
