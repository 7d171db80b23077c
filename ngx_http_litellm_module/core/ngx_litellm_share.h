
/*
 * What other gateways have counted in accounts that are shared through Redis:
 * the reply of the script in ngx_http_litellm_redis_share.c.  Whatever a
 * server sends, the sums do not overflow, and it is read in one pass.
 *
 * A reply is a text of numbers: the time in ms, which data these are, when
 * older data was lost (0: never), calls so far; and for each account a list:
 * the window that is now, the end of the period, and a text for each other
 * gateway, of numbers: version, window, requests, tokens, in flight, reserved,
 * spent, end of the period, when it was written, and two that say to the
 * gateway itself what it knows of that: its own window, and the life of its
 * memory.  "own " and such a text is what we have told ourselves: it is not
 * known here and was kept.
 */

#ifndef _NGX_LITELLM_SHARE_H_INCLUDED_
#define _NGX_LITELLM_SHARE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_money.h"
#include "ngx_litellm_resp.h"


/* what was in flight is not any more if nothing was heard for so long: ms */
#define NGX_LITELLM_SHARE_STALE  120000


/* of one account, of all others */
typedef struct {
    uint64_t                   window;    /* 0: there is none now */
    int64_t                    age;       /* of it, ms */
    int64_t                    requests;
    int64_t                    tokens;
    int64_t                    inflight;
    int64_t                    spend;     /* and reserved */
    int64_t                    reserved;  /* of that */
    int64_t                    ends;

    ngx_uint_t                 own;       /* there is what we know not */
    uint64_t                   own_window;
    int64_t                    own_requests;
    int64_t                    own_tokens;
    int64_t                    own_spend;
    int64_t                    own_ends;
    uint32_t                   own_serial;
    uint32_t                   own_boot;
} ngx_litellm_share_t;


/* what a server holds; none of it is below 0 */
typedef struct {
    int64_t                    now;       /* of its clock, ms */
    int64_t                    data;      /* when it began with nothing */
    int64_t                    lost;      /* when somebody knew of other data
                                             or of more calls; 0: never */
    int64_t                    calls;     /* of the script, with this data */
} ngx_litellm_share_data_t;


/* shares[] of n accounts; NGX_ERROR: that is no such reply */
ngx_int_t ngx_litellm_share_read(ngx_litellm_resp_t *reply,
    ngx_litellm_share_data_t *data, ngx_litellm_share_t *shares,
    ngx_uint_t n);


/* figures of which one or the other may be below 0; they saturate */
static ngx_inline int64_t
ngx_litellm_share_add(int64_t a, int64_t b)
{
    if (b >= 0) {
        return (a > NGX_LITELLM_MONEY_MAX - b) ? NGX_LITELLM_MONEY_MAX : a + b;
    }

    return (a < -NGX_LITELLM_MONEY_MAX - b) ? -NGX_LITELLM_MONEY_MAX : a + b;
}


#endif /* _NGX_LITELLM_SHARE_H_INCLUDED_ */
