#!/usr/bin/perl

# Rerank through nginx: paths, providers, top_n and documents, health.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(37);

$t->write_conf;
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: cohere
    litellm_params:
      model: cohere/rerank-v3.5
      api_base: http://127.0.0.1:%%PORT_8081%%
      api_key: key-cohere
  - model_name: together
    litellm_params:
      model: together_ai/Salesforce/Llama-Rank-V1
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      api_key: key-together
  - model_name: tei
    litellm_params:
      model: huggingface/BAAI/bge-reranker-base
      api_base: http://127.0.0.1:%%PORT_8081%%
      api_key: key-tei
  - model_name: broken
    litellm_params:
      model: cohere/broken
      api_base: http://127.0.0.1:%%PORT_8081%%
      api_key: key-cohere
  - model_name: gpt
    litellm_params:
      model: openai/gpt-4o
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      api_key: key-openai
  - model_name: fake
    litellm_params:
      model: cohere/rerank-v3.5
      api_key: none
      mock_response: '[{"index":0,"relevance_score":0.5}]'
litellm_settings:
  num_retries: 0
END

my @results = ({ index => 1, relevance_score => 0.9 }, { index => 0, relevance_score => 0.25 });

my $mock = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    my $body = json_of($req->{body});
    return answer(200, openai_of()) if $body->{messages};
    return answer(200, json_text([map { { index => $_->{index}, score => $_->{relevance_score} } } @results]))
        if $body->{texts};
    return answer(200, '{"results":[{"index":77,"relevance_score":1}]}') if $body->{model} eq 'broken';
    my @few = @results[0 .. (@{$body->{documents}} > 1 ? 1 : -1)];
    @few = ({ index => 0, relevance_score => 1 }) if !@few;
    return answer(200, json_text({ id => 'r1', results => \@few, $req->{uri} eq '/v1/rerank'
        ? (usage => { total_tokens => 30, prompt_tokens => 30 })
        : (meta => { billed_units => { search_units => 1 } }) }));
});

sub openai_of { LiteLLM::Mock::openai_chat('hi') }

$t->run;

my @documents = ('The oven is hot.', { text => 'High water is at 05:31.', n => 1 });
my %ask = (query => 'when is high water', documents => \@documents);

sub rerank {
    my ($model, %more) = @_;
    my $r = http_post(delete $more{uri} || '/v1/rerank', { model => $model, %ask, %more });
    return ($r, json_of($r->{body}), ($mock->requests)[-1]);
}

# Cohere

my ($r, $j, $req) = rerank('cohere', top_n => 2);
is($r->{status}, 200, 'cohere: status');
is($req->{uri}, '/v2/rerank', 'cohere: path');
is($req->{header}{authorization}, 'Bearer key-cohere', 'cohere: key');
is_deeply(json_of($req->{body}), { model => 'rerank-v3.5', top_n => 2, %ask }, 'cohere: body');
is($j->{id}, 'r1', 'cohere: id');
is_deeply($j->{results}, \@results, 'cohere: results');
is_deeply($j->{meta}, { billed_units => { search_units => 1 } }, 'cohere: meta');
is($r->{header}{'x-litellm-model-group'}, 'cohere', 'cohere: model group');

($r, $j, $req) = rerank('cohere', top_n => 1, return_documents => JSON::PP::true);
is_deeply($j->{results}, [{ %{$results[0]}, document => $documents[1] }], 'one result with its document');
ok(!exists json_of($req->{body})->{return_documents}, 'return_documents is the gateway\'s work');

# paths

for my $uri ('/rerank', '/v2/rerank', '/openai/deployments/cohere/rerank', '/engines/cohere/rerank') {
    is(http_post($uri, { model => 'cohere', %ask })->{status}, 200, $uri);
}
is(http_get('/v1/rerank')->{status}, 405, 'no GET');
is(http_post('/v3/rerank', { model => 'cohere', %ask })->{status}, 404, 'no version 3');

# Together AI, Text Embeddings Inference

($r, $j, $req) = rerank('together', top_n => 2, return_documents => JSON::PP::true);
is($req->{uri}, '/v1/rerank', 'together: path');
is($req->{header}{authorization}, 'Bearer key-together', 'together: key');
is_deeply(json_of($req->{body})->{return_documents}, JSON::PP::true, 'together: return_documents');
is_deeply($j->{results}[1]{document}, { text => $documents[0] }, 'together: a document it did not give');
is($j->{meta}{billed_units}{total_tokens}, 30, 'together: usage as meta');

($r, $j, $req) = rerank('tei', top_n => 1);
is($req->{uri}, '/rerank', 'tei: path');
is_deeply(json_of($req->{body}), { query => $ask{query}, texts => [$documents[0], $documents[1]{text}] },
    'tei: body');
is_deeply($j->{results}, [$results[0]], 'tei: top_n');

# what is refused before anybody is asked

my $n = $mock->requests;
for my $case (['no query', query => undef], ['no documents', documents => undef], ['a text', documents => 'a'],
    ['none', documents => []], ['numbers', documents => [1]], ['too many', documents => [('a') x 10001]])
{
    my ($what, %more) = @$case;
    ($r, $j) = rerank('cohere', %more);
    is($r->{status}, 400, "$what: 400");
}
($r, $j) = rerank('gpt');
is($r->{status}, 400, 'a provider without rerank');
like($j->{error}{message}, qr/does not serve/, 'a provider without rerank: message');
is(scalar($mock->requests), $n, 'nobody was asked');

# a result of no document

($r, $j) = rerank('broken');
is($r->{status}, 502, 'a broken answer');

# mock_response; the probe of /health asks for what the model does

($r, $j) = rerank('fake');
is_deeply($j->{results}, [{ index => 0, relevance_score => 0.5 }], 'mock_response');

$r = http_get('/health?model=cohere');
$j = json_of($r->{body});
is($j->{healthy_count}, 1, 'health');
is(($mock->requests)[-1]{uri}, '/v2/rerank', 'health: a rerank');
