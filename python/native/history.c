/* The bars up to now as the long table that strategies of data frames read: a row a symbol and bar, in order of time, then symbol.
 *
 * It grows with the bars: at each it gets those that are new, so that what is to come is in no memory that can be reached, and
 * a bar costs what is new. Prices are as of the bar. Where a split or dividend changes how the past is seen, the rows of its
 * symbol are written anew, in place; a table that was kept from an earlier bar then shows them as well.
 */
#include <math.h>

#include "base/number.h"
#include "engine/view.h"
#include "market/panel.h"
#include "native.h"

enum { NO_ROW = 0xffffffff };

typedef struct native_history {
    PyObject_HEAD size_t n_rows, capacity, n_symbols, n_bars; /* n_bars: that are in it */
    double *column[ASSAY_N_PRICE_COLUMNS];                    /* capacity each, one block */
    int64_t *time_ns;
    void *symbol;       /* as small as pandas has the codes of so many categories */
    size_t symbol_size; /* 1, 2 or 4 bytes, signed */
    uint32_t *previous; /* the symbol's row before this */
    uint32_t *last;     /* of each symbol */
} native_history;

static void history_dealloc(PyObject *self) {
    native_history *h = (native_history *)self;
    free(h->column[0]);
    free(h->time_ns);
    free(h->symbol);
    free(h->previous);
    free(h->last);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *history_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    (void)args;
    (void)keywords;
    return type->tp_alloc(type, 0);
}

/* Room for every bar of the market; pages that nothing was written to cost nothing. */
static bool allocate(native_history *h, const assay_panel *p) {
    h->n_symbols = p->n_symbols;
    for (size_t s = 0; s < p->n_symbols; s++)
        h->capacity += p->n_bars == 0 ? 0 : assay_panel_own_count(p, s, p->n_bars - 1);
    size_t n = h->capacity + 1;
    h->column[0] = n < NO_ROW ? calloc(n * ASSAY_N_PRICE_COLUMNS, sizeof(double)) : NULL;
    h->time_ns = calloc(n, sizeof *h->time_ns);
    h->symbol_size = p->n_symbols <= INT8_MAX ? 1 : p->n_symbols <= INT16_MAX ? 2 : 4;
    h->symbol = calloc(n, h->symbol_size);
    h->previous = calloc(n, sizeof *h->previous);
    h->last = malloc((h->n_symbols + 1) * sizeof *h->last);
    if (h->column[0] == NULL || h->time_ns == NULL || h->symbol == NULL || h->previous == NULL ||
        h->last == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (int c = 1; c < ASSAY_N_PRICE_COLUMNS; c++)
        h->column[c] = h->column[0] + (size_t)c * n;
    for (size_t s = 0; s < h->n_symbols; s++)
        h->last[s] = NO_ROW;
    return true;
}

/* The rows of a symbol as they are seen at bar t, the newest first. */
static void rewrite(native_history *h, const assay_panel *p, size_t symbol, size_t t, size_t lag) {
    for (uint32_t row = h->last[symbol]; row != NO_ROW; row = h->previous[row], lag++) {
        for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
            h->column[c][row] = assay_panel_adjusted(p, c, symbol, t, lag);
    }
}

/* But for what rounding makes of a price that is adjusted and brought back. */
static bool is_same(double a, double b) {
    return fabs(a - b) <= 1e-12 * fabs(b);
}

/* The symbols whose past looks otherwise at bar t than at the last one. */
static void rewrite_changed(native_history *h, const assay_panel *p, size_t t) {
    for (size_t s = 0; s < h->n_symbols; s++) {
        uint32_t row = h->last[s];
        if (row == NO_ROW)
            continue;
        size_t lag = assay_panel_own_count(p, s, t) - assay_panel_own_count(p, s, h->n_bars - 1);
        double now = assay_panel_adjusted(p, ASSAY_COLUMN_CLOSE, s, t, lag);
        double volume = assay_panel_adjusted(p, ASSAY_COLUMN_VOLUME, s, t, lag);
        bool same = is_same(now, h->column[ASSAY_COLUMN_CLOSE][row]) &&
                    (isnan(volume) || is_same(volume, h->column[ASSAY_COLUMN_VOLUME][row]));
        if (!same && !isnan(now))
            rewrite(h, p, s, t, lag);
    }
}

static void put_symbol(native_history *h, size_t row, size_t symbol) {
    if (h->symbol_size == 1)
        ((int8_t *)h->symbol)[row] = (int8_t)symbol;
    else if (h->symbol_size == 2)
        ((int16_t *)h->symbol)[row] = (int16_t)symbol;
    else
        ((int32_t *)h->symbol)[row] = (int32_t)symbol;
}

static void append_bar(native_history *h, const assay_panel *p, size_t bar, size_t t, bool has_events) {
    const double *close = assay_panel_row(p, ASSAY_COLUMN_CLOSE, bar);
    const double *raw[ASSAY_N_PRICE_COLUMNS];
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
        raw[c] = assay_panel_row(p, c, bar);
    for (size_t s = 0; s < h->n_symbols; s++) {
        if (isnan(close[s]) || h->n_rows == h->capacity)
            continue;
        size_t row = h->n_rows++;
        size_t lag =
            has_events && bar != t ? assay_panel_own_count(p, s, t) - assay_panel_own_count(p, s, bar) : 0;
        for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++) {
            if (has_events && bar != t && !isnan(assay_panel_adjusted(p, ASSAY_COLUMN_CLOSE, s, t, lag)))
                h->column[c][row] = assay_panel_adjusted(p, c, s, t, lag);
            else
                h->column[c][row] = raw[c] == NULL ? ASSAY_NAN : raw[c][s];
        }
        h->time_ns[row] = p->timestamp_us[bar] * 1000;
        put_symbol(h, row, s);
        h->previous[row] = h->last[s];
        h->last[s] = (uint32_t)row;
    }
}

