#!/usr/bin/perl

# GET /health, /health/readiness, /health/liveliness, /models and /models/{id}.

use warnings;
use strict;

use Encode ();
use Test::More;
use Time::HiRes qw(sleep time);

use LiteLLM::Mock qw(answer openai_chat openai_error openai_text anthropic_message);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(89);

my $conf = $t->expand(<<'EOC');

%%TEST_GLOBALS%%

events {
    worker_connections 512;
}

http {
    %%TEST_GLOBALS_HTTP%%

    litellm_config %%DIR%%/litellm.yaml;
    litellm_zone zone=here:256k;
    litellm_cache_zone zone=answers:1m;
    litellm_health_valid 3s;
    litellm_health_timeout 8s;

    server {
        listen 127.0.0.1:%%PORT_8080%%;
        server_name localhost;

        location / {
            litellm;
        }

        location /hasty/ {
            litellm;
            litellm_health_timeout 300ms;
        }

        location /always/ {
            litellm;
            litellm_health_valid 0;
            litellm_health_parallel 2;
        }

        location /key/ {
            litellm;
            litellm_config %%DIR%%/key.yaml;
        }

        location /many/ {
            litellm;
            litellm_config %%DIR%%/many.yaml;
            litellm_health_parallel 3;
        }

        location /mock/ {
            litellm;
            litellm_config %%DIR%%/mock.yaml;
        }

        location /told/ {
            litellm;
            litellm_cache on;
            error_log %%DIR%%/error.log warn;
        }
    }
}

EOC

$conf =~ s/worker_processes 1;/worker_processes 2;/;
$t->write_file('nginx.conf', $conf);

$t->write_file_expand('litellm.yaml', <<'EOC');
model_list:
  - model_name: good
    litellm_params:
      model: openai/gpt-4o
      api_base: http://127.0.0.1:%%PORT_8081%%/v1?key=secret-query
      api_key: sk-secret-good
    model_info:
      id: good-1
  - model_name: refused
    litellm_params:
      model: openai/gpt-4o
      api_base: http://127.0.0.1:%%PORT_8081%%/refused
      api_key: sk-secret-refused
  - model_name: down
    litellm_params:
      model: openai/gpt-4o
      api_base: http://127.0.0.1:%%PORT_9%%/v1
      api_key: sk-secret-down
  - model_name: slow
    litellm_params:
      model: openai/gpt-4o
      api_base: http://127.0.0.1:%%PORT_8081%%/slow
      api_key: sk-secret-slow
  - model_name: claude
    litellm_params:
      model: anthropic/claude-3-5-sonnet-20241022
      api_base: http://127.0.0.1:%%PORT_8082%%
      api_key: sk-secret-claude
  - model_name: unset
    litellm_params:
      model: openai/gpt-4o
      api_key: os.environ/NO_SUCH_VARIABLE
  - model_name: "openai/*"
    litellm_params:
      model: "openai/*"
      api_base: http://127.0.0.1:%%PORT_8081%%/wild
      api_key: sk-secret-wild
  - model_name: "checked/*"
    litellm_params:
      model: "openai/*"
      api_base: http://127.0.0.1:%%PORT_8081%%/checked
      api_key: sk-secret-checked
    model_info:
      health_check_model: openai/gpt-4o-mini
  - model_name: image
    litellm_params:
      model: openai/dall-e-3
      api_base: http://127.0.0.1:%%PORT_8081%%/image
      api_key: sk-secret-image
    model_info:
      mode: image_generation
  - model_name: instruct
    litellm_params:
      model: openai/gpt-3.5-turbo-instruct
      api_base: http://127.0.0.1:%%PORT_8081%%/instruct
      api_key: sk-secret-instruct
    model_info:
      mode: completion
  - model_name: vectors
    litellm_params:
      model: openai/text-embedding-3-small
      api_base: http://127.0.0.1:%%PORT_8081%%/vectors
      api_key: sk-secret-vectors
    model_info:
      mode: embedding
  - model_name: thinker
    litellm_params:
      model: openai/o3-mini
      api_base: http://127.0.0.1:%%PORT_8081%%/thinker
      api_key: sk-secret-thinker
  - model_name: mock
    litellm_params:
      model: openai/gpt-4o
      mock_response: hello
router_settings:
  model_group_alias:
    other-name: good
    hidden-name: {model: good, hidden: true}
EOC

$t->write_file_expand('key.yaml', <<'EOC');
general_settings:
  master_key: sk-a-long-enough-master-key
