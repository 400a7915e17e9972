/* Loading a plugin: its file is checked, then it is loaded, then what it says of itself is checked. */
#define _GNU_SOURCE /* dladdr */
#include "assay/assay_plugin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strategy/descriptor.h"
#include "strategy/ensemble.h"
#include "strategy/plugin_file.h"

typedef const assay_strategy *plugin_function(void);

typedef struct plugin {
    assay_strategy descriptor; /* a copy; what it points to is the library's */
    char *reference;
    void *library;
} plugin;

static void release(assay_strategy *strategy) {
    plugin *p = (plugin *)strategy; /* the descriptor is its first member */
    if (p->library != NULL)
        (void)dlclose(p->library);
    free(p->reference);
    free(p);
}

/* --- what it says of itself --- */

static bool is_identifier(const char *text) {
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return n > 0 && n <= ASSAY_PLUGIN_NAME_SIZE && text[n] == '\0' && (text[0] < '0' || text[0] > '9');
}

static assay_status check_name(const assay_strategy *s, assay_error *err) {
    if (s->abi_version != ASSAY_STRATEGY_ABI_VERSION) /* what follows it may be something else */
        return assay_error_set(err, ASSAY_E_STRATEGY,
                               "it is built for version %u of the strategy interface, this is version %d: "
                               "build it again",
                               s->abi_version, ASSAY_STRATEGY_ABI_VERSION);
    if (s->name == NULL)
        return assay_error_set(err, ASSAY_E_STRATEGY, "its strategy has no name");
    if (!is_identifier(s->name))
        return assay_error_set(err, ASSAY_E_STRATEGY,
                               "its strategy is called '%.80s'; a name is letters, digits and _, does not "
                               "begin with a digit, and has at most %d of them",
                               s->name, ASSAY_PLUGIN_NAME_SIZE);
    if (s->summary == NULL)
        return assay_error_set(err, ASSAY_E_STRATEGY, "strategy %s has no summary", s->name);
    return s->n_kinds != 0
               ? ASSAY_OK
               : assay_error_set(err, ASSAY_E_STRATEGY, "strategy %s has no kinds of signals", s->name);
}

/* Names that a configuration and an expression can have, and texts that can be shown. */
static assay_status check_texts(const assay_strategy *s, assay_error *err) {
    for (uint32_t i = 0; i < s->n_params; i++) {
        const assay_param *p = &s->params[i];
        if (!is_identifier(p->name))
            return assay_error_set(err, ASSAY_E_STRATEGY,
                                   "strategy %s: '%.80s' is no name of a parameter: at most %d letters, "
                                   "digits and _, not beginning with a digit",
                                   s->name, p->name, ASSAY_PLUGIN_NAME_SIZE);
        if (p->unit == NULL || p->help == NULL)
            return assay_error_set(err, ASSAY_E_STRATEGY,
                                   "strategy %s: unit or help of parameter %s is NULL; an empty one is \"\"",
                                   s->name, p->name);
    }
    return ASSAY_OK;
}

/* The features of the default parameters. */
static assay_status check_features(const assay_strategy *s, assay_error *err) {
    double params[ASSAY_MAX_PARAMS];
    assay_bound_feature feature[ASSAY_MAX_FEATURES];
    uint32_t first[ASSAY_MAX_MEMBERS + 1];
    for (uint32_t i = 0; i < s->n_params; i++)
        params[i] = s->params[i].default_value;
    assay_status status = assay_features_list(s, params, feature, first, err);
    return status == ASSAY_OK ? assay_features_check(feature, first[1], err) : status;
}

/* The descriptor is the plugin's copy: a plain strategy, whatever it says behind its callbacks. */
static assay_status check(const plugin *p, const char *path, assay_error *err) {
    assay_error inner = {.status = ASSAY_OK};
    assay_status status = check_name(&p->descriptor, &inner);
    if (status == ASSAY_OK)
        status = assay_descriptor_check(&p->descriptor, &inner);
    if (status == ASSAY_OK)
        status = check_texts(&p->descriptor, &inner);
    if (status == ASSAY_OK)
        status = check_features(&p->descriptor, &inner);
    if (status == ASSAY_OK || status == ASSAY_E_NOMEM)
        return status == ASSAY_OK ? ASSAY_OK : assay_error_set(err, status, "%s", inner.message);
    return assay_error_set(err, ASSAY_E_STRATEGY, "plugin %s: %s", path, inner.message);
}

/* --- loading --- */

static assay_status find_descriptor(plugin *p, const assay_plugin_file *file, assay_error *err) {
    plugin_function *function = NULL;
    Dl_info where;
    void *symbol = dlsym(p->library, "assay_plugin");
    if (symbol == NULL)
        return assay_error_set(err, ASSAY_E_STRATEGY,
                               "plugin %s does not export the function assay_plugin (assay_plugin.h)",
                               file->path);
    if (dladdr(symbol, &where) == 0 || !assay_plugin_file_is_loaded(file, where.dli_fbase))
        return assay_error_set(err, ASSAY_E_STRATEGY,
                               "plugin %s: another version of it is still in use in this program, and hides "
                               "this one; let go of that one, or give this one another name",
                               file->path);
    memcpy(&function, &symbol, sizeof function); /* no conversion leads from an object to a function */
    const assay_strategy *described = function();
    if (described == NULL)
        return assay_error_set(err, ASSAY_E_STRATEGY, "plugin %s: assay_plugin() returned NULL", file->path);
    if (described->abi_version == ASSAY_STRATEGY_ABI_VERSION)
        p->descriptor = *described;
    else
        p->descriptor.abi_version = described->abi_version; /* more of it may not be there */
    p->descriptor.ensemble = NULL;
    p->descriptor.release = release;
    p->descriptor.reference = p->reference;
    return ASSAY_OK;
}

static assay_status load(plugin *p, const assay_plugin_file *file, assay_error *err) {
    size_t size = strlen(file->path) + sizeof file->digest + sizeof "plugin:#";
    p->reference = malloc(size);
    if (p->reference == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for plugin %s", file->path);
    snprintf(p->reference, size, "plugin:%s#%s", file->path, file->digest);
    p->library = dlopen(file->path, RTLD_NOW | RTLD_LOCAL);
    if (p->library == NULL)
        return assay_error_set(err, ASSAY_E_STRATEGY, "plugin %s cannot be loaded: %s", file->path,
                               dlerror());
    assay_status status = find_descriptor(p, file, err);
    return status == ASSAY_OK ? check(p, file->path, err) : status;
}

assay_status assay_plugin_load(const char *path, assay_strategy **out_strategy, assay_error *err) {
    assay_plugin_file file;
    *out_strategy = NULL;
    assay_status status = assay_plugin_file_read(&file, path, err);
    plugin *p = status == ASSAY_OK ? calloc(1, sizeof *p) : NULL;
    if (status == ASSAY_OK && p == NULL)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for plugin %s", file.path);
    if (status == ASSAY_OK)
        status = load(p, &file, err);
    assay_plugin_file_reset(&file);
    if (status == ASSAY_OK)
        *out_strategy = &p->descriptor;
    else if (p != NULL)
        release(&p->descriptor);
    return status;
}
