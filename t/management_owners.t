#!/usr/bin/perl

# The management API, behind keys: teams, users, customers and what they have
# spent.  What is deleted takes its keys along; budgets hold and begin anew.
# Two workers.

use warnings;
use strict;

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(time);

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(147);
my $slow = $LiteLLM::Peer::slow;
my $master = 'sk-secret-master-key';

my $conf = $t->write_conf(listen => ' reuseport', http => "litellm_zone zone=z:8m state=%%DIR%%/z.state;\n",
    location => 'add_header X-Pid $pid always;')->read_file('nginx.conf');
$conf =~ s/%%DIR%%/$t->dir/ge;
$conf =~ s/worker_processes 1;/worker_processes 2;/;
$t->write_file('nginx.conf', $conf);

# a call costs 50 x 0.01 + 2 x 0.02, see usage below
$t->write_file_expand('litellm.yaml', <<END);
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k, input_cost_per_token: 0.01, output_cost_per_token: 0.02}
  - model_name: other
    litellm_params: {model: openai/gpt-4o-mini, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k, input_cost_per_token: 0.01, output_cost_per_token: 0.02}
general_settings:
  master_key: $master
litellm_settings:
  max_budget: 1000000
  budget_duration: 30d
router_settings:
  provider_budget_config:
    openai: {budget_limit: 500000, time_period: 1d}
virtual_keys:
  - {key: sk-secret-fixed, team_id: fixed, user_id: fixed, key_alias: of-file}
teams:
  - {team_id: fixed, models: [gpt]}
users:
  - {user_id: fixed, user_email: fixed\@example.com}
end_users:
  - {user_id: fixed}
END

$t->mock(8081, sub {
    my $j = openai_chat('Hi');
    $j =~ s/"usage": *\{[^}]*\}/"usage":{"prompt_tokens":50,"completion_tokens":2,"total_tokens":52}/;
    return answer(200, $j);
});
$t->run;

