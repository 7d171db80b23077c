
/*
 * What is told of all that was found: the last steps of a status request.
 * Amounts of money are dollars, times ms unless a name says otherwise.  No
 * secret: of an api_base neither user nor query, of a key its masked name.
 */

#include "ngx_http_litellm_status.h"
#include "ngx_http_litellm_zone.h"


/* deployments of one turn */
#define NGX_HTTP_LITELLM_STATUS_ROWS  32


typedef struct {
    ngx_str_t    name;
    const char  *text;           /* behind so many deployments */
} ngx_http_litellm_status_word_t;


static void ngx_http_litellm_status_problems(ngx_http_litellm_status_t *st);
static void ngx_http_litellm_status_problem(ngx_litellm_out_t *out,
    const char *level, const char *kind, ngx_str_t *name);
static void ngx_http_litellm_status_group_text(ngx_litellm_out_t *out,
    ngx_http_litellm_status_group_t *g);
static ngx_uint_t ngx_http_litellm_status_used_up(
    ngx_http_litellm_status_t *st, ngx_uint_t *i);
static void ngx_http_litellm_status_row(ngx_http_litellm_status_t *st,
    ngx_http_litellm_status_item_t *item);
static void ngx_http_litellm_status_base(ngx_litellm_out_t *out,
    ngx_litellm_deployment_t *d);
static void ngx_http_litellm_status_now(ngx_litellm_out_t *out,
    ngx_litellm_deployment_t *d);
static void ngx_http_litellm_status_health(ngx_http_litellm_status_t *st,
    ngx_litellm_deployment_t *d);
static void ngx_http_litellm_status_budget(ngx_http_litellm_status_t *st,
    ngx_litellm_deployment_t *d);
static void ngx_http_litellm_status_limits(ngx_http_litellm_status_t *st);
static void ngx_http_litellm_status_limit(ngx_litellm_out_t *out,
    ngx_http_litellm_status_limit_t *l);
static void ngx_http_litellm_status_cut(ngx_litellm_out_t *out,
    const char *name, u_char *data, size_t len);


static ngx_http_litellm_status_word_t
    ngx_http_litellm_status_words[NGX_HTTP_LITELLM_STATES] =
{
    { ngx_string("ok"), "well" },
    { ngx_string("failing"), "failing most calls" },
    { ngx_string("half_open"), "on trial behind a cooldown" },
    { ngx_string("unusable"), "without credentials, or paused" },
    { ngx_string("limited"), "at a limit" },
    { ngx_string("over_budget"), "over budget" },
    { ngx_string("unhealthy"), "failing health checks" },
    { ngx_string("cooldown"), "in cooldown" }
};


static const char  *const  ngx_http_litellm_status_units[] = {
    "none", "requests", "tokens", "parallel", "budget"
};


/* up to the list of deployments */

ngx_int_t
ngx_http_litellm_status_head(ngx_http_litellm_status_t *st)
{
    ngx_uint_t          i, k;
    ngx_time_t         *tp;
    ngx_core_conf_t    *ccf;
    ngx_litellm_out_t  *out;

    out = &st->out;
    tp = ngx_timeofday();
    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);
    k = 0;

    st->redis = ngx_http_litellm_status_redis(st);

    if (st->down) {
        ngx_litellm_out_lit(out, "{\"status\":\"bad\",\"problems\":[");

    } else if (st->degraded
               || st->redis >= NGX_HTTP_LITELLM_STATUS_BEHIND_UP
               || ngx_http_litellm_status_used_up(st, &k))
    {
        ngx_litellm_out_lit(out, "{\"status\":\"warn\",\"problems\":[");

    } else {
        ngx_litellm_out_lit(out, "{\"status\":\"ok\",\"problems\":[");
    }

    ngx_http_litellm_status_problems(st);
    ngx_litellm_out_lit(out, "]");

    ngx_http_litellm_status_int(out, "time",
                                (int64_t) tp->sec * 1000 + tp->msec);
    ngx_http_litellm_status_text(out, "host",
                                 (ngx_str_t *) &ngx_cycle->hostname);
    ngx_litellm_out_lit(out, ",\"version\":\"" NGX_HTTP_LITELLM_VERSION
                             "\",\"nginx\":\"" NGINX_VERSION "\"");
    ngx_http_litellm_status_int(out, "workers", ccf->worker_processes);

    ngx_litellm_out_lit(out, ",\"groups\":{\"total\":");
    ngx_litellm_out_int(out, st->ngroups);
    ngx_http_litellm_status_int(out, "down", st->down);
    ngx_http_litellm_status_int(out, "degraded", st->degraded);
    ngx_litellm_out_lit(out, "},\"deployments\":{\"total\":");
    ngx_litellm_out_int(out, st->total);
    ngx_http_litellm_status_int(out, "found", st->found);
    ngx_http_litellm_status_int(out, "shown", st->bad.n + st->top.n);
    ngx_http_litellm_status_int(out, "callable", st->able);
    ngx_http_litellm_status_int(out, "in_flight", st->inflight);
    ngx_litellm_out_lit(out, ",\"states\":{");

    for (i = 0; i < NGX_HTTP_LITELLM_STATES; i++) {

        if (i) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_out_json(out, &ngx_http_litellm_status_words[i].name);
        ngx_litellm_out_lit(out, ":");
        ngx_litellm_out_int(out, st->states[i]);
    }

    ngx_litellm_out_lit(out, "},\"list\":[");

    return NGX_OK;
}


