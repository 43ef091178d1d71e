#include "engine.h"

#include "sentence.h"

#include <stdlib.h>
#include <string.h>

static const char **names_of(const json_t *specs)
{
    size_t at;
    const json_t *spec;
    const char **names = needed(calloc(json_array_size(specs) + 1, sizeof *names));
    json_array_foreach(specs, at, spec)
        names[at] = json_string_value(json_object_get(spec, "name"));
    return names;
}

void engine_begin(struct engine *engine, answer_fn *answer)
{
    *engine = (struct engine){.answer = answer};
    values_begin(&engine->values);
    engine->host = (struct lge_host){&engine->values, values_retain, values_release};
    reply_begin(&engine->description);
}

static void forget_program(struct engine *engine)
{
    lge_program_free(engine->program);
    engine->program = 0;
    reply_end(&engine->description);
    reply_begin(&engine->description);
    free(engine->channels);
    free(engine->nodes);
}

void engine_end(struct engine *engine)
{
    engine_stop(engine);
    forget_program(engine);
    reply_end(&engine->description);
    values_end(&engine->values);
}

/* Flags and names a channel's spec may leave out have the values its kind ignores. */
static void pack_channel_spec(struct message *message, const json_t *spec)
{
    const json_t *guard = json_object_get(spec, "guard");
    const json_t *names = json_object_get(spec, "names");
    message_array(message, 5);
    message_plain(message, json_object_get(spec, "name"));
    message_plain(message, json_object_get(spec, "kind"));
    message_flag(message, !guard || json_is_true(guard));
    message_flag(message, json_is_true(json_object_get(spec, "accumulate")));
    if (names)
        message_plain(message, names);
    else
        message_array(message, 0);
}

static void pack_node_spec(struct message *message, const json_t *spec)
{
    message_array(message, 4);
    message_plain(message, json_object_get(spec, "name"));
    message_plain(message, json_object_get(spec, "triggers"));
    message_plain(message, json_object_get(spec, "reads"));
    message_flag(message, !json_is_false(json_object_get(spec, "runs")));
}

static void pack_graph(struct message *message, const json_t *graph)
{
    size_t at;
    const char *name;
    json_t *item;
    const json_t *channels = json_object_get(graph, "channels");
    const json_t *nodes = json_object_get(graph, "nodes");
    json_t *triggers = json_object_get(graph, "trigger_to_nodes");

    message_array(message, 3);
    message_array(message, json_array_size(channels));
    json_array_foreach(channels, at, item)
        pack_channel_spec(message, item);
    message_array(message, json_array_size(nodes));
    json_array_foreach(nodes, at, item)
        pack_node_spec(message, item);
    message_array(message, json_object_size(triggers));
    json_object_foreach(triggers, name, item) {
        message_array(message, 2);
        message_text(message, name);
        message_plain(message, item);
    }
}

int32_t engine_compile(struct engine *engine, const json_t *graph, struct reply *reply)
{
    struct message message;

    forget_program(engine);
    engine->graph = graph;
    engine->channels = names_of(json_object_get(graph, "channels"));
    engine->nodes = names_of(json_object_get(graph, "nodes"));
    engine->channel_count = json_array_size(json_object_get(graph, "channels"));
    engine->node_count = json_array_size(json_object_get(graph, "nodes"));
    message_begin(&message, &engine->values);
    pack_graph(&message, graph);
    int32_t status = lge_program_compile((const uint8_t *)message.bytes.data, message.bytes.size,
                                         &engine->program, &engine->description.message,
                                         &reply->error);
    message_end(&message);
    if (status == LGE_DONE)
        reply_read(&engine->description);
    return status;
}

int32_t engine_tell(struct engine *engine, run_call *call, const struct message *message,
                    struct reply *reply)
{
    int32_t status = call(engine->run, (const uint8_t *)message->bytes.data, message->bytes.size,
                          &reply->message, &reply->error);
    if (status == LGE_DONE || status == LGE_ASK)
        reply_read(reply);
    return status;
}

