/* A loop over units of work on several threads. */
#ifndef ASSAY_BASE_PARALLEL_H
#define ASSAY_BASE_PARALLEL_H

#include "assay/assay_error.h"

/* One unit, on worker `worker` (0 … n_threads − 1). A failure stops the loop: no unit is begun after it. */
typedef assay_status assay_unit_of_work(void *context, unsigned worker, size_t unit, assay_error *err);

/* Runs units 0 … n_units − 1, begun in that order, on n_threads threads (0: as many as there are cores; the calling
 * thread is one of them). Returns the failure of the lowest unit that failed. ASSAY_E_NOMEM where threads cannot be made
 * is not an error: fewer do the work. */
ASSAY_NODISCARD assay_status assay_parallel_for(unsigned n_threads, size_t n_units, assay_unit_of_work *work,
                                                void *context, assay_error *err);

/* The number of threads that 0 stands for, or n itself. */
unsigned assay_thread_count(unsigned n);

#endif
