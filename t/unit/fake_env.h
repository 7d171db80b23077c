
/*
 * A fake environment: files and variables are tables in memory.  For tests of
 * what reads through an ngx_litellm_config_env_t.
 */

#ifndef _FAKE_ENV_H_INCLUDED_
#define _FAKE_ENV_H_INCLUDED_


#include "unit.h"


typedef struct {
    const char                *path;
    const char                *text;
} file_t;


static file_t                  files[8];
static const char             *vars[16];  /* NAME=value */


static ngx_inline ngx_int_t
test_read(void *data, ngx_str_t *path, ngx_str_t *text, ngx_str_t *why)
{
    ngx_uint_t  i;

    for (i = 0; files[i].path; i++) {
        if (ngx_strcmp(files[i].path, path->data) == 0 && files[i].text) {
            *text = unit_str(files[i].text);
            return NGX_OK;
        }
    }

    ngx_str_set(why, "no such file");

    return NGX_ERROR;
}


static ngx_inline ngx_int_t
test_env(void *data, ngx_str_t *name, ngx_str_t *value)
{
    return unit_env(vars, 16, name, value);
}


#endif /* _FAKE_ENV_H_INCLUDED_ */
