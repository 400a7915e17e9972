/* What came of a run: its records as memory, its texts, its tables in a database, its tearsheet. */
#include <stddef.h>

#include "native.h"

static PyObject *records(PyObject *self, PyObject *name) {
    const assay_result *result = ((native_run_object *)self)->run.result;
    const char *text = PyUnicode_AsUTF8(name);
    size_t n = 0;
    if (text == NULL)
        return NULL;
    if (strcmp(text, "signals") == 0) {
        const assay_signal *rows = assay_result_signals(result, &n);
        return native_bytes_of(self, rows, n * sizeof *rows);
    }
    if (strcmp(text, "fills") == 0) {
        const assay_fill *rows = assay_result_fills(result, &n);
        return native_bytes_of(self, rows, n * sizeof *rows);
    }
    if (strcmp(text, "trades") == 0) {
        const assay_trade *rows = assay_result_trades(result, &n);
        return native_bytes_of(self, rows, n * sizeof *rows);
    }
    if (strcmp(text, "snapshots") == 0) {
        const assay_snapshot *rows = assay_result_snapshots(result, &n);
        return native_bytes_of(self, rows, n * sizeof *rows);
    }
    return native_fail(ASSAY_E_ARGUMENT, "no records %R: signals, fills, trades, snapshots", name);
}

static PyObject *get_timestamps(PyObject *self, void *unused) {
    const assay_panel *panel = ((native_run_object *)self)->run.panel;
    (void)unused;
    return native_bytes_of(self, assay_panel_timestamps(panel), assay_panel_n_bars(panel) * sizeof(int64_t));
}

static PyObject *get_symbols(PyObject *self, void *unused) {
    (void)unused;
    return native_new_ref(((native_run_object *)self)->symbols);
}

static PyObject *get_metrics(PyObject *self, void *unused) {
    const assay_result *result = ((native_run_object *)self)->run.result;
    const double *values = assay_result_metrics(result);
    PyObject *metrics = PyDict_New();
    (void)unused;
    for (size_t i = 0; i < assay_result_n_metrics(result) && metrics != NULL; i++) {
        PyObject *value = PyFloat_FromDouble(values[i]);
        if (value == NULL || PyDict_SetItemString(metrics, assay_run_metric_at(i)->name, value) != 0)
            Py_CLEAR(metrics);
        Py_XDECREF(value);
    }
    return metrics;
}

static PyObject *get_text(PyObject *self, void *offset) {
    char *text = *(char **)(void *)((char *)self + (uintptr_t)offset);
    return PyUnicode_FromString(text == NULL ? "" : text);
}

static PyObject *get_run_id(PyObject *self, void *unused) {
    (void)unused;
    return PyUnicode_FromString(((native_run_object *)self)->run.run_id);
}

static PyObject *get_strategy_name(PyObject *self, void *unused) {
    (void)unused;
    return PyUnicode_FromString(((native_run_object *)self)->request.strategies.strategy->name);
}

static PyObject *get_duration_ms(PyObject *self, void *unused) {
    (void)unused;
    return PyLong_FromLongLong(((native_run_object *)self)->run.duration_ms);
}

static PyObject *get_frequency(PyObject *self, void *unused) {
    (void)unused;
    return PyUnicode_FromString(((native_run_object *)self)->frequency);
}

static PyObject *get_fingerprint(PyObject *self, void *unused) {
    char hex[33];
    (void)unused;
    assay_panel_fingerprint(((native_run_object *)self)->run.panel, hex);
    return PyUnicode_FromString(hex);
}

