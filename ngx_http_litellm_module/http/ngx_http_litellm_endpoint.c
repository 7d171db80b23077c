
/*
 * Where requests go: each scheme, host and port that deployments name is one
 * endpoint, shared by all locations; its upstream is a declared group of that
 * name or an origin of our own.  Each location has settings of its own for
 * each endpoint.  Runs at configuration time only.
 */

#include "ngx_http_litellm.h"


#if (NGX_HTTP_SSL)

/* where distributions keep their bundle of trusted certificates */
static const char  *ngx_http_litellm_bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
    NULL
};

#endif


static ngx_http_litellm_endpoint_t *ngx_http_litellm_endpoint(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_http_litellm_loc_conf_t *lcf,
    ngx_litellm_url_t *url, ngx_litellm_deployment_t *d);
static ngx_http_upstream_srv_conf_t *ngx_http_litellm_declared(ngx_conf_t *cf,
    ngx_str_t *host);
static ngx_int_t ngx_http_litellm_upstream_conf(ngx_conf_t *cf,
    ngx_http_litellm_loc_conf_t *lcf, ngx_http_litellm_endpoint_t *e);
static void ngx_http_litellm_upstream_fill(ngx_http_litellm_loc_conf_t *lcf,
    ngx_http_upstream_conf_t *u);
static void ngx_http_litellm_origin_settings(ngx_conf_t *cf,
    ngx_http_litellm_loc_conf_t *lcf, ngx_http_litellm_origin_conf_t *conf);
#if (NGX_HTTP_SSL)
static ngx_int_t ngx_http_litellm_set_ssl(ngx_conf_t *cf,
    ngx_http_litellm_loc_conf_t *lcf);
#endif


ngx_int_t
ngx_http_litellm_endpoints(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf,
    ngx_http_litellm_loc_conf_t *lcf)
{
    ngx_uint_t                    i;
    ngx_litellm_credential_t     *c;
    ngx_litellm_deployment_t    **d;
    ngx_http_litellm_endpoint_t  *e;

    d = lcf->config->deployments.elts;

    for (i = 0; i < lcf->config->deployments.nelts; i++) {

        if (d[i]->http != NULL || d[i]->mock || d[i]->provider == NULL
            || d[i]->url.host.len == 0)
        {
            continue;
        }

        d[i]->http = ngx_http_litellm_endpoint(cf, mcf, lcf, &d[i]->url,
                                               d[i]);
        if (d[i]->http == NULL) {
            return NGX_ERROR;
        }

        if (d[i]->alt.host.len) {
            d[i]->http_alt = ngx_http_litellm_endpoint(cf, mcf, lcf,
                                                       &d[i]->alt, d[i]);
            if (d[i]->http_alt == NULL) {
                return NGX_ERROR;
            }
        }

        c = d[i]->credential;

        if (c != NULL && c->http == NULL) {
            e = ngx_http_litellm_endpoint(cf, mcf, lcf, &c->url, d[i]);

            if (e == NULL
                || ngx_http_litellm_token_add(cf, mcf, lcf, c, e) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_http_litellm_endpoint_t *
ngx_http_litellm_endpoint(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf,
    ngx_http_litellm_loc_conf_t *lcf, ngx_litellm_url_t *url,
    ngx_litellm_deployment_t *d)
{
    u_char                          *p;
    uint32_t                         hash;
    ngx_str_t                        name;
    ngx_http_litellm_endpoint_t     *e;
    ngx_http_litellm_origin_conf_t   conf;

    name.data = ngx_pnalloc(cf->pool,
                            sizeof("https://[]:65535") + url->host.len);
    if (name.data == NULL) {
        return NULL;
    }

    p = ngx_sprintf(name.data, "%s://%V:%ui", url->tls ? "https" : "http",
                    &url->host, (ngx_uint_t) url->port);
    name.len = p - name.data;

    hash = ngx_crc32_long(name.data, name.len);

    e = (ngx_http_litellm_endpoint_t *)
            ngx_str_rbtree_lookup(&mcf->endpoints, &name, hash);
    if (e != NULL) {
        return e;
    }

#if !(NGX_HTTP_SSL)
    if (url->tls) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V\" of %V:%ui needs nginx with its SSL module",
                      &d->api_base, &d->file, d->line);
        return NULL;
    }
#endif

    e = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_endpoint_t));
    if (e == NULL) {
        return NULL;
    }

    e->sn.node.key = hash;
    e->sn.str = name;
    e->index = mcf->nendpoints++;
    e->url = *url;
    e->ssl_name.value = url->host;

    ngx_rbtree_insert(&mcf->endpoints, &e->sn.node);

    e->upstream = ngx_http_litellm_declared(cf, &url->host);

    if (e->upstream != NULL) {
        return e;
    }

    ngx_http_litellm_origin_settings(cf, lcf, &conf);

    e->origin = ngx_http_litellm_origin_add(cf, &mcf->origins, url, &conf);
    if (e->origin == NULL) {
        return NULL;
    }

    e->upstream = ngx_http_litellm_origin_upstream(e->origin);

    /* the engine cuts a port off: an IPv6 address needs its brackets */

    e->ssl_name.value = e->upstream->host;

    return e;
}


