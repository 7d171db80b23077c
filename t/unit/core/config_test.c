
/*
 * Configurations: sections and their settings, deployments and credentials,
 * includes, what is said of keys in the wrong place, very many of all.
 * Strategies, retries and cooldowns, routes and health checks have programs of
 * their own.
 */

#include "core/config_env.h"


static ngx_litellm_default_t *
default_of(ngx_litellm_deployment_t *d, const char *key)
{
    ngx_uint_t              i;
    ngx_litellm_default_t  *list;

    if (d->defaults == NULL) {
        return NULL;
    }

    list = d->defaults->elts;

    for (i = 0; i < d->defaults->nelts; i++) {
        if (list[i].key.len == strlen(key)
            && memcmp(list[i].key.data, key, list[i].key.len) == 0)
        {
            return &list[i];
        }
    }

    return NULL;
}


/* what is said, and whether the file is taken */

static const say_t  says[] = {

    /* nothing to say */
    { X, NGX_OK, { "!c.yaml" } },
    { K, NGX_OK, { "!c.yaml" } },
    { "model_list: []\n" K, NGX_OK, { "!c.yaml" } },
    { "model_list:\n" K, NGX_OK, { "!c.yaml" } },
    { "x-anchors: {a: 1}\n" X, NGX_OK, { "!c.yaml" } },
    { X "litellm_settings:\nrouter_settings: {}\n", NGX_OK, { "!c.yaml" } },
    { X "litellm_settings: {cache: false, turn_off_message_logging: true}\n",
      NGX_OK, { "!c.yaml" } },

    /* errors with their lines */
    { "", NGX_ERROR, { "E c.yaml:1: the file is empty" } },
    { "# nothing\n", NGX_ERROR, { "E c.yaml:1: the file is empty" } },
    { "- a\n", NGX_ERROR, { "E c.yaml:1: the file must be a map" } },
    { "text\n", NGX_ERROR, { "E c.yaml:1: the file must be a map" } },
    { "model_list:\n  a: b\n" K, NGX_ERROR,
      { "E c.yaml:1: \"model_list\" must be a list" } },
    { "model_list:\n- x\n" K, NGX_ERROR,
      { "E c.yaml:2: an element of model_list must be a map" } },
    { "model_list:\n- litellm_params: {model: openai/x}\n" K, NGX_ERROR,
      { "E c.yaml:2: model_name is missing" } },
    { "model_list:\n- model_name:\n  litellm_params: {model: openai/x}\n" K,
      NGX_ERROR, { "E c.yaml:2: model_name is missing" } },
    { "model_list:\n- model_name: x\n" K, NGX_ERROR,
      { "E c.yaml:2: \"x\": litellm_params is missing" } },
    { "model_list:\n- model_name: x\n  litellm_params:\n    api_key: SECRET\n"
      K, NGX_ERROR,
      { "E c.yaml:4: \"x\": litellm_params.model is missing" } },
    { "model_list:\n- model_name: x\n  litellm_params: text\n" K, NGX_ERROR,
      { "E c.yaml:3: \"x\": litellm_params must be a map" } },
    { "model_list:\n- model_name: [x]\n  litellm_params: {model: y}\n" K,
      NGX_ERROR, { "E c.yaml:2: \"model_name\" must be a text" } },
    { M("a*b*c*d*e*f", "model: openai/x") K, NGX_ERROR,
      { "E c.yaml:2: model_name \"a*b*c*d*e*f\" has more than 4 stars" } },
    { M("\"a\\nb\"", "model: openai/x") K, NGX_ERROR,
      { "E c.yaml:2: model_name has a control character" } },
    { M("x", "model: openai/x, timeout: soon") K, NGX_ERROR,
      { "E c.yaml:3: \"timeout\" must be a number of seconds" } },
    { M("x", "model: openai/x, timeout: -1") K, NGX_ERROR,
      { "\"timeout\" must be a number of seconds" } },
    { M("x", "model: openai/x, rpm: many") K, NGX_ERROR,
      { "\"rpm\" must be a number" } },
    { M("x", "model: openai/x, order: 1.5") K, NGX_ERROR,
      { "\"order\" must be a whole number" } },
    { M("x", "model: openai/x, weight: -1") K, NGX_ERROR,
      { "\"weight\" must be a number of 0 or more" } },
    { M("x", "model: openai/x, num_retries: [1]") K, NGX_ERROR,
      { "\"num_retries\" must be a whole number" } },
    { M("x", "model: openai/x, drop_params: maybe") K, NGX_ERROR,
      { "\"drop_params\" must be true or false" } },
    { M("x", "model: openai/x, api_key: {a: SECRET}") K, NGX_ERROR,
      { "\"api_key\" must be a text" } },
    { M("x", "model: openai/x, api_key: \"SECRET\\nX: y\"") K, NGX_ERROR,
      { "\"api_key\" has a line break" } },
    { M("x", "model: openai/x, extra_headers: [a]") K, NGX_ERROR,
      { "\"extra_headers\" must be a map" } },
    { M("x", "model: openai/x, extra_headers: {\"a b\": SECRET}") K,
      NGX_ERROR, { "\"a b\" is not the name of a header" } },
    { M("x", "model: openai/x, extra_headers: {hOST: a}") K, NGX_ERROR,
      { "E c.yaml:3: \"hOST\" can't be set by \"extra_headers\"" } },
    { M("x", "model: openai/x, headers: {Content-Length: \"1\"}") K, NGX_ERROR,
      { "\"Content-Length\" can't be set by \"headers\"" } },
    { M("x", "model: openai/x, extra_headers: {transfer-encoding: chunked}") K,
      NGX_ERROR, { "\"transfer-encoding\" can't be set" } },
    { M("x", "model: openai/x, extra_headers: {Connection: close}") K,
      NGX_ERROR, { "\"Connection\" can't be set" } },
    { M("x", "model: openai/x, extra_headers: {Content-Type: text/plain}") K,
      NGX_ERROR, { "\"Content-Type\" can't be set" } },
    { M("x", "model: openai/x, extra_headers: "
             "{content-type: Application/JSON}") K, NGX_OK, { NULL } },
    { M("x", "model: openai/x, extra_headers: {a: \"SECRET\\r\\nb: c\"}") K,
      NGX_ERROR, { "\"a\" has a line break" } },
    { M("x", "model: openai/x, extra_body: text") K, NGX_ERROR,
      { "\"extra_body\" must be a map" } },
    { "model_list:\n"
      "- {model_name: a, litellm_params: {model: openai/x}, "
      "model_info: {id: i1}}\n"
      "- {model_name: b, litellm_params: {model: openai/x}, "
      "model_info: {id: i1}}\n" K, NGX_ERROR,
      { "E c.yaml:3: model_info.id \"i1\" is used by the deployment of "
        "c.yaml:2 too" } },
    { X "litellm_settings:\n  master_key: SECRET\n", NGX_ERROR,
      { "E c.yaml:6: \"master_key\" is not read in litellm_settings: the "
        "gateway would be open" } },
    { X "router_settings:\n  health_check_interval: 5\n", NGX_ERROR,
      { "E c.yaml:6: \"health_check_interval\" is not read" } },
    { X "router_settings: [a]\n", NGX_ERROR,
      { "E c.yaml:5: \"router_settings\" must be a map" } },
    { X "litellm_settings:\n  num_retries: -1\n", NGX_ERROR,
      { "E c.yaml:6: \"num_retries\" must be a whole number from 0" } },
    { X "litellm_settings:\n  drop_params: [a]\n", NGX_ERROR,
      { "E c.yaml:6: \"drop_params\" must be true or false" } },

    /* all errors, not the first one */
    { M("x", "model: openai/x, timeout: a, rpm: b")
      "router_settings: {num_retries: c}\n" K, NGX_ERROR,
      { "\"timeout\" must", "\"rpm\" must", "\"num_retries\" must" } },

    /* the master key */
    { M("x", "model: openai/x, api_key: SECRET"), NGX_OK,
      { "W c.yaml:1: no master_key" } },
    { "general_settings: {master_key: sk-1234}\n", NGX_OK,
      { "W c.yaml:1: the master key is well known" } },
    { "general_settings:\n  master_key: os.environ/NO_SUCH\n", NGX_OK,
      { "W c.yaml:2: the variable \"NO_SUCH\" is not set: there is no "
        "master key", "W c.yaml:2: no master_key" } },
    { "general_settings:\n"
      "  dangerously_permit_weak_or_unset_master_key: true\n", NGX_OK,
      { "!c.yaml" } },

    /* providers */
    { M("x", "model: google/gemini-2.5-pro, api_key: SECRET") K, NGX_OK,
      { "W c.yaml:3: \"x\": unknown provider \"google\", did you mean "
        "\"gemini\"?" } },
    { M("x", "model: sagemaker/x, api_key: SECRET") K, NGX_OK,
      { "W c.yaml:3: \"x\": the provider \"sagemaker\" is not served yet by "
        "this module" } },
    { M("x", "model: gemini-2.5-pro, api_key: SECRET") K, NGX_OK,
      { "!vertex_ai" } },
    { M("x", "model: gemini-2.5-pro") K, NGX_OK,
      { "W c.yaml:3: the variable \"GOOGLE_APPLICATION_CREDENTIALS\" is not "
        "set" } },
    { M("x", "model: vertex_ai/gemini-2.5-pro, vertex_credentials: "
        "'{\"type\":\n\n\"SECRET\"}'") K, NGX_OK,
      { "W c.yaml:3: \"x\": ", "!line break" } },
    { M("x", "model: vertex_ai/gemini-2.5-pro, api_key: \"{\\nSECRET\"") K,
      NGX_ERROR, { "E c.yaml:3: \"api_key\" has a line break" } },
    { M("x", "model: local-llama") K, NGX_OK,
      { "W c.yaml:3: \"x\": the provider of a model without a prefix" } },
    { M("x", "model: qwerty/llama") K, NGX_OK,
      { "W c.yaml:3: \"x\": unknown provider \"qwerty\"; for a server of "
        "your own write openai/MODEL" } },
    { M("x", "model: hosted_vllm/llama") K, NGX_OK,
      { "W c.yaml:3: \"x\": this provider needs an api_base" } },
    { M("x", "model: openai/x, api_key: SECRET, api_base: \"a:b@SECRET\"") K,
      NGX_OK, { "W c.yaml:3: \"x\": api_base must begin with" } },
    { M("x", "model: openai/x") K, NGX_OK,
      { "W c.yaml:3: the variable \"OPENAI_API_KEY\" is not set" } },
    { M("x", "model: openai/x, api_base: \"http://localhost:1/v1\"") K,
      NGX_OK, { "!OPENAI_API_KEY" } },
    { M("x", "model: openai/x, mock_response: hi") K, NGX_OK,
      { "!c.yaml" } },

    /* variables */
    { M("x", "model: openai/x, api_key: os.environ/NO_SUCH") K, NGX_OK,
      { "W c.yaml:3: the variable \"NO_SUCH\" is not set: deployments that "
        "need it are without credentials" } },
    { "model_list:\n"
      "- {model_name: os.environ/NO_SUCH, "
      "litellm_params: {model: openai/x}}\n" K, NGX_OK,
      { "W c.yaml:2: the variable \"NO_SUCH\" is not set: it names a model",
        "!model_name is missing" } },
    { M("x", "model: openai/x, api_key: \"${MY_KEY:-SECRET}\"") K, NGX_OK,
      { "W c.yaml:3: \"${MY_KEY}\" is not expanded here; write "
        "os.environ/MY_KEY" } },
    { M("x", "model: openai/x, api_key: env/MY_KEY") K, NGX_OK,
      { "W c.yaml:3: \"env/MY_KEY\" is not expanded; write "
        "os.environ/MY_KEY" } },
    { M("x", "model: openai/x, api_key: \"os.environ['SECRET']\"") K, NGX_OK,
      { "W c.yaml:3: a variable is written os.environ/NAME" } },

    /* keys in the wrong place, and others nobody reads */
    { X "litellm_settings:\n  cooldown_time: 5\n", NGX_OK,
      { "W c.yaml:6: \"cooldown_time\" is not read in litellm_settings; it "
        "belongs in router_settings" } },
    { X "router_settings:\n  request_timeout: 5\n", NGX_OK,
      { "W c.yaml:6: \"request_timeout\" is not read in router_settings; it "
        "belongs in litellm_settings" } },
    { "model_list: []\ngeneral_settings:\n  drop_params: true\n"
      "  master_key: sk-SECRET-123456\n", NGX_OK,
      { "W c.yaml:3: \"drop_params\" is not read in general_settings; it "
        "belongs in litellm_settings" } },
    { "general_settings: {master_key: sk-SECRET-123456, max_budget: 5}\n",
      NGX_OK, { "no budget is enforced" } },
    { X "litellm_settings: {max_budget: 5}\n", NGX_OK,
      { "!max_budget" } },
    { X "security: {a: b}\n", NGX_OK,
      { "W c.yaml:5: \"security\" is not a section: no limit is enforced" } },
    { X "loging: {a: b}\n", NGX_OK,
      { "W c.yaml:5: \"loging\" is not a section: nothing in it is read" } },
    { X "litelm_settings: {a: b}\n", NGX_OK,
      { "W c.yaml:5: \"litelm_settings\" is not read in the file; did you "
        "mean \"litellm_settings\"?" } },
    { X "litellm_settings: {drop_parms: true}\n", NGX_OK,
      { "W c.yaml:5: \"drop_parms\" is not read in litellm_settings; did "
        "you mean \"drop_params\"?" } },
    { X "litellm_settings: {nobody_knows_this: true}\n", NGX_OK,
      { "W c.yaml:5: \"nobody_knows_this\" is not read in litellm_settings; "
        "LiteLLM does not know it either" } },
    { X "cache: {type: s3, ttl: 3600}\n", NGX_OK,
      { "W c.yaml:5: caches of type \"s3\" are not served" } },
    { X "litellm_settings: {cache: true, cache_params: {redis_url: SECRET}}\n",
      NGX_OK, { "W c.yaml:5: \"redis_url\" is not read in cache_params; did "
                "you mean \"url\"?" } },
    { X "litellm_settings: {callbacks: [prometheus, langfuse]}\n", NGX_OK,
      { "W c.yaml:5: \"callbacks\" is not run here (langfuse)" } },
    { X "litellm_settings: {success_callback: [langfuse, my.mod]}\n", NGX_OK,
      { "W c.yaml:5: \"success_callback\" is not run here (langfuse, "
        "my.mod)" } },
    { X "litellm_settings: {set_verbose: true, json_logs: true}\n"
      "mcp_servers: {}\n", NGX_OK,
      { "N c.yaml:6: LiteLLM's keys that mean nothing here: mcp_servers, "
        "set_verbose, json_logs", "!W " } },
    { X "router_settings: {rpm: 1000, tpm: 100000}\n", NGX_OK, { "!W " } },
    { M("x", "model: openai/x, api_key: SECRET, rpm_limit: 5") K, NGX_OK,
      { "W c.yaml:3: \"rpm_limit\" is sent to the provider in every "
        "request; did you mean \"rpm\"?" } },
    { M("x", "model: openai/x, api_key: SECRET, supports_vision: true") K,
      NGX_OK, { "W c.yaml:3: \"supports_vision\" is sent to the provider in "
                "every request; it belongs in model_info" } },
    { M("x", "model: openai/x, api_key: SECRET, max_token: 5") K, NGX_OK,
      { "W c.yaml:3: \"max_token\" is sent to the provider in every "
        "request; did you mean \"max_tokens\"?" } },
    { M("x", "model: openai/x, api_key: SECRET, input_cost_per_token: 1e-6, "
        "tags: [a], cost_per_x: 1") K, NGX_OK, { "!_cost_per_token" } },
    { "model_list:\n- model_name: x\n  litellm_params: {model: openai/x, "
      "api_key: SECRET}\n  model_info: {blocked: maybe}\n" K, NGX_ERROR,
      { "E c.yaml:4: \"blocked\" must be" } },
    { "model_list:\n- model_name: x\n  litellm_params: {model: openai/x, "
      "api_key: SECRET}\n  model_info: {access_windows: [{start: 1}]}\n" K,
      NGX_ERROR, { "E c.yaml:4: \"start\" of \"access_windows\" must be a "
        "time of the day" } },
    { "model_list:\n- model_name: x\n  litellm_params: {model: openai/x, "
      "api_key: SECRET}\n  model_info: {access_windows: [{start: '1:00', "
      "end: '2:00', team_ids: [a], timezone: Asia/Tokyo}]}\n" K,
      NGX_ERROR, { "E c.yaml:4: \"timezone\" is no time zone" } },
    { "model_list:\n- model_name: x\n  litellm_params: {model: openai/x, "
      "api_key: SECRET}\n  model_info: {mode: embeddings}\n" K, NGX_OK,
      { "W c.yaml:4: \"x\": unknown mode \"embeddings\", did you mean "
        "\"embedding\"?" } },
    { "model_list:\n- model_name: x\n  litellm_params: {model: openai/x, "
      "api_key: SECRET}\n  model_info: {mode: tts}\n" K, NGX_OK,
      { "did you mean \"audio_speech\"?" } },
    { "model_list:\n- model_name: x\n  api_key: SECRET\n"
      "  litellm_params: {model: openai/x, api_key: SECRET}\n" K, NGX_OK,
      { "W c.yaml:3: \"api_key\" is not read in model_list; it belongs in "
        "litellm_params" } },

    /* the same key many times is one line */
    { "model_list:\n"
      "- {model_name: a, litellm_params: {model: openai/x, api_key: SECRET, "
      "rpm_limit: 5}}\n"
      "- {model_name: b, litellm_params: {model: openai/x, api_key: SECRET, "
      "rpm_limit: 5}}\n" K, NGX_OK,
      { "W c.yaml:2: \"rpm_limit\" is sent", "(2 places)" } },

    /* duplicated keys */
    { "model_list: []\n" K "model_list: []\n", NGX_OK,
      { "W c.yaml:3: \"model_list\" is here again: what line 1 has for it "
        "is lost" } },

    /* broken and foreign files */
    { "model_list:\n  - a: b\n api_key: SECRET\n", NGX_ERROR,
      { "E c.yaml:3: ", "(column 2) near \"api_key:\"" } },
    { "a: {{ .Values.SECRET }}\n", NGX_ERROR,
      { "E c.yaml:1: this is a template" } },
    { "{% if x %}\na: b\n{% endif %}\n", NGX_ERROR,
      { "this is a template" } },
    { "apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: |\n"
      "    model_list: []\n", NGX_OK,
      { "W c.yaml:4: this is a Kubernetes object (ConfigMap); the "
        "configuration is under data.config.yaml", "!is not a section" } },
    { "proxy_config: {model_list: []}\n", NGX_OK,
      { "W c.yaml:1: these are a Helm chart's values" } },
    { "a: 1\n---\nb: 2\n", NGX_ERROR, { "E c.yaml:2: a second document" } },

    /* control bytes cannot forge lines of a log */
    { X "\"evil\\nc.yaml:9: fake\": 1\n", NGX_OK,
      { "W c.yaml:5: \"evil?c.yaml:9: fake\" is not a section" } },

    { NULL, 0, { NULL } }
};


