#!/usr/bin/perl

# litellm_status: what it tells of Redis as it comes, refuses and goes, of all
# caches, of health checks; what it keeps from who may see one configuration
# only.  Two workers.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer openai_chat openai_error);
use LiteLLM::Redis;
use LiteLLM::Test;

plan(skip_all => 'no redis-server') unless LiteLLM::Redis->has;

my $slow = $LiteLLM::Peer::slow;
my $t = LiteLLM::Test->new->plan(35);
my $redis = LiteLLM::Redis->start($t);

$t->write_conf(http => 'litellm_redis "unix:' . $redis->path . "\";\n" . <<'END', server => <<'END', location => 'litellm_cache first;');
litellm_redis_limits async interval=50ms;
litellm_cache_zone zone=first:1m;
litellm_cache_zone zone=second:2m;
END
location = /status { litellm_status; }
location = /keyed { litellm_status key; }
location = /other { litellm_status key; litellm_config %%DIR%%/other.yaml; }
location /second/ { litellm; litellm_cache second; litellm_cache_redis off; }
location /third/ { litellm; litellm_config %%DIR%%/other.yaml; }
END
(my $conf = $t->read_file('nginx.conf')) =~ s/worker_processes 1;/worker_processes 2;/;
$t->write_file('nginx.conf', $conf);

my $yaml = <<'END';
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/good", api_key: sk-api-secret}
    model_info: {id: good}
  - model_name: sick
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/sick", api_key: sk-api-secret}
    model_info: {id: sick}
  - model_name: unchecked
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/good", api_key: sk-api-secret}
    model_info: {id: unchecked, disable_background_health_check: true}
litellm_settings: {num_retries: 0, cache: true, cache_params: {type: redis, ttl: 300}}
END
$t->write_file_expand('litellm.yaml', $yaml
    . "general_settings: {master_key: sk-master, background_health_checks: true, health_check_interval: 1, "
    . "enable_health_check_routing: true, health_check_skip_disabled_background_models: true}\n");
$t->write_file_expand('other.yaml', ($yaml =~ s/id: (\w+)/id: other-$1/gr) . "general_settings: {master_key: sk-other}\n");

$t->mock(8081, sub {
    my ($peer, $req) = @_;
    return answer(500, openai_error('it is </b> broken', 'x')) if $req->{uri} =~ /^\/sick/;
    return answer(200, openai_chat('Hi'));
});
$t->run;

