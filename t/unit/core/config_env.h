
/*
 * Configurations against what they are frozen to and against every line that
 * the operator is told: load() reads a text, conf has the result, said what
 * was said.  Included by the test programs of the configuration, one for each
 * topic.
 *
 * No value of a key may ever be in a message: the texts of the tests hold
 * "SECRET" wherever a secret could stand, and each message is searched.
 */

#ifndef _CONFIG_ENV_H_INCLUDED_
#define _CONFIG_ENV_H_INCLUDED_


#include "unit.h"
#include "fake_env.h"

#include "ngx_litellm_config.h"
#include "ngx_litellm_provider.h"


#define SEPARATOR  '\x1f'


/* a model, a master key, a file that nothing is to be said about */

#define M(name, params)                                                       \
    "model_list:\n- model_name: " name "\n  litellm_params: {" params "}\n"
#define K  "general_settings: {master_key: sk-SECRET-123456}\n"
#define X  M("x", "model: openai/x, api_key: SECRET") K


typedef struct {
    const char                *yaml;
    ngx_int_t                  rc;
    const char                *say[4];    /* parts of messages; "!x": not x */
} say_t;


static ngx_litellm_config_t   *conf;
static ngx_array_t            *keys;      /* litellm_keys; NULL */
static char                    said[262144];
static size_t                  said_len;
static ngx_uint_t              nsaid[3];


static ngx_inline void
test_diag(void *data, ngx_litellm_diag_e level, ngx_str_t *line)
{
    CHECKF(ngx_strnstr(line->data, "SECRET", line->len) == NULL,
           "a secret in \"%.*s\"", (int) line->len, line->data);

    nsaid[level]++;

    if (said_len + line->len + 8 < sizeof(said)) {
        said[said_len++] = "EWN"[level];
        said[said_len++] = ' ';
        memcpy(said + said_len, line->data, line->len);
        said_len += line->len;
        said[said_len++] = SEPARATOR;
        said[said_len] = '\0';
    }
}


static ngx_inline ngx_int_t
load(const char *yaml)
{
    ngx_str_t                 path;
    ngx_litellm_config_env_t  env;

    if (yaml) {
        files[0].path = "c.yaml";
        files[0].text = yaml;
        files[1].path = NULL;
    }

    ngx_memzero(&env, sizeof(env));
    ngx_memzero(nsaid, sizeof(nsaid));

    said_len = 0;
    said[0] = '\0';

    env.read = test_read;
    env.env = test_env;
    env.provider = ngx_litellm_provider_detect;
    env.price = ngx_litellm_provider_price;
    env.diag = test_diag;
    env.keys = keys;

    path = unit_str(files[0].path);
    path.data = ngx_pnalloc(unit_pool, path.len + 1);
    ngx_memcpy(path.data, files[0].path, path.len + 1);

    return ngx_litellm_config_read(unit_pool, &path, &env, &conf);
}


static ngx_inline int
has(const char *part)
{
    return strstr(said, part) != NULL;
}


static ngx_inline ngx_litellm_deployment_t *
dep(ngx_uint_t i)
{
    if (!CHECK(conf != NULL && i < conf->deployments.nelts)) {
        exit(1);
    }

    return ((ngx_litellm_deployment_t **) conf->deployments.elts)[i];
}


/* what is said of each file, and whether it is taken */

static ngx_inline void
test_says(const say_t *says)
{
    size_t       i, n;
    ngx_int_t    rc;
    const char  *part;

    for (i = 0; says[i].yaml; i++) {
        unit_case("says %d: %.60s", (int) i, says[i].yaml);

        rc = load(says[i].yaml);

        CHECK_INT(rc, says[i].rc);
        CHECK((rc == NGX_OK) == (nsaid[NGX_LITELLM_DIAG_ERROR] == 0));

        for (n = 0; n < 4 && says[i].say[n]; n++) {
            part = says[i].say[n];

            if (*part == '!') {
                CHECKF(!has(part + 1), "\"%s\" in: %s", part + 1, said);

            } else {
                CHECKF(has(part), "no \"%s\" in: %s", part, said);
            }
        }
    }
}


#endif /* _CONFIG_ENV_H_INCLUDED_ */
