#!/usr/bin/perl

# Virtual keys: where they come from, every header that carries them, what they
# may use, names of models of their own, teams, users and end users, variables
# that name them, and that no key is ever in a log.  Two workers.

use warnings;
use strict;

use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use File::Basename qw(dirname);
use Test::More;

use LiteLLM::Mock qw(answer openai_chat openai_error);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(141);

# a new key for each rule; all of them have "secret" in them

my $n = 0;
sub key { sprintf 'sk-secret-%s-%04d', $_[0], ++$n }

my %key = map { $_ => key($_) } qw(all hash env gpt wild bare beta alias fast team teamless lost blue
    staff expired later blocked routes chat llm json yaml master ownerless many);
$key{master} = 'sk-secret-master-key';

my $hash = sha256_hex($key{hash});

my $conf = $t->write_conf(
    http => "litellm_zone zone=z:1m;\nmap \$http_x_who \$who { default ''; ~^(?<w>[\\w-]+)\$ \$w; }\n"
        . "map \$http_x_role \$late { default ''; staff u-staff; }\n", server => <<'END')->read_file('nginx.conf');
location /file/ {
    litellm;
    litellm_config %%DIR%%/file.yaml;
    litellm_keys %%DIR%%/keys.json;
    litellm_keys %%DIR%%/keys.yaml;
}
location /other/ {
    litellm;
    litellm_config %%DIR%%/file.yaml;
}
location /named/ {
    litellm;
    litellm_principal user $who;
}
location /must/ {
    litellm;
    litellm_principal user $who required;
}
location /teams/ {
    litellm;
    litellm_principal team $who;
}
location /bykey/ {
    litellm;
    litellm_principal key $http_x_key;
}
location /ends/ {
    litellm;
    litellm_principal end_user $who;
}
location /late/ {
    auth_request /check;
    auth_request_set $checked $upstream_http_x_user;
    litellm;
    litellm_principal user $checked required;
}
location = /check {
    internal;
    proxy_pass http://127.0.0.1:%%PORT_8083%%/;
    proxy_pass_request_body off;
    proxy_set_header Content-Length "";
}
location /any/ {
    satisfy any;
    allow 127.0.0.1;
    deny all;
    litellm;
}
location /anyend/ {
    satisfy any;
    allow 127.0.0.1;
    deny all;
    litellm;
    litellm_principal end_user $who;
}
location /anynamed/ {
    satisfy any;
    allow 127.0.0.1;
    deny all;
    litellm;
    litellm_principal user $who;
}
END
$conf =~ s/%%DIR%%/$t->dir/ge;
$conf =~ s/worker_processes 1;/worker_processes 2;/;
$t->write_file('nginx.conf', $conf);

