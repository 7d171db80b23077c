
/*
 * Edits below the top level of a body that passes: forms that LiteLLM's
 * callers use and OpenAI does not take (an image_url that is a text, "format"
 * beside it, a file without a name), paths of additional_drop_params
 * ("tools[*].function.strict"), members of one name, and what the provider's
 * variant edits.
 *
 * They need every node of the body, so they are made only if open() met a key
 * that they are about, the text has the name that a path ends with, or the
 * variant asks for it.
 * All walks are over the flat list of nodes or along a path of bounded length.
 */

#include "ngx_litellm_openai_dialect.h"


#define NGX_LITELLM_OPENAI_STEPS     16     /* of a path */
#define NGX_LITELLM_OPENAI_MEMBERS   16     /* of most objects */
#define NGX_LITELLM_OPENAI_SORTED    1000   /* larger ones are not looked at
                                               for members of one name */

/* our own flag, beside those of ngx_litellm_json.h: of an object */
#define NGX_LITELLM_OPENAI_NAMELESS  0x80   /* a file that needs a name */


typedef enum {
    NGX_LITELLM_OPENAI_NAME = 0,
    NGX_LITELLM_OPENAI_ALL,                 /* [*] */
    NGX_LITELLM_OPENAI_INDEX                /* [n] */
} ngx_litellm_openai_step_e;


typedef struct {
    ngx_litellm_openai_step_e    type;
    ngx_str_t                    name;
    ngx_uint_t                   n;
} ngx_litellm_openai_step_t;


typedef struct {
    ngx_str_t                    name;
    ngx_litellm_json_t          *value;
} ngx_litellm_openai_key_t;


static ngx_uint_t ngx_litellm_openai_needed(ngx_litellm_call_t *call,
    ngx_array_t *paths);
static void ngx_litellm_openai_inherit(ngx_litellm_json_t *root,
    ngx_litellm_json_t *top);
static ngx_int_t ngx_litellm_openai_steps(ngx_str_t *path,
    ngx_litellm_openai_step_t *steps, ngx_uint_t *nsteps);
static void ngx_litellm_openai_walk(ngx_litellm_json_t *v,
    ngx_litellm_openai_step_t *step, ngx_uint_t nsteps);
static void ngx_litellm_openai_parts(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *root);
static void ngx_litellm_openai_part(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *part);
static ngx_int_t ngx_litellm_openai_unique(ngx_pool_t *pool,
    ngx_litellm_json_doc_t *doc);
static ngx_int_t ngx_litellm_openai_unique_members(ngx_pool_t *pool,
    ngx_litellm_json_t *object);
static int ngx_libc_cdecl ngx_litellm_openai_key_cmp(const void *one,
    const void *two);
static void ngx_litellm_openai_apply(ngx_litellm_splice_t *sp,
    ngx_litellm_json_doc_t *doc);


