/*
 * A host of the engine in C.
 *
 * It runs the graph of graph.json: `write` a draft about a topic, have a person `review` it, `publish` it.
 * The review stops the run and asks. The host then takes a checkpoint, as text, and frees the run; a
 * new run starts from the text, with the person's answer.
 *
 *     host [graph.json]
 *
 * The engine decides what runs when and what the channels hold. Running nodes, folding values and keeping
 * checkpoints is the host's part, and all there is in this file.
 */

#include "engine.h"
#include "sentence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the nodes */

/* What a node came to: its writes, `[[channel, value], ...]`, or a question it stops with. */
struct outcome {
    json_t *writes;
    json_t *question;
};

/* A node. `answer` is the person's to a question asked before; NULL if there is none. */
typedef struct outcome node_fn(json_t *input, json_t *answer);

static struct outcome write_draft(json_t *input, json_t *answer)
{
    (void)answer;
    json_t *draft = needed(json_sprintf("All about %s.", json_string_value(input)));
    json_t *writes = json_pack("[[s,o],[s,[s]]]", "draft", draft, "notes", "written");
    return (struct outcome){.writes = needed(writes)};
}

static struct outcome review(json_t *input, json_t *answer)
{
    if (!answer) {
        json_t *question = json_sprintf("Publish '%s'?", json_string_value(input));
        return (struct outcome){.question = needed(question)};
    }
    json_t *note = needed(json_sprintf("reviewed: %s", json_string_value(answer)));
    json_t *writes = json_pack("[[s,O],[s,[o]]]", "verdict", answer, "notes", note);
    return (struct outcome){.writes = needed(writes)};
}

static struct outcome publish(json_t *input, json_t *answer)
{
    (void)answer;
    bool wanted = strcmp(json_string_value(json_object_get(input, "verdict")), "yes") == 0;
    json_t *page = wanted ? json_incref(json_object_get(input, "draft")) : json_null();
    json_t *writes = json_pack("[[s,o],[s,[s]]]", "page", page, "notes", "published");
    return (struct outcome){.writes = needed(writes)};
}

static node_fn *node_named(const char *name)
{
    static const struct {
        const char *name;
        node_fn *run;
    } nodes[] = {{"write", write_draft}, {"review", review}, {"publish", publish}};

    for (size_t at = 0; at < sizeof nodes / sizeof *nodes; at++)
        if (strcmp(nodes[at].name, name) == 0)
            return nodes[at].run;
    fail("The graph has a node '%s', which this host can't run.", name);
}

/* --- the reducer */

/* The only channel that needs the host is `notes`: lists, one behind the other. Values already in the
 * table are never changed: a checkpoint may have them too. */
static bool answer_question(struct engine *engine, const struct question *question,
                            struct message *answer)
{
    size_t at;
    json_t *values;
    json_t *notes = needed(json_array());

    (void)engine;
    if (is_text(question->name, "fold")) {
        if (question->about)
            json_array_extend(notes, question->about);
        json_array_foreach(question->values, at, values)
            json_array_extend(notes, values);
    } else if (!is_text(question->name, "initial")) {
        fail("The engine asks '%.*s' about '%s', which this host can't answer.",
             (int)question->name.via.str.size, question->name.via.str.ptr, question->channel);
    }
    message_value(answer, notes);
    return true;
}

/* --- supersteps */

/* Commits the writes of one task. A run starts with a commit too, of the input: its task is no node of
 * the graph, and says itself what its path is and that nothing triggered it. */
