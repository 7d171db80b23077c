#!/usr/bin/perl

# Health checks in the background: every mode and dialect, one worker at a
# time, spread over the interval, over reloads; what /health tells then, and
# requests that keep away from what fails.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep time);

use LiteLLM::Mock qw(answer openai_chat openai_error openai_text anthropic_message);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(86);
my $dir = $t->dir;
my $slow = $LiteLLM::Peer::slow || 1;

$ENV{AZURE_AUTHORITY_HOST} = '';

my $conf = $t->expand(<<'EOC');
%%TEST_GLOBALS%%
events { worker_connections 512; }
http {
    %%TEST_GLOBALS_HTTP%%
    litellm_config %%DIR%%/litellm.yaml;
    litellm_health_timeout 3s;
    server {
        listen 127.0.0.1:%%PORT_8080%%;
        server_name localhost;
        location / { litellm; }
        location /again/ { litellm; }
        location /rare/ { litellm; litellm_config %%DIR%%/rare.yaml; }
        location /many/ { litellm; litellm_config %%DIR%%/many.yaml; }
        location /some/ { litellm; litellm_config %%DIR%%/some.yaml; }
        location /route/ { litellm; litellm_config %%DIR%%/route.yaml; }
        location /unrouted/ { litellm; litellm_config %%DIR%%/unrouted.yaml; }
        location /transient/ { litellm; litellm_config %%DIR%%/transient.yaml; }
        location /policy/ { litellm; litellm_config %%DIR%%/policy.yaml; }
        location /lenient/ { litellm; litellm_config %%DIR%%/lenient.yaml; }
        location /long/ { litellm; litellm_config %%DIR%%/long.yaml; }
        location /stale/ { litellm; litellm_config %%DIR%%/stale.yaml; }
    }
}
EOC
$conf =~ s/worker_processes 1;/worker_processes 4;/;
$t->write_file('nginx.conf', $conf);

sub openai {
    my ($name, $path, %o) = @_;
    my $port = $o{port} || 8081;
    return <<END . ($o{order} ? "      order: $o{order}\n" : '') . ($o{info} ? "    model_info: {$o{info}}\n" : '');
  - model_name: $name
    litellm_params:
      model: @{[ $o{model} || 'openai/gpt-4o' ]}
      api_base: http://127.0.0.1:%%PORT_$port%%/$path
      api_key: sk-secret-$path
END
}

sub settings {
    return "litellm_settings: {num_retries: 0}\ngeneral_settings:\n  background_health_checks: true\n"
        . join '', map { "  $_\n" } @_;
}

$t->write_file_expand('litellm.yaml', "model_list:\n"
    . openai('good', 'good') . openai('sick', 'sick')
    . openai('slow', 'slow', info => 'health_check_timeout: 0.3') . openai('down', 'down', port => 9)
    . openai('text', 'text', model => 'openai/gpt-3.5-turbo-instruct', info => 'mode: completion')
    . openai('vectors', 'vectors', model => 'openai/text-embedding-3-small', info => 'mode: embedding')
    . openai('ranks', 'ranks', model => 'cohere/rerank-v3.5', info => 'mode: rerank')
    . openai('images', 'images', model => 'openai/dall-e-3', info => 'mode: image_generation')
    . openai('claude', 'claude', model => 'anthropic/claude-3-5-sonnet-20241022', port => 8082,
        info => 'health_check_max_tokens: 5')
    . openai('gemini', 'gemini', model => 'gemini/gemini-2.0-flash', port => 8082)
    . openai('wild/*', 'wild', model => 'openai/*', info => 'health_check_model: openai/gpt-4o-mini')
    . openai('hidden', 'hidden', info => 'disable_background_health_check: true')
    . <<'END' . settings('health_check_interval: 0.6', 'health_check_concurrency: 40'));
  - model_name: entra
    litellm_params:
      model: azure/gpt-4o
      api_base: http://127.0.0.1:%%PORT_8081%%/entra
      api_version: "2024-10-21"
      azure_authority_host: http://127.0.0.1:%%PORT_8082%%
      tenant_id: tenant
      client_id: client
      client_secret: planted-secret
  - model_name: nova
    litellm_params:
      model: bedrock/amazon.nova-lite-v1:0
      aws_bedrock_runtime_endpoint: http://127.0.0.1:%%PORT_8082%%/nova
      aws_region_name: us-east-1
      aws_access_key_id: AKIAEXAMPLE
      aws_secret_access_key: planted-secret
  - model_name: mock
    litellm_params: {model: openai/gpt-4o, mock_response: hello}
  - model_name: unset
    litellm_params: {model: openai/gpt-4o, api_key: os.environ/NO_SUCH_VARIABLE}
