#!/usr/bin/perl

# What a model's name leads to: deployments by id and by their own model,
# fallbacks of names with and without a prefix; answers that a content filter
# stopped; policies of the router, the least wait, a thousand failures.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer chunked openai_chat openai_chunk openai_stream openai_error sse);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(36);
my $slow = $LiteLLM::Peer::slow;
my @yes = (stream => JSON::PP::true);

my @files = qw(policy solo);
$t->write_conf(server => join '', map { <<"END" } @files);
location /$_/ {
    litellm;
    litellm_config %%DIR%%/$_.yaml;
}
END
my $conf = $t->read_file('nginx.conf');
$t->write_file('nginx.conf', $conf =~ s/worker_processes 1;/worker_processes 4;/r);

sub real {
    my ($group, $id, $model, $more) = @_;
    return "  - model_name: '$group'\n    litellm_params: {model: 'openai/" . ($model || $id) . "', "
        . "api_base: 'http://127.0.0.1:%%PORT_8081%%/$id', api_key: k" . ($more ? ", $more" : '') . "}\n"
        . "    model_info: {id: '$id'}\n";
}
$t->write_file_expand('litellm.yaml', "model_list:\n" . join('', real('g', 'id-a', 'one'), real('g', 'id-b', 'one'),
    real('other', 'id-c', 'two'), real('id-c', 'id-d', 'three'), real('w/*', 'id-w', '*'), real('bare', 'bare'),
    real('spare', 'spare'), real('last', 'last'), real('filter', 'filter'), real('unfiltered', 'unfiltered'), real('safe', 'safe')) . <<'END');
router_settings:
  num_retries: 0
  disable_cooldowns: true
  model_group_alias: {id-b: other}
  default_fallbacks: [last]
  fallbacks: [{p/bare: [spare]}, {x: [other]}]
  content_policy_fallbacks: [{filter: [safe]}]
END
$t->write_file_expand('policy.yaml', "model_list:\n" . join('', map { real($_, "p-$_") } qw(one own)) . <<'END');
router_settings:
  num_retries: 3
  retry_after: 1
  retry_policy: {InternalServerErrorRetries: 1, AuthenticationErrorRetries: 2, NotFoundErrorRetries: 1, DefaultRetries: 0}
  model_group_retry_policy: {own: {TimeoutErrorRetries: 0}}
END
$t->write_file_expand('solo.yaml', "model_list:\n" . real('solo', 'solo') . "router_settings: {num_retries: 0, cooldown_time: 60}\n");

my $up = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    my ($id) = $req->{uri} =~ m{^/([^/]+)};
    my $j = json_of($req->{body});
    my $how = $t->read_file("how-$id") || 'ok';
    return answer($how, openai_error("no from $id", 'x', undef)) if $how =~ /^\d+$/;
    if ($how eq 'filter') {
        return chunked(sse(openai_chunk({ role => 'assistant', content => '' }),
            openai_chunk({}, choices => [{ index => 0, delta => {}, finish_reason => 'content_filter' }]), '[DONE]')) if $j->{stream};
        return answer(200, openai_chat('', choices => [{ index => 0, finish_reason => 'content_filter',
            message => { role => 'assistant', content => '' } }]));
    }
    return chunked(sse(openai_chunk('begun'), openai_chunk({}, choices => [{ index => 0, delta => {},
        finish_reason => 'content_filter' }]), '[DONE]')) if $how eq 'late';
    return chunked(openai_stream("$id $j->{model}")) if $j->{stream};
    return answer(200, openai_chat("$id $j->{model}"));
});
$t->run;

