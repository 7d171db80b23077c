#!/usr/bin/perl

# Embeddings by input that two gateways share through a Redis: what one asked
# for goes nowhere from the other, alone or in a batch; with memory before it,
# and without; many at once; values that are none, or of other dimensions; what
# is deleted, emptied, over; a Redis that is silent or killed.

use warnings;
use strict;

use Digest::SHA qw(sha256);
use MIME::Base64;
use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer);
use LiteLLM::Redis;
use LiteLLM::Test;

my $slow = $LiteLLM::Peer::slow;

plan(skip_all => 'no redis-server') unless LiteLLM::Redis->has;

my $b = LiteLLM::Test->new->allow_log(qr/other dimensions than those/);
my $a = LiteLLM::Test->new->plan(69)->allow_log(qr/other dimensions than those/);

my $redis = LiteLLM::Redis->start($a, port => $a->free_port);
my $prefix = '{litellm}:cache:';

# what each call had is told by a file; a vector begins with the number that its
# input ends with, and has as many as the model's name says
my $sent = $a->dir . '/sent';
$a->mock(8081, sub {
    my ($peer, $req) = @_;
    my $body = json_of($req->{body});
    my $in = ref $body->{input} ? $body->{input} : [$body->{input}];
    open my $f, '>>', $sent;
    syswrite $f, json_text($in) . "\n";
    my $width = $body->{model} =~ /(\d+)$/ ? $1 : 3;
    if (open my $w, '<', "$sent.width") {
        my $line = <$w>;
        $width = $line + 0 if $line;
    }
    my $n = 0;
    my @data = map {
        my $id = (ref $_ ? $_->[-1] : /(\d+)$/ ? $1 : 0) + 0;
        my $v = $body->{encoding_format} && $body->{encoding_format} eq 'base64'
            ? '"' . encode_base64(pack('f<*', $id, (0.25) x ($width - 1)), '') . '"' : '[' . join(',', $id, (0.25) x ($width - 1)) . ']';
        "{\"object\":\"embedding\",\"index\":" . $n++ . ",\"embedding\":$v}" } @$in;
    my $tokens = 10 * @$in;
    return answer(200, '{"object":"list","data":[' . join(',', reverse @data) . '],"model":"te3",'
        . "\"usage\":{\"prompt_tokens\":$tokens,\"total_tokens\":$tokens}}");
});
my $provider = $a->port(8081);

for my $g ($a, $b) {
    $g->write_conf(http => 'litellm_redis 127.0.0.1:' . $redis->port . ";\n" . <<'END', location => 'litellm_cache_redis on timeout=10s;', server => <<'END');
litellm_zone zone=z:1m;
litellm_cache_zone zone=c:16m;
litellm_redis_limits off;
log_format cached '$http_mark $litellm_cache_status $litellm_prompt_tokens';
access_log %%DIR%%/cached.log cached;
END
location /brief/ {
    litellm;
}
location /only/ {
    litellm;
    litellm_cache_redis only timeout=10s;
}
location /memory/ {
    litellm;
    litellm_cache_redis off;
}
END
    my $conf = $g->read_file('nginx.conf');
    $conf =~ s/worker_processes 1;/worker_processes 2;/;
    $g->write_file('nginx.conf', $conf);
    $g->write_file('litellm.yaml', <<END);
model_list:
  - model_name: e
    litellm_params: {model: openai/te3, api_base: "http://127.0.0.1:$provider/v1", api_key: k}
  - model_name: wide
    litellm_params: {model: openai/te3-9000, api_base: "http://127.0.0.1:$provider/v1", api_key: k}
litellm_settings:
  num_retries: 0
  cache: true
  cache_params: {type: redis, ttl: 300}
router_settings: {num_retries: 0, disable_cooldowns: true}
general_settings: {master_key: sk-master-of-both}
END
    $g->run;
}

my @master = (Authorization => 'Bearer sk-master-of-both');
my $mark = 0;

sub ask {
    my ($g, $input, %more) = @_;
    $mark++;
    return http(chat(delete $more{model} || 'e', uri => '/v1/embeddings', messages => undef, input => $input, %more,
        headers => [@master, mark => "m$mark."]), port => $g->port(8080));
}

# asks, and stores nothing: a hit is what others have stored
my @look = (cache => { 'no-store' => JSON::PP::true });
sub only { return ask(@_, uri => '/only/v1/embeddings') }

