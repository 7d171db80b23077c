
/*
 * Grounding of a Gemini answer (groundingMetadata) as OpenAI's annotations.
 *
 * A segment of the text is given by bytes of the part it is in, as UTF-8; in
 * OpenAI's url_citation it is given by characters of the whole content.  The
 * place is found by walking over the texts, from segment to segment, which
 * come in order; since they need not, what is walked in all is bounded, and
 * so is the number of segments and of pages, and what a page's address takes.
 */

#include "ngx_litellm_gemini.h"


#define NGX_LITELLM_GEMINI_PAGES     256
#define NGX_LITELLM_GEMINI_SEGMENTS  512
#define NGX_LITELLM_GEMINI_URL       4096
#define NGX_LITELLM_GEMINI_TITLE     1024
#define NGX_LITELLM_GEMINI_CITE                                               \
    (NGX_LITELLM_GEMINI_URL + NGX_LITELLM_GEMINI_TITLE + 256)


/* a place in the texts */
typedef struct {
    ngx_str_t      *texts;
    ngx_uint_t      ntexts;
    ngx_uint_t      text;       /* the one the place is in */
    size_t          offset;     /* in its J-string */
    uint64_t        bytes;      /* before it, of the texts' UTF-8 */
    uint64_t        chars;
    uint64_t        walked;
    uint64_t        limit;
    u_char         *buf;        /* of NGX_LITELLM_GEMINI_CITE bytes */
} ngx_litellm_gemini_place_t;


static ngx_int_t ngx_litellm_gemini_segment(
    ngx_litellm_gemini_place_t *place, ngx_litellm_json_t *support,
    ngx_litellm_json_t *page, ngx_uint_t joined,
    ngx_litellm_gemini_cite_pt cite, void *data);
static uint64_t ngx_litellm_gemini_start(ngx_litellm_gemini_place_t *place,
    ngx_uint_t text);
static ngx_uint_t ngx_litellm_gemini_walk(ngx_litellm_gemini_place_t *place,
    uint64_t bytes, ngx_uint_t text);
static size_t ngx_litellm_gemini_step(u_char *p, u_char *last,
    ngx_uint_t *bytes);
static ngx_litellm_json_t *ngx_litellm_gemini_page(ngx_litellm_json_t *v);
static uint64_t ngx_litellm_gemini_number(ngx_litellm_json_t *v,
    const char *name, size_t len);


