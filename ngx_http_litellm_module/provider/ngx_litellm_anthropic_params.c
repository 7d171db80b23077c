
/*
 * What is decided about a request to Anthropic before its body is written:
 * what the model can do, which of the client's parameters are sent, refused or
 * dropped, whether and how it thinks, and how a JSON answer is asked for.
 * Called once for a request, after its neutral form is there.
 *
 * The model table says what a model can do; a model that is not in it is
 * judged by the version in its name.
 */

#include "ngx_litellm_anthropic.h"


#define NGX_LITELLM_ANTHROPIC_SAMPLING_PARAMS                                 \
    (ngx_litellm_param_bit(TEMPERATURE)                                       \
     | ngx_litellm_param_bit(TOP_P)                                           \
     | ngx_litellm_param_bit(TOP_K))


static void ngx_litellm_anthropic_model(ngx_litellm_anthropic_t *a);
static ngx_int_t ngx_litellm_anthropic_check(ngx_litellm_anthropic_t *a);
static ngx_int_t ngx_litellm_anthropic_effort(ngx_litellm_anthropic_t *a,
    ngx_litellm_json_t *v);
static void ngx_litellm_anthropic_fit_budget(ngx_litellm_anthropic_t *a);
static ngx_int_t ngx_litellm_anthropic_history(ngx_litellm_anthropic_t *a);


ngx_int_t
ngx_litellm_anthropic_params(ngx_litellm_anthropic_t *a)
{
    ngx_int_t  rc;

    ngx_litellm_anthropic_model(a);

    rc = ngx_litellm_anthropic_check(a);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_anthropic_think(a);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_anthropic_format(a);

    return ngx_litellm_anthropic_history(a);
}


static void
ngx_litellm_anthropic_model(ngx_litellm_anthropic_t *a)
{
    const ngx_litellm_model_t  *info;

    static ngx_str_t  provider = ngx_string("anthropic");

    info = a->call->deployment->info;

    if (info == NULL) {
        info = ngx_litellm_model_find(&provider, &a->call->provider_model);
    }

    if (info && (info->flags & NGX_LITELLM_M_KNOWN)) {
        a->flags = info->flags;
        a->max_output = info->max_output;

    } else {
        a->flags = ngx_litellm_anthropic_guess(&a->call->provider_model);
    }

    if (a->max_output == 0) {
        a->max_output = NGX_LITELLM_ANTHROPIC_MAX_TOKENS;
    }
}


/*
 * A model that is not in the table: the version in its name says what it can
 * do.  "claude-3-7-sonnet-20250219" is 3.7, "claude-opus-4-1" 4.1.
 */

uint32_t
ngx_litellm_anthropic_guess(ngx_str_t *name)
{
    u_char      *p, *last, *start;
    uint32_t     flags;
    ngx_uint_t   n, version, digits;

    p = name->data;
    last = p + name->len;
    version = 0;
    n = 0;

    while (p < last && n < 2) {

        if (*p < '0' || *p > '9') {
            if (n == 1 && *p != '-' && *p != '.') {
                break;
            }

            p++;
            continue;
        }

        start = p;

        for (digits = 0; p < last && *p >= '0' && *p <= '9'; p++) {
            digits++;
        }

        if (digits > 1) {
            break;
        }

        version = version * 10 + (*start - '0');
        n++;
    }

    if (n == 1) {
        version *= 10;
    }

    flags = 0;

    if (version >= 37) {
        flags |= NGX_LITELLM_M_REASONING;
    }

    if (version >= 45) {
        flags |= NGX_LITELLM_M_NATIVE_SCHEMA;
    }

    if (version >= 46) {
        flags |= NGX_LITELLM_M_ADAPTIVE | NGX_LITELLM_M_EFFORT_MAX;
    }

    if (version == 46) {
        flags |= NGX_LITELLM_M_LEGACY_THINKING;
    }

    if (version >= 47) {
        flags |= NGX_LITELLM_M_NO_SAMPLING | NGX_LITELLM_M_EFFORT_XHIGH;
    }

    return flags;
}


