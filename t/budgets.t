#!/usr/bin/perl

# Budgets of keys, single models of a key, teams, their members, users, end
# users, tags, groups, the whole gateway, providers and deployments: what is
# reserved while a request is under way, what is spent in the end, the words of
# each refusal, periods that begin anew, models that are free or have no price.
# The prices of this file are a dollar for a million tokens.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer chunked openai_chat openai_chunk openai_error sse);
use LiteLLM::Test;

my $slow = $LiteLLM::Peer::slow;
my $t = LiteLLM::Test->new->plan(135);

my $n = 0;
my %key;
my $keys = '';

sub key {
    my ($name, $more) = @_;
    $key{$name} = "sk-key-$name-" . (1000 + ++$n);
    $keys .= "  - {key: $key{$name}" . ($more ? ", $more" : '') . "}\n";
}

# a request of these tests costs 0.00001; 0.0001 is enough for several, as more
# is reserved

key('plain');
key('key', 'max_budget: 0.0001, key_alias: apple');
key('held', 'max_budget: 0.00045');
key('model', 'model_max_budget: {gpt: {budget_limit: 0.0001, time_period: 1d}}');
key('team', 'team_id: poor');
key('member', 'team_id: club, user_id: ann');
key('member2', 'team_id: club, user_id: bob');
key('user', 'user_id: poor');
key('userteam', 'user_id: poor, team_id: club');
key('periods', 'budget_limits: [{budget_duration: 1d, max_budget: 0.0001}, {budget_duration: 30d, max_budget: 1}]');
key('teamperiods', 'team_id: daily');
key('again', 'max_budget: 0.0001, budget_duration: 2s');
key('zero', 'max_budget: 0');
key('tiny', 'max_budget: 1e-30');
key('huge', 'max_budget: 1e30');
key('free', 'max_budget: 0.000001');
key('mid', 'max_budget: 0.0001');
key('gone', 'max_budget: 1');
key('early', 'max_budget: 1, tpm_limit: 100000');
key('dear', 'max_budget: 0.000012');
key('tier', 'max_budget: 0.001');
key('seconds', 'max_budget: 0.000001');

sub entry {
    my ($name, $model, $more) = @_;
    return "  - model_name: $name\n    litellm_params: {model: $model, api_base: 'http://127.0.0.1:%%PORT_8081%%/v1', "
        . "api_key: k, input_cost_per_token: 0.000001, output_cost_per_token: 0.000001" . ($more // '') . "}\n";
}
sub held { return entry(@_) =~ s/8081/8082/r }

my $models = "model_list:\n" . entry('gpt', 'openai/acme') . entry('other', 'openai/acme') . held('held', 'openai/acme')
    . entry('free', 'openai/acme') =~ s/0\.000001/0/gr
    . entry('tiers', 'openai/acme', ', input_cost_per_token_priority: 0.0001, output_cost_per_token_priority: 0.0001, '
        . 'output_cost_per_token_flex: 0.0000001')
    . entry('tiers-own', 'openai/acme', ', output_cost_per_token_priority: 0.0001, service_tier: priority')
    . entry('seconds', 'openai/nobody-knows') =~ s/, input_cost.*?\}/, input_cost_per_second: 1}/r
    . entry('unpriced', 'openai/nobody-knows') =~ s/, input_cost.*?\}/}/r
    . entry('counted', 'openai/acme')
    . entry('provider', 'openai/acme', ', order: 1') . entry('provider', 'together_ai/acme', ', order: 2')
    . entry('deployment', 'openai/one', ', order: 1, max_budget: 0.0001, budget_duration: 1d') . "    model_info: {id: first}\n"
    . entry('deployment', 'openai/two', ', order: 2') . "    model_info: {id: second}\n"
    . entry('alone', 'openai/one', ', max_budget: 0.0001') . "    model_info: {id: alone}\n"
    . held('fails', 'openai/one', ', max_budget: 0.0001') . "    model_info: {id: fails}\n"
    . entry('steps-in', 'openai/two') . "    model_info: {id: steps-in}\n";

my $people = <<"END";
virtual_keys:
${keys}teams:
  - {team_id: poor, max_budget: 0.0001}
  - {team_id: club, team_member_budget: 0.0001}
  - {team_id: daily, budget_limits: [{budget_duration: 1d, max_budget: 0.0001}]}
users:
  - {user_id: poor, max_budget: 0.0001}
