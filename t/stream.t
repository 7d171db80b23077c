#!/usr/bin/perl

# Streams in time: when bytes reach the client, what a slow or a leaving client
# does to the provider, cut streams, pieces of any size, gzip and HTTP/2.

use warnings;
use strict;

use IO::Uncompress::Gunzip ();
use Test::More;
use Time::HiRes qw(time);

use LiteLLM::Mock qw(answer chunked sse openai_chat openai_chunk openai_stream openai_error
    anthropic_stream);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(56);

my $h2 = $t->has_feature('http_v2') && $t->has_feature('program curl');
$t->write_conf(http => 'gzip on; gzip_types text/event-stream; gzip_min_length 1;',
    server => $h2 ? 'listen 127.0.0.1:%%PORT_8443%% http2;' : '');
$t->write_yaml(<<'END');
  - model_name: backup
    litellm_params:
      model: openai/gpt-4o
      api_base: http://127.0.0.1:%%PORT_8083%%/v1
      api_key: sk-provider-one
litellm_settings:
  num_retries: 0
END
my %up = (gpt => $t->listener(8081), claude => $t->listener(8082));
my $backup = $t->listener(8083);
$t->run;

my %stream = (gpt => [openai_stream('Hel', 'lo ', 'you')], claude => [anthropic_stream('Hel', 'lo ', 'you')]);

# up to and including the first text
my %first = (gpt => 2, claude => 4);
my @yes = (stream => JSON::PP::true);

sub open_stream {
    my ($model, %opt) = @_;
    my $c = start(chat($model, @yes, headers => $opt{headers} || []), %opt);
    my ($peer, $req) = $up{$model}->request;
    return ($c, $peer, $req);
}

sub head { substr chunked(undef), 0 }

