
/*
 * Reads the state file into a new zone, in the master before workers start.
 *
 * What is read before a damage is used: budgets that are nearly right are
 * better than budgets that begin anew, and keys that are there than none.  The
 * damaged file is set aside as FILE.bad, as is one of another layout and one
 * that the zone has no room for.  Nothing here is fatal; a file that can't even
 * be set aside is never written over.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_zone.h"
#include "ngx_http_litellm_state_file.h"


typedef struct {
    ngx_http_litellm_state_file_t  *sf;
    ngx_fd_t                        fd;
    ngx_log_t                      *log;
    ngx_pool_t                     *pool;       /* of a line */
    u_char                         *buf;
    u_char                         *pos;
    u_char                         *last;
    uint32_t                        crc32;
    ngx_uint_t                      lines;
    ngx_uint_t                      lost;       /* no room for them */
    ngx_uint_t                      ended;
    int64_t                         epoch;
    const char                     *why;        /* NULL: nothing is wrong */
} ngx_http_litellm_state_reader_t;


static void ngx_http_litellm_state_read(ngx_http_litellm_state_reader_t *rd);
static ngx_int_t ngx_http_litellm_state_next(
    ngx_http_litellm_state_reader_t *rd, ngx_str_t *text);
static ngx_int_t ngx_http_litellm_state_take(
    ngx_http_litellm_state_reader_t *rd, ngx_str_t *text);
static ngx_int_t ngx_http_litellm_state_take_record(
    ngx_http_litellm_state_reader_t *rd, ngx_http_litellm_state_line_t *line);
static void ngx_http_litellm_state_aside(ngx_http_litellm_state_file_t *sf,
    ngx_log_t *log);


void
ngx_http_litellm_state_load(ngx_http_litellm_state_file_t *sf, ngx_log_t *log)
{
    ngx_file_info_t                   fi;
    ngx_http_litellm_state_saved_t   *saved;
    ngx_http_litellm_state_reader_t   rd;

    saved = ngx_http_litellm_zone_saved(sf->zone);
    saved->epoch = 1;

    ngx_memzero(&rd, sizeof(ngx_http_litellm_state_reader_t));

    rd.sf = sf;
    rd.log = log;

    rd.fd = ngx_open_file(sf->name.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                          NGX_FILE_OPEN, 0);

    if (rd.fd == NGX_INVALID_FILE) {

        if (ngx_errno != NGX_ENOENT) {
            ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                          "state file \"%V\" could not be opened: it is not "
                          "used, and not written over", &sf->name);
            saved->locked = 1;
        }

        return;
    }

    if (ngx_fd_info(rd.fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "state file \"%V\" is no file: it is not used, and not "
                      "written over", &sf->name);
        saved->locked = 1;

    } else {
        ngx_http_litellm_state_read(&rd);
    }

    if (ngx_close_file(rd.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &sf->name);
    }

    saved->epoch = rd.epoch + 1;

    if (rd.why != NULL) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "state file \"%V\": %s in line %ui; it is kept as "
                      "\"%V\", what was read before is used",
                      &sf->name, rd.why, rd.lines + 1, &sf->bad);
        ngx_http_litellm_state_aside(sf, log);

    } else if (rd.lost) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "state file \"%V\": litellm_zone is too small for %ui "
                      "of %ui lines; it is kept as \"%V\"",
                      &sf->name, rd.lost, rd.lines, &sf->bad);
        ngx_http_litellm_state_aside(sf, log);
    }
}


static void
ngx_http_litellm_state_read(ngx_http_litellm_state_reader_t *rd)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    ngx_crc32_init(rd->crc32);

    rd->buf = ngx_alloc(NGX_HTTP_LITELLM_STATE_LINE, rd->log);
    rd->pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, rd->log);

    if (rd->buf == NULL || rd->pool == NULL) {
        rd->why = "no memory";
        goto done;
    }

    rd->pos = rd->buf;
    rd->last = rd->buf;

    for ( ;; ) {
        rc = ngx_http_litellm_state_next(rd, &text);

        if (rc != NGX_OK) {
            break;
        }

        if (rd->ended) {
            rd->why = "text behind the end";
            break;
        }

        if (ngx_http_litellm_state_take(rd, &text) != NGX_OK) {
            break;
        }

        rd->lines++;

        ngx_crc32_update(&rd->crc32, text.data, text.len + 1);
        ngx_reset_pool(rd->pool);
    }

    if (rc == NGX_DONE && !rd->ended) {
        rd->why = "the end is missing";
    }

done:

    if (rd->pool != NULL) {
        ngx_destroy_pool(rd->pool);
    }

    if (rd->buf != NULL) {
        ngx_free(rd->buf);
    }
}


/* a line without its end, which is behind it */

