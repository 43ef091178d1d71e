/*
 * Replays the protocol's scenario files through the C ABI.
 *
 *     scenarios FILE...
 *
 * Each is told twice: once with channels and nodes named in the messages, once by their places. Exit code 0
 * only if every step of every file is answered as the file says, and no handle is left over.
 */

#include "scenario_host.h"
#include "sentence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PULL "__pregel_pull"
#define PUSH "__pregel_push"

struct teller {
    struct engine engine;
    json_t *scenario;
    /* What steps handed in or out under a name. */
    json_t *kept;
    /* What lge_capabilities says. */
    const struct reply *abilities;
};

static json_t *field(const json_t *object, const char *name)
{
    return json_object_get(object, name);
}

/* --- refusals, as `expect` says them */

/* What lge_capabilities says under a name. */
static msgpack_object ability(const struct reply *abilities, const char *name)
{
    const msgpack_object_map map = abilities->unpacked.data.via.map;
    for (uint32_t at = 0; at < map.size; at++)
        if (is_text(map.ptr[at].key, name))
            return map.ptr[at].val;
    fail("The library doesn't say what its %s are.", name);
}

static json_t *kind_name(const struct teller *teller, uint16_t kind)
{
    msgpack_object errors = ability(teller->abilities, "errors");
    for (size_t at = 0; at < count_of(errors); at++)
        if (number_of(item_of(item_of(errors, at), 0)) == kind)
            return text_of(item_of(item_of(errors, at), 1));
    fail("The library has no name for its error %d.", kind);
}

static json_t *text_or_null(const uint8_t *text, size_t length)
{
    return text ? needed(json_stringn((const char *)text, length)) : json_null();
}

/* What a call that didn't work is in a scenario. */
static json_t *refusal(struct teller *teller, int32_t status, const struct reply *reply)
{
    const struct lge_error *error = &reply->error;
    json_t *value = json_null();

    if (status == HOST_FAILED)
        return json_pack("{s:s}", "error", "reducer");
    if (error->kind == LGE_ERROR_UNKNOWN_CHANNEL)
        return json_pack("{s:s}", "error", "unknown_channel");
    if (error->kind == LGE_ERROR_BAD_GRAPH) {
        json_t *message = text_or_null(error->message, error->message_length);
        return json_pack("{s:{s:o}}", "refused", "message", message);
    }
    if (error->has_value)
        value = json_incref(values_get(&teller->engine.values, error->value));
    return json_pack("{s:{s:o,s:o,s:o}}", "rejected", "reason", kind_name(teller, error->kind),
                     "channel", text_or_null(error->channel, error->channel_length),
                     "value", value);
}

/* --- the steps */

static json_t *tell_compile(struct teller *teller, struct reply *reply)
{
    int32_t status = engine_compile(&teller->engine, field(teller->scenario, "graph"), reply);
    return status == LGE_DONE ? json_null() : refusal(teller, status, reply);
}

static void keep(struct teller *teller, const json_t *step, json_t *value)
{
    const char *name = json_string_value(field(step, "keep"));
    if (name)
        json_object_set(teller->kept, name, value);
}

static json_t *tell_restore(struct teller *teller, const json_t *step, struct message *message,
                            struct reply *reply)
{
    json_t *checkpoint = field(step, "checkpoint");

    if (!teller->engine.program) {
        json_t *refused = tell_compile(teller, reply);
        if (!json_is_null(refused))
            return refused;
    }
    if (json_object_size(checkpoint) == 0) {
        message_nil(message);
    } else {
        engine_state_of_json(&teller->engine, message, checkpoint);
        keep(teller, step, checkpoint);
    }
    int32_t status = engine_restore(&teller->engine, message, reply);
    return status == LGE_DONE ? json_null() : refusal(teller, status, reply);
}

static void pack_superstep(struct message *message, const json_t *step)
{
    message_plain(message, field(step, "step"));
    message_plain(message, field(step, "checkpoint_id"));
    message_plain(message, field(step, "namespace"));
}

static void pack_channels(const struct engine *engine, struct message *message, const json_t *names)
{
    size_t at;
    const json_t *name;

    message_array(message, json_array_size(names));
    json_array_foreach(names, at, name)
        engine_pack_channel(engine, message, json_string_value(name));
}

