
/*
 * Cases of wire data (wire_case.h): their files and options, and the
 * deployment and the call that they describe.
 */

#include "wire_case.h"

#include <stdio.h>
#include <stdlib.h>


/* where there is no client_request.json: a body for every op */
#define CASE_BODY                                                             \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"   \
    "\"input\":\"a\",\"prompt\":\"a\""


static void case_path(case_t *c, const char *name, char *path, size_t len);
static ngx_array_t *case_list(case_t *c, const char *name);
static ngx_array_t *case_pairs(case_t *c, const char *name);
static ngx_array_t *case_defaults(case_t *c);
static ngx_int_t case_env(void *data, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t case_deployment(case_t *c);
static void case_op(case_t *c);
static ngx_int_t case_setup(case_t *c);
static ngx_int_t case_body(case_t *c);
static ngx_int_t case_dialect(case_t *c);


static void
case_path(case_t *c, const char *name, char *path, size_t len)
{
    snprintf(path, len, "%s/%.*s/%s", c->set->set, (int) c->dir.len,
             (char *) c->dir.data, name);
}


ngx_int_t
case_file(case_t *c, const char *name, ngx_str_t *text)
{
    char  path[256];

    if (c->dir.len == 0) {
        return NGX_DECLINED;
    }

    case_path(c, name, path, sizeof(path));

    if (unit_file(path, text) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (text->len && text->data[text->len - 1] == '\n'
        && ngx_strstr(name, ".json"))
    {
        text->len--;
    }

    return NGX_OK;
}


/* true if the text is that of the file */

int
case_want(case_t *c, const char *name, ngx_str_t *got)
{
    char       path[256], full[512];
    FILE      *f;
    ngx_str_t  want;

    if (case_file(c, name, &want) == NGX_OK) {
        return CHECK_MEM(got, want.data, want.len);
    }

    if (getenv("UNIT_WRITE")) {
        case_path(c, name, path, sizeof(path));
        snprintf(full, sizeof(full), "%s/%s", getenv("UNIT_DATA"), path);

        f = fopen(full, "w");
        if (f != NULL) {
            fwrite(got->data, 1, got->len, f);

            if (ngx_strstr(name, ".json")) {
                fputc('\n', f);
            }

            fclose(f);
        }
    }

    return CHECKF(0, "no %s; got: %.*s", name, (int) got->len,
                  (char *) got->data);
}


int
case_has(ngx_str_t *text, ngx_str_t *part)
{
    return part->len == 0
           || ngx_litellm_find(text->data, text->data + text->len,
                               (char *) part->data, part->len)
              != NULL;
}


ngx_litellm_json_t *
case_json(ngx_str_t *text)
{
    ngx_litellm_json_doc_t  doc;

    ngx_memzero(&doc, sizeof(doc));
    doc.pool = unit_pool;

    return CHECKF(ngx_litellm_json_parse(&doc, text->data, text->len)
                  == NGX_OK,
                  "not JSON at %d: %.*s", (int) doc.offset, (int) text->len,
                  (char *) text->data)
           ? doc.root : NULL;
}


ngx_str_t
option_str(ngx_litellm_json_t *object, const char *name, const char *value)
{
    ngx_str_t            text, s;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(object, name, ngx_strlen(name));

    if (!ngx_litellm_json_is(v, STRING)) {
        s.data = (u_char *) value;
        s.len = ngx_strlen(value);
        return s;
    }

    text = ngx_litellm_json_text(v);
    (void) ngx_litellm_json_unescape(unit_pool, &s, &text);

    /* of its exact size: over-reads are seen */

    return unit_mem(s.data, s.len);
}


int64_t
option_int(ngx_litellm_json_t *object, const char *name, int64_t value)
{
    int64_t              n;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(object, name, ngx_strlen(name));

    return v && ngx_litellm_json_int(v, &n) == NGX_OK ? n : value;
}


ngx_litellm_json_t *
case_option(case_t *c, const char *name)
{
    return ngx_litellm_json_get(c->options, name, ngx_strlen(name));
}


ngx_str_t
case_str(case_t *c, const char *name, const char *value)
{
    return option_str(c->options, name, value ? value : "");
}


int64_t
case_int(case_t *c, const char *name, int64_t value)
{
    return option_int(c->options, name, value);
}


ngx_uint_t
case_flag(case_t *c, const char *name)
{
    return ngx_litellm_json_is(case_option(c, name), TRUE);
}


static ngx_array_t *
case_list(case_t *c, const char *name)
{
    ngx_str_t           *s;
    ngx_uint_t           i, n;
    ngx_array_t         *a;
    ngx_litellm_json_t  *v;

    v = case_option(c, name);

    if (!ngx_litellm_json_is(v, ARRAY)) {
        return NULL;
    }

    a = ngx_array_create(unit_pool, 4, sizeof(ngx_str_t));
    n = v->count;

    for (i = 0, v++; i < n; i++, v = ngx_litellm_json_next(v)) {
        s = ngx_array_push(a);
        *s = ngx_litellm_json_text(v);
    }

    return a;
}


static ngx_array_t *
case_pairs(case_t *c, const char *name)
{
    ngx_uint_t           i, n;
    ngx_array_t         *a;
    ngx_keyval_t        *kv;
    ngx_litellm_json_t  *v;

    v = case_option(c, name);

    if (!ngx_litellm_json_is(v, OBJECT)) {
        return NULL;
    }

    a = ngx_array_create(unit_pool, 4, sizeof(ngx_keyval_t));
    n = v->count;

    for (i = 0, v++; i < n; i++, v = ngx_litellm_json_next(v + 1)) {
        kv = ngx_array_push(a);
        kv->key = ngx_litellm_json_text(v);
        kv->value = ngx_litellm_json_text(v + 1);
    }

    return a;
}


/* which parameters they are is found by the detection */

static ngx_array_t *
case_defaults(case_t *c)
{
    ngx_uint_t              i, n;
    ngx_array_t            *a;
    ngx_litellm_json_t     *v;
    ngx_litellm_default_t  *d;

    v = case_option(c, "defaults");

    if (!ngx_litellm_json_is(v, OBJECT)) {
        return NULL;
    }

    a = ngx_array_create(unit_pool, 4, sizeof(ngx_litellm_default_t));
    n = v->count;

    for (i = 0, v++; i < n; i++, v = ngx_litellm_json_next(v + 1)) {
        d = ngx_array_push(a);
        d->key = ngx_litellm_json_text(v);
        d->value = v + 1;
    }

    return a;
}


static ngx_int_t
case_env(void *data, ngx_str_t *name, ngx_str_t *value)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(case_option(data, "env"), (char *) name->data,
                             name->len);

    if (!ngx_litellm_json_is(v, STRING)) {
        return NGX_DECLINED;
    }

    *value = ngx_litellm_json_text(v);

    return NGX_OK;
}


/* as the configuration makes it */

static ngx_int_t
case_deployment(case_t *c)
{
    ngx_int_t                  rc;
    ngx_str_t                  why, want;
    const char                *error;
    ngx_litellm_deployment_t  *d;
    ngx_litellm_config_env_t   env;

    d = &c->deployment;

    d->custom_provider = case_str(c, "provider", c->set->provider);
    d->full_model = case_str(c, "model", c->set->model);
    d->api_base = case_str(c, "base", c->set->base);
    d->api_key = case_str(c, "key", c->set->key ? c->set->key : CASE_KEY);
    d->api_version = case_str(c, "api_version", "");
    d->organization = case_str(c, "organization", "");
    d->settings = case_pairs(c, "settings");
    d->headers = case_pairs(c, "own_headers");
    d->drop = case_list(c, "additional_drop_params");
    d->allow = case_list(c, "allowed_openai_params");
    d->defaults = case_defaults(c);

    ngx_memzero(&env, sizeof(env));
    env.env = case_env;
    env.data = c;

    rc = ngx_litellm_provider_detect(&env, unit_pool, d, &why);

    want = case_str(c, "declined", "");

    if (want.len) {
        CHECK_INT(rc, NGX_BUSY);
        CHECKF(case_has(&why, &want), "why is %.*s", (int) why.len,
               (char *) why.data);
        return NGX_DECLINED;
    }

    if (!CHECKF(rc == NGX_OK, "detected: %d, %.*s", (int) rc, (int) why.len,
                (char *) why.data)
        || !CHECK(ngx_litellm_url_parse(unit_pool, &d->api_base, &d->url,
                                        &error)
                  == NGX_OK))
    {
        return NGX_DECLINED;
    }

    want = case_str(c, "missing", "");
    CHECK_INT(d->no_credentials, want.len != 0);
    CHECK_MEM(&d->missing_env, want.data, want.len);

    if (case_option(c, "mode") != NULL) {
        CHECK_INT(d->mode, case_int(c, "mode", 0));
    }

    if (c->set->made) {
        c->set->made(c);
    }

    return NGX_OK;
}


static void
case_op(case_t *c)
{
    ngx_str_t   op;
    ngx_uint_t  i;

    static const struct {
        const char                   *name;
        ngx_litellm_op_e              op;
        const ngx_litellm_format_t   *format;
    } ops[] = {
        { "chat", NGX_LITELLM_OP_CHAT, &ngx_litellm_openai_chat },
        { "completions", NGX_LITELLM_OP_COMPLETIONS,
          &ngx_litellm_openai_completions },
        { "embeddings", NGX_LITELLM_OP_EMBEDDINGS,
          &ngx_litellm_openai_embeddings },
        { "rerank", NGX_LITELLM_OP_RERANK, &ngx_litellm_rerank_format }
    };

    op = case_str(c, "op", c->set->op ? c->set->op : "chat");

    for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (op.len == ngx_strlen(ops[i].name)
            && ngx_memcmp(op.data, ops[i].name, op.len) == 0)
        {
            c->call.op = ops[i].op;
            c->format = *ops[i].format;
            return;
        }
    }

    CHECKF(0, "no such op");
    c->format = ngx_litellm_openai_chat;
}


