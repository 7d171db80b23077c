
/*
 * Who writes the state file, and when: nginx's cache manager process, which
 * looks each interval whether something has changed, and the master when it
 * ends.  Workers never do.  It is written beside and renamed, so that there is
 * a whole file at any time; a kill loses what was counted since the last time.
 *
 * Two nginx may have one file for a while: during a binary upgrade, or when a
 * reload makes a new zone.  The one that read it last has the higher epoch and
 * writes; the other leaves it alone as long as that one lives.  A lock on the
 * file beside keeps two writers apart.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_zone.h"
#include "ngx_http_litellm_state_file.h"
#include <sys/file.h>


#define NGX_HTTP_LITELLM_STATE_INTERVAL  1000
#define NGX_HTTP_LITELLM_STATE_BATCH     32

/* writing takes a tenth of the time at most */
#define NGX_HTTP_LITELLM_STATE_REST      10


typedef struct {
    ngx_http_litellm_state_file_t  *sf;
    ngx_fd_t                        fd;
    ngx_log_t                      *log;
    ngx_pool_t                     *pool;       /* of a batch */
    ngx_litellm_out_t               out;
    uint32_t                        crc32;
    ngx_uint_t                      lines;
} ngx_http_litellm_state_writer_t;


static ngx_msec_t ngx_http_litellm_state_file_manager(void *data);
static ngx_uint_t ngx_http_litellm_state_file_others(
    ngx_http_litellm_state_file_t *sf, ngx_log_t *log);
static ngx_int_t ngx_http_litellm_state_file_save(
    ngx_http_litellm_state_file_t *sf, ngx_log_t *log);
static ngx_fd_t ngx_http_litellm_state_file_open(
    ngx_http_litellm_state_file_t *sf, ngx_log_t *log);
static ngx_int_t ngx_http_litellm_state_file_write(
    ngx_http_litellm_state_writer_t *wr);
static ngx_int_t ngx_http_litellm_state_file_accounts(
    ngx_http_litellm_state_writer_t *wr);
static ngx_int_t ngx_http_litellm_state_file_records(
    ngx_http_litellm_state_writer_t *wr);
static ngx_int_t ngx_http_litellm_state_file_flush(
    ngx_http_litellm_state_writer_t *wr);
static void ngx_http_litellm_state_file_sync_dir(
    ngx_http_litellm_state_file_t *sf);
static void ngx_http_litellm_state_file_said(
    ngx_http_litellm_state_file_t *sf, ngx_log_t *log, const char *what);


ngx_http_litellm_state_file_t *
ngx_http_litellm_state_file(ngx_conf_t *cf, ngx_str_t *name)
{
    u_char                         *p;
    ngx_http_litellm_state_file_t  *sf;

    sf = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_state_file_t));
    if (sf == NULL) {
        return NULL;
    }

    if (name->len == 0 || name->data[name->len - 1] == '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid state file \"%V\"", name);
        return NULL;
    }

    sf->name = *name;
    sf->interval = NGX_HTTP_LITELLM_STATE_INTERVAL;

    if (ngx_conf_full_name(cf->cycle, &sf->name, 0) != NGX_OK) {
        return NULL;
    }

    sf->tmp.len = sf->name.len + sizeof(".tmp") - 1;
    sf->tmp.data = ngx_pnalloc(cf->pool, sf->tmp.len + 1);
    sf->bad.len = sf->name.len + sizeof(".bad") - 1;
    sf->bad.data = ngx_pnalloc(cf->pool, sf->bad.len + 1);
    sf->dir.data = ngx_pnalloc(cf->pool, sf->name.len + 1);

    if (sf->tmp.data == NULL || sf->bad.data == NULL || sf->dir.data == NULL) {
        return NULL;
    }

    ngx_sprintf(sf->tmp.data, "%V.tmp%Z", &sf->name);
    ngx_sprintf(sf->bad.data, "%V.bad%Z", &sf->name);
    ngx_sprintf(sf->dir.data, "%V%Z", &sf->name);

    for (p = sf->dir.data + sf->name.len; p > sf->dir.data && *p != '/'; p--) {
        /* void */
    }

    sf->dir.len = ngx_max(p - sf->dir.data, 1);
    sf->dir.data[sf->dir.len] = '\0';

    return sf;
}


