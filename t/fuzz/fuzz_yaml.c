
/*
 * Any text as a configuration.  Whatever it is, it is refused with an error
 * or frozen to something whole: each deployment has a provider and stands in
 * its group, JSON made of it is JSON, and a value of the environment is never
 * in a message.  A file that includes "self" includes the input again.
 */

#include "fuzz.h"

#include "ngx_litellm_config.h"
#include "ngx_litellm_provider.h"


#define FUZZ_SECRET  "s3cr3t-of-the-environment"


typedef struct {
    ngx_pool_t     *pool;
    const uint8_t  *data;
    size_t          size;
    ngx_uint_t      errors;
} fuzz_input_t;


static ngx_int_t
fuzz_read(void *data, ngx_str_t *path, ngx_str_t *text, ngx_str_t *why)
{
    fuzz_input_t *in = data;

    if (path->len == 1
        || (path->len == 4 && ngx_memcmp(path->data, "self", 4) == 0))
    {
        *text = fuzz_copy(in->pool, in->data, in->size);
        return NGX_OK;
    }

    ngx_str_set(why, "no such file");

    return NGX_ERROR;
}


static ngx_int_t
fuzz_env(void *data, ngx_str_t *name, ngx_str_t *value)
{
    if (name->len == 0 || name->data[0] == 'N') {
        return NGX_DECLINED;
    }

    if (name->data[0] == 'T') {
        ngx_str_set(value, "true");
        return NGX_OK;
    }

    if (name->data[0] == '5') {
        ngx_str_set(value, "5");
        return NGX_OK;
    }

    if (name->data[0] == 'B') {
        ngx_str_set(value, "\xff\x80" FUZZ_SECRET "\xed\xa0\x80\"\\\n");
        return NGX_OK;
    }

    ngx_str_set(value, FUZZ_SECRET);

    return NGX_OK;
}


static void
fuzz_diag(void *data, ngx_litellm_diag_e level, ngx_str_t *line)
{
    size_t         i;
    fuzz_input_t  *in = data;

    FUZZ_ASSERT(line->len > 0 && line->len < 2048);

    for (i = 0; i < line->len; i++) {
        FUZZ_ASSERT(line->data[i] >= 0x20 && line->data[i] != 0x7f);
    }

    FUZZ_ASSERT(ngx_strlcasestrn(line->data, line->data + line->len,
                                 (u_char *) FUZZ_SECRET,
                                 sizeof(FUZZ_SECRET) - 2) == NULL
                || memmem(in->data, in->size, "s3cr3t", 6) != NULL);

    in->errors += (level == NGX_LITELLM_DIAG_ERROR);
}


static void
fuzz_json(ngx_pool_t *pool, u_char *p, size_t len)
{
    ngx_litellm_json_doc_t  doc;

    ngx_memzero(&doc, sizeof(doc));
    doc.pool = pool;

    FUZZ_ASSERT(ngx_litellm_json_parse(&doc, p, len) == NGX_OK);
}


static void
fuzz_deployment(ngx_pool_t *pool, ngx_litellm_config_t *conf,
    ngx_litellm_deployment_t *d)
{
    ngx_uint_t              i;
    ngx_str_t               captured[4], model;
    ngx_litellm_group_t    *g;
    ngx_litellm_default_t  *def;

    FUZZ_ASSERT(d->provider != NULL);
    FUZZ_ASSERT(d->group.len && d->id.len && d->full_model.len);
    FUZZ_ASSERT(d->mock || d->url.host.len);
    FUZZ_ASSERT(!d->no_credentials || d->missing_env.len);

    g = ngx_litellm_config_group(conf, &d->group);
    FUZZ_ASSERT(g != NULL && g->deployments.nelts);

    fuzz_json(pool, d->model_info.data, d->model_info.len);

    if (d->defaults) {
        def = d->defaults->elts;

        for (i = 0; i < d->defaults->nelts; i++) {
            fuzz_json(pool, def[i].value->start, def[i].value->len);
        }
    }

    g = ngx_litellm_config_pattern(conf, &d->full_model, captured, &i);

    if (g != NULL) {
        FUZZ_ASSERT(g->wildcard && i <= 4);
        FUZZ_ASSERT(ngx_litellm_config_model(pool, d, &d->full_model,
                                             captured, i, &model)
                    == NGX_OK);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t                 rc;
    ngx_str_t                 path;
    ngx_uint_t                i;
    fuzz_input_t              in;
    ngx_litellm_config_t     *conf;
    ngx_litellm_config_env_t  env;

    in.pool = fuzz_pool();
    in.data = data;
    in.size = size;
    in.errors = 0;

    ngx_memzero(&env, sizeof(env));
    env.data = &in;
    env.read = fuzz_read;
    env.env = fuzz_env;
    env.diag = fuzz_diag;
    env.provider = ngx_litellm_provider_detect;

    ngx_str_set(&path, "c");

    rc = ngx_litellm_config_read(in.pool, &path, &env, &conf);

    if (rc == NGX_OK) {
        FUZZ_ASSERT(in.errors == 0 && conf != NULL);

        for (i = 0; i < conf->deployments.nelts; i++) {
            fuzz_deployment(in.pool, conf,
                    ((ngx_litellm_deployment_t **) conf->deployments.elts)[i]);
        }

    } else {
        FUZZ_ASSERT(in.errors != 0);
    }

    ngx_destroy_pool(in.pool);

    return 0;
}