# of the last one: its status and tokens
sub logged {
    my ($g, $id) = ($_[0], "m$mark.");
    my $end = time() + 10 * $slow;
    while (time() < $end) {
        return $1 if $g->read_file('cached.log') =~ /^\Q$id\E (.+)$/m;
        sleep 0.02;
    }
    return 'no line';
}

# inputs that went to the provider since the last time
my $seen = 0;
sub went {
    my $text = -e $sent ? $a->read_file('sent') : '';
    my $new = substr($text, $seen);
    $seen = length $text;
    chomp $new;
    return $new;
}

sub first_of { return join ' ', map { "$_->{index}:" . (ref $_->{embedding} ? $_->{embedding}[0] : $_->{embedding}) }
    @{(json_of($_[0]{body}) || {})->{data} || []} }

sub wait_for {
    my ($what, $seconds) = @_;
    my $end = time() + ($seconds || 10) * $slow;
    while (time() < $end) {
        return 1 if eval { $what->() };
        sleep 0.02;
    }
    return 0;
}

# those of before a flush go by and by
sub names { my $now = name(''); return grep { index($_, $now) == 0 } @{$redis->do('KEYS', "$prefix*")} }
sub generation { return $redis->do('GET', "${prefix}generation") // 0 }
sub name { return $prefix . generation() . ":$_[0]" }
sub keys_of { return split /,/, $_[0]{header}{'x-litellm-cache-key'} // '' }

# each worker has a connection: what the first request finds is no accident
sub connected {
    return wait_for(sub { ask($_, 'warm up', cache => { 'no-cache' => JSON::PP::true }) for $a, $b;
        4 <= (() = $redis->do('CLIENT', 'LIST') =~ /name=nginx-litellm/g) }, 20);
}

# asked for at the first gateway; there when it returns
sub store {
    my ($n, $input, %more) = @_;
    my $had = names();
    my $r = ask($a, $input, %more);
    ok(wait_for(sub { names() >= $had + $n }), "stored: $n") or diag(scalar(names()) . " after $had");
    went();
    return $r;
}

ok(connected(), 'each worker has a connection');

# --- one, and a batch

my $r = store(1, 'one 1');
my $s = ask($b, 'one 1');
is(went(), '', 'one: nobody is asked');
is($s->{body}, $r->{body}, 'one: to the byte');
is(logged($b), 'HIT -', 'one: a hit');
my ($key) = keys_of($s);
my $ttl = $redis->do('TTL', name($key));
ok($ttl > 200 && $ttl <= 300, 'one: its time to live') or diag($ttl);
$redis->do('DEL', name($key));
ask($b, 'one 1');
is(logged($b), 'HIT -', 'one: from then on in memory');

store(3, ['x 2', 'x 3', 'x 4']);
$s = ask($b, ['x 4', 'new 5', 'x 2', 'x 3', 'x 2']);
is(went(), '["new 5"]', 'a batch: what is nowhere is asked for');
is(first_of($s), '0:4 1:5 2:2 3:3 4:2', 'a batch: in order');
is(json_of($s->{body})->{usage}{prompt_tokens}, 50, 'a batch: usage, with what was kept');
is(json_of($s->{body})->{model}, 'te3', 'a batch: model');
is(logged($b), 'PARTIAL 10', 'a batch: in part');
$s = ask($a, ['new 5', 'x 4']);
is(went(), '', 'a batch: what the other asked for then');
is(first_of($s), '0:5 1:4', 'a batch: is there, too');
is(json_of($s->{body})->{usage}{total_tokens}, 20, 'a batch: its tokens');

store(2, [[7, 8], [9, 10]]);
is(first_of(only($b, [[9, 10], [7, 8]])), '0:10 1:8', 'tokens, without memory');
is(went(), '', 'tokens, without memory: nobody is asked');
$s = only($b, ['x 2', 'two 11', 'x 3']);
is(went(), '["two 11"]', 'without memory: in part');
is(first_of($s), '0:2 1:11 2:3', 'without memory: in order');
ok(wait_for(sub { only($a, 'two 11', @look); logged($a) eq 'HIT -' }), 'without memory: stored');
went();
store(1, 'raw 12', encoding_format => 'base64');
$s = only($b, ['raw 12'], encoding_format => 'base64');
is(went(), '', 'base64');
like($s->{body}, qr/"embedding":"/, 'base64: a text');
only($b, ['raw 12']);
is(went(), '["raw 12"]', 'base64: floats are another one');
ask($a, 'here 13', uri => '/memory/v1/embeddings');
went();
sleep 0.2;
only($b, 'here 13');
is(went(), '["here 13"]', 'in memory only: not there');

# --- many

my @many = map { "m $_" } 1 .. 700;
store(700, \@many);
$s = only($b, [reverse @many]);
is(went(), '', 'many: nobody is asked');
is(first_of($s), join(' ', map { $_ . ':' . (700 - $_) } 0 .. 699), 'many: in order');
$redis->do('DEL', name((keys_of(only($b, "m $_")))[0])) for 5, 600;
$s = only($b, \@many);
is(went(), '["m 5","m 600"]', 'many: two are gone');
is(first_of($s), join(' ', map { $_ - 1 . ':' . $_ } 1 .. 700), 'many: all the same in order');
store(0, ['w 1', 'w 2'], model => 'wide');
ok(wait_for(sub { only($b, ['w 1', 'w 2'], model => 'wide', @look); logged($b) eq 'HIT -' }), 'large ones');
went();

# --- controls, times

my $no = JSON::PP::true;
ask($a, 'unsaid 14', cache => { 'no-store' => $no });
went();
sleep 0.2;
only($b, 'unsaid 14', cache => { 'no-store' => $no });
is(went(), '["unsaid 14"]', 'no-store');
store(1, 'short 15', cache => { ttl => 2 });
store(1, 'aged 16');
my $until = time() + 2.2;
sleep 0.1 while time() < $until;
only($b, ['short 15', 'aged 16', 'x 2'], cache => { 's-maxage' => 1 });
is(went(), '["short 15","aged 16","x 2"]', 'over, and too old');
only($b, ['aged 16', 'short 15'], cache => { 'no-cache' => $no });
is(went(), '["aged 16","short 15"]', 'no-cache');

# --- what is none of ours

# as the module writes it, whose body is anything
sub value {
    my ($key, $body, %with) = @_;
    my $head = pack('a3 C N Q> N Q> N', 'nlc', $with{version} // 1, $with{kind} // 0x100, $with{stored} // time(),
        $with{ttl} // 100, 0, $with{len} // length $body);
    return $head . substr(sha256($head . pack('H*', $key) . $body), 0, 16) . $body;
}

sub item { return '{"tokens":' . ($_[1] // 1) . ',"model":"te3","data":[' . $_[0] . ']}' }

store(2, ['bad 17', 'bad 18']);
$key = (keys_of(only($b, 'bad 17')))[0];
my $object = '{"object":"embedding","index":0,"embedding":[17.5,1,2]}';
my $good = item($object);
my %poison = (
    garbage => 'garbage' x 100, text => $good, cut => substr(value($key, $good), 0, -5),
    longer => value($key, $good) . 'x', huge => 'x' x 20_000_000, kind => value($key, $good, kind => 2),
    sum => value($key, $good) =~ s/17/18/r, other => value('00' x 32, $good), empty => value($key, ''),
    old => value($key, $good, stored => time() - 1000), json => value($key, substr($good, 0, -1)),
    list => value($key, '[1]'), none => value($key, item('')), two => value($key, item("$object,$object")),
    'no index' => value($key, item('{"embedding":[17.5,1,2]}')),
    'a text as index' => value($key, item('{"index":"0","embedding":[17.5,1,2]}')),
    'no vector' => value($key, item('{"index":0}')), 'an empty vector' => value($key, item('{"index":0,"embedding":[]}')),
    'words' => value($key, item('{"index":0,"embedding":[17.5,"a",2]}')),
    'nulls' => value($key, item('{"index":0,"embedding":[17.5,null,2]}')),
    'lists' => value($key, item('{"index":0,"embedding":[[17.5],1,2]}')),
    'an object' => value($key, item('{"index":0,"embedding":{"a":1}}')),
    'tokens' => value($key, item($object, '-1')), 'many tokens' => value($key, item($object, '99999999999')),
    'model' => value($key, $good =~ s/"te3"/5/r), 'long model' => value($key, $good =~ s/te3/"m" x 2000/er));
my @served;
sub poisoned {
    my $what = shift;
    my $r = only($b, ['bad 18', 'bad 17'], cache => { 'no-store' => $no });
    my $is = first_of($r);
    push @served, "$what: $is" if $is ne '0:18 1:17' || went() ne '["bad 17"]';
}
for my $kind (sort keys %poison) {
    $redis->do('SET', name($key), $poison{$kind});
    poisoned($kind);
}
$redis->do('DEL', name($key));
$redis->do('RPUSH', name($key), 'a');
poisoned('a list of Redis');
$redis->do('DEL', name($key));
# beside others it must be as they are
$redis->do('SET', name($key), value($key, item('{"index":0,"embedding":[17.5,1,2,3]}')));
poisoned('other dimensions');
is(join(', ', @served), '', 'values that are none of ours');
$redis->do('SET', name($key), value($key, $good));
is(first_of(only($b, ['bad 18', 'bad 17'])), '0:18 1:17.5', 'and one that could be');
is(went(), '', '... is taken');

# --- a model whose vectors have other dimensions now

sub width { $a->write_file('sent.width', shift // '') }

store(2, ['dim 1', 'dim 2']);
my @dims = map { (keys_of(ask($a, "dim $_")))[0] } 1, 2;
width(4);
for my $g ($a, $b) {
    my $n = $g == $a ? 3 : 4;
    $s = ask($g, ['dim 1', 'dim 2', "dim $n"]);
    is(scalar(@{json_of($s->{body})->{data}[$_]{embedding}}), 4, 'other dimensions: all are new') for 0, 2;
    is(went(), $g == $a ? "[\"dim $n\"]\n[\"dim 1\",\"dim 2\",\"dim $n\"]" : "[\"dim $n\"]",
        'other dimensions: all are sent, and kept');

    # they take the place of the others a moment later
    ok(wait_for(sub { 2 == grep { ($redis->do('GET', name($_)) // '') =~ /\[\d+(?:,0\.25){3}\]/ } @dims }),
        'other dimensions: they are in Redis');
}
width();

# --- what is deleted and emptied

store(2, ['gone 1', 'gone 2']);
($key) = keys_of(ask($a, 'gone 1'));
my $text = json_text({ keys => [$key] });
$r = http("POST /cache/delete HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: $master[1]\r\n"
    . 'Content-Length: ' . length($text) . "\r\n\r\n$text", port => $a->port(8080));
is($r->{body}, '{"status":"success"}', 'delete');
only($b, ['gone 2', 'gone 1']);
is(went(), '["gone 1"]', 'delete: one of two');
http("POST /cache/flushall HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: $master[1]\r\n"
    . "Content-Length: 2\r\n\r\n{}", port => $a->port(8080));
ask($a, ['gone 2', 'x 2']);
is(went(), '["gone 2","x 2"]', 'flushall');

# --- a reload

store(2, ['r 1', 'r 2']);
ask($a, ['r 1', 'r 2']);
is(logged($a), 'HIT -', 'before a reload');
ok($a->reload, 'a reload');
ask($a, ['r 2', 'r 1']);
is(logged($a), 'HIT -', 'after a reload: in memory');
is(went(), '', 'after a reload: nobody is asked');
ok(wait_for(sub { only($a, ['r 1', 'r 2'], @look); logged($a) eq 'HIT -' }), 'after a reload: in Redis');
is(went(), '', 'after a reload: nobody is asked again');

# --- silent: the bound holds; killed

$redis->signal('STOP');
my ($worst, $failed) = (0, 0);
for my $i (1 .. 20) {
    my $start = time();
    $failed++ if split(/ /, first_of(ask($i % 2 ? $a : $b, [map { "s$i $_" } 1 .. 300], uri => '/brief/v1/embeddings'))) != 300;
    my $took = time() - $start;
    $worst = $took if $took > $worst;
}
is($failed, 0, 'silent: all are served');
# a second is what any command may take
cmp_ok($worst, '<', 0.9, 'silent: within the bound');
$redis->signal('CONT');
connected();

# a worker to which it was silent writes nothing to it for a while
ok(wait_for(sub { ask($a, ['k 1', 'k 2'], cache => { 'no-cache' => $no }); only($b, ['k 1', 'k 2'], @look); logged($b) eq 'HIT -' }),
    'back: stored');
went();
my $c = LiteLLM::Peer->connect($b->port(8080));
sub on_it { $c->write(chat('e', uri => '/only/v1/embeddings', messages => undef, input => [@_], headers => [@master]) =~ s/Connection: close\r\n//r) }

# its worker asks Redis again
ok(wait_for(sub { went(); on_it('k 1'); finish($c); went() eq '' }), 'back: a hit');
$redis->signal('STOP');
on_it('k 1', 'k 2');
ok($c->quiet(0.2), 'killed: it waits');
$redis->stop;
is(first_of(finish($c)), '1:2 0:1', 'killed: it is served, as it came');
$redis->again;

$b->cleanup;
