/* Markets: rows of arrays to a panel, names of symbols to numbers. */
#include "market/panel.h"
#include "base/number.h"
#include "native.h"

/* --- buffers --- */

typedef struct array {
    Py_buffer buffer;
    bool is_held;
} array;

/* A C-contiguous array of n items of a size; None: NULL. n < 0: any number. False with an exception set. */
static bool take(PyObject *object, const char *what, size_t item_size, Py_ssize_t n, array *out) {
    out->is_held = false;
    out->buffer.buf = NULL;
    if (object == NULL || object == Py_None)
        return true;
    if (PyObject_GetBuffer(object, &out->buffer, PyBUF_C_CONTIGUOUS) != 0)
        return false;
    out->is_held = true;
    if (out->buffer.itemsize != (Py_ssize_t)item_size ||
        (n >= 0 && out->buffer.len != n * (Py_ssize_t)item_size)) {
        PyErr_Format(PyExc_ValueError, "%s has %zd bytes of items of %zd, expected %zd items of %zu", what,
                     out->buffer.len, out->buffer.itemsize, n, item_size);
        return false;
    }
    return true;
}

static void give_back(array *a) {
    if (a->is_held)
        PyBuffer_Release(&a->buffer);
    a->is_held = false;
}

/* --- the type --- */

PyObject *native_symbols_of(const assay_panel *panel) {
    size_t n = assay_panel_n_symbols(panel);
    PyObject *symbols = PyTuple_New((Py_ssize_t)n);
    for (size_t s = 0; symbols != NULL && s < n; s++) {
        const char *name = assay_panel_symbol(panel, s);
        PyObject *text = PyUnicode_DecodeUTF8(name, (Py_ssize_t)strlen(name), "surrogateescape");
        if (text == NULL) {
            Py_DECREF(symbols);
            return NULL;
        }
        PyUnicode_InternInPlace(&text);
        PyTuple_SET_ITEM(symbols, (Py_ssize_t)s, text);
    }
    return symbols;
}

/* NULL with an exception set: it was lent, and is gone. */
static assay_panel *panel_of(PyObject *self) {
    assay_panel *panel = ((native_panel *)self)->panel;
    if (panel == NULL)
        PyErr_SetString(PyExc_RuntimeError, "this panel is gone: it could be used during the call only");
    return panel;
}

native_panel *native_panel_create(assay_panel *panel, bool is_lent) {
    native_panel *self = PyObject_New(native_panel, &native_panel_type);
    if (self == NULL) {
        if (!is_lent)
            assay_panel_destroy(panel);
        return NULL;
    }
    self->panel = panel;
    self->is_lent = is_lent;
    self->symbols = native_symbols_of(panel);
    if (self->symbols == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return self;
}

void native_panel_end(native_panel *panel) {
    if (panel->is_lent)
        panel->panel = NULL;
    Py_DECREF((PyObject *)panel);
}

static void panel_dealloc(PyObject *self) {
    native_panel *p = (native_panel *)self;
    if (!p->is_lent)
        assay_panel_destroy(p->panel);
    Py_XDECREF(p->symbols);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *get_n_bars(PyObject *self, void *unused) {
    const assay_panel *panel = panel_of(self);
    (void)unused;
    return panel == NULL ? NULL : PyLong_FromSize_t(assay_panel_n_bars(panel));
}

static PyObject *get_symbols(PyObject *self, void *unused) {
    (void)unused;
    return native_new_ref(((native_panel *)self)->symbols);
}

static PyObject *get_timestamps(PyObject *self, void *unused) {
    const assay_panel *panel = panel_of(self);
    (void)unused;
    if (panel == NULL)
        return NULL;
    if (((native_panel *)self)->is_lent) /* memory that goes: a copy */
        return PyBytes_FromStringAndSize((const char *)assay_panel_timestamps(panel),
                                         (Py_ssize_t)(assay_panel_n_bars(panel) * sizeof(int64_t)));
    return native_bytes_of(self, assay_panel_timestamps(panel), assay_panel_n_bars(panel) * sizeof(int64_t));
}

/* The ends of all bars, from when on each is known. */
static PyObject *get_bar_ends(PyObject *self, void *unused) {
    const assay_panel *panel = panel_of(self);
    (void)unused;
    if (panel == NULL)
        return NULL;
    size_t n = assay_panel_n_bars(panel);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(n * sizeof(int64_t)));
    for (size_t t = 0; bytes != NULL && t < n; t++) {
        int64_t end = assay_panel_bar_end_us(panel, t);
        memcpy(PyBytes_AS_STRING(bytes) + t * sizeof end, &end, sizeof end);
    }
    return bytes;
}

/* row_block(column): n_bars x n_symbols raw values, by bar and symbol; NaN where there is none. */
static PyObject *row_block(PyObject *self, PyObject *number) {
    const assay_panel *panel = panel_of(self);
    if (panel == NULL)
        return NULL;
    size_t n_bars = assay_panel_n_bars(panel), n = assay_panel_n_symbols(panel);
    long column = PyLong_AsLong(number);
    if (column == -1 && PyErr_Occurred() != NULL)
        return NULL;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(n_bars * n * sizeof(double)));
    for (size_t t = 0; bytes != NULL && t < n_bars; t++) {
        double *to = (double *)(void *)(PyBytes_AS_STRING(bytes) + t * n * sizeof(double));
        const double *row = assay_panel_row(panel, (int)column, t);
        if (row != NULL)
            memcpy(to, row, n * sizeof *to);
        for (size_t s = 0; row == NULL && s < n; s++)
            to[s] = ASSAY_NAN;
    }
    return bytes;
}

