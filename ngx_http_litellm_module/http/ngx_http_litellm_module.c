
/*
 * The module's tables: directives, phases, start-up.  No logic: what a
 * directive does is in ngx_http_litellm_conf.c, what a request does begins in
 * ngx_http_litellm_handler.c.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_background.h"
#include "ngx_http_litellm_cache_zone.h"
#include "ngx_http_litellm_state.h"
#include "ngx_http_litellm_cost.h"
#include "ngx_http_litellm_redis.h"
#include "ngx_http_litellm_metrics.h"
#include "ngx_http_litellm_status.h"
#include "ngx_http_litellm_cache_redis.h"


static char *ngx_http_litellm(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_http_litellm_env_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_litellm_stream_keepalive(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_litellm_fetch_cidrs(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_litellm_fetch_ports(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_litellm_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_litellm_init_process(ngx_cycle_t *cycle);
static void ngx_http_litellm_exit_process(ngx_cycle_t *cycle);
static void ngx_http_litellm_exit_master(ngx_cycle_t *cycle);


static ngx_conf_enum_t  ngx_http_litellm_direct_modes[] = {
    { ngx_string("off"), NGX_LITELLM_DIRECT_OFF },
    { ngx_string("on"), NGX_LITELLM_DIRECT_ON },
    { ngx_string("auto"), NGX_LITELLM_DIRECT_AUTO },
    { ngx_null_string, 0 }
};


static ngx_conf_bitmask_t  ngx_http_litellm_next_upstream_masks[] = {
    { ngx_string("error"), NGX_HTTP_UPSTREAM_FT_ERROR },
    { ngx_string("timeout"), NGX_HTTP_UPSTREAM_FT_TIMEOUT },
    { ngx_string("invalid_header"), NGX_HTTP_UPSTREAM_FT_INVALID_HEADER },
    { ngx_string("non_idempotent"), NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT },
    { ngx_string("http_500"), NGX_HTTP_UPSTREAM_FT_HTTP_500 },
    { ngx_string("http_502"), NGX_HTTP_UPSTREAM_FT_HTTP_502 },
    { ngx_string("http_503"), NGX_HTTP_UPSTREAM_FT_HTTP_503 },
    { ngx_string("http_504"), NGX_HTTP_UPSTREAM_FT_HTTP_504 },
    { ngx_string("http_403"), NGX_HTTP_UPSTREAM_FT_HTTP_403 },
    { ngx_string("http_404"), NGX_HTTP_UPSTREAM_FT_HTTP_404 },
    { ngx_string("http_429"), NGX_HTTP_UPSTREAM_FT_HTTP_429 },
    { ngx_string("off"), NGX_HTTP_UPSTREAM_FT_OFF },
    { ngx_null_string, 0 }
};


#if (NGX_HTTP_SSL)

static ngx_conf_bitmask_t  ngx_http_litellm_log_contents[] = {
    { ngx_string("off"), NGX_HTTP_LITELLM_LOG_OFF },
    { ngx_string("request"), NGX_HTTP_LITELLM_LOG_REQUEST },
    { ngx_string("response"), NGX_HTTP_LITELLM_LOG_RESPONSE },
    { ngx_null_string, 0 }
};


static ngx_conf_bitmask_t  ngx_http_litellm_redactions[] = {
    { ngx_string("off"), NGX_LITELLM_REDACT_OFF },
    { ngx_string("secrets"), NGX_LITELLM_REDACT_SECRETS },
    { ngx_string("emails"), NGX_LITELLM_REDACT_EMAILS },
    { ngx_string("cards"), NGX_LITELLM_REDACT_CARDS },
    { ngx_null_string, 0 }
};


static ngx_conf_bitmask_t  ngx_http_litellm_ssl_protocols[] = {
    { ngx_string("TLSv1"), NGX_SSL_TLSv1 },
    { ngx_string("TLSv1.1"), NGX_SSL_TLSv1_1 },
    { ngx_string("TLSv1.2"), NGX_SSL_TLSv1_2 },
    { ngx_string("TLSv1.3"), NGX_SSL_TLSv1_3 },
    { ngx_null_string, 0 }
};

#endif


static ngx_conf_num_bounds_t  ngx_http_litellm_positive = {
    ngx_conf_check_num_bounds, 1, 100000
};


#define NGX_HTTP_LITELLM_CONF                                                 \
    NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF


static ngx_command_t  ngx_http_litellm_commands[] = {

    { ngx_string("litellm"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_litellm,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_litellm_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_config"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, config_path),
      NULL },

    { ngx_string("litellm_direct"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, direct),
      &ngx_http_litellm_direct_modes },

    { ngx_string("litellm_keys"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_http_litellm_keys,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_principal"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE23,
      ngx_http_litellm_principal,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_env_file"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_litellm_env_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_price_map"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_litellm_price_map,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE123,
      ngx_http_litellm_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_cache_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_litellm_cache_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_metrics_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_litellm_metrics_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_litellm_metrics_location,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_litellm_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_redis_limits"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_litellm_redis_limits,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_redis_keys"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
#if (NGX_LITELLM_HAVE_HIREDIS)
      ngx_conf_set_flag_slot,
#else
      ngx_http_litellm_redis_limits,
#endif
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_litellm_main_conf_t, redis_keys),
      NULL },

    { ngx_string("litellm_limit_window"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_litellm_limit_window,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_max_body_size"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, max_body_size),
      NULL },

    { ngx_string("litellm_body_buffer_size"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, body_buffer_size),
      NULL },

    { ngx_string("litellm_buffer_size"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, buffer_size),
      NULL },

    { ngx_string("litellm_max_response_size"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, max_response_size),
      NULL },

    { ngx_string("litellm_max_event_size"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, max_event_size),
      NULL },

    { ngx_string("litellm_hold_size"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, hold_size),
      NULL },

    { ngx_string("litellm_connect_timeout"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, connect_timeout),
      NULL },

    { ngx_string("litellm_send_timeout"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, send_timeout),
      NULL },

    { ngx_string("litellm_read_timeout"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, read_timeout),
      NULL },

    { ngx_string("litellm_stream_idle_timeout"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, stream_idle_timeout),
      NULL },

    { ngx_string("litellm_stream_keepalive"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE12,
      ngx_http_litellm_stream_keepalive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_stream_continue"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, stream_continue),
      NULL },

    { ngx_string("litellm_stream_continue_size"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, stream_continue_size),
      NULL },

    { ngx_string("litellm_log_content"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE12,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, log_content),
      &ngx_http_litellm_log_contents },

    { ngx_string("litellm_log_content_size"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, log_content_size),
      NULL },

    { ngx_string("litellm_log_redact"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, log_redact),
      &ngx_http_litellm_redactions },

    { ngx_string("litellm_trace_context"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, trace_context),
      NULL },

    { ngx_string("litellm_hedge"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_1MORE,
      ngx_http_litellm_hedge,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_socket_keepalive"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, socket_keepalive),
      NULL },

    { ngx_string("litellm_next_upstream"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, next_upstream),
      &ngx_http_litellm_next_upstream_masks },

    { ngx_string("litellm_next_upstream_tries"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, next_upstream_tries),
      NULL },

    { ngx_string("litellm_next_upstream_timeout"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, next_upstream_timeout),
      NULL },

    { ngx_string("litellm_cache"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_http_litellm_cache_switch,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_cache_valid"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, cache_set.valid),
      NULL },

    { ngx_string("litellm_cache_scope"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_1MORE,
      ngx_http_litellm_cache_scope_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_cache_max_response_size"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, cache_set.max_size),
      NULL },

    { ngx_string("litellm_cache_redis"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE12,
      ngx_http_litellm_cache_redis_switch,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("litellm_cache_bypass"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_1MORE,
      ngx_http_set_predicate_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, cache_set.bypass),
      NULL },

    { ngx_string("litellm_no_cache"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_1MORE,
      ngx_http_set_predicate_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, cache_set.no_store),
      NULL },

    { ngx_string("litellm_cache_lock"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, cache_set.lock),
      NULL },

    { ngx_string("litellm_cache_lock_age"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, cache_set.lock_age),
      NULL },

    { ngx_string("litellm_cache_lock_timeout"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, cache_set.lock_timeout),
      NULL },

    { ngx_string("litellm_limit_dry_run"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, limit_dry_run),
      NULL },

    { ngx_string("litellm_keepalive"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, keepalive),
      NULL },

    { ngx_string("litellm_keepalive_requests"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, keepalive_requests),
      NULL },

    { ngx_string("litellm_keepalive_timeout"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, keepalive_timeout),
      NULL },

    { ngx_string("litellm_resolve_valid"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, resolve_valid),
      NULL },

    { ngx_string("litellm_health_timeout"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, health_timeout),
      NULL },

    { ngx_string("litellm_health_valid"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, health_valid),
      NULL },

    { ngx_string("litellm_health_parallel"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, health_parallel),
      &ngx_http_litellm_positive },

    { ngx_string("litellm_fetch"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, fetch),
      NULL },

    { ngx_string("litellm_fetch_max_size"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, fetch_max_size),
      NULL },

    { ngx_string("litellm_fetch_timeout"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, fetch_timeout),
      NULL },

    { ngx_string("litellm_fetch_allow"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_1MORE,
      ngx_http_litellm_fetch_cidrs,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, fetch_guard.allow),
      NULL },

    { ngx_string("litellm_fetch_deny"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_1MORE,
      ngx_http_litellm_fetch_cidrs,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, fetch_guard.deny),
      NULL },

    { ngx_string("litellm_fetch_ports"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_1MORE,
      ngx_http_litellm_fetch_ports,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

#if (NGX_HTTP_SSL)

    { ngx_string("litellm_ssl_protocols"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, ssl_protocols),
      &ngx_http_litellm_ssl_protocols },

    { ngx_string("litellm_ssl_ciphers"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, ssl_ciphers),
      NULL },

    { ngx_string("litellm_ssl_verify"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, ssl_verify),
      NULL },

    { ngx_string("litellm_ssl_verify_depth"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, ssl_verify_depth),
      NULL },

    { ngx_string("litellm_ssl_trusted_certificate"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, ssl_trusted_certificate),
      NULL },

    { ngx_string("litellm_ssl_crl"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, ssl_crl),
      NULL },

    { ngx_string("litellm_ssl_session_reuse"),
      NGX_HTTP_LITELLM_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_litellm_loc_conf_t, ssl_session_reuse),
      NULL },

#endif

      ngx_null_command
};


static ngx_http_module_t  ngx_http_litellm_module_ctx = {
    ngx_http_litellm_add_variables,        /* preconfiguration */
    ngx_http_litellm_init,                 /* postconfiguration */

    ngx_http_litellm_create_main_conf,     /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_litellm_create_loc_conf,      /* create location configuration */
    ngx_http_litellm_merge_loc_conf        /* merge location configuration */
};


