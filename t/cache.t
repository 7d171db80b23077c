#!/usr/bin/perl

# The cache of answers: one entry for whole answers and for streams, of the
# same dialect and of a translated one, with reasoning, calls of tools, usage;
# what is never stored; what a request says of the cache; who shares what; the
# limits that still count; /cache/...; a reload.  Two workers.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time);

use LiteLLM::Mock qw(answer chunked sse openai_chat openai_chunk openai_stream openai_error
    openai_text anthropic_message anthropic_stream);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(122);

my @yes = (stream => JSON::PP::true);

$t->write_conf(main => 'worker_processes 2;', http => <<'END', server => <<'END',
litellm_zone zone=z:2m;
litellm_cache_zone zone=answers:4m;
log_format cached '$http_mark $litellm_cache_status';
access_log %%DIR%%/cached.log cached;
END
location /off/ {
    litellm;
    litellm_cache off;
}
location /paced/ {
    litellm;
    litellm_cache answers;
    limit_rate 4k;
}
location /asked/ {
    litellm;
    litellm_config %%DIR%%/asked.yaml;
    litellm_cache answers;
}
location /keys/ {
    litellm;
    litellm_config %%DIR%%/keys.yaml;
    litellm_cache answers;
}
END
    location => 'litellm_cache answers;');

(my $conf = $t->read_file('nginx.conf')) =~ s/worker_processes 1;\n//;
$t->write_file('nginx.conf', $conf);

my $models = <<'END';
  - model_name: other
    litellm_params: {model: openai/nobody, api_base: "http://127.0.0.1:%%PORT_8083%%/v1", api_key: k}
  - model_name: mock
    litellm_params: {model: openai/gpt-4o, mock_response: made up}
END
my $yaml = <<'END' . $models;
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: claude
    litellm_params: {model: anthropic/claude-3-5-sonnet-20241022, api_base: "http://127.0.0.1:%%PORT_8082%%", api_key: k}
END
my $settings = <<'END';
litellm_settings:
  num_retries: 0
  cache: true
  cache_params: {type: local, ttl: 300, max_size: 65536}
router_settings:
  num_retries: 0
  disable_cooldowns: true
  fallbacks: [{other: [gpt]}]
END
$t->write_file_expand('litellm.yaml', "$yaml$settings");
$t->write_file_expand('asked.yaml', "$yaml" . $settings =~ s/ttl: 300/ttl: 300, mode: default_off/r);
$t->write_file_expand('keys.yaml', "$yaml" . $settings =~ s/ttl: 300/ttl: 300, scope: key/r . <<'END');
general_settings: {master_key: sk-master}
virtual_keys:
  - {key: sk-one, rpm_limit: 4}
  - {key: sk-two}
END

my $up = $t->listener(8081);
my $claude = $t->listener(8082);
$t->run;

my $mark = 0;

sub request {
    my ($model, %more) = @_;
    $mark++;
    return chat($model, %more, headers => ['mark', "m$mark.", @{$more{headers} || []}]);
}

# one that goes upstream; of $provider
sub miss {
    my ($provider, $answer, $model, %more) = @_;
    my ($req, $r) = exchange($provider, request($model, %more), $answer);
    return wantarray ? ($r, $req) : $r;
}

# one that must not: nothing comes upstream, or nobody would answer it
sub hit {
    my ($model, %more) = @_;
    return http(request($model, %more));
}

sub status_of {
    my $id = "m$mark.";
    my $end = time() + 10 * $LiteLLM::Peer::slow;
    while (time() < $end) {
        return $1 if $t->read_file('cached.log') =~ /^\Q$id\E (\S+)$/m;
        select undef, undef, undef, 0.02;
    }
    return 'no line';
}

sub chunks { return grep { ref } map { json_of($_) } events($_[0]{body}) }

sub msgs { return (messages => [{ role => 'user', content => $_[0] }]) }

# --- the same dialect: whole, then as events, then whole

my $body = openai_chat("Hello \xc3\xa9 \"you\"\n", system_fingerprint => 'fp_1');
my $r = miss($up, answer(200, $body), 'gpt');
is($r->{body}, $body, 'a miss');
is($r->{header}{'x-litellm-cache-key'}, undef, 'a miss: no key');
is(status_of(), 'MISS', 'a miss: $litellm_cache_status');

