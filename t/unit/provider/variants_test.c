
/*
 * Providers that speak OpenAI's dialect with differences of their own: the
 * cases below t/data/{azure,azure_ai,mistral,groq,deepseek}, each a deployment
 * as the configuration makes it (detection and setup() included), a request, an
 * answer, a stream or an error.
 *
 * case.json: model, api_base, api_key, api_version, settings, env, defaults,
 * token, drop_params; what must come out: path, headers, error (of the
 * request or of upstream_error.json with its status), declined (why a
 * deployment is left out), missing (the variable), mode, facts.
 *
 * client_request.json      goes up as upstream_request.json
 * upstream_response.json   comes down as client_response.json, or untouched
 * upstream_response.sse    comes down as client_response.sse, however it is cut
 */

#include "openai_call.h"
#include "ngx_litellm_azure.h"
#include "ngx_litellm_credential.h"
#include "ngx_litellm_sse.h"

#include <stdio.h>


static const char  *providers[] = {
    "azure", "azure_ai", "mistral", "groq", "deepseek", NULL
};

static const char          *dirname;
static ngx_litellm_json_t  *variables;


typedef struct {
    ngx_litellm_deployment_t   deployment;
    ngx_litellm_config_t       config;
    ngx_litellm_call_t         call;
    ngx_litellm_error_t        error;
} variant_call_t;


static ngx_int_t
data_file(ngx_str_t *name, const char *file, ngx_str_t *text)
{
    char  path[256];

    snprintf(path, sizeof(path), "%s/%.*s/%s", dirname, (int) name->len,
             name->data, file);

    return unit_file(path, text);
}


static ngx_litellm_json_t *
parse(ngx_str_t *text)
{
    ngx_litellm_json_doc_t  *doc;

    doc = ngx_pcalloc(unit_pool, sizeof(ngx_litellm_json_doc_t));
    doc->pool = unit_pool;

    if (ngx_litellm_json_parse(doc, text->data, text->len) != NGX_OK) {
        return NULL;
    }

    return doc->root;
}


static ngx_str_t
text_of(ngx_litellm_json_t *v, const char *name)
{
    ngx_str_t  s, dst;

    v = ngx_litellm_json_get(v, name, ngx_strlen(name));

    if (!ngx_litellm_json_is(v, STRING)) {
        return unit_str("");
    }

    s = ngx_litellm_json_text(v);
    (void) ngx_litellm_json_unescape(unit_pool, &dst, &s);

    return unit_mem(dst.data, dst.len);
}


static int64_t
int_of(ngx_litellm_json_t *v, const char *name, int64_t def)
{
    int64_t  n;

    v = ngx_litellm_json_get(v, name, ngx_strlen(name));

    if (v == NULL || ngx_litellm_json_int(v, &n) != NGX_OK) {
        return def;
    }

    return n;
}


static ngx_uint_t
has(ngx_str_t *text, ngx_str_t *word)
{
    return word->len == 0
           || ngx_litellm_find(text->data, text->data + text->len,
                               (char *) word->data, word->len)
              != NULL;
}


static ngx_int_t
env(void *data, ngx_str_t *name, ngx_str_t *value)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(variables, (char *) name->data, name->len);

    if (v == NULL) {
        return NGX_DECLINED;
    }

    *value = ngx_litellm_json_text(v);

    return NGX_OK;
}


/* members of an object as ngx_keyval_t or ngx_litellm_default_t */

static ngx_array_t *
members(ngx_litellm_json_t *object, ngx_uint_t defaults)
{
    ngx_uint_t              i;
    ngx_array_t            *a;
    ngx_keyval_t           *kv;
    ngx_litellm_json_t     *key, *v;
    ngx_litellm_default_t  *d;

    if (object == NULL) {
        return NULL;
    }

    a = ngx_array_create(unit_pool, 4, defaults ? sizeof(*d) : sizeof(*kv));
    key = object + 1;

    for (i = 0; i < object->count; i++, key = ngx_litellm_json_next(v)) {
        v = ngx_litellm_json_next(key);

        if (defaults) {
            d = ngx_array_push(a);
            d->key = ngx_litellm_json_text(key);
            d->value = v;

        } else {
            kv = ngx_array_push(a);
            kv->key = ngx_litellm_json_text(key);
            kv->value = ngx_litellm_json_text(v);
        }
    }

    return a;
}


/* the deployment of case.json; rc of the detection */

