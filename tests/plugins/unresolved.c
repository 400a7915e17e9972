/* A plugin that needs a function which nobody has. */
#include "assay/assay_plugin.h"

const assay_strategy *function_that_nobody_has(void);

const assay_strategy *assay_plugin(void) {
    return function_that_nobody_has();
}
