/* The statements that make the tables of the data check, each from those before it. */
#include "check.h"

#define V(name) "getvariable('" #name "')"

/* --- what follows from the rows --- */

/* $1: the files in their order. */
static const char make_dups[] = "CREATE TEMP TABLE assay_check_dups AS WITH d AS (SELECT r.*, "
                                "list_position($1, r.file) AS file_place FROM "
                                "assay_check_rows r JOIN (SELECT symbol, t FROM assay_check_rows WHERE "
                                "symbol IS NOT NULL AND t IS NOT NULL "
                                "GROUP BY symbol, t HAVING count(*) > 1) USING (symbol, t)), p AS (SELECT *, "
                                "row_number() OVER w AS place, "
                                "first_value(n) OVER w AS best_n, first_value(c) OVER w AS best_c, "
                                "first_value(file) OVER w AS best_file, "
                                "first_value(version) OVER w AS best_version, first_value(hash(o, h, l, c, "
                                "v, split, dividend)) OVER w AS "
                                "best_hash FROM d WINDOW w AS (PARTITION BY symbol, t ORDER BY version DESC "
                                "NULLS LAST, file_place DESC, n "
                                "DESC)) SELECT *, CASE WHEN file <> best_file OR version IS DISTINCT FROM "
                                "best_version THEN 'superseded' WHEN "
                                "hash(o, h, l, c, v, split, dividend) = best_hash THEN 'duplicate' ELSE "
                                "'contradicting_duplicate' END AS kind "
                                "FROM p";

static const char make_row_events[] =
    "CREATE TEMP TABLE assay_check_events AS SELECT symbol, t AS ex_date, split, dividend, file, n FROM "
    "assay_check_rows r WHERE (split <> 1 OR dividend <> 0) AND symbol IS NOT NULL AND t IS NOT NULL AND NOT "
    "EXISTS "
    "(SELECT 1 FROM assay_check_dups d WHERE d.place > 1 AND d.file = r.file AND d.n = r.n)";

#define GOOD "split > 0 AND NOT isinf(split) AND dividend >= 0 AND NOT isinf(dividend)"

/* The rows that are bars, sorted, so that a bar's neighbours are those of the table: no window has to sort again. */
static const char make_sorted[] = "CREATE TEMP TABLE assay_check_sorted AS SELECT symbol, t, o, h, l, c, v, "
                                  "file, n FROM assay_check_rows r WHERE NOT "
                                  "bad AND c IS NOT NULL AND symbol IS NOT NULL AND t IS NOT NULL AND NOT "
                                  "EXISTS (SELECT 1 FROM assay_check_dups d "
                                  "WHERE d.place > 1 AND d.file = r.file AND d.n = r.n) ORDER BY symbol, t";

static const char make_bars[] =
    "CREATE TEMP TABLE assay_check_bars AS WITH event AS (SELECT e.symbol, b.t, product(e.split) AS split, "
    "sum(e.dividend) AS dividend FROM (SELECT * FROM assay_check_events WHERE " GOOD
    ") e ASOF JOIN (SELECT symbol, t "
    "FROM assay_check_sorted) b ON e.symbol = b.symbol AND e.ex_date <= b.t GROUP BY e.symbol, b.t), lagged "
    "AS (SELECT "
    "b.*, p.c AS prev, p.t AS prev_t, q.c AS next FROM assay_check_sorted b LEFT JOIN assay_check_sorted p "
    "ON p.rowid = "
    "b.rowid - 1 AND p.symbol = b.symbol LEFT JOIN assay_check_sorted q ON q.rowid = b.rowid + 1 AND "
    "q.symbol = "
    "b.symbol), r AS (SELECT lagged.*, coalesce(event.split, 1) AS split, ln((c + coalesce(event.dividend, "
    "0)) * "
    "coalesce(event.split, 1) / prev) AS r FROM lagged LEFT JOIN event USING (symbol, t)) SELECT *, "
    "coalesce(split <> 1 "
    "AND abs(ln(split)) >= ln(" V(
        event_least) ") AND abs(ln(prev / c)) < abs(ln(prev / c) - ln(split)), false) AS "
                     "no_jump FROM r";

static const char make_spread[] =
    "CREATE TEMP TABLE assay_check_spread AS SELECT b.symbol, m, 1.4826 * median(abs(r - m)) AS s FROM "
    "assay_check_bars b JOIN (SELECT symbol, median(r) AS m FROM assay_check_bars GROUP BY symbol) USING "
    "(symbol) "
    "GROUP BY ALL";

static const char make_lives[] =
    "CREATE TEMP TABLE assay_check_lives AS WITH l AS (SELECT symbol, min(t) AS first, max(t) AS last FROM "
    "assay_check_bars WHERE t <= " V(
        now) " GROUP BY symbol) SELECT *, last < (SELECT max(last) FROM l) - "
             "to_days(CAST(" V(end_days) " AS INTEGER)) AS ended, first > (SELECT min(first) FROM l) + "
                                         "to_days(CAST(" V(end_days) " AS INTEGER)) AS late FROM l";

