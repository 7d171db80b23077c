#!/usr/bin/perl

# Vertex AI through nginx: a service account's token, Gemini and Claude with
# it, where the models are, what a token endpoint must see, and that nothing of
# the account gets out.

use warnings;
use strict;

use MIME::Base64 qw(decode_base64url);
use Test::More;

use LiteLLM::Mock qw(answer chunked anthropic_message anthropic_stream);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->has('program openssl')->plan(36);

# an account with a key of its own

my $dir = $t->dir;
system("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out $dir/key.pem 2>/dev/null") == 0
    or die "openssl\n";
system("openssl pkey -in $dir/key.pem -pubout -out $dir/pub.pem 2>/dev/null") == 0 or die "openssl\n";
my $key = $t->read_file('key.pem');
my %account = (type => 'service_account', project_id => 'nest-1', private_key_id => 'k1', private_key => $key,
    client_email => 'heron@nest-1.iam.example', token_uri => 'http://127.0.0.1:' . $t->port(8082) . '/token');
$t->write_file('account.json', json_text(\%account));
$t->write_file('broken.json', '{"type": "service_account"}');
$ENV{VERTEXAI_CREDENTIALS} = $ENV{GOOGLE_APPLICATION_CREDENTIALS} = '';
$ENV{VERTEXAI_PROJECT} = $ENV{VERTEXAI_LOCATION} = '';
$ENV{ACCOUNT_JSON} = JSON::PP->new->utf8->canonical->pretty->encode(\%account);

$t->write_conf;
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: flash
    litellm_params:
      model: vertex_ai/gemini-2.5-flash
      api_base: http://127.0.0.1:%%PORT_8081%%
      vertex_location: europe-west4
      vertex_credentials: %%DIR%%/account.json
  - model_name: text
    litellm_params:
      model: vertex_ai_beta/gemini-2.5-flash
      api_base: http://127.0.0.1:%%PORT_8081%%/own/models/m
      vertex_project: other-1
      vertex_credentials: os.environ/ACCOUNT_JSON
  - model_name: claude
    litellm_params:
      model: vertex_ai/claude-sonnet-4-5@20250929
      api_base: http://127.0.0.1:%%PORT_8081%%
      vertex_location: us-east5
      vertex_credentials: %%DIR%%/account.json
  - model_name: llama
    litellm_params:
      model: vertex_ai/meta/llama-4-scout
      api_base: http://127.0.0.1:%%PORT_8081%%/v1/projects/nest-1/locations/us-east5/endpoints/openapi
      vertex_credentials: %%DIR%%/account.json
  - model_name: embed
    litellm_params:
      model: vertex_ai/gemini-embedding-001
      api_base: http://127.0.0.1:%%PORT_8081%%
      vertex_credentials: %%DIR%%/account.json
  - model_name: broken
    litellm_params:
      model: vertex_ai/gemini-2.5-flash
      vertex_credentials: %%DIR%%/broken.json
  - model_name: missing
    litellm_params:
      model: vertex_ai/gemini-2.5-flash
      vertex_credentials: %%DIR%%/planted-missing.json
  - model_name: odd
    litellm_params:
      model: vertex_ai/gemini-2.5-flash
      vertex_location: "x/../y"
      vertex_credentials: %%DIR%%/account.json
  - model_name: nobody
    litellm_params:
      model: vertex_ai/gemini-2.5-flash
litellm_settings:
  num_retries: 0
END
my $up = $t->listener(8081);
my $tokens = $t->listener(8082);
$t->run;

