
/*
 * A tool's JSON schema in the subset that Google's Schema object has (Gemini
 * API reference, "Schema").  $ref is inlined from the schema itself, allOf is
 * merged into its owner, oneOf becomes anyOf, a list of types becomes anyOf,
 * "null" among alternatives "nullable", a const an enum of one.  Keywords that
 * Google does not know are left out, since it refuses them.
 *
 * The schema is the client's and may be made to grow: references of references
 * double with each level.  So depth, steps of work and bytes written are
 * bounded, the latter two for all tools of a request; a reference to what is
 * being written already ends as an object.
 */

#include "ngx_litellm_gemini.h"


#define NGX_LITELLM_GEMINI_DEPTH    100
#define NGX_LITELLM_GEMINI_SOURCES  8
#define NGX_LITELLM_GEMINI_STEPS    2000000
#define NGX_LITELLM_GEMINI_BYTES    (4 * 1024 * 1024)

/* of an object in which a name is looked for twice */
#define NGX_LITELLM_GEMINI_NAMES    512


typedef struct {
    ngx_litellm_gemini_t  *g;
    ngx_litellm_out_t     *out;
    ngx_litellm_json_t    *root;
    ngx_uint_t             depth;
    ngx_uint_t             nopen;
    ngx_litellm_json_t    *open[NGX_LITELLM_GEMINI_DEPTH
                                + NGX_LITELLM_GEMINI_SOURCES];
                                       /* targets of $ref being written */
    unsigned               over:1;     /* a bound was met */
} ngx_litellm_gemini_schema_t;


/* a schema with what it refers to and what it is made of: what the first one
   says counts, properties are those of all */

typedef struct {
    ngx_litellm_json_t    *source[NGX_LITELLM_GEMINI_SOURCES];
    ngx_uint_t             n;
    unsigned               round:1;    /* it refers to itself, or to nothing */
} ngx_litellm_gemini_view_t;


/* what the owner of alternatives says of all of them */
typedef struct {
    ngx_litellm_json_t    *title;
    ngx_litellm_json_t    *description;
    ngx_litellm_json_t    *type;       /* a string: instead of a list */
    unsigned               nullable:1;
} ngx_litellm_gemini_owner_t;


typedef struct {
    ngx_litellm_gemini_schema_t  *s;
    ngx_uint_t                    n;
} ngx_litellm_gemini_members_t;


/* keywords that go as they are, if their value is of that kind */

#define NGX_LITELLM_GEMINI_OF_STRING  0x01
#define NGX_LITELLM_GEMINI_OF_NUMBER  0x02
#define NGX_LITELLM_GEMINI_OF_ARRAY   0x04
#define NGX_LITELLM_GEMINI_OF_OBJECT  0x08
#define NGX_LITELLM_GEMINI_OF_OTHER   0x10    /* not to be split by type */
#define NGX_LITELLM_GEMINI_OF_ANY     0x1f

static const struct {
    ngx_str_t     name;
    ngx_uint_t    type;                /* of the value; 0: any */
    ngx_uint_t    of;                  /* types that it says something of */
} ngx_litellm_gemini_keywords[] = {
    { ngx_string("format"), NGX_LITELLM_JSON_STRING,
      NGX_LITELLM_GEMINI_OF_STRING | NGX_LITELLM_GEMINI_OF_NUMBER },
    { ngx_string("default"), 0, NGX_LITELLM_GEMINI_OF_OTHER },
    { ngx_string("example"), 0, NGX_LITELLM_GEMINI_OF_OTHER },
    { ngx_string("minItems"), NGX_LITELLM_JSON_NUMBER,
      NGX_LITELLM_GEMINI_OF_ARRAY },
    { ngx_string("maxItems"), NGX_LITELLM_JSON_NUMBER,
      NGX_LITELLM_GEMINI_OF_ARRAY },
    { ngx_string("minLength"), NGX_LITELLM_JSON_NUMBER,
      NGX_LITELLM_GEMINI_OF_STRING },
    { ngx_string("maxLength"), NGX_LITELLM_JSON_NUMBER,
      NGX_LITELLM_GEMINI_OF_STRING },
    { ngx_string("pattern"), NGX_LITELLM_JSON_STRING,
      NGX_LITELLM_GEMINI_OF_STRING },
    { ngx_string("minimum"), NGX_LITELLM_JSON_NUMBER,
      NGX_LITELLM_GEMINI_OF_NUMBER },
    { ngx_string("maximum"), NGX_LITELLM_JSON_NUMBER,
      NGX_LITELLM_GEMINI_OF_NUMBER },
    { ngx_string("minProperties"), NGX_LITELLM_JSON_NUMBER,
      NGX_LITELLM_GEMINI_OF_OBJECT },
    { ngx_string("maxProperties"), NGX_LITELLM_JSON_NUMBER,
      NGX_LITELLM_GEMINI_OF_OBJECT },
    { ngx_string("propertyOrdering"), NGX_LITELLM_JSON_ARRAY,
      NGX_LITELLM_GEMINI_OF_OBJECT }
};


