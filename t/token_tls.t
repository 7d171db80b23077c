#!/usr/bin/perl

# Token endpoints by https: verified like providers; one that can't be verified
# is not told the secret.  They are TLS servers of the same nginx in front of a
# mock.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->has('http_ssl', 'program openssl')->plan(6);
my $d = $t->dir;

$t->write_file('openssl.cnf', "[req]\ndistinguished_name=dn\nx509_extensions=v3\n[dn]\n[v3]\nsubjectAltName=DNS:localhost\n"
    . "basicConstraints=critical,CA:TRUE\n");
for my $name ('good', 'strange') {
    system("openssl req -x509 -newkey rsa:2048 -nodes -keyout $d/$name.key -out $d/$name.crt -days 30 "
        . "-subj /CN=localhost -config $d/openssl.cnf 2>/dev/null") and die 'openssl';
}
$t->write_conf(http => 'litellm_ssl_trusted_certificate %%DIR%%/good.crt;' . join '', map { <<"END" } [8443, 'good'], [8444, 'strange']);
server {
    listen 127.0.0.1:%%PORT_$_->[0]%% ssl;
    ssl_certificate %%DIR%%/$_->[1].crt;
    ssl_certificate_key %%DIR%%/$_->[1].key;
    location / { proxy_pass http://127.0.0.1:%%PORT_8082%%; proxy_set_header X-Name \$ssl_server_name; }
}
END
$t->write_file_expand('litellm.yaml', "model_list:\n" . join '', map { <<"END" } ['good', 8443], ['strange', 8444]);
  - model_name: $_->[0]
    litellm_params:
      model: azure/gpt-4o
      api_base: http://127.0.0.1:%%PORT_8081%%
      azure_authority_host: https://localhost:%%PORT_$_->[1]%%
      tenant_id: tenant
      client_id: client
      client_secret: secret
END
my $up = $t->mock(8081, sub { answer(200, openai_chat('hi')) });
my $tokens = $t->mock(8082, sub { answer(200, '{"access_token":"tok","expires_in":3600}') });
$t->run;

is(http(chat('good'))->{status}, 200, 'a verified endpoint');
is(($up->requests)[0]{header}{authorization}, 'Bearer tok', 'its token');
is(($tokens->requests)[0]{header}{'x-name'}, 'localhost', 'its name was sent');

my $r = http(chat('strange', num_retries => 0));
is($r->{status}, 500, 'one that is not trusted');
like($r->{body}, qr/no access token: the token endpoint: connection error/, 'is told');
is(scalar(() = $tokens->requests), 1, 'and was sent nothing');
