#!/usr/bin/perl

# The same dialect on both sides: what the provider receives is the client's
# body to the byte but for the spliced edits, and the answer comes back to the
# byte, however it is framed.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer chunked sse openai_chat openai_chunk openai_stream);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(49);

$t->write_conf;
$t->write_yaml(<<'END');
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      api_key: sk-provider-one
litellm_settings:
  num_retries: 0
END
my $up = $t->listener(8081);
$t->run;

# one call: returns (request upstream, answer)
sub call {
    my ($body, $answer, @headers) = @_;
    return exchange($up, LiteLLM::Test::post_request('/v1/chat/completions', $body, @headers), $answer);
}

# requests: only the model's value may change

my @bodies = (
    '{"model":"gpt","messages":[{"role":"user","content":"Hello"}]}',
    "{ \"messages\" : [ { \"content\" : \"a\\u00e9\\n\" , \"role\":\"user\" } ],\n\t\"model\" :\t\"gpt\" }",
    '{"model":"gpt","messages":[{"role":"user","content":"x"}],"seed":9007199254740993,"temperature":1.0,"top_p":1e0}',
    '{"temperature":0.10,"model":"gpt","messages":[{"role":"user","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]}],"unknown_member":{"a":[1,2,{"b":null}]}}',
    '{"messages":[{"role":"user","content":"\u4e1c\u4eac \ud83d\ude00 \/ \\\\ \" "}],"model":"gpt","logit_bias":{"50256":-100}}',
    "{\"messages\":[{\"role\":\"user\",\"content\":\"\xe6\x9d\xb1\xe4\xba\xac\"}],\"model\":\"\\u0067pt\"}",
    '{"model":"gpt","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"number","minimum":-1.50e+3}}}}}],"tool_choice":"auto","parallel_tool_calls":false}',
);
for my $i (0 .. $#bodies) {
    my ($req, $r) = call($bodies[$i], answer(200, openai_chat('hi')));
    (my $want = $bodies[$i]) =~ s/("model"\s*:\s*)"(gpt|\\u0067pt)"/$1"gpt-4o"/;
    is($req->{body}, $want, "body $i to the byte");
    is($r->{status}, 200, "body $i: status");
}

