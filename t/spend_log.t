#!/usr/bin/perl

# $litellm_spend_log: a JSON object for each request to a model; prompts and
# answers in it where litellm_log_content asks for them, without secrets.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer chunked openai_chat openai_chunk openai_error openai_stream sse);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(97);

$t->write_conf(http => <<'END', location => 'access_log %%DIR%%/plain.log spend if=$litellm_call_id;', server => <<'END2');
log_format spend escape=none '$litellm_spend_log';
litellm_cache_zone zone=answers:1m;
END
location /full/ { litellm; litellm_log_content request response; access_log %%DIR%%/full.log spend; }
location /short/ { litellm; litellm_log_content request response; litellm_log_content_size 64; access_log %%DIR%%/short.log spend; }
location /kept/ { litellm; litellm_cache answers; litellm_log_content request response; access_log %%DIR%%/kept.log spend; }
location /shared/ { litellm; litellm_cache answers; litellm_cache_lock on; litellm_log_content request response; access_log %%DIR%%/shared.log spend; }
location /quiet/ { litellm; litellm_cache answers; access_log %%DIR%%/quiet.log spend; }
location /raw/ { litellm; litellm_log_content request; litellm_log_redact off; access_log %%DIR%%/raw.log spend; }
END2
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - {model_name: gpt, litellm_params: {model: openai/gpt-4o, api_key: sk-provider-secret, tags: [blue],
      api_base: 'http://127.0.0.1:%%PORT_8081%%/v1?sig=hidden'}, model_info: {id: one}}
  - {model_name: embed, litellm_params: {model: openai/text-embedding-3-small, api_key: k,
      api_base: 'http://127.0.0.1:%%PORT_8081%%/v1'}, model_info: {input_cost_per_token: 0.001}}
  - {model_name: slow, litellm_params: {model: openai/gpt-4o, api_key: k,
      api_base: 'http://127.0.0.1:%%PORT_8082%%/v1'}}
general_settings: {master_key: sk-master}
litellm_settings: {num_retries: 0}
virtual_keys:
  - {key: sk-one, key_alias: first, team_id: red, user_id: ann}
END

