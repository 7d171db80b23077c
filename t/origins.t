#!/usr/bin/perl

# A name with several addresses and no upstream{}: requests take turns, an
# address that is dead is passed by before the deployment counts as failed, and
# is left alone for a while; addresses come and go with the TTL.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::DNS;
use LiteLLM::Mock qw(answer chunked openai_chat openai_stream);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(24);
my $slow = $LiteLLM::Peer::slow;

$t->write_conf(http => <<'END', server => <<'LOCATION');
resolver 127.0.0.1:%%PORT_5353_UDP%% ipv6=off;
litellm_zone zone=here:256k;
log_format up "$upstream_addr";
access_log %%DIR%%/up.log up;
END
location /seldom/ {
    litellm;
    litellm_config %%DIR%%/seldom.yaml;
    litellm_keepalive_timeout 2s;
}
LOCATION
my $conf = $t->read_file('nginx.conf');
$t->write_file('nginx.conf', $conf =~ s/worker_processes 1;/worker_processes 2;/r);
sub entry {
    my ($name, $host) = @_;
    return "  - {model_name: $name, litellm_params: {model: openai/gpt-4o, api_base: 'http://$host:%%PORT_8081%%/v1', api_key: k}}\n";
}
$t->write_file_expand('litellm.yaml', "model_list:\n" . join '',
    map { entry($_, "$_.test") } qw(two three dead all-dead moves));
$t->write_file_expand('seldom.yaml', "model_list:\n" . entry('seldom', 'seldom.test'));

my $good = sub {
    my ($peer, $req) = @_;
    my $j = json_of($req->{body});
    sleep 0.2 * $slow if $j->{user};
    return chunked(openai_stream('fine')) if $j->{stream};
    return answer(200, openai_chat('fine'), 'X-Addr' => $peer->{sock}->sockhost, 'X-Process' => $$);
};
my @up = map { $t->mock(8081, $good, $_) } '127.0.0.1', '127.0.0.2', '127.0.0.3';
my @zone = ('two.test 60 127.0.0.1 127.0.0.2', 'three.test 60 127.0.0.1 127.0.0.2 127.0.0.3',
    'dead.test 60 127.0.0.9 127.0.0.1 127.0.0.2', 'all-dead.test 60 127.0.0.8 127.0.0.9',
    'seldom.test 60 127.0.0.1 127.0.0.2');
my $dns = LiteLLM::DNS->new($t, '5353_UDP', @zone, 'moves.test 1 127.0.0.1 127.0.0.2');
$t->run;

sub addr { return $_[0]{header}{'llm_provider-x-addr'} // $_[0]{status} }

# how often each address answered
sub counts { my %n; $n{addr($_)}++ for @_; return \%n }
sub near { my ($n, $addr, $from, $to, $what) = @_; my $got = $n->{"127.0.0.$addr"} // 0;
    ok($got >= $from && $got <= $to, "$what: 127.0.0.$addr") or diag(json_text($n)) }

# one after the other: each worker gives each address its turn, on kept connections

my @r = map { http(chat('two')) } 1 .. 24;
my $n = counts(@r);
near($n, $_, 11, 13, 'two addresses') for 1, 2;
cmp_ok(scalar(keys %{{ map { $_->{header}{'llm_provider-x-process'} => 1 } @r }}), '<=', 4,
    'two addresses: a connection for each worker and address');
$n = counts(map { http(chat('three')) } 1 .. 30);
near($n, $_, 9, 11, 'three addresses') for 1, 2, 3;

# at once

my @c = map { start(chat('two', user => 'held')) } 1 .. 16;
$n = counts(map { finish($_) } @c);
near($n, $_, 7, 9, 'at once') for 1, 2;
my $streams = grep { texts($_->{body}) eq 'fine' } map { http(chat('two', stream => JSON::PP::true)) } 1 .. 4;
is($streams, 4, 'streams');

# seldom: a handshake for each request would be no gain

@r = map { sleep 0.6; http(chat('seldom', uri => '/seldom/v1/chat/completions')) } 1 .. 5;
cmp_ok(scalar(keys %{{ map { $_->{header}{'llm_provider-x-process'} => 1 } @r }}), '<=', 2,
    'seldom: the connection there is') or diag(json_text(counts(@r)));

# a dead one: each worker tries it once

@r = map { http(chat('dead')) } 1 .. 16;
is(scalar(grep { $_->{status} == 200 } @r), 16, 'a dead address: the others answer');
is(scalar(grep { $_->{header}{'x-litellm-attempted-retries'} } @r), 0, 'a dead address: no retry');
$n = counts(@r);
near($n, $_, 4, 12, 'a dead address') for 1, 2;
is(scalar(() = $t->read_file('error.log') =~ /deployment .* failed/g), 0, 'a dead address: no failure of the deployment');
my $r = http(chat('all-dead', num_retries => 0));
is($r->{status}, 500, 'all are dead: status');
like(json_of($r->{body})->{error}{message}, qr/^litellm\.APIConnectionError: .*Connection error\./, 'all are dead: LiteLLM\'s words');

# the TTL is over: one address goes, another one comes

$n = counts(map { http(chat('moves')) } 1 .. 8);
near($n, $_, 3, 5, 'before') for 1, 2;
$dns->zone(@zone, 'moves.test 1 127.0.0.2 127.0.0.3');
my $end = time + 15 * $slow;
my $same = 0;
while ($same < 6 && time < $end) {
    $same = addr($r = http(chat('moves'))) eq '127.0.0.1' ? 0 : $same + 1;
    sleep 0.3;
}
$n = counts(map { http(chat('moves')) } 1 .. 12);
near($n, 1, 0, 1, 'after, but for one that comes just when a worker asks again');
near($n, $_, 5, 7, 'after') for 2, 3;

$t->stop;
my @tries = grep { /127\.0\.0\.9.*, / } grep { !/127\.0\.0\.8/ } split /\n/, $t->read_file('up.log');
cmp_ok(scalar(@tries), '<=', 2, 'a dead address: each worker tried it once');
cmp_ok(scalar(@tries), '>', 0, 'a dead address: it was tried');