my $yaml = <<END;
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: gpt-test
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
    model_info: {access_groups: [beta]}
  - model_name: fails
    litellm_params: {model: openai/fails, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: openai/*
    litellm_params: {model: openai/*, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
general_settings:
  master_key: $key{master}
  litellm_key_header_name: X-Our-Key
  user_header_name: X-Our-User
router_settings:
  num_retries: 0
  fallbacks: [{fails: [gpt-test, gpt]}]
  model_group_alias:
    nick: gpt
    many: [gpt, gpt-test]
virtual_keys:
  - key: $key{all}
  - {token: $hash, models: [gpt]}
  - {key: os.environ/APP_KEY, models: [gpt]}
  - {key: os.environ/NOT_SET}
  - {key: $key{gpt}, models: [gpt, fails]}
  - {key: $key{wild}, models: ["gpt*"]}
  - {key: $key{bare}, models: ["openai/gpt-4o", "openai/o3*"]}
  - {key: $key{beta}, models: [beta]}
  - {key: $key{many}, models: [gpt, gpt-test]}
  - {key: $key{alias}, models: [gpt-test], aliases: {mine: gpt-test, wrong: gpt}}
  - {key: $key{fast}, models: [quick], aliases: {quick: gpt}}
  - {key: $key{team}, models: [all-team-models], team_id: red}
  - {key: $key{teamless}, models: [all-team-models]}
  - {key: $key{lost}, models: [all-team-models], team_id: nowhere}
  - {key: $key{blue}, team_id: blue}
  - {key: $key{staff}, user_id: u-staff}
  - {key: $key{expired}, expires: "2001-01-01T00:00:00Z"}
  - {key: $key{later}, expires: "2099-01-01"}
  - {key: $key{blocked}, blocked: true}
  - {key: $key{routes}, allowed_routes: [/v1/embeddings, /health]}
  - {key: $key{chat}, allowed_routes: [/chat/completions]}
  - {key: $key{llm}, allowed_routes: [llm_api_routes]}
teams:
  - {team_id: red, models: [gpt], model_aliases: {crimson: gpt}}
  - {team_id: blue, blocked: true}
users:
  - {user_id: u-staff, models: [gpt-test]}
  - {user_id: u-gone, blocked: true}
  - {user_id: u-boss, user_role: proxy_admin}
end_users:
  - {user_id: mallory, blocked: true}
  - {user_id: carol, models: [gpt-test]}
END
$t->write_file_expand('litellm.yaml', $yaml);

my $file = $yaml =~ s/virtual_keys:.*//sr;
$t->write_file_expand('file.yaml', $file);
$t->write_file('keys.json', json_text({ virtual_keys => [{ key => $key{json}, models => ['gpt'] }],
    teams => [{ team_id => 'red', models => ['gpt-test'] }] }));
$t->write_file('keys.yaml', "- key: $key{yaml}\n  team_id: red\n");

my $mock = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    my $j = json_of($req->{body});
    return answer(500, openai_error('no')) if $j->{model} eq 'fails';
    return answer(200, openai_chat("$j->{model} " . ($j->{user} // '')));
});
$t->mock(8083, sub {
    my ($peer, $req) = @_;
    return answer(403, 'no') if ($req->{header}{'x-who'} // '') eq 'nobody';
    return answer(200, '', 'X-User' => $req->{header}{'x-who'} // '');
});

$t->run(env => { APP_KEY => $key{env} });

sub bearer { return ['Authorization' => "Bearer $_[0]"] }

# status of a chat: model, key, more
sub ask {
    my ($model, $key, %more) = @_;
    my $headers = [@{$key ? bearer($key) : []}, @{delete $more{headers} || []}];
    my $r = http(chat($model, headers => $headers, %more));
    return wantarray ? ($r->{status}, $r) : $r->{status};
}

sub models {
    my ($key, $uri, @more) = @_;
    my $r = http_get($uri || '/v1/models', @{$key ? bearer($key) : []}, @more);
    my $j = json_of($r->{body});
    return $j && $j->{data} ? join ' ', map { $_->{id} } @{$j->{data}} : "status $r->{status}";
}

# where keys come from

is(ask('gpt', $key{all}), 200, 'a key of the file');
is(ask('gpt', $key{hash}), 200, 'a key of which there is the hash only');
is(ask('gpt', $key{env}), 200, 'a key of a variable');
is(ask('gpt', "$key{all}x"), 401, 'an unknown key');
is(ask('gpt', $hash), 401, 'the hash is no key');
is(ask('gpt', $key{master}), 200, 'the master key');
is(ask('gpt', ''), 401, 'no key');

is(ask('gpt', $key{json}, uri => '/file/chat/completions'), 200, 'a key of a JSON file');
is(ask('gpt-test', $key{yaml}, uri => '/file/chat/completions'), 200, 'a key of a YAML file');
is(ask('gpt', $key{yaml}, uri => '/file/chat/completions'), 403, 'its team is of the other file');
is(ask('gpt', $key{all}, uri => '/file/chat/completions'), 401, 'a key of another location');
is(ask('gpt', $key{json}), 401, 'files are of their location');
is(ask('gpt', $key{json}, uri => '/other/chat/completions'), 401, 'the same YAML without the files');

# headers

for my $case (
    ['Authorization' => "Bearer $key{all}"],
    ['authorization' => "bearer $key{all}"],
    ['Authorization' => "Bearer   $key{all}"],
    ['x-litellm-api-key' => $key{all}],
    ['x-litellm-api-key' => "Bearer $key{all}"],
    ['api-key' => $key{all}],
    ['x-api-key' => $key{all}],
    ['x-goog-api-key' => $key{all}],
    ['Ocp-Apim-Subscription-Key' => $key{all}],
    ['x-our-key' => $key{all}],
    ['X-Our-Key' => "Bearer $key{all}"])
{
    is(http_get('/v1/models', @$case)->{status}, 200, "$case->[0]: " . ($case->[1] =~ s/sk-.*/.../r));
}

my @order = ('X-Our-Key', 'x-litellm-api-key', 'Authorization', 'API-Key', 'x-api-key', 'x-goog-api-key',
    'Ocp-Apim-Subscription-Key');
for my $i (0 .. $#order - 1) {
    is(http_get('/v1/models', $order[$i + 1] => 'Bearer sk-secret-wrong', $order[$i] => "Bearer $key{all}")->{status}, 200,
        "$order[$i] comes before $order[$i + 1]");
}

# models

is(ask('gpt', $key{gpt}), 200, 'a model of the list');
is(ask('gpt-test', $key{gpt}), 403, 'another model');
is(ask('nick', $key{gpt}), 200, 'an alias of a model of the list');
is(ask('many', $key{gpt}), 403, 'an alias that is spread over others too');
is(ask('many', $key{many}), 200, 'an alias all of whose groups are in the list');
is(ask('openai/gpt-4o', $key{gpt}), 403, 'the same model under another name');
is(ask('nope', $key{gpt}), 403, 'a model that is not there');
is(ask('gpt-test', $key{wild}), 200, 'a wildcard');
is(ask('fails', $key{wild}), 403, 'a wildcard: another');
is(ask('openai/gpt-4o', $key{bare}), 200, 'one name of a wildcard group');
is(ask('openai/gpt-4o-mini', $key{bare}), 403, 'another name of it');
is(ask('openai/o3-mini', $key{bare}), 200, 'a part of it');
is(ask('gpt-test', $key{beta}), 200, 'an access group');
is(ask('gpt', $key{beta}), 403, 'not in the access group');
is(ask('ignored', $key{gpt}, uri => '/engines/gpt/chat/completions'), 200, 'the model of the path counts');
is(ask('gpt', $key{gpt}, uri => '/engines/gpt-test/chat/completions'), 403, 'the path: another one');

my ($status, $r) = ask('nope', $key{all});
is($status, 400, 'a key with all models: an unknown one is the router\'s');

# aliases

($status, $r) = ask('mine', $key{alias});
is($status, 200, 'a name of the key\'s own');
is(json_of($r->{body})->{choices}[0]{message}{content}, 'gpt-4o ', 'it is the group');
is(ask('wrong', $key{alias}), 403, 'such a name for a model that is not allowed');
is(ask('quick', $key{fast}), 200, 'such a name that is itself allowed');
is(ask('gpt', $key{fast}), 403, 'what it stands for is not');
is(ask('mine', $key{all}), 400, 'another key has no such name');
is(ask('crimson', $key{team}), 200, 'a name of the team\'s');

# teams, users

is(ask('gpt', $key{team}), 200, 'all-team-models');
is(ask('gpt-test', $key{team}), 403, 'all-team-models: not one of them');
is(ask('gpt', $key{teamless}), 403, 'all-team-models without a team');
is(ask('gpt', $key{lost}), 403, 'all-team-models of a team that is not there');
is(ask('gpt', $key{blue}), 401, 'a blocked team');
is(ask('gpt-test', $key{staff}), 200, 'a model of the user');
is(ask('gpt', $key{staff}), 403, 'not a model of the user');
is(ask('gpt', $key{later}), 200, 'a key that expires later');
is(ask('gpt', $key{expired}), 401, 'an expired key');
is(ask('gpt', $key{blocked}), 401, 'a blocked key');

# routes

is(ask('gpt', $key{routes}), 403, 'a route that is not allowed');
is(http_get('/models', @{bearer($key{routes})})->{status}, 403, 'nor this');
is(http_get('/health', @{bearer($key{routes})})->{status}, 200, 'this is');
is(ask('gpt', $key{chat}), 200, 'a route, asked for with /v1');
is(ask('gpt', $key{chat}, uri => '/chat/completions'), 200, 'a route, asked for without');
is(ask('gpt', $key{chat}, uri => '/openai/deployments/gpt/chat/completions'), 200, 'a route with a model in it');
is(ask('gpt', $key{llm}), 200, 'llm_api_routes');
is(http_get('/models', @{bearer($key{llm})})->{status}, 200, 'llm_api_routes: models');
is(http_get('/health', @{bearer($key{llm})})->{status}, 403, 'llm_api_routes: not health');
is(http_get('/health', @{bearer($key{all})})->{status}, 401, '/health is for admins');
is(http_get('/health/liveliness')->{status}, 200, 'liveliness is open');

# fallbacks: fails -> gpt-test -> gpt

($status, $r) = ask('fails', $key{gpt});
is($status, 200, 'a fallback');
is($r->{header}{'x-litellm-model-group'}, 'gpt', 'over what is not allowed');
($status, $r) = ask('fails', $key{all});
is($r->{header}{'x-litellm-model-group'}, 'gpt-test', 'a fallback: control');
($status, $r) = ask('fails', $key{gpt}, fallbacks => ['gpt-test']);
is($status, 500, 'the client\'s own fallback that is not allowed');
like($r->{body}, qr/No fallback was attempted/, 'is not tried');

# lists

is(models($key{gpt}), 'gpt fails nick', 'the list of a key');
is(models($key{beta}), 'gpt-test', 'an access group');
is(models($key{wild}), 'gpt gpt-test nick many', 'wildcards');
is(models($key{bare}), 'openai/gpt-4o openai/o3*', 'parts of a wildcard group');
is(models($key{team}), 'gpt nick', 'the team\'s');
is(models($key{staff}), 'gpt-test', 'the user\'s');
is(models($key{all}), models($key{master}), 'all of them');
is(models($key{teamless}), '', 'none at all');
is(http_get('/v1/models/gpt', @{bearer($key{gpt})})->{status}, 200, 'one of them');
is(http_get('/v1/models/gpt-test', @{bearer($key{gpt})})->{status}, 404, 'not one of them');

# end users: any of these names one; of mallory and carol there are records

for my $case (
    ['user', [], user => 'mallory'],
    ['metadata.user_id', [], metadata => { user_id => 'mallory' }],
    ['litellm_metadata.user', [], litellm_metadata => { user => 'mallory' }],
    ['safety_identifier', [], safety_identifier => 'mallory'],
    ['x-litellm-customer-id', ['x-litellm-customer-id' => 'mallory']],
    ['x-litellm-end-user-id', ['X-LiteLLM-End-User-Id' => 'mallory']],
    ['user_header_name', ['x-our-user' => 'mallory']],
    ['a header before the body', ['x-our-user' => 'mallory'], user => 'alice'])
{
    my ($name, $headers, %more) = @$case;
    is(ask('gpt', $key{all}, headers => $headers, %more), 403, "end user: $name");
}
is(ask('gpt', $key{all}, user => 'alice', headers => []), 200, 'another end user');
is(ask('gpt', $key{all}, user => 'mallory', headers => ['x-our-user' => 'alice']), 200, 'the header wins');
is(ask('gpt', $key{all}, user => 'mall\u006fry' =~ s/\\u006f/o/r), 403, 'escapes');
is(ask('gpt', $key{all}, user => 'x' x 100000), 200, 'an endless name');
is(ask('gpt', $key{all}, user => ['mallory']), 200, 'a user that is no text is the provider\'s to judge');
is(ask('gpt', $key{all}, user => 'carol'), 403, 'not a model of the end user');
is(ask('gpt-test', $key{all}, user => 'carol'), 200, 'a model of the end user');
is(ask('gpt', $key{master}, user => 'mallory'), 403, 'a blocked end user of the master key');

# variables

is(ask('gpt-test', '', uri => '/named/chat/completions', headers => ['X-Who' => 'u-staff']), 200, 'a user by a variable');
is(ask('gpt-test', '', uri => '/named/chat/completions'), 401, 'an empty variable is nobody');
is(ask('gpt', $key{all}, uri => '/named/chat/completions'), 200, 'the key is enough then');
is(ask('gpt', $key{expired}, uri => '/named/chat/completions'), 401, 'an expired one is not');
is(ask('gpt', $key{master}, uri => '/must/chat/completions'), 401, 'a required one: not even the master key');
is(ask('gpt', '', uri => '/must/chat/completions', headers => ['X-Who' => 'new']), 200, 'a user without a record');
is(ask('gpt', 'some.jwt.token', uri => '/named/chat/completions', headers => ['X-Who' => 'new']), 200,
    'what else is in Authorization does not count');
is(ask('gpt', '', uri => '/teams/chat/completions', headers => ['X-Who' => 'red']), 200, 'a team');
is(ask('gpt-test', '', uri => '/teams/chat/completions', headers => ['X-Who' => 'red']), 403, 'a team: its models');
is(ask('gpt', '', uri => '/teams/chat/completions', headers => ['X-Who' => 'blue']), 401, 'a blocked team');
is(ask('gpt', '', uri => '/bykey/chat/completions', headers => ['X-Key' => $key{gpt}]), 200, 'a key');
is(ask('gpt-test', '', uri => '/bykey/chat/completions', headers => ['X-Key' => $key{gpt}]), 403, 'a key: its models');
is(ask('gpt', '', uri => '/bykey/chat/completions', headers => ['X-Key' => $hash]), 200, 'a key by its hash');
is(ask('gpt', '', uri => '/bykey/chat/completions', headers => ['X-Key' => 'nothing']), 401, 'an unknown key');
is(ask('gpt', '', uri => '/ends/chat/completions', headers => ['X-Who' => 'alice']), 401, 'an end user is no credential');
is(ask('gpt', $key{all}, uri => '/ends/chat/completions', headers => ['X-Who' => 'mallory']), 403, 'a blocked end user');
is(ask('gpt', $key{all}, uri => '/ends/chat/completions', user => 'mallory', headers => ['X-Who' => 'alice']), 200,
    'the variable wins');

SKIP: {
    skip 'no auth_request', 4 if !$t->has_feature('http_auth_request');
    is(ask('gpt-test', '', uri => '/late/chat/completions', headers => ['X-Who' => 'u-staff']), 200,
        'a variable that auth_request sets');
    is(ask('gpt', '', uri => '/late/chat/completions', headers => ['X-Who' => 'u-staff']), 403, 'and its models');
    is(ask('gpt', '', uri => '/late/chat/completions', headers => ['X-Who' => 'nobody']), 403, 'auth_request refuses');
    is(ask('gpt', $key{all}, uri => '/late/chat/completions'), 401, 'auth_request names nobody');
}

is(http_get('/health', 'X-Who' => 'u-boss')->{status}, 401, 'a role is not taken from a header');
is(ask('gpt', '', uri => '/any/chat/completions'), 200, 'satisfy any: the address is enough');
is(ask('gpt', '', uri => '/anyend/chat/completions', headers => ['X-Who' => 'mallory']), 403,
    'satisfy any: the end user counts all the same');
is(ask('gpt', '', uri => '/anynamed/chat/completions'), 401, 'satisfy any, with variables: somebody is to be named');
is(ask('gpt', '', uri => '/anynamed/chat/completions', headers => ['X-Who' => 'new']), 200, 'and is');

# reload

my $was = models($key{gpt});
$t->write_file_expand('litellm.yaml', $yaml =~ s/\Q{key: $key{gpt}, models: [gpt, fails]}\E/{key: $key{gpt}, models: [gpt-test]}/r
    =~ s/\n[^\n]*\Q$key{wild}\E[^\n]*//r);
ok($t->reload, 'reload');
isnt($was, models($key{gpt}), 'a changed key');
is(ask('gpt-test', $key{gpt}), 200, 'may use what it says now');
is(ask('gpt', $key{gpt}), 403, 'and nothing else');
is(ask('gpt', $key{wild}), 401, 'a key that is gone');
is(ask('gpt', $key{all}), 200, 'a key that stays');

# the example, as it is shipped but for what belongs to this machine

my $top = dirname(dirname(abs_path(__FILE__)));
for my $name (qw(keys.conf keys.yaml apps.json)) {
    open my $f, '<', "$top/conf-examples/$name" or die "$name: $!";
    local $/;
    my $text = <$f>;
    if ($name eq 'keys.conf') {
        $text =~ s/^load_module .*\n\nworker_processes .*$/%%TEST_GLOBALS%%/m;
        $text =~ s/^http \{$/http {\n%%TEST_GLOBALS_HTTP%%/m;
        $text =~ s/listen (\d+)/listen 127.0.0.1:%%PORT_$1%%/g;
    }
    $t->write_file_expand("example-$name", $text =~ s/(litellm_(config|keys) )/$1example-/gr);
}

SKIP: {
    skip 'no TLS', 2 if !$t->has_feature('http_ssl') || !$t->has_feature('program openssl');
    my $make = "cd '@{[$t->dir]}' && openssl req -x509 -newkey rsa:2048 -nodes -keyout llm.key "
        . "-out llm.crt -days 30 -subj /CN=x 2>&1 && cp llm.crt clients.crt";
    my $out = `$make`;
    die $out if $?;
    my ($rc, $said) = $t->test_conf(conf => 'example-keys.conf', env => { CI_KEY => 'sk-secret-ci',
        OPENAI_API_KEY => 'k', ANTHROPIC_API_KEY => 'k', LITELLM_MASTER_KEY => 'sk-secret-master-of-all' });
    is($rc, 0, 'the example is good') or diag($said);
    unlike($said, qr/\[(warn|error|emerg)\]/, 'without a warning');
}

# no secrets

unlike($t->read_file('error.log') . $t->read_file('access.log') . $t->read_file('stderr.log'), qr/secret/,
    'no key is in a log');
