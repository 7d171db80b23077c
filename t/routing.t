#!/usr/bin/perl

# Which deployment of a group is called: by each strategy, by tags, for a
# session, for a prompt that is too long for some, within limits that four
# workers share.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer chunked openai_chat openai_chunk openai_stream openai_error sse);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(65);
my $slow = $LiteLLM::Peer::slow;
my @yes = (stream => JSON::PP::true);

my @files = qw(busy latency usage cost tags all check key prompt);
$t->write_conf(server => join '', map { <<"END" } @files);
location /$_/ {
    litellm;
    litellm_config %%DIR%%/$_.yaml;
}
END
my $conf = $t->read_file('nginx.conf');
$t->write_file('nginx.conf', $conf =~ s/worker_processes 1;/worker_processes 4;/r);

# a deployment answers with its id: by itself, or by the mock provider
sub own {
    my ($group, $id, $params, $info) = @_;
    return "  - model_name: '$group'\n    litellm_params: {model: openai/gpt-4o, mock_response: $id"
        . ($params ? ", $params" : '') . "}\n    model_info: {id: $id" . ($info ? ", $info" : '') . "}\n";
}
sub real {
    my ($group, $id, $params, $info) = @_;
    return "  - model_name: '$group'\n    litellm_params: {model: openai/gpt-4o, "
        . "api_base: 'http://127.0.0.1:%%PORT_8081%%/$id', api_key: k" . ($params ? ", $params" : '') . "}\n"
        . "    model_info: {id: $id" . ($info ? ", $info" : '') . "}\n";
}
sub yaml {
    my ($name, $router, @models) = @_;
    my $more = "litellm_settings: {num_retries: 0}\n";
    $more = pop @models if $models[-1] =~ /^litellm_settings/;
    $t->write_file_expand("$name.yaml", "model_list:\n" . join('', @models) . "router_settings: {$router}\n$more");
}

yaml('litellm', 'model_group_alias: {both: [left, right]}, routing_groups: [{group_name: g, models: [cheap], routing_strategy: least-cost}]',
    own('w', 'w1', 'weight: 1'), own('w', 'w2', 'weight: 2.5'), own('w', 'w5', 'weight: 5'), own('w', 'w0', 'weight: 0'),
    own('r', 'r1', 'rpm: 10000'), own('r', 'r3', 'rpm: 30000'),
    own('lim', 'lim-a', 'rpm: 2'), own('lim', 'lim-b', 'rpm: 3'),
    own('one', 'one', 'rpm: 1'),
    own('ord', 'ord-2', 'order: 2'), own('ord', 'ord-1', 'order: 1, rpm: 3'), own('ord', 'ord-last'),
    (map { own('s', "s$_") } 1 .. 4),
    real('moves', 'moves-a'), real('moves', 'moves-b'), real('moves', 'moves-c'),
    own('left', 'left'), real('right', 'right'),
    own('cheap', 'dear-1', 'input_cost_per_token: 2e-6'), own('cheap', 'cheap-1', 'input_cost_per_token: 1e-6'));
yaml('busy', 'routing_strategy: least-busy', map { real('b', "slow-$_") } 1 .. 3);
yaml('latency', 'routing_strategy: latency-based, routing_strategy_args: {lowest_latency_buffer: 0.1}',
    real('l', 'late-1'), real('l', 'fast-1'), real('f', 'late-2'), real('f', 'fast-2'));
yaml('usage', 'routing_strategy: usage-based-routing-v2', real('u', 'many-1'), real('u', 'few-1'),
    own('once', 'once-a', 'rpm: 1'), own('once', 'once-b', 'rpm: 1'), own('tok', 'tok', 'tpm: 60'));
yaml('cost', 'routing_strategy: least-cost', own('c', 'unknown'),
    own('c', 'middle', '', 'input_cost_per_token: 3e-7, output_cost_per_token: 0.000001'),
    own('c', 'low', 'input_cost_per_token: "2e-7", output_cost_per_token: 0.000001, rpm: 4'),
    own('c', 'high', 'input_cost_per_token: 0.01'));
my @tagged = (own('t', 'free', 'tags: [free]'), own('t', 'paid', 'tags: [paid, eu]'), own('t', 'plain', 'tags: [default]'),
    own('nodef', 'nodef-a', 'tags: [a]'), own('nodef', 'nodef-b'),
    own('open', 'open-a', 'tags: [a]', 'allow_fail_open: true'),
    own('off', 'off-a', 'tags: [a]', 'enable_tag_filtering: false'));
