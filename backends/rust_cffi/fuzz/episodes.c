#include "episodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- parts */

void must(struct caller *caller, enum call call, uint64_t number, struct owner *owner,
          const struct draft *draft)
{
    struct said said;
    if (make_call(caller, call, number, owner, draft, &said) != LGE_DONE)
        violation("%s has to work, and didn't: error %d", CALL_NAMES[call], said.kind);
    said_free(&said);
}

uint64_t compile(struct caller *caller, struct graph *graph)
{
    struct said said;
    struct draft draft;

    graph_begin(graph, &caller->random);
    draft_begin(&draft);
    msgpack_sbuffer_write(&draft.bytes, graph->spec.data, graph->spec.size);
    if (make_call(caller, CALL_COMPILE, 0, NULL, &draft, &said) != LGE_DONE)
        violation("a valid graph didn't compile: error %d", said.kind);
    graph_describe(graph, said.unpacked.data);
    uint64_t program = said.number;
    said_free(&said);
    draft_end(&draft);
    return program;
}

void draft_call(struct draft *draft, struct random *random, const struct graph *graph,
                      enum call call)
{
    switch (call) {
    case CALL_COMPILE:
        msgpack_sbuffer_write(&draft->bytes, graph->spec.data, graph->spec.size);
        break;
    case CALL_RESTORE:
        draft_restore(draft, random, graph);
        break;
    case CALL_PLAN:
        draft_plan(draft, random, graph);
        draft_answers(draft, random, random_below(random, 3));
        break;
    case CALL_PUSH:
        draft_push(draft, random);
        break;
    case CALL_COMMIT:
        draft_commit(draft, random, graph);
        break;
    case CALL_ANSWER:
        if (random_chance(random, 70))
            draft_answer(draft, random);
        else
            draft_answers(draft, random, random_below(random, 4));
        break;
    case CALL_READ:
        draft_read(draft, random, graph);
        draft_answers(draft, random, random_below(random, 3));
        break;
    case CALL_CHECKPOINT:
        draft_answers(draft, random, random_below(random, 4));
        break;
    case CALL_STATE:
        draft_channel(draft, random, graph);
        break;
    case CALL_SEE:
    case CALL_UNSEEN:
        draft_node(draft, random, graph);
        break;
    case CALL_CAPABILITIES:
    case CALL_MAX_VERSION:
    case CALL_ABORT:
    case CALL_RELEASED:
    case CALL_COUNT:
        break;
    }
}

/* --- a valid run */

/* A run of the thread's own. */
struct own {
    struct caller *caller;
    struct graph graph;
    struct owner owner;
    uint64_t program;
    uint64_t run;
    /* Its last commit still waits for an answer. */
    bool is_committing;
    /* Why it couldn't be started. */
    uint16_t start_error;
    /* Replies that are kept for a while, also longer than the run. */
    struct said kept[8];
    size_t kept_count;
};

/* Frees a reply, or keeps it until the end. */
static void put_aside(struct own *own, struct said *said)
{
    if (own->kept_count < 8 && random_chance(&own->caller->random, 10))
        own->kept[own->kept_count++] = *said;
    else
        said_free(said);
}

static int32_t tell(struct own *own, enum call call, const struct draft *draft, struct said *said)
{
    return make_call(own->caller, call, own->run, &own->owner, draft, said);
}

/* Makes a call that only looks, with answers until it has no more questions. */
static int32_t look(struct own *own, enum call call, const struct draft *head, struct said *said)
{
    int32_t status = LGE_ASK;
    struct draft whole;
    struct draft answers;
    struct random *random = &own->caller->random;

    draft_begin(&answers);
    for (size_t count = 0; status == LGE_ASK; count++) {
        draft_begin(&whole);
        if (head->bytes.size > 0)
            msgpack_sbuffer_write(&whole.bytes, head->bytes.data, head->bytes.size);
        memcpy(whole.handles, head->handles, head->handle_count * sizeof *head->handles);
        whole.handle_count = head->handle_count;
        draft_append(&whole, &answers, count);
        status = tell(own, call, &whole, said);
        draft_end(&whole);
        if (status == LGE_ASK) {
            if (count > 500)
                violation("%s asks without an end", CALL_NAMES[call]);
            if (random_chance(random, 97))
                draft_fitting(&answers, random, said->unpacked.data);
            else
                draft_answer(&answers, random);
            said_free(said);
        }
    }
    draft_end(&answers);
    return status;
}

