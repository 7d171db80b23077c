
/*
 * A YAML text as a tree with file and line on every node.
 *
 * libyaml gives the events; anchors, aliases, merge keys, duplicate keys and
 * the YAML 1.1 meaning of plain scalars are here, as PyYAML has them.  The
 * text is hostile until shown otherwise: size, depth, nodes and what aliases
 * expand to are bounded, so a walk over the whole tree (a node that several
 * aliases name is met several times) is bounded too.
 *
 * Who calls it: ngx_litellm_config.c and its parts, at configuration time.
 */

#ifndef _NGX_LITELLM_YAML_H_INCLUDED_
#define _NGX_LITELLM_YAML_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_LITELLM_YAML_SIZE      (16 * 1024 * 1024)  /* bytes of a text */
#define NGX_LITELLM_YAML_DEPTH     64
#define NGX_LITELLM_YAML_NODES     1000000   /* aliases expanded */
#define NGX_LITELLM_YAML_BYTES     (64 * 1024 * 1024)  /* of scalars, same */
#define NGX_LITELLM_YAML_LARGE     8         /* times all but the depth */


typedef enum {
    NGX_LITELLM_YAML_SCALAR = 0,
    NGX_LITELLM_YAML_LIST,
    NGX_LITELLM_YAML_MAP
} ngx_litellm_yaml_e;


/* what a scalar is by the rules of YAML 1.1 */
typedef enum {
    NGX_LITELLM_YAML_STRING = 0,
    NGX_LITELLM_YAML_NULL,
    NGX_LITELLM_YAML_BOOL,
    NGX_LITELLM_YAML_INT,
    NGX_LITELLM_YAML_FLOAT
} ngx_litellm_yaml_kind_e;


typedef struct ngx_litellm_yaml_s       ngx_litellm_yaml_t;
typedef struct ngx_litellm_yaml_pair_s  ngx_litellm_yaml_pair_t;


struct ngx_litellm_yaml_s {
    ngx_str_t                  *file;
    uint32_t                    line;      /* from 1 */
    uint8_t                     type;      /* ngx_litellm_yaml_e */
    uint8_t                     kind;      /* of a scalar */
    uint8_t                     state;     /* the parser's own */
    uint32_t                    count;     /* elements, or pairs */
    ngx_str_t                   text;      /* of a scalar; NUL-terminated */
    ngx_litellm_yaml_pair_t    *first;     /* in order; merged keys first */

    ngx_litellm_yaml_pair_t   **index;     /* of a big map, by hash */
    uint32_t                    mask;
    uint32_t                    nodes;     /* of the subtree, expanded */
    size_t                      bytes;
};


struct ngx_litellm_yaml_pair_s {
    ngx_litellm_yaml_pair_t    *next;
    ngx_litellm_yaml_t         *key;       /* a scalar; NULL in a list */
    ngx_litellm_yaml_t         *value;
    ngx_uint_t                  merged;    /* by a "<<" */
};


typedef struct {
    ngx_pool_t                 *pool;      /* the tree lives here */
    ngx_str_t                  *file;      /* put into the nodes */
    ngx_uint_t                  large;     /* a list of many thousand keys */

    /* a key that is twice in one map; the later one is kept */
    void                      (*duplicate)(void *data,
                                           ngx_litellm_yaml_t *earlier,
                                           ngx_litellm_yaml_t *later);
    void                       *data;

    ngx_litellm_yaml_t         *root;      /* NULL: nothing but comments */

    ngx_uint_t                  line;      /* of the error, from 1 */
    ngx_uint_t                  column;
    ngx_str_t                   error;     /* lower case, no dot */
} ngx_litellm_yaml_doc_t;


/*
 * Returns NGX_OK with doc->root; NGX_DECLINED with doc->error, line and
 * column; NGX_ERROR if memory ran out.
 */
ngx_int_t ngx_litellm_yaml_parse(ngx_litellm_yaml_doc_t *doc,
    ngx_str_t *text);

/* a map's value; NULL without it, or if map is NULL or no map */
ngx_litellm_yaml_t *ngx_litellm_yaml_get(ngx_litellm_yaml_t *map,
    const void *key, size_t len);
#define ngx_litellm_yaml_member(map, s)                                       \
    ngx_litellm_yaml_get(map, s, sizeof(s) - 1)

/*
 * ngx_litellm_yaml_scalar.c: the meaning of a plain scalar.  As PyYAML's
 * resolver, with two differences: 1e-6 is a number (PyYAML wants a dot and a
 * sign), dates stay text.
 */
ngx_litellm_yaml_kind_e ngx_litellm_yaml_kind(ngx_str_t *text);

/* of BOOL text */
ngx_flag_t ngx_litellm_yaml_true(ngx_str_t *text);

/*
 * INT or FLOAT text as a JSON number in dst, which has room for text->len + 24
 * bytes.  Returns its length, 0 where JSON has no such number (.inf, or a
 * based one over 64 bits).
 */
size_t ngx_litellm_yaml_number(ngx_str_t *text, ngx_litellm_yaml_kind_e kind,
    u_char *dst);

/*
 * INT or FLOAT text times 10^scale, rounded towards zero.  NGX_DECLINED if
 * it does not fit.
 */
ngx_int_t ngx_litellm_yaml_fixed(ngx_str_t *text, ngx_litellm_yaml_kind_e kind,
    ngx_uint_t scale, int64_t *n);


#endif /* _NGX_LITELLM_YAML_H_INCLUDED_ */
