#!/usr/bin/perl

# conf-examples/nginx.conf with production.yaml, providers.yaml and
# local-server.yaml as they are shipped, but for addresses, ports and trust:
# what their comments promise; keys.conf, too.  The other examples are in jwt.t,
# otel.t, quickstart.t, regions.t, trace.t and variables.t.

use warnings;
use strict;

use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use File::Basename qw(dirname);
use JSON::PP ();
use Test::More;

use LiteLLM::Mock qw(answer anthropic_message openai_chat openai_error);
use LiteLLM::Test;

my $top = dirname(dirname(abs_path(__FILE__)));
my $t = LiteLLM::Test->new->has('http_ssl', 'program openssl', 'program curl')->plan(55);
my $d = $t->dir;

sub example {
    open my $f, '<', "$top/conf-examples/$_[0]" or die "$_[0]: $!";
    local $/;
    return scalar <$f>;
}

my %names = map { $_ => 1 } qw(apps.json jwt.conf jwt.yaml keys.conf keys.yaml litellm-config.yaml local-server.yaml log.conf nginx.conf
    otel.conf production.yaml providers.yaml regions.conf regions.yaml);
opendir my $dir, "$top/conf-examples" or die;
is(join(' ', grep { !/^\./ && !$names{$_} } readdir $dir), '', 'each example has its test');

# nginx.conf and production.yaml

$t->write_file('openssl.cnf', "[req]\ndistinguished_name=dn\n[dn]\n[ca]\nsubjectAltName=DNS:api.openai.com,DNS:api.anthropic.com\n");
my $out = `cd '$d' && openssl req -x509 -newkey rsa:2048 -nodes -keyout own.key -out own.crt -days 30 -subj /CN=x \\
    -config openssl.cnf -extensions ca 2>&1`;
die $out if $?;

sub env_file {
    $t->write_file('env.new', join '', map { "$_\n" } @_);
    chmod 0600, "$d/env.new";
    rename "$d/env.new", "$d/litellm.env";
}
my @keys = ('OPENAI_API_KEY=sk-secret-one', 'OPENAI_API_KEY_2=sk-secret-two', 'ANTHROPIC_API_KEY=sk-secret-three', 'LITELLM_MASTER_KEY=sk-secret-master');
env_file(@keys);
$t->write_file('production.yaml', example('production.yaml'));

my $conf = example('nginx.conf');
$conf =~ s/^load_module .*\n\nworker_processes .*$/%%TEST_GLOBALS%%/m;
$conf =~ s/^http \{$/http {\n%%TEST_GLOBALS_HTTP%%/m;
$conf =~ s/worker_rlimit_nofile 65536;/worker_rlimit_nofile 4096;/;
$conf =~ s/worker_connections 16384;/worker_connections 1024;/;
$conf =~ s/listen 4000/listen 127.0.0.1:%%PORT_8080%%/;
$conf =~ s/listen 127.0.0.1:4001/listen 127.0.0.1:%%PORT_4001%%/;

# names of servers are looked up at the start: there is nobody here to ask

is($conf =~ s/server api.openai.com:443;/server 127.0.0.1:%%PORT_8441%%;/, 1, 'the group of OpenAI\'s addresses');
$conf =~ s/^(    server \{)/    upstream api.anthropic.com { server 127.0.0.1:%%PORT_8442%%; }\n    litellm_ssl_trusted_certificate $d\/own.crt;\n$1/m;
$conf =~ s/\}\n\z//;
$conf .= <<"END" for 8441, 8442;
    server {
        listen 127.0.0.1:%%PORT_$_%% ssl;
        ssl_certificate $d/own.crt;
        ssl_certificate_key $d/own.key;
        location / {
            proxy_pass http://127.0.0.1:%%PORT_8081%%;
            proxy_set_header Host \$host;
            proxy_set_header X-Of $_;
            proxy_set_header X-Connection \$connection;
        }
    }
END
$t->write_file_expand('nginx.conf', "$conf}\n");

my ($rc, $text) = $t->test_conf;
is($rc, 0, 'production: the example is good') or diag($text);
unlike($text, qr/\[(warn|error|emerg)\]/, 'production: without a warning');

# whether a provider fails is a file
my $up = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    my $of = $req->{header}{'x-of'} // '';
    return answer(400, openai_error('no', 'invalid_request_error')) if -e "$d/bad-$of";
    return answer(200, $of eq '8442' ? anthropic_message('from anthropic') : openai_chat('from openai'));
});
$t->run;