model_list:
  - model_name: mock
    litellm_params:
      model: openai/gpt-4o
      mock_response: hello
EOC

$t->write_file_expand('mock.yaml', <<'EOC');
general_settings:
  allow_public_health_readiness_details: true
model_list:
  - model_name: gpt-3.5-turbo
    litellm_params:
      model: openai/gpt-3.5-turbo
      mock_response: hello
  - model_name: limited
    litellm_params:
      model: openai/gpt-3.5-turbo
      mock_response: litellm.RateLimitError
EOC

$t->write_file_expand('many.yaml', "model_list:\n" . join '', map { <<EOC } 1 .. 60);
  - model_name: many
    litellm_params:
      model: openai/gpt-4o
      api_base: http://127.0.0.1:%%PORT_8083%%/v$_
      api_key: sk-secret-many
EOC

my $mock = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    my $raw = $req->{raw};
    return answer(401, openai_error('Incorrect API key provided: sk-secret-refused. ' . "\x{c3}\x{a9}" x 200,
        'invalid_request_error', 'invalid_api_key')) if $raw =~ m{^POST /refused/};
    return answer(400, openai_error('Could not finish the message because max_tokens or model '
        . 'output limit was reached.', 'invalid_request_error', undef)) if $raw =~ m{^POST /thinker/};
    return answer(200, openai_text('x')) if $raw =~ m{^POST /instruct/};
    return answer(200, '{"object":"list","model":"e","data":[{"object":"embedding","index":0,'
        . '"embedding":[0.5]}],"usage":{"prompt_tokens":3,"total_tokens":3}}') if $raw =~ m{^POST /vectors/};
    sleep 1.2 if $raw =~ m{^POST /slow/};
    return answer(200, openai_chat('fine'));
});
my $claude = $t->mock(8082, sub { return answer(200, anthropic_message('fine')) });
my $many = $t->mock(8083, sub {
    my ($peer, $req, $n) = @_;
    sleep 0.05;
    return answer(200, openai_chat('fine'));
});

$t->run;

# --- neighbours that call nobody

my $r = http_get('/health/liveliness');
is("$r->{status} $r->{body}", q{200 "I'm alive!"}, 'liveliness');
is($r->{header}{'content-type'}, 'application/json', 'its type');
is(http_get('/health/liveness')->{body}, q{"I'm alive!"}, 'liveness');
is_deeply(json_of(http_get('/health/readiness')->{body}),
    { status => 'healthy', db => 'Not connected' }, 'readiness');
is(http("HEAD /health/readiness HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")->{status}, 200, 'HEAD');
is(http_post('/health/readiness', '{}')->{status}, 405, 'POST');
is(http_get('/key/health/liveliness')->{status}, 200, 'liveliness needs no key');
is(http_get('/key/health/readiness')->{status}, 200, 'readiness needs no key');
is(http_get('/key/health/readiness/details')->{status}, 401, 'its details need a key');
my $details = json_of(http_get('/told/health/readiness/details')->{body});
like(delete $details->{litellm_version}, qr/^\d+\.\d+\.\d+$/, 'details: a version');
is_deeply($details, { status => 'healthy', db => 'Not connected', cache => 'local', success_callbacks => ['prometheus'],
    log_level => 'WARNING', is_detailed_debug => JSON::PP::false(), use_aiohttp_transport => JSON::PP::false() }, 'details');
$details = json_of(http_get('/mock/health/readiness')->{body});
ok(exists $details->{cache} && !defined $details->{cache}, 'details for everybody, where that is wished: no cache');
is(http_get('/key/health')->{status}, 401, 'health needs the key');
is(http_get('/key/models')->{status}, 401, 'models need the key');
is(http_get('/key/health', Authorization => 'Bearer sk-a-long-enough-master-key')->{status}, 200, 'health with the key');
is(scalar($mock->requests), 0, 'nobody was called');

# --- mock deployments

my $h = health('/mock/health');
is($h->{healthy_count}, 1, 'a mock answer is healthy');
is($h->{healthy_endpoints}[0]{model}, 'openai/gpt-3.5-turbo', 'its model');
is($h->{unhealthy_count}, 1, 'a mock error is not');
like($h->{unhealthy_endpoints}[0]{error}, qr/RateLimitError/, 'its error');
ok(!exists $h->{unprobed_endpoints}, 'unprobed only if there are any');

# --- all of them

