
/*
 * The part of an OpenAI request that is not its messages, as the neutral form:
 * parameters, tools, members that are nobody's, and what the deployment adds
 * or takes away.  Called by the parse functions of chat and completions when
 * a request is translated; a request that passes in its own dialect never
 * comes here.
 *
 * Precedence: additional_drop_params takes members out first, then the body's
 * own members count, then the deployment's defaults fill what is left open.
 */

#include "ngx_litellm_openai.h"


/* bounds of an additional_drop_params path such as tools[*].function.strict */
#define NGX_LITELLM_DROP_STEPS  16
#define NGX_LITELLM_DROP_PATHS  64

/* members that are looked up again, each by a pass over the object */
#define NGX_LITELLM_MEMBERS_AGAIN  2000


typedef struct {
    ngx_str_t    name;         /* empty: elements of an array */
    ngx_int_t    index;        /* -1: all of them */
} ngx_litellm_openai_step_t;


static ngx_int_t ngx_litellm_openai_drops(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root);
static ngx_uint_t ngx_litellm_openai_path(ngx_str_t *path,
    ngx_litellm_openai_step_t *steps);
static void ngx_litellm_openai_drop(ngx_litellm_json_t *v,
    ngx_litellm_openai_step_t *steps, ngx_uint_t n);
static ngx_int_t ngx_litellm_openai_members(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_json_t *object,
    ngx_litellm_chat_t *chat);
