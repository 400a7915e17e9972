/* Columns of the panel in own time, in the units of its forward-adjusted prices. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/block.h"
#include "base/number.h"
#include "base/simd.h"
#include "market/panel.h"

/* --- from the calendar to own time --- */

/* Row t where no symbol has gaps; limits are rows, as doubles so that the loop vectorises. */
ASSAY_SIMD static void copy_listed(size_t n, double t, const double *restrict first,
                                   const double *restrict last, const double *restrict calendar,
                                   double *restrict own) {
    for (size_t s = 0; s < n; s++)
        own[s] = t >= first[s] && t <= last[s] ? calendar[s] : ASSAY_NAN;
}

/* Moves the bar's values of symbols with gaps so far up to their own rows. */
static void close_gaps(const assay_panel *p, size_t bar, size_t *gaps, double *own) {
    const double *close = p->column[ASSAY_COLUMN_CLOSE] + bar * p->stride;
    double *row = own + bar * p->stride;
    for (size_t i = 0; i < p->n_irregular; i++) {
        size_t s = p->irregular[i];
        if (bar < p->first_bar[s] || bar > p->last_bar[s])
            continue;
        double value = row[s];
        if (isnan(close[s])) {
            gaps[i]++;
            row[s] = ASSAY_NAN;
        } else if (gaps[i] != 0) {
            row[s] = ASSAY_NAN;
            own[(bar - gaps[i]) * p->stride + s] = value;
        }
    }
}

assay_status assay_calendar_to_own(const assay_panel *p, const double *calendar, double *own,
                                   assay_error *err) {
    double *limits = malloc(2 * p->stride * sizeof *limits);
    size_t *gaps = calloc(p->n_irregular + 1, sizeof *gaps);
    if (limits == NULL || gaps == NULL) {
        free(limits);
        free(gaps);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu symbols", p->n_symbols);
    }
    double *first = limits, *last = limits + p->stride;
    for (size_t s = 0; s < p->stride; s++) { /* the padding has no bars */
        first[s] = s < p->n_symbols ? p->first_bar[s] : ASSAY_INFINITY;
        last[s] = s < p->n_symbols ? p->last_bar[s] : 0;
    }
    for (size_t t = 0; t < p->n_bars; t++) {
        copy_listed(p->stride, (double)t, first, last, calendar + t * p->stride, own + t * p->stride);
        close_gaps(p, t, gaps, own);
    }
    free(limits);
    free(gaps);
    return ASSAY_OK;
}

/* --- factors --- */

typedef void scale_row(size_t n, const double *restrict factor, double *restrict row);

/* Every row by the factors that hold there, each step's from its own row on. Prices follow the whole factor, volumes its
 * splits alone, whatever the signal prices are. */
static assay_status scale_by_steps(const assay_panel *p, bool splits_alone, scale_row *scale, double *own,
                                   assay_error *err) {
    double *factor = assay_aligned_alloc(p->stride, sizeof *factor);
    if (factor == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu symbols", p->n_symbols);
    for (size_t s = 0; s < p->stride; s++)
        factor[s] = 1;
    size_t next = 0;
    for (size_t row = 0; row < p->n_bars; row++) {
        for (; next < p->n_factor_steps && p->factor_step[next].row <= row; next++) {
            const assay_factor_step *step = &p->factor_step[next];
            factor[step->symbol] = splits_alone ? step->split : step->factor;
        }
        scale(p->stride, factor, own + row * p->stride);
    }
    free(factor);
    return ASSAY_OK;
}

ASSAY_SIMD static void multiply_row(size_t n, const double *restrict factor, double *restrict row) {
    for (size_t s = 0; s < n; s++)
        row[s] *= factor[s];
}

ASSAY_SIMD static void divide_row(size_t n, const double *restrict factor, double *restrict row) {
    for (size_t s = 0; s < n; s++)
        row[s] /= factor[s];
}

ASSAY_SIMD static void put_row(size_t n, const double *restrict factor, double *restrict row) {
    for (size_t s = 0; s < n; s++)
        row[s] = factor[s];
}

static double *own_matrix(const assay_panel *p, assay_error *err) {
    double *matrix = assay_block_alloc(p->n_bars * p->stride, sizeof *matrix);
    if (matrix == NULL)
        (void)assay_error_set(err, ASSAY_E_NOMEM, "out of memory for %zu bars x %zu symbols", p->n_bars,
                              p->n_symbols);
    return matrix;
}

assay_status assay_own_column(const assay_panel *p, int column, double **out, assay_error *err) {
    if (column < 0 || column >= ASSAY_N_PRICE_COLUMNS)
        return assay_error_set(err, ASSAY_E_ARGUMENT, "there is no price column %d", column);
    double *own = own_matrix(p, err);
    if (own == NULL)
        return ASSAY_E_NOMEM;
    size_t n_cells = p->n_bars * p->stride;
    assay_status status = ASSAY_OK;
    if (column == ASSAY_COLUMN_CLOSE) {
        memcpy(own, p->own_price, n_cells * sizeof *own);
    } else if (p->column[column] == NULL) {
        for (size_t i = 0; i < n_cells; i++)
            own[i] = ASSAY_NAN;
    } else {
        status = assay_calendar_to_own(p, p->column[column], own, err);
        if (status == ASSAY_OK && p->n_factor_steps != 0)
            status = column == ASSAY_COLUMN_VOLUME ? scale_by_steps(p, true, divide_row, own, err)
                                                   : scale_by_steps(p, false, multiply_row, own, err);
    }
    if (status == ASSAY_OK)
        *out = own;
    else
        assay_block_free(own);
    return status;
}

assay_status assay_own_factors(const assay_panel *p, double **out, assay_error *err) {
    *out = NULL;
    if (p->n_factor_steps == 0)
        return ASSAY_OK;
    double *own = own_matrix(p, err);
    if (own == NULL)
        return ASSAY_E_NOMEM;
    assay_status status = scale_by_steps(p, false, put_row, own, err);
    if (status == ASSAY_OK)
        *out = own;
    else
        assay_block_free(own);
    return status;
}
