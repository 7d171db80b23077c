#!/usr/bin/perl

# Every way a provider fails, against two of a group (the other one answers)
# and against the only one (the client is told what it was): what is counted,
# streamed and not, by two workers, and that nothing is left in flight.
#
# Faults of an answer are in retry.t, stream.t, hostile.t and fallback.t in more
# forms; here is what follows from each.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::DNS;
use LiteLLM::Mock qw(answer chunked openai_chat openai_chunk openai_error openai_stream sse);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->has('http_ssl', 'program openssl');
my $d = $t->dir;
my $slow = $LiteLLM::Peer::slow;
my @yes = (stream => JSON::PP::true);
my @stream = openai_stream('fine');

sub openssl {
    my $out = `cd '$d' && openssl @_ 2>&1`;
    die "openssl @_: $out" if $?;
}

$t->write_file('openssl.cnf', "[ca]\ndefault_ca=own\n[own]\ndatabase=$d/index\nserial=$d/serial\nnew_certs_dir=$d\n"
    . "default_md=sha256\npolicy=any\nunique_subject=no\nrand_serial=yes\n[any]\n"
    . "[req]\ndistinguished_name=dn\n[dn]\n[root]\nbasicConstraints=critical,CA:TRUE\n"
    . "[here]\nsubjectAltName=DNS:localhost\n[elsewhere]\nsubjectAltName=DNS:elsewhere.test\n");
$t->write_file('index', '');
openssl("req -x509 -newkey rsa:2048 -nodes -keyout $_.key -out $_.crt -days 30 -subj /CN=$_ "
    . '-config openssl.cnf -extensions root') for 'known', 'strange';
for my $case (['name', 'elsewhere', 'known', '20200101000000Z', '20990101000000Z'],
    ['expired', 'here', 'known', '20200101000000Z', '20200201000000Z'],
    ['unknown', 'here', 'strange', '20200101000000Z', '20990101000000Z'])
{
    my ($name, $names, $ca, $from, $to) = @$case;
    openssl("req -new -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=localhost -config openssl.cnf");
    openssl("ca -batch -config openssl.cnf -in $name.csr -out $name.crt -cert $ca.crt -keyfile $ca.key "
        . "-startdate $from -enddate $to -extensions $names -notext");
}

