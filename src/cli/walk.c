#include "cli/walk.h"

#include <string.h>

#include "cli/request.h"

static bool take_positions(const cli_args *args, cli_walk *w) {
    static const char *const NAMES[] = {"flatten", "carry"};
    size_t index = 0;
    if (!cli_read_choice(args, NAMES, 2, &index))
        return false;
    w->spec.positions = (assay_fold_positions)index;
    return true;
}

bool cli_take_walk(const cli_args *args, cli_walk *w) {
    const struct {
        const char *name;
        const char **place;
    } texts[] = {{"sample", &w->spec.sampling},    {"train", &w->spec.train}, {"test", &w->spec.test},
                 {"step", &w->spec.step},          {"purge", &w->spec.purge}, {"embargo", &w->spec.embargo},
                 {"objective", &w->spec.objective}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(args->option, texts[i].name) != 0)
            continue;
        *texts[i].place = args->value;
        return true;
    }
    if (strcmp(args->option, "axis") == 0)
        return cli_take_name(args, &w->axes);
    if (strcmp(args->option, "where") == 0)
        return cli_take_name(args, &w->where);
    if (strcmp(args->option, "positions") == 0)
        return take_positions(args, w);
    w->spec.anchored = true;
    return true;
}

void cli_walk_finish(cli_walk *w) {
    w->spec.axes = (const char *const *)w->axes.name;
    w->spec.n_axes = w->axes.n;
    w->spec.where = (const char *const *)w->where.name;
    w->spec.n_where = w->where.n;
}

void cli_walk_reset(cli_walk *w) {
    cli_names_reset(&w->axes);
    cli_names_reset(&w->where);
}

/* --- look-ahead --- */

typedef struct walk_run {
    const assay_config *config;
    const assay_walkforward_spec *plan;
} walk_run;

static assay_status run_walk(void *context, const assay_panel *panel, const assay_result **out_result,
                             void **out_owner, assay_error *err) {
    const walk_run *w = context;
    assay_walkforward *wf = NULL;
    assay_status status = assay_walkforward_run(panel, w->config, w->plan, 1, NULL, NULL, &wf, err);
    *out_owner = wf;
    *out_result = status == ASSAY_OK ? assay_walkforward_result(wf) : NULL;
    return status;
}

static void release_walk(const assay_result *result, void *owner) {
    (void)result;
    assay_walkforward_destroy(owner);
}

assay_status cli_verify_walk(const assay_panel *panel, const assay_config *config,
                             const assay_walkforward_spec *plan, const assay_verify_spec *spec,
                             assay_verify_report *out_report, assay_error *err) {
    walk_run walk = {config, plan};
    const assay_verify_run run = {run_walk, release_walk, &walk};
    return assay_verify(panel, &run, spec, out_report, err);
}
