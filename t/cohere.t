#!/usr/bin/perl

# An OpenAI client and Cohere: JSON, tools, streams and errors through nginx.
# The translation itself is tested natively (t/unit).

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer chunked);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(44);

my $up = $t->in_front_of(8082, <<'END');
  - model_name: command
    litellm_params:
      model: cohere_chat/command-a-03-2025
      api_base: http://127.0.0.1:%%PORT_8082%%
      api_key: cohere-key-one
  - model_name: given
    litellm_params:
      model: cohere/command-r-08-2024
      api_base: http://127.0.0.1:%%PORT_8082%%/gate/v2/chat
      api_key: cohere-key-one
END

sub call { exchange($up, @_) }

sub message {
    my ($content, $reason, %more) = @_;
    return json_text({ id => 'c14c80c3', finish_reason => $reason || 'COMPLETE',
        message => { role => 'assistant', content => $content, %more },
        usage => { billed_units => { input_tokens => 3, output_tokens => 5 },
            tokens => { input_tokens => 11, output_tokens => 5 } } });
}

sub stream { map { "event: $_->{type}\ndata: " . json_text($_) . "\n\n" } @_ }

# JSON

my ($req, $r) = call(chat('command', temperature => 0.5, top_p => 0.9, stop => 'a', user => 'u',
    headers => ['Authorization' => 'Bearer sk-client']),
    answer(200, message([{ type => 'text', text => 'Hi "there" ' }, { type => 'text', text => 'é' }])));
is($req->{line}, 'POST /v2/chat HTTP/1.1', 'request line');
is($req->{header}{authorization}, 'Bearer cohere-key-one', 'the deployment\'s key');
is($req->{header}{'content-type'}, 'application/json', 'content type');
unlike($req->{raw}, qr/sk-client/, 'not the client\'s key');
is_deeply(json_of($req->{body}), { model => 'command-a-03-2025', temperature => 0.5, p => 0.9,
    stop_sequences => ['a'], messages => [{ role => 'user', content => 'Hello' }] }, 'body');

is($r->{status}, 200, 'status');
my $j = json_of($r->{body});
is($j->{object}, 'chat.completion', 'object');
is($j->{model}, 'command', 'model');
is($j->{choices}[0]{message}{content}, 'Hi "there" é', 'text');
is($j->{choices}[0]{finish_reason}, 'stop', 'finish_reason');
is_deeply([@{$j->{usage}}{qw(prompt_tokens completion_tokens total_tokens)}], [11, 5, 16], 'usage');
is($r->{header}{'x-litellm-model-group'}, 'command', 'model group');

($req, $r) = call(chat('given'), answer(200, message([{ type => 'text', text => 'x' }])));
is($req->{line}, 'POST /gate/v2/chat HTTP/1.1', 'an api_base that names the endpoint');

# tools

my @tools = (tools => [{ type => 'function', function => { name => 'get_weather', strict => JSON::PP::true,
    parameters => { type => 'object', properties => { city => { type => 'string' } } } } }],
    tool_choice => 'required');
($req, $r) = call(chat('command', @tools), answer(200, message(undef, 'TOOL_CALL', tool_plan => 'Let me see',
    tool_calls => [{ id => 'get_weather_1', type => 'function',
        function => { name => 'get_weather', arguments => '{"city":"Paris"}' } }])));
$j = json_of($req->{body});
is($j->{tools}[0]{function}{name}, 'get_weather', 'tool upstream');
ok(!exists $j->{tools}[0]{function}{strict}, 'no strict in it');
is($j->{strict_tools}, JSON::PP::true, 'strict_tools');
is($j->{tool_choice}, 'REQUIRED', 'tool_choice');
$j = json_of($r->{body})->{choices}[0];
is($j->{finish_reason}, 'tool_calls', 'finish_reason of a tool call');
is($j->{message}{tool_calls}[0]{id}, 'get_weather_1', 'its id');
is($j->{message}{tool_calls}[0]{function}{arguments}, '{"city":"Paris"}', 'its arguments');
is($j->{message}{reasoning_content}, 'Let me see', 'its plan');

