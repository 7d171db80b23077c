
/*
 * What records that the management API makes are given where their maker says
 * nothing, and what a key may have at most: LiteLLM's
 * default_key_generate_params, upperbound_key_generate_params,
 * default_team_params and default_internal_user_params.
 *
 * Each member is checked here by the reader of records, on the line where it
 * stands, so that no request can fail of it later.  An unset variable is an
 * error: a bound that nobody knows would be none.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


#define NGX_LITELLM_CF_GRANTS  64

/* a record's id, where only its limits are asked for */
#define NGX_LITELLM_CF_NOBODY                                                 \
    "\"token\":\"0000000000000000000000000000000000000000000000000000000000"  \
    "000000\",\"team_id\":\"a\",\"user_id\":\"a\""


static void ngx_litellm_cf_grant(ngx_litellm_cf_t *cf, const char *name,
    ngx_litellm_principal_e kind, const char *served, ngx_array_t **dst);
static ngx_int_t ngx_litellm_cf_grant_value(ngx_litellm_cf_t *cf,
    ngx_litellm_principal_e kind, ngx_litellm_yaml_pair_t *pair,
    ngx_str_t *json);
static ngx_int_t ngx_litellm_cf_grant_duration(ngx_str_t *json,
    int64_t *seconds);
static void ngx_litellm_cf_grant_most(ngx_litellm_cf_t *cf);
static ngx_int_t ngx_litellm_cf_grant_read(ngx_litellm_cf_t *cf,
    ngx_array_t *list, ngx_litellm_principal_t *p, int64_t *lifetime);
static ngx_uint_t ngx_litellm_cf_grant_word(const char *words,
    ngx_str_t *name);
static void ngx_litellm_grants_figures(ngx_litellm_limits_t *l,
    int64_t lifetime, int64_t *value);


void
ngx_litellm_cf_grants(ngx_litellm_cf_t *cf)
{
    int64_t                   lifetime;
    ngx_keyval_t             *over;
    ngx_litellm_yaml_t       *v;
    ngx_litellm_grants_t     *g;
    ngx_litellm_principal_t   p;

    g = &cf->conf->grants;

    ngx_litellm_cf_grant(cf, "default_key_generate_params", NGX_LITELLM_KEY,
                         "max_budget user_id team_id max_parallel_requests "
                         "tpm_limit rpm_limit budget_duration duration "
                         "models metadata", &g->keys);
    ngx_litellm_cf_grant(cf, "default_team_params", NGX_LITELLM_TEAM,
                         "max_budget budget_duration tpm_limit rpm_limit",
                         &g->teams);
    ngx_litellm_cf_grant(cf, "default_internal_user_params", NGX_LITELLM_USER,
                         "max_budget budget_duration soft_budget models "
                         "tpm_limit rpm_limit max_parallel_requests "
                         "model_rpm_limit model_tpm_limit model_max_budget "
                         "user_role metadata teams", &g->users);
    ngx_litellm_cf_grant(cf, "upperbound_key_generate_params",
                         NGX_LITELLM_KEY,
                         "max_budget max_parallel_requests tpm_limit "
                         "rpm_limit budget_duration duration", &g->most);

    ngx_litellm_cf_grant_most(cf);

    if (g->most == NULL || g->keys == NULL || cf->failed
        || ngx_litellm_cf_grant_read(cf, g->keys, &p, &lifetime) != NGX_OK)
    {
        return;
    }

    over = ngx_litellm_grants_over(g, &p, lifetime);

    if (over != NULL) {
        v = ngx_litellm_yaml_member(
                           ngx_litellm_cf_section(cf, "litellm_settings"),
                           "default_key_generate_params");
        ngx_litellm_cf_error(cf, v, "\"%V\" of "
                             "\"default_key_generate_params\" is above that "
                             "of \"upperbound_key_generate_params\"",
                             &over->key);
    }
}


/* *dst: what the map says, as JSON; NULL: nothing */

