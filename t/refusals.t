#!/usr/bin/perl

# Who is refused, and with what: status, type, param, code and message of each
# refusal, as LiteLLM words it.  A row for each.

use warnings;
use strict;

use Digest::SHA qw(sha256_hex);
use Test::More;

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $master = 'sk-secret-master-key';
my %key = map { $_ => "sk-secret-key-of-$_" } qw(app old blocked blue gpt routes staff red);

my @rows = (

    # name, request, status, type, param, message

    ['no key', { key => undef }, 401, 'auth_error', 'None',
        qr/^Authentication Error, No api key passed in\.$/],
    ['no Bearer', { headers => ['Authorization' => $key{app}] }, 401, 'auth_error', 'None',
        qr/^Authentication Error, Malformed API Key passed in\. Ensure Key has `Bearer ` prefix\.$/],
    ['Basic', { headers => ['Authorization' => 'Basic c2stc2VjcmV0'] }, 401, 'auth_error', 'None',
        qr/^Authentication Error, Malformed API Key passed in\./],
    ['a key without sk-', { key => 'abcd-secret-and-so-on-wxyz' }, 401, 'auth_error', 'None',
        qr/^Authentication Error, LiteLLM Virtual Key expected\. Received=abcd\*\*\*\*wxyz, expected to start with 'sk-'\.$/],
    ['a short key without sk-', { key => 'abcdefghwxyz' }, 401, 'auth_error', 'None',
        qr/Received=\*\*\*\*, expected to start with 'sk-'\.$/],
    ['an unknown key', { key => 'sk-secret-unknown' }, 401, 'token_not_found_in_db', 'key',
        qr/^Authentication Error, Invalid proxy server token passed\. key=${\ sha256_hex('sk-secret-unknown')}, not found in db\. Create key via `\/key\/generate` call\.$/],
    ['an expired key', { key => $key{old} }, 401, 'expired_key', 'sk-...-old',
        qr/^Authentication Error - Expired Key\. Key Expiry time 2001-02-03 04:05:06\+00:00 and current time 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\+00:00$/],
    ['a blocked key', { key => $key{blocked} }, 401, 'auth_error', 'None',
        qr/^Authentication Error, Key is blocked\. Update via `\/key\/unblock` if you're an admin\.$/],
    ['a blocked team', { key => $key{blue} }, 401, 'auth_error', 'None',
        qr/^Authentication Error, Team=blue is blocked\. Update via `\/team\/unblock` if your admin\.$/],
    ['a model of the key', { key => $key{gpt}, model => 'claude' }, 403, 'key_model_access_denied', 'model',
        qr/^The requested model 'claude' is not available for this API key, or the model name is invalid\. Check the models available to you and try again\.$/],
    ['a model of the team', { key => $key{red}, model => 'claude' }, 403, 'team_model_access_denied', 'model',
        qr/^The requested model 'claude' is not available for this API key/],
    ['a model of the user', { key => $key{staff}, model => 'claude' }, 403, 'user_model_access_denied', 'model',
        qr/^The requested model 'claude' is not available for this API key/],
    ['a model of the end user', { model => 'claude', user => 'carol' }, 403, 'customer_model_access_denied', 'model',
        qr/^The requested model 'claude' is not available for this API key/],
    ['a route', { key => $key{routes} }, 403, 'auth_error', 'None',
        qr/^Virtual key is not allowed to call this route\. Only allowed to call routes: \['\/embeddings', '\/models'\]\. Tried to call route: \/v1\/chat\/completions$/],
    ['a route for admins', { get => '/health' }, 401, 'auth_error', 'None',
        qr/^Authentication Error, Only proxy admin can be used to call this route\. Route=\/health$/],
    ['an end user is missing', { user => undef }, 401, 'auth_error', 'None',
        qr/^Authentication Error, 'user' param not passed in\. 'enforce_user_param'=True$/],
    ['a blocked end user', { user => 'mallory' }, 403, 'auth_error', 'None',
        qr/^Authentication Error, End user=mallory is blocked\.$/],
    ['nobody named', { uri => '/must/chat/completions' }, 401, 'auth_error', 'None',
        qr/^Authentication Error, there is no user for this request\.$/],
    ['an unknown model', { key => $key{app}, model => 'nope' }, 400, 'invalid_request_error', undef,
        qr/You passed in model=nope\. There are no healthy deployments for this model/],
    ['client-side credentials', { key => $key{app}, body => { api_base => 'http://127.0.0.1:1/' } }, 401, 'auth_error', 'None',
        qr/^Authentication Error, Rejected Request: api_base is not allowed in request body\./],
    ['a master key is needed', { key => 'sk-secret-unknown', uri => '/alone/chat/completions' }, 401,
        'token_not_found_in_db', 'key', qr/^Authentication Error, Invalid proxy server token passed\./],
    ['keys without a master key', { key => undef, uri => '/keys/chat/completions' }, 401, 'auth_error', 'None',
        qr/No api key passed in/],
);

my $t = LiteLLM::Test->new->plan(6 * @rows + 9);

$t->write_conf(http => 'litellm_zone zone=z:1m;', server => <<'END');
location /must/ {
    litellm;
    litellm_principal user $http_x_nobody required;
}
location /alone/ {
    litellm;
    litellm_config %%DIR%%/alone.yaml;
}
location /keys/ {
    litellm;
    litellm_config %%DIR%%/keys.yaml;
}
END

my $models = <<'END';
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: claude
    litellm_params: {model: openai/claude, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
END

$t->write_file_expand('litellm.yaml', $models . <<END);
general_settings:
  master_key: $master
  enforce_user_param: true
virtual_keys:
  - {key: $key{app}}
  - {key: $key{old}, expires: "2001-02-03T04:05:06Z"}
  - {key: $key{blocked}, blocked: true}
  - {key: $key{blue}, team_id: blue}
  - {key: $key{gpt}, models: [gpt]}
  - {key: $key{red}, team_id: red}
  - {key: $key{staff}, user_id: staff}
  - {key: $key{routes}, allowed_routes: [/embeddings, /models]}
teams:
  - {team_id: red, models: [gpt]}
  - {team_id: blue, blocked: true}
users:
  - {user_id: staff, models: [gpt]}
end_users:
  - {user_id: mallory, blocked: true}
  - {user_id: carol, models: [gpt]}
END
$t->write_file_expand('alone.yaml', "${models}general_settings: {master_key: $master}\n");
$t->write_file_expand('keys.yaml', "${models}virtual_keys: [{key: $key{app}}]\n");

my $mock = $t->mock(8081, sub { answer(200, openai_chat('hi')) });

$t->run;

sub send_row {
    my $how = shift;
    my $key = exists $how->{key} ? $how->{key} : $key{app};
    my @headers = $how->{headers} ? @{$how->{headers}} : defined $key ? ('Authorization' => "Bearer $key") : ();
    return http_get($how->{get}, @headers) if $how->{get};
    my %user = exists $how->{user} ? (defined $how->{user} ? (user => $how->{user}) : ()) : (user => 'alice');
    return http(chat($how->{model} || 'gpt', headers => \@headers, %user, %{$how->{body} || {}},
        uri => $how->{uri} || '/v1/chat/completions'));
}

for my $row (@rows) {
    my ($name, $how, $status, $type, $param, $message) = @$row;
    my $r = send_row($how);
    my $e = (json_of($r->{body}) || {})->{error} || {};
    is($r->{status}, $status, "$name: status");
    is($e->{type}, $type, "$name: type");
    is($e->{param}, $param, "$name: param");
    is($e->{code}, "$status", "$name: code");
    like($e->{message} // '', $message, "$name: message");
    unlike($r->{raw}, qr/secret/, "$name: no key in the answer");
}

is($mock->requests, 0, 'nothing has reached the provider');

# with each of them something works

for my $name (qw(app gpt red staff)) {
    is(send_row({ key => $key{$name} })->{status}, 200, "$name: control");
}
is(send_row({ key => $key{routes}, get => '/models' })->{status}, 200, 'routes: control');
is(send_row({ key => $master, user => undef })->{status}, 200, 'the master key needs no user');
is(send_row({ key => $key{app}, uri => '/keys/chat/completions' })->{status}, 200, 'keys without a master key: control');

unlike($t->read_file('error.log') . $t->read_file('access.log') . $t->read_file('stderr.log'), qr/secret/,
    'no key is in a log');
