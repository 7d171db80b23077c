#!/usr/bin/perl

# Which failures keep a deployment away, for how long, who may try it again;
# its limits; what of it all workers and a reload share; how often a failure of
# a class is tried again.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer chunked openai_chat openai_chunk openai_stream openai_error);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(78);
$t->allow_log(qr/exited on signal 9|is too small|shared memory zone .* was locked/);

my $slow = $LiteLLM::Peer::slow;
my @yes = (stream => JSON::PP::true);

$t->write_conf(http => 'litellm_zone zone=here:256k; litellm_health_valid 1h;', server => join '', map { <<"END" } qw(off fails few request));
location /$_/ {
    litellm;
    litellm_config %%DIR%%/$_.yaml;
}
END
my $nginx_conf = $t->read_file('nginx.conf');
$t->write_file('nginx.conf', $nginx_conf =~ s/worker_processes 1;/worker_processes 4;/r);

# a deployment's id is its path at the provider: how it answers is a file
sub entry {
    my ($group, $id, $info, $params, $port) = @_;
    $port ||= 8081;
    return "  - model_name: '$group'\n    litellm_params: {model: openai/gpt-4o, "
        . "api_base: 'http://127.0.0.1:%%PORT_$port%%/$id', api_key: k" . ($params ? ", $params" : '') . "}\n"
        . "    model_info: {id: $id" . ($info ? ", $info" : '') . "}\n";
}
my $yaml = "model_list:\n" . join '',
    entry('pair', 'pair-a'), entry('pair', 'pair-b'), entry('solo', 'solo'),
    entry('keys', 'keys-a', 'cooldown_time: 60'), entry('keys', 'keys-b', 'cooldown_time: 60'),
    entry('dead', 'dead-a', 'cooldown_time: 60', '', 8082), entry('dead', 'dead-b'),
    entry('bad', 'bad-a'), entry('bad', 'bad-b'),
    entry('half', 'half', 'cooldown_time: 1, allowed_fails_policy: {InternalServerErrorAllowedFails: 0}'),
    entry('late', 'late', 'cooldown_time: 60, allowed_fails_policy: {TimeoutErrorAllowedFails: 0}', 'timeout: 0.5'),
    entry('mine', 'mine', 'cooldown_time: 60, allowed_fails_policy: {TimeoutErrorAllowedFails: 0}'),
    entry('own', 'own-a', 'allowed_fails: 1, cooldown_time: 60'), entry('own', 'own-b'),
    entry('cut', 'cut-a', 'allowed_fails: 0, cooldown_time: 60'), entry('cut', 'cut-b'),
    entry('zero', 'zero-a', '', 'cooldown_time: 0'), entry('zero', 'zero-b'),
    entry('par', 'par', '', 'max_parallel_requests: 2'),
    entry('rpm', 'rpm', '', 'rpm: 5'), entry('tpm', 'tpm', '', 'tpm: 70'),
    entry('gone', 'gone', 'allowed_fails_policy: {InternalServerErrorAllowedFails: 0}, cooldown_time: 60'),
    entry('again', 'again'), entry('plain', 'plain'),
    entry('paused', 'paused-a'), entry('paused', 'paused-b', 'blocked: true');
$yaml .= <<'END';
  - {model_name: 'wild/*', litellm_params: {model: 'openai/*', api_base: 'http://127.0.0.1:%%PORT_8081%%/wild-a', api_key: k}}
  - {model_name: 'wild/*', litellm_params: {model: 'openai/*', api_base: 'http://127.0.0.1:%%PORT_8081%%/wild-b', api_key: k}}
litellm_settings:
  num_retries: 0
  fallbacks: [{gone: [plain]}]
router_settings:
  model_group_retry_policy:
    again: {RateLimitErrorRetries: 2, BadRequestErrorRetries: 1, ContentPolicyViolationErrorRetries: 0}
END
$t->write_file_expand('litellm.yaml', $yaml);
$t->write_file_expand('off.yaml', "model_list:\n" . entry('pair', 'off-a') . entry('pair', 'off-b')
    . "router_settings: {disable_cooldowns: true, num_retries: 0}\n");
$t->write_file_expand('fails.yaml', "model_list:\n" . entry('pair', 'fails-a') . entry('pair', 'fails-b') . entry('solo', 'fails-c')
    . "router_settings: {allowed_fails: 2, cooldown_time: 60, num_retries: 0}\n");
$t->write_file_expand('few.yaml', "model_list:\n" . entry('solo', 'few')
    . "router_settings: {allowed_fails_policy: {RateLimitErrorAllowedFails: 1}, cooldown_time: 60, num_retries: 0}\n");
