
/*
 * What the files of the Gemini dialect share: the state of one translated
 * request and the pieces that write it.  The dialect serves the Gemini API
 * (generativelanguage.googleapis.com) and Google's models at Vertex AI, which
 * take the same bodies; where they differ, g->vertex tells.  The facts are
 * those of Google's generateContent references; what LiteLLM does beside them
 * stands in docs/differences.md.
 */

#ifndef _NGX_LITELLM_GEMINI_H_INCLUDED_
#define _NGX_LITELLM_GEMINI_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_dialect.h"
#include "ngx_litellm_format.h"
#include "ngx_litellm_vertex.h"


/* what stands between a tool call's id and the signature of its thought */
#define NGX_LITELLM_GEMINI_THOUGHT      "__thought__"
#define NGX_LITELLM_GEMINI_THOUGHT_LEN                                        \
    (sizeof(NGX_LITELLM_GEMINI_THOUGHT) - 1)

/* a bit of "written": toolConfig */
#define NGX_LITELLM_GEMINI_W_CHOICE     0x40000

/* of one answer or stream */
#define NGX_LITELLM_GEMINI_CALLS        1024


typedef enum {
    NGX_LITELLM_GEMINI_RES_UNSET = 0,
    NGX_LITELLM_GEMINI_RES_LOW,
    NGX_LITELLM_GEMINI_RES_MEDIUM,
    NGX_LITELLM_GEMINI_RES_HIGH,
    NGX_LITELLM_GEMINI_RES_ULTRA_HIGH
} ngx_litellm_gemini_res_e;


typedef struct {
    ngx_litellm_call_t         *call;
    ngx_litellm_wire_t         *wire;
    ngx_litellm_out_t          *out;
    ngx_litellm_error_t        *e;
    ngx_litellm_chat_t          chat;
    ngx_litellm_json_doc_t      doc;

    uint64_t                    present;     /* after params_check() */
    uint32_t                    flags;       /* NGX_LITELLM_M_... */
    ngx_uint_t                  version;     /* 25 of gemini-2.5-..., 0 of a
                                                model that does not say */
    ngx_litellm_gemini_res_e    resolution;  /* of all images */
    ngx_uint_t                  written;     /* bits of foreign members that
                                                must not be written again */

    /* what schemas of all tools may cost, set by the first */
    ngx_uint_t                  steps;
    off_t                       end;

    /* thinkingConfig */
    int64_t                     budget;
    const char                 *level;       /* NULL: none */
    unsigned                    has_budget:1;
    unsigned                    has_thoughts:1;
    unsigned                    thoughts:1;

    unsigned                    vertex:1;
    unsigned                    lite:1;      /* of the model's name */
    unsigned                    pro:1;
    unsigned                    fetching:1;  /* an image is on its way */
} ngx_litellm_gemini_t;


#define ngx_litellm_gemini_has(g, p)                                          \
    ((g)->present & ngx_litellm_param_bit(p))

