#!/usr/bin/perl

# /model/info and its other paths, /model_group/info, /routes: what they say of
# deployments and groups, what a key sees, that no secret is in them.

use warnings;
use strict;

use JSON::PP ();
use Test::More;

use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(69);

$t->write_conf(server => 'location /open/ { litellm; litellm_config %%DIR%%/open.yaml; }');
$t->write_file('open.yaml', "model_list: [{model_name: m, litellm_params: {model: openai/m, api_key: k}}]\n");
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_key: sk-secret-1, api_base: "http://127.0.0.1:%%PORT_8081%%/v1?key=sk-secret-2",
      organization: org-secret-3, rpm: 10, tpm: 1000, timeout: 1.5, tags: [a, b], order: 2,
      extra_headers: {X-Key: sk-secret-4}, extra_body: {token: sk-secret-5}}
    model_info: {id: one, team: "red \"x\"", input_cost_per_token: 0.5, max_tokens: 77, nested: {a: [1, 2]}}
  - model_name: gpt
    litellm_params: {model: azure/gpt-4o-mini, api_key: sk-secret-6, api_base: "http://127.0.0.1:%%PORT_8081%%", api_version: v1,
      client_secret: sk-secret-7, rpm: 5}
    model_info: {id: two}
  - model_name: titan
    litellm_params: {model: bedrock/amazon.nova-lite-v1:0, aws_access_key_id: sk-secret-8, aws_secret_access_key: sk-secret-9,
      aws_region_name: us-east-1}
    model_info: {id: three}
  - model_name: any/*
    litellm_params: {model: openai/*, api_key: sk-secret-10}
    model_info: {id: four}
  - model_name: claude
    litellm_params: {model: anthropic/claude-sonnet-4-5-20250929, api_key: sk-secret-11, max_parallel_requests: 3, num_retries: 2, stream_timeout: 30}
    model_info: {id: five}
  - model_name: own
    litellm_params: {model: openai/nobody-knows-me, api_key: sk-secret-12, api_base: "http://127.0.0.1:%%PORT_8081%%/v1"}
    model_info: {id: six}
router_settings:
  model_group_alias: {nick: gpt, shy: {model: gpt, hidden: true}}
general_settings:
  master_key: sk-master-secret
virtual_keys:
  - {key: sk-one-secret, models: [titan]}
END
$t->run;

my $key = 'sk-master-secret';

sub get {
    my $r = http_get(shift, Authorization => "Bearer $key");
    unlike($r->{raw}, qr/secret/, 'no secret') if $r->{status} == 200;
    return ($r->{status}, json_of($r->{body}), $r);
}

sub ids { return join ' ', map { $_->{model_info}{id} } @{$_[0]{data}} }

my ($status, $all, $r) = get('/model/info');
is($status, 200, 'status');
is(ids($all), 'one two three four five six', 'all, in order');
my ($one, $two, $three, $four, $five, $six) = @{$all->{data}};
is($one->{model_name}, 'gpt', 'model_name');
is_deeply($one->{litellm_params}, { model => 'openai/gpt-4o', api_base => 'http://127.0.0.1:' . $t->port(8081) . '/v1',
    rpm => 10, tpm => 1000, timeout => 1.5, tags => ['a', 'b'], order => 2 }, 'litellm_params');
my $i = $one->{model_info};
is($i->{team}, 'red "x"', 'the operator\'s member');
is_deeply($i->{nested}, { a => [1, 2] }, 'the operator\'s object');
cmp_ok($i->{input_cost_per_token}, '==', 0.5, 'the operator\'s price');
cmp_ok($i->{output_cost_per_token}, '==', 0.00001, 'the model\'s price');
is($i->{max_tokens}, 77, 'the operator\'s limit');
is($i->{max_input_tokens}, 128000, 'the model\'s limit');
is($i->{mode}, 'chat', 'mode');
is($i->{litellm_provider}, 'openai', 'provider');
ok($i->{supports_vision} && !$i->{supports_reasoning}, 'abilities');
ok(!$i->{db_model}, 'not of a database');
is(() = (split /"model_name"/, $r->{body})[1] =~ /"input_cost_per_token":/g, 1, 'no member twice');
is($three->{litellm_params}{aws_region_name}, 'us-east-1', 'a region is told');
ok(!grep({ /access|secret/ } keys %{$three->{litellm_params}}), 'credentials are not');
is($four->{model_name}, 'any/*', 'a wildcard as it is written');

# what clients read, as the JSON type that they expect

sub type {
    my $v = shift;
    return ref $v eq 'JSON::PP::Boolean' ? 'bool' : ref $v eq 'ARRAY' ? 'list' : !defined $v ? 'none'
        : JSON::PP->new->allow_nonref->encode($v) =~ /^"/ ? 'text' : 'number';
}
sub types { my ($of, @names) = @_; return join ' ', map { type($of->{$_}) } @names }
my @numbers = qw(max_tokens max_input_tokens max_output_tokens input_cost_per_token output_cost_per_token
    cache_creation_input_token_cost cache_read_input_token_cost);
my @abilities = map { "supports_$_" } qw(function_calling parallel_function_calling tool_choice vision web_search reasoning response_schema
    system_messages pdf_input audio_input audio_output assistant_prefill prompt_caching);
is(types($five->{model_info}, @numbers), join(' ', ('number') x @numbers), 'sizes and prices are numbers');
is(types($five->{model_info}, @abilities), join(' ', ('bool') x @abilities), 'abilities are true or false');
is(types($five->{model_info}, qw(id key litellm_provider mode db_model)), 'text text text text bool', 'names are texts');
cmp_ok($five->{model_info}{cache_read_input_token_cost}, '==', 0.0000003, 'the price of what the provider has in its cache');
cmp_ok($five->{model_info}{max_tokens}, '==', $five->{model_info}{max_output_tokens}, 'max_tokens are those of an answer');
is(types($five->{litellm_params}, qw(model max_parallel_requests num_retries stream_timeout)), 'text number number number', 'settings');
is_deeply($six->{model_info}, { id => 'six', db_model => JSON::PP::false(), key => 'nobody-knows-me', litellm_provider => 'openai' },
    'a model that nobody knows: nothing is made up');

is(ids((get('/v1/model/info'))[1]), 'one two three four five six', '/v1');
is(ids((get('/model/info?litellm_model_id=t%77o'))[1]), 'two', 'one of them');
is((get('/model/info?litellm_model_id=%22%0a'))[0], 400, 'none of them');

my (undef, $v2) = get('/v2/model/info?size=3&page=2');
is(ids($v2), 'four five six', '/v2: the second page');
is_deeply([@{$v2}{qw(total_count current_page total_pages size)}], [6, 2, 2, 3], '/v2: pages');
is(ids((get('/v2/model/info?model=gpt'))[1]), 'one two', '/v2: of a group');
is(ids((get('/v2/model/info?search=ITA&size=x&page=0'))[1]), 'three', '/v2: searched');

my (undef, $groups) = get('/model_group/info');
is(join(' ', map { $_->{model_group} } @{$groups->{data}}), 'gpt titan any/* claude own nick', 'groups');
my $g = $groups->{data}[0];
is_deeply($g->{providers}, ['openai', 'azure'], 'group: providers');
is("$g->{rpm} $g->{tpm}", '15 1000', 'group: limits add up');
cmp_ok($g->{input_cost_per_token}, '==', 0.5, 'group: the highest price');
is($g->{max_input_tokens}, 128000, 'group: the largest window');
my %group = map { $_->{model_group} => $_ } @{$groups->{data}};
is(types($g, qw(model_group providers max_input_tokens max_output_tokens input_cost_per_token output_cost_per_token mode tpm rpm)),
    'text list number number number number text number number', 'group: types');
is(types($g, @abilities[0, 1, 3, 4, 5]), 'bool bool bool bool bool', 'group: abilities are true or false');
is($group{own}{mode}, 'chat', 'group: a model that nobody knows is one to chat with');
is_deeply($group{nick}, { %$g, model_group => 'nick' }, 'group: an alias is as its group');
(undef, $groups) = get('/model_group/info?model_group=titan');
is(join(' ', map { $_->{model_group} } @{$groups->{data}}), 'titan', 'one group');

my (undef, $routes) = get('/routes');
my %routes = map { $_->{path} => join ',', @{$_->{methods}} } @{$routes->{routes}};
is($routes{'/v1/chat/completions'}, 'POST', 'routes: a model\'s');
is($routes{'/model/info'}, 'GET,HEAD', 'routes: a list\'s');

is($routes{'/v1/models/{model_id}'}, 'GET,HEAD', 'routes: one model\'s');
is($routes{'/key/generate'}, 'POST', 'routes: the management\'s');
is($routes{'/key/{key}/regenerate'}, 'POST', 'routes: a key in the path');
ok($routes{'/customer/info'} && $routes{'/end_user/info'}, 'routes: both names of end users');
my @not;
for my $path (sort keys %routes) {
    my $uri = $path =~ s/\{model(?:_id)?\}/gpt/r =~ s/\{key\}/sk-nobody/r;
    my @auth = (Authorization => "Bearer $key");
    next if $path =~ m{^/health$};
    my $r = $routes{$path} eq 'POST' ? http_post($uri, '{}', @auth) : http_get($uri, @auth);
    push @not, "$path $r->{status}" if $r->{status} == 405 || $r->{body} =~ /"message":"(?:litellm\.\w+: )?Not Found"/;
}
is("@not", '', 'routes: each is served');
(undef, $routes) = get('/open/routes');
ok(!grep({ $_->{path} =~ m{^/key/} } @{$routes->{routes}}), 'routes: no management without a master key');

# what a key may use

$key = 'sk-one-secret';
is(ids((get('/model/info'))[1]), 'three', 'a key: its models');
is(scalar(@{(get('/model_group/info'))[1]{data}}), 1, 'a key: its groups');
is((get('/model/info?litellm_model_id=one'))[0], 400, 'a key: not another\'s deployment');
$key = 'sk-bad';
is((get($_))[0], 401, "no key: $_") for qw(/model/info /v2/model/info /model_group/info /routes);