static ngx_int_t
setup(variant_call_t *c, ngx_litellm_json_t *conf, ngx_str_t *why)
{
    ngx_int_t                  rc;
    ngx_str_t                  s;
    const char                *error;
    ngx_litellm_deployment_t  *d;
    ngx_litellm_config_env_t   e;

    ngx_memzero(c, sizeof(variant_call_t));
    ngx_memzero(&e, sizeof(e));

    e.env = env;
    variables = ngx_litellm_json_member(conf, "env");

    d = &c->deployment;

    d->full_model = text_of(conf, "model");
    d->api_base = text_of(conf, "api_base");
    d->api_key = text_of(conf, "api_key");
    d->api_version = text_of(conf, "api_version");
    d->settings = members(ngx_litellm_json_member(conf, "settings"), 0);
    d->defaults = members(ngx_litellm_json_member(conf, "defaults"), 1);

    rc = ngx_litellm_provider_detect(&e, unit_pool, d, why);

    if (rc != NGX_OK) {
        return rc;
    }

    if (!CHECK_INT(ngx_litellm_url_parse(unit_pool, &d->api_base, &d->url,
                                         &error), NGX_OK))
    {
        return NGX_ERROR;
    }

    c->call.pool = unit_pool;
    c->call.log = &unit_log;
    c->call.config = &c->config;
    c->call.deployment = d;
    c->call.provider_model = d->model;
    c->call.token = text_of(conf, "token");
    c->call.drop_params = ngx_litellm_json_member(conf, "drop_params") != NULL;
    c->call.ask_usage = ngx_litellm_json_member(conf, "ask_usage") != NULL;

    s = text_of(conf, "op");

    c->call.op = (s.len == 0) ? NGX_LITELLM_OP_CHAT
                 : (s.data[0] == 'e') ? NGX_LITELLM_OP_EMBEDDINGS
                 : (s.data[0] == 'r') ? NGX_LITELLM_OP_RERANK
                 : NGX_LITELLM_OP_COMPLETIONS;

    s = text_of(conf, "asked");

    if (s.len) {
        c->call.provider_model = s;
    }

    return NGX_OK;
}


static void
check_error(ngx_litellm_json_t *want, ngx_litellm_error_t *e)
{
    ngx_str_t  s;

    CHECK_INT(e->status, int_of(want, "status", 0));

    s = text_of(want, "class");
    CHECK_MEM(ngx_litellm_error_class(e->class), s.data, s.len);

    s = text_of(want, "text");
    CHECKF(has(&e->message, &s), "message is %.*s", (int) e->message.len,
           e->message.data);

    s = text_of(want, "without");
    CHECKF(s.len == 0 || !has(&e->message, &s), "message is %.*s",
           (int) e->message.len, e->message.data);
    CHECK(s.len == 0 || !has(&e->specific, &s));

    s = text_of(want, "type");
    CHECK_MEM(&e->type, s.data, s.len);

    s = text_of(want, "code");
    CHECK_MEM(&e->code, s.data, s.len);

    s = text_of(want, "specific");
    CHECK_MEM(&e->specific, s.data, s.len);
}


static void
check_facts(ngx_litellm_json_t *want, ngx_litellm_facts_t *f)
{
    ngx_str_t  s;

    if (want == NULL) {
        return;
    }

    if (ngx_litellm_json_member(want, "finish") != NULL) {
        s = text_of(want, "finish");
        CHECK_MEM(ngx_litellm_finish_name(f->finish), s.data, s.len);
    }

    if (ngx_litellm_json_member(want, "prompt") != NULL) {
        CHECK_INT(f->usage.prompt, int_of(want, "prompt", 0));
        CHECK_INT(f->usage.completion, int_of(want, "completion", 0));
    }

    if (ngx_litellm_json_member(want, "cached") != NULL) {
        CHECK_INT(f->usage.cached, int_of(want, "cached", 0));
    }
}


static void
check_wire(ngx_litellm_json_t *conf, ngx_litellm_wire_t *wire)
{
    ngx_str_t            s;
    ngx_uint_t           i;
    ngx_keyval_t        *h;
    ngx_litellm_json_t  *v, *headers;

    if (ngx_litellm_json_member(conf, "path") != NULL) {
        s = text_of(conf, "path");
        CHECK_MEM(&wire->path, s.data, s.len);
    }

    headers = ngx_litellm_json_member(conf, "headers");

    if (headers == NULL) {
        return;
    }

    CHECK_INT(wire->headers.nelts, headers->count);

    h = wire->headers.elts;

    for (i = 0; i < wire->headers.nelts; i++) {
        v = ngx_litellm_json_get(headers, (char *) h[i].key.data,
                                 h[i].key.len);

        if (CHECKF(v != NULL, "header %.*s", (int) h[i].key.len,
                   h[i].key.data))
        {
            s = ngx_litellm_json_text(v);
            CHECK_MEM(&h[i].value, s.data, s.len);
        }
    }
}


