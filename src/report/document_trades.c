/* What a run's document has of its trades: the list, groups of them, and what they cost. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "base/sum.h"
#include "metrics/groups.h"
#include "report/document.h"

enum { MOST_TRADES = 20000, MOST_REASONS = 200 };

/* --- what is said of a trade --- */

static const char *strategy_of(const assay_document *d, const assay_trade *t) {
    return assay_result_strategy_name(d->result, t->strategy);
}

static const assay_signal *signal_of(const assay_document *d, uint32_t index) {
    size_t n = 0;
    const assay_signal *signals = assay_result_signals(d->result, &n);
    return index != ASSAY_NO_SIGNAL && index < n ? &signals[index] : NULL;
}

/* The text before the numbers of a reason: what trades can have in common. */
static void put_reason(const assay_document *d, uint32_t index, bool is_whole, char *out_text, size_t size) {
    const assay_signal *signal = signal_of(d, index);
    out_text[0] = '\0';
    if (signal != NULL)
        assay_signal_reason(assay_config_strategy(assay_result_config(d->result)), signal, out_text, size);
    char *colon = is_whole ? NULL : strchr(out_text, ':');
    if (colon != NULL)
        *colon = '\0';
}

static void exit_reason_of(const assay_document *d, const assay_trade *t, bool is_whole, char *out,
                           size_t n) {
    if (t->is_open != 0) {
        snprintf(out, n, "open at the end");
    } else if (signal_of(d, t->exit_signal) != NULL) {
        put_reason(d, t->exit_signal, is_whole, out, n);
    } else {
        snprintf(out, n, "%s",
                 t->exit_kind <= ASSAY_FILL_MARKET_CLOSE ? "left the universe"
                                                         : assay_fill_kind_name(t->exit_kind));
    }
}

static void entry_reason_of(const assay_document *d, const assay_trade *t, bool is_whole, char *out,
                            size_t n) {
    if (signal_of(d, t->entry_signal) != NULL)
        put_reason(d, t->entry_signal, is_whole, out, n);
    else
        snprintf(out, n, "%s", t->entry_signal == ASSAY_NO_SIGNAL ? "spin_off" : "");
}

static const char *type_of(const assay_document *d, const assay_trade *t) {
    const assay_signal *signal = signal_of(d, t->entry_signal);
    if (signal == NULL)
        return "spin_off";
    return assay_config_strategy(assay_result_config(d->result))->kinds[signal->kind].signal_type;
}

const char *assay_document_sector(const assay_document *d, const assay_trade *t) {
    const char *sector = assay_panel_sector_at(d->panel, t->symbol, t->entry_bar);
    if (sector == NULL)
        sector = assay_panel_sector(d->panel, t->symbol);
    return sector == NULL ? "no sector" : sector;
}

/* A bar of the panel as a bar of the run. */
static int64_t bar_of(const assay_document *d, uint32_t bar) {
    return d->n == 0 ? 0 : (int64_t)bar - (int64_t)d->snapshot[0].bar;
}

/* --- the list --- */

typedef struct trade_texts {
    uint32_t type, entry, exit, strategy, sector;
} trade_texts;

static trade_texts name_texts(const assay_document *d, const assay_trade *t, assay_name_list *texts) {
    char entry[256], exit[256];
    entry_reason_of(d, t, true, entry, sizeof entry);
    exit_reason_of(d, t, true, exit, sizeof exit);
    return (trade_texts){assay_name_list_add(texts, type_of(d, t)), assay_name_list_add(texts, entry),
                         assay_name_list_add(texts, exit), assay_name_list_add(texts, strategy_of(d, t)),
                         assay_name_list_add(texts, assay_document_sector(d, t))};
}

static const char *const TRADE_COLUMNS[] = {
    "trade_id", "symbol",    "direction",   "entry_date",   "exit_date",   "entry_price", "exit_price",
    "quantity", "pnl",       "pnl_pct",     "bars_held",    "mae_pct",     "mfe_pct",     "commission",
    "slippage", "dividends", "signal_type", "entry_reason", "exit_reason", "strategy",    "sector",
};
enum { N_TRADE_COLUMNS = sizeof TRADE_COLUMNS / sizeof *TRADE_COLUMNS };

static void put_trade_cell(assay_document *d, size_t number, int column, const trade_texts *texts) {
    const assay_trade *t = &d->trade[number];
    assay_json_stream *s = &d->json;
    const double numbers[] = {t->entry_price,   t->exit_price, t->quantity, t->pnl,
                              t->pnl_pct * 100, t->bars_held,  t->mae_pct,  t->mfe_pct,
                              t->commission,    t->slippage,   t->dividends};
    const uint32_t names[] = {texts->type, texts->entry, texts->exit, texts->strategy, texts->sector};
    if (column == 0)
        assay_stream_whole(s, NULL, (int64_t)number + 1);
    else if (column == 1)
        assay_stream_whole(s, NULL, t->symbol);
    else if (column == 2)
        assay_stream_text(s, NULL, t->direction > 0 ? "long" : "short");
    else if (column == 3)
        assay_stream_whole(s, NULL, bar_of(d, t->entry_bar));
    else if (column == 4 && t->is_open != 0)
        assay_stream_json(s, NULL, NULL);
    else if (column == 4)
        assay_stream_whole(s, NULL, bar_of(d, t->exit_bar));
    else if (column < 16)
        assay_stream_rounded(s, NULL, numbers[column - 5], 7);
    else
        assay_stream_whole(s, NULL, names[column - 16]);
}

