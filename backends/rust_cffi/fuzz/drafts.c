#include "drafts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

void draft_begin(struct draft *draft)
{
    msgpack_sbuffer_init(&draft->bytes);
    msgpack_packer_init(&draft->packer, &draft->bytes, msgpack_sbuffer_write);
    draft->handle_count = 0;
}

void draft_end(struct draft *draft)
{
    msgpack_sbuffer_destroy(&draft->bytes);
}

void draft_clear(struct draft *draft)
{
    msgpack_sbuffer_clear(&draft->bytes);
    draft->handle_count = 0;
}

/* --- the smallest parts */

static void array(struct draft *draft, size_t count)
{
    msgpack_pack_array(&draft->packer, count);
}

static void text(struct draft *draft, const char *text)
{
    msgpack_pack_str_with_body(&draft->packer, text, strlen(text));
}

static void nil(struct draft *draft)
{
    msgpack_pack_nil(&draft->packer);
}

static void number(struct draft *draft, int64_t number)
{
    msgpack_pack_int64(&draft->packer, number);
}

static void flag(struct draft *draft, bool flag)
{
    if (flag)
        msgpack_pack_true(&draft->packer);
    else
        msgpack_pack_false(&draft->packer);
}

static const char *one_of(struct random *random, const char *const *texts, size_t count)
{
    return texts[random_below(random, count)];
}

#define ONE_OF(random, texts) one_of(random, texts, COUNT_OF(texts))

/* Mentions a handle that is given. */
static void mention(struct draft *draft, uint64_t handle)
{
    if (draft->handle_count == MOST_HANDLES)
        abort();
    draft->handles[draft->handle_count++] = handle;
    msgpack_pack_uint64(&draft->packer, handle);
}

/* Mentions a handle: few, so that one is often mentioned twice, those at the edges of MessagePack's forms,
 * and any. */
static void handle(struct draft *draft, struct random *random)
{
    static const uint64_t edges[] = {0,      127,     128,     255,        256,
                                     0xffff, 0x10000, 1u << 31, UINT32_MAX, UINT64_MAX};
    unsigned which = (unsigned)random_below(random, 10);
    if (which < 7)
        mention(draft, 1 + random_below(random, 40));
    else if (which < 9)
        mention(draft, edges[random_below(random, COUNT_OF(edges))]);
    else
        mention(draft, random_next(random));
}

/* --- graphs */

static const char *const KINDS[] = {
    "last_value",      "last_value_after_finish", "any_value",     "ephemeral_value",
    "untracked_value", "topic",                   "named_barrier", "named_barrier_after_finish",
    "binary_operator", "custom",
};

/* Graphs without the kinds that ask the host are as many as those with them. */
#define QUIET_KINDS 8

static const char *const BARRIER_NAMES[] = {"a", "b", "c"};

static void pack_channel(struct draft *draft, struct random *random, struct graph *graph, size_t at,
                         bool quiet)
{
    size_t names = random_below(random, COUNT_OF(BARRIER_NAMES) + 1);
    const char *kind = KINDS[random_below(random, quiet ? QUIET_KINDS : COUNT_OF(KINDS))];

    snprintf(graph->channel_names[at], sizeof graph->channel_names[at], "channel_%zu", at);
    if (at == 0 && random_chance(random, 50)) {
        kind = "tasks";
        strcpy(graph->channel_names[at], "__pregel_tasks");
    } else if (at == 1 && random_chance(random, 10)) {
        strcpy(graph->channel_names[at], "__interrupt__");
    }
    graph->has_custom = graph->has_custom || strcmp(kind, "custom") == 0;
    graph->has_reducer = graph->has_reducer || strcmp(kind, "binary_operator") == 0;
    array(draft, 5);
    text(draft, graph->channel_names[at]);
    text(draft, kind);
    flag(draft, random_chance(random, 70));
    flag(draft, random_chance(random, 40));
    array(draft, names);
    for (size_t name = 0; name < names; name++)
        text(draft, BARRIER_NAMES[name]);
}

