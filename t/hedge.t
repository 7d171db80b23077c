#!/usr/bin/perl

# Hedging: a second deployment is asked beside one that is silent.  Who has
# content first answers, the other one is given up; what fails leaves the other
# alone; a budget that all workers share.
#
# Each deployment takes three calls at a time: places that are not given back
# make the tests behind fail.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer chunked sse openai_chat openai_chunk openai_stream openai_error
    anthropic_message anthropic_stream anthropic_error);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(180);
my $slow = $LiteLLM::Peer::slow;
my @yes = (stream => JSON::PP::true);
my $late = 0.4 * $slow;

my %where = (
    on => 'litellm_hedge delay=100ms budget=100% burst=10000;',
    late => "litellm_hedge delay=" . int($late * 1000) . "ms budget=100% burst=10000;",
    off => 'litellm_config %%DIR%%/yaml.yaml; litellm_hedge off;',
    yaml => 'litellm_config %%DIR%%/yaml.yaml;',
    few => 'litellm_config %%DIR%%/few.yaml; litellm_hedge delay=50ms budget=10% burst=4;',
    learn => 'litellm_hedge percentile=80 min=150ms budget=100% burst=10000;',
    cont => 'litellm_hedge delay=100ms budget=100% burst=10000; litellm_stream_continue on;',
    early => 'litellm_hedge delay=100ms budget=100% burst=10000; litellm_stream_keepalive 40ms early;',
    cool => 'litellm_config %%DIR%%/cool.yaml; litellm_hedge delay=100ms budget=100% burst=10000;',
    retry => 'litellm_config %%DIR%%/retry.yaml; litellm_hedge delay=100ms budget=100% burst=10000;');
$t->write_conf(listen => ' sndbuf=16k reuseport',
    http => 'litellm_keepalive 0; log_format hedge "$upstream_addr | $upstream_status | $upstream_bytes_received | $litellm_usage_estimated $litellm_prompt_tokens";',
    server => "access_log %%DIR%%/hedge.log hedge;\n"
        . join '', map { "location /$_/ { litellm; $where{$_} }\n" } sort keys %where);
$t->write_file('nginx.conf', $t->read_file('nginx.conf') =~ s/worker_processes 1;/worker_processes 4;/r);

# the first of each group is taken as long as it can be: the other has no weight
sub entry {
    my ($group, $id, $params, $model) = @_;
    my ($port) = $id =~ /(\d)$/;
    my $base = $model ? '' : '/v1';
    $model ||= 'openai/gpt-4o';
    return "  - model_name: $group\n    litellm_params: {model: $model, "
        . "api_base: 'http://127.0.0.1:%%PORT_808$port%%$base', api_key: k, max_parallel_requests: "
        . ($group eq 'held' ? 1 : 3)
        . ($params ? ", $params" : '') . "}\n    model_info: {id: $id}\n";
}
my $claude = 'anthropic/claude-3-5-sonnet-20241022';
my $models = "model_list:\n" . entry('pair', 'pair-1', 'weight: 1') . entry('pair', 'pair-2', 'weight: 0')
    . entry('mix', 'mix-1', 'weight: 1') . entry('mix', 'mix-2', 'weight: 0', $claude)
    . entry('mix2', 'mix2-1', 'weight: 1', $claude) . entry('mix2', 'mix2-2', 'weight: 0')
    . entry('claudes', 'claudes-1', 'weight: 1', $claude) . entry('claudes', 'claudes-2', 'weight: 0', $claude)
    . entry('limited', 'limited-1', 'weight: 1') . entry('limited', 'limited-2', 'weight: 0')
    . entry('one', 'one-1') . entry('held', 'held-1', 'weight: 1') . entry('held', 'held-2', 'weight: 0')
    . entry('quick', 'quick-1', 'weight: 1, timeout: 0.5') . entry('quick', 'quick-2', 'weight: 0, timeout: 0.5')
    . entry('patient', 'patient-1', 'weight: 1, timeout: 0.5') . entry('patient', 'patient-2', 'weight: 0')
    . entry('brief', 'brief-1', 'weight: 1') . entry('brief', 'brief-2', 'weight: 0, timeout: 0.5')
    . entry('learn', 'learn-1', 'weight: 1') . entry('learn', 'learn-2', 'weight: 0')
    . entry('order', 'order-1', 'order: 1') . entry('order', 'order-2', 'order: 2')
    . entry('mock', 'mock-1', 'weight: 1') . entry('mock', 'mock-2', 'weight: 0, mock_response: from a mock')
    . entry('gone', 'gone-1', 'weight: 1') . entry('gone', 'gone-9', 'weight: 0')
    . entry('cont', 'cont-1', 'weight: 1') . entry('cont', 'cont-2', 'weight: 0') . entry('prefix', 'prefix-3') =~ s/\{id: prefix-3\}/{id: prefix-3, supports_assistant_prefill: true}/r;
