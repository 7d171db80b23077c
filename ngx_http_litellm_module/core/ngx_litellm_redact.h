
/*
 * What looks like a secret, an address of mail or the number of a card, taken
 * out of JSON texts before they come to be in a log.  A help, no proof: what
 * has no form of its own is not found.
 */

#ifndef _NGX_LITELLM_REDACT_H_INCLUDED_
#define _NGX_LITELLM_REDACT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_out.h"


#define NGX_LITELLM_REDACT_OFF      0x01
#define NGX_LITELLM_REDACT_SECRETS  0x02    /* keys of known forms, tokens of
                                               Bearer and Basic, JWTs, private
                                               keys in PEM: [secret] */
#define NGX_LITELLM_REDACT_EMAILS   0x04    /* [email] */
#define NGX_LITELLM_REDACT_CARDS    0x08    /* 13 to 19 digits with a right check
                                               digit: [card] */


/*
 * A JSON text that is one, or the beginning of one: its strings without what is
 * found, and on one line.  It is still JSON if it was.  Time is linear in its
 * length.
 */
void ngx_litellm_redact(ngx_litellm_out_t *out, ngx_str_t *text,
    ngx_uint_t what);


#endif /* _NGX_LITELLM_REDACT_H_INCLUDED_ */
