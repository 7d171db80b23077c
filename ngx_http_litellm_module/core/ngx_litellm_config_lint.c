
/*
 * Which keys are read where, and what the operator is told of the others.
 *
 * LiteLLM ignores what it does not know, so a file can be wrong for years: a
 * budget in the wrong section is no budget.  Here every such key gets one
 * line with its place and the right one.  A key that is met many times (in
 * each of 5,000 deployments) is one line with a count.  Keys that LiteLLM has
 * and that mean nothing inside nginx are named together in one notice.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"
#include "ngx_litellm_config_keys.h"


#define NGX_LITELLM_CF_MAX_LINTS   200
#define NGX_LITELLM_CF_MAX_NEAR    100
#define NGX_LITELLM_CF_MAX_VALUES  50
#define NGX_LITELLM_CF_SEEN        4      /* state of a node already walked */


typedef struct {
    ngx_str_node_t              sn;       /* section and key */
    ngx_litellm_yaml_t         *node;
    ngx_str_t                   key;
    ngx_str_t                   text;
    ngx_uint_t                  count;
    ngx_litellm_diag_e          level;
    unsigned                    ignored:1;
} ngx_litellm_cf_lint_t;


static const char *ngx_litellm_cf_sections[] = {
    "the file", "litellm_settings", "router_settings", "general_settings",
    "model_list", "litellm_params", "model_info", "cache_params",
    "virtual_keys", "teams", "users", "end_users"
};


static ngx_uint_t ngx_litellm_cf_prefixed(const char *prefixes,
    ngx_str_t *key);
static ngx_uint_t ngx_litellm_cf_listed(const char *words, ngx_str_t *key);
static void ngx_litellm_cf_lint_unknown(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_section_e section, ngx_litellm_yaml_t *key);
static ngx_uint_t ngx_litellm_cf_lint_remedy(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_section_e section, ngx_litellm_yaml_t *key,
    ngx_litellm_yaml_t *value);
static ngx_uint_t ngx_litellm_cf_lint_near(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_section_e section, ngx_litellm_yaml_t *key,
    ngx_str_t *near);
static void ngx_litellm_cf_lint_callbacks(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_section_e section, ngx_litellm_yaml_t *key,
    ngx_litellm_yaml_t *value);
static ngx_uint_t ngx_litellm_cf_lint_off(ngx_litellm_yaml_t *value);
static void ngx_litellm_cf_lint_add(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_section_e section, ngx_litellm_yaml_t *key,
    ngx_litellm_diag_e level, const char *fmt, ...);
static ngx_litellm_cf_lint_t *ngx_litellm_cf_lint_find(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_section_e section, ngx_litellm_yaml_t *key,
    ngx_str_t *name);
static void ngx_litellm_cf_lint_value(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v);
static void ngx_litellm_cf_lint_walk(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v, ngx_uint_t depth);


ngx_litellm_cf_status_e
ngx_litellm_cf_key(ngx_litellm_cf_section_e section, ngx_str_t *key)
{
    const ngx_litellm_cf_keys_t  *k;

    for (k = ngx_litellm_cf_keys; k->words; k++) {
        if (k->section == section && ngx_litellm_cf_listed(k->words, key)) {
            return k->status;
        }
    }

    if (section != NGX_LITELLM_CF_PARAMS) {
        return NGX_LITELLM_CF_UNKNOWN;
    }

    if (ngx_litellm_cf_prefixed(ngx_litellm_cf_param_prefixes, key)) {
        return NGX_LITELLM_CF_QUIET;
    }

    if (ngx_litellm_price_key(key)) {
        return NGX_LITELLM_CF_SERVED;
    }

    /* output_cost_per_video_token ... */

    if (ngx_strnstr(key->data, "_cost_per_", key->len) != NULL) {
        return NGX_LITELLM_CF_QUIET;
    }

    return NGX_LITELLM_CF_UNKNOWN;
}


ngx_uint_t
ngx_litellm_cf_is_setting(ngx_str_t *key)
{
    return ngx_litellm_cf_prefixed(ngx_litellm_cf_setting_prefixes, key)
           || ngx_litellm_cf_listed(ngx_litellm_cf_setting_names, key);
}


