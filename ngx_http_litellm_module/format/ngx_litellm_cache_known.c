
/*
 * Bodies that were hits before: see the header.  A record is one piece of
 * memory: itself, the nodes, the body.  Records are in a hash table and in the
 * order of their use; no two have the same hash.
 *
 * A body has a few names: in a cache with scopes each client calls it by his
 * own.  What a name depends on is kept as bytes, to be compared.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_cache_known.h"
#include "ngx_litellm_cache_hash.h"


#define NGX_LITELLM_CACHE_KNOWN_BUCKETS  1024
#define NGX_LITELLM_CACHE_KNOWN_NAMES    4
#define NGX_LITELLM_CACHE_KNOWN_WHAT     222


/* what a name depends on, beside the body */
typedef struct {
    uint16_t                            len;
    u_char                              data[NGX_LITELLM_CACHE_KNOWN_WHAT];
} ngx_litellm_cache_what_t;


typedef struct {
    ngx_litellm_cache_what_t            what;
    u_char                              key[NGX_LITELLM_CACHE_KEY];
} ngx_litellm_cache_name_t;


/*
 * What format->open() found, by places of nodes: of a body that has nothing but
 * parameters, each of them once.  The others are opened anew, there is more to
 * do than to find members again.
 */
typedef struct {
    u_char                              id;        /* ngx_litellm_param_e */
    u_char                              node;
} ngx_litellm_cache_place_t;

typedef struct {
    const ngx_litellm_format_t         *format;    /* NULL: nothing is kept */
    ngx_litellm_op_e                    op;
    uint64_t                            present;
    u_char                              model;     /* 0: it has none */
    u_char                              nplaces;
    ngx_litellm_cache_place_t           places[NGX_LITELLM_P_MAX];
    unsigned                            stream:1;
    unsigned                            include_usage:1;
} ngx_litellm_cache_opened_t;


struct ngx_litellm_cache_record_s {
    ngx_queue_t                         queue;
    ngx_litellm_cache_record_t         *next;      /* in its bucket */
    uint64_t                            hash;
    size_t                              size;      /* of the record */
    ngx_str_t                           body;
    ngx_litellm_json_t                 *node;      /* in our body */
    ngx_uint_t                          nodes;
    ngx_uint_t                          names;     /* that ever were added */
    ngx_litellm_cache_name_t            name[NGX_LITELLM_CACHE_KNOWN_NAMES];
    ngx_litellm_cache_opened_t          opened;
    unsigned                            parts:1;
};


struct ngx_litellm_cache_known_s {
    ngx_log_t                          *log;
    uint64_t                            secret;
    size_t                              size;
    size_t                              used;
    ngx_uint_t                          dropped;   /* records, ever */
    ngx_queue_t                         queue;     /* used last: in front */
    ngx_litellm_cache_record_t
                          *bucket[NGX_LITELLM_CACHE_KNOWN_BUCKETS];
};


static ngx_litellm_cache_record_t *ngx_litellm_cache_known_find(
    ngx_litellm_cache_known_t *known, ngx_litellm_cache_seen_t *seen,
    ngx_str_t *body);
static void ngx_litellm_cache_known_open(ngx_litellm_cache_record_t *record,
    ngx_litellm_call_t *call);
static void ngx_litellm_cache_known_opened(ngx_litellm_cache_record_t *record,
    ngx_litellm_call_t *call);
static ngx_litellm_cache_record_t *ngx_litellm_cache_known_new(
    ngx_litellm_cache_known_t *known, uint64_t hash,
    ngx_litellm_call_t *call);
static void ngx_litellm_cache_known_drop(ngx_litellm_cache_known_t *known,
    ngx_litellm_cache_record_t *record);
static ngx_litellm_cache_record_t **ngx_litellm_cache_known_place(
    ngx_litellm_cache_known_t *known, uint64_t hash);
static ngx_int_t ngx_litellm_cache_known_what(ngx_litellm_cache_what_t *what,
    ngx_litellm_call_t *call, ngx_str_t *group, ngx_str_t *namespace,
    ngx_str_t *scope, ngx_uint_t flags);
static ngx_litellm_cache_name_t *ngx_litellm_cache_known_name(
    ngx_litellm_cache_record_t *record, ngx_litellm_cache_what_t *what);


