
/*
 * Any bytes as replies of Redis, in one piece and in pieces whose sizes come
 * from the input: the same replies, all values of them can be read, and memory
 * is bounded whatever they announce.  Each reply is read as one of the script
 * that shares accounts, too: what comes out of it is within its bounds.
 */

#include "fuzz.h"

#include "ngx_litellm_share.h"


#define FUZZ_ACCOUNTS  8


static void
fuzz_value(ngx_litellm_resp_t *v, uint64_t *sum)
{
    size_t      i;
    ngx_uint_t  k;

    *sum = *sum * 31 + v->type;
    *sum = *sum * 31 + (uint64_t) v->integer;

    for (i = 0; i < v->text.len; i++) {
        *sum = *sum * 31 + v->text.data[i];
    }

    for (k = 0; k < v->nelts; k++) {
        fuzz_value(v->elts[k], sum);
    }
}


static void
fuzz_share(ngx_litellm_resp_t *reply)
{
    ngx_uint_t                i, n;
    ngx_litellm_share_t       shares[FUZZ_ACCOUNTS];
    ngx_litellm_share_data_t  data;

    n = reply->nelts ? reply->nelts - 1 : 0;

    if (n > FUZZ_ACCOUNTS
        || ngx_litellm_share_read(reply, &data, shares, n) != NGX_OK)
    {
        return;
    }

    if (data.now < 0 || data.data < 0 || data.lost < 0 || data.calls < 0) {
        abort();
    }

    for (i = 0; i < n; i++) {
        if ((int64_t) shares[i].window < 0 || shares[i].age < 0
            || shares[i].requests < 0 || shares[i].tokens < 0
            || shares[i].inflight < 0 || shares[i].ends < 0
            || (int64_t) shares[i].own_window < 0
            || shares[i].own_requests < 0 || shares[i].own_tokens < 0
            || (!shares[i].own && (shares[i].own_spend
                                   || shares[i].own_boot))
            || shares[i].spend < -NGX_LITELLM_MONEY_MAX
            || (shares[i].window == 0 && (shares[i].age
                                          || shares[i].requests
                                          || shares[i].tokens)))
        {
            abort();
        }
    }
}


static ngx_uint_t
fuzz_run(const u_char *data, size_t size, size_t step, uint64_t *sum)
{
    size_t                      n;
    ngx_int_t                   rc;
    ngx_uint_t                  replies;
    ngx_litellm_resp_t         *reply;
    ngx_litellm_resp_reader_t   rd;

    replies = 0;
    *sum = 0;

    if (ngx_litellm_resp_open(&rd, 1024 * 1024, &fuzz_log) != NGX_OK) {
        return 0;
    }

    while (size) {
        n = (step && step < size) ? step : size;

        if (ngx_litellm_resp_feed(&rd, (u_char *) data, n) != NGX_OK) {
            break;
        }

        data += n;
        size -= n;

        while ((rc = ngx_litellm_resp_next(&rd, &reply)) == NGX_OK) {
            fuzz_value(reply, sum);
            fuzz_share(reply);
            replies++;
        }

        if (rc == NGX_ERROR) {
            break;
        }
    }

    ngx_litellm_resp_close(&rd);

    return replies;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t    whole, pieces;
    ngx_uint_t  n;

    if (size < 1) {
        return 0;
    }

    n = fuzz_run(data + 1, size - 1, 0, &whole);

    if (fuzz_run(data + 1, size - 1, data[0] % 17 + 1, &pieces) != n
        || whole != pieces)
    {
        abort();
    }

    return 0;
}