sub how { my ($how, @ids) = @_; $t->write_file("how-$_", $how) for @ids }
sub ask { my ($file, $model, %more) = @_; return http(chat($model, ($file ? (uri => "/$file/v1/chat/completions") : ()), %more)) }
sub who { my $r = shift; my $j = json_of($r->{body}); return ref $j && $j->{choices} ? $j->{choices}[0]{message}{content} : "status $r->{status}" }
my $before = 0;
sub called { my @all = $up->raw_requests; my @new = @all[$before .. $#all]; $before = @all; return join ' ', map { m{^POST /([^/]+)/} ? $1 : () } @new }

# by id, by its own model

is(who(ask('', 'id-a')), 'id-a one', 'by id') for 1 .. 4;
is(who(ask('', 'id-b')), 'id-c two', 'an alias comes before an id');
is(who(ask('', 'id-c')), 'id-d three', 'a group comes before an id');
my %n;
$n{who(ask('', 'openai/one'))}++ for 1 .. 40;
is_deeply([sort keys %n], ['id-a one', 'id-b one'], 'by its own model: all that have it');
is(who(ask('', 'w/x')), 'id-w x', 'a wildcard');
is(who(ask('', 'id-w')), 'last last', 'not the wildcard by id');
is(who(ask('', 'openai/*')), 'last last', 'nor by its own model');
is(who(ask('', 'nobody')), 'last last', 'nobody: default_fallbacks');
is(who(ask('', 'nobody', fallbacks => ['id-a'])), 'id-a one', 'a fallback by id');
how(500, 'id-a');
is(who(ask('', 'id-a')), 'last last', 'by id: its fallback');
is(ask('', 'id-a', disable_fallbacks => JSON::PP::true)->{status}, 500, 'by id: nobody else of its group');

# fallbacks of a name with and without a prefix

how(500, 'bare', 'id-w');
is(who(ask('', 'bare')), 'spare spare', 'a fallback of the name with a prefix');
is(who(ask('', 'w/x')), 'id-c two', 'a fallback of the name without its prefix');
how('ok', 'id-w');

# stopped by a content filter

how('filter', 'filter', 'unfiltered');
is(who(ask('', 'filter')), 'safe safe', 'content filter: the fallback');
is(texts(ask('', 'filter', @yes)->{body}), 'safe safe', 'content filter: of a stream');
my $r = ask('', 'unfiltered', content_policy_fallbacks => []);
is(json_of($r->{body})->{choices}[0]{finish_reason}, 'content_filter', 'content filter: no fallback for it');
like(ask('', 'unfiltered', @yes)->{body}, qr/content_filter.*\[DONE\]/s, 'content filter: of a stream, no fallback for it');
is(who(ask('', 'unfiltered', content_policy_fallbacks => [{ unfiltered => ['safe'] }])), 'safe safe', 'content filter: the body\'s fallback');
$r = ask('', 'filter', disable_fallbacks => JSON::PP::true);
is($r->{status}, 200, 'content filter: disable_fallbacks');
how('late', 'filter');
$r = ask('', 'filter', @yes);
is(texts($r->{body}), 'begun', 'content filter: behind the first text');
like($r->{body}, qr/content_filter.*\[DONE\]/s, 'content filter: behind the first text, told');

# policies of the router, the least wait

called();
for my $case ([500, 2], [401, 3], [404, 2], [503, 1]) {
    how($case->[0], 'p-one');
    my $from = time;
    ask('policy', 'one');
    is(scalar(split ' ', called()), $case->[1], "retry_policy: $case->[0]");
    cmp_ok(time - $from, '>', 0.99, 'retry_after: the least wait') if $case->[0] == 500;
}
how(408, 'p-own');
ask('policy', 'own');
is(called(), 'p-own', 'retry_policy: of a group');
how(500, 'p-one');
ask('policy', 'one', num_retries => 0);
is(called(), 'p-one', 'retry_policy: the client wants none');

# the only deployment of a group: a thousand failures

my $left = 60 - time % 60;
sleep $left + 0.1 if $left < 20 * $slow;
how(500, 'solo');
ask('solo', 'solo') for 1 .. 999;
is(ask('solo', 'solo')->{body} =~ /no from solo/, 1, 'a thousand failures: the last one is asked for');
like(ask('solo', 'solo')->{body}, qr/No deployments available/, 'a thousand failures: it is cooled down');

# what is told of a file

$t->write_file_expand('litellm.yaml', "model_list:\n" . real('g', 'g') . real('w/*', 'w', '*')
    . "router_settings: {model_group_alias: {both: [g, w/x], fine: w/x}}\n");
my ($rc, $text) = $t->test_conf;
is($rc, 0, 'an alias with a wildcard: loads');
like($text, qr/"w\/x" is left out of the alias "both"/, 'an alias with a wildcard: is told');
unlike($text, qr/alias "fine"/, 'an alias for one model may be a wildcard\'s');