static void ngx_litellm_gemini_write(ngx_litellm_gemini_schema_t *s,
    ngx_litellm_json_t *v, ngx_litellm_gemini_owner_t *owner);
static void ngx_litellm_gemini_view(ngx_litellm_gemini_schema_t *s,
    ngx_litellm_gemini_view_t *view, ngx_litellm_json_t *v);
static ngx_litellm_json_t *ngx_litellm_gemini_target(
    ngx_litellm_gemini_schema_t *s, ngx_litellm_json_t *ref);
static ngx_litellm_json_t *ngx_litellm_gemini_keyword(
    ngx_litellm_gemini_view_t *view, const char *name, size_t len);
static ngx_uint_t ngx_litellm_gemini_of(ngx_litellm_json_t *type);
static void ngx_litellm_gemini_member(ngx_litellm_gemini_members_t *m,
    const char *name);
static void ngx_litellm_gemini_any_of(ngx_litellm_gemini_schema_t *s,
    ngx_litellm_json_t *list, ngx_litellm_gemini_owner_t *owner);
static void ngx_litellm_gemini_types(ngx_litellm_gemini_schema_t *s,
    ngx_litellm_gemini_view_t *view, ngx_litellm_json_t *list,
    ngx_litellm_gemini_owner_t *owner);
static void ngx_litellm_gemini_plain(ngx_litellm_gemini_schema_t *s,
    ngx_litellm_gemini_view_t *view, ngx_litellm_gemini_owner_t *owner);
static void ngx_litellm_gemini_type_name(ngx_litellm_gemini_members_t *m,
    ngx_litellm_json_t *type, ngx_litellm_gemini_view_t *view);
static void ngx_litellm_gemini_enum(ngx_litellm_gemini_members_t *m,
    ngx_litellm_gemini_view_t *view);
static void ngx_litellm_gemini_items(ngx_litellm_gemini_members_t *m,
    ngx_litellm_json_t *items);
static void ngx_litellm_gemini_properties(ngx_litellm_gemini_members_t *m,
    ngx_litellm_gemini_view_t *view);
static void ngx_litellm_gemini_required(ngx_litellm_gemini_members_t *m,
    ngx_litellm_gemini_view_t *view);
static ngx_uint_t ngx_litellm_gemini_is_null(ngx_litellm_json_t *v);
static ngx_uint_t ngx_litellm_gemini_work(ngx_litellm_gemini_schema_t *s,
    ngx_uint_t steps);


#define ngx_litellm_gemini_look(view, s)                                      \
    ngx_litellm_gemini_keyword(view, s, sizeof(s) - 1)


ngx_int_t
ngx_litellm_gemini_schema(ngx_litellm_gemini_t *g, ngx_litellm_json_t *schema)
{
    ngx_litellm_gemini_owner_t    owner;
    ngx_litellm_gemini_schema_t  *s;

    s = ngx_pcalloc(g->call->pool, sizeof(ngx_litellm_gemini_schema_t));
    if (s == NULL) {
        return NGX_ERROR;
    }

    s->g = g;
    s->out = g->out;
    s->root = schema;

    if (g->end == 0) {
        g->end = g->out->size + g->call->body.len + NGX_LITELLM_GEMINI_BYTES;
    }

    ngx_memzero(&owner, sizeof(ngx_litellm_gemini_owner_t));

    ngx_litellm_gemini_write(s, schema, &owner);

    if (s->over) {
        return ngx_litellm_gemini_bad(g, "the schema of a tool is too deep or "
                                      "too large with its references "
                                      "resolved");
    }

    return NGX_OK;
}