ngx_int_t
ngx_litellm_openai_nested(ngx_litellm_call_t *call, ngx_litellm_splice_t *sp,
    ngx_array_t *adds, ngx_array_t *paths, uint64_t *present,
    ngx_litellm_error_t *e)
{
    ngx_int_t                      rc;
    ngx_str_t                     *path;
    ngx_uint_t                     i, n;
    ngx_litellm_json_doc_t         doc;
    ngx_litellm_openai_step_t      steps[NGX_LITELLM_OPENAI_STEPS];
    const ngx_litellm_provider_t  *row;

    if (!ngx_litellm_openai_needed(call, paths)) {
        ngx_litellm_splice_object(sp, call->top.root, adds->elts,
                                  adds->nelts);
        return NGX_OK;
    }

    row = call->deployment->provider;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = call->pool;

    rc = ngx_litellm_json_parse(&doc, call->body.data, call->body.len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {

        /* it is JSON: call->top was made of it */

        e->class = NGX_LITELLM_BAD_REQUEST;
        e->status = 400;

        ngx_str_set(&e->message, "litellm.BadRequestError: the body has too "
                    "many values");
        ngx_str_set(&e->type, "invalid_request_error");
        ngx_str_null(&e->param);
        ngx_str_null(&e->code);

        return NGX_DECLINED;
    }

    ngx_litellm_openai_inherit(doc.root, call->top.root);

    if (call->op == NGX_LITELLM_OP_CHAT && call->parts) {
        ngx_litellm_openai_parts(sp, doc.root);
    }

    path = paths ? paths->elts : NULL;

    for (i = 0; paths && i < paths->nelts; i++) {
        if (ngx_litellm_openai_steps(&path[i], steps, &n) == NGX_OK) {
            ngx_litellm_openai_walk(doc.root, steps, n);
        }
    }

    if (call->duplicates
        && ngx_litellm_openai_unique(call->pool, &doc) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (row->quirks & NGX_LITELLM_Q_TEXT_CONTENT) {
        ngx_litellm_openai_texts(sp, doc.root);
    }

    if (row->variant != NULL && row->variant->edit != NULL) {
        rc = row->variant->edit(call, doc.root, sp, adds, present, e);
    }

    if (rc == NGX_OK) {
        ngx_litellm_splice_object(sp, doc.root, adds->elts, adds->nelts);
        ngx_litellm_openai_apply(sp, &doc);
    }

    (void) ngx_pfree(call->pool, doc.mem);

    return rc;
}


static ngx_uint_t
ngx_litellm_openai_needed(ngx_litellm_call_t *call, ngx_array_t *paths)
{
    u_char                        *p, *last;
    ngx_str_t                     *path, *name;
    ngx_uint_t                     i, n;
    const ngx_litellm_variant_t   *variant;
    const ngx_litellm_provider_t  *row;
    ngx_litellm_openai_step_t      steps[NGX_LITELLM_OPENAI_STEPS];

    if ((call->op == NGX_LITELLM_OP_CHAT && call->parts) || call->duplicates) {
        return 1;
    }

    row = call->deployment->provider;
    variant = row->variant;

    if (variant != NULL && variant->edit != NULL
        && (variant->wants == NULL || variant->wants(call)))
    {
        return 1;
    }

    p = call->body.data;
    last = p + call->body.len;

    if ((row->quirks & NGX_LITELLM_Q_TEXT_CONTENT)
        && call->op == NGX_LITELLM_OP_CHAT
        && ngx_litellm_find(p, last, "\"text\"", sizeof("\"text\"") - 1)
           != NULL)
    {
        return 1;
    }

    path = paths ? paths->elts : NULL;

    for (i = 0; paths && i < paths->nelts; i++) {

        if (ngx_litellm_openai_steps(&path[i], steps, &n) == NGX_OK) {
            name = &steps[n - 1].name;

            if (ngx_litellm_find(p, last, (char *) name->data, name->len)
                != NULL)
            {
                return 1;
            }
        }
    }

    return 0;
}


/* what was taken out at the top level already: two parses of one text */

static void
ngx_litellm_openai_inherit(ngx_litellm_json_t *root, ngx_litellm_json_t *top)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *a, *b;

    a = root + 1;
    b = top + 1;

    for (i = 0; i < root->count; i++) {
        a = ngx_litellm_json_next(a);
        b = ngx_litellm_json_next(b);

        a->flags |= b->flags & NGX_LITELLM_JSON_DROPPED;

        a = ngx_litellm_json_next(a);
        b = ngx_litellm_json_next(b);
    }
}


/* a path that ends with a name; NGX_DECLINED for others */

static ngx_int_t
ngx_litellm_openai_steps(ngx_str_t *path, ngx_litellm_openai_step_t *steps,
    ngx_uint_t *nsteps)
{
    u_char                     *p, *last, *start;
    ngx_int_t                   n;
    ngx_uint_t                  i;
    ngx_litellm_openai_step_t  *step;

    p = path->data;
    last = p + path->len;
    step = NULL;

    for (i = 0; p < last; i++) {

        if (i == NGX_LITELLM_OPENAI_STEPS) {
            return NGX_DECLINED;
        }

        step = &steps[i];
        start = p;

        if (*p == '[') {
            start = ++p;

            while (p < last && *p != ']') {
                p++;
            }

            if (p == last) {
                return NGX_DECLINED;
            }

            if (p - start == 1 && *start == '*') {
                step->type = NGX_LITELLM_OPENAI_ALL;

            } else {
                n = ngx_atoi(start, p - start);

                if (n == NGX_ERROR) {
                    return NGX_DECLINED;
                }

                step->type = NGX_LITELLM_OPENAI_INDEX;
                step->n = n;
            }

            p++;

        } else {

            while (p < last && *p != '.' && *p != '[') {
                p++;
            }

            if (p == start) {
                return NGX_DECLINED;
            }

            step->type = NGX_LITELLM_OPENAI_NAME;
            step->name.data = start;
            step->name.len = p - start;
        }

        if (p < last && *p == '.') {
            p++;
        }
    }

    if (step == NULL || step->type != NGX_LITELLM_OPENAI_NAME) {
        return NGX_DECLINED;
    }

    *nsteps = i;

    return NGX_OK;
}


/* flags what the path leads to; as deep as the path has steps */

static void
ngx_litellm_openai_walk(ngx_litellm_json_t *v, ngx_litellm_openai_step_t *step,
    ngx_uint_t nsteps)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *child;

    if (step->type == NGX_LITELLM_OPENAI_NAME) {

        child = ngx_litellm_json_get(v, (char *) step->name.data,
                                     step->name.len);
        if (child == NULL) {
            return;
        }

        if (nsteps > 1) {
            ngx_litellm_openai_walk(child, step + 1, nsteps - 1);
            return;
        }

        child->flags |= NGX_LITELLM_JSON_DROPPED;
        v->flags |= NGX_LITELLM_OPENAI_TOUCHED;

        return;
    }

    if (v->type != NGX_LITELLM_JSON_ARRAY || nsteps < 2) {
        return;
    }

    child = v + 1;

    for (i = 0; i < v->count; i++, child = ngx_litellm_json_next(child)) {

        if (step->type == NGX_LITELLM_OPENAI_ALL || step->n == i) {
            ngx_litellm_openai_walk(child, step + 1, nsteps - 1);
        }
    }
}


