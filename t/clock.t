#!/usr/bin/perl

# A wall clock that is set forwards and backwards: windows of limits do not
# notice; budgets begin anew at the midnights, Mondays and firsts of months that
# the clock shows, and after a step backwards no period is longer than one.
#
# The clock is a small library, made here and loaded before libc, that adds what
# a file says to the time of day; the monotonic clock is left alone, as it is
# when a machine's clock is set.

use warnings;
use strict;

use Test::More;
use Time::Local qw(timegm);

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new;
my $dir = $t->dir;

$t->write_file('clock.c', <<'END');
#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long long *offset;

__attribute__((constructor)) static void begin(void)
{
    int          fd = open(getenv("TEST_CLOCK"), O_RDONLY);
    void        *p;

    p = mmap(NULL, sizeof(long long), PROT_READ, MAP_SHARED, fd, 0);
    offset = (p == MAP_FAILED) ? NULL : p;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    int  rc = syscall(SYS_clock_gettime, id, ts);

    if (rc == 0 && offset && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        ts->tv_sec += *offset;
    }
    return rc;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec  ts;
    int              rc = clock_gettime(CLOCK_REALTIME, &ts);

    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return rc;
}

time_t time(time_t *t)
{
    struct timespec  ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    if (t) {
        *t = ts.tv_sec;
    }
    return ts.tv_sec;
}
END
plan(skip_all => 'no C compiler') if system("cc -shared -fPIC -o $dir/clock.so $dir/clock.c >$dir/cc.log 2>&1") != 0;

$t->plan(40);

# sets nginx's clock to that time (UTC) from now on
sub clock_is {
    my $offset = timegm(@_) - time;
    open my $f, '+<', "$dir/offset" or die "offset: $!";
    syswrite $f, pack 'q', $offset;
    close $f;
}
$t->write_file('offset', pack 'q', 0);
clock_is(0, 0, 12, 10, 0, 2030);        # Thursday, January 10, 2030

my %key = map { $_ => "sk-clock-key-$_" } qw(rpm day week month hour expires);
$t->write_conf(http => "litellm_zone zone=z:1m;\n");
$t->write_file_expand('litellm.yaml', <<"END");
model_list:
  - model_name: gpt
    litellm_params: {model: openai/acme, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k, input_cost_per_token: 0.000001, output_cost_per_token: 0.000001}
  - model_name: held
    litellm_params: {model: openai/acme, api_base: "http://127.0.0.1:%%PORT_8082%%/v1", api_key: k, input_cost_per_token: 0.000001, output_cost_per_token: 0.000001}
litellm_settings: {num_retries: 0}
virtual_keys:
  - {key: $key{rpm}, rpm_limit: 2}
  - {key: $key{day}, max_budget: 0.00004, budget_duration: 1d}
  - {key: $key{week}, max_budget: 0.00005, budget_duration: 7d}
  - {key: $key{month}, max_budget: 0.00005, budget_duration: 1mo}
  - {key: $key{hour}, max_budget: 0.00005, budget_duration: 1h}
  - {key: $key{expires}, expires: "2030-01-12T00:00:00Z"}
END
$t->mock(8081, sub { answer(200, openai_chat('hi')) });
my $up = $t->listener(8082);
$t->run(env => { LD_PRELOAD => "$dir/clock.so", TEST_CLOCK => "$dir/offset" });

sub ask { return http(chat('gpt', max_tokens => 1, headers => [Authorization => "Bearer $key{$_[0]}"])) }
sub spend {
    my $r = ask($_[0]);
    return $r->{header}{'x-litellm-key-spend'} // $r->{status};
}