static void
ngx_litellm_gemini_write(ngx_litellm_gemini_schema_t *s,
    ngx_litellm_json_t *v, ngx_litellm_gemini_owner_t *owner)
{
    ngx_uint_t                   nopen;
    ngx_litellm_json_t          *list, *type;
    ngx_litellm_gemini_view_t    view;
    ngx_litellm_gemini_owner_t   own;

    if (!ngx_litellm_gemini_work(s, 1)) {
        return;
    }

    /* "true": anything */

    if (v->type != NGX_LITELLM_JSON_OBJECT) {
        ngx_litellm_out_lit(s->out, "{\"type\":\"object\"}");
        return;
    }

    if (s->depth == NGX_LITELLM_GEMINI_DEPTH) {
        s->over = 1;
        return;
    }

    s->depth++;
    nopen = s->nopen;

    view.n = 0;
    view.round = 0;
    ngx_litellm_gemini_view(s, &view, v);

    own = *owner;

    if (own.title == NULL) {
        own.title = ngx_litellm_gemini_look(&view, "title");
    }

    if (own.description == NULL) {
        own.description = ngx_litellm_gemini_look(&view, "description");
    }

    list = ngx_litellm_gemini_look(&view, "anyOf");

    if (!ngx_litellm_json_is(list, ARRAY) || list->count == 0) {
        list = ngx_litellm_gemini_look(&view, "oneOf");
    }

    type = ngx_litellm_gemini_look(&view, "type");

    if (view.round) {
        ngx_litellm_gemini_plain(s, &view, &own);

    } else if (ngx_litellm_json_is(list, ARRAY) && list->count
               && ngx_litellm_gemini_look(&view, "properties") == NULL)
    {
        ngx_litellm_gemini_any_of(s, list, &own);

    } else if (own.type == NULL && ngx_litellm_json_is(type, ARRAY)
               && type->count > 1)
    {
        ngx_litellm_gemini_types(s, &view, type, &own);

    } else {
        ngx_litellm_gemini_plain(s, &view, &own);
    }

    s->nopen = nopen;
    s->depth--;
}


/* recursion is bounded by the number of sources */

static void
ngx_litellm_gemini_view(ngx_litellm_gemini_schema_t *s,
    ngx_litellm_gemini_view_t *view, ngx_litellm_json_t *v)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *ref, *all, *target;

    if (v->type != NGX_LITELLM_JSON_OBJECT
        || view->n == NGX_LITELLM_GEMINI_SOURCES
        || !ngx_litellm_gemini_work(s, v->count))
    {
        return;
    }

    view->source[view->n++] = v;

    ref = ngx_litellm_json_member(v, "$ref");

    if (ngx_litellm_json_is(ref, STRING)) {

        target = ngx_litellm_gemini_target(s, ref);

        if (target == NULL) {
            view->round = 1;
            return;
        }

        for (i = 0; i < s->nopen; i++) {
            if (s->open[i] == target) {
                view->round = 1;
                return;
            }
        }

        if (s->nopen == sizeof(s->open) / sizeof(s->open[0])) {
            s->over = 1;
            return;
        }

        s->open[s->nopen++] = target;
        ngx_litellm_gemini_view(s, view, target);
    }

    all = ngx_litellm_json_member(v, "allOf");

    if (ngx_litellm_json_is(all, ARRAY)) {
        v = all + 1;

        for (i = 0; i < ngx_min(all->count, NGX_LITELLM_GEMINI_SOURCES);
             i++)
        {
            ngx_litellm_gemini_view(s, view, v);
            v = ngx_litellm_json_next(v);
        }
    }
}


/* a JSON pointer behind "#" (RFC 6901); objects only */

