
/*
 * The messages of a request in the form of Google's generateContent.
 *
 * System and developer messages, wherever they stand, are hoisted into
 * "systemInstruction", a part for each text.  The rest become contents of the
 * roles "user" and "model": neighbours of one side are merged, but results of
 * functions stand in contents of their own, since the API wants them right
 * behind the calls.  Empty texts, which it refuses, are left out; contents are
 * begun by their first part, so that a message without any leaves no trace.
 *
 * A thought's signature comes back in the id of its call (behind
 * "__thought__"), or in provider_specific_fields of a call or of the message.
 * Results carry no name in OpenAI's form: it is found by the id of the call,
 * in an index made once, sorted, so that many of them cost no square.
 */

#include "ngx_litellm_gemini.h"


typedef enum {
    NGX_LITELLM_GEMINI_USER = 0,
    NGX_LITELLM_GEMINI_RESULTS,
    NGX_LITELLM_GEMINI_MODEL
} ngx_litellm_gemini_side_e;


/* a call of the history, for the results that follow */
typedef struct {
    ngx_str_t                   id;         /* without the signature */
    ngx_str_t                  *name;
    ngx_uint_t                  message;
} ngx_litellm_gemini_known_t;


typedef struct {
    ngx_litellm_gemini_t        *g;
    ngx_litellm_out_t           *out;
    ngx_litellm_turns_t          turns;     /* of sides */
    ngx_litellm_gemini_known_t  *known;
    ngx_uint_t                   nknown;
    unsigned                     indexed:1;
    unsigned                     text:1;    /* the open turn has a text */
    unsigned                     called:1;  /* ... or a call */
} ngx_litellm_gemini_turn_t;


/* Google's word for a call whose signature is not known: base64 of
   "skip_thought_signature_validator" (Gemini docs, "Thought signatures") */

static ngx_str_t  ngx_litellm_gemini_unsigned =
    ngx_string("c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=");


static ngx_int_t ngx_litellm_gemini_message(ngx_litellm_gemini_turn_t *t,
    ngx_uint_t i);
static void ngx_litellm_gemini_part(ngx_litellm_gemini_turn_t *t,
    ngx_litellm_gemini_side_e side);
