/*
 * Messages: MessagePack to the engine, and its replies. `docs/wire-format.md` says what stands in them.
 */

#ifndef MESSAGE_H
#define MESSAGE_H

#include "langgraph_engine.h"
#include "values.h"

#include <msgpack.h>

/* A message to the engine in the making. It owns one reference to each value it mentions: the engine
 * counts its own while it reads the message, so these end with it. */
struct message {
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    struct values *values;
    uint64_t *handles;
    size_t handle_count;
};

void message_begin(struct message *message, struct values *values);
void message_end(struct message *message);

void message_array(struct message *message, size_t count);
void message_text(struct message *message, const char *text);
void message_number(struct message *message, int64_t number);
void message_flag(struct message *message, bool flag);
void message_nil(struct message *message);

/* Mentions a value: puts it into the table, and its handle into the message. Takes over the caller's
 * reference to the JSON. */
void message_value(struct message *message, json_t *value);

/* Packs JSON as it is (null, booleans, numbers, text and arrays of them), not as a value. */
void message_plain(struct message *message, const json_t *plain);

/* Adds the bytes of another message, which has to outlive this one. */
void message_append(struct message *message, const struct message *other);

/* What a call said. Zeroed before the call; it is the message, or the error. */
struct reply {
    struct lge_message message;
    struct lge_error error;
    /* The message taken apart. Its text lies in the message. */
    msgpack_unpacked unpacked;
};

void reply_begin(struct reply *reply);

/* Takes the message of a call that worked apart. */
void reply_read(struct reply *reply);

/* Frees message and error. What the message lent is the engine's alone from now on. */
void reply_end(struct reply *reply);

/* The error as a sentence, and the end of the program. */
_Noreturn void reply_fail(const struct reply *reply, const char *call);

/* Whether a part of a message is this text. */
bool is_text(msgpack_object object, const char *text);

/* A part of a message as text in JSON. */
json_t *text_of(msgpack_object object);

/* A part of a message as JSON: null, booleans, numbers, text and arrays of them. */
json_t *plain_of(msgpack_object object);

/* The item of an array; ends the program if it isn't one or is shorter. */
msgpack_object item_of(msgpack_object array, size_t at);

/* The number of items of an array. */
size_t count_of(msgpack_object array);

/* A number that is not negative, such as a handle or a place. */
uint64_t number_of(msgpack_object object);

#endif
