#!/usr/bin/perl

# Streams that survive: one that was cut goes on with another deployment, one
# that is silent is kept alive, or ended.  Nothing of it unless it is asked for.

use warnings;
use strict;

use POSIX ();
use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer chunked sse openai_chunk openai_stream openai_error openai_chat
    anthropic_stream anthropic_error);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(124);

# what the kernel holds for a slow client is bounded
$t->write_conf(listen => ' sndbuf=16k', server => <<'END');
location /on/ {
    litellm;
    litellm_stream_continue on;
}
location /off/ {
    litellm;
}
location /yaml/ {
    litellm;
    litellm_config %%DIR%%/yaml.yaml;
}
location /small/ {
    litellm;
    litellm_stream_continue on;
    litellm_stream_continue_size 8;
}
location /idle/ {
    litellm;
    litellm_stream_idle_timeout 400ms;
}
location /idleon/ {
    litellm;
    litellm_stream_continue on;
    litellm_stream_idle_timeout 400ms;
}
location /ping/ {
    litellm;
    litellm_stream_keepalive 200ms;
}
location /early/ {
    litellm;
    litellm_stream_keepalive 200ms early;
    limit_rate 4k;
}
END

# "first" is driven by the test; the others answer by themselves
my $models = '';
for (['pre', 'openai/m', 8082, 'true'], ['pre2', 'openai/m', 8082, 'true'], ['plain', 'openai/m', 8082, 'false'],
    ['vllm', 'hosted_vllm/m', 8082, 'true']) {
    my ($name, $model, $port, $can) = @$_;
    $models .= "  - model_name: $name\n    litellm_params: {model: $model, api_base: 'http://127.0.0.1:%%PORT_$port%%/v1', "
        . "api_key: k}\n    model_info: {supports_assistant_prefill: $can}\n";
}
for my $to (qw(pre plain claude vllm again chain wild think mistral)) {
    $models .= "  - model_name: to-$to\n    litellm_params: {model: openai/gpt-4o, "
        . "api_base: 'http://127.0.0.1:%%PORT_8081%%/v1', api_key: k, stream_timeout: 5}\n";
}
$models .= <<'END';
  - model_name: mistral
    litellm_params: {model: mistral/mistral-large-latest, api_base: 'http://127.0.0.1:%%PORT_8084%%/v1', api_key: k}
  - model_name: pair
    litellm_params: {model: openai/gpt-4o, api_base: 'http://127.0.0.1:%%PORT_8081%%/v1', api_key: k, order: 1}
  - model_name: pair
    litellm_params: {model: openai/gpt-4o, api_base: 'http://127.0.0.1:%%PORT_8082%%/v1', api_key: k, order: 2}
  - model_name: pair
    litellm_params: {model: openai/m, api_base: 'http://127.0.0.1:%%PORT_8082%%/v1', api_key: k, order: 3}
    model_info: {supports_assistant_prefill: true}
  - model_name: mini-claude
    litellm_params: {model: openai/o3-mini, api_base: 'http://127.0.0.1:%%PORT_8081%%/v1', api_key: k}
  - model_name: mini-plain
    litellm_params: {model: openai/o3-mini, api_base: 'http://127.0.0.1:%%PORT_8081%%/v1', api_key: k}
  - model_name: again
    litellm_params: {model: openai/m, api_base: 'http://127.0.0.1:%%PORT_8081%%/v1', api_key: k}
    model_info: {supports_assistant_prefill: true}
  - model_name: claude
    litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: 'http://127.0.0.1:%%PORT_8083%%', api_key: k}
  - model_name: think
    litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: 'http://127.0.0.1:%%PORT_8083%%', api_key: k, reasoning_effort: low}
  - model_name: "wild/*"
    litellm_params: {model: "anthropic/*", api_base: 'http://127.0.0.1:%%PORT_8083%%', api_key: k}
  - model_name: from-claude
    litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: 'http://127.0.0.1:%%PORT_8081%%', api_key: k}
  - model_name: kept
    litellm_params: {model: openai/m, api_base: 'http://127.0.0.1:%%PORT_8081%%/v1', api_key: k, keepalive_seconds: 0.2}