static void
ngx_litellm_cf_grant(ngx_litellm_cf_t *cf, const char *name,
    ngx_litellm_principal_e kind, const char *served, ngx_array_t **dst)
{
    ngx_str_t                 json;
    ngx_keyval_t             *kv;
    ngx_litellm_yaml_t       *map;
    ngx_litellm_yaml_pair_t  *pair;

    map = ngx_litellm_yaml_get(ngx_litellm_cf_section(cf, "litellm_settings"),
                               name, ngx_strlen(name));

    if (map == NULL || (map->type == NGX_LITELLM_YAML_SCALAR
                        && map->kind == NGX_LITELLM_YAML_NULL))
    {
        return;
    }

    if (map->type != NGX_LITELLM_YAML_MAP
        || map->count > NGX_LITELLM_CF_GRANTS)
    {
        ngx_litellm_cf_error(cf, map, "\"%s\" must be a map of at most %d "
                             "members of a record", name,
                             NGX_LITELLM_CF_GRANTS);
        return;
    }

    for (pair = map->first; pair; pair = pair->next) {

        if (!ngx_litellm_cf_grant_word(served, &pair->key->text)) {
            ngx_litellm_cf_warn(cf, pair->key, "\"%V\" is not read in \"%s\"",
                                &pair->key->text, name);
            continue;
        }

        if (ngx_litellm_cf_grant_value(cf, kind, pair, &json) != NGX_OK) {
            continue;
        }

        if (*dst == NULL) {
            *dst = ngx_array_create(cf->pool, 8, sizeof(ngx_keyval_t));
            if (*dst == NULL) {
                cf->failed = 1;
                return;
            }
        }

        kv = ngx_array_push(*dst);
        if (kv == NULL) {
            cf->failed = 1;
            return;
        }

        kv->key.len = pair->key->text.len;
        kv->key.data = ngx_pstrdup(cf->pool, &pair->key->text);
        kv->value = json;

        if (kv->key.data == NULL) {
            cf->failed = 1;
            return;
        }
    }
}


static ngx_int_t
ngx_litellm_cf_grant_value(ngx_litellm_cf_t *cf, ngx_litellm_principal_e kind,
    ngx_litellm_yaml_pair_t *pair, ngx_str_t *json)
{
    u_char                   *last;
    int64_t                   seconds;
    ngx_int_t                 rc;
    ngx_str_t                 text, why, *name;
    ngx_uint_t                flags;
    ngx_litellm_yaml_t       *v;
    ngx_litellm_principal_t   p;

    v = pair->value;
    name = &pair->key->text;

    if (v->type == NGX_LITELLM_YAML_SCALAR && v->kind == NGX_LITELLM_YAML_NULL)
    {
        return NGX_DECLINED;
    }

    flags = ngx_litellm_cf_grant_word("max_budget soft_budget tpm_limit "
                                      "rpm_limit max_parallel_requests", name)
            ? NGX_LITELLM_CF_NUMBERS : 0;

    if (ngx_litellm_cf_json(cf, v, flags, json) != NGX_OK) {

        if (!cf->failed) {
            ngx_litellm_cf_error(cf, v, "the variable \"%V\" is not set",
                                 &cf->last_unset);
        }

        return NGX_DECLINED;
    }

    if (ngx_litellm_cf_is(name, "duration")) {

        if (ngx_litellm_cf_grant_duration(json, &seconds) != NGX_OK) {
            ngx_litellm_cf_error(cf, v, "\"duration\" must be like \"30s\", "
                                 "\"30m\", \"12h\" or \"30d\"");
            return NGX_DECLINED;
        }

        return NGX_OK;
    }

    text.data = ngx_pnalloc(cf->temp, json->len + name->len
                            + sizeof("{,\"\":}" NGX_LITELLM_CF_NOBODY));
    if (text.data == NULL) {
        cf->failed = 1;
        return NGX_ERROR;
    }

    /* of two members of one name the later one counts */

    last = ngx_cpymem(text.data, "{" NGX_LITELLM_CF_NOBODY,
                      sizeof("{" NGX_LITELLM_CF_NOBODY) - 1);
    last = ngx_sprintf(last, ",\"%V\":%V}", name, json);
    text.len = last - text.data;

    rc = ngx_litellm_principal_read(cf->temp, kind, &text, &p, &why);

    if (rc == NGX_ERROR) {
        cf->failed = 1;

    } else if (rc == NGX_DECLINED) {
        ngx_litellm_cf_error(cf, v, "%V", &why);
    }

    return rc;
}


/* of JSON text: a string without escapes */

