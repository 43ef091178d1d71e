/* The reducers and custom channels that scenarios name: tests/scenarios/README.md is their specification. */

#ifndef SCENARIO_HOST_H
#define SCENARIO_HOST_H

#include "engine.h"

/* An `answer_fn`. False if a reducer fails. */
bool scenario_answer(struct engine *engine, const struct question *question,
                     struct message *answer);

/* Whether a value is a live custom channel, and a copy of what such a one saves: NULL while it is empty. */
bool is_live(const json_t *value);
json_t *live_saved(const json_t *live);

#endif
