#include "ledger.h"

#include <pthread.h>
#include <stdlib.h>

#define BUCKETS 256

struct entry {
    struct entry *next;
    uint64_t handle;
    size_t references;
};

/* Each bucket has a lock of its own: threads rarely wait for each other. */
struct bucket {
    pthread_mutex_t lock;
    struct entry *first;
};

struct ledger {
    struct bucket buckets[BUCKETS];
};

struct ledger *ledger_new(void)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    if (!ledger)
        abort();
    for (size_t at = 0; at < BUCKETS; at++)
        pthread_mutex_init(&ledger->buckets[at].lock, NULL);
    return ledger;
}

void ledger_free(struct ledger *ledger)
{
    for (size_t at = 0; at < BUCKETS; at++) {
        struct entry *entry = ledger->buckets[at].first;
        while (entry) {
            struct entry *next = entry->next;
            free(entry);
            entry = next;
        }
        pthread_mutex_destroy(&ledger->buckets[at].lock);
    }
    free(ledger);
}

static struct bucket *lock_bucket(struct ledger *ledger, uint64_t handle)
{
    struct bucket *bucket = &ledger->buckets[handle * UINT64_C(0x9e3779b97f4a7c15) >> 56];
    pthread_mutex_lock(&bucket->lock);
    return bucket;
}

/* Where an entry is linked, or where one would be. */
static struct entry **find(struct bucket *bucket, uint64_t handle)
{
    struct entry **link = &bucket->first;
    while (*link && (*link)->handle != handle)
        link = &(*link)->next;
    return link;
}

void ledger_take(struct ledger *ledger, uint64_t handle)
{
    struct bucket *bucket = lock_bucket(ledger, handle);
    struct entry **link = find(bucket, handle);
    if (!*link) {
        *link = calloc(1, sizeof **link);
        if (!*link)
            abort();
        (*link)->handle = handle;
    }
    (*link)->references++;
    pthread_mutex_unlock(&bucket->lock);
}

bool ledger_give_back(struct ledger *ledger, uint64_t handle)
{
    struct bucket *bucket = lock_bucket(ledger, handle);
    struct entry **link = find(bucket, handle);
    struct entry *entry = *link;
    if (entry && --entry->references == 0) {
        *link = entry->next;
        free(entry);
    }
    pthread_mutex_unlock(&bucket->lock);
    return entry != NULL;
}

size_t ledger_count(struct ledger *ledger, uint64_t handle)
{
    struct bucket *bucket = lock_bucket(ledger, handle);
    struct entry **link = find(bucket, handle);
    size_t references = *link ? (*link)->references : 0;
    pthread_mutex_unlock(&bucket->lock);
    return references;
}

size_t ledger_total(struct ledger *ledger)
{
    size_t total = 0;
    for (size_t at = 0; at < BUCKETS; at++) {
        struct bucket *bucket = &ledger->buckets[at];
        pthread_mutex_lock(&bucket->lock);
        for (struct entry *entry = bucket->first; entry; entry = entry->next)
            total += entry->references;
        pthread_mutex_unlock(&bucket->lock);
    }
    return total;
}