/* the worst first */

static void
ngx_http_litellm_status_problems(ngx_http_litellm_status_t *st)
{
    ngx_str_t                         name;
    ngx_uint_t                        i;
    ngx_litellm_out_t                *out;
    ngx_http_litellm_status_group_t  *g;
    ngx_http_litellm_status_limit_t  *l;

    out = &st->out;

    g = st->groups.elts;

    for (i = 0; i < st->groups.nelts; i++) {
        ngx_http_litellm_status_problem(out, "bad", "group",
                                        &g[i].group->name);
        ngx_http_litellm_status_group_text(out, &g[i]);
        ngx_litellm_out_lit(out, "\"}");
    }

    if (st->redis >= NGX_HTTP_LITELLM_STATUS_BEHIND_UP) {
        ngx_http_litellm_status_problem(out, "warn", "redis",
                                        ngx_http_litellm_status_server(st));

        if (st->redis == NGX_HTTP_LITELLM_STATUS_DOWN) {
            ngx_litellm_out_lit(out, "does not answer: each gateway counts "
                                     "for itself\"}");

        } else {
            ngx_litellm_out_lit(out, "answers, but takes no counts: each "
                                     "gateway counts for itself\"}");
        }
    }

    for (i = 0; ngx_http_litellm_status_used_up(st, &i); i++) {

        l = &ngx_http_litellm_status_near(st)->items[i];

        name.data = l->name;
        name.len = l->len;

        ngx_http_litellm_status_problem(out, "warn", "limit", &name);
        ngx_litellm_out_lit(out, "the ");
        ngx_litellm_out_str(out, ngx_http_litellm_scope_name(l->scope));
        ngx_litellm_out_lit(out, " has used up its ");
        ngx_litellm_out_copy(out, ngx_http_litellm_status_units[l->limit],
                      ngx_strlen(ngx_http_litellm_status_units[l->limit]));
        ngx_litellm_out_lit(out, "\"}");
    }

    g = st->partly.elts;

    for (i = 0; i < st->partly.nelts; i++) {
        ngx_http_litellm_status_problem(out, "warn", "group",
                                        &g[i].group->name);
        ngx_http_litellm_status_group_text(out, &g[i]);
        ngx_litellm_out_lit(out, "\"}");
    }
}


/* what follows is the text, then its quote and a brace */

static void
ngx_http_litellm_status_problem(ngx_litellm_out_t *out, const char *level,
    const char *kind, ngx_str_t *name)
{
    /* behind "[" of the list it is the first one */

    if (out->buf->last[-1] == '}') {
        ngx_litellm_out_lit(out, ",");
    }

    ngx_litellm_out_lit(out, "{\"level\":\"");
    ngx_litellm_out_copy(out, level, ngx_strlen(level));
    ngx_litellm_out_lit(out, "\",\"kind\":\"");
    ngx_litellm_out_copy(out, kind, ngx_strlen(kind));
    ngx_litellm_out_lit(out, "\"");
    ngx_http_litellm_status_text(out, "name", name);
    ngx_litellm_out_lit(out, ",\"text\":\"");
}


/* "1 of 3 deployments can be called: 2 in cooldown (RateLimitError 429 ...)" */