static ngx_uint_t
ngx_litellm_cf_prefixed(const char *prefixes, ngx_str_t *key)
{
    size_t       n;
    const char  *p, *end;

    for (p = prefixes; *p; p = *end ? end + 1 : end) {

        for (end = p; *end && *end != ' '; end++) { /* void */ }

        n = end - p;

        if (n && key->len > n && ngx_memcmp(key->data, p, n) == 0) {
            return 1;
        }
    }

    return 0;
}


/* words with one blank between */

static ngx_uint_t
ngx_litellm_cf_listed(const char *words, ngx_str_t *key)
{
    const char  *p, *end;

    if (key->len == 0) {
        return 0;
    }

    for (p = words; *p; p = *end ? end + 1 : end) {

        for (end = p; *end && *end != ' '; end++) { /* void */ }

        if ((size_t) (end - p) == key->len && *p == (char) key->data[0]
            && ngx_memcmp(p, key->data, key->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


void
ngx_litellm_cf_lint(ngx_litellm_cf_t *cf, ngx_litellm_cf_section_e section,
    ngx_litellm_yaml_t *map)
{
    ngx_litellm_yaml_pair_t  *pair;

    if (map == NULL || map->type != NGX_LITELLM_YAML_MAP) {
        return;
    }

    for (pair = map->first; pair; pair = pair->next) {
        ngx_litellm_cf_lint_key(cf, section, pair->key, pair->value);
    }
}


void
ngx_litellm_cf_lint_key(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_section_e section, ngx_litellm_yaml_t *key,
    ngx_litellm_yaml_t *value)
{
    ngx_litellm_cf_lint_t    *lint;
    ngx_litellm_cf_status_e   status;

    if (ngx_litellm_cf_lint_remedy(cf, section, key, value)) {
        return;
    }

    status = ngx_litellm_cf_key(section, &key->text);

    switch (status) {

    case NGX_LITELLM_CF_LATER:
        if (!ngx_litellm_cf_lint_off(value)) {
            ngx_litellm_cf_lint_add(cf, section, key, NGX_LITELLM_DIAG_WARN,
                                    "is not served by this module yet");
        }

        return;

    case NGX_LITELLM_CF_IGNORED:
        ngx_litellm_cf_lint_add(cf, section, key, NGX_LITELLM_DIAG_NOTICE,
                                "means nothing here");

        lint = ngx_litellm_cf_lint_find(cf, section, key, NULL);
        if (lint != NULL) {
            lint->ignored = 1;
        }

        return;

    case NGX_LITELLM_CF_UNKNOWN:
        ngx_litellm_cf_lint_unknown(cf, section, key);
        return;

    default:
        return;
    }
}


static void
ngx_litellm_cf_lint_unknown(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_section_e section, ngx_litellm_yaml_t *key)
{
    ngx_uint_t                  s;
    ngx_str_t                   near;
    ngx_litellm_cf_lint_t      *lint;
    ngx_litellm_cf_section_e    other;
    static const unsigned char  order[] = {
        NGX_LITELLM_CF_GENERAL, NGX_LITELLM_CF_LITELLM,
        NGX_LITELLM_CF_ROUTER, NGX_LITELLM_CF_TOP, NGX_LITELLM_CF_PARAMS,
        NGX_LITELLM_CF_INFO
    };

    lint = ngx_litellm_cf_lint_find(cf, section, key, NULL);

    if (lint != NULL) {
        lint->count++;
        return;
    }

    /* anything may stand in model_info, and x-... is for anchors */

    if (section == NGX_LITELLM_CF_INFO
        || (section == NGX_LITELLM_CF_TOP && key->text.len > 2
            && ngx_strncmp(key->text.data, "x-", 2) == 0))
    {
        return;
    }

    if (section == NGX_LITELLM_CF_PARAMS) {

        if (ngx_litellm_cf_lint_near(cf, section, key, &near)) {
            ngx_litellm_cf_lint_add(cf, section, key, NGX_LITELLM_DIAG_WARN,
                    "is sent to the provider in every request; did you mean "
                    "\"%V\"?", &near);
        }

        return;
    }

    for (s = 0; s < sizeof(order); s++) {
        other = order[s];

        if (section >= NGX_LITELLM_CF_KEY) {
            break;
        }

        if (other == section
            || (section != NGX_LITELLM_CF_ENTRY
                && other >= NGX_LITELLM_CF_PARAMS)
            || ngx_litellm_cf_key(other, &key->text)
               == NGX_LITELLM_CF_UNKNOWN)
        {
            continue;
        }

        ngx_litellm_cf_lint_add(cf, section, key, NGX_LITELLM_DIAG_WARN,
                                "is not read in %s; it belongs in %s",
                                ngx_litellm_cf_sections[section],
                                other == NGX_LITELLM_CF_TOP
                                ? "the top level of the file"
                                : ngx_litellm_cf_sections[other]);
        return;
    }

    if (ngx_litellm_cf_lint_near(cf, section, key, &near)) {
        ngx_litellm_cf_lint_add(cf, section, key, NGX_LITELLM_DIAG_WARN,
                                "is not read in %s; did you mean \"%V\"?",
                                ngx_litellm_cf_sections[section], &near);
        return;
    }

    if (section == NGX_LITELLM_CF_TOP) {
        ngx_litellm_cf_lint_add(cf, section, key, NGX_LITELLM_DIAG_WARN,
                                "is not a section: nothing in it is read");
        return;
    }

    ngx_litellm_cf_lint_add(cf, section, key, NGX_LITELLM_DIAG_WARN,
                            "is not read in %s; LiteLLM does not know it "
                            "either", ngx_litellm_cf_sections[section]);
}


static ngx_uint_t
ngx_litellm_cf_lint_remedy(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_section_e section, ngx_litellm_yaml_t *key,
    ngx_litellm_yaml_t *value)
{
    ngx_str_t                        *text;
    const ngx_litellm_cf_remedy_t    *r;

    text = &key->text;

    if (section == NGX_LITELLM_CF_LITELLM
        && ngx_litellm_cf_listed("callbacks success_callback "
                                 "failure_callback service_callback", text))
    {
        ngx_litellm_cf_lint_callbacks(cf, section, key, value);
        return 1;
    }

    for (r = ngx_litellm_cf_remedies; r->words; r++) {

        if (r->section != section
            || !ngx_litellm_cf_listed(r->words, text))
        {
            continue;
        }

        if (r->level == NGX_LITELLM_DIAG_ERROR) {
            ngx_litellm_cf_error(cf, key, "\"%V\" %s", text, r->text);

        } else if (!r->value || !ngx_litellm_cf_lint_off(value)) {
            ngx_litellm_cf_lint_add(cf, section, key, r->level, "%s",
                                    r->text);
        }

        return 1;
    }

    if (section == NGX_LITELLM_CF_PARAMS && text->len > 9
        && ngx_strncmp(text->data, "supports_", 9) == 0
        && ngx_litellm_cf_key(section, text) == NGX_LITELLM_CF_UNKNOWN)
    {
        ngx_litellm_cf_lint_add(cf, section, key, NGX_LITELLM_DIAG_WARN,
                                "is sent to the provider in every request; "
                                "it belongs in model_info");
        return 1;
    }

    return 0;
}


/*
 * A callback is Python: it cannot run here, each is named.  But for
 * "prometheus", which is served without being asked for.
 */

static void
ngx_litellm_cf_lint_callbacks(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_section_e section, ngx_litellm_yaml_t *key,
    ngx_litellm_yaml_t *value)
{
    u_char                   *p, *last, buf[256];
    ngx_litellm_yaml_t       *item;
    ngx_litellm_yaml_pair_t  *pair;

    if (ngx_litellm_cf_lint_off(value)) {
        return;
    }

    p = buf;
    last = buf + sizeof(buf);
    pair = (value->type == NGX_LITELLM_YAML_LIST) ? value->first : NULL;

    for ( ;; ) {
        item = pair ? pair->value : value;

        if (item->type == NGX_LITELLM_YAML_SCALAR
            && !ngx_litellm_cf_is(&item->text, "prometheus"))
        {
            p = ngx_slprintf(p, last, "%s%V", p == buf ? "" : ", ",
                             &item->text);
        }

        if (pair == NULL || pair->next == NULL) {
            break;
        }

        pair = pair->next;
    }

    if (p == buf) {
        return;
    }

    ngx_litellm_cf_lint_add(cf, section, key, NGX_LITELLM_DIAG_WARN,
                "is not run here (%*s): log with nginx's access_log and "
                "error_log", (size_t) (p - buf), buf);
}


/* a switch that is off, or nothing at all, needs no word */

static ngx_uint_t
ngx_litellm_cf_lint_off(ngx_litellm_yaml_t *value)
{
    if (value == NULL) {
        return 1;
    }

    if (value->type != NGX_LITELLM_YAML_SCALAR) {
        return value->count == 0;
    }

    return value->kind == NGX_LITELLM_YAML_NULL
           || (ngx_litellm_yaml_kind(&value->text) == NGX_LITELLM_YAML_BOOL
               && !ngx_litellm_yaml_true(&value->text));
}


static ngx_uint_t
ngx_litellm_cf_lint_near(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_section_e section, ngx_litellm_yaml_t *key,
    ngx_str_t *near)
{
    const char                   *p, *end;
    ngx_uint_t                    d, best;
    const ngx_litellm_cf_keys_t  *k;

    if (key->text.len < 5 || key->text.len > 64
        || cf->near == NGX_LITELLM_CF_MAX_NEAR)
    {
        return 0;
    }

    cf->near++;

    /* one letter in a short word, two in a long one */

    best = (key->text.len < 8) ? 2 : 3;
    near->len = 0;

    for (k = ngx_litellm_cf_keys; k->words; k++) {

        if (k->section != section || k->status == NGX_LITELLM_CF_IGNORED) {
            continue;
        }

        for (p = k->words; *p; p = *end ? end + 1 : end) {

            for (end = p; *end && *end != ' '; end++) { /* void */ }

            d = ngx_litellm_cf_distance(&key->text, (u_char *) p, end - p,
                                        best - 1);
            if (d < best) {
                best = d;
                near->data = (u_char *) p;
                near->len = end - p;
            }
        }
    }

    return near->len != 0;
}


ngx_uint_t
ngx_litellm_cf_distance(ngx_str_t *a, const u_char *b, size_t len,
    ngx_uint_t max)
{
    size_t      i, j;
    ngx_uint_t  row[65], left, above, cost, least;

    if (a->len > 64 || len > 64) {
        return max + 1;
    }

    if ((a->len > len ? a->len - len : len - a->len) > max) {
        return max + 1;
    }

    for (j = 0; j <= len; j++) {
        row[j] = j;
    }

    for (i = 1; i <= a->len; i++) {
        left = i - 1;
        row[0] = i;
        least = i;

        for (j = 1; j <= len; j++) {
            above = row[j];

            cost = left + (ngx_tolower(a->data[i - 1])
                           != ngx_tolower(b[j - 1]));
            cost = ngx_min(cost, above + 1);
            cost = ngx_min(cost, row[j - 1] + 1);

            left = above;
            row[j] = cost;
            least = ngx_min(least, cost);
        }

        if (least > max) {
            return max + 1;
        }
    }

    return row[len];
}


static ngx_litellm_cf_lint_t *
ngx_litellm_cf_lint_find(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_section_e section, ngx_litellm_yaml_t *key,
    ngx_str_t *name)
{
    u_char     *p, buf[256];
    ngx_str_t   str;

    p = ngx_slprintf(buf, buf + sizeof(buf), "%ui %V", (ngx_uint_t) section,
                     &key->text);

    str.data = buf;
    str.len = p - buf;

    if (name != NULL) {
        name->len = str.len;
        name->data = ngx_pstrdup(cf->temp, &str);
    }

    return (ngx_litellm_cf_lint_t *)
               ngx_str_rbtree_lookup(&cf->lints, &str,
                                     ngx_crc32_long(str.data, str.len));
}


static void
ngx_litellm_cf_lint_add(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_section_e section, ngx_litellm_yaml_t *key,
    ngx_litellm_diag_e level, const char *fmt, ...)
{
    u_char                 *p, buf[512];
    va_list                 args;
    ngx_str_t               name, text;
    ngx_litellm_cf_lint_t  *lint, **item;

    lint = ngx_litellm_cf_lint_find(cf, section, key, NULL);

    if (lint != NULL) {
        lint->count++;
        return;
    }

    if (cf->lint_list.nelts == NGX_LITELLM_CF_MAX_LINTS) {
        return;
    }

    (void) ngx_litellm_cf_lint_find(cf, section, key, &name);

    va_start(args, fmt);
    p = ngx_vslprintf(buf, buf + sizeof(buf), fmt, args);
    va_end(args);

    text.data = buf;
    text.len = p - buf;

    lint = ngx_pcalloc(cf->temp, sizeof(ngx_litellm_cf_lint_t));
    item = ngx_array_push(&cf->lint_list);

    if (lint == NULL || item == NULL || name.data == NULL) {
        cf->failed = 1;
        cf->lint_list.nelts -= (item != NULL);
        return;
    }

    lint->sn.str = name;
    lint->sn.node.key = ngx_crc32_long(name.data, name.len);
    lint->node = key;
    lint->key = key->text;
    lint->count = 1;
    lint->level = level;
    lint->text.len = text.len;
    lint->text.data = ngx_pstrdup(cf->temp, &text);

    if (lint->text.data == NULL) {
        cf->failed = 1;
        cf->lint_list.nelts--;
        return;
    }

    *item = lint;
    ngx_rbtree_insert(&cf->lints, &lint->sn.node);
}


void
ngx_litellm_cf_lint_done(ngx_litellm_cf_t *cf)
{
    u_char                  *p, *last, buf[768];
    ngx_uint_t               i;
    ngx_litellm_yaml_t      *first;
    ngx_litellm_cf_lint_t  **list, *lint;

    list = cf->lint_list.elts;
    first = NULL;
    p = buf;
    last = buf + sizeof(buf);

    for (i = 0; i < cf->lint_list.nelts; i++) {
        lint = list[i];

        if (lint->ignored) {
            if (first == NULL) {
                first = lint->node;
            }

            p = ngx_slprintf(p, last, "%s%V", p == buf ? "" : ", ",
                             &lint->key);
            continue;
        }

        if (lint->count > 1) {
            ngx_litellm_cf_diag(cf, lint->level, lint->node,
                                "\"%V\" %V (%ui places)", &lint->key,
                                &lint->text, lint->count);
        } else {
            ngx_litellm_cf_diag(cf, lint->level, lint->node, "\"%V\" %V",
                                &lint->key, &lint->text);
        }
    }

    if (first != NULL) {
        ngx_litellm_cf_diag(cf, NGX_LITELLM_DIAG_NOTICE, first,
                            "LiteLLM's keys that mean nothing here: %*s",
                            (size_t) (p - buf), buf);
    }

    if (cf->lint_list.nelts == NGX_LITELLM_CF_MAX_LINTS) {
        ngx_litellm_cf_warn(cf, cf->top, "more keys are not read; the first "
                            "%ui are named",
                            (ngx_uint_t) NGX_LITELLM_CF_MAX_LINTS);
    }
}


void
ngx_litellm_cf_lint_values(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *root)
{
    cf->near = 0;

    ngx_litellm_cf_lint_walk(cf, root, 0);

    cf->near = 0;
}


/* recursion: bounded by depth; each node is met once */

static void
ngx_litellm_cf_lint_walk(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    ngx_uint_t depth)
{
    ngx_litellm_yaml_pair_t  *pair;

    if (v->state == NGX_LITELLM_CF_SEEN || depth > NGX_LITELLM_YAML_DEPTH
        || cf->near == NGX_LITELLM_CF_MAX_VALUES)
    {
        return;
    }

    v->state = NGX_LITELLM_CF_SEEN;

    if (v->type == NGX_LITELLM_YAML_SCALAR) {
        ngx_litellm_cf_lint_value(cf, v);
        return;
    }

    for (pair = v->first; pair; pair = pair->next) {
        ngx_litellm_cf_lint_walk(cf, pair->value, depth + 1);
    }
}


static void
ngx_litellm_cf_lint_value(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v)
{
    u_char     *p, *last, *start;
    ngx_str_t   name;

    if (v->text.len < 4) {
        return;
    }

    p = v->text.data;
    last = p + v->text.len;

    if (ngx_strncmp(p, "env/", 4) == 0) {
        for (p += 4; p < last; p++) {
            if (!(*p >= 'A' && *p <= 'Z') && !(*p >= '0' && *p <= '9')
                && *p != '_')
            {
                return;
            }
        }

        name.data = v->text.data + 4;
        name.len = last - name.data;

        if (name.len) {
            cf->near++;
            ngx_litellm_cf_warn(cf, v, "\"env/%V\" is not expanded; write "
                                "os.environ/%V", &name, &name);
        }

        return;
    }

    if (v->text.len > 10 && ngx_strncmp(p, "os.environ", 10) == 0
        && p[10] != '/')
    {
        cf->near++;
        ngx_litellm_cf_warn(cf, v, "a variable is written os.environ/NAME");
        return;
    }

    /* the rest of "${NAME:-...}" may be a secret */

    p = ngx_strnstr(p, "${", v->text.len);

    if (p == NULL) {
        return;
    }

    start = p + 2;

    for (p = start; p < last; p++) {
        if (!(ngx_tolower(*p) >= 'a' && ngx_tolower(*p) <= 'z')
            && !(*p >= '0' && *p <= '9') && *p != '_')
        {
            break;
        }
    }

    name.data = start;
    name.len = p - start;

    if (name.len) {
        cf->near++;
        ngx_litellm_cf_warn(cf, v, "\"${%V}\" is not expanded here; write "
                            "os.environ/%V", &name, &name);
    }
}


void
ngx_litellm_cf_lint_wrapper(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *root)
{
    ngx_litellm_yaml_t       *kind, *data, *inner;
    ngx_litellm_yaml_pair_t  *pair;

    kind = ngx_litellm_yaml_member(root, "kind");

    if (ngx_litellm_yaml_member(root, "model_list") != NULL) {
        return;
    }

    if (kind != NULL && kind->type == NGX_LITELLM_YAML_SCALAR
        && ngx_litellm_yaml_member(root, "apiVersion") != NULL)
    {
        cf->wrapped = 1;
        data = ngx_litellm_yaml_member(root, "data");

        if (data != NULL && data->type == NGX_LITELLM_YAML_MAP) {
            for (pair = data->first; pair; pair = pair->next) {
                inner = pair->value;

                if (inner->type == NGX_LITELLM_YAML_SCALAR
                    && ngx_strnstr(inner->text.data, "model_list",
                                   inner->text.len))
                {
                    ngx_litellm_cf_warn(cf, pair->key,
                            "this is a Kubernetes object (%V); the "
                            "configuration is under data.%V: give that text "
                            "as a file", &kind->text, &pair->key->text);
                    return;
                }
            }
        }

        ngx_litellm_cf_warn(cf, kind, "this is a Kubernetes object (%V), not "
                            "a configuration: nothing of it is read",
                            &kind->text);
        return;
    }

    data = ngx_litellm_yaml_member(root, "proxy_config");

    if (data != NULL && data->type == NGX_LITELLM_YAML_MAP) {
        cf->wrapped = 1;
        ngx_litellm_cf_warn(cf, data, "these are a Helm chart's values; the "
                            "configuration is under proxy_config: give that "
                            "part as a file");
        return;
    }

    if (ngx_litellm_yaml_member(root, "services") != NULL) {
        cf->wrapped = 1;
        ngx_litellm_cf_warn(cf, root, "this is a compose file; the "
                            "configuration is under configs.NAME.content: "
                            "give that text as a file");
    }
}