static json_t *task_json(struct engine *engine, msgpack_object task)
{
    json_t *path;
    json_t *triggers;
    json_t *name = engine_node_name(engine, item_of(task, 1));
    msgpack_object origin = item_of(task, 2);

    if (origin.type == MSGPACK_OBJECT_NIL) {
        path = json_pack("[s,O]", PULL, name);
        triggers = engine_triggers(engine, number_of(item_of(task, 1)));
    } else {
        path = json_pack("[s,o,b]", PUSH, plain_of(origin), 0);
        triggers = json_pack("[s]", PUSH);
    }
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "id", text_of(item_of(task, 0)), "name", name,
                     "path", path, "triggers", triggers,
                     "input", engine_shown(engine, item_of(task, 3)),
                     "namespace", text_of(item_of(task, 4)));
}

static json_t *plan_json(struct engine *engine, msgpack_object plan)
{
    json_t *tasks = json_array();
    json_t *ignored = json_array();

    for (size_t at = 0; at < count_of(item_of(plan, 0)); at++)
        json_array_append_new(tasks, task_json(engine, item_of(item_of(plan, 0), at)));
    for (size_t at = 0; at < count_of(item_of(plan, 1)); at++) {
        msgpack_object pair = item_of(item_of(plan, 1), at);
        json_t *packet = engine_value(engine, item_of(pair, 1));
        json_array_append_new(ignored, json_pack("[o,o]", text_of(item_of(pair, 0)), packet));
    }
    return json_pack("{s:o,s:o}", "tasks", tasks, "ignored", ignored);
}

static json_t *tell_plan(struct teller *teller, const json_t *step, struct message *message,
                         struct reply *reply)
{
    const json_t *updated = field(step, "updated");

    message_array(message, 5);
    pack_superstep(message, step);
    if (json_is_null(updated))
        message_nil(message);
    else
        pack_channels(&teller->engine, message, updated);
    int32_t status = engine_look(&teller->engine, lge_run_plan, message, reply);
    if (status != LGE_DONE)
        return refusal(teller, status, reply);
    return plan_json(&teller->engine, reply->unpacked.data);
}

static json_t *tell_push(struct teller *teller, const json_t *step, struct message *message,
                         struct reply *reply)
{
    message_array(message, 5);
    message_plain(message, field(step, "name"));
    message_plain(message, field(step, "parts"));
    pack_superstep(message, step);
    int32_t status = engine_tell(&teller->engine, lge_run_push, message, reply);
    if (status != LGE_DONE)
        return refusal(teller, status, reply);
    return json_pack("{s:{s:o,s:O,s:O,s:[s],s:n,s:o}}", "task",
                     "id", text_of(item_of(reply->unpacked.data, 0)),
                     "name", field(step, "name"), "path", field(step, "path"),
                     "triggers", PUSH, "input",
                     "namespace", text_of(item_of(reply->unpacked.data, 1)));
}

/* By place, a path says no more than the engine can't know: nothing for a task its channels triggered,
 * the index for a packet's. */
static void pack_path(const struct engine *engine, struct message *message, const json_t *task)
{
    size_t place;
    const json_t *path = field(task, "path");
    const char *name = json_string_value(field(task, "name"));
    const char *sort = json_string_value(json_array_get(path, 0));
    const json_t *second = json_array_get(path, 1);
    const json_t *third = json_array_get(path, 2);

    if (engine->by_place && sort && strcmp(sort, PULL) == 0 && json_array_size(path) == 2 &&
        json_equal(second, field(task, "name")) && engine_node(engine, name, &place))
        message_nil(message);
    else if (engine->by_place && sort && strcmp(sort, PUSH) == 0 && json_array_size(path) == 3 &&
             json_is_integer(second) && json_is_false(third))
        message_plain(message, second);
    else
        message_plain(message, path);
}

/* By place, nil stands for the triggers of the node. */
static void pack_triggers(const struct engine *engine, struct message *message, const json_t *task)
{
    size_t place;
    const json_t *names = field(task, "triggers");
    const char *name = json_string_value(field(task, "name"));

    if (engine->by_place && engine_node(engine, name, &place)) {
        json_t *own = engine_triggers(engine, place);
        bool equal = json_equal(own, names);
        json_decref(own);
        if (equal) {
            message_nil(message);
            return;
        }
    }
    pack_channels(engine, message, names);
}

static int by_text(const void *one, const void *other)
{
    const char *const *left = one;
    const char *const *right = other;
    return strcmp(*left, *right);
}