yaml('tags', 'enable_tag_filtering: true', @tagged);
yaml('all', 'enable_tag_filtering: true, tag_filtering_match_any: false, disable_cooldowns: true', @tagged,
    real('twice', 'twice-a'), real('twice', 'twice-b'));
yaml('check', 'enable_pre_call_checks: true, context_window_fallbacks: [{x: [big]}]',
    own('k', 'small', '', 'max_input_tokens: 100'), own('k', 'large', '', 'max_input_tokens: 1000'),
    own('x', 'tiny', '', 'max_input_tokens: 50'), own('big', 'big'));
yaml('key', 'optional_pre_call_checks: [deployment_affinity]', map { own('d', "d$_") } 1 .. 4);
yaml('prompt', 'optional_pre_call_checks: [prompt_caching]', map { own('p', "p$_") } 1 .. 4);

my %usage = (many => 5000, few => 10);
my $up = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    my ($id) = $req->{uri} =~ m{^/([^/]+)};
    my $j = json_of($req->{body});
    return answer(429, openai_error('slow down', 'x', undef), 'Retry-After' => 30) if -e $t->dir . "/down-$id";
    sleep 0.5 * $slow if $id =~ /^late/;
    if ($id =~ /^slow/) {
        for (1 .. 1000) { last if !-e $t->dir . '/held'; sleep 0.02 }
    }
    return chunked(openai_stream($id)) if $j->{stream};
    my $n = $usage{$id =~ /^(\w+)-/ ? $1 : ''} // 1;
    return answer(200, openai_chat($id, usage => { prompt_tokens => 1, completion_tokens => $n, total_tokens => $n + 1 }));
});
$t->run;

sub ask { my ($file, $model, %more) = @_; return http(chat($model, ($file ? (uri => "/$file/v1/chat/completions") : ()), %more)) }
sub who { my $r = shift; my $j = json_of($r->{body}); return ref $j && $j->{choices} ? $j->{choices}[0]{message}{content} : "status $r->{status}" }
sub hits { my %n; $n{$_}++ for @_; return \%n }
sub times_ { my ($n, @ask) = @_; return hits(map { who(ask(@ask)) } 1 .. $n) }
sub chi_square {
    my ($n, %share) = @_;
    my ($sum, $all, $x) = (0, 0, 0);
    $sum += $_ for values %share;
    $all += $_ for values %$n;
    $x += (($n->{$_} || 0) - $all * $share{$_} / $sum) ** 2 / ($all * $share{$_} / $sum) for keys %share;
    return $x;
}

# weights; 27.6 and 23.9 are the bounds of chi-square at p = 1e-6

my $n = times_(2000, '', 'w');
cmp_ok(chi_square($n, w1 => 1, w2 => 2.5, w5 => 5), '<', 27.6, 'weights: shares of 2,000') or diag explain $n;
cmp_ok(chi_square($n, w1 => 1, w2 => 2.5, w5 => 10), '>', 27.6, 'weights: other shares would be seen');
is($n->{w0}, undef, 'weights: 0 is none');
$n = times_(500, '', 'r');
cmp_ok(chi_square($n, r1 => 1, r3 => 3), '<', 23.9, 'rpm as a weight');

# limits: all workers together, to the last place

minute(5);
my @c = map { start(chat('lim')) } 1 .. 40;
$n = hits(map { who(finish($_)) } @c);
is_deeply($n, { 'lim-a' => 2, 'lim-b' => 3, 'status 429' => 35 }, 'rpm of 2 and 3: five of 40 at once') or diag explain $n;
my $r = ask('', 'lim');
my $e = json_of($r->{body})->{error};
like($e->{message}, qr/^No deployments available for selected model, Try again in \d+ seconds\. Passed model=lim\. pre-call-checks=False, cooldown_list=\[\]/, 'no place left: the text');
is($e->{type}, 'rate_limit_error', 'no place left: type');
cmp_ok($r->{header}{'retry-after'}, '<=', 60, 'no place left: Retry-After');
is_deeply(times_(3, '', 'one'), { one => 1, 'status 429' => 2 }, 'rpm of 1 is one');

# order

minute(5);
is_deeply(times_(6, '', 'ord'), { 'ord-1' => 3, 'ord-2' => 3 }, 'order: the next level when the first has no place');

# sessions

