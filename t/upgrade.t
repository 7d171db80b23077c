#!/usr/bin/perl

# A binary upgrade: nginx gives the new master only the variables that "env"
# names.  Those that the YAML reads are named by the module.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(4);
$t->write_conf;
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: one
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: os.environ/UPGRADE_SECRET}
litellm_settings: {num_retries: 0}
END
my $up = $t->listener(8081);

my $dir = $t->dir;

# the new master is started by the name that the old one was started by
my ($binary) = grep { -x } $t->{binary}, map { "$_/$t->{binary}" } split(/:/, $ENV{PATH}), '/usr/sbin';

sub until_true {
    my $code = shift;
    my $end = time + 20 * ($ENV{TEST_NGINX_SLOW} || 1);
    while (time < $end) {
        my $value = $code->();
        return $value if $value;
        sleep 0.02;
    }
    return;
}

sub pid { my $text = -s "$dir/$_[0]" ? $t->read_file($_[0]) : ''; return $text =~ /(\d+)/ ? $1 : 0 }

# nginx ignores SIGUSR2 as long as the process that started it lives: one in
# between, which ends when nginx is there

if ((fork() // die "fork: $!") == 0) {
    if ((fork() // die "fork: $!") == 0) {
        $t->environment(env => { UPGRADE_SECRET => 'sk-over-the-upgrade' });
        open STDERR, '>>', "$dir/stderr.log";
        open STDOUT, '>&', \*STDERR;
        exec($binary, '-p', "$dir/", '-c', 'nginx.conf', '-e', "$dir/error.log")
            or POSIX::_exit(127);
    }
    until_true(sub { pid('nginx.pid') });
    POSIX::_exit(0);
}
wait;

my $old = until_true(sub { pid('nginx.pid') }) or die "nginx did not start\n";

sub key {
    my $c = start(chat('one'));
    my ($peer, $req) = $up->request(5) or return;
    $peer->write(answer(200, openai_chat('hi'), 'Connection' => 'close'));
    $peer->close;
    finish($c);
    return $req->{header}{authorization};
}

is(key(), 'Bearer sk-over-the-upgrade', 'before');

kill 'USR2', $old;
my $new = until_true(sub { my $pid = pid('nginx.pid'); $pid && $pid != $old && pid('nginx.pid.oldbin') && $pid });
ok($new, 'a new master');

kill 'QUIT', $old;
ok(until_true(sub { !kill 0, $old }), 'the old one has gone');
is(key(), 'Bearer sk-over-the-upgrade', 'the new one has the variable');

kill 'QUIT', $new if $new;
until_true(sub { !kill 0, $new });
