
/*
 * Fallbacks and aliases.
 *
 * Fallbacks are read in LiteLLM's form (a list of maps with one key each) and
 * in the form of LiteLLM guides (one map), in router_settings, in
 * litellm_settings and at the top level; the first of these that has them
 * counts, as in LiteLLM's Router.  What names no model is told with the
 * nearest name.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


#define NGX_LITELLM_CF_FORM                                                   \
    "write - \"model\": [\"fallback\", ...]"

#define NGX_LITELLM_CF_MAX_UNANSWERED  100


static void ngx_litellm_cf_fallback_kind(ngx_litellm_cf_t *cf,
    const char *name, ngx_array_t *dst, ngx_uint_t *present);
static ngx_litellm_yaml_t *ngx_litellm_cf_first(ngx_litellm_cf_t *cf,
    const char *name);
static void ngx_litellm_cf_fallback_item(ngx_litellm_cf_t *cf,
    const char *name, ngx_litellm_yaml_t *item, ngx_array_t *dst);
static void ngx_litellm_cf_fallback(ngx_litellm_cf_t *cf, const char *name,
    ngx_str_t *source, ngx_litellm_yaml_t *at, ngx_litellm_yaml_t *targets,
    ngx_array_t *dst);
static void ngx_litellm_cf_aliases(ngx_litellm_cf_t *cf);
static void ngx_litellm_cf_alias(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *key, ngx_litellm_yaml_t *value);


void
ngx_litellm_cf_routes(ngx_litellm_cf_t *cf)
{
    ngx_str_t              any;
    ngx_uint_t             present;
    ngx_litellm_yaml_t    *v;
    ngx_litellm_config_t  *conf;

    conf = cf->conf;
    cf->near = 0;

    ngx_litellm_cf_aliases(cf);
    ngx_litellm_cf_priorities(cf);

    if (cf->failed || ngx_litellm_cf_sort_aliases(cf) != NGX_OK) {
        cf->failed = 1;
        return;
    }

    ngx_litellm_cf_fallback_kind(cf, "fallbacks", &conf->fallbacks, &present);

    ngx_litellm_cf_fallback_kind(cf, "context_window_fallbacks",
                                 &conf->context_window_fallbacks, &present);
    conf->has_context_window_fallbacks = present;

    ngx_litellm_cf_fallback_kind(cf, "content_policy_fallbacks",
                                 &conf->content_policy_fallbacks, &present);
    conf->has_content_policy_fallbacks = present;

    v = ngx_litellm_cf_first(cf, "default_fallbacks");

    if (v != NULL) {
        ngx_str_set(&any, "*");
        ngx_litellm_cf_fallback(cf, "default_fallbacks", &any, v, v,
                                &conf->fallbacks);
    }

    if (cf->failed
        || ngx_litellm_cf_sort_fallbacks(cf, &conf->fallbacks) != NGX_OK
        || ngx_litellm_cf_sort_fallbacks(cf, &conf->context_window_fallbacks)
           != NGX_OK
        || ngx_litellm_cf_sort_fallbacks(cf, &conf->content_policy_fallbacks)
           != NGX_OK)
    {
        cf->failed = 1;
    }
}


/* router_settings, litellm_settings, the top level: the first one counts */

static ngx_litellm_yaml_t *
ngx_litellm_cf_first(ngx_litellm_cf_t *cf, const char *name)
{
    size_t                  len;
    ngx_uint_t              i;
    ngx_litellm_yaml_t     *v, *found;
    ngx_litellm_cf_part_t  *part;

    len = ngx_strlen(name);
    found = NULL;

    for (i = 0; i < 3; i++) {

        if (i < 2) {
            v = ngx_litellm_yaml_get(
                       ngx_litellm_cf_section(cf, i ? "litellm_settings"
                                                    : "router_settings"),
                       name, len);
        } else {
            part = ngx_litellm_cf_part(cf, name);
            v = part ? part->value : NULL;
        }

        if (v == NULL || (v->type == NGX_LITELLM_YAML_SCALAR
                          && v->kind == NGX_LITELLM_YAML_NULL))
        {
            continue;
        }

        if (found == NULL) {
            found = v;
            continue;
        }

        ngx_litellm_cf_warn(cf, v, "\"%s\" here is not read: the one of "
                            "%V:%uD counts", name, found->file, found->line);
    }

    return found;
}


