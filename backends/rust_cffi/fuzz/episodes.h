/* What a thread does between two looks at the clock. */

#ifndef EPISODES_H
#define EPISODES_H

#include "calls.h"

/* Valid messages to a run of the thread's own, from its start to its end; nothing may be left over. */
void play(struct caller *caller);

/* Mutated messages of every kind to a run of the thread's own. */
void storm(struct caller *caller);

/* Anything to what the threads share: see `shared.c`. */
void chaos(struct caller *caller);

/* What the threads share. */
void shared_begin(void);
void shared_end(void);

/* Before there are threads: panics stay inside, and a forked process can't use what its parent made. */
void check_panics(struct caller *caller);
void check_forks(struct caller *caller);

/* --- parts they share */

/* A program of a random graph, which has to compile. */
uint64_t compile(struct caller *caller, struct graph *graph);

/* A valid message for a call; nothing for a call without one. */
void draft_call(struct draft *draft, struct random *random, const struct graph *graph,
                enum call call);

/* Makes a call that has to work, whose reply doesn't matter. */
void must(struct caller *caller, enum call call, uint64_t number, struct owner *owner,
          const struct draft *draft);

#endif