end_users:
  - {user_id: carl, max_budget: 0.0001}
END
my $settings = <<'END';
litellm_settings:
  num_retries: 0
  max_end_user_budget: 0.0001
  tag_budget_config: {red: {max_budget: 0.0001, budget_duration: 1d}}
END
my $router = <<'END';
router_settings:
  disable_cooldowns: true
  fallbacks: [{fails: [steps-in]}]
  provider_budget_config: {together_ai: {budget_limit: 0.0001, time_period: 1d}}
  model_budget_config: {counted: {budget_limit: 0.0001, time_period: 1d}}
END

my $location = sub { "location /$_[0]/ {\n    litellm;\n    litellm_config %%DIR%%/$_[0].yaml;\n    $_[1]\n}\n" };
my $conf = $t->write_conf(http => "litellm_zone zone=z:1m;\nlog_format cost '\$http_mark \$litellm_cost';\n"
    . "access_log %%DIR%%/cost.log cost;\n", listen => ' reuseport',
    server => join '', map { $location->($_, '') } qw(gateway unpriced status unreserved worst both))->read_file('nginx.conf');
$t->write_file('nginx.conf', $conf =~ s/worker_processes 1;/worker_processes 4;/r);

my $quiet = "litellm_settings: {num_retries: 0}\n";
$t->write_file_expand('litellm.yaml', "$models$people$settings$router");
$t->write_file_expand('gateway.yaml', "${models}litellm_settings: {num_retries: 0, max_budget: 0.0001, budget_duration: 1d}\n");
$t->write_file_expand('unpriced.yaml', "${models}${quiet}general_settings: {block_requests_for_models_without_pricing: true}\n");
$t->write_file_expand('status.yaml', "${models}${people}${quiet}general_settings: {budget_exceeded_status_code: 400}\n");
$t->write_file_expand('unreserved.yaml', "${models}${people}${quiet}general_settings: {disable_budget_reservation: true}\n");
$t->write_file_expand('worst.yaml', "${models}${people}${quiet}general_settings: {fail_closed_budget_enforcement: true}\n");
$t->write_file_expand('both.yaml', "${models}${people}${quiet}general_settings: {apply_user_budget_to_team_keys: true}\n");

my $mock = $t->mock(8081, sub {
    return answer(200, openai_chat('hi'));
});
my $up = $t->listener(8082);
$t->run;

my $mark = 0;
sub as {
    my ($name, %more) = @_;
    $mark++;
    return chat(delete $more{model} || 'gpt', headers => [mark => "m$mark.", Authorization => "Bearer $key{$name}",
        @{delete $more{headers} || []}], max_tokens => 10, %more);
}
sub ask { return http(as(@_)) }
sub spend { return $_[0]{header}{'x-litellm-key-spend'} }
sub error { return (json_of($_[0]{body}) || {})->{error} || {} }

# asks until it is refused: that answer, and how many passed before
sub until_refused {
    my @ask = @_;
    my ($r, $passed);
    for ($passed = 0; $passed < 20; $passed++) {
        $r = http(ref $ask[0] ? $ask[0]->() : as(@ask));
        last if $r->{status} != 200;
    }
    return ($r, $passed);
}

