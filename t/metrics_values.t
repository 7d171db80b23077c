#!/usr/bin/perl

# Metrics that metrics.t has no request for: each with the value that it must
# have, and docs/metrics.md against all of them.

use warnings;
use strict;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use LiteLLM::Metrics;
use LiteLLM::Mock qw(answer anthropic_message openai_chat openai_error openai_stream chunked);
use LiteLLM::Test;

my $top = dirname(dirname(abs_path(__FILE__)));
my $t = LiteLLM::Test->new->plan(58);
my $slow = $LiteLLM::Peer::slow;
my @yes = (stream => JSON::PP::true);

$t->write_conf(http => "litellm_zone zone=here:1m;\nlitellm_cache_zone zone=small:1m;\n", server => <<'END');
location = /scrape { litellm_metrics; }
location /cached/ { litellm; litellm_cache small; }
location /hedged/ { litellm; litellm_hedge delay=50ms budget=50% burst=1; }
END
$t->write_file('nginx.conf', $t->read_file('nginx.conf') =~ s/worker_processes 1;/worker_processes 2;/r);

sub entry {
    my ($group, $model, $id, $params, $info) = @_;
    my $base = $model =~ /^anthropic/ ? '' : '/v1';
    return "  - model_name: $group\n    litellm_params: {model: $model, api_base: 'http://127.0.0.1:%%PORT_8081%%$base/$id', api_key: k"
        . ($params ? ", $params" : '') . "}\n    model_info: {id: $id" . ($info ? ", $info" : '') . "}\n";
}
$t->write_file_expand('litellm.yaml', "model_list:\n"
    . entry('claude', 'anthropic/claude-sonnet-4-5', 'one') . entry('gpt', 'openai/gpt-4o', 'two', 'tpm: 70000')
    . entry('nobody', 'openai/nobody-knows-me', 'three')
    . entry('free', 'openai/gpt-4o', 'four', 'input_cost_per_token: 0, output_cost_per_token: 0, cache_read_input_token_cost: 0')
    . entry('bad', 'openai/gpt-4o', 'five', '', 'cooldown_time: 100, allowed_fails_policy: {InternalServerErrorAllowedFails: 0}')
    . entry('worse', 'openai/gpt-4o', 'six', '', 'cooldown_time: 100, allowed_fails_policy: {RateLimitErrorAllowedFails: 100}')
    . entry('hang', 'openai/gpt-4o', 'seven') . entry('pair', 'openai/gpt-4o', 'late', 'weight: 1') . entry('pair', 'openai/gpt-4o', 'quick', 'weight: 0')
    . <<'END');
router_settings:
  num_retries: 0
  fallbacks: [{bad: [worse]}]
  provider_budget_config: {openai: {budget_limit: 100, time_period: 1d}}
litellm_settings: {enable_end_user_cost_tracking_prometheus_only: true}
general_settings: {master_key: sk-master}
teams: [{team_id: red, team_alias: Red, max_budget: 50, budget_duration: 30d, rpm_limit: 1000, tpm_limit: 90000, max_parallel_requests: 40}]
users: [{user_id: ann, max_budget: 20, budget_duration: 1d}]
end_users: [{user_id: eve, max_budget: 3, budget_duration: 1d}]
virtual_keys:
  - {key: sk-a, key_alias: a, team_id: red, model_rpm_limit: {gpt: 10}, model_tpm_limit: {gpt: 5000}}
  - {key: sk-b, key_alias: b, max_budget: 10, budget_duration: 1d}
  - {key: sk-c, key_alias: c, user_id: ann}
END

my $up = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    my ($id) = $req->{uri} =~ m{^(?:/v1)?/(\w+)/};
    return answer(200, anthropic_message('hi', usage => { input_tokens => 10, output_tokens => 4, cache_creation_input_tokens => 50,
        cache_read_input_tokens => 90 })) if $id eq 'one';
    return answer(500, openai_error('broken')) if $id eq 'five';
    return answer(429, openai_error('slow down')) if $id eq 'six';
    if ($id eq 'seven') { $peer->closed(60); return }
    sleep 1.2 * $slow if $id eq 'late';
    return chunked(openai_stream('Hi')) if json_of($req->{body})->{stream};
    return answer(200, openai_chat('x' x (json_of($req->{body})->{seed} ? 30000 : 10), usage => { prompt_tokens => 100, completion_tokens => 20, total_tokens => 120,
        prompt_tokens_details => { audio_tokens => 30 }, completion_tokens_details => { audio_tokens => 7 } }));
});
$t->run;

