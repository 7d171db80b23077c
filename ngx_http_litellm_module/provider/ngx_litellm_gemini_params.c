
/*
 * What is decided about a request to Gemini before its body is written: the
 * generation of the model, which of the client's parameters are sent, refused
 * or dropped, and whether and how the model thinks.  Called once for a
 * request, after its neutral form is there.
 *
 * The model table says what a model can do; a model that is not in it is
 * judged by the version in its name.
 */

#include "ngx_litellm_gemini.h"


/* parameters that every model takes */
#define NGX_LITELLM_GEMINI_PARAMS                                             \
    (ngx_litellm_param_bit(STREAM)                                            \
     | ngx_litellm_param_bit(STREAM_OPTIONS)                                  \
     | ngx_litellm_param_bit(MAX_TOKENS)                                      \
     | ngx_litellm_param_bit(MAX_COMPLETION_TOKENS)                           \
     | ngx_litellm_param_bit(TEMPERATURE)                                     \
     | ngx_litellm_param_bit(TOP_P)                                           \
     | ngx_litellm_param_bit(TOP_K)                                           \
     | ngx_litellm_param_bit(N)                                               \
     | ngx_litellm_param_bit(STOP)                                            \
     | ngx_litellm_param_bit(SEED)                                            \
     | ngx_litellm_param_bit(LOGPROBS)                                        \
     | ngx_litellm_param_bit(TOP_LOGPROBS)                                    \
     | ngx_litellm_param_bit(PRESENCE_PENALTY)                                \
     | ngx_litellm_param_bit(FREQUENCY_PENALTY)                               \
     | ngx_litellm_param_bit(USER)                                            \
     | ngx_litellm_param_bit(METADATA)                                        \
     | ngx_litellm_param_bit(TOOLS)                                           \
     | ngx_litellm_param_bit(TOOL_CHOICE)                                     \
     | ngx_litellm_param_bit(PARALLEL_TOOL_CALLS)                             \
     | ngx_litellm_param_bit(FUNCTIONS)                                       \
     | ngx_litellm_param_bit(FUNCTION_CALL)                                   \
     | ngx_litellm_param_bit(RESPONSE_FORMAT)                                 \
     | ngx_litellm_param_bit(MODALITIES)                                      \
     | ngx_litellm_param_bit(AUDIO)                                           \
     | ngx_litellm_param_bit(SERVICE_TIER)                                    \
     | ngx_litellm_param_bit(WEB_SEARCH_OPTIONS))

#define NGX_LITELLM_GEMINI_REASONING_PARAMS                                   \
    (ngx_litellm_param_bit(REASONING_EFFORT)                                  \
     | ngx_litellm_param_bit(THINKING))

#define NGX_LITELLM_GEMINI_SAMPLING_PARAMS                                    \
    (ngx_litellm_param_bit(TEMPERATURE)                                       \
     | ngx_litellm_param_bit(TOP_P)                                           \
     | ngx_litellm_param_bit(TOP_K))

#define NGX_LITELLM_GEMINI_PENALTY_PARAMS                                     \
    (ngx_litellm_param_bit(PRESENCE_PENALTY)                                  \
     | ngx_litellm_param_bit(FREQUENCY_PENALTY))


static void ngx_litellm_gemini_model(ngx_litellm_gemini_t *g);
static ngx_uint_t ngx_litellm_gemini_version(ngx_str_t *name);
static ngx_int_t ngx_litellm_gemini_check(ngx_litellm_gemini_t *g);
static ngx_int_t ngx_litellm_gemini_think(ngx_litellm_gemini_t *g);
static ngx_int_t ngx_litellm_gemini_effort(ngx_litellm_gemini_t *g,
    ngx_litellm_json_t *v);
static void ngx_litellm_gemini_no_thinking(ngx_litellm_gemini_t *g);
static const char *ngx_litellm_gemini_level(ngx_litellm_gemini_t *g,
    ngx_uint_t rank);


