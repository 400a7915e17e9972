/* Is a strategy blind to the future? It is run, and run again with everything after a cut changed; no signal, order or fill
 * at or before the cut may then change by a bit.
 *
 * The change is seen by whatever looks at the data of the run. What was made before (ready signals, a plugin's own files)
 * cannot be proven blind in this way.
 */
#ifndef ASSAY_VERIFY_H
#define ASSAY_VERIFY_H

#include "assay/assay_result.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What becomes of the data after a cut. */
typedef enum assay_perturbation {
    ASSAY_PERTURB_NOISE = 0,   /* every price and volume is multiplied by a random number */
    ASSAY_PERTURB_SCALED = 1,  /* all prices are three times as high */
    ASSAY_PERTURB_SPLITS = 2,  /* every symbol splits, some several times, with its prices */
    ASSAY_PERTURB_MISSING = 3, /* half of the symbols never trade again, the others miss bars */
    ASSAY_PERTURB_NOTHING = 4, /* the data end */
    ASSAY_N_PERTURBATIONS = 5
} assay_perturbation;

ASSAY_API const char *assay_perturbation_name(int perturbation); /* "noise"; never NULL */

/* A copy of a panel whose bars up to and including `cut` are the same to the bit. The caller's (assay_panel_destroy).
 * ASSAY_E_NOMEM, ASSAY_E_ARGUMENT (no such bar). */
ASSAY_API ASSAY_NODISCARD assay_status assay_panel_perturb(const assay_panel *panel, size_t cut,
                                                           assay_perturbation perturbation, uint64_t seed,
                                                           assay_panel **out_panel, assay_error *err);

/* Makes the run to be verified over a panel: *out_result and, where something else owns it, *out_owner, which release gets.
 * Called from several threads at once. */
typedef struct assay_verify_run {
    assay_status (*run)(void *context, const assay_panel *panel, const assay_result **out_result,
                        void **out_owner, assay_error *err);
    void (*release)(const assay_result *result, void *owner);
    void *context;
} assay_verify_run;

typedef struct assay_verify_spec {
    size_t n_cuts;                                                 /* spread over the period; 0: 10 */
    uint64_t seed;                                                 /* of the cuts' places and of the noise */
    unsigned n_threads;                                            /* 0: as many as there are cores */
    bool (*progress)(void *context, size_t n_done, size_t n_runs); /* false stops; NULL: none */
    void *progress_context;
} assay_verify_spec;

typedef struct assay_verify_report {
    size_t n_cuts, n_runs;                  /* runs beside the first */
    size_t n_signals, n_fills;              /* of the first run: what was compared, at most */
    size_t n_failed[ASSAY_N_PERTURBATIONS]; /* runs that differ before their cut */
    size_t n_failed_runs;
    size_t n_skipped; /* with too few bars left for a run (of a walk-forward's folds) */
    char first[600];  /* the first difference of the earliest cut, as a sentence; "" where none */
} assay_verify_report;

/* Verifies. A difference is no error: see the report. ASSAY_E_DATA: the period is too short for a cut; ASSAY_E_CANCELLED;
 * whatever the first run fails with. */
ASSAY_API ASSAY_NODISCARD assay_status assay_verify(const assay_panel *panel, const assay_verify_run *run,
                                                    const assay_verify_spec *spec,
                                                    assay_verify_report *out_report, assay_error *err);

/* Verifies a configuration (any strategy or ensemble). */
ASSAY_API ASSAY_NODISCARD assay_status assay_verify_config(const assay_panel *panel,
                                                           const assay_config *config,
                                                           const assay_verify_spec *spec,
                                                           assay_verify_report *out_report, assay_error *err);

#ifdef __cplusplus
}
#endif
#endif
