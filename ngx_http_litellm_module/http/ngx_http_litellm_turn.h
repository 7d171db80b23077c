
/*
 * A request that does its work in turns of the event loop.  An event that is
 * posted alone does not hold a worker that leaves: it goes when it has no
 * timers left, and with it the request.  So each turn has a timer beside it,
 * which never comes to its end.
 */

#ifndef _NGX_HTTP_LITELLM_TURN_H_INCLUDED_
#define _NGX_HTTP_LITELLM_TURN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


#define NGX_HTTP_LITELLM_TURN  60000


/* the handler is called in the next turn; it first calls .._turn_end() */

static ngx_inline void
ngx_http_litellm_turn_begin(ngx_event_t *ev)
{
    ngx_post_event(ev, &ngx_posted_next_events);
    ngx_add_timer(ev, NGX_HTTP_LITELLM_TURN);
}


/* also of one that is not to come */

static ngx_inline void
ngx_http_litellm_turn_end(ngx_event_t *ev)
{
    if (ev->posted) {
        ngx_delete_posted_event(ev);
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }
}


#endif /* _NGX_HTTP_LITELLM_TURN_H_INCLUDED_ */
