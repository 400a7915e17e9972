/* The sample market's random numbers, factors and price paths. Private to src/market/sample*.c. */
#ifndef ASSAY_MARKET_SAMPLE_PATH_H
#define ASSAY_MARKET_SAMPLE_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

enum { SAMPLE_N_SECTORS = 11 };

/* Volatility that clusters: GJR-GARCH(1,1) with long-run variance 1 (Glosten, Jagannathan and Runkle, 1993). */
typedef struct sample_garch {
    double variance;
    double last_shock;
} sample_garch;

/* One day of a symbol. Without a bar (`is_present` false) the day's corporate action, if any, still counts. */
typedef struct sample_bar {
    bool is_present;
    double open, high, low, close, volume;
    double split_ratio;   /* 0: none */
    double cash_dividend; /* per new share; 0: none */
} sample_bar;

/* How a symbol ends. */
typedef enum sample_fate {
    SAMPLE_LIVES = 0,
    SAMPLE_FAILS = 1,    /* falls for months, then ends */
    SAMPLE_IS_TAKEN = 2, /* jumps, stays quiet for some weeks, ends */
    SAMPLE_ENDS = 3      /* ends without a sign */
} sample_fate;

/* One symbol: what it is like, and the state of its path. */
typedef struct sample_path {
    /* fixed */
    size_t first_bar, last_bar; /* inclusive; last_bar may lie behind the end of the market */
    sample_fate fate;
    double market_beta, sector_beta, own_vol, drift;
    double dividend_yield; /* a year; 0: none */
    size_t dividend_phase;
    double split_ceiling;
    bool is_thin, is_clean;
    /* changing */
    assay_rng price_random, trouble_random;
    sample_garch garch;
    double trend;
    double px;       /* unrounded close */
    double dividend; /* a quarter, per share of now */
    double base_volume;
    size_t halt_left;
} sample_path;

/* A stream of its own for each (seed, stream). */
void sample_random_init(assay_rng *random, uint64_t seed, uint64_t stream);

/* Fills n_bars returns of a common factor whose daily volatility is `vol`. */
void sample_factor(assay_rng *random, double vol, double drift, size_t n_bars, double *out_returns);

/* Symbol `index` of a market of n_bars. */
void sample_path_init(sample_path *path, uint64_t seed, size_t index, size_t n_bars, bool is_clean);

/* Steps to bar t; call for t = first_bar, first_bar + 1 … last_bar. */
void sample_path_step(sample_path *path, size_t t, double market_return, double sector_return,
                      sample_bar *out_bar);

#endif
