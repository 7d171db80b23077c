#!/usr/bin/perl

# Who shares an answer with whom: keys, teams, users, end users, variables, tags,
# files, namespaces, names of models, fallbacks; which requests are kept at all,
# and for how long.  Each in memory and in a Redis without memory, as whole
# answers and as streams.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer openai_chat openai_chunk openai_error chunked sse);
use LiteLLM::Redis;
use LiteLLM::Test;

my $slow = $LiteLLM::Peer::slow;
my ($yes, $no) = (JSON::PP::true, JSON::PP::false);

plan(skip_all => 'no redis-server') unless LiteLLM::Redis->has;

my $t = LiteLLM::Test->new->plan(366);
my $redis = LiteLLM::Redis->start($t, port => $t->free_port);

# each answer is another one, and says which model made it
$t->mock(8081, sub {
    my ($peer, $req, $n) = @_;
    my $body = json_of($req->{body});
    return answer(500, openai_error('no', 'server_error', undef)) if $body->{model} eq 'broken';
    my $text = "$body->{model} $n.$$." . time();
    return answer(200, json_text({ object => 'list', model => 'e', usage => { prompt_tokens => 1, total_tokens => 1 },
        data => [{ object => 'embedding', index => 0, embedding => [time()] }] })) if $body->{input};
    return chunked(sse(openai_chunk($text),
        openai_chunk({}, choices => [{ index => 0, delta => {}, finish_reason => 'stop' }]), '[DONE]')) if $body->{stream};
    return answer(200, openai_chat($text));
});

my %files;

sub file {
    my ($name, %with) = @_;
    my $gpt = $with{gpt} // 'gpt-4o';
    my $params = $with{params} // '';
    my $cache = $with{cache} // 'true';
    my $router = $with{router} // '';
    my $up = 'api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k';
    $t->write_file_expand("$name.yaml", <<END);
model_list:
  - {model_name: gpt, litellm_params: {model: openai/$gpt, $up}}
  - {model_name: other, litellm_params: {model: openai/other, $up}}
  - {model_name: back, litellm_params: {model: openai/broken, $up}}
  - {model_name: tagged, litellm_params: {model: openai/tag-a, tags: [a], $up}}
  - {model_name: tagged, litellm_params: {model: openai/tag-b, tags: [b], $up}}
  - {model_name: tagged, litellm_params: {model: openai/tag-none, tags: [default], $up}}
  - {model_name: off, litellm_params: {model: openai/gpt-4o, $up}, model_info: {cache: false}}
  - {model_name: halfoff, litellm_params: {model: openai/gpt-4o, $up}}
  - {model_name: halfoff, litellm_params: {model: openai/gpt-4o, caching: false, $up}}
  - {model_name: short, litellm_params: {model: openai/gpt-4o, $up}, model_info: {cache: {ttl: 2}}}
  - {model_name: "w/*", litellm_params: {model: "openai/*", $up}}
  - {model_name: named, litellm_params: {model: openai/gpt-4o, $up}, model_info: {id: by-id}}
litellm_settings: {num_retries: 0, cache: $cache, cache_params: {type: redis, ttl: 300$params}}
router_settings:
  num_retries: 0
  disable_cooldowns: true
  enable_tag_filtering: true
  fallbacks: [{back: [gpt]}]
  $router
  model_group_alias: {nick: gpt, nack: {model: other, hidden: true}}
general_settings: {master_key: sk-master-of-all-1}
virtual_keys:
  - {key: sk-k1, team_id: t1, user_id: u1}
  - {key: sk-k2, team_id: t1, user_id: u2}
  - {key: sk-k3, team_id: t2, user_id: u1}
  - {key: sk-alone, aliases: {mine: other, gpt: other}}
  - {key: sk-allowed, allowed_cache_controls: [no-cache]}
  - {key: sk-nocache, metadata: {cache: {no-cache: true}}}
  - {key: sk-nostore, metadata: {cache: {no-store: true}}}
  - {key: sk-space, metadata: {cache: {namespace: space}}}
  - {key: sk-use, metadata: {cache: {use-cache: true}}}
teams: [{team_id: t1}, {team_id: t2}]
END
    $files{$name} = $with{location} // '';
}

