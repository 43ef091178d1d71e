/* How this program says what went wrong: one sentence, and exit code 1. */

#ifndef SENTENCE_H
#define SENTENCE_H

#include <jansson.h>

/* Says what went wrong, as `printf` would, and ends the program. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The pointer, which is NULL only if there is no memory left. */
void *needed(void *pointer);

/* A value as JSON text, for people. The caller frees it. */
char *as_text(const json_t *value);

/* A JSON file; a sentence if there is none. */
json_t *read_json(const char *path);

#endif
