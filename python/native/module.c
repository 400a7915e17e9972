/* The module assay._native. */
#include <stddef.h>

#include "native.h"
#include "store/frequency.h"

/* --- how records lie in memory, for NumPy --- */

typedef struct field {
    const char *name, *format;
    size_t offset;
} field;

#define FIELD(type, member, format)                                                                          \
    { #member, format, offsetof(type, member) }

static const field SIGNAL[] = {
    FIELD(assay_signal, bar, "u4"),
    FIELD(assay_signal, symbol, "u4"),
    FIELD(assay_signal, value, "f8"),
    FIELD(assay_signal, score, "f8"),
    FIELD(assay_signal, strength, "f8"),
    FIELD(assay_signal, target_position, "f8"),
    FIELD(assay_signal, order_quantity, "f8"),
    FIELD(assay_signal, strategy, "u2"),
    FIELD(assay_signal, kind, "u2"),
    FIELD(assay_signal, action, "u1"),
    FIELD(assay_signal, status, "u1"),
    FIELD(assay_signal, outcome, "u1"),
};

static const field FILL[] = {
    FIELD(assay_fill, order_id, "u8"),   FIELD(assay_fill, bar, "u4"),
    FIELD(assay_fill, symbol, "u4"),     FIELD(assay_fill, quantity, "f8"),
    FIELD(assay_fill, price, "f8"),      FIELD(assay_fill, reference_price, "f8"),
    FIELD(assay_fill, commission, "f8"), FIELD(assay_fill, slippage, "f8"),
    FIELD(assay_fill, strategy, "u2"),   FIELD(assay_fill, side, "u1"),
    FIELD(assay_fill, kind, "u1"),
};

static const field TRADE[] = {
    FIELD(assay_trade, order_id, "u8"),    FIELD(assay_trade, symbol, "u4"),
    FIELD(assay_trade, entry_bar, "u4"),   FIELD(assay_trade, exit_bar, "u4"),
    FIELD(assay_trade, bars_held, "u4"),   FIELD(assay_trade, entry_price, "f8"),
    FIELD(assay_trade, exit_price, "f8"),  FIELD(assay_trade, quantity, "f8"),
    FIELD(assay_trade, entry_value, "f8"), FIELD(assay_trade, exit_value, "f8"),
    FIELD(assay_trade, commission, "f8"),  FIELD(assay_trade, slippage, "f8"),
    FIELD(assay_trade, dividends, "f8"),   FIELD(assay_trade, pnl, "f8"),
    FIELD(assay_trade, pnl_pct, "f8"),     FIELD(assay_trade, mae_pct, "f8"),
    FIELD(assay_trade, mfe_pct, "f8"),     FIELD(assay_trade, entry_signal, "u4"),
    FIELD(assay_trade, exit_signal, "u4"), FIELD(assay_trade, strategy, "u2"),
    FIELD(assay_trade, direction, "i1"),   FIELD(assay_trade, is_open, "u1"),
    FIELD(assay_trade, exit_kind, "u1"),
};

static const field SNAPSHOT[] = {
    FIELD(assay_snapshot, bar, "u4"),
    FIELD(assay_snapshot, num_positions, "u4"),
    FIELD(assay_snapshot, stale_positions, "u4"),
    FIELD(assay_snapshot, cash, "f8"),
    FIELD(assay_snapshot, receivable, "f8"),
    FIELD(assay_snapshot, total_value, "f8"),
    FIELD(assay_snapshot, gross_value, "f8"),
    FIELD(assay_snapshot, net_exposure, "f8"),
    FIELD(assay_snapshot, max_position_size, "f8"),
    FIELD(assay_snapshot, concentration, "f8"),
    FIELD(assay_snapshot, leverage, "f8"),
    FIELD(assay_snapshot, daily_return, "f8"),
    FIELD(assay_snapshot, cumulative_return, "f8"),
    FIELD(assay_snapshot, drawdown, "f8"),
    FIELD(assay_snapshot, turnover, "f8"),
};

static const struct record {
    const char *name;
    const field *fields;
    size_t n_fields, size;
} RECORDS[] = {
    {"signals", SIGNAL, sizeof SIGNAL / sizeof *SIGNAL, sizeof(assay_signal)},
    {"fills", FILL, sizeof FILL / sizeof *FILL, sizeof(assay_fill)},
    {"trades", TRADE, sizeof TRADE / sizeof *TRADE, sizeof(assay_trade)},
    {"snapshots", SNAPSHOT, sizeof SNAPSHOT / sizeof *SNAPSHOT, sizeof(assay_snapshot)},
};

/* What numpy.dtype takes: names, formats, offsets, itemsize. */
PyObject *native_record_fields(PyObject *module, PyObject *name) {
    const char *text = PyUnicode_AsUTF8(name);
    (void)module;
    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof RECORDS / sizeof *RECORDS; i++) {
        const struct record *record = &RECORDS[i];
        if (strcmp(record->name, text) != 0)
            continue;
        PyObject *names = PyList_New(0), *formats = PyList_New(0), *offsets = PyList_New(0);
        bool ok = names != NULL && formats != NULL && offsets != NULL;
        for (size_t k = 0; k < record->n_fields && ok; k++) {
            PyObject *label = PyUnicode_FromString(record->fields[k].name);
            PyObject *format = PyUnicode_FromString(record->fields[k].format);
            PyObject *offset = PyLong_FromSize_t(record->fields[k].offset);
            ok = label != NULL && format != NULL && offset != NULL && PyList_Append(names, label) == 0 &&
                 PyList_Append(formats, format) == 0 && PyList_Append(offsets, offset) == 0;
            Py_XDECREF(label);
            Py_XDECREF(format);
            Py_XDECREF(offset);
        }
        if (ok)
            return Py_BuildValue("{s:N,s:N,s:N,s:n}", "names", names, "formats", formats, "offsets", offsets,
                                 "itemsize", (Py_ssize_t)record->size);
        Py_XDECREF(names);
        Py_XDECREF(formats);
        Py_XDECREF(offsets);
        return NULL;
    }
    return PyErr_Format(PyExc_KeyError, "no records %R", name);
}

