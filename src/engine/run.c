/* One backtest: one portfolio over one market. */
#include "engine/portfolio.h"
#include "engine/result.h"

assay_status assay_engine_run(const assay_panel *panel, const assay_config *config, assay_keep keep,
                              assay_result **out_result, assay_error *err) {
    *out_result = NULL;
    assay_market market;
    assay_status status = assay_config_check(config, err);
    if (status == ASSAY_OK)
        status = assay_market_init(&market, panel, &config->settings, err);
    if (status != ASSAY_OK)
        return status;
    assay_portfolio portfolio;
    status = assay_portfolio_init(&portfolio, &market, config, keep, false, NULL, err);
    if (status == ASSAY_OK)
        status = assay_portfolio_run(&portfolio, err);
    if (status == ASSAY_OK)
        status = assay_result_create(&portfolio, out_result, err);
    assay_portfolio_reset(&portfolio);
    assay_market_reset(&market);
    return status;
}