static json_t *sorted_names(const struct engine *engine, msgpack_object channels)
{
    size_t count = count_of(channels);
    json_t *names = json_array();
    const char **sorted = needed(calloc(count + 1, sizeof *sorted));

    for (size_t at = 0; at < count; at++)
        sorted[at] = engine->channels[number_of(item_of(channels, at))];
    qsort(sorted, count, sizeof *sorted, by_text);
    for (size_t at = 0; at < count; at++)
        json_array_append_new(names, json_string(sorted[at]));
    free(sorted);
    return names;
}

static json_t *committed_json(const struct engine *engine, const json_t *step,
                              msgpack_object committed)
{
    json_t *unknown = json_array();

    for (size_t at = 0; at < count_of(item_of(committed, 1)); at++) {
        msgpack_object pair = item_of(item_of(committed, 1), at);
        const json_t *task = json_array_get(field(step, "writes"), number_of(item_of(pair, 0)));
        json_array_append_new(unknown, json_pack("[O,O,o]", field(task, "name"),
                                                 field(task, "path"), text_of(item_of(pair, 1))));
    }
    return json_pack("{s:o,s:o}", "updated", sorted_names(engine, item_of(committed, 0)),
                     "unknown", unknown);
}

static json_t *tell_commit(struct teller *teller, const json_t *step, struct message *message,
                           struct reply *reply)
{
    size_t at;
    const json_t *task;
    struct engine *engine = &teller->engine;
    const json_t *version = field(step, "version");

    message_array(message, 2);
    message_array(message, json_array_size(field(step, "writes")));
    json_array_foreach(field(step, "writes"), at, task) {
        message_array(message, 4);
        pack_path(engine, message, task);
        engine_pack_node(engine, message, json_string_value(field(task, "name")));
        pack_triggers(engine, message, task);
        engine_pack_writes(engine, message, field(task, "writes"));
    }
    if (version)
        message_plain(message, version);
    else
        message_nil(message);
    int32_t status = engine_commit(engine, message, reply);
    if (status != LGE_DONE)
        return refusal(teller, status, reply);
    return committed_json(engine, step, reply->unpacked.data);
}

static json_t *tell_read(struct teller *teller, const json_t *step, struct message *message,
                         struct reply *reply)
{
    const json_t *keys = field(step, "keys");
    const json_t *writes = field(step, "writes");

    message_array(message, 3);
    if (json_is_string(keys)) {
        message_array(message, 1);
        engine_pack_channel(&teller->engine, message, json_string_value(keys));
    } else {
        pack_channels(&teller->engine, message, keys);
    }
    if (writes)
        engine_pack_writes(&teller->engine, message, writes);
    else
        message_nil(message);
    int32_t status = engine_look(&teller->engine, lge_run_read, message, reply);
    if (status != LGE_DONE)
        return refusal(teller, status, reply);
    json_t *value = engine_shown(&teller->engine, reply->unpacked.data);
    if (json_is_string(keys)) {
        json_t *one = field(value, json_string_value(keys));
        one = one ? json_incref(one) : json_null();
        json_decref(value);
        value = one;
    }
    return json_pack("{s:o}", "value", value);
}

static json_t *missing(void)
{
    return json_pack("{s:b}", "$missing", 1);
}

static json_t *state_json(struct teller *teller, size_t channel, msgpack_object state)
{
    if (state.type == MSGPACK_OBJECT_NIL)
        return missing();
    json_t *value = engine_saved_to_json(&teller->engine, channel, item_of(state, 0));
    if (!is_live(value))
        return value;
    json_t *saved = live_saved(value);
    json_decref(value);
    return json_pack("{s:o}", "$channel", saved ? saved : missing());
}

static json_t *tell_state(struct teller *teller, const json_t *step, struct message *message,
                          struct reply *reply)
{
    size_t channel = 0;
    const char *name = json_string_value(field(step, "name"));

    engine_pack_channel(&teller->engine, message, name);
    int32_t status = engine_tell(&teller->engine, lge_run_state, message, reply);
    if (status != LGE_DONE)
        return refusal(teller, status, reply);
    engine_channel(&teller->engine, name, &channel);
    return json_pack("{s:o}", "value", state_json(teller, channel, reply->unpacked.data));
}

static json_t *tell_max_version(struct teller *teller, struct reply *reply)
{
    int32_t status = lge_run_max_version(teller->engine.run, &reply->message, &reply->error);
    if (status != LGE_DONE)
        return refusal(teller, status, reply);
    reply_read(reply);
    return json_pack("{s:o}", "value", plain_of(reply->unpacked.data));
}