static ngx_litellm_json_t *
ngx_litellm_gemini_target(ngx_litellm_gemini_schema_t *s,
    ngx_litellm_json_t *ref)
{
    u_char              *p, *last, *end, *dst, *q;
    ngx_str_t            text, pointer;
    ngx_litellm_json_t  *v;

    text = ngx_litellm_json_text(ref);

    if (ngx_litellm_json_unescape(s->g->call->pool, &pointer, &text)
        != NGX_OK)
    {
        s->out->failed = 1;
        return NULL;
    }

    if (pointer.len == 0 || pointer.data[0] != '#') {
        return NULL;
    }

    v = s->root;
    p = pointer.data + 1;
    last = pointer.data + pointer.len;

    while (p < last) {

        if (*p++ != '/' || v->type != NGX_LITELLM_JSON_OBJECT
            || !ngx_litellm_gemini_work(s, v->count + 1))
        {
            return NULL;
        }

        end = ngx_strlchr(p, last, '/');
        if (end == NULL) {
            end = last;
        }

        q = p;
        text.data = p;
        text.len = end - p;

        if (ngx_strlchr(p, end, '~') != NULL
            || ngx_strlchr(p, end, '%') != NULL)
        {
            text.data = ngx_pnalloc(s->g->call->pool, end - p);
            if (text.data == NULL) {
                s->out->failed = 1;
                return NULL;
            }

            dst = text.data;
            ngx_unescape_uri(&dst, &q, end - p, 0);
            end = dst;

            for (q = dst = text.data; q < end; q++) {

                if (*q == '~' && q + 1 < end
                    && (q[1] == '0' || q[1] == '1'))
                {
                    *dst++ = (q[1] == '0') ? '~' : '/';
                    q++;
                    continue;
                }

                *dst++ = *q;
            }

            text.len = dst - text.data;
        }

        v = ngx_litellm_json_get(v, (char *) text.data, text.len);

        if (v == NULL) {
            return NULL;
        }

        end = ngx_strlchr(p, last, '/');
        p = end ? end : last;
    }

    return v;
}


static ngx_litellm_json_t *
ngx_litellm_gemini_keyword(ngx_litellm_gemini_view_t *view, const char *name,
    size_t len)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *v;

    for (i = 0; i < view->n; i++) {
        v = ngx_litellm_json_get(view->source[i], name, len);

        if (v && v->type != NGX_LITELLM_JSON_NULL) {
            return v;
        }
    }

    return NULL;
}


static void
ngx_litellm_gemini_member(ngx_litellm_gemini_members_t *m, const char *name)
{
    if (m->n++) {
        ngx_litellm_out_lit(m->s->out, ",\"");

    } else {
        ngx_litellm_out_lit(m->s->out, "\"");
    }

    ngx_litellm_out_copy(m->s->out, name, ngx_strlen(name));
    ngx_litellm_out_lit(m->s->out, "\":");
}


/*
 * Vertex AI refuses anything beside anyOf: what its owner says of all goes to
 * each.  With null among them the others are nullable.
 */

static void
ngx_litellm_gemini_any_of(ngx_litellm_gemini_schema_t *s,
    ngx_litellm_json_t *list, ngx_litellm_gemini_owner_t *owner)
{
    ngx_uint_t                   i, n;
    ngx_litellm_json_t          *v;
    ngx_litellm_gemini_owner_t   own;

    own = *owner;
    own.type = NULL;

    v = list + 1;

    for (i = 0; i < list->count; i++) {
        if (ngx_litellm_gemini_is_null(v)) {
            own.nullable = 1;
        }

        v = ngx_litellm_json_next(v);
    }

    ngx_litellm_out_lit(s->out, "{\"anyOf\":[");

    n = 0;
    v = list + 1;

    for (i = 0; i < list->count && !s->over; i++) {

        if (!ngx_litellm_gemini_is_null(v)) {

            if (n++) {
                ngx_litellm_out_lit(s->out, ",");
            }

            ngx_litellm_gemini_write(s, v, &own);
        }

        v = ngx_litellm_json_next(v);
    }

    if (n == 0) {
        ngx_litellm_out_lit(s->out, "{\"type\":\"null\"}");
    }

    ngx_litellm_out_lit(s->out, "]}");
}


