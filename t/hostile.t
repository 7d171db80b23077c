#!/usr/bin/perl

# A provider that means harm, or is just broken: oversized and malformed
# headers, bad chunks, endless bodies and events, nginx's own control headers.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer chunked sse openai_chat openai_chunk openai_stream);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(51);

$t->write_conf(http => 'litellm_max_response_size 200k; litellm_max_event_size 50k;', server => <<'END');
location = /internal { internal; return 200 "secret page"; }
END
$t->write_yaml(<<'END');
litellm_settings:
  num_retries: 0
END
my %up = (gpt => $t->listener(8081), claude => $t->listener(8082));
$t->run;

sub call {
    my ($raw, $answer, $model) = @_;
    my $c = start($raw);
    my ($peer, $req) = $up{$model || 'gpt'}->request;
    $peer->write($answer) if $peer;
    $peer->close if $peer;
    return finish($c);
}

my $body = openai_chat('hi');
my @stream = openai_stream('Hel', 'lo');

# nginx's control headers are not obeyed

for my $h (['X-Accel-Redirect', '/internal'], ['X-Accel-Limit-Rate', '1'], ['X-Accel-Expires', '10'],
    ['X-Accel-Buffering', 'yes'], ['X-Accel-Charset', 'koi8-r'])
{
    my $r = call(chat('gpt'), answer(200, $body, @$h));
    is($r->{body}, $body, "$h->[0] is not obeyed");
}
my $r = call(chat('gpt', stream => JSON::PP::true), chunked(@stream) =~ s/\r\n/\r\nX-Accel-Redirect: \/internal\r\n/r);
is($r->{body}, join('', @stream), 'X-Accel-Redirect in a stream');

# headers that are not passed on

$r = call(chat('gpt'), answer(200, $body, 'Set-Cookie' => 'a=b', 'Set-Cookie2' => 'c', 'Server' => 'evil',
    'Proxy-Authenticate' => 'x', 'Upgrade' => 'h2c', 'Keep-Alive' => 'timeout=1', 'Trailer' => 'x',
    'x-litellm-call-id' => 'forged', 'Content-Encoding' => 'identity', 'Refresh' => '0; url=http://evil',
    'WWW-Authenticate' => 'Basic', 'Location' => 'http://evil'));
is($r->{status}, 200, 'many headers');
unlike($r->{head}, qr/^(llm_provider-)?set-cookie/im, 'Set-Cookie');
unlike($r->{head}, qr/^(server: evil|refresh|location|www-authenticate|upgrade|keep-alive|trailer|proxy-)/im,
    'not under their own names');
unlike($r->{head}, qr/^x-litellm-call-id: forged/im, 'ours cannot be forged');

# sizes and forms of headers

