/* Strategies written in Python, as descriptors: on_bar takes the GIL and calls.
 *
 * The kinds of their signals are not known beforehand: the descriptor has room for n_kinds of them, and a kind gets the next
 * place when its first signal comes. An exception stops the run and is kept until the run's caller can raise it.
 */
#include <float.h>
#include <math.h>

#include "native.h"

struct native_python_strategy {
    assay_strategy descriptor;
    PyObject *definition;
    char *name, *reference;
    assay_param *params;
    PyObject *features; /* tuple of str */
    PyObject *kept;     /* what the descriptor's texts belong to */
    assay_signal_kind kinds[ASSAY_MAX_KINDS];
    assay_signal_kind *copy; /* an ensemble's */
    uint32_t n_kinds;        /* that there have been */
    PyObject *kind_numbers;  /* dict: (action, signal_type, before, decimals, after) to number */
    size_t n_passed_over;
    native_failure *failure;
    PyObject *symbols, *symbol_numbers;
};

/* One run. */
typedef struct python_run {
    native_python_strategy *strategy;
    PyObject *on_bar;
} python_run;

static assay_status stop(native_python_strategy *s, assay_error *err) {
    native_failure_take(s->failure);
    return assay_error_set(err, ASSAY_E_STRATEGY, "strategy %s raised an exception", s->name);
}

/* --- kinds --- */

enum { KEPT_FOR_TYPES = 16 }; /* places that reasons leave for further types of signals */

static long add_kind(native_python_strategy *s, PyObject *key) {
    int action, decimals;
    const char *type, *before, *after;
    if (!PyArg_ParseTuple(key, "issis", &action, &type, &before, &decimals, &after))
        return -1;
    uint32_t number = s->n_kinds;
    PyObject *value = PyLong_FromUnsignedLong(number);
    bool ok = value != NULL && PyDict_SetItem(s->kind_numbers, key, value) == 0;
    Py_XDECREF(value);
    if (!ok)
        return -1;
    /* the texts belong to the key, which the dictionary keeps */
    s->kinds[number] = (assay_signal_kind){.signal_type = type,
                                           .action = (assay_action)action,
                                           .target_position = action == ASSAY_ACTION_REDUCE ? 0 : 1,
                                           .reason_before = before,
                                           .reason_scale = decimals >= 0 ? 1 : 0,
                                           .reason_decimals = decimals >= 0 ? decimals : 0,
                                           .reason_after = after};
    if (s->copy != NULL)
        s->copy[number] = s->kinds[number];
    s->n_kinds++;
    return (long)number;
}

static long find_kind(const native_python_strategy *s, PyObject *key) {
    PyObject *number = PyDict_GetItemWithError(s->kind_numbers, key);
    return number != NULL ? PyLong_AsLong(number) : -1;
}

long native_python_strategy_kind(native_python_strategy *s, PyObject *key) {
    long number = find_kind(s, key);
    if (number >= 0 || PyErr_Occurred() != NULL)
        return number;
    PyObject *plain = Py_BuildValue("(OOsiO)", PyTuple_GET_ITEM(key, 0), PyTuple_GET_ITEM(key, 1), "", -1,
                                    PyTuple_GET_ITEM(key, 1));
    if (plain == NULL)
        return -1;
    number = find_kind(s, plain);
    bool is_new = number < 0 && PyErr_Occurred() == NULL;
    if (is_new && s->n_kinds >= s->descriptor.n_kinds) {
        native_fail(
            ASSAY_E_ARGUMENT,
            "strategy %s has more than %u kinds of signals in one run; signal_type is a name that many "
            "signals share, what is particular to one belongs in its reason",
            s->name, s->descriptor.n_kinds);
        Py_DECREF(plain);
        return -1;
    }
    if (is_new)
        number = add_kind(s, plain);
    if (number >= 0 && s->n_kinds + KEPT_FOR_TYPES < s->descriptor.n_kinds)
        number = add_kind(s, key);
    Py_DECREF(plain);
    return number;
}

void native_python_strategy_share_kinds(native_python_strategy *s, assay_signal_kind *copy) {
    s->copy = copy;
}

size_t native_python_strategy_n_passed_over(const native_python_strategy *s) {
    return s->n_passed_over;
}

const assay_strategy *native_python_strategy_descriptor(const native_python_strategy *s) {
    return &s->descriptor;
}

long native_python_strategy_feature(const native_python_strategy *s, PyObject *name) {
    if (PyLong_Check(name)) {
        long number = PyLong_AsLong(name);
        if (number >= 0 && number < PyTuple_GET_SIZE(s->features))
            return number;
    } else {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(s->features); i++) {
            int same = PyObject_RichCompareBool(PyTuple_GET_ITEM(s->features, i), name, Py_EQ);
            if (same != 0)
                return same < 0 ? -1 : (long)i;
        }
    }
    native_fail(ASSAY_E_NOT_FOUND, "strategy %s declares no feature %R", s->name, name);
    return -1;
}

