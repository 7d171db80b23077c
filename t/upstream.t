#!/usr/bin/perl

# api_base that names a declared upstream{}: the group is used as it is, with
# all that nginx's groups can, and what it mends is no failure of the
# deployment.

use warnings;
use strict;

use Socket ();
use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::DNS;
use LiteLLM::Mock qw(answer chunked openai_chat openai_error openai_stream);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->has('http_ssl', 'program openssl')->plan(138);
my $d = $t->dir;
my $slow = $LiteLLM::Peer::slow;
my @yes = (stream => JSON::PP::true);

sub openssl {
    my $out = `cd '$d' && openssl @_ 2>&1`;
    die "openssl @_: $out" if $?;
}

$t->write_file('openssl.cnf', "[req]\ndistinguished_name=dn\n[dn]\n[right]\nsubjectAltName=DNS:safe.example.com\n"
    . "[wrong]\nsubjectAltName=DNS:other.example.com\n");
openssl("req -x509 -newkey rsa:2048 -nodes -keyout $_.key -out $_.crt -days 30 -subj /CN=$_ "
    . "-config openssl.cnf -extensions $_") for 'right', 'wrong';
$t->write_file('trust.pem', $t->read_file('right.crt') . $t->read_file('wrong.crt'));

my $new = do { my ($v) = `$t->{binary} -v 2>&1` =~ m{/(\d+\.\d+\.\d+)}; my @v = split /\./, $v;
    $v[0] * 1e6 + $v[1] * 1e3 + $v[2] >= 1027003 };

$t->write_conf(listen => '', http => <<'END' . ($new ? <<'NEW' : ''), server => <<'LOCATIONS');
upstream pool {
    server 127.0.0.1:%%PORT_8083%% max_fails=1;
    server 127.0.0.1:%%PORT_8081%%;
    keepalive 4;
}
upstream api.provider.test {
    server 127.0.0.1:%%PORT_8082%%;
}

# the first one fails, each time anew
upstream ill {
    zone ill 64k;
    server 127.0.0.1:%%PORT_8084%% max_fails=0;
    server 127.0.0.1:%%PORT_8081%% max_fails=0;
    keepalive 8;
}
upstream refused {
    zone refused 64k;
    server 127.0.0.1:%%PORT_8083%% max_fails=0;
    server 127.0.0.1:%%PORT_8081%% max_fails=0;
}
upstream full {
    zone full 64k;
    server 127.0.0.1:%%PORT_8085%% max_fails=0;
    server 127.0.0.1:%%PORT_8081%% max_fails=0;
}
upstream worse {
    zone worse 64k;
    server 127.0.0.1:%%PORT_8083%% max_fails=0;
    server 127.0.0.1:%%PORT_8084%% max_fails=0;
}
upstream marks {
    zone marks 64k;
    server 127.0.0.1:%%PORT_8084%% max_fails=1 fail_timeout=%%FAIL%%s;
    server 127.0.0.1:%%PORT_8081%% max_fails=0;
}
upstream spare {
    zone spare 64k;
    server 127.0.0.1:%%PORT_8086%% max_fails=1 fail_timeout=1s;
    server 127.0.0.1:%%PORT_8087%% max_fails=1 fail_timeout=1s;
    server 127.0.0.1:%%PORT_8081%% backup;
    keepalive 4;
}
upstream least {
    zone least 64k;
    least_conn;
    server 127.0.0.1:%%PORT_8084%% max_fails=0;
    server 127.0.0.1:%%PORT_8081%% max_fails=0;
}
upstream kept {
    zone kept 64k;
    server 127.0.0.1:%%PORT_8081%%;
    server 127.0.0.1:%%PORT_8082%%;
    keepalive 8;
}
upstream safe.example.com {
    zone safe 64k;
    server 127.0.0.1:%%PORT_8443%% max_fails=0;
    server 127.0.0.1:%%PORT_8444%% max_fails=0;
    keepalive 4;
}
log_format up "up=$upstream_addr status=$upstream_status";
access_log %%DIR%%/up.log up;
litellm_zone zone=here:256k;
litellm_health_valid 1h;
litellm_ssl_trusted_certificate %%DIR%%/trust.pem;