for my $model ('gpt', 'claude') {
    my @events = @{$stream{$model}};
    my $n = $first{$model};

    # nothing before the first text, then each event at once

    my ($c, $peer) = open_stream($model);
    $peer->write(chunked(@events[0 .. $n - 2], undef));
    ok($c->quiet(0.3), "$model: nothing before the first text");
    $peer->write(LiteLLM::Mock::chunk($events[$n - 1]));
    ok($c->read_until(qr/"Hel"/), "$model: the first text comes at once");
    $peer->write(LiteLLM::Mock::chunk($events[$n]));
    ok($c->read_until(qr/"lo "/), "$model: the next text comes at once");

    # half an event is held back, not lost

    my $event = $events[$n + 1];
    $peer->write(LiteLLM::Mock::chunk(substr $event, 0, -9));
    ok(!defined $c->read_until(qr/"you"/, 0.2) || $model eq 'never', "$model: half an event waits");
    $peer->write(LiteLLM::Mock::chunk(substr $event, -9));
    ok($c->read_until(qr/"you"/), "$model: the other half");
    $peer->write(LiteLLM::Mock::chunk(join '', @events[$n + 2 .. $#events]) . "0\r\n\r\n");
    ok($c->read_until(qr/\[DONE\]\r?\n/), "$model: [DONE]");
    ok($c->closed, "$model: the end");
    $peer->close;

    # cut behind a text: an error event, no [DONE], in every framing

    my $kept;
    my %cut = (
        'a missing last chunk' => sub { $_[0]->write(chunked(@events[0 .. $n - 1], undef)); $_[0]->close },
        'a reset' => sub { $_[0]->write(chunked(@events[0 .. $n - 1], undef));
            $kept = $c->read_until(qr/Hel/); $_[0]->reset },
        'too little for Content-Length' => sub { $_[0]->write("HTTP/1.1 200 OK\r\n"
            . "Content-Type: text/event-stream\r\nContent-Length: 9999\r\n\r\n" . join '', @events[0 .. $n - 1]);
            $_[0]->close },
        'an end without the end mark' => sub { $_[0]->write("HTTP/1.1 200 OK\r\n"
            . "Content-Type: text/event-stream\r\n\r\n" . join '', @events[0 .. $n - 1]); $_[0]->close },
        'an event up to a brace' => sub {
            $_[0]->write(chunked(@events[0 .. $n - 1], substr($events[$n], 0, index($events[$n], '}') + 1), undef));
            $_[0]->close },
        'half an event' => sub { $_[0]->write(chunked(@events[0 .. $n - 1], substr($events[$n], 0, 20), undef));
            $_[0]->close });
    for my $how (sort keys %cut) {
        ($c, $peer) = open_stream($model);
        $kept = '';
        $cut{$how}->($peer);
        $c->{in} = $kept . $c->{in};
        my $all = finish($c);
        my @got = events($all->{body});
        my $last = json_of($got[-1] // 'null');
        ok($all->{status} == 200 && ref $last eq 'HASH' && $last->{error}{message} && !grep({ !json_of($_) } @got),
            "$model: cut by $how") or diag($all->{raw});
    }

    # cut before the first text: an error with its status

    ($c, $peer) = open_stream($model);
    $peer->write(chunked(@events[0 .. $n - 2], undef));
    $peer->close;
    my $r = finish($c);
    ok($r->{status} >= 500 && json_of($r->{body})->{error}, "$model: cut before the first text")
        or diag($r->{raw});

    # in pieces of random sizes

    my $want;
    my $bad = '';
    srand 42;
    for my $round (0 .. 5) {
        my $raw = chunked(map { $round < 3 ? $_ : /(.{1,11})/gs } @events);
        ($c, $peer) = open_stream($model);
        $peer->write_split($raw, map { 1 + int rand 40 } 1 .. 500);
        my $all = finish($c);
        $peer->close;
        my $got = texts($all->{body});
        $bad .= "$round: $got\n" if $got ne 'Hello you' || (events($all->{body}))[-1] ne '[DONE]';
    }
    is($bad, '', "$model: random pieces");

    # a client that leaves closes the provider's connection at once

    ($c, $peer) = open_stream($model);
    $peer->write(chunked(@events[0 .. $n - 1], undef));
    $c->read_until(qr/Hel/);
    $c->close;
    my $start = time;
    ok($peer->closed(5), "$model: a client that leaves ends the upstream");
    cmp_ok(time - $start, '<', 2 * $LiteLLM::Peer::slow, "$model: at once");

    ($c, $peer) = open_stream($model);
    $c->close;
    ok($peer->closed(5), "$model: a client that leaves before the first byte");

    ($c, $peer) = open_stream($model);
    $c->reset;
    ok($peer->closed(5), "$model: a client that resets");

    # a slow client stops the reading from the provider

    ($c, $peer) = open_stream($model, rcvbuf => 8192);
    $peer->write(chunked(@events[0 .. $n - 1], undef));
    my $one = LiteLLM::Mock::chunk($events[$n] x 100);
    my $many = int(40_000_000 / length $one);
    my $total = $one x $many;
    my $sent = $peer->flood($total, 1);
    cmp_ok($sent, '<', 20_000_000, "$model: a slow client stops the reading");
    if (my $pid = fork) {
        my $r = finish($c, timeout => 60);
        # of so many events each is looked at as a line: JSON::PP would take ten times as long as all the rest
        is(scalar(() = $r->{body} =~ /^data: \{[^\n]*"lo "[^\n]*\}\r?$/mg), $many * 100,
            "$model: and nothing is lost");
        waitpid $pid, 0;
    } else {
        $peer->write(substr($total, $sent) . LiteLLM::Mock::chunk(join '', @events[$n + 2 .. $#events])
            . "0\r\n\r\n");
        POSIX::_exit(0);
    }
    $peer->close;

    # gzip towards the client, event by event

    ($c, $peer) = open_stream($model, headers => ['Accept-Encoding' => 'gzip']);
    $peer->write(chunked(@events[0 .. $n - 1], undef));
    my $head = $c->read_until(qr/\r\n\r\n/);
    like($head, qr/content-encoding: gzip/i, "$model: gzip");
    ok(length($c->read_until(qr/.{20}/s) // ''), "$model: gzip is flushed");
    $peer->write(LiteLLM::Mock::chunk(join '', @events[$n .. $#events]) . "0\r\n\r\n");
    ok($c->closed, "$model: gzip ends");
    $peer->close;

    ($c, $peer) = open_stream($model, headers => ['Accept-Encoding' => 'gzip']);
    $peer->write(chunked(@events));
    $r = finish($c);
    my $plain = '';
    IO::Uncompress::Gunzip::gunzip(\$r->{body} => \$plain);
    is(texts($plain), 'Hello you', "$model: gzip, unpacked");
    $peer->close;
}

# a dialect without its end mark but with a finish_reason and a proper end

my ($c, $peer) = open_stream('gpt');
$peer->write(chunked(@{$stream{gpt}}[0 .. $#{$stream{gpt}} - 1]));
my $r = finish($c);
is((events($r->{body}))[-1], '[DONE]', 'a finished stream without [DONE] gets one') or diag($r->{body});
$peer->close;

# an error in the provider's stream keeps its words

($c, $peer) = open_stream('gpt');
$peer->write(chunked(@{$stream{gpt}}[0 .. 1], sse(openai_error('the words', 'server_error', undef))));
$r = finish($c);
like((events($r->{body}))[-1], qr/the words/, 'an error event of the provider');
$peer->close;

# a whole answer where a stream was asked for

($c, $peer) = open_stream('gpt');
$peer->write(answer(200, openai_chat('Hello you')));
$r = finish($c);
is($r->{status}, 502, 'JSON instead of a stream');
$peer->close;

# many streams at once, their events in order

my @streams = map { [open_stream('gpt')] } 1 .. 20;
for my $round (0 .. $#{$stream{gpt}}) {
    for my $s (@streams) {
        $s->[1]->write($round ? LiteLLM::Mock::chunk($stream{gpt}[$round]) : chunked($stream{gpt}[0], undef));
    }
}
my $good = 0;
for my $s (@streams) {
    $s->[1]->write("0\r\n\r\n");
    $good++ if finish($s->[0])->{body} eq join '', @{$stream{gpt}};
    $s->[1]->close;
}
is($good, 20, 'many streams at once');

SKIP: {
    skip 'no HTTP/2 client', 2 if !$h2;
    my $url = 'http://127.0.0.1:' . $t->port(8443) . '/v1/chat/completions';
    for my $model ('gpt', 'claude') {
        $t->write_file('body.json', '{"model":"' . $model . '","stream":true,"messages":[{"role":"user","content":"x"}]}');
        open my $curl, '-|', 'curl', '-sN', '--http2-prior-knowledge', '-H', 'Content-Type: application/json',
            '--data-binary', '@' . $t->dir . '/body.json', $url or die "curl: $!";
        my ($peer) = $up{$model}->request;
        $peer->write(chunked(@{$stream{$model}}));
        local $/;
        is(texts(scalar <$curl>), 'Hello you', "$model: HTTP/2");
        close $curl;
        $peer->close;
    }
}
