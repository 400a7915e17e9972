/* Blocks of rows beside mean and variance (market/doubling.h): what windows are merged from. */
#ifndef ASSAY_INDICATOR_BLOCKS_H
#define ASSAY_INDICATOR_BLOCKS_H

#include "market/doubling.h"

/* A sum and what rounding took from it. */
extern const assay_block_kind assay_sums;
enum { ASSAY_SUMS_TOTAL = 0, ASSAY_SUMS_LOST = ASSAY_TILE };

/* Two series: their means relative to the newest values, and the sums of products of deviations. */
extern const assay_block_kind assay_pairs;
enum {
    ASSAY_PAIRS_OFFSET_X = 0,
    ASSAY_PAIRS_OFFSET_Y = ASSAY_TILE,
    ASSAY_PAIRS_XX = 2 * ASSAY_TILE,
    ASSAY_PAIRS_XY = 3 * ASSAY_TILE,
    ASSAY_PAIRS_YY = 4 * ASSAY_TILE
};

/* A series against its row number: the mean relative to the newest value, the sum of products of deviations. */
extern const assay_block_kind assay_lines;
enum { ASSAY_LINES_OFFSET = 0, ASSAY_LINES_XT = ASSAY_TILE };

/* The lowest or highest value, and how many rows before the newest it lies (the newest of equal ones). */
extern const assay_block_kind assay_lowest, assay_highest;
enum { ASSAY_EXTREME_VALUE = 0, ASSAY_EXTREME_AGE = ASSAY_TILE };

#endif
