#!/usr/bin/perl

# Bad and unusual input: every bad body gets an OpenAI-shaped error with the
# right status, every unusual framing works, nothing crashes.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(113);

$t->write_conf(server => <<'END');
location /spill/ {
    litellm;
    litellm_body_buffer_size 1k;
}
location /small/ {
    litellm;
    litellm_max_body_size 10k;
}
END
$t->write_yaml(<<'END');
litellm_settings:
  num_retries: 0
END
my $mock = $t->mock(8081, sub { answer(200, openai_chat('hi')) });
$t->run;

sub bad {
    my ($name, $body, $status, $text) = @_;
    my $r = http_post('/v1/chat/completions', $body);
    is($r->{status}, $status, "$name: status") or diag($r->{raw});
    my $j = json_of($r->{body});
    ok(ref $j eq 'HASH' && $j->{error}{message} && exists $j->{error}{type} && exists $j->{error}{param}
        && defined $j->{error}{code}, "$name: the error's form") or diag($r->{body});
    like($r->{header}{'content-type'} // '', qr/^application\/json/, "$name: JSON");
    like($j->{error}{message} // '', $text, "$name: message") if $text;
    unlike($r->{raw}, qr/sk-provider/, "$name: no key");
}

my $m = '"messages":[{"role":"user","content":"x"}]';
bad('empty body', '', 400);
bad('no JSON', 'hello', 400, qr/Invalid JSON payload/);
bad('truncated', "{\"model\":\"gpt\",$m", 400, qr/Invalid JSON payload/);
bad('an array', '[]', 400);
bad('a number', '1', 400);
bad('trailing bytes', "{\"model\":\"gpt\",$m}x", 400);
bad('no messages', '{"model":"gpt"}', 400, qr/messages/);
bad('messages no list', '{"model":"gpt","messages":"x"}', 400);
bad('model a number', "{\"model\":1,$m}", 400);
bad('stream a text', "{\"model\":\"gpt\",\"stream\":\"maybe\",$m}", 400);
bad('unknown model', "{\"model\":\"nope\",$m}", 400, qr/You passed in model=nope/);
bad('model with quotes', "{\"model\":\"a\\\"}\\u0000<script>\",$m}", 400);
bad('invalid UTF-8', "{\"model\":\"gpt\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}", 400);
bad('overlong UTF-8', "{\"model\":\"gpt\",\"messages\":[{\"role\":\"user\",\"content\":\"\xc0\xaf\"}]}", 400);
bad('a control character', "{\"model\":\"gpt\",\"messages\":[{\"role\":\"user\",\"content\":\"\x01\"}]}", 400);
bad('a NUL byte', "{\"model\":\"gpt\",\x00$m}", 400);
bad('a depth bomb', '{"model":"gpt","messages":' . '[' x 100_000, 400);
bad('a closed depth bomb', "{\"model\":\"gpt\",$m,\"a\":" . '[' x 100_000 . ']' x 100_000 . '}', 400);
bad('client credentials', "{\"model\":\"gpt\",$m,\"api_base\":\"http://evil\"}", 401, qr/api_base is not allowed/);
bad('client key', "{\"model\":\"gpt\",$m,\"api_key\":\"x\"}", 401, qr/api_key is not allowed/);

is(scalar($mock->requests), 0, 'none of these reached the provider');

# odd, but good

sub good {
    my ($name, $body) = @_;
    is(http_post('/v1/chat/completions', $body)->{status}, 200, $name);
}
good('white space', " \r\n\t{ \"model\" : \"gpt\" , $m } \n");
good('an escaped model', "{\"model\":\"\\u0067\\u0070t\",$m}");
good('a lone surrogate', "{\"model\":\"gpt\",\"messages\":[{\"role\":\"user\",\"content\":\"\\ud800\"}]}");
good('an escaped NUL', "{\"model\":\"gpt\",\"messages\":[{\"role\":\"user\",\"content\":\"a\\u0000b\"}]}");
good('a big number', "{\"model\":\"gpt\",$m,\"seed\":123456789012345678901234567890,\"x\":1e999}");
good('duplicate keys', "{\"model\":\"nope\",\"model\":\"gpt\",$m}");
unlike(($mock->requests)[-1]{body}, qr/nope/, 'duplicate keys: the last one counts');
is(() = ($mock->requests)[-1]{body} =~ /"model"/g, 1, 'duplicate keys: one is left');

# framing

my $body = "{\"model\":\"gpt\",$m}";
my $head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n";

is(http($head . "Transfer-Encoding: chunked\r\n\r\n"
    . join('', map { LiteLLM::Mock::chunk($_) } $body =~ /(.{1,5})/gs) . "0\r\n\r\n")->{status}, 200, 'chunked');

my $c = start($head . 'Content-Length: ' . length($body) . "\r\nExpect: 100-continue\r\n\r\n");
ok($c->read_until(qr/100 Continue\r\n\r\n/), '100 Continue');
$c->write($body);
is(finish($c)->{status}, 200, 'Expect: 100-continue');

$c = start('');
for my $piece (($head . 'Content-Length: ' . length($body) . "\r\n\r\n$body") =~ /(.{1,40})/gs) {
    $c->write($piece);
    select undef, undef, undef, 0.002;
}
is(finish($c)->{status}, 200, 'in small pieces');

is(http_post('/v1/chat/completions', $body, 'Content-Type' => 'text/plain')->{status}, 200, 'another type');

# pipelined: two requests on one connection

my $request = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: " . length($body)
    . "\r\n\r\n$body";
$c = start($request . $request);
is(finish($c)->{status}, 200, 'pipelined: first');
is(finish($c)->{status}, 200, 'pipelined: second');
$c->close;

# an error leaves the connection usable

$c = start("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{");
is(finish($c)->{status}, 400, 'kept alive: an error');
$c->write("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: " . length($body) . "\r\n\r\n$body");
is(finish($c)->{status}, 200, 'kept alive: the next request');
$c->close;

# large bodies: in memory, in a temporary file, too large

my $long = 'y' x 3_000_000;
my $large = "{\"model\":\"gpt\",\"messages\":[{\"role\":\"user\",\"content\":\"$long\"}]}";
is(http_post('/v1/chat/completions', $large)->{status}, 200, '3 MB');
is(($mock->requests)[-1]{body}, $large =~ s/"gpt"/"gpt-4o"/r, '3 MB to the byte');
is(http_post('/spill/v1/chat/completions', $large)->{status}, 200, '3 MB through a file');
is(($mock->requests)[-1]{body}, $large =~ s/"gpt"/"gpt-4o"/r, '3 MB through a file to the byte');

my $r = http_post('/small/v1/chat/completions', '{"model":"gpt","messages":"' . 'y' x 20_000 . '"}');
is($r->{status}, 413, 'over litellm_max_body_size');
ok(json_of($r->{body})->{error}{message}, 'over litellm_max_body_size: JSON');
$r = http("POST /small/v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    . LiteLLM::Mock::chunk('y' x 9_000) x 2);
is($r->{status}, 413, 'over litellm_max_body_size in chunks');
ok(json_of($r->{body})->{error}, 'over litellm_max_body_size in chunks: JSON');

is(http_get('/health/liveliness')->{status}, 200, 'alive after all this');
