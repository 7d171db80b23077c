
/*
 * Tags and sessions of a request.
 *
 * Tags stand in the body ("tags", "metadata", "litellm_metadata"), in
 * x-litellm-tags, and in the records of the key and its team, which nobody who
 * calls can leave out; all of them count.  "!tag" keeps deployments with that tag
 * out, "&tag" wants it.  Where there is a tag_routing_prefix it is taken off:
 * a tag with it is meant for routing, whatever the group has.  What tags lead
 * to is ngx_http_litellm_pick_match.c's.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_pick.h"


#define NGX_HTTP_LITELLM_MAX_TAGS  64


static ngx_int_t ngx_http_litellm_pick_headers(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_pick_metadata(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_json_t *value);
static ngx_int_t ngx_http_litellm_pick_list(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_json_t *list);
static ngx_int_t ngx_http_litellm_pick_parse(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_json_t *value, ngx_litellm_json_doc_t *doc);
static ngx_int_t ngx_http_litellm_pick_session(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_json_t *value);
static ngx_int_t ngx_http_litellm_pick_owner(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_principal_t *p);
static ngx_int_t ngx_http_litellm_pick_tag(ngx_http_litellm_ctx_t *ctx,
    ngx_str_t *tag);


#define ngx_http_litellm_pick_is(s, lit)                                      \
    ((s)->len == sizeof(lit) - 1                                              \
     && ngx_memcmp((s)->data, lit, sizeof(lit) - 1) == 0)


ngx_int_t
ngx_http_litellm_pick_tags(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_litellm_json_t      *v;
    ngx_litellm_member_t    *m;
    ngx_litellm_json_doc_t   doc;

    ngx_str_null(&ctx->session);

    m = ctx->call.control.elts;

    for (i = 0; i < ctx->call.control.nelts; i++) {

        v = m[i].value;
        rc = NGX_OK;

        if (ngx_http_litellm_pick_is(&m[i].key, "litellm_session_id")) {
            rc = ngx_http_litellm_pick_session(ctx, v);

        } else if (ngx_http_litellm_pick_is(&m[i].key, "litellm_metadata")) {
            rc = ngx_http_litellm_pick_metadata(ctx, v);

        } else if (ngx_http_litellm_pick_is(&m[i].key, "tags")
                   && v->type == NGX_LITELLM_JSON_ARRAY)
        {
            rc = ngx_http_litellm_pick_parse(ctx, v, &doc);

            if (rc == NGX_OK) {
                rc = ngx_http_litellm_pick_list(ctx, doc.root);
            }
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    v = ctx->call.param[NGX_LITELLM_P_METADATA];

    if (v != NULL) {
        rc = ngx_http_litellm_pick_metadata(ctx, v);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_litellm_pick_headers(r, ctx);

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_pick_owner(ctx, ctx->who.key);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_pick_owner(ctx, ctx->who.team);
    }

    return rc;
}


static ngx_int_t
ngx_http_litellm_pick_headers(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    u_char           *p, *last, *end;
    ngx_int_t         rc;
    ngx_str_t         tag;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    if (!ngx_http_litellm_route_steered(r, ctx)) {
        return NGX_OK;
    }

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == sizeof("x-litellm-session-id") - 1
            && ngx_memcmp(h[i].lowcase_key, "x-litellm-session-id",
                          h[i].key.len)
               == 0)
        {
            if (ctx->session.len == 0) {
                ctx->session = h[i].value;
            }

            continue;
        }

        if (h[i].key.len != sizeof("x-litellm-tags") - 1
            || ngx_memcmp(h[i].lowcase_key, "x-litellm-tags", h[i].key.len)
               != 0)
        {
            continue;
        }

        p = h[i].value.data;
        last = p + h[i].value.len;

        for ( /* void */ ; p < last; p = end + 1) {

            end = ngx_strlchr(p, last, ',');

            if (end == NULL) {
                end = last;
            }

            tag.data = p;
            tag.len = end - p;

            while (tag.len && *tag.data == ' ') {
                tag.data++;
                tag.len--;
            }

            while (tag.len && tag.data[tag.len - 1] == ' ') {
                tag.len--;
            }

            rc = ngx_http_litellm_pick_tag(ctx, &tag);

            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    return NGX_OK;
}


/* {"tags": [...], "session_id": "..."} */

