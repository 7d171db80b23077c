
/*
 * A whole answer of Google's generateContent in the neutral form, and the
 * meaning of finish reasons, usage, ids of calls and images, which streams
 * share (ngx_litellm_gemini_stream.c).
 *
 * Texts stay ranges of the body; a call's arguments are made new, as JSON text
 * in a string, and so are ids and the URLs of images.  A prompt that Google
 * blocked is an answer without text and with the finish "content_filter".
 */

#include "ngx_litellm_array.h"
#include "ngx_litellm_gemini.h"


/* of an answer's annotations */
#define NGX_LITELLM_GEMINI_CITED  (1024 * 1024)


typedef struct {
    ngx_litellm_call_t           *call;
    ngx_litellm_answer_t         *answer;     /* the first choice */
    ngx_litellm_answer_t         *choice;     /* the one being read */
    ngx_array_t                   signatures; /* ngx_str_t, JSON strings */
    ngx_uint_t                    calls;      /* over all choices */
    size_t                        cited;      /* bytes, over all choices */
} ngx_litellm_gemini_reader_t;


static ngx_int_t ngx_litellm_gemini_candidate(ngx_litellm_gemini_reader_t *r,
    ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_gemini_answer_part(
    ngx_litellm_gemini_reader_t *r, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_gemini_answer_text(
    ngx_litellm_gemini_reader_t *r, ngx_litellm_json_t *text,
    ngx_litellm_json_t *thought, ngx_litellm_json_t *signature);
static ngx_int_t ngx_litellm_gemini_answer_call(
    ngx_litellm_gemini_reader_t *r, ngx_litellm_json_t *v,
    ngx_litellm_json_t *signature);
static ngx_int_t ngx_litellm_gemini_answer_data(
    ngx_litellm_gemini_reader_t *r, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_gemini_answer_audio(
    ngx_litellm_gemini_reader_t *r, ngx_litellm_json_t *data);
static ngx_int_t ngx_litellm_gemini_answer_cite(void *data, ngx_str_t *text);
static ngx_int_t ngx_litellm_gemini_signatures(
    ngx_litellm_gemini_reader_t *r);
static int64_t ngx_litellm_gemini_modality(ngx_litellm_json_t *list,
    const char *modality, size_t len);


ngx_int_t
ngx_litellm_gemini_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t                     rc;
    ngx_uint_t                    i, n;
    ngx_litellm_json_t           *root, *list, *v;
    ngx_litellm_json_doc_t        doc;
    ngx_litellm_gemini_reader_t   r;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return ngx_litellm_call_broken(call, e, "the provider's answer is not "
                                       "JSON");
    }

    root = doc.root;

    if (ngx_litellm_gemini_failed(root)) {
        ngx_litellm_gemini_error(call, 0, body, e);
        return NGX_DECLINED;
    }

    list = ngx_litellm_json_member(root, "candidates");
    v = ngx_litellm_json_member(root, "promptFeedback");

    n = ngx_litellm_json_is(list, ARRAY) ? list->count : 0;

    if (n == 0 && !ngx_litellm_json_is(v, OBJECT)) {
        return ngx_litellm_call_broken(call, e, "the provider's answer has no "
                                       "candidates");
    }

    ngx_memzero(&r, sizeof(ngx_litellm_gemini_reader_t));
    r.call = call;
    r.answer = answer;

    if (n == 0) {
        answer->finish = NGX_LITELLM_FINISH_CONTENT_FILTER;

        v = ngx_litellm_json_member(v, "blockReason");

        if (ngx_litellm_json_is(v, STRING)) {
            answer->native_finish = ngx_litellm_json_text(v);
        }
    }

    v = list + 1;

    for (i = 0; i < ngx_min(n, NGX_LITELLM_CHOICES); i++) {

        if (v->type != NGX_LITELLM_JSON_OBJECT) {
            return ngx_litellm_call_broken(call, e, "a candidate of the "
                                           "provider's answer is no object");
        }

        r.choice = answer;

        if (i) {
            r.choice = ngx_litellm_answer_choice(answer, call->pool);
            if (r.choice == NULL) {
                return NGX_ERROR;
            }
        }

        r.choice->index = i;

        if (ngx_litellm_gemini_candidate(&r, v) != NGX_OK) {
            return NGX_ERROR;
        }

        v = ngx_litellm_json_next(v);
    }

    v = ngx_litellm_json_member(root, "responseId");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->id = ngx_litellm_json_text(v);
    }

    v = ngx_litellm_json_member(root, "modelVersion");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->model = ngx_litellm_json_text(v);
    }

    ngx_litellm_gemini_usage(ngx_litellm_json_member(root, "usageMetadata"),
                             &answer->usage);

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gemini_candidate(ngx_litellm_gemini_reader_t *r,
    ngx_litellm_json_t *v)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *parts, *m;

    r->signatures.nelts = 0;

    parts = ngx_litellm_json_member(ngx_litellm_json_member(v, "content"),
                                    "parts");

    if (ngx_litellm_json_is(parts, ARRAY)) {

        m = parts + 1;

        for (i = 0; i < parts->count; i++) {

            if (m->type == NGX_LITELLM_JSON_OBJECT
                && ngx_litellm_gemini_answer_part(r, m) != NGX_OK)
            {
                return NGX_ERROR;
            }

            m = ngx_litellm_json_next(m);
        }
    }

    m = ngx_litellm_json_member(v, "groundingMetadata");

    if (ngx_litellm_json_is(m, OBJECT)
        && ngx_litellm_gemini_grounding(r->call->pool, m,
                                        r->choice->text.elts,
                                        r->choice->text.nelts, 0,
                                        ngx_litellm_gemini_answer_cite, r)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    m = ngx_litellm_json_member(v, "finishReason");

    r->choice->finish = ngx_litellm_gemini_finish(m);

    if (ngx_litellm_json_is(m, STRING)) {
        r->choice->native_finish = ngx_litellm_json_text(m);
    }

    if (r->choice->calls.nelts
        && r->choice->finish != NGX_LITELLM_FINISH_CONTENT_FILTER)
    {
        r->choice->finish = NGX_LITELLM_FINISH_TOOL_CALLS;
    }

    return ngx_litellm_gemini_signatures(r);
}