for (1 .. 4) {
    $r = hit('gpt');
    is($r->{body}, $body, "hit $_: to the byte");
}
is($r->{status}, 200, 'a hit: status');
is(status_of(), 'HIT', 'a hit: $litellm_cache_status');
my $key = $r->{header}{'x-litellm-cache-key'};
like($key, qr/^[0-9a-f]{64}$/, 'a hit: key');
is($r->{header}{'x-litellm-response-cost'}, '0', 'a hit: costs nothing');
is($r->{header}{'x-litellm-model-group'}, 'gpt', 'a hit: group');
is($r->{header}{'content-type'}, 'application/json', 'a hit: type');

$r = hit('gpt', @yes);
is($r->{header}{'x-litellm-cache-key'}, $key, 'the same entry as a stream');
like($r->{header}{'content-type'}, qr/^text\/event-stream/, 'a stream: type');
is(texts($r->{body}), "Hello \xc3\xa9 \"you\"\n", 'a stream: text');
my @c = chunks($r);
is($c[0]{choices}[0]{delta}{role}, 'assistant', 'a stream: role');
is($c[0]{id}, 'chatcmpl-1', 'a stream: id');
is($c[0]{created}, 1700000000, 'a stream: created');
is($c[0]{model}, 'gpt-4o-2024-08-06', 'a stream: model');
is($c[-1]{choices}[0]{finish_reason}, 'stop', 'a stream: finish');
is(scalar(grep { $_->{usage} } @c), 0, 'a stream: no usage unless asked for');
like($r->{body}, qr/data: \[DONE\]\n\n$/, 'a stream: end mark');

$r = hit('gpt', @yes, stream_options => { include_usage => JSON::PP::true });
is((chunks($r))[-1]{usage}{total_tokens}, 10, 'a stream: usage if asked for');

# order of members does not matter, what they are does

$r = http(LiteLLM::Test::post_request('/v1/chat/completions',
    '{ "messages":[ {"content":"H\u0065llo","role":"user"} ], "model":"gpt" }'));
is($r->{header}{'x-litellm-cache-key'}, $key, 'other order, blanks and escapes');
$r = miss($up, answer(200, openai_chat('warm')), 'gpt', temperature => 0.7);
is(json_of($r->{body})->{choices}[0]{message}{content}, 'warm', 'another temperature');

# --- a stream at a pace: limit_rate of nginx

$r = miss($up, answer(200, openai_chat('slow ' x 2000)), 'gpt', msgs('paced'));
my $began = time();
$r = hit('gpt', msgs('paced'), @yes, uri => '/paced/v1/chat/completions');
my $took = time() - $began;
is(texts($r->{body}), 'slow ' x 2000, 'paced: all of it');
like($r->{body}, qr/data: \[DONE\]\n\n$/, 'paced: to the end');
cmp_ok($took, '>', 1, 'paced: not at once');
cmp_ok($took, '<', length($r->{body}) / 4096 + 2 * $LiteLLM::Peer::slow, 'paced: no slower than asked for');

# --- a stream that passes, then whole

my $n = 0;
sub streamed {
    my ($name, @events) = @_;
    $n++;
    $r = miss($up, chunked(@events), 'gpt', msgs("stream $n"), @yes);
    like($r->{body}, qr/data: \[DONE\]\n\n$/, "$name: a stream");
    return json_of(hit('gpt', msgs("stream $n"))->{body});
}

my $a = streamed('text', openai_stream('Hel', "lo \xc3\xa9 ", 'you'));
is($a->{object}, 'chat.completion', 'a stream, whole: object');
is($a->{id}, 'chatcmpl-1', 'a stream, whole: id');
is($a->{created}, 1700000000, 'a stream, whole: created');
is($a->{model}, 'gpt-4o-2024-08-06', 'a stream, whole: model');
is($a->{choices}[0]{finish_reason}, 'stop', 'a stream, whole: finish');
is($a->{choices}[0]{message}{role}, 'assistant', 'a stream, whole: role');
like($a->{choices}[0]{message}{content}, qr/^Hello \xc3\xa9 you/, 'a stream, whole: text');

sub finish_chunk { openai_chunk({}, choices => [{ index => 0, delta => {}, finish_reason => $_[0] }]) }