static ngx_int_t
ngx_litellm_anthropic_check(ngx_litellm_anthropic_t *a)
{
    int64_t               n;
    uint64_t              supported, drop;
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_litellm_json_t  **param;

    param = a->chat.param;
    drop = 0;

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {
        if (param[i]) {
            a->present |= (uint64_t) 1 << i;
        }
    }

    supported = NGX_LITELLM_ANTHROPIC_PARAMS;

    if (a->flags & NGX_LITELLM_M_REASONING) {
        supported |= NGX_LITELLM_ANTHROPIC_REASONING_PARAMS;
    }

    if (a->flags & NGX_LITELLM_M_NO_SAMPLING) {
        supported &= ~NGX_LITELLM_ANTHROPIC_SAMPLING_PARAMS;

        /* what says nothing is no reason to refuse */

        if (param[NGX_LITELLM_P_TEMPERATURE]
            && ngx_litellm_json_int(param[NGX_LITELLM_P_TEMPERATURE], &n)
               == NGX_OK
            && n == 1)
        {
            drop |= ngx_litellm_param_bit(TEMPERATURE);
        }
    }

    if (param[NGX_LITELLM_P_N]
        && ngx_litellm_json_int(param[NGX_LITELLM_P_N], &n) == NGX_OK
        && n == 1)
    {
        drop |= ngx_litellm_param_bit(N);
    }

    if (ngx_litellm_json_is(param[NGX_LITELLM_P_SERVICE_TIER], STRING)
        && ngx_litellm_json_eq(param[NGX_LITELLM_P_SERVICE_TIER], "auto"))
    {
        drop |= ngx_litellm_param_bit(SERVICE_TIER);
    }

    a->present &= ~drop;

    rc = ngx_litellm_params_check(a->call, &a->present, supported, a->e);
    if (rc != NGX_OK) {
        return rc;
    }

    /* a choice among tools that are not sent is none */

    if (!ngx_litellm_anthropic_has(a, TOOLS)
        && !ngx_litellm_anthropic_has(a, FUNCTIONS))
    {
        a->chat.ntools = 0;
    }

    return NGX_OK;
}


/*
 * thinking and reasoning_effort: what is sent depends on whether the model has
 * thinking by a budget, or adaptive thinking, or both.
 */

