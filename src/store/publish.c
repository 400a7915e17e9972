/* Changing several files of a database at once, all or nothing.
 *
 * FOLDER/.assay/
 *     write.lock          flock: one process publishes at a time
 *     NAME.lock           flock held by the process that owns NAME; NAME = txn-<pid>-<number>
 *     NAME/0, 1, …        new files, complete and on disk before the journal appears
 *     NAME/folders        where they are to go, noted before folders are made there
 *     NAME/journal        the list of changes; its appearance (a rename) is the commit
 *
 * Invariants: before the journal exists no file of the database has changed; from then on applying it again and again,
 * by whoever, leads to the same end, because a change that is done is skipped (its new file is gone from NAME/). A set
 * whose NAME.lock nobody holds belongs to a dead process: with a journal it is applied, without one deleted; publish_journal.c
 * does both, under write.lock, and every publisher does so before it changes anything, so that an old journal is never
 * applied over newer files. write.lock is never deleted.
 */
#define _XOPEN_SOURCE 700 /* sync */

#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "publish_journal.h"
#include "store.h"

enum { SYNC_ONE_BY_ONE = 32 }; /* more new files than this are synced together */

struct assay_publication {
    char *folder;  /* the database */
    char *area;    /* FOLDER/.assay */
    char *name;    /* txn-… */
    char *scratch; /* FOLDER/.assay/txn-… */
    int owner_fd;  /* NAME.lock */
    int write_fd;  /* write.lock; -1 while not held */
    assay_change *change;
    size_t n_changes, capacity;
    size_t n_puts;
    char **made; /* folders made for the targets, parents first */
    size_t n_made;
    bool committed;
};

static assay_status io_error(assay_error *err, const char *what, const char *path) {
    return assay_error_set(err, errno == ENOMEM ? ASSAY_E_NOMEM : ASSAY_E_IO,
                           "%s %s: %s; nothing was changed", what, path, strerror(errno));
}

static assay_status no_memory(assay_error *err) {
    return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while writing; nothing was changed");
}

/* --- begin and end --- */

/* Creates and locks NAME.lock; false with errno where that fails. A recovering process may take the file away between
 * the two steps: then it has no links left, and another is made. */
