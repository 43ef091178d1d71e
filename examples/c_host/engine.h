/*
 * One program and one run of it, with the host's values: the calls of the ABI, and the engine's questions.
 */

#ifndef ENGINE_H
#define ENGINE_H

#include "message.h"

/* Beside the statuses of the ABI: the host couldn't answer a question, and the call was given up. */
#define HOST_FAILED 2

/* A question of the engine's. */
struct question {
    /* "initial", "fold", and so on. */
    msgpack_object name;
    const char *channel;
    size_t channel_place;
    /* What it is about: the value so far, the saved value or the custom channel; NULL if there is none. */
    json_t *about;
    /* The values to fold, or to update with; NULL if the question has none. The caller frees it. */
    json_t *values;
};

struct engine;

/* Answers a question: adds a value, nil or a flag to the message. Returns false if the host can't. */
typedef bool answer_fn(struct engine *engine, const struct question *question, struct message *answer);

struct engine {
    struct values values;
    struct lge_host host;
    /* The graph, in the form of the scenario files: tests/scenarios/README.md. */
    const json_t *graph;
    /* Names by place. The text lies in the graph. */
    const char **channels;
    const char **nodes;
    size_t channel_count;
    size_t node_count;
    lge_program program;
    lge_run run;
    /* How the channels are written and saved, and what triggers the nodes. */
    struct reply description;
    answer_fn *answer;
    /* Messages name channels and nodes by place where they can; otherwise always by name. */
    bool by_place;
};

/* Starts with an empty table. */
void engine_begin(struct engine *engine, answer_fn *answer);

/* Frees run, program and table. */
void engine_end(struct engine *engine);

/* Compiles a graph, which has to outlive the engine. An earlier program is freed. Returns the status;
 * `reply` has the error of one that isn't LGE_DONE. */
int32_t engine_compile(struct engine *engine, const json_t *graph, struct reply *reply);

/* Starts a run from the bytes of a restore message, and answers what the engine asks. An earlier run is
 * freed. */
int32_t engine_restore(struct engine *engine, const struct message *message, struct reply *reply);

/* Frees the run. */
void engine_stop(struct engine *engine);

/* A call of the run's that takes a message. */
typedef int32_t run_call(lge_run run, const uint8_t *message, size_t length,
                         struct lge_message *reply, struct lge_error *error);

/* Makes a call that asks nothing: push, state, see, unseen. */
int32_t engine_tell(struct engine *engine, run_call *call, const struct message *message,
                    struct reply *reply);

/* Makes a call that only looks: plan, read, checkpoint. `message` lacks the answers it ends with: they
 * are added until the engine has no more questions. */
int32_t engine_look(struct engine *engine, run_call *call, const struct message *message,
                    struct reply *reply);

/* Commits, and answers what the engine asks. */
int32_t engine_commit(struct engine *engine, const struct message *message, struct reply *reply);

/* The place of a name; false if the graph doesn't have it. */
bool engine_channel(const struct engine *engine, const char *name, size_t *place);
bool engine_node(const struct engine *engine, const char *name, size_t *place);

/* How the values of a channel are written and saved: "value", "items" and so on. */
msgpack_object engine_written(const struct engine *engine, size_t channel);
msgpack_object engine_saved(const struct engine *engine, size_t channel);

/* The names of a node's triggers, as its tasks list them. */
json_t *engine_triggers(const struct engine *engine, size_t node);

/* Names a channel or a node in a message. */
void engine_pack_channel(const struct engine *engine, struct message *message, const char *name);
void engine_pack_node(const struct engine *engine, struct message *message, const char *name);

/* Packs writes, `[[channel, value], ...]`, each in the form its channel is written. */
void engine_pack_writes(const struct engine *engine, struct message *message, const json_t *writes);

/* Packs a packet: `[handle, node]`, the node nil for a value that is no packet. */
void engine_pack_packet(struct message *message, json_t *value);

/* The name of a channel or a node in a reply. The text lies in the graph or in the reply. */
json_t *engine_channel_name(const struct engine *engine, msgpack_object channel);
json_t *engine_node_name(const struct engine *engine, msgpack_object node);

/* The value of a handle in a reply; the caller frees it. */
json_t *engine_value(struct engine *engine, msgpack_object handle);

/* The values of an array of handles. */
json_t *engine_values(struct engine *engine, msgpack_object handles);

/* What a node reads: a value, a topic's list, null; or an object of them, by channel. */
json_t *engine_shown(struct engine *engine, msgpack_object shown);

/* One channel's value in the form a checkpoint has it. */
json_t *engine_saved_to_json(struct engine *engine, size_t channel, msgpack_object saved);

/* What a checkpoint keeps of the run, as JSON: `channel_values`, `channel_versions`, `versions_seen` are
 * set in `into`, and the format as `v`. */
void engine_state_to_json(struct engine *engine, msgpack_object state, json_t *into);

/* The same back into a restore message. Values of channels the graph doesn't have are left out. */
void engine_state_of_json(const struct engine *engine, struct message *message, const json_t *state);

#endif
