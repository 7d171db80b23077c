#!/usr/bin/perl

# The way to a Redis: TLS and whom it trusts, users and passwords, names that
# move, unix sockets; what the log says of those that can't be used, and how
# often they are tried.  Limits are exact and fail-closed: a request is served
# if Redis has answered, and refused if not.

use warnings;
use strict;

use IO::Socket::INET;
use IO::Socket::UNIX;
use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::DNS;
use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Redis;
use LiteLLM::Test;

my $slow = $LiteLLM::Peer::slow;

plan(skip_all => 'no redis-server') unless LiteLLM::Redis->has;

my $t = LiteLLM::Test->new->has('http_ssl', 'program openssl')->plan(82);
my $d = $t->dir;

# what nginx itself has to say of a handshake
$t->allow_log(qr/SSL_read\(\) failed .*certificate required/);

$t->mock(8081, sub { return answer(200, openai_chat('hello')) });

# --- certificates

sub openssl {
    my $out = `cd '$d' && openssl @_ 2>&1`;
    die "openssl @_: $out" if $?;
}

my %names = (named => 'DNS:redis.test', other => 'DNS:other.test', numbered => 'IP:127.0.0.1');
$t->write_file('openssl.cnf', "[req]\ndistinguished_name=dn\n[dn]\n[ca]\nbasicConstraints=critical,CA:TRUE\n"
    . join '', map { "[$_]\nsubjectAltName=$names{$_}\n" } keys %names);
for my $ca ('ca', 'strange') {
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout $ca.key -out $ca.crt -days 30 -subj /CN=$ca "
        . '-config openssl.cnf -extensions ca');
}

# name => [subject, who signs, last day, whom the server asks for a certificate]
my %server = (good => ['named', 'ca', 30], other => ['other', 'ca', 30], unknown => ['named', 'strange', 30],
    expired => ['named', 'ca', -1], numbered => ['numbered', 'ca', 30], strict => ['named', 'ca', 30, 1]);
for my $name (sort keys %server) {
    my ($subject, $ca, $days) = @{$server{$name}};
    openssl("req -new -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$subject -config openssl.cnf");
    $t->write_file('index.txt', '')->write_file('ca.cnf', "[ca]\ndefault_ca=x\n[x]\ndatabase=$d/index.txt\nnew_certs_dir=$d\n"
        . "rand_serial=yes\ndefault_md=sha256\npolicy=any\nunique_subject=no\n[any]\n[$subject]\nsubjectAltName=$names{$subject}\n");
    my $date = sub { my @l = gmtime(time() + 86400 * $_[0]); sprintf '%04d%02d%02d000000Z', $l[5] + 1900, $l[4] + 1, $l[3] };
    openssl("ca -batch -config ca.cnf -extensions $subject -in $name.csr -out $name.crt -notext -cert $ca.crt -keyfile $ca.key "
        . '-startdate ' . $date->(-10) . ' -enddate ' . $date->($days));
}

my %redis;
for my $name (sort keys %server) {
    $redis{$name} = LiteLLM::Redis->start($t, name => $name, args => ['--tls-port', $t->port($name), '--tls-cert-file',
        "$d/$name.crt", '--tls-key-file', "$d/$name.key", '--tls-ca-cert-file', "$d/ca.crt", '--tls-auth-clients',
        $server{$name}[3] ? 'yes' : 'no']);
}

my @zone = ('redis.test 60 127.0.0.1', 'moving.test 1 127.0.0.1', 'many.test 60 127.0.0.3 127.0.0.1');
my $dns = LiteLLM::DNS->new($t, '5353_UDP', @zone);


# --- one gateway of one worker

my $at;
sub begin {
    my ($line, %more) = @_;
    $t->write_conf(http => "resolver 127.0.0.1:%%PORT_5353_UDP%% ipv6=off;\nresolver_timeout 1s;\n"
        . "litellm_zone zone=z:1m;\nlitellm_redis_limits " . ($more{limits} || 'exact fail=closed') . ";\n$line\n");
    $t->write_file('nginx.conf', $t->read_file('nginx.conf') =~ s/worker_processes 1;/worker_processes $more{workers};/r)
        if $more{workers};
    $t->write_yaml(<<'END' . ($more{yaml} || ''));
litellm_settings: {num_retries: 0}
virtual_keys:
  - {key: sk-one, rpm_limit: 1000000}
general_settings:
  master_key: sk-master-of-this
END
    $at = $t->log_size;
    $t->run(env => $more{env} || {});
}
sub ask { return http(chat('gpt', max_tokens => 5, headers => [Authorization => 'Bearer sk-one']))->{status} }
sub said { return substr $t->read_file('error.log'), $at }

sub wait_for {
    my ($what, $seconds) = @_;
    my $end = time() + ($seconds || 10) * $slow;
    while (time() < $end) {
        return 1 if eval { $what->() };
        sleep 0.02;
    }
    return 0;
}