my $start = time;
$r = http_get('/health');
$h = json_of($r->{body});
is($r->{status}, 200, 'health');
is($h->{healthy_count}, 8, 'healthy') or diag $r->{body};
is($h->{unhealthy_count}, 3, 'unhealthy') or diag $r->{body};
is($h->{unprobed_count}, 2, 'unprobed') or diag $r->{body};
is(scalar @{$h->{healthy_endpoints}}, $h->{healthy_count}, 'healthy: list');
is(scalar @{$h->{unhealthy_endpoints}}, $h->{unhealthy_count}, 'unhealthy: list');
is(scalar @{$h->{unprobed_endpoints}}, $h->{unprobed_count}, 'unprobed: list');
is(join(' ', names($h, 'healthy')), 'good slow claude checked/* instruct vectors thinker mock', 'healthy: order');
is(join(' ', names($h, 'unhealthy')), 'refused down unset', 'unhealthy: order');
is(join(' ', names($h, 'unprobed')), 'openai/* image', 'unprobed: order');

my $good = $h->{healthy_endpoints}[0];
is($good->{model}, 'openai/gpt-4o', 'model');
is($good->{model_id}, 'good-1', 'model_id');
is($good->{api_base}, 'http://127.0.0.1:' . $t->port(8081) . '/v1', 'api_base without user and query');
like($good->{latency_ms}, qr/^\d+$/, 'latency');

my ($refused, $down, $unset) = @{$h->{unhealthy_endpoints}};
like($refused->{error}, qr/AuthenticationError.*Incorrect API key/, 'refused: error');
cmp_ok(length Encode::encode('UTF-8', $refused->{error}), '<=', 120, 'refused: cut');
unlike($refused->{error}, qr/\x{fffd}/, 'refused: not cut in a character');
like($down->{error}, qr/APIConnectionError|InternalServerError|Connection error/, 'down: error');
is($unset->{error}, 'environment variable NO_SUCH_VARIABLE is not set', 'unset: the name of the variable');
unlike($r->{body}, qr/secret/, 'no secret');
is($h->{unprobed_endpoints}[0]{reason}, 'a wildcard without model_info.health_check_model', 'unprobed: reason');

# --- what was sent

my ($body) = map { json_of($_->{body}) } $mock->requests(qr{^/v1/});
is_deeply($body, { model => 'gpt-4o', max_tokens => 16,
    messages => [{ role => 'user', content => 'test from litellm' }] }, 'the probe');
($body) = map { json_of($_->{body}) } $mock->requests(qr{^/thinker/});
is($body->{max_completion_tokens}, 16, 'max_completion_tokens of a reasoning model');
($body) = map { json_of($_->{body}) } $mock->requests(qr{^/checked/});
is($body->{model}, 'gpt-4o-mini', 'health_check_model');
($body) = map { json_of($_->{body}) } $mock->requests(qr{^/instruct/completions});
is($body->{prompt}, 'test from litellm', 'a completion model');
($body) = map { json_of($_->{body}) } $mock->requests(qr{^/vectors/embeddings});
is_deeply($body->{input}, ['test from litellm'], 'an embedding model');
($body) = map { json_of($_->{body}) } $claude->requests;
is($body->{max_tokens}, 16, 'a translated probe');
is(scalar($mock->requests(qr{^/(wild|image)/})), 0, 'the others were not called');

# --- the result is kept, for all workers

my $n = scalar $mock->requests;
my $before = time;
for (1 .. 8) {
    health('/health');
}
SKIP: {
    skip 'too slow here', 1 if time - $before > 1.5;
    is(scalar($mock->requests), $n, 'results are kept');
}
$h = health('/always/health');
cmp_ok(scalar($mock->requests), '>', $n, 'litellm_health_valid 0: called again');
sleep 3.1;
$n = scalar $mock->requests(qr{^/v1/});
health('/health?model=good');
is(scalar($mock->requests(qr{^/v1/})), $n + 1, 'called again when the time is over');

# --- at the same time: one probe

sleep 3.1;
$n = scalar $mock->requests(qr{^/slow/});
my @c = map { start("GET /health?model=slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") } 1 .. 6;
my @r = map { json_of(finish($_)->{body}) } @c;
is(join(' ', map { $_->{healthy_count} } @r), '1 1 1 1 1 1', 'six answers');
is(scalar($mock->requests(qr{^/slow/})), $n + 1, 'from one probe');

# --- ?model=

