#!/usr/bin/perl

# Attempts of several exchanges, at a provider that is asked until it is done:
# waits, time-outs, clients that leave or are slow, connections kept between
# exchanges, the second address, memory.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time);

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->has('http_ssl', 'program openssl')->plan(50);
my $d = $t->dir;

$t->write_file('openssl.cnf', "[req]\ndistinguished_name=dn\n[dn]\n[ca]\n"
    . "subjectAltName=DNS:api.replicate.com,DNS:stream.replicate.com\n");
my $out = `cd '$d' && openssl req -x509 -newkey rsa:2048 -nodes -keyout own.key -out own.crt -days 30 -subj /CN=x \\
    -config openssl.cnf -extensions ca 2>&1`;
die $out if $?;

$t->write_conf(http => <<'END', server => 'litellm_ssl_trusted_certificate %%DIR%%/own.crt;', location => 'access_log %%DIR%%/ups.log ups;');
log_format ups '$status [$upstream_addr] [$upstream_status]';
upstream api.replicate.com { server 127.0.0.1:%%PORT_8443%%; }
upstream stream.replicate.com { server 127.0.0.1:%%PORT_8443%%; }
server {
    listen 127.0.0.1:%%PORT_8443%% ssl;
    ssl_certificate %%DIR%%/own.crt;
    ssl_certificate_key %%DIR%%/own.key;
    location / {
        proxy_pass http://127.0.0.1:%%PORT_8082%%;
        proxy_http_version 1.1;
        proxy_buffering off;
        proxy_set_header Host $host;
        proxy_set_header X-SNI $ssl_server_name;
    }
}
END
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - {model_name: llama, litellm_params: {model: replicate/meta/llama, api_key: r8-key,
      api_base: 'http://127.0.0.1:%%PORT_8081%%/v1', extra_headers: {X-Mine: yes}}}
  - {model_name: hurry, litellm_params: {model: replicate/meta/llama, api_key: r8-key, timeout: 1,
      api_base: 'http://127.0.0.1:%%PORT_8081%%/v1'}}
  - {model_name: first, litellm_params: {model: replicate/meta/llama, api_key: r8-key, stream_timeout: 1,
      api_base: 'http://127.0.0.1:%%PORT_8081%%/v1'}}
  - {model_name: real, litellm_params: {model: replicate/meta/llama, api_key: r8-key}}
  - {model_name: gpt, litellm_params: {model: openai/gpt-4o, api_key: k,
      api_base: 'http://127.0.0.1:%%PORT_8083%%/v1'}}
litellm_settings:
  num_retries: 0
  fallbacks: [{hurry: [gpt]}]
END

my $up = $t->listener(8081);
my $alt = $t->listener(8082);
my $gpt = $t->mock(8083, sub { answer(200, openai_chat('other')) });
$t->run;

sub prediction {
    my ($status, $output, %more) = @_;
    return answer(201, json_text({ id => 'p1', model => 'meta/llama', status => $status, output => $output,
        error => undef, urls => { get => 'https://elsewhere.test/x' }, %more }));
}

# the next request on a connection that is kept
sub next_request { my ($peer, $timeout) = @_; return $peer->read_message(timeout => $timeout || 10) }

