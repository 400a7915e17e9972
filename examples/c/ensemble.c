/* A rule and a built-in strategy as one ensemble: made, verified and run, on the sample market.
 *
 *     cc -std=c17 -Iinclude examples/c/ensemble.c -o ensemble -Lbuild -lassay -lm
 */
#include <assay/assay.h>
#include <assay/assay_rule.h>
#include <assay/assay_sample.h>
#include <assay/assay_verify.h>
#include <stdio.h>

/* The lines of a rule's file: section, key, text (docs/rules.md). */
static const assay_rule_line lines[] = {
    {"parameters", "n", "50 in 2..500"},
    {"rule", "name", "trend"},
    {"rule", "buy", "crosses_above(close, sma(close, n))"},
    {"rule", "sell", "crosses_below(close, sma(close, n))"},
};

static assay_status make_panel(assay_panel **out_panel, assay_error *err) {
    assay_panel_builder *builder = NULL;
    assay_sample_spec spec;
    const assay_panel_options options = {.on_bad_data = ASSAY_BAD_DATA_ERROR};
    assay_sample_spec_init(&spec);
    spec.n_symbols = 30;
    spec.n_bars = 504;
    assay_status status = assay_panel_builder_create(&builder, err);
    if (status == ASSAY_OK)
        status = assay_sample_build(&spec, builder, err);
    if (status == ASSAY_OK)
        status = assay_panel_builder_finish(builder, &options, out_panel, NULL, err);
    assay_panel_builder_destroy(builder);
    return status;
}

static assay_status make_rule(assay_strategy **out_rule, assay_error *err) {
    assay_rule_place place;
    assay_status status = assay_rule_create(NULL, lines, sizeof lines / sizeof *lines, out_rule, &place, err);
    if (status == ASSAY_E_CONFIG)
        fprintf(stderr, "line %zu of the rule, character %zu:\n", place.line + 1, place.offset + 1);
    return status;
}

static assay_status verify(const assay_panel *panel, const assay_config *config, assay_error *err) {
    const assay_verify_spec spec = {.n_cuts = 3, .seed = 1};
    assay_verify_report report;
    assay_status status = assay_verify_config(panel, config, &spec, &report, err);
    if (status == ASSAY_OK)
        printf("%zu of %zu runs look ahead %s\n", report.n_failed_runs, report.n_runs, report.first);
    return status;
}

static void print(const assay_result *result) {
    size_t n = 0;
    const assay_strategy_result *row = assay_result_strategies(result, &n);
    for (size_t i = 0; i < n; i++)
        printf("%-10s %10.2f closed, %10.2f open\n", row[i].name, row[i].closed_pnl, row[i].open_pnl);
}

int main(void) {
    assay_error err = {0};
    assay_panel *panel = NULL;
    assay_strategy *rule = NULL, *both = NULL;
    assay_config *config = NULL;
    assay_result *result = NULL;
    assay_status status = make_panel(&panel, &err);
    if (status == ASSAY_OK)
        status = make_rule(&rule, &err);
    if (status == ASSAY_OK) {
        const assay_strategy *member[] = {assay_strategy_find("momentum", NULL), rule};
        status = assay_ensemble_create(member, 2, &both, &err);
    }
    if (status == ASSAY_OK)
        status = assay_config_create(both, &config, &err);
    if (status == ASSAY_OK)
        status = assay_config_set(config, "combine", "sleeves", &err);
    if (status == ASSAY_OK)
        status = assay_config_set(config, "momentum.weight", "2", &err);
    if (status == ASSAY_OK)
        status = verify(panel, config, &err);
    if (status == ASSAY_OK)
        status = assay_run(panel, config, ASSAY_KEEP_ALL, &result, &err);
    if (status == ASSAY_OK)
        print(result);
    else
        fprintf(stderr, "ensemble: %s: %s\n", assay_status_name(status), err.message);
    assay_result_destroy(result); /* what refers to another goes first */
    assay_config_destroy(config);
    assay_strategy_destroy(both);
    assay_strategy_destroy(rule);
    assay_panel_destroy(panel);
    return status == ASSAY_OK ? 0 : 1;
}
