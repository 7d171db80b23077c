#!/usr/bin/perl

# The line of the error log that a failed request has, for each way to fail:
# what happened, where and how long it took is in that one line, no secret and
# nothing of a prompt is in any; a request that did not fail has none.

use warnings;
use strict;

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(sleep);

use LiteLLM::Mock qw(answer chunked openai_chat openai_chunk openai_error sse);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(58);
my @yes = (stream => JSON::PP::true);

$t->write_conf(http => "litellm_read_timeout 500ms;\nlitellm_zone zone=here:1m;\n", server => <<'END');
location /any/ {
    litellm;
    satisfy any;
    deny all;
}
END

sub entry {
    my ($name, $port, $id, $more) = @_;
    return "  - model_name: $name\n    litellm_params: {model: openai/gpt-4o, api_base: 'http://127.0.0.1:%%PORT_$port%%/v1', api_key: sk-provider-secret}\n"
        . '    model_info: {id: ' . $id . ($more // '') . "}\n";
}
my $cool = ', cooldown_time: 600, allowed_fails_policy: {RateLimitErrorAllowedFails: 0}';
$t->write_file_expand('litellm.yaml', "model_list:\n" . entry('gpt', 8081, 'one') . entry('gone', 8083, 'gone-1')
    . entry('two', 8081, 'two-1') . entry('two', 8081, 'two-2') . entry('cold', 8081, 'cold-1', $cool) . <<'END');
router_settings: {num_retries: 0, retry_after: 0}
general_settings: {master_key: sk-master-secret}
virtual_keys:
  - {key: sk-good-secret, key_alias: good}
  - {key: sk-slow-secret, rpm_limit: 1}
  - {key: sk-poor-secret, max_budget: 0}
  - {key: sk-other-secret, models: [two]}
  - {key: sk-blocked-secret, blocked: true}
  - {key: sk-expired-secret, expires: '2020-01-01T00:00:00Z'}
END

# each connection has one answer: the next request comes on another one
my $up = $t->listener(8081);
$t->run;

my $at;
my $key = 'sk-good-secret';
sub ask { my ($model, @more) = @_; $at = $t->log_size; return chat($model, @more, headers => [Authorization => "Bearer $key"]) }
sub put { my $c = start(shift); give(shift); return finish($c) }
sub give { my ($peer) = $up->request; $peer->write(shift =~ s/\r\n\r\n/\r\nConnection: close\r\n\r\n/r); return $peer }

# the only line that tells of the request, at this level
sub told {
    my ($name, $level, $re) = @_;
    ok($t->wait_log(qr/\[$level\][^\n]*litellm: request $re/, $at), "$name: what happened")
        or diag(substr $t->read_file('error.log'), $at);
    is(() = substr($t->read_file('error.log'), $at) =~ /litellm: request /g, 1, "$name: one line");
}

my $ms = qr/\d+ ms[ ,\n]/;

http(ask('gone'));
told('connect refused', 'warn', qr/\S{36} for "gone" failed: APIConnectionError, status 500, 1 attempt: 1 at "gone-1" of "gone" APIConnectionError 500 $ms/);

my $c = start(ask('gpt'));
my ($silent) = $up->request;
is(finish($c)->{status}, 408, 'timeout: status');
$silent->close;
told('timeout', 'info', qr/\S+ for "gpt" failed: Timeout, status 408, 1 attempt: 1 at "one" of "gpt" Timeout 408 [4-9]\d\d\d* ms[ ,]/);

for ([429, 'info', 'RateLimitError'], [500, 'warn', 'InternalServerError'], [503, 'warn', 'ServiceUnavailableError'],
    [529, 'warn', 'APIError'], [401, 'info', 'AuthenticationError'])
{
    my ($status, $level, $class) = @$_;
    put(ask('gpt'), answer($status, openai_error('sk-provider-secret Hello', 'x')));
    told("a provider's $status", $level, qr/\S+ for "gpt" failed: $class, status $status, 1 attempt: 1 at "one" of "gpt" $class $status $ms/);
}

put(ask('gpt'), answer(200, '<html>Hello'));
told('rubbish', 'warn', qr/\S+ for "gpt" failed: BadGatewayError, status 502, 1 attempt: 1 at "one" of "gpt" BadGatewayError 502 $ms/);

$c = start(ask('two', num_retries => 1));
give(answer(500, openai_error('x', 'y'))) for 1 .. 2;
finish($c);
told('a retry', 'warn', qr/\S+ for "two" failed: InternalServerError, status 500, 2 attempts: 1 at "two-(\d)" of "two" InternalServerError 500 \d+ ms, 2 at "two-\d" of "two" InternalServerError 500 $ms/);

# streams

$c = start(ask('gpt', @yes));
my ($peer) = $up->request;
$peer->write(chunked(sse(openai_chunk('word')), undef));
$c->read_until(qr/"word"/);
$peer->close;
$c->read_until(qr/"error"/);
told('a cut stream', 'warn', qr/\S+ for "gpt" failed in its stream: APIConnectionError, status 500, 1 attempt: 1 at "one" of "gpt" APIConnectionError 500 $ms/);
$c->close;

$c = start(ask('gpt', @yes));
($peer) = $up->request;
$peer->write(chunked(sse(openai_chunk('word')), undef));
$c->read_until(qr/"word"/);
$c->close;
told('a client that leaves a stream', 'info', qr/\S+ for "gpt" was left by its client in its stream, 1 attempt: 1 at "one" of "gpt" not ended $ms/);
$peer->close;

$c = start(ask('gpt'));
($peer) = $up->request;
$c->close;
told('a client that leaves', 'info', qr/\S+ for "gpt" was left by its client, 1 attempt: 1 at "one" of "gpt" not ended $ms/);
$peer->close;

# refused before anybody is asked

put(ask('cold'), answer(429, openai_error('x', 'y')));
told('the last one', 'info', qr/\S+ for "cold" failed: RateLimitError, status 429, 1 attempt: /);
is(http(ask('cold'))->{status}, 429, 'all cooled down: status');
told('all cooled down', 'info', qr/\S+ for "cold" failed: RateLimitError, status 429, nobody was asked/);
http(ask('none'));
told('no such model', 'info', qr/\S+ for "none" failed: BadRequestError, status 400, nobody was asked/);

$key = 'sk-slow-secret';
put(ask('gpt'), answer(200, openai_chat('hi')));
unlike(substr($t->read_file('error.log'), $at), qr/litellm: request /, 'a good one: no line');
http(ask('gpt'));
told('a limit', 'info', qr/\S+ for "gpt" failed: RateLimitError, status 429, nobody was asked/);
$key = 'sk-poor-secret';
http(ask('gpt'));
told('a budget', 'info', qr/\S+ for "gpt" failed: BadRequestError, status 422, nobody was asked/);
$key = 'sk-other-secret';
http(ask('gpt'));
told("another's model", 'info', qr/\S+ for "gpt" failed: PermissionDeniedError, status 403, nobody was asked/);

for (['', 'auth_error'], ['sk-unknown-secret', 'token_not_found_in_db'], ['unknown-and-secret', 'auth_error'], ['sk-blocked-secret', 'auth_error'],
    ['sk-expired-secret', 'expired_key'])
{
    ($key, my $type) = @$_;
    is(http(ask('gpt'))->{status}, 401, "key '$key': status");
    told("key '$key'", 'info', qr/refused: AuthenticationError, status 401, $type[, \n]/);
}

$key = 'sk-unknown-secret';
http(ask('gpt', uri => '/any/v1/chat/completions'));
told('satisfy any', 'info', qr/refused: AuthenticationError, status 401, token_not_found_in_db/);

$t->stop;
my $log = $t->read_file('error.log');
unlike($log, qr/secret/, 'no key in the log');
unlike($log, qr/Hello|sk-[^.]/, 'nor a prompt');