static void
ngx_litellm_openai_parts(ngx_litellm_splice_t *sp, ngx_litellm_json_t *root)
{
    ngx_uint_t           i, j;
    ngx_litellm_json_t  *messages, *message, *content, *part;

    messages = ngx_litellm_json_member(root, "messages");

    if (!ngx_litellm_json_is(messages, ARRAY)) {
        return;
    }

    message = messages + 1;

    for (i = 0; i < messages->count; i++) {

        content = ngx_litellm_json_member(message, "content");

        if (ngx_litellm_json_is(content, ARRAY)) {
            part = content + 1;

            for (j = 0; j < content->count; j++) {
                ngx_litellm_openai_part(sp, part);
                part = ngx_litellm_json_next(part);
            }
        }

        message = ngx_litellm_json_next(message);
    }
}


static void
ngx_litellm_openai_part(ngx_litellm_splice_t *sp, ngx_litellm_json_t *part)
{
    u_char              *end;
    ngx_litellm_json_t  *v, *format;

    v = ngx_litellm_json_member(part, "image_url");

    if (ngx_litellm_json_is(v, STRING)) {
        end = v->start + v->len;

        ngx_litellm_splice_lit(sp, v->start, v->start, "{\"url\":");
        ngx_litellm_splice_lit(sp, end, end, "}");

        return;
    }

    if (v == NULL) {
        v = ngx_litellm_json_member(part, "file");

        if (v == NULL) {
            return;
        }

        if (ngx_litellm_json_member(v, "file_data") != NULL
            && ngx_litellm_json_member(v, "filename") == NULL)
        {
            v->flags |= NGX_LITELLM_OPENAI_NAMELESS;
        }
    }

    format = ngx_litellm_json_member(v, "format");

    if (format != NULL) {
        format->flags |= NGX_LITELLM_JSON_DROPPED;
        v->flags |= NGX_LITELLM_OPENAI_TOUCHED;
    }
}


