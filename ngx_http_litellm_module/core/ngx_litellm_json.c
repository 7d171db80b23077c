
/*
 * The JSON reader: one pass, no recursion, no copy (see ngx_litellm_json.h).
 *
 * A value is at depth d if d containers are open around it.  Values less than
 * doc->keep deep get a node; for the others only the kind of each open
 * container is remembered (one byte in a fixed array).  While a container that
 * has a node is open, its "next" holds the index of the one around it; when it
 * is closed, "next" gets its meaning.  Time is linear in the text, memory in
 * the nodes kept.
 *
 * The engine is one function compiled twice, with and without the vector
 * searches of ngx_litellm_scan.h.
 */

#include "ngx_litellm_json.h"
#include "ngx_litellm_scan.h"


#define NGX_LITELLM_JSON_LEN_MAX  0x7fffffff
#define NGX_LITELLM_JSON_FIRST    32           /* nodes of the first array */
#define NGX_LITELLM_JSON_ROOM     20

/* the bit of a name that is looked for: of its length with the quotes, and its
   first byte */
#define ngx_litellm_json_bit(len, c)                                          \
    (((uint32_t) (len) + 2 * (uint32_t) (c)) & 63)


/* bytes of the text, and a bit for each of them that may end a string */

typedef struct {
    u_char    *start;
    uint64_t   stops;
} ngx_litellm_json_block_t;


static ngx_int_t ngx_litellm_json_grow(ngx_litellm_json_doc_t *doc);
static ngx_int_t ngx_litellm_json_fail(ngx_litellm_json_doc_t *doc,
    u_char *text, u_char *p, const char *error);
static u_char *ngx_litellm_json_long(ngx_litellm_json_doc_t *doc,
    u_char *text, u_char *p, u_char *last, ngx_uint_t *flags);
static u_char *ngx_litellm_json_long_plain(ngx_litellm_json_doc_t *doc,
    u_char *text, u_char *p, u_char *last, ngx_uint_t *flags);
static u_char *ngx_litellm_json_special(ngx_litellm_json_doc_t *doc,
    u_char *text, u_char *p, u_char *last, ngx_uint_t *flags);
static u_char *ngx_litellm_json_number(u_char *p, u_char *last);
static uint64_t ngx_litellm_json_sought(ngx_litellm_json_doc_t *doc);
static ngx_uint_t ngx_litellm_json_name(ngx_litellm_json_doc_t *doc,
    u_char *start, u_char *end, ngx_uint_t flags);


/* the value of a hexadecimal digit; 0x80 for other bytes */

static const u_char  ngx_litellm_json_hex[256] = {
#define X8   0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80
#define X16  X8, X8
    X16, X16, X16,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0x80, 10, 11, 12, 13, 14, 15, 0x80, X8, X16,
    0x80, 10, 11, 12, 13, 14, 15, 0x80, X8, X16,
    X16, X16, X16, X16, X16, X16, X16, X16
#undef X8
#undef X16
};


/* a new node; NULL with doc->error set, or without it if memory ran out */

ngx_litellm_scan_inline ngx_litellm_json_t *
ngx_litellm_json_push(ngx_litellm_json_doc_t *doc, u_char *start,
    ngx_uint_t type)
{
    ngx_litellm_json_t  *v;

    if (ngx_litellm_unlikely(doc->nodes == doc->nalloc)) {
        if (ngx_litellm_json_grow(doc) != NGX_OK) {
            return NULL;
        }
    }

    v = &doc->mem[doc->nodes++];

    v->start = start;
    v->len = 0;
    v->next = 1;
    v->count = 0;
    v->type = (uint8_t) type;
    v->flags = 0;

    return v;
}


/* behind white space; most texts have none, or one space */

ngx_litellm_scan_inline u_char *
ngx_litellm_json_blank(u_char *p, u_char *last, ngx_uint_t vector)
{
    if (p == last || *p > ' ') {
        return p;
    }

    if (*p == ' ' && last - p > 1 && p[1] > ' ') {
        return p + 1;
    }

    return vector ? ngx_litellm_scan_blank(p, last)
                  : ngx_litellm_scan_blank_plain(p, last);
}