static void
ngx_http_litellm_origin_settings(ngx_conf_t *cf,
    ngx_http_litellm_loc_conf_t *lcf, ngx_http_litellm_origin_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ngx_memzero(conf, sizeof(ngx_http_litellm_origin_conf_t));

    conf->keepalive = lcf->keepalive;
    conf->keepalive_timeout = lcf->keepalive_timeout;
    conf->keepalive_requests = lcf->keepalive_requests;
    conf->resolve_valid = lcf->resolve_valid;
    conf->resolve_timeout = clcf->resolver_timeout;

    /* nginx makes an empty resolver where none was declared */

    if (clcf->resolver != NULL && clcf->resolver->connections.nelts) {
        conf->resolver = clcf->resolver;
    }
}


/* upstream NAME { ... } of that name; those that proxy_pass made don't count */

static ngx_http_upstream_srv_conf_t *
ngx_http_litellm_declared(ngx_conf_t *cf, ngx_str_t *host)
{
    ngx_uint_t                      i;
    ngx_http_upstream_srv_conf_t  **uscfp;
    ngx_http_upstream_main_conf_t  *umcf;

    umcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);
    uscfp = umcf->upstreams.elts;

    for (i = 0; i < umcf->upstreams.nelts; i++) {
        if ((uscfp[i]->flags & NGX_HTTP_UPSTREAM_CREATE)
            && uscfp[i]->host.len == host->len
            && ngx_strncasecmp(uscfp[i]->host.data, host->data, host->len)
               == 0)
        {
            return uscfp[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_litellm_upstreams(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf,
    ngx_http_litellm_loc_conf_t *lcf)
{
    ngx_uint_t                    i;
    ngx_litellm_deployment_t    **d;
    ngx_http_litellm_endpoint_t  *e;

    lcf->upstreams = ngx_pcalloc(cf->pool, (mcf->nendpoints + 1)
                                           * sizeof(ngx_http_upstream_conf_t));
    if (lcf->upstreams == NULL) {
        return NGX_ERROR;
    }

    d = lcf->config->deployments.elts;

    for (i = 0; i < lcf->config->deployments.nelts; i++) {

        if (ngx_http_litellm_upstream_conf(cf, lcf, d[i]->http) != NGX_OK
            || ngx_http_litellm_upstream_conf(cf, lcf, d[i]->http_alt)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (d[i]->http == NULL || d[i]->credential == NULL) {
            continue;
        }

        /* it is known already */

        e = ngx_http_litellm_endpoint(cf, mcf, lcf, &d[i]->credential->url,
                                      d[i]);

        if (e == NULL || ngx_http_litellm_upstream_conf(cf, lcf, e) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_upstream_conf(ngx_conf_t *cf,
    ngx_http_litellm_loc_conf_t *lcf, ngx_http_litellm_endpoint_t *e)
{
    ngx_http_upstream_conf_t  *u;

    if (e == NULL || lcf->upstreams[e->index].upstream != NULL) {
        return NGX_OK;
    }

    u = &lcf->upstreams[e->index];

    u->upstream = e->upstream;
    u->next_upstream = lcf->next_upstream;
    u->next_upstream_tries = lcf->next_upstream_tries;
    u->next_upstream_timeout = lcf->next_upstream_timeout;

    ngx_http_litellm_upstream_fill(lcf, u);

    if (e->origin != NULL && (u->next_upstream & NGX_HTTP_UPSTREAM_FT_ERROR)) {

        /*
         * An address that does not answer a connect: our origins repeat
         * nothing that was sent on a fresh connection.
         */

        u->next_upstream |= NGX_HTTP_UPSTREAM_FT_TIMEOUT;
    }

#if (NGX_HTTP_SSL)

    if (!e->url.tls) {
        return NGX_OK;
    }

    if (lcf->ssl->ctx == NULL && ngx_http_litellm_set_ssl(cf, lcf) != NGX_OK) {
        return NGX_ERROR;
    }

    u->ssl = lcf->ssl;
    u->ssl_name = &e->ssl_name;
    u->ssl_server_name = 1;
    u->ssl_verify = lcf->ssl_verify;
    u->ssl_session_reuse = lcf->ssl_session_reuse;

#endif

    return NGX_OK;
}


static void
ngx_http_litellm_upstream_fill(ngx_http_litellm_loc_conf_t *lcf,
    ngx_http_upstream_conf_t *u)
{
    u->connect_timeout = lcf->connect_timeout;
    u->send_timeout = lcf->send_timeout;
    u->read_timeout = lcf->read_timeout;
    u->buffer_size = lcf->buffer_size;
    u->socket_keepalive = lcf->socket_keepalive;
    u->pass_request_headers = 0;
    u->pass_request_body = 0;
    u->hide_headers = NGX_CONF_UNSET_PTR;
    u->pass_headers = NGX_CONF_UNSET_PTR;
    ngx_str_set(&u->module, "litellm");

    /* what a provider says to nginx in X-Accel headers is not obeyed */

    u->ignore_headers = ~(ngx_uint_t) 0;
}


/* for hosts that clients name: their own part is added for each */

ngx_int_t
ngx_http_litellm_fetch_conf(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf,
    ngx_http_litellm_loc_conf_t *lcf)
{
    ngx_http_upstream_conf_t        *u;
    ngx_http_litellm_origin_conf_t   conf;

    if (!lcf->fetch) {
        return NGX_OK;
    }

    u = ngx_pcalloc(cf->pool, sizeof(ngx_http_upstream_conf_t));
    if (u == NULL) {
        return NGX_ERROR;
    }

    ngx_http_litellm_upstream_fill(lcf, u);

    u->next_upstream = NGX_CONF_BITMASK_SET|NGX_HTTP_UPSTREAM_FT_ERROR
                       |NGX_HTTP_UPSTREAM_FT_TIMEOUT;

#if (NGX_HTTP_SSL)

    if (lcf->ssl->ctx == NULL && ngx_http_litellm_set_ssl(cf, lcf) != NGX_OK) {
        return NGX_ERROR;
    }

    /* the name is the upstream's host */

    u->ssl = lcf->ssl;
    u->ssl_server_name = 1;
    u->ssl_verify = 1;

#endif

    ngx_http_litellm_origin_settings(cf, lcf, &conf);

    lcf->fetch_conf = u;
    lcf->fetch_host = ngx_http_litellm_origin_host(cf, &mcf->origins, &conf);

    return (lcf->fetch_host == NULL) ? NGX_ERROR : NGX_OK;
}


#if (NGX_HTTP_SSL)

ngx_int_t
ngx_http_litellm_bundle(ngx_str_t *file)
{
    ngx_uint_t       i;
    ngx_file_info_t  fi;

    for (i = 0; ngx_http_litellm_bundles[i]; i++) {

        if (ngx_file_info(ngx_http_litellm_bundles[i], &fi)
            != NGX_FILE_ERROR)
        {
            file->data = (u_char *) ngx_http_litellm_bundles[i];
            file->len = ngx_strlen(file->data);

            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_litellm_set_ssl(ngx_conf_t *cf, ngx_http_litellm_loc_conf_t *lcf)
{
    ngx_str_t             bundle;
    ngx_pool_cleanup_t   *cln;

    lcf->ssl->log = cf->log;

    if (ngx_ssl_create(lcf->ssl, lcf->ssl_protocols, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(lcf->ssl);
        return NGX_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = lcf->ssl;

    if (ngx_ssl_ciphers(cf, lcf->ssl, &lcf->ssl_ciphers, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    if (lcf->ssl_verify || lcf->fetch) {

        bundle = lcf->ssl_trusted_certificate;

        if (bundle.len == 0 && ngx_http_litellm_bundle(&bundle) != NGX_OK) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "no bundle of trusted certificates was found for "
                          "providers with https: install ca-certificates or "
                          "set \"litellm_ssl_trusted_certificate\"");
            return NGX_ERROR;
        }

        if (ngx_ssl_trusted_certificate(cf, lcf->ssl, &bundle,
                                        lcf->ssl_verify_depth)
            != NGX_OK
            || ngx_ssl_crl(cf, lcf->ssl, &lcf->ssl_crl) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_ssl_client_session_cache(cf, lcf->ssl, lcf->ssl_session_reuse);
}

#endif