END

my $rare = "model_list:\n" . join('', map { openai("rare$_", "rare$_") } 1 .. 6);
my @rare = ('health_check_interval: 3600', 'health_check_details: false');
$t->write_file_expand('rare.yaml', $rare . settings(@rare));

$t->write_file_expand('many.yaml', "model_list:\n" . join('', map { openai("many$_", "many$_", port => 8083) } 1 .. 40)
    . settings('health_check_interval: 2', 'health_check_concurrency: 8'));

$t->write_file_expand('some.yaml', "model_list:\n" . openai('in', 'in') . openai('out', 'out')
    . openai('in', 'not', info => 'disable_background_health_check: true')
    . settings('health_check_interval: 0.4', 'background_health_check_model_groups: [in]',
        'health_check_skip_disabled_background_models: true'));

# each group: one that is well and one that is not, unless it is told to be

my $pair = openai('both', 'well') . openai('both', 'ill') . openai('none', 'ill/a') . openai('none', 'ill/b')
    . openai('first', 'ill/c', order => 1) . openai('first', 'well/c', order => 2);
$t->write_file_expand('route.yaml', "model_list:\n$pair"
    . settings('health_check_interval: 0.4', 'enable_health_check_routing: true')
    . "router_settings: {model_group_alias: {spread: [both, none]}}\n");
$t->write_file_expand('unrouted.yaml', "model_list:\n$pair" . settings('health_check_interval: 0.4'));
$t->write_file_expand('policy.yaml', "model_list:\n" . openai('pair', 'well/p') . openai('pair', 'ill/p')
    . openai('alone', 'ill/q') . openai('transient', 'busy/p') . openai('transient', 'well/q')
    . settings('health_check_interval: 0.4', 'enable_health_check_routing: true', 'health_check_ignore_transient_errors: true')
    . "router_settings: {cooldown_time: 60, allowed_fails_policy: {InternalServerErrorAllowedFails: 1, RateLimitErrorAllowedFails: 1}}\n");
$t->write_file_expand('lenient.yaml', "model_list:\n" . openai('both', 'well/l') . openai('both', 'ill/l')
    . settings('health_check_interval: 0.4', 'enable_health_check_routing: true')
    . "router_settings: {allowed_fails_policy: {InternalServerErrorAllowedFails: 1000000}}\n");
$t->write_file_expand('transient.yaml', "model_list:\n" . openai('both', 'well') . openai('both', 'busy')
    . openai('late', 'well') . openai('late', 'never', info => 'health_check_timeout: 0.2')
    . settings('health_check_interval: 0.4', 'enable_health_check_routing: true',
        'health_check_ignore_transient_errors: true'));
$t->write_file_expand('long.yaml', "model_list:\n" . openai('long', 'long', info => 'health_check_timeout: 20')
    . settings('health_check_interval: 3600'));
$t->write_file_expand('stale.yaml', "model_list:\n" . openai('both', 'well') . openai('both', 'ill')
    . settings('health_check_interval: 30', 'enable_health_check_routing: true',
        'health_check_staleness_threshold: 2.5'));

# who is ill is told by files; requests of clients say "hello"

sub handler {
    my ($peer, $req) = @_;
    my ($uri) = $req->{line} =~ / (\S+) /;
    my ($name) = $uri =~ m{^/(\w+)};
    open my $f, '>>', "$dir/times.log";
    syswrite $f, sprintf "%.3f %s %s\n", time, ($req->{body} =~ /hello/ ? 'client' : 'check'), $uri;
    if ($name =~ /^many/) {
        sleep 0.1;
        syswrite $f, sprintf "%.3f over %s\n", time, $uri;
    }
    close $f;
    return answer(500, openai_error('it is ill', 'x', undef)) if -e "$dir/ill-$name";
    return answer(429, openai_error('busy', 'x', undef)) if $name eq 'busy';
    sleep 2 * $slow if $name eq 'slow' || $name eq 'never' && $req->{body} !~ /hello/;
    for (1 .. 300) { last if $name ne 'long' || !-e "$dir/hold"; sleep 0.1 }
    return answer(200, openai_text('x')) if $name eq 'text';
    return answer(200, '{"object":"list","model":"e","data":[{"object":"embedding","index":0,"embedding":[0.5]}],'
        . '"usage":{"prompt_tokens":3,"total_tokens":3}}') if $name eq 'vectors';
    return answer(200, '{"id":"x","results":[{"index":0,"relevance_score":0.5}],"meta":{}}') if $name eq 'ranks';
    return answer(200, '{"token_type":"Bearer","expires_in":3600,"access_token":"tok-1"}') if $name eq 'tenant';
    return answer(200, '{"candidates":[{"content":{"role":"model","parts":[{"text":"x"}]},"finishReason":"STOP"}],'
        . '"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,"totalTokenCount":2}}') if $name eq 'gemini';
    return answer(200, '{"output":{"message":{"role":"assistant","content":[{"text":"x"}]}},"stopReason":"end_turn",'
        . '"usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"metrics":{"latencyMs":1}}') if $name eq 'nova';
    return answer(200, anthropic_message('x')) if $name eq 'claude';
    return answer(200, openai_chat($name));
}

