#!/usr/bin/perl

# Variables in log lines: answers, streams, errors, fallbacks, clients that
# leave, requests that call no model; who asked; names that a client makes up.
# The one line of the error log of a request that failed.

use warnings;
use strict;

use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use File::Basename qw(dirname);
use Test::More;
use Time::HiRes qw(sleep time);

use LiteLLM::Mock qw(answer chunked openai_chat openai_chunk openai_error sse anthropic_message);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(86);

my $slow = $LiteLLM::Peer::slow;
my @yes = (stream => JSON::PP::true);
my @names = qw(call_id model model_group provider provider_model deployment finish_reason stream error_class
    key_alias key_hash user team end_user prompt_tokens completion_tokens cached_tokens reasoning_tokens
    total_tokens usage_estimated cost attempts fallbacks ttft upstream_time overhead_time redis redis_time
    cache_status cache_age);
my $format = join ',', '"mark":"$http_mark"', '"status":"$status"', map { qq("$_":"\$litellm_$_") } @names;

my $top = dirname(dirname(abs_path(__FILE__)));

$t->write_conf(http => "litellm_cache_zone zone=answers:1m;\ninclude $top/conf-examples/log.conf;\naccess_log %%DIR%%/json.log litellm;\naccess_log %%DIR%%/parts.log litellm_parts;\nlog_format vars escape=json '{$format}';\naccess_log %%DIR%%/vars.log vars;\n",
    location => "add_header x-model \$litellm_model always;\nadd_header x-attempts \$litellm_attempts always;\n",
    server => "location = /other { return 200 \"\$litellm_model|\$litellm_cost|\$litellm_key_hash|\$litellm_error_class\"; }\nlocation /kept/ { litellm; litellm_cache on; }\n"
    . "location /early/ { litellm; set \$early \"" . join('|', map { "\${litellm_$_}" } @names, 'log', 'spend_log') . "\"; add_header x-early \"[\$early]\" always; add_header x-model \$litellm_model always; }\n");

sub entry {
    my ($name, $model, $port, $id, @more) = @_;
    return "  - model_name: '$name'\n    litellm_params:\n      model: $model\n"
        . "      api_base: http://127.0.0.1:%%PORT_$port%%/v1\n      api_key: sk-provider-secret\n"
        . join('', map { "      $_\n" } @more) . "    model_info: {id: $id}\n";
}

$t->write_file_expand('litellm.yaml', "model_list:\n"
    . entry('gpt', 'openai/gpt-4o', 8081, 'one')
    . entry('claude', 'anthropic/claude-sonnet-4-5', 8081, 'two') =~ s/_8081%%\/v1/_8081%%/r
    . entry('first', 'openai/gpt-4o', 8081, 'first-1')
    . entry('mock', 'openai/gpt-4o', 8081, 'mock-1', 'mock_response: hi')
    . join('', map { entry("chain$_", 'openai/gpt-4o', 8081, "link-$_") } 0 .. 9)
    . entry('any/*', 'openai/*', 8081, 'wild')
    . <<'END_YAML');
router_settings:
  num_retries: 0
  disable_cooldowns: true
  max_fallbacks: 20
  fallbacks: [{first: [gpt]}, {chain0: [chain1, chain2, chain3, chain4, chain5, chain6, chain7, chain8, chain9]}]
  model_group_alias: {nick: gpt}
general_settings:
  master_key: sk-master-secret
virtual_keys:
  - {key: sk-virtual-secret-key, key_alias: "robot \"7\"", user_id: ann, team_id: red}
END_YAML

# each connection has one answer: the next request comes on another one
sub once { return (shift =~ s/\r\n\r\n/\r\nConnection: close\r\n\r\n/r) }

# nginx lingers, and then writes its log: the client has to go
sub ended { my $r = finish($_[0]); $_[0]->close; return $r }

my $up = $t->listener(8081);
$t->run;

my $mark = 0;
my $key = 'sk-virtual-secret-key';