file('litellm');
file('key', params => ', scope: key');
file('team', location => 'litellm_cache_scope team;');
file('user', location => 'litellm_cache_scope user;');
file('end', location => 'litellm_cache_scope end_user;');
file('var', location => 'litellm_cache_scope $http_x_tenant "$http_x_a$http_x_b";');
file('both', location => 'litellm_cache_scope key end_user;');
file('none', params => ', scope: key', location => 'litellm_cache_scope none;');
file('second', gpt => 'gpt-second');
file('joined', params => ', namespace: joined');
file('joined2', params => ', namespace: joined');
file('apart', params => ', namespace: apart');
file('asked', params => ', mode: default_off');
file('types', params => ', supported_call_types: [embedding]');
file('few', params => ', max_messages: 2');
file('cool', params => ', max_temperature: 0.5');
file('by_user', params => ', by_user: true');

file('grouped', router => 'caching_groups: [[gpt, other]]');
file('routed', cache => 'false', router => 'cache_responses: true');
file('unrouted', router => 'cache_responses: false');

my $locations = join '', map { <<"END" } grep { $_ ne 'litellm' } sort keys %files;
location /$_/ {
    litellm;
    litellm_config %%DIR%%/$_.yaml;
    $files{$_}
}
END
$t->write_file_expand('locations.conf', <<"END");
location / { litellm; }
location /silent/ { litellm; litellm_cache off; }
location /fresh/ { litellm; litellm_cache_bypass \$http_x_fresh; litellm_no_cache \$http_x_secret; }
$locations
END

$t->write_conf(http => 'litellm_redis 127.0.0.1:' . $redis->port . ";\n" . <<'END', server => <<'END');
litellm_zone zone=z:2m;
litellm_cache_zone zone=c:8m;
litellm_redis_limits off;
server {
    listen 127.0.0.1:%%PORT_8090%%;
    litellm_cache_redis only timeout=10s;
    include %%DIR%%/locations.conf;
}
END
litellm_cache_redis off;
include %%DIR%%/locations.conf;
END
(my $conf = $t->read_file('nginx.conf')) =~ s/\nlocation \/ \{\nlitellm;\n\n\}//;
$t->write_file('nginx.conf', $conf);
$t->run;

my ($port, @stream, $text);
my $n = 0;

