#include "sentence.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

void *needed(void *pointer)
{
    if (!pointer)
        fail("There is no memory left.");
    return pointer;
}

char *as_text(const json_t *value)
{
    return needed(json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT));
}

json_t *read_json(const char *path)
{
    json_error_t error;
    json_t *read = json_load_file(path, JSON_ALLOW_NUL, &error);
    if (!read)
        fail("%s can't be read, line %d: %s.", path, error.line, error.text);
    return read;
}
