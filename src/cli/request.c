/* A configuration file's values and the command line's into one checked configuration.
 *
 * The file first, then --start, --end, --symbols, --holdings and --frequency, then every --set in its order: the later
 * wins. All keys end in assay_config_set, so that a file and the command line mean the same.
 */
#include "cli/request.h"

#include <stdlib.h>
#include <string.h>

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

/* The references of the strategies: those of the command line, else the file's. */
static assay_status list_references(const cli_run_options *options, const cli_config_file *file,
                                    cli_names *out_references, assay_error *err) {
    bool whole = true;
    for (size_t i = 0; i < options->n_strategies; i++)
        whole =
            whole && cli_names_add(out_references, options->strategies[i], strlen(options->strategies[i]));
    for (size_t i = 0; options->n_strategies == 0 && i < file->n; i++) {
        const cli_config_entry *entry = &file->entry[i];
        if (entry->section[0] != '\0' || strcmp(entry->key, "strategy") != 0)
            continue;
        char *reference = cli_reference_beside(file, entry->value);
        whole = whole && reference != NULL && cli_names_add(out_references, reference, strlen(reference));
        free(reference);
    }
    if (!whole)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the strategies");
    return out_references->n > 0
               ? ASSAY_OK
               : assay_error_set(err, ASSAY_E_CONFIG,
                                 "no strategy is named: `assay run momentum`, or `strategy:` in the "
                                 "configuration; `assay strategies` lists them");
}

/* Where in the file a strategy is named that does not exist. */
static assay_status say_where(const cli_run_options *options, const cli_config_file *file,
                              const assay_error *reason, assay_error *err) {
    for (size_t i = 0; options->n_strategies == 0 && reason->status == ASSAY_E_CONFIG && i < file->n; i++) {
        const cli_config_entry *entry = &file->entry[i];
        bool names = entry->section[0] == '\0' && strcmp(entry->key, "strategy") == 0;
        char quoted[140];
        snprintf(quoted, sizeof quoted, "unknown strategy '%.100s'", entry->value);
        if (names && strncmp(reason->message, quoted, strlen(quoted)) == 0)
            return cli_config_refuse_value(file, entry, err, "%s", reason->message);
    }
    return assay_error_set(err, reason->status, "%s", reason->message);
}

static assay_status open_strategies(const cli_run_options *options, const cli_config_file *file,
                                    cli_request *request, assay_error *err) {
    cli_names references = {0};
    assay_error reason = {0};
    assay_status status = list_references(options, file, &references, err);
    const char *const *reference = (const char *const *)references.name;
    if (status == ASSAY_OK && options->n_strategies == 0)
        status = cli_check_own_strategies(file, reference, references.n, err);
    if (status == ASSAY_OK) {
        status =
            cli_strategies_open(reference, references.n, file, options->db, &request->strategies, &reason);
        if (status != ASSAY_OK)
            (void)say_where(options, file, &reason, err);
    }
    for (size_t i = 0; i < references.n; i++)
        request->has_own_rule = request->has_own_rule || cli_is_own_rule(references.name[i]);
    cli_names_reset(&references);
    return status;
}

/* A parameter by its own name, or a setting; else, of an ensemble, every member's parameter of that name. */
static assay_status set_key(assay_config *config, const char *key, const char *value, assay_error *err) {
    const assay_strategy *strategy = assay_config_strategy(config);
    size_t n_set = 0, size = strlen(key);
    assay_status status = ASSAY_OK;
    if (is_param(strategy, key) || find_setting(key) != NULL)
        return assay_config_set(config, key, value, err);
    for (uint32_t i = 0; status == ASSAY_OK && i < strategy->n_params; i++) {
        const char *name = strategy->params[i].name;
        size_t length = strlen(name);
        if (length <= size || name[length - size - 1] != '.' || strcmp(name + length - size, key) != 0)
            continue;
        status = assay_config_set(config, name, value, err);
        n_set++;
    }
    return n_set > 0 ? status : assay_config_set(config, key, value, err);
}

/* Whether set_key would find a parameter. */
static bool is_any_param(const assay_strategy *strategy, const char *key) {
    for (uint32_t i = 0; i < strategy->n_params; i++) {
        const char *dot = strrchr(strategy->params[i].name, '.');
        if (strcmp(strategy->params[i].name, key) == 0 ||
            (strategy->ensemble != NULL && dot != NULL && strcmp(dot + 1, key) == 0))
            return true;
    }
    return false;
}

/* The nearest of the parameters' names, those of members by themselves included; NULL: none is near. */
static const char *nearest_param(const assay_strategy *strategy, const char *key) {
    const char *nearest = NULL;
    for (uint32_t i = 0; i < strategy->n_params; i++) {
        const char *name = strategy->params[i].name, *dot = strrchr(name, '.');
        nearest = assay_nearer_name(key, nearest, name);
        if (strategy->ensemble != NULL && dot != NULL)
            nearest = assay_nearer_name(key, nearest, dot + 1);
    }
    return nearest;
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
        if (is_any_param(strategy, key))
            return ASSAY_OK;
        if (setting != NULL)
            return cli_config_refuse_key(file, entry, err, "'%s' is no parameter of %s; it belongs in %s",
                                         key, strategy->name, group_name(setting->group));
        nearest = nearest_param(strategy, key);
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
    if (is_any_param(strategy, key))
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
    status = set_key(config, key, text, &reason);
    free(text);
    if (status == ASSAY_E_CONFIG)
        return cli_config_refuse_value(file, entry, err, "%s", reason.message);
    return status == ASSAY_OK ? ASSAY_OK : assay_error_set(err, status, "%s", reason.message);
}

