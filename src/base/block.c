#ifdef __linux__
#define _GNU_SOURCE /* O_TMPFILE, madvise */
#endif
#include "base/block.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "assay/assay_memory.h"
#include "base/array.h"

/* Blocks of at least this size are counted. */
enum { LARGE = 1 << 20, MOST_PATH = 4096 };

typedef struct large_block {
    void *at;
    size_t size;
    bool in_file;
} large_block;

/* Everything under the lock. */
static struct {
    pthread_mutex_t lock;
    large_block *block;
    size_t n, capacity;
    size_t in_memory, in_files; /* bytes of large blocks */
    size_t limit;               /* of the process; 0: not set so far */
    size_t large;               /* least size that is counted */
    size_t block_bars;          /* not 0: every block lies in a file */
    char folder[MOST_PATH];
    char refusal[MOST_PATH + 200];
    bool has_keeper; /* the thread that gives memory back is running */
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .large = LARGE};

/* --- the limit --- */

static size_t physical_memory(void) {
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (size_t)pages * (size_t)size : (size_t)4 << 30;
}

/* Half of the machine's memory, or of what the control group lets the process have. */
static size_t default_limit(void) {
    size_t most = physical_memory();
    FILE *in = fopen("/sys/fs/cgroup/memory.max", "r");
    unsigned long long group = 0;
    if (in != NULL && fscanf(in, "%llu", &group) == 1 && group < most)
        most = (size_t)group;
    if (in != NULL)
        fclose(in);
    return most / 2;
}

static const char *default_folder(void) {
    const char *folder = getenv("ASSAY_TMPDIR");
    if (folder == NULL || folder[0] == '\0')
        folder = getenv("TMPDIR");
    return folder == NULL || folder[0] == '\0' ? "/var/tmp" : folder;
}

/* Under the lock. */
static void set_defaults(void) {
    if (all.limit == 0)
        all.limit = default_limit();
    if (all.folder[0] == '\0')
        snprintf(all.folder, sizeof all.folder, "%s", default_folder());
}

assay_status assay_memory_limit(size_t bytes, const char *folder, assay_error *err) {
    if (folder != NULL && strlen(folder) >= MOST_PATH)
        return assay_error_set(err, ASSAY_E_ARGUMENT, "the name of a folder is longer than %d bytes",
                               MOST_PATH - 1);
    pthread_mutex_lock(&all.lock);
    all.limit = bytes;
    if (folder != NULL)
        snprintf(all.folder, sizeof all.folder, "%s", folder);
    set_defaults();
    pthread_mutex_unlock(&all.lock);
    return ASSAY_OK;
}

assay_memory_use assay_memory_used(void) {
    pthread_mutex_lock(&all.lock);
    set_defaults();
    assay_memory_use use = {.limit = all.limit,
                            .in_memory = all.in_memory,
                            .in_files = all.in_files,
                            .block_bars = all.block_bars,
                            .folder = all.folder,
                            .refusal = all.refusal};
    pthread_mutex_unlock(&all.lock);
    return use;
}

void assay_memory_count_from(size_t bytes) {
    pthread_mutex_lock(&all.lock);
    all.large = bytes;
    pthread_mutex_unlock(&all.lock);
}

void assay_memory_block_bars(size_t n) {
    pthread_mutex_lock(&all.lock);
    all.block_bars = n;
    all.large = n != 0 ? 1 : LARGE;
    pthread_mutex_unlock(&all.lock);
}

/* --- giving memory back --- */