static void
test_deployment(void)
{
    ngx_str_t                 *s;
    ngx_keyval_t              *kv;
    ngx_litellm_default_t     *def;
    ngx_litellm_deployment_t  *d;

    unit_case("a deployment in full");

    vars[0] = "KEY=sk-SECRET-from-env";
    vars[1] = "RPM=60";
    vars[2] = "DROP=True";
    vars[3] = NULL;

    CHECK_INT(load(
        "model_list:\n"
        "- model_name: chat\n"
        "  tpm: 20_000\n"
        "  litellm_params:\n"
        "    model: openai/gpt-4o\n"
        "    api_key: os.environ/KEY\n"
        "    base_url: https://example.com/v1/\n"
        "    api_version: 2025-08-05\n"
        "    organization: org-1\n"
        "    timeout: \"30.5\"\n"
        "    stream_timeout: 0.001\n"
        "    keepalive_seconds: 7\n"
        "    num_retries: \"4\"\n"
        "    order: 2\n"
        "    weight: 0.75\n"
        "    rpm: os.environ/RPM\n"
        "    drop_params: os.environ/DROP\n"
        "    additional_drop_params: [\"tools[*].function.strict\", user]\n"
        "    allowed_openai_params: seed\n"
        "    extra_headers: {X-A: a, X-Key: os.environ/KEY}\n"
        "    headers: {x-a: other, X-B: b}\n"
        "    temperature: \"0.7\"\n"
        "    max_tokens: 0x10\n"
        "    user: 12345\n"
        "    top_p: null\n"
        "    stream: true\n"
        "    seed: 12345678901234567890\n"
        "    num_ctx: 4096\n"
        "    custom: {b: [1, 1e-6, \"t\\u00e9\\n\"], a: yes}\n"
        "    date: 2025-08-05\n"
        "    flag: os.environ/DROP\n"
        "    number: os.environ/RPM\n"
        "    stop: [\"a\", \"b\\\"\"]\n"
        "    extra_body: {num_ctx: 1, thinking: {type: enabled}}\n"
        "    input_cost_per_token: 0.1\n"
        "    tags: [a]\n"
        "  model_info:\n"
        "    id: my-id\n"
        "    mode: chat\n"
        "    max_output_tokens: 77\n"
        "    supports_vision: false\n"
        "    note: os.environ/KEY\n"
        K), NGX_OK);

    d = dep(0);

    CHECK_STR(&d->group, "chat");
    CHECK_STR(&d->id, "my-id");
    CHECK_STR(&d->full_model, "openai/gpt-4o");
    CHECK_STR(&d->model, "gpt-4o");
    CHECK_STR((ngx_str_t *) &d->provider->name, "openai");
    CHECK_STR(&d->api_key, "sk-SECRET-from-env");
    CHECK_STR(&d->api_base, "https://example.com/v1/");
    CHECK_STR(&d->url.host, "example.com");
    CHECK_STR(&d->url.path, "/v1");
    CHECK_STR(&d->api_version, "2025-08-05");
    CHECK_STR(&d->organization, "org-1");
    CHECK_INT(d->timeout, 30500);
    CHECK_INT(d->stream_timeout, 1);
    CHECK_INT(d->stream_keepalive, 7000);
    CHECK_INT(d->num_retries, 4);
    CHECK_INT(d->order, 2);
    CHECK_INT(d->weight, 750000);
    CHECK_INT(d->rpm, 60);
    CHECK_INT(d->tpm, 20000);
    CHECK_INT(d->drop_params, 1);
    CHECK_INT(d->no_credentials, 0);
    CHECK_INT(d->mode, NGX_LITELLM_MODE_CHAT);
    CHECK_INT(d->line, 2);
    CHECK_STR(&d->file, "c.yaml");

    if (CHECK(d->drop != NULL && d->drop->nelts == 2)) {
        s = d->drop->elts;
        CHECK_STR(&s[0], "tools[*].function.strict");
        CHECK_STR(&s[1], "user");
    }

    if (CHECK(d->allow != NULL && d->allow->nelts == 1)) {
        CHECK_STR((ngx_str_t *) d->allow->elts, "seed");
    }

    if (CHECK(d->headers != NULL && d->headers->nelts == 3)) {
        kv = d->headers->elts;
        CHECK_STR(&kv[0].key, "X-A");
        CHECK_STR(&kv[0].value, "a");
        CHECK_STR(&kv[1].value, "sk-SECRET-from-env");
        CHECK_STR(&kv[2].key, "X-B");
    }

#define DEFAULT(name, text)                                                   \
    def = default_of(d, name);                                                \
    if (CHECKF(def != NULL, "%s", name)) {                                    \
        ngx_str_t  got;                                                       \
        got.data = def->value->start;                                         \
        got.len = def->value->len;                                            \
        CHECK_STR(&got, text);                                                \
    }

    DEFAULT("temperature", "0.7");
    CHECK(def && def->param == NGX_LITELLM_P_TEMPERATURE);
    DEFAULT("max_tokens", "16");
    DEFAULT("user", "12345");
    DEFAULT("seed", "12345678901234567890");
    DEFAULT("num_ctx", "1");
    CHECK(def && def->param == -1);
    DEFAULT("custom", "{\"b\":[1,1e-6,\"t\xc3\xa9\\n\"],\"a\":true}");
    CHECK(def && ngx_litellm_json_is(def->value, OBJECT)
          && ngx_litellm_json_is(ngx_litellm_json_member(def->value, "b"),
                                 ARRAY));
    DEFAULT("date", "\"2025-08-05\"");
    DEFAULT("flag", "true");
    DEFAULT("number", "\"60\"");
    DEFAULT("stop", "[\"a\",\"b\\\"\"]");
    DEFAULT("thinking", "{\"type\":\"enabled\"}");

    CHECK(default_of(d, "top_p") == NULL);
    CHECK(default_of(d, "stream") == NULL);
    CHECK(default_of(d, "tags") == NULL);
    CHECK(default_of(d, "input_cost_per_token") == NULL);
    CHECK(default_of(d, "api_key") == NULL);
    CHECK(default_of(d, "extra_body") == NULL);

    /* a variable's value is not given back by /model/info */

    CHECK_STR(&d->model_info, "{\"id\":\"my-id\",\"mode\":\"chat\","
              "\"max_output_tokens\":77,\"supports_vision\":false,"
              "\"note\":\"os.environ/KEY\"}");

    if (CHECK(d->info != NULL)) {
        CHECK_INT(d->info->max_output, 77);
        CHECK_INT(d->info->max_input, 128000);
        CHECK(!(d->info->flags & NGX_LITELLM_M_VISION));
        CHECK(d->info->flags & NGX_LITELLM_M_TOOLS);
    }

    vars[0] = NULL;
}