like(ask('rpm')->{header}{date} // '', qr/, 10 Jan 2030 12:0/, 'the clock is ours');
is(ask('rpm')->{status}, 200, 'rpm: the second');
my $r = ask('rpm');
is($r->{status}, 429, 'rpm: the third');
like($r->{header}{reset_at}, qr/^2030-01-10 12:0/, 'rpm: when, by the clock');

my $wait = $r->{header}{'retry-after'};
clock_is(0, 0, 12, 11, 0, 2031);
$r = ask('rpm');
is($r->{status}, 429, 'rpm: a year forwards changes nothing');
cmp_ok($r->{header}{'retry-after'}, '<=', $wait, 'rpm: how long');
like($r->{header}{reset_at}, qr/^2031-01-11 12:0/, 'rpm: by the new clock');
clock_is(0, 0, 12, 10, 0, 2020);
$r = ask('rpm');
is($r->{status}, 429, 'rpm: ten years backwards neither');
cmp_ok($r->{header}{'retry-after'}, '<=', $wait, 'rpm: nobody is locked out');

# midnight

clock_is(0, 0, 12, 10, 0, 2030);
is(spend('day'), '0.00001', 'a day: first');
is(spend('day'), '0.00002', 'a day: second');
is(spend('day'), '0.00003', 'a day: third');
is(spend('day'), 422, 'a day: spent');
clock_is(0, 50, 23, 10, 0, 2030);
is(spend('day'), 422, 'a day: before midnight');
clock_is(1, 0, 0, 11, 0, 2030);
is(spend('day'), '0.00001', 'a day: behind midnight');
clock_is(1, 0, 12, 11, 0, 2035);
is(spend('day'), '0.00001', 'a day: years later');
clock_is(0, 0, 12, 11, 0, 2030);
is(spend('day'), '0.00002', 'a day: set back: the period goes on');
spend('day') for 1, 2;
is(spend('day'), 422, 'a day: set back: and is held to');
clock_is(1, 0, 0, 12, 0, 2030);
is(spend('day'), '0.00001', 'a day: set back: until the next midnight');

# Monday, and the first

clock_is(0, 0, 12, 10, 0, 2030);
is(spend('week'), '0.00001', 'a week: begins');
clock_is(59, 59, 20, 13, 0, 2030);
is(spend('week'), '0.00002', 'a week: Sunday');
clock_is(1, 0, 0, 14, 0, 2030);
is(spend('week'), '0.00001', 'a week: Monday');
is(spend('month'), '0.00001', 'a month: begins');
clock_is(0, 0, 12, 31, 0, 2030);
is(spend('month'), '0.00002', 'a month: its last day');
clock_is(1, 0, 0, 1, 1, 2030);
is(spend('month'), '0.00001', 'a month: the first of the next');
clock_is(0, 0, 12, 29, 1, 2032);
is(spend('month'), '0.00001', 'a month: a leap day');
clock_is(1, 0, 0, 1, 2, 2032);
is(spend('month'), '0.00001', 'a month: behind it');

# from the first request on

clock_is(0, 30, 12, 10, 0, 2030);
is(spend('hour'), '0.00001', 'an hour: begins');
clock_is(0, 20, 13, 10, 0, 2030);
is(spend('hour'), '0.00002', 'an hour: goes on');
clock_is(5, 30, 13, 10, 0, 2030);
is(spend('hour'), '0.00001', 'an hour: is over');
clock_is(0, 0, 3, 10, 0, 2030);
is(spend('hour'), '0.00002', 'an hour: set back');
clock_is(5, 0, 4, 10, 0, 2030);
is(spend('hour'), '0.00001', 'an hour: set back: not longer than one');

# what a key's end is

clock_is(0, 0, 12, 11, 0, 2030);
is(ask('expires')->{status}, 200, 'a key: before it expires');
clock_is(1, 0, 0, 12, 0, 2030);
is(ask('expires')->{status}, 401, 'a key: expired');
clock_is(0, 0, 12, 11, 0, 2030);
is(ask('expires')->{status}, 200, 'a key: set back');

# a request that is under way at midnight is paid on the day that it ends

clock_is(0, 50, 23, 20, 0, 2030);
is(spend('day'), '0.00001', 'under way: a day');
my $c = start(chat('held', max_tokens => 1, headers => [Authorization => "Bearer $key{day}"]));
my ($peer) = $up->request;
is(spend('day'), 422, 'under way: what it may cost is reserved');
clock_is(1, 0, 0, 21, 0, 2030);
is(spend('day'), '0.00001', 'under way: another day');
$peer->write(answer(200, openai_chat('hi')));
is(finish($c)->{header}{'x-litellm-key-spend'}, '0.00002', 'under way: paid there');
is(spend('day'), '0.00003', 'under way: nothing stays reserved');
