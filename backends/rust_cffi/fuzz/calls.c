#include "calls.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const CALL_NAMES[CALL_COUNT] = {
    "capabilities", "compile", "restore", "plan", "push",   "commit",      "answer",
    "read",         "state",   "checkpoint", "see", "unseen", "max_version", "abort", "released",
};

_Thread_local struct caller *current_caller;
void (*call_back_in)(struct caller *caller);

/* The message of this thread's last call, for the report. */
static _Thread_local const struct draft *last_draft;

void violation(const char *format, ...)
{
    va_list arguments;
    const struct caller *caller = current_caller;

    va_start(arguments, format);
    fflush(stdout);
    fprintf(stderr, "VIOLATION: ");
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    if (caller)
        fprintf(stderr, "\n  seed %" PRIu64 ", thread %zu, episode %" PRIu64, caller->seed,
                caller->thread, caller->episode);
    if (last_draft) {
        fprintf(stderr, "\n  message: ");
        for (size_t at = 0; at < last_draft->bytes.size; at++)
            fprintf(stderr, "%02x", (unsigned char)last_draft->bytes.data[at]);
    }
    fprintf(stderr, "\n");
    abort();
}

void count_up(struct caller *caller, size_t counter)
{
    atomic_fetch_add_explicit(&caller->counters[counter], 1, memory_order_relaxed);
}

/* --- hosts */

static void maybe_call_back_in(void)
{
    struct caller *caller = current_caller;

    if (!call_back_in || !caller || caller->is_called_back || !random_chance(&caller->random, 3))
        return;
    bool was_sound = caller->is_sound;
    unsigned left_out = caller->left_out;
    caller->is_called_back = true;
    caller->is_sound = false;
    caller->left_out = 0;
    call_back_in(caller);
    caller->is_called_back = false;
    caller->is_sound = was_sound;
    caller->left_out = left_out;
}

static void retain(void *context, const uint64_t *handles, size_t count)
{
    struct owner *owner = context;
    for (size_t at = 0; at < count; at++)
        ledger_take(owner->ledger, handles[at]);
    maybe_call_back_in();
}

static void release(void *context, const uint64_t *handles, size_t count)
{
    struct owner *owner = context;
    for (size_t at = 0; at < count; at++)
        if (!ledger_give_back(owner->ledger, handles[at]))
            violation("handle %" PRIu64 " was released more often than it was taken", handles[at]);
    maybe_call_back_in();
}

void owner_begin(struct owner *owner, bool brings, bool is_told)
{
    owner->ledger = ledger_new();
    owner->brings = brings;
    owner->is_told = is_told;
    owner->host = (struct lge_host){
        .context = owner,
        .retain = brings ? NULL : retain,
        .release = is_told ? NULL : release,
    };
}

void owner_end(struct owner *owner)
{
    size_t total = ledger_total(owner->ledger);
    if (total > 0 && !owner->is_told)
        violation("%zu references were never released", total);
    ledger_free(owner->ledger);
}

/* The references that a message brings along, or takes back when it was refused. */
static void bring(struct owner *owner, const struct draft *draft, bool back)
{
    if (!owner || !owner->brings || !draft)
        return;
    for (size_t at = 0; at < draft->handle_count; at++) {
        if (!back)
            ledger_take(owner->ledger, draft->handles[at]);
        else if (!ledger_give_back(owner->ledger, draft->handles[at]))
            violation("a refused call took handle %" PRIu64, draft->handles[at]);
    }
}

/* --- what has to be true of a message */

/* Each handle of a part of a message is lent: the library still has a reference. */
static void check_lent(struct owner *owner, msgpack_object object)
{
    switch (object.type) {
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        if (ledger_count(owner->ledger, object.via.u64) == 0)
            violation("a message lends handle %" PRIu64 ", which was given back", object.via.u64);
        break;
    case MSGPACK_OBJECT_ARRAY:
        for (size_t at = 0; at < object.via.array.size; at++)
            check_lent(owner, object.via.array.ptr[at]);
        break;
    case MSGPACK_OBJECT_MAP:
        for (size_t at = 0; at < object.via.map.size; at++)
            check_lent(owner, object.via.map.ptr[at].val);
        break;
    default:
        break;
    }
}

static msgpack_object item(msgpack_object array, size_t at)
{
    if (array.type != MSGPACK_OBJECT_ARRAY || at >= array.via.array.size)
        violation("a message has no array of %zu items where one belongs", at + 1);
    return array.via.array.ptr[at];
}

