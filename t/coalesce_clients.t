#!/usr/bin/perl

# Requests that share a call (litellm_cache_lock), with clients of all kinds:
# plain, TLS, HTTP/2 and both; each leads and follows, and leaves; followers
# that read late or leave; a reload while others wait and follow.

use warnings;
use strict;

use IO::Select;
use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer sse openai_chat openai_chunk);
use LiteLLM::Test;

my $slow = $LiteLLM::Peer::slow;
my $yes = JSON::PP::true;

my $t = LiteLLM::Test->new->has('http_ssl', 'http_v2', 'program openssl', 'program curl')->plan(84);
my $d = $t->dir;

my $made = `cd '$d' && openssl req -x509 -newkey rsa:2048 -nodes -keyout k.key -out k.crt -days 30 -subj /CN=localhost 2>&1`;
die "openssl: $made" if $?;

$t->write_conf(listen => ' sndbuf=16k', http => <<'END', server => <<'END');
litellm_zone zone=z:2m;
litellm_cache_zone zone=answers:16m;
litellm_cache answers;
litellm_cache_lock on;
litellm_cache_max_response_size 4m;
litellm_stream_continue on;
END
listen 127.0.0.1:%%PORT_8443%% ssl sndbuf=16k;
listen 127.0.0.1:%%PORT_8444%% http2 sndbuf=16k;
listen 127.0.0.1:%%PORT_8445%% ssl http2 sndbuf=16k;
ssl_certificate %%DIR%%/k.crt;
ssl_certificate_key %%DIR%%/k.key;
END
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: next
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
    model_info: {supports_assistant_prefill: true}
litellm_settings: {num_retries: 0, cache_params: {type: local, ttl: 300}}
router_settings: {num_retries: 0, disable_cooldowns: true, fallbacks: [{gpt: [next]}]}
END

my $up = $t->listener(8081);
$t->run;

my $n = 0;

# --- a client: a process whose output comes as it does

my %kinds = (
    plain => ['8080', '--http1.1'], tls => ['8443', '-k', '--http1.1'],
    h2 => ['8444', '--http2-prior-knowledge'], h2tls => ['8445', '-k', '--http2']);

sub client {
    my ($kind, $stream) = @_;
    my ($port, @how) = @{$kinds{$kind}};
    my $tls = grep { $_ eq '-k' } @how;
    my $body = json_text({ model => 'gpt', messages => [{ role => 'user', content => "text $n" }],
        $stream ? (stream => $yes) : () });
    my $pid = open my $out, '-|', 'curl', '-sN', '--max-time', 60 * $slow, @how, '-H', 'Content-Type: application/json',
        '--data-binary', $body, ($tls ? 'https' : 'http') . '://127.0.0.1:' . $t->port($port) . '/v1/chat/completions';
    die "curl: $!" if !$pid;
    return { pid => $pid, out => $out, in => '' };
}

sub fill {
    my ($c, $left) = @_;
    return 0 if !IO::Select->new($c->{out})->can_read($left);
    my $got = sysread $c->{out}, $c->{in}, 65536, length $c->{in};
    $c->{over} = 1 if !$got;
    return $got;
}