/*
 * nginx makes the directories of its paths and gives them to the workers' user.
 * That is good for one that is missing; one that is there may be anybody's, so
 * that another path of nginx's stands for it.
 */

ngx_int_t
ngx_http_litellm_state_file_init(ngx_conf_t *cf,
    ngx_http_litellm_state_file_t *sf, ngx_shm_zone_t *zone)
{
    ngx_path_t       *path, **slot, **paths;
    ngx_file_info_t   fi;
    ngx_core_conf_t  *ccf;

    sf->zone = zone;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);
    sf->user = ccf->user;

    path = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    if (path == NULL) {
        return NGX_ERROR;
    }

    path->name = sf->dir;

    if (ngx_file_info(sf->dir.data, &fi) != NGX_FILE_ERROR) {

        if (!ngx_is_dir(&fi)) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"%V\" of the state file is no directory",
                          &sf->dir);
            return NGX_ERROR;
        }

        paths = cf->cycle->paths.elts;

        if (cf->cycle->paths.nelts) {
            path->name = paths[0]->name;
        }
    }

    path->manager = ngx_http_litellm_state_file_manager;
    path->data = sf;
    path->conf_file = cf->conf_file->file.name.data;
    path->line = cf->conf_file->line;

    slot = ngx_array_push(&cf->cycle->paths);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = path;

    return NGX_OK;
}


static ngx_msec_t
ngx_http_litellm_state_file_manager(void *data)
{
    ngx_http_litellm_state_file_t *sf = data;

    ngx_msec_t  start, took;

    ngx_time_update();
    start = ngx_current_msec;

    (void) ngx_http_litellm_state_file_save(sf, ngx_cycle->log);

    ngx_time_update();
    took = ngx_current_msec - start;

    return ngx_max(sf->interval, took * NGX_HTTP_LITELLM_STATE_REST);
}


void
ngx_http_litellm_state_file_exit(ngx_http_litellm_state_file_t *sf,
    ngx_log_t *log)
{
    /* what workers have spent in their last requests is in the zone */

    ngx_time_update();

    (void) ngx_http_litellm_state_file_save(sf, log);
}


/* another nginx has read it since, and lives */

static ngx_uint_t
ngx_http_litellm_state_file_others(ngx_http_litellm_state_file_t *sf,
    ngx_log_t *log)
{
    u_char                          *p, buf[256];
    ssize_t                          n;
    ngx_fd_t                         fd;
    ngx_str_t                        text;
    ngx_pool_t                      *pool;
    ngx_uint_t                       away;
    ngx_litellm_json_doc_t           doc;
    ngx_http_litellm_state_line_t    line;
    ngx_http_litellm_state_saved_t  *saved;

    fd = ngx_open_file(sf->name.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        return 0;
    }

    n = ngx_read_fd(fd, buf, sizeof(buf));
    (void) ngx_close_file(fd);

    p = (n > 0) ? ngx_strlchr(buf, buf + n, '\n') : NULL;

    if (p == NULL) {
        return 0;
    }

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, log);
    if (pool == NULL) {
        return 1;
    }

    text.data = buf;
    text.len = p - buf;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = pool;

    saved = ngx_http_litellm_zone_saved(sf->zone);
    away = 0;

    if (ngx_http_litellm_state_line_read(&doc, &text, &line) == NGX_OK
        && line.type == NGX_HTTP_LITELLM_STATE_HEAD
        && line.layout == NGX_HTTP_LITELLM_STATE_LAYOUT
        && line.epoch > saved->epoch
        && line.epoch < NGX_HTTP_LITELLM_STATE_EPOCH)
    {
        if (kill((ngx_pid_t) line.pid, 0) == -1 && ngx_errno == NGX_ESRCH) {
            saved->epoch = line.epoch + 1;

        } else {
            away = 1;
        }
    }

    ngx_destroy_pool(pool);

    return away;
}


