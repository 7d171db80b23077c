#!/usr/bin/perl

# /model/info and its other paths, /model_group/info, /routes: what they say of
# deployments and groups, what a key sees, that no secret is in them.

use warnings;
use strict;

use Test::More;

use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(51);

$t->write_conf;
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
is(ids($all), 'one two three four', 'all, in order');
my ($one, $two, $three, $four) = @{$all->{data}};
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

is(ids((get('/v1/model/info'))[1]), 'one two three four', '/v1');
is(ids((get('/model/info?litellm_model_id=t%77o'))[1]), 'two', 'one of them');
is((get('/model/info?litellm_model_id=%22%0a'))[0], 400, 'none of them');

my (undef, $v2) = get('/v2/model/info?size=3&page=2');
is(ids($v2), 'four', '/v2: the second page');
is_deeply([@{$v2}{qw(total_count current_page total_pages size)}], [4, 2, 2, 3], '/v2: pages');
is(ids((get('/v2/model/info?model=gpt'))[1]), 'one two', '/v2: of a group');
is(ids((get('/v2/model/info?search=ITA&size=x&page=0'))[1]), 'three', '/v2: searched');

my (undef, $groups) = get('/model_group/info');
is(join(' ', map { $_->{model_group} } @{$groups->{data}}), 'gpt titan any/* nick', 'groups');
my $g = $groups->{data}[0];
is_deeply($g->{providers}, ['openai', 'azure'], 'group: providers');
is("$g->{rpm} $g->{tpm}", '15 1000', 'group: limits add up');
cmp_ok($g->{input_cost_per_token}, '==', 0.5, 'group: the highest price');
is($g->{max_input_tokens}, 128000, 'group: the largest window');
(undef, $groups) = get('/model_group/info?model_group=titan');
is(join(' ', map { $_->{model_group} } @{$groups->{data}}), 'titan', 'one group');

my (undef, $routes) = get('/routes');
my %routes = map { $_->{path} => join ',', @{$_->{methods}} } @{$routes->{routes}};
is($routes{'/v1/chat/completions'}, 'POST', 'routes: a model\'s');
is($routes{'/model/info'}, 'GET,HEAD', 'routes: a list\'s');

# what a key may use

$key = 'sk-one-secret';
is(ids((get('/model/info'))[1]), 'three', 'a key: its models');
is(scalar(@{(get('/model_group/info'))[1]{data}}), 1, 'a key: its groups');
is((get('/model/info?litellm_model_id=one'))[0], 400, 'a key: not another\'s deployment');
$key = 'sk-bad';
is((get($_))[0], 401, "no key: $_") for qw(/model/info /v2/model/info /model_group/info /routes);
