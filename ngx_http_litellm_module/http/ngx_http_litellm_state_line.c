
/*
 * Lines of the state file: a head, accounts and records in any order, an end
 * with the number of lines before it and their CRC-32.  Each is a JSON object.
 * Money is in 10^-12 dollar.  Names of accounts come from clients: those that
 * are not UTF-8 (a long one may be cut in a character) are in hex.
 *
 * Reading takes nothing for granted: a file may be of any content.
 */

#include "ngx_http_litellm_state_file.h"
#include "ngx_litellm_scan.h"


static ngx_int_t ngx_http_litellm_state_account_read(
    ngx_litellm_json_doc_t *doc, ngx_http_litellm_ledger_item_t *item);
static ngx_int_t ngx_http_litellm_state_name_read(ngx_litellm_json_doc_t *doc,
    ngx_http_litellm_ledger_item_t *item);
static ngx_int_t ngx_http_litellm_state_record_read(
    ngx_litellm_json_doc_t *doc, ngx_http_litellm_state_line_t *line);
static ngx_int_t ngx_http_litellm_state_text(ngx_litellm_json_doc_t *doc,
    ngx_litellm_json_t *v, ngx_str_t *text);
static ngx_int_t ngx_http_litellm_state_number(ngx_litellm_json_doc_t *doc,
    const char *name, int64_t min, int64_t max, int64_t *n);
static void ngx_http_litellm_state_number_write(ngx_litellm_out_t *out,
    const char *name, int64_t n);
static ngx_uint_t ngx_http_litellm_state_utf8(const u_char *p, size_t len);


static ngx_str_t  ngx_http_litellm_state_periods[] = {
    ngx_string("never"),
    ngx_string("every"),
    ngx_string("daily"),
    ngx_string("weekly"),
    ngx_string("monthly")
};

static ngx_str_t  ngx_http_litellm_state_kinds[NGX_LITELLM_PRINCIPALS] = {
    ngx_string("key"),
    ngx_string("team"),
    ngx_string("user"),
    ngx_string("end_user")
};


#define NGX_HTTP_LITELLM_STATE_PERIODS                                        \
    (sizeof(ngx_http_litellm_state_periods) / sizeof(ngx_str_t))


ngx_int_t
ngx_http_litellm_state_line_read(ngx_litellm_json_doc_t *doc, ngx_str_t *text,
    ngx_http_litellm_state_line_t *line)
{
    ngx_int_t            rc;
    ngx_litellm_json_t  *root;

    ngx_memzero(line, sizeof(ngx_http_litellm_state_line_t));

    if (text->len > NGX_HTTP_LITELLM_STATE_LINE) {
        return NGX_DECLINED;
    }

    /* the record's own members are looked at by who reads records */

    doc->keep = 2;

    rc = ngx_litellm_json_parse(doc, text->data, text->len);

    if (rc != NGX_OK) {
        return rc;
    }

    root = doc->root;

    if (!ngx_litellm_json_is(root, OBJECT)) {
        return NGX_DECLINED;
    }

    if (ngx_litellm_json_member(root, "account") != NULL) {
        line->type = NGX_HTTP_LITELLM_STATE_ACCOUNT;
        return ngx_http_litellm_state_account_read(doc, &line->item);
    }

    if (ngx_litellm_json_member(root, "record") != NULL) {
        line->type = NGX_HTTP_LITELLM_STATE_RECORD;
        return ngx_http_litellm_state_record_read(doc, line);
    }

    if (ngx_litellm_json_member(root, "end") != NULL) {
        line->type = NGX_HTTP_LITELLM_STATE_END;

        rc = ngx_http_litellm_state_number(doc, "end", 1,
                                           NGX_LITELLM_MONEY_MAX,
                                           &line->lines);
        if (rc != NGX_OK) {
            return rc;
        }

        return ngx_http_litellm_state_number(doc, "crc32", 0, 0xffffffff,
                                             &line->crc32);
    }

    line->type = NGX_HTTP_LITELLM_STATE_HEAD;

    rc = ngx_http_litellm_state_number(doc, "litellm_state", 0,
                                       NGX_LITELLM_MONEY_MAX, &line->layout);
    if (rc != NGX_OK || line->layout != NGX_HTTP_LITELLM_STATE_LAYOUT) {
        return rc;
    }

    rc = ngx_http_litellm_state_number(doc, "epoch", 0,
                                       NGX_HTTP_LITELLM_STATE_EPOCH,
                                       &line->epoch);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_litellm_state_number(doc, "pid", 1, 0x7fffffff,
                                         &line->pid);
}


