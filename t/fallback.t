#!/usr/bin/perl

# Fallbacks: which group comes next, their forms, their bounds, what the client
# is told in the end.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer chunked openai_chat openai_stream openai_error
    anthropic_message anthropic_stream anthropic_error);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(39);

$t->write_conf(server => <<'END');
location /map/ {
    litellm;
    litellm_config %%DIR%%/map.yaml;
}
END

my $models = join '', map { "  - model_name: $_\n    litellm_params: {model: openai/$_, "
    . "api_base: 'http://127.0.0.1:%%PORT_8081%%/v1', api_key: k}\n" } qw(a b c d e f g ctx big pol safe);
$models .= "  - model_name: claude\n    litellm_params: {model: anthropic/claude-3-5-sonnet-20241022, "
    . "api_base: 'http://127.0.0.1:%%PORT_8082%%', api_key: k}\n"
    . "  - model_name: drops\n    litellm_params: {model: openai/drops, additional_drop_params: [seed, top_k], "
    . "api_base: 'http://127.0.0.1:%%PORT_8081%%/v1', api_key: k}\n";

$t->write_file_expand('litellm.yaml', "model_list:\n$models" . <<'END');
litellm_settings:
  num_retries: 0
  fallbacks: [{"a": ["b", "claude"]}, {"c": ["d"]}, {"d": ["c", "e"]}, {"e": ["f"]}, {"f": ["g"]}]
  context_window_fallbacks: [{"ctx": ["big"]}]
  content_policy_fallbacks: [{"pol": ["safe"]}]
END
$t->write_file_expand('map.yaml', "model_list:\n$models" . <<'END');
fallbacks:
  a: ["b"]
litellm_settings:
  num_retries: 0
END

