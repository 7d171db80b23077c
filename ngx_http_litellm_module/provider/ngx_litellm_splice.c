
/*
 * Edits of a JSON text on its way to a provider that speaks the client's
 * dialect (architecture 3: the body is never rebuilt).  Used by the OpenAI
 * dialect for whole bodies; knows JSON only as nodes that say where members
 * begin and end.
 *
 * Invariants: outside the edited ranges the bytes written are the text's own,
 * in their order; a valid JSON text with members taken out or put in stays
 * valid.  Edits may be made in any order; writing sorts them in O(n log n),
 * as their number is the client's choice.
 */

#include "ngx_litellm_splice.h"


#define NGX_LITELLM_SPLICE_REF     1024

/* bytes that one of a text may need in a JSON string */
#define NGX_LITELLM_SPLICE_ESCAPE  6


static ngx_litellm_edit_t *ngx_litellm_splice_add(ngx_litellm_splice_t *sp,
    u_char *start, u_char *end);
static void ngx_litellm_splice_pieces(ngx_litellm_splice_t *sp,
    ngx_litellm_out_t *out);
static ngx_chain_t *ngx_litellm_splice_buf(ngx_litellm_out_t *out,
    size_t wanted);
static void ngx_litellm_splice_sort(ngx_litellm_splice_t *sp);
static int ngx_libc_cdecl ngx_litellm_splice_cmp(const void *one,
    const void *two);


void
ngx_litellm_splice_init(ngx_litellm_splice_t *sp, ngx_pool_t *pool,
    ngx_str_t *text)
{
    sp->pool = pool;
    sp->text = *text;
    sp->edits = sp->own;
    sp->nedits = 0;
    sp->nalloc = NGX_LITELLM_SPLICE_EDITS;
    sp->added = 0;
    sp->failed = 0;
}


void
ngx_litellm_splice_reuse(ngx_litellm_splice_t *sp, ngx_str_t *text)
{
    sp->text = *text;
    sp->nedits = 0;
    sp->added = 0;
    sp->failed = 0;
}


static ngx_litellm_edit_t *
ngx_litellm_splice_add(ngx_litellm_splice_t *sp, u_char *start, u_char *end)
{
    ngx_litellm_edit_t  *edit;

    if (sp->nedits == sp->nalloc) {
        edit = ngx_palloc(sp->pool, 2 * sp->nalloc * sizeof(*edit));
        if (edit == NULL) {
            sp->failed = 1;
            return NULL;
        }

        ngx_memcpy(edit, sp->edits, sp->nedits * sizeof(*edit));

        if (sp->edits != sp->own) {
            (void) ngx_pfree(sp->pool, sp->edits);
        }

        sp->edits = edit;
        sp->nalloc *= 2;
    }

    edit = &sp->edits[sp->nedits];

    edit->start = start;
    edit->end = end;
    edit->number = sp->nedits++;
    edit->quote = 0;
    ngx_str_null(&edit->text);

    return edit;
}


void
ngx_litellm_splice_replace(ngx_litellm_splice_t *sp, u_char *start,
    u_char *end, const u_char *text, size_t len)
{
    ngx_litellm_edit_t  *edit;

    edit = ngx_litellm_splice_add(sp, start, end);
    if (edit == NULL) {
        return;
    }

    edit->text.data = (u_char *) text;
    edit->text.len = len;
    sp->added += len;
}


void
ngx_litellm_splice_string(ngx_litellm_splice_t *sp, u_char *start,
    u_char *end, ngx_str_t *text)
{
    ngx_litellm_edit_t  *edit;

    edit = ngx_litellm_splice_add(sp, start, end);
    if (edit == NULL) {
        return;
    }

    edit->text = *text;
    edit->quote = 1;

    /* most names need no escapes; out allocates more for one that does */
    sp->added += text->len + 2;
}


/*
 * A member goes with the comma before it; the first ones, which have none,
 * with everything up to the next member.
 */

