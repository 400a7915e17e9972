/* The extension module assay._native: the C library's objects as Python's. Private to python/native.
 *
 * Everything that takes long runs without the GIL. Errors of the library become exceptions of assay._errors; those that a
 * strategy in Python raises come out unchanged. Nothing here decides anything that the library decides.
 */
#ifndef ASSAY_PYTHON_NATIVE_H
#define ASSAY_PYTHON_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/runner.h"

static inline PyObject *native_new_ref(PyObject *object) { /* Py_NewRef is newer than 3.9 */
    Py_INCREF(object);
    return object;
}

/* --- errors and messages --- */

/* Sets the exception of err's status; returns NULL. With an exception set already it stays. */
PyObject *native_raise(const assay_error *err);
/* Sets the exception of a status; the format is that of PyErr_Format. Returns NULL. */
PyObject *native_fail(assay_status status, const char *format, ...);
bool native_errors_init(void);

/* What the library has to say beside errors (rows that were left out), collected while it runs without the GIL. */
typedef struct native_messages {
    char **text;
    size_t n;
} native_messages;
/* From now on messages of this thread go there; NULL: nowhere. */
void native_messages_collect(native_messages *messages);
/* Makes each a warning (assay.AssayWarning) and empties the list; false: a warning is an error here. */
bool native_messages_warn(native_messages *messages);
void native_messages_drop(native_messages *messages);

/* --- memory that Python may look at --- */

/* An object with the buffer protocol over n_bytes read-only bytes, which live as long as `owner`. Through it nothing outside of
 * these bytes can be reached. */
PyObject *native_bytes_of(PyObject *owner, const void *data, size_t n_bytes);
/* The same over n_columns columns of n_rows items each, `stride` bytes apart; format as the module struct has it. */
PyObject *native_table_of(PyObject *owner, const void *data, const char *format, size_t item_size,
                          size_t n_columns, size_t n_rows, size_t stride);
/* A new read-only NumPy array of a copy. */
PyObject *native_array_of(const double *values, size_t n);
bool native_arrays_init(void);
/* The first n rows of an array (1-d, or columns by rows) as a table that reaches no further. */
PyObject *native_window(PyObject *module, PyObject *args);

/* --- strategies in Python (python_strategy.c) --- */

/* An exception on its way from a callback through the library to whoever called it. */
typedef struct native_failure {
    PyObject *type, *value, *traceback;
} native_failure;

/* A descriptor whose on_bar calls Python. */
typedef struct native_python_strategy native_python_strategy;

/* `definition` has name, reference, params (a list of (name, value)), features (a list of texts), needs_sectors and start(),
 * which returns the callable of a run. n_kinds is how many kinds of signals it can have. NULL with an exception set. */
native_python_strategy *native_python_strategy_create(PyObject *definition, uint32_t n_kinds,
                                                      native_failure *failure);
void native_python_strategy_destroy(native_python_strategy *strategy);
const assay_strategy *native_python_strategy_descriptor(const native_python_strategy *strategy);
/* The ensemble's copy of the strategy's kinds, which must be kept like the strategy's own. */
void native_python_strategy_share_kinds(native_python_strategy *strategy, assay_signal_kind *copy);
/* Signals for symbols without a bar, which were passed over. */
size_t native_python_strategy_n_passed_over(const native_python_strategy *strategy);

bool native_failure_is_set(const native_failure *failure);
/* Makes the exception that is set the failure, unless there is one already. */
void native_failure_take(native_failure *failure);
/* Raises it; false where there is none. */
bool native_failure_raise(native_failure *failure);

/* --- objects --- */

typedef struct native_panel {
    PyObject_HEAD assay_panel *panel; /* NULL: it was lent, and is gone */
    bool is_lent;                     /* another owns it */
    PyObject *symbols;                /* tuple of str, in the panel's order */
} native_panel;

/* A strategy that was made from a reference, or of ready signals. */
typedef struct native_strategy {
    PyObject_HEAD cli_strategies strategies; /* of a reference; else empty */
    assay_strategy *made;                    /* of ready signals; else NULL */
    const assay_strategy *strategy;
} native_strategy;

