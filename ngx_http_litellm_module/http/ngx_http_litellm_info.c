
/*
 * What deployments are: GET /model/info and its two other paths.  Of
 * litellm_params there are only members that can't hold a secret, each named
 * here: no key, no header, no setting that is not listed; of an api_base
 * neither user nor query.  model_info is what the operator wrote there to be
 * told, and what is known of the model beside it.
 */

#include "ngx_http_litellm_info.h"


/* of /v2/model/info */
#define NGX_HTTP_LITELLM_INFO_SIZE      50
#define NGX_HTTP_LITELLM_INFO_SIZE_MAX  10000


static ngx_uint_t ngx_http_litellm_info_number(ngx_http_request_t *r,
    const char *name, ngx_uint_t def, ngx_uint_t max);
static ngx_uint_t ngx_http_litellm_info_has(ngx_str_t *s, ngx_str_t *part);
static void ngx_http_litellm_info_list(ngx_http_litellm_info_t *info,
    ngx_uint_t skip, ngx_uint_t max);
static ngx_uint_t ngx_http_litellm_info_wanted(ngx_http_litellm_info_t *info,
    ngx_litellm_deployment_t *d);
static void ngx_http_litellm_info_deployment(ngx_http_litellm_info_t *info,
    ngx_litellm_deployment_t *d);
static void ngx_http_litellm_info_params(ngx_http_litellm_info_t *info,
    ngx_litellm_deployment_t *d);
static void ngx_http_litellm_info_base(ngx_litellm_out_t *out,
    ngx_litellm_deployment_t *d);
static void ngx_http_litellm_info_model(ngx_http_litellm_info_t *info,
    ngx_litellm_deployment_t *d);
static ngx_litellm_json_t *ngx_http_litellm_info_own(
    ngx_http_litellm_info_t *info, ngx_litellm_deployment_t *d,
    ngx_litellm_json_doc_t *doc);
static void ngx_http_litellm_info_known(ngx_litellm_out_t *out,
    ngx_litellm_json_t *own, ngx_litellm_deployment_t *d);
static void ngx_http_litellm_info_prices(ngx_litellm_out_t *out,
    ngx_litellm_json_t *own, ngx_litellm_deployment_t *d);
static void ngx_http_litellm_info_msec(ngx_litellm_out_t *out,
    const char *name, ngx_msec_t ms);


ngx_http_litellm_ability_t  ngx_http_litellm_abilities[] = {
    { ngx_string("supports_function_calling"), NGX_LITELLM_M_TOOLS },
    { ngx_string("supports_parallel_function_calling"),
      NGX_LITELLM_M_PARALLEL_TOOLS },
    { ngx_string("supports_vision"), NGX_LITELLM_M_VISION },
    { ngx_string("supports_web_search"), NGX_LITELLM_M_WEB_SEARCH },
    { ngx_string("supports_reasoning"), NGX_LITELLM_M_REASONING },
    { ngx_string("supports_tool_choice"), NGX_LITELLM_M_TOOL_CHOICE },
    { ngx_string("supports_response_schema"), NGX_LITELLM_M_RESPONSE_SCHEMA },
    { ngx_string("supports_system_messages"), NGX_LITELLM_M_SYSTEM },
    { ngx_string("supports_pdf_input"), NGX_LITELLM_M_PDF },
    { ngx_string("supports_audio_input"), NGX_LITELLM_M_AUDIO_IN },
    { ngx_string("supports_audio_output"), NGX_LITELLM_M_AUDIO_OUT },
    { ngx_string("supports_assistant_prefill"), NGX_LITELLM_M_PREFILL },
    { ngx_string("supports_prompt_caching"), NGX_LITELLM_M_PROMPT_CACHING },
    { ngx_null_string, 0 }
};


/* settings that tell where, not who */

static const char  *const  ngx_http_litellm_info_settings[] = {
    "aws_region_name", "vertex_project", "vertex_location", "region_name", NULL
};


