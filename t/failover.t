#!/usr/bin/perl

# enable_weighted_failover: a group's other deployments before other groups;
# routing groups that are called by their names; default_max_parallel_requests.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer chunked openai_chat openai_stream openai_error);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(45);
my $slow = $LiteLLM::Peer::slow;
my @yes = (stream => JSON::PP::true);

my @files = qw(without busy parallel);
$t->write_conf(server => join '', map { <<"END" } @files);
location /$_/ {
    litellm;
    litellm_config %%DIR%%/$_.yaml;
}
END
my $conf = $t->read_file('nginx.conf');
$t->write_file('nginx.conf', $conf =~ s/worker_processes 1;/worker_processes 4;/r);

sub real {
    my ($group, $id, $params) = @_;
    return "  - model_name: $group\n    litellm_params: {model: openai/gpt-4o, "
        . "api_base: 'http://127.0.0.1:%%PORT_8081%%/$id', api_key: k" . ($params ? ", $params" : '') . "}\n"
        . "    model_info: {id: $id}\n";
}
sub yaml {
    my ($name, $router, @models) = @_;
    $t->write_file_expand("$name.yaml", "model_list:\n" . join('', @models)
        . "router_settings: {num_retries: 0, disable_cooldowns: true, $router}\n");
}

my @five = map { real('w', "w$_") } 1 .. 5;
my @rest = (real('other', 'other'), real('share', 'share-a', 'weight: 1000000'), real('share', 'share-b', 'weight: 1'),
    real('share', 'share-c', 'weight: 3'), real('ord', 'ord-1a', 'order: 1'), real('ord', 'ord-1b', 'order: 1'),
    real('ord', 'ord-2a', 'order: 2'), real('ord', 'ord-2b', 'order: 2'));
my $fallbacks = 'fallbacks: [{w: [other]}], context_window_fallbacks: [{w: [share]}]';
yaml('litellm', <<'END' . "enable_weighted_failover: true, $fallbacks", @five, @rest,
routing_groups: [{group_name: tiers, models: [gold, silver, bronze, rest], routing_strategy: priority,
routing_strategy_args: {model_priorities: {gold: 1, silver: 1, bronze: 2}}},
{group_name: flat, models: [gold, bronze], routing_strategy: priority, model_priorities: {bronze: -5}}],
END
    real('gold', 'gold', 'weight: 1000'), real('silver', 'silver', 'weight: 1'), real('bronze', 'bronze'), real('rest', 'rest'));
yaml('without', $fallbacks, @five, @rest);
yaml('busy', "enable_weighted_failover: true, routing_strategy: least-busy, $fallbacks", @five, @rest);
yaml('parallel', 'default_max_parallel_requests: 2', real('p', 'p'), real('own', 'own', 'max_parallel_requests: 4'),
    real('rpm', 'rpm', 'rpm: 1000'));

my $up = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    my ($id) = $req->{uri} =~ m{^/([^/]+)};
    my $j = json_of($req->{body});
    my $how = $t->read_file("how-$id") || 'ok';
    sleep 1.5 * $slow if $how eq 'slow';
    return answer(400, openai_error("This model's maximum context length is 8 tokens", 'invalid_request_error',
        'context_length_exceeded')) if $how eq 'long';
    return answer($how, openai_error("no from $id", 'x', undef)) if $how =~ /^\d+$/;
    return chunked(openai_stream($id)) if $j->{stream};
    return answer(200, openai_chat($id));
});
$t->run;

