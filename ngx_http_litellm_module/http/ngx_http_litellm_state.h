
/*
 * What all workers know of a deployment from moment to moment: calls in
 * flight, requests and tokens of this minute, failures, the cooldown, latency.
 * One record of a fixed size in the shared zone for each deployment, found
 * once when the configuration starts (d->state) and never moved; counters are
 * atomics, so that nothing here takes a lock.  Times are ngx_current_msec,
 * which workers share; minutes are of the wall clock (UTC), as LiteLLM's.
 */

#ifndef _NGX_HTTP_LITELLM_STATE_H_INCLUDED_
#define _NGX_HTTP_LITELLM_STATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config.h"
#include "ngx_litellm_error.h"


#define NGX_HTTP_LITELLM_SAMPLES  10      /* latencies kept, as in LiteLLM */


typedef struct {
    ngx_atomic_t    inflight;             /* calls under way */

    /* of "minute" only: another one's are zero */
    ngx_atomic_t    minute;               /* ngx_time() / 60 */
    ngx_atomic_t    requests;
    ngx_atomic_t    tokens;
    ngx_atomic_t    successes;
    ngx_atomic_t    failures;

    ngx_atomic_t    until;                /* end of the cooldown; 0: none */
    ngx_atomic_t    probe;                /* when the one request that may try
                                             again after a cooldown began; 0:
                                             none */
    ngx_atomic_t    cause;                /* status << 8 | class */
    ngx_atomic_t    fails[16];            /* since the last success, by class:
                                             allowed_fails_policy */

    ngx_atomic_t    nlatency;             /* samples ever */
    ngx_atomic_t    latency[NGX_HTTP_LITELLM_SAMPLES];  /* us per token */
    ngx_atomic_t    nfirst;
    ngx_atomic_t    first[NGX_HTTP_LITELLM_SAMPLES];    /* ms to the first
                                                           token */
    ngx_atomic_t    unhealthy;            /* by background checks */
} ngx_http_litellm_state_t;


/* one call of a deployment, from begin to exactly one end */
typedef struct {
    ngx_http_litellm_state_t  *state;     /* NULL: not begun, or ended */
    ngx_msec_t                 start;
    ngx_uint_t                 minute;    /* where its request was counted */
    uint64_t                   tokens;    /* reserved */
    unsigned                   probe:1;
} ngx_http_litellm_lease_t;


/* d->state of every deployment of the configuration; at the zone's start */
ngx_int_t ngx_http_litellm_state_init(ngx_shm_zone_t *zone,
    ngx_litellm_config_t *config);

/* NGX_OK: may be called now; NGX_DECLINED: cooled down, or over its rpm, tpm
   or parallel limit (tokens: what the request is estimated to take) */
ngx_int_t ngx_http_litellm_state_check(ngx_litellm_deployment_t *d,
    uint64_t tokens);

/*
 * The same and counts it in one step: two workers can't both take the last
 * place.  After a cooldown one caller at a time gets through (half-open).
 */
ngx_int_t ngx_http_litellm_state_begin(ngx_litellm_deployment_t *d,
    uint64_t tokens, ngx_http_litellm_lease_t *lease);

/*
 * Settles: error NULL for success (first: ms to the first token, 0 unknown;
 * tokens of the usage, 0 unknown).  A second call does nothing.
 */
void ngx_http_litellm_state_end(ngx_litellm_deployment_t *d,
    ngx_http_litellm_lease_t *lease, ngx_litellm_error_t *error,
    ngx_msec_t first, uint64_t prompt, uint64_t completion);

/* the cooldown that follows from a failure, if any; group: deployments that
   could have served the request */
void ngx_http_litellm_cooldown(ngx_litellm_config_t *config,
    ngx_litellm_deployment_t *d, ngx_litellm_error_t *error,
    ngx_uint_t group);

/* ms until the first of the candidates is usable again */
ngx_msec_t ngx_http_litellm_cooldown_left(ngx_litellm_deployment_t *d);


#endif /* _NGX_HTTP_LITELLM_STATE_H_INCLUDED_ */