# what the provider does; base: elsewhere; expected: status, type, code of the
# error that the client sees, and its class; for a stream, if it differs
my $refused = "http://127.0.0.1:%%PORT_8083%%/v1";
my $down = [500, 'internal_server_error', '500', 'APIConnectionError'];
my $late = [408, 'invalid_request_error', '408', 'Timeout'];
my $rubbish = [502, 'internal_server_error', '502', 'BadGatewayError'];
my %head = (json => "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n", sse => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n");
my @faults = (
    ['refuse', $refused, $down],
    ['reset', sub { $_[0]->reset; 0 }, $down],
    ['close', sub { 0 }, $down],
    ['half-header', sub { $_[0]->write("HTTP/1.1 200 OK\r\nContent-Ty"); $_[0]->reset; 0 }, $down],
    ['no-http', sub { $_[0]->write("220 mail.test ESMTP\r\n"); 0 }, $down],
    ['half-body', sub { my ($p, $req, $s) = @_;
        $p->write($s ? chunked($stream[0], undef) : "$head{json}Content-Length: 500\r\n\r\n{\"id\":");
        0 }, $down],
    ['silent', sub { $_[0]->closed(60); 0 }, $late],
    ['stalled', sub { my ($p, $req, $s) = @_;
        $p->write($s ? chunked($stream[0], undef) : "$head{json}Content-Length: 500\r\n\r\n{\"id\":");
        $p->closed(60); 0 }, $late],
    ['half-closed', sub { my ($p) = @_; $p->write("HTTP/1.1 200 OK\r\n"); shutdown $p->{sock}, 1; $p->closed(60); 0 }, $down],
    ['429', sub { answer(429, openai_error('slow down', 'tokens', 'rate_limit_exceeded'), 'Retry-After' => 9) },
        [429, 'tokens', 'rate_limit_exceeded', 'RateLimitError']],
    ['500', sub { answer(500, openai_error('oops', 'server_error', undef)) }, [500, 'server_error', '500', 'InternalServerError']],
    ['503', sub { answer(503, '<html>upstream connect error</html>', 'Content-Type' => 'text/html') },
        [503, 'internal_server_error', '503', 'ServiceUnavailableError']],
    ['529', sub { answer(529, openai_error('Overloaded', 'overloaded_error', undef)) }, [529, 'overloaded_error', '529', 'APIError']],
    ['401', sub { answer(401, openai_error('Incorrect API key provided', 'invalid_request_error', 'invalid_api_key')) },
        [401, 'invalid_request_error', 'invalid_api_key', 'AuthenticationError']],
    ['window', sub { answer(400, openai_error("This model's maximum context length is 8 tokens", 'invalid_request_error',
        'context_length_exceeded')) }, [400, 'invalid_request_error', 'context_length_exceeded', 'ContextWindowExceededError']],
    ['policy', sub { answer(400, openai_error('Your request was rejected as a result of our safety system',
        'invalid_request_error', 'content_policy_violation')) },
        [400, 'invalid_request_error', 'content_policy_violation', 'ContentPolicyViolationError']],
    ['garbage', sub { answer(200, '<html>captive portal</html>') }, $rubbish],
    ['html', sub { answer(200, '<html>captive portal</html>', 'Content-Type' => 'text/html') }, $rubbish, $down],
    ['events', sub { chunked(sse('nonsense', '[1]', '{"choices":5}')) }, $rubbish],
    ['empty', sub { answer(200, '') }, $rubbish],
    ['no-events', sub { chunked(': nothing' . "\n\n") }, $rubbish, $down],
    (map { ["tls-$_->[0]", "https://localhost:%%PORT_$_->[1]%%/v1", $down] }
        ['plain', 8084], ['name', 8443], ['expired', 8444], ['unknown', 8445]),
    ['nxdomain', 'http://gone.test:%%PORT_8081%%/v1', $down],
    ['dns-silent', 'http://silent.test:%%PORT_8081%%/v1', $down]);
$t->plan(@faults * 6 + 19);

$t->write_conf(http => <<'END' . join('', map { <<"END" } ['name', 8443], ['expired', 8444], ['unknown', 8445]));
litellm_zone zone=here:1m;
litellm_health_valid 1h;
litellm_read_timeout 700ms;
litellm_connect_timeout 700ms;
litellm_ssl_trusted_certificate %%DIR%%/known.crt;
resolver 127.0.0.1:%%PORT_5353_UDP%% ipv6=off;
resolver_timeout 700ms;
END
server {
    listen 127.0.0.1:%%PORT_$_->[1]%% ssl;
    ssl_certificate %%DIR%%/$_->[0].crt;
    ssl_certificate_key %%DIR%%/$_->[0].key;
    location / { proxy_pass http://127.0.0.1:%%PORT_8081%%; }
}
END
my $conf = $t->read_file('nginx.conf');
$conf =~ s/worker_processes 1;/worker_processes 2;/;
$conf =~ s/700ms/int(700 * $slow) . 'ms'/ge;
$t->write_file('nginx.conf', $conf);

# for each fault and kind of call: two of a group, where a failure that counts
# is a cooldown at once, and the only one of a group
sub entry {
    my ($group, $id, $base, $more) = @_;
    return "  - model_name: $group\n    litellm_params: {model: openai/gpt-4o, api_base: '$base', api_key: sk-secret-$id$more}\n"
        . "    model_info: {id: $id, allowed_fails: 0, cooldown_time: 60}\n";
}
my $yaml = '';
for my $fault (@faults) {
    my ($name, $how) = @$fault;
    my $base = ref $how ? "http://127.0.0.1:%%PORT_8081%%/$name" : $how;
    for my $kind ('plain', 'stream') {
        $yaml .= entry("two-$name-$kind", "bad-$name-$kind", $base, ', order: 1')
            . entry("two-$name-$kind", "good-$name-$kind", 'http://127.0.0.1:%%PORT_8082%%/v1', ', order: 2');
    }
    $yaml .= entry("one-$name", "one-$name", $base, '');
}
$yaml .= entry("late-$_", "late-$_", "http://127.0.0.1:%%PORT_8081%%/late-$_", '') for 'reset', 'stall', 'rubbish';
$yaml .= entry('back', 'back', 'http://back.test:%%PORT_8081%%/back', ', order: 1, cooldown_time: 0') =~ s/, allowed_fails.*\}/}/r
    . entry('back', 'spare', 'http://127.0.0.1:%%PORT_8082%%/v1', ', order: 2');
$t->write_file_expand('litellm.yaml', "model_list:\n$yaml" . "litellm_settings: {num_retries: 0}\n");

my %faults = map { $_->[0] => $_->[1] } @faults;
$faults{back} = sub { answer(200, openai_chat('back')) };
$faults{'late-reset'} = sub { my $p = shift; $p->write(chunked(@stream[0, 1], undef)); sleep 0.2; $p->reset; 0 };
$faults{'late-stall'} = sub { my $p = shift; $p->write(chunked(@stream[0, 1], undef)); $p->closed(60); 0 };
$faults{'late-rubbish'} = sub { chunked(@stream[0, 1], sse('nonsense')) };
my $mock = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    my ($name) = $req->{uri} =~ m{^/([^/]+)};
    return $faults{$name}->($peer, $req, json_of($req->{body})->{stream});
});
my $good = $t->mock(8082, sub { json_of($_[1]{body})->{stream} ? chunked(@stream) : answer(200, openai_chat('fine')) });

