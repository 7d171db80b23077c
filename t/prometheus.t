#!/usr/bin/perl

# A Prometheus that scrapes the gateway: what it has of known traffic, what its
# linter says of the page, each query of the dashboard and of the alert rules.

use warnings;
use strict;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;
use Time::HiRes qw(sleep time);

use LiteLLM::Mock qw(answer sse openai_chat openai_chunk openai_error);
use LiteLLM::Redis;
use LiteLLM::Test;

my $top = dirname(dirname(abs_path(__FILE__)));
my $t = LiteLLM::Test->new->has('program prometheus', 'program promtool', 'program redis-server');

my $dashboard = json_of(do { local (@ARGV, $/) = "$top/contrib/grafana/ngx-litellm.json"; <> });
my @queries = map { my $p = $_; map { ["dashboard: $p->{title}", $_->{expr}] } @{$p->{targets}} } @{$dashboard->{panels}};
my $alerts = do { local (@ARGV, $/) = "$top/contrib/prometheus/alerts.yml"; <> };
while ($alerts =~ /- alert: (\w+)\n\s+expr: (?:\|\n((?:          .*\n)+)|(.*)\n)/g) {
    my ($name, $expr) = ($1, $2 // $3);
    # without its threshold: what it looks at has to be there
    (my $data = $expr) =~ s/ (?:[<>]|==) [0-9.]+\s*$//;
    push @queries, ["alert: $name", $data];
}
my @alerts = $alerts =~ /- alert: (\w+)/g;
$t->plan(@queries + 15 + 2 * @alerts);

cmp_ok(scalar @queries, '>', 40, 'queries');

# what Grafana asks of a dashboard

my (%ids, %places, @wrong);
for my $p (@{$dashboard->{panels}}) {
    push @wrong, "$p->{title}: id" if !$p->{id} || $ids{$p->{id}}++;
    my $g = $p->{gridPos} || {};
    push @wrong, "$p->{title}: place" if grep { !defined $g->{$_} } qw(x y w h) or $g->{x} + $g->{w} > 24;
    for my $x ($g->{x} .. $g->{x} + $g->{w} - 1) {
        push @wrong, "$p->{title}: on another one" if grep { $places{"$x $_"}++ } $g->{y} .. $g->{y} + $g->{h} - 1;
    }
    next if $p->{type} eq 'row';
    my %refs;
    push @wrong, "$p->{title}: target" if !@{$p->{targets} || []} || grep { !$_->{refId} || $refs{$_->{refId}}++ } @{$p->{targets}};
    push @wrong, "$p->{title}: its source" if grep { ($_->{datasource}{uid} // $p->{datasource}{uid} // '') !~ /^\$\{?\w+\}?$/ } @{$p->{targets}};
}
is(join(', ', @wrong), '', 'dashboard: panels');
ok($dashboard->{title} && $dashboard->{uid} && $dashboard->{schemaVersion} >= 30 && !defined $dashboard->{id}, 'dashboard: can be imported');
is(join(' ', grep { my $n = $_; !grep { $_->{name} eq $n } @{$dashboard->{templating}{list}} }
    do { local (@ARGV, $/) = "$top/contrib/grafana/ngx-litellm.json"; (my $j = <>) =~ s/\$__\w+//g; sort keys %{{ map { $_ => 1 } $j =~ /\$\{?(\w+)/g }} }),
    '', 'dashboard: its variables');

my $redis = LiteLLM::Redis->start($t);
$t->write_conf(main => 'worker_processes 2;', http => "litellm_cache_zone zone=answers:1m;\nlitellm_redis 'unix:"
    . $redis->path . "';\n", server => "location = /scrape { litellm_metrics; }\n", location => 'litellm_cache answers; litellm_cache_redis on;');
(my $conf = $t->read_file('nginx.conf')) =~ s/worker_processes 1;\n//;
$t->write_file('nginx.conf', $conf);
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: bad
    litellm_params: {model: openai/gpt-4o-mini, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: bad
    litellm_params: {model: openai/gpt-4o-mini, api_base: "http://localhost:%%PORT_8081%%/v1", api_key: k}
  - model_name: limited
    litellm_params: {model: openai/o1, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: unpriced
    litellm_params: {model: openai/nobody-knows, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
router_settings: {num_retries: 0, allowed_fails: 0, cooldown_time: 1, fallbacks: [{bad: [gpt]}]}
teams: [{team_id: red, team_alias: Red, max_budget: 5, budget_duration: 30d}]
general_settings: {master_key: sk-master}
virtual_keys:
  - {key: sk-virtual, key_alias: robot, team_id: red, max_budget: 10, budget_duration: 1d, rpm_limit: 100000}
END
$t->mock(8081, sub {
    my ($peer, $req) = @_;
    my $m = json_of($req->{body});
    return answer(500, openai_error('broken')) if $m->{model} eq 'gpt-4o-mini';
    return answer(429, openai_error('slow down')) if $m->{model} eq 'o1';
    my %usage = (usage => { prompt_tokens => 20, completion_tokens => 6, total_tokens => 26,
        prompt_tokens_details => { cached_tokens => 10 } });
    return answer(200, join('', sse(openai_chunk('a'), openai_chunk('b'), openai_chunk(undef, finish_reason => 'stop'),
        openai_chunk(undef, %usage), '[DONE]')), 'Content-Type' => 'text/event-stream') if $m->{stream};
    return answer(200, openai_chat('hi', %usage));
});
$t->run;

my $n = 0;
sub traffic {
    my @auth = (headers => [Authorization => 'Bearer sk-virtual']);
    http(chat('gpt', temperature => ++$n / 1000, @auth)) for 1 .. 2;
    http(chat('gpt', @auth));
    http(chat('gpt', stream => JSON::PP::true, temperature => ++$n / 1000, @auth));
    http(chat('bad', temperature => ++$n / 1000, @auth));
    http(chat('bad', temperature => ++$n / 1000, disable_fallbacks => JSON::PP::true, @auth));
    http(chat('limited', temperature => ++$n / 1000, @auth));
    http(chat('unpriced', temperature => ++$n / 1000, @auth));
}
traffic();

# the linter

$t->write_file('page.prom', http_get('/scrape')->{body});
my $lint = `promtool check metrics < @{[$t->dir]}/page.prom 2>&1`;
unlike($lint, qr/error while linting/, 'promtool: no error');
is(join('', grep { !/budget_remaining_hours_metric use base unit/ } split /^/, $lint), '',
    'promtool: nothing to say, but of a name of LiteLLM\'s');
is(system("promtool check rules $top/contrib/prometheus/alerts.yml >/dev/null 2>&1"), 0, 'promtool: rules');

# Each alert fires and does not fire, as alerts_test.yml says; which is seen of
# each: with rules that never fire, and with rules that have no threshold.

sub rules { $t->write_file('alerts.yml', $_[0]); return `cd @{[$t->dir]} && promtool test rules alerts_test.yml 2>&1` }

$t->write_file('alerts_test.yml', do { local (@ARGV, $/) = "$top/contrib/prometheus/alerts_test.yml"; <> });
my $said = rules($alerts);
like($said, qr/SUCCESS/, 'alerts: fire, and do not') or diag($said);
for (['fire', sub { s/(- alert: \w+\n\s+expr: )(?:\|\n(?:          .*\n)+|.*\n)/$1vector(1) > 2\n/g }],
    ['not to fire', sub { s/(\n\s+expr: (?:\|\n(?:          .*\n)*?)?.*) (?:[<>]|==) [0-9.]+\n/$1\n/g }]) {
    my ($what, $change) = @$_;
    local $_ = $alerts;
    is($change->(), scalar @alerts, "alerts: all are changed that are seen $what");
    my %failed = map { $_ => 1 } rules($_) =~ /alertname: (\w+)/g;
    ok($failed{$_}, "alerts: $_ is seen $what") for @alerts;
}

# the server

my $port = $t->port('prometheus');
$t->write_file('prometheus.yml', "global: {scrape_interval: 1s}\nrule_files: ['$top/contrib/prometheus/alerts.yml']\nscrape_configs:\n"
    . "  - {job_name: litellm, metrics_path: /scrape, static_configs: [{targets: ['127.0.0.1:" . $t->port(8080) . "']}]}\n");
my $dir = $t->dir;
$t->daemon(sub {
    open STDERR, '>', "$dir/prometheus.log";
    open STDOUT, '>&', \*STDERR;
    exec('prometheus', "--config.file=$dir/prometheus.yml", "--storage.tsdb.path=$dir/tsdb",
        "--web.listen-address=127.0.0.1:$port");
});

sub api {
    my ($path, %q) = @_;
    my $args = join '&', map { my $v = $q{$_}; $v =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ge; "$_=$v" } keys %q;
    my $r = eval { http("GET /api/v1/$path?$args HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", port => $port) };
    return $r && json_of($r->{body}) || {};
}

# the value of a query once it has some, while requests go on
sub asked {
    my ($query, $enough) = @_;
    my $end = time() + 30 * $LiteLLM::Peer::slow;
    my $m;
    while (time() < $end) {
        $m = api('query', query => $query);
        return $m if ($m->{status} || '') eq 'error';
        return $m if @{$m->{data}{result} || []} && $enough->($m->{data}{result}[0]{value}[1]);
        traffic();
        sleep 0.3;
    }
    return $m;
}

is(asked('up', sub { $_[0] == 1 })->{data}{result}[0]{value}[1], 1, 'it is scraped');
cmp_ok(asked('count_over_time(up[1m])', sub { $_[0] >= 4 })->{data}{result}[0]{value}[1], '>=', 4, 'several times');
my $m = asked('sum(litellm_requests_metric_total{api_key_alias="robot",model_group="gpt"})', sub { $_[0] > 3 });
cmp_ok($m->{data}{result}[0]{value}[1], '>', 3, 'requests');
$m = asked('litellm_ngx_workers', sub { $_[0] == 2 });
is($m->{data}{result}[0]{value}[1], 2, 'workers');

for (@queries) {
    my ($name, $query) = @$_;
    $query =~ s/\$__rate_interval/1m/g;
    $query =~ s/\$model_group/.*/g;
    $m = asked($query, sub { $_[0] ne 'NaN' });
    ok(($m->{status} || '') eq 'success' && @{$m->{data}{result}}, $name) or diag($query, ' ', explain($m));
}

# rules are evaluated, and none is broken

$m = api('rules');
my @rules = map { @{$_->{rules}} } @{$m->{data}{groups} || []};
cmp_ok(scalar @rules, '>', 8, 'rules are there');