END
my $routes = <<'END';
router_settings:
  num_retries: 0
  fallbacks: [{"to-pre": ["pre"]}, {"to-plain": ["plain"]}, {"to-claude": ["claude"]}, {"to-vllm": ["vllm"]},
    {"to-again": ["again"]}, {"again": ["pre2"]}, {"to-chain": ["plain", "pre"]}, {"from-claude": ["pre"]},
    {"to-wild": ["wild/claude-sonnet-4-5"]}, {"to-think": ["think"]},
    {"to-mistral": ["mistral"]}, {"mini-claude": ["claude"]}, {"mini-plain": ["plain"]}]
END
$t->write_file_expand('litellm.yaml', "model_list:\n$models$routes");
$t->write_file_expand('yaml.yaml', "model_list:\n$models$routes" . <<'END');
  stream_continue: true
  stream_idle_timeout: 0.4
litellm_settings:
  sse_keepalive_ping_interval_seconds: 0.2
END

my $up = $t->listener(8081);
my $usage = { prompt_tokens => 20, completion_tokens => 4, total_tokens => 24 };
my $other = $t->mock(8082, sub {
    my ($peer, $req) = @_;
    my $how = json_of($req->{body})->{user} // '';
    return answer(500, openai_error('no', 'x', undef)) if $how eq '500';
    return chunked(sse(openai_chunk({ role => 'assistant', content => '' }),
        openai_chunk({ reasoning_content => 'hm' }),
        ($how eq 'space' ? openai_chunk("\n") : ()), ($how eq 'space' ? openai_chunk(" world") : openai_chunk(' world')),
        openai_chunk('!'),
        openai_chunk({}, choices => [{ index => 0, delta => {}, finish_reason => 'stop' }]),
        openai_chunk({}, choices => [], usage => $usage), '[DONE]'));
});
my $mistral = $t->mock(8084, sub {
    my ($peer, $req) = @_;
    my %say = (whole => ['Hel"lo'], parts => ['He', 'l"l', 'o wor', 'ld'], none => [' wor', 'ld'], other => ['He', 'l', ' world']);
    my $said = json_of($req->{body})->{messages}[0]{content};
    return chunked(openai_stream(@{ $say{$said} }, $said eq 'whole' ? ' world' : ()));
});
my $claude = $t->mock(8083, sub { return chunked(anthropic_stream(' from', ' claude')) });
$t->run;

my @hello = sse(openai_chunk({ role => 'assistant', content => '' }), openai_chunk('Hel'), openai_chunk('lo'));

