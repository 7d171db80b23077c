#!/usr/bin/perl

# That two gateways of four workers each hold limits and budgets to the sum of
# both, under the load of proof/play.py, over a reload of one and a worker that
# is killed: with litellm_redis_limits exact never one over, with async never by
# more than docs/directives.md says.  Behind it spend is the sum of what both
# logs say, to the last unit, in Redis and at each gateway, and nothing is in
# flight.
#
# What docs/directives.md says of async: a gateway knows of all that another one
# has let in before two intervals and two round trips.  So at each request that
# is let in, what its own gateway has let in and what the other had by then is
# within the limit: read in the logs, for keys that come to their limits at other
# times.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Pair;
use LiteLLM::Redis;
use LiteLLM::Test;

my $slow = $LiteLLM::Peer::slow;
my $n = int($ENV{TEST_PROOF_REQUESTS} || ($slow > 1 ? 400 : 1200));
my $seed = $ENV{TEST_PROOF_SEED} || int rand 1e9;

plan(skip_all => 'no redis-server') unless LiteLLM::Redis->has;

my $other = LiteLLM::Test->new;
my $t = LiteLLM::Test->new->plan(123);
my $pair = LiteLLM::Pair->new($t, $other);
$_->allow_log(qr/worker process \d+ exited on signal 9|shared memory zone .* was locked by/) for $pair->gates;
alarm 300 * $slow;

# --- keys

my @kinds = qw(all budget parallel requests tokens);
my %how = (
    requests => { weight => 25, leave => 0, faults => \1, streams => \1, again => 0 },
    tokens => { weight => 15, leave => 0.15, faults => \0, streams => \0, again => 3 },
    parallel => { weight => 15, leave => 0, faults => \1, streams => \1, again => 3 },
    budget => { weight => 15, leave => 0.15, faults => \0, streams => \1, again => 3 },
    all => { weight => 30, leave => 0.2, faults => \1, streams => \1, again => 0, paths => \1 });
$_->{delays} = [0.03, 0.3, 0.7] for values %how;

my %limit = (requests => int($n / 6), tokens => $n * 2, parallel => int($n / 60) + 2);
my $budget = sprintf '%.6f', $n * 0.6e-6;

my $free = 'rpm_limit: 1000000000, tpm_limit: 1000000000000, max_parallel_requests: 1000000, max_budget: 50';
my %more = (
    requests => $free =~ s/rpm_limit: \d+/rpm_limit: $limit{requests}/r,
    tokens => $free =~ s/tpm_limit: \d+/tpm_limit: $limit{tokens}/r,
    parallel => $free =~ s/max_parallel_requests: \d+/max_parallel_requests: $limit{parallel}/r,
    budget => $free =~ s/max_budget: 50/max_budget: $budget/r,
    all => $free);

# of async: each asks so often a second at each gateway, and comes to its limit
# after so many seconds

my $interval = 0.4 * $slow;
my $rate = 10 / $slow;
my @steady = map { "steady_$_" } 0 .. 9;
my %steady = (weight => 1, leave => 0, faults => \0, streams => \0, again => 0, delays => [0.05]);
my %most = map { $steady[$_] => int(2 * $rate * (1 + 0.17 * $_) * $slow) } 0 .. $#steady;

my (%key, %how_of);
my $keys = "virtual_keys:\n";
for my $mode (qw(exact async)) {
    for my $kind (@kinds) {
        my $name = "${mode}_$kind";
        $key{$name} = "sk-proof-$name";
        $how_of{$name} = $how{$kind};
        $keys .= "  - {key: $key{$name}, $more{$kind}}\n";
    }
}
for my $name (@steady) {
    $key{$name} = "sk-proof-$name";
    $how_of{$name} = \%steady;
    $keys .= "  - {key: $key{$name}, rpm_limit: $most{$name}}\n";
}

my $redis = LiteLLM::Redis->start($t);

sub configure {
    my $how = shift;
    $pair->write(4, "litellm_limit_window fixed 1d;\nlitellm_redis 'unix:" . $redis->path . "' timeout=10s;\n"
        . "litellm_redis_limits $how;\n", LiteLLM::Pair::models(map { $t->port("p$_") } 1 .. 4) . <<"YAML" . $keys);
router_settings:
  num_retries: 1
  retry_after: 0
  disable_cooldowns: true
  fallbacks: [{load: [behind]}]
YAML
    $_->run for $pair->gates;
    LiteLLM::Pair::wait_for(sub { 8 == (() = map { $_->workers } $pair->gates) });
    LiteLLM::Pair::wait_for(sub { 2 == grep { LiteLLM::Pair::metrics($_, 'litellm_ngx_redis_up') == 1 } $pair->gates });
}

$pair->play('provider', { ports => [map { $t->port("p$_") + 0 } 1 .. 4], slow => $slow + 0 });
$pair->play('clients', { ports => [map { $_->port(8080) + 0 } $pair->gates], seed => "$seed", slow => $slow + 0,
    keys => \%key, how => \%how_of, patience => 0.5 });
note("seed $seed, $n requests");

# --- what must hold behind each round

# what a gateway says of a key in its answer
sub left {
    my ($g, $name, $unit) = @_;
    my $r = http(chat('load', headers => [Authorization => "Bearer $key{$name}", mark => $name], max_tokens => 1),
        port => $g->port(8080));
    return $r->{header}{"x-ratelimit-api_key-remaining-$unit"} // "none: $r->{status}";
}

