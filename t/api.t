#!/usr/bin/perl

# Which path and method does what, LiteLLM's aliases, a prefix, models, health.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer openai_chat openai_text);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(80);

$t->write_conf(server => <<'END');
location /llm/ {
    litellm;
}
location /bare {
    litellm;
}
location = /exact/chat/completions {
    litellm;
}
END
$t->write_yaml(<<'END');
  - model_name: meta/llama
    litellm_params:
      model: openai/some-llama
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      api_key: sk-provider-three
  - model_name: emb
    litellm_params:
      model: openai/text-embedding-3-small
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      api_key: sk-provider-one
  - model_name: fake
    litellm_params:
      model: openai/gpt-4o
      mock_response: from a mock
END

my $mock = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    return answer(200, openai_text('text')) if $req->{uri} eq '/v1/completions';
    return answer(200, '{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1]}],'
        . '"model":"e","usage":{"prompt_tokens":2,"total_tokens":2}}') if $req->{uri} =~ /embeddings/;
    return answer(200, openai_chat('hi'));
});

$t->run;

my $chat = '{"messages":[{"role":"user","content":"Hello"}],"model":"gpt"}';
my $text = '{"prompt":"Hello","model":"gpt"}';
my $emb = '{"input":"Hello","model":"emb"}';

# with and without /v1, under prefixes

my $n = 0;
for my $prefix ('', '/llm', '/bare') {
    for my $v1 ('', '/v1') {
        for my $case (['/chat/completions', $chat], ['/completions', $text], ['/embeddings', $emb]) {
            my ($path, $body) = @$case;
            is(http_post("$prefix$v1$path", $body)->{status}, 200, "$prefix$v1$path");
            is(($mock->requests)[$n++]{uri}, "/v1$path", "$prefix$v1$path: upstream");
        }
    }
}

# the model in the path wins

for my $uri ('/engines/gpt/chat/completions', '/openai/deployments/gpt/chat/completions',
    '/v1/engines/gpt/chat/completions', '/openai/deployments/gpt/chat/completions?api-version=2024-06-01')
{
    my $r = http_post($uri, '{"messages":[{"role":"user","content":"x"}],"model":"other"}');
    is($r->{status}, 200, $uri);
    is(json_of(($mock->requests)[-1]{body})->{model}, 'gpt-4o', "$uri: model");
}
my $r = http_post('/openai/deployments/meta/llama/chat/completions',
    '{"messages":[{"role":"user","content":"x"}]}');
is($r->{status}, 200, 'a model name with a slash');
is(json_of(($mock->requests)[-1]{body})->{model}, 'some-llama', 'a model name with a slash: model');
is(http_post('/engines/gpt/completions', '{"prompt":"x"}')->{status}, 200, 'engines completions');
is(http_post('/openai/deployments/emb/embeddings', '{"input":"x"}')->{status}, 200,
    'deployments embeddings');

# the client's query stays with us, its key too

$r = http_post('/v1/chat/completions?api-version=1&key=abc', $chat, 'Authorization' => 'Bearer sk-client');
is(($mock->requests)[-1]{uri}, '/v1/chat/completions', 'no query upstream');
is(($mock->requests)[-1]{header}{authorization}, 'Bearer sk-provider-one', 'the deployment\'s key');
unlike(($mock->requests)[-1]{raw}, qr/sk-client/, 'not the client\'s key');
is(($mock->requests)[-1]{header}{host}, '127.0.0.1:' . $t->port(8081), 'host');

# models

for my $uri ('/models', '/v1/models', '/llm/models', '/llm/v1/models') {
    my $j = json_of(http_get($uri)->{body});
    is_deeply([map { $_->{id} } @{$j->{data}}], ['gpt', 'claude', 'meta/llama', 'emb', 'fake'], $uri);
}
$r = http_get('/v1/models/gpt');
is($r->{status}, 200, 'one model');
is(json_of($r->{body})->{id}, 'gpt', 'one model: id');
is(json_of(http_get('/models/meta/llama')->{body})->{id}, 'meta/llama', 'a model with a slash');
is(json_of(http_get('/models/meta%2Fllama')->{body})->{id}, 'meta/llama', 'an escaped slash');
$r = http_get('/models/nope');
is($r->{status}, 404, 'an unknown model');
ok(json_of($r->{body}), 'an unknown model: JSON');

# health

$r = http_get('/health/liveliness');
is($r->{body}, '"I\'m alive!"', 'liveliness');
is(http_get('/health/liveness')->{status}, 200, 'liveness');
is_deeply(json_of(http_get('/health/readiness')->{body}),
    { status => 'healthy', db => 'Not connected' }, 'readiness');
$r = http("HEAD /health/liveliness HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
is($r->{status}, 200, 'HEAD');

# what is not there

$r = http_get('/nope');
is($r->{status}, 404, 'an unknown path');
like($r->{header}{'content-type'}, qr/application\/json/, 'an unknown path: JSON');
ok(json_of($r->{body})->{error}{message}, 'an unknown path: message');
$r = http_get('/v1/chat/completions');
is($r->{status}, 405, 'a wrong method');
like($r->{header}{allow}, qr/POST/, 'a wrong method: Allow');
ok(json_of($r->{body})->{error}, 'a wrong method: JSON');
is(http_post('/models', '{}')->{status}, 405, 'POST to models');
is(http_get('/V1/chat/completions')->{status}, 404, 'paths have a case');
is(http_get('/v1/v1/models')->{status}, 404, 'one /v1 only');
is(http_post('/exact/chat/completions', $chat)->{status}, 404, 'no prefix of an exact location');

# CORS preflight

$r = http("OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: x\r\nOrigin: http://a\r\n"
    . "Access-Control-Request-Method: POST\r\nConnection: close\r\n\r\n");
is($r->{status}, 204, 'preflight');

# headers of an answer

$r = http_post('/v1/chat/completions', $chat);
is($r->{header}{'x-litellm-model-group'}, 'gpt', 'x-litellm-model-group');
like($r->{header}{'x-litellm-model-id'}, qr/^[0-9a-f]{64}$/, 'x-litellm-model-id');
is($r->{header}{'x-litellm-model-api-base'}, 'http://127.0.0.1:' . $t->port(8081) . '/v1',
    'x-litellm-model-api-base');
