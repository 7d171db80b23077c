#!/usr/bin/perl

# default_key_generate_params, upperbound_key_generate_params,
# default_team_params, default_internal_user_params: what records made at run
# time are given where their maker says nothing, and what keys may have at most.

use warnings;
use strict;

use POSIX qw(strftime);
use Test::More;
use Time::Local qw(timegm);

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(103);
my $master = 'sk-secret-master-key';

my $conf = $t->write_conf(http => "litellm_zone zone=z:2m;\n", server => <<'END')->read_file('nginx.conf');
location /bound/ {
    litellm;
    litellm_config %%DIR%%/bound.yaml;
}
location /free/ {
    litellm;
    litellm_config %%DIR%%/free.yaml;
}
END
$conf =~ s/%%DIR%%/$t->dir/ge;
$t->write_file('nginx.conf', $conf);

my $head = <<END;
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
general_settings:
  master_key: $master
END

my $defaults = <<'END';
litellm_settings:
  default_key_generate_params:
    max_budget: 1.5
    user_id: somebody
    team_id: core
    max_parallel_requests: 7
    tpm_limit: 5000
    rpm_limit: "50"
    budget_duration: 7d
    duration: 20d
    models: [gpt]
    metadata: {setting: default}
  default_team_params:
    max_budget: 100
    budget_duration: 30d
    tpm_limit: 9000
    rpm_limit: 90
  default_internal_user_params:
    max_budget: 12
    budget_duration: 1d
    models: [gpt]
    user_role: internal_user
    rpm_limit: 33
END

$t->write_file_expand('litellm.yaml', $head . $defaults);
$t->write_file_expand('free.yaml', $head);
$t->write_file_expand('bound.yaml', $head . <<'END');
litellm_settings:
  default_key_generate_params: {rpm_limit: 4, duration: 2d}
  upperbound_key_generate_params:
    max_budget: 100
    budget_duration: "10d"
    duration: 30d
    max_parallel_requests: 1000
    tpm_limit: 1000
    rpm_limit: 5
END

$t->mock(8081, sub { return answer(200, openai_chat('Hi')) });
$t->run;

sub ask { my ($path, $body) = @_;
    my $r = http_post($path, $body, Authorization => "Bearer $master");
    return ($r->{status}, json_of($r->{body})) }
