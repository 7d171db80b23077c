#!/usr/bin/perl

# Requests for models that the YAML does not list: litellm_direct, with and
# without a file; keys and addresses come from the environment.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer openai_chat anthropic_message);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(51);

my $up = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    return answer(200, anthropic_message('from anthropic')) if $req->{uri} =~ /messages$/;
    return answer(200, '{"id":"1","message":{"role":"assistant","content":[{"type":"text","text":"from cohere"}]},'
        . '"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":1,"output_tokens":1}}}') if $req->{uri} =~ m{/v2/chat};
    return answer(200, '{"candidates":[{"content":{"role":"model","parts":[{"text":"from gemini"}]},"finishReason":"STOP"}]}')
        if $req->{uri} =~ /generateContent/;
    return answer(200, openai_chat('from openai'));
});

sub conf {
    my (%c) = @_;
    $t->write_file_expand('nginx.conf', <<"END");
%%TEST_GLOBALS%%
events {}
http {
    %%TEST_GLOBALS_HTTP%%
    @{[$c{http} || '']}
    server {
        listen 127.0.0.1:%%PORT_8080%%;
        location / { litellm; @{[$c{location} || '']} }
        location /off/ { litellm; litellm_config %%DIR%%/litellm.yaml; litellm_direct off; }
        location /auto/ { litellm; litellm_config %%DIR%%/litellm.yaml; litellm_direct auto; }
        location /default/ { litellm; litellm_config %%DIR%%/litellm.yaml; }
        location /on/ { litellm; litellm_config %%DIR%%/litellm.yaml; litellm_direct on; }
        location /keyed/ { litellm; litellm_config %%DIR%%/keyed.yaml; }
    }
}
END
}

conf();
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: gpt-4
    litellm_params: {model: anthropic/claude-mine, api_base: "http://127.0.0.1:%%PORT_8081%%", api_key: yaml-key}
END
$t->write_file('keyed.yaml', "general_settings: {master_key: sk-1234}\n");

my $base = 'http://127.0.0.1:' . $t->port(8081);
$t->run(env => {
    OPENAI_API_KEY => 'env-openai', OPENAI_API_BASE => "$base/v1",
    ANTHROPIC_API_KEY => 'env-anthropic', ANTHROPIC_API_BASE => $base,
    COHERE_API_KEY => 'env-cohere', COHERE_API_BASE => $base,
    TOGETHER_API_KEY => 'env-together', TOGETHER_AI_API_BASE => "$base/together/v1", TOGETHERAI_API_BASE => "$base/together/v1",
    OPENROUTER_API_KEY => 'env-openrouter', OPENROUTER_API_BASE => "$base/openrouter/v1",
    GOOGLE_API_KEY => 'env-google', GEMINI_API_BASE => "$base/v1beta",
    XAI_API_KEY => 'env-xai', XAI_API_BASE => "$base/xai/v1",
});

# asks; gives the answer, and what the provider saw
sub ask {
    my ($model, %o) = @_;
    my $before = scalar(() = $up->requests);
    my $r = http_post(($o{prefix} || '') . '/v1/chat/completions',
        json_text({ model => $model, messages => [{ role => 'user', content => 'hi' }] }), 'Authorization' => 'Bearer sk-1234');
    my @all = $up->requests;
    my $req = @all > $before ? $all[-1] : { uri => '', header => {}, body => '{}' };
    return ($r, $req, json_of($req->{body}) || {});
}

