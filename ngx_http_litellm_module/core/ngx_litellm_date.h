
/*
 * Points in time as LiteLLM writes them in its records: ISO 8601, with or
 * without a time of day, a fraction of a second and a zone.  Without a zone
 * it is UTC.
 */

#ifndef _NGX_LITELLM_DATE_H_INCLUDED_
#define _NGX_LITELLM_DATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_LITELLM_DATE_LEN  (sizeof("9999-12-31 23:59:59+00:00") - 1)


/* seconds since 1970, fractions cut off; NGX_DECLINED: no such text */
ngx_int_t ngx_litellm_date_parse(ngx_str_t *text, time_t *t);

/* "2026-11-23 06:22:37+00:00" in p, which has room for it; returns its end */
u_char *ngx_litellm_date_print(u_char *p, time_t t);


#endif /* _NGX_LITELLM_DATE_H_INCLUDED_ */
