
/*
 * What the files of Vertex AI share: where a deployment's models are, and the
 * headers.  Made once for each deployment, while the configuration is read.
 */

#ifndef _NGX_LITELLM_VERTEX_H_INCLUDED_
#define _NGX_LITELLM_VERTEX_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_provider.h"


/* deployment->own */
typedef struct {
    ngx_str_t    project;
    ngx_str_t    location;
    unsigned     openapi:1;     /* api_base is that of the OpenAI-compatible
                                   endpoint */
} ngx_litellm_vertex_t;


/* true if the deployment tried is Vertex AI's */
ngx_uint_t ngx_litellm_vertex_is(ngx_litellm_call_t *call);

/*
 * Below the deployment's address: ".../publishers/google/models/NAME:verb", or
 * for an api_base with a path of its own that path and the verb.  NGX_ERROR:
 * no memory.
 */
ngx_int_t ngx_litellm_vertex_path(ngx_litellm_call_t *call,
    const char *publisher, const char *verb, const char *args,
    ngx_str_t *path);

/* the token, or the key of Vertex AI's express mode */
ngx_int_t ngx_litellm_vertex_headers(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire);

/* dialect->error for models of other publishers: Google's own errors, or those
   of the model */
void ngx_litellm_vertex_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e);


#endif /* _NGX_LITELLM_VERTEX_H_INCLUDED_ */