$t->write_file_expand('request.yaml', "model_list:\n" . entry('pair', 'request-a') . entry('pair', 'request-b') . entry('next', 'request-c')
    . "litellm_settings: {num_retries: 5, num_retries_per_request: 1, fallbacks: [{pair: [next]}]}\n"
    . "router_settings: {disable_cooldowns: true}\n");

# "ok", a status with its Retry-After, seconds to wait before an answer
sub how { my ($id, $how) = @_; $t->write_file("how-$id.new", $how); rename $t->dir . "/how-$id.new", $t->dir . "/how-$id" }
my $up = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    my ($id) = $req->{uri} =~ m{^/([^/]+)};
    my ($status, $more) = split ' ', $t->read_file("how-$id") || 'ok';
    my $stream = json_of($req->{body})->{stream};
    return answer(200, 'what is this?') if $status eq 'garbage';
    return $peer->write(chunked((openai_stream('Hel', 'lo'))[0, 1], undef)) && 0 if $status eq 'cut';
    return chunked(openai_stream('Hello')) if $stream && $status eq 'ok';
    sleep $more if $status eq 'slow';
    return answer(200, openai_chat('Hello')) if $status =~ /ok|slow/;
    return answer(400, openai_error('Your request was rejected as a result of our safety system',
        'invalid_request_error', 'content_policy_violation')) if $status eq 'policy';
    return answer($status, openai_error("no: $status", 'x', undef), defined $more ? ('Retry-After' => $more) : ());
});
$t->run;

