/* A configuration file (YAML, or the JSON that is stored with a run) as a flat list of values with their places. */
#ifndef ASSAY_CLI_CONFIG_FILE_H
#define ASSAY_CLI_CONFIG_FILE_H

#include <stddef.h>

#include "assay/assay_error.h"

enum { CLI_CONFIG_MAX_BYTES = 16 * 1024 * 1024 };

/* One value: `key` below `section` ("" at the top). A list gives one entry for each of its items. */
typedef struct cli_config_entry {
    const char *section; /* static storage */
    char *key;
    char *value;
    size_t line, column; /* of the value, from 1 */
    size_t key_line, key_column;
    size_t
        text_column; /* of the value's first character, where all of it stands in the line as it is; else 0 */
} cli_config_entry;

typedef struct cli_config_file {
    char *name; /* for messages */
    cli_config_entry *entry;
    size_t n, capacity;
} cli_config_file;

/* Reads a file. ASSAY_E_IO; ASSAY_E_CONFIG: not YAML, an unknown section, a key twice, more nesting than a configuration
 * has, an anchor, alias or tag, several documents; the message begins with FILE:LINE:COLUMN. On failure there is nothing to
 * reset. */
ASSAY_NODISCARD assay_status cli_config_file_read(const char *path, cli_config_file *out_file,
                                                  assay_error *err);
/* The same from memory; any bytes are safe. */
ASSAY_NODISCARD assay_status cli_config_file_parse(const char *text, size_t size, const char *name,
                                                   cli_config_file *out_file, assay_error *err);
void cli_config_file_reset(cli_config_file *file);

/* Where a file that a configuration names is looked for: beside the configuration, else in the working directory. Free the
 * path. NULL: out of memory. */
char *cli_config_beside(const cli_config_file *file, const char *path);

/* How many characters the first `size` bytes of a UTF-8 text are. */
size_t cli_count_characters(const char *text, size_t size);

/* Sets `err` to FILE:LINE:COLUMN, of an entry's value or of its key, and the message. */
assay_status cli_config_refuse_value(const cli_config_file *file, const cli_config_entry *entry,
                                     assay_error *err, const char *format, ...) ASSAY_PRINTF(4, 5);
assay_status cli_config_refuse_key(const cli_config_file *file, const cli_config_entry *entry,
                                   assay_error *err, const char *format, ...) ASSAY_PRINTF(4, 5);

#endif