/* "type": ["string", "null"]: an alternative for each */

static void
ngx_litellm_gemini_types(ngx_litellm_gemini_schema_t *s,
    ngx_litellm_gemini_view_t *view, ngx_litellm_json_t *list,
    ngx_litellm_gemini_owner_t *owner)
{
    ngx_uint_t                   i, n;
    ngx_litellm_json_t          *type;
    ngx_litellm_gemini_owner_t   own;

    own = *owner;

    ngx_litellm_out_lit(s->out, "{\"anyOf\":[");

    n = 0;
    type = list + 1;

    for (i = 0; i < list->count && ngx_litellm_gemini_work(s, 1); i++) {

        if (type->type == NGX_LITELLM_JSON_STRING) {

            if (n++) {
                ngx_litellm_out_lit(s->out, ",");
            }

            own.type = type;
            ngx_litellm_gemini_plain(s, view, &own);
        }

        type = ngx_litellm_json_next(type);
    }

    ngx_litellm_out_lit(s->out, "]}");
}


static void
ngx_litellm_gemini_plain(ngx_litellm_gemini_schema_t *s,
    ngx_litellm_gemini_view_t *view, ngx_litellm_gemini_owner_t *owner)
{
    ngx_uint_t                     i, of;
    const ngx_str_t               *name;
    ngx_litellm_json_t            *v, *type;
    ngx_litellm_gemini_members_t   m;

    m.s = s;
    m.n = 0;

    type = owner->type;
    of = NGX_LITELLM_GEMINI_OF_ANY;

    if (type) {
        of = ngx_litellm_gemini_of(type);

    } else {
        type = ngx_litellm_gemini_look(view, "type");

        if (ngx_litellm_json_is(type, ARRAY) && type->count == 1) {
            type++;
        }
    }

    ngx_litellm_out_lit(s->out, "{");

    ngx_litellm_gemini_type_name(&m, type, view);

    if (ngx_litellm_json_is(owner->title, STRING)) {
        ngx_litellm_gemini_member(&m, "title");
        ngx_litellm_gemini_raw(s->out, owner->title);
    }

    if (ngx_litellm_json_is(owner->description, STRING)) {
        ngx_litellm_gemini_member(&m, "description");
        ngx_litellm_gemini_raw(s->out, owner->description);
    }

    v = ngx_litellm_gemini_look(view, "nullable");

    if (owner->nullable || ngx_litellm_json_is(v, TRUE)) {
        ngx_litellm_gemini_member(&m, "nullable");
        ngx_litellm_out_lit(s->out, "true");
    }

    if (of & NGX_LITELLM_GEMINI_OF_STRING) {
        ngx_litellm_gemini_enum(&m, view);
    }

    for (i = 0; i < sizeof(ngx_litellm_gemini_keywords)
                    / sizeof(ngx_litellm_gemini_keywords[0]); i++)
    {
        if (!(of & ngx_litellm_gemini_keywords[i].of)) {
            continue;
        }

        name = &ngx_litellm_gemini_keywords[i].name;
        v = ngx_litellm_gemini_keyword(view, (char *) name->data, name->len);

        if (v && (ngx_litellm_gemini_keywords[i].type == 0
                  || ngx_litellm_gemini_keywords[i].type == v->type))
        {
            ngx_litellm_gemini_member(&m, (char *) name->data);
            ngx_litellm_gemini_raw(s->out, v);
        }
    }

    v = ngx_litellm_gemini_look(view, "items");

    if (v && (of & NGX_LITELLM_GEMINI_OF_ARRAY) && !view->round) {
        ngx_litellm_gemini_items(&m, v);
    }

    if ((of & NGX_LITELLM_GEMINI_OF_OBJECT) && !view->round) {
        ngx_litellm_gemini_properties(&m, view);
        ngx_litellm_gemini_required(&m, view);
    }

    ngx_litellm_out_lit(s->out, "}");
}


/* small letters, as JSON schema has them */