static ngx_int_t
ngx_litellm_gemini_answer_part(ngx_litellm_gemini_reader_t *r,
    ngx_litellm_json_t *v)
{
    enum { TEXT = 0, THOUGHT, SIGNATURE, CALL, DATA, MEMBERS };

    ngx_str_t           *s;
    ngx_uint_t           i;
    ngx_litellm_json_t  *m[MEMBERS];

    static const ngx_str_t  names[] = {
        ngx_string("text"),
        ngx_string("thought"),
        ngx_string("thoughtSignature"),
        ngx_string("functionCall"),
        ngx_string("inlineData")
    };

    for (i = 0; i < MEMBERS; i++) {
        m[i] = ngx_litellm_json_get(v, (char *) names[i].data, names[i].len);
    }

    if (!ngx_litellm_json_is(m[SIGNATURE], STRING)
        || m[SIGNATURE]->len == 2)
    {
        m[SIGNATURE] = NULL;
    }

    if (m[SIGNATURE] && !ngx_litellm_json_is(m[THOUGHT], TRUE)) {

        s = ngx_litellm_array_push(&r->signatures, r->call->pool, 2,
                                   sizeof(ngx_str_t));
        if (s == NULL) {
            return NGX_ERROR;
        }

        s->data = m[SIGNATURE]->start;
        s->len = m[SIGNATURE]->len;
    }

    if (ngx_litellm_json_is(m[TEXT], STRING)) {
        return ngx_litellm_gemini_answer_text(r, m[TEXT], m[THOUGHT],
                                              m[SIGNATURE]);
    }

    if (ngx_litellm_json_is(m[CALL], OBJECT)) {
        return ngx_litellm_gemini_answer_call(r, m[CALL], m[SIGNATURE]);
    }

    if (ngx_litellm_json_is(m[DATA], OBJECT)
        && !ngx_litellm_json_is(m[THOUGHT], TRUE))
    {
        return ngx_litellm_gemini_answer_data(r, m[DATA]);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gemini_answer_text(ngx_litellm_gemini_reader_t *r,
    ngx_litellm_json_t *text, ngx_litellm_json_t *thought,
    ngx_litellm_json_t *signature)
{
    ngx_str_t           *s;
    ngx_litellm_part_t  *part;

    if (ngx_litellm_json_is(thought, TRUE)) {

        s = ngx_array_push(&r->choice->reasoning);
        part = ngx_array_push(&r->choice->thinking);

        if (s == NULL || part == NULL) {
            return NGX_ERROR;
        }

        *s = ngx_litellm_json_text(text);

        ngx_memzero(part, sizeof(ngx_litellm_part_t));
        part->type = NGX_LITELLM_PART_THINKING;
        part->text = *s;

        if (signature) {
            part->signature = ngx_litellm_json_text(signature);
        }

        return NGX_OK;
    }

    s = ngx_array_push(&r->choice->text);
    if (s == NULL) {
        return NGX_ERROR;
    }

    *s = ngx_litellm_json_text(text);
    r->choice->has_text = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gemini_answer_call(ngx_litellm_gemini_reader_t *r,
    ngx_litellm_json_t *v, ngx_litellm_json_t *signature)
{
    ngx_litellm_json_t        *name, *args;
    ngx_litellm_tool_call_t   *tc;
    ngx_litellm_gemini_buf_t   id;

    name = ngx_litellm_json_member(v, "name");
    args = ngx_litellm_json_member(v, "args");

    if (!ngx_litellm_json_is(name, STRING)
        || r->calls == NGX_LITELLM_GEMINI_CALLS)
    {
        return NGX_OK;
    }

    tc = ngx_array_push(&r->choice->calls);
    if (tc == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(tc, sizeof(ngx_litellm_tool_call_t));

    tc->name = ngx_litellm_json_text(name);
    tc->node = v;
    ngx_str_set(&tc->arguments, "{}");

    if (ngx_litellm_json_is(args, OBJECT)
        && ngx_litellm_call_arguments(r->call->pool, args, &tc->arguments)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memzero(&id, sizeof(ngx_litellm_gemini_buf_t));
    id.pool = r->call->pool;

    if (ngx_litellm_gemini_call_id(r->call, ngx_litellm_json_member(v, "id"),
                                   signature, r->calls++, &id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    tc->id = id.text;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gemini_answer_data(ngx_litellm_gemini_reader_t *r,
    ngx_litellm_json_t *v)
{
    ngx_int_t                  rc;
    ngx_str_t                 *s;
    ngx_litellm_json_t        *type, *data;
    ngx_litellm_gemini_buf_t   url;

    ngx_memzero(&url, sizeof(ngx_litellm_gemini_buf_t));
    url.pool = r->call->pool;

    rc = ngx_litellm_gemini_image(v, &url);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {

        s = ngx_litellm_array_push(&r->choice->images, r->call->pool, 1,
                                   sizeof(ngx_str_t));
        if (s == NULL) {
            return NGX_ERROR;
        }

        *s = url.text;

        return NGX_OK;
    }

    type = ngx_litellm_json_member(v, "mimeType");
    data = ngx_litellm_json_member(v, "data");

    if (ngx_litellm_json_is(type, STRING) && ngx_litellm_json_is(data, STRING)
        && type->len > 7
        && ngx_strncasecmp(type->start + 1, (u_char *) "audio/", 6) == 0
        && r->choice->audio.len == 0)
    {
        return ngx_litellm_gemini_answer_audio(r, data);
    }

    return NGX_OK;
}


/* OpenAI's audio object; Google keeps no copy, so it ends at once */

static ngx_int_t
ngx_litellm_gemini_answer_audio(ngx_litellm_gemini_reader_t *r,
    ngx_litellm_json_t *data)
{
    ngx_litellm_out_t  out;

    ngx_litellm_out_init(&out, r->call->pool);

    ngx_litellm_out_lit(&out, "{\"id\":\"audio_");
    ngx_litellm_out_escape(&out, r->call->id.data, r->call->id.len);
    ngx_litellm_out_lit(&out, "\",\"data\":");
    ngx_litellm_out_copy(&out, data->start, data->len);
    ngx_litellm_out_lit(&out, ",\"expires_at\":");
    ngx_litellm_out_int(&out, r->call->now);
    ngx_litellm_out_lit(&out, ",\"transcript\":\"\"}");

    return ngx_litellm_out_join(&out, &r->choice->audio);
}


static ngx_int_t
ngx_litellm_gemini_answer_cite(void *data, ngx_str_t *text)
{
    ngx_litellm_gemini_reader_t *r = data;

    u_char     *p;
    ngx_str_t  *s;

    /* a page may be named for each segment of each choice */

    if (r->cited > NGX_LITELLM_GEMINI_CITED) {
        return NGX_OK;
    }

    r->cited += text->len;

    s = ngx_array_push(&r->choice->annotations);
    p = ngx_pnalloc(r->call->pool, text->len);

    if (s == NULL || p == NULL) {
        return NGX_ERROR;
    }

    s->data = p;
    s->len = text->len;
    ngx_memcpy(p, text->data, text->len);

    return NGX_OK;
}


/* those of texts have no other place in OpenAI's form; LiteLLM has all there */

static ngx_int_t
ngx_litellm_gemini_signatures(ngx_litellm_gemini_reader_t *r)
{
    ngx_str_t          *s;
    ngx_uint_t          i;
    ngx_keyval_t       *kv;
    ngx_litellm_out_t   out;

    if (r->signatures.nelts == 0) {
        return NGX_OK;
    }

    /* of a thought that is not shown */

    r->choice->has_thinking = 1;

    ngx_litellm_out_init(&out, r->call->pool);

    s = r->signatures.elts;

    for (i = 0; i < r->signatures.nelts; i++) {
        if (i) {
            ngx_litellm_out_lit(&out, ",");

        } else {
            ngx_litellm_out_lit(&out, "[");
        }

        ngx_litellm_out_copy(&out, s[i].data, s[i].len);
    }

    ngx_litellm_out_lit(&out, "]");

    kv = ngx_litellm_array_push(&r->choice->specific, r->call->pool, 1,
                                sizeof(ngx_keyval_t));
    if (kv == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&kv->key, "thought_signatures");

    return ngx_litellm_out_join(&out, &kv->value);
}


/*
 * Gemini API reference, "FinishReason".  What stopped the model by no rule of
 * the client's is "content_filter", a call that it made wrong is "stop", as in
 * LiteLLM.
 */

ngx_litellm_finish_e
ngx_litellm_gemini_finish(ngx_litellm_json_t *reason)
{
    ngx_uint_t  i;

    static const struct {
        ngx_str_t              name;
        ngx_litellm_finish_e   finish;
    } reasons[] = {
        { ngx_string("STOP"), NGX_LITELLM_FINISH_STOP },
        { ngx_string("MAX_TOKENS"), NGX_LITELLM_FINISH_LENGTH },
        { ngx_string("SAFETY"), NGX_LITELLM_FINISH_CONTENT_FILTER },
        { ngx_string("RECITATION"), NGX_LITELLM_FINISH_CONTENT_FILTER },
        { ngx_string("LANGUAGE"), NGX_LITELLM_FINISH_CONTENT_FILTER },
        { ngx_string("OTHER"), NGX_LITELLM_FINISH_CONTENT_FILTER },
        { ngx_string("BLOCKLIST"), NGX_LITELLM_FINISH_CONTENT_FILTER },
        { ngx_string("PROHIBITED_CONTENT"),
          NGX_LITELLM_FINISH_CONTENT_FILTER },
        { ngx_string("SPII"), NGX_LITELLM_FINISH_CONTENT_FILTER },
        { ngx_string("NO_IMAGE"), NGX_LITELLM_FINISH_CONTENT_FILTER },
        { ngx_string("MODEL_ARMOR"), NGX_LITELLM_FINISH_CONTENT_FILTER },
        { ngx_string("ESCALATION"), NGX_LITELLM_FINISH_CONTENT_FILTER }
    };

    if (!ngx_litellm_json_is(reason, STRING)) {
        return NGX_LITELLM_FINISH_STOP;
    }

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (ngx_litellm_json_equal(reason, (char *) reasons[i].name.data,
                                   reasons[i].name.len))
        {
            return reasons[i].finish;
        }
    }

    if (reason->len > 8
        && ngx_strncmp(reason->start + 1, "IMAGE_", 6) == 0)
    {
        return NGX_LITELLM_FINISH_CONTENT_FILTER;
    }

    return NGX_LITELLM_FINISH_STOP;
}


/*
 * Gemini API reference, "UsageMetadata".  Thoughts are not among the
 * candidates' tokens, unless the total says that they are; what tools read
 * for the model is input.
 */

void
ngx_litellm_gemini_usage(ngx_litellm_json_t *v, ngx_litellm_usage_t *u)
{
    int64_t              prompt, tools, answer, thoughts;
    ngx_litellm_json_t  *in, *out, *traffic;

    if (!ngx_litellm_json_is(v, OBJECT)) {
        return;
    }

    prompt = ngx_litellm_call_tokens(v, "promptTokenCount", 0);
    tools = ngx_litellm_call_tokens(v, "toolUsePromptTokenCount", 0);
    answer = ngx_litellm_call_tokens(v, "candidatesTokenCount", 0);
    thoughts = ngx_litellm_call_tokens(v, "thoughtsTokenCount", 0);

    u->known = 1;
    u->total = ngx_litellm_call_tokens(v, "totalTokenCount", -1);
    u->cached = ngx_litellm_call_tokens(v, "cachedContentTokenCount", 0);
    u->reasoning = thoughts;
    u->prompt = prompt + tools;
    u->completion = answer;

    if (u->total != u->prompt + answer) {
        u->completion += thoughts;
    }

    in = ngx_litellm_json_member(v, "promptTokensDetails");
    out = ngx_litellm_json_member(v, "candidatesTokensDetails");

    u->audio_in = ngx_litellm_gemini_modality(in, "AUDIO",
                                              sizeof("AUDIO") - 1);
    u->audio_out = ngx_litellm_gemini_modality(out, "AUDIO",
                                               sizeof("AUDIO") - 1);
    u->image_out = ngx_litellm_gemini_modality(out, "IMAGE",
                                               sizeof("IMAGE") - 1);

    traffic = ngx_litellm_json_member(v, "trafficType");

    if (ngx_litellm_json_is(traffic, STRING)) {
        u->tier = ngx_litellm_tier(traffic->start + 1, traffic->len - 2);
    }
}


/* there are five modalities; an entry for each */

static int64_t
ngx_litellm_gemini_modality(ngx_litellm_json_t *list, const char *modality,
    size_t len)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *v, *m;

    if (!ngx_litellm_json_is(list, ARRAY)) {
        return -1;
    }

    v = list + 1;

    for (i = 0; i < ngx_min(list->count, 16); i++) {

        m = ngx_litellm_json_member(v, "modality");

        if (ngx_litellm_json_is(m, STRING)
            && ngx_litellm_json_equal(m, modality, len))
        {
            return ngx_litellm_call_tokens(v, "tokenCount", -1);
        }

        v = ngx_litellm_json_next(v);
    }

    return -1;
}


ngx_uint_t
ngx_litellm_gemini_index(ngx_litellm_json_t *v)
{
    int64_t              n;
    ngx_litellm_json_t  *m;

    m = ngx_litellm_json_member(v, "index");

    if (m == NULL) {
        return 0;
    }

    if (ngx_litellm_json_int(m, &n) != NGX_OK || n < 0
        || n >= NGX_LITELLM_CHOICES)
    {
        return NGX_LITELLM_CHOICES;
    }

    return n;
}


u_char *
ngx_litellm_gemini_room(ngx_litellm_gemini_buf_t *b, size_t len)
{
    size_t  size;

    if (len > b->size) {

        /* a stream's second text is often longer than its first */

        size = b->size ? ngx_max(len, 2 * b->size) : len;

        b->text.data = ngx_pnalloc(b->pool, size);
        if (b->text.data == NULL) {
            b->size = 0;
            return NULL;
        }

        b->size = size;
    }

    b->text.len = 0;

    return b->text.data;
}


ngx_int_t
ngx_litellm_gemini_call_id(ngx_litellm_call_t *call, ngx_litellm_json_t *id,
    ngx_litellm_json_t *signature, ngx_uint_t n, ngx_litellm_gemini_buf_t *b)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   bare;

    if (ngx_litellm_json_is(id, STRING) && id->len > 2) {
        bare = ngx_litellm_json_text(id);

    } else if (ngx_litellm_call_tool_id(call, n, &bare) != NGX_OK) {
        return NGX_ERROR;
    }

    len = bare.len;

    if (signature) {
        len += NGX_LITELLM_GEMINI_THOUGHT_LEN + signature->len - 2;
    }

    p = ngx_litellm_gemini_room(b, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(p, bare.data, bare.len);

    if (signature) {
        p = ngx_cpymem(p, NGX_LITELLM_GEMINI_THOUGHT,
                       NGX_LITELLM_GEMINI_THOUGHT_LEN);
        ngx_memcpy(p, signature->start + 1, signature->len - 2);
    }

    b->text.len = len;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_gemini_image(ngx_litellm_json_t *v, ngx_litellm_gemini_buf_t *b)
{
    u_char              *p;
    size_t               len;
    ngx_litellm_json_t  *type, *data;

    type = ngx_litellm_json_member(v, "mimeType");
    data = ngx_litellm_json_member(v, "data");

    if (!ngx_litellm_json_is(type, STRING)
        || !ngx_litellm_json_is(data, STRING)
        || type->len <= 8
        || ngx_strncasecmp(type->start + 1, (u_char *) "image/", 6) != 0)
    {
        return NGX_DECLINED;
    }

    len = sizeof("data:;base64,") - 1 + type->len - 2 + data->len - 2;

    p = ngx_litellm_gemini_room(b, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(p, "data:", sizeof("data:") - 1);
    p = ngx_cpymem(p, type->start + 1, type->len - 2);
    p = ngx_cpymem(p, ";base64,", sizeof(";base64,") - 1);
    ngx_memcpy(p, data->start + 1, data->len - 2);

    b->text.len = len;

    return NGX_OK;
}
