
/*
 * What the system says about names: nameservers, search list and ndots of
 * /etc/resolv.conf, and the names of /etc/hosts.  nginx's resolver reads none
 * of them, and half of all api_base are "localhost", a container or a service
 * name.
 *
 * Read at configuration time only, once for each configuration that has an
 * origin; a reload reads them again.  Neither file is an error when it is
 * missing, unreadable or odd: what can't be used is passed over, as the C
 * library does.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_http_litellm_origin_state.h"


#ifndef NGX_HTTP_LITELLM_RESOLV_CONF
#define NGX_HTTP_LITELLM_RESOLV_CONF  "/etc/resolv.conf"
#endif

#ifndef NGX_HTTP_LITELLM_HOSTS
#define NGX_HTTP_LITELLM_HOSTS        "/etc/hosts"
#endif

#define NGX_HTTP_LITELLM_FILE_SIZE    (4 * 1024 * 1024)
#define NGX_HTTP_LITELLM_SERVERS      8
#define NGX_HTTP_LITELLM_SEARCH       16
#define NGX_HTTP_LITELLM_NDOTS        15

/* seconds until the next nameserver is asked; nginx's own 5 are a long wait */
#define NGX_HTTP_LITELLM_RESEND       2


typedef struct {
    ngx_str_node_t                 node;
    ngx_array_t                    addrs;     /* ..._sockaddr_t */
} ngx_http_litellm_host_t;


struct ngx_http_litellm_resolvers_s {
    ngx_http_litellm_resolvers_t  *next;
    ngx_uint_t                     valid;     /* seconds; 0: the TTL */
    ngx_resolver_t                *both;
    ngx_resolver_t                *ipv4;
};


#define ngx_http_litellm_system_is(word, text)                                \
    ((word)->len == sizeof(text) - 1                                          \
     && ngx_strncmp((word)->data, text, sizeof(text) - 1) == 0)


typedef ngx_int_t (*ngx_http_litellm_line_pt)(ngx_conf_t *cf,
    ngx_http_litellm_system_t *system, ngx_str_t *line);


static ngx_int_t ngx_http_litellm_system_file(ngx_conf_t *cf,
    ngx_http_litellm_system_t *system, const char *name,
    ngx_http_litellm_line_pt handler);
static ssize_t ngx_http_litellm_system_load(ngx_conf_t *cf, const char *name,
    u_char **text);
static ngx_uint_t ngx_http_litellm_system_word(ngx_str_t *line,
    ngx_str_t *word);
static ngx_int_t ngx_http_litellm_resolv_line(ngx_conf_t *cf,
    ngx_http_litellm_system_t *system, ngx_str_t *line);
static ngx_int_t ngx_http_litellm_resolv_server(ngx_conf_t *cf,
    ngx_http_litellm_system_t *system, ngx_str_t *text);
static ngx_int_t ngx_http_litellm_resolv_search(ngx_conf_t *cf,
    ngx_http_litellm_system_t *system, ngx_str_t *line, ngx_uint_t max);
static ngx_int_t ngx_http_litellm_hosts_line(ngx_conf_t *cf,
    ngx_http_litellm_system_t *system, ngx_str_t *line);
static ngx_int_t ngx_http_litellm_hosts_add(ngx_conf_t *cf,
    ngx_http_litellm_system_t *system, ngx_str_t *name,
    ngx_http_litellm_sockaddr_t *sockaddr);
static ngx_array_t *ngx_http_litellm_system_loopback(ngx_conf_t *cf);
static ngx_resolver_t *ngx_http_litellm_system_resolver(ngx_conf_t *cf,
    ngx_http_litellm_system_t *system, ngx_uint_t valid, ngx_uint_t ipv6);


ngx_http_litellm_system_t *
ngx_http_litellm_system_read(ngx_conf_t *cf)
{
    u_char                     *dot;
    ngx_str_t                   line;
    ngx_http_litellm_system_t  *system;

    system = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_system_t));
    if (system == NULL) {
        return NULL;
    }

    if (ngx_array_init(&system->servers, cf->pool, 3, sizeof(ngx_str_t))
        != NGX_OK
        || ngx_array_init(&system->search, cf->pool, 4, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NULL;
    }

    ngx_rbtree_init(&system->hosts, &system->sentinel,
                    ngx_str_rbtree_insert_value);

    /* resolv.conf(5): without a list, the domain of the host's name */

    line = cf->cycle->hostname;
    dot = ngx_strlchr(line.data, line.data + line.len, '.');

    if (dot) {
        line.len -= dot + 1 - line.data;
        line.data = dot + 1;

        if (ngx_http_litellm_resolv_search(cf, system, &line, 1) != NGX_OK) {
            return NULL;
        }
    }

    system->ndots = 1;

    if (ngx_http_litellm_system_file(cf, system, NGX_HTTP_LITELLM_RESOLV_CONF,
                                     ngx_http_litellm_resolv_line)
        != NGX_OK
        || ngx_http_litellm_system_file(cf, system, NGX_HTTP_LITELLM_HOSTS,
                                        ngx_http_litellm_hosts_line)
           != NGX_OK)
    {
        return NULL;
    }

    return system;
}


