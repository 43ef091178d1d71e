/*
 * The host's values: a table that gives each a number, the handle, and counts who refers to it.
 *
 * A value is JSON here; the engine never sees more of it than its handle.
 */

#ifndef VALUES_H
#define VALUES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct place;

struct values {
    struct place *places;
    size_t place_count;
    size_t first_free;
    /* How many values there are. */
    size_t held;
    /* How often a handle was named that stands for nothing: a bug of the host's or the engine's. */
    size_t faults;
};

void values_begin(struct values *values);

/* Frees the table, and what is still in it. */
void values_end(struct values *values);

/* Puts a value into the table. Takes over the caller's reference to the JSON; the handle given is the
 * caller's to release. */
uint64_t values_add(struct values *values, json_t *value);

/* The value of a handle, lent; NULL, and a fault, if there is none. */
json_t *values_get(struct values *values, uint64_t handle);

/* Count, and give back, one reference to each of the handles. They are an `lge_handles_fn` each: the
 * context is the `struct values`. */
void values_retain(void *context, const uint64_t *handles, size_t count);
void values_release(void *context, const uint64_t *handles, size_t count);

#endif
