
/*
 * Keys, teams, users and end users of the configuration: the lists virtual_
 * keys, teams, users and end_users (or customers) of the file, and the same of
 * the files of litellm_keys.
 *
 * Whatever a record was written in, it is read as JSON text by
 * ngx_litellm_principal_read().  A file that begins with a bracket is JSON and
 * is cut into its records without a tree of it: there may be 100,000.  An
 * entry of the main file that names nobody is left out with a warning (some
 * files of LiteLLM's users have lists of these names that mean nothing to it);
 * everywhere else, and for all other faults, it is an error.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


#define NGX_LITELLM_CF_KEY_NODES   8000000
#define NGX_LITELLM_CF_KEY_DEPTH   40

/* so large that the blocks go back to the system */
#define NGX_LITELLM_CF_KEY_POOL    (1024 * 1024)


/* a record that was read, for what is looked at when all are there */
typedef struct {
    ngx_litellm_principal_t    *p;
    ngx_litellm_yaml_t         *node;
} ngx_litellm_cf_record_t;


typedef struct {
    ngx_litellm_cf_t           *cf;
    ngx_pool_t                 *pool;       /* what was read of files */
    ngx_array_t                 records;    /* ngx_litellm_cf_record_t: keys */
    ngx_rbtree_t                told;       /* names already warned of */
    ngx_rbtree_node_t           sentinel;
    ngx_uint_t                  file;       /* of litellm_keys */
} ngx_litellm_cf_people_t;


typedef struct {
    const char                 *name;
    ngx_litellm_principal_e     kind;
} ngx_litellm_cf_list_t;


static void ngx_litellm_cf_counted(ngx_litellm_config_t *conf);
static void ngx_litellm_cf_people_main(ngx_litellm_cf_people_t *pp);
static void ngx_litellm_cf_people_file(ngx_litellm_cf_people_t *pp,
    ngx_str_t *path);
static void ngx_litellm_cf_people_yaml(ngx_litellm_cf_people_t *pp,
    ngx_str_t *file, ngx_str_t *text);
static void ngx_litellm_cf_people_json(ngx_litellm_cf_people_t *pp,
    ngx_str_t *file, ngx_str_t *text);
static const ngx_litellm_cf_list_t *ngx_litellm_cf_people_list(
    ngx_litellm_cf_people_t *pp, ngx_str_t *name);
static void ngx_litellm_cf_people_items(ngx_litellm_cf_people_t *pp,
    ngx_litellm_principal_e kind, ngx_litellm_yaml_t *list);
static void ngx_litellm_cf_people_record(ngx_litellm_cf_people_t *pp,
    ngx_litellm_principal_e kind, ngx_litellm_yaml_t *node, ngx_str_t *json);
static ngx_int_t ngx_litellm_cf_people_key(ngx_litellm_cf_people_t *pp,
    ngx_litellm_principal_e kind, ngx_litellm_yaml_t *node, ngx_str_t *json);
static void ngx_litellm_cf_people_lint(ngx_litellm_cf_people_t *pp,
    ngx_litellm_principal_e kind, ngx_litellm_yaml_t *node,
    ngx_litellm_json_t *root);
static void ngx_litellm_cf_people_models(ngx_litellm_cf_people_t *pp,
    ngx_litellm_yaml_t *node, ngx_litellm_principal_t *p);
static ngx_uint_t ngx_litellm_cf_people_access(ngx_litellm_cf_t *cf,
    ngx_str_t *name);
static void ngx_litellm_cf_people_check(ngx_litellm_cf_people_t *pp);
static ngx_uint_t ngx_litellm_cf_people_told(ngx_litellm_cf_people_t *pp,
    const char *what, ngx_str_t *name);
static ngx_litellm_yaml_t *ngx_litellm_cf_people_node(ngx_litellm_cf_t *cf,
    ngx_pool_t *pool, ngx_str_t *file, ngx_uint_t line, ngx_str_t *text);