ngx_int_t
ngx_http_litellm_model_info(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    u_char                   *p;
    ngx_int_t                 rc;
    ngx_http_litellm_info_t   info;

    rc = ngx_http_litellm_info_open(&info, r, ctx);

    if (rc != NGX_OK
        || (rc = ngx_http_litellm_info_arg(r, "litellm_model_id", &info.id))
           != NGX_OK)
    {
        return rc;
    }

    ngx_litellm_out_lit(&info.out, "{\"data\":[");
    ngx_http_litellm_info_list(&info, 0, NGX_MAX_INT_T_VALUE);
    ngx_litellm_out_lit(&info.out, "]}");

    if (info.id.len && info.n == 0) {

        p = ngx_pnalloc(r->pool, sizeof("Model id =  not found") + info.id.len);
        if (p == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        (void) ngx_http_litellm_refuse(&ctx->error, NGX_LITELLM_BAD_REQUEST,
                                       400, "invalid_request_error", "");

        ctx->error.message.data = p;
        ctx->error.message.len = ngx_sprintf(p, "Model id = %V not found",
                                             &info.id)
                                 - p;

        return ngx_http_litellm_send_error(r, ctx, &ctx->error);
    }

    return ngx_http_litellm_send_body(r, ctx, NULL, NGX_HTTP_OK, &info.out);
}


/* the same in pages */

ngx_int_t
ngx_http_litellm_model_info_v2(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_uint_t                page, size, pages;
    ngx_http_litellm_info_t   info;

    rc = ngx_http_litellm_info_open(&info, r, ctx);

    if (rc != NGX_OK
        || (rc = ngx_http_litellm_info_arg(r, "modelId", &info.id)) != NGX_OK
        || (rc = ngx_http_litellm_info_arg(r, "model", &info.name)) != NGX_OK
        || (rc = ngx_http_litellm_info_arg(r, "search", &info.search))
           != NGX_OK)
    {
        return rc;
    }

    size = ngx_http_litellm_info_number(r, "size", NGX_HTTP_LITELLM_INFO_SIZE,
                                        NGX_HTTP_LITELLM_INFO_SIZE_MAX);
    page = ngx_http_litellm_info_number(r, "page", 1, 1000000);

    ngx_litellm_out_lit(&info.out, "{\"data\":[");
    ngx_http_litellm_info_list(&info, (page - 1) * size, size);

    pages = (info.n + size - 1) / size;

    ngx_litellm_out_lit(&info.out, "],\"total_count\":");
    ngx_litellm_out_int(&info.out, info.n);
    ngx_http_litellm_info_int(&info.out, "current_page", page);
    ngx_http_litellm_info_int(&info.out, "total_pages", pages);
    ngx_http_litellm_info_int(&info.out, "size", size);
    ngx_litellm_out_lit(&info.out, "}");

    return ngx_http_litellm_send_body(r, ctx, NULL, NGX_HTTP_OK, &info.out);
}


ngx_int_t
ngx_http_litellm_info_open(ngx_http_litellm_info_t *info,
    ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    ngx_memzero(info, sizeof(ngx_http_litellm_info_t));

    info->request = r;
    info->ctx = ctx;
    info->config = lcf->config;

    ngx_litellm_out_init(&info->out, r->pool);

    return ngx_http_discard_request_body(r);
}


ngx_int_t
ngx_http_litellm_info_arg(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    u_char     *src, *dst;
    ngx_str_t   raw;

    ngx_str_null(value);

    if (ngx_http_arg(r, (u_char *) name, ngx_strlen(name), &raw) != NGX_OK
        || raw.len == 0)
    {
        return NGX_OK;
    }

    dst = ngx_pnalloc(r->pool, raw.len);
    if (dst == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    value->data = dst;
    src = raw.data;

    ngx_unescape_uri(&dst, &src, raw.len, 0);

    value->len = dst - value->data;

    return NGX_OK;
}


/* from 1 to max; anything else is the default */

static ngx_uint_t
ngx_http_litellm_info_number(ngx_http_request_t *r, const char *name,
    ngx_uint_t def, ngx_uint_t max)
{
    ngx_int_t  n;
    ngx_str_t  raw;

    if (ngx_http_arg(r, (u_char *) name, ngx_strlen(name), &raw) != NGX_OK) {
        return def;
    }

    n = ngx_atoi(raw.data, raw.len);

    return (n < 1 || (ngx_uint_t) n > max) ? def : (ngx_uint_t) n;
}


static ngx_uint_t
ngx_http_litellm_info_has(ngx_str_t *s, ngx_str_t *part)
{
    size_t  i;

    for (i = 0; i + part->len <= s->len; i++) {
        if (ngx_strncasecmp(s->data + i, part->data, part->len) == 0) {
            return 1;
        }
    }

    return 0;
}


/* in the order of the file; all that are wanted are counted */

static void
ngx_http_litellm_info_list(ngx_http_litellm_info_t *info, ngx_uint_t skip,
    ngx_uint_t max)
{
    ngx_uint_t                  i, n;
    ngx_litellm_deployment_t  **d;

    n = 0;
    d = info->config->deployments.elts;

    for (i = 0; i < info->config->deployments.nelts; i++) {

        if (!ngx_http_litellm_info_wanted(info, d[i])) {
            continue;
        }

        if (info->n++ < skip || n == max) {
            continue;
        }

        if (n++) {
            ngx_litellm_out_lit(&info->out, ",");
        }

        ngx_http_litellm_info_deployment(info, d[i]);
    }
}


static ngx_uint_t
ngx_http_litellm_info_wanted(ngx_http_litellm_info_t *info,
    ngx_litellm_deployment_t *d)
{
    if (info->id.len
        && (info->id.len != d->id.len
            || ngx_memcmp(info->id.data, d->id.data, d->id.len) != 0))
    {
        return 0;
    }

    if (info->name.len
        && (info->name.len != d->group.len
            || ngx_memcmp(info->name.data, d->group.data, d->group.len) != 0))
    {
        return 0;
    }

    if (info->search.len
        && !ngx_http_litellm_info_has(&d->group, &info->search))
    {
        return 0;
    }

    return ngx_http_litellm_who_allows(info->ctx, info->config, &d->group);
}


static void
ngx_http_litellm_info_deployment(ngx_http_litellm_info_t *info,
    ngx_litellm_deployment_t *d)
{
    ngx_litellm_out_lit(&info->out, "{\"model_name\":");
    ngx_litellm_out_json(&info->out, &d->group);

    ngx_http_litellm_info_params(info, d);
    ngx_http_litellm_info_model(info, d);

    ngx_litellm_out_lit(&info->out, "}");
}


static void
ngx_http_litellm_info_params(ngx_http_litellm_info_t *info,
    ngx_litellm_deployment_t *d)
{
    ngx_str_t          *s;
    ngx_uint_t          i;
    const char *const  *name;
    ngx_litellm_out_t  *out;

    out = &info->out;

    ngx_litellm_out_lit(out, ",\"litellm_params\":{\"model\":");
    ngx_litellm_out_json(out, &d->full_model);

    ngx_http_litellm_info_text(out, "custom_llm_provider",
                               &d->custom_provider);
    ngx_http_litellm_info_base(out, d);
    ngx_http_litellm_info_text(out, "api_version", &d->api_version);

    for (name = ngx_http_litellm_info_settings; *name; name++) {

        s = ngx_litellm_config_setting(d, *name, ngx_strlen(*name));

        if (s != NULL) {
            ngx_http_litellm_info_text(out, *name, s);
        }
    }

    ngx_http_litellm_info_int(out, "rpm", d->rpm);
    ngx_http_litellm_info_int(out, "tpm", d->tpm);
    ngx_http_litellm_info_int(out, "max_parallel_requests", d->max_parallel);
    ngx_http_litellm_info_int(out, "num_retries", d->num_retries);
    ngx_http_litellm_info_msec(out, "timeout", d->timeout);
    ngx_http_litellm_info_msec(out, "stream_timeout", d->stream_timeout);

    if (d->order != NGX_MAX_INT_T_VALUE) {
        ngx_http_litellm_info_int(out, "order", d->order);
    }

    if (d->tags != NULL) {
        s = d->tags->elts;

        ngx_litellm_out_lit(out, ",\"tags\":[");

        for (i = 0; i < d->tags->nelts; i++) {
            if (i) {
                ngx_litellm_out_lit(out, ",");
            }

            ngx_litellm_out_json(out, &s[i]);
        }

        ngx_litellm_out_lit(out, "]");
    }

    ngx_litellm_out_lit(out, "}");
}


static void
ngx_http_litellm_info_base(ngx_litellm_out_t *out,
    ngx_litellm_deployment_t *d)
{
    if (d->url.host.len == 0) {
        return;
    }

    ngx_litellm_out_lit(out, ",\"api_base\":\"http");

    if (d->url.tls) {
        ngx_litellm_out_lit(out, "s");
    }

    ngx_litellm_out_lit(out, "://");
    ngx_litellm_out_escape(out, d->url.authority.data, d->url.authority.len);
    ngx_litellm_out_escape(out, d->url.path.data, d->url.path.len);
    ngx_litellm_out_lit(out, "\"");
}


/* the operator's members, then those that he does not say */

static void
ngx_http_litellm_info_model(ngx_http_litellm_info_t *info,
    ngx_litellm_deployment_t *d)
{
    uint32_t                 i;
    ngx_litellm_out_t       *out;
    ngx_litellm_json_t      *own, *key, *value;
    ngx_litellm_json_doc_t   doc;

    out = &info->out;

    ngx_litellm_out_lit(out, ",\"model_info\":{\"id\":");
    ngx_litellm_out_json(out, &d->id);
    ngx_litellm_out_lit(out, ",\"db_model\":false");

    own = ngx_http_litellm_info_own(info, d, &doc);

    if (own != NULL) {

        key = own + 1;

        for (i = 0; i < own->count; i++) {

            value = ngx_litellm_json_next(key);

            if (!ngx_litellm_json_eq(key, "id")
                && !ngx_litellm_json_eq(key, "db_model"))
            {
                ngx_litellm_out_lit(out, ",");
                ngx_litellm_out_copy(out, key->start, key->len);
                ngx_litellm_out_lit(out, ":");
                ngx_litellm_out_copy(out, value->start, value->len);
            }

            key = ngx_litellm_json_next(value);
        }
    }

    ngx_http_litellm_info_known(out, own, d);

    ngx_litellm_out_lit(out, "}");
}


static ngx_litellm_json_t *
ngx_http_litellm_info_own(ngx_http_litellm_info_t *info,
    ngx_litellm_deployment_t *d, ngx_litellm_json_doc_t *doc)
{
    ngx_memzero(doc, sizeof(ngx_litellm_json_doc_t));

    doc->pool = info->request->pool;
    doc->keep = 2;

    if (d->model_info.len <= 2
        || ngx_litellm_json_parse(doc, d->model_info.data, d->model_info.len)
           != NGX_OK
        || !ngx_litellm_json_is(doc->root, OBJECT))
    {
        return NULL;
    }

    return doc->root;
}


#define ngx_http_litellm_info_said(own, name)                                 \
    (ngx_litellm_json_get(own, name, ngx_strlen(name)) != NULL)


static void
ngx_http_litellm_info_known(ngx_litellm_out_t *out, ngx_litellm_json_t *own,
    ngx_litellm_deployment_t *d)
{
    ngx_str_t                   *mode;
    const ngx_litellm_model_t   *m;
    ngx_http_litellm_ability_t  *a;

    m = d->info;
    mode = ngx_http_litellm_mode_name(d->mode);

    if (!ngx_http_litellm_info_said(own, "key")) {
        ngx_http_litellm_info_text(out, "key", &d->model);
    }

    if (d->provider != NULL
        && !ngx_http_litellm_info_said(own, "litellm_provider"))
    {
        ngx_http_litellm_info_text(out, "litellm_provider",
                                   (ngx_str_t *) &d->provider->name);
    }

    if (!ngx_http_litellm_info_said(own, "mode")) {
        ngx_http_litellm_info_text(out, "mode", mode);
    }

    if (m != NULL) {

        if (m->max_output && !ngx_http_litellm_info_said(own, "max_tokens")) {
            ngx_http_litellm_info_int(out, "max_tokens", m->max_output);
        }

        if (m->max_input
            && !ngx_http_litellm_info_said(own, "max_input_tokens"))
        {
            ngx_http_litellm_info_int(out, "max_input_tokens", m->max_input);
        }

        if (m->max_output
            && !ngx_http_litellm_info_said(own, "max_output_tokens"))
        {
            ngx_http_litellm_info_int(out, "max_output_tokens",
                                      m->max_output);
        }

        for (a = ngx_http_litellm_abilities; a->name.len; a++) {

            if (ngx_litellm_json_get(own, (char *) a->name.data, a->name.len)
                != NULL)
            {
                continue;
            }

            ngx_http_litellm_info_ability(out, a, m->flags);
        }
    }

    ngx_http_litellm_info_prices(out, own, d);
}


static void
ngx_http_litellm_info_prices(ngx_litellm_out_t *out, ngx_litellm_json_t *own,
    ngx_litellm_deployment_t *d)
{
    int64_t           money;
    ngx_int_t         rc;
    ngx_uint_t        i;
    const ngx_str_t  *key;

    for (i = 0; /* void */ ; i++) {

        rc = ngx_litellm_price_plain(d->price, i, &key, &money);

        if (rc == NGX_DONE) {
            break;
        }

        if (rc == NGX_OK
            && ngx_litellm_json_get(own, (char *) key->data, key->len)
               == NULL)
        {
            ngx_http_litellm_info_money(out, key, money);
        }
    }
}


void
ngx_http_litellm_info_text(ngx_litellm_out_t *out, const char *name,
    ngx_str_t *text)
{
    if (text->len == 0) {
        return;
    }

    ngx_litellm_out_lit(out, ",\"");
    ngx_litellm_out_copy(out, name, ngx_strlen(name));
    ngx_litellm_out_lit(out, "\":");
    ngx_litellm_out_json(out, text);
}


void
ngx_http_litellm_info_int(ngx_litellm_out_t *out, const char *name, int64_t n)
{
    if (n < 0) {
        return;
    }

    ngx_litellm_out_lit(out, ",\"");
    ngx_litellm_out_copy(out, name, ngx_strlen(name));
    ngx_litellm_out_lit(out, "\":");
    ngx_litellm_out_int(out, n);
}


/* seconds */

static void
ngx_http_litellm_info_msec(ngx_litellm_out_t *out, const char *name,
    ngx_msec_t ms)
{
    u_char  *p, buf[NGX_INT64_LEN + 4];

    if (ms == 0) {
        return;
    }

    p = (ms % 1000) ? ngx_sprintf(buf, "%M.%03M", ms / 1000, ms % 1000)
                    : ngx_sprintf(buf, "%M", ms / 1000);

    ngx_litellm_out_lit(out, ",\"");
    ngx_litellm_out_copy(out, name, ngx_strlen(name));
    ngx_litellm_out_lit(out, "\":");
    ngx_litellm_out_copy(out, buf, p - buf);
}


void
ngx_http_litellm_info_money(ngx_litellm_out_t *out, const ngx_str_t *name,
    int64_t money)
{
    u_char  *p, buf[NGX_LITELLM_MONEY_LEN];

    p = ngx_litellm_money_print(buf, money);

    ngx_litellm_out_lit(out, ",\"");
    ngx_litellm_out_str(out, name);
    ngx_litellm_out_lit(out, "\":");
    ngx_litellm_out_copy(out, buf, p - buf);
}


void
ngx_http_litellm_info_ability(ngx_litellm_out_t *out,
    ngx_http_litellm_ability_t *a, uint32_t flags)
{
    ngx_litellm_out_lit(out, ",\"");
    ngx_litellm_out_str(out, &a->name);

    if (flags & a->flag) {
        ngx_litellm_out_lit(out, "\":true");

    } else {
        ngx_litellm_out_lit(out, "\":false");
    }
}