/* the deployment and the call, but for the body */

static ngx_int_t
case_setup(case_t *c)
{
    if (case_deployment(c) != NGX_OK) {
        return NGX_DECLINED;
    }

    case_op(c);

    if (c->set->foreign && !case_flag(c, "native")) {
        c->format.same = NULL;
    }

    c->error = case_option(c, "error");
    c->config.modify_params = case_flag(c, "modify_params");

    c->call.pool = unit_pool;
    c->call.log = &unit_log;
    c->call.config = &c->config;
    c->call.deployment = &c->deployment;
    c->call.format = &c->format;
    c->call.model = case_str(c, "path_model", "");
    c->call.provider_model = case_str(c, "provider_model", "");
    c->call.token = case_str(c, "token", "");
    c->call.drop_params = case_flag(c, "drop_params");
    c->call.ask_usage = case_flag(c, "ask_usage");
    c->call.may_fetch = case_flag(c, "may_fetch");
    c->call.now = 1700000000;
    ngx_str_set(&c->call.id, "chatcmpl-unit");

    if (c->call.provider_model.len == 0) {
        c->call.provider_model = c->deployment.model;
    }

    c->model = c->call.provider_model;

    return NGX_OK;
}


/* NGX_DECLINED: the request can't be opened */

static ngx_int_t
case_body(case_t *c)
{
    ngx_str_t  text;

    if (case_file(c, "client_request.json", &text) == NGX_OK) {
        c->call.body = unit_mem(text.data, text.len);

    } else {
        c->made_up = 1;
        c->call.body = case_file(c, "upstream_response.sse", &text) == NGX_OK
                       ? unit_str(CASE_BODY ",\"stream\":true}")
                       : unit_str(CASE_BODY "}");
    }

    text = case_str(c, "not_opened", "");

    if (c->format.open(&c->call, &c->e) == NGX_OK) {
        return CHECK_INT(text.len, 0) ? NGX_OK : NGX_DECLINED;
    }

    CHECKF(text.len && c->e.status == 400 && case_has(&c->e.message, &text),
           "not opened: %.*s", (int) c->e.message.len,
           (char *) c->e.message.data);

    return NGX_DECLINED;
}


