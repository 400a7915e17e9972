/* The inside of a sweep in the making. Internal to writing sweeps. */
#ifndef ASSAY_STORE_WRITE_SWEEP_H
#define ASSAY_STORE_WRITE_SWEEP_H

#include "store.h"

struct assay_sweep_store {
    assay_store *store;
    char *sweep_id;
    assay_shard_name shard;
    char *name;       /* of the files: SWEEP_ID, or SWEEP_ID.shard-K-of-N */
    char *folder;     /* FOLDER/.assay/sweeps/NAME */
    int lock_fd;      /* flock of FOLDER/.assay/sweeps/NAME.lock */
    int64_t begun_us; /* when the first process began it */
    size_t n_kept;    /* runs written by assay_store_sweep_keep */
};

/* FOLDER/kept-<index>-<table>.parquet; NULL: out of memory. */
char *assay_sweep_kept_path(const assay_sweep_store *sweep, size_t index, size_t table);

/* Deletes the folder of parts, and with it what is needed to go on. */
void assay_sweep_forget(assay_sweep_store *sweep);

/* Whether a file name (without folders) belongs to the sweep: SWEEP_ID.parquet, SWEEP_ID.shard-K-of-N.parquet. Index (from 0) and
 * number of its shard; of a whole sweep 0 and 1. */
bool assay_sweep_owns_file(const char *file, const char *sweep_id, uint64_t *out_index, uint64_t *out_count);

#endif
