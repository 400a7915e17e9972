/* Changing several files of a database at once, all or nothing. */
#ifndef ASSAY_STORE_PUBLISH_H
#define ASSAY_STORE_PUBLISH_H

#include "assay/assay_error.h"

/* One set of changes in the making. */
typedef struct assay_publication assay_publication;

/* Begins a set of changes to the database `folder`; makes FOLDER/.assay where it is missing. ASSAY_E_IO, ASSAY_E_NOMEM.
 * End it with assay_publish_end. */
ASSAY_NODISCARD assay_status assay_publish_begin(const char *folder, assay_publication **out_publication,
                                                 assay_error *err);

/* Waits until no other process publishes into this database, and keeps them out until assay_publish_end: for changes
 * that read before they write. Recovers what dead processes left. Commit takes the lock by itself otherwise. */
ASSAY_NODISCARD assay_status assay_publish_lock(assay_publication *publication, assay_error *err);

/* The file to write what is to become FOLDER/<target>. The path belongs to the publication. */
ASSAY_NODISCARD assay_status assay_publish_put(assay_publication *publication, const char *target,
                                               const char **out_temporary, assay_error *err);

/* FOLDER/<target> is to disappear. */
ASSAY_NODISCARD assay_status assay_publish_remove(assay_publication *publication, const char *target,
                                                  assay_error *err);

/* Makes the changes, puts before removals, in the order in which they were named. On failure nothing has changed (but
 * where the message says that the rest follows when the database is opened next). */
ASSAY_NODISCARD assay_status assay_publish_commit(assay_publication *publication, assay_error *err);

/* Ends it; without a commit everything written for it is deleted. NULL: nothing. */
void assay_publish_end(assay_publication *publication);

/* Finishes what dead processes had committed in this database, and deletes what they had not. */
ASSAY_NODISCARD assay_status assay_publish_recover(const char *folder, assay_error *err);

#endif