sub ill { my ($name, $is) = @_; $is ? $t->write_file("ill-$name", '') : unlink "$dir/ill-$name" }

ill(sick => 1);
ill(ill => 1);
$t->write_file('hold', '');

my $mock = $t->mock(8081, \&handler);
my $other = $t->mock(8082, \&handler);
my $many = $t->mock(8083, \&handler);
my $begin = time;
$t->run;

sub checks { my $re = shift; return grep { $_->[1] eq 'check' && $_->[2] =~ $re } times_of() }
sub times_of { return map { chomp; [split ' '] } split /^/, -e "$dir/times.log" ? $t->read_file('times.log') : '' }
sub health { return json_of(http_get($_[0])->{body}) || {} }
sub names { my ($h, $kind) = @_; return join ' ', map { $_->{model_name} } @{$h->{"${kind}_endpoints"} || []} }
sub until_true {
    my ($code, $seconds) = @_;
    my $end = time + ($seconds || 5) * $slow;
    while (time < $end) {
        return 1 if $code->();
        sleep 0.05;
    }
    return $code->() ? 1 : 0;
}

# --- nobody asks, and all are called as they want to be

ok(until_true(sub { !names(health('/health'), 'unprobed') || names(health('/health'), 'unprobed') eq 'images' }),
    'the first round is soon over');
cmp_ok(time - $begin, '<', 3 * $slow, 'and did not wait for the interval');
my $h = health('/health');
is(names($h, 'healthy'), 'good text vectors ranks claude gemini wild/* entra nova mock', 'healthy');
is(names($h, 'unhealthy'), 'sick slow down unset', 'unhealthy');
is(names($h, 'unprobed'), 'images', 'not probed');
is(names(health('/again/health'), 'healthy'), names($h, 'healthy'), 'another location of that file');

my %body = map { my ($n) = $_->{uri} =~ m{^/(\w+)}; ($n => $_) } $mock->requests, $other->requests;
is_deeply(json_of($body{good}{body}), { model => 'gpt-4o', max_tokens => 16,
    messages => [{ role => 'user', content => 'test from litellm' }] }, 'chat: the probe');
is($body{good}{uri}, '/good/chat/completions', 'chat: path');
is($body{text}{uri}, '/text/completions', 'completion: path');
is(json_of($body{text}{body})->{prompt}, 'test from litellm', 'completion: prompt');
is($body{vectors}{uri}, '/vectors/embeddings', 'embedding: path');
is_deeply(json_of($body{vectors}{body})->{input}, ['test from litellm'], 'embedding: input');
like($body{ranks}{uri}, qr{/rerank$}, 'rerank: path');
is(json_of($body{ranks}{body})->{query}, 'test from litellm', 'rerank: query');
is(json_of($body{claude}{body})->{max_tokens}, 5, 'anthropic: health_check_max_tokens');
is($body{claude}{header}{'x-api-key'}, 'sk-secret-claude', 'anthropic: key');
like($body{gemini}{uri}, qr{:generateContent}, 'gemini: path');
like($body{nova}{header}{authorization}, qr/^AWS4-HMAC-SHA256 /, 'bedrock: signed');
is($body{entra}{header}{authorization}, 'Bearer tok-1', 'azure: a token');
is(json_of($body{wild}{body})->{model}, 'gpt-4o-mini', 'a wildcard: health_check_model');

