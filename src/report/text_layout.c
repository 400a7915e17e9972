#include "report/text_layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

const char *assay_dash(const assay_report_style *style) {
    return style->utf8 ? "–" : "-";
}

unsigned assay_style_width(const assay_report_style *style) {
    unsigned width = style->width == 0 ? 80 : style->width;
    return width < 40 ? 40 : width > 200 ? 200 : width;
}

/* Puts commas into the whole part of plain digits; what does not fit stays without them. */
static void put_commas(char *text, size_t size) {
    size_t start = text[0] == '-' ? 1 : 0;
    size_t whole = strspn(text + start, "0123456789");
    size_t length = strlen(text);
    size_t commas = whole == 0 ? 0 : (whole - 1) / 3;
    if (length + commas + 1 > size)
        return;
    for (size_t at = start + whole; commas > 0; commas--) {
        at -= 3;
        memmove(text + at + 1, text + at, length - at + 1);
        text[at] = ',';
        length++;
    }
}

/* -0.00 reads as a slip: it becomes 0.00. */
static void drop_sign_of_zero(char *text) {
    if (text[0] == '-' && strspn(text + 1, "0.") == strlen(text + 1))
        memmove(text, text + 1, strlen(text));
}

void assay_format_number(double value, int decimals, const assay_report_style *style, char *out_text,
                         size_t size) {
    if (isnan(value)) {
        snprintf(out_text, size, "%s", assay_dash(style));
        return;
    }
    snprintf(out_text, size, fabs(value) < 1e15 ? "%.*f" : "%.*g", fabs(value) < 1e15 ? decimals : 6, value);
    if (isfinite(value) && fabs(value) < 1e15) {
        drop_sign_of_zero(out_text);
        put_commas(out_text, size);
    }
}

void assay_format_count(size_t count, char *out_text, size_t size) {
    snprintf(out_text, size, "%zu", count);
    put_commas(out_text, size);
}

size_t assay_text_columns(const char *text) {
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0u) != 0x80u;
    return n;
}

static void put_spaces(size_t n, FILE *out) {
    for (size_t i = 0; i < n; i++)
        putc(' ', out);
}

void assay_put_padded(const char *text, size_t columns, bool right, FILE *out) {
    size_t used = assay_text_columns(text);
    size_t spaces = used < columns ? columns - used : 0;
    if (right)
        put_spaces(spaces, out);
    fputs(text, out);
    if (!right)
        put_spaces(spaces, out);
}

void assay_put_wrapped(const char *text, unsigned at, unsigned indent, const assay_report_style *style,
                       FILE *out) {
    size_t width = assay_style_width(style);
    size_t column = at;
    bool is_line_empty = true;
    for (const char *word = text + strspn(text, " "); *word != '\0'; word += strspn(word, " ")) {
        size_t length = strcspn(word, " ");
        size_t columns = 0;
        for (size_t i = 0; i < length; i++)
            columns += ((unsigned char)word[i] & 0xc0u) != 0x80u;
        if (!is_line_empty && column + 1 + columns > width) {
            putc('\n', out);
            put_spaces(indent, out);
            column = indent;
            is_line_empty = true;
        }
        if (!is_line_empty) {
            putc(' ', out);
            column++;
        }
        fwrite(word, 1, length, out);
        column += columns;
        is_line_empty = false;
        word += length;
    }
    putc('\n', out);
}

/* --- JSON --- */

cJSON *assay_json_number(double value) {
    if (!isfinite(value))
        return cJSON_CreateNull();
    char text[40];
    assay_double_format(value, text, sizeof text);
    return cJSON_CreateRaw(text);
}

bool assay_json_add(cJSON *object, const char *name, cJSON *item) {
    if (item != NULL && object != NULL && cJSON_AddItemToObject(object, name, item))
        return true;
    cJSON_Delete(item);
    return false;
}

assay_status assay_json_write(cJSON *json, FILE *out, assay_error *err) {
    char *text = json == NULL ? NULL : cJSON_Print(json);
    cJSON_Delete(json);
    if (text == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for JSON");
    fputs(text, out);
    putc('\n', out);
    cJSON_free(text);
    return ASSAY_OK;
}

assay_status assay_json_text(cJSON *json, char **out_text, assay_error *err) {
    *out_text = json == NULL ? NULL : cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return *out_text == NULL ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for JSON") : ASSAY_OK;
}

bool assay_json_read_texts(const cJSON *object, const char *name, char ***out_texts, size_t *out_n) {
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, name), *item;
    *out_texts = NULL;
    *out_n = 0;
    if (!cJSON_IsArray(array))
        return false;
    *out_texts = calloc((size_t)cJSON_GetArraySize(array) + 1, sizeof **out_texts);
    cJSON_ArrayForEach(item, array) {
        if (*out_texts == NULL || !cJSON_IsString(item))
            return false;
        (*out_texts)[*out_n] = strdup(item->valuestring);
        if ((*out_texts)[*out_n] == NULL)
            return false;
        ++*out_n;
    }
    return *out_texts != NULL;
}

void assay_free_texts(char **texts, size_t n) {
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
}
