/* A run's state, between the engine's messages and the JSON a host keeps in a checkpoint. */

#include "engine.h"

#include "sentence.h"

#include <stdlib.h>
#include <string.h>

static int by_text(const void *one, const void *other)
{
    json_t *const *left = one;
    json_t *const *right = other;
    return strcmp(json_string_value(*left), json_string_value(*right));
}

/* The names that arrived at a barrier, `{"$set": [...]}`, sorted. */
static json_t *set_of(msgpack_object names)
{
    size_t count = count_of(names);
    json_t **sorted = needed(calloc(count + 1, sizeof *sorted));
    json_t *set = needed(json_array());

    for (size_t at = 0; at < count; at++)
        sorted[at] = text_of(item_of(names, at));
    qsort(sorted, count, sizeof *sorted, by_text);
    for (size_t at = 0; at < count; at++)
        json_array_append_new(set, sorted[at]);
    free(sorted);
    return needed(json_pack("{s:o}", "$set", set));
}

/* A pair that is a tuple, not a list: `{"$tuple": [one, flag]}`. */
static json_t *pair_of(json_t *one, msgpack_object flag)
{
    return needed(json_pack("{s:[o,o]}", "$tuple", one, plain_of(flag)));
}

json_t *engine_saved_to_json(struct engine *engine, size_t channel, msgpack_object saved)
{
    msgpack_object shape = engine_saved(engine, channel);
    if (is_text(shape, "items") || is_text(shape, "packets"))
        return engine_values(engine, saved);
    if (is_text(shape, "names"))
        return set_of(saved);
    if (is_text(shape, "names_finished"))
        return pair_of(set_of(item_of(saved, 0)), item_of(saved, 1));
    if (is_text(shape, "value_finished"))
        return pair_of(engine_value(engine, item_of(saved, 0)), item_of(saved, 1));
    return engine_value(engine, saved);
}

static json_t *values_to_json(struct engine *engine, msgpack_object values)
{
    json_t *all = needed(json_object());
    for (size_t at = 0; at < count_of(values); at++) {
        msgpack_object pair = item_of(values, at);
        size_t channel = number_of(item_of(pair, 0));
        json_t *name = engine_channel_name(engine, item_of(pair, 0));
        json_t *value = engine_saved_to_json(engine, channel, item_of(pair, 1));
        json_object_set_new(all, json_string_value(name), value);
        json_decref(name);
    }
    return all;
}

static json_t *versions_to_json(struct engine *engine, msgpack_object versions)
{
    json_t *all = needed(json_object());
    for (size_t at = 0; at < count_of(versions); at++) {
        msgpack_object pair = item_of(versions, at);
        json_t *name = engine_channel_name(engine, item_of(pair, 0));
        json_object_set_new(all, json_string_value(name), plain_of(item_of(pair, 1)));
        json_decref(name);
    }
    return all;
}

static json_t *seen_to_json(struct engine *engine, msgpack_object seen)
{
    json_t *all = needed(json_object());
    for (size_t at = 0; at < count_of(seen); at++) {
        msgpack_object pair = item_of(seen, at);
        json_t *name = engine_node_name(engine, item_of(pair, 0));
        json_object_set_new(all, json_string_value(name),
                            versions_to_json(engine, item_of(pair, 1)));
        json_decref(name);
    }
    return all;
}

void engine_state_to_json(struct engine *engine, msgpack_object state, json_t *into)
{
    json_object_set_new(into, "v", plain_of(item_of(state, 0)));
    json_object_set_new(into, "channel_values", values_to_json(engine, item_of(state, 1)));
    json_object_set_new(into, "channel_versions", versions_to_json(engine, item_of(state, 2)));
    json_object_set_new(into, "versions_seen", seen_to_json(engine, item_of(state, 3)));
}

/* A tuple's item; NULL if the value is no tuple. */
static json_t *tuple_item(const json_t *value, size_t at)
{
    return json_array_get(json_object_get(value, "$tuple"), at);
}

/* Before LangGraph 0.3 a topic was saved as a pair, its values second. */
static void pack_saved_items(struct message *message, json_t *value, bool packets)
{
    size_t at;
    json_t *item;
    json_t *items = json_is_array(value) ? value : tuple_item(value, 1);

    message_array(message, json_array_size(items));
    json_array_foreach(items, at, item) {
        if (packets)
            engine_pack_packet(message, item);
        else
            message_value(message, json_incref(item));
    }
}

static void pack_saved(struct message *message, msgpack_object shape, json_t *value)
{
    if (is_text(shape, "items") || is_text(shape, "packets")) {
        pack_saved_items(message, value, is_text(shape, "packets"));
    } else if (is_text(shape, "names")) {
        message_plain(message, json_object_get(value, "$set"));
    } else if (is_text(shape, "names_finished")) {
        message_array(message, 2);
        message_plain(message, json_object_get(tuple_item(value, 0), "$set"));
        message_plain(message, tuple_item(value, 1));
    } else if (is_text(shape, "value_finished")) {
        message_array(message, 2);
        message_value(message, json_incref(tuple_item(value, 0)));
        message_plain(message, tuple_item(value, 1));
    } else if (is_text(shape, "never")) {
        message_nil(message);
    } else {
        message_value(message, json_incref(value));
    }
}

/* Whether a checkpoint's value of a channel goes back into a run. */
static bool is_kept(const struct engine *engine, const char *name, const json_t *value)
{
    size_t place;
    return engine_channel(engine, name, &place) && !json_object_get(value, "$missing");
}

static void pack_values(const struct engine *engine, struct message *message, json_t *values)
{
    size_t count = 0;
    size_t place = 0;
    const char *name;
    json_t *value;

    json_object_foreach(values, name, value)
        count += is_kept(engine, name, value);
    message_array(message, count);
    json_object_foreach(values, name, value) {
        if (!is_kept(engine, name, value))
            continue;
        engine_channel(engine, name, &place);
        message_array(message, 2);
        engine_pack_channel(engine, message, name);
        pack_saved(message, engine_saved(engine, place), value);
    }
}

static void pack_versions(const struct engine *engine, struct message *message, json_t *versions)
{
    const char *name;
    json_t *version;

    message_array(message, json_object_size(versions));
    json_object_foreach(versions, name, version) {
        message_array(message, 2);
        engine_pack_channel(engine, message, name);
        message_plain(message, version);
    }
}

static void pack_seen(const struct engine *engine, struct message *message, json_t *seen)
{
    const char *name;
    json_t *versions;

    message_array(message, json_object_size(seen));
    json_object_foreach(seen, name, versions) {
        message_array(message, 2);
        engine_pack_node(engine, message, name);
        pack_versions(engine, message, versions);
    }
}

void engine_state_of_json(const struct engine *engine, struct message *message, const json_t *state)
{
    message_array(message, 4);
    message_plain(message, json_object_get(state, "v"));
    pack_values(engine, message, json_object_get(state, "channel_values"));
    pack_versions(engine, message, json_object_get(state, "channel_versions"));
    pack_seen(engine, message, json_object_get(state, "versions_seen"));
}
