#!/usr/bin/perl

# Who is refused, and with what: status, type, param, code and message of each
# refusal, as LiteLLM words it.  A row for each.  A gateway without memory to count
# in is in limits.t, tags that no deployment has are in tags.t.

use warnings;
use strict;

use Digest::SHA qw(sha256_hex);
use Test::More;

use LiteLLM::Mock qw(answer openai_chat openai_error);
use LiteLLM::Test;

my $master = 'sk-secret-master-key';
my %key = map { $_ => "sk-secret-key-of-$_" } qw(app old blocked blue gpt routes staff red
    norpm notpm noparallel nomodel team member noteam poor poormodel poorteam poormember pooruser periods);
my %id = map { $_ => sha256_hex($key{$_}) } keys %key;

# 429 by LiteLLM's limiter
sub over { my ($scope, $value, $unit) = @_; return qr/^Rate limit exceeded for \Q$scope: $value\E\. Limit type: $unit\. Current limit: 0, Remaining: 0\. Limit resets at: 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC$/ }
sub spent { return qr/^\Q$_[0]\E Current cost: 0, Max budget: 0$/ }

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
    ['requests', { key => $key{norpm} }, 429, 'throttling_error', undef, over('api_key', $id{norpm}, 'requests')],
    ['tokens', { key => $key{notpm} }, 429, 'throttling_error', undef, over('api_key', $id{notpm}, 'tokens')],
    ['requests in flight', { key => $key{noparallel} }, 429, 'throttling_error', undef,
        over('api_key', $id{noparallel}, 'max_parallel_requests')],
    ['requests for a model', { key => $key{nomodel} }, 429, 'throttling_error', undef,
        over('model_per_key', "$id{nomodel}:gpt", 'requests')],
    ['requests of a team', { key => $key{team} }, 429, 'throttling_error', undef, over('team', 'slow', 'requests')],
    ['requests of a team for a model', { key => $key{noteam} }, 429, 'throttling_error', undef,
        over('model_per_team', 'selective:gpt', 'tokens')],
    ['requests of a member', { key => $key{member} }, 429, 'throttling_error', undef, over('team_member', 'club:ann', 'requests')],
    ['requests of an end user', { user => 'slow' }, 429, 'throttling_error', undef, over('end_user', 'slow', 'requests')],
    ['requests of the gateway', { uri => '/gateway/chat/completions', key => undef }, 429, 'throttling_error', undef,
        over('gateway', 'gateway', 'requests')],
    ['a budget', { key => $key{poor} }, 422, 'budget_exceeded', undef,
        spent('Budget has been exceeded! Key=pauper (sk-...poor)')],
    ['a budget for a model', { key => $key{poormodel} }, 422, 'budget_exceeded', undef,
        spent("Budget has been exceeded! Model=$id{poormodel}:gpt")],
    ['a budget of a team', { key => $key{poorteam} }, 422, 'budget_exceeded', undef, spent('Budget has been exceeded! Team=poor')],
    ['a budget of a member', { key => $key{poormember} }, 422, 'budget_exceeded', undef,
        spent('Budget has been exceeded! TeamMember=poormembers:bob')],
    ['a budget of a user', { key => $key{pooruser} }, 422, 'budget_exceeded', undef,
        qr/^ExceededBudget: User=poor over budget\. Spend=0, Budget=0$/],
    ['a budget of an end user', { user => 'poor' }, 422, 'budget_exceeded', undef,
        qr/^ExceededBudget: End User=poor over budget\. Spend=0, Budget=0$/],
    ['a budget for a day', { key => $key{periods} }, 422, 'budget_exceeded', undef,
        qr/^ExceededBudget: Key over 1d budget\. Spend=0, Budget=0$/],
    ['a budget of a tag', { body => { metadata => { tags => ['dear'] } } }, 422, 'budget_exceeded', undef,
        spent('Budget has been exceeded! Tag=dear')],
    ['a budget of a group', { model => 'dear' }, 422, 'budget_exceeded', undef, spent('Budget has been exceeded! Model=dear')],
    ['another status', { uri => '/status/chat/completions', key => $key{poor} }, 400, 'budget_exceeded', undef,
        spent('Budget has been exceeded! Key=pauper (sk-...poor)')],
    ['no price', { uri => '/status/chat/completions', key => $key{app}, model => 'unpriced' }, 403, 'model_cost_map_missing', undef,
        qr/^The requested model has no price/],
    ['a deployment without a budget left', { model => 'spent' }, 429, 'rate_limit_error', undef,
        qr/^No deployments available - crossed budget/],
    ['a deployment without a place', { model => 'full' }, 429, 'rate_limit_error', undef,
        qr/^No deployments available for selected model, Try again in \d+ seconds/],
    ['a paused model', { model => 'paused' }, 503, 'internal_server_error', undef,
        qr/^litellm\.ServiceUnavailableError: Model 'paused' is currently paused and cannot accept requests\./],
    ['a tag that nobody has', { uri => '/tags/chat/completions', body => { metadata => { tags => ['typo'] } } }, 401,
        'authentication_error', undef, qr/^Not allowed to access model due to tags configuration/],
    ['a deployment that is cooled down', { uri => '/tags/chat/completions', model => 'cold', before => 2 }, 429,
        'all_deployments_in_cooldown', undef,
        qr/^No deployments available for selected model, Try again in \d+ seconds\. .*Passed model=cold/],
    ['a list of keys', { get => '/key/list' }, 401, 'auth_error', 'None',
        qr/^Authentication Error, Only proxy admin can be used to generate, delete, update info for new keys\/users\/teams\. Route=\/key\/list\. Your role=unknown\. Your user_id=unknown$/],
    ['the record of another key', { get => "/key/info?key=$id{gpt}" }, 403, 'auth_error', undef,
        qr/^You are not allowed to access this key's info$/],
    ['the API without a master key', { uri => '/keys/key/generate' }, 403, 'auth_error', 'None',
        qr/^Authentication Error, the management API is closed: general_settings\.master_key is not set\.$/],
    ['the metrics', { get => '/metrics' }, 401, 'auth_error', 'None',
        qr/^Authentication Error, /],
    ['a parameter that the model has not', { model => 'anthropic', body => { logit_bias => { 5 => 1 } } }, 400,
        'invalid_request_error', undef,
        qr/^litellm\.UnsupportedParamsError: anthropic does not support parameters: \['logit_bias'\], for model=claude-3-5-sonnet-20241022\. To drop these, set/],
    ['keys without a master key', { key => undef, uri => '/keys/chat/completions' }, 401, 'auth_error', 'None',
        qr/No api key passed in/],
);

