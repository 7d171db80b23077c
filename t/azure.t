#!/usr/bin/perl

# Azure OpenAI and the models of Azure's catalogue: addresses, keys and tokens
# on the wire, answers, streams and errors through nginx.  The edits themselves
# are tested natively (t/unit, t/data/azure).

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer chunked sse openai_chat openai_chunk openai_stream anthropic_message);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(41);

my $up = $t->in_front_of(8082, <<'END');
  - model_name: azure
    litellm_params:
      model: azure/tide 4o
      api_base: http://127.0.0.1:%%PORT_8082%%
      api_key: key-azure-0123
      api_version: 2024-06-01
      drop_params: true
  - model_name: token
    litellm_params:
      model: azure/tide
      api_base: http://127.0.0.1:%%PORT_8082%%
      azure_ad_token: tok-azure-0123
      api_version: v1
  - model_name: o-series
    litellm_params:
      model: azure/o_series/tide
      api_base: http://127.0.0.1:%%PORT_8082%%
      api_key: key-azure-0123
  - model_name: catalogue
    litellm_params:
      model: azure_ai/Phi-4
      api_base: http://127.0.0.1:%%PORT_8082%%/v1
      api_key: key-ai-0123
  - model_name: claude-there
    litellm_params:
      model: azure_ai/claude-sonnet-4-5
      api_base: http://127.0.0.1:%%PORT_8082%%/anthropic
      api_key: key-ai-0123
END

sub call { exchange($up, @_) }

# the wire

my ($req, $r) = call(chat('azure', headers => ['Authorization' => 'Bearer sk-client']), answer(200, openai_chat('Hi')));
is($req->{line}, 'POST /openai/deployments/tide%204o/chat/completions?api-version=2024-06-01 HTTP/1.1',
    'request line');
is($req->{header}{'api-key'}, 'key-azure-0123', 'api-key');
is($req->{header}{authorization}, undef, 'no Authorization beside it');
unlike($req->{raw}, qr/sk-client/, 'not the client\'s key');
unlike($req->{line}, qr/key-azure/, 'no key in the URL');
is(json_of($req->{body})->{model}, 'tide 4o', 'model');
is($r->{status}, 200, 'status');
is($r->{body}, openai_chat('Hi'), 'an answer passes to the byte');

($req, $r) = call(chat('token'), answer(200, openai_chat('Hi')));
is($req->{line}, 'POST /openai/v1/chat/completions HTTP/1.1', 'v1: request line');
is($req->{header}{authorization}, 'Bearer tok-azure-0123', 'a token');
is($req->{header}{'api-key'}, undef, 'no key beside it');

($req, $r) = call(chat('o-series', max_tokens => 9), answer(200, openai_chat('Hi')));
is(json_of($req->{body})->{max_completion_tokens}, 9, 'o_series: max_completion_tokens');
is(json_of($req->{body})->{model}, 'tide', 'o_series: name');

($req, $r) = call(chat('catalogue'), answer(200, openai_chat('Hi')));
is($req->{line}, 'POST /v1/chat/completions HTTP/1.1', 'catalogue: request line');
is($req->{header}{authorization}, 'Bearer key-ai-0123', 'catalogue: the key of one model');

($req, $r) = call(chat('claude-there'), answer(200, anthropic_message('Hi')));
is($req->{line}, 'POST /anthropic/v1/messages HTTP/1.1', 'Claude: request line');
is($req->{header}{'x-api-key'}, 'key-ai-0123', 'Claude: x-api-key');
is(json_of($r->{body})->{choices}[0]{message}{content}, 'Hi', 'Claude: answer');

# a stream: the event of the content filter is none

my $filter = '{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[]}';
my @stream = openai_stream('Hel', 'lo');
($req, $r) = call(chat('azure', stream => JSON::PP::true), chunked(sse($filter), @stream));
is($r->{status}, 200, 'stream: status');
is($r->{body}, join('', @stream), 'stream: events pass to the byte, without the filter\'s');

my $text = '';
for my $n (1, 3, 64) {
    ($req, $r) = call(chat('azure', stream => JSON::PP::true),
        chunked(join('', sse($filter), @stream) =~ /(.{1,$n})/gs));
    $text .= $r->{body} eq join('', @stream) ? '+' : $n;
}
is($text, '+++', 'stream in pieces of 1, 3, 64 bytes');

