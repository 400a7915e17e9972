/* Random bytes as a market and a configuration: building the panel and running over it must end in ASSAY_OK or in a
 * refusal that names a reason; never in a crash, a leak, ASSAY_E_INTERNAL (the ledger did not close), or a record that
 * cannot be.
 *
 * Three programs from this file: with libFuzzer (`clang -fsanitize=fuzzer,address,undefined`, see README.md), with
 * -DFUZZ_STANDALONE a program that feeds itself seeded random bytes, which the tests run briefly, or the files that are
 * named as its arguments.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assay/assay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- bytes as choices; after the end everything is 0 --- */

typedef struct input {
    const uint8_t *data;
    size_t size, at;
} input;

static uint8_t take_byte(input *in) {
    return in->at < in->size ? in->data[in->at++] : 0;
}

static uint64_t take_word(input *in) {
    uint64_t word = 0;
    for (int i = 0; i < 8; i++)
        word = word << 8 | take_byte(in);
    return word;
}

/* Mostly a plausible price, sometimes what is none, or an extreme one. */
static double take_price(input *in) {
    static const double extremes[] = {0, -1, 1e-3, 1e6, -5e-324, -1e300, 0.01, -0.0};
    uint8_t how = take_byte(in);
    double value = (double)(how & 15) * 10 + (double)take_byte(in) / 16 + 1;
    if (how >= 252) {
        uint64_t bits = take_word(in);
        memcpy(&value, &bits, sizeof value);
        if (value > 0 &&
            isfinite(value)) /* a fortune of 1e150 leaves no digits for the ledger to close with */
            value = fmin(fmax(value, 1e-3), 1e6);
    } else if (how >= 248) {
        value = extremes[take_byte(in) % (sizeof extremes / sizeof *extremes)];
    } else if (how >= 240) {
        value = (double)NAN;
    }
    return value;
}

static double take_ratio(input *in) {
    static const double ratios[] = {2, 0.5, 3, 0.1, 1.5, 1e-6, 1e6, -1};
    uint8_t how = take_byte(in);
    return how < 240 ? 0 : ratios[how % 8];
}

/* --- the market --- */

static void fail(const char *what, const assay_error *err) {
    fprintf(stderr, "%s: %s\n", what, err->message);
    abort();
}

/* A refusal must be of a kind that bad input can have, and say something. */
static void check_refusal(assay_status status, const assay_error *err) {
    if (status == ASSAY_E_INTERNAL || status == ASSAY_E_ARGUMENT || err->status != status ||
        err->message[0] == '\0')
        fail("not a refusal", err);
}

static assay_status add_row(assay_panel_builder *builder, input *in, int64_t *day, assay_error *err) {
    static const int64_t day_us = INT64_C(86400000000);
    uint8_t how = take_byte(in);
    char name[3] = {(char)('A' + how % 6), how % 29 == 0 ? 'x' : '\0', '\0'};
    uint32_t symbol = 0;
    *day += (how >> 4) % 4 + (how == 255 ? 20 : 0);
    int64_t at = (18000 + *day) * day_us + (how == 77 ? 1 : 0) + (how == 78 ? INT64_C(34200000000) : 0);
    double column[ASSAY_N_PRICE_COLUMNS];
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
        column[c] = take_price(in);
    double split = take_ratio(in), dividend = split == 0 ? 0 : take_price(in) / 50;
    int64_t version = how % 11;
    const assay_panel_rows row = {.n_rows = 1,
                                  .symbol = &symbol,
                                  .timestamp_us = &at,
                                  .column = {column, how % 13 == 0 ? NULL : column + 1, column + 2,
                                             column + 3, how % 17 == 0 ? NULL : column + 4},
                                  .dividend = &dividend,
                                  .split_ratio = &split,
                                  .version_us = how % 7 == 0 ? &version : NULL};
    assay_status status = assay_panel_builder_symbol(builder, name, strlen(name), &symbol, err);
    if (status == ASSAY_OK)
        status = assay_panel_builder_add_rows(builder, &row, err);
    if (status == ASSAY_OK && how % 31 == 0)
        status =
            assay_panel_builder_add_event(builder, symbol, at - day_us / 2, take_ratio(in), dividend, err);
    return status;
}

static assay_panel *make_panel(input *in) {
    assay_panel_builder *builder = NULL;
    assay_panel *panel = NULL;
    assay_error err = {.status = ASSAY_OK};
    if (assay_panel_builder_create(&builder, &err) != ASSAY_OK)
        return NULL;
    uint8_t rule = take_byte(in);
    const assay_panel_options options = {.on_bad_data = (assay_bad_data)(rule % 3),
                                         .signal_prices = (assay_signal_prices)(rule / 3 % 2)};
    size_t n_rows = 1 + take_byte(in);
    int64_t day = 0;
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < n_rows && status == ASSAY_OK; i++)
        status = add_row(builder, in, &day, &err);
    if (status == ASSAY_OK)
        status = assay_panel_builder_finish(builder, &options, &panel, NULL, &err);
    assay_panel_builder_destroy(builder);
    if (status != ASSAY_OK)
        check_refusal(status, &err);
    return panel;
}

/* --- the configuration --- */