sub ask {
    my ($path, $body, $key) = @_;
    my @as = (Authorization => 'Bearer ' . ($key // $master));
    my $r = defined $body ? http_post($path, $body, @as) : http_get($path, @as);
    return ($r->{status}, json_of($r->{body}) // $r->{body}, $r);
}

sub ok_of { my ($s, $j) = ask(@_); diag("$_[0]: $s " . json_text($j)) if $s != 200; return $j }
sub status { return (ask(@_))[0] }
sub why { my ($s, $j) = ask(@_); return "$s " . (ref $j eq 'HASH' ? $j->{error}{message} // json_text($j) : json_text($j)) }
sub make { return ok_of('/key/generate', { @_ })->{key} }
sub call { my ($key, $model, %more) = @_;
    return http(chat($model // 'gpt', max_tokens => 2, headers => [Authorization => "Bearer $key"], %more))->{status} }

sub workers_say {
    my ($key, @more) = @_;
    my (%seen);
    my $end = time() + 10 * $slow;
    while (keys %seen < 2 && time() < $end) {
        my $r = http(chat('gpt', max_tokens => 2, headers => [Authorization => "Bearer $key"], @more));
        $seen{$r->{header}{'x-pid'}}{$r->{status}}++;
    }
    return join ' ', sort map { join '|', sort keys %$_ } values %seen;
}

# teams

my $j = ok_of('/team/new', { team_alias => 'core', models => ['gpt'], metadata => { a => 1 },
    members_with_roles => [{ role => 'user', user_id => 'anna' }] });
like($j->{team_id}, qr/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, 'a team');
ok(exists $j->{$_}, "says $_") for qw(team_alias models max_budget spend blocked metadata rpm_limit members_with_roles);
my $team = $j->{team_id};
my $key = make(team_id => $team, models => ['all-team-models']);
is(call($key), 200, 'a key of the team');
is(call($key, 'other'), 403, 'the team\'s models');
$j = ok_of('/team/update', { team_id => $team, models => ['other'] });
is("$j->{team_id} @{$j->{data}{models}} $j->{data}{team_alias}", "$team other core", 'changed');
is(workers_say($key), '403 403', 'seen by each worker');
is(call($key, 'other'), 200, 'the other model');
ok_of('/team/update', { team_id => $team, models => [] });
is(workers_say($key), '200 200', 'all models');
ok(ok_of('/team/block', { team_id => $team, models => ['none'] })->{blocked}, 'blocked');
is(workers_say($key), '401 401', 'a key of a blocked team');
is_deeply(ok_of('/team/unblock', { team_id => $team })->{models}, [], 'unblocked, and nothing else was changed');
is(workers_say($key), '200 200', 'works again');
$j = ok_of("/team/info?team_id=$team");
is("$j->{team_id} $j->{team_info}{team_alias} $j->{keys}[0]{token}", "$team core " . sha256_hex($key), '/team/info');
cmp_ok($j->{team_info}{spend}, '>', 0, 'with what it has spent');
is(why('/team/new', { team_id => $team }), '400 The team is there already', 'twice');
like(why('/team/new', { team_id => 'fixed' }), qr/^400 .*configuration/, 'one of the configuration');
like(why('/team/update', { team_id => 'fixed', models => [] }), qr/^400 .*configuration/, 'changed');
like(why('/team/delete', { team_ids => ['fixed'] }), qr/^400 .*configuration/, 'deleted');
like(why('/team/block', { team_id => 'fixed' }), qr/^400 .*configuration/, 'blocked');
is(ok_of('/team/info?team_id=fixed')->{keys}[0]{key_alias}, 'of-file', 'it is shown');
like(why('/team/new', { team_id => 'x' x 257 }), qr/^400 .*256/, 'too long an id');
like(why('/team/new', { team_id => "a\n" }), qr/^400 .*control/, 'a bad id');
like(why('/team/update', {}), qr/^400 "team_id" is missing/, 'none');
like(why('/team/update', { team_id => 'nobody' }), qr/^404 The team was not found/, 'an unknown one');
like(why('/team/info?team_id=nobody'), qr/^404 /, 'and shown');
like(why('/team/info'), qr/^400 /, 'none shown');
like(why('/team/delete', { team_ids => [$team, 'nobody'] }), qr/^404 team 2 .* none was deleted/, 'one of two');
like(why('/team/delete', {}), qr/^400 .*must name/, 'none deleted');
is(call($key), 200, 'it is still there');
ok_of('/team/new', { team_id => 'second' });
is(join(' ', sort map { $_->{team_id} } @{ok_of('/team/list')}), join(' ', sort $team, 'second', 'fixed'), 'all teams');
is_deeply([map { $_->{team_id} } @{ok_of('/team/list?user_id=anna')}], [$team], 'of a member');
my $second = make(team_id => 'second');
is_deeply(ok_of('/team/delete', { team_ids => [$team] })->{deleted_teams}, [$team], 'deleted');
is(workers_say($key), '401 401', 'its keys are gone');
is(call($second), 200, 'others stay');
like(why("/key/info?key=$key"), qr/^404/, 'really gone');

# a team's budget

ok_of('/team/new', { team_id => 'poor', max_budget => 0.5 });
my @poor = map { make(team_id => 'poor') } 1, 2;
is(call($poor[0]), 200, 'a budget that is enough for one call');
is(call($poor[1]), 422, 'is met by another key');
ok_of('/team/update', { team_id => 'poor', max_budget => 100 });
is(call($poor[1]), 200, 'and raised');
ok_of('/team/update', { team_id => 'poor', max_budget => 0.5 });
is(call($poor[1]), 422, 'and lowered');
ok_of('/team/update', { team_id => 'poor', spend => 0 });
is(call($poor[1]), 200, 'and its spend set');

# a budget that begins anew

ok_of('/team/new', { team_id => 'anew', max_budget => 0.5, budget_duration => int(2 * $slow) . 's' });
my $anew = make(team_id => 'anew');
is(call($anew), 200, 'a budget of seconds');
is(call($anew), 422, 'is met');
like(ok_of('/team/info?team_id=anew')->{team_info}{budget_reset_at}, qr/^20/, 'when it begins anew');
my $end = time() + 20 * $slow;
my $last;
select undef, undef, undef, 0.2 while ($last = call($anew)) == 422 && time() < $end;
is($last, 200, 'anew');

# users

$j = ok_of('/user/new', { user_email => 'a@example.com', user_role => 'internal_user', max_budget => 0.5, models => ['gpt'],
    key_alias => 'annas' });
like($j->{user_id}, qr/^[0-9a-f-]{36}$/, 'a user');
like($j->{key}, qr/^sk-/, 'with a key');
my ($user, $its) = @$j{qw(user_id key)};
is(call($its), 200, 'it works');
is(call($its), 422, 'the user\'s budget');
is(ok_of("/key/info?key=$its")->{info}{max_budget}, undef, 'is not the key\'s');
is(ok_of("/key/info?key=$its")->{info}{user_id}, $user, 'the key is the user\'s');
$j = ok_of('/user/update', { user_id => $user, max_budget => 100 });
is($j->{data}{user_email}, 'a@example.com', 'changed');
is(workers_say($its), '200 200', 'seen by each worker');
like(why('/user/new', { user_id => 'b', key_alias => 'annas' }), qr/^400 Key with alias/, 'an alias that is taken');
like(why('/user/info?user_id=b'), qr/^404/, 'made no user');
like(why('/user/new', { user_id => 'b', key => 'sk-secret-fixed' }), qr/^400 .*configuration/, 'a key that is taken');
like(why('/user/info?user_id=b'), qr/^404/, 'nor did that');
$j = ok_of('/user/new', { user_id => 'b', auto_create_key => JSON::PP::false(), teams => ['second', 'nobody'],
    user_role => 'proxy_admin' });
is($j->{key}, '', 'without a key');
is(ok_of('/user/info?user_id=b')->{teams}[0]{team_id}, 'second', 'his teams');
is(ok_of("/user/info?user_id=$user")->{keys}[0]{token}, sha256_hex($its), 'her keys');
my $boss = make(user_id => 'b');
is(status('/key/list', undef, $boss), 200, 'an admin');
ok_of('/user/update', { user_id => 'b', user_role => 'internal_user' });
is(status('/key/list', undef, $boss), 401, 'is none any more');
$j = ok_of('/user/list?page_size=2');
is("$j->{total} $j->{total_pages} " . @{$j->{users}}, '3 2 2', 'a page of users');
is(ok_of('/user/list?user_email=a@example.com')->{users}[0]{user_id}, $user, 'by mail');
is(ok_of('/user/list?role=internal_user')->{total}, 2, 'by role');
like(why('/user/update', { user_id => 'fixed' }), qr/^400 .*configuration/, 'one of the configuration');
like(why('/user/update', { user_email => 'a@example.com' }), qr/^400 "user_id" is missing/, 'by mail only');
is(ok_of('/user/delete', { user_ids => [$user, 'b'] }), 2, 'deleted');
is(call($_), 401, 'the keys are gone') for $its, $boss;
like(why('/user/delete', { user_ids => [$user] }), qr/^404/, 'twice');

# customers, by both names

my $any = make();
$j = ok_of('/customer/new', { user_id => 'carl', max_budget => 0.5, alias => 'C' });
is("$j->{user_id} $j->{alias}", 'carl C', 'a customer');
is(call($any, 'gpt', user => 'carl'), 200, 'his budget');
is(call($any, 'gpt', user => 'carl'), 422, 'is met');
is(call($any, 'gpt', user => 'cora'), 200, 'others have theirs');
is(call($master, 'gpt', user => 'carl'), 422, 'with the master key too');
$j = ok_of('/end_user/info?end_user_id=carl');
cmp_ok($j->{spend}, '==', 0.54, 'spent');
ok_of('/end_user/update', { user_id => 'carl', max_budget => 5 });
is(call($any, 'gpt', user => 'carl'), 200, 'raised');
$j = ok_of('/customer/block', { user_ids => ['carl', 'unheard-of'] });
is(join(' ', map { "$_->{user_id} " . ($_->{blocked} ? 1 : 0) } @{$j->{blocked_users}}), 'carl 1 unheard-of 1', 'blocked');
isnt(call($any, 'gpt', user => $_), 200, "$_ is refused") for 'carl', 'unheard-of';
is(call($any, 'gpt', user => 'cora'), 200, 'others are not');
ok_of('/end_user/unblock', { user_ids => ['carl'] });
is(call($any, 'gpt', user => 'carl'), 200, 'unblocked');
cmp_ok(ok_of('/customer/info?end_user_id=carl')->{max_budget}, '==', 5, 'the rest is as it was');
is(join(' ', sort map { $_->{user_id} } @{ok_of('/customer/list')}), 'carl fixed unheard-of', 'all of them');
is(ok_of('/customer/delete', { user_ids => ['carl', 'unheard-of'] })->{deleted_customers}, 2, 'deleted');
like(why('/customer/info?end_user_id=carl'), qr/^404/, 'gone');
like(why('/customer/new', {}), qr/^400 "user_id"/, 'nobody');
like(why('/customer/new', { user_id => 'x', budget_id => 'free' }), qr/^400 "budget_id" is not supported/, 'a budget by name');

# spend

ok_of('/key/update', { key => $any, spend => 50, key_alias => 'most' });
$j = ok_of('/spend/keys');
is($j->[0]{key_alias}, 'most', 'who spent most is the first');
is(scalar @$j, ok_of('/key/list')->{total_count}, 'all of them');
my @sums = map { $_->{spend} } @$j;
is(join(' ', @sums), join(' ', sort { $b <=> $a } @sums), 'in order');
is(scalar @{ok_of('/spend/keys?limit=2')}, 2, 'two of them');
is_deeply([map { $_->{spend} } @{ok_of('/spend/keys?limit=3')}], [@sums[0 .. 2]], 'three of them are those');
$j = ok_of('/global/spend/keys?limit=1');
is(join(' ', sort keys %{$j->[0]}) . " $j->[0]{key_alias}", 'api_key key_alias key_name total_spend most', 'in short');
is(ok_of('/spend/users?user_id=fixed')->[0]{user_email}, 'fixed@example.com', 'of a user');
is(scalar @{ok_of('/spend/users')}, 1, 'of users');
my $global = ok_of('/global/spend');
call($any);
cmp_ok(abs(ok_of('/global/spend')->{spend} - $global->{spend} - 0.54), '<', 1e-9, 'all together');
cmp_ok($global->{max_budget}, '==', 1000000, 'of');
$j = ok_of('/provider/budgets')->{providers}{openai};
is("$j->{budget_limit} $j->{time_period}", '500000 1d', 'a provider\'s budget');
cmp_ok($j->{spend}, '>', 0, 'what is spent of it');
like($j->{budget_reset_at}, qr/^20/, 'until');
cmp_ok(ok_of('/spend/calculate', { completion_response => { model => 'gpt',
    usage => { prompt_tokens => 100, completion_tokens => 10 } } })->{cost}, '==', 1.2, '/spend/calculate');
is(status('/spend/calculate', { completion_response => { model => 'gpt',
    usage => { prompt_tokens => 1, completion_tokens => 1 } } }, $any), 200, 'for any key');
like(why('/spend/calculate', {}), qr/^400 /, 'nothing to calculate');

# who may

for my $path (map({ ("/team/$_", "/customer/$_", "/end_user/$_") } qw(new update delete block unblock)),
    map { "/user/$_" } qw(new update delete))
{
    is(status($path, { team_id => 'x', user_id => 'x' }, $any), 401, "$path is for admins");
}
for my $path ('/team/info?team_id=second', '/team/list', '/user/info?user_id=fixed', '/user/list', '/customer/list',
    '/customer/info?end_user_id=fixed', '/spend/keys', '/spend/users', '/global/spend', '/global/spend/keys',
    '/provider/budgets')
{
    is(status($path, undef, $any), 401, "$path is for admins");
}

# a restart: all of it is in the state file

my $spent = ok_of("/key/info?key=$any")->{info}{spend};
my $keys = ok_of('/key/list')->{total_count};
$t->stop;
unlike($t->read_file('z.state'), qr/\Q$any\E/, 'no key is in the state file');
$t->run;
is(ok_of('/key/list')->{total_count}, $keys, 'the keys of before the restart');
cmp_ok(ok_of("/key/info?key=$any")->{info}{spend}, '==', $spent, 'what one has spent');
is(call($any), 200, 'works');
is(ok_of('/team/info?team_id=poor')->{team_info}{max_budget}, 0.5, 'a team');
is(call($key), 401, 'what was deleted stays so');

unlike($t->read_file('error.log') . $t->read_file('access.log') . $t->read_file('stderr.log'), qr/secret/,
    'no key is in a log');
