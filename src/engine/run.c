/* The bar loop of one backtest: one book over one market. */
#include "engine/result.h"
#include "engine/stepper.h"

static assay_status step_all(assay_stepper *st, assay_error *err) {
    for (size_t t = st->market->first_bar; t <= st->market->last_bar; t++) {
        assay_status status = assay_stepper_step(st, t, err);
        if (status != ASSAY_OK)
            return status;
    }
    return assay_stepper_end(st, err);
}

assay_status assay_engine_run(const assay_panel *panel, const assay_config *config, assay_keep keep,
                              assay_result **out_result, assay_error *err) {
    *out_result = NULL;
    assay_market market;
    assay_status status = assay_config_check(config, err);
    if (status == ASSAY_OK)
        status = assay_market_init(&market, panel, &config->settings, err);
    if (status != ASSAY_OK)
        return status;
    assay_stepper stepper;
    status = assay_stepper_init(&stepper, &market, config, keep, err);
    if (status == ASSAY_OK)
        status = step_all(&stepper, err);
    if (status == ASSAY_OK)
        status = assay_result_create(&stepper, out_result, err);
    assay_stepper_reset(&stepper);
    assay_market_reset(&market);
    return status;
}
