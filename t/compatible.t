#!/usr/bin/perl

# Mistral, Groq and DeepSeek: the wire, and answers and streams that are
# changed on their way.  The edits themselves are tested natively (t/unit,
# t/data).

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer chunked sse openai_chat openai_chunk openai_error openai_stream);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(27);

$t->write_conf;
$t->write_yaml(<<'END');
  - model_name: mistral
    litellm_params:
      model: mistral/mistral-large-latest
      api_base: http://127.0.0.1:%%PORT_8082%%/v1
      api_key: key-mistral-0123
      drop_params: true
  - model_name: groq
    litellm_params:
      model: groq/llama-3.3-70b-versatile
      api_base: http://127.0.0.1:%%PORT_8082%%/openai/v1
      api_key: key-groq-0123
  - model_name: deepseek
    litellm_params:
      model: deepseek/deepseek-chat
      api_base: http://127.0.0.1:%%PORT_8082%%/beta
      api_key: key-deepseek-0123
litellm_settings:
  num_retries: 0
END
my $up = $t->listener(8082);
$t->run;

my $true = JSON::PP::true;

sub call {
    my ($raw, $answer) = @_;
    my $c = start($raw);
    my ($peer, $req) = $up->request;
    return ({ header => {}, body => '' }, finish($c)) if !$peer;
    $peer->write($answer);
    my $r = finish($c);
    $peer->close;
    return ($req, $r);
}

# the wire

my %line = (mistral => '/v1', groq => '/openai/v1', deepseek => '/beta');
my ($req, $r);
for my $name (sort keys %line) {
    ($req, $r) = call(chat($name, headers => ['Authorization' => 'Bearer sk-client']), answer(200, openai_chat('Hi')));
    is($req->{line}, "POST $line{$name}/chat/completions HTTP/1.1", "$name: request line");
    is($req->{header}{authorization}, "Bearer key-$name-0123", "$name: key");
    is($r->{body}, openai_chat('Hi'), "$name: an answer passes to the byte");
}

# tools and a seed, as Mistral has them

my @tools = (tools => [{ type => 'function', function => { name => 'f', parameters => { '$schema' => 'x' } } }]);
($req, $r) = call(chat('mistral', seed => 7, user => 'u', logprobs => $true, @tools), answer(200, openai_chat('',
    choices => [{ index => 0, finish_reason => 'tool_calls', message => { role => 'assistant', content => '',
        prefix => JSON::PP::false, tool_calls => [{ id => 'c', function => { name => 'f', arguments => '{}' } }] } }])));
my $j = json_of($req->{body});
is($j->{random_seed}, 7, 'random_seed');
ok(!exists $j->{seed} && !exists $j->{user} && !exists $j->{logprobs}, 'nothing that Mistral refuses');
is_deeply($j->{tools}[0]{function}{parameters}, {}, 'no $schema');
$j = json_of($r->{body});
is($j->{choices}[0]{message}{tool_calls}[0]{type}, 'function', 'type of a call');
ok(!exists $j->{choices}[0]{message}{prefix}, 'no prefix');
is($r->{header}{'content-length'}, length $r->{body}, 'length of a changed answer');

# thinking and usage in a stream

my @stream = sse(openai_chunk({ role => 'assistant', content => '' }),
    (map { openai_chunk({ content => [{ type => 'thinking', thinking => [{ type => 'text', text => $_ }] }] }) }
        'Which ', 'deck?'),
    openai_chunk('Deck '), openai_chunk('two'),
    openai_chunk({}, choices => [{ index => 0, delta => { content => '' }, finish_reason => 'model_length' }],
        usage => { prompt_tokens => 9, completion_tokens => 6, total_tokens => 15 }), '[DONE]');
($req, $r) = call(chat('mistral', stream => $true, stream_options => { include_usage => $true }), chunked(@stream));
ok(!exists json_of($req->{body})->{stream_options}, 'no stream_options upstream');
my @events = map { json_of($_) } grep { $_ ne '[DONE]' } events($r->{body});
is(join('', map { $_->{choices}[0]{delta}{reasoning_content} // '' } @events), 'Which deck?', 'thinking');
is(texts($r->{body}), 'Deck two', 'text');
is($events[-2]{choices}[0]{finish_reason}, 'length', 'finish_reason');
is_deeply([@{$events[-1]{usage}}{qw(prompt_tokens completion_tokens total_tokens)}], [9, 6, 15], 'usage');
like((events($r->{body}))[-2], qr/"choices":\[\]/, 'usage in an event of its own');
is(scalar(grep { $_->{usage} } @events), 1, 'usage once');

my $whole = $r->{body};
my $same = '';
for my $n (1, 2, 3, 64) {
    ($req, $r) = call(chat('mistral', stream => $true, stream_options => { include_usage => $true }),
        chunked(join('', @stream) =~ /(.{1,$n})/gs));
    $same .= $r->{body} eq $whole ? '+' : $n;
}
is($same, '++++', 'a stream in pieces of 1, 2, 3, 64 bytes');

($req, $r) = call(chat('deepseek', stream => $true), chunked(@stream));
unlike($r->{body}, qr/"usage"/, 'no usage unless asked for');
is(texts($r->{body}) ne '', 1, 'but all the rest');

# errors

($req, $r) = call(chat('mistral', stream => $true), chunked(@stream[0 .. 3],
    sse('{"object":"error","message":"Service tier capacity exceeded","type":"x","code":"3505"}')));
like((events($r->{body}))[-1], qr/"error".*capacity exceeded/, 'an error in a stream is its last event');
($req, $r) = call(chat('groq'), answer(429, openai_error('slow down', 'tokens', 'rate_limit_exceeded'), 'Retry-After' => 7));
is($r->{status}, 429, 'error: status');
