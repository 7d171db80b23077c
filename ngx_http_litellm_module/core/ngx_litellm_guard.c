
/*
 * The rules of ngx_litellm_guard.h.  The tables are IANA's special-purpose
 * address registries for IPv4 and IPv6: what they don't call globally
 * reachable is refused.  IPv6 forms of IPv4 addresses (mapped, NAT64, 6to4)
 * are judged by the IPv4 address in them.
 */

#include "ngx_litellm_guard.h"


#define NGX_LITELLM_GUARD_URL_LEN  8192


typedef struct {
    uint32_t    addr;
    ngx_uint_t  bits;
} ngx_litellm_guard_net_t;


static ngx_int_t ngx_litellm_guard_split(ngx_str_t *text, ngx_str_t *head,
    ngx_str_t *rest, const char **why);
static ngx_int_t ngx_litellm_guard_encode(ngx_pool_t *pool, ngx_str_t *head,
    ngx_str_t *rest, ngx_str_t *text);
static const char *ngx_litellm_guard_host(ngx_litellm_url_t *url);
static ngx_uint_t ngx_litellm_guard_number(u_char *p, u_char *last);
static ngx_uint_t ngx_litellm_guard_dotted(u_char *p, u_char *last);
static ngx_uint_t ngx_litellm_guard_port(ngx_litellm_guard_t *g,
    in_port_t port);
static ngx_int_t ngx_litellm_guard_v4(ngx_litellm_guard_t *g, u_char *addr);
static ngx_uint_t ngx_litellm_guard_denied_v4(ngx_litellm_guard_t *g,
    u_char *addr);
#if (NGX_HAVE_INET6)
static ngx_int_t ngx_litellm_guard_v6(ngx_litellm_guard_t *g,
    struct sockaddr *sa);
static u_char *ngx_litellm_guard_embedded(u_char *a);
#endif


/* IPv4 that is not globally reachable */

static ngx_litellm_guard_net_t  ngx_litellm_guard_special[] = {
    { 0x00000000, 8 },         /* this network */
    { 0x0a000000, 8 },         /* private */
    { 0x64400000, 10 },        /* shared: carrier-grade NAT */
    { 0x7f000000, 8 },         /* loopback */
    { 0xa9fe0000, 16 },        /* link-local */
    { 0xac100000, 12 },        /* private */
    { 0xc0000000, 24 },        /* IETF protocol assignments */
    { 0xc0000200, 24 },        /* documentation */
    { 0xc0586300, 24 },        /* 6to4 relays */
    { 0xc0a80000, 16 },        /* private */
    { 0xc6120000, 15 },        /* benchmarks */
    { 0xc6336400, 24 },        /* documentation */
    { 0xcb007100, 24 },        /* documentation */
    { 0xe0000000, 4 },         /* multicast */
    { 0xf0000000, 4 }          /* reserved, broadcast */
};


static ngx_str_t  ngx_litellm_guard_private[] = {
    ngx_string("10.0.0.0/8"),
    ngx_string("172.16.0.0/12"),
    ngx_string("192.168.0.0/16"),
    ngx_string("100.64.0.0/10"),
    ngx_string("127.0.0.0/8"),
#if (NGX_HAVE_INET6)
    ngx_string("::1/128"),
    ngx_string("fc00::/7"),
#endif
    ngx_null_string
};