# has it read that much?
sub has {
    my ($c, $re, $seconds) = @_;
    my $end = time() + ($seconds // 15) * $slow;
    until ($c->{in} =~ $re) {
        my $left = $end - time();
        return 0 if $left <= 0 || !fill($c, $left);
    }
    return 1;
}

sub whole {
    my $c = shift;
    my $end = time() + 30 * $slow;
    while (!$c->{over} && time() < $end) { fill($c, $end - time()) }
    close $c->{out};
    return $c->{in};
}

# is there something that the gateway does not read any more?
sub held_up {
    my $peer = shift;
    my $had = 0;
    for (1 .. 100) {
        my (undef, $has) = $peer->other;
        return 1 if $has && $has == $had;
        $had = $has;
        sleep 0.05 * $slow;
    }
    return 0;
}

sub leave {
    my $c = shift;
    kill 'KILL', $c->{pid};
    close $c->{out};
}

sub nobody { my $p = $up->accept($_[0] // 0.15); $p->close if $p; return !$p }

sub events_of { return join '', map { LiteLLM::Mock::chunk($_) } sse(@_) }
my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
sub end_of { return events_of(openai_chunk({}, choices => [{ index => 0, delta => {}, finish_reason => 'stop' }]), '[DONE]') . "0\r\n\r\n" }

# --- each kind leads, the others wait or follow

for my $kind (sort keys %kinds) {
    $n++;
    my $lead = client($kind);
    my ($peer) = $up->request;
    my @others = map { client($_) } sort keys %kinds;
    ok(nobody(0.3), "$kind: leads");
    my $body = openai_chat("for $kind");
    $peer->write(answer(200, $body));
    is(join(' ', map { whole($_) eq $body ? 'yes' : 'no' } $lead, @others), 'yes yes yes yes yes', "$kind: all have its answer");
    $peer->close;

    $n++;
    $lead = client($kind, 1);
    ($peer) = $up->request;
    $peer->write($head . events_of(openai_chunk('Hel')));
    ok(has($lead, qr/Hel/), "$kind: leads a stream");
    @others = map { client($_, 1) } sort keys %kinds;
    is(join(' ', map { has($_, qr/Hel/) } @others), '1 1 1 1', "$kind: it is followed as it comes");
    $peer->write(events_of(openai_chunk('lo')) . end_of());
    is(join(' ', map { texts(whole($_)) } $lead, @others), 'Hello Hello Hello Hello Hello', "$kind: to the end");
    ok(nobody(0.05), "$kind: one call");
    $peer->close;

    # its client leaves
    $n++;
    $lead = client($kind, 1);
    ($peer) = $up->request;
    $peer->write($head . events_of(openai_chunk('Hel')));
    has($lead, qr/Hel/);
    @others = map { client($_, 1) } sort keys %kinds;
    is(join(' ', map { has($_, qr/Hel/) } @others), '1 1 1 1', "$kind: leaves: is followed");
    my $at = $t->log_size;
    leave($lead);
    ok($t->wait_log(qr/client has left a stream that 4 others share/, $at), "$kind: leaves: it is seen");
    $peer->write(events_of(openai_chunk('lo')) . end_of());
    is(join(' ', map { texts(whole($_)) } @others), 'Hello Hello Hello Hello', "$kind: leaves: the others have all");
    $peer->close;

    # ... and then the provider: another one goes on with it
    $n++;
    $lead = client($kind, 1);
    ($peer) = $up->request;
    $peer->write($head . events_of(openai_chunk('Hel')));
    has($lead, qr/Hel/);
    my $follow = client('plain', 1);
    has($follow, qr/Hel/);
    $at = $t->log_size;
    leave($lead);
    $t->wait_log(qr/client has left a stream that 1 others share/, $at);
    $peer->close;
    ($peer) = $up->request;
    ok($peer, "$kind: leaves, and so does the provider: another one is asked");
    $peer->write($head . events_of(openai_chunk('lo')) . end_of()) if $peer;
    is(texts(whole($follow)), 'Hello', "$kind: leaves, and so does the provider: the other one has all");
    $peer->close if $peer;

    # ... when much is on its way to it
    $n++;
    $lead = client($kind, 1);
    ($peer) = $up->request;
    $peer->write($head . events_of(openai_chunk('Hel')));
    has($lead, qr/Hel/);
    $follow = client('plain', 1);
    has($follow, qr/Hel/);
    kill 'STOP', $lead->{pid};
    $at = $t->log_size;
    my $much = events_of(map { openai_chunk('z' x 8000) } 1 .. 400);
    my $taken = $peer->flood($much, 0.4);
    ok(held_up($peer), "$kind: leaves with much on its way: it is");
    leave($lead);
    ok($t->wait_log(qr/client has left a stream that 1 others share/, $at), "$kind: leaves with much on its way: it is seen");
    $peer->write(substr($much, $taken) . events_of(openai_chunk('lo')) . end_of());
    is(length texts(whole($follow)), 3 + 400 * 8000 + 2, "$kind: leaves with much on its way: the other one has all");
    $peer->close;

    # ... and the worker sees it behind more than it can read at a time
    $n++;
    $lead = client($kind, 1);
    ($peer) = $up->request;
    $peer->write($head . events_of(openai_chunk('Hel')));
    has($lead, qr/Hel/);
    $follow = client('plain', 1);
    has($follow, qr/Hel/);
    $at = $t->log_size;
    my ($worker) = $t->serving;
    kill 'STOP', $worker;
    sleep 0.05;
    $peer->flood(substr($much, 0, 60_000), 1);
    leave($lead);
    sleep 0.05;
    kill 'CONT', $worker;
    ok($t->wait_log(qr/client has left a stream that 1 others share/, $at), "$kind: leaves behind much: it is seen");
    $peer->write(substr($much, 60_000) . end_of());
    is(length texts(whole($follow)), 3 + 400 * 8000, "$kind: leaves behind much: the other one has all");
    $peer->close;

    # one of those who follow leaves, one who waits
    $n++;
    $lead = client($kind, 1);
    ($peer) = $up->request;
    my $waits = client($kind);
    my $stays = client('plain');
    $peer->write($head . events_of(openai_chunk('Hel')));
    has($lead, qr/Hel/);
    my $follows = client($kind, 1);
    has($follows, qr/Hel/);
    leave($_) for $waits, $follows;
    $peer->write(events_of(openai_chunk('lo')) . end_of());
    is(texts(whole($lead)), 'Hello', "$kind: followers that leave: the leader goes on");
    is(json_of(whole($stays))->{choices}[0]{message}{content}, 'Hello', "$kind: ... and one that waits");
    $peer->close;
}

# --- followers that read late: nobody waits for them, they have all

$n++;
my $lead = client('plain', 1);
my ($peer) = $up->request;
$peer->write($head . events_of(openai_chunk('Hel')));
has($lead, qr/Hel/);
my @late = map { client($_, 1) } sort keys %kinds;
has($_, qr/Hel/) for @late;
my $piece = 'z' x 4000;
my $got = 0;
for (1 .. 150) {
    $peer->write(events_of(openai_chunk($piece)));
    $got++ if has($lead, qr/z{4000}"/);
    $lead->{in} = '';
}
is($got, 150, 'late: the leader has it as it comes');
$peer->write(end_of());
ok(has($lead, qr/\[DONE\]/), 'late: ... and its end');
$peer->close;
is(length texts(whole($_)), 3 + 150 * 4000, 'late: a follower has all') for @late;
whole($lead);

# --- a reload while others wait and follow

$n++;
my @old = $t->workers;
my $body = openai_chat('before the reload');
$lead = client('plain');
($peer) = $up->request;
my @wait = map { client($_) } sort keys %kinds;
sleep 0.3;
my $text = $n++;
my $first = client('tls', 1);
my ($peer2) = $up->request;
$peer2->write($head . events_of(openai_chunk('Hel')));
my @follow = map { client($_, 1) } sort keys %kinds;
has($_, qr/Hel/) for $first, @follow;
ok($t->reload, 'reload');
sleep 0.1 for 1 .. 3;
($n, $text) = ($text, $n);
my $new = client('h2');
ok(nobody(0.3), 'reload: one that comes then waits with the others');
$peer->write(answer(200, $body, Connection => 'close'));
is(join(' ', map { whole($_) eq $body ? 'yes' : 'no' } $lead, @wait, $new), 'yes yes yes yes yes yes',
    'reload: all have the answer');
$peer->close;
$peer2->write(events_of(openai_chunk('lo')) . end_of());
is(join(' ', map { texts(whole($_)) } $first, @follow), 'Hello Hello Hello Hello Hello', 'reload: the stream goes on');
$peer2->close;
$n = $text;
is(texts(whole(client('plain', 1))), 'Hello', 'reload: and is kept');
my $end = time() + 20 * $slow;
my %old = map { $_ => 1 } @old;
sleep 0.05 while (grep { $old{$_} } $t->workers) && time() < $end;
is(scalar(grep { $old{$_} } $t->workers), 0, 'reload: the old worker has ended');