/* Starts a run. False if the random checkpoint was refused, or was answered wrongly. */
static bool start(struct own *own, const struct draft *draft)
{
    struct said said;
    struct draft answers;
    struct random *random = &own->caller->random;

    int32_t status = make_call(own->caller, CALL_RESTORE, own->program, &own->owner, draft, &said);
    own->run = said.number;
    own->is_committing = false;
    own->start_error = said.kind;
    if (status != LGE_ASK) {
        said_free(&said);
        return status == LGE_DONE;
    }
    draft_begin(&answers);
    if (random_chance(random, 95))
        draft_fitting_all(&answers, random, said.unpacked.data);
    else
        draft_answers(&answers, random, random_below(random, 4));
    said_free(&said);
    status = tell(own, CALL_ANSWER, &answers, &said);
    own->start_error = said.kind;
    said_free(&said);
    draft_end(&answers);
    return status == LGE_DONE;
}

/* The run's state as its checkpoint message. A graph with a custom channel makes a new value each time, and
 * has none that can be compared. */
static bool state_of(struct own *own, struct said *said)
{
    struct draft nothing;

    if (own->graph.has_custom)
        return false;
    draft_begin(&nothing);
    if (look(own, CALL_CHECKPOINT, &nothing, said) != LGE_DONE)
        violation("a checkpoint failed: error %d", said->kind);
    draft_end(&nothing);
    return true;
}

static void check_same(const struct said *one, const struct said *other, const char *when)
{
    if (one->message.length == other->message.length &&
        memcmp(one->message.data, other->message.data, one->message.length) == 0)
        return;
    msgpack_object_print(stderr, one->unpacked.data);
    fprintf(stderr, "\n");
    msgpack_object_print(stderr, other->unpacked.data);
    fprintf(stderr, "\n");
    violation("the run's state is another one %s", when);
}

/* One answer to a commit's question, or something else a host may do then. */
static int32_t go_on(struct own *own, struct said *said)
{
    struct said other;
    struct draft draft;
    struct random *random = &own->caller->random;
    size_t what = random_below(random, 100);
    int32_t status;

    draft_begin(&draft);
    if (what < 4) {
        draft_commit(&draft, random, &own->graph);
        if (tell(own, CALL_COMMIT, &draft, &other) >= LGE_DONE)
            violation("a second commit began before the first was done");
        said_free(&other);
        draft_clear(&draft);
    } else if (what < 8) {
        draft_read(&draft, random, &own->graph);
        look(own, CALL_READ, &draft, &other);
        put_aside(own, &other);
        draft_clear(&draft);
    }
    if (what >= 97) {
        said_free(said);
        must(own->caller, CALL_ABORT, own->run, &own->owner, NULL);
        /* What became of the commit, had it failed instead. */
        status = LGE_FAILED;
        *said = (struct said){.status = status};
    } else {
        if (what >= 94)
            draft_answer(&draft, random);
        else
            draft_fitting(&draft, random, said->unpacked.data);
        said_free(said);
        status = tell(own, CALL_ANSWER, &draft, said);
    }
    draft_end(&draft);
    return status;
}

static void commit(struct own *own)
{
    struct said said;
    struct said before;
    struct said after;
    struct draft draft;
    struct random *random = &own->caller->random;
    bool compares = !own->is_committing && random_chance(random, 40) && state_of(own, &before);

    draft_begin(&draft);
    draft_commit(&draft, random, &own->graph);
    int32_t status = tell(own, CALL_COMMIT, &draft, &said);
    own->is_committing = own->is_committing || status == LGE_ASK;
    while (status == LGE_ASK && random_chance(random, 99))
        status = go_on(own, &said);
    if (status == LGE_DONE)
        own->is_committing = false;
    if (status < LGE_DONE && compares) {
        own->is_committing = false;
        state_of(own, &after);
        check_same(&before, &after, "after a commit that failed");
        said_free(&after);
    }
    if (compares)
        said_free(&before);
    put_aside(own, &said);
    draft_end(&draft);
}

/* A run that goes on from the checkpoint of another one has its state. Initial values are answered at random:
 * a graph with a reducer isn't compared. */
