
/*
 * What is made of a Vertex AI deployment while the configuration is read:
 * project, location, address, credential; and which dialect serves a model.
 * The credential is an authorized_user, whose text has no key to be made.
 */

#include "unit.h"
#include "ngx_litellm_vertex.h"
#include "ngx_litellm_credential.h"


#define ACCOUNT                                                               \
    "{\"type\":\"authorized_user\",\"client_id\":\"c\","                      \
    "\"client_secret\":\"planted-secret\",\"refresh_token\":"                 \
    "\"planted-refresh\"}"


static const char  *vars[4];


static ngx_int_t
test_env(void *data, ngx_str_t *name, ngx_str_t *value)
{
    return unit_env(vars, 4, name, value);
}


static ngx_int_t
test_read(void *data, ngx_str_t *path, ngx_str_t *text, ngx_str_t *why)
{
    if (path->len == 5 && ngx_memcmp(path->data, "/a.js", 5) == 0) {
        *text = unit_str(ACCOUNT);
        return NGX_OK;
    }

    ngx_str_set(why, "planted-path is not there");

    return NGX_ERROR;
}


static const struct {
    const char  *model;
    const char  *settings[4];       /* "name=value" */
    const char  *env[3];
    const char  *base;
    const char  *key;
    ngx_int_t    rc;
    const char  *want;              /* api_base, or a part of why */
    const char  *project;
    const char  *location;
    ngx_uint_t   credential;
    ngx_uint_t   missing;
} cases[] = {

    { "gemini-2.5-flash", { "vertex_project=p", "vertex_location=l-1",
      "vertex_credentials=/a.js" }, { NULL }, NULL, NULL, NGX_OK,
      "https://l-1-aiplatform.googleapis.com", "p", "l-1", 1, 0 },

    /* the default location */
    { "gemini-2.5-flash", { "vertex_credentials=" ACCOUNT,
      "vertex_project=p" }, { NULL }, NULL, NULL, NGX_OK,
      "https://us-central1-aiplatform.googleapis.com", "p", "us-central1", 1,
      0 },
    { "gemini-2.5-flash", { "vertex_ai_credentials= \n" ACCOUNT,
      "vertex_ai_project=q", "vertex_ai_location=global" }, { NULL }, NULL,
      NULL, NGX_OK, "https://aiplatform.googleapis.com", "q", "global", 1,
      0 },

    /* the environment */
    { "gemini-2.5-flash", { NULL }, { "VERTEXAI_PROJECT=p",
      "VERTEX_LOCATION=eu", "GOOGLE_APPLICATION_CREDENTIALS=/a.js" }, NULL,
      NULL, NGX_OK, "https://aiplatform.eu.rep.googleapis.com", "p", "eu", 1,
      0 },
    { "gemini-2.5-flash", { NULL }, { "DEFAULT_VERTEXAI_PROJECT=p",
      "DEFAULT_VERTEXAI_LOCATION=x", "VERTEXAI_CREDENTIALS=" ACCOUNT }, NULL,
      NULL, NGX_OK, "https://x-aiplatform.googleapis.com", "p", "x", 1, 0 },

    /* an address of one's own; another publisher's */
    { "gemini-2.5-flash", { "vertex_credentials=/a.js" }, { NULL },
      "http://h/p", NULL, NGX_OK, "http://h/p", "", "us-central1", 1, 0 },
    { "meta/llama-4", { "vertex_credentials=/a.js", "vertex_project=p" },
      { NULL }, NULL, NULL, NGX_OK,
      "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/"
      "us-central1/endpoints/openapi", "p", "us-central1", 1, 0 },

    /* nothing, a key, a gateway */
    { "gemini-2.5-flash", { NULL }, { NULL }, NULL, NULL, NGX_OK,
      "https://us-central1-aiplatform.googleapis.com", "", "us-central1", 0,
      1 },
    { "gemini-2.5-flash", { "vertex_project=p" }, { NULL }, NULL, "k",
      NGX_OK, "https://us-central1-aiplatform.googleapis.com", "p",
      "us-central1", 0, 0 },
    { "gemini-2.5-flash", { NULL }, { NULL }, "http://h", NULL, NGX_OK,
      "http://h", "", "us-central1", 0, 0 },

    /* what is wrong */
    { "gemini-2.5-flash", { "vertex_project=a/b" }, { NULL }, NULL, NULL,
      NGX_BUSY, "not a name", NULL, NULL, 0, 0 },
    { "gemini-2.5-flash", { "vertex_location=a?b" }, { NULL }, NULL, NULL,
      NGX_BUSY, "not a name", NULL, NULL, 0, 0 },
    { "gemini-2.5-flash", { "vertex_credentials=/none" }, { NULL }, NULL,
      NULL, NGX_BUSY, "can't be read", NULL, NULL, 0, 0 },
    { "gemini-2.5-flash", { "vertex_credentials={}" }, { NULL }, NULL, NULL,
      NGX_BUSY, "", NULL, NULL, 0, 0 },
    { "gemini-2.5-flash", { "vertex_credentials={\"type\":\"authorized_user\","
      "\"client_id\":\"c\",\"client_secret\":\"s\",\"refresh_token\":\"r\"}" },
      { NULL }, NULL, NULL, NGX_BUSY, "vertex_project", NULL, NULL, 0, 0 }
};