void
ngx_litellm_splice_object(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *object, ngx_litellm_add_t *adds, ngx_uint_t nadds)
{
    u_char              *end;
    ngx_uint_t           i, kept;
    ngx_litellm_json_t  *key, *value;

    kept = 0;
    end = object->start + 1;
    key = object + 1;

    for (i = 0; i < object->count; i++) {
        value = ngx_litellm_json_next(key);

        if (!(value->flags & NGX_LITELLM_JSON_DROPPED)) {
            kept++;

        } else if (kept) {
            ngx_litellm_splice_replace(sp, end, value->start + value->len,
                                       NULL, 0);

        } else if (i + 1 < object->count) {
            ngx_litellm_splice_replace(sp, key->start,
                                       ngx_litellm_json_next(value)->start,
                                       NULL, 0);

        } else {
            ngx_litellm_splice_replace(sp, key->start,
                                       value->start + value->len, NULL, 0);
        }

        end = value->start + value->len;
        key = ngx_litellm_json_next(value);
    }

    for (i = 0; i < nadds; i++) {

        if (kept++) {
            ngx_litellm_splice_lit(sp, end, end, ",\"");

        } else {
            ngx_litellm_splice_lit(sp, end, end, "\"");
        }

        ngx_litellm_splice_replace(sp, end, end, adds[i].key.data,
                                   adds[i].key.len);
        ngx_litellm_splice_lit(sp, end, end, "\":");
        ngx_litellm_splice_replace(sp, end, end, adds[i].value.data,
                                   adds[i].value.len);
    }
}


void
ngx_litellm_splice_array(ngx_litellm_splice_t *sp, ngx_litellm_json_t *array)
{
    u_char              *end;
    ngx_uint_t           i, kept;
    ngx_litellm_json_t  *v, *next;

    kept = 0;
    end = array->start + 1;
    v = array + 1;

    for (i = 0; i < array->count; i++, v = next) {
        next = ngx_litellm_json_next(v);

        if (!(v->flags & NGX_LITELLM_JSON_DROPPED)) {
            kept++;

        } else if (kept) {
            ngx_litellm_splice_replace(sp, end, v->start + v->len, NULL, 0);

        } else if (i + 1 < array->count) {
            ngx_litellm_splice_replace(sp, v->start, next->start, NULL, 0);

        } else {
            ngx_litellm_splice_replace(sp, v->start, v->start + v->len, NULL,
                                       0);
        }

        end = v->start + v->len;
    }
}


void
ngx_litellm_splice_cut(ngx_litellm_splice_t *sp, ngx_litellm_json_t *array,
    ngx_uint_t n)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *v;

    if (n == 0 || array->count <= n) {
        return;
    }

    v = array + 1;

    for (i = 1; i < n; i++) {
        v = ngx_litellm_json_next(v);
    }

    ngx_litellm_splice_replace(sp, v->start + v->len,
                               array->start + array->len - 1, NULL, 0);
}


