/* Several strategies as one descriptor: the members' parameters, kinds and features one behind the other.
 *
 * The engine asks each member by itself, with its part of the parameters and its own features; a plain strategy is an
 * ensemble of one. Kinds of records count through all members; behind them stand the two kinds of a vote.
 */
#ifndef ASSAY_STRATEGY_ENSEMBLE_H
#define ASSAY_STRATEGY_ENSEMBLE_H

#include "assay/assay_strategy.h"
#include "expression/features.h"

/* A strategy of a run. */
typedef struct assay_member {
    const assay_strategy *strategy;
    const char *name;      /* "momentum", "momentum#2" */
    uint32_t first_param;  /* of its own parameters among the descriptor's */
    uint32_t weight_param; /* UINT32_MAX: none */
    uint32_t first_kind;
} assay_member;

/* 1 for a plain strategy. */
uint32_t assay_member_count(const assay_strategy *strategy);
assay_member assay_member_at(const assay_strategy *strategy, uint32_t index);

/* The features of all members of `strategy`, one behind the other; out_first[i]: where those of member i begin (and, behind
 * the last, their number). ASSAY_E_STRATEGY: too many, or one that cannot be. */
ASSAY_NODISCARD assay_status assay_features_list(const assay_strategy *strategy, const double *params,
                                                 assay_bound_feature out_feature[ASSAY_MAX_FEATURES],
                                                 uint32_t out_first[ASSAY_MAX_MEMBERS + 1], assay_error *err);

/* The kinds of a vote's own signals; an ensemble's alone. */
uint32_t assay_vote_buy_kind(const assay_strategy *ensemble);
uint32_t assay_vote_sell_kind(const assay_strategy *ensemble);

#endif
