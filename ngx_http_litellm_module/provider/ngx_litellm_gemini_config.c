
/*
 * generationConfig of a request to Gemini, and the client's own members that
 * are Google's: settings beside OpenAI's go into generationConfig or to the
 * top, whichever spelling they have ("top_k" or "topK").  All other foreign
 * members are dropped: Google refuses what it does not know.
 */

#include "ngx_litellm_gemini.h"


/* OpenAI takes four */
#define NGX_LITELLM_GEMINI_STOPS  4


typedef struct {
    ngx_litellm_gemini_t  *g;
    ngx_litellm_out_t     *out;
    ngx_uint_t             n;          /* members so far */
} ngx_litellm_gemini_list_t;


/* Google's members that a client may set himself */

typedef struct {
    ngx_str_t    camel;
    ngx_str_t    snake;
    ngx_uint_t   bit;                  /* one that may be written before */
    unsigned     top:1;                /* not of generationConfig */
    unsigned     vertex:1;             /* Vertex AI's only */
} ngx_litellm_gemini_own_t;


#define NGX_LITELLM_GEMINI_W_MIME        0x0001
#define NGX_LITELLM_GEMINI_W_SCHEMA      0x0002
#define NGX_LITELLM_GEMINI_W_JSON        0x0004
#define NGX_LITELLM_GEMINI_W_MODALITIES  0x0008
#define NGX_LITELLM_GEMINI_W_SPEECH      0x0010
#define NGX_LITELLM_GEMINI_W_THINKING    0x0020
#define NGX_LITELLM_GEMINI_W_RESOLUTION  0x0040
#define NGX_LITELLM_GEMINI_W_TOP_K       0x0080
#define NGX_LITELLM_GEMINI_W_STOP        0x0100
#define NGX_LITELLM_GEMINI_W_COUNT       0x0200
#define NGX_LITELLM_GEMINI_W_TOKENS      0x0400
#define NGX_LITELLM_GEMINI_W_IMAGE       0x0800
#define NGX_LITELLM_GEMINI_W_SAFETY      0x1000
#define NGX_LITELLM_GEMINI_W_CACHED      0x2000
#define NGX_LITELLM_GEMINI_W_LABELS      0x4000
#define NGX_LITELLM_GEMINI_W_AFFECT      0x8000
#define NGX_LITELLM_GEMINI_W_AUDIO       0x10000
#define NGX_LITELLM_GEMINI_W_ARMOR       0x20000


static const ngx_litellm_gemini_own_t  ngx_litellm_gemini_owns[] = {
    { ngx_string("topK"), ngx_string("top_k"),
      NGX_LITELLM_GEMINI_W_TOP_K, 0, 0 },
    { ngx_string("candidateCount"), ngx_string("candidate_count"),
      NGX_LITELLM_GEMINI_W_COUNT, 0, 0 },
    { ngx_string("maxOutputTokens"), ngx_string("max_output_tokens"),
      NGX_LITELLM_GEMINI_W_TOKENS, 0, 0 },
    { ngx_string("stopSequences"), ngx_string("stop_sequences"),
      NGX_LITELLM_GEMINI_W_STOP, 0, 0 },
    { ngx_string("responseMimeType"), ngx_string("response_mime_type"),
      NGX_LITELLM_GEMINI_W_MIME, 0, 0 },
    { ngx_string("responseSchema"), ngx_string("response_schema"),
      NGX_LITELLM_GEMINI_W_SCHEMA, 0, 0 },
    { ngx_string("responseJsonSchema"), ngx_string("response_json_schema"),
      NGX_LITELLM_GEMINI_W_JSON, 0, 0 },
    { ngx_string("responseModalities"), ngx_string("response_modalities"),
      NGX_LITELLM_GEMINI_W_MODALITIES, 0, 0 },
    { ngx_string("speechConfig"), ngx_string("speech_config"),
      NGX_LITELLM_GEMINI_W_SPEECH, 0, 0 },
    { ngx_string("thinkingConfig"), ngx_string("thinking_config"),
      NGX_LITELLM_GEMINI_W_THINKING, 0, 0 },
    { ngx_string("mediaResolution"), ngx_string("media_resolution"),
      NGX_LITELLM_GEMINI_W_RESOLUTION, 0, 0 },
    { ngx_string("imageConfig"), ngx_string("image_config"),
      NGX_LITELLM_GEMINI_W_IMAGE, 0, 0 },
    { ngx_string("audioTimestamp"), ngx_string("audio_timestamp"),
      NGX_LITELLM_GEMINI_W_AUDIO, 0, 1 },
    { ngx_string("enableAffectiveDialog"),
      ngx_string("enable_affective_dialog"),
      NGX_LITELLM_GEMINI_W_AFFECT, 0, 0 },
    { ngx_string("safetySettings"), ngx_string("safety_settings"),
      NGX_LITELLM_GEMINI_W_SAFETY, 1, 0 },
    { ngx_string("cachedContent"), ngx_string("cached_content"),
      NGX_LITELLM_GEMINI_W_CACHED, 1, 0 },
    { ngx_string("toolConfig"), ngx_string("tool_config"),
      NGX_LITELLM_GEMINI_W_CHOICE, 1, 0 },
    { ngx_string("labels"), ngx_string("labels"),
      NGX_LITELLM_GEMINI_W_LABELS, 1, 1 },
    { ngx_string("modelArmorConfig"), ngx_string("model_armor_config"),
      NGX_LITELLM_GEMINI_W_ARMOR, 1, 1 }
};

