/* The Parquet files of a table folder, at any depth.
 *
 * Invariant: the order is a function of the names alone (natural order), never of the file system: "the later file wins"
 * and the order of rows must not change between machines.
 */
#include "table_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "store.h"

enum { MAX_DEPTH = 32 }; /* a loop of links ends here */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

int assay_files_compare(const char *a, const char *b) {
    while (*a != '\0' && *b != '\0') {
        if (is_digit(*a) && is_digit(*b)) {
            const char *start_a = a, *start_b = b;
            a += strspn(a, "0");
            b += strspn(b, "0");
            size_t n_a = strspn(a, "0123456789"), n_b = strspn(b, "0123456789");
            int order = n_a != n_b ? (n_a < n_b ? -1 : 1) : strncmp(a, b, n_a);
            if (order == 0 && (a - start_a) != (b - start_b)) {
                order =
                    (a - start_a) < (b - start_b) ? -1 : 1; /* 1 before 01: any order, but always the same */
            }
            if (order != 0) {
                return order;
            }
            a += n_a;
            b += n_b;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return *a == *b ? 0 : (*a == '\0' ? -1 : 1);
}

static int compare_pointers(const void *a, const void *b) {
    return assay_files_compare(*(char *const *)a, *(char *const *)b);
}

static int compare_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t assay_files_bytes(const assay_files *files) {
    size_t bytes = 0;
    struct stat info;
    for (size_t i = 0; i < files->count; i++) {
        bytes += stat(files->path[i], &info) == 0 && info.st_size > 0 ? (size_t)info.st_size : 0;
    }
    return bytes;
}

void assay_files_reset(assay_files *files) {
    for (size_t i = 0; i < files->count; i++) {
        free(files->path[i]);
    }
    free(files->path);
    *files = (assay_files){0};
}

/* Takes ownership of `path`. */
static assay_status files_push(assay_files *files, char *path, assay_error *err) {
    if (path != NULL && files->count == files->capacity) {
        size_t capacity = files->capacity == 0 ? 64 : files->capacity * 2;
        char **grown = realloc(files->path, capacity * sizeof *grown);
        if (grown == NULL) {
            free(path);
            path = NULL;
        } else {
            files->path = grown;
            files->capacity = capacity;
        }
    }
    if (path == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while listing files");
    }
    files->path[files->count++] = path;
    return ASSAY_OK;
}

static bool has_parquet_suffix(const char *name) {
    static const char suffix[] = ".parquet";
    size_t size = strlen(name), n = sizeof suffix - 1;
    return size > n && strcasecmp(name + size - n, suffix) == 0;
}

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static assay_status walk(const char *folder, int depth, assay_files *files, assay_error *err) {
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        if (depth == 0 && errno == ENOENT) {
            return ASSAY_OK;
        }
        return assay_error_set(err, ASSAY_E_IO, "cannot read folder %s: %s", folder, strerror(errno));
    }
    assay_status status = ASSAY_OK;
    for (struct dirent *entry; status == ASSAY_OK && (entry = readdir(dir)) != NULL;) {
        const char *name = entry->d_name;
        if (name[0] == '.' || name[0] == '_') {
            continue;
        }
        char *path = assay_text_format("%s/%s", folder, name);
        if (path == NULL) {
            status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory while listing files");
        } else if (is_folder(path)) {
            if (depth >= MAX_DEPTH) {
                status = assay_error_set(err, ASSAY_E_IO,
                                         "%s: folders lie deeper than %d; is a link going in circles?", path,
                                         MAX_DEPTH);
            } else {
                status = walk(path, depth + 1, files, err);
            }
            free(path);
        } else if (has_parquet_suffix(name)) {
            status = files_push(files, path, err);
        } else {
            free(path);
        }
    }
    (void)closedir(dir);
    return status;
}

assay_status assay_files_list(const char *folder, const char *table, assay_files *out_files,
                              assay_error *err) {
    *out_files = (assay_files){0};
    char *path = assay_text_format("%s/%s", folder, table);
    if (path == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while listing files");
    }
    assay_status status = walk(path, 0, out_files, err);
    free(path);
    if (status == ASSAY_OK && out_files->count > 1) {
        qsort(out_files->path, out_files->count, sizeof *out_files->path, compare_pointers);
    }
    return status;
}

assay_status assay_files_of_run(const char *folder, const char *table, const char *run_id,
                                assay_files *out_files, assay_error *err) {
    assay_status status = assay_files_list(folder, table, out_files, err);
    char *name = assay_text_format("/%s.parquet", run_id);
    if (status != ASSAY_OK || name == NULL) {
        free(name);
        return status != ASSAY_OK ? status
                                  : assay_error_set(err, ASSAY_E_NOMEM, "out of memory while listing files");
    }
    size_t kept = 0;
    for (size_t i = 0; i < out_files->count; i++) {
        if (strcmp(strrchr(out_files->path[i], '/'), name) == 0) {
            char *path = out_files->path[i];
            out_files->path[i] = out_files->path[kept];
            out_files->path[kept++] = path;
        }
    }
    for (size_t i = kept; kept > 0 && i < out_files->count; i++) {
        free(out_files->path[i]);
    }
    out_files->count = kept > 0 ? kept : out_files->count;
    free(name);
    return ASSAY_OK;
}

assay_status assay_files_tables(const char *folder, assay_files *out_names, assay_error *err) {
    *out_names = (assay_files){0};
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return assay_error_set(err, ASSAY_E_IO, "cannot read folder %s: %s", folder, strerror(errno));
    }
    assay_status status = ASSAY_OK;
    for (struct dirent *entry; status == ASSAY_OK && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.' || entry->d_name[0] == '_') {
            continue;
        }
        char *path = assay_text_format("%s/%s", folder, entry->d_name);
        if (path == NULL || is_folder(path)) {
            status = files_push(out_names, path == NULL ? NULL : assay_text_format("%s", entry->d_name), err);
        }
        free(path);
    }
    (void)closedir(dir);
    if (status == ASSAY_OK && out_names->count > 1) {
        qsort(out_names->path, out_names->count, sizeof *out_names->path, compare_bytes);
    }
    return status;
}