static ngx_int_t
ngx_litellm_cf_grant_duration(ngx_str_t *json, int64_t *seconds)
{
    ngx_str_t  text;

    if (json->len < 2 || json->data[0] != '"') {
        return NGX_DECLINED;
    }

    text.data = json->data + 1;
    text.len = json->len - 2;

    return ngx_litellm_key_lifetime(&text, seconds);
}


static void
ngx_litellm_cf_grant_most(ngx_litellm_cf_t *cf)
{
    ngx_litellm_grants_t     *g;
    ngx_litellm_principal_t   p;

    g = &cf->conf->grants;

    g->lifetime = -1;

    if (g->most == NULL || cf->failed
        || ngx_litellm_cf_grant_read(cf, g->most, &p, &g->lifetime) != NGX_OK)
    {
        return;
    }

    g->limits = p.limits;
}


/* members of the list as a record; they were read one by one before */

static ngx_int_t
ngx_litellm_cf_grant_read(ngx_litellm_cf_t *cf, ngx_array_t *list,
    ngx_litellm_principal_t *p, int64_t *lifetime)
{
    u_char        *last;
    size_t         len;
    ngx_int_t      rc;
    ngx_str_t      text, why;
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    *lifetime = -1;
    kv = list->elts;

    len = sizeof("{}" NGX_LITELLM_CF_NOBODY);

    for (i = 0; i < list->nelts; i++) {
        len += kv[i].key.len + kv[i].value.len + sizeof(",\"\":");
    }

    text.data = ngx_pnalloc(cf->temp, len);
    if (text.data == NULL) {
        cf->failed = 1;
        return NGX_ERROR;
    }

    last = ngx_cpymem(text.data, "{" NGX_LITELLM_CF_NOBODY,
                      sizeof("{" NGX_LITELLM_CF_NOBODY) - 1);

    for (i = 0; i < list->nelts; i++) {

        if (ngx_litellm_cf_is(&kv[i].key, "duration")) {
            (void) ngx_litellm_cf_grant_duration(&kv[i].value, lifetime);

        } else {
            last = ngx_sprintf(last, ",\"%V\":%V", &kv[i].key, &kv[i].value);
        }
    }

    *last++ = '}';
    text.len = last - text.data;

    /* the texts of the budget stay */

    rc = ngx_litellm_principal_read(cf->pool, NGX_LITELLM_KEY, &text, p, &why);

    if (rc == NGX_ERROR) {
        cf->failed = 1;
    }

    return rc;
}


static ngx_uint_t
ngx_litellm_cf_grant_word(const char *words, ngx_str_t *name)
{
    size_t       len;
    const char  *p;

    for (p = words; *p; p += len + (p[len] == ' ')) {

        for (len = 0; p[len] && p[len] != ' '; len++) { /* void */ }

        if (len == name->len && ngx_memcmp(p, name->data, len) == 0) {
            return 1;
        }
    }

    return 0;
}


ngx_keyval_t *
ngx_litellm_grants_over(ngx_litellm_grants_t *g, ngx_litellm_principal_t *p,
    int64_t lifetime)
{
    int64_t        value[6], most[6];
    ngx_uint_t     i, n;
    ngx_keyval_t  *kv;

    static const char  *names[] = {
        "max_budget", "max_parallel_requests", "tpm_limit", "rpm_limit",
        "budget_duration", "duration"
    };

    if (g->most == NULL) {
        return NULL;
    }

    ngx_litellm_grants_figures(&p->limits, lifetime, value);
    ngx_litellm_grants_figures(&g->limits, g->lifetime, most);

    kv = g->most->elts;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        if (most[i] == -1 || value[i] <= most[i]) {
            continue;
        }

        for (n = 0; n < g->most->nelts; n++) {

            if (kv[n].key.len == ngx_strlen(names[i])
                && ngx_memcmp(kv[n].key.data, names[i], kv[n].key.len) == 0)
            {
                return &kv[n];
            }
        }
    }

    return NULL;
}


/* as the names above; -1: not said */

static void
ngx_litellm_grants_figures(ngx_litellm_limits_t *l, int64_t lifetime,
    int64_t *value)
{
    value[0] = l->budget.max;
    value[1] = l->parallel;
    value[2] = l->tpm;
    value[3] = l->rpm;
    value[4] = -1;
    value[5] = lifetime;

    if (l->budget.duration.len) {
        (void) ngx_litellm_key_lifetime(&l->budget.duration, &value[4]);
    }
}