# the answer is by model and its place in the request's "user": "a=500,b=200"
my $behave = sub {
    my ($peer, $req) = @_;
    my $j = json_of($req->{body});
    my ($model) = $j->{model} =~ /^(claude|[a-z]+)/;
    my ($how) = (($j->{user} // $j->{metadata}{user_id} // '') =~ /\b$model=(\w+)/);
    $how //= 200;
    my $anthropic = $req->{uri} =~ /messages/;
    if ($how eq '200') {
        my @events = $anthropic ? anthropic_stream("from $model") : openai_stream("from $model");
        return chunked(@events) if $j->{stream};
        return answer(200, $anthropic ? anthropic_message("from $model") : openai_chat("from $model"));
    }
    return answer(400, openai_error("This model's maximum context length is 8 tokens", 'invalid_request_error',
        'context_length_exceeded')) if $how eq 'long';
    return answer(400, openai_error('Your request was rejected as a result of our safety system',
        'invalid_request_error', 'content_policy_violation')) if $how eq 'bad';
    return answer($how, $anthropic ? anthropic_error('x', "no from $model")
        : openai_error("no from $model", 'x', undef));
};
my $one = $t->mock(8081, $behave);
my $two = $t->mock(8082, $behave);
$t->run;

sub content { my $j = json_of($_[0]{body}); return $j ? $j->{choices}[0]{message}{content} // '' : '' }

my $r = http(chat('a', user => 'a=200'));
is(content($r), 'from a', 'no fallback without need');
is($r->{header}{'x-litellm-attempted-fallbacks'}, 0, 'none counted');
$r = http(chat('a', user => 'a=500'));
is(content($r), 'from b', 'the first fallback');
is($r->{header}{'x-litellm-attempted-fallbacks'}, 1, 'one counted');
is($r->{header}{'x-litellm-model-group'}, 'b', 'its group');
$r = http(chat('a', user => 'a=500,b=429'));
is(content($r), 'from claude', 'the second one, another dialect');
is(json_of($r->{body})->{object}, 'chat.completion', 'in the client\'s dialect');
$r = http(chat('a', user => 'a=400'));
is(content($r), 'from b', 'for any error');
$r = http(chat('a', user => 'a=401'));
is(content($r), 'from b', 'for a wrong key too');
$r = http(chat('a', user => 'a=503,b=429,claude=529'));
is($r->{status}, 503, 'all failed: the first error');
like(json_of($r->{body})->{error}{message}, qr/no from a/, 'all failed: its words');

# streams

$r = http(chat('a', user => 'a=500', stream => JSON::PP::true));
is(texts($r->{body}), 'from b', 'stream');
$r = http(chat('a', user => 'a=500,b=500', stream => JSON::PP::true));
is(texts($r->{body}), 'from claude', 'stream, another dialect');
is((events($r->{body}))[-1], '[DONE]', 'stream, another dialect: [DONE]');
$r = http(chat('a', user => 'a=500,b=500,claude=500', stream => JSON::PP::true));
is($r->{status}, 500, 'stream: all failed');
ok(json_of($r->{body})->{error}, 'stream: all failed, JSON');

# fallbacks of fallbacks, cycles

$r = http(chat('c', user => 'c=500,d=500'));
is(content($r), 'from e', 'a fallback\'s own fallback');
my $before = () = $one->requests;
$r = http(chat('c', user => 'c=500,d=500,e=500,f=500,g=500'));
is($r->{status}, 500, 'a cycle ends');
my @walk = map { json_of($_->{body})->{model} } $one->requests;
is(join(' ', @walk[$before .. $#walk]), 'c d e f g', 'each group once');

# context window, content policy

$r = http(chat('ctx', user => 'ctx=long'));
is(content($r), 'from big', 'context_window_fallbacks');
$r = http(chat('pol', user => 'pol=bad'));
is(content($r), 'from safe', 'content_policy_fallbacks');
$r = http(chat('ctx', user => 'ctx=500'));
is($r->{status}, 500, 'other errors do not use them');
$r = http(chat('a', user => 'a=long'));
is($r->{status}, 400, 'a group without an entry in them: the error');

# the request's own

$r = http(chat('g', user => 'g=500', fallbacks => ['b']));
is(content($r), 'from b', 'fallbacks of the request');
$r = http(chat('g', user => 'g=500', fallbacks => [{ g => ['big'] }]));
is(content($r), 'from big', 'fallbacks of the request in the standard form');
is(json_of(($one->requests)[-1]{body})->{fallbacks}, undef, 'they stay with us');
$r = http(chat('a', user => 'a=500', disable_fallbacks => JSON::PP::true));
is($r->{status}, 500, 'disable_fallbacks');
$r = http(chat('g', user => 'g=500', fallbacks => ['nowhere']));
is($r->{status}, 500, 'a fallback nobody answers');
$r = http(chat('g', user => 'g=500', fallbacks => 'b'));
is($r->{status}, 400, 'fallbacks of a wrong type');

# the map form of the guide

$r = http(chat('a', user => 'a=500', uri => '/map/v1/chat/completions'));
is(content($r), 'from b', 'the map form');
$r = http(chat('b', user => 'b=500', uri => '/map/v1/chat/completions'));
is($r->{status}, 500, 'the map form: another model');
like(json_of($r->{body})->{error}{message}, qr/no from b/, 'the error\'s words');

# an unknown model

$r = http(chat('nope'));
is($r->{status}, 400, 'an unknown model');
my $j = json_of($r->{body});
like($j->{error}{message}, qr/You passed in model=nope/, 'LiteLLM\'s words');
is($j->{error}{type}, 'invalid_request_error', 'its type');
$r = http(chat('nope', fallbacks => ['b']));
is(content($r), 'from b', 'an unknown model with a fallback');

# what one deployment must not get is there for the next one

$r = http(chat('drops', user => 'drops=500', seed => 7, top_k => 3, fallbacks => ['b']));
my @got = map { json_of($_->{body}) } ($one->requests)[-2, -1];
ok(!exists $got[0]{seed} && !exists $got[0]{top_k}, 'additional_drop_params of the first one');
is(join(',', map { $_ // '' } @{$got[1]}{qw(model seed top_k)}), 'b,7,3', 'its fallback gets them');

# body of the fallback: its own model, the client's bytes

is(json_of(($one->requests)[-1]{body})->{model}, 'b', 'the model of the fallback');