static void check_question(struct owner *owner, msgpack_object question)
{
    if (item(question, 0).type != MSGPACK_OBJECT_STR)
        violation("a question has no name");
    if (item(question, 1).type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        violation("a question is about no channel");
    for (size_t at = 2; at < question.via.array.size; at++)
        check_lent(owner, item(question, at));
}

/* What a host without release has back. */
static void check_released(struct owner *owner, msgpack_object handles)
{
    if (handles.type != MSGPACK_OBJECT_ARRAY)
        violation("what was released is no array");
    if (!owner->is_told && handles.via.array.size > 0)
        violation("a host that is called is also told");
    for (size_t at = 0; at < handles.via.array.size; at++)
        if (!ledger_give_back(owner->ledger, item(handles, at).via.u64))
            violation("handle %" PRIu64 " was released more often than it was taken, in a reply",
                      item(handles, at).via.u64);
}

static void check_plan(struct owner *owner, msgpack_object plan)
{
    msgpack_object tasks = item(plan, 0);
    for (size_t at = 0; at < tasks.via.array.size; at++)
        check_lent(owner, item(item(tasks, at), 3));
}

/* A commit's reply has a third field for a host that is told, a fourth if the message asked for a plan, and all five
 * for a host that takes more. The answers to a restore end with nil. */
static void check_committed(struct owner *owner, msgpack_object reply)
{
    if (reply.type == MSGPACK_OBJECT_NIL)
        return;
    uint32_t fields = reply.via.array.size;
    if (item(reply, 1).type != MSGPACK_OBJECT_ARRAY ||
        (fields != 2 + (uint32_t)owner->is_told && fields != 4 && fields != 5))
        violation("a commit's reply has %u fields", fields);
    if (owner->is_told)
        check_released(owner, item(reply, 2));
    else if (fields >= 4 && item(reply, 2).type != MSGPACK_OBJECT_NIL)
        violation("a host that is called is also told");
    if (fields >= 4 && item(reply, 3).type != MSGPACK_OBJECT_NIL)
        check_plan(owner, item(reply, 3));
}

/* The handles of a reply; each message has them elsewhere. */
static void check_reply(struct owner *owner, enum call call, int32_t status, msgpack_object reply)
{
    if (!owner)
        return;
    if (status == LGE_ASK && are_several(reply)) {
        for (size_t at = 0; at < reply.via.array.size; at++)
            check_question(owner, item(reply, at));
    } else if (status == LGE_ASK) {
        check_question(owner, reply);
    } else if (call == CALL_READ || call == CALL_STATE) {
        check_lent(owner, reply);
    } else if (call == CALL_COMMIT || call == CALL_ANSWER) {
        check_committed(owner, reply);
    } else if (call == CALL_RELEASED) {
        check_released(owner, reply);
    } else if (call == CALL_CHECKPOINT) {
        msgpack_object values = item(reply, 1);
        for (size_t at = 0; at < values.via.array.size; at++)
            check_lent(owner, item(item(values, at), 1));
    } else if (call == CALL_PLAN) {
        check_plan(owner, reply);
    }
}

static bool may_ask(enum call call)
{
    return call == CALL_RESTORE || call == CALL_PLAN || call == CALL_COMMIT ||
           call == CALL_ANSWER || call == CALL_READ || call == CALL_CHECKPOINT;
}

static void unpack(enum call call, struct said *said)
{
    size_t at = 0;
    const char *data = (const char *)said->message.data;

    if (said->message.id == 0 && !said->room)
        violation("%s worked, but its message has no id", CALL_NAMES[call]);
    if (msgpack_unpack_next(&said->unpacked, data, said->message.length, &at) !=
            MSGPACK_UNPACK_SUCCESS ||
        at != said->message.length)
        violation("the reply of %s is not one MessagePack value", CALL_NAMES[call]);
}

/* --- what has to be true of an error */

/* Whether bytes are UTF-8, as far as it takes to print them: every sequence is whole. */
static bool is_utf8(const uint8_t *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t more = text[at] < 0x80 ? 0 : text[at] < 0xc2 ? 9 : text[at] < 0xe0 ? 1
                      : text[at] < 0xf0 ? 2 : text[at] < 0xf5 ? 3 : 9;
        if (more >= length - at)
            return false;
        for (at++; more > 0; at++, more--)
            if ((text[at] & 0xc0) != 0x80)
                return false;
    }
    return true;
}

