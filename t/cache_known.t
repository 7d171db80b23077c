#!/usr/bin/perl

# A body that was a hit before and comes again: the answer is that of those who
# may have it, what goes to the provider when there is none any more is what
# went there at first.  One worker, which is the one that knows.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer chunked openai_chat openai_text openai_stream);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(62);

$t->write_conf(http => <<'END', server => <<'END', location => 'litellm_cache on;');
litellm_zone zone=z:2m;
litellm_cache_zone zone=answers:4m;
add_header X-Age $litellm_cache_age;
END
location /tenant/ {
    litellm;
    litellm_cache on;
    litellm_cache_scope key $http_x_tenant;
}
location /none/ {
    litellm;
    litellm_cache off;
}
END
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: claude
    litellm_params: {model: anthropic/claude-3-5-sonnet-20241022, api_base: "http://127.0.0.1:%%PORT_8081%%", api_key: k}
litellm_settings: {num_retries: 0, cache: true, cache_params: {type: local, scope: key}}
general_settings: {master_key: sk-master}
virtual_keys:
  - {key: sk-one, models: [gpt]}
  - {key: sk-two}
  - {key: sk-poor, models: [claude]}
END

# each answer has a number of its own
my $up = $t->mock(8081, sub {
    my ($peer, $req, $n) = @_;
    return chunked(openai_stream("answer $n")) if $req->{body} =~ /"stream": ?true/;
    return answer(200, $req->{uri} =~ /chat/ ? openai_chat("answer $n") : openai_text("answer $n"));
});
$t->run;

# of the last answer
my $age;

my $plain = '{"model":"gpt","messages":[{"role":"user","content":"Hi \u00e9"}],"prompt":"Hi"}';

sub ask {
    my ($body, %in) = @_;
    my $r = http_post($in{uri} || '/v1/chat/completions', $body,
        Authorization => 'Bearer ' . ($in{key} || 'sk-one'), @{$in{headers} || []});
    $age = $r->{header}{'x-age'};
    return "status $r->{status}" if $r->{status} != 200;
    my ($n) = join('', $r->{body} =~ /"(?:content|text)":"([^"]*)"/g) =~ /answer (\d+)/;
    return ($n // 'nothing') . ($r->{header}{'x-litellm-cache-key'} ? ' kept' : '');
}

is(ask($plain), 1, 'asked');
is($age, undef, 'no age');
is(ask($plain), '1 kept', 'a hit');
like($age, qr/^\d$/, 'its age');
is(ask($plain), '1 kept', 'known') for 1 .. 2;

is(ask($plain, key => 'sk-two'), 2, "another's key");
is(ask($plain, key => 'sk-two'), '2 kept', 'has an answer of its own') for 1 .. 3;
is(ask($plain), '1 kept', 'as the first one has');
is(ask($plain, key => 'sk-poor'), 'status 403', 'a key that may not use the model');
is(ask($plain, key => 'sk-nobody'), 'status 401', 'no key');

is(ask($plain, uri => '/v1/completions'), 3, 'another API');
is(ask($plain, uri => '/v1/completions'), '3 kept', 'has an answer of its own') for 1 .. 3;
is(ask($plain), '1 kept', 'as the first one has');

# more scopes than one body has names

for my $tenant ('a' .. 'f') {
    my %in = (uri => '/tenant/v1/chat/completions', headers => ['X-Tenant', $tenant]);
    like(ask($plain, %in), qr/^\d+$/, "tenant $tenant");
    like(ask($plain, %in), qr/^\d+ kept$/, 'a hit');
}
my %seen;
for my $tenant ('a' .. 'f', 'a' .. 'f') {
    $seen{ask($plain, uri => '/tenant/v1/chat/completions', headers => ['X-Tenant', $tenant])}{$tenant}++;
}
is_deeply([sort map { join ',', %$_ } values %seen], [map { "$_,2" } 'a' .. 'f'], 'each has its own');
like(ask($plain, uri => '/none/v1/chat/completions'), qr/^\d+$/, 'where nothing is kept');

# what a request is read as: control, members twice, those of nobody, streams

my @bodies = (
    ' { "model" : "gpt" , "messages" : [ { "role":"user","content":"1" } ] } ',
    '{"model":"gpt","messages":[],"temperature":1,"temperature":0.5,"own":[1],"own":{"a":2}}',
    '{"model":"gpt","messages":[],"cache":{"ttl":100},"metadata":{"tags":["x"]},"timeout":20,"seed":1}',
    '{"model":"gpt","messages":[],"stream":true,"stream_options":{"include_usage":true}}',
    '{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}],'
        . '"model":"\u0067pt","t\u006fp_p":1}',
);

for my $body (@bodies) {
    my $n = ask($body);
    is(ask($body), "$n kept", 'a hit') for 1 .. 3;
    my $first = ($up->requests)[-1]{body};

    is(http_post('/cache/flushall', '{}', Authorization => 'Bearer sk-master')->{status}, 200, 'flushed');
    is(ask($body), $n + 1, 'asked anew');
    is(($up->requests)[-1]{body}, $first, 'with the same body');
}