for my $case (
    ['a long header line', 'X-Long: ' . 'x' x 100_000],
    ['many headers', join "\r\n", map { "X-H$_: " . 'v' x 50 } 1 .. 5000],
    ['a header without a colon', 'nonsense'],
    ['a NUL in a header', "X-A: a\x00b"],
    ['a bare CR', "X-A: a\rb"],
    ['spaces before the colon', 'X-A : b'],
    ['two lengths', "Content-Length: 3\r\nContent-Length: 5"],
    ['length and chunks', "Content-Length: 3\r\nTransfer-Encoding: chunked"],
    ['a negative length', 'Content-Length: -5'],
    ['a huge length', 'Content-Length: 99999999999999999999'],
    ['another coding', 'Transfer-Encoding: gzip'],
    ['compressed', "Content-Encoding: gzip\r\nContent-Length: 4"])
{
    my ($name, $header) = @$case;
    $r = call(chat('gpt'), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n$header\r\n\r\nabc");
    ok($r->{status} >= 500 && json_of($r->{body})->{error}, "$name: an error") or diag($r->{raw});
}

for my $case (
    ['an empty status line', "\r\n\r\n"],
    ['a bad status', "HTTP/1.1 99999 X\r\nContent-Length: 0\r\n\r\n"],
    ['HTTP/9', "HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}"],
    ['a redirect', "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"],
    ['no content', "HTTP/1.1 204 No Content\r\n\r\n"],
    ['switching protocols', "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
    ['an empty body', "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
    ['an empty object', answer(200, '{}')],
    ['a list', answer(200, '[]')],
    ['invalid UTF-8', answer(200, "{\"choices\":\"\xff\"}")],
    ['an error in 200', answer(200, '{"error":{"message":"no","type":"x","code":null}}')],
    ['a depth bomb', answer(200, '[' x 100_000)])
{
    my ($name, $answer) = @$case;
    $r = call(chat('gpt'), $answer);
    ok($r->{status} >= 400 && json_of($r->{body})->{error}, "$name: an error") or diag($r->{raw});
}

# early hints before the answer

$r = call(chat('gpt'), "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" . answer(200, $body));
is($r->{status}, 200, '103 before the answer') or diag($r->{raw});

# chunks

for my $case (
    ['a bad chunk size', "xyz\r\n$body\r\n0\r\n\r\n"],
    ['a huge chunk size', "fffffffffffffffff\r\n$body\r\n0\r\n\r\n"],
    ['a chunk without its end', "5\r\nabcdeXX0\r\n\r\n"])
{
    my ($name, $chunks) = @$case;
    $r = call(chat('gpt'), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n$chunks");
    ok($r->{status} >= 500 && json_of($r->{body})->{error}, "$name: an error") or diag($r->{raw});
}
$r = call(chat('gpt', stream => JSON::PP::true), chunked(@stream[0, 1], undef) . "zz\r\n");
ok($r->{status} == 200 && (events($r->{body}))[-1] =~ /"error"/, 'a bad chunk in a stream: an error event')
    or diag($r->{raw});

# bounds

for my $length ("Content-Length: 5000000\r\n", '') {
    my $name = $length ? 'with Content-Length' : 'without';
    $r = call(chat('gpt'), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n$length\r\n{\"x\":\"" . 'y' x 4_999_999);
    ok($r->{status} >= 500 && json_of($r->{body})->{error}, "a body over the bound, $name") or diag(substr $r->{raw}, 0, 500);
}
$r = call(chat('gpt'), answer(500, 'e' x 1_000_000));
ok($r->{status} >= 500 && json_of($r->{body})->{error} && length $r->{body} < 300_000, 'a huge error body is bounded');

for my $model ('gpt', 'claude') {
    $r = call(chat($model, stream => JSON::PP::true),
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {\"x\":\"" . 'y' x 1_000_000, $model);
    ok($r->{status} >= 500 && json_of($r->{body})->{error}, "$model: an endless event")
        or diag(substr $r->{raw}, 0, 500);
    $r = call(chat($model, stream => JSON::PP::true),
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" . ": \n\n" x 100_000, $model);
    ok($r->{status} >= 500 && json_of($r->{body})->{error}, "$model: comments only")
        or diag(substr $r->{raw}, 0, 500);
    $r = call(chat($model, stream => JSON::PP::true),
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" . "data: [1]\n\ndata: nonsense\n\ndata: {\"choices\":5}\n\n" x 10, $model);
    ok($r->{status} >= 500 && json_of($r->{body})->{error}, "$model: events of nonsense")
        or diag(substr $r->{raw}, 0, 500);
}

# what comes behind the end is not sent

$r = call(chat('gpt', stream => JSON::PP::true), chunked(@stream, sse(openai_chunk('late'))));
unlike($r->{body}, qr/late/, 'nothing behind [DONE]');
$r = call(chat('gpt'), answer(200, $body) . 'HTTP/1.1 200 OK');
is($r->{body}, $body, 'nothing behind the body');

is(http_get('/health/liveliness')->{status}, 200, 'alive after all this');