/* Any of the graph's channels, by name. */
static void any_channel_name(struct draft *draft, struct random *random, const struct graph *graph)
{
    text(draft, graph->channel_names[random_below(random, graph->channel_count)]);
}

static void some_channel_names(struct draft *draft, struct random *random,
                               const struct graph *graph)
{
    size_t count = random_below(random, 4);
    array(draft, count);
    for (size_t at = 0; at < count; at++)
        any_channel_name(draft, random, graph);
}

static const char *const NODE_NAMES[MOST_NODES] = {"node_0", "node_1", "node_2", "node_3"};

static void pack_node(struct draft *draft, struct random *random, const struct graph *graph,
                      size_t at)
{
    array(draft, 4);
    text(draft, NODE_NAMES[at]);
    some_channel_names(draft, random, graph);
    if (random_chance(random, 50))
        any_channel_name(draft, random, graph);
    else
        some_channel_names(draft, random, graph);
    flag(draft, random_chance(random, 90));
}

/* Which nodes a channel may trigger: none are listed (then all are considered), or all. */
static void pack_trigger_to_nodes(struct draft *draft, struct random *random,
                                  const struct graph *graph)
{
    size_t count = random_chance(random, 50) ? graph->channel_count : 0;

    array(draft, count);
    for (size_t channel = 0; channel < count; channel++) {
        array(draft, 2);
        text(draft, graph->channel_names[channel]);
        array(draft, graph->node_count);
        for (size_t node = 0; node < graph->node_count; node++)
            text(draft, NODE_NAMES[node]);
    }
}

void graph_begin(struct graph *graph, struct random *random)
{
    struct draft draft;
    bool quiet = random_chance(random, 50);

    *graph = (struct graph){
        .channel_count = 1 + random_below(random, MOST_CHANNELS),
        .node_count = random_below(random, MOST_NODES + 1),
    };
    draft_begin(&draft);
    array(&draft, 3);
    array(&draft, graph->channel_count);
    for (size_t at = 0; at < graph->channel_count; at++)
        pack_channel(&draft, random, graph, at, quiet);
    array(&draft, graph->node_count);
    for (size_t at = 0; at < graph->node_count; at++)
        pack_node(&draft, random, graph, at);
    pack_trigger_to_nodes(&draft, random, graph);
    graph->spec = draft.bytes;
}

void graph_end(struct graph *graph)
{
    msgpack_sbuffer_destroy(&graph->spec);
}

/* The place of a text of the library's in a list of those there are. */
static int place_of(msgpack_object word, const char *const *words, size_t count)
{
    for (size_t at = 0; at < count; at++)
        if (word.via.str.size == strlen(words[at]) &&
            memcmp(word.via.str.ptr, words[at], word.via.str.size) == 0)
            return (int)at;
    fprintf(stderr, "the library describes a channel with a word that is none\n");
    abort();
}

void graph_describe(struct graph *graph, msgpack_object reply)
{
    static const char *const written[] = {"value", "name", "items", "packets", "ignored"};
    static const char *const saved[] = {"value",          "items",          "packets", "names",
                                        "names_finished", "value_finished", "never"};
    msgpack_object channels = reply.via.array.ptr[0];

    for (size_t at = 0; at < graph->channel_count; at++) {
        const msgpack_object *words = channels.via.array.ptr[at].via.array.ptr;
        graph->written[at] = (enum written)place_of(words[0], written, COUNT_OF(written));
        graph->saved[at] = (enum saved)place_of(words[1], saved, COUNT_OF(saved));
    }
}

/* --- what messages are made of */

static void channel(struct draft *draft, struct random *random, const struct graph *graph, size_t at)
{
    if (random_chance(random, 75))
        number(draft, (int64_t)at);
    else
        text(draft, graph->channel_names[at]);
}

static void any_channel(struct draft *draft, struct random *random, const struct graph *graph)
{
    channel(draft, random, graph, random_below(random, graph->channel_count));
}

