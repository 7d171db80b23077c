#!/usr/bin/perl

# Requests that share a call (litellm_cache_lock) where a Redis is asked between
# the look into memory and the call: what another one has stored meanwhile is
# seen, of whole answers and of embeddings.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Redis;
use LiteLLM::Test;

plan(skip_all => 'no redis-server') unless LiteLLM::Redis->has;

my $t = LiteLLM::Test->new->plan(9);
my $slow = $LiteLLM::Peer::slow;
my $redis = LiteLLM::Redis->start($t, port => $t->free_port);

$t->write_conf(http => 'litellm_redis 127.0.0.1:' . $redis->port . ";\n" . <<'END', server => <<'END');
litellm_zone zone=z:1m;
litellm_cache_zone zone=c:4m;
litellm_cache c;
litellm_cache_lock on;
litellm_cache_redis on timeout=10s;
litellm_redis_limits off;
END
location /memory/ { litellm; litellm_cache_redis off; }
END
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: embed
    litellm_params: {model: openai/text-embedding-3-small, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
litellm_settings: {num_retries: 0, cache_params: {type: local, ttl: 300}}
router_settings: {num_retries: 0, disable_cooldowns: true}
END

my $up = $t->listener(8081);
$t->run;

sub nobody { my $p = $up->accept(0.2); $p->close if $p; return !$p }
sub text { my ($n, @more) = @_; return chat('gpt', messages => [{ role => 'user', content => "text $n" }], @more) }
sub embed { my ($where, @in) = @_; return LiteLLM::Test::post_request("$where/v1/embeddings", { model => 'embed', input => \@in }) }
sub vectors {
    my $i = 0;
    return answer(200, json_text({ object => 'list', model => 'e', usage => { prompt_tokens => 2, total_tokens => 2 },
        data => [map { { object => 'embedding', index => $i++, embedding => [$_] } } @_] }), Connection => 'close');
}

# the worker has a connection
my $end = time() + 10 * $slow;
my $n = 0;
until ((() = $redis->do('CLIENT', 'LIST') =~ /name=nginx-litellm/g) || time() > $end) {
    my $c = start(text('first ' . $n++));
    my ($peer) = $up->request;
    $peer->write(answer(200, openai_chat('first'), Connection => 'close'));
    finish($c);
}
ok(scalar(() = $redis->do('CLIENT', 'LIST') =~ /name=nginx-litellm/g), 'the worker has a connection');

# one asks Redis, which says nothing; one that does not ask leads meanwhile, and
# has its answer

sub between {
    my ($asks, $leads, $answer) = @_;
    $redis->signal('STOP');
    my $c1 = start($asks);
    $c1->await;
    my $c2 = start($leads);
    my ($peer) = $up->request;
    $peer->write($answer);
    my $led = finish($c2);
    $redis->signal('CONT');
    my $one = nobody();
    my $r = $one ? finish($c1) : { body => '' };
    $_->close for $c1, $c2, $peer;
    return ($one, $led->{body}, $r->{body});
}

my ($one, $led, $got) = between(text(1), text(1, uri => '/memory/v1/chat/completions'),
    answer(200, openai_chat('led'), Connection => 'close'));
ok($one, 'an answer: one call');
like($led, qr/led/, 'an answer: for the one that led');
is($got, $led, 'an answer: and for the one that asked before');

($one, $led, $got) = between(embed('', 'a', 'b'), embed('/memory', 'a', 'b'), vectors(1, 2));
ok($one, 'embeddings: one call');
is_deeply([map { $_->{embedding}[0] } @{json_of($led)->{data}}], [1, 2], 'embeddings: for the one that led');
is_deeply([map { $_->{embedding}[0] } @{json_of($got)->{data}}], [1, 2], 'embeddings: and for the one that asked before');

# a part of them
($one, $led, $got) = between(embed('', 'c', 'd'), embed('/memory', 'd', 'c', 'e'), vectors(4, 3, 5));
ok($one, 'embeddings: a part of others, one call');
is_deeply([map { $_->{embedding}[0] } @{json_of($got)->{data}}], [3, 4], 'embeddings: a part of others');
