#include "message.h"

#include "sentence.h"

#include <stdlib.h>
#include <string.h>

void message_begin(struct message *message, struct values *values)
{
    *message = (struct message){.values = values};
    msgpack_sbuffer_init(&message->bytes);
    msgpack_packer_init(&message->packer, &message->bytes, msgpack_sbuffer_write);
}

void message_end(struct message *message)
{
    values_release(message->values, message->handles, message->handle_count);
    free(message->handles);
    msgpack_sbuffer_destroy(&message->bytes);
}

/* Packing into memory fails for lack of memory only. */
static void packed(int status)
{
    if (status != 0)
        fail("There is no memory left.");
}

void message_array(struct message *message, size_t count)
{
    packed(msgpack_pack_array(&message->packer, count));
}

static void pack_text(struct message *message, const char *text, size_t length)
{
    packed(msgpack_pack_str(&message->packer, length));
    packed(msgpack_pack_str_body(&message->packer, text, length));
}

void message_text(struct message *message, const char *text)
{
    pack_text(message, text, strlen(text));
}

void message_number(struct message *message, int64_t number)
{
    packed(msgpack_pack_int64(&message->packer, number));
}

void message_flag(struct message *message, bool flag)
{
    packed(flag ? msgpack_pack_true(&message->packer) : msgpack_pack_false(&message->packer));
}

void message_nil(struct message *message)
{
    packed(msgpack_pack_nil(&message->packer));
}

void message_value(struct message *message, json_t *value)
{
    size_t size = (message->handle_count + 1) * sizeof *message->handles;
    message->handles = needed(realloc(message->handles, size));
    uint64_t handle = values_add(message->values, value);
    message->handles[message->handle_count++] = handle;
    packed(msgpack_pack_uint64(&message->packer, handle));
}

void message_plain(struct message *message, const json_t *plain)
{
    size_t at;
    const json_t *item;

    switch (json_typeof(plain)) {
    case JSON_NULL:
        message_nil(message);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        message_flag(message, json_is_true(plain));
        break;
    case JSON_INTEGER:
        message_number(message, json_integer_value(plain));
        break;
    case JSON_REAL:
        packed(msgpack_pack_double(&message->packer, json_real_value(plain)));
        break;
    case JSON_STRING:
        pack_text(message, json_string_value(plain), json_string_length(plain));
        break;
    case JSON_ARRAY:
        message_array(message, json_array_size(plain));
        json_array_foreach(plain, at, item)
            message_plain(message, item);
        break;
    case JSON_OBJECT:
        fail("An object is a value, not a part of a message.");
    }
}

void message_append(struct message *message, const struct message *other)
{
    if (other->bytes.size > 0)
        packed(msgpack_sbuffer_write(&message->bytes, other->bytes.data, other->bytes.size));
}

void reply_begin(struct reply *reply)
{
    memset(reply, 0, sizeof *reply);
    msgpack_unpacked_init(&reply->unpacked);
}

void reply_read(struct reply *reply)
{
    const char *data = (const char *)reply->message.data;
    size_t length = reply->message.length;
    size_t at = 0;
    if (msgpack_unpack_next(&reply->unpacked, data, length, &at) != MSGPACK_UNPACK_SUCCESS)
        fail("The engine's message is no MessagePack.");
    if (at != length)
        fail("The engine's message goes on after its end.");
}

void reply_end(struct reply *reply)
{
    msgpack_unpacked_destroy(&reply->unpacked);
    lge_message_free(&reply->message);
    lge_error_free(&reply->error);
}

void reply_fail(const struct reply *reply, const char *call)
{
    const struct lge_error *error = &reply->error;
    fail("%s failed (error %d): %.*s.", call, error->kind, (int)error->message_length,
         (const char *)error->message);
}

bool is_text(msgpack_object object, const char *text)
{
    return object.type == MSGPACK_OBJECT_STR && object.via.str.size == strlen(text) &&
           memcmp(object.via.str.ptr, text, object.via.str.size) == 0;
}

json_t *text_of(msgpack_object object)
{
    if (object.type != MSGPACK_OBJECT_STR)
        fail("The engine's message has something else where text is expected.");
    return needed(json_stringn(object.via.str.ptr, object.via.str.size));
}

json_t *plain_of(msgpack_object object)
{
    json_t *array;

    switch (object.type) {
    case MSGPACK_OBJECT_NIL:
        return json_null();
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(object.via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return needed(json_integer((json_int_t)object.via.u64));
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return needed(json_integer(object.via.i64));
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return needed(json_real(object.via.f64));
    case MSGPACK_OBJECT_ARRAY:
        array = needed(json_array());
        for (size_t at = 0; at < count_of(object); at++)
            json_array_append_new(array, plain_of(item_of(object, at)));
        return array;
    default:
        return text_of(object);
    }
}

msgpack_object item_of(msgpack_object array, size_t at)
{
    if (at >= count_of(array))
        fail("The engine's message has an array that is too short.");
    return array.via.array.ptr[at];
}

size_t count_of(msgpack_object array)
{
    if (array.type != MSGPACK_OBJECT_ARRAY)
        fail("The engine's message has something else where an array is expected.");
    return array.via.array.size;
}

uint64_t number_of(msgpack_object object)
{
    if (object.type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        fail("The engine's message has something else where a number is expected.");
    return object.via.u64;
}