my $log = $t->read_file('error.log');
like($log, qr/"broken": .*left out/, 'an account without its members is left out');
like($log, qr/"missing": .*can't be read: this deployment is left out/, 'a file that is not there');
unlike($log, qr/planted/, 'the name of it is not told');
like($log, qr/"odd": .*not a name: this deployment is left out/, 'a location that is none');
like($log, qr/"GOOGLE_APPLICATION_CREDENTIALS" is not set/, 'nothing at all');

my %usage = (usageMetadata => { promptTokenCount => 11, candidatesTokenCount => 5, totalTokenCount => 16 });
my $said = json_text({ candidates => [{ content => { role => 'model', parts => [{ text => 'Hi there' }] },
    finishReason => 'STOP', index => 0 }], %usage });

sub provider {
    my ($c, $answer) = @_;
    my ($peer, $req) = $up->request;
    return ({ header => {}, body => '', line => '' }, finish($c)) if !$peer;
    $peer->write($answer);
    my $r = finish($c);
    $peer->close;
    return ($req, $r);
}

sub call { return provider(start($_[0]), $_[1]) }

# the first request asks for the token

my $c = start(chat('flash', headers => ['Authorization' => 'Bearer sk-client']));
my ($peer, $form) = $tokens->request;
is($form->{line}, 'POST /token HTTP/1.1', 'token: the line');
is($form->{header}{'content-type'}, 'application/x-www-form-urlencoded', 'token: type');
my ($jwt) = $form->{body} =~ /^grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=([\w.-]+)$/;
ok($jwt, 'token: the form');
my ($head, $claims, $sig) = split /\./, $jwt // '..';
is_deeply(json_of(decode_base64url($head)), { alg => 'RS256', typ => 'JWT', kid => 'k1' }, 'token: its head');
my $claim = json_of(decode_base64url($claims));
is($claim->{iss}, 'heron@nest-1.iam.example', 'token: who');
is($claim->{scope}, 'https://www.googleapis.com/auth/cloud-platform', 'token: for what');
is($claim->{aud}, $account{token_uri}, 'token: for whom');
$t->write_file('signed', "$head.$claims");
$t->write_file('signature', decode_base64url($sig));
is(system("openssl dgst -sha256 -verify $dir/pub.pem -signature $dir/signature $dir/signed >/dev/null 2>&1"), 0,
    'token: signed with the account\'s key');
$peer->write(answer(200, '{"access_token":"ya29.planted-token","expires_in":3600,"token_type":"Bearer"}',
    'Connection' => 'close'));
$peer->close;

my ($req, $r) = provider($c, answer(200, $said));
is($req->{line}, 'POST /v1/projects/nest-1/locations/europe-west4/publishers/google/models/gemini-2.5-flash'
    . ':generateContent HTTP/1.1', 'the project is the account\'s');
is($req->{header}{authorization}, 'Bearer ya29.planted-token', 'the token');
is($req->{header}{'x-goog-api-key'}, undef, 'no key');
unlike($req->{raw}, qr/sk-client/, 'nothing of the client\'s');
is(json_of($r->{body})->{choices}[0]{message}{content}, 'Hi there', 'the answer');

# a key file with lines, from the environment; an api_base with a path

($req, $r) = call(chat('text', stream => JSON::PP::true), chunked("data: $said\r\n\r\n"));
is($req->{line}, 'POST /own/models/m:streamGenerateContent?alt=sse HTTP/1.1', 'below a path of its own');
is($req->{header}{authorization}, 'Bearer ya29.planted-token', 'with the token of the same account');
is(texts($r->{body}), 'Hi there', 'a stream');

# Claude

($req, $r) = call(chat('claude', max_tokens => 9), answer(200, anthropic_message('Hi from Claude')));
is($req->{line}, 'POST /v1/projects/nest-1/locations/us-east5/publishers/anthropic/models/'
    . 'claude-sonnet-4-5%4020250929:rawPredict HTTP/1.1', 'claude: the line');
is($req->{header}{authorization}, 'Bearer ya29.planted-token', 'claude: the token');
is($req->{header}{'x-api-key'} // $req->{header}{'anthropic-version'}, undef, 'claude: no header of Anthropic\'s');
my $j = json_of($req->{body});
is($j->{anthropic_version}, 'vertex-2023-10-16', 'claude: the version is in the body');
ok(!exists $j->{model}, 'claude: the model is not');
is(json_of($r->{body})->{choices}[0]{message}{content}, 'Hi from Claude', 'claude: the answer');
($req, $r) = call(chat('claude', max_tokens => 9, stream => JSON::PP::true), chunked(anthropic_stream('Hel', 'lo')));
like($req->{line}, qr/:streamRawPredict HTTP/, 'claude: a stream\'s line');
is(texts($r->{body}), 'Hello', 'claude: a stream');

# another publisher, at the endpoint that is OpenAI's like

($req, $r) = call(chat('llama'), answer(200, LiteLLM::Mock::openai_chat('Hi from Llama')));
is($req->{line}, 'POST /v1/projects/nest-1/locations/us-east5/endpoints/openapi/chat/completions HTTP/1.1',
    'llama: the line');
is(json_of($req->{body})->{model}, 'meta/llama-4-scout', 'llama: the model');
is($req->{header}{authorization}, 'Bearer ya29.planted-token', 'llama: the token');

# embeddings

($req, $r) = call(LiteLLM::Test::post_request('/v1/embeddings', { model => 'embed', input => 'heron' }),
    answer(200, '{"predictions":[{"embeddings":{"values":[0.5,0.25],"statistics":{"token_count":2}}}]}'));
is($req->{line}, 'POST /v1/projects/nest-1/locations/us-central1/publishers/google/models/gemini-embedding-001'
    . ':predict HTTP/1.1', 'embeddings: the line, in the default location');

# an error says the token back

($req, $r) = call(chat('claude', max_tokens => 9),
    answer(403, '{"error":{"code":403,"message":"ya29.planted-token lacks x","status":"PERMISSION_DENIED"}}'));
is($r->{status}, 403, 'an error of Google\'s');
unlike($r->{raw}, qr/planted/, 'the token is not told');

unlike($t->read_file('error.log') . $t->read_file('access.log'), qr/planted|PRIVATE KEY/, 'nothing in the logs');
