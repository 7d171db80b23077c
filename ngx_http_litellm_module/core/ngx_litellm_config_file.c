
/*
 * Files of the configuration: read, parsed, and those that they include joined
 * with them, section by section.  Called by ngx_litellm_config.c, which makes of
 * them what is in the configuration.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


#define NGX_LITELLM_CF_MAX_FILES   100
#define NGX_LITELLM_CF_MAX_NESTED  16


static void ngx_litellm_cf_duplicate(void *data, ngx_litellm_yaml_t *earlier,
    ngx_litellm_yaml_t *later);
static void ngx_litellm_cf_syntax(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_doc_t *doc, ngx_str_t *text);
static void ngx_litellm_cf_join(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *root);
static void ngx_litellm_cf_include(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v, ngx_str_t *path, ngx_uint_t depth);


void
ngx_litellm_cf_file(ngx_litellm_cf_t *cf, ngx_str_t *path,
    ngx_litellm_yaml_t *from, ngx_uint_t depth)
{
    ngx_int_t                rc;
    ngx_str_t                text, why, *file, **item;
    ngx_litellm_yaml_t       node;
    ngx_litellm_yaml_doc_t   doc;

    file = ngx_palloc(cf->temp, sizeof(ngx_str_t));
    item = ngx_array_push(&cf->files);

    if (file == NULL || item == NULL) {
        cf->failed = 1;
        return;
    }

    /* nodes and deployments point to it */

    file->len = path->len;
    file->data = ngx_pstrdup(cf->pool, path);

    if (file->data == NULL) {
        cf->failed = 1;
        return;
    }

    *item = file;

    ngx_str_set(&why, "unknown error");

    if (cf->caller->read(cf->caller->data, path, &text, &why) != NGX_OK) {

        if (from != NULL) {
            ngx_litellm_cf_error(cf, from, "the included file \"%V\" cannot "
                                 "be read: %V",
                                 ngx_litellm_cf_shown(from, path), &why);
        } else {
            ngx_litellm_cf_error(cf, NULL, "cannot be read: %V", &why);
        }

        return;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_yaml_doc_t));

    doc.pool = cf->temp;
    doc.file = file;
    doc.duplicate = ngx_litellm_cf_duplicate;
    doc.data = cf;

    rc = ngx_litellm_yaml_parse(&doc, &text);

    if (rc == NGX_ERROR) {
        cf->failed = 1;
        return;
    }

    if (rc == NGX_DECLINED) {
        ngx_litellm_cf_syntax(cf, &doc, &text);
        return;
    }

    ngx_memzero(&node, sizeof(ngx_litellm_yaml_t));
    node.file = file;
    node.line = 1;

    if (doc.root == NULL
        || (doc.root->type == NGX_LITELLM_YAML_SCALAR
            && doc.root->kind == NGX_LITELLM_YAML_NULL))
    {
        ngx_litellm_cf_error(cf, doc.root ? doc.root : &node,
                             "the file is empty");
        return;
    }

    if (doc.root->type != NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_error(cf, doc.root, "the file must be a map with "
                             "sections like model_list:");
        return;
    }

    if (cf->top == NULL) {
        cf->top = doc.root;
        ngx_litellm_cf_lint_wrapper(cf, doc.root);
    }

    ngx_litellm_cf_lint_values(cf, doc.root);
    ngx_litellm_cf_join(cf, doc.root);
    ngx_litellm_cf_include(cf, ngx_litellm_yaml_member(doc.root, "include"),
                           file, depth);
}


static void
ngx_litellm_cf_duplicate(void *data, ngx_litellm_yaml_t *earlier,
    ngx_litellm_yaml_t *later)
{
    ngx_litellm_cf_t  *cf = data;

    ngx_litellm_cf_warn(cf, later, "\"%V\" is here again: what line %uD has "
                        "for it is lost", &later->text, earlier->line);
}


/*
 * The offending line helps most, but a value in it may be a key: only what
 * stands before the first colon is shown.
 */

