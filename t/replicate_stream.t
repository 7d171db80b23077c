#!/usr/bin/perl

# A prediction of Replicate's own, streamed: it is created at one host and its
# events are read from another one, over TLS to both.  The hosts are upstream
# groups here, the providers TLS servers of the same nginx in front of a mock.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer chunked);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->has('http_ssl', 'program openssl')->plan(19);
my $d = $t->dir;

sub openssl {
    my $out = `cd '$d' && openssl @_ 2>&1`;
    die "openssl @_: $out" if $?;
}

$t->write_file('openssl.cnf', "[req]\ndistinguished_name=dn\n[dn]\n[ca]\nbasicConstraints=critical,CA:TRUE\n"
    . join '', map { "[$_]\nsubjectAltName=DNS:$_.replicate.com\n" } 'api', 'stream');
openssl('req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 30 -subj /CN=ca '
    . '-config openssl.cnf -extensions ca');
for my $name ('api', 'stream') {
    openssl("req -new -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name -config openssl.cnf");
    openssl("x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out $name.crt -days 30 "
        . "-extfile openssl.cnf -extensions $name");
}

$t->write_conf(http => join '', "litellm_ssl_trusted_certificate %%DIR%%/ca.crt;\n", map { <<"END" } (['api', 8443], ['stream', 8444]));
upstream $_->[0].replicate.com {
    server 127.0.0.1:%%PORT_$_->[1]%%;
}
server {
    listen 127.0.0.1:%%PORT_$_->[1]%% ssl;
    ssl_certificate %%DIR%%/$_->[0].crt;
    ssl_certificate_key %%DIR%%/$_->[0].key;
    location / {
        proxy_pass http://127.0.0.1:%%PORT_8081%%;
        proxy_set_header X-Server $_->[0];
        proxy_set_header X-Host \$host;
        proxy_http_version 1.1;
        proxy_buffering off;
    }
}
END
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: llama
    litellm_params:
      model: replicate/meta/meta-llama-3-70b-instruct
      api_key: r8_provider_one
litellm_settings:
  num_retries: 0
END

sub event { "event: $_[0]\nid: 1741498260:0\ndata: $_[1]\n\n" }

my %streams = (
    good => [event('output', 'Hel'), ": comment\n\n", event('logs', 'x'), event('output', "lo \"you\""), event('done', '{}')],
    bad => [event('output', 'Half '), event('error', '{"detail":"CUDA out of memory"}'), event('done', '{"reason":"error"}')],
    cut => [event('output', 'Half ')],
);

# the seed says which stream; 4: one at a host that is nobody's

my $up = $t->mock(8081, sub {
    my ($peer, $req) = @_;

    if ($req->{line} =~ /^POST/) {
        my $seed = json_of($req->{body})->{input}{seed};
        my $url = 'https://stream.replicate.com/v1/files/' . ('', 'good', 'bad', 'cut')[$seed % 4];
        $url = 'https://evil.example.net/v1/files/good' if $seed == 4;
        return answer(201, json_text({ id => 'p1', status => 'starting', urls => { stream => $url } }));
    }
    return answer(200, '{"id":"p1","status":"succeeded","output":["by looks"]}') if $req->{line} =~ m{ /v1/predictions/p1 };
    my ($name) = $req->{line} =~ m{^GET /v1/files/(\w+) };
    return $name && $streams{$name} ? chunked(@{$streams{$name}}) : answer(404, '{"detail":"no such stream"}');
});
$t->run;

my @seen;

sub call {
    my $at = @seen;
    my $r = http(chat('llama', stream => JSON::PP::true, seed => $_[0]));
    @seen = $up->requests;
    return ($r, @seen[$at .. $#seen]);
}

my ($r, @req) = call(1);
is($r->{status}, 200, 'status') or diag($r->{raw}, $t->read_file('error.log'));
is(texts($r->{body}), 'Hello "you"', 'text');
is((events($r->{body}))[-1], '[DONE]', '[DONE]');
is_deeply([map { $_->{line} } @req], ['POST /v1/models/meta/meta-llama-3-70b-instruct/predictions HTTP/1.1',
    'GET /v1/files/good HTTP/1.1'], 'created, then read');
is_deeply([map { $_->{header}{'x-server'} } @req], ['api', 'stream'], 'from two hosts');
is_deeply([map { $_->{header}{'x-host'} } @req], ['api.replicate.com', 'stream.replicate.com'], 'by their names');
is($req[1]{header}{accept}, 'text/event-stream', 'Accept');
is($req[1]{header}{authorization}, 'Bearer r8_provider_one', 'the key');
ok(json_of($req[0]{body})->{stream}, 'a stream is asked for');

($r, @req) = call(2);
is($r->{status}, 200, 'an error behind a text: status');
is(texts($r->{body}), 'Half ', 'an error behind a text: the text');
my @events = events($r->{body});
like($events[-1], qr/"error".*CUDA out of memory/, 'an error behind a text: an event');
is(scalar(grep { /"error"/ } @events), 1, 'an error behind a text: one');

($r, @req) = call(3);
is(texts($r->{body}), 'Half ', 'a stream that is cut: the text');
like((events($r->{body}))[-1], qr/"error"/, 'a stream that is cut: an error');

($r, @req) = call(4);
is(texts($r->{body}), 'by looks', 'a stream somewhere else is not read');
is_deeply([map { $_->{header}{'x-server'} } @req], ['api', 'api'], 'the prediction is looked at instead');

($r, @req) = call(8);
is($r->{status}, 404, 'a stream that is not there');
unlike($r->{raw}, qr/r8_provider/, 'no key in an error');
