/* The table of functions, read from functions.def. */
#include "indicator/function.h"

#include <string.h>

#include "base/number.h"
#include "indicator/kernel.h"

static double longer(double a, double b) {
    return a > b ? a : b;
}

/* --- the warm-up of each function, from its expression --- */

#define LONGER(a, b) longer((a), (b))
#define ASSAY_FUNCTION(name, kind, power, series, columns, numbers, warm_up, formula, source)                \
    static size_t warm_up_##name(const double *a) {                                                          \
        (void)a;                                                                                             \
        return (size_t)(warm_up);                                                                            \
    }
#include "indicator/functions.def"
#undef ASSAY_FUNCTION

/* --- the rows --- */

enum { MAX_WINDOW = 100000 };

#define WINDOWED false
#define RECURSIVE true
#define REQUIRED ASSAY_NAN
#define NO_SERIES .n_series = 0
#define X .series = {"x"}, .n_series = 1
#define XY .series = {"x", "y"}, .n_series = 2
#define HIGH ASSAY_COLUMN_HIGH
#define LOW ASSAY_COLUMN_LOW
#define CLOSE ASSAY_COLUMN_CLOSE
#define OPEN ASSAY_COLUMN_OPEN
#define VOLUME ASSAY_COLUMN_VOLUME
#define NO_COLUMNS .n_implied = 0
#define COLUMNS(...) .implied = {__VA_ARGS__}, .n_implied = sizeof((int[]){__VA_ARGS__}) / sizeof(int)
#define NO_NUMBERS .n_numbers = 0
#define NUMBERS(...)                                                                                         \
    .number = {__VA_ARGS__},                                                                                 \
    .n_numbers = sizeof((assay_function_number[]){__VA_ARGS__}) / sizeof(assay_function_number)
#define WINDOW(name, least, default_value)                                                                   \
    { #name, true, least, MAX_WINDOW, default_value }
#define NUMBER(name, least, most, default_value)                                                             \
    { #name, false, least, most, default_value }

static const assay_function functions[] = {
#define ASSAY_FUNCTION(function, kind, power_rule, series, columns, numbers, warm_up_rows, text, origin)     \
    {.name = #function,                                                                                      \
     series,                                                                                                 \
     columns,                                                                                                \
     numbers,                                                                                                \
     .power = ASSAY_POWER_##power_rule,                                                                      \
     .is_recursive = (kind),                                                                                 \
     .compute = assay_kernel_##function,                                                                     \
     .warm_up = warm_up_##function,                                                                          \
     .formula = (text),                                                                                      \
     .source = (origin)},
#include "indicator/functions.def"
#undef ASSAY_FUNCTION
};

size_t assay_function_count(void) {
    return sizeof functions / sizeof *functions;
}

const assay_function *assay_function_at(size_t index) {
    return &functions[index];
}

const assay_function *assay_function_find(const char *name) {
    for (size_t i = 0; i < assay_function_count(); i++) {
        if (strcmp(functions[i].name, name) == 0)
            return &functions[i];
    }
    return NULL;
}
