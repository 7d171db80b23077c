#!/usr/bin/perl

# What is tried again, how often, and how long is waited before.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time);

use LiteLLM::Mock qw(answer chunked openai_chat openai_chunk openai_stream openai_error sse);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(67);

# two deployments in one group: no wait between attempts; "one" has one
$t->write_conf;
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: two
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/a", api_key: k1}
  - model_name: two
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/b", api_key: k2}
  - model_name: one
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/c", api_key: k3, num_retries: 1}
  - model_name: half-dead
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8082%%/dead", api_key: k4}
  - model_name: half-dead
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/alive", api_key: k5}
  - model_name: dead
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8082%%/dead", api_key: k4, num_retries: 0}
litellm_settings:
  num_retries: 3
router_settings:
  disable_cooldowns: true
END
my $up = $t->listener(8081);
$t->run;

my $close = sub { answer($_[0], $_[1] // openai_error("upstream says $_[0]", 'x_error', undef),
    'Connection' => 'close', @_[2 .. $#_]) };
my $good = $close->(200, openai_chat('at last'));
my @good_stream = openai_stream('at last');

# script(raw request, step...): a step is what the provider writes, or code.
# (answer, number of requests, requests, seconds)
sub script {
    my ($raw, @steps) = @_;
    my $from = time;
    my $c = start($raw);
    my @reqs;
    for my $step (@steps) {
        my ($peer, $req) = $up->request(15) or last;
        push @reqs, $req;
        ref $step ? $step->($peer) : $peer->write($step);
        $peer->close;
    }
    my $r = finish($c, timeout => 20);
    my $seconds = time - $from;
    if (my ($peer, $req) = $up->request(0.1)) {
        push @reqs, $req;
        $peer->close;
    }
    return ($r, scalar @reqs, \@reqs, $seconds);
}

# classes

for my $status (408, 409, 429, 500, 502, 503, 504, 529) {
    my ($r, $n) = script(chat('two'), $close->($status), $good);
    is($r->{status}, 200, "$status is tried again");
    is($n, 2, "$status: requests");
}
for my $status (400, 404, 405, 413, 422) {
    my ($r, $n) = script(chat('two'), $close->($status));
    is($n, 1, "$status is not tried again");
    ok($r->{status} >= 400 && json_of($r->{body})->{error}, "$status: the error");
}

# 401 of one deployment says nothing about the other

my ($r, $n, $reqs) = script(chat('two'), $close->(401), $good);
is($r->{status}, 200, '401 in a group of two: the other one is tried');
isnt((split m{/}, $reqs->[0]{uri})[1], (split m{/}, $reqs->[1]{uri})[1], 'it is the other one');
($r, $n) = script(chat('one'), $close->(401));
is($r->{status}, 401, '401 in a group of one');
is($n, 1, '401 in a group of one: requests');

# the number of attempts

($r, $n) = script(chat('two'), map { $close->(500) } 1 .. 4);
is($n, 4, 'num_retries of litellm_settings');
is($r->{status}, 500, 'the error in the end');
like(json_of($r->{body})->{error}{message}, qr/upstream says 500/, 'its words');
($r, $n) = script(chat('two', num_retries => 0), $close->(500));
is($n, 1, 'num_retries of the request: none');
($r, $n) = script(chat('two', num_retries => 1), $close->(500), $close->(500));
is($n, 2, 'num_retries of the request: one');
($r, $n) = script(chat('two', headers => ['x-litellm-num-retries' => 1]), $close->(500), $close->(500));
is($n, 2, 'x-litellm-num-retries');
($r, $n) = script(chat('two'), $close->(500), $close->(503), $good);
is($r->{header}{'x-litellm-attempted-retries'}, 2, 'x-litellm-attempted-retries');

# the last error counts

($r) = script(chat('two', num_retries => 1), $close->(500), $close->(429));
is($r->{status}, 429, 'the last error is told');

# transport failures

my %broken = (
    'a close without an answer' => sub { },
    'a reset' => sub { $_[0]->reset },
    'half a header' => sub { $_[0]->write("HTTP/1.1 200 OK\r\nContent-Ty") },
    'half a body' => sub { $_[0]->write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        . "Content-Length: 500\r\n\r\n{\"id\":") },
    'half a chunked body' => sub { $_[0]->write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"id\"\r\n") },
    'no HTTP' => sub { $_[0]->write("hello\r\n\r\n") },
    'no JSON' => sub { $_[0]->write($close->(200, '<html>gateway</html>')) });
for my $how (sort keys %broken) {
    ($r, $n) = script(chat('two'), $broken{$how}, $good);
    is($r->{status}, 200, "$how is tried again") or diag($r->{raw});
}

# a connection that is refused

my $fine = 0;
for (1 .. 6) {
    # each retry picks one of the two anew
    my $c = start(chat('half-dead', num_retries => 30));
    my ($peer) = $up->request or next;
    $peer->write($good);
    $peer->close;
    $fine++ if finish($c)->{status} == 200;
}
is($fine, 6, 'a refused connection is tried elsewhere');
$r = http(chat('dead'));
ok($r->{status} >= 500, 'nobody there');
my $j = json_of($r->{body});
like($j->{error}{message}, qr/^litellm\.\w+:/, 'nobody there: LiteLLM\'s words');
unlike($r->{raw}, qr/k4/, 'nobody there: no key');

# waiting: a group of one

my $seconds;
($r, $n, $reqs, $seconds) = script(chat('one'), $close->(500), $good);
is($r->{status}, 200, 'a group of one is tried again');
cmp_ok($seconds, '>', 0.45, 'after a while');
($r, $n, $reqs, $seconds) = script(chat('one'), $close->(429, undef, 'Retry-After' => 1), $good);
is($r->{status}, 200, 'Retry-After');
cmp_ok($seconds, '>', 0.95, 'Retry-After is kept');
cmp_ok($seconds, '<', 3 + 2 * $LiteLLM::Peer::slow, 'not much longer');
($r, $n, $reqs, $seconds) = script(chat('one'), $close->(429, undef, 'Retry-After' => 3000), $good);
cmp_ok($seconds, '<', 5 + 2 * $LiteLLM::Peer::slow, 'a Retry-After of an hour is not waited for');

# the last error's Retry-After reaches the client

($r) = script(chat('two', num_retries => 0), $close->(429, undef, 'Retry-After' => 17,
    'retry-after-ms' => 16420));
is($r->{header}{'retry-after'}, 17, 'Retry-After for the client');
is($r->{header}{'retry-after-ms'}, 16420, 'and retry-after-ms, which is the finer one');
is($r->{header}{'llm_provider-retry-after'}, 17, 'and as llm_provider-retry-after');

# a client that leaves while nothing is under way ends it

my $c = start(chat('one'));
my ($peer) = $up->request;
$peer->write($close->(503));
$peer->close;
$c->close;
ok(!$up->accept(1.6), 'a client that leaves during the wait: no further attempt');

# streams, until the first text

my @yes = (stream => JSON::PP::true);
($r, $n) = script(chat('two', @yes), $close->(503), sub { $_[0]->write(chunked(@good_stream)) });
is(texts($r->{body}), 'at last', 'stream: an error status is tried again');
($r, $n) = script(chat('two', @yes), sub { $_[0]->write(chunked($good_stream[0], undef)) },
    sub { $_[0]->write(chunked(@good_stream)) });
is(texts($r->{body}), 'at last', 'stream: a cut before the first text is tried again');
is($r->{body}, join('', @good_stream), 'stream: nothing of the first attempt is left');
($r, $n) = script(chat('two', @yes), sub { $_[0]->write(chunked($good_stream[0],
    sse(openai_error('oops', 'server_error', 500)))) }, sub { $_[0]->write(chunked(@good_stream)) });
is(texts($r->{body}), 'at last', 'stream: an error event before the first text is tried again');
($r, $n) = script(chat('two', @yes), sub { $_[0]->write(chunked(@good_stream[0, 1], undef)) });
is($n, 1, 'stream: not tried again behind the first text');

# a kept connection that the provider closes just when a request comes: not an
# attempt of its own, so it is repeated even without retries

$c = start(chat('one', num_retries => 0));
($peer) = $up->request;
$peer->write(answer(200, openai_chat('first')));
finish($c);
$c = start(chat('one', num_retries => 0));
ok($peer->read_message, 'stale: the request came on the kept connection');
$peer->close;
my ($fresh) = $up->request(5);
if ($fresh) {
    $fresh->write($good);
    $fresh->close;
}
$r = finish($c);
is($r->{status}, 200, 'stale: repeated on a fresh connection');
is($r->{header}{'x-litellm-attempted-retries'}, 0, 'stale: no retry');
