/* The journal of a publication: writing, applying, recovering. See publish.c for the invariants.
 *
 * A journal is lines `put <TAB> number <TAB> target` and `remove <TAB> target`, and a last line `end`.
 */
#include "publish_journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "publish.h"
#include "store.h"

bool assay_journal_sync(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool synced = fsync(fd) == 0 || errno == EINVAL; /* some file systems cannot sync a folder */
    int why = errno;
    (void)close(fd);
    errno = why;
    return synced;
}

assay_status assay_journal_lock(const char *area, int *out_fd, assay_error *err) {
    char *path = assay_text_format("%s/write.lock", area);
    if (path == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while locking %s", area);
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    int failed = fd < 0 ? -1 : 0;
    while (fd >= 0 && (failed = flock(fd, LOCK_EX)) != 0 && errno == EINTR) {
    }
    assay_status status = ASSAY_OK;
    if (failed != 0) {
        status = assay_error_set(err, ASSAY_E_IO, "cannot lock %s: %s; nothing was changed", path,
                                 strerror(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
    } else {
        *out_fd = fd;
    }
    free(path);
    return status;
}

/* --- writing --- */

static bool write_lines(FILE *file, const assay_change *change, size_t n_changes) {
    for (size_t pass = 0; pass < 2; pass++) { /* puts, then removals */
        for (size_t i = 0; i < n_changes; i++) {
            bool put = change[i].temporary != NULL;
            if (pass == 0 && put && fprintf(file, "put\t%zu\t%s\n", change[i].number, change[i].target) < 0) {
                return false;
            }
            if (pass == 1 && !put && fprintf(file, "remove\t%s\n", change[i].target) < 0) {
                return false;
            }
        }
    }
    return fprintf(file, "end\n") > 0 && fflush(file) == 0 && fsync(fileno(file)) == 0;
}

bool assay_journal_write(const char *scratch, const assay_change *change, size_t n_changes) {
    char *draft = assay_text_format("%s/journal.new", scratch);
    char *final = assay_text_format("%s/journal", scratch);
    bool written = false;
    if (draft == NULL || final == NULL) {
        errno = ENOMEM;
    } else {
        FILE *file = fopen(draft, "we");
        if (file != NULL) {
            written = write_lines(file, change, n_changes);
            int why = errno;
            written = fclose(file) == 0 && written;
            errno = why;
        }
        /* The new files' names have to be on disk before the journal's. */
        written = written && assay_journal_sync(scratch) && rename(draft, final) == 0;
        if (written) {
            (void)assay_journal_sync(scratch);
        }
    }
    int why = errno;
    free(draft);
    free(final);
    errno = why;
    return written;
}

bool assay_journal_note_folders(const char *scratch, const assay_change *change, size_t n_changes) {
    char *path = assay_text_format("%s/folders", scratch);
    FILE *file = path == NULL ? NULL : fopen(path, "we");
    bool written = file != NULL;
    const char *last = "";
    size_t last_size = 0;
    for (size_t i = 0; written && i < n_changes; i++) {
        const char *target = change[i].target, *slash = strrchr(target, '/');
        size_t size = slash == NULL ? 0 : (size_t)(slash - target);
        if (change[i].temporary != NULL && (size != last_size || strncmp(target, last, size) != 0)) {
            written = fprintf(file, "%.*s\n", (int)size, target) > 0;
            last = target;
            last_size = size;
        }
    }
    int why = path == NULL ? ENOMEM : errno;
    if (file != NULL && fclose(file) != 0) {
        why = errno;
        written = false;
    }
    free(path);
    errno = why;
    return written;
}

void assay_journal_forget_folders(const char *scratch) {
    char *path = assay_text_format("%s/folders", scratch);
    if (path != NULL) {
        (void)unlink(path);
    }
    free(path);
}

/* --- applying --- */

/* Syncs the folder of `path` unless it is the one that was synced last. */
static void sync_parent(const char *path, char **last) {
    const char *slash = strrchr(path, '/');
    size_t size = (size_t)(slash - path);
    if (*last != NULL && strlen(*last) == size && strncmp(*last, path, size) == 0) {
        return;
    }
    if (*last != NULL) {
        (void)assay_journal_sync(*last);
    }
    free(*last);
    *last = assay_text_format("%.*s", (int)size, path);
}

static bool make_parents(const char *folder, char *path) {
    for (char *c = path + strlen(folder) + 1; *c != '\0'; c++) {
        if (*c == '/') {
            *c = '\0';
            bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
            *c = '/';
            if (!made) {
                return false;
            }
        }
    }
    return true;
}

/* Done already is success. */
static bool apply_one(const char *folder, const assay_change *change, char *path) {
    if (change->temporary == NULL) {
        return unlink(path) == 0 || errno == ENOENT;
    }
    if (rename(change->temporary, path) == 0 || access(change->temporary, F_OK) != 0) {
        return true;
    }
    return make_parents(folder, path) && rename(change->temporary, path) == 0;
}

/* After a removal: folders that have become empty go too, up to the table's own. */
static void remove_empty_parents(const char *folder, char *path) {
    size_t keep = strlen(folder) + 1;
    for (char *slash; (slash = strrchr(path, '/')) != NULL;) {
        *slash = '\0';
        if (strlen(path) <= keep || strchr(path + keep, '/') == NULL ||
            (rmdir(path) != 0 && errno != ENOENT)) {
            return;
        }
    }
}

assay_status assay_journal_apply(const char *folder, const char *scratch, const assay_change *change,
                                 size_t n_changes, assay_error *err) {
    assay_status status = ASSAY_OK;
    char *synced = NULL;
    for (int pass = 0; pass < 2 && status == ASSAY_OK; pass++) {
        for (size_t i = 0; i < n_changes && status == ASSAY_OK; i++) {
            if ((change[i].temporary == NULL) != (pass == 1)) {
                continue;
            }
            char *path = assay_text_format("%s/%s", folder, change[i].target);
            if (path == NULL || !apply_one(folder, &change[i], path)) {
                status = assay_error_set(
                    err, ASSAY_E_IO,
                    "cannot put %s into the database %s: %s; the change is complete in %s and will "
                    "be finished when the database is opened next",
                    change[i].target, folder, strerror(path == NULL ? ENOMEM : errno), scratch);
            } else {
                sync_parent(path, &synced);
                if (pass == 1) {
                    remove_empty_parents(folder, path);
                }
            }
            free(path);
        }
    }
    if (synced != NULL) {
        (void)assay_journal_sync(synced);
    }
    free(synced);
    char *journal = assay_text_format("%s/journal", scratch);
    if (status == ASSAY_OK && journal != NULL) {
        (void)unlink(journal);
    }
    free(journal);
    return status;
}

/* --- recovering --- */

static void remove_scratch(const char *scratch) {
    DIR *dir = opendir(scratch);
    if (dir == NULL) {
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char *path = assay_text_format("%s/%s", scratch, entry->d_name);
        if (path != NULL && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlink(path) != 0) {
            (void)rmdir(path);
        }
        free(path);
    }
    (void)closedir(dir);
    (void)rmdir(scratch);
}

/* Takes away the empty folders and the probe files of a process that died before its commit. */
static void remove_traces(const char *area, const char *name, const char *scratch) {
    char *noted = assay_text_format("%s/folders", scratch), *line = NULL;
    FILE *file = noted == NULL ? NULL : fopen(noted, "re");
    size_t size = 0, area_size = strlen(area) - strlen(".assay");
    for (ssize_t n; file != NULL && (n = getline(&line, &size, file)) > 0;) {
        line[n - 1] = line[n - 1] == '\n' ? '\0' : line[n - 1];
        char *probe = assay_text_format("%.*s%s/.assay-probe-%s", (int)area_size, area, line, name);
        if (probe != NULL) {
            (void)unlink(probe);
            for (char *slash; (slash = strrchr(probe, '/')) != NULL && slash > probe + area_size;) {
                *slash = '\0';
                if (rmdir(probe) != 0 && errno != ENOENT) {
                    break;
                }
            }
        }
        free(probe);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    free(line);
    free(noted);
}

void assay_journal_discard_unless_committed(const char *area, const char *name) {
    char *journal = assay_text_format("%s/%s/journal", area, name);
    char *scratch = assay_text_format("%s/%s", area, name);
    char *lock = assay_text_format("%s/%s.lock", area, name);
    if (journal != NULL && scratch != NULL && lock != NULL && access(journal, F_OK) != 0) {
        remove_traces(area, name, scratch);
        remove_scratch(scratch);
        (void)unlink(lock);
    }
    free(journal);
    free(scratch);
    free(lock);
}

/* Reads a journal's lines into changes. False: cannot be read, or not whole. */
static bool read_journal(FILE *file, const char *scratch, assay_change **out_change, size_t *out_count) {
    char *line = NULL;
    size_t size = 0, capacity = 0;
    bool whole = false, failed = false;
    for (ssize_t n; !failed && !whole && (n = getline(&line, &size, file)) > 0;) {
        line[n - 1] = line[n - 1] == '\n' ? '\0' : line[n - 1];
        if (strcmp(line, "end") == 0) {
            whole = true;
            continue;
        }
        if (*out_count == capacity) {
            capacity = capacity == 0 ? 16 : capacity * 2;
            assay_change *grown = realloc(*out_change, capacity * sizeof *grown);
            if (grown == NULL) {
                failed = true;
                break;
            }
            *out_change = grown;
        }
        assay_change change = {0};
        if (strncmp(line, "put\t", 4) == 0) {
            char *tab = NULL;
            change.number = strtoul(line + 4, &tab, 10);
            failed = *tab != '\t';
            change.target = failed ? NULL : assay_text_format("%s", tab + 1);
            change.temporary = assay_text_format("%s/%zu", scratch, change.number);
            failed = failed || change.temporary == NULL;
        } else if (strncmp(line, "remove\t", 7) == 0) {
            change.target = assay_text_format("%s", line + 7);
        }
        (*out_change)[(*out_count)++] = change;
        failed = failed || change.target == NULL;
    }
    free(line);
    return whole && !failed;
}

/* Applies AREA/NAME/journal, where there is one. The caller owns NAME. */
static assay_status finish_set(const char *folder, const char *area, const char *name, assay_error *err) {
    char *scratch = assay_text_format("%s/%s", area, name);
    char *path = assay_text_format("%s/%s/journal", area, name);
    assay_change *change = NULL;
    size_t n_changes = 0;
    assay_status status = ASSAY_OK;
    if (scratch == NULL || path == NULL) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "out of memory while opening %s", folder);
    } else {
        FILE *file = fopen(path, "re");
        if (file != NULL) {
            if (read_journal(file, scratch, &change, &n_changes)) {
                status = assay_journal_apply(folder, scratch, change, n_changes, err);
            } else {
                status = assay_error_set(err, ASSAY_E_IO,
                                         "the journal %s of an unfinished change cannot be read", path);
            }
            (void)fclose(file);
        } else if (errno != ENOENT && errno != ENOTDIR) {
            status =
                assay_error_set(err, ASSAY_E_IO, "cannot read the journal %s: %s", path, strerror(errno));
        }
    }
    for (size_t i = 0; i < n_changes; i++) {
        free(change[i].target);
        free(change[i].temporary);
    }
    free(change);
    free(scratch);
    free(path);
    return status;
}

/* Takes NAME over if its owner is dead; false: alive. */
static bool take_over(const char *area, const char *name, int *out_fd) {
    *out_fd = -1;
    char *lock = assay_text_format("%s/%s.lock", area, name);
    if (lock == NULL) {
        return false;
    }
    int fd = open(lock, O_RDWR | O_CLOEXEC);
    bool missing = fd < 0 && errno == ENOENT;
    free(lock);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return false;
    }
    *out_fd = fd;
    return fd >= 0 || missing;
}

/* Calls for each set (name without ".lock") whose owner is dead; NULL visit: only counts. */
static assay_status visit_dead(const char *folder, const char *area, bool finish, size_t *out_count,
                               assay_error *err) {
    *out_count = 0;
    DIR *dir = opendir(area);
    if (dir == NULL) {
        return errno == ENOENT
                   ? ASSAY_OK
                   : assay_error_set(err, ASSAY_E_IO, "cannot read %s: %s", area, strerror(errno));
    }
    assay_status status = ASSAY_OK;
    for (struct dirent *entry; status == ASSAY_OK && (entry = readdir(dir)) != NULL;) {
        char name[sizeof entry->d_name];
        int fd = -1;
        size_t size = strlen(entry->d_name);
        memcpy(name, entry->d_name, size + 1);
        if (strncmp(name, "txn-", 4) != 0) {
            continue;
        }
        if (size > 5 && strcmp(name + size - 5, ".lock") == 0) {
            name[size - 5] = '\0';
        }
        if (!take_over(area, name, &fd)) {
            continue;
        }
        (*out_count)++;
        if (finish) {
            status = finish_set(folder, area, name, err);
            if (status == ASSAY_OK) {
                assay_journal_discard_unless_committed(area, name);
            }
        }
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    (void)closedir(dir);
    return status;
}

assay_status assay_journal_recover_locked(const char *folder, const char *area, assay_error *err) {
    size_t count;
    return visit_dead(folder, area, true, &count, err);
}

assay_status assay_publish_recover(const char *folder, assay_error *err) {
    char *area = assay_text_format("%s/.assay", folder);
    size_t count = 0;
    int fd = -1;
    if (area == NULL) {
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while opening %s", folder);
    }
    /* Looking needs no lock, and finds nothing nearly always: readers then wait for nobody. */
    assay_status status = visit_dead(folder, area, false, &count, err);
    if (status == ASSAY_OK && count > 0) {
        status = assay_journal_lock(area, &fd, err);
        if (status == ASSAY_OK) {
            status = assay_journal_recover_locked(folder, area, err);
            (void)close(fd);
        }
    }
    free(area);
    return status;
}
