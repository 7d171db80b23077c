
/*
 * Wire data as test cases: every directory of t/data/<set> is one call of one
 * deployment.  Test programs describe their set (case_set_t) and run it with
 * cases(); what wire data can't say they test by calls of their own,
 * case_call().
 *
 *   case.json                 what else there is to know, see below; may be
 *                             missing, as all of the others
 *   client_request.json       what the client sends
 *   upstream_request.json     what the provider must get, byte for byte
 *   upstream_response.json    what it answers
 *   upstream_response.sse     ... a stream of events
 *   upstream_response.ndjson  ... a stream of lines
 *   upstream_response.events  ... of AWS's messages, see case_messages()
 *   upstream_request-1.json   the exchanges that follow the first one: what is
 *   poll-1.json               asked (nothing: a GET), what is answered
 *   client_response.json      what the client must get; where the answer
 *                             passes and there is none: the same bytes
 *   client_response.sse       ... of a stream
 *
 * The deployment is made as the configuration makes it, with detection and
 * setup().  A request is made twice: a second attempt must find the call as
 * the first one did.  A stream is fed byte by byte, and cut in two at every
 * place; the client must get the same bytes each time.
 *
 * case.json, of the deployment: provider, model, base (api_base), key,
 * api_version, organization, settings, env (variables), defaults,
 * own_headers, additional_drop_params, allowed_openai_params.  Of the call:
 * op, token, drop_params, modify_params, ask_usage, may_fetch, path_model,
 * provider_model (of a wildcard), native (see case_set_t).  Of what is played:
 * status, fetched_type, fetch_fails.
 *
 * What must come of it: declined (why there is no deployment), missing (the
 * variable), mode, dialect (its name, "": not served), not_opened, refused (a
 * part of the message, 400), path, auth (header of the key; "": it is
 * not sent), headers (null:
 * it is not there), hide_usage, fetches, client_status, retry_after, cost,
 * unfinished (more exchanges would follow), error {status, class, text,
 * without, type, code, specific}, facts {id, finish, end, known, content_at,
 * usage_only, prompt, completion ...}.
 *
 * With UNIT_WRITE set, files that are missing are written: to be read before
 * they are kept.
 */

#ifndef _WIRE_CASE_H_INCLUDED_
#define _WIRE_CASE_H_INCLUDED_


#include "unit.h"
#include "ngx_litellm_provider.h"
#include "ngx_litellm_format.h"
#include "ngx_litellm_sse.h"
#include "ngx_litellm_frames.h"


#define CASE_KEY  "sk-unit-0123456789abcdef"


typedef struct case_s      case_t;
typedef struct case_set_s  case_set_t;


/* what the cases of one directory have in common; NULL: nothing */

struct case_set_s {
    const char                     *set;        /* below t/data */
    ngx_uint_t                      least;      /* so many cases */

    /* where case.json says nothing */
    const char                     *provider;   /* NULL: the model's prefix */
    const char                     *model;
    const char                     *base;       /* NULL: the provider's own */
    const char                     *key;        /* NULL: CASE_KEY */
    const char                     *op;         /* NULL: "chat" */
    const char                     *auth;       /* NULL: "Authorization" */
    const char                   *(*path)(case_t *c);

    /* beside the credential: name, value, name ... NULL */
    const char *const            *(*headers)(case_t *c,
                                             ngx_litellm_wire_t *wire);

    /* more to look at: a deployment, the wire of an exchange that follows */
    void                          (*made)(case_t *c);
    void                          (*follow)(case_t *c,
                                            ngx_litellm_wire_t *wire,
                                            ngx_uint_t stream);

    /* the client reads and writes OpenAI's form, but is taken for one of
       another dialect, unless "native" */
    unsigned                        foreign:1;
};


struct case_s {
    const case_set_t               *set;
    ngx_str_t                       dir;        /* empty: see case_call() */
    ngx_litellm_json_t             *options;
    ngx_litellm_json_t             *error;      /* the option */
    ngx_str_t                       model;      /* of each attempt */
    ngx_litellm_deployment_t        deployment;
    ngx_litellm_config_t            config;
    ngx_litellm_format_t            format;
    ngx_litellm_call_t              call;
    const ngx_litellm_dialect_t    *dialect;
    ngx_litellm_wire_t              wire;
    ngx_litellm_error_t             e;
    unsigned                        made_up:1;  /* no client_request.json */
};


/* one stream on its way */

typedef struct {
    case_t                         *c;
    ngx_litellm_stream_t            stream;
    ngx_litellm_writer_t            writer;
    ngx_litellm_out_t               out;
    ngx_litellm_sse_t               sse;
    ngx_litellm_frames_t            frames;
    ngx_litellm_json_doc_t          doc;
    ngx_litellm_facts_t             facts;
    ngx_int_t                       content_at; /* number of the event */
    ngx_uint_t                      usage_only; /* bits */
    ngx_uint_t                      events;
    unsigned                        ended:1;
    unsigned                        finished:1;
    unsigned                        reset:1;    /* http's habit */
} feed_t;


/* wire_case.c: runs all of a set */
void cases(const case_set_t *set);

/* one of them: NGX_OK, it is to be run; NGX_DECLINED, it is not */
ngx_int_t case_open(case_t *c, const case_set_t *set, const char *dir);
/* a call of the set's deployment without wire data, opened */
void case_call(case_t *c, const case_set_t *set, ngx_str_t body);

/* files and options of a case */
ngx_int_t case_file(case_t *c, const char *name, ngx_str_t *text);
int case_want(case_t *c, const char *name, ngx_str_t *got);
ngx_litellm_json_t *case_option(case_t *c, const char *name);
ngx_str_t case_str(case_t *c, const char *name, const char *value);
int64_t case_int(case_t *c, const char *name, int64_t value);
ngx_uint_t case_flag(case_t *c, const char *name);
ngx_str_t option_str(ngx_litellm_json_t *object, const char *name,
    const char *value);
int64_t option_int(ngx_litellm_json_t *object, const char *name,
    int64_t value);

/* true if the part, which may be empty, is in the text */
int case_has(ngx_str_t *text, ngx_str_t *part);

/* the text is JSON; its root */
ngx_litellm_json_t *case_json(ngx_str_t *text);

/*
 * wire_exchange.c: the request, which is in c->wire; NGX_OK, it has an answer.
 * Then the answer, if it is no stream.
 */
ngx_int_t case_request(case_t *c);
void case_answer(case_t *c);

/* a mock_response of the set's deployment to this body; the client's answer
   has the part */
void case_mock(const case_set_t *set, const char *body, const char *mock,
    const char *part);

/* an empty wire that keeps its state */
void case_wire(ngx_litellm_wire_t *wire, ngx_pool_t *pool);
/* dialect->request() into c->wire */
ngx_int_t case_send(case_t *c);
/* NULL: there is no such header */
ngx_str_t *case_header(ngx_litellm_wire_t *wire, const char *name);
/* the credential is in its header and nowhere else, the other headers are
   those of the case */
void case_headers(case_t *c, ngx_litellm_wire_t *wire);

/* c->e, or what was read of a passing answer, is what the case says */
void case_error(case_t *c, ngx_litellm_error_t *e);
void case_facts(case_t *c, ngx_litellm_facts_t *facts);

/* wire_stream.c: the streamed answer, if there is one */
void case_stream(case_t *c);

void feed_init(feed_t *f, case_t *c, ngx_pool_t *pool);
ngx_int_t feed_emit(void *feed, ngx_litellm_event_t *ev);


#endif /* _WIRE_CASE_H_INCLUDED_ */