static void
test_credentials(void)
{
    ngx_str_t                 *names;
    ngx_litellm_deployment_t  *d;

    unit_case("an unset variable puts one deployment off");

    CHECK_INT(load(
        "model_list:\n"
        "- {model_name: x, litellm_params: {model: openai/x, "
        "api_key: os.environ/NO_A}}\n"
        "- {model_name: x, litellm_params: {model: openai/x, "
        "api_key: os.environ/NO_A}}\n"
        "- {model_name: x, litellm_params: {model: openai/x, api_key: k, "
        "api_base: os.environ/NO_B}}\n"
        "- {model_name: x, litellm_params: {model: anthropic/x}}\n"
        "- {model_name: x, litellm_params: {model: openai/x, api_key: k}}\n"
        "- {model_name: x, litellm_params: {model: openai/x, "
        "api_key: os.environ/NO_A, mock_response: hi}}\n" K), NGX_OK);

    CHECK_INT(dep(0)->no_credentials, 1);
    CHECK_STR(&dep(0)->missing_env, "NO_A");
    CHECK_INT(dep(1)->no_credentials, 1);
    CHECK_INT(dep(2)->no_credentials, 1);
    CHECK_STR(&dep(2)->missing_env, "NO_B");
    CHECK_INT(dep(3)->no_credentials, 1);
    CHECK_STR(&dep(3)->missing_env, "ANTHROPIC_API_KEY");
    CHECK_INT(dep(4)->no_credentials, 0);
    CHECK_INT(dep(5)->no_credentials, 0);
    CHECK_INT(dep(5)->mock, 1);
    CHECK_STR(&dep(5)->mock_response, "hi");
    CHECK_INT(nsaid[NGX_LITELLM_DIAG_WARN], 3);

    /* the variables that are read are known */

    names = conf->env_names.elts;

    CHECK(conf->env_names.nelts >= 3);
    CHECK_STR(&names[0], "LITELLM_DROP_PARAMS");

    unit_case("keys and addresses from the environment");

    vars[0] = "OPENAI_API_KEY=sk-SECRET-o";
    vars[1] = "ANTHROPIC_API_KEY=sk-SECRET-a\n";
    vars[2] = "OPENAI_API_BASE=http://o:1/v1";
    vars[3] = "LITELLM_MASTER_KEY=sk-SECRET-m";
    vars[4] = "LITELLM_DROP_PARAMS=True";
    vars[5] = NULL;

    CHECK_INT(load(M("x", "model: gpt-4o")
                   "- model_name: y\n"
                   "  litellm_params: {model: claude-sonnet-4-5}\n"),
              NGX_OK);
    CHECK_STR(&dep(0)->api_key, "sk-SECRET-o");
    CHECK_STR(&dep(0)->api_base, "http://o:1/v1");
    CHECK_INT(dep(0)->url.port, 1);
    CHECK_STR(&dep(1)->api_key, "sk-SECRET-a");
    CHECK_STR(&dep(1)->api_base, "https://api.anthropic.com");
    CHECK_STR(&conf->master_key, "sk-SECRET-m");
    CHECK_INT(conf->drop_params, 1);
    CHECK(!has("W "));

    unit_case("environment_variables of the file");

    vars[0] = "REAL=sk-SECRET-real";
    vars[1] = "OPENAI_API_KEY=sk-SECRET-old";
    vars[2] = NULL;

    CHECK_INT(load(M("x", "model: openai/x, api_key: os.environ/MINE")
                   "- {model_name: y, litellm_params: {model: openai/y}}\n"
                   "environment_variables:\n"
                   "  MINE: os.environ/REAL\n"
                   "  OPENAI_API_KEY: sk-SECRET-new\n"
                   "  EMPTY:\n" K), NGX_OK);
    CHECK_STR(&dep(0)->api_key, "sk-SECRET-real");
    CHECK_STR(&dep(1)->api_key, "sk-SECRET-new");

    vars[0] = NULL;

    unit_case("empty is unset");

    vars[0] = "KEY=";
    vars[1] = NULL;
    CHECK_INT(load(M("x", "model: openai/x, api_key: os.environ/KEY") K),
              NGX_OK);
    CHECK_INT(dep(0)->no_credentials, 1);
    vars[0] = NULL;

    unit_case("placeholders are kept");
    CHECK_INT(load(M("x", "model: openai/x, api_key: none, "
                     "api_base: \"http://h/v1\"") K), NGX_OK);
    CHECK_STR(&dep(0)->api_key, "none");

    unit_case("a credential by name");
    CHECK_INT(load(M("x", "model: openai/x, litellm_credential_name: c, "
                     "api_base: \"http://own/v1\"")
                   "credential_list:\n"
                   "- credential_name: c\n"
                   "  credential_values: {api_key: SECRET, "
                   "api_base: \"http://cred/v1\"}\n" K), NGX_OK);
    d = dep(0);
    CHECK_STR(&d->api_key, "SECRET");
    CHECK_STR(&d->api_base, "http://own/v1");
    CHECK(d->defaults == NULL);

    unit_case("default_litellm_params");
    CHECK_INT(load(M("x", "model: openai/x, temperature: 1")
                   "router_settings:\n"
                   "  default_litellm_params: {temperature: 0, seed: 5, "
                   "timeout: 7, api_key: SECRET}\n" K), NGX_OK);
    d = dep(0);
    CHECK_INT(d->timeout, 7000);
    CHECK_STR(&d->api_key, "SECRET");

    if (CHECK(d->defaults != NULL)) {
        CHECK_INT(d->defaults->nelts, 2);
    }

    unit_case("organizations");
    CHECK_INT(load("model_list:\n- model_name: x\n  litellm_params: "
                   "{model: openai/x, api_key: SECRET, "
                   "organization: [a, b]}\n  model_info: {id: i}\n" K),
              NGX_OK);
    CHECK_INT(conf->deployments.nelts, 2);
    CHECK_STR(&dep(0)->organization, "a");
    CHECK_STR(&dep(0)->id, "i");
    CHECK_STR(&dep(1)->organization, "b");
    CHECK_INT(dep(1)->id.len, 64);

    unit_case("equal deployments have ids of their own");
    CHECK_INT(load(M("x", "model: openai/x, api_key: SECRET")
                   "- {model_name: x, litellm_params: {model: openai/x, "
                   "api_key: SECRET}}\n"
                   "- {model_name: x, litellm_params: {model: openai/x, "
                   "api_key: SECRET}}\n" K), NGX_OK);
    CHECK_INT(dep(0)->id.len, 64);
    CHECK(memcmp(dep(0)->id.data, dep(1)->id.data, 64) != 0);
    CHECK(memcmp(dep(1)->id.data, dep(2)->id.data, 64) != 0);
}


