/* Random bytes as a rule: text of any bytes, words of the language in any order, or expressions that are built as they should
 * be. Reading it must end in a rule, or in a refusal that says what is wrong, at a place inside the text. A rule that is
 * accepted runs (or is refused for what it does), and twice the same. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assay/assay_rule.h"
#include "fuzz.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { TEXT_SIZE = 600, MOST_LINES = 12 };

/* --- text --- */

typedef struct text {
    char at[TEXT_SIZE];
    size_t n;
} text;

static void put(text *t, const char *what) {
    size_t size = strlen(what);
    if (t->n + size >= sizeof t->at)
        return;
    memcpy(t->at + t->n, what, size + 1);
    t->n += size;
}

#define TAKE(in, array) ((array)[fuzz_byte(in) % COUNT(array)])

static const char *const leaves[] = {"close",     "open",     "high",        "low",    "volume",
                                     "bars_held", "held",     "market",      "n",      "x",
                                     "first",     "pe_ratio", "times_asked", "rsi_14", "unrealised_return"};
static const char *const numbers[] = {"3", "5",  "2",   "0.5", "1",      "0",  "n",
                                      "x", "10", "2.5", "1e9", "100000", ".5", "1e"};
static const char *const signs[] = {" + ",  " - ", " * ",  " / ",  " % ",  " ^ ",   " < ",
                                    " <= ", " > ", " >= ", " == ", " != ", " and ", " or "};
static const char *const plain_functions[][2] = {
    {"abs", "x"},
    {"sqrt", "x"},
    {"floor", "x"},
    {"ceil", "x"},
    {"round", "x"},
    {"sign", "x"},
    {"log", "x"},
    {"exp", "x"},
    {"isnan", "x"},
    {"pow", "xx"},
    {"min", "xx"},
    {"max", "xx"},
    {"if", "xxx"},
    {"clip", "xxx"},
    {"crosses_above", "xx"},
    {"crosses_below", "xx"},
    {"market_beta", "n"},
};
static const char *const words[] = {
    "(", ")", ",",  "not ", "-",        "!",     "and",  "column(", "nan",  "inf", "true", "clsoe",
    "$", "=", "**", "|",    "\xc3\xa4", "1_000", "sma(", "first",   "lag(", "#",   "\"",   "ema(close, n)"};

/* --- expressions as they should be --- */

static void put_tree(fuzz_input *in, text *t, int depth);

static void put_arguments(fuzz_input *in, text *t, const char *kinds, int depth) {
    put(t, "(");
    for (size_t i = 0; kinds[i] != '\0'; i++) {
        put(t, i == 0 ? "" : ", ");
        if (kinds[i] == 'n')
            put(t, fuzz_byte(in) % 8 != 0 ? "3" : TAKE(in, numbers));
        else
            put_tree(in, t, depth - 1);
    }
    put(t, ")");
}

/* A function of the language's own list: "macd(x, fast = 12, slow = 26)" takes a series and two numbers. */
static void put_function(fuzz_input *in, text *t, int depth) {
    char usage[200], kinds[16] = "";
    const char *unused;
    size_t n_functions = 0, n = 0;
    while (assay_expression_function(n_functions, usage, sizeof usage, &unused, &unused))
        n_functions++;
    (void)assay_expression_function(fuzz_byte(in) % n_functions, usage, sizeof usage, &unused, &unused);
    char *open = strchr(usage, '(');
    if (open == NULL)
        fuzz_fail("a function without brackets", usage);
    for (char *at = open; at != NULL && at[1] != ')'; at = strchr(at + 1, ',')) {
        const char *name = at + 1 + strspn(at + 1, " ");
        bool is_series = (name[0] == 'x' || name[0] == 'y') && strspn(name + 1, ",)") > 0;
        kinds[n++] = is_series ? 'x' : 'n';
    }
    if (fuzz_byte(in) % 32 == 0)
        kinds[n] = 'x'; /* one too many */
    *open = '\0';
    put(t, usage);
    put_arguments(in, t, kinds, depth);
}

static void put_tree(fuzz_input *in, text *t, int depth) {
    uint8_t how = fuzz_byte(in);
    if (depth <= 0 || how < 40) {
        put(t, how % 3 == 0 ? TAKE(in, numbers) : TAKE(in, leaves));
    } else if (how < 120) {
        put(t, "(");
        put_tree(in, t, depth - 1);
        put(t, TAKE(in, signs));
        put_tree(in, t, depth - 1);
        put(t, ")");
    } else if (how < 140) {
        put(t, how % 2 == 0 ? "not " : "-");
        put_tree(in, t, depth - 1);
    } else if (how < 170) {
        const char *const *function = TAKE(in, plain_functions);
        put(t, function[0]);
        put_arguments(in, t, function[1], depth);
    } else if (how < 230) {
        put_function(in, t, depth);
    } else { /* what goes with anything: a number of a symbol's own */
        put(t, how % 2 == 0 ? "(close / lag(close, 3))" : "rsi(close, 4)");
    }
}