ngx_int_t
ngx_litellm_splice_write(ngx_litellm_splice_t *sp, ngx_litellm_out_t *out)
{
    size_t  chunk, ref;

    if (sp->failed) {
        return NGX_ERROR;
    }

    chunk = out->chunk;
    ref = out->ref_min;

    if (sp->nedits == 0) {
        out->ref_min = 1;

    } else {

        /*
         * What is long stays where it is: a link costs less than a copy into
         * memory that is not in the cache, and over TLS all is copied anyway.
         * What is short goes into one buffer.
         */

        out->chunk = ngx_min(sp->text.len, NGX_LITELLM_SPLICE_REF)
                     + sp->added;
        out->ref_min = NGX_LITELLM_SPLICE_REF;
    }

    ngx_litellm_splice_pieces(sp, out);

    out->chunk = chunk;
    out->ref_min = ref;

    return out->failed ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_litellm_splice_text(ngx_litellm_splice_t *sp, ngx_str_t *buf,
    ngx_str_t *dst)
{
    size_t              len;
    u_char             *p;
    ngx_buf_t           b;
    ngx_uint_t          i;
    ngx_chain_t         cl;
    ngx_litellm_out_t   out;

    if (sp->failed) {
        return NGX_ERROR;
    }

    len = sp->text.len + sp->added;

    for (i = 0; i < sp->nedits; i++) {
        if (sp->edits[i].quote) {
            len += sp->edits[i].text.len * (NGX_LITELLM_SPLICE_ESCAPE - 1);
        }
    }

    if (buf->len < len) {

        /* not a little more for every text that is a little longer */

        len = ngx_max(len, 2 * buf->len);

        p = ngx_palloc(sp->pool, len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (buf->data != NULL) {
            (void) ngx_pfree(sp->pool, buf->data);
        }

        buf->data = p;
        buf->len = len;
    }

    ngx_memzero(&b, sizeof(ngx_buf_t));

    b.start = buf->data;
    b.pos = buf->data;
    b.last = buf->data;
    b.end = buf->data + buf->len;
    b.temporary = 1;

    cl.buf = &b;
    cl.next = NULL;

    ngx_litellm_out_init(&out, sp->pool);

    out.more = ngx_litellm_splice_buf;
    out.data = &cl;

    ngx_litellm_splice_pieces(sp, &out);

    if (out.failed) {
        return NGX_ERROR;
    }

    dst->data = b.pos;
    dst->len = out.size;

    return NGX_OK;
}


/* ngx_litellm_out_t's source: the one buffer, which is large enough */

static ngx_chain_t *
ngx_litellm_splice_buf(ngx_litellm_out_t *out, size_t wanted)
{
    ngx_chain_t  *cl;

    cl = out->data;
    out->data = NULL;

    return cl;
}


static void
ngx_litellm_splice_pieces(ngx_litellm_splice_t *sp, ngx_litellm_out_t *out)
{
    u_char              *p, *last;
    ngx_uint_t           i;
    ngx_litellm_edit_t  *edit;

    p = sp->text.data;
    last = p + sp->text.len;

    if (sp->nedits) {
        ngx_litellm_splice_sort(sp);
    }

    for (i = 0; i < sp->nedits; i++) {
        edit = &sp->edits[i];

        if (edit->start < p) {
            continue;
        }

        if (edit->start > p) {
            ngx_litellm_out_ref(out, p, edit->start - p);
        }

        if (edit->quote) {
            ngx_litellm_out_json(out, &edit->text);

        } else if (edit->text.len) {
            ngx_litellm_out_ref(out, edit->text.data, edit->text.len);
        }

        p = edit->end;
    }

    if (p < last) {
        ngx_litellm_out_ref(out, p, last - p);
    }
}


static void
ngx_litellm_splice_sort(ngx_litellm_splice_t *sp)
{
    ngx_uint_t           i, j;
    ngx_litellm_edit_t  *edits, edit;

    edits = sp->edits;

    if (sp->nedits > NGX_LITELLM_SPLICE_EDITS) {
        ngx_qsort(edits, sp->nedits, sizeof(ngx_litellm_edit_t),
                  ngx_litellm_splice_cmp);
        return;
    }

    for (i = 1; i < sp->nedits; i++) {

        if (ngx_litellm_splice_cmp(&edits[i - 1], &edits[i]) < 0) {
            continue;
        }

        edit = edits[i];

        for (j = i; j > 0; j--) {
            if (ngx_litellm_splice_cmp(&edits[j - 1], &edit) < 0) {
                break;
            }

            edits[j] = edits[j - 1];
        }

        edits[j] = edit;
    }
}


/*
 * By place; what is put in at a place comes before what is taken away from
 * there, in the order it was asked for; of ranges the longest comes first.
 */

static int ngx_libc_cdecl
ngx_litellm_splice_cmp(const void *one, const void *two)
{
    ngx_uint_t                 put1, put2;
    const ngx_litellm_edit_t  *a, *b;

    a = one;
    b = two;

    if (a->start != b->start) {
        return a->start < b->start ? -1 : 1;
    }

    put1 = (a->start == a->end);
    put2 = (b->start == b->end);

    if (put1 != put2) {
        return put1 ? -1 : 1;
    }

    if (!put1 && a->end != b->end) {
        return a->end > b->end ? -1 : 1;
    }

    return a->number < b->number ? -1 : 1;
}
