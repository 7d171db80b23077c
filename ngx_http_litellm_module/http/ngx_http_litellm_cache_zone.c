
/*
 * The cache zone of nginx: its directive, its memory over reloads, the workers
 * that begin and leave, and the timer that drops what is of no use and gives
 * back what dead workers have pinned.  What is in a zone belongs to
 * ngx_http_litellm_cache_block.c, .._entry.c and .._pin.c.
 *
 * There may be several zones; nginx's list of them is the only one.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_cache_block.h"


#define NGX_HTTP_LITELLM_CACHE_MIN    (1024 * 1024)

/* of the timer, in ms, and how many holds of the lock it may take */
#define NGX_HTTP_LITELLM_CACHE_TICK   1000
#define NGX_HTTP_LITELLM_CACHE_HOLDS  64


static ngx_int_t ngx_http_litellm_cache_init(ngx_shm_zone_t *zone, void *data);
static void ngx_http_litellm_cache_timer(ngx_event_t *ev);


/* what tells its zones from those of litellm_zone; the value says nothing */
static ngx_uint_t        ngx_http_litellm_cache_tag;

/* of this worker */
static ngx_event_t       ngx_http_litellm_cache_event;
static ngx_connection_t  ngx_http_litellm_cache_dumb;


char *
ngx_http_litellm_cache_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_litellm_main_conf_t *mcf = conf;

    u_char                    *p;
    ssize_t                    size;
    ngx_str_t                 *value, name, s;
    ngx_shm_zone_t            *zone;
    ngx_http_litellm_cache_t  *c;

    value = cf->args->elts;

    if (ngx_strncmp(value[1].data, "zone=", 5) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", expected "
                           "\"zone=name:size\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    name.data = value[1].data + 5;

    p = (u_char *) ngx_strchr(name.data, ':');

    if (p == NULL || p == name.data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\", expected "
                           "\"zone=name:size\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    name.len = p - name.data;

    s.data = p + 1;
    s.len = value[1].data + value[1].len - s.data;

    size = ngx_parse_size(&s);

    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (size < NGX_HTTP_LITELLM_CACHE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small, expected 1m at least",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    zone = ngx_http_litellm_cache_zone_add(cf, &name, size);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    c = zone->data;

    if (c->declared) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate zone \"%V\"",
                           &name);
        return NGX_CONF_ERROR;
    }

    c->declared = 1;

    if (mcf->cache_zone == NULL) {
        mcf->cache_zone = zone;
    }

    return NGX_CONF_OK;
}


ngx_shm_zone_t *
ngx_http_litellm_cache_zone_add(ngx_conf_t *cf, ngx_str_t *name, size_t size)
{
    ngx_shm_zone_t            *zone;
    ngx_http_litellm_cache_t  *c;

    zone = ngx_shared_memory_add(cf, name, size, &ngx_http_litellm_cache_tag);

    if (zone == NULL || zone->data != NULL) {
        return zone;
    }

    c = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_cache_t));
    if (c == NULL) {
        return NULL;
    }

    zone->init = ngx_http_litellm_cache_init;
    zone->data = c;

    return zone;
}


static ngx_int_t
ngx_http_litellm_cache_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_http_litellm_cache_t  *old = data;

    size_t                     len;
    ngx_http_litellm_cache_t  *c;

    c = zone->data;

    /* nginx keeps the memory of a zone of the same name, size and tag */

    c->shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (old || zone->shm.exists) {
        c->sh = c->shpool->data;

        if (ngx_http_litellm_cache_adopt(c) != NGX_OK) {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "litellm_cache_zone \"%V\" was made by another "
                          "version of the module: give it another name, or "
                          "restart nginx", &zone->shm.name);
            return NGX_ERROR;
        }

        if (old) {
            c->index = old->index;
            c->entered = old->entered;
        }

        return NGX_OK;
    }

    len = sizeof(" in litellm_cache_zone \"\"") + zone->shm.name.len;

    c->shpool->log_ctx = ngx_slab_alloc(c->shpool, len);
    if (c->shpool->log_ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(c->shpool->log_ctx, " in litellm_cache_zone \"%V\"%Z",
                &zone->shm.name);

    return ngx_http_litellm_cache_make(c);
}


ngx_shm_zone_t *
ngx_http_litellm_cache_next(ngx_cycle_t *cycle, ngx_list_part_t **part,
    ngx_uint_t *i)
{
    ngx_shm_zone_t  *zone;

    if (*part == NULL) {
        *part = &cycle->shared_memory.part;
        *i = 0;
    }

    for ( ;; ) {

        if (*i >= (*part)->nelts) {

            if ((*part)->next == NULL) {
                return NULL;
            }

            *part = (*part)->next;
            *i = 0;
            continue;
        }

        zone = (ngx_shm_zone_t *) (*part)->elts + (*i)++;

        if (zone->tag == &ngx_http_litellm_cache_tag) {
            return zone;
        }
    }
}


void
ngx_http_litellm_cache_enter(ngx_cycle_t *cycle)
{
    ngx_uint_t        i, n;
    ngx_event_t      *ev;
    ngx_shm_zone_t   *zone;
    ngx_list_part_t  *part;

    part = NULL;
    n = 0;

    while ((zone = ngx_http_litellm_cache_next(cycle, &part, &i)) != NULL) {
        ngx_http_litellm_cache_begin(zone->data, ngx_worker);
        n++;
    }

    if (n == 0) {
        return;
    }

    ev = &ngx_http_litellm_cache_event;

    /* the log of timers wants a descriptor */

    ngx_http_litellm_cache_dumb.fd = (ngx_socket_t) -1;

    ev->data = &ngx_http_litellm_cache_dumb;
    ev->handler = ngx_http_litellm_cache_timer;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_LITELLM_CACHE_TICK);
}


static void
ngx_http_litellm_cache_timer(ngx_event_t *ev)
{
    ngx_uint_t        i;
    ngx_cycle_t      *cycle;
    ngx_shm_zone_t   *zone;
    ngx_list_part_t  *part;

    part = NULL;

    /* not the cycle that it began with: without a master that one may end */

    cycle = (ngx_cycle_t *) ngx_cycle;

    while ((zone = ngx_http_litellm_cache_next(cycle, &part, &i)) != NULL) {

        ngx_http_litellm_cache_bury(zone->data);

        (void) ngx_http_litellm_cache_drop(zone->data,
                                           NGX_HTTP_LITELLM_CACHE_HOLDS);
    }

    ngx_add_timer(ev, NGX_HTTP_LITELLM_CACHE_TICK);
}


void
ngx_http_litellm_cache_leave(ngx_cycle_t *cycle)
{
    ngx_uint_t        i;
    ngx_shm_zone_t   *zone;
    ngx_list_part_t  *part;

    if (ngx_http_litellm_cache_event.timer_set) {
        ngx_del_timer(&ngx_http_litellm_cache_event);
    }

    part = NULL;

    while ((zone = ngx_http_litellm_cache_next(cycle, &part, &i)) != NULL) {
        ngx_http_litellm_cache_part(zone->data);
    }
}