static PyObject *get_fingerprint(PyObject *self, void *unused) {
    char hex[33];
    const assay_panel *panel = panel_of(self);
    (void)unused;
    if (panel == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS assay_panel_fingerprint(panel, hex);
    Py_END_ALLOW_THREADS return PyUnicode_FromString(hex);
}

static PyObject *get_has_events(PyObject *self, void *unused) {
    const assay_panel *panel = panel_of(self);
    (void)unused;
    return panel == NULL ? NULL : PyBool_FromLong(assay_panel_has_events(panel));
}

/* A list of (bar, symbol, split ratio, dividend), in their order. */
static PyObject *get_events(PyObject *self, void *unused) {
    const assay_panel *panel = panel_of(self);
    PyObject *list = panel == NULL ? NULL : PyList_New(0);
    (void)unused;
    for (size_t i = 0; list != NULL && i < panel->n_events; i++) {
        const assay_panel_event *event = &panel->event[i];
        PyObject *item =
            Py_BuildValue("IIdd", event->bar, event->symbol, event->split_ratio, event->dividend);
        if (item == NULL || PyList_Append(list, item) != 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

static PyObject *set_sectors(PyObject *self, PyObject *sectors) {
    assay_panel *panel = panel_of(self);
    if (panel == NULL)
        return NULL;
    size_t n = assay_panel_n_symbols(panel);
    if (!PyList_Check(sectors) || (size_t)PyList_GET_SIZE(sectors) != n)
        return PyErr_Format(PyExc_TypeError, "sectors must be a list of %zu names", n);
    const char **name = PyMem_Calloc(n + 1, sizeof *name);
    if (name == NULL)
        return PyErr_NoMemory();
    bool ok = true;
    for (size_t s = 0; s < n && ok; s++) {
        PyObject *item = PyList_GET_ITEM(sectors, (Py_ssize_t)s);
        name[s] = item == Py_None ? NULL : PyUnicode_AsUTF8(item);
        ok = item == Py_None || name[s] != NULL;
    }
    assay_error err = {0};
    assay_status status = ok ? assay_panel_set_sectors(panel, name, &err) : ASSAY_OK;
    PyMem_Free(name);
    if (!ok)
        return NULL;
    return status == ASSAY_OK ? native_new_ref(Py_None) : native_raise(&err);
}

static PyObject *set_benchmark(PyObject *self, PyObject *args) {
    assay_panel *panel = panel_of(self);
    PyObject *other;
    const char *name;
    if (panel == NULL || !PyArg_ParseTuple(args, "O!s", &native_panel_type, &other, &name))
        return NULL;
    const assay_panel *benchmark = panel_of(other);
    if (benchmark == NULL)
        return NULL;
    assay_error err = {0};
    size_t symbol = 0;
    if (!assay_panel_find_symbol(benchmark, name, &symbol)) {
        (void)assay_error_set(&err, ASSAY_E_NOT_FOUND, "benchmark: there is no symbol '%s'", name);
        return native_raise(&err);
    }
    assay_status status = assay_panel_set_benchmark(panel, benchmark, symbol, &err);
    return status == ASSAY_OK ? native_new_ref(Py_None) : native_raise(&err);
}

static PyObject *add_column(PyObject *self, PyObject *args) {
    assay_panel *panel = panel_of(self);
    PyObject *values;
    const char *name;
    array a;
    if (panel == NULL || !PyArg_ParseTuple(args, "sO", &name, &values))
        return NULL;
    size_t n = assay_panel_n_bars(panel) * assay_panel_n_symbols(panel);
    bool ok = take(values, name, sizeof(double), (Py_ssize_t)n, &a);
    assay_error err = {0};
    assay_status status =
        ok && a.is_held ? assay_panel_add_column(panel, name, a.buffer.buf, &err) : ASSAY_OK;
    give_back(&a);
    if (!ok)
        return NULL;
    return status == ASSAY_OK ? native_new_ref(Py_None) : native_raise(&err);
}

static PyGetSetDef panel_getters[] = {
    {"n_bars", get_n_bars, NULL, "Times that some symbol has a bar at.", NULL},
    {"symbols", get_symbols, NULL, "Names in byte order.", NULL},
    {"timestamps", get_timestamps, NULL, "Microseconds since 1970, one a bar, as bytes of int64.", NULL},
    {"bar_ends", get_bar_ends, NULL,
     "Microseconds since 1970 from which on each bar is known, as bytes of int64.", NULL},
    {"fingerprint", get_fingerprint, NULL, "32 hex digits that any change of the data changes.", NULL},
    {"has_events", get_has_events, NULL, "Whether there is a split or a dividend.", NULL},
    {"events", get_events, NULL, "Splits and dividends: (bar, symbol, ratio, dividend) each.", NULL},
    {0},
};

static PyMethodDef panel_methods[] = {
    {"set_sectors", set_sectors, METH_O, "A sector, or None, for each symbol."},
    {"set_benchmark", set_benchmark, METH_VARARGS, "The market to compare with: a symbol of a panel."},
    {"row_block", row_block, METH_O,
     "The raw values of a price column by bar and symbol, as bytes of float64."},
    {"add_column", add_column, METH_VARARGS, "A further column: n_bars x n_symbols float64."},
    {0},
};

PyTypeObject native_panel_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "assay._native.Panel",
    .tp_basicsize = sizeof(native_panel),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = panel_dealloc,
    .tp_getset = panel_getters,
    .tp_methods = panel_methods,
};

/* --- building one --- */

enum { SYMBOL, TIME, OPEN, HIGH, LOW, CLOSE, VOLUME, DIVIDEND, SPLIT, VERSION, N_ARRAYS };

static const char *const ARRAY_NAMES[N_ARRAYS] = {
    "symbols", "timestamps", "open", "high", "low", "close", "volume", "dividend", "split_ratio", "version"};

/* The distinct times of rows, ascending; NULL: out of memory. Rows in order of time are the common case. */
static int compare_times(const void *left, const void *right) {
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static int64_t *distinct_times(const int64_t *time, size_t n, size_t *out_n) {
    size_t capacity = 1024, used = 0;
    int64_t *table = malloc(capacity * sizeof *table);
    bool *is_used = calloc(capacity, sizeof *is_used);
    for (size_t i = 0; i < n && table != NULL && is_used != NULL; i++) {
        if (i > 0 && time[i] == time[i - 1])
            continue;
        if (2 * used >= capacity) { /* twice as large */
            int64_t *larger = malloc(2 * capacity * sizeof *larger);
            bool *flags = calloc(2 * capacity, sizeof *flags);
            for (size_t k = 0; k < capacity && larger != NULL && flags != NULL; k++) {
                if (!is_used[k])
                    continue;
                size_t at = ((uint64_t)table[k] * 0x9E3779B97F4A7C15u >> 20) & (2 * capacity - 1);
                while (flags[at])
                    at = (at + 1) & (2 * capacity - 1);
                larger[at] = table[k];
                flags[at] = true;
            }
            free(table);
            free(is_used);
            table = larger;
            is_used = flags;
            capacity *= 2;
            if (table == NULL || is_used == NULL)
                break;
        }
        size_t at = ((uint64_t)time[i] * 0x9E3779B97F4A7C15u >> 20) & (capacity - 1);
        while (is_used[at] && table[at] != time[i])
            at = (at + 1) & (capacity - 1);
        used += !is_used[at];
        is_used[at] = true;
        table[at] = time[i];
    }
    size_t kept = 0;
    for (size_t k = 0; k < capacity && table != NULL && is_used != NULL; k++) {
        if (is_used[k])
            table[kept++] = table[k];
    }
    free(is_used);
    if (table != NULL)
        qsort(table, kept, sizeof *table, compare_times);
    *out_n = kept;
    return table;
}

typedef struct building {
    const char **name;
    size_t *name_size;
    size_t n_names;
    assay_panel_rows rows;
    assay_panel_options options;
} building;

static assay_status build_from(const building *b, bool is_direct, assay_panel **out_panel,
                               assay_panel_report *out_report, assay_error *err) {
    assay_panel_builder *builder = NULL;
    uint32_t id;
    assay_status status = assay_panel_builder_create(&builder, err);
    for (size_t i = 0; i < b->n_names && status == ASSAY_OK; i++)
        status = assay_panel_builder_symbol(builder, b->name[i], b->name_size[i], &id, err);
    if (status == ASSAY_OK && is_direct) {
        size_t n_times = 0;
        int64_t *times = distinct_times(b->rows.timestamp_us, b->rows.n_rows, &n_times);
        status = times == NULL
                     ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu rows", b->rows.n_rows)
                     : assay_panel_builder_expect(builder, times, n_times, err);
        free(times);
    }
    if (status == ASSAY_OK)
        status = assay_panel_builder_add_rows(builder, &b->rows, err);
    if (status == ASSAY_OK)
        status = assay_panel_builder_finish(builder, &b->options, out_panel, out_report, err);
    assay_panel_builder_destroy(builder);
    return status;
}

/* Clean rows go straight to their cells; what is refused there is built with all that a builder can do, and its errors. */
static assay_status build(const building *b, assay_panel **out_panel, assay_panel_report *out_report,
                          assay_error *err) {
    assay_error first = {0};
    if (b->rows.n_rows == 0)
        return assay_error_set(err, ASSAY_E_DATA, "the prices have no row");
    assay_status status = build_from(b, true, out_panel, out_report, &first);
    return status == ASSAY_E_DATA ? build_from(b, false, out_panel, out_report, err)
           : status == ASSAY_OK   ? status
                                  : assay_error_set(err, status, "%s", first.message);
}

static bool take_names(PyObject *names, building *b) {
    Py_ssize_t n = PyList_GET_SIZE(names);
    b->name = PyMem_Calloc((size_t)n + 1, sizeof *b->name);
    b->name_size = PyMem_Calloc((size_t)n + 1, sizeof *b->name_size);
    if (b->name == NULL || b->name_size == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        Py_ssize_t size;
        b->name[i] = PyUnicode_AsUTF8AndSize(PyList_GET_ITEM(names, i), &size);
        if (b->name[i] == NULL)
            return false;
        b->name_size[i] = (size_t)size;
    }
    b->n_names = (size_t)n;
    return true;
}

static bool take_rows(PyObject *const *object, array *arrays, building *b) {
    if (!take(object[TIME], ARRAY_NAMES[TIME], sizeof(int64_t), -1, &arrays[TIME]))
        return false;
    if (!arrays[TIME].is_held || object[SYMBOL] == Py_None || object[CLOSE] == Py_None) {
        PyErr_SetString(PyExc_ValueError, "symbols, timestamps and close are needed");
        return false;
    }
    Py_ssize_t n = arrays[TIME].buffer.len / (Py_ssize_t)sizeof(int64_t);
    for (int i = 0; i < N_ARRAYS; i++) {
        if (i != TIME &&
            !take(object[i], ARRAY_NAMES[i], i == SYMBOL ? sizeof(uint32_t) : sizeof(double), n, &arrays[i]))
            return false;
    }
    const uint32_t *symbol = arrays[SYMBOL].buffer.buf;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (symbol[i] >= b->n_names) {
            PyErr_Format(PyExc_ValueError, "row %zd has symbol %u, but there are %zu names", i, symbol[i],
                         b->n_names);
            return false;
        }
    }
    b->rows = (assay_panel_rows){.n_rows = (size_t)n,
                                 .symbol = symbol,
                                 .timestamp_us = arrays[TIME].buffer.buf,
                                 .dividend = arrays[DIVIDEND].buffer.buf,
                                 .split_ratio = arrays[SPLIT].buffer.buf,
                                 .version_us = arrays[VERSION].buffer.buf};
    for (int c = 0; c < ASSAY_N_PRICE_COLUMNS; c++)
        b->rows.column[c] = arrays[OPEN + c].buffer.buf;
    return true;
}

PyObject *native_panel_build(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"names",   "symbols",     "timestamps",    "open",          "high",
                            "low",     "close",       "volume",        "dividend",      "split_ratio",
                            "version", "on_bad_data", "signal_prices", "fill_gap_bars", NULL};
    PyObject *list, *object[N_ARRAYS];
    int on_bad_data = 0, signal_prices = 0;
    Py_ssize_t fill_gap_bars = 0;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O!OOOOOOOOOO|iin", names, &PyList_Type, &list,
                                     &object[0], &object[1], &object[2], &object[3], &object[4], &object[5],
                                     &object[6], &object[7], &object[8], &object[9], &on_bad_data,
                                     &signal_prices, &fill_gap_bars))
        return NULL;
    array arrays[N_ARRAYS] = {0};
    building b = {
        .options = {(assay_bad_data)on_bad_data, (assay_signal_prices)signal_prices, (size_t)fill_gap_bars}};
    assay_panel *panel = NULL;
    assay_panel_report report = {0};
    assay_error err = {0};
    assay_status status = ASSAY_OK;
    bool ok = take_names(list, &b) && take_rows(object, arrays, &b);
    if (ok) {
        Py_BEGIN_ALLOW_THREADS status = build(&b, &panel, &report, &err);
        Py_END_ALLOW_THREADS
    }
    for (int i = 0; i < N_ARRAYS; i++)
        give_back(&arrays[i]);
    PyMem_Free(b.name);
    PyMem_Free(b.name_size);
    if (!ok || status != ASSAY_OK)
        return ok ? native_raise(&err) : NULL;
    native_panel *self = native_panel_create(panel, false);
    if (self == NULL)
        return NULL;
    return Py_BuildValue("N{s:n,s:n,s:n,s:n}", self, "n_rows", (Py_ssize_t)report.n_rows, "n_replaced",
                         (Py_ssize_t)report.n_replaced, "n_dropped", (Py_ssize_t)report.n_dropped,
                         "n_without_close", (Py_ssize_t)report.n_without_close);
}