#define NGX_LITELLM_GEMINI_OWNS                                               \
    (sizeof(ngx_litellm_gemini_owns) / sizeof(ngx_litellm_gemini_owns[0]))


static void ngx_litellm_gemini_key(ngx_litellm_gemini_list_t *l,
    const char *name, ngx_uint_t bit);
static void ngx_litellm_gemini_value(ngx_litellm_gemini_list_t *l,
    const char *name, ngx_litellm_json_t *v, ngx_uint_t bit);
static void ngx_litellm_gemini_sampling(ngx_litellm_gemini_list_t *l);
static ngx_int_t ngx_litellm_gemini_stop(ngx_litellm_gemini_list_t *l);
static ngx_int_t ngx_litellm_gemini_format(ngx_litellm_gemini_list_t *l);
static ngx_int_t ngx_litellm_gemini_format_schema(
    ngx_litellm_gemini_list_t *l, ngx_litellm_json_t *schema);
static ngx_int_t ngx_litellm_gemini_modalities(ngx_litellm_gemini_list_t *l);
static ngx_int_t ngx_litellm_gemini_audio(ngx_litellm_gemini_list_t *l);
static void ngx_litellm_gemini_thinking(ngx_litellm_gemini_list_t *l);
static void ngx_litellm_gemini_resolution(ngx_litellm_gemini_list_t *l);
static void ngx_litellm_gemini_own(ngx_litellm_gemini_t *g,
    ngx_litellm_gemini_list_t *l);


ngx_int_t
ngx_litellm_gemini_config(ngx_litellm_gemini_t *g)
{
    ngx_int_t                   rc;
    ngx_litellm_gemini_list_t   l;

    l.g = g;
    l.out = g->out;
    l.n = 0;

    ngx_litellm_gemini_sampling(&l);

    rc = ngx_litellm_gemini_stop(&l);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_gemini_format(&l);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_gemini_modalities(&l);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_gemini_audio(&l);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_gemini_thinking(&l);
    ngx_litellm_gemini_resolution(&l);

    ngx_litellm_gemini_own(g, &l);

    if (l.n) {
        ngx_litellm_out_lit(g->out, "}");
    }

    ngx_litellm_gemini_own(g, NULL);

    return NGX_OK;
}


static void
ngx_litellm_gemini_key(ngx_litellm_gemini_list_t *l, const char *name,
    ngx_uint_t bit)
{
    if (l->n++) {
        ngx_litellm_out_lit(l->out, ",\"");

    } else {
        ngx_litellm_out_lit(l->out, ",\"generationConfig\":{\"");
    }

    ngx_litellm_out_copy(l->out, name, ngx_strlen(name));
    ngx_litellm_out_lit(l->out, "\":");

    l->g->written |= bit;
}


static void
ngx_litellm_gemini_value(ngx_litellm_gemini_list_t *l, const char *name,
    ngx_litellm_json_t *v, ngx_uint_t bit)
{
    if (v) {
        ngx_litellm_gemini_key(l, name, bit);
        ngx_litellm_gemini_raw(l->out, v);
    }
}