/* The graph's channels, each once at most, and now and then a name that is none. */
static void some_channels(struct draft *draft, struct random *random, const struct graph *graph,
                          bool also_unknown)
{
    size_t count = random_below(random, graph->channel_count + 1);
    bool unknown = also_unknown && random_chance(random, 10);

    array(draft, count + unknown);
    for (size_t at = 0; at < count; at++)
        channel(draft, random, graph, at);
    if (unknown)
        text(draft, "mist");
}

static void version(struct draft *draft, struct random *random)
{
    unsigned which = (unsigned)random_below(random, 100);
    if (which < 94)
        number(draft, (int64_t)random_below(random, 9));
    else if (which < 96)
        msgpack_pack_double(&draft->packer, (double)random_below(random, 9) + 0.5);
    else if (which < 98)
        text(draft, "00000000000000000000000000000007.0123");
    else
        number(draft, which < 99 ? INT64_MAX : INT64_MIN);
}

static void labelled(struct draft *draft, struct random *random, const char *const *names,
                     size_t count)
{
    array(draft, 2);
    handle(draft, random);
    if (random_chance(random, 5))
        nil(draft);
    else
        text(draft, one_of(random, names, count));
}

static void packet(struct draft *draft, struct random *random)
{
    static const char *const nodes[] = {"node_0", "node_1", "node_0", "mist"};
    labelled(draft, random, nodes, COUNT_OF(nodes));
}

static void items(struct draft *draft, struct random *random, bool packets)
{
    size_t count = random_below(random, 4);
    array(draft, count);
    for (size_t at = 0; at < count; at++) {
        if (packets)
            packet(draft, random);
        else
            handle(draft, random);
    }
}

static void names(struct draft *draft, struct random *random)
{
    size_t count = random_below(random, 3);
    array(draft, count);
    for (size_t at = 0; at < count; at++)
        text(draft, ONE_OF(random, BARRIER_NAMES));
}

static void written_value(struct draft *draft, struct random *random, enum written written)
{
    switch (written) {
    case WRITTEN_VALUE:
        handle(draft, random);
        break;
    case WRITTEN_NAME:
        labelled(draft, random, BARRIER_NAMES, COUNT_OF(BARRIER_NAMES));
        break;
    case WRITTEN_ITEMS:
    case WRITTEN_PACKETS:
        items(draft, random, written == WRITTEN_PACKETS);
        break;
    case WRITTEN_IGNORED:
        nil(draft);
        break;
    }
}

static void saved_value(struct draft *draft, struct random *random, enum saved saved)
{
    switch (saved) {
    case SAVED_VALUE:
        handle(draft, random);
        break;
    case SAVED_ITEMS:
    case SAVED_PACKETS:
        items(draft, random, saved == SAVED_PACKETS);
        break;
    case SAVED_NAMES:
        names(draft, random);
        break;
    case SAVED_NAMES_FINISHED:
        array(draft, 2);
        names(draft, random);
        flag(draft, random_chance(random, 50));
        break;
    case SAVED_VALUE_FINISHED:
        array(draft, 2);
        handle(draft, random);
        flag(draft, random_chance(random, 50));
        break;
    case SAVED_NEVER:
        nil(draft);
        break;
    }
}

/* Writes to channels mostly once each, to names that are reserved or nobody's now and then. */
static void writes(struct draft *draft, struct random *random, const struct graph *graph)
{
    static const char *const none[] = {"__interrupt__", "__resume__", "mist", ""};
    size_t count = random_below(random, 4);

    array(draft, count);
    for (size_t at = 0; at < count; at++) {
        array(draft, 2);
        if (random_chance(random, 10)) {
            text(draft, ONE_OF(random, none));
            nil(draft);
            continue;
        }
        size_t place = random_below(random, graph->channel_count);
        channel(draft, random, graph, place);
        written_value(draft, random, graph->written[place]);
    }
}

