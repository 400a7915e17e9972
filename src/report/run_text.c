/* A run on screen: headline metrics in two columns, the equity as a line, counts, warnings. */
#include <math.h>
#include <string.h>

#include "report/run_formats.h"
#include "report/text_layout.h"

/* A line of the table of metrics. */
typedef struct headline {
    const char *metric;
    const char *label;
    int decimals;
    const char *unit;
} headline;

static const headline LEFT[] = {
    {"total_return_pct", "total return", 2, " %"},
    {"annual_return_pct", "annual return", 2, " %"},
    {"annual_volatility_pct", "annual volatility", 2, " %"},
    {"max_drawdown_pct", "maximum drawdown", 2, " %"},
    {"sharpe_ratio", "Sharpe ratio", 2, ""},
    {"sharpe_arithmetic", "Sharpe, arithmetic", 2, ""},
    {"sortino_ratio", "Sortino ratio", 2, ""},
    {"calmar_ratio", "Calmar ratio", 2, ""},
};
static const headline RIGHT[] = {
    {"total_trades", "closed trades", 0, ""},          {"win_rate_pct", "win rate", 2, " %"},
    {"profit_factor", "profit factor", 2, ""},         {"avg_win_pnl", "average win", 2, ""},
    {"avg_loss_pnl", "average loss", 2, ""},           {"avg_bars_held", "average holding", 1, " bars"},
    {"time_in_market_pct", "time in market", 2, " %"}, {"annual_turnover", "annual turnover", 2, ""},
};
enum { N_HEADLINES = sizeof LEFT / sizeof LEFT[0] };

static void put_headline(const assay_run_summary *s, const headline *h, const assay_report_style *style,
                         FILE *out) {
    char text[NUMBER_SIZE + 8];
    double value = assay_run_summary_metric(s, h->metric);
    assay_format_number(value, h->decimals, style, text, NUMBER_SIZE);
    size_t used = strlen(text);
    if (!isnan(value))
        snprintf(text + used, sizeof text - used, "%s", h->unit);
    assay_put_padded(h->label, 19, false, out);
    assay_put_padded(text, 14, true, out);
}

static bool has_metric(const assay_run_summary *s, const char *name) {
    for (size_t i = 0; i < s->n_metrics; i++) {
        if (strcmp(s->metrics[i].name, name) == 0)
            return true;
    }
    return false;
}

static void put_metrics(const assay_run_summary *s, const assay_report_style *style, FILE *out) {
    bool is_wide = assay_style_width(style) >= 74;
    for (size_t i = 0; i < N_HEADLINES; i++) {
        fputs("  ", out);
        put_headline(s, &LEFT[i], style, out);
        if (is_wide && has_metric(s, RIGHT[i].metric)) {
            fputs("    ", out);
            put_headline(s, &RIGHT[i], style, out);
        }
        putc('\n', out);
    }
    for (size_t i = 0; !is_wide && i < N_HEADLINES; i++) {
        if (!has_metric(s, RIGHT[i].metric))
            continue;
        fputs("  ", out);
        put_headline(s, &RIGHT[i], style, out);
        putc('\n', out);
    }
}

/* The parameters' JSON object in words: lookback 20, threshold 0.1. */
static void put_parameters(const char *json, FILE *out) {
    cJSON *object = cJSON_Parse(json);
    const char *before = " (";
    const cJSON *item;
    cJSON_ArrayForEach(item, object) {
        char *value = cJSON_PrintUnformatted(item);
        fprintf(out, "%s%s %s", before, item->string, value == NULL ? "?" : value);
        cJSON_free(value);
        before = ", ";
    }
    if (before[0] == ',')
        putc(')', out);
    cJSON_Delete(object);
}

static void put_heading(const assay_run_summary *s, const assay_report_style *style, FILE *out) {
    const char *dot = style->utf8 ? "·" : "|";
    char bars[32], symbols[32];
    assay_format_count(s->n_bars, bars, sizeof bars);
    assay_format_count(s->n_symbols, symbols, sizeof symbols);
    fputs(s->strategy, out);
    put_parameters(s->parameters_json, out);
    fprintf(out, "\n%s %s %s %s %s %s %s %s %s\n", s->start_date, style->utf8 ? "–" : "to", s->end_date, dot,
            bars, s->n_bars == 1 ? "bar" : "bars", dot, symbols, s->n_symbols == 1 ? "symbol" : "symbols");
    fprintf(out, "run %s\n\n", s->run_id);
}

/* A column of the table by strategy. */
typedef struct strategy_column {
    size_t field;
    const char *label;
    int decimals;
} strategy_column;

