#!/usr/bin/perl

# api_base that names a declared upstream{}: the group is used as it is.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(12);

$t->write_conf(http => <<'END');
upstream pool {
    server 127.0.0.1:%%PORT_8083%% max_fails=1;
    server 127.0.0.1:%%PORT_8081%%;
    keepalive 4;
}
upstream api.provider.test {
    server 127.0.0.1:%%PORT_8082%%;
}
log_format up "up=$upstream_addr status=$upstream_status";
access_log %%DIR%%/up.log up;
END
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: pool
    litellm_params: {model: openai/gpt-4o, api_base: "http://pool/v1", api_key: k}
  - model_name: named
    litellm_params: {model: openai/gpt-4o, api_base: "http://api.provider.test/v1", api_key: k}
  - model_name: case
    litellm_params: {model: openai/gpt-4o, api_base: "http://API.Provider.test/base/", api_key: k}
litellm_settings:
  num_retries: 0
END
my $one = $t->mock(8081, sub { answer(200, openai_chat('one')) });
my $two = $t->mock(8082, sub { answer(200, openai_chat('two')) });
$t->run;

my $ok = grep { http(chat('pool'))->{status} == 200 } 1 .. 6;
is($ok, 6, 'a group with a dead server: the other one answers');
is(scalar($one->requests), 6, 'all arrived');
is(($one->requests)[0]{header}{host}, 'pool', 'Host is the one of api_base');
is(($one->requests)[0]{uri}, '/v1/chat/completions', 'its path');
is(($one->requests)[0]{header}{connection} // 'keep-alive', 'keep-alive', 'kept alive');

is(json_of(http(chat('named'))->{body})->{choices}[0]{message}{content}, 'two', 'a group named as a host');
is(($two->requests)[0]{header}{host}, 'api.provider.test', 'Host');
is(json_of(http(chat('case'))->{body})->{choices}[0]{message}{content}, 'two', 'names have no case');
is(($two->requests)[1]{uri}, '/base/chat/completions', 'a path with a slash at its end');
my $r = http(chat('named'));
is($r->{header}{'x-litellm-model-api-base'}, 'http://api.provider.test/v1', 'x-litellm-model-api-base');

$t->stop;
my $log = $t->read_file('up.log');
my $port = $t->port(8081);
like($log, qr/up=.*127\.0\.0\.1:$port/, '$upstream_addr');
like($log, qr/status=.*200/, '$upstream_status');