/* update(view): appends what is new; returns the number of rows. */
static PyObject *update(PyObject *self, PyObject *object) {
    native_history *h = (native_history *)self;
    if (!PyObject_TypeCheck(object, &native_view_type) || ((native_view *)object)->view == NULL) {
        PyErr_SetString(PyExc_TypeError, "update() takes the view of the bar");
        return NULL;
    }
    const assay_view *view = ((native_view *)object)->view;
    const assay_panel *p = assay_market_seen(view->st->market);
    size_t t = assay_market_seen_bar(view->st->market, view->t);
    if (h->column[0] == NULL && !allocate(h, p))
        return NULL;
    bool has_events = assay_panel_has_events(p);
    if (has_events && h->n_bars > 0)
        rewrite_changed(h, p, t);
    for (; h->n_bars <= t; h->n_bars++)
        append_bar(h, p, h->n_bars, t, has_events);
    return PyLong_FromSize_t(h->n_rows);
}

static PyObject *prices(PyObject *self, PyObject *unused) {
    native_history *h = (native_history *)self;
    (void)unused;
    return native_table_of(self, h->column[0], "d", sizeof(double), ASSAY_N_PRICE_COLUMNS, h->n_rows,
                           (h->capacity + 1) * sizeof(double));
}

static PyObject *times(PyObject *self, PyObject *unused) {
    native_history *h = (native_history *)self;
    (void)unused;
    return native_bytes_of(self, h->time_ns, h->n_rows * sizeof *h->time_ns);
}

static PyObject *codes(PyObject *self, PyObject *unused) {
    native_history *h = (native_history *)self;
    (void)unused;
    return native_bytes_of(self, h->symbol, h->n_rows * h->symbol_size);
}

static PyMethodDef history_methods[] = {
    {"update", update, METH_O, "Appends the bars up to that of a view; returns the number of rows."},
    {"prices", prices, METH_NOARGS, "Open, high, low, close, volume: 5 columns of float64."},
    {"times", times, METH_NOARGS, "Nanoseconds since 1970 of each row, int64."},
    {"codes", codes, METH_NOARGS,
     "The number of the symbol of each row: int8 up to 127 symbols, int16 up to 32767, else int32."},
    {0},
};

PyTypeObject native_history_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "assay._native.History",
    .tp_basicsize = sizeof(native_history),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = history_new,
    .tp_dealloc = history_dealloc,
    .tp_methods = history_methods,
};