my ($sick, $late, $down) = @{$h->{unhealthy_endpoints}};
like($sick->{error}, qr/InternalServerError.*it is ill/, 'sick: error');
like($late->{error}, qr/timed out/, 'slow: health_check_timeout');
cmp_ok($late->{latency_ms}, '<', 1000 * $slow, 'slow: not longer');
like($down->{error}, qr/[Cc]onnection error/, 'down: error');
unlike(http_get('/health')->{body}, qr/secret|tok-1/, 'no secret');

# --- once in an interval, by one worker, spread

my $from = time;
sleep 3.6;
my @n = grep { $_->[0] > $from && $_->[0] < $from + 3.6 } checks(qr{^/good/});
SKIP: {
    skip 'too slow here', 2 if time - $from > 3.9;
    cmp_ok(scalar(@n), '>=', 5, 'once in an interval');
    cmp_ok(scalar(@n), '<=', 7, 'and not once for each worker');
}
my %at = map { ($_->[2] => $_->[0]) } grep { $_->[0] > $from } checks(qr{^/(good|text|vectors|sick|wild)/});
my @at = sort values %at;
cmp_ok($at[-1] - $at[0], '>', 0.05, 'not all at once');
my $calls = scalar checks(qr/./);
health('/health?model=good') for 1 .. 20;
my @all = checks(qr{^/good/});
is(scalar(checks(qr{^/hidden/})), 0, 'disable_background_health_check');
unlike(names(health('/health'), 'healthy'), qr/hidden/, '... not told');
is(names(health('/health?model=hidden'), 'healthy'), 'hidden', '... but when asked for');
is(scalar(checks(qr{^/hidden/})), 1, '... by a call');

# --- many: not more than so many at a time

ok(until_true(sub { (health('/many/health')->{healthy_count} || 0) == 40 }, 15), 'forty deployments');
my ($most, $now) = (0, 0);
for (grep { $_->[2] =~ m{^/many} } times_of()) {
    $now += $_->[1] eq 'over' ? -1 : 1;
    $most = $now if $now > $most;
}
cmp_ok($most, '<=', 8, "health_check_concurrency ($most)");
cmp_ok($most, '>', 1, 'some at a time');
$from = time;
sleep 4.2;
my @many = grep { $_->[0] > $from } checks(qr{^/many});
SKIP: {
    skip 'too slow here', 2 if time - $from > 4.5;
    cmp_ok(scalar(@many), '>=', 70, 'all of them again');
    cmp_ok(scalar(@many), '<=', 90, 'once in an interval');
}
my @quarter = (0) x 4;
$quarter[int(($_->[0] - $from) / 0.5) % 4]++ for @many;
cmp_ok((sort { $a <=> $b } @quarter)[0], '>=', 8, "spread over the interval (@quarter)");

# --- some groups

ok(until_true(sub { names(health('/some/health'), 'healthy') eq 'in' }), 'background_health_check_model_groups');
is(scalar(checks(qr{^/(out|not)/})), 0, 'the others are not called');
is(names(health('/some/health?model=out'), 'healthy'), 'out', 'but when asked for');
is(http_get('/some/health?model_id=x')->{status}, 404, 'unknown');
is(scalar(checks(qr{^/not/})), 0, 'health_check_skip_disabled_background_models');

# --- failing, recovering

ill(sick => 0);
ok(until_true(sub { names(health('/health'), 'healthy') =~ /sick/ }), 'recovered');
ok($t->wait_log(qr/"openai\/gpt-4o" of "sick" \(\S+:\d+\) is healthy again/), 'said so');
ill(good => 1);
ok(until_true(sub { names(health('/health'), 'unhealthy') =~ /good/ }), 'failed');
ok($t->wait_log(qr/of "good" \(\S+:\d+\) does not pass its health check/), 'said so');
sleep 1.5;
my @told = $t->read_file('error.log') =~ /of "good" \(\S+\) does not pass/g;
is(scalar(@told), 1, 'once');
unlike($t->read_file('error.log'), qr/secret|tok-1/, 'no secret in the log');

# --- reload: nothing is repeated, what is new is called

is(scalar(checks(qr{^/rare})), 6, 'rare: one call each');
$h = health('/rare/health');
is(names($h, 'healthy'), 'rare1 rare2 rare3 rare4 rare5 rare6', 'rare: healthy');
is_deeply($h->{healthy_endpoints}[0], { model => 'openai/gpt-4o', model_name => 'rare1' }, 'health_check_details: false');
is(scalar(checks(qr{^/long/})), 1, 'a long one is under way');
my @old = $t->workers;
ok($t->reload, 'reload');
ok(until_true(sub { my %now = map { ($_ => 1) } $t->workers; !grep { $now{$_} } @old }, 8),
    'old workers leave though checks are under way');
