#!/usr/bin/perl

# Limits and spend of two gateways of two workers each that share a Redis:
# within a bound, or exactly; how they log in; what happens when it is not
# there; that what was counted alone is told when it is back; and a Redis that
# lies.

use warnings;
use strict;

use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Redis;
use LiteLLM::Test;

my $slow = $LiteLLM::Peer::slow;

plan(skip_all => 'no redis-server') unless LiteLLM::Redis->has;

my $b = LiteLLM::Test->new;
my $a = LiteLLM::Test->new->plan(42);
my @gates = ($a, $b);

my $redis = LiteLLM::Redis->start($a, port => $a->free_port, args => ['--requirepass', 'pass word']);
$redis->{password} = 'pass word';

$a->mock(8081, sub { return answer(200, openai_chat('hello')) });
my $provider = $a->port(8081);

my $yaml = <<END;
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:$provider/v1", api_key: k}
    model_info: {input_cost_per_token: 0.001, output_cost_per_token: 0.001}
general_settings:
  master_key: sk-master-of-both
router_settings: {num_retries: 0}
virtual_keys:
  - {key: sk-rpm, rpm_limit: 20}
  - {key: sk-tpm, tpm_limit: 400}
  - {key: sk-money, max_budget: 100}
  - {key: sk-free}
  - {key: sk-back, rpm_limit: 30}
  - {key: sk-par, max_parallel_requests: 2}
  - {key: sk-dead, rpm_limit: 5}
  - {key: sk-poor, max_budget: 0.2}
END

sub configure {
    my ($http, $more) = @_;
    for my $g (@gates) {
        my $conf = $g->write_conf(http => "litellm_zone zone=z:1m;\n$http\n")->read_file('nginx.conf');
        $conf =~ s/worker_processes 1;/worker_processes 2;/;
        $g->write_file('nginx.conf', $conf);
        $g->write_file('litellm.yaml', $yaml . ($more // ''));
    }
}

sub begin { $_->run(@_) for @gates }
sub over { $_->stop for @gates }

sub ask {
    my ($g, $key) = @_;
    return http(chat('gpt', max_tokens => 20, headers => [Authorization => "Bearer $key"]),
        port => $g->port(8080));
}

# how many of n requests, in turn at each gateway, are let in
sub let_in {
    my ($key, $n) = @_;
    my %status;
    $status{ask($gates[$_ % 2], $key)->{status}}++ for 0 .. $n - 1;
    return \%status;
}

# n requests at once at each gateway
sub at_once {
    my ($key, $n) = @_;
    my @open;
    my $body = json_text({ model => 'gpt', max_tokens => 20,
        messages => [{ role => 'user', content => 'hi' }] });
    for my $i (1 .. $n) {
        for my $g (@gates) {
            my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $g->port(8080)) or next;
            print $s "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                . "Authorization: Bearer $key\r\nContent-Type: application/json\r\nContent-Length: "
                . length($body) . "\r\n\r\n$body";
            $s->flush;
            push @open, $s;
        }
    }
    my %status;
    for my $s (@open) {
        local $/;
        my $text = <$s> // '';
        $status{$text =~ m!^HTTP/1\.1 (\d+)! ? $1 : 'none'}++;
    }
    return \%status;
}

# a field of a gateway in an account: (version window requests tokens inflight reserved spend end time)
sub fields {
    my ($scope, $name) = @_;
    my $all = $redis->do('HGETALL', "{litellm}:$scope:$name");
    my %h = @$all;
    delete @h{qw(w p)};
    return map { [split / /] } values %h;
}

sub hash_of { require Digest::SHA; return Digest::SHA::sha256_hex($_[0]) }

sub sum_of {
    my ($key, $i) = @_;
    my $n = 0;
    $n += $_->[$i] for fields('api_key', hash_of($key));
    return $n;
}

sub wait_for {
    my ($what, $seconds) = @_;
    my $end = time() + ($seconds || 10) * $slow;
    while (time() < $end) {
        return 1 if eval { $what->() };
        sleep 0.02;
    }
    return 0;
}

sub remaining { return ask(@_)->{headers}{'x-ratelimit-api_key-remaining-requests'} }


# --- exact: never over, whoever asks where

my $address = 'redis://:pass%20word@127.0.0.1:' . $redis->port;

configure("litellm_redis $address/2;\nlitellm_redis_limits exact;");
begin();

# the leader of each has its name
ok(wait_for(sub { ask($a, 'sk-free')->{status} == 200
    && ask($b, 'sk-free')->{status} == 200
    && grep { /name=nginx-litellm/ } $redis->do('CLIENT', 'LIST') }), 'connected');
like($redis->do('CLIENT', 'LIST'), qr/name=nginx-litellm .*db=2 /, 'name and database');

$redis->{db} = 2;
my $got = let_in('sk-rpm', 30);
is($got->{200}, 20, 'requests of both gateways');
is($got->{429}, 10, 'the rest is refused');

my $r = ask($b, 'sk-rpm');
like($r->{body}, qr/Rate limit exceeded for api_key: \w+\. Limit type: requests\. Current limit: 20, Remaining: 0/,
    'text of the refusal');

$got = at_once('sk-tpm', 10);
ok($got->{200} >= 1 && $got->{200} * 11 <= 400, 'tokens are not over');
is(join(' ', sort grep { $_ !~ /^(?:200|429)$/ } keys %$got), '', 'every one is answered');

$got = at_once('sk-back', 40);
is($got->{200}, 30, 'exactly so many of 80 at once');

$got = at_once('sk-poor', 20);
ok($got->{200} >= 1, 'budget: some are let in');
is($got->{200} + ($got->{422} || 0), 40, 'budget: the others are not');
over();