# requests that this deployment had since the last question
my %seen;
sub called {
    my $id = shift;
    my $n = grep { m{^POST /\Q$id\E/} } $up->raw_requests;
    my $new = $n - ($seen{$id} // 0);
    $seen{$id} = $n;
    return $new;
}
sub ask { return http(chat($_[0], @_[1 .. $#_])) }
sub together { my ($n, @chat) = @_; my @c = map { start(chat(@chat)) } 1 .. $n; return map { finish($_, timeout => 15) } @c }
sub many { my ($n, @chat) = @_; return map { ask(@chat) } 1 .. $n }
sub good { return scalar grep { $_->{status} == 200 } @_ }
sub limited { return scalar grep { $_->{status} == 429 && $_->{body} =~ /No deployments available/ } @_ }

sub endpoint {
    my $id = shift;
    my $j = json_of(http_get("/health?model_id=$id")->{body});
    return (map { @{$_ || []} } @{$j}{qw(healthy_endpoints unhealthy_endpoints unprobed_endpoints)})[0] || {};
}

# the probes of /health are made once, later it tells what the router knows

http_get('/health');
$seen{$_ =~ m{^POST /([^/]+)/} ? $1 : ''}++ for $up->raw_requests;

# 429 in a group of two: at once, for as long as it says, for all workers

how('pair-a', '429 30');
my @r = many(40, 'pair', num_retries => 1);
is(good(@r), 40, '429: the other one answers');
is(called('pair-a'), 1, '429: the one that said so is left alone by all workers');
like($t->read_file('error.log'), qr/"pair-a" of "pair" is cooled down for 30000 ms: RateLimitError, status 429/, '429: for as long as it says');
my $e = endpoint('pair-a');
is($e->{cooldown}{status}, 429, '/health shows the cooldown');
cmp_ok($e->{cooldown}{left_ms}, '>', 20000, '/health shows what is left of it');

# a reload keeps it

$t->write_file_expand('litellm.yaml', $yaml . "general_settings: {}\n");
ok($t->reload, 'reload');
called('pair-a');
is(good(many(20, 'pair')), 20, 'reload: the other one answers');
is(called('pair-a'), 0, 'reload: the cooldown goes on');

# nothing is left

how('pair-b', '429 20');
is(ask('pair')->{status}, 429, 'the last one fails');
called('pair-b');
my $r = ask('pair');
is(limited($r), 1, 'nothing is left: 429');
is(json_of($r->{body})->{error}{code}, '429', 'nothing is left: code');
cmp_ok($r->{header}{'retry-after'} // 0, '>', 0, 'nothing is left: Retry-After');
cmp_ok($r->{header}{'retry-after'} // 99, '<=', 30, 'nothing is left: not longer than the cooldown');
is(called('pair-a') + called('pair-b'), 0, 'nothing is left: nobody is called');

# one key of two is wrong

how('keys-a', '401');
is(good(many(20, 'keys', num_retries => 1)), 20, '401 in a group of two');
is(called('keys-a'), 1, '401 in a group of two: at once');

# the only deployment of a group stays

for my $how (qw(401 404 402 429 500 garbage)) {
    how('solo', $how);
    my @r = many(3, 'solo');
    is(called('solo'), 3, "$how of the only deployment does not take it away");
}
how('paused-a', '429 30');
many(3, 'paused');
is(called('paused-a'), 3, '... of the only one that is not paused neither');
is(called('paused-b'), 0, '... which is not called');

# connections that fail; more than half of five

minute(10);
is(good(many(40, 'dead', num_retries => 9)), 40, 'no connection: the other one answers');
my $n = () = $t->read_file('error.log') =~ /deployment "dead-a" of "dead" failed/g;
is($n, 5, 'no connection: five times, not for ever');

# the client's mistakes

how('bad-a', '400'); how('bad-b', '400');
many(12, 'bad');
is(called('bad-a') + called('bad-b'), 12, '400 is no reason');

# wildcards

how('wild-a', '429 60'); how('wild-b', '429 60');
many(6, 'wild/x');
is(called('wild-a') + called('wild-b'), 6, 'one model of a wildcard says nothing about the others');

# a time of 0

how('zero-a', '429 60'); how('zero-b', '429 0');
many(20, 'zero');
cmp_ok(called('zero-a'), '>', 1, 'cooldown_time 0: none');

# half open

minute(15);
how('half', '500');
is(ask('half')->{status}, 500, 'half open: the failure');
is(limited(many(3, 'half')), 3, 'half open: cooled down');
called('half');
sleep 1.1;
how('half', 'slow ' . 1.5 * $slow);
@r = together(8, 'half');
is(good(@r), 1, 'half open: one is answered');
is(limited(@r), 7, 'half open: the others are refused');
is(called('half'), 1, 'half open: one came through');
how('half', 'ok');
is(good(together(8, 'half')), 8, 'half open: one success closes it');

minute(15);
how('half', '500');
ask('half');
sleep 1.1;
how('half', '503');
is(ask('half')->{status}, 503, 'half open: fails again');
called('half');
is(limited(many(3, 'half')), 3, 'half open: any failure renews the cooldown');
is(called('half'), 0, 'half open: nobody is called');
sleep 1.1;
how('half', '400');
ask('half');
how('half', 'ok');
is(good(together(4, 'half')), 4, 'half open: one that refuses a request is there again');

# a probe whose client leaves is nobody's

minute(15);
how('half', '500');
ask('half');
sleep 1.1;
how('half', 'slow 3');
my $c = start(chat('half'));
my $end = time + 5 * $slow;
sleep 0.05 until endpoint('half')->{in_flight} || time > $end;
$c->close;
$end = time + 5 * $slow;
sleep 0.05 while endpoint('half')->{in_flight} && time < $end;
how('half', 'ok');
is(ask('half')->{status}, 200, 'half open: a client that leaves gives the place back');

# time-outs: the deployment's own count, the client's do not

how('late', 'slow 2');
ask('late');
is(limited(ask('late')), 1, 'a time-out of the deployment');
how('mine', 'slow 2');
ask('mine', timeout => 0.3);
is(limited(ask('mine', timeout => 0.3)), 0, 'a time-out of the client');

# numbers and policies

minute(15);
how('own-a', '500');
many(40, 'own', num_retries => 1);
is(called('own-a'), 2, 'model_info.allowed_fails: 1');
how('fails-a', '500'); how('fails-c', '500');
many(40, 'pair', uri => '/fails/v1/chat/completions', num_retries => 1);
is(called('fails-a'), 3, 'allowed_fails: 2');
many(6, 'solo', uri => '/fails/v1/chat/completions');
is(called('fails-c'), 6, 'allowed_fails: not for the only deployment');
how('few', '429');
many(6, 'solo', uri => '/few/v1/chat/completions');
is(called('few'), 2, 'allowed_fails_policy: for the only deployment too');
how('off-a', '429 60'); how('off-b', '429 60');
many(6, 'pair', uri => '/off/v1/chat/completions');
is(called('off-a') + called('off-b'), 6, 'disable_cooldowns');

# a stream that is cut behind its beginning

how('cut-a', 'cut'); how('cut-b', 'ok');
many(20, 'cut', @yes);
is(called('cut-a'), 1, 'a cut stream counts');

# fallbacks

how('gone', '500');
is(ask('gone')->{status}, 200, 'a fallback answers');
is(ask('gone')->{header}{'x-litellm-model-group'}, 'plain', 'and for one that is cooled down');
is(called('gone'), 1, 'without asking it');

# limits, by all workers together

how('par', 'slow ' . 1.5 * $slow);
@r = together(12, 'par');
is(good(@r), 2, 'max_parallel_requests: two');
is(limited(@r), 10, 'max_parallel_requests: the others are refused');
is(called('par'), 2, 'max_parallel_requests: two calls');
is(good(together(2, 'par')), 2, 'max_parallel_requests: and two again');

minute(15);
@r = together(16, 'rpm');
is(good(@r), 5, 'rpm: 5');
is(limited(@r), 11, 'rpm: the others are refused');
is(called('rpm'), 5, 'rpm: five calls');
cmp_ok($r[0]{header}{'retry-after'} // $r[15]{header}{'retry-after'} // 99, '<=', 60, 'rpm: wait for the next minute');
minute(15);
$n = good(many(12, 'tpm'));
cmp_ok($n, '>=', 4, 'tpm: what was used counts');
cmp_ok($n, '<=', 7, 'tpm: and is a limit');

# what is in flight when a client leaves, when a worker is killed

how('par', 'slow 20');
my @c = map { start(chat('par')) } 1 .. 2;
$end = time + 5 * $slow;
sleep 0.05 until (endpoint('par')->{in_flight} // 0) == 2 || time > $end;
is(endpoint('par')->{in_flight}, 2, 'two in flight');
$_->close for @c;
$end = time + 5 * $slow;
sleep 0.05 while endpoint('par')->{in_flight} && time < $end;
is(endpoint('par')->{in_flight}, 0, 'clients leave: none in flight');

@c = map { start(chat('par')) } 1 .. 2;
$end = time + 5 * $slow;
sleep 0.05 until (endpoint('par')->{in_flight} // 0) == 2 || time > $end;
kill 'KILL', $t->workers;
$_->close for @c;
$end = time + 10 * $slow;
sleep 0.1 while (eval { endpoint('par')->{in_flight} } // 1) && time < $end;
is(endpoint('par')->{in_flight}, 0, 'workers are killed: none in flight');

# retries by class

for my $case ([429, 3], [400, 2], ['policy', 1], [500, 1]) {
    how('again', $case->[0]);
    ask('again');
    is(called('again'), $case->[1], "retry policy of a group: $case->[0]");
}
how('again', '429');
ask('again', num_retries => 0);
is(called('again'), 1, 'retry policy: not if the client wants none');
how('request-a', '500'); how('request-b', '500');
is(ask('pair', uri => '/request/v1/chat/completions')->{status}, 500, 'num_retries_per_request');
is(called('request-a') + called('request-b'), 2, 'num_retries_per_request: one');
is(called('request-c'), 0, 'num_retries_per_request: of all groups');

# nothing is in flight in the end

unlink glob $t->dir . '/how-*';
my $all = json_of(http_get('/health')->{body});
my @busy = grep { $_->{in_flight} } map { @{$all->{$_} || []} } qw(healthy_endpoints unhealthy_endpoints unprobed_endpoints);
is(json_text(\@busy), '[]', 'counters are back at zero');

# an old worker still has what two reloads ago was configured

sub reload {
    $t->write_file_expand('litellm.yaml', "model_list:\n" . shift);
    my $old = join ' ', sort $t->workers;
    $t->reload;
    my $end = time + 10 * $slow;
    sleep 0.05 while (join(' ', sort $t->workers) eq $old) && time < $end;
}
reload(entry('old', 'old') . entry('plain', 'plain'));
http_get('/health');
how('old', 'slow ' . 7 * $slow);
$c = start(chat('old'));
$end = time + 5 * $slow;
sleep 0.05 until endpoint('old')->{in_flight} || time > $end;
reload(entry('plain', 'plain'));
# more than there are places free, so that they would take his too

my @new = map { "new-$_" } 1 .. 60;
reload(join('', map { entry($_, $_) } @new) . entry('plain', 'plain'));
http_get('/health');
how($_, 'slow ' . 20 * $slow) for @new;
@c = map { start(chat($_)) } @new;
is(finish($c, timeout => 10 * $slow)->{status}, 200, 'two reloads: an old worker answers');
my $sum = sub {
    my $j = json_of(http_get('/health')->{body});
    my $n = 0;
    $n += $_->{in_flight} for map { @{$j->{$_} || []} } qw(healthy_endpoints unhealthy_endpoints unprobed_endpoints);
    return $n;
};
$end = time + 5 * $slow;
sleep 0.1 until $sum->() == @new || time > $end;
is($sum->(), @new, 'two reloads: and counts where nobody else does');
$_->close for @c;
$end = time + 5 * $slow;
sleep 0.1 until $sum->() == 0 || time > $end;

# records of deployments that are gone are used again: there is no room for all

my $fine = 1;
for my $i (1 .. 8) {
    reload(join '', map { entry("g$_", "r$i-$_") } 1 .. 80);
    $end = time + 10 * $slow;
    sleep 0.05 while $t->workers > 4 && time < $end;
    $fine = 0 if ask('g1', user => $i)->{status} != 200;
    $fine = 0 if !called("r$i-1");
}
ok($fine, 'places of deployments that are gone are used again');
$t->write_file_expand('litellm.yaml', "model_list:\n" . join '', map { entry("g$_", "g-$_") } 1 .. 900);
my ($rc, $text) = $t->test_conf;
isnt($rc, 0, 'a zone that is too small');
like($text, qr/\[emerg\].*litellm_zone "here" is too small: \d+ deployments have no place in it/, 'it is said');
