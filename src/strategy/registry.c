/* The list of built-in strategies. */
#include <string.h>

#include "assay/assay_strategy.h"
#include "base/text.h"

#define ASSAY_STRATEGY(name) extern const assay_strategy assay_strategy_##name;
#include "strategy/strategies.def"
#undef ASSAY_STRATEGY

static const assay_strategy *const strategies[] = {
#define ASSAY_STRATEGY(name) &assay_strategy_##name,
#include "strategy/strategies.def"
#undef ASSAY_STRATEGY
};

size_t assay_strategy_count(void) {
    return sizeof strategies / sizeof *strategies;
}

const assay_strategy *assay_strategy_at(size_t index) {
    return index < assay_strategy_count() ? strategies[index] : NULL;
}

const assay_strategy *assay_strategy_find(const char *name, assay_error *err) {
    const char *nearest = NULL;
    if (strcmp(name, "beta") == 0)
        name = "portfolio_beta";
    for (size_t i = 0; i < assay_strategy_count(); i++) {
        if (strcmp(strategies[i]->name, name) == 0)
            return strategies[i];
        nearest = assay_nearer_name(name, nearest, strategies[i]->name);
    }
    assay_error_set(err, ASSAY_E_NOT_FOUND, "unknown strategy '%s'%s%s%s; `assay strategies` lists them",
                    name, nearest == NULL ? "" : ": did you mean '", nearest == NULL ? "" : nearest,
                    nearest == NULL ? "" : "'?");
    return NULL;
}
