
/*
 * Tokens: fetched when the first request wants one, then again in the
 * background before they end, so that no request waits a second time.  Called
 * by attempts (get, cancel, reject), by the configuration (add) and by the
 * module's exit_process.
 *
 * What must hold:
 *
 * - one fetch at a time for each credential, however many requests wait;
 * - a token that can still be used is used, whatever becomes of its refresh;
 * - a failure is told to all who wait, and to all who come within a delay that
 *   grows with each failure: an endpoint that is down sees few requests;
 * - waiters are told from the event loop only, each once, and may ask again or
 *   cancel others while they are told;
 * - the state is of this process: nothing of it is in the configuration's pool.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_background.h"


#define NGX_HTTP_LITELLM_TOKEN_TIMEOUT  15000   /* of a fetch */
#define NGX_HTTP_LITELLM_TOKEN_MAX      65536   /* an answer's bytes */
#define NGX_HTTP_LITELLM_TOKEN_DELAY    1000    /* after the first failure */
#define NGX_HTTP_LITELLM_TOKEN_DELAYS   5       /* doublings: 32 seconds */
#define NGX_HTTP_LITELLM_TOKEN_REJECT   30000   /* between two rejections */


/* one for each digest, made while the configuration is read */
struct ngx_http_litellm_token_s {
    ngx_litellm_credential_t        *credential;
    ngx_http_litellm_endpoint_t     *endpoint;
    ngx_http_litellm_loc_conf_t     *lcf;
    ngx_http_litellm_main_conf_t    *mcf;
    struct ngx_http_litellm_token_state_s
                                    *state;      /* NULL: not used yet */
};


typedef struct ngx_http_litellm_token_state_s {
    ngx_queue_t                      queue;      /* those of this process */
    ngx_http_litellm_token_t        *token;
    ngx_queue_t                      waiters;
    ngx_http_litellm_background_t   *fetch;      /* NULL: none under way */
    ngx_event_t                      timer;      /* the next refresh */

    ngx_str_t                        text;       /* empty: no token */
    ngx_msec_t                       expire;
    ngx_uint_t                       generation;

    ngx_uint_t                       failures;   /* one after the other */
    ngx_msec_t                       again;      /* not before that */
    ngx_litellm_class_e              class;
    u_char                           why[384];   /* NUL-terminated */

    ngx_msec_t                       rejected;   /* the last time */
    unsigned                         was_rejected:1;
} ngx_http_litellm_token_state_t;


static void ngx_http_litellm_tokens_cleanup(void *data);
static ngx_http_litellm_token_state_t *ngx_http_litellm_token_state(
    ngx_http_litellm_token_t *token);
static ngx_uint_t ngx_http_litellm_token_valid(
    ngx_http_litellm_token_state_t *state);
static void ngx_http_litellm_token_fetch(
    ngx_http_litellm_token_state_t *state);
static ngx_int_t ngx_http_litellm_token_request(
    ngx_http_litellm_token_state_t *state, ngx_http_litellm_background_t *bg);
static void ngx_http_litellm_token_done(ngx_http_litellm_background_t *bg);
static ngx_int_t ngx_http_litellm_token_install(
    ngx_http_litellm_token_state_t *state, ngx_str_t *text, time_t lifetime);
static void ngx_http_litellm_token_failed(
    ngx_http_litellm_token_state_t *state, ngx_litellm_class_e class,
    ngx_str_t *why);
static void ngx_http_litellm_token_timer(ngx_event_t *ev);
static void ngx_http_litellm_token_tell(ngx_http_litellm_token_state_t *state);
static void ngx_http_litellm_token_drop(ngx_http_litellm_token_state_t *state);
static void ngx_http_litellm_token_free(ngx_http_litellm_token_state_t *state);


static ngx_queue_t  ngx_http_litellm_token_states = {
    &ngx_http_litellm_token_states, &ngx_http_litellm_token_states
};


