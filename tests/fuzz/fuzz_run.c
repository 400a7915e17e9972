/* Random bytes as a market and a configuration: building the panel and running over it must end in ASSAY_OK or in a
 * refusal that names a reason; never in a crash, a leak, ASSAY_E_INTERNAL (the ledger did not close), or a record that
 * cannot be. */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"

/* --- the configuration --- */

/* A value for a setting: a number between its bounds or beside them, one of its choices, or a few bytes of anything. */
static void take_value(fuzz_input *in, const char *choices, double min, double max, char out[64]) {
    uint8_t how = fuzz_byte(in);
    if (how < 16) {
        for (size_t i = 0; i < 1 + how % 8u; i++) {
            out[i] = (char)fuzz_byte(in);
            out[i + 1] = '\0';
        }
    } else if (choices != NULL) {
        const char *at = choices;
        for (unsigned skip = how % 4u; skip > 0 && strchr(at, '|') != NULL; skip--)
            at = strchr(at, '|') + 1;
        snprintf(out, 64, "%.*s", (int)strcspn(at, "|"), at);
    } else {
        double part = (double)fuzz_byte(in) / 255,
               scale = how < 128 ? part * part * part * part * part * part : part;
        double value = min + (max - min) * scale;
        snprintf(out, 64, how % 2 == 0 ? "%.0f" : "%.17g", value);
    }
}

static void set_something(assay_config *config, fuzz_input *in) {
    const assay_strategy *strategy = assay_config_strategy(config);
    char value[64] = "", key[64];
    assay_error err = {.status = ASSAY_OK};
    size_t which = fuzz_byte(in) % (assay_setting_count() + strategy->n_params);
    if (which < assay_setting_count()) {
        const assay_setting *s = assay_setting_at(which);
        snprintf(key, sizeof key, "%s", s->name);
        if (s->type == ASSAY_SETTING_DATE || s->type == ASSAY_SETTING_DATE_LIST)
            snprintf(value, sizeof value, "20%02d-%02d-%02d%s", 19 + fuzz_byte(in) % 2,
                     1 + fuzz_byte(in) % 12, 1 + fuzz_byte(in) % 31,
                     s->type == ASSAY_SETTING_DATE_LIST ? ",2019-05-05" : "");
        else if (s->type == ASSAY_SETTING_BOOL)
            snprintf(value, sizeof value, "%d", fuzz_byte(in) % 2);
        else
            take_value(in, s->choices, s->min, s->max, value);
    } else {
        const assay_param *p = &strategy->params[which - assay_setting_count()];
        snprintf(key, sizeof key, "%s", p->name);
        take_value(in, NULL, p->min, p->type == ASSAY_PARAM_INTEGER ? 40 : 1, value);
    }
    assay_status status = assay_config_set(config, key, value, &err);
    if (status != ASSAY_OK)
        fuzz_check_refusal(status, &err);
}

/* --- the run --- */

/* A built-in strategy, or two of them together (the caller destroys *out_made). */
static const assay_strategy *take_strategy(fuzz_input *in, assay_strategy **out_made) {
    const assay_strategy *member[2];
    uint8_t how = fuzz_byte(in);
    for (int i = 0; i < 2; i++)
        member[i] = assay_strategy_at((i == 0 ? how : fuzz_byte(in)) % assay_strategy_count());
    *out_made = NULL;
    if (how % 5 != 0 || assay_ensemble_create(member, 2, out_made, NULL) != ASSAY_OK)
        return member[0];
    return *out_made;
}

static void run(const assay_panel *panel, const assay_strategy *strategy, fuzz_input *in) {
    assay_config *config = NULL;
    assay_result *result = NULL;
    assay_error err = {.status = ASSAY_OK};
    if (assay_config_create(strategy, &config, &err) != ASSAY_OK)
        return;
    (void)!assay_config_set(config, strategy->params[0].name, "3", NULL);
    for (size_t n = fuzz_byte(in) % 16; n > 0; n--)
        set_something(config, in);
    assay_status status = assay_run(panel, config, (assay_keep)(fuzz_byte(in) % 2), &result, &err);
    if (status != ASSAY_OK)
        fuzz_check_refusal(status, &err);
    else
        fuzz_check_records(result);
    assay_result_destroy(result);
    assay_config_destroy(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {data, size, 0};
    assay_panel *panel = fuzz_panel(&in);
    for (int i = 0; panel != NULL && i < 3; i++) {
        assay_strategy *made = NULL;
        run(panel, take_strategy(&in, &made), &in);
        assay_strategy_destroy(made);
    }
    assay_panel_destroy(panel);
    return 0;
}
