#!/usr/bin/perl

# Metrics: what is counted of answers, streams, errors, fallbacks, hits of the
# cache, clients that leave; who may read them; labels that clients make up;
# their number; a worker that is killed; a reload.  Two workers.

use warnings;
use strict;

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(sleep time);

use LiteLLM::Metrics;
use LiteLLM::Mock qw(answer sse openai_chat openai_chunk openai_error);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(106);

my @yes = (stream => JSON::PP::true);
my $key = 'sk-virtual-secret-key';

$t->write_conf(main => 'worker_processes 2;', http => "litellm_cache_zone zone=answers:1m;\nlitellm_metrics_zone zone=counts:512k;\n",
    server => <<'END', location => 'litellm_cache answers;');
location = /scrape { litellm_metrics; }
location = /denied { litellm_metrics; deny all; }
location /open/ { litellm; litellm_config %%DIR%%/open.yaml; }
END
(my $conf = $t->read_file('nginx.conf')) =~ s/worker_processes 1;\n//;
$t->write_file('nginx.conf', $conf);

sub entry {
    my ($name, $model, $id, @more) = @_;
    return "  - model_name: '$name'\n    litellm_params:\n      model: $model\n"
        . "      api_base: http://127.0.0.1:%%PORT_8081%%/v1?token=sk-query-secret\n"
        . "      api_key: sk-provider-secret\n" . join('', map { "      $_\n" } @more) . "    model_info: {id: $id}\n";
}

my $yaml = "model_list:\n" . entry('gpt', 'openai/gpt-4o', 'one', 'rpm: 100000') . entry('bad', 'openai/gpt-4o-mini', 'two')
    . entry('mock', 'openai/gpt-4o', 'mock-1', 'mock_response: hi') . entry('any/*', 'openai/*', 'wild') . <<'END_YAML';
router_settings:
  num_retries: 0
  allowed_fails: 1000
  fallbacks: [{bad: [gpt]}]
litellm_settings:
  callbacks: ["prometheus"]
  enable_end_user_cost_tracking_prometheus_only: true
  prometheus_exclude_metrics: [litellm_zero_cost_requests]
general_settings:
  master_key: sk-master-secret
  budget_reset: 1
teams:
  - {team_id: red, team_alias: "Team \"Red\"", max_budget: 5, budget_duration: 30d}
virtual_keys:
  - {key: sk-virtual-secret-key, key_alias: "ro\"bot\\7", user_id: ann, team_id: red, max_budget: 10, budget_duration: 1d, rpm_limit: 100000}
  - {key: sk-scraper-key, key_alias: scraper, allowed_routes: [/metrics]}
END_YAML

$yaml =~ s/  budget_reset: 1\n//;
$t->write_file_expand('litellm.yaml', $yaml);
$t->write_file_expand('open.yaml', <<'END_YAML');
model_list:
  - model_name: mock
    litellm_params: {model: openai/gpt-4o, mock_response: hi}
litellm_settings: {require_auth_for_metrics_endpoint: false}
general_settings: {master_key: sk-other-secret}
END_YAML

$t->mock(8081, sub {
    my ($peer, $req) = @_;
    my $m = json_of($req->{body});
    return answer(429, openai_error('slow down')) if $m->{model} eq 'gpt-4o-mini';
    return answer(404, openai_error('no such model')) if $m->{model} eq 'made-up';
    if ($m->{stream}) {
        my @events = map { openai_chunk($_) } 'a', 'b';
        if ($m->{messages}[0]{content} eq 'cut') {
            $peer->write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" . join('', sse(@events)));
            return;
        }
        if ($m->{messages}[0]{content} eq 'hang') {
            $peer->write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" . join('', sse(@events)));
            $peer->closed(60);
            return;
        }
        return answer(200, join('', sse(@events, openai_chunk(undef, finish_reason => 'stop'),
            openai_chunk(undef, usage => { prompt_tokens => 20, completion_tokens => 6, total_tokens => 26 }), '[DONE]')),
            'Content-Type' => 'text/event-stream');
    }
    return answer(200, openai_chat('hi', usage => { prompt_tokens => 1000, completion_tokens => 100, total_tokens => 1100,
        prompt_tokens_details => { cached_tokens => 600 }, completion_tokens_details => { reasoning_tokens => 30 } }));
});

