#!/usr/bin/perl

# litellm_redis_limits exact while hundreds of requests are on their way through
# two gateways and their Redis is stopped, killed, or replaced by one that lies.
# Nobody waits longer than twice the time-out; with fail=closed never one over a
# limit is let in, with fail=open each gateway holds it alone; what was counted
# meanwhile is told when Redis is back, to the last unit; nothing stays in
# flight; and no worker spins.
#
# proof/play.py is the clients and the providers, LiteLLM/Liar.pm is who lies.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Liar;
use LiteLLM::Pair;
use LiteLLM::Redis;
use LiteLLM::Test;

my $slow = $LiteLLM::Peer::slow;
my $n = int($ENV{TEST_PROOF_REQUESTS} || ($slow > 1 ? 200 : 400));
my $seed = $ENV{TEST_PROOF_SEED} || int rand 1e9;

plan(skip_all => 'no redis-server') unless LiteLLM::Redis->has;

my $other = LiteLLM::Test->new;
my $t = LiteLLM::Test->new->plan(114);
my $pair = LiteLLM::Pair->new($t, $other);
alarm 300 * $slow;

# of a command, ms; and how long a request may be on its way with that: twice
# the time-out, and what two processes of Python and a busy machine need

my $timeout = 300 * $slow;
my $bound = 2 * $timeout / 1000 + 0.7 * $slow;

my @phases = qw(gone forgot garbled false alone);
my %how = (
    requests => { weight => 25, leave => 0, faults => \1, streams => \1, again => 0 },
    tokens => { weight => 15, leave => 0.15, faults => \0, streams => \0, again => 3 },
    parallel => { weight => 15, leave => 0, faults => \1, streams => \1, again => 3 },
    budget => { weight => 15, leave => 0.15, faults => \0, streams => \1, again => 3 },
    all => { weight => 30, leave => 0.2, faults => \1, streams => \1, again => 0, paths => \1 });
$_->{delays} = [0.02, 0.2, 0.5] for values %how;
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
for my $phase (@phases) {
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
    LiteLLM::Pair::wait_for(sub { 4 == (() = map { $_->workers } $pair->gates) });
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


# Processor time that each worker takes while it is waited, of the time; of all
# of them the most.
sub busy {
    my $seconds = shift;
    my @pids = map { $_->workers } $pair->gates;
    my @before = map { LiteLLM::Pair::cpu($_) } @pids;
    my $from = time;
    sleep $seconds;
    my $took = time - $from;
    my ($most) = sort { $b <=> $a } map { (LiteLLM::Pair::cpu($pids[$_]) - $before[$_]) / $took } 0 .. $#pids;
    return $most;
}

sub gone { return LiteLLM::Pair::wait_for(sub { metric('up') == 0 }) || diag('it is still up') }
sub faults { return metric('lost_total') + metric('timeouts_total') }

# a file of Redis's, so that it comes back with nothing
sub forget { system 'rm', '-rf', $t->dir . '/appendonlydir' }

# --- fail=closed

configure('closed');
ok(is_up(), 'connected');

# stopped, so that nothing is answered and nothing closed; then killed, and back
# with what it had

my ($before, $load) = (faults());
my ($seen, $calls) = round('gone', 3.5, sub {
    $redis->signal('STOP');
    sleep 1.5 * $bound;
    $redis->signal('CONT');
    is_up();
    $redis->stop;
    gone();
    $load = busy($bound / 2);
    $redis->again;
});
cmp_ok($seen->{503} // 0, '>', 0, 'gone: some are refused');
cmp_ok(faults(), '>', $before, 'gone: a metric shows it');
cmp_ok($load, '<', 0.5, sprintf 'gone: under load no worker takes more than %.0f %% of a processor', 100 * $load);
ok(is_up(), 'gone: a metric shows that it is back');
check('gone', $calls, 1);

# with nobody asking

$redis->stop;
gone();
$load = busy($slow);
cmp_ok($load, '<', 0.05, sprintf 'gone: without load no more than %.0f %%', 100 * $load);
$redis->again;
is_up();

# killed, and back with nothing

($seen, $calls) = round('forgot', 3.5, sub {
    $redis->stop;
    forget();
    gone();
    $redis->again;
});
ok(is_up(), 'forgot: it is back');
check('forgot', $calls, 1);

# another server in its place: what it says is no reply, and nobody is let in by
# it; or it has the form of one, and then each gateway still holds its limits

sub lies {
    my @lies = @_;
    my ($told, $load);
    $redis->stop;
    my $liar = LiteLLM::Liar->start($t, $redis->path, @lies);
    $load = busy($slow);
    LiteLLM::Pair::wait_for(sub { @lies == keys %{$told = $liar->told} });
    $liar->stop;
    $redis->again;
    return ($load, join ' ', grep { !$told->{$_} } @lies);
}

for (['garbled', 1, LiteLLM::Liar::GARBLED], ['false', 2, LiteLLM::Liar::FALSE]) {
    my ($phase, $times, @lies) = @$_;
    my $untold;
    ($seen, $calls) = round($phase, 4.5, sub { ($load, $untold) = lies(@lies) });
    is($untold, '', "$phase: each lie is told");
    cmp_ok($load, '<', 0.5, sprintf "$phase: no worker takes more than %.0f %% of a processor", 100 * $load);
    cmp_ok($seen->{503} // 0, '>', 0, 'garbled: some are refused') if $phase eq 'garbled';
    ok(is_up(), "$phase: the true one is back");
    check($phase, $calls, $times);
}
$_->stop for $pair->gates;

# --- fail=open: all of it

configure('open');
ok(is_up(), 'alone: connected');
$before = faults();
($seen, $calls) = round('alone', 6, sub {
    $redis->signal('STOP');
    sleep 1.2 * $bound;
    $redis->signal('CONT');
    is_up();
    $redis->stop;
    forget();
    gone();
    $load = busy($bound / 2);
    $redis->again;
    is_up();
    lies(LiteLLM::Liar::GARBLED, LiteLLM::Liar::FALSE);
});
is($seen->{503} // 0, 0, 'alone: nobody is refused for want of a Redis');
cmp_ok($load, '<', 0.5, sprintf 'alone: no worker takes more than %.0f %% of a processor', 100 * $load);
cmp_ok(faults(), '>', $before, 'alone: a metric shows it');
ok(is_up(), 'alone: it is back');
check('alone', $calls, 2);

$other->cleanup;
