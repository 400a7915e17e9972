/* Random bytes as a configuration file: any bytes, words of YAML and of configurations in any order, or a configuration as it
 * should be with a few bytes changed. Reading it must end in a list of values, each with a key and a place inside the text, or in
 * a refusal that begins with FILE:LINE:COLUMN; and twice the same. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config_file.h"
#include "fuzz.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { TEXT_SIZE = 4096 };

typedef struct text {
    char at[TEXT_SIZE];
    size_t n;
} text;

static void put(text *t, const char *what, size_t size) {
    if (t->n + size <= sizeof t->at) {
        memcpy(t->at + t->n, what, size);
        t->n += size;
    }
}

/* --- the texts --- */

static const char usual[] =
    "strategy: momentum\nname: \"a \\u00e4 b\"\nparameters:\n  lookback: 20\n  weight: 0.5 # half\n"
    "universe:\n  symbols: [AAA, 'B B', NO]\nperiod:\n  start: 2020-01-02\n  end: 2021-12-31\n"
    "engine:\n  commission_bps: 1\n  fill_at: next_open\nrisk:\n  max_weight: 0.1\n"
    "rule:\n  buy: |\n    close > 1\n    and n\ndefine:\n  x: >-\n    a\n    b\n";
static const char *const words[] = {
    "strategy", "parameters",  "universe", "period",   "engine",      "risk", "rule",
    "define",   "symbols",     ": ",       ":",        "\n",          "\n  ", "\n    ",
    "- ",       "[",           "]",        "{",        "}",           ", ",   "\"",
    "'",        "#",           "&a ",      "*a",       "!!str ",      "!x ",  "|",
    ">-\n",     "---\n",       "...\n",    "? ",       "%YAML 1.1\n", "<<: ", "\t",
    "\\u0000",  "\\x",         "\xc3",     "null",     "~",           "\r\n", "\xef\xbb\xbf",
    "\xff\xfe", "20",          "momentum", "\xc2\x85", "@",           "`",    "a",
    "1e999",    "\xe2\x80\xa8"};

static void take_bytes(fuzz_input *in, text *t) {
    while (in->at < in->size && t->n < sizeof t->at) {
        const char byte = (char)fuzz_byte(in);
        put(t, &byte, 1);
    }
}

static void take_words(fuzz_input *in, text *t) {
    for (size_t n = fuzz_byte(in) + (size_t)1; n > 0; n--) {
        const char *word = words[fuzz_byte(in) % COUNT(words)];
        put(t, word, strlen(word));
    }
}

/* Bytes written over, taken out or put in, or a word in their place. */
static void take_changed(fuzz_input *in, text *t) {
    put(t, usual, sizeof usual - 1);
    for (size_t n = fuzz_byte(in) % 8; n > 0; n--) {
        size_t at = (fuzz_byte(in) * (size_t)256 + fuzz_byte(in)) % t->n;
        uint8_t how = fuzz_byte(in);
        if (how < 80) {
            t->at[at] = (char)fuzz_byte(in);
        } else if (how < 130) {
            memmove(t->at + at, t->at + at + 1, t->n - at - 1);
            t->n -= t->n > 1;
        } else {
            const char *word = words[fuzz_byte(in) % COUNT(words)];
            size_t size = strlen(word);
            if (t->n + size <= sizeof t->at) {
                memmove(t->at + at + size, t->at + at, t->n - at);
                memcpy(t->at + at, word, size);
                t->n += size;
            }
        }
    }
}

/* Nesting as deep as the text is long. */
static void take_deep(fuzz_input *in, text *t) {
    static const char *const openings[] = {"[", "{a: ", "- ", "? ", "[{"};
    const char *opening = openings[fuzz_byte(in) % COUNT(openings)];
    put(t, "universe: ", fuzz_byte(in) % 2 == 0 ? 10 : 0);
    for (size_t n = fuzz_byte(in) * (size_t)8; n > 0; n--)
        put(t, opening, strlen(opening));
}

/* --- what must hold --- */

static void check_place(const char *data, size_t size, size_t line, size_t column) {
    size_t n_lines = 1;
    for (size_t i = 0; i < size; i++) /* YAML has further ends of lines */
        n_lines += data[i] == '\n' || data[i] == '\r' || (unsigned char)data[i] >= 0x80;
    if (line < 1 || column < 1 || line > n_lines + 1 || column > size + 1)
        fuzz_fail("a value outside of the text", data);
}

static void check_refused(assay_status status, const assay_error *err) {
    size_t line = 0, column = 0;
    fuzz_check_refusal(status, err);
    if (status == ASSAY_E_CONFIG && sscanf(err->message, "fuzz.yaml:%zu:%zu: ", &line, &column) != 2)
        fuzz_fail("a refusal without a place", err->message);
    if (status == ASSAY_E_CONFIG && (line < 1 || column < 1))
        fuzz_fail("a refusal at no place", err->message);
}

static void check_same(const cli_config_file *a, const cli_config_file *b) {
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = strcmp(a->entry[i].key, b->entry[i].key) == 0 && a->entry[i].section == b->entry[i].section &&
               strcmp(a->entry[i].value, b->entry[i].value) == 0 && a->entry[i].line == b->entry[i].line;
    if (!same)
        fuzz_fail("read twice", "it differs");
}

static void check_read(const char *data, size_t size) {
    cli_config_file first, again;
    assay_error err = {.status = ASSAY_OK}, err_again = {.status = ASSAY_OK};
    assay_status status = cli_config_file_parse(data, size, "fuzz.yaml", &first, &err);
    assay_status status_again = cli_config_file_parse(data, size, "fuzz.yaml", &again, &err_again);
    if (status != status_again || strcmp(err.message, err_again.message) != 0)
        fuzz_fail("read twice", err.message);
    if (status != ASSAY_OK) {
        check_refused(status, &err);
        if (size == sizeof usual - 1 && memcmp(data, usual, size) == 0)
            fuzz_fail("a usual configuration is refused", err.message);
        return;
    }
    check_same(&first, &again);
    for (size_t i = 0; i < first.n; i++) {
        const cli_config_entry *entry = &first.entry[i];
        if (entry->section == NULL || entry->key == NULL || entry->value == NULL)
            fuzz_fail("a value without a name", data);
        check_place(data, size, entry->line, entry->column);
        check_place(data, size, entry->key_line, entry->key_column);
    }
    cli_config_file_reset(&first);
    cli_config_file_reset(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static text t;
    fuzz_input in = {data, size, 0};
    uint8_t how = fuzz_byte(&in) % 8;
    t.n = 0;
    if (how == 0)
        take_bytes(&in, &t);
    else if (how == 1)
        take_deep(&in, &t);
    else if (how < 5)
        take_words(&in, &t);
    else
        take_changed(&in, &t);
    char *exact = malloc(t.n > 0 ? t.n : 1); /* so that a read past the end is seen */
    if (exact == NULL)
        return 0;
    memcpy(exact, t.at, t.n);
    check_read(exact, t.n);
    free(exact);
    return 0;
}