static void
ngx_litellm_cf_fallback_kind(ngx_litellm_cf_t *cf, const char *name,
    ngx_array_t *dst, ngx_uint_t *present)
{
    ngx_litellm_yaml_t       *v;
    ngx_litellm_yaml_pair_t  *pair;

    v = ngx_litellm_cf_first(cf, name);
    *present = (v != NULL);

    if (v == NULL) {
        return;
    }

    if (v->type == NGX_LITELLM_YAML_SCALAR) {
        ngx_litellm_cf_error(cf, v, "\"%s\" must be a list; "
                             NGX_LITELLM_CF_FORM, name);
        return;
    }

    for (pair = v->first; pair && !cf->failed; pair = pair->next) {

        if (v->type == NGX_LITELLM_YAML_MAP) {
            ngx_litellm_cf_fallback(cf, name, &pair->key->text, pair->key,
                                    pair->value, dst);

        } else {
            ngx_litellm_cf_fallback_item(cf, name, pair->value, dst);
        }
    }
}


static void
ngx_litellm_cf_fallback_item(ngx_litellm_cf_t *cf, const char *name,
    ngx_litellm_yaml_t *item, ngx_array_t *dst)
{
    if (item->type != NGX_LITELLM_YAML_MAP || item->count != 1) {
        ngx_litellm_cf_error(cf, item, "an element of \"%s\" must be a map "
                             "with one key, the model; " NGX_LITELLM_CF_FORM,
                             name);
        return;
    }

    ngx_litellm_cf_fallback(cf, name, &item->first->key->text,
                            item->first->key, item->first->value, dst);
}


static void
ngx_litellm_cf_fallback(ngx_litellm_cf_t *cf, const char *name,
    ngx_str_t *source, ngx_litellm_yaml_t *at, ngx_litellm_yaml_t *targets,
    ngx_array_t *dst)
{
    ngx_int_t                 rc;
    ngx_str_t                 text, *target;
    ngx_litellm_yaml_t       *v;
    ngx_litellm_fallback_t   *f;
    ngx_litellm_yaml_pair_t  *pair;

    if (targets->type != NGX_LITELLM_YAML_LIST) {
        ngx_litellm_cf_error(cf, targets, "\"%s\": the fallbacks of \"%V\" "
                             "must be a list; " NGX_LITELLM_CF_FORM, name,
                             source);
        return;
    }

    f = ngx_array_push(dst);
    if (f == NULL) {
        cf->failed = 1;
        return;
    }

    f->source.len = source->len;
    f->source.data = ngx_pstrdup(cf->pool, source);

    if (f->source.data == NULL
        || ngx_array_init(&f->targets, cf->pool, 2, sizeof(ngx_str_t))
           != NGX_OK)
    {
        dst->nelts--;
        cf->failed = 1;
        return;
    }

    if (!ngx_litellm_cf_is(source, "*")) {
        ngx_litellm_cf_answered(cf, at, source, "fallbacks are given for");
    }

    for (pair = targets->first; pair; pair = pair->next) {
        v = pair->value;

        /* LiteLLM: {"model": name, parameters of that try ...} */

        if (v->type == NGX_LITELLM_YAML_MAP
            && ngx_litellm_yaml_member(v, "model") != NULL)
        {
            if (v->count > 1) {
                ngx_litellm_cf_warn(cf, v, "of a fallback only \"model\" is "
                                    "read");
            }

            v = ngx_litellm_yaml_member(v, "model");
        }

        rc = ngx_litellm_cf_str(cf, v, name, &text);

        if (rc == NGX_ERROR) {
            return;
        }

        if (rc != NGX_OK || text.len == 0) {
            continue;
        }

        target = ngx_array_push(&f->targets);
        if (target == NULL) {
            cf->failed = 1;
            return;
        }

        *target = text;

        ngx_litellm_cf_answered(cf, v, &text, "a fallback is");
    }
}


static void
ngx_litellm_cf_aliases(ngx_litellm_cf_t *cf)
{
    ngx_litellm_yaml_t       *v;
    ngx_litellm_yaml_pair_t  *pair;

    v = ngx_litellm_yaml_member(ngx_litellm_cf_section(cf,
                                                       "router_settings"),
                                "model_group_alias");

    if (v == NULL || (v->type == NGX_LITELLM_YAML_SCALAR
                      && v->kind == NGX_LITELLM_YAML_NULL))
    {
        return;
    }

    if (v->type != NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_error(cf, v, "\"model_group_alias\" must be a map: "
                             "alias: model_name");
        return;
    }

    for (pair = v->first; pair && !cf->failed; pair = pair->next) {
        ngx_litellm_cf_alias(cf, pair->key, pair->value);
    }
}