static ngx_int_t
ngx_http_litellm_pick_metadata(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_json_t *value)
{
    ngx_int_t                rc;
    ngx_litellm_json_t      *v;
    ngx_litellm_json_doc_t   doc;

    if (value->type != NGX_LITELLM_JSON_OBJECT || value->count == 0) {
        return NGX_OK;
    }

    rc = ngx_http_litellm_pick_parse(ctx, value, &doc);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    v = ngx_litellm_json_member(doc.root, "session_id");

    if (v != NULL) {
        rc = ngx_http_litellm_pick_session(ctx, v);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    v = ngx_litellm_json_member(doc.root, "tags");

    return ngx_litellm_json_is(v, ARRAY) ? ngx_http_litellm_pick_list(ctx, v)
                                         : NGX_OK;
}


/* the nodes of what was only skipped when the body was read */

static ngx_int_t
ngx_http_litellm_pick_parse(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_json_t *value, ngx_litellm_json_doc_t *doc)
{
    ngx_memzero(doc, sizeof(ngx_litellm_json_doc_t));

    doc->pool = ctx->call.pool;
    doc->keep = 3;

    return ngx_litellm_json_parse(doc, value->start, value->len);
}


static ngx_int_t
ngx_http_litellm_pick_list(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_json_t *list)
{
    ngx_int_t            rc;
    ngx_str_t            s, tag;
    ngx_uint_t           i;
    ngx_litellm_json_t  *item;

    item = list + 1;

    for (i = 0; i < list->count; i++, item = ngx_litellm_json_next(item)) {

        if (item->type != NGX_LITELLM_JSON_STRING) {
            continue;
        }

        s = ngx_litellm_json_text(item);

        if (ngx_litellm_json_unescape(ctx->call.pool, &tag, &s) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = ngx_http_litellm_pick_tag(ctx, &tag);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* its bytes are compared with nothing but themselves: escapes may stay */

static ngx_int_t
ngx_http_litellm_pick_session(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_json_t *value)
{
    ngx_str_t  s;

    if (value->type != NGX_LITELLM_JSON_STRING || ctx->session.len) {
        return NGX_OK;
    }

    s = ngx_litellm_json_text(value);

    return ngx_litellm_json_unescape(ctx->call.pool, &ctx->session, &s);
}


static ngx_int_t
ngx_http_litellm_pick_owner(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_principal_t *p)
{
    ngx_int_t    rc;
    ngx_str_t   *tag;
    ngx_uint_t   i;

    if (p == NULL || p->tags == NULL) {
        return NGX_OK;
    }

    tag = p->tags->elts;

    for (i = 0; i < p->tags->nelts; i++) {
        rc = ngx_http_litellm_pick_tag(ctx, &tag[i]);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_pick_tag(ngx_http_litellm_ctx_t *ctx, ngx_str_t *tag)
{
    ngx_str_t                name, *prefix;
    ngx_uint_t               i, routing;
    ngx_http_litellm_tag_t  *item;
    ngx_http_litellm_tag_e   kind;

    name = *tag;
    prefix = &ctx->call.config->tag_prefix;

    routing = prefix->len && name.len >= prefix->len
              && ngx_memcmp(name.data, prefix->data, prefix->len) == 0;

    if (routing) {
        name.data += prefix->len;
        name.len -= prefix->len;
    }

    kind = (name.len && name.data[0] == '!') ? NGX_HTTP_LITELLM_TAG_NOT
           : (name.len && name.data[0] == '&') ? NGX_HTTP_LITELLM_TAG_MUST
           : NGX_HTTP_LITELLM_TAG_PLAIN;

    if (kind != NGX_HTTP_LITELLM_TAG_PLAIN) {
        name.data++;
        name.len--;
    }

    if (name.len == 0) {
        return NGX_OK;
    }

    if (ctx->tags == NULL) {
        ctx->tags = ngx_array_create(ctx->call.pool, 4,
                                     sizeof(ngx_http_litellm_tag_t));
        if (ctx->tags == NULL) {
            return NGX_ERROR;
        }
    }

    item = ctx->tags->elts;

    for (i = 0; i < ctx->tags->nelts; i++) {
        if (item[i].kind == kind && item[i].routing == routing
            && item[i].name.len == name.len
            && ngx_memcmp(item[i].name.data, name.data, name.len) == 0)
        {
            return NGX_OK;
        }
    }

    if (ctx->tags->nelts == NGX_HTTP_LITELLM_MAX_TAGS) {

        /* every deployment is compared with every one of them */

        return ngx_http_litellm_refuse(&ctx->error, NGX_LITELLM_BAD_REQUEST,
                                       400, "invalid_request_error",
                                       "a request may have at most 64 tags, "
                                       "with those of its key and its team");
    }

    item = ngx_array_push(ctx->tags);
    if (item == NULL) {
        return NGX_ERROR;
    }

    item->name = name;
    item->kind = kind;
    item->routing = (routing != 0);
    item->foreign = 0;

    return NGX_OK;
}
