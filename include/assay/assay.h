/* Assay: everything of the C library. See docs/c.md. */
#ifndef ASSAY_H
#define ASSAY_H

#include "assay/assay_config.h"
#include "assay/assay_error.h"
#include "assay/assay_memory.h"
#include "assay/assay_panel.h"
#include "assay/assay_result.h"
#include "assay/assay_strategy.h"

#define ASSAY_VERSION "0.1.0"

#endif
