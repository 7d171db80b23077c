#!/usr/bin/perl

# nginx's own error pages in a location with "litellm": JSON with the status and
# headers as they were; everything that is not nginx's own page stays as it is.

use warnings;
use strict;

use Test::More;

use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(54);

$t->write_yaml;
$t->write_file('htpasswd', "user:{PLAIN}right\n");
$t->write_file('page.html', '<html>the page of the operator</html>');

$t->write_conf(
    http => <<'END', server => <<'END2', location => 'litellm_max_body_size 2m;');
limit_req_zone $server_name zone=slow:1m rate=1r/m;
END
add_header X-Always yes always;
gzip on;
gzip_min_length 1;
gzip_types application/json;

location = /page.html {
    root %%DIR%%;
}

location /deny/ {
    litellm;
    deny all;
}

location /basic/ {
    litellm;
    auth_basic "the realm";
    auth_basic_user_file %%DIR%%/htpasswd;
}

location /request/ {
    litellm;
    auth_request /verdict;
}

location = /verdict {
    internal;
    return 401;
}

location /small/ {
    litellm;
    client_max_body_size 2m;
}

location /odd/ {
    litellm;
    client_max_body_size 1000;
}

location /limited/ {
    litellm;
    limit_req zone=slow;
}

location /limited429/ {
    litellm;
    limit_req zone=slow;
    limit_req_status 429;
}

location /return/ {
    litellm;
    if ($arg_code = 402) { return 402; }
    if ($arg_code = 422) { return 422; }
    if ($arg_code = 500) { return 500; }
    if ($arg_code = 503) { return 503; }
    if ($arg_code = 504) { return 504; }
    if ($arg_code = 599) { return 599; }
    if ($arg_code = 301) { return 301 /elsewhere; }
    if ($arg_code = 403) { return 403 "the operator's text"; }
}

location /page/ {
    litellm;
    deny all;
    error_page 403 /page.html;
}

location /named/ {
    litellm;
    deny all;
    error_page 403 = @named;
}

location @named {
    default_type text/html;
    return 403 "<b>named</b>";
}

location /back/ {
    litellm;
    error_page 404 405 /page.html;
}

location /except/ {
    litellm;
    limit_except GET { deny all; }
}

location /plain/ {
    deny all;
}

location /plain/nested/ {
    litellm;
    deny all;

    location /plain/nested/deeper/ {
        deny all;
    }
}
END2

$t->run;

# --- refusals of the access phase

my $r = http_get('/deny/v1/models');
is($r->{header}{'content-type'}, 'application/json', 'deny: type');
is($r->{header}{'content-length'}, length $r->{body}, 'deny: length');
is($r->{header}{'x-always'}, 'yes', 'deny: add_header is kept');
page($r, 403, 'auth_error', qr/not allowed/);

$r = http_get('/basic/v1/models');
is($r->{header}{'www-authenticate'}, 'Basic realm="the realm"', 'auth_basic: WWW-Authenticate is kept');
page($r, 401, 'auth_error', qr/^Authentication Error, /);

$r = http_get('/request/v1/models');
page($r, 401, 'auth_error', qr/^Authentication Error, /);

$r = http("HEAD /deny/v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
is($r->{status}, 403, 'HEAD');
is($r->{header}{'content-type'}, 'application/json', 'HEAD: type');
cmp_ok($r->{header}{'content-length'}, '>', 50, 'HEAD: length of the page');
is($r->{body}, '', 'HEAD: no body');

$r = http_get('/deny/v1/models', 'Accept-Encoding' => 'gzip');
is($r->{header}{'content-encoding'}, 'gzip', 'gzip works on the page');

# --- bodies: refused before any handler, and while they are read

$r = http("POST /small/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Length: 3000000\r\nConnection: close\r\n\r\n");
page($r, 413, 'invalid_request_error', qr/^Request size is too large\. Max size is 2 MB$/);

$r = http("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Length: 3000000\r\nConnection: close\r\n\r\n");
page($r, 413, 'invalid_request_error', qr/^Request size is too large\. Max size is 2 MB$/);

$r = http("POST /odd/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
    . "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n7d0\r\n" . 'x' x 2000 . "\r\n0\r\n\r\n");
page($r, 413, 'invalid_request_error', qr/Max size is 1000 bytes$/);

# --- limit_req

http_get('/limited/v1/models');
$r = http_get('/limited/v1/models');
page($r, 503, 'internal_server_error', qr/^Service unavailable$/);

$r = http_get('/limited429/v1/models');
page($r, 429, 'throttling_error', qr/^Too many requests$/);

# --- statuses with and without a page in nginx

for my $code (402, 422, 500, 503, 504, 599) {
    $r = http_get("/return/v1/models?code=$code");
    page($r, $code, undef, qr/\w/);
}

# --- what is not nginx's own page

$r = http_get('/return/v1/models?code=301');
is($r->{status}, 301, 'a redirect');
like($r->{body}, qr/<html>/, 'a redirect is left alone');

$r = http_get('/return/v1/models?code=403');
is("$r->{status} $r->{body}", q{403 the operator's text}, 'return with a text');

$r = http_get('/page/v1/models');
is("$r->{status} $r->{body}", '403 <html>the page of the operator</html>', 'error_page');

$r = http_get('/named/v1/models');
is("$r->{status} $r->{body}", '403 <b>named</b>', 'error_page to a named location');

$r = http_get('/back/v1/nothing');
is($r->{status}, 404, 'unknown path');
is((json_of($r->{body}) || {})->{error}{code}, '404', 'our own answers are not for error_page');

# --- other locations: the control

$r = http_get('/plain/x');
is($r->{status}, 403, 'another location: status');
like($r->{body}, qr/<html>/, 'another location: HTML');

$r = http_get('/plain/nested/x');
page($r, 403, 'auth_error', qr/not allowed/);

$r = http_get('/plain/nested/deeper/x');
like($r->{body}, qr/<html>/, 'a nested location does not inherit');

# --- limit_except

$r = http_post('/except/v1/chat/completions', '{}');
page($r, 403, 'auth_error', qr/not allowed/);

is(http_get('/except/v1/models')->{status}, 200, 'limit_except: the method that is let in');

# --- a connection goes on behind a page

my $c = start("GET /deny/a HTTP/1.1\r\nHost: localhost\r\n\r\nGET /deny/b HTTP/1.1\r\n"
    . "Host: localhost\r\nConnection: close\r\n\r\n");
is(finish($c)->{status}, 403, 'first of a connection');
is(finish($c)->{status}, 403, 'second of a connection');
$c->close;


sub page {
    my ($r, $status, $type, $re) = @_;
    is($r->{status}, $status, "status $status");
    my $e = json_of($r->{body});
    $e = ref $e eq 'HASH' ? $e->{error} : undef;
    subtest "page $status" => sub {
        is(ref $e, 'HASH', 'an error object') or return diag $r->{raw};
        is(join(',', sort keys %$e), 'code,message,param,type', 'its members');
        is($e->{code}, "$status", 'code');
        is($e->{type}, $type, 'type') if defined $type;
        like($e->{message}, $re, 'message');
    };
}
