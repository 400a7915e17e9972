/* Opening and closing a store.
 *
 * Invariant: an open store has a DuckDB of its own, in memory, that loads no extension, asks no network and keeps the order
 * of rows; no two stores share anything but the files.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "assay/assay_memory.h"
#include "base/parallel.h"
#include "publish.h"
#include "row_source.h"
#include "store.h"
#include "symbol_changes.h"

char *assay_text_format(const char *format, ...) {
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = size < 0 ? NULL : malloc((size_t)size + 1);
    if (text != NULL) {
        va_start(args, format);
        (void)vsnprintf(text, (size_t)size + 1, format, args);
        va_end(args);
    }
    return text;
}

enum { LEAST_MEMORY = 512 << 20 }; /* below it DuckDB sorts and writes badly */

assay_status assay_duckdb_open(unsigned n_threads, duckdb_database *out_database,
                               duckdb_connection *out_connection, assay_error *err) {
    *out_database = NULL;
    *out_connection = NULL;
    duckdb_config config = NULL;
    if (duckdb_create_config(&config) != DuckDBSuccess) {
        return assay_error_set(err, ASSAY_E_NOMEM, "DuckDB cannot be configured: out of memory");
    }
    char threads[16];
    (void)snprintf(threads, sizeof threads, "%u", n_threads);
    assay_memory_use memory = assay_memory_used();
    char most[32];
    (void)snprintf(most, sizeof most, "%zuMB",
                   memory.limit / 2 > LEAST_MEMORY ? memory.limit / 2 >> 20 : LEAST_MEMORY >> 20);
    bool set = duckdb_set_config(config, "memory_limit", most) == DuckDBSuccess &&
               duckdb_set_config(config, "temp_directory", memory.folder) == DuckDBSuccess &&
               duckdb_set_config(config, "autoinstall_known_extensions", "false") == DuckDBSuccess &&
               duckdb_set_config(config, "autoload_known_extensions", "false") == DuckDBSuccess &&
               duckdb_set_config(config, "preserve_insertion_order", "true") == DuckDBSuccess &&
               (n_threads == 0 || duckdb_set_config(config, "threads", threads) == DuckDBSuccess);
    char *message = NULL;
    assay_status status = ASSAY_OK;
    if (!set) {
        status = assay_error_set(err, ASSAY_E_ARGUMENT, "DuckDB does not accept %u threads", n_threads);
    } else if (duckdb_open_ext(NULL, out_database, config, &message) != DuckDBSuccess) {
        status =
            assay_error_set(err, ASSAY_E_IO, "DuckDB cannot be opened: %s", message == NULL ? "?" : message);
    } else if (duckdb_connect(*out_database, out_connection) != DuckDBSuccess) {
        status = assay_error_set(err, ASSAY_E_NOMEM, "DuckDB gives no connection");
        duckdb_close(out_database);
    }
    duckdb_free(message);
    duckdb_destroy_config(&config);
    return status;
}

/* Makes a folder with its parents. */
static bool make_folders(char *path) {
    for (char *c = path + 1; *c != '\0'; c++) {
        if (*c == '/') {
            *c = '\0';
            bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
            *c = '/';
            if (!made) {
                return false;
            }
        }
    }
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

typedef enum assay_open {
    OPEN_EXISTING = 0,
    OPEN_CREATE = 1,
    OPEN_IF_THERE = 2 /* what is not there is empty */
} assay_open;

static assay_status check_folder(assay_store *store, assay_open how, assay_error *err) {
    struct stat info;
    if (how == OPEN_CREATE && !make_folders(store->folder)) {
        return assay_error_set(err, ASSAY_E_IO, "cannot make the database folder %s: %s", store->folder,
                               strerror(errno));
    }
    if (stat(store->folder, &info) != 0) {
        if (errno == ENOENT && how == OPEN_IF_THERE) {
            return ASSAY_OK;
        }
        if (errno == ENOENT) {
            return assay_error_set(err, ASSAY_E_NOT_FOUND,
                                   "there is no database folder %s; name another with --db, or make one with "
                                   "`assay sample` or `assay import`",
                                   store->folder);
        }
        return assay_error_set(err, ASSAY_E_IO, "cannot open the database folder %s: %s", store->folder,
                               strerror(errno));
    }
    if (!S_ISDIR(info.st_mode)) {
        return assay_error_set(err, ASSAY_E_IO, "the database %s is a file; a database is a folder",
                               store->folder);
    }
    return ASSAY_OK;
}

static void set_threads(assay_store *store, unsigned n) {
    char sql[48];
    if (store->duckdb_threads == n) {
        return;
    }
    (void)snprintf(sql, sizeof sql, "SET threads TO %u", n);
    if (duckdb_query(store->connection, sql, NULL) == DuckDBSuccess) { /* if not, it is only slower */
        store->duckdb_threads = n;
    }
}

void assay_store_single_thread(assay_store *store) {
    set_threads(store, 1);
}

void assay_store_all_threads(assay_store *store) {
    set_threads(store, assay_thread_count(store->n_threads));
}

static assay_status open_store(const char *folder, assay_open how, unsigned n_threads,
                               assay_store **out_store, assay_error *err) {
    if (folder == NULL || folder[0] == '\0' || out_store == NULL) {
        return assay_error_set(err, ASSAY_E_ARGUMENT, "a database folder has to be named");
    }
    *out_store = NULL;
    assay_store *store = calloc(1, sizeof *store);
    if (store == NULL || (store->folder = assay_text_format("%s", folder)) == NULL) {
        free(store);
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory while opening %s", folder);
    }
    for (size_t n = strlen(store->folder); n > 1 && store->folder[n - 1] == '/'; n--) {
        store->folder[n - 1] = '\0';
    }
    store->n_threads = n_threads;
    assay_status status = check_folder(store, how, err);
    if (status == ASSAY_OK) {
        status = assay_publish_recover(store->folder, err);
    }
    if (status == ASSAY_OK) {
        store->duckdb_threads = 1;
        status = assay_duckdb_open(1, &store->database, &store->connection, err);
    }
    if (status == ASSAY_OK) {
        status = assay_row_source_register(store, err);
    }
    if (status != ASSAY_OK) {
        assay_store_close(store);
        return status;
    }
    *out_store = store;
    return ASSAY_OK;
}

const char *assay_store_folder(const assay_store *store) {
    return store->folder;
}

void assay_store_interrupt(assay_store *store) {
    duckdb_interrupt(store->connection);
}

void assay_store_close(assay_store *store) {
    if (store == NULL) {
        return;
    }
    if (store->connection != NULL) {
        duckdb_disconnect(&store->connection);
    }
    if (store->database != NULL) {
        duckdb_close(&store->database);
    }
    assay_symbol_changes_reset(store);
    free(store->folder);
    free(store);
}

assay_status assay_store_open(const char *folder, bool create, unsigned n_threads, assay_store **out_store,
                              assay_error *err) {
    return open_store(folder, create ? OPEN_CREATE : OPEN_EXISTING, n_threads, out_store, err);
}

assay_status assay_store_open_for_import(const char *folder, bool dry_run, assay_store **out_store,
                                         assay_error *err) {
    return open_store(folder, dry_run ? OPEN_IF_THERE : OPEN_CREATE, 0, out_store, err);
}
