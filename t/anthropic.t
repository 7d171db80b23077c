#!/usr/bin/perl

# An OpenAI client and an Anthropic provider: JSON, streams, tools and errors
# through nginx.  The translation itself is tested natively (t/unit).

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer chunked anthropic_message anthropic_stream anthropic_error);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(50);

$t->write_conf;
$t->write_yaml(<<'END');
litellm_settings:
  num_retries: 0
END
my $up = $t->listener(8082);
$t->run;

sub call { exchange($up, @_) }

# JSON

my ($req, $r) = call(chat('claude', temperature => 0.5, stop => ['a'],
    headers => ['Authorization' => 'Bearer sk-client']), answer(200, anthropic_message('Hi "there" é')));
is($req->{line}, 'POST /v1/messages HTTP/1.1', 'request line');
is($req->{header}{'x-api-key'}, 'sk-provider-two', 'x-api-key');
is($req->{header}{authorization}, undef, 'no Authorization');
is($req->{header}{'anthropic-version'}, '2023-06-01', 'anthropic-version');
unlike($req->{raw}, qr/sk-client/, 'not the client\'s key');
my $j = json_of($req->{body});
is($j->{model}, 'claude-3-5-sonnet-20241022', 'model');
is_deeply([map { $_->{role} } @{$j->{messages}}], ['user'], 'messages');
ok($j->{max_tokens} > 0, 'a default for max_tokens');
is_deeply($j->{stop_sequences}, ['a'], 'stop');

is($r->{status}, 200, 'status');
$j = json_of($r->{body});
is($j->{object}, 'chat.completion', 'object');
is($j->{choices}[0]{message}{content}, 'Hi "there" é', 'text');
is($j->{choices}[0]{finish_reason}, 'stop', 'finish_reason');
is_deeply([@{$j->{usage}}{qw(prompt_tokens completion_tokens total_tokens)}], [11, 5, 16], 'usage');
is($r->{header}{'x-litellm-model-group'}, 'claude', 'model group');

# a close-delimited and a chunked answer

