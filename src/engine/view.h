/* The inside of what a strategy sees and of where it puts its signals. Both live for one call. */
#ifndef ASSAY_ENGINE_VIEW_H
#define ASSAY_ENGINE_VIEW_H

#include "engine/stepper.h"

struct assay_view {
    assay_stepper *st;
    const assay_asked *asked;
    size_t t;
};

struct assay_signal_sink {
    assay_stepper *st;
    const assay_asked *asked;
    size_t t;
    size_t next_symbol;  /* signals come in ascending symbol order */
    assay_status failed; /* of the first refusal, whatever the strategy makes of it */
    assay_error reason;
    assay_signal_accept *accept;
    void *context;
};

#endif
