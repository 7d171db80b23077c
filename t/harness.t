#!/usr/bin/perl

# Negative controls of the test library: each of its guards must be able to
# fail, or the other files would prove nothing.

use warnings;
use strict;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(26);
my $here = dirname(abs_path(__FILE__));
my $n = 0;

# a test file with this code, run by run.pl: (its last line, all it said)
sub result {
    my ($code) = @_;
    my $name = 'control' . $n++ . '.t';
    $t->write_file($name, "use warnings; use strict; use Test::More; use LiteLLM::Test;\n"
        . "my \$t = LiteLLM::Test->new->plan(1); \$t->write_conf; \$t->write_yaml;\n$code");
    local $ENV{TMPDIR} = $t->{dir};
    my $out = `$^X '$here/run.pl' --label control '$t->{dir}/$name' 2>&1`;
    return ((split /\n/, $out)[-1], $out);
}

my ($last, $out) = result('$t->run; ok(1);');
is($last, 'control: 3 passed, 0 failed', 'a good file') or diag($out);

($last) = result('$t->run; ok(0);');
is($last, 'control: 2 passed, 1 failed', 'a failed check');

($last) = result('$t->run;');
like($last, qr/, [1-9]\d* failed$/, 'a check that was planned but not made');

($last) = result('$t->run; ok(1); die "in the middle";');
like($last, qr/, [1-9]\d* failed$/, 'a file that dies');

($last) = result('ok(1); kill 9, $$;');
like($last, qr/, [1-9]\d* failed$/, 'a file that is killed');

($last) = result('$t->write_file("nginx.conf", "nonsense;"); $t->run; ok(1);');
like($last, qr/, [1-9]\d* failed$/, 'an nginx that does not start');

for my $level ('alert', 'crit', 'emerg') {
    ($last, $out) = result("\$t->run; ok(1); \$t->stop; open my \$f, '>>', \$t->dir . '/error.log'; "
        . "print \$f \"2026/01/01 00:00:00 [$level] 1#1: planted\\n\"; close \$f;");
    is($last, 'control: 2 passed, 1 failed', "a line at $level in error.log");
}
($last) = result("\$t->allow_log(qr/planted/); \$t->run; ok(1); \$t->stop; open my \$f, '>>', \$t->dir . '/error.log'; "
    . "print \$f \"2026/01/01 00:00:00 [crit] 1#1: planted\\n\"; close \$f;");
is($last, 'control: 3 passed, 0 failed', 'one that is allowed');

for my $report ('==1==ERROR: AddressSanitizer: heap-use-after-free', 'x.c:1:2: runtime error: shift') {
    ($last) = result("\$t->run; ok(1); \$t->stop; open my \$f, '>>', \$t->dir . '/stderr.log'; "
        . "print \$f \"$report\\n\"; close \$f;");
    is($last, 'control: 2 passed, 1 failed', "a report: $report");
}

($last, $out) = result('$t->run; my ($w) = $t->workers; kill "SEGV", $w; '
    . 'ok($t->wait_log(qr/worker process \d+ exited (on signal|with code)/));');
like($last, qr/, [12] failed$/, 'a worker that crashes') or diag($out);

# a reload is over when the last of the old workers has left

($last, $out) = result('$t->write_file("nginx.conf", $t->read_file("nginx.conf") =~ s/worker_processes 1;/worker_processes 3;/r); '
    . '$t->run; my @w = $t->workers; kill "STOP", $w[1]; '
    . '$t->daemon(sub { $t->wait_log(qr/gracefully shutting down/); select undef, undef, undef, 0.5; kill "CONT", $w[1] }); '
    . '$t->reload; my $n = () = $t->read_file("error.log") =~ /gracefully shutting down/g; is($n, 3);');
is($last, 'control: 3 passed, 0 failed', 'a reload waits for all old workers') or diag($out);

# workers are there when it runs; who was told to leave is not meant by those that serve

($last, $out) = result('$t->write_file("nginx.conf", $t->read_file("nginx.conf") =~ s/worker_processes 1;/worker_processes 8;/r); '
    . '$t->run; my @w = $t->workers; open my $f, ">>", $t->dir . "/error.log"; '
    . 'print $f "2026/01/01 00:00:00 [notice] $w[2]#$w[2]: gracefully shutting down\n"; close $f; '
    . 'is(@w . " " . join(" ", $t->serving), join(" ", 8, @w[0, 1, 3 .. 7]));');
is($last, 'control: 3 passed, 0 failed', 'all workers, and those that serve') or diag($out);

# a line of a log that is half written is none yet; other files are read as they are

$t->write_file($_, "whole\nhal") for 'half.log', 'half.txt';
is($t->read_file('half.log'), "whole\n", 'a log is read by whole lines');
is($t->read_file('half.txt'), "whole\nhal", 'another file to its end');

# a program that is not there

$t->write_file('absent.t', "use LiteLLM::Test; my \$t = LiteLLM::Test->new->has('program no-such-program')->plan(1); \$t->run;");
my $absent = "TMPDIR='$t->{dir}' $^X '$here/run.pl' --label control '$t->{dir}/absent.t' 2>&1";
$out = `$absent`;
is((split /\n/, $out)[-1], 'control: 0 passed, 1 failed', 'a program that is not there is a failure') or diag($out);
like($out, qr/no-such-program is not there: .\/build\.sh test installs it/, 'which tells what to do');
$out = `TEST_NGINX_SKIP=1 $absent`;
is((split /\n/, $out)[-1], 'control: 0 passed, 0 failed', 'or passed over, if it is to be') or diag($out);

# the mocks keep what they got, byte for byte

my $mock = $t->mock(8081, sub { answer(200, openai_chat("number $_[2]")) });
my $raw = "POST /x HTTP/1.1\r\nHost: a\r\nX-Odd:   spaces \r\nContent-Length: 5\r\n\r\na\0b\r\n";
my $c = start($raw, port => $t->port(8081));
like(finish($c)->{body}, qr/number 1/, 'a mock answers');
$c->write($raw);
like(finish($c)->{body}, qr/number 2/, 'and again on its connection');
$c->close;
is(join('', $mock->raw_requests), $raw x 2, 'it keeps what it got');

my $up = $t->listener(8082);
$c = start($raw, port => $t->port(8082));
my ($peer, $req) = $up->request;
is($req->{body}, "a\0b\r\n", 'a listener reads a request');
$peer->reset;
ok($c->closed(2), 'a reset');
is($c->{eof}, 'reset', 'is told from an end');
