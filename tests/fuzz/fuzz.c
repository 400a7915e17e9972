#include "fuzz.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint8_t fuzz_byte(fuzz_input *in) {
    return in->at < in->size ? in->data[in->at++] : 0;
}

uint64_t fuzz_word(fuzz_input *in) {
    uint64_t word = 0;
    for (int i = 0; i < 8; i++)
        word = word << 8 | fuzz_byte(in);
    return word;
}

uint64_t fuzz_next(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* --- findings --- */

void fuzz_fail(const char *what, const char *message) {
    fprintf(stderr, "%s: %s\n", what, message);
    abort();
}

void fuzz_check_refusal(assay_status status, const assay_error *err) {
    if (status == ASSAY_E_INTERNAL || status == ASSAY_E_ARGUMENT || err->status != status ||
        err->message[0] == '\0')
        fuzz_fail("not a refusal", err->message);
}

/* Money whose square is a double. */
static bool is_usual(double money) {
    return money > 1e-150 && money < 1e150;
}

void fuzz_check_records(const assay_result *r) {
    size_t n;
    static const char impossible[] = "a record that cannot be";
    const assay_fill *fill = assay_result_fills(r, &n);
    for (size_t i = 0; i < n; i++) {
        if (!(fill[i].quantity > 0) || !(fill[i].price >= 0) || !isfinite(fill[i].quantity * fill[i].price) ||
            !(fill[i].commission >= 0) || (i > 0 && fill[i].bar < fill[i - 1].bar))
            fuzz_fail("fill", impossible);
    }
    const assay_trade *trade = assay_result_trades(r, &n);
    for (size_t i = 0; i < n; i++) {
        bool usual = is_usual(trade[i].entry_value) && is_usual(trade[i].exit_value);
        if (!(trade[i].quantity > 0) || trade[i].entry_bar > trade[i].exit_bar || !isfinite(trade[i].pnl) ||
            (usual && (!(trade[i].mae_pct <= 0) || !(trade[i].mfe_pct >= 0) || !isfinite(trade[i].pnl_pct))))
            fuzz_fail("trade", impossible);
    }
    const assay_snapshot *snapshot = assay_result_snapshots(r, &n);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(snapshot[i].total_value) || !(snapshot[i].gross_value >= 0) ||
            (is_usual(snapshot[i].gross_value) && !(snapshot[i].concentration <= 1 + 1e-9)) ||
            snapshot[i].stale_positions > snapshot[i].num_positions)
            fuzz_fail("snapshot", impossible);
    }
}

/* --- a market --- */

/* Mostly a plausible price, sometimes what is none, or an extreme one. */
static double take_price(fuzz_input *in) {
    static const double extremes[] = {0, -1, 1e-3, 1e6, -5e-324, -1e300, 0.01, -0.0};
    uint8_t how = fuzz_byte(in);
    double value = (double)(how & 15) * 10 + (double)fuzz_byte(in) / 16 + 1;
    if (how >= 252) {
        uint64_t bits = fuzz_word(in);
        memcpy(&value, &bits, sizeof value);
        if (value > 0 &&
            isfinite(value)) /* a fortune of 1e150 leaves no digits for the ledger to close with */
            value = fmin(fmax(value, 1e-3), 1e6);
    } else if (how >= 248) {
        value = extremes[fuzz_byte(in) % (sizeof extremes / sizeof *extremes)];
    } else if (how >= 240) {
        value = (double)NAN;
    }
    return value;
}

static double take_ratio(fuzz_input *in) {
    static const double ratios[] = {2, 0.5, 3, 0.1, 1.5, 1e-6, 1e6, -1};
    uint8_t how = fuzz_byte(in);
    return how < 240 ? 0 : ratios[how % 8];
}

static assay_status add_row(assay_panel_builder *builder, fuzz_input *in, int64_t *day, assay_error *err) {
    static const int64_t day_us = INT64_C(86400000000);
    uint8_t how = fuzz_byte(in);
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

static assay_panel *make_panel(fuzz_input *in, const assay_panel_options *options) {
    assay_panel_builder *builder = NULL;
    assay_panel *panel = NULL;
    assay_error err = {.status = ASSAY_OK};
    if (assay_panel_builder_create(&builder, &err) != ASSAY_OK)
        return NULL;
    size_t n_rows = 1 + fuzz_byte(in);
    int64_t day = 0;
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < n_rows && status == ASSAY_OK; i++)
        status = add_row(builder, in, &day, &err);
    if (status == ASSAY_OK)
        status = assay_panel_builder_finish(builder, options, &panel, NULL, &err);
    assay_panel_builder_destroy(builder);
    if (status != ASSAY_OK)
        fuzz_check_refusal(status, &err);
    return panel;
}

static void set_sectors(assay_panel *panel, fuzz_input *in) {
    static const char *const names[] = {"Energy", "Banks", "", NULL, "Energy and more", "Banks"};
    const char *sector[16];
    for (size_t s = 0; s < sizeof sector / sizeof *sector; s++)
        sector[s] = names[fuzz_byte(in) % (sizeof names / sizeof *names)];
    if (assay_panel_n_symbols(panel) <= sizeof sector / sizeof *sector)
        (void)!assay_panel_set_sectors(panel, sector, NULL);
}

static void set_benchmark(assay_panel *panel, fuzz_input *in, const assay_panel_options *options) {
    assay_panel *benchmark = make_panel(in, options);
    if (benchmark != NULL)
        (void)!assay_panel_set_benchmark(panel, benchmark, 0, NULL);
    assay_panel_destroy(benchmark);
}

assay_panel *fuzz_panel(fuzz_input *in) {
    uint8_t rule = fuzz_byte(in), beside = fuzz_byte(in);
    const assay_panel_options options = {.on_bad_data = (assay_bad_data)(rule % 3),
                                         .signal_prices = (assay_signal_prices)(rule / 3 % 2)};
    assay_panel *panel = make_panel(in, &options);
    if (panel != NULL && beside % 2 != 0)
        set_sectors(panel, in);
    if (panel != NULL && beside % 3 == 0)
        set_benchmark(panel, in, &options);
    return panel;
}