ngx_int_t
ngx_http_litellm_token_add(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf,
    ngx_http_litellm_loc_conf_t *lcf, ngx_litellm_credential_t *c,
    ngx_http_litellm_endpoint_t *endpoint)
{
    ngx_uint_t                  i;
    ngx_pool_cleanup_t         *cln;
    ngx_http_litellm_token_t   *token, **tp;

    tp = mcf->tokens.elts;

    for (i = 0; i < mcf->tokens.nelts; i++) {
        if (tp[i]->credential->digest.len == c->digest.len
            && ngx_memcmp(tp[i]->credential->digest.data, c->digest.data,
                          c->digest.len)
               == 0)
        {
            c->http = tp[i];
            return NGX_OK;
        }
    }

    if (mcf->tokens.nelts == 0) {
        cln = ngx_pool_cleanup_add(cf->pool, 0);
        if (cln == NULL) {
            return NGX_ERROR;
        }

        cln->handler = ngx_http_litellm_tokens_cleanup;
        cln->data = mcf;
    }

    token = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_token_t));
    if (token == NULL) {
        return NGX_ERROR;
    }

    token->credential = c;
    token->endpoint = endpoint;
    token->lcf = lcf;
    token->mcf = mcf;

    tp = ngx_array_push(&mcf->tokens);
    if (tp == NULL) {
        return NGX_ERROR;
    }

    *tp = token;
    c->http = token;

    return NGX_OK;
}


/* the configuration goes, in a process that lives on (master_process off) */

static void
ngx_http_litellm_tokens_cleanup(void *data)
{
    ngx_http_litellm_main_conf_t  *mcf = data;

    ngx_queue_t                     *q, *next;
    ngx_http_litellm_token_state_t  *state;

    for (q = ngx_queue_head(&ngx_http_litellm_token_states);
         q != ngx_queue_sentinel(&ngx_http_litellm_token_states);
         q = next)
    {
        next = ngx_queue_next(q);
        state = ngx_queue_data(q, ngx_http_litellm_token_state_t, queue);

        if (state->token->mcf == mcf) {
            ngx_http_litellm_token_free(state);
        }
    }
}


void
ngx_http_litellm_tokens_exit(void)
{
    ngx_queue_t                     *q;
    ngx_http_litellm_token_state_t  *state;

    while (!ngx_queue_empty(&ngx_http_litellm_token_states)) {
        q = ngx_queue_head(&ngx_http_litellm_token_states);
        state = ngx_queue_data(q, ngx_http_litellm_token_state_t, queue);

        ngx_http_litellm_token_free(state);
    }
}


ngx_int_t
ngx_http_litellm_token_get(ngx_litellm_credential_t *c,
    ngx_http_litellm_token_wait_t *w, ngx_str_t *text)
{
    ngx_http_litellm_token_t        *token;
    ngx_http_litellm_token_state_t  *state;

    token = c->http;

    state = ngx_http_litellm_token_state(token);
    if (state == NULL) {
        return NGX_ERROR;
    }

    w->credential = c;

    if (ngx_http_litellm_token_valid(state)) {
        *text = state->text;
        w->generation = state->generation;
        return NGX_OK;
    }

    if (state->fetch == NULL
        && (state->failures == 0
            || (ngx_msec_int_t) (state->again - ngx_current_msec) <= 0))
    {
        ngx_http_litellm_token_fetch(state);
    }

    if (state->fetch == NULL) {
        w->class = state->class;
        w->why = (const char *) state->why;
        return NGX_DECLINED;
    }

    w->waiting = 1;
    ngx_queue_insert_tail(&state->waiters, &w->queue);

    ngx_http_litellm_background_need(state->fetch, 1);

    return NGX_AGAIN;
}


void
ngx_http_litellm_token_cancel(ngx_http_litellm_token_wait_t *w)
{
    ngx_http_litellm_token_t        *token;
    ngx_http_litellm_token_state_t  *state;

    if (!w->waiting) {
        return;
    }

    w->waiting = 0;
    ngx_queue_remove(&w->queue);

    token = w->credential->http;
    state = token->state;

    if (state->fetch != NULL && ngx_queue_empty(&state->waiters)) {

        /* its answer is of use to the next one, but not to a leaving worker */

        ngx_http_litellm_background_need(state->fetch, 0);
    }
}


ngx_uint_t
ngx_http_litellm_token_reject(ngx_http_litellm_token_wait_t *w)
{
    ngx_http_litellm_token_t        *token;
    ngx_http_litellm_token_state_t  *state;

    token = w->credential->http;
    state = token->state;

    if (state == NULL || state->text.len == 0
        || state->generation != w->generation)
    {
        /* another one is there by now, or on its way */

        return 1;
    }

    if (state->was_rejected
        && ngx_current_msec - state->rejected < NGX_HTTP_LITELLM_TOKEN_REJECT)
    {
        return 0;
    }

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "litellm: the access token for \"%V\" was rejected by a "
                  "provider before its time was over",
                  &state->token->credential->name);

    state->rejected = ngx_current_msec;
    state->was_rejected = 1;

    ngx_http_litellm_token_drop(state);

    return 1;
}


