#!/usr/bin/perl

# What requests cost: headers and the variable, prices of the table, of a map
# and of the deployment, parts of a usage, tiers, streams that end early, a
# price that nobody knows, what the provider reports.

use warnings;
use strict;

use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;

use LiteLLM::Mock qw(answer chunked openai_chat openai_chunk openai_stream openai_error sse
    anthropic_message anthropic_stream);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(109);

my @yes = (stream => JSON::PP::true);

$t->write_file('map.json', <<'END');
{"sample_spec": {"litellm_provider": "words"},
 "acme-1": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06,
    "output_cost_per_token": 2e-06},
 "gpt-4o-mini": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 5e-06,
    "output_cost_per_token": "0.000007", "input_cost_per_token_above_128k_tokens": 9e-06}}
END

$t->write_conf(http => <<'END');
litellm_price_map %%DIR%%/map.json;
log_format cost '[$request_id] cost=$litellm_cost status=$status';
log_format mark '$http_mark cost=$litellm_cost prompt=$litellm_prompt_tokens estimated=$litellm_usage_estimated';
access_log %%DIR%%/cost.log mark;
END

sub entry {
    my ($name, $model, $params, $info) = @_;
    return "  - model_name: '$name'\n    litellm_params:\n      model: $model\n"
        . "      api_base: http://127.0.0.1:%%PORT_8081%%/v1\n      api_key: k\n"
        . join('', map { "      $_\n" } @{$params || []})
        . ($info ? "    model_info: {$info}\n" : '');
}

$t->write_file_expand('litellm.yaml', "model_list:\n"
    . entry('gpt', 'openai/gpt-4o')
    . entry('acme', 'openai/acme-1')
    . entry('mini', 'openai/gpt-4o-mini')
    . entry('o3', 'openai/o3')
    . entry('mine', 'openai/gpt-4o', ['input_cost_per_token: "0.001"'],
        'output_cost_per_token: 2e-3, input_cost_per_token: 9')
    . entry('timed', 'openai/some-server', ['input_cost_per_second: 1000'])
    . entry('gratis', 'openai/gpt-4o', ['input_cost_per_token: 0'])
    . entry('based', 'azure/my-deployment', ['api_version: v1'], 'base_model: azure/gpt-4o')
    . entry('unknown', 'openai/nobody-knows')
    . entry('any/*', 'openai/*')
    . entry('claude', 'anthropic/claude-sonnet-4-5')
    . entry('router', 'openrouter/some/model')
    . entry('router-own', 'openrouter/some/model', ['input_cost_per_token: 1e-6', 'output_cost_per_token: 1e-6'])
    . entry('flex', 'openai/o3', ['service_tier: flex'])
    . entry('embed', 'openai/text-embedding-3-small')
    . entry('rank', 'cohere/rerank-v3.5')
    . entry('mock', 'openai/gpt-4o', ['mock_response: hi'])
    . entry('two', 'openai/gpt-4o')
    . entry('short', 'openai/acme-1', ['timeout: 0.4'])
    . entry('gone', 'openai/acme-1') =~ s/PORT_8081/PORT_8082/r
    . "litellm_settings: {num_retries: 0}\n"
    . "router_settings: {disable_cooldowns: true, num_retries: 0, fallbacks: [{two: [acme]}]}\n");

my $up = $t->listener(8081);
$t->run;

sub cost { return $_[0]{header}{'x-litellm-response-cost' . ($_[1] ? "-$_[1]" : '')} }

my $mark = 0;

# one request: what the client got; the provider's answer is given
sub ask {
    my ($model, $answer, %more) = @_;
    $mark++;
    my @headers = ('mark', "m$mark.", @{delete $more{headers} || []});
    my (undef, $r) = exchange($up, chat($model, headers => \@headers, %more), $answer);
    return $r;
}

# $litellm_cost of the last request
sub logged {
    my $id = shift || "m$mark.";
    my $end = time() + 10 * $LiteLLM::Peer::slow;
    while (time() < $end) {
        return $1 if $t->read_file('cost.log') =~ /^\Q$id\E cost=(\S+) /m;
        select undef, undef, undef, 0.02;
    }
    return 'no line';
}

# what else it says of that one
sub said { logged(); return $t->read_file('cost.log') =~ /^\Qm$mark.\E cost=\S+ (.*)$/m ? $1 : 'no line' }

sub usage {
    my ($prompt, $completion, %more) = @_;
    return (usage => { prompt_tokens => $prompt, completion_tokens => $completion,
        total_tokens => $prompt + $completion, %more });
}

# the table: gpt-4o is 2.5 and 10 dollars a million

