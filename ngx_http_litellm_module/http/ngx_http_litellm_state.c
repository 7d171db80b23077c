
/*
 * Calls of deployments as all workers count them: what is in flight, what of
 * the limits of this minute is used up, how good the answers are.  The router
 * asks state_check() of many, the handler begins and ends one for each
 * attempt.
 *
 * No lock: every limit is one compare-and-swap on one word, so that two workers
 * can't both take the last place and nobody is refused by a place that was
 * only held for a moment.  No counter goes below zero.  A deployment without a
 * record is not counted and has no limits.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_state.h"
#include "ngx_http_litellm_zone.h"


/* bits of the count in a counter of a minute; the minute is above them */
#if (NGX_PTR_SIZE == 8)
#define NGX_HTTP_LITELLM_COUNT_BITS   40
#else
#define NGX_HTTP_LITELLM_COUNT_BITS   24
#endif

#define NGX_HTTP_LITELLM_COUNT_MAX                                            \
    (((ngx_atomic_uint_t) 1 << NGX_HTTP_LITELLM_COUNT_BITS) - 1)

#define NGX_HTTP_LITELLM_MINUTE_MAX                                           \
    ((ngx_atomic_uint_t) -1 >> NGX_HTTP_LITELLM_COUNT_BITS)

/*
 * A probe that has not answered for so long does not keep others off any more
 * (and a worker that died with one does not either).
 */
#define NGX_HTTP_LITELLM_PROBE        10000

/* what a timeout counts as, us per token (LiteLLM's 1000 s) */
#define NGX_HTTP_LITELLM_SLOW         1000000000


static ngx_uint_t ngx_http_litellm_state_minute(ngx_atomic_uint_t word,
    ngx_uint_t minute);
static ngx_int_t ngx_http_litellm_state_add(ngx_atomic_t *counter,
    ngx_uint_t *minute, uint64_t n, int64_t limit);
static void ngx_http_litellm_state_sub(ngx_atomic_t *counter,
    ngx_uint_t minute, uint64_t n);
static ngx_int_t ngx_http_litellm_state_open(ngx_http_litellm_state_t *s,
    ngx_atomic_uint_t *probe);
static void ngx_http_litellm_state_tokens(ngx_atomic_t *counter,
    ngx_http_litellm_lease_t *lease, ngx_uint_t minute, uint64_t tokens);


#define ngx_http_litellm_state_now()  (ngx_current_msec ? ngx_current_msec : 1)


/*
 * The minute that a counter is to be read or written for.  A worker's clock may
 * be behind another's by a moment: it counts with those who are ahead.
 */

static ngx_uint_t
ngx_http_litellm_state_minute(ngx_atomic_uint_t word, ngx_uint_t minute)
{
    ngx_uint_t  next;

    next = (minute + 1) & NGX_HTTP_LITELLM_MINUTE_MAX;

    return (word >> NGX_HTTP_LITELLM_COUNT_BITS == next) ? next : minute;
}


#define ngx_http_litellm_state_this_minute()                                  \
    ((ngx_uint_t) (ngx_time() / 60) & NGX_HTTP_LITELLM_MINUTE_MAX)


uint64_t
ngx_http_litellm_state_count(ngx_atomic_t *counter)
{
    ngx_uint_t         minute;
    ngx_atomic_uint_t  word;

    word = *counter;
    minute = ngx_http_litellm_state_minute(word,
                                       ngx_http_litellm_state_this_minute());

    if (word >> NGX_HTTP_LITELLM_COUNT_BITS != minute) {
        return 0;
    }

    return word & NGX_HTTP_LITELLM_COUNT_MAX;
}


/* *minute: where it was counted; limit -1: none */

static ngx_int_t
ngx_http_litellm_state_add(ngx_atomic_t *counter, ngx_uint_t *minute,
    uint64_t n, int64_t limit)
{
    uint64_t           count;
    ngx_uint_t         m;
    ngx_atomic_uint_t  word;

    n = ngx_min(n, NGX_HTTP_LITELLM_COUNT_MAX);

    for ( ;; ) {
        word = *counter;
        m = ngx_http_litellm_state_minute(word, *minute);

        count = (word >> NGX_HTTP_LITELLM_COUNT_BITS == m)
                ? word & NGX_HTTP_LITELLM_COUNT_MAX : 0;

        count += n;

        if (limit >= 0 && count > (uint64_t) limit) {
            return NGX_DECLINED;
        }

        count = ngx_min(count, NGX_HTTP_LITELLM_COUNT_MAX);

        if (ngx_atomic_cmp_set(counter, word,
                               ((ngx_atomic_uint_t) m
                                << NGX_HTTP_LITELLM_COUNT_BITS)
                               | (ngx_atomic_uint_t) count))
        {
            *minute = m;
            return NGX_OK;
        }
    }
}


