#!/usr/bin/perl

# OpenAI-compatible providers through nginx: OpenRouter, Together AI, Hugging
# Face and a few of the long table.  What is edited is tested natively
# (t/unit); here are paths, keys, streams and completions that go as chat.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer chunked sse openai_chat openai_error);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(47);

my $up = $t->in_front_of(8081, <<'END', undef, env => { OR_SITE_URL => 'https://acme.example', OR_APP_NAME => 'other' });
  - model_name: router
    litellm_params:
      model: openrouter/anthropic/claude-sonnet-4.5
      api_base: http://127.0.0.1:%%PORT_8081%%/api/v1
      api_key: sk-or-one
      extra_headers: {X-Title: Acme}
  - model_name: together
    litellm_params:
      model: together_ai/acme/owl-1
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      api_key: sk-together-one
  - model_name: hugging
    litellm_params:
      model: huggingface/acme/owl-1
      api_base: http://127.0.0.1:%%PORT_8081%%
      api_key: hf_one
  - model_name: fireworks
    litellm_params:
      model: fireworks_ai/owl-1
      api_base: http://127.0.0.1:%%PORT_8081%%/inference/v1
      api_key: sk-fireworks-one
  - model_name: fireworks/*
    litellm_params:
      model: fireworks_ai/*
      api_base: http://127.0.0.1:%%PORT_8081%%/inference/v1
      api_key: sk-fireworks-one
  - model_name: sarvam
    litellm_params:
      model: sarvam/owl-1
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      api_key: sk-sarvam-one
  - model_name: voyage
    litellm_params:
      model: voyage/owl-1
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      api_key: sk-voyage-one
END

sub call { exchange($up, @_) }

my @client = (headers => ['Authorization' => 'Bearer sk-client']);
my @stream = (stream => JSON::PP::true);
my @usage = (@stream, stream_options => { include_usage => JSON::PP::true });

# a whole answer in OpenAI's form
sub whole {
    my ($message, %more) = @_;
    return json_text({ id => 'gen-1', object => 'chat.completion', created => 1, model => 'acme/owl-1',
        choices => [{ index => 0, message => { role => 'assistant', %$message }, finish_reason => 'stop' }],
        usage => { prompt_tokens => 11, completion_tokens => 5, total_tokens => 16 }, %more });
}

# an event of a stream
sub event {
    my ($delta, $finish, %more) = @_;
    return json_text({ id => 'gen-1', object => 'chat.completion.chunk', created => 1, model => 'acme/owl-1',
        choices => [{ index => 0, delta => $delta, finish_reason => $finish }], %more });
}

my $tokens = { prompt_tokens => 11, completion_tokens => 5, total_tokens => 16, cost => 0.5 };

# OpenRouter

my ($req, $r) = call(chat('router', @client, provider => { order => ['acme'] }),
    answer(200, whole({ content => 'Hi "there" é', reasoning => 'because' })));
is($req->{line}, 'POST /api/v1/chat/completions HTTP/1.1', 'openrouter: request line');
is($req->{header}{authorization}, 'Bearer sk-or-one', 'openrouter: key');
unlike($req->{raw}, qr/sk-client/, 'openrouter: not the client\'s key');
is($req->{header}{'http-referer'}, 'https://acme.example', 'openrouter: who asks');
is($req->{header}{'x-title'}, 'Acme', 'openrouter: a header of the operator');
my $j = json_of($req->{body});
is($j->{model}, 'anthropic/claude-sonnet-4.5', 'openrouter: model');
is_deeply($j->{provider}, { order => ['acme'] }, 'openrouter: its own members pass');
is($r->{status}, 200, 'openrouter: status');
$j = json_of($r->{body});
is($j->{choices}[0]{message}{content}, 'Hi "there" é', 'openrouter: text');
is($j->{choices}[0]{message}{reasoning_content}, 'because', 'openrouter: reasoning');
is($r->{header}{'content-length'}, length $r->{body}, 'openrouter: the length is that of the edited body');

($req, $r) = call(chat('router'), answer(200, json_text({ id => 'gen-1', choices => [{ index => 0,
    message => { role => 'assistant', content => 'Par' }, finish_reason => 'error',
    error => { code => 502, message => 'Upstream went away' } }] })));
is($r->{status}, 502, 'openrouter: a choice that failed');
like($r->{body}, qr/Upstream went away/, 'openrouter: how it failed');

my @events = (event({ role => 'assistant', content => '', reasoning => 'be' }), event({ content => '', reasoning => 'cause' }),
    event({ content => 'Hel' }), event({ content => 'lo' }), event({ content => '' }, 'stop'),
    event({ content => '' }, undef, usage => $tokens));
($req, $r) = call(chat('router', @usage), chunked(": OPENROUTER PROCESSING\n\n", sse(@events, '[DONE]')));
is($r->{status}, 200, 'openrouter: stream');
is(texts($r->{body}), 'Hello', 'openrouter: stream: text');
my @got = events($r->{body});
is($got[-1], '[DONE]', 'openrouter: stream: end');
is(join('', map { json_of($_)->{choices}[0]{delta}{reasoning_content} // '' } @got[0 .. $#got - 1]), 'because',
    'openrouter: stream: reasoning');
is(json_of($got[-2])->{usage}{cost}, 0.5, 'openrouter: stream: cost');
is_deeply(json_of($got[-2])->{choices}, [], 'openrouter: stream: usage in an event of its own');

($req, $r) = call(chat('router', @stream), chunked(sse(@events, '[DONE]')));
unlike($r->{body}, qr/"usage"/, 'openrouter: stream: no usage unless asked for');

my $whole = join '', sse(@events, '[DONE]');
my $text = '';
for my $n (1, 3, 64) {
    ($req, $r) = call(chat('router', @usage), chunked($whole =~ /(.{1,$n})/gs));
    $text .= texts($r->{body}) eq 'Hello' && (events($r->{body}))[-1] eq '[DONE]' ? '+' : $n;
}
is($text, '+++', 'openrouter: stream in pieces of 1, 3, 64 bytes');

($req, $r) = call(chat('router', @stream), chunked(sse(event({ content => 'a' }),
    event({ content => '' }, 'error', error => { code => 502, message => 'Provider disconnected' }))));
like($r->{body}, qr/"content":"a".*Provider disconnected/s, 'openrouter: stream: an error in it');
unlike($r->{body}, qr/\[DONE\]/, 'openrouter: stream: no good end then');

# completions that go as chat

my $completion = sub { LiteLLM::Test::post_request('/v1/completions', json_text({ model => 'router', prompt => 'Once', @_ })) };
($req, $r) = call($completion->(max_tokens => 5), answer(200, whole({ content => ' upon' })));
is($req->{line}, 'POST /api/v1/chat/completions HTTP/1.1', 'completions: as chat');
$j = json_of($req->{body});
is_deeply($j->{messages}, [{ role => 'user', content => 'Once' }], 'completions: the prompt');
ok(!exists $j->{prompt}, 'completions: no prompt beside it');
$j = json_of($r->{body});
is($j->{object}, 'text_completion', 'completions: object');
is($j->{choices}[0]{text}, ' upon', 'completions: text');
is($j->{usage}{total_tokens}, 16, 'completions: usage');

($req, $r) = call($completion->(@stream), chunked(sse(@events, '[DONE]')));
is(join('', map { $_ eq '[DONE]' ? '' : json_of($_)->{choices}[0]{text} // '' } events($r->{body})), 'Hello',
    'completions: stream');
is((events($r->{body}))[-1], '[DONE]', 'completions: end of the stream');

$r = http($completion->(suffix => 'end'));
is($r->{status}, 400, 'completions: what chat has not is refused');

# Together AI

($req, $r) = call(chat('together', user => 'u'), answer(200, whole({ content => "<think>\nwhy\n</think>\n\nso" })));
is($req->{line}, 'POST /v1/chat/completions HTTP/1.1', 'together: request line');
is($req->{header}{authorization}, 'Bearer sk-together-one', 'together: key');
ok(!exists json_of($req->{body})->{user}, 'together: no user');
$j = json_of($r->{body});
is($j->{choices}[0]{message}{content}, "\n\nso", 'together: text behind the reasoning');
is($j->{choices}[0]{message}{reasoning_content}, "\nwhy\n", 'together: the reasoning');

($req, $r) = call(chat('together', @stream), chunked(sse(event({ content => 'a' }),
    event({ content => '' }, 'eos', usage => $tokens), '[DONE]')));
like($r->{body}, qr/"finish_reason":"stop"/, 'together: finish reason');

# Hugging Face

($req, $r) = call(chat('hugging'), answer(200, whole({ content => 'a' }, id => '')));
is($req->{line}, 'POST /v1/chat/completions HTTP/1.1', 'hugging face: /v1 in an endpoint of one\'s own');
is($req->{header}{authorization}, 'Bearer hf_one', 'hugging face: key');
isnt(json_of($r->{body})->{id}, '', 'hugging face: an id');

# the long table

($req, $r) = call(chat('fireworks'), answer(200, whole({ content => 'a' })));
is(json_of($req->{body})->{model}, 'accounts/fireworks/models/owl-1', 'fireworks: full name');
($req, $r) = call(chat('fireworks/accounts/acme/models/x'), answer(200, whole({ content => 'a' })));
is(json_of($req->{body})->{model}, 'accounts/acme/models/x', 'fireworks: full name of a wildcard');
($req, $r) = call(chat('sarvam'), answer(200, whole({ content => 'a' })));
is($req->{header}{'api-subscription-key'}, 'sk-sarvam-one', 'sarvam: key');
is($req->{header}{authorization}, undef, 'sarvam: no other');
($req, $r) = call(chat('sarvam'), answer(401, openai_error('bad key sk-sarvam-one', 'invalid_request_error')));
unlike($r->{body}, qr/sk-sarvam-one/, 'sarvam: the key is not in an error');
$r = http(chat('voyage'));
is($r->{status}, 400, 'voyage: no chat');
