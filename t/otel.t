#!/usr/bin/perl

# conf-examples/otel.conf as it is shipped, but for the collector's address, with
# nginx's own ngx_otel_module: the spans that it exports.  The module is none of
# Debian's packages: without TEST_NGINX_OTEL, its path, this is passed over, and
# trace.t alone holds the example.

use warnings;
use strict;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use LiteLLM::Mock qw(answer chunked openai_chat openai_chunk openai_error sse);
use LiteLLM::Test;

my $t = LiteLLM::Test->new;
my $module = $ENV{TEST_NGINX_OTEL};
plan(skip_all => 'no ngx_otel_module: TEST_NGINX_OTEL') if !$module;
$t->plan(17);
my $top = dirname(dirname(abs_path(__FILE__)));

open(my $f, '<', "$top/conf-examples/otel.conf") or die "otel.conf: $!";
my $example = do { local $/; <$f> };
my %attr = $example =~ /^otel_span_attr (\S+)\s+(\S+);/mg;
is($example =~ s/endpoint localhost:4317;/endpoint 127.0.0.1:%%PORT_4317%%; interval 200ms;/, 1, 'the collector');

# a collector: nginx speaks HTTP/2 with the module, and gives what it said to a mock

$t->write_conf(http => <<'END', server => 'location /plain { return 204; }');
include otel.conf;
server {
    listen 127.0.0.1:%%PORT_4317%% http2;
    otel_trace off;
    location / { proxy_pass http://127.0.0.1:%%PORT_8082%%; }
}
END
$t->write_file('nginx.conf', $t->read_file('nginx.conf') =~ s/\A/load_module $module;\n/r);
$t->write_file_expand('otel.conf', $example);
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - {model_name: chatty, litellm_params: {model: azure/gpt-4o, api_key: k, api_version: v, api_base: 'http://127.0.0.1:%%PORT_8081%%'}, model_info: {id: this-one}}
general_settings: {master_key: sk-secret-master}
END
my $up = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    my $j = json_of($req->{body});
    return answer(400, openai_error('no', 'invalid_request_error')) if $j->{temperature};
    return answer(200, openai_chat('Hi')) if !$j->{stream};
    return chunked(sse(openai_chunk('Hi'), openai_chunk({}, choices => [{ index => 0, delta => {}, finish_reason => 'length' }]),
        openai_chunk({}, choices => [], usage => { prompt_tokens => 1000, completion_tokens => 20, total_tokens => 1020 }), '[DONE]'));
});
my $collector = $t->mock(8082, sub { answer(200, '', 'Content-Type' => 'application/grpc', 'grpc-status' => 0) });

my ($rc, $out) = $t->test_conf;
is($rc, 0, 'the example is good') or diag($out);
unlike($out, qr/\[(warn|error|emerg)\]/, 'without a warning');
$t->run;

# Protobuf: [number, value]...
sub fields {
    my ($in, @out) = shift;
    my $varint = sub {
        my ($n, $shift) = (0, 0);
        while ($in =~ s/^(.)//s) { $n |= (ord($1) & 127) << $shift; $shift += 7; last if ord $1 < 128 }
        return $n;
    };
    while (length $in) {
        my $tag = $varint->();
        my $len = ($tag & 7) == 1 ? 8 : ($tag & 7) == 5 ? 4 : $varint->();
        push @out, [$tag >> 3, $tag & 7 ? substr($in, 0, $len, '') : $len];
    }
    return @out;
}
sub of { my ($number, $message) = @_; return map { $_->[1] } grep { $_->[0] == $number } fields($message) }

# what the collector got: spans by name, each with its ids and attributes
sub spans {
    my (%spans, $body);
    for my $span (map { of(2, $_) } map { of(2, $_) } map { of(1, $_) } map { substr $_->{body}, 5 } $collector->requests) {
        my %attr = map { my ($key, $any) = (of(1, $_), of(2, $_)); my ($text) = of(1, $any); $key => $text } of(9, $span);
        push @{$spans{(of(5, $span))[0]}}, { attr => \%attr, map { $_->[0] => unpack 'H*', (of($_->[1], $span))[0] // '' } [trace => 1], [id => 2], [parent => 4] };
    }
    return \%spans;
}

my $trace = '0af7651916cd43dd8448eb211c80319c';
my @from = (headers => [Authorization => 'Bearer sk-secret-master', traceparent => "00-$trace-b7ad6b7169203331-01"]);
is(http(chat('chatty', @from))->{status}, 200, 'a request');
like(http(chat('chatty', @from, stream => JSON::PP::true()))->{body}, qr/\[DONE\]/, 'a stream');
is(http(chat('chatty', @from, temperature => 1))->{status}, 400, 'a failure');
is(http_get('/plain')->{status}, 204, 'a request of no model');

my $spans = {};
for (1 .. 200) {
    $spans = spans();
    last if @{$spans->{'chat chatty'} || []} == 3 && $spans->{GET};
    select undef, undef, undef, 0.05 * $LiteLLM::Peer::slow;
}
my ($one, $stream, $failed) = @{$spans->{'chat chatty'} || []};
is(join(' ', sort keys %$spans), 'GET chat chatty', 'their names') or diag(explain($spans));
is("$one->{trace} $one->{parent}", "$trace b7ad6b7169203331", 'under the client\'s');
is(($up->requests)[0]{header}{traceparent}, "00-$trace-$one->{id}-01", 'the provider\'s under ours');
is_deeply([grep { !exists $one->{attr}{$_} } keys %attr], [], 'all attributes');
my $names = sub { my $span = shift; join ' ', map { $span->{attr}{$_} } @_ };
is($names->($one, map { "gen_ai.$_" } qw(operation.name provider.name request.model response.model response.finish_reasons usage.input_tokens usage.output_tokens)),
    'chat azure.ai.openai chatty gpt-4o stop 7 3', 'their values');
is($names->($one, map { "litellm.$_" } qw(model_group deployment attempts cost)), 'chatty this-one 1 0.0000475', 'and of ours');
is($names->($stream, 'gen_ai.response.finish_reasons', 'gen_ai.usage.input_tokens', 'litellm.cost'), 'length 1000 0.0027', 'a stream: usage and cost of its end');
like($stream->{attr}{'litellm.ttft'}, qr/^\d+\.\d+$/, 'a stream: its first token');
is($failed->{attr}{'error.type'}, 'BadRequestError', 'a failure: its class');
unlike(join('', map { $_->{body} } $collector->requests), qr/secret/, 'no secret');