/* Takes a question apart, has it answered, and adds the answer to the message. */
static bool answer(struct engine *engine, msgpack_object asked, struct message *answers)
{
    size_t fields = count_of(asked);
    struct question question = {
        .name = item_of(asked, 0),
        .channel_place = number_of(item_of(asked, 1)),
    };
    if (question.channel_place >= engine->channel_count)
        fail("The engine asks about a channel the graph doesn't have.");
    question.channel = engine->channels[question.channel_place];
    if (fields > 2 && item_of(asked, 2).type != MSGPACK_OBJECT_NIL)
        question.about = engine_value(engine, item_of(asked, 2));
    if (fields > 3)
        question.values = engine_values(engine, item_of(asked, 3));
    bool answered = engine->answer(engine, &question, answers);
    json_decref(question.about);
    json_decref(question.values);
    return answered;
}

int32_t engine_restore(struct engine *engine, const struct message *message, struct reply *reply)
{
    struct message answers;
    bool answered = true;

    engine_stop(engine);
    int32_t status = lge_run_restore(engine->program, &engine->host,
                                     (const uint8_t *)message->bytes.data, message->bytes.size,
                                     &engine->run, &reply->message, &reply->error);
    if (status != LGE_ASK)
        return status;
    /* A restore asks everything at once. */
    reply_read(reply);
    message_begin(&answers, &engine->values);
    size_t count = count_of(reply->unpacked.data);
    message_array(&answers, count);
    for (size_t at = 0; at < count && answered; at++)
        answered = answer(engine, item_of(reply->unpacked.data, at), &answers);
    reply_end(reply);
    reply_begin(reply);
    status = answered ? engine_tell(engine, lge_run_answer, &answers, reply) : HOST_FAILED;
    message_end(&answers);
    return status;
}

void engine_stop(struct engine *engine)
{
    lge_run_free(engine->run);
    engine->run = 0;
}

int32_t engine_look(struct engine *engine, run_call *call, const struct message *message,
                    struct reply *reply)
{
    struct message answers;
    struct message whole;
    int32_t status;

    message_begin(&answers, &engine->values);
    for (size_t count = 0;; count++) {
        message_begin(&whole, &engine->values);
        message_append(&whole, message);
        message_array(&whole, count);
        message_append(&whole, &answers);
        status = engine_tell(engine, call, &whole, reply);
        message_end(&whole);
        if (status != LGE_ASK)
            break;
        bool answered = answer(engine, reply->unpacked.data, &answers);
        reply_end(reply);
        reply_begin(reply);
        if (!answered) {
            status = HOST_FAILED;
            break;
        }
    }
    message_end(&answers);
    return status;
}

/* Gives up the commit under way: the run is as it was before. */
static int32_t give_up(struct engine *engine)
{
    struct reply reply;

    reply_begin(&reply);
    if (lge_run_abort(engine->run, &reply.message, &reply.error) != LGE_DONE)
        reply_fail(&reply, "lge_run_abort");
    reply_end(&reply);
    return HOST_FAILED;
}

int32_t engine_commit(struct engine *engine, const struct message *message, struct reply *reply)
{
    int32_t status = engine_tell(engine, lge_run_commit, message, reply);
    while (status == LGE_ASK) {
        struct message answers;
        message_begin(&answers, &engine->values);
        bool answered = answer(engine, reply->unpacked.data, &answers);
        reply_end(reply);
        reply_begin(reply);
        status = answered ? engine_tell(engine, lge_run_answer, &answers, reply) : give_up(engine);
        message_end(&answers);
    }
    return status;
}

static bool find(const char **names, size_t count, const char *name, size_t *place)
{
    for (size_t at = 0; at < count; at++) {
        if (strcmp(names[at], name) == 0) {
            *place = at;
            return true;
        }
    }
    return false;
}

bool engine_channel(const struct engine *engine, const char *name, size_t *place)
{
    return find(engine->channels, engine->channel_count, name, place);
}

bool engine_node(const struct engine *engine, const char *name, size_t *place)
{
    return find(engine->nodes, engine->node_count, name, place);
}

static msgpack_object channel_description(const struct engine *engine, size_t channel)
{
    return item_of(item_of(engine->description.unpacked.data, 0), channel);
}

msgpack_object engine_written(const struct engine *engine, size_t channel)
{
    return item_of(channel_description(engine, channel), 0);
}

msgpack_object engine_saved(const struct engine *engine, size_t channel)
{
    return item_of(channel_description(engine, channel), 1);
}

json_t *engine_triggers(const struct engine *engine, size_t node)
{
    msgpack_object places = item_of(item_of(engine->description.unpacked.data, 1), node);
    json_t *names = needed(json_array());
    for (size_t at = 0; at < count_of(places); at++)
        json_array_append_new(names, engine_channel_name(engine, item_of(places, at)));
    return names;
}

