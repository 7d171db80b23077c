
/*
 * Who has an entry of the cache pinned, to read it or to write it: a small
 * record in the zone for each handle, with its worker, so that what a killed
 * worker had pinned is given back.
 *
 * Called by ngx_http_litellm_cache_entry.c for handles, and for the dead by
 * each worker: when it begins, and then by its timer.  The walk over the pins
 * is without the lock: it reads what may be changed under its feet, and looks
 * again under the lock at the few that it takes for dead ones'.
 */

#include "ngx_http_litellm_cache_block.h"
#include "ngx_http_litellm_zone.h"


typedef ngx_uint_t (*ngx_http_litellm_cache_pin_pt)(
    ngx_http_litellm_cache_t *c, ngx_http_litellm_cache_pin_t *pin);


static void ngx_http_litellm_cache_sweep(ngx_http_litellm_cache_t *c,
    ngx_http_litellm_cache_pin_pt gone);
static void ngx_http_litellm_cache_take_back(ngx_http_litellm_cache_t *c,
    uint32_t *pins, ngx_http_litellm_cache_pin_t *was, ngx_uint_t n);
static void ngx_http_litellm_cache_free_locked(ngx_http_litellm_cache_sh_t *sh,
    uint32_t pin);
static ngx_uint_t ngx_http_litellm_cache_own(ngx_http_litellm_cache_t *c,
    ngx_http_litellm_cache_pin_t *pin);
static ngx_uint_t ngx_http_litellm_cache_lost(ngx_http_litellm_cache_t *c,
    ngx_http_litellm_cache_pin_t *pin);


uint32_t
ngx_http_litellm_cache_pin_locked(ngx_http_litellm_cache_t *c, uint32_t entry)
{
    uint32_t                       i;
    ngx_http_litellm_cache_sh_t   *sh;
    ngx_http_litellm_cache_pin_t  *pin;

    sh = c->sh;

    if (c->left) {
        return 0;
    }

    if (sh->pin != 0) {
        i = sh->pin;
        pin = &sh->pins[i];

        ngx_http_litellm_cache_set(sh, &sh->pin, pin->next);

    } else if (sh->made < sh->npins) {
        i = sh->made + 1;
        pin = &sh->pins[i];

        pin->entry = 0;
        ngx_http_litellm_cache_order();
        ngx_http_litellm_cache_set(sh, &sh->made, i);

    } else {
        return 0;
    }

    /* whose it is before that it is one: others look without the lock */

    ngx_http_litellm_cache_set(sh, &pin->pid, ngx_pid);
    ngx_http_litellm_cache_set(sh, &pin->generation, c->generation);
    ngx_http_litellm_cache_set(sh, &pin->index, c->index);
    ngx_http_litellm_cache_set(sh, &pin->entry, entry);

    return i;
}


uint32_t
ngx_http_litellm_cache_unpin_locked(ngx_http_litellm_cache_t *c, uint32_t pin,
    uint32_t entry)
{
    ngx_http_litellm_cache_pin_t  *p;

    p = &c->sh->pins[pin];

    /* a worker that has left has given back everything */

    if (p->entry != entry || !ngx_http_litellm_cache_own(c, p)) {
        return 0;
    }

    ngx_http_litellm_cache_free_locked(c->sh, pin);

    return entry;
}


static void
ngx_http_litellm_cache_free_locked(ngx_http_litellm_cache_sh_t *sh,
    uint32_t pin)
{
    ngx_http_litellm_cache_pin_t  *p;

    p = &sh->pins[pin];

    ngx_http_litellm_cache_set(sh, &p->entry, 0);
    ngx_http_litellm_cache_set(sh, &p->pid, 0);
    ngx_http_litellm_cache_set(sh, &p->next, sh->pin);
    ngx_http_litellm_cache_set(sh, &sh->pin, pin);
}


void
ngx_http_litellm_cache_begin(ngx_http_litellm_cache_t *c, ngx_uint_t index)
{
    c->index = index;
    c->left = 0;

    /* until it has begun, those of its own number are of a process before it */

    if (!c->entered) {
        ngx_http_litellm_cache_sweep(c, ngx_http_litellm_cache_own);
        ngx_http_litellm_cache_lead_sweep(c, 1);
        c->entered = 1;
    }

    ngx_http_litellm_cache_bury(c);
}


