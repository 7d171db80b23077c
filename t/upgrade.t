#!/usr/bin/perl

# A binary upgrade: nginx gives the new master only the variables that "env"
# names.  Those that the YAML reads are named by the module.  The state file is
# the new one's from when it has something to write: the old one, which counts
# what is still under way, does not write over it.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(15);
my $dir = $t->dir;
mkdir "$dir/state";
chmod 0777, "$dir/state";
$t->write_conf(http => "litellm_zone zone=z:1m state=$dir/state/file interval=100ms;\n");
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: one
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: os.environ/UPGRADE_SECRET}
    model_info: {input_cost_per_token: 0.001, output_cost_per_token: 0.001}
general_settings: {master_key: sk-master}
virtual_keys: [{key: sk-one, max_budget: 1000000}]
litellm_settings: {num_retries: 0}
END
my $up = $t->listener(8081);

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

# a request that costs 0.01
my @who = (headers => [Authorization => 'Bearer sk-one']);
sub begin {
    my $c = start(chat('one', @who));
    return ($c, $up->request(5));
}
sub end {
    my ($c, $peer) = @_;
    $peer->write(answer(200, openai_chat('hi'), 'Connection' => 'close'));
    $peer->close;
    return finish($c)->{status};
}
sub secret {
    my ($c, $peer, $req) = begin();
    end($c, $peer);
    return $req->{header}{authorization};
}
sub spend { return json_of(http_get('/key/info?key=sk-one', Authorization => 'Bearer sk-master')->{body})->{info}{spend} }
sub written { my $cents = shift; return until_true(sub { -s "$dir/state/file" && $t->read_file('state/file') =~ /"spend":${cents}0000000000\b/ }) }

is(secret(), 'Bearer sk-over-the-upgrade', 'before') for 1 .. 2;
ok(written(2), 'before: what was spent is in the file');
my @held = begin();

kill 'USR2', $old;
my $new = until_true(sub { my $pid = pid('nginx.pid'); $pid && $pid != $old && pid('nginx.pid.oldbin') && $pid });
ok($new, 'a new master');

# the old one stays for what is under way
kill 'QUIT', $old;
ok(until_true(sub { $t->read_file('error.log') =~ /gracefully shutting down/ }), 'the old workers leave');
is(secret(), 'Bearer sk-over-the-upgrade', 'the new one has the variable') for 1 .. 2;
ok(until_true(sub { spend() == 0.04 }), 'it counts on') or diag(spend());
ok(written(4), 'and writes the file');
is(end(@held), 200, 'what was under way is answered');

ok(until_true(sub { !kill 0, $old }), 'the old one has gone');
like($t->read_file('error.log'), qr/state file "[^"]+" is written by another nginx now/, 'and has left the file alone');
ok(written(4), 'which is as it was');
is(spend(), 0.04, 'so is what was spent');

kill 'QUIT', $new if $new;
until_true(sub { !kill 0, $new });
$t->run;
is(spend(), 0.04, 'over a restart');