/* Names of the values of an enumeration, in their order. */
static PyObject *enum_names(PyObject *module, PyObject *which) {
    static const struct {
        const char *name;
        const char *(*value)(int);
        int n;
    } ENUMS[] = {
        {"action", assay_action_name, ASSAY_ACTION_TARGET + 1},
        {"side", assay_side_name, ASSAY_SIDE_SELL + 1},
        {"status", assay_signal_status_name, ASSAY_SIGNAL_NOT_IN_UNIVERSE + 1},
        {"outcome", assay_outcome_name, ASSAY_OUTCOME_OPEN_AT_END + 1},
        {"fill_kind", assay_fill_kind_name, ASSAY_FILL_SPIN_OFF + 1},
    };
    const char *text = PyUnicode_AsUTF8(which);
    (void)module;
    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof ENUMS / sizeof *ENUMS; i++) {
        if (strcmp(ENUMS[i].name, text) != 0)
            continue;
        PyObject *list = PyList_New(ENUMS[i].n);
        for (int k = 0; k < ENUMS[i].n && list != NULL; k++) {
            PyObject *item = PyUnicode_FromString(ENUMS[i].value(k));
            if (item == NULL)
                Py_CLEAR(list);
            else
                PyList_SET_ITEM(list, k, item);
        }
        return list;
    }
    return PyErr_Format(PyExc_KeyError, "no enumeration %R", which);
}

static PyObject *frequency_name(PyObject *module, PyObject *text) {
    Py_ssize_t size;
    char name[32];
    const char *bytes = PyUnicode_AsUTF8AndSize(text, &size);
    (void)module;
    return bytes == NULL ? NULL : PyUnicode_FromString(assay_frequency_name(bytes, (size_t)size, name));
}

static PyMethodDef functions[] = {
    {"build_panel", (PyCFunction)(void (*)(void))native_panel_build, METH_VARARGS | METH_KEYWORDS, NULL},
    {"resample_panel", native_resample, METH_VARARGS, NULL},
    {"codes", native_codes, METH_VARARGS, NULL},
    {"window", native_window, METH_VARARGS, NULL},
    {"run", (PyCFunction)(void (*)(void))native_run, METH_VARARGS | METH_KEYWORDS, NULL},
    {"run_database", (PyCFunction)(void (*)(void))native_run_database, METH_VARARGS | METH_KEYWORDS, NULL},
    {"verify", (PyCFunction)(void (*)(void))native_verify, METH_VARARGS | METH_KEYWORDS, NULL},
    {"open_strategy", (PyCFunction)(void (*)(void))native_strategy_open, METH_VARARGS | METH_KEYWORDS, NULL},
    {"strategy_of_signals", (PyCFunction)(void (*)(void))native_strategy_of_signals,
     METH_VARARGS | METH_KEYWORDS, NULL},
    {"columns", native_columns, METH_O, NULL},
    {"settings", native_settings, METH_NOARGS, NULL},
    {"strategies", native_strategies, METH_NOARGS, NULL},
    {"metrics", native_metrics, METH_NOARGS, NULL},
    {"record_fields", native_record_fields, METH_O, NULL},
    {"enum_names", enum_names, METH_O, NULL},
    {"frequency_name", frequency_name, METH_O, NULL},
    {0},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "assay._native",
    .m_doc = "The C library. Private: use the package assay.",
    .m_size = -1,
    .m_methods = functions,
};

static bool add_type(PyObject *module, PyTypeObject *type, const char *name) {
    return PyType_Ready(type) == 0 && PyModule_AddObject(module, name, native_new_ref((PyObject *)type)) == 0;
}

PyMODINIT_FUNC PyInit__native(void) {
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL)
        return NULL;
    if (!native_errors_init() || !native_arrays_init() || !add_type(module, &native_bytes_type, "Memory") ||
        !add_type(module, &native_panel_type, "Panel") ||
        !add_type(module, &native_strategy_type, "Strategy") || !add_type(module, &native_run_type, "Run") ||
        !add_type(module, &native_view_type, "View") || !add_type(module, &native_history_type, "History") ||
        PyModule_AddStringConstant(module, "version", ASSAY_VERSION) != 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
