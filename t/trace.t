#!/usr/bin/perl

# traceparent and tracestate of the client's request go to the provider, where
# they are good ones; litellm_trace_context, forward_traceparent_to_llm_provider.
# conf-examples/otel.conf: what its spans would say, in a log instead.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer anthropic_message openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(27);

open(my $f, '<', 'conf-examples/otel.conf') or die "otel.conf: $!";
my $example = do { local $/; <$f> };
my $maps = join "\n", $example =~ /^map .*?^\}/msg;
my %attr = $example =~ /^otel_span_attr (\S+)\s+(\S+);/mg;

$t->write_conf(http => "$maps\nlog_format span '" . join(' ', map { "$_=$attr{$_};" } sort keys %attr) . "';", server => <<'END');
location /span/ { litellm; access_log %%DIR%%/access.log span; }
location /off/ { litellm; litellm_trace_context off; }
location /file/ { litellm; litellm_config %%DIR%%/off.yaml; }
location /file/on/ { litellm; litellm_config %%DIR%%/off.yaml; litellm_trace_context on; }
END
my $models = <<'END';
model_list:
  - {model_name: gpt, litellm_params: {model: openai/gpt-4o, api_key: k, api_base: 'http://127.0.0.1:%%PORT_8081%%/v1'}}
  - {model_name: claude, litellm_params: {model: anthropic/claude-3-5-sonnet, api_key: k,
      api_base: 'http://127.0.0.1:%%PORT_8082%%'}}
  - {model_name: blue, litellm_params: {model: azure/gpt-4o, api_key: k, api_version: v, api_base: 'http://127.0.0.1:%%PORT_8081%%'}}
  - {model_name: own, litellm_params: {model: openai/gpt-4o, api_key: k, api_base: 'http://127.0.0.1:%%PORT_8081%%/v1',
      extra_headers: {TraceParent: mine}}}
END
$t->write_file_expand('litellm.yaml', $models);
$t->write_file_expand('off.yaml', "${models}litellm_settings: {forward_traceparent_to_llm_provider: false}\n");

my $openai = $t->mock(8081, sub { answer(200, openai_chat('Hi')) });
my $anthropic = $t->mock(8082, sub { answer(200, anthropic_message('Hi')) });
$t->run;

my $good = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

# what the provider got of the trace, in order, as "name: value"
sub sent {
    my ($uri, $model, @headers) = @_;
    my $r = http(chat($model, uri => "${uri}v1/chat/completions", headers => \@headers));
    is($r->{status}, 200, 'answered') or diag($r->{raw});
    my $got = ($model eq 'claude' ? [$anthropic->requests] : [$openai->requests])->[-1];
    return join '; ', map { "$_->[0]: $_->[1]" } grep { $_->[0] =~ /^trace/i } @{$got->{headers}};
}

is(sent('/', 'gpt'), '', 'nothing of nothing');
is(sent('/', 'gpt', Traceparent => $good, TraceState => 'a=1', Tracestate => 'b=2'),
    "traceparent: $good; tracestate: a=1; tracestate: b=2", 'passed on');
is(sent('/', 'claude', traceparent => $good), "traceparent: $good", 'to another dialect');
is(sent('/', 'own', traceparent => $good, tracestate => 'a=1'), 'tracestate: a=1; TraceParent: mine',
    'extra_headers come first');
is(sent('/', 'gpt', traceparent => 'cc' . substr($good, 2) . '-more'), 'traceparent: cc' . substr($good, 2) . '-more',
    'a later version');

my $bad = 0;
for ('', 'x', uc $good, "$good-more", 'ff' . substr($good, 2), substr($good, 0, 54), $good =~ s/-b7ad6b7169203331/-0000000000000000/r,
    $good =~ s/0af7651916cd43dd8448eb211c80319c/0 x 32/er, $good =~ s/-/_/r, 'cc' . substr($good, 2) . '-' . 'x' x 2000)
{
    my $r = http(chat('gpt', headers => [traceparent => $_, tracestate => 'a=1']));
    $bad++ if $r->{status} != 200 || grep { $_->[0] =~ /^trace/i } @{[$openai->requests]->[-1]{headers}};
}
is($bad, 0, 'bad ones are not, nor their state');
is(sent('/', 'gpt', traceparent => $good, traceparent => $good), '', 'nor two');
is(sent('/', 'gpt', traceparent => $good, tracestate => "a=\x80"), "traceparent: $good", 'nor a state that is none');
is(sent('/', 'gpt', traceparent => $good, map { (tracestate => "a=$_") } 1 .. 9),
    join('; ', "traceparent: $good", map { "tracestate: a=$_" } 1 .. 8), 'lines of state are bounded');

# the example

cmp_ok(scalar keys %attr, '>', 20, 'attributes');
sent('/span/', 'blue');
$t->wait_access(qr/operation/);
my ($line) = $t->read_file('access.log') =~ /^(error\.type.*)/m;
my %span = map { /^(.*?)=(.*)/ ? ($1, $2) : () } split /; ?/, $line;
is_deeply([sort keys %span], [sort keys %attr], 'all of them');
is_deeply([map { $span{"gen_ai.$_"} } qw(operation.name provider.name request.model response.model response.finish_reasons
    usage.input_tokens usage.output_tokens)], [qw(chat azure.ai.openai blue gpt-4o stop 7 3)], 'their values')
    or diag($t->read_file('access.log'));

is(sent('/off/', 'gpt', traceparent => $good), '', 'directive: off');
is(sent('/file/', 'gpt', traceparent => $good), '', 'file: off');
is(sent('/file/on/', 'gpt', traceparent => $good), "traceparent: $good", 'the directive counts');

