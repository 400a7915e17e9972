/* The audit's statements. Internal to audit.c. */
#ifndef ASSAY_STORE_AUDIT_SQL_H
#define ASSAY_STORE_AUDIT_SQL_H

#include <stddef.h>

/* Statements to run in order, over the temporary tables that audit.c makes:
 *     audit_run      one row: initial_capital, start_date, end_date, borrow_fee, cash_interest, lot_method
 *     audit_books    book, capital; one without a name unless the strategies have sleeves
 *     audit_fills    n (order of happening), order_id, t, book, symbol, side, quantity, price, commission, kind
 *     audit_prices   symbol, t, close; one row a key
 *     audit_events   symbol, ex_date, split, dividend
 *     audit_stored_bars   t, cash, total_value
 *     audit_stored_trades trade_id, book, symbol, exit_date, pnl, direction, is_open
 * They make audit_bars (t, cash, equity, financing), audit_trades (position in trade_id order, pnl) and audit_open (book, symbol,
 * direction, pnl). */
extern const char *const assay_audit_statements[];
extern const size_t assay_audit_n_statements;

/* SELECT kind, place, what, stored, recomputed, difference: every comparison that was made; kind 'equity' or 'pnl', difference
 * relative to equity or to the initial capital. */
extern const char assay_audit_differences[];

#endif