static json_t *tell_see(struct teller *teller, const json_t *step, struct message *message,
                        struct reply *reply)
{
    engine_pack_node(&teller->engine, message, json_string_value(field(step, "name")));
    int32_t status = engine_tell(&teller->engine, lge_run_see, message, reply);
    return status == LGE_DONE ? json_null() : refusal(teller, status, reply);
}

static json_t *tell_unseen(struct teller *teller, const json_t *step, struct message *message,
                           struct reply *reply)
{
    engine_pack_node(&teller->engine, message, json_string_value(field(step, "name")));
    int32_t status = engine_tell(&teller->engine, lge_run_unseen, message, reply);
    if (status != LGE_DONE)
        return refusal(teller, status, reply);
    return json_pack("{s:o}", "value", plain_of(reply->unpacked.data));
}

/* What the host adds to the engine's state; a list of updated channels is sorted. */
static json_t *updated_channels(const json_t *step)
{
    size_t at;
    const json_t *name;
    const json_t *updated = field(step, "updated");
    size_t count = json_array_size(updated);

    if (!json_is_array(updated))
        return json_null();
    const char **sorted = needed(calloc(count + 1, sizeof *sorted));
    json_array_foreach(updated, at, name)
        sorted[at] = json_string_value(name);
    qsort(sorted, count, sizeof *sorted, by_text);
    json_t *names = json_array();
    for (at = 0; at < count; at++)
        json_array_append_new(names, json_string(sorted[at]));
    free(sorted);
    return names;
}

static json_t *tell_checkpoint(struct teller *teller, const json_t *step, struct message *message,
                               struct reply *reply)
{
    int32_t status = engine_look(&teller->engine, lge_run_checkpoint, message, reply);
    if (status != LGE_DONE)
        return refusal(teller, status, reply);
    json_t *checkpoint = json_pack("{s:n,s:O,s:O}", "v", "ts", field(step, "timestamp"),
                                   "id", field(step, "checkpoint_id"));
    engine_state_to_json(&teller->engine, reply->unpacked.data, checkpoint);
    json_object_set_new(checkpoint, "updated_channels", updated_channels(step));
    keep(teller, step, checkpoint);
    return json_pack("{s:o}", "value", checkpoint);
}

static json_t *tell(struct teller *teller, const json_t *step, struct message *message,
                    struct reply *reply)
{
    const char *call = json_string_value(field(step, "do"));

    if (strcmp(call, "compile") == 0)
        return tell_compile(teller, reply);
    if (strcmp(call, "restore") == 0)
        return tell_restore(teller, step, message, reply);
    if (strcmp(call, "plan") == 0)
        return tell_plan(teller, step, message, reply);
    if (strcmp(call, "push") == 0)
        return tell_push(teller, step, message, reply);
    if (strcmp(call, "commit") == 0)
        return tell_commit(teller, step, message, reply);
    if (strcmp(call, "read") == 0)
        return tell_read(teller, step, message, reply);
    if (strcmp(call, "state") == 0)
        return tell_state(teller, step, message, reply);
    if (strcmp(call, "max_version") == 0)
        return tell_max_version(teller, reply);
    if (strcmp(call, "see") == 0)
        return tell_see(teller, step, message, reply);
    if (strcmp(call, "unseen") == 0)
        return tell_unseen(teller, step, message, reply);
    if (strcmp(call, "checkpoint") == 0)
        return tell_checkpoint(teller, step, message, reply);
    if (strcmp(call, "kept") == 0) {
        json_t *kept = field(teller->kept, json_string_value(field(step, "name")));
        return json_pack("{s:O}", "value", kept);
    }
    fail("The scenario has a call '%s', which is none.", call);
}

/* --- what a step has to answer */

/* Whether two objects have the same keys in the same order; anything else is left to json_equal. */
static bool same_order(json_t *expected, json_t *got)
{
    void *one = json_object_iter(expected);
    void *other = json_object_iter(got);
    while (one && other) {
        if (strcmp(json_object_iter_key(one), json_object_iter_key(other)) != 0)
            return false;
        one = json_object_iter_next(expected, one);
        other = json_object_iter_next(got, other);
    }
    return !one && !other;
}

static bool agrees(const json_t *step, json_t *got)
{
    json_t *expected = field(step, "expect");
    const char *call = json_string_value(field(step, "do"));
    const char *mentions = json_string_value(field(field(expected, "refused"), "mentions"));

    if (!expected)
        return json_is_null(got);
    if (mentions) {
        const char *message = json_string_value(field(field(got, "refused"), "message"));
        return message && strstr(message, mentions);
    }
    if (!json_equal(expected, got))
        return false;
    if (strcmp(call, "read") != 0 && strcmp(call, "checkpoint") != 0)
        return true;
    json_t *one = field(expected, "value");
    json_t *other = field(got, "value");
    return same_order(one, other) &&
           same_order(field(one, "channel_values"), field(other, "channel_values"));
}

