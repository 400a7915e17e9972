/* The parts of a sweep in the making: what is finished outlives the process.
 *
 * FOLDER/.assay/sweeps/
 *     NAME.lock               flock held by the process that works on NAME
 *     NAME/manifest           the plan, one "key<TAB>value" a line; its appearance (a rename) begins the sweep
 *     NAME/r<R>-<P>.part      metrics of part P of rung R: doubles, then a hash of them; whole or not there
 *     NAME/kept-<I>-<TABLE>.parquet   the records of a point that is kept
 *
 * Invariant: a part is a function of the manifest and its number, so it does not matter which process made it, and a damaged
 * one is as good as none.
 */
#include "write_sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"

enum { MAX_SWEEP_ID = 96 };

bool assay_sweep_id_is_good(const char *text) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t size = text == NULL ? 0 : strlen(text);
    return size >= 1 && size <= MAX_SWEEP_ID && strspn(text, allowed) == size && text[0] != '.' &&
           text[0] != '_' && text[0] != '-' && strstr(text, ".shard-") == NULL;
}

static assay_status io_error(assay_error *err, const char *what, const char *path) {
    return assay_error_set(err, errno == ENOMEM ? ASSAY_E_NOMEM : ASSAY_E_IO, "%s %s: %s", what, path,
                           strerror(errno));
}