static void superstep(struct draft *draft, struct random *random)
{
    static const char *const ids[] = {
        "1f0c1b5e-0000-6000-8000-000000000001",
        "1f0c1b5e00006000800000000000000f",
        "",
        "no id",
        "1f0c1b5e-0000-6000-8000-00000000000\xc3\xa4",
    };
    static const char *const namespaces[] = {"", "outer:1f0c", "outer:1f0c|inner:77|\xe2\x82\xac"};

    number(draft, random_chance(random, 95) ? (int64_t)random_below(random, 9) - 2
                                            : (int64_t)random_next(random));
    text(draft, random_chance(random, 90) ? ids[0] : ONE_OF(random, ids));
    text(draft, ONE_OF(random, namespaces));
}

void draft_answer(struct draft *draft, struct random *random)
{
    switch (random_below(random, 4)) {
    case 0:
        nil(draft);
        break;
    case 1:
        flag(draft, random_chance(random, 50));
        break;
    default:
        handle(draft, random);
    }
}

void draft_answers(struct draft *draft, struct random *random, size_t count)
{
    array(draft, count);
    for (size_t at = 0; at < count; at++)
        draft_answer(draft, random);
}

void draft_append(struct draft *draft, const struct draft *answers, size_t count)
{
    array(draft, count);
    if (answers->bytes.size > 0)
        msgpack_sbuffer_write(&draft->bytes, answers->bytes.data, answers->bytes.size);
    for (size_t at = 0; at < answers->handle_count; at++) {
        if (draft->handle_count == MOST_HANDLES)
            abort();
        draft->handles[draft->handle_count++] = answers->handles[at];
    }
}

/* --- messages */

static void versions(struct draft *draft, struct random *random, const struct graph *graph)
{
    size_t count = random_below(random, graph->channel_count + 1);
    bool unknown = random_chance(random, 10);

    array(draft, count + unknown);
    for (size_t at = 0; at < count; at++) {
        array(draft, 2);
        channel(draft, random, graph, at);
        version(draft, random);
    }
    if (unknown) {
        array(draft, 2);
        text(draft, "gone");
        version(draft, random);
    }
}

static void node_or_text(struct draft *draft, struct random *random, const struct graph *graph)
{
    size_t at = random_below(random, graph->node_count + 1);

    if (at == graph->node_count) {
        text(draft, random_chance(random, 50) ? "__input__" : "ghost");
    } else if (random_chance(random, 75)) {
        number(draft, (int64_t)at);
    } else {
        text(draft, NODE_NAMES[at]);
    }
}

void draft_restore(struct draft *draft, struct random *random, const struct graph *graph)
{
    size_t count = random_below(random, graph->channel_count + 1);
    size_t seen = random_below(random, 4);

    if (random_chance(random, 30)) {
        nil(draft);
        return;
    }
    array(draft, 4);
    number(draft, (int64_t)random_below(random, 5));
    array(draft, count);
    for (size_t at = 0; at < count; at++) {
        array(draft, 2);
        channel(draft, random, graph, at);
        saved_value(draft, random, graph->saved[at]);
    }
    versions(draft, random, graph);
    array(draft, seen);
    for (size_t at = 0; at < seen; at++) {
        array(draft, 2);
        node_or_text(draft, random, graph);
        versions(draft, random, graph);
    }
}

void draft_plan(struct draft *draft, struct random *random, const struct graph *graph)
{
    array(draft, 5);
    superstep(draft, random);
    if (random_chance(random, 40))
        nil(draft);
    else
        some_channels(draft, random, graph, true);
}

void draft_push(struct draft *draft, struct random *random)
{
    static const char *const parts[] = {"node_0", "__pregel_push", "0", "\xf0\x9f\x8c\x8a"};
    size_t count = random_below(random, 4);

    array(draft, 5);
    text(draft, "node_0");
    array(draft, count);
    for (size_t at = 0; at < count; at++)
        text(draft, ONE_OF(random, parts));
    superstep(draft, random);
}

