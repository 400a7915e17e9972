/* Runs: a configuration of Python's words, a panel or a database, and what comes of it.
 *
 * A run is made by the code that `assay run` is made of (cli/runner.c), so that it has the same bytes and the same id.
 */
#include <pthread.h>
#include <stddef.h>

#include "native.h"

void native_run_dealloc(PyObject *self) {
    native_run_object *r = (native_run_object *)self;
    cli_run_reset(&r->run);
    cli_request_reset(&r->request);
    for (size_t i = 0; i < r->n_python; i++)
        native_python_strategy_destroy(r->python[i]);
    PyMem_Free(r->python);
    Py_XDECREF(r->failure.type);
    Py_XDECREF(r->failure.value);
    Py_XDECREF(r->failure.traceback);
    Py_XDECREF(r->panel);
    Py_XDECREF(r->members);
    Py_XDECREF(r->symbols);
    Py_TYPE(self)->tp_free(self);
}

/* --- the request --- */

static bool is_python(PyObject *member) {
    return !PyObject_TypeCheck(PyTuple_GET_ITEM(member, 0), &native_strategy_type);
}

/* Places for kinds that each strategy in Python has, given what the others have. */
static uint32_t kinds_for_each(PyObject *members) {
    size_t n_python = 0, n_taken = PyList_GET_SIZE(members) > 1 ? 2 : 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(members); i++) {
        PyObject *member = PyList_GET_ITEM(members, i);
        n_python += is_python(member);
        if (!is_python(member))
            n_taken += ((native_strategy *)PyTuple_GET_ITEM(member, 0))->strategy->n_kinds;
    }
    return n_python == 0 || n_taken >= ASSAY_MAX_KINDS ? 0
                                                       : (uint32_t)((ASSAY_MAX_KINDS - n_taken) / n_python);
}

/* The strategies of the members, one or an ensemble. */
static bool open_strategies(native_run_object *r, assay_error *err) {
    const assay_strategy *strategy[ASSAY_MAX_MEMBERS];
    size_t n = (size_t)PyList_GET_SIZE(r->members);
    uint32_t n_kinds = kinds_for_each(r->members);
    if (n < 1 || n > ASSAY_MAX_MEMBERS) {
        (void)assay_error_set(err, ASSAY_E_CONFIG, "a run needs 1 to %d strategies, not %zu",
                              ASSAY_MAX_MEMBERS, n);
        return false;
    }
    r->python = PyMem_Calloc(n, sizeof(native_python_strategy *));
    r->request.strategies.made = calloc(1, sizeof(assay_strategy *));
    if (r->python == NULL || r->request.strategies.made == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        PyObject *object = PyTuple_GET_ITEM(PyList_GET_ITEM(r->members, (Py_ssize_t)i), 0);
        if (is_python(PyList_GET_ITEM(r->members, (Py_ssize_t)i))) {
            native_python_strategy *made = native_python_strategy_create(object, n_kinds, &r->failure);
            if (made == NULL)
                return false;
            r->python[r->n_python++] = made;
            strategy[i] = native_python_strategy_descriptor(made);
        } else {
            strategy[i] = ((native_strategy *)object)->strategy;
        }
    }
    r->request.strategies.strategy = strategy[0];
    if (n == 1)
        return true;
    assay_strategy *ensemble = NULL;
    if (assay_ensemble_create(strategy, n, &ensemble, err) != ASSAY_OK)
        return false;
    r->request.strategies.made[0] = ensemble;
    r->request.strategies.n_made = 1;
    r->request.strategies.strategy = ensemble;
    size_t first_kind = 0;
    for (size_t i = 0, k = 0; i < n; i++) {
        if (k < r->n_python && strategy[i] == native_python_strategy_descriptor(r->python[k]))
            native_python_strategy_share_kinds(r->python[k++],
                                               (assay_signal_kind *)(uintptr_t)ensemble->kinds + first_kind);
        first_kind += strategy[i]->n_kinds;
    }
    return true;
}

/* What a key says, as a configuration has it. */
static bool set_text(native_run_object *r, const char *key, PyObject *value, assay_error *err) {
    const char *text = PyUnicode_AsUTF8(value);
    return text != NULL && assay_config_set(r->request.config, key, text, err) == ASSAY_OK;
}