# what the client gets when the first provider did that; the connection is
# closed behind it
sub cut {
    my ($model, $code, %more) = @_;
    my $where = delete $more{where} // 'on';
    my $c = start(chat($model, uri => "/$where/v1/chat/completions", stream => JSON::PP::true, %more));
    my ($peer, $req) = $up->request;
    ref $code eq 'CODE' ? $code->($peer, $req) : $peer->write(chunked(@$code, undef));
    $peer->close;
    return finish($c);
}
sub hello { my ($peer) = @_; $peer->write(chunked(@hello, undef)) }
sub last_event { my @e = events($_[0]{body}); return json_of($e[-1]) // $e[-1] }
sub is_cut {
    my ($r, $what) = @_;
    my $e = last_event($r);
    ok(ref $e && $e->{error}, "$what: an error event") or diag($r->{raw});
}

# off: as it was

my $r = cut('to-pre', \&hello, where => 'off');
is(texts($r->{body}), 'Hello', 'off: the text');
is_cut($r, 'off');
is(scalar(() = $other->requests), 0, 'off: nobody is asked');

$r = cut('to-pre', sub { $_[0]->write(chunked(@hello, undef) . "zz\r\n") }, where => 'off');
is(texts($r->{body}), 'Hello', 'what came before a damage in the same read');

# a fallback of the same dialect

$r = cut('to-pre', \&hello, user => 'u');
is($r->{status}, 200, 'goes on: status');
is(texts($r->{body}), 'Hello world!', 'goes on: the text');
is((events($r->{body}))[-1], '[DONE]', 'goes on: [DONE]');
my @chunks = map { json_of($_) } grep { $_ ne '[DONE]' } events($r->{body});
my %ids = map { $_->{id} => 1 } @chunks;
is(join(' ', keys %ids), 'chatcmpl-1', 'goes on: one id');
my %models = map { $_->{model} => 1 } @chunks;
is(join(' ', keys %models), 'gpt-4o-2024-08-06', 'goes on: one model');
is(scalar(grep { $_->{choices}[0]{delta}{role} } @chunks), 1, 'goes on: one role');
is(scalar(grep { $_->{choices}[0]{delta}{reasoning_content} } @chunks), 0, 'goes on: no second reasoning');
my $sent = json_of(($other->requests)[-1]{body});
is_deeply($sent->{messages}[-1], { role => 'assistant', content => 'Hello' }, 'goes on: the text so far is sent');
is($sent->{messages}[0]{role}, 'user', 'goes on: behind the client\'s messages');
is($sent->{user}, 'u', 'goes on: the other members stay');
is($sent->{continue_final_message}, undef, 'goes on: nothing of vLLM\'s');
is($r->{header}{'x-litellm-model-group'}, 'to-pre', 'goes on: headers are the first one\'s');

$r = cut('to-pre', \&hello, stream_options => { include_usage => JSON::PP::true });
is_deeply([map { json_of($_)->{usage} // () } grep { $_ ne '[DONE]' } events($r->{body})], [$usage],
    'usage of the one that told it');
ok(!grep({ /"usage"/ } events(cut('to-pre', \&hello)->{body})), 'no usage unasked');

# a stream that is not cut passes as it is

for my $where ('on', 'yaml', 'ping') {
    my @all = (': hello' . "\n\n", @hello, sse(openai_chunk(' ', x => [1.50, "\x{e9}"]), openai_chunk({}, choices => []), '[DONE]'));
    $r = cut('to-pre', sub { $_[0]->write(chunked(@all)) }, where => $where);
    is($r->{body}, join('', @all[1 .. $#all]), "passing, $where: byte for byte");
}

# the ways to be cut

for (['a reset', sub { hello(@_); $_[0]->reset }],
    ['the end without an end mark', [@hello, sse()]],
    ['an error event', [@hello, sse(openai_error('overloaded', 'server_error', undef))]],
    ['half an event', sub { $_[0]->write(chunked(@hello, 'data: {"id":"x","choices":[{"index":0,"del', undef)) }],
    ['invalid chunks', sub { $_[0]->write(chunked(@hello, undef) . "zz\r\n") }],
    ['an event that is no JSON', [@hello, sse('nonsense')]])
{
    my ($what, $code) = @$_;
    is(texts(cut('to-pre', $code)->{body}), 'Hello world!', "cut by $what");
}
is(texts(cut('to-pre', sub { hello(@_); sleep(0.9) }, where => 'idleon')->{body}), 'Hello world!', 'cut by silence');
is(texts(cut('to-pre', sub { hello(@_); sleep(0.9) }, timeout => 0.4)->{body}), 'Hello world!', 'cut by the total time');

# where it can't

for (['a tool call', [@hello, sse(openai_chunk({ tool_calls => [{ index => 0, id => 'c', type => 'function',
        function => { name => 'f', arguments => '{"a"' } }] }))]],
    ['a second choice', [@hello, sse(openai_chunk({}, choices => [{ index => 1, delta => { content => 'x' } }]))]],
    ['a refusal', [@hello, sse(openai_chunk({ refusal => 'no' }))]],
    ['its finish', [@hello, sse(openai_chunk({}, choices => [{ index => 0, delta => {}, finish_reason => 'stop' }])),
        'data: {"choices'] ])
{
    my ($what, $code) = @$_;
    my $before = () = $other->requests;
    is_cut(cut('to-pre', $code), "behind $what");
    is(scalar(() = $other->requests), $before, "behind $what: nobody is asked");
}
for (['n', n => 2], ['a schema', response_format => { type => 'json_object' }], ['logprobs', logprobs => JSON::PP::true],
    ['audio', modalities => ['text', 'audio']],
    ['a prefix', messages => [{ role => 'user', content => 'x' }, { role => 'assistant', content => 'y' }]])
{
    my ($what, %more) = @$_;
    is_cut(cut('to-pre', \&hello, %more), "with $what");
}
is(texts(cut('to-pre', \&hello, where => 'small')->{body}), 'Hello world!', 'within litellm_stream_continue_size');
is_cut(cut('to-pre', [@hello, sse(openai_chunk('four'))], where => 'small'), 'over litellm_stream_continue_size');
$r = cut('to-plain', \&hello);
is_cut($r, 'a model that takes no prefix');
like(last_event($r)->{error}{message}, qr/ended early|Connection|middle/i, 'a model that takes no prefix: what happened');
is_cut(cut('to-pre', \&hello, disable_fallbacks => JSON::PP::true), 'disable_fallbacks');
is_cut(cut('to-pre', \&hello, user => '500'), 'the other one fails');
is_cut(cut('to-think', \&hello), 'a deployment that always thinks');

# who goes on

is(texts(cut('to-chain', \&hello)->{body}), 'Hello world!', 'who takes no prefix is left out');
is(texts(cut('to-claude', \&hello)->{body}), 'Hello from claude', 'another dialect');
$sent = json_of(($claude->requests)[-1]{body});
is($sent->{messages}[-1]{role}, 'assistant', 'another dialect: the last message');
is($sent->{messages}[-1]{content}[0]{text} // $sent->{messages}[-1]{content}, 'Hello', 'another dialect: its text');
is(texts(cut('to-wild', \&hello)->{body}), 'Hello from claude', 'a wildcard\'s deployment');
cut('mini-claude', \&hello, reasoning_effort => 'high');
is(json_of(($claude->requests)[-1]{body})->{thinking}, undef, 'no reasoning where the text goes on');
cut('to-vllm', \&hello);
$sent = json_of(($other->requests)[-1]{body});
ok($sent->{continue_final_message} && exists $sent->{add_generation_prompt} && !$sent->{add_generation_prompt},
    'vLLM is told in its own way');


# retries of the group: no wait where nobody there goes on

my $from = time;
is(texts(cut('to-pre', \&hello, num_retries => 3)->{body}), 'Hello world!', 'a group that can not: the fallback');
cmp_ok(time - $from, '<', 0.45 * $LiteLLM::Peer::slow, 'a group that can not: at once');
$r = cut('to-plain', \&hello, num_retries => 3);
is_cut($r, 'nobody can');
is(last_event($r)->{error}{code}, '500', 'nobody can: the cut is the error');
is(texts(cut('pair', \&hello)->{body}), 'Hello world!', 'a later order');
is(texts(cut('pair', \&hello, num_retries => 1)->{body}), 'Hello world!', 'a later order, with retries');

# Mistral says the text once more

for (['whole', 'Hel"lo world'], ['parts', 'Hel"lo world'], ['none', 'Hel"lo world'], ['other', 'Hel"loHel world']) {
    my ($said, $text) = @$_;
    $r = cut('to-mistral', [sse(openai_chunk('Hel'), openai_chunk('"lo'))], messages => [{ role => 'user', content => $said }]);
    is(texts($r->{body}), $text, "an echo: $said");
    ok(json_of(($mistral->requests)[-1]{body})->{messages}[-1]{prefix}, "an echo: $said: prefix is set");
}

# from another dialect

my @claude = anthropic_stream('Hel', 'lo');
$r = cut('from-claude', [@claude[0 .. 4]], stream_options => { include_usage => JSON::PP::true });
is(texts($r->{body}), 'Hello world!', 'from another dialect');
@chunks = map { json_of($_) } grep { $_ ne '[DONE]' } events($r->{body});
%ids = map { $_->{id} => 1 } @chunks;
is(scalar(keys %ids), 1, 'from another dialect: one id');
is(scalar(grep { $_->{choices}[0]{delta}{role} } @chunks), 1, 'from another dialect: one role');
is($chunks[-1]{usage}{prompt_tokens}, 31, 'from another dialect: input of both');
is($chunks[-1]{usage}{total_tokens}, 24 + 12, 'from another dialect: all of both');

# white space at the cut, escapes

$r = cut('to-pre', [@hello, sse(openai_chunk("\n"))], user => 'space');
is(texts($r->{body}), "Hello\n world!", 'white space is not said twice');
is(json_of(($other->requests)[-1]{body})->{messages}[-1]{content}, 'Hello', 'white space is not sent');
$r = cut('to-pre', [@hello, sse(openai_chunk(" "))]);
is(texts($r->{body}), 'Hello world!', 'a blank is not said twice');
cut('to-pre', [sse(openai_chunk("a\"\\\x{263a}\\n"))]);
is(json_of(($other->requests)[-1]{body})->{messages}[-1]{content}, "a\"\\\x{263a}\\n", 'escapes');

# nothing but reasoning went out: anew, and any model may

$r = cut('mini-plain', [sse(openai_chunk({ role => 'assistant', reasoning_content => 'let me' }))], reasoning_effort => 'low');
is(texts($r->{body}), ' world!', 'cut in its reasoning');
$sent = json_of(($other->requests)[-1]{body});
is($sent->{messages}[-1]{role}, 'user', 'cut in its reasoning: the request is the client\'s');
is($sent->{reasoning_effort}, 'low', 'cut in its reasoning: it reasons again');

# cut twice

my $c = start(chat('to-again', uri => '/on/v1/chat/completions', stream => JSON::PP::true));
my ($peer) = $up->request;
hello($peer);
$peer->close;
my ($second, $req) = $up->request;
is(json_of($req->{body})->{messages}[-1]{content}, 'Hello', 'cut twice: the first part');
$second->write(chunked(sse(openai_chunk(' my')), undef));
$second->close;
$r = finish($c);
is(texts($r->{body}), 'Hello my world!', 'cut twice');
is(json_of(($other->requests)[-1]{body})->{messages}[-1]{content}, 'Hello my', 'cut twice: both parts');
is(scalar(grep { $_ ne '[DONE]' && json_of($_)->{choices}[0]{delta}{role} } events($r->{body})), 1, 'cut twice: one role');

# by the YAML file

is(texts(cut('to-pre', \&hello, where => 'yaml')->{body}), 'Hello world!', 'stream_continue');

# silence

my $limit = 2 + $LiteLLM::Peer::slow;
$from = time;
$r = cut('to-plain', sub { hello(@_); $_[0]->closed(3) }, where => 'idle');
is(last_event($r)->{error}{code}, '408', 'silence: an error event');
cmp_ok(time - $from, '>', 0.35, 'silence: not too early');
cmp_ok(time - $from, '<', $limit, 'silence: not too late');
$from = time;
$r = cut('to-plain', sub { hello(@_); for (1 .. 5) { sleep(0.15); $_[0]->write(LiteLLM::Mock::chunk(": still here\n\n")) or last } },
    where => 'idle');
is(last_event($r)->{error}{code}, '408', 'silence: comments are no events');
$r = cut('to-plain', sub { $_[0]->write(chunked($hello[0], undef)); sleep(0.9);
    $_[0]->write(LiteLLM::Mock::chunk(join '', sse(openai_chunk('late'), '[DONE]')) . "0\r\n\r\n") }, where => 'idle');
is(texts($r->{body}), 'late', 'silence: not before the first text');
$r = cut('to-plain', sub { hello(@_); for (1 .. 12) { sleep(0.06); $_[0]->write(LiteLLM::Mock::chunk(join '', sse(openai_chunk('.')))) }
    $_[0]->write(LiteLLM::Mock::chunk(join '', sse('[DONE]')) . "0\r\n\r\n") }, where => 'idle');
is(texts($r->{body}), 'Hello' . '.' x 12, 'silence: each event starts it anew');
$r = cut('to-plain', \&slow, where => 'yaml');
is(last_event($r)->{error}{code}, '408', 'stream_idle_timeout');
sub slow { hello(@_); $_[0]->closed(3) }

# comments

sub pause {
    my ($peer) = @_;
    hello($peer);
    sleep(0.9);
    $peer->write(LiteLLM::Mock::chunk(join '', sse(openai_chunk('!'), '[DONE]')) . "0\r\n\r\n");
}
sub pings { my $n = () = $_[0]{body} =~ /^: ping\n\n/mg; return $n }
for (['ping', 'to-plain'], ['off', 'kept']) {
    $r = cut($_->[1], \&pause, where => $_->[0]);
    is(texts($r->{body}), 'Hello!', "comments by $_->[0]: the text");
    cmp_ok(pings($r), '>=', 2, "comments by $_->[0]");
    cmp_ok(pings($r), '<=', 5, "comments by $_->[0]: not more");
}
cmp_ok(pings(cut('to-plain', \&slow, where => 'yaml')), '>=', 1, 'comments by sse_keepalive_ping_interval_seconds');
is(pings(cut('to-plain', \&pause, where => 'off')), 0, 'no comments unasked');
is(pings(cut('to-plain', sub { sleep(0.7); $_[0]->write(chunked(openai_stream('x'))) }, where => 'ping')), 0,
    'no comments before the first text');
$r = cut('to-plain', sub { sleep(0.7); $_[0]->write(answer(500, openai_error('no', 'x', undef))) }, where => 'ping',
    disable_fallbacks => JSON::PP::true);
is($r->{status}, 500, 'so an error has its status');
$r = cut('to-plain', sub { sleep(0.7); $_[0]->write(chunked(openai_stream('x'))) }, where => 'early');
is(texts($r->{body}), 'x', 'early: the text');
cmp_ok(pings($r), '>=', 2, 'early: comments before it');
like($r->{header}{'content-type'}, qr/^text\/event-stream/, 'early: the type');
$r = cut('to-plain', sub { sleep(0.7); $_[0]->write(answer(500, openai_error('no', 'x', undef))) }, where => 'early',
    disable_fallbacks => JSON::PP::true);
is($r->{status}, 200, 'early: the status is fixed');
is_cut($r, 'early');
$r = cut('to-plain', sub { sleep(0.5); $_[0]->write(answer(500, openai_error('no', 'x', undef))) }, where => 'early');
is(texts($r->{body}), ' world!', 'early: a fallback still answers');

# the end mark has come, and the provider does not end

for my $where ('off', 'ping', 'idle', 'on') {
    $from = time;
    $r = cut('to-plain', sub { $_[0]->write(chunked(openai_stream('Hello'), undef)); $_[0]->closed(4) }, where => $where,
        ($where eq 'on' ? (timeout => 0.5) : ()));
    is($r->{body}, join('', openai_stream('Hello')), "no end, $where: nothing behind the end mark");
    cmp_ok(time - $from, '<', $limit + 0.5, "no end, $where: and it is over");
}

is(cut('to-plain', sub { $_[0]->write(chunked(openai_stream('Hello'), undef) . "zz\r\n") }, where => 'off')->{body},
    join('', openai_stream('Hello')), 'invalid chunks behind the end mark');

# a slow client: the provider is not silent, it is not read

my $big = 'x' x 60_000;
for my $where ('idle', 'ping') {
    $c = start(chat('to-plain', uri => "/$where/v1/chat/completions", stream => JSON::PP::true), rcvbuf => 4096);
    ($peer) = $up->request;
    $peer->write(chunked(@hello, undef));
    my $pid = fork() // die;
    if ($pid == 0) {
        $peer->write(LiteLLM::Mock::chunk(join '', sse(openai_chunk($big)))) for 1 .. 20;
        $peer->write(LiteLLM::Mock::chunk(join '', sse('[DONE]')) . "0\r\n\r\n");
        POSIX::_exit(0);
    }
    sleep(1.2);
    $r = finish($c, timeout => 40);
    waitpid $pid, 0;
    $peer->close;
    is(length texts($r->{body}), 5 + 20 * 60_000, "a slow client, $where: all of the text");
    is((events($r->{body}))[-1], '[DONE]', "a slow client, $where: its end");
}

# a client that goes while another one goes on

$c = start(chat('to-again', uri => '/on/v1/chat/completions', stream => JSON::PP::true));
($peer) = $up->request;
hello($peer);
$peer->close;
($second) = $up->request;
$c->close;
ok($second->closed(3), 'a client that goes: the second provider is closed');
