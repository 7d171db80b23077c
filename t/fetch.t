#!/usr/bin/perl

# Images by URL for a provider that wants bytes: what is fetched reaches it,
# what must not be fetched is not even connected to.

use warnings;
use strict;

use IO::Socket::INET;
use MIME::Base64 qw(encode_base64);
use Test::More;
use Time::HiRes qw(time);

use LiteLLM::Mock qw(answer chunked anthropic_message anthropic_stream);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->has('http_ssl', 'program openssl')->plan(87);
my $d = $t->dir;

$t->write_file('openssl.cnf', "[req]\ndistinguished_name=dn\n[dn]\n[own]\nsubjectAltName=DNS:files.test\n");
my $out = `cd '$d' && openssl req -x509 -newkey rsa:2048 -nodes -keyout own.key -out own.crt -days 30 -subj /CN=x \\
    -config openssl.cnf -extensions own 2>&1`;
die $out if $?;

$t->write_conf(http => "resolver 127.0.0.1:%%PORT_5353_UDP%% ipv6=off;\nresolver_timeout 1s;" . <<'END',
server {
    listen 127.0.0.1:%%PORT_8443%% ssl;
    ssl_certificate %%DIR%%/own.crt;
    ssl_certificate_key %%DIR%%/own.key;
    location / { proxy_pass http://127.0.0.1:%%PORT_8083%%; proxy_redirect off; proxy_set_header X-SNI $ssl_server_name; }
}
END
    server => <<'END');
location /on/ {
    litellm;
    litellm_fetch on;
    litellm_fetch_allow 127.0.0.1;
    litellm_fetch_ports 80 443 %%PORT_8083%% %%PORT_8443%%;
    litellm_fetch_max_size 100k;
    litellm_fetch_timeout 1s;
    litellm_ssl_verify off;
    litellm_ssl_trusted_certificate %%DIR%%/own.crt;
}
location /strange/ {
    litellm;
    litellm_fetch on;
    litellm_fetch_allow 127.0.0.1;
    litellm_fetch_ports %%PORT_8443%%;
}
location /private/ {
    litellm;
    litellm_fetch on;
    litellm_fetch_allow private;
    litellm_fetch_deny 127.0.0.2/32;
    litellm_fetch_ports %%PORT_8083%%;
}
location /strict/ {
    litellm;
    litellm_fetch on;
    litellm_fetch_ports %%PORT_8083%%;
}
location /usual/ {
    litellm;
    litellm_fetch on;
    litellm_fetch_allow private;
}
END
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: claude
    litellm_params:
      model: anthropic/claude-3-5-sonnet-20241022
      api_base: http://127.0.0.1:%%PORT_8082%%
      api_key: sk-provider-two
      extra_headers: {X-Operator: secret-of-ours}
  - model_name: llava
    litellm_params: {model: ollama_chat/llava, api_base: 'http://127.0.0.1:%%PORT_8084%%'}
litellm_settings: {num_retries: 0}
END

my $port = $t->port(8083);
my $png = "\x89PNG\r\n\x1a\n" . join '', map { chr($_ % 256) } 1 .. 999;

my @events = anthropic_stream('One', 'Two');
my $provider = $t->mock(8082, sub {
    my ($peer, $req) = @_;
    return answer(200, anthropic_message('seen')) if $req->{body} !~ /"stream": ?true/;
    $peer->write(chunked(@events[0 .. 3], undef));
    select undef, undef, undef, 2 * $LiteLLM::Peer::slow;
    $peer->write(join('', map { LiteLLM::Mock::chunk($_) } @events[4 .. $#events]) . "0\r\n\r\n");
    return 1;
});

my $ollama = $t->mock(8084, sub {
    answer(200, json_text({ model => 'llava', message => { role => 'assistant', content => 'seen' }, done => JSON::PP::true }));
});

my $files = $t->mock(8083, sub {
    my ($peer, $req, $n) = @_;
    my $uri = $req->{uri};
    return answer(200, $png, 'Content-Type' => 'image/png') if $uri eq '/ok.png';
    return answer(200, $png, 'Content-Type' => 'IMAGE/JPEG; charset=x') if $uri eq '/typed';
    return answer(200, $png, 'Content-Type' => 'application/octet-stream') if $uri eq '/untyped';
    return answer(200, 'text', 'Content-Type' => "a\"b/c\\d") if $uri eq '/odd-type';
    return answer(200, 'x' x 100_000, 'Content-Type' => 'image/png') if $uri eq '/fits';
    return answer(200, 'x' x 200_000, 'Content-Type' => 'image/png') if $uri eq '/big';
    return answer(200, 'x' x 60_000, 'Content-Type' => 'image/png') if $uri =~ m{^/half};
    return answer(200, $png, 'Content-Type' => 'image/png') if $uri =~ m{^/n/};
    return answer(200, '', 'Content-Type' => 'image/png') if $uri eq '/empty';
    return answer(200, $png, 'Content-Type' => 'image/png', 'Content-Encoding' => 'gzip') if $uri eq '/coded';
    return answer(404, 'secret page') if $uri eq '/missing';
    return answer(302, '', Location => "http://127.0.0.1:$port/ok.png") if $uri eq '/absolute';
    return answer(301, 'moved', Location => '/ok.png') if $uri eq '/path';
    return answer(307, '', Location => 'ok.png') if $uri eq '/relative?a/b';
    return answer(308, '', Location => "//127.0.0.1:$port/ok.png") if $uri eq '/scheme';
    return answer(302, '', Location => "http://127.0.0.2:$port/inside") if $uri eq '/to-private';
    return answer(302, '', Location => "http://inside.test:$port/inside") if $uri eq '/to-name';
    return answer(302, '', Location => "http://[::ffff:127.0.0.2]:$port/inside") if $uri eq '/to-mapped';
    return answer(302, '', Location => 'file:///etc/passwd') if $uri eq '/to-file';
    return answer(302, '', Location => "http://127.0.0.1:22/") if $uri eq '/to-port';
    return answer(302, '', Location => '/loop') if $uri eq '/loop';
    return answer(200, $png, 'Content-Type' => 'image/png') if $uri eq '/a%20b%C3%A9?x=%7By%7D';
    if ($uri eq '/chunked') {
        $peer->write("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
            . join('', map { LiteLLM::Mock::chunk($_) } $png =~ /(.{1,100})/gs) . "0\r\n\r\n");
        return 0;
    }
    if ($uri eq '/big-chunked') {
        $peer->write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (1 .. 1000) { $peer->write(LiteLLM::Mock::chunk('x' x 10_000)) or last }
        return 0;
    }
    if ($uri eq '/cut') {
        $peer->write("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n$png");
        return 0;
    }
    if ($uri eq '/slow') {
        for (1 .. 100) { $peer->write($_ == 1 ? "HTTP/1.1 200 OK\r\n\r\n" : 'x') or last; select undef, undef, undef, 0.1 }
        return 0;
    }
    return 0 if $uri =~ m{^/nothing};
    return answer(500, 'what?');
});

# what stands for the network inside: each connection leaves a line
my $inside = IO::Socket::INET->new(LocalAddr => '127.0.0.2', LocalPort => $port, Listen => 8,
    ReuseAddr => 1) or die $!;
$t->daemon(sub {
    while (my $s = $inside->accept) {
        open my $f, '>>', $t->dir . '/inside';
        print $f "connected\n";
        close $f;
        my $p = LiteLLM::Peer->new($s);
        $p->write(answer(200, $png, 'Content-Type' => 'image/png', Connection => 'close')) if $p->read_message;
        $p->close;
    }
});
close $inside;
$t->daemon(\&dns);
$t->run;

sub image { return { type => 'image_url', image_url => { url => $_[0] } } }

# the answer to a chat with these images, and what the provider got
sub ask {
    my ($where, @urls) = @_;
    my $before = $provider->requests;
    my $r = http(chat('claude', uri => "$where/v1/chat/completions",
        messages => [{ role => 'user', content => [{ type => 'text', text => 'See' }, map { image($_) } @urls] }]));
    my @got = $provider->requests;
    my $req = @got > $before ? json_of($got[-1]{body}) : undef;
    my @images = map { $_->{source} } grep { $_->{type} eq 'image' } @{($req->{messages} || [{}])->[0]{content} || []};
    return ($r, \@images, scalar(@got) - $before);
}

sub message { my $j = json_of($_[0]{body}); return $j && $j->{error} ? $j->{error}{message} : '' }

# nothing is fetched, the provider is not asked
sub refused {
    my ($where, $url, $why, $name) = @_;
    my ($r, undef, $n) = ask($where, $url);
    is($r->{status}, 400, "$name: status");
    like(message($r), $why, "$name: text");
    is($n, 0, "$name: not sent");
    return $r;
}

# off

refused('', "http://127.0.0.1:$port/ok.png", qr/litellm_fetch/, 'off');
is(scalar $files->requests, 0, 'off: not fetched');

# on

my ($r, $images, $n) = ask('/on', "http://127.0.0.1:$port/ok.png");
is($r->{status}, 200, 'status') or diag($r->{raw});
is($n, 1, 'one request to the provider');
is_deeply($images, [{ type => 'base64', media_type => 'image/png', data => encode_base64($png, '') }], 'the bytes');
my ($req) = $files->requests;
is($req->{line}, 'GET /ok.png HTTP/1.1', 'request line');
is($req->{header}{host}, "127.0.0.1:$port", 'Host');
unlike($req->{raw}, qr/sk-provider|secret-of-ours|authorization|cookie|content-/i, 'nothing of ours is sent');

for (['/typed', 'image/jpeg'], ['/untyped', 'image/png'], ['/chunked', 'image/png'],
    ['/absolute', 'image/png'], ['/path', 'image/png'], ['/relative?a/b', 'image/png'], ['/scheme', 'image/png'],
    ["/a b\x{e9}?x={y}#frag", 'image/png'])
{
    my ($uri, $type) = @$_;
    ($r, $images) = ask('/on', "http://127.0.0.1:$port$uri");
    is($images->[0]{media_type}, $type, $uri =~ s/[^ -~]/./gr) or diag($r->{raw});
}
is($images->[0]{data}, encode_base64($png, ''), 'the bytes of the last one');

($r, $images, $n) = ask('/on', (map { "http://127.0.0.1:$port/n/$_" } 1 .. 10), "http://127.0.0.1:$port/n/1");
is(scalar @$images, 11, 'eleven images');
is($n, 1, 'one request');
is(scalar $files->requests(qr{^/n/}), 10, 'each URL once');

($r, $images) = ask('/on', "http://127.0.0.1:$port/fits");
is(length $images->[0]{data}, length encode_base64('x' x 100_000, ''), 'under the bound');

# names

for my $name ('files.test', 'FILES.test.', 'both.test', 'localhost', 'a.localhost') {
    ($r, $images) = ask('/on', "http://$name:$port/ok.png");
    is(scalar @$images, 1, $name) or diag($r->{raw});
}
is(($files->requests)[-1]{header}{host}, "a.localhost:$port", 'Host is the name');
is(questions('files.test'), 1, 'and one question for it');

# a name that changes its mind between the check and the connection

($r, $images) = ask('/on', "http://rebind.test:$port/ok.png");
is($images->[0]{data}, encode_base64($png, ''), 'rebinding: the first answer counts');
is(questions('rebind.test'), 1, 'rebinding: it is asked for once');
Time::HiRes::sleep(2.1);    # nginx keeps an answer without a TTL for a second
refused('/on', "http://rebind.test:$port/ok.png", qr/no address that is allowed/, 'rebinding, later');

# TLS: the name is verified, whatever is set for providers

my $tls = $t->port(8443);
sub secure {
    my ($where, $url) = @_;
    return http(chat('llava', uri => "$where/v1/chat/completions", messages => [{ role => 'user', content => [image($url)] }]));
}
$r = secure('/on', "https://files.test:$tls/ok.png");
is($r->{status}, 200, 'https') or diag($r->{raw});
is(json_of(($ollama->requests)[-1]{body})->{messages}[0]{images}[0], encode_base64($png, ''), 'https: the bytes');
is(($files->requests)[-1]{header}{'x-sni'}, 'files.test', 'https: SNI');
like(message(secure('/on', "https://both.test:$tls/ok.png")), qr/could not be reached/, 'https: another name');
like(message(secure('/strange', "https://files.test:$tls/ok.png")), qr/could not be reached/, 'https: not trusted');
like(message(secure('/on', "https://files.test:$tls/absolute")), qr/a redirect from https to http/, 'https: back to http');
is(scalar $ollama->requests, 1, 'https: the provider was asked once');

# not allowed

my $private = qr/^litellm\.BadRequestError: .*Unable to fetch an image or file: its host has no address that is allowed/;
refused('/on', "http://inside.test:$port/x", $private, 'a name of the network inside');
refused('/strict', "http://127.0.0.1:$port/ok.png", $private, 'loopback');
refused('/private', "http://127.0.0.2:$port/x", $private, 'denied beats allowed');
for my $where ('to-private', 'to-name', 'to-mapped', 'to-file', 'to-port', 'loop') {
    ($r) = ask('/on', "http://127.0.0.1:$port/$where");
    like(message($r), $where eq 'loop' ? qr/too many redirects/ : qr/Unable to fetch/, "a redirect: $where");
}
for my $url ("http://0x7f.2:$port/", "http://2130706434:$port/", "http://0177.0.0.2:$port/",
    "http://127.2:$port/", "http://[::ffff:127.0.0.2]:$port/", "http://[::1%25lo]:$port/",
    "http://x\@127.0.0.2:$port/", "http://169.254.169.254:80/", "gopher://127.0.0.2/", "http://nx.test:$port/")
{
    ($r) = ask('/strict', $url);
    like(message($r), qr/Unable to fetch/, $url);
}
like(message((ask('/usual', "http://127.0.0.1:$port/ok.png"))[0]), qr/a port that is not allowed/, 'a port');
is($t->read_file('inside'), '', 'nobody connected to the network inside');
($r, $images) = ask('/private', "http://127.0.0.1:$port/ok.png");
is(scalar @$images, 1, 'private addresses, where allowed');

# bounds and failures

my $from = time;
like(message((ask('/on', "http://127.0.0.1:$port/slow"))[0]), qr/litellm_fetch_timeout/, 'slow');
cmp_ok(time - $from, '<', 3 * $LiteLLM::Peer::slow, 'slow: in time');
for (['big', qr/litellm_fetch_max_size/], ['big-chunked', qr/litellm_fetch_max_size/], ['missing', qr/does not have it/],
    ['cut', qr/did not send all of it/], ['empty', qr/is empty/], ['coded', qr/content coding/],
    ['nothing', qr/could not be reached/])
{
    ($r) = ask('/on', "http://127.0.0.1:$port/$_->[0]");
    like(message($r), $_->[1], $_->[0]);
}
unlike($r->{raw}, qr/secret page/, 'no page of others');
like(message((ask('/on', map { "http://127.0.0.1:$port/half$_" } 1, 2))[0]), qr/litellm_fetch_max_size/,
    'the bound is for all of a request');
like(message((ask('/on', "http://127.0.0.1:$port/odd-type"))[0]), qr/what type it is/, 'an odd content type');

# a stream behind several files: its events arrive at once

my $c = start(chat('claude', uri => '/on/v1/chat/completions', stream => JSON::PP::true,
    messages => [{ role => 'user', content => [map { image("http://127.0.0.1:$port/n/$_") } 1 .. 6] }]));
$from = time;
my $first = $c->read_until(qr/"One".*?\n\n/s);
cmp_ok(time - $from, '<', 1.5 * $LiteLLM::Peer::slow, 'a stream behind six files: its first event');
$c->{in} = $first . $c->{in};
is(texts(finish($c)->{body}), 'OneTwo', 'all of it');

# a client that leaves, and one that is still served

$c = start(chat('claude', uri => '/on/v1/chat/completions',
    messages => [{ role => 'user', content => [image("http://127.0.0.1:$port/slow"), image("http://silent.test:$port/")] }]));
Time::HiRes::sleep(0.3);
$c->close;
($r, $images) = ask('/on', "http://127.0.0.1:$port/ok.png");
is(scalar @$images, 1, 'after a client that left');

# a query may be a signature

ask('/on', "http://127.0.0.1:$port/nothing?X-Signature=s3cret");
like($t->read_file('error.log'), qr{/nothing}, 'a URL in the log');
unlike($t->read_file('error.log'), qr/s3cret/, 'without its query');

sub questions {
    my $name = shift;
    return scalar grep { $_ eq $name } split /\n/, $t->read_file('questions');
}

sub dns {
    my %zone = ('files.test' => ['127.0.0.1'], 'inside.test' => ['127.0.0.2'],
        'both.test' => ['127.0.0.2', '127.0.0.1'], 'rebind.test' => ['127.0.0.1']);
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $t->port('5353_UDP'), Proto => 'udp')
        or die "dns: $!";
    while (1) {
        defined $s->recv(my $q, 4096) or next;
        my ($name, $off) = ('', 12);
        while (my $len = unpack 'C', substr $q, $off, 1) {
            $name .= ($name eq '' ? '' : '.') . substr $q, $off + 1, $len;
            $off += $len + 1;
        }
        next if $name eq 'silent.test';
        open my $f, '>>', $t->dir . '/questions';
        print $f "$name\n";
        close $f;
        my @addrs = @{$zone{lc $name} || []};
        $zone{'rebind.test'} = ['127.0.0.2'] if $name eq 'rebind.test';
        my $ttl = $name eq 'rebind.test' ? 0 : 60;
        $s->send(pack('nnnnnn', unpack('n', $q), 0x8180 | (@addrs ? 0 : 3), 1, scalar @addrs, 0, 0)
            . substr($q, 12, $off + 5 - 12)
            . join '', map { pack('nnnNn/a*', 0xc00c, 1, 1, $ttl, pack 'C4', split /\./) } @addrs);
    }
}