static void
request_case(ngx_str_t *name, variant_call_t *c, ngx_litellm_json_t *conf)
{
    ngx_int_t                     rc;
    ngx_str_t                     want, got;
    ngx_uint_t                    i;
    ngx_litellm_wire_t            wire;
    ngx_litellm_json_t           *error;
    const ngx_litellm_dialect_t  *dialect;

    dialect = ngx_litellm_provider_dialect(&c->call);
    error = ngx_litellm_json_member(conf, "error");

    if (!CHECK(dialect == &ngx_litellm_openai_dialect)) {
        return;
    }

    /* twice: a second attempt finds the call as the first one did */

    for (i = 0; i < 2; i++) {
        ngx_memzero(&wire, sizeof(ngx_litellm_wire_t));
        ngx_litellm_out_init(&wire.body, unit_pool);
        ngx_memzero(&c->error, sizeof(ngx_litellm_error_t));

        rc = dialect->request(&c->call, &wire, &c->error);

        if (error != NULL) {
            CHECK_INT(rc, NGX_DECLINED);
            check_error(error, &c->error);
            continue;
        }

        if (!CHECKF(rc == NGX_OK, "request() is %ld: %.*s", (long) rc,
                    (int) c->error.message.len, c->error.message.data))
        {
            return;
        }

        got = unit_chain(wire.body.first);

        if (data_file(name, "upstream_request.json", &want) == NGX_OK) {
            CHECK_MEM(&got, want.data, want.len);
        }

        CHECK(parse(&got) != NULL);
        check_wire(conf, &wire);
    }
}


static void
answer_case(ngx_str_t *name, variant_call_t *c, ngx_litellm_json_t *conf,
    ngx_str_t *text)
{
    ngx_int_t             rc;
    ngx_str_t             body, want;
    ngx_litellm_json_t   *error;
    ngx_litellm_facts_t   facts;

    ngx_memzero(&facts, sizeof(ngx_litellm_facts_t));

    body = unit_mem(text->data, text->len);
    error = ngx_litellm_json_member(conf, "error");

    rc = ngx_litellm_openai_dialect.tap(&c->call, &body, &facts);

    if (error != NULL) {
        CHECK_INT(rc, NGX_DECLINED);
        check_error(error, &facts.error);
        return;
    }

    CHECK_INT(rc, NGX_OK);
    check_facts(ngx_litellm_json_member(conf, "facts"), &facts);

    if (data_file(name, "client_response.json", &want) != NGX_OK) {
        CHECK(facts.data.data == NULL);
        return;
    }

    if (CHECK(facts.data.data != NULL)) {
        CHECK_MEM(&facts.data, want.data, want.len);
        CHECK(parse(&facts.data) != NULL);
    }
}


static void
replay(ngx_str_t *name, ngx_litellm_json_t *conf, ngx_str_t *text,
    size_t split)
{
    u_char                   *p, *last;
    ngx_int_t                 rc;
    ngx_str_t                 piece, want, why, out, data;
    ngx_uint_t                i;
    ngx_litellm_sse_t         sse;
    variant_call_t            c;
    ngx_litellm_json_t       *error;
    ngx_litellm_facts_t       facts;
    ngx_litellm_json_doc_t    doc;
    ngx_litellm_sse_event_t   ev;

    if (setup(&c, conf, &why) != NGX_OK) {
        return;
    }

    c.call.body = unit_str("{\"model\":\"m\",\"messages\":[],\"stream\":true}");
    (void) data_file(name, "client_request.json", &c.call.body);

    CHECK_INT(ngx_litellm_openai_open(&c.call, &c.error), NGX_OK);

    ngx_memzero(&facts, sizeof(ngx_litellm_facts_t));
    ngx_memzero(&sse, sizeof(ngx_litellm_sse_t));
    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    sse.pool = unit_pool;
    sse.max = 65536;
    doc.pool = unit_pool;

    out.data = ngx_palloc(unit_pool, 65536);
    out.len = 0;

    for (i = 0; i < 3; i++) {

        if (i < 2) {
            piece = i ? unit_mem(text->data + split, text->len - split)
                      : unit_mem(text->data, split);
            p = piece.data;
            last = p + piece.len;
        }

        for ( ;; ) {
            rc = (i < 2) ? ngx_litellm_sse_next(&sse, &p, last, &ev)
                         : ngx_litellm_sse_last(&sse, &ev);

            if (rc != NGX_OK) {
                break;
            }

            if (ev.data.data == NULL) {
                continue;
            }

            data = unit_mem(ev.data.data, ev.data.len);

            rc = ngx_litellm_openai_dialect.tap_event(&c.call, &doc, &data,
                                                      &facts);
            CHECK(rc == NGX_OK || rc == NGX_DECLINED);

            if (facts.failed) {
                goto done;
            }

            if (rc == NGX_DECLINED) {
                continue;
            }

            if (facts.data.data != NULL) {
                data = facts.data;
            }

            out.len += sprintf((char *) out.data + out.len,
                               "data: %.*s\n\n", (int) data.len, data.data);
        }
    }

done:

    error = ngx_litellm_json_member(conf, "error");

    CHECK_INT(facts.failed, error != NULL);

    if (error != NULL) {
        check_error(error, &facts.error);
    }

    check_facts(ngx_litellm_json_member(conf, "facts"), &facts);

    if (CHECK_INT(data_file(name, "client_response.sse", &want), NGX_OK)) {
        CHECK_MEM(&out, want.data, want.len);
    }
}


