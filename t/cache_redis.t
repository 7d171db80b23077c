#!/usr/bin/perl

# Answers that two gateways share through a Redis: what one stores is a hit at
# the other, as JSON and as a stream; times to live, namespaces, controls,
# large values; what is deleted and emptied; values that are none of ours; a
# Redis that is silent, killed and back; without memory.

use warnings;
use strict;

use Digest::SHA qw(sha256);
use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer openai_chat openai_stream chunked);
use LiteLLM::Redis;
use LiteLLM::Test;

my $slow = $LiteLLM::Peer::slow;

plan(skip_all => 'no redis-server') unless LiteLLM::Redis->has;

my $b = LiteLLM::Test->new;
my $a = LiteLLM::Test->new->plan(53);
my @gates = ($a, $b);

my $redis = LiteLLM::Redis->start($a, port => $a->free_port);
my $prefix = '{litellm}:cache:';

# the first word of a prompt says what the answer is like; each is another one
$a->mock(8081, sub {
    my ($peer, $req, $n) = @_;
    my $body = json_of($req->{body});
    my $text = $body->{messages}[0]{content};
    return chunked(openai_stream("stream $n.$$")) if $body->{stream};
    return answer(200, openai_chat('x' x 900_000 . " $n")) if $text =~ /^large/;
    return answer(200, openai_chat("answer $n"));
});
my $provider = $a->port(8081);

for my $g (@gates) {
    $g->write_conf(http => 'litellm_redis 127.0.0.1:' . $redis->port . ";\n" . <<'END', location => 'litellm_cache_redis on timeout=10s;', server => <<'END');
litellm_zone zone=z:1m;
litellm_cache_zone zone=c:16m;
litellm_redis_limits off;
END
location /brief/ {
    litellm;
}
location /only/ {
    litellm;
    litellm_cache_redis only timeout=10s;
}
location /memory/ {
    litellm;
    litellm_cache_redis off;
}
END
    my $conf = $g->read_file('nginx.conf');
    $conf =~ s/worker_processes 1;/worker_processes 2;/;
    $g->write_file('nginx.conf', $conf);
    $g->write_file('litellm.yaml', <<END);
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:$provider/v1", api_key: k}
litellm_settings:
  num_retries: 0
  cache: true
  cache_params: {type: redis, ttl: 300}
general_settings: {master_key: sk-master-of-both}
END
    $g->run;
}

my @master = (Authorization => 'Bearer sk-master-of-both');

sub ask {
    my ($g, $text, %more) = @_;
    return http(chat('gpt', messages => [{ role => 'user', content => $text }], %more,
        headers => [@master]), port => $g->port(8080));
}

sub call {
    my ($g, $method, $uri, $body) = @_;
    my $text = $body ? json_text($body) : '';
    return http("$method $uri HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: $master[1]\r\n"
        . "Content-Length: " . length($text) . "\r\n\r\n$text", port => $g->port(8080));
}

sub wait_for {
    my ($what, $seconds) = @_;
    my $end = time() + ($seconds || 10) * $slow;
    while (time() < $end) {
        return 1 if eval { $what->() };
        sleep 0.02;
    }
    return 0;
}