my $secret = 'sk-abcdefghijklmnopqrst';
my $up = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    if ($req->{uri} =~ /embeddings/) {
        my @in = @{json_of($req->{body})->{input}};
        return answer(200, json_text({ object => 'list', model => 'e', usage => { prompt_tokens => 3 * @in, total_tokens => 3 * @in },
            data => [map { { object => 'embedding', index => $_, embedding => [1, 2] } } 0 .. $#in] }));
    }
    return answer(429, openai_error("slow down $secret")) if $req->{body} =~ /FAIL/;
    return answer(200, openai_chat('not told ' x 100) =~ s/,?\s*"usage":\s*\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}//r) if $req->{body} =~ /UNTOLD/;
    return chunked(openai_stream('Mail', " bob\@x.io, it is $secret")) if $req->{body} =~ /"stream": ?true/;
    return answer(200, openai_chat("Mail bob\@x.io, it is $secret"));
});
$t->run;

# the last line of a log, when there are n whole ones of them
sub line {
    my ($name, $n) = @_;
    my @lines;
    for (1 .. 500) {
        @lines = $t->read_file($name) =~ /^(.*)\n/mg;
        last if @lines >= $n;
        select undef, undef, undef, 0.02;
    }
    is(scalar @lines, $n, "$name: lines");
    unlike($lines[-1] // '', qr/provider-secret|hidden|sk-one|sk-master/, 'no secret of ours');
    return json_of($lines[-1] // '') || {};
}

my @who = (headers => [Authorization => 'Bearer sk-one', 'User-Agent' => "a \"quoted\" agent"]);
my $prompt = [{ role => 'user', content => "my key\nis $secret" }];

http(chat('gpt', @who, user => 'end', messages => $prompt));
my $l = line('plain.log', 1);
is($l->{status}, 'success', 'status');
is($l->{status_code}, 200, 'code');
ok(!exists $l->{metadata}{usage_object}{estimated}, 'not estimated: the provider has told it');
is($l->{call_type}, 'acompletion', 'call_type');
ok(!$l->{stream}, 'stream');
is_deeply([@$l{qw(prompt_tokens completion_tokens total_tokens)}], [7, 3, 10], 'tokens');
cmp_ok(abs($l->{response_cost} - (7 * 2.5e-6 + 3 * 1e-5)), '<', 1e-12, 'cost');
is_deeply([@$l{qw(model requested_model model_group model_id custom_llm_provider)}], [qw(gpt-4o gpt gpt one openai)], 'model');
is($l->{api_base}, 'http://127.0.0.1:' . $t->port(8081) . '/v1', 'api_base');
cmp_ok(abs($l->{startTime} - time), '<', 60, 'startTime');
cmp_ok($l->{endTime}, '>=', $l->{startTime}, 'endTime');
is($l->{completionStartTime}, undef, 'no first content of an answer in one piece');
is($l->{end_user}, 'end', 'end_user');
is($l->{user_agent}, 'a "quoted" agent', 'user_agent');
is($l->{requester_ip_address}, '127.0.0.1', 'address');
is_deeply([@{$l->{metadata}}{map { "user_api_key_$_" } qw(alias team_id user_id end_user_id)}], [qw(first red ann end)], 'metadata');
like($l->{metadata}{user_api_key_hash}, qr/^[0-9a-f]{64}$/, 'hash');
is_deeply([@$l{qw(messages response error_str error_information cache_key)}], [(undef) x 5], 'no content');

http(chat('gpt', @who, messages => [{ role => 'user', content => 'FAIL' }]));
$l = line('plain.log', 2);
is_deeply([@$l{qw(status status_code error_str)}], ['failure', 429, undef], 'a failure');
is_deeply($l->{error_information}, { error_code => '429', error_class => 'RateLimitError' }, 'its error');

# what a provider does not say

ok(!exists $l->{metadata}{usage_object}{estimated}, 'a failure is no estimate');
http(chat('gpt', @who, messages => [{ role => 'user', content => 'UNTOLD' }]));
$l = line('plain.log', 3);
ok($l->{metadata}{usage_object}{estimated}, 'no usage: estimated');
cmp_ok($l->{prompt_tokens}, '>', 0, 'no usage: tokens of the prompt');
cmp_ok($l->{completion_tokens}, '>', 0, 'no usage: and of the answer');
http_get('/v1/models', Authorization => 'Bearer sk-one');

# content

http(chat('gpt', @who, uri => '/full/v1/chat/completions', messages => $prompt));
$l = line('full.log', 1);
is($l->{messages}[0]{content}, "my key\nis [secret]", 'messages');
is($l->{response}{choices}[0]{message}{content}, 'Mail [email], it is [secret]', 'response');
http(chat('gpt', @who, uri => '/full/v1/chat/completions', messages => $prompt, stream => JSON::PP::true()));
$l = line('full.log', 2);
ok($l->{stream} && $l->{completionStartTime} >= $l->{startTime}, 'a stream');
is($l->{response}{choices}[0]{message}{content}, 'Mail [email], it is [secret]', 'its answer');
http(chat('gpt', @who, uri => '/full/v1/chat/completions', messages => [{ role => 'user', content => 'FAIL' }]));
$l = line('full.log', 3);
like($l->{error_str}, qr/slow down \[secret\]/, 'the message of an error');
is($l->{response}, undef, 'no answer');

http(chat('gpt', @who, uri => '/short/v1/chat/completions', messages => [{ role => 'user', content => 'x ' x 20 . "$secret more" }]));
$l = line('short.log', 1);
ok(!ref $l->{messages} && length($l->{messages}) <= 64, 'cut: a string') or diag($l->{messages});
unlike($l->{messages}, qr/sk-a/, 'no part of a secret at its end');
http(chat('gpt', @who, uri => '/raw/v1/chat/completions', messages => $prompt));
$l = line('raw.log', 1);
is($l->{messages}[0]{content}, "my key\nis $secret", 'redaction off');
is($l->{response}, undef, 'request only');

# from the cache: what it says is logged as if it had been asked for, and costs
# nothing

my @same = (@who, messages => [{ role => 'user', content => 'the same' }]);
http(chat('gpt', @same, uri => '/kept/v1/chat/completions'));
my $made = line('kept.log', 1);
cmp_ok($made->{response_cost}, '>', 0, 'kept: it has a cost');
is_deeply([@$made{qw(cache_hit cache_key saved_cache_cost)}], [JSON::PP::false, undef, 0], 'kept: the first time it is none');
for (2 .. 3) {
    http(chat('gpt', @same, uri => '/kept/v1/chat/completions', $_ == 3 ? (stream => JSON::PP::true) : ()));
    $l = line('kept.log', $_);
    my $what = $_ == 3 ? 'kept, stream' : 'kept';
    ok($l->{cache_hit}, "$what: a hit");
    like($l->{cache_key}, qr/^[0-9a-f]{64}$/, "$what: its key");
    ok(defined $l->{response_cost} && $l->{response_cost} == 0, "$what: it costs nothing");
    is($l->{saved_cache_cost}, $made->{response_cost}, "$what: what was saved");
    is_deeply($l->{response}, $made->{response}, "$what: the answer") or diag explain $l->{response};
    like($l->{response}{choices}[0]{message}{content} // '', qr/^Mail \[.*\], it is \[secret\]$/, "$what: is redacted");
    is($l->{messages}[0]{content}, 'the same', "$what: the request");
    is($l->{status}, 'success', "$what: status");
}
http(chat('gpt', @same, uri => '/quiet/v1/chat/completions'));
$l = line('quiet.log', 1);
ok($l->{cache_hit}, 'kept: a hit');
is_deeply([@$l{qw(messages response)}], [undef, undef], 'kept: nothing of it where it is not asked for');

# embeddings: the inputs' shares, from two calls

sub embed { return http(LiteLLM::Test::post_request('/kept/v1/embeddings', { model => 'embed', input => [@_] }, @{$who[1]})) }
embed('a', 'b');
$made = line('kept.log', 4);
cmp_ok(abs($made->{response_cost} - 0.006), '<', 1e-9, 'embeddings: a cost');
embed('b', 'c');
line('kept.log', 5);
embed('c', 'a');
$l = line('kept.log', 6);
ok($l->{cache_hit}, 'embeddings: a hit');
cmp_ok(abs($l->{saved_cache_cost} - 0.006), '<', 1e-9, 'embeddings: what was saved');
is_deeply([map { $_->{embedding} } @{$l->{response}{data}}], [[1, 2], [1, 2]], 'embeddings: the answer');

# a stream that two share: both have said the same

my $late = $t->listener(8082);
my @shared = (@who, uri => '/shared/v1/chat/completions', stream => JSON::PP::true, messages => [{ role => 'user', content => 'hi' }]);
my $lead = start(chat('slow', @shared));
my ($peer) = $late->request;
$peer->write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" . join '', sse(openai_chunk("Mail bob\@x.io, ")));
$lead->read_until(qr/x\.io/);
my $follow = start(chat('slow', @shared));
$follow->read_until(qr/x\.io/);
$peer->write(join '', sse(openai_chunk("it is $secret"), openai_chunk({}, choices => [{ index => 0, delta => {}, finish_reason => 'stop' }],
    usage => { prompt_tokens => 7, completion_tokens => 3, total_tokens => 10 }), '[DONE]'));
$_->close for $peer;
finish($_) for $lead, $follow;
line('shared.log', 2);
my @both = sort { $a->{cache_hit} <=> $b->{cache_hit} } map { json_of($_) } split /\n/, $t->read_file('shared.log');
is_deeply([map { $_->{cache_hit} ? 1 : 0 } @both], [0, 1], 'shared: one follows');
is($_->{response}{choices}[0]{message}{content}, 'Mail [email], it is [secret]', 'shared: the answer') for @both;
cmp_ok($both[0]{response_cost}, '>', 0, 'shared: it has a cost');
is($both[1]{saved_cache_cost}, $both[0]{response_cost}, 'shared: what was saved');
is($both[1]{response_cost}, 0, 'shared: it costs nothing');

is(scalar(() = $t->read_file('plain.log') =~ /\n/g), 3, 'none for requests to no model');
