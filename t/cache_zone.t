#!/usr/bin/perl

# The cache's zone: what its directive accepts, and nginx with several of them
# over reloads and a killed worker.  What is kept in one: t/unit/http.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(21);
$t->allow_log(qr/\[emerg\].*is already declared|\[emerg\].*conflicts/);
$t->allow_log(qr/\[alert\].*exited on signal 9/);
$t->write_yaml;

sub refused {
    my ($http, $text) = @_;
    $t->write_conf(http => $http);
    my ($rc, $out) = $t->test_conf;
    ok($rc != 0 && $out =~ $text, "refused: $http") or diag($out);
}

sub accepted {
    my $http = shift;
    $t->write_conf(http => $http);
    my ($rc, $out) = $t->test_conf;
    is($rc, 0, "accepted: $http") or diag($out);
}

refused('litellm_cache_zone;', qr/number of arguments/);
refused('litellm_cache_zone a:1m;', qr/expected "zone=name:size"/);
refused('litellm_cache_zone zone=a;', qr/expected "zone=name:size"/);
refused('litellm_cache_zone zone=:1m;', qr/expected "zone=name:size"/);
refused('litellm_cache_zone zone=a:;', qr/size/);
refused('litellm_cache_zone zone=a:much;', qr/invalid zone size/);
refused('litellm_cache_zone zone=a:1023k;', qr/too small/);
refused('litellm_cache_zone zone=a:1m other;', qr/number of arguments/);
refused('litellm_cache_zone zone=a:1m; litellm_cache_zone zone=a:1m;', qr/duplicate zone "a"/);
refused('litellm_cache_zone zone=a:1m; litellm_cache_zone zone=a:2m;', qr/conflicts|duplicate/);
refused('litellm_zone zone=a:1m; litellm_cache_zone zone=a:1m;', qr/already declared/);
accepted('litellm_cache_zone zone=a:1m;');
accepted('litellm_cache_zone zone=a:1m; litellm_cache_zone zone=b:3000k;');
accepted('litellm_cache_zone zone=a:512m;');

# with several workers

$t->mock(8081, sub {
    my ($peer, $req) = @_;
    $peer->write(answer(200, openai_chat('hi')));
});

sub conf {
    my $http = shift;
    $t->write_conf(http => $http);
    my $text = $t->read_file('nginx.conf');
    $text =~ s/worker_processes 1/worker_processes 2/;
    $t->write_file('nginx.conf', $text);
}

conf('litellm_cache_zone zone=a:1m; litellm_cache_zone zone=b:4m;');
$t->run;

is(finish(start(chat('gpt')))->{status}, 200, 'serves');
ok($t->reload, 'reload, nothing changed');
is(finish(start(chat('gpt')))->{status}, 200, 'serves');

conf('litellm_cache_zone zone=b:2m; litellm_cache_zone zone=c:4m;');
ok($t->reload, 'reload, one zone gone, one of another size, a new one');
is(finish(start(chat('gpt')))->{status}, 200, 'serves');

my $at = $t->log_size;
my ($worker) = $t->serving;
kill 'KILL', $worker;
ok($t->wait_log(qr/start worker process/, $at), 'a worker is killed, a new one begins');
is(finish(start(chat('gpt')))->{status}, 200, 'serves');

$t->stop;
