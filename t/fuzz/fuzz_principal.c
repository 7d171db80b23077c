
/*
 * Any bytes as a record of each kind: what is read is bounded, holds no key,
 * and reads the same again from the text that is kept of it.  The line behind
 * it is a name of a model and a date.
 */

#include "fuzz.h"

#include "ngx_litellm_date.h"
#include "ngx_litellm_principal.h"


static void
fuzz_limits(ngx_litellm_limits_t *l)
{
    ngx_uint_t                  i;
    ngx_litellm_budget_t       *b;
    ngx_litellm_model_limit_t  *m;

    FUZZ_ASSERT(l->rpm >= -1 && l->tpm >= -1 && l->parallel >= -1
                && l->budget.max >= -1 && l->soft >= -1);

    if (l->budgets != NULL) {
        b = l->budgets->elts;

        for (i = 0; i < l->budgets->nelts; i++) {
            FUZZ_ASSERT(b[i].max >= 0
                        && b[i].period.type != NGX_LITELLM_NEVER);
        }
    }

    if (l->models != NULL) {
        FUZZ_ASSERT(l->models->nelts <= NGX_LITELLM_PER_MODEL);

        m = l->models->elts;

        for (i = 0; i < l->models->nelts; i++) {
            FUZZ_ASSERT(m[i].rpm >= -1 && m[i].tpm >= -1
                        && m[i].budget.max >= -1);
        }
    }
}


static void
fuzz_date(ngx_str_t *text)
{
    u_char     buf[NGX_LITELLM_DATE_LEN];
    time_t     t, again;
    ngx_str_t  s;

    if (ngx_litellm_date_parse(text, &t) != NGX_OK) {
        return;
    }

    FUZZ_ASSERT(t >= 0);

    s.data = buf;
    s.len = ngx_litellm_date_print(buf, t) - buf;

    FUZZ_ASSERT(s.len == sizeof(buf));

    if (t < 253402300800) {
        FUZZ_ASSERT(ngx_litellm_date_parse(&s, &again) == NGX_OK
                    && again == t);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                    *p;
    int64_t                    seconds;
    ngx_str_t                  json, line, why, kept;
    ngx_uint_t                 kind;
    ngx_pool_t                *pool;
    ngx_litellm_principal_t    one, two;
    ngx_litellm_principals_t   set;

    pool = fuzz_pool();

    p = memchr(data, '\n', size);

    json = fuzz_copy(pool, data, p ? (size_t) (p - data) : size);
    line = fuzz_copy(pool, p ? p + 1 : data, p ? size - (p - data) - 1 : 0);

    fuzz_date(&line);

    if (ngx_litellm_key_lifetime(&line, &seconds) == NGX_OK) {
        FUZZ_ASSERT(seconds > 0 && seconds <= 36500LL * 86400);
    }

    for (kind = 0; kind < NGX_LITELLM_PRINCIPALS; kind++) {

        ngx_str_null(&why);

        if (ngx_litellm_principal_read(pool, kind, &json, &one, &why)
            != NGX_OK)
        {
            FUZZ_ASSERT(why.len && why.len < 256);
            continue;
        }

        FUZZ_ASSERT(one.id.len && one.id.len <= NGX_LITELLM_ID_MAX);
        FUZZ_ASSERT(kind != NGX_LITELLM_KEY
                    || one.id.len == NGX_LITELLM_KEY_HASH);

        fuzz_limits(&one.limits);

        if (one.members != NULL) {
            fuzz_limits(one.members);
        }

        (void) ngx_litellm_principal_allows(&one, &line, &line, NULL);
        (void) ngx_litellm_principal_model(&one, &line, &line);
        (void) ngx_litellm_principal_alias(&one, &line);
        (void) ngx_litellm_principal_route(&one, &line, &line, 0);

        kept = fuzz_copy(pool, one.json.data, one.json.len);

        FUZZ_ASSERT(ngx_litellm_principal_read(pool, kind, &kept, &two, &why)
                    == NGX_OK);
        FUZZ_ASSERT(two.id.len == one.id.len
                    && ngx_memcmp(two.id.data, one.id.data, one.id.len) == 0
                    && two.limits.rpm == one.limits.rpm
                    && two.limits.budget.max == one.limits.budget.max
                    && two.expires == one.expires
                    && two.blocked == one.blocked
                    && two.json.len == one.json.len);

        FUZZ_ASSERT(ngx_litellm_principals_init(&set, pool) == NGX_OK
                    && ngx_litellm_principals_add(&set, &one) == NGX_OK
                    && ngx_litellm_principals_add(&set, &two) == NGX_DECLINED
                    && ngx_litellm_principals_find(&set, &two.id) == &one);
    }

    ngx_destroy_pool(pool);

    return 0;
}