# at a file's location, or at /
sub ask {
    my (%more) = @_;
    my $at = delete $more{at} // '';
    my $key = delete $more{key} // 'sk-k1';
    my $model = delete $more{model} // 'gpt';
    my @head = @{delete $more{head} // []};
    my $path = $more{input} ? 'embeddings' : 'chat/completions';
    my @body = $more{input} ? (messages => undef) : (messages => [{ role => 'user', content => $text }], @stream);
    return http(chat($model, uri => ($at ? "/$at" : '') . "/v1/$path", @body, %more,
        headers => [Authorization => "Bearer $key", @head]), port => $port);
}

sub text_of {
    my $r = shift;
    return "status $r->{status}" if $r->{status} != 200;
    my $a = $r->{body} =~ /^\{/ ? json_of($r->{body}) : undef;
    return $a ? $a->{choices} ? $a->{choices}[0]{message}{content} : $a->{data}[0]{embedding}[0] : texts($r->{body});
}

my $what;

# what the first one is answered is what the second one is
sub shared {
    my ($name, $one, $two, $want) = @_;
    $n++;
    $text = "text $n";
    my $first = text_of(ask(%$one));
    my $second = text_of(ask(%$two));
    my $ok = $first !~ /^status/ && (($first eq $second) == ($want // 1)) && $second !~ /^status/;
    ok($ok, "$what: $name") or diag("$first / $second");
}

sub apart { shared(@_[0 .. 2], 0) }

# Redis is there when this is in it
sub connected {
    my $end = time() + 20 * $slow;
    while (time() < $end) {
        $text = 'warm up ' . time();
        my ($one, $two) = map { text_of(ask(at => '')) } 1, 2;
        return 1 if $one eq $two;
        sleep 0.05;
    }
    return 0;
}

for my $place ([memory => 8080], [redis => 8090]) {
    for my $stream (0, 1) {
        $what = $place->[0] . ($stream ? ', streams' : '');
        $port = $t->port($place->[1]);
        @stream = $stream ? (stream => $yes) : ();
        ok(connected(), "$what: is there");

        # by whom
        shared('nobody is asked who', { key => 'sk-k1' }, { key => 'sk-k3' });
        shared('the master key, too', { key => 'sk-k1' }, { key => 'sk-master-of-all-1' });
        for my $at (['key', 'sk-k1', 'sk-k2'], ['team', 'sk-k1', 'sk-k3'], ['user', 'sk-k1', 'sk-k2']) {
            shared("$at->[0]: the same", { at => $at->[0], key => $at->[1] }, { at => $at->[0], key => $at->[1] });
            apart("$at->[0]: another", { at => $at->[0], key => $at->[1] }, { at => $at->[0], key => $at->[2] });
        }
        shared('team: two keys of one', { at => 'team', key => 'sk-k1' }, { at => 'team', key => 'sk-k2' });
        shared('user: two keys of one', { at => 'user', key => 'sk-k1' }, { at => 'user', key => 'sk-k3' });
        apart('team: without one nothing is kept', { at => 'team', key => 'sk-alone' }, { at => 'team', key => 'sk-alone' });
        apart('key: the master key is one of its own', { at => 'key', key => 'sk-k1' },
            { at => 'key', key => 'sk-master-of-all-1' });
        shared('end user: the same', { at => 'end', user => 'e1' }, { at => 'end', user => 'e1', key => 'sk-k3' });
        apart('end user: another', { at => 'end', user => 'e1' }, { at => 'end', user => 'e2' });
        apart('end user: none', { at => 'end' }, { at => 'end' });
        apart('key and end user: another key', { at => 'both', user => 'e1' }, { at => 'both', user => 'e1', key => 'sk-k2' });
        apart('key and end user: another user', { at => 'both', user => 'e1' }, { at => 'both', user => 'e2' });
        shared('the directive stands above the file', { at => 'none', key => 'sk-k1' }, { at => 'none', key => 'sk-k2' });
        shared('a variable: the same', { at => 'var', head => ['X-Tenant', 'a'] }, { at => 'var', head => ['X-Tenant', 'a'] });
        apart('a variable: another', { at => 'var', head => ['X-Tenant', 'a'] }, { at => 'var', head => ['X-Tenant', 'b'] });
        apart('variables: no two are one text', { at => 'var', head => ['X-Tenant', 'a', 'X-A', 'bv:c'] },
            { at => 'var', head => ['X-Tenant', 'av:b', 'X-A', 'c'] });
        shared('"user" makes no difference', { user => 'a' }, { user => 'b' });
        apart('... but by_user', { at => 'by_user', user => 'a' }, { at => 'by_user', user => 'b' });

        # files, namespaces
        apart('another file', { model => 'gpt' }, { model => 'gpt', at => 'second' });
        shared('files with one namespace', { at => 'joined' }, { at => 'joined2' });
        apart('files with two', { at => 'joined' }, { at => 'apart' });
        apart('a file with one, and without', { at => 'joined' }, {});
        my @ns = (cache => { namespace => 'mine' });
        apart('a namespace of a request', { @ns }, {});
        shared('the same one', { @ns }, { @ns });
        apart('another one', { @ns }, { cache => { namespace => 'yours' } });
        apart('it does not lead into that of a file', { at => 'joined' }, { cache => { namespace => 'joined' } });
        shared('that of a key', { key => 'sk-space' }, { cache => { namespace => 'space' } });
        apart('... is not the request\'s', { key => 'sk-space', @ns }, { @ns });

        # names of models
        apart('another group', {}, { model => 'other' });
        shared('an alias', {}, { model => 'nick' });
        shared('an alias, the other way', { model => 'nack' }, { model => 'other' });
        shared('an alias of a key', { model => 'mine', key => 'sk-alone' }, { model => 'other' });
        apart('a key\'s alias that hides a group', { key => 'sk-alone' }, {});
        shared('... is the group that it names', { key => 'sk-alone' }, { model => 'other' });
        apart('two models of a pattern', { model => 'w/one' }, { model => 'w/two' });
        shared('one model of a pattern', { model => 'w/one' }, { model => 'w/one' });
        apart('a deployment by its id', { model => 'by-id' }, { model => 'named' });

        shared('two groups of caching_groups', { at => 'grouped' }, { at => 'grouped', model => 'other' });
        apart('... and one that is in none', { at => 'grouped' }, { at => 'grouped', model => 'named' });
        shared('cache_responses: true', { at => 'routed' }, { at => 'routed' });
        apart('cache_responses: false', { at => 'unrouted' }, { at => 'unrouted' });

        # fallbacks: nothing is kept of another group
        apart('a fallback', { model => 'back' }, { model => 'back' });
        apart('a fallback: not for the other group', { model => 'back' }, {});
        apart('a fallback: not from the other group', {}, { model => 'back' });
        apart('a fallback that is asked for', { model => 'back', fallbacks => ['other'] },
            { model => 'back', fallbacks => ['other'] });
        apart('fallbacks tell apart', { fallbacks => ['other'] }, {});

        # tags
        shared('tags: the same', { model => 'tagged', tags => ['a'] }, { model => 'tagged', tags => ['a'] });
        apart('tags: other deployments', { model => 'tagged', tags => ['a'] }, { model => 'tagged', tags => ['b'] });
        apart('tags: none', { model => 'tagged', tags => ['a'] }, { model => 'tagged' });
        shared('tags in a header', { model => 'tagged', head => ['x-litellm-tags', 'a'] },
            { model => 'tagged', metadata => { tags => ['a'] } });

        # where it is on
        apart('off', { at => 'silent' }, { at => 'silent' });
        apart('off for a model', { model => 'off' }, { model => 'off' });
        apart('off for one of its deployments', { model => 'halfoff' }, { model => 'halfoff' });
        apart('default_off', { at => 'asked' }, { at => 'asked' });
        my @use = (at => 'asked', cache => { 'use-cache' => $yes });
        shared('default_off: asked for', { @use }, { @use });
        apart('default_off: kept, but not asked for', { @use }, { at => 'asked' });
        shared('default_off: a key asks for it', { at => 'asked', key => 'sk-use' }, { @use });
        apart('no-cache', {}, { cache => { 'no-cache' => $yes } });
        apart('no-store', { cache => { 'no-store' => $yes } }, {});
        shared('no-store looks', {}, { cache => { 'no-store' => $yes } });
        apart('no-cache of a key', {}, { key => 'sk-nocache' });
        shared('... is kept', { key => 'sk-nocache' }, {});
        apart('no-store of a key', { key => 'sk-nostore' }, {});
        shared('... looks', {}, { key => 'sk-nostore' });
        apart('cache: false', {}, { cache => $no });
        apart('caching: false', { caching => $no }, {});
        is(ask(key => 'sk-allowed', cache => { ttl => 5 })->{status}, 403, "$what: a control that is not allowed");
        apart('one that is', {}, { key => 'sk-allowed', cache => { 'no-cache' => $yes } });
        apart('bypass', { at => 'fresh' }, { at => 'fresh', head => ['X-Fresh', 1] });
        apart('no_cache', { at => 'fresh', head => ['X-Secret', 1] }, { at => 'fresh' });
        apart('supported_call_types: others', { at => 'types' }, { at => 'types' });
        if (!$stream) {
            my @embed = (at => 'types', input => "embed $place->[0]");
            shared('supported_call_types: one', { @embed }, { @embed });
        }
        my @two = (messages => [map { { role => 'user', content => "$_ $place->[0] $stream" } } 1, 2]);
        my @three = (messages => [@{$two[1]}, { role => 'user', content => 'three' }]);
        shared('max_messages: so many', { at => 'few', @two }, { at => 'few', @two });
        apart('max_messages: more', { at => 'few', @three }, { at => 'few', @three });
        shared('max_messages: without', { @three }, { @three });
        for ([0.2, 1], [0.5, 1], [0.51, 0], ['1e0', 0]) {
            my @temperature = (at => 'cool', temperature => $_->[0] + 0);
            shared("temperature $_->[0]", { @temperature }, { @temperature }, $_->[1]);
        }
        apart('temperature: not said', { at => 'cool' }, { at => 'cool' });
    }
}

# --- for how long: one wait for all

my %kept;
for my $place ([memory => 8080], [redis => 8090]) {
    $port = $t->port($place->[1]);
    for my $stream (0, 1) {
        @stream = $stream ? (stream => $yes) : ();
        for my $how ([long => {}], [ttl => { cache => { ttl => 2 } }], [model => { model => 'short' }],
            [aged => {}], [zero => { cache => { ttl => 0 } }])
        {
            $text = "time $place->[0] $stream $how->[0]";
            $kept{$text} = text_of(ask(%{$how->[1]}));
        }
    }
}
my $until = time() + 3;
sleep 0.1 while time() < $until;
for my $place ([memory => 8080], [redis => 8090]) {
    $port = $t->port($place->[1]);
    for my $stream (0, 1) {
        @stream = $stream ? (stream => $yes) : ();
        for my $how ([long => {}, 1], [ttl => {}, 0], [model => { model => 'short' }, 0],
            [aged => { cache => { 's-maxage' => 1 } }, 0], [aged => { cache => { 's-max-age' => 600 } }, 0], [zero => {}, 0])
        {
            $text = "time $place->[0] $stream $how->[0]";
            my $now = text_of(ask(%{$how->[1]}));
            is($now eq $kept{$text} ? 1 : 0, $how->[2], "$text: " . ($how->[2] ? 'there' : 'over'));
            last if $now =~ /^status/;
        }
    }
}