/* --- the callbacks --- */

static uint32_t features(const void *context, const double *params, assay_feature *out_features) {
    const native_python_strategy *s = context;
    Py_ssize_t n = PyTuple_GET_SIZE(s->features);
    (void)params;
    for (Py_ssize_t i = 0; i < n;
         i++) /* the texts were encoded when the strategy was made: no GIL is needed */
        out_features[i] =
            (assay_feature){ASSAY_FEATURE_EXPRESSION, 0, PyBytes_AS_STRING(PyList_GET_ITEM(s->kept, i))};
    return (uint32_t)n;
}

static assay_status create(const void *context, const double *params, size_t n_symbols, void **out_state,
                           assay_error *err) {
    native_python_strategy *s = (native_python_strategy *)(uintptr_t)context;
    assay_status status = ASSAY_OK;
    (void)params;
    (void)n_symbols;
    PyGILState_STATE gil = PyGILState_Ensure();
    python_run *run = PyMem_Calloc(1, sizeof *run);
    *out_state = run;
    if (run == NULL)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for strategy %s", s->name);
    else {
        run->strategy = s;
        run->on_bar = PyObject_CallMethod(s->definition, "start", NULL);
        if (run->on_bar == NULL)
            status = stop(s, err);
    }
    PyGILState_Release(gil);
    return status;
}

static void destroy(void *state) {
    python_run *run = state;
    if (run == NULL)
        return;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *type, *value, *traceback; /* what is destroyed must not lose an exception on its way */
    PyErr_Fetch(&type, &value, &traceback);
    Py_XDECREF(run->on_bar);
    PyMem_Free(run);
    PyErr_Restore(type, value, traceback);
    PyGILState_Release(gil);
}