server {
    listen 127.0.0.1:%%PORT_8443%% ssl;
    ssl_certificate %%DIR%%/wrong.crt;
    ssl_certificate_key %%DIR%%/wrong.key;
    location / { proxy_pass http://127.0.0.1:%%PORT_8082%%; proxy_set_header X-Server wrong; }
}
server {
    listen 127.0.0.1:%%PORT_8444%% ssl;
    ssl_certificate %%DIR%%/right.crt;
    ssl_certificate_key %%DIR%%/right.key;
    location / {
        proxy_pass http://127.0.0.1:%%PORT_8082%%;
        proxy_set_header Host $http_host;
        proxy_set_header X-Server right;
        proxy_set_header X-SNI $ssl_server_name;
        proxy_set_header X-Connection $connection;
    }
}
END
upstream moves {
    zone moves 128k;
    resolver 127.0.0.1:%%PORT_5353_UDP%% ipv6=off valid=1s;
    server moves.test:%%PORT_8088%% resolve;
    keepalive 4;
}
NEW
location /all/ {
    litellm;
    litellm_next_upstream error timeout invalid_header http_500 http_502 http_503 http_504 http_403 http_404 http_429 non_idempotent;
    litellm_connect_timeout 300ms;
    litellm_read_timeout %%READ%%;
}
location /unsent/ {
    litellm;
    litellm_next_upstream error timeout;
    litellm_connect_timeout 300ms;
}
location /once/ {
    litellm;
    litellm_next_upstream error http_500 non_idempotent;
    litellm_next_upstream_tries 1;
}
location /short/ {
    litellm;
    litellm_next_upstream error http_500 non_idempotent;
    litellm_next_upstream_timeout 50ms;
}
location /off/ {
    litellm;
    litellm_next_upstream off;
}
LOCATIONS
my $conf = $t->read_file('nginx.conf');
$conf =~ s/worker_processes 1;/worker_processes 2;/;
$conf =~ s/%%READ%%/int(700 * $slow) . 'ms'/e;
$conf =~ s/%%FAIL%%/int(2 * $slow)/e;
$t->write_file('nginx.conf', $conf);

# any failure of these deployments would be a cooldown, and seen
my $strict = join ', ', map { "${_}AllowedFails: 0" } qw(AuthenticationError TimeoutError RateLimitError InternalServerError);
sub entry {
    my ($name, $base, $more) = @_;
    return "  - model_name: $name\n    litellm_params: {model: openai/gpt-4o, api_base: '$base', api_key: k"
        . ($more ? ", $more" : '') . "}\n    model_info: {id: $name, cooldown_time: 60, allowed_fails_policy: {$strict}}\n";
}
$t->write_file_expand('litellm.yaml', "model_list:\n" . join '',
    entry('pool', 'http://pool/v1'), entry('named', 'http://api.provider.test/v1'),
    entry('case', 'http://API.Provider.test/base/'), entry('port', 'http://api.provider.test:9999/v1'),
    (map { entry($_, "http://$_/v1") } qw(ill refused full marks spare least kept)),
    entry('safe', 'https://safe.example.com/v1'),
    entry('late', 'http://marks/v1', 'timeout: ' . 0.7 * $slow),
    entry('off-ill', 'http://ill/v1'), entry('off-refused', 'http://refused/v1'), entry('once-ill', 'http://ill/v1'),
    entry('short-ill', 'http://ill/v1'), entry('unsent-ill', 'http://ill/v1'), entry('last-worse', 'http://worse/v1'), entry('more-worse', 'http://worse/v1'),
    ($new ? entry('moves', 'http://moves/v1') : ()));

# how the provider at 8084 answers is a file
sub how { $t->write_file('how.new', shift); rename "$d/how.new", "$d/how" }
how('ok');
my $good = sub {
    my ($peer, $req) = @_;
    my $port = $peer->{sock}->sockport;
    return json_of($req->{body})->{stream} ? chunked(openai_stream('fine')) : answer(200, openai_chat('fine'),
        'X-Port' => $port, 'X-Process' => $$);
};
my $one = $t->mock(8081, $good);
my $two = $t->mock(8082, $good);
my $ill = $t->mock(8084, sub {
    my ($peer, $req, $n) = @_;
    my ($how) = $t->read_file('how');
    return $good->(@_) if $how eq 'ok';
    return 0 if $how eq 'close';
    return $peer->reset && 0 if $how eq 'reset';
    return $peer->write("HTTP/1.1 200 OK\r\nContent-Ty") && 0 if $how eq 'half';
    return $peer->write("hello\r\n\r\n") && 0 if $how eq 'garbage';
    return $peer->closed(60) && 0 if $how eq 'silent';
    if ($how eq 'held') {
        sleep 0.02 while $t->read_file('how') eq 'held';
        return $good->(@_);
    }
    sleep 0.1 if $how eq 'slow';
    $how = 500 if $how eq 'slow';
    return answer($how, openai_error("no: $how", 'x', undef), 'Retry-After' => 7);
});
my $dns = LiteLLM::DNS->new($t, '5353_UDP', 'moves.test 1 127.0.0.1');

# connections to it hang: its queue is full
socket(my $full, Socket::PF_INET(), Socket::SOCK_STREAM(), 0) or die;
setsockopt $full, Socket::SOL_SOCKET(), Socket::SO_REUSEADDR(), 1;
my $full_at = Socket::pack_sockaddr_in($t->port(8085), Socket::inet_aton('127.0.0.1'));
bind $full, $full_at or die "bind: $!";
listen $full, 0;
my @fill = map {
    socket(my $s, Socket::PF_INET(), Socket::SOCK_STREAM(), 0) or die;
    bless $s, 'IO::Socket::INET';
    $s->blocking(0);
    connect $s, $full_at;
    $s;
} 1 .. 4;

$t->run;
http_get('/health');

sub content { my $j = json_of($_[0]{body}); return $j ? $j->{choices}[0]{message}{content} // $j->{error}{message} : '' }
sub port_of { return $_[0]{header}{'llm_provider-x-port'} // '' }
sub at { my ($where, $model, @more) = @_; return http(chat($model, uri => "$where/v1/chat/completions", @more)) }
sub endpoint {
    my $id = shift;
    my $j = json_of(http_get("/health?model_id=$id")->{body});
    return (map { @{$_ || []} } @{$j}{qw(healthy_endpoints unhealthy_endpoints unprobed_endpoints)})[0] || {};
}
my %seen;
sub new_requests { my $mock = shift; my @all = $mock->requests; my $n = $seen{$mock} // 0; $seen{$mock} = @all; my @new = splice @all, $n; return @new }
sub failures { my $id = shift; return scalar(() = $t->read_file('error.log') =~ /deployment "\Q$id\E" of .* failed/g) }
sub mark { new_requests($_) for $one, $two, $ill }
sub clean {
    my ($r, $id, $what) = @_;
    is($r->{header}{'x-litellm-attempted-retries'}, 0, "$what: no retry");
    my $e = endpoint($id);
    is(json_text([$e->{cooldown}, $e->{in_flight}, failures($id)]), '[null,0,0]', "$what: no failure of the deployment");
}

# names

mark();
my $ok = grep { http(chat('pool'))->{status} == 200 } 1 .. 6;
is($ok, 6, 'a group with a dead server: the other one answers');
my @reqs = new_requests($one);
is(scalar(@reqs), 6, 'all arrived');
is($reqs[0]{header}{host}, 'pool', 'Host is the one of api_base');
is($reqs[0]{uri}, '/v1/chat/completions', 'its path');
is($reqs[0]{header}{connection} // 'keep-alive', 'keep-alive', 'kept alive');

is(content(http(chat('named'))), 'fine', 'a group named as a host');
is(content(http(chat('case'))), 'fine', 'names have no case');
is(content(http(chat('port'))), 'fine', 'the port of api_base is not the servers\'');
@reqs = new_requests($two);
is($reqs[0]{header}{host}, 'api.provider.test', 'Host');
is($reqs[1]{uri}, '/base/chat/completions', 'a path with a slash at its end');
is($reqs[2]{header}{host}, 'api.provider.test:9999', 'but it is in Host');
my $r = http(chat('named'));
is($r->{header}{'x-litellm-model-api-base'}, 'http://api.provider.test/v1', 'x-litellm-model-api-base');

# one of two fails: the other one has the same request, and nobody notices

for my $case (
    ['ill', 'close', '', 1], ['ill', 'reset', '', 1], ['ill', 'half', '', 1], ['refused', '', '', 0],
    ['ill', 'garbage', '/all', 1], ['ill', 'silent', '/all', 1], ['full', '', '/all', 0], ['full', '', '/unsent', 0],
    ['ill', 500, '/all', 1], ['ill', 503, '/all', 1], ['ill', 429, '/all', 1], ['ill', 529, '/all', 1])
{
    my ($model, $how, $where, $asked) = @$case;
    my $what = "$model $how$where";
    my @stream = $what =~ /reset|429|full/ ? @yes : ();
    how($how);
    mark();
    my @r = map { at($where, $model, @stream) } 1, 2;
    is(join(' ', map { @stream ? texts($_->{body}) : content($_) } @r), 'fine fine', "$what: answered")
        or diag($r[0]{raw}, $r[1]{raw});
    my @bad = new_requests($ill);
    my @good = new_requests($one);
    is(@good . ' ' . (@bad ? 1 : 0), "2 $asked", "$what: who was asked");
    ok(!@bad || grep({ $_->{raw} eq $bad[0]{raw} } @good), "$what: the same request");
    clean($r[$_], $model, $what) for 0, 1;
}

# it is a failure where the group may not mend it

for my $case (['/off', 'off-ill', 'close'], ['/off', 'off-refused', ''], ['/once', 'once-ill', 500],
    ['/short', 'short-ill', 'slow'], ['/unsent', 'unsent-ill', 'close'])
{
    my ($where, $model, $how) = @$case;
    how($how);
    my @r = map { at($where, $model, num_retries => 0) } 1, 2;
    my ($bad) = grep { $_->{status} != 200 } @r;
    is($bad->{status}, 500, "$model: status");
    cmp_ok(failures($model), '>', 0, "$model: a failure of the deployment");
}

# what one of them said is the group's answer, whoever was asked last

how(429);
$r = at('/all', 'last-worse', num_retries => 0);
is($r->{status}, 429, 'nobody is left: an answer says more than a connection that failed') or diag($r->{raw});
is($r->{header}{'retry-after'}, 7, 'its Retry-After');
$r = at('/all', 'more-worse', num_retries => 0);
is($r->{status}, 429, 'in the other order too') or diag($r->{raw});
is($r->{header}{'retry-after'}, 7, 'its Retry-After');
is(endpoint('last-worse')->{cooldown}{status}, 429, 'and then it is the deployment\'s failure');

# a server that failed is left alone for fail_timeout, by all workers

# as many requests as there are needed to have one of them fail
sub provoke { my ($n, @chat) = @_; mark(); for (1 .. $n) { http(chat(@chat)); last if new_requests($ill) } }

how('close');
provoke(4, 'marks');
mark();
is(scalar(grep { content(http(chat('marks'))) eq 'fine' } 1 .. 12), 12, 'marked: the other one answers');
is(scalar(new_requests($ill)), 0, 'marked: it is left alone');
how('ok');
my $from = time;
my $end = time + 10 * $slow;
my $back;
until ($back || time > $end) { http(chat('marks')); $back = new_requests($ill); sleep 0.1 }
ok($back, 'marked: and then asked again');
cmp_ok(time - $from, '>', 0.9, 'marked: not at once');

# so is one that keeps silent until the deployment's time is over

how('silent');
provoke(4, 'late', num_retries => 0);
mark();
is(scalar(grep { content(http(chat('marks', timeout => 5))) eq 'fine' } 1 .. 8), 8, 'silent: the other one answers');
is(scalar(new_requests($ill)), 0, 'silent: it is left alone');
how('ok');

# backup

for (1 .. 4) { $r = http(chat('spare')) }
is(content($r), 'fine', 'backup: answers');
is(port_of($r), $t->port(8081), 'backup: if the others are down');
clean($r, 'spare', 'backup');
my $first = $t->mock(8086, $good);
$end = time + 10 * $slow;
sleep 0.1 while port_of($r = http(chat('spare'))) ne $t->port(8086) && time < $end;
is(port_of($r), $t->port(8086), 'backup: when one is back');
is(scalar(grep { port_of(http(chat('spare'))) ne $t->port(8086) } 1 .. 8), 0, 'backup: none goes there');

# least_conn

how('held');
my $held;
mark();
until ($held) {
    my $c = start(chat('least'));
    my $until = time + 5 * $slow;
    my $n = 0;
    1 until $n = new_requests($ill) or $c->fill(0.02) || time > $until;
    $n ? ($held = $c) : finish($c);
}
is(scalar(grep { port_of(http(chat('least'))) eq $t->port(8081) } 1 .. 8), 8, 'least_conn: past the busy one');
how('ok');
is(finish($held)->{status}, 200, 'least_conn: which answers too');

# keepalive: one connection for each worker and server

my %connections;
for (1 .. 24) {
    $r = http(chat('kept'));
    $connections{port_of($r)}{$r->{header}{'llm_provider-x-process'}}++;
}
is(join(' ', sort keys %connections), join(' ', sort map { $t->port($_) } 8081, 8082), 'keepalive: both servers');
cmp_ok(scalar(map { keys %$_ } values %connections), '<=', 4, 'keepalive: few connections');

# TLS: the name is the group's; a server that has not got it gets nothing

mark();
my @r = map { http(chat('safe')) } 1 .. 4;
is(join(' ', map { content($_) } @r), 'fine fine fine fine', 'TLS: the right server answers');
@reqs = new_requests($two);
is(join(' ', map { $_->{header}{'x-server'} } @reqs), 'right right right right', 'TLS: the wrong one got nothing');
is($reqs[0]{header}{'x-sni'}, 'safe.example.com', 'TLS: SNI is the name of the group');
is($reqs[0]{header}{host}, 'safe.example.com', 'TLS: so is Host');
clean($r[0], 'safe', 'TLS');
like($t->read_file('error.log'), qr/upstream SSL certificate does not match "safe\.example\.com"/, 'TLS: the log tells');

# names that move

SKIP: {
    skip '"resolve" needs nginx 1.27.3', 3 if !$new;
    my $here = $t->mock(8088, sub { answer(200, openai_chat('here')) });
    my $there = $t->mock(8088, sub { answer(200, openai_chat('there')) }, '127.0.0.2');
    is(content(http(chat('moves'))), 'here', 'resolve');
    $dns->zone('moves.test 1 127.0.0.2');
    $end = time + 10 * $slow;
    sleep 0.2 while content($r = http(chat('moves'))) ne 'there' && time < $end;
    is(content($r), 'there', 'resolve: the name moved');
    ok(!endpoint('moves')->{cooldown}, 'resolve: nothing failed');
}

$t->stop;
my $log = $t->read_file('up.log');
my ($dead, $port) = map { $t->port($_) } 8083, 8081;
like($log, qr/up=127\.0\.0\.1:$dead, 127\.0\.0\.1:$port status=502, 200$/m, '$upstream_addr, $upstream_status');