/* --- other text --- */

static void put_soup(fuzz_input *in, text *t) {
    for (size_t n = fuzz_byte(in) % 40; n > 0; n--) {
        uint8_t how = fuzz_byte(in);
        put(t, how < 80    ? TAKE(in, leaves)
               : how < 120 ? TAKE(in, numbers)
               : how < 170 ? TAKE(in, signs)
                           : TAKE(in, words));
        put(t, how % 4 == 0 ? " " : "");
    }
}

static void put_bytes(fuzz_input *in, text *t) {
    for (size_t n = fuzz_byte(in); n > 0; n--) {
        const char byte[2] = {(char)fuzz_byte(in), '\0'};
        put(t, byte);
    }
}

static void put_expression(fuzz_input *in, text *t) {
    uint8_t how = fuzz_byte(in) % 16;
    if (how == 0)
        put_bytes(in, t);
    else if (how < 4)
        put_soup(in, t);
    else
        put_tree(in, t, 1 + how % 4);
}

/* --- a rule --- */

typedef struct rule {
    assay_rule_line line[MOST_LINES];
    text text[MOST_LINES];
    size_t n;
} rule;

static text *add_line(rule *r, const char *section, const char *key) {
    text *t = &r->text[r->n];
    *t = (text){.n = 0};
    r->line[r->n++] = (assay_rule_line){section, key, t->at};
    return t;
}

/* An expression of the rule that mostly keeps to the bounds that a run holds it to. */
static void put_part(fuzz_input *in, rule *r, const char *key, const char *low) {
    text *t = add_line(r, "rule", key);
    bool bounded = fuzz_byte(in) % 8 != 0;
    put(t, bounded ? "clip(" : "");
    put_expression(in, t);
    put(t, bounded ? low : "");
}

static void take_reason(fuzz_input *in, text *t) {
    static const char *const formats[] = {"", ":.2f", ":.0%", ":d", ":", ":.9f"};
    put(t, "because {");
    put_tree(in, t, 2);
    put(t, TAKE(in, formats));
    put(t, fuzz_byte(in) % 16 == 0 ? " {" : "} of it");
}

static void take_rule(fuzz_input *in, rule *r) {
    static const char *const defaults[] = {"3", "4 in 2..9", "3",           "20 in 1..5",
                                           "x", "2.5",       "-1 in -5..5", "3 in 2"};
    static const char *const actions[] = {"buy", "sell", "increase", "reduce"};
    static const char *const parts[] = {"score", "strength", "buy_target", "reduce_target", "bux"};
    r->n = 0;
    put(add_line(r, "parameters", "n"), fuzz_byte(in) % 16 != 0 ? "3 in 2..9" : TAKE(in, defaults));
    put(add_line(r, "parameters", "x"), fuzz_byte(in) % 16 != 0 ? "0.5" : TAKE(in, defaults));
    if (fuzz_byte(in) % 4 == 0)
        put_expression(in, add_line(r, "define", "first"));
    else
        put(add_line(r, "define", "first"), "close / sma(close, n)");
    size_t first = fuzz_byte(in) % COUNT(actions); /* now and then one stands there twice */
    for (size_t n = fuzz_byte(in) % 3u; n > 0; n--)
        put_expression(in, add_line(r, "rule", actions[(first + n * 7 / 4) % COUNT(actions)]));
    if (fuzz_byte(in) % 2 == 0)
        put_part(in, r, "target", ", -1, 1)");
    if (fuzz_byte(in) % 3 == 0)
        put_part(in, r, TAKE(in, parts), ", 0, 1)");
    if (fuzz_byte(in) % 4 == 0)
        take_reason(in, add_line(r, "rule", "reason"));
}

/* --- running it --- */

static void add_column(assay_panel *panel) {
    size_t n = assay_panel_n_bars(panel) * assay_panel_n_symbols(panel);
    double *values = malloc(n * sizeof *values);
    for (size_t i = 0; values != NULL && i < n; i++)
        values[i] = i % 5 == 0 ? (double)NAN : (double)(i * 7919 % 1000) / 100;
    if (values != NULL)
        (void)!assay_panel_add_column(panel, "pe_ratio", values, NULL);
    free(values);
}