#if (NGX_LITELLM_SCAN_VECTOR)

/* the block at p; the last one lies over bytes that were looked at before */

ngx_litellm_scan_inline void
ngx_litellm_json_look(ngx_litellm_json_block_t *b, u_char *p, u_char *last)
{
    b->start = (last - p > NGX_LITELLM_SCAN_BLOCK)
               ? p : last - NGX_LITELLM_SCAN_BLOCK;
    b->stops = ngx_litellm_scan_stops(b->start);
}


/*
 * The end of a string that begins in the block or behind it, as far as the
 * next block goes: its last quote, or a place that is to be gone on from.
 */

ngx_litellm_scan_inline u_char *
ngx_litellm_json_short(u_char *p, u_char *last, ngx_litellm_json_block_t *b)
{
    size_t    off;
    uint64_t  stops;

    off = p - b->start;

    if (ngx_litellm_likely(off < NGX_LITELLM_SCAN_BLOCK)) {
        stops = b->stops >> off;

        if (ngx_litellm_likely(stops)) {
            return p + __builtin_ctzll(stops);
        }

        p = b->start + NGX_LITELLM_SCAN_BLOCK;
    }

    if (p == last) {
        return last;
    }

    ngx_litellm_json_look(b, p, last);

    stops = b->stops >> (p - b->start);

    return stops ? p + __builtin_ctzll(stops)
                 : b->start + NGX_LITELLM_SCAN_BLOCK;
}

#else

#define ngx_litellm_json_look(b, p, last)                                     \
    (void) (b)
#define ngx_litellm_json_short(p, last, b)                                    \
    ngx_litellm_scan_string_plain(p, last)

#endif


/*
 * p is behind the first quote.  Returns the place behind the last one; NULL
 * with the error set.  Most strings are names and end in the block that the
 * one before them ended in; what goes on and has no fault is passed over in
 * large steps.
 */

ngx_litellm_scan_inline u_char *
ngx_litellm_json_string(ngx_litellm_json_doc_t *doc, u_char *text, u_char *p,
    u_char *last, ngx_litellm_json_block_t *b, ngx_uint_t *flags,
    ngx_uint_t vector)
{
    ngx_uint_t  seen;

    p = vector ? ngx_litellm_json_short(p, last, b)
               : ngx_litellm_scan_string_plain(p, last);

    if (ngx_litellm_likely(p < last && *p == '"')) {
        *flags = 0;
        return p + 1;
    }

    /* a variable of its own, so that flags need no memory */

    seen = 0;

    p = vector ? ngx_litellm_json_long(doc, text, p, last, &seen)
               : ngx_litellm_json_long_plain(doc, text, p, last, &seen);

    *flags = seen;

    return p;
}


