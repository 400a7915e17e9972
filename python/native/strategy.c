/* Strategies of the library: built-in ones, rules, plugins (by what names them), and ready signals. */
#include "native.h" /* first: Python.h says which extensions of the system's headers there are */

#include <dlfcn.h>

#include "assay/assay_rule.h"
#include "assay/assay_signals.h"

static void strategy_dealloc(PyObject *self) {
    native_strategy *s = (native_strategy *)self;
    cli_strategies_reset(&s->strategies);
    assay_strategy_destroy(s->made);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *get_name(PyObject *self, void *unused) {
    (void)unused;
    return PyUnicode_FromString(((native_strategy *)self)->strategy->name);
}

static PyObject *get_reference(PyObject *self, void *unused) {
    const assay_strategy *s = ((native_strategy *)self)->strategy;
    (void)unused;
    return PyUnicode_FromString(s->reference != NULL ? s->reference : s->name);
}

static PyObject *params_of(const assay_strategy *s) {
    PyObject *list = PyList_New((Py_ssize_t)s->n_params);
    for (uint32_t i = 0; i < s->n_params && list != NULL; i++) {
        const assay_param *p = &s->params[i];
        PyObject *item =
            Py_BuildValue("{s:s,s:O,s:d,s:d,s:d,s:s,s:s}", "name", p->name, "is_integer",
                          p->type == ASSAY_PARAM_INTEGER ? Py_True : Py_False, "default", p->default_value,
                          "min", p->min, "max", p->max, "unit", p->unit, "help", p->help);
        if (item == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    }
    return list;
}

static PyObject *get_params(PyObject *self, void *unused) {
    (void)unused;
    return params_of(((native_strategy *)self)->strategy);
}

static PyObject *get_needs_sectors(PyObject *self, void *unused) {
    (void)unused;
    return PyBool_FromLong(((native_strategy *)self)->strategy->needs_sectors);
}

static void add_column(void *list, const char *name) {
    PyObject *text = PyErr_Occurred() != NULL ? NULL : PyUnicode_FromString(name);
    if (text != NULL)
        (void)PyList_Append(list, text); /* what fails is pending */
    Py_XDECREF(text);
}

PyObject *native_columns_of(const assay_strategy *strategy) {
    PyObject *list = PyList_New(0);
    assay_error err = {0};
    if (list == NULL)
        return NULL;
    assay_status status = assay_strategy_columns(strategy, add_column, list, &err);
    if (status != ASSAY_OK && PyErr_Occurred() == NULL)
        native_raise(&err);
    if (PyErr_Occurred() != NULL)
        Py_CLEAR(list);
    return list;
}

static PyObject *get_columns(PyObject *self, void *unused) {
    (void)unused;
    return native_columns_of(((native_strategy *)self)->strategy);
}

static PyGetSetDef strategy_getters[] = {
    {"name", get_name, NULL, "Its name.", NULL},
    {"reference", get_reference, NULL, "What names it in a configuration.", NULL},
    {"params", get_params, NULL, "Its parameters: a dict each.", NULL},
    {"columns", get_columns, NULL, "Columns beside prices that it reads.", NULL},
    {"needs_sectors", get_needs_sectors, NULL, "Whether it asks for sectors.", NULL},
    {0},
};

PyTypeObject native_strategy_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "assay._native.Strategy",
    .tp_basicsize = sizeof(native_strategy),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = strategy_dealloc,
    .tp_getset = strategy_getters,
};

static native_strategy *create(void) {
    native_strategy *s = PyObject_New(native_strategy, &native_strategy_type);
    if (s != NULL) {
        s->strategies = (cli_strategies){0};
        s->made = NULL;
        s->strategy = NULL;
    }
    return s;
}

/* A plugin finds the library's functions among the global symbols, where Python does not put those of its modules. */
static void show_symbols(void) {
    Dl_info self;
    if (dladdr((const void *)(uintptr_t)&show_symbols, &self) != 0 && self.dli_fname != NULL)
        (void)dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
}

PyObject *native_strategy_open(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"reference", "db", NULL};
    const char *reference, *db = NULL;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|z", names, &reference, &db))
        return NULL;
    size_t size = strlen(reference);
    if (strncmp(reference, "plugin:", 7) == 0 || (size > 3 && strcmp(reference + size - 3, ".so") == 0))
        show_symbols();
    native_strategy *s = create();
    if (s == NULL)
        return NULL;
    assay_error err = {0};
    assay_status status;
    Py_BEGIN_ALLOW_THREADS status = cli_strategies_open(&reference, 1, NULL, db, &s->strategies, &err);
    Py_END_ALLOW_THREADS if (status != ASSAY_OK) {
        Py_DECREF(s);
        return native_raise(&err);
    }
    s->strategy = s->strategies.strategy;
    return (PyObject *)s;
}

/* --- ready signals --- */