sub content { my $j = json_of($_[0]{body}); return $j ? $j->{choices}[0]{message}{content} // $j->{error}{message} : '' }

# created, looked at twice

my $from = time;
my $c = start(chat('llama'));
my ($peer, $req) = $up->request;
is($req->{line}, 'POST /v1/models/meta/llama/predictions HTTP/1.1', 'create');
$peer->write(prediction('starting', undef));
$req = next_request($peer);
is($req->{line}, 'GET /v1/predictions/p1 HTTP/1.1', 'look, on the same connection');
is($req->{body}, '', 'without a body');
is($req->{header}{'content-length'}, undef, 'without a length');
is($req->{header}{'content-type'}, undef, 'without a type');
is($req->{header}{authorization}, 'Bearer r8-key', 'with the key');
is($req->{header}{'x-mine'}, 'yes', 'with the operator\'s headers');
$peer->write(prediction('processing', ['Hel'], logs => 'x' x 50_000));
$req = next_request($peer);
ok($req, 'looked at again');
$peer->write(prediction('succeeded', ['Hel', 'lo'], metrics => { input_token_count => 5, output_token_count => 2 }));
my $r = finish($c);
$peer->close;
is($r->{status}, 200, 'status') or diag($r->{raw});
is(content($r), 'Hello', 'text');
is(json_of($r->{body})->{usage}{total_tokens}, 7, 'usage');
is($r->{header}{'x-litellm-attempted-retries'}, '0', 'one attempt');
cmp_ok(time - $from, '>', 0.95, 'two waits');
my $port = $t->port(8081);
ok($t->wait_file('ups.log', qr/^200 \[127.0.0.1:$port : 127.0.0.1:$port : 127.0.0.1:$port\] \[201 : 201 : 201\]$/m),
    'each exchange in the log') or diag($t->read_file('ups.log'));

# failures at each exchange

sub after_create {
    my ($answer, $model) = @_;
    my $c = start(chat($model || 'llama'));
    my $peer = $up->accept;
    next_request($peer);
    $peer->write(prediction('starting', undef));
    next_request($peer);
    $peer->write($answer) if length $answer;
    $peer->close;

    # a kept connection that was closed is none: once more on a fresh one

    if (!length $answer) {
        $peer = $up->accept;
        next_request($peer);
        $peer->close;
    }
    return finish($c);
}

$r = after_create(answer(500, '{"detail":"no"}'));
is($r->{status}, 500, 'an error status at a look');
$r = after_create(answer(429, '{"detail":"Request was throttled."}', 'Retry-After' => 1));
is($r->{status}, 429, 'throttled at a look');
$r = after_create(answer(200, '[]'));
cmp_ok($r->{status}, '>=', 500, 'garbage at a look');
$r = after_create('');
cmp_ok($r->{status}, '>=', 500, 'no answer at a look');
$r = after_create(prediction('failed', undef, error => 'it broke'));
like(content($r), qr/it broke/, 'a prediction that failed');
$r = after_create(answer(200, json_text({ id => 'p1', status => 'succeeded', output => 'X' }) . ' ' x 10));
is(content($r), 'X', 'the connection still works');

# the attempt's time is for all exchanges together

$from = time;
$c = start(chat('hurry'));
$peer = $up->accept;
while (next_request($peer, 1)) { $peer->write(prediction('starting', undef)) }
$r = finish($c);
$peer->close;
is(content($r), 'other', 'timed out between two looks: the fallback answers');
cmp_ok(time - $from, '<', 4 * $LiteLLM::Peer::slow, 'in time');

# a client that leaves during a wait

$c = start(chat('llama'));
$peer = $up->accept;
next_request($peer);
$peer->write(prediction('starting', undef));
Time::HiRes::sleep(0.2);
$c->close;
is(next_request($peer, 1.5), undef, 'a client that left: no further look');
$peer->close;

# streams: what is new in each look

$c = start(chat('llama', stream => JSON::PP::true));
$peer = $up->accept;
next_request($peer);
$peer->write(prediction('starting', undef));
next_request($peer);
is($c->{in}, '', 'nothing is sent before there is some text');
$peer->write(prediction('processing', ['One']));
next_request($peer);
my $first = $c->read_until(qr/One.*\n\n/s);
like($first, qr{^HTTP/1.1 200.*text/event-stream.*"One"}s, 'the first text before the next look is answered');
unlike($first, qr/DONE/, 'and no end');
$c->{in} = $first . $c->{in};
$peer->write(prediction('processing', ['One', ' two']));
next_request($peer);
$peer->write(prediction('succeeded', ['One', ' two', ' three']));
$r = finish($c);
$peer->close;
is(texts($r->{body}), 'One two three', 'the whole text');
is(scalar(() = $r->{body} =~ /data: \[DONE\]/g), 1, 'one end');

# cut behind the commit

$c = start(chat('llama', stream => JSON::PP::true));
$peer = $up->accept;
next_request($peer);
$peer->write(prediction('processing', ['One']));
next_request($peer);
$peer->close;
$peer = $up->accept;
next_request($peer);
$peer->close;
$r = finish($c);
like($r->{body}, qr/"One".*"error"/s, 'a look that fails behind the first text: an error event');
unlike($r->{body}, qr/DONE/, 'and no end mark');

# the time to the first text

$c = start(chat('first', stream => JSON::PP::true));
$peer = $up->accept;
while (next_request($peer, 1)) { $peer->write(prediction('processing', undef)) }
$r = finish($c);
$peer->close;
is($r->{status}, 408, 'stream_timeout without a text');
$c = start(chat('first', stream => JSON::PP::true));
$peer = $up->accept;
next_request($peer);
for (1 .. 3) { $peer->write(prediction('processing', ['One'])); next_request($peer) }
$peer->write(prediction('succeeded', ['One']));
$r = finish($c);
$peer->close;
is(texts($r->{body}), 'One', 'stream_timeout with a text in time');

# the attempt's time ends in a wait, behind the first text

$c = start(chat('hurry', stream => JSON::PP::true));
$peer = $up->accept;
while (next_request($peer, 2)) { $peer->write(prediction('processing', ['One'])) }
$r = finish($c);
$peer->close;
like($r->{body}, qr/"One".*"error".*timed out/is, 'timed out behind the first text: an error event');

# a slow client holds the looks back

$c = start(chat('llama', stream => JSON::PP::true), rcvbuf => 4096);
$peer = $up->accept;
next_request($peer);
my $big = join '', map { chr(97 + $_ % 26) } 1 .. 6_000_000;
$peer->write(prediction('processing', [$big]));
is(next_request($peer, 1.5), undef, 'no look while the client does not read');
my $got = '';
my $end = time + 30 * $LiteLLM::Peer::slow;
while ($got !~ /\r\n0\r\n\r\n$/ && time < $end) {
    my $n = $c->{sock}->sysread(my $more, 65536);
    last if !$n;
    $got .= $more;
    last if length $got > 6_000_000;
}
ok(next_request($peer), 'then looked at again');
$peer->write(prediction('succeeded', [$big, '!']));
while (my $n = $c->{sock}->sysread(my $more, 65536)) { $got .= $more }
$c->close;
my ($head, $body) = split /\r\n\r\n/, $got, 2;
my $text = '';
while ($body =~ /\G([0-9a-f]+)\r\n/gc) {
    my $n = hex $1 or last;
    $text .= substr $body, pos $body, $n;
    pos($body) += $n + 2;
}
is(texts($text), "$big!", 'all of it arrives');
like($text, qr/\[DONE\]\n\n$/, 'with its end');
$peer->close;

# a slow client that never reads again, and the total time

$c = start(chat('hurry', stream => JSON::PP::true), rcvbuf => 4096);
$peer = $up->accept;
next_request($peer);
$peer->write(prediction('processing', [$big]));
is(next_request($peer, 2), undef, 'a client that does not read: no look');
$c->close;
$peer->close;

# several at once

my @many = map { start(chat('llama')) } 1 .. 8;
my @peers = map { my $p = $up->accept; next_request($p); $p->write(prediction('starting', undef)); $p } @many;

# all are asked before one is answered: a connection that is free again could
# take another one's turn

next_request($_) for @peers;
$_->write(prediction('succeeded', 'many')) for @peers;
is(join(' ', map { content(finish($_)) } @many), join(' ', ('many') x 8), 'eight at once');

# Replicate's own streams: a second address

$c = start(chat('real', stream => JSON::PP::true));
($peer, $req) = $alt->request;
is($req->{line}, 'POST /v1/models/meta/llama/predictions HTTP/1.1', 'create at the provider itself');
is($req->{header}{host}, 'api.replicate.com', 'Host');
is($req->{header}{'x-sni'}, 'api.replicate.com', 'SNI');
$peer->write(prediction('starting', undef, urls => { stream => 'https://stream.replicate.com/v1/files/abc' }));
my ($second, $get) = $alt->request;
is($get->{line}, 'GET /v1/files/abc HTTP/1.1', 'its stream is asked for');
is($get->{header}{host}, 'stream.replicate.com', 'Host of the second address');
is($get->{header}{'x-sni'}, 'stream.replicate.com', 'SNI of the second address');
$second->write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nevent: output\nid: 1\ndata: Hi\n\n");
$first = $c->read_until(qr/Hi.*\n\n/s);
like($first, qr/"Hi"/, 'its events arrive at once');
$c->{in} = $first . $c->{in};
$second->write("event: output\nid: 2\ndata:  you\n\nevent: done\nid: 3\ndata: {}\n\n");
$second->close;
$r = finish($c);
is(texts($r->{body}), 'Hi you', 'its text');
like($r->{body}, qr/\[DONE\]\n\n/, 'its end');
$c = start(chat('real', stream => JSON::PP::true));
$peer = $alt->accept;
next_request($peer);
$peer->write(prediction('starting', undef, urls => { stream => "https://stream.replicate.com.evil.test/x" }));
$second = $alt->accept;
$req = next_request($second) if $second;
is($req->{line}, 'GET /v1/predictions/p1 HTTP/1.1', 'a stream at a foreign host is not asked for');
$second->write(prediction('succeeded', 'mine'));
is(texts(finish($c)->{body}), 'mine', 'it is looked at instead');
