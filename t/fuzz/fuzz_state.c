
/*
 * Any bytes as lines of the state file: what is read is within its bounds, and
 * what would be written of it reads the same again, in one line.
 */

#include "fuzz.h"

#include "ngx_http_litellm_state_file.h"


static ngx_int_t
fuzz_read(ngx_pool_t *pool, ngx_str_t *text,
    ngx_http_litellm_state_line_t *line)
{
    ngx_litellm_json_doc_t  doc;

    memset(&doc, 0, sizeof(doc));
    doc.pool = pool;

    return ngx_http_litellm_state_line_read(&doc, text, line);
}


static void
fuzz_write(ngx_litellm_out_t *out, ngx_http_litellm_state_line_t *line)
{
    ngx_http_litellm_store_item_t  record;

    switch (line->type) {

    case NGX_HTTP_LITELLM_STATE_HEAD:
        ngx_http_litellm_state_head_write(out, line->epoch, line->pid);
        break;

    case NGX_HTTP_LITELLM_STATE_ACCOUNT:
        ngx_http_litellm_state_account_write(out, &line->item);
        break;

    case NGX_HTTP_LITELLM_STATE_RECORD:
        memset(&record, 0, sizeof(record));
        record.kind = line->kind;
        record.id = line->id;
        record.json = line->json;
        record.mark.born = line->born;
        record.mark.stamp = line->stamp;

        ngx_http_litellm_state_record_write(out, &record);
        break;

    case NGX_HTTP_LITELLM_STATE_END:
        ngx_http_litellm_state_end_write(out, line->lines,
                                         (uint32_t) line->crc32);
        break;
    }
}


static void
fuzz_bounds(ngx_http_litellm_state_line_t *line)
{
    ngx_http_litellm_ledger_item_t  *item;

    if (line->type == NGX_HTTP_LITELLM_STATE_RECORD) {
        FUZZ_ASSERT((ngx_uint_t) line->kind < NGX_LITELLM_PRINCIPALS);
        FUZZ_ASSERT(line->id.len > 0);
        FUZZ_ASSERT(line->json.len <= NGX_LITELLM_RECORD_MAX);
        FUZZ_ASSERT(line->born > 0 && line->stamp > 0);
        return;
    }

    if (line->type != NGX_HTTP_LITELLM_STATE_ACCOUNT) {
        return;
    }

    item = &line->item;

    FUZZ_ASSERT((ngx_uint_t) item->scope < NGX_HTTP_LITELLM_SCOPES);
    FUZZ_ASSERT(item->len <= NGX_HTTP_LITELLM_LEDGER_NAME);
    FUZZ_ASSERT(item->account.total >= 0);      /* spend may be set back */
    FUZZ_ASSERT(item->account.keep <= 1);
    FUZZ_ASSERT(item->period.type == NGX_LITELLM_NEVER || item->period.n > 0);
}


static void
fuzz_line(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_int_t                      rc;
    ngx_str_t                      whole;
    ngx_litellm_out_t              out;
    ngx_http_litellm_state_line_t  line, again;

    rc = fuzz_read(pool, text, &line);

    if (rc != NGX_OK) {
        FUZZ_ASSERT(rc == NGX_DECLINED);
        return;
    }

    fuzz_bounds(&line);

    /* a head of another layout is set aside with its file */

    if (line.type == NGX_HTTP_LITELLM_STATE_HEAD
        && line.layout != NGX_HTTP_LITELLM_STATE_LAYOUT)
    {
        return;
    }

    ngx_litellm_out_init(&out, pool);
    fuzz_write(&out, &line);

    FUZZ_ASSERT(ngx_litellm_out_join(&out, &whole) == NGX_OK);
    FUZZ_ASSERT(whole.len > 0 && memchr(whole.data, '\n', whole.len)
                                 == whole.data + whole.len - 1);

    whole.len--;

    FUZZ_ASSERT(fuzz_read(pool, &whole, &again) == NGX_OK);
    FUZZ_ASSERT(again.type == line.type && again.epoch == line.epoch
                && again.pid == line.pid && again.lines == line.lines
                && again.crc32 == line.crc32 && again.kind == line.kind
                && again.born == line.born && again.stamp == line.stamp);
    FUZZ_ASSERT(again.id.len == line.id.len
                && (line.id.len == 0
                    || memcmp(again.id.data, line.id.data, line.id.len) == 0));
    FUZZ_ASSERT(again.json.len == line.json.len);
    FUZZ_ASSERT(again.item.scope == line.item.scope
                && again.item.len == line.item.len
                && memcmp(again.item.name, line.item.name, line.item.len) == 0
                && again.item.period.type == line.item.period.type
                && again.item.period.n == line.item.period.n
                && again.item.account.spend == line.item.account.spend
                && again.item.account.total == line.item.account.total
                && again.item.account.keep == line.item.account.keep
                && again.item.account.period_ends
                   == line.item.account.period_ends);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char      *p, *last, *end;
    ngx_str_t    text, line;
    ngx_pool_t  *pool;

    pool = fuzz_pool();
    text = fuzz_copy(pool, data, size);

    last = text.data + size;

    for (p = text.data; p < last; p = end + 1) {
        end = memchr(p, '\n', last - p);
        end = end ? end : last;

        line.data = p;
        line.len = end - p;

        fuzz_line(pool, &line);
    }

    ngx_destroy_pool(pool);

    return 0;
}
