#include "cli/strategies.h"

#include <stdlib.h>
#include <string.h>

#include "assay/assay_plugin.h"
#include "assay/assay_rule.h"

/* What follows a prefix; NULL: it is another reference. */
static const char *behind(const char *reference, const char *prefix) {
    size_t size = strlen(prefix);
    return strncmp(reference, prefix, size) == 0 ? reference + size : NULL;
}

bool cli_is_own_rule(const char *reference) {
    return strcmp(reference, "rule") == 0;
}

static bool ends_in(const char *text, const char *ending) {
    size_t size = strlen(text), n = strlen(ending);
    return size > n && strcmp(text + size - n, ending) == 0;
}

/* --- what a configuration says of its own strategies --- */

static const cli_config_entry *find_entry(const cli_config_file *file, const char *section, const char *key) {
    for (size_t i = 0; file != NULL && i < file->n; i++) {
        const cli_config_entry *entry = &file->entry[i];
        if (strcmp(entry->section, section) == 0 && (key == NULL || strcmp(entry->key, key) == 0))
            return entry;
    }
    return NULL;
}

/* The word in `strategy:` that a key or section belongs to; NULL: it belongs to none. */
static const char *word_of(const cli_config_entry *entry) {
    if (strcmp(entry->section, "rule") == 0 || strcmp(entry->section, "define") == 0)
        return "rule";
    if (entry->section[0] != '\0')
        return NULL;
    if (strcmp(entry->key, "plugin") == 0 || strcmp(entry->key, "signals") == 0)
        return entry->key;
    return strcmp(entry->key, "name") == 0 ? "rule" : NULL;
}

bool cli_is_of_strategies(const cli_config_entry *entry) {
    return word_of(entry) != NULL || (entry->section[0] == '\0' && strcmp(entry->key, "strategy") == 0);
}

assay_status cli_check_own_strategies(const cli_config_file *file, const char *const *references, size_t n,
                                      assay_error *err) {
    for (size_t i = 0; i < file->n; i++) {
        const char *word = word_of(&file->entry[i]);
        bool is_used = word == NULL;
        for (size_t k = 0; k < n && !is_used; k++)
            is_used = strcmp(references[k], word) == 0;
        if (!is_used)
            return cli_config_refuse_key(file, &file->entry[i], err,
                                         "this is for `strategy: %s`, which is not what stands there", word);
    }
    return ASSAY_OK;
}

char *cli_reference_beside(const cli_config_file *file, const char *reference) {
    static const char *const PREFIXES[] = {"rule:", "plugin:", "signals:"};
    size_t prefix = 0;
    for (size_t i = 0; i < sizeof PREFIXES / sizeof *PREFIXES && prefix == 0; i++)
        prefix = behind(reference, PREFIXES[i]) == NULL ? 0 : strlen(PREFIXES[i]);
    if ((prefix == 0 && !ends_in(reference, ".so")) || reference[prefix] == '{')
        return strdup(reference);
    char *path = cli_config_beside(file, reference + prefix);
    size_t size = path == NULL ? 0 : strlen(path) + 1;
    char *text = path == NULL ? NULL : malloc(prefix + size);
    if (text != NULL) {
        memcpy(text, reference, prefix);
        memcpy(text + prefix, path, size);
    }
    free(path);
    return text;
}

/* --- rules --- */

/* Whether an entry is a line of a rule. A parameter of another member of the ensemble is written MEMBER.PARAMETER. */
static bool is_line(const cli_config_entry *entry) {
    const char *word = word_of(entry);
    if (word != NULL)
        return strcmp(word, "rule") == 0;
    return strcmp(entry->section, "parameters") == 0 && strchr(entry->key, '.') == NULL;
}

/* A text such as `ema(close` is what YAML leaves of `{buy: ema(close, 5)}`. */
static bool is_cut_at_comma(const char *text) {
    int open = 0;
    for (; *text != '\0'; text++)
        open += (*text == '(') - (*text == ')');
    return open > 0;
}

