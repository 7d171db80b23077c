#!/usr/bin/perl

# Names of providers at run time: hosts file, DNS with its TTL, names that do
# not resolve, servers that do not answer.  None of it stops the start or
# blocks other requests.

use warnings;
use strict;

use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

use LiteLLM::DNS;
use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(25);

$t->write_conf(http => "resolver 127.0.0.1:%%PORT_5353_UDP%% ipv6=off;\nresolver_timeout 1s;");
my $names = join '', map { "  - {model_name: $_, litellm_params: {model: openai/gpt-4o, "
    . "api_base: 'http://$_:%%PORT_8081%%/v1', api_key: k}}\n" }
    qw(localhost one.test under_score.test onelabel nx.test late.test silent.test many.test cname.test moving.test);
$t->write_file_expand('litellm.yaml', "model_list:\n$names" . <<'END');
litellm_settings: {num_retries: 0}
END

my @zone = ('one.test 60 127.0.0.1', 'under_score.test 60 127.0.0.1', 'onelabel 60 127.0.0.1',
    'many.test 60 127.0.0.3 127.0.0.1', 'silent.test 0 silent', 'moving.test 1 127.0.0.1',
    'cname.test 60 cname:one.test');
my $dns = LiteLLM::DNS->new($t, '5353_UDP', @zone);
my $mock = $t->mock(8081, sub { answer(200, openai_chat('one')) });

# the same port on 127.0.0.2
my $second = IO::Socket::INET->new(LocalAddr => '127.0.0.2', LocalPort => $t->port(8081), Listen => 8,
    ReuseAddr => 1) or die $!;
$t->daemon(sub {
    while (my $s = $second->accept) {
        my $p = LiteLLM::Peer->new($s);
        $p->write(answer(200, openai_chat('two'), 'Connection' => 'close')) if $p->read_message;
        $p->close;
    }
});
close $second;

my ($rc, $out) = $t->test_conf;
is($rc, 0, 'names that do not resolve are no error of the configuration') or diag($out);
my $from = time;
$t->run;
cmp_ok(time - $from, '<', 2 * $LiteLLM::Peer::slow, 'nor do they hold up the start');

sub content { my $j = json_of($_[0]{body}); return $j ? $j->{choices}[0]{message}{content} // $j->{error}{message} : '' }

for my $name ('localhost', 'one.test', 'under_score.test', 'onelabel', 'cname.test') {
    is(content(http(chat($name))), 'one', $name);
}
is(($mock->requests)[-1]{header}{host}, 'cname.test:' . $t->port(8081), 'Host is the name');
is($dns->questions('localhost'), 0, 'localhost is not asked for');

# many requests, one question

http(chat('one.test')) for 1 .. 3;
is($dns->questions('one.test') <= 2, 1, 'an answer is kept for its TTL');

# a dead address among several

my $ok = grep { content(http(chat('many.test'))) eq 'one' } 1 .. 4;
is($ok, 4, 'a dead address: the other one is used');

# no such name: an error at once, and again as soon as it is there

$from = time;
my $r = http(chat('nx.test'));
ok($r->{status} >= 500, 'no such name: status') or diag($r->{raw});
like(content($r), qr/^litellm\.\w+: /, 'no such name: as LiteLLM says it');
cmp_ok(time - $from, '<', 2 * $LiteLLM::Peer::slow, 'no such name: at once');
ok(http(chat('late.test'))->{status} >= 500, 'a name that is not there yet');
$dns->zone(@zone, 'late.test 60 127.0.0.1');
my $end = time + 8 * $LiteLLM::Peer::slow;
my $late = '';
while (time < $end) {
    $late = content(http(chat('late.test')));
    last if $late eq 'one';
    Time::HiRes::sleep(0.3);
}
is($late, 'one', 'and then is');

# a server that does not answer: bounded, and others are served meanwhile

$from = time;
my $c = start(chat('silent.test'));
is(content(http(chat('one.test'))), 'one', 'while one name is asked for, others are served');
cmp_ok(time - $from, '<', 0.9 * $LiteLLM::Peer::slow, 'at once');
$r = finish($c, timeout => 15);
ok($r->{status} == 408 || $r->{status} >= 500, 'no answer: status');
cmp_ok(time - $from, '<', 4 * $LiteLLM::Peer::slow, 'no answer: after resolver_timeout');

# a client that leaves while its name is asked for

$c = start(chat('silent.test'));
Time::HiRes::sleep(0.1);
$c->close;
is(content(http(chat('one.test'))), 'one', 'a client that left');

# a name that moves

is(content(http(chat('moving.test'))), 'one', 'before the move');
$dns->zone((grep { !/^moving/ } @zone), 'moving.test 1 127.0.0.2');
$end = time + 10 * $LiteLLM::Peer::slow;
my $moved = '';
while (time < $end) {
    $moved = content(http(chat('moving.test')));
    last if $moved ne 'one';
    Time::HiRes::sleep(0.3);
}
is($moved, 'two', 'after the move');

# its name goes away: the last addresses go on

$dns->zone(grep { !/^moving/ } @zone);
my $fine = 0;
$end = time + 3;
my $n = 0;
while (time < $end) {
    $n++;
    $fine++ if content(http(chat('moving.test'))) eq 'two';
    Time::HiRes::sleep(0.3);
}
is($fine, $n, 'a refresh that fails leaves the old addresses');

# the server leaves with a question under way

$c = start(chat('silent.test'));
$t->stop;
pass('stopped with a question under way');
