
/*
 * The Bedrock dialects (Converse and embeddings) and the writers of the
 * client's formats, on wire data (t/data/bedrock, see wire_case.h).  What wire
 * data can't say is here: setup(), names of models, signatures.
 */

#include "wire_case.h"
#include "ngx_litellm_bedrock.h"

#include <stdio.h>


static const char *path(case_t *c);
static void follow(case_t *c, ngx_litellm_wire_t *wire, ngx_uint_t stream);


static const case_set_t  bedrock = {
    .set = "bedrock",
    .least = 160,
    .provider = "bedrock",
    .model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    .key = "sk-unit-0123456789",
    .path = path,
    .follow = follow
};

static const case_set_t  embeddings = {
    .set = "bedrock",
    .provider = "bedrock",
    .model = "cohere.embed-english-v3",
    .op = "embeddings"
};


/* what the environment has, "NAME=value" */

typedef struct {
    const char  *vars[6];
} vars_t;


static ngx_int_t
vars_env(void *data, ngx_str_t *name, ngx_str_t *value)
{
    vars_t *v = data;

    return unit_env(v->vars, 6, name, value);
}


typedef struct {
    const char  *model;
    const char  *settings[8];       /* name, value */
    vars_t       vars;
    const char  *api_key;
    const char  *base;              /* api_base that must come of it, or what
                                       is refused */
    const char  *key;               /* "id/secret/token/region", "-": bearer,
                                       "!NAME": what is missing */
} setup_t;


static const setup_t  setups[] = {

    { "bedrock/x", { "aws_access_key_id", "I", "aws_secret_access_key", "S" },
      {{ NULL }}, NULL,
      "https://bedrock-runtime.us-west-2.amazonaws.com", "I/S//us-west-2" },

    { "bedrock/x", { "aws_access_key_id", "I", "aws_secret_access_key", "S",
                     "aws_session_token", "T", "aws_region_name",
                     "eu-west-3" },
      {{ "AWS_REGION=us-east-1" }}, NULL,
      "https://bedrock-runtime.eu-west-3.amazonaws.com", "I/S/T/eu-west-3" },

    /* a token of the environment belongs to keys of the environment */

    { "bedrock/x", { "aws_access_key_id", "I", "aws_secret_access_key", "S" },
      {{ "AWS_SESSION_TOKEN=T", "AWS_DEFAULT_REGION=eu-west-1" }}, NULL,
      "https://bedrock-runtime.eu-west-1.amazonaws.com", "I/S//eu-west-1" },

    { "bedrock/x", { NULL },
      {{ "AWS_ACCESS_KEY_ID=I", "AWS_SECRET_ACCESS_KEY=S",
         "AWS_SESSION_TOKEN=T", "AWS_REGION_NAME=us-east-1",
         "AWS_REGION=us-east-2" }}, NULL,
      "https://bedrock-runtime.us-east-1.amazonaws.com", "I/S/T/us-east-1" },

    { "bedrock/x", { NULL }, {{ "AWS_BEARER_TOKEN_BEDROCK=B",
                                "AWS_ACCESS_KEY_ID=I",
                                "AWS_SECRET_ACCESS_KEY=S" }}, NULL,
      "https://bedrock-runtime.us-west-2.amazonaws.com", "-" },

    { "bedrock/x", { "aws_access_key_id", "I", "aws_secret_access_key", "S" },
      {{ "AWS_BEARER_TOKEN_BEDROCK=B" }}, NULL,
      "https://bedrock-runtime.us-west-2.amazonaws.com", "I/S//us-west-2" },

    { "bedrock/x", { "aws_access_key_id", "I", "aws_secret_access_key", "S" },
      {{ NULL }}, "K", "https://bedrock-runtime.us-west-2.amazonaws.com",
      "-" },

    { "bedrock/x", { NULL }, {{ NULL }}, NULL,
      "https://bedrock-runtime.us-west-2.amazonaws.com",
      "!AWS_ACCESS_KEY_ID" },

    { "bedrock/x", { NULL }, {{ "AWS_ACCESS_KEY_ID=I" }}, NULL,
      "https://bedrock-runtime.us-west-2.amazonaws.com",
      "!AWS_SECRET_ACCESS_KEY" },

    /* the region of the model */

    { "bedrock/eu-central-1/anthropic.claude-v2", { NULL },
      {{ "AWS_REGION=us-east-1" }}, "K",
      "https://bedrock-runtime.eu-central-1.amazonaws.com", "-" },

    { "bedrock/converse/arn:aws:bedrock:ap-south-1:123456789012:"
      "application-inference-profile/abc", { NULL },
      {{ "AWS_REGION=us-east-1" }}, "K",
      "https://bedrock-runtime.ap-south-1.amazonaws.com", "-" },

    { "bedrock/anthropic.claude-v2",
      { "model_id", "arn:aws:bedrock:sa-east-1:123456789012:"
        "provisioned-model/abc" }, {{ NULL }}, "K",
      "https://bedrock-runtime.sa-east-1.amazonaws.com", "-" },

    { "bedrock/x", { "region_name", "cn-north-1" }, {{ NULL }}, "K",
      "https://bedrock-runtime.cn-north-1.amazonaws.com.cn", "-" },

    { "bedrock_converse/x", { "aws_region_name", "us-gov-west-1" },
      {{ NULL }}, "K",
      "https://bedrock-runtime.us-gov-west-1.amazonaws.com", "-" },

    /* addresses of one's own */

    { "bedrock/x", { "aws_bedrock_runtime_endpoint", "https://vpce-1.test" },
      {{ "AWS_BEDROCK_RUNTIME_ENDPOINT=https://no.test" }}, "K",
      "https://vpce-1.test", "-" },

    { "bedrock/x", { NULL },
      {{ "AWS_BEDROCK_RUNTIME_ENDPOINT=https://yes.test" }}, "K",
      "https://yes.test", "-" },

    { "bedrock_mantle/x", { "aws_region_name", "eu-west-1" }, {{ NULL }}, "K",
      "https://bedrock-mantle.eu-west-1.api.aws/v1", "-" },

    /* what is not there */

    { "bedrock/x", { "aws_role_name", "arn:aws:iam::1:role/r" }, {{ NULL }},
      NULL, "aws_role_name: roles are not assumed", NULL },

    { "bedrock/x", { "aws_profile_name", "dev" }, {{ NULL }}, NULL,
      "aws_profile_name: profiles are not read", NULL },

    { "bedrock/x", { "aws_web_identity_token", "t" }, {{ NULL }}, NULL,
      "aws_web_identity_token: web identities", NULL },

    { "bedrock/x", { "aws_access_key_id", "I" }, {{ NULL }}, NULL,
      "belong together", NULL },

    { "bedrock/x", { "aws_region_name", "evil.test/" }, {{ NULL }}, "K",
      "must be the name of a region", NULL },

    { "bedrock/x", { "aws_bedrock_runtime_endpoint", "https://h.test/?a=b" },
      {{ NULL }}, "K", "must have no query", NULL },
};


