#!/usr/bin/perl

# Two gateways that share a Redis, of which one is stopped, killed with all its
# workers, or killed while its state file is behind: what it had counted is
# counted once, by itself and by the other, and not lost.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Redis;
use LiteLLM::Test;

my $slow = $LiteLLM::Peer::slow;

plan(skip_all => 'no redis-server') unless LiteLLM::Redis->has;

my $b = LiteLLM::Test->new;
my $a = LiteLLM::Test->new->plan(83);
$a->allow_log(qr/worker process \d+ exited on signal 9|shared memory zone .* was locked by/);
my %gate = (a => $a, b => $b);

my $redis = LiteLLM::Redis->start($a);
$a->mock(8081, sub { return answer(200, openai_chat('hello')) });
my $provider = $a->port(8081);

# a request costs 10 of these: tokens are 5 and 5
my $cost = 10 * 1_000_000_000;

sub configure {
    my ($limits, $state, $more) = @_;
    for my $g ($a, $b) {
        my $conf = $g->write_conf(http => 'litellm_zone zone=z:1m' . ($state ? " state=%%DIR%%/state" : '') . ";\n"
            . 'litellm_redis unix:' . $redis->path . ";\nlitellm_redis_limits $limits;\n" . ($more // ''))->read_file('nginx.conf');
        $g->write_file('nginx.conf', $conf =~ s/worker_processes 1;/worker_processes 2;/r);
        $g->write_file('litellm.yaml', <<END);
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
  - {key: sk-money, max_budget: 0.2}
  - {key: sk-month, max_budget: 0.2, budget_duration: 30d}
END
    }
}

sub ask {
    my ($gate, $key) = @_;
    return http(chat('gpt', max_tokens => 20, headers => [Authorization => "Bearer $key"]), port => $gate{$gate}->port(8080));
}
sub let_in { my ($gate, $key, $n) = @_; return scalar grep { ask($gate, $key)->{status} == 200 } 1 .. $n }
sub hash_of { require Digest::SHA; return Digest::SHA::sha256_hex($_[0]) }

# fields of the gateways: (version window requests tokens inflight reserved spend ends time ...)
sub sum_of {
    my ($key, $i) = @_;
    my %h = @{$redis->do('HGETALL', '{litellm}:api_key:' . hash_of($key))};
    delete @h{qw(w p)};
    my $n = 0;
    $n += (split / /)[$i] for values %h;
    return $n;
}
sub spend { my $s = ask(@_)->{header}{'x-litellm-key-spend'}; return defined $s ? $s * 100 : undef }

sub wait_for {
    my ($what, $seconds) = @_;
    my $end = time() + ($seconds || 10) * $slow;
    while (time() < $end) {
        return 1 if eval { $what->() };
        sleep 0.02;
    }
    return 0;
}

# kill -9, of the master and its workers at once
sub murder {
    my $g = shift;
    my @pids = ($g->{pid}, $g->workers);
    kill 'KILL', @pids;
    waitpid delete $g->{pid}, 0;
    wait_for(sub { !grep { kill 0, $_ } @pids });
}
sub begin { $redis->do('FLUSHALL'); unlink map { $_->dir . '/state' } $a, $b; $_->run for $a, $b }
sub over { $_->stop for $a, $b }

# --- exact: a gateway that comes back knows what it had let in

for my $end (['stopped', sub { $a->stop }], ['killed', sub { murder($a) }]) {
    for my $state (0, 1) {
        my $what = "$end->[0], " . ($state ? 'a state file' : 'no state file');
        configure('exact', $state, 'litellm_limit_window fixed 1d;');
        begin();
        is(let_in('a', 'sk-rpm', 10) + let_in('b', 'sk-rpm', 5), 15, "$what: some are let in");
        is(let_in('a', 'sk-money', 6) + let_in('b', 'sk-money', 5), 11, "$what: some are paid");
        is(let_in('a', 'sk-month', 6) + let_in('b', 'sk-month', 5), 11, "$what: some are paid in a period");
        ok(wait_for(sub { sum_of('sk-money', 6) == 11 * $cost && sum_of('sk-month', 6) == 11 * $cost }), "$what: told to Redis");
        $end->[1]->();
        $a->run;
        is(let_in('a', 'sk-rpm', 10), 5, "$what: requests: as many as were left");
        is(let_in('b', 'sk-rpm', 2), 0, "$what: requests: none at the other");
        ok(wait_for(sub { sum_of('sk-rpm', 2) == 20 }), "$what: requests: the sum in Redis") or diag(sum_of('sk-rpm', 2));
        ok(wait_for(sub { sum_of('sk-money', 6) == 11 * $cost }), "$what: spent: the sum in Redis");

        # 20 units in all, of which 11 are spent and a request may cost 3
        my $more = let_in('a', 'sk-money', 10);
        $more += let_in('b', 'sk-money', 10);
        cmp_ok($more, '<=', 9, "$what: spent: not more than was left ($more)");
        cmp_ok($more, '>=', 6, "$what: spent: as much as was left");
        ok(wait_for(sub { sum_of('sk-money', 6) == (11 + $more) * $cost }), "$what: spent: every unit") or diag(sum_of('sk-money', 6));
        $more = let_in('a', 'sk-month', 10);
        $more += let_in('b', 'sk-month', 10);
        cmp_ok($more, '<=', 9, "$what: spent in the period: not more than was left ($more)");
        over();
    }
}


# --- async: the same, one interval later

configure('async interval=20ms', 1, 'litellm_limit_window fixed 1d;');
begin();
is(let_in('a', 'sk-money', 6), 6, 'async: some are paid');
ok(wait_for(sub { sum_of('sk-money', 6) == 6 * $cost }), 'async: told to Redis');
is(let_in('b', 'sk-money', 5), 5, 'async: some are paid elsewhere');
ok(wait_for(sub { sum_of('sk-money', 6) == 11 * $cost }), 'async: told to Redis, too');
murder($a);
$redis->stop;
$a->run;
my $alone = let_in('a', 'sk-money', 2);
is($alone, 2, 'async: killed, and Redis is gone: it goes on alone');
$redis->again;
ok(wait_for(sub { sum_of('sk-money', 6) >= 5 * $cost + $alone * $cost }, 20), 'async: a Redis that has forgotten all is told');
over();

# an older state file, put back: what is in Redis is newer; windows that slide

configure('async interval=20ms', 1, 'litellm_limit_window sliding 1d;');
begin();
is(let_in('a', 'sk-money', 2), 2, 'older file: some are paid');
ok(wait_for(sub { -s $a->dir . '/state' && $a->read_file('state') =~ /"spend":20000000000\b/ }, 20), 'older file: written');
my $older = $a->read_file('state');
is(let_in('a', 'sk-money', 4) + let_in('a', 'sk-rpm', 12), 16, 'older file: more is paid');
ok(wait_for(sub { sum_of('sk-money', 6) == 6 * $cost && sum_of('sk-rpm', 2) == 12 }), 'older file: told to Redis');
murder($a);
$a->write_file('state', $older);
$redis->signal('STOP');
$a->run;
is(let_in('a', 'sk-money', 1), 1, 'older file: it is asked before Redis answers');
$redis->signal('CONT');
ok(wait_for(sub { sum_of('sk-money', 6) == 7 * $cost }), 'older file: spent: the sum') or diag(sum_of('sk-money', 6) / $cost);
ok(wait_for(sub { ask('a', 'sk-rpm')->{status} == 200 && sum_of('sk-rpm', 2) > 12 }), 'older file: requests: the sum')
    or diag(sum_of('sk-rpm', 2));
let_in('a', 'sk-rpm', 10);
ok(wait_for(sub { sum_of('sk-rpm', 2) == 20 }), 'older file: requests: as many as were left') or diag(sum_of('sk-rpm', 2));
ok(wait_for(sub { spend('b', 'sk-money') > 6.9 }), 'older file: the other knows') or diag(spend('b', 'sk-money'));
over();

# what was spent is set back by the management API: below what others have

sub manage {
    my ($gate, $uri, $body) = @_;
    return json_of(http_post_to($gate, $uri, $body)->{body});
}
sub http_post_to {
    my ($gate, $uri, $body) = @_;
    $body = json_text($body);
    return http("POST $uri HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer sk-master-of-both\r\n"
        . 'Content-Type: application/json' . "\r\nContent-Length: " . length($body) . "\r\n\r\n$body", port => $gate{$gate}->port(8080));
}

for my $end (['stopped', sub { $a->stop }], ['killed', sub { murder($a) }]) {
    my $what = "set back, $end->[0]";
    configure('exact', 1, 'litellm_limit_window fixed 1d;');
    begin();
    my $made = manage('a', '/key/generate', { max_budget => 0.2 })->{key};
    ok(wait_for(sub { ask('b', $made)->{status} == 200 }), "$what: a key of both");
    is(let_in('b', $made, 8), 8, "$what: some are paid");
    is(let_in('a', $made, 2), 2, "$what: some are paid elsewhere");
    ok(wait_for(sub { sum_of($made, 6) == 11 * $cost }), "$what: told to Redis");
    is(manage('a', '/key/update', { key => $made, spend => 0.01 })->{spend}, 0.01, "$what: to one");
    ok(wait_for(sub { sum_of($made, 6) == $cost }), "$what: told to Redis, too") or diag(join "\n", @{$redis->do('HGETALL', '{litellm}:api_key:' . hash_of($made))});
    ok(wait_for(sub { $a->read_file('state') =~ /"spend":-/ }), "$what: in the state file");
    $end->[1]->();
    $a->run;
    is(let_in('a', $made, 1) + let_in('b', $made, 1), 2, "$what: it is asked with again");
    ok(wait_for(sub { sum_of($made, 6) == 3 * $cost }), "$what: the sum") or diag(sum_of($made, 6) / $cost);
    my $shown = sub { json_of(http("GET /key/info?key=$made HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        . "Authorization: Bearer sk-master-of-both\r\n\r\n", port => $b->port(8080))->{body})->{info}{spend} };
    ok(wait_for(sub { $shown->() == 0.03 }), "$what: it is shown") or diag($shown->());
    over();
}
