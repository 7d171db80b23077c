#!/usr/bin/perl

# litellm_redis_limits exact while hundreds of requests are on their way through
# two gateways and their Redis is stopped, killed, or replaced by one that lies.
# Nobody waits longer than twice the time-out; with fail=closed never one over a
# limit is let in, with fail=open each gateway holds it alone; what was counted
# meanwhile is told when Redis is back, to the last unit; nothing stays in
# flight; and no worker spins.
#
# proof/play.py is the clients and the providers.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Pair;
use LiteLLM::Redis;
use LiteLLM::Test;

my $slow = $LiteLLM::Peer::slow;
my $n = int($ENV{TEST_PROOF_REQUESTS} || ($slow > 1 ? 200 : 400));
my $seed = $ENV{TEST_PROOF_SEED} || int rand 1e9;

plan(skip_all => 'no redis-server') unless LiteLLM::Redis->has;

my $other = LiteLLM::Test->new;
my $t = LiteLLM::Test->new->plan(64);
my $pair = LiteLLM::Pair->new($t, $other);
alarm 300 * $slow;

# of a command, ms; and how long a request may be on its way with that: twice
# the time-out, and what two processes of Python and a busy machine need

my $timeout = 300 * $slow;
my $bound = 2 * $timeout / 1000 + 0.7 * $slow;

my @phases = qw(well stopped killed);
my %how = (
    requests => { weight => 25, leave => 0, faults => \1, streams => \1, again => 0 },
    tokens => { weight => 15, leave => 0.15, faults => \0, streams => \0, again => 3 },
    parallel => { weight => 15, leave => 0, faults => \1, streams => \1, again => 3 },
    budget => { weight => 15, leave => 0.15, faults => \0, streams => \1, again => 3 },
    all => { weight => 30, leave => 0.2, faults => \1, streams => \1, again => 0, paths => \1 });
my %limit = (requests => int($n / 8), tokens => $n * 2, parallel => int($n / 50) + 2);
my $budget = sprintf '%.6f', $n * 0.6e-6;

my $free = 'rpm_limit: 1000000000, tpm_limit: 1000000000000, max_parallel_requests: 1000000, max_budget: 50';
my %more = (
    requests => $free =~ s/rpm_limit: \d+/rpm_limit: $limit{requests}/r,
    tokens => $free =~ s/tpm_limit: \d+/tpm_limit: $limit{tokens}/r,
    parallel => $free =~ s/max_parallel_requests: \d+/max_parallel_requests: $limit{parallel}/r,
    budget => $free =~ s/max_budget: 50/max_budget: $budget/r,
    all => $free);

my (%key, %how_of);
my $keys = '';
for my $phase (@phases, 'open') {
    for my $kind (sort keys %how) {
        my $name = "${phase}_$kind";
        $key{$name} = "sk-faults-$name";
        $how_of{$name} = $how{$kind};
        $keys .= "  - {key: $key{$name}, $more{$kind}}\n";
    }
}

my $redis = LiteLLM::Redis->start($t, args => ['--appendonly', 'yes', '--appendfsync', 'always']);

sub configure {
    my $fail = shift;
    $pair->write(2, "litellm_limit_window fixed 1d;\nlitellm_redis 'unix:" . $redis->path . "' timeout=${timeout}ms;\n"
        . "litellm_redis_limits exact interval=100ms fail=$fail;\n",
        LiteLLM::Pair::models(map { $t->port("p$_") } 1 .. 4) . <<"YAML" . $keys);
router_settings:
  num_retries: 1
  retry_after: 0
  disable_cooldowns: true
  fallbacks: [{load: [behind]}]
virtual_keys:
YAML
    $_->run for $pair->gates;
}

$pair->play('provider', { ports => [map { $t->port("p$_") + 0 } 1 .. 4], slow => $slow + 0 });
$pair->play('clients', { ports => [map { $_->port(8080) + 0 } $pair->gates], seed => "$seed", slow => $slow + 0,
    keys => \%key, how => \%how_of, patience => 0.5 });
note("seed $seed, $n requests");

sub names { my $phase = shift; return map { "${phase}_$_" } sort keys %how }

