
/*
 * Replies of Redis: hiredis's reader with functions of ours that make the
 * values, so that a list of two thousand million elements is refused when it
 * is announced and not when the memory is gone.
 *
 * The reader looks for the end of a line from its beginning each time: a line
 * without an end is therefore bounded, too.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_resp.h"

#if (NGX_LITELLM_HAVE_HIREDIS)

#include <hiredis/hiredis.h>


#define NGX_LITELLM_RESP_LINE  65536
#define NGX_LITELLM_RESP_POOL  1024


static void *ngx_litellm_resp_string(const redisReadTask *task, char *str,
    size_t len);
static void *ngx_litellm_resp_integer(const redisReadTask *task, long long n);
static void *ngx_litellm_resp_nil(const redisReadTask *task);
static void *ngx_litellm_resp_list(const redisReadTask *task, size_t n);
#if (HIREDIS_MAJOR >= 1)
static void *ngx_litellm_resp_real(const redisReadTask *task, double value,
    char *str, size_t len);
static void *ngx_litellm_resp_flag(const redisReadTask *task, int value);
#else
static void *ngx_litellm_resp_list_int(const redisReadTask *task, int n);
#endif
static void ngx_litellm_resp_drop(void *value);
static ngx_litellm_resp_t *ngx_litellm_resp_value(const redisReadTask *task);


#if (HIREDIS_MAJOR >= 1)

static redisReplyObjectFunctions  ngx_litellm_resp_functions = {
    .createString = ngx_litellm_resp_string,
    .createArray = ngx_litellm_resp_list,
    .createInteger = ngx_litellm_resp_integer,
    .createDouble = ngx_litellm_resp_real,
    .createNil = ngx_litellm_resp_nil,
    .createBool = ngx_litellm_resp_flag,
    .freeObject = ngx_litellm_resp_drop
};

#else

static redisReplyObjectFunctions  ngx_litellm_resp_functions = {
    .createString = ngx_litellm_resp_string,
    .createArray = ngx_litellm_resp_list_int,
    .createInteger = ngx_litellm_resp_integer,
    .createNil = ngx_litellm_resp_nil,
    .freeObject = ngx_litellm_resp_drop
};

#endif


ngx_int_t
ngx_litellm_resp_open(ngx_litellm_resp_reader_t *rd, size_t max,
    ngx_log_t *log)
{
    redisReader  *reader;

    ngx_memzero(rd, sizeof(ngx_litellm_resp_reader_t));

    rd->pool = ngx_create_pool(NGX_LITELLM_RESP_POOL, log);
    if (rd->pool == NULL) {
        return NGX_ERROR;
    }

    reader = redisReaderCreateWithFunctions(&ngx_litellm_resp_functions);
    if (reader == NULL) {
        ngx_destroy_pool(rd->pool);
        rd->pool = NULL;
        return NGX_ERROR;
    }

    reader->privdata = rd;

    rd->reader = reader;
    rd->log = log;
    rd->max = max;

    return NGX_OK;
}


void
ngx_litellm_resp_close(ngx_litellm_resp_reader_t *rd)
{
    if (rd->reader != NULL) {
        redisReaderFree(rd->reader);
        rd->reader = NULL;
    }

    if (rd->pool != NULL) {
        ngx_destroy_pool(rd->pool);
        rd->pool = NULL;
    }
}


ngx_int_t
ngx_litellm_resp_feed(ngx_litellm_resp_reader_t *rd, u_char *p, size_t len)
{
    redisReader  *reader = rd->reader;

    if (reader->len - reader->pos + len > rd->max) {
        return NGX_ERROR;
    }

    return (redisReaderFeed(reader, (char *) p, len) == REDIS_OK) ? NGX_OK
                                                                  : NGX_ERROR;
}


ngx_int_t
ngx_litellm_resp_next(ngx_litellm_resp_reader_t *rd,
    ngx_litellm_resp_t **reply)
{
    void         *value;
    redisReader  *reader = rd->reader;

    if (rd->given) {
        rd->given = 0;
        rd->values = 0;
        ngx_reset_pool(rd->pool);
    }

    if (redisReaderGetReply(reader, &value) != REDIS_OK) {
        return NGX_ERROR;
    }

    if (value == NULL) {

        if (reader->len - reader->pos > NGX_LITELLM_RESP_LINE
            && ngx_strlchr((u_char *) reader->buf + reader->pos,
                           (u_char *) reader->buf + reader->pos
                           + NGX_LITELLM_RESP_LINE, '\n')
               == NULL)
        {
            return NGX_ERROR;
        }

        return NGX_AGAIN;
    }

    rd->given = 1;
    *reply = value;

    return NGX_OK;
}


/* a value in its place; NULL ends the reading with an error */