/* --- names to numbers --- */

typedef struct seen {
    PyObject *object;
    uint32_t code;
} seen;

/* An array of objects (texts), and where to write: returns the distinct texts in order of first appearance. Most rows share
 * their text objects, so that nearly all of it is a look at a small table of addresses. */
PyObject *native_codes(PyObject *module, PyObject *args) {
    enum { N_SEEN = 4096 };
    PyObject *objects, *codes;
    (void)module;
    if (!PyArg_ParseTuple(args, "OO", &objects, &codes))
        return NULL;
    Py_buffer from, to;
    if (PyObject_GetBuffer(objects, &from, PyBUF_STRIDES | PyBUF_FORMAT) != 0)
        return NULL;
    if (PyObject_GetBuffer(codes, &to, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE) != 0) {
        PyBuffer_Release(&from);
        return NULL;
    }
    PyObject *numbers = PyDict_New(), *names = PyList_New(0), *last = NULL;
    seen *table = PyMem_Calloc(N_SEEN, sizeof *table);
    bool ok = numbers != NULL && names != NULL && table != NULL && from.ndim == 1 && from.format != NULL &&
              strcmp(from.format, "O") == 0 && to.itemsize == 4 && to.len / 4 == from.shape[0];
    if (!ok && PyErr_Occurred() == NULL)
        PyErr_SetString(PyExc_ValueError,
                        "codes() takes a 1-d array of objects and a uint32 array of its length");
    uint32_t *out = to.buf, code = 0;
    for (Py_ssize_t i = 0; ok && i < from.shape[0]; i++) {
        PyObject *name = *(PyObject **)(void *)((char *)from.buf + i * from.strides[0]);
        if (name == NULL)
            name = Py_None;
        if (name != last) {
            seen *entry = &table[((uintptr_t)name >> 4) & (N_SEEN - 1)];
            if (entry->object != name) {
                if (!PyUnicode_Check(name)) {
                    PyErr_Format(PyExc_TypeError, "row %zd: a symbol must be a text, not %R", i, name);
                    ok = false;
                    break;
                }
                PyObject *number = PyDict_GetItemWithError(numbers, name);
                if (number == NULL) {
                    code = (uint32_t)PyList_GET_SIZE(names);
                    number = PyLong_FromUnsignedLong(code);
                    ok = number != NULL && PyDict_SetItem(numbers, name, number) == 0 &&
                         PyList_Append(names, name) == 0;
                    Py_XDECREF(number);
                } else {
                    code = (uint32_t)PyLong_AsUnsignedLong(number);
                }
                *entry = (seen){name, code};
            }
            code = entry->code;
            last = name;
        }
        out[i] = code;
    }
    PyMem_Free(table);
    Py_XDECREF(numbers);
    PyBuffer_Release(&from);
    PyBuffer_Release(&to);
    if (!ok)
        Py_CLEAR(names);
    return names;
}