static void
test_settings(void)
{
    unit_case("defaults");
    CHECK_INT(load(K), NGX_OK);
    CHECK_INT(conf->num_retries, 2);
    CHECK_INT(conf->max_fallbacks, 5);
    CHECK_INT(conf->request_timeout, 0);
    CHECK_INT(conf->drop_params, 0);
    CHECK_INT(conf->expose_router_debug, 1);
    CHECK_INT(conf->always_include_stream_usage, NGX_CONF_UNSET);
    CHECK_INT(conf->stream_continue, NGX_CONF_UNSET);
    CHECK_INT(conf->stream_idle_timeout, 0);
    CHECK_INT(conf->stream_keepalive, 0);
    CHECK_STR(&conf->routing_strategy, "simple-shuffle");
    CHECK_INT(conf->routing.strategy, NGX_LITELLM_SHUFFLE);
    CHECK_INT(conf->routing.ttft_percentile, -1);
    CHECK_INT(conf->tag_filtering, 0);
    CHECK_INT(conf->tag_match_any, 1);
    CHECK_INT(conf->pre_call_checks, 0);
    CHECK_STR(&conf->master_key, "sk-SECRET-123456");
    CHECK_INT(conf->has_context_window_fallbacks, 0);

    unit_case("settings; router_settings beats litellm_settings");
    CHECK_INT(load("litellm_settings: {num_retries: 1, drop_params: "
                   "\"true\", modify_params: on, request_timeout: 600, "
                   "max_fallbacks: 3, expose_router_debug_in_errors: false, "
                   "context_window_fallbacks: []}\n"
                   "router_settings: {num_retries: 7, timeout: 30, "
                   "stream_timeout: 1.5, retry_after: 2, "
                   "routing_strategy: latency-based, "
                   "routing_strategy_args: {lowest_latency_buffer: 0.5, "
                   "ttft_percentile: 0.9}, enable_tag_filtering: true, "
                   "tag_filtering_match_any: false, "
                   "enable_pre_call_checks: true, "
                   "optional_pre_call_checks: [prompt_caching]}\n"
                   "general_settings: {master_key: 12345678, "
                   "always_include_stream_usage: false, "
                   "dangerously_allow_mock_testing_request_params: 1}\n"),
              NGX_OK);
    CHECK_INT(conf->num_retries, 7);
    CHECK_INT(conf->max_fallbacks, 3);
    CHECK_INT(conf->drop_params, 1);
    CHECK_INT(conf->modify_params, 1);
    CHECK_INT(conf->request_timeout, 600000);
    CHECK_INT(conf->stream_timeout, 1500);
    CHECK_INT(conf->retry_after, 2000);
    CHECK_INT(conf->expose_router_debug, 0);
    CHECK_INT(conf->always_include_stream_usage, 0);
    CHECK_INT(conf->allow_mock_testing, 1);
    CHECK_STR(&conf->routing_strategy, "latency-based-routing");
    CHECK_INT(conf->routing.strategy, NGX_LITELLM_LOWEST_LATENCY);
    CHECK_INT(conf->routing.latency_buffer, 500000);
    CHECK_INT(conf->routing.ttft_percentile, 900000);
    CHECK_INT(conf->tag_filtering, 1);
    CHECK_INT(conf->tag_match_any, 0);
    CHECK_INT(conf->pre_call_checks, 1);
    CHECK_INT(conf->prompt_affinity, 1);
    CHECK_INT(conf->key_affinity, 0);
    CHECK_STR(&conf->master_key, "12345678");
    CHECK_INT(conf->has_context_window_fallbacks, 1);

    unit_case("streams: either section, router_settings first");
    CHECK_INT(load("litellm_settings: {stream_continue: true, "
                   "stream_idle_timeout: 20, "
                   "sse_keepalive_ping_interval_seconds: 2.5}\n" K),
              NGX_OK);
    CHECK_INT(conf->stream_continue, 1);
    CHECK_INT(conf->stream_idle_timeout, 20000);
    CHECK_INT(conf->stream_keepalive, 2500);
    CHECK_INT(load("litellm_settings: {stream_continue: true, "
                   "stream_idle_timeout: 20}\n"
                   "router_settings: {stream_continue: false, "
                   "stream_idle_timeout: 0.5}\n" K),
              NGX_OK);
    CHECK_INT(conf->stream_continue, 0);
    CHECK_INT(conf->stream_idle_timeout, 500);

    unit_case("hedging: either section, the router's map replaces the other");
    CHECK_INT(load(K), NGX_OK);
    CHECK(conf->hedge == NULL);
    CHECK_INT(load("litellm_settings: {hedge: {delay: 1.5}}\n" K), NGX_OK);
    CHECK_INT(conf->hedge->enable, 1);
    CHECK_INT(conf->hedge->delay, 1500);
    CHECK_INT(conf->hedge->percentile, 0);
    CHECK_INT(conf->hedge->min, 50);
    CHECK_INT(conf->hedge->budget, 500);
    CHECK_INT(conf->hedge->burst, 10);
    CHECK_INT(load("litellm_settings: {hedge: {delay: 1.5}}\n"
                   "router_settings: {hedge: {percentile: 99.5, min: 0.2, "
                   "budget: 2.5, burst: 3}}\n" K), NGX_OK);
    CHECK_INT(conf->hedge->delay, 0);
    CHECK_INT(conf->hedge->percentile, 995000);
    CHECK_INT(conf->hedge->min, 200);
    CHECK_INT(conf->hedge->budget, 250);
    CHECK_INT(conf->hedge->burst, 3);
    CHECK_INT(load("litellm_settings: {hedge: {delay: 1.5}}\n"
                   "router_settings: {hedge: off}\n" K), NGX_OK);
    CHECK(conf->hedge == NULL);

    unit_case("hedging that makes no sense is an error");
    CHECK_INT(load("router_settings: {hedge: true}\n" K), NGX_ERROR);
    CHECK_INT(load("router_settings: {hedge: {}}\n" K), NGX_ERROR);
    CHECK_INT(load("router_settings: {hedge: [1]}\n" K), NGX_ERROR);
    CHECK_INT(load("router_settings: {hedge: {delay: 0}}\n" K), NGX_ERROR);
    CHECK_INT(load("router_settings: {hedge: {percentile: 100}}\n" K),
              NGX_ERROR);
    CHECK_INT(load("router_settings: {hedge: {delay: 1, budget: 101}}\n" K),
              NGX_ERROR);
    CHECK_INT(load("router_settings: {hedge: {delay: 1, burst: 0}}\n" K),
              NGX_ERROR);
    CHECK_INT(load("router_settings: {hedge: {delay: 1, dealy: 2}}\n" K),
              NGX_ERROR);

    unit_case("the router's timeout alone");
    CHECK_INT(load("router_settings: {timeout: 30}\n" K), NGX_OK);
    CHECK_INT(conf->request_timeout, 30000);

    unit_case("a huge time does not overflow a timer");
    CHECK_INT(load("router_settings: {timeout: 99999999999}\n" K), NGX_OK);
    CHECK_INT(conf->request_timeout, 0x7fffffff);
}


