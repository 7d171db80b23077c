
/*
 * YAML: libyaml's events become a tree.
 *
 * The parser keeps a stack of open collections (bounded by depth), so nothing
 * recurses.  An alias shares the node it names; "total" counts every node as
 * if aliases were written out, which is what a walk over the tree costs, and
 * the parse ends when that passes its bound (an alias bomb doubles per line).
 *
 * A map is finished when it closes: merge keys are put before the map's own
 * ones, later keys replace earlier ones in their place, as PyYAML's
 * flatten_mapping and construct_mapping do.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <yaml.h>
#include "ngx_litellm_yaml.h"


#define NGX_LITELLM_YAML_CLOSED   0
#define NGX_LITELLM_YAML_OPEN     1
#define NGX_LITELLM_YAML_MERGE    2   /* the key "<<", plain */

/* maps up to this size are searched without an index */
#define NGX_LITELLM_YAML_SMALL    8

#define NGX_LITELLM_YAML_CORE     "tag:yaml.org,2002:"


typedef struct {
    ngx_litellm_yaml_t        *node;
    ngx_litellm_yaml_pair_t  **last;
    ngx_litellm_yaml_t        *key;      /* waits for its value */
    ngx_uint_t                 merges;
} ngx_litellm_yaml_frame_t;


typedef struct {
    ngx_str_node_t             sn;
    ngx_litellm_yaml_t        *node;
} ngx_litellm_yaml_anchor_t;


typedef struct {
    ngx_litellm_yaml_doc_t    *doc;
    yaml_parser_t              parser;

    ngx_litellm_yaml_frame_t   stack[NGX_LITELLM_YAML_DEPTH];
    ngx_uint_t                 depth;

    ngx_rbtree_t               anchors;
    ngx_rbtree_node_t          sentinel;

    ngx_uint_t                 documents;
    ngx_uint_t                 total;    /* nodes, aliases expanded */
    size_t                     bytes;
} ngx_litellm_yaml_parser_t;


static ngx_int_t ngx_litellm_yaml_event(ngx_litellm_yaml_parser_t *yp,
    yaml_event_t *event);
static ngx_int_t ngx_litellm_yaml_scalar(ngx_litellm_yaml_parser_t *yp,
    yaml_event_t *event);
static ngx_int_t ngx_litellm_yaml_scalar_tag(ngx_litellm_yaml_parser_t *yp,
    yaml_event_t *event, ngx_litellm_yaml_t *node);
static ngx_int_t ngx_litellm_yaml_open(ngx_litellm_yaml_parser_t *yp,
    yaml_event_t *event);
static ngx_int_t ngx_litellm_yaml_close(ngx_litellm_yaml_parser_t *yp,
    yaml_event_t *event);
static ngx_int_t ngx_litellm_yaml_alias(ngx_litellm_yaml_parser_t *yp,
    yaml_event_t *event);
static ngx_litellm_yaml_t *ngx_litellm_yaml_node(
    ngx_litellm_yaml_parser_t *yp, yaml_event_t *event,
    ngx_litellm_yaml_e type);
static ngx_int_t ngx_litellm_yaml_anchor(ngx_litellm_yaml_parser_t *yp,
    yaml_char_t *name, ngx_litellm_yaml_t *node);
static ngx_int_t ngx_litellm_yaml_add(ngx_litellm_yaml_parser_t *yp,
    yaml_event_t *event, ngx_litellm_yaml_t *node);
static ngx_int_t ngx_litellm_yaml_finish(ngx_litellm_yaml_parser_t *yp,
    ngx_litellm_yaml_frame_t *frame);
static ngx_int_t ngx_litellm_yaml_merge(ngx_litellm_yaml_parser_t *yp,
    ngx_litellm_yaml_t *map, ngx_litellm_yaml_pair_t ***last,
    ngx_litellm_yaml_t *from);
static ngx_int_t ngx_litellm_yaml_set(ngx_litellm_yaml_doc_t *doc,
    ngx_litellm_yaml_t *map, ngx_litellm_yaml_pair_t ***last,
    ngx_litellm_yaml_pair_t *pair);
static ngx_litellm_yaml_pair_t **ngx_litellm_yaml_slot(
    ngx_litellm_yaml_t *map, const void *key, size_t len);
static ngx_litellm_yaml_pair_t *ngx_litellm_yaml_find(
    ngx_litellm_yaml_t *map, const void *key, size_t len);