my $r = ask('gpt', answer(200, openai_chat('hi')));
is($r->{status}, 200, 'status');
is(cost($r), '0.0000475', 'cost of 7 and 3 tokens');
is(cost($r, 'original'), '0.0000475', 'original');
is(cost($r, 'input'), '0.0000175', 'input');
is(cost($r, 'output'), '0.00003', 'output');
is(cost($r, 'cache-read'), undef, 'no part that is not there');
is(logged(), '0.0000475', '$litellm_cost');

# a cached prompt: 1.25

$r = ask('gpt', answer(200, openai_chat('hi', usage(1000, 10, prompt_tokens_details => { cached_tokens => 600 }))));
is(cost($r), '0.00185', 'cached: 400 at 2.5, 600 at 1.25, 10 at 10');
is(cost($r, 'cache-read'), '0.00075', 'cached: its part');

# thoughts are output, and told

$r = ask('o3', answer(200, openai_chat('hi', usage(100, 50,
    completion_tokens_details => { reasoning_tokens => 50, text_tokens => 0 }))));
is(cost($r), '0.0006', 'o3: 100 at 2, 50 at 8');
is(cost($r, 'reasoning'), '0.0004', 'reasoning');

# tiers: what was served counts, else what was asked for

my $used = openai_chat('hi', usage(100, 50));
my %tier = (none => '0.0006', flex => '0.0003', priority => '0.00105');
is(cost(ask('o3', answer(200, openai_chat('hi', usage(100, 50), service_tier => 'flex')))), $tier{flex},
    'tier: flex was served');
is(cost(ask('o3', answer(200, openai_chat('hi', usage(100, 50), service_tier => 'priority')))), $tier{priority},
    'tier: priority was served');
is(cost(ask('o3', answer(200, openai_chat('hi', usage(100, 50), service_tier => 'default')), service_tier => 'flex')),
    $tier{none}, 'tier: flex was asked for, default served');
is(cost(ask('o3', answer(200, $used), service_tier => 'flex')), $tier{flex}, 'tier: flex was asked for');
is(cost(ask('o3', answer(200, $used), service_tier => 'auto')), $tier{none}, 'tier: auto');
is(cost(ask('flex', answer(200, $used))), $tier{flex}, 'tier: of the deployment');
is(cost(ask('flex', answer(200, $used), service_tier => 'priority')), $tier{priority},
    'tier: of the client before the deployment\'s');

# a map: before the table, and for models that it does not have

is(cost(ask('acme', answer(200, openai_chat('hi')))), '0.000013', 'map: a model of its own');
is(cost(ask('mini', answer(200, openai_chat('hi')))), '0.000056', 'map: before the table');
is(cost(ask('mini', answer(200, openai_chat('hi', usage(128000, 1))))), '0.640007', 'map: up to a threshold');
is(cost(ask('mini', answer(200, openai_chat('hi', usage(128001, 1))))), '1.152016', 'map: above it');

# price keys: litellm_params before model_info, texts too

$r = ask('mine', answer(200, openai_chat('hi', usage(10, 10, prompt_tokens_details => { cached_tokens => 4 }))));
is(cost($r), '0.026005', 'own: 6 at .001, 4 cached at the model\'s, 10 at .002');
$r = ask('timed', answer(200, openai_chat('hi')));
like(cost($r), qr/^\d+(\.\d+)?$/, 'own: by seconds');
is(cost($r, 'input'), '0', 'own: by seconds, not by tokens');
$r = ask('gratis', answer(200, openai_chat('hi', usage(10, 10, prompt_tokens_details => { cached_tokens => 4 }))));
is(cost($r), '0', 'own: 0 is free');
is(logged(), '0', 'own: free is not unknown');
is(cost(ask('based', answer(200, openai_chat('hi')))), '0.0000475', 'base_model');

# a wildcard's models

is(cost(ask('any/gpt-4o', answer(200, openai_chat('hi')))), '0.0000475', 'wildcard: of the table');
is(cost(ask('any/acme-1', answer(200, openai_chat('hi')))), '0.000013', 'wildcard: of the map');

# no price: no header, "-", told once

for my $model ('unknown', 'any/nobody-knows-this') {
    my $at = $t->log_size;
    $r = ask($model, answer(200, openai_chat('hi')));
    is($r->{status}, 200, "$model: served");
    is_deeply([grep { /^x-litellm-response-cost/i } keys %{$r->{header}}], [], "$model: no header");
    is(logged(), '-', "$model: no cost");
    ask($model, answer(200, openai_chat('hi')));
    logged();
    my @told = substr($t->read_file('error.log'), $at) =~ /no price is known/g;
    is(@told, 1, "$model: told once");
}

# another dialect: the cache's writes, for an hour and for less

my $claude = sub { return { input_tokens => 100, output_tokens => 10, @_ } };
$r = ask('claude', answer(200, anthropic_message('hi', usage => $claude->(cache_read_input_tokens => 1000,
    cache_creation_input_tokens => 200, cache_creation => { ephemeral_5m_input_tokens => 150,
    ephemeral_1h_input_tokens => 50 }, server_tool_use => { web_search_requests => 2 }))));