my $t = LiteLLM::Test->new->plan(6 * @rows + 12);

$t->write_conf(http => 'litellm_zone zone=z:1m;', server => <<'END');
location /must/ {
    litellm;
    litellm_principal user $http_x_nobody required;
}
location /gateway/ {
    litellm;
    litellm_config %%DIR%%/gateway.yaml;
}
location /status/ {
    litellm;
    litellm_config %%DIR%%/status.yaml;
}
location /alone/ {
    litellm;
    litellm_config %%DIR%%/alone.yaml;
}
location /tags/ {
    litellm;
    litellm_config %%DIR%%/tags.yaml;
}
location /keys/ {
    litellm;
    litellm_config %%DIR%%/keys.yaml;
}
END

my $models = <<'END';
model_list:
  - model_name: dear
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: unpriced
    litellm_params: {model: openai/nobody-knows, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: spent
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k, max_budget: 0}
  - model_name: full
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k, max_parallel_requests: 0}
  - model_name: paused
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
    model_info: {blocked: true}
  - model_name: resting
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8089%%/v1", api_key: k}
    model_info: {blocked: true, id: resting-1}
  - model_name: resting
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
    model_info: {blocked: false, id: resting-2}
  - model_name: anthropic
    litellm_params: {model: anthropic/claude-3-5-sonnet-20241022, api_base: "http://127.0.0.1:%%PORT_8081%%", api_key: k}
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
  - {key: $key{norpm}, rpm_limit: 0}
  - {key: $key{notpm}, tpm_limit: 0}
  - {key: $key{noparallel}, max_parallel_requests: 0}
  - {key: $key{nomodel}, model_rpm_limit: {gpt: 0}}
  - {key: $key{team}, team_id: slow}
  - {key: $key{noteam}, team_id: selective}
  - {key: $key{member}, team_id: club, user_id: ann}
  - {key: $key{poor}, max_budget: 0, key_alias: pauper}
  - {key: $key{poormodel}, model_max_budget: {gpt: 0}}
  - {key: $key{poorteam}, team_id: poor}
  - {key: $key{poormember}, team_id: poormembers, user_id: bob}
  - {key: $key{pooruser}, user_id: poor}
  - {key: $key{periods}, budget_limits: [{budget_duration: 1d, max_budget: 0}]}