static assay_status holdings_from_file(const cli_config_file *file, const char *name, cli_names *symbols,
                                       cli_names *sectors, assay_error *err) {
    char *path = cli_config_beside(file, name);
    assay_status status =
        path == NULL ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading %s", file->name)
                     : cli_read_holdings(path, symbols, sectors, err);
    free(path);
    return status;
}

/* The universe of the file: its symbols, unless the command line has some; its sectors. */
static assay_status universe_from_file(const cli_config_file *file, cli_request *request, assay_error *err) {
    const cli_config_entry *holdings = NULL;
    bool has_symbols = request->symbols.n > 0, has_sectors = request->sectors.n > 0, whole = true;
    for (size_t i = 0; i < file->n; i++) {
        const cli_config_entry *entry = &file->entry[i];
        if (strcmp(entry->section, "universe") != 0)
            continue;
        if (strcmp(entry->key, "symbols") == 0) {
            whole = has_symbols || cli_names_add_list(&request->symbols, entry->value);
        } else if (strcmp(entry->key, "sectors") == 0) {
            if (strchr(entry->value, '=') == NULL)
                return cli_config_refuse_value(file, entry, err, "a sector is written SYMBOL=SECTOR");
            whole = has_sectors || cli_names_add(&request->sectors, entry->value, strlen(entry->value));
        } else if (strcmp(entry->key, "holdings") == 0) {
            holdings = entry;
        } else {
            const char *nearest = assay_nearer_name(entry->key, NULL, "symbols");
            nearest = assay_nearer_name(entry->key, nearest, "sectors");
            return refuse_key(file, entry, assay_nearer_name(entry->key, nearest, "holdings"), err);
        }
        if (!whole)
            return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading %s", file->name);
    }
    if (holdings == NULL || has_symbols)
        return ASSAY_OK;
    cli_names unused = {0}; /* symbols that stand in the file go before those of the holdings */
    assay_status status =
        holdings_from_file(file, holdings->value, request->symbols.n == 0 ? &request->symbols : &unused,
                           request->sectors.n == 0 ? &request->sectors : NULL, err);
    cli_names_reset(&unused);
    return status;
}

/* What has been read already: which strategies, the parameters that a rule in the same file declares, and those of a strategy for which
 * signals stand. */
static bool is_for_strategies(const cli_request *request, const cli_config_entry *entry) {
    bool declares = strcmp(entry->section, "parameters") == 0 &&
                    (request->by_signals || (request->has_own_rule && strchr(entry->key, '.') == NULL));
    return declares || cli_is_of_strategies(entry);
}

static assay_status apply_file(const cli_config_file *file, cli_request *request, assay_error *err) {
    for (size_t i = 0, n = 1; i < file->n; i += n) {
        const cli_config_entry *entry = &file->entry[i];
        for (n = 1; i + n < file->n && file->entry[i + n].section == entry->section &&
                    strcmp(file->entry[i + n].key, entry->key) == 0;)
            n++;
        if (strcmp(entry->section, "universe") == 0 || is_for_strategies(request, entry))
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
    assay_status status = set_key(config, key, equals + 1, &reason);
    return status == ASSAY_OK ? status : assay_error_set(err, status, "--set: %s", reason.message);
}

static assay_status apply_option(assay_config *config, const char *option, const char *key, const char *text,
                                 assay_error *err) {
    if (text == NULL)
        return ASSAY_OK;
    assay_error reason = {0};
    assay_status status = assay_config_set(config, key, text, &reason);
    return status == ASSAY_OK ? status : assay_error_set(err, status, "%s: %s", option, reason.message);
}

static assay_status apply_options(const cli_run_options *options, cli_request *request, assay_error *err) {
    assay_status status = apply_option(request->config, "--start", "start_date", options->start, err);
    if (status == ASSAY_OK)
        status = apply_option(request->config, "--end", "end_date", options->end, err);
    if (status == ASSAY_OK)
        status = apply_option(request->config, "--resample", "resample", options->resample, err);
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
        status = cli_read_holdings(options->holdings, &request->symbols, &request->sectors, err);
    }
    if (status == ASSAY_OK && options->symbols != NULL && options->holdings != NULL) {
        cli_names unused = {0}; /* the sectors alone */
        status = cli_read_holdings(options->holdings, &unused, &request->sectors, err);
        cli_names_reset(&unused);
    }
    return status;
}

