
/*
 * Who makes the answer of a key (litellm_cache_lock): a record in the cache's
 * zone for each answer that is on its way, with the worker whose request leads.
 * Others wait for its end, or for the leader's age to be over; what they do
 * then is ngx_http_litellm_cache_flight.c's, which calls this.
 *
 * Records are found by their key in a table of their own: a lookup of an entry
 * does not meet them.  Their number is bounded; one who finds none left leads
 * nothing and is waited for by nobody.  A leader that ends with an answer that
 * can't be stored leaves its record opened for a moment, so that those who poll
 * see why, and need not try one after the other.
 *
 * Called with the lock or taking it, as ngx_http_litellm_cache_pin.c, whose
 * rules hold here: changes by ngx_http_litellm_cache_set(), walks without the
 * lock.  The key of a record is not in the journal: it is written before the
 * record is found by anybody.
 */

#include "ngx_http_litellm_cache_block.h"
#include "ngx_litellm_siphash.h"


/* of those who poll each one sees it */
#define NGX_HTTP_LITELLM_CACHE_OPEN   1500


static uint32_t *ngx_http_litellm_cache_making_bucket(
    ngx_http_litellm_cache_sh_t *sh, const u_char *key);
static uint32_t ngx_http_litellm_cache_making_find_locked(
    ngx_http_litellm_cache_sh_t *sh, const u_char *key);
static uint32_t ngx_http_litellm_cache_making_new_locked(
    ngx_http_litellm_cache_sh_t *sh, const u_char *key);
static void ngx_http_litellm_cache_making_free_locked(
    ngx_http_litellm_cache_sh_t *sh, uint32_t record);
static ngx_http_litellm_lead_e ngx_http_litellm_cache_making_state(
    ngx_http_litellm_cache_making_t *m, ngx_msec_t age);
static ngx_uint_t ngx_http_litellm_cache_making_over(
    ngx_http_litellm_cache_t *c, ngx_http_litellm_cache_making_t *m,
    ngx_uint_t own);
static void ngx_http_litellm_cache_making_take_back(
    ngx_http_litellm_cache_t *c, uint32_t *records, uint32_t *serials,
    ngx_uint_t n);


ngx_http_litellm_lead_e
ngx_http_litellm_cache_lead(ngx_shm_zone_t *zone,
    const u_char key[NGX_HTTP_LITELLM_CACHE_KEY], ngx_uint_t stream,
    ngx_msec_t age, time_t stored, ngx_http_litellm_cache_lead_t *lead)
{
    uint32_t                          entry, record;
    ngx_http_litellm_cache_t         *c;
    ngx_http_litellm_lead_e           state;
    ngx_http_litellm_cache_sh_t      *sh;
    ngx_http_litellm_cache_entry_t   *e;
    ngx_http_litellm_cache_making_t  *m;

    c = zone->data;
    sh = c->sh;

    ngx_http_litellm_cache_lock(c);

    if (c->left) {
        state = NGX_HTTP_LITELLM_LEAD_FULL;
        goto done;
    }

    entry = (stored >= 0) ? ngx_http_litellm_cache_valid_locked(sh, key) : 0;

    if (entry != 0) {
        e = ngx_http_litellm_cache_entry(sh, entry);

        if (e->meta.stored >= stored) {
            state = NGX_HTTP_LITELLM_LEAD_STORED;
            goto done;
        }
    }

    state = NGX_HTTP_LITELLM_LEAD_TAKEN;
    record = ngx_http_litellm_cache_making_find_locked(sh, key);

    if (record != 0) {
        state = ngx_http_litellm_cache_making_state(&sh->makings[record], age);

        if (state != NGX_HTTP_LITELLM_LEAD_TAKEN) {
            goto done;
        }

    } else {
        record = ngx_http_litellm_cache_making_new_locked(sh, key);

        if (record == 0) {
            state = NGX_HTTP_LITELLM_LEAD_FULL;
            goto done;
        }
    }

    m = &sh->makings[record];

    ngx_http_litellm_cache_set(sh, &m->pid, ngx_pid);
    ngx_http_litellm_cache_set(sh, &m->generation, c->generation);
    ngx_http_litellm_cache_set(sh, &m->index, c->index);
    ngx_http_litellm_cache_set(sh, &m->serial, m->serial + 1);
    ngx_http_litellm_cache_set(sh, &m->since, (uint32_t) ngx_current_msec);
    ngx_http_litellm_cache_set(sh, &m->state,
                               stream ? NGX_HTTP_LITELLM_CACHE_LED_STREAM
                                      : NGX_HTTP_LITELLM_CACHE_LED);

    lead->record = record;
    lead->serial = m->serial;

done:

    ngx_http_litellm_cache_unlock(c);

    return state;
}


