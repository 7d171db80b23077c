#!/usr/bin/perl

# What a client may say about how its request is served, in the body and by
# headers; the operator's test switches; what the client is told when nothing
# is left.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer chunked openai_chat openai_stream openai_error);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(74);
my $slow = $LiteLLM::Peer::slow;
my @yes = (stream => JSON::PP::true);

my @files = qw(testing quiet none);
$t->write_conf(server => join '', map { <<"END" } @files);
location /$_/ {
    litellm;
    litellm_config %%DIR%%/$_.yaml;
    litellm_stream_keepalive 150ms early;
}
END
my $conf = $t->read_file('nginx.conf');
$t->write_file('nginx.conf', $conf =~ s/worker_processes 1;/worker_processes 4;/r);

# the provider knows models by their names
sub model {
    my ($name, $params) = @_;
    return "  - model_name: $name\n    litellm_params: {model: openai/$name, "
        . "api_base: 'http://127.0.0.1:%%PORT_8081%%/v1', api_key: k" . ($params ? ", $params" : '') . "}\n";
}
my $models = join '', map { model($_) } qw(a b c d e f g x);
$models .= model('patient', 'timeout: 0.4, stream_timeout: 0.4') . model('retried', 'num_retries: 2') . model('retried', 'num_retries: 2');
my $router = <<'END';
router_settings:
  disable_cooldowns: true
  num_retries: 0
  model_group_alias: {seen: a, unseen: {model: a, hidden: true}}
  fallbacks: [{a: [b]}, {b: [c]}, {c: [d]}, {d: [e]}, {e: [f]}, {f: [g]}, {x: [a, g]}]
  context_window_fallbacks: [{a: [c]}]
  content_policy_fallbacks: [{a: [d]}]
END
$t->write_file_expand('litellm.yaml', "model_list:\n$models$router");
$t->write_file_expand('testing.yaml', "model_list:\n$models$router"
    . "general_settings: {dangerously_allow_mock_testing_request_params: true}\n");
$t->write_file_expand('quiet.yaml', "model_list:\n" . model('a', 'keepalive_seconds: 30')
    . model('ask', 'keepalive_seconds: 30, allow_client_keepalive_override: true')
    . model('off', 'keepalive_seconds: 0, allow_client_keepalive_override: true') . model('unset')
    . "router_settings: {num_retries: 0}\nlitellm_settings: {expose_router_debug_in_errors: false, default_fallbacks: [unset]}\n");
$t->write_file_expand('none.yaml', "model_list:\n$models" . "router_settings: {num_retries: 0}\n");