/* A value for a setting: a number between its bounds or beside them, one of its choices, or a few bytes of anything. */
static void take_value(input *in, const char *choices, double min, double max, char out[64]) {
    uint8_t how = take_byte(in);
    if (how < 16) {
        for (size_t i = 0; i < 1 + how % 8u; i++) {
            out[i] = (char)take_byte(in);
            out[i + 1] = '\0';
        }
    } else if (choices != NULL) {
        const char *at = choices;
        for (unsigned skip = how % 4u; skip > 0 && strchr(at, '|') != NULL; skip--)
            at = strchr(at, '|') + 1;
        snprintf(out, 64, "%.*s", (int)strcspn(at, "|"), at);
    } else {
        double part = (double)take_byte(in) / 255,
               scale = how < 128 ? part * part * part * part * part * part : part;
        double value = min + (max - min) * scale;
        snprintf(out, 64, how % 2 == 0 ? "%.0f" : "%.17g", value);
    }
}

static void set_something(assay_config *config, input *in) {
    const assay_strategy *strategy = assay_config_strategy(config);
    char value[64] = "", key[64];
    assay_error err = {.status = ASSAY_OK};
    size_t which = take_byte(in) % (assay_setting_count() + strategy->n_params);
    if (which < assay_setting_count()) {
        const assay_setting *s = assay_setting_at(which);
        snprintf(key, sizeof key, "%s", s->name);
        if (s->type == ASSAY_SETTING_DATE || s->type == ASSAY_SETTING_DATE_LIST)
            snprintf(value, sizeof value, "20%02d-%02d-%02d%s", 19 + take_byte(in) % 2,
                     1 + take_byte(in) % 12, 1 + take_byte(in) % 31,
                     s->type == ASSAY_SETTING_DATE_LIST ? ",2019-05-05" : "");
        else if (s->type == ASSAY_SETTING_BOOL)
            snprintf(value, sizeof value, "%d", take_byte(in) % 2);
        else
            take_value(in, s->choices, s->min, s->max, value);
    } else {
        const assay_param *p = &strategy->params[which - assay_setting_count()];
        snprintf(key, sizeof key, "%s", p->name);
        take_value(in, NULL, p->min, p->type == ASSAY_PARAM_INTEGER ? 40 : 1, value);
    }
    assay_status status = assay_config_set(config, key, value, &err);
    if (status != ASSAY_OK)
        check_refusal(status, &err);
}

/* --- the run --- */

/* Money whose square is a double. */
static bool is_usual(double money) {
    return money > 1e-150 && money < 1e150;
}

static void check_records(const assay_result *r) {
    size_t n;
    const assay_error impossible = {.message = "a record that cannot be"};
    const assay_fill *fill = assay_result_fills(r, &n);
    for (size_t i = 0; i < n; i++) {
        if (!(fill[i].quantity > 0) || !(fill[i].price >= 0) || !isfinite(fill[i].quantity * fill[i].price) ||
            !(fill[i].commission >= 0) || (i > 0 && fill[i].bar < fill[i - 1].bar))
            fail("fill", &impossible);
    }
    const assay_trade *trade = assay_result_trades(r, &n);
    for (size_t i = 0; i < n; i++) {
        bool usual = is_usual(trade[i].entry_value) && is_usual(trade[i].exit_value);
        if (!(trade[i].quantity > 0) || trade[i].entry_bar > trade[i].exit_bar || !isfinite(trade[i].pnl) ||
            (usual && (!(trade[i].mae_pct <= 0) || !(trade[i].mfe_pct >= 0) || !isfinite(trade[i].pnl_pct))))
            fail("trade", &impossible);
    }
    const assay_snapshot *snapshot = assay_result_snapshots(r, &n);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(snapshot[i].total_value) || !(snapshot[i].gross_value >= 0) ||
            (is_usual(snapshot[i].gross_value) && !(snapshot[i].concentration <= 1 + 1e-9)) ||
            snapshot[i].stale_positions > snapshot[i].num_positions)
            fail("snapshot", &impossible);
    }
}

static void run(const assay_panel *panel, input *in) {
    assay_config *config = NULL;
    assay_result *result = NULL;
    assay_error err = {.status = ASSAY_OK};
    const assay_strategy *strategy = assay_strategy_at(take_byte(in) % assay_strategy_count());
    if (assay_config_create(strategy, &config, &err) != ASSAY_OK)
        return;
    (void)!assay_config_set(config, strategy->params[0].name, "3", NULL);
    for (size_t n = take_byte(in) % 16; n > 0; n--)
        set_something(config, in);
    assay_status status = assay_run(panel, config, (assay_keep)(take_byte(in) % 2), &result, &err);
    if (status != ASSAY_OK)
        check_refusal(status, &err);
    else
        check_records(result);
    assay_result_destroy(result);
    assay_config_destroy(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, size, 0};
    assay_panel *panel = make_panel(&in);
    if (panel != NULL) {
        for (int i = 0; i < 3; i++)
            run(panel, &in);
    }
    assay_panel_destroy(panel);
    return 0;
}

#ifdef FUZZ_STANDALONE
/* SplitMix64, as in src/base/rng.h; of its own, so that a fuzz target needs the public headers only. */
static uint64_t next_word(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int run_file(const char *path) {
    static uint8_t data[1 << 16];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    return LLVMFuzzerTestOneInput(data, size);
}

enum { N_INPUTS = 3000 };

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (run_file(argv[i]) != 0)
            return 1;
    }
    static uint8_t data[4096];
    uint64_t state = 20200106;
    for (int n = 0; n < N_INPUTS && argc == 1; n++) {
        size_t size = next_word(&state) % sizeof data;
        for (size_t i = 0; i < size; i++) {
            uint64_t word = next_word(&state);
            /* Every other input is calm: few extremes, so that most of it runs. */
            data[i] = (uint8_t)(n % 2 == 0 ? word : word % 240);
        }
        LLVMFuzzerTestOneInput(data, size);
    }
    return 0;
}
#endif