ngx_http_litellm_lead_e
ngx_http_litellm_cache_led(ngx_shm_zone_t *zone,
    const u_char key[NGX_HTTP_LITELLM_CACHE_KEY], ngx_msec_t age)
{
    uint32_t                          record;
    ngx_http_litellm_lead_e           state;
    ngx_http_litellm_cache_t         *c;
    ngx_http_litellm_cache_making_t   m;

    c = zone->data;

    ngx_http_litellm_cache_lock(c);

    record = ngx_http_litellm_cache_making_find_locked(c->sh, key);

    if (record != 0) {
        m = c->sh->makings[record];
    }

    ngx_http_litellm_cache_unlock(c);

    if (record == 0) {
        return NGX_HTTP_LITELLM_LEAD_TAKEN;
    }

    state = ngx_http_litellm_cache_making_state(&m, age);

    if ((state == NGX_HTTP_LITELLM_LEAD_HELD
         || state == NGX_HTTP_LITELLM_LEAD_STREAMED)
        && ngx_http_litellm_cache_dead(c, m.pid, m.generation, m.index))
    {
        ngx_http_litellm_cache_making_take_back(c, &record, &m.serial, 1);

        return NGX_HTTP_LITELLM_LEAD_TAKEN;
    }

    return state;
}


void
ngx_http_litellm_cache_lead_end(ngx_shm_zone_t *zone,
    ngx_http_litellm_cache_lead_t *lead, ngx_uint_t open)
{
    ngx_http_litellm_cache_t         *c;
    ngx_http_litellm_cache_sh_t      *sh;
    ngx_http_litellm_cache_making_t  *m;

    if (lead->record == 0) {
        return;
    }

    c = zone->data;
    sh = c->sh;
    m = &sh->makings[lead->record];

    ngx_http_litellm_cache_lock(c);

    /* when its age was over it may have become another one's */

    if (m->state != NGX_HTTP_LITELLM_CACHE_NOBODY && m->serial == lead->serial)
    {
        if (open && !c->left) {
            ngx_http_litellm_cache_set(sh, &m->since,
                                       (uint32_t) ngx_current_msec);
            ngx_http_litellm_cache_set(sh, &m->state,
                                       NGX_HTTP_LITELLM_CACHE_OPENED);

        } else {
            ngx_http_litellm_cache_making_free_locked(sh, lead->record);
        }
    }

    ngx_http_litellm_cache_unlock(c);

    lead->record = 0;
}


void
ngx_http_litellm_cache_coalesced(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_cache_t  *c;

    c = zone->data;

    (void) ngx_atomic_fetch_add(&c->sh->coalesced, 1);
}


void
ngx_http_litellm_cache_lock_timeout(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_cache_t  *c;

    c = zone->data;

    (void) ngx_atomic_fetch_add(&c->sh->lock_timeouts, 1);
}


/* as it is for one who would lead; clocks of processes may differ a little */

static ngx_http_litellm_lead_e
ngx_http_litellm_cache_making_state(ngx_http_litellm_cache_making_t *m,
    ngx_msec_t age)
{
    int32_t  ms;

    ms = (int32_t) ((uint32_t) ngx_current_msec - m->since);
    ms = ngx_max(ms, 0);

    switch (m->state) {

    case NGX_HTTP_LITELLM_CACHE_OPENED:
        return (ms < NGX_HTTP_LITELLM_CACHE_OPEN) ? NGX_HTTP_LITELLM_LEAD_OPEN
                                               : NGX_HTTP_LITELLM_LEAD_TAKEN;

    case NGX_HTTP_LITELLM_CACHE_LED:

        if ((ngx_msec_t) ms < age) {
            return NGX_HTTP_LITELLM_LEAD_HELD;
        }

        break;

    case NGX_HTTP_LITELLM_CACHE_LED_STREAM:

        if ((ngx_msec_t) ms < age) {
            return NGX_HTTP_LITELLM_LEAD_STREAMED;
        }

        break;
    }

    return NGX_HTTP_LITELLM_LEAD_TAKEN;
}


static uint32_t *
ngx_http_litellm_cache_making_bucket(ngx_http_litellm_cache_sh_t *sh,
    const u_char *key)
{
    uint64_t  hash;

    hash = ngx_litellm_siphash(sh->secret, 0, key, NGX_HTTP_LITELLM_CACHE_KEY);

    return &sh->making_buckets[hash & sh->making_mask];
}


static uint32_t
ngx_http_litellm_cache_making_find_locked(ngx_http_litellm_cache_sh_t *sh,
    const u_char *key)
{
    uint32_t                          record;
    ngx_http_litellm_cache_making_t  *m;

    record = *ngx_http_litellm_cache_making_bucket(sh, key);

    while (record != 0) {
        m = &sh->makings[record];

        if (ngx_memcmp(m->key, key, NGX_HTTP_LITELLM_CACHE_KEY) == 0) {
            break;
        }

        record = m->chain;
    }

    return record;
}


