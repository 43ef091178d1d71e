#include "scenario_host.h"

#include "sentence.h"

#include <string.h>

/* A live custom channel is an object like any other value of the host's, and the only one that changes:
 * `{"$live": kind, "state": what it holds}`. */

bool is_live(const json_t *value)
{
    return json_object_get(value, "$live") != NULL;
}

json_t *live_saved(const json_t *live)
{
    json_t *state = json_object_get(live, "state");
    bool empty = json_is_array(state) ? json_array_size(state) == 0
                                      : json_integer_value(state) == 0;
    return empty ? NULL : needed(json_deep_copy(state));
}

static json_t *load(const char *kind, const json_t *saved)
{
    json_t *state;

    if (saved)
        state = json_deep_copy(saved);
    else
        state = strcmp(kind, "log") == 0 ? json_array() : json_integer(0);
    return needed(json_pack("{s:s,s:o}", "$live", kind, "state", needed(state)));
}

static bool is_log(const json_t *live)
{
    return strcmp(json_string_value(json_object_get(live, "$live")), "log") == 0;
}

/* Notes a call, if the channel does: its answer. */
static bool note(json_t *live, json_t *call)
{
    bool noted = is_log(live);
    if (noted)
        json_array_append(json_object_get(live, "state"), call);
    json_decref(call);
    return noted;
}

static bool update(json_t *live, const json_t *values)
{
    size_t at;
    const json_t *value;
    size_t count = json_array_size(values);

    if (is_log(live)) {
        note(live, needed(json_sprintf("update %zu", count)));
    } else {
        json_int_t total = json_integer_value(json_object_get(live, "state"));
        json_array_foreach(values, at, value)
            total += json_integer_value(value);
        json_object_set_new(live, "state", needed(json_integer(total)));
    }
    return count > 0;
}

static void give(struct message *answer, json_t *value)
{
    if (value)
        message_value(answer, value);
    else
        message_nil(answer);
}

static void answer_custom(const struct question *question, struct message *answer)
{
    msgpack_object call = question->name;
    json_t *live = question->about;

    if (is_text(call, "update"))
        message_flag(answer, update(live, question->values));
    else if (is_text(call, "consume") || is_text(call, "finish"))
        message_flag(answer, note(live, text_of(call)));
    else if (is_text(call, "is_available")) {
        json_t *saved = live_saved(live);
        message_flag(answer, saved != NULL);
        json_decref(saved);
    } else if (is_text(call, "get") || is_text(call, "checkpoint"))
        give(answer, live_saved(live));
    else if (is_text(call, "copy"))
        message_value(answer, needed(json_deep_copy(live)));
    else
        fail("The engine asks '%.*s', which no custom channel answers.",
             (int)call.via.str.size, call.via.str.ptr);
}

static json_t *initial(const char *reducer)
{
    if (strcmp(reducer, "int_max") == 0)
        return NULL;
    if (strcmp(reducer, "list_concat") == 0)
        return needed(json_array());
    if (strcmp(reducer, "str_concat") == 0)
        return needed(json_string(""));
    return needed(json_integer(0));
}

/* Two values as one; NULL if the reducer can't combine them. */
static json_t *combine(const char *reducer, json_t *one, json_t *other)
{
    bool numbers = json_is_integer(one) && json_is_integer(other);
    json_int_t left = json_integer_value(one);
    json_int_t right = json_integer_value(other);

    if (strcmp(reducer, "int_add") == 0 && numbers)
        return needed(json_integer(left + right));
    if (strcmp(reducer, "int_max") == 0 && numbers)
        return needed(json_integer(left > right ? left : right));
    if (strcmp(reducer, "list_concat") == 0 && json_is_array(one) && json_is_array(other)) {
        json_t *both = needed(json_copy(one));
        json_array_extend(both, other);
        return both;
    }
    if (strcmp(reducer, "str_concat") == 0 && json_is_string(one) && json_is_string(other))
        return needed(json_sprintf("%s%s", json_string_value(one), json_string_value(other)));
    return NULL;
}

/* Folds values from the base, or from the first; NULL if the reducer fails. */
static json_t *fold(const char *reducer, json_t *base, json_t *values)
{
    bool overwritten = false;
    json_t *value = json_incref(base ? base : json_array_get(values, 0));

    for (size_t at = base ? 0 : 1; value && at < json_array_size(values); at++) {
        json_t *item = json_array_get(values, at);
        json_t *overwrite = json_object_get(item, "$overwrite");
        json_t *next;
        if (overwrite)
            next = overwritten ? NULL : json_incref(overwrite);
        else if (overwritten)
            next = json_incref(value);
        else
            next = combine(reducer, value, item);
        overwritten = overwritten || overwrite;
        json_decref(value);
        value = next;
    }
    return value;
}

bool scenario_answer(struct engine *engine, const struct question *question,
                     struct message *answer)
{
    const json_t *channels = json_object_get(engine->graph, "channels");
    const json_t *channel = json_array_get(channels, question->channel_place);
    const char *reducer = json_string_value(json_object_get(channel, "reducer"));

    if (is_text(question->name, "initial")) {
        give(answer, initial(reducer));
    } else if (is_text(question->name, "fold")) {
        json_t *folded = fold(reducer, question->about, question->values);
        if (!folded)
            return false;
        message_value(answer, folded);
    } else if (is_text(question->name, "load")) {
        const char *kind = json_string_value(json_object_get(channel, "custom"));
        message_value(answer, load(kind, question->about));
    } else {
        answer_custom(question, answer);
    }
    return true;
}
