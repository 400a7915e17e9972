/* The inside of what a strategy sees and of where it puts its signals. Both live for one call. */
#ifndef ASSAY_ENGINE_VIEW_H
#define ASSAY_ENGINE_VIEW_H

#include "engine/stepper.h"

struct assay_view {
    assay_stepper *st;
    size_t t;
};

struct assay_signal_sink {
    assay_stepper *st;
    size_t t;
    size_t next_symbol; /* signals come in ascending symbol order */
    assay_status failed;
    assay_status (*accept)(void *context, const assay_signal *signal, assay_error *err);
    void *context;
};

#endif