sub ask { return chat($_[0], @_[1 .. $#_], headers => ['mark', 'm' . ++$mark . '.', Authorization => "Bearer $key"]) }

# the line of the last request
sub vars {
    my $end = time() + 10 * $LiteLLM::Peer::slow;
    while (time() < $end) {
        return json_of($1) || { bad => $1 } if $t->read_file('vars.log') =~ /^(.*"mark":"m$mark\.".*)$/m;
        sleep 0.02;
    }
    return {};
}

# ... and this of it
sub are {
    my ($name, %want) = @_;
    my $v = vars();
    my %got = map { $_ => $v->{$_} } keys %want;
    is_deeply(\%got, \%want, $name) or diag(explain($v));
    return $v;
}

my $re_time = qr/^\d+\.\d{3}$/;
my %nothing = map { $_ => '' } qw(redis redis_time prompt_tokens total_tokens ttft upstream_time overhead_time deployment provider
    provider_model finish_reason);

# an answer

my (undef, $r) = exchange($up, ask('nick', user => "j\"o\\e\n"), answer(200, openai_chat('hi', usage => { prompt_tokens => 1000,
    completion_tokens => 100, total_tokens => 1100, prompt_tokens_details => { cached_tokens => 600 },
    completion_tokens_details => { reasoning_tokens => 30 } })));
is($r->{status}, 200, 'answer: status');
is($r->{header}{'x-model'}, 'nick', 'answer: in a header');
is($r->{header}{'x-attempts'}, '1', 'answer: a number in a header');
my $v = are('answer', status => 200, call_id => $r->{header}{'x-litellm-call-id'}, model => 'nick', model_group => 'gpt',
    provider => 'openai', provider_model => 'gpt-4o', deployment => 'one', finish_reason => 'stop', stream => '0',
    error_class => '', key_alias => 'robot "7"', key_hash => sha256_hex($key), user => 'ann', team => 'red',
    prompt_tokens => 1000, completion_tokens => 100, cached_tokens => 600, reasoning_tokens => 30,
    total_tokens => 1100, cost => '0.00275', attempts => 1, fallbacks => 0, ttft => '');
like($v->{call_id}, qr/^[0-9a-f]{8}-[0-9a-f-]{27}$/, 'answer: call id');
like($v->{$_}, $re_time, "answer: $_") for qw(upstream_time overhead_time);
like($v->{end_user}, qr/^j"o\\e/, 'answer: the end user is JSON-safe');
unlike($v->{end_user}, qr/[\x00-\x1f]/, 'answer: ... without a control character');

# another dialect

exchange($up, ask('claude'), answer(200, anthropic_message('hi', usage => { input_tokens => 10, output_tokens => 4,
    cache_read_input_tokens => 90 })));
are('other dialect', status => 200, model_group => 'claude', provider => 'anthropic', deployment => 'two',
    provider_model => 'claude-sonnet-4-5', finish_reason => 'stop', prompt_tokens => 100, completion_tokens => 4,
    cached_tokens => 90, total_tokens => 104);

# a mock

http(ask('mock'));
are('mock', status => 200, deployment => 'mock-1', finish_reason => 'stop', attempts => 1, error_class => '');

# a cache

sub kept { return ask('gpt', uri => '/kept/v1/chat/completions', user => 'kept') }
exchange($up, kept(), answer(200, openai_chat('hi')));
are('a miss', status => 200, cache_status => 'MISS', cache_age => '', attempts => 1, total_tokens => 10);
http(kept());
$v = are('a hit', status => 200, cache_status => 'HIT', attempts => 0, deployment => '', model_group => 'gpt', cost => '0');
like($v->{cache_age}, qr/^\d$/, 'a hit: its age');

# time is told

my $c = start(ask('gpt'));
my ($peer) = $up->request;
sleep 0.6 * $slow;
$peer->write(once(answer(200, openai_chat('hi'))));
ended($c);
$v = vars();
cmp_ok($v->{upstream_time}, '>=', 0.5 * $slow, 'slow answer: time of the deployment');
cmp_ok($v->{overhead_time}, '<', 0.5 * $slow, 'slow answer: not of the gateway');

# the body is late: nobody's time

my $raw = ask('gpt');
$c = start(substr $raw, 0, -10);
sleep 0.6 * $slow;
$c->write(substr $raw, -10);
($peer) = $up->request;
$peer->write(once(answer(200, openai_chat('hi'))));
ended($c);
$v = vars();
cmp_ok($v->{upstream_time} + $v->{overhead_time}, '<', 0.5 * $slow, 'slow body: not counted');

# a stream

$c = start(ask('gpt', @yes));
($peer) = $up->request;
sleep 0.2;
my $events = once chunked(sse(openai_chunk('hi'), openai_chunk({}, choices => [{ index => 0, delta => {}, finish_reason => 'length' }]),
    openai_chunk({}, choices => [], usage => { prompt_tokens => 7, completion_tokens => 3, total_tokens => 10 }), '[DONE]'));
my $cut = index($events, 'data: ', index($events, '"hi"')) - 4;
$peer->write(substr $events, 0, $cut);
$c->read_until(qr/"hi"/);
sleep 0.2;
$peer->write(substr $events, $cut);
ended($c);
$v = are('stream', status => 200, stream => '1', finish_reason => 'length', prompt_tokens => 7, completion_tokens => 3,
    total_tokens => 10, cached_tokens => 0, reasoning_tokens => 0, attempts => 1, error_class => '', cost => '0.0000475');
cmp_ok($v->{ttft}, '>=', 0.15, 'stream: ttft');
cmp_ok($v->{upstream_time} - $v->{ttft}, '>=', 0.15, 'stream: the rest took longer');

# an error

my $at = $t->log_size;
($r) = (exchange($up, ask('gpt'), answer(429, openai_error('slow down', 'x'))))[1];
is($r->{status}, 429, 'error: status');
is($r->{header}{'x-model'}, 'gpt', 'error: in a header');
are('error', status => 429, error_class => 'RateLimitError', deployment => 'one', provider => 'openai', attempts => 1,
    fallbacks => 0, prompt_tokens => 0, total_tokens => 0, cost => '0', finish_reason => '', ttft => '');
my $id = $r->{header}{'x-litellm-call-id'};
ok($t->wait_log(qr/\[info\].*litellm: request $id for "gpt" failed: RateLimitError, status 429, 1 attempt: 1 at "one" of "gpt" RateLimitError 429 \d+ ms[ ,]/, $at),
    'error: one line, info');

$at = $t->log_size;
exchange($up, ask('gpt'), answer(503, openai_error('down', 'x')));
are('error of the provider', status => 503, error_class => 'ServiceUnavailableError');
ok($t->wait_log(qr/\[warn\].*litellm: request \S+ for "gpt" failed: ServiceUnavailableError, status 503, 1 attempt: /, $at),
    'error of the provider: one line, warn');
is(() = substr($t->read_file('error.log'), $at) =~ /\[warn\]/g, 1, 'error of the provider: just one');

# a fallback

$at = $t->log_size;
$c = start(ask('first'));
for my $answer (answer(500, openai_error('x', 'y')), answer(200, openai_chat('hi'))) {
    ($peer) = $up->request;
    sleep 0.1;
    $peer->write(once($answer));
}
ended($c);
$v = are('fallback', status => 200, model => 'first', model_group => 'gpt', deployment => 'one', attempts => 2,
    fallbacks => 1, error_class => '', prompt_tokens => 7, finish_reason => 'stop');
cmp_ok($v->{upstream_time}, '>=', 0.15, 'fallback: the time of both');
ok($t->wait_log(qr/\[info\].*attempt 1 at deployment "first-1" of "first" failed: InternalServerError, status 500/, $at),
    'fallback: the attempt that failed');
unlike(substr($t->read_file('error.log'), $at), qr/litellm: request /, 'fallback: no request failed');

$at = $t->log_size;
$c = start(ask('first'));
for (1 .. 2) {
    ($peer) = $up->request;
    $peer->write(once(answer(500 + $_, openai_error('x', 'y'))));
}
is(ended($c)->{status}, 501, 'fallback that fails: the first error');
are('fallback that fails', attempts => 2, fallbacks => 1, deployment => 'one');
ok($t->wait_log(qr/request \S+ for "first" failed: \w+, status 501, 2 attempts: 1 at "first-1" of "first" \w+ 501 \d+ ms, 2 at "one" of "gpt" \w+ 502 \d+ ms/, $at),
    'fallback that fails: one line, both');

# many attempts: the first and the last are told

$at = $t->log_size;
$c = start(ask('chain0'));
for (1 .. 10) {
    ($peer) = $up->request;
    $peer->write(once(answer(500, openai_error('x', 'y')))) if $peer;
}
is(ended($c)->{status}, 500, 'many attempts: status');
are('many attempts', attempts => 10, fallbacks => 9);
ok($t->wait_log(qr/failed: \w+, status 500, 10 attempts: 1 at "link-0" of "chain0" \w+ 500 \d+ ms \.\.\. 6 at "link-5" .*, 10 at "link-9" of "chain9" /, $at),
    'many attempts: the line is short');

# a stream that is cut

$at = $t->log_size;
$c = start(ask('gpt', @yes));
($peer) = $up->request;
$peer->write(once chunked(sse(openai_chunk('word')), undef));
$c->read_until(qr/"word"/);
$peer->close;
like($c->read_until(qr/"error".*?\r\n0\r\n/s) // '', qr/"error"/, 'cut stream: told to the client');
$c->close;
are('cut stream', status => 200, error_class => 'APIConnectionError', stream => '1', attempts => 1,
    completion_tokens => 1);
ok($t->wait_log(qr/\[warn\].*litellm: request \S+ for "gpt" failed in its stream: APIConnectionError, status 500, 1 attempt: 1 at "one"/, $at),
    'cut stream: one line');

# clients that leave: before anything came, and in a stream

$c = start(ask('gpt'));
($peer) = $up->request;
sleep 0.1;
$c->close;
$v = are('client leaves', status => 499, model => 'gpt', deployment => 'one', attempts => 1, completion_tokens => 0,
    usage_estimated => '1', error_class => '', stream => '0', finish_reason => '');
cmp_ok($v->{prompt_tokens}, '>', 5, 'client leaves: its prompt, about');
cmp_ok($v->{total_tokens}, '==', $v->{prompt_tokens}, 'client leaves: and nothing else');
cmp_ok($v->{cost}, '>', 0, 'client leaves: it costs');
cmp_ok($v->{upstream_time}, '>=', 0.08, 'client leaves: time so far');
$peer->close;

$c = start(ask('gpt', @yes));
($peer) = $up->request;
$peer->write(chunked(sse(map { openai_chunk("w$_") } 1 .. 8), undef));
$c->read_until(qr/"w8"/);
$c->close;
$v = are('client leaves a stream', status => 200, stream => '1', completion_tokens => 8, attempts => 1, error_class => '',
    usage_estimated => '1');
cmp_ok($v->{prompt_tokens}, '>', 5, 'client leaves a stream: its prompt, about');
cmp_ok($v->{total_tokens}, '==', $v->{prompt_tokens} + 8, 'client leaves a stream: the sum');
cmp_ok($v->{cost}, '>', 0, 'client leaves a stream: it costs');
like($v->{ttft}, $re_time, 'client leaves a stream: ttft');
$peer->close;

# refused before anybody is asked

$at = $t->log_size;
http(ask('nobody'));
are('no such model', status => 400, model => 'nobody', model_group => 'nobody', error_class => 'BadRequestError',
    attempts => 0, fallbacks => 0, user => 'ann', %nothing);
ok($t->wait_log(qr/\[info\].*request \S+ for "nobody" failed: BadRequestError, status 400, nobody was asked/, $at),
    'no such model: one line');

http(LiteLLM::Test::post_request('/v1/chat/completions', '{"model":', mark => 'm' . ++$mark . '.', Authorization => "Bearer $key"));
are('no JSON', status => 400, model => '', error_class => 'BadRequestError', attempts => 0, %nothing);

$key = 'sk-unknown-secret';
http(ask('gpt'));
are('unknown key', status => 401, key_alias => '', key_hash => '', model => '', error_class => 'AuthenticationError',
    stream => '', call_id => '', %nothing);

# the master key

$key = 'sk-master-secret';
exchange($up, ask('gpt'), answer(200, openai_chat('hi')));
are('master key', status => 200, key_alias => '', key_hash => 'litellm_proxy_master_key', user => '', team => '',
    end_user => '');

# no call of a model

$mark++;
http_get('/v1/models', mark => "m$mark.", Authorization => "Bearer sk-virtual-secret-key");
are('list of models', status => 200, key_alias => 'robot "7"', user => 'ann', team => 'red',
    (map { $_ => '' } qw(call_id model model_group stream attempts fallbacks cost)), %nothing);
$mark++;
is(http_get('/other', mark => "m$mark.")->{body}, '|||', 'another location: nothing');
are('another location', map { $_ => '' } @names);

# before the access phase

(undef, $r) = exchange($up, chat('gpt', uri => '/early/v1/chat/completions', headers => [Authorization => 'Bearer sk-virtual-secret-key']),
    answer(200, openai_chat('hi')));
is($r->{header}{'x-early'} =~ s/\{.*\}//r, '[' . '|' x (@names + 1) . ']', 'early: nothing is known');
is($r->{header}{'x-model'}, 'gpt', 'early: and is known later');

# names of a client's making

for my $case (["any/x\r\nEvil: 1", 'any/x??Evil: 1', 'line end'], ["any/\"q\" \\ \x{e4}", "any/\"q\" \\ \x{e4}", 'quotes'],
    ["any/\x7f\x01", 'any/??', 'control'])
{
    my ($name, $want, $what) = @$case;
    $at = $t->log_size;
    $r = $want =~ /\?/ ? http(ask($name)) : (exchange($up, ask($name), answer(500, openai_error('x', 'y'))))[1];
    is($r->{status}, $want =~ /\?/ ? 400 : 500, "$what: status");
    unlike($r->{head}, qr/^Evil/m, "$what: no header of it");
    $v = are($what, model => $want);
    $t->wait_log(qr/litellm: request /, $at);
    my @lines = grep { !/^\d{4}\/\d\d\/\d\d / } split /\n/, substr $t->read_file('error.log'), $at;
    is_deeply(\@lines, [], "$what: no line of its own");
}

$at = $t->log_size;
(undef, $r) = exchange($up, ask('gpt', fallbacks => ["any/x\r\nEvil: 1"]), answer(500, openai_error('x', 'y')));
is($r->{status}, 500, 'a fallback with a line end: not taken');
unlike($r->{head}, qr/^Evil/m, 'a fallback with a line end: no header of it');
are('a fallback with a line end', attempts => 1, fallbacks => 0, model_group => 'gpt');

# what has to be escaped

http_get('/we%22ird%5c%0apath');
exchange($up, ask('gpt', user => "q\"b\\ \x{e9} and \ttab"), answer(500, openai_error('x', 'y')));

# no secret anywhere

$t->stop;
my $all = $t->read_file('vars.log') . $t->read_file('error.log');
unlike($all, qr/sk-provider-secret|sk-master-secret|sk-virtual-secret/, 'no key in any log');
for my $log ('vars.log', 'json.log') {
    my @lines = split /\n/, $t->read_file($log);
    is((grep { !json_of($_) } @lines), 0, "$log: each line is JSON");
    cmp_ok(scalar(@lines), '>', 20, "$log: all requests");
}
is_deeply([grep { !exists json_of((split /\n/, $t->read_file('json.log'))[0])->{$_} } @names], [],
    'the format of the examples has all of them');
like($t->read_file('json.log'), qr/"end_user":"q\\"b\\\\ [^"]+ and \?tab"/,
    'a quote, a backslash and a control character of a client');

# all of them, and no others, are in the documentation, in this file and in the example

my $docs = do { local (@ARGV, $/) = "$top/docs/directives.md"; <> };
my ($part) = $docs =~ /^## Variables\n(.*?)(?:^## |\z)/ms;
my %docs = map { $_ => 1 } map { /\$litellm_(\w+)`/g } grep { /^`\$/ } split /\n/, $part;
my $source = do { local (@ARGV, $/) = "$top/ngx_http_litellm_module/http/ngx_http_litellm_variables.c"; <> };
my %source = map { $_ => 1 } $source =~ /(?|ngx_http_litellm_var\w*\("(\w+)"|ngx_string\("litellm_(\w+)"\))/g;
is(join(' ', sort keys %docs), join(' ', sort keys %source), 'docs: each variable');
is(join(' ', sort grep { !/^(?:spend_)?log$/ } keys %docs), join(' ', sort @names), 'docs: each has its test here');
is(join(' ', grep { $t->read_file('parts.log') !~ /"$_":/ } @names), '', 'the example: each variable');
is($t->read_file('json.log'), $t->read_file('parts.log'), '$litellm_log is what nginx makes of its parts');