static void
ngx_litellm_cf_syntax(ngx_litellm_cf_t *cf, ngx_litellm_yaml_doc_t *doc,
    ngx_str_t *text)
{
    u_char              *p, *last, *end, *start;
    ngx_uint_t           line;
    ngx_litellm_yaml_t   node;

    p = text->data;
    last = p + text->len;
    start = p;
    line = 1;

    while (p < last && line < doc->line) {
        if (*p++ == LF) {
            line++;
            start = p;
        }
    }

    for (end = start; end < last && *end != LF && *end != CR; end++) {
        /* void */
    }

    ngx_memzero(&node, sizeof(ngx_litellm_yaml_t));
    node.file = doc->file;
    node.line = doc->line;

    for (p = start; p + 1 < end; p++) {
        if (p[0] == '{' && (p[1] == '{' || p[1] == '%')) {
            ngx_litellm_cf_error(cf, &node, "this is a template: render it "
                                 "first and give the result here");
            return;
        }
    }

    for (p = text->data; p + 1 < start; p++) {
        if (p[0] == '{' && p[1] == '%') {
            ngx_litellm_cf_error(cf, &node, "this is a template: render it "
                                 "first and give the result here");
            return;
        }
    }

    while (start < end && (*start == ' ' || *start == '\t')) {
        start++;
    }

    p = ngx_strlchr(start, end, ':');
    p = p ? p + 1 : start;
    p = ngx_min(p, start + 80);

    if (p > start) {
        ngx_litellm_cf_error(cf, &node, "%V (column %ui) near \"%*s\"",
                             &doc->error, doc->column, (size_t) (p - start),
                             start);
        return;
    }

    ngx_litellm_cf_error(cf, &node, "%V (column %ui)", &doc->error,
                         doc->column);
}


/*
 * As LiteLLM joins an included file: lists are extended, anything else
 * replaces what was there.
 */

static void
ngx_litellm_cf_join(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *root)
{
    ngx_str_t                *name;
    ngx_litellm_yaml_t      **list;
    ngx_litellm_cf_part_t    *part;
    ngx_litellm_yaml_pair_t  *pair;

    for (pair = root->first; pair; pair = pair->next) {
        name = &pair->key->text;

        if (ngx_litellm_cf_key(NGX_LITELLM_CF_TOP, name)
            == NGX_LITELLM_CF_UNKNOWN)
        {
            /* lint only: there may be many, and parts is a plain list */

            if (!cf->wrapped) {
                ngx_litellm_cf_lint_key(cf, NGX_LITELLM_CF_TOP, pair->key,
                                        pair->value);
            }

            continue;
        }

        if (ngx_litellm_cf_is(name, "include")) {
            continue;
        }

        part = ngx_litellm_cf_part(cf, (char *) name->data);

        if (part == NULL) {
            part = ngx_array_push(&cf->parts);

            if (part == NULL
                || ngx_array_init(&part->lists, cf->temp, 1, sizeof(void *))
                   != NGX_OK)
            {
                cf->failed = 1;
                return;
            }

            part->name = *name;

        } else if (pair->value->type == NGX_LITELLM_YAML_SCALAR
                   && pair->value->kind == NGX_LITELLM_YAML_NULL)
        {
            continue;

        } else if (pair->value->type != NGX_LITELLM_YAML_LIST) {
            ngx_litellm_cf_warn(cf, pair->key, "\"%V\" replaces the one of "
                                "%V:%uD", name, part->key->file,
                                part->key->line);
        }

        part->key = pair->key;
        part->value = pair->value;

        if (pair->value->type != NGX_LITELLM_YAML_LIST) {
            continue;
        }

        list = ngx_array_push(&part->lists);
        if (list == NULL) {
            cf->failed = 1;
            return;
        }

        *list = pair->value;
    }
}


static void
ngx_litellm_cf_include(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    ngx_str_t *path, ngx_uint_t depth)
{
    u_char                   *p;
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_str_t                 name, full, **files;
    ngx_litellm_yaml_t       *item;
    ngx_litellm_yaml_pair_t  *pair, one;

    if (v == NULL) {
        return;
    }

    one.next = NULL;
    one.value = v;
    pair = (v->type == NGX_LITELLM_YAML_LIST) ? v->first : &one;

    for ( /* void */ ; pair; pair = pair->next) {
        item = pair->value;

        rc = ngx_litellm_cf_str(cf, item, "include", &name);

        if (rc != NGX_OK || name.len == 0) {
            continue;
        }

        /* relative to the including file */

        for (p = path->data + path->len; p > path->data && p[-1] != '/';
             p--)
        {
            /* void */
        }

        full.len = name.len;
        full.data = name.data;

        if (name.data[0] != '/' && p > path->data) {
            full.len = (p - path->data) + name.len;
            full.data = ngx_pnalloc(cf->temp, full.len + 1);
            if (full.data == NULL) {
                cf->failed = 1;
                return;
            }

            p = ngx_cpymem(full.data, path->data, p - path->data);
            p = ngx_cpymem(p, name.data, name.len);
            *p = '\0';
        }

        files = cf->files.elts;

        for (i = 0; i < cf->files.nelts; i++) {
            if (files[i]->len == full.len
                && ngx_memcmp(files[i]->data, full.data, full.len) == 0)
            {
                break;
            }
        }

        if (i < cf->files.nelts) {
            continue;
        }

        if (i == NGX_LITELLM_CF_MAX_FILES
            || depth == NGX_LITELLM_CF_MAX_NESTED)
        {
            ngx_litellm_cf_error(cf, item, "too many included files");
            return;
        }

        ngx_litellm_cf_file(cf, &full, item, depth + 1);
    }
}
