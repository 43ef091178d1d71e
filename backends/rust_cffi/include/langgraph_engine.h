/*
 * The C ABI of langgraph_engine.
 *
 * Written by cbindgen from src/lib.rs; change that file, then run:
 *     LGE_WRITE_HEADER=1 cargo test -p lge-cffi --test header
 */

#ifndef LANGGRAPH_ENGINE_H
#define LANGGRAPH_ENGINE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// The version of this ABI and of its messages. It is raised when a function or a message changes
// meaning or goes away, not when one is added.
#define LGE_ABI_VERSION 1

// The call is done; its message is the result.
#define LGE_DONE 0

// The call needs the host; its message is the question.
#define LGE_ASK 1

// The call failed, and the error says why: nothing changed. The handles of its message were taken and
// come back.
#define LGE_FAILED -1

// The call was refused before anything was done, and the error says why: it took no handles.
#define LGE_REFUSED -2

// The graph's description contradicts itself.
#define LGE_ERROR_BAD_GRAPH 1

// A channel that holds one value was written more than once in a superstep.
#define LGE_ERROR_LAST_VALUE_MANY 2

// A guarded ephemeral channel was written more than once in a superstep.
#define LGE_ERROR_EPHEMERAL_VALUE_MANY 3

// A guarded untracked channel was written more than once in a superstep.
#define LGE_ERROR_UNTRACKED_VALUE_MANY 4

// A barrier was sent a name that isn't one of its own.
#define LGE_ERROR_BARRIER_NAME 5

// A name that is no channel of the graph was read.
#define LGE_ERROR_UNKNOWN_CHANNEL 6

// A checkpoint id is not hexadecimal.
#define LGE_ERROR_BAD_CHECKPOINT_ID 7

// Versions of different types met in one run.
#define LGE_ERROR_MIXED_VERSIONS 8

// A commit left the version to the engine, but the run's versions are not numbers.
#define LGE_ERROR_VERSION_NEEDED 9

// A checkpoint doesn't have the shape its graph's channels save. A message that says so is refused
// with `LGE_ERROR_BAD_MESSAGE`, so no call of this version fails with it.
#define LGE_ERROR_BAD_CHECKPOINT 10

// A call would change a run in the middle of its own commit.
#define LGE_ERROR_COMMIT_UNDER_WAY 11

// The host answered a question nobody asked, or with the wrong sort of answer.
#define LGE_ERROR_WRONG_ANSWER 12

// The library itself broke; the run it happened in is lost.
#define LGE_ERROR_PANIC 13

// A run can't take this call yet.
#define LGE_ERROR_RUN_BUSY 14

// A version is neither a number nor text, or larger than the engine counts. As for
// `LGE_ERROR_BAD_CHECKPOINT`.
#define LGE_ERROR_BAD_VERSION 15

// A message, or another argument of a call, is not what the call takes.
#define LGE_ERROR_BAD_MESSAGE 16

// A program, run or message that isn't there: never made, of another sort, or freed.
#define LGE_ERROR_STALE_HANDLE 17

// A program or run was used in a process forked after it was made.
#define LGE_ERROR_USED_AFTER_FORK 18

// A message of the library's to the host, which frees it with `lge_message_free`.
//
// The values it mentions stay the library's until then: a host that keeps one longer counts a
// reference of its own in its table.
typedef struct lge_message {
  // Its bytes, MessagePack as `docs/wire-format.md` says.
  const uint8_t *data;
  // How many there are.
  size_t length;
  // What the library knows it by; 0 for a message that isn't there.
  uint64_t id;
} lge_message;

// What went wrong in a call that returned `LGE_FAILED` or `LGE_REFUSED`. The host frees it with `lge_error_free`.
typedef struct lge_error {
  // Why: one of the `LGE_ERROR_` constants.
  uint16_t kind;
  // Whether `value` means anything.
  bool has_value;
  // For `LGE_ERROR_BARRIER_NAME`, what was written. The library's until the error is freed.
  uint64_t value;
  // One sentence in UTF-8 for a person: what happened, to what, and what to do. Never NULL.
  const uint8_t *message;
  // Its length in bytes.
  size_t message_length;
  // The channel concerned, in UTF-8; NULL if there is none.
  const uint8_t *channel;
  // Its length in bytes.
  size_t channel_length;
  // What the library knows it by; 0 for an error that isn't there.
  uint64_t id;
} lge_error;

