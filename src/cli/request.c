/* A configuration file's values and the command line's into one checked configuration.
 *
 * The file first, then --start, --end, --symbols, --holdings and --frequency, then every --set in its order: the later
 * wins. All keys end in assay_config_set, so that a file and the command line mean the same.
 */
#include "cli/request.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

static const assay_setting *find_setting(const char *name) {
    for (size_t i = 0; i < assay_setting_count(); i++) {
        if (strcmp(assay_setting_at(i)->name, name) == 0)
            return assay_setting_at(i);
    }
    return NULL;
}

static bool is_param(const assay_strategy *strategy, const char *name) {
    for (uint32_t i = 0; i < strategy->n_params; i++) {
        if (strcmp(strategy->params[i].name, name) == 0)
            return true;
    }
    return false;
}

static const char *group_name(assay_setting_group group) {
    static const char *const NAMES[] = {"period", "engine", "risk"};
    return NAMES[group];
}

/* --- the file --- */

/* The strategy that a file names. NULL and `err` unset: it names none. */
static const assay_strategy *strategy_of_file(const cli_config_file *file, assay_error *err) {
    const cli_config_entry *found = NULL;
    for (size_t i = 0; i < file->n; i++) {
        const cli_config_entry *entry = &file->entry[i];
        if (entry->section[0] != '\0' || strcmp(entry->key, "strategy") != 0)
            continue;
        if (found != NULL) {
            cli_config_refuse_value(file, entry, err,
                                    "several strategies in one run are not available yet; name one");
            return NULL;
        }
        found = entry;
    }
    if (found == NULL)
        return NULL;
    assay_error reason = {0};
    const assay_strategy *strategy = assay_strategy_find(found->value, &reason);
    if (strategy == NULL)
        cli_config_refuse_value(file, found, err, "%s", reason.message);
    return strategy;
}

static assay_status refuse_key(const cli_config_file *file, const cli_config_entry *entry,
                               const char *nearest, assay_error *err) {
    if (nearest != NULL)
        return cli_config_refuse_key(file, entry, err, "unknown key '%.60s' in %s: did you mean '%s'?",
                                     entry->key, entry->section, nearest);
    return cli_config_refuse_key(file, entry, err, "unknown key '%.60s' in %s", entry->key, entry->section);
}

/* Whether a section may have a key; the message says where it belongs. */
static assay_status check_key(const cli_config_file *file, const cli_config_entry *entry, const char *key,
                              const assay_strategy *strategy, assay_error *err) {
    const assay_setting *setting = find_setting(key);
    const char *nearest = NULL;
    if (strcmp(entry->section, "parameters") == 0) {
        if (is_param(strategy, key))
            return ASSAY_OK;
        if (setting != NULL)
            return cli_config_refuse_key(file, entry, err, "'%s' is no parameter of %s; it belongs in %s",
                                         key, strategy->name, group_name(setting->group));
        for (uint32_t i = 0; i < strategy->n_params; i++)
            nearest = assay_nearer_name(key, nearest, strategy->params[i].name);
        if (nearest == NULL)
            return cli_config_refuse_key(file, entry, err,
                                         "%s has no parameter '%.60s'; `assay strategies %s` lists them",
                                         strategy->name, key, strategy->name);
        return cli_config_refuse_key(file, entry, err, "%s has no parameter '%.60s': did you mean '%s'?",
                                     strategy->name, key, nearest);
    }
    if (setting != NULL && strcmp(group_name(setting->group), entry->section) == 0)
        return ASSAY_OK;
    if (setting != NULL)
        return cli_config_refuse_key(file, entry, err, "'%s' does not belong in %s but in %s", key,
                                     entry->section, group_name(setting->group));
    if (is_param(strategy, key))
        return cli_config_refuse_key(file, entry, err, "'%s' is a parameter of %s; it belongs in parameters",
                                     key, strategy->name);
    for (size_t i = 0; i < assay_setting_count(); i++) {
        if (strcmp(group_name(assay_setting_at(i)->group), entry->section) == 0)
            nearest = assay_nearer_name(key, nearest, assay_setting_at(i)->name);
    }
    return refuse_key(file, entry, nearest, err);
}

