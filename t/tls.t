#!/usr/bin/perl

# TLS to providers: verified by default, with SNI, kept alive and resumed; what
# cannot be verified gets nothing of the request, and the fallback answers.
# The providers are TLS servers of the same nginx in front of a mock.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->has('http_ssl', 'program openssl')->plan(30);
my $d = $t->dir;

sub openssl {
    my $out = `cd '$d' && openssl @_ 2>&1`;
    die "openssl @_: $out" if $?;
}

$t->write_file('openssl.cnf', "[req]\ndistinguished_name=dn\n[dn]\n[ca]\nbasicConstraints=critical,CA:TRUE\n"
    . join '', map { "[$_]\nsubjectAltName=DNS:$_\n" } 'localhost', 'other.test');
for my $ca ('ca', 'strange') {
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout $ca.key -out $ca.crt -days 30 -subj /CN=$ca "
        . '-config openssl.cnf -extensions ca');
}
for my $case (['good', 'localhost', 'ca', 30], ['other', 'other.test', 'ca', 30],
    ['unknown', 'localhost', 'strange', 30])
{
    my ($name, $host, $ca, $days) = @$case;
    openssl("req -new -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$host -config openssl.cnf");
    openssl("x509 -req -in $name.csr -CA $ca.crt -CAkey $ca.key -CAcreateserial -out $name.crt -days $days "
        . "-extfile openssl.cnf -extensions $host");
}
openssl('req -x509 -newkey rsa:2048 -nodes -keyout self.key -out self.crt -days 30 -subj /CN=localhost '
    . '-config openssl.cnf -extensions localhost');

my $servers = join '', map { <<"END" } ['good', 8443], ['other', 8444], ['unknown', 8445], ['self', 8446];
server {
    listen 127.0.0.1:%%PORT_$_->[1]%% ssl;
    ssl_certificate %%DIR%%/$_->[0].crt;
    ssl_certificate_key %%DIR%%/$_->[0].key;
    ssl_session_cache shared:SSL$_->[1]:1m;
    keepalive_requests 2;
    access_log %%DIR%%/tls.log tls;
    location / {
        proxy_pass http://127.0.0.1:%%PORT_8081%%;
        proxy_set_header X-Server $_->[0];
        proxy_set_header X-SNI \$ssl_server_name;
        proxy_set_header X-Reused \$ssl_session_reused;
        proxy_set_header X-Connection \$connection;
    }
}
END
$t->write_conf(http => <<"END" . $servers, server => <<'END');
litellm_ssl_trusted_certificate %%DIR%%/ca.crt;
log_format tls "\$connection \$connection_requests \$ssl_session_reused";
END
location /off/ {
    litellm;
    litellm_ssl_verify off;
}
location /system/ {
    litellm;
    litellm_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
}
location /short/ {
    litellm;
    litellm_connect_timeout 1s;
}
END
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - {model_name: good, litellm_params: {model: openai/gpt-4o, api_base: "https://localhost:%%PORT_8443%%/v1", api_key: k}}
  - {model_name: other, litellm_params: {model: openai/gpt-4o, api_base: "https://localhost:%%PORT_8444%%/v1", api_key: k}}
  - {model_name: unknown, litellm_params: {model: openai/gpt-4o, api_base: "https://localhost:%%PORT_8445%%/v1", api_key: k}}
  - {model_name: self, litellm_params: {model: openai/gpt-4o, api_base: "https://localhost:%%PORT_8446%%/v1", api_key: k}}
  - {model_name: plain, litellm_params: {model: openai/gpt-4o, api_base: "https://localhost:%%PORT_8081%%/v1", api_key: k}}
  - {model_name: helped, litellm_params: {model: openai/gpt-4o, api_base: "https://localhost:%%PORT_8444%%/v1", api_key: k}}
litellm_settings: {num_retries: 0}
router_settings: {fallbacks: [{helped: [good]}]}
END
my $mock = $t->mock(8081, sub { answer(200, openai_chat('hi')) });
$t->run;

my $r = http(chat('good'));
is($r->{status}, 200, 'a good certificate') or diag($t->read_file('error.log'));
my $req = ($mock->requests)[-1];
is($req->{header}{'x-server'}, 'good', 'the right server');
is($req->{header}{'x-sni'}, 'localhost', 'SNI');
is($r->{header}{'x-litellm-model-api-base'}, 'https://localhost:' . $t->port(8443) . '/v1', 'api base');

# kept alive, over locations too

http(chat('good'));
http(chat('good', uri => '/off/v1/chat/completions'));
my @connections = map { $_->{header}{'x-connection'} } $mock->requests;
is($connections[1], $connections[0], 'the TLS connection is used again');

# another trust is another connection

$r = http(chat('good', uri => '/system/v1/chat/completions'));
ok($r->{status} >= 500, 'a connection that was verified by others is not taken over') or diag($r->{raw});

# a new connection resumes the session: the server takes two requests on each

http(chat('good')) for 1 .. 4;
is(($mock->requests)[-1]{header}{'x-reused'}, 'r', 'the session is resumed');

# what cannot be verified

for my $model ('other', 'unknown', 'self', 'plain') {
    my $before = () = $mock->requests;
    my $at = $t->log_size;
    $r = http(chat($model, uri => $model eq 'plain' ? '/short/v1/chat/completions' : '/v1/chat/completions'));
    ok($r->{status} >= ($model eq 'plain' ? 408 : 500), "$model: refused") or diag($r->{raw});
    my $j = json_of($r->{body});
    like($j->{error}{message}, qr/^litellm\.\w+: /, "$model: as LiteLLM says it");
    my $after = () = $mock->requests;
    is($after - ($model eq 'plain' ? $after : $before), 0, "$model: nothing was sent") if $model ne 'plain';
    ok($t->wait_log(qr/\[(error|crit|warn)\]/, $at), "$model: told in the log");
}
$t->allow_log(qr/SSL_do_handshake\(\) failed/);

# without verification they would be used (the control)

for my $model ('other', 'unknown', 'self') {
    is(http(chat($model, uri => '/off/v1/chat/completions'))->{status}, 200, "$model: control without verification");
}

# and verification holds for those who ask for it after that

$r = http(chat('other'));
ok($r->{status} >= 500, 'a connection that was not verified is not taken over');

# the fallback

$r = http(chat('helped'));
is($r->{status}, 200, 'the fallback answers');
is($r->{header}{'x-litellm-model-group'}, 'good', 'it is the fallback');

# a wrong trust file is an error at start

$t->write_file('nginx-bad.conf', $t->read_file('nginx.conf') =~ s/\Q$d\E\/ca\.crt/$d\/nowhere.crt/r);
my ($rc, $out) = $t->test_conf(conf => 'nginx-bad.conf');
isnt($rc, 0, 'a missing trust file');
like($out, qr/nowhere\.crt/, 'it is named');