static assay_status build(const cli_run_options *options, const cli_config_file *file, cli_request *request,
                          assay_error *err) {
    assay_status status = open_strategies(options, file, request, err);
    if (status == ASSAY_OK)
        status = assay_config_create(request->strategies.strategy, &request->config, err);
    if (status == ASSAY_OK)
        status = apply_file(file, request, err);
    if (status == ASSAY_OK)
        status = apply_options(options, request, err);
    if (status == ASSAY_OK)
        status = universe_from_file(file, request, err);
    if (status == ASSAY_OK)
        status = assay_config_check(request->config, err);
    cli_names_sort(&request->symbols);
    cli_names_sort(&request->sectors);
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

static bool is_python(const cli_config_entry *entry) {
    return entry->section[0] == '\0' && strcmp(entry->key, "strategy") == 0 &&
           strncmp(entry->value, "python:", strlen("python:")) == 0;
}

/* A strategy in Python becomes the signals that it gave. */
static assay_status use_signals(const char *run_id, cli_config_file *file, bool *out_by_signals,
                                assay_error *err) {
    cli_config_entry *python = NULL;
    size_t n_strategies = 0;
    for (size_t i = 0; i < file->n; i++) {
        cli_config_entry *entry = &file->entry[i];
        n_strategies += entry->section[0] == '\0' && strcmp(entry->key, "strategy") == 0;
        python = is_python(entry) ? entry : python;
    }
    if (python == NULL)
        return ASSAY_OK;
    if (n_strategies > 1)
        return assay_error_set(err, ASSAY_E_CONFIG,
                               "run %s is of several strategies, one of them in Python, which this program "
                               "cannot run: in Python result.tearsheet(FILE) writes its report",
                               run_id);
    char source[512];
    snprintf(source, sizeof source,
             "signals:SELECT \"timestamp\", symbol, action, strength, score, target_position, "
             "signal_type, reason FROM backtest_signals WHERE run_id = '%s'",
             run_id);
    char *value = strdup(source);
    if (value == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a configuration");
    free(python->value);
    python->value = value;
    *out_by_signals = true;
    return ASSAY_OK;
}

assay_status cli_request_from_text(const char *text, const char *run_id, const char *db,
                                   cli_request *out_request, assay_error *err) {
    *out_request = (cli_request){0};
    cli_config_file file = {0};
    const cli_run_options none = {.db = db};
    assay_status status = cli_config_file_parse(text, strlen(text), run_id, &file, err);
    if (status == ASSAY_OK)
        status = use_signals(run_id, &file, &out_request->by_signals, err);
    if (status == ASSAY_OK)
        status = build(&none, &file, out_request, err);
    cli_config_file_reset(&file);
    if (status != ASSAY_OK)
        cli_request_reset(out_request);
    return status;
}

void cli_request_reset(cli_request *request) {
    assay_config_destroy(request->config);
    cli_strategies_reset(&request->strategies);
    cli_names_reset(&request->sectors);
    cli_names_reset(&request->symbols);
    free(request->frequency);
    *request = (cli_request){0};
}

/* --- options in common --- */

bool cli_take_name(const cli_args *args, cli_names *names) {
    if (cli_names_add(names, args->value, strlen(args->value)))
        return true;
    cli_message("out of memory");
    return false;
}

bool cli_take_common(const cli_args *args, cli_common *c) {
    const struct {
        const char *name;
        const char **place;
    } texts[] = {{"db", &c->db},
                 {"symbols", &c->options.symbols},
                 {"holdings", &c->options.holdings},
                 {"start", &c->options.start},
                 {"end", &c->options.end},
                 {"config", &c->options.config_path},
                 {"frequency", &c->options.frequency},
                 {"resample", &c->options.resample}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(args->option, texts[i].name) != 0)
            continue;
        *texts[i].place = args->value;
        c->options.db = c->db;
        return true;
    }
    if (strcmp(args->option, "set") == 0)
        return cli_take_name(args, &c->options.sets);
    if (strcmp(args->option, "format") == 0)
        return cli_read_format(args, true, &c->format);
    if (strcmp(args->option, "threads") == 0)
        return cli_read_whole(args, 0, 1024, &c->n_threads);
    if (strcmp(args->option, "block-bars") == 0) {
        uint64_t n = 0;
        bool is_good = cli_read_whole(args, 1, UINT32_MAX, &n);
        assay_memory_block_bars(is_good ? (size_t)n : 0);
        return is_good;
    }
    if (strcmp(args->option, "memory") == 0) {
        if (cli_set_memory(args->value))
            return true;
        (void)cli_usage_error(args->command, "--memory '%s' is no size; 2G and 500M are", args->value);
        return false;
    }
    if (strcmp(args->option, "no-store") == 0)
        c->no_store = true;
    else if (strcmp(args->option, "quiet") == 0)
        cli_set_quiet(true);
    else
        return false;
    return true;
}

bool cli_take_strategies(const cli_args *args, cli_common *c) {
    c->options.strategies = (const char *const *)args->operands;
    c->options.n_strategies = (size_t)args->n_operands;
    return cli_check_operands(args, c->options.config_path == NULL ? 1 : 0, ASSAY_MAX_MEMBERS,
                              "the STRATEGY");
}

void cli_common_reset(cli_common *c) {
    cli_names_reset(&c->options.sets);
}