/* "name", {model: "name", hidden: bool}, or a list of names (guides) */

static void
ngx_litellm_cf_alias(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *key,
    ngx_litellm_yaml_t *value)
{
    ngx_str_t                *target, captured[4];
    ngx_uint_t                i, n;
    ngx_flag_t                hidden;
    ngx_array_t              *targets;
    ngx_litellm_yaml_t       *v;
    ngx_litellm_alias_t      *alias;
    ngx_litellm_yaml_pair_t  *pair;

    hidden = 0;
    v = value;

    if (v->type == NGX_LITELLM_YAML_MAP) {
        (void) ngx_litellm_cf_flag(cf, ngx_litellm_yaml_member(v, "hidden"),
                                   "hidden", &hidden);
        v = ngx_litellm_yaml_member(v, "model");
    }

    targets = NULL;

    if (v == NULL || v->type == NGX_LITELLM_YAML_MAP || key->text.len == 0
        || ngx_litellm_cf_strings(cf, v, "model_group_alias", &targets)
           != NGX_OK
        || targets->nelts == 0)
    {
        ngx_litellm_cf_warn(cf, key, "the alias \"%V\" names no model and is "
                            "left out", &key->text);
        return;
    }

    alias = ngx_array_push(&cf->conf->aliases);
    if (alias == NULL) {
        cf->failed = 1;
        return;
    }

    ngx_memzero(alias, sizeof(ngx_litellm_alias_t));

    alias->targets = *targets;
    alias->hidden = hidden;
    alias->name.len = key->text.len;
    alias->name.data = ngx_pstrdup(cf->pool, &key->text);

    if (alias->name.data == NULL) {
        cf->conf->aliases.nelts--;
        cf->failed = 1;
        return;
    }

    target = targets->elts;

    if (v->type == NGX_LITELLM_YAML_SCALAR) {
        ngx_litellm_cf_answered(cf, v, &target[0], "an alias is for");
        return;
    }

    /* empty and unset elements have no target */

    for (pair = v->first, i = 0; pair && v->count == targets->nelts;
         pair = pair->next, i++)
    {
        ngx_litellm_cf_answered(cf, pair->value, &target[i],
                                "an alias is for");

        if (targets->nelts > 1
            && ngx_litellm_config_group(cf->conf, &target[i]) == NULL
            && ngx_litellm_config_pattern(cf->conf, &target[i], captured, &n)
               != NULL)
        {
            ngx_litellm_cf_warn(cf, pair->value, "\"%V\" is left out of the "
                                "alias \"%V\": wildcards can't share requests "
                                "with others; write it as a model_name",
                                ngx_litellm_cf_shown(pair->value, &target[i]),
                                &key->text);
        }
    }
}


/* a name that no group, alias or wildcard takes is most likely mistyped */

void
ngx_litellm_cf_answered(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *at,
    ngx_str_t *name, const char *what)
{
    ngx_str_t              captured[4], *near;
    ngx_uint_t             i, n, d, best;
    ngx_litellm_group_t  **groups;

    if (ngx_litellm_config_group(cf->conf, name) != NULL
        || ngx_litellm_config_alias(cf->conf, name) != NULL
        || ngx_litellm_config_pattern(cf->conf, name, captured, &n) != NULL
        || ngx_litellm_cf_set_has(&cf->left_out, name)
        || cf->near == NGX_LITELLM_CF_MAX_UNANSWERED)
    {
        return;
    }

    cf->near++;

    groups = cf->conf->groups.elts;
    near = NULL;
    best = ngx_max(3, name->len / 3 + 1);

    for (i = 0; i < cf->conf->groups.nelts; i++) {
        d = ngx_litellm_cf_distance(name, groups[i]->name.data,
                                    groups[i]->name.len, best - 1);

        if (d < best
            && !ngx_litellm_cf_set_has(&cf->unshown, &groups[i]->name))
        {
            best = d;
            near = &groups[i]->name;
        }
    }

    name = ngx_litellm_cf_shown(at, name);

    if (near != NULL) {
        ngx_litellm_cf_warn(cf, at, "%s \"%V\", which no model_name answers; "
                            "did you mean \"%V\"?", what, name, near);
    } else {
        ngx_litellm_cf_warn(cf, at, "%s \"%V\", which no model_name answers",
                            what, name);
    }
}