static const strategy_column STRATEGY_COLUMNS[] = {
    {ASSAY_STRATEGY_SIGNALS, "signals", 0}, {ASSAY_STRATEGY_TRADES, "trades", 0},
    {ASSAY_STRATEGY_PNL, "closed pnl", 2},  {ASSAY_STRATEGY_OPEN_PNL, "open pnl", 2},
    {ASSAY_STRATEGY_CAPITAL, "capital", 2}, {ASSAY_STRATEGY_EQUITY, "equity", 2},
};
enum { N_STRATEGY_COLUMNS = sizeof STRATEGY_COLUMNS / sizeof STRATEGY_COLUMNS[0], N_SLEEVE_COLUMNS = 2 };

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static void format_cell(const assay_run_summary *s, size_t row, const strategy_column *column,
                        const assay_report_style *style, char out_text[NUMBER_SIZE]) {
    double value = assay_strategy_field(&s->strategies[row], column->field);
    assay_format_number(value, column->decimals, style, out_text, NUMBER_SIZE);
}

/* As wide as what stands in it, and two spaces before. */
static size_t column_width(const assay_run_summary *s, const strategy_column *column,
                           const assay_report_style *style) {
    size_t width = assay_text_columns(column->label);
    for (size_t i = 0; i < s->n_strategies; i++) {
        char text[NUMBER_SIZE];
        format_cell(s, i, column, style, text);
        width = larger(width, assay_text_columns(text));
    }
    return width + 2;
}

/* A table with a line a strategy; capital and equity where each has its own. */
static void put_strategies(const assay_run_summary *s, const assay_report_style *style, FILE *out) {
    static const char heading[] = "by strategy";
    bool has_sleeves = !isnan(s->strategies[0].capital);
    size_t n = has_sleeves ? N_STRATEGY_COLUMNS : N_STRATEGY_COLUMNS - N_SLEEVE_COLUMNS;
    size_t width[N_STRATEGY_COLUMNS], name_width = strlen(heading);
    for (size_t c = 0; c < n; c++)
        width[c] = column_width(s, &STRATEGY_COLUMNS[c], style);
    for (size_t i = 0; i < s->n_strategies; i++)
        name_width = larger(name_width, assay_text_columns(s->strategies[i].name));
    fputs("\n  ", out);
    assay_put_padded(heading, name_width, false, out);
    for (size_t c = 0; c < n; c++)
        assay_put_padded(STRATEGY_COLUMNS[c].label, width[c], true, out);
    for (size_t i = 0; i < s->n_strategies; i++) {
        fputs("\n  ", out);
        assay_put_padded(s->strategies[i].name, name_width, false, out);
        for (size_t c = 0; c < n; c++) {
            char text[NUMBER_SIZE];
            format_cell(s, i, &STRATEGY_COLUMNS[c], style, text);
            assay_put_padded(text, width[c], true, out);
        }
    }
    putc('\n', out);
}

static size_t rows_of(const assay_run_summary *s, const char *table) {
    for (size_t i = 0; i < ASSAY_N_RESULT_TABLES && s->tables[i].table != NULL; i++) {
        if (strcmp(s->tables[i].table, table) == 0)
            return s->tables[i].n_rows;
    }
    return 0;
}

/* Appends ", 1,234 fills" to a sentence. */
static void add_count(char *sentence, size_t size, size_t count, const char *one, const char *many) {
    char text[32];
    size_t used = strlen(sentence);
    assay_format_count(count, text, sizeof text);
    snprintf(sentence + used, size - used, "%s%s %s", used == 0 ? "" : ", ", text, count == 1 ? one : many);
}

static void put_indented(const char *sentence, const assay_report_style *style, FILE *out) {
    fputs("  ", out);
    assay_put_wrapped(sentence, 2, 2, style, out);
}

static void put_counts(const assay_run_summary *s, const assay_report_style *style, FILE *out) {
    if (s->n_equity <= 1 && !s->has_warnings) {
        put_indented("a point of a sweep, stored with its metrics alone", style, out);
        return;
    }
    size_t n_trades = rows_of(s, "backtest_trades");
    size_t n_open = s->n_open_trades < n_trades ? s->n_open_trades : n_trades;
    char text[256] = "";
    add_count(text, sizeof text, rows_of(s, "backtest_signals"), "signal", "signals");
    add_count(text, sizeof text, rows_of(s, "backtest_fills"), "fill", "fills");
    add_count(text, sizeof text, n_trades - n_open, "closed trade", "closed trades");
    add_count(text, sizeof text, n_open, "position open at the end", "positions open at the end");
    put_indented(text, style, out);
    text[0] = '\0';
    add_count(text, sizeof text, s->delisted_positions, "position was closed by a delisting",
              "positions were closed by delistings");
    put_indented(text, style, out);
}

void assay_report_run_text(const assay_run_summary *s, const assay_report_style *style, FILE *out) {
    put_heading(s, style, out);
    put_metrics(s, style, out);
    if (s->n_equity > 1) {
        fputs("\n  equity\n", out);
        assay_report_chart(s->equity, s->n_equity, 6, style, out);
    }
    if (s->n_strategies > 0)
        put_strategies(s, style, out);
    putc('\n', out);
    put_counts(s, style, out);
    for (uint32_t bit = 0; bit < ASSAY_N_WARNINGS && s->has_warnings; bit++) {
        if ((s->warnings & (1u << bit)) != 0) {
            fputs("  warning: ", out);
            assay_put_wrapped(assay_warning_text(1u << bit), 11, 4, style, out);
        }
    }
}
