
/*
 * What a group of deployments is chosen from, put in order when the
 * configuration is read so that a choice costs about the same among one and
 * among 10,000: levels of order, sums of weights to search in, deployments by
 * price.  Who may be called at this moment is the caller's to say, and so is
 * chance: nothing here looks at a clock or at what workers share.
 *
 * A choice draws first and asks then whether the drawn one is usable, a
 * bounded number of times; only if none was does it look at all of them, so
 * that what is usable is found wherever there is one.  Up to
 * NGX_LITELLM_PLAN_EXACT deployments are all compared with each other, of more
 * a sample is.
 */

#ifndef _NGX_LITELLM_PLAN_H_INCLUDED_
#define _NGX_LITELLM_PLAN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config.h"


#define NGX_LITELLM_PLAN_EXACT   64
#define NGX_LITELLM_PLAN_SAMPLE  16
#define NGX_LITELLM_PLAN_DRAWS   32

#define NGX_LITELLM_NO_COST      ((uint64_t) -1)


/* the first of these that a deployment of the level has above 0 counts */
typedef enum {
    NGX_LITELLM_BY_WEIGHT = 0,
    NGX_LITELLM_BY_RPM,
    NGX_LITELLM_BY_TPM,
    NGX_LITELLM_BY_NOTHING
} ngx_litellm_kind_e;


typedef struct {
    ngx_int_t                   order;
    ngx_uint_t                  n;
    ngx_litellm_deployment_t  **list;     /* as in the file */
    ngx_litellm_kind_e          kind;
    ngx_uint_t                  shift;    /* of weights, for their sum to fit */
    uint64_t                   *sum;      /* up to and with each; NULL: equal */
    uint64_t                   *hash;     /* of each id */
    ngx_litellm_deployment_t  **cheap;    /* by price */
    ngx_uint_t                 *run;      /* of cheap: the end of each one's
                                             run of equal prices */
} ngx_litellm_level_t;


struct ngx_litellm_plan_s {
    ngx_array_t                *deployments;   /* all of them */
    ngx_array_t                 levels;        /* ngx_litellm_level_t, of those
                                                  that can be called at all */
    const ngx_litellm_routing_t  *routing;
    ngx_array_t                *tags;          /* ngx_str_t, sorted: of all
                                                  of them, if there is a
                                                  tag_routing_prefix */
    uint64_t                    tag_regex;     /* bits, of all of them */
    unsigned                    tag_filtering:1;
    unsigned                    tag_fail_open:1;
    unsigned                    default_tag:1; /* one has the tag "default" */
};


/* who asks, while one choice is made */
typedef struct {
    void                       *data;
    ngx_uint_t                (*usable)(void *data,
                                        ngx_litellm_deployment_t *d);
    uint64_t                  (*rank)(void *data,
                                      ngx_litellm_deployment_t *d);
    uint64_t                    random;   /* the state: any number */
} ngx_litellm_choice_t;


/*
 * NULL: no memory.  rank: levels in place of the deployments' order, for each of
 * them; all of a level then have equal shares.  May be NULL.
 */
ngx_litellm_plan_t *ngx_litellm_plan_create(ngx_pool_t *pool,
    ngx_pool_t *temp, ngx_litellm_config_t *conf, ngx_array_t *deployments,
    ngx_int_t *rank);

/* deployments of an alias over several groups can't be told from a group's */
ngx_uint_t ngx_litellm_plan_callable(ngx_litellm_deployment_t *d);

/*
 * At random by weight.  strict: only by the weight that counts in the level;
 * else, if nothing usable has it, by the next one, or equally (as LiteLLM's
 * simple-shuffle among healthy deployments).  NULL: nothing is usable.
 */
ngx_litellm_deployment_t *ngx_litellm_plan_weighted(ngx_litellm_level_t *level,
    ngx_litellm_choice_t *c, ngx_uint_t strict);

/* one of those whose rank is at most the lowest one's times 1 + buffer, which
   is in millionths */
ngx_litellm_deployment_t *ngx_litellm_plan_lowest(ngx_litellm_level_t *level,
    ngx_litellm_choice_t *c, int64_t buffer);

/* the cheapest, or one of them */
ngx_litellm_deployment_t *ngx_litellm_plan_cheapest(ngx_litellm_level_t *level,
    ngx_litellm_choice_t *c);

/*
 * The same for the same key as long as it is usable, with shares by weight:
 * rendezvous hashing, so that a deployment that comes or goes moves no key but
 * its own.  (Of more than NGX_LITELLM_PLAN_EXACT that holds for those that
 * can't be used for a while, not for a change of the configuration.)
 */
ngx_litellm_deployment_t *ngx_litellm_plan_hashed(ngx_litellm_level_t *level,
    ngx_litellm_choice_t *c, uint64_t key);

/* true if some deployment has this tag; only where plan->tags is */
ngx_uint_t ngx_litellm_plan_has_tag(ngx_litellm_plan_t *plan, u_char *tag,
    size_t len);

/* 10^-12 of the currency for a token in and one out; NGX_LITELLM_NO_COST */
uint64_t ngx_litellm_plan_cost(ngx_litellm_deployment_t *d);

/* a good mix of all bits */
uint64_t ngx_litellm_plan_mix(uint64_t n);
uint64_t ngx_litellm_plan_hash(uint64_t hash, ngx_str_t *text);


#endif /* _NGX_LITELLM_PLAN_H_INCLUDED_ */