/* the top level is open()'s and has been seen to */

static ngx_int_t
ngx_litellm_openai_unique(ngx_pool_t *pool, ngx_litellm_json_doc_t *doc)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *v;

    for (i = 1; i < doc->nodes; i++) {
        v = doc->root + i;

        if (v->type == NGX_LITELLM_JSON_OBJECT && v->count > 1
            && v->count <= NGX_LITELLM_OPENAI_SORTED
            && ngx_litellm_openai_unique_members(pool, v) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_openai_unique_members(ngx_pool_t *pool, ngx_litellm_json_t *object)
{
    ngx_str_t                  text;
    ngx_uint_t                 i;
    ngx_litellm_json_t        *key;
    ngx_litellm_openai_key_t  *keys, own[NGX_LITELLM_OPENAI_MEMBERS];

    keys = own;

    if (object->count > NGX_LITELLM_OPENAI_MEMBERS) {
        keys = ngx_palloc(pool, object->count * sizeof(*keys));
        if (keys == NULL) {
            return NGX_ERROR;
        }
    }

    key = object + 1;

    for (i = 0; i < object->count; i++) {
        text = ngx_litellm_json_text(key);

        if (ngx_litellm_json_unescape(pool, &keys[i].name, &text) != NGX_OK) {
            return NGX_ERROR;
        }

        keys[i].value = ngx_litellm_json_next(key);
        key = ngx_litellm_json_next(keys[i].value);
    }

    ngx_qsort(keys, object->count, sizeof(*keys), ngx_litellm_openai_key_cmp);

    for (i = 0; i + 1 < object->count; i++) {
        if (keys[i].name.len == keys[i + 1].name.len
            && ngx_memcmp(keys[i].name.data, keys[i + 1].name.data,
                          keys[i].name.len)
               == 0)
        {
            keys[i].value->flags |= NGX_LITELLM_JSON_DROPPED;
            object->flags |= NGX_LITELLM_OPENAI_TOUCHED;
        }
    }

    if (keys != own) {
        (void) ngx_pfree(pool, keys);
    }

    return NGX_OK;
}


/* by name, then by place: the last of a name stays */

static int ngx_libc_cdecl
ngx_litellm_openai_key_cmp(const void *one, const void *two)
{
    ngx_int_t                        rc;
    const ngx_litellm_openai_key_t  *a, *b;

    a = one;
    b = two;

    rc = ngx_litellm_json_order(&a->name, &b->name);

    if (rc != 0) {
        return rc < 0 ? -1 : 1;
    }

    return a->value < b->value ? -1 : 1;
}


static void
ngx_litellm_openai_apply(ngx_litellm_splice_t *sp, ngx_litellm_json_doc_t *doc)
{
    ngx_uint_t           i, nameless;
    ngx_litellm_add_t    add;
    ngx_litellm_json_t  *v;

    ngx_str_set(&add.key, "filename");
    ngx_str_set(&add.value, "\"my_file.pdf\"");

    for (i = 1; i < doc->nodes; i++) {
        v = doc->root + i;

        if (v->type == NGX_LITELLM_JSON_ARRAY) {

            if (v->flags & NGX_LITELLM_OPENAI_TOUCHED) {
                ngx_litellm_splice_array(sp, v);
            }

            continue;
        }

        if (v->type != NGX_LITELLM_JSON_OBJECT
            || !(v->flags & (NGX_LITELLM_OPENAI_TOUCHED
                             | NGX_LITELLM_OPENAI_NAMELESS)))
        {
            continue;
        }

        nameless = !!(v->flags & NGX_LITELLM_OPENAI_NAMELESS);

        ngx_litellm_splice_object(sp, v, &add, nameless);
    }
}
