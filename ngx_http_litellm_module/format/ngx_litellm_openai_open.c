
/*
 * The one look at a request of an OpenAI client: format->open of chat,
 * completions and embeddings, and of rerank, which has the same envelope.  Called once for each request, before routing.
 *
 * One pass over the body validates it whole and finds its top level members;
 * each is looked up once (ngx_litellm_params.c) and filed: a parameter, a
 * member for the gateway, a foreign one.  What may never go upstream (members
 * for the gateway, those dropped without a word, all but the last of members
 * of the same name) is flagged NGX_LITELLM_JSON_DROPPED here, for whoever
 * splices the body.  Only types that the gateway itself relies on are
 * checked: the rest is for the provider to judge.
 */

#include "ngx_litellm_array.h"
#include "ngx_litellm_openai.h"


/* key and value of each member; far above what any API has */
#define NGX_LITELLM_OPENAI_NODES   4096

#define NGX_LITELLM_OPENAI_MODEL   512

#define NGX_LITELLM_OPENAI_PAIRS   16


typedef struct {
    ngx_litellm_json_t    *node[4];         /* by NGX_LITELLM_BODY_... */
} ngx_litellm_openai_body_t;


typedef struct {
    ngx_str_t              name;            /* unescaped */
    ngx_uint_t             index;
} ngx_litellm_openai_name_t;


