/* Values of indicators, for tests in other languages.
 *
 *   indicator_values FILE   reads FILE: "n_rows n_symbols", then for each row and symbol "open high low close volume x y";
 *                           then, from standard input, lines "NAME [NUMBER...]"; prints the values of each, row by row
 *   indicator_values        prints the table of functions as Markdown
 *
 * NaN is written nan. Numbers are printed so that they read back as they are.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/number.h"
#include "base/text.h"
#include "indicator/function.h"

enum { X = ASSAY_N_PRICE_COLUMNS, Y, N_COLUMNS };

typedef struct market {
    assay_panel panel; /* its size and own_price alone */
    double *column[N_COLUMNS];
} market;

static void fail(const char *why, const char *what) {
    fprintf(stderr, "%s: %s\n", why, what);
    exit(1);
}

static double *matrix(const assay_panel *p) {
    double *m = assay_aligned_alloc(p->n_bars * p->stride, sizeof *m);
    if (m == NULL)
        fail("out of memory", "a matrix");
    for (size_t i = 0; i < p->n_bars * p->stride; i++)
        m[i] = ASSAY_NAN;
    return m;
}

static double read_number(FILE *file) {
    char word[64];
    if (fscanf(file, "%63s", word) != 1)
        fail("the file is too short", "a number is missing");
    return strtod(word, NULL);
}

static market read_market(const char *name) {
    market m = {0};
    FILE *file = fopen(name, "r");
    if (file == NULL)
        fail("cannot open", name);
    m.panel.n_bars = (size_t)read_number(file);
    m.panel.n_symbols = (size_t)read_number(file);
    m.panel.stride = (m.panel.n_symbols + 7) / 8 * 8;
    for (int c = 0; c < N_COLUMNS; c++)
        m.column[c] = matrix(&m.panel);
    for (size_t t = 0; t < m.panel.n_bars; t++) {
        for (size_t s = 0; s < m.panel.n_symbols; s++) {
            for (int c = 0; c < N_COLUMNS; c++)
                m.column[c][t * m.panel.stride + s] = read_number(file);
        }
    }
    fclose(file);
    m.panel.own_price = m.column[ASSAY_COLUMN_CLOSE];
    return m;
}

/* "NAME [NUMBER...]"; numbers that are missing are the defaults. */
static const assay_function *read_call(char *line, double *number) {
    char *rest = NULL;
    const char *name = strtok_r(line, " \n", &rest);
    const assay_function *f = name == NULL ? NULL : assay_function_find(name);
    if (f == NULL)
        fail("no such function", name == NULL ? "" : name);
    for (uint32_t i = 0; f != NULL && i < f->n_numbers; i++) {
        const char *word = strtok_r(NULL, " \n", &rest);
        number[i] = word == NULL ? f->number[i].default_value : strtod(word, NULL);
    }
    return f;
}

static void print_values(const market *m, const assay_function *f, const double *number) {
    double *out = matrix(&m->panel);
    assay_kernel_input in = {
        .panel = &m->panel, .n_rows = m->panel.n_bars, .stride = m->panel.stride, .number = number};
    assay_error err = {0};
    for (uint32_t i = 0; i < f->n_series; i++)
        in.series[i] = m->column[X + (int)i];
    for (uint32_t i = 0; i < f->n_implied; i++)
        in.series[f->n_series + i] = m->column[f->implied[i]];
    if (f->compute(&in, out, &err) != ASSAY_OK)
        fail(f->name, err.message);
    for (size_t t = 0; t < in.n_rows; t++) {
        for (size_t s = 0; s < m->panel.n_symbols; s++) {
            char text[32];
            assay_double_format(out[t * in.stride + s], text, sizeof text);
            puts(isnan(out[t * in.stride + s]) ? "nan" : text);
        }
    }
    free(out);
}

static void print_call(const assay_function *f) {
    const char *before = "";
    printf("| `%s(", f->name);
    for (uint32_t i = 0; i < f->n_series; i++, before = ", ")
        printf("%s%s", before, f->series[i]);
    for (uint32_t i = 0; i < f->n_numbers; i++, before = ", ") {
        printf("%s%s", before, f->number[i].name);
        if (!isnan(f->number[i].default_value))
            printf("=%g", f->number[i].default_value);
    }
    printf(")` | ");
}

static void print_table(void) {
    static const char *const columns[] = {"open", "high", "low", "close", "volume"};
    puts("| function | of | kind | definition | source |\n|---|---|---|---|---|");
    for (size_t i = 0; i < assay_function_count(); i++) {
        const assay_function *f = assay_function_at(i);
        print_call(f);
        for (uint32_t c = 0; c < f->n_implied; c++)
            printf("%s%s", c == 0 ? "" : ", ", columns[f->implied[c]]);
        printf("%s | %s | ", f->n_implied == 0 ? "what is given" : "",
               f->is_recursive ? "recursive" : "windowed");
        for (const char *at = f->formula; *at != '\0'; at++)
            printf(*at == '|' ? "\\|" : "%c", *at);
        printf(" | %s |\n", f->source);
    }
}

int main(int argc, char **argv) {
    if (argc < 2) {
        print_table();
        return 0;
    }
    market m = read_market(argv[1]);
    char line[256];
    while (fgets(line, sizeof line, stdin) != NULL) {
        double number[ASSAY_MAX_NUMBERS] = {0};
        const assay_function *f = read_call(line, number);
        print_values(&m, f, number);
    }
    for (int c = 0; c < N_COLUMNS; c++)
        free(m.column[c]);
    return 0;
}