is(cost($r, 'input'), '0.0014625', 'claude: 100 at 3, 1000 at .3, 150 at 3.75, 50 at 6');
is(cost($r, 'cache-creation'), '0.0008625', 'claude: writes');
is(cost($r, 'tool-usage'), '0.02', 'claude: two searches');
is(cost($r), '0.0216125', 'claude: all');

# what OpenRouter reports, unless the deployment has prices

my %reports = (usage(10, 10, cost => 0.00123456789));
$r = ask('router', answer(200, openai_chat('hi', %reports)));
is(cost($r), '0.00123456789', 'openrouter: reported');
is(cost($r, 'input'), undef, 'openrouter: without parts');
is(logged(), '0.00123456789', 'openrouter: variable');
is(cost(ask('router-own', answer(200, openai_chat('hi', %reports)))), '0.00002', 'openrouter: prices of one\'s own');
$r = ask('router', answer(200, openai_chat('hi', usage(10, 10, cost => -5))));
is(cost($r), undef, 'openrouter: a cost below 0 is none');

# embeddings, rerank, mocks

my (undef, $e) = exchange($up, LiteLLM::Test::post_request('/v1/embeddings', { model => 'embed', input => 'a' }),
    answer(200, '{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"model":"m",'
    . '"usage":{"prompt_tokens":1000,"total_tokens":1000}}'));
is(cost($e), '0.00002', 'embeddings');
for my $units (undef, 3) {
    my (undef, $k) = exchange($up, LiteLLM::Test::post_request('/v1/rerank', { model => 'rank', query => 'q', documents => ['a'] }),
        answer(200, json_text({ id => 'x', results => [{ index => 0, relevance_score => 0.5 }],
            $units ? (meta => { billed_units => { search_units => $units } }) : () })));
    is($k->{status}, 200, 'rerank: status');
    is(cost($k), $units ? '0.006' : '0.002', 'rerank: search units');
}
is(cost(http(chat('mock'))), '0.000225', 'a mock');

# errors cost nothing; an attempt that was answered does, whoever answers in the end

$r = ask('gpt', answer(400, openai_error('no', 'invalid_request_error')));
is($r->{status}, 400, 'an error');
is(cost($r), '0', 'an error: 0');
is(logged(), '0', 'an error: variable');
$r = ask('gpt', answer(200, '{"usage":{"prompt_tokens":7,"completion_tokens":3}}'));
is($r->{status}, 502, 'an answer that is none');
is(cost($r), '0', 'an answer that is none: header');
isnt(logged(), '0', 'an answer that is none: it may have been charged');

is(cost(http(chat('nobody'))), undef, 'a model that is not there');

# streams: no header; the variable has the usage at the end

$mark++;
my ($req, $s) = exchange($up, chat('gpt', @yes, headers => [mark => "m$mark."]), chunked(sse(openai_chunk('hi'),
    openai_chunk({}, choices => [], usage => { prompt_tokens => 1000, completion_tokens => 100, total_tokens => 1100 }),
    '[DONE]')));
is($s->{status}, 200, 'stream: status');
is(cost($s), undef, 'stream: no header');
is(logged(), '0.0035', 'stream: variable');

# without a usage: a token for each event at least, four bytes of a longer one