static ngx_int_t
ngx_http_litellm_system_file(ngx_conf_t *cf, ngx_http_litellm_system_t *system,
    const char *name, ngx_http_litellm_line_pt handler)
{
    u_char     *p, *last, *text;
    ssize_t     n;
    ngx_str_t   line;

    n = ngx_http_litellm_system_load(cf, name, &text);

    if (n == NGX_DECLINED) {
        return NGX_OK;
    }

    if (n == NGX_ERROR) {
        return NGX_ERROR;
    }

    p = text;
    last = text + n;

    while (p < last) {
        line.data = p;

        while (p < last && *p != LF) {
            p++;
        }

        line.len = p - line.data;
        p++;

        if (handler(cf, system, &line) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ssize_t
ngx_http_litellm_system_load(ngx_conf_t *cf, const char *name, u_char **text)
{
    size_t           size;
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    fd = ngx_open_file(name, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK, NGX_FILE_OPEN,
                       0);

    if (fd == NGX_INVALID_FILE) {
        if (ngx_errno != NGX_ENOENT) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno,
                               ngx_open_file_n " \"%s\" failed", name);
        }

        return NGX_DECLINED;
    }

    n = NGX_DECLINED;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno,
                           ngx_fd_info_n " \"%s\" failed", name);
        goto done;
    }

    if (!ngx_is_file(&fi)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%s\" is not a file, not read", name);
        goto done;
    }

    size = (size_t) ngx_min(ngx_file_size(&fi), NGX_HTTP_LITELLM_FILE_SIZE);

    if ((off_t) size < ngx_file_size(&fi)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%s\" is too large, only the first %uz bytes "
                           "are read", name, size);
    }

    *text = ngx_palloc(cf->temp_pool, size + 1);
    if (*text == NULL) {
        n = NGX_ERROR;
        goto done;
    }

    n = ngx_read_fd(fd, *text, size);

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno,
                           ngx_read_fd_n " \"%s\" failed", name);
        n = NGX_DECLINED;
    }

done:

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno,
                           ngx_close_file_n " \"%s\" failed", name);
    }

    return n;
}


/* the next word of a line, taken off it; 0: no more, or a comment */

static ngx_uint_t
ngx_http_litellm_system_word(ngx_str_t *line, ngx_str_t *word)
{
    u_char  *p, *last;

    p = line->data;
    last = p + line->len;

    while (p < last && (*p == ' ' || *p == '\t' || *p == CR)) {
        p++;
    }

    word->data = p;

    while (p < last && *p != ' ' && *p != '\t' && *p != CR && *p != '#') {
        p++;
    }

    word->len = p - word->data;

    line->data = p;
    line->len = last - p;

    return word->len != 0 && word->data[0] != ';';
}


