/* Programs and runs that all threads use, replace and free at any time. */

#include "episodes.h"

#include <pthread.h>
#include <stdlib.h>

#define GRAPHS 8
#define PROGRAMS 6
#define RUNS 10
#define STALE 64
#define OWNERS 4

/* A program or a run: its number, which may have been freed by now, and what messages to it need to know. */
struct slot {
    uint64_t number;
    const struct graph *graph;
    struct owner *owner;
};

static struct {
    pthread_mutex_t lock;
    struct graph graphs[GRAPHS];
    struct slot programs[PROGRAMS];
    struct slot runs[RUNS];
    /* Numbers that were freed: programs' and runs'. */
    uint64_t stale[STALE];
    size_t stale_count;
    struct owner owners[OWNERS];
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct slot pick(const struct slot *slots, size_t count, struct random *random)
{
    size_t at = random_below(random, count);
    pthread_mutex_lock(&shared.lock);
    struct slot slot = slots[at];
    pthread_mutex_unlock(&shared.lock);
    return slot;
}

/* Puts something into a slot and gives what was there, which nobody finds from now on. */
static struct slot replace(struct slot *slots, size_t count, struct random *random, struct slot slot)
{
    size_t at = random_below(random, count);
    pthread_mutex_lock(&shared.lock);
    struct slot before = slots[at];
    slots[at] = slot;
    pthread_mutex_unlock(&shared.lock);
    return before;
}

static void remember_freed(uint64_t number)
{
    if (number == 0)
        return;
    pthread_mutex_lock(&shared.lock);
    shared.stale[shared.stale_count++ % STALE] = number;
    pthread_mutex_unlock(&shared.lock);
}

static uint64_t any_stale(struct random *random)
{
    size_t at = random_below(random, STALE);
    pthread_mutex_lock(&shared.lock);
    uint64_t number = shared.stale[at];
    pthread_mutex_unlock(&shared.lock);
    return number;
}

static void free_run(uint64_t number)
{
    lge_run_free(number);
    remember_freed(number);
}

static void free_program(uint64_t number)
{
    lge_program_free(number);
    remember_freed(number);
}

/* --- numbers that stand for nothing */

/* A number the call has to refuse: freed, another sort's, made up, or none. */
static uint64_t wrong_number(struct random *random, bool wants_program)
{
    switch (random_below(random, 4)) {
    case 0:
        return any_stale(random);
    case 1:
        return wants_program ? pick(shared.runs, RUNS, random).number
                             : pick(shared.programs, PROGRAMS, random).number;
    case 2:
        /* No sort of numbers begins with these bits. */
        return random_next(random) | UINT64_C(1) << 63;
    default:
        return random_chance(random, 50) ? 0 : random_below(random, 300);
    }
}

/* --- what is made */

static void compile_shared(struct caller *caller)
{
    struct said said;
    struct draft draft;
    const struct graph *graph = &shared.graphs[random_below(&caller->random, GRAPHS)];

    draft_begin(&draft);
    msgpack_sbuffer_write(&draft.bytes, graph->spec.data, graph->spec.size);
    if (make_call(caller, CALL_COMPILE, 0, NULL, &draft, &said) == LGE_DONE) {
        struct slot made = {said.number, graph, NULL};
        free_program(replace(shared.programs, PROGRAMS, &caller->random, made).number);
    }
    said_free(&said);
    draft_end(&draft);
}

static void restore_shared(struct caller *caller)
{
    struct said said;
    struct draft draft;
    struct random *random = &caller->random;
    struct slot program = pick(shared.programs, PROGRAMS, random);

    if (!program.graph)
        return;
    draft_begin(&draft);
    draft_restore(&draft, random, program.graph);
    struct owner *owner = &shared.owners[random_below(random, OWNERS)];
    bool wrong = random_chance(random, 5);
    uint64_t number = wrong ? wrong_number(random, true) : program.number;
    int32_t status = make_call(caller, CALL_RESTORE, number, owner, &draft, &said);
    if (wrong && status != LGE_REFUSED)
        violation("a restore took %#lx for a program", (unsigned long)number);
    if (status >= LGE_DONE) {
        struct slot made = {said.number, program.graph, owner};
        free_run(replace(shared.runs, RUNS, random, made).number);
    }
    if (status == LGE_ASK) {
        struct said answered;
        number = said.number;
        draft_clear(&draft);
        draft_fitting_all(&draft, random, said.unpacked.data);
        make_call(caller, CALL_ANSWER, number, owner, &draft, &answered);
        said_free(&answered);
    }
    said_free(&said);
    draft_end(&draft);
}

/* --- what is called */

/* Goes on with a commit another thread may have answered, aborted or freed meanwhile. */
static void answer_on(struct caller *caller, const struct slot *run, struct said *said)
{
    struct draft draft;
    struct random *random = &caller->random;

    for (size_t times = 0; said->status == LGE_ASK && times < 40; times++) {
        if (random_chance(random, 10))
            return;
        draft_begin(&draft);
        draft_fitting(&draft, random, said->unpacked.data);
        said_free(said);
        make_call(caller, CALL_ANSWER, run->number, run->owner, &draft, said);
        draft_end(&draft);
    }
}

static void call_shared(struct caller *caller)
{
    struct said said;
    struct draft draft;
    struct random *random = &caller->random;
    struct slot run = pick(shared.runs, RUNS, random);
    enum call call = CALL_PLAN + random_below(random, CALL_COUNT - CALL_PLAN);

    if (!run.graph)
        return;
    draft_begin(&draft);
    draft_call(&draft, random, run.graph, call);
    if (!run.owner->brings && random_chance(random, 25)) {
        draft_mutate(&draft, random);
        count_up(caller, COUNTER_MUTATED + call);
    }
    bool wrong = random_chance(random, 5);
    uint64_t number = wrong ? wrong_number(random, false) : run.number;
    if (random_chance(random, 5))
        caller->left_out = 1u << random_below(random, 6);
    int32_t status = make_call(caller, call, number, run.owner, &draft, &said);
    caller->left_out = 0;
    if (wrong && status != LGE_REFUSED)
        violation("%s took %#lx for a run", CALL_NAMES[call], (unsigned long)number);
    if (call == CALL_COMMIT && !wrong)
        answer_on(caller, &run, &said);
    said_free(&said);
    draft_end(&draft);
}

/* Frees things that are there, are not, or are another sort's: none of it may do harm. */
static void free_anything(struct caller *caller)
{
    struct random *random = &caller->random;
    struct lge_message none = {.id = wrong_number(random, false)};
    struct lge_error neither = {.id = wrong_number(random, true)};

    switch (random_below(random, 6)) {
    case 0:
        free_run(pick(shared.runs, RUNS, random).number);
        break;
    case 1:
        free_program(pick(shared.programs, PROGRAMS, random).number);
        break;
    case 2:
        lge_run_free(wrong_number(random, false));
        lge_program_free(wrong_number(random, true));
        break;
    case 3:
        lge_message_free(&none);
        lge_error_free(&neither);
        break;
    case 4:
        lge_message_free(NULL);
        lge_error_free(NULL);
        break;
    default:
        /* No such point: nothing panics. */
        if (lge_test_panic(pick(shared.programs, PROGRAMS, random).number, 4) != LGE_REFUSED)
            violation("lge_test_panic knows a point it doesn't have");
    }
}

/* A compile or restore without something it needs. */
static void make_without(struct caller *caller)
{
    caller->left_out = 1u << random_below(&caller->random, 6);
    if (random_chance(&caller->random, 50))
        compile_shared(caller);
    else
        restore_shared(caller);
    caller->left_out = 0;
}

/* From inside a callback of any host's. */
static void call_shared_back(struct caller *caller)
{
    if (random_chance(&caller->random, 20))
        free_anything(caller);
    else
        call_shared(caller);
}

void chaos(struct caller *caller)
{
    for (size_t times = 0; times < 100; times++) {
        size_t what = random_below(&caller->random, 100);
        if (what < 4)
            compile_shared(caller);
        else if (what < 12)
            restore_shared(caller);
        else if (what < 16)
            free_anything(caller);
        else if (what < 19)
            make_without(caller);
        else
            call_shared(caller);
    }
}

void shared_begin(void)
{
    struct caller *caller = current_caller;

    for (size_t at = 0; at < OWNERS; at++)
        owner_begin(&shared.owners[at], at & 1, at & 2);
    for (size_t at = 0; at < GRAPHS; at++)
        lge_program_free(compile(caller, &shared.graphs[at]));
    call_back_in = call_shared_back;
}

void shared_end(void)
{
    call_back_in = NULL;
    for (size_t at = 0; at < PROGRAMS; at++)
        lge_program_free(shared.programs[at].number);
    for (size_t at = 0; at < RUNS; at++)
        lge_run_free(shared.runs[at].number);
    for (size_t at = 0; at < OWNERS; at++)
        owner_end(&shared.owners[at]);
    for (size_t at = 0; at < GRAPHS; at++)
        graph_end(&shared.graphs[at]);
}
