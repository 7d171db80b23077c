
/*
 * JSON text in, byte ranges out.
 *
 * One pass validates a whole text (RFC 8259: structure, numbers, escapes,
 * control characters, UTF-8, nothing behind the value) and leaves a flat list
 * of nodes in document order, each a byte range of the text.  Nothing is
 * copied or unescaped: what a translator passes on it passes on as bytes.
 * With doc->keep = n only values nested less than n deep get a node (1: the
 * value itself, 2: its members too); the rest is validated and skipped, which
 * is all that a body passed on in its own dialect needs.
 *
 * "J-string" in this project: the text between the quotes of a JSON string,
 * escapes as they were.  It may be put between quotes again as it is.
 */

#ifndef _NGX_LITELLM_JSON_H_INCLUDED_
#define _NGX_LITELLM_JSON_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_LITELLM_JSON_NULL      1
#define NGX_LITELLM_JSON_FALSE     2
#define NGX_LITELLM_JSON_TRUE      3
#define NGX_LITELLM_JSON_NUMBER    4
#define NGX_LITELLM_JSON_STRING    5
#define NGX_LITELLM_JSON_ARRAY     6
#define NGX_LITELLM_JSON_OBJECT    7

/* flags of a node */
#define NGX_LITELLM_JSON_ESCAPED   0x01    /* a string with a backslash */
#define NGX_LITELLM_JSON_SURROGATE 0x02    /* ... with a lone surrogate */
#define NGX_LITELLM_JSON_SKIPPED   0x04    /* it has children, but they have
                                              no nodes (keep); count is right */
#define NGX_LITELLM_JSON_DROPPED   0x08    /* a member taken out by its user;
                                              get() does not see it */

#define NGX_LITELLM_JSON_DEPTH     128     /* default bound of nesting */
#define NGX_LITELLM_JSON_DEPTH_MAX 1024    /* no bound may be higher */
#define NGX_LITELLM_JSON_NODES     1000000 /* default bound of nodes */


typedef struct {
    u_char      *start;     /* first byte; the quote of a string */
    uint32_t     len;       /* bytes, quotes and brackets included */
    uint32_t     next;      /* nodes from here to the following sibling */
    uint32_t     count;     /* members of an object, elements of an array */
    uint8_t      type;
    uint8_t      flags;
} ngx_litellm_json_t;


/*
 * An object's node is followed by: key, value, key, value ...; an array's by
 * its elements.  A value's subtree is contiguous, so node + node->next is what
 * follows it.  A key is a node of type STRING with next == 1.
 */

/*
 * A name that the text is to be watched for: found is the first place of a key
 * of that name, at any depth, in skipped parts too (its first quote); NULL
 * without one.  A key with escapes may be any name: it is found for all.
 */

typedef struct {
    ngx_str_t            name;
    u_char              *found;      /* set by parse */
} ngx_litellm_json_watch_t;


/* all zero but for the pool and what is wanted, before the first use */

typedef struct {
    ngx_pool_t          *pool;
    ngx_uint_t           keep;       /* 0: everything */
    ngx_uint_t           max_depth;  /* 0: NGX_LITELLM_JSON_DEPTH */
    ngx_uint_t           max_nodes;  /* 0: NGX_LITELLM_JSON_NODES */

    ngx_litellm_json_watch_t
                        *watch;      /* looked at by parse only */
    ngx_uint_t           nwatch;
    ngx_str_t            whole;      /* with keep 2: the name of a member whose
                                        value is kept whole all the same */

    ngx_litellm_json_t  *root;       /* set by parse; valid until the next;
                                        NULL after a parse that failed */
    ngx_uint_t           nodes;

    ngx_litellm_json_t  *mem;        /* the reader's own, kept from parse to */
    ngx_uint_t           nalloc;     /* parse */

    const char          *error;      /* a lower case sentence */
    size_t               offset;     /* where it was seen */
} ngx_litellm_json_doc_t;


/*
 * Returns NGX_OK with doc->root set; NGX_DECLINED with doc->error and
 * doc->offset for a text that is not JSON or over a bound; NGX_ERROR if
 * memory ran out.  The text is not changed and must outlive the nodes.
 * doc->root's memory is reused by the next call with the same doc.
 */
ngx_int_t ngx_litellm_json_parse(ngx_litellm_json_doc_t *doc, u_char *text,
    size_t len);

/* the same engine without vector instructions: a test holds them equal */
ngx_int_t ngx_litellm_json_parse_plain(ngx_litellm_json_doc_t *doc,
    u_char *text, size_t len);

/*
 * The value of a member (the last one of that name, as most readers take it),
 * NULL without it or if v is NULL or no object.  Names are compared after
 * unescaping where a key has escapes.
 */
ngx_litellm_json_t *ngx_litellm_json_get(ngx_litellm_json_t *v,
    const char *name, size_t len);
#define ngx_litellm_json_member(v, s)                                         \
    ngx_litellm_json_get(v, s, sizeof(s) - 1)

/* the J-string of a string node */
static ngx_inline ngx_str_t
ngx_litellm_json_text(ngx_litellm_json_t *v)
{
    ngx_str_t  s;

    s.data = v->start + 1;
    s.len = v->len - 2;

    return s;
}

/* an order of names to sort by: shorter ones first, then by their bytes */
static ngx_inline ngx_int_t
ngx_litellm_json_order(const ngx_str_t *a, const ngx_str_t *b)
{
    if (a->len != b->len) {
        return (a->len < b->len) ? -1 : 1;
    }

    return ngx_memcmp(a->data, b->data, a->len);
}

#define ngx_litellm_json_next(v)    ((v) + (v)->next)
#define ngx_litellm_json_is(v, t)                                             \
    ((v) != NULL && (v)->type == NGX_LITELLM_JSON_##t)

/* true if the string node's text, unescaped, equals s */
ngx_uint_t ngx_litellm_json_equal(ngx_litellm_json_t *v, const char *s,
    size_t len);
#define ngx_litellm_json_eq(v, s)                                             \
    ngx_litellm_json_equal(v, s, sizeof(s) - 1)

/*
 * UTF-8 of a J-string; a lone surrogate becomes U+FFFD.  Without a backslash
 * dst is src (no copy).  NGX_ERROR only for memory.
 */
ngx_int_t ngx_litellm_json_unescape(ngx_pool_t *pool, ngx_str_t *dst,
    ngx_str_t *src);

/*
 * An integer node that fits; NGX_DECLINED otherwise.  1.0 and 1e3 are taken
 * (they are integers), 1.5 is not.
 */
ngx_int_t ngx_litellm_json_int(ngx_litellm_json_t *v, int64_t *n);

/*
 * A decimal number times 10^scale, rounded towards zero, without floating
 * point: 1.5 with scale 3 is 1500.  NGX_DECLINED if it does not fit.
 */
ngx_int_t ngx_litellm_json_fixed(ngx_litellm_json_t *v, ngx_uint_t scale,
    int64_t *n);

/* the first place of needle in [p, last), NULL without one; vectorised */
u_char *ngx_litellm_find(u_char *p, u_char *last, const char *needle,
    size_t len);


#endif /* _NGX_LITELLM_JSON_H_INCLUDED_ */
