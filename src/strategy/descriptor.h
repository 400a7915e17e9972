/* What a descriptor can get wrong before its strategy is ever asked. */
#ifndef ASSAY_STRATEGY_DESCRIPTOR_H
#define ASSAY_STRATEGY_DESCRIPTOR_H

#include "assay/assay_strategy.h"

/* Checks version, tables and form of any strategy, also one that was made. The name must be there. ASSAY_E_STRATEGY: the
 * message has the strategy's name. */
ASSAY_NODISCARD assay_status assay_descriptor_check(const assay_strategy *strategy, assay_error *err);

/* Checks one declared feature, but for what its expression says. ASSAY_E_STRATEGY: the message begins with `strategy_name`. */
ASSAY_NODISCARD assay_status assay_descriptor_check_feature(const char *strategy_name,
                                                            const assay_feature *feature, assay_error *err);

#endif