static ngx_int_t
ngx_http_litellm_state_file_save(ngx_http_litellm_state_file_t *sf,
    ngx_log_t *log)
{
    uint64_t                          ledger, store;
    ngx_int_t                         rc;
    ngx_http_litellm_state_saved_t   *saved;
    ngx_http_litellm_state_writer_t   wr;

    saved = ngx_http_litellm_zone_saved(sf->zone);

    ledger = ngx_http_litellm_ledger_version(sf->zone);
    store = ngx_http_litellm_store_version(sf->zone);

    if (saved->locked
        || (saved->ledger == ledger && saved->store == store))
    {
        return NGX_DECLINED;
    }

    if (ngx_http_litellm_state_file_others(sf, log)) {

        if (!sf->away) {
            ngx_log_error(NGX_LOG_NOTICE, log, 0,
                          "state file \"%V\" is written by another nginx now",
                          &sf->name);
            sf->away = 1;
        }

        return NGX_DECLINED;
    }

    sf->away = 0;

    ngx_memzero(&wr, sizeof(ngx_http_litellm_state_writer_t));

    wr.sf = sf;
    wr.log = log;
    wr.fd = ngx_http_litellm_state_file_open(sf, log);

    if (wr.fd == NGX_INVALID_FILE) {
        return NGX_ERROR;
    }

    rc = ngx_http_litellm_state_file_write(&wr);

    if (rc == NGX_OK && fsync(wr.fd) == -1) {
        rc = NGX_ERROR;
    }

    if (rc == NGX_OK
        && ngx_rename_file(sf->tmp.data, sf->name.data) == NGX_FILE_ERROR)
    {
        rc = NGX_ERROR;
    }

    if (rc != NGX_OK) {
        ngx_http_litellm_state_file_said(sf, log, "could not be written");
    }

    /* the lock is the descriptor's */

    (void) ngx_close_file(wr.fd);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_litellm_state_file_sync_dir(sf);

    saved->ledger = ledger;
    saved->store = store;

    if (sf->failed) {
        sf->failed = 0;
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "state file \"%V\" is written again", &sf->name);
    }

    return NGX_OK;
}


/*
 * The file beside, locked and empty.  The directory is the workers' user's and
 * the master may be root: no link is followed, and what it leaves is that
 * user's.
 */

static ngx_fd_t
ngx_http_litellm_state_file_open(ngx_http_litellm_state_file_t *sf,
    ngx_log_t *log)
{
    ngx_fd_t     fd;
    struct stat  st, named;

    fd = open((char *) sf->tmp.data,
              O_RDWR|O_CREAT|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC, 0600);

    if (fd == -1) {
        ngx_http_litellm_state_file_said(sf, log, "could not be opened");
        return NGX_INVALID_FILE;
    }

    if (flock(fd, LOCK_EX|LOCK_NB) == -1) {

        /* somebody writes it: the next time */

        (void) ngx_close_file(fd);
        return NGX_INVALID_FILE;
    }

    /* it may have been renamed before the lock was had */

    if (fstat(fd, &st) == -1 || lstat((char *) sf->tmp.data, &named) == -1
        || st.st_ino != named.st_ino || st.st_dev != named.st_dev)
    {
        (void) ngx_close_file(fd);
        return NGX_INVALID_FILE;
    }

    if (!S_ISREG(st.st_mode) || st.st_nlink != 1
        || ftruncate(fd, 0) == -1
        || fchmod(fd, 0600) == -1
        || (geteuid() == 0 && sf->user != (ngx_uid_t) NGX_CONF_UNSET_UINT
            && fchown(fd, sf->user, -1) == -1))
    {
        ngx_http_litellm_state_file_said(sf, log, "could not be opened");
        (void) ngx_close_file(fd);
        return NGX_INVALID_FILE;
    }

    return fd;
}


