
/*
 * The state file: accounts of the ledger and records made at run time, as JSON
 * lines, so that they outlive nginx.  nginx's cache manager process writes it
 * when something has changed, and the master when it ends; a new zone is filled
 * from it.  It holds hashes of keys, never keys.
 */

#ifndef _NGX_HTTP_LITELLM_STATE_FILE_H_INCLUDED_
#define _NGX_HTTP_LITELLM_STATE_FILE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_json.h"
#include "ngx_litellm_out.h"
#include "ngx_http_litellm_ledger.h"
#include "ngx_http_litellm_store.h"


/* changes with what lines mean: a file of another layout is set aside */
#define NGX_HTTP_LITELLM_STATE_LAYOUT   1

/* a line at most: a record, its id, and what escapes make of it */
#define NGX_HTTP_LITELLM_STATE_LINE     (4 * NGX_LITELLM_RECORD_MAX)

/* no epoch may be higher: who reads it must be able to add one */
#define NGX_HTTP_LITELLM_STATE_EPOCH    ((int64_t) 1 << 53)


typedef struct {
    ngx_str_t          name;       /* all end with a NUL */
    ngx_str_t          tmp;
    ngx_str_t          bad;
    ngx_str_t          dir;
    ngx_msec_t         interval;
    ngx_uid_t          user;       /* of workers and of the cache manager */
    ngx_shm_zone_t    *zone;
    ngx_uint_t         failed;     /* this process could not write it */
    ngx_uint_t         away;       /* and leaves it to another nginx */
} ngx_http_litellm_state_file_t;


/* in the zone */
typedef struct {
    int64_t            epoch;      /* of who reads the file the next is made:
                                      the higher one writes it */
    uint64_t           ledger;     /* versions of what was written last */
    uint64_t           store;
    ngx_uint_t         locked;     /* a file that can't be read or set aside is
                                      not written over */
} ngx_http_litellm_state_saved_t;


/* ngx_http_litellm_state_line.c: the lines of the file, without any I/O */

typedef enum {
    NGX_HTTP_LITELLM_STATE_HEAD = 0,
    NGX_HTTP_LITELLM_STATE_ACCOUNT,
    NGX_HTTP_LITELLM_STATE_RECORD,
    NGX_HTTP_LITELLM_STATE_END
} ngx_http_litellm_state_line_e;

typedef struct {
    ngx_http_litellm_state_line_e    type;
    int64_t                          layout;     /* of the head */
    int64_t                          epoch;
    int64_t                          pid;
    ngx_http_litellm_ledger_item_t   item;       /* of an account */
    ngx_litellm_principal_e          kind;       /* of a record */
    ngx_str_t                        id;
    ngx_str_t                        json;       /* empty: it was deleted */
    int64_t                          born;       /* its mark; 1: not said */
    int64_t                          stamp;
    int64_t                          lines;      /* of the end */
    int64_t                          crc32;
} ngx_http_litellm_state_line_t;

/* NGX_DECLINED: it is none; NGX_ERROR: no memory */
ngx_int_t ngx_http_litellm_state_line_read(ngx_litellm_json_doc_t *doc,
    ngx_str_t *text, ngx_http_litellm_state_line_t *line);

void ngx_http_litellm_state_head_write(ngx_litellm_out_t *out, int64_t epoch,
    ngx_pid_t pid);
void ngx_http_litellm_state_account_write(ngx_litellm_out_t *out,
    ngx_http_litellm_ledger_item_t *item);
void ngx_http_litellm_state_record_write(ngx_litellm_out_t *out,
    ngx_http_litellm_store_item_t *item);
void ngx_http_litellm_state_end_write(ngx_litellm_out_t *out,
    ngx_uint_t lines, uint32_t crc32);


/* ngx_http_litellm_state_read.c */

/* in a new zone of a nginx that starts, not one that only tests; not fatal */
void ngx_http_litellm_state_load(ngx_http_litellm_state_file_t *sf,
    ngx_log_t *log);


/* ngx_http_litellm_state_file.c */

/* of litellm_zone; NULL: it was said why */
ngx_http_litellm_state_file_t *ngx_http_litellm_state_file(ngx_conf_t *cf,
    ngx_str_t *name);
/* when the configuration was read: who writes it, and where */
ngx_int_t ngx_http_litellm_state_file_init(ngx_conf_t *cf,
    ngx_http_litellm_state_file_t *sf, ngx_shm_zone_t *zone);
/* the master ends */
void ngx_http_litellm_state_file_exit(ngx_http_litellm_state_file_t *sf,
    ngx_log_t *log);

/* ngx_http_litellm_zone.c */
ngx_http_litellm_state_saved_t *ngx_http_litellm_zone_saved(
    ngx_shm_zone_t *zone);


#endif /* _NGX_HTTP_LITELLM_STATE_FILE_H_INCLUDED_ */
