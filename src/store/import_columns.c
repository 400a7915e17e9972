/* Which column of a file is what, by the names that Yahoo, Stooq, Alpha Vantage, Kaggle files and this database use.
 *
 * Names are compared without case, spaces and punctuation, and without a leading number ("1. open", "<OPEN>", "open_price").
 * The first spelling of a list that the file has is taken, so a better name beats a vaguer one ("symbol" beats "name").
 */
#include "import_columns.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { MAX_SPELLINGS = 8 };

static const struct {
    const char *name;
    const char *spelling[MAX_SPELLINGS];
} wanted[ASSAY_N_IMPORT] = {
    {"timestamp", {"timestamp", "date", "datetime", "day", "tradedate", "tradingdate", "dt"}},
    {"symbol", {"symbol", "ticker", "sym", "actsymbol", "code", "instrument", "stock", "name"}},
    {"open", {"openprice", "open", "priceopen", "op"}},
    {"high", {"highprice", "high", "pricehigh", "max"}},
    {"low", {"lowprice", "low", "pricelow", "min"}},
    {"close", {"closeprice", "close", "priceclose", "closelast", "last"}},
    {"volume", {"volume", "vol", "totalvolume", "sharevolume"}},
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

static void take(assay_import_columns *columns, size_t index, duckdb_result *result) {
    for (size_t s = 0; s < MAX_SPELLINGS && wanted[index].spelling[s] != NULL; s++) {
        for (idx_t c = 0; c < duckdb_column_count(result); c++) {
            const char *found = duckdb_column_name(result, c);
            char text[64];
            normalise(found, text, sizeof text);
            if (strcmp(text, wanted[index].spelling[s]) != 0 ||
                strlen(found) >= sizeof columns->column[index].name) {
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
    char *dot = strrchr(out_text, '.');
    if (dot != NULL && dot != out_text) {
        *dot = '\0';
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
            n = snprintf(out_text + used, size - used, "symbol = the file's name, %s\n", columns->symbol);
        }
        used += n > 0 ? (size_t)n : 0;
    }
    for (idx_t c = 0; c < duckdb_column_count(result) && used < size; c++) {
        const char *found = duckdb_column_name(result, c);
        bool taken = false;
        for (size_t i = 0; i < ASSAY_N_IMPORT; i++) {
            taken = taken || (columns->column[i].present && strcmp(columns->column[i].name, found) == 0);
        }
        int n = taken ? 0 : snprintf(out_text + used, size - used, "(not used) = %s\n", found);
        used += n > 0 ? (size_t)n : 0;
    }
}

assay_status assay_import_columns_find(duckdb_result *result, const char *file,
                                       assay_import_columns *out_columns, char *out_text, size_t size,
                                       assay_error *err) {
    *out_columns = (assay_import_columns){0};
    for (size_t i = 0; i < ASSAY_N_IMPORT; i++) {
        take(out_columns, i, result);
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
