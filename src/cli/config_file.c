/* YAML events into a flat list of values.
 *
 * Invariant: no recursion and no more state than (section, key, in a list or not), because a configuration is a mapping of
 * sections, a section a mapping of keys, and a value a scalar or a list of scalars. Anything deeper is refused at its
 * first event, so that hostile input costs no stack. Scalars stay text: NO is a symbol here, not false.
 */
#include "cli/config_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "base/text.h"

static const char *const SECTIONS[] = {"parameters", "universe", "period", "engine",
                                       "risk",       "rule",     "define"};
static const char *const TOP_KEYS[] = {"strategy", "benchmark", "frequency", "plugin", "signals", "name"};
enum {
    N_SECTIONS = sizeof SECTIONS / sizeof *SECTIONS,
    N_TOP_KEYS = sizeof TOP_KEYS / sizeof *TOP_KEYS,
    MAX_KEYS = 1000
};

typedef enum place {
    BEFORE_ROOT,
    AT_TOP_KEY,
    AT_SECTION_VALUE, /* behind "engine:" */
    AT_TOP_VALUE,     /* behind "strategy:" */
    AT_KEY,
    AT_VALUE,
    IN_LIST,
    AFTER_ROOT
} place;

typedef struct reader {
    cli_config_file *file;
    place at;
    bool is_top_list; /* IN_LIST: of a key at the top */
    const char *section;
    char *key;
    yaml_mark_t key_mark;
    size_t n_documents;
    size_t n_keys;
    bool seen_section[N_SECTIONS];
    assay_error *err;
} reader;

static assay_status refuse_at(const cli_config_file *file, size_t line, size_t column, assay_error *err,
                              const char *format, va_list args) {
    char message[ASSAY_ERROR_MESSAGE_SIZE];
    /* clang 14's analyzer loses the caller's va_start in this file. */
    vsnprintf(message, sizeof message, format, args); // NOLINT(clang-analyzer-valist.Uninitialized)
    return assay_error_set(err, ASSAY_E_CONFIG, "%s:%zu:%zu: %s", file->name, line, column, message);
}

assay_status cli_config_refuse_value(const cli_config_file *file, const cli_config_entry *entry,
                                     assay_error *err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    assay_status status = refuse_at(file, entry->line, entry->column, err, format, args);
    va_end(args);
    return status;
}

assay_status cli_config_refuse_key(const cli_config_file *file, const cli_config_entry *entry,
                                   assay_error *err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    assay_status status = refuse_at(file, entry->key_line, entry->key_column, err, format, args);
    va_end(args);
    return status;
}

static assay_status refuse(const reader *r, yaml_mark_t mark, const char *format, ...) ASSAY_PRINTF(3, 4);
static assay_status refuse(const reader *r, yaml_mark_t mark, const char *format, ...) {
    va_list args;
    va_start(args, format);
    assay_status status = refuse_at(r->file, mark.line + 1, mark.column + 1, r->err, format, args);
    va_end(args);
    return status;
}

static assay_status out_of_memory(const reader *r) {
    return assay_error_set(r->err, ASSAY_E_NOMEM, "out of memory while reading %s", r->file->name);
}

/* The part of a text that a message shows. */
static int shown(const char *text) {
    size_t n = strlen(text);
    return (int)(n > 60 ? 60 : n);
}

/* --- keys --- */

static assay_status take_top_key(reader *r, const char *key, yaml_mark_t mark) {
    const char *nearest = NULL;
    for (size_t i = 0; i < N_SECTIONS; i++) {
        if (strcmp(SECTIONS[i], key) == 0) {
            if (r->seen_section[i])
                return refuse(r, mark, "'%s' stands here for the second time", key);
            r->seen_section[i] = true;
            r->section = SECTIONS[i];
            r->at = AT_SECTION_VALUE;
            return ASSAY_OK;
        }
        nearest = assay_nearer_name(key, nearest, SECTIONS[i]);
    }
    for (size_t i = 0; i < N_TOP_KEYS; i++) {
        if (strcmp(TOP_KEYS[i], key) == 0) {
            r->section = "";
            r->at = AT_TOP_VALUE;
            return ASSAY_OK;
        }
        nearest = assay_nearer_name(key, nearest, TOP_KEYS[i]);
    }
    if (nearest != NULL)
        return refuse(r, mark, "unknown key '%.*s': did you mean '%s'?", shown(key), key, nearest);
    return refuse(
        r, mark,
        "unknown key '%.*s'; a configuration has strategy, parameters, universe, period, engine, risk, "
        "rule, define, name, benchmark, frequency, plugin, signals",
        shown(key), key);
}