static ngx_int_t ngx_litellm_yaml_bounds(ngx_litellm_yaml_parser_t *yp,
    yaml_mark_t *mark);
static ngx_int_t ngx_litellm_yaml_fail(ngx_litellm_yaml_parser_t *yp,
    yaml_mark_t *mark, const char *error);
static ngx_int_t ngx_litellm_yaml_problem(ngx_litellm_yaml_parser_t *yp,
    ngx_str_t *text);


ngx_int_t
ngx_litellm_yaml_parse(ngx_litellm_yaml_doc_t *doc, ngx_str_t *text)
{
    ngx_int_t                   rc;
    yaml_event_t                event;
    yaml_event_type_t           type;
    ngx_litellm_yaml_parser_t  *yp;

    doc->root = NULL;
    doc->line = 1;
    doc->column = 1;
    ngx_str_null(&doc->error);

    yp = ngx_pcalloc(doc->pool, sizeof(ngx_litellm_yaml_parser_t));
    if (yp == NULL) {
        return NGX_ERROR;
    }

    yp->doc = doc;
    ngx_rbtree_init(&yp->anchors, &yp->sentinel, ngx_str_rbtree_insert_value);

    if (text->len > NGX_LITELLM_YAML_SIZE
                    * (size_t) (doc->large ? NGX_LITELLM_YAML_LARGE : 1))
    {
        return ngx_litellm_yaml_fail(yp, NULL, doc->large
                                     ? "the file is larger than 128 megabytes"
                                     : "the file is larger than 16 megabytes");
    }

    if (!yaml_parser_initialize(&yp->parser)) {
        return NGX_ERROR;
    }

    yaml_parser_set_input_string(&yp->parser, text->data, text->len);

    do {
        if (!yaml_parser_parse(&yp->parser, &event)) {
            rc = ngx_litellm_yaml_problem(yp, text);
            break;
        }

        type = event.type;
        rc = ngx_litellm_yaml_event(yp, &event);
        yaml_event_delete(&event);

    } while (rc == NGX_OK && type != YAML_STREAM_END_EVENT);

    yaml_parser_delete(&yp->parser);

    return rc;
}


static ngx_int_t
ngx_litellm_yaml_event(ngx_litellm_yaml_parser_t *yp, yaml_event_t *event)
{
    switch (event->type) {

    case YAML_DOCUMENT_START_EVENT:
        if (yp->documents++) {
            return ngx_litellm_yaml_fail(yp, &event->start_mark,
                       "a second document starts here; a configuration is "
                       "one document");
        }

        return NGX_OK;

    case YAML_SCALAR_EVENT:
        return ngx_litellm_yaml_scalar(yp, event);

    case YAML_ALIAS_EVENT:
        return ngx_litellm_yaml_alias(yp, event);

    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return ngx_litellm_yaml_open(yp, event);

    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return ngx_litellm_yaml_close(yp, event);

    default: /* stream start and end, document end */
        return NGX_OK;
    }
}


static ngx_int_t
ngx_litellm_yaml_scalar(ngx_litellm_yaml_parser_t *yp, yaml_event_t *event)
{
    size_t               len;
    ngx_int_t            rc;
    ngx_litellm_yaml_t  *node;

    node = ngx_litellm_yaml_node(yp, event, NGX_LITELLM_YAML_SCALAR);
    if (node == NULL) {
        return NGX_ERROR;
    }

    len = event->data.scalar.length;

    node->text.data = ngx_pnalloc(yp->doc->pool, len + 1);
    if (node->text.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(node->text.data, event->data.scalar.value, len);
    node->text.data[len] = '\0';
    node->text.len = len;
    node->bytes = len;
    yp->bytes += len;

    if (event->data.scalar.tag != NULL
        && ngx_strcmp(event->data.scalar.tag, "!") != 0)
    {
        rc = ngx_litellm_yaml_scalar_tag(yp, event, node);
        if (rc != NGX_OK) {
            return rc;
        }

    } else if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
               && event->data.scalar.tag == NULL)
    {
        node->kind = ngx_litellm_yaml_kind(&node->text);

        if (len == 2 && node->text.data[0] == '<'
            && node->text.data[1] == '<')
        {
            node->state = NGX_LITELLM_YAML_MERGE;
        }
    }

    rc = ngx_litellm_yaml_anchor(yp, event->data.scalar.anchor, node);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_yaml_add(yp, event, node);
}