static void resume(struct own *own)
{
    struct said before;
    struct said after;
    struct draft draft;

    if (own->is_committing || own->graph.has_reducer || !state_of(own, &before))
        return;
    draft_begin(&draft);
    draft_state(&draft, &own->graph, before.unpacked.data);
    uint64_t first = own->run;
    if (start(own, &draft)) {
        state_of(own, &after);
        check_same(&before, &after, "in a run that goes on from its checkpoint");
        said_free(&after);
        lge_run_free(first);
    } else {
        if (own->start_error != LGE_ERROR_WRONG_ANSWER)
            violation("a run's own checkpoint can't be restored: error %d", own->start_error);
        lge_run_free(own->run);
        own->run = first;
    }
    said_free(&before);
    draft_end(&draft);
}

/* A call that takes a message and never asks, or none. */
static void small_call(struct own *own)
{
    static const enum call calls[] = {CALL_PUSH,   CALL_STATE,       CALL_SEE,
                                      CALL_UNSEEN, CALL_MAX_VERSION, CALL_RELEASED,
                                      CALL_CAPABILITIES};
    struct said said;
    struct draft draft;
    struct random *random = &own->caller->random;
    enum call call = calls[random_below(random, sizeof calls / sizeof *calls)];

    draft_begin(&draft);
    draft_call(&draft, random, &own->graph, call);
    tell(own, call, &draft, &said);
    put_aside(own, &said);
    draft_end(&draft);
}

static void looking_call(struct own *own)
{
    struct said said;
    struct draft draft;
    struct random *random = &own->caller->random;
    enum call call = random_chance(random, 50) ? CALL_PLAN : CALL_READ;

    draft_begin(&draft);
    if (random_chance(random, 20))
        call = CALL_CHECKPOINT;
    else if (call == CALL_PLAN)
        draft_plan(&draft, random, &own->graph);
    else
        draft_read(&draft, random, &own->graph);
    look(own, call, &draft, &said);
    put_aside(own, &said);
    draft_end(&draft);
}

static void own_begin(struct own *own, struct caller *caller, bool brings, bool is_told)
{
    *own = (struct own){.caller = caller};
    owner_begin(&own->owner, brings, is_told);
    own->program = compile(caller, &own->graph);
}

/* Frees everything in any order: replies may outlive the run, and a run its program. */
static void own_end(struct own *own)
{
    bool program_first = random_chance(&own->caller->random, 50);

    if (program_first)
        lge_program_free(own->program);
    lge_run_free(own->run);
    lge_run_free(own->run);
    if (!program_first)
        lge_program_free(own->program);
    for (size_t at = 0; at < own->kept_count; at++)
        said_free(&own->kept[at]);
    owner_end(&own->owner);
    graph_end(&own->graph);
}

void play(struct caller *caller)
{
    struct own own;
    struct draft draft;
    struct random *random = &caller->random;
    size_t steps = random_below(random, 30);

    caller->is_sound = true;
    own_begin(&own, caller, random_chance(random, 50), random_chance(random, 40));
    draft_begin(&draft);
    draft_restore(&draft, random, &own.graph);
    if (start(&own, &draft)) {
        for (size_t step = 0; step < steps; step++) {
            size_t what = random_below(random, 100);
            if (what < 40)
                commit(&own);
            else if (what < 70)
                looking_call(&own);
            else if (what < 80)
                resume(&own);
            else
                small_call(&own);
        }
    }
    draft_end(&draft);
    own_end(&own);
    caller->is_sound = false;
}

/* --- mutated messages */

/* The calls that take a message; some more often, for their messages have more in them. */
static const enum call STORMED[] = {
    CALL_COMPILE, CALL_RESTORE, CALL_RESTORE, CALL_PLAN,       CALL_PUSH, CALL_COMMIT, CALL_COMMIT,
    CALL_ANSWER,  CALL_READ,    CALL_STATE,   CALL_CHECKPOINT, CALL_SEE,  CALL_UNSEEN,
};

/* Forgets what a compile or a restore made. */
static void unmake(enum call call, const struct said *said)
{
    if (call == CALL_COMPILE)
        lge_program_free(said->number);
    else if (call == CALL_RESTORE)
        lge_run_free(said->number);
}

/* No part of a message from its beginning is a message. */
static void cut_off(struct own *own, enum call call, const struct draft *draft)
{
    struct said said;
    struct draft part;
    uint64_t number = call == CALL_RESTORE ? own->program : own->run;

    for (size_t length = 0; length < draft->bytes.size; length++) {
        draft_begin(&part);
        if (length > 0)
            msgpack_sbuffer_write(&part.bytes, draft->bytes.data, length);
        int32_t status = make_call(own->caller, call, number, &own->owner, &part, &said);
        if (status != LGE_REFUSED || said.kind != LGE_ERROR_BAD_MESSAGE)
            violation("%s took %zu of %zu bytes of a message: status %d, error %d",
                      CALL_NAMES[call], length, draft->bytes.size, status, said.kind);
        said_free(&said);
        draft_end(&part);
    }
}