static void
ngx_litellm_gemini_sampling(ngx_litellm_gemini_list_t *l)
{
    ngx_litellm_json_t    *v;
    ngx_litellm_gemini_t  *g;

    g = l->g;
    v = ngx_litellm_gemini_param(g, TEMPERATURE);

    if (v) {
        ngx_litellm_gemini_value(l, "temperature", v, 0);

    } else if (ngx_litellm_gemini_3(g)
               && !(g->flags & NGX_LITELLM_M_NO_SAMPLING))
    {
        /* Gemini 3 docs: keep it at its default; LiteLLM says so */

        ngx_litellm_gemini_key(l, "temperature", 0);
        ngx_litellm_out_lit(l->out, "1.0");
    }

    ngx_litellm_gemini_value(l, "topP",
                             ngx_litellm_gemini_param(g, TOP_P), 0);
    ngx_litellm_gemini_value(l, "topK", ngx_litellm_gemini_param(g, TOP_K),
                             NGX_LITELLM_GEMINI_W_TOP_K);

    v = ngx_litellm_gemini_param(g, MAX_COMPLETION_TOKENS);

    if (v == NULL) {
        v = ngx_litellm_gemini_param(g, MAX_TOKENS);
    }

    ngx_litellm_gemini_value(l, "maxOutputTokens", v,
                             NGX_LITELLM_GEMINI_W_TOKENS);
    ngx_litellm_gemini_value(l, "candidateCount",
                             ngx_litellm_gemini_param(g, N),
                             NGX_LITELLM_GEMINI_W_COUNT);
    ngx_litellm_gemini_value(l, "seed", ngx_litellm_gemini_param(g, SEED), 0);
    ngx_litellm_gemini_value(l, "presencePenalty",
                             ngx_litellm_gemini_param(g, PRESENCE_PENALTY),
                             0);
    ngx_litellm_gemini_value(l, "frequencyPenalty",
                             ngx_litellm_gemini_param(g, FREQUENCY_PENALTY),
                             0);
    ngx_litellm_gemini_value(l, "responseLogprobs",
                             ngx_litellm_gemini_param(g, LOGPROBS), 0);
    ngx_litellm_gemini_value(l, "logprobs",
                             ngx_litellm_gemini_param(g, TOP_LOGPROBS), 0);
}