/* --- coarser bars --- */

/* resample_panel(panel, settings): the bars that the settings ask for, None where they ask for none. */
PyObject *native_resample(PyObject *module, PyObject *args) {
    PyObject *object, *settings, *key, *value;
    Py_ssize_t at = 0;
    (void)module;
    if (!PyArg_ParseTuple(args, "O!O!", &native_panel_type, &object, &PyDict_Type, &settings))
        return NULL;
    const assay_panel *panel = panel_of(object);
    assay_config *config = NULL;
    assay_panel *made = NULL;
    assay_error err = {0};
    assay_bars_spec bars;
    assay_status status =
        panel == NULL ? ASSAY_E_ARGUMENT : assay_config_create(assay_strategy_at(0), &config, &err);
    while (status == ASSAY_OK && PyDict_Next(settings, &at, &key, &value)) {
        const char *name = PyUnicode_AsUTF8(key), *text = name == NULL ? NULL : PyUnicode_AsUTF8(value);
        status = text == NULL ? ASSAY_E_ARGUMENT : assay_config_set(config, name, text, &err);
    }
    bool makes_bars = status == ASSAY_OK && assay_config_bars(config, &bars);
    if (makes_bars) {
        Py_BEGIN_ALLOW_THREADS status = assay_panel_resample(panel, &bars, &made, &err);
        Py_END_ALLOW_THREADS
    }
    assay_config_destroy(config);
    if (status != ASSAY_OK)
        return native_raise(&err);
    return makes_bars ? (PyObject *)native_panel_create(made, false) : native_new_ref(Py_None);
}
