
/*
 * The rates of a model from JSON: price keys with thresholds and tiers, steps,
 * off-peak hours.  Of an entry of a map (ngx_litellm_price_map.c), and of a
 * deployment, whose keys are laid over its model's.  Runs at configuration
 * time only; the JSON may be anything.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_json.h"
#include "ngx_litellm_price_rates.h"


#define NGX_LITELLM_PRICE_DAY     (24 * 60)


typedef struct {
    ngx_str_t                    key;
    ngx_uint_t                   what;
} ngx_litellm_price_name_t;


static ngx_int_t ngx_litellm_price_split(ngx_str_t *text,
    ngx_litellm_rate_t *rate);
static ngx_uint_t ngx_litellm_price_ends(ngx_str_t *text, const ngx_str_t *end);
static ngx_int_t ngx_litellm_price_value(ngx_litellm_json_t *v,
    int64_t *value);
static void ngx_litellm_price_push(ngx_litellm_price_list_t *list,
    ngx_litellm_rate_t *rate);
static ngx_int_t ngx_litellm_price_order(const ngx_litellm_rate_t *a,
    const ngx_litellm_rate_t *b);
static void ngx_litellm_price_object(ngx_litellm_price_list_t *list,
    ngx_litellm_json_t *object, ngx_uint_t kind, uint32_t from);
static void ngx_litellm_price_nested(ngx_litellm_price_list_t *list,
    ngx_litellm_json_t *object, ngx_uint_t first, ngx_uint_t last);
static void ngx_litellm_price_steps(ngx_litellm_price_list_t *list,
    ngx_litellm_json_t *steps);
static void ngx_litellm_price_off_peak_read(ngx_litellm_price_list_t *list,
    ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_price_window(ngx_litellm_price_list_t *list,
    ngx_litellm_json_t *v, ngx_uint_t zone, ngx_uint_t days);
static ngx_int_t ngx_litellm_price_minute(u_char *p, u_char *last);
static void ngx_litellm_price_inherit(ngx_litellm_price_list_t *list,
    const ngx_litellm_price_t *base);
static ngx_uint_t ngx_litellm_price_has_rate(ngx_litellm_price_list_t *list,
    ngx_uint_t what);
static ngx_uint_t ngx_litellm_price_tokens(ngx_uint_t what);


static const ngx_litellm_price_name_t  ngx_litellm_price_keys[] = {
#define RATE(id, key)  { ngx_string(key), NGX_LITELLM_RATE_##id },
#define NAME(id, key)  { ngx_string(key), NGX_LITELLM_RATE_##id },
#define TIER(id, key)
#include "ngx_litellm_price_keys.h"
#undef RATE
#undef NAME
#undef TIER
    { ngx_null_string, 0 }
};

static const ngx_litellm_price_name_t  ngx_litellm_price_tiers[] = {
#define RATE(id, key)
#define NAME(id, key)
#define TIER(id, key)  { ngx_string("_" key), NGX_LITELLM_TIER_##id },
#include "ngx_litellm_price_keys.h"
#undef RATE
#undef NAME
#undef TIER
    { ngx_null_string, 0 }
};


/* rates whose names mean a price only inside of another member */
#define ngx_litellm_price_inner(what)                                         \
    (((what) >= NGX_LITELLM_RATE_SEARCH_MEDIUM                                \
      && (what) <= NGX_LITELLM_RATE_SEARCH_HIGH)                              \
     || (what) >= NGX_LITELLM_RATE_GEO_US)


ngx_uint_t
ngx_litellm_price_key(ngx_str_t *key)
{
    ngx_uint_t          i;
    ngx_litellm_rate_t  rate;

    static const ngx_str_t  objects[] = {
        ngx_string("tiered_pricing"),
        ngx_string("off_peak_pricing"),
        ngx_string("search_context_cost_per_query"),
        ngx_string("provider_specific_entry")
    };

    for (i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        if (key->len == objects[i].len
            && ngx_memcmp(key->data, objects[i].data, key->len) == 0)
        {
            return 1;
        }
    }

    return ngx_litellm_price_split(key, &rate) == NGX_OK
           && !ngx_litellm_price_inner(rate.what);
}


/* NGX_OK: a price's key: what, above and tier are set */