/* the value of a parameter that is to be sent, or NULL */
#define ngx_litellm_gemini_param(g, p)                                        \
    (ngx_litellm_gemini_has(g, p) ? (g)->chat.param[NGX_LITELLM_P_##p] : NULL)

/* a node's own bytes */
#define ngx_litellm_gemini_raw(out, v)                                        \
    ngx_litellm_out_ref(out, (v)->start, (v)->len)

/* the client's fault; NGX_DECLINED */
#define ngx_litellm_gemini_bad(g, text)                                       \
    ngx_litellm_call_bad((g)->call, (g)->e, text)

/* newer than the generation that has ids of calls and levels of thinking */
#define ngx_litellm_gemini_3(g)  ((g)->version >= 30)


/* ngx_litellm_gemini_params.c: what is sent, refused or dropped.  NGX_OK,
   NGX_DECLINED, NGX_ERROR */

ngx_int_t ngx_litellm_gemini_params(ngx_litellm_gemini_t *g);

/* ngx_litellm_gemini_config.c: ,"generationConfig":{...} if it has members,
   and the client's own top level members */
ngx_int_t ngx_litellm_gemini_config(ngx_litellm_gemini_t *g);


/* ngx_litellm_gemini_messages.c */

/* "contents":[...],"systemInstruction":{...} */
ngx_int_t ngx_litellm_gemini_messages(ngx_litellm_gemini_t *g);


/* ngx_litellm_gemini_media.c */

/* a part for an IMAGE, FILE or AUDIO; NGX_AGAIN: it is being fetched, nothing
   was written */
ngx_int_t ngx_litellm_gemini_media(ngx_litellm_gemini_t *g,
    ngx_litellm_part_t *part);


/* ngx_litellm_gemini_tools.c: ,"tools":[...],"toolConfig":{...} */

ngx_int_t ngx_litellm_gemini_tools(ngx_litellm_gemini_t *g);


/* ngx_litellm_gemini_schema.c */

/*
 * A JSON schema as the subset of OpenAPI's that "parameters" takes: $ref
 * inlined, unknown keywords left out.  NGX_DECLINED: over a bound.
 */
ngx_int_t ngx_litellm_gemini_schema(ngx_litellm_gemini_t *g,
    ngx_litellm_json_t *schema);


/* ngx_litellm_gemini.c: "/v1beta/models/NAME:verb", and the key's header */

ngx_int_t ngx_litellm_gemini_path(ngx_litellm_call_t *call, const char *verb,
    ngx_str_t *path);
ngx_int_t ngx_litellm_gemini_headers(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire);


/* ngx_litellm_gemini_response.c, _stream.c, _error.c */

ngx_int_t ngx_litellm_gemini_response(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_answer_t *answer, ngx_litellm_error_t *e);
ngx_int_t ngx_litellm_gemini_event(ngx_litellm_stream_t *st, ngx_str_t *name,
    ngx_str_t *data);
void ngx_litellm_gemini_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e);

/* the object with an "error" of an answer, or of an array with just that; NULL
   without one */
ngx_litellm_json_t *ngx_litellm_gemini_failed(ngx_litellm_json_t *root);

ngx_litellm_finish_e ngx_litellm_gemini_finish(ngx_litellm_json_t *reason);

/* takes what a usageMetadata object says */
void ngx_litellm_gemini_usage(ngx_litellm_json_t *v, ngx_litellm_usage_t *u);

/* the index of a candidate; NGX_LITELLM_CHOICES: one that can't be given */
ngx_uint_t ngx_litellm_gemini_index(ngx_litellm_json_t *v);


/* a place to make one text after another in; the last one made is valid */
typedef struct {
    ngx_pool_t   *pool;
    ngx_str_t     text;
    size_t        size;
} ngx_litellm_gemini_buf_t;

/* room for len bytes; NULL: no memory */
u_char *ngx_litellm_gemini_room(ngx_litellm_gemini_buf_t *b, size_t len);

/* a call's id: the provider's or one made of n, with the thought's signature.
   NGX_ERROR: no memory */
ngx_int_t ngx_litellm_gemini_call_id(ngx_litellm_call_t *call,
    ngx_litellm_json_t *id, ngx_litellm_json_t *signature, ngx_uint_t n,
    ngx_litellm_gemini_buf_t *b);

/* data:image/png;base64,... of an inlineData object.  NGX_DECLINED: it is no
   image */
ngx_int_t ngx_litellm_gemini_image(ngx_litellm_json_t *v,
    ngx_litellm_gemini_buf_t *b);


/* ngx_litellm_gemini_grounding.c: where a text comes from */

/* called for each page that a text is grounded on, with a JSON object that is
   valid during the call only */
typedef ngx_int_t (*ngx_litellm_gemini_cite_pt)(void *data, ngx_str_t *text);

/*
 * OpenAI's url_citation for each segment of a groundingMetadata object.
 * Google counts bytes of a part, OpenAI characters of the whole text; texts
 * (J-strings) are the parts in order, or with joined set a stream's only one.
 */
ngx_int_t ngx_litellm_gemini_grounding(ngx_pool_t *pool,
    ngx_litellm_json_t *v, ngx_str_t *texts, ngx_uint_t ntexts,
    ngx_uint_t joined, ngx_litellm_gemini_cite_pt cite, void *data);


#endif /* _NGX_LITELLM_GEMINI_H_INCLUDED_ */
