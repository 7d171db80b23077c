
/*
 * Members of records of the management API: a client's over those that are
 * there, checked by the same reader that reads them later; what an answer shows
 * of a record, and what a request says of one.
 *
 * Called by ngx_http_litellm_admin_record.c, which reads and writes records, and
 * by the routes.
 */

#include "ngx_http_litellm_admin.h"


static const char *ngx_http_litellm_admin_word(const char *p, ngx_str_t *word);
static ngx_uint_t ngx_http_litellm_admin_listed(const char *names,
    ngx_uint_t step, ngx_litellm_json_t *key);
static ngx_uint_t ngx_http_litellm_admin_owned(ngx_array_t *own,
    ngx_str_t *name, ngx_litellm_json_t *key);
static void ngx_http_litellm_admin_put(ngx_litellm_out_t *out,
    ngx_str_t *name, ngx_str_t *value);


/*
 * Members that promise something which is not kept here: to take them in
 * silence would leave a door open that was meant to be shut.
 */

static const char  ngx_http_litellm_admin_unkept[] =
    "budget_id guardrails enforced_params project_id access_group_ids "
    "object_permission policies tag_rpm_limit tag_tpm_limit "
    "model_itpm_limit model_otpm_limit mcp_rpm_limit auto_rotate "
    "budget_fallbacks throttle_on_budget_exceeded tpd_limit ";


ngx_int_t
ngx_http_litellm_admin_promises(ngx_http_litellm_admin_t *a)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *key, *value;

    if (a->body == NULL) {
        return NGX_OK;
    }

    key = a->body + 1;

    for (i = 0; i < a->body->count; i++) {

        value = key + 1;

        if (value->type != NGX_LITELLM_JSON_NULL
            && value->type != NGX_LITELLM_JSON_FALSE
            && !(value->type >= NGX_LITELLM_JSON_ARRAY && value->count == 0)
            && ngx_http_litellm_admin_listed(ngx_http_litellm_admin_unkept, 1,
                                             key))
        {
            return ngx_http_litellm_admin_fail(a, 400, "%*s is not supported "
                                               "by this gateway",
                                               (size_t) key->len, key->start);
        }

        key = ngx_litellm_json_next(value);
    }

    return NGX_OK;
}


/*
 * First what nobody sets from outside, then each name that a client may set:
 * of the body, else as it was.
 */

