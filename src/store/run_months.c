#include "run_months.h"

#include <stdio.h>
#include <stdlib.h>

#include "run_tables.h"

void assay_run_months_reset(assay_run_months *months) {
    free(months->row);
    free(months->symbol);
    free(months->month);
    free(months->month_text);
    *months = (assay_run_months){0};
}

/* Rows come by month: the first and the last have the first and the last. */
static size_t count_months(const assay_run_months *m) {
    return m->n == 0 ? 0 : (size_t)(m->row[m->n - 1].month - m->row[0].month) + 1;
}

assay_status assay_run_months_init(assay_run_months *months, const assay_panel *panel, int64_t end_us,
                                   const char *run_id, assay_error *err) {
    size_t n_symbols = assay_panel_n_symbols(panel);
    *months = (assay_run_months){.panel = panel, .run_id = run_id};
    assay_status status = assay_panel_months(panel, end_us, &months->row, &months->n, err);
    if (status != ASSAY_OK) {
        return status;
    }
    months->n_months = count_months(months);
    months->symbol = malloc((n_symbols + 1) * sizeof *months->symbol);
    months->month = malloc((months->n_months + 1) * sizeof *months->month);
    months->month_text = malloc((months->n_months + 1) * sizeof *months->month_text);
    if (months->symbol == NULL || months->month == NULL || months->month_text == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while writing the run %s", run_id);
    }
    for (size_t s = 0; s < n_symbols; s++) {
        months->symbol[s] = assay_panel_symbol(panel, s);
    }
    for (size_t i = 0; i < months->n_months; i++) {
        int month = months->row[0].month + (int)i;
        (void)snprintf(months->month_text[i], sizeof *months->month_text, "%04d-%02d", month / 12,
                       month % 12 + 1);
        months->month[i] = months->month_text[i];
    }
    return ASSAY_OK;
}

static const assay_row_column columns[] = {
    {"run_id", TEXT},     {"symbol", TEXT},    {"month", TEXT},       {"n_bars", WHOLE},
    {"first_date", TIME}, {"last_date", TIME}, {"fingerprint", TEXT},
};

static bool fill(const void *context, size_t column, size_t first, size_t n, duckdb_vector vector) {
    const assay_run_months *months = context;
    const assay_panel_month *row = months->row + first;
    const int64_t *time = assay_panel_timestamps(months->panel);
    int64_t *whole = duckdb_vector_get_data(vector);
    duckdb_string_t *text = duckdb_vector_get_data(vector);
    switch (column) {
    case 3:
        EACH_ROW whole[i] = row[i].n_bars;
        break;
    case 4:
        EACH_ROW whole[i] = time[row[i].first_bar];
        break;
    case 5:
        EACH_ROW whole[i] = time[row[i].last_bar];
        break;
    default:
        for (size_t i = 0; i < n; i++) { /* 12 digits lie in the string itself */
            char hex[13];
            assay_panel_month_hex(&row[i], hex);
            text[i] = assay_row_text(hex);
        }
        break;
    }
    return true;
}

static const char *const *names(const void *context, size_t column, size_t *out_n_names) {
    const assay_run_months *months = context;
    switch (column) {
    case 0:
        *out_n_names = 1;
        return &months->run_id;
    case 1:
        *out_n_names = assay_panel_n_symbols(months->panel);
        return months->symbol;
    case 2:
        *out_n_names = months->n_months;
        return months->month;
    default:
        return NULL;
    }
}

static void codes(const void *context, size_t column, size_t first, size_t n, uint32_t *out_code) {
    const assay_run_months *months = context;
    const assay_panel_month *row = months->row + first;
    switch (column) {
    case 1:
        EACH_ROW out_code[i] = row[i].symbol;
        break;
    case 2:
        EACH_ROW out_code[i] = (uint32_t)(row[i].month - months->row[0].month);
        break;
    default:
        EACH_ROW out_code[i] = 0;
        break;
    }
}

assay_row_job assay_run_months_job(const assay_run_months *months) {
    return (assay_row_job){.column = columns,
                           .n_columns = sizeof columns / sizeof *columns,
                           .n_rows = months->n,
                           .fill = fill,
                           .names = names,
                           .codes = codes,
                           .context = months};
}