$t->write_file_expand('litellm.yaml', $models . <<'END');
router_settings:
  num_retries: 0
  disable_cooldowns: true
  fallbacks: [{cont: [prefix]}]
END
$t->write_file_expand('yaml.yaml', $models . "router_settings: {num_retries: 0, disable_cooldowns: true, hedge: {delay: 0.1, budget: 100}}\n");
$t->write_file_expand('cool.yaml', $models . "router_settings: {num_retries: 0}\n");
$t->write_file_expand('retry.yaml', $models . "router_settings: {num_retries: 1, disable_cooldowns: true}\n");
$t->write_file_expand('few.yaml', ("model_list:\n" . entry('few', 'few-4', 'weight: 1') . entry('few', 'few-5', 'weight: 0'))
    =~ s/, max_parallel_requests: 3//gr . "router_settings: {num_retries: 0, disable_cooldowns: true}\n");

my ($one, $two, $third) = map { $t->listener($_) } 8081, 8082, 8083;
my $first = $t->mock(8084, sub { sleep 1.5 * $slow; return answer(200, openai_chat('first')) });
my $second = $t->mock(8085, sub { return answer(200, openai_chat('second')) });
$t->port(8089);
$t->run;

# both are asked: the client, what each provider got and is to answer on
sub both {
    my ($model, %more) = @_;
    my $where = delete $more{where} // 'on';
    my $opt = delete $more{opt} // {};
    my $c = start(chat($model, uri => "/$where/v1/chat/completions", %more), %$opt);
    my ($pa, $ra) = $one->request;
    my ($pb, $rb) = $two->request;
    return ($c, $pa, $pb, $ra, $rb);
}
sub id { $_[0]{header}{'x-litellm-model-id'} }
sub whole { answer(200, openai_chat($_[0])) }
sub stream { chunked(openai_stream(@_)) }
sub role { chunked(sse(openai_chunk({ role => 'assistant', content => '' }, id => $_[0])), undef) }
sub none { my ($up) = @_; return !$up->accept(0.25) }
sub hedge_log {
    for (1 .. 200) { my $log = $t->read_file('hedge.log'); return $log if $log =~ /\n/; sleep 0.02 * $slow }
    return '';
}
sub logged { my ($re, $at) = @_; return $t->wait_log($re, $at) }
# every place has been given back
sub free {
    my ($name, $model) = @_;
    $model //= 'pair';
    my ($c, $pa, $pb) = both($model);
    ok($pa && $pb, "$name: both have a place again") or return;
    $pb->write(whole('free'));
    is(finish($c)->{status}, 200, "$name: and answer");
}

# --- who answers

{
    my $at = $t->log_size;
    my ($c, $pa, $pb, $ra, $rb) = both('pair');
    is($ra->{body}, $rb->{body}, 'whole: the same request');
    $pb->write(whole('two'));
    my $r = finish($c);
    is($r->{status}, 200, 'whole: answered');
    is(json_of($r->{body})->{choices}[0]{message}{content}, 'two', 'whole: by the second');
    is(id($r), 'pair-2', 'whole: the second is named');
    is($r->{header}{'x-litellm-attempted-retries'}, 0, 'whole: no retry');
    ok($pa->closed, 'whole: the first is given up');
    ok(logged(qr/\[info\].*"pair-1" of "pair" is silent for \d+ ms, hedging with "pair-2"/, $at), 'whole: logged');
    ok(logged(qr/\[info\].*"pair-2" of "pair" answered before "pair-1"/, $at), 'whole: and who won');
    my ($p1, $p2) = ($t->port(8081), $t->port(8082));
    $c->close;
    like(hedge_log(), qr/^127.0.0.1:($p1 : 127.0.0.1:$p2|$p2 : 127.0.0.1:$p1) \| (- : 200|200 : -|\d+ : 200|200 : \d+) \| /m,
        'whole: both are in $upstream_addr');
    my ($estimated, $prompt) = hedge_log() =~ /\| (\d) (\d+)$/m;
    is($estimated, 1, 'whole: what the first had of it is estimated');
    cmp_ok($prompt, '>', 7 + 5, 'whole: and paid for, beside what the second says');
}
{
    my ($c, $pa, $pb) = both('pair', @yes);
    $pb->write(stream('Hi', ' there'));
    my $r = finish($c);
    is(texts($r->{body}), 'Hi there', 'stream: of the second');
    is($r->{body}, join('', openai_stream('Hi', ' there')), 'stream: to the byte');
    is(id($r), 'pair-2', 'stream: the second is named');
    ok($pa->closed, 'stream: the first is given up');
}
{
    my ($c, $pa, $pb) = both('pair');
    $pa->write(whole('one'));
    my $r = finish($c);
    is(json_of($r->{body})->{choices}[0]{message}{content}, 'one', 'whole: the first is still first');
    is(id($r), 'pair-1', 'whole: the first is named');
    ok($pb->closed, 'whole: the second is given up');
}
{
    my ($c, $pa, $pb) = both('pair', @yes);
    $pb->write(role('not-me'));
    $pa->write(stream('one'));
    my $r = finish($c);
    is($r->{body}, join('', openai_stream('one')), 'stream: the first is still first, nothing of the other');
    is(id($r), 'pair-1', 'stream: the first is named');
    ok($pb->closed, 'stream: the second is given up');
}
{
    my ($c, $pa, $pb) = both('pair', @yes);
    $pa->write(role('not-me'));
    $pb->write_split(chunked(openai_stream('two', ' parts')), 100, 50, 80);
    my $r = finish($c);
    is($r->{body}, join('', openai_stream('two', ' parts')), 'stream: a header and a role are no content');
    unlike($r->{raw}, qr/not-me/, 'stream: one id');
    ok($pa->closed, 'stream: who had a header only is given up');
}
{
    # what lost is free while the other still streams: soon, so a refusal is no
    # failure yet
    my ($c, $pa, $pb) = both('held', @yes);
    my @e = openai_stream('long', ' words');
    $pb->write(chunked(@e[0, 1], undef));
    ok(defined $c->read_until(qr/long/), 'second streams: begun');
    my ($other, $po);
    for (1 .. 5) {
        $other = start(chat('held'));
        last if ($po) = $one->request(1);
    }
    ok($po, 'second streams: the first has a place for others');
    $po->write(whole('other')) if $po;
    is(id(finish($other)), 'held-1', 'second streams: and answers them');
    $pb->write(join '', map { sprintf "%x\r\n%s\r\n", length $_, $_ } @e[2 .. $#e]);
    $pb->write("0\r\n\r\n");
    ok(defined $c->read_until(qr/DONE/), 'second streams: to its end');
}
free('after streams');

# --- dialects

for my $case (['mix', 'openai, then anthropic', \&anthropic_message, \&anthropic_stream],
    ['mix2', 'anthropic, then openai', \&openai_chat, \&openai_stream],
    ['claudes', 'anthropic twice', \&anthropic_message, \&anthropic_stream]) {
    my ($group, $name, $message, $events) = @$case;
    my ($c, $pa, $pb, $ra, $rb) = both($group);
    isnt($ra->{body}, $rb->{body}, "$name: each its own request") if $group ne 'claudes';
    $pb->write(answer(200, $message->('hello')));
    my $r = finish($c);
    is(json_of($r->{body})->{choices}[0]{message}{content}, 'hello', "$name: whole");
    is(id($r), "$group-2", "$name: the second is named");
    ok($pa->closed, "$name: the first is given up");

    ($c, $pa, $pb) = both($group, @yes);
    $pb->write(chunked($events->('Hel', 'lo')));
    $r = finish($c);
    is(texts($r->{body}), 'Hello', "$name: stream");
    is((events($r->{body}))[-1], '[DONE]', "$name: with its end");
    is(scalar(grep { /"role":"assistant"/ } events($r->{body})), 1, "$name: one role");
    my %ids = map { $_->{id} => 1 } grep { ref } map { json_of($_) } events($r->{body});
    is(scalar(keys %ids), 1, "$name: one id");
    ok($pa->closed, "$name: the first is given up in a stream");
}
{
    my ($c, $pa, $pb) = both('mix2', @yes);
    my @e = anthropic_stream('one');
    $pa->write(chunked(@e[0, 1], undef));
    $pb->write(chunked((openai_stream('two'))[0], undef));
    $pa->write(join '', map { sprintf "%x\r\n%s\r\n", length $_, $_ } @e[2 .. $#e]);
    $pa->write("0\r\n\r\n");
    my $r = finish($c);
    is(texts($r->{body}), 'one', 'both have begun: the one with content');
    is(id($r), 'mix2-1', 'both have begun: it is named');
    ok($pb->closed, 'both have begun: the other is given up');
}

# --- when

{
    my $c = start(chat('pair', uri => '/late/v1/chat/completions'));
    my ($pa) = $one->request;
    $pa->write(whole('in time'));
    is(finish($c)->{status}, 200, 'in time: answered');
    ok(!$two->accept(($late + 0.1 * $slow) / $slow), 'in time: nobody else is asked');
    $c->close;
}
{
    my $c = start(chat('pair', uri => '/late/v1/chat/completions', @yes));
    my ($pa) = $one->request;
    my @e = openai_stream('slow', ' words');
    $pa->write(chunked(@e[0, 1], undef));
    ok(defined $c->read_until(qr/slow/), 'content in time: sent');
    ok(!$two->accept(($late + 0.1 * $slow) / $slow), 'content in time: the gap behind it is not hedged');
    $pa->write(join('', map { sprintf "%x\r\n%s\r\n", length $_, $_ } @e[2 .. $#e]) . "0\r\n\r\n");
    ok(defined $c->read_until(qr/DONE/), 'content in time: the rest');
    $c->close;
}
{
    my $c = start(chat('pair'));
    my ($pa) = $one->request;
    ok(none($two), 'nothing is hedged unless it is asked for');
    $pa->write(whole('x'));
    finish($c);

    $c = start(chat('one', uri => '/on/v1/chat/completions'));
    ($pa) = $one->request;
    ok(none($two) && none($one), 'a group with one deployment');
    $pa->write(whole('x'));
    is(finish($c)->{status}, 200, 'one deployment: answers');

    $c = start(chat('pair', uri => '/off/v1/chat/completions'));
    ($pa) = $one->request;
    ok(none($two), 'the directive stands above the file');
    $pa->write(whole('x'));
    finish($c);

    $c = start(chat('pair', uri => '/on/v1/chat/completions', messages => [{ role => 'user', content => [
        { type => 'file', file => { file_id => 'file-1' } }, { type => 'text', text => 'x' }] }]));
    ($pa) = $one->request;
    ok(none($two), 'what names a file of one provider is not hedged');
    $pa->write(whole('x'));
    is(finish($c)->{status}, 200, 'file: answered');

    # a header with a good status: the body is on its way
    $c = start(chat('pair', uri => '/on/v1/chat/completions'));
    ($pa) = $one->request;
    my ($head, $body) = whole('x') =~ /^(.*?\r\n\r\n)(.*)$/s;
    $pa->write($head);
    ok(none($two), 'an answer that has begun is not hedged');
    $pa->write($body);
    is(finish($c)->{status}, 200, 'begun: answered');
}
{
    my ($c, $pa, $pb) = both('pair', where => 'yaml');
    ok($pb, 'hedge of router_settings');
    $pb->write(whole('x'));
    is(finish($c)->{status}, 200, 'yaml: answered');

    ($c, $pa, $pb) = both('order');
    ok($pb, 'the next order, where this one has nobody else');
    $pb->write(whole('x'));
    is(id(finish($c)), 'order-2', 'order: answered');
}
{
    # nothing is known: no percentile
    my $c = start(chat('learn', uri => '/learn/v1/chat/completions'));
    my ($pa) = $one->request;
    ok(none($two), 'percentile: not before latencies are known');
    $pa->write(whole('x'));
    finish($c);
    for (1 .. 9) {
        my $c = start(chat('learn', uri => '/learn/v1/chat/completions'));
        my ($p) = $one->request;
        $p->write(whole('x'));
        finish($c);
    }
    my $begin = time();
    my ($c2, $p2, $pb) = both('learn', where => 'learn');
    ok($pb, 'percentile: hedged');
    cmp_ok(time() - $begin, '>=', 0.14, 'percentile: not before min');
    $pb->write(whole('x'));
    is(finish($c2)->{status}, 200, 'percentile: answered');

    # of ten the three longest times are of calls that lost
    for (1 .. 3) {
        my ($c, $pa, $pb) = both('learn', where => 'learn');
        ok($c->quiet(0.4), 'percentile: both are silent');
        $pb->write(whole('x'));
        finish($c);
    }
    $begin = time();
    my ($last, $pl, $pr) = both('learn', where => 'learn');
    cmp_ok(time() - $begin, '>=', 0.4, 'percentile: calls that lost count');
    $pr->write(whole('x'));
    finish($last);
}

# --- failures

{
    my $at = $t->log_size;
    my ($c, $pa, $pb) = both('pair');
    $pa->write(answer(500, openai_error('first failed', 'x', undef)));
    ok(logged(qr/attempt 1 at deployment "pair-1" of "pair" failed: InternalServerError/, $at), 'first fails: logged');
    ok($c->quiet(0.05), 'first fails: the client is not told');
    $pb->write(whole('two'));
    my $r = finish($c);
    is(json_of($r->{body})->{choices}[0]{message}{content}, 'two', 'first fails: the second answers');
    is($r->{header}{'x-litellm-attempted-retries'}, 0, 'first fails: no retry');
}
{
    my $at = $t->log_size;
    my ($c, $pa, $pb) = both('pair', @yes);
    $pa->reset;
    ok(logged(qr/attempt 1 at deployment "pair-1" of "pair" failed: APIConnectionError/, $at), 'first is reset: logged');
    $pb->write(stream('two', ' of', ' two'));
    my $r = finish($c);
    is($r->{body}, join('', openai_stream('two', ' of', ' two')), 'first is reset: the second streams');
}
{
    my $at = $t->log_size;
    my ($c, $pa, $pb) = both('pair', @yes);
    $pb->write(role('not-me'));
    $pa->reset;
    ok(logged(qr/attempt 1 at deployment "pair-1" of "pair" failed/, $at), 'second has begun, first is reset');
    $pb->write(join '', map { sprintf "%x\r\n%s\r\n", length $_, $_ } sse(openai_chunk('x'), openai_chunk({}, choices =>
        [{ index => 0, delta => {}, finish_reason => 'stop' }]), '[DONE]'));
    $pb->write("0\r\n\r\n");
    is(texts(finish($c)->{body}), 'x', 'second has begun: it goes on');
}
{
    my $at = $t->log_size;
    my ($c, $pa, $pb) = both('pair');
    $pb->write(answer(503, openai_error('second failed', 'x', undef)));
    ok(logged(qr/attempt 2 at deployment "pair-2" of "pair" failed: ServiceUnavailable/, $at), 'second fails: logged');
    $pa->write(whole('one'));
    is(json_of(finish($c)->{body})->{choices}[0]{message}{content}, 'one', 'second fails: the first answers');
}
{
    my $at = $t->log_size;
    my ($c, $pa, $pb) = both('pair', @yes);
    $pb->write(role('not-me'));
    $pb->reset;
    ok(logged(qr/attempt 2 at deployment "pair-2" of "pair" failed/, $at), 'second is cut: logged');
    $pa->write(stream('one'));
    is(finish($c)->{body}, join('', openai_stream('one')), 'second is cut before content: the first answers');
}
{
    # a header alone: the engine flushes behind it, for nobody
    my ($head) = stream('x') =~ /^(.*?\r\n\r\n)/s;
    my $at = $t->log_size;
    my ($c, $pa, $pb) = both('pair', @yes);
    $pb->write($head);
    ok($c->quiet(0.1), 'header of the second');
    $pb->reset;
    ok(logged(qr/attempt 2 at deployment "pair-2" of "pair" failed/, $at), 'header of the second: it fails');
    $pa->write(stream('one'));
    is(texts(finish($c)->{body}), 'one', 'header of the second: the first answers');
    ok($c->closed(3), 'header of the second: the request ends');

    ($c, $pa, $pb) = both('pair', @yes);
    $pb->write($head);
    ok($c->quiet(0.1), 'header of the second, again');
    $pa->write(stream('one'));
    is(texts(finish($c)->{body}), 'one', 'header of the second: the first is first');
    ok($c->closed(3), 'header of the second: the request ends, too');

    $at = $t->log_size;
    ($c, $pa, $pb) = both('pair', @yes);
    $pb->write($head);
    ok($c->quiet(0.1), 'header of the second, once more');
    $pa->reset;
    logged(qr/attempt 1 at deployment "pair-1" of "pair" failed/, $at);
    $pb->reset;
    is(finish($c, timeout => 5)->{status}, 500, 'header of the second: both fail');
}
for my $stream (0, 1) {
    my $at = $t->log_size;
    my ($c, $pa, $pb) = both('pair', $stream ? @yes : ());
    $pa->write(answer(500, openai_error('first failed', 'x', undef)));
    logged(qr/attempt 1 at deployment "pair-1" of "pair" failed/, $at);
    $pb->write(answer(503, openai_error('second failed', 'x', undef)));
    my $r = finish($c);
    is($r->{status}, 503, 'both fail: the last error');
    like($r->{body}, qr/second failed/, 'both fail: its text');

    $at = $t->log_size;
    ($c, $pa, $pb) = both('pair', $stream ? @yes : ());
    $pb->write(answer(503, openai_error('second failed', 'x', undef)));
    logged(qr/attempt 2 at deployment "pair-2" of "pair" failed/, $at);
    $pa->write(answer(500, openai_error('first failed', 'x', undef)));
    $r = finish($c);
    is($r->{status}, 500, 'both fail, the second first');
    like($r->{body}, qr/first failed/, 'both fail: the text of the last one');
}
{
    # both at once: whatever comes first, one answer
    my ($c, $pa, $pb) = both('pair');
    $_->write(answer(500, openai_error('failed', 'x', undef))) for $pa, $pb;
    is(finish($c)->{status}, 500, 'both fail at once');
    ($c, $pa, $pb) = both('pair');
    $_->write(whole('x')) for $pb, $pa;
    is(finish($c)->{status}, 200, 'both answer at once');
    ($c, $pa, $pb) = both('pair', @yes);
    $_->write(stream('x')) for $pb, $pa;
    is(finish($c)->{body}, join('', openai_stream('x')), 'both stream at once');
}
free('after failures');
{
    my ($c, $pa, $pb) = both('pair', where => 'retry');
    my $at = $t->log_size;
    $pa->write(answer(500, openai_error('first failed', 'x', undef)));
    logged(qr/attempt 1 at deployment "pair-1" of "pair" failed/, $at);
    $pb->write(answer(503, openai_error('second failed', 'x', undef)));
    my ($again) = $one->request;
    ok($again, 'both fail: a retry');
    ok(none($two), 'one hedge in a request');
    $again->write(whole('again'));
    my $r = finish($c);
    is($r->{status}, 200, 'retry: answered');
    is($r->{header}{'x-litellm-attempted-retries'}, 1, 'retry: counted');
}
{
    my $at = $t->log_size;
    my ($c, $pa, $pb) = both('limited', where => 'cool');
    $pa->write(answer(429, openai_error('slow down', 'x', undef), 'Retry-After' => 30));
    ok(logged(qr/"limited-1" of "limited" is cooled down for 30000 ms/, $at), '429 of the first: cooled down');
    $pb->write(whole('two'));
    my $r = finish($c);
    is($r->{status}, 200, '429 of the first: the second answers');
    ok(!exists $r->{header}{'retry-after'}, '429 of the first: no Retry-After');
    $c = start(chat('limited', uri => '/cool/v1/chat/completions'));
    ($pb) = $two->request;
    ok(none($one), 'one left that can be called: nobody to hedge with');
    $pb->write(whole('two'));
    is(id(finish($c)), 'limited-2', 'one left: answers');
}
{
    my ($c, $pa, $pb) = both('quick');
    my $begin = time();
    my $r = finish($c);
    is($r->{status}, 408, 'both are silent: the time of the second is over, too');
    ok($pa->closed && $pb->closed, 'both are silent: both connections are closed');
    ($c, $pa, $pb) = both('patient');
    ok($pa->closed(3), 'the first is silent for too long');
    $pb->write(whole('x'));
    is(finish($c)->{status}, 200, 'too long: the second answers');

    my $at = $t->log_size;
    ($c, $pa, $pb) = both('brief');
    ok(logged(qr/attempt 2 at deployment "brief-2" of "brief" failed: Timeout/, $at), 'the second is silent for too long');
    ok($pb->closed, 'second too long: its connection is closed');
    $pa->write(whole('x'));
    is(finish($c)->{status}, 200, 'second too long: the first answers');

    $at = $t->log_size;
    $c = start(chat('gone', uri => '/on/v1/chat/completions'));
    ($pa) = $one->request;
    ok(logged(qr/attempt 2 at deployment "gone-9" of "gone" failed: APIConnectionError/, $at), 'second refuses the connection');
    $pa->write(whole('x'));
    is(finish($c)->{status}, 200, 'refused: the first answers');
}

# --- clients

for my $stream (0, 1) {
    my ($c, $pa, $pb) = both('pair', $stream ? @yes : ());
    $c->close;
    ok($pa->closed && $pb->closed, 'a client that leaves: both are given up');
    ($c, $pa, $pb) = both('pair', $stream ? @yes : ());
    my $at = $t->log_size;
    $pa->reset;
    logged(qr/attempt 1 at deployment "pair-1" of "pair" failed/, $at);
    $c->close;
    ok($pb->closed, 'a client that leaves the second');
}
free('after clients that left');
{
    my $raw = chat('pair', uri => '/on/v1/chat/completions', @yes) =~ s/Connection: close\r\n//r;
    my $c = start($raw);
    for my $n (1 .. 3) {
        my ($pa) = $one->request;
        my ($pb) = $two->request;
        ($n == 2 ? $pa : $pb)->write(stream("round $n"));
        is(texts(finish($c)->{body}), "round $n", "kept connection: round $n");
        ok(($n == 2 ? $pb : $pa)->closed, "kept connection: round $n, one is given up");
        $c->write($raw) if $n < 3;
    }
    $c->close;
}
{
    # a client that does not read stops the second's stream, too
    my ($c, $pa, $pb) = both('pair', @yes, opt => { rcvbuf => 4096 });
    my $chunk = join '', map { sprintf "%x\r\n%s\r\n", length $_, $_ } sse(openai_chunk('y' x 8000));
    $pb->write(chunked((openai_stream('x'))[0, 1], undef));
    my $many = $chunk x 1500;
    my $n = $pb->flood($many, 1);
    cmp_ok($n, '<', length $many, 'slow client: the second is not read without end');
    my $pid = fork() // die;
    if ($pid == 0) { $pb->write(substr($many, $n)); $pb->write(sprintf("%x\r\n%s\r\n0\r\n\r\n", 14, "data: [DONE]\n\n")); POSIX::_exit(0) }
    my $r = finish($c, timeout => 30);
    waitpid $pid, 0;
    is(length texts($r->{body}), 1 + 1500 * 8000, 'slow client: it gets all of it');
}
{
    my $c = start(chat('mock', uri => '/on/v1/chat/completions'));
    my ($pa) = $one->request;
    my $r = finish($c);
    like($r->{body}, qr/from a mock/, 'a second that answers at once');
    ok($pa->closed, 'at once: the first is given up');
    $c = start(chat('mock', uri => '/on/v1/chat/completions', @yes));
    ($pa) = $one->request;
    is(texts(finish($c)->{body}), 'from a mock', 'a second that answers at once, stream');
    ok($pa->closed, 'at once: the first is given up in a stream');
}
{
    my ($c, $pa, $pb) = both('pair', @yes, where => 'early');
    ok(defined $c->read_until(qr/: ping\n\n/), 'comments before content');
    $pb->write(stream('two'));
    my $rest = $c->read_eof;
    like($rest, qr/"two".*DONE/s, 'comments: the second streams behind them');
    unlike($rest, qr/HTTP\/1/, 'comments: one header');
    ok($pa->closed, 'comments: the first is given up');
}
{
    # what goes on is the text of the one that was read
    my ($c, $pa, $pb) = both('cont', @yes, where => 'cont');
    for my $part (0, 1) {
        for (['first-id', $pa], ['second-id', $pb]) {
            my ($id, $peer) = @$_;
            $peer->write((role($id) =~ /^(.*?\r\n\r\n)(.*)$/s)[$part]);
            ok($c->quiet(0.05), "both begin, part $part of $id");
        }
    }
    $pb->write(join '', map { sprintf "%x\r\n%s\r\n", length $_, $_ } sse(map { openai_chunk($_, id => 'second-id') } 'Hel', 'lo'));
    ok(defined $c->read_until(qr/"lo"/), 'second is cut: its text');
    $pb->reset;
    my ($p, $req) = $third->request;
    is(json_of($req->{body})->{messages}[-1]{content}, 'Hello', 'second is cut: another one goes on with it');
    $p->write(stream(' world'));
    my $rest = $c->read_eof;
    like($rest, qr/"id":"second-id".*" world".*DONE/s, 'second is cut: one id');
    unlike($rest, qr/first-id|chatcmpl-1/, 'second is cut: no other id');
}
free('at the end');

# --- budget: of 60 requests in several workers a tenth, and the burst

{
    my @c = map { start(chat('few', uri => '/few/v1/chat/completions')) } 1 .. 60;
    my @r = map { finish($_, timeout => 20) } @c;
    is(scalar(grep { $_->{status} == 200 } @r), 60, 'budget: all are answered');
    my $n = scalar $second->requests;
    cmp_ok($n, '<=', 4 + 6, 'budget: what is hedged');
    cmp_ok($n, '>=', 4, 'budget: the burst is there');
    is(scalar(grep { id($_) eq 'few-5' } @r), $n, 'budget: those are answered by the second');
    like($t->read_file('error.log'), qr/is silent for \d+ ms, no budget to hedge/, 'budget: logged');
    my %pids = map { $_ => 1 } $t->read_file('error.log') =~ /#(\d+): \*\d+ litellm: deployment "few-4"/g;
    cmp_ok(scalar(keys %pids), '>', 1, 'budget: several workers');
}

# --- what is wrong in a file

for my $case (['litellm_hedge delay=0;', qr/needs a "delay" or a "percentile"/], ['litellm_hedge percentile=100;', qr/below 100/],
    ['litellm_hedge delay=1s budget=101%;', qr/at most 100 percent/], ['litellm_hedge delay=1s off;', qr/invalid parameter "off"/],
    ['litellm_hedge delay=x;', qr/invalid parameter "delay=x"/], ['litellm_hedge off; litellm_hedge off;', qr/is duplicate/]) {
    my $conf = $t->read_file('nginx.conf');
    $t->write_file('bad.conf', $conf =~ s/\Q$where{late}\E/$case->[0]/r);
    my ($rc, $out) = $t->test_conf(conf => 'bad.conf');
    like($out, $case->[1], $case->[0]);
}
