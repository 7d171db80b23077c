#!/usr/bin/perl

# An OpenAI client and an Ollama server: JSON, streams of lines, tools,
# completions, embeddings and errors through nginx.  The translation itself is
# tested natively (t/unit).

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(44);

my $up = $t->in_front_of(8081, <<'END');
  - model_name: llama
    litellm_params:
      model: ollama/llama3.1
      api_base: http://127.0.0.1:%%PORT_8081%%
      num_ctx: 8192
      keep_alive: 5m
  - model_name: llama-keyed
    litellm_params:
      model: ollama_chat/llama3.1
      api_base: http://127.0.0.1:%%PORT_8081%%/ollama
      api_key: sk-ollama-one
END

sub call { exchange($up, @_) }

# a line of an answer
sub line {
    my ($message, %more) = @_;
    return json_text({ model => 'llama3.1', created_at => '2025-03-09T05:31:08.118274Z',
        message => { role => 'assistant', content => '', %$message }, done => JSON::PP::false, %more }) . "\n";
}

my @end = (done => JSON::PP::true, done_reason => 'stop', prompt_eval_count => 11, eval_count => 5);

sub lines {
    return "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        . join('', map { LiteLLM::Mock::chunk($_) } @_) . "0\r\n\r\n";
}

my @client = (headers => ['Authorization' => 'Bearer sk-client']);

# JSON

my ($req, $r) = call(chat('llama', temperature => 0.5, @client), answer(200, line({ content => 'Hi "there" é' }, @end)));
is($req->{line}, 'POST /api/chat HTTP/1.1', 'request line');
is($req->{header}{authorization}, undef, 'no key, no Authorization');
is($req->{header}{'content-type'}, 'application/json', 'type');
unlike($req->{raw}, qr/sk-client/, 'not the client\'s key');
my $j = json_of($req->{body});
is($j->{model}, 'llama3.1', 'model');
is($j->{stream}, JSON::PP::false, 'not streamed');
is_deeply($j->{options}, { temperature => 0.5, num_ctx => 8192 }, 'options, those of the deployment too');
is($j->{keep_alive}, '5m', 'keep_alive at the top');

is($r->{status}, 200, 'status');
$j = json_of($r->{body});
is($j->{choices}[0]{message}{content}, 'Hi "there" é', 'text');
is($j->{choices}[0]{finish_reason}, 'stop', 'finish_reason');
is_deeply([@{$j->{usage}}{qw(prompt_tokens completion_tokens total_tokens)}], [11, 5, 16], 'usage');

# a key, and a path before the API's

($req, $r) = call(chat('llama-keyed', @client), answer(200, line({ content => 'a' }, @end)));
is($req->{line}, 'POST /ollama/api/chat HTTP/1.1', 'request line below a path');
is($req->{header}{authorization}, 'Bearer sk-ollama-one', 'the deployment\'s key');
unlike($req->{line}, qr/sk-ollama/, 'no key in the URL');

# tools

my @tools = (tools => [{ type => 'function', function => { name => 'get_weather',
    parameters => { type => 'object', properties => { city => { type => 'string' } } } } }]);
my $called = { tool_calls => [{ function => { name => 'get_weather', arguments => { city => 'Paris' } } }] };
($req, $r) = call(chat('llama', @tools), answer(200, line($called, @end)));
is(json_of($req->{body})->{tools}[0]{function}{name}, 'get_weather', 'tool upstream');
$j = json_of($r->{body});
is($j->{choices}[0]{finish_reason}, 'tool_calls', 'finish_reason of a tool call');
like($j->{choices}[0]{message}{tool_calls}[0]{id}, qr/^call_[0-9a-f]{24}$/, 'an id is made up');
is_deeply(json_of($j->{choices}[0]{message}{tool_calls}[0]{function}{arguments}), { city => 'Paris' },
    'its arguments');

# a stream

my @stream = ((map { line({ content => $_ }) } 'Hel', 'lo ', 'you'), line({}, @end));
($req, $r) = call(chat('llama', stream => JSON::PP::true), lines(@stream));
is(json_of($req->{body})->{stream}, JSON::PP::true, 'stream upstream');
is($r->{status}, 200, 'stream: status');
like($r->{header}{'content-type'}, qr/^text\/event-stream/, 'stream: type');
is(texts($r->{body}), 'Hello you', 'stream: text');
is((events($r->{body}))[-1], '[DONE]', 'stream: [DONE]');
is(scalar(grep { /"usage"/ } events($r->{body})), 0, 'stream: no usage unless asked for');

