/* Symbols and sectors out of holdings.csv: a header with a column `sym` (or `symbol`) and maybe `sector`, then a row a symbol;
 * other columns are ignored. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/request.h"

enum { MAX_LINE = 65536 };

/* Reads field number `wanted` of a line of CSV into `out_text`; false where the line has fewer. */
static bool read_field(const char *line, size_t wanted, char *out_text, size_t size) {
    const char *c = line;
    for (size_t column = 0;; column++) {
        size_t n = 0;
        bool is_quoted = *c == '"';
        c += is_quoted;
        while (*c != '\0' && (is_quoted || *c != ',')) {
            if (is_quoted && *c == '"' && *++c != '"')
                break;
            if (n + 1 < size)
                out_text[n++] = *c;
            c++;
        }
        out_text[n] = '\0';
        if (column == wanted)
            return true;
        c += strcspn(c, ",");
        if (*c == '\0')
            return false;
        c++;
    }
}

/* Cuts spaces at both ends, in place. */
static char *trim(char *text) {
    text += strspn(text, " \t");
    size_t n = strlen(text);
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        text[--n] = '\0';
    return text;
}

/* The first column of one of these names (NULL ends them). */
static bool find_column(const char *header, const char *const *names, size_t *out_column) {
    char name[256];
    for (size_t i = 0; i < 1000 && read_field(header, i, name, sizeof name); i++) {
        const char *text = trim(name);
        for (size_t k = 0; names[k] != NULL; k++) {
            if (strcasecmp(text, names[k]) != 0)
                continue;
            *out_column = i;
            return true;
        }
    }
    return false;
}

static const char *const SYMBOL_NAMES[] = {"sym", "symbol", "ticker", NULL};
static const char *const SECTOR_NAMES[] = {"sector", "gics_sector", "gics sector", NULL};

/* "SYMBOL=SECTOR", where the line has a sector. A sign in the sector would be taken for the one between the two. False: out
 * of memory. */
static bool add_sector(const char *line, size_t column, const char *symbol, cli_names *sectors) {
    char field[512], pair[1100];
    char *sector = read_field(line, column, field, sizeof field) ? trim(field) : field;
    if (sector[0] == '\0')
        return true;
    for (char *c = sector; *c != '\0'; c++)
        *c = (char)(*c == '=' ? '-' : *c);
    int n = snprintf(pair, sizeof pair, "%s=%s", symbol, sector);
    return cli_names_add(sectors, pair, (size_t)n);
}

/* Drops the end of line; false where the line was cut. */
static bool end_line(char *line, FILE *in) {
    size_t n = strcspn(line, "\r\n");
    bool is_whole = line[n] != '\0' || feof(in) != 0;
    line[n] = '\0';
    return is_whole;
}

static assay_status read_rows(FILE *in, const char *path, char *line, cli_names *symbols, cli_names *sectors,
                              assay_error *err) {
    size_t column = 0, sector_column = 0;
    bool has_header = false, has_sectors = false;
    size_t before = symbols->n;
    for (size_t number = 1; fgets(line, MAX_LINE, in) != NULL; number++) {
        if (!end_line(line, in))
            return assay_error_set(err, ASSAY_E_DATA, "%s:%zu: a line of more than %d bytes", path, number,
                                   MAX_LINE - 2);
        char *text = strncmp(line, "\xef\xbb\xbf", 3) == 0 && number == 1 ? line + 3 : line;
        if (text[strspn(text, " \t")] == '\0')
            continue;
        if (!has_header) {
            if (!find_column(text, SYMBOL_NAMES, &column))
                return assay_error_set(
                    err, ASSAY_E_DATA,
                    "%s:%zu: the header has no column 'sym'; it should look like `sym,sector`", path, number);
            has_header = true;
            has_sectors = sectors != NULL && find_column(text, SECTOR_NAMES, &sector_column);
            continue;
        }
        char field[512];
        char *symbol = read_field(text, column, field, sizeof field) ? trim(field) : NULL;
        if (symbol == NULL || symbol[0] == '\0')
            return assay_error_set(err, ASSAY_E_DATA, "%s:%zu: no symbol in column %zu", path, number,
                                   column + 1);
        if (!cli_names_add(symbols, symbol, strlen(symbol)) ||
            (has_sectors && !add_sector(text, sector_column, symbol, sectors)))
            return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading %s", path);
    }
    if (ferror(in) != 0)
        return assay_error_set(err, ASSAY_E_IO, "cannot read the holdings %s: %s", path, strerror(errno));
    if (symbols->n == before)
        return assay_error_set(err, ASSAY_E_DATA, "%s names no symbols", path);
    return ASSAY_OK;
}

assay_status cli_read_holdings(const char *path, cli_names *symbols, cli_names *sectors, assay_error *err) {
    FILE *in = fopen(path, "r");
    if (in == NULL)
        return assay_error_set(err, ASSAY_E_IO, "cannot read the holdings %s: %s", path, strerror(errno));
    char *line = malloc(MAX_LINE);
    assay_status status = line == NULL
                              ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory while reading %s", path)
                              : read_rows(in, path, line, symbols, sectors, err);
    free(line);
    fclose(in);
    return status;
}
