/* The look-ahead test: a run, and runs over the same market with another future.
 *
 * What runs in C alone is verified by many threads. Strategies in Python are made anew for each run, by a function that gets
 * the market of that run: those that ask for all of it at once would otherwise be asked once only.
 */
#include <stdatomic.h>

#include "assay/assay_verify.h"
#include "native.h"

typedef struct verifying {
    native_run_object *first; /* its panel is verified */
    PyObject *make_members;   /* NULL: there is nothing of Python in it */
    PyObject *settings;
    assay_verify_spec spec;
    assay_verify_report report;
    assay_status status;
    assay_error err;
    native_failure failure; /* of a run in Python */
    atomic_bool is_stopped;
} verifying;

/* Of each run, in the thread that runs it. */
static bool goes_on(void *context) {
    return !atomic_load(&((verifying *)context)->is_stopped);
}

/* --- a run of strategies in Python --- */

static native_run_object *prepare(verifying *v, const assay_panel *panel) {
    native_panel *lent = native_panel_create((assay_panel *)(uintptr_t)panel, true);
    if (lent == NULL)
        return NULL;
    PyObject *members = PyObject_CallFunctionObjArgs(v->make_members, (PyObject *)lent, NULL);
    native_panel_end(lent);
    if (members != NULL && !PyList_Check(members)) {
        PyErr_SetString(PyExc_TypeError, "members must be a list");
        Py_CLEAR(members);
    }
    native_run_object *r =
        members == NULL ? NULL : native_run_prepare(members, v->settings, Py_None, Py_None);
    Py_XDECREF(members);
    return r;
}

static assay_status run(void *context, const assay_panel *panel, const assay_result **out_result,
                        void **out_owner, assay_error *err) {
    verifying *v = context;
    assay_result *result = NULL;
    PyGILState_STATE gil = PyGILState_Ensure();
    native_run_object *r = prepare(v, panel);
    assay_status status = ASSAY_E_STRATEGY;
    if (r != NULL) {
        assay_config_set_watch(r->request.config, goes_on, v);
        Py_BEGIN_ALLOW_THREADS status = assay_run(panel, r->request.config, ASSAY_KEEP_ALL, &result, err);
        Py_END_ALLOW_THREADS if (native_failure_is_set(&r->failure)) {
            (void)native_failure_raise(&r->failure);
            native_failure_take(&v->failure);
        }
    } else {
        native_failure_take(&v->failure);
        (void)assay_error_set(err, ASSAY_E_STRATEGY, "a strategy raised an exception");
    }
    if (status == ASSAY_OK)
        r->run.result = result; /* goes with it */
    *out_result = result;
    *out_owner = status == ASSAY_OK ? r : NULL;
    if (status != ASSAY_OK)
        Py_XDECREF((PyObject *)r);
    PyGILState_Release(gil);
    return status;
}

static void release(const assay_result *result, void *owner) {
    (void)result;
    PyGILState_STATE gil = PyGILState_Ensure();
    Py_XDECREF((PyObject *)owner);
    PyGILState_Release(gil);
}

/* --- the test --- */

static bool progress(void *context, size_t n_done, size_t n_runs) {
    (void)n_done;
    (void)n_runs;
    return goes_on(context);
}

static void work(void *context) {
    verifying *v = context;
    const assay_panel *panel = v->first->run.panel;
    const assay_verify_run how = {run, release, v};
    v->status = v->make_members == NULL
                    ? assay_verify_config(panel, v->first->request.config, &v->spec, &v->report, &v->err)
                    : assay_verify(panel, &how, &v->spec, &v->report, &v->err);
}

static void stop(void *context) {
    atomic_store(&((verifying *)context)->is_stopped, true);
}

static PyObject *report_of(const assay_verify_report *r) {
    PyObject *failed = PyDict_New();
    for (int i = 0; i < ASSAY_N_PERTURBATIONS && failed != NULL; i++) {
        PyObject *n = PyLong_FromSize_t(r->n_failed[i]);
        if (n == NULL || PyDict_SetItemString(failed, assay_perturbation_name(i), n) != 0)
            Py_CLEAR(failed);
        Py_XDECREF(n);
    }
    if (failed == NULL)
        return NULL;
    return Py_BuildValue("{s:n,s:n,s:n,s:n,s:n,s:n,s:N,s:s}", "cuts", (Py_ssize_t)r->n_cuts, "runs",
                         (Py_ssize_t)r->n_runs, "failed_runs", (Py_ssize_t)r->n_failed_runs, "skipped_runs",
                         (Py_ssize_t)r->n_skipped, "signals", (Py_ssize_t)r->n_signals, "fills",
                         (Py_ssize_t)r->n_fills, "failed", failed, "first", r->first);
}

PyObject *native_verify(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"panel",     "db",           "members", "settings", "symbols", "sectors",
                            "frequency", "make_members", "cuts",    "seed",     "threads", NULL};
    PyObject *panel, *members, *settings, *symbols, *sectors, *make_members;
    const char *db, *frequency;
    Py_ssize_t cuts;
    unsigned long long seed;
    unsigned threads;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OzO!O!OOzOnKI", names, &panel, &db, &PyList_Type,
                                     &members, &PyDict_Type, &settings, &symbols, &sectors, &frequency,
                                     &make_members, &cuts, &seed, &threads))
        return NULL;
    native_run_object *r = native_run_prepare(members, settings, symbols, sectors);
    if (r == NULL)
        return NULL;
    native_messages messages = {0};
    if (PyObject_TypeCheck(panel, &native_panel_type)) {
        r->panel = native_new_ref(panel);
        r->run.panel = ((native_panel *)panel)->panel;
    } else if (db == NULL || native_run_load(r, db, frequency, threads, &messages) == NULL) {
        if (db == NULL)
            PyErr_SetString(PyExc_TypeError, "a panel or a database");
        return NULL;
    }
    verifying v = {.first = r,
                   .make_members = make_members == Py_None ? NULL : make_members,
                   .settings = settings,
                   .spec = {.n_cuts = (size_t)cuts,
                            .seed = seed,
                            .n_threads = make_members == Py_None ? threads : 1,
                            .progress = progress}};
    v.spec.progress_context = &v;
    assay_config_set_watch(r->request.config, goes_on, &v);
    bool is_whole = native_in_background(work, stop, &v, &r->failure);
    if (native_failure_raise(&v.failure) || !is_whole || v.status != ASSAY_OK) {
        native_messages_drop(&messages);
        return native_run_fail(r, &v.err);
    }
    Py_DECREF((PyObject *)r);
    return native_messages_warn(&messages) ? report_of(&v.report) : NULL;
}