ngx_int_t
ngx_litellm_anthropic_think(ngx_litellm_anthropic_t *a)
{
    ngx_int_t            rc;
    ngx_litellm_json_t  *v, *type;

    v = ngx_litellm_anthropic_param(a, THINKING);

    if (v == NULL) {
        v = ngx_litellm_anthropic_param(a, REASONING_EFFORT);
        if (v == NULL) {
            return NGX_OK;
        }

        rc = ngx_litellm_anthropic_effort(a, v);

        a->thinking = (a->think != NGX_LITELLM_ANTHROPIC_THINK_UNSET);

        return rc;
    }

    type = ngx_litellm_json_member(v, "type");

    if (!ngx_litellm_json_is(type, STRING)) {
        return ngx_litellm_anthropic_bad(a, "'thinking' must be an object "
                                         "with a 'type'");
    }

    a->think = NGX_LITELLM_ANTHROPIC_THINK_AS_IS;

    if (ngx_litellm_json_eq(type, "disabled")) {

        if (a->flags & NGX_LITELLM_M_THINKING_ALWAYS) {
            a->think = NGX_LITELLM_ANTHROPIC_THINK_UNSET;
        }

        return NGX_OK;
    }

    a->thinking = 1;

    if (ngx_litellm_json_eq(type, "adaptive")) {

        if (!(a->flags & NGX_LITELLM_M_ADAPTIVE)) {
            a->think = NGX_LITELLM_ANTHROPIC_THINK_BUDGET;
            a->budget = 4 * NGX_LITELLM_ANTHROPIC_MIN_BUDGET;
            ngx_litellm_anthropic_fit_budget(a);
        }

        return NGX_OK;
    }

    if ((a->flags & NGX_LITELLM_M_ADAPTIVE)
        && !(a->flags & NGX_LITELLM_M_LEGACY_THINKING))
    {
        a->think = NGX_LITELLM_ANTHROPIC_THINK_ADAPTIVE;
        return NGX_OK;
    }

    v = ngx_litellm_json_member(v, "budget_tokens");

    if (v && ngx_litellm_json_int(v, &a->budget) != NGX_OK) {
        a->budget = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_anthropic_effort(ngx_litellm_anthropic_t *a,
    ngx_litellm_json_t *v)
{
    ngx_int_t             rc;
    ngx_litellm_effort_e  i;

    static const struct {
        int64_t       budget;
        const char   *effort;
        uint32_t      flag;         /* an adaptive model must have it */
    } efforts[NGX_LITELLM_EFFORTS] = {
        { 0, NULL, 0 },
        { 1024, "low", 0 },
        { 1024, "low", 0 },
        { 2048, "medium", 0 },
        { 4096, "high", 0 },
        { 8192, "xhigh", NGX_LITELLM_M_EFFORT_XHIGH },
        { 16384, "max", NGX_LITELLM_M_EFFORT_MAX }
    };

    rc = ngx_litellm_effort(a->call, v, 0, &i, a->e);
    if (rc != NGX_OK) {
        return rc;
    }

    if (efforts[i].budget == 0) {
        return NGX_OK;
    }

    if (a->flags & NGX_LITELLM_M_ADAPTIVE) {

        if (efforts[i].flag && !(a->flags & efforts[i].flag)) {
            return ngx_litellm_anthropic_bad(a, "this model does not have "
                                             "that 'reasoning_effort'");
        }

        a->think = NGX_LITELLM_ANTHROPIC_THINK_SUMMARY;
        a->effort = efforts[i].effort;

        return NGX_OK;
    }

    a->think = NGX_LITELLM_ANTHROPIC_THINK_BUDGET;
    a->budget = efforts[i].budget;
    ngx_litellm_anthropic_fit_budget(a);

    return NGX_OK;
}


/*
 * A budget of our own making must stay below the client's max_tokens, or the
 * API refuses the request; where there is no room, there is no thinking.
 */

static void
ngx_litellm_anthropic_fit_budget(ngx_litellm_anthropic_t *a)
{
    int64_t              max;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_anthropic_param(a, MAX_COMPLETION_TOKENS);
    if (v == NULL) {
        v = ngx_litellm_anthropic_param(a, MAX_TOKENS);
    }

    if (v == NULL || ngx_litellm_json_int(v, &max) != NGX_OK
        || max > a->budget)
    {
        return;
    }

    if (max > NGX_LITELLM_ANTHROPIC_MIN_BUDGET) {
        a->budget = max - 1;
        return;
    }

    a->budget = 0;
    a->thinking = 0;
    a->think = NGX_LITELLM_ANTHROPIC_THINK_UNSET;
}


/* what the API asks of a conversation that has tool calls in it */

static ngx_int_t
ngx_litellm_anthropic_history(ngx_litellm_anthropic_t *a)
{
    ngx_str_t               text;
    ngx_uint_t              i, calls, modify;
    ngx_litellm_message_t  *msg, *last;

    calls = 0;
    last = NULL;
    msg = a->chat.messages;

    for (i = 0; i < a->chat.nmessages; i++) {
        if (msg[i].ncalls) {
            calls = 1;
            last = &msg[i];
        }
    }

    if (!calls) {
        return NGX_OK;
    }

    modify = a->call->config && a->call->config->modify_params == 1;

    if (a->chat.ntools == 0
        && !(a->call->present & ngx_litellm_param_bit(TOOLS))
        && !ngx_litellm_anthropic_has(a, WEB_SEARCH_OPTIONS))
    {
        if (!modify) {
            ngx_str_set(&text, "there are tool calls in 'messages' but no "
                        "'tools': the provider needs them (with "
                        "litellm_settings modify_params: true one is added)");

            ngx_memzero(a->e, sizeof(ngx_litellm_error_t));

            return ngx_litellm_error_set(a->call, a->e,
                                         NGX_LITELLM_UNSUPPORTED_PARAMS, 400,
                                         &text)
                   == NGX_OK ? NGX_DECLINED : NGX_ERROR;
        }

        a->dummy_tool = 1;
    }

    /* with thinking on, the turn of the last call must begin with its own */

    if (modify && a->thinking
        && (last->nparts == 0
            || (last->parts->type != NGX_LITELLM_PART_THINKING
                && last->parts->type != NGX_LITELLM_PART_REDACTED)))
    {
        a->thinking = 0;
        a->budget = 0;
        a->effort = NULL;
        a->think = NGX_LITELLM_ANTHROPIC_THINK_UNSET;
    }

    return NGX_OK;
}


void
ngx_litellm_anthropic_format(ngx_litellm_anthropic_t *a)
{
    ngx_litellm_json_t  *v, *schema;

    v = ngx_litellm_anthropic_param(a, RESPONSE_FORMAT);

    (void) ngx_litellm_response_format(v, &schema);

    if (!ngx_litellm_json_is(schema, OBJECT)) {
        return;
    }

    a->schema = schema;
    a->json_tool = !(a->flags & NGX_LITELLM_M_NATIVE_SCHEMA);
}