static void commit(struct engine *engine, const char *node, const json_t *writes)
{
    struct message message;
    struct reply reply;
    size_t place;
    bool is_node = engine_node(engine, node, &place);

    message_begin(&message, &engine->values);
    reply_begin(&reply);
    message_array(&message, 2);
    message_array(&message, 1);
    message_array(&message, 4);
    if (is_node) {
        message_nil(&message);
    } else {
        message_array(&message, 2);
        message_text(&message, "__pregel_pull");
        message_text(&message, node);
    }
    engine_pack_node(engine, &message, node);
    if (is_node)
        message_nil(&message);
    else
        message_array(&message, 0);
    engine_pack_writes(engine, &message, writes);
    message_nil(&message); /* The engine counts the versions. */

    if (engine_commit(engine, &message, &reply) != LGE_DONE)
        reply_fail(&reply, "The commit");
    msgpack_object changed = item_of(reply.unpacked.data, 0);
    printf("  changed:");
    for (size_t at = 0; at < count_of(changed); at++) {
        json_t *name = engine_channel_name(engine, item_of(changed, at));
        printf(" %s", json_string_value(name));
        json_decref(name);
    }
    printf("\n");
    reply_end(&reply);
    message_end(&message);
}

/* Asks for the tasks of a superstep. A checkpoint's id goes into the ids of its tasks: a task that is run
 * again from the same checkpoint has the same one. */
static void plan(struct engine *engine, int step, const char *checkpoint_id, struct reply *reply)
{
    struct message message;

    message_begin(&message, &engine->values);
    message_array(&message, 5);
    message_number(&message, step);
    message_text(&message, checkpoint_id);
    message_text(&message, ""); /* A graph that is no node of another has no namespace. */
    message_nil(&message);      /* Which channels changed isn't told: the engine looks itself. */
    if (engine_look(engine, lge_run_plan, &message, reply) != LGE_DONE)
        reply_fail(reply, "The plan");
    message_end(&message);
}

/* Where a story is: what the host keeps beside the engine's state. */
struct place_in_story {
    int step;
    char checkpoint_id[40];
};

static void name_checkpoint(struct place_in_story *place)
{
    snprintf(place->checkpoint_id, sizeof place->checkpoint_id,
             "1f0c1b5e-0000-6000-8000-%012d", place->step + 1);
}

/* Runs the one task of a superstep: in this graph there is never a second, and so nothing to be kept of
 * tasks that were done when another one stopped. Returns its question, if it has one. */
static json_t *run_task(struct engine *engine, msgpack_object task, json_t *answer)
{
    json_t *name = engine_node_name(engine, item_of(task, 1));
    json_t *input = engine_shown(engine, item_of(task, 3));
    char *text = as_text(input);
    printf("  %s reads %s\n", json_string_value(name), text);
    free(text);

    struct outcome outcome = node_named(json_string_value(name))(input, answer);
    if (!outcome.question)
        commit(engine, json_string_value(name), outcome.writes);
    json_decref(outcome.writes);
    json_decref(input);
    json_decref(name);
    return outcome.question;
}

/* Runs supersteps until there is nothing left to do, or a task has a question, which is returned: its
 * superstep was not committed, and is planned again by whoever resumes. */
static json_t *run_supersteps(struct engine *engine, struct place_in_story *place, json_t *answer)
{
    for (;; place->step++, answer = NULL) {
        struct reply planned;
        json_t *question = NULL;

        name_checkpoint(place);
        reply_begin(&planned);
        plan(engine, place->step, place->checkpoint_id, &planned);
        msgpack_object tasks = item_of(planned.unpacked.data, 0);
        bool over = count_of(tasks) == 0;
        if (!over) {
            printf("superstep %d\n", place->step);
            question = run_task(engine, item_of(tasks, 0), answer);
        }
        reply_end(&planned);
        if (over || question)
            return question;
    }
}

/* --- checkpoints */

/* The run's state and the place in the story as text, which is all that is left when the run is freed. */
static char *take_checkpoint(struct engine *engine, const struct place_in_story *place)
{
    struct message message;
    struct reply reply;
    json_t *checkpoint =
        needed(json_pack("{s:i,s:s}", "step", place->step, "id", place->checkpoint_id));

    message_begin(&message, &engine->values); /* It consists of answers alone. */
    reply_begin(&reply);
    if (engine_look(engine, lge_run_checkpoint, &message, &reply) != LGE_DONE)
        reply_fail(&reply, "The checkpoint");
    engine_state_to_json(engine, reply.unpacked.data, checkpoint);
    reply_end(&reply);
    message_end(&message);
    char *text = as_text(checkpoint);
    json_decref(checkpoint);
    return text;
}

