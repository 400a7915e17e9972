#include "expression/names.h"

#include <string.h>

/* The columns of technical_analysis in the order in which they are written, then those of fundamental_analysis. */
static const assay_indicator columns[] = {
    /* no expression: only data can tell */
    {"sma_20", "sma(close, 20)"},
    {"sma_50", "sma(close, 50)"},
    {"sma_200", "sma(close, 200)"},
    {"ema_12", "ema(close, 12)"},
    {"ema_26", "ema(close, 26)"},
    {"rsi_14", "rsi(close, 14)"},
    {"macd", "macd(close, 12, 26)"},
    {"macd_signal", "macd_signal(close, 12, 26, 9)"},
    {"macd_histogram", "macd_histogram(close, 12, 26, 9)"},
    {"bb_upper", "bb_upper(close, 20, 2)"},
    {"bb_middle", "bb_middle(close, 20, 2)"},
    {"bb_lower", "bb_lower(close, 20, 2)"},
    {"bb_width", "bb_width(close, 20, 2)"},
    {"bb_pct", "bb_pct(close, 20, 2)"},
    {"volume_sma_20", "sma(volume, 20)"},
    {"atr_14", "atr(14)"},
    {"adx_14", "adx(14)"},
    {"stoch_k", "stoch_k()"},
    {"stoch_d", "stoch_d()"},
    {"obv", "obv()"},
    {"pe_ratio", NULL},
    {"pb_ratio", NULL},
    {"ps_ratio", NULL},
    {"peg_ratio", NULL},
    {"profit_margin", NULL},
    {"operating_margin", NULL},
    {"roe", NULL},
    {"roa", NULL},
    {"revenue_growth_yoy", NULL},
    {"earnings_growth_yoy", NULL},
    {"debt_to_equity", NULL},
    {"current_ratio", NULL},
    {"quick_ratio", NULL},
    {"dividend_yield", NULL},
    {"payout_ratio", NULL},
    {"eps", NULL},
    {"revenue_ttm", NULL},
    {"net_income_ttm", NULL},
};

enum { N_COLUMNS = sizeof columns / sizeof *columns };

const char *assay_known_column_at(size_t index) {
    return index < N_COLUMNS ? columns[index].column : NULL;
}

static int find(const char *name) {
    for (int i = 0; i < N_COLUMNS; i++) {
        if (strcmp(columns[i].column, name) == 0)
            return i;
    }
    return -1;
}

bool assay_is_known_column(const char *name) {
    return find(name) >= 0;
}

const char *assay_column_expression(const char *name) {
    int i = find(name);
    return i < 0 ? NULL : columns[i].expression;
}

const assay_indicator *assay_computed_column_at(size_t index) {
    return index < N_COLUMNS && columns[index].expression != NULL ? &columns[index] : NULL;
}
