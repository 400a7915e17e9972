/* Work that takes long and does not call back: in a thread of its own, while the caller's waits and looks for a Ctrl-C. */
#include <pthread.h>

#include "native.h"

enum { WAIT_NS = 50000000 }; /* between two looks */

typedef struct task {
    void (*work)(void *context);
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_done; /* under the lock */
} task;

static void *run(void *argument) {
    task *t = argument;
    t->work(t->context);
    (void)pthread_mutex_lock(&t->lock);
    t->is_done = true;
    (void)pthread_cond_signal(&t->changed);
    (void)pthread_mutex_unlock(&t->lock);
    return NULL;
}

static bool wait_a_little(task *t) {
    struct timespec until = {0};
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += WAIT_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_mutex_lock(&t->lock);
    if (!t->is_done)
        (void)pthread_cond_timedwait(&t->changed, &t->lock, &until);
    bool is_done = t->is_done;
    (void)pthread_mutex_unlock(&t->lock);
    return is_done;
}

bool native_in_background(void (*work)(void *context), void (*stop)(void *context), void *context,
                          native_failure *failure) {
    task t = {.work = work, .context = context};
    pthread_t thread;
    bool is_done = false, is_stopped = false;
    (void)pthread_mutex_init(&t.lock, NULL);
    (void)pthread_cond_init(&t.changed, NULL);
    if (pthread_create(&thread, NULL, run, &t) != 0) {
        PyErr_SetString(PyExc_RuntimeError, "a thread cannot be started");
        return false;
    }
    while (!is_done) {
        Py_BEGIN_ALLOW_THREADS if (is_stopped) stop(context);
        is_done = wait_a_little(&t);
        Py_END_ALLOW_THREADS if (PyErr_CheckSignals() != 0) {
            native_failure_take(failure);
            is_stopped = true;
        }
    }
    Py_BEGIN_ALLOW_THREADS(void) pthread_join(thread, NULL);
    Py_END_ALLOW_THREADS(void) pthread_cond_destroy(&t.changed);
    (void)pthread_mutex_destroy(&t.lock);
    return !is_stopped;
}
