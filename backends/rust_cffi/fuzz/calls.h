/*
 * Calls of the ABI, each followed by what has to be true after every call, whatever it was given. What isn't
 * ends the program with a sentence that says how to see it again.
 */

#ifndef CALLS_H
#define CALLS_H

#include "drafts.h"
#include "langgraph_engine.h"
#include "ledger.h"
#include "random.h"

enum call {
    CALL_CAPABILITIES,
    CALL_COMPILE,
    CALL_RESTORE,
    CALL_PLAN,
    CALL_PUSH,
    CALL_COMMIT,
    CALL_ANSWER,
    CALL_READ,
    CALL_STATE,
    CALL_CHECKPOINT,
    CALL_SEE,
    CALL_UNSEEN,
    CALL_MAX_VERSION,
    CALL_ABORT,
    CALL_RELEASED,
    CALL_COUNT
};

extern const char *const CALL_NAMES[CALL_COUNT];

/* The kinds of errors are numbered from 1. */
#define KIND_COUNT 19

/* What is counted: calls by their sort, mutated messages by the call they were given to, statuses from
 * LGE_REFUSED up, errors by their kind, episodes. */
enum counter {
    COUNTER_CALLS,
    COUNTER_MUTATED = COUNTER_CALLS + CALL_COUNT,
    COUNTER_STATUSES = COUNTER_MUTATED + CALL_COUNT,
    COUNTER_KINDS = COUNTER_STATUSES + 4,
    COUNTER_EPISODES = COUNTER_KINDS + KIND_COUNT,
    COUNTER_COUNT
};

/* One thread that calls, and what it may not do at the moment. */
struct caller {
    struct random random;
    /* Only the thread itself counts; another one looks now and then. */
    _Atomic uint64_t counters[COUNTER_COUNT];
    uint64_t seed;
    size_t thread;
    uint64_t episode;
    /* Its messages are valid and its handles are live: neither may be refused. */
    bool is_sound;
    /* A panic was asked for. */
    bool may_panic;
    /* Arguments that are left out of the next call: `LEFT_OUT_`. */
    unsigned left_out;
    /* Whether it is inside a callback of the library's. */
    bool is_called_back;
};

#define LEFT_OUT_ERROR 1u
#define LEFT_OUT_REPLY 2u
#define LEFT_OUT_MESSAGE 4u
#define LEFT_OUT_HOST 8u
#define LEFT_OUT_NUMBER 16u
/* Not left out, but longer than any message can be. */
#define LEFT_OUT_LENGTH 32u

void count_up(struct caller *caller, size_t counter);

/* Who makes this thread's calls. */
extern _Thread_local struct caller *current_caller;

/* A host, and what the library has of it. */
struct owner {
    struct lge_host host;
    struct ledger *ledger;
    /* It has no retain: its messages bring the references. */
    bool brings;
    /* It has no release: replies tell it what it has back. */
    bool is_told;
};

void owner_begin(struct owner *owner, bool brings, bool is_told);

/* Everything was freed: the library may have nothing left, but for what goes back unsaid to a host that is
 * told. */
void owner_end(struct owner *owner);

/* What a call said. */
struct said {
    int32_t status;
    uint16_t kind;
    struct lge_message message;
    msgpack_unpacked unpacked;
    /* Memory for what `lge_run_commit_into` writes; of no more bytes than it was told, to find out one too many. */
    uint8_t *room;
    /* The program or the run, of a compile or a restore. */
    uint64_t number;
};

void said_free(struct said *said);

/* Makes a call. `number` is its program or run; `draft` its message, NULL for a call without one; `owner`
 * the run's host, whose references are counted. `said` is freed by `said_free`. */
int32_t make_call(struct caller *caller, enum call call, uint64_t number, struct owner *owner,
                  const struct draft *draft, struct said *said);

/* Called now and then in the middle of the library's callbacks: a host may call back in. */
extern void (*call_back_in)(struct caller *caller);

/* Something isn't as it has to be. */
_Noreturn void violation(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