static ngx_int_t
ngx_http_litellm_state_account_read(ngx_litellm_json_doc_t *doc,
    ngx_http_litellm_ledger_item_t *item)
{
    int64_t              n, keep;
    ngx_str_t           *name;
    ngx_uint_t           i;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(doc->root, "account");

    if (!ngx_litellm_json_is(v, STRING)) {
        return NGX_DECLINED;
    }

    for (i = 0; i < NGX_HTTP_LITELLM_SCOPES; i++) {
        name = ngx_http_litellm_scope_name(i);

        if (ngx_litellm_json_equal(v, (char *) name->data, name->len)) {
            break;
        }
    }

    if (i == NGX_HTTP_LITELLM_SCOPES) {
        return NGX_DECLINED;
    }

    item->scope = i;

    v = ngx_litellm_json_member(doc->root, "period");

    if (!ngx_litellm_json_is(v, STRING)) {
        return NGX_DECLINED;
    }

    for (i = 0; i < NGX_HTTP_LITELLM_STATE_PERIODS; i++) {
        name = &ngx_http_litellm_state_periods[i];

        if (ngx_litellm_json_equal(v, (char *) name->data, name->len)) {
            break;
        }
    }

    if (i == NGX_HTTP_LITELLM_STATE_PERIODS) {
        return NGX_DECLINED;
    }

    item->period.type = i;

    if (ngx_http_litellm_state_number(doc, "n", (i != NGX_LITELLM_NEVER),
                                      0xffffffff, &n)
        != NGX_OK
        || ngx_http_litellm_state_number(doc, "ends", -NGX_LITELLM_MONEY_MAX,
                                         NGX_LITELLM_MONEY_MAX,
                                         &item->account.period_ends)
           != NGX_OK
        || ngx_http_litellm_state_number(doc, "spend", -NGX_LITELLM_MONEY_MAX,
                                         NGX_LITELLM_MONEY_MAX,
                                         &item->account.spend)
           != NGX_OK
        || ngx_http_litellm_state_number(doc, "total", 0,
                                         NGX_LITELLM_MONEY_MAX,
                                         &item->account.total)
           != NGX_OK
        || ngx_http_litellm_state_number(doc, "keep", 0, 1, &keep) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    item->period.n = (uint32_t) n;
    item->account.keep = (ngx_uint_t) keep;

    return ngx_http_litellm_state_name_read(doc, item);
}


static ngx_int_t
ngx_http_litellm_state_name_read(ngx_litellm_json_doc_t *doc,
    ngx_http_litellm_ledger_item_t *item)
{
    size_t               i;
    ngx_int_t            rc, n;
    ngx_str_t            text;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(doc->root, "name");

    if (v != NULL) {
        rc = ngx_http_litellm_state_text(doc, v, &text);

        if (rc != NGX_OK) {
            return rc;
        }

        if (text.len > sizeof(item->name)) {
            return NGX_DECLINED;
        }

        ngx_memcpy(item->name, text.data, text.len);
        item->len = text.len;

        return NGX_OK;
    }

    v = ngx_litellm_json_member(doc->root, "hex");

    if (!ngx_litellm_json_is(v, STRING)) {
        return NGX_DECLINED;
    }

    text = ngx_litellm_json_text(v);

    if (text.len % 2 || text.len / 2 > sizeof(item->name)) {
        return NGX_DECLINED;
    }

    for (i = 0; i < text.len / 2; i++) {
        n = ngx_hextoi(text.data + 2 * i, 2);

        if (n == NGX_ERROR) {
            return NGX_DECLINED;
        }

        item->name[i] = (u_char) n;
    }

    item->len = i;

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_state_record_read(ngx_litellm_json_doc_t *doc,
    ngx_http_litellm_state_line_t *line)
{
    ngx_int_t            rc;
    ngx_str_t           *name;
    ngx_uint_t           i;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(doc->root, "record");

    if (!ngx_litellm_json_is(v, STRING)) {
        return NGX_DECLINED;
    }

    for (i = 0; i < NGX_LITELLM_PRINCIPALS; i++) {
        name = &ngx_http_litellm_state_kinds[i];

        if (ngx_litellm_json_equal(v, (char *) name->data, name->len)) {
            break;
        }
    }

    if (i == NGX_LITELLM_PRINCIPALS) {
        return NGX_DECLINED;
    }

    line->kind = i;

    rc = ngx_http_litellm_state_text(doc,
                                   ngx_litellm_json_member(doc->root, "id"),
                                   &line->id);
    if (rc != NGX_OK) {
        return rc;
    }

    line->born = 1;
    line->stamp = 1;

    if (ngx_litellm_json_member(doc->root, "born") != NULL
        && (ngx_http_litellm_state_number(doc, "born", 1,
                                          NGX_HTTP_LITELLM_STATE_EPOCH,
                                          &line->born)
            != NGX_OK
            || ngx_http_litellm_state_number(doc, "stamp", 1,
                                             NGX_HTTP_LITELLM_STATE_EPOCH,
                                             &line->stamp)
               != NGX_OK))
    {
        return NGX_DECLINED;
    }

    if (line->id.len == 0) {
        return NGX_DECLINED;
    }

    v = ngx_litellm_json_member(doc->root, "json");

    if (ngx_litellm_json_is(v, NULL)) {
        return NGX_OK;
    }

    if (!ngx_litellm_json_is(v, OBJECT) || v->len > NGX_LITELLM_RECORD_MAX) {
        return NGX_DECLINED;
    }

    line->json.data = v->start;
    line->json.len = v->len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_state_text(ngx_litellm_json_doc_t *doc,
    ngx_litellm_json_t *v, ngx_str_t *text)
{
    ngx_str_t  src;

    if (!ngx_litellm_json_is(v, STRING)
        || (v->flags & NGX_LITELLM_JSON_SURROGATE))
    {
        return NGX_DECLINED;
    }

    src = ngx_litellm_json_text(v);

    return ngx_litellm_json_unescape(doc->pool, text, &src);
}


static ngx_int_t
ngx_http_litellm_state_number(ngx_litellm_json_doc_t *doc, const char *name,
    int64_t min, int64_t max, int64_t *n)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(doc->root, name, ngx_strlen(name));

    if (!ngx_litellm_json_is(v, NUMBER)
        || ngx_litellm_json_int(v, n) != NGX_OK
        || *n < min || *n > max)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


void
ngx_http_litellm_state_head_write(ngx_litellm_out_t *out, int64_t epoch,
    ngx_pid_t pid)
{
    ngx_litellm_out_lit(out, "{");
    ngx_http_litellm_state_number_write(out, "litellm_state",
                                        NGX_HTTP_LITELLM_STATE_LAYOUT);
    ngx_litellm_out_lit(out, ",");
    ngx_http_litellm_state_number_write(out, "epoch", epoch);
    ngx_litellm_out_lit(out, ",");
    ngx_http_litellm_state_number_write(out, "pid", pid);
    ngx_litellm_out_lit(out, "}\n");
}


void
ngx_http_litellm_state_account_write(ngx_litellm_out_t *out,
    ngx_http_litellm_ledger_item_t *item)
{
    u_char     *p, hex[2 * NGX_HTTP_LITELLM_LEDGER_NAME];
    ngx_str_t   name;

    ngx_litellm_out_lit(out, "{\"account\":\"");
    ngx_litellm_out_str(out, ngx_http_litellm_scope_name(item->scope));

    name.data = item->name;
    name.len = item->len;

    if (ngx_http_litellm_state_utf8(name.data, name.len)) {
        ngx_litellm_out_lit(out, "\",\"name\":");
        ngx_litellm_out_json(out, &name);
        ngx_litellm_out_lit(out, ",");

    } else {
        p = ngx_hex_dump(hex, name.data, name.len);
        ngx_litellm_out_lit(out, "\",\"hex\":\"");
        ngx_litellm_out_copy(out, hex, p - hex);
        ngx_litellm_out_lit(out, "\",");
    }

    ngx_http_litellm_state_number_write(out, "spend", item->account.spend);
    ngx_litellm_out_lit(out, ",");
    ngx_http_litellm_state_number_write(out, "total", item->account.total);
    ngx_litellm_out_lit(out, ",\"period\":\"");
    ngx_litellm_out_str(out,
                        &ngx_http_litellm_state_periods[item->period.type]);
    ngx_litellm_out_lit(out, "\",");
    ngx_http_litellm_state_number_write(out, "n", item->period.n);
    ngx_litellm_out_lit(out, ",");
    ngx_http_litellm_state_number_write(out, "ends",
                                        item->account.period_ends);
    ngx_litellm_out_lit(out, ",");
    ngx_http_litellm_state_number_write(out, "keep", item->account.keep);
    ngx_litellm_out_lit(out, "}\n");
}


/* a line end in a JSON text is white space: no string has one */

void
ngx_http_litellm_state_record_write(ngx_litellm_out_t *out,
    ngx_http_litellm_store_item_t *item)
{
    u_char  *p, *last, *start;

    ngx_litellm_out_lit(out, "{\"record\":\"");
    ngx_litellm_out_str(out, &ngx_http_litellm_state_kinds[item->kind]);
    ngx_litellm_out_lit(out, "\",\"id\":");
    ngx_litellm_out_json(out, &item->id);
    ngx_litellm_out_lit(out, ",");
    ngx_http_litellm_state_number_write(out, "born", item->mark.born);
    ngx_litellm_out_lit(out, ",");
    ngx_http_litellm_state_number_write(out, "stamp", item->mark.stamp);
    ngx_litellm_out_lit(out, ",\"json\":");

    if (item->json.len == 0) {
        ngx_litellm_out_lit(out, "null}\n");
        return;
    }

    start = item->json.data;
    last = start + item->json.len;

    for (p = start; p < last; p++) {

        if (*p == '\n' || *p == '\r') {
            ngx_litellm_out_copy(out, start, p - start);
            ngx_litellm_out_lit(out, " ");
            start = p + 1;
        }
    }

    ngx_litellm_out_copy(out, start, last - start);
    ngx_litellm_out_lit(out, "}\n");
}


void
ngx_http_litellm_state_end_write(ngx_litellm_out_t *out, ngx_uint_t lines,
    uint32_t crc32)
{
    ngx_litellm_out_lit(out, "{");
    ngx_http_litellm_state_number_write(out, "end", lines);
    ngx_litellm_out_lit(out, ",");
    ngx_http_litellm_state_number_write(out, "crc32", crc32);
    ngx_litellm_out_lit(out, "}\n");
}


static void
ngx_http_litellm_state_number_write(ngx_litellm_out_t *out, const char *name,
    int64_t n)
{
    u_char  *p, buf[sizeof("\"litellm_state\":") + NGX_INT64_LEN];

    p = ngx_sprintf(buf, "\"%s\":%L", name, n);

    ngx_litellm_out_copy(out, buf, p - buf);
}


static ngx_uint_t
ngx_http_litellm_state_utf8(const u_char *p, size_t len)
{
    ngx_uint_t     n;
    const u_char  *last;

    for (last = p + len; p < last; p += n) {

        n = (*p < 0x80) ? 1 : ngx_litellm_scan_utf8(p, last);

        if (n == 0) {
            return 0;
        }
    }

    return 1;
}
