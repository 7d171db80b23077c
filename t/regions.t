#!/usr/bin/perl

# conf-examples/regions.conf as it is shipped, but for addresses, port and trust:
# regions behind one deployment, the spare one, and what follows when all are
# down.

use warnings;
use strict;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use LiteLLM::Mock qw(answer chunked openai_chat openai_error openai_stream);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->has('http_ssl', 'program openssl')->plan(17);
my $d = $t->dir;
my $top = dirname(dirname(abs_path(__FILE__)));
my @yes = (stream => JSON::PP::true);

sub example {
    open my $f, '<', "$top/conf-examples/$_[0]" or die "$_[0]: $!";
    local $/;
    return scalar <$f>;
}

$t->write_file('openssl.cnf', "[req]\ndistinguished_name=dn\n[dn]\n[ca]\nsubjectAltName=DNS:llm.example.com\n");
my $out = `cd '$d' && openssl req -x509 -newkey rsa:2048 -nodes -keyout own.key -out own.crt -days 30 -subj /CN=x \\
    -config openssl.cnf -extensions ca 2>&1`;
die $out if $?;

$t->write_file('regions.yaml', example('regions.yaml'));
$t->write_file('litellm.env', "LLM_API_KEY=sk-of-all-regions\nLITELLM_MASTER_KEY=sk-master-of-this-test\n");
chmod 0600, "$d/litellm.env";
mkdir "$d/logs";

# first nothing but what belongs to the test's nginx is another

my $conf = example('regions.conf');
$conf =~ s/^load_module .*\n\nworker_processes .*$/%%TEST_GLOBALS%%/m;
$conf =~ s/^http \{$/http {\n%%TEST_GLOBALS_HTTP%%/m;
$conf =~ s/listen 4000/listen 127.0.0.1:%%PORT_8080%%/;
$conf =~ s{logs/llm}{$d/logs/llm};
$conf =~ s/worker_processes 1;/worker_processes 2;/;
$t->write_file_expand('nginx.conf', $conf);
my ($rc, $text) = $t->test_conf;
is($rc, 0, 'the example is good') or diag($text);
unlike($text, qr/\[(warn|error|emerg)\]/, 'without a warning');

my %at = ('192.0.2.10' => 8441, '192.0.2.11' => 8442, '198.51.100.10' => 8443);
$conf =~ s/\Q$_\E:443/127.0.0.1:%%PORT_$at{$_}%%/ for keys %at;
$conf =~ s/^(    server \{)/    litellm_ssl_trusted_certificate $d\/own.crt;\n$1/m;
$conf =~ s/\}\n\z//;
$conf .= <<"END" for values %at;
    server {
        listen 127.0.0.1:%%PORT_$_%% ssl;
        ssl_certificate $d/own.crt;
        ssl_certificate_key $d/own.key;
        location / {
            proxy_pass http://127.0.0.1:%%PORT_8081%%;
            proxy_set_header Host \$host;
            proxy_set_header X-Region $_;
            proxy_set_header X-SNI \$ssl_server_name;
        }
    }
END
$t->write_file_expand('nginx.conf', "$conf}\n");

# how a region answers is a file
sub how { my ($region, $how) = @_; $t->write_file("how.new", $how); rename "$d/how.new", "$d/how-$region" }
my $up = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    my $region = $req->{header}{'x-region'};
    my $how = $t->read_file("how-$region");
    return answer($how, openai_error('no', 'x', undef)) if $how;
    return json_of($req->{body})->{stream} ? chunked(openai_stream("from $region")) : answer(200, openai_chat("from $region"));
});
$t->run;

sub ask { return http(chat('llama', headers => [Authorization => 'Bearer sk-master-of-this-test'], @_)) }
sub content { my $j = json_of($_[0]{body}); return $j ? $j->{choices}[0]{message}{content} // $j->{error}{message} : '' }
sub from { my %n; $n{$_}++ for map { $_->{header}{'content-type'} =~ /event/ ? texts($_->{body}) : content($_) } @_; return join ', ', sort keys %n }

my @r = map { ask() } 1 .. 8;
is(from(@r), 'from 8441, from 8442', 'both of the first region');
my ($req) = $up->requests;
is($req->{header}{host}, 'llm.example.com', 'Host');
is($req->{header}{'x-sni'}, 'llm.example.com', 'SNI');
is($req->{header}{authorization}, 'Bearer sk-of-all-regions', 'the key');
is(json_of($req->{body})->{model}, 'llama-3.3-70b', 'the model');

how(8441, 503);
@r = map { ask($_ % 2 ? @yes : ()) } 1 .. 8;
is(from(@r), 'from 8442', 'one fails: the other one');
is(join(' ', grep { $_ } map { $_->{header}{'x-litellm-attempted-retries'} } @r), '', 'one fails: no retry');
is(join(' ', grep { $_ } map { $_->{header}{'x-litellm-attempted-fallbacks'} } @r), '', 'one fails: no fallback');

how(8442, 429);
@r = map { ask($_ % 2 ? @yes : ()) } 1 .. 8;
is(from(@r), 'from 8443', 'both fail: the spare one');
is(join(' ', grep { $_ } map { $_->{header}{'x-litellm-attempted-retries'} } @r), '', 'both fail: no retry');
unlike($t->read_file('error.log'), qr/deployment ".*" of "llama" .*failed|cooled down/, 'both fail: no failure of the deployment');

how(8443, 500);
my $r = ask();
like(content($r), qr/^All our servers are busy/, 'all fail: the stand-in');
like($t->read_file('error.log'), qr/deployment ".*" of "llama" failed/, 'all fail: a failure of the deployment');
$r = ask(@yes);
like(texts($r->{body}), qr/^All our servers are busy/, 'all fail: the stand-in, streamed');

$t->stop;
my $log = $t->read_file('logs/llm.log');
like($log, qr{"POST /v1/chat/completions HTTP/1.1" 200 127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+ 503, 200 }, 'the log has each server');