static void path_parts(struct draft *draft, struct random *random, unsigned deepest)
{
    size_t count = random_below(random, 4);
    array(draft, count);
    for (size_t at = 0; at < count; at++) {
        unsigned which = (unsigned)random_below(random, deepest > 0 ? 4 : 3);
        if (which == 0)
            text(draft, random_chance(random, 50) ? "__pregel_pull" : "__pregel_push");
        else if (which == 1)
            number(draft, (int64_t)random_below(random, 300) - 20);
        else if (which == 2)
            flag(draft, random_chance(random, 50));
        else
            path_parts(draft, random, deepest - 1);
    }
}

static void task(struct draft *draft, struct random *random, const struct graph *graph)
{
    size_t node = random_below(random, graph->node_count + 1);
    bool known = node < graph->node_count;

    array(draft, 4);
    if (known && random_chance(random, 60))
        nil(draft);
    else if (random_chance(random, 40))
        number(draft, (int64_t)random_below(random, 5));
    else
        path_parts(draft, random, 3);
    if (known)
        number(draft, (int64_t)node);
    else
        text(draft, "__input__");
    if (known && random_chance(random, 60))
        nil(draft);
    else
        some_channels(draft, random, graph, true);
    writes(draft, random, graph);
}

void draft_commit(struct draft *draft, struct random *random, const struct graph *graph)
{
    size_t count = random_below(random, 4);
    bool plans = random_chance(random, 40);
    bool may_take_more = random_chance(random, 50);

    array(draft, may_take_more ? 4 : plans ? 3 : 2);
    array(draft, count);
    for (size_t at = 0; at < count; at++)
        task(draft, random, graph);
    if (random_chance(random, 70))
        nil(draft);
    else
        version(draft, random);
    if (plans) {
        array(draft, 3);
        superstep(draft, random);
    } else if (may_take_more) {
        nil(draft);
    }
    if (may_take_more)
        flag(draft, random_chance(random, 80));
}

void draft_read(struct draft *draft, struct random *random, const struct graph *graph)
{
    array(draft, 3);
    some_channels(draft, random, graph, false);
    if (random_chance(random, 50))
        nil(draft);
    else
        writes(draft, random, graph);
}

void draft_channel(struct draft *draft, struct random *random, const struct graph *graph)
{
    any_channel(draft, random, graph);
}

void draft_node(struct draft *draft, struct random *random, const struct graph *graph)
{
    node_or_text(draft, random, graph);
}

/* --- messages that answer the library's */

bool are_several(msgpack_object questions)
{
    return questions.type == MSGPACK_OBJECT_ARRAY && questions.via.array.size > 0 &&
           questions.via.array.ptr[0].type == MSGPACK_OBJECT_ARRAY;
}

void draft_fitting(struct draft *draft, struct random *random, msgpack_object question)
{
    if (are_several(question)) {
        draft_fitting_all(draft, random, question);
        return;
    }
    static const char *const names[] = {"fold",    "load",   "copy",         "initial",
                                        "get",     "checkpoint", "update",   "consume",
                                        "finish",  "is_available"};
    int which = place_of(question.via.array.ptr[0], names, COUNT_OF(names));

    if (which < 3 || (which < 6 && random_chance(random, 70)))
        handle(draft, random);
    else if (which < 6)
        nil(draft);
    else
        flag(draft, random_chance(random, 70));
}

void draft_fitting_all(struct draft *draft, struct random *random, msgpack_object questions)
{
    array(draft, questions.via.array.size);
    for (size_t at = 0; at < questions.via.array.size; at++)
        draft_fitting(draft, random, questions.via.array.ptr[at]);
}

/* Repeats part of a message. Its numbers are no handles, unless `values` says so: then those that are
 * not negative are. */
static void repeat(struct draft *draft, msgpack_object object, bool values)
{
    if (object.type == MSGPACK_OBJECT_ARRAY) {
        array(draft, object.via.array.size);
        for (size_t at = 0; at < object.via.array.size; at++)
            repeat(draft, object.via.array.ptr[at], values);
    } else if (values && object.type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        mention(draft, object.via.u64);
    } else {
        msgpack_pack_object(&draft->packer, object);
    }
}