my @key = (headers => [Authorization => 'Bearer sk-secret-master']);
sub content { my $j = json_of($_[0]{body}); return $j ? $j->{choices}[0]{message}{content} // $j->{error}{message} : '' }
sub count { my %n; $n{$_}++ for @_; return \%n }

is(http(chat('gpt-4o'))->{status}, 401, 'production: a key is needed');
is(content(http(chat('gpt-4o', @key))), 'from openai', 'production: and there it is');
is(($up->requests)[0]{header}{host}, 'api.openai.com', 'production: by its own name');
http(chat('gpt-4o', @key)) for 1 .. 60;
my $n = count(map { $_->{header}{authorization} } $up->requests);
is(join(' ', sort keys %$n), 'Bearer sk-secret-one Bearer sk-secret-two', 'production: two keys');
cmp_ok($n->{'Bearer sk-secret-one'}, '>', $n->{'Bearer sk-secret-two'}, 'production: the first one more often');
cmp_ok(scalar keys %{count(map { $_->{header}{'x-connection'} } $up->requests)}, '<', 10, 'production: connections are kept');
is(content(http(chat('gpt-4', @key))), 'from openai', 'production: an alias');
is(json_of(($up->requests)[-1]{body})->{model}, 'gpt-4o', 'production: of its model');
is(content(http(chat('claude-sonnet', @key))), 'from anthropic', 'production: another maker');
is(json_of(($up->requests)[-1]{body})->{max_tokens}, 8192, 'production: its default');
is(content(http(chat('anthropic/claude-of-tomorrow', @key))), 'from anthropic', 'production: any other model');
is(json_of(($up->requests)[-1]{body})->{model}, 'claude-of-tomorrow', 'production: by its own name');
is(http(chat('claude-sonnet', @key, logit_bias => {}))->{status}, 200, 'production: a parameter that the maker does not have');
$t->write_file('bad-8441', '');
is(content(http(chat('gpt-4o', @key))), 'from anthropic', 'production: a fallback to another maker');
unlink "$d/bad-8441";
$t->write_file('bad-8442', '');
is(content(http(chat('claude-sonnet', @key))), 'from openai', 'production: and back');
http(chat('anthropic/claude-of-tomorrow', @key));
is(json_of(($up->requests)[-1]{body})->{model}, 'gpt-4o-mini', 'production: the fallback of all others');
unlink "$d/bad-8442";

# a browser's

my @web = (Origin => 'https://chat.example.com');
my $r = http(chat('gpt-4o', uri => '/web/v1/chat/completions', headers => [@{$key[1]}, @web]));
is("$r->{status} $r->{header}{'access-control-allow-origin'}", '200 https://chat.example.com', 'web: an answer');
$r = http("OPTIONS /web/v1/chat/completions HTTP/1.1\r\nHost: a\r\nOrigin: https://chat.example.com\r\nAccess-Control-Request-Method: POST\r\n"
    . "Access-Control-Request-Headers: authorization\r\nConnection: close\r\n\r\n");
ok($r->{status} =~ /^20[04]$/ && $r->{header}{'access-control-allow-headers'} =~ /authorization/
    && $r->{header}{'access-control-allow-methods'} =~ /POST/, 'web: what a browser asks before') or diag($r->{raw});
is(http(chat('gpt-4o', uri => '/web/v1/chat/completions', headers => [@web]))->{header}{'access-control-allow-origin'},
    'https://chat.example.com', 'web: a refusal that it may read');

# the page, the limit, a reload

is(json_of(http("GET /status?format=json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", port => $t->port(4001))->{body})->{groups}{total},
    5, 'production: the status page');
is(http_get('/status', @{$key[1]})->{status}, 404, 'production: not where the clients are');
my $c = start(join '', map { "GET /health/liveliness HTTP/1.1\r\nHost: a\r\n\r\n" } 1 .. 400);
my @got = map { finish($c)->{status} } 1 .. 400;
$c->close;
$n = count(@got);
cmp_ok($n->{200} || 0, '>', 10, 'production: a burst of one address');
cmp_ok($n->{503} || 0, '>', 0, 'production: and its end');
env_file(@keys[0 .. 2], 'LITELLM_MASTER_KEY=sk-secret-of-next-month');
$t->reload;
for (1 .. 200) {
    $r = http(chat('gpt-4o', headers => [Authorization => 'Bearer sk-secret-of-next-month']));
    last if $r->{status} != 503 && $r->{status} != 401;
    select undef, undef, undef, 0.05;
}
is($r->{status}, 200, 'production: keys are read at a reload');
$t->stop;

# providers.yaml: no key is set but two

my $yaml = example('providers.yaml');
my @needs = grep { /os\.environ/ } split /  - model_name: /, $yaml =~ s/^general_settings.*//msr;
my @azure = grep { /AZURE_API_BASE/ } @needs;       # without an address they are none at all
$t->write_file_expand('litellm.yaml', $yaml =~ s/127\.0\.0\.1:8000/127.0.0.1:%%PORT_8081%%/r
    =~ s{(mistral/mistral-large-latest\n)}{$1      api_base: http://127.0.0.1:%%PORT_8081%%/v1\n}r);
$t->write_conf(server => 'location = /status { litellm_status; }');
my %env = (MISTRAL_API_KEY => 'sk-secret-mistral', LITELLM_MASTER_KEY => 'sk-secret-master');
($rc, $text) = $t->test_conf(env => \%env);
is($rc, 0, 'providers: the example is good') or diag($text);
unlike($text, qr/\[(error|emerg|alert)\]/, 'providers: without an error');
my $vertex = JSON::PP->new->encode({ type => 'authorized_user', map({ $_ => 'x' } qw(client_id client_secret refresh_token)) });
($rc, $text) = $t->test_conf(env => { map({ $_ => 'x' } $yaml =~ m{os\.environ/(\w+)}g), AZURE_API_BASE => 'https://x.example.com',
    VERTEXAI_CREDENTIALS => $vertex, %env });
unlike($text, qr/\[(warn|error|emerg|alert)\]/, 'providers: without a warning where all is set') or diag($text);
$t->run(env => \%env);
my $j = json_of(http_get('/status?format=json')->{body});
is($j->{deployments}{states}{unusable}, @needs - @azure - 1, 'providers: those without a key are left out') or diag(explain($j->{deployments}{states}));
is(join(' ', sort map { $_->{group} } grep { $_->{state} eq 'ok' } @{$j->{deployments}{list}}), 'local-llama local-vllm mistral-large', 'providers: the others are not');
is(content(http(chat('mistral-large', @key))), 'from openai', 'providers: one with its key');
is(($up->requests)[-1]{header}{authorization}, 'Bearer sk-secret-mistral', 'providers: it is sent');
is(content(http(chat('local-vllm', @key))), 'from openai', 'providers: one that needs none');
$n = $up->requests;
isnt(http(chat('gpt-4o', @key))->{status}, 200, 'providers: one without');
is(scalar($up->requests), $n, 'providers: nobody is asked');
$t->stop;

# local-server.yaml

$yaml = example('local-server.yaml') =~ s/127\.0\.0\.1:8000/127.0.0.1:%%PORT_8081%%/r =~ s/(gpu-\d):8000/127.0.0.1:%%PORT_8081%%\/$1/gr;
$t->write_file_expand('litellm.yaml', $yaml);
$t->run(env => { OPENAI_API_KEY => 'sk-secret-openai' });
http(chat('llama'));
my $last = ($up->requests)[-1];
is("$last->{uri} " . json_of($last->{body})->{temperature}, '/v1/chat/completions 0.2', 'local: the address as it is written, a default');
is($last->{header}{authorization}, 'Bearer none', 'local: the key stays at home');
http(chat('qwen')) for 1 .. 20;
$n = count(map { $_->{uri} } ($up->requests)[-20 .. -1]);
is(join(' ', sort keys %$n), '/gpu-1/v1/chat/completions /gpu-2/v1/chat/completions', 'local: two machines');
http(chat('qwen-thinking'));
is_deeply(json_of(($up->requests)[-1]{body})->{chat_template_kwargs}, { enable_thinking => JSON::PP::true() }, 'local: a member of its own');
$t->stop;

# without api_key

$t->write_file_expand('litellm.yaml', $yaml =~ s/ +api_key: none\n//gr);
$t->run(env => { OPENAI_API_KEY => '' });
http(chat('llama'));
is(($up->requests)[-1]{header}{authorization}, undef, 'local: without one nothing is sent');
$t->stop;
$t->run(env => { OPENAI_API_KEY => 'sk-secret-openai' });
http(chat('llama'));
is(($up->requests)[-1]{header}{authorization}, 'Bearer sk-secret-openai', 'local: the variable is used where it is set');
$t->stop;
# keys.conf: keys of the files, a team by the name in a certificate

$yaml = example('keys.yaml') =~ s/(api_key: os)/api_base: http:\/\/127.0.0.1:%%PORT_8081%%\n      $1/gr;
my %key = map { $_ => "sk-secret-of-$_" } qw(notebook frontend ci);
is($yaml =~ s/6ca13d52\w{56}/sha256_hex($key{notebook})/e, 1, 'keys: a SHA-256 in the file');
$t->write_file_expand('keys.yaml', $yaml);
$t->write_file('apps.json', example('apps.json') =~ s/9f735e0d\w{56}/sha256_hex($key{frontend})/er);
chmod 0600, "$d/apps.json";
for my $name (qw(clients other)) {
    $out = `cd '$d' && openssl req -x509 -newkey rsa:2048 -nodes -keyout $name.key -out $name.crt -days 30 -subj /CN=$name 2>&1`;
    die $out if $?;
}
for my $name (qw(search ads nobody)) {
    $out = `cd '$d' && openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name 2>&1 && openssl x509 -req \\
        -in $name.csr -CA clients.crt -CAkey clients.key -CAcreateserial -days 30 -out $name.crt 2>&1`;
    die $out if $?;
}
system("cp '$d/own.crt' '$d/llm.crt'; cp '$d/own.key' '$d/llm.key'");
$conf = example('keys.conf');
$conf =~ s/^load_module .*\n\nworker_processes .*$/%%TEST_GLOBALS%%/m;
$conf =~ s/^http \{$/http {\n%%TEST_GLOBALS_HTTP%%/m;
$conf =~ s/worker_connections 4096;/worker_connections 1024;/;
$conf =~ s/listen 4000/listen 127.0.0.1:%%PORT_8080%%/;
$conf =~ s/listen 4443/listen 127.0.0.1:%%PORT_4443%%/;
$t->write_file_expand('nginx.conf', $conf);
$t->run(env => { CI_KEY => $key{ci}, OPENAI_API_KEY => 'k', ANTHROPIC_API_KEY => 'k', LITELLM_MASTER_KEY => 'sk-secret-master' });
sub with { my ($who, $model, @more) = @_; return http(chat($model, headers => [Authorization => "Bearer $key{$who}"], @more))->{status} }
is(join(' ', with(ci => 'gpt-4o'), with(ci => 'claude-sonnet')), '200 403', 'keys: from the environment, its models');
with(notebook => 'best');
is(json_of(($up->requests)[-1]{body})->{model}, 'claude-sonnet-4-5', 'keys: an alias of its own');
is(with(ci => 'best') . ' ' . with(notebook => 'gpt-4o'), '403 403', 'keys: which no other has; an access group is not all');
is(with(frontend => 'gpt-4o'), 200, 'keys: of the file of many');
isnt(with(ci => 'gpt-4o', user => 'known-spammer'), 200, 'keys: an end user who is blocked');

sub by {
    my ($who, $model) = @_;
    my @cert = $who ? ('--cert', "$d/$who.crt", '--key', "$d/$who.key") : ();
    open my $run, '-|', 'curl', '-sk', '-m', 30, @cert, '-o', "$d/curl.out", '-w', '%{http_code}', '-H', 'Content-Type: application/json', '-d',
        JSON::PP->new->encode({ model => $model, messages => [{ role => 'user', content => 'Hi' }] }),
        'https://127.0.0.1:' . $t->port(4443) . '/v1/chat/completions' or die "curl: $!";
    return scalar <$run>;
}
is(by(search => 'gpt-4o'), 200, 'keys: a certificate');
is(by(ads => 'gpt-4o') . ' ' . by(ads => 'claude-sonnet'), '200 403', 'keys: the models of its team');
is(by(nobody => 'gpt-4o'), 401, 'keys: a certificate of no team');
is(by('', 'gpt-4o') . ' ' . by(other => 'gpt-4o'), '400 400', 'keys: none, and one of somebody else\'s');
$t->stop;
unlike($t->read_file('error.log') . $t->read_file('access.log'), qr/secret/, 'no key is in a log');
