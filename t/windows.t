#!/usr/bin/perl

# model_info.access_windows: at some time of the day a deployment is some teams'
# only.  Windows are made around now, so that one is open and another one is not.

use warnings;
use strict;

use POSIX qw(strftime tzset);
use Test::More;
use Time::Local qw(timegm);

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(41);

# four hours of it are left, and it began two hours ago: the test may take its time
sub clock { return strftime('%H:%M', gmtime(time + 3600 * $_[0])) }
# with summer time, as this system knows it
sub local_clock {
    local $ENV{TZ} = 'America/New_York';
    tzset();
    my $text = strftime('%H:%M', localtime(time + 3600 * $_[0]));
    delete $ENV{TZ};
    tzset();
    return $text;
}
my ($from, $to, $later, $end) = map { clock($_) } -2, 4, 6, 8;

$t->write_conf;
my $base = 'api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k';
sub window { my ($start, $end, $teams, $zone) = @_;
    return "{start: \"$start\", end: \"$end\", team_ids: [$teams]" . ($zone ? ", timezone: $zone" : '') . '}' }

my $yaml = <<END;
model_list:
  - model_name: mine
    litellm_params: {model: openai/mine, $base}
    model_info: {access_windows: [${\ window($from, $to, 'night')}]}
  - model_name: shared
    litellm_params: {model: openai/reserved, $base, order: 1}
    model_info: {id: reserved, access_windows: [${\ window($from, $to, 'night')}]}
  - model_name: shared
    litellm_params: {model: openai/free, $base, order: 2}
    model_info: {id: free}
  - model_name: over
    litellm_params: {model: openai/over, $base}
    model_info: {access_windows: [${\ window($later, $end, 'night')}]}
  - model_name: two
    litellm_params: {model: openai/two, $base}
    model_info: {access_windows: [${\ window($from, $to, 'night')}, ${\ window($from, $later, 'day')}]}
  - model_name: tokyo
    litellm_params: {model: openai/tokyo, $base}
    model_info: {access_windows: [${\ window(clock(-2 + 9), clock(4 + 9), 'night', 'Asia/Tokyo')}]}
  - model_name: new-york
    litellm_params: {model: openai/new-york, $base}
    model_info: {access_windows: [${\ window(local_clock(-2), local_clock(4), 'night', 'America/New_York')}]}
virtual_keys:
  - {key: sk-key-night, team_id: night}
  - {key: sk-key-day, team_id: day}
  - {key: sk-key-alone}
litellm_settings: {num_retries: 0}
END
$t->write_file_expand('litellm.yaml', $yaml);
my $mock = $t->mock(8081, sub { return answer(200, openai_chat('Hi')) });

my $zones = -e '/usr/share/zoneinfo/Asia/Tokyo' && -e '/usr/share/zoneinfo/America/New_York';
$t->write_file_expand('litellm.yaml', $yaml =~ s/Asia\/Tokyo|America\/New_York/UTC/gr) if !$zones;
$t->run;

sub ask { my ($key, $model) = @_; return http(chat($model, headers => [Authorization => "Bearer sk-key-$key"])) }
sub error { return (json_of($_[0]{body}) || {})->{error} || {} }