ngx_litellm_cache_known_t *
ngx_litellm_cache_known_create(size_t size, uint64_t secret, ngx_log_t *log)
{
    ngx_litellm_cache_known_t  *known;

    known = ngx_calloc(sizeof(ngx_litellm_cache_known_t), log);
    if (known == NULL) {
        return NULL;
    }

    known->log = log;
    known->secret = secret;
    known->size = size;

    ngx_queue_init(&known->queue);

    return known;
}


void
ngx_litellm_cache_known_free(ngx_litellm_cache_known_t *known)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&known->queue)) {
        q = ngx_queue_head(&known->queue);

        ngx_litellm_cache_known_drop(known,
                  ngx_queue_data(q, ngx_litellm_cache_record_t, queue));
    }

    ngx_free(known);
}


uint64_t
ngx_litellm_cache_known_hash(ngx_litellm_cache_known_t *known, ngx_str_t *body)
{
    return ngx_litellm_cache_hash(known->secret, body->data, body->len);
}


ngx_int_t
ngx_litellm_cache_known_read(ngx_litellm_cache_known_t *known,
    ngx_litellm_cache_seen_t *seen, ngx_litellm_call_t *call)
{
    uintptr_t                    moved;
    ngx_uint_t                   i;
    ngx_litellm_json_t          *node;
    ngx_litellm_cache_record_t  *record;

    record = ngx_litellm_cache_known_find(known, seen, &call->body);

    seen->record = record;
    seen->dropped = known->dropped;

    if (record == NULL) {
        return NGX_DECLINED;
    }

    node = ngx_palloc(call->pool, record->nodes * sizeof(ngx_litellm_json_t));
    if (node == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(node, record->node,
               record->nodes * sizeof(ngx_litellm_json_t));

    /* what is added to each may be anything: the bodies are apart */

    moved = (uintptr_t) call->body.data - (uintptr_t) record->body.data;

    for (i = 0; i < record->nodes; i++) {
        node[i].start = (u_char *) ((uintptr_t) node[i].start + moved);
    }

    call->top.mem = node;
    call->top.nalloc = record->nodes;
    call->top.root = node;
    call->top.nodes = record->nodes;

    call->parts = record->parts;
    call->known = 1;

    if (record->opened.format == call->format
        && record->opened.op == call->op)
    {
        ngx_litellm_cache_known_open(record, call);
    }

    return NGX_OK;
}


/* the nodes are there, everything else is as in a call that is new */

static void
ngx_litellm_cache_known_open(ngx_litellm_cache_record_t *record,
    ngx_litellm_call_t *call)
{
    ngx_uint_t                   i;
    ngx_litellm_json_t          *node;
    ngx_litellm_cache_place_t   *place;
    ngx_litellm_cache_opened_t  *opened;

    opened = &record->opened;
    node = call->top.root;
    place = opened->places;

    for (i = 0; i < opened->nplaces; i++) {
        call->param[place[i].id] = &node[place[i].node];
    }

    if (opened->model) {
        call->model_node = &node[opened->model];

        if (call->model.len == 0
            && call->model_node->type == NGX_LITELLM_JSON_STRING)
        {
            call->model = ngx_litellm_json_text(call->model_node);
        }
    }

    call->present = opened->present;
    call->stream = opened->stream;
    call->include_usage = opened->include_usage;
    call->opened = 1;
}


/* the other way round */

static void
ngx_litellm_cache_known_opened(ngx_litellm_cache_record_t *record,
    ngx_litellm_call_t *call)
{
    ngx_uint_t                   i, n;
    ngx_litellm_json_t          *node, *model;
    ngx_litellm_cache_opened_t  *opened;

    node = call->top.root;
    model = call->model_node;

    if (call->extra.nelts || call->control.nelts || call->duplicates
        || (model != NULL && (model->flags & NGX_LITELLM_JSON_ESCAPED)))
    {
        return;
    }

    for (i = 0; i < call->top.nodes; i++) {

        if (node[i].flags & NGX_LITELLM_JSON_DROPPED) {

            /* a member that is of no use to anybody, for open() to drop */

            return;
        }
    }

    opened = &record->opened;

    for (i = 0, n = 0; i < NGX_LITELLM_P_MAX; i++) {

        if (call->param[i] != NULL) {
            opened->places[n].id = (u_char) i;
            opened->places[n].node = (u_char) (call->param[i] - node);
            n++;
        }
    }

    opened->nplaces = (u_char) n;
    opened->model = model ? (u_char) (model - node) : 0;
    opened->present = call->present;
    opened->stream = call->stream;
    opened->include_usage = call->include_usage;
    opened->op = call->op;
    opened->format = call->format;
}


ngx_int_t
ngx_litellm_cache_known_key(ngx_litellm_cache_known_t *known,
    ngx_litellm_cache_seen_t *seen, ngx_litellm_call_t *call,
    ngx_str_t *group, ngx_str_t *namespace, ngx_str_t *scope,
    ngx_uint_t flags, u_char key[NGX_LITELLM_CACHE_KEY])
{
    ngx_litellm_cache_name_t    *name;
    ngx_litellm_cache_what_t     what;
    ngx_litellm_cache_record_t  *record;

    /* another request's hit may have pushed it out meanwhile */

    record = (seen->record != NULL && seen->dropped == known->dropped)
             ? seen->record
             : ngx_litellm_cache_known_find(known, seen, &call->body);

    if (record == NULL
        || ngx_litellm_cache_known_what(&what, call, group, namespace, scope,
                                        flags)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    name = ngx_litellm_cache_known_name(record, &what);

    if (name == NULL) {
        return NGX_DECLINED;
    }

    ngx_memcpy(key, name->key, NGX_LITELLM_CACHE_KEY);

    return NGX_OK;
}


void
ngx_litellm_cache_known_add(ngx_litellm_cache_known_t *known,
    ngx_litellm_cache_seen_t *seen, ngx_litellm_call_t *call,
    ngx_str_t *group, ngx_str_t *namespace, ngx_str_t *scope,
    ngx_uint_t flags, const u_char key[NGX_LITELLM_CACHE_KEY])
{
    ngx_litellm_cache_name_t    *name;
    ngx_litellm_cache_what_t     what;
    ngx_litellm_cache_record_t  *record;

    if (ngx_litellm_cache_known_what(&what, call, group, namespace, scope,
                                     flags)
        != NGX_OK)
    {
        return;
    }

    record = ngx_litellm_cache_known_find(known, seen, &call->body);

    if (record == NULL) {
        record = ngx_litellm_cache_known_new(known, seen->hash, call);
        if (record == NULL) {
            return;
        }
    }

    name = ngx_litellm_cache_known_name(record, &what);

    if (name == NULL) {
        name = &record->name[record->names++ % NGX_LITELLM_CACHE_KNOWN_NAMES];
        name->what.len = what.len;
        ngx_memcpy(name->what.data, what.data, what.len);
    }

    ngx_memcpy(name->key, key, NGX_LITELLM_CACHE_KEY);
}


static ngx_litellm_cache_record_t **
ngx_litellm_cache_known_place(ngx_litellm_cache_known_t *known, uint64_t hash)
{
    ngx_litellm_cache_record_t  **place;

    place = &known->bucket[hash % NGX_LITELLM_CACHE_KNOWN_BUCKETS];

    while (*place && (*place)->hash != hash) {
        place = &(*place)->next;
    }

    return place;
}


static ngx_litellm_cache_record_t *
ngx_litellm_cache_known_find(ngx_litellm_cache_known_t *known,
    ngx_litellm_cache_seen_t *seen, ngx_str_t *body)
{
    ngx_litellm_cache_record_t  *record;

    record = *ngx_litellm_cache_known_place(known, seen->hash);

    if (record == NULL || record->body.len != body->len
        || ngx_memcmp(record->body.data, body->data, body->len) != 0)
    {
        return NULL;
    }

    ngx_queue_remove(&record->queue);
    ngx_queue_insert_head(&known->queue, &record->queue);

    return record;
}


static ngx_litellm_cache_record_t *
ngx_litellm_cache_known_new(ngx_litellm_cache_known_t *known, uint64_t hash,
    ngx_litellm_call_t *call)
{
    u_char                       *p;
    size_t                        head, size;
    ngx_uint_t                    i, n;
    ngx_queue_t                  *q;
    ngx_litellm_json_t           *node;
    ngx_litellm_cache_record_t   *record, **place;

    n = call->top.nodes;

    if (call->top.root == NULL || n > NGX_LITELLM_CACHE_KNOWN_NODES
        || call->body.len > NGX_LITELLM_CACHE_KNOWN_BODY)
    {
        return NULL;
    }

    head = ngx_align(sizeof(ngx_litellm_cache_record_t), NGX_ALIGNMENT);
    size = head + n * sizeof(ngx_litellm_json_t) + call->body.len;

    if (size > known->size) {
        return NULL;
    }

    place = ngx_litellm_cache_known_place(known, hash);

    if (*place) {
        ngx_litellm_cache_known_drop(known, *place);
    }

    while (size > known->size - known->used) {
        q = ngx_queue_last(&known->queue);

        ngx_litellm_cache_known_drop(known,
                  ngx_queue_data(q, ngx_litellm_cache_record_t, queue));
    }

    p = ngx_alloc(size, known->log);
    if (p == NULL) {
        return NULL;
    }

    record = (ngx_litellm_cache_record_t *) p;
    ngx_memzero(record, sizeof(ngx_litellm_cache_record_t));

    node = (ngx_litellm_json_t *) (p + head);

    record->hash = hash;
    record->size = size;
    record->node = node;
    record->nodes = n;
    record->parts = call->parts;
    record->body.data = (u_char *) &node[n];
    record->body.len = call->body.len;

    ngx_memcpy(record->body.data, call->body.data, call->body.len);

    for (i = 0; i < n; i++) {
        node[i] = call->top.root[i];
        node[i].start = record->body.data + (node[i].start - call->body.data);

        /* that is for format->open() to find again */

        node[i].flags &= ~NGX_LITELLM_JSON_DROPPED;
    }

    ngx_litellm_cache_known_opened(record, call);

    /* what was dropped may have been what the place was in */

    place = ngx_litellm_cache_known_place(known, hash);

    record->next = *place;
    *place = record;

    ngx_queue_insert_head(&known->queue, &record->queue);
    known->used += size;

    return record;
}


static void
ngx_litellm_cache_known_drop(ngx_litellm_cache_known_t *known,
    ngx_litellm_cache_record_t *record)
{
    *ngx_litellm_cache_known_place(known, record->hash) = record->next;

    ngx_queue_remove(&record->queue);
    known->used -= record->size;
    known->dropped++;

    ngx_free(record);
}


/* NGX_DECLINED: it is too long */

static ngx_int_t
ngx_litellm_cache_known_what(ngx_litellm_cache_what_t *what,
    ngx_litellm_call_t *call, ngx_str_t *group, ngx_str_t *namespace,
    ngx_str_t *scope, ngx_uint_t flags)
{
    u_char      *p, *last;
    size_t       n;
    ngx_str_t   *part[4];
    ngx_uint_t   i;

    part[0] = (ngx_str_t *) &call->format->name;
    part[1] = group;
    part[2] = namespace;
    part[3] = scope;

    p = what->data;
    last = p + NGX_LITELLM_CACHE_KNOWN_WHAT;

    *p++ = (u_char) call->op;
    *p++ = (u_char) flags;

    for (i = 0; i < 4; i++) {
        n = part[i]->len;

        if ((size_t) (last - p) < sizeof(size_t)
            || (size_t) (last - p) - sizeof(size_t) < n)
        {
            return NGX_DECLINED;
        }

        p = ngx_cpymem(p, &n, sizeof(size_t));

        if (n) {
            p = ngx_cpymem(p, part[i]->data, n);
        }
    }

    what->len = (uint16_t) (p - what->data);

    return NGX_OK;
}


static ngx_litellm_cache_name_t *
ngx_litellm_cache_known_name(ngx_litellm_cache_record_t *record,
    ngx_litellm_cache_what_t *what)
{
    ngx_uint_t                 i, n;
    ngx_litellm_cache_name_t  *name;

    n = ngx_min(record->names, NGX_LITELLM_CACHE_KNOWN_NAMES);

    for (i = 0; i < n; i++) {
        name = &record->name[i];

        if (name->what.len == what->len
            && ngx_memcmp(name->what.data, what->data, what->len) == 0)
        {
            return name;
        }
    }

    return NULL;
}
