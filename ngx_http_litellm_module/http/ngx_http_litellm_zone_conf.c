
/*
 * What the configuration says of the shared zone: its name and size, or how
 * large it is by default, its state file, the window of limits.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_zone.h"
#include "ngx_http_litellm_state_file.h"


#define NGX_HTTP_LITELLM_ZONE_SIZE     (8 * 1024 * 1024)

/* of limits, in ms */
#define NGX_HTTP_LITELLM_WINDOW        60000
#define NGX_HTTP_LITELLM_WINDOW_MIN    1000
#define NGX_HTTP_LITELLM_WINDOW_MAX    (24 * 3600 * 1000)

/* the shortest interval of a state file */
#define NGX_HTTP_LITELLM_ZONE_INTERVAL 100

/*
 * Of a deployment: a slab of 256 bytes for its probe, one of 512 for its state
 * and one for that of the configuration before; what workers have in flight;
 * what the pages lose.
 */
#define NGX_HTTP_LITELLM_ZONE_ENTRY    2048


static char *ngx_http_litellm_zone_params(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf);
static ngx_int_t ngx_http_litellm_zone_window(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf);
static void ngx_http_litellm_zone_tell(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf);


char *
ngx_http_litellm_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_litellm_main_conf_t *mcf = conf;

    u_char     *p, *last;
    ssize_t     size;
    ngx_str_t  *value, name, s;

    if (mcf->zone != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strncmp(value[1].data, "zone=", 5) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", expected "
                           "\"zone=name:size\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    name.data = value[1].data + 5;
    last = value[1].data + value[1].len;

    p = ngx_strlchr(name.data, last, ':');

    if (p == NULL || p == name.data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\", expected "
                           "\"zone=name:size\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    name.len = p - name.data;

    s.data = p + 1;
    s.len = last - s.data;

    size = ngx_parse_size(&s);

    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (size < (ssize_t) (8 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_litellm_zone_add(cf, mcf, &name, size) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_litellm_zone_params(cf, mcf);
}


static char *
ngx_http_litellm_zone_params(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf)
{
    ngx_int_t   interval;
    ngx_str_t  *value, s;
    ngx_uint_t  i;

    value = cf->args->elts;
    interval = 0;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "state=", 6) == 0
            && mcf->state == NULL)
        {
            s.data = value[i].data + 6;
            s.len = value[i].len - 6;

            mcf->state = ngx_http_litellm_state_file(cf, &s);
            if (mcf->state == NULL) {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "interval=", 9) == 0
            && interval == 0)
        {
            s.data = value[i].data + 9;
            s.len = value[i].len - 9;

            interval = ngx_parse_time(&s, 0);

            if (interval != NGX_ERROR
                && interval >= NGX_HTTP_LITELLM_ZONE_INTERVAL)
            {
                continue;
            }
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", expected \"state=file\" "
                           "or \"interval=time\", of 100ms or more",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    if (interval && mcf->state == NULL) {
        return "has an interval, but no state file";
    }

    if (interval) {
        mcf->state->interval = interval;
    }

    return NGX_CONF_OK;
}


/*
 * Big enough for every deployment, and a power of two: a few more of them in
 * the next configuration do not change it, so that a reload keeps the data.
 */

ngx_int_t
ngx_http_litellm_zone_default(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf)
{
    size_t                    size;
    ngx_uint_t                i, n;
    ngx_http_litellm_file_t  *file;

    static ngx_str_t  name = ngx_string("litellm");

    if (ngx_http_litellm_zone_window(cf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (mcf->state != NULL
        && ngx_http_litellm_state_file_init(cf, mcf->state, mcf->zone)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (mcf->zone != NULL) {
        ngx_http_litellm_zone_tell(cf, mcf);
        return NGX_OK;
    }

    n = 0;
    file = mcf->files.elts;

    for (i = 0; i < mcf->files.nelts; i++) {
        if (file[i].config != NULL) {
            n += file[i].config->deployments.nelts;
        }
    }

    size = NGX_HTTP_LITELLM_ZONE_SIZE;

    while (size / NGX_HTTP_LITELLM_ZONE_ENTRY < n) {
        size *= 2;
    }

    if (ngx_http_litellm_zone_add(cf, mcf, &name, size) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_litellm_zone_tell(cf, mcf);

    return NGX_OK;
}


/* is there room for everybody whose requests are counted?  Also without one:
   the API makes keys, and end users come by themselves */

static void
ngx_http_litellm_zone_tell(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf)
{
    size_t                    each;
    ngx_uint_t                i, n, kind, accounts, level;
    ngx_http_litellm_file_t  *file;

    n = 0;
    file = mcf->files.elts;

    for (i = 0; i < mcf->files.nelts; i++) {

        if (file[i].config == NULL) {
            continue;
        }

        for (kind = 0; kind < NGX_LITELLM_PRINCIPALS; kind++) {
            n += file[i].config->principals[kind].list.nelts;
        }
    }

    accounts = ngx_http_litellm_ledger_holds(mcf->zone->shm.size, &each);
    level = (accounts < n) ? NGX_LOG_WARN : NGX_LOG_NOTICE;

    if (level == NGX_LOG_NOTICE && ngx_test_config && !ngx_quiet_mode) {

        /* who tests sees warnings only, whatever goes to the log */

        ngx_log_stderr(0, "litellm_zone \"%V\" holds %ui accounts of %uz "
                       "bytes, for %ui keys, teams and users of the "
                       "configuration", &mcf->zone->shm.name, accounts, each,
                       n);
        return;
    }

    ngx_conf_log_error(level, cf, 0,
                       "litellm_zone \"%V\" holds %ui accounts of %uz bytes, "
                       "for %ui keys, teams and users of the configuration%s",
                       &mcf->zone->shm.name, accounts, each, n,
                       (accounts < n) ? ": make it larger" : "");
}


char *
ngx_http_litellm_limit_window(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_litellm_main_conf_t *mcf = conf;

    ngx_int_t   time;
    ngx_str_t  *value;

    if (mcf->limit_set) {
        return "is duplicate";
    }

    mcf->limit_set = 1;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "sliding") == 0) {
        mcf->limit_sliding = 1;

    } else if (ngx_strcmp(value[1].data, "fixed") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid window \"%V\", expected \"fixed\" or "
                           "\"sliding\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts < 3) {
        return NGX_CONF_OK;
    }

    time = ngx_parse_time(&value[2], 0);

    if (time == NGX_ERROR
        || time < NGX_HTTP_LITELLM_WINDOW_MIN
        || time > NGX_HTTP_LITELLM_WINDOW_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\" of a window, expected 1s to "
                           "1d", &value[2]);
        return NGX_CONF_ERROR;
    }

    mcf->limit_window = time;

    return NGX_CONF_OK;
}


/* LiteLLM's variable, in seconds; it outlives a binary upgrade */

static ngx_int_t
ngx_http_litellm_zone_window(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf)
{
    ngx_int_t         n;
    ngx_str_t         value, *env;
    ngx_core_conf_t  *ccf;

    static ngx_str_t  name = ngx_string("LITELLM_RATE_LIMIT_WINDOW_SIZE");

    if (mcf->limit_window != 0) {
        return NGX_OK;
    }

    mcf->limit_window = NGX_HTTP_LITELLM_WINDOW;

    n = ngx_http_litellm_read_env(cf, &name, &value);

    if (n != NGX_OK) {
        return (n == NGX_ERROR) ? NGX_ERROR : NGX_OK;
    }

    n = ngx_atoi(value.data, value.len);

    if (n < NGX_HTTP_LITELLM_WINDOW_MIN / 1000
        || n > NGX_HTTP_LITELLM_WINDOW_MAX / 1000)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "environment variable \"%V\": expected seconds, 1 to "
                      "86400", &name);
        return NGX_ERROR;
    }

    mcf->limit_window = (ngx_msec_t) n * 1000;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);

    env = ngx_array_push(&ccf->env);
    if (env == NULL) {
        return NGX_ERROR;
    }

    *env = name;

    return NGX_OK;
}
