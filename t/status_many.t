#!/usr/bin/perl

# The status page and the metrics of 5,000 deployments with long names: how much
# is told, how long others wait meanwhile, what becomes of it when the worker is
# to leave.  One worker.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer openai_chat openai_error);
use LiteLLM::Test;
use LiteLLM::Turns;

my $many = 5000;
my $slow = $LiteLLM::Peer::slow;
my $t = LiteLLM::Test->new->plan(15);

$t->write_conf(http => 'litellm_zone zone=z:32m; keepalive_requests 1000000;', server => <<'END');
location = /status { litellm_status; }
location = /scrape { litellm_metrics; }
location = /ping { return 200 pong; }
END

# a third of them is out at once: a name behind which nobody is
my $long = 'x' x 220;
$t->write_file_expand('litellm.yaml', "model_list:\n" . join('', map { my $group = 'group-' . int($_ / 3) . "-$long";
    "  - {model_name: $group, litellm_params: {model: openai/gpt-4o-$long, api_base: 'http://127.0.0.1:%%PORT_8081%%/$_/$long', "
    . "api_key: sk-secret}, model_info: {id: 'id-$_-$long'" . ($_ % 3 ? '' : ', cooldown_time: 600, '
    . 'allowed_fails_policy: {RateLimitErrorAllowedFails: 0}') . "}}\n" } 1 .. $many)
    . "litellm_settings: {num_retries: 0}\nrouter_settings: {routing_strategy: simple-shuffle}\n");
$t->mock(8081, sub {
    my ($peer, $req) = @_;
    my ($n) = $req->{uri} =~ /^\/(\d+)/;
    return $n % 3 ? answer(200, openai_chat('Hi')) : answer(429, openai_error('no'));
});
$t->run;

# some of them are called, and some cool down
http(chat("group-$_-$long")) for map { ($_) x 4 } 1 .. 60;

my $r = http_get('/status?format=json');
my $j = json_of($r->{body});
is("$j->{deployments}{total} $j->{groups}{total}", "$many 1667", 'all are counted');
cmp_ok($j->{deployments}{states}{cooldown}, '>', 20, 'some are out');
is(scalar(@{$j->{deployments}{list}}), $j->{deployments}{states}{cooldown} + 100, 'of those that are well a hundred are told');
cmp_ok(scalar(@{$j->{problems}}), '<=', 52, 'problems are bounded');

# 300 rows, in each five names that are cut at 200 bytes, an address, counters
my $size = length $r->{body};
cmp_ok($size, '<', 300 * 2500, 'JSON: bytes');
note("JSON: $size bytes");
$r = http_get('/status?format=json&search=id-4999');
is(json_of($r->{body})->{deployments}{found}, 1, 'a search finds one');
cmp_ok(length $r->{body}, '<', 60000, 'a search: bytes');

# How long others wait: requests for a word, one each few milliseconds, while one
# page follows the other, don't wait for a whole page.

sub quantile { my ($q, @times) = @_; return (sort { $a <=> $b } @times)[int $q * $#times] }

# ms of the worker's time on a processor
sub pings {
    my ($seconds) = @_;
    my $start = time();
    my $turns = LiteLLM::Turns->new($t->workers, LiteLLM::Peer->connect($t->port(8080)));
    my @times;
    while (time() - $start < $seconds || (@times < 20 && time() - $start < 20 * $slow)) {
        sleep 0.003;
        my $took = $turns->ask("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
        return () if ($turns->{answer}{body} // '') ne 'pong';
        push @times, $took if defined $took;
    }
    return @times;
}

sub page { my $start = time(); http_get($_[0]); return 1000 * (time() - $start) }

for my $path ('/status?format=json', '/scrape') {
    my $whole = quantile(0.5, map { page($path) } 1 .. 5);
    my $pid = $t->daemon(sub { my $end = time() + 60 * $slow; eval { http_get($path) } while time() < $end });
    # until it is at work
    sleep 0.05 until (http_get('/ping')->{body} // '') eq 'pong';
    my @times = pings(0.5 + 2 * $whole / 1000);
    kill 'KILL', $pid;
    waitpid $pid, 0;
    cmp_ok(scalar(@times), '>', 10, "$path: all have an answer");
    my $half = quantile(0.5, @times);
    my $most = quantile(0.95, @times);
    cmp_ok($most, '<', ($whole / 8 > 20 * $slow ? $whole / 8 : 20 * $slow), "$path: nobody waits long")
        or diag(sprintf 'whole %.1f ms, waits %.2f %.2f', $whole, $half, $most);
    note(sprintf '%s: %.1f ms; others wait %.2f ms, 95%% %.2f, at most %.2f', $path, $whole, $half, $most,
        quantile(1, @times));
}

# pages that are asked for, and a worker that is to leave: all are whole

my @c = map { start("GET $_ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") } ('/status?format=json') x 8, ('/scrape') x 8;
my $first = LiteLLM::Peer->connect($t->port(8080));
$first->write("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
finish($first);
$first->close;
ok($t->reload, 'a reload');
my @got = map { finish($_) } @c;
is(scalar(grep { $_->{status} == 200 } @got), 16, 'all are answered');
is(scalar(grep { json_of($_->{body}) } @got[0 .. 7]), 8, 'JSON: whole');
is(scalar(grep { $_->{body} =~ /litellm_ngx_metrics_overflow_total\{kind="limit"\} \d+\n\z/ } @got[8 .. 15]), 8, 'metrics: whole');