ok(until_true(sub { checks(qr{^/long/}) == 2 }), 'the one that was given up begins again');
sleep 1;
is(scalar(checks(qr{^/rare})), 6, 'no call is repeated');
is(names(health('/rare/health'), 'healthy'), 'rare1 rare2 rare3 rare4 rare5 rare6', 'the results are still there');
$t->write_file_expand('rare.yaml', $rare . openai('rare7', 'rare7') . settings(@rare));
ok($t->reload, 'reload with one more');
ok(until_true(sub { checks(qr{^/rare7/}) }), 'the new one is called');
is(scalar(checks(qr{^/rare})), 7, 'it alone');
$from = scalar checks(qr{^/text/});
ok(until_true(sub { checks(qr{^/text/}) > $from + 1 }), 'checks go on after reloads');

# --- a worker that dies is not missed

kill 'KILL', ($t->serving)[0];
$t->allow_log(qr/\[alert\].*worker process \d+ exited on signal 9/);
$from = scalar checks(qr{^/text/});
ok(until_true(sub { checks(qr{^/text/}) > $from + 2 }), 'a worker dies: checks go on');

# --- routing

sub said {
    my ($path, $model, $n) = @_;
    my %said;
    for (1 .. $n) {
        my $r = http_post("$path/chat/completions", json_text({ model => $model,
            messages => [{ role => 'user', content => 'hello' }] }));
        $said{$r->{status} == 200 ? json_of($r->{body})->{choices}[0]{message}{content} : $r->{status}}++;
    }
    return join ' ', sort keys %said;
}

ok(until_true(sub { names(health('/route/health'), 'unprobed') eq '' }), 'routing: all are known');
is(said('/route', 'both', 40), 'well', 'none goes where checks fail');
is(said('/route', 'none', 4), '500', 'a group without any other is not left alone');
is(said('/route', 'first', 8), 'well', 'the next order at once');
is(said('/route', 'spread', 20), 'well', 'an alias over groups');
is(said('/unrouted', 'both', 60), '500 well', 'without enable_health_check_routing');
is(said('/transient', 'both', 60), '429 well', 'health_check_ignore_transient_errors: 429');
is(said('/transient', 'late', 60), 'never well', 'health_check_ignore_transient_errors: time-outs');
ill(ill => 0);
ok(until_true(sub { said('/route', 'both', 30) eq 'ill well' }), 'it is used again');
ok(until_true(sub { said('/stale', 'both', 30) eq 'ill well' }), 'an old result counts no more');
ill(ill => 1);
ok(until_true(sub { said('/route', 'both', 20) eq 'well' }), 'and left again');

# --- failed checks and allowed_fails_policy

ok($t->wait_log(qr/of "pair" is cooled down for 60000 ms: InternalServerError, status 500/), 'policy: failed checks cool down');
is(said('/policy', 'pair', 20), 'well', 'policy: nobody is sent there');
is(scalar(grep { $_->[1] eq 'client' && $_->[2] =~ m{^/ill/p} } times_of()), 0, 'policy: nobody was');
ok($t->wait_log(qr/of "alone" is cooled down/), 'policy: the only one too');
is(said('/policy', 'alone', 4), '500', 'policy: where all are cooled down that does not count');
unlike($t->read_file('error.log'), qr/of "transient" is cooled down/, 'policy: health_check_ignore_transient_errors');
is(said('/lenient', 'both', 40), '500 well', 'policy: failures that are allowed keep nobody away');

# --- what is wrong in a file

for my $case (
    ['health_check_interval: 0', qr/litellm\.yaml:\d+: "health_check_interval" must be more than 0/],
    ['health_check_interval: often', qr/litellm\.yaml:\d+: "health_check_interval" must be a number/],
    ['health_check_concurrency: 0', qr/litellm\.yaml:\d+: "health_check_concurrency" must be/],
    ['background_health_check_model_groups: good', qr/litellm\.yaml:\d+: "background_health_check_model_groups" must be a list/])
{
    my ($line, $re) = @$case;
    $t->write_file_expand('litellm.yaml', "model_list:\n" . openai('good', 'good') . settings($line));
    like(($t->test_conf)[1], $re, $line);
}

# --- the end, with checks under way: finish_checks() looks for alerts

ok(until_true(sub { checks(qr{^/never/}) > 1 }), 'one is under way');
unlink "$dir/hold";
