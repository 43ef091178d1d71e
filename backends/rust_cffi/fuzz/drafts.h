/* Random messages of every kind: valid ones for a graph, and what becomes of them when bytes change. */

#ifndef DRAFTS_H
#define DRAFTS_H

#include "random.h"

#include <msgpack.h>

#define MOST_CHANNELS 12
#define MOST_NODES 4
#define MOST_HANDLES 1024

/* How a channel is written, and saved: the words of the wire format. */
enum written { WRITTEN_VALUE, WRITTEN_NAME, WRITTEN_ITEMS, WRITTEN_PACKETS, WRITTEN_IGNORED };
enum saved {
    SAVED_VALUE,
    SAVED_ITEMS,
    SAVED_PACKETS,
    SAVED_NAMES,
    SAVED_NAMES_FINISHED,
    SAVED_VALUE_FINISHED,
    SAVED_NEVER
};

/* A graph that compiles: its message, and what other messages have to know of it. */
struct graph {
    msgpack_sbuffer spec;
    size_t channel_count;
    size_t node_count;
    char channel_names[MOST_CHANNELS][32];
    enum written written[MOST_CHANNELS];
    enum saved saved[MOST_CHANNELS];
    bool has_custom;
    bool has_reducer;
};

/* Makes the message of a random graph. The library's reply says the rest: `graph_describe`. */
void graph_begin(struct graph *graph, struct random *random);
void graph_describe(struct graph *graph, msgpack_object reply);
void graph_end(struct graph *graph);

/* A message, and each handle it mentions as often as it does. */
struct draft {
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    uint64_t handles[MOST_HANDLES];
    size_t handle_count;
};

void draft_begin(struct draft *draft);
void draft_end(struct draft *draft);

/* Starts over with nothing. */
void draft_clear(struct draft *draft);

/* Plan and read lack the answers they end with: see below. */
void draft_restore(struct draft *draft, struct random *random, const struct graph *graph);
void draft_plan(struct draft *draft, struct random *random, const struct graph *graph);
void draft_push(struct draft *draft, struct random *random);
void draft_commit(struct draft *draft, struct random *random, const struct graph *graph);
void draft_read(struct draft *draft, struct random *random, const struct graph *graph);
void draft_channel(struct draft *draft, struct random *random, const struct graph *graph);
void draft_node(struct draft *draft, struct random *random, const struct graph *graph);

/* Any answer, or an array of as many. */
void draft_answer(struct draft *draft, struct random *random);
void draft_answers(struct draft *draft, struct random *random, size_t count);

/* Ends a plan, read or checkpoint with the answers that were collected in another draft. */
void draft_append(struct draft *draft, const struct draft *answers, size_t count);

/* Whether a reply that asks is an array of questions. */
bool are_several(msgpack_object questions);

/* An answer of the sort a question wants, or one to each of an array of questions. */
void draft_fitting(struct draft *draft, struct random *random, msgpack_object question);
void draft_fitting_all(struct draft *draft, struct random *random, msgpack_object questions);

/* A run's state, as its checkpoint said it, as a restore message. */
void draft_state(struct draft *draft, const struct graph *graph, msgpack_object state);

/* Changes, inserts, removes, repeats or cuts off bytes. The handles are no longer known. */
void draft_mutate(struct draft *draft, struct random *random);

#endif