/* Markets with gaps, splits, sectors, one with a benchmark; made once. */
static const assay_panel *take_panel(fuzz_input *in) {
    enum { N_PANELS = 4 };
    static assay_panel *panel[N_PANELS];
    static uint64_t state = 7;
    size_t which = fuzz_byte(in) % N_PANELS;
    while (panel[which] == NULL || assay_panel_n_bars(panel[which]) < 40) {
        uint8_t data[4096];
        for (size_t i = 0; i < sizeof data; i++)
            data[i] = (uint8_t)(fuzz_next(&state) % 244);
        data[0] = 1; /* bad rows are dropped */
        data[1] = (uint8_t)(which * 3 + 1 + which % 2);
        data[2] = 239; /* so many rows */
        fuzz_input bytes = {data, sizeof data, 0};
        assay_panel_destroy(panel[which]);
        panel[which] = fuzz_panel(&bytes);
        if (panel[which] != NULL && which % 2 == 0)
            add_column(panel[which]);
    }
    return panel[which];
}

static void check_same(const void *a, const void *b, size_t n_a, size_t n_b, size_t size) {
    if (n_a != n_b || (n_a != 0 && memcmp(a, b, n_a * size) != 0))
        fuzz_fail("two runs of a rule differ", "");
}

#define CHECK_SAME(records, a, b)                                                                            \
    do {                                                                                                     \
        size_t n_a, n_b;                                                                                     \
        const void *of_a = records((a), &n_a), *of_b = records((b), &n_b);                                   \
        check_same(of_a, of_b, n_a, n_b, sizeof *records((a), &n_a));                                        \
    } while (0)

static void run_twice(const assay_panel *panel, const assay_config *config) {
    assay_result *result[2] = {NULL, NULL};
    assay_status status[2];
    for (int i = 0; i < 2; i++) {
        assay_error err = {.status = ASSAY_OK};
        status[i] = assay_run(panel, config, ASSAY_KEEP_ALL, &result[i], &err);
        if (status[i] != ASSAY_OK)
            fuzz_check_refusal(status[i], &err);
        else
            fuzz_check_records(result[i]);
    }
    if (status[0] != status[1])
        fuzz_fail("two runs of a rule end differently", "");
    if (status[0] == ASSAY_OK) {
        CHECK_SAME(assay_result_signals, result[0], result[1]);
        CHECK_SAME(assay_result_fills, result[0], result[1]);
        CHECK_SAME(assay_result_trades, result[0], result[1]);
        CHECK_SAME(assay_result_snapshots, result[0], result[1]);
    }
    assay_result_destroy(result[0]);
    assay_result_destroy(result[1]);
}

static void run(fuzz_input *in, const assay_strategy *strategy) {
    assay_config *config = NULL;
    assay_error err = {.status = ASSAY_OK};
    if (assay_config_create(strategy, &config, &err) != ASSAY_OK)
        fuzz_fail("an accepted rule cannot be configured", err.message);
    for (uint32_t i = 0; i < strategy->n_params && fuzz_byte(in) % 2 == 0; i++) {
        char value[40];
        const assay_param *p = &strategy->params[i];
        snprintf(value, sizeof value, "%.0f", fmin(fmax(fuzz_byte(in) % 12, p->min), p->max));
        assay_status status = assay_config_set(config, p->name, value, &err);
        if (status != ASSAY_OK)
            fuzz_check_refusal(status, &err);
    }
    run_twice(take_panel(in), config);
    assay_config_destroy(config);
}

static void check_place(const rule *r, const assay_rule_place *place, const assay_error *err) {
    if (place->line > r->n || (place->line < r->n && place->offset > strlen(r->line[place->line].text)))
        fuzz_fail("a mistake outside the text", err->message);
}

/* The same text by itself, where nothing is named. */
static void compute(fuzz_input *in, const char *expression) {
    const assay_panel *panel = take_panel(in);
    double *values = malloc(assay_panel_n_bars(panel) * assay_panel_n_symbols(panel) * sizeof *values);
    assay_error err = {.status = ASSAY_OK};
    assay_status status =
        values == NULL ? ASSAY_OK : assay_expression_compute(panel, expression, values, &err);
    if (status != ASSAY_OK)
        fuzz_check_refusal(status, &err);
    free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {data, size, 0};
    static rule r;
    for (int i = 0; i < 8 && in.at < in.size; i++) {
        assay_strategy *strategy = NULL;
        assay_rule_place place = {SIZE_MAX, SIZE_MAX};
        assay_error err = {.status = ASSAY_OK};
        take_rule(&in, &r);
        assay_status status = assay_rule_create(NULL, r.line, r.n, &strategy, &place, &err);
        if (status == ASSAY_OK) {
            run(&in, strategy);
        } else {
            fuzz_check_refusal(status, &err);
            check_place(&r, &place, &err);
        }
        compute(&in, r.line[r.n - 1].text);
        assay_strategy_destroy(strategy);
    }
    return 0;
}