static const char make_calendar[] =
    "CREATE TEMP TABLE assay_check_calendar AS WITH d AS (SELECT t, count(*) AS n FROM assay_check_bars "
    "GROUP BY t), "
    "s AS (SELECT first AS t, count(*) AS n FROM assay_check_lives GROUP BY first), e AS (SELECT last AS t, "
    "count(*) "
    "AS n FROM assay_check_lives GROUP BY last) SELECT d.t, d.n AS trading, row_number() OVER (ORDER BY d.t) "
    "AS b, "
    "coalesce(sum(s.n) OVER (ORDER BY d.t), 0) - coalesce(sum(e.n) OVER (ORDER BY d.t ROWS BETWEEN UNBOUNDED "
    "PRECEDING AND 1 PRECEDING), 0) AS alive FROM d LEFT JOIN s USING (t) LEFT JOIN e USING (t)";

static const char make_holes[] =
    "CREATE TEMP TABLE assay_check_holes AS WITH holed AS (SELECT s.symbol FROM (SELECT symbol, count(*) AS "
    "n, min(t) AS "
    "first, max(t) AS last FROM assay_check_bars GROUP BY symbol) s JOIN assay_check_calendar p ON p.t = "
    "s.first JOIN "
    "assay_check_calendar q ON q.t = s.last WHERE q.b - p.b + 1 > s.n), wide AS (SELECT x.symbol, x.t AS "
    "before, p.b AS b, q.b AS next FROM "
    "assay_check_bars x JOIN assay_check_calendar p ON p.t = x.prev_t JOIN assay_check_calendar q ON q.t = "
    "x.t WHERE "
    "x.symbol IN (SELECT symbol FROM holed) AND q.b > p.b + 1 AND x.t <= " V(
        now) "), holes AS (SELECT symbol, before, unnest(range(b + 1, next)) AS b FROM wide) "
             "SELECT h.symbol, h.before, k.t FROM holes h JOIN assay_check_calendar k USING (b) WHERE "
             "k.alive - 1 >= " V(gap_others) " AND k.trading > " V(gap_share) " * (k.alive - 1)";

/* Holes with a row that is no bar are other kinds'. */
static const char make_gaps[] = "CREATE TEMP TABLE assay_check_gaps AS SELECT * FROM assay_check_holes h "
                                "WHERE NOT EXISTS (SELECT 1 FROM (SELECT "
                                "r.symbol, r.t FROM assay_check_rows r WHERE r.bad OR r.c IS NULL) r WHERE "
                                "r.symbol = h.symbol AND r.t = h.t)";

static const char make_stale[] =
    "CREATE TEMP TABLE assay_check_stale AS WITH f AS (SELECT *, c = prev AND coalesce(v, 0) = 0 AS still "
    "FROM "
    "assay_check_bars), moot AS (SELECT symbol FROM f WHERE still GROUP BY symbol HAVING count(*) >= " V(
        stale_bars) " - 1), g AS (SELECT *, sum(CASE WHEN still THEN 0 ELSE 1 END) OVER (PARTITION BY symbol "
                    "ORDER BY t) "
                    "AS run FROM f WHERE symbol IN (SELECT symbol FROM moot)) SELECT *, row_number() OVER "
                    "(PARTITION BY "
                    "symbol, run "
                    "ORDER BY t) AS number FROM g QUALIFY count(*) OVER (PARTITION BY symbol, run) >= " V(
                        stale_bars);

/* Usual ratios, and their reverses. Both the open and the close lie near a real split's new level. */
#define RATIOS                                                                                               \
    "(SELECT a || ':' || b AS name, a / b AS ratio FROM (VALUES "                                            \
    "(3,2),(2,1),(5,2),(3,1),(4,1),(5,1),(6,1),(7,1),"                                                       \
    "(8,1),(10,1),(12,1),(15,1),(20,1),(25,1),(30,1),(50,1),(100,1),(1,2),(1,3),(1,4),(1,5),(1,6),(1,7),(1," \
    "8),"                                                                                                    \
    "(1,10),(1,12),(1,15),(1,20),(1,25),(1,30),(1,50),(1,100)) AS v(a, b))"

