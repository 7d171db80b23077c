#!/usr/bin/perl

# Limits and spend of two gateways of two workers each that share a Redis:
# within a bound, or exactly; how they log in; what happens when it is not
# there; that what was counted alone is told when it is back; a worker that is
# killed; what a log says of it; and a Redis that lies.

use warnings;
use strict;

use IO::Select;
use IO::Socket::INET;
use List::Util qw(min);
use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Liar;
use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Redis;
use LiteLLM::Test;

my $slow = $LiteLLM::Peer::slow;

plan(skip_all => 'no redis-server') unless LiteLLM::Redis->has;

my $b = LiteLLM::Test->new;
my $a = LiteLLM::Test->new->plan(60);
my @gates = ($a, $b);
$a->allow_log(qr/worker process \d+ exited on signal 9|shared memory zone .* was locked by/);

my $redis = LiteLLM::Redis->start($a, port => $a->free_port, args => ['--requirepass', 'pass word']);
$redis->{password} = 'pass word';

my $held = $a->dir . '/held';
$a->mock(8081, sub {
    my ($peer, $req) = @_;
    if ($req->{body} =~ /hold me/) {
        sleep 0.02 while -e $held;
    }
    return answer(200, openai_chat('hello'));
});
my $provider = $a->port(8081);

my $yaml = <<END;
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:$provider/v1", api_key: k}
    model_info: {input_cost_per_token: 0.001, output_cost_per_token: 0.001}
general_settings:
  master_key: sk-master-of-both
router_settings: {num_retries: 0}
virtual_keys:
  - {key: sk-rpm, rpm_limit: 20}
  - {key: sk-tpm, tpm_limit: 400}
  - {key: sk-money, max_budget: 100}
  - {key: sk-free}
  - {key: sk-back, rpm_limit: 30}
  - {key: sk-par, max_parallel_requests: 2}
  - {key: sk-dead, rpm_limit: 5}
  - {key: sk-poor, max_budget: 0.2}
  - {key: sk-tries, rpm_limit: 3}
END