teams:
  - {team_id: slow, rpm_limit: 0}
  - {team_id: selective, model_tpm_limit: {gpt: 0}}
  - {team_id: club, team_member_rpm_limit: 0}
  - {team_id: poor, max_budget: 0}
  - {team_id: poormembers, team_member_budget: 0}
  - {team_id: red, models: [gpt]}
  - {team_id: blue, blocked: true}
users:
  - {user_id: staff, models: [gpt]}
  - {user_id: poor, max_budget: 0}
end_users:
  - {user_id: mallory, blocked: true}
  - {user_id: carol, models: [gpt]}
  - {user_id: slow, rpm_limit: 0}
  - {user_id: poor, max_budget: 0}
litellm_settings:
  tag_budget_config: {dear: {max_budget: 0, budget_duration: 1d}}
router_settings:
  model_budget_config: {dear: {budget_limit: 0, time_period: 1d}}
END
$t->write_file_expand('gateway.yaml', "${models}router_settings: {rpm: 0}\n");
$t->write_file_expand('status.yaml', "${models}virtual_keys: [{key: $key{app}}, {key: $key{poor}, max_budget: 0, key_alias: pauper}]\n"
    . "general_settings: {budget_exceeded_status_code: 400, block_requests_for_models_without_pricing: true}\n");
$t->write_file_expand('tags.yaml', "model_list:\n" . <<'END' . "virtual_keys: [{key: $key{app}}]\n");
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k, tags: [eu]}
  - model_name: cold
    litellm_params: {model: openai/cold, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
  - model_name: cold
    litellm_params: {model: openai/cold, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
    model_info: {id: cold-2}
litellm_settings: {num_retries: 0}
router_settings: {enable_tag_filtering: true, num_retries: 0, cooldown_time: 60}
END
$t->write_file_expand('alone.yaml', "${models}general_settings: {master_key: $master}\n");
$t->write_file_expand('keys.yaml', "${models}virtual_keys: [{key: $key{app}}]\n");

my $mock = $t->mock(8081, sub { my ($peer, $req) = @_;
    return json_of($req->{body})->{model} eq 'cold' ? answer(429, openai_error('slow down'), 'Retry-After' => 60) : answer(200, openai_chat('hi')) });
my $resting = $t->mock(8089, sub { return answer(500, openai_error('it rests')) });

$t->run;

sub send_row {
    my $how = shift;
    my $key = exists $how->{key} ? $how->{key} : $key{app};
    my @headers = $how->{headers} ? @{$how->{headers}} : defined $key ? ('Authorization' => "Bearer $key") : ();
    return http_get($how->{get}, @headers) if $how->{get};
    send_row({ %$how, before => 0 }) for 1 .. $how->{before} || 0;
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

is(scalar(grep { json_of($_->{body})->{model} ne 'cold' } $mock->requests), 0, 'nothing has reached the provider');

# with each of them something works

my $r = send_row({ model => 'resting' });
is($r->{status}, 200, 'another one than the paused: control');
is($r->{header}{'x-litellm-model-id'}, 'resting-2', 'who answers for it');
send_row({ model => 'resting' }) for 1 .. 15;
is(scalar($resting->requests), 0, 'nobody calls the paused one');

for my $name (qw(app gpt red staff)) {
    is(send_row({ key => $key{$name} })->{status}, 200, "$name: control");
}
is(send_row({ key => $key{routes}, get => '/models' })->{status}, 200, 'routes: control');
is(send_row({ key => $master, user => undef })->{status}, 200, 'the master key needs no user');
is(send_row({ key => $key{app}, uri => '/keys/chat/completions' })->{status}, 200, 'keys without a master key: control');

unlike($t->read_file('error.log') . $t->read_file('access.log') . $t->read_file('stderr.log'), qr/secret/,
    'no key is in a log');
