/* Copies of folders of files, byte for byte. */
#include "copy_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store.h"

enum { MAX_DEPTH = 32 };

typedef struct copying {
    const char *from, *to;
    assay_copy_filter wants;
    const void *context;
} copying;

static assay_status copy_file(const char *from, const char *to, assay_error *err) {
    FILE *in = fopen(from, "rb");
    FILE *out = in == NULL ? NULL : fopen(to, "wb");
    bool is_good = out != NULL;
    char block[65536];
    for (size_t n; is_good && (n = fread(block, 1, sizeof block, in)) > 0;) {
        is_good = fwrite(block, 1, n, out) == n;
    }
    is_good = is_good && ferror(in) == 0;
    int reason = errno;
    if (in != NULL) {
        (void)fclose(in);
    }
    if (out != NULL && fclose(out) != 0) {
        reason = errno;
        is_good = false;
    }
    return is_good ? ASSAY_OK
                   : assay_error_set(err, ASSAY_E_IO, "cannot copy %s to %s: %s", from, to, strerror(reason));
}

assay_status assay_make_parents(const char *path, assay_error *err) {
    char *copy = assay_text_format("%s", path);
    if (copy == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a path");
    }
    assay_status status = ASSAY_OK;
    for (char *c = copy + 1; *c != '\0' && status == ASSAY_OK; c++) {
        if (*c != '/') {
            continue;
        }
        *c = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST) {
            status = assay_error_set(err, ASSAY_E_IO, "cannot make the folder %s: %s", copy, strerror(errno));
        }
        *c = '/';
    }
    free(copy);
    return status;
}

static assay_status copy_below(const copying *job, const char *below, int depth, assay_error *err);

/* One entry: `path` below both folders. */
static assay_status copy_entry(const copying *job, const char *path, int depth, assay_error *err) {
    struct stat info;
    char *from = assay_text_format("%s/%s", job->from, path);
    char *to = assay_text_format("%s/%s", job->to, path);
    assay_status status = ASSAY_OK;
    if (from == NULL || to == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory while copying %s", job->from);
    } else if (stat(from, &info) != 0) {
        status = assay_error_set(err, ASSAY_E_IO, "cannot copy %s: %s", from, strerror(errno));
    } else if (S_ISDIR(info.st_mode)) {
        if (mkdir(to, 0777) != 0 && errno != EEXIST) {
            status = assay_error_set(err, ASSAY_E_IO, "cannot make the folder %s: %s", to, strerror(errno));
        } else {
            status = copy_below(job, path, depth + 1, err);
        }
    } else if (S_ISREG(info.st_mode)) {
        status = copy_file(from, to, err);
    }
    free(from);
    free(to);
    return status;
}

static assay_status copy_below(const copying *job, const char *below, int depth, assay_error *err) {
    char *folder = assay_text_format("%s/%s", job->from, below);
    DIR *dir = folder == NULL || depth > MAX_DEPTH ? NULL : opendir(folder);
    assay_status status = ASSAY_OK;
    if (dir == NULL) {
        status =
            assay_error_set(err, ASSAY_E_IO, "cannot read the folder %s: %s", folder == NULL ? below : folder,
                            depth > MAX_DEPTH ? "folders lie too deep in each other" : strerror(errno));
    }
    for (const struct dirent *item; dir != NULL && status == ASSAY_OK && (item = readdir(dir)) != NULL;) {
        if (item->d_name[0] == '.') {
            continue;
        }
        char *path = assay_text_format("%s%s%s", below, below[0] == '\0' ? "" : "/", item->d_name);
        if (path == NULL) {
            status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory while copying %s", job->from);
        } else if (job->wants(job->context, path)) {
            status = copy_entry(job, path, depth, err);
        }
        free(path);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    free(folder);
    return status;
}

assay_status assay_copy_folder(const char *from, const char *to, assay_copy_filter wants, const void *context,
                               assay_error *err) {
    const copying job = {from, to, wants, context};
    return copy_below(&job, "", 0, err);
}

void assay_remove_folder(const char *folder) {
    DIR *dir = opendir(folder);
    for (const struct dirent *item; dir != NULL && (item = readdir(dir)) != NULL;) {
        struct stat info;
        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0) {
            continue;
        }
        char *path = assay_text_format("%s/%s", folder, item->d_name);
        if (path != NULL && lstat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
            assay_remove_folder(path);
        } else if (path != NULL) {
            (void)unlink(path);
        }
        free(path);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    (void)rmdir(folder);
}
