#!/usr/bin/perl

# Embeddings through nginx: the client's forms of input, base64 that the
# gateway makes, providers of other dialects, deployments that answer garbage.

use warnings;
use strict;

use MIME::Base64;
use Test::More;

use LiteLLM::Mock qw(answer);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(38);

$t->write_conf;
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: openai
    litellm_params:
      model: openai/text-embedding-3-small
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      api_key: key-openai
  - model_name: cohere
    litellm_params:
      model: cohere/embed-v4.0
      api_base: http://127.0.0.1:%%PORT_8081%%
      api_key: key-cohere
  - model_name: hf
    litellm_params:
      model: huggingface/sentence-transformers/all-MiniLM-L6-v2
      api_base: http://127.0.0.1:%%PORT_8081%%/endpoint
      api_key: key-hf
  - model_name: voyage
    litellm_params:
      model: voyage/voyage-3
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      api_key: key-voyage
  - model_name: two
    litellm_params:
      model: cohere/embed-broken
      api_base: http://127.0.0.1:%%PORT_8081%%
      api_key: key-cohere
      order: 1
  - model_name: two
    litellm_params:
      model: cohere/embed-v4.0
      api_base: http://127.0.0.1:%%PORT_8081%%
      api_key: key-cohere
      order: 2
  - model_name: chat-only
    litellm_params:
      model: anthropic/claude-sonnet-4-5
      api_base: http://127.0.0.1:%%PORT_8081%%
      api_key: key-anthropic
  - model_name: fake
    litellm_params:
      model: cohere/embed-v4.0
      api_key: none
      mock_response: '[0.25, -2]'
router_settings:
  num_retries: 2
END

my $mock = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    my $body = json_of($req->{body});
    return answer(200, json_text([map { [0.5, -1] } @{$body->{inputs}}])) if $body->{inputs};
    return answer(200, '{"embeddings":{"float":[["x"]]}}') if $body->{model} eq 'embed-broken';
    return answer(200, json_text({ meta => { billed_units => { input_tokens => 4 } }, embeddings => {
        ($body->{embedding_types} || ['float'])->[0] => [map { ($body->{embedding_types} || ['float'])->[0] eq
            'base64' ? encode_base64(pack('f<2', 0.5, -1), '') : [0.5, -1] } @{$body->{texts}}] } }))
        if $body->{texts};
    return answer(200, '{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1]}],'
        . '"model":"m","usage":{"prompt_tokens":2,"total_tokens":2}}');
});

$t->run;

sub embed {
    my ($model, $input, %more) = @_;
    my $r = http_post('/v1/embeddings', { model => $model, input => $input, %more });
    return ($r, json_of($r->{body}), ($mock->requests)[-1]);
}

# a provider of the same dialect

my ($r, $j, $req) = embed('openai', 'a');
is($req->{uri}, '/v1/embeddings', 'openai: path');
is_deeply(json_of($req->{body}), { model => 'text-embedding-3-small', input => 'a' }, 'openai: body');
is_deeply($j->{data}[0]{embedding}, [0.5, -1], 'openai: vector');

# Cohere: a text, a list, dimensions, base64

($r, $j, $req) = embed('cohere', 'a');
is($r->{status}, 200, 'cohere: status');
is($req->{uri}, '/v2/embed', 'cohere: path');
is($req->{header}{authorization}, 'Bearer key-cohere', 'cohere: key');
is_deeply(json_of($req->{body}), { model => 'embed-v4.0', texts => ['a'], input_type => 'search_document',
    embedding_types => ['float'] }, 'cohere: body');
is($j->{object}, 'list', 'cohere: object');
is($j->{model}, 'cohere', 'cohere: model');
is_deeply($j->{data}, [{ object => 'embedding', index => 0, embedding => [0.5, -1] }], 'cohere: data');
is_deeply([@{$j->{usage}}{qw(prompt_tokens total_tokens)}], [4, 4], 'cohere: usage');

($r, $j, $req) = embed('cohere', ['a', 'b'], dimensions => 256, input_type => 'search_query');
is(json_of($req->{body})->{output_dimension}, 256, 'cohere: dimensions');
is(json_of($req->{body})->{input_type}, 'search_query', 'cohere: input_type of the client');
is_deeply([map { $_->{index} } @{$j->{data}}], [0, 1], 'cohere: two inputs');

($r, $j, $req) = embed('cohere', 'a', encoding_format => 'base64');
is_deeply(json_of($req->{body})->{embedding_types}, ['base64'], 'cohere: base64 of its own');
is_deeply([unpack 'f<*', decode_base64($j->{data}[0]{embedding})], [0.5, -1], 'cohere: base64');

for my $path ('/embeddings', '/engines/cohere/embeddings', '/openai/deployments/cohere/embeddings') {
    is(http_post($path, { model => 'cohere', input => 'a' })->{status}, 200, $path);
}

# Hugging Face, which has no base64

($r, $j, $req) = embed('hf', ['a', 'b']);
is($req->{uri}, '/endpoint', 'hf: path');
is_deeply(json_of($req->{body}), { inputs => ['a', 'b'] }, 'hf: body');
is(scalar(@{$j->{data}}), 2, 'hf: two vectors');
($r, $j, $req) = embed('hf', 'a', encoding_format => 'base64');
is_deeply([unpack 'f<*', decode_base64($j->{data}[0]{embedding})], [0.5, -1], 'hf: base64 is made here');
($r, $j) = embed('hf', 'a', dimensions => 3);
is($r->{status}, 400, 'hf: no dimensions');
like($j->{error}{message}, qr/UnsupportedParamsError.*dimensions/, 'hf: no dimensions: message');

# Voyage: other names

($r, $j, $req) = embed('voyage', 'a', dimensions => 256, encoding_format => 'float', user => 'u');
is_deeply(json_of($req->{body}), { model => 'voyage-3', input => 'a', output_dimension => 256 }, 'voyage: body');
is($req->{header}{authorization}, 'Bearer key-voyage', 'voyage: key');

# what is refused before anybody is asked

my $n = $mock->requests;
for my $case (['tokens', 'cohere', [1, 2, 3]], ['nothing', 'cohere', []], ['an object', 'cohere', { a => 1 }],
    ['too many', 'cohere', [('a') x 2049]], ['a chat model', 'chat-only', 'a'])
{
    my ($what, $model, $input) = @$case;
    ($r, $j) = embed($model, $input);
    is($r->{status}, 400, "$what: 400");
}
is($r->{header}{'content-type'}, 'application/json', 'an error is JSON');
is(scalar($mock->requests), $n, 'nobody was asked');

# an answer without vectors is tried again elsewhere

($r, $j, $req) = embed('two', 'a');
is($r->{status}, 200, 'a broken answer: another deployment');
is_deeply([map { json_of($_->{body})->{model} } ($mock->requests)[-2, -1]], ['embed-broken', 'embed-v4.0'],
    'a broken answer: both were asked');

# mock_response

($r, $j) = embed('fake', 'a');
is_deeply($j->{data}[0]{embedding}, [0.25, -2], 'mock_response');
($r, $j) = embed('fake', 'a', encoding_format => 'base64');
is_deeply([unpack 'f<*', decode_base64($j->{data}[0]{embedding})], [0.25, -2], 'mock_response in base64');
