/* The four built-in strategies written as rules: they give the same signals to the byte (test_rule.c), at what cost is measured
 * in bench/bench_rule.c. */
#ifndef ASSAY_TESTS_BUILT_IN_RULES_H
#define ASSAY_TESTS_BUILT_IN_RULES_H

#include "assay/assay_rule.h"

#define N_LINES(lines) (sizeof(lines) / sizeof *(lines))

static const assay_rule_line momentum_lines[] = {
    {"parameters", "lookback", "20"},
    {"parameters", "threshold", "0.10"},
    {"define", "m", "return(close, lookback)"},
    {"rule", "buy", "m > threshold"},
    {"rule", "buy_type", "momentum_strong"},
    {"rule", "buy_reason", "Momentum: {m:.2%}"},
    {"rule", "sell", "m < -threshold"},
    {"rule", "sell_type", "momentum_weak"},
    {"rule", "sell_target", "0.5"},
    {"rule", "sell_reason", "Negative momentum: {m:.2%}"},
    {"rule", "score", "abs(m)"},
    {"rule", "strength", "min(abs(m) / (2 * threshold), 1)"},
};

static const assay_rule_line reversion_lines[] = {
    {"parameters", "lookback", "20"},
    {"parameters", "z_threshold", "2"},
    {"define", "z", "zscore(close, lookback, 1e-6)"},
    {"rule", "buy", "z < -z_threshold"},
    {"rule", "buy_type", "reversion_oversold"},
    {"rule", "buy_reason", "Oversold: {z:.2f}\xcf\x83 below mean"},
    {"rule", "sell", "z > z_threshold"},
    {"rule", "sell_type", "reversion_overbought"},
    {"rule", "sell_target", "0.5"},
    {"rule", "sell_reason", "Overbought: {z:.2f}\xcf\x83 above mean"},
    {"rule", "score", "abs(z)"},
    {"rule", "strength", "min(abs(z) / (2 * z_threshold), 1)"},
};

static const assay_rule_line rotation_lines[] = {
    {"parameters", "lookback", "60"},
    {"parameters", "rotation_freq", "5"},
    {"define", "r", "return(close, lookback)"},
    {"define", "turn", "times_asked % rotation_freq == 0"},
    {"rule", "reduce", "turn and worst_sector(r)"},
    {"rule", "reduce_type", "sector_rotation_exit"},
    {"rule", "reduce_target", "0.25"},
    {"rule", "reduce_reason", "Exit the worst sector: {sector_mean(r):.2%}"},
    {"rule", "increase", "turn and best_sector(r)"},
    {"rule", "increase_type", "sector_rotation_enter"},
    {"rule", "increase_reason", "Enter the best sector: {sector_mean(r):.2%}"},
    {"rule", "score", "if(isnan(r), -inf, r)"},
    {"rule", "strength", "0.7"},
};

static const assay_rule_line beta_lines[] = {
    {"parameters", "target_beta", "1"},
    {"parameters", "lookback", "60"},
    {"parameters", "band", "0.2"},
    {"define", "b", "market_beta(lookback)"},
    {"rule", "reduce", "b > target_beta + band"},
    {"rule", "reduce_type", "beta_high"},
    {"rule", "reduce_target", "0.5"},
    {"rule", "reduce_reason", "Beta {b:.2f} above target"},
    {"rule", "increase", "b < target_beta - band"},
    {"rule", "increase_type", "beta_low"},
    {"rule", "increase_reason", "Beta {b:.2f} below target"},
    {"rule", "score", "abs(b - target_beta)"},
    {"rule", "strength", "if(target_beta == 0, 1, min(abs(b - target_beta) / abs(target_beta), 1))"},
};

static const struct {
    const char *name;
    const assay_rule_line *line;
    size_t n_lines;
    const char *const settings[8];
} built_in_rules[] = {
    {"momentum", momentum_lines, N_LINES(momentum_lines), {"lookback", "30", "threshold", "0.07", NULL}},
    {"mean_reversion",
     reversion_lines,
     N_LINES(reversion_lines),
     {"lookback", "15", "z_threshold", "1.5", NULL}},
    {"sector_rotation",
     rotation_lines,
     N_LINES(rotation_lines),
     {"lookback", "40", "rotation_freq", "3", NULL}},
    {"portfolio_beta", beta_lines, N_LINES(beta_lines), {"lookback", "50", "target_beta", "0.9", NULL}},
};

enum { N_BUILT_IN_RULES = sizeof built_in_rules / sizeof *built_in_rules };

#endif