ngx_int_t
ngx_litellm_gemini_params(ngx_litellm_gemini_t *g)
{
    ngx_int_t  rc;

    ngx_litellm_gemini_model(g);

    rc = ngx_litellm_gemini_check(g);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_gemini_think(g);
}


static void
ngx_litellm_gemini_model(ngx_litellm_gemini_t *g)
{
    u_char                     *p, *last;
    ngx_str_t                  *name;
    const ngx_litellm_model_t  *info;

    static ngx_str_t  providers[] = {
        ngx_string("gemini"),
        ngx_string("vertex_ai")
    };

    name = &g->call->provider_model;
    info = g->call->deployment->info;

    if (info == NULL) {
        info = ngx_litellm_model_find(&providers[g->vertex], name);
    }

    p = name->data;
    last = p + name->len;

    g->version = ngx_litellm_gemini_version(name);
    g->lite = ngx_litellm_find(p, last, "lite", 4) != NULL;
    g->pro = ngx_litellm_find(p, last, "pro", 3) != NULL;

    if (info && (info->flags & NGX_LITELLM_M_KNOWN)) {
        g->flags = info->flags;

    } else if (g->version >= 25 || g->version == 0) {

        /* a tuned model's name says nothing: let the provider judge */

        g->flags = NGX_LITELLM_M_REASONING;
    }
}


/* "gemini-2.5-flash" is 25, "gemini-3-pro-preview" 30, "gemini-exp" 0 */

static ngx_uint_t
ngx_litellm_gemini_version(ngx_str_t *name)
{
    u_char      *p, *last;
    ngx_uint_t   version;

    last = name->data + name->len;
    p = ngx_litellm_find(name->data, last, "gemini-", 7);

    if (p == NULL) {
        return 0;
    }

    p += 7;

    /* "gemini-live-2.5-flash", "gemini-flash-latest" */

    while (p < last && (*p < '0' || *p > '9')) {
        p++;
    }

    if (p == last) {
        return (ngx_litellm_find(name->data, last, "-latest", 7) != NULL)
               ? 25 : 0;
    }

    version = 10 * (*p++ - '0');

    if (p < last && *p >= '0' && *p <= '9') {

        /* a date, or a generation that is far away */

        return (p + 1 < last && p[1] >= '0' && p[1] <= '9')
               ? 0 : 10 * version;
    }

    if (p + 1 < last && *p == '.' && p[1] >= '0' && p[1] <= '9') {
        version += p[1] - '0';
    }

    return version;
}


static ngx_int_t
ngx_litellm_gemini_check(ngx_litellm_gemini_t *g)
{
    int64_t               n;
    uint64_t              supported, drop;
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_litellm_json_t  **param;

    param = g->chat.param;
    drop = 0;

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {
        if (param[i]) {
            g->present |= (uint64_t) 1 << i;
        }
    }

    supported = NGX_LITELLM_GEMINI_PARAMS;

    if (g->flags & NGX_LITELLM_M_REASONING) {
        supported |= NGX_LITELLM_GEMINI_REASONING_PARAMS;
    }

    if (ngx_litellm_gemini_3(g)) {
        supported &= ~NGX_LITELLM_GEMINI_PENALTY_PARAMS;
    }

    if (g->flags & NGX_LITELLM_M_NO_SAMPLING) {
        supported &= ~NGX_LITELLM_GEMINI_SAMPLING_PARAMS;

        /* what says nothing is no reason to refuse */

        if (param[NGX_LITELLM_P_TEMPERATURE]
            && ngx_litellm_json_int(param[NGX_LITELLM_P_TEMPERATURE], &n)
               == NGX_OK
            && n == 1)
        {
            drop |= ngx_litellm_param_bit(TEMPERATURE);
        }
    }

    g->present &= ~drop;

    rc = ngx_litellm_params_check(g->call, &g->present, supported, g->e);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!ngx_litellm_gemini_has(g, TOOLS)
        && !ngx_litellm_gemini_has(g, FUNCTIONS))
    {
        g->chat.ntools = 0;
    }

    return NGX_OK;
}


/*
 * "thinking" is LiteLLM's form of Anthropic's; the generation decides whether
 * a budget of tokens is sent or a level.
 */