/* Resident bytes of the process; 0: not known. */
static size_t resident(void) {
    FILE *in = fopen("/proc/self/statm", "r");
    unsigned long long size = 0, pages = 0;
    bool known = in != NULL && fscanf(in, "%llu %llu", &size, &pages) == 2;
    if (in != NULL)
        fclose(in);
    return known ? (size_t)pages * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

/* Under the lock. Unmaps the pages of all files; what was written stays in the file, and comes back when it is read. */
static void unmap_pages(void) {
    for (size_t i = 0; i < all.n; i++) {
        if (all.block[i].in_file)
            (void)madvise(all.block[i].at, all.block[i].size, MADV_DONTNEED);
    }
}

void assay_block_give_back(void) {
    pthread_mutex_lock(&all.lock);
    unmap_pages();
    pthread_mutex_unlock(&all.lock);
}

/* Where too much is resident. Returns whether there is still a file. */
static bool give_back(void) {
    pthread_mutex_lock(&all.lock);
    bool some = all.in_files != 0;
    if (some && resident() > all.limit / 4 * 3)
        unmap_pages();
    all.has_keeper = some;
    pthread_mutex_unlock(&all.lock);
    return some;
}

static void *keep_small(void *unused) {
    const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
    (void)unused;
    while (give_back())
        nanosleep(&pause, NULL);
    return NULL;
}

/* Under the lock. Without the thread the kernel alone decides what stays, which is slower, not wrong. */
static void start_keeper(void) {
    pthread_t thread;
    if (all.has_keeper || pthread_create(&thread, NULL, keep_small, NULL) != 0)
        return;
    pthread_detach(thread);
    all.has_keeper = true;
}

/* --- blocks --- */

static int open_nameless(const char *folder) {
    char path[MOST_PATH + 32];
#ifdef O_TMPFILE
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
#endif
    snprintf(path, sizeof path, "%s/assay-XXXXXX", folder);
    int named = mkstemp(path);
    if (named >= 0)
        (void)unlink(path);
    return named;
}

/* The disk's room is taken at once: a disk that is full later would end the program. */
static void *map_file(const char *folder, size_t size) {
    int fd = open_nameless(folder);
    void *at = MAP_FAILED;
    int why = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)size);
    if (why == 0) {
        at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        why = at == MAP_FAILED ? errno : 0;
    }
    if (fd >= 0)
        (void)close(fd);
    if (why != 0)
        snprintf(all.refusal, sizeof all.refusal,
                 "the folder %s takes no file of %zu MiB (%s): make room, or name another with ASSAY_TMPDIR",
                 folder, (size >> 20) + 1, strerror(why));
    return at == MAP_FAILED ? NULL : at;
}

/* Under the lock. */
static bool remember(void *at, size_t size, bool in_file) {
    if (all.n == all.capacity) {
        size_t capacity = all.capacity == 0 ? 64 : 2 * all.capacity;
        large_block *grown = realloc(all.block, capacity * sizeof *grown);
        if (grown == NULL)
            return false;
        all.block = grown;
        all.capacity = capacity;
    }
    all.block[all.n++] = (large_block){at, size, in_file};
    if (in_file)
        all.in_files += size;
    else
        all.in_memory += size;
    return true;
}

/* Under the lock. */
static bool goes_to_file(size_t size) {
    set_defaults();
    return size >= all.large && (all.block_bars != 0 || all.in_memory + size > all.limit / 2);
}

bool assay_block_goes_to_file(size_t bytes) {
    pthread_mutex_lock(&all.lock);
    bool in_file = goes_to_file(bytes);
    pthread_mutex_unlock(&all.lock);
    return in_file;
}

static void *alloc_large(size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    pthread_mutex_lock(&all.lock);
    set_defaults();
    bool in_file = goes_to_file(size);
    size_t mapped = (size + page - 1) / page * page;
    void *at = in_file ? map_file(all.folder, mapped) : assay_aligned_alloc(size, 1);
    if (at != NULL && !remember(at, in_file ? mapped : size, in_file)) {
        if (in_file)
            (void)munmap(at, mapped);
        else
            free(at);
        at = NULL;
    }
    if (at != NULL && in_file)
        start_keeper();
    pthread_mutex_unlock(&all.lock);
    return at;
}

void *assay_block_alloc(size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / 2 / size)
        return NULL;
    return count * size < all.large ? assay_aligned_alloc(count, size) : alloc_large(count * size);
}

void *assay_block_calloc(size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / 2 / size)
        return NULL;
    if (count == 0 || size == 0 || count * size < all.large)
        return calloc(count != 0 ? count : 1, size != 0 ? size : 1);
    void *at = alloc_large(count * size);
    if (at != NULL)
        memset(at, 0, count * size);
    return at;
}

/* Small arrays grow in place, where realloc can. */
assay_status assay_block_reserve(void **block, size_t *capacity, size_t needed, size_t element_size,
                                 assay_error *err) {
    size_t before = *capacity * element_size;
    if (needed <= *capacity)
        return ASSAY_OK;
    bool is_small = before < all.large && 2 * needed <= all.large / element_size;
    return is_small ? assay_array_reserve(block, capacity, needed, element_size, err)
                    : assay_array_reserve_aligned(block, capacity, needed, element_size, err);
}

void assay_block_free(void *at) {
    if (at == NULL)
        return;
    pthread_mutex_lock(&all.lock);
    large_block found = {0};
    for (size_t i = 0; i < all.n; i++) {
        if (all.block[i].at != at)
            continue;
        found = all.block[i];
        all.block[i] = all.block[--all.n];
        if (found.in_file)
            all.in_files -= found.size;
        else
            all.in_memory -= found.size;
        break;
    }
    if (all.n == 0) { /* nothing stays behind for whoever looks for leaks */
        free(all.block);
        all.block = NULL;
        all.capacity = 0;
    }
    if (found.in_file)
        (void)munmap(at, found.size);
    pthread_mutex_unlock(&all.lock);
    if (!found.in_file)
        free(at);
}
