/* Strategies in shared libraries, which a program loads while it runs.
 *
 * A plugin is built against the public headers alone and exports one function:
 *
 *     const assay_strategy *assay_plugin(void);
 *
 * The descriptor and what it points to live as long as the plugin is loaded. The functions of assay_strategy.h are found in the
 * program that loads it. A plugin is code: it can do whatever its user can.
 */
#ifndef ASSAY_PLUGIN_H
#define ASSAY_PLUGIN_H

#include "assay/assay_strategy.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { ASSAY_PLUGIN_NAME_SIZE = 60 }; /* of a plugin's strategy, at most: letters, digits, _ */

/* What a plugin defines. */
ASSAY_API const assay_strategy *assay_plugin(void);

/* Loads a plugin; its strategy's reference is "plugin:" with the file's absolute path, # and the first 12 hex digits of a hash
 * of its bytes. `path` is a file's name, in the working directory unless it says otherwise. With such a # and digits behind
 * it, the file must still have this hash. assay_strategy_destroy unloads it; what came of the strategy must be gone by then.
 * ASSAY_E_IO: it cannot be read; ASSAY_E_DATA: it is no shared library, or a damaged one, or another version than the digits
 * say; ASSAY_E_STRATEGY: another machine's, or it describes no strategy that could run; ASSAY_E_NOMEM. */
ASSAY_API ASSAY_NODISCARD assay_status assay_plugin_load(const char *path, assay_strategy **out_strategy,
                                                         assay_error *err);

#ifdef __cplusplus
}
#endif
#endif