static ngx_http_litellm_token_state_t *
ngx_http_litellm_token_state(ngx_http_litellm_token_t *token)
{
    ngx_http_litellm_token_state_t  *state;

    if (token->state != NULL) {
        return token->state;
    }

    state = ngx_calloc(sizeof(ngx_http_litellm_token_state_t),
                       ngx_cycle->log);
    if (state == NULL) {
        return NULL;
    }

    state->token = token;

    ngx_queue_init(&state->waiters);
    ngx_queue_insert_tail(&ngx_http_litellm_token_states, &state->queue);

    state->timer.handler = ngx_http_litellm_token_timer;
    state->timer.data = state;
    state->timer.log = ngx_cycle->log;
    state->timer.cancelable = 1;

    token->state = state;

    return state;
}


static ngx_uint_t
ngx_http_litellm_token_valid(ngx_http_litellm_token_state_t *state)
{
    return state->text.len
           && (ngx_msec_int_t) (state->expire - ngx_current_msec) > 0;
}


/* state->fetch is set, or the failure is */

static void
ngx_http_litellm_token_fetch(ngx_http_litellm_token_state_t *state)
{
    ngx_str_t                       why;
    ngx_http_litellm_token_t       *token;
    ngx_http_litellm_background_t  *bg;

    token = state->token;

    if (state->timer.timer_set) {
        ngx_del_timer(&state->timer);
    }

    bg = ngx_http_litellm_background_create(token->lcf, token->endpoint);

    if (bg != NULL && ngx_http_litellm_token_request(state, bg) != NGX_OK) {
        ngx_http_litellm_background_cancel(bg);
        bg = NULL;
    }

    if (bg == NULL) {
        ngx_str_set(&why, "no memory or no free connection");
        ngx_http_litellm_token_failed(state, NGX_LITELLM_API_CONNECTION,
                                      &why);
        return;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "litellm token fetch \"%V\"", &token->credential->name);

    state->fetch = bg;

    ngx_http_litellm_background_start(bg);
}


static ngx_int_t
ngx_http_litellm_token_request(ngx_http_litellm_token_state_t *state,
    ngx_http_litellm_background_t *bg)
{
    ngx_str_t                  body, json;
    ngx_litellm_wire_t        *wire;
    ngx_litellm_credential_t  *c;

    c = state->token->credential;
    wire = bg->wire;

    bg->name = c->name;
    bg->timeout = NGX_HTTP_LITELLM_TOKEN_TIMEOUT;
    bg->max = NGX_HTTP_LITELLM_TOKEN_MAX;
    bg->handler = ngx_http_litellm_token_done;
    bg->data = state;

    if (ngx_litellm_credential_path(c, bg->pool, &wire->path) != NGX_OK
        || ngx_litellm_credential_request(c, bg->pool, ngx_time(), &body)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&wire->type, "application/x-www-form-urlencoded");
    ngx_str_set(&json, "application/json");

    ngx_litellm_out_str(&wire->body, &body);

    return ngx_litellm_wire_header(wire, "Accept", sizeof("Accept") - 1,
                                   &json);
}


static void
ngx_http_litellm_token_done(ngx_http_litellm_background_t *bg)
{
    u_char                          *p;
    time_t                           lifetime;
    ngx_int_t                        rc;
    ngx_str_t                        text, why;
    ngx_litellm_class_e              class;
    ngx_http_litellm_token_state_t  *state;

    state = bg->data;
    state->fetch = NULL;

    lifetime = 0;
    ngx_str_null(&text);

    class = NGX_LITELLM_API_CONNECTION;

    if (bg->status == 0) {
        p = ngx_pnalloc(bg->pool, sizeof("the token endpoint: ")
                                  + ngx_strlen(bg->why));
        rc = NGX_ERROR;

        if (p != NULL) {
            why.data = p;
            why.len = ngx_sprintf(p, "the token endpoint: %s", bg->why) - p;
            rc = NGX_DECLINED;
        }

    } else {
        rc = ngx_litellm_credential_answer(state->token->credential, bg->pool,
                                           bg->status, &bg->body, &text,
                                           &lifetime, &why);

        if (bg->status >= 400 && bg->status < 500 && bg->status != 408
            && bg->status != 429)
        {
            class = NGX_LITELLM_AUTHENTICATION;
        }
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_token_install(state, &text, lifetime);
    }

    if (rc == NGX_ERROR) {
        ngx_str_set(&why, "no memory");
    }

    if (rc != NGX_OK) {
        ngx_http_litellm_token_failed(state, class, &why);
    }

    ngx_http_litellm_token_tell(state);
}