/* The place of a mistake in the file that the lines are of; of a mistake in the whole, that of the first line. */
static assay_status refuse_line(const cli_config_file *file, const size_t *entry_of, size_t n_lines,
                                assay_rule_place place, const assay_error *reason, assay_error *err) {
    if (place.line >= n_lines)
        return cli_config_refuse_key(file, &file->entry[entry_of[0]], err, "%s", reason->message);
    cli_config_entry entry = file->entry[entry_of[place.line]];
    if (entry.text_column > 0)
        entry.column = entry.text_column + cli_count_characters(entry.value, place.offset);
    return cli_config_refuse_value(
        file, &entry, err, "%s%s", reason->message,
        is_cut_at_comma(entry.value) ? " (within braces a comma ends a text: put it in quotes)" : "");
}

static assay_status create_rule(const cli_config_file *file, assay_rule_line *line, size_t *entry_of,
                                assay_strategy **out_strategy, assay_error *err) {
    size_t n = 0;
    for (size_t i = 0; i < file->n; i++) {
        const cli_config_entry *entry = &file->entry[i];
        if (!is_line(entry))
            continue;
        if (n > 0 && entry_of[n - 1] + 1 == i && entry->section == line[n - 1].section &&
            strcmp(entry->key, line[n - 1].key) == 0)
            return cli_config_refuse_value(file, entry, err, "'%s' takes one text, not a list", entry->key);
        line[n] =
            (assay_rule_line){entry->section[0] == '\0' ? "rule" : entry->section, entry->key, entry->value};
        entry_of[n++] = i;
    }
    assay_rule_place place = {0};
    assay_error reason = {0};
    assay_status status = assay_rule_create(NULL, line, n, out_strategy, &place, &reason);
    if (status == ASSAY_E_CONFIG)
        return refuse_line(file, entry_of, n, place, &reason, err);
    return status == ASSAY_OK ? ASSAY_OK : assay_error_set(err, status, "%s", reason.message);
}

static assay_status make_rule(const cli_config_file *file, assay_strategy **out_strategy, assay_error *err) {
    if (find_entry(file, "rule", NULL) == NULL)
        return assay_error_set(err, ASSAY_E_CONFIG, "%s has no section `rule` with what to do, such as buy",
                               file->name);
    assay_rule_line *line = calloc(file->n + 1, sizeof *line);
    size_t *entry_of = calloc(file->n + 1, sizeof *entry_of);
    assay_status status =
        line == NULL || entry_of == NULL
            ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the rule in %s", file->name)
            : create_rule(file, line, entry_of, out_strategy, err);
    free(line);
    free(entry_of);
    return status;
}

/* rule:FILE, or rule:{...}. */
static assay_status open_rule(const char *text, assay_strategy **out_strategy, assay_error *err) {
    cli_config_file file;
    assay_status status = text[0] == '{' ? cli_config_file_parse(text, strlen(text), "rule", &file, err)
                                         : cli_config_file_read(text, &file, err);
    if (status != ASSAY_OK)
        return status;
    status = make_rule(&file, out_strategy, err);
    cli_config_file_reset(&file);
    return status;
}

/* --- the rest --- */

static assay_status open_signals(const char *source, const char *db, assay_strategy **out_strategy,
                                 assay_error *err) {
    assay_store *store = NULL;
    assay_status status = assay_store_open(cli_database(db), false, 1, &store, err);
    if (status == ASSAY_OK)
        status = assay_store_load_signals(store, source, out_strategy, err);
    assay_store_close(store);
    return status;
}

static assay_status find_built_in(const char *name, const assay_strategy **out_strategy, assay_error *err) {
    assay_error reason = {0};
    *out_strategy = assay_strategy_find(name, &reason);
    if (*out_strategy != NULL)
        return ASSAY_OK;
    /* What was asked for does not exist: wrong usage, not missing data. */
    if (ends_in(name, ".yaml") || ends_in(name, ".yml") || ends_in(name, ".json"))
        return assay_error_set(err, ASSAY_E_CONFIG,
                               "unknown strategy '%s': a rule in a file is rule:%s, a configuration --config "
                               "%s",
                               name, name, name);
    return assay_error_set(err, ASSAY_E_CONFIG, "%s", reason.message);
}