sub ok_of { my ($s, $j) = ask(@_); diag("$_[0]: $s " . json_text($j)) if $s != 200; return $j }
sub why { my ($s, $j) = ask(@_); return $s == 200 ? '200' : "$s " . ($j->{error}{message} // json_text($j)) }
sub info { return json_of(http_get("/key/info?key=$_[0]", Authorization => "Bearer $master")->{body})->{info} }
sub days { my $at = shift // return 'never';
    my ($y, $m, $d, $H, $M, $S) = $at =~ /^(\d+)-(\d+)-(\d+).(\d+):(\d+):(\d+)/;
    return sprintf '%.2f', (timegm($S, $M, $H, $d, $m - 1, $y) - time) / 86400 }

# nothing is said: a key without limits

my $j = ok_of('/free/key/generate', {});
is($j->{$_}, undef, "control: no $_") for qw(max_budget rpm_limit tpm_limit expires team_id budget_duration);

# defaults

ok_of('/team/new', { team_id => 'core' });

$j = ok_of('/key/generate', {});
is($j->{max_budget}, 1.5, 'default: max_budget');
is($j->{user_id}, 'somebody', 'default: user_id');
is($j->{team_id}, 'core', 'default: team_id');
is($j->{max_parallel_requests}, 7, 'default: max_parallel_requests');
is($j->{tpm_limit}, 5000, 'default: tpm_limit');
is($j->{rpm_limit}, 50, 'default: rpm_limit, a number in quotes');
is($j->{budget_duration}, '7d', 'default: budget_duration');
is(days($j->{expires}), '20.00', 'default: duration');
is_deeply($j->{models}, ['gpt'], 'default: models');
is_deeply($j->{metadata}, { setting => 'default' }, 'default: metadata');
is(http(chat('gpt', headers => [Authorization => "Bearer $j->{key}"]))->{header}{'x-ratelimit-api_key-limit-requests'},
    50, 'they hold');
is(info($j->{key})->{rpm_limit}, 50, 'they are kept');

$j = ok_of('/key/generate', '');
is($j->{max_budget}, 1.5, 'no body at all');

$j = ok_of('/key/generate', '{"max_budget":null,"models":[],"metadata":{},"budget_duration":null,"user_id":null,"duration":null}');
is($j->{max_budget}, 1.5, 'null is nothing');
is_deeply($j->{models}, ['gpt'], 'an empty list is nothing');
is_deeply($j->{metadata}, { setting => 'default' }, 'an empty object is nothing');
is($j->{user_id}, 'somebody', 'null: user_id');
is(days($j->{expires}), '20.00', 'null: duration');
is($j->{budget_duration}, undef, 'but a budget that never begins anew may be asked for');

$j = ok_of('/key/generate', { max_budget => 2, user_id => 'me', team_id => 'other', max_parallel_requests => 0,
    tpm_limit => 0, rpm_limit => 0, budget_duration => '1h', duration => '1h', models => ['x'], metadata => { a => 1 } });
is($j->{max_budget}, 2, 'what is said counts: max_budget');
is($j->{user_id}, 'me', 'user_id');
is($j->{team_id}, 'other', 'team_id');
is($j->{$_}, 0, "$_ of 0") for qw(max_parallel_requests tpm_limit rpm_limit);
is($j->{budget_duration}, '1h', 'budget_duration');
is(days($j->{expires}), '0.04', 'duration');
is_deeply($j->{models}, ['x'], 'models');
is_deeply($j->{metadata}, { a => 1 }, 'metadata');

$j = ok_of('/key/generate', { duration => '-1' });
is($j->{expires}, undef, 'never, by "-1"');

$j = ok_of('/key/update', { key => $j->{key}, max_budget => undef, rpm_limit => 3 });
is($j->{max_budget}, undef, 'a change has no defaults: max_budget');
is($j->{tpm_limit}, 5000, 'what it does not name stays');
$j = ok_of('/key/regenerate', { key => $j->{key}, models => ['y'] });
is($j->{max_budget}, undef, 'nor has a new key for an old one');

is(why('/key/service-account/generate', {}), '400 team_id is required for service account keys. '
    . 'Please specify `team_id` in the request body.', 'a service account must name its team');
$j = ok_of('/key/service-account/generate', { team_id => 'core' });
is($j->{user_id}, undef, 'a service account has no user');
is($j->{max_budget}, 1.5, 'but the other defaults');

# teams, users

$j = ok_of('/team/new', { team_id => 't1', rpm_limit => 1, tpm_limit => undef });
is($j->{max_budget}, 100, 'a team: max_budget');
is($j->{budget_duration}, '30d', 'a team: budget_duration');
is($j->{rpm_limit}, 1, 'a team: its own');
is($j->{tpm_limit}, undef, 'a team: null is a word');
is(ok_of('/free/team/new', { team_id => 't2' })->{max_budget}, undef, 'control: no defaults');
is(ok_of('/team/update', { team_id => 't2', rpm_limit => 3 })->{data}{max_budget}, undef, 'a change of a team has none');

$j = ok_of('/user/new', { user_id => 'u1', models => [], rpm_limit => undef });
is($j->{max_budget}, 12, 'a user: max_budget');
is($j->{budget_duration}, '1d', 'a user: budget_duration');
is($j->{user_role}, 'internal_user', 'a user: user_role');
is($j->{rpm_limit}, 33, 'a user: null is nothing');
is_deeply($j->{models}, ['gpt'], 'a user: an empty list is nothing');
is_deeply(info($j->{key})->{models}, ['gpt'], 'its key has its models');
is(info($j->{key})->{max_budget}, undef, 'its key has no budget of its own');
$j = ok_of('/user/new', { user_id => 'u2', user_role => 'proxy_admin' });
is($j->{max_budget}, undef, 'an admin has none of the defaults');
is($j->{user_role}, 'proxy_admin', 'and its role');
is(ok_of('/free/user/new', { user_id => 'u3' })->{max_budget}, undef, 'control: no defaults');

# bounds

sub over { my ($name, $said, $most) = @_;
    return "400 $name is over max limit set in config - user_value=$said; max_value=$most" }

my @over = (max_budget => 100.01, 100, max_parallel_requests => 1001, 1000, tpm_limit => 1001, 1000,
    rpm_limit => 6, 5, budget_duration => '11d', '10d', duration => '31d', '30d');
my $key = ok_of('/bound/key/generate', {})->{key};
while (my ($name, $said, $most) = splice @over, 0, 3) {
    is(why('/bound/key/generate', { $name => $said }), over($name, $said, $most), "over: $name");
    is(why('/bound/key/update', { key => $key, $name => $said }), over($name, $said, $most), "over in a change: $name");
    is(why('/bound/key/generate', { $name => $most }), 200, "control: $most itself");
}

is(why('/bound/key/generate', { rpm_limit => '6' }), over('rpm_limit', 6, 5), 'over, in quotes');
is(why('/bound/key/generate', { max_budget => 1e30 }), over('max_budget', '1e+30', 100), 'over, beyond all money');
is(why('/bound/key/generate', { duration => '-1' }), over('duration', -1, '30d'), 'for ever');
is(why('/bound/key/generate', { duration => '720h' }), 200, 'control: as long, in hours');
is(why('/bound/key/generate', { duration => '721h' }), over('duration', '721h', '30d'), 'an hour more');
is(why('/bound/key/generate', { budget_duration => '1mo' }), over('budget_duration', '1mo', '10d'), 'a month');
my $late = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 40 * 86400));
is(why('/bound/key/generate', { expires => $late }), over('duration', $late, '30d'), 'by its date');
is(why('/bound/key/regenerate', { key => $key, rpm_limit => 6 }), over('rpm_limit', 6, 5), 'over in a new key for an old one');
is(why('/bound/key/generate', { rpm_limit => 'x' }), '400 "rpm_limit" must be a whole number of 0 or more, below 2^63',
    'what is no value');

