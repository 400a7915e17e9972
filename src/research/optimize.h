/* The inside of an optimizer. Private to src/research/optimize*.c. */
#ifndef ASSAY_RESEARCH_OPTIMIZE_H
#define ASSAY_RESEARCH_OPTIMIZE_H

#include "assay/assay_optimize.h"
#include "research/objective.h"
#include "research/points.h"

struct assay_optimizer {
    assay_config *base;
    assay_points *points;
    assay_shard shard;
    bool halving;
    assay_objective objective[ASSAY_MAX_GOALS];
    size_t n_objectives;
    assay_constraint constraint[ASSAY_MAX_GOALS];
    size_t n_constraints;
};

/* Reads objectives and constraints. ASSAY_E_CONFIG. */
ASSAY_NODISCARD assay_status assay_optimizer_read_goals(assay_optimizer *optimizer,
                                                        const assay_optimize_spec *spec, assay_error *err);

#endif