static const ngx_litellm_cf_list_t  ngx_litellm_cf_lists[] = {
    { "virtual_keys", NGX_LITELLM_KEY },
    { "teams", NGX_LITELLM_TEAM },
    { "users", NGX_LITELLM_USER },
    { "end_users", NGX_LITELLM_END_USER },
    { "customers", NGX_LITELLM_END_USER },

    /* what GET /key/list of LiteLLM answers; not in the main file */
    { "keys", NGX_LITELLM_KEY },

    { NULL, 0 }
};


void
ngx_litellm_cf_principals(ngx_litellm_cf_t *cf)
{
    ngx_str_t                *path;
    ngx_uint_t                i;
    ngx_litellm_cf_people_t   pp;

    ngx_litellm_cf_everybody(cf);
    ngx_litellm_cf_access(cf);

    ngx_memzero(&pp, sizeof(ngx_litellm_cf_people_t));

    pp.cf = cf;
    ngx_rbtree_init(&pp.told, &pp.sentinel, ngx_str_rbtree_insert_value);

    pp.pool = cf->temp;

    if (cf->caller->keys != NULL) {
        cf->large = ngx_create_pool(NGX_LITELLM_CF_KEY_POOL, cf->pool->log);
        pp.pool = cf->large;
    }

    if (cf->failed || pp.pool == NULL
        || ngx_array_init(&pp.records, pp.pool, 16,
                          sizeof(ngx_litellm_cf_record_t))
           != NGX_OK)
    {
        cf->failed = 1;
        return;
    }

    ngx_litellm_cf_people_main(&pp);

    pp.file = 1;

    if (cf->caller->keys != NULL) {
        path = cf->caller->keys->elts;

        for (i = 0; i < cf->caller->keys->nelts && !cf->failed; i++) {
            ngx_litellm_cf_people_file(&pp, &path[i]);
        }
    }

    ngx_litellm_cf_people_check(&pp);
    ngx_litellm_cf_counted(cf->conf);
}


/* is there anybody, or anything, with limits to be kept? */

static void
ngx_litellm_cf_counted(ngx_litellm_config_t *conf)
{
    ngx_uint_t             i;
    ngx_litellm_limits_t  *l;

    l = &conf->gateway;

    if (l->rpm >= 0 || l->tpm >= 0 || l->parallel >= 0 || l->budget.max >= 0
        || conf->user_default.budget.max >= 0
        || conf->end_user_default.budget.max >= 0
        || conf->limiting.models != NULL || conf->limiting.tags != NULL
        || conf->limiting.block_unpriced == 1)
    {
        conf->counted = 1;
    }

    for (i = 0; i < NGX_LITELLM_PRINCIPALS; i++) {
        if (conf->principals[i].list.nelts) {
            conf->counted = 1;
        }
    }
}


static void
ngx_litellm_cf_people_main(ngx_litellm_cf_people_t *pp)
{
    ngx_uint_t                     i;
    ngx_litellm_yaml_t           **list;
    ngx_litellm_cf_part_t         *part;
    const ngx_litellm_cf_list_t   *l;

    for (l = ngx_litellm_cf_lists; l->name; l++) {

        part = ngx_litellm_cf_part(pp->cf, l->name);

        if (part == NULL) {
            continue;
        }

        list = part->lists.elts;

        for (i = 0; i < part->lists.nelts; i++) {
            ngx_litellm_cf_people_items(pp, l->kind, list[i]);
        }

        if (part->value->type != NGX_LITELLM_YAML_LIST
            && (part->value->type != NGX_LITELLM_YAML_SCALAR
                || part->value->kind != NGX_LITELLM_YAML_NULL))
        {
            ngx_litellm_cf_warn(pp->cf, part->key, "\"%s\" must be a list: "
                                "nothing in it is read", l->name);
        }
    }
}