static int compare_signals(const void *left, const void *right) {
    const native_signal *a = left, *b = right;
    if (a->symbol != b->symbol)
        return a->symbol < b->symbol ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

static assay_status emit_all(native_python_strategy *s, native_view *view, assay_signal_sink *sink,
                             assay_error *err) {
    const assay_view *v = view->view;
    const double *close = assay_view_close(v);
    assay_status status = ASSAY_OK;
    if (view->n_signals > 1)
        qsort(view->signals, view->n_signals, sizeof *view->signals, compare_signals);
    for (size_t i = 0; i < view->n_signals && status == ASSAY_OK; i++) {
        const native_signal *signal = &view->signals[i];
        if (i > 0 && signal[-1].symbol == signal->symbol)
            return assay_error_set(err, ASSAY_E_STRATEGY,
                                   "two signals for %s at one bar; a symbol can have one",
                                   assay_view_symbol(v, signal->symbol));
        if (isnan(close[signal->symbol])) {
            s->n_passed_over++;
            continue;
        }
        status = assay_signal_emit(sink, signal->symbol, signal->kind, signal->value, signal->score,
                                   signal->strength, signal->target_position, err);
    }
    return status;
}

static bool name_symbols(native_python_strategy *s, const assay_view *view) {
    size_t n = assay_view_n_symbols(view);
    s->symbols = PyTuple_New((Py_ssize_t)n);
    s->symbol_numbers = PyDict_New();
    bool ok = s->symbols != NULL && s->symbol_numbers != NULL;
    for (size_t i = 0; i < n && ok; i++) {
        const char *name = assay_view_symbol(view, i);
        PyObject *text = PyUnicode_DecodeUTF8(name, (Py_ssize_t)strlen(name), "surrogateescape");
        PyObject *number = PyLong_FromSize_t(i);
        ok = text != NULL && number != NULL && PyDict_SetItem(s->symbol_numbers, text, number) == 0;
        Py_XDECREF(number);
        if (ok)
            PyTuple_SET_ITEM(s->symbols, (Py_ssize_t)i, text);
        else
            Py_XDECREF(text);
    }
    return ok;
}

static assay_status on_bar(void *state, const double *params, const assay_view *view, assay_signal_sink *sink,
                           assay_error *err) {
    python_run *run = state;
    native_python_strategy *s = run->strategy;
    assay_status status = ASSAY_OK;
    (void)params;
    PyGILState_STATE gil = PyGILState_Ensure();
    native_view *seen = NULL;
    if (s->symbols != NULL || name_symbols(s, view))
        seen = native_view_create(s, view, s->definition, s->symbols, s->symbol_numbers);
    PyObject *result =
        seen == NULL ? NULL : PyObject_CallFunctionObjArgs(run->on_bar, (PyObject *)seen, NULL);
    if (result == NULL)
        status = stop(s, err);
    else
        status = emit_all(s, seen, sink, err);
    Py_XDECREF(result);
    if (seen != NULL)
        seen->view = NULL;
    Py_XDECREF((PyObject *)seen);
    PyGILState_Release(gil);
    return status;
}

/* --- making one --- */

static char *text_of(PyObject *definition, const char *attribute) {
    PyObject *value = PyObject_GetAttrString(definition, attribute);
    const char *text = value == NULL ? NULL : PyUnicode_AsUTF8(value);
    char *copy = text == NULL ? NULL : strdup(text);
    if (text != NULL && copy == NULL)
        PyErr_NoMemory();
    Py_XDECREF(value);
    return copy;
}

/* A list of (name, value): the values are the parameters' own, so any may be set. */
static bool take_params(native_python_strategy *s) {
    PyObject *list = PyObject_GetAttrString(s->definition, "params");
    Py_ssize_t n = list == NULL ? -1 : PyList_Size(list);
    s->params = n < 0 ? NULL : PyMem_Calloc((size_t)n + 1, sizeof *s->params);
    bool ok = s->params != NULL;
    for (Py_ssize_t i = 0; i < n && ok; i++) {
        const char *name;
        double value;
        PyObject *item = PyList_GET_ITEM(list, i);
        ok = PyArg_ParseTuple(item, "sd", &name, &value) && PyList_Append(s->kept, item) == 0;
        if (ok)
            s->params[i] = (assay_param){name, ASSAY_PARAM_DOUBLE, value, -DBL_MAX, DBL_MAX, "", ""};
    }
    s->descriptor.params = s->params;
    s->descriptor.n_params = ok ? (uint32_t)n : 0;
    Py_XDECREF(list);
    return ok;
}

static bool take_features(native_python_strategy *s) {
    PyObject *list = PyObject_GetAttrString(s->definition, "features");
    s->features = list == NULL ? NULL : PySequence_Tuple(list);
    Py_XDECREF(list);
    bool ok = s->features != NULL;
    Py_ssize_t n = ok ? PyTuple_GET_SIZE(s->features) : 0;
    if (ok && n > ASSAY_MAX_FEATURES) {
        native_fail(ASSAY_E_ARGUMENT, "strategy %s has %zd features; at most %d", s->name, n,
                    ASSAY_MAX_FEATURES);
        ok = false;
    }
    for (Py_ssize_t i = 0; i < n && ok; i++) {
        PyObject *text = PyUnicode_AsUTF8String(PyTuple_GET_ITEM(s->features, i));
        ok = text != NULL && PyList_Append(s->kept, text) == 0;
        Py_XDECREF(text);
    }
    return ok;
}

static bool take_sectors(native_python_strategy *s) {
    PyObject *value = PyObject_GetAttrString(s->definition, "needs_sectors");
    int is_true = value == NULL ? -1 : PyObject_IsTrue(value);
    Py_XDECREF(value);
    s->descriptor.needs_sectors = is_true > 0;
    return is_true >= 0;
}

native_python_strategy *native_python_strategy_create(PyObject *definition, uint32_t n_kinds,
                                                      native_failure *failure) {
    native_python_strategy *s = PyMem_Calloc(1, sizeof *s);
    if (s == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    s->definition = native_new_ref(definition);
    s->failure = failure;
    s->kept = PyList_New(0);
    s->kind_numbers = PyDict_New();
    s->name = text_of(definition, "name");
    s->reference = s->name == NULL ? NULL : text_of(definition, "reference");
    bool ok = s->kept != NULL && s->kind_numbers != NULL && s->reference != NULL && take_features(s) &&
              take_params(s) && take_sectors(s);
    if (!ok) {
        native_python_strategy_destroy(s);
        return NULL;
    }
    s->descriptor.abi_version = ASSAY_STRATEGY_ABI_VERSION;
    s->descriptor.name = s->name;
    s->descriptor.summary = "a strategy in Python";
    s->descriptor.reference = s->reference;
    s->descriptor.kinds = s->kinds;
    s->descriptor.n_kinds = n_kinds < ASSAY_MAX_KINDS ? n_kinds : ASSAY_MAX_KINDS;
    s->descriptor.context = s;
    s->descriptor.features = features;
    s->descriptor.create = create;
    s->descriptor.destroy = destroy;
    s->descriptor.on_bar = on_bar;
    for (uint32_t i = 0; i < s->descriptor.n_kinds; i++) /* a place that no signal has taken yet */
        s->kinds[i] = (assay_signal_kind){s->name, ASSAY_ACTION_HOLD, 0, "", 0, 0, ""};
    return s;
}

void native_python_strategy_destroy(native_python_strategy *s) {
    if (s == NULL)
        return;
    Py_XDECREF(s->definition);
    Py_XDECREF(s->features);
    Py_XDECREF(s->kept);
    Py_XDECREF(s->kind_numbers);
    Py_XDECREF(s->symbols);
    Py_XDECREF(s->symbol_numbers);
    free(s->name);
    free(s->reference);
    PyMem_Free(s->params);
    PyMem_Free(s);
}

PyObject *native_columns(PyObject *module, PyObject *definition) {
    native_failure failure = {0};
    (void)module;
    native_python_strategy *s = native_python_strategy_create(definition, 0, &failure);
    PyObject *list = s == NULL ? NULL : native_columns_of(&s->descriptor);
    native_python_strategy_destroy(s);
    return list;
}