void engine_pack_channel(const struct engine *engine, struct message *message, const char *name)
{
    size_t place;

    if (engine->by_place && engine_channel(engine, name, &place))
        message_number(message, (int64_t)place);
    else
        message_text(message, name);
}

void engine_pack_node(const struct engine *engine, struct message *message, const char *name)
{
    size_t place;

    if (engine->by_place && engine_node(engine, name, &place))
        message_number(message, (int64_t)place);
    else
        message_text(message, name);
}

void engine_pack_packet(struct message *message, json_t *value)
{
    const json_t *node = json_object_get(json_object_get(value, "$send"), "node");
    message_array(message, 2);
    message_value(message, json_incref(value));
    if (node)
        message_plain(message, node);
    else
        message_nil(message);
}

/* A barrier's name, which the engine compares: the value, and the same as text. */
static void pack_name(struct message *message, json_t *value)
{
    message_array(message, 2);
    message_value(message, json_incref(value));
    if (json_is_string(value))
        message_plain(message, value);
    else
        message_nil(message);
}

/* A list is many items, anything else is one. */
static void pack_items(struct message *message, json_t *value, bool packets)
{
    size_t at;
    json_t *item;
    json_t *items = json_is_array(value) ? json_incref(value) : needed(json_pack("[O]", value));

    message_array(message, json_array_size(items));
    json_array_foreach(items, at, item) {
        if (packets)
            engine_pack_packet(message, item);
        else
            message_value(message, json_incref(item));
    }
    json_decref(items);
}

static void pack_write(const struct engine *engine, struct message *message, size_t channel,
                       json_t *value)
{
    msgpack_object written = engine_written(engine, channel);
    if (is_text(written, "value"))
        message_value(message, json_incref(value));
    else if (is_text(written, "name"))
        pack_name(message, value);
    else if (is_text(written, "ignored"))
        message_nil(message);
    else
        pack_items(message, value, is_text(written, "packets"));
}

void engine_pack_writes(const struct engine *engine, struct message *message, const json_t *writes)
{
    size_t at;
    size_t place;
    const json_t *write;

    message_array(message, json_array_size(writes));
    json_array_foreach(writes, at, write) {
        const char *channel = json_string_value(json_array_get(write, 0));
        message_array(message, 2);
        engine_pack_channel(engine, message, channel);
        if (engine_channel(engine, channel, &place))
            pack_write(engine, message, place, json_array_get(write, 1));
        else
            message_nil(message);
    }
}

static json_t *name_of(msgpack_object name, const char **names, size_t count)
{
    if (name.type == MSGPACK_OBJECT_STR)
        return text_of(name);
    uint64_t place = number_of(name);
    if (place >= count)
        fail("The engine's message names a place the graph doesn't have.");
    return needed(json_string(names[place]));
}

json_t *engine_channel_name(const struct engine *engine, msgpack_object channel)
{
    return name_of(channel, engine->channels, engine->channel_count);
}

json_t *engine_node_name(const struct engine *engine, msgpack_object node)
{
    return name_of(node, engine->nodes, engine->node_count);
}

json_t *engine_value(struct engine *engine, msgpack_object handle)
{
    json_t *value = values_get(&engine->values, number_of(handle));
    if (!value)
        fail("The engine's message has a handle that stands for nothing.");
    return json_incref(value);
}

json_t *engine_values(struct engine *engine, msgpack_object handles)
{
    json_t *values = needed(json_array());
    for (size_t at = 0; at < count_of(handles); at++)
        json_array_append_new(values, engine_value(engine, item_of(handles, at)));
    return values;
}

json_t *engine_shown(struct engine *engine, msgpack_object shown)
{
    json_t *all;

    switch (shown.type) {
    case MSGPACK_OBJECT_NIL:
        return json_null();
    case MSGPACK_OBJECT_ARRAY:
        return engine_values(engine, shown);
    case MSGPACK_OBJECT_MAP:
        all = needed(json_object());
        for (size_t at = 0; at < shown.via.map.size; at++) {
            msgpack_object_kv *pair = &shown.via.map.ptr[at];
            json_t *name = engine_channel_name(engine, pair->key);
            json_object_set_new(all, json_string_value(name), engine_shown(engine, pair->val));
            json_decref(name);
        }
        return all;
    default:
        return engine_value(engine, shown);
    }
}
