#!/usr/bin/perl

# Tokens for providers that want one: fetched by the first request, shared by
# all, refreshed behind their backs; what becomes of requests when the token
# endpoint is slow, wrong, hostile or gone; nothing secret gets out.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep time);

use LiteLLM::Mock qw(answer openai_chat openai_error);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(71);

my $secret = 'planted~client.secret-5c1d';
$ENV{TEST_NGINX_LEVEL} = 'debug_http';
$ENV{AZURE_AUTHORITY_HOST} = '';

# models on one tenant each: one credential, one token

sub deployment {
    my ($name, $client, $port) = @_;
    $port ||= 8082;
    return <<END;
  - model_name: $name
    litellm_params:
      model: azure/gpt-4o
      api_base: http://127.0.0.1:%%PORT_8081%%
      api_version: "2024-10-21"
      azure_authority_host: http://127.0.0.1:%%PORT_$port%%
      tenant_id: tenant-$client
      client_id: client-$client
      client_secret: $secret
END
}

my @hostile = (
    ['no JSON', answer(200, '<html>hello'), qr/is no JSON object/],
    ['no token', answer(200, '{}'), qr/has no access_token/],
    ['a token that ends the header', answer(200, '{"access_token":"a\r\nX-Evil: 1","expires_in":3600}'), qr/no header can hold/],
    ['over the bound', answer(200, '{"access_token":"' . 'x' x 200_000 . '"}'), qr/can't be read/],
    ['a redirect', "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", qr/answered 302\b/],
    ['a body that is cut', "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"access_token\":\"a\"", qr/was cut/],
    ['no HTTP', "SSH-2.0-x\r\n\r\n", qr/connection error/],
    ['invalid chunks', "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", qr/can't be read/],
    ['nothing', '', qr/connection error/],
    ['a service that is down', answer(503, 'no'), qr/answered 503\b/],
);

my $yaml = "model_list:\n" . join('', map { deployment($_->[0], $_->[1]) }
    ['one', 1], ['same', 1], ['many', 2], ['short', 3], ['refused', 5], ['gone', 6], ['late', 7], ['again', 8],
    ['reload', 9], ['idle', 10], map { ["hostile$_", 100 + $_] } 0 .. $#hostile)
    . deployment('down', 4, 8083) . <<'END';
litellm_settings:
  num_retries: 0
END
$t->write_conf;
$t->write_file_expand('litellm.yaml', $yaml);

# the provider says which token it was given

my $up = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    my $token = $req->{header}{authorization} || '';
    return answer(401, openai_error("bad token $token", 'auth', 'x')) if $token =~ /stale/;
    return answer(200, openai_chat($token));
});
my $tokens = $t->listener(8082);
$t->run;

sub give {
    my ($peer, $token, $seconds) = @_;
    $peer->write(answer(200, qq({"token_type":"Bearer","expires_in":$seconds,"access_token":"$token"}),
        'Connection' => 'close'));
    $peer->close;
}

sub said { my $r = shift; return ($r->{status} || '') . ' ' . (json_of($r->{body})->{choices}[0]{message}{content} || '') }
sub message { return json_of($_[0]{body})->{error}{message} || '' }
sub silent { return !defined $tokens->accept($_[0] || 0.3) }
sub asked { return scalar(() = $up->requests) }

# the first request waits for its token

my $c = start(chat('one'));
my ($peer, $req) = $tokens->request;
is($req->{line}, 'POST /tenant-1/oauth2/v2.0/token HTTP/1.1', 'entra: the line');
is($req->{header}{'content-type'}, 'application/x-www-form-urlencoded', 'entra: type');
is($req->{header}{host}, '127.0.0.1:' . $t->port(8082), 'entra: host');
ok(!$req->{header}{authorization}, 'entra: nothing else');
is($req->{body}, "grant_type=client_credentials&client_id=client-1&client_secret=$secret"
    . '&scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default', 'entra: body');
is(asked(), 0, 'the provider was not asked yet');
give($peer, 'planted-tok-1', 3600);
is(said(finish($c)), '200 Bearer planted-tok-1', 'answered with the token');
is(said(http(chat('one'))), '200 Bearer planted-tok-1', 'the next has it too');
is(said(http(chat('same'))), '200 Bearer planted-tok-1', 'and another deployment with that credential');
ok(silent(), 'without asking for another');

# many first requests at once

my @c = map { start(chat('many')) } 1 .. 20;
($peer) = $tokens->request;
ok(silent(), 'twenty requests, one token call');
give($peer, 'planted-tok-2', 3600);
is(scalar(grep { said(finish($_)) eq '200 Bearer planted-tok-2' } @c), 20, 'all twenty are answered');
ok(silent(), 'no other token call');

# refreshed before its end, by nobody's request

$c = start(chat('short'));
($peer) = $tokens->request;
give($peer, 'planted-tok-3', 5);
my $begin = time;
is(said(finish($c)), '200 Bearer planted-tok-3', 'a token for five seconds');
($peer) = $tokens->request(10);
cmp_ok(time - $begin, '>', 3.5, 'its refresh is not too early');
is(said(http(chat('short'))), '200 Bearer planted-tok-3', 'while it is refreshed it is used');
give($peer, 'planted-tok-3b', 3600);
my $new = '';
for (1 .. 20) {
    $new = said(http(chat('short')));
    last if $new =~ /3b/;
    sleep 0.05;
}
is($new, '200 Bearer planted-tok-3b', 'then the new one');

# nobody there, then somebody

my $r = http(chat('down'));
is($r->{status}, 500, 'no token endpoint');
like(message($r), qr/APIConnectionError: .*no access token: the token endpoint: connection error/, 'and why');
my $late = $t->listener(8083);
$r = http(chat('down'));
is($r->{status}, 500, 'a failure is kept for a while');
ok(!defined $late->accept(0.2), 'the endpoint is left alone meanwhile');
sleep 1;
$c = start(chat('down'));
($peer) = $late->request;
give($peer, 'planted-tok-4', 3600);
is(said(finish($c)), '200 Bearer planted-tok-4', 'then it is asked again');

# the endpoint says no

$c = start(chat('refused'));
($peer) = $tokens->request;
$peer->write(answer(401, '{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret\r\nTrace"}'));
$r = finish($c);
is($r->{status}, 401, 'a refusal');
like(message($r), qr/AuthenticationError: .*token endpoint answered 401: invalid_client: AADSTS7000215: Invalid client secret Trace/,
    'with what was said');
is(http(chat('refused'))->{status}, 401, 'once more');
ok(silent(), 'but the endpoint is not asked');
sleep 1;
$c = start(chat('refused'));
ok($peer->read_message, 'the next call comes on the same connection');
$peer->write(answer(400, qq({"error":"x","error_description":"your $secret is wrong"}), 'Connection' => 'close'));
$peer->close;
unlike(message(finish($c)), qr/planted/, 'a secret said back is not told');
sleep 1;
is(http(chat('refused'))->{status}, 401, 'after the second failure the wait is longer');
ok(silent(), 'than a second');

# who waits goes away

$c = start(chat('gone'));
($peer) = $tokens->request;
$c->close;
sleep 0.2;
give($peer, 'planted-tok-6', 3600);
sleep 0.2;
is(said(http(chat('gone'))), '200 Bearer planted-tok-6', 'a token whose request is gone is for the next');
ok(silent(), 'it was not thrown away');

$c = start(chat('late', timeout => 1));
($peer) = $tokens->request;
$r = finish($c);
is($r->{status}, 408, 'a request that waits too long');
like(message($r), qr/Timeout/, 'is a time-out');
give($peer, 'planted-tok-7', 3600);
sleep 0.2;
is(said(http(chat('late'))), '200 Bearer planted-tok-7', 'the token comes for the next one');

# a provider that does not take it

$c = start(chat('again'));
($peer) = $tokens->request;
give($peer, 'planted-stale-8', 3600);
($peer) = $tokens->request;
ok($peer, 'a token that was refused is replaced');
give($peer, 'planted-tok-8', 3600);
is(said(finish($c)), '200 Bearer planted-tok-8', 'and the request repeated');
is(said(http(chat('again'))), '200 Bearer planted-tok-8', 'as the next ones');

$t->reload;
$c = start(chat('again'));
($peer) = $tokens->request;
give($peer, 'planted-stale-8b', 3600);
($peer) = $tokens->request;
give($peer, 'planted-stale-8c', 3600);
$r = finish($c);
is($r->{status}, 401, 'a provider that takes none');
unlike($r->{raw}, qr/planted/, 'its error is without the token');
is(http(chat('again'))->{status}, 401, 'the next one too');
ok(silent(), 'no token call for each');

# hostile answers

for my $i (0 .. $#hostile) {
    my ($name, $bytes, $why) = @{$hostile[$i]};
    $c = start(chat("hostile$i"));
    ($peer) = $tokens->request;
    $peer->write($bytes);
    $peer->close;
    $r = finish($c);
    is($r->{status}, 500, $name);
    like(message($r), qr/no access token: the token endpoint.*$why/, "$name: told");
}

# reload: who waits is waited for, a refresh is not

my ($old) = $t->workers;
$c = start(chat('reload'));
($peer) = $tokens->request;
$t->reload;
sleep 0.3;
ok(kill(0, $old), 'a worker with a request that waits for its token stays');
give($peer, 'planted-tok-9', 3600);
is(said(finish($c)), '200 Bearer planted-tok-9', 'and answers it');
$c->close;
ok(gone($old, 5), 'then it ends');

$c = start(chat('idle'));
($peer) = $tokens->request;
give($peer, 'planted-tok-10', 2);
finish($c);
$c->close;
my $refresh = $tokens->accept(10);
ok($refresh, 'a refresh is under way');
($old) = $t->serving;
$t->reload;
ok(gone($old, 5), 'it does not keep its worker');
ok($refresh->closed(5), 'and is closed');

$c = start(chat('idle'));
($peer) = $tokens->request;
$t->signal('QUIT');
sleep 0.2;
give($peer, 'planted-tok-11', 3600);
is(said(finish($c)), '200 Bearer planted-tok-11', 'a graceful end waits for the token');

my $log = $t->read_file('error.log');
unlike($log, qr/planted/, 'no secret and no token in the log');
like($log, qr/litellm: no access token for "entra tenant-4\/client-4": the token endpoint: connection error/,
    'what failed is in the log');

sub gone {
    my ($pid, $seconds) = @_;
    my $end = time + $seconds * $LiteLLM::Peer::slow;
    while (time < $end) {
        return 1 if !grep { $_ == $pid } $t->workers;
        sleep 0.05;
    }
    return 0;
}