// A compiled graph. 0 is none.
typedef uint64_t lge_program;

// A function of the host's that is told about values, several at a time.
//
// It may be called from any thread that calls into the library, never while the library holds a lock
// of its own: it may call back in. It must not unwind.
typedef void (*lge_handles_fn)(void *context, const uint64_t *handles, size_t count);

// The owner of a run's values.
//
// A value is a number that means something to the host only. Each time a number stands in a message to
// the library, the library takes one reference to it, unless the call returns `LGE_REFUSED`: then it
// takes none. It gives each reference back exactly once: by `release`, or, if there is none, in the
// replies of `lge_run_commit` and `lge_run_released`, and the rest when the run is freed.
typedef struct lge_host {
  // Handed to both functions. May be NULL.
  void *context;
  // Called with the handles of a message before anything else is done with it: add a reference to
  // each, as often as it is listed. NULL: the message brings the references with it.
  lge_handles_fn retain;
  // Called with the handles the library has no more use for, as often as each was taken. NULL: the
  // host is told of them in replies.
  lge_handles_fn release;
} lge_host;

// One invocation of a program. 0 is none.
typedef uint64_t lge_run;

// Where the result of `lge_run_commit_into` goes.
typedef struct lge_answer {
  // What doesn't go into `room`; filled only then, and freed by the host.
  struct lge_message message;
  // Memory of the host's for a result; NULL for none.
  uint8_t *room;
  // How many bytes it has.
  size_t size;
} lge_answer;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Returns the ABI version the library was built with. A host compares it with the
// `LGE_ABI_VERSION` of the header it was built with, and calls nothing else if they differ.
//
// It takes nothing, owns nothing, cannot fail, and may be called from any thread. Since version 1.
uint32_t lge_abi_version(void);

// Says what the library can do: `{"abi", "core", "capabilities", "errors"}`, the last two arrays of
// names and of `[number, name]`.
//
// `reply` and `error` are filled for the host, which frees them; `error` may be NULL. Fails if `reply`
// is NULL. Any thread. Since version 1.
//
// # Safety
// The pointers are NULL or point to memory of their type.
int32_t lge_capabilities(struct lge_message *reply,
                         struct lge_error *error);

// Compiles a graph: message `compile`. On success `program` is the host's, to free with
// `lge_program_free`; `reply` says how its channels' values are written and saved.
//
// `message` is read during the call only. `error` may be NULL, nothing else. Fails with
// `LGE_ERROR_BAD_GRAPH`, `LGE_ERROR_BAD_MESSAGE`. Any thread. Since version 1.
//
// # Safety
// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
int32_t lge_program_compile(const uint8_t *message,
                            size_t length,
                            lge_program *program,
                            struct lge_message *reply,
                            struct lge_error *error);

// Frees a program. Runs of it go on. 0, or a program that was freed, is left alone.
//
// Cannot fail. Any thread, also while another one uses the program. Since version 1.
void lge_program_free(lge_program program);

// Frees a message of the library's. NULL, or one that was freed, is left alone; its fields are zero
// afterwards.
//
// Cannot fail. Any thread, but one message by one thread. Since version 1.
//
// # Safety
// `message` is NULL or points to an `lge_message`.
void lge_message_free(struct lge_message *message);

// Frees an error. NULL, or one that was freed, is left alone; its fields are zero afterwards.
//
// Cannot fail. Any thread, but one error by one thread. Since version 1.
//
// # Safety
// `error` is NULL or points to an `lge_error`.
void lge_error_free(struct lge_error *error);

// Makes a program's next restore (1), plan (2) or commit (3) panic, for a host's tests of what it
// makes of that. Returns `LGE_DONE`, or `LGE_REFUSED` if there is no such program or point.
//
// Any thread. Since version 1.
int32_t lge_test_panic(lge_program program, uint32_t point);