static void check_error(const struct caller *caller, enum call call, struct owner *owner,
                        const struct lge_error *error)
{
    const char *name = CALL_NAMES[call];

    if (error->kind == 0 || error->kind >= KIND_COUNT)
        violation("the error of %s is of kind %d, which is none", name, error->kind);
    if (error->id == 0 || !error->message || error->message_length == 0)
        violation("the error of %s has no message", name);
    if (!is_utf8(error->message, error->message_length))
        violation("the error of %s is not UTF-8", name);
    if (error->channel && !is_utf8(error->channel, error->channel_length))
        violation("the channel in the error of %s is not UTF-8", name);
    if (!error->channel && error->channel_length > 0)
        violation("the error of %s has no channel, but a length of it", name);
    if (error->kind == LGE_ERROR_PANIC && !caller->may_panic)
        violation("%s panicked: %.*s", name, (int)error->message_length,
                  (const char *)error->message);
    if (caller->is_sound &&
        (error->kind == LGE_ERROR_BAD_MESSAGE || error->kind == LGE_ERROR_STALE_HANDLE))
        violation("a valid message was refused: %.*s", (int)error->message_length,
                  (const char *)error->message);
    if (error->has_value && owner && ledger_count(owner->ledger, error->value) == 0)
        violation("the error of %s lends a handle that was given back", name);
}

/* --- calls */

typedef int32_t run_call(lge_run, const uint8_t *, size_t, struct lge_message *,
                         struct lge_error *);

/* Room that is enough for many replies, and not for all. */
#define MOST_ROOM 200

/* What stands in memory the library has to leave alone. */
#define UNTOUCHED UINT64_C(0x5afe5afe5afe5afe)

/* Whether a commit is to be answered in the host's own memory. What is in it is good till the run's next commit, which for
 * a run that other threads use may come at any time. */
static bool gives_room(struct caller *caller, enum call call)
{
    return call == CALL_COMMIT && !caller->is_called_back &&
           (caller->is_sound || caller->left_out) && random_chance(&caller->random, 50);
}

/* A commit that is answered in memory of the host's. What was written there becomes the message. */
static int32_t commit_into(struct caller *caller, uint64_t number, const uint8_t *message,
                           size_t length, struct said *said, struct lge_error *error)
{
    size_t size = random_below(&caller->random, MOST_ROOM);
    struct lge_answer answer = {.message = said->message, .size = size};

    answer.room = said->room = size > 0 ? malloc(size) : NULL;
    bool left_out = caller->left_out & LEFT_OUT_REPLY;
    int32_t status = lge_run_commit_into(number, message, length, left_out ? NULL : &answer, error);
    said->message = answer.message;
    if (status <= LGE_ASK) {
        free(said->room);
        said->room = NULL;
        return status;
    }
    if ((size_t)status > size)
        violation("commit wrote %d bytes where it had %zu", status, size);
    if (answer.message.id != UNTOUCHED)
        violation("commit wrote its reply, and filled a message too");
    said->message = (struct lge_message){.data = said->room, .length = (size_t)status};
    return LGE_DONE;
}

static int32_t dispatch(struct caller *caller, enum call call, uint64_t number, struct owner *owner,
                        const struct draft *draft, struct said *said, struct lge_error *error)
{
    static run_call *const run_calls[CALL_COUNT] = {
        [CALL_PLAN] = lge_run_plan,     [CALL_PUSH] = lge_run_push,
        [CALL_COMMIT] = lge_run_commit, [CALL_ANSWER] = lge_run_answer,
        [CALL_READ] = lge_run_read,     [CALL_STATE] = lge_run_state,
        [CALL_SEE] = lge_run_see,       [CALL_CHECKPOINT] = lge_run_checkpoint,
        [CALL_UNSEEN] = lge_run_unseen,
    };
    static const uint8_t nothing;
    unsigned left_out = caller->left_out;
    struct lge_message *reply = left_out & LEFT_OUT_REPLY ? NULL : &said->message;
    const struct lge_host *host = left_out & LEFT_OUT_HOST || !owner ? NULL : &owner->host;
    uint64_t *made = left_out & LEFT_OUT_NUMBER ? NULL : &said->number;
    const uint8_t *message = draft && draft->bytes.size > 0 ? (uint8_t *)draft->bytes.data
                                                            : &nothing;
    size_t length = draft ? draft->bytes.size : 0;

    if (left_out & LEFT_OUT_MESSAGE)
        message = NULL;
    if (left_out & LEFT_OUT_LENGTH)
        length = SIZE_MAX - 1;
    if (gives_room(caller, call))
        return commit_into(caller, number, message, length, said, error);
    switch (call) {
    case CALL_CAPABILITIES:
        return lge_capabilities(reply, error);
    case CALL_COMPILE:
        return lge_program_compile(message, length, made, reply, error);
    case CALL_RESTORE:
        return lge_run_restore(number, host, message, length, made, reply, error);
    case CALL_MAX_VERSION:
        return lge_run_max_version(number, reply, error);
    case CALL_ABORT:
        return lge_run_abort(number, reply, error);
    case CALL_RELEASED:
        return lge_run_released(number, reply, error);
    default:
        return run_calls[call](number, message, length, reply, error);
    }
}

