#!/usr/bin/perl

# The management API: keys that are made, changed and deleted at run time, seen
# by all workers at once; who may; lists in pages; what LiteLLM's clients send.
# Two workers.

use warnings;
use strict;

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(time);

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(188);
my $slow = $LiteLLM::Peer::slow;

my $master = 'sk-secret-master-key';
my $fixed = 'sk-secret-configured';

my $conf = $t->write_conf(listen => ' reuseport', http => "litellm_zone zone=z:8m;\n",
    location => 'add_header X-Pid $pid always;', server => <<'END')->read_file('nginx.conf');
location /llm/ {
    litellm;
}
location /open/ {
    litellm;
    litellm_config %%DIR%%/open.yaml;
}
location /masterless/ {
    litellm;
    litellm_config %%DIR%%/masterless.yaml;
}
END
$conf =~ s/%%DIR%%/$t->dir/ge;
$conf =~ s/worker_processes 1;/worker_processes 2;/;
$t->write_file('nginx.conf', $conf);

my $models = <<'END';
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k, input_cost_per_token: 0.01, output_cost_per_token: 0.02}
  - model_name: other
    litellm_params: {model: openai/gpt-4o-mini, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k, input_cost_per_token: 0, output_cost_per_token: 0}
END

$t->write_file_expand('open.yaml', $models);
$t->write_file_expand('masterless.yaml', "${models}virtual_keys:\n  - key: $fixed\n");
$t->write_file_expand('litellm.yaml', <<END);
${models}general_settings:
  master_key: $master
virtual_keys:
  - {key: $fixed, key_alias: fixed, models: [gpt]}
  - {key: sk-secret-boss, user_id: boss}
  - {key: sk-secret-limited, user_id: boss, allowed_routes: [info_routes]}
users:
  - {user_id: boss, user_role: proxy_admin}
END

$t->mock(8081, sub { return answer(200, openai_chat('Hi')) });

$t->run;

my @admin = (Authorization => "Bearer $master");