# four checks: each costs 0.00001 and reserves about 0.00004 of 0.0001
sub holds {
    my ($name, $message, @ask) = @_;
    my ($r, $passed) = until_refused(@ask);
    is($r->{status}, 422, "$name: refused");
    ok($passed >= 3 && $passed <= 9, "$name: some pass") or diag("$passed passed");
    is(join(' ', map { $_ // 'null' } @{error($r)}{qw(type param code)}), 'budget_exceeded null 422', "$name: type, param, code");
    my $spent = sprintf '0.0000%d', $passed;
    like(error($r)->{message}, qr/^$message\Q$spent\E, (?:Max budget: |Budget=)0\.0001$/, "$name: message");
    return $r;
}

# of a key: what is there, what is spent

my $r = ask('key');
is($r->{status}, 200, 'key: passes');
is($r->{header}{'x-litellm-key-max-budget'}, '0.0001', 'key: its budget');
is(spend($r), '0.00001', 'key: its spend, with this one');
is(spend(ask('key')), '0.00002', 'key: and the next');
is(spend(ask('plain')), '0.00001', 'key: without a budget, too');
($r) = until_refused('key');
is($r->{status}, 422, 'key: refused');
like(error($r)->{message}, qr/^Budget has been exceeded! Key=apple \(sk-\.\.\.\d\d\d\d\) Current cost: 0\.0000\d, Max budget: 0\.0001$/, 'key: message');
is(join(' ', map { $_ // 'null' } @{error($r)}{qw(type param code)}), 'budget_exceeded null 422', 'key: type, param, code');
unlike($r->{raw}, qr/\Q$key{key}\E/, 'key: it is not told');
my $reached = $mock->requests;
is(ask('key')->{status}, 422, 'key: again');
is($mock->requests, $reached, 'key: nothing reaches the provider');
is(ask('key', max_tokens => 1)->{status}, 200, 'key: a smaller request fits');

# what is reserved is the price of the tier that is asked for: 100 tokens of an
# answer are 0.0001, 0.01 as a priority

sub tier { my ($model, @tier) = @_;
    return ask('tier', model => $model, max_tokens => 100, @tier ? (service_tier => $tier[0]) : ())->{status} }
is(tier('tiers'), 200, 'tier: none is asked for');
is(tier('tiers', $_), 200, "tier: $_") for 'auto', 'default', 'standard', 'flex', 'ultrafast';
is(tier('tiers', undef), 200, 'tier: null');
is(tier('tiers', 'priority'), 422, 'tier: a priority has no room');
is(tier('tiers', 'fast'), 422, 'tier: under its other name');
is(tier('tiers', $_), 422, 'tier: a word that nobody knows may be the dearest') for 'gold', 7;
is(tier('tiers-own'), 422, 'tier: of the deployment');
is(tier('tiers-own', 'default'), 200, 'tier: the client\'s before it');
is(ask('tier', model => 'tiers', max_tokens => 7000)->{status}, 422, 'tier: many tokens have none at any');
is(ask('tier', model => 'tiers', max_tokens => 7000, service_tier => 'flex')->{status}, 200, 'tier: flex has');

# seconds of a call are not known before: it is not free for that

is(ask('seconds', model => 'seconds')->{status}, 200, 'seconds: passes');
my (undef, $calls) = until_refused('seconds', model => 'seconds');
cmp_ok($calls, '<', 20, 'seconds: and counts');

# while requests are under way what they may cost is taken

my (@c, @peers);
for (0 .. 3) {
    $c[$_] = start(as('held', model => 'held', max_tokens => 100));
    ($peers[$_]) = $up->request(1);
    last if !$peers[$_];
}
my $under_way = grep { $_ } @peers;
is($under_way, 3, 'under way: three have room');
$r = finish($c[3]);
is($r->{status}, 422, 'under way: the fourth has none');
like(error($r)->{message}, qr/Current cost: 0\.000[34]\d*, Max budget: 0\.00045$/, 'under way: what is reserved is said');
is($r->{header}{'retry-after'}, undef, 'under way: no 429');
is(ask('held', max_tokens => 1)->{status}, 200, 'under way: a small one has');
sub done { $_[0]->write(answer(200, openai_chat('hi'), Connection => 'close')); $_[0]->close }
for (0 .. 2) {
    done($peers[$_]);
    finish($c[$_]);
}
$r = ask('held');
is(spend($r), '0.00005', 'under way: then what they did cost');

# settled on each way out: an error costs nothing

my ($req, $e) = exchange($up, as('held', model => 'held'), answer(400, openai_error('no', 'invalid_request_error'), Connection => 'close'));
is($e->{status}, 400, 'an error of the provider');
is(spend(ask('held')), '0.00006', 'an error of the provider: nothing');
my $c = start(as('gone', model => 'held', stream => JSON::PP::true));
my ($peer) = $up->request;
$peer->write(chunked(sse(map { openai_chunk("w$_") } 1 .. 8), undef));
$c->read_until(qr/"w8"/);
$c->close;
ok($peer->closed, 'a client that leaves');
sub cost_of {
    my $id = shift;
    my $end = time + 10 * $slow;
    while (time < $end) {
        return $1 if $t->read_file('cost.log') =~ /^\Q$id\E (\S+)$/m;
        sleep 0.02;
    }
    return 'no line';
}
my $paid = cost_of("m$mark.");
cmp_ok($paid, '>', 0, 'a client that leaves: pays what came');
is(spend(ask('gone')), sprintf('%.6f', $paid + 0.00001) =~ s/0+$//r, 'a client that leaves: exactly that');

# ... before anything came: the prompt, in tokens and money

my $raw = as('early', model => 'held');
$c = start($raw);
($peer) = $up->request;
$c->close;
ok($peer->closed, 'a client that leaves early');
$paid = cost_of("m$mark.");
cmp_ok($paid, '>', 0, 'a client that leaves early: pays the prompt');
my $tokens = int(length((split /\r\n\r\n/, $raw, 2)[1]) / 4);
is($paid, sprintf('%.6f', $tokens / 1e6) =~ s/0+$//r, 'a client that leaves early: a quarter of its bytes');
$raw = as('early');
$r = http($raw);
is(spend($r), sprintf('%.6f', $paid + 0.00001) =~ s/0+$//r, 'a client that leaves early: exactly that');
is($r->{header}{'x-ratelimit-api_key-remaining-tokens'}, 100000 - $tokens - 10
    - int(length((split /\r\n\r\n/, $raw, 2)[1]) / 4),
    'a client that leaves early: its tokens');

# the others

my @got = map { ask('model') } 1 .. 2;
is($got[1]{status}, 200, 'model of a key: passes');
holds('team', qr/Budget has been exceeded! Team=poor Current cost: /, 'team');
holds('member', qr/Budget has been exceeded! TeamMember=club:ann Current cost: /, 'member');
is(ask('member2')->{status}, 200, 'member: another one');
holds('user', qr/ExceededBudget: User=poor over budget\. Spend=/, 'user');
is(ask('userteam')->{status}, 200, 'user: his team\'s key is not held to it');
is(ask('userteam', uri => '/both/chat/completions')->{status}, 422, 'user: unless the configuration says so');
holds('end user', qr/ExceededBudget: End User=carl over budget\. Spend=/, 'plain', user => 'carl');
holds('end user by default', qr/ExceededBudget: End User=dora over budget\. Spend=/, 'plain', user => 'dora');
holds('tag', qr/Budget has been exceeded! Tag=red Current cost: /, 'plain', headers => ['x-litellm-tags' => 'blue,red']);
is(ask('plain', headers => ['x-litellm-tags' => 'blue'])->{status}, 200, 'tag: another one');
holds('group', qr/Budget has been exceeded! Model=counted Current cost: /, 'plain', model => 'counted');
holds('several periods', qr/ExceededBudget: Key over 1d budget\. Spend=/, 'periods');
holds('a team\'s period', qr/ExceededBudget: Team over 1d budget\. Spend=/, 'teamperiods');
holds('gateway', qr/Budget has been exceeded! Proxy Current cost: /, sub { chat('gpt', max_tokens => 10, uri => '/gateway/chat/completions') });

($r) = until_refused('model');
is($r->{status}, 422, 'model of a key: refused');
like(error($r)->{message}, qr/^Budget has been exceeded! Model=/, 'model of a key: message');
is(ask('model', model => 'other')->{status}, 200, 'model of a key: another one');

# budgets of deployments and providers: the next one is called, then nobody

sub used { return $_[0]{header}{'x-litellm-model-id'} }
my @used = map { used(ask('plain', model => 'deployment')) } 1 .. 12;
like("@used", qr/^(first ){5,9}(second ){2,}second$/, 'deployment: then the next one');
is(used(ask('plain', model => 'deployment', max_tokens => 1)), 'first', 'deployment: what is left is for small ones');
($r, my $passed) = until_refused('plain', model => 'alone');
is($r->{status}, 429, 'a deployment alone: 429');
ok($passed >= 5 && $passed <= 9, 'a deployment alone: some pass');
like(error($r)->{message}, qr/^No deployments available for selected model/, 'a deployment alone: message');

@used = map {
    my $r = ask('plain', model => 'provider');
    $r->{status}
} 1 .. 3;
is("@used", '200 200 200', 'provider: the first has no budget');
$t->write_file_expand('litellm.yaml', "$models$people$settings" . $router =~ s/together_ai: /openai: {budget_limit: 0.0001, time_period: 1d}, together_ai: /r);
ok($t->reload, 'provider: with a budget for the first, too');
my $end = time + 10 * $slow;
my %last;
until (time > $end) {
    $r = ask('plain', model => 'provider');
    last if $r->{status} != 200;
    $last{$r->{header}{'llm_provider-x'} // used($r)}++;
}
is($r->{status}, 429, 'provider: none is left');
is(scalar keys %last, 2, 'provider: both have served');
is(ask('plain', model => 'gpt')->{status}, 429, 'provider: another group of it');

# an attempt that failed does not charge the deployment for what another did

$t->write_file_expand('litellm.yaml', "$models$people$settings$router");
ok($t->reload, 'a fallback: reload');
$c = start(as('plain', model => 'fails'));
($peer) = $up->request;
$peer->write(answer(500, openai_error('no', 'server_error'), Connection => 'close'));
$peer->close;
$r = finish($c);
is($r->{status}, 200, 'a fallback: served');
is(used($r), 'steps-in', 'a fallback: by the second');
for (1 .. 4) {
    ($req, $e) = exchange($up, as('plain', model => 'fails', max_tokens => 40), answer(200, openai_chat('hi'), Connection => 'close'));
    is(used($e), 'fails', "a fallback: the first was not charged, $_");
}

# what a budget may be

is(ask('zero')->{status}, 422, 'a budget of 0');
is(ask('tiny')->{status}, 422, 'a budget of next to nothing');
is(ask('huge')->{status}, 200, 'a huge one');
is(ask('huge')->{header}{'x-litellm-key-max-budget'}, '9223372.036854775807', 'a huge one: is as much as money can be');
for my $bad ('-1', '-0.0001', '"much"') {
    $t->write_file_expand('bad.yaml', "${models}virtual_keys: [{key: sk-bad-key-0001, max_budget: $bad}]\n");
    $t->write_file('bad.conf', $conf =~ s/litellm\.yaml/bad.yaml/r);
    my ($status, $out) = $t->test_conf(conf => 'bad.conf');
    ok($status != 0 && $out =~ /bad\.yaml:\d+: .*"max_budget" must be a number of 0 or more/, "a budget of $bad is an error") or diag($out);
}

# what is free, and what nobody knows the price of

is(ask('free')->{status}, 422, 'free: what costs something is refused');
is(ask('free', model => 'free')->{status}, 200, 'free: what is free passes');
is(ask('zero', model => 'free')->{status}, 200, 'free: with a budget of 0');
is(http(chat('unpriced', uri => '/unpriced/chat/completions'))->{status}, 403, 'no price: refused where it is said');
is(error(http(chat('unpriced', uri => '/unpriced/chat/completions')))->{type}, 'model_cost_map_missing', 'no price: type');
is(http(chat('gpt', uri => '/unpriced/chat/completions'))->{status}, 200, 'no price: others pass');
is(ask('mid', model => 'unpriced')->{status}, 200, 'no price: passes elsewhere');

# settings

$r = ask('zero', uri => '/status/chat/completions');
is("$r->{status} " . error($r)->{code}, '400 400', 'budget_exceeded_status_code');
is(ask('dear', max_tokens => 50)->{status}, 422, 'reserved: too dear');
is(ask('dear', max_tokens => 50, uri => '/unreserved/chat/completions')->{status}, 200, 'disable_budget_reservation: passes');
is(ask('dear', max_tokens => 50, uri => '/unreserved/chat/completions')->{status}, 200, 'disable_budget_reservation: until it is spent');
is(ask('dear', max_tokens => 50, uri => '/unreserved/chat/completions')->{status}, 422, 'disable_budget_reservation: then not');
$r = http(chat('gpt', uri => '/worst/chat/completions', headers => [Authorization => "Bearer $key{held}"]));
is($r->{status}, 422, 'fail_closed_budget_enforcement: as much as the model can write');

# a period begins anew; a reload does not

($r) = until_refused('again');
is($r->{status}, 422, 'a period: refused');
$end = time + 10 * $slow;
do { sleep 0.1; $r = ask('again') } until $r->{status} == 200 || time > $end;
is(spend($r), '0.00001', 'a period: another begins');
is(ask('key')->{status}, 422, 'reloads: what was spent is known');

# and is kept over a restart by the state file

$t->stop;
$t->write_file('nginx.conf', $t->read_file('nginx.conf') =~ s/zone=z:1m/zone=z:1m state=$t->{dir}\/state/r);
$t->run;
($r) = until_refused('key');
like(error($r)->{message}, qr/Current cost: (0\.0000\d+),/, 'a restart: spent');
my ($before) = (error($r)->{message} // '') =~ /Current cost: (\S+),/;
$t->stop;
$t->run;
like(error(ask('key'))->{message}, qr/Current cost: \Q$before\E,/, 'a restart: what was spent is known');
