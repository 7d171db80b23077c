#!/usr/bin/perl

# Times: silence, the total of a request, the first text of a stream, the
# connection; each ends as LiteLLM's 408.

use warnings;
use strict;

use Socket ();
use Test::More;
use Time::HiRes qw(time);

use LiteLLM::Mock qw(answer chunked openai_chat openai_stream);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(27);

$t->write_conf(server => <<'END');
location /silence/ {
    litellm;
    litellm_read_timeout 400ms;
}
location /connect/ {
    litellm;
    litellm_connect_timeout 300ms;
}
END
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: slow
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: total
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k, timeout: 0.5}
  - model_name: first
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k, stream_timeout: 0.5}
  - model_name: full
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8082%%/v1", api_key: k}
  - model_name: good
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8083%%/v1", api_key: k}
litellm_settings:
  num_retries: 0
router_settings:
  fallbacks: [{"first": ["good"]}]
END
my $up = $t->listener(8081);
my $good = $t->mock(8083, sub {
    my ($peer, $req) = @_;
    return json_of($req->{body})->{stream} ? chunked(openai_stream('from good')) : answer(200, openai_chat('from good'));
});

# a listener whose queue is full: connections to it hang
socket(my $full, Socket::PF_INET(), Socket::SOCK_STREAM(), 0) or die;
setsockopt $full, Socket::SOL_SOCKET(), Socket::SO_REUSEADDR(), 1;
bind $full, Socket::pack_sockaddr_in($t->port(8082), Socket::inet_aton('127.0.0.1')) or die "bind: $!";
listen $full, 0;
my @fill;
for (1 .. 4) {
    socket(my $s, Socket::PF_INET(), Socket::SOCK_STREAM(), 0) or die;
    bless $s, 'IO::Socket::INET';
    $s->blocking(0);
    connect $s, Socket::pack_sockaddr_in($t->port(8082), Socket::inet_aton('127.0.0.1'));
    push @fill, $s;
}

$t->run;

# (answer, seconds); code gets the provider's connection
sub timed {
    my ($raw, $code) = @_;
    my $from = time;
    my $c = start($raw);
    my ($peer, $req) = $code ? $up->request : ();
    $code->($peer, $c) if $peer;
    my $r = finish($c);
    return ($r, time - $from, $peer);
}

my $limit = 2 + $LiteLLM::Peer::slow;

my ($r, $s, $peer) = timed(chat('slow', uri => '/silence/v1/chat/completions'), sub { });
is($r->{status}, 408, 'silence: status');
like(json_of($r->{body})->{error}{message}, qr/^litellm\.Timeout/, 'silence: LiteLLM\'s words');
cmp_ok($s, '>', 0.35, 'silence: not too early');
cmp_ok($s, '<', $limit, 'silence: not too late');
ok($peer->closed(2), 'silence: the upstream is closed');

($r, $s) = timed(chat('slow', uri => '/silence/v1/chat/completions'),
    sub { $_[0]->write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{") });
is($r->{status}, 408, 'silence in a body');

# behind the first text it is an error event

my @stream = openai_stream('one', 'two');
($r, $s) = timed(chat('slow', uri => '/silence/v1/chat/completions', stream => JSON::PP::true),
    sub { $_[0]->write(chunked(@stream[0, 1], undef)) });
is($r->{status}, 200, 'silence in a stream: status');
my @events = events($r->{body});
is(json_of($events[-1])->{error}{code}, '408', 'silence in a stream: an error event');
ok(!grep({ $_ eq '[DONE]' } @events), 'silence in a stream: no [DONE]');

# each event starts the silence anew

($r, $s) = timed(chat('slow', uri => '/silence/v1/chat/completions', stream => JSON::PP::true), sub {
    my $peer = shift;
    $peer->write(chunked($stream[0], undef));
    for (1 .. 12) {
        Time::HiRes::sleep(0.06);
        $peer->write(LiteLLM::Mock::chunk($stream[1]));
    }
    $peer->write(LiteLLM::Mock::chunk(join '', @stream[2 .. $#stream]) . "0\r\n\r\n");
});
is((events($r->{body}))[-1], '[DONE]', 'a slow but living stream');

# the total

($r, $s, $peer) = timed(chat('total'), sub { });
is($r->{status}, 408, 'total: status');
cmp_ok($s, '>', 0.45, 'total: not too early');
cmp_ok($s, '<', $limit, 'total: not too late');
ok($peer->closed(2), 'total: the upstream is closed');
($r, $s) = timed(chat('total'), sub {
    my $peer = shift;
    $peer->write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n");
    for (1 .. 10) { Time::HiRes::sleep(0.1); $peer->write(' ') or last }
});
is($r->{status}, 408, 'total: drops of bytes do not help');
($r, $s) = timed(chat('slow', timeout => 0.4), sub { });
is($r->{status}, 408, 'total: of the request');
cmp_ok($s, '<', $limit, 'total: of the request, in time');
($r, $s) = timed(chat('slow', headers => ['x-litellm-timeout' => '0.4']), sub { });
is($r->{status}, 408, 'total: x-litellm-timeout');

# the first text of a stream; then the fallback

($r, $s, $peer) = timed(chat('first', stream => JSON::PP::true), sub { $_[0]->write(chunked($stream[0], undef)) });
is(texts($r->{body}), 'from good', 'first text: the fallback answers');
cmp_ok($s, '>', 0.45, 'first text: not too early');
ok($peer->closed(2), 'first text: the upstream is closed');
($r, $s) = timed(chat('first', stream => JSON::PP::true), sub {
    my $peer = shift;
    $peer->write(chunked(@stream[0, 1], undef));
    Time::HiRes::sleep(0.9);
    $peer->write(LiteLLM::Mock::chunk(join '', @stream[2 .. $#stream]) . "0\r\n\r\n");
});
is((events($r->{body}))[-1], '[DONE]', 'first text: no limit behind it');

# the connection

($r, $s) = timed(chat('full', uri => '/connect/v1/chat/completions'));
ok($r->{status} == 408 || $r->{status} >= 500, 'connection: status') or diag($r->{raw});
cmp_ok($s, '<', $limit, 'connection: in time');
ok(json_of($r->{body})->{error}, 'connection: JSON');

# bad values

is(http(chat('slow', timeout => 'soon'))->{status}, 400, 'a timeout that is no number');
is(http(chat('slow', timeout => -1))->{status}, 400, 'a negative timeout');
