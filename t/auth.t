#!/usr/bin/perl

# The master key: every spelling that LiteLLM takes, refusals as JSON, and that
# nothing of nginx gets around it (satisfy, auth_request, SSI, redirects).

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(60);

$t->write_conf(http => 'litellm_zone zone=z:1m;', server => <<'END');
location /any/ {
    satisfy any;
    allow 127.0.0.1;
    deny all;
    litellm;
}
location /any-denied/ {
    satisfy any;
    deny all;
    litellm;
}
location /denied/ {
    deny all;
    litellm;
}
location /all/ {
    auth_request /check;
    litellm;
}
location = /check {
    internal;
    if ($http_x_pass != "yes") { return 403; }
    return 204;
}
location /ssi/ {
    ssi on;
    root %%DIR%%;
}
location /mirrored/ {
    mirror /sub/v1/models;
    root %%DIR%%;
}
location /sub/ {
    litellm;
}
location /redirect/ {
    rewrite ^/redirect/(.*)$ /$1 last;
}
location /try/ {
    try_files /nothing @named;
}
location /other/ {
    root %%DIR%%;
    try_files /v1/models =404;
    litellm;
}
location @named {
    rewrite ^/try/(.*)$ /$1 break;
    litellm;
}
END
$t->write_yaml(<<'END');
general_settings:
  master_key: sk-master-Key-42
END
mkdir $t->dir . '/ssi';
mkdir $t->dir . '/mirrored';
mkdir $t->dir . '/v1';
$t->write_file('ssi/page.html', 'before <!--#include virtual="/sub/v1/models" --> after');
$t->write_file('mirrored/page.html', 'mirrored');
$t->write_file('v1/models', 'a file');

my $mock = $t->mock(8081, sub { answer(200, openai_chat('hi')) });

$t->run;

my $key = 'sk-master-Key-42';

# spellings

for my $case (
    ['Authorization' => "Bearer $key"],
    ['authorization' => "bearer $key"],
    ['Authorization' => "Bearer  $key"],
    ['api-key' => $key],
    ['x-api-key' => $key],
    ['x-litellm-api-key' => $key],
    ['x-litellm-api-key' => "Bearer $key"],
    ['X-API-Key' => $key])
{
    is(http_get('/v1/models', @$case)->{status}, 200, "$case->[0]: $case->[1]");
}

is(http(chat('gpt', headers => ['Authorization' => "Bearer $key"]))->{status}, 200, 'chat with the key');

# the path of the access phase is not the one that is answered

like(http_get('/other/v1/model/info', 'x-api-key' => $key)->{body}, qr/"object":\s*"list"/,
    'a path that try_files has put there');

# LiteLLM's own header comes first

is(http_get('/v1/models', 'x-litellm-api-key' => $key, 'Authorization' => 'Bearer other')->{status},
    200, 'the own header wins');
is(http_get('/v1/models', 'x-litellm-api-key' => 'other', 'Authorization' => "Bearer $key")->{status},
    401, 'the own header wins: wrong');

# refusals

for my $case (
    ['no key'],
    ['a wrong key', 'Authorization' => 'Bearer sk-wrong'],
    ['a longer key', 'Authorization' => "Bearer ${key}x"],
    ['a shorter key', 'Authorization' => 'Bearer ' . substr($key, 0, -1)],
    ['a key in another case', 'Authorization' => 'Bearer ' . lc $key],
    ['the key doubled', 'Authorization' => "Bearer $key$key"],
    ['an empty key', 'Authorization' => 'Bearer '],
    ['an empty header', 'Authorization' => ''],
    ['another scheme', 'Authorization' => 'Basic c2stbWFzdGVyLUtleS00Mg=='],
    ['no scheme', 'Authorization' => $key])
{
    my ($name, @headers) = @$case;
    my $r = http_get('/v1/models', @headers);
    is($r->{status}, 401, $name);
    my $j = json_of($r->{body});
    ok($j && $j->{error}{message} =~ /^Authentication Error/ && $j->{error}{code} eq '401',
        "$name: the error as JSON") or diag($r->{body});
}

my $r = http(chat('gpt'));
is($r->{status}, 401, 'chat without a key');
like($r->{header}{'content-type'}, qr/application\/json/, 'type of the error');
is(json_of($r->{body})->{error}{type}, 'auth_error', 'LiteLLM\'s type');
is(json_of(http_get('/v1/models', 'Authorization' => 'Bearer sk-wrong')->{body})->{error}{type},
    'token_not_found_in_db', 'type for an unknown key');
unlike($r->{raw}, qr/\Q$key\E/, 'the key is not told');

# what needs none

is(http_get('/health/liveliness')->{status}, 200, 'liveliness is open');
is(http_get('/health/readiness')->{status}, 200, 'readiness is open');
is(http_get('/health')->{status}, 401, 'health is not');
is(http_get('/nope')->{status}, 401, 'nor is an unknown path');
is(http("OPTIONS /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")->{status}, 204,
    'a preflight is open');

# together with nginx's own means

is(http_get('/any/models')->{status}, 200, 'satisfy any: the address is enough');
is(http_get('/any-denied/models')->{status}, 401, 'satisfy any: neither');
is(http_get('/any-denied/models', 'api-key' => $key)->{status}, 200, 'satisfy any: the key is enough');
$r = http_get('/denied/models', 'api-key' => $key);
is($r->{status}, 403, 'satisfy all: the address counts');
ok(json_of($r->{body})->{error}, 'its refusal is JSON');

SKIP: {
    skip 'no auth_request', 4 if !$t->has_feature('http_auth_request');
    is(http_get('/all/models', 'api-key' => $key)->{status}, 403, 'auth_request refuses');
    is(http_get('/all/models', 'X-Pass' => 'yes')->{status}, 401, 'auth_request is not enough');
    is(http_get('/all/models', 'api-key' => $key, 'X-Pass' => 'yes')->{status}, 200, 'both');
    ok(json_of(http_get('/all/models', 'api-key' => $key)->{body})->{error}, 'its refusal is JSON');
}

# subrequests skip the access phase

$r = http_get('/ssi/page.html');
unlike($r->{body}, qr/"gpt"/, 'SSI does not get around the key');
like($r->{body}, qr/before .* after/s, 'SSI: the page is there');
$r = http_get('/ssi/page.html', 'api-key' => $key);
like($r->{body}, qr/"gpt"/, 'SSI with the key: control');
is(http_get('/mirrored/page.html')->{status}, 200, 'a mirrored request does no harm');

# redirects

is(http_get('/redirect/v1/models')->{status}, 401, 'after a rewrite');
is(http_get('/redirect/v1/models', 'api-key' => $key)->{status}, 200, 'after a rewrite: the key');
is(http_get('/try/v1/models')->{status}, 401, 'in a named location');
is(http_get('/try/v1/models', 'api-key' => $key)->{status}, 200, 'in a named location: the key');

is(scalar($mock->requests), 1, 'one request in all has reached the provider');
