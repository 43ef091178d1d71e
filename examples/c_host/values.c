#include "values.h"

#include "sentence.h"

#include <stdlib.h>

/* Where a value is. A handle is the number of its place, and above that which use of the place it is:
 * a handle that was released is found out even when its place has another value. */
struct place {
    json_t *value;
    size_t references;
    uint32_t use;
    size_t next_free;
};

#define NO_PLACE SIZE_MAX

void values_begin(struct values *values)
{
    *values = (struct values){.first_free = NO_PLACE};
}

void values_end(struct values *values)
{
    for (size_t at = 0; at < values->place_count; at++)
        json_decref(values->places[at].value);
    free(values->places);
    values_begin(values);
}

static void grow(struct values *values)
{
    size_t count = values->place_count ? 2 * values->place_count : 16;
    values->places = needed(realloc(values->places, count * sizeof *values->places));
    for (size_t at = values->place_count; at < count; at++)
        values->places[at] = (struct place){
            .use = 1,
            .next_free = at + 1 < count ? at + 1 : NO_PLACE,
        };
    values->first_free = values->place_count;
    values->place_count = count;
}

uint64_t values_add(struct values *values, json_t *value)
{
    if (values->first_free == NO_PLACE)
        grow(values);
    size_t at = values->first_free;
    struct place *place = &values->places[at];
    values->first_free = place->next_free;
    values->held++;
    place->value = needed(value);
    place->references = 1;
    return (uint64_t)place->use << 32 | at;
}

static struct place *find(struct values *values, uint64_t handle)
{
    size_t at = handle & UINT32_MAX;
    if (at < values->place_count) {
        struct place *place = &values->places[at];
        if (place->references > 0 && place->use == handle >> 32)
            return place;
    }
    values->faults++;
    return NULL;
}

json_t *values_get(struct values *values, uint64_t handle)
{
    struct place *place = find(values, handle);
    return place ? place->value : NULL;
}

void values_retain(void *context, const uint64_t *handles, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        struct place *place = find(context, handles[at]);
        if (place)
            place->references++;
    }
}

static void release(struct values *values, uint64_t handle)
{
    struct place *place = find(values, handle);
    if (!place || --place->references > 0)
        return;
    json_decref(place->value);
    place->value = NULL;
    place->use++;
    place->next_free = values->first_free;
    values->first_free = (size_t)(place - values->places);
    values->held--;
}

void values_release(void *context, const uint64_t *handles, size_t count)
{
    for (size_t at = 0; at < count; at++)
        release(context, handles[at]);
}
