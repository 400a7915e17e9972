/* The inside of a configuration: typed values for the engine, made from engine/settings.def. */
#ifndef ASSAY_ENGINE_CONFIG_H
#define ASSAY_ENGINE_CONFIG_H

#include "assay/assay_config.h"

typedef enum assay_slippage_model {
    ASSAY_SLIPPAGE_BPS,
    ASSAY_SLIPPAGE_IMPACT,
    ASSAY_SLIPPAGE_NONE
} assay_slippage_model;
typedef enum assay_dividend_payment { ASSAY_PAID_ON_EX_DATE, ASSAY_PAID_ON_PAY_DATE } assay_dividend_payment;
typedef enum assay_sizing_basis { ASSAY_BASIS_EQUITY, ASSAY_BASIS_INITIAL } assay_sizing_basis;
typedef enum assay_rebalance { ASSAY_DAILY, ASSAY_WEEKLY, ASSAY_MONTHLY, ASSAY_QUARTERLY } assay_rebalance;
typedef enum assay_fill_time { ASSAY_NEXT_OPEN, ASSAY_NEXT_CLOSE, ASSAY_THIS_CLOSE } assay_fill_time;
typedef enum assay_cash_rule { ASSAY_CASH_SCALE, ASSAY_CASH_SKIP } assay_cash_rule;
typedef enum assay_lot_method { ASSAY_FIFO, ASSAY_LIFO, ASSAY_AVERAGE } assay_lot_method;
typedef enum assay_serve_order { ASSAY_CLOSINGS_FIRST, ASSAY_BY_SYMBOL } assay_serve_order;
typedef enum assay_combine { ASSAY_UNION, ASSAY_VOTE, ASSAY_SLEEVES } assay_combine;

/* Longest text of a setting, with its NUL. */
enum { ASSAY_SETTING_TEXT_SIZE = 64 };

/* An unset date. */
#define ASSAY_NO_DATE INT64_MIN

typedef struct assay_date_list {
    int64_t *us; /* ascending */
    size_t n;
} assay_date_list;

/* One member a setting, of the setting's name. Numbers are as given: *_bps in bps, *_pct as fractions. */
typedef struct assay_settings {
#define ASSAY_DOUBLE(name, group, value, min, max, unit, help) double name;
#define ASSAY_INTEGER(name, group, value, min, max, unit, help) int64_t name;
#define ASSAY_BOOL(name, group, value, help) int64_t name;
#define ASSAY_CHOICE(name, group, value, choices, help) int64_t name;
#define ASSAY_DATE(name, group, help) int64_t name;
#define ASSAY_DATES(name, group, help) assay_date_list name;
#define ASSAY_TEXT(name, group, help) char name[ASSAY_SETTING_TEXT_SIZE];
#define ASSAY_PLANNED(name, group, neutral, help)
#include "engine/settings.def"
#undef ASSAY_DOUBLE
#undef ASSAY_INTEGER
#undef ASSAY_BOOL
#undef ASSAY_CHOICE
#undef ASSAY_DATE
#undef ASSAY_DATES
#undef ASSAY_TEXT
#undef ASSAY_PLANNED
} assay_settings;

struct assay_config {
    const assay_strategy *strategy;
    assay_settings settings;
    bool (*go_on)(void *context); /* false ends a run; NULL: nobody is asked */
    void *go_on_context;
    double params[]; /* the strategy's n_params values */
};

#endif