my $info = info($key);
is($info->{max_budget}, 100, 'a bound is what a key gets that says nothing');
is($info->{budget_duration}, '10d', 'budget_duration');
is($info->{max_parallel_requests}, 1000, 'max_parallel_requests');
is($info->{rpm_limit}, 4, 'a default stands above it');
is(days($info->{expires}), '2.00', 'duration, too');

$j = ok_of('/bound/key/generate', { budget_duration => undef, max_budget => 3 });
is($j->{budget_duration}, '10d', 'null is no way around it');
$j = ok_of('/bound/key/update', { key => $key, rpm_limit => undef, duration => undef, max_budget => 7 });
is($j->{rpm_limit}, 5, 'nor is null in a change');
is(days($j->{expires}), '30.00', 'nor for the duration');
is($j->{max_budget}, 7, 'what it says counts');
$j = ok_of('/bound/key/update', { key => $key, tpm_limit => 3 });
is($j->{max_budget}, 7, 'what it does not name stays');

# the file

sub told { my ($yaml, $line, $text, $name) = @_;
    $t->write_file_expand('litellm.yaml', "${head}litellm_settings:\n$yaml");
    my ($rc, $out) = $t->test_conf;
    like($out, qr/litellm\.yaml:$line: $text/, $name);
    return $rc }

my $bad = told("  default_key_generate_params:\n    max_budget: 1\n    rpm_limit: -1\n", 9, '"rpm_limit" must be', 'a default below 0');
$bad &&= told("  upperbound_key_generate_params:\n    duration: soon\n", 8, '"duration" must be', 'a duration that is none');
$bad &&= told("  upperbound_key_generate_params: [1]\n", 7, '"upperbound_key_generate_params" must be a map', 'no map');
$bad &&= told("  upperbound_key_generate_params:\n    rpm_limit: os.environ/NOT_SET_HERE\n", 8,
    'the variable "NOT_SET_HERE" is not set', 'a bound that nobody knows');
$bad &&= told("  upperbound_key_generate_params: {rpm_limit: 5}\n  default_key_generate_params: {rpm_limit: 6}\n", 8,
    '"rpm_limit" of "default_key_generate_params" is above', 'a default above its bound');
ok($bad, 'all of these are refused');
is(told("  default_team_params:\n    models: [gpt]\n", 8, '"models" is not read in "default_team_params"', 'a warning'), 0,
    'which is accepted');
