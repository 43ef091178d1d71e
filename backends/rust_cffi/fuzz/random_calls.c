/*
 * Random calls of the C ABI from several threads: valid ones in any order, with and without their answers;
 * mutated messages; numbers that were freed, made up or are another sort's; arguments that are missing.
 *
 *     random_calls SECONDS SEED [THREADS [EPISODE]]
 *
 * With an episode, thread number THREADS does that one alone, as the report of a violation names it.
 * `calls.c` has what must be true after each call, `episodes.c` and `shared.c` what is done.
 */

#include "episodes.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_THREADS 64

static struct caller callers[MOST_THREADS];
static _Atomic bool is_over;

/* Each episode has a seed of its own: it can be seen again without those before it. */
static void episode(struct caller *caller, uint64_t number)
{
    struct random seeds = {caller->seed};
    uint64_t mixed = random_next(&seeds) ^ (caller->thread << 48 | number);

    caller->episode = number;
    caller->random = (struct random){random_next(&(struct random){mixed})};
    size_t what = random_below(&caller->random, 10);
    if (what < 4)
        storm(caller);
    else if (what < 7)
        play(caller);
    else
        chaos(caller);
    count_up(caller, COUNTER_EPISODES);
}

static void *work(void *context)
{
    struct caller *caller = context;
    current_caller = caller;
    for (uint64_t number = 0; !atomic_load(&is_over); number++)
        episode(caller, number);
    return NULL;
}

/* --- what was done */

/* A counter of all threads. */
static uint64_t sum(size_t counter)
{
    uint64_t total = 0;
    for (size_t at = 0; at < MOST_THREADS; at++)
        total += atomic_load_explicit(&callers[at].counters[counter], memory_order_relaxed);
    return total;
}

static uint64_t all_calls(void)
{
    uint64_t total = 0;
    for (size_t call = 0; call < CALL_COUNT; call++)
        total += sum(COUNTER_CALLS + call);
    return total;
}

static void print_summary(void)
{
    static const char *const statuses[] = {"refused", "failed", "done", "asked"};

    printf("%" PRIu64 " calls in %" PRIu64 " episodes:", all_calls(), sum(COUNTER_EPISODES));
    for (size_t at = 0; at < 4; at++)
        printf(" %s %" PRIu64, statuses[at], sum(COUNTER_STATUSES + at));
    printf("\n%-14s %12s %12s\n", "call", "all", "mutated");
    for (size_t call = 0; call < CALL_COUNT; call++)
        printf("%-14s %12" PRIu64 " %12" PRIu64 "\n", CALL_NAMES[call], sum(COUNTER_CALLS + call),
               sum(COUNTER_MUTATED + call));
    printf("errors by kind:");
    for (size_t kind = 1; kind < KIND_COUNT; kind++)
        printf(" %zu:%" PRIu64, kind, sum(COUNTER_KINDS + kind));
    printf("\n");
}

/* --- threads and time */

static void sleep_a_second(void)
{
    nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
}

/* Says now and then how far it is, and ends the program if nothing moves: a lock is held for ever then. */
static void wait_for(long seconds)
{
    uint64_t before = 0;
    int still = 0;

    for (long second = 1; second <= seconds; second++) {
        sleep_a_second();
        uint64_t calls = all_calls();
        still = calls == before ? still + 1 : 0;
        before = calls;
        if (still > 60)
            violation("no call came back for a minute");
        if (second % 15 == 0 || second == seconds) {
            printf("%ld s: %" PRIu64 " calls\n", second, calls);
            fflush(stdout);
        }
    }
}

static void run_threads(long seconds, size_t count)
{
    pthread_t threads[MOST_THREADS];

    for (size_t at = 0; at < count; at++)
        if (pthread_create(&threads[at], NULL, work, &callers[at]) != 0)
            violation("a thread can't be started");
    wait_for(seconds);
    atomic_store(&is_over, true);
    for (size_t at = 0; at < count; at++)
        pthread_join(threads[at], NULL);
}

int main(int count, char **arguments)
{
    if (count < 3) {
        fprintf(stderr, "usage: random_calls SECONDS SEED [THREADS [EPISODE]]\n");
        return 2;
    }
    long seconds = strtol(arguments[1], NULL, 10);
    uint64_t seed = strtoull(arguments[2], NULL, 10);
    size_t threads = count > 3 ? strtoul(arguments[3], NULL, 10) : 4;
    if (threads >= MOST_THREADS) {
        fprintf(stderr, "%zu threads are too many: at most %d\n", threads, MOST_THREADS - 1);
        return 2;
    }
    for (size_t at = 0; at < MOST_THREADS; at++) {
        callers[at].seed = seed;
        callers[at].thread = at;
    }

    /* This thread is the last of the callers. */
    struct caller *caller = &callers[MOST_THREADS - 1];
    caller->random = (struct random){seed};
    current_caller = caller;
    printf("seed %" PRIu64 ", %zu threads, %ld s; three panics are asked for first\n", seed,
           threads, seconds);
    fflush(stdout);
    check_panics(caller);
    check_forks(caller);
    shared_begin();
    if (count > 4) {
        current_caller = &callers[threads];
        episode(current_caller, strtoull(arguments[4], NULL, 10));
    } else {
        run_threads(seconds, threads);
    }
    current_caller = caller;
    shared_end();
    print_summary();
    return 0;
}
