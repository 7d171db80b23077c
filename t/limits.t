#!/usr/bin/perl

# Limits of keys, teams, their members, users, end users, single models and the
# whole gateway: what passes and what does not, over four workers, with the text
# and the header lines of each refusal; tokens that are reserved and given back;
# requests in flight; windows; what a limit may be; a dry run; a zone without
# room.  How limits hold under load is in proof.t.

use warnings;
use strict;

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer chunked openai_chat openai_stream);
use LiteLLM::Test;

my $slow = $LiteLLM::Peer::slow;
my $t = LiteLLM::Test->new->plan(220);

my $n = 0;
my (%key, %id);
my $keys = '';

# a key with this in its record
sub key {
    my ($name, $more) = @_;
    $key{$name} = "sk-key-$name-" . ++$n;
    $id{$name} = sha256_hex($key{$name});
    $keys .= "  - {key: $key{$name}" . ($more ? ", $more" : '') . "}\n";
}

my $huge = '9223372036854775807';

key('rpm', 'rpm_limit: 3');
key('spread', 'rpm_limit: 20');
key('tpm', 'tpm_limit: 1000');
key('guess', 'tpm_limit: 2000');
key('parallel', 'max_parallel_requests: 2');
key('model', 'model_rpm_limit: {gpt: 1}');
key('modeltokens', 'model_tpm_limit: {gpt: 500}');
key('mine', 'aliases: {mine: gpt}, model_rpm_limit: {gpt: 1}');
key('team', 'team_id: rpm');
key('team2', 'team_id: rpm');
key('teammodel', 'team_id: model');
key('ownmodel', 'team_id: model, model_rpm_limit: {gpt: 2}');
key('member', 'team_id: members, user_id: ann');
key('member2', 'team_id: members, user_id: bob');
key('user', 'user_id: rpm');
key('user2', 'user_id: rpm');
key('plain');
key('both', 'team_id: small, rpm_limit: 10');
key('zero', 'rpm_limit: 0');
key('zerotokens', 'tpm_limit: 0');
key('zeroparallel', 'max_parallel_requests: 0');
key('huge', "rpm_limit: $huge, tpm_limit: $huge, max_parallel_requests: $huge");
key('stream', 'rpm_limit: 5, tpm_limit: 5000, max_parallel_requests: 5');
key('embed', 'tpm_limit: 100');
key('dry', 'rpm_limit: 1');
key('window', 'rpm_limit: 2');

my $models = <<'END';
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: other
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: held
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8082%%/v1", api_key: k}
litellm_settings: {num_retries: 0}
END
my $people = <<"END";
virtual_keys:
${keys}teams:
  - {team_id: rpm, rpm_limit: 2}
  - {team_id: small, rpm_limit: 1}
  - {team_id: model, model_rpm_limit: {gpt: 1}}
  - {team_id: members, team_member_rpm_limit: 1}
users:
  - {user_id: rpm, rpm_limit: 2}
end_users:
  - {user_id: carl, rpm_limit: 1}
END

my $more = <<'END';
location /gateway/ {
    litellm;
    litellm_config %%DIR%%/gateway.yaml;
}
location /tokens/ {
    litellm;
    litellm_config %%DIR%%/tokens.yaml;
}
location /dry/ {
    litellm;
    litellm_limit_dry_run on;
}
END

# four workers; each has its own socket, so that all of them get some

sub conf {
    my ($http, $server) = @_;
    my $text = $t->write_conf(http => $http, server => $server, listen => ' reuseport')->read_file('nginx.conf');
    $t->write_file('nginx.conf', $text =~ s/worker_processes 1;/worker_processes 4;/r);
}

conf("litellm_zone zone=z:1m;\n", $more);
$t->write_file_expand('litellm.yaml', $models . $people);
$t->write_file_expand('gateway.yaml', $models . "router_settings: {rpm: 3}\n");
$t->write_file_expand('tokens.yaml', $models
    . "router_settings: {tpm: 1000}\ngeneral_settings: {default_estimated_output_tokens: 400}\n");