/* Parameters of each member, a dict of texts, under the names that the whole has for them. */
static bool set_params(native_run_object *r, assay_error *err) {
    const assay_strategy *whole = r->request.strategies.strategy;
    size_t first = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(r->members); i++) {
        PyObject *member = PyList_GET_ITEM(r->members, i), *params = PyTuple_GET_ITEM(member, 1);
        PyObject *key, *value;
        Py_ssize_t at = 0;
        char prefix[300] = "";
        if (whole->ensemble !=
            NULL) { /* MEMBER. of one of its parameters; each member has its weight at least */
            const char *name = whole->params[first].name;
            snprintf(prefix, sizeof prefix, "%.*s.", (int)(strchr(name, '.') - name), name);
        }
        while (PyDict_Next(params, &at, &key, &value)) {
            const char *name = PyUnicode_AsUTF8(key);
            char full[600];
            if (name == NULL)
                return false;
            snprintf(full, sizeof full, "%s%.250s", prefix, name);
            if (!set_text(r, full, value, err))
                return false;
        }
        while (whole->ensemble != NULL && strncmp(whole->params[first].name, prefix, strlen(prefix)) == 0 &&
               ++first < whole->n_params)
            ;
    }
    return true;
}

static bool add_names(PyObject *list, cli_names *names) {
    for (Py_ssize_t i = 0; list != Py_None && i < PyList_GET_SIZE(list); i++) {
        Py_ssize_t size;
        const char *text = PyUnicode_AsUTF8AndSize(PyList_GET_ITEM(list, i), &size);
        if (text == NULL || !cli_names_add(names, text, (size_t)size)) {
            if (text != NULL)
                PyErr_NoMemory();
            return false;
        }
    }
    cli_names_sort(names);
    return true;
}

/* Lets a Ctrl-C be seen: its exception ends the run. */
static bool go_on(void *context) {
    native_run_object *r = context;
    PyGILState_STATE gil = PyGILState_Ensure();
    bool goes_on = PyErr_CheckSignals() == 0;
    if (!goes_on)
        native_failure_take(&r->failure);
    PyGILState_Release(gil);
    return goes_on;
}

static bool make_request(native_run_object *r, PyObject *settings, PyObject *symbols, PyObject *sectors,
                         assay_error *err) {
    if (!open_strategies(r, err) ||
        assay_config_create(r->request.strategies.strategy, &r->request.config, err) != ASSAY_OK ||
        !set_params(r, err))
        return false;
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(settings, &at, &key, &value)) {
        const char *name = PyUnicode_AsUTF8(key);
        if (name == NULL || !set_text(r, name, value, err))
            return false;
    }
    if (assay_config_check(r->request.config, err) != ASSAY_OK)
        return false;
    assay_config_set_watch(r->request.config, go_on, r);
    return add_names(symbols, &r->request.symbols) && add_names(sectors, &r->request.sectors);
}

/* --- running --- */

static bool check_members(PyObject *members) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(members); i++) {
        PyObject *member = PyList_GET_ITEM(members, i);
        if (!PyTuple_Check(member) || PyTuple_GET_SIZE(member) != 2 ||
            !PyDict_Check(PyTuple_GET_ITEM(member, 1))) {
            PyErr_SetString(PyExc_TypeError, "members are (strategy, dict of parameters)");
            return false;
        }
    }
    return true;
}

static native_run_object *create(PyObject *members) {
    if (!check_members(members))
        return NULL;
    native_run_object *r = (native_run_object *)native_run_type.tp_alloc(&native_run_type, 0);
    if (r != NULL)
        r->members = native_new_ref(members);
    return r;
}

PyObject *native_run_fail(native_run_object *r, const assay_error *err) {
    if (PyErr_Occurred() == NULL && !native_failure_raise(&r->failure))
        native_raise(err);
    Py_DECREF(r);
    return NULL;
}

native_run_object *native_run_prepare(PyObject *members, PyObject *settings, PyObject *symbols,
                                      PyObject *sectors) {
    native_run_object *r = create(members);
    assay_error err = {0};
    if (r != NULL && !make_request(r, settings, symbols, sectors, &err))
        return (native_run_object *)native_run_fail(r, &err);
    return r;
}

static PyObject *finish(native_run_object *r, native_messages *messages) {
    size_t n_passed_over = 0;
    r->symbols = native_symbols_of(r->run.panel);
    for (size_t i = 0; i < r->n_python; i++)
        n_passed_over += native_python_strategy_n_passed_over(r->python[i]);
    native_messages_collect(messages);
    if (n_passed_over > 0)
        cli_message("%zu signals were for symbols that have no bar at theirs, and were passed over",
                    n_passed_over);
    native_messages_collect(NULL);
    if (!native_messages_warn(messages) || r->symbols == NULL) {
        Py_DECREF(r);
        return NULL;
    }
    return (PyObject *)r;
}

