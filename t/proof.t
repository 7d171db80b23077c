#!/usr/bin/perl

# That limits and budgets hold whatever happens: thousands of requests at a time
# over eight workers, with providers that fail, streams that are cut, clients
# that leave, retries, fallbacks, hedged and continued requests; then over a
# reload, and with a worker that is killed.  Never one request over its limit;
# behind it nothing is in flight or reserved, and what has been spent is the sum
# of what the access log says, to the last digit.
#
# proof/play.py is the clients and the providers.  Prices are chosen so that a
# cost can be read as tokens: a millionth of a dollar for each of the answer, a
# millionth of that for each of the prompt.
#
# TEST_PROOF_REQUESTS sets how many are asked at a time; TEST_PROOF_SEED what goes
# wrong is drawn from.

use warnings;
use strict;

use IPC::Open2;
use JSON::PP ();
use Math::BigInt;
use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Test;

my $slow = $LiteLLM::Peer::slow;
my $n = int($ENV{TEST_PROOF_REQUESTS} || ($slow > 1 ? 400 : 2000));
my $seed = $ENV{TEST_PROOF_SEED} || int rand 1e9;

my @names = qw(requests tokens parallel budget all edge);
my $per_round = 18;

my $t = LiteLLM::Test->new->plan(3 * $per_round + 14);
alarm((300 + $n / 10) * $slow);
$t->allow_log(qr/worker process \d+ exited on signal 9|shared memory zone .* was locked by/);

# what each key has of the requests: less than it asks for

my %limit = (requests => int($n / 8), tokens => int($n * 2), parallel => int($n / 50) + 2);
my $budget = sprintf '%.6f', $n * 0.6e-6;
my $free = 'rpm_limit: 1000000000, tpm_limit: 1000000000000, max_parallel_requests: 1000000, max_budget: 50';

my %key = map { $_ => "sk-proof-key-$_" } @names, 'free';
my %more = (
    requests => $free =~ s/rpm_limit: \d+/rpm_limit: $limit{requests}/r,
    tokens => $free =~ s/tpm_limit: \d+/tpm_limit: $limit{tokens}/r,
    parallel => $free =~ s/max_parallel_requests: \d+/max_parallel_requests: $limit{parallel}/r,
    budget => $free =~ s/max_budget: 50/max_budget: $budget/r,
    all => $free, edge => $free);

$t->write_file('nginx.conf', $t->expand(<<'END') =~ s/worker_processes 1;/worker_processes 8;\nworker_rlimit_nofile 20000;/r);
%%TEST_GLOBALS%%
events { worker_connections 16384; }
http {
    %%TEST_GLOBALS_HTTP%%
    litellm_config %%DIR%%/litellm.yaml;
    litellm_limit_window fixed 1d;
    litellm_health_valid 1h;
    lingering_close off;
    log_format cost '$http_mark $status $litellm_cost';

    server {
        listen 127.0.0.1:%%PORT_8080%% reuseport backlog=16384;
        access_log %%DIR%%/cost.log cost;
        location / {
            litellm;
        }
        location /hedge/ {
            litellm;
            litellm_hedge delay=300ms budget=100% burst=1000;
        }
        location /on/ {
            litellm;
            litellm_stream_continue on;
        }
    }
}
END