static assay_status put_trades(assay_document *d, assay_error *err) {
    size_t shown = d->n_trades < MOST_TRADES ? d->n_trades : MOST_TRADES, first = d->n_trades - shown;
    assay_name_list texts = {0};
    trade_texts *text = calloc(shown + 1, sizeof *text);
    if (text == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the report of %zu trades", d->n_trades);
    for (size_t i = 0; i < shown; i++)
        text[i] = name_texts(d, &d->trade[first + i], &texts);
    assay_json_stream *s = &d->json;
    assay_stream_open(s, "symbols", '[');
    for (size_t i = 0; i < assay_panel_n_symbols(d->panel); i++)
        assay_stream_text(s, NULL, assay_panel_symbol(d->panel, i));
    assay_stream_close(s, '[');
    assay_stream_open(s, "texts", '[');
    for (size_t i = 0; i < texts.n; i++)
        assay_stream_text(s, NULL, texts.name[i]);
    assay_stream_close(s, '[');
    assay_stream_open(s, "trades", '{');
    assay_stream_whole(s, "n", (int64_t)d->n_trades);
    assay_stream_whole(s, "n_shown", (int64_t)shown);
    assay_stream_open(s, "columns", '[');
    for (int c = 0; c < N_TRADE_COLUMNS; c++)
        assay_stream_text(s, NULL, TRADE_COLUMNS[c]);
    assay_stream_close(s, '[');
    assay_stream_open(s, "data", '[');
    for (int c = 0; c < N_TRADE_COLUMNS; c++) {
        assay_stream_open(s, NULL, '[');
        for (size_t i = 0; i < shown; i++)
            put_trade_cell(d, first + i, c, &text[i]);
        assay_stream_close(s, '[');
    }
    assay_stream_close(s, '[');
    assay_stream_close(s, '{');
    bool is_short = texts.is_short;
    free(text);
    assay_name_list_reset(&texts);
    return is_short ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the reasons of trades")
                    : ASSAY_OK;
}

/* --- groups --- */

typedef void trade_name(const assay_document *d, const assay_trade *t, char *out_text, size_t size);

static void by_symbol(const assay_document *d, const assay_trade *t, char *out, size_t size) {
    snprintf(out, size, "%s", assay_panel_symbol(d->panel, t->symbol));
}
static void by_sector(const assay_document *d, const assay_trade *t, char *out, size_t size) {
    snprintf(out, size, "%s", assay_document_sector(d, t));
}
static void by_strategy(const assay_document *d, const assay_trade *t, char *out, size_t size) {
    snprintf(out, size, "%s", strategy_of(d, t));
}
static void by_type(const assay_document *d, const assay_trade *t, char *out, size_t size) {
    snprintf(out, size, "%s", type_of(d, t));
}
static void by_direction(const assay_document *d, const assay_trade *t, char *out, size_t size) {
    (void)d;
    snprintf(out, size, "%s", t->direction > 0 ? "long" : "short");
}
static void by_entry(const assay_document *d, const assay_trade *t, char *out, size_t size) {
    entry_reason_of(d, t, false, out, size);
}
static void by_exit(const assay_document *d, const assay_trade *t, char *out, size_t size) {
    exit_reason_of(d, t, false, out, size);
}
static void by_month(const assay_document *d, const assay_trade *t, char *out, size_t size) {
    int32_t year = 0, month = 0, day = 0;
    assay_civil_from_day(assay_day_of_us(assay_panel_timestamps(d->panel)[t->exit_bar]), &year, &month, &day);
    snprintf(out, size, "%d-%02d", year, month);
}
static void by_holding(const assay_document *d, const assay_trade *t, char *out, size_t size) {
    static const uint32_t edges[] = {1, 5, 21, 63, 126, 252};
    size_t i = 0;
    (void)d;
    while (i < sizeof edges / sizeof *edges && t->bars_held > edges[i])
        i++;
    if (i == 0)
        snprintf(out, size, "up to 1 bar");
    else if (i == sizeof edges / sizeof *edges)
        snprintf(out, size, "more than %u bars", edges[i - 1]);
    else
        snprintf(out, size, "%u to %u bars", edges[i - 1] + 1, edges[i]);
}

static const struct {
    const char *key;
    trade_name *name;
} GROUPS[] = {{"symbol", by_symbol},    {"sector", by_sector},       {"strategy", by_strategy},
              {"signal_type", by_type}, {"direction", by_direction}, {"entry_reason", by_entry},
              {"exit_reason", by_exit}, {"exit_month", by_month},    {"holding_time", by_holding}};

static void put_group(assay_document *d, const char *name, const assay_trade_group *g, double gain) {
    assay_json_stream *s = &d->json;
    assay_stream_open(s, NULL, '{');
    assay_stream_text(s, "name", name);
    assay_stream_whole(s, "n_trades", (int64_t)g->n_closed);
    assay_stream_whole(s, "n_open", (int64_t)g->n_open);
    assay_stream_rounded(s, "win_rate_pct", g->win_rate * 100, 6);
    assay_stream_number(s, "pnl", g->pnl);
    assay_stream_rounded(s, "share_pct", g->pnl / gain * 100, 6);
    assay_stream_rounded(s, "avg_pnl", g->avg_pnl, 7);
    assay_stream_rounded(s, "profit_factor", g->profit_factor, 6);
    assay_stream_rounded(s, "avg_bars_held", g->avg_bars_held, 6);
    assay_stream_rounded(s, "avg_mae_pct", g->avg_mae, 6);
    assay_stream_rounded(s, "avg_mfe_pct", g->avg_mfe, 6);
    assay_stream_rounded(s, "commission", g->commission, 9);
    assay_stream_rounded(s, "slippage", g->slippage, 9);
    assay_stream_rounded(s, "dividends", g->dividends, 9);
    assay_stream_close(s, '{');
}

static assay_status put_groups(assay_document *d, size_t which, uint32_t *number, assay_error *err) {
    assay_name_list names = {0};
    for (size_t i = 0; i < d->n_trades; i++) {
        char text[256];
        GROUPS[which].name(d, &d->trade[i], text, sizeof text);
        /* Reasons without a fixed part could be as many as trades. */
        number[i] = assay_name_list_add(&names, names.n < MOST_REASONS || which < 2 ? text : "others");
    }
    assay_trade_group *rows = calloc(names.n + 1, sizeof *rows);
    assay_status status = rows == NULL || names.is_short
                              ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for groups of trades")
                              : assay_trades_group(d->trade, d->n_trades, number, names.n, rows, err);
    double gain = d->n == 0 ? 0 : d->equity[d->n - 1] - d->initial_capital;
    assay_stream_open(&d->json, GROUPS[which].key, '[');
    for (size_t g = 0; g < names.n && status == ASSAY_OK; g++)
        put_group(d, names.name[g], &rows[g], gain);
    assay_stream_close(&d->json, '[');
    free(rows);
    assay_name_list_reset(&names);
    return status;
}

/* --- costs --- */

static void put_cost(assay_document *d, const char *name, double money) {
    assay_stream_open(&d->json, NULL, '{');
    assay_stream_text(&d->json, "name", name);
    assay_stream_number(&d->json, "money", money);
    assay_stream_rounded(&d->json, "pct_of_capital", money / d->initial_capital * 100, 6);
    assay_stream_close(&d->json, '{');
}

static void put_costs(assay_document *d) {
    assay_sum commission = {0}, slippage = {0}, received = {0}, paid = {0};
    size_t n_fills = 0;
    const assay_fill *fills = assay_result_fills(d->result, &n_fills);
    for (size_t i = 0; i < n_fills; i++) {
        assay_sum_add(&commission, -fills[i].commission);
        assay_sum_add(&slippage, -fills[i].slippage);
    }
    for (size_t i = 0; i < d->n_trades; i++)
        assay_sum_add(d->trade[i].dividends < 0 ? &paid : &received, d->trade[i].dividends);
    double fees = assay_result_borrow_fees(d->result);
    assay_stream_open(&d->json, "costs", '[');
    put_cost(d, "commission", assay_sum_value(&commission));
    put_cost(d, "slippage", assay_sum_value(&slippage));
    put_cost(d, "borrow fees", fees == 0 ? 0 : -fees);
    put_cost(d, "interest", assay_result_financing(d->result) + fees);
    put_cost(d, "dividends received", assay_sum_value(&received));
    put_cost(d, "dividends paid", assay_sum_value(&paid));
    assay_stream_close(&d->json, '[');
}

assay_status assay_document_trades(assay_document *d, assay_error *err) {
    uint32_t *number = malloc((d->n_trades + 1) * sizeof *number);
    if (number == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for groups of trades");
    assay_status status = put_trades(d, err);
    assay_stream_open(&d->json, "groups", '{');
    for (size_t k = 0; k < sizeof GROUPS / sizeof *GROUPS && status == ASSAY_OK; k++)
        status = put_groups(d, k, number, err);
    assay_stream_close(&d->json, '{');
    if (status == ASSAY_OK)
        put_costs(d);
    free(number);
    return status;
}