static assay_status take_key(reader *r, const char *key, yaml_mark_t mark) {
    if (++r->n_keys > MAX_KEYS)
        return refuse(r, mark, "more than %d keys: this is no configuration", MAX_KEYS);
    for (size_t i = 0; i < r->file->n; i++) {
        const cli_config_entry *entry = &r->file->entry[i];
        if (entry->section == r->section && strcmp(entry->key, key) == 0)
            return refuse(r, mark, "'%.*s' stands here for the second time; the first is in line %zu",
                          shown(key), key, entry->key_line);
    }
    free(r->key);
    r->key = strdup(key);
    r->key_mark = mark;
    return r->key == NULL ? out_of_memory(r) : ASSAY_OK;
}

/* --- values --- */

size_t cli_count_characters(const char *text, size_t size) {
    size_t n = 0;
    for (size_t i = 0; i < size; i++)
        n += ((unsigned char)text[i] & 0xc0u) != 0x80u;
    return n;
}

/* The column at which a scalar's text begins; 0 where the text is not what stands in the line (escapes, several lines). */
static size_t column_of_text(const yaml_event_t *event) {
    yaml_mark_t begin = event->start_mark, end = event->end_mark;
    yaml_scalar_style_t style = event->data.scalar.style;
    size_t quote = style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    size_t n = cli_count_characters((const char *)event->data.scalar.value, event->data.scalar.length);
    if ((quote == 0 && style != YAML_PLAIN_SCALAR_STYLE) || begin.line != end.line ||
        end.column - begin.column != n + 2 * quote)
        return 0;
    return begin.column + 1 + quote;
}

static assay_status add_entry(reader *r, const yaml_event_t *event) {
    const char *value = (const char *)event->data.scalar.value;
    yaml_mark_t mark = event->start_mark;
    cli_config_file *file = r->file;
    if (file->n == file->capacity) {
        size_t capacity = file->capacity == 0 ? 32 : file->capacity * 2;
        cli_config_entry *grown = realloc(file->entry, capacity * sizeof *grown);
        if (grown == NULL)
            return out_of_memory(r);
        file->entry = grown;
        file->capacity = capacity;
    }
    cli_config_entry entry = {
        r->section,      strdup(r->key),       strdup(value),          mark.line + 1,
        mark.column + 1, r->key_mark.line + 1, r->key_mark.column + 1, column_of_text(event)};
    if (entry.key == NULL || entry.value == NULL) {
        free(entry.key);
        free(entry.value);
        return out_of_memory(r);
    }
    file->entry[file->n++] = entry;
    return ASSAY_OK;
}

/* Nothing, ~ and null mean: as if the key were not there. */
static bool is_null(const yaml_event_t *event) {
    const char *text = (const char *)event->data.scalar.value;
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
            strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0);
}

