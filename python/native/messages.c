/* Errors as exceptions, and what src/cli says on a terminal as warnings: this stands in for cli/console.c. */
#include <stdarg.h>

#include "native.h"

/* --- errors --- */

static PyObject *exceptions[ASSAY_E_CANCELLED + 1];
static PyObject *warning_class;

bool native_errors_init(void) {
    static const char *const NAMES[] = {
        [ASSAY_OK] = "AssayError",
        [ASSAY_E_ARGUMENT] = "ArgumentError",
        [ASSAY_E_NOMEM] = "OutOfMemoryError",
        [ASSAY_E_IO] = "StorageError",
        [ASSAY_E_DATA] = "DataError",
        [ASSAY_E_CONFIG] = "ConfigError",
        [ASSAY_E_NOT_FOUND] = "NotFoundError",
        [ASSAY_E_STRATEGY] = "StrategyError",
        [ASSAY_E_INTERNAL] = "InternalError",
        [ASSAY_E_CANCELLED] = "CancelledError",
    };
    PyObject *module = PyImport_ImportModule("assay._errors");
    bool ok = module != NULL;
    for (size_t i = 0; ok && i < sizeof NAMES / sizeof *NAMES; i++) {
        exceptions[i] = PyObject_GetAttrString(module, NAMES[i]);
        ok = exceptions[i] != NULL;
    }
    warning_class = ok ? PyObject_GetAttrString(module, "AssayWarning") : NULL;
    Py_XDECREF(module);
    return warning_class != NULL;
}

PyObject *native_raise(const assay_error *err) {
    if (PyErr_Occurred() == NULL) {
        bool is_known = err->status > ASSAY_OK && err->status <= ASSAY_E_CANCELLED;
        PyObject *text = PyUnicode_DecodeUTF8(err->message, (Py_ssize_t)strlen(err->message), "replace");
        if (text != NULL)
            PyErr_SetObject(exceptions[is_known ? err->status : ASSAY_OK], text);
        Py_XDECREF(text);
    }
    return NULL;
}

PyObject *native_fail(assay_status status, const char *format, ...) {
    va_list more;
    va_start(more, format);
    PyObject *text = PyUnicode_FromFormatV(format, more);
    va_end(more);
    if (text != NULL)
        PyErr_SetObject(exceptions[status], text);
    Py_XDECREF(text);
    return NULL;
}

/* --- exceptions of strategies --- */

bool native_failure_is_set(const native_failure *failure) {
    return failure->type != NULL;
}

void native_failure_take(native_failure *failure) {
    if (failure->type != NULL)
        PyErr_Clear();
    else
        PyErr_Fetch(&failure->type, &failure->value, &failure->traceback);
}

bool native_failure_raise(native_failure *failure) {
    if (failure->type == NULL)
        return false;
    PyErr_Restore(failure->type, failure->value, failure->traceback);
    *failure = (native_failure){0};
    return true;
}

/* --- messages --- */

static _Thread_local native_messages *collected;

void native_messages_collect(native_messages *messages) {
    collected = messages;
}

void cli_message(const char *format, ...) {
    if (collected == NULL)
        return;
    char text[ASSAY_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char **grown = realloc(collected->text, (collected->n + 1) * sizeof *grown);
    if (grown == NULL)
        return;
    collected->text = grown;
    collected->text[collected->n] = strdup(text);
    collected->n += collected->text[collected->n] != NULL;
}

bool native_messages_warn(native_messages *messages) {
    bool ok = true;
    for (size_t i = 0; i < messages->n; i++) {
        PyObject *text =
            ok ? PyUnicode_DecodeUTF8(messages->text[i], (Py_ssize_t)strlen(messages->text[i]), "replace")
               : NULL;
        ok = text != NULL && PyErr_WarnFormat(warning_class, 2, "%U", text) == 0;
        Py_XDECREF(text);
    }
    native_messages_drop(messages);
    return ok;
}

void native_messages_drop(native_messages *messages) {
    for (size_t i = 0; i < messages->n; i++)
        free(messages->text[i]);
    free(messages->text);
    *messages = (native_messages){0};
}

int cli_usage_error(const cli_command *command, const char *format, ...) {
    (void)command;
    (void)format;
    return CLI_USAGE;
}

void cli_print_command_help(const cli_command *command, FILE *out) {
    (void)command;
    (void)out;
}

void cli_progress(const char *text) {
    (void)text;
}

void cli_set_quiet(bool quiet) {
    (void)quiet;
}

bool cli_is_quiet(void) {
    return false;
}
