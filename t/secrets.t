#!/usr/bin/perl

# Keys of providers, of the gateway and of clients, and prompts, are planted and
# looked for in everything that comes out: answers, errors, health, logs (at
# debug level too), nginx -t.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer openai_chat openai_error anthropic_error);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(19);

my %secret = (provider => 'sk-planted-provider-7f31', base => 'sk-planted-in-url-55aa',
    master => 'sk-planted-master-0b72', env => 'sk-planted-env-91ce', file => 'sk-planted-file-c0de',
    client => 'sk-planted-client-3d3d', header => 'planted-header-value-2222');
my $prompt = 'planted prompt words';

$ENV{TEST_NGINX_LEVEL} = 'debug_http';
$t->write_conf(http => 'litellm_env_file %%DIR%%/.env;');
$t->write_file('.env', "PLANTED_FILE_KEY=$secret{file}\n");
$t->write_file_expand('litellm.yaml', <<END);
model_list:
  - model_name: gpt
    litellm_params:
      model: openai/gpt-4o
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      api_key: $secret{provider}
      extra_headers: {X-Secret: $secret{header}}
  - model_name: claude
    litellm_params:
      model: anthropic/claude-3-5-sonnet-20241022
      api_base: http://127.0.0.1:%%PORT_8081%%
      api_key: os.environ/PLANTED_ENV_KEY
  - model_name: file
    litellm_params:
      model: openai/gpt-4o
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      api_key: os.environ/PLANTED_FILE_KEY
  - model_name: url
    litellm_params:
      model: openai/gpt-4o
      api_base: http://127.0.0.1:%%PORT_8081%%/v1?key=$secret{base}
      api_key: k
  - model_name: dead
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8082%%/v1", api_key: $secret{provider}}
general_settings:
  master_key: $secret{master}
litellm_settings:
  num_retries: 0
END

# a provider that says the key back, as some do
my $mock = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    my $key = $req->{header}{authorization} || $req->{header}{'x-api-key'};
    $key =~ s/^Bearer //;
    my $user = json_of($req->{body})->{user} // json_of($req->{body})->{metadata}{user_id} // '';
    return answer(401, openai_error("Incorrect API key provided: $key. You can find it", 'invalid_request_error',
        'invalid_api_key'), 'X-Echo' => $key) if $user eq 'echo';
    return answer(500, "key was $key") if $user eq 'echo-text';
    return answer(200, openai_chat('hi'));
});

my %env = (PLANTED_ENV_KEY => $secret{env});
my ($rc, $out) = $t->test_conf(env => \%env);
is($rc, 0, 'nginx -t') or diag($out);
$t->run(env => \%env);

my $all = '';
my @key = ('Authorization' => "Bearer $secret{master}");
for my $model ('gpt', 'claude', 'file', 'url', 'dead', 'nope') {
    for my $user ('x', 'echo', 'echo-text') {
        for my $stream (JSON::PP::false, JSON::PP::true) {
            $all .= http(chat($model, headers => [@key], user => $user, stream => $stream,
                messages => [{ role => 'user', content => $prompt }]))->{raw};
        }
    }
}
$all .= http(chat('gpt', headers => ['api-key' => $secret{client}]))->{raw};
$all .= http_post('/v1/chat/completions', "{\"model\":\"gpt\",\"x\":\"$prompt\"", @key)->{raw};
$all .= http_post('/v1/chat/completions?key=1', 'x', @key)->{raw};
my $health = http_get('/health', @key);
$all .= $health->{raw} . http_get('/models', @key)->{raw} . http_get('/nope', @key)->{raw};

# the keys did travel where they belong

my $sent = join '', $mock->raw_requests;
for my $name ('provider', 'env', 'file', 'header') {
    like($sent, qr/\Q$secret{$name}\E/, "control: the provider got: $name");
}
unlike($sent, qr/\Q$secret{master}\E|\Q$secret{client}\E/, 'no client\'s key for a provider');

is($health->{status}, 200, 'health');

for my $name (sort keys %secret) {
    unlike($all, qr/\Q$secret{$name}\E/, "answers: $name");
}

$t->stop;
my $log = $t->read_file('error.log') . $t->read_file('access.log') . $t->read_file('stderr.log') . $out;
like($log, qr/\[debug\]|litellm/, 'control: there is a log');

# nginx's own debug lines show headers as they are read and written: only ours
# count, and everything from info up

my @ours = grep { !/\[debug\]/ || /litellm/ } split /\n/, $log;
my @bad = grep { my $l = $_; grep { $l =~ /\Q$_\E/ } values %secret } @ours;
@bad = grep { !/http (proxy )?header: |^\S+ \S+ \[debug\] .* "/ } @bad;
is(join("\n", @bad), '', 'no key in the log');
is(join("\n", grep { /\Q$prompt\E/ } @ours), '', 'no prompt in the log');
unlike($out, qr/planted/, 'nor in what nginx -t says');
like($sent, qr/\Q$prompt\E/, 'control: the prompt went to the provider');
