#!/usr/bin/perl

# An OpenAI client and the Gemini API: JSON, streams, tools, several choices,
# signatures that come back, images by URL and errors through nginx.  The
# translation itself is tested natively (t/unit).

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer chunked);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(60);

my $up = $t->in_front_of(8081, <<'MODELS', <<'SETTINGS');
  - model_name: flash
    litellm_params:
      model: gemini/gemini-2.5-flash
      api_base: http://127.0.0.1:%%PORT_8081%%/v1beta
      api_key: AIza-provider-one
      safety_settings:
        - {category: HARM_CATEGORY_HARASSMENT, threshold: BLOCK_NONE}
  - model_name: three
    litellm_params:
      model: gemini/gemini-3-flash-preview
      api_base: http://127.0.0.1:%%PORT_8081%%/v1beta
      api_key: AIza-provider-one
  - model_name: "any/*"
    litellm_params:
      model: gemini/*
      api_base: http://127.0.0.1:%%PORT_8081%%
      api_key: AIza-provider-one
  - model_name: again
    litellm_params:
      model: gemini/gemini-2.5-flash
      api_base: http://127.0.0.1:%%PORT_8081%%/v1beta
      api_key: AIza-provider-one
      num_retries: 1
MODELS
litellm_settings:
  num_retries: 0
router_settings:
  num_retries: 0
  disable_cooldowns: true
SETTINGS

sub call { exchange($up, @_) }

my %usage = (usageMetadata => { promptTokenCount => 11, candidatesTokenCount => 5, totalTokenCount => 16 });

sub said {
    my ($parts, %more) = @_;
    return { candidates => [{ content => { role => 'model', parts => $parts }, finishReason => 'STOP', index => 0,
        %more }], modelVersion => 'gemini-2.5-flash', responseId => 'r-1', %usage };
}

# an event as Google sends it, without a finish
sub piece {
    my ($parts, %more) = @_;
    return 'data: ' . json_text({ candidates => [{ content => { role => 'model', parts => $parts }, index => 0,
        %more }], responseId => 'r-1' }) . "\r\n\r\n";
}

sub failed {
    my ($code, $status, $message, @details) = @_;
    return json_text({ error => { code => $code, status => $status, message => $message, details => \@details } });
}

my @stream = (stream => JSON::PP::true);
my @client = (headers => ['Authorization' => 'Bearer sk-client', 'x-goog-api-key' => 'AIza-client']);
my @tools = (tools => [{ type => 'function', function => { name => 'get_weather', description => 'd',
    parameters => { type => 'object', properties => { city => { '$ref' => '#/$defs/City' } },
        '$defs' => { City => { type => 'string' } }, additionalProperties => JSON::PP::false } } }]);

# JSON

my ($req, $r) = call(chat('flash', temperature => 0.5, stop => ['a'], x_own => 1, @client),
    answer(200, json_text(said([{ text => 'Hi "there" é' }]))));
is($req->{line}, 'POST /v1beta/models/gemini-2.5-flash:generateContent HTTP/1.1', 'request line');
is($req->{header}{'x-goog-api-key'}, 'AIza-provider-one', 'the key is in its header');
is($req->{header}{authorization}, undef, 'no Authorization');
unlike($req->{line}, qr/AIza|key=/, 'no key in the URL');
unlike($req->{raw}, qr/sk-client|AIza-client/, 'not the client\'s');
my $j = json_of($req->{body});
is_deeply($j->{contents}, [{ role => 'user', parts => [{ text => 'Hello' }] }], 'contents');
is_deeply($j->{generationConfig}, { temperature => 0.5, stopSequences => ['a'] }, 'generationConfig');
is($j->{safetySettings}[0]{threshold}, 'BLOCK_NONE', 'the deployment\'s settings');
ok(!exists $j->{x_own}, 'a foreign member is dropped');

is($r->{status}, 200, 'status');
$j = json_of($r->{body});
is($j->{object}, 'chat.completion', 'object');
is($j->{model}, 'flash', 'model');
is($j->{choices}[0]{message}{content}, 'Hi "there" é', 'text');
is($j->{choices}[0]{finish_reason}, 'stop', 'finish_reason');
is_deeply([@{$j->{usage}}{qw(prompt_tokens completion_tokens total_tokens)}], [11, 5, 16], 'usage');

# a wildcard: the client's word stays a segment of the path

($req) = call(chat('any/x%2f..?y z'), answer(200, json_text(said([{ text => 'x' }]))));
is($req->{line}, 'POST /v1beta/models/x%252f..%3Fy%20z:generateContent HTTP/1.1', 'a model\'s name is escaped');
($req) = call(chat('any/gemini-2.5-pro'), answer(200, json_text(said([{ text => 'x' }]))));
is($req->{line}, 'POST /v1beta/models/gemini-2.5-pro:generateContent HTTP/1.1', 'a bare api_base gets a version');

# tools

($req, $r) = call(chat('three', @tools), answer(200, json_text(said([{ text => 'Let me see' },
    { functionCall => { name => 'get_weather', args => { city => 'Paris' } }, thoughtSignature => 'c2ln+/==' }]))));
$j = json_of($req->{body});
is($j->{tools}[0]{functionDeclarations}[0]{name}, 'get_weather', 'tool upstream');
is_deeply($j->{tools}[0]{functionDeclarations}[0]{parameters},
    { type => 'object', properties => { city => { type => 'string' } } }, 'its schema');
$j = json_of($r->{body})->{choices}[0];
is($j->{finish_reason}, 'tool_calls', 'finish_reason of a tool call');
my $call = $j->{message}{tool_calls}[0];
like($call->{id}, qr/^call_[0-9a-f]{24}__thought__c2ln\+\/==$/, 'its id, with the signature');
is_deeply(json_of($call->{function}{arguments}), { city => 'Paris' }, 'its arguments');

# ... and back: what an OpenAI client sends next

($req, $r) = call(chat('three', @tools, messages => [{ role => 'user', content => 'Hello' }, $j->{message},
    { role => 'tool', tool_call_id => $call->{id}, content => '{"sky": "blue"}' }]),
    answer(200, json_text(said([{ text => 'Blue.' }]))));
my @contents = @{json_of($req->{body})->{contents}};
is_deeply([map { $_->{role} } @contents], ['user', 'model', 'user'], 'roles of the second turn');
is($contents[1]{parts}[1]{thoughtSignature}, 'c2ln+/==', 'the signature is back at its call');
my ($id) = $call->{id} =~ /^(\w+?)__/;
is($contents[1]{parts}[1]{functionCall}{id}, $id, 'the id without it');
is_deeply($contents[2]{parts}, [{ functionResponse => { name => 'get_weather', id => $id,
    response => { sky => 'blue' } } }], 'the result has the function\'s name');

# several choices, a blocked prompt

($req, $r) = call(chat('flash', n => 2), answer(200, json_text({ candidates => [
    map { said([{ text => "t$_" }], index => $_)->{candidates}[0] } 0, 1], %usage })));
is(json_of($req->{body})->{generationConfig}{candidateCount}, 2, 'n upstream');
is(join(' ', map { "$_->{index}$_->{message}{content}" } @{json_of($r->{body})->{choices}}), '0t0 1t1', 'two choices');
($req, $r) = call(chat('flash'), answer(200, json_text({ promptFeedback => { blockReason => 'SAFETY' }, %usage })));
is($r->{status}, 200, 'a blocked prompt is an answer');
is(json_of($r->{body})->{choices}[0]{finish_reason}, 'content_filter', 'with its reason');

# a stream

my @pieces = (piece([{ text => 'Hm.', thought => JSON::PP::true }]), piece([{ text => 'Hel' }]),
    piece([{ text => 'lo ' }]), 'data: ' . json_text(said([{ text => 'you' }])) . "\r\n\r\n");
($req, $r) = call(chat('flash', @stream), chunked(@pieces));
is($req->{line}, 'POST /v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse HTTP/1.1',
    'stream: request line');
is($r->{status}, 200, 'stream: status');
like($r->{header}{'content-type'}, qr/^text\/event-stream/, 'stream: type');
is(texts($r->{body}), 'Hello you', 'stream: text');
my @events = events($r->{body});
is($events[-1], '[DONE]', 'stream: [DONE]');
my @chunks = map { json_of($_) } @events[0 .. $#events - 1];
is($chunks[0]{choices}[0]{delta}{reasoning_content}, 'Hm.', 'stream: thoughts are reasoning');
is(scalar(grep { ($_->{choices}[0]{finish_reason} // '') eq 'stop' } @chunks), 1, 'stream: one finish_reason');
is(scalar(grep { $_->{usage} } @chunks), 0, 'stream: no usage unless asked for');

($req, $r) = call(chat('flash', @stream, stream_options => { include_usage => JSON::PP::true }), chunked(@pieces));
@events = events($r->{body});
is_deeply([@{json_of($events[-2])->{usage}}{qw(prompt_tokens completion_tokens total_tokens)}], [11, 5, 16],
    'stream: usage when asked for');

my $text = '';
my $whole = join '', @pieces;
for my $n (1, 7, 64) {
    ($req, $r) = call(chat('flash', @stream), chunked($whole =~ /(.{1,$n})/gs));
    $text .= texts($r->{body}) eq 'Hello you' && (events($r->{body}))[-1] eq '[DONE]' ? '+' : $n;
}
is($text, '+++', 'stream in pieces of 1, 7, 64 bytes');

# calls in a stream

($req, $r) = call(chat('flash', @stream, @tools), chunked(
    piece([{ functionCall => { name => 'get_weather', args => { city => 'Paris' } }, thoughtSignature => 'c2ln' }]),
    piece([{ functionCall => { name => 'get_weather', args => { city => 'Rome' } } }], finishReason => 'STOP')));
my (@ids, %args, $finish);
for (grep { ref } map { json_of($_) } events($r->{body})) {
    my $choice = $_->{choices}[0];
    $finish = $choice->{finish_reason} if $choice->{finish_reason};
    for my $c (@{$choice->{delta}{tool_calls} || []}) {
        push @ids, $c->{id} if $c->{id};
        $args{$c->{index}} .= $c->{function}{arguments} // '';
    }
}
is($finish, 'tool_calls', 'stream: finish_reason of calls');
is(scalar(@ids), 2, 'stream: two calls');
like($ids[0], qr/^call_\w+?__thought__c2ln$/, 'stream: id with a signature');
isnt($ids[1], $ids[0], 'stream: another id');
is_deeply([map { json_of($args{$_})->{city} } 0, 1], ['Paris', 'Rome'], 'stream: arguments');

# a stream that ends without a finish, one with an error

($req, $r) = call(chat('flash', @stream), chunked($pieces[1]));
@events = events($r->{body});
like($events[-1], qr/"error"/, 'a stream without its finish ends with an error');
($req, $r) = call(chat('flash', @stream), chunked($pieces[1], 'data: ' . failed(429, 'RESOURCE_EXHAUSTED', 'Quota.')
    . "\r\n\r\n"));
@events = events($r->{body});
like($events[-1], qr/RateLimitError.*Quota\./, 'an error behind a text is an event, the last one');
($req, $r) = call(chat('flash', @stream), chunked('data: ' . failed(503, 'UNAVAILABLE', 'Later.') . "\r\n\r\n"));
is($r->{status}, 503, 'an error before any text has its status');

# errors

for my $case ([400, 'INVALID_ARGUMENT', 'Bad field.', 400], [400, 'INVALID_ARGUMENT', 'API key not valid.', 401],
    [429, 'RESOURCE_EXHAUSTED', 'Quota.', 429])
{
    my ($status, $name, $words, $want) = @$case;
    ($req, $r) = call(chat('flash'), answer($status, failed($status, $name, $words)));
    is($r->{status}, $want, "error $status: $words");
    like(json_of($r->{body})->{error}{message}, qr/^litellm\.\w+: GeminiException - \Q$words\E/, 'its message');
}
($req, $r) = call(chat('flash'), answer(403, failed(403, 'PERMISSION_DENIED', 'Key AIza-provider-one is blocked.')));
unlike($r->{raw}, qr/AIza-provider-one/, 'the key is not told');

# garbage with 200 is tried again

my $c = start(chat('again'));
my ($peer) = $up->request;
$peer->write(answer(200, '{"candidates": []}', 'Connection' => 'close'));
$peer->close;
($peer) = $up->request;
ok($peer, 'an answer that is none is tried again');
$peer->write(answer(200, json_text(said([{ text => 'now' }])))) if $peer;
is(json_of(finish($c)->{body})->{choices}[0]{message}{content}, 'now', 'and answered');

# an image by its address

$r = http(chat('flash', messages => [{ role => 'user', content => [{ type => 'image_url',
    image_url => { url => 'https://birds.example/heron.jpg' } }] }]));
is($r->{status}, 400, 'images are not fetched by default');
like(json_of($r->{body})->{error}{message}, qr/litellm_fetch/, 'and it is said why');

unlike($t->read_file('error.log') . $t->read_file('access.log'), qr/AIza/, 'no key in the logs');
