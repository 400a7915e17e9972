/* Which column of a file is what, by the names that Yahoo, Stooq, Alpha Vantage, Kaggle files and this database use.
 *
 * Names are compared without case, spaces and punctuation, and without a leading number ("1. open", "<OPEN>", "open_price").
 * The first spelling of a list that the file has is taken, so a better name beats a vaguer one ("symbol" beats "name").
 */
#include "import_columns.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_SPELLINGS = 10 };

static const struct {
    const char *name;
    const char *spelling[MAX_SPELLINGS];
} wanted[ASSAY_N_IMPORT] = {
    {"timestamp", {"timestamp", "date", "datetime", "day", "tradedate", "tradingdate", "dt", "dates"}},
    {"symbol", {"symbol", "ticker", "sym", "actsymbol", "code", "instrument", "stock", "name"}},
    {"open", {"openprice", "open", "priceopen", "op", "pxopen"}},
    {"high", {"highprice", "high", "pricehigh", "max", "pxhigh"}},
    {"low", {"lowprice", "low", "pricelow", "min", "pxlow"}},
    {"close", {"closeprice", "close", "priceclose", "closelast", "last", "pxlast", "price"}},
    {"volume", {"volume", "vol", "totalvolume", "sharevolume", "pxvolume"}},
    {"dividend", {"dividendamount", "dividends", "dividend", "cashdividend", "divcash"}},
    {"split", {"splitcoefficient", "stocksplits", "splitratio", "splitfactor", "split"}},
    {"frequency", {"frequency", "per", "period", "interval"}},
    {"currency", {"currency", "ccy"}},
    {"time", {"time"}},
};

const char *assay_import_column_name(size_t index) {
    return wanted[index].name;
}

/* "1. Open" and "<OPEN>" are "open". */
static void normalise(const char *name, char *out_text, size_t size) {
    while (isdigit((unsigned char)*name) || *name == '.' || *name == ' ') {
        name++;
    }
    size_t used = 0;
    for (; *name != '\0' && used + 1 < size; name++) {
        if (isalnum((unsigned char)*name)) {
            out_text[used++] = (char)tolower((unsigned char)*name);
        }
    }
    out_text[used] = '\0';
}

/* The header that the user's list gives to one of our names: "close=Kurs, timestamp=Datum"; "" where there is none. */
static void named_by_user(const char *list, const char *ours, char *out_text, size_t size) {
    out_text[0] = '\0';
    for (const char *at = list; at != NULL && *at != '\0';) {
        at += strspn(at, ", ");
        size_t n = strcspn(at, ","), key = strcspn(at, "=,");
        if (key < n && key == strlen(ours) && strncasecmp(at, ours, key) == 0) {
            (void)snprintf(out_text, size, "%.*s", (int)(n - key - 1), at + key + 1);
        }
        at += n;
    }
}

bool assay_import_name_means(const char *name, size_t index, const char *columns) {
    char text[64], named[128];
    named_by_user(columns, wanted[index].name, named, sizeof named);
    if (named[0] != '\0') {
        return strcasecmp(named, name) == 0;
    }
    normalise(name, text, sizeof text);
    for (size_t s = 0; s < MAX_SPELLINGS && wanted[index].spelling[s] != NULL; s++) {
        if (strcmp(text, wanted[index].spelling[s]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_taken(const assay_import_columns *columns, const char *name) {
    for (size_t i = 0; i < ASSAY_N_IMPORT; i++) {
        if (columns->column[i].present && strcmp(columns->column[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void take(assay_import_columns *columns, size_t index, duckdb_result *result, const char *list) {
    char named[128];
    named_by_user(list, wanted[index].name, named, sizeof named);
    for (size_t s = 0; s < MAX_SPELLINGS && wanted[index].spelling[s] != NULL; s++) {
        for (idx_t c = 0; c < duckdb_column_count(result); c++) {
            const char *found = duckdb_column_name(result, c);
            char text[64];
            normalise(found, text, sizeof text);
            bool means = named[0] != '\0' ? strcasecmp(named, found) == 0
                                          : strcmp(text, wanted[index].spelling[s]) == 0;
            if (!means || is_taken(columns, found) || strlen(found) >= sizeof columns->column[index].name) {
                continue;
            }
            columns->column[index].present = true;
            columns->column[index].type = duckdb_column_type(result, c);
            (void)snprintf(columns->column[index].name, sizeof columns->column[index].name, "%s", found);
            return;
        }
    }
}

/* "…/AAPL.csv" is AAPL. */
static void symbol_of_file(const char *file, char *out_text, size_t size) {
    const char *slash = strrchr(file, '/');
    (void)snprintf(out_text, size, "%s", slash == NULL ? file : slash + 1);
    static const char *const endings[] = {".gz", ".zst", ".csv", ".txt", ".tsv", ".parquet", ".dat"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(out_text), k = strlen(endings[i]);
        if (n > k && strcasecmp(out_text + n - k, endings[i]) == 0) {
            out_text[n - k] = '\0';
        }
    }
}

static void describe(const assay_import_columns *columns, duckdb_result *result, char *out_text,
                     size_t size) {
    size_t used = 0;
    out_text[0] = '\0';
    for (size_t i = 0; i < ASSAY_N_IMPORT && used < size; i++) {
        int n = 0;
        if (columns->column[i].present) {
            n = snprintf(out_text + used, size - used, "%s = %s\n", wanted[i].name, columns->column[i].name);
        } else if (i == ASSAY_IMPORT_SYMBOL) {
            n = snprintf(out_text + used, size - used, "symbol = the file's name\n");
        }
        used += n > 0 ? (size_t)n : 0;
    }
    for (idx_t c = 0; c < duckdb_column_count(result) && used < size; c++) {
        const char *found = duckdb_column_name(result, c);
        bool taken = is_taken(columns, found);
        int n = taken ? 0 : snprintf(out_text + used, size - used, "(not used) = %s\n", found);
        used += n > 0 ? (size_t)n : 0;
    }
}

assay_status assay_import_columns_find(duckdb_result *result, const char *file, const char *list,
                                       assay_import_columns *out_columns, char *out_text, size_t size,
                                       assay_error *err) {
    *out_columns = (assay_import_columns){0};
    for (size_t i = 0; i < ASSAY_N_IMPORT; i++) {
        take(out_columns, i, result, list);
    }
    if (!out_columns->column[ASSAY_IMPORT_SYMBOL].present) {
        symbol_of_file(file, out_columns->symbol, sizeof out_columns->symbol);
    }
    bool date = out_columns->column[ASSAY_IMPORT_TIMESTAMP].present;
    if (date && out_columns->column[ASSAY_IMPORT_CLOSE].present) {
        describe(out_columns, result, out_text, size);
        return ASSAY_OK;
    }
    char found[500] = "";
    for (idx_t c = 0; c < duckdb_column_count(result); c++) {
        size_t used = strlen(found);
        (void)snprintf(found + used, sizeof found - used, "%s%s", c == 0 ? "" : ", ",
                       duckdb_column_name(result, c));
    }
    return assay_error_set(err, ASSAY_E_DATA,
                           "%s has no column for the %s; its columns are: %s. A header such as "
                           "timestamp,symbol,open,high,low,close,volume is understood",
                           file, date ? "close" : "date", found);
}
