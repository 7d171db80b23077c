#!/usr/bin/perl

# Google's service accounts: the assertion that is exchanged for a token, and
# where the token goes.

use warnings;
use strict;

use MIME::Base64 qw(decode_base64url);
use Test::More;

use LiteLLM::Mock qw(answer);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->has('program openssl')->plan(15);
my $d = $t->dir;

$ENV{TEST_NGINX_LEVEL} = 'debug_http';

my $pem = `openssl genrsa 2048 2>/dev/null`;
$t->write_file('key.pem', $pem);
system("openssl rsa -in $d/key.pem -pubout -out $d/pub.pem 2>/dev/null");
(my $line = $pem) =~ s/\n/\\n/g;
$t->write_file_expand('google.json', '{"type":"service_account","project_id":"proj","private_key_id":"kid-1",'
    . '"client_email":"svc@proj.example","token_uri":"http://127.0.0.1:%%PORT_8082%%/token","private_key":"' . $line . '"}');
$t->write_conf;
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: vertex
    litellm_params:
      model: vertex_ai/gemini-2.0-flash
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      vertex_project: proj
      vertex_location: us-central1
      vertex_credentials: %%DIR%%/google.json
litellm_settings:
  num_retries: 0
END

my $up = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    return answer(200, '{"candidates":[{"content":{"role":"model","parts":[{"text":"hello"}]},"finishReason":"STOP"}],'
        . '"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,"totalTokenCount":2}}');
});
my $tokens = $t->listener(8082);
$t->run;

my $c = start(chat('vertex'));
my ($peer, $req) = $tokens->request;
is($req->{line}, 'POST /token HTTP/1.1', 'google: the line');
my ($grant, $jwt) = $req->{body} =~ /^grant_type=([^&]*)&assertion=([\w.-]+)$/;
is($grant, 'urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer', 'google: grant');
my ($head, $claims, $signature) = split /\./, $jwt;
is_deeply(json_of(decode_base64url($head)), { alg => 'RS256', typ => 'JWT', kid => 'kid-1' }, 'google: header');
my $said = json_of(decode_base64url($claims));
is($said->{iss}, 'svc@proj.example', 'google: who');
is($said->{aud}, 'http://127.0.0.1:' . $t->port(8082) . '/token', 'google: for whom');
is($said->{scope}, 'https://www.googleapis.com/auth/cloud-platform', 'google: for what');
is($said->{exp} - $said->{iat}, 3600, 'google: for an hour');
cmp_ok(abs($said->{iat} - time), '<', 60, 'google: from now on');
$t->write_file('signed', "$head.$claims");
$t->write_file('signature', decode_base64url($signature));
like(`openssl dgst -sha256 -verify $d/pub.pem -signature $d/signature $d/signed 2>&1`, qr/^Verified OK/, 'google: signature');

$peer->write(answer(200, '{"access_token":"planted-tok","expires_in":3599,"token_type":"Bearer"}'));
my $r = finish($c);
is($r->{status}, 200, 'answered');
is(json_of($r->{body})->{choices}[0]{message}{content}, 'hello', 'by the provider');
my ($sent) = $up->requests;
is($sent->{header}{authorization}, 'Bearer planted-tok', 'which got the token');
unlike($sent->{uri}, qr/planted/, 'in a header only');

my $log = $t->read_file('error.log');
unlike($log, qr/planted/, 'no token in the log');
unlike($log, qr/\Q@{[substr $pem, 200, 30]}\E/, 'nothing of the private key');