ngx_module_t  ngx_http_litellm_module = {
    NGX_MODULE_V1,
    &ngx_http_litellm_module_ctx,          /* module context */
    ngx_http_litellm_commands,             /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_litellm_init_process,         /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_litellm_exit_process,         /* exit process */
    ngx_http_litellm_exit_master,          /* exit master */
    NGX_MODULE_V1_PADDING
};


static char *
ngx_http_litellm(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_litellm_loc_conf_t *lcf = conf;

    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_litellm_main_conf_t  *mcf;

    if (lcf->enable != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    lcf->enable = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_litellm_handler;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_litellm_module);
    mcf->used = 1;

    return NGX_CONF_OK;
}


static char *
ngx_http_litellm_env_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_litellm_main_conf_t *mcf = conf;

    ngx_str_t  *value, *file;

    value = cf->args->elts;

    file = ngx_array_push(&mcf->env_files);
    if (file == NULL) {
        return NGX_CONF_ERROR;
    }

    *file = value[1];

    if (ngx_conf_full_name(cf->cycle, file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_litellm_stream_keepalive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_litellm_loc_conf_t *lcf = conf;

    ngx_str_t  *value;

    if (lcf->stream_keepalive != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    lcf->stream_keepalive = ngx_parse_time(&value[1], 0);

    if (lcf->stream_keepalive == (ngx_msec_t) NGX_ERROR) {
        return "invalid value";
    }

    lcf->stream_keepalive_early = 0;

    if (cf->args->nelts == 3) {

        if (value[2].len != 5 || ngx_strncmp(value[2].data, "early", 5) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        lcf->stream_keepalive_early = 1;
    }

    return NGX_CONF_OK;
}


/* litellm_fetch_allow, litellm_fetch_deny */

static char *
ngx_http_litellm_fetch_cidrs(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_int_t      rc;
    ngx_str_t     *value;
    ngx_uint_t     i;
    ngx_array_t  **cidrs;

    cidrs = (ngx_array_t **) (p + cmd->offset);

    if (*cidrs == NGX_CONF_UNSET_PTR) {
        *cidrs = ngx_array_create(cf->pool, 4, sizeof(ngx_cidr_t));
        if (*cidrs == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        rc = ngx_litellm_guard_add(*cidrs, &value[i]);

        if (rc == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }

        if (rc == NGX_DECLINED) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" in \"%V\" is neither \"private\" nor "
                               "an address or network", &value[i], &cmd->name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_litellm_fetch_ports(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_litellm_loc_conf_t *lcf = conf;

    in_port_t    *port;
    ngx_int_t     n;
    ngx_str_t    *value;
    ngx_uint_t    i;

    if (lcf->fetch_guard.ports != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    lcf->fetch_guard.ports = ngx_array_create(cf->pool, 2, sizeof(in_port_t));
    if (lcf->fetch_guard.ports == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        n = ngx_atoi(value[i].data, value[i].len);

        if (n < 1 || n > 65535) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid port \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        port = ngx_array_push(lcf->fetch_guard.ports);
        if (port == NULL) {
            return NGX_CONF_ERROR;
        }

        *port = (in_port_t) n;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_litellm_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt           *h;
    ngx_http_core_main_conf_t     *cmcf;
    ngx_http_litellm_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_litellm_module);

    if (!mcf->used) {
        return NGX_OK;
    }

    if (ngx_http_litellm_zone_default(cf, mcf) != NGX_OK
        || ngx_http_litellm_metrics_init(cf, mcf) != NGX_OK
        || ngx_http_litellm_cache_redis_init(cf, mcf) != NGX_OK
        || ngx_http_litellm_redis_init(cf, mcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_litellm_access_handler;

    if (mcf->metrics != NULL) {
        h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = ngx_http_litellm_metrics_log;
    }

    return ngx_http_litellm_errorpage_init(cf);
}


static ngx_int_t
ngx_http_litellm_init_process(ngx_cycle_t *cycle)
{
    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        /* the cache manager asks no provider anything */

        return NGX_OK;
    }

    if (ngx_http_litellm_zone_enter(cycle) != NGX_OK
        || ngx_http_litellm_redis_enter(cycle) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_litellm_cache_enter(cycle);
    ngx_http_litellm_metrics_enter(cycle);
    ngx_http_litellm_checks_init(cycle);

    return NGX_OK;
}


static void
ngx_http_litellm_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_litellm_checks_exit(cycle);
    ngx_http_litellm_tokens_exit();
    ngx_http_litellm_background_exit();
    ngx_http_litellm_redis_leave(cycle);
    ngx_http_litellm_origins_exit(cycle);
    ngx_http_litellm_cache_leave(cycle);
    ngx_http_litellm_metrics_leave(cycle);
    ngx_http_litellm_zone_leave(cycle);
}


static void
ngx_http_litellm_exit_master(ngx_cycle_t *cycle)
{
    ngx_http_litellm_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_litellm_module);

    if (mcf != NULL && mcf->state != NULL && mcf->state->zone != NULL) {
        ngx_http_litellm_state_file_exit(mcf->state, cycle->log);
    }
}