my $message = anthropic_message('x' x 100_000);
($req, $r) = call(chat('claude'), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n$message");
is(length json_of($r->{body})->{choices}[0]{message}{content}, 100_000, 'until the connection ends');
($req, $r) = call(chat('claude'), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n"
    . join('', map { LiteLLM::Mock::chunk($_) } $message =~ /(.{1,1000})/gs) . "0\r\n\r\n");
is(length json_of($r->{body})->{choices}[0]{message}{content}, 100_000, 'in chunks');

# tools

my @tools = (tools => [{ type => 'function', function => { name => 'get_weather',
    description => 'd', parameters => { type => 'object', properties => { city => { type => 'string' } } } } }]);
($req, $r) = call(chat('claude', @tools), answer(200, anthropic_message('', stop_reason => 'tool_use',
    content => [{ type => 'text', text => 'Let me see' },
        { type => 'tool_use', id => 'toolu_1', name => 'get_weather', input => { city => 'Paris' } }])));
is(json_of($req->{body})->{tools}[0]{name}, 'get_weather', 'tool upstream');
is(json_of($req->{body})->{tools}[0]{input_schema}{type}, 'object', 'its schema');
$j = json_of($r->{body});
is($j->{choices}[0]{finish_reason}, 'tool_calls', 'finish_reason of a tool call');
is($j->{choices}[0]{message}{tool_calls}[0]{id}, 'toolu_1', 'its id');
is_deeply(json_of($j->{choices}[0]{message}{tool_calls}[0]{function}{arguments}), { city => 'Paris' },
    'its arguments');

# a stream

my @stream = anthropic_stream('Hel', 'lo ', 'you');
($req, $r) = call(chat('claude', stream => JSON::PP::true), chunked(@stream));
is(json_of($req->{body})->{stream}, JSON::PP::true, 'stream upstream');
is($r->{status}, 200, 'stream: status');
like($r->{header}{'content-type'}, qr/^text\/event-stream/, 'stream: type');
is(texts($r->{body}), 'Hello you', 'stream: text');
my @events = events($r->{body});
is($events[-1], '[DONE]', 'stream: [DONE]');
my @chunks = map { json_of($_) } @events[0 .. $#events - 1];
is($chunks[0]{choices}[0]{delta}{role}, 'assistant', 'stream: role in the first delta');
is(scalar(grep { ($_->{choices}[0]{finish_reason} // '') eq 'stop' } @chunks), 1, 'stream: one finish_reason');
is(scalar(grep { $_->{usage} } @chunks), 0, 'stream: no usage unless asked for');
my %ids = map { $_->{id} => 1 } @chunks;
is(scalar(keys %ids), 1, 'stream: one id');

($req, $r) = call(chat('claude', stream => JSON::PP::true,
    stream_options => { include_usage => JSON::PP::true }), chunked(@stream));
@events = events($r->{body});
my $usage = json_of($events[-2]);
is_deeply([@{$usage->{usage}}{qw(prompt_tokens completion_tokens total_tokens)}], [11, 5, 16],
    'stream: usage when asked for');
ok(!grep({ $_->{delta} && length($_->{delta}{content} // '') } @{$usage->{choices}}), 'stream: no text beside it');

# the same stream in odd pieces

my $whole = join '', @stream;
my $text;
for my $n (1, 2, 3, 7, 64) {
    ($req, $r) = call(chat('claude', stream => JSON::PP::true), chunked($whole =~ /(.{1,$n})/gs));
    $text .= texts($r->{body}) eq 'Hello you' && (events($r->{body}))[-1] eq '[DONE]' ? '+' : $n;
}
is($text, '+++++', 'stream in pieces of 1, 2, 3, 7, 64 bytes');

# an event over several lines, with JSON of the provider that goes as it is

my @cited = @stream;
splice @cited, 4, 0, join '', map { "$_\n" } 'event: content_block_delta',
    map({ "data: $_" } '{"type":"content_block_delta","index":0,', '"delta":{"type":"citations_delta",',
        '"citation":{"cited_text":"x",', '"title":"y"}}}'), '';
($req, $r) = call(chat('claude', stream => JSON::PP::true), chunked(@cited));
is(texts($r->{body}), 'Hello you', 'an event over several lines: the text');
is(scalar(stray($r->{body})), 0, 'our events are of one');
like($r->{body}, qr/"citation":\{"cited_text":"x","title":"y"\}/, 'its citation');

# a tool call in a stream

my @tool = (@stream[0, 2],
    map { "event: $_->{type}\ndata: " . json_text($_) . "\n\n" }
    { type => 'content_block_start', index => 0,
        content_block => { type => 'tool_use', id => 'toolu_1', name => 'get_weather', input => {} } },
    (map { { type => 'content_block_delta', index => 0,
        delta => { type => 'input_json_delta', partial_json => $_ } } } '', '{"ci', 'ty":"Par', 'is"}'),
    { type => 'content_block_stop', index => 0 },
    { type => 'message_delta', delta => { stop_reason => 'tool_use' }, usage => { output_tokens => 9 } },
    { type => 'message_stop' });
($req, $r) = call(chat('claude', stream => JSON::PP::true, @tools), chunked(@tool));
my ($id, $name, $args) = ('', '', '');
for (grep { ref } map { json_of($_) } events($r->{body})) {
    for my $call (@{$_->{choices}[0]{delta}{tool_calls} || []}) {
        $id .= $call->{id} // '';
        $name .= $call->{function}{name} // '';
        $args .= $call->{function}{arguments} // '';
    }
}
is($id, 'toolu_1', 'stream: id of a tool call, once');
is($name, 'get_weather', 'stream: its name, once');
is($args, '{"city":"Paris"}', 'stream: its arguments');

# errors

for my $case ([400, 'invalid_request_error', 400], [401, 'authentication_error', 401],
    [429, 'rate_limit_error', 429], [529, 'overloaded_error', 503])
{
    my ($status, $type, $want) = @$case;
    ($req, $r) = call(chat('claude'), answer($status, anthropic_error($type, "words of $type")));
    is($r->{status}, $want, "error $status");
    like(json_of($r->{body})->{error}{message}, qr/^litellm\.\w+: .*words of $type/s, "error $status: message");
}

# an error in a stream, before and after its first text

my $error = "event: error\ndata: " . anthropic_error('overloaded_error', 'Overloaded') . "\n\n";
($req, $r) = call(chat('claude', stream => JSON::PP::true), chunked($stream[0], $error));
ok($r->{status} >= 500, 'an error before the first text has its status');
($req, $r) = call(chat('claude', stream => JSON::PP::true), chunked(@stream[0 .. 3], $error));
@events = events($r->{body});
like($events[-1], qr/"error"/, 'an error behind a text is an event, the last one');
