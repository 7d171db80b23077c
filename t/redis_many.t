#!/usr/bin/perl

# Very many keys over Redis, some of which have spent: a gateway that has them
# tells them all, a new one learns them all, and what was spent; a Redis that has
# lost all of it is told again.  Meanwhile both serve others: no turn of the event
# loop is long.
#
# TEST_MANY_KEYS sets how many, TEST_MANY_EACH which of them have spent; prove -v
# prints the figures of docs/keys.md.

use warnings;
use strict;

use Compress::Raw::Zlib ();
use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(time);

use LiteLLM::Pair;
use LiteLLM::Redis;
use LiteLLM::Test;
use LiteLLM::Turns;

my $slow = $LiteLLM::Peer::slow;
my $many = $ENV{TEST_MANY_KEYS} || ($slow > 1 ? 3000 : 20000);
my $each = $ENV{TEST_MANY_EACH} || 100;
my $last = $many - $many % $each;

plan(skip_all => 'no redis-server') unless LiteLLM::Redis->has;

my $second = LiteLLM::Test->new;
my $t = LiteLLM::Test->new->plan(13);
my %name = ($t => 'the first', $second => 'the second');
alarm 600 * $slow;

my $master = 'sk-master-of-many';
my $zone = int($many / 400) + 8;
my $redis = LiteLLM::Redis->start($t);

sub configure {
    my ($g, $http) = @_;
    $g->write_file('litellm.yaml', <<END);
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_key: k, mock_response: "Hello"}
general_settings: {master_key: $master}
END
    my $state = $g == $t ? ' state=' . $g->dir . '/state interval=1h' : '';
    $g->write_conf(http => "litellm_zone zone=z:${zone}m$state;\nkeepalive_requests 10000000;\naccess_log off;\n"
        . "litellm_redis 'unix:" . $redis->path . "';\n$http",
        server => "location = /m { litellm_metrics; }\n");
}

configure($_, '') for $t, $second;

# who has spent has spent its number, in millionths of a dollar
my $text = qq({"litellm_state":1,"epoch":1,"pid":1}\n);
for (1 .. $many) {
    my $id = sha256_hex("sk-many-$_");
    my $spend = $_ % $each ? 0 : $_ * 1000000;
    $text .= qq({"record":"key","id":"$id","json":{"token":"$id","key_name":"sk-...$_","created_at":"2026-01-01T00:00:00Z",)
        . qq("created_by":"default_user_id","models":["gpt"],"max_budget":100,"rpm_limit":100,"metadata":{"text":"of $_"},"key_alias":"alias $_"}}\n)
        . qq({"account":"api_key","name":"$id","spend":$spend,"total":$spend,"period":"never","n":0,"ends":0,"keep":1}\n);
}
$t->write_file('state', $text . sprintf qq({"end":%d,"crc32":%d}\n), 2 * $many + 1, Compress::Raw::Zlib::crc32($text));

sub ask {
    my ($g, $path) = @_;
    my $r = http("GET $path HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer $master\r\n\r\n", port => $g->port(8080));
    return json_of($r->{body}) // {};
}
sub spent { my ($g, $n) = @_; return ask($g, '/key/info?key=' . sha256_hex("sk-many-$n"))->{info}{spend} // -1 }
sub told { return $redis->do('HLEN', '{litellm}:api_key:' . sha256_hex("sk-many-$_[0]")) }
sub all_told {
    return $redis->do('HLEN', '{litellm}:records') == $many + 3 && told($each) && told($last);
}

# the bound of the lag metric that all of its observations are within
sub lag {
    my $g = shift;
    my $text = http("GET /m HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", port => $g->port(8080))->{body};
    my %count;
    $count{$1} += $2 while $text =~ /^litellm_ngx_event_loop_lag_seconds_bucket\{[^}]*le="([^"]+)"[^}]*\} (\d+)/mg;
    my $all = $count{'+Inf'} or return (0, 'none');
    my ($most) = grep { $count{$_} == $all } (sort { $a <=> $b } grep { $_ ne '+Inf' } keys %count), '+Inf';
    return ($all, $most);
}

# Others are served until something is so: how long that lasts, and what of the
# worker's time on a processor went by while one of them waited.
sub until_all {
    my ($what, $g, $is) = @_;
    my ($worker) = map { int } $g->workers;
    my $turns = LiteLLM::Turns->new($worker, LiteLLM::Peer->connect($g->port(8080)));
    my ($from, $first, $next, $done, @turns) = (time, $turns->cpu, 0, 0);
    until (($done && time - $from > 0.3 && @turns > 100) || time - $from > 120 * $slow) {
        my $turn = $turns->ask("GET /health/liveliness HTTP/1.1\r\nHost: h\r\n\r\n");
        last if !$turns->{answer};
        push @turns, $turn if defined $turn;
        if (time > $next) {
            $done = $is->();
            $next = time + 0.1;
        }
    }
    @turns = sort { $a <=> $b } @turns;
    note(sprintf '%s: %.1f s, %.0f ms of CPU; %d others meanwhile, of which one waited for %.1f ms of CPU at most', $what, time - $from,
        $turns->cpu - $first, scalar @turns, $turns[-1] // 0);
    ok($done, "$what: all");
    cmp_ok($turns[-1] // 1e9, '<', 10 * $slow, "$what: no turn is long");
}

# --- the first tells all

$redis->stop;
my $from = time;
$t->run;
note(sprintf '%d keys: started in %.1f s', $many, time - $from);
until_all('started', $t, sub { spent($t, $last) > 0 });
$redis->again;
until_all('told', $t, \&all_told);

# --- the second learns all

$second->run;
until_all('learnt', $second, sub { (ask($second, '/key/list?size=1')->{total_count} // 0) == $many && spent($second, $each) > 0 && spent($second, $last) > 0 });
my @not;
LiteLLM::Pair::wait_for(sub { @not = grep { abs(spent($second, $_) - $_ / 1e6) > 1e-9 } map { $_ * $each } 1, 2, 7, $last / $each - 1, $last / $each; !@not });
is(join(' ', @not), '', 'learnt: what each has spent');
note(sprintf 'memory of Redis: %.0f bytes a key', ($redis->do('INFO', 'memory') =~ /used_memory:(\d+)/)[0] / $many);

# --- all is lost, and told again

$redis->do('FLUSHALL');
until_all('told again', $t, \&all_told);

# --- one of them changes

$from = time;
http(LiteLLM::Test::post_request('/key/update', { key => sha256_hex("sk-many-$each"), spend => 3 }, Authorization => "Bearer $master"),
    port => $t->port(8080));
ok(LiteLLM::Pair::wait_for(sub { abs(spent($second, $each) - 3) < 1e-9 }, 30), sprintf 'a change is known at the other after %.2f s', time - $from);

for my $g ($t, $second) {
    my ($n, $most) = lag($g);
    note("$name{$g}: event loop: $n timers, none later than $most s");
    ok($n && $most ne '+Inf' && $most <= $slow, "$name{$g}: lag");
}

# --- accounts alone, few of which have spent: they are not told one interval
# after the other

$second->cleanup;
$t->stop;
$redis->do('FLUSHALL');
configure($t, "litellm_redis_keys off;\nlitellm_redis_limits async interval=2s;\n");
$from = time;
$t->run;
LiteLLM::Pair::wait_for(sub { told($each) && told($last) }, 60);
cmp_ok(time - $from, '<', 12 * $slow, sprintf 'accounts are told in %.1f s', time - $from);