void
ngx_http_litellm_cache_bury(ngx_http_litellm_cache_t *c)
{
    ngx_http_litellm_cache_sweep(c, ngx_http_litellm_cache_lost);
    ngx_http_litellm_cache_lead_sweep(c, 0);
}


void
ngx_http_litellm_cache_part(ngx_http_litellm_cache_t *c)
{
    c->left = 1;
    c->entered = 0;

    ngx_http_litellm_cache_sweep(c, ngx_http_litellm_cache_own);
    ngx_http_litellm_cache_lead_sweep(c, 1);
}


static ngx_uint_t
ngx_http_litellm_cache_own(ngx_http_litellm_cache_t *c,
    ngx_http_litellm_cache_pin_t *pin)
{
    return pin->pid == (uint32_t) ngx_pid;
}


static ngx_uint_t
ngx_http_litellm_cache_lost(ngx_http_litellm_cache_t *c,
    ngx_http_litellm_cache_pin_t *pin)
{
    return ngx_http_litellm_cache_dead(c, pin->pid, pin->generation,
                                       pin->index);
}


ngx_uint_t
ngx_http_litellm_cache_dead(ngx_http_litellm_cache_t *c, uint32_t pid,
    uint32_t generation, uint32_t index)
{
    if (pid == (uint32_t) ngx_pid) {
        return 0;
    }

    /* of one generation and index there is one worker at a time */

    if (c->entered && generation == c->generation && index == c->index) {
        return 1;
    }

    return ngx_http_litellm_zone_gone(pid);
}


static void
ngx_http_litellm_cache_sweep(ngx_http_litellm_cache_t *c,
    ngx_http_litellm_cache_pin_pt gone)
{
    uint32_t                       i, made, pins[NGX_HTTP_LITELLM_CACHE_UNPIN];
    ngx_uint_t                     n, yes;
    ngx_http_litellm_cache_pin_t   pin, last;
    ngx_http_litellm_cache_pin_t   was[NGX_HTTP_LITELLM_CACHE_UNPIN];

    /* a pin may be there again when a change that was cut is undone */

    if (c->sh->undo) {
        ngx_http_litellm_cache_lock(c);
        ngx_http_litellm_cache_unlock(c);
    }

    n = 0;
    yes = 0;
    made = ngx_min(c->sh->made, c->sh->npins);

    ngx_memzero(&last, sizeof(ngx_http_litellm_cache_pin_t));

    for (i = 1; i <= made; i++) {

        pin = *(volatile ngx_http_litellm_cache_pin_t *) &c->sh->pins[i];

        if (pin.entry == 0 || pin.pid == 0) {
            continue;
        }

        /* most are of the one that the last one was of */

        if (pin.pid != last.pid || pin.generation != last.generation
            || pin.index != last.index)
        {
            yes = gone(c, &pin);
            last = pin;
        }

        if (!yes) {
            continue;
        }

        pins[n] = i;
        was[n++] = pin;

        if (n == NGX_HTTP_LITELLM_CACHE_UNPIN) {
            ngx_http_litellm_cache_take_back(c, pins, was, n);
            n = 0;
        }
    }

    if (n) {
        ngx_http_litellm_cache_take_back(c, pins, was, n);
    }
}


static void
ngx_http_litellm_cache_take_back(ngx_http_litellm_cache_t *c, uint32_t *pins,
    ngx_http_litellm_cache_pin_t *was, ngx_uint_t n)
{
    ngx_uint_t                     i;
    ngx_http_litellm_cache_sh_t   *sh;
    ngx_http_litellm_cache_pin_t  *pin;

    sh = c->sh;

    ngx_http_litellm_cache_lock(c);

    for (i = 0; i < n; i++) {
        pin = &sh->pins[pins[i]];

        /* it may be another's by now */

        if (pin->entry != was[i].entry || pin->pid != was[i].pid
            || pin->generation != was[i].generation
            || pin->index != was[i].index)
        {
            continue;
        }

        ngx_http_litellm_cache_free_locked(sh, pins[i]);
        ngx_http_litellm_cache_release_locked(sh, was[i].entry);
        ngx_http_litellm_cache_end(sh);
    }

    ngx_http_litellm_cache_unlock(c);
}