/* Whether a call needs an argument that is left out of it. */
static bool lacks_something(unsigned left_out, enum call call)
{
    bool has_message = call != CALL_CAPABILITIES && call != CALL_MAX_VERSION &&
                       call != CALL_ABORT && call != CALL_RELEASED;
    return left_out & LEFT_OUT_REPLY ||
           (has_message && left_out & (LEFT_OUT_MESSAGE | LEFT_OUT_LENGTH)) ||
           (call == CALL_RESTORE && left_out & (LEFT_OUT_HOST | LEFT_OUT_NUMBER)) ||
           (call == CALL_COMPILE && left_out & LEFT_OUT_NUMBER);
}

static void check_failure(struct caller *caller, enum call call, unsigned left_out,
                          struct owner *owner, struct said *said, struct lge_error *error)
{
    if (said->message.id != UNTOUCHED || said->number != UNTOUCHED)
        violation("%s failed, but filled its reply", CALL_NAMES[call]);
    if (!(left_out & LEFT_OUT_ERROR)) {
        check_error(caller, call, owner, error);
        said->kind = error->kind;
        count_up(caller, COUNTER_KINDS + error->kind);
        lge_error_free(error);
        if (error->id != 0 || error->message)
            violation("an error is not zero after it was freed");
    }
    said->message = (struct lge_message){0};
    said->number = 0;
}

static void check_success(enum call call, struct owner *owner, struct said *said,
                          const struct lge_error *error)
{
    bool makes = call == CALL_COMPILE || call == CALL_RESTORE;

    if (error->id != UNTOUCHED)
        violation("%s worked, but filled its error", CALL_NAMES[call]);
    if (said->status == LGE_ASK && !may_ask(call))
        violation("%s asks, which it never does", CALL_NAMES[call]);
    if (makes && (said->number == UNTOUCHED || said->number == 0))
        violation("%s worked, but gave no number", CALL_NAMES[call]);
    unpack(call, said);
    check_reply(owner, call, said->status, said->unpacked.data);
}

int32_t make_call(struct caller *caller, enum call call, uint64_t number, struct owner *owner,
                  const struct draft *draft, struct said *said)
{
    struct lge_error error = {.id = UNTOUCHED};
    unsigned left_out = caller->left_out;

    *said = (struct said){.message = {.id = UNTOUCHED}, .number = UNTOUCHED};
    msgpack_unpacked_init(&said->unpacked);
    last_draft = draft;
    count_up(caller, COUNTER_CALLS + call);
    bring(owner, draft, false);
    said->status = dispatch(caller, call, number, owner, draft, said,
                            left_out & LEFT_OUT_ERROR ? NULL : &error);
    if (said->status < LGE_REFUSED || said->status > LGE_ASK)
        violation("%s returned %d, which is no status", CALL_NAMES[call], said->status);
    count_up(caller, COUNTER_STATUSES + (size_t)(said->status - LGE_REFUSED));
    if (said->status == LGE_REFUSED)
        bring(owner, draft, true);
    else if (lacks_something(left_out, call))
        violation("%s did without an argument it needs", CALL_NAMES[call]);
    last_draft = draft;
    if (said->status < LGE_DONE)
        check_failure(caller, call, left_out, owner, said, &error);
    else
        check_success(call, owner, said, &error);
    last_draft = NULL;
    return said->status;
}

void said_free(struct said *said)
{
    msgpack_unpacked_destroy(&said->unpacked);
    /* A message may be freed twice, and also by a copy of what the library filled. */
    struct lge_message copy = said->message;
    lge_message_free(&said->message);
    if (said->message.id != 0 || said->message.data)
        violation("a message is not zero after it was freed");
    lge_message_free(&said->message);
    lge_message_free(&copy);
    free(said->room);
    said->room = NULL;
}
