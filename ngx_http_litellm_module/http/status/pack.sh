#!/bin/sh
# Prints status.html as a C string: ../ngx_http_litellm_status_page.h is what
# "pack.sh > ../ngx_http_litellm_status_page.h" writes.  A test holds the two
# equal.  The page is ASCII; a line is a line.
set -e
cd "$(dirname "$0")"

cat <<'END'

/*
 * The status page.  Made from status/status.html by status/pack.sh: do not
 * edit.
 */

#ifndef _NGX_HTTP_LITELLM_STATUS_PAGE_H_INCLUDED_
#define _NGX_HTTP_LITELLM_STATUS_PAGE_H_INCLUDED_


static const char  ngx_http_litellm_status_html[] =
END

LC_ALL=C sed -e 's/[\\"?]/\\&/g' -e 's/^/    "/' -e 's/$/\\n"/' status.html

cat <<'END'
    "";


#endif /* _NGX_HTTP_LITELLM_STATUS_PAGE_H_INCLUDED_ */
END