my %series;
sub scrape {
    %series = ();
    my $page = http_get('/scrape')->{body};
    for (grep { !/^#/ } split /\n/, $page) {
        $series{$1}{$2 // ''} = $3 if /^(\w+)(?:\{(.*)\})? (\S+)$/;
    }
    return $page;
}

sub value { return series_sum(\%series, @_) }
sub becomes { my ($want, @of) = @_; is(wait_value($want, 5, sub { scrape(); value(@of) }), $want, $of[0]) }
sub are {
    my ($name, $want, %labels) = @_;
    is(wait_more($want, 5, sub { value($name, %labels) }, \&scrape), $want, $name . join '', map { " $_=$labels{$_}" } sort keys %labels);
}
sub between {
    my ($name, $min, $max, %labels) = @_;
    my $got;
    my $within = wait_more(1, 5, sub { $got = value($name, %labels); defined $got && $got >= $min && $got <= $max ? 1 : 0 }, \&scrape);
    ok($within, $name) or diag($got // 'nothing');
}
sub ask { my ($key, $model, @more) = @_; return http(chat($model, headers => [Authorization => "Bearer $key"], @more)) }

# tokens

ask('sk-a', 'claude', user => 'eve');
becomes(50, 'litellm_input_cache_creation_tokens_metric_total', model_group => 'claude');
are('litellm_provider_cache_creation_input_tokens_metric_total', 50);
are('litellm_provider_cache_read_input_tokens_metric_total', 90);
ask('sk-a', 'gpt');
becomes(30, 'litellm_input_audio_tokens_metric_total', model_group => 'gpt');
are('litellm_output_audio_tokens_metric_total', 7, api_key_alias => 'a');
ask('sk-b', 'nobody');
becomes(1, 'litellm_ngx_unpriced_requests_total', model_group => 'nobody');
ask('sk-b', 'free');
becomes(1, 'litellm_zero_cost_requests_total', model_group => 'free');
are('litellm_zero_cost_requests_total', 1, model_group => 'nobody');
ask('sk-c', 'gpt');
becomes(1, 'litellm_requests_metric_total', user => 'ann');
ask('sk-b', 'gpt', @yes);
becomes(1, 'litellm_ngx_deployment_time_to_first_token_seconds_count', model_id => 'two');
are('litellm_deployment_tpm_limit', 70000, model_id => 'two');

# limits and budgets: sk-a has spent claude's and gpt's, at their prices

my ($claude, $gpt) = map { (value('litellm_spend_metric_total', model_group => $_, api_key_alias => 'a')) } qw(claude gpt);
cmp_ok($claude * $gpt, '>', 0, 'both cost');
sub left { my ($name, $want, %labels) = @_; between($name, $want - 1e-9, $want + 1e-9, %labels) }
left('litellm_remaining_team_budget_metric', 50 - $claude - $gpt, team => 'red', team_alias => 'Red');
are('litellm_team_max_budget_metric', 50, team => 'red');
between('litellm_team_budget_remaining_hours_metric', 0, 31 * 24, team => 'red');
left('litellm_remaining_user_budget_metric', 20 - value('litellm_spend_metric_total', user => 'ann'), user => 'ann');
are('litellm_user_max_budget_metric', 20, user => 'ann');
between('litellm_user_budget_remaining_hours_metric', 0, 24, user => 'ann');
left('litellm_remaining_customer_budget_metric', 3 - $claude, end_user => 'eve');
are('litellm_customer_max_budget_metric', 3, end_user => 'eve');
between('litellm_customer_budget_remaining_hours_metric', 0, 24, end_user => 'eve');
between('litellm_api_key_budget_remaining_hours_metric', 0, 24, api_key_alias => 'b');
are('litellm_team_rate_limit_allowed_metric', $_->[1], rate_limit_type => $_->[0]) for ['requests', 1000], ['tokens', 90000], ['max_parallel_requests', 40];
SKIP: {
    # a minute may have ended meanwhile
    my $used = value('litellm_team_rate_limit_used_metric', rate_limit_type => 'requests');
    skip 'another minute', 4 if !$used || $used != 2;
    are('litellm_team_rate_limit_used_metric', 2, rate_limit_type => 'requests');
    are('litellm_team_rate_limit_used_metric', 154 + 120, rate_limit_type => 'tokens');
    are('litellm_remaining_api_key_requests_for_model', 9, api_key_alias => 'a', model => 'gpt');
    are('litellm_remaining_api_key_tokens_for_model', 5000 - 120, api_key_alias => 'a', model => 'gpt');
}
are('litellm_team_rate_limit_used_metric', 0, rate_limit_type => 'max_parallel_requests');
left('litellm_provider_remaining_budget_metric', 100 - value('litellm_spend_metric_total', api_provider => 'openai'), api_provider => 'openai');

# money that is held for a request under way

my $c = start(chat('hang', headers => [Authorization => 'Bearer sk-b'], max_tokens => 100));
becomes(1, 'litellm_ngx_reserved_requests', scope => 'api_key');
between('litellm_ngx_reserved_dollars', 0.001, 0.01, scope => 'api_key');
$c->close;
becomes(0, 'litellm_ngx_reserved_dollars', scope => 'api_key');

# failures

is(ask('sk-b', 'bad')->{status}, 500, 'a fallback that fails, too');
becomes(1, 'litellm_deployment_failed_fallbacks_total', requested_model => 'bad', fallback_model => 'worse', exception_class => 'Openai.InternalServerError');
are('litellm_deployment_cooled_down_total', 1, model_id => 'five', exception_status => 500, exception_class => 'Openai.InternalServerError');
are('litellm_deployment_cooled_down_total', undef, model_id => 'six');
between('litellm_ngx_deployment_cooldown_seconds', 100 - 30 * $slow, 100, model_id => 'five');
are('litellm_deployment_state', 2, model_id => 'five');
are('litellm_deployment_state', 1, model_id => 'six');

# hedges: the budget is one in two, and one at once

is(ask('sk-b', 'pair', uri => '/hedged/v1/chat/completions')->{status}, 200, 'a hedge');
becomes(1, 'litellm_ngx_hedged_requests_total');
becomes(1, 'litellm_ngx_hedges_won_total');
my @both = map { start(chat('pair', uri => '/hedged/v1/chat/completions', headers => [Authorization => 'Bearer sk-b'])) } 1 .. 6;
is(join(' ', map { finish($_)->{status} } @both), join(' ', (200) x 6), 'six at once');
$_->close for @both;
scrape();
between('litellm_ngx_hedges_refused_total', 1, 6);

# a cache that is too small

is(join(' ', map { ask('sk-b', 'gpt', uri => '/cached/v1/chat/completions', seed => $_)->{status} } 1 .. 60), join(' ', (200) x 60), 'sixty answers');
becomes(60, 'litellm_ngx_cache_stored_total', zone => 'small');
between('litellm_ngx_cache_evicted_total', 1, 59, zone => 'small');
is(value('litellm_ngx_cache_entries', zone => 'small'), 60 - value('litellm_ngx_cache_evicted_total', zone => 'small'), 'the others are there');

# workers and rows

is(scalar keys %{$series{litellm_ngx_worker_heartbeat_age_seconds}}, 2, 'heartbeats of two workers');
between('litellm_ngx_worker_heartbeat_age_seconds', 0, 2 * (1 + $slow));
cmp_ok(value('litellm_ngx_metrics_rows', kind => 'deployment'), '==', 9, 'rows of nine deployments')
    or diag(explain($series{litellm_ngx_metrics_rows}));

# the documentation: each of its metrics is one, each of the page is there, with its type and its words

my $docs = do { local (@ARGV, $/) = "$top/docs/metrics.md"; <> };
my %docs = map { /^\| `(litellm_\w+)` \| (\w+) \| [^|]*\| (.*) \|$/ ? ($1 => [$2, $3]) : () } split /\n/, $docs;
cmp_ok(scalar keys %docs, '>', 100, 'docs: metrics');
my $page = scrape();
my %help = $page =~ /^# HELP (\w+) (.*)$/mg;
my %type = $page =~ /^# TYPE (\w+) (\w+)$/mg;
is(join(' ', grep { !$docs{$_} } sort keys %help), '', 'docs: all of the page are there');
is(join(' ', grep { $docs{$_} && ($docs{$_}[0] ne $type{$_} || $docs{$_}[1] ne $help{$_}) } sort keys %help), '', 'docs: type and words');
$t->write_file('all.yaml', "model_list: []\nlitellm_settings:\n  prometheus_metrics_config:\n    - metrics: ["
    . join(', ', sort(keys %docs), 'litellm_no_such_metric') . "]\n");
$t->write_file('try.conf', $t->read_file('nginx.conf') =~ s/litellm\.yaml/all.yaml/r);
my (undef, $said) = $t->test_conf(conf => 'try.conf');
is(join(' ', $said =~ /there is no metric "(\w+)"/g), 'litellm_no_such_metric', 'docs: all that are there are known');
my %source;
for my $file (glob "$top/ngx_http_litellm_module/http/ngx_http_litellm_metrics_*.c") {
    local (@ARGV, $/) = $file;
    my $text = <>;
    $source{$1} = 1 while $text =~ /"(litellm_\w+)"(?! \w)/g;
}
is(join(' ', grep { !$docs{$_} && !$docs{"${_}_total"} && !/^litellm_(?:metrics|metrics_zone|remaining_?|zone|model_name|proxy_master_key)$/ } sort keys %source), '', 'docs: all of the source are there');