/*
 * Used until shortly before its end, since it takes time to get to where it is
 * looked at; refreshed when four fifths of its life are over, and at the
 * latest a minute before if it lives that long.
 */

static ngx_int_t
ngx_http_litellm_token_install(ngx_http_litellm_token_state_t *state,
    ngx_str_t *text, time_t lifetime)
{
    u_char      *p;
    ngx_msec_t   life, refresh;

    p = ngx_alloc(text->len, ngx_cycle->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, text->data, text->len);

    ngx_http_litellm_token_drop(state);

    state->text.data = p;
    state->text.len = text->len;
    state->generation++;
    state->failures = 0;

    life = (ngx_msec_t) lifetime * 1000;
    refresh = life / 5 * 4;

    if (life > 120000 && life - refresh < 60000) {
        refresh = life - 60000;
    }

    state->expire = ngx_current_msec + life - ngx_min(life / 10, 10000);

    if (!ngx_exiting) {
        ngx_add_timer(&state->timer, refresh);
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "litellm token \"%V\" for %T s",
                   &state->token->credential->name, lifetime);

    return NGX_OK;
}


static void
ngx_http_litellm_token_failed(ngx_http_litellm_token_state_t *state,
    ngx_litellm_class_e class, ngx_str_t *why)
{
    u_char      *p;
    ngx_msec_t   delay;
    ngx_uint_t   valid, level;

    delay = (ngx_msec_t) NGX_HTTP_LITELLM_TOKEN_DELAY
            << ngx_min(state->failures, NGX_HTTP_LITELLM_TOKEN_DELAYS);

    state->failures++;
    state->again = ngx_current_msec + delay;
    state->class = class;

    p = ngx_slprintf(state->why, state->why + sizeof(state->why) - 1,
                     "no access token: %V", why);
    *p = '\0';

    valid = ngx_http_litellm_token_valid(state);

    if (valid && !ngx_exiting) {
        ngx_add_timer(&state->timer, delay);
    }

    if (!ngx_exiting) {
        level = valid ? NGX_LOG_WARN : NGX_LOG_ERR;

        ngx_log_error(level, ngx_cycle->log, 0,
                      "litellm: no %saccess token for \"%V\": %V",
                      valid ? "new " : "", &state->token->credential->name,
                      why);
    }
}


static void
ngx_http_litellm_token_timer(ngx_event_t *ev)
{
    ngx_http_litellm_token_state_t  *state;

    state = ev->data;

    if (state->fetch != NULL || ngx_exiting) {
        return;
    }

    ngx_http_litellm_token_fetch(state);
}


static void
ngx_http_litellm_token_tell(ngx_http_litellm_token_state_t *state)
{
    ngx_queue_t                     waiters, *q;
    ngx_http_litellm_token_wait_t  *w;

    if (ngx_queue_empty(&state->waiters)) {
        return;
    }

    /* who waits again in his handler waits for the next fetch */

    ngx_queue_init(&waiters);
    ngx_queue_add(&waiters, &state->waiters);
    ngx_queue_init(&state->waiters);

    while (!ngx_queue_empty(&waiters)) {
        q = ngx_queue_head(&waiters);
        ngx_queue_remove(q);

        w = ngx_queue_data(q, ngx_http_litellm_token_wait_t, queue);
        w->waiting = 0;

        w->handler(w);
    }
}


static void
ngx_http_litellm_token_drop(ngx_http_litellm_token_state_t *state)
{
    if (state->timer.timer_set) {
        ngx_del_timer(&state->timer);
    }

    if (state->text.len) {
        ngx_explicit_memzero(state->text.data, state->text.len);
        ngx_free(state->text.data);
        ngx_str_null(&state->text);
    }
}


static void
ngx_http_litellm_token_free(ngx_http_litellm_token_state_t *state)
{
    ngx_queue_t                    *q;
    ngx_http_litellm_token_wait_t  *w;

    if (state->fetch != NULL) {
        ngx_http_litellm_background_cancel(state->fetch);
    }

    while (!ngx_queue_empty(&state->waiters)) {
        q = ngx_queue_head(&state->waiters);
        ngx_queue_remove(q);

        w = ngx_queue_data(q, ngx_http_litellm_token_wait_t, queue);
        w->waiting = 0;
    }

    ngx_http_litellm_token_drop(state);

    ngx_queue_remove(&state->queue);

    state->token->state = NULL;

    ngx_free(state);
}
