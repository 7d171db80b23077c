
/*
 * What all workers know of a deployment from moment to moment: calls in
 * flight, requests and tokens of this minute, failures, the cooldown, latency.
 * One record of a fixed size in the shared zone for each deployment, found
 * once when the configuration starts (d->state) and never moved; counters are
 * atomics, so that nothing here takes a lock.  Times are ngx_current_msec,
 * which workers share; minutes are of the wall clock (UTC), as LiteLLM's.
 *
 * A counter of a minute is one word, the minute and the count: it starts anew
 * with the first one who counts in another minute, and nobody can count into
 * it half way.  It is read by ngx_http_litellm_state_count() only.
 */

#ifndef _NGX_HTTP_LITELLM_STATE_H_INCLUDED_
#define _NGX_HTTP_LITELLM_STATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config.h"
#include "ngx_litellm_error.h"


#define NGX_HTTP_LITELLM_SAMPLES  10      /* latencies kept, as in LiteLLM */


/* 32 bits: a record must fit in a slab of 512 bytes */
typedef volatile uint32_t  ngx_http_litellm_sample_t;


typedef struct {
    ngx_uint_t      index;                /* of the record, from 0 */
    ngx_atomic_t    inflight;             /* calls under way */

    /* of a minute: ngx_http_litellm_state_count() */
    ngx_atomic_t    requests;
    ngx_atomic_t    tokens;
    ngx_atomic_t    successes;
    ngx_atomic_t    failures;             /* the deployment's own: not those
                                             of the request */
    ngx_atomic_t    fails[NGX_LITELLM_CLASSES];    /* all, by class */

    ngx_atomic_t    until;                /* end of the cooldown; 0: none, and
                                             the last call was good */
    ngx_atomic_t    probe;                /* when the one request that may try
                                             again after a cooldown began; 0:
                                             none */
    ngx_atomic_t    cause;                /* status << 8 | class */

    /* samples ever, and the last of them */
    ngx_atomic_t    nlatency;
    ngx_atomic_t    nfirst;
    ngx_atomic_t    nwhole;
    ngx_http_litellm_sample_t
                    latency[NGX_HTTP_LITELLM_SAMPLES];  /* us per token */
    ngx_http_litellm_sample_t
                    first[NGX_HTTP_LITELLM_SAMPLES];    /* ms to the first
                                                           token */
    ngx_http_litellm_sample_t
                    whole[NGX_HTTP_LITELLM_SAMPLES];    /* ms to the end of an
                                                           answer in one
                                                           piece */

    ngx_atomic_t    unhealthy;            /* when a background check failed; 0:
                                             the last one did not */
} ngx_http_litellm_state_t;


/* one call of a deployment, from begin to exactly one end */
typedef struct {
    ngx_http_litellm_state_t  *state;     /* NULL: not begun, or ended */
    ngx_msec_t                 start;
    ngx_uint_t                 minute;    /* where its tokens were counted */
    uint64_t                   tokens;    /* reserved */
    ngx_atomic_uint_t          probe;     /* what it wrote; 0: it is none */
} ngx_http_litellm_lease_t;


/* what was counted in this minute: of requests, tokens ... fails[class] */
uint64_t ngx_http_litellm_state_count(ngx_atomic_t *counter);

/*
 * NGX_OK: may be called now; NGX_DECLINED: cooled down (cooled: that does not
 * count), or over its rpm, tpm or parallel limit (tokens: what the request is
 * estimated to take).
 */
ngx_int_t ngx_http_litellm_state_check(ngx_litellm_deployment_t *d,
    uint64_t tokens, ngx_uint_t cooled);

/*
 * The same and counts it in one step: two workers can't both take the last
 * place.  After a cooldown one caller at a time gets through (half-open).
 */
ngx_int_t ngx_http_litellm_state_begin(ngx_litellm_deployment_t *d,
    uint64_t tokens, ngx_uint_t cooled, ngx_http_litellm_lease_t *lease);

/*
 * Settles: error NULL for success (first: ms to the first token, 0 unknown;
 * tokens of the usage, 0 unknown); an error of class NGX_LITELLM_NO_ERROR for
 * a call that was given up, which says nothing about the deployment.  A second
 * call does nothing.
 */
void ngx_http_litellm_state_end(ngx_litellm_deployment_t *d,
    ngx_http_litellm_lease_t *lease, ngx_litellm_error_t *error,
    ngx_msec_t first, uint64_t prompt, uint64_t completion);

/*
 * A call waited that long for the first token of a stream, or for an answer in
 * one piece.  Also for calls that were given up then: it would have been more.
 */
void ngx_http_litellm_state_waited(ngx_http_litellm_state_t *state,
    ngx_uint_t stream, ngx_msec_t ms);

/* of the last of n samples ever, n > 0; percentile: times 10000 */
uint32_t ngx_http_litellm_state_percentile(ngx_http_litellm_sample_t *sample,
    ngx_uint_t n, uint64_t percentile);

/* a health check has failed: counts it as a call's failure */
void ngx_http_litellm_state_failed(ngx_http_litellm_state_t *state,
    ngx_litellm_error_t *error);

/* n calls less in flight */
void ngx_http_litellm_state_leave(ngx_http_litellm_state_t *state,
    ngx_uint_t n);


/* ngx_http_litellm_cooldown.c */

/*
 * The cooldown that follows from a failure, if any, behind state_end(); group:
 * deployments that could have served the request.
 */
void ngx_http_litellm_cooldown(ngx_litellm_config_t *config,
    ngx_litellm_deployment_t *d, ngx_litellm_error_t *error,
    ngx_uint_t group);

/* ms until it may be called again; 0: it is not cooled down */
ngx_msec_t ngx_http_litellm_cooldown_left(ngx_litellm_deployment_t *d);

/* does the failure say something about the deployment? */
ngx_uint_t ngx_http_litellm_cooldown_counts(ngx_litellm_error_t *error);


/* ngx_http_litellm_record.c: the records and who uses them */

typedef struct ngx_http_litellm_records_s  ngx_http_litellm_records_t;

/* in a new zone; NULL: no room */
ngx_http_litellm_records_t *ngx_http_litellm_records_create(
    ngx_slab_pool_t *shpool);

/*
 * d->state of every deployment of the configurations, at the zone's start;
 * running: the generation of the cycle that nginx runs now, 0 without; *own:
 * that of the new one.  NGX_DECLINED: *missing of them have no room.
 */
ngx_int_t ngx_http_litellm_records_open(ngx_http_litellm_records_t *records,
    ngx_slab_pool_t *shpool, ngx_array_t *configs, ngx_uint_t running,
    ngx_uint_t *own, ngx_uint_t *missing);

/* a worker of this generation begins, and ends */
void ngx_http_litellm_records_enter(ngx_http_litellm_records_t *records,
    ngx_slab_pool_t *shpool, ngx_uint_t generation, ngx_log_t *log);
void ngx_http_litellm_records_leave(void);

/* what this worker has in flight, so that it can be taken back if it dies */
void ngx_http_litellm_records_hold(ngx_http_litellm_state_t *state);
void ngx_http_litellm_records_drop(ngx_http_litellm_state_t *state);


#endif /* _NGX_HTTP_LITELLM_STATE_H_INCLUDED_ */
