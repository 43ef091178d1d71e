/*
 * Counts the references the library has to each handle. A mutated message names any number there is, so
 * this is no table of places but a map; several threads write to it.
 */

#ifndef LEDGER_H
#define LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ledger;

struct ledger *ledger_new(void);
void ledger_free(struct ledger *ledger);

/* Counts one reference more. */
void ledger_take(struct ledger *ledger, uint64_t handle);

/* Counts one less; false if there was none. */
bool ledger_give_back(struct ledger *ledger, uint64_t handle);

/* How many references there are to a handle, and to all. */
size_t ledger_count(struct ledger *ledger, uint64_t handle);
size_t ledger_total(struct ledger *ledger);

#endif
