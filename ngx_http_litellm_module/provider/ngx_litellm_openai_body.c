
/*
 * The body that goes to a provider of the client's own dialect: the client's
 * bytes with edits of top level members (architecture 3).  Called for each
 * attempt; what changes with the deployment is worked out anew, from what
 * format->open() found.
 *
 * Flags set on nodes of call->top while the edits are made are taken off
 * again: the next attempt may go to another deployment.  Those that open()
 * set stay.
 */

#include "ngx_litellm_openai_dialect.h"


/* members of the client's extra_body */
#define NGX_LITELLM_OPENAI_EXTRA     64

#define NGX_LITELLM_OPENAI_STOPS     4

/* of additional_drop_params: each is a walk over the body */
#define NGX_LITELLM_OPENAI_PATHS     32


typedef struct {
    ngx_litellm_call_t          *call;
    ngx_litellm_openai_rules_t   rules;
    ngx_litellm_splice_t         splice;
    ngx_array_t                  adds;      /* ngx_litellm_add_t */
    ngx_array_t                 *paths;     /* ngx_str_t; NULL: none */
    unsigned                     dropped:1; /* some member is marked so */
} ngx_litellm_openai_edit_t;


static uint64_t ngx_litellm_openai_defaults(ngx_litellm_call_t *call);
static ngx_uint_t ngx_litellm_openai_applies(ngx_litellm_call_t *call,
    ngx_litellm_default_t *d);
static void ngx_litellm_openai_drop(ngx_litellm_openai_edit_t *ed);
static ngx_int_t ngx_litellm_openai_drop_named(ngx_litellm_openai_edit_t *ed);
static ngx_int_t ngx_litellm_openai_drop_name(ngx_litellm_openai_edit_t *ed,
    ngx_str_t *name);
static void ngx_litellm_openai_set_model(ngx_litellm_openai_edit_t *ed);
static void ngx_litellm_openai_set_tokens(ngx_litellm_openai_edit_t *ed);
static void ngx_litellm_openai_rename(ngx_litellm_openai_edit_t *ed,
    ngx_litellm_json_t *from, ngx_litellm_json_t *to, const char *name,
    size_t len);
static ngx_int_t ngx_litellm_openai_set_stop(ngx_litellm_openai_edit_t *ed);
static ngx_int_t ngx_litellm_openai_set_usage(ngx_litellm_openai_edit_t *ed,
    ngx_litellm_wire_t *wire);
static ngx_int_t ngx_litellm_openai_add_defaults(
    ngx_litellm_openai_edit_t *ed);