static void
ngx_litellm_cf_people_file(ngx_litellm_cf_people_t *pp, ngx_str_t *path)
{
    u_char             *p, *last;
    ngx_str_t           text, why, *file;
    ngx_litellm_cf_t   *cf;
    ngx_litellm_yaml_t  *node;

    cf = pp->cf;

    file = ngx_palloc(cf->temp, sizeof(ngx_str_t));
    if (file == NULL) {
        cf->failed = 1;
        return;
    }

    *file = *path;

    node = ngx_litellm_cf_people_node(cf, pp->pool, file, 1, NULL);
    if (node == NULL) {
        return;
    }

    ngx_str_set(&why, "unknown error");

    if (cf->caller->read(cf->caller->data, path, &text, &why) != NGX_OK) {
        ngx_litellm_cf_error(cf, node, "cannot be read: %V", &why);
        return;
    }

    p = text.data;
    last = p + text.len;

    while (p < last && (*p == ' ' || *p == '\t' || *p == CR || *p == LF)) {
        p++;
    }

    if (p == last) {
        ngx_litellm_cf_warn(cf, node, "the file is empty: there is no key "
                            "in it");
        return;
    }

    if (*p == '{' || *p == '[') {
        ngx_litellm_cf_people_json(pp, file, &text);

    } else {
        ngx_litellm_cf_people_yaml(pp, file, &text);
    }

    /* keys are in it, and it is large */

    ngx_memzero(text.data, text.len);
    (void) ngx_pfree(cf->pool, text.data);
}


static void
ngx_litellm_cf_people_yaml(ngx_litellm_cf_people_t *pp, ngx_str_t *file,
    ngx_str_t *text)
{
    ngx_int_t                      rc;
    ngx_litellm_yaml_t            *node;
    ngx_litellm_yaml_doc_t         doc;
    ngx_litellm_yaml_pair_t       *pair;
    const ngx_litellm_cf_list_t   *l;

    ngx_memzero(&doc, sizeof(ngx_litellm_yaml_doc_t));

    doc.pool = pp->pool;
    doc.file = file;
    doc.large = 1;

    rc = ngx_litellm_yaml_parse(&doc, text);

    if (rc == NGX_ERROR) {
        pp->cf->failed = 1;
        return;
    }

    if (rc == NGX_DECLINED) {

        /* the line itself is not shown: there may be a key in it */

        node = ngx_litellm_cf_people_node(pp->cf, pp->pool, file,
                                          doc.line, NULL);

        if (node != NULL) {
            ngx_litellm_cf_error(pp->cf, node, "%V (column %ui)", &doc.error,
                                 doc.column);
        }

        return;
    }

    if (doc.root == NULL) {
        return;
    }

    if (doc.root->type == NGX_LITELLM_YAML_LIST) {
        ngx_litellm_cf_people_items(pp, NGX_LITELLM_KEY, doc.root);
        return;
    }

    if (doc.root->type != NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_error(pp->cf, doc.root, "the file must be a list of "
                             "keys, or a map with virtual_keys, teams, users "
                             "and end_users");
        return;
    }

    for (pair = doc.root->first; pair; pair = pair->next) {

        l = ngx_litellm_cf_people_list(pp, &pair->key->text);

        if (l == NULL) {
            ngx_litellm_cf_warn(pp->cf, pair->key, "\"%V\" is not read in a "
                                "file of keys", &pair->key->text);

        } else if (pair->value->type == NGX_LITELLM_YAML_LIST) {
            ngx_litellm_cf_people_items(pp, l->kind, pair->value);

        } else if (pair->value->type != NGX_LITELLM_YAML_SCALAR
                   || pair->value->kind != NGX_LITELLM_YAML_NULL)
        {
            ngx_litellm_cf_error(pp->cf, pair->key, "\"%V\" must be a list",
                                 &pair->key->text);
        }
    }
}


static const ngx_litellm_cf_list_t *
ngx_litellm_cf_people_list(ngx_litellm_cf_people_t *pp, ngx_str_t *name)
{
    const ngx_litellm_cf_list_t  *l;

    for (l = ngx_litellm_cf_lists; l->name; l++) {
        if (name->len == ngx_strlen(l->name)
            && ngx_memcmp(name->data, l->name, name->len) == 0)
        {
            return l;
        }
    }

    return NULL;
}


/* lines are counted from record to record: once over the whole text */