sub session { my ($id, @more) = @_; return (headers => ['x-litellm-session-id' => $id, @more]) }
my %home;
for my $s (1 .. 20) {
    my $n = times_(5, '', 's', session("session $s"));
    $home{(keys %$n)[0]}++ if keys %$n == 1;
}
is(eval { my $sum = 0; $sum += $_ for values %home; $sum }, 20, 'session: one deployment each');
cmp_ok(scalar keys %home, '>=', 3, 'session: not the same for all');
my $same = who(ask('', 's', session('xyz')));
is(who(ask('', 's', metadata => { session_id => 'xyz' })), $same, 'session: metadata');
is(who(ask('', 's', litellm_session_id => 'xyz')), $same, 'session: litellm_session_id');
$n = hits(map { who(ask('', 's', session('xyz', Authorization => "Bearer key $_"))) } 1 .. 20);
cmp_ok(scalar keys %$n, '>=', 2, 'session: of another key it is another one');
cmp_ok(scalar keys %{times_(20, '', 's')}, '>=', 2, 'session: none');
my $at = who(ask('', 'moves', session('m')));
$t->write_file("down-$at", '');
$r = ask('', 'moves', session('m'), num_retries => 1);
is($r->{status}, 200, 'session: its deployment fails, another one answers');
my $now = who($r);
isnt($now, $at, 'session: another one');
is_deeply(times_(5, '', 'moves', session('m')), { $now => 5 }, 'session: stays there while its own is cooled down');

# what a client's key or a prompt has

$n = times_(8, 'key', 'd', headers => [Authorization => 'Bearer one']);
is(scalar keys %$n, 1, 'deployment_affinity: a key has one');
$n = hits(map { who(ask('key', 'd', headers => [Authorization => "Bearer $_"])) } 1 .. 20);
cmp_ok(scalar keys %$n, '>=', 2, 'deployment_affinity: keys have others');
my @begin = ({ role => 'system', content => 'x' x 5000 }, { role => 'user', content => 'first' });
$n = hits(map { who(ask('prompt', 'p', messages => [@begin, { role => 'assistant', content => "a $_" },
    { role => 'user', content => "b $_" }])) } 1 .. 8);
is(scalar keys %$n, 1, 'prompt_caching: turns of one conversation');
$n = hits(map { who(ask('prompt', 'p', messages => [$begin[0], { role => 'user', content => "first $_" }])) } 1 .. 20);
cmp_ok(scalar keys %$n, '>=', 2, 'prompt_caching: another conversation');
$n = times_(20, 'prompt', 'p');
cmp_ok(scalar keys %$n, '>=', 2, 'prompt_caching: short prompts have none');

# an alias over groups

$n = times_(60, '', 'both');
cmp_ok($n->{left}, '>', 5, 'alias over two: one');
cmp_ok($n->{right}, '>', 5, 'alias over two: the other');
$t->write_file('down-right', '');
is_deeply(times_(20, '', 'both', num_retries => 1), { left => 20 }, 'alias over two: failures go on to the other one');

# a retry goes elsewhere

my $fine = 0;
$t->write_file('down-twice-a', '');
$fine += who(ask('all', 'twice', num_retries => 1)) eq 'twice-b' for 1 .. 20;
is($fine, 20, 'a retry is for another one');

# a strategy of its own

is_deeply(times_(20, '', 'cheap'), { 'cheap-1' => 20 }, 'routing_groups');

# least-busy

for my $round (1 .. 3) {
    $t->write_file('held', '');
    my @c;
    for (1 .. 3) {
        my $had = () = $up->raw_requests;
        push @c, start(chat('b', uri => '/busy/v1/chat/completions'));
        my $end = time + 5 * $slow;
        sleep 0.01 while $had == (() = $up->raw_requests) && time < $end;
    }
    unlink $t->dir . '/held';
    $n = hits(map { who(finish($_)) } @c);
    is_deeply($n, { map { ("slow-$_" => 1) } 1 .. 3 }, "least-busy: three at once, round $round");
}

# latency

sub tried {                 # what was asked, until each of two has answered; at most 10 times
    my ($one, %n) = @_;
    for (1 .. 10) { last if keys %n == 2; $n{$one->()} = 1 }
    return join ' ', sort keys %n;
}
is(tried(sub { who(ask('latency', 'l')) }), 'fast-1 late-1', 'latency: each is tried');
is_deeply(times_(12, 'latency', 'l'), { 'fast-1' => 12 }, 'latency: then the fast one is taken');
my $text = sub { texts(ask('latency', 'f', @yes)->{body}) };
is(tried($text), 'fast-2 late-2', 'latency of streams: each is tried');
is_deeply(hits(map { $text->() } 1 .. 12), { 'fast-2' => 12 }, 'latency of streams: the fast one');