sub hit { return defined $_[0]{header}{'x-litellm-cache-key'} }
sub names { return grep { !/:generation$/ } @{$redis->do('KEYS', "$prefix*")} }
sub generation { return $redis->do('GET', "${prefix}generation") // 0 }
sub name { return $prefix . generation() . ":$_[0]" }

# each worker has a connection: what the first request finds is no accident
sub connected {
    my $n = shift || 4;
    return wait_for(sub { ask($_, 'warm up') for @gates;
        $n <= (() = $redis->do('CLIENT', 'LIST') =~ /name=nginx-litellm/g) });
}

# stored at the first gateway; there when it returns
sub store {
    my ($text, %more) = @_;
    my $had = names();
    my $r = ask($a, $text, %more);
    ok(wait_for(sub { names() > $had }), "$text: stored");
    return $r;
}

ok(connected(), 'each worker has a connection');

# --- one stores, the other has it

my $r = store('one');
my $s = ask($b, 'one');
ok(hit($s), 'a hit at the other');
is($s->{body}, $r->{body}, 'to the byte');
my $key = $s->{header}{'x-litellm-cache-key'};
my $ttl = $redis->do('TTL', name($key));
ok($ttl > 200 && $ttl <= 300, 'its time to live') or diag($ttl);
$redis->do('DEL', name($key));
ok(hit(ask($b, 'one')), 'from then on in memory');
is(texts(ask($b, 'one', stream => JSON::PP::true)->{body}), json_of($r->{body})->{choices}[0]{message}{content},
    'as a stream');

store('streamed', stream => JSON::PP::true);
$s = ask($b, 'streamed');
ok(hit($s), 'a stream that was stored');
like($s->{body}, qr/stream \d/, 'as a whole answer');

$r = store('large');
cmp_ok(length $r->{body}, '>', 900_000, 'a large one');
wait_for(sub { hit($s = ask($b, 'large')) });
is($s->{body}, $r->{body}, 'a large one: at the other');

# --- controls

$r = ask($a, 'unsaid', cache => { 'no-store' => JSON::PP::true });
sleep 0.2;
ok(!hit(ask($b, 'unsaid')), 'no-store');
store('spaced', cache => { namespace => 'n' });
ok(!hit(ask($b, 'spaced')), 'another namespace');
ok(hit(ask($b, 'spaced', cache => { namespace => 'n' })), 'the same namespace');
my %short = (cache => { ttl => 2 });
store('short', %short);
store('aged');
my $until = time() + 2.2;
sleep 0.1 while time() < $until;
ok(!hit(ask($b, 'short', %short)), 'its time is over');
ok(!hit(ask($b, 'aged', cache => { 's-maxage' => 1 })), 's-maxage: too old');

# --- what is none of ours

# as the module writes it, whose body is anything
sub value {
    my ($key, $body, %with) = @_;
    my $head = pack('a3 C N Q> N Q> N', 'nlc', $with{version} // 1, $with{kind} // 0, $with{stored} // time(),
        $with{ttl} // 100, 0, $with{len} // length $body);
    return $head . substr(sha256($head . pack('H*', $key) . $body), 0, 16) . $body;
}

store('poisoned');
$key = ask($a, 'poisoned')->{header}{'x-litellm-cache-key'};
my $good = openai_chat('forged');
my %poison = (
    garbage => 'garbage' x 100, text => $good, short => substr(value($key, $good), 0, 40),
    cut => substr(value($key, $good), 0, -5), longer => value($key, $good) . 'x', huge => 'x' x 20_000_000,
    version => value($key, $good, version => 2), kind => value($key, $good, kind => 2),
    sum => value($key, $good) =~ s/forged/F0rged/r, other => value('00' x 32, $good),
    json => value($key, '{"choices":[1]'), list => value($key, '[1]'), none => value($key, '{"choices":[]}'),
    old => value($key, $good, stored => time() - 1000), empty => value($key, ''),
    forever => value($key, $good, ttl => 0xffffffff));
my @served;
sub poisoned {
    my $r = http(chat('gpt', uri => '/only/v1/chat/completions', headers => [@master],
        messages => [{ role => 'user', content => 'poisoned' }], cache => { 'no-store' => JSON::PP::true }),
        port => $b->port(8080));
    return $r->{status} != 200 ? 'failed' : hit($r) ? 'served' : '';
}
for my $kind (sort keys %poison) {
    $redis->do('SET', name($key), $poison{$kind});
    my $was = poisoned();
    push @served, "$kind $was" if $was;
}
$redis->do('DEL', name($key));
$redis->do('RPUSH', name($key), 'a');
push @served, 'list' if poisoned();
is(join(', ', @served), '', 'values that are none of ours');
$redis->do('DEL', name($key));
$redis->do('SET', name($key), value($key, $good));
is(poisoned(), 'served', 'and one that could be');

# --- /cache/...

store('deleted');
$key = ask($a, 'deleted')->{header}{'x-litellm-cache-key'};
is(call($a, 'POST', '/cache/delete', { keys => [$key] })->{body}, '{"status":"success"}', 'delete');
is($redis->do('EXISTS', name($key)), 0, 'delete: in Redis');
ok(!hit(ask($a, 'deleted')), 'delete: in memory');

is(json_of(call($a, 'GET', '/health/readiness/details')->{body})->{cache}, 'redis', 'readiness: what the cache is');
$r = call($a, 'GET', '/cache/ping');
is(json_of($r->{body})->{cache_type}, 'redis', 'ping');
$r = json_of(call($a, 'GET', '/cache/redis/info')->{body});
cmp_ok($r->{num_clients}, '>=', 4, 'info: clients');
is(scalar(@{$r->{clients}}), $r->{num_clients}, 'info: each of them');
like($r->{info}{redis_version}, qr/^\d+\.\d/, 'info: text');
like(json_text($r->{info}{tcp_port}), qr/^\d+$/, 'info: a number');

ok(hit(ask($b, 'one')), 'before it is emptied');
my $before = generation();
$redis->do('SET', 'other', 'stays');
is(call($a, 'POST', '/cache/flushall', {})->{body}, '{"status":"success"}', 'flushall');
cmp_ok(generation(), '>', $before, 'flushall: another generation');
ok(!hit(ask($a, 'aged')), 'flushall: nothing is here');
ok(wait_for(sub { !hit(ask($b, 'spaced', cache => { namespace => 'n', 'no-store' => JSON::PP::true })) }, 3),
    'flushall: nor at the other');
my $now = generation();
ok(wait_for(sub { !grep { !/^\Q$prefix$now\E:/ } names() }), 'flushall: names of before are deleted');
is($redis->do('GET', 'other'), 'stays', 'flushall: no others');
$redis->do('DEL', "${prefix}generation");
ok(wait_for(sub { generation() eq $now }, 4), 'a generation that is lost is put back');

# --- without memory, without Redis

my %only = (uri => '/only/v1/chat/completions');
store('only', %only);
$key = ask($b, 'only', %only)->{header}{'x-litellm-cache-key'};
ok($key, 'not in memory: a hit');
$redis->do('DEL', name($key));
ok(!hit(ask($b, 'only', %only)), 'not in memory: gone with Redis');
ask($a, 'own', uri => '/memory/v1/chat/completions');
ok(hit(ask($a, 'own', uri => '/memory/v1/chat/completions')), 'in memory only');

# --- silent: the bound holds, once; then killed, and back, under load

$redis->signal('STOP');
my ($worst, $failed) = (0, 0);
for my $i (1 .. 60) {
    my $start = time();
    $failed++ if ask($gates[$i % 2], "silent $i", uri => '/brief/v1/chat/completions')->{status} != 200;
    my $took = time() - $start;
    $worst = $took if $took > $worst;
}
is($failed, 0, 'silent: all are served');
# a second is what any command may take
cmp_ok($worst, '<', 0.9, 'silent: within the bound');
ok(wait_for(sub { call($a, 'GET', '/metrics')->{body} =~ /^litellm_ngx_cache_redis_dropped_total [1-9]/m }),
    'silent: what could not be put there is counted');
$redis->signal('CONT');

my $pid = fork() // die;
if ($pid == 0) {
    my $lost = 0;
    my $end = time() + 3;
    my $i = 0;
    while (time() < $end) {
        $i++;
        $lost++ if (ask($gates[$i % 2], 'load ' . $i % 50)->{status} // 0) != 200;
    }
    require POSIX;
    POSIX::_exit($lost ? 1 : 0);
}
sleep 0.5;
$redis->stop;
sleep 0.7;
$redis->again;
waitpid $pid, 0;
is($?, 0, 'killed and back: no request is lost');
ok(connected(), 'back: connected');
store('again');
ok(wait_for(sub { hit(ask($b, 'again', cache => { 'no-store' => JSON::PP::true })) }), 'back: shared');

$_->cleanup for $b;
