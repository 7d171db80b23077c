
/*
 * Records that gateways share, as they are in Redis: ngx_litellm_told.h.  Called
 * by the files of http/ that tell others and take over what they were told
 * (ngx_http_litellm_redis_records.c, ngx_http_litellm_redis_take.c).
 */

#include "ngx_litellm_told.h"


static ngx_str_t  ngx_litellm_told_names[NGX_LITELLM_PRINCIPALS] = {
    ngx_string("key:"),
    ngx_string("team:"),
    ngx_string("user:"),
    ngx_string("end_user:")
};


ngx_int_t
ngx_litellm_told_read(ngx_str_t *name, ngx_str_t *value, uint64_t top,
    ngx_litellm_told_t *told)
{
    u_char      *p, *last;
    ngx_str_t   *prefix;
    ngx_uint_t   i;

    ngx_memzero(told, sizeof(ngx_litellm_told_t));
    prefix = NULL;

    for (i = 0; i < NGX_LITELLM_PRINCIPALS; i++) {
        prefix = &ngx_litellm_told_names[i];

        if (name->len > prefix->len
            && ngx_strncmp(name->data, prefix->data, prefix->len) == 0)
        {
            break;
        }
    }

    if (i == NGX_LITELLM_PRINCIPALS
        || name->len - prefix->len > NGX_LITELLM_ID_MAX)
    {
        return NGX_ERROR;
    }

    told->kind = i;
    told->id.data = name->data + prefix->len;
    told->id.len = name->len - prefix->len;

    if (value == NULL) {
        return NGX_DECLINED;
    }

    p = value->data;
    last = p + value->len;

    if (ngx_litellm_told_number(&p, last, &told->born) != NGX_OK
        || p == last || *p++ != ' '
        || ngx_litellm_told_number(&p, last, &told->stamp) != NGX_OK
        || p == last || *p++ != ' '
        || told->born == 0 || told->born > top
        || told->stamp == 0 || told->stamp > top
        || last - p > NGX_LITELLM_RECORD_MAX)
    {
        return NGX_DECLINED;
    }

    told->json.data = p;
    told->json.len = last - p;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_told_record(ngx_pool_t *pool, ngx_litellm_told_t *told,
    ngx_litellm_principal_t *p, ngx_str_t *why)
{
    ngx_int_t  rc;

    rc = ngx_litellm_principal_read(pool, told->kind, &told->json, p, why);

    if (rc != NGX_OK) {
        return rc;
    }

    if (p->id.len != told->id.len
        || ngx_memcmp(p->id.data, told->id.data, p->id.len) != 0
        || p->json.len > NGX_LITELLM_RECORD_MAX)
    {
        ngx_str_set(why, "it is another one's");
        return NGX_DECLINED;
    }

    told->json = p->json;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_told_name(ngx_pool_t *pool, ngx_litellm_told_t *told,
    ngx_str_t *name)
{
    u_char     *p;
    ngx_str_t  *prefix;

    prefix = &ngx_litellm_told_names[told->kind];

    p = ngx_pnalloc(pool, prefix->len + told->id.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    name->data = p;

    p = ngx_cpymem(p, prefix->data, prefix->len);
    p = ngx_cpymem(p, told->id.data, told->id.len);

    name->len = p - name->data;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_told_write(ngx_pool_t *pool, ngx_litellm_told_t *told,
    ngx_str_t *value)
{
    u_char  *p;

    p = ngx_pnalloc(pool, told->json.len + 2 * (NGX_INT64_LEN + 1));
    if (p == NULL) {
        return NGX_ERROR;
    }

    value->data = p;

    p = ngx_sprintf(p, "%uL %uL ", told->born, told->stamp);
    p = ngx_cpymem(p, told->json.data, told->json.len);

    value->len = p - value->data;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_told_number(u_char **pos, u_char *last, uint64_t *n)
{
    u_char    *p;
    uint64_t   value;

    value = 0;

    for (p = *pos; p < last && *p >= '0' && *p <= '9'; p++) {

        if (value > NGX_LITELLM_TOLD_NUMBER / 10) {
            return NGX_ERROR;
        }

        value = value * 10 + (*p - '0');
    }

    if (p == *pos) {
        return NGX_ERROR;
    }

    *pos = p;
    *n = value;

    return NGX_OK;
}