$t->run;

# --- reading

my (%series, @problems);

# everything of the page, checked as it is read
sub scrape {
    my $r = http_get('/scrape');
    my (%seen, $family);
    %series = ();
    @problems = ();
    for my $line (split /\n/, $r->{body}) {
        if ($line =~ /^# TYPE (\S+) (counter|gauge|histogram)$/) {
            push @problems, "twice: $1" if $seen{$1}++;
            $family = $1;
            next;
        }
        next if $line =~ /^# HELP /;
        if ($line !~ /^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\["\\n])*",?)+)\})? (-?[0-9.]+)$/) {
            push @problems, "line: $line";
            next;
        }
        my ($name, $labels, $value) = ($1, $2 // '', $3);
        push @problems, "not of $family: $name" if $name !~ /^\Q$family\E(_bucket|_sum|_count)?$/;
        push @problems, "series twice: $line" if exists $series{$name}{$labels};
        $series{$name}{$labels} = $value;
    }
    return $r;
}

sub value { return series_sum(\%series, @_) }
sub becomes { my ($what, $want, @of) = @_; is(wait_value($want, 5, sub { scrape(); value(@of) }), $want, $what) }
sub is_value {
    my ($what, $want, @of) = @_;
    is(wait_more($want, 5, sub { value(@of) }, \&scrape), $want, $what);
}