static int64_t milliseconds(clockid_t clock) {
    struct timespec now = {0};
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

PyObject *native_run(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"panel", "members", "settings", "symbols", "sectors", "frequency", NULL};
    PyObject *panel, *members, *settings, *symbols, *sectors;
    const char *frequency;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O!O!O!OOs", names, &native_panel_type, &panel,
                                     &PyList_Type, &members, &PyDict_Type, &settings, &symbols, &sectors,
                                     &frequency))
        return NULL;
    native_run_object *r = native_run_prepare(members, settings, symbols, sectors);
    assay_error err = {0};
    if (r == NULL)
        return NULL;
    native_messages messages = {0};
    assay_status status;
    r->panel = native_new_ref(panel);
    snprintf(r->frequency, sizeof r->frequency, "%s", frequency);
    r->run = (cli_run){.panel = ((native_panel *)panel)->panel,
                       .timestamp_us = milliseconds(CLOCK_REALTIME) * 1000};
    Py_BEGIN_ALLOW_THREADS native_messages_collect(&messages);
    status = cli_run_panel(&r->request, r->frequency, &r->run, &err);
    native_messages_collect(NULL);
    Py_END_ALLOW_THREADS if (status != ASSAY_OK) {
        native_messages_drop(&messages);
        return native_run_fail(r, &err);
    }
    return finish(r, &messages);
}

/* Reading a database. */
typedef struct loading {
    native_run_object *run;
    const char *db;
    unsigned n_threads;
    native_messages *messages;
    assay_status status;
    assay_error err;
    pthread_mutex_t lock;
    assay_store *store; /* under the lock; what can be interrupted */
} loading;

static void set_store(loading *l, assay_store *store) {
    (void)pthread_mutex_lock(&l->lock);
    l->store = store;
    (void)pthread_mutex_unlock(&l->lock);
}

static void load_all(void *context) {
    loading *l = context;
    native_run_object *r = l->run;
    assay_store *store = NULL;
    int64_t begin = milliseconds(CLOCK_MONOTONIC);
    native_messages_collect(l->messages);
    l->status = assay_store_open(l->db, false, l->n_threads, &store, &l->err);
    set_store(l, store);
    if (l->status == ASSAY_OK)
        l->status =
            cli_load_panel(store, &r->request, &r->run.panel, r->frequency, sizeof r->frequency, &l->err);
    r->run.owns_panel = l->status == ASSAY_OK;
    set_store(l, NULL);
    assay_store_close(store);
    native_messages_collect(NULL);
    r->run.duration_ms = milliseconds(CLOCK_MONOTONIC) - begin;
}

static void stop_loading(void *context) {
    loading *l = context;
    (void)pthread_mutex_lock(&l->lock);
    if (l->store != NULL)
        assay_store_interrupt(l->store);
    (void)pthread_mutex_unlock(&l->lock);
}

native_run_object *native_run_load(native_run_object *r, const char *db, const char *frequency,
                                   unsigned n_threads, native_messages *messages) {
    loading l = {.run = r, .db = db, .n_threads = n_threads, .messages = messages};
    (void)pthread_mutex_init(&l.lock, NULL);
    r->request.frequency = frequency == NULL ? NULL : strdup(frequency);
    bool is_whole = native_in_background(load_all, stop_loading, &l, &r->failure);
    (void)pthread_mutex_destroy(&l.lock);
    if (is_whole && l.status == ASSAY_OK)
        return r;
    native_messages_drop(messages);
    (void)native_run_fail(r, &l.err);
    return NULL;
}

PyObject *native_run_database(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"db",      "members",   "settings",  "symbols",
                            "sectors", "frequency", "n_threads", NULL};
    PyObject *members, *settings, *symbols, *sectors;
    const char *db, *frequency;
    unsigned n_threads;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "sO!O!OOzI", names, &db, &PyList_Type, &members,
                                     &PyDict_Type, &settings, &symbols, &sectors, &frequency, &n_threads))
        return NULL;
    native_run_object *r = native_run_prepare(members, settings, symbols, sectors);
    assay_error err = {0};
    if (r == NULL)
        return NULL;
    native_messages messages = {0};
    r->run.timestamp_us = milliseconds(CLOCK_REALTIME) * 1000;
    if (native_run_load(r, db, frequency, n_threads, &messages) == NULL)
        return NULL;
    int64_t loading_ms = r->run.duration_ms;
    assay_status status;
    Py_BEGIN_ALLOW_THREADS native_messages_collect(&messages);
    status = cli_run_panel(&r->request, r->frequency, &r->run, &err);
    native_messages_collect(NULL);
    Py_END_ALLOW_THREADS r->run.duration_ms += loading_ms;
    if (status != ASSAY_OK) {
        native_messages_drop(&messages);
        return native_run_fail(r, &err);
    }
    return finish(r, &messages);
}