sub status { my ($path, @key) = @_; return json_of(http_get(($path // '/status') . '?format=json', @key)->{body}) }
sub of { my ($j, $id) = @_; my ($d) = grep { $_->{id} eq $id } @{$j->{deployments}{list}}; return $d || {} }

# what is told, when it is as it is to be
sub when {
    my ($ready, $seconds) = @_;
    my ($j, $end) = (undef, time() + ($seconds || 15) * $slow);
    do { $j = status(); return $j if $ready->($j); sleep 0.05 } while time() < $end;
    return $j;
}
my @auth = (headers => [Authorization => 'Bearer sk-master']);
sub ask { my ($text, $path) = @_; return http(chat('gpt', messages => [{ role => 'user', content => $text }],
    uri => ($path // '') . '/v1/chat/completions', @auth))->{status} }

# --- health checks

my $j = when(sub { of($_[0], 'sick')->{health} && of($_[0], 'good')->{health} });
my $d = of($j, 'sick');
is($d->{state}, 'unhealthy', 'a check that fails');
is("$d->{health}{ok} $d->{health}{status}", '0 500', 'what came of it');
like($d->{health}{text}, qr/it is <\/b> broken/, 'what was said');
ok($d->{health}{age_ms} >= 0 && $d->{health}{age_ms} < 30000 * $slow, 'when');
$d = of($j, 'good');
is("$d->{state} $d->{health}{ok} $d->{health}{status}", 'ok 1 200', 'one that is well');
is($d->{health}{text}, undef, 'nothing was said of that one');
is(of($j, 'unchecked')->{health}, undef, 'one that is not checked');
is("$j->{status} $j->{groups}{down}", 'bad 1', 'its group is out');
my ($p) = grep { $_->{name} eq 'sick' } @{$j->{problems}};
is($p->{text}, '0 of 1 deployment can be called: 1 failing health checks', 'what is said of the group');

# --- caches

$j = when(sub { $_[0]{redis}{state} eq 'up' && $_[0]{cache_redis}{state} eq 'up' });
is(ask('one'), 200, 'an answer') for 1 .. 2;
is(ask('one', '/second'), 200, 'in the second zone') for 1 .. 3;
$j = when(sub { $_[0]{cache_redis}{stored} });
is("$j->{cache}{zones} $j->{cache}{entries} $j->{cache}{hits}", '2 2 3', 'caches: of all zones');
ok($j->{cache}{bytes} > 2_000_000 && $j->{cache}{bytes_free} < $j->{cache}{bytes}, 'caches: bytes');
is("$j->{cache_redis}{stored} $j->{cache_redis}{errors}", '1 0', 'caches: in Redis');
is("$j->{redis}{state} $j->{cache_redis}{state}", 'up up', 'Redis');
ok($j->{redis}{commands} > 2 && $j->{redis}{exchanged_ms} < 10000 * $slow, 'Redis: counts are exchanged');
is(scalar(grep { $_->{kind} eq 'redis' } @{$j->{problems}}), 0, 'Redis: no problem');

# --- one of two configurations

for (['/keyed', 'sk-master', 'good'], ['/other', 'sk-other', 'other-good']) {
    my ($path, $key, $id) = @$_;
    my $k = status($path, Authorization => "Bearer $key");
    is(of($k, $id)->{id}, $id, "$path: its own");
    is(join(' ', grep { exists $k->{$_} } qw(totals cache cache_redis zone hedges lag)), '', "$path: nothing of all requests");
    is_deeply($k->{redis}, { state => 'up' }, "$path: how Redis is");
}

# --- Redis refuses

$redis->do('ACL', 'SETUSER', 'default', '-eval', '-evalsha', '-eval_ro', '-evalsha_ro', '-script');
$t->allow_log(qr/does not run our script/);
$j = when(sub { $_[0]{redis}{state} eq 'behind' });
is($j->{redis}{state}, 'behind', 'it takes no counts');
($p) = grep { $_->{kind} eq 'redis' } @{$j->{problems}};
is(($p->{text} // '') . " $p->{level}", 'answers, but takes no counts: each gateway counts for itself warn', 'which is a problem');
like($p->{name}, qr/redis\.sock/, 'of that server');
my $k = status('/keyed', Authorization => 'Bearer sk-master');
($p) = grep { $_->{kind} eq 'redis' } @{$k->{problems}};
is($p->{name}, 'Redis', 'whose name is not told with a key');
$redis->do('ACL', 'SETUSER', 'default', '+@all');
is(when(sub { $_[0]{redis}{state} eq 'up' })->{redis}{state}, 'up', 'it does again');

# --- and goes, and comes

$redis->stop;
$j = when(sub { $_[0]{redis}{state} eq 'down' && $_[0]{cache_redis}{state} eq 'down' });
is("$j->{redis}{state} $j->{cache_redis}{state}", 'down down', 'gone');
($p) = grep { $_->{kind} eq 'redis' } @{$j->{problems}};
is($p->{text} // '', 'does not answer: each gateway counts for itself', 'what is said');
is(ask('two'), 200, 'requests go on');
$redis->again;
$j = when(sub { $_[0]{redis}{state} eq 'up' && $_[0]{cache_redis}{state} eq 'up' }, 30);
is("$j->{redis}{state} $j->{cache_redis}{state}", 'up up', 'back');