/* A checkpoint lists packets by their handles; a restore wants to know each one's node, too. */
static void repeat_packets(struct draft *draft, msgpack_object packets)
{
    array(draft, packets.via.array.size);
    for (size_t at = 0; at < packets.via.array.size; at++) {
        array(draft, 2);
        mention(draft, packets.via.array.ptr[at].via.u64);
        text(draft, "node_0");
    }
}

void draft_state(struct draft *draft, const struct graph *graph, msgpack_object state)
{
    const msgpack_object *parts = state.via.array.ptr;

    array(draft, 4);
    repeat(draft, parts[0], false);
    array(draft, parts[1].via.array.size);
    for (size_t at = 0; at < parts[1].via.array.size; at++) {
        const msgpack_object *pair = parts[1].via.array.ptr[at].via.array.ptr;
        array(draft, 2);
        repeat(draft, pair[0], false);
        if (graph->saved[pair[0].via.u64] == SAVED_PACKETS)
            repeat_packets(draft, pair[1]);
        else
            repeat(draft, pair[1], true);
    }
    repeat(draft, parts[2], false);
    repeat(draft, parts[3], false);
}

/* --- what becomes of them */

/* Bytes that begin something in MessagePack, or are at the edge of it. */
static const uint8_t MARKERS[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1,
                                  0xc2, 0xc3, 0xc4, 0xc6, 0xc7, 0xca, 0xcb, 0xcc, 0xcd, 0xce,
                                  0xcf, 0xd0, 0xd3, 0xd4, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde,
                                  0xdf, 0xe0, 0xff};

static uint8_t any_byte(struct random *random)
{
    if (random_chance(random, 60))
        return MARKERS[random_below(random, COUNT_OF(MARKERS))];
    return (uint8_t)random_next(random);
}

/* Puts bytes in the place of others. */
static void splice(msgpack_sbuffer *bytes, size_t at, size_t removed, const uint8_t *put,
                   size_t count)
{
    msgpack_sbuffer made;

    msgpack_sbuffer_init(&made);
    if (at > 0)
        msgpack_sbuffer_write(&made, bytes->data, at);
    if (count > 0)
        msgpack_sbuffer_write(&made, (const char *)put, count);
    if (at + removed < bytes->size)
        msgpack_sbuffer_write(&made, bytes->data + at + removed, bytes->size - at - removed);
    msgpack_sbuffer_destroy(bytes);
    *bytes = made;
}

static void mutate_once(msgpack_sbuffer *bytes, struct random *random)
{
    uint8_t put[16];
    size_t count = 1 + random_below(random, sizeof put);

    for (size_t at = 0; at < sizeof put; at++)
        put[at] = any_byte(random);
    if (bytes->size == 0) {
        splice(bytes, 0, 0, put, count);
        return;
    }
    size_t at = random_below(random, bytes->size);
    size_t rest = bytes->size - at;
    size_t length = 1 + random_below(random, rest < 16 ? rest : 16);
    switch (random_below(random, 7)) {
    case 0: /* another bit */
        bytes->data[at] = (char)(bytes->data[at] ^ 1 << random_below(random, 8));
        break;
    case 1:
    case 2: /* another byte */
        bytes->data[at] = (char)put[0];
        break;
    case 3: /* more bytes */
        splice(bytes, at, 0, put, random_chance(random, 50) ? 1 : count);
        break;
    case 4: /* fewer */
        splice(bytes, at, length, NULL, 0);
        break;
    case 5: /* some twice */
        memcpy(put, bytes->data + at, length);
        splice(bytes, at, 0, put, length);
        break;
    case 6: /* cut off */
        splice(bytes, at, rest, NULL, 0);
        break;
    }
}

void draft_mutate(struct draft *draft, struct random *random)
{
    size_t times = 1 + random_below(random, random_chance(random, 80) ? 2 : 12);
    for (size_t at = 0; at < times; at++)
        mutate_once(&draft->bytes, random);
    draft->handle_count = 0;
}