my $prompt = sub { return int(length($_[0]) / 4) };
my $body = $prompt->((split /\r\n\r\n/, chat('acme', @yes), 2)[1]);
for my $text ('a', 'a' x 41) {
    $mark++;
    (undef, $s) = exchange($up, chat('acme', @yes, headers => [mark => "m$mark."]),
        chunked(sse((map { openai_chunk('b') } 1 .. 10), (map { openai_chunk($text) } 1 .. 10), '[DONE]')));
    is(texts($s->{body}), ('b' x 10) . ($text x 10), 'stream without usage: text');
    my $n = length($text) == 1 ? 20 : 100;
    is(logged(), sprintf('%.6f', ($body + 2 * $n) / 1e6) =~ s/0+$//r, "stream without usage: $n tokens");
}

# a client that leaves pays what came; the log line has it at once

$mark++;
my $c = start(chat('acme', @yes, headers => [mark => "m$mark."]));
my ($peer) = $up->request;
$peer->write(chunked(sse(map { openai_chunk("w$_") } 1 .. 8), undef));
ok($c->read_until(qr/"w8"/), 'a client that leaves: eight words');
$c->close;
is(logged(), sprintf('%.6f', ($body + 2 * 8) / 1e6) =~ s/0+$//r, 'a client that leaves: charged');
$peer->close;

is(said(), 'prompt=' . $body . ' estimated=1', 'a client that leaves: estimated');

# ... before anything came: the provider has the prompt and works on

for my $more ([], [@yes]) {
    $mark++;
    my $raw = chat('acme', @$more, headers => [mark => "m$mark."]);
    my $n = $prompt->((split /\r\n\r\n/, $raw, 2)[1]);
    $c = start($raw);
    ($peer) = $up->request;
    $c->close;
    is(logged(), sprintf('%.6f', $n / 1e6), 'a client that leaves early: its prompt');
    is(said(), "prompt=$n estimated=1", 'a client that leaves early: estimated');
    $peer->close;
}

# ... before all of it was sent: nothing

{
    $mark++;
    setsockopt $up->{sock}, SOL_SOCKET, SO_RCVBUF, 4096;
    $c = start(chat('acme', pad => 'x' x 8_000_000, headers => [mark => "m$mark."]));
    ($peer) = $up->accept;
    $c->close;
    is(logged(), '0', 'a client that leaves while its request is sent: nothing');
    is(said(), 'prompt=0 estimated=0', 'a client that leaves while its request is sent: no tokens');
    $peer->close;
    setsockopt $up->{sock}, SOL_SOCKET, SO_RCVBUF, 262144;
}

# our own patience is over: the same; retries would be paid for each

$mark++;
my $raw = chat('short', headers => [mark => "m$mark."]);
my $n = $prompt->((split /\r\n\r\n/, $raw, 2)[1]);
$c = start($raw);
($peer) = $up->request;
is(finish($c)->{status}, 408, 'a time-out: 408');
$c->close;
is(logged(), sprintf('%.6f', $n / 1e6), 'a time-out: the prompt');
is(said(), "prompt=$n estimated=1", 'a time-out: estimated');
$peer->close;

# nobody is there, no answer, an answer that is an error: nothing

for my $how ('gone', 'closed', 'reset', 503, 504, 408) {
    $mark++;
    $c = start(chat($how eq 'gone' ? 'gone' : 'acme', headers => [mark => "m$mark."]));
    if ($how ne 'gone') {
        ($peer) = $up->request;
        $how eq 'closed' ? $peer->close : $how eq 'reset' ? $peer->reset
            : $peer->write(answer($how, openai_error('busy'), Connection => 'close'));
    }
    cmp_ok(finish($c)->{status}, '>=', 400, "$how: an error");
    $c->close;
    is(logged(), '0', "$how: nothing");
    is(said(), 'prompt=0 estimated=0', "$how: no tokens");
    $peer->close if $how =~ /\d/;
}

# another dialect's stream is cut: what was said of the prompt, what was seen

$mark++;
my @events = anthropic_stream('word' x 10, 'word' x 30);
(undef, $s) = exchange($up, chat('claude', @yes, headers => [mark => "m$mark."]), "HTTP/1.1 200 OK\r\n"
    . "Content-Type: text/event-stream\r\n\r\n" . join '', @events[0 .. 4]);
like($s->{body}, qr/"error"/, 'a cut stream: an error');
is(logged(), '0.000633', 'a cut stream: 11 at 3, 40 at 15');

# all attempts of a request

$mark++;
$c = start(chat('two', headers => [mark => "m$mark."]));
($peer) = $up->request;
$peer->write(answer(200, '{"usage":{"prompt_tokens":7,"completion_tokens":3}}', Connection => 'close'));
$peer->close;
($peer) = $up->request;
$peer->write(answer(200, openai_chat('hi')));
$r = finish($c);
$c->close;
is($r->{status}, 200, 'two attempts: status');
is(cost($r), '0.000013', 'two attempts: the header has the answer\'s');
cmp_ok(logged(), '>', 0.000013, 'two attempts: the variable has both');

# the map: errors name the file and the place

for my $case (["{\n\"a\":\n}", qr/price map "[^"]*bad\.json": line 3: /],
    ['[]', qr/bad\.json": the price map is not a JSON object/],
    [undef, qr/bad\.json": .*No such file/])
{
    my ($text, $re) = @$case;
    unlink $t->dir . '/bad.json';
    $t->write_file('bad.json', $text) if defined $text;
    $t->write_file('bad.conf', $t->read_file('nginx.conf') =~ s/map\.json/bad.json/r);
    my ($status, $out) = $t->test_conf(conf => 'bad.conf');
    like($out, $re, 'a bad map: ' . ($text // 'none'));
    unlike($out, qr/test is successful/, 'a bad map: refused');
}

$t->write_file('bad.json', '{"m":{"litellm_provider":"openai","input_cost_per_token":1},"n":[],'
    . '"o":{"litellm_provider":"openai","input_cost_per_token":-1}}');
like(($t->test_conf(conf => 'bad.conf'))[1], qr/bad\.json": 2 entries are passed over/, 'a map with bad entries');