static const char make_jumps[] =
    "CREATE TEMP TABLE assay_check_jumps AS WITH wide AS (SELECT b.*, abs(r - m) / nullif(s, 0) AS "
    "deviations FROM "
    "assay_check_bars b JOIN assay_check_spread USING (symbol) WHERE prev IS NOT NULL AND NOT no_jump AND "
    "(abs(r) >= "
    "least(abs(ln(1 + " V(jump) ")), ln(1 + " V(spike_least) "), ln(" V(split_least) ")) OR abs(r - m) > " V(outlier_mads) " * s)), spikes AS (SELECT symbol, t FROM wide WHERE coalesce(deviations >= " V(spike_mads) ", true) AND abs(exp(r) - 1) >= " V(
        spike_least) " AND abs(r + ln(next / c)) <= " V(spike_back) " * abs(r) AND split = 1), splits AS "
                                                                    "(SELECT symbol, t, arg_min(name, "
                                                                    "distance) AS ratio_name, "
                                                                    "arg_min(ratio, distance) AS ratio FROM "
                                                                    "(SELECT symbol, t, name, ratio, "
                                                                    "abs(ln(prev / c) - ln(ratio)) AS "
                                                                    "distance "
                                                                    "FROM wide, " RATIOS
                                                                    " WHERE split = 1 AND abs(ln(prev / c)) "
                                                                    ">= ln(" V(
                                                                        split_least) ") AND "
                                                                                     "coalesce(abs(ln(prev / "
                                                                                     "o) - ln(ratio)), 0) <= "
                                                                                     "ln(1 + " V(split_tolerance) ")) WHERE distance <= ln(1 + " V(
                                                                                         split_tolerance) ") "
                                                                                                          "GR"
                                                                                                          "OU"
                                                                                                          "P "
                                                                                                          "BY"
                                                                                                          " s"
                                                                                                          "ym"
                                                                                                          "bo"
                                                                                                          "l,"
                                                                                                          " t"
                                                                                                          ") "
                                                                                                          "SE"
                                                                                                          "LE"
                                                                                                          "CT"
                                                                                                          " *"
                                                                                                          " F"
                                                                                                          "RO"
                                                                                                          "M "
                                                                                                          "(S"
                                                                                                          "EL"
                                                                                                          "EC"
                                                                                                          "T "
                                                                                                          "w."
                                                                                                          "*,"
                                                                                                          " r"
                                                                                                          "at"
                                                                                                          "io"
                                                                                                          "_n"
                                                                                                          "am"
                                                                                                          "e,"
                                                                                                          " r"
                                                                                                          "at"
                                                                                                          "io"
                                                                                                          ", "
                                                                                                          "CA"
                                                                                                          "SE"
                                                                                                          " W"
                                                                                                          "HE"
                                                                                                          "N "
                                                                                                          "x."
                                                                                                          "t "
                                                                                                          "IS"
                                                                                                          " N"
                                                                                                          "OT"
                                                                                                          " N"
                                                                                                          "UL"
                                                                                                          "L "
                                                                                                          "TH"
                                                                                                          "EN"
                                                                                                          " '"
                                                                                                          "sp"
                                                                                                          "ik"
                                                                                                          "e'"
                                                                                                          " W"
                                                                                                          "HE"
                                                                                                          "N "
                                                                                                          "y."
                                                                                                          "t "
                                                                                                          "IS"
                                                                                                          " N"
                                                                                                          "OT"
                                                                                                          " N"
                                                                                                          "UL"
                                                                                                          "L "
                                                                                                          "TH"
                                                                                                          "EN"
                                                                                                          " N"
                                                                                                          "UL"
                                                                                                          "L "
                                                                                                          "WH"
                                                                                                          "EN"
                                                                                                          " r"
                                                                                                          "at"
                                                                                                          "io"
                                                                                                          " I"
                                                                                                          "S "
                                                                                                          "NO"
                                                                                                          "T "
                                                                                                          "NU"
                                                                                                          "LL"
                                                                                                          " T"
                                                                                                          "HE"
                                                                                                          "N "
                                                                                                          "'u"
                                                                                                          "na"
                                                                                                          "dj"
                                                                                                          "us"
                                                                                                          "te"
                                                                                                          "d_"
                                                                                                          "sp"
                                                                                                          "li"
                                                                                                          "t'"
                                                                                                          " W"
                                                                                                          "HE"
                                                                                                          "N "
                                                                                                          "ab"
                                                                                                          "s("
                                                                                                          "ex"
                                                                                                          "p("
                                                                                                          "r)"
                                                                                                          " -"
                                                                                                          " 1"
                                                                                                          ") "
                                                                                                          ">="
                                                                                                          " " V(jump) " THEN 'jump' WHEN deviations > " V(
                                                                                                              outlier_mads) " THEN 'outlier' END AS kind FROM wide w LEFT "
                                                                                                                            "JOIN spikes x ON x.symbol = w.symbol AND x.t = w.t LEFT JOIN spikes y ON y.symbol = w.symbol AND y.t = w.prev_t "
                                                                                                                            "LEFT JOIN splits z ON z.symbol = w.symbol AND z.t = w.t) WHERE kind IS NOT NULL";

static const char make_weekend[] = "CREATE TEMP TABLE assay_check_weekend AS SELECT * FROM (SELECT * FROM "
                                   "assay_check_rows WHERE frequency = '1d' AND "
                                   "dayofweek(t) IN (0, 6) AND symbol IS NOT NULL) WHERE (SELECT avg(CASE "
                                   "WHEN dayofweek(t) IN (0, 6) THEN 1 ELSE 0 "
                                   "END) FROM assay_check_rows WHERE t IS NOT NULL) < " V(weekend_share);

const char *const assay_check_statements[] = {
    make_dups,  make_row_events, make_sorted, make_bars,  make_spread,  make_lives, make_calendar,
    make_holes, make_gaps,       make_stale,  make_jumps, make_weekend, NULL};