/* what is not of this minute any more can't be given back */

static void
ngx_http_litellm_state_sub(ngx_atomic_t *counter, ngx_uint_t minute,
    uint64_t n)
{
    uint64_t           count;
    ngx_atomic_uint_t  word;

    for ( ;; ) {
        word = *counter;

        if (word >> NGX_HTTP_LITELLM_COUNT_BITS != minute) {
            return;
        }

        count = word & NGX_HTTP_LITELLM_COUNT_MAX;
        n = ngx_min(n, count);

        if (ngx_atomic_cmp_set(counter, word, word - (ngx_atomic_uint_t) n)) {
            return;
        }
    }
}


/*
 * Is it cooled down?  When the time is over the state is half open: one caller
 * at a time may try (probe NULL: it would be let through; else it is, and
 * *probe is what it wrote there, 0 without need).
 */

static ngx_int_t
ngx_http_litellm_state_open(ngx_http_litellm_state_t *s,
    ngx_atomic_uint_t *probe)
{
    ngx_msec_t         now;
    ngx_atomic_uint_t  until, old;

    if (probe != NULL) {
        *probe = 0;
    }

    until = s->until;

    if (until == 0) {
        return NGX_OK;
    }

    now = ngx_http_litellm_state_now();

    if ((ngx_msec_int_t) (until - now) > 0) {
        return NGX_DECLINED;
    }

    old = s->probe;

    if (old != 0
        && (ngx_msec_int_t) (old + NGX_HTTP_LITELLM_PROBE - now) > 0)
    {
        return NGX_DECLINED;
    }

    if (probe != NULL) {

        if (!ngx_atomic_cmp_set(&s->probe, old, now)) {
            return NGX_DECLINED;
        }

        *probe = now;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_state_check(ngx_litellm_deployment_t *d, uint64_t tokens,
    ngx_uint_t cooled)
{
    ngx_http_litellm_state_t  *s;

    s = d->state;

    if (s == NULL) {
        return NGX_OK;
    }

    if (!cooled && ngx_http_litellm_state_open(s, NULL) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (d->max_parallel >= 0
        && s->inflight >= (ngx_atomic_uint_t) d->max_parallel)
    {
        return NGX_DECLINED;
    }

    if (d->rpm >= 0
        && ngx_http_litellm_state_count(&s->requests) >= (uint64_t) d->rpm)
    {
        return NGX_DECLINED;
    }

    if (d->tpm >= 0
        && ngx_http_litellm_state_count(&s->tokens) + ngx_max(tokens, 1)
           > (uint64_t) d->tpm)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_state_begin(ngx_litellm_deployment_t *d, uint64_t tokens,
    ngx_uint_t cooled, ngx_http_litellm_lease_t *lease)
{
    ngx_uint_t                 minute;
    ngx_atomic_uint_t          n;
    ngx_http_litellm_state_t  *s;

    ngx_memzero(lease, sizeof(ngx_http_litellm_lease_t));

    s = d->state;

    if (s == NULL) {
        return NGX_OK;
    }

    if (!cooled
        && ngx_http_litellm_state_open(s, &lease->probe) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    do {
        n = s->inflight;

        if (d->max_parallel >= 0
            && n >= (ngx_atomic_uint_t) d->max_parallel)
        {
            goto release;
        }

    } while (!ngx_atomic_cmp_set(&s->inflight, n, n + 1));

    minute = ngx_http_litellm_state_this_minute();

    if (ngx_http_litellm_state_add(&s->requests, &minute, 1, d->rpm)
        != NGX_OK)
    {
        goto leave;
    }

    lease->minute = ngx_http_litellm_state_this_minute();
    lease->tokens = (d->tpm >= 0) ? ngx_max(tokens, 1) : tokens;

    if (ngx_http_litellm_state_add(&s->tokens, &lease->minute, lease->tokens,
                                   d->tpm)
        != NGX_OK)
    {
        ngx_http_litellm_state_sub(&s->requests, minute, 1);
        goto leave;
    }

    ngx_http_litellm_records_hold(s);

    lease->state = s;
    lease->start = ngx_current_msec;

    return NGX_OK;

leave:

    ngx_http_litellm_state_leave(s, 1);

release:

    if (lease->probe) {
        (void) ngx_atomic_cmp_set(&s->probe, lease->probe, 0);
        lease->probe = 0;
    }

    return NGX_DECLINED;
}


void
ngx_http_litellm_state_waited(ngx_http_litellm_state_t *s, ngx_uint_t stream,
    ngx_msec_t ms)
{
    uint32_t  n;

    n = (uint32_t) ngx_min(ms, NGX_HTTP_LITELLM_SLOW);

    if (stream) {
        s->first[ngx_atomic_fetch_add(&s->nfirst, 1)
                 % NGX_HTTP_LITELLM_SAMPLES] = n;

    } else {
        s->whole[ngx_atomic_fetch_add(&s->nwhole, 1)
                 % NGX_HTTP_LITELLM_SAMPLES] = n;
    }
}


uint32_t
ngx_http_litellm_state_percentile(ngx_http_litellm_sample_t *sample,
    ngx_uint_t n, uint64_t percentile)
{
    uint32_t    value, sorted[NGX_HTTP_LITELLM_SAMPLES];
    ngx_uint_t  i, j;

    n = ngx_min(n, NGX_HTTP_LITELLM_SAMPLES);

    for (i = 0; i < n; i++) {
        value = sample[i];

        for (j = i; j > 0 && sorted[j - 1] > value; j--) {
            sorted[j] = sorted[j - 1];
        }

        sorted[j] = value;
    }

    return sorted[(ngx_uint_t) ((n - 1) * percentile / 1000000)];
}


/* n calls less in flight */

void
ngx_http_litellm_state_leave(ngx_http_litellm_state_t *s, ngx_uint_t n)
{
    ngx_atomic_uint_t  old;

    do {
        old = s->inflight;

    } while (!ngx_atomic_cmp_set(&s->inflight, old, old - ngx_min(old, n)));
}


void
ngx_http_litellm_state_end(ngx_litellm_deployment_t *d,
    ngx_http_litellm_lease_t *lease, ngx_litellm_error_t *error,
    ngx_msec_t first, uint64_t prompt, uint64_t completion)
{
    uint64_t                   us;
    ngx_uint_t                 minute, answered;
    ngx_atomic_uint_t          until;
    ngx_http_litellm_state_t  *s;

    s = lease->state;

    if (s == NULL) {
        return;
    }

    lease->state = NULL;

    ngx_http_litellm_records_drop(s);
    ngx_http_litellm_state_leave(s, 1);

    minute = ngx_http_litellm_state_this_minute();
    answered = 0;

    if (error == NULL) {
        (void) ngx_http_litellm_state_add(&s->successes, &minute, 1, -1);

        us = (uint64_t) (ngx_current_msec - lease->start) * 1000;
        us /= ngx_max(completion, 1);

        s->latency[ngx_atomic_fetch_add(&s->nlatency, 1)
                   % NGX_HTTP_LITELLM_SAMPLES]
            = (uint32_t) ngx_min(us, NGX_HTTP_LITELLM_SLOW);

        if (first) {
            ngx_http_litellm_state_waited(s, 1, first);

        } else {
            ngx_http_litellm_state_waited(s, 0,
                                          ngx_current_msec - lease->start);
        }

        answered = 1;

    } else if (error->class != NGX_LITELLM_NO_ERROR) {

        ngx_http_litellm_state_failed(s, error);

        /* one that refused the request is there */

        answered = !ngx_http_litellm_cooldown_counts(error);

        if (error->class == NGX_LITELLM_TIMEOUT) {
            s->latency[ngx_atomic_fetch_add(&s->nlatency, 1)
                       % NGX_HTTP_LITELLM_SAMPLES] = NGX_HTTP_LITELLM_SLOW;
        }
    }

    if (prompt + completion != 0
        || (error != NULL && error->class != NGX_LITELLM_NO_ERROR))
    {
        ngx_http_litellm_state_tokens(&s->tokens, lease, minute,
                                      prompt + completion);
    }

    if (lease->probe == 0) {
        return;
    }

    if (answered) {

        /* not what another failure has begun in the meantime */

        until = s->until;

        if (until != 0 && (ngx_msec_int_t) (until - ngx_current_msec) <= 0) {
            (void) ngx_atomic_cmp_set(&s->until, until, 0);
        }
    }

    (void) ngx_atomic_cmp_set(&s->probe, lease->probe, 0);
    lease->probe = 0;
}


void
ngx_http_litellm_state_failed(ngx_http_litellm_state_t *s,
    ngx_litellm_error_t *error)
{
    ngx_uint_t  minute;

    minute = ngx_http_litellm_state_this_minute();

    (void) ngx_http_litellm_state_add(&s->fails[error->class], &minute, 1, -1);

    if (ngx_http_litellm_cooldown_counts(error)) {
        (void) ngx_http_litellm_state_add(&s->failures, &minute, 1, -1);
    }
}


/*
 * In place of what was reserved.  In another minute that is gone, and only what
 * was used beyond it counts.
 */

static void
ngx_http_litellm_state_tokens(ngx_atomic_t *counter,
    ngx_http_litellm_lease_t *lease, ngx_uint_t minute, uint64_t tokens)
{
    if (tokens < lease->tokens) {
        ngx_http_litellm_state_sub(counter, lease->minute,
                                   lease->tokens - tokens);

    } else if (tokens > lease->tokens) {
        (void) ngx_http_litellm_state_add(counter, &minute,
                                          tokens - lease->tokens, -1);
    }
}
