/* The audit's statements: what a run's equity and pnl must be, in SQL.
 *
 * Everything is counted in base shares: the shares of a symbol before the first split of the run. With F = the product of the split
 * ratios up to a moment, a fill of q shares is q / F base shares, and a price p is p F per base share; a split then changes nothing,
 * and the value of a position is base shares x last close x F of that close's bar. A book is a portfolio of its own: lots, cash,
 * interest and fees are its own, and the run's equity is the sum of all.
 */
#include "audit_sql.h"

const char *const assay_audit_statements[] = {
    /* Events at the first bar at or after their ex-date; factor and dividends per base share, running. */
    "CREATE OR REPLACE TEMP TABLE audit_effects AS "
    "SELECT symbol, t, place, pay, dividend * factor_here AS per_base, product(split) OVER w AS factor, "
    "sum(dividend * factor_here) OVER w AS paid FROM ("
    " SELECT *, product(split) OVER (PARTITION BY symbol ORDER BY place ROWS UNBOUNDED PRECEDING) AS "
    "factor_here"
    " FROM (SELECT e.symbol, b.t, e.pay, e.split, e.dividend, row_number() OVER (PARTITION BY e.symbol ORDER "
    "BY "
    "b.t, e.spins_off, e.ex_date, e.split = 1, e.split, e.dividend) AS place"
    " FROM audit_events e ASOF JOIN audit_stored_bars b ON e.ex_date <= b.t"
    " WHERE e.symbol IN (SELECT symbol FROM audit_fills))) "
    "WINDOW w AS (PARTITION BY symbol ORDER BY place ROWS UNBOUNDED PRECEDING)",

    /* One row a symbol and bar with events: what holds from its start. */
    "CREATE OR REPLACE TEMP TABLE audit_factor AS "
    "SELECT symbol, t, last(factor ORDER BY place) AS factor, last(paid ORDER BY place) AS paid FROM "
    "audit_effects "
    "GROUP BY symbol, t UNION ALL SELECT DISTINCT symbol, TIMESTAMP '0001-01-01' AS t, 1.0, 0.0 FROM "
    "audit_fills",

    /* Fills in base shares, signed. */
    "CREATE OR REPLACE TEMP TABLE audit_base AS "
    "SELECT f.n, f.order_id, f.t, f.book, f.symbol, f.price * x.factor AS price, f.quantity / x.factor AS "
    "base, "
    "x.paid, "
    "CASE WHEN f.side = 'BUY' THEN 1 ELSE -1 END AS sign, f.quantity * f.price AS value, f.commission "
    "FROM audit_fills f ASOF JOIN audit_factor x ON f.symbol = x.symbol AND f.t >= x.t",

    /* Base shares of each book's symbols after each fill. */
    "CREATE OR REPLACE TEMP TABLE audit_held AS "
    "SELECT *, sum(sign * base) OVER (PARTITION BY book, symbol ORDER BY n ROWS UNBOUNDED PRECEDING) AS "
    "after FROM "
    "audit_base",

    /* The part of a fill that closes, the rest opens; direction is that of the position. A rest of rounding is none. */
    "CREATE OR REPLACE TEMP TABLE audit_parts AS "
    "SELECT n, order_id, t, book, symbol, price, paid, commission, base, sign, "
    " CASE WHEN before * sign < 0 AND abs(before) > 1e-9 * base THEN least(base, abs(before)) ELSE 0 END AS "
    "closing "
    "FROM (SELECT *, after - sign * base AS before FROM audit_held)",

    /* Intervals of base shares, opened and closed, one after the other: the overlap is what first in, first out means. */
    "CREATE OR REPLACE TEMP TABLE audit_opened AS "
    "SELECT n, t, book, symbol, sign AS direction, price, paid, commission / base AS fee, base - closing AS "
    "size, "
    " sum(base - closing) OVER (PARTITION BY book, symbol, sign ORDER BY n ROWS UNBOUNDED PRECEDING) AS upto "
    "FROM audit_parts WHERE base - closing > 1e-9 * base",
    "CREATE OR REPLACE TEMP TABLE audit_closed AS "
    "SELECT n, order_id, t, book, symbol, -sign AS direction, price, paid, commission / base AS fee, closing "
    "AS "
    "size, "
    " sum(closing) OVER (PARTITION BY book, symbol, sign ORDER BY n ROWS UNBOUNDED PRECEDING) AS upto "
    "FROM audit_parts WHERE closing > 0",

    /* Trades: per closing order, in the order of trade_id. */
    "CREATE OR REPLACE TEMP TABLE audit_trades AS "
    "SELECT row_number() OVER (ORDER BY exit_date, symbol, order_id) AS position, * FROM ("
    " SELECT c.order_id, c.symbol, max(c.t) AS exit_date, any_value(c.direction) AS direction, "
    "  sum(share * (c.direction * (c.price - o.price) - c.fee - o.fee + c.direction * (c.paid - o.paid))) AS "
    "pnl FROM ("
    "  SELECT c, o, least(c.upto, o.upto) - greatest(c.upto - c.size, o.upto - o.size) AS share"
    "  FROM audit_closed c JOIN audit_opened o ON c.book = o.book AND c.symbol = o.symbol AND c.direction = "
    "o.direction"
    "   AND o.upto > c.upto - c.size AND o.upto - o.size < c.upto) "
    " GROUP BY c.order_id, c.symbol)",

    /* The last close of each symbol at each bar, per base share. */
    "CREATE OR REPLACE TEMP TABLE audit_marks AS "
    "SELECT p.symbol, p.t, p.close * x.factor AS mark FROM audit_prices p ASOF JOIN audit_factor x "
    "ON p.symbol = x.symbol AND p.t >= x.t WHERE p.close IS NOT NULL AND isfinite(p.close)",

    "CREATE OR REPLACE TEMP TABLE audit_open AS "
    "SELECT book, symbol, direction, sum(rest * (direction * (mark - price) - fee + direction * (paid_now - "
    "paid))) AS pnl FROM ("
    " SELECT o.book, o.symbol, o.direction, o.price, o.fee, o.paid, m.mark, x.paid AS paid_now,"
    "  least(o.size, greatest(o.upto - coalesce(c.total, 0), 0)) AS rest"
    " FROM audit_opened o"
    " LEFT JOIN (SELECT book, symbol, direction, sum(size) AS total FROM audit_closed GROUP BY ALL) c"
    "  ON o.book = c.book AND o.symbol = c.symbol AND o.direction = c.direction"
    " LEFT JOIN (SELECT symbol, last(mark ORDER BY t) AS mark FROM audit_marks GROUP BY symbol) m ON "
    "m.symbol = o.symbol"
    " LEFT JOIN (SELECT symbol, last(paid ORDER BY t) AS paid FROM audit_factor GROUP BY symbol) x ON "
    "x.symbol = o.symbol"
    " WHERE o.upto - coalesce(c.total, 0) > 1e-9 * o.size) GROUP BY book, symbol, direction",

    /* Positions at the bars: one row a book, symbol and bar while base shares are held. */
    "CREATE OR REPLACE TEMP TABLE audit_positions AS "
    "SELECT s.book, s.symbol, s.t, s.shares, m.mark FROM ("
    " SELECT g.book, g.symbol, g.t, h.shares FROM (SELECT book, symbol, t FROM (SELECT DISTINCT book, symbol "
    "FROM "
    "audit_held), "
    "audit_stored_bars) g"
    " ASOF JOIN (SELECT book, symbol, t, last(after ORDER BY n) AS shares, last(base ORDER BY n) AS base "
    "FROM "
    "audit_held"
    "  GROUP BY book, symbol, t) h ON g.book = h.book AND g.symbol = h.symbol AND g.t >= h.t WHERE "
    "abs(h.shares) > 1e-9 * h.base) s "
    "ASOF LEFT JOIN audit_marks m ON s.symbol = m.symbol AND s.t >= m.t",

    /* Dividends on what is held when the bar begins: due at once, paid at the first bar from the pay date on. */
    "CREATE OR REPLACE TEMP TABLE audit_flows AS "
    "SELECT e.book, e.t, b.t AS paid_at, e.money FROM ("
    " SELECT k.book, e.t, CASE WHEN r.waits AND e.pay > e.t THEN e.pay ELSE e.t END AS from_t, "
    "  e.per_base * h.shares AS money FROM (audit_effects e CROSS JOIN audit_books k CROSS JOIN audit_run r)"
    "  ASOF JOIN (SELECT book, symbol, t, last(after ORDER BY n) AS shares FROM audit_held GROUP BY book, "
    "symbol, "
    "t) h ON k.book = h.book AND e.symbol = h.symbol AND e.t > h.t WHERE e.per_base <> 0) e "
    "ASOF LEFT JOIN audit_stored_bars b ON e.from_t <= b.t",

    /* Money that moves in each bar and book, and what is on its way. */
    "CREATE OR REPLACE TEMP TABLE audit_money AS "
    "SELECT book, t, sum(money) AS money, sum(due) AS due FROM ("
    " SELECT book, t, -sign * value - commission AS money, 0 AS due FROM audit_base"
    " UNION ALL SELECT book, t, 0, money FROM audit_flows"
    " UNION ALL SELECT book, paid_at, money, -money FROM audit_flows WHERE paid_at IS NOT NULL) GROUP BY "
    "book, t",

    /* Cash and value of each book before financing. */
    "CREATE OR REPLACE TEMP TABLE audit_plain AS "
    "SELECT k.book, b.t, k.capital + sum(coalesce(m.money, 0)) OVER (PARTITION BY k.book ORDER BY b.t) AS "
    "cash, sum(coalesce(m.due, 0)) OVER (PARTITION BY k.book ORDER BY b.t) AS due, "
    "coalesce(p.value, 0) AS value, coalesce(p.short, 0) AS short, "
    "coalesce(date_diff('day', lag(b.t) OVER (PARTITION BY k.book ORDER BY b.t), b.t), 0) / 365 AS years "
    "FROM audit_books k CROSS JOIN audit_stored_bars b LEFT JOIN audit_money m ON m.book = k.book AND m.t = "
    "b.t "
    "LEFT JOIN ("
    " SELECT book, t, sum(shares * mark) AS value, sum(greatest(-shares * mark, 0)) AS short FROM "
    "audit_positions GROUP BY book, t) p"
    " ON p.book = k.book AND p.t = b.t",

    /* Interest on the cash of the previous close, interest included: sum of flows that grow, in closed form; then the sum of the
     * books. */
    "CREATE OR REPLACE TEMP TABLE audit_bars AS "
    "SELECT t, sum(cash + financing) AS cash, sum(cash + financing + value + due) AS equity, sum(financing) "
    "AS "
    "financing FROM ("
    " SELECT book, t, cash, value, due, growth * sum(flow / growth) OVER (PARTITION BY book ORDER BY t) AS "
    "financing "
    "FROM ("
    "  SELECT book, t, cash, value, due, product(1 + rate * years) OVER w AS growth, "
    "   coalesce(lag(cash) OVER w * rate - lag(short) OVER w * fee, 0) * years AS flow"
    "  FROM audit_plain, (SELECT cash_interest AS rate, borrow_fee AS fee FROM audit_run)"
    "  WINDOW w AS (PARTITION BY book ORDER BY t))) GROUP BY t",
};