static void
test_setup(void)
{
    u_char                      text[256];
    ngx_int_t                   rc;
    ngx_str_t                   hint;
    ngx_uint_t                  i, j;
    ngx_keyval_t               *kv;
    const setup_t              *s;
    ngx_litellm_config_env_t    env;
    ngx_litellm_deployment_t    d;
    ngx_litellm_bedrock_own_t  *own;

    for (i = 0; i < sizeof(setups) / sizeof(setups[0]); i++) {
        s = &setups[i];

        unit_case("setup %d: %s", (int) i, s->model);

        ngx_memzero(&env, sizeof(env));
        env.data = (void *) &s->vars;
        env.env = vars_env;

        ngx_memzero(&d, sizeof(d));
        d.full_model = unit_str(s->model);

        if (s->api_key) {
            d.api_key = unit_str(s->api_key);
        }

        for (j = 0; j < 8 && s->settings[j]; j += 2) {
            if (d.settings == NULL) {
                d.settings = ngx_array_create(unit_pool, 4,
                                              sizeof(ngx_keyval_t));
            }

            kv = ngx_array_push(d.settings);
            kv->key = unit_str(s->settings[j]);
            kv->value = unit_str(s->settings[j + 1]);
        }

        rc = ngx_litellm_provider_detect(&env, unit_pool, &d, &hint);

        if (s->key == NULL) {
            CHECK_INT(rc, NGX_BUSY);
            CHECKF(ngx_litellm_find(hint.data, hint.data + hint.len, s->base,
                                    ngx_strlen(s->base))
                   != NULL, "refused with: %.*s", (int) hint.len,
                   (char *) hint.data);
            continue;
        }

        CHECK_INT(rc, NGX_OK);
        CHECK_STR(&d.api_base, s->base);
        CHECK_INT(d.no_credentials, s->key[0] == '!');

        own = d.own;

        if (s->key[0] == '!') {
            CHECK_STR(&d.missing_env, s->key + 1);
            CHECK_INT(own->key.key_id.len, 0);

        } else if (s->key[0] == '-') {
            CHECK(d.api_key.len == 1);
            CHECK(own == NULL || own->key.key_id.len == 0);

        } else {
            *ngx_sprintf(text, "%V/%V/%V/%V", &own->key.key_id,
                         &own->key.secret, &own->key.token, &own->key.region)
                = '\0';
            CHECK_INT(ngx_strcmp(text, s->key), 0);
            CHECK_INT(d.api_key.len, 0);
            CHECK_STR(&own->key.service, "bedrock");

            /* what is sent in clear must be known as a secret */

            CHECK_INT(ngx_litellm_setting(&d, "aws_session_token") != NULL,
                      own->key.token.len != 0);
        }
    }
}