my $entry = sub {
    my ($name, $port, $more) = @_;
    return "  - model_name: $name\n    litellm_params: {model: openai/proof, api_base: 'http://127.0.0.1:%%PORT_$port%%/v1', api_key: k, "
        . "input_cost_per_token: 1e-12, output_cost_per_token: 0.000001" . ($more // '') . "}\n";
};
$t->write_file_expand('litellm.yaml', "model_list:\n" . $entry->('load', 'p1') . $entry->('load', 'p2')
    . $entry->('embed', 'p1') . $entry->('behind', 'p3') . $entry->('edge', 'p4', ', max_budget: 50')
    . <<"END" . join '', map { "  - {key: $key{$_}, team_id: everybody, $more{$_}}\n" } @names);
router_settings:
  num_retries: 1
  retry_after: 0
  disable_cooldowns: true
  fallbacks: [{load: [behind]}]
  provider_budget_config: {openai: {budget_limit: 1000, time_period: 30d}}
general_settings: {global_max_parallel_requests: 1000000}
teams:
  - {team_id: everybody, $free}
virtual_keys:
  - {key: $key{free}}
END
$t->run;

my %play;
my @pids;
END { kill 'KILL', @pids if @pids }
sub player {
    my ($mode, $setup) = @_;
    my $pid = open2(my $from, my $to, 'python3', '-B', 't/proof/play.py', $mode, json_text($setup));
    $to->autoflush(1);
    push @pids, $pid;
    $play{$mode} = [$from, $to];
    hear($mode, 'ready');
}
sub order { my ($mode, $what) = @_; print {$play{$mode}[1]} json_text($what) . "\n" }
sub hear {
    my ($mode, $name) = @_;
    my $from = $play{$mode}[0];
    while (defined(my $line = <$from>)) {
        my $value = json_of($line) or next;
        die "the player: $value->{broken}\n" if $value->{broken};
        return $value if exists $value->{$name};
    }
    die "the player has ended\n";
}
player('provider', { ports => [map { $t->port("p$_") + 0 } 1 .. 4], slow => $slow + 0 });
player('clients', { ports => [$t->port(8080) + 0], seed => "$seed", slow => $slow + 0, keys => \%key,
    patience => $n / 1000 });
note("seed $seed, $n requests");

# one request of a key, which the provider knows nothing of
sub ask {
    my ($name, %more) = @_;
    return http(chat(delete $more{model} || 'load', headers => [Authorization => "Bearer $key{$name}", mark => $name],
        max_tokens => 1, %more));
}

# units of 10^-12 dollar
sub units {
    my ($whole, $part) = ($_[0] // '') =~ /^(\d+)(?:\.(\d{1,12}))?$/ or return Math::BigInt->bnan;
    return Math::BigInt->new($whole . substr(($part // '') . '0' x 12, 0, 12));
}

# what the log says that a key has spent; lines that have no cost
sub logged {
    my $sum = Math::BigInt->new(0);
    my $unknown = 0;
    for (split /\n/, $t->read_file('cost.log')) {
        my ($name, $status, $cost) = split / /;
        next if !defined $cost || (defined $_[0] && $name ne $_[0]);
        $cost eq '-' ? ($unknown += ($status == 200)) : $sum->badd(units($cost));
    }
    return wantarray ? ($sum, $unknown) : $sum;
}

# What is spent and what is reserved of a budget, as the refusal says of a
# request that is too dear for it; waits until that is what is wanted.
sub owed {
    my ($name, $what) = @_;
    my $r = ask($name, max_tokens => 100000000);
    my ($cost) = ((json_of($r->{body}) || {})->{error}{message} // '') =~ /Current cost: (\S+),/;
    return units($cost);
}
sub comes_to {
    my ($code, $wanted, $what) = @_;
    my $end = time + 15 * $slow;
    my $is;
    while (1) {
        $is = $code->();
        last if $is eq (ref $wanted eq 'CODE' ? $wanted->() : $wanted) || time > $end;
        sleep 0.1;
    }
    return is($is, ref $wanted eq 'CODE' ? $wanted->() : $wanted, $what) || diag("seed $seed");
}
sub left { my ($r, $scope, $unit) = @_; return $r->{header}{"x-ratelimit-$scope-remaining-$unit"} // "none: $r->{status}" }

# what must hold behind each round; of a killed worker one request may have been
# paid and not logged
sub check {
    my ($round, $killed) = @_;
    my $done = hear('clients', 'done')->{done};
    my $seen = $done->{seen};
    order('provider', { look => JSON::PP::true });
    my $look = hear('provider', 'calls');
    my $calls = $look->{calls};
    note("$round: " . json_text($done));
    note("$round: " . json_text($look));

    is($done->{nbad}, 0, "$round: none hangs or is wrong") or diag("seed $seed\n" . join "\n", @{$done->{bad}});
    cmp_ok($calls->{requests}{requests}, '<=', $limit{requests}, "$round: rpm: never one over");
    cmp_ok($calls->{parallel}{most}, '<=', $limit{parallel}, "$round: max_parallel_requests: never one over");

    # in flight: the asking request alone

    comes_to(sub { left(ask('all'), 'api_key', 'max_parallel_requests') }, 999999, "$round: a key has nothing in flight");
    comes_to(sub { left(ask('all'), 'team', 'max_parallel_requests') }, 999999, "$round: the team neither");
    comes_to(sub { left(ask('all'), 'gateway', 'max_parallel_requests') }, 999999, "$round: the gateway neither");
    comes_to(sub { left(ask('parallel'), 'api_key', 'max_parallel_requests') }, $limit{parallel} - 1, "$round: nor who is held to it");

    # rpm: all of it was given

    like(ask('requests')->{body}, qr/Limit type: requests\. Current limit: $limit{requests}, Remaining: 0\./, "$round: rpm: all places were given");

    # spent and reserved

    for my $name (@names) {
        next if $name eq 'requests';
        if ($killed) {
            my $diff;
            my $settled = sub { $diff = owed($name) - logged($name); $diff >= 0 && $diff <= 1e8 ? 1 : 0 };
            comes_to($settled, 1, "$round: $name: spent is what was logged, nothing is reserved") or diag("$diff");
        } else {
            comes_to(sub { owed($name)->bstr }, sub { logged($name)->bstr }, "$round: $name: spent is what was logged, nothing is reserved");
        }
    }
    cmp_ok(logged('budget')->bstr, '<=', units($budget)->bstr, "$round: a budget is never overspent");

    # tokens: of the window, which is the day

    my ($sum, $unknown) = logged('tokens');
    is($unknown, 0, "$round: every answer has a cost");
    my $tokens = $sum / 1000000 + $sum % 1000000;
    cmp_ok($tokens->bstr, '<=', $limit{tokens}, "$round: tpm: never one over");
    my $all = logged('all');
    $tokens = $all / 1000000 + $all % 1000000;
    my $raw = chat('load', max_tokens => 1);
    my $own = int(length((split /\r\n\r\n/, $raw, 2)[1]) / 4) + 1;
    my $remaining = left(ask('all'), 'api_key', 'tokens');
    $killed ? cmp_ok($remaining, '<=', (1000000000000 - $tokens - $own)->bstr, "$round: tokens are what was taken")
        : is($remaining, (1000000000000 - $tokens - $own)->bstr, "$round: tokens are what was taken, nothing is reserved");

    # the budget of a deployment: a request that takes all of what is left, to a
    # millionth, has room, and one that takes more has not

    my $left = ((units(50) - logged('edge') - logged('free')) / 1000000)->numify;
    is(ask('free', model => 'edge', max_tokens => $left + 1)->{status}, 429, "$round: a deployment's budget: more than is left");
    is(ask('free', model => 'edge', max_tokens => $left - ($killed ? 100 : 1))->{status}, 200, "$round: a deployment's budget: what is left");
    return ($seen, $calls, $look);
}

# thousands at a time

order('clients', { start => $n + 0 });
hear('clients', 'rolling');
my ($seen, $calls, $look) = check('load');
cmp_ok($look->{peak}, '>=', $n / 10, "load: $look->{peak} calls at a time");
my $admitted = 0;
$admitted += $seen->{requests}{$_} for grep { $_ ne '429' } keys %{$seen->{requests}};
is($admitted, $limit{requests}, 'load: rpm: as many as may pass do');
cmp_ok($seen->{requests}{429} // 0, '>', 0, 'load: rpm: some are refused');
cmp_ok($seen->{tokens}{429} // 0, '>', 0, 'load: tpm: some are refused');
cmp_ok($calls->{parallel}{most}, '>=', $limit{parallel} / 2, 'load: max_parallel_requests: is made use of');
cmp_ok($seen->{parallel}{429} // 0, '>', 0, 'load: max_parallel_requests: some are refused');
cmp_ok($seen->{budget}{422} // 0, '>', 0, 'load: budget: some are refused');
cmp_ok($seen->{all}{left} // 0, '>', 0, 'load: some leave');
my $requests = 0;
$requests += $_->{requests} for values %$calls;
cmp_ok($look->{attempts}, '>', 1.05 * $requests, 'load: more attempts than requests');

# a reload in the middle of it

my @old = $t->workers;
order('clients', { start => int $n / 3 });
hear('clients', 'rolling');
ok($t->reload, 'a reload');
check('a reload');

# a worker is killed

my ($victim) = grep { my $pid = $_; !grep { $_ == $pid } @old } map { int } $t->workers;
order('clients', { start => int $n / 3 });
hear('clients', 'rolling');
kill 'KILL', $victim;
ok($t->wait_log(qr/worker process $victim exited on signal 9/), 'a worker is killed');
check('a kill', 1);