ngx_litellm_scan_inline ngx_int_t
ngx_litellm_json_run(ngx_litellm_json_doc_t *doc, u_char *text, size_t len,
    ngx_uint_t vector)
{
    u_char                    *p, *last, *room, *start, close;
    u_char                     stack[NGX_LITELLM_JSON_DEPTH_MAX];
    uint32_t                   cur, up;
    uint64_t                   sought;
    const char                *error;
    ngx_uint_t                 depth, keep, top, max_depth, flags, n;
    ngx_litellm_json_t        *v;
    ngx_litellm_json_block_t   block;

    doc->root = NULL;
    doc->nodes = 0;
    doc->error = NULL;
    doc->offset = 0;

    if (len > NGX_LITELLM_JSON_LEN_MAX) {
        return ngx_litellm_json_fail(doc, text, text, "text is too long");
    }

    keep = doc->keep ? doc->keep : NGX_MAX_UINT32_VALUE;
    top = keep;

    sought = (doc->nwatch || doc->whole.len) ? ngx_litellm_json_sought(doc)
                                             : 0;

    max_depth = doc->max_depth ? doc->max_depth : NGX_LITELLM_JSON_DEPTH;
    max_depth = ngx_min(max_depth, NGX_LITELLM_JSON_DEPTH_MAX);

    p = text;
    last = text + len;
    room = (len > NGX_LITELLM_JSON_ROOM) ? last - NGX_LITELLM_JSON_ROOM : text;
    depth = 0;
    close = 0;
    cur = 0;

    if (vector) {
        ngx_litellm_json_look(&block, p, last);
    }

value:

    p = ngx_litellm_json_blank(p, last, vector);

    if (ngx_litellm_unlikely(p == last)) {
        error = depth ? "text ends before a value" : "text is empty";
        goto failed;
    }

    if (ngx_litellm_likely(*p == '"')) {

string:

        start = p;

        p = ngx_litellm_json_string(doc, text, p + 1, last, &block, &flags,
                                    vector);

        if (ngx_litellm_unlikely(p == NULL)) {
            return NGX_DECLINED;
        }

        n = NGX_LITELLM_JSON_STRING;
        goto scalar;
    }

    start = p;
    flags = 0;

    /* '[' is 0x5b, '{' is 0x7b */

    if ((*p | 0x20) == '{') {

        if (depth == max_depth) {
            error = "nested too deep";
            goto failed;
        }

        if (depth < keep) {
            v = ngx_litellm_json_push(doc, p, *p == '{'
                                              ? NGX_LITELLM_JSON_OBJECT
                                              : NGX_LITELLM_JSON_ARRAY);
            if (v == NULL) {
                goto no_node;
            }

            v->next = cur;
            cur = v - doc->mem;
        }

        stack[depth++] = close;             /* of the one around this one */
        close = *p + 2;

        p = ngx_litellm_json_blank(p + 1, last, vector);

        if (p < last && *p == close) {
            goto close;
        }

        if (close == '}') {
            goto name;
        }

        goto value;
    }

    switch (*p) {

    case '-':
    case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9':
        p = ngx_litellm_json_number(p, last);

        if (p == NULL) {
            p = start;
            error = "invalid number";
            goto failed;
        }

        n = NGX_LITELLM_JSON_NUMBER;
        break;

    case 't':
        if (last - p < 4 || ngx_memcmp(p, "true", 4) != 0) {
            goto no_value;
        }

        p += 4;
        n = NGX_LITELLM_JSON_TRUE;
        break;

    case 'f':
        if (last - p < 5 || ngx_memcmp(p, "false", 5) != 0) {
            goto no_value;
        }

        p += 5;
        n = NGX_LITELLM_JSON_FALSE;
        break;

    case 'n':
        if (last - p < 4 || ngx_memcmp(p, "null", 4) != 0) {
            goto no_value;
        }

        p += 4;
        n = NGX_LITELLM_JSON_NULL;
        break;

    default:
        goto no_value;
    }

scalar:

    if (depth < keep) {
        v = ngx_litellm_json_push(doc, start, n);
        if (v == NULL) {
            goto no_node;
        }

        v->len = p - start;
        v->flags = flags;
    }

behind:

    if (depth == 0) {
        p = ngx_litellm_json_blank(p, last, vector);

        if (p != last) {
            error = "unexpected text behind the value";
            goto failed;
        }

        doc->root = doc->mem;
        return NGX_OK;
    }

    if (ngx_litellm_likely(p < room)) {

        /* the next member, as most writers put it */

        if (*p == ',' && close == '}') {

            if (depth <= keep) {
                doc->mem[cur].count++;
            }

            p++;

            if (*p == ' ') {
                p++;
            }

            if (ngx_litellm_likely(*p == '"')) {
                goto key;
            }

            p = ngx_litellm_json_blank(p, last, vector);

            goto name;
        }
    }

    if (ngx_litellm_unlikely(p >= room || *p <= ' ')) {
        p = ngx_litellm_json_blank(p, last, vector);

        if (ngx_litellm_unlikely(p == last)) {
            error = "text ends in an array or object";
            goto failed;
        }
    }

    if (*p == close) {
        if (depth <= keep) {
            v = &doc->mem[cur];
            v->count++;

            if (depth == keep) {
                v->flags |= NGX_LITELLM_JSON_SKIPPED;
            }
        }

        goto close;
    }

    if (*p != ',') {
        error = (close == '}') ? "expected ',' or '}'"
                               : "expected ',' or ']'";
        goto failed;
    }

    p++;

    if (depth <= keep) {
        doc->mem[cur].count++;
    }

    if (close == ']') {
        goto value;
    }

    p = ngx_litellm_json_blank(p, last, vector);

name:

    if (ngx_litellm_unlikely(p == last || *p != '"')) {
        error = (p == last) ? "text ends in an object"
                            : "expected a name in quotes";
        goto failed;
    }

key:

    start = p;

    p = ngx_litellm_json_string(doc, text, p + 1, last, &block, &flags,
                                vector);

    if (ngx_litellm_unlikely(p == NULL)) {
        return NGX_DECLINED;
    }

    if (depth == 1) {
        keep = top;
    }

    if (depth < keep) {
        v = ngx_litellm_json_push(doc, start, NGX_LITELLM_JSON_STRING);
        if (v == NULL) {
            goto no_node;
        }

        v->len = p - start;
        v->flags = flags;
    }

    /* with an escape, which is bit 0 of flags, it may be any name */

    if (ngx_litellm_unlikely(((sought >> ngx_litellm_json_bit(p - start,
                                                              start[1]))
                              | flags) & NGX_LITELLM_JSON_ESCAPED))
    {
        if (ngx_litellm_json_name(doc, start, p, flags)
            && depth == 1 && top > 1)
        {
            keep = NGX_MAX_UINT32_VALUE;
        }
    }

    if (ngx_litellm_likely(p < room && *p == ':')) {
        p++;

        if (*p == ' ') {
            p++;
        }

        if (*p == '"') {
            goto string;
        }

        goto value;
    }

    p = ngx_litellm_json_blank(p, last, vector);

    if (ngx_litellm_unlikely(p == last || *p != ':')) {
        error = (p == last) ? "text ends in an object" : "expected ':'";
        goto failed;
    }

    p++;

    goto value;

close:

    p++;
    close = stack[--depth];

    if (depth < keep) {
        v = &doc->mem[cur];

        up = v->next;
        v->next = doc->nodes - cur;
        v->len = p - v->start;
        cur = up;
    }

    goto behind;

no_value:

    error = (p == text && len >= 3 && ngx_memcmp(p, "\xef\xbb\xbf", 3) == 0)
            ? "text starts with a byte order mark" : "expected a value";

failed:

    return ngx_litellm_json_fail(doc, text, p, error);

no_node:

    return doc->error ? ngx_litellm_json_fail(doc, text, start, doc->error)
                      : NGX_ERROR;
}


