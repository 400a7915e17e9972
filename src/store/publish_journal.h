/* The journal of a publication: writing, applying, recovering. Internal to publish.c; see there for the invariants. */
#ifndef ASSAY_STORE_PUBLISH_JOURNAL_H
#define ASSAY_STORE_PUBLISH_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "assay/assay_error.h"

typedef struct assay_change {
    char *target;    /* below the database folder */
    char *temporary; /* the new file; NULL: the target is removed */
    size_t number;   /* of the new file */
} assay_change;

/* Takes FOLDER/.assay/write.lock, waiting for it. close(*out_fd) lets go. */
ASSAY_NODISCARD assay_status assay_journal_lock(const char *area, int *out_fd, assay_error *err);

/* Writes SCRATCH/journal so that it is there whole, on disk, or not at all. False with errno. */
bool assay_journal_write(const char *scratch, const assay_change *change, size_t n_changes);

/* Notes the folders that files are to be put into, before they are made and tried, so that what a dead process left there
 * can be taken away. assay_journal_forget_folders: they are in order. False with errno. */
bool assay_journal_note_folders(const char *scratch, const assay_change *change, size_t n_changes);
void assay_journal_forget_folders(const char *scratch);

/* Makes the changes and then deletes the journal. ASSAY_E_IO: the journal stays. */
ASSAY_NODISCARD assay_status assay_journal_apply(const char *folder, const char *scratch,
                                                 const assay_change *change, size_t n_changes,
                                                 assay_error *err);

/* Finishes or deletes what dead processes left. The caller holds write.lock. */
ASSAY_NODISCARD assay_status assay_journal_recover_locked(const char *folder, const char *area,
                                                          assay_error *err);

/* Deletes AREA/NAME and AREA/NAME.lock, unless there is a journal in it. The caller owns NAME. */
void assay_journal_discard_unless_committed(const char *area, const char *name);

/* fsync of a file or folder; false with errno. */
bool assay_journal_sync(const char *path);

#endif
