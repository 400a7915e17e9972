/* The look-ahead test: runs over panels that differ after a cut, compared up to it. */
#include "assay/assay_verify.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/text.h"
#include "engine/result.h"

enum { USUAL_CUTS = 10, MOST_CUTS = 10000 };

/* One run after the first. */
typedef struct trial {
    size_t cut;
    assay_perturbation how;
    bool differs, is_skipped;
    char text[600];
} trial;

typedef struct verification {
    const assay_panel *panel;
    const assay_verify_run *run;
    const assay_verify_spec *spec;
    const assay_result *first;
    trial *trial;
    size_t n_trials;
    pthread_mutex_t lock;
    size_t n_done;
} verification;

/* --- comparing --- */

static bool same_bits(double a, double b) {
    uint64_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return x == y;
}

static const char *name_of(const assay_result *r, uint32_t symbol) {
    return assay_panel_symbol(assay_result_panel(r), symbol);
}

static void say_numbers(const char *what, double was, double is, char *out, size_t size) {
    char a[40], b[40];
    assay_double_format(was, a, sizeof a);
    assay_double_format(is, b, sizeof b);
    snprintf(out, size, "%s was %s and becomes %s", what, a, b);
}

/* A difference of one number of two records; true where there is one. */
static bool differ(const char *what, double was, double is, char *out, size_t size) {
    if (same_bits(was, is))
        return false;
    say_numbers(what, was, is, out, size);
    return true;
}

static bool signals_differ(const assay_result *a, const assay_result *b, const assay_signal *x,
                           const assay_signal *y, char *out, size_t size) {
    if (x->bar != y->bar || strcmp(name_of(a, x->symbol), name_of(b, y->symbol)) != 0 ||
        x->strategy != y->strategy || x->kind != y->kind || x->action != y->action) {
        snprintf(out, size, "another signal stands in its place: %s %s", assay_action_name(y->action),
                 name_of(b, y->symbol));
        return true;
    }
    if (x->status != y->status) {
        snprintf(out, size, "its status was %s and becomes %s", assay_signal_status_name(x->status),
                 assay_signal_status_name(y->status));
        return true;
    }
    return differ("its value", x->value, y->value, out, size) ||
           differ("its score", x->score, y->score, out, size) ||
           differ("its strength", x->strength, y->strength, out, size) ||
           differ("its target_position", x->target_position, y->target_position, out, size) ||
           differ("the quantity of its order", x->order_quantity, y->order_quantity, out, size);
}

static bool fills_differ(const assay_result *a, const assay_result *b, const assay_fill *x,
                         const assay_fill *y, char *out, size_t size) {
    if (x->bar != y->bar || strcmp(name_of(a, x->symbol), name_of(b, y->symbol)) != 0 || x->side != y->side ||
        x->kind != y->kind || x->order_id != y->order_id) {
        snprintf(out, size, "another fill stands in its place: %s %s", assay_side_name(y->side),
                 name_of(b, y->symbol));
        return true;
    }
    return differ("its quantity", x->quantity, y->quantity, out, size) ||
           differ("its price", x->price, y->price, out, size) ||
           differ("its commission", x->commission, y->commission, out, size);
}

static void say_where(const assay_result *r, uint32_t bar, const char *what, const char *symbol,
                      const trial *t, const char *how, char *out, size_t size) {
    const int64_t *time = assay_panel_timestamps(assay_result_panel(r));
    char date[32], cut[32];
    assay_time_format(time[bar], date, sizeof date);
    assay_time_format(time[t->cut], cut, sizeof cut);
    snprintf(out, size, "%s %s at %s depends on what comes after %s: with %s after it, %s", what, symbol,
             date, cut, t->how == ASSAY_PERTURB_NOTHING ? "nothing" : assay_perturbation_name((int)t->how),
             how);
}

/* The number of records up to the cut; they are in order of bar. */
#define COUNT_UNTIL(record, n, cut, out)                                                                     \
    for ((out) = 0; (out) < (n) && (record)[out].bar <= (cut);)                                              \
    (out)++