static void
ngx_litellm_cf_people_json(ngx_litellm_cf_people_t *pp, ngx_str_t *file,
    ngx_str_t *text)
{
    u_char                        *p;
    ngx_int_t                      rc;
    ngx_str_t                      name, record;
    ngx_uint_t                     i, n, line, map;
    ngx_litellm_json_t            *key, *list, *v;
    ngx_litellm_yaml_t            *node;
    ngx_litellm_json_doc_t         doc;
    const ngx_litellm_cf_list_t   *l;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = pp->pool;
    doc.keep = 3;
    doc.max_depth = NGX_LITELLM_CF_KEY_DEPTH;
    doc.max_nodes = NGX_LITELLM_CF_KEY_NODES;

    rc = ngx_litellm_json_parse(&doc, text->data, text->len);

    if (rc == NGX_ERROR) {
        pp->cf->failed = 1;
        return;
    }

    line = 1;

    if (rc == NGX_DECLINED) {

        for (p = text->data; p < text->data + doc.offset; p++) {
            line += (*p == LF);
        }

        node = ngx_litellm_cf_people_node(pp->cf, pp->pool, file,
                                              line, NULL);

        if (node != NULL) {
            ngx_litellm_cf_error(pp->cf, node, "%s", doc.error);
        }

        return;
    }

    map = (doc.root->type == NGX_LITELLM_JSON_OBJECT);
    key = map ? doc.root + 1 : NULL;
    list = map ? doc.root + 2 : doc.root;
    p = text->data;

    for (n = map ? doc.root->count : 1; n; n--) {

        l = ngx_litellm_cf_lists;

        if (map) {
            name = ngx_litellm_json_text(key);
            l = ngx_litellm_cf_people_list(pp, &name);
        }

        v = list + 1;

        for (i = 0; l && i < list->count; i++, v = ngx_litellm_json_next(v)) {

            if (list->type != NGX_LITELLM_JSON_ARRAY) {
                break;
            }

            for ( /* void */ ; p < v->start; p++) {
                line += (*p == LF);
            }

            node = ngx_litellm_cf_people_node(pp->cf, pp->pool, file,
                                              line, NULL);
            if (node == NULL) {
                return;
            }

            record.data = v->start;
            record.len = v->len;

            ngx_litellm_cf_people_record(pp, l->kind, node, &record);

            if (pp->cf->failed) {
                return;
            }
        }

        if (l == NULL || (list->type != NGX_LITELLM_JSON_ARRAY
                          && list->type != NGX_LITELLM_JSON_NULL))
        {
            for ( /* void */ ; p < key->start; p++) {
                line += (*p == LF);
            }

            node = ngx_litellm_cf_people_node(pp->cf, pp->pool, file,
                                              line, NULL);
            if (node == NULL) {
                return;
            }

            if (l == NULL) {
                ngx_litellm_cf_warn(pp->cf, node, "\"%V\" is not read in a "
                                    "file of keys", &name);
            } else {
                ngx_litellm_cf_error(pp->cf, node, "\"%V\" must be a list",
                                     &name);
            }
        }

        key = ngx_litellm_json_next(list);
        list = key + 1;
    }
}


static void
ngx_litellm_cf_people_items(ngx_litellm_cf_people_t *pp,
    ngx_litellm_principal_e kind, ngx_litellm_yaml_t *list)
{
    ngx_str_t                 json, name, text;
    ngx_litellm_yaml_t       *key;
    ngx_litellm_yaml_kind_e   type;
    ngx_litellm_yaml_pair_t  *pair;

    for (pair = list->first; pair && !pp->cf->failed; pair = pair->next) {

        key = (kind == NGX_LITELLM_KEY)
              ? ngx_litellm_yaml_member(pair->value, "key") : NULL;

        if (key != NULL && key->type == NGX_LITELLM_YAML_SCALAR
            && ngx_litellm_cf_text(pp->cf, key, &text, &type) == NGX_DECLINED
            && pp->cf->last_unset.len)
        {
            name = pp->cf->last_unset;
            ngx_litellm_cf_unset(pp->cf, key, &name, "this virtual key is "
                                 "left out");
            continue;
        }

        if (ngx_litellm_cf_json_temp(pp->cf, pair->value, &json) != NGX_OK) {
            return;
        }

        ngx_litellm_cf_people_record(pp, kind, pair->value, &json);
    }
}