my ($req, $r) = call('{"model":"gpt-4o", "messages":[{"role":"user","content":"x"}] }', answer(200, openai_chat('hi')));
is($req->{body}, '{"model":"gpt-4o", "messages":[{"role":"user","content":"x"}] }', 'nothing to change');
is($req->{header}{'content-length'}, length $req->{body}, 'content-length');
is($req->{line}, 'POST /v1/chat/completions HTTP/1.1', 'request line');
like($req->{header}{'content-type'}, qr/^application\/json/, 'content-type');
is($req->{header}{'accept-encoding'} // 'identity', 'identity', 'no compression asked for');

# control members are ours

($req) = call('{"model":"gpt","num_retries":0,"messages":[{"role":"user","content":"x"}],"timeout":30,"user":"u"}',
    answer(200, openai_chat('hi')));
is($req->{body}, '{"model":"gpt-4o","messages":[{"role":"user","content":"x"}],"user":"u"}',
    'control members are taken out');

# answers, to the byte, in each framing

my $odd = "{ \"id\":\"x\" ,\n\"object\":\"chat.completion\",\"created\":1,\"model\":\"gpt-4o-2024\",\"choices\":[{\"index\":0,"
    . "\"message\":{\"role\":\"assistant\",\"content\":\"a\\u00e9\\/b\",\"extra\":1.0},\"finish_reason\":\"stop\"}],"
    . "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3},\"zzz\":9007199254740993}\n";

($req, $r) = call($bodies[0], answer(200, $odd));
is($r->{body}, $odd, 'answer with Content-Length');
is($r->{header}{'content-length'}, length $odd, 'its length is told');
($req, $r) = call($bodies[0], "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n$odd");
is($r->{body}, $odd, 'answer until the connection ends');
my $chunked = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    . join('', map { LiteLLM::Mock::chunk($_) } $odd =~ /(.{1,7})/gs) . "0\r\n\r\n";
($req, $r) = call($bodies[0], $chunked);
is($r->{body}, $odd, 'answer in chunks');
($req, $r) = call($bodies[0], $chunked =~ s/0\r\n\r\n$/0;ext=1\r\nX-Trailer: 1\r\n\r\n/r);
is($r->{body}, $odd, 'chunk extension and trailer');
($req, $r) = call($bodies[0], "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
    . length($odd) . "\r\n\r\n$odd");
is($r->{body}, $odd, 'HTTP/1.0');
my $big = openai_chat('x' x 3_000_000);
($req, $r) = call($bodies[0], answer(200, $big));
is(length $r->{body}, length $big, 'a large answer');
ok($r->{body} eq $big, 'a large answer to the byte');

# headers of the provider

($req, $r) = call($bodies[0], answer(200, $odd, 'X-RateLimit-Remaining-Requests' => 7,
    'openai-processing-ms' => 12, 'Set-Cookie' => 'a=b', 'Connection' => 'keep-alive',
    'X-Request-ID' => 'req-9', 'X-Rate' => 5, 'X' => 6));
is($r->{header}{'llm_provider-openai-processing-ms'}, 12, 'llm_provider-*');
is($r->{header}{'llm_provider-x-rate'} . $r->{header}{'llm_provider-x'}, 56, 'names that others begin with');
is($r->{header}{'x-rate'}, undef, 'not under their own names');
is($r->{header}{'llm_provider-x-request-id'}, 'req-9', 'request id');
is($r->{header}{'x-ratelimit-remaining-requests'}, 7, 'rate limits under their own names');
unlike($r->{head}, qr/set-cookie/i, 'no cookies');
unlike($r->{head}, qr/llm_provider-connection/i, 'no hop-by-hop headers');

# streams

my @stream = openai_stream('Hel', "lo \xc3\xa9", '!');
my $sb = '{"model":"gpt","stream":true,"messages":[{"role":"user","content":"x"}],"stream_options":{"include_usage":true}}';
($req, $r) = call($sb, chunked(@stream));
is($req->{body}, $sb =~ s/"gpt"/"gpt-4o"/r, 'stream: request to the byte');
is($r->{body}, join('', @stream), 'stream: answer to the byte');
like($r->{header}{'content-type'}, qr/^text\/event-stream/, 'stream: type');
is($r->{header}{'cache-control'}, 'no-cache', 'stream: not cached');

($req, $r) = call($sb, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" . join('', @stream));
is($r->{body}, join('', @stream), 'stream until the connection ends');
($req, $r) = call($sb, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: "
    . length(join '', @stream) . "\r\n\r\n" . join('', @stream));
is($r->{body}, join('', @stream), 'stream with Content-Length');

# the usage event that only we have asked for is ours

my $usage = 'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],'
    . '"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}' . "\n\n";
my @with = (@stream[0 .. $#stream - 1], $usage, $stream[-1]);
($req, $r) = call($sb, chunked(@with));
is($r->{body}, join('', @with), 'usage that the client asked for stays');

my $plain = '{"model":"gpt","stream":true,"messages":[{"role":"user","content":"x"}]}';
($req, $r) = call($plain, chunked(@with));
my $asked = json_of($req->{body})->{stream_options}{include_usage};
is($r->{body}, join('', $asked ? @stream : @with), 'usage that we asked for is taken out');

# one connection serves many requests

my $c = start(LiteLLM::Test::post_request('/v1/chat/completions', $bodies[0]));
my ($peer) = $up->request;
$peer->write(answer(200, $odd));
is(finish($c)->{body}, $odd, 'first on a connection');
for (1 .. 2) {
    $c = start(LiteLLM::Test::post_request('/v1/chat/completions', $bodies[0]));
    my $again = $peer->read_message;
    ok($again, 'the connection is used again');
    $peer->write(answer(200, $odd));
    is(finish($c)->{body}, $odd, 'next on a connection');
}
$peer->close;

# a kept connection that the provider has closed is no failure

Time::HiRes::sleep(0.1);
($req, $r) = call($bodies[0], answer(200, $odd));
is($r->{status}, 200, 'after the provider closed an idle connection');