sub configure {
    my ($http, $more) = @_;
    for my $g (@gates) {
        my $conf = $g->write_conf(http => "litellm_zone zone=z:1m;\n$http\n")->read_file('nginx.conf');
        $conf =~ s/worker_processes 1;/worker_processes 2;/;
        $g->write_file('nginx.conf', $conf);
        $g->write_file('litellm.yaml', $yaml . ($more // ''));
    }
}

sub begin { $_->run(@_) for @gates }
sub over { $_->stop for @gates }

sub ask {
    my ($g, $key) = @_;
    return http(chat('gpt', max_tokens => 20, headers => [Authorization => "Bearer $key"]),
        port => $g->port(8080));
}

# how many of n requests, in turn at each gateway, are let in
sub let_in {
    my ($key, $n) = @_;
    my %status;
    $status{ask($gates[$_ % 2], $key)->{status}}++ for 0 .. $n - 1;
    return \%status;
}

# n requests at once at each gateway
sub at_once {
    my ($key, $n) = @_;
    my @open;
    my $body = json_text({ model => 'gpt', max_tokens => 20,
        messages => [{ role => 'user', content => 'hi' }] });
    for my $i (1 .. $n) {
        for my $g (@gates) {
            my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $g->port(8080)) or next;
            print $s "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                . "Authorization: Bearer $key\r\nContent-Type: application/json\r\nContent-Length: "
                . length($body) . "\r\n\r\n$body";
            $s->flush;
            push @open, $s;
        }
    }
    my %status;
    for my $s (@open) {
        local $/;
        my $text = <$s> // '';
        $status{$text =~ m!^HTTP/1\.1 (\d+)! ? $1 : 'none'}++;
    }
    return \%status;
}

# a field of a gateway in an account: (version window requests tokens inflight reserved spend end time)
sub fields {
    my ($scope, $name) = @_;
    my $all = $redis->do('HGETALL', "{litellm}:$scope:$name");
    my %h = @$all;
    delete @h{qw(w p)};
    return map { [split / /] } values %h;
}

sub hash_of { require Digest::SHA; return Digest::SHA::sha256_hex($_[0]) }

sub sum_of {
    my ($key, $i) = @_;
    my $n = 0;
    $n += $_->[$i] for fields('api_key', hash_of($key));
    return $n;
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

sub remaining { return ask(@_)->{header}{'x-ratelimit-api_key-remaining-requests'} }


# --- exact: never over, whoever asks where

my $address = 'redis://:pass%20word@127.0.0.1:' . $redis->port;

configure("litellm_redis $address/2 timeout=5s;\nlitellm_redis_limits exact;");
begin();

# the leader of each has its name
ok(wait_for(sub { ask($a, 'sk-free')->{status} == 200
    && ask($b, 'sk-free')->{status} == 200
    && 2 <= (() = $redis->do('CLIENT', 'LIST') =~ /name=nginx-litellm/g) }), 'connected');
like($redis->do('CLIENT', 'LIST'), qr/name=nginx-litellm .*db=2 /, 'name and database');

$redis->{db} = 2;
my $got = let_in('sk-rpm', 30);
is($got->{200}, 20, 'requests of both gateways');
is($got->{429}, 10, 'the rest is refused');

my $r = ask($b, 'sk-rpm');
like($r->{body}, qr/Rate limit exceeded for api_key: \w+\. Limit type: requests\. Current limit: 20, Remaining: 0/,
    'text of the refusal');

$got = at_once('sk-tpm', 10);
ok($got->{200} >= 1 && $got->{200} * 11 <= 400, 'tokens are not over');
is(join(' ', sort grep { $_ !~ /^(?:200|429)$/ } keys %$got), '', 'every one is answered');

$got = at_once('sk-back', 40);
cmp_ok($got->{200}, '>=', 1, 'some of 80 at once');

# those that were refused may have refused each other, and what they give back is
# known to the other gateway an interval later

my $in = $got->{200};
wait_for(sub { $in += grep { ask($_, 'sk-back')->{status} == 200 } @gates; $in >= 30 });
is($in + (let_in('sk-back', 20)->{200} || 0), 30, 'exactly so many, with those that come later');

$got = at_once('sk-poor', 20);
ok($got->{200} >= 1, 'budget: some are let in');
is($got->{200} + ($got->{422} || 0), 40, 'budget: the others are not');
over();


# --- async: each decides alone, and knows of the other after an interval

$redis->{db} = 0;
configure("litellm_redis 'unix:" . $redis->path . "' 'password=pass word';"
    . "litellm_redis_limits async interval=50ms;");
begin();

is(ask($a, 'sk-rpm')->{status}, 200, 'async: one at the first');
my $asked = 0;
ok(wait_for(sub { sleep 0.2; $asked++; remaining($b, 'sk-rpm') == 20 - 1 - $asked }, 2),
    'async: the other knows of it');
$got = let_in('sk-rpm', 60);
ok($got->{200} <= 19 + 20, 'async: not over by more than both limits together');
ok(wait_for(sub { ask($a, 'sk-rpm')->{status} == 429 && ask($b, 'sk-rpm')->{status} == 429 }),
    'async: refused by both');

# the bound: what is let in within one interval, and the time the reply takes

ok(ask($a, 'sk-back')->{status} == 200 && wait_for(sub { sum_of('sk-back', 2) == 1 }),
    'async: told to Redis');
my $sent = 1;
for (1 .. 14) {
    $sent++ if ask($a, 'sk-back')->{status} == 200;
    wait_for(sub { sum_of('sk-back', 2) == $sent });
}
$asked = 0;
ok(wait_for(sub { sleep 0.2; $asked++; remaining($b, 'sk-back') == 30 - $sent - $asked }, 2),
    'async: seen by the other');
my $more = $asked;
for (1 .. 40) {
    last if ask($b, 'sk-back')->{status} != 200;
    $more++;
}
is($sent + $more, 30, 'async: with a pause between, none is over') or diag("$sent $more");

# money

my $price;
for (1 .. 6) { ask($gates[$_ % 2], 'sk-money') }
ok(wait_for(sub { sum_of('sk-money', 6) == 6 * 10 * 1_000_000_000 }), 'spend of both, to the last unit')
    or diag(sum_of('sk-money', 6));
is(scalar(fields('api_key', hash_of('sk-money'))), 2, 'a field for each gateway');
ok(wait_for(sub { ask($a, 'sk-money')->{header}{'x-litellm-key-spend'} >= 0.06
    && ask($b, 'sk-money')->{header}{'x-litellm-key-spend'} >= 0.07 }), 'each shows the sum');
ok(wait_for(sub { sum_of('sk-money', 4) == 0 && sum_of('sk-money', 5) == 0 }), 'nothing in flight, nothing reserved');

# --- Redis is killed: nobody waits; what was counted alone is told afterwards

my $before = sum_of('sk-free', 2);
$redis->stop;
my $start = time();
my %status;
$status{ask($gates[$_ % 2], 'sk-free')->{status}}++ for 1 .. 20;
is($status{200}, 20, 'killed: every request is served');
ok(time() - $start < 5 * $slow, 'killed: without waiting');
ok($a->wait_log(qr/\[error\].*litellm: Redis "[^"]+" /), 'killed: a line says so');
is(scalar(() = $a->read_file('error.log') =~ /\[error\].*litellm: Redis /g), 1, 'killed: one line');

$redis->again;
ok($a->wait_log(qr/Redis "[^"]+" is back/), 'back: a line says so');
ok(wait_for(sub { sum_of('sk-free', 2) >= 20 }), 'back: what was counted meanwhile is told')
    or diag(sum_of('sk-free', 2));
ok(wait_for(sub { sum_of('sk-money', 6) >= 60 * 1_000_000_000 }), 'back: a Redis that forgot all is told of spend');
unlike($a->read_file('error.log'), qr/pass word/, 'no password in the log');
over();


# --- the worker that speaks for all is killed: another does, and nothing is told
# twice, lost, or left in flight

# who of a gateway's workers has a connection to Redis: only the one that speaks
sub speaker {
    my $g = shift;
    my $port = sprintf ':%04X', $redis->port;
    my %inode;
    open my $tcp, '<', '/proc/net/tcp' or return;
    while (<$tcp>) {
        my @f = split;
        $inode{$f[9]} = 1 if $f[2] =~ /$port$/ && $f[3] eq '01';
    }
    return grep { my $pid = $_; grep { (readlink($_) // '') =~ /^socket:\[(\d+)\]$/ && $inode{$1} } glob "/proc/$pid/fd/*" } $g->workers;
}

# n requests that wait for their provider
sub hold {
    my ($g, $key, $n) = @_;
    my $body = json_text({ model => 'gpt', max_tokens => 20, messages => [{ role => 'user', content => 'hold me' }] });
    return map {
        my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $g->port(8080)) or die "connect: $!";
        print $s "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer $key\r\n"
            . "Content-Type: application/json\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
        $s->flush;
        $s;
    } 1 .. $n;
}

my $cost = 10 * 1_000_000_000;

configure("litellm_redis $address;litellm_redis_limits async interval=20ms; litellm_redis_keys off;");
$redis->do('FLUSHALL');
begin();
ok(wait_for(sub { 1 == (() = speaker($a)) && 1 == (() = speaker($b)) }), 'one worker speaks for all');
my ($speaker) = speaker($a);
my $done = 0;
$done += ask($gates[$_ % 2], 'sk-money')->{status} == 200 for 1 .. 6;
$a->write_file('held', '');
my @held = map { hold($_, 'sk-money', 8) } @gates;
ok(wait_for(sub { sum_of('sk-money', 4) == 16 && sum_of('sk-money', 6) == $done * $cost }), 'told before it is killed');
kill 'KILL', $speaker;
my $killed = time();
my $served = 0;
$served += ask($gates[$_ % 2], 'sk-money')->{status} == 200 for 1 .. 20;
is($served, 20, 'its gateway goes on');
$done += $served;
ok(wait_for(sub { sum_of('sk-money', 6) == $done * $cost }), 'another tells') or diag(sum_of('sk-money', 6) / $cost);
my ($next) = speaker($a);
isnt($next // $speaker, $speaker, 'another worker');
cmp_ok(time() - $killed, '<', 3 * $slow, 'within the bound');
unlink $held;
for my $s (@held) {
    local $/;
    $done++ if (<$s> // '') =~ m!^HTTP/1\.1 200!;
}
ok($done >= 26 + 8 && wait_for(sub { sum_of('sk-money', 6) == $done * $cost && sum_of('sk-money', 4) == 0
    && sum_of('sk-money', 5) == 0 }), 'spent by those that were answered, nothing in flight, nothing reserved')
    or diag("$done: ", join ' ', map { sum_of('sk-money', $_) } 2 .. 6);
# what the other says holds the request that asks
ok(wait_for(sub { $done++; sprintf('%.2f', ask($b, 'sk-money')->{header}{'x-litellm-key-spend'}) == $done / 100 }),
    'the other knows each of them, once');
over();

# --- exact, fail-closed; a wrong password

configure("litellm_redis 'unix:" . $redis->path . "' password=wrong timeout=300ms;"
    . "litellm_redis_limits exact;", "  \n");
$_->write_file('litellm.yaml', $yaml =~ s/general_settings:/general_settings:\n  fail_closed_rate_limit_enforcement: true/r) for @gates;
begin();
ok($a->wait_log(qr/Redis "[^"]+" refuses our user, password or database/), 'wrong password: said');
$r = ask($a, 'sk-free');
is($r->{status}, 503, 'fail-closed: refused');
like($r->{body}, qr/Rate limit enforcement unavailable/, 'fail-closed: text');
over();

# --- who has let a request in, for a log

$redis->do('FLUSHALL');
sub logging {
    my ($limits, $more, $http) = @_;
    configure("litellm_redis 'unix:" . $redis->path . "' 'password=pass word' " . ($more // '') . ";litellm_redis_limits $limits;"
        . "litellm_redis_keys off;" . 'log_format redis "$status $litellm_redis $litellm_redis_time";access_log %%DIR%%/redis.log redis;');
    begin();
}
sub logged {
    my ($key) = @_;
    my $n = () = (eval { $a->read_file('redis.log') } // '') =~ /\n/g;
    my $status = ref $key ? $key->() : ask($a, $key)->{status};
    wait_for(sub { $n < (() = $a->read_file('redis.log') =~ /\n/g) });
    return (split /\n/, $a->read_file('redis.log'))[-1];
}

logging('async interval=20ms');
ok(wait_for(sub { logged('sk-free') eq '200 async -' }), 'log: async');
$redis->stop;
ok(wait_for(sub { logged('sk-free') eq '200 failopen -' }), 'log: async, gone');
$redis->again;
over();
logging('exact interval=20ms', 'timeout=300ms');
ok(wait_for(sub { logged('sk-free') =~ /^200 exact 0\.[0-2]\d\d$/ }), 'log: exact');
ok(wait_for(sub { ask($b, 'sk-dead')->{status} == 429 }), 'log: a limit is reached by the other');
like(logged('sk-dead'), qr/^429 exact \d\.\d{3}$/, 'log: exact, refused');
ok(wait_for(sub { logged('sk-dead') eq '429 local -' }), 'log: refused by what is known here');
$redis->do('FLUSHALL');
ok(wait_for(sub { logged('sk-free') =~ /^200 partial \d\.\d{3}$/ }), 'log: a Redis that has lost its data');
$redis->signal('STOP');
my $left = logged(sub {
    my ($s) = hold($a, 'sk-free', 1);
    $s->close;
});
like($left, qr/^\d+ (?:waiting|failopen) \d\.\d{3}$/, 'log: a client that left');
ok(wait_for(sub { logged('sk-free') =~ /^200 failopen \d\.\d{3}$/ }), 'log: a Redis that is silent');
$redis->signal('CONT');
over();
logging('exact fail=closed', 'timeout=300ms');
$redis->signal('STOP');
like(logged('sk-free'), qr/^503 failclosed \d\.\d{3}$/, 'log: refused, as Redis does not say');
$redis->signal('CONT');
over();

# --- a Redis that lies: the connection ends, the gateway does not

my %lie = (garbage => "HTTP/1.1 400 Bad Request\r\n\r\n", type => "+OK\r\n+OK\r\n+OK\r\n+OK\r\n:1\r\n",
    huge => "+OK\r\n\$536870912\r\nabc", many => "+OK\r\n+PONG\r\n*2147483647\r\n",
    deep => "+OK\r\n+PONG\r\n" . "*1\r\n" x 100, unasked => "+OK\r\n" x 50,
    values => "+OK\r\n+PONG\r\n" . "*2\r\n\$1\r\n1\r\n*3\r\n\$1\r\n0\r\n\$1\r\nx\r\n:5\r\n" x 3, silence => '');
my $liar = $a->port('liar');
my $lies = $a->dir . '/lie';
$a->daemon(sub {
    my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $liar, Listen => 16, ReuseAddr => 1);
    my @held;
    while (my $c = $l->accept) {
        $c->sysread(my $buf, 65536);
        open my $f, '<', $lies or next;
        local $/;
        my $text = <$f>;
        $c->syswrite($text) if length $text;
        push @held, $c;
        shift @held if @held > 100;
    }
});

configure("litellm_redis 127.0.0.1:$liar timeout=100ms;litellm_redis_limits exact interval=20ms;");
my @bad;
for my $lie (sort keys %lie) {
    $a->write_file('lie', $lie{$lie});
    $a->run;
    my @pids;
    wait_for(sub { 2 == (@pids = sort $a->workers) });
    for (1 .. 3) {
        my $began = time();
        push @bad, "$lie: not served" if ask($a, 'sk-free')->{status} != 200;
        push @bad, "$lie: late" if time() - $began > 2 * $slow;
    }
    push @bad, "$lie: a worker is gone" if join(' ', sort $a->workers) ne join(' ', @pids);
    $a->stop;
}
is(join(', ', @bad), '', 'lies: all are served in time');

# --- one that never says yes nor no: it is asked four times, and then our own
# count decides

sub tries {
    my ($fail) = @_;
    my $liar = LiteLLM::Liar->start($a, $a->dir . '/tries', 'window');
    configure("litellm_redis 'unix:" . $a->dir . "/tries' timeout=9s;litellm_redis_limits exact interval=10s fail=$fail;"
        . 'litellm_redis_keys off;log_format redis "$status $litellm_redis";access_log %%DIR%%/redis.log redis;');
    $a->run;
    ok(wait_for(sub { logged('sk-free') =~ / fail(?:open|closed)/ && $liar->told->{window} }), "tries: $fail: it answers");

    # beside it is told every ten seconds what there is

    my (@said, @asked);
    for (1 .. 5) {
        my $before = $liar->told->{window};
        push @said, logged('sk-tries');
        push @asked, $liar->told->{window} - $before;
    }
    $a->stop;
    $liar->stop;
    return (join(', ', @said), min @asked[0 .. 2]);
}

my ($said, $tries) = tries('open');
is($said, '200 failopen, 200 failopen, 200 failopen, 429 local, 429 local', 'tries: our own count decides');
is($tries, 4, 'tries: behind four');
($said, $tries) = tries('closed');
is($said, join(', ', ('503 failclosed') x 5), 'tries: fail=closed: refused, and not counted');
is($tries, 4, 'tries: fail=closed: behind four');

# --- the YAML and the variables

sub tested {
    my ($settings, %env) = @_;
    $a->write_file('litellm.yaml', $yaml =~ s/general_settings:/general_settings:\n$settings->{general}/r
        . ($settings->{more} // ''));
    $a->run(env => \%env);
    my $ok = wait_for(sub { ask($a, 'sk-free'); $redis->do('CLIENT', 'LIST') =~ /name=nginx-litellm/ }, 5);
    $a->stop;
    return $ok;
}

configure('');
ok(tested({ general => '  coordination_redis: {host: 127.0.0.1, port: ' . $redis->port
    . ', password: os.environ/OUR_SECRET}' }, OUR_SECRET => 'pass word'), 'coordination_redis');
ok(tested({ general => '', more => "litellm_settings: {cache_params: {type: redis}}\n" },
    REDIS_HOST => '127.0.0.1', REDIS_PORT => $redis->port, REDIS_PASSWORD => 'pass word'),
    'cache_params of type redis, and REDIS_ variables');
$_->cleanup for $b;