# plain HTTP where TLS is expected: answers what it gets, as such servers do
my $plain = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $t->port(8084), Listen => 8, ReuseAddr => 1) or die $!;
$t->daemon(sub {
    while (my $s = $plain->accept) {
        my $p = LiteLLM::Peer->new($s);
        $p->fill(5);
        $p->write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
        $p->close;
    }
});
close $plain;

my $dns = LiteLLM::DNS->new($t, '5353_UDP', 'gone.test 0', '* 0 silent');
$t->run;

sub content { my $j = json_of($_[0]{body}); return $j ? $j->{choices}[0]{message}{content} // $j->{error}{message} : '' }

# status, type, code, class of the answer's error
sub told {
    my $r = shift;
    my $e = (json_of($r->{body}) || {})->{error} || {};
    my ($class) = ($e->{message} // '') =~ /^litellm\.(\w+): /;
    return join ' ', map { $_ // '?' } $r->{status}, $e->{type}, $e->{code}, $class;
}

for my $fault (@faults) {
    my ($name, $how, $expected, $streamed) = @$fault;

    # all at once

    my (%two, %one);
    for my $kind ('plain', 'stream') {
        my @more = $kind eq 'stream' ? @yes : ();
        $two{$kind} = start(chat("two-$name-$kind", num_retries => 1, @more));
        $one{$kind} = start(chat("one-$name", @more));
    }
    for my $kind ('plain', 'stream') {
        my @error = @{$kind eq 'stream' && $streamed || $expected};
        my $what = "$name, $kind";
        my ($r, $only) = (finish($two{$kind}), finish($one{$kind}));
        is(told($only), "@error", "$what: the only one") or diag($only->{raw});

        # what the client did wrong is wrong everywhere, and nobody's failure

        my $mine = $error[0] == 400;
        is($mine ? told($r) : $kind eq 'stream' ? texts($r->{body}) : content($r), $mine ? "@error" : 'fine',
            "$what: one of two") or diag($r->{raw});
        my ($counted) = $t->read_file('error.log') =~ /deployment "bad-$name-$kind" of .* is cooled down for 60000 ms: (.*?)(?:, client|$)/m;
        is($counted // '', $mine ? '' : "$error[3], status $error[0]", "$what: what is counted");
    }
}
is(scalar(grep { json_of($_->{body})->{messages}[0]{content} ne 'Hello' } $good->requests), 0, 'the other one got the same messages');

# a stream that fails behind its first text

for my $how ('reset', 'stall', 'rubbish') {
    my $r = http(chat("late-$how", @yes));
    my @events = events($r->{body});
    is(texts($r->{body}), 'fine', "$how behind the first text: the text");
    my $e = json_of($events[-1])->{error} || {};
    is($e->{code}, $how eq 'stall' ? '408' : $how eq 'reset' ? '500' : '502', "$how behind the first text: an error event")
        or diag($r->{raw});
    ok(!grep({ $_ eq '[DONE]' } @events), "$how behind the first text: no end mark");
    ok($t->read_file('error.log') =~ /stream of deployment "late-$how" of .* was cut/, "$how behind the first text: counted");
}

# a nameserver that is gone and comes back; by one connection, as each worker knows
# the names that it has asked for

my $client;
sub back {
    my $raw = chat('back') =~ s/Connection: close\r\n//r;
    $client ? $client->write($raw) : ($client = start($raw));
    return content(finish($client));
}
is(back(), 'fine', 'no nameserver: the other one answers');
$dns->zone('back.test 1 127.0.0.1');
my $end = time + 15 * $slow;
my $r;
sleep 0.2 while ($r = back()) ne 'back' && time < $end;
is($r, 'back', 'a nameserver again: so is the deployment, without a reload');
$dns->zone('* 0 silent');
sleep 1.2;
is(back(), 'back', 'and gone again: what is known is used');

# nothing is left

my $all = json_of(http_get('/health')->{body});
my @all = map { @{$all->{$_} || []} } qw(healthy_endpoints unhealthy_endpoints unprobed_endpoints);
cmp_ok(scalar(@all), '>', 2 * @faults, 'all deployments are shown');
is(json_text([grep { $_->{in_flight} } @all]), '[]', 'nothing is in flight');
unlike($t->read_file('error.log'), qr/sk-secret/, 'no key in the log');