my $usage = openai_chunk({}, choices => [], usage => { prompt_tokens => 7, completion_tokens => 9,
    total_tokens => 16, prompt_tokens_details => { cached_tokens => 3 },
    completion_tokens_details => { reasoning_tokens => 4 } });
$a = streamed('reasoning', sse(openai_chunk({ role => 'assistant', content => '' }),
    openai_chunk({ reasoning_content => 'hm, ' }), openai_chunk({ reasoning_content => 'so' }),
    openai_chunk('42'), finish_chunk('length'), $usage, '[DONE]'));
is($a->{choices}[0]{message}{reasoning_content}, 'hm, so', 'reasoning');
is($a->{choices}[0]{message}{content}, '42', 'reasoning: text');
is($a->{choices}[0]{finish_reason}, 'length', 'reasoning: finish');
is($a->{usage}{total_tokens}, 16, 'usage that the client did not ask for');
is($a->{usage}{prompt_tokens_details}{cached_tokens}, 3, 'usage: cached');
is($a->{usage}{completion_tokens_details}{reasoning_tokens}, 4, 'usage: reasoning');
@c = chunks(hit('gpt', msgs("stream $n"), @yes));
is(join('', map { $_->{choices}[0]{delta}{reasoning_content} // '' } @c), 'hm, so', 'reasoning, replayed');

sub call { my ($i, $id, $name, $args) = @_;
    return openai_chunk({ tool_calls => [{ index => $i, ($id ? (id => $id, type => 'function') : ()),
        function => { ($name ? (name => $name) : ()), arguments => $args } }] }) }

my @tools = (tools => [{ type => 'function', function => { name => 'f', parameters => {} } }]);
$a = streamed('calls', sse(openai_chunk({ role => 'assistant', content => undef }),
    call(0, 'call_a', 'f', ''), call(0, undef, undef, '{"a":'), call(1, 'call_b', 'g', '{}'),
    call(0, undef, undef, '1}'), finish_chunk('tool_calls'), '[DONE]'));
is($a->{choices}[0]{finish_reason}, 'tool_calls', 'calls: finish');
is(json_text([map { [$_->{id}, $_->{type}, $_->{function}{name}, $_->{function}{arguments}] }
    @{$a->{choices}[0]{message}{tool_calls}}]),
    '[["call_a","function","f","{\"a\":1}"],["call_b","function","g","{}"]]', 'calls');
@c = chunks(hit('gpt', msgs("stream $n"), @yes));
my @calls;
for my $call (map { @{$_->{choices}[0]{delta}{tool_calls} || []} } @c) {
    my $to = $calls[$call->{index}] //= ['', '', ''];
    $to->[0] .= $call->{id} // '';
    $to->[1] .= $call->{function}{name} // '';
    $to->[2] .= $call->{function}{arguments};
}
is(json_text(\@calls), '[["call_a","f","{\"a\":1}"],["call_b","g","{}"]]', 'calls, replayed');
is($c[-1]{choices}[0]{finish_reason}, 'tool_calls', 'calls, replayed: finish');

# two choices, one after the other and mixed

$a = streamed('choices', sse((map { my $i = $_; openai_chunk({}, choices => [{ index => $i % 2,
    delta => { content => "t$i " }, finish_reason => undef }]) } 0 .. 5),
    (map { openai_chunk({}, choices => [{ index => $_, delta => {}, finish_reason => 'stop' }]) } 0, 1), '[DONE]'));
is(json_text([map { [$_->{index}, $_->{message}{content}] } @{$a->{choices}}]),
    '[[0,"t0 t2 t4 "],[1,"t1 t3 t5 "]]', 'choices');

# a long text is many chunks, escapes and characters stay whole

my $long = join ' ', map { "w\xc3\xb6rd" . 'x' x ($_ % 7) . " \"\\\n\t\xf0\x9f\x98\x80" } 1 .. 900;
my $wide = JSON::PP->new->utf8->decode(json_text([do { my $x = $long; utf8::decode($x); $x }]))->[0];
miss($up, answer(200, JSON::PP->new->ascii->encode({ id => 'x', object => 'chat.completion', created => 5,
    model => 'm', choices => [{ index => 0, finish_reason => 'stop',
    message => { role => 'assistant', content => $wide } }] })), 'gpt', msgs('long'));
$r = hit('gpt', msgs('long'), @yes);
is(texts($r->{body}), $wide, 'a long text');
cmp_ok(scalar(chunks($r)), '>', 20, 'a long text: chunks');

# an answer over several lines, as OpenAI writes them, has events of one line

my %apart = (role => 'assistant', content => 'x',
    annotations => [{ type => 'url_citation', url_citation => { url => 'u', title => 't' } }],
    provider_specific_fields => { citations => [[{ cited => 'c' }]], own => { a => [1, 2] } });
miss($up, answer(200, JSON::PP->new->utf8->pretty->encode({ id => 'x', object => 'chat.completion', created => 5,
    model => 'm', choices => [{ index => 0, finish_reason => 'stop', message => \%apart }] })), 'gpt', msgs('lines'));
$r = hit('gpt', msgs('lines'), @yes);
is(scalar(stray($r->{body})), 0, 'several lines: events of one');
@c = map { $_->{choices}[0]{delta} } chunks($r);
is(json_text([map { $_->{annotations} || () } @c]), json_text([$apart{annotations}]), 'several lines: annotations');
is(json_text([map { $_->{provider_specific_fields} || () } @c]),
    json_text([{ citation => { cited => 'c' } }, { own => { a => [1, 2] } }]), 'several lines: fields of the provider');

# --- a translated one, both ways

$r = miss($claude, chunked(anthropic_stream('Bon', 'jour')), 'claude', @yes);
is(texts($r->{body}), 'Bonjour', 'translated: a stream');
my $id = (chunks($r))[0]{id};
$r = hit('claude');
$a = json_of($r->{body});
is($a->{choices}[0]{message}{content}, 'Bonjour', 'translated: whole');
is($a->{id}, $id, 'translated: id');
is($a->{usage}{total_tokens}, 16, 'translated: usage');
is($a->{model}, 'claude', 'translated: model');
$r = miss($claude, answer(200, anthropic_message('Salut')), 'claude', msgs('two'));
is(texts(hit('claude', msgs('two'), @yes)->{body}), 'Salut', 'translated: whole, then a stream');
is(hit('claude', msgs('two'))->{body}, $r->{body}, 'translated: to the byte');

# signed reasoning goes with the answer

my @signed = map { "event: $_->{type}\ndata: " . json_text($_) . "\n\n" } (
    { type => 'message_start', message => { id => 'm', type => 'message', role => 'assistant', model => 'c',
        content => [], usage => { input_tokens => 1, output_tokens => 1 } } },
    { type => 'content_block_start', index => 0, content_block => { type => 'thinking', thinking => '' } },
    (map { { type => 'content_block_delta', index => 0, delta => { type => 'thinking_delta', thinking => $_ } } } 'I ', 'think'),
    { type => 'content_block_delta', index => 0, delta => { type => 'signature_delta', signature => 'c2ln' } },
    { type => 'content_block_stop', index => 0 },
    { type => 'content_block_start', index => 1, content_block => { type => 'text', text => '' } },
    { type => 'content_block_delta', index => 1, delta => { type => 'text_delta', text => 'ok' } },
    { type => 'content_block_stop', index => 1 },
    { type => 'message_delta', delta => { stop_reason => 'end_turn' }, usage => { output_tokens => 5 } },
    { type => 'message_stop' });
miss($claude, chunked(@signed), 'claude', msgs('think'), @yes);
$a = json_of(hit('claude', msgs('think'))->{body})->{choices}[0]{message};
is($a->{reasoning_content}, 'I think', 'signed: reasoning');
is(json_text($a->{thinking_blocks}), '[{"signature":"c2ln","thinking":"I think","type":"thinking"}]', 'signed: block');
@c = map { $_->{choices}[0]{delta} } chunks(hit('claude', msgs('think'), @yes));
is(join('', map { $_->{reasoning_content} // '' } @c), 'I think', 'signed, replayed: reasoning');
is(join('', map { map { $_->{signature} // '' } @{$_->{thinking_blocks} || []} } @c), 'c2ln', 'signed, replayed: signature');

# --- legacy completions, embeddings

my @legacy = (uri => '/v1/completions', messages => undef);
$r = miss($up, answer(200, openai_text('once')), 'gpt', @legacy, prompt => 'p');
is(hit('gpt', @legacy, prompt => 'p')->{body}, $r->{body}, 'completions');
is(texts(hit('gpt', @legacy, prompt => 'p', @yes)->{body}), 'once', 'completions: as a stream');
my @texts = map { '{"id":"cmpl-2","object":"text_completion","created":3,"model":"m","choices":[' . $_ . ']}' }
    '{"index":0,"text":"upon","finish_reason":null}', '{"index":0,"text":" a","finish_reason":null}',
    '{"index":0,"text":"","finish_reason":"stop"}';
miss($up, chunked(sse(@texts, '[DONE]')), 'gpt', @legacy, prompt => 'q', @yes);
$a = json_of(hit('gpt', @legacy, prompt => 'q')->{body});
is($a->{choices}[0]{text}, 'upon a', 'completions: a stream, whole');
is($a->{id}, 'cmpl-2', 'completions: id');

my $vectors = '{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.10,1e-3]}],"model":"e","usage":{"prompt_tokens":1,"total_tokens":1}}';
my @embed = (uri => '/v1/embeddings', messages => undef, input => 'x');
miss($up, answer(200, $vectors), 'gpt', @embed);
is(hit('gpt', @embed)->{body}, $vectors, 'embeddings');

$r = hit('mock', @yes);
is(texts($r->{body}), 'made up', 'a mock answer');
$r = hit('mock');
is(status_of(), 'HIT', 'a mock answer is kept, too');

# --- never stored

my $good = answer(200, openai_chat('good'));

sub never {
    my ($name, $answer, %more) = @_;
    my $model = delete $more{model} || 'gpt';
    miss($up, $answer, $model, msgs($name), %more);
    delete $more{stream};
    $r = miss($up, $good, $model, msgs($name), %more);
    is($r->{status} == 200 && json_of($r->{body})->{choices}[0]{message}{content}, 'good', "not kept: $name");
}

my @s = openai_stream('Hel', 'lo');
never('an error', answer(400, openai_error('no', 'invalid_request_error', 'x')));
never('a server error', answer(500, '{}'));
never('no answer', answer(200, '{"id":1}'));
never('a stream that was cut', chunked(@s[0 .. 2], undef) =~ s/Transfer-Encoding: chunked/Connection: close\r\nX: y/r, @yes);
never('a stream without its finish', chunked(@s[0 .. 2], 'data: [DONE]' . "\n\n"), @yes);
never('an error in a stream', chunked(@s[0 .. 2], 'data: {"error":{"message":"x","type":"y","code":500}}' . "\n\n"), @yes);
never('a filtered answer', answer(200, openai_chat('f', choices => [{ index => 0, finish_reason => 'content_filter',
    message => { role => 'assistant', content => 'x' } }])));
never('a filtered stream', chunked(sse(openai_chunk('x'), finish_chunk('content_filter'), '[DONE]')), @yes);
never('one that is too large', answer(200, openai_chat('x' x 70000)));
never('a stream that is too large', chunked(sse((map { openai_chunk('x' x 7000) } 1 .. 10), finish_chunk('stop'), '[DONE]')), @yes);
never('what a stream can not tell', chunked(@s), @yes, logprobs => JSON::PP::true);
never('another group', answer(200, openai_chat('elsewhere')), model => 'other');

# the client leaves in the middle

my $c = start(request('gpt', msgs('left'), @yes));
my ($peer) = $up->request;
$peer->write(chunked(@s[0, 1], undef));
ok($c->read_until(qr/Hel/), 'a client that leaves');
$c->close;
ok($peer->closed(5), 'its provider is left, too');
$r = miss($up, $good, 'gpt', msgs('left'));
is(json_of($r->{body})->{choices}[0]{message}{content}, 'good', 'not kept: what nobody waited for');

# --- what a request says

my @no = (cache => { 'no-cache' => JSON::PP::true });
$r = miss($up, $good, 'gpt', msgs('said'));
$r = miss($up, answer(200, openai_chat('newer')), 'gpt', msgs('said'), @no);
is(status_of(), 'BYPASS', 'no-cache: not looked for');
like(hit('gpt', msgs('said'))->{body}, qr/newer/, 'no-cache: stored all the same');
$r = miss($up, $good, 'gpt', msgs('unsaid'), cache => { 'no-store' => JSON::PP::true });
$r = miss($up, $good, 'gpt', msgs('unsaid'));
is(status_of(), 'MISS', 'no-store');
$r = hit('gpt', msgs('unsaid'), cache => { 'no-store' => JSON::PP::true });
is(status_of(), 'HIT', 'no-store: looked for all the same');
$r = miss($up, $good, 'gpt', msgs('said'), cache => { namespace => 'mine' });
is(status_of(), 'MISS', 'a namespace');
$r = hit('gpt', msgs('said'), cache => { namespace => 'mine' });
is(status_of(), 'HIT', 'the same namespace');
$r = hit('gpt', msgs('said'), cache => 5);
is($r->{status}, 400, 'no object');
$r = miss($up, $good, 'gpt', msgs('short'), cache => { ttl => 1 });
$r = miss($up, $good, 'gpt', msgs('aged'));

my $end = time() + 3;
select(undef, undef, undef, 0.1) while time() < $end;

$r = miss($up, $good, 'gpt', msgs('short'));
is(status_of(), 'MISS', 'ttl: it is over');
$r = hit('gpt', msgs('aged'));
is(status_of(), 'HIT', 's-maxage: not said');
$r = miss($up, $good, 'gpt', msgs('aged'), cache => { 's-maxage' => 1 });
is(status_of(), 'EXPIRED', 's-maxage: too old');

# --- where it is on

miss($up, $good, 'gpt', uri => '/off/v1/chat/completions');
is(status_of(), '-', 'off');
my @asked = (uri => '/asked/v1/chat/completions', msgs('asked'));
miss($up, $good, 'gpt', @asked) for 1, 2;
is(status_of(), 'BYPASS', 'default_off');
miss($up, $good, 'gpt', @asked, cache => { 'use-cache' => JSON::PP::true });
hit('gpt', @asked, cache => { 'use-cache' => JSON::PP::true });
is(status_of(), 'HIT', 'default_off: asked for');

# --- who shares, and limits: a hit is a request, too

sub as { return (uri => '/keys/v1/chat/completions', headers => ['Authorization', "Bearer $_[0]"]) }

$r = miss($up, $good, 'gpt', as('sk-one'));
is($r->{status}, 200, 'a key');
$r = hit('gpt', as('sk-one'));
is(status_of(), 'HIT', 'the same key');
is($r->{header}{'x-ratelimit-api_key-remaining-requests'}, 2, 'a hit is counted');
$r = miss($up, $good, 'gpt', as('sk-two'));
is(status_of(), 'MISS', 'another key');
hit('gpt', as('sk-one')) for 1, 2;
$r = hit('gpt', as('sk-one'));
is($r->{status}, 429, 'hits are limited');

# --- /cache/...

sub post { my ($uri, $body, @h) = @_; return http_post($uri, $body, @h) }

$r = http_get('/cache/ping');
is(json_of($r->{body})->{status}, 'healthy', 'ping');
is(join(' ', grep { !exists json_of($r->{body})->{$_} } qw(status cache_type ping_response set_cache_response
    litellm_cache_params health_check_cache_params)), '', 'ping: has what LiteLLM has');
cmp_ok(json_of($r->{body})->{entries}, '>', 10, 'ping: entries');
my @master = ('Authorization', 'Bearer sk-master');
is(post('/cache/delete', { keys => [$key] })->{status}, 403, 'delete: closed without a master key');
is(post('/keys/cache/delete', { keys => ['zz'] }, @master)->{status}, 400, 'delete: no key');
is(post('/keys/cache/delete', { keys => ["ns:$key"] }, @master)->{body}, '{"status":"success"}', 'delete');
$r = miss($up, $good, 'gpt');
is(status_of(), 'MISS', 'deleted');
is(http_get('/keys/cache/redis/info', @master)->{status}, 503, 'no redis');
is(http_get('/off/cache/ping')->{status}, 503, 'no cache');
is(post('/keys/cache/flushall', '{}', 'Authorization', 'Bearer sk-two')->{status}, 403, 'flushall: not for all');

# --- a reload

$t->reload;
hit('gpt', msgs('said'));
is(status_of(), 'HIT', 'after a reload');

is(post('/keys/cache/flushall', '{}', @master)->{status}, 200, 'flushall');
$r = miss($up, $good, 'gpt', msgs('said'));
is(status_of(), 'MISS', 'flushed');