# tokens of this minute

minute(8);
is(tried(sub { who(ask('usage', 'u')) }), 'few-1 many-1', 'usage: each is tried');
is_deeply(times_(12, 'usage', 'u'), { 'few-1' => 12 }, 'usage: the one with fewer tokens');
is_deeply(times_(4, 'usage', 'once'), { 'once-a' => 1, 'once-b' => 1, 'status 429' => 2 }, 'usage: rpm of 1');
$n = times_(12, 'usage', 'tok');
ok($n->{tok} && $n->{tok} < 12 && $n->{'status 429'}, 'usage: tpm') or diag explain $n;

# prices

minute(5);
is_deeply(times_(10, 'cost', 'c'), { low => 4, middle => 6 }, 'cost: the cheapest with a place left');

# tags

sub tags { return (headers => ['x-litellm-tags' => $_[0]]) }
is_deeply(times_(12, 'tags', 't', tags('free')), { free => 12 }, 'tags: header');
is_deeply(times_(12, 'tags', 't', tags => ['paid']), { paid => 12 }, 'tags: body');
is_deeply(times_(12, 'tags', 't', metadata => { tags => ['eu'] }), { paid => 12 }, 'tags: metadata');
$n = times_(40, 'tags', 't', tags('free, eu'));
ok($n->{free} && $n->{paid} && keys %$n == 2, 'tags: any of them') or diag explain $n;
is_deeply(times_(12, 'tags', 't', tags('paid,eu')), { paid => 12 }, 'tags: both');
is_deeply(times_(12, 'tags', 't'), { plain => 12 }, 'tags: none is "default"');
is_deeply(times_(12, 'tags', 't', tags('!paid')), { plain => 12 }, 'tags: not this one: of the default ones');
is_deeply(times_(12, 'tags', 't', tags('free,eu,&eu')), { paid => 12 }, 'tags: this one, too');
$n = times_(40, 'tags', 'nodef');
is(scalar keys %$n, 2, 'tags: none, and no default: all');
$r = ask('tags', 't', tags('typo'));
is($r->{status}, 401, 'tags: one that nobody has');
like(json_of($r->{body})->{error}{message}, qr/^Not allowed to access model due to tags configuration/, 'tags: the text');
is(who(ask('tags', 'open', tags('typo'))), 'open-a', 'tags: allow_fail_open');
is(who(ask('tags', 'off', tags('typo'))), 'off-a', 'tags: off for this group');
is(ask('all', 't', tags('free,eu'))->{status}, 401, 'tags: all of them, nobody has both');
is_deeply(times_(12, 'all', 't', tags('paid,eu')), { paid => 12 }, 'tags: all of them');
is(ask('tags', 't', tags(join ',', 1 .. 65))->{status}, 400, 'tags: at most 64');
isnt(ask('tags', 't', tags(join ',', 'free', 2 .. 64))->{status}, 400, 'tags: 64');

# the context window, by four bytes for a token

sub long { return (messages => [{ role => 'user', content => 'word ' x (4 * $_[0] / 5) }]) }
$n = times_(40, 'check', 'k');
is(scalar keys %$n, 2, 'window: a short prompt is for both');
is_deeply(times_(12, 'check', 'k', long(300)), { large => 12 }, 'window: a long one');
$r = ask('check', 'k', long(3000));
is($r->{status}, 400, 'window: too long for all');
like(json_of($r->{body})->{error}{message}, qr/ContextWindowExceededError.*Max Input Tokens=1000, Got=\d+/, 'window: the text');
is(who(ask('check', 'x', long(300))), 'big', 'window: its fallback');
my $png = 'data:image/png;base64,' . 'iVBO' x 3000;
sub image { return (messages => [{ role => 'user', content => [{ type => 'text', text => 'see' }, { type => 'image_url', image_url => { url => $_[0] } }] }]) }
is(ask('check', 'k', image($png))->{status}, 200, 'window: base64 is no text');
is(ask('check', 'k', image($png), user => 'x' x 9000)->{status}, 400, 'window: what is beside it counts');