// Starts a run from a checkpoint, or from nothing: message `restore`. On success `run` is the host's,
// to free with `lge_run_free`. With `LGE_ASK`, `reply` is an array of questions; all are answered at
// once with `lge_run_answer`, and until then the run takes no other call.
//
// `host` is copied; what its context points to must outlive the run and every message and error of
// it. `error` may be NULL, nothing else. Refused with `LGE_ERROR_STALE_HANDLE`,
// `LGE_ERROR_USED_AFTER_FORK`, `LGE_ERROR_BAD_MESSAGE`; fails with `LGE_ERROR_MIXED_VERSIONS`. Any
// thread. Since version 1.
//
// # Safety
// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
int32_t lge_run_restore(lge_program program,
                        const struct lge_host *host,
                        const uint8_t *message,
                        size_t length,
                        lge_run *run,
                        struct lge_message *reply,
                        struct lge_error *error);

// Says which tasks make up the next superstep: message `plan`. With `LGE_ASK` the same call is made
// again, with the answer added to those its message ends with. Changes nothing.
//
// Fails with `LGE_ERROR_BAD_CHECKPOINT_ID`, `LGE_ERROR_MIXED_VERSIONS`, `LGE_ERROR_WRONG_ANSWER`.
//
// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
// calls of one run wait for each other. Since version 1.
//
// # Safety
// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
int32_t lge_run_plan(lge_run run,
                     const uint8_t *message,
                     size_t length,
                     struct lge_message *reply,
                     struct lge_error *error);

// Makes the id and the namespace of a task that a running task asks for: message `push`. Changes
// nothing.
//
// Fails with `LGE_ERROR_BAD_CHECKPOINT_ID`.
//
// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
// calls of one run wait for each other. Since version 1.
//
// # Safety
// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
int32_t lge_run_push(lge_run run,
                     const uint8_t *message,
                     size_t length,
                     struct lge_message *reply,
                     struct lge_error *error);

// Applies one superstep's writes and says which channels changed: message `commit`. With `LGE_ASK` the
// host goes on with `lge_run_answer`, or gives up with `lge_run_abort`. The message may name the superstep
// that comes next: then the reply has its plan, unless planning it takes a question or fails. It may say that the
// host takes more: then the reply of `LGE_ASK` is an array of questions, and the result has the highest version.
//
// Fails, and leaves the run as it was, with `LGE_ERROR_LAST_VALUE_MANY`,
// `LGE_ERROR_EPHEMERAL_VALUE_MANY`, `LGE_ERROR_UNTRACKED_VALUE_MANY`, `LGE_ERROR_BARRIER_NAME`,
// `LGE_ERROR_MIXED_VERSIONS`, `LGE_ERROR_VERSION_NEEDED`, `LGE_ERROR_COMMIT_UNDER_WAY`.
//
// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
// calls of one run wait for each other. Since version 1.
//
// # Safety
// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
int32_t lge_run_commit(lge_run run,
                       const uint8_t *message,
                       size_t length,
                       struct lge_message *reply,
                       struct lge_error *error);

// As `lge_run_commit`, with less to do about a result of few bytes: one that fits `room` of `answer` is
// written there, and the number of its bytes, two at least, is what the call returns; `message` of `answer` is
// left alone. The handles in it are good until the run's next commit, or its end. Anything else is handed out as
// `message` of `answer`, which the host frees, with the status `lge_run_commit` has.
//
// `answer` is not NULL, and its `room` may be. Fails and is refused as `lge_run_commit`. Any thread; calls
// of one run wait for each other. Since version 1.
//
// # Safety
// The pointers are NULL or point to memory of their type; `message` to `length` bytes, and `room` of `answer` is
// NULL or points to `size` bytes, which nobody else uses meanwhile.
int32_t lge_run_commit_into(lge_run run,
                            const uint8_t *message,
                            size_t length,
                            struct lge_answer *answer,
                            struct lge_error *error);

// Answers the questions of a restore, all in one array, or the last question of a commit, or in an array all of
// those it asked together: message `answer`. Replies as the call it goes on with.
//
// Fails as that call does, and with `LGE_ERROR_WRONG_ANSWER`; a commit is given up then.
//
// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
// calls of one run wait for each other. Since version 1.
//
// # Safety
// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
int32_t lge_run_answer(lge_run run,
                       const uint8_t *message,
                       size_t length,
                       struct lge_message *reply,
                       struct lge_error *error);

