/* What a strategy in Python sees at a bar, and where it puts its signals.
 *
 * Arrays are copies of the bar's own row: read-only, and with nothing behind them. After the call the view is over.
 */
#include "native.h"

#include <math.h>

#include "engine/view.h"
#include "market/panel.h"

static const assay_view *look(PyObject *self) {
    const assay_view *view = ((native_view *)self)->view;
    if (view == NULL)
        native_fail(ASSAY_E_ARGUMENT,
                    "this bar is over: a view can be used while its strategy is asked only");
    return view;
}

native_view *native_view_create(native_python_strategy *strategy, const assay_view *view,
                                PyObject *definition, PyObject *symbols, PyObject *symbol_index) {
    PyObject *type = PyObject_GetAttrString(definition, "view_type");
    if (type == NULL)
        return NULL;
    native_view *v = NULL;
    if (!PyType_Check(type) || !PyType_IsSubtype((PyTypeObject *)type, &native_view_type))
        PyErr_SetString(PyExc_TypeError, "view_type must be a class of views");
    else
        v = (native_view *)((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, 0);
    Py_DECREF(type);
    if (v == NULL)
        return NULL;
    v->view = view;
    v->strategy = strategy;
    v->symbols = native_new_ref(symbols);
    v->symbol_index = native_new_ref(symbol_index);
    return v;
}

static void view_dealloc(PyObject *self) {
    native_view *v = (native_view *)self;
    Py_XDECREF(v->symbols);
    Py_XDECREF(v->symbol_index);
    PyMem_Free(v->signals);
    Py_TYPE(self)->tp_free(self);
}

/* --- what is seen --- */

static PyObject *get_timestamp_us(PyObject *self, void *unused) {
    const assay_view *view = look(self);
    (void)unused;
    return view == NULL ? NULL : PyLong_FromLongLong(assay_view_timestamp_us(view));
}

static PyObject *get_known_until_us(PyObject *self, void *unused) {
    const assay_view *view = look(self);
    (void)unused;
    return view == NULL ? NULL : PyLong_FromLongLong(assay_view_known_until_us(view));
}

static PyObject *get_symbols(PyObject *self, void *unused) {
    (void)unused;
    return native_new_ref(((native_view *)self)->symbols);
}

static PyObject *get_column(PyObject *self, void *closure) {
    const assay_view *view = look(self);
    if (view == NULL)
        return NULL;
    const double *row = assay_view_column(view, (int)(intptr_t)closure);
    return row == NULL ? native_new_ref(Py_None) : native_array_of(row, assay_view_n_symbols(view));
}

static PyObject *get_cash(PyObject *self, void *unused) {
    const assay_view *view = look(self);
    (void)unused;
    return view == NULL ? NULL : PyFloat_FromDouble(assay_view_cash(view));
}

static PyObject *get_equity(PyObject *self, void *unused) {
    const assay_view *view = look(self);
    (void)unused;
    return view == NULL ? NULL : PyFloat_FromDouble(assay_view_equity(view));
}

static PyObject *get_times_asked(PyObject *self, void *unused) {
    const assay_view *view = look(self);
    (void)unused;
    return view == NULL ? NULL : PyLong_FromUnsignedLongLong(assay_view_times_asked(view));
}

/* A number of each symbol. */
static PyObject *by_symbol(PyObject *self, double (*number)(const assay_view *view, size_t symbol)) {
    const assay_view *view = look(self);
    if (view == NULL)
        return NULL;
    size_t n = assay_view_n_symbols(view);
    double *values = PyMem_Malloc((n + 1) * sizeof *values);
    if (values == NULL)
        return PyErr_NoMemory();
    for (size_t s = 0; s < n; s++)
        values[s] = number(view, s);
    PyObject *array = native_array_of(values, n);
    PyMem_Free(values);
    return array;
}

static double own_bars(const assay_view *view, size_t symbol) {
    return (double)assay_view_own_bars(view, symbol);
}

static double is_inside(const assay_view *view, size_t symbol) {
    const uint8_t *outside = assay_view_outside(view);
    return outside == NULL || outside[symbol] == 0 ? 1 : 0;
}

static PyObject *get_positions(PyObject *self, void *unused) {
    (void)unused;
    return by_symbol(self, assay_view_quantity);
}

static PyObject *get_bars_held(PyObject *self, void *unused) {
    (void)unused;
    return by_symbol(self, assay_view_bars_held);
}

static PyObject *get_unrealised_return(PyObject *self, void *unused) {
    (void)unused;
    return by_symbol(self, assay_view_unrealised_return);
}

static PyObject *get_own_bars(PyObject *self, void *unused) {
    (void)unused;
    return by_symbol(self, own_bars);
}

static PyObject *get_in_universe(PyObject *self, void *unused) {
    (void)unused;
    return by_symbol(self, is_inside);
}

static PyObject *get_sectors(PyObject *self, void *unused) {
    const assay_view *view = look(self);
    (void)unused;
    if (view == NULL)
        return NULL;
    const uint32_t *sectors = assay_view_sectors(view);
    size_t n = assay_view_n_symbols(view);
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (size_t s = 0; s < n && list != NULL; s++) {
        const char *name = sectors == NULL || sectors[s] == ASSAY_VIEW_NO_SECTOR
                               ? NULL
                               : assay_view_sector_name(view, sectors[s]);
        PyObject *text = name == NULL ? native_new_ref(Py_None) : PyUnicode_FromString(name);
        if (text == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)s, text);
    }
    return list;
}