static ngx_int_t
ngx_http_litellm_resolv_line(ngx_conf_t *cf, ngx_http_litellm_system_t *system,
    ngx_str_t *line)
{
    ngx_int_t  n;
    ngx_str_t  key, word;

    if (!ngx_http_litellm_system_word(line, &key)) {
        return NGX_OK;
    }

    if (ngx_http_litellm_system_is(&key, "nameserver")) {

        if (!ngx_http_litellm_system_word(line, &word)) {
            return NGX_OK;
        }

        return ngx_http_litellm_resolv_server(cf, system, &word);
    }

    /* the last of these two lines counts */

    if (ngx_http_litellm_system_is(&key, "search")) {
        return ngx_http_litellm_resolv_search(cf, system, line,
                                              NGX_HTTP_LITELLM_SEARCH);
    }

    if (ngx_http_litellm_system_is(&key, "domain")) {
        return ngx_http_litellm_resolv_search(cf, system, line, 1);
    }

    if (!ngx_http_litellm_system_is(&key, "options")) {
        return NGX_OK;
    }

    while (ngx_http_litellm_system_word(line, &word)) {

        if (word.len <= 6 || ngx_strncmp(word.data, "ndots:", 6) != 0) {
            continue;
        }

        n = ngx_atoi(word.data + 6, word.len - 6);

        if (n != NGX_ERROR) {
            system->ndots = ngx_min(n, NGX_HTTP_LITELLM_NDOTS);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_resolv_server(ngx_conf_t *cf,
    ngx_http_litellm_system_t *system, ngx_str_t *text)
{
    u_char                       *p;
    socklen_t                     socklen;
    ngx_str_t                    *server;
    ngx_http_litellm_sockaddr_t   sockaddr;

    if (system->servers.nelts == NGX_HTTP_LITELLM_SERVERS) {
        return NGX_OK;
    }

    socklen = ngx_http_litellm_sockaddr_parse(text, &sockaddr);

    if (socklen == 0) {

        /* a link-local address with its interface, for one */

        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "nameserver \"%V\" of "
                           NGX_HTTP_LITELLM_RESOLV_CONF " is not used",
                           text);
        return NGX_OK;
    }

    p = ngx_pnalloc(cf->pool, NGX_SOCKADDR_STRLEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    server = ngx_array_push(&system->servers);
    if (server == NULL) {
        return NGX_ERROR;
    }

    ngx_inet_set_port(&sockaddr.sockaddr, 53);

    server->data = p;
    server->len = ngx_sock_ntop(&sockaddr.sockaddr, socklen, p,
                                NGX_SOCKADDR_STRLEN, 1);

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_resolv_search(ngx_conf_t *cf,
    ngx_http_litellm_system_t *system, ngx_str_t *line, ngx_uint_t max)
{
    ngx_str_t  word, *domain;

    system->search.nelts = 0;

    while (system->search.nelts < max
           && ngx_http_litellm_system_word(line, &word))
    {
        while (word.len && word.data[word.len - 1] == '.') {
            word.len--;
        }

        /* "." is the root: the name as it is */

        if (word.len == 0 || word.len > NGX_HTTP_LITELLM_NAME_LEN) {
            continue;
        }

        domain = ngx_array_push(&system->search);
        if (domain == NULL) {
            return NGX_ERROR;
        }

        domain->len = word.len;
        domain->data = ngx_pnalloc(cf->pool, word.len);
        if (domain->data == NULL) {
            return NGX_ERROR;
        }

        ngx_strlow(domain->data, word.data, word.len);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_hosts_line(ngx_conf_t *cf, ngx_http_litellm_system_t *system,
    ngx_str_t *line)
{
    ngx_str_t                    word;
    ngx_http_litellm_sockaddr_t  sockaddr;

    if (!ngx_http_litellm_system_word(line, &word)) {
        return NGX_OK;
    }

    if (ngx_http_litellm_sockaddr_parse(&word, &sockaddr) == 0) {
        return NGX_OK;
    }

    while (ngx_http_litellm_system_word(line, &word)) {

        if (word.len > NGX_HTTP_LITELLM_NAME_LEN) {
            continue;
        }

        /* the file's text is ours and lives as long as the tree */

        ngx_strlow(word.data, word.data, word.len);

        if (ngx_http_litellm_hosts_add(cf, system, &word, &sockaddr)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_hosts_add(ngx_conf_t *cf, ngx_http_litellm_system_t *system,
    ngx_str_t *name, ngx_http_litellm_sockaddr_t *sockaddr)
{
    uint32_t                      hash;
    ngx_str_node_t               *sn;
    ngx_http_litellm_host_t      *host;
    ngx_http_litellm_sockaddr_t  *sa;

    hash = ngx_crc32_short(name->data, name->len);
    sn = ngx_str_rbtree_lookup(&system->hosts, name, hash);

    if (sn) {
        host = (ngx_http_litellm_host_t *) sn;

    } else {
        host = ngx_palloc(cf->temp_pool, sizeof(ngx_http_litellm_host_t));
        if (host == NULL) {
            return NGX_ERROR;
        }

        if (ngx_array_init(&host->addrs, cf->temp_pool, 1,
                           sizeof(ngx_http_litellm_sockaddr_t))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        host->node.node.key = hash;
        host->node.str = *name;

        ngx_rbtree_insert(&system->hosts, &host->node.node);
    }

    if (host->addrs.nelts == NGX_HTTP_LITELLM_ADDRS) {
        return NGX_OK;
    }

    sa = ngx_array_push(&host->addrs);
    if (sa == NULL) {
        return NGX_ERROR;
    }

    *sa = *sockaddr;

    return NGX_OK;
}


ngx_array_t *
ngx_http_litellm_system_host(ngx_conf_t *cf, ngx_http_litellm_system_t *system,
    ngx_str_t *name)
{
    size_t                    len;
    ngx_str_t                 s;
    ngx_str_node_t           *sn;
    ngx_http_litellm_host_t  *host;

    s = *name;

    if (s.len && s.data[s.len - 1] == '.') {
        s.len--;
    }

    sn = ngx_str_rbtree_lookup(&system->hosts, &s,
                               ngx_crc32_short(s.data, s.len));
    if (sn) {
        host = (ngx_http_litellm_host_t *) sn;
        return &host->addrs;
    }

    /* RFC 6761, 6.3: never asked of a nameserver */

    len = sizeof("localhost") - 1;

    if (s.len >= len
        && ngx_strncmp(s.data + s.len - len, "localhost", len) == 0
        && (s.len == len || s.data[s.len - len - 1] == '.'))
    {
        return ngx_http_litellm_system_loopback(cf);
    }

    return NULL;
}


static ngx_array_t *
ngx_http_litellm_system_loopback(ngx_conf_t *cf)
{
    static ngx_str_t  loopback[] = {
        ngx_string("127.0.0.1"),
        ngx_string("::1")
    };

    ngx_uint_t                    i;
    ngx_array_t                  *addrs;
    ngx_http_litellm_sockaddr_t  *sa, sockaddr;

    addrs = ngx_array_create(cf->temp_pool, 2,
                             sizeof(ngx_http_litellm_sockaddr_t));
    if (addrs == NULL) {
        return NULL;
    }

    for (i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++) {

        if (ngx_http_litellm_sockaddr_parse(&loopback[i], &sockaddr) == 0) {
            continue;
        }

        sa = ngx_array_push(addrs);
        if (sa == NULL) {
            return NULL;
        }

        *sa = sockaddr;
    }

    return addrs;
}


ngx_int_t
ngx_http_litellm_system_resolvers(ngx_conf_t *cf,
    ngx_http_litellm_system_t *system, ngx_msec_t valid, ngx_resolver_t **both,
    ngx_resolver_t **ipv4)
{
    ngx_uint_t                     sec;
    ngx_http_litellm_resolvers_t  *rs;

    *both = NULL;
    *ipv4 = NULL;

    if (system->servers.nelts == 0) {
        return NGX_OK;
    }

    sec = (valid + 999) / 1000;

    for (rs = system->resolvers; rs; rs = rs->next) {
        if (rs->valid == sec) {
            goto found;
        }
    }

    rs = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_resolvers_t));
    if (rs == NULL) {
        return NGX_ERROR;
    }

    rs->valid = sec;

    rs->both = ngx_http_litellm_system_resolver(cf, system, sec, 1);
    if (rs->both == NULL) {
        return NGX_ERROR;
    }

#if (NGX_HAVE_INET6)

    rs->ipv4 = ngx_http_litellm_system_resolver(cf, system, sec, 0);
    if (rs->ipv4 == NULL) {
        return NGX_ERROR;
    }

#endif

    rs->next = system->resolvers;
    system->resolvers = rs;

found:

    *both = rs->both;
    *ipv4 = rs->ipv4;

    return NGX_OK;
}


static ngx_resolver_t *
ngx_http_litellm_system_resolver(ngx_conf_t *cf,
    ngx_http_litellm_system_t *system, ngx_uint_t valid, ngx_uint_t ipv6)
{
    u_char          *p;
    ngx_str_t        names[NGX_HTTP_LITELLM_SERVERS + 2];
    ngx_uint_t       n;
    ngx_resolver_t  *resolver;

    n = system->servers.nelts;

    ngx_memcpy(names, system->servers.elts, n * sizeof(ngx_str_t));

    if (!ipv6) {
        ngx_str_set(&names[n], "ipv6=off");
        n++;
    }

    if (valid) {
        p = ngx_pnalloc(cf->pool, sizeof("valid=s") + NGX_INT_T_LEN);
        if (p == NULL) {
            return NULL;
        }

        names[n].data = p;
        names[n].len = ngx_sprintf(p, "valid=%uis%Z", valid) - p - 1;
        n++;
    }

    resolver = ngx_resolver_create(cf, names, n);
    if (resolver == NULL) {
        return NULL;
    }

    resolver->resend_timeout = NGX_HTTP_LITELLM_RESEND;

    return resolver;
}


socklen_t
ngx_http_litellm_sockaddr_parse(ngx_str_t *text,
    ngx_http_litellm_sockaddr_t *sockaddr)
{
    in_addr_t             addr;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    ngx_memzero(sockaddr, sizeof(ngx_http_litellm_sockaddr_t));

    addr = ngx_inet_addr(text->data, text->len);

    if (addr != INADDR_NONE) {
        sin = &sockaddr->sockaddr_in;
        sin->sin_family = AF_INET;
        sin->sin_addr.s_addr = addr;

        return sizeof(struct sockaddr_in);
    }

#if (NGX_HAVE_INET6)

    sin6 = &sockaddr->sockaddr_in6;

    if (ngx_inet6_addr(text->data, text->len, sin6->sin6_addr.s6_addr)
        == NGX_OK)
    {
        sin6->sin6_family = AF_INET6;
        return sizeof(struct sockaddr_in6);
    }

#endif

    return 0;
}