static void print_difference(const char *file, size_t at, const json_t *step, const json_t *got)
{
    const json_t *expected = field(step, "expect");
    char *texts[] = {
        as_text(step),
        as_text(expected ? expected : json_null()),
        as_text(got),
    };
    printf("%s, step %zu: %s\n  expected %s\n  got      %s\n", file, at, texts[0], texts[1],
           texts[2]);
    for (size_t text = 0; text < sizeof texts / sizeof *texts; text++)
        free(texts[text]);
}

/* --- the files */

static bool has_channel(const struct reply *abilities, const char *kind)
{
    msgpack_object names = ability(abilities, "capabilities");
    json_t *needs = needed(json_sprintf("channel:%s", kind));
    bool has = false;

    for (size_t at = 0; at < count_of(names); at++)
        has = has || is_text(item_of(names, at), json_string_value(needs));
    json_decref(needs);
    return has;
}

/* Whether the library can have every channel of the graph. A scenario that shows its graph being refused
 * needs none. */
static bool is_able(const struct reply *abilities, const json_t *scenario)
{
    size_t at;
    const json_t *channel;
    bool able = true;
    const json_t *first = json_array_get(field(scenario, "steps"), 0);

    if (field(field(first, "expect"), "refused"))
        return true;
    json_array_foreach(field(field(scenario, "graph"), "channels"), at, channel)
        able = able && has_channel(abilities, json_string_value(field(channel, "kind")));
    return able;
}

static bool tell_step(struct teller *teller, const char *file, size_t at)
{
    struct message message;
    struct reply reply;
    const json_t *step = json_array_get(field(teller->scenario, "steps"), at);

    message_begin(&message, &teller->engine.values);
    reply_begin(&reply);
    json_t *got = needed(tell(teller, step, &message, &reply));
    reply_end(&reply);
    message_end(&message);
    bool agreed = agrees(step, got);
    if (!agreed)
        print_difference(file, at, step, got);
    json_decref(got);
    return agreed;
}

/* Whether every handle came back. */
static bool is_clean(const struct values *values, const char *file)
{
    if (values->held == 0 && values->faults == 0)
        return true;
    printf("%s: %zu values were not given back, %zu handles were wrong\n", file, values->held,
           values->faults);
    return false;
}

static bool tell_scenario(const struct reply *abilities, json_t *scenario, const char *file,
                          bool by_place)
{
    struct teller teller = {
        .scenario = scenario,
        .kept = json_object(),
        .abilities = abilities,
    };
    size_t count = json_array_size(field(scenario, "steps"));
    bool passed = true;

    engine_begin(&teller.engine, scenario_answer);
    teller.engine.by_place = by_place;
    for (size_t at = 0; at < count && passed; at++)
        passed = tell_step(&teller, file, at);
    engine_stop(&teller.engine);
    passed = is_clean(&teller.engine.values, file) && passed;
    engine_end(&teller.engine);
    json_decref(teller.kept);
    return passed;
}

int main(int count, char **arguments)
{
    struct reply abilities;
    int passed = 0;
    int gaps = 0;

    if (lge_abi_version() != LGE_ABI_VERSION)
        fail("The library and its header are not of the same version.");
    if (count < 2)
        fail("Which scenarios? Name the files.");
    reply_begin(&abilities);
    if (lge_capabilities(&abilities.message, &abilities.error) != LGE_DONE)
        reply_fail(&abilities, "lge_capabilities");
    reply_read(&abilities);
    for (int at = 1; at < count; at++) {
        json_t *scenario = read_json(arguments[at]);
        if (!is_able(&abilities, scenario)) {
            printf("%s: a gap, the library can't have its channels\n", arguments[at]);
            gaps++;
        } else {
            bool named = tell_scenario(&abilities, scenario, arguments[at], false);
            bool placed = tell_scenario(&abilities, scenario, arguments[at], true);
            passed += named && placed;
        }
        json_decref(scenario);
    }
    reply_end(&abilities);
    printf("%d scenarios: %d as they say, by name and by place; %d gaps\n", count - 1, passed, gaps);
    return passed == count - 1 ? 0 : 1;
}