ngx_int_t
ngx_litellm_gemini_grounding(ngx_pool_t *pool, ngx_litellm_json_t *v,
    ngx_str_t *texts, ngx_uint_t ntexts, ngx_uint_t joined,
    ngx_litellm_gemini_cite_pt cite, void *data)
{
    u_char                      *p;
    int64_t                      n;
    ngx_int_t                    rc;
    ngx_uint_t                   i, npages;
    ngx_litellm_json_t          *chunks, *supports, *m, **page;
    ngx_litellm_gemini_place_t   place;

    chunks = ngx_litellm_json_member(v, "groundingChunks");
    supports = ngx_litellm_json_member(v, "groundingSupports");

    if (!ngx_litellm_json_is(chunks, ARRAY) || chunks->count == 0
        || !ngx_litellm_json_is(supports, ARRAY) || supports->count == 0)
    {
        return NGX_OK;
    }

    npages = ngx_min(chunks->count, NGX_LITELLM_GEMINI_PAGES);

    page = ngx_palloc(pool, npages * sizeof(ngx_litellm_json_t *));
    p = ngx_pnalloc(pool, NGX_LITELLM_GEMINI_CITE);

    if (page == NULL || p == NULL) {
        return NGX_ERROR;
    }

    m = chunks + 1;

    for (i = 0; i < npages; i++) {
        page[i] = ngx_litellm_gemini_page(m);
        m = ngx_litellm_json_next(m);
    }

    ngx_memzero(&place, sizeof(ngx_litellm_gemini_place_t));
    place.texts = texts;
    place.ntexts = ntexts;
    place.limit = 65536;
    place.buf = p;

    for (i = 0; i < ntexts; i++) {
        place.limit += 8 * texts[i].len;
    }

    v = supports + 1;

    for (i = 0; i < ngx_min(supports->count, NGX_LITELLM_GEMINI_SEGMENTS);
         i++)
    {
        m = ngx_litellm_json_member(v, "groundingChunkIndices");

        if (ngx_litellm_json_is(m, ARRAY) && m->count
            && ngx_litellm_json_int(m + 1, &n) == NGX_OK
            && n >= 0 && n < (int64_t) npages && page[n] != NULL)
        {
            rc = ngx_litellm_gemini_segment(&place, v, page[n], joined, cite,
                                            data);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        v = ngx_litellm_json_next(v);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gemini_segment(ngx_litellm_gemini_place_t *place,
    ngx_litellm_json_t *support,
    ngx_litellm_json_t *page, ngx_uint_t joined,
    ngx_litellm_gemini_cite_pt cite, void *data)
{
    u_char              *p;
    uint64_t             from, to, base, part, start;
    ngx_str_t            text;
    ngx_litellm_json_t  *segment, *url, *title;

    segment = ngx_litellm_json_member(support, "segment");

    from = ngx_litellm_gemini_number(segment, "startIndex",
                                     sizeof("startIndex") - 1);
    to = ngx_litellm_gemini_number(segment, "endIndex",
                                   sizeof("endIndex") - 1);
    part = ngx_litellm_gemini_number(segment, "partIndex",
                                     sizeof("partIndex") - 1);

    base = 0;

    if (part && !joined) {

        if (part >= place->ntexts) {
            return NGX_OK;
        }

        base = ngx_litellm_gemini_start(place, part);
    }

    if (!ngx_litellm_gemini_walk(place, base + from, place->ntexts)) {
        return NGX_OK;
    }

    start = place->chars;

    if (!ngx_litellm_gemini_walk(place, base + to, place->ntexts)) {
        return NGX_OK;
    }

    url = ngx_litellm_json_member(page, "uri");
    title = ngx_litellm_json_member(page, "title");

    if (title && title->len > NGX_LITELLM_GEMINI_TITLE) {
        title = NULL;
    }

    text.data = place->buf;

    p = ngx_litellm_citation_write(text.data, url, title, start, place->chars);
    text.len = p - text.data;

    return cite(data, &text);
}


/* the bytes before a text */

static uint64_t
ngx_litellm_gemini_start(ngx_litellm_gemini_place_t *place, ngx_uint_t text)
{
    (void) ngx_litellm_gemini_walk(place, (uint64_t) -1, text);

    return place->bytes;
}


/*
 * To a byte of all texts, or to the start of a text if that is before it; from
 * the beginning again if the place is behind.  False: enough was walked.
 */

static ngx_uint_t
ngx_litellm_gemini_walk(ngx_litellm_gemini_place_t *place, uint64_t bytes,
    ngx_uint_t text)
{
    size_t       len;
    ngx_uint_t   n;
    ngx_str_t   *s;

    if (place->bytes > bytes || place->text > text
        || (place->text == text && place->offset))
    {
        place->text = 0;
        place->offset = 0;
        place->bytes = 0;
        place->chars = 0;
    }

    while (place->text < text && place->text < place->ntexts
           && place->bytes < bytes)
    {
        s = &place->texts[place->text];

        if (place->offset >= s->len) {
            place->text++;
            place->offset = 0;
            continue;
        }

        if (place->walked > place->limit) {
            return 0;
        }

        len = ngx_litellm_gemini_step(s->data + place->offset,
                                      s->data + s->len, &n);

        place->offset += len;
        place->walked += len;
        place->bytes += n;
        place->chars++;
    }

    return 1;
}


/* one character of a J-string: its length there, and its bytes as UTF-8 */

static size_t
ngx_litellm_gemini_step(u_char *p, u_char *last, ngx_uint_t *bytes)
{
    size_t     len;
    ngx_int_t  c;

    *bytes = 1;

    if (*p == '\\' && last - p >= 2) {

        if (p[1] != 'u' || last - p < 6) {
            return 2;
        }

        c = ngx_hextoi(p + 2, 4);

        if (c >= 0xd800 && c < 0xdc00) {

            /* a pair, if it is one */

            *bytes = 3;

            if (last - p >= 12 && p[6] == '\\' && p[7] == 'u') {
                c = ngx_hextoi(p + 8, 4);

                if (c >= 0xdc00 && c < 0xe000) {
                    *bytes = 4;
                    return 12;
                }
            }

            return 6;
        }

        *bytes = (c < 0x80) ? 1 : (c < 0x800) ? 2 : 3;

        return 6;
    }

    len = 1;

    while (p + len < last && (p[len] & 0xc0) == 0x80) {
        len++;
    }

    *bytes = len;

    return len;
}


/* the object with the page's address, of whatever kind it is */

static ngx_litellm_json_t *
ngx_litellm_gemini_page(ngx_litellm_json_t *v)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *m, *uri;

    static const ngx_str_t  kinds[] = {
        ngx_string("web"),
        ngx_string("retrievedContext"),
        ngx_string("maps")
    };

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {

        m = ngx_litellm_json_get(v, (char *) kinds[i].data, kinds[i].len);

        uri = ngx_litellm_json_member(m, "uri");

        if (ngx_litellm_json_is(uri, STRING)
            && uri->len <= NGX_LITELLM_GEMINI_URL)
        {
            return m;
        }
    }

    return NULL;
}


/* an index that is not said is 0 */

static uint64_t
ngx_litellm_gemini_number(ngx_litellm_json_t *v, const char *name, size_t len)
{
    return (uint64_t) ngx_litellm_call_count(v, name, len, 0);
}