static void ngx_litellm_gemini_close(ngx_litellm_gemini_turn_t *t);
static ngx_int_t ngx_litellm_gemini_system(ngx_litellm_gemini_t *g);
static ngx_int_t ngx_litellm_gemini_user(ngx_litellm_gemini_turn_t *t,
    ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_gemini_assistant(ngx_litellm_gemini_turn_t *t,
    ngx_litellm_message_t *msg);
static void ngx_litellm_gemini_reasoning(ngx_litellm_gemini_turn_t *t,
    ngx_litellm_message_t *msg);
static ngx_str_t ngx_litellm_gemini_text_signature(
    ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_gemini_call(ngx_litellm_gemini_turn_t *t,
    ngx_litellm_tool_call_t *tc);
static ngx_str_t ngx_litellm_gemini_signature(ngx_litellm_tool_call_t *tc,
    ngx_str_t *id);
static ngx_int_t ngx_litellm_gemini_result(ngx_litellm_gemini_turn_t *t,
    ngx_litellm_message_t *msg, ngx_uint_t message);
static ngx_int_t ngx_litellm_gemini_result_value(ngx_litellm_gemini_turn_t *t,
    ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_gemini_index_calls(ngx_litellm_gemini_turn_t *t);
static ngx_str_t *ngx_litellm_gemini_called(ngx_litellm_gemini_turn_t *t,
    ngx_str_t *id, ngx_uint_t message);
static int ngx_libc_cdecl ngx_litellm_gemini_known_cmp(const void *one,
    const void *two);
static ngx_str_t ngx_litellm_gemini_split(ngx_str_t *id,
    ngx_str_t *signature);


ngx_int_t
ngx_litellm_gemini_messages(ngx_litellm_gemini_t *g)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    ngx_litellm_out_t          *out;
    ngx_litellm_gemini_turn_t   t;

    ngx_memzero(&t, sizeof(ngx_litellm_gemini_turn_t));
    t.g = g;
    t.out = g->out;
    t.turns.out = g->out;
    out = g->out;

    ngx_litellm_out_lit(out, "\"contents\":[");

    for (i = 0; i < g->chat.nmessages; i++) {
        rc = ngx_litellm_gemini_message(&t, i);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_litellm_gemini_close(&t);

    /* the API wants contents, the client gave instructions only */

    if (t.turns.n == 0) {
        ngx_litellm_out_lit(out, "{\"role\":\"user\",\"parts\":"
                            "[{\"text\":\".\"}]}");
    }

    ngx_litellm_out_lit(out, "]");

    return ngx_litellm_gemini_system(g);
}


static ngx_int_t
ngx_litellm_gemini_message(ngx_litellm_gemini_turn_t *t, ngx_uint_t i)
{
    ngx_litellm_message_t  *msg;

    msg = &t->g->chat.messages[i];

    switch (msg->role) {

    case NGX_LITELLM_ROLE_SYSTEM:
    case NGX_LITELLM_ROLE_DEVELOPER:
        return NGX_OK;

    case NGX_LITELLM_ROLE_ASSISTANT:
        return ngx_litellm_gemini_assistant(t, msg);

    case NGX_LITELLM_ROLE_TOOL:
    case NGX_LITELLM_ROLE_FUNCTION:
        return ngx_litellm_gemini_result(t, msg, i);

    default: /* NGX_LITELLM_ROLE_USER */
        return ngx_litellm_gemini_user(t, msg);
    }
}


static void
ngx_litellm_gemini_part(ngx_litellm_gemini_turn_t *t,
    ngx_litellm_gemini_side_e side)
{
    static const ngx_str_t  heads[] = {
        ngx_string("{\"role\":\"user\",\"parts\":["),
        ngx_string("{\"role\":\"user\",\"parts\":["),
        ngx_string("{\"role\":\"model\",\"parts\":[")
    };

    if (t->turns.open && t->turns.kind != (ngx_uint_t) side) {
        ngx_litellm_gemini_close(t);
    }

    if (ngx_litellm_turns_block(&t->turns, side, &heads[side])) {
        t->text = 0;
        t->called = 0;
    }
}


/* some models refuse a user's turn that has images only */

static void
ngx_litellm_gemini_close(ngx_litellm_gemini_turn_t *t)
{
    if (t->turns.open && t->turns.kind == NGX_LITELLM_GEMINI_USER && !t->text)
    {
        ngx_litellm_out_lit(t->out, ",{\"text\":\" \"}");
    }

    ngx_litellm_turns_close(&t->turns);
}


static ngx_int_t
ngx_litellm_gemini_system(ngx_litellm_gemini_t *g)
{
    ngx_int_t              rc;
    ngx_str_t             *text;
    ngx_uint_t             n;
    ngx_litellm_json_t    *cache;
    ngx_litellm_system_t   system;

    n = 0;
    ngx_memzero(&system, sizeof(ngx_litellm_system_t));

    while ((rc = ngx_litellm_system_next(g->call, &g->chat, &system, &text,
                                         &cache, g->e))
           == NGX_OK)
    {
        if (text->len == 0) {
            continue;
        }

        if (n++) {
            ngx_litellm_out_lit(g->out, ",{\"text\":\"");

        } else {
            ngx_litellm_out_lit(g->out, ",\"systemInstruction\":"
                                "{\"parts\":[{\"text\":\"");
        }

        ngx_litellm_out_ref(g->out, text->data, text->len);
        ngx_litellm_out_lit(g->out, "\"}");
    }

    if (rc != NGX_DONE) {
        return rc;
    }

    if (n) {
        ngx_litellm_out_lit(g->out, "]}");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gemini_user(ngx_litellm_gemini_turn_t *t,
    ngx_litellm_message_t *msg)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_litellm_part_t  *part;

    part = msg->parts;

    for (i = 0; i < msg->nparts; i++) {

        switch (part[i].type) {

        case NGX_LITELLM_PART_TEXT:
        case NGX_LITELLM_PART_REFUSAL:

            if (part[i].text.len == 0) {
                continue;
            }

            ngx_litellm_gemini_part(t, NGX_LITELLM_GEMINI_USER);
            t->text = 1;

            ngx_litellm_out_lit(t->out, "{\"text\":\"");
            ngx_litellm_out_ref(t->out, part[i].text.data, part[i].text.len);
            ngx_litellm_out_lit(t->out, "\"}");
            continue;

        case NGX_LITELLM_PART_IMAGE:
        case NGX_LITELLM_PART_FILE:
        case NGX_LITELLM_PART_AUDIO:

            ngx_litellm_gemini_part(t, NGX_LITELLM_GEMINI_USER);

            rc = ngx_litellm_gemini_media(t->g, &part[i]);

            if (rc != NGX_OK) {
                return rc;
            }

            continue;

        default:
            return ngx_litellm_gemini_bad(t->g, "a content part of this type "
                                          "can't be sent to this provider");
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gemini_assistant(ngx_litellm_gemini_turn_t *t,
    ngx_litellm_message_t *msg)
{
    ngx_int_t            rc;
    ngx_str_t            signature;
    ngx_uint_t           i, last;
    ngx_litellm_part_t  *part;

    ngx_litellm_gemini_reasoning(t, msg);

    part = msg->parts;
    last = msg->nparts;

    for (i = 0; i < msg->nparts; i++) {
        if ((part[i].type == NGX_LITELLM_PART_TEXT
             || part[i].type == NGX_LITELLM_PART_REFUSAL)
            && part[i].text.len)
        {
            last = i;
        }
    }

    for (i = 0; i < msg->nparts; i++) {

        switch (part[i].type) {

        case NGX_LITELLM_PART_TEXT:
        case NGX_LITELLM_PART_REFUSAL:

            if (part[i].text.len == 0) {
                continue;
            }

            ngx_litellm_gemini_part(t, NGX_LITELLM_GEMINI_MODEL);
            ngx_litellm_out_lit(t->out, "{\"text\":\"");
            ngx_litellm_out_ref(t->out, part[i].text.data, part[i].text.len);
            ngx_litellm_out_lit(t->out, "\"");

            if (i == last) {
                signature = ngx_litellm_gemini_text_signature(msg);

                if (signature.len) {
                    ngx_litellm_out_lit(t->out, ",\"thoughtSignature\":\"");
                    ngx_litellm_out_ref(t->out, signature.data,
                                        signature.len);
                    ngx_litellm_out_lit(t->out, "\"");
                }
            }

            ngx_litellm_out_lit(t->out, "}");
            continue;

        case NGX_LITELLM_PART_THINKING:
        case NGX_LITELLM_PART_REDACTED:
            continue;

        case NGX_LITELLM_PART_IMAGE:
        case NGX_LITELLM_PART_FILE:
        case NGX_LITELLM_PART_AUDIO:

            ngx_litellm_gemini_part(t, NGX_LITELLM_GEMINI_MODEL);

            rc = ngx_litellm_gemini_media(t->g, &part[i]);
            if (rc != NGX_OK) {
                return rc;
            }

            continue;

        default:
            return ngx_litellm_gemini_bad(t->g, "a content part of this type "
                                          "can't be sent to this provider");
        }
    }

    for (i = 0; i < msg->ncalls; i++) {
        rc = ngx_litellm_gemini_call(t, &msg->calls[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* reasoning_content and thinking_blocks say the same: one of them is sent */

static void
ngx_litellm_gemini_reasoning(ngx_litellm_gemini_turn_t *t,
    ngx_litellm_message_t *msg)
{
    ngx_uint_t           i;
    ngx_litellm_part_t  *part;

    if (msg->reasoning.len) {
        ngx_litellm_gemini_part(t, NGX_LITELLM_GEMINI_MODEL);
        ngx_litellm_out_lit(t->out, "{\"thought\":true,\"text\":\"");
        ngx_litellm_out_ref(t->out, msg->reasoning.data, msg->reasoning.len);
        ngx_litellm_out_lit(t->out, "\"}");
        return;
    }

    part = msg->parts;

    for (i = 0; i < msg->nparts; i++) {

        if (part[i].type != NGX_LITELLM_PART_THINKING
            || part[i].text.len == 0)
        {
            continue;
        }

        ngx_litellm_gemini_part(t, NGX_LITELLM_GEMINI_MODEL);
        ngx_litellm_out_lit(t->out, "{\"thought\":true,\"text\":\"");
        ngx_litellm_out_ref(t->out, part[i].text.data, part[i].text.len);

        if (part[i].signature.len) {
            ngx_litellm_out_lit(t->out, "\",\"thoughtSignature\":\"");
            ngx_litellm_out_ref(t->out, part[i].signature.data,
                                part[i].signature.len);
        }

        ngx_litellm_out_lit(t->out, "\"}");
    }
}


/*
 * provider_specific_fields.thought_signatures of a message holds those of its
 * calls too, in the order of the parts: the first that is no call's is the
 * text's.
 */

static ngx_str_t
ngx_litellm_gemini_text_signature(ngx_litellm_message_t *msg)
{
    ngx_str_t            none, call, id;
    ngx_litellm_json_t  *v;

    ngx_str_null(&none);

    v = ngx_litellm_json_member(msg->node, "provider_specific_fields");
    v = ngx_litellm_json_member(v, "thought_signatures");

    if (!ngx_litellm_json_is(v, ARRAY) || v->count == 0
        || !ngx_litellm_json_is(v + 1, STRING))
    {
        return none;
    }

    none = ngx_litellm_json_text(v + 1);

    if (msg->ncalls) {
        call = ngx_litellm_gemini_signature(&msg->calls[0], &id);

        if (call.len == none.len
            && ngx_memcmp(call.data, none.data, none.len) == 0)
        {
            ngx_str_null(&none);
        }
    }

    return none;
}


static ngx_int_t
ngx_litellm_gemini_call(ngx_litellm_gemini_turn_t *t,
    ngx_litellm_tool_call_t *tc)
{
    ngx_int_t  rc;
    ngx_str_t  json, id, signature;

    if (tc->name.len == 0) {
        return ngx_litellm_gemini_bad(t->g, "only calls of functions can be "
                                      "sent to this provider");
    }

    rc = ngx_litellm_call_input(t->g->call, tc, &json, t->g->e);
    if (rc != NGX_OK) {
        return rc;
    }

    signature = ngx_litellm_gemini_signature(tc, &id);

    ngx_litellm_gemini_part(t, NGX_LITELLM_GEMINI_MODEL);

    /* of calls made at once only the first one is signed */

    if (signature.len == 0 && !t->called && ngx_litellm_gemini_3(t->g)) {
        signature = ngx_litellm_gemini_unsigned;
    }

    t->called = 1;

    ngx_litellm_out_lit(t->out, "{\"functionCall\":{\"name\":\"");
    ngx_litellm_out_str(t->out, &tc->name);
    ngx_litellm_out_lit(t->out, "\",\"args\":");
    ngx_litellm_out_ref(t->out, json.data, json.len);

    if (id.len && ngx_litellm_gemini_3(t->g)) {
        ngx_litellm_out_lit(t->out, ",\"id\":\"");
        ngx_litellm_out_str(t->out, &id);
        ngx_litellm_out_lit(t->out, "\"");
    }

    ngx_litellm_out_lit(t->out, "}");

    if (signature.len) {
        ngx_litellm_out_lit(t->out, ",\"thoughtSignature\":\"");
        ngx_litellm_out_ref(t->out, signature.data, signature.len);
        ngx_litellm_out_lit(t->out, "\"");
    }

    ngx_litellm_out_lit(t->out, "}");

    return NGX_OK;
}


/*
 * In the id, in provider_specific_fields of the call or of its function, or
 * where Google's own OpenAI endpoint has it (extra_content.google).
 */

static ngx_str_t
ngx_litellm_gemini_signature(ngx_litellm_tool_call_t *tc, ngx_str_t *id)
{
    ngx_str_t            signature;
    ngx_uint_t           i;
    ngx_litellm_json_t  *v[3];

    *id = ngx_litellm_gemini_split(&tc->id, &signature);

    if (signature.len) {
        return signature;
    }

    v[0] = ngx_litellm_json_member(tc->node, "provider_specific_fields");
    v[1] = ngx_litellm_json_member(
                             ngx_litellm_json_member(tc->node, "function"),
                             "provider_specific_fields");
    v[2] = ngx_litellm_json_member(
                        ngx_litellm_json_member(tc->node, "extra_content"),
                        "google");

    for (i = 0; i < 3; i++) {
        v[i] = ngx_litellm_json_member(v[i], "thought_signature");

        if (ngx_litellm_json_is(v[i], STRING) && v[i]->len > 2) {
            return ngx_litellm_json_text(v[i]);
        }
    }

    return signature;
}


static ngx_int_t
ngx_litellm_gemini_result(ngx_litellm_gemini_turn_t *t,
    ngx_litellm_message_t *msg, ngx_uint_t message)
{
    ngx_int_t            rc;
    ngx_str_t            id, signature, *name;
    ngx_uint_t           i;
    ngx_litellm_part_t  *part;

    id = ngx_litellm_gemini_split(&msg->call_id, &signature);

    if (!t->indexed && ngx_litellm_gemini_index_calls(t) != NGX_OK) {
        return NGX_ERROR;
    }

    name = ngx_litellm_gemini_called(t, &id, message);

    if (name == NULL && msg->name.len) {
        name = &msg->name;
    }

    if (name == NULL) {
        return ngx_litellm_gemini_bad(t->g, "a tool message must follow a "
                                      "message with the call that its "
                                      "'tool_call_id' names");
    }

    ngx_litellm_gemini_part(t, NGX_LITELLM_GEMINI_RESULTS);

    ngx_litellm_out_lit(t->out, "{\"functionResponse\":{\"name\":\"");
    ngx_litellm_out_str(t->out, name);
    ngx_litellm_out_lit(t->out, "\",\"response\":");

    rc = ngx_litellm_gemini_result_value(t, msg);
    if (rc != NGX_OK) {
        return rc;
    }

    if (id.len && ngx_litellm_gemini_3(t->g)) {
        ngx_litellm_out_lit(t->out, ",\"id\":\"");
        ngx_litellm_out_str(t->out, &id);
        ngx_litellm_out_lit(t->out, "\"");
    }

    ngx_litellm_out_lit(t->out, "}}");

    /* a result that is an image stands beside it */

    part = msg->parts;

    for (i = 0; i < msg->nparts; i++) {

        if (part[i].type == NGX_LITELLM_PART_TEXT) {
            continue;
        }

        if (part[i].type != NGX_LITELLM_PART_IMAGE
            && part[i].type != NGX_LITELLM_PART_FILE
            && part[i].type != NGX_LITELLM_PART_AUDIO)
        {
            return ngx_litellm_gemini_bad(t->g, "a content part of this type "
                                          "can't be sent to this provider");
        }

        ngx_litellm_gemini_part(t, NGX_LITELLM_GEMINI_RESULTS);

        rc = ngx_litellm_gemini_media(t->g, &part[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* the API takes objects: what is none becomes {"content": text} */

static ngx_int_t
ngx_litellm_gemini_result_value(ngx_litellm_gemini_turn_t *t,
    ngx_litellm_message_t *msg)
{
    u_char                  *p;
    ngx_int_t                rc;
    ngx_str_t                text, json;
    ngx_uint_t               i, n;
    ngx_litellm_part_t      *part;
    ngx_litellm_json_doc_t   doc;

    part = msg->parts;
    n = 0;

    ngx_str_null(&text);

    for (i = 0; i < msg->nparts; i++) {
        if (part[i].type == NGX_LITELLM_PART_TEXT && part[i].text.len) {
            text.len = n ? text.len + part[i].text.len : part[i].text.len;
            text.data = part[i].text.data;
            n++;
        }
    }

    if (n > 1) {
        p = ngx_pnalloc(t->g->call->pool, text.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        text.data = p;

        for (i = 0; i < msg->nparts; i++) {
            if (part[i].type == NGX_LITELLM_PART_TEXT) {
                p = ngx_cpymem(p, part[i].text.data, part[i].text.len);
            }
        }
    }

    /* white space aside an object begins with "{" */

    for (p = text.data; p < text.data + text.len; p++) {
        if (*p != ' ' && *p != '\\' && *p != 'n' && *p != 'r' && *p != 't') {
            break;
        }
    }

    if (text.len && p < text.data + text.len && *p == '{') {

        if (ngx_litellm_json_unescape(t->g->call->pool, &json, &text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
        doc.pool = t->g->call->pool;
        doc.keep = 1;

        rc = ngx_litellm_json_parse(&doc, json.data, json.len);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_OK && doc.root->type == NGX_LITELLM_JSON_OBJECT) {
            ngx_litellm_gemini_raw(t->out, doc.root);
            return NGX_OK;
        }
    }

    ngx_litellm_out_lit(t->out, "{\"content\":\"");
    ngx_litellm_out_ref(t->out, text.data, text.len);
    ngx_litellm_out_lit(t->out, "\"}");

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gemini_index_calls(ngx_litellm_gemini_turn_t *t)
{
    ngx_str_t                    signature;
    ngx_uint_t                   i, j, n;
    ngx_litellm_message_t       *msg;
    ngx_litellm_gemini_known_t  *k;

    t->indexed = 1;

    msg = t->g->chat.messages;
    n = 0;

    for (i = 0; i < t->g->chat.nmessages; i++) {
        n += msg[i].ncalls;
    }

    if (n == 0) {
        return NGX_OK;
    }

    t->known = ngx_palloc(t->g->call->pool,
                          n * sizeof(ngx_litellm_gemini_known_t));
    if (t->known == NULL) {
        return NGX_ERROR;
    }

    t->nknown = n;
    k = t->known;

    for (i = 0; i < t->g->chat.nmessages; i++) {
        for (j = 0; j < msg[i].ncalls; j++) {
            k->id = ngx_litellm_gemini_split(&msg[i].calls[j].id,
                                             &signature);
            k->name = &msg[i].calls[j].name;
            k->message = i;
            k++;
        }
    }

    ngx_qsort(t->known, n, sizeof(ngx_litellm_gemini_known_t),
              ngx_litellm_gemini_known_cmp);

    return NGX_OK;
}


/* the last call of that id before the message */

static ngx_str_t *
ngx_litellm_gemini_called(ngx_litellm_gemini_turn_t *t, ngx_str_t *id,
    ngx_uint_t message)
{
    ngx_uint_t                   lo, hi, mid;
    ngx_litellm_gemini_known_t   key, *k;

    key.id = *id;
    key.message = message;

    lo = 0;
    hi = t->nknown;

    while (lo < hi) {
        mid = lo + (hi - lo) / 2;

        if (ngx_litellm_gemini_known_cmp(&t->known[mid], &key) < 0) {
            lo = mid + 1;

        } else {
            hi = mid;
        }
    }

    if (lo == 0) {
        return NULL;
    }

    k = &t->known[lo - 1];

    if (k->id.len != id->len || ngx_memcmp(k->id.data, id->data, id->len) != 0
        || k->name->len == 0)
    {
        return NULL;
    }

    return k->name;
}


static int ngx_libc_cdecl
ngx_litellm_gemini_known_cmp(const void *one, const void *two)
{
    ngx_int_t                          rc;
    const ngx_litellm_gemini_known_t  *a, *b;

    a = one;
    b = two;

    rc = ngx_litellm_json_order(&a->id, &b->id);

    if (rc != 0) {
        return rc < 0 ? -1 : 1;
    }

    return a->message < b->message ? -1 : a->message > b->message;
}


/* the id as the provider may know it; *signature is what is behind it */

static ngx_str_t
ngx_litellm_gemini_split(ngx_str_t *id, ngx_str_t *signature)
{
    u_char     *p, *last;
    ngx_str_t   bare;

    bare = *id;
    ngx_str_null(signature);

    last = id->data + id->len;
    p = ngx_litellm_find(id->data, last, NGX_LITELLM_GEMINI_THOUGHT,
                         NGX_LITELLM_GEMINI_THOUGHT_LEN);

    if (p != NULL) {
        bare.len = p - id->data;
        signature->data = p + NGX_LITELLM_GEMINI_THOUGHT_LEN;
        signature->len = last - signature->data;
    }

    return bare;
}