static PyObject *feature(PyObject *self, PyObject *name) {
    const assay_view *view = look(self);
    long number = view == NULL ? -1 : native_python_strategy_feature(((native_view *)self)->strategy, name);
    return number < 0
               ? NULL
               : native_array_of(assay_view_feature(view, (uint32_t)number), assay_view_n_symbols(view));
}

/* history(column, n): the last n own bars of each symbol as they are seen at this bar, oldest first, as a 1-d array of n rows
 * of n_symbols. */
static PyObject *history(PyObject *self, PyObject *args) {
    const assay_view *view = look(self);
    int column;
    Py_ssize_t n_rows;
    if (view == NULL || !PyArg_ParseTuple(args, "in", &column, &n_rows))
        return NULL;
    size_t n = assay_view_n_symbols(view);
    if (column < 0 || column >= ASSAY_N_PRICE_COLUMNS || n_rows < 1 ||
        (size_t)n_rows > PY_SSIZE_T_MAX / 16 / (n + 1))
        return native_fail(ASSAY_E_ARGUMENT,
                           "history over %zd bars: at least 1, and as many as fit into memory", n_rows);
    double *values = PyMem_Malloc((size_t)n_rows * n * sizeof *values + 1);
    if (values == NULL)
        return PyErr_NoMemory();
    const assay_panel *panel = assay_market_seen(view->st->market);
    size_t t = assay_market_seen_bar(view->st->market, view->t);
    for (size_t i = 0; i < (size_t)n_rows; i++) {
        for (size_t s = 0; s < n; s++)
            values[i * n + s] = assay_panel_adjusted(panel, column, s, t, (size_t)n_rows - 1 - i);
    }
    PyObject *array = native_array_of(values, (size_t)n_rows * n);
    PyMem_Free(values);
    return array;
}

/* --- signals --- */

/* A symbol by name or number; -1 with an exception set. */
static Py_ssize_t symbol_of(native_view *v, PyObject *symbol) {
    if (PyUnicode_Check(symbol)) {
        PyObject *number = PyDict_GetItemWithError(v->symbol_index, symbol);
        if (number != NULL)
            return PyLong_AsSsize_t(number);
        if (PyErr_Occurred() == NULL)
            native_fail(ASSAY_E_NOT_FOUND, "a signal for %R, which is no symbol of this run", symbol);
        return -1;
    }
    PyObject *whole = PyNumber_Index(symbol);
    Py_ssize_t number = whole == NULL ? -1 : PyLong_AsSsize_t(whole);
    Py_XDECREF(whole);
    if (PyErr_Occurred() != NULL)
        return -1;
    if (number < 0 || number >= PyTuple_GET_SIZE(v->symbols)) {
        native_fail(ASSAY_E_ARGUMENT, "a signal for symbol %zd, but there are %zd", number,
                    PyTuple_GET_SIZE(v->symbols));
        return -1;
    }
    return number;
}

static bool reserve(native_view *v, size_t n) {
    if (n <= v->capacity)
        return true;
    size_t capacity = n > 2 * v->capacity ? n : 2 * v->capacity;
    native_signal *grown = PyMem_Realloc(v->signals, capacity * sizeof *grown);
    if (grown == NULL) {
        PyErr_NoMemory();
        return false;
    }
    v->signals = grown;
    v->capacity = capacity;
    return true;
}

/* emit(symbol, kind key, value, score, strength, target_position) */
static PyObject *emit(PyObject *self, PyObject *args) {
    native_view *v = (native_view *)self;
    PyObject *symbol, *key;
    native_signal signal = {0};
    if (look(self) == NULL || !PyArg_ParseTuple(args, "OO!dddd", &symbol, &PyTuple_Type, &key, &signal.value,
                                                &signal.score, &signal.strength, &signal.target_position))
        return NULL;
    Py_ssize_t number = symbol_of(v, symbol);
    long kind = number < 0 ? -1 : native_python_strategy_kind(v->strategy, key);
    if (kind < 0 || !reserve(v, v->n_signals + 1))
        return NULL;
    signal.symbol = (uint32_t)number;
    signal.kind = (uint32_t)kind;
    signal.order = (uint32_t)v->n_signals;
    v->signals[v->n_signals++] = signal;
    return native_new_ref(Py_None);
}

