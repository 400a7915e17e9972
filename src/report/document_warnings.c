/* What a run's document warns of: what the engine noticed, what the report knows, and of a walk-forward what its tests are
 * worth. */
#include <math.h>
#include <string.h>

#include "report/document.h"
#include "report/walkforward_formats.h"

static void put_warning(assay_json_stream *s, const char *name, const char *level, const char *text) {
    assay_stream_open(s, NULL, '{');
    assay_stream_text(s, "name", name);
    assay_stream_text(s, "level", level);
    assay_stream_text(s, "text", text);
    assay_stream_close(s, '{');
}

static void put_look_ahead(assay_document *d) {
    const assay_document_spec *spec = d->spec;
    if (spec->verified == ASSAY_VERIFIED)
        put_warning(
            &d->json, "look_ahead", "good",
            "Look-ahead: verified. Changing the future changed no signal, order or fill of the past.");
    else if (spec->verified == ASSAY_LOOKS_AHEAD) {
        char said[800];
        snprintf(said, sizeof said, "Look-ahead: THE STRATEGY LOOKS AT THE FUTURE. %s",
                 spec->look_ahead == NULL ? "" : spec->look_ahead);
        put_warning(&d->json, "look_ahead", "warning", said);
    } else
        put_warning(
            &d->json, "look_ahead", "note",
            "Look-ahead: not verified in this report; `assay verify` changes the future and sees whether "
            "the past stays.");
}

/* Whether what is shown is what was stored. */
static void put_changes(assay_document *d) {
    const assay_document_spec *spec = d->spec;
    bool has_changed = spec->data_fingerprint_then != NULL && spec->data_fingerprint != NULL &&
                       strcmp(spec->data_fingerprint, spec->data_fingerprint_then) != 0;
    if (has_changed && spec->walkforward == NULL)
        put_warning(
            &d->json, "data_changed", "warning",
            "Data: not those that the run was stored with. This is a new run of its configuration; `assay "
            "reproduce` says which bars were revised.");
    else if (has_changed)
        put_warning(&d->json, "data_changed", "warning",
                    "Data: not those that the walk-forward was stored with. This is a new one of its plan, "
                    "whose folds may have chosen otherwise.");
    else if (spec->has_other_equity)
        put_warning(&d->json, "equity_changed", "warning",
                    "Equity: not the one that was stored, though the data are the same. The program is "
                    "another, or a file or plugin that it reads.");
}

static void put_stale_prices(assay_document *d) {
    char text[256];
    size_t n_stale = 0;
    for (size_t i = 0; i < d->n; i++)
        n_stale += d->snapshot[i].stale_positions > 0;
    if (n_stale == 0)
        return;
    snprintf(text, sizeof text,
             "Stale prices: on %zu of %zu bars a position was valued at an earlier close, because its "
             "symbol had none.",
             n_stale, d->n);
    put_warning(&d->json, "stale_prices", "note", text);
}

static void put_trials(assay_document *d) {
    const assay_document_spec *spec = d->spec;
    char text[256];
    if (spec->walkforward != NULL) {
        snprintf(text, sizeof text,
                 "Selection: each fold chose among %llu points on its training window. What is shown is of "
                 "the tests, which chose nothing; other walk-forwards that were tried are not in dsr.",
                 (unsigned long long)assay_walkforward_n_points(spec->walkforward->wf));
        put_warning(&d->json, "trials", "note", text);
    } else if (spec->n_trials > 1) {
        snprintf(
            text, sizeof text,
            "Selection: the best of %.0f trials of the sweep %s. Read dsr, which allows for that, not psr.",
            spec->n_trials, spec->sweep_id == NULL ? "" : spec->sweep_id);
        put_warning(&d->json, "trials", "warning", text);
    } else {
        put_warning(&d->json, "trials", "note",
                    "Number of trials: 1 as far as the database knows. What was tried elsewhere and "
                    "dropped is not in dsr.");
    }
}

/* --- a walk-forward --- */

/* Pardo's measure: half of what the training had should be left. */
static void put_efficiency(assay_document *d, const assay_walkforward *wf) {
    assay_walkforward_efficiency e = assay_walkforward_efficiency_of(wf);
    char text[256];
    if (isnan(e.annual_return))
        snprintf(
            text, sizeof text,
            "Efficiency: undefined. No whole fold has a positive return in training and a defined one in "
            "its test.");
    else
        snprintf(text, sizeof text,
                 "Efficiency: the tests kept %.0f %% of the training's annual return, the mean of %zu whole "
                 "fold%s. Pardo asks for 50 %% at least.",
                 100 * e.annual_return, e.n_annual_return, e.n_annual_return == 1 ? "" : "s");
    put_warning(&d->json, "efficiency", e.annual_return >= 0.5 ? "note" : "warning", text);
}

static void put_undecided(assay_document *d, const assay_walkforward *wf) {
    char text[256];
    size_t n = assay_walkforward_n_folds(wf), n_undecided = 0;
    for (size_t k = 0; k < n; k++)
        n_undecided += assay_fold_note(assay_walkforward_fold(wf, k))[0] != '\0';
    if (n_undecided == 0)
        return;
    snprintf(text, sizeof text,
             "Folds: %zu of %zu decided nothing, because no point could win or no capital was left; %s.",
             n_undecided, n,
             assay_walkforward_positions(wf) == ASSAY_FOLD_CARRY ? "what was held then was kept"
                                                                 : "their tests hold cash");
    put_warning(&d->json, "undecided_folds", "warning", text);
}

/* What the joined curve has at the borders of tests that no single run has. */
static void put_borders(assay_document *d, const assay_walkforward *wf) {
    char text[256];
    size_t n_between = 0, n_closed = 0, n_folds = assay_walkforward_n_folds(wf);
    for (size_t k = 1; k < n_folds; k++)
        n_between +=
            assay_walkforward_fold(wf, k)->test_first - assay_walkforward_fold(wf, k - 1)->test_last - 1;
    for (size_t i = 0; i < d->n_trades; i++)
        n_closed += d->trade[i].is_open == 0 && d->trade[i].exit_kind == ASSAY_FILL_FOLD_END;
    if (n_closed > 0) {
        snprintf(text, sizeof text,
                 "Borders: %zu positions that were open at the end of a test are closed at its last close, "
                 "without cost. With --positions carry there are no such borders.",
                 n_closed);
        put_warning(&d->json, "fold_end", "note", text);
    }
    if (n_between > 0) {
        snprintf(text, sizeof text, "Cash: %zu of %zu bars lie between tests and hold cash.", n_between,
                 d->n);
        put_warning(&d->json, "between_tests", "note", text);
    }
    if (assay_walkforward_fold(wf, n_folds - 1)->is_partial)
        put_warning(
            &d->json, "partial_fold", "note",
            "The last test is not whole: the data end in it. It is in the curve, not in the efficiency.");
}

void assay_document_warnings(assay_document *d) {
    uint32_t bits = assay_result_warnings(d->result);
    assay_stream_open(&d->json, "warnings", '[');
    for (uint32_t bit = 0; bit < ASSAY_N_WARNINGS; bit++) {
        if ((bits & (1u << bit)) != 0)
            put_warning(&d->json, assay_warning_name(1u << bit), "warning", assay_warning_text(1u << bit));
    }
    put_look_ahead(d);
    put_changes(d);
    put_stale_prices(d);
    put_trials(d);
    if (d->spec->walkforward != NULL) {
        const assay_walkforward *wf = d->spec->walkforward->wf;
        put_efficiency(d, wf);
        put_undecided(d, wf);
        put_borders(d, wf);
    }
    assay_stream_close(&d->json, '[');
}