ngx_int_t
ngx_litellm_json_parse(ngx_litellm_json_doc_t *doc, u_char *text, size_t len)
{
#if (NGX_LITELLM_SCAN_VECTOR)

    if (len >= NGX_LITELLM_SCAN_BLOCK) {
        return ngx_litellm_json_run(doc, text, len, 1);
    }

#endif

    return ngx_litellm_json_run(doc, text, len, 0);
}


ngx_int_t
ngx_litellm_json_parse_plain(ngx_litellm_json_doc_t *doc, u_char *text,
    size_t len)
{
    return ngx_litellm_json_run(doc, text, len, 0);
}


static ngx_litellm_scan_noinline ngx_int_t
ngx_litellm_json_fail(ngx_litellm_json_doc_t *doc, u_char *text, u_char *p,
    const char *error)
{
    doc->error = error;
    doc->offset = p - text;

    return NGX_DECLINED;
}


static ngx_litellm_scan_noinline ngx_int_t
ngx_litellm_json_grow(ngx_litellm_json_doc_t *doc)
{
    ngx_uint_t           n, max;
    ngx_litellm_json_t  *mem;

    max = doc->max_nodes ? doc->max_nodes : NGX_LITELLM_JSON_NODES;
    max = ngx_min(max, NGX_MAX_INT32_VALUE);

    if (doc->nodes >= max) {
        doc->error = "too many values";
        return NGX_DECLINED;
    }

    n = doc->nalloc ? doc->nalloc * 2 : NGX_LITELLM_JSON_FIRST;
    n = ngx_min(n, max);

    mem = ngx_palloc(doc->pool, n * sizeof(ngx_litellm_json_t));
    if (mem == NULL) {
        return NGX_ERROR;
    }

    if (doc->mem) {
        ngx_memcpy(mem, doc->mem, doc->nodes * sizeof(ngx_litellm_json_t));
        ngx_pfree(doc->pool, doc->mem);
    }

    doc->mem = mem;
    doc->nalloc = n;

    return NGX_OK;
}