/* Starts a run from a checkpoint's text, or from nothing. */
static void restore(struct engine *engine, const char *text, struct place_in_story *place)
{
    struct message message;
    struct reply reply;

    message_begin(&message, &engine->values);
    reply_begin(&reply);
    if (text) {
        json_t *checkpoint = needed(json_loads(text, 0, NULL));
        place->step = (int)json_integer_value(json_object_get(checkpoint, "step"));
        engine_state_of_json(engine, &message, checkpoint);
        json_decref(checkpoint);
    } else {
        place->step = 0;
        message_nil(&message);
    }
    if (engine_restore(engine, &message, &reply) != LGE_DONE)
        reply_fail(&reply, "The restore");
    reply_end(&reply);
    message_end(&message);
}

/* All that the channels hold. */
static void print_state(struct engine *engine)
{
    struct message message;
    struct reply reply;

    message_begin(&message, &engine->values);
    reply_begin(&reply);
    message_array(&message, 3);
    message_array(&message, engine->channel_count);
    for (size_t at = 0; at < engine->channel_count; at++)
        engine_pack_channel(engine, &message, engine->channels[at]);
    message_nil(&message);
    if (engine_look(engine, lge_run_read, &message, &reply) != LGE_DONE)
        reply_fail(&reply, "The read");
    json_t *state = engine_shown(engine, reply.unpacked.data);
    char *text = as_text(state);
    printf("final state: %s\n", text);
    free(text);
    json_decref(state);
    reply_end(&reply);
    message_end(&message);
}

/* Everything the engine was given came back, and nothing came back that it wasn't given. */
static void check_table(const struct engine *engine, const char *when)
{
    if (engine->values.held > 0 || engine->values.faults > 0)
        fail("%s, the table has %zu values too many, and %zu handles were wrong.", when,
             engine->values.held, engine->values.faults);
    printf("%s, the table of values is empty\n", when);
}

/* --- the story */

int main(int count, char **arguments)
{
    struct engine engine;
    struct place_in_story place;
    struct reply reply;

    if (lge_abi_version() != LGE_ABI_VERSION)
        fail("The library speaks version %u of the ABI, this program version %d.",
             lge_abi_version(), LGE_ABI_VERSION);
    json_t *graph = read_json(count > 1 ? arguments[1] : "graph.json");
    engine_begin(&engine, answer_question);
    engine.by_place = true;
    reply_begin(&reply);
    if (engine_compile(&engine, graph, &reply) != LGE_DONE)
        reply_fail(&reply, "The graph");
    reply_end(&reply);

    printf("a run from nothing\n");
    restore(&engine, NULL, &place);
    json_t *input = needed(json_pack("[[s,s]]", "topic", "tides"));
    commit(&engine, "__input__", input);
    json_decref(input);
    json_t *question = run_supersteps(&engine, &place, NULL);
    if (!question)
        fail("The review didn't ask.");
    printf("the run stops and asks: %s\n", json_string_value(question));
    json_decref(question);
    char *checkpoint = take_checkpoint(&engine, &place);
    engine_stop(&engine);
    printf("its checkpoint: %s\n", checkpoint);
    check_table(&engine, "with the run freed");

    printf("a run from the checkpoint, with the answer 'yes'\n");
    restore(&engine, checkpoint, &place);
    free(checkpoint);
    json_t *answer = needed(json_string("yes"));
    question = run_supersteps(&engine, &place, answer);
    json_decref(answer);
    if (question)
        fail("A node asks again: %s", json_string_value(question));
    print_state(&engine);
    engine_stop(&engine);
    check_table(&engine, "at the end");

    engine_end(&engine);
    json_decref(graph);
    return 0;
}