static ngx_int_t
detect(ngx_litellm_deployment_t *d, ngx_uint_t n, ngx_str_t *hint)
{
    u_char                    *eq;
    ngx_str_t                  text;
    ngx_uint_t                 i;
    ngx_keyval_t              *kv;
    ngx_litellm_config_env_t   env;

    ngx_memzero(d, sizeof(*d));
    ngx_memzero(&env, sizeof(env));
    ngx_str_null(hint);

    env.env = test_env;
    env.read = test_read;

    for (i = 0; i < 4; i++) {
        vars[i] = (i < 3) ? cases[n].env[i] : NULL;
    }

    d->full_model = unit_str(cases[n].model);
    ngx_str_set(&d->custom_provider, "vertex_ai");

    if (cases[n].base) {
        d->api_base = unit_str(cases[n].base);
    }

    if (cases[n].key) {
        d->api_key = unit_str(cases[n].key);
    }

    d->settings = ngx_array_create(unit_pool, 4, sizeof(ngx_keyval_t));

    for (i = 0; i < 4 && cases[n].settings[i]; i++) {
        text = unit_str(cases[n].settings[i]);
        eq = ngx_strlchr(text.data, text.data + text.len, '=');

        kv = ngx_array_push(d->settings);
        kv->key.data = text.data;
        kv->key.len = eq - text.data;
        kv->value.data = eq + 1;
        kv->value.len = text.data + text.len - kv->value.data;
    }

    return ngx_litellm_provider_detect(&env, unit_pool, d, hint);
}


static void
setup(void)
{
    ngx_str_t                  hint;
    ngx_uint_t                 i;
    ngx_litellm_vertex_t      *v;
    ngx_litellm_deployment_t   d;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("setup %d", (int) i);

        if (!CHECK_INT(detect(&d, i, &hint), cases[i].rc)) {
            continue;
        }

        CHECK(ngx_litellm_find(hint.data, hint.data + hint.len, "planted", 7)
              == NULL);

        if (cases[i].rc != NGX_OK) {
            CHECKF(cases[i].want[0] == '\0'
                   || ngx_litellm_find(hint.data, hint.data + hint.len,
                                       cases[i].want,
                                       ngx_strlen(cases[i].want)),
                   "why: %.*s", (int) hint.len, (char *) hint.data);
            continue;
        }

        v = d.own;

        CHECK_STR(&d.api_base, cases[i].want);
        CHECK_STR(&v->project, cases[i].project);
        CHECK_STR(&v->location, cases[i].location);
        CHECK_INT(d.credential != NULL, cases[i].credential);
        CHECK_INT(d.no_credentials, cases[i].missing);
        CHECK(d.info != NULL || cases[i].model[0] == 'm');
    }
}


/* what a model is asked by */

static void
select_dialect(void)
{
    ngx_uint_t                 i;
    ngx_litellm_call_t         call;
    ngx_litellm_vertex_t       vertex;
    ngx_litellm_deployment_t   d;

    static const struct {
        const char                   *model;
        ngx_litellm_op_e              op;
        ngx_uint_t                    openapi;
        const char                   *path;
        const ngx_litellm_dialect_t  *want;
    } models[] = {
        { "gemini-2.5-pro", NGX_LITELLM_OP_CHAT, 0, "",
          &ngx_litellm_gemini_dialect },
        { "4965075652664360960", NGX_LITELLM_OP_COMPLETIONS, 0, "",
          &ngx_litellm_gemini_dialect },
        { "gemini/4965075652664360960", NGX_LITELLM_OP_CHAT, 0, "",
          &ngx_litellm_gemini_dialect },
        { "claude-opus-4-1@20250805", NGX_LITELLM_OP_CHAT, 0, "",
          &ngx_litellm_vertex_anthropic_dialect },
        { "meta/llama-4", NGX_LITELLM_OP_CHAT, 1, "",
          &ngx_litellm_openai_dialect },
        { "meta/llama-4", NGX_LITELLM_OP_CHAT, 0, "/p",
          &ngx_litellm_openai_dialect },
        { "meta/llama-4", NGX_LITELLM_OP_CHAT, 0, "/v1", NULL },
        { "mistral-large@2407", NGX_LITELLM_OP_CHAT, 0, "", NULL },
        { "text-embedding-005", NGX_LITELLM_OP_EMBEDDINGS, 0, "",
          &ngx_litellm_vertex_embed_dialect },
        { "gemini-2.5-pro", NGX_LITELLM_OP_RERANK, 0, "", NULL }
    };

    for (i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        unit_case("select %s", models[i].model);

        ngx_memzero(&call, sizeof(call));
        ngx_memzero(&d, sizeof(d));
        ngx_memzero(&vertex, sizeof(vertex));

        vertex.openapi = models[i].openapi;
        d.own = &vertex;
        d.url.path = unit_str(models[i].path);
        call.deployment = &d;
        call.op = models[i].op;
        call.provider_model = unit_str(models[i].model);

        CHECK(ngx_litellm_vertex_select(&call) == models[i].want);
    }
}


void
unit_main(void)
{
    setup();
    select_dialect();
}