// Reads channels, if the message says so as if one task's writes had been committed: message `read`.
// With `LGE_ASK` the same call is made again, with the answer added. Changes nothing.
//
// Fails with `LGE_ERROR_UNKNOWN_CHANNEL`, `LGE_ERROR_WRONG_ANSWER`, and as a commit of the writes would.
//
// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
// calls of one run wait for each other. Since version 1.
//
// # Safety
// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
int32_t lge_run_read(lge_run run,
                     const uint8_t *message,
                     size_t length,
                     struct lge_message *reply,
                     struct lge_error *error);

// Gives one channel's checkpoint value, and an untracked one's too: message `state`. Changes nothing.
//
// Fails with `LGE_ERROR_UNKNOWN_CHANNEL`.
//
// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
// calls of one run wait for each other. Since version 1.
//
// # Safety
// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
int32_t lge_run_state(lge_run run,
                      const uint8_t *message,
                      size_t length,
                      struct lge_message *reply,
                      struct lge_error *error);

// Gives the run's state in the form of a `restore` message: message `checkpoint`. With `LGE_ASK` the
// same call is made again, with the answer added. Task ids planned afterwards are those of the
// present checkpoint format.
//
// Fails with `LGE_ERROR_WRONG_ANSWER`.
//
// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
// calls of one run wait for each other. Since version 1.
//
// # Safety
// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
int32_t lge_run_checkpoint(lge_run run,
                           const uint8_t *message,
                           size_t length,
                           struct lge_message *reply,
                           struct lge_error *error);

// Marks a node as having seen every channel of the graph at its present version: message `see`.
//
// Fails with `LGE_ERROR_COMMIT_UNDER_WAY`.
//
// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
// calls of one run wait for each other. Since version 1.
//
// # Safety
// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
int32_t lge_run_see(lge_run run,
                    const uint8_t *message,
                    size_t length,
                    struct lge_message *reply,
                    struct lge_error *error);

// Says whether any channel is newer than a node has seen: message `unseen`. Changes nothing.
//
// Fails with `LGE_ERROR_MIXED_VERSIONS`.
//
// `message` is read during the call only; `reply` and `error` are filled for the host, which frees
// them; `error` may be NULL. Every call of a run is refused with `LGE_ERROR_STALE_HANDLE`,
// `LGE_ERROR_USED_AFTER_FORK` or `LGE_ERROR_BAD_MESSAGE`, and fails with `LGE_ERROR_RUN_BUSY` while
// its restore waits for answers and with `LGE_ERROR_PANIC` once one of its calls broke. Any thread;
// calls of one run wait for each other. Since version 1.
//
// # Safety
// The pointers are NULL or point to memory of their type; `message` to `length` bytes.
int32_t lge_run_unseen(lge_run run,
                       const uint8_t *message,
                       size_t length,
                       struct lge_message *reply,
                       struct lge_error *error);

// Gives the highest channel version, or nil if no channel was ever written. Changes nothing.
//
// `reply` and `error` are filled for the host, which frees them; `error` may be NULL. Fails as every
// call of a run does. Any thread; calls of one run wait for each other. Since version 1.
//
// # Safety
// The pointers are NULL or point to memory of their type.
int32_t lge_run_max_version(lge_run run,
                            struct lge_message *reply,
                            struct lge_error *error);

// Gives up the commit under way, if there is one: the run is as it was before it. Replies nil.
//
// `reply` and `error` are filled for the host, which frees them; `error` may be NULL. Fails as every
// call of a run does. Any thread; calls of one run wait for each other. Since version 1.
//
// # Safety
// The pointers are NULL or point to memory of their type.
int32_t lge_run_abort(lge_run run,
                      struct lge_message *reply,
                      struct lge_error *error);

// Gives the handles that the host has back since it was last told, as an array: for a host without
// `release`; with one it is empty. `lge_run_commit` says the same in its reply.
//
// `reply` and `error` are filled for the host, which frees them; `error` may be NULL. Refused with
// `LGE_ERROR_STALE_HANDLE` or `LGE_ERROR_USED_AFTER_FORK`. Any thread. Since version 1.
//
// # Safety
// The pointers are NULL or point to memory of their type.
int32_t lge_run_released(lge_run run, struct lge_message *reply, struct lge_error *error);

// Frees a run and gives back its values, but for those of messages and errors not freed yet. 0, or a
// run that was freed, is left alone.
//
// Cannot fail. Any thread, also while another one uses the run: that call ends as usual. Since
// version 1.
void lge_run_free(lge_run run);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LANGGRAPH_ENGINE_H */