/* the bits of all names looked for */

static ngx_litellm_scan_noinline uint64_t
ngx_litellm_json_sought(ngx_litellm_json_doc_t *doc)
{
    uint64_t    bits;
    ngx_str_t  *name;
    ngx_uint_t  i;

    bits = 0;
    name = &doc->whole;

    if (name->len) {
        bits |= (uint64_t) 1 << ngx_litellm_json_bit(name->len + 2,
                                                     name->data[0]);
    }

    for (i = 0; i < doc->nwatch; i++) {
        doc->watch[i].found = NULL;
        name = &doc->watch[i].name;

        bits |= (uint64_t) 1 << ngx_litellm_json_bit(name->len + 2,
                                                     name->len ? name->data[0]
                                                               : '"');
    }

    return bits;
}


/* notes names that are watched; true for the one to be kept whole */

static ngx_litellm_scan_noinline ngx_uint_t
ngx_litellm_json_name(ngx_litellm_json_doc_t *doc, u_char *start, u_char *end,
    ngx_uint_t flags)
{
    ngx_str_t                 *name;
    ngx_uint_t                 i;
    ngx_litellm_json_t         key;
    ngx_litellm_json_watch_t  *w;

    key.start = start;
    key.len = end - start;
    key.type = NGX_LITELLM_JSON_STRING;
    key.flags = (uint8_t) flags;

    for (i = 0; i < doc->nwatch; i++) {
        w = &doc->watch[i];

        if (w->found == NULL
            && (flags || (w->name.len + 2 == key.len
                          && ngx_memcmp(w->name.data, start + 1, w->name.len)
                             == 0)))
        {
            w->found = start;
        }
    }

    name = &doc->whole;

    return name->len
           && ngx_litellm_json_equal(&key, (char *) name->data, name->len);
}


/* the rest of a string: large steps, and small ones around what stops them */

static ngx_litellm_scan_noinline u_char *
ngx_litellm_json_long(ngx_litellm_json_doc_t *doc, u_char *text, u_char *p,
    u_char *last, ngx_uint_t *flags)
{
    u_char      *until;
    ngx_uint_t   end;

    for ( ;; ) {
        p = ngx_litellm_scan_inside(p, last, &end, flags);

        if (end) {
            return p + 1;
        }

        until = (last - p > 64) ? p + 64 : last;

        do {
            p = ngx_litellm_scan_string(p, last);

            if (p == last) {
                ngx_litellm_json_fail(doc, text, p, "text ends in a string");
                return NULL;
            }

            if (*p == '"') {
                return p + 1;
            }

            p = ngx_litellm_json_special(doc, text, p, last, flags);

            if (p == NULL) {
                return NULL;
            }

        } while (p < until);
    }
}


static ngx_litellm_scan_noinline u_char *
ngx_litellm_json_long_plain(ngx_litellm_json_doc_t *doc, u_char *text,
    u_char *p, u_char *last, ngx_uint_t *flags)
{
    for ( ;; ) {
        p = ngx_litellm_scan_string_plain(p, last);

        if (p == last) {
            ngx_litellm_json_fail(doc, text, p, "text ends in a string");
            return NULL;
        }

        if (*p == '"') {
            return p + 1;
        }

        p = ngx_litellm_json_special(doc, text, p, last, flags);

        if (p == NULL) {
            return NULL;
        }
    }
}