/* NGX_DECLINED: the provider has none for the call */

static ngx_int_t
case_dialect(case_t *c)
{
    ngx_str_t  name;

    c->dialect = ngx_litellm_provider_dialect(&c->call);

    if (case_option(c, "dialect") != NULL) {
        name = case_str(c, "dialect", "");

        if (name.len == 0) {
            CHECK(c->dialect == NULL);
            return NGX_DECLINED;
        }

        if (c->dialect != NULL) {
            CHECK_MEM(&c->dialect->name, name.data, name.len);
        }
    }

    return CHECKF(c->dialect != NULL, "not served") ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
case_open(case_t *c, const case_set_t *set, const char *dir)
{
    ngx_str_t  text;

    ngx_memzero(c, sizeof(case_t));
    c->set = set;
    c->dir.data = (u_char *) dir;
    c->dir.len = ngx_strlen(dir);

    unit_case("%s/%s", set->set, dir);

    if (case_file(c, "case.json", &text) == NGX_OK) {
        c->options = case_json(&text);
    }

    if (case_setup(c) != NGX_OK || case_body(c) != NGX_OK) {
        return NGX_DECLINED;
    }

    return case_dialect(c);
}


void
case_call(case_t *c, const case_set_t *set, ngx_str_t body)
{
    ngx_memzero(c, sizeof(case_t));
    c->set = set;

    CHECK(case_setup(c) == NGX_OK);

    c->call.body = body;
    CHECK(c->format.open(&c->call, &c->e) == NGX_OK);

    CHECK(case_dialect(c) == NGX_OK);
}


void
cases(const case_set_t *set)
{
    case_t        c;
    ngx_str_t    *dir;
    ngx_uint_t    i;
    ngx_array_t  *dirs;

    unit_case("t/data/%s", set->set);

    dirs = unit_dir(set->set);

    if (!CHECK(dirs != NULL)) {
        return;
    }

    CHECK(dirs->nelts >= set->least);

    dir = dirs->elts;

    for (i = 0; i < dirs->nelts; i++) {

        if (case_open(&c, set, (char *) dir[i].data) == NGX_OK
            && case_request(&c) == NGX_OK)
        {
            case_answer(&c);
            case_stream(&c);
        }
    }
}
