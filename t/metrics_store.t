#!/usr/bin/perl

# Metrics of what is shared: all cache zones, requests that share a call, answers
# in Redis, keys that several gateways share, each connection to Redis.  Two
# gateways of two workers.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Metrics;
use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Redis;
use LiteLLM::Test;

plan(skip_all => 'no redis-server') unless LiteLLM::Redis->has;

my $slow = $LiteLLM::Peer::slow;
my $b = LiteLLM::Test->new;
my $a = LiteLLM::Test->new->plan(64);
my $redis = LiteLLM::Redis->start($a);
my $up = $a->listener(8081);
my $provider = $a->port(8081);
my $wait = int(500 * $slow);

for my $g ($a, $b) {
    $g->write_conf(http => 'litellm_redis "unix:' . $redis->path . "\";\n" . <<'END', server => <<"END");
litellm_zone zone=state:2m;
litellm_cache_zone zone=answers:2m;
litellm_cache_zone zone=others:1m;
litellm_cache_zone zone=unused:1m;
litellm_redis_limits async interval=50ms;
END
location = /scrape { litellm_metrics; }
location /memory/ { litellm; litellm_cache answers; litellm_cache_redis off; litellm_cache_lock on; litellm_cache_lock_timeout ${wait}ms; }
location /others/ { litellm; litellm_cache others; litellm_cache_redis off; }
location /redis/ { litellm; litellm_cache answers; litellm_cache_redis only timeout=10s; }
location /hasty/ { litellm; litellm_cache answers; litellm_cache_redis only timeout=50ms; }
END
    (my $conf = $g->read_file('nginx.conf')) =~ s/worker_processes 1;/worker_processes 2;/;
    $g->write_file('nginx.conf', $conf);
    $g->write_file('litellm.yaml', <<END);
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:$provider/v1", api_key: k}
  - model_name: embed
    litellm_params: {model: openai/text-embedding-3-small, api_base: "http://127.0.0.1:$provider/v1", api_key: k}
litellm_settings: {num_retries: 0, cache: true, cache_params: {type: redis, ttl: 300}}
general_settings: {master_key: sk-master}
END
    $g->run;
}

my @auth = (headers => [Authorization => 'Bearer sk-master', Connection => 'close']);

# --- reading

my (%series, $read);