static void
test_includes(void)
{
    unit_case("includes: relative, nested, once each, lists joined");

    files[0].path = "/etc/llm/c.yaml";
    files[0].text = "include: [sub/a.yaml, /abs.yaml, sub/a.yaml]\n"
                    M("main", "model: openai/m, api_key: k")
                    "litellm_settings: {num_retries: 1}\n" K;
    files[1].path = "/etc/llm/sub/a.yaml";
    files[1].text = "include:\n- b.yaml\n- ../c.yaml\n"
                    M("a", "model: openai/a, api_key: k");
    files[2].path = "/etc/llm/sub/b.yaml";
    files[2].text = M("b", "model: openai/b, api_key: k, timeout: bad");
    files[3].path = "/abs.yaml";
    files[3].text = M("abs", "model: openai/x, api_key: k")
                    "litellm_settings: {num_retries: 9}\n";
    files[4].path = "/etc/llm/sub/../c.yaml";
    files[4].text = "model_list: []\n";
    files[5].path = NULL;

    CHECK_INT(load(NULL), NGX_ERROR);
    CHECK(has("E /etc/llm/sub/b.yaml:3: \"timeout\" must be"));
    CHECK(has("W /abs.yaml:4: \"litellm_settings\" replaces the one of "
              "/etc/llm/c.yaml:5"));

    files[2].text = M("b", "model: openai/b, api_key: k");

    CHECK_INT(load(NULL), NGX_OK);
    CHECK_INT(conf->deployments.nelts, 4);
    CHECK_STR(&dep(0)->group, "main");
    CHECK_STR(&dep(1)->group, "a");
    CHECK_STR(&dep(1)->file, "/etc/llm/sub/a.yaml");
    CHECK_INT(dep(1)->line, 5);
    CHECK_STR(&dep(2)->group, "b");
    CHECK_STR(&dep(3)->group, "abs");
    CHECK_INT(conf->num_retries, 9);

    unit_case("an included file that is not there");
    files[0].text = K "include:\n- no.yaml\n";
    files[1].path = NULL;
    CHECK_INT(load(NULL), NGX_ERROR);
    CHECK(has("E /etc/llm/c.yaml:3: the included file \"/etc/llm/no.yaml\" "
              "cannot be read: no such file"));

    unit_case("no file at all");
    files[0].path = "gone.yaml";
    files[0].text = NULL;
    CHECK_INT(load(NULL), NGX_ERROR);
    CHECK(has("E gone.yaml:1: cannot be read: no such file"));
}