# what a gateway takes for spent, as it refuses what is too dear
sub owed {
    my ($g, $name) = @_;
    my $r = http(chat('load', headers => [Authorization => "Bearer $key{$name}", mark => $name], max_tokens => 100000000),
        port => $g->port(8080));
    my ($cost) = ((json_of($r->{body}) || {})->{error}{message} // '') =~ /Current cost: (\S+),/;
    return LiteLLM::Pair::units($cost);
}

# killed: of a worker one request may have been paid and not logged
sub check {
    my ($round, $mode, $killed) = @_;
    my $done = $pair->hear('clients', 'done')->{done};
    my $look = $pair->look;
    note("$round: " . json_text($done));
    note("$round: " . json_text($look));
    is($done->{nbad}, 0, "$round: none hangs or is wrong") or diag("seed $seed\n" . join "\n", @{$done->{bad}});

    my $times = $mode eq 'exact' ? 1 : 2;
    my $calls = $look->{calls};
    cmp_ok($calls->{"${mode}_requests"}{requests}, '<=', $times * $limit{requests}, "$round: rpm: never one over");
    cmp_ok($calls->{"${mode}_parallel"}{most}, '<=', $times * $limit{parallel}, "$round: parallel: never one over");
    cmp_ok(LiteLLM::Pair::tokens($pair->logged("${mode}_tokens")), '<=', $times * $limit{tokens}, "$round: tpm: never one over");
    cmp_ok($pair->logged("${mode}_budget"), '<=', $times * LiteLLM::Pair::units($budget), "$round: budget: never overspent");

    for my $what (qw(inflight reserved)) {
        my @not;
        LiteLLM::Pair::wait_for(sub { @not = grep { $pair->sum($redis, $key{$_}, $what) } map { "${mode}_$_" } @kinds; !@not });
        is(join(' ', @not), '', "$round: $what: nothing is left");
    }
    for my $kind (@kinds) {
        my $name = "${mode}_$kind";
        my ($told, $logged);
        my $same = sub {
            ($told, $logged) = (Math::BigInt->new($_[0]), $pair->logged($name));
            my $more = $told - $logged;
            return $killed ? $more >= 0 && $more <= 1e8 : $more == 0;
        };
        ok(LiteLLM::Pair::wait_for(sub { $same->($pair->sum($redis, $key{$name}, 'spend')) }), "$round: $kind: spend in Redis is what both have logged")
            or diag("$told $logged, seed $seed");
        next if $kind eq 'requests';
        ok(LiteLLM::Pair::wait_for(sub { $same->(owed($_, $name)) }), "$round: $kind: and at each gateway")
            or diag("$told $logged, seed $seed") for $pair->gates;
    }
    my $flying;
    ok(LiteLLM::Pair::wait_for(sub { $flying = left($_, "${mode}_all", 'max_parallel_requests'); $flying eq 999999 }),
        "$round: a gateway says that nothing is in flight") or diag($flying) for $pair->gates;
    is($pair->sum($redis, $key{"${mode}_requests"}, 'requests'), $calls->{"${mode}_requests"}{requests},
        "$round: requests in Redis are those that were let in") unless $killed;
    return ($done, $calls);
}

sub begin {
    my ($mode, $of) = @_;
    $pair->order('clients', { start => int($n * $of), names => [map { "${mode}_$_" } @kinds], spread => 1 * $slow });
    $pair->hear('clients', 'rolling');
}

# a round; one with a reload of the first gateway in it and a worker of the
# second that is killed
sub rounds {
    my $mode = shift;
    begin($mode, 1);
    my ($done, $calls) = check($mode, $mode);
    cmp_ok($done->{seen}{"${mode}_requests"}{429} // 0, '>', 0, "$mode: rpm: some are refused");
    cmp_ok($calls->{"${mode}_parallel"}{most}, '>=', $limit{parallel} / 2, "$mode: parallel: is made use of");
    cmp_ok($done->{seen}{"${mode}_budget"}{422} // 0, '>', 0, "$mode: budget: some are refused");

    begin($mode, 0.4);
    my ($victim) = map { int } $other->workers;
    ok($t->reload, "$mode: a reload");
    kill 'KILL', $victim;
    ok($other->wait_log(qr/worker process $victim exited on signal 9/), "$mode: a worker is killed");
    check("$mode, a reload and a kill", $mode, 1);
}

# --- exact

configure('exact');
rounds('exact');
$_->stop for $pair->gates;

# --- async

configure(sprintf 'async interval=%dms', 1000 * $interval);
rounds('async');

# of two timers that fire each interval, and their round trips

$pair->order('clients', { steady => 4 * $slow, names => \@steady, rate => $rate });
my $done = $pair->hear('clients', 'done')->{done};
is($done->{nbad}, 0, 'steady: all are answered');

my $known = 2 * $interval + 0.1 * $slow;
my (@over, $sum);
for my $name (@steady) {
    my @at = map { my $g = $_; [sort { $a <=> $b } map { $_->{begin} } grep { $_->{name} eq $name && $_->{status} == 200 } $pair->lines($g)] } $pair->gates;
    for my $own (0, 1) {
        my $theirs = 0;
        for my $i (0 .. $#{$at[$own]}) {
            my $when = $at[$own][$i] - $known;
            $theirs++ while $theirs < @{$at[1 - $own]} && $at[1 - $own][$theirs] < $when;
            push @over, sprintf '%s: %d and %d', $name, $i + 1, $theirs if $i + 1 + $theirs > $most{$name};
        }
    }
    my $all = @{$at[0]} + @{$at[1]};
    note("$name: $all of $most{$name}");
    cmp_ok($all, '>=', $most{$name}, "$name: comes to its limit");
    cmp_ok($all, '<=', $most{$name} + int(2 * $rate * $known + 2), "$name: is over it by what is let in meanwhile at most");
    $sum += $all - $most{$name};
}
is(join(', ', @over), '', 'steady: what is known is no older than two intervals and two round trips');
cmp_ok($sum, '>', 0, 'steady: it is async');

$other->cleanup;