static bool own_name(assay_publication *publication) {
    static atomic_uint counter; /* a hint only: O_EXCL decides */
    for (int attempt = 0; attempt < 1000; attempt++) {
        free(publication->name);
        publication->name = assay_text_format("txn-%ld-%u", (long)getpid(), atomic_fetch_add(&counter, 1U));
        char *path = assay_text_format("%s/%s.lock", publication->area, publication->name);
        if (publication->name == NULL || path == NULL) {
            free(path);
            errno = ENOMEM;
            return false;
        }
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        int why = errno;
        free(path);
        if (fd < 0 && why != EEXIST) {
            errno = why;
            return false;
        }
        struct stat info;
        if (fd >= 0 && flock(fd, LOCK_EX) == 0 && fstat(fd, &info) == 0 && info.st_nlink > 0) {
            publication->owner_fd = fd;
            return true;
        }
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    errno = EBUSY;
    return false;
}

assay_status assay_publish_begin(const char *folder, assay_publication **out_publication, assay_error *err) {
    *out_publication = NULL;
    assay_publication *publication = calloc(1, sizeof *publication);
    if (publication == NULL) {
        return no_memory(err);
    }
    publication->owner_fd = publication->write_fd = -1;
    publication->folder = assay_text_format("%s", folder);
    publication->area = assay_text_format("%s/.assay", folder);
    if (publication->folder == NULL || publication->area == NULL) {
        assay_publish_end(publication);
        return no_memory(err);
    }
    assay_status status = ASSAY_OK;
    if (mkdir(publication->area, 0777) != 0 && errno != EEXIST) {
        status = io_error(err, "cannot make the folder", publication->area);
    } else if (!own_name(publication)) {
        status = io_error(err, "cannot write in", publication->area);
    } else {
        publication->scratch = assay_text_format("%s/%s", publication->area, publication->name);
        if (publication->scratch == NULL) {
            status = no_memory(err);
        } else if (mkdir(publication->scratch, 0777) != 0) {
            status = io_error(err, "cannot make the folder", publication->scratch);
        }
    }
    if (status != ASSAY_OK) {
        assay_publish_end(publication);
        return status;
    }
    *out_publication = publication;
    return ASSAY_OK;
}

void assay_publish_end(assay_publication *publication) {
    if (publication == NULL) {
        return;
    }
    if (!publication->committed) {
        for (size_t i = publication->n_made; i > 0; i--) {
            (void)rmdir(publication->made[i - 1]);
        }
    }
    if (publication->scratch != NULL) {
        assay_journal_forget_folders(publication->scratch);
    }
    /* A journal that could not be applied stays, with its files, for the next one who opens the database. */
    if (publication->owner_fd >= 0) {
        assay_journal_discard_unless_committed(publication->area, publication->name);
        (void)close(publication->owner_fd);
    }
    if (publication->write_fd >= 0) {
        (void)close(publication->write_fd);
    }
    for (size_t i = 0; i < publication->n_made; i++) {
        free(publication->made[i]);
    }
    for (size_t i = 0; i < publication->n_changes; i++) {
        free(publication->change[i].target);
        free(publication->change[i].temporary);
    }
    free(publication->made);
    free(publication->change);
    free(publication->scratch);
    free(publication->name);
    free(publication->area);
    free(publication->folder);
    free(publication);
}

assay_status assay_publish_lock(assay_publication *publication, assay_error *err) {
    if (publication->write_fd >= 0) {
        return ASSAY_OK;
    }
    assay_status status = assay_journal_lock(publication->area, &publication->write_fd, err);
    if (status == ASSAY_OK) {
        status = assay_journal_recover_locked(publication->folder, publication->area, err);
    }
    return status;
}

/* --- the list of changes --- */

static assay_status add_change(assay_publication *publication, const char *target, bool put,
                               assay_error *err) {
    if (strchr(target, '\n') != NULL) {
        return assay_error_set(err, ASSAY_E_IO, "the file name %s has a line break; rename it", target);
    }
    if (publication->n_changes == publication->capacity) {
        size_t capacity = publication->capacity == 0 ? 16 : publication->capacity * 2;
        assay_change *grown = realloc(publication->change, capacity * sizeof *grown);
        if (grown == NULL) {
            return no_memory(err);
        }
        publication->change = grown;
        publication->capacity = capacity;
    }
    assay_change change = {.target = assay_text_format("%s", target), .temporary = NULL, .number = 0};
    if (put) {
        change.number = publication->n_puts++;
        change.temporary = assay_text_format("%s/%zu", publication->scratch, change.number);
    }
    if (change.target == NULL || (put && change.temporary == NULL)) {
        free(change.target);
        free(change.temporary);
        return no_memory(err);
    }
    publication->change[publication->n_changes++] = change;
    return ASSAY_OK;
}

assay_status assay_publish_put(assay_publication *publication, const char *target, const char **out_temporary,
                               assay_error *err) {
    assay_status status = add_change(publication, target, true, err);
    if (status == ASSAY_OK) {
        *out_temporary = publication->change[publication->n_changes - 1].temporary;
    }
    return status;
}

assay_status assay_publish_remove(assay_publication *publication, const char *target, assay_error *err) {
    return add_change(publication, target, false, err);
}

/* --- commit --- */

static bool remember_made(assay_publication *publication, const char *path) {
    char **grown = realloc(publication->made, (publication->n_made + 1) * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    publication->made = grown;
    grown[publication->n_made] = assay_text_format("%s", path);
    if (grown[publication->n_made] == NULL) {
        return false;
    }
    publication->n_made++;
    return true;
}

/* Makes FOLDER/a/b/c of a target FOLDER/a/b/c/file and proves that files can be put there. `path` is scratch space. */
static assay_status prepare_folder(assay_publication *publication, char *path, dev_t device,
                                   assay_error *err) {
    struct stat info;
    bool made = false;
    for (char *c = path + strlen(publication->folder) + 1; *c != '\0'; c++) {
        if (*c != '/') {
            continue;
        }
        *c = '\0';
        if (mkdir(path, 0777) == 0) {
            made = true;
            if (!remember_made(publication, path)) {
                return no_memory(err);
            }
        } else if (errno != EEXIST) {
            return io_error(err, "cannot make the folder", path);
        }
        *c = '/';
    }
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        return io_error(err, "cannot write the file", path);
    }
    char *slash = strrchr(path, '/');
    *slash = '\0';
    if (stat(path, &info) != 0) {
        return io_error(err, "cannot use the folder", path);
    }
    if (info.st_dev != device) {
        return assay_error_set(
            err, ASSAY_E_IO,
            "%s lies on another file system than %s, so that files cannot be renamed into it; nothing "
            "was changed",
            path, publication->area);
    }
    if (made) {
        return ASSAY_OK;
    }
    char *probe = assay_text_format("%s/.assay-probe-%s", path, publication->name);
    if (probe == NULL) {
        return no_memory(err);
    }
    int fd = open(probe, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assay_status status = fd < 0 ? io_error(err, "cannot write in the folder", path) : ASSAY_OK;
    if (fd >= 0) {
        (void)close(fd);
        (void)unlink(probe);
    }
    free(probe);
    return status;
}

static assay_status prepare_folders(assay_publication *publication, assay_error *err) {
    struct stat info;
    if (stat(publication->area, &info) != 0) {
        return io_error(err, "cannot use", publication->area);
    }
    assay_status status = ASSAY_OK;
    char *last = NULL; /* targets mostly come folder by folder */
    for (size_t i = 0; status == ASSAY_OK && i < publication->n_changes; i++) {
        const char *target = publication->change[i].target;
        if (publication->change[i].temporary == NULL) {
            continue;
        }
        char *path = assay_text_format("%s/%s", publication->folder, target);
        if (path == NULL) {
            status = no_memory(err);
            break;
        }
        size_t folder_size = (size_t)(strrchr(path, '/') - path);
        if (last == NULL || strlen(last) != folder_size || strncmp(last, path, folder_size) != 0) {
            status = prepare_folder(publication, path, info.st_dev, err);
            free(last);
            last = path;
        } else {
            free(path);
        }
    }
    free(last);
    return status;
}

static assay_status sync_new_files(assay_publication *publication, assay_error *err) {
    if (publication->n_puts > SYNC_ONE_BY_ONE) {
        sync();
        return ASSAY_OK;
    }
    for (size_t i = 0; i < publication->n_changes; i++) {
        const char *path = publication->change[i].temporary;
        if (path != NULL && !assay_journal_sync(path)) {
            return io_error(err, "cannot write", path);
        }
    }
    return ASSAY_OK;
}

assay_status assay_publish_commit(assay_publication *publication, assay_error *err) {
    assay_status status = assay_publish_lock(publication, err);
    if (status == ASSAY_OK &&
        !assay_journal_note_folders(publication->scratch, publication->change, publication->n_changes)) {
        status = io_error(err, "cannot write in", publication->scratch);
    }
    if (status == ASSAY_OK) {
        status = prepare_folders(publication, err);
    }
    if (status == ASSAY_OK) {
        status = sync_new_files(publication, err);
    }
    if (status == ASSAY_OK &&
        !assay_journal_write(publication->scratch, publication->change, publication->n_changes)) {
        status = io_error(err, "cannot write in", publication->scratch);
    }
    if (status == ASSAY_OK) {
        publication->committed = true;
        status = assay_journal_apply(publication->folder, publication->scratch, publication->change,
                                     publication->n_changes, err);
    }
    return status;
}