const size_t assay_audit_n_statements = sizeof assay_audit_statements / sizeof *assay_audit_statements;

const char assay_audit_differences[] =
    "SELECT kind, place, what, stored, recomputed, CASE WHEN stored IS NOT DISTINCT FROM recomputed THEN 0 "
    "ELSE "
    " coalesce(abs(stored - recomputed) / scale, 'inf'::DOUBLE) END AS difference FROM ("
    " SELECT 'equity' AS kind, strftime(t, '%Y-%m-%dT%H:%M:%S') AS place, 'cash' AS what, s.cash AS stored, "
    "  b.cash AS recomputed, greatest(abs(s.total_value), 1e-300) AS scale FROM audit_stored_bars s JOIN "
    "audit_bars b USING (t)"
    " UNION ALL SELECT 'equity', strftime(t, '%Y-%m-%dT%H:%M:%S'), 'total_value', s.total_value, b.equity, "
    "  greatest(abs(s.total_value), 1e-300) FROM audit_stored_bars s JOIN audit_bars b USING (t)"
    " UNION ALL SELECT 'equity', strftime(p.t, '%Y-%m-%dT%H:%M:%S'), 'bars of this time', (s.t IS NOT "
    "NULL)::DOUBLE, 1, 1"
    "  FROM (SELECT DISTINCT t FROM audit_calendar) p LEFT JOIN audit_stored_bars s ON s.t = p.t WHERE s.t "
    "IS NULL"
    " UNION ALL SELECT 'equity', strftime(s.t, '%Y-%m-%dT%H:%M:%S'), 'bars of this time', 1, (p.t IS NOT "
    "NULL)::DOUBLE, 1"
    "  FROM audit_stored_bars s LEFT JOIN (SELECT DISTINCT t FROM audit_calendar) p ON s.t = p.t WHERE p.t "
    "IS NULL"
    " UNION ALL SELECT 'pnl', coalesce(s.trade_id, 'trade ' || r.position), 'pnl of ' || coalesce(s.symbol, "
    "r.symbol), s.pnl, "
    "  r.pnl, initial_capital FROM audit_trades r FULL JOIN (SELECT *, row_number() OVER (ORDER BY trade_id) "
    "AS position"
    "  FROM audit_stored_trades WHERE NOT is_open) s ON s.position = r.position AND s.symbol = r.symbol, "
    "audit_run"
    "  WHERE lot_method = 'fifo'"
    " UNION ALL SELECT 'pnl', coalesce(s.trade_id, 'open position'), 'pnl of open ' || coalesce(s.symbol, "
    "r.symbol), s.pnl, r.pnl, "
    "  initial_capital FROM audit_open r FULL JOIN (SELECT * FROM audit_stored_trades WHERE is_open) s"
    "  ON s.book = r.book AND s.symbol = r.symbol, audit_run WHERE lot_method = 'fifo'"
    " UNION ALL SELECT 'pnl', 'all trades', 'total pnl', (SELECT coalesce(sum(pnl), 0) FROM "
    "audit_stored_trades), "
    "  (SELECT last(equity ORDER BY t) - last(financing ORDER BY t) FROM audit_bars) - initial_capital, "
    "initial_capital"
    "  FROM audit_run"
    ") ORDER BY kind, place, what";