static void
ngx_litellm_gemini_type_name(ngx_litellm_gemini_members_t *m,
    ngx_litellm_json_t *type, ngx_litellm_gemini_view_t *view)
{
    u_char               name[16];
    ngx_uint_t           i;
    ngx_litellm_json_t  *v;

    if (ngx_litellm_json_is(type, STRING) && type->len <= sizeof(name)) {

        for (i = 0; i < type->len; i++) {
            name[i] = ngx_tolower(type->start[i]);
        }

        ngx_litellm_gemini_member(m, "type");
        ngx_litellm_out_copy(m->s->out, name, type->len);
        return;
    }

    if (view->round || ngx_litellm_gemini_look(view, "properties")) {
        ngx_litellm_gemini_member(m, "type");
        ngx_litellm_out_lit(m->s->out, "\"object\"");
        return;
    }

    if (ngx_litellm_gemini_look(view, "items")) {
        ngx_litellm_gemini_member(m, "type");
        ngx_litellm_out_lit(m->s->out, "\"array\"");
        return;
    }

    v = ngx_litellm_gemini_look(view, "enum");

    if (ngx_litellm_json_is(v, ARRAY) && v->count) {
        v++;

    } else {
        v = ngx_litellm_gemini_look(view, "const");
    }

    if (ngx_litellm_json_is(v, STRING)) {
        ngx_litellm_gemini_member(m, "type");
        ngx_litellm_out_lit(m->s->out, "\"string\"");
    }
}


/* Google's enum is of strings, and not of empty ones */

static void
ngx_litellm_gemini_enum(ngx_litellm_gemini_members_t *m,
    ngx_litellm_gemini_view_t *view)
{
    ngx_uint_t           i, n, count;
    ngx_litellm_json_t  *list, *v;

    count = 0;
    v = NULL;

    list = ngx_litellm_gemini_look(view, "enum");

    if (ngx_litellm_json_is(list, ARRAY)) {
        count = list->count;
        v = list + 1;

    } else {
        list = ngx_litellm_gemini_look(view, "const");

        if (list) {
            count = 1;
            v = list;
        }
    }

    for (i = 0, n = 0; i < count; i++) {

        if (v->type == NGX_LITELLM_JSON_STRING && v->len > 2) {

            if (n++) {
                ngx_litellm_out_lit(m->s->out, ",");

            } else {
                ngx_litellm_gemini_member(m, "enum");
                ngx_litellm_out_lit(m->s->out, "[");
            }

            ngx_litellm_gemini_raw(m->s->out, v);
        }

        v = ngx_litellm_json_next(v);
    }

    if (n) {
        ngx_litellm_out_lit(m->s->out, "]");
    }
}


/* of a tuple's schemas (an array, before 2020) the first stands for all */

static void
ngx_litellm_gemini_items(ngx_litellm_gemini_members_t *m,
    ngx_litellm_json_t *items)
{
    ngx_litellm_gemini_owner_t  owner;

    if (items->type == NGX_LITELLM_JSON_ARRAY && items->count) {
        items++;
    }

    ngx_litellm_gemini_member(m, "items");

    if (items->count == 0) {
        ngx_litellm_out_lit(m->s->out, "{\"type\":\"object\"}");
        return;
    }

    ngx_memzero(&owner, sizeof(ngx_litellm_gemini_owner_t));

    ngx_litellm_gemini_write(m->s, items, &owner);
}