is(join(' ', names(health('/health?model=good'), 'healthy')), 'good', '?model= group');
is(join(' ', names(health('/health?model=other-name'), 'healthy')), 'good', '?model= alias');
is(join(' ', names(health('/health?model=checked%2F*'), 'healthy')), 'checked/*', '?model= escaped');
is(join(' ', names(health('/health?model=openai/o3-mini'), 'healthy')), 'thinker', '?model= model');
is(join(' ', names(health('/health?model_id=good-1'), 'healthy')), 'good', '?model_id=');
$r = http_get('/health?model=nobody');
is($r->{status}, 404, '?model= unknown');
is(json_of($r->{body})->{error}{param}, 'model', '?model= unknown: error');

# --- the time is over

sleep 3.1;
$start = time;
$h = health('/hasty/health?model=slow');
cmp_ok(time - $start, '<', 1.1 * $LiteLLM::Peer::slow, 'litellm_health_timeout');
is($h->{unhealthy_count}, 1, 'timed out: unhealthy');
like($h->{unhealthy_endpoints}[0]{error}, qr/timed out/, 'timed out: error');

# --- the client goes: the probe is not repeated at once

sleep 3.1;
$n = scalar $mock->requests(qr{^/slow/});
my $c = start("GET /health?model=slow HTTP/1.1\r\nHost: a\r\n\r\n");
for (1 .. 100) {
    last if $mock->requests(qr{^/slow/}) > $n;
    sleep 0.02;
}
$c->close;
ok($t->wait_access(qr{/health\?model=slow HTTP/1.1" 499}), 'client gone');
$h = health('/hasty/health?model=slow');
is(scalar($mock->requests(qr{^/slow/})), $n + 1, 'not probed again');
is($h->{unhealthy_count}, 1, 'the last result is given');

# --- many

$start = time;
$h = health('/many/health');
is($h->{healthy_count}, 60, 'many');
cmp_ok(time - $start, '>', 0.9, 'at most three at once');
is(scalar($many->requests), 60, 'many: one request each');

# --- a reload keeps the zone

ok($t->reload, 'reload');
sleep 0.3;
$h = health('/many/health');
is($h->{healthy_count}, 60, 'after a reload');
is(scalar($many->requests), 60, 'results survive a reload');

# --- a worker that is leaving: it has a request of which it has seen the beginning

for my $path (qw(readiness liveliness)) {
    my $got = '';
    for (1 .. 20) {
        my $c = start("GET /health/$path HTTP/1.1\r\nHost: a\r\n\r\n");
        is($c->read_message->{status}, 200, "$path: before") if !$got;
        $c->write("GET /health/$path HTTP/1.1\r\n");
        select undef, undef, undef, 0.02 * $LiteLLM::Peer::slow;
        $t->reload;
        $c->write("Host: a\r\n\r\n");
        my $r = finish($c);
        $got = "$r->{status} $r->{body}";
        last if $r->{status};           # closed as an idle one if the worker did not see it
    }
    is($got, $path eq 'readiness' ? '503 {"status":"shutting_down"}' : q{200 "I'm alive!"}, "$path: while it leaves");
}

# --- models

$r = http_get('/models');
my $m = json_of($r->{body});
is($m->{object}, 'list', 'models');
is(join(' ', map { $_->{id} } @{$m->{data}}), 'good refused down slow claude unset openai/* checked/* '
    . 'image instruct vectors thinker mock other-name', 'models: names');
is($m->{data}[0]{object}, 'model', 'models: object');
is($m->{data}[0]{created}, 1677610602, 'models: created');
is($m->{data}[0]{owned_by}, 'openai', 'models: owned_by');
is(http_get('/v1/models')->{body}, $r->{body}, 'models with /v1');
is(json_of(http_get('/v1/models/good')->{body})->{id}, 'good', 'a model');
is(json_of(http_get('/models/openai/gpt-4o')->{body})->{id}, 'openai/gpt-4o', 'a model of a wildcard');
is(json_of(http_get('/models/hidden-name')->{body})->{id}, 'hidden-name', 'a hidden alias');
$r = http_get('/models/no/such%22model');
is($r->{status}, 404, 'unknown model');
is_deeply(json_of($r->{body})->{error}, { message => 'The model `no/such"model` does not exist or is '
    . 'not accessible', type => 'invalid_request_error', param => 'model',
    code => 'model_not_found' }, 'unknown model: error');
unlike(http_get('/models')->{body}, qr/secret|127\.0\.0\.1/, 'models: nothing of the providers');


sub health {
    my $r = http_get($_[0]);
    return json_of($r->{body}) || {};
}

sub names {
    my ($h, $kind) = @_;
    return map { $_->{model_name} } @{$h->{"${kind}_endpoints"} || []};
}