# a stream

sub delta { { type => 'content-delta', index => 0, delta => { message => { content => { text => $_[0] } } } } }
sub end_of { { type => 'message-end', delta => { finish_reason => $_[0], usage =>
    { tokens => { input_tokens => 11, output_tokens => 5 } }, @_[1 .. $#_] } } }

my @stream = stream({ type => 'message-start', id => 'c0a1', delta => { message => { role => 'assistant' } } },
    { type => 'content-start', index => 0, delta => { message => { content => { type => 'text', text => '' } } } },
    (map { delta($_) } 'Hel', 'lo ', 'you'), { type => 'content-end', index => 0 }, end_of('COMPLETE'));
($req, $r) = call(chat('command', stream => JSON::PP::true), chunked(@stream));
is(json_of($req->{body})->{stream}, JSON::PP::true, 'stream upstream');
like($r->{header}{'content-type'}, qr/^text\/event-stream/, 'stream: type');
is(texts($r->{body}), 'Hello you', 'stream: text');
my @events = events($r->{body});
is($events[-1], '[DONE]', 'stream: [DONE]');
my @chunks = map { json_of($_) } @events[0 .. $#events - 1];
is($chunks[0]{choices}[0]{delta}{role}, 'assistant', 'stream: role in the first delta');
is(scalar(grep { ($_->{choices}[0]{finish_reason} // '') eq 'stop' } @chunks), 1, 'stream: one finish_reason');
is(scalar(grep { $_->{usage} } @chunks), 0, 'stream: no usage unless asked for');

($req, $r) = call(chat('command', stream => JSON::PP::true,
    stream_options => { include_usage => JSON::PP::true }), chunked(@stream));
ok(!exists json_of($req->{body})->{stream_options}, 'stream: no stream_options upstream');
is_deeply([@{json_of((events($r->{body}))[-2])->{usage}}{qw(prompt_tokens completion_tokens total_tokens)}],
    [11, 5, 16], 'stream: usage when asked for');

my $whole = join '', @stream;
my $text;
for my $n (1, 3, 7, 64) {
    ($req, $r) = call(chat('command', stream => JSON::PP::true), chunked($whole =~ /(.{1,$n})/gs));
    $text .= texts($r->{body}) eq 'Hello you' && (events($r->{body}))[-1] eq '[DONE]' ? '+' : $n;
}
is($text, '++++', 'stream in pieces of 1, 3, 7, 64 bytes');

# a failure that the provider tells in its stream, before and behind a text

($req, $r) = call(chat('command', stream => JSON::PP::true),
    chunked(stream(end_of('ERROR', error => 'stopped by server'))));
is($r->{status}, 500, 'an error before the text: status');
like(json_of($r->{body})->{error}{message}, qr/stopped by server/, 'its message');
($req, $r) = call(chat('command', stream => JSON::PP::true),
    chunked(@stream[0 .. 2], stream(end_of('ERROR', error => 'stopped by server'))));
is(texts($r->{body}), 'Hel', 'the text before an error');
@events = events($r->{body});
like(json_of($events[-1])->{error}{message}, qr/stopped by server/, 'the last event is the error');
unlike($r->{body}, qr/finish_reason":"/, 'no finish_reason');

# errors

for my $case ([400, 'too many tokens: cut it', 400, 'ContextWindowExceededError'],
    [401, 'invalid api token', 401, 'AuthenticationError'], [429, 'a trial key', 429, 'RateLimitError'])
{
    my ($status, $words, $want, $class) = @$case;
    ($req, $r) = call(chat('command'), answer($status, json_text({ id => 'x', message => $words }),
        'Retry-After' => 7));
    is($r->{status}, $want, "error $status");
    like(json_of($r->{body})->{error}{message}, qr/litellm\.$class: CohereException - .*\Q$words/,
        "error $status: message");
}
is($r->{header}{'retry-after'}, 7, 'Retry-After is passed on');

($req, $r) = call(chat('command'), answer(200, '{"id":"cut'));
is($r->{status}, 502, 'an answer that is no JSON');
