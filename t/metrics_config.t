#!/usr/bin/perl

# prometheus_metrics_config: which metrics are shown, with which labels, what
# becomes of lines that differ in others only; prometheus_latency_buckets.  What
# of both can't be had is told, or refused.  Two workers.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer openai_chat openai_error);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(57);
my $slow = $LiteLLM::Peer::slow;

$t->write_conf(main => 'worker_processes 2;', http => "litellm_metrics_zone zone=counts:1m;\n",
    server => "location = /scrape { litellm_metrics; }\nlocation = /status { litellm_status; }\n");
(my $conf = $t->read_file('nginx.conf')) =~ s/worker_processes 1;\n//;
$t->write_file('nginx.conf', $conf);

my $models = <<'END';
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k, rpm: 100}
    model_info: {id: one}
  - model_name: mini
    litellm_params: {model: openai/gpt-4o-mini, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k, rpm: 30}
    model_info: {id: two}
  - model_name: bad
    litellm_params: {model: openai/gpt-4, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
    model_info: {id: three, cooldown_time: 600, allowed_fails_policy: {InternalServerErrorAllowedFails: 0}}
router_settings: {num_retries: 0}
virtual_keys:
  - {key: sk-a, key_alias: a, team_id: red, max_budget: 10, budget_duration: 1d}
  - {key: sk-b, key_alias: b, team_id: red, max_budget: 20, budget_duration: 30d}
  - {key: sk-c, key_alias: c, team_id: blue, max_budget: 30}
teams: [{team_id: red, team_alias: Red}, {team_id: blue, team_alias: Blue}]
END
my $settings = "litellm_settings:\n  require_auth_for_metrics_endpoint: false\n";

sub configure { $t->write_file_expand('litellm.yaml', $models . $settings . join '', @_) }

$t->mock(8081, sub {
    my ($peer, $req) = @_;
    my $m = json_of($req->{body});
    return answer(500, openai_error('broken')) if $m->{model} eq 'gpt-4';
    return answer(200, openai_chat('hi', usage => { prompt_tokens => 100, completion_tokens => 10, total_tokens => 110 }));
});

# --- what is wrong in a file

sub told {
    my ($what, $text, $want) = @_;
    configure($text);
    my ($status, $log) = $t->test_conf;
    like($log, $want, $what);
    return $status == 0;
}

my $line = () = "$models$settings" =~ /\n/g;
sub at { my ($n, $text) = @_; my $l = $line + $n; return qr/\[(?:warn|emerg)\][^\n]*litellm\.yaml:$l: \Q$text\E/ }

told('buckets: no list', "  prometheus_latency_buckets: 5\n", at(1, '"prometheus_latency_buckets" must be a list of seconds'));
told('buckets: none', "  prometheus_latency_buckets: []\n", at(1, '"prometheus_latency_buckets" must be a list of seconds'));
told('buckets: not ascending', "  prometheus_latency_buckets: [1, 2,\n    2]\n", at(2, '"prometheus_latency_buckets" must be seconds above 0'));
told("buckets: $_", "  prometheus_latency_buckets: [$_]\n", at(1, '"prometheus_latency_buckets" must be'))
    for qw(0 -1 abc 4001 .nan), '[1]', '{a: 1}';
told('buckets: too many', "  prometheus_latency_buckets: [" . join(', ', 1 .. 18) . "]\n",
    at(1, '"prometheus_latency_buckets" must not have more than 17 members'));
told('config: no list', "  prometheus_metrics_config: {metrics: [a]}\n", at(1, '"prometheus_metrics_config" must be a list of groups'));
told('config: no map', "  prometheus_metrics_config:\n    - litellm_spend_metric\n", at(2, 'a group of "prometheus_metrics_config" must be a map'));
told('config: no metrics', "  prometheus_metrics_config:\n    - {group: a}\n", at(2, 'a group of "prometheus_metrics_config" needs "metrics"'));
told('config: metrics are no list', "  prometheus_metrics_config:\n    - metrics: litellm_spend_metric\n",
    at(2, '"metrics" of a group of "prometheus_metrics_config" must be a list'));
told('config: a metric is no name', "  prometheus_metrics_config:\n    - metrics: [[a]]\n", at(2, '"metrics" must be'));
told('config: another key', "  prometheus_metrics_config:\n    - metrics: [litellm_spend_metric]\n      exclude_labels: [a]\n",
    at(3, 'unknown key "exclude_labels"'));
ok(told('config: a metric that is not here', "  prometheus_metrics_config:\n    - metrics:\n        - litellm_spend_metric\n        - litellm_mcp_calls\n",
    at(4, 'prometheus_metrics_config: there is no metric "litellm_mcp_calls" here')), 'which is no error');
ok(told('config: a label that is not here', "  prometheus_metrics_config:\n    - metrics: [litellm_spend_metric]\n      include_labels: [model, client_ip]\n",
    at(3, 'prometheus_metrics_config: metric "litellm_spend_metric" has no label "client_ip" here')), 'which is no error either');
told('config: a label of others', "  prometheus_metrics_config:\n    - metrics: [litellm_spend_metric]\n      include_labels: [route]\n",
    at(3, 'prometheus_metrics_config: metric "litellm_spend_metric" has no label "route" here'));
told('config: status of a failure', "  prometheus_metrics_config:\n    - metrics: [litellm_proxy_failed_requests_metric]\n      include_labels: [status_code]\n",
    at(3, 'prometheus_metrics_config: metric "litellm_proxy_failed_requests_metric" has no label "status_code" here'));

# --- what is shown

my $shown = <<'END';
  prometheus_metrics_config:
    - group: tokens
      metrics: [litellm_input_tokens_metric, litellm_spend_metric_total, litellm_requests_metric]
      include_labels: [model, team]
    - group: health
      metrics: [litellm_deployment_failure_responses, litellm_deployment_state, litellm_deployment_rpm_limit]
      include_labels: [api_provider]
    - metrics: [litellm_request_total_latency_metric, litellm_overhead_latency_metric]
      include_labels: [team]
    - metrics: [litellm_proxy_total_requests_metric]
    - metrics: [litellm_remaining_api_key_budget_metric, litellm_api_key_max_budget_metric, litellm_api_key_budget_remaining_hours_metric]
      include_labels: [nothing_of_these]
    - metrics: [litellm_ngx_zone_size_bytes, litellm_proxy_failed_requests_metric]
      include_labels: [nothing_of_these]
    - metrics: [litellm_proxy_failed_requests_metric]
      include_labels: [exception_status]
  prometheus_exclude_metrics: [litellm_requests_metric]
END
configure($shown);
$t->run;

my %series;

sub scrape {
    my $r = http_get('/scrape');
    %series = ();
    for (grep { !/^#/ } split /\n/, $r->{body}) {
        my ($name, $labels, $value) = /^(\w+)(?:\{([^ ]*)\})? (\S+)$/ or do { fail("line: $_"); next };
        fail("twice: $_") if exists $series{$name}{$labels // ''};
        $series{$name}{$labels // ''} = $value;
    }
    return $r->{body};
}

# until that many requests have ended
sub counted {
    my $n = shift;
    my $end = time() + 10 * $slow;
    my $sum;
    do {
        scrape();
        $sum = 0;
        $sum += $_ for values %{$series{litellm_proxy_total_requests_metric_total}};
        return if $sum == $n;
        sleep 0.02;
    } while time() < $end;
    is($sum, $n, 'requests');
}

sub ask { my ($key, $model) = @_; return http(chat($model, headers => [Authorization => "Bearer sk-$key"]))->{status} }

ask(@$_) for (['a', 'gpt']) x 3, (['b', 'gpt']) x 2, ['c', 'gpt'], ['c', 'mini'], ['a', 'bad'], ['b', 'bad'];
counted(9);

is(join(' ', sort keys %series), join(' ', sort qw(litellm_input_tokens_metric_total litellm_spend_metric_total
    litellm_deployment_failure_responses_total litellm_deployment_state litellm_deployment_rpm_limit
    litellm_request_total_latency_metric_bucket litellm_request_total_latency_metric_sum litellm_request_total_latency_metric_count
    litellm_overhead_latency_metric_bucket litellm_overhead_latency_metric_sum litellm_overhead_latency_metric_count
    litellm_proxy_total_requests_metric_total litellm_proxy_failed_requests_metric_total litellm_remaining_api_key_budget_metric
    litellm_api_key_max_budget_metric litellm_api_key_budget_remaining_hours_metric litellm_ngx_zone_size_bytes)), 'what is named is shown');

sub are { my ($name, $want, $what) = @_; is_deeply($series{$name}, $want, $what // $name) }

are('litellm_input_tokens_metric_total', { 'team="red",model="gpt-4o"' => 500, 'team="blue",model="gpt-4o"' => 100,
    'team="blue",model="gpt-4o-mini"' => 100 }, 'tokens: sums by what stays');
are('litellm_spend_metric_total', { 'team="red",model="gpt-4o"' => 0.00175, 'team="blue",model="gpt-4o"' => 0.00035,
    'team="blue",model="gpt-4o-mini"' => '0.000021' }, 'money');
are('litellm_deployment_failure_responses_total', { 'api_provider="openai"' => 1 }, 'classes without their labels');
are('litellm_deployment_state', { 'api_provider="openai"' => 2 }, 'a state: the worst');
are('litellm_deployment_rpm_limit', { 'api_provider="openai"' => 130 }, 'limits: their sum');
are('litellm_request_total_latency_metric_count', { 'team="red"' => 5, 'team="blue"' => 2 }, 'histograms: counts');
is($series{litellm_request_total_latency_metric_bucket}{"team=\"$_->[0]\",le=\"+Inf\""}, $_->[1], "histograms: the last bucket, $_->[0]")
    for ['red', 5], ['blue', 2];
is(scalar(grep { /team="red"/ } keys %{$series{litellm_request_total_latency_metric_bucket}}), 18, 'histograms: all buckets');
is($series{litellm_overhead_latency_metric_count}{'team="red"'}, 5, 'histograms: fine ones');
is(scalar(grep { /hashed_api_key=.*requested_model=.*route=/ } keys %{$series{litellm_proxy_total_requests_metric_total}}), 6,
    'a metric without a word on labels has all');
are('litellm_api_key_max_budget_metric', { '' => 60 }, 'no label at all: one line');
is(sprintf('%.6f', $series{litellm_remaining_api_key_budget_metric}{''}), '59.997879', 'money that is left');
cmp_ok($series{litellm_api_key_budget_remaining_hours_metric}{''}, '>', 24, 'hours: the most');
are('litellm_ngx_zone_size_bytes', { '' => $series{litellm_ngx_zone_size_bytes}{''} }, 'sizes');
is(join(',', sort keys %{$series{litellm_proxy_failed_requests_metric_total}}), join(',', sort map { qq{exception_status="$_"} }
    429, 500), 'a metric that is named twice: the last word holds') or diag explain $series{litellm_proxy_failed_requests_metric_total};

# --- buckets

like(scrape(), qr/litellm_request_total_latency_metric_bucket\{team="red",le="0.005"\} \d/, 'buckets as they are by default');
configure("  prometheus_latency_buckets: [0.000001, 0.25, 2.5, 3600, .inf]\n");
ok($t->reload, 'buckets: reload');
scrape();
my $h = 'litellm_request_total_latency_metric';
is($series{"${h}_count"}, undef, 'buckets: latencies begin anew');
is(eval { my $n = 0; $n += $_ for values %{$series{litellm_proxy_total_requests_metric_total}}; $n }, 9, 'buckets: counters do not');
is(ask('a', 'gpt'), 200, 'an answer');
counted(10);
my ($labels) = keys %{$series{"${h}_count"}};
is(join(' ', map { my $le = $_; map { "$le=$series{${h}.'_bucket'}{$_}" } grep { /,le="\Q$le\E"$/ } keys %{$series{"${h}_bucket"}} } '0.000001', '0.25', '2.5', '3600.0', '+Inf'),
    '0.000001=0 0.25=1 2.5=1 3600.0=1 +Inf=1', 'buckets: those of the file');
is(scalar(keys %{$series{"${h}_bucket"}}), 5, 'buckets: no others');
is(scalar(keys %{$series{litellm_ngx_deployment_latency_seconds_bucket}}), 5, 'buckets: of deployments');
is(scalar(grep { /le="0.0005"/ } keys %{$series{litellm_overhead_latency_metric_bucket}}) > 0, 1, 'buckets: fine ones are as they were');
my $j = json_of(http_get('/status?format=json')->{body});
is_deeply($j->{bounds}{coarse}, [0.001, 250, 2500, 3600000], 'buckets: of the status page');
is(join(' ', @{$j->{totals}{latency}}), '0 1 0 0 0', 'buckets: what it has counted');
ok($t->reload, 'buckets: the same once more');
counted(10);
is($series{"${h}_count"}{$labels}, 1, 'buckets: the same go on');
configure();
ok($t->reload, 'buckets: without');
is(ask('a', 'gpt'), 200, 'an answer');
counted(11);
is(join(' ', values %{$series{"${h}_count"}}), '1', 'buckets: anew');
is(scalar(keys %{$series{"${h}_bucket"}}), 18, 'buckets: by default');