/* "!!str 5" is text; a tag must fit what is written */

static ngx_int_t
ngx_litellm_yaml_scalar_tag(ngx_litellm_yaml_parser_t *yp,
    yaml_event_t *event, ngx_litellm_yaml_t *node)
{
    const char               *tag;
    ngx_litellm_yaml_kind_e   kind;

    tag = (const char *) event->data.scalar.tag;

    if (ngx_strncmp(tag, NGX_LITELLM_YAML_CORE,
                    sizeof(NGX_LITELLM_YAML_CORE) - 1)
        == 0)
    {
        tag += sizeof(NGX_LITELLM_YAML_CORE) - 1;

        if (ngx_strcmp(tag, "str") == 0) {
            return NGX_OK;
        }

        kind = ngx_litellm_yaml_kind(&node->text);
        node->kind = kind;

        if ((ngx_strcmp(tag, "int") == 0 && kind == NGX_LITELLM_YAML_INT)
            || (ngx_strcmp(tag, "bool") == 0 && kind == NGX_LITELLM_YAML_BOOL)
            || (ngx_strcmp(tag, "null") == 0 && kind == NGX_LITELLM_YAML_NULL)
            || (ngx_strcmp(tag, "float") == 0
                && (kind == NGX_LITELLM_YAML_FLOAT
                    || kind == NGX_LITELLM_YAML_INT)))
        {
            return NGX_OK;
        }
    }

    return ngx_litellm_yaml_fail(yp, &event->start_mark,
                           "a YAML tag (\"!...\") that has no meaning here");
}


static ngx_int_t
ngx_litellm_yaml_open(ngx_litellm_yaml_parser_t *yp, yaml_event_t *event)
{
    ngx_int_t                  rc;
    yaml_char_t               *tag, *anchor;
    const char                *wanted;
    ngx_litellm_yaml_t        *node;
    ngx_litellm_yaml_frame_t  *frame;

    if (event->type == YAML_MAPPING_START_EVENT) {
        node = ngx_litellm_yaml_node(yp, event, NGX_LITELLM_YAML_MAP);
        tag = event->data.mapping_start.tag;
        anchor = event->data.mapping_start.anchor;
        wanted = NGX_LITELLM_YAML_CORE "map";

    } else {
        node = ngx_litellm_yaml_node(yp, event, NGX_LITELLM_YAML_LIST);
        tag = event->data.sequence_start.tag;
        anchor = event->data.sequence_start.anchor;
        wanted = NGX_LITELLM_YAML_CORE "seq";
    }

    if (node == NULL) {
        return NGX_ERROR;
    }

    if (tag != NULL && ngx_strcmp(tag, wanted) != 0
        && ngx_strcmp(tag, "!") != 0)
    {
        return ngx_litellm_yaml_fail(yp, &event->start_mark,
                           "a YAML tag (\"!...\") that has no meaning here");
    }

    if (yp->depth == NGX_LITELLM_YAML_DEPTH) {
        return ngx_litellm_yaml_fail(yp, &event->start_mark,
                                     "nested more than 64 deep");
    }

    frame = yp->depth ? &yp->stack[yp->depth - 1] : NULL;

    if (frame != NULL && frame->node->type == NGX_LITELLM_YAML_MAP
        && frame->key == NULL)
    {
        return ngx_litellm_yaml_fail(yp, &event->start_mark,
                                     "a key must be a plain word, "
                                     "not a list or map");
    }

    node->state = NGX_LITELLM_YAML_OPEN;

    rc = ngx_litellm_yaml_anchor(yp, anchor, node);
    if (rc != NGX_OK) {
        return rc;
    }

    frame = &yp->stack[yp->depth++];

    frame->node = node;
    frame->last = &node->first;
    frame->key = NULL;
    frame->merges = 0;

    return ngx_litellm_yaml_bounds(yp, &event->start_mark);
}


