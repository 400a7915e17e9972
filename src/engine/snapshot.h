/* The row of the day. */
#ifndef ASSAY_ENGINE_SNAPSHOT_H
#define ASSAY_ENGINE_SNAPSHOT_H

#include "engine/portfolio.h"

/* Step 10: the sum of the books at the close of bar t. ASSAY_E_NOMEM. */
ASSAY_NODISCARD assay_status assay_snapshot_take(assay_portfolio *portfolio, size_t t, assay_error *err);

#endif