sub scrape {
    my $g = $read = shift || $a;
    my $r = http("GET /scrape HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", port => $g->port(8080));
    %series = ();
    for (grep { !/^#/ } split /\n/, $r->{body}) {
        /^(\w+)(?:\{(.*)\})? (\S+)$/ or next;
        fail("twice: $_") if exists $series{$1}{$2 // ''};
        $series{$1}{$2 // ''} = $3;
    }
    return $r;
}

sub value { my ($name, $labels) = @_; return $series{"litellm_ngx_$name"}{$labels // ''} }
sub is_value { my ($what, $want, @of) = @_; is(wait_more($want, 15, sub { value(@of) }, sub { scrape($read) }), $want, $what) }

sub becomes { my ($what, $want, $g, @of) = @_; is(wait_value($want, 15, sub { scrape($g); value(@of) }), $want, $what) }

# a request, and what the provider gives it if it comes there
sub ask {
    my ($path, $body, $give) = @_;
    my $c = start(request($path, $body));
    if ($give) {
        my $p = $up->accept(10) or die "nobody came\n";
        $p->read_message;
        $p->write($give);
        $p->close;
    }
    return finish($c)->{status};
}

sub request {
    my ($path, $body) = @_;
    return LiteLLM::Test::post_request("$path/v1/embeddings", { model => 'embed', %$body }, @{$auth[1]}) if ref $body;
    return chat('gpt', uri => "$path/v1/chat/completions", messages => [{ role => 'user', content => $body }], @auth);
}

my $chat = answer(200, openai_chat('Hi'), Connection => 'close');

sub vectors {
    my $n = shift;
    return answer(200, json_text({ object => 'list', model => 'm', usage => { prompt_tokens => $n, total_tokens => $n },
        data => [map { { object => 'embedding', index => $_, embedding => [0.5] } } 0 .. $n - 1] }), Connection => 'close');
}

# --- zones

scrape();
is_value("$_: size", { answers => 2, others => 1, unused => 1, state => 2 }->{$_} * 1024 * 1024, 'zone_size_bytes', qq{zone="$_"})
    for qw(state answers others unused);
is_value("$_: empty", 0, 'cache_entries', qq{zone="$_"}) for qw(answers others unused);

is(ask('/memory', 'one', $chat), 200, 'an answer');
is(ask('/memory', 'one'), 200, 'from the cache');
is(ask('/others', 'one', $chat), 200, 'of another zone');
scrape();
is_value("answers: $_->[0]", $_->[1], $_->[0], 'zone="answers"') for ['cache_entries', 1], ['cache_hits_total', 1],
    ['cache_stored_total', 1], ['cache_coalesced_total', 0], ['cache_lock_timeouts_total', 0];
is_value("others: $_->[0]", $_->[1], $_->[0], 'zone="others"') for ['cache_entries', 1], ['cache_hits_total', 0],
    ['cache_misses_total', 1];

# each input of embeddings

my $hits = value('cache_hits_total', 'zone="others"');
is(ask('/others', { input => ['a', 'b'] }, vectors(2)), 200, 'embeddings');
is(ask('/others', { input => ['a', 'b', 'c'] }, vectors(1)), 200, 'embeddings: two of them are there');
scrape();
is_value('embeddings: each is a hit', $hits + 2, 'cache_hits_total', 'zone="others"');

# --- requests that share a call

{
    my @c = (start(request('/memory', 'two')));
    my $p = $up->accept(10);
    $p->read_message;
    push @c, map { start(request('/memory', 'two')) } 1 .. 3;
    ok(!$up->accept(0.2), 'nobody else comes to the provider');
    $p->write($chat);
    $p->close;
    is(join(' ', map { finish($_)->{status} } @c), '200 200 200 200', 'four for the same');
    becomes('shared: three had the call of the first one', 3, $a, 'cache_coalesced_total', 'zone="answers"');
    my $sum = sub { my ($name, $re) = @_; my $n = 0; $n += $series{$name}{$_} for grep { /$re/ } keys %{$series{$name}}; return $n };
    my $until = time() + 10 * $slow;
    do { scrape() } while $sum->('litellm_proxy_total_requests_metric_total', qr/requested_model="gpt"/) < 7 && time() < $until;
    is($sum->('litellm_requests_metric_total', qr/requested_model="gpt"/), 7, 'shared: all are answered requests of the model');
    is($sum->('litellm_cache_hits_metric_total', qr/requested_model="gpt"/), 1, 'shared: but no hits');

    @c = map { start(request('/memory', 'three')) } 1 .. 2;
    my @p = map { $up->accept(10) } 1 .. 2;
    $_->read_message, $_->write($chat), $_->close for @p;
    is(join(' ', map { finish($_)->{status} } @c), '200 200', 'one has waited too long');
    becomes('shared: the wait was too long', 1, $a, 'cache_lock_timeouts_total', 'zone="answers"');
}

# --- Redis

becomes("$_: connected", 1, $a, 'redis_up', qq{connection="$_"}) for qw(limits cache);

cmp_ok(value('redis_exchange_age_seconds') // 99, '<', 10 * $slow, 'Redis: counts are exchanged');

is(ask('/redis', 'four', $chat), 200, 'an answer that goes to Redis');
becomes('Redis: stored', 1, $a, 'cache_redis_stored_total');
is(ask('/redis', 'four'), 200, 'from Redis');
scrape();
is_value("Redis: $_->[0]", $_->[1], "cache_redis_$_->[0]_total") for ['hits', 1], ['misses', 1], ['bad', 0], ['late', 0];
cmp_ok(value('redis_commands_total', 'connection="cache"') // 0, '>', 2, 'Redis: commands of the cache');

my $r = http_post('/key/generate', '{"key_alias": "shared"}', Authorization => 'Bearer sk-master');
is($r->{status}, 200, 'a key');
becomes('records: told', 1, $a, 'redis_records_sent_total');
becomes('records: taken over', 1, $b, 'redis_records_taken_total');
is_value("records: none $_", 0, "redis_records_${_}_total") for qw(bad full);

# what is there is none of ours

$redis->do('SET', $_, 'rubbish') for grep { !/:generation$/ && $redis->do('TYPE', $_) eq 'string' && $redis->do('GET', $_) =~ /Hi/ } @{$redis->do('KEYS', '*')};
is(ask('/redis', 'four', $chat), 200, 'rubbish in Redis');
becomes('Redis: bad', 1, $a, 'cache_redis_bad_total');
becomes('Redis: the answer again', 2, $a, 'cache_redis_stored_total');

# Redis refuses to write, and then says nothing for a while

$redis->do('CONFIG', 'SET', 'maxmemory', 1);
is(ask('/redis', 'of no room', $chat), 200, 'a full Redis');
becomes('Redis: refused', 1, $a, 'cache_redis_errors_total');
is_value('Redis: nothing is stored', 2, 'cache_redis_stored_total');
cmp_ok(value('redis_errors_total', 'connection="cache"'), '>=', 1, 'cache: an error');
$redis->do('CONFIG', 'SET', 'maxmemory', 0);
$redis->signal('STOP');
is(ask('/hasty', 'late', $chat), 200, 'a silent Redis');
becomes('Redis: late', 1, $a, 'cache_redis_late_total');
is_value('cache: a command without a reply in time', 1, 'redis_timeouts_total', 'connection="cache"');
$redis->signal('CONT');
becomes('limits: on again', 1, $a, 'redis_up', 'connection="limits"');
becomes('cache: on again', 1, $a, 'redis_up', 'connection="cache"');
cmp_ok(value('redis_wait_seconds_total', qq{connection="$_"}), '>', 0, "$_: time waited") for qw(limits cache);
my %lost = map { $_ => value('redis_lost_total', qq{connection="$_"}) } qw(limits cache);

# --- and gone

$redis->stop;
becomes("$_: gone", 0, $a, 'redis_up', qq{connection="$_"}) for qw(limits cache);
is(ask('/redis', 'five', $chat), 200, 'without Redis');
becomes('Redis: not asked', 1, $a, 'cache_redis_skipped_total');
cmp_ok(value('redis_lost_total', qq{connection="$_"}), '>', $lost{$_}, "$_: lost") for qw(limits cache);