static ngx_int_t
ngx_litellm_gemini_stop(ngx_litellm_gemini_list_t *l)
{
    ngx_int_t            rc;
    ngx_uint_t           n;
    ngx_litellm_json_t  *v;
    ngx_litellm_stop_t   stop;

    n = 0;

    ngx_litellm_stop_begin(&stop, ngx_litellm_gemini_param(l->g, STOP),
                           NGX_LITELLM_GEMINI_STOPS);

    while ((rc = ngx_litellm_stop_next(l->g->call, &stop, &v, l->g->e))
           == NGX_OK)
    {
        if (n++) {
            ngx_litellm_out_lit(l->out, ",");

        } else {
            ngx_litellm_gemini_key(l, "stopSequences",
                                   NGX_LITELLM_GEMINI_W_STOP);
            ngx_litellm_out_lit(l->out, "[");
        }

        ngx_litellm_gemini_raw(l->out, v);
    }

    if (rc != NGX_DONE) {
        return rc;
    }

    if (n) {
        ngx_litellm_out_lit(l->out, "]");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gemini_format(ngx_litellm_gemini_list_t *l)
{
    ngx_litellm_json_t  *v, *type, *schema;

    v = ngx_litellm_gemini_param(l->g, RESPONSE_FORMAT);

    if (v == NULL) {
        return NGX_OK;
    }

    type = ngx_litellm_json_member(v, "type");

    if (!ngx_litellm_json_is(type, STRING)) {
        return ngx_litellm_gemini_bad(l->g, "'response_format' must be an "
                                      "object with a 'type'");
    }

    if (ngx_litellm_json_eq(type, "text")) {
        ngx_litellm_gemini_key(l, "responseMimeType",
                               NGX_LITELLM_GEMINI_W_MIME);
        ngx_litellm_out_lit(l->out, "\"text/plain\"");
        return NGX_OK;
    }

    if (ngx_litellm_response_format(v, &schema) != NGX_OK) {
        return ngx_litellm_gemini_bad(l->g, "'response_format' must be of "
                                      "type \"text\", \"json_object\" or "
                                      "\"json_schema\"");
    }

    ngx_litellm_gemini_key(l, "responseMimeType", NGX_LITELLM_GEMINI_W_MIME);
    ngx_litellm_out_lit(l->out, "\"application/json\"");

    if (!ngx_litellm_json_is(schema, OBJECT)) {
        return NGX_OK;
    }

    return ngx_litellm_gemini_format_schema(l, schema);
}


/* from the second generation on a JSON schema is taken as it is */

static ngx_int_t
ngx_litellm_gemini_format_schema(ngx_litellm_gemini_list_t *l,
    ngx_litellm_json_t *schema)
{
    if (l->g->version == 0 || l->g->version >= 20) {
        ngx_litellm_gemini_value(l, "responseJsonSchema", schema,
                                 NGX_LITELLM_GEMINI_W_JSON
                                 |NGX_LITELLM_GEMINI_W_SCHEMA);
        return NGX_OK;
    }

    ngx_litellm_gemini_key(l, "responseSchema",
                           NGX_LITELLM_GEMINI_W_JSON
                           |NGX_LITELLM_GEMINI_W_SCHEMA);

    return ngx_litellm_gemini_schema(l->g, schema);
}


static ngx_int_t
ngx_litellm_gemini_modalities(ngx_litellm_gemini_list_t *l)
{
    ngx_uint_t           i, n;
    ngx_litellm_json_t  *list, *v;

    list = ngx_litellm_gemini_param(l->g, MODALITIES);

    if (list == NULL) {
        return NGX_OK;
    }

    if (list->type != NGX_LITELLM_JSON_ARRAY) {
        return ngx_litellm_gemini_bad(l->g, "'modalities' must be an array");
    }

    v = list + 1;

    for (i = 0, n = 0; i < list->count; i++) {

        if (!ngx_litellm_json_is(v, STRING)
            || !(ngx_litellm_json_eq(v, "text")
                 || ngx_litellm_json_eq(v, "image")
                 || ngx_litellm_json_eq(v, "audio")))
        {
            return ngx_litellm_gemini_bad(l->g, "'modalities' can hold "
                                          "\"text\", \"image\" and "
                                          "\"audio\"");
        }

        if (n++) {
            ngx_litellm_out_lit(l->out, ",");

        } else {
            ngx_litellm_gemini_key(l, "responseModalities",
                                   NGX_LITELLM_GEMINI_W_MODALITIES);
            ngx_litellm_out_lit(l->out, "[");
        }

        if (ngx_litellm_json_eq(v, "text")) {
            ngx_litellm_out_lit(l->out, "\"TEXT\"");

        } else if (ngx_litellm_json_eq(v, "image")) {
            ngx_litellm_out_lit(l->out, "\"IMAGE\"");

        } else {
            ngx_litellm_out_lit(l->out, "\"AUDIO\"");
        }

        v = ngx_litellm_json_next(v);
    }

    if (n) {
        ngx_litellm_out_lit(l->out, "]");
    }

    return NGX_OK;
}


/* the API's sound is PCM and nothing else */

static ngx_int_t
ngx_litellm_gemini_audio(ngx_litellm_gemini_list_t *l)
{
    ngx_litellm_json_t  *v, *format, *voice;

    v = ngx_litellm_gemini_param(l->g, AUDIO);

    if (v == NULL) {
        return NGX_OK;
    }

    format = ngx_litellm_json_member(v, "format");
    voice = ngx_litellm_json_member(v, "voice");

    if (ngx_litellm_json_is(format, STRING)
        && !ngx_litellm_json_eq(format, "pcm16"))
    {
        return ngx_litellm_gemini_bad(l->g, "this provider's models speak in "
                                      "the 'format' \"pcm16\" only");
    }

    if (!ngx_litellm_json_is(voice, STRING)) {
        return NGX_OK;
    }

    ngx_litellm_gemini_key(l, "speechConfig", NGX_LITELLM_GEMINI_W_SPEECH);
    ngx_litellm_out_lit(l->out, "{\"voiceConfig\":{\"prebuiltVoiceConfig\":"
                        "{\"voiceName\":");
    ngx_litellm_gemini_raw(l->out, voice);
    ngx_litellm_out_lit(l->out, "}}}");

    if (!(l->g->written & NGX_LITELLM_GEMINI_W_MODALITIES)) {
        ngx_litellm_gemini_key(l, "responseModalities",
                               NGX_LITELLM_GEMINI_W_MODALITIES);
        ngx_litellm_out_lit(l->out, "[\"AUDIO\"]");
    }

    return NGX_OK;
}


static void
ngx_litellm_gemini_thinking(ngx_litellm_gemini_list_t *l)
{
    ngx_uint_t             n;
    ngx_litellm_gemini_t  *g;

    g = l->g;

    if (!g->has_budget && !g->has_thoughts && g->level == NULL) {
        return;
    }

    ngx_litellm_gemini_key(l, "thinkingConfig",
                           NGX_LITELLM_GEMINI_W_THINKING);
    ngx_litellm_out_lit(l->out, "{");

    n = 0;

    if (g->has_budget) {
        ngx_litellm_out_lit(l->out, "\"thinkingBudget\":");
        ngx_litellm_out_int(l->out, g->budget);
        n++;
    }

    if (g->level) {
        if (n++) {
            ngx_litellm_out_lit(l->out, ",");
        }

        ngx_litellm_out_lit(l->out, "\"thinkingLevel\":\"");
        ngx_litellm_out_copy(l->out, g->level, ngx_strlen(g->level));
        ngx_litellm_out_lit(l->out, "\"");
    }

    if (g->has_thoughts) {
        if (n++) {
            ngx_litellm_out_lit(l->out, ",");
        }

        if (g->thoughts) {
            ngx_litellm_out_lit(l->out, "\"includeThoughts\":true");

        } else {
            ngx_litellm_out_lit(l->out, "\"includeThoughts\":false");
        }
    }

    ngx_litellm_out_lit(l->out, "}");
}


/* the highest one that an image asks for; newer models have it by the part */

static void
ngx_litellm_gemini_resolution(ngx_litellm_gemini_list_t *l)
{
    if (l->g->resolution == NGX_LITELLM_GEMINI_RES_UNSET
        || ngx_litellm_gemini_3(l->g))
    {
        return;
    }

    ngx_litellm_gemini_key(l, "mediaResolution",
                           NGX_LITELLM_GEMINI_W_RESOLUTION);

    switch (l->g->resolution) {

    case NGX_LITELLM_GEMINI_RES_LOW:
        ngx_litellm_out_lit(l->out, "\"MEDIA_RESOLUTION_LOW\"");
        break;

    case NGX_LITELLM_GEMINI_RES_MEDIUM:
        ngx_litellm_out_lit(l->out, "\"MEDIA_RESOLUTION_MEDIUM\"");
        break;

    default:
        ngx_litellm_out_lit(l->out, "\"MEDIA_RESOLUTION_HIGH\"");
    }
}


/* l is NULL: those of the top */

static void
ngx_litellm_gemini_own(ngx_litellm_gemini_t *g, ngx_litellm_gemini_list_t *l)
{
    ngx_uint_t                       i, j;
    ngx_litellm_member_t            *m;
    const ngx_litellm_gemini_own_t  *own;

    m = g->chat.extra.elts;

    for (i = 0; i < g->chat.extra.nelts; i++) {

        own = ngx_litellm_gemini_owns;

        for (j = 0; j < NGX_LITELLM_GEMINI_OWNS; j++, own++) {

            if ((m[i].key.len == own->camel.len
                 && ngx_memcmp(m[i].key.data, own->camel.data,
                               own->camel.len) == 0)
                || (m[i].key.len == own->snake.len
                    && ngx_memcmp(m[i].key.data, own->snake.data,
                                  own->snake.len) == 0))
            {
                break;
            }
        }

        if (j == NGX_LITELLM_GEMINI_OWNS
            || own->top != (l == NULL)
            || (own->vertex && !g->vertex)
            || (g->written & own->bit))
        {
            continue;
        }

        if (l) {
            ngx_litellm_gemini_value(l, (char *) own->camel.data, m[i].value,
                                     own->bit);
            continue;
        }

        g->written |= own->bit;

        ngx_litellm_out_lit(g->out, ",\"");
        ngx_litellm_out_str(g->out, &own->camel);
        ngx_litellm_out_lit(g->out, "\":");
        ngx_litellm_gemini_raw(g->out, m[i].value);
    }
}