/* 5,000 deployments, 2,500 groups, fallbacks, wrong keys: one pass each */

static void
test_many(void)
{
    u_char     *buf, *p;
    ngx_str_t   name;
    ngx_uint_t  i;

    unit_case("5000 deployments");

    buf = ngx_alloc(5000 * 300, &unit_log);
    p = ngx_sprintf(buf, "model_list:\n");

    for (i = 0; i < 5000; i++) {
        p = ngx_sprintf(p, "- {model_name: g%ui, litellm_params: {model: "
                        "openai/m, api_key: os.environ/NO_%ui, rpm_limit: 5,"
                        " temperature: 0.5}, model_info: {id: i%ui}}\n",
                        i / 2, i % 20, i);
    }

    p = ngx_sprintf(p, "fallbacks:\n");

    for (i = 0; i < 2500; i++) {
        p = ngx_sprintf(p, "  g%ui: [g%ui, h%ui]\n", i, (i + 1) % 2500, i);
    }

    *ngx_sprintf(p, K) = '\0';

    CHECK_INT(load((char *) buf), NGX_OK);
    CHECK_INT(conf->deployments.nelts, 5000);
    CHECK_INT(conf->groups.nelts, 2500);
    CHECK_INT(conf->fallbacks.nelts, 2500);
    CHECK(has("(5000 places)"));

    /* 20 variables, 100 names nobody answers, one key */

    CHECK_INT(nsaid[NGX_LITELLM_DIAG_WARN], 121);

    for (i = 0; i < 2500; i++) {
        name.data = buf;
        name.len = ngx_sprintf(buf, "g%ui", i) - buf;

        if (ngx_litellm_config_group(conf, &name) == NULL
            || ngx_litellm_config_fallback(&conf->fallbacks, &name) == NULL)
        {
            break;
        }
    }

    CHECK_INT(i, 2500);

    ngx_free(buf);
}