/* The items of one key, with commas between them (a list of dates); NULL: out of memory. */
static char *join_values(const cli_config_file *file, size_t first, size_t n) {
    size_t size = 1;
    for (size_t i = first; i < first + n; i++)
        size += strlen(file->entry[i].value) + 1;
    char *text = malloc(size);
    if (text == NULL)
        return NULL;
    char *end = text;
    *end = '\0';
    for (size_t i = first; i < first + n; i++) {
        if (i > first)
            *end++ = ',';
        size_t length = strlen(file->entry[i].value);
        memcpy(end, file->entry[i].value, length + 1);
        end += length;
    }
    return text;
}

static assay_status set_from_file(const cli_config_file *file, size_t first, size_t n, assay_config *config,
                                  assay_error *err) {
    const cli_config_entry *entry = &file->entry[first];
    const char *key = entry->key;
    if (strcmp(entry->section, "period") == 0) {
        key = strcmp(key, "start") == 0 ? "start_date" : strcmp(key, "end") == 0 ? "end_date" : key;
        if (find_setting(key) == NULL)
            return refuse_key(file, entry,
                              assay_nearer_name(key, assay_nearer_name(key, NULL, "start"), "end"), err);
    }
    assay_status status = ASSAY_OK;
    if (entry->section[0] != '\0')
        status = check_key(file, entry, key, assay_config_strategy(config), err);
    if (status != ASSAY_OK)
        return status;
    char *text = join_values(file, first, n);
    if (text == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading %s", file->name);
    assay_error reason = {0};
    status = assay_config_set(config, key, text, &reason);
    free(text);
    if (status == ASSAY_E_CONFIG)
        return cli_config_refuse_value(file, entry, err, "%s", reason.message);
    return status == ASSAY_OK ? ASSAY_OK : assay_error_set(err, status, "%s", reason.message);
}

/* A holdings file is looked for beside the configuration, then in the working directory. */
static assay_status holdings_from_file(const cli_config_file *file, const char *path, cli_names *symbols,
                                       assay_error *err) {
    const char *slash = strrchr(file->name, '/');
    if (path[0] != '/' && slash != NULL) {
        size_t folder = (size_t)(slash - file->name) + 1;
        char *beside = malloc(folder + strlen(path) + 1);
        if (beside == NULL)
            return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading %s", file->name);
        memcpy(beside, file->name, folder);
        memcpy(beside + folder, path, strlen(path) + 1);
        bool is_there = access(beside, F_OK) == 0;
        assay_status status = is_there ? cli_read_holdings(beside, symbols, err) : ASSAY_OK;
        free(beside);
        if (is_there)
            return status;
    }
    return cli_read_holdings(path, symbols, err);
}

/* The universe of the file, unless the command line has one. */
static assay_status universe_from_file(const cli_config_file *file, cli_names *symbols, assay_error *err) {
    const cli_config_entry *holdings = NULL;
    for (size_t i = 0; i < file->n; i++) {
        const cli_config_entry *entry = &file->entry[i];
        if (strcmp(entry->section, "universe") != 0)
            continue;
        if (strcmp(entry->key, "symbols") == 0) {
            if (!cli_names_add_list(symbols, entry->value))
                return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading %s", file->name);
        } else if (strcmp(entry->key, "holdings") == 0) {
            holdings = entry;
        } else {
            const char *nearest = assay_nearer_name(entry->key, NULL, "symbols");
            return refuse_key(file, entry, assay_nearer_name(entry->key, nearest, "holdings"), err);
        }
    }
    if (holdings != NULL && symbols->n == 0)
        return holdings_from_file(file, holdings->value, symbols, err);
    return ASSAY_OK;
}

static assay_status apply_file(const cli_config_file *file, cli_request *request, assay_error *err) {
    for (size_t i = 0, n = 1; i < file->n; i += n) {
        const cli_config_entry *entry = &file->entry[i];
        for (n = 1; i + n < file->n && file->entry[i + n].section == entry->section &&
                    strcmp(file->entry[i + n].key, entry->key) == 0;)
            n++;
        if (strcmp(entry->section, "universe") == 0 || strcmp(entry->key, "strategy") == 0)
            continue;
        if (entry->section[0] == '\0' && strcmp(entry->key, "frequency") == 0) {
            free(request->frequency);
            request->frequency = strdup(entry->value);
            continue;
        }
        assay_status status = set_from_file(file, i, n, request->config, err);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

/* --- the command line --- */

static assay_status apply_set(assay_config *config, const char *text, assay_error *err) {
    const char *equals = strchr(text, '=');
    char key[128];
    if (equals == NULL || equals == text)
        return assay_error_set(err, ASSAY_E_CONFIG, "--set '%s': it must be key=value, such as lookback=20",
                               text);
    snprintf(key, sizeof key, "%.*s", (int)((size_t)(equals - text) < sizeof key ? equals - text : 127),
             text);
    assay_error reason = {0};
    assay_status status = assay_config_set(config, key, equals + 1, &reason);
    return status == ASSAY_OK ? status : assay_error_set(err, status, "--set: %s", reason.message);
}

static assay_status apply_date(assay_config *config, const char *option, const char *key, const char *text,
                               assay_error *err) {
    if (text == NULL)
        return ASSAY_OK;
    assay_error reason = {0};
    assay_status status = assay_config_set(config, key, text, &reason);
    return status == ASSAY_OK ? status : assay_error_set(err, status, "%s: %s", option, reason.message);
}

static assay_status apply_options(const cli_run_options *options, cli_request *request, assay_error *err) {
    assay_status status = apply_date(request->config, "--start", "start_date", options->start, err);
    if (status == ASSAY_OK)
        status = apply_date(request->config, "--end", "end_date", options->end, err);
    for (size_t i = 0; i < options->sets.n && status == ASSAY_OK; i++)
        status = apply_set(request->config, options->sets.name[i], err);
    if (options->frequency != NULL) {
        free(request->frequency);
        request->frequency = strdup(options->frequency);
    }
    if (status == ASSAY_OK && options->symbols != NULL) {
        if (!cli_names_add_list(&request->symbols, options->symbols))
            return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the symbols");
        if (request->symbols.n == 0)
            return assay_error_set(err, ASSAY_E_CONFIG,
                                   "--symbols '%s' names no symbol; it should look like AAPL,MSFT",
                                   options->symbols);
    } else if (status == ASSAY_OK && options->holdings != NULL) {
        status = cli_read_holdings(options->holdings, &request->symbols, err);
    }
    return status;
}

static assay_status build(const cli_run_options *options, const cli_config_file *file, cli_request *request,
                          assay_error *err) {
    assay_error reason = {0};
    const assay_strategy *strategy = NULL;
    if (options->strategy != NULL)
        strategy = assay_strategy_find(options->strategy, &reason);
    else
        strategy = strategy_of_file(file, &reason);
    if (strategy == NULL && reason.status == ASSAY_OK)
        return assay_error_set(err, ASSAY_E_CONFIG,
                               "no strategy is named: `assay run momentum`, or `strategy:` in the "
                               "configuration; `assay strategies` lists them");
    if (strategy == NULL) /* what was asked for does not exist: wrong usage, not missing data */
        return assay_error_set(err, ASSAY_E_CONFIG, "%s", reason.message);
    assay_status status = assay_config_create(strategy, &request->config, err);
    if (status == ASSAY_OK)
        status = apply_file(file, request, err);
    if (status == ASSAY_OK)
        status = apply_options(options, request, err);
    if (status == ASSAY_OK && request->symbols.n == 0)
        status = universe_from_file(file, &request->symbols, err);
    if (status == ASSAY_OK)
        status = assay_config_check(request->config, err);
    cli_names_sort(&request->symbols);
    return status;
}

assay_status cli_request_make(const cli_run_options *options, cli_request *out_request, assay_error *err) {
    *out_request = (cli_request){0};
    cli_config_file file = {0};
    assay_status status = ASSAY_OK;
    if (options->config_path != NULL)
        status = cli_config_file_read(options->config_path, &file, err);
    if (status == ASSAY_OK)
        status = build(options, &file, out_request, err);
    cli_config_file_reset(&file);
    if (status != ASSAY_OK)
        cli_request_reset(out_request);
    return status;
}

assay_status cli_request_from_text(const char *text, const char *name, cli_request *out_request,
                                   assay_error *err) {
    *out_request = (cli_request){0};
    cli_config_file file = {0};
    const cli_run_options none = {0};
    assay_status status = cli_config_file_parse(text, strlen(text), name, &file, err);
    if (status == ASSAY_OK)
        status = build(&none, &file, out_request, err);
    cli_config_file_reset(&file);
    if (status != ASSAY_OK)
        cli_request_reset(out_request);
    return status;
}

void cli_request_reset(cli_request *request) {
    assay_config_destroy(request->config);
    cli_names_reset(&request->symbols);
    free(request->frequency);
    *request = (cli_request){0};
}