my $mock = $t->mock(8081, sub {
    my (undef, $req) = @_;
    return answer(200, '{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"model":"m",'
        . '"usage":{"prompt_tokens":1,"total_tokens":1}}') if $req->{uri} =~ /embeddings/;
    return chunked(openai_stream('hi')) if $req->{body} =~ /"stream":true/;
    return answer(200, openai_chat('hi'));
});
my $up = $t->listener(8082);
$t->run;

sub as { my ($name, %more) = @_; return chat(delete $more{model} || 'gpt', headers => [Authorization => "Bearer $key{$name}"], %more) }
sub ask { return http(as(@_)) }

# tokens of the prompt, as they are estimated
sub estimate { return int(length((split /\r\n\r\n/, $_[0], 2)[1]) / 4) }

sub left { my ($r, $scope, $unit) = @_; return $r->{header}{"x-ratelimit-$scope-remaining-$unit"} }

my $utc = qr/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/;

# five checks
sub refused {
    my ($r, $scope, $value, $unit, $limit, $name) = @_;
    my $e = (json_of($r->{body}) || {})->{error} || {};
    is($r->{status}, 429, "$name: status");
    is(join(' ', map { $_ // 'null' } @$e{qw(type param code)}), 'throttling_error null 429', "$name: type, param, code");
    like($e->{message} // '', qr/^Rate limit exceeded for \Q$scope: $value\E\. Limit type: $unit\. Current limit: $limit, Remaining: \d+\. Limit resets at: $utc$/,
        "$name: message");
    is($r->{header}{rate_limit_type}, $unit, "$name: rate_limit_type");
    like($r->{header}{'retry-after'} // '', $unit eq 'max_parallel_requests' ? qr/^1$/ : qr/^([1-9]|[1-5]\d|60)$/, "$name: retry-after");
}

# requests of a key

my @r = map { ask('rpm') } 1 .. 3;
is(join(' ', map { $_->{status} } @r), '200 200 200', 'rpm: three pass');
is(join(' ', map { left($_, 'api_key', 'requests') } @r), '2 1 0', 'rpm: what is left');
is($r[0]{header}{'x-ratelimit-api_key-limit-requests'}, 3, 'rpm: the limit');
is($r[0]{header}{'x-litellm-key-rpm-limit'}, 3, 'rpm: the key\'s');
is(left($r[0], 'api_key', 'tokens'), undef, 'rpm: nothing of tokens');
my $from = time;
my $r = ask('rpm');
refused($r, 'api_key', $id{rpm}, 'requests', 3, 'rpm');
like(json_of($r->{body})->{error}{message}, qr/Remaining: 0\./, 'rpm: none remains');
like($r->{header}{reset_at} // '', qr/^$utc$/, 'rpm: reset_at');
unlike($r->{raw}, qr/\Q$key{rpm}\E/, 'rpm: the key is not told');
is($mock->requests, 3, 'rpm: three have reached the provider');
refused(ask('rpm', model => 'other'), 'api_key', $id{rpm}, 'requests', 3, 'rpm, another model');
is(ask('plain')->{status}, 200, 'rpm: another key');

# forty at once, on all workers

my @c = map { start(as('spread')) } 1 .. 40;
@r = map { finish($_) } @c;
is(scalar(grep { $_->{status} == 200 } @r), 20, 'at once: twenty of forty');
is(scalar(grep { $_->{status} == 429 } @r), 20, 'at once: the others are refused');
is(join(' ', sort { $a <=> $b } map { $_->{status} == 200 ? left($_, 'api_key', 'requests') : () } @r), join(' ', 0 .. 19),
    'at once: each place is given once');

# tokens: the estimate is reserved, and what was not taken comes back

my $raw = as('tpm', model => 'held', max_tokens => 400);
my $p = estimate($raw);
my $c = start($raw);
my ($peer) = $up->request;
my $c2 = start($raw);
my ($peer2) = $up->request;
refused(ask('tpm', model => 'held', max_tokens => 400), 'api_key', $id{tpm}, 'tokens', 1000, 'tpm: two in flight');
$r = ask('tpm', max_tokens => 20);
is($r->{status}, 200, 'tpm: a small one fits');
is(left($r, 'api_key', 'tokens'), 1000 - 2 * ($p + 400) - estimate(as('tpm', max_tokens => 20)) - 20, 'tpm: what is left');
sub done { $_[0]->write(answer(200, openai_chat('hi'), Connection => 'close')); $_[0]->close }
done($peer);
$r = finish($c);
is($r->{status}, 200, 'tpm: the first');
is(left($r, 'api_key', 'tokens'), 1000 - $p - 400, 'tpm: left when it began');
is($r->{header}{'x-litellm-key-tpm-limit'}, 1000, 'tpm: the key\'s');
done($peer2);
finish($c2);
$r = ask('tpm', max_tokens => 50);
is(left($r, 'api_key', 'tokens'), 1000 - 3 * 10 - estimate(as('tpm', max_tokens => 50)) - 50, 'tpm: settled');
$raw = as('tpm', max_completion_tokens => 100, n => 3);
is(left(http($raw), 'api_key', 'tokens'), 1000 - 4 * 10 - estimate($raw) - 300, 'tpm: max_completion_tokens, n');
refused(ask('tpm', max_tokens => 2000), 'api_key', $id{tpm}, 'tokens', 1000, 'tpm: never');
refused(ask('tpm', max_tokens => 9e15), 'api_key', $id{tpm}, 'tokens', 1000, 'tpm: huge max_tokens');

# without max_tokens it is 1024, or what the operator says; embeddings have none

$raw = as('guess');
is(left(http($raw), 'api_key', 'tokens'), 2000 - estimate($raw) - 500, 'tpm: without max_tokens, a quarter');
$raw = as('huge');
is(left(http($raw), 'api_key', 'tokens'), 9223372036854775807 - estimate($raw) - 1024, 'tpm: without max_tokens, 1024');
$r = http(chat('gpt', uri => '/tokens/chat/completions'));
is($r->{status}, 200, 'gateway tpm: passes');
is(left($r, 'gateway', 'tokens'), 1000 - estimate(chat('gpt')) - 400, 'gateway tpm: default_estimated_output_tokens');
refused(http(chat('gpt', uri => '/tokens/chat/completions', max_tokens => 990)), 'gateway', 'gateway', 'tokens', 1000, 'gateway tpm');
sub embed { return LiteLLM::Test::post_request('/v1/embeddings', { model => 'gpt', input => $_[0] }, Authorization => "Bearer $key{embed}") }
$r = http(embed('a'));
is($r->{status}, 200, 'embeddings: pass');
is(left($r, 'api_key', 'tokens'), 100 - estimate(embed('a')), 'embeddings: the input only');
refused(http(embed('a' x 500)), 'api_key', $id{embed}, 'tokens', 100, 'embeddings');

# requests in flight

@c = ();
my @peers;
for (0, 1) {
    $c[$_] = start(as('parallel', model => 'held'));
    ($peers[$_]) = $up->request;
}
refused(ask('parallel'), 'api_key', $id{parallel}, 'max_parallel_requests', 2, 'parallel');
done($peers[0]);
is(finish($c[0])->{status}, 200, 'parallel: one ends');
$r = ask('parallel');
is($r->{status}, 200, 'parallel: another passes');
is(left($r, 'api_key', 'max_parallel_requests'), 0, 'parallel: none is left meanwhile');
is($r->{header}{'x-ratelimit-api_key-limit-max_parallel_requests'}, 2, 'parallel: the limit');

# a client that leaves gives its place back

$c[1]->close;
ok($peers[1]->closed, 'parallel: a client that leaves');
my $end = time + 10 * $slow;
do { $r = ask('parallel') } until (left($r, 'api_key', 'max_parallel_requests') // '') eq '1' || time > $end;
is(left($r, 'api_key', 'max_parallel_requests'), 1, 'parallel: its place is free');
$_->close for @peers;

# the others

is(ask('model')->{status}, 200, 'model of a key: passes');
$r = ask('model');
refused($r, 'model_per_key', "$id{model}:gpt", 'requests', 1, 'model of a key');
is(ask('model', model => 'other')->{status}, 200, 'model of a key: another');
$raw = as('modeltokens');
$r = http($raw);
is(left($r, 'model_per_key', 'tokens'), 500 - estimate($raw) - 125, 'model of a key, tokens: an answer is taken for a quarter at most');
is($r->{header}{'x-litellm-key-remaining-tokens-gpt'}, left($r, 'model_per_key', 'tokens'), 'model of a key, tokens: by name');
refused(ask('modeltokens', max_tokens => 500), 'model_per_key', "$id{modeltokens}:gpt", 'tokens', 500, 'model of a key, tokens');
is(ask('mine', model => 'mine')->{status}, 200, 'model of a key by its own name: passes');
refused(ask('mine'), 'model_per_key', "$id{mine}:gpt", 'requests', 1, 'model of a key by its own name');

is(ask('teammodel')->{header}{'x-ratelimit-model_per_team-remaining-requests'}, 0, 'model of a team: passes');
refused(ask('teammodel'), 'model_per_team', 'model:gpt', 'requests', 1, 'model of a team');
is(join(' ', map { ask('ownmodel')->{status} } 1 .. 3), '200 200 429', 'model of a team: the key\'s own counts');

is(ask('team')->{status}, 200, 'team: passes');
is(ask('team2')->{status}, 200, 'team: another key of it');
refused(ask('team'), 'team', 'rpm', 'requests', 2, 'team');

is(ask('member')->{status}, 200, 'member: passes');
refused(ask('member'), 'team_member', 'members:ann', 'requests', 1, 'member');
is(ask('member2')->{status}, 200, 'member: another one of the team');

is(ask('user')->{status}, 200, 'user: passes');
is(ask('user2')->{status}, 200, 'user: another key of his');
refused(ask('user'), 'user', 'rpm', 'requests', 2, 'user');

is(ask('plain', user => 'carl')->{status}, 200, 'end user: passes');
refused(ask('plain', user => 'carl'), 'end_user', 'carl', 'requests', 1, 'end user');
is(ask('plain', user => 'dora')->{status}, 200, 'end user: another one');

# who is refused by one limit has taken nothing of the others

is(left(ask('both'), 'api_key', 'requests'), 9, 'all or nothing: passes');
refused(ask('both'), 'team', 'small', 'requests', 1, 'all or nothing') for 1 .. 2;
$t->write_file_expand('litellm.yaml', $models . $people =~ s/(team_id: small, rpm_limit:) 1\}/$1 2}/r);
ok($t->reload, 'all or nothing: reload');
$end = time + 10 * $slow;
do { $r = ask('both') } until $r->{status} == 200 || time > $end;
is(left($r, 'api_key', 'requests'), 8, 'all or nothing: nothing was taken; a reload changes limits, not what is counted');

# the whole gateway

is(join(' ', map { http(chat('gpt', uri => '/gateway/chat/completions'))->{status} } 1 .. 3), '200 200 200', 'gateway rpm: pass');
refused(http(chat('gpt', uri => '/gateway/chat/completions')), 'gateway', 'gateway', 'requests', 3, 'gateway rpm');

# what a limit may be

refused(ask('zero'), 'api_key', $id{zero}, 'requests', 0, '0 requests');
refused(ask('zerotokens'), 'api_key', $id{zerotokens}, 'tokens', 0, '0 tokens');
refused(ask('zeroparallel'), 'api_key', $id{zeroparallel}, 'max_parallel_requests', 0, '0 in flight');
$r = ask('huge');
is($r->{status}, 200, 'a huge limit');
is(left($r, 'api_key', 'requests'), '9223372036854775805', 'a huge limit: what is left');
my $at;
for my $bad ('-1', '1.5', '1e30', '9223372036854775808', '"many"', '[1]') {
    for my $name (qw(rpm_limit tpm_limit max_parallel_requests)) {
        $t->write_file_expand('bad.yaml', $models . "virtual_keys: [{key: sk-bad-key-0001, $name: $bad}]\n");
        $t->write_file('bad.conf', $t->read_file('nginx.conf') =~ s/litellm\.yaml/bad.yaml/r);
        my ($status, $out) = $t->test_conf(conf => 'bad.conf');
        ok($status != 0 && $out =~ /bad\.yaml:\d+: .*"$name" must be a whole number of 0 or more, below 2\^63/, "$name: $bad is an error") or diag($out);
    }
}

# streams say it too

$r = ask('stream', stream => JSON::PP::true, max_tokens => 100);
is(texts($r->{body}), 'hi', 'a stream');
is(left($r, 'api_key', 'requests'), 4, 'a stream: requests left');
is(left($r, 'api_key', 'tokens'), 5000 - 100 - estimate(as('stream', stream => JSON::PP::true, max_tokens => 100)), 'a stream: tokens left');
is(left($r, 'api_key', 'max_parallel_requests'), 4, 'a stream: in flight');

# a dry run refuses nobody, and says so

$at = $t->log_size;
is(join(' ', map { ask('dry', uri => '/dry/chat/completions')->{status} } 1 .. 3), '200 200 200', 'dry run: all pass');
ok($t->wait_log(qr/dry run, would be refused with 429: Rate limit exceeded for api_key: $id{dry}\. Limit type: requests/, $at),
    'dry run: is logged');
is(scalar(() = substr($t->read_file('error.log'), $at) =~ /dry run, would be/g), 2, 'dry run: for each');
refused(ask('dry'), 'api_key', $id{dry}, 'requests', 1, 'dry run: what passed was counted');

# windows: nobody waits longer than it is told

for my $kind ('fixed', 'sliding') {
    $t->stop;
    conf("litellm_zone zone=z:1m;\nlitellm_limit_window $kind 2s;\n", '');
    $t->run;
    for my $round (1, 2) {
        $end = time + 10 * $slow;
        my ($passed, $wait) = (0, 0);
        while (time < $end) {
            $r = ask('window');
            last if $r->{status} != 200;
            $passed++;
        }
        is($r->{status}, 429, "$kind window, $round: refused");
        cmp_ok($passed, '>=', 2, "$kind window: both pass") if $round == 1;
        $wait = $r->{header}{'retry-after'};
        cmp_ok($wait, '<=', $kind eq 'fixed' ? 2 : 4, "$kind window, $round: how long");
        sleep($wait);
        is(ask('window')->{status}, 200, "$kind window, $round: as it was told");
    }
}

# a zone without room for the accounts of a request: refused, and said; what
# has been counted stays

$t->stop;
$keys = '';
conf("litellm_zone zone=small:128k;\n", '');
$t->write_file_expand('litellm.yaml', $models . <<"END");
router_settings: {rpm: 1000000}
virtual_keys: [{key: $key{plain}}, {key: $key{rpm}, rpm_limit: 1}]
litellm_settings: {num_retries: 0, max_end_user_budget: 0.0002}
END
$t->run;
is(ask('rpm')->{status}, 200, 'a full zone: a key before');
is(ask('plain', user => 'first', max_tokens => 1)->{status}, 200, 'a full zone: the first end user');
my $many = 0;
$end = time + 30 * $slow;
while (time < $end) {
    $many++;
    $r = ask('plain', user => "user-$many", max_tokens => 1);
    last if $r->{status} != 200;
}
note("accounts of $many end users, each with its spend, in 128k");
is($r->{status}, 503, 'a full zone: refused');
like(json_of($r->{body})->{error}{message}, qr/^Rate limit enforcement unavailable: /, 'a full zone: message');
is(join(' ', map { $_ // 'null' } @{json_of($r->{body})->{error}}{qw(type param code)}), 'internal_server_error null 503',
    'a full zone: type, param, code');
like($t->read_file('error.log'), qr/\[error\].*the zone has no room for the accounts/, 'a full zone: is logged');
is(ask('plain', user => 'first', max_tokens => 1)->{status}, 200, 'a full zone: who is there goes on');
like(ask('plain', user => 'first', max_tokens => 100)->{body}, qr/End User=first over budget\. Spend=0\.000095,/, 'a full zone: what he spent is known');
refused(ask('rpm'), 'api_key', $id{rpm}, 'requests', 1, 'a full zone: what was counted is known');