/* configurations of LiteLLM's repository, where they are at hand */

static void
test_samples(void)
{
    char          path[512];
    u_char       *copy;
    ngx_str_t     text, *names;
    ngx_uint_t    i;
    ngx_array_t  *dir;

    static const char  where[] = "../../../shared/data/litellm-configs";

    unit_case("sample configurations");

    dir = unit_dir(where);

    if (dir == NULL) {
        return;
    }

    names = dir->elts;

    for (i = 0; i < dir->nelts; i++) {

        snprintf(path, sizeof(path), "%s/%s", where, names[i].data);

        if (unit_file(path, &text) != NGX_OK) {
            continue;
        }

        copy = ngx_pnalloc(unit_pool, text.len + 1);
        *ngx_cpymem(copy, text.data, text.len) = '\0';

        files[0].path = (char *) names[i].data;
        files[0].text = (char *) copy;
        files[1].path = "included_models.yaml";
        files[1].text = "model_list: []";
        files[2].path = "models_file_1.yaml";
        files[2].text = "model_list: []";
        files[3].path = "models_file_2.yaml";
        files[3].text = "model_list: []";
        files[4].path = NULL;

        CHECKF(load(NULL) == NGX_OK, "%s: %s", names[i].data, said);
    }
}


void
unit_main(void)
{
    test_says(says);
    test_deployment();
    test_credentials();
    test_settings();
    test_includes();
    test_many();
    test_samples();
}