sub how { my ($how, @ids) = @_; $t->write_file("how-$_", $how) for @ids }
sub ask { my ($file, $model, %more) = @_; return http(chat($model, ($file ? (uri => "/$file/v1/chat/completions") : ()), %more)) }
sub who { my $r = shift; my $j = json_of($r->{body}); return ref $j && $j->{choices} ? $j->{choices}[0]{message}{content} : "status $r->{status}" }
my $before = 0;
sub called { my @all = $up->raw_requests; my @new = @all[$before .. $#all]; $before = @all; return map { m{^POST /([^/]+)/} ? $1 : () } @new }
sub hits { my %n; $n{$_}++ for @_; return \%n }

# to each of the others once, then to other groups

my @w = map { "w$_" } 1 .. 5;
how(500, @w[0 .. 3]);
my @all = map { my $who = who(ask('', 'w')); [$who, called()] } 1 .. 12;
is(scalar(grep { $_->[0] eq 'w5' } @all), 12, 'the one that answers is found');
is(scalar(grep { my $n = hits(@{$_}[1 .. $#$_]); grep { $_ > 1 } values %$n } @all), 0, 'none is called twice');
cmp_ok(scalar(grep { @$_ > 3 } @all), '>', 0, 'some calls went on more than once');
is(texts(ask('', 'w', @yes)->{body}), 'w5', 'a stream');
called();

how(500, @w);
is(who(ask('', 'w')), 'other', 'all of them fail: the fallback');
my @called = called();
is(join(' ', sort @called[0 .. 4]) . " $called[5]", 'w1 w2 w3 w4 w5 other', 'all of them before it');
is(who(ask('', 'w', max_fallbacks => 2)), 'other', 'max_fallbacks bounds the steps');
@called = called();
is(scalar(@called), 4, 'one call, two steps, the fallback');
is($called[3], 'other', 'and that comes last');
my $r = ask('', 'w', disable_fallbacks => JSON::PP::true);
is($r->{status}, 500, 'disable_fallbacks');
is(scalar(called()), 1, 'disable_fallbacks: one call');
$r = ask('', 'w', max_fallbacks => 0);
is(scalar(called()), 1, 'max_fallbacks of 0: one call');
is(who(ask('', 'w', num_retries => 2)), 'other', 'retries first');
@called = called();
is(scalar(@called), 6, 'retries count as calls of the deployments');

# a request that every one would refuse

how('long', @w);
is(who(ask('', 'w')), 'share-a', 'the context window: its fallback');
is(scalar(grep { /^w/ } called()), 1, 'the context window: without failover');
how(400, @w);
is(who(ask('', 'w')), 'other', 'a bad request: the fallback, as LiteLLM has it');
is(scalar(grep { /^w/ } called()), 5, 'a bad request: with failover');

# without the setting, with another strategy

how(500, @w);
is(who(ask('without', 'w')), 'other', 'without the setting');
is(scalar(called()), 2, 'without the setting: one call each');
is(who(ask('busy', 'w')), 'other', 'another strategy');
is(scalar(called()), 2, 'another strategy: one call each');

# the weights of those that are left; 23.9 is the bound of chi-square at p = 1e-6

how(500, 'share-a');
my $n = hits(map { who(ask('', 'share')) } 1 .. 300);
my ($b, $c) = ($n->{'share-b'} // 0, $n->{'share-c'} // 0);
is($b + $c, 300, 'weights: the others answer');
cmp_ok(($b - 75) ** 2 / 75 + ($c - 225) ** 2 / 225, '<', 23.9, 'weights: theirs count') or diag explain $n;
cmp_ok(($b - 150) ** 2 / 150 + ($c - 150) ** 2 / 150, '>', 23.9, 'weights: equal shares would be seen');
called();

# levels of order

how(500, 'ord-1a', 'ord-1b', 'ord-2a');
is(who(ask('', 'ord')), 'ord-2b', 'order: the last one of the last level') for 1 .. 3;
@called = called();
cmp_ok(scalar(@called), '<=', 12, 'order: none twice');

# routing groups by their names

$n = hits(map { who(ask('', 'tiers')) } 1 .. 300);
is(join(' ', sort keys %$n), 'gold silver', 'priority: the first ones');
cmp_ok(($n->{gold} - 150) ** 2 / 150 * 2, '<', 23.9, 'priority: equal shares') or diag explain $n;
how(500, 'gold', 'silver');
is(who(ask('', 'tiers')), 'bronze', 'priority: the second one') for 1 .. 3;
how(500, 'bronze');
is(who(ask('', 'tiers')), 'rest', 'priority: one that has none is the last');
is(who(ask('', 'flat')), 'status 500', 'priority: all fail');
how('ok', 'bronze');
is(who(ask('', 'flat')), 'bronze', 'priority: beside the models, below 0');
is(who(ask('', 'gold')), 'status 500', 'priority: a model by its own name');
is(join(' ', grep { /tiers|flat/ } map { $_->{id} } @{json_of(http_get('/v1/models')->{body})->{data}}), 'tiers flat', 'priority: listed');
like($t->read_file('error.log'), qr/deployment "(?:gold|silver)" of "tiers" failed/, 'priority: the name in the log');

# default_max_parallel_requests, all workers together

how('slow', qw(p own rpm));
my @c = map { my $model = $_; map { [$model, start(chat($model, uri => '/parallel/v1/chat/completions'))] } 1 .. 8 } qw(p own rpm);
$n = hits(map { finish($_->[1], timeout => 15)->{status} == 200 ? $_->[0] : "no $_->[0]" } @c);
is_deeply($n, { p => 2, 'no p' => 6, own => 4, 'no own' => 4, rpm => 8 }, 'default_max_parallel_requests') or diag explain $n;

# what is wrong in a file

for my $case (['routing_groups: [{models: [w], routing_strategy: priority, model_priorities: {w: 1}}]', qr/needs a group_name/],
    ['routing_groups: [{group_name: g, models: [w], routing_strategy: priority}]', qr/needs "model_priorities"/],
    ['routing_groups: [{group_name: g, models: [w], routing_strategy: priority, model_priorities: {w: high}}]', qr/must be a whole number/],
    ['model_group_alias: {g: w}, routing_groups: [{group_name: g, models: [w], routing_strategy: priority, model_priorities: {w: 1}}]',
        qr/the routing group "g" can't be called/])
{
    yaml('litellm', $case->[0], @five);
    like(($t->test_conf)[1], $case->[1], "a wrong file: $case->[1]");
}