static bool compare_signals(const assay_result *a, const assay_result *b, trial *t) {
    size_t n_a, n_b, until_a, until_b;
    const assay_signal *x = assay_result_signals(a, &n_a), *y = assay_result_signals(b, &n_b);
    char how[300];
    COUNT_UNTIL(x, n_a, t->cut, until_a);
    COUNT_UNTIL(y, n_b, t->cut, until_b);
    for (size_t i = 0; i < until_a && i < until_b; i++) {
        if (!signals_differ(a, b, &x[i], &y[i], how, sizeof how))
            continue;
        say_where(a, x[i].bar, assay_action_name(x[i].action), name_of(a, x[i].symbol), t, how, t->text,
                  sizeof t->text);
        return true;
    }
    if (until_a == until_b)
        return false;
    const assay_result *r = until_a > until_b ? a : b;
    const assay_signal *extra = until_a > until_b ? &x[until_b] : &y[until_a];
    say_where(r, extra->bar, assay_action_name(extra->action), name_of(r, extra->symbol), t,
              until_a > until_b ? "there is no such signal"
                                : "there is this signal, and none without the change",
              t->text, sizeof t->text);
    return true;
}

/* A walk-forward's test that ends at the cut closes its positions on paper, unless it is the last one: which it is when the
 * data end there. That is no trade. */
static size_t without_fold_end(const assay_fill *fill, size_t n, size_t cut) {
    while (n > 0 && fill[n - 1].bar == cut && fill[n - 1].kind == ASSAY_FILL_FOLD_END)
        n--;
    return n;
}

static bool compare_fills(const assay_result *a, const assay_result *b, trial *t) {
    size_t n_a, n_b, until_a, until_b;
    const assay_fill *x = assay_result_fills(a, &n_a), *y = assay_result_fills(b, &n_b);
    char how[300];
    COUNT_UNTIL(x, n_a, t->cut, until_a);
    COUNT_UNTIL(y, n_b, t->cut, until_b);
    until_a = without_fold_end(x, until_a, t->cut);
    until_b = without_fold_end(y, until_b, t->cut);
    for (size_t i = 0; i < until_a && i < until_b; i++) {
        if (!fills_differ(a, b, &x[i], &y[i], how, sizeof how))
            continue;
        say_where(a, x[i].bar, "the fill of", name_of(a, x[i].symbol), t, how, t->text, sizeof t->text);
        return true;
    }
    if (until_a == until_b)
        return false;
    const assay_result *r = until_a > until_b ? a : b;
    const assay_fill *extra = until_a > until_b ? &x[until_b] : &y[until_a];
    say_where(r, extra->bar, "the fill of", name_of(r, extra->symbol), t,
              until_a > until_b ? "there is none" : "there is this one, and none without the change", t->text,
              sizeof t->text);
    return true;
}

/* --- one trial --- */

static assay_status report_progress(verification *v, assay_error *err) {
    pthread_mutex_lock(&v->lock);
    size_t n_done = ++v->n_done;
    bool go_on =
        v->spec->progress == NULL || v->spec->progress(v->spec->progress_context, n_done, v->n_trials);
    pthread_mutex_unlock(&v->lock);
    return go_on ? ASSAY_OK
                 : assay_error_set(err, ASSAY_E_CANCELLED, "stopped after %zu of %zu runs", n_done,
                                   v->n_trials);
}

/* A run that fails because of its future has looked at it. */
static void say_failure(const verification *v, trial *t, const char *message) {
    char cut[32];
    assay_time_format(v->panel->timestamp_us[t->cut], cut, sizeof cut);
    t->differs = true;
    snprintf(t->text, sizeof t->text, "the run fails with %s after %s: %.400s",
             assay_perturbation_name((int)t->how), cut, message);
}

static assay_status run_trial(void *context, unsigned worker, size_t unit, assay_error *err) {
    verification *v = context;
    trial *t = &v->trial[unit];
    assay_panel *panel = NULL;
    const assay_result *result = NULL;
    void *owner = NULL;
    (void)worker;
    assay_status status =
        assay_panel_perturb(v->panel, t->cut, t->how, v->spec->seed + unit + 1, &panel, err);
    if (status != ASSAY_OK)
        return status;
    assay_error inner = {.status = ASSAY_OK};
    status = v->run->run(v->run->context, panel, &result, &owner, &inner);
    if (status == ASSAY_OK) {
        t->differs = compare_signals(v->first, result, t) || compare_fills(v->first, result, t);
        v->run->release(result, owner);
    } else if (status == ASSAY_E_NOMEM || status == ASSAY_E_INTERNAL || status == ASSAY_E_CANCELLED) {
        assay_panel_destroy(panel);
        return assay_error_set(err, status, "%s", inner.message);
    } else if (status == ASSAY_E_CONFIG && t->how == ASSAY_PERTURB_NOTHING) {
        t->is_skipped = true;
    } else {
        say_failure(v, t, inner.message);
    }
    assay_panel_destroy(panel);
    return report_progress(v, err);
}

