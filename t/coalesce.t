#!/usr/bin/perl

# Requests for the same that are in flight share one call (litellm_cache_lock):
# whole answers among workers, streams in one; leaders that fail, leave, are
# killed, take too long; followers that are slow; who shares what.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer sse openai_chat openai_chunk openai_error);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(170);
$t->allow_log(qr/\[alert\].*exited on signal 9/);

my $slow = $LiteLLM::Peer::slow;
my $wait = int(700 * $slow);
my $stuck = int(1000 * $slow);
my $yes = JSON::PP::true;
my @stream = (stream => $yes);
# the next call comes on a connection of its own
my @close = (Connection => 'close');

$t->write_conf(main => 'worker_processes 4;', listen => ' sndbuf=16k', http => <<'END', server => <<"END",
litellm_zone zone=z:2m;
litellm_cache_zone zone=answers:8m;
litellm_cache_zone zone=few:1m;
litellm_cache answers;
litellm_cache_lock on;
log_format cached '$http_mark $litellm_cache_status $status';
access_log %%DIR%%/cached.log cached;
END
location /worker { return 200 \$pid; }
location /late/ { litellm; litellm_cache_lock_timeout ${wait}ms; }
location /aged/ { litellm; litellm_cache_lock_age ${wait}ms; }
location /small/ { litellm; litellm_cache_max_response_size 32k; }
location /stuck/ { litellm; send_timeout ${stuck}ms; gzip on; gzip_types text/event-stream; }
location /copy/ { internal; litellm; }
location /twice/ { mirror /copy/v1/chat/completions; proxy_pass http://127.0.0.1:%%PORT_8080%%/worker; }
location /few/ { litellm; litellm_cache few; }
location /on/ { litellm; litellm_stream_continue on; }
location /rate/ { litellm; limit_rate 40k; }
location /off/ { litellm; litellm_cache_lock off; }
location /keys/ { litellm; litellm_config %%DIR%%/keys.yaml; }
END
);
(my $conf = $t->read_file('nginx.conf')) =~ s/worker_processes 1;\n//;
$conf =~ s/worker_connections 512/worker_connections 2048/;
$t->write_file('nginx.conf', $conf);

my $yaml = <<'END';
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
    model_info: {supports_assistant_prefill: true}
  - model_name: claude
    litellm_params: {model: anthropic/claude-3-5-sonnet-20241022, api_base: "http://127.0.0.1:%%PORT_8081%%", api_key: k}
  - model_name: embed
    litellm_params: {model: openai/text-embedding-3-small, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: backed
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
litellm_settings: {num_retries: 0, cache_params: {type: local, ttl: 300}}
router_settings: {num_retries: 0, disable_cooldowns: true, fallbacks: [{backed: [gpt]}]}
END
$t->write_file_expand('litellm.yaml', $yaml);
$t->write_file_expand('keys.yaml', $yaml =~ s/ttl: 300/ttl: 300, scope: key/r . <<'END');
general_settings: {master_key: sk-master}
virtual_keys: [{key: sk-one}, {key: sk-two}]
END

my $up = $t->listener(8081);
$t->run;

my $n = 0;

# a new text for each test: nothing of it is kept
sub text { $n++; return (messages => [{ role => 'user', content => "text $n" }]) }
sub text_of { return [messages => [{ role => 'user', content => "kept $n" }]] }
sub same { return (messages => [{ role => 'user', content => "text $n" }]) }

# a connection, and its worker; to that one, or to another one
sub connection {
    my ($worker, $other) = @_;
    for (1 .. 1000) {
        my $c = LiteLLM::Peer->connect($t->port(8080), rcvbuf => $_[2]);
        $c->write("GET /worker HTTP/1.1\r\nHost: localhost\r\n\r\n");
        my $pid = finish($c)->{body};
        return wantarray ? ($c, $pid) : $c if !$worker || ($other ? $pid ne $worker : $pid eq $worker);
        $c->close;
    }
    die "no connection to worker $worker\n";
}

# to a third worker
sub third {
    my ($one, $two) = @_;
    for (1 .. 1000) {
        my ($c, $pid) = connection($one, 1);
        return $c if $pid ne $two;
        $c->close;
    }
    die "no third worker\n";
}

sub ask { my ($c, @chat) = @_; $c->write(chat(@chat) =~ s/Connection: close\r\n//r); return $c }

# all is read of what these have asked: they wait, if they do
sub asked { $_->await for @_ }

# a worker that sees all that follows at a time, when it goes on
sub state_of { open my $in, '<', "/proc/$_[0]/stat" or return ') T '; return scalar <$in> }
sub hold {
    my $pid = shift;
    my $end = time() + 10 * $slow;
    kill 'STOP', $pid;
    sleep 0.005 while state_of($pid) !~ /\) [Tt] / && time() < $end;
}

# nobody else comes to the provider
sub nobody { my $p = $up->accept($_[0] // 0.15); $p->close if $p; return !$p }

sub marked { my $mark = shift; return (headers => [mark => $mark]) }
sub log_of {
    my ($mark, $count) = @_;
    my (@all, $end);
    $end = time() + 10 * $slow;
    while (time() < $end) {
        @all = $t->read_file('cached.log') =~ /^\Q$mark\E (\S+)/mg;
        last if @all >= ($count // 1);
        sleep 0.02;
    }
    return wantarray ? @all : join ' ', @all;
}

sub piece { return openai_chunk($_[0]) }
sub events_of { return join '', map { LiteLLM::Mock::chunk($_) } sse(@_) }
my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
my @end = (openai_chunk({}, choices => [{ index => 0, delta => {}, finish_reason => 'stop' }]), '[DONE]');
sub end_of { return events_of(@end) . "0\r\n\r\n" }

# --- a thousand at a time, four workers

text();
my @all = map { start(chat('gpt', same(), marked('many'))) } 1 .. 1000;
my ($peer) = $up->request;
ok($peer, 'a thousand: one goes to the provider');
asked(@all[map { 50 * $_ - 1 } 1 .. 20]);
my $body = openai_chat('for all');
$peer->write(answer(200, $body));
my %seen;
$seen{finish($_)->{body}}++ for @all;
is_deeply(\%seen, { $body => 1000 }, 'a thousand: all have its answer');
ok(nobody(), 'a thousand: nobody else goes');
my %status;
$status{$_}++ for log_of('many', 1000);
is($status{MISS}, 1, 'a thousand: one misses');
is($status{MISS} + $status{COALESCED} + ($status{HIT} // 0), 1000, 'a thousand: the others coalesce');
cmp_ok($status{COALESCED}, '>', 500, 'a thousand: most have waited');
$_->close for @all, $peer;
@all = ();

# --- embeddings, a part of which is there

sub embed {
    my ($c, @in) = @_;
    $c->write(LiteLLM::Test::post_request('/v1/embeddings', { model => 'embed', input => \@in })
        =~ s/Connection: close\r\n//r);
    return $c;
}
sub vectors {
    my $i = 0;
    return answer(200, json_text({ object => 'list', model => 'e', usage => { prompt_tokens => 2, total_tokens => 2 },
        data => [map { { object => 'embedding', index => $i++, embedding => [$_] } } @_] }));
}
my ($c1, $w1) = connection();
my ($c2, $w2) = connection($w1, 1);
embed($c1, 'a', 'b');
($peer, my $req) = $up->request;
embed($c2, 'a', 'b');
my $c3 = embed(scalar connection($w1), 'a', 'b');
asked($c2, $c3);
$peer->write(vectors(1, 2));
is_deeply([map { $_->{embedding}[0] } @{json_of(finish($_)->{body})->{data}}], [1, 2], 'embeddings: answered')
    for $c1, $c2, $c3;
ok(nobody(), 'embeddings: one call');
$_->close for $c1, $c2, $c3, $peer;

# --- a stream that others follow as it comes

($c1, $w1) = connection();
text();
ask($c1, 'gpt', same(), @stream, marked('lead'));
($peer) = $up->request;
ask($c2 = connection($w1), 'gpt', same(), @stream, marked('follow'));
ask(my $usage = connection($w1), 'gpt', same(), @stream, stream_options => { include_usage => $yes });
ask(my $whole = connection($w1), 'gpt', same());
ask(my $far = connection($w1, 1), 'gpt', same());
$peer->write($head . events_of(piece('Hel'), piece('lo')));
ok($c1->read_until(qr/lo"/), 'a stream: the leader has events');
ok($c2->read_until(qr/lo"/), 'a stream: so has the follower, before the end');
ask($c3 = connection($w1), 'gpt', same(), @stream);
my $late = $c3->read_until(qr/lo"/);
like($late, qr/^HTTP\/1.1 200 .*Hel.*lo/s, 'a stream: one that comes later has it from the beginning');
like($late, qr/^x-litellm-cache-key: [0-9a-f]{64}/m, 'a stream: followers have the headers of a hit');
ok($usage->quiet(0.1), 'a stream: other stream_options, not as it comes');
ok($whole->quiet(0.1), 'a stream: asked for as a whole, it waits');
ok(nobody(), 'a stream: one call');
$peer->write(events_of(piece(' all')) . end_of());
my $end = $c1->read_until(qr/0\r\n\r\n/);
like($end, qr/ all.*\[DONE\]/s, 'a stream: the leader has all');
is($c2->read_until(qr/0\r\n\r\n/) =~ s/^[0-9a-f]+\r\n|\r\n//gmr, $end =~ s/^[0-9a-f]+\r\n|\r\n//gmr,
    'a stream: the follower has the same');
like($c3->read_until(qr/0\r\n\r\n/), qr/ all.*\[DONE\]/s, 'a stream: so has the late one');
my $r = finish($usage);
is(texts($r->{body}), 'Hello all', 'a stream: other stream_options, from the entry');
is(json_of(finish($_)->{body})->{choices}[0]{message}{content}, 'Hello all', 'a stream: whole, from the entry')
    for $whole, $far;
is(log_of('follow'), 'COALESCED', 'a stream: $litellm_cache_status');
is(log_of('lead'), 'MISS', 'a stream: the leader misses');
ok(nobody(), 'a stream: still one call');
$_->close for $c1, $c2, $c3, $usage, $whole, $far, $peer;

# one in each worker; a translated one

for my $model ('gpt', 'claude') {
    ($c1, $w1) = connection();
    text();
    ask($c1, $model, same(), @stream);
    ($peer) = $up->request;
    ask($c2 = connection($w1, 1), $model, same(), @stream);
    my ($peer2) = $up->request;
    ok($peer2, "$model: a stream in another worker: a call of its own");
    my ($first, $rest) = $model eq 'gpt' ? ($head . events_of(piece('Hey')), events_of(piece(' you')) . end_of())
        : ($head . join('', map { LiteLLM::Mock::chunk($_) } (
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\",\"content\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hey\"}}\n\n")),
        join('', map { LiteLLM::Mock::chunk($_) } (
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" you\"}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")) . "0\r\n\r\n");
    $_->write($first) for $peer, $peer2;
    ask($c3 = connection($w1), $model, same(), @stream);
    ok($c3->read_until(qr/Hey/), "$model: followed before its end");
    $_->write($rest) for $peer, $peer2;
    is(texts(finish($_)->{body}), 'Hey you', "$model: whole") for $c1, $c2;
    like($c3->read_until(qr/0\r\n\r\n/), qr/ you.*\[DONE\]/s, "$model: the follower has all");
    $_->close for $c1, $c2, $c3, $peer, $peer2;
}

# --- the leader's client leaves

for my $how ('close', 'reset') {
    ($c1, $w1) = connection();
    text();
    ask($c1, 'gpt', same(), @stream);
    ($peer) = $up->request;
    $peer->write($head . events_of(piece('Hel')));
    $c1->read_until(qr/Hel/);
    ask($c2 = connection($w1), 'gpt', same(), @stream);
    $c2->read_until(qr/Hel/);
    my $at = $t->log_size;
    $c1->$how;
    ok($t->wait_log(qr/client has left a stream that 1 others share/, $at), "$how: it is seen");
    $peer->write(events_of(piece('lo')));
    ok($c2->read_until(qr/lo"/), "$how: the follower has what comes then");
    $peer->write(events_of(piece(' you')) . end_of());
    like($c2->read_until(qr/0\r\n\r\n/), qr/ you.*\[DONE\]/s, "$how: to the end");
    is(json_of(http(chat('gpt', same()))->{body})->{choices}[0]{message}{content}, 'Hello you', "$how: it is stored");
    $_->close for $c2, $peer;
}

# ... when nobody follows

($c1, $w1) = connection();
text();
ask($c1, 'gpt', same(), @stream);
($peer) = $up->request;
$peer->write($head . events_of(piece('Hel')));
$c1->read_until(qr/Hel/);
$c1->close;
ok($peer->closed, 'nobody follows: the call is ended');
$peer->close;

# ... in the moment in which there is more for it

($c1, $w1) = connection();
text();
ask($c1, 'gpt', same(), @stream);
($peer) = $up->request;
$peer->write($head . events_of(piece('Hel')));
$c1->read_until(qr/Hel/);
ask($c2 = connection($w1), 'gpt', same(), @stream);
$c2->read_until(qr/Hel/);
hold($w1);
$peer->write(events_of(piece('lo')));
$peer->await(sub { $_[1] });
$c1->reset;
$c1->await(sub { !@_ });
kill 'CONT', $w1;
ok($c2->read_until(qr/lo"/), 'in the moment: the follower has what comes then');
$peer->write(end_of());
like($c2->read_until(qr/0\r\n\r\n/), qr/\[DONE\]/, 'in the moment: to the end');
$_->close for $c2, $peer;

# ... when much was on its way to it

($c1, $w1) = connection(undef, 0, 4096);
text();
ask($c1, 'gpt', same(), @stream);
($peer) = $up->request;
$peer->write($head . events_of(piece('Hel')));
$c1->read_until(qr/Hel/);
ask($c2 = connection($w1), 'gpt', same(), @stream);
$c2->read_until(qr/Hel/);
$peer->write(events_of((piece('z' x 4000)) x 50));
$c1->await(sub { @_ && $_[0] > 8000 });
$c1->close;
$peer->write(events_of(piece('lo')) . end_of());
my $much = $c2->read_until(qr/0\r\n\r\n/) // '';
$much =~ s/\r\n[0-9a-f]+\r\n//g;
is(scalar(() = $much =~ /z{4000}"/g), 50, 'on its way: the follower has all');
like($much, qr/lo".*\[DONE\]/s, 'on its way: to the end');
$_->close for $c2, $peer;

# ... and then the last follower

($c1, $w1) = connection();
text();
ask($c1, 'gpt', same(), @stream);
($peer) = $up->request;
$peer->write($head . events_of(piece('Hel')));
$c1->read_until(qr/Hel/);
ask($c2 = connection($w1), 'gpt', same(), @stream);
$c2->read_until(qr/Hel/);
my $at = $t->log_size;
$c1->close;
$t->wait_log(qr/client has left a stream/, $at);
$c2->close;
ok($peer->closed, 'all have left: the call is ended');
$peer->close;

# ... and then the provider: another one goes on with it

for my $left (0, 1) {
    my $name = $left ? 'goes on, without the leader' : 'goes on';
    ($c1, $w1) = connection();
    text();
    ask($c1, 'backed', same(), @stream, uri => '/on/v1/chat/completions');
    ($peer) = $up->request;
    $peer->write($head . events_of(piece('Hel')));
    $c1->read_until(qr/Hel/);
    ask($c2 = connection($w1), 'backed', same(), @stream, uri => '/on/v1/chat/completions');
    $c2->read_until(qr/Hel/);
    $at = $t->log_size;
    $c1->reset if $left;
    $t->wait_log(qr/client has left a stream/, $at) if $left;
    $peer->close;
    ($peer) = $up->request;
    ok($peer, "$name: another provider is asked") or next;
    $peer->write($head . events_of(piece('lo')) . end_of());
    like($_->read_until(qr/0\r\n\r\n/) // '', qr/lo".*\[DONE\]/s, "$name: to the end") for $left ? $c2 : ($c1, $c2);
    $_->close for $c1, $c2, $peer;
}

# ... while another one is asked to go on

($c1, $w1) = connection();
text();
ask($c1, 'backed', same(), @stream, uri => '/on/v1/chat/completions');
($peer) = $up->request;
$peer->write($head . events_of(piece('Hel')));
$c1->read_until(qr/Hel/);
ask($c2 = connection($w1), 'backed', same(), @stream, uri => '/on/v1/chat/completions');
$c2->read_until(qr/Hel/);
$peer->close;
($peer) = $up->request;
$at = $t->log_size;
$c1->reset;
$peer->write($head . events_of(piece('lo')));
ok($t->wait_log(qr/client has left a stream that 1 others share/, $at), 'goes on, leaves: it is seen');
$peer->write(end_of());
like($c2->read_until(qr/0\r\n\r\n/) // '', qr/lo".*\[DONE\]/s, 'goes on, leaves: the follower has all');
$_->close for $c2, $peer;

# ... and the follower, too: its call ends when it says something

($c1, $w1) = connection();
text();
ask($c1, 'backed', same(), @stream, uri => '/on/v1/chat/completions');
($peer) = $up->request;
$peer->write($head . events_of(piece('Hel')));
$c1->read_until(qr/Hel/);
ask($c2 = connection($w1), 'backed', same(), @stream, uri => '/on/v1/chat/completions');
$c2->read_until(qr/Hel/);
$peer->close;
($peer) = $up->request;
$_->reset for $c1, $c2;
$peer->write($head);
for (1 .. 100) { last if !$peer->write(events_of(piece('lo'))) || $peer->closed(0.05) }
ok($peer->closed, 'goes on, all leave: the call is ended');
$peer->close;

# ... before the first event: handed over

($c1, $w1) = connection();
text();
ask($c1, 'gpt', same(), @stream);
($peer) = $up->request;
ask($c2 = connection($w1), 'gpt', same(), @stream);
ask($c3 = connection($w1), 'gpt', same());
asked($c2, $c3);
$c1->close;
ok($peer->closed, 'left early: the call is ended');
$peer->close;
($peer) = $up->request;
ok($peer, 'left early: one of those who wait goes');
ok(nobody(), 'left early: one alone');
$peer->write($head . events_of(piece('Hi')) . end_of());
like($c2->read_until(qr/0\r\n\r\n/), qr/Hi.*\[DONE\]/s, 'left early: it is answered');
is(json_of(finish($c3)->{body})->{choices}[0]{message}{content}, 'Hi', 'left early: so is the other one');
$_->close for $c2, $c3, $peer;

# --- the leader fails

# waits in its own worker and in another one; one tries after the other, twice
($c1, $w1) = connection();
text();
ask($c1, 'gpt', same());
($peer) = $up->request;
@all = map { ask(scalar connection($w1), 'gpt', same()) } 1 .. 4;
asked(@all);
$peer->write(answer(500, openai_error('no', 'x', undef), @close));
is(finish($c1)->{status}, 500, 'failed: the leader has its error');
$peer->close;
($peer) = $up->request;
ok($peer, 'failed: another one tries');
ok(nobody(), 'failed: one alone');
$peer->write(answer(500, openai_error('no', 'x', undef), @close));
$peer->close;
my @peers;
for (1 .. 3) { my ($p) = $up->request; push @peers, $p if $p }
is(scalar @peers, 3, 'failed twice: then each for itself');
$_->write(answer(200, openai_chat('yes'))) for @peers;
my %by;
$by{finish($_)->{status}}++ for @all;
is_deeply(\%by, { 500 => 1, 200 => 3 }, 'failed: nobody has the error of another one');
$_->close for $c1, @all, @peers;

($c1, $w1) = connection();
text();
ask($c1, 'gpt', same());
($peer) = $up->request;
ask($c2 = connection($w1, 1), 'gpt', same());
asked($c2);
$peer->write(answer(503, openai_error('no', 'x', undef), @close));
finish($c1);
$peer->close;
($peer) = $up->request;
ok($peer, 'failed: one in another worker tries');
$peer->write(answer(200, openai_chat('yes')));
is(finish($c2)->{status}, 200, 'failed: and is answered');
$_->close for $c1, $c2, $peer;

# a fault of the request is that of all
($c1, $w1) = connection();
text();
ask($c1, 'gpt', same());
($peer) = $up->request;
@all = map { ask(scalar connection($w1), 'gpt', same()) } 1 .. 2;
asked(@all);
$peer->write(answer(400, openai_error('bad', 'invalid_request_error', undef), @close));
@peers = map { ($up->request)[0] } 1 .. 2;
is(scalar(grep { $_ } @peers), 2, 'a bad request: each for itself at once');
$_->write(answer(200, openai_chat('yes'))) for @peers;
finish($_) for @all;
$_->close for $c1, @all, @peers, $peer;

# a fault of the moment is not
my $peer2;
for my $code (408, 409, 429) {
    ($c1, $w1) = connection();
    text();
    ask($c1, 'gpt', same());
    ($peer) = $up->request;
    @all = map { ask(scalar connection($w1), 'gpt', same()) } 1 .. 2;
    asked(@all);
    $peer->write(answer($code, openai_error('later', 'x', undef), @close));
    ($peer2) = $up->request;
    ok(nobody(), "$code: one alone tries");
    $peer2->write(answer(200, openai_chat('yes')));
    finish($_) for @all;
    $_->close for $c1, @all, $peer, $peer2;
}

# another group's answer is not waited for
($c1, $w1) = connection();
text();
ask($c1, 'backed', same());
($peer) = $up->request;
ask($c2 = connection($w1), 'backed', same());
asked($c2);
$peer->write(answer(500, openai_error('no', 'x', undef), @close));
@peers = map { ($up->request)[0] } 1 .. 2;
is(scalar(grep { $_ } @peers), 2, 'a fallback: each for itself');
$_->close for $c1, $c2, @peers, $peer;

# cut behind its first event
($c1, $w1) = connection();
text();
ask($c1, 'gpt', same(), @stream);
($peer) = $up->request;
$peer->write($head . events_of(piece('Hel')));
$c1->read_until(qr/Hel/);
ask($c2 = connection($w1), 'gpt', same(), @stream);
$c2->read_until(qr/Hel/);
$peer->close;
my $cut = $c1->read_until(qr/0\r\n\r\n/);
like($cut, qr/"error"/, 'cut: the leader is told');
unlike($cut, qr/\[DONE\]/, 'cut: it is not the end');
is($c2->read_until(qr/0\r\n\r\n/), $cut, 'cut: the follower is told the same');
$_->close for $c1, $c2;

# --- what can't be stored

($c1, $w1) = connection();
text();
ask($c1, 'gpt', same(), uri => '/small/v1/chat/completions');
($peer) = $up->request;
@all = map { ask(scalar connection($w1, $_ > 1), 'gpt', same(), uri => '/small/v1/chat/completions') } 1 .. 3;
asked(@all);
$peer->write(answer(200, openai_chat('x' x 40000), @close));
finish($c1);
@peers = map { ($up->request)[0] } 1 .. 3;
is(scalar(grep { $_ } @peers), 3, 'too large: each for itself');
$_->write(answer(200, openai_chat('y'))) for @peers;
is(json_of(finish($_)->{body})->{choices}[0]{message}{content}, 'y', 'too large: answered') for @all;
$_->close for $c1, @all, @peers, $peer;

for my $cache ({ 'no-store' => $yes }, { 'no-cache' => $yes }) {
    my ($word) = keys %$cache;
    ($c1, $w1) = connection();
    text();
    ask($c1, 'gpt', same());
    ($peer) = $up->request;
    ask($c2 = connection($w1), 'gpt', same(), cache => $cache);
    ($peer2) = $up->request;
    ok($peer2, "$word: does not follow");
    $_->close for $c1, $c2, $peer, $peer2;
}
($c1, $w1) = connection();
text();
ask($c1, 'gpt', same(), uri => '/off/v1/chat/completions');
($peer) = $up->request;
ask($c2 = connection($w1), 'gpt', same(), uri => '/off/v1/chat/completions');
($peer2) = $up->request;
ok($peer2, 'off: each for itself');
$_->close for $c1, $c2, $peer, $peer2;

# --- who shares

($c1, $w1) = connection();
text();
my @key = (uri => '/keys/v1/chat/completions', headers => [Authorization => 'Bearer sk-one']);
ask($c1, 'gpt', same(), @stream, @key);
($peer) = $up->request;
ask($c2 = connection($w1), 'gpt', same(), @stream, uri => $key[1], headers => [Authorization => 'Bearer sk-two']);
($peer2) = $up->request;
ok($peer2, 'scope: another key does not share');
ask($c3 = connection($w1), 'gpt', same(), @stream, @key);
$peer->write($head . events_of(piece('mine')) . end_of());
like($c3->read_until(qr/0\r\n\r\n/), qr/mine/, 'scope: the same key does');
$peer2->write($head . events_of(piece('hers')) . end_of());
like($c2->read_until(qr/0\r\n\r\n/), qr/hers/, 'scope: the other one has its own');
$_->close for $c1, $c2, $c3, $peer, $peer2;

# --- too long

($c1, $w1) = connection();
text();
my @late = (uri => '/late/v1/chat/completions');
ask($c1, 'gpt', same(), @late);
($peer) = $up->request;
my $from = time();
ask($c2 = connection($w1, 1), 'gpt', same(), @late, marked('timeout'));
($peer2) = $up->request;
ok($peer2, 'lock_timeout: goes for itself');
cmp_ok(time() - $from, '>', $wait / 1000 - 0.1, 'lock_timeout: not before');
$peer2->write(answer(200, openai_chat('not kept'), @close));
like(finish($c2)->{body}, qr/not kept/, 'lock_timeout: answered');
$peer->write(answer(500, openai_error('no', 'x', undef), @close));
finish($c1);
ask($c3 = connection($w1), 'gpt', same(), @late);
my ($peer3) = $up->request(2);
ok($peer3, 'lock_timeout: its answer is not stored');
$_->close for grep { $_ } $c3, $peer3;
$_->close for $c1, $c2, $peer, $peer2;

($c1, $w1) = connection();
text();
my @aged = (uri => '/aged/v1/chat/completions');
ask($c1, 'gpt', same(), @aged);
($peer) = $up->request;
@all = map { ask(scalar connection($w1), 'gpt', same(), @aged) } 1 .. 3;
($peer2) = $up->request;
ok($peer2, 'lock_age: one more may go');
ok(nobody(), 'lock_age: one alone');
$peer2->write(answer(200, openai_chat('second')));
like(finish($_)->{body}, qr/second/, 'lock_age: the others have its answer') for @all;
$_->close for $c1, @all, $peer, $peer2;

# whose age was over, and whose fault is that of all: others lead by now
($c1, $w1) = connection();
text();
ask($c1, 'gpt', same(), @aged);
($peer) = $up->request;
@all = map { ask(scalar connection($w1), 'gpt', same(), @aged) } 1 .. 2;
($peer2) = $up->request;
$peer->write(answer(400, openai_error('bad', 'invalid_request_error', undef), @close));
is(finish($c1)->{status}, 400, 'lock_age: the first one has its error');
ok(nobody(), 'lock_age: nobody goes on for it');
$peer2->write(answer(200, openai_chat('second')));
like(finish($_)->{body}, qr/second/, 'lock_age: the others wait for the second') for @all;
$_->close for $c1, @all, $peer, $peer2;

# a stream that has not begun
($c1, $w1) = connection();
text();
ask($c1, 'gpt', same(), @stream, @aged);
($peer) = $up->request;
ask($c2 = connection($w1, 1), 'gpt', same(), @aged);
($peer2) = $up->request;
ok($peer2, 'lock_age: of a stream');
$peer2->write(answer(200, openai_chat('second'))) if $peer2;
like(finish($c2)->{body}, qr/second/, 'lock_age: its own answer');
$_->close for grep { $_ } $c1, $c2, $peer, $peer2;

# --- a follower that takes nothing, of a stream that is longer than is kept

($c1, $w1) = connection();
text();
my @small = (uri => '/small/v1/chat/completions');
ask($c1, 'gpt', same(), @stream, @small);
($peer) = $up->request;
$peer->write($head . events_of(piece('Hel')));
$c1->read_until(qr/Hel/);
ask($c2 = connection($w1, 0, 4096), 'gpt', same(), @stream, @small);
ask($c3 = connection($w1), 'gpt', same(), @stream, @small);
$c3->read_until(qr/Hel/);
my $more = events_of(piece('z' x 4000));
my $got = 0;
$at = $t->log_size;
for (1 .. 300) {
    $peer->write($more);
    $got += $c1->read_until(qr/z{4000}"/) && $c3->read_until(qr/z{4000}"/) ? 1 : 0;
}
is($got, 300, 'slow: others are not held up');
ok($t->wait_log(qr/client is too slow for the stream/, $at), 'slow: it is dropped');
unlike($c2->read_eof // '', qr/\[DONE\]/, 'slow: what it has is not whole');
$peer->write(end_of());
like($c1->read_until(qr/0\r\n\r\n/), qr/\[DONE\]/, 'slow: the leader has all');
like($c3->read_until(qr/0\r\n\r\n/), qr/\[DONE\]/, 'slow: so has the other one');
$_->close for $c1, $c2, $c3, $peer;

# --- send_timeout: for one that takes nothing, not for one that has all there is

($c1, $w1) = connection();
text();
my @stuck = (uri => '/stuck/v1/chat/completions');
ask($c1, 'gpt', same(), @stream, @stuck);
($peer) = $up->request;
$peer->write($head . events_of(piece('Hel')));
$c1->read_until(qr/Hel/);
ask($c2 = connection($w1, 0, 4096), 'gpt', same(), @stream, @stuck);
ask($c3 = connection($w1, 0, 4096), 'gpt', same(), @stream, @stuck);
$_->read_until(qr/Hel/) for $c2, $c3;
$at = $t->log_size;
$peer->write(events_of((piece('z' x 4000)) x 50, piece('last')));
ok($_->read_until(qr/last"/), 'send_timeout: who reads has it') for $c1, $c3;
ok($t->wait_log(qr/client timed out/, $at), 'send_timeout: who does not is dropped');
sleep 1.2 * $stuck / 1000;
$peer->write(end_of());
like($c3->read_until(qr/0\r\n\r\n/) // '', qr/\[DONE\]/, 'send_timeout: not who had to wait');
$_->close for $c1, $c2, $c3, $peer;

# limit_rate: the leader has none, followers have

($c1, $w1) = connection();
text();
my @rate = (uri => '/rate/v1/chat/completions');
ask($c1, 'gpt', same(), @stream, @rate);
($peer) = $up->request;
$peer->write($head . events_of(piece('Hel')));
$c1->read_until(qr/Hel/);
ask($c2 = connection($w1), 'gpt', same(), @stream, @rate);
$c2->read_until(qr/Hel/);
$from = time();
$peer->write(events_of((piece('z' x 4000)) x 15) . end_of());
for ($c1, $c2) {
    my $all = $_->read_until(qr/\[DONE\]/) // '';
    $all =~ s/\r\n[0-9a-f]+\r\n//g;
    is(scalar(() = $all =~ /z{4000}"/g), 15, 'limit_rate: all of it');
}
cmp_ok(time() - $from, '>', 0.5, 'limit_rate: of the follower');
$_->close for $c1, $c2, $peer;

# a leader that takes nothing: the others go on; filters that hold something for
# it, too

sub noise { return join '', map { sprintf '%08x', rand 2 ** 32 } 1 .. 500 }

for my $gzip (0, 1) {
    my $name = $gzip ? 'send_timeout, gzip' : 'send_timeout';
    my @gzip = $gzip ? (headers => ['Accept-Encoding' => 'gzip']) : ();
    ($c1, $w1) = connection(undef, 0, 4096);
    text();
    ask($c1, 'gpt', same(), @stream, @stuck, @gzip);
    ($peer) = $up->request;
    $peer->write($head . events_of(piece('Hel')));
    ok($c1->read_until($gzip ? qr/Content-Encoding: gzip.*\r\n\r\n.*\r\n/s : qr/Hel/), "$name: the leader has the first event");
    ask($c2 = connection($w1), 'gpt', same(), @stream, @stuck);
    $c2->read_until(qr/Hel/);
    $at = $t->log_size;
    $peer->write(events_of((map { piece(noise()) } 1 .. 50), piece('last')));
    ok($t->wait_log(qr/client has left a stream that 1 others share/, $at), "$name: a leader that takes nothing");
    ok($c2->read_until(qr/last"/), "$name: who follows it has what comes then");
    $c1->reset;
    $c1->await(sub { !@_ });
    $peer->write(events_of(piece('more')));
    ok($c2->read_until(qr/more"/), "$name: also when it has gone");
    $peer->write(end_of());
    like($c2->read_until(qr/0\r\n\r\n/) // '', qr/\[DONE\]/, "$name: to the end");
    is(scalar(() = substr($t->read_file('error.log'), $at) =~ /client has left a stream/g), 1, "$name: it has left once");
    $_->close for $c2, $peer;
}

# --- a stream that is longer than is kept, in many small events: who comes then
# waits for the entry

($c1, $w1) = connection();
text();
ask($c1, 'gpt', same(), @stream, @small);
($peer) = $up->request;
$peer->write($head . events_of(piece('Hel')));
$c1->read_until(qr/Hel/);
ask($c2 = connection($w1), 'gpt', same(), @stream, @small);
$c2->read_until(qr/Hel/);
$peer->write(events_of((piece('z')) x 400, piece('lo')));
$_->read_until(qr/lo"/) for $c1, $c2;
ask($c3 = connection($w1), 'gpt', same(), @stream, @small);
ok($c3->quiet(0.2), 'long: nobody begins in the midst of it');
$peer->write(end_of());
is(texts(finish($c3)->{body}), 'Hel' . 'z' x 400 . 'lo', 'long: it is answered from the entry');
ok(nobody(), 'long: one call');
$_->close for $c1, $c2, $c3, $peer;

# --- stream_options that the leader has, and others have not, or others

($c1, $w1) = connection();
text();
ask($c1, 'gpt', same(), @stream, stream_options => { include_usage => $yes });
($peer) = $up->request;
$peer->write($head . events_of(piece('Hel')));
$c1->read_until(qr/Hel/);
ask($c2 = connection($w1), 'gpt', same(), @stream);
ask($c3 = connection($w1), 'gpt', same(), @stream, stream_options => { include_usagf => $yes });
ask(my $alike = connection($w1), 'gpt', same(), @stream, stream_options => { include_usage => $yes });
ok($alike->read_until(qr/Hel/), 'stream_options: the same ones');
ok($c2->quiet(0.1), 'stream_options: none, not as it comes');
ok($c3->quiet(0.1), 'stream_options: others, not as it comes');
$peer->write(end_of());
is(texts(finish($_)->{body}), 'Hel', 'stream_options: all are answered') for $c2, $c3;
$_->close for $c1, $c2, $c3, $alike, $peer;

# ... and longer ones than are compared: nobody follows, all wait

($c1, $w1) = connection();
text();
my %long = (stream_options => { include_usage => $yes, more => 'x' x 100 });
ask($c1, 'gpt', same(), @stream, %long);
($peer) = $up->request;
$peer->write($head . events_of(piece('Hel')));
$c1->read_until(qr/Hel/);
ask($c2 = connection($w1), 'gpt', same(), @stream, %long);
ok($c2->quiet(0.1), 'stream_options: too long, not as it comes');
$peer->write(end_of());
is(texts(finish($c2)->{body}), 'Hel', 'stream_options: too long, answered');
$_->close for $c1, $c2, $peer;

# --- a subrequest does not follow: it has the answer when it is whole

($c1, $w1) = connection();
text();
ask($c1, 'gpt', same(), @stream);
($peer) = $up->request;
$peer->write($head . events_of(piece('Hel')));
$c1->read_until(qr/Hel/);
ask($c2 = connection($w1), 'gpt', same(), @stream, uri => '/twice/v1/chat/completions');
is(finish($c2)->{status}, 200, 'a subrequest: who began it is answered');
ask($c2, 'gpt', same(), @stream);
ok($c2->quiet(0.1), 'a subrequest: it waits');
ok(nobody(), 'a subrequest: one call');
$peer->write(end_of());
is(texts(finish($c2)->{body}), 'Hel', 'a subrequest: it has ended');
$_->close for $c1, $c2, $peer;

# --- an answer that can't be told in events: for a stream it is none; who has
# waited for it does not wait longer than others for the next one

($c1, $w1) = connection();
text();
ask($c1, 'gpt', same(), @late);
($peer) = $up->request;
@all = map { ask(scalar connection($w1), 'gpt', same(), @stream, @late) } 1 .. 2;
asked(@all);
$from = time();
sleep 0.6 * $wait / 1000;
$peer->write(answer(200, '{"choices":[]}', @close));
is(finish($c1)->{status}, 200, 'no events: the leader is answered');
($peer2) = $up->request;
ok($peer2, 'no events: another one leads');
($peer3) = $up->request;
ok($peer3, 'no events: the other one in its time');
cmp_ok(time() - $from, '<', 1.4 * $wait / 1000, 'no events: which is that from its beginning on');
$_->close for grep { $_ } $c1, @all, $peer, $peer2, $peer3;

# --- one whose age was over leaves its follower's place alone

($c1, $w1) = connection();
text();
ask($c1, 'gpt', same(), @aged);
($peer) = $up->request;
($c2, $w2) = connection($w1, 1);
ask($c2, 'gpt', same(), @aged);
($peer2) = $up->request;
ok($peer2, 'lock_age: one in another worker');
$peer->write(answer(500, openai_error('no', 'x', undef), @close));
is(finish($c1)->{status}, 500, 'lock_age: the first one fails');
ask($c3 = third($w1, $w2), 'gpt', same());
ok(nobody(0.3), 'lock_age: who comes then waits for the second');
$peer2->write(answer(200, openai_chat('second')));
like(finish($_)->{body}, qr/second/, 'lock_age: and has its answer') for $c2, $c3;
$_->close for $c1, $c2, $c3, $peer, $peer2;

# --- six in another worker: when one has seen the answer all have

($c1, $w1) = connection();
text();
ask($c1, 'gpt', same());
($peer) = $up->request;
($c2, $w2) = connection($w1, 1);
@all = ($c2, map { scalar connection($w2) } 1 .. 5);
ask($_, 'gpt', same()) for @all;
sleep 0.8;
$peer->write(answer(200, openai_chat('six')));
finish($c2);
$from = time();
like(finish($_)->{body}, qr/six/, 'six: answered') for @all[1 .. 5];
cmp_ok(time() - $from, '<', 0.4 * $slow, 'six: at a time');
$_->close for $c1, @all, $peer;

# --- those who wait in the leader's worker go on at once, not when it looks after
# them the next time, half a second later

# the shortest of three
sub soonest {
    my $do = shift;
    my $soonest = 1000;
    for (1 .. 3) {
        my ($lead, $worker) = connection();
        text();
        ask($lead, 'gpt', same());
        my ($up1) = $up->request;
        ask(my $one = connection($worker), 'gpt', same());
        asked($one);
        ask(my $two = connection($worker), 'gpt', same());
        sleep 0.75;
        my ($since, @open) = $do->($worker, $up1, $one);
        $soonest = time() - $since if @open && time() - $since < $soonest;
        $_->write(answer(200, openai_chat('yes'))) for @open;
        finish($two);
        $_->close for $lead, $one, $two, $up1, @open;
        last if $soonest < 0.15;
    }
    return $soonest;
}

cmp_ok(soonest(sub {
    my ($worker, $up1, $one) = @_;
    hold($worker);
    $up1->write(answer(500, openai_error('no', 'x', undef), @close));
    $up1->await(sub { $_[1] });
    $one->close;
    $one->await(sub { !@_ || $_[1] });
    my $since = time();
    kill 'CONT', $worker;
    my ($up2) = $up->request;
    return ($since, $up2 ? $up2 : ());
}), '<', 0.15, 'its turn: handed over by one that leaves');

cmp_ok(soonest(sub {
    my ($worker, $up1) = @_;
    my $since = time();
    $up1->write(answer(400, openai_error('bad', 'invalid_request_error', undef), @close));
    my @open = map { ($up->request)[0] } 1 .. 2;
    return ($since, grep { $_ } @open);
}), '<', 0.15, 'a bad request: all at once');

# --- as many lead as there is room for: others go for themselves, at once

my @held;
for (1 .. 64) {
    text();
    push @held, ask(scalar connection(), 'gpt', same(), uri => '/few/v1/chat/completions');
    push @held, $up->request;
}
text();
ask($c1 = connection(), 'gpt', same(), uri => '/few/v1/chat/completions');
ask($c2 = connection(), 'gpt', same(), uri => '/few/v1/chat/completions');
@peers = grep { $_ } map { ($up->request(3))[0] } 1 .. 2;
is(scalar @peers, 2, 'no room: each for itself');
$_->write(answer(200, openai_chat('alone'), @close)) for @peers;
like(finish($_)->{body}, qr/alone/, 'no room: answered') for $c1, $c2;
$_->close for $c1, $c2, @peers, grep { ref $_ eq 'LiteLLM::Peer' } @held;

# --- the leader's worker is killed

($c1, $w1) = connection();
text();
ask($c1, 'gpt', same());
($peer) = $up->request;
ask($c2 = connection($w1, 1), 'gpt', same());
asked($c2);
my $kept = text_of();
ask($c3 = connection($w1, 1), 'gpt', @$kept);
($peer3) = $up->request;
kill 'KILL', $w1;
$from = time();
($peer2) = $up->request;
ok($peer2, 'killed: one that waits goes on');
cmp_ok(time() - $from, '<', 2 * $slow, 'killed: soon');
$peer2->write(answer(200, openai_chat('yes')));
is(finish($c2)->{status}, 200, 'killed: it is answered');
ask(my $c4 = connection(), 'gpt', @$kept);
ok(nobody(0.5), 'killed: others lead as before');
$peer3->write(answer(200, openai_chat('still')));
like(finish($_)->{body}, qr/still/, 'killed: and are waited for') for $c3, $c4;
$_->close for $c1, $c2, $c3, $c4, $peer, $peer2, $peer3;

# one that a reload has left behind: nobody is started in its place

($c1, $w1) = connection();
text();
ask($c1, 'gpt', same());
($peer) = $up->request;
my %before = map { $_ => 1 } $t->workers;
ok($t->reload, 'killed after a reload: reload');
$end = time() + 10 * $slow;
my $now;
while (time() < $end) {
    ($c2, $now) = connection();
    last if !$before{$now};
    $c2->close;
}
ask($c2, 'gpt', same());
ok(nobody(0.2), 'killed after a reload: it is waited for');
kill 'KILL', $w1;
($peer2) = $up->request(3);
ok($peer2, 'killed after a reload: one that waits goes on');
$peer2->write(answer(200, openai_chat('yes'))) if $peer2;
$_->close for grep { $_ } $c1, $c2, $peer, $peer2;