extern PyTypeObject native_bytes_type, native_panel_type, native_strategy_type, native_run_type,
    native_view_type, native_history_type;

PyObject *native_symbols_of(const assay_panel *panel);
/* A Python object of a panel. Lent: end it with native_panel_end before the panel goes. Else it takes the panel, also on failure. */
native_panel *native_panel_create(assay_panel *panel, bool is_lent);
void native_panel_end(native_panel *panel);

/* A run, as run.c has it. */
typedef struct native_run_object {
    PyObject_HEAD PyObject *panel; /* native_panel of the caller's; NULL: the run has its own */
    PyObject *members;             /* what the strategies belong to */
    native_python_strategy **python;
    size_t n_python;
    native_failure failure;
    cli_request request;
    cli_run run;
    PyObject *symbols;
    char frequency[64];
} native_run_object;

/* A run that is not run yet: members is a list of (strategy, dict of parameters' texts). NULL with an exception set. */
native_run_object *native_run_prepare(PyObject *members, PyObject *settings, PyObject *symbols,
                                      PyObject *sectors);
/* Reads the run's panel from a database. NULL with an exception set, and the run is gone; else the run. */
native_run_object *native_run_load(native_run_object *run, const char *db, const char *frequency,
                                   unsigned n_threads, native_messages *messages);
void native_run_dealloc(PyObject *self);
/* Raises what went wrong (an exception of a strategy first) and drops the run. */
PyObject *native_run_fail(native_run_object *run, const assay_error *err);

/* Does `work` in a thread of its own. After a Ctrl-C calls `stop` every now and then until the work has ended; its exception is
 * then the failure. False: it was stopped, or could not begin (an exception is set). */
bool native_in_background(void (*work)(void *context), void (*stop)(void *context), void *context,
                          native_failure *failure);

/* --- the view of a bar (view.c) --- */

/* One signal that a strategy gave at a bar. */
typedef struct native_signal {
    uint32_t symbol, kind, order;
    double value, score, strength, target_position;
} native_signal;

typedef struct native_view {
    PyObject_HEAD const assay_view *view; /* NULL: the bar is over */
    native_python_strategy *strategy;
    PyObject *symbols;      /* tuple */
    PyObject *symbol_index; /* dict: name to number */
    native_signal *signals; /* of the bar */
    size_t n_signals, capacity;
} native_view;

/* Of the class definition.view_type. */
native_view *native_view_create(native_python_strategy *strategy, const assay_view *view,
                                PyObject *definition, PyObject *symbols, PyObject *symbol_index);

/* The number of the kind of these; -1 with an exception set. */
long native_python_strategy_kind(native_python_strategy *strategy, PyObject *key);
/* The number of a declared feature by its text or number; -1 with an exception set. */
long native_python_strategy_feature(const native_python_strategy *strategy, PyObject *name);

/* --- functions of the module --- */

PyObject *native_run(PyObject *module, PyObject *args, PyObject *keywords);
PyObject *native_run_database(PyObject *module, PyObject *args, PyObject *keywords);
PyObject *native_verify(PyObject *module, PyObject *args, PyObject *keywords);
PyObject *native_panel_build(PyObject *module, PyObject *args, PyObject *keywords);
PyObject *native_resample(PyObject *module, PyObject *args);
PyObject *native_codes(PyObject *module, PyObject *args);
PyObject *native_strategy_open(PyObject *module, PyObject *args, PyObject *keywords);
PyObject *native_strategy_of_signals(PyObject *module, PyObject *args, PyObject *keywords);
PyObject *native_settings(PyObject *module, PyObject *unused);
PyObject *native_strategies(PyObject *module, PyObject *unused);
PyObject *native_metrics(PyObject *module, PyObject *unused);
/* A list of the columns beside prices that a strategy reads. */
PyObject *native_columns_of(const assay_strategy *strategy);
/* columns(definition): the same of a strategy in Python. */
PyObject *native_columns(PyObject *module, PyObject *definition);
PyObject *native_record_fields(PyObject *module, PyObject *name);

#endif