($req, $r) = call(chat('llama', stream => JSON::PP::true,
    stream_options => { include_usage => JSON::PP::true }), lines(@stream));
my $usage = json_of((events($r->{body}))[-2]);
is_deeply([@{$usage->{usage}}{qw(prompt_tokens completion_tokens total_tokens)}], [11, 5, 16],
    'stream: usage when asked for');

# the same stream in odd pieces

my $whole = join '', @stream;
my $text;
for my $n (1, 2, 3, 7, 64, 10_000) {
    ($req, $r) = call(chat('llama', stream => JSON::PP::true), lines($whole =~ /(.{1,$n})/gs));
    $text .= texts($r->{body}) eq 'Hello you' && (events($r->{body}))[-1] eq '[DONE]' ? '+' : $n;
}
is($text, '++++++', 'stream in pieces of 1, 2, 3, 7, 64 bytes, and one');

# thoughts and two calls in a stream

($req, $r) = call(chat('llama', stream => JSON::PP::true, @tools),
    lines(line({ thinking => 'Hm' }), line({ thinking => '.' }), line($called), line($called), line({}, @end)));
my ($thought, %id, @args) = ('');
for (grep { ref } map { json_of($_) } events($r->{body})) {
    $thought .= $_->{choices}[0]{delta}{reasoning_content} // '';
    for my $call (@{$_->{choices}[0]{delta}{tool_calls} || []}) {
        $id{$call->{id}} = $call->{index} if $call->{id};
        $args[$call->{index}] .= $call->{function}{arguments} // '';
    }
}
is($thought, 'Hm.', 'stream: thoughts');
is_deeply([sort values %id], [0, 1], 'stream: two calls have two ids');
is_deeply([map { json_of($_)->{city} } @args], ['Paris', 'Paris'], 'stream: arguments of both');

# completions and embeddings

my ($uri, $body) = ('/v1/completions', { model => 'llama', prompt => 'The tide', max_tokens => 3 });
my $raw = json_text($body);
my @post = ("POST $uri HTTP/1.1", 'Host: localhost', 'Connection: close', 'Content-Type: application/json');
($req, $r) = call(join("\r\n", @post, 'Content-Length: ' . length $raw, '', $raw),
    answer(200, json_text({ response => 'turned', @end })));
is($req->{line}, 'POST /api/generate HTTP/1.1', 'completion: request line');
$j = json_of($req->{body});
is($j->{prompt}, 'The tide', 'completion: prompt');
is($j->{options}{num_predict}, 3, 'completion: max_tokens');
is(json_of($r->{body})->{choices}[0]{text}, 'turned', 'completion: text');

$raw = json_text({ model => 'llama', input => ['a', 'b'] });
$post[0] = 'POST /v1/embeddings HTTP/1.1';
($req, $r) = call(join("\r\n", @post, 'Content-Length: ' . length $raw, '', $raw),
    answer(200, '{"embeddings":[[0.10,1e-7],[3,4]],"prompt_eval_count":2}'));
is($req->{line}, 'POST /api/embed HTTP/1.1', 'embeddings: request line');
is_deeply(json_of($req->{body})->{input}, ['a', 'b'], 'embeddings: input');
like($r->{body}, qr/"embedding":\[0\.10,1e-7\]/, 'embeddings: the provider\'s digits');

# errors

($req, $r) = call(chat('llama'), answer(404, '{"error":"model \'llama3.1\' not found"}'));
is($r->{status}, 404, 'error: status');
like(json_of($r->{body})->{error}{message}, qr/model 'llama3\.1' not found/, 'error: message');
($req, $r) = call(chat('llama'), answer(200, '<html>'));
is($r->{status}, 502, 'an answer that is none');
($req, $r) = call(chat('llama', stream => JSON::PP::true), lines("{\"error\":\"out of memory\"}\n"));
is($r->{status}, 500, 'an error before the first text has a status');
($req, $r) = call(chat('llama', stream => JSON::PP::true), lines(@stream[0, 1], "{\"error\":\"out of memory\"}\n"));
is(texts($r->{body}), 'Hello ', 'an error in a stream: the text before it');
like((events($r->{body}))[-1], qr/"error".*out of memory/, 'an error in a stream: an event, the last one');
($req, $r) = call(chat('llama', stream => JSON::PP::true), lines(@stream[0, 1]));
like((events($r->{body}))[-1], qr/"error"/, 'a stream that is cut ends with an error');
