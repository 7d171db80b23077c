
/*
 * A call and a deployment made up for the tests of the OpenAI dialect, of its
 * parameters, errors and request opener.
 */

#ifndef _OPENAI_CALL_H_INCLUDED_
#define _OPENAI_CALL_H_INCLUDED_


#include "unit.h"
#include "ngx_litellm_format.h"
#include "ngx_litellm_openai.h"


#define OPENAI_KEY  "sk-unit-0123456789abcdef"


typedef struct {
    ngx_litellm_provider_t      provider;
    ngx_litellm_deployment_t    deployment;
    ngx_litellm_config_t        config;
    ngx_litellm_call_t          call;
    ngx_litellm_error_t         error;
} openai_call_t;


static ngx_inline ngx_str_t
openai_str(const char *s)
{
    ngx_str_t  str;

    str.data = (u_char *) s;
    str.len = ngx_strlen(s);

    return str;
}


/* openai/<model> with a key; the model's row comes from the table */

static ngx_inline void
openai_call(openai_call_t *c, ngx_litellm_op_e op, const char *model,
    ngx_str_t body)
{
    ngx_str_t  openai = ngx_string("openai");

    ngx_memzero(c, sizeof(openai_call_t));

    c->provider.name = openai;
    c->provider.dialect = &ngx_litellm_openai_dialect;
    c->provider.exception = openai_str("OpenAIException");

    c->deployment.provider = &c->provider;
    c->deployment.model = openai_str(model);
    c->deployment.api_key = openai_str(OPENAI_KEY);
    c->deployment.url.path = openai_str("/v1");
    c->deployment.info = ngx_litellm_model_find(&openai,
                                                &c->deployment.model);

    c->call.pool = unit_pool;
    c->call.log = &unit_log;
    c->call.op = op;
    c->call.body = body;
    c->call.config = &c->config;
    c->call.deployment = &c->deployment;
    c->call.provider_model = c->deployment.model;
}


static ngx_inline ngx_int_t
openai_open(openai_call_t *c)
{
    ngx_memzero(&c->error, sizeof(ngx_litellm_error_t));

    return ngx_litellm_openai_open(&c->call, &c->error);
}


/* open() and request(); the body that goes to the provider in *out */

static ngx_inline ngx_int_t
openai_request(openai_call_t *c, ngx_litellm_wire_t *wire, ngx_str_t *out)
{
    ngx_int_t  rc;

    ngx_memzero(wire, sizeof(ngx_litellm_wire_t));
    ngx_litellm_out_init(&wire->body, unit_pool);
    ngx_memzero(&c->error, sizeof(ngx_litellm_error_t));

    rc = ngx_litellm_openai_dialect.request(&c->call, wire, &c->error);

    if (rc == NGX_OK) {
        *out = unit_chain(wire->body.first);
    }

    return rc;
}


#endif /* _OPENAI_CALL_H_INCLUDED_ */