/* The texts of a list of str or None; NULL with an exception set. `keep` gets what they belong to. */
static const char **texts_of(PyObject *list, size_t n) {
    if (!PyList_Check(list) || (size_t)PyList_GET_SIZE(list) != n) {
        PyErr_Format(PyExc_TypeError, "expected a list of %zu texts", n);
        return NULL;
    }
    const char **texts = PyMem_Calloc(n + 1, sizeof *texts);
    if (texts == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        PyObject *item = PyList_GET_ITEM(list, (Py_ssize_t)i);
        texts[i] = item == Py_None ? NULL : PyUnicode_AsUTF8(item);
        if (texts[i] == NULL && item != Py_None) {
            PyMem_Free(texts);
            return NULL;
        }
    }
    return texts;
}

enum { TEXT_SYMBOL, TEXT_ACTION, TEXT_TYPE, TEXT_REASON, N_TEXTS };
enum { ARRAY_TIME, ARRAY_STRENGTH, ARRAY_SCORE, ARRAY_TARGET, N_ROW_ARRAYS };

PyObject *native_strategy_of_signals(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"name",  "reference", "timestamps",  "symbol", "action", "strength",
                            "score", "target",    "signal_type", "reason", NULL};
    const char *name, *reference = NULL;
    PyObject *list[N_TEXTS], *array[N_ROW_ARRAYS];
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "szOOOOOOOO", names, &name, &reference,
                                     &array[ARRAY_TIME], &list[TEXT_SYMBOL], &list[TEXT_ACTION],
                                     &array[ARRAY_STRENGTH], &array[ARRAY_SCORE], &array[ARRAY_TARGET],
                                     &list[TEXT_TYPE], &list[TEXT_REASON]))
        return NULL;
    Py_buffer buffer[N_ROW_ARRAYS] = {0};
    const char **texts[N_TEXTS] = {0};
    const void *values[N_ROW_ARRAYS] = {0};
    size_t n = 0;
    bool ok = true;
    for (int i = 0; i < N_ROW_ARRAYS && ok; i++) {
        if (array[i] == Py_None)
            continue;
        ok = PyObject_GetBuffer(array[i], &buffer[i], PyBUF_C_CONTIGUOUS) == 0;
        n = i == ARRAY_TIME && ok ? (size_t)buffer[i].len / 8 : n;
        values[i] = buffer[i].buf;
        if (ok && (size_t)buffer[i].len != n * 8) {
            PyErr_SetString(PyExc_ValueError, "signals: arrays of different lengths");
            ok = false;
        }
    }
    for (int i = 0; i < N_TEXTS && ok; i++) {
        texts[i] = list[i] == Py_None ? NULL : texts_of(list[i], n);
        ok = list[i] == Py_None || texts[i] != NULL;
    }
    native_strategy *s = ok ? create() : NULL;
    assay_error err = {0};
    assay_status status = ASSAY_OK;
    if (s != NULL) {
        const assay_signal_rows rows = {.n_rows = n,
                                        .timestamp_us = values[ARRAY_TIME],
                                        .symbol = texts[TEXT_SYMBOL],
                                        .action = texts[TEXT_ACTION],
                                        .strength = values[ARRAY_STRENGTH],
                                        .score = values[ARRAY_SCORE],
                                        .target_position = values[ARRAY_TARGET],
                                        .signal_type = texts[TEXT_TYPE],
                                        .reason = texts[TEXT_REASON]};
        status = assay_signals_create(name, &rows, reference, &s->made, &err);
        s->strategy = s->made;
    }
    for (int i = 0; i < N_ROW_ARRAYS; i++) {
        if (buffer[i].obj != NULL)
            PyBuffer_Release(&buffer[i]);
    }
    for (int i = 0; i < N_TEXTS; i++)
        PyMem_Free(texts[i]);
    if (status != ASSAY_OK) {
        Py_DECREF(s);
        return native_raise(&err);
    }
    return (PyObject *)s;
}

/* --- catalogues --- */

PyObject *native_settings(PyObject *module, PyObject *unused) {
    static const char *const GROUPS[] = {"period", "engine", "risk"};
    static const char *const TYPES[] = {"double", "integer", "bool", "choice", "date", "date_list", "text"};
    (void)module;
    (void)unused;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; i < assay_setting_count() && list != NULL; i++) {
        const assay_setting *s = assay_setting_at(i);
        PyObject *item = Py_BuildValue("{s:s,s:s,s:s,s:s,s:d,s:d,s:z,s:z,s:s,s:O}", "name", s->name, "type",
                                       TYPES[s->type], "group", GROUPS[s->group], "default", s->default_text,
                                       "min", s->min, "max", s->max, "choices", s->choices, "unit", s->unit,
                                       "help", s->help, "planned", s->planned ? Py_True : Py_False);
        if (item == NULL || PyList_Append(list, item) != 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

PyObject *native_strategies(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; i < assay_strategy_count() && list != NULL; i++) {
        const assay_strategy *s = assay_strategy_at(i);
        PyObject *item =
            Py_BuildValue("{s:s,s:s,s:N}", "name", s->name, "summary", s->summary, "params", params_of(s));
        if (item == NULL || PyList_Append(list, item) != 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

PyObject *native_metrics(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; i < assay_run_metric_count() && list != NULL; i++) {
        const assay_metric *m = assay_run_metric_at(i);
        PyObject *item = Py_BuildValue("{s:s,s:s,s:s,s:s}", "name", m->name, "unit", m->unit, "formula",
                                       m->formula, "source", m->source);
        if (item == NULL || PyList_Append(list, item) != 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}
