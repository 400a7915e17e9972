/* A line chart in text: braille dots (2 x 4 to a character) where the screen can show them, stars where it cannot.
 *
 * Every value takes part: a dot column covers a run of values and is filled from their lowest to their highest, and from
 * where the column before ended, so that neither a spike nor the line between is lost.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/text_layout.h"

enum { MAX_WIDTH = 200, MAX_HEIGHT = 40 };

/* Cells of the chart; each holds a set of dots. */
typedef struct canvas {
    unsigned columns, rows;          /* characters */
    unsigned dots_across, dots_down; /* dots in a character */
    unsigned char cell[MAX_HEIGHT][MAX_WIDTH];
} canvas;

static void set_dot(canvas *c, unsigned x, unsigned y) {
    static const unsigned char BRAILLE[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    unsigned char bit = BRAILLE[y % c->dots_down][x % c->dots_across];
    c->cell[y / c->dots_down][x / c->dots_across] |= bit;
}

/* The row of dots of a value; 0 is the top. */
static unsigned dot_row(double value, double low, double high, unsigned n_rows) {
    double share = high > low ? (high - value) / (high - low) : 0.5;
    return (unsigned)(share * (double)(n_rows - 1) + 0.5);
}

/* The value at dot column x of n_x where there are fewer values than columns: on the line between its neighbours. */
static double between(const double *values, size_t n, unsigned x, unsigned n_x) {
    double at = (double)x * (double)(n - 1) / (double)(n_x - 1);
    size_t left = (size_t)at;
    return left + 1 < n ? values[left] + (at - (double)left) * (values[left + 1] - values[left])
                        : values[n - 1];
}

static void draw(canvas *c, const double *values, size_t n, double low, double high) {
    unsigned n_x = c->columns * c->dots_across;
    unsigned n_y = c->rows * c->dots_down;
    unsigned last = dot_row(values[0], low, high, n_y);
    for (unsigned x = 0; x < n_x; x++) {
        unsigned top = last, bottom = last;
        size_t from = (size_t)((double)x / n_x * (double)n);
        size_t to = n < n_x ? from + 1 : (size_t)((double)(x + 1) / n_x * (double)n);
        for (size_t i = from; i < to && i < n; i++) {
            last = dot_row(n < n_x ? between(values, n, x, n_x) : values[i], low, high, n_y);
            top = last < top ? last : top;
            bottom = last > bottom ? last : bottom;
        }
        for (unsigned y = top; y <= bottom; y++)
            set_dot(c, x, y);
    }
}

static void put_cell(unsigned char dots, bool utf8, FILE *out) {
    if (!utf8 || dots == 0) {
        putc(dots == 0 ? ' ' : '*', out);
        return;
    }
    putc(0xe2, out); /* U+2800 + dots */
    putc(0xa0 | dots >> 6, out);
    putc(0x80 | (dots & 0x3f), out);
}

static void put_line(const canvas *c, unsigned row, const char *label, size_t label_columns, bool utf8,
                     FILE *out) {
    fputs("  ", out);
    assay_put_padded(label, label_columns, true, out);
    fputs(label[0] != '\0' ? (utf8 ? " ┤" : " +") : (utf8 ? " │" : " |"), out);
    unsigned used = c->columns;
    while (used > 0 && c->cell[row][used - 1] == 0)
        used--;
    for (unsigned x = 0; x < used; x++)
        put_cell(c->cell[row][x], utf8, out);
    putc('\n', out);
}

void assay_report_chart(const double *values, size_t n, unsigned height, const assay_report_style *style,
                        FILE *out) {
    if (n < 2 || height == 0)
        return;
    double low = values[0], high = values[0];
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i]))
            return;
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    char top[NUMBER_SIZE], bottom[NUMBER_SIZE];
    int decimals = fmax(fabs(low), fabs(high)) < 100.0 ? 2 : 0;
    assay_format_number(high, decimals, style, top, sizeof top);
    assay_format_number(low, decimals, style, bottom, sizeof bottom);
    size_t label = assay_text_columns(top);
    label = assay_text_columns(bottom) > label ? assay_text_columns(bottom) : label;

    canvas c = {.rows = height > MAX_HEIGHT ? MAX_HEIGHT : height,
                .dots_across = style->utf8 ? 2 : 1,
                .dots_down = style->utf8 ? 4 : 1};
    unsigned margin = (unsigned)label + 5;
    unsigned width = assay_style_width(style);
    c.columns = width > margin + 10 ? width - margin : 10;
    draw(&c, values, n, low, high);
    for (unsigned row = 0; row < c.rows; row++)
        put_line(&c, row, row == 0 ? top : row + 1 == c.rows ? bottom : "", label, style->utf8, out);
}