static ngx_int_t
ngx_litellm_yaml_close(ngx_litellm_yaml_parser_t *yp, yaml_event_t *event)
{
    ngx_int_t                  rc;
    ngx_litellm_yaml_t        *node;
    ngx_litellm_yaml_pair_t   *pair;
    ngx_litellm_yaml_frame_t  *frame;

    frame = &yp->stack[--yp->depth];
    node = frame->node;

    if (node->type == NGX_LITELLM_YAML_MAP) {
        rc = ngx_litellm_yaml_finish(yp, frame);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    node->state = NGX_LITELLM_YAML_CLOSED;
    node->nodes = 1;

    for (pair = node->first; pair; pair = pair->next) {
        node->nodes += pair->value->nodes + 1;
        node->bytes += pair->value->bytes + (pair->key ? pair->key->bytes : 0);
    }

    return ngx_litellm_yaml_add(yp, event, node);
}


static ngx_int_t
ngx_litellm_yaml_alias(ngx_litellm_yaml_parser_t *yp, yaml_event_t *event)
{
    ngx_str_t                   name;
    ngx_litellm_yaml_anchor_t  *anchor;

    name.data = event->data.alias.anchor;
    name.len = ngx_strlen(name.data);

    anchor = (ngx_litellm_yaml_anchor_t *)
                 ngx_str_rbtree_lookup(&yp->anchors, &name,
                                       ngx_crc32_long(name.data, name.len));

    if (anchor == NULL) {
        return ngx_litellm_yaml_fail(yp, &event->start_mark,
                             "an alias (\"*name\") without an anchor before "
                             "it; a name with a star must be quoted");
    }

    if (anchor->node->state == NGX_LITELLM_YAML_OPEN) {
        return ngx_litellm_yaml_fail(yp, &event->start_mark,
                             "an alias inside of what its anchor names");
    }

    yp->total += anchor->node->nodes;
    yp->bytes += anchor->node->bytes;

    return ngx_litellm_yaml_add(yp, event, anchor->node);
}


static ngx_litellm_yaml_t *
ngx_litellm_yaml_node(ngx_litellm_yaml_parser_t *yp, yaml_event_t *event,
    ngx_litellm_yaml_e type)
{
    ngx_litellm_yaml_t  *node;

    node = ngx_pcalloc(yp->doc->pool, sizeof(ngx_litellm_yaml_t));
    if (node == NULL) {
        return NULL;
    }

    node->file = yp->doc->file;
    node->line = event->start_mark.line + 1;
    node->type = type;
    node->nodes = 1;

    yp->total++;

    return node;
}


static ngx_int_t
ngx_litellm_yaml_anchor(ngx_litellm_yaml_parser_t *yp, yaml_char_t *name,
    ngx_litellm_yaml_t *node)
{
    uint32_t                    hash;
    ngx_str_t                   str;
    ngx_litellm_yaml_anchor_t  *anchor;

    if (name == NULL) {
        return NGX_OK;
    }

    str.data = name;
    str.len = ngx_strlen(name);
    hash = ngx_crc32_long(str.data, str.len);

    anchor = (ngx_litellm_yaml_anchor_t *)
                 ngx_str_rbtree_lookup(&yp->anchors, &str, hash);

    if (anchor != NULL) {
        anchor->node = node;
        return NGX_OK;
    }

    anchor = ngx_palloc(yp->doc->pool, sizeof(ngx_litellm_yaml_anchor_t));
    if (anchor == NULL) {
        return NGX_ERROR;
    }

    anchor->sn.str.data = ngx_pstrdup(yp->doc->pool, &str);
    if (anchor->sn.str.data == NULL) {
        return NGX_ERROR;
    }

    anchor->sn.str.len = str.len;
    anchor->sn.node.key = hash;
    anchor->node = node;

    ngx_rbtree_insert(&yp->anchors, &anchor->sn.node);

    return NGX_OK;
}


/* a finished node takes its place: a key, a value, an element or the root */

static ngx_int_t
ngx_litellm_yaml_add(ngx_litellm_yaml_parser_t *yp, yaml_event_t *event,
    ngx_litellm_yaml_t *node)
{
    ngx_litellm_yaml_pair_t   *pair;
    ngx_litellm_yaml_frame_t  *frame;

    if (yp->depth == 0) {
        yp->doc->root = node;
        return ngx_litellm_yaml_bounds(yp, &event->start_mark);
    }

    frame = &yp->stack[yp->depth - 1];

    if (frame->node->type == NGX_LITELLM_YAML_MAP && frame->key == NULL) {

        if (node->type != NGX_LITELLM_YAML_SCALAR) {
            return ngx_litellm_yaml_fail(yp, &event->start_mark,
                                         "a key must be a plain word, "
                                         "not a list or map");
        }

        frame->key = node;

        return ngx_litellm_yaml_bounds(yp, &event->start_mark);
    }

    pair = ngx_palloc(yp->doc->pool, sizeof(ngx_litellm_yaml_pair_t));
    if (pair == NULL) {
        return NGX_ERROR;
    }

    pair->next = NULL;
    pair->key = frame->key;
    pair->value = node;
    pair->merged = 0;

    if (frame->key != NULL && frame->key->state == NGX_LITELLM_YAML_MERGE) {
        frame->merges++;
    }

    *frame->last = pair;
    frame->last = &pair->next;
    frame->node->count++;
    frame->key = NULL;

    return ngx_litellm_yaml_bounds(yp, &event->start_mark);
}


static ngx_int_t
ngx_litellm_yaml_finish(ngx_litellm_yaml_parser_t *yp,
    ngx_litellm_yaml_frame_t *frame)
{
    ngx_int_t                  rc;
    ngx_uint_t                 n, i, size;
    ngx_litellm_yaml_t        *map, *from, **maps;
    ngx_litellm_yaml_pair_t   *pair, *next, *own, **last, *item;

    map = frame->node;
    own = map->first;
    n = map->count;

    if (frame->merges) {
        for (pair = own; pair; pair = pair->next) {
            if (pair->key->state == NGX_LITELLM_YAML_MERGE) {
                n += pair->value->nodes;
            }
        }
    }

    if (n > NGX_LITELLM_YAML_SMALL) {

        for (size = 16; size < n * 2; size *= 2) { /* void */ }

        map->index = ngx_pcalloc(yp->doc->pool, size * sizeof(void *));
        if (map->index == NULL) {
            return NGX_ERROR;
        }

        map->mask = size - 1;
    }

    map->first = NULL;
    map->count = 0;
    last = &map->first;

    for (pair = frame->merges ? own : NULL; pair; pair = pair->next) {

        if (pair->key->state != NGX_LITELLM_YAML_MERGE) {
            continue;
        }

        from = pair->value;

        if (from->type != NGX_LITELLM_YAML_LIST) {
            rc = ngx_litellm_yaml_merge(yp, map, &last, from);
            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        /* of a list the first map wins: it is merged last */

        maps = ngx_palloc(yp->doc->pool, (from->count + 1) * sizeof(void *));
        if (maps == NULL) {
            return NGX_ERROR;
        }

        for (i = 0, item = from->first; item; item = item->next) {
            maps[i++] = item->value;
        }

        while (i-- > 0) {
            rc = ngx_litellm_yaml_merge(yp, map, &last, maps[i]);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    for (pair = own; pair; pair = next) {
        next = pair->next;

        if (pair->key->state == NGX_LITELLM_YAML_MERGE) {
            continue;
        }

        if (ngx_litellm_yaml_set(yp->doc, map, &last, pair) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_yaml_merge(ngx_litellm_yaml_parser_t *yp, ngx_litellm_yaml_t *map,
    ngx_litellm_yaml_pair_t ***last, ngx_litellm_yaml_t *from)
{
    yaml_mark_t               mark;
    ngx_litellm_yaml_pair_t  *pair, *copy;

    if (from->type != NGX_LITELLM_YAML_MAP) {
        ngx_memzero(&mark, sizeof(yaml_mark_t));
        mark.line = from->line - 1;

        return ngx_litellm_yaml_fail(yp, &mark,
                                 "\"<<\" takes a map or a list of maps");
    }

    for (pair = from->first; pair; pair = pair->next) {

        copy = ngx_palloc(yp->doc->pool, sizeof(ngx_litellm_yaml_pair_t));
        if (copy == NULL) {
            return NGX_ERROR;
        }

        copy->next = NULL;
        copy->key = pair->key;
        copy->value = pair->value;
        copy->merged = 1;

        if (ngx_litellm_yaml_set(yp->doc, map, last, copy) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_yaml_set(ngx_litellm_yaml_doc_t *doc, ngx_litellm_yaml_t *map,
    ngx_litellm_yaml_pair_t ***last, ngx_litellm_yaml_pair_t *pair)
{
    ngx_litellm_yaml_pair_t  *old, **slot;

    pair->next = NULL;

    old = ngx_litellm_yaml_find(map, pair->key->text.data,
                                pair->key->text.len);

    if (old != NULL) {

        if (!old->merged && !pair->merged && doc->duplicate) {
            doc->duplicate(doc->data, old->key, pair->key);
        }

        old->key = pair->key;
        old->value = pair->value;
        old->merged = pair->merged;

        return NGX_OK;
    }

    if (map->index) {
        slot = ngx_litellm_yaml_slot(map, pair->key->text.data,
                                     pair->key->text.len);
        *slot = pair;
    }

    **last = pair;
    *last = &pair->next;
    map->count++;

    return NGX_OK;
}


/* the place of key in the index, or the free one that it would take */

static ngx_litellm_yaml_pair_t **
ngx_litellm_yaml_slot(ngx_litellm_yaml_t *map, const void *key, size_t len)
{
    uint32_t                  i;
    ngx_litellm_yaml_pair_t  *pair;

    i = ngx_crc32_long((u_char *) key, len) & map->mask;

    for ( ;; ) {
        pair = map->index[i];

        if (pair == NULL
            || (pair->key->text.len == len
                && ngx_memcmp(pair->key->text.data, key, len) == 0))
        {
            return &map->index[i];
        }

        i = (i + 1) & map->mask;
    }
}


static ngx_litellm_yaml_pair_t *
ngx_litellm_yaml_find(ngx_litellm_yaml_t *map, const void *key, size_t len)
{
    ngx_litellm_yaml_pair_t  *pair;

    if (map->index) {
        return *ngx_litellm_yaml_slot(map, key, len);
    }

    for (pair = map->first; pair; pair = pair->next) {
        if (pair->key->text.len == len
            && ngx_memcmp(pair->key->text.data, key, len) == 0)
        {
            return pair;
        }
    }

    return NULL;
}


ngx_litellm_yaml_t *
ngx_litellm_yaml_get(ngx_litellm_yaml_t *map, const void *key, size_t len)
{
    ngx_litellm_yaml_pair_t  *pair;

    if (map == NULL || map->type != NGX_LITELLM_YAML_MAP) {
        return NULL;
    }

    pair = ngx_litellm_yaml_find(map, key, len);

    return pair ? pair->value : NULL;
}


static ngx_int_t
ngx_litellm_yaml_bounds(ngx_litellm_yaml_parser_t *yp, yaml_mark_t *mark)
{
    ngx_uint_t  n;

    n = yp->doc->large ? NGX_LITELLM_YAML_LARGE : 1;

    if (yp->total > NGX_LITELLM_YAML_NODES * n
        || yp->bytes > NGX_LITELLM_YAML_BYTES * n)
    {
        return ngx_litellm_yaml_fail(yp, mark, n > 1
                         ? "too much: with its aliases written out the file "
                           "has over 8000000 nodes or 512 megabytes"
                         : "too much: with its aliases written out the file "
                           "has over 1000000 nodes or 64 megabytes");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_yaml_fail(ngx_litellm_yaml_parser_t *yp, yaml_mark_t *mark,
    const char *error)
{
    if (mark != NULL) {
        yp->doc->line = mark->line + 1;
        yp->doc->column = mark->column + 1;
    }

    yp->doc->error.data = (u_char *) error;
    yp->doc->error.len = ngx_strlen(error);

    return NGX_DECLINED;
}


/* libyaml's own errors; its words are static */

static ngx_int_t
ngx_litellm_yaml_problem(ngx_litellm_yaml_parser_t *yp, ngx_str_t *text)
{
    size_t        i, last;
    yaml_mark_t  *mark;

    if (yp->parser.error == YAML_MEMORY_ERROR) {
        return NGX_ERROR;
    }

    mark = &yp->parser.problem_mark;

    (void) ngx_litellm_yaml_fail(yp, mark, yp->parser.problem
                                           ? yp->parser.problem
                                           : "not valid YAML");

    if (yp->parser.error == YAML_READER_ERROR) {

        /* a mark is not set by the reader */

        last = ngx_min(yp->parser.problem_offset, text->len);
        yp->doc->line = 1;
        yp->doc->column = 1;

        for (i = 0; i < last; i++) {
            yp->doc->column++;

            if (text->data[i] == LF) {
                yp->doc->line++;
                yp->doc->column = 1;
            }
        }
    }

    return NGX_DECLINED;
}
