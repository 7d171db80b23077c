#!/usr/bin/perl

# What requests that share a call (litellm_cache_lock) hold of a worker's
# memory: nothing is left of those that have led, and of a long stream no more
# than is kept, whoever of its followers has left.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer sse openai_chunk);
use LiteLLM::Test;

# a sanitizer keeps what is freed
plan(skip_all => 'the sanitizer build') if $LiteLLM::Peer::slow > 1;

my $t = LiteLLM::Test->new->plan(7);
my $yes = JSON::PP::true;

$t->write_conf(http => <<'END');
litellm_zone zone=z:2m;
litellm_cache_zone zone=answers:4m;
litellm_cache answers;
litellm_cache_lock on;
litellm_cache_max_response_size 128k;
keepalive_requests 100000;
END
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: mocked
    litellm_params: {model: openai/gpt-4o, api_key: k, mock_response: here}
litellm_settings: {num_retries: 0, cache_params: {type: local, ttl: 300}}
router_settings: {num_retries: 0, disable_cooldowns: true}
END

my $up = $t->listener(8081);
$t->run;

my ($worker) = $t->workers;

# KB that are the worker's own
sub memory {
    open my $in, '<', "/proc/$worker/status" or return 0;
    my ($kb) = join('', <$in>) =~ /^RssAnon:\s+(\d+)/m;
    return $kb // 0;
}

# --- those that lead, one after the other

my $c = LiteLLM::Peer->connect($t->port(8080));
my $n = 0;
sub lead {
    my $count = shift;
    my $answers = 0;
    while ($count > 0) {
        $c->write(join '', map { my $chat = chat('mocked', messages => [{ role => 'user', content => 'text ' . $n++ }]);
            $chat =~ s/Connection: close\r\n//; $chat } 1 .. 50);
        finish($c)->{body} =~ /here/ && $answers++ for 1 .. 50;
        $count -= 50;
    }
    return $answers;
}
is(lead(2000), 2000, 'leaders: answered');
my $before = memory();
cmp_ok($before, '>', 0, 'leaders: memory is known');
is(lead(8000), 8000, 'leaders: more of them');
cmp_ok(memory() - $before, '<', 1000, 'leaders: nothing is left of them');
$c->close;

# --- a long stream, one of whose followers leaves

sub events_of { return join '', map { LiteLLM::Mock::chunk($_) } sse(@_) }
my @chat = ('gpt', messages => [{ role => 'user', content => 'long' }], stream => $yes);
my $c1 = start(chat(@chat));
my ($peer) = $up->request;
$peer->write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" . events_of(openai_chunk('Hel')));
$c1->read_until(qr/Hel/);
my ($c2, $c3) = map { start(chat(@chat)) } 1 .. 2;
$_->read_until(qr/Hel/) for $c2, $c3;
$c2->close;
$before = memory();
my $got = 0;
for my $i (1 .. 80) {
    $peer->write(events_of(openai_chunk('z' x 100_000 . "no $i.")));
    for ($c1, $c3) { $got++ if $_->read_until(qr/no $i\./) }
}
is($got, 160, 'a long stream: all have it');
cmp_ok(memory() - $before, '<', 3000, 'a long stream: no more than is kept');
$peer->write(events_of('[DONE]') . "0\r\n\r\n");
like($c3->read_until(qr/0\r\n\r\n/), qr/\[DONE\]/, 'a long stream: to the end');