static void
ngx_litellm_cf_people_record(ngx_litellm_cf_people_t *pp,
    ngx_litellm_principal_e kind, ngx_litellm_yaml_t *node, ngx_str_t *json)
{
    ngx_int_t                 rc;
    ngx_str_t                 why;
    ngx_litellm_cf_t         *cf;
    ngx_litellm_principal_t  *p;
    ngx_litellm_cf_record_t  *r;

    cf = pp->cf;

    if (ngx_litellm_cf_people_key(pp, kind, node, json) != NGX_OK) {
        return;
    }

    p = ngx_palloc(cf->pool, sizeof(ngx_litellm_principal_t));
    if (p == NULL) {
        cf->failed = 1;
        return;
    }

    rc = ngx_litellm_principal_read(cf->pool, kind, json, p, &why);

    if (rc == NGX_OK) {
        rc = ngx_litellm_principals_add(&cf->conf->principals[kind], p);

        if (rc == NGX_DECLINED) {
            ngx_str_set(&why, "it is there already");
        }
    }

    if (rc == NGX_ERROR) {
        cf->failed = 1;
        return;
    }

    if (rc == NGX_DECLINED) {
        ngx_litellm_cf_error(cf, node, "%s: %V",
                             kind == NGX_LITELLM_KEY ? "a virtual key"
                             : kind == NGX_LITELLM_TEAM ? "a team"
                             : kind == NGX_LITELLM_USER ? "a user"
                             : "an end user", &why);
        return;
    }

    ngx_litellm_cf_people_models(pp, node, p);

    if (p->team_id.len == 0 && p->user_id.len == 0 && !p->team_models) {
        return;
    }

    r = ngx_array_push(&pp->records);
    if (r == NULL) {
        cf->failed = 1;
        return;
    }

    r->p = p;
    r->node = node;
}


/*
 * The first look at a record: it names somebody, its members are known ones,
 * and os.environ/NAME in place of its key is replaced.  NGX_DECLINED: it is
 * left out, which the operator was told.
 */