static bool make_folder(const char *path) {
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

/* --- whole files --- */

/* Writes PATH beside and renames it there. False with errno. */
static bool write_whole(const char *path, const void *bytes, size_t size, const void *more,
                        size_t more_size) {
    char *beside = assay_text_format("%s.new", path);
    FILE *file = beside == NULL ? NULL : fopen(beside, "wbe");
    bool is_good = file != NULL && fwrite(bytes, 1, size, file) == size &&
                   (more_size == 0 || fwrite(more, 1, more_size, file) == more_size) && fflush(file) == 0;
    int why = errno;
    if (file != NULL && fclose(file) != 0 && is_good) {
        why = errno;
        is_good = false;
    }
    if (is_good && rename(beside, path) != 0) {
        why = errno;
        is_good = false;
    }
    if (!is_good && beside != NULL) {
        (void)unlink(beside);
    }
    free(beside);
    errno = why;
    return is_good;
}

/* The whole file as text; NULL with errno. */
static char *read_text(const char *path) {
    FILE *file = fopen(path, "rbe");
    struct stat info;
    char *text = NULL;
    if (file != NULL && fstat(fileno(file), &info) == 0) {
        size_t size = (size_t)info.st_size;
        text = malloc(size + 1);
        if (text != NULL) {
            text[fread(text, 1, size, file)] = '\0';
        }
    }
    int why = errno;
    if (file != NULL) {
        (void)fclose(file);
    }
    errno = why;
    return text;
}

/* --- the manifest --- */

/* "key<TAB>value<NEWLINE>" for each key; tabs and newlines do not occur in them. */
static char *manifest_text(const assay_sweep_key *keys, size_t n_keys, int64_t begun_us) {
    assay_sql text = {0};
    for (size_t i = 0; i < n_keys; i++) {
        assay_sql_add(&text, "%s\t%s\n", keys[i].name, keys[i].value == NULL ? "" : keys[i].value);
    }
    assay_sql_add(&text, "begun\t%" PRId64 "\n", begun_us);
    if (text.failed) {
        assay_sql_reset(&text);
        return NULL;
    }
    return text.text;
}

/* The value of a key in a manifest, cut at `size`; false: it has no such key. */
static bool manifest_value(const char *manifest, const char *key, char *out_value, size_t size) {
    size_t key_size = strlen(key);
    for (const char *line = manifest; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        if (n > key_size && strncmp(line, key, key_size) == 0 && line[key_size] == '\t') {
            (void)snprintf(out_value, size, "%.*s", (int)(n - key_size - 1), line + key_size + 1);
            return true;
        }
        line += n + (line[n] == '\n');
    }
    return false;
}

/* The first place where two long texts differ, so that the message shows that and not their common beginning. */
static size_t first_difference(const char *a, const char *b) {
    size_t i = 0;
    while (a[i] != '\0' && a[i] == b[i]) {
        i++;
    }
    return i > 24 ? i - 24 : 0;
}

static assay_status compare_manifest(const assay_sweep_store *sweep, const char *there,
                                     const assay_sweep_key *keys, size_t n_keys, assay_error *err) {
    size_t size = strlen(there) + 1;
    char *value = malloc(size);
    if (value == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the plan of sweep %s", sweep->sweep_id);
    }
    assay_status status = ASSAY_OK;
    for (size_t i = 0; status == ASSAY_OK && i < n_keys; i++) {
        const char *now = keys[i].value == NULL ? "" : keys[i].value;
        value[0] = '\0';
        if (manifest_value(there, keys[i].name, value, size) && strcmp(value, now) == 0) {
            continue;
        }
        size_t at = first_difference(value, now);
        const char *dots = at == 0 ? "" : "...";
        status =
            assay_error_set(err, ASSAY_E_CONFIG,
                            "the unfinished sweep %s has another plan: its %s is '%s%.120s', and here it "
                            "is '%s%.120s'; use another --sweep-id, or --restart to begin it anew",
                            sweep->name, keys[i].name, dots, value + at, dots, now + at);
    }
    free(value);
    return status;
}

static int64_t now_us(void) {
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static assay_status open_manifest(assay_sweep_store *sweep, const assay_sweep_key *keys, size_t n_keys,
                                  assay_error *err) {
    char *path = assay_text_format("%s/manifest", sweep->folder);
    char *there = path == NULL ? NULL : read_text(path);
    assay_status status = ASSAY_OK;
    char begun[32] = "";
    if (path == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the sweep %s", sweep->sweep_id);
    } else if (there != NULL) {
        status = compare_manifest(sweep, there, keys, n_keys, err);
        sweep->begun_us = manifest_value(there, "begun", begun, sizeof begun) ? strtoll(begun, NULL, 10) : 0;
    } else if (errno != ENOENT) {
        status = io_error(err, "cannot read", path);
    } else {
        sweep->begun_us = now_us();
        char *text = manifest_text(keys, n_keys, sweep->begun_us);
        if (text == NULL || !write_whole(path, text, strlen(text), NULL, 0)) {
            status = io_error(err, "cannot write", path);
        }
        free(text);
    }
    free(there);
    free(path);
    return status;
}

/* --- begin and end --- */

static assay_status take_lock(assay_sweep_store *sweep, assay_error *err) {
    char *path = assay_text_format("%s.lock", sweep->folder);
    sweep->lock_fd = path == NULL ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    assay_status status = ASSAY_OK;
    if (sweep->lock_fd < 0) {
        status = io_error(err, "cannot make", path == NULL ? "a lock" : path);
    } else if (flock(sweep->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        status =
            assay_error_set(err, ASSAY_E_IO,
                            "the sweep %s is being worked on by another process; wait for it, or use another "
                            "--sweep-id",
                            sweep->name);
    }
    free(path);
    return status;
}

static void remove_files(const char *folder) {
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char *path = assay_text_format("%s/%s", folder, entry->d_name);
        if (path != NULL && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            (void)unlink(path);
        }
        free(path);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

void assay_sweep_forget(assay_sweep_store *sweep) {
    /* The manifest first: without it nothing of the rest is believed. */
    char *manifest = assay_text_format("%s/manifest", sweep->folder);
    if (manifest != NULL) {
        (void)unlink(manifest);
    }
    free(manifest);
    remove_files(sweep->folder);
    (void)rmdir(sweep->folder);
}

/* Parts without a manifest are of a sweep that ended. */
static void clear_unless_begun(const assay_sweep_store *sweep) {
    char *manifest = assay_text_format("%s/manifest", sweep->folder);
    if (manifest != NULL && access(manifest, F_OK) != 0) {
        remove_files(sweep->folder);
    }
    free(manifest);
}

static assay_status make_folders(assay_sweep_store *sweep, assay_error *err) {
    char *area = assay_text_format("%s/.assay", sweep->store->folder);
    char *sweeps = assay_text_format("%s/.assay/sweeps", sweep->store->folder);
    assay_status status = ASSAY_OK;
    if (area == NULL || sweeps == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the sweep %s", sweep->sweep_id);
    } else if (!make_folder(area) || !make_folder(sweeps) || !make_folder(sweep->folder)) {
        status = io_error(err, "cannot make the folder", sweep->folder);
    }
    free(area);
    free(sweeps);
    return status;
}

assay_status assay_store_sweep_begin(assay_store *store, const char *sweep_id, assay_shard_name shard,
                                     bool restart, const assay_sweep_key *keys, size_t n_keys,
                                     assay_sweep_store **out_sweep, assay_error *err) {
    *out_sweep = NULL;
    if (!assay_sweep_id_is_good(sweep_id)) {
        return assay_error_set(
            err, ASSAY_E_CONFIG,
            "the sweep id '%.120s' cannot be a file name: use 1 to %d letters, digits, '.', '_' "
            "and '-', beginning with a letter or digit, without '.shard-'",
            sweep_id == NULL ? "" : sweep_id, MAX_SWEEP_ID);
    }
    assay_sweep_store *sweep = calloc(1, sizeof *sweep);
    if (sweep == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the sweep %s", sweep_id);
    }
    *sweep = (assay_sweep_store){.store = store, .shard = shard, .lock_fd = -1};
    sweep->sweep_id = assay_text_format("%s", sweep_id);
    sweep->name = shard.count <= 1 ? assay_text_format("%s", sweep_id)
                                   : assay_text_format("%s.shard-%" PRIu64 "-of-%" PRIu64, sweep_id,
                                                       shard.index + 1, shard.count);
    sweep->folder =
        sweep->name == NULL ? NULL : assay_text_format("%s/.assay/sweeps/%s", store->folder, sweep->name);
    assay_status status = ASSAY_OK;
    if (sweep->sweep_id == NULL || sweep->folder == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for the sweep %s", sweep_id);
    }
    if (status == ASSAY_OK) {
        status = make_folders(sweep, err);
    }
    if (status == ASSAY_OK) {
        status = take_lock(sweep, err);
    }
    if (status == ASSAY_OK) {
        if (restart) {
            remove_files(sweep->folder);
        }
        clear_unless_begun(sweep);
        status = open_manifest(sweep, keys, n_keys, err);
    }
    if (status != ASSAY_OK) {
        assay_store_sweep_end(sweep);
        return status;
    }
    *out_sweep = sweep;
    return ASSAY_OK;
}

void assay_store_sweep_end(assay_sweep_store *sweep) {
    if (sweep == NULL) {
        return;
    }
    if (sweep->lock_fd >= 0) {
        /* The lock goes with the last sweep; one that is waited for by name is never deleted, for nobody waits. */
        char *path = assay_text_format("%s.lock", sweep->folder);
        if (path != NULL && access(sweep->folder, F_OK) != 0) {
            (void)unlink(path);
        }
        free(path);
        (void)close(sweep->lock_fd);
    }
    free(sweep->sweep_id);
    free(sweep->name);
    free(sweep->folder);
    free(sweep);
}

int64_t assay_store_sweep_begun_us(const assay_sweep_store *sweep) {
    return sweep->begun_us;
}

/* --- parts --- */

static char *part_path(const assay_sweep_store *sweep, unsigned rung, uint64_t part) {
    return assay_text_format("%s/r%u-%" PRIu64 ".part", sweep->folder, rung, part);
}

char *assay_sweep_kept_path(const assay_sweep_store *sweep, size_t index, size_t table) {
    return assay_text_format("%s/kept-%zu-%zu.parquet", sweep->folder, index, table);
}

bool assay_store_sweep_read_part(const assay_sweep_store *sweep, unsigned rung, uint64_t part,
                                 double *out_values, size_t n_values) {
    char *path = part_path(sweep, rung, part);
    FILE *file = path == NULL ? NULL : fopen(path, "rbe");
    uint64_t hash = 0;
    char more;
    bool is_good = file != NULL && fread(out_values, sizeof *out_values, n_values, file) == n_values &&
                   fread(&hash, sizeof hash, 1, file) == 1 && fread(&more, 1, 1, file) == 0 &&
                   hash == assay_hash_key(out_values, n_values * sizeof *out_values);
    if (file != NULL) {
        (void)fclose(file);
    }
    free(path);
    return is_good;
}

bool assay_store_sweep_has_part(const assay_sweep_store *sweep, unsigned rung, uint64_t part,
                                size_t n_values) {
    char *path = part_path(sweep, rung, part);
    struct stat info;
    bool has = path != NULL && stat(path, &info) == 0 &&
               (uint64_t)info.st_size == (uint64_t)n_values * sizeof(double) + sizeof(uint64_t);
    free(path);
    return has;
}

assay_status assay_store_sweep_write_part(assay_sweep_store *sweep, unsigned rung, uint64_t part,
                                          const double *values, size_t n_values, assay_error *err) {
    char *path = part_path(sweep, rung, part);
    uint64_t hash = assay_hash_key(values, n_values * sizeof *values);
    assay_status status = ASSAY_OK;
    if (path == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a part of sweep %s", sweep->sweep_id);
    } else if (!write_whole(path, values, n_values * sizeof *values, &hash, sizeof hash)) {
        status = io_error(err, "cannot write", path);
    }
    free(path);
    return status;
}