/* A word that stands for what the configuration says at its own key, as a reference of its own. */
static assay_status open_word(const char *word, const cli_config_file *file, const char *db,
                              assay_strategy **out_made, assay_error *err) {
    if (cli_is_own_rule(word)) {
        return find_entry(file, "rule", NULL) != NULL
                   ? make_rule(file, out_made, err)
                   : assay_error_set(
                         err, ASSAY_E_CONFIG,
                         "`rule` needs a configuration with a section `rule`; a rule in a file of "
                         "its own is rule:FILE");
    }
    const cli_config_entry *entry = find_entry(file, "", word);
    if (entry == NULL)
        return assay_error_set(err, ASSAY_E_CONFIG,
                               "`%s` alone needs a configuration with the key `%s`; without one write %s:...",
                               word, word, word);
    if (entry + 1 < file->entry + file->n && strcmp(entry[1].key, word) == 0 &&
        entry[1].section == entry->section)
        return cli_config_refuse_value(file, &entry[1], err,
                                       "'%s' takes one; others stand in `strategy` as %s:...", word, word);
    char *value = cli_config_beside(file, entry->value);
    assay_status status = ASSAY_OK;
    if (value == NULL)
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %s", entry->value);
    else if (strcmp(word, "plugin") == 0)
        status = assay_plugin_load(value, out_made, err);
    else
        status = open_signals(value, db, out_made, err);
    free(value);
    return status;
}

/* A parameter of a setting's name would take its place wherever both can be set. */
static assay_status check_params(const assay_strategy *strategy, assay_error *err) {
    for (uint32_t i = 0; i < strategy->n_params; i++) {
        for (size_t k = 0; k < assay_setting_count(); k++) {
            if (strcmp(strategy->params[i].name, assay_setting_at(k)->name) == 0)
                return assay_error_set(err, ASSAY_E_CONFIG,
                                       "strategy %s has a parameter '%s', which is the name of a setting of "
                                       "the engine; rename it",
                                       strategy->name, strategy->params[i].name);
        }
    }
    return ASSAY_OK;
}

/* *out_made: to be destroyed, NULL where nothing was made. */
static assay_status open_one(const char *reference, const cli_config_file *file, const char *db,
                             const assay_strategy **out_strategy, assay_strategy **out_made,
                             assay_error *err) {
    assay_status status = ASSAY_OK;
    const char *what = NULL;
    *out_made = NULL;
    if ((what = behind(reference, "rule:")) != NULL)
        status = open_rule(what, out_made, err);
    else if ((what = behind(reference, "signals:")) != NULL)
        status = open_signals(what, db, out_made, err);
    else if ((what = behind(reference, "plugin:")) != NULL || ends_in(reference, ".so"))
        status = assay_plugin_load(what != NULL ? what : reference, out_made, err);
    else if (cli_is_own_rule(reference) || strcmp(reference, "signals") == 0 ||
             strcmp(reference, "plugin") == 0)
        status = open_word(reference, file, db, out_made, err);
    else
        return find_built_in(reference, out_strategy, err);
    *out_strategy = *out_made;
    return status == ASSAY_OK && *out_made != NULL ? check_params(*out_made, err) : status;
}

assay_status cli_strategies_open(const char *const *references, size_t n, const cli_config_file *file,
                                 const char *db, cli_strategies *out, assay_error *err) {
    *out = (cli_strategies){0};
    if (n > ASSAY_MAX_MEMBERS)
        return assay_error_set(err, ASSAY_E_CONFIG, "%zu strategies in one run; at most %d", n,
                               ASSAY_MAX_MEMBERS);
    const assay_strategy *member[ASSAY_MAX_MEMBERS];
    assay_strategy *ensemble = NULL;
    assay_status status = ASSAY_OK;
    out->made = calloc(n + 1, sizeof *out->made);
    if (out->made == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu strategies", n);
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        assay_strategy *made = NULL;
        status = open_one(references[i], file, db, &member[i], &made, err);
        if (made != NULL)
            out->made[out->n_made++] = made;
    }
    if (status == ASSAY_OK && n > 1)
        status = assay_ensemble_create(member, n, &ensemble, err);
    if (ensemble != NULL)
        out->made[out->n_made++] = ensemble;
    if (status != ASSAY_OK) {
        cli_strategies_reset(out);
        return status;
    }
    out->strategy = ensemble != NULL ? ensemble : member[0];
    return ASSAY_OK;
}

void cli_strategies_reset(cli_strategies *s) {
    while (s->n_made > 0) /* the ensemble before its members */
        assay_strategy_destroy(s->made[--s->n_made]);
    free(s->made);
    *s = (cli_strategies){0};
}
