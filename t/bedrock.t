#!/usr/bin/perl

# An OpenAI client and Amazon Bedrock: signed requests, JSON, binary event
# streams cut anywhere, exceptions in them, tools, embeddings and errors through
# nginx.  The translation itself is tested natively (t/unit).

use warnings;
use strict;

use Compress::Zlib ();
use Digest::SHA qw(sha256_hex hmac_sha256 hmac_sha256_hex);
use Test::More;

use LiteLLM::Mock qw(answer);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(66);

my $up = $t->in_front_of(8081, <<'MODELS', <<'SETTINGS');
  - model_name: claude
    litellm_params: &aws
      model: bedrock/converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0
      aws_bedrock_runtime_endpoint: http://127.0.0.1:%%PORT_8081%%/aws
      aws_access_key_id: AKIDTEST
      aws_secret_access_key: bedrock-secret-one
      aws_region_name: eu-west-1
  - model_name: session
    litellm_params:
      <<: *aws
      model: bedrock/arn:aws:bedrock:eu-west-1:1:application-inference-profile/p1
      aws_session_token: bedrock-session-token
  - model_name: bearer
    litellm_params:
      model: bedrock/anthropic.claude-3-haiku-20240307-v1:0
      aws_bedrock_runtime_endpoint: http://127.0.0.1:%%PORT_8081%%
      api_key: bedrock-key-two
  - model_name: any/*
    litellm_params:
      <<: *aws
      model: bedrock/*
  - model_name: titan
    litellm_params:
      <<: *aws
      model: bedrock/amazon.titan-embed-text-v2:0
  - model_name: failing
    litellm_params:
      <<: *aws
  - model_name: role
    litellm_params:
      <<: *aws
      aws_role_name: arn:aws:iam::1:role/r
MODELS
litellm_settings:
  num_retries: 0
  fallbacks: [{ failing: [bearer] }]
SETTINGS

sub call { exchange($up, @_) }

# why the signature of a request is wrong; '' if it is right
sub signature {
    my ($req, $secret) = @_;
    my $h = $req->{header};
    my ($path) = $req->{line} =~ /^POST (\S+) / or return 'no POST';
    my ($id, $scope, $names, $got) = ($h->{authorization} // '')
        =~ m{^AWS4-HMAC-SHA256 Credential=(\w+)/(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})$}
        or return 'no SigV4 authorization';
    return "key id $id" if $id ne 'AKIDTEST';
    my ($day, $region, $service, $end) = split /\//, $scope;
    return "scope $scope" if "$region/$service/$end" ne 'eu-west-1/bedrock/aws4_request';
    return 'date' if $h->{'x-amz-date'} !~ /^$day/;
    return "signed headers $names" if $names !~ /^host;x-amz-date(;x-amz-security-token)?$/;
    return 'token is not signed' if $h->{'x-amz-security-token'} && !$1;
    $path =~ s{([^A-Za-z0-9/._~-])}{sprintf '%%%02X', ord $1}ge;
    my $canonical = join "\n", 'POST', $path, '', (map { "$_:$h->{$_}" } split /;/, $names), '', $names,
        sha256_hex($req->{body});
    my $key = "AWS4$secret";
    $key = hmac_sha256($_, $key) for $day, $region, $service, $end;
    my $want = hmac_sha256_hex(join("\n", 'AWS4-HMAC-SHA256', $h->{'x-amz-date'}, $scope,
        sha256_hex($canonical)), $key);
    return $got eq $want ? '' : 'the signature does not verify';
}

# a message of AWS's event stream
sub message {
    my ($name, $payload, $type) = @_;
    $payload = json_text($payload) if ref $payload;
    my %h = (':message-type' => $type || 'event',
        ($type ? ':exception-type' : ':event-type') => $name, ':content-type' => 'application/json');
    my $headers = join '', map { pack 'C/a* C n/a*', $_, 7, $h{$_} } sort keys %h;
    my $m = pack 'N N', 16 + length($headers) + length($payload), length $headers;
    $m .= pack 'N', Compress::Zlib::crc32($m);
    $m .= $headers . $payload;
    return $m . pack 'N', Compress::Zlib::crc32($m);
}

sub stream {
    return "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n" . join('', map { LiteLLM::Mock::chunk($_) } @_) . "0\r\n\r\n";
}

sub delta { message('contentBlockDelta', { contentBlockIndex => $_[0], delta => $_[1] }) }

my $start = message('messageStart', { role => 'assistant' });
my @end = (message('messageStop', { stopReason => 'end_turn' }),
    message('metadata', { usage => { inputTokens => 11, outputTokens => 5, totalTokens => 16 } }));
my %true = (stream => JSON::PP::true);
my @client = (headers => ['Authorization' => 'Bearer sk-client']);

sub reply {
    my ($content, $stop) = @_;
    return answer(200, json_text({ output => { message => { role => 'assistant', content => $content } },
        stopReason => $stop || 'end_turn', usage => { inputTokens => 11, outputTokens => 5, totalTokens => 16 } }));
}

# JSON

my ($req, $r) = call(chat('claude', temperature => 0.5, max_tokens => 9, @client), reply([{ text => 'Hi "there" é' }]));
is($req->{line}, 'POST /aws/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse HTTP/1.1', 'request line');
is($req->{header}{host}, '127.0.0.1:' . $t->port(8081), 'host');
is(signature($req, 'bedrock-secret-one'), '', 'signature');
isnt(signature($req, 'another-secret'), '', 'not with another secret');
is($req->{header}{'content-type'}, 'application/json', 'type');
is($req->{header}{'x-amz-security-token'}, undef, 'no token');
unlike($req->{raw}, qr/sk-client|bedrock-secret/, 'no key of the client, no secret');
my $j = json_of($req->{body});
is_deeply($j->{messages}, [{ role => 'user', content => [{ text => 'Hello' }] }], 'messages');
is_deeply($j->{inferenceConfig}, { temperature => 0.5, maxTokens => 9 }, 'inferenceConfig');
ok(!exists $j->{model}, 'no model in the body');

is($r->{status}, 200, 'status');
$j = json_of($r->{body});
is($j->{choices}[0]{message}{content}, 'Hi "there" é', 'text');
is($j->{choices}[0]{finish_reason}, 'stop', 'finish_reason');
is_deeply([@{$j->{usage}}{qw(prompt_tokens completion_tokens total_tokens)}], [11, 5, 16], 'usage');

# a session, an ARN; a bearer

($req, $r) = call(chat('session'), reply([{ text => 'a' }]));
is($req->{line}, 'POST /aws/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Aapplication-inference-profile%2Fp1'
    . '/converse HTTP/1.1', 'an ARN is one segment');
is($req->{header}{'x-amz-security-token'}, 'bedrock-session-token', 'token');
is(signature($req, 'bedrock-secret-one'), '', 'signature with a token');

($req, $r) = call(chat('bearer'), reply([{ text => 'a' }]));
is($req->{line}, 'POST /model/anthropic.claude-3-haiku-20240307-v1%3A0/converse HTTP/1.1', 'without a path');
is($req->{header}{authorization}, 'Bearer bedrock-key-two', 'bearer');
is($req->{header}{'x-amz-date'}, undef, 'not signed');

# names that a client makes up stay one segment

($req, $r) = call(chat('any/../../x?y=%2e#z'), reply([{ text => 'a' }]));
is($req->{line}, 'POST /aws/model/..%2F..%2Fx%3Fy%3D%252e%23z/converse HTTP/1.1', 'a name with a path in it');
is(signature($req, 'bedrock-secret-one'), '', 'its signature');
$r = http(chat('any/..'));
is($r->{status}, 400, 'a name that is a step up');

# a long body is signed as it is sent

($req, $r) = call(chat('claude', messages => [map { { role => 'user', content => "é$_ " . 'x' x 20_000 } } 1 .. 20]),
    reply([{ text => 'a' }]));
ok(length $req->{body} > 400_000, 'a long body');
is(signature($req, 'bedrock-secret-one'), '', 'signature of a long body');

# tools

my @tools = (tools => [{ type => 'function', function => { name => 'get.weather',
    parameters => { type => 'object', properties => { city => { type => 'string' } } } } }]);
my $name;
{
    my $c = start(chat('claude', @tools));
    my ($peer, $q) = $up->request;
    $name = json_of($q->{body})->{toolConfig}{tools}[0]{toolSpec}{name};
    $peer->write(reply([{ toolUse => { toolUseId => 't1', name => $name, input => { city => 'Paris' } } }], 'tool_use'));
    $r = finish($c);
    $peer->close;
}
like($name, qr/^get_weather_[0-9a-f]{8}$/, 'a name that Bedrock takes');
$j = json_of($r->{body});
is($j->{choices}[0]{finish_reason}, 'tool_calls', 'finish_reason of a tool call');
is($j->{choices}[0]{message}{tool_calls}[0]{id}, 't1', 'its id');
is($j->{choices}[0]{message}{tool_calls}[0]{function}{name}, 'get.weather', 'the client\'s name');
is_deeply(json_of($j->{choices}[0]{message}{tool_calls}[0]{function}{arguments}), { city => 'Paris' },
    'its arguments');

# a stream

my @text = map { delta(0, { text => $_ }) } 'Hel', 'lo ', 'you';
my @stream = ($start, @text, message('contentBlockStop', { contentBlockIndex => 0 }), @end);

($req, $r) = call(chat('claude', %true), stream(@stream));
like($req->{line}, qr{/converse-stream HTTP/1.1$}, 'stream: request line');
ok(!exists json_of($req->{body})->{stream}, 'stream: the body is the same');
is(signature($req, 'bedrock-secret-one'), '', 'stream: signature');
is($r->{status}, 200, 'stream: status');
like($r->{header}{'content-type'}, qr/^text\/event-stream/, 'stream: type');
is(texts($r->{body}), 'Hello you', 'stream: text');
is((events($r->{body}))[-1], '[DONE]', 'stream: [DONE]');
is(scalar(grep { /"usage"/ } events($r->{body})), 0, 'stream: no usage unless asked for');

($req, $r) = call(chat('claude', %true, stream_options => { include_usage => JSON::PP::true }), stream(@stream));
is_deeply([@{json_of((events($r->{body}))[-2])->{usage}}{qw(prompt_tokens completion_tokens total_tokens)}],
    [11, 5, 16], 'stream: usage when asked for');

# the same stream in odd pieces, of chunks and of writes

my $whole = join '', @stream;
my $result = '';
for my $n (1, 2, 3, 7, 64, 10_000) {
    ($req, $r) = call(chat('claude', %true), stream($whole =~ /(.{1,$n})/gs));
    $result .= texts($r->{body}) eq 'Hello you' && (events($r->{body}))[-1] eq '[DONE]' ? '+' : $n;
}
for my $n (1, 13, 300) {
    ($req, $r) = call(chat('claude', %true), stream(@stream), $n);
    $result .= texts($r->{body}) eq 'Hello you' && (events($r->{body}))[-1] eq '[DONE]' ? '+' : $n;
}
is($result, '+++++++++', 'stream in pieces');

# a call and thoughts in a stream

($req, $r) = call(chat('claude', %true, @tools), stream($start,
    delta(0, { reasoningContent => { text => 'Hm.' } }), delta(0, { reasoningContent => { signature => 'c2ln' } }),
    message('contentBlockStart', { contentBlockIndex => 1, start => { toolUse => { toolUseId => 't1', name => $name } } }),
    delta(1, { toolUse => { input => '{"city":' } }), delta(1, { toolUse => { input => '"Ulm"}' } }),
    message('contentBlockStop', { contentBlockIndex => 1 }), message('messageStop', { stopReason => 'tool_use' }), $end[1]));
my @choices = map { json_of($_)->{choices}[0] } grep { $_ ne '[DONE]' } events($r->{body});
my @calls = map { @{$_->{delta}{tool_calls} || []} } @choices;
is($calls[0]{function}{name}, 'get.weather', 'stream: a call');
is(join('', map { $_->{function}{arguments} // '' } @calls), '{"city":"Ulm"}', 'stream: its arguments');
is(join('', map { $_->{delta}{reasoning_content} // '' } @choices), 'Hm.', 'stream: thoughts');
like($r->{body}, qr/"signature":"c2ln"/, 'stream: their signature');
is((grep { $_ } map { $_->{finish_reason} } @choices)[0], 'tool_calls', 'stream: finish_reason');

# exceptions: as the first message a status, later an event

($req, $r) = call(chat('claude', %true), stream(message('throttlingException', { message => 'slow down' }, 'exception')));
is($r->{status}, 429, 'exception first: status');
like($r->{body}, qr/RateLimitError.*slow down/, 'exception first: text');

($req, $r) = call(chat('claude', %true), stream($start, $text[0],
    message('modelStreamErrorException', { message => 'worker lost' }, 'exception')));
is($r->{status}, 200, 'exception later: status');
is(texts($r->{body}), 'Hel', 'exception later: the text before it');
like($r->{body}, qr/"error":.*worker lost/, 'exception later: an error event');
unlike($r->{body}, qr/\[DONE\]/, 'exception later: no [DONE]');

{
    my $c = start(chat('failing', %true));
    my ($peer) = $up->request;
    $peer->write(stream($start, message('serviceUnavailableException', { message => 'later' }, 'exception')));
    $peer->close;
    ($peer, my $q) = $up->request;
    $peer->write(stream(@stream));
    $r = finish($c);
    $peer->close;
    is($q->{header}{authorization}, 'Bearer bedrock-key-two', 'exception first: a fallback');
    is(texts($r->{body}), 'Hello you', 'exception first: its text');
}

# a damaged message, a cut one, none at all

my $bad = $text[1];
substr($bad, -6, 1) ^= "\1";
($req, $r) = call(chat('claude', %true), stream($bad));
is($r->{status} >= 500, 1, 'a wrong checksum: status');

for my $rest ([$bad, 'a wrong checksum later'], [substr($text[1], 0, 30), 'a cut message']) {
    my $c = start(chat('claude', %true));
    my ($peer) = $up->request;
    my $all = stream($start, $text[0], $rest->[0]);
    my $n = length(stream($start, $text[0])) - 5;
    $peer->write(substr $all, 0, $n);
    ok($c->read_until(qr/Hel/), "$rest->[1]: the text before it");
    $peer->write(substr $all, $n);
    $peer->close;
    like(finish($c)->{raw}, qr/"error":/, "$rest->[1]: an error event");
}

($req, $r) = call(chat('claude', %true), stream());
is($r->{status} >= 500, 1, 'no message');

# embeddings: a call for each input

{
    my $c = start(LiteLLM::Test::post_request('/v1/embeddings', { model => 'titan', input => ['a', 'b'] }));
    my @bodies;
    for my $n (1, 2) {
        my ($peer, $q) = $up->request;
        push @bodies, json_of($q->{body})->{inputText} . signature($q, 'bedrock-secret-one');
        $peer->write(answer(200, json_text({ embedding => [$n, 0.5], inputTextTokenCount => $n })));
        $peer->close;
    }
    $r = finish($c);
    is_deeply(\@bodies, ['a', 'b'], 'embeddings: signed calls');
    $j = json_of($r->{body});
    is_deeply([map { $_->{embedding} } @{$j->{data}}], [[1, 0.5], [2, 0.5]], 'embeddings: vectors');
    is($j->{usage}{prompt_tokens}, 3, 'embeddings: usage');
}

# errors

($req, $r) = call(chat('claude'), answer(403, json_text({ message =>
    'The security token included in the request is invalid.' })));
is($r->{status}, 401, 'an invalid key');
($req, $r) = call(chat('claude'), answer(200, '{"message":"odd"}'));
is($r->{status} >= 500, 1, 'an answer that is none');

# what can't be served is told

like($t->read_file('error.log'), qr/aws_role_name: roles are not assumed here/, 'a role');
unlike($t->read_file('error.log'), qr/bedrock-secret|bedrock-session-token|bedrock-key/, 'no secret in the log');