static ngx_litellm_resp_t *
ngx_litellm_resp_value(const redisReadTask *task)
{
    ngx_litellm_resp_t         *v, *list;
    ngx_litellm_resp_reader_t  *rd;

    rd = task->privdata;

    if (rd->values == NGX_LITELLM_RESP_VALUES) {
        return NULL;
    }

    rd->values++;

    v = ngx_pcalloc(rd->pool, sizeof(ngx_litellm_resp_t));
    if (v == NULL) {
        return NULL;
    }

    if (task->parent != NULL) {
        list = task->parent->obj;

        if (task->idx < 0 || (ngx_uint_t) task->idx >= list->nelts) {
            return NULL;
        }

        list->elts[task->idx] = v;
    }

    return v;
}


static void *
ngx_litellm_resp_string(const redisReadTask *task, char *str, size_t len)
{
    ngx_litellm_resp_t         *v;
    ngx_litellm_resp_reader_t  *rd;

    v = ngx_litellm_resp_value(task);
    if (v == NULL) {
        return NULL;
    }

    rd = task->privdata;

    v->type = (task->type == REDIS_REPLY_ERROR) ? NGX_LITELLM_RESP_ERROR
              : (task->type == REDIS_REPLY_STATUS) ? NGX_LITELLM_RESP_STATUS
              : NGX_LITELLM_RESP_STRING;

    v->text.len = len;
    v->text.data = ngx_pnalloc(rd->pool, len + 1);
    if (v->text.data == NULL) {
        return NULL;
    }

    *ngx_cpymem(v->text.data, str, len) = '\0';

    return v;
}


static void *
ngx_litellm_resp_integer(const redisReadTask *task, long long n)
{
    ngx_litellm_resp_t  *v;

    v = ngx_litellm_resp_value(task);

    if (v != NULL) {
        v->type = NGX_LITELLM_RESP_INTEGER;
        v->integer = n;
    }

    return v;
}


static void *
ngx_litellm_resp_nil(const redisReadTask *task)
{
    return ngx_litellm_resp_value(task);
}


static void *
ngx_litellm_resp_list(const redisReadTask *task, size_t n)
{
    ngx_litellm_resp_t         *v;
    ngx_litellm_resp_reader_t  *rd;

    rd = task->privdata;

    if (n > NGX_LITELLM_RESP_VALUES - rd->values) {
        return NULL;
    }

    v = ngx_litellm_resp_value(task);
    if (v == NULL) {
        return NULL;
    }

    v->type = NGX_LITELLM_RESP_LIST;
    v->nelts = n;
    v->elts = ngx_pcalloc(rd->pool, (n + 1) * sizeof(ngx_litellm_resp_t *));

    return (v->elts != NULL) ? v : NULL;
}


#if (HIREDIS_MAJOR >= 1)

/* types of RESP 3: nobody asked for them */

static void *
ngx_litellm_resp_real(const redisReadTask *task, double value, char *str,
    size_t len)
{
    return NULL;
}


static void *
ngx_litellm_resp_flag(const redisReadTask *task, int value)
{
    return NULL;
}

#else

static void *
ngx_litellm_resp_list_int(const redisReadTask *task, int n)
{
    return (n < 0) ? NULL : ngx_litellm_resp_list(task, (size_t) n);
}

#endif


/* values go with their pool */

static void
ngx_litellm_resp_drop(void *value)
{
}


ngx_int_t
ngx_litellm_resp_format(ngx_str_t *argv, ngx_uint_t argc, ngx_str_t *text)
{
    int           len;
    char         *target;
    size_t       *lens;
    ngx_uint_t    i;
    const char  **values;

    lens = ngx_alloc(argc * (sizeof(size_t) + sizeof(char *)), ngx_cycle->log);
    if (lens == NULL) {
        return NGX_ERROR;
    }

    values = (const char **) (lens + argc);

    for (i = 0; i < argc; i++) {
        lens[i] = argv[i].len;
        values[i] = (const char *) argv[i].data;
    }

    len = redisFormatCommandArgv(&target, (int) argc, values, lens);

    ngx_free(lens);

    if (len < 0) {
        return NGX_ERROR;
    }

    text->data = (u_char *) target;
    text->len = (size_t) len;

    return NGX_OK;
}


void
ngx_litellm_resp_free(ngx_str_t *text)
{
    redisFreeCommand((char *) text->data);
    ngx_str_null(text);
}

#else

/* ISO C wants a declaration in each file */
extern int  ngx_litellm_resp_none;

#endif