static void storm_once(struct own *own)
{
    struct said said;
    struct draft draft;
    struct caller *caller = own->caller;
    struct random *random = &caller->random;
    enum call call = STORMED[random_below(random, sizeof STORMED / sizeof *STORMED)];
    uint64_t number = call == CALL_RESTORE ? own->program : own->run;

    draft_begin(&draft);
    draft_call(&draft, random, &own->graph, call);
    if (random_below(random, 500) == 0) {
        cut_off(own, call, &draft);
    } else {
        draft_mutate(&draft, random);
        count_up(caller, COUNTER_MUTATED + call);
        make_call(caller, call, number, &own->owner, &draft, &said);
        unmake(call, &said);
        put_aside(own, &said);
    }
    draft_end(&draft);
}

void storm(struct caller *caller)
{
    struct own own;
    struct draft draft;

    own_begin(&own, caller, false, false);
    draft_begin(&draft);
    draft_restore(&draft, &caller->random, &own.graph);
    if (start(&own, &draft))
        for (size_t times = 0; times < 150; times++)
            storm_once(&own);
    draft_end(&draft);
    own_end(&own);
}

/* --- once, before there are threads */

void check_panics(struct caller *caller)
{
    static const enum call broken[] = {CALL_RESTORE, CALL_PLAN, CALL_COMMIT};

    for (uint32_t point = 1; point <= 3; point++) {
        struct own own;
        struct said said;
        struct draft draft;
        enum call call = broken[point - 1];

        own_begin(&own, caller, true, false);
        draft_begin(&draft);
        msgpack_pack_nil(&draft.packer);
        while (!start(&own, &draft))
            lge_run_free(own.run);
        draft_clear(&draft);
        draft_call(&draft, &caller->random, &own.graph, call);
        if (lge_test_panic(own.program, point) != LGE_DONE)
            violation("no panic can be asked for");
        caller->may_panic = true;
        make_call(caller, call, call == CALL_RESTORE ? own.program : own.run, &own.owner, &draft,
                  &said);
        if (said.status != LGE_FAILED || said.kind != LGE_ERROR_PANIC)
            violation("%s didn't report its panic: status %d, error %d", CALL_NAMES[call],
                      said.status, said.kind);
        said_free(&said);
        tell(&own, CALL_MAX_VERSION, NULL, &said);
        if (call != CALL_RESTORE && (said.status != LGE_FAILED || said.kind != LGE_ERROR_PANIC))
            violation("a run goes on after a panic in its %s", CALL_NAMES[call]);
        said_free(&said);
        draft_end(&draft);
        own_end(&own);
        caller->may_panic = false;
    }
}

/* What the forked process finds. */
static void check_forked(struct own *own)
{
    struct said said;
    struct own fresh;
    struct draft draft;

    tell(own, CALL_MAX_VERSION, NULL, &said);
    if (said.status != LGE_REFUSED || said.kind != LGE_ERROR_USED_AFTER_FORK)
        violation("a forked process used its parent's run: error %d", said.kind);
    said_free(&said);
    own_begin(&fresh, own->caller, false, false);
    draft_begin(&draft);
    msgpack_pack_nil(&draft.packer);
    make_call(own->caller, CALL_RESTORE, own->program, &own->owner, &draft, &said);
    if (said.status != LGE_REFUSED || said.kind != LGE_ERROR_USED_AFTER_FORK)
        violation("a forked process used its parent's program: error %d", said.kind);
    said_free(&said);
    draft_end(&draft);
    own_end(&fresh);
}

void check_forks(struct caller *caller)
{
    struct own own;
    struct draft draft;
    int status = 0;

    own_begin(&own, caller, false, false);
    draft_begin(&draft);
    msgpack_pack_nil(&draft.packer);
    while (!start(&own, &draft))
        lge_run_free(own.run);
    pid_t child = fork();
    if (child == 0) {
        check_forked(&own);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        violation("a forked process failed");
    must(caller, CALL_MAX_VERSION, own.run, &own.owner, NULL);
    draft_end(&draft);
    own_end(&own);
}
