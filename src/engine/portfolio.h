/* A run in the making: the books that share one portfolio, stepped over one market, and the records that they leave.
 *
 * One strategy, or several that share a book (combine: union, vote), are one book; sleeves are one each. All books leave
 * their records in one recorder, and the snapshot of a bar is their sum.
 */
#ifndef ASSAY_ENGINE_PORTFOLIO_H
#define ASSAY_ENGINE_PORTFOLIO_H

#include "engine/stepper.h"
#include "expression/features.h"

typedef struct assay_portfolio {
    const assay_market *market;
    const assay_config *config;
    assay_recorder recorder;
    assay_features features;
    assay_asked *asked; /* the strategies of the run, in its order */
    uint32_t n_asked;
    assay_stepper *book; /* n_books; sleeves: book k asks strategy k alone */
    uint32_t n_books;
    double peak_equity, previous_equity; /* of the sum, at the last snapshot */
    double *volume_used; /* shared by the books; NULL where a symbol cannot meet two orders in a bar */
    uint32_t *volume_bar;
} assay_portfolio;

/* What many portfolios over one market share; all NULL for a run by itself. */
typedef struct assay_shared {
    assay_prefix *prefix;    /* pruned openings of a threshold strategy */
    double *const *features; /* matrices, in the order of assay_features_list */
} assay_shared;

/* A portfolio at the market's first bar. `lean`: keeps equity and trades only. Reset it in every case. ASSAY_E_NOMEM,
 * ASSAY_E_STRATEGY, ASSAY_E_DATA. */
ASSAY_NODISCARD assay_status assay_portfolio_init(assay_portfolio *p, const assay_market *market,
                                                  const assay_config *config, assay_keep keep, bool lean,
                                                  const assay_shared *shared, assay_error *err);
void assay_portfolio_reset(assay_portfolio *p);

/* Bar t, in the order of section 3. Bars come one after the other. */
ASSAY_NODISCARD assay_status assay_portfolio_step(assay_portfolio *p, size_t t, assay_error *err);

/* All bars of the market's period, and the end. */
ASSAY_NODISCARD assay_status assay_portfolio_run(assay_portfolio *p, assay_error *err);

/* After the last bar: pending orders end (open_at_end, or partial), open positions become open trades. */
ASSAY_NODISCARD assay_status assay_portfolio_end(assay_portfolio *p, assay_error *err);

/* Goes on with the books and records of `from`, under this portfolio's market and configuration; `from` gets what this one
 * had. Both must have the same books. */
void assay_portfolio_take_over(assay_portfolio *p, assay_portfolio *from);

#endif
