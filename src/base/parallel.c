#include "base/parallel.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

enum { MOST_THREADS = 256 };

typedef struct shared_loop {
    pthread_mutex_t lock;
    size_t next, n_units;
    assay_unit_of_work *work;
    void *context;
    size_t failed_unit;
    assay_error failure; /* of failed_unit */
} shared_loop;

typedef struct worker {
    shared_loop *loop;
    unsigned number;
    pthread_t thread;
} worker;

unsigned assay_thread_count(unsigned n) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned wanted = n != 0 ? n : cores < 1 ? 1 : (unsigned)cores;
    return wanted < MOST_THREADS ? wanted : MOST_THREADS;
}

static bool take_unit(shared_loop *loop, size_t *out_unit) {
    pthread_mutex_lock(&loop->lock);
    bool some = loop->next < loop->n_units && loop->failed_unit == SIZE_MAX;
    if (some)
        *out_unit = loop->next++;
    pthread_mutex_unlock(&loop->lock);
    return some;
}

static void keep_failure(shared_loop *loop, size_t unit, assay_status status, const assay_error *err) {
    pthread_mutex_lock(&loop->lock);
    if (unit < loop->failed_unit) {
        loop->failed_unit = unit;
        loop->failure = *err;
        loop->failure.status = status;
    }
    pthread_mutex_unlock(&loop->lock);
}

static void *run_worker(void *argument) {
    worker *w = argument;
    size_t unit;
    while (take_unit(w->loop, &unit)) {
        assay_error err = {.status = ASSAY_OK};
        assay_status status = w->loop->work(w->loop->context, w->number, unit, &err);
        if (status != ASSAY_OK)
            keep_failure(w->loop, unit, status, &err);
    }
    return NULL;
}

assay_status assay_parallel_for(unsigned n_threads, size_t n_units, assay_unit_of_work *work, void *context,
                                assay_error *err) {
    shared_loop loop = {.n_units = n_units, .work = work, .context = context, .failed_unit = SIZE_MAX};
    worker workers[MOST_THREADS];
    unsigned n = assay_thread_count(n_threads), n_started = 0;
    if (n > n_units)
        n = n_units == 0 ? 1 : (unsigned)n_units;
    pthread_mutex_init(&loop.lock, NULL);
    for (unsigned i = 1; i < n; i++) {
        workers[n_started + 1] = (worker){.loop = &loop, .number = n_started + 1};
        if (pthread_create(&workers[n_started + 1].thread, NULL, run_worker, &workers[n_started + 1]) != 0)
            break;
        n_started++;
    }
    workers[0] = (worker){.loop = &loop, .number = 0};
    run_worker(&workers[0]);
    for (unsigned i = 1; i <= n_started; i++)
        pthread_join(workers[i].thread, NULL);
    pthread_mutex_destroy(&loop.lock);
    if (loop.failed_unit == SIZE_MAX)
        return ASSAY_OK;
    return assay_error_set(err, loop.failure.status, "%s", loop.failure.message);
}