static void
ngx_http_litellm_status_group_text(ngx_litellm_out_t *out,
    ngx_http_litellm_status_group_t *g)
{
    ngx_str_t   *class;
    ngx_uint_t   i, n;
    const char  *text;

    ngx_litellm_out_int(out, g->able);
    ngx_litellm_out_lit(out, " of ");
    ngx_litellm_out_int(out, g->total);

    if (g->total == 1) {
        ngx_litellm_out_lit(out, " deployment can be called");

    } else {
        ngx_litellm_out_lit(out, " deployments can be called");
    }

    n = 0;

    for (i = NGX_HTTP_LITELLM_STATES - 1; i > NGX_HTTP_LITELLM_WELL; i--) {

        if (g->states[i] == 0 || i == NGX_HTTP_LITELLM_HALF_OPEN) {
            continue;
        }

        ngx_litellm_out_copy(out, n++ ? ", " : ": ", 2);
        ngx_litellm_out_int(out, g->states[i]);
        ngx_litellm_out_lit(out, " ");

        text = ngx_http_litellm_status_words[i].text;
        ngx_litellm_out_copy(out, text, ngx_strlen(text));

        if (i != NGX_HTTP_LITELLM_COOLDOWN) {
            continue;
        }

        class = ngx_litellm_error_class((g->cause & 0xff)
                                        % NGX_LITELLM_CLASSES);

        ngx_litellm_out_lit(out, " (");
        ngx_litellm_out_str(out, class);
        ngx_litellm_out_lit(out, " ");
        ngx_litellm_out_int(out, (int64_t) (g->cause >> 8));
        ngx_litellm_out_lit(out, ", the first for ");
        ngx_litellm_out_int(out, (int64_t) (g->left + 999) / 1000);
        ngx_litellm_out_lit(out, " s more)");
    }
}


/*
 * The next limit from *i on that is used up and is not one client's alone:
 * those have theirs to be held back by.
 */