/* 0: there is none left */

static uint32_t
ngx_http_litellm_cache_making_new_locked(ngx_http_litellm_cache_sh_t *sh,
    const u_char *key)
{
    uint32_t                          record, *bucket;
    ngx_http_litellm_cache_making_t  *m;

    if (sh->making != 0) {
        record = sh->making;
        m = &sh->makings[record];

        ngx_http_litellm_cache_set(sh, &sh->making, m->chain);

    } else if (sh->begun < sh->nmakings) {
        record = sh->begun + 1;
        m = &sh->makings[record];

        m->state = NGX_HTTP_LITELLM_CACHE_NOBODY;
        m->serial = 0;
        ngx_http_litellm_cache_order();
        ngx_http_litellm_cache_set(sh, &sh->begun, record);

    } else {
        return 0;
    }

    ngx_memcpy(m->key, key, NGX_HTTP_LITELLM_CACHE_KEY);

    bucket = ngx_http_litellm_cache_making_bucket(sh, key);

    ngx_http_litellm_cache_set(sh, &m->chain, *bucket);
    ngx_http_litellm_cache_set(sh, bucket, record);

    return record;
}


static void
ngx_http_litellm_cache_making_free_locked(ngx_http_litellm_cache_sh_t *sh,
    uint32_t record)
{
    uint32_t                         *place;
    ngx_http_litellm_cache_making_t  *m;

    m = &sh->makings[record];

    place = ngx_http_litellm_cache_making_bucket(sh, m->key);

    while (*place != record) {
        place = &sh->makings[*place].chain;
    }

    ngx_http_litellm_cache_set(sh, place, m->chain);
    ngx_http_litellm_cache_set(sh, &m->state, NGX_HTTP_LITELLM_CACHE_NOBODY);
    ngx_http_litellm_cache_set(sh, &m->chain, sh->making);
    ngx_http_litellm_cache_set(sh, &sh->making, record);
}


void
ngx_http_litellm_cache_lead_sweep(ngx_http_litellm_cache_t *c, ngx_uint_t own)
{
    uint32_t                          i, begun;
    uint32_t                          records[NGX_HTTP_LITELLM_CACHE_UNPIN];
    uint32_t                          serials[NGX_HTTP_LITELLM_CACHE_UNPIN];
    ngx_uint_t                        n;
    ngx_http_litellm_cache_making_t   m;

    n = 0;
    begun = ngx_min(c->sh->begun, c->sh->nmakings);

    for (i = 1; i <= begun; i++) {

        m = *(volatile ngx_http_litellm_cache_making_t *) &c->sh->makings[i];

        if (!ngx_http_litellm_cache_making_over(c, &m, own)) {
            continue;
        }

        records[n] = i;
        serials[n++] = m.serial;

        if (n == NGX_HTTP_LITELLM_CACHE_UNPIN) {
            ngx_http_litellm_cache_making_take_back(c, records, serials, n);
            n = 0;
        }
    }

    if (n) {
        ngx_http_litellm_cache_making_take_back(c, records, serials, n);
    }
}


static ngx_uint_t
ngx_http_litellm_cache_making_over(ngx_http_litellm_cache_t *c,
    ngx_http_litellm_cache_making_t *m, ngx_uint_t own)
{
    switch (m->state) {

    case NGX_HTTP_LITELLM_CACHE_LED:
    case NGX_HTTP_LITELLM_CACHE_LED_STREAM:
        return own ? m->pid == (uint32_t) ngx_pid
                   : ngx_http_litellm_cache_dead(c, m->pid, m->generation,
                                                 m->index);

    case NGX_HTTP_LITELLM_CACHE_OPENED:
        return ngx_http_litellm_cache_making_state(m, 0)
               == NGX_HTTP_LITELLM_LEAD_TAKEN;

    default:
        return 0;
    }
}


/* those that still are what they were when they were looked at */

static void
ngx_http_litellm_cache_making_take_back(ngx_http_litellm_cache_t *c,
    uint32_t *records, uint32_t *serials, ngx_uint_t n)
{
    ngx_uint_t                        i;
    ngx_http_litellm_cache_sh_t      *sh;
    ngx_http_litellm_cache_making_t  *m;

    sh = c->sh;

    ngx_http_litellm_cache_lock(c);

    for (i = 0; i < n; i++) {
        m = &sh->makings[records[i]];

        if (m->state == NGX_HTTP_LITELLM_CACHE_NOBODY
            || m->serial != serials[i])
        {
            continue;
        }

        ngx_http_litellm_cache_making_free_locked(sh, records[i]);
        ngx_http_litellm_cache_end(sh);
    }

    ngx_http_litellm_cache_unlock(c);
}