/* emit_rows(symbols int64, kind key, scores, strengths, targets float64): one signal a row */
static PyObject *emit_rows(PyObject *self, PyObject *args) {
    native_view *v = (native_view *)self;
    PyObject *key;
    Py_buffer symbols, scores, strengths, targets;
    if (look(self) == NULL ||
        !PyArg_ParseTuple(args, "y*O!y*y*y*", &symbols, &PyTuple_Type, &key, &scores, &strengths, &targets))
        return NULL;
    size_t n = (size_t)symbols.len / sizeof(int64_t);
    long kind = native_python_strategy_kind(v->strategy, key);
    bool ok = kind >= 0 && reserve(v, v->n_signals + n);
    if (ok &&
        ((size_t)scores.len != n * 8 || (size_t)strengths.len != n * 8 || (size_t)targets.len != n * 8)) {
        native_fail(ASSAY_E_ARGUMENT, "%zu symbols need as many scores, strengths and targets", n);
        ok = false;
    }
    for (size_t i = 0; i < n && ok; i++) {
        int64_t number = ((const int64_t *)symbols.buf)[i];
        ok = number >= 0 && number < PyTuple_GET_SIZE(v->symbols);
        if (!ok) {
            native_fail(ASSAY_E_ARGUMENT, "a signal for symbol %lld, but there are %zd", (long long)number,
                        PyTuple_GET_SIZE(v->symbols));
            break;
        }
        double score = ((const double *)scores.buf)[i];
        v->signals[v->n_signals] = (native_signal){.symbol = (uint32_t)number,
                                                   .kind = (uint32_t)kind,
                                                   .order = (uint32_t)v->n_signals,
                                                   .value = score,
                                                   .score = score,
                                                   .strength = ((const double *)strengths.buf)[i],
                                                   .target_position = ((const double *)targets.buf)[i]};
        v->n_signals++;
    }
    PyBuffer_Release(&symbols);
    PyBuffer_Release(&scores);
    PyBuffer_Release(&strengths);
    PyBuffer_Release(&targets);
    return ok ? native_new_ref(Py_None) : NULL;
}

static PyObject *index_of(PyObject *self, PyObject *symbol) {
    Py_ssize_t number = symbol_of((native_view *)self, symbol);
    return number < 0 ? NULL : PyLong_FromSsize_t(number);
}

static PyGetSetDef view_getters[] = {
    {"timestamp_us", get_timestamp_us, NULL, "Microseconds since 1970 of this bar.", NULL},
    {"known_until_us", get_known_until_us, NULL, "What is stamped before this is known.", NULL},
    {"symbols", get_symbols, NULL, "Names, in the order of all arrays.", NULL},
    {"open", get_column, NULL, "Raw opens of this bar.", (void *)ASSAY_COLUMN_OPEN},
    {"high", get_column, NULL, "Raw highs of this bar.", (void *)ASSAY_COLUMN_HIGH},
    {"low", get_column, NULL, "Raw lows of this bar.", (void *)ASSAY_COLUMN_LOW},
    {"close", get_column, NULL, "Raw closes of this bar; NaN: no bar of its own.",
     (void *)ASSAY_COLUMN_CLOSE},
    {"volume", get_column, NULL, "Volumes of this bar.", (void *)ASSAY_COLUMN_VOLUME},
    {"cash", get_cash, NULL, "Cash of the book.", NULL},
    {"equity", get_equity, NULL, "Equity of the book, marked at this close.", NULL},
    {"times_asked", get_times_asked, NULL, "How often the strategy was asked before.", NULL},
    {"positions", get_positions, NULL, "Signed quantities held.", NULL},
    {"bars_held", get_bars_held, NULL, "Own bars since the entry; NaN: not held.", NULL},
    {"unrealised_return", get_unrealised_return, NULL, "Mark over what was paid, less 1; NaN: not held.",
     NULL},
    {"own_bars", get_own_bars, NULL, "Own bars of each symbol so far.", NULL},
    {"in_universe", get_in_universe, NULL, "1 where a symbol is in the universe of the day.", NULL},
    {"sectors", get_sectors, NULL, "Sector of each symbol as of this bar, or None.", NULL},
    {0},
};

static PyMethodDef view_methods[] = {
    {"feature", feature, METH_O, "Values of a declared feature at this bar."},
    {"index", index_of, METH_O, "The number of a symbol."},
    {"_history", history, METH_VARARGS, NULL},
    {"_emit", emit, METH_VARARGS, NULL},
    {"_emit_rows", emit_rows, METH_VARARGS, NULL},
    {0},
};

PyTypeObject native_view_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "assay._native.View",
    .tp_basicsize = sizeof(native_view),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_dealloc = view_dealloc,
    .tp_getset = view_getters,
    .tp_methods = view_methods,
};