# A round of a phase's keys; in the middle of it something happens.  Returns
# what was heard and seen.
sub round {
    my ($phase, $spread, $fault) = @_;
    $pair->look;
    my @pids = sort map { $_->workers } $pair->gates;
    $pair->order('clients', { start => $n, names => [names($phase)], spread => $spread * $slow });
    $pair->hear('clients', 'rolling');
    $fault->() if $fault;
    my $done = $pair->hear('clients', 'done')->{done};
    my $look = $pair->look;
    note("$phase: " . json_text($done));
    note("$phase: " . json_text($look));

    is($done->{nbad}, 0, "$phase: none hangs or is wrong") or diag("seed $seed\n" . join "\n", @{$done->{bad}});
    cmp_ok($look->{late}, '<', $bound, sprintf "$phase: who is let in waits %.2f s at most", $look->{late});
    my ($worst) = sort { $b <=> $a } 0, map { $done->{worst}{$_} // 0 } qw(429 422 503);
    cmp_ok($worst, '<', $bound, sprintf "$phase: who is refused waits %.2f s at most", $worst);
    is(join(' ', sort map { $_->workers } $pair->gates), join(' ', @pids), "$phase: the same workers");

    my %seen;
    for my $of (values %{$done->{seen}}) {
        $seen{$_} += $of->{$_} for keys %$of;
    }
    is(join(' ', grep { !/^(?:200|4(?:22|29)|5\d\d|their 429|left|cut|error)$/ } sort keys %seen), '', "$phase: answers");
    return (\%seen, $look->{calls});
}

# what must hold when all is over; times: gateways that may each have let in as
# much
sub check {
    my ($phase, $calls, $times) = @_;
    my $of = sub { $key{"${phase}_$_[0]"} };

    cmp_ok($calls->{"${phase}_requests"}{requests}, '<=', $times * $limit{requests}, "$phase: rpm: never one over");
    cmp_ok($calls->{"${phase}_requests"}{requests}, '>', 0, "$phase: rpm: some are let in");
    cmp_ok($calls->{"${phase}_parallel"}{most}, '<=', $times * $limit{parallel}, "$phase: parallel: never one over");
    cmp_ok(LiteLLM::Pair::tokens($pair->logged("${phase}_tokens")), '<=', $times * $limit{tokens}, "$phase: tpm: never one over");
    cmp_ok($pair->logged("${phase}_budget"), '<=', $times * LiteLLM::Pair::units($budget), "$phase: budget: never overspent");

    # Redis's own sums

    for my $what (qw(inflight reserved)) {
        my @not;
        LiteLLM::Pair::wait_for(sub { @not = grep { $pair->sum($redis, $key{$_}, $what) } names($phase); !@not });
        is(join(' ', @not), '', "$phase: $what: nothing is left");
    }
    for my $kind (sort keys %how) {
        my ($told, $logged);
        LiteLLM::Pair::wait_for(sub {
            ($told, $logged) = ($pair->sum($redis, $of->($kind), 'spend'), $pair->logged("${phase}_$kind")->bstr);
            return $told eq $logged;
        });
        is($told, $logged, "$phase: $kind: spend is what both have logged");
    }
    is($pair->sum($redis, $of->('requests'), 'requests'), $calls->{"${phase}_requests"}{requests}, "$phase: requests are those that were let in");
    is($pair->sum($redis, $of->('tokens'), 'tokens'), LiteLLM::Pair::tokens($pair->logged("${phase}_tokens")),
        "$phase: tokens are those that were taken");
}

sub metric { my $name = shift; my $sum = 0; $sum += LiteLLM::Pair::metrics($_, "litellm_ngx_redis_$name") for $pair->gates; return $sum }
sub is_up { return LiteLLM::Pair::wait_for(sub { metric('up') == 2 }) }

# --- fail=closed

configure('closed');
ok(is_up(), 'connected');

my ($seen, $calls) = round('well', 1.5);
is($seen->{503} // 0, 0, 'well: nobody is refused for want of a Redis');
check('well', $calls, 1);

# stopped: nothing is refused by it, and nothing answered

my $lost = metric('lost_total') + metric('timeouts_total');
($seen, $calls) = round('stopped', 4, sub {
    $redis->signal('STOP');
    my @pids = map { $_->workers } $pair->gates;
    sleep 2 * $bound;
    $redis->signal('CONT');
});
cmp_ok($seen->{503} // 0, '>', 0, 'stopped: some are refused');
cmp_ok(metric('lost_total') + metric('timeouts_total'), '>', $lost, 'stopped: a metric shows it');
ok(is_up(), 'stopped: and that it is back');
check('stopped', $calls, 1);

# killed, and back with what it had

($seen, $calls) = round('killed', 4, sub {
    $redis->stop;
    LiteLLM::Pair::wait_for(sub { metric('up') == 0 }) or diag('still up');
    sleep $bound;
    $redis->again;
});
cmp_ok($seen->{503} // 0, '>', 0, 'killed: some are refused');
ok(is_up(), 'killed: a metric shows that it is back');
check('killed', $calls, 1);

$other->cleanup;