/* --- all of them --- */

/* Cuts spread over the period of the first run, each at a random place of its part; the last bar is none. */
static assay_status place_cuts(verification *v, size_t n_cuts, assay_error *err) {
    size_t n_bars;
    const assay_snapshot *snapshot = assay_result_snapshots(v->first, &n_bars);
    if (n_bars < 2)
        return assay_error_set(err, ASSAY_E_DATA, "a period of %zu bars is too short to be cut", n_bars);
    n_cuts = n_cuts < n_bars - 1 ? n_cuts : n_bars - 1;
    v->trial = calloc(n_cuts * ASSAY_N_PERTURBATIONS, sizeof *v->trial);
    if (v->trial == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu cuts", n_cuts);
    assay_rng rng;
    assay_rng_init(&rng, v->spec->seed);
    for (size_t i = 0; i < n_cuts; i++) {
        size_t begin = i * (n_bars - 1) / n_cuts, end = (i + 1) * (n_bars - 1) / n_cuts;
        size_t at = begin + (size_t)assay_rng_below(&rng, end - begin);
        for (int how = 0; how < ASSAY_N_PERTURBATIONS; how++)
            v->trial[v->n_trials++] = (trial){.cut = snapshot[at].bar, .how = (assay_perturbation)how};
    }
    return ASSAY_OK;
}

static void report(const verification *v, assay_verify_report *out) {
    out->n_runs = v->n_trials;
    out->n_cuts = v->n_trials / ASSAY_N_PERTURBATIONS;
    (void)assay_result_signals(v->first, &out->n_signals);
    (void)assay_result_fills(v->first, &out->n_fills);
    for (size_t i = 0; i < v->n_trials; i++) {
        out->n_skipped += v->trial[i].is_skipped;
        if (!v->trial[i].differs)
            continue;
        if (out->n_failed_runs++ == 0)
            memcpy(out->first, v->trial[i].text, sizeof out->first);
        out->n_failed[v->trial[i].how]++;
    }
}

assay_status assay_verify(const assay_panel *panel, const assay_verify_run *run,
                          const assay_verify_spec *spec, assay_verify_report *out_report, assay_error *err) {
    verification v = {.panel = panel, .run = run, .spec = spec};
    void *owner = NULL;
    size_t n_cuts = spec->n_cuts == 0 ? USUAL_CUTS : spec->n_cuts < MOST_CUTS ? spec->n_cuts : MOST_CUTS;
    *out_report = (assay_verify_report){0};
    assay_status status = run->run(run->context, panel, &v.first, &owner, err);
    if (status != ASSAY_OK)
        return status;
    pthread_mutex_init(&v.lock, NULL);
    status = place_cuts(&v, n_cuts, err);
    if (status == ASSAY_OK)
        status = assay_parallel_for(spec->n_threads, v.n_trials, run_trial, &v, err);
    if (status == ASSAY_OK)
        report(&v, out_report);
    pthread_mutex_destroy(&v.lock);
    run->release(v.first, owner);
    free(v.trial);
    return status;
}

static assay_status run_config(void *context, const assay_panel *panel, const assay_result **out_result,
                               void **out_owner, assay_error *err) {
    assay_result *result = NULL;
    assay_status status = assay_run(panel, context, ASSAY_KEEP_ALL, &result, err);
    *out_result = *out_owner = result;
    return status;
}

static void release_result(const assay_result *result, void *owner) {
    (void)result;
    assay_result_destroy(owner);
}

assay_status assay_verify_config(const assay_panel *panel, const assay_config *config,
                                 const assay_verify_spec *spec, assay_verify_report *out_report,
                                 assay_error *err) {
    assay_config *copy = NULL;
    assay_status status = assay_config_copy(config, &copy, err);
    const assay_verify_run run = {run_config, release_result, copy};
    if (status == ASSAY_OK)
        status = assay_verify(panel, &run, spec, out_report, err);
    assay_config_destroy(copy);
    return status;
}