static ngx_int_t
ngx_litellm_gemini_think(ngx_litellm_gemini_t *g)
{
    int64_t              budget;
    ngx_litellm_json_t  *v, *type, *m;

    v = ngx_litellm_gemini_param(g, THINKING);

    if (v == NULL) {
        v = ngx_litellm_gemini_param(g, REASONING_EFFORT);

        return v ? ngx_litellm_gemini_effort(g, v) : NGX_OK;
    }

    type = ngx_litellm_json_member(v, "type");

    if (!ngx_litellm_json_is(type, STRING)) {
        return ngx_litellm_gemini_bad(g, "'thinking' must be an object with "
                                      "a 'type'");
    }

    if (ngx_litellm_json_eq(type, "disabled")) {
        ngx_litellm_gemini_no_thinking(g);
        return NGX_OK;
    }

    g->has_thoughts = 1;
    g->thoughts = 1;

    m = ngx_litellm_json_member(v, "budget_tokens");

    if (m == NULL || m->type == NGX_LITELLM_JSON_NULL) {
        return NGX_OK;
    }

    if (ngx_litellm_json_int(m, &budget) != NGX_OK
        || budget < -1 || budget > NGX_MAX_INT32_VALUE)
    {
        return ngx_litellm_gemini_bad(g, "'budget_tokens' of 'thinking' must "
                                      "be an integer");
    }

    if (budget == 0) {
        ngx_litellm_gemini_no_thinking(g);
        return NGX_OK;
    }

    if (ngx_litellm_gemini_3(g)) {

        if (budget > 0) {
            g->level = ngx_litellm_gemini_level(g, budget <= 1024 ? 1
                                                   : budget <= 8192 ? 2 : 3);
        }

        return NGX_OK;
    }

    g->has_budget = 1;
    g->budget = budget;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gemini_effort(ngx_litellm_gemini_t *g, ngx_litellm_json_t *v)
{
    ngx_int_t             rc;
    ngx_litellm_effort_e  i;

    static const struct {
        int64_t      budget;       /* LiteLLM's; -1: does not think */
        ngx_uint_t   rank;
    } efforts[NGX_LITELLM_EFFORTS] = {
        { -1, 0 },
        { 1, 0 },
        { 1024, 1 },
        { 2048, 2 },
        { 4096, 3 },
        { 24576, 3 },
        { 24576, 3 }
    };

    rc = ngx_litellm_effort(g->call, v, 1, &i, g->e);
    if (rc != NGX_OK) {
        return rc;
    }

    if (efforts[i].budget < 0) {
        ngx_litellm_gemini_no_thinking(g);
        return NGX_OK;
    }

    g->has_thoughts = 1;
    g->thoughts = 1;

    if (ngx_litellm_gemini_3(g)) {
        g->level = ngx_litellm_gemini_level(g, efforts[i].rank);
        return NGX_OK;
    }

    g->has_budget = 1;
    g->budget = efforts[i].budget;

    /* the least that a model takes (Gemini docs, "Thinking") */

    if (g->budget == 1 && g->lite) {
        g->budget = 512;

    } else if (g->budget == 1 && g->pro) {
        g->budget = 128;
    }

    return NGX_OK;
}


/* as little as the model allows; 2.5 Pro and the third generation can't be
   stopped from thinking */

static void
ngx_litellm_gemini_no_thinking(ngx_litellm_gemini_t *g)
{
    g->has_thoughts = 1;
    g->thoughts = 0;

    if (ngx_litellm_gemini_3(g)) {
        g->level = ngx_litellm_gemini_level(g, 0);
        return;
    }

    g->has_budget = 1;
    g->budget = (g->pro && g->version == 25) ? 128 : 0;
}


static const char *
ngx_litellm_gemini_level(ngx_litellm_gemini_t *g, ngx_uint_t rank)
{
    static const char  *levels[] = { "minimal", "low", "medium", "high" };

    /* a Pro has no "minimal" */

    if (rank == 0 && g->pro) {
        rank = 1;
    }

    return levels[rank];
}
