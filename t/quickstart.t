#!/usr/bin/perl

# The first calls of a user's guide, on the example configuration and without
# any provider's key: what is answered then, and by a stream too.

use warnings;
use strict;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(23);
my $top = dirname(dirname(abs_path(__FILE__)));

$t->write_conf;
my $conf = $t->read_file('nginx.conf');
$conf =~ s/litellm_config \S+;/litellm_config $top\/conf-examples\/litellm-config.yaml;/;
$t->write_file('nginx.conf', $conf);

my ($rc, $out) = $t->test_conf;
is($rc, 0, 'the example configuration is good') or diag($out);
unlike($out, qr/\[emerg\]|\[error\]/, 'no errors in it');

$t->run;

# curl http://localhost:4000/health

my $r = http_get('/health');
is($r->{status}, 200, 'health: status');
like($r->{header}{'content-type'}, qr/^application\/json/, 'health: type');
my $j = json_of($r->{body});
ok($j->{healthy_count} > 0, 'health: something is healthy');
is($j->{healthy_count}, scalar @{$j->{healthy_endpoints}}, 'health: counts');

# curl http://localhost:4000/models

$r = http_get('/models');
is($r->{status}, 200, 'models: status');
$j = json_of($r->{body});
is($j->{object}, 'list', 'models: a list');
my %ids = map { $_->{id} => $_ } @{$j->{data}};
ok($ids{'gpt-3.5-turbo'}, 'models: the guide\'s model');
is_deeply([@{$ids{'gpt-3.5-turbo'}}{qw(object created owned_by)}], ['model', 1677610602, 'openai'],
    'models: members of an entry');

# curl -X POST http://localhost:4000/chat/completions ...

my $body = '{
    "model": "gpt-3.5-turbo",
    "messages": [{"role": "user", "content": "Hello"}]
  }';
$r = http_post('/chat/completions', $body);
is($r->{status}, 200, 'chat: status');
$j = json_of($r->{body});
is($j->{object}, 'chat.completion', 'chat: object');
is($j->{choices}[0]{message}{role}, 'assistant', 'chat: role');
ok(length $j->{choices}[0]{message}{content}, 'chat: a text');
is($j->{choices}[0]{finish_reason}, 'stop', 'chat: finish_reason');
ok($j->{usage}{total_tokens} > 0, 'chat: usage');
like($r->{header}{'x-litellm-call-id'}, qr/^[0-9a-f-]{36}$/, 'chat: x-litellm-call-id');

# and streamed

(my $stream = $body) =~ s/"model"/"stream": true, "model"/;
$r = http_post('/chat/completions', $stream);
is($r->{status}, 200, 'stream: status');
like($r->{header}{'content-type'}, qr/^text\/event-stream/, 'stream: type');
my @events = events($r->{body});
is($events[-1], '[DONE]', 'stream: [DONE] is last');
is(texts($r->{body}), $j->{choices}[0]{message}{content}, 'stream: the same text');

# every model of the example answers

my @bad = grep { http(chat($_))->{status} != 200 } grep { !/\*/ } sort keys %ids;
is("@bad", '', 'all models of the example answer');

$r = http(chat('no-such-model'));
is($r->{status}, 400, 'an unknown model');
