#!/usr/bin/perl

# Keys, teams and users that the management API makes, changes and deletes at one
# gateway are known at others that share its Redis; after an outage of it both
# have the same; who comes later gets all; Redis may forget all or hold anything.
# Two gateways of two workers each, and later a third one.

use warnings;
use strict;

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Redis;
use LiteLLM::Test;

my $slow = $LiteLLM::Peer::slow;

plan(skip_all => 'no redis-server') unless LiteLLM::Redis->has;

my $b = LiteLLM::Test->new;
my $c = LiteLLM::Test->new;
my $a = LiteLLM::Test->new->plan(91);

my $master = 'sk-master-of-all';
my $redis = LiteLLM::Redis->start($a);
my $many = $slow > 1 ? 500 : 2000;

$a->mock(8081, sub { return answer(200, openai_chat('hello')) });
my $provider = $a->port(8081);

my $yaml = <<END;
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:$provider/v1", api_key: k}
    model_info: {input_cost_per_token: 0.001, output_cost_per_token: 0.001}
general_settings: {master_key: $master}
router_settings: {num_retries: 0}
END

my $where = "litellm_redis 'unix:" . $redis->path . "';";

sub configure {
    my ($g, $zone, $http) = @_;
    my $conf = $g->write_conf(http => "keepalive_requests 100000;\nlitellm_zone zone=z:$zone;\n$where\n"
        . ($http // "litellm_redis_limits async interval=50ms;") . "\n")->read_file('nginx.conf');
    $conf =~ s/worker_processes 1;/worker_processes 2;/;
    $g->write_file('nginx.conf', $conf);
    $g->write_file('litellm.yaml', $yaml);
}

sub wait_for {
    my ($what, $seconds) = @_;
    my $end = time() + ($seconds || 10) * $slow;
    while (time() < $end) {
        return 1 if eval { $what->() };
        sleep 0.02;
    }
    return 0;
}

sub admin {
    my ($g, $path, $body) = @_;
    my @as = (Authorization => "Bearer $master");
    my $raw = defined $body ? LiteLLM::Test::post_request($path, $body, @as)
        : "GET $path HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" . LiteLLM::Test::lines(@as) . "\r\n";
    my $r = http($raw, port => $g->port(8080));
    return ($r->{status}, json_of($r->{body}));
}
sub done { my ($s, $j) = admin(@_); diag("$_[1]: $s " . json_text($j)) if $s != 200; return $j }
sub status { return (admin(@_))[0] }
sub make { my $g = shift; return done($g, '/key/generate', { @_ })->{key} }
sub use_key {
    my ($g, $key) = @_;
    return http(chat('gpt', headers => [Authorization => "Bearer $key"]), port => $g->port(8080))->{status};
}
sub info { my ($g, $key) = @_; return (admin($g, "/key/info?key=$key"))[1]{info} }
sub works { my ($g, $key) = @_; return wait_for(sub { use_key($g, $key) == 200 }) }
sub refused { my ($g, $key) = @_; return wait_for(sub { use_key($g, $key) == 401 }) }
# all that this one has to tell is known to that one: a key that it makes last is
sub told { my ($from, $to) = @_; return works($to, make($from)) }
sub count { my $g = shift; return done($g, '/key/list?size=1')->{total_count} }
sub counted {
    my ($g, $what) = @_;
    my $page = http("GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer $master\r\n\r\n",
        port => $g->port(8080))->{body};
    return $page =~ /^litellm_ngx_redis_records_${what}_total (\d+)$/m ? $1 : -1;
}
sub field { my ($kind, $id) = @_; return "$kind:$id" }
sub stored { return $redis->do('HGET', '{litellm}:records', "key:" . sha256_hex($_[0])) // '' }

configure($_, '8m') for $a, $b;
$_->run for $a, $b;

# --- one makes, the other has

my $key = make($a, key_alias => 'first', max_budget => 5);
ok(works($b, $key), 'made here, works there');
is(info($b, $key)->{key_alias}, 'first', 'with all that it is');
my $back = make($b);
ok(works($a, $back), 'and the other way');

done($a, '/key/update', { key => $key, models => ['other'] });
ok(wait_for(sub { use_key($b, $key) != 200 }), 'changed here, refused there');
done($b, '/key/update', { key => $key, models => [] });
ok(works($a, $key), 'changed there, works here');
is(info($a, $key)->{max_budget}, 5, 'the rest is as it was');

done($a, '/key/block', { key => $key });
my $from = time;
ok(refused($b, $key), 'blocked here, refused there');
my $took = time - $from;
cmp_ok($took, '<', 1 * $slow, sprintf 'soon: %.3f s', $took);
done($b, '/key/unblock', { key => $key });
ok(works($a, $key), 'unblocked there, works here');

my $new = done($a, '/key/regenerate', { key => $key })->{key};
ok(works($b, $new), 'regenerated here, the new one works there');
ok(refused($b, $key), 'and the old one does not');

done($b, '/key/delete', { keys => [$new] });
ok(refused($a, $new), 'deleted there, refused here');
ok(refused($b, $new), 'and there');

done($a, '/key/generate', { key => $key, key_alias => 'again' });
ok(works($b, $key), 'made anew under the same name');
is(info($b, $key)->{key_alias}, 'again', 'with what it is now');

# --- teams, users, customers

done($a, '/team/new', { team_id => 'search "x"', models => ['gpt'] });
done($a, '/user/new', { user_id => 'alice', auto_create_key => 0 });
done($a, '/customer/new', { user_id => 'mallory', blocked => \1 });
ok(wait_for(sub { status($b, '/team/info?team_id=search%20%22x%22') == 200 }), 'a team');
ok(wait_for(sub { status($b, '/user/info?user_id=alice') == 200 }), 'a user');
ok(wait_for(sub { status($b, '/customer/info?end_user_id=mallory') == 200 }), 'a customer');
my $of = make($b, team_id => 'search "x"');
ok(works($a, $of), "a team's key");
done($a, '/team/delete', { team_ids => ['search "x"'] });
ok(wait_for(sub { status($b, '/team/info?team_id=search%20%22x%22') == 404 }), 'the team is deleted');
ok(refused($b, $of), 'and its key');

# --- what is in Redis

my $text = json_text($redis->do('HGETALL', '{litellm}:records'));
like($text, qr/key:[0-9a-f]{64}/, 'hashes of keys');
unlike($text, qr/\Q$_\E/, 'no key') for $key, $back;
unlike(join('', map { $_->read_file('error.log') } $a, $b), qr/records? that is none|another reply|run our script/, 'nothing is wrong');

# --- Redis is killed, without anything kept; changes on both sides

my $gone = make($a);
ok(works($b, $gone), 'before the outage');
my $both = make($a);
works($b, $both);
$redis->stop;
my $off_a = make($a);
my $off_b = make($b);
is(use_key($a, $off_a), 200, 'outage: made and used alone');
is(use_key($b, $off_a), 401, 'outage: not known there');
done($b, '/key/delete', { keys => [$gone] });
done($a, '/key/update', { key => $both, key_alias => 'of a' });
sleep 0.01;
done($b, '/key/update', { key => $both, key_alias => 'of b' });
done($a, '/key/block', { key => $back });
$redis->again;
ok(works($b, $off_a), 'back: made here, works there');
ok(works($a, $off_b), 'back: made there, works here');
ok(refused($a, $gone), 'back: deleted there, refused here');
ok(refused($b, $back), 'back: blocked here, refused there');
ok(wait_for(sub { info($a, $both)->{key_alias} eq 'of b' }), 'back: the later change, here');
is(info($b, $both)->{key_alias}, 'of b', 'back: the later change, there');
is(use_key($_, $key), 200, 'back: what was there is') for $a, $b;

# a deletion wins over a change by who did not know of it

my $dead = make($a);
ok(works($b, $dead), 'a key at both');
$redis->stop;
done($a, '/key/delete', { keys => [$dead] });
sleep 0.01;
done($b, '/key/update', { key => $dead, key_alias => 'too late' });
$redis->again;
ok(refused($b, $dead), 'deleted: a later change does not bring it back');
is(use_key($a, $dead), 401, 'nor here');

# --- Redis forgets all

$redis->do('FLUSHALL');
ok(wait_for(sub { stored($key) ne '' && stored($off_b) ne '' }), 'flushed: told again');
ok(wait_for(sub { stored($dead) =~ /^\d+ \d+ $/ }), 'flushed: deletions, too');
is(use_key($_, $key), 200, 'flushed: nothing is lost') for $a, $b;
$redis->do('DEL', '{litellm}:records');
ok(wait_for(sub { stored($key) ne '' }), 'the hash is evicted: told again');
$redis->do('DEL', '{litellm}:records:log');
ok(wait_for(sub { ($redis->do('ZCARD', '{litellm}:records:log') || 0) >= 5 }), 'the log is evicted: made again');
my $after = make($a);
ok(works($b, $after), 'and goes on');

# --- anything in Redis

my $n = 1000;
sub plant {
    my ($field, $value) = @_;
    my $seq = $redis->do('HINCRBY', '{litellm}:records', 'seq', 1);
    $redis->do('HSET', '{litellm}:records', $field, $value);
    $redis->do('ZADD', '{litellm}:records:log', $seq, $field);
}
my $t = int(time() * 1e6);
my $id = sha256_hex($after);
plant('key:' . ('a' x 64), "$t $t {\"token\":\"" . ('b' x 64) . '"}');
plant('key:' . ('c' x 64), "$t $t not json");
plant('key:' . ('d' x 64), "9007199254740991 9007199254740991 {}");
plant('key:short', "$t $t {\"token\":\"short\"}");
plant('model:x', "$t $t {}");
plant('key:', "$t $t {}");
plant('team:' . ('t' x 300), "$t $t {}");
plant('user:big', "$t $t " . ('x' x 70_000));
plant('user:huge', 'x' x 3_000_000);
plant("key:$id", "no marks");
plant('key:' . sha256_hex($key), ($t + 1e6) . ' ' . ($t + 1e6) . ' [1]');
$redis->do('HSET', '{litellm}:records', 'neither', 'nor');
$redis->do('ZADD', '{litellm}:records:log', 1.5, 'key:unknown');
my $behind = make($a);
ok(works($b, $behind), 'garbage: the next one is read');
ok(wait_for(sub { stored($after) =~ /^\d+ \d+ \{/ }), 'garbage: what has no mark is written over');
is(use_key($_, $after), 200, 'garbage: ours is used on') for $a, $b;
is(use_key($_, $key), 200, 'garbage: what can not be read is not taken') for $a, $b;
done($a, '/key/update', { key => $key, key_alias => 'mine' });
ok(wait_for(sub { info($b, $key)->{key_alias} eq 'mine' }), 'garbage: a change of it is told');
my @said = map { scalar(() = $_->read_file('error.log') =~ /has a record that is none|has a record that/g) } $a, $b;
ok($said[0] >= 1 && $said[0] <= 2 && $said[1] >= 1 && $said[1] <= 2, 'garbage: a line, not many') or diag("@said");
ok(wait_for(sub { counted($_, 'bad') >= 3 }), 'garbage: counted') or diag(counted($_, 'bad')) for $a, $b;
$redis->do('SET', '{litellm}:records', 'text');
$redis->do('SET', '{litellm}:records:gone', 'text');
ok(wait_for(sub { stored($key) =~ /^\d+ \d+ \{/ }), 'garbage: keys of another type are made anew');

# --- many at once, a third gateway, a leader that is killed

sub make_many {
    my ($g, $count) = @_;
    my $s = LiteLLM::Peer->connect($g->port(8080));
    my @keys;
    for (1 .. $count) {
        my $body = '{}';
        $s->write("POST /key/generate HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer $master\r\n"
            . "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n$body");
        push @keys, json_of($s->read_message->{body})->{key};
    }
    return @keys;
}
my $had = count($a);
my @keys = make_many($a, $many);
$from = time;
ok(wait_for(sub { count($b) == $had + $many }, 20), "$many keys at the other") or diag(count($b), ' ', $had + $many);
note(sprintf '%d keys: %.2f s behind the last', $many, time - $from);
is(use_key($b, $keys[-1]), 200, 'the last works');

configure($c, '8m', 'litellm_redis_limits off;');
$from = time;
$c->run;
ok(wait_for(sub { count($c) == $had + $many }, 20), 'a third gateway gets all') or diag(count($c));
note(sprintf '%.2f s', time - $from);
is(use_key($c, $keys[0]), 200, 'and lets them in');
is(use_key($c, $dead), 401, 'but none that was deleted');

my %pid = map { $_ => 1 } $b->workers;
kill 'KILL', keys %pid;
ok(wait_for(sub { 2 == grep { !$pid{$_} } $b->workers }), 'workers of one are killed');
$b->allow_log(qr/exited on signal 9/);
done($a, '/key/delete', { keys => [$keys[0]] });
ok(refused($b, $keys[0]), 'a new leader goes on');
my $last = make($b);
ok(works($a, $last), 'both ways');
ok(works($c, $last), 'everywhere');

# --- with a state file over a restart while Redis is gone, and one that was away

$c->stop;
mkdir $c->dir . '/state';
chmod 0777, $c->dir . '/state';
configure($c, '8m state=' . $c->dir . '/state/z interval=100ms');
$c->run;
my ($off, $out, $kept, $away) = map { make($c) } 1 .. 4;
ok(works($a, $_), 'state: known') for $off, $out, $kept, $away;
$redis->stop;
done($c, '/key/block', { key => $off });
done($c, '/key/delete', { keys => [$out] });
$c->stop;
$c->run;
is(use_key($c, $off), 401, 'state: blocked');
$redis->again;
ok(refused($b, $off), 'state: blocked alone before a restart, and then everywhere');
ok(refused($b, $out), 'state: so is what was deleted');
works($b, $kept);
$c->stop;
done($a, '/key/delete', { keys => [$away] });
done($a, '/key/block', { key => $kept });
ok(wait_for(sub { stored($away) =~ /^\d+ \d+ $/ && stored($kept) =~ /"blocked":true/ }), 'state: changed while one is away');
$c->run;
ok(refused($c, $away), 'state: its file brings nothing back');
ok(refused($c, $kept), 'state: nor what is blocked');
told($c, $a);
is(use_key($a, $_), 401, 'state: nor at others') for $away, $kept;

# a deletion that is forgotten in Redis before one comes back that was there

sub records_id { return $redis->do('HGET', '{litellm}:records', 'id') }
my $old = make($a);
ok(works($c, $old), 'forgotten: known');
kill 'STOP', $c->workers;
done($a, '/key/delete', { keys => [$old] });
my $hash = sha256_hex($old);
ok(wait_for(sub { stored($old) =~ /^\d+ \d+ $/ }), 'forgotten: deleted');
$redis->do('ZADD', '{litellm}:records:gone', 5, "key:$hash");
ok(wait_for(sub { !defined $redis->do('HGET', '{litellm}:records', "key:$hash") }), 'forgotten: the deletion is');
my $held = count($a);
for my $g ($a, $b) { $g->stop; $g->run }
ok(wait_for(sub { count($a) == $held && count($b) == $held }), 'forgotten: also by the others') or diag(count($a), ' ', $held);
kill 'CONT', $c->workers;
ok(refused($c, $old), 'forgotten: what is not there was deleted');
told($c, $a);
is(use_key($a, $old), 401, 'forgotten: and is not brought back');
is(use_key($c, $kept), 401, 'forgotten: the rest is as it was');
works($c, $last);
is(use_key($c, $last), 200, 'forgotten: nothing else is');

# --- no room: said, and an older record is not used in its place

$c->stop;
configure($c, '64k');
$c->run;
ok($c->wait_log(qr/no room for records of other gateways/), 'no room: said');
cmp_ok(counted($c, 'full'), '>', 0, 'no room: counted');
is(counted($a, 'full'), 0, 'no room: where there is room it is not');
$c->allow_log(qr/no room/);

# --- off

$b->stop;
configure($b, '8m', 'litellm_redis_keys off;');
$b->run;
my $alone = make($b);
my $other = make($a);
works($a, $other);
sleep 0.5;
is(use_key($a, $alone), 401, 'off: not told');
is(use_key($b, $other), 401, 'off: not asked');

$_->stop for $a, $b, $c;
$_->cleanup for $b, $c;