# "user" says how each model answers: "a=500 b=429", 200 without a word; the
# number of calls goes along with what is sent
my $up = $t->mock(8081, sub {
    my ($peer, $req, $n) = @_;
    my $j = json_of($req->{body});
    my ($how) = ($j->{user} // '') =~ /\b$j->{model}=(\w+)/;
    $how //= 200;
    return answer(400, openai_error("This model's maximum context length is 8 tokens", 'invalid_request_error',
        'context_length_exceeded')) if $how eq 'long';
    return answer(400, openai_error('Your request was rejected as a result of our safety system',
        'invalid_request_error', 'content_policy_violation')) if $how eq 'bad';
    if ($how =~ /^s(\d+)$/) {
        sleep $1 / 10;
        $how = 200;
    }
    return answer($how, openai_error("no from $j->{model}", 'x', undef)) if $how ne '200';
    return chunked(openai_stream("from $j->{model}")) if $j->{stream};
    return answer(200, openai_chat("from $j->{model}"));
});
$t->run;

my $before = 0;
sub ask { my ($file, $model, %more) = @_; return http(chat($model, ($file ? (uri => "/$file/v1/chat/completions") : ()), %more)) }
sub content { my $j = json_of($_[0]{body}); return $j && $j->{choices} ? $j->{choices}[0]{message}{content} : "status $_[0]{status}" }
sub message { return json_of($_[0]{body})->{error}{message} }
sub headers { return (headers => [@_]) }
sub models { my @all = $up->requests; my @new = @all[$before .. $#all]; $before = @all; return join ' ', map { json_of($_->{body})->{model} } @new }

# numbers: the body's, the header's, which wins

ask('', 'retried', user => 'retried=500');
is(models(), 'retried retried retried', 'num_retries of a deployment');
ask('', 'retried', user => 'retried=500', num_retries => 1);
is(models(), 'retried retried', 'num_retries of the body');
ask('', 'retried', user => 'retried=500', num_retries => 2, headers('x-litellm-num-retries' => 0));
is(models(), 'retried', 'num_retries of the header wins');
ask('', 'retried', user => 'retried=500', num_retries => JSON::PP::null);
is(models(), 'retried retried retried', 'num_retries: null is none');
for my $bad ([num_retries => -1], [num_retries => 'x'], [max_fallbacks => -1], [max_fallbacks => 1.5], [timeout => 'soon'],
    [keepalive_seconds => 'x'])
{
    my $r = ask('', 'a', @$bad);
    is($r->{status}, 400, "$bad->[0]: $bad->[1]");
    is(json_of($r->{body})->{error}{param}, $bad->[0], "$bad->[0]: $bad->[1]: param");
}
for my $bad (['x-litellm-num-retries' => 'x'], ['x-litellm-timeout' => '-1'], ['x-litellm-stream-timeout' => 'soon']) {
    is(ask('', 'a', headers(@$bad))->{status}, 400, "$bad->[0]: $bad->[1]");
}
models();

sub timed { my $from = time; my $r = ask(@_); return ($r, time - $from) }
my ($r, $s) = timed('', 'patient', user => 'patient=s9');
is($r->{status}, 408, 'timeout of a deployment');
($r, $s) = timed('', 'patient', user => 'patient=s9', timeout => 60);
is($r->{status}, 200, 'timeout of the body');
($r, $s) = timed('', 'patient', user => 'patient=s9', request_timeout => 60);
is($r->{status}, 200, 'request_timeout of the body');
($r, $s) = timed('', 'patient', user => 'patient=s9', request_timeout => 0.1, timeout => 60);
is($r->{status}, 200, 'timeout before request_timeout');
($r, $s) = timed('', 'patient', user => 'patient=s9', timeout => 60, headers('x-litellm-timeout' => 0.3));
is($r->{status}, 408, 'timeout of the header wins');
($r, $s) = timed('', 'patient', user => 'patient=s9', @yes);
is($r->{status}, 408, 'stream_timeout of a deployment');
($r, $s) = timed('', 'patient', user => 'patient=s9', @yes, timeout => 60, stream_timeout => 60);
is(texts($r->{body}), 'from patient', 'stream_timeout of the body');
($r, $s) = timed('', 'a', user => 'a=s9', @yes, fallbacks => [], stream_timeout => 60, headers('x-litellm-stream-timeout' => 0.2));
is($r->{status}, 408, 'stream_timeout of the header wins');
models();

# fallbacks: how deep, whose, for which errors

my $all = join ' ', map { "$_=500" } qw(a b c d e f g x);
$r = ask('', 'a', user => $all);
is(models(), 'a b c d e f', 'five fallbacks deep');
like(message($r), qr/^litellm\.InternalServerError.*no from a\n\nLiteLLM: model group 'a' failed with the error above\. Fallbacks tried: b, c, d, e, f\. The last one answered: .*no from f$/s,
    'what was tried, what the last one said');
ask('', 'a', user => $all, max_fallbacks => 2);
is(models(), 'a b c', 'max_fallbacks of the body: two');
ask('', 'a', user => $all, max_fallbacks => 0);
is(models(), 'a', 'max_fallbacks of the body: none');
ask('', 'a', user => $all, max_fallbacks => 20);
is(models(), 'a b c d e f g', 'max_fallbacks of the body: more');
ask('', 'x', user => $all, max_fallbacks => 2);
is(models(), 'x a b g', 'depth first, siblings behind it');
is(content(ask('', 'a', user => 'a=500', fallbacks => [{ a => ['g'] }, { '*' => ['f'] }])), 'from g', 'own table: the group');
is(content(ask('', 'b', user => 'b=500', fallbacks => [{ a => ['g'] }, { '*' => ['f'] }])), 'from f', 'own table: any other');
is(content(ask('', 'b', user => 'b=500', fallbacks => [{ a => ['g'] }])), 'status 500', 'own table: not this one');
models();
is(content(ask('', 'a', user => 'a=500 g=500', fallbacks => [{ a => ['g'] }, { g => ['e'] }])), 'from e', 'own table: of a fallback');
is(models(), 'a g e', 'own table: in this order');
is(content(ask('', 'a', user => 'a=500', fallbacks => ['nowhere', { model => 'g' }])), 'from g', 'own list');
is(content(ask('', 'a', user => 'a=500', fallbacks => [])), 'status 500', 'own list, empty');
is(ask('', 'a', fallbacks => [(map { "m$_" } 1 .. 33)])->{status}, 400, 'own list: at most 32');
is(ask('', 'a', fallbacks => [(map { { "m$_" => ['b'] } } 1 .. 33)])->{status}, 400, 'own table: at most 32');
is(ask('', 'a', fallbacks => [{ a => 'b' }])->{status}, 400, 'own table: a wrong form');
is(content(ask('', 'a', user => 'a=long')), 'from c', 'context_window_fallbacks');
is(content(ask('', 'a', user => 'a=bad')), 'from d', 'content_policy_fallbacks');
is(content(ask('', 'a', user => 'a=long', context_window_fallbacks => [{ a => ['f'] }])), 'from f', 'context_window_fallbacks of the body');
is(content(ask('', 'a', user => 'a=bad', content_policy_fallbacks => [{ a => ['g'] }])), 'from g', 'content_policy_fallbacks of the body');
is(content(ask('', 'a', user => 'a=500', content_policy_fallbacks => [{ a => ['g'] }])), 'from b', 'not for other errors');
is(ask('', 'a', context_window_fallbacks => ['b'])->{status}, 400, 'context_window_fallbacks of the body: a wrong form');
is((json_of(($up->requests)[-1]{body}))->{content_policy_fallbacks}, undef, 'they stay with us');

# what is said in the end

$r = ask('none', 'a', user => 'a=503');
like(message($r), qr/no from a\n\nLiteLLM: model group 'a' failed with the error above\. No fallback was attempted\.$/, 'no fallback');
$r = ask('', 'a', user => 'a=500', disable_fallbacks => JSON::PP::true);
like(message($r), qr/No fallback was attempted\.$/, 'disable_fallbacks');
unlike(message(ask('quiet', 'a', user => 'a=500 unset=500')), qr/LiteLLM: model group/, 'expose_router_debug_in_errors: false');

# aliases, one of them not told

is(content(ask('', $_)), 'from a', "alias $_") for qw(seen unseen);
is(join(' ', grep { /seen/ } map { $_->{id} } @{json_of(http_get('/v1/models')->{body})->{data}}), 'seen', 'a hidden alias is not listed');

# test switches

my %switch = (mock_testing_fallbacks => 'from b', mock_testing_context_fallbacks => 'from c',
    mock_testing_content_policy_fallbacks => 'from d', mock_testing_rate_limit_error => 'from b');
for my $name (sort keys %switch) {
    models();
    $r = ask('', 'a', $name => JSON::PP::true);
    is("$r->{status} " . models(), '400 ', "$name: not allowed");
    is(content(ask('testing', 'a', $name => JSON::PP::true)), $switch{$name}, "$name: allowed");
}
models();
is(content(ask('testing', 'a', mock_testing_fallbacks => JSON::PP::false)), 'from a', 'a switch that is off');
is(content(ask('testing', 'a', mock_testing_rate_limit_error => JSON::PP::true, num_retries => 1)), 'from a', 'a mocked rate limit is retried');
$r = ask('testing', 'g', mock_testing_fallbacks => JSON::PP::true);
is($r->{status}, 500, 'a mocked error without a fallback');
like(message($r), qr/^litellm\.InternalServerError: This is a mock exception for model=g, to trigger a fallback/, 'its text');

# comments in a silent stream: the client's word, where it counts

my @quiet = map { my ($model, @more) = @$_; start(chat($model, uri => '/quiet/v1/chat/completions', user => "$model=s16", @yes, @more)) }
    ['unset'], ['a', keepalive_seconds => 1], ['ask', keepalive_seconds => 1],
    ['ask', headers('x-litellm-keepalive-seconds' => '0.01')], ['ask', keepalive_seconds => 0], ['off', keepalive_seconds => 1];
my @pings = map { my $n = () = finish($_)->{body} =~ /^: ping$/mg; $n } @quiet;
cmp_ok($pings[0], '>', 1, 'comments: the location\'s');
is($pings[1], 0, 'comments: the client may not say');
cmp_ok($pings[2], '>', 0, 'comments: the client may');
cmp_ok($pings[3], '<', 3, 'comments: but not more often than each second');
is($pings[4], 0, 'comments: the client wants none');
is($pings[5], 0, 'comments: 0 of a deployment is the end of it');