static ngx_uint_t
ngx_http_litellm_status_used_up(ngx_http_litellm_status_t *st, ngx_uint_t *i)
{
    ngx_http_litellm_status_limits_t  *l;

    l = ngx_http_litellm_status_near(st);

    for ( /* void */ ;
         l != NULL && *i < l->n && l->items[*i].permille >= 1000;
         (*i)++)
    {
        switch (l->items[*i].scope) {

        case NGX_HTTP_LITELLM_GATEWAY:
        case NGX_HTTP_LITELLM_OF_TAG:
        case NGX_HTTP_LITELLM_OF_MODEL:
        case NGX_HTTP_LITELLM_OF_PROVIDER:
            return 1;

        default:
            break;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_litellm_status_rows(ngx_http_litellm_status_t *st)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_LITELLM_STATUS_ROWS; i++) {

        if (st->index == st->bad.n + st->top.n) {
            return NGX_OK;
        }

        if (st->index) {
            ngx_litellm_out_lit(&st->out, ",");
        }

        ngx_http_litellm_status_row(st, (st->index < st->bad.n)
                                   ? &st->bad.items[st->index]
                                   : &st->top.items[st->index - st->bad.n]);
        st->index++;
    }

    return NGX_AGAIN;
}


static void
ngx_http_litellm_status_row(ngx_http_litellm_status_t *st,
    ngx_http_litellm_status_item_t *item)
{
    ngx_litellm_out_t         *out;
    ngx_litellm_deployment_t  *d;

    out = &st->out;
    d = item->deployment;

    ngx_litellm_out_lit(out, "{\"id\":");
    ngx_litellm_out_json(out, &d->id);
    ngx_http_litellm_status_text(out, "group", &d->group);
    ngx_http_litellm_status_text(out, "model", &d->full_model);
    ngx_http_litellm_status_text(out, "file", &item->config->file);
    ngx_http_litellm_status_text(out, "state",
                           &ngx_http_litellm_status_words[item->state].name);

    if (d->provider != NULL) {
        ngx_http_litellm_status_text(out, "provider",
                                     (ngx_str_t *) &d->provider->name);
    }

    if (d->no_credentials && d->missing_env.len) {
        ngx_http_litellm_status_text(out, "missing", &d->missing_env);
    }

    ngx_http_litellm_status_base(out, d);
    ngx_http_litellm_status_now(out, d);

    if (st->mcf->zone != NULL) {
        ngx_http_litellm_status_health(st, d);
        ngx_http_litellm_status_budget(st, d);
    }

    ngx_http_litellm_status_counters(st, d);

    ngx_litellm_out_lit(out, "}");
}


static void
ngx_http_litellm_status_base(ngx_litellm_out_t *out,
    ngx_litellm_deployment_t *d)
{
    if (d->url.host.len == 0) {
        return;
    }

    ngx_litellm_out_lit(out, ",\"api_base\":\"http");

    if (d->url.tls) {
        ngx_litellm_out_lit(out, "s");
    }

    ngx_litellm_out_lit(out, "://");
    ngx_litellm_out_escape(out, d->url.authority.data, d->url.authority.len);
    ngx_litellm_out_escape(out, d->url.path.data, d->url.path.len);
    ngx_litellm_out_lit(out, "\"");
}


/* of this minute (UTC), as the router counts */

static void
ngx_http_litellm_status_now(ngx_litellm_out_t *out,
    ngx_litellm_deployment_t *d)
{
    ngx_atomic_uint_t          cause;
    ngx_http_litellm_state_t  *s;

    s = d->state;

    if (s == NULL) {
        return;
    }

    ngx_http_litellm_status_int(out, "in_flight", (int64_t) s->inflight);

    ngx_litellm_out_lit(out, ",\"minute\":{\"requests\":");
    ngx_litellm_out_int(out, ngx_http_litellm_state_count(&s->requests));
    ngx_http_litellm_status_int(out, "tokens",
                                ngx_http_litellm_state_count(&s->tokens));
    ngx_http_litellm_status_int(out, "failures",
                                ngx_http_litellm_state_count(&s->failures));
    ngx_litellm_out_lit(out, "}");

    if (d->rpm >= 0) {
        ngx_http_litellm_status_int(out, "rpm", d->rpm);
    }

    if (d->tpm >= 0) {
        ngx_http_litellm_status_int(out, "tpm", d->tpm);
    }

    if (d->max_parallel >= 0) {
        ngx_http_litellm_status_int(out, "max_parallel", d->max_parallel);
    }

    if (s->until == 0) {
        return;
    }

    cause = s->cause;

    ngx_litellm_out_lit(out, ",\"cooldown\":{\"left_ms\":");
    ngx_litellm_out_int(out, (int64_t) ngx_http_litellm_cooldown_left(d));
    ngx_http_litellm_status_int(out, "status", (int64_t) (cause >> 8));
    ngx_http_litellm_status_text(out, "error",
                                 ngx_litellm_error_class((cause & 0xff)
                                                    % NGX_LITELLM_CLASSES));
    ngx_litellm_out_lit(out, "}");
}


/* the last probe, if there was one */

static void
ngx_http_litellm_status_health(ngx_http_litellm_status_t *st,
    ngx_litellm_deployment_t *d)
{
    ngx_litellm_out_t            *out;
    ngx_http_litellm_probe_t      probe;
    ngx_http_litellm_zone_key_t   key;

    out = &st->out;

    ngx_http_litellm_zone_key(d, &key);
    ngx_http_litellm_zone_probe_last(st->mcf->zone, &key, &probe);

    if (!probe.known) {
        return;
    }

    if (probe.ok) {
        ngx_litellm_out_lit(out, ",\"health\":{\"ok\":true");

    } else {
        ngx_litellm_out_lit(out, ",\"health\":{\"ok\":false");
    }

    ngx_http_litellm_status_int(out, "age_ms",
                                (ngx_msec_int_t) (ngx_current_msec
                                                  - probe.time));
    ngx_http_litellm_status_int(out, "latency_ms", (int64_t) probe.latency);
    ngx_http_litellm_status_int(out, "status", (int64_t) probe.status);

    if (!probe.ok) {
        ngx_http_litellm_status_cut(out, "text", probe.text, probe.len);
    }

    ngx_litellm_out_lit(out, "}");
}


static void
ngx_http_litellm_status_budget(ngx_http_litellm_status_t *st,
    ngx_litellm_deployment_t *d)
{
    ngx_litellm_out_t           *out;
    ngx_http_litellm_account_t   account;

    if (d->budget.max < 0) {
        return;
    }

    out = &st->out;

    (void) ngx_http_litellm_ledger_read(st->mcf->zone,
                                        NGX_HTTP_LITELLM_OF_DEPLOYMENT,
                                        &d->id, &account);

    ngx_litellm_out_lit(out, ",\"budget\":{\"ends\":");
    ngx_litellm_out_int(out, account.period_ends);
    ngx_http_litellm_status_money(out, "max", d->budget.max);
    ngx_http_litellm_status_money(out, "spend", ngx_max(account.spend, 0));
    ngx_litellm_out_lit(out, "}");
}


ngx_int_t
ngx_http_litellm_status_tail(ngx_http_litellm_status_t *st)
{
    ngx_litellm_out_lit(&st->out, "]}");

    ngx_http_litellm_status_totals(st);
    ngx_http_litellm_status_scales(st);
    ngx_http_litellm_status_limits(st);
    ngx_http_litellm_status_stores(st);

    ngx_litellm_out_lit(&st->out, "}\n");

    return NGX_OK;
}


static void
ngx_http_litellm_status_limits(ngx_http_litellm_status_t *st)
{
    ngx_uint_t                         i;
    ngx_litellm_out_t                 *out;
    ngx_http_litellm_status_limits_t  *l;

    l = ngx_http_litellm_status_near(st);

    if (l == NULL) {
        return;
    }

    out = &st->out;

    ngx_litellm_out_lit(out, ",\"limits\":{\"accounts\":");
    ngx_litellm_out_int(out, l->accounts);
    ngx_http_litellm_status_int(out, "near", l->near);
    ngx_http_litellm_status_int(out, "over", l->over);
    ngx_http_litellm_status_int(out, "age_ms",
                                (int64_t) (ngx_current_msec - l->time));
    ngx_litellm_out_lit(out, ",\"list\":[");

    for (i = 0; i < l->n; i++) {

        if (i) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_http_litellm_status_limit(out, &l->items[i]);
    }

    ngx_litellm_out_lit(out, "]}");
}


static void
ngx_http_litellm_status_limit(ngx_litellm_out_t *out,
    ngx_http_litellm_status_limit_t *l)
{
    const char  *unit;

    unit = ngx_http_litellm_status_units[l->limit];

    ngx_litellm_out_lit(out, "{\"scope\":");
    ngx_litellm_out_json(out, ngx_http_litellm_scope_name(l->scope));
    ngx_http_litellm_status_cut(out, "name", l->name, l->len);

    if (l->alias_len) {
        ngx_http_litellm_status_cut(out, "alias", l->alias, l->alias_len);
    }

    if (l->model_len) {
        ngx_http_litellm_status_cut(out, "model", l->model, l->model_len);
    }

    ngx_http_litellm_status_cut(out, "limit", (u_char *) unit,
                                ngx_strlen(unit));
    ngx_http_litellm_status_int(out, "percent", l->permille / 10);

    if (l->limit == NGX_HTTP_LITELLM_BUDGET) {
        ngx_http_litellm_status_money(out, "used", l->used);
        ngx_http_litellm_status_money(out, "max", l->max);
        ngx_http_litellm_status_int(out, "ends", l->ends);

    } else {
        ngx_http_litellm_status_int(out, "used", l->used);
        ngx_http_litellm_status_int(out, "max", l->max);

        if (l->limit != NGX_HTTP_LITELLM_PARALLEL) {
            ngx_http_litellm_status_int(out, "resets_ms",
                                        ngx_max(l->resets, 0));
        }
    }

    ngx_litellm_out_lit(out, "}");
}


void
ngx_http_litellm_status_int(ngx_litellm_out_t *out, const char *name,
    int64_t n)
{
    ngx_litellm_out_lit(out, ",\"");
    ngx_litellm_out_copy(out, name, ngx_strlen(name));
    ngx_litellm_out_lit(out, "\":");
    ngx_litellm_out_int(out, n);
}


void
ngx_http_litellm_status_money(ngx_litellm_out_t *out, const char *name,
    int64_t money)
{
    u_char  buf[NGX_LITELLM_MONEY_LEN];

    ngx_litellm_out_lit(out, ",\"");
    ngx_litellm_out_copy(out, name, ngx_strlen(name));
    ngx_litellm_out_lit(out, "\":");
    ngx_litellm_out_copy(out, buf, ngx_litellm_money_print(buf, money) - buf);
}


void
ngx_http_litellm_status_text(ngx_litellm_out_t *out, const char *name,
    ngx_str_t *text)
{
    ngx_http_litellm_status_cut(out, name, text->data, text->len);
}


/* no longer than a name that is shown */

static void
ngx_http_litellm_status_cut(ngx_litellm_out_t *out, const char *name,
    u_char *data, size_t len)
{
    ngx_str_t  text;

    text.data = data;
    text.len = ngx_min(len, NGX_HTTP_LITELLM_STATUS_NAME);

    /* not in the middle of a character */

    if (text.len < len) {
        while (text.len && (data[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }

    ngx_litellm_out_lit(out, ",\"");
    ngx_litellm_out_copy(out, name, ngx_strlen(name));
    ngx_litellm_out_lit(out, "\":");
    ngx_litellm_out_json(out, &text);
}