for my $case (
    ['gpt-3.5-turbo', '/v1/chat/completions', 'env-openai', 'gpt-3.5-turbo'],
    ['openai/gpt-4o', '/v1/chat/completions', 'env-openai', 'gpt-4o'],
    ['claude-3-opus', '/v1/messages', 'env-anthropic', 'claude-3-opus'],
    ['anthropic/claude-3-opus', '/v1/messages', 'env-anthropic', 'claude-3-opus'],
    ['command-r', '/v2/chat', 'env-cohere', 'command-r'],
    ['llama-2-70b', '/together/v1/chat/completions', 'env-together', 'meta-llama/Llama-2-70b-chat-hf'],
    ['mixtral-8x7b', '/together/v1/chat/completions', 'env-together', 'mistralai/Mixtral-8x7B-Instruct-v0.1'],
    ['together_ai/llama-2-70b', '/together/v1/chat/completions', 'env-together', 'meta-llama/Llama-2-70b-chat-hf'],
    ['openrouter/auto', '/openrouter/v1/chat/completions', 'env-openrouter', 'auto'],
    ['gemini-pro', '/v1beta/models/gemini-pro:generateContent', 'env-google', ''],
    ['gemini/gemini-pro', '/v1beta/models/gemini-pro:generateContent', 'env-google', ''],
    ['grok-4', '/xai/v1/chat/completions', 'env-xai', 'grok-4'])
{
    my ($model, $uri, $key, $name) = @$case;
    my ($r, $req, $body) = ask($model);
    is($r->{status}, 200, "$model: answered");
    is("$req->{uri} " . ($req->{header}{'x-api-key'} || $req->{header}{'x-goog-api-key'} || $req->{header}{authorization} || '') . ' ' . ($body->{model} || ''),
        "$uri " . ($uri =~ /messages|Content/ ? '' : 'Bearer ') . "$key $name", "$model: where, with what key, under what name");
}

my ($r, $req) = ask('deepseek-chat');
is($r->{status}, 400, 'no key for it');
like($r->{body}, qr/Invalid model name|deepseek-chat/, 'is told as an unknown name');
is($req->{uri}, '', 'and goes nowhere');
is((ask('nobody/x'))[0]{status}, 400, 'no such provider');
is((ask('nonsense'))[0]{status}, 400, 'no such name');

# what there is

$r = http_get('/v1/models');
my @ids = sort map { $_->{id} } @{json_of($r->{body})->{data}};
ok((grep { $_ eq 'openai/*' } @ids), 'listed: openai/*');
ok(!(grep { $_ eq 'deepseek/*' } @ids), 'not those without a key');
ok(!(grep { !m{/\*$} } @ids), 'nothing but providers');
is(json_of(http_get('/v1/models/gpt-4o')->{body})->{id}, 'gpt-4o', 'one that is asked for');
is(http_get('/v1/models/nonsense')->{status}, 404, 'one that is not');
is(http_get('/health/readiness')->{status}, 200, 'ready');
is(http_get('/health')->{status}, 200, 'health is asked');

# with a file

for my $p ('off', 'auto', 'default') {
    is((ask('claude-3-opus', prefix => "/$p"))[0]{status}, 400, "$p: a list of models is all there is");
    is((ask('gpt-4', prefix => "/$p"))[0]{status}, 200, "$p: and is served");
}
($r, $req, my $body) = ask('gpt-4', prefix => '/on');
is("$req->{header}{'x-api-key'} $body->{model}", 'yaml-key claude-mine', 'on: the file comes first');
($r, $req, $body) = ask('gpt-4o', prefix => '/on');
is("$req->{header}{authorization} $body->{model}", 'Bearer env-openai gpt-4o', 'on: then the environment');
is((ask('gpt-4o', prefix => '/keyed'))[0]{status}, 400, 'auto: a master key in the file means no');
@ids = map { $_->{id} } @{json_of(http_get('/on/v1/models')->{body})->{data}};
is($ids[0], 'gpt-4', 'on: the list begins with the file');

# with a master key of the environment and no file: as the guide's .env has it

$t->stop;
$t->run(env => { OPENAI_API_KEY => 'env-openai', OPENAI_API_BASE => "$base/v1", LITELLM_MASTER_KEY => 'sk-1234' });
is((ask('gpt-4o'))[0]{status}, 200, 'a master key of the environment');
is(http_post('/v1/chat/completions', '{"model":"gpt-4o","messages":[]}')->{status}, 401, 'is asked for');

# configurations

conf(location => 'litellm_direct off;');
my ($rc, $out) = $t->test_conf;
isnt($rc, 0, 'no file and not direct: nothing to serve');
like($out, qr/without "litellm_config", and "litellm_direct" is off/, 'is an error');
conf(location => 'litellm_direct maybe;');
($rc, $out) = $t->test_conf;
like($out, qr/invalid value "maybe"/, 'a value that is none');