/*
 * What is neither plain nor the end of a string: as many escapes and
 * multi-byte sequences as stand side by side.  Returns the place behind them;
 * NULL with the error set.
 */

static ngx_litellm_scan_noinline u_char *
ngx_litellm_json_special(ngx_litellm_json_doc_t *doc, u_char *text,
    u_char *p, u_char *last, ngx_uint_t *flags)
{
    u_char      c;
    uint32_t    code;
    ngx_uint_t  n, high;

    /* an escaped high surrogate ends at the place "p" */
    high = 0;

    while (p < last) {
        c = *p;

        if (c >= 0x80) {

            n = ngx_litellm_scan_utf8(p, last);

            if (n == 0) {
                ngx_litellm_json_fail(doc, text, p, "invalid utf-8");
                return NULL;
            }

            if (high) {
                *flags |= NGX_LITELLM_JSON_SURROGATE;
                high = 0;
            }

            p += n;
            continue;
        }

        if (c < 0x20) {
            ngx_litellm_json_fail(doc, text, p,
                                  "control character in a string");
            return NULL;
        }

        if (c != '\\') {
            break;
        }

        *flags |= NGX_LITELLM_JSON_ESCAPED;

        if (last - p < 2) {
            ngx_litellm_json_fail(doc, text, p, "text ends in a string");
            return NULL;
        }

        switch (p[1]) {

        case '"': case '\\': case '/':
        case 'b': case 'f': case 'n': case 'r': case 't':
            if (high) {
                *flags |= NGX_LITELLM_JSON_SURROGATE;
                high = 0;
            }

            p += 2;
            continue;

        case 'u':
            break;

        default:
            ngx_litellm_json_fail(doc, text, p, "invalid escape");
            return NULL;
        }

        if (last - p < 6) {
            ngx_litellm_json_fail(doc, text, p, "text ends in a string");
            return NULL;
        }

        if ((ngx_litellm_json_hex[p[2]] | ngx_litellm_json_hex[p[3]]
             | ngx_litellm_json_hex[p[4]] | ngx_litellm_json_hex[p[5]])
            & 0x80)
        {
            ngx_litellm_json_fail(doc, text, p, "invalid escape");
            return NULL;
        }

        /* the upper six bits of the code unit tell a surrogate's kind */

        code = (ngx_litellm_json_hex[p[2]] << 4)
               | (ngx_litellm_json_hex[p[3]] & 0xc);

        if (code == 0xdc) {
            if (!high) {
                *flags |= NGX_LITELLM_JSON_SURROGATE;
            }

            high = 0;

        } else {
            if (high) {
                *flags |= NGX_LITELLM_JSON_SURROGATE;
            }

            high = (code == 0xd8);
        }

        p += 6;
    }

    if (high) {
        *flags |= NGX_LITELLM_JSON_SURROGATE;
    }

    return p;
}


/* RFC 8259 section 6; NULL for what is no number */

static u_char *
ngx_litellm_json_number(u_char *p, u_char *last)
{
    if (*p == '-') {
        p++;

        if (p == last) {
            return NULL;
        }
    }

    if (*p == '0') {
        p++;

    } else if (*p >= '1' && *p <= '9') {
        do { p++; } while (p < last && (u_char) (*p - '0') < 10);

    } else {
        return NULL;
    }

    if (p < last && *p == '.') {
        p++;

        if (p == last || (u_char) (*p - '0') >= 10) {
            return NULL;
        }

        do { p++; } while (p < last && (u_char) (*p - '0') < 10);
    }

    if (p < last && (*p | 0x20) == 'e') {
        p++;

        if (p < last && (*p == '+' || *p == '-')) {
            p++;
        }

        if (p == last || (u_char) (*p - '0') >= 10) {
            return NULL;
        }

        do { p++; } while (p < last && (u_char) (*p - '0') < 10);
    }

    return p;
}