static ngx_int_t ngx_litellm_openai_add_extra(ngx_litellm_openai_edit_t *ed,
    ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_openai_add_members(ngx_litellm_openai_edit_t *ed,
    ngx_litellm_json_t *object);
static ngx_int_t ngx_litellm_openai_add(ngx_litellm_openai_edit_t *ed,
    ngx_str_t *name, ngx_str_t *key, u_char *value, size_t len);
static ngx_uint_t ngx_litellm_openai_has(ngx_litellm_openai_edit_t *ed,
    ngx_str_t *name);
static void ngx_litellm_openai_restore(ngx_litellm_call_t *call);


ngx_int_t
ngx_litellm_openai_body(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
    ngx_litellm_error_t *e)
{
    ngx_int_t                  rc;
    ngx_litellm_openai_edit_t  ed;

    ed.call = call;
    ed.paths = NULL;
    ed.dropped = (call->deployment->provider->variant != NULL);
    ngx_memzero(&ed.adds, sizeof(ngx_array_t));

    ngx_litellm_splice_init(&ed.splice, call->pool, &call->body);

    ed.rules.present = call->present | ngx_litellm_openai_defaults(call);

    if (call->ask_usage) {

        /* unless additional_drop_params has it */

        ed.rules.present |= ngx_litellm_param_bit(STREAM_OPTIONS);
    }

    rc = ngx_litellm_openai_rules(call, &ed.rules, e);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_openai_drop(&ed);

    rc = ngx_litellm_openai_drop_named(&ed);
    if (rc != NGX_OK) {
        goto done;
    }

    ngx_litellm_openai_set_model(&ed);
    ngx_litellm_openai_set_tokens(&ed);

    rc = ngx_litellm_openai_set_stop(&ed);
    if (rc != NGX_OK) {
        goto done;
    }

    rc = ngx_litellm_openai_set_usage(&ed, wire);
    if (rc != NGX_OK) {
        goto done;
    }

    rc = ngx_litellm_openai_add_defaults(&ed);
    if (rc != NGX_OK) {
        goto done;
    }

    rc = ngx_litellm_openai_add_extra(&ed, e);
    if (rc != NGX_OK) {
        goto done;
    }

    rc = ngx_litellm_openai_nested(call, &ed.splice, &ed.adds, ed.paths,
                                   &ed.rules.present, e);
    if (rc != NGX_OK) {
        goto done;
    }

    rc = ngx_litellm_splice_write(&ed.splice, &wire->body);

done:

    if (ed.dropped) {
        ngx_litellm_openai_restore(call);
    }

    return rc;
}


/* bits of the parameters that the deployment would add */

static uint64_t
ngx_litellm_openai_defaults(ngx_litellm_call_t *call)
{
    uint64_t                bits;
    ngx_uint_t              i;
    ngx_litellm_default_t  *d;

    if (call->deployment->defaults == NULL) {
        return 0;
    }

    bits = 0;
    d = call->deployment->defaults->elts;

    for (i = 0; i < call->deployment->defaults->nelts; i++) {
        if (d[i].param >= 0 && ngx_litellm_openai_applies(call, &d[i])) {
            bits |= (uint64_t) 1 << d[i].param;
        }
    }

    return bits;
}


static ngx_uint_t
ngx_litellm_openai_applies(ngx_litellm_call_t *call, ngx_litellm_default_t *d)
{
    if (d->value->type == NGX_LITELLM_JSON_NULL) {
        return 0;
    }

    switch (d->param) {

    case NGX_LITELLM_P_STREAM:
    case NGX_LITELLM_P_STREAM_OPTIONS:
    case NGX_LITELLM_P_METADATA:
        return 0;

    case NGX_LITELLM_P_MAX_TOKENS:
    case NGX_LITELLM_P_MAX_COMPLETION_TOKENS:

        /* two names of one thing: the client's word counts for both */

        if (call->param[NGX_LITELLM_P_MAX_TOKENS] != NULL
            || call->param[NGX_LITELLM_P_MAX_COMPLETION_TOKENS] != NULL)
        {
            return 0;
        }

        break;
    }

    if (d->param < 0) {
        return 1;
    }

    if (call->op == NGX_LITELLM_OP_EMBEDDINGS
        && d->param != NGX_LITELLM_P_USER
        && d->param != NGX_LITELLM_P_DIMENSIONS
        && d->param != NGX_LITELLM_P_ENCODING_FORMAT)
    {
        return 0;
    }

    return call->param[d->param] == NULL;
}


static void
ngx_litellm_openai_drop(ngx_litellm_openai_edit_t *ed)
{
    uint64_t             bits;
    ngx_uint_t           i;
    ngx_litellm_call_t  *call;

    call = ed->call;

    bits = call->present & ~ed->rules.present;

    /* LiteLLM's own by now: tags, users and what else its callers put in */

    if (call->param[NGX_LITELLM_P_METADATA] != NULL) {
        bits |= ngx_litellm_param_bit(METADATA);
    }

    if (!call->stream && call->param[NGX_LITELLM_P_STREAM_OPTIONS] != NULL) {
        bits |= ngx_litellm_param_bit(STREAM_OPTIONS);
    }

    if (call->op == NGX_LITELLM_OP_EMBEDDINGS
        && call->param[NGX_LITELLM_P_STREAM] != NULL)
    {
        bits |= ngx_litellm_param_bit(STREAM);
    }

    for (i = 0; bits; i++, bits >>= 1) {
        if (bits & 1) {
            call->param[i]->flags |= NGX_LITELLM_JSON_DROPPED;
            ed->dropped = 1;
        }
    }
}


/* additional_drop_params that are no parameters of OpenAI's, and paths */

static ngx_int_t
ngx_litellm_openai_drop_named(ngx_litellm_openai_edit_t *ed)
{
    ngx_str_t            s, *name;
    ngx_uint_t           i;
    ngx_array_t         *drop;
    ngx_litellm_json_t  *list, *v;

    drop = ed->call->deployment->drop;

    if (drop != NULL) {
        name = drop->elts;

        for (i = 0; i < drop->nelts; i++) {
            if (ngx_litellm_openai_drop_name(ed, &name[i]) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    if (ngx_litellm_params_list(ed->call, "additional_drop_params",
                                sizeof("additional_drop_params") - 1, &list)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (list == NULL) {
        return NGX_OK;
    }

    v = list + 1;

    for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {

        if (v->type != NGX_LITELLM_JSON_STRING) {
            continue;
        }

        s = ngx_litellm_json_text(v);

        if (ngx_litellm_openai_drop_name(ed, &s) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_openai_drop_name(ngx_litellm_openai_edit_t *ed, ngx_str_t *name)
{
    ngx_str_t             *path;
    ngx_uint_t             i;
    ngx_litellm_member_t  *m;

    for (i = 0; i < name->len; i++) {
        if (name->data[i] == '.' || name->data[i] == '[') {
            break;
        }
    }

    if (i < name->len) {

        if (ed->paths == NULL) {
            ed->paths = ngx_array_create(ed->call->pool, 4,
                                         sizeof(ngx_str_t));
            if (ed->paths == NULL) {
                return NGX_ERROR;
            }
        }

        if (ed->paths->nelts == NGX_LITELLM_OPENAI_PATHS) {
            return NGX_OK;
        }

        path = ngx_array_push(ed->paths);
        if (path == NULL) {
            return NGX_ERROR;
        }

        *path = *name;

        return NGX_OK;
    }

    m = ed->call->extra.elts;

    for (i = 0; i < ed->call->extra.nelts; i++) {
        if (m[i].key.len == name->len
            && ngx_memcmp(m[i].key.data, name->data, name->len) == 0)
        {
            m[i].value->flags |= NGX_LITELLM_JSON_DROPPED;
            ed->dropped = 1;
        }
    }

    return NGX_OK;
}


static void
ngx_litellm_openai_set_model(ngx_litellm_openai_edit_t *ed)
{
    u_char              *p;
    ngx_str_t            s, *model;
    ngx_litellm_json_t  *v;

    v = ed->call->model_node;
    model = &ed->call->provider_model;

    if (v == NULL) {

        /* the body has other members: open() asked for one */

        p = ed->call->top.root->start + 1;

        ngx_litellm_splice_lit(&ed->splice, p, p, "\"model\":");
        ngx_litellm_splice_string(&ed->splice, p, p, model);
        ngx_litellm_splice_lit(&ed->splice, p, p, ",");

        return;
    }

    if (v->type == NGX_LITELLM_JSON_STRING) {
        s = ngx_litellm_json_text(v);

        if (s.len == model->len
            && !(v->flags & NGX_LITELLM_JSON_ESCAPED)
            && ngx_memcmp(s.data, model->data, s.len) == 0)
        {
            return;
        }
    }

    ngx_litellm_splice_string(&ed->splice, v->start, v->start + v->len, model);
}


/*
 * Reasoning models know max_tokens by its newer name only, some providers
 * by its older one.
 */

static void
ngx_litellm_openai_set_tokens(ngx_litellm_openai_edit_t *ed)
{
    ngx_litellm_json_t  *old, *new;

    old = ed->call->param[NGX_LITELLM_P_MAX_TOKENS];
    new = ed->call->param[NGX_LITELLM_P_MAX_COMPLETION_TOKENS];

    if (ed->rules.completion_tokens) {
        ngx_litellm_openai_rename(ed, old, new, "\"max_completion_tokens\"",
                                  sizeof("\"max_completion_tokens\"") - 1);

    } else if (ed->call->deployment->provider->quirks
               & NGX_LITELLM_Q_MAX_TOKENS)
    {
        if (new != NULL && new->type != NGX_LITELLM_JSON_NULL && old != NULL) {

            /* the newer name counts where both are given */

            old->flags |= NGX_LITELLM_JSON_DROPPED;
            ed->dropped = 1;
            old = NULL;
        }

        ngx_litellm_openai_rename(ed, new, old, "\"max_tokens\"",
                                  sizeof("\"max_tokens\"") - 1);
    }
}


/* the member "from" gets the name of "to", which stays if both have a value */

static void
ngx_litellm_openai_rename(ngx_litellm_openai_edit_t *ed,
    ngx_litellm_json_t *from, ngx_litellm_json_t *to, const char *name,
    size_t len)
{
    ngx_litellm_json_t  *key;

    if (from == NULL || (from->flags & NGX_LITELLM_JSON_DROPPED)) {
        return;
    }

    if (to != NULL) {

        if (to->type != NGX_LITELLM_JSON_NULL
            || from->type == NGX_LITELLM_JSON_NULL)
        {
            from->flags |= NGX_LITELLM_JSON_DROPPED;
            ed->dropped = 1;
            return;
        }

        to->flags |= NGX_LITELLM_JSON_DROPPED;
        ed->dropped = 1;
    }

    key = from - 1;

    ngx_litellm_splice_replace(&ed->splice, key->start, key->start + key->len,
                               (const u_char *) name, len);
}


/* OpenAI takes four at most; LiteLLM keeps the first four */

static ngx_int_t
ngx_litellm_openai_set_stop(ngx_litellm_openai_edit_t *ed)
{
    ngx_int_t                rc;
    ngx_litellm_json_t      *v;
    ngx_litellm_json_doc_t   doc;

    v = ed->call->param[NGX_LITELLM_P_STOP];

    if (!ngx_litellm_json_is(v, ARRAY)
        || v->count <= NGX_LITELLM_OPENAI_STOPS
        || (v->flags & NGX_LITELLM_JSON_DROPPED))
    {
        return NGX_OK;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = ed->call->pool;
    doc.keep = 2;

    rc = ngx_litellm_json_parse(&doc, v->start, v->len);

    if (rc == NGX_OK) {
        ngx_litellm_splice_cut(&ed->splice, doc.root,
                               NGX_LITELLM_OPENAI_STOPS);
    }

    /* a list over the bound of nodes: the provider will refuse it */

    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


/* asks for the usage of a stream on our own account */

static ngx_int_t
ngx_litellm_openai_set_usage(ngx_litellm_openai_edit_t *ed,
    ngx_litellm_wire_t *wire)
{
    u_char              *p;
    ngx_litellm_json_t  *v, *usage;

    static ngx_str_t  options = ngx_string("stream_options");

    if (!ed->call->ask_usage || !ed->call->stream || ed->call->include_usage
        || !(ed->rules.present & ngx_litellm_param_bit(STREAM_OPTIONS)))
    {
        return NGX_OK;
    }

    v = ed->call->param[NGX_LITELLM_P_STREAM_OPTIONS];

    if (v == NULL) {
        wire->hide_usage = 1;

        return ngx_litellm_openai_add(ed, &options, &options,
                                      (u_char *) "{\"include_usage\":true}",
                                      sizeof("{\"include_usage\":true}") - 1);
    }

    if (v->type == NGX_LITELLM_JSON_NULL) {
        wire->hide_usage = 1;

        ngx_litellm_splice_lit(&ed->splice, v->start, v->start + v->len,
                               "{\"include_usage\":true}");
        return NGX_OK;
    }

    if (v->type != NGX_LITELLM_JSON_OBJECT) {
        return NGX_OK;
    }

    wire->hide_usage = 1;

    usage = ngx_litellm_json_member(v, "include_usage");

    if (usage != NULL) {
        ngx_litellm_splice_lit(&ed->splice, usage->start,
                               usage->start + usage->len, "true");
        return NGX_OK;
    }

    p = v->start + 1;

    ngx_litellm_splice_lit(&ed->splice, p, p, "\"include_usage\":true");

    if (v->count) {
        ngx_litellm_splice_lit(&ed->splice, p, p, ",");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_openai_add_defaults(ngx_litellm_openai_edit_t *ed)
{
    ngx_int_t                   rc;
    ngx_str_t                   key;
    ngx_uint_t                  i;
    ngx_array_t                *defaults;
    ngx_litellm_default_t      *d;
    const ngx_litellm_param_t  *p;

    defaults = ed->call->deployment->defaults;

    if (defaults == NULL) {
        return NGX_OK;
    }

    d = defaults->elts;

    for (i = 0; i < defaults->nelts; i++) {

        if (!ngx_litellm_openai_applies(ed->call, &d[i])) {
            continue;
        }

        key = d[i].key;

        if (d[i].param >= 0) {

            if (!(ed->rules.present & ((uint64_t) 1 << d[i].param))) {
                continue;
            }

            if (d[i].param == NGX_LITELLM_P_MAX_TOKENS
                && ed->rules.completion_tokens)
            {
                ngx_str_set(&key, "max_completion_tokens");

            } else if (d[i].param == NGX_LITELLM_P_MAX_COMPLETION_TOKENS
                       && (ed->call->deployment->provider->quirks
                           & NGX_LITELLM_Q_MAX_TOKENS))
            {
                ngx_str_set(&key, "max_tokens");
            }

        } else {
            p = ngx_litellm_param_find(key.data, key.len);

            if (p != NULL && p->kind == NGX_LITELLM_PARAM_BODY) {
                continue;
            }
        }

        if (ngx_litellm_openai_has(ed, &key)) {
            continue;
        }

        rc = ngx_litellm_openai_add(ed, &key, &key, d[i].value->start,
                                    d[i].value->len);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* members of the client's extra_body, as OpenAI's Python client puts them */

static ngx_int_t
ngx_litellm_openai_add_extra(ngx_litellm_openai_edit_t *ed,
    ngx_litellm_error_t *e)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_litellm_member_t    *m;
    ngx_litellm_json_doc_t   doc;

    m = ed->call->control.elts;

    for (i = 0; i < ed->call->control.nelts; i++) {

        if (m[i].key.len != sizeof("extra_body") - 1
            || ngx_memcmp(m[i].key.data, "extra_body", m[i].key.len) != 0
            || m[i].value->type != NGX_LITELLM_JSON_OBJECT)
        {
            continue;
        }

        ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

        doc.pool = ed->call->pool;
        doc.keep = 2;
        doc.max_nodes = 2 * NGX_LITELLM_OPENAI_EXTRA + 1;

        rc = ngx_litellm_json_parse(&doc, m[i].value->start, m[i].value->len);

        if (rc == NGX_OK) {
            return ngx_litellm_openai_add_members(ed, doc.root);
        }

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        e->class = NGX_LITELLM_BAD_REQUEST;
        e->status = 400;

        ngx_str_set(&e->message, "litellm.BadRequestError: extra_body has too "
                    "many members");
        ngx_str_set(&e->type, "invalid_request_error");
        ngx_str_set(&e->param, "extra_body");
        ngx_str_null(&e->code);

        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_openai_add_members(ngx_litellm_openai_edit_t *ed,
    ngx_litellm_json_t *object)
{
    ngx_str_t                   key, name;
    ngx_uint_t                  i;
    ngx_litellm_json_t         *k, *v;
    const ngx_litellm_param_t  *p;

    k = object + 1;

    for (i = 0; i < object->count; i++, k = ngx_litellm_json_next(v)) {

        v = ngx_litellm_json_next(k);
        key = ngx_litellm_json_text(k);

        if (ngx_litellm_json_unescape(ed->call->pool, &name, &key) != NGX_OK) {
            return NGX_ERROR;
        }

        p = ngx_litellm_param_find(name.data, name.len);

        /* nothing that open() would have refused comes in by this door */

        if (p != NULL
            && (p->kind != NGX_LITELLM_PARAM_OPENAI
                || p->id == NGX_LITELLM_P_STREAM
                || p->id == NGX_LITELLM_P_STREAM_OPTIONS
                || (ed->call->param[p->id] != NULL
                    && p->id != NGX_LITELLM_P_METADATA)))
        {
            continue;
        }

        if (ngx_litellm_openai_has(ed, &name)) {
            continue;
        }

        if (ngx_litellm_openai_add(ed, &name, &key, v->start, v->len)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_openai_add(ngx_litellm_openai_edit_t *ed, ngx_str_t *name,
    ngx_str_t *key, u_char *value, size_t len)
{
    ngx_str_t  text;

    text.data = value;
    text.len = len;

    return ngx_litellm_openai_put(ed->call->pool, &ed->adds, name, key, &text);
}


/* true if a foreign member of the body or one put in has this name */

static ngx_uint_t
ngx_litellm_openai_has(ngx_litellm_openai_edit_t *ed, ngx_str_t *name)
{
    ngx_uint_t             i;
    ngx_litellm_add_t     *add;
    ngx_litellm_member_t  *m;

    m = ed->call->extra.elts;

    for (i = 0; i < ed->call->extra.nelts; i++) {
        if (ngx_litellm_json_equal(m[i].value - 1, (char *) name->data,
                                   name->len))
        {
            return 1;
        }
    }

    add = ed->adds.elts;

    for (i = 0; i < ed->adds.nelts; i++) {
        if (add[i].name.len == name->len
            && ngx_memcmp(add[i].name.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_litellm_openai_restore(ngx_litellm_call_t *call)
{
    ngx_uint_t             i;
    ngx_litellm_member_t  *m;

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {
        if (call->param[i] != NULL) {
            call->param[i]->flags &= ~NGX_LITELLM_JSON_DROPPED;
        }
    }

    m = call->extra.elts;

    for (i = 0; i < call->extra.nelts; i++) {
        m[i].value->flags &= ~NGX_LITELLM_JSON_DROPPED;
    }
}