static ngx_int_t ngx_litellm_openai_parse_top(ngx_litellm_call_t *call,
    ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_openai_members(ngx_litellm_call_t *call,
    ngx_litellm_openai_body_t *body, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_openai_member(ngx_litellm_call_t *call,
    ngx_litellm_openai_body_t *body, ngx_str_t *name,
    ngx_litellm_member_t *m, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_openai_push(ngx_litellm_call_t *call,
    ngx_array_t *a, ngx_litellm_member_t *m);
static ngx_int_t ngx_litellm_openai_unique(ngx_litellm_call_t *call,
    ngx_array_t *members);
static int ngx_libc_cdecl ngx_litellm_openai_name_cmp(const void *one,
    const void *two);
static ngx_int_t ngx_litellm_openai_model(ngx_litellm_call_t *call,
    ngx_litellm_json_t *v, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_openai_subject(ngx_litellm_call_t *call,
    ngx_litellm_openai_body_t *body, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_openai_stream(ngx_litellm_call_t *call,
    ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_openai_refused(ngx_litellm_call_t *call,
    ngx_str_t *name, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_openai_testing(ngx_litellm_call_t *call,
    ngx_litellm_error_t *e);


ngx_int_t
ngx_litellm_openai_open(ngx_litellm_call_t *call, ngx_litellm_error_t *e)
{
    ngx_int_t                  rc;
    ngx_litellm_openai_body_t  body;

    if (call->opened) {

        /* the same bytes, for the same API, were looked at before */

        return NGX_OK;
    }

    ngx_memzero(&body, sizeof(ngx_litellm_openai_body_t));
    ngx_memzero(call->param, sizeof(call->param));

    call->present = 0;
    call->model_node = NULL;
    call->stream = 0;
    call->include_usage = 0;
    call->duplicates = 0;

    /* most requests have neither: no memory before the first one */

    ngx_memzero(&call->extra, sizeof(ngx_array_t));
    ngx_memzero(&call->control, sizeof(ngx_array_t));

    rc = ngx_litellm_openai_parse_top(call, e);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_openai_members(call, &body, e);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_openai_model(call, body.node[NGX_LITELLM_BODY_MODEL], e);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_openai_subject(call, &body, e);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_openai_stream(call, e);
}


static ngx_int_t
ngx_litellm_openai_parse_top(ngx_litellm_call_t *call, ngx_litellm_error_t *e)
{
    u_char                    *p;
    size_t                     len;
    ngx_int_t                  rc;
    ngx_litellm_json_watch_t   watch[2];

    if (call->known) {

        /* ngx_litellm_cache_known.h: the same bytes were read before */

        return NGX_OK;
    }

    ngx_str_set(&watch[0].name, "image_url");
    ngx_str_set(&watch[1].name, "file_data");

    call->top.pool = call->pool;
    call->top.keep = 2;
    call->top.max_nodes = NGX_LITELLM_OPENAI_NODES;
    call->top.watch = watch;
    call->top.nwatch = 2;
    ngx_str_set(&call->top.whole, "stream_options");

    rc = ngx_litellm_json_parse(&call->top, call->body.data, call->body.len);

    call->top.watch = NULL;
    call->top.nwatch = 0;

    call->parts = (watch[0].found != NULL || watch[1].found != NULL);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        if (call->top.root->type == NGX_LITELLM_JSON_OBJECT) {
            return NGX_OK;
        }

        return ngx_litellm_openai_bad(e, "Invalid JSON payload: the body is "
                                      "not a JSON object", NULL);
    }

    (void) ngx_litellm_openai_bad(e, "Invalid JSON payload", NULL);

    len = sizeof("Invalid JSON payload:  at byte ") + NGX_SIZE_T_LEN
          + ngx_strlen(call->top.error);

    p = ngx_pnalloc(call->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    e->message.data = p;
    e->message.len = ngx_snprintf(p, len, "Invalid JSON payload: %s at byte "
                                  "%uz", call->top.error, call->top.offset)
                     - p;

    return NGX_DECLINED;
}


static ngx_int_t
ngx_litellm_openai_members(ngx_litellm_call_t *call,
    ngx_litellm_openai_body_t *body, ngx_litellm_error_t *e)
{
    ngx_int_t              rc;
    ngx_str_t              name;
    ngx_uint_t             i;
    ngx_litellm_json_t    *key;
    ngx_litellm_member_t   m;

    key = call->top.root + 1;

    for (i = 0; i < call->top.root->count; i++) {

        name.data = key->start + 1;
        name.len = key->len - 2;

        m.key.data = name.data;
        m.key.len = name.len;
        m.value = ngx_litellm_json_next(key);

        if ((key->flags & NGX_LITELLM_JSON_ESCAPED)
            && ngx_litellm_json_unescape(call->pool, &name, &m.key) != NGX_OK)
        {
            return NGX_ERROR;
        }

        rc = ngx_litellm_openai_member(call, body, &name, &m, e);
        if (rc != NGX_OK) {
            return rc;
        }

        key = ngx_litellm_json_next(m.value);
    }

    if (ngx_litellm_openai_unique(call, &call->extra) != NGX_OK
        || ngx_litellm_openai_unique(call, &call->control) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_openai_member(ngx_litellm_call_t *call,
    ngx_litellm_openai_body_t *body, ngx_str_t *name, ngx_litellm_member_t *m,
    ngx_litellm_error_t *e)
{
    uint64_t                    bit;
    ngx_litellm_json_t        **slot;
    const ngx_litellm_param_t  *p;

    p = ngx_litellm_param_find(name->data, name->len);

    if (p == NULL) {
        return ngx_litellm_openai_push(call, &call->extra, m);
    }

    switch (p->kind) {

    case NGX_LITELLM_PARAM_OPENAI:
        bit = (uint64_t) 1 << p->id;

        if (m->value->type == NGX_LITELLM_JSON_NULL) {
            call->present &= ~bit;

        } else {
            call->present |= bit;
        }

        slot = &call->param[p->id];
        break;

    case NGX_LITELLM_PARAM_BODY:
        slot = &body->node[p->id];
        break;

    case NGX_LITELLM_PARAM_CONTROL:

        if (p->id == NGX_LITELLM_CONTROL_MOCK
            && (call->config == NULL || call->config->allow_mock_testing != 1))
        {
            return ngx_litellm_openai_testing(call, e);
        }

        m->value->flags |= NGX_LITELLM_JSON_DROPPED;

        if (name->len != m->key.len) {

            /* readers of control compare bytes */
            m->key.data = (u_char *) p->name;
            m->key.len = p->len;
        }

        return ngx_litellm_openai_push(call, &call->control, m);

    case NGX_LITELLM_PARAM_REFUSED:
        return ngx_litellm_openai_refused(call, name, e);

    default: /* NGX_LITELLM_PARAM_SILENT */
        m->value->flags |= NGX_LITELLM_JSON_DROPPED;
        return NGX_OK;
    }

    if (*slot != NULL) {
        (*slot)->flags |= NGX_LITELLM_JSON_DROPPED;
        call->duplicates = 1;
    }

    *slot = m->value;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_openai_push(ngx_litellm_call_t *call, ngx_array_t *a,
    ngx_litellm_member_t *m)
{
    ngx_litellm_member_t  *n;

    n = ngx_litellm_array_push(a, call->pool, 4, sizeof(ngx_litellm_member_t));
    if (n == NULL) {
        return NGX_ERROR;
    }

    *n = *m;

    return NGX_OK;
}


/*
 * Of members of one name only the last stays.  Sorted when there are many:
 * their number is the client's choice.
 */

static ngx_int_t
ngx_litellm_openai_unique(ngx_litellm_call_t *call, ngx_array_t *members)
{
    ngx_uint_t                  i, j, n;
    ngx_litellm_member_t       *m;
    ngx_litellm_openai_name_t  *names, own[NGX_LITELLM_OPENAI_PAIRS];

    n = members->nelts;

    if (n < 2) {
        return NGX_OK;
    }

    m = members->elts;
    names = own;

    if (n > NGX_LITELLM_OPENAI_PAIRS) {
        names = ngx_palloc(call->pool, n * sizeof(ngx_litellm_openai_name_t));
        if (names == NULL) {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < n; i++) {
        if (ngx_litellm_json_unescape(call->pool, &names[i].name, &m[i].key)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        names[i].index = i;
    }

    ngx_qsort(names, n, sizeof(ngx_litellm_openai_name_t),
              ngx_litellm_openai_name_cmp);

    for (i = 0; i + 1 < n; i++) {
        if (names[i].name.len == names[i + 1].name.len
            && ngx_memcmp(names[i].name.data, names[i + 1].name.data,
                          names[i].name.len)
               == 0)
        {
            m[names[i].index].value->flags |= NGX_LITELLM_JSON_DROPPED;
            m[names[i].index].key.data = NULL;
            call->duplicates = 1;
        }
    }

    for (i = 0, j = 0; i < n; i++) {
        if (m[i].key.data != NULL) {
            m[j++] = m[i];
        }
    }

    members->nelts = j;

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_litellm_openai_name_cmp(const void *one, const void *two)
{
    ngx_int_t                         rc;
    const ngx_litellm_openai_name_t  *a, *b;

    a = one;
    b = two;

    rc = ngx_litellm_json_order(&a->name, &b->name);

    if (rc != 0) {
        return rc < 0 ? -1 : 1;
    }

    return a->index < b->index ? -1 : 1;
}


/* the model of the path, if there is one, has been set and wins */

static ngx_int_t
ngx_litellm_openai_model(ngx_litellm_call_t *call, ngx_litellm_json_t *v,
    ngx_litellm_error_t *e)
{
    ngx_str_t  text;

    call->model_node = v;

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
        return NGX_OK;
    }

    if (v->type != NGX_LITELLM_JSON_STRING) {
        return ngx_litellm_openai_bad(e, "Invalid type for 'model': expected "
                                      "a string", "model");
    }

    if (v->len > NGX_LITELLM_OPENAI_MODEL) {
        return ngx_litellm_openai_bad(e, "Invalid 'model': the name is too "
                                      "long", "model");
    }

    if (call->model.len) {
        return NGX_OK;
    }

    text = ngx_litellm_json_text(v);

    return ngx_litellm_json_unescape(call->pool, &call->model, &text);
}


/* what the request is about */

static ngx_int_t
ngx_litellm_openai_subject(ngx_litellm_call_t *call,
    ngx_litellm_openai_body_t *body, ngx_litellm_error_t *e)
{
    ngx_litellm_json_t  *v;

    switch (call->op) {

    case NGX_LITELLM_OP_CHAT:
        v = body->node[NGX_LITELLM_BODY_MESSAGES];

        if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
            return ngx_litellm_openai_bad(e, "Missing required parameter: "
                                          "'messages'", "messages");
        }

        if (v->type != NGX_LITELLM_JSON_ARRAY) {
            return ngx_litellm_openai_bad(e, "Invalid type for 'messages': "
                                          "expected an array of objects",
                                          "messages");
        }

        return NGX_OK;

    case NGX_LITELLM_OP_COMPLETIONS:
        v = body->node[NGX_LITELLM_BODY_PROMPT];

        if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
            return ngx_litellm_openai_bad(e, "Missing required parameter: "
                                          "'prompt'", "prompt");
        }

        if (v->type != NGX_LITELLM_JSON_STRING
            && v->type != NGX_LITELLM_JSON_ARRAY)
        {
            return ngx_litellm_openai_bad(e, "Invalid type for 'prompt': "
                                          "expected a string or an array",
                                          "prompt");
        }

        return NGX_OK;

    case NGX_LITELLM_OP_RERANK:

        /* no members of OpenAI's: ngx_litellm_rerank.c looks at them */

        return NGX_OK;

    default: /* NGX_LITELLM_OP_EMBEDDINGS */
        v = body->node[NGX_LITELLM_BODY_INPUT];

        if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
            return ngx_litellm_openai_bad(e, "Missing required parameter: "
                                          "'input'", "input");
        }

        if (v->type != NGX_LITELLM_JSON_STRING
            && v->type != NGX_LITELLM_JSON_ARRAY)
        {
            return ngx_litellm_openai_bad(e, "Invalid type for 'input': "
                                          "expected a string or an array",
                                          "input");
        }

        return NGX_OK;
    }
}


static ngx_int_t
ngx_litellm_openai_stream(ngx_litellm_call_t *call, ngx_litellm_error_t *e)
{
    ngx_litellm_json_t  *v;

    v = call->param[NGX_LITELLM_P_STREAM];

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL
        || v->type == NGX_LITELLM_JSON_FALSE)
    {
        return NGX_OK;
    }

    if (v->type != NGX_LITELLM_JSON_TRUE) {
        return ngx_litellm_openai_bad(e, "Invalid type for 'stream': expected "
                                      "a boolean", "stream");
    }

    if (call->op == NGX_LITELLM_OP_EMBEDDINGS
        || call->op == NGX_LITELLM_OP_RERANK)
    {
        return NGX_OK;
    }

    call->stream = 1;

    v = call->param[NGX_LITELLM_P_STREAM_OPTIONS];

    v = ngx_litellm_json_member(v, "include_usage");

    call->include_usage = ngx_litellm_json_is(v, TRUE);

    return NGX_OK;
}


/*
 * Whoever may name the provider's address or credentials could send the
 * gateway's own key to a server of his choice.
 */

static ngx_int_t
ngx_litellm_openai_refused(ngx_litellm_call_t *call, ngx_str_t *name,
    ngx_litellm_error_t *e)
{
    u_char  *p;
    size_t   len;

    static const char  head[] = "Authentication Error, Rejected Request: ";
    static const char  tail[] = " is not allowed in request body. Credentials "
                                "and addresses of providers are set in the "
                                "gateway's configuration.";

    len = sizeof(head) - 1 + name->len + sizeof(tail) - 1;

    p = ngx_pnalloc(call->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    e->class = NGX_LITELLM_AUTHENTICATION;
    e->status = 401;
    e->message.data = p;
    e->message.len = len;

    p = ngx_cpymem(p, head, sizeof(head) - 1);
    p = ngx_cpymem(p, name->data, name->len);
    ngx_memcpy(p, tail, sizeof(tail) - 1);

    ngx_str_set(&e->type, "auth_error");
    ngx_str_set(&e->param, "None");
    ngx_str_null(&e->code);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_litellm_openai_testing(ngx_litellm_call_t *call, ngx_litellm_error_t *e)
{
    return ngx_litellm_openai_bad(e, "Test switches (mock_testing_*, "
                                  "mock_timeout, mock_delay) are not allowed "
                                  "in request body: general_settings."
                                  "dangerously_allow_mock_testing_request_"
                                  "params is not set", NULL);
}