# one request: served; or refused, and the log says why
sub served {
    my ($name, $line, %more) = @_;
    begin($line, %more);
    is(ask(), 200, $name) or diag(said());
    unlike(said(), qr/\[(?:error|crit|alert)\].*(?:Redis|SSL|connect\(\))/, "$name: nothing to say");
    $t->stop;
}
sub refused {
    my ($name, $why, $line, %more) = @_;
    begin($line, %more);
    is(ask(), 503, $name);
    ok($t->wait_log(qr/\[error\].*litellm: Redis "[^"]+" $why/, $at), "$name: told in the log") or diag(said());
    $t->stop;
}

my $long = 'timeout=' . 2 * $slow . 's';
sub url { my ($name, $host) = @_; return 'rediss://' . ($host || 'redis.test') . ':' . $t->port($name) }

# --- TLS

served('a good certificate', 'litellm_redis ' . url('good') . " ca=$d/ca.crt $long;");
like($redis{good}->do('INFO', 'commandstats'), qr/cmdstat_eval/, 'it was that one');
served('a certificate of an address', 'litellm_redis ' . url('numbered', '127.0.0.1') . " ca=$d/ca.crt $long;");

my @bad = (['other', 'another name', qr/has a certificate of another name/],
    ['unknown', 'an unknown authority', qr/has a certificate that is not trusted/],
    ['expired', 'an expired certificate', qr/has a certificate that is not trusted/],
    ['good', 'an address that the certificate has not', qr/has a certificate of another name/, '127.0.0.1'],
    ['numbered', 'a name that the certificate has not', qr/has a certificate of another name/]);
for (@bad) {
    my ($name, $what, $why, $host) = @$_;
    refused($what, $why, 'litellm_redis ' . url($name, $host) . " ca=$d/ca.crt $long;");
    served("$what, control: not verified", 'litellm_redis ' . url($name, $host) . " verify=off $long;");
}
refused("the system's authorities", qr/has a certificate that is not trusted/, 'litellm_redis ' . url('good') . " $long;");
unlike($redis{unknown}->do('INFO', 'commandstats'), qr/cmdstat_auth/, 'no password was sent');

refused('a server that wants a certificate', qr/(?:has closed the connection|can't be connected to by TLS)/,
    'litellm_redis ' . url('strict') . " ca=$d/ca.crt $long;");
served('one that is shown', 'litellm_redis ' . url('strict') . " ca=$d/ca.crt cert=$d/good.crt key=$d/good.key $long;");

# a password is said to nobody who is not known

my $heard = $t->port('heard');
$t->daemon(sub {
    my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $heard, Listen => 16, ReuseAddr => 1);
    while (my $c = $l->accept) {
        $c->sysread(my $buf, 65536);
        open my $f, '>>', "$d/heard";
        print $f $buf;
        close $f;
        $c->syswrite("-ERR what\r\n");
    }
});
refused('TLS to who has none', qr/can't be connected to by TLS/, "litellm_redis rediss://:S3CRET\@redis.test:$heard $long;");
ok(-s "$d/heard" && $t->read_file('heard') !~ /S3CRET/, 'it hears no password');
refused('no TLS to who has only that', qr/has closed the connection/, 'litellm_redis redis://127.0.0.1:' . $t->port('good') . " $long;");
is(scalar(() = said() =~ /\[(?:error|crit)\]/g), 1, 'one line says so');

# in the YAML, and by variables

served('in the YAML', '', yaml => "  coordination_redis: {host: redis.test, port: " . $t->port('strict')
    . ", ssl: true, ssl_ca_certs: $d/ca.crt, ssl_certfile: $d/good.crt, ssl_keyfile: $d/good.key}\n");
served('in the YAML, not verified', '', yaml => "  coordination_redis: {url: '" . url('other') . "', ssl_cert_reqs: none}\n");
served('REDIS_SSL', '', yaml => "router_settings: {num_retries: 0}\ncache: {type: redis, ssl_ca_certs: $d/ca.crt}\n",
    env => { REDIS_HOST => 'redis.test', REDIS_PORT => $t->port('good'), REDIS_SSL => 'True' });
$_->stop for values %redis;


# --- users and passwords

# the rights that docs/directives.md names

my @limits = qw(+ping +client|setname +select +eval +time +get +set +hgetall +hset +del +pttl +pexpire);
my @keys = qw(+evalsha +type +exists +hget +hmset +hdel +hlen +hkeys +hstrlen +zadd +zrem +zscore +zrangebyscore);
my $acl = LiteLLM::Redis->start($t, name => 'acl', port => $t->free_port, args => ['--databases', 4,
    '--user', qw(gate on >pass@w:ord ~{litellm}:*), @limits, @keys, '--user', qw(few on >y ~{litellm}:*), @limits,
    '--user', qw(poor on >x ~* +@connection)]);
my $unix = 'litellm_redis unix:' . $acl->path;
served('a user of some rights', "$unix user=gate password=pass\@w:ord;");
served('a user of fewer rights', "$unix user=few password=y; litellm_redis_keys off;");
served('the same in an address', 'litellm_redis redis://gate:pass%40w%3Aord@127.0.0.1:' . $acl->port . '/3;');
like($acl->do('INFO', 'keyspace'), qr/db3:keys=/, 'the database');
for (['a wrong password', 'user=gate password=S3CRET'], ['an unknown user', 'user=nobody password=S3CRET'],
    ['a database that is not there', 'user=gate password=pass@w:ord db=9'])
{
    refused($_->[0], qr/refuses our user, password or database/, "$unix $_->[1];");
}
refused('a user without the right', qr/does not run our script: NOPERM/, "$unix user=poor password=x;");
unlike($t->read_file('error.log'), qr/S3CRET|pass\@w|pass%40/, 'no secret in the log');

# one line, however many requests are refused; tried again, but not all the time

begin("$unix user=poor password=x; litellm_redis_keys off;", limits => 'exact interval=10ms fail=closed');
ask() for 1 .. 20;
is(scalar(() = said() =~ /\[error\].*does not run our script(?!.* times\))/g), 1, 'a script that is refused: no line for each request');
$acl->do('ACL', 'SETUSER', 'poor', '+@all', '~*');
ok(wait_for(sub { ask() == 200 }), 'the right is given');
like(said(), qr/Redis "[^"]+" runs our script again/, 'a line says so');
$t->stop;

begin("$unix user=gate password=S3CRET;", workers => 2);
my $before = $acl->do('INFO', 'stats') =~ /total_connections_received:(\d+)/ ? $1 : 0;
my $end = time() + 2.5;
my ($asked, $slowest) = (0, 0);
while (time() < $end) {
    my $from = time();
    $asked++ if ask() == 503;
    $slowest = time() - $from if time() - $from > $slowest;
    sleep 0.01;
}
my $tried = ($acl->do('INFO', 'stats') =~ /total_connections_received:(\d+)/ ? $1 : 0) - $before - 1;
cmp_ok($tried, '<=', 2 * 5, "tried $tried times by two workers while $asked requests were refused");
cmp_ok($tried, '>=', 2, 'tried again');
cmp_ok($slowest, '<', 1.5 * $slow, 'none of them has waited');
is(scalar(() = said() =~ /\[error\].*refuses our user/g), 1, 'one line');

# the password is right at last

$acl->do('ACL', 'SETUSER', 'gate', '>S3CRET');
ok(wait_for(sub { ask() == 200 }), 'it lets us in');
ok($t->wait_log(qr/Redis "[^"]+" is back/, $at), 'a line says so');
$t->stop;

# --- a unix socket that is not there yet

begin("litellm_redis unix:$d/later.sock;");
is(ask(), 503, 'no socket');
sleep 1;
is(scalar(() = said() =~ /\[(?:error|crit|alert)\]/g), 1, 'one line') or diag(said());
like(said(), qr/later\.sock" can't be connected to \(2: No such file/, 'says why');
my $later = LiteLLM::Redis->start($t, name => 'later');
ok(wait_for(sub { ask() == 200 }), 'it is there');
$t->stop;
$later->stop;


# --- names

my $port = $t->free_port;
my $one = LiteLLM::Redis->start($t, name => 'one', port => $port);
begin("litellm_redis many.test:$port;");
ok(wait_for(sub { ask() == 200 }, 5), 'a name of which one address is dead');
$t->stop;

begin("litellm_redis moving.test:$port timeout=1s;");
is(ask(), 200, 'a name');
my $two = LiteLLM::Redis->start($t, name => 'two', port => $port, args => ['--bind', '127.0.0.2']);
$dns->zone(map { s/^moving.*/moving.test 1 127.0.0.2/r } @zone);
$one->stop;
ok(wait_for(sub { ask() == 200 }, 15), 'it has moved');
like($two->do('CLIENT', 'LIST'), qr/name=nginx-litellm/, 'to there');
$t->stop;

begin("litellm_redis nowhere.test:$port;");
is(ask(), 503, 'a name that does not resolve');
ok($t->wait_log(qr/Redis "nowhere.test:\d+" has a name that does not resolve/, $at), 'told in the log');
$dns->zone(@zone, 'nowhere.test 60 127.0.0.2');
ok(wait_for(sub { ask() == 200 }, 15), 'it does now');
$t->stop;

# --- Valkey

SKIP: {
    skip 'no valkey-server', 2 unless LiteLLM::Redis->has('valkey-server');
    my $valkey = LiteLLM::Redis->start($t, name => 'valkey', program => 'valkey-server');
    served('Valkey', 'litellm_redis unix:' . $valkey->path . ';');
}
