
/*
 * One escape of a JSON string; shared by the readers of values (json_value)
 * and the writer (out).
 */

#ifndef _NGX_LITELLM_UNESCAPE_H_INCLUDED_
#define _NGX_LITELLM_UNESCAPE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_LITELLM_UNESCAPE_MAX  4     /* bytes written at most */


/*
 * *p is at a backslash before last; it is moved behind the escape (behind both
 * of a surrogate pair) and the UTF-8 bytes go to dst: never more than were
 * read.  A lone surrogate becomes U+FFFD; what is no escape is copied byte by
 * byte.  Returns the bytes written.
 */
size_t ngx_litellm_unescape_one(u_char **p, u_char *last, u_char *dst);


#endif /* _NGX_LITELLM_UNESCAPE_H_INCLUDED_ */