is(ask('night', 'mine')->{status}, 200, 'its team');
for my $who ('day', 'alone') {
    my $r = ask($who, 'mine');
    is($r->{status}, 400, "$who: refused");
    is(join(' ', map { $_ // 'null' } @{error($r)}{qw(type param code)}), 'invalid_request_error null 400', "$who: type, param, code");
    like(error($r)->{message}, qr/^litellm\.BadRequestError: Deployment mine is reserved for another team until $to UTC/,
        "$who: message");
}
sub who { my $key = shift; my %n; $n{ask($key, 'shared')->{header}{'x-litellm-model-id'} // ''}++ for 1 .. 10; return join ' ', sort keys %n }
is(who('night'), 'reserved', 'the team gets what is kept for it');
is(who($_), 'free', "$_: others get what is not") for 'day', 'alone';
is(ask($_, 'over')->{status}, 200, "at another time: $_") for 'day', 'night', 'alone';
is(join(' ', sort map { json_of($_->{body})->{model} =~ /reserved/ ? 'reserved' : () } $mock->requests), join(' ', ('reserved') x 10),
    'nobody else has called what is kept');
is(ask($_, 'two')->{status}, 200, "two windows: $_") for 'night', 'day';
is(ask('alone', 'two')->{status}, 400, 'two windows: nobody else');
like(error(ask('alone', 'two'))->{message}, qr/another team until $to UTC/, 'two windows: the first one is told');
SKIP: {
    skip 'no time zones', 4 if !$zones;
    is(ask('night', 'tokyo')->{status}, 200, 'a time zone: its team');
    like(error(ask('day', 'tokyo'))->{message} // '', qr/reserved for another team until ${\ clock(4 + 9)} Asia\/Tokyo/,
        'a time zone: others');
    is(ask('night', 'new-york')->{status}, 200, 'one with summer time: its team');
    is(ask('day', 'new-york')->{status}, 400, 'one with summer time: others');
}

# zones of the file are asked for one by one; the gateway's own stays what it was

sub seconds {
    my ($year, $month, $day, $hour, $minute, $second) = @_;
    return timegm($second, $minute, $hour, $day, $month - 1, $year);
}

# what is to be added to UTC, by the access log and by the error log
sub local_times {
    my ($lines, $errors) = (scalar(() = $t->read_file('access.log') =~ /\n/g), $t->log_size);
    ask('night', 'mine');
    $t->wait_access(qr/(?:.*\n){${\ ($lines + 1)}}/);
    my ($zone) = (split /\n/, $t->read_file('access.log'))[-1] =~ /:\d\d ([-+]\d{4})\]/;
    $t->signal('USR1');
    $t->wait_log(qr/reopening logs/, $errors);
    my $off = seconds($t->read_file('error.log') =~ /^(\d+)\/(\d+)\/(\d+) (\d+):(\d+):(\d+) [^\n]*\n\z/m) - time;
    return ($zone, sprintf '%+d', int($off / 1800 + ($off < 0 ? -0.5 : 0.5)));
}

for my $tz ('Asia/Kolkata', 'XYZ-7:30', '', undef) {
    my $name = defined $tz ? "TZ \"$tz\"" : 'no TZ';
    SKIP: {
        skip 'no time zones', 3 if !$zones || !-e '/usr/share/zoneinfo/Asia/Kolkata';
        $t->stop;
        my @old = $ENV{TZ};
        delete $ENV{TZ};
        tzset();
        my $is = !defined $tz ? strftime('%z', localtime) : { 'Asia/Kolkata' => '+0530', 'XYZ-7:30' => '+0730', '' => '+0000' }->{$tz};
        my ($sign, $hours, $minutes) = $is =~ /(.)(..)(..)/;
        my $halves = sprintf '%+d', "${sign}1" * int(($hours * 60 + $minutes) / 30);
        $t->run(env => defined $tz ? { TZ => $tz } : {});
        is(join(' ', local_times()), "$is $halves", "$name: local time");
        ok($t->reload, "$name: reload");
        is(join(' ', local_times()), "$is $halves", "$name: local time behind a reload");
        $ENV{TZ} = $old[0] if defined $old[0];
        tzset();
    }
}

# the file

for my $case (['x', 'access_windows'], ['[{start: "25:00", end: "06:00", team_ids: [a]}]', '"start" of'],
    ['[{start: "01:00", end: "01:00", team_ids: [a]}]', 'are the same'],
    ['[{start: "01:00", end: "02:00", team_ids: []}]', 'names no team'],
    ['[{start: "01:00", end: "02:00", team_ids: [a], timezone: Mars/Olympus}]', '"timezone" is no time zone'],
    ['[{start: "01:00", end: "02:00", team_ids: [a], timezone: ../../etc/passwd}]', '"timezone" is no time zone'],
    ['[{start: 22:00, end: 06:00, team_ids: [a], timezone: UTC}]', undef])
{
    my ($windows, $text) = @$case;
    $t->write_file_expand('litellm.yaml', "model_list:\n  - model_name: a\n    litellm_params: {model: openai/a, $base}\n"
        . "    model_info:\n      access_windows: $windows\n");
    my ($rc, $out) = $t->test_conf;
    like($out, $text ? qr/\[emerg\].*litellm\.yaml:5: .*$text/ : qr/test is successful/, "the file: $windows");
}