sub ask { return http(chat($_[0], @_[1 .. $#_], headers => [Authorization => "Bearer $key"])) }

my %who = (hashed_api_key => sha256_hex($key), api_key_alias => 'ro\\"bot\\\\7', team => 'red',
    team_alias => 'Team \\"Red\\"', user => 'ann');

my $total = 'litellm_proxy_total_requests_metric_total';
my $failed = 'litellm_proxy_failed_requests_metric_total';

# --- who may read

is(http_get('/metrics')->{status}, 401, 'auth: no key');
is(http_get('/metrics', Authorization => "Bearer $key")->{status}, 401, 'auth: a key that is nobody of note');
is(http_get('/metrics', Authorization => 'Bearer sk-scraper-key')->{status}, 200, 'auth: a key for this route');
my $r = http_get('/metrics', Authorization => 'Bearer sk-master-secret');
is($r->{status}, 200, 'auth: the master key');
is($r->{header}{'content-type'}, 'text/plain; version=0.0.4; charset=utf-8', 'type');
is(http_get('/open/metrics')->{status}, 200, 'auth: not asked for');
is(http_get('/denied')->{status}, 403, 'location: nginx says no');
is(http_get('/scrape')->{status}, 200, 'location: open');
is(http_post('/scrape', '{}')->{status}, 405, 'location: POST');
$r = http("HEAD /scrape HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
is($r->{status} . $r->{body}, '200', 'HEAD');
$r = http("GET /scrape HTTP/1.0\r\n\r\n");
like($r->{body}, qr/litellm_ngx_build_info\{version="[^"]+",nginx_version="[^"]+"\} 1\n/, 'HTTP/1.0: what runs here');

# --- an answer

is(ask('gpt', user => 'eve')->{status}, 200, 'answer');
becomes('answer: counted', 1, $total, %who, requested_model => 'gpt', end_user => 'eve', status_code => 200,
    route => '/v1/chat/completions', model_id => 'one', api_provider => 'openai', exception_class => 'None');
my %usage = (%who, model => 'gpt-4o', model_group => 'gpt', model_id => 'one', api_provider => 'openai',
    litellm_model_name => 'openai/gpt-4o');
is_value('answer: requests', 1, 'litellm_requests_metric_total', %usage);
is_value('answer: input', 1000, 'litellm_input_tokens_metric_total', %usage);
is_value('answer: output', 100, 'litellm_output_tokens_metric_total', %usage);
is_value('answer: all tokens', 1100, 'litellm_total_tokens_metric_total', %usage);
is_value('answer: cached', 600, 'litellm_input_cached_tokens_metric_total', %usage);
is_value('answer: reasoning', 30, 'litellm_output_reasoning_tokens_metric_total', %usage);
is_value('answer: spend', 0.00275, 'litellm_spend_metric_total', %usage);
is_value("answer: $_", 1, $_ . '_count', %usage) for qw(litellm_request_total_latency_metric litellm_llm_api_latency_metric
    litellm_overhead_latency_metric);
is_value('answer: the last bucket has it', 1, 'litellm_request_total_latency_metric_bucket', %usage, le => '+Inf');
is_value('answer: no first token', undef, 'litellm_llm_api_time_to_first_token_metric_count');
is_value('answer: a miss', 1, 'litellm_cache_misses_metric_total', %usage);
my $base = 'http://127.0.0.1:' . $t->port(8081) . '/v1';
my %place = (model_group => 'gpt', litellm_model_name => 'openai/gpt-4o', model_id => 'one', api_base => $base, api_provider => 'openai');
is_value('deployment: attempts', 1, 'litellm_deployment_total_requests_total', %place);
is_value('deployment: answers', 1, 'litellm_deployment_success_responses_total', %place);
is_value('deployment: time', 1, 'litellm_ngx_deployment_latency_seconds_count', %place);
is_value('deployment: time of a token', 1, 'litellm_deployment_latency_per_output_token_count', %place);
is_value('deployment: tokens', 1000, 'litellm_ngx_deployment_tokens_total', %place, type => 'input');
is_value('deployment: spend', 0.00275, 'litellm_ngx_deployment_spend_dollars_total', %place);
is_value('deployment: well', 0, 'litellm_deployment_state', %place);
is_value('deployment: limit', 100000, 'litellm_deployment_rpm_limit', %place);
is_value('deployment: none under way', 0, 'litellm_ngx_deployment_in_flight_requests', %place);
is_value('left out', undef, 'litellm_zero_cost_requests_total');

# --- limits

is_value('key: left of the budget', 9.99725, 'litellm_remaining_api_key_budget_metric', map { $_ => $who{$_} } qw(hashed_api_key api_key_alias));
is_value('key: its budget', 10, 'litellm_api_key_max_budget_metric');
cmp_ok(value('litellm_api_key_budget_remaining_hours_metric') // 99, '<=', 24, 'key: hours of it');
is_value('team: left of the budget', 4.99725, 'litellm_remaining_team_budget_metric', team => 'red', team_alias => $who{team_alias});
is_value('key: limit', 100000, 'litellm_api_key_rate_limit_allowed_metric', rate_limit_type => 'requests');
is_value('key: used of it', 1, 'litellm_api_key_rate_limit_used_metric', rate_limit_type => 'requests');

# --- from the cache

is(ask('gpt', user => 'eve')->{status}, 200, 'hit');
becomes('hit: counted', 1, 'litellm_cache_hits_metric_total', %who, model_group => 'gpt', model_id => 'None');
is_value('hit: nobody was asked', 1, 'litellm_deployment_total_requests_total', %place);
is_value('hit: zone', 1, 'litellm_ngx_cache_hits_total', zone => 'answers');

# whose it was is told apart each time, by whatever row is remembered
my %kept = (requested_model => 'gpt', model_id => 'None', api_provider => 'None', status_code => 200);
for (1 .. 3) {
    ask('gpt', uri => $_ > 1 ? '/v1/chat/completions' : '/chat/completions');
    ask('gpt', user => 'eve') if $_ > 1;
    http(chat('gpt', headers => [Authorization => 'Bearer sk-master-secret'])) if $_ > 2;
}
becomes('hit: a key', 2, $total, %who, %kept, end_user => 'None', route => '/v1/chat/completions');
becomes('hit: a key, by another path', 1, $total, %who, %kept, end_user => 'None', route => '/chat/completions');
becomes('hit: an end user', 3, $total, %who, %kept, end_user => 'eve');
becomes('hit: the master key', 1, $total, %kept, hashed_api_key => 'litellm_proxy_master_key', end_user => 'None');
becomes('hit: all of them', 3, 'litellm_cache_hits_metric_total', %who, end_user => 'None');

# --- streams

is(ask('gpt', @yes, temperature => 1)->{status}, 200, 'stream');
becomes('stream: first token', 1, 'litellm_llm_api_time_to_first_token_metric_count', %usage, end_user => 'None');
is_value('stream: tokens', 26, 'litellm_total_tokens_metric_total', %usage, end_user => 'None');
is_value('stream: gaps', 1, 'litellm_ngx_deployment_inter_token_seconds_count', %place);

ask('gpt', @yes, messages => [{ role => 'user', content => 'cut' }]);
becomes('cut stream: failed', 1, $failed, requested_model => 'gpt', exception_status => 500, exception_class => 'Openai.APIConnectionError');

my $c = start(chat('gpt', @yes, messages => [{ role => 'user', content => 'hang' }], headers => [Authorization => "Bearer $key"]));
$c->read_until(qr/"b"/);
scrape();
is_value('under way', 1, 'litellm_in_flight_requests');
is_value('under way: reserved', 1, 'litellm_ngx_reserved_requests', scope => 'api_key');
$c->close;
becomes('left: counted', 1, 'litellm_ngx_client_disconnects_total');
is_value('left: status', 1, $total, requested_model => 'gpt', status_code => 499);
is_value('left: not a failure of the deployment', 1, 'litellm_ngx_deployment_cancelled_requests_total', %place);
is_value('left: estimated, as the one that was cut', 2, 'litellm_ngx_deployment_estimated_requests_total', %place);
is_value('left: none under way', 0, 'litellm_in_flight_requests');

# --- errors and fallbacks

is(ask('bad')->{status}, 200, 'fallback');
becomes('fallback: counted', 1, 'litellm_deployment_successful_fallbacks_total', requested_model => 'bad', fallback_model => 'gpt',
    exception_status => 429, exception_class => 'Openai.RateLimitError', api_key_alias => $who{api_key_alias});
is_value('fallback: the first one has failed', 1, 'litellm_deployment_failure_responses_total', model_id => 'two',
    exception_status => 429, exception_class => 'Openai.RateLimitError');
is_value('fallback: ill', 1, 'litellm_deployment_state', model_id => 'two');

is(ask('bad', fallbacks => [], disable_fallbacks => JSON::PP::true)->{status}, 429, 'error');
becomes('error: counted', 1, $failed, requested_model => 'bad', exception_status => 429, exception_class => 'Openai.RateLimitError', model_id => 'two');
is_value('error: one of the model', 1, 'litellm_llm_api_failed_requests_metric_total', model_group => 'bad');

http(chat('gpt', headers => [Authorization => 'Bearer sk-nobody-knows']));
becomes('no key: counted', 1, $failed, exception_status => 401, hashed_api_key => 'None', requested_model => 'None');

ask("nobody-$_") for 1 .. 3;
becomes('unknown models are one', 3, $failed, requested_model => 'other', exception_status => 400);
ask('any/made-up');
becomes('what a wildcard refuses has its name', 1, $failed, requested_model => 'any/*', exception_status => 404);

# --- what clients make up

ask('mock', user => "a\nb\r\x{1}");
ask('mock', user => "a\"b\\c" . 'x' x 200);
becomes('hostile: counted', 1, $total, end_user => 'a\\"b\\\\c' . 'x' x (128 - 5));
is_deeply(\@problems, [], 'hostile: the page can be read');
ask('mock', user => "\x{e9}\x{20ac}None");
ask('mock', user => 'long' . 'y' x 65536);
becomes('hostile: a long one is its hash', 1, $total, end_user => sha256_hex('long' . 'y' x 65536));
becomes('UTF-8', 1, $total, end_user => "\xc3\xa9\xe2\x82\xacNone");
$r = scrape();
unlike($r->{body}, qr/sk-[a-z]+-?(secret|key)/, 'no secrets');
is_value('workers', 2, 'litellm_ngx_workers');
my $end = time() + 10 * $LiteLLM::Peer::slow;
sleep 0.05 while !value('litellm_ngx_event_loop_lag_seconds_count') && time() < $end && scrape();
cmp_ok(value('litellm_ngx_event_loop_lag_seconds_count') // 0, '>', 0, 'lag');
becomes('redis is not there', 0, 'litellm_ngx_metrics_overflow_total');
is_value('redis: nothing', undef, 'litellm_ngx_redis_up');

# --- a reload

my $before = value($total);
ok($t->reload, 'reload');
becomes('reload: counts stay', $before, $total);
ask('mock');
becomes('reload: and go on', $before + 1, $total);
is_deeply(\@problems, [], 'reload: the page can be read');

# --- workers that are killed at any moment

my $load = sub {
    my $n = shift;
    $t->daemon(sub { for (1 .. $n) { eval { ask('mock', user => "u$_") } } });
};
$before = value($total);
my @pids = map { $load->(100) } 1 .. 2;
for (1 .. 3) {
    sleep 0.05;
    my ($worker) = $t->serving;
    $t->allow_log(qr/worker process \d+ exited on signal 9/);
    kill 'KILL', $worker;
}
waitpid $_, 0 for @pids;
scrape();
cmp_ok(value($total), '>', $before, 'killed: counts go on');
is_deeply(\@problems, [], 'killed: the page can be read');
$before = value($total);
ask('mock', user => 'after');
becomes('killed: what comes then is counted', 1, $total, end_user => 'after');
cmp_ok(value($total), '>=', $before + 1, 'killed: nothing is lost after it');

# --- more labels than there is room for

$before = value($total);
@pids = map { my $i = $_; $t->daemon(sub { eval { ask('mock', user => "user-$i-$_") } for 1 .. 150 }) } 1 .. 3;
waitpid $_, 0 for @pids;
becomes('many: all are counted', $before + 450, $total);
cmp_ok(value('litellm_ngx_metrics_overflow_total'), '>', 0, 'many: some of them together');
cmp_ok(value($total, end_user => 'other'), '>', 0, 'many: with labels "other"');
cmp_ok(value('litellm_ngx_zone_free_bytes', zone => 'counts'), '<', 4096, 'many: the zone is full');
cmp_ok(keys %{$series{$total}}, '<', 1000, 'many: bounded');
is_deeply(\@problems, [], 'many: the page can be read');

# a reader that takes its time gets all of it, in slices

$c = start("GET /scrape HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", rcvbuf => 2048);
sleep 0.3;
is(ask('mock')->{status}, 200, 'slow reader: nobody waits for it');
$r = finish($c);
like($r->{body}, qr/litellm_ngx_metrics_overflow_total\{kind="limit"\} \d+\n\z/, 'slow reader: all of it');

# --- labels that are left out from now on

(my $less = $yaml) =~ s/(  callbacks.*\n)/$1  prometheus_exclude_labels: [end_user, hashed_api_key, nonsense]\n/;
$t->write_file_expand('litellm.yaml', $less);
ok($t->reload, 'labels: reload');
like($t->read_file('error.log'), qr/no metric has a label "nonsense"/, 'labels: a wrong one is told');
$r = scrape();
is_deeply(\@problems, [], 'labels: the page can be read');
unlike($r->{body}, qr/end_user=/, 'labels: left out');

# --- off

$conf =~ s/litellm_metrics_zone .*/litellm_metrics_zone off;/;
$t->write_file('nginx.conf', $conf);
ok($t->reload, 'off: reload');
is(http_get('/scrape')->{status}, 404, 'off: location');
is(http_get('/open/metrics')->{status}, 404, 'off: /metrics');
is(ask('mock')->{status}, 200, 'off: requests');