static ngx_int_t
ngx_litellm_price_split(ngx_str_t *text, ngx_litellm_rate_t *rate)
{
    u_char                          *p;
    uint64_t                         n, scale;
    ngx_str_t                        key;
    const ngx_litellm_price_name_t  *k;

    static const ngx_str_t  tokens = ngx_string("_tokens");
    static const ngx_str_t  above = ngx_string("_above_");

    key = *text;

    rate->above = 0;
    rate->tier = NGX_LITELLM_TIER_UNKNOWN;

    for (k = ngx_litellm_price_tiers; k->key.len; k++) {
        if (ngx_litellm_price_ends(&key, &k->key)) {
            key.len -= k->key.len;
            rate->tier = (uint8_t) k->what;
            break;
        }
    }

    if (ngx_litellm_price_ends(&key, &tokens)) {

        p = key.data + key.len - tokens.len;
        scale = 1;

        if (p > key.data && p[-1] == 'k') {
            p--;
            scale = 1000;
        }

        for (n = 0; p > key.data && p[-1] >= '0' && p[-1] <= '9'; p--) {
            if (scale > NGX_MAX_UINT32_VALUE) {
                return NGX_DECLINED;
            }

            n += scale * (p[-1] - '0');
            scale *= 10;
        }

        key.len = p - key.data;

        if (n == 0 || n > NGX_MAX_UINT32_VALUE
            || !ngx_litellm_price_ends(&key, &above))
        {
            return NGX_DECLINED;
        }

        key.len -= above.len;
        rate->above = (uint32_t) n;
    }

    for (k = ngx_litellm_price_keys; k->key.len; k++) {
        if (k->key.len == key.len
            && ngx_memcmp(k->key.data, key.data, key.len) == 0)
        {
            rate->what = (uint8_t) k->what;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_litellm_price_ends(ngx_str_t *text, const ngx_str_t *end)
{
    return text->len > end->len
           && ngx_memcmp(text->data + text->len - end->len, end->data,
                         end->len)
              == 0;
}


/* a number, or one as a string; NGX_DONE: null */

static ngx_int_t
ngx_litellm_price_value(ngx_litellm_json_t *v, int64_t *value)
{
    ngx_str_t  text;

    switch (v->type) {

    case NGX_LITELLM_JSON_NULL:
        return NGX_DONE;

    case NGX_LITELLM_JSON_NUMBER:
        text.data = v->start;
        text.len = v->len;
        break;

    case NGX_LITELLM_JSON_STRING:
        text = ngx_litellm_json_text(v);
        break;

    default:
        return NGX_DECLINED;
    }

    return ngx_litellm_money_parse(&text, value);
}


/* keeps the order of ngx_litellm_price_rates.h; a later one replaces an equal
   one, but for windows */

static void
ngx_litellm_price_push(ngx_litellm_price_list_t *list,
    ngx_litellm_rate_t *rate)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    if (rate->above && rate->kind == NGX_LITELLM_PRICE_BASE && list->reached) {
        rate->above--;
    }

    for (i = list->n; i > 0; i--) {

        rc = ngx_litellm_price_order(&list->rates[i - 1], rate);

        if (rc == 0 && rate->what != NGX_LITELLM_RATE_WINDOW) {
            list->rates[i - 1] = *rate;
            return;
        }

        if (rc <= 0) {
            break;
        }
    }

    if (list->n == NGX_LITELLM_PRICE_RATES) {
        list->full = 1;
        return;
    }

    ngx_memmove(&list->rates[i + 1], &list->rates[i],
                (list->n - i) * sizeof(ngx_litellm_rate_t));

    list->rates[i] = *rate;
    list->n++;
}


static ngx_int_t
ngx_litellm_price_order(const ngx_litellm_rate_t *a,
    const ngx_litellm_rate_t *b)
{
    if (a->kind != b->kind) {
        return (a->kind < b->kind) ? -1 : 1;
    }

    if (a->above != b->above) {
        return (a->above < b->above) ? -1 : 1;
    }

    if (a->tier != b->tier) {
        return (a->tier < b->tier) ? -1 : 1;
    }

    return (ngx_int_t) a->what - (ngx_int_t) b->what;
}


/* the price keys among the members; others are not looked at */

static void
ngx_litellm_price_object(ngx_litellm_price_list_t *list,
    ngx_litellm_json_t *object, ngx_uint_t kind, uint32_t from)
{
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_uint_t           i;
    ngx_litellm_json_t  *key, *v;
    ngx_litellm_rate_t   rate;

    key = object + 1;

    for (i = 0; i < object->count; i++, key = ngx_litellm_json_next(v)) {

        v = key + 1;
        text = ngx_litellm_json_text(key);

        if (ngx_litellm_price_split(&text, &rate) != NGX_OK
            || ngx_litellm_price_inner(rate.what))
        {
            continue;
        }

        rc = ngx_litellm_price_value(v, &rate.value);

        if (rc == NGX_DECLINED) {
            list->bad = key;
        }

        if (rc != NGX_OK) {
            continue;
        }

        rate.kind = (uint8_t) kind;

        if (kind == NGX_LITELLM_PRICE_STEP) {
            rate.above = from;
        }

        ngx_litellm_price_push(list, &rate);
    }
}


/* members of an object that mean something there only */

static void
ngx_litellm_price_nested(ngx_litellm_price_list_t *list,
    ngx_litellm_json_t *object, ngx_uint_t first, ngx_uint_t last)
{
    ngx_int_t                        rc;
    ngx_litellm_json_t              *v;
    ngx_litellm_rate_t               rate;
    const ngx_litellm_price_name_t  *k;

    if (!ngx_litellm_json_is(object, OBJECT)) {
        return;
    }

    ngx_memzero(&rate, sizeof(ngx_litellm_rate_t));

    for (k = ngx_litellm_price_keys; k->key.len; k++) {

        if (k->what < first || k->what > last) {
            continue;
        }

        v = ngx_litellm_json_get(object, (char *) k->key.data, k->key.len);

        if (v == NULL) {
            continue;
        }

        rc = ngx_litellm_price_value(v, &rate.value);

        if (rc == NGX_OK) {
            rate.what = (uint8_t) k->what;
            ngx_litellm_price_push(list, &rate);

        } else if (rc == NGX_DECLINED) {
            list->bad = v - 1;
        }
    }
}


/* tiered_pricing: [{"range": [a, b], ...}]; ranges of other things have
   another name */

static void
ngx_litellm_price_steps(ngx_litellm_price_list_t *list,
    ngx_litellm_json_t *steps)
{
    int64_t              from;
    ngx_uint_t           i;
    ngx_litellm_json_t  *step, *range;

    if (!ngx_litellm_json_is(steps, ARRAY)) {
        return;
    }

    step = steps + 1;

    for (i = 0; i < steps->count; i++, step = ngx_litellm_json_next(step)) {

        range = ngx_litellm_json_is(step, OBJECT)
                ? ngx_litellm_json_member(step, "range") : NULL;

        if (!ngx_litellm_json_is(range, ARRAY) || range->count == 0) {
            continue;
        }

        if (ngx_litellm_json_fixed(range + 1, 0, &from) != NGX_OK
            || from < 0 || from > NGX_MAX_UINT32_VALUE)
        {
            list->bad = range - 1;
            continue;
        }

        ngx_litellm_price_object(list, step, NGX_LITELLM_PRICE_STEP,
                                 (uint32_t) from);
    }
}


/*
 * off_peak_pricing: rates beside "windows".  A zone of weekdays that is not
 * known leaves it out: the ordinary price is the higher one.
 */

static void
ngx_litellm_price_off_peak_read(ngx_litellm_price_list_t *list,
    ngx_litellm_json_t *off)
{
    int64_t              day;
    ngx_uint_t           i, j, zone, days;
    ngx_litellm_json_t  *v, *window, *windows, *hours;

    if (!ngx_litellm_json_is(off, OBJECT)) {
        return;
    }

    v = ngx_litellm_json_member(off, "weekday_timezone");
    zone = 0;

    if (ngx_litellm_json_is(v, STRING) && !ngx_litellm_json_eq(v, "UTC")) {

        if (!ngx_litellm_json_eq(v, "Asia/Shanghai")) {
            return;
        }

        zone = 8;
    }

    windows = ngx_litellm_json_member(off, "windows");

    if (!ngx_litellm_json_is(windows, ARRAY)) {
        return;
    }

    window = windows + 1;

    for (i = 0; i < windows->count; i++, window = ngx_litellm_json_next(window))
    {
        if (window->type != NGX_LITELLM_JSON_OBJECT) {
            continue;
        }

        days = 0x7f;
        v = ngx_litellm_json_member(window, "weekdays");

        if (ngx_litellm_json_is(v, ARRAY)) {
            days = 0;
            hours = v + 1;

            for (j = 0; j < v->count; j++, hours = ngx_litellm_json_next(hours))
            {
                if (ngx_litellm_json_int(hours, &day) == NGX_OK && day >= 1
                    && day <= 7)
                {
                    days |= 1 << (day - 1);
                }
            }
        }

        hours = ngx_litellm_json_member(window, "hours_utc");

        if (ngx_litellm_json_is(hours, ARRAY)) {
            v = hours + 1;

            for (j = 0; j < hours->count; j++, v = ngx_litellm_json_next(v)) {
                if (ngx_litellm_price_window(list, v, zone, days) != NGX_OK) {
                    list->bad = hours - 1;
                }
            }

        } else if (hours != NULL
                   && ngx_litellm_price_window(list, hours, zone, days)
                      != NGX_OK)
        {
            list->bad = hours - 1;
        }
    }

    ngx_litellm_price_object(list, off, NGX_LITELLM_PRICE_OFF_PEAK, 0);
}


/* "10:00-00:00"; one that goes over midnight is two */

static ngx_int_t
ngx_litellm_price_window(ngx_litellm_price_list_t *list,
    ngx_litellm_json_t *v, ngx_uint_t zone, ngx_uint_t days)
{
    u_char              *p, *last;
    ngx_int_t            from, to;
    ngx_str_t            text;
    ngx_litellm_rate_t   rate;

    if (v->type != NGX_LITELLM_JSON_STRING) {
        return NGX_DECLINED;
    }

    text = ngx_litellm_json_text(v);
    last = text.data + text.len;

    p = ngx_strlchr(text.data, last, '-');

    if (p == NULL) {
        return NGX_DECLINED;
    }

    from = ngx_litellm_price_minute(text.data, p);
    to = ngx_litellm_price_minute(p + 1, last);

    if (from == NGX_ERROR || to == NGX_ERROR) {
        return NGX_DECLINED;
    }

    if (to == 0) {
        to = NGX_LITELLM_PRICE_DAY;
    }

    ngx_memzero(&rate, sizeof(ngx_litellm_rate_t));

    rate.what = NGX_LITELLM_RATE_WINDOW;
    rate.kind = NGX_LITELLM_PRICE_OFF_PEAK;

    if (from > to) {
        rate.value = ngx_litellm_window(zone, days, 0, to);
        ngx_litellm_price_push(list, &rate);

        to = NGX_LITELLM_PRICE_DAY;
    }

    rate.value = ngx_litellm_window(zone, days, from, to);
    ngx_litellm_price_push(list, &rate);

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_price_minute(u_char *p, u_char *last)
{
    u_char     *colon;
    ngx_int_t   hours, minutes;

    colon = ngx_strlchr(p, last, ':');

    if (colon == NULL) {
        return NGX_ERROR;
    }

    hours = ngx_atoi(p, colon - p);
    minutes = ngx_atoi(colon + 1, last - colon - 1);

    if (hours == NGX_ERROR || minutes == NGX_ERROR || hours > 24
        || minutes > 59 || hours * 60 + minutes > NGX_LITELLM_PRICE_DAY)
    {
        return NGX_ERROR;
    }

    return hours * 60 + minutes;
}


void
ngx_litellm_price_model(ngx_litellm_price_list_t *list,
    ngx_litellm_json_t *object)
{
    ngx_litellm_price_object(list, object, NGX_LITELLM_PRICE_BASE, 0);

    ngx_litellm_price_nested(list,
             ngx_litellm_json_member(object, "search_context_cost_per_query"),
             NGX_LITELLM_RATE_SEARCH_MEDIUM, NGX_LITELLM_RATE_SEARCH_HIGH);

    ngx_litellm_price_nested(list,
                   ngx_litellm_json_member(object, "provider_specific_entry"),
                   NGX_LITELLM_RATE_GEO_US, NGX_LITELLM_RATE_FAST);

    ngx_litellm_price_steps(list,
                            ngx_litellm_json_member(object, "tiered_pricing"));

    ngx_litellm_price_off_peak_read(list,
                          ngx_litellm_json_member(object, "off_peak_pricing"));
}


ngx_litellm_price_t *
ngx_litellm_price_make(ngx_pool_t *pool, ngx_litellm_price_list_t *list)
{
    ngx_litellm_price_t  *price;

    price = ngx_palloc(pool, sizeof(ngx_litellm_price_t)
                             + list->n * sizeof(ngx_litellm_rate_t));
    if (price == NULL) {
        return NULL;
    }

    price->first = 0;
    price->n = (uint16_t) list->n;
    price->own = 1;
    price->reserved = 0;

    ngx_memcpy(ngx_litellm_price_own(price), list->rates,
               list->n * sizeof(ngx_litellm_rate_t));

    return price;
}


ngx_int_t
ngx_litellm_price_override(ngx_pool_t *pool, const ngx_litellm_price_t *base,
    ngx_str_t *json, const ngx_litellm_price_t **price, ngx_str_t *why)
{
    ngx_int_t                 rc;
    ngx_str_t                 key;
    ngx_litellm_json_doc_t    doc;
    ngx_litellm_price_list_t  list;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = pool;

    rc = ngx_litellm_json_parse(&doc, json->data, json->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED || doc.root->type != NGX_LITELLM_JSON_OBJECT) {
        ngx_str_set(why, "the prices are not an object");
        return NGX_DECLINED;
    }

    list.n = 0;
    list.reached = 0;
    list.bad = NULL;
    list.full = 0;

    ngx_litellm_price_model(&list, doc.root);

    if (list.bad != NULL) {
        key = ngx_litellm_json_text(list.bad);
        return ngx_litellm_price_why(pool, why, "\"%V\" is not a price", &key);
    }

    if (list.n == 0) {
        *price = base;
        return NGX_OK;
    }

    if (base != NULL) {
        ngx_litellm_price_inherit(&list, base);
    }

    if (list.full) {
        ngx_str_set(why, "there are too many prices");
        return NGX_DECLINED;
    }

    *price = ngx_litellm_price_make(pool, &list);

    return (*price == NULL) ? NGX_ERROR : NGX_OK;
}


/*
 * What the deployment does not say is as the model's, but: who gives a price
 * for tokens means it for any length of prompt; who gives 0 means free; who
 * gives one for seconds does not pay tokens.
 */

static void
ngx_litellm_price_inherit(ngx_litellm_price_list_t *list,
    const ngx_litellm_price_t *base)
{
    ngx_uint_t          i, j, n, tokens, out, free, timed, own_kind[3];
    ngx_litellm_rate_t  rate, *own;

    own = list->rates;
    n = list->n;

    ngx_memzero(own_kind, sizeof(own_kind));

    free = ngx_litellm_price_has_rate(list, NGX_LITELLM_RATE_IN);
    out = ngx_litellm_price_has_rate(list, NGX_LITELLM_RATE_OUT);
    tokens = free || out;
    timed = !tokens
            && (ngx_litellm_price_has_rate(list, NGX_LITELLM_RATE_SECOND)
                || ngx_litellm_price_has_rate(list, NGX_LITELLM_RATE_IN_SECOND)
                || ngx_litellm_price_has_rate(list,
                                              NGX_LITELLM_RATE_OUT_SECOND));

    for (j = 0; j < n; j++) {

        if (own[j].kind != NGX_LITELLM_PRICE_BASE) {
            own_kind[own[j].kind] = 1;
        }

        if (own[j].value != 0) {
            free = 0;
        }
    }

    if (free) {
        return;
    }

    for (i = 0; i < base->n; i++) {
        ngx_litellm_price_rate(base, i, &rate);

        if (own_kind[rate.kind]) {
            continue;
        }

        if (ngx_litellm_price_tokens(rate.what)
            && (timed || (tokens && (rate.above
                                 || rate.kind == NGX_LITELLM_PRICE_STEP))))
        {
            continue;
        }

        if (out && rate.what == NGX_LITELLM_RATE_REASONING
            && rate.kind == NGX_LITELLM_PRICE_BASE)
        {
            continue;
        }

        for (j = 0; j < list->n; j++) {
            if (rate.what != NGX_LITELLM_RATE_WINDOW
                && ngx_litellm_price_order(&own[j], &rate) == 0)
            {
                break;
            }
        }

        if (j == list->n) {
            ngx_litellm_price_push(list, &rate);
        }
    }
}


/* the plain rate, not that of a tier */

static ngx_uint_t
ngx_litellm_price_has_rate(ngx_litellm_price_list_t *list, ngx_uint_t what)
{
    ngx_uint_t  i;

    for (i = 0; i < list->n; i++) {
        if (list->rates[i].what == what && list->rates[i].above == 0
            && list->rates[i].tier == NGX_LITELLM_TIER_UNKNOWN
            && list->rates[i].kind == NGX_LITELLM_PRICE_BASE)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_litellm_price_tokens(ngx_uint_t what)
{
    return what <= NGX_LITELLM_RATE_REASONING;
}


ngx_int_t
ngx_litellm_price_why(ngx_pool_t *pool, ngx_str_t *why, const char *fmt, ...)
{
    va_list  args;

    why->data = ngx_pnalloc(pool, NGX_MAX_ERROR_STR);
    if (why->data == NULL) {
        return NGX_ERROR;
    }

    va_start(args, fmt);
    why->len = ngx_vslprintf(why->data, why->data + NGX_MAX_ERROR_STR, fmt,
                             args)
               - why->data;
    va_end(args);

    return NGX_DECLINED;
}