static ngx_int_t
ngx_litellm_cf_people_key(ngx_litellm_cf_people_t *pp,
    ngx_litellm_principal_e kind, ngx_litellm_yaml_t *node, ngx_str_t *json)
{
    u_char               *p;
    size_t                head;
    ngx_int_t             rc;
    ngx_str_t             text, name, value, quoted;
    ngx_litellm_cf_t     *cf;
    ngx_litellm_json_t   *root, *key;

    cf = pp->cf;

    rc = ngx_litellm_json_parse(&cf->doc, json->data, json->len);

    if (rc == NGX_ERROR) {
        cf->failed = 1;
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED || cf->doc.root->type != NGX_LITELLM_JSON_OBJECT) {

        /* principal_read() says what is wrong */

        return NGX_OK;
    }

    root = cf->doc.root;

    if (!pp->file
        && ngx_litellm_json_member(root, "key") == NULL
        && ngx_litellm_json_member(root, "token") == NULL
        && ngx_litellm_json_member(root, "key_hash") == NULL
        && ngx_litellm_json_member(root, "team_id") == NULL
        && ngx_litellm_json_member(root, "user_id") == NULL
        && ngx_litellm_json_member(root, "end_user_id") == NULL
        && ngx_litellm_json_member(root, "customer_id") == NULL)
    {
        ngx_litellm_cf_warn(cf, node, "this entry has %s: it is left out",
                            kind == NGX_LITELLM_KEY ? "no key"
                            : kind == NGX_LITELLM_TEAM ? "no team_id"
                            : "no user_id");
        return NGX_DECLINED;
    }

    ngx_litellm_cf_people_lint(pp, kind, node, root);

    key = (kind == NGX_LITELLM_KEY) ? ngx_litellm_json_member(root, "key")
                                    : NULL;

    if (!ngx_litellm_json_is(key, STRING)) {
        return NGX_OK;
    }

    text = ngx_litellm_json_text(key);

    /* cf_json_temp() has replaced it already, and is not done twice */

    if (json->data == cf->json
        || ngx_litellm_cf_reference(&text, &name) != NGX_OK)
    {
        return NGX_OK;
    }

    if (ngx_litellm_cf_env(cf, &name, &value) != NGX_OK) {
        ngx_litellm_cf_unset(cf, node, &name, "this virtual key is left out");
        return NGX_DECLINED;
    }

    if (ngx_litellm_cf_json_string(cf, &value, &quoted) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(cf->temp, json->len + quoted.len);
    if (p == NULL) {
        cf->failed = 1;
        return NGX_ERROR;
    }

    text = *json;
    json->data = p;
    head = key->start - text.data;

    p = ngx_cpymem(p, text.data, head);
    p = ngx_cpymem(p, quoted.data, quoted.len);
    p = ngx_cpymem(p, key->start + key->len, text.len - head - key->len);

    json->len = p - json->data;

    ngx_memzero(quoted.data, quoted.len);

    return NGX_OK;
}


static void
ngx_litellm_cf_people_lint(ngx_litellm_cf_people_t *pp,
    ngx_litellm_principal_e kind, ngx_litellm_yaml_t *node,
    ngx_litellm_json_t *root)
{
    ngx_str_t                 name;
    ngx_uint_t                i;
    ngx_litellm_json_t       *k;
    ngx_litellm_yaml_t       *key, *value;
    ngx_litellm_cf_section_e  section;

    section = NGX_LITELLM_CF_KEY + kind;
    k = root + 1;

    for (i = 0; i < root->count; i++, k = ngx_litellm_json_next(k + 1)) {

        name = ngx_litellm_json_text(k);

        if (ngx_litellm_cf_key(section, &name) == NGX_LITELLM_CF_SERVED) {
            continue;
        }

        /* LiteLLM's own records have all members, most of them empty */

        if (k[1].type == NGX_LITELLM_JSON_NULL
            || k[1].type == NGX_LITELLM_JSON_FALSE
            || ((k[1].type == NGX_LITELLM_JSON_OBJECT
                 || k[1].type == NGX_LITELLM_JSON_ARRAY) && k[1].count == 0))
        {
            continue;
        }

        /* the linter looks at them when all is read */

        key = ngx_litellm_cf_people_node(pp->cf, pp->cf->temp, node->file,
                                         node->line, &name);
        value = ngx_litellm_cf_people_node(pp->cf, pp->cf->temp, node->file,
                                           node->line, &name);

        if (key == NULL || value == NULL) {
            return;
        }

        ngx_litellm_cf_lint_key(pp->cf, section, key, value);
    }
}


/* a name that nothing answers to is a mistake that nobody sees otherwise */

static void
ngx_litellm_cf_people_models(ngx_litellm_cf_people_t *pp,
    ngx_litellm_yaml_t *node, ngx_litellm_principal_t *p)
{
    ngx_str_t   *m;
    ngx_uint_t   i;

    if (p->models == NULL) {
        return;
    }

    m = p->models->elts;

    for (i = 0; i < p->models->nelts; i++) {

        if (m[i].len == 0
            || ngx_strlchr(m[i].data, m[i].data + m[i].len, '*') != NULL
            || ngx_litellm_cf_is(&m[i], "all-team-models")
            || ngx_litellm_cf_is(&m[i], "all-proxy-models")
            || ngx_litellm_cf_is(&m[i], "no-default-models")
            || ngx_litellm_cf_people_told(pp, "model", &m[i])
            || ngx_litellm_cf_people_access(pp->cf, &m[i]))
        {
            continue;
        }

        ngx_litellm_cf_answered(pp->cf, node, &m[i], "keys are allowed");
    }
}


static ngx_uint_t
ngx_litellm_cf_people_access(ngx_litellm_cf_t *cf, ngx_str_t *name)
{
    ngx_str_t             *a;
    ngx_uint_t             i, j;
    ngx_litellm_group_t  **group;

    group = cf->conf->groups.elts;

    for (i = 0; i < cf->conf->groups.nelts; i++) {

        if (group[i]->access == NULL) {
            continue;
        }

        a = group[i]->access->elts;

        for (j = 0; j < group[i]->access->nelts; j++) {
            if (a[j].len == name->len
                && ngx_memcmp(a[j].data, name->data, name->len) == 0)
            {
                return 1;
            }
        }
    }

    return 0;
}


/*
 * Teams and users that keys name: they may be made at run time, too.  A team of
 * the configuration comes before one that was, so that it is the key's for good.
 */

static void
ngx_litellm_cf_people_check(ngx_litellm_cf_people_t *pp)
{
    ngx_uint_t                 i;
    ngx_litellm_config_t      *conf;
    ngx_litellm_principal_t   *p;
    ngx_litellm_cf_record_t   *r;

    conf = pp->cf->conf;
    r = pp->records.elts;

    for (i = 0; i < pp->records.nelts; i++) {

        p = r[i].p;

        if (p->team_models && p->team_id.len == 0) {
            ngx_litellm_cf_warn(pp->cf, r[i].node, "\"all-team-models\" of a "
                                "key without a team_id: it allows nothing");
        }

        if (p->team_id.len) {
            p->team = ngx_litellm_principals_find(
                                          &conf->principals[NGX_LITELLM_TEAM],
                                          &p->team_id);
        }

        if (p->team_id.len && p->team == NULL
            && !ngx_litellm_cf_people_told(pp, "team", &p->team_id))
        {
            ngx_litellm_cf_warn(pp->cf, r[i].node, "there is no team \"%V\": "
                                "until one is made it has no limits",
                                &p->team_id);
        }

        if (p->user_id.len
            && conf->principals[NGX_LITELLM_USER].list.nelts
            && ngx_litellm_principals_find(&conf->principals[NGX_LITELLM_USER],
                                           &p->user_id)
               == NULL
            && !ngx_litellm_cf_people_told(pp, "user", &p->user_id))
        {
            ngx_litellm_cf_warn(pp->cf, r[i].node, "there is no user \"%V\": "
                                "until one is made it has no limits of its "
                                "own", &p->user_id);
        }
    }
}


/* true if it was asked for before */

static ngx_uint_t
ngx_litellm_cf_people_told(ngx_litellm_cf_people_t *pp, const char *what,
    ngx_str_t *name)
{
    ngx_str_t  text;

    text.data = ngx_pnalloc(pp->cf->temp, ngx_strlen(what) + 1 + name->len);

    if (text.data == NULL) {
        pp->cf->failed = 1;
        return 1;
    }

    text.len = ngx_sprintf(text.data, "%s %V", what, name) - text.data;

    if (ngx_litellm_cf_set_has(&pp->told, &text)) {
        (void) ngx_pfree(pp->cf->temp, text.data);
        return 1;
    }

    return ngx_litellm_cf_set_add(pp->cf, &pp->told, &text) != NGX_OK;
}


/* a place in a file, for messages */

static ngx_litellm_yaml_t *
ngx_litellm_cf_people_node(ngx_litellm_cf_t *cf, ngx_pool_t *pool,
    ngx_str_t *file, ngx_uint_t line, ngx_str_t *text)
{
    ngx_litellm_yaml_t  *node;

    node = ngx_pcalloc(pool, sizeof(ngx_litellm_yaml_t));
    if (node == NULL) {
        cf->failed = 1;
        return NULL;
    }

    node->file = file;
    node->line = (uint32_t) line;

    if (text == NULL) {
        return node;
    }

    node->text.data = ngx_pnalloc(pool, text->len + 1);
    if (node->text.data == NULL) {
        cf->failed = 1;
        return NULL;
    }

    *ngx_cpymem(node->text.data, text->data, text->len) = '\0';
    node->text.len = text->len;

    return node;
}
