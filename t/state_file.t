#!/usr/bin/perl

# The state file: spend over a stop, a reload and a kill of all of nginx; a
# file that is damaged, of another version, cut, or not to be written; what
# "nginx -t" leaves alone.  Two workers.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(46);
my $dir = $t->dir;
my $slow = $ENV{TEST_NGINX_SLOW} || 1;

sub conf {
    my ($params, $more) = @_;
    my $conf = $t->write_conf(http => "litellm_zone zone=z:1m $params;\n" . ($more || ''))->read_file('nginx.conf');
    $conf =~ s/worker_processes 1;/worker_processes 2;/;
    $t->write_file('nginx.conf', $conf);
}

mkdir "$dir/state" or die;
chmod 0777, "$dir/state";
my $file = "$dir/state/litellm.state";

$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k, input_cost_per_token: "0.001", output_cost_per_token: "0.001"}
litellm_settings: {num_retries: 0}
general_settings: {master_key: sk-the-master-key}
virtual_keys:
  - {key: sk-one-of-the-keys, max_budget: 1000}
END
my $up = $t->listener(8081);

# what the key has spent behind a request, in the cost of one

my $cost;
sub spend {
    my (undef, $r) = exchange($up, chat('gpt', headers => ['Authorization' => 'Bearer sk-one-of-the-keys']),
        answer(200, openai_chat('hi')));
    my $spend = $r->{header}{'x-litellm-key-spend'};
    return "status $r->{status}: $r->{body}" if $r->{status} != 200 || !defined $spend;
    $cost ||= $r->{header}{'x-litellm-response-cost'};
    return $spend;
}

sub soon {
    my $code = shift;
    my $end = time + 10 * $slow;
    while (time < $end) { return 1 if $code->(); sleep 0.02 }
    return 0;
}

sub text { -e $_[0] or return ''; open my $in, '<', $_[0] or return ''; local $/; return scalar <$in> // '' }
sub saved { my ($spend) = text($file) =~ /"account":"api_key".*?"spend":(\d+)/; return $spend || 0 }
sub same { abs($_[0] - $_[1]) < 1e-9 }

# a digest of what is there of the key's spend, in money
sub money { sprintf '%.0f', $_[0] * 1e12 }

sub killed_all {
    my @all = ($t->{pid}, $t->workers);
    kill 'KILL', @all;
    waitpid $t->{pid}, 0;
    delete $t->{pid};
    soon(sub { !grep { kill 0, $_ } @all });
}

# --- parameters

for (['state=', qr/invalid state file/], ["state=$file interval=10ms", qr/invalid parameter "interval=10ms"/],
    ['interval=1s', qr/has an interval, but no state file/], ["state=$file state=$file", qr/invalid parameter "state=/],
    ['size=3', qr/invalid parameter "size=3"/])
{
    conf($_->[0]);
    my (undef, $text) = $t->test_conf;
    like($text, $_->[1], "refused: $_->[0]");
}

for (['sometimes', qr/invalid window "sometimes"/], ['fixed 10ms', qr/invalid time "10ms" of a window/], ['sliding 2d', qr/invalid time/]) {
    conf('', "litellm_limit_window $_->[0];");
    my (undef, $text) = $t->test_conf;
    like($text, $_->[1], "refused: litellm_limit_window $_->[0]");
}

# --- a stop in good order loses nothing

conf("state=$file interval=1h", 'litellm_limit_window sliding 10s;');
is(($t->test_conf)[0], 0, 'both are taken');
ok(!-e $file, 'a test of the configuration writes nothing');
$t->run;
ok(same(spend(), $cost), 'the first request');
spend();
$t->stop;
is(saved(), money(2 * $cost), 'written at the end');
is((stat $file)[2] & 07777, 0600, 'for its owner only');
unlike(text($file), qr/sk-one|sk-the/, 'no key in it');
ok(!-e "$file.tmp", 'nothing beside it');

# --- a cold start reads it, a reload keeps what is in the zone

conf("state=$file interval=100ms");
my $before = text($file);
is(($t->test_conf)[0], 0, 'tested with a file');
is(text($file), $before, 'a test of the configuration leaves the file alone');
$t->run;
ok(same(spend(), 3 * $cost), 'read at the start');
ok(soon(sub { saved() == money(3 * $cost) }), 'written in the background');

$t->reload;
ok(same(spend(), 4 * $cost), 'kept over a reload');
ok(soon(sub { saved() == money(4 * $cost) }), 'written by the new manager');

# --- kill -9 of the whole nginx loses no more than the interval

killed_all();
$t->run;
ok(same(spend(), 5 * $cost), 'read after a kill');

# many under way of being written, and killed at any time

ok(soon(sub { saved() == money(5 * $cost) }), 'written again');
my $n = 5;
for (1 .. 3) {
    my ($known, $spent) = (saved() / money($cost), $n + 5);
    spend() for 1 .. 5;
    killed_all();
    $t->run;
    $n = int(spend() / $cost + 0.5) - 1;
    fail("killed: $n of $known to $spent") if $n < $known || $n > $spent;
    $n++;
}
pass('killed at any time');
$t->stop;
$n = int(saved() / money($cost) + 0.5);

# --- damage: what was before it is used, the file is set aside, in one line

sub damaged {
    my ($what, $change, $why, $want) = @_;
    my $text = $change->(text($file));
    open my $out, '>', $file or die; print $out $text; close $out;
    $t->test_conf;
    ok(!-e "$file.bad", "$what: a test of the configuration leaves it");
    my $at = $t->log_size;
    $t->run;
    my $log = substr($t->read_file('error.log'), $at);
    like($log, qr/state file "\Q$file\E": $why/, "$what: said");
    is(text("$file.bad"), $text, "$what: set aside");
    my $spend = spend();
    ok(same($spend, $want * $cost), "$what: what is used") or diag "$spend, $want of $cost";
    $t->stop;
    unlink "$file.bad";
}

damaged('a wrong sum', sub { my $s = shift; $s =~ s/"crc32":\d/"crc32":1/; $s =~ s/"end":\d+/"end":99/; $s },
    'a wrong checksum in line \d+; it is kept', $n + 1);
damaged('another version', sub { my $s = shift; $s =~ s/"litellm_state":1/"litellm_state":7/; $s },
    'it is of another version in line 1', 1);
damaged('a cut file', sub { substr $_[0], 0, -9 }, 'a line is cut in line \d+; it is kept', 2);
damaged('no state at all', sub { "\0\1\2 not a state\n" x 100 }, 'damage in line 1', 1);

# --- a file that can't be written: said once, tried again

mkdir "$file.tmp" or die;
my $at = $t->log_size;
$t->run;
spend();
ok($t->wait_log(qr/could not be opened: it is tried again/, $at), 'not to be written');
sleep 0.4;
is(scalar(() = substr($t->read_file('error.log'), $at) =~ /is tried again/g), 1, 'said once');
rmdir "$file.tmp" or die;
ok($t->wait_log(qr/is written again/, $at), 'written again');

# --- another nginx has read it since: it is left to that one

$before = text($file);
$at = $t->log_size;
(my $others = $before) =~ s/"epoch":\d+,"pid":\d+/"epoch":4000,"pid":$$/;
open my $out, '>', "$file.new" or die; print $out $others; close $out;
rename "$file.new", $file or die;
spend();
ok($t->wait_log(qr/is written by another nginx now/, $at), 'two of them: the one that began last writes');
is(text($file), $others, 'two of them: left alone');
$t->stop;
is(text($file), $others, 'two of them: left alone at the end');