static ngx_int_t
ngx_http_litellm_state_file_write(ngx_http_litellm_state_writer_t *wr)
{
    ngx_int_t  rc;

    wr->pool = ngx_create_pool(16 * 1024, wr->log);
    if (wr->pool == NULL) {
        return NGX_ERROR;
    }

    ngx_crc32_init(wr->crc32);

    ngx_litellm_out_init(&wr->out, wr->pool);

    ngx_http_litellm_state_head_write(&wr->out,
                        ngx_http_litellm_zone_saved(wr->sf->zone)->epoch,
                        (ngx_process == NGX_PROCESS_HELPER) ? ngx_parent
                                                            : ngx_pid);
    wr->lines++;

    rc = ngx_http_litellm_state_file_flush(wr);

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_state_file_accounts(wr);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_state_file_records(wr);
    }

    if (rc == NGX_OK) {
        ngx_crc32_final(wr->crc32);
        ngx_http_litellm_state_end_write(&wr->out, wr->lines, wr->crc32);
        rc = ngx_http_litellm_state_file_flush(wr);
    }

    ngx_destroy_pool(wr->pool);

    return rc;
}


static ngx_int_t
ngx_http_litellm_state_file_accounts(ngx_http_litellm_state_writer_t *wr)
{
    uint64_t                         cursor;
    ngx_uint_t                       i, n;
    ngx_http_litellm_ledger_item_t   items[NGX_HTTP_LITELLM_STATE_BATCH];

    cursor = 0;

    for ( ;; ) {
        n = ngx_http_litellm_ledger_walk(wr->sf->zone, &cursor, items,
                                         NGX_HTTP_LITELLM_STATE_BATCH);
        if (n == 0) {
            return NGX_OK;
        }

        for (i = 0; i < n; i++) {

            if (items[i].account.total == 0 && items[i].account.spend == 0
                && !items[i].account.keep)
            {
                continue;
            }

            /* those of other gateways are theirs to keep */

            items[i].account.spend -= items[i].account.others;

            ngx_http_litellm_state_account_write(&wr->out, &items[i]);
            wr->lines++;
        }

        if (ngx_http_litellm_state_file_flush(wr) != NGX_OK) {
            return NGX_ERROR;
        }
    }
}


static ngx_int_t
ngx_http_litellm_state_file_records(ngx_http_litellm_state_writer_t *wr)
{
    ngx_int_t                       rc;
    ngx_http_litellm_store_walk_t   w;
    ngx_http_litellm_store_item_t   item;

    ngx_memzero(&w, sizeof(ngx_http_litellm_store_walk_t));

    for ( ;; ) {
        rc = ngx_http_litellm_store_each(wr->sf->zone, wr->pool, &w, &item);

        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
        }

        ngx_http_litellm_state_record_write(&wr->out, &item);
        wr->lines++;

        if (ngx_http_litellm_state_file_flush(wr) != NGX_OK) {
            return NGX_ERROR;
        }
    }
}


static ngx_int_t
ngx_http_litellm_state_file_flush(ngx_http_litellm_state_writer_t *wr)
{
    size_t     size;
    u_char    *p;
    ssize_t    n;
    ngx_str_t  text;

    if (wr->out.size == 0 && !wr->out.failed) {
        return NGX_OK;
    }

    if (ngx_litellm_out_join(&wr->out, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_crc32_update(&wr->crc32, text.data, text.len);

    p = text.data;
    size = text.len;

    while (size) {
        n = ngx_write_fd(wr->fd, p, size);

        if (n == -1 && ngx_errno == NGX_EINTR) {
            continue;
        }

        if (n <= 0) {
            return NGX_ERROR;
        }

        p += n;
        size -= n;
    }

    ngx_reset_pool(wr->pool);
    ngx_litellm_out_init(&wr->out, wr->pool);

    return NGX_OK;
}


/* some file systems can't: the name is there then all the same */

static void
ngx_http_litellm_state_file_sync_dir(ngx_http_litellm_state_file_t *sf)
{
    ngx_fd_t  fd;

    fd = ngx_open_file(sf->dir.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd != NGX_INVALID_FILE) {
        (void) fsync(fd);
        (void) ngx_close_file(fd);
    }
}


/* once, until it could be written again */

static void
ngx_http_litellm_state_file_said(ngx_http_litellm_state_file_t *sf,
    ngx_log_t *log, const char *what)
{
    ngx_err_t  err;

    err = ngx_errno;

    if (!sf->failed) {
        sf->failed = 1;
        ngx_log_error(NGX_LOG_ERR, log, err,
                      "state file \"%V\" %s: it is tried again", &sf->tmp,
                      what);
    }
}
