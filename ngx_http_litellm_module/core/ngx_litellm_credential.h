
/*
 * Credentials that are exchanged for tokens: what is sent to the token
 * endpoint and what its answer says.  Pure: who sends it, and keeps tokens
 * fresh, is http/ngx_http_litellm_token.c.
 *
 * Made while the configuration is read (by the providers' setup()), one for
 * each deployment; those of one digest share a token.
 */

#ifndef _NGX_LITELLM_CREDENTIAL_H_INCLUDED_
#define _NGX_LITELLM_CREDENTIAL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config.h"
#include "ngx_litellm_out.h"


typedef enum {
    NGX_LITELLM_CREDENTIAL_ENTRA = 1,   /* client credentials (OAuth 2.0) */
    NGX_LITELLM_CREDENTIAL_GOOGLE,      /* service account: signed JWT */
    NGX_LITELLM_CREDENTIAL_GOOGLE_USER  /* authorized_user: refresh token */
} ngx_litellm_credential_e;


struct ngx_litellm_credential_s {
    ngx_litellm_credential_e   type;
    ngx_str_t                  name;       /* for logs; no secret in it */
    ngx_litellm_url_t          url;        /* the token endpoint */
    ngx_str_t                  digest;     /* SHA-256 of all that makes it */

    ngx_str_t                  client_id;  /* ENTRA, GOOGLE_USER; of GOOGLE the
                                              account's e-mail address */
    ngx_str_t                  secret;     /* client_secret */
    ngx_str_t                  refresh;    /* GOOGLE_USER */
    ngx_str_t                  scope;
    ngx_str_t                  audience;   /* GOOGLE: token_uri as written */
    ngx_str_t                  key_id;
    ngx_str_t                  project;    /* GOOGLE: project_id; may be empty */
    void                      *key;        /* EVP_PKEY *, freed with the pool */

    void                      *http;       /* http/'s own */
};


/*
 * NGX_OK with *c, NGX_DECLINED with *why (a lower case sentence without any
 * part of a secret), NGX_ERROR: no memory.
 */

/* authority: e.g. "https://login.microsoftonline.com"; empty: that; scope:
   empty: Azure's cognitive services */
ngx_int_t ngx_litellm_credential_entra(ngx_pool_t *pool, ngx_str_t *authority,
    ngx_str_t *tenant, ngx_str_t *client_id, ngx_str_t *secret,
    ngx_str_t *scope, ngx_litellm_credential_t **c, ngx_str_t *why);

/* text: the JSON of a key file (type service_account or authorized_user) */
ngx_int_t ngx_litellm_credential_google(ngx_pool_t *pool, ngx_str_t *text,
    ngx_litellm_credential_t **c, ngx_str_t *why);

/* what follows the host of the endpoint */
ngx_int_t ngx_litellm_credential_path(ngx_litellm_credential_t *c,
    ngx_pool_t *pool, ngx_str_t *path);

/* the body of the POST (application/x-www-form-urlencoded) */
ngx_int_t ngx_litellm_credential_request(ngx_litellm_credential_t *c,
    ngx_pool_t *pool, time_t now, ngx_str_t *body);

/*
 * What the endpoint answered: *token lives in pool, *lifetime in seconds.
 * NGX_DECLINED: *why, fit for a log and for a client (no secret of ours).
 */
ngx_int_t ngx_litellm_credential_answer(ngx_litellm_credential_t *c,
    ngx_pool_t *pool, ngx_uint_t status, ngx_str_t *body, ngx_str_t *token,
    time_t *lifetime, ngx_str_t *why);


#endif /* _NGX_LITELLM_CREDENTIAL_H_INCLUDED_ */
