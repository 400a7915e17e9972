/* Many backtests over one market at once: points of one strategy, or several strategies side by side.
 *
 * Points that share a feature share its computation; their books are stepped over the market together, bar by bar. A point
 * has the same metrics, byte for byte, as assay_run with its configuration, whatever the number of threads and whatever
 * points it runs with.
 */
#ifndef ASSAY_SWEEP_H
#define ASSAY_SWEEP_H

#include "assay/assay_result.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Called now and then with the number of points done so far; from any thread, one at a time. Returning false stops the
 * sweep with ASSAY_E_CANCELLED. */
typedef bool assay_sweep_progress(void *context, size_t n_done);

/* Runs n_points configurations, of one strategy or of several; writes n_points x assay_metric_count() values, point after
 * point. The configurations must share the settings that shape the panel (on_bad_data, signal_prices). n_threads 0: as
 * many as there are cores. `progress` may be NULL. Memory beside the output: a feature of the panel's size and about 50
 * books for each thread. ASSAY_E_CONFIG, ASSAY_E_DATA, ASSAY_E_NOMEM, ASSAY_E_CANCELLED: the output is then incomplete. */
ASSAY_API ASSAY_NODISCARD assay_status assay_sweep_run(const assay_panel *panel,
                                                       const assay_config *const *configs, size_t n_points,
                                                       unsigned n_threads, assay_sweep_progress *progress,
                                                       void *progress_context, double *out_metrics,
                                                       assay_error *err);

#ifdef __cplusplus
}
#endif
#endif