static assay_status take_scalar(reader *r, const yaml_event_t *event) {
    const char *text = (const char *)event->data.scalar.value;
    yaml_mark_t mark = event->start_mark;
    if (event->data.scalar.anchor != NULL)
        return refuse(r, mark, "anchors are not used in a configuration");
    if (event->data.scalar.tag != NULL && strcmp((const char *)event->data.scalar.tag, "!") != 0)
        return refuse(r, mark, "tags are not used in a configuration");
    if (strlen(text) != event->data.scalar.length)
        return refuse(r, mark, "a zero byte in a text; take it out");
    assay_status status = ASSAY_OK;
    switch (r->at) {
    case AT_TOP_KEY:
        status = take_top_key(r, text, mark);
        if (status == ASSAY_OK && r->at == AT_TOP_VALUE)
            status = take_key(r, text, mark);
        return status;
    case AT_KEY:
        r->at = AT_VALUE;
        return take_key(r, text, mark);
    case AT_SECTION_VALUE:
        r->at = AT_TOP_KEY;
        if (is_null(event))
            return ASSAY_OK;
        return refuse(r, mark, "'%s' holds keys and values, not '%.*s'", r->section, shown(text), text);
    case AT_TOP_VALUE:
    case AT_VALUE:
        r->at = r->at == AT_VALUE ? AT_KEY : AT_TOP_KEY;
        return is_null(event) ? ASSAY_OK : add_entry(r, event);
    case IN_LIST:
        return add_entry(r, event);
    case BEFORE_ROOT:
        if (is_null(event)) {
            r->at = AFTER_ROOT;
            return ASSAY_OK;
        }
        break;
    case AFTER_ROOT:
        break;
    }
    return refuse(r, mark, "a configuration holds keys and values, such as `strategy: momentum`, not '%.*s'",
                  shown(text), text);
}

static assay_status begin_mapping(reader *r, const yaml_event_t *event) {
    if (event->data.mapping_start.anchor != NULL || event->data.mapping_start.tag != NULL)
        return refuse(r, event->start_mark, "anchors and tags are not used in a configuration");
    switch (r->at) {
    case BEFORE_ROOT:
        r->at = AT_TOP_KEY;
        return ASSAY_OK;
    case AT_SECTION_VALUE:
        r->at = AT_KEY;
        return ASSAY_OK;
    case AT_TOP_KEY:
    case AT_KEY:
        return refuse(r, event->start_mark, "a key must be a word");
    default:
        if (r->key == NULL)
            return refuse(r, event->start_mark, "keys and values cannot stand here");
        return refuse(r, event->start_mark, "'%.*s' takes a value, not keys and values", shown(r->key),
                      r->key);
    }
}

static void end_mapping(reader *r) {
    r->at = r->at == AT_KEY ? AT_TOP_KEY : AFTER_ROOT;
}

static assay_status begin_list(reader *r, const yaml_event_t *event) {
    if (event->data.sequence_start.anchor != NULL || event->data.sequence_start.tag != NULL)
        return refuse(r, event->start_mark, "anchors and tags are not used in a configuration");
    if (r->at == AT_VALUE || r->at == AT_TOP_VALUE) {
        r->is_top_list = r->at == AT_TOP_VALUE;
        r->at = IN_LIST;
        return ASSAY_OK;
    }
    return refuse(r, event->start_mark, "a list cannot stand here");
}

static assay_status begin_document(reader *r, const yaml_event_t *event) {
    if (r->n_documents++ > 0)
        return refuse(r, event->start_mark, "a second document begins here; a configuration is one");
    return ASSAY_OK;
}

static assay_status take_event(reader *r, const yaml_event_t *event) {
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return begin_document(r, event);
    case YAML_SCALAR_EVENT:
        return take_scalar(r, event);
    case YAML_MAPPING_START_EVENT:
        return begin_mapping(r, event);
    case YAML_MAPPING_END_EVENT:
        end_mapping(r);
        return ASSAY_OK;
    case YAML_SEQUENCE_START_EVENT:
        return begin_list(r, event);
    case YAML_SEQUENCE_END_EVENT:
        r->at = r->is_top_list ? AT_TOP_KEY : AT_KEY;
        return ASSAY_OK;
    case YAML_ALIAS_EVENT:
        return refuse(r, event->start_mark, "aliases are not used in a configuration");
    default:
        return ASSAY_OK;
    }
}

/* Where a byte of a text stands; columns count characters. */
static yaml_mark_t mark_of_byte(const char *text, size_t size, size_t offset) {
    yaml_mark_t mark = {.index = offset};
    for (size_t i = 0; i < offset && i < size; i++) {
        if (text[i] == '\n') {
            mark.line++;
            mark.column = 0;
        } else if (((unsigned char)text[i] & 0xc0u) != 0x80u) {
            mark.column++;
        }
    }
    return mark;
}