ngx_int_t
ngx_http_litellm_admin_merge(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *old, ngx_array_t *own,
    ngx_str_t *json, ngx_litellm_principal_t *p)
{
    ngx_int_t                               rc;
    ngx_str_t                               why, name, text;
    ngx_uint_t                              i;
    const char                             *names;
    ngx_litellm_out_t                       out;
    ngx_litellm_json_t                     *key, *value;
    ngx_litellm_json_doc_t                  doc;
    ngx_http_litellm_member_t              *m;
    const ngx_http_litellm_records_kind_t  *k;

    k = &ngx_http_litellm_records_kinds[kind];

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = a->pool;
    doc.keep = 2;

    if (old->len
        && ngx_litellm_json_parse(&doc, old->data, old->len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_litellm_out_init(&out, a->pool);

    m = own->elts;

    for (i = 0; i < own->nelts; i++) {
        ngx_http_litellm_admin_put(&out, &m[i].name, &m[i].value);
    }

    key = doc.root ? doc.root + 1 : NULL;

    for (i = 0; doc.root != NULL && i < doc.root->count; i++) {

        value = key + 1;

        if (!ngx_http_litellm_admin_listed(k->names, 1, key)
            && !ngx_http_litellm_admin_owned(own, NULL, key))
        {
            name = ngx_litellm_json_text(key);
            text.data = value->start;
            text.len = value->len;

            ngx_http_litellm_admin_put(&out, &name, &text);
        }

        key = ngx_litellm_json_next(value);
    }

    names = k->names;

    for ( ;; ) {
        names = ngx_http_litellm_admin_word(names, &name);

        if (name.len == 0) {
            break;
        }

        if (ngx_http_litellm_admin_owned(own, &name, NULL)) {
            continue;
        }

        value = ngx_litellm_json_get(a->body, (char *) name.data, name.len);

        if (value == NULL) {
            value = ngx_litellm_json_get(doc.root, (char *) name.data,
                                         name.len);
        }

        if (value != NULL && value->type != NGX_LITELLM_JSON_NULL) {
            text.data = value->start;
            text.len = value->len;

            ngx_http_litellm_admin_put(&out, &name, &text);
        }
    }

    ngx_litellm_out_lit(&out, "}");

    if (ngx_litellm_out_join(&out, json) != NGX_OK) {
        return NGX_ERROR;
    }

    if (json->len > NGX_LITELLM_RECORD_MAX) {
        return ngx_http_litellm_admin_fail(a, 400, "The record of the %s would "
                                           "be larger than %d bytes", k->word,
                                           NGX_LITELLM_RECORD_MAX);
    }

    rc = ngx_litellm_principal_read(a->pool, kind, json, p, &why);

    if (rc == NGX_DECLINED) {
        return ngx_http_litellm_admin_fail(a, 400, "%V", &why);
    }

    return rc;
}


/* of a list with a blank behind each word: the first one, what follows it */

static const char *
ngx_http_litellm_admin_word(const char *p, ngx_str_t *word)
{
    word->data = (u_char *) p;

    while (*p && *p != ' ') {
        p++;
    }

    word->len = (u_char *) p - word->data;

    return *p ? p + 1 : p;
}


/* step: 1, or 2 for a list of names and values */

static ngx_uint_t
ngx_http_litellm_admin_listed(const char *names, ngx_uint_t step,
    ngx_litellm_json_t *key)
{
    ngx_str_t   word;
    ngx_uint_t  n;

    for (n = 0; ; n++) {
        names = ngx_http_litellm_admin_word(names, &word);

        if (word.len == 0) {
            return 0;
        }

        if (n % step == 0
            && ngx_litellm_json_equal(key, (char *) word.data, word.len))
        {
            return 1;
        }
    }
}


static ngx_uint_t
ngx_http_litellm_admin_owned(ngx_array_t *own, ngx_str_t *name,
    ngx_litellm_json_t *key)
{
    ngx_uint_t                  i;
    ngx_http_litellm_member_t  *m;

    m = own->elts;

    for (i = 0; i < own->nelts; i++) {

        if (key != NULL) {
            if (ngx_litellm_json_equal(key, (char *) m[i].name.data,
                                       m[i].name.len))
            {
                return 1;
            }

            continue;
        }

        if (m[i].name.len == name->len
            && ngx_memcmp(m[i].name.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* name: a J-string */

static void
ngx_http_litellm_admin_put(ngx_litellm_out_t *out, ngx_str_t *name,
    ngx_str_t *value)
{
    if (out->size == 0) {
        ngx_litellm_out_lit(out, "{\"");

    } else {
        ngx_litellm_out_lit(out, ",\"");
    }

    ngx_litellm_out_str(out, name);
    ngx_litellm_out_lit(out, "\":");
    ngx_litellm_out_str(out, value);
}


ngx_int_t
ngx_http_litellm_admin_show(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *json,
    ngx_str_t *front)
{
    u_char                                  date[NGX_LITELLM_DATE_LEN];
    ngx_str_t                               name, value;
    ngx_uint_t                              i;
    const char                             *shown;
    ngx_pool_t                             *pool;
    ngx_litellm_out_t                      *out;
    ngx_litellm_json_t                     *key, *v;
    ngx_litellm_json_doc_t                  doc;
    ngx_http_litellm_account_t              account;
    const ngx_http_litellm_records_kind_t  *k;

    k = &ngx_http_litellm_records_kinds[kind];
    out = &a->out;

    /* nodes of thousands of records are not for the request's pool */

    pool = ngx_create_pool(4096, a->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = pool;
    doc.keep = 2;

    if (ngx_litellm_json_parse(&doc, json->data, json->len) != NGX_OK) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    (void) ngx_http_litellm_ledger_read(a->zone, k->scope, id, &account);

    ngx_litellm_out_lit(out, "{");
    ngx_litellm_out_str(out, front);
    ngx_litellm_out_lit(out, "\"spend\":");
    ngx_http_litellm_admin_money(out, account.spend);
    ngx_litellm_out_lit(out, ",\"total_spend\":");
    ngx_http_litellm_admin_money(out, account.total);
    ngx_litellm_out_lit(out, ",\"budget_reset_at\":");

    if (account.period_ends) {
        ngx_litellm_out_lit(out, "\"");
        ngx_litellm_out_copy(out, date,
                             ngx_litellm_date_print(date, account.period_ends)
                             - date);
        ngx_litellm_out_lit(out, "\"");

    } else {
        ngx_litellm_out_lit(out, "null");
    }

    key = doc.root + 1;

    for (i = 0; i < doc.root->count; i++) {

        v = key + 1;

        if (!ngx_litellm_json_eq(key, "spend")
            && !ngx_litellm_json_eq(key, "total_spend")
            && !ngx_litellm_json_eq(key, "budget_reset_at"))
        {
            ngx_litellm_out_lit(out, ",");
            ngx_litellm_out_copy(out, key->start, key->len);
            ngx_litellm_out_lit(out, ":");
            ngx_litellm_out_copy(out, v->start, v->len);
        }

        key = ngx_litellm_json_next(v);
    }

    for (shown = k->shown; *shown; /* void */) {

        shown = ngx_http_litellm_admin_word(shown, &name);
        shown = ngx_http_litellm_admin_word(shown, &value);

        if (ngx_litellm_json_get(doc.root, (char *) name.data, name.len)
            == NULL)
        {
            ngx_litellm_out_lit(out, ",\"");
            ngx_litellm_out_str(out, &name);
            ngx_litellm_out_lit(out, "\":");
            ngx_litellm_out_str(out, &value);
        }
    }

    ngx_litellm_out_lit(out, "}");

    ngx_destroy_pool(pool);

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_admin_member(ngx_array_t *own, const char *name,
    ngx_str_t *json)
{
    ngx_http_litellm_member_t  *m;

    m = ngx_array_push(own);
    if (m == NULL) {
        return NGX_ERROR;
    }

    m->name.data = (u_char *) name;
    m->name.len = ngx_strlen(name);
    m->value = *json;

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_admin_quote(ngx_http_litellm_admin_t *a, ngx_array_t *own,
    const char *name, ngx_str_t *text)
{
    ngx_str_t          value;
    ngx_litellm_out_t  out;

    ngx_litellm_out_init(&out, a->pool);
    out.chunk = 2 + text->len;
    ngx_litellm_out_json(&out, text);

    if (ngx_litellm_out_join(&out, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_litellm_admin_member(own, name, &value);
}


ngx_int_t
ngx_http_litellm_admin_stamp(ngx_http_litellm_admin_t *a, ngx_array_t *own,
    ngx_uint_t make)
{
    u_char      buf[NGX_LITELLM_DATE_LEN];
    ngx_str_t   date, *user;

    static ngx_str_t  master = ngx_string("default_user_id");

    date.data = buf;
    date.len = ngx_litellm_date_print(buf, ngx_time()) - buf;

    user = a->ctx->who.user_id.len ? &a->ctx->who.user_id : &master;

    if (make
        && (ngx_http_litellm_admin_quote(a, own, "created_at", &date) != NGX_OK
            || ngx_http_litellm_admin_quote(a, own, "created_by", user)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (ngx_http_litellm_admin_quote(a, own, "updated_at", &date) != NGX_OK
        || ngx_http_litellm_admin_quote(a, own, "updated_by", user) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_litellm_admin_money(ngx_litellm_out_t *out, int64_t money)
{
    u_char  text[NGX_LITELLM_MONEY_LEN];

    ngx_litellm_out_copy(out, text,
                         ngx_litellm_money_print(text, money) - text);
}


ngx_int_t
ngx_http_litellm_admin_spend(ngx_http_litellm_admin_t *a, const char *name,
    int64_t *spend)
{
    ngx_str_t            text;
    ngx_litellm_json_t  *v;

    *spend = -1;

    v = ngx_litellm_json_get(a->body, name, ngx_strlen(name));

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
        return NGX_OK;
    }

    text.data = v->start;
    text.len = v->len;

    if (v->type != NGX_LITELLM_JSON_NUMBER
        || ngx_litellm_money_parse(&text, spend) != NGX_OK)
    {
        return ngx_http_litellm_admin_fail(a, 400, "\"%s\" must be a number of "
                                           "dollars, not below 0", name);
    }

    return NGX_OK;
}