static ngx_int_t ngx_litellm_openai_defaults(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_chat_t *chat);
static ngx_uint_t ngx_litellm_openai_dropped(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_str_t *key);
static ngx_int_t ngx_litellm_openai_tools(ngx_litellm_call_t *call,
    ngx_litellm_chat_t *chat, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_openai_tool(ngx_litellm_tool_t *tool,
    ngx_litellm_json_t *v, ngx_uint_t legacy, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_openai_tool_choice(ngx_litellm_chat_t *chat,
    ngx_litellm_error_t *e);


ngx_int_t
ngx_litellm_openai_bad(ngx_litellm_error_t *e, const char *message,
    const char *param)
{
    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    e->class = NGX_LITELLM_BAD_REQUEST;
    e->status = 400;
    e->message.data = (u_char *) message;
    e->message.len = ngx_strlen(message);
    ngx_str_set(&e->type, "invalid_request_error");

    if (param) {
        e->param.data = (u_char *) param;
        e->param.len = ngx_strlen(param);
    }

    return NGX_DECLINED;
}


void
ngx_litellm_openai_pick(ngx_litellm_json_t *object, const ngx_str_t *names,
    ngx_litellm_json_t **values, ngx_uint_t n)
{
    ngx_uint_t           i, j;
    ngx_litellm_json_t  *key, *value;

    for (i = 0; i < n; i++) {
        values[i] = NULL;
    }

    if (object->flags & NGX_LITELLM_JSON_SKIPPED) {
        return;
    }

    key = object + 1;

    for (j = 0; j < object->count; j++) {
        value = key + 1;

        if (key->flags & NGX_LITELLM_JSON_ESCAPED) {
            for (i = 0; i < n; i++) {
                if (ngx_litellm_json_equal(key, (char *) names[i].data,
                                           names[i].len))
                {
                    break;
                }
            }

        } else {
            for (i = 0; i < n; i++) {
                if (key->len == names[i].len + 2
                    && ngx_memcmp(key->start + 1, names[i].data, names[i].len)
                       == 0)
                {
                    break;
                }
            }
        }

        if (i < n && !((key->flags | value->flags) & NGX_LITELLM_JSON_DROPPED))
        {
            values[i] = (value->type == NGX_LITELLM_JSON_NULL) ? NULL : value;
        }

        key = ngx_litellm_json_next(value);
    }
}


ngx_int_t
ngx_litellm_openai_plain(ngx_pool_t *pool, ngx_litellm_json_t *v,
    ngx_str_t *s)
{
    size_t     i;
    ngx_str_t  text, plain;

    text = ngx_litellm_json_text(v);
    *s = text;

    if (!(v->flags & NGX_LITELLM_JSON_ESCAPED)) {
        return NGX_OK;
    }

    if (ngx_litellm_json_unescape(pool, &plain, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < plain.len; i++) {
        if (plain.data[i] < 0x20 || plain.data[i] == '"'
            || plain.data[i] == '\\')
        {
            return NGX_OK;
        }
    }

    *s = plain;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_openai_params(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_litellm_chat_t *chat,
    ngx_litellm_json_t **root, ngx_litellm_error_t *e)
{
    ngx_int_t            rc;
    ngx_litellm_json_t  *extra;

    ngx_memzero(chat, sizeof(ngx_litellm_chat_t));

    if (ngx_array_init(&chat->extra, call->pool, 4,
                       sizeof(ngx_litellm_member_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    doc->pool = call->pool;
    doc->keep = 0;

    rc = ngx_litellm_json_parse(doc, call->body.data, call->body.len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return ngx_litellm_openai_bad(e, doc->error, NULL);
    }

    if (doc->root->type != NGX_LITELLM_JSON_OBJECT) {
        return ngx_litellm_openai_bad(e, "the body must be a JSON object",
                                      NULL);
    }

    *root = doc->root;

    if (ngx_litellm_openai_drops(call, doc->root) != NGX_OK
        || ngx_litellm_openai_members(call, doc->root, doc->root, chat)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    extra = ngx_litellm_json_member(doc->root, "extra_body");

    if (ngx_litellm_json_is(extra, OBJECT)
        && ngx_litellm_openai_members(call, doc->root, extra, chat)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_litellm_openai_defaults(call, doc->root, chat) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_litellm_openai_tools(call, chat, e);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_openai_tool_choice(chat, e);
}


/* additional_drop_params of the deployment and of the body */

static ngx_int_t
ngx_litellm_openai_drops(ngx_litellm_call_t *call, ngx_litellm_json_t *root)
{
    ngx_str_t                  *name, text, path;
    ngx_uint_t                  i, n;
    ngx_litellm_json_t         *list, *v;
    ngx_litellm_openai_step_t   steps[NGX_LITELLM_DROP_STEPS];

    if (call->deployment && call->deployment->drop) {
        name = call->deployment->drop->elts;

        for (i = 0; i < call->deployment->drop->nelts; i++) {
            n = ngx_litellm_openai_path(&name[i], steps);
            if (n) {
                ngx_litellm_openai_drop(root, steps, n);
            }
        }
    }

    list = ngx_litellm_json_member(root, "additional_drop_params");

    if (!ngx_litellm_json_is(list, ARRAY)) {
        return NGX_OK;
    }

    v = list + 1;

    for (i = 0; i < ngx_min(list->count, NGX_LITELLM_DROP_PATHS); i++) {

        if (v->type == NGX_LITELLM_JSON_STRING) {
            text = ngx_litellm_json_text(v);

            if (ngx_litellm_json_unescape(call->pool, &path, &text)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            n = ngx_litellm_openai_path(&path, steps);
            if (n) {
                ngx_litellm_openai_drop(root, steps, n);
            }
        }

        v = ngx_litellm_json_next(v);
    }

    return NGX_OK;
}


/* "a.b[*].c" or "a.b[2]"; returns the steps, 0 for what can't be read */

static ngx_uint_t
ngx_litellm_openai_path(ngx_str_t *path, ngx_litellm_openai_step_t *steps)
{
    u_char      *p, *last, *start;
    ngx_uint_t   n;

    n = 0;
    p = path->data;
    last = p + path->len;

    while (p < last) {

        if (n == NGX_LITELLM_DROP_STEPS) {
            return 0;
        }

        start = p;

        if (*p == '[') {
            p = ngx_strlchr(p, last, ']');
            if (p == NULL) {
                return 0;
            }

            start++;
            ngx_str_null(&steps[n].name);
            steps[n].index = -1;

            if (p - start != 1 || *start != '*') {
                steps[n].index = ngx_atoi(start, p - start);
                if (steps[n].index == NGX_ERROR) {
                    return 0;
                }
            }

            n++;
            p++;

            if (p < last && *p == '.') {
                p++;
            }

            continue;
        }

        while (p < last && *p != '.' && *p != '[') {
            p++;
        }

        if (p == start) {
            return 0;
        }

        steps[n].name.data = start;
        steps[n].name.len = p - start;
        steps[n].index = -1;
        n++;

        if (p < last && *p == '.') {
            p++;
        }
    }

    return n;
}


/* recursion is bounded by the steps; each member is visited once per path */

static void
ngx_litellm_openai_drop(ngx_litellm_json_t *v,
    ngx_litellm_openai_step_t *steps, ngx_uint_t n)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *key, *value;

    if (steps[0].name.len == 0) {

        if (v->type != NGX_LITELLM_JSON_ARRAY || n == 1) {
            return;
        }

        value = v + 1;

        for (i = 0; i < v->count; i++) {
            if (steps[0].index == -1 || (ngx_uint_t) steps[0].index == i) {
                ngx_litellm_openai_drop(value, steps + 1, n - 1);
            }

            value = ngx_litellm_json_next(value);
        }

        return;
    }

    if (v->type != NGX_LITELLM_JSON_OBJECT) {
        return;
    }

    key = v + 1;

    for (i = 0; i < v->count; i++) {
        value = key + 1;

        if (ngx_litellm_json_equal(key, (char *) steps[0].name.data,
                                   steps[0].name.len))
        {
            if (n == 1) {
                key->flags |= NGX_LITELLM_JSON_DROPPED;
                value->flags |= NGX_LITELLM_JSON_DROPPED;

            } else {
                ngx_litellm_openai_drop(value, steps + 1, n - 1);
            }
        }

        key = ngx_litellm_json_next(value);
    }
}


/*
 * The members of the body, or of the body's extra_body, where they fill only
 * what the body itself leaves open.
 */

static ngx_int_t
ngx_litellm_openai_members(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_json_t *object, ngx_litellm_chat_t *chat)
{
    ngx_str_t                   name, text;
    ngx_uint_t                  i, again;
    ngx_litellm_json_t         *key, *value, *other;
    ngx_litellm_member_t       *m;
    const ngx_litellm_param_t  *param;

    again = call->duplicates || object != root;
    key = object + 1;

    for (i = 0; i < object->count; i++, key = ngx_litellm_json_next(value)) {
        value = key + 1;

        if ((key->flags | value->flags) & NGX_LITELLM_JSON_DROPPED) {
            continue;
        }

        text = ngx_litellm_json_text(key);
        name = text;

        if (key->flags & NGX_LITELLM_JSON_ESCAPED) {
            if (ngx_litellm_json_unescape(call->pool, &name, &text)
                != NGX_OK
                || ngx_litellm_openai_plain(call->pool, key, &text) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

        param = ngx_litellm_param_find(name.data, name.len);

        if (param) {
            if (param->kind == NGX_LITELLM_PARAM_OPENAI
                && (object == root || chat->param[param->id] == NULL)
                && param->id != NGX_LITELLM_P_STREAM)
            {
                chat->param[param->id] =
                               (value->type == NGX_LITELLM_JSON_NULL) ? NULL
                                                                      : value;
            }

            continue;
        }

        /* a null says nothing; a doubled name must not be sent twice */

        if (value->type == NGX_LITELLM_JSON_NULL) {
            continue;
        }

        if (again) {
            if (i >= NGX_LITELLM_MEMBERS_AGAIN) {
                continue;
            }

            other = ngx_litellm_json_get(root, (char *) name.data, name.len);

            if (object != root && other == NULL) {
                other = ngx_litellm_json_get(object, (char *) name.data,
                                             name.len);
            }

            if (other != value) {
                continue;
            }
        }

        m = ngx_array_push(&chat->extra);
        if (m == NULL) {
            return NGX_ERROR;
        }

        m->key = text;
        m->value = value;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_openai_defaults(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_chat_t *chat)
{
    ngx_uint_t               i;
    ngx_litellm_json_t      *value, *given, *extra;
    ngx_litellm_member_t    *m;
    ngx_litellm_default_t   *d;
    ngx_litellm_json_doc_t   doc;

    if (call->deployment == NULL || call->deployment->defaults == NULL) {
        return NGX_OK;
    }

    extra = ngx_litellm_json_member(root, "extra_body");
    d = call->deployment->defaults->elts;

    for (i = 0; i < call->deployment->defaults->nelts; i++) {

        given = ngx_litellm_json_get(root, (char *) d[i].key.data,
                                     d[i].key.len);

        if (given == NULL || given->type == NGX_LITELLM_JSON_NULL) {
            given = ngx_litellm_json_get(extra, (char *) d[i].key.data,
                                         d[i].key.len);
        }

        if ((given && given->type != NGX_LITELLM_JSON_NULL)
            || ngx_litellm_openai_dropped(call, root, &d[i].key))
        {
            continue;
        }

        /* only the text of a frozen value can be counted on */

        ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
        doc.pool = call->pool;

        switch (ngx_litellm_json_parse(&doc, d[i].value->start,
                                       d[i].value->len))
        {
        case NGX_OK:
            value = doc.root;
            break;

        case NGX_DECLINED:
            continue;

        default:
            return NGX_ERROR;
        }

        if (value->type == NGX_LITELLM_JSON_NULL) {
            continue;
        }

        if (d[i].param >= 0 && d[i].param < NGX_LITELLM_P_MAX) {
            chat->param[d[i].param] = value;
            continue;
        }

        m = ngx_array_push(&chat->extra);
        if (m == NULL) {
            return NGX_ERROR;
        }

        m->key = d[i].key;
        m->value = value;
    }

    return NGX_OK;
}


/* a dropped name drops the deployment's default of that name too */

static ngx_uint_t
ngx_litellm_openai_dropped(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_str_t *key)
{
    ngx_str_t           *name;
    ngx_uint_t           i;
    ngx_litellm_json_t  *list, *v;

    if (call->deployment->drop) {
        name = call->deployment->drop->elts;

        for (i = 0; i < call->deployment->drop->nelts; i++) {
            if (name[i].len == key->len
                && ngx_memcmp(name[i].data, key->data, key->len) == 0)
            {
                return 1;
            }
        }
    }

    list = ngx_litellm_json_member(root, "additional_drop_params");

    if (!ngx_litellm_json_is(list, ARRAY)) {
        return 0;
    }

    v = list + 1;

    for (i = 0; i < ngx_min(list->count, NGX_LITELLM_DROP_PATHS); i++) {
        if (ngx_litellm_json_is(v, STRING)
            && ngx_litellm_json_equal(v, (char *) key->data, key->len))
        {
            return 1;
        }

        v = ngx_litellm_json_next(v);
    }

    return 0;
}


static ngx_int_t
ngx_litellm_openai_tools(ngx_litellm_call_t *call, ngx_litellm_chat_t *chat,
    ngx_litellm_error_t *e)
{
    ngx_int_t            rc;
    ngx_uint_t           i, legacy;
    ngx_litellm_json_t  *list, *v;

    legacy = 0;
    list = chat->param[NGX_LITELLM_P_TOOLS];

    if (list == NULL) {
        legacy = 1;
        list = chat->param[NGX_LITELLM_P_FUNCTIONS];
    }

    if (list == NULL) {
        return NGX_OK;
    }

    if (list->type != NGX_LITELLM_JSON_ARRAY) {
        return ngx_litellm_openai_bad(e, "'tools' must be an array", "tools");
    }

    if (list->count == 0) {
        chat->param[legacy ? NGX_LITELLM_P_FUNCTIONS
                           : NGX_LITELLM_P_TOOLS] = NULL;
        return NGX_OK;
    }

    /* before memory is taken: an element of any other kind is one node */

    v = list + 1;

    for (i = 0; i < list->count; i++) {
        if (v->type != NGX_LITELLM_JSON_OBJECT || v->count == 0) {
            return ngx_litellm_openai_bad(e,
                                "an element of 'tools' must be an object with "
                                "a 'type' or a 'name'", "tools");
        }

        v = ngx_litellm_json_next(v);
    }

    chat->tools = ngx_pcalloc(call->pool,
                              list->count * sizeof(ngx_litellm_tool_t));
    if (chat->tools == NULL) {
        return NGX_ERROR;
    }

    chat->ntools = list->count;

    v = list + 1;

    for (i = 0; i < list->count; i++) {
        rc = ngx_litellm_openai_tool(&chat->tools[i], v, legacy, e);
        if (rc != NGX_OK) {
            return rc;
        }

        v = ngx_litellm_json_next(v);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_openai_tool(ngx_litellm_tool_t *tool, ngx_litellm_json_t *v,
    ngx_uint_t legacy, ngx_litellm_error_t *e)
{
    enum { TYPE = 0, FUNCTION, CACHE };
    enum { NAME = 0, DESCRIPTION, PARAMETERS, STRICT, INNER_CACHE };

    ngx_litellm_json_t  *m[3], *f[5], *fn;

    static const ngx_str_t  outer[] = {
        ngx_string("type"),
        ngx_string("function"),
        ngx_string("cache_control")
    };

    static const ngx_str_t  inner[] = {
        ngx_string("name"),
        ngx_string("description"),
        ngx_string("parameters"),
        ngx_string("strict"),
        ngx_string("cache_control")
    };

    tool->node = v;

    ngx_litellm_openai_pick(v, outer, m, 3);

    if (ngx_litellm_json_is(m[TYPE], STRING)) {
        tool->type = ngx_litellm_json_text(m[TYPE]);
    }

    tool->cache_control = m[CACHE];

    fn = legacy ? v : m[FUNCTION];

    if (legacy) {
        ngx_str_set(&tool->type, "function");

    } else if (fn == NULL) {

        /* a tool of the provider's own: its node says all */

        ngx_litellm_openai_pick(v, inner, f, 5);

        if (ngx_litellm_json_is(f[NAME], STRING)) {
            tool->name = ngx_litellm_json_text(f[NAME]);
        }

        return NGX_OK;
    }

    if (fn->type != NGX_LITELLM_JSON_OBJECT) {
        return ngx_litellm_openai_bad(e, "'function' of a tool must be an "
                                      "object", "tools");
    }

    ngx_litellm_openai_pick(fn, inner, f, 5);

    if (!ngx_litellm_json_is(f[NAME], STRING) || f[NAME]->len == 2) {
        return ngx_litellm_openai_bad(e, "a function must have a 'name'",
                                      "tools");
    }

    tool->name = ngx_litellm_json_text(f[NAME]);

    if (tool->type.len == 0) {
        ngx_str_set(&tool->type, "function");
    }

    if (ngx_litellm_json_is(f[DESCRIPTION], STRING)) {
        tool->description = ngx_litellm_json_text(f[DESCRIPTION]);
    }

    if (f[PARAMETERS] && f[PARAMETERS]->type != NGX_LITELLM_JSON_OBJECT) {
        return ngx_litellm_openai_bad(e, "'parameters' of a function must be "
                                      "an object", "tools");
    }

    tool->parameters = f[PARAMETERS];
    tool->strict = f[STRICT];

    if (tool->cache_control == NULL) {
        tool->cache_control = f[INNER_CACHE];
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_openai_tool_choice(ngx_litellm_chat_t *chat,
    ngx_litellm_error_t *e)
{
    ngx_litellm_json_t  *v, *fn, *name;

    v = chat->param[NGX_LITELLM_P_TOOL_CHOICE];

    if (v == NULL) {
        v = chat->param[NGX_LITELLM_P_FUNCTION_CALL];
    }

    if (v == NULL) {
        return NGX_OK;
    }

    if (v->type == NGX_LITELLM_JSON_STRING) {

        if (ngx_litellm_json_eq(v, "auto")) {
            chat->tool_choice = NGX_LITELLM_CHOICE_AUTO;

        } else if (ngx_litellm_json_eq(v, "none")) {
            chat->tool_choice = NGX_LITELLM_CHOICE_NONE;

        } else if (ngx_litellm_json_eq(v, "required")
                   || ngx_litellm_json_eq(v, "any"))
        {
            chat->tool_choice = NGX_LITELLM_CHOICE_REQUIRED;

        } else {
            return ngx_litellm_openai_bad(e, "'tool_choice' must be \"auto\", "
                                          "\"none\", \"required\" or an object"
                                          " that names a function",
                                          "tool_choice");
        }

        return NGX_OK;
    }

    if (v->type != NGX_LITELLM_JSON_OBJECT) {
        return ngx_litellm_openai_bad(e, "'tool_choice' must be a string or "
                                      "an object", "tool_choice");
    }

    fn = ngx_litellm_json_member(v, "function");
    name = ngx_litellm_json_member(fn ? fn : v, "name");

    if (ngx_litellm_json_is(name, STRING) && name->len > 2
        && (fn || v == chat->param[NGX_LITELLM_P_FUNCTION_CALL]
            || ngx_litellm_json_eq(ngx_litellm_json_member(v, "type"),
                                   "function")))
    {
        chat->tool_choice = NGX_LITELLM_CHOICE_NAMED;
        chat->tool_name = ngx_litellm_json_text(name);
        return NGX_OK;
    }

    chat->tool_choice = NGX_LITELLM_CHOICE_OTHER;

    return NGX_OK;
}