# status and answer: path, body (none: GET), key
sub ask {
    my ($path, $body, $key) = @_;
    my @as = (Authorization => 'Bearer ' . ($key // $master));
    my $r = defined $body ? http_post($path, $body, @as) : http_get($path, @as);
    return ($r->{status}, json_of($r->{body}) // $r->{body}, $r);
}

sub ok_of { my ($s, $j) = ask(@_); diag("$_[0]: $s " . json_text($j)) if $s != 200; return $j }
sub status { return (ask(@_))[0] }
sub why { my ($s, $j) = ask(@_); return "$s " . (ref $j ? $j->{error}{message} // json_text($j) : $j) }
sub make { return ok_of('/key/generate', { @_ })->{key} }
sub use_key { return http(chat($_[1] // 'gpt', headers => [Authorization => "Bearer $_[0]"]))->{status} }

# the same of each worker: they are told apart by their pid
sub each_worker {
    my ($f) = @_;
    my (%seen, $n);
    my $end = time() + 10 * $slow;
    while (keys %seen < 2 && time() < $end) {
        my $r = $f->();
        $seen{$r->{header}{'x-pid'}}{$r->{status}}++;
    }
    return join ' ', sort map { join '|', sort keys %$_ } values %seen;
}

sub workers_say { my $key = shift;
    return each_worker(sub { http(chat('gpt', headers => [Authorization => "Bearer $key"])) }) }

# keys: made, used

my ($s, $j, $r) = ask('/key/generate', {});
is($s, 200, 'a key with nothing said');
like($j->{key}, qr/^sk-[\w-]{22,}$/, 'is a random one');
is($j->{token_id}, sha256_hex($j->{key}), 'its token');
is($j->{key_name}, 'sk-...' . substr($j->{key}, -4), 'its name');
is($j->{expires}, undef, 'never expires');
ok(exists $j->{$_}, "says $_") for qw(max_budget models user_id team_id metadata spend budget_duration tpm_limit
    rpm_limit max_parallel_requests key_alias created_at blocked);
my $key = $j->{key};
is(workers_say($key), '200 200', 'it works with each worker');
isnt(make(), make(), 'no two are the same');
is(workers_say('sk-unknown-0123456789'), '401 401', 'control: an unknown key');

# curl of LiteLLM's docs, and what its Python client sends

$j = ok_of('/key/generate', '{"models": ["gpt-3.5-turbo", "gpt-4"], "metadata": {"user": "ishaan@berri.ai"}}');
is_deeply($j->{models}, ['gpt-3.5-turbo', 'gpt-4'], 'models');
is_deeply($j->{metadata}, { user => 'ishaan@berri.ai' }, 'metadata');
is(use_key($j->{key}), 403, 'models that it may not use');
$j = ok_of('/key/generate', { api_key => 'sk-1', models => [], duration => '20m', key_alias => 'client',
    config => { a => 1 } });
like($j->{expires}, qr/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00$/, 'duration');
my $client = $j->{key};
isnt($client, 'sk-1', 'api_key is not the key');
is_deeply(ok_of('/key/list?page=1&size=5&key_alias=client')->{keys}, [sha256_hex($client)], 'a list by alias');
is_deeply(ok_of('/key/delete', { keys => undef, key_aliases => ['client'] })->{deleted_keys}, ['client'],
    'deleted by alias');
is(use_key($client), 401, 'is gone');

# a given key; errors

is(make(key => 'sk-secret-given-key'), 'sk-secret-given-key', 'a key of the client\'s own');
is(use_key('sk-secret-given-key'), 200, 'works');
is(why('/key/generate', { key => 'sk-secret-given-key' }), '400 The key is there already', 'twice');
like(why('/key/generate', { key => $fixed }), qr/^400 .*configuration/, 'one of the configuration');
like(why('/key/generate', { key => $master }), qr/^400 .*master/, 'the master key');
like(why('/key/generate', { key => 'short' }), qr/^400 .*sk-/, 'a bad one');
like(why('/key/generate', { key => 'sk-with blank' }), qr/^400 .*blanks/, 'one with a blank');
like(why('/key/generate', { rpm_limit => -1 }), qr/^400 "rpm_limit" must be/, 'a bad limit');
like(why('/key/generate', { max_budget => 'x' }), qr/^400 "max_budget" must be/, 'a bad budget');
like(why('/key/generate', { models => 'gpt' }), qr/^400 "models" must be/, 'bad models');
like(why('/key/generate', { duration => 'soon' }), qr/^400 "duration" must be/, 'a bad duration');
like(why('/key/generate', { budget_duration => 'soon' }), qr/^400 "budget_duration"/, 'a bad period');
like(why('/key/generate', { key_type => 'any' }), qr/^400 "key_type" must be/, 'a bad type');
like(why('/key/generate', { guardrails => ['pii'] }), qr/^400 "guardrails" is not supported/,
    'what would promise more than is kept');
is(status('/key/generate', { guardrails => [], budget_id => undef }), 200, 'control: empty ones promise nothing');
like(why('/key/generate', '{"a":'), qr/^400 Invalid JSON payload/, 'no JSON');
like(why('/key/generate', '[]'), qr/^400 .*object/, 'no object');
like(why('/key/generate', { map { $_ => 1 } 1 .. 1001 }), qr/^400 .*members/, 'too many members');
like(why('/key/generate', '{"metadata":{"a":"' . 'x' x 70000 . '"}}'), qr/^400 .*larger/, 'too large a record');
is(status('/key/generate', '{"a":"' . 'x' x 1100000 . '"}'), 413, 'too large a body');
is(status('/key/generate'), 405, 'GET');
is(http_post('/key/list', {}, @admin)->{status}, 405, 'POST');

# limits hold at once

my $limited = make(rpm_limit => 2, models => ['gpt', 'other']);
is(join(' ', map { use_key($limited) } 1 .. 3), '200 200 429', 'rpm_limit');
my $poor = make(max_budget => 0.000001);
is(join(' ', map { use_key($poor) } 1 .. 2), '422 422', 'a budget smaller than one request');
my $spends = make(max_budget => 50);
is(use_key($spends), 200, 'a budget');
my $info = ok_of("/key/info?key=$spends");
is($info->{key}, sha256_hex($spends), '/key/info: of');
cmp_ok($info->{info}{spend}, '>', 0, 'what was spent');
cmp_ok($info->{info}{max_budget}, '==', 50, 'its budget');
is(status('/key/info?key=' . sha256_hex($spends)), 200, 'by token');
is(status("/key/info?key=$fixed"), 200, 'of the configuration');
like(why('/key/info?key=sk-nobody-knows'), qr/^404 .*not found/, 'unknown');
like(why('/key/info'), qr/^400 "key" is missing/, 'the master key has no record');

# own key

is(ok_of('/key/info', undef, $spends)->{key}, sha256_hex($spends), 'its own record');
is(status("/key/info?key=$spends", undef, $spends), 200, 'named');
like(why("/key/info?key=$key", undef, $spends), qr/^403 /, 'not another one\'s');

# update

is(workers_say($key), '200 200', 'before it is changed');
$j = ok_of('/key/update', { key => $key, models => ['other'], metadata => { a => 1 }, max_budget => 7000 });
is_deeply($j->{models}, ['other'], 'changed');
is(workers_say($key), '403 403', 'each worker knows at once');
$j = ok_of('/key/update', { key => $key, models => undef });
is(workers_say($key), '200 200', 'null takes it back');
is_deeply($j->{metadata}, { a => 1 }, 'the rest stays');
cmp_ok($j->{max_budget}, '==', 7000, 'and this');
is(ok_of('/key/update', { key => $key, duration => '1s' })->{expires} =~ /^20/ ? 1 : 0, 1, 'expires soon');
my $end = time() + 10 * $slow;
select undef, undef, undef, 0.1 while use_key($key) == 200 && time() < $end;
($s, $j) = ask('/v1/models', undef, $key);
is("$s $j->{error}{type}", '401 expired_key', 'expired');
is(ok_of('/key/update', { key => $key, duration => '-1' })->{expires}, undef, 'never again');
is(use_key($key), 200, 'works');
like(why('/key/update', { key => $fixed, models => [] }), qr/^400 .*configuration/, 'one of the configuration');
like(why('/key/update', { key => 'sk-nobody-knows' }), qr/^404 /, 'an unknown one');
like(why('/key/update', {}), qr/^400 "key" is missing/, 'none');
like(why('/key/update', { key => $key, tpm_limit => 1.5 }), qr/^400 "tpm_limit"/, 'a bad limit');
$j = ok_of('/key/update', { key => $spends, spend => 3.25 });
cmp_ok($j->{spend}, '==', 3.25, 'spend is set');
cmp_ok(ok_of('/key/update', { key => $spends, rpm_limit => 1000 })->{spend}, '==', 3.25, 'and left alone');
like(why('/key/update', { key => $spends, spend => -1 }), qr/^400 "spend"/, 'a bad spend');

# both of two changes at once are made

my @peers = map { start(LiteLLM::Test::post_request('/key/update', { key => $key, $_->[0] => $_->[1] }, @admin)) }
    map { (['rpm_limit', 1000 + $_], ['tpm_limit', 1000000 + $_], ['max_parallel_requests', 100 + $_]) } 1 .. 8;
my %codes;
$codes{finish($_)->{status}}++ for @peers;
is(join(' ', grep { $_ ne 409 } keys %codes), 200, 'changes at once');
$j = ok_of("/key/info?key=$key")->{info};
ok($j->{rpm_limit} > 1000 && $j->{tpm_limit} > 1000000 && $j->{max_parallel_requests} > 100, 'none was lost');
cmp_ok($j->{max_budget}, '==', 7000, 'and what was there');

# block, unblock; also on a connection that stays open

my $peer = start(chat('gpt', headers => [Authorization => "Bearer $key"]) =~ s/Connection: close\r\n//r);
is(finish($peer)->{status}, 200, 'a connection that is kept');
$j = ok_of('/key/block', { key => $key, max_budget => 1000 });
ok($j->{blocked}, 'blocked');
cmp_ok($j->{max_budget}, '==', 7000, 'and nothing else was changed');
$peer->write(chat('gpt', headers => [Authorization => "Bearer $key"]) =~ s/Connection: close\r\n//r);
is(finish($peer)->{status}, 401, 'refused on the kept connection');
is(workers_say($key), '401 401', 'by each worker');
ok(!ok_of('/key/unblock', { key => sha256_hex($key) })->{blocked}, 'unblocked, by token');
is(workers_say($key), '200 200', 'works again');
like(why('/key/block', { key => $fixed }), qr/^400 .*configuration/, 'one of the configuration');

# regenerate

ok_of('/key/update', { key => $key, spend => 1.5 });
$j = ok_of("/key/$key/regenerate", { rpm_limit => 77 });
my $new = $j->{key};
isnt($new, $key, 'a new key');
is($j->{rpm_limit}, 77, 'with what was said');
cmp_ok($j->{max_budget}, '==', 7000, 'and what was there');
cmp_ok($j->{spend}, '==', 1.5, 'and what was spent');
is(workers_say($key), '401 401', 'the old one is gone');
is(workers_say($new), '200 200', 'the new one works');
like(why("/key/info?key=$key"), qr/^404/, 'no record of the old one');
is(ok_of('/key/regenerate', { key => $new, new_key => 'sk-secret-chosen' })->{key}, 'sk-secret-chosen', 'a chosen one');
is(use_key($new), 401, 'the one before is gone');
like(why('/key/regenerate', { key => 'sk-secret-chosen', new_key => 'sk-secret-given-key' }), qr/^400 .*already/,
    'one that is there');
is(use_key('sk-secret-chosen'), 200, 'nothing was changed');
like(why('/key/regenerate', { key => $fixed }), qr/^400 .*configuration/, 'one of the configuration');

# spend

$j = ok_of('/key/' . sha256_hex('sk-secret-chosen') . '/reset_spend', { reset_to => 0.5 });
cmp_ok($j->{spend}, '==', 0.5, 'spend is reset');
cmp_ok($j->{previous_spend}, '>', 1.5, 'from');
like(why('/key/sk-secret-chosen/reset_spend', { reset_to => 5 }), qr/^400 .*above/, 'not upwards');
is(status("/key/$fixed/reset_spend", {}), 200, 'one of the configuration');

# aliases are of one key

my $one = make(key_alias => 'only "one"');
like(why('/key/generate', { key_alias => 'only "one"' }), qr/^400 Key with alias 'only "one"' already exists/,
    'an alias twice');
like(why('/key/generate', { key_alias => 'fixed' }), qr/^400 Key with alias/, 'an alias of the configuration');
is(status('/key/update', { key => $one, key_alias => 'only "one"' }), 200, 'its own alias');
like(why('/key/update', { key => $new, key_alias => 'only "one"' }), qr/^400 Key with alias/, 'another one\'s');
ok((grep { $_ eq 'only "one"' } @{ok_of('/key/aliases')->{aliases}}), 'the list of aliases');
is_deeply(ok_of('/key/aliases?search=Y+"O')->{aliases}, ['only "one"'], 'a part of it');

$j = ok_of("/key/$one/regenerate", {});
is($j->{key_alias}, 'only "one"', 'a new key has the alias of the old one');
$one = $j->{key};
like(why('/key/generate', { key_alias => 'only "one"' }), qr/^400 Key with alias/, 'which is taken');
is(status('/key/update', { key => $one, key_alias => 'only "two"' }), 200, 'another alias');
is(status('/key/delete', { keys => [make(key_alias => 'only "one"')] }), 200, 'the one before is free');
is(status('/key/update', { key => $one, key_alias => 'only "one"' }), 200, 'and is again when its key is deleted');

# both workers at once: one of them makes it

my @most;
for my $round (1 .. 10) {
    my @c = map { LiteLLM::Peer->connect($t->port(8080)) } 1 .. 8;
    my $text = json_text({ key_alias => "race $round" });
    my $raw = "POST /key/generate HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer $master\r\nConnection: close\r\n"
        . 'Content-Length: ' . length($text) . "\r\n\r\n";
    $_->write($raw) for @c;
    $_->write($text) for @c;
    my $made = grep { my $r = $_->read_message; $r && $r->{status} == 200 } @c;
    push @most, $made if $made != 1;
}
is("@most", '', 'an alias that many ask for at once is one key\'s');

# lists

my %all = map { $_ => 1 } map { make(user_id => 'lister', team_id => $_ % 2 ? 'odd' : 'even', key_alias => "list-$_") }
    1 .. 25;
$j = ok_of('/key/list?user_id=lister&size=10');
is(join(' ', @$j{qw(total_count current_page total_pages)}, scalar @{$j->{keys}}), '25 1 3 10', 'a page');
my %got = map { $_ => 1 } map { @{ok_of("/key/list?user_id=lister&size=10&page=$_")->{keys}} } 1 .. 3;
is(join(' ', sort keys %got), join(' ', sort map { sha256_hex($_) } keys %all), 'all pages are all of them');
is_deeply(ok_of('/key/list?user_id=lister&page=4')->{keys}, [], 'behind the last page');
is(ok_of('/key/list?user_id=lister&team_id=odd')->{total_count}, 13, 'two filters');
$j = ok_of('/key/list?key_alias=list-7&return_full_object=true')->{keys}[0];
is("$j->{user_id} $j->{team_id} $j->{key_alias}", 'lister odd list-7', 'whole objects');
is(ok_of('/key/list?size=100')->{total_count}, ok_of('/key/list')->{total_count}, 'the number of all');
like(why('/key/list?size=101'), qr/^422 /, 'too large a page');
like(why('/key/list?page=0'), qr/^422 /, 'no such page');
$j = ok_of('/v2/key/info', { keys => [sha256_hex($one), 'sk-nobody', $fixed] });
is(scalar @{$j->{info}}, 2, 'several at a time');
is($j->{info}[0]{key_alias}, 'only "one"', 'the first of them');

# delete

like(why('/key/delete', { keys => [$one, 'sk-nobody'] }), qr/^404 Key 2 .* none was deleted/, 'one is unknown');
is(use_key($one), 200, 'none was deleted');
like(why('/key/delete', { keys => [$one, $fixed] }), qr/^400 .*configuration/, 'one is of the configuration');
like(why('/key/delete', { keys => [] }), qr/^400 .*must name/, 'none named');
like(why('/key/delete', { keys => [5] }), qr/^400 .*texts/, 'no text');
$peer = start(chat('gpt', headers => [Authorization => "Bearer $one"]) =~ s/Connection: close\r\n//r);
is(finish($peer)->{status}, 200, 'used');
is_deeply(ok_of('/key/delete', { keys => [$one, $one] })->{deleted_keys}, [$one, $one], 'named twice');
$peer->write(chat('gpt', headers => [Authorization => "Bearer $one"]) =~ s/Connection: close\r\n//r);
is(finish($peer)->{status}, 401, 'gone on a kept connection');
is(workers_say($one), '401 401', 'with each worker');
is(make(key => $one), $one, 'made again');
cmp_ok(ok_of("/key/info?key=$one")->{info}{total_spend}, '==', 0, 'its spend did not stay');
is(scalar @{ok_of('/key/delete', { keys => [keys %all] })->{deleted_keys}}, 25, 'many');
is(ok_of('/key/list?user_id=lister')->{total_count}, 0, 'all gone');

# who may

for my $path ('/key/generate', '/key/update', '/key/delete', '/key/block', '/key/unblock', '/key/regenerate',
    "/key/$fixed/regenerate", "/key/$fixed/reset_spend", '/v2/key/info', '/key/service-account/generate')
{
    my ($s, $j) = ask($path, { key => $fixed }, $spends);
    is("$s $j->{error}{type} $j->{error}{param}", '401 auth_error None', "$path is for admins")
}
for my $path ('/key/list', '/key/aliases') { is(status($path, undef, $spends), 401, "$path is for admins") }
like(why('/key/generate', {}, $spends), qr/Only proxy admin can be used to generate, delete, update info for new keys/,
    'what is said');
is(status('/key/generate', {}, 'sk-secret-boss'), 200, 'a user who is an admin');
is(ok_of('/key/generate', {}, 'sk-secret-boss')->{created_by}, 'boss', 'by');
is(ok_of('/key/generate', {})->{created_by}, 'default_user_id', 'by the master key');
is(http_post('/key/generate', {})->{status}, 401, 'nobody');
is(status('/key/list', undef, 'sk-secret-limited'), 200, 'info_routes');
is(status('/key/generate', {}, 'sk-secret-limited'), 403, 'and no more');
is(use_key('sk-secret-limited'), 403, 'nor models');

# key types

my $llm = make(key_type => 'llm_api', user_id => 'boss');
is(use_key($llm), 200, 'key_type llm_api');
is(status('/key/list', undef, $llm), 403, 'manages nothing');
my $man = make(key_type => 'management', user_id => 'boss');
is(use_key($man), 403, 'key_type management');
is(status('/key/list', undef, $man), 200, 'manages');
my $read = make(key_type => 'read_only', user_id => 'boss');
is(status('/key/list', undef, $read), 200, 'key_type read_only: reads');
is(status('/key/generate', {}, $read), 403, 'read_only: makes none');

# service accounts

like(why('/key/service-account/generate', { key_alias => 'svc' }), qr/^400 team_id is required/, 'a service account');
$j = ok_of('/key/service-account/generate', { team_id => 'svc', user_id => 'me', key_alias => 'svc' });
is($j->{user_id}, undef, 'is nobody\'s');
is($j->{team_id}, 'svc', 'but its team\'s');

# where it is not

is(http_post('/open/key/generate', {})->{status}, 403, 'without a master key');
is(http_post('/masterless/key/generate', {}, Authorization => "Bearer $fixed")->{status}, 403,
    'with keys and no master key');
is(status('/llm/key/list'), 200, 'behind a prefix');
is(status('/key/nothing', {}), 404, 'no such route');
is(status('/key/x/y/regenerate', {}), 404, 'nor such a path');
is(status('/v1/key/list'), 404, 'nor a version');

# reload: they are all there

my $total = ok_of('/key/list')->{total_count};
ok($t->reload, 'reload');
is(workers_say('sk-secret-chosen'), '200 200', 'a key is there behind a reload');
is(ok_of('/key/list')->{total_count}, $total, 'all of them');

# a client that leaves in the middle of a walk

for (1 .. 20) { start("GET /key/list HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $master\r\n\r\n")->close }
is(status('/key/list'), 200, 'clients that leave');

# no secrets, not even of a query

ok_of("/key/info?key=$spends");
my $logs = $t->read_file('error.log') . $t->read_file('access.log') . $t->read_file('stderr.log');
unlike($logs, qr/secret/, 'no key is in a log');
for my $k ($spends, $key, $new, $client) { unlike($logs, qr/\Q$k\E/, 'nor this one') }
like($logs, qr/key=\*+\Q@{[substr $spends, -4]}\E/, 'but its end');