static ngx_int_t
ngx_http_litellm_state_next(ngx_http_litellm_state_reader_t *rd,
    ngx_str_t *text)
{
    u_char   *p;
    ssize_t   n;
    size_t    seen;

    seen = 0;

    for ( ;; ) {
        p = ngx_strlchr(rd->pos + seen, rd->last, '\n');

        if (p != NULL) {
            text->data = rd->pos;
            text->len = p - rd->pos;
            rd->pos = p + 1;

            return NGX_OK;
        }

        seen = rd->last - rd->pos;

        if (rd->pos != rd->buf) {
            ngx_memmove(rd->buf, rd->pos, seen);
            rd->pos = rd->buf;
            rd->last = rd->buf + seen;
        }

        if (seen == NGX_HTTP_LITELLM_STATE_LINE) {
            rd->why = "a line is too long";
            return NGX_ERROR;
        }

        n = ngx_read_fd(rd->fd, rd->last, NGX_HTTP_LITELLM_STATE_LINE - seen);

        if (n == -1) {
            rd->why = "a read failed";
            return NGX_ERROR;
        }

        if (n == 0) {

            if (seen) {
                rd->why = "a line is cut";
                return NGX_ERROR;
            }

            return NGX_DONE;
        }

        rd->last += n;
    }
}


static ngx_int_t
ngx_http_litellm_state_take(ngx_http_litellm_state_reader_t *rd,
    ngx_str_t *text)
{
    uint32_t                        crc32;
    ngx_litellm_json_doc_t          doc;
    ngx_http_litellm_state_line_t   line;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = rd->pool;

    if (ngx_http_litellm_state_line_read(&doc, text, &line) != NGX_OK) {
        rd->why = "damage";
        return NGX_ERROR;
    }

    if ((line.type == NGX_HTTP_LITELLM_STATE_HEAD) != (rd->lines == 0)) {
        rd->why = "damage";
        return NGX_ERROR;
    }

    switch (line.type) {

    case NGX_HTTP_LITELLM_STATE_HEAD:

        if (line.layout != NGX_HTTP_LITELLM_STATE_LAYOUT) {
            rd->why = "it is of another version";
            return NGX_ERROR;
        }

        /* one above any bound begins again: it is not what nginx wrote */

        if (line.epoch < NGX_HTTP_LITELLM_STATE_EPOCH) {
            rd->epoch = line.epoch;
        }

        return NGX_OK;

    case NGX_HTTP_LITELLM_STATE_ACCOUNT:

        if (ngx_http_litellm_ledger_restore(rd->sf->zone, &line.item)
            != NGX_OK)
        {
            rd->lost++;
        }

        return NGX_OK;

    case NGX_HTTP_LITELLM_STATE_RECORD:
        return ngx_http_litellm_state_take_record(rd, &line);

    default: /* NGX_HTTP_LITELLM_STATE_END */
        crc32 = rd->crc32;
        ngx_crc32_final(crc32);

        if (line.crc32 != (int64_t) crc32
            || line.lines != (int64_t) rd->lines)
        {
            rd->why = "a wrong checksum";
            return NGX_ERROR;
        }

        rd->ended = 1;

        return NGX_OK;
    }
}


static ngx_int_t
ngx_http_litellm_state_take_record(ngx_http_litellm_state_reader_t *rd,
    ngx_http_litellm_state_line_t *line)
{
    ngx_int_t                       rc;
    ngx_str_t                       why;
    ngx_litellm_principal_t         p;
    ngx_http_litellm_store_item_t   item;

    ngx_memzero(&p, sizeof(ngx_litellm_principal_t));
    ngx_memzero(&item, sizeof(ngx_http_litellm_store_item_t));

    item.kind = line->kind;
    item.id = line->id;
    item.mark.born = (uint64_t) line->born;
    item.mark.stamp = (uint64_t) line->stamp;

    if (line->json.len == 0) {

        /* a deletion that there is no room for is no loss of ours */

        if (line->id.len > NGX_HTTP_LITELLM_STORE_ID) {
            rd->why = "a record that is none";
            return NGX_ERROR;
        }

        (void) ngx_http_litellm_store_restore(rd->sf->zone, &item);

        return NGX_OK;
    }

    rc = ngx_litellm_principal_read(rd->pool, line->kind, &line->json, &p,
                                    &why);

    if (rc != NGX_OK
        || p.id.len != line->id.len
        || ngx_memcmp(p.id.data, line->id.data, p.id.len) != 0)
    {
        rd->why = "a record that is none";
        return NGX_ERROR;
    }

    item.json = p.json;

    if (ngx_http_litellm_store_restore(rd->sf->zone, &item) != NGX_OK) {
        rd->lost++;
    }

    return NGX_OK;
}


static void
ngx_http_litellm_state_aside(ngx_http_litellm_state_file_t *sf,
    ngx_log_t *log)
{
    if (ngx_rename_file(sf->name.data, sf->bad.data) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                      ngx_rename_file_n " \"%V\" to \"%V\" failed: the file is "
                      "not written over", &sf->name, &sf->bad);

        ngx_http_litellm_zone_saved(sf->zone)->locked = 1;
    }
}