static void
ngx_litellm_gemini_properties(ngx_litellm_gemini_members_t *m,
    ngx_litellm_gemini_view_t *view)
{
    ngx_str_t                    name;
    ngx_uint_t                   i, j, k, n;
    ngx_litellm_json_t          *list, *key, *value, *other;
    ngx_litellm_gemini_owner_t   owner;

    ngx_memzero(&owner, sizeof(ngx_litellm_gemini_owner_t));

    n = 0;

    for (i = 0; i < view->n; i++) {

        list = ngx_litellm_json_member(view->source[i], "properties");

        if (!ngx_litellm_json_is(list, OBJECT)) {
            continue;
        }

        key = list + 1;

        for (j = 0; j < list->count && !m->s->over; j++) {

            value = key + 1;
            name = ngx_litellm_json_text(key);

            /* of one name the last counts, as in a parser's map */

            other = NULL;

            if (list->count <= NGX_LITELLM_GEMINI_NAMES
                && ngx_litellm_gemini_work(m->s, list->count))
            {
                other = ngx_litellm_json_get(list, (char *) name.data,
                                             name.len);
                other = (other == value) ? NULL : other;
            }

            /* one of that name was written */

            for (k = 0; k < i && other == NULL; k++) {

                other = ngx_litellm_json_member(view->source[k],
                                                "properties");

                if (ngx_litellm_json_is(other, OBJECT)
                    && ngx_litellm_gemini_work(m->s, other->count))
                {
                    other = ngx_litellm_json_get(other, (char *) name.data,
                                                 name.len);

                } else {
                    other = NULL;
                }
            }

            if (other == NULL && !(key->flags & NGX_LITELLM_JSON_DROPPED)) {

                if (n++) {
                    ngx_litellm_out_lit(m->s->out, ",");

                } else {
                    ngx_litellm_gemini_member(m, "properties");
                    ngx_litellm_out_lit(m->s->out, "{");
                }

                ngx_litellm_gemini_raw(m->s->out, key);
                ngx_litellm_out_lit(m->s->out, ":");
                ngx_litellm_gemini_write(m->s, value, &owner);
            }

            key = ngx_litellm_json_next(value);
        }
    }

    if (n) {
        ngx_litellm_out_lit(m->s->out, "}");
    }
}


static void
ngx_litellm_gemini_required(ngx_litellm_gemini_members_t *m,
    ngx_litellm_gemini_view_t *view)
{
    ngx_uint_t           i, j, n;
    ngx_litellm_json_t  *list, *v;

    n = 0;

    for (i = 0; i < view->n; i++) {

        list = ngx_litellm_json_member(view->source[i], "required");

        if (!ngx_litellm_json_is(list, ARRAY)) {
            continue;
        }

        v = list + 1;

        for (j = 0; j < list->count; j++) {

            if (v->type == NGX_LITELLM_JSON_STRING) {

                if (n++) {
                    ngx_litellm_out_lit(m->s->out, ",");

                } else {
                    ngx_litellm_gemini_member(m, "required");
                    ngx_litellm_out_lit(m->s->out, "[");
                }

                ngx_litellm_gemini_raw(m->s->out, v);
            }

            v = ngx_litellm_json_next(v);
        }
    }

    if (n) {
        ngx_litellm_out_lit(m->s->out, "]");
    }
}


static ngx_uint_t
ngx_litellm_gemini_of(ngx_litellm_json_t *type)
{
    if (ngx_litellm_json_eq(type, "string")) {
        return NGX_LITELLM_GEMINI_OF_STRING;
    }

    if (ngx_litellm_json_eq(type, "number")
        || ngx_litellm_json_eq(type, "integer"))
    {
        return NGX_LITELLM_GEMINI_OF_NUMBER;
    }

    if (ngx_litellm_json_eq(type, "array")) {
        return NGX_LITELLM_GEMINI_OF_ARRAY;
    }

    if (ngx_litellm_json_eq(type, "object")) {
        return NGX_LITELLM_GEMINI_OF_OBJECT;
    }

    return 0;
}


static ngx_uint_t
ngx_litellm_gemini_is_null(ngx_litellm_json_t *v)
{
    ngx_litellm_json_t  *type;

    if (v->type != NGX_LITELLM_JSON_OBJECT || v->count != 1) {
        return 0;
    }

    type = ngx_litellm_json_member(v, "type");

    return ngx_litellm_json_is(type, STRING)
           && ngx_litellm_json_eq(type, "null");
}


/* false: enough has been done and written */

static ngx_uint_t
ngx_litellm_gemini_work(ngx_litellm_gemini_schema_t *s, ngx_uint_t steps)
{
    s->g->steps += steps;

    if (s->g->steps > NGX_LITELLM_GEMINI_STEPS
        || s->out->size > s->g->end)
    {
        s->over = 1;
    }

    return !s->over;
}