static void
test_models(void)
{
    ngx_str_t                   name, bare, region;
    ngx_uint_t                  i;
    const ngx_litellm_model_t  *info;

    static const struct {
        const char  *name;
        const char  *bare;
        const char  *region;
        ngx_uint_t   known;
    } cases[] = {
        { "anthropic.claude-sonnet-4-5-20250929-v1:0",
          "anthropic.claude-sonnet-4-5-20250929-v1:0", "", 1 },
        { "converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
          "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "", 1 },
        { "invoke/zz.amazon.nova-lite-v1:0", "zz.amazon.nova-lite-v1:0", "",
          1 },
        { "bedrock/converse_like/x", "x", "", 0 },
        { "us-gov-west-1/x", "x", "us-gov-west-1", 0 },
        { "us-east-1/1-month-commitment/x", "x", "us-east-1", 0 },
        { "converse/eu-west-1/x", "x", "eu-west-1", 0 },
        { "us-east-1/eu-west-1/x", "eu-west-1/x", "us-east-1", 0 },
        { "us-east/x", "us-east/x", "", 0 },
        { "Us-east-1/x", "Us-east-1/x", "", 0 },
        { "us-east-1/", "us-east-1/", "", 0 },
        { "us-east-1", "us-east-1", "", 0 },
        { "/x", "/x", "", 0 },
        { "converse/", "converse/", "", 0 },
        { "", "", "", 0 },
        { "arn:aws:bedrock:eu-north-1::foundation-model/"
          "amazon.nova-lite-v1:0",
          "arn:aws:bedrock:eu-north-1::foundation-model/"
          "amazon.nova-lite-v1:0", "eu-north-1", 1 },
        { "llama/arn:aws:bedrock:us-east-1:1:imported-model/a",
          "arn:aws:bedrock:us-east-1:1:imported-model/a", "us-east-1", 0 },
        { "us-west-2/arn:aws:bedrock:us-east-1:1:imported-model/a",
          "arn:aws:bedrock:us-east-1:1:imported-model/a", "us-west-2", 0 },
        { "arn:", "arn:", "", 0 },
        { "arn:::::", "arn:::::", "", 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("model %s", cases[i].name);

        name = unit_str(cases[i].name);

        ngx_litellm_bedrock_model(&name, &bare, &region);
        CHECK_STR(&bare, cases[i].bare);
        CHECK_STR(&region, cases[i].region);

        info = ngx_litellm_bedrock_info(&bare);
        CHECK_INT(info != NULL, cases[i].known);
    }
}


static void
test_path(void)
{
    ngx_str_t                   model;
    ngx_uint_t                  i;
    ngx_litellm_call_t          call;
    ngx_litellm_wire_t          wire;
    ngx_litellm_error_t         e;
    ngx_litellm_provider_t      p;
    ngx_litellm_deployment_t    d;
    ngx_litellm_bedrock_own_t   own;

    static const struct {
        const char  *model;
        const char  *id;
        const char  *path;
    } cases[] = {
        { "a.b-1_v~:0", "", "/p/model/a.b-1_v~%3A0/converse" },
        { "arn:aws:x/y", "", "/p/model/arn%3Aaws%3Ax%2Fy/converse" },
        { "../../a?b#c", "", "/p/model/..%2F..%2Fa%3Fb%23c/converse" },
        { "\xc3\xa9 \r\n", "", "/p/model/%C3%A9%20%0D%0A/converse" },
        { "a", "arn:1/b", "/p/model/arn%3A1%2Fb/converse" },
        { "...", "", "/p/model/.../converse" },
        { "", "", NULL },
        { ".", "", NULL },
        { "..", "", NULL }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("path %s", cases[i].model);

        ngx_memzero(&call, sizeof(call));
        ngx_memzero(&wire, sizeof(wire));
        ngx_memzero(&d, sizeof(d));
        ngx_memzero(&p, sizeof(p));
        ngx_memzero(&own, sizeof(own));

        call.pool = unit_pool;
        call.deployment = &d;
        d.provider = &p;
        d.url.path = unit_str("/p");
        d.own = &own;
        own.model_id = unit_str(cases[i].id);
        model = unit_str(cases[i].model);

        if (cases[i].path == NULL) {
            CHECK_INT(ngx_litellm_bedrock_path(&call, &wire, &model,
                                               "/converse", &e),
                      NGX_DECLINED);
            continue;
        }

        CHECK_INT(ngx_litellm_bedrock_path(&call, &wire, &model, "/converse",
                                           &e),
                  NGX_OK);
        CHECK_STR(&wire.path, cases[i].path);
    }
}


/* the same headers as an implementation of its own has for this request */

static void
test_sign(void)
{
    case_t                      c;
    ngx_str_t                   text, token, *value;
    ngx_uint_t                  i;
    ngx_litellm_bedrock_own_t   own;

    static const struct {
        const char  *token;
        time_t       sent;
        const char  *date;
        const char  *signature;
    } cases[] = {
        { "", 0, "20231114T221320Z", 
          "AWS4-HMAC-SHA256 Credential=AKIDUNIT/20231114/eu-west-1/bedroc"
          "k/aws4_request, SignedHeaders=host;x-amz-date, Signature=88bee"
          "60f3f210b2643981c3a259761f34eafbbe532e751b287d949652e054b40" },
        { "T", 0, "20231114T221320Z", 
          "AWS4-HMAC-SHA256 Credential=AKIDUNIT/20231114/eu-west-1/bedroc"
          "k/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-t"
          "oken, Signature=42015e9cd2fd92bf6b462359f5b41de0c9f8ae85f40a77"
          "1469112a3bc6ff1f38" },
        { "", 1700000600, "20231114T222320Z", 
          "AWS4-HMAC-SHA256 Credential=AKIDUNIT/20231114/eu-west-1/bedroc"
          "k/aws4_request, SignedHeaders=host;x-amz-date, Signature=73a1e"
          "6beb9d26358a4ef8b16d2fe8ca8f34bdaca5d818607df4de42eaeb17fda" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("signature %d", (int) i);

        case_call(&c, &bedrock,
                  unit_str("{\"model\":\"m\",\"messages\":[{\"role\":"
                           "\"user\",\"content\":\"a\"}]}"));

        token = unit_str(cases[i].token);

        ngx_memzero(&own, sizeof(own));
        own.key.key_id = unit_str("AKIDUNIT");
        own.key.secret = unit_str("unit-secret");
        own.key.token = token;
        own.key.region = unit_str("eu-west-1");
        own.key.service = unit_str("bedrock");

        c.deployment.own = &own;
        ngx_str_null(&c.deployment.api_key);
        c.deployment.url.authority = unit_str("b.test:8443");
        c.call.sent = cases[i].sent;

        CHECK_INT(case_send(&c), NGX_OK);

        text = unit_chain(c.wire.body.first);
        CHECK_STR(&text, "{\"messages\":[{\"role\":\"user\",\"content\":"
                  "[{\"text\":\"a\"}]}],\"inferenceConfig\":{}}");

        value = case_header(&c.wire, "X-Amz-Date");

        if (CHECK(value != NULL)) {
            CHECK_STR(value, cases[i].date);
        }

        value = case_header(&c.wire, "X-Amz-Security-Token");

        if (CHECK_INT(value != NULL, token.len != 0) && value) {
            CHECK_STR(value, cases[i].token);
        }

        value = case_header(&c.wire, "Authorization");

        if (CHECK(value != NULL)) {
            CHECK_STR(value, cases[i].signature);
        }
    }
}


/* one more call than an answer may have */

static void
test_calls(void)
{
    feed_t                f;
    case_t                c;
    u_char               *p;
    ngx_int_t             rc;
    ngx_str_t             body, got, name, start;
    ngx_uint_t            i, n, pass;
    ngx_litellm_answer_t  answer;

    static const char  block[] = "{\"toolUse\":{\"toolUseId\":\"a\","
                                 "\"name\":\"f\",\"input\":{}}}";

    for (pass = 0; pass < 2; pass++) {

        n = 256 + pass;

        unit_case("%d calls", (int) n);

        case_call(&c, &bedrock,
                  unit_str("{\"model\":\"m\",\"messages\":[{\"role\":"
                           "\"user\",\"content\":\"a\"}],"
                           "\"stream\":true}"));

        body.data = ngx_palloc(unit_pool, 64 + n * sizeof(block));
        p = ngx_sprintf(body.data, "{\"output\":{\"message\":{\"content\":[");

        for (i = 0; i < n; i++) {
            p = ngx_sprintf(p, "%s%s", i ? "," : "", block);
        }

        p = ngx_sprintf(p, "]}}}");
        body.len = p - body.data;

        ngx_litellm_answer_init(&answer, unit_pool);

        rc = c.dialect->response(&c.call, &body, &answer, &c.e);
        CHECK_INT(rc, pass ? NGX_DECLINED : NGX_OK);

        feed_init(&f, &c, unit_pool);

        ngx_str_set(&name, "contentBlockStart");
        ngx_str_set(&start, "{\"start\":{\"toolUse\":{\"toolUseId\":\"a\","
                    "\"name\":\"f\"}}}");

        for (i = 0; i < n; i++) {
            CHECK(c.dialect->event(&f.stream, &name, &start) == NGX_OK);
        }

        got = unit_chain(f.out.first);
        CHECK_INT(ngx_litellm_find(got.data, got.data + got.len,
                                   "too many tool calls", 19)
                  != NULL, pass);
    }
}


/* more numbers than the reader of JSON takes nodes for */

static void
test_large(void)
{
    case_t                c;
    u_char               *p;
    ngx_int_t             rc;
    ngx_str_t             body;
    ngx_uint_t            i, j, calls;
    ngx_litellm_answer_t  answer;

    unit_case("a million numbers");

    p = ngx_palloc(unit_pool, 64 + 1152 * 4);
    body.data = p;
    p = ngx_sprintf(p, "{\"model\":\"m\",\"input\":[\"a\"");

    for (i = 1; i < 1152; i++) {
        p = ngx_sprintf(p, ",\"a\"");
    }

    body.len = ngx_sprintf(p, "]}") - body.data;

    case_call(&c, &embeddings, body);
    CHECK_INT(case_send(&c), NGX_OK);

    calls = 0;

    do {
        p = ngx_palloc(unit_pool, 64 + 96 * 2004);
        body.data = p;
        p = ngx_sprintf(p, "{\"embeddings\":");

        for (i = 0; i < 96; i++) {
            *p++ = i ? ',' : '[';

            for (j = 0; j < 1000; j++) {
                *p++ = j ? ',' : '[';
                *p++ = '1';
            }

            *p++ = ']';
        }

        body.len = ngx_sprintf(p, "]}") - body.data;

        case_wire(&c.wire, unit_pool);
        rc = c.dialect->follow(&c.call, &c.wire, &body, NULL, &c.e);
        calls++;

    } while (rc == NGX_AGAIN);

    CHECK_INT(rc, NGX_OK);
    CHECK_INT(calls, 12);

    ngx_litellm_answer_init(&answer, unit_pool);

    CHECK_INT(c.dialect->response(&c.call, &body, &answer, &c.e),
              NGX_OK);
    CHECK_INT(answer.vectors.nelts, 1152);
}


static const char *
path(case_t *c)
{
    ngx_str_t    id;
    ngx_uint_t   i, n;

    static char  text[512];

    id = c->deployment.model;
    n = sprintf(text, "/model/");

    for (i = 0; i < id.len && n < 400; i++) {
        n += sprintf(text + n, id.data[i] == ':' ? "%%3A" : "%c",
                     id.data[i]);
    }

    (void) sprintf(text + n, "%s",
                   c->call.op == NGX_LITELLM_OP_EMBEDDINGS ? "/invoke"
                   : c->call.stream ? "/converse-stream" : "/converse");

    return text;
}


/* a further text of an embedding */

static void
follow(case_t *c, ngx_litellm_wire_t *wire, ngx_uint_t stream)
{
    CHECK_INT(wire->method.len, 0);
    CHECK_INT(wire->delay, 0);
    CHECK_STR(&wire->path, path(c));
}


void
unit_main(void)
{
    test_setup();
    test_models();
    test_path();
    test_sign();
    test_calls();
    test_large();

    cases(&bedrock);
}