static void
deployment_case(variant_call_t *c, ngx_litellm_json_t *conf)
{
    ngx_str_t                  s;
    ngx_litellm_deployment_t  *d;

    d = &c->deployment;

    s = text_of(conf, "missing");
    CHECK_INT(d->no_credentials, s.len != 0);
    CHECK_MEM(&d->missing_env, s.data, s.len);

    if (ngx_litellm_json_member(conf, "mode") != NULL) {
        CHECK_INT(d->mode, int_of(conf, "mode", 0));
    }

    s = text_of(conf, "credential");
    CHECK_INT(d->credential != NULL, s.len != 0);

    if (s.len && d->credential != NULL) {
        CHECK_INT(d->credential->type, NGX_LITELLM_CREDENTIAL_ENTRA);
        CHECK_MEM(&d->credential->url.path, s.data, s.len);

        s = text_of(conf, "authority");
        CHECK_MEM(&d->credential->url.host, s.data, s.len);

        s = text_of(conf, "scope");
        CHECK_MEM(&d->credential->scope, s.data, s.len);
    }
}


static void
run_case(ngx_str_t *name)
{
    size_t               i;
    ngx_int_t            rc;
    ngx_str_t            file, text, why, s;
    variant_call_t       c;
    ngx_litellm_json_t  *conf;
    ngx_litellm_error_t  e;

    if (!CHECK_INT(data_file(name, "case.json", &file), NGX_OK)
        || !CHECK((conf = parse(&file)) != NULL))
    {
        return;
    }

    rc = setup(&c, conf, &why);

    if (ngx_litellm_json_member(conf, "declined") != NULL) {
        s = text_of(conf, "declined");

        CHECK_INT(rc, NGX_BUSY);
        CHECKF(has(&why, &s), "why is %.*s", (int) why.len, why.data);

        return;
    }

    if (!CHECK_INT(rc, NGX_OK)) {
        return;
    }

    deployment_case(&c, conf);

    c.call.body = unit_str("{\"model\":\"m\",\"messages\":[],\"input\":\"\","
                           "\"prompt\":\"\"}");

    rc = data_file(name, "client_request.json", &c.call.body);

    if (!CHECK_INT(ngx_litellm_openai_open(&c.call, &c.error), NGX_OK)) {
        return;
    }

    if (ngx_litellm_json_member(conf, "dialect") != NULL) {
        s = text_of(conf, "dialect");

        if (s.len == 0) {
            CHECK(ngx_litellm_provider_dialect(&c.call) == NULL);

        } else {
            CHECK_MEM(&ngx_litellm_provider_dialect(&c.call)->name, s.data,
                      s.len);
        }
    }

    if (data_file(name, "upstream_error.json", &text) == NGX_OK) {
        ngx_memzero(&e, sizeof(ngx_litellm_error_t));
        ngx_litellm_openai_dialect.error(&c.call, int_of(conf, "status", 400),
                                         &text, &e);
        check_error(ngx_litellm_json_member(conf, "error"), &e);

    } else if (data_file(name, "upstream_response.json", &text) == NGX_OK) {
        answer_case(name, &c, conf, &text);

    } else if (data_file(name, "upstream_response.sse", &text) == NGX_OK) {

        for (i = 0; i <= text.len; i++) {
            unit_case("%s/%.*s split at %lu", dirname, (int) name->len,
                      name->data, (unsigned long) i);

            (void) data_file(name, "case.json", &file);
            (void) data_file(name, "upstream_response.sse", &text);

            replay(name, parse(&file), &text, i);
        }

    } else if (rc == NGX_OK || ngx_litellm_json_member(conf, "path") != NULL) {
        request_case(name, &c, conf);
    }
}


void
unit_main(void)
{
    ngx_str_t    *name;
    ngx_uint_t    n, k;
    ngx_array_t  *dir;

    for (k = 0; providers[k]; k++) {
        dirname = providers[k];
        dir = unit_dir(dirname);

        if (!CHECKF(dir != NULL && dir->nelts > 4, "cases of %s", dirname)) {
            continue;
        }

        name = dir->elts;

        for (n = 0; n < dir->nelts; n++) {
            unit_case("%s/%.*s", dirname, (int) name[n].len, name[n].data);
            run_case(&name[n]);
        }
    }
}