# a schema for a version that has none: content in place of a call

my @schema = (response_format => { type => 'json_schema',
    json_schema => { name => 'n', schema => { type => 'object' } } });
my $tool = { id => 'c', type => 'function', function => { name => 'json_tool_call', arguments => '{"x": 7}' } };
($req, $r) = call(chat('azure', @schema), answer(200, openai_chat('', choices => [{ index => 0,
    finish_reason => 'tool_calls', message => { role => 'assistant', content => undef, tool_calls => [$tool] } }])));
my $j = json_of($req->{body});
is($j->{tools}[0]{function}{name}, 'json_tool_call', 'schema: a tool upstream');
is($j->{tool_choice}{function}{name}, 'json_tool_call', 'schema: it must be called');
is($j->{response_format}, undef, 'schema: no response_format');
$j = json_of($r->{body});
is($j->{choices}[0]{message}{content}, '{"x": 7}', 'schema: content');
is($j->{choices}[0]{message}{tool_calls}, undef, 'schema: no call');
is($j->{choices}[0]{finish_reason}, 'stop', 'schema: finish_reason');
is($r->{header}{'content-length'}, length $r->{body}, 'schema: length');

my @pieces = map { openai_chunk({ tool_calls => [$_] }) }
    { index => 0, id => 'c', type => 'function', function => { name => 'json_tool_call', arguments => '' } },
    (map { { index => 0, function => { arguments => $_ } } } '{"x"', ': 7}');
@stream = (sse(openai_chunk({ role => 'assistant', content => '' }), @pieces),
    sse(openai_chunk({}, choices => [{ index => 0, delta => {}, finish_reason => 'tool_calls' }]), '[DONE]'));
($req, $r) = call(chat('azure', stream => JSON::PP::true, @schema), chunked(@stream));
is(texts($r->{body}), '{"x": 7}', 'schema: content in a stream');
unlike($r->{body}, qr/tool_call/, 'schema: no call in a stream');
my @events = events($r->{body});
is(json_of($events[-2])->{choices}[0]{finish_reason}, 'stop', 'schema: finish_reason in a stream');
is($events[-1], '[DONE]', 'schema: the end');

$text = '';
my $whole = $r->{body};
for my $n (1, 2, 100) {
    ($req, $r) = call(chat('azure', stream => JSON::PP::true, @schema), chunked(join('', @stream) =~ /(.{1,$n})/gs));
    $text .= $r->{body} eq $whole ? '+' : $n;
}
is($text, '+++', 'schema: a stream in pieces of 1, 2, 100 bytes');

($req, $r) = call(chat('azure', stream => JSON::PP::true, @schema),
    chunked(substr(join('', @stream[0 .. 3]), 0, -2)));
is(texts($r->{body}), '{"x": 7}', 'schema: an event without its end');

# errors

my $refused = json_text({ error => { code => 'content_filter', message => 'The prompt was filtered for key-azure-0123',
    innererror => { code => 'ResponsibleAIPolicyViolation' } } });
($req, $r) = call(chat('azure'), answer(400, $refused));
is($r->{status}, 400, 'filter: status');
$j = json_of($r->{body});
like($j->{error}{message}, qr/^litellm\.ContentPolicyViolationError: .*The prompt was filtered/, 'filter: message');
unlike($r->{body}, qr/key-azure-0123/, 'filter: no key');
is($j->{error}{provider_specific_fields}{innererror}{code}, 'ResponsibleAIPolicyViolation', 'filter: innererror');

# the same in a stream, over several lines

(my $lines = JSON::PP->new->pretty->encode(json_of($refused))) =~ s/^/data: /mg;
($req, $r) = call(chat('azure', stream => JSON::PP::true), chunked(@stream[0 .. 2], "$lines\n"));
is(scalar(stray($r->{body})), 0, 'filter in a stream: events of one line');
($j) = grep { ref && $_->{error} } map { json_of($_) } events($r->{body});
is($j->{error}{provider_specific_fields}{innererror}{code}, 'ResponsibleAIPolicyViolation',
    'filter in a stream: innererror');

($req, $r) = call(chat('azure'), answer(404, json_text({ error => { code => 'DeploymentNotFound', message => 'No' } })));
is($r->{status}, 404, 'no deployment: status');