static PyObject *get_warnings(PyObject *self, void *unused) {
    uint32_t warnings = assay_result_warnings(((native_run_object *)self)->run.result);
    PyObject *list = PyList_New(0);
    (void)unused;
    for (uint32_t bit = 0; bit < ASSAY_N_WARNINGS && list != NULL; bit++) {
        if ((warnings & (1u << bit)) == 0)
            continue;
        PyObject *item = Py_BuildValue("(ss)", assay_warning_name(1u << bit), assay_warning_text(1u << bit));
        if (item == NULL || PyList_Append(list, item) != 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

/* name, signal_type, action of every kind; names of strategies, of enumerations. */
static PyObject *get_kinds(PyObject *self, void *unused) {
    const assay_strategy *s = ((native_run_object *)self)->request.strategies.strategy;
    PyObject *list = PyList_New((Py_ssize_t)s->n_kinds);
    (void)unused;
    for (uint32_t i = 0; i < s->n_kinds && list != NULL; i++) {
        PyObject *text = PyUnicode_FromString(s->kinds[i].signal_type);
        if (text == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, text);
    }
    return list;
}

static PyObject *get_strategies(PyObject *self, void *unused) {
    const assay_result *result = ((native_run_object *)self)->run.result;
    size_t n;
    const assay_strategy_result *rows = assay_result_strategies(result, &n);
    PyObject *list = PyList_New(0);
    (void)unused;
    for (size_t i = 0; i < n && list != NULL; i++) {
        PyObject *item = Py_BuildValue("{s:s,s:n,s:n,s:d,s:d,s:d,s:d}", "name", rows[i].name, "signals",
                                       (Py_ssize_t)rows[i].n_signals, "trades", (Py_ssize_t)rows[i].n_trades,
                                       "closed_pnl", rows[i].closed_pnl, "open_pnl", rows[i].open_pnl,
                                       "capital", rows[i].capital, "equity", rows[i].equity);
        if (item == NULL || PyList_Append(list, item) != 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

/* strategy_name(i): also of the vote, one behind the last. */
static PyObject *strategy_name(PyObject *self, PyObject *number) {
    size_t i = PyLong_AsSize_t(number);
    if (i == (size_t)-1 && PyErr_Occurred() != NULL)
        return NULL;
    return PyUnicode_FromString(assay_result_strategy_name(((native_run_object *)self)->run.result, i));
}

/* reasons(numbers int64): the reason of each of these signals. */
static PyObject *reasons(PyObject *self, PyObject *numbers) {
    native_run_object *r = (native_run_object *)self;
    Py_buffer buffer;
    size_t n_signals;
    const assay_signal *signals = assay_result_signals(r->run.result, &n_signals);
    if (PyObject_GetBuffer(numbers, &buffer, PyBUF_C_CONTIGUOUS) != 0)
        return NULL;
    size_t n = (size_t)buffer.len / sizeof(int64_t);
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (size_t i = 0; i < n && list != NULL; i++) {
        int64_t at = ((const int64_t *)buffer.buf)[i];
        char text[512] = "";
        if (at >= 0 && (uint64_t)at < n_signals)
            assay_signal_reason(r->request.strategies.strategy, &signals[at], text, sizeof text);
        PyObject *item = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
        if (item == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    }
    PyBuffer_Release(&buffer);
    return list;
}

/* The canonical text of a setting or parameter. */
static PyObject *setting(PyObject *self, PyObject *name) {
    char text[4096];
    assay_error err = {0};
    const char *key = PyUnicode_AsUTF8(name);
    if (key == NULL)
        return NULL;
    if (assay_config_get(((native_run_object *)self)->request.config, key, text, sizeof text, &err) !=
        ASSAY_OK)
        return native_raise(&err);
    return PyUnicode_FromString(text);
}

/* save(db, run_id): writes the run's tables, as `assay run` does; the folder is made where there is none. */
static PyObject *save(PyObject *self, PyObject *args) {
    native_run_object *r = (native_run_object *)self;
    const char *db, *run_id;
    assay_error err = {0};
    assay_store *store = NULL;
    assay_status status;
    if (!PyArg_ParseTuple(args, "ss", &db, &run_id))
        return NULL;
    if (!cli_is_run_id(run_id))
        return native_fail(
            ASSAY_E_ARGUMENT,
            "run_id '%s': 1 to 128 letters, digits, '.', '_' and '-', beginning with a letter or digit",
            run_id);
    Py_BEGIN_ALLOW_THREADS status = assay_store_open(db, true, 0, &store, &err);
    if (status == ASSAY_OK)
        status = cli_run_store(store, &r->run, run_id, &err);
    assay_store_close(store);
    Py_END_ALLOW_THREADS return status == ASSAY_OK ? native_new_ref(Py_None) : native_raise(&err);
}

/* document(is_page): the tearsheet, as JSON or as an HTML page. */
static PyObject *document(PyObject *self, PyObject *is_page) {
    native_run_object *r = (native_run_object *)self;
    char fingerprint[33], *json = NULL, *page = NULL;
    size_t json_size = 0, page_size = 0;
    bool wants_page = PyObject_IsTrue(is_page) == 1, is_whole = false;
    assay_error err = {0};
    assay_status status = ASSAY_E_NOMEM;
    Py_BEGIN_ALLOW_THREADS assay_panel_fingerprint(r->run.panel, fingerprint);
    const assay_document_spec spec = {.run_id = r->run.run_id,
                                      .config_json = r->run.config_json,
                                      .parameters_json = r->run.parameters_json,
                                      .data_fingerprint = fingerprint,
                                      .data_fingerprint_then = fingerprint};
    FILE *out = open_memstream(&json, &json_size);
    if (out != NULL) {
        status = assay_report_document(r->run.result, &spec, out, &err);
        is_whole = fclose(out) == 0;
    }
    if (status == ASSAY_OK && is_whole && wants_page) {
        out = open_memstream(&page, &page_size);
        if (out != NULL)
            assay_report_page(json, out);
        is_whole = out != NULL && fclose(out) == 0;
    }
    Py_END_ALLOW_THREADS PyObject *text = NULL;
    if (status == ASSAY_OK && is_whole)
        text = PyUnicode_DecodeUTF8(wants_page ? page : json,
                                    (Py_ssize_t)(wants_page ? page_size : json_size), "replace");
    else if (status != ASSAY_OK && err.status != ASSAY_OK)
        (void)native_raise(&err);
    else
        (void)PyErr_NoMemory();
    free(json);
    free(page);
    return text;
}

/* positions(symbols uint32, quantity, value): fills both (bars x symbols, float64) with what was held at each close. */
static PyObject *positions(PyObject *self, PyObject *args) {
    const assay_result *result = ((native_run_object *)self)->run.result;
    Py_buffer symbols, quantity, value;
    size_t n_bars;
    assay_error err = {0};
    if (!PyArg_ParseTuple(args, "y*w*w*", &symbols, &quantity, &value))
        return NULL;
    (void)assay_result_snapshots(result, &n_bars);
    size_t n_symbols = (size_t)symbols.len / sizeof(uint32_t);
    size_t n_bytes = n_bars * n_symbols * sizeof(double);
    bool fits = (size_t)quantity.len == n_bytes && (size_t)value.len == n_bytes;
    assay_status status = ASSAY_OK;
    if (fits) {
        Py_BEGIN_ALLOW_THREADS status =
            assay_result_positions(result, symbols.buf, n_symbols, quantity.buf, value.buf, &err);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&symbols);
    PyBuffer_Release(&quantity);
    PyBuffer_Release(&value);
    if (!fits)
        return PyErr_Format(PyExc_ValueError,
                            "positions: both arrays must be %zu bars x %zu symbols of float64", n_bars,
                            n_symbols);
    return status == ASSAY_OK ? native_new_ref(Py_None) : native_raise(&err);
}

static PyGetSetDef run_getters[] = {
    {"symbols", get_symbols, NULL, "Names in byte order.", NULL},
    {"timestamps", get_timestamps, NULL, "Microseconds since 1970 of every bar of the data.", NULL},
    {"metrics", get_metrics, NULL, "Values by name; undefined is NaN.", NULL},
    {"run_id", get_run_id, NULL, "STRATEGY-HASH of data and configuration.", NULL},
    {"strategy", get_strategy_name, NULL, "The name of what was run.", NULL},
    {"config_json", get_text, NULL, "Everything needed to run it again.",
     (void *)offsetof(native_run_object, run.config_json)},
    {"parameters_json", get_text, NULL, "The parameters of the strategy.",
     (void *)offsetof(native_run_object, run.parameters_json)},
    {"duration_ms", get_duration_ms, NULL, "How long it took.", NULL},
    {"frequency", get_frequency, NULL, "Of the bars, or empty.", NULL},
    {"fingerprint", get_fingerprint, NULL, "32 hex digits of the data.", NULL},
    {"warnings", get_warnings, NULL, "(name, sentence) of each.", NULL},
    {"kinds", get_kinds, NULL, "signal_type of each kind.", NULL},
    {"strategies", get_strategies, NULL, "What each strategy brought.", NULL},
    {0},
};

static PyMethodDef run_methods[] = {
    {"records", records, METH_O, "The memory of the signals, fills, trades or snapshots."},
    {"strategy_name", strategy_name, METH_O, "The name of a record's strategy."},
    {"reasons", reasons, METH_O, "The reasons of signals."},
    {"setting", setting, METH_O, "The text of a setting or parameter."},
    {"positions", positions, METH_VARARGS, "Shares held and their value at each close."},
    {"document", document, METH_O, "The tearsheet as JSON, or as an HTML page."},
    {"save", save, METH_VARARGS, "Writes the tables of the run into a database."},
    {0},
};

PyTypeObject native_run_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "assay._native.Run",
    .tp_basicsize = sizeof(native_run_object),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = native_run_dealloc,
    .tp_getset = run_getters,
    .tp_methods = run_methods,
};