ngx_int_t
ngx_litellm_guard_add(ngx_array_t *cidrs, ngx_str_t *text)
{
    ngx_int_t    rc;
    ngx_str_t   *s, one[2];
    ngx_cidr_t   cidr, *c;

    if (text->len == sizeof("private") - 1
        && ngx_strncmp(text->data, "private", text->len) == 0)
    {
        s = ngx_litellm_guard_private;

    } else {
        one[0] = *text;
        ngx_str_null(&one[1]);
        s = one;
    }

    for ( /* void */ ; s->len; s++) {

        ngx_memzero(&cidr, sizeof(ngx_cidr_t));

        rc = ngx_ptocidr(s, &cidr);

        if (rc == NGX_ERROR) {
            return NGX_DECLINED;
        }

        c = ngx_array_push(cidrs);
        if (c == NULL) {
            return NGX_ERROR;
        }

        *c = cidr;
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_guard_url(ngx_litellm_guard_t *g, ngx_pool_t *pool,
    ngx_str_t *text, ngx_litellm_target_t *t, const char **why)
{
    u_char             *p, *last;
    ngx_int_t           rc;
    ngx_str_t           head, rest, whole;
    ngx_litellm_url_t  *url;

    if (ngx_litellm_guard_split(text, &head, &rest, why) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (ngx_litellm_guard_encode(pool, &head, &rest, &whole) != NGX_OK) {
        return NGX_ERROR;
    }

    url = &t->url;

    rc = ngx_litellm_url_parse(pool, &whole, url, why);

    if (rc != NGX_OK) {

        /* its texts are about an api_base */

        *why = "not a URL that is fetched";
        return rc;
    }

    *why = ngx_litellm_guard_host(url);
    if (*why) {
        return NGX_DECLINED;
    }

    if (!ngx_litellm_guard_port(g, url->port)) {
        *why = "a port that is not allowed";
        return NGX_DECLINED;
    }

    /* with its slashes; what is behind '#' stays with the client */

    p = whole.data + head.len;
    last = ngx_strlchr(p, whole.data + whole.len, '#');

    if (last == NULL) {
        last = whole.data + whole.len;
    }

    t->target.data = p;
    t->target.len = last - p;

    return NGX_OK;
}


/* "http://host:port" and what follows */

static ngx_int_t
ngx_litellm_guard_split(ngx_str_t *text, ngx_str_t *head, ngx_str_t *rest,
    const char **why)
{
    u_char  *p, *last;

    if (text->len > NGX_LITELLM_GUARD_URL_LEN) {
        *why = "a URL over 8192 bytes";
        return NGX_DECLINED;
    }

    p = text->data;
    last = p + text->len;

    if (text->len > 7 && ngx_strncasecmp(p, (u_char *) "http://", 7) == 0) {
        p += 7;

    } else if (text->len > 8
               && ngx_strncasecmp(p, (u_char *) "https://", 8) == 0)
    {
        p += 8;

    } else {
        *why = "not an http or https URL";
        return NGX_DECLINED;
    }

    while (p < last && *p != '/' && *p != '?' && *p != '#') {
        p++;
    }

    head->data = text->data;
    head->len = p - text->data;

    rest->data = p;
    rest->len = last - p;

    for ( /* void */ ; p < last; p++) {
        if (*p < 0x20 || *p == 0x7f) {
            *why = "a URL with control characters";
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


/* the characters that a request line must not have, as browsers do it */

static ngx_int_t
ngx_litellm_guard_encode(ngx_pool_t *pool, ngx_str_t *head, ngx_str_t *rest,
    ngx_str_t *text)
{
    u_char       c, *dst;
    size_t       i;

    static u_char  hex[] = "0123456789ABCDEF";

    dst = ngx_pnalloc(pool, head->len + 1 + rest->len * 3);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    text->data = dst;

    dst = ngx_cpymem(dst, head->data, head->len);

    if (rest->len == 0 || rest->data[0] != '/') {
        *dst++ = '/';
    }

    for (i = 0; i < rest->len; i++) {
        c = rest->data[i];

        if (c <= 0x20 || c >= 0x7f
            || ngx_strchr("\"<>\\^`{|}", c) != NULL)
        {
            *dst++ = '%';
            *dst++ = hex[c >> 4];
            *dst++ = hex[c & 0xf];

        } else {
            *dst++ = c;
        }
    }

    text->len = dst - text->data;

    return NGX_OK;
}


/*
 * Names, and addresses in the one way that everybody reads alike: "0x7f.1",
 * "2130706433" and "0177.0.0.1" are loopback to some and names to others.
 */

static const char *
ngx_litellm_guard_host(ngx_litellm_url_t *url)
{
    u_char     *p, *last;
    ngx_str_t  *host;
#if (NGX_HAVE_INET6)
    u_char      addr[16];
#endif

    host = &url->host;

    if (url->authority.data[0] == '[') {

#if (NGX_HAVE_INET6)
        last = host->data + host->len;

        for (p = last; p > host->data && p[-1] != ':'; p--) { /* void */ }

        /* behind the last colon: 16 bits, or an IPv4 address */

        if (p > host->data
            && (ngx_strlchr(p, last, '.') == NULL
                || ngx_litellm_guard_dotted(p, last))
            && ngx_inet6_addr(host->data, host->len, addr) == NGX_OK)
        {
            return NULL;
        }
#endif

        return "an invalid IPv6 address";
    }

    if (host->data[host->len - 1] == '.') {

        /* "name.:8080": the authority is the host and what follows the dot */

        host->len--;
        p = url->authority.data + host->len;
        last = url->authority.data + url->authority.len;
        ngx_memmove(p, p + 1, last - p - 1);
        url->authority.len--;

        if (host->len == 0) {
            return "no host name";
        }
    }

    p = host->data + host->len;

    while (p > host->data && p[-1] != '.') {
        p--;
    }

    if (ngx_litellm_guard_number(p, host->data + host->len)
        && !ngx_litellm_guard_dotted(host->data, host->data + host->len))
    {
        return "an invalid IPv4 address";
    }

    return NULL;
}


/* digits, or "0x" and hexadecimal ones: the end of an address, not of a name */

static ngx_uint_t
ngx_litellm_guard_number(u_char *p, u_char *last)
{
    ngx_uint_t  hex;

    hex = (last - p >= 2 && p[0] == '0' && p[1] == 'x');

    if (hex) {
        p += 2;

    } else if (p == last) {
        return 0;
    }

    for ( /* void */ ; p < last; p++) {
        if (!(*p >= '0' && *p <= '9')
            && !(hex && *p >= 'a' && *p <= 'f'))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_litellm_guard_dotted(u_char *p, u_char *last)
{
    u_char      *start;
    ngx_int_t    n;
    ngx_uint_t   parts;

    for (parts = 1; /* void */ ; parts++) {

        for (start = p; p < last && *p != '.'; p++) { /* void */ }

        n = ngx_atoi(start, p - start);

        if (n < 0 || n > 255 || p - start > 3
            || (p - start > 1 && *start == '0'))
        {
            return 0;
        }

        if (p == last) {
            return parts == 4;
        }

        p++;
    }
}


static ngx_uint_t
ngx_litellm_guard_port(ngx_litellm_guard_t *g, in_port_t port)
{
    in_port_t   *p;
    ngx_uint_t   i;

    if (g->ports == NULL) {
        return port == 80 || port == 443;
    }

    p = g->ports->elts;

    for (i = 0; i < g->ports->nelts; i++) {
        if (p[i] == port) {
            return 1;
        }
    }

    return 0;
}


/* RFC 3986, 5.2; dot segments are left to the server */

ngx_int_t
ngx_litellm_guard_location(ngx_pool_t *pool, ngx_litellm_target_t *t,
    ngx_str_t *location, ngx_str_t *text)
{
    u_char     *p, *last;
    ngx_str_t   base;

    p = location->data;
    last = p + location->len;

    while (p < last && *p != ':' && *p != '/' && *p != '?' && *p != '#') {
        p++;
    }

    if (p < last && *p == ':') {

        /* with a scheme, whatever it is */

        *text = *location;
        return NGX_OK;
    }

    ngx_str_null(&base);

    if (location->len == 0 || location->data[0] != '/') {

        /* up to the last slash of the path; "?..." keeps all of the path */

        base = t->target;

        for (p = base.data; p < base.data + base.len && *p != '?'; p++) {
            /* void */
        }

        if (location->len == 0 || location->data[0] != '?') {
            while (p > base.data && p[-1] != '/') {
                p--;
            }
        }

        base.len = p - base.data;
    }

    text->data = ngx_pnalloc(pool, sizeof("https://") + t->url.authority.len
                                   + base.len + location->len);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(text->data, "%s", t->url.tls ? "https:" : "http:");

    if (location->len < 2 || location->data[0] != '/'
        || location->data[1] != '/')
    {
        p = ngx_sprintf(p, "//%V%V", &t->url.authority, &base);
    }

    p = ngx_cpymem(p, location->data, location->len);

    text->len = p - text->data;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_guard_address(ngx_litellm_guard_t *g, struct sockaddr *sa)
{
    struct sockaddr_in  *sin;

    switch (sa->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        return ngx_litellm_guard_v4(g, (u_char *) &sin->sin_addr);

#if (NGX_HAVE_INET6)
    case AF_INET6:
        return ngx_litellm_guard_v6(g, sa);
#endif

    default:
        return NGX_DECLINED;
    }
}


/* addr: 4 bytes in the order of the network */

static ngx_int_t
ngx_litellm_guard_v4(ngx_litellm_guard_t *g, u_char *addr)
{
    uint32_t                  n;
    ngx_uint_t                i;
    struct sockaddr_in        sin;
    ngx_litellm_guard_net_t  *net;

    if (ngx_litellm_guard_denied_v4(g, addr)) {
        return NGX_DECLINED;
    }

    ngx_memzero(&sin, sizeof(struct sockaddr_in));

    sin.sin_family = AF_INET;
    ngx_memcpy(&sin.sin_addr, addr, 4);

    if (g->allow != NULL
        && ngx_cidr_match((struct sockaddr *) &sin, g->allow) == NGX_OK)
    {
        return NGX_OK;
    }

    n = (uint32_t) addr[0] << 24 | addr[1] << 16 | addr[2] << 8 | addr[3];

    net = ngx_litellm_guard_special;

    for (i = 0; i < sizeof(ngx_litellm_guard_special)
                    / sizeof(ngx_litellm_guard_special[0]); i++)
    {
        if ((n ^ net[i].addr) >> (32 - net[i].bits) == 0) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_litellm_guard_denied_v4(ngx_litellm_guard_t *g, u_char *addr)
{
    struct sockaddr_in  sin;

    if (g->deny == NULL) {
        return 0;
    }

    ngx_memzero(&sin, sizeof(struct sockaddr_in));

    sin.sin_family = AF_INET;
    ngx_memcpy(&sin.sin_addr, addr, 4);

    return ngx_cidr_match((struct sockaddr *) &sin, g->deny) == NGX_OK;
}


#if (NGX_HAVE_INET6)

static ngx_int_t
ngx_litellm_guard_v6(ngx_litellm_guard_t *g, struct sockaddr *sa)
{
    u_char               *a, *v4;
    struct sockaddr_in6  *sin6;

    sin6 = (struct sockaddr_in6 *) sa;
    a = sin6->sin6_addr.s6_addr;

    if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
        return ngx_litellm_guard_v4(g, a + 12);
    }

    v4 = ngx_litellm_guard_embedded(a);

    if ((g->deny != NULL && ngx_cidr_match(sa, g->deny) == NGX_OK)
        || (v4 != NULL && ngx_litellm_guard_denied_v4(g, v4)))
    {
        return NGX_DECLINED;
    }

    if (g->allow != NULL && ngx_cidr_match(sa, g->allow) == NGX_OK) {
        return NGX_OK;
    }

    if (v4 != NULL) {
        return ngx_litellm_guard_v4(g, v4);
    }

    /* 2000::/3 is global unicast, but for ... */

    if ((a[0] & 0xe0) != 0x20) {
        return NGX_DECLINED;
    }

    if (a[0] == 0x20 && a[1] == 0x01) {

        /* 2001::/23: protocol assignments, Teredo; 2001:db8::/32 */

        if (a[2] < 0x02 || (a[2] == 0x0d && a[3] == 0xb8)) {
            return NGX_DECLINED;
        }
    }

    if (a[0] == 0x3f && a[1] == 0xff && a[2] < 0x10) {

        /* 3fff::/20: documentation */

        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* of 64:ff9b::/96 (NAT64) and 2002::/16 (6to4); NULL: none */

static u_char *
ngx_litellm_guard_embedded(u_char *a)
{
    static u_char  nat64[] = { 0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0 };

    if (ngx_memcmp(a, nat64, sizeof(nat64)) == 0) {
        return a + 12;
    }

    if (a[0] == 0x20 && a[1] == 0x02) {
        return a + 2;
    }

    return NULL;
}

#endif