static assay_status refuse_syntax(const reader *r, const yaml_parser_t *parser, const char *text,
                                  size_t size) {
    if (parser->error == YAML_MEMORY_ERROR)
        return out_of_memory(r);
    const char *problem = parser->problem == NULL ? "not YAML" : parser->problem;
    if (parser->error == YAML_READER_ERROR)
        return refuse(r, mark_of_byte(text, size, parser->problem_offset), "not a text file: %s", problem);
    return refuse(r, parser->problem_mark, "not YAML: %s%s%s", problem, parser->context == NULL ? "" : " ",
                  parser->context == NULL ? "" : parser->context);
}

assay_status cli_config_file_parse(const char *text, size_t size, const char *name, cli_config_file *out_file,
                                   assay_error *err) {
    *out_file = (cli_config_file){.name = strdup(name)};
    yaml_parser_t parser;
    if (out_file->name == NULL || yaml_parser_initialize(&parser) != 1) {
        cli_config_file_reset(out_file);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading %s", name);
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    reader r = {.file = out_file, .err = err};
    assay_status status = ASSAY_OK;
    for (bool is_more = true; is_more && status == ASSAY_OK;) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) != 1) {
            status = refuse_syntax(&r, &parser, text, size);
            break;
        }
        status = take_event(&r, &event);
        is_more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    free(r.key);
    yaml_parser_delete(&parser);
    if (status != ASSAY_OK)
        cli_config_file_reset(out_file);
    return status;
}

/* The whole file, or NULL and an error. */
static char *read_bytes(const char *path, size_t *out_size, assay_error *err) {
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        assay_error_set(err, ASSAY_E_IO, "cannot read the configuration %s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = malloc(CLI_CONFIG_MAX_BYTES + 1);
    size_t size = text == NULL ? 0 : fread(text, 1, CLI_CONFIG_MAX_BYTES + 1, in);
    int reason = ferror(in) != 0 ? errno : 0;
    fclose(in);
    if (text == NULL)
        assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading %s", path);
    else if (reason != 0)
        assay_error_set(err, ASSAY_E_IO, "cannot read the configuration %s: %s", path, strerror(reason));
    else if (size > CLI_CONFIG_MAX_BYTES)
        assay_error_set(err, ASSAY_E_CONFIG, "%s:1:1: too large for a configuration: more than %d bytes",
                        path, CLI_CONFIG_MAX_BYTES);
    if (text == NULL || reason != 0 || size > CLI_CONFIG_MAX_BYTES) {
        free(text);
        return NULL;
    }
    *out_size = size;
    return text;
}

assay_status cli_config_file_read(const char *path, cli_config_file *out_file, assay_error *err) {
    size_t size = 0;
    assay_error reason = {0};
    char *text = read_bytes(path, &size, &reason);
    if (text == NULL)
        return assay_error_set(err, reason.status, "%s", reason.message);
    assay_status status = cli_config_file_parse(text, size, path, out_file, err);
    free(text);
    return status;
}

char *cli_config_beside(const cli_config_file *file, const char *path) {
    const char *slash = strrchr(file->name, '/');
    if (path[0] == '/' || slash == NULL)
        return strdup(path);
    size_t folder = (size_t)(slash - file->name) + 1, size = strlen(path) + 1;
    char *beside = malloc(folder + size);
    if (beside == NULL)
        return NULL;
    memcpy(beside, file->name, folder);
    memcpy(beside + folder, path, size);
    if (access(beside, F_OK) != 0)
        memcpy(beside, path, size);
    return beside;
}

void cli_config_file_reset(cli_config_file *file) {
    for (size_t i = 0; i < file->n; i++) {
        free(file->entry[i].key);
        free(file->entry[i].value);
    }
    free(file->entry);
    free(file->name);
    *file = (cli_config_file){0};
}
