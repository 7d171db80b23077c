#!/usr/bin/perl

# litellm_status: the page and its JSON.  Who gets them, what is said of
# deployments, groups, limits and budgets as traffic through several workers
# made them, what is not said, how much at most.

use warnings;
use strict;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;
use Time::HiRes qw(time sleep);

use LiteLLM::Mock qw(answer openai_chat openai_error);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(84);
my $slow = $LiteLLM::Peer::slow;
my $source = dirname(dirname(abs_path(__FILE__))) . '/ngx_http_litellm_module/http';

sub file { open my $f, '<', shift or return ''; local $/; return scalar <$f> }

my $evil = '</script><img src=x onerror=alert(1)>"\'&';

$t->write_conf(http => 'litellm_zone zone=here:1m; litellm_cache_zone zone=answers:1m;', server => <<'END');
location = /status { litellm_status; }
location = /keyed { litellm_status key; }
location = /basic { litellm_status; auth_basic here; auth_basic_user_file %%DIR%%/users; }
location = /denied { litellm_status; deny all; }
location = /other { litellm_status key; litellm_config %%DIR%%/other.yaml; }
location /second/ { litellm; litellm_config %%DIR%%/other.yaml; }
location /again/ { litellm; litellm_keys %%DIR%%/more.json; }
location /method { litellm_status; limit_except GET { deny all; } }
END
$t->write_file('nginx.conf', $t->read_file('nginx.conf') =~ s/worker_processes 1;/worker_processes 3;/r);
$t->write_file('users', "me:{PLAIN}word\n");
$t->write_file('more.json', '[{"key": "sk-more-key-0001"}]');

sub entry {
    my ($group, $id, $info, $params) = @_;
    return "  - model_name: '" . ($group =~ s/'/''/gr) . "'\n    litellm_params: {model: openai/gpt-4o, "
        . "api_base: 'http://127.0.0.1:%%PORT_8081%%/$id?key=sk-query-secret', api_key: sk-api-secret"
        . ($params ? ", $params" : '') . "}\n    model_info: {id: $id" . ($info ? ", $info" : '') . "}\n";
}
my $cold = 'cooldown_time: 60, allowed_fails_policy: {RateLimitErrorAllowedFails: 0, InternalServerErrorAllowedFails: 0}';
$t->write_file_expand('litellm.yaml', "model_list:\n"
    . entry('good', 'good-1') . entry('pair', 'pair-1', $cold) . entry('pair', 'pair-2') . entry('solo', 'solo-1', $cold)
    . entry('fails', 'fails-1') . entry('small', 'small-1', '', 'rpm: 2')
    . entry('dear', 'dear-1', '', 'max_budget: 1, budget_duration: 1d, input_cost_per_token: 0.001, output_cost_per_token: 0')
    . entry($evil, 'evil-1') . <<'END');
  - model_name: bare
    litellm_params: {model: mistral/mistral-small-latest}
    model_info: {id: bare-1}
litellm_settings: {num_retries: 0}
general_settings: {master_key: sk-master-secret-key}
virtual_keys:
  - {key: sk-first-key-abcd, key_alias: '</script><b>first</b>', rpm_limit: 10}
  - {key: sk-second-key-efgh, tpm_limit: 1000000, models: [good, small]}
  - {key: sk-third-key-ijkl, key_alias: third, team_id: "team:x", model_rpm_limit: {good: 4}}
  - {key: sk-fourth-key-mnop, max_budget: 1000}
teams:
  - {team_id: "team:x", team_alias: "red team", max_budget: 1000, budget_duration: 30d}
END
$t->write_file_expand('other.yaml', "model_list:\n" . entry('other', 'other-1')
    . "general_settings: {master_key: sk-other-master}\n");

sub how { my ($id, $how) = @_; $t->write_file("how-$id.new", $how); rename $t->dir . "/how-$id.new", $t->dir . "/how-$id" }
my $up = $t->mock(8081, sub {
    my ($peer, $req) = @_;
    my ($id) = $req->{uri} =~ m{^/([^/?]+)};
    my $status = $t->read_file("how-$id") || 200;
    my $text = $status == 429 ? "no more </script><b>now</b>" : 'it fails';
    $peer->write($status == 200 ? answer(200, openai_chat('Hi', $id eq 'dear-1' ? (usage => { prompt_tokens => 5000, completion_tokens => 1, total_tokens => 5001 }) : ()))
        : answer($status, openai_error($text, 'some_error')));
});
$t->run;

my %key = (first => 'sk-first-key-abcd', second => 'sk-second-key-efgh', third => 'sk-third-key-ijkl', fourth => 'sk-fourth-key-mnop',
    master => 'sk-master-secret-key');
sub ask { my ($who, $model, %more) = @_; return http(chat($model, headers => [Authorization => "Bearer $key{$who}"], %more))->{status} }
sub status { return json_of(http_get('/status?format=json' . (shift // ''))->{body}) }
sub of { my ($j, $id) = @_; my ($d) = grep { $_->{id} eq $id } @{$j->{deployments}{list}}; return $d || {} }

# limits are looked for every few seconds: waits for what they are to be
sub limits_when {
    my $ready = shift;
    my ($j, $end) = (undef, time() + 12 * $slow);
    do { $j = status(); return $j if $ready->($j); sleep 0.1 } while time() < $end;
    return $j;
}
sub near { my ($j, $scope, $limit) = @_; return (grep { $_->{scope} eq $scope && $_->{limit} eq $limit } @{$j->{limits}{list}})[0] || {} }


# the page

my $html = file("$source/status/status.html");
my $r = http_get('/status');
is($r->{status}, 200, 'page: status');
is($r->{header}{'content-type'}, 'text/html; charset=utf-8', 'page: type');
ok($r->{body} eq $html && length $html > 1000, 'page: it is status.html');
is(`sh $source/status/pack.sh`, file("$source/ngx_http_litellm_status_page.h"), 'page: the header is made of it');
unlike($html, qr/[^\x00-\x7f]/, 'page: ASCII');
unlike($html, qr/innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|https?:(?!\/\/www\.w3\.org\/2000\/svg)|\ssrc=/,
    'page: nothing of elsewhere, no markup of what it is told');
my $csp = $r->{header}{'content-security-policy'} // '';
like($csp, qr/^default-src 'none'; script-src 'sha256-[\w+\/]{43}='; style-src 'sha256-[\w+\/]{43}='; connect-src 'self'; /, 'page: policy');
unlike($csp, qr/unsafe|\*/, 'page: nothing else is allowed');
is(http_get('/status?format=xml')->{header}{'content-type'}, 'text/html; charset=utf-8', 'page: of another format');

$r = http("HEAD /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
is("$r->{status} $r->{header}{'content-length'} $r->{body}", '200 ' . length($html) . ' ', 'page: HEAD');
is(http_post('/status', '{}')->{status}, 405, 'page: POST');
is(http_post('/status?format=json', '{}')->{status}, 405, 'JSON: POST');
is(http_post('/method', '{}')->{status}, 403, 'limit_except: POST');
is(json_of(http_get('/method?format=json')->{body})->{status}, 'warn', 'limit_except: GET');


# nothing was asked yet

$r = http_get('/status?format=json');
is($r->{status}, 200, 'JSON: status');
is($r->{header}{'content-type'}, 'application/json', 'JSON: type');
is($r->{header}{'cache-control'}, 'no-store', 'JSON: not kept');
my $j = json_of($r->{body});
is($j->{status}, 'warn', 'a model without credentials is no good') or diag($r->{body});
is_deeply([map { "$_->{level} $_->{kind} $_->{name}" } @{$j->{problems}}], ['warn group bare'], 'and the only problem');

is("$j->{groups}{total} $j->{groups}{degraded} $j->{groups}{down}", '9 1 0', 'groups of all files');
is("$j->{deployments}{total} $j->{deployments}{shown} $j->{deployments}{callable}", '10 10 9', 'deployments of all files, each once');
is(of($j, 'bare-1')->{state} . ' ' . (of($j, 'bare-1')->{missing} // ''), 'unusable MISTRAL_API_KEY', 'what it misses');
is($j->{deployments}{list}[0]{id}, 'bare-1', 'what is not well comes first');
is(of($j, 'other-1')->{state}, 'ok', 'a deployment of the other file');
is($j->{workers}, 3, 'workers');
ok(abs($j->{time} / 1000 - time()) < 60 * $slow, 'time');


# who gets it

is(http_get('/denied?format=json')->{status}, 403, 'deny');
is(http_get('/basic?format=json')->{status}, 401, 'auth_basic: without');
is(http_get('/basic?format=json', Authorization => 'Basic bWU6d29yZA==')->{status}, 200, 'auth_basic: with');
is(http_get('/keyed')->{status}, 200, 'key: the page is for everybody');
for (['none'], ['another', Authorization => 'Bearer sk-master-secret-kez'], ['a virtual one', Authorization => "Bearer $key{first}"],
    ['another file\'s', Authorization => 'Bearer sk-other-master'], ['a prefix', Authorization => 'Bearer sk-master'],
    ['of another scheme', Authorization => 'Basic bWU6d29yZA=='], ['an empty one', Authorization => 'Bearer ']) {
    my ($name, @header) = @$_;
    $r = http_get('/keyed?format=json', @header);
    ok($r->{status} == 401 && $r->{body} !~ /good-1/, "key: $name");
}
is(http_get('/keyed?format=json')->{header}{'www-authenticate'}, 'Bearer', 'key: no dialog of a browser');
is(http_get('/keyed?format=json', 'x-litellm-api-key' => $key{master})->{status}, 200, 'key: in LiteLLM\'s header');
$j = json_of(http_get('/keyed?format=json', Authorization => "Bearer $key{master}")->{body});
is("$j->{deployments}{total} " . (of($j, 'other-1')->{id} // 'none'), '9 none', 'key: of its own file only');
$j = json_of(http_get('/other?format=json', Authorization => 'Bearer sk-other-master')->{body});
is(join(' ', map { $_->{id} } @{$j->{deployments}{list}}), 'other-1', 'key: of the other one');


# traffic

minute(5);
is(ask(second => 'good'), 200, 'a good one') for 1 .. 5;
is(ask(master => 'good'), 200, 'by the master key');
$j = status();
is_deeply(of($j, 'good-1')->{minute}, { requests => 6, tokens => 6 * 10, failures => 0 }, 'what the router has counted');
is(of($j, 'good-1')->{in_flight}, 0, 'nothing is in flight');

how('pair-1', 429);
ask(master => 'pair') for 1 .. 12;
$j = status();
my $d = of($j, 'pair-1');
is($d->{state}, 'cooldown', 'cooled down');
is("$d->{cooldown}{status} $d->{cooldown}{error}", '429 RateLimitError', 'why');
ok($d->{cooldown}{left_ms} > 0 && $d->{cooldown}{left_ms} <= 60000, 'how long');
is("$j->{status} $j->{groups}{degraded} $j->{groups}{down}", 'warn 2 0', 'the group can be served');
my ($p) = grep { $_->{name} eq 'pair' } @{$j->{problems}};
like($p->{text}, qr/^1 of 2 deployments can be called: 1 in cooldown \(RateLimitError 429, the first for \d+ s more\)$/, 'what is said of it');
is($p->{level}, 'warn', 'how bad it is');

how('solo-1', 500);
ask(master => 'solo') for 1 .. 2;
how('fails-1', 500);
ask(master => 'fails') for 1 .. 6;
ask(master => 'small') for 1 .. 2;
ask(master => 'dear');
$j = status();
is(of($j, 'fails-1')->{state}, 'failing', 'most calls fail') or diag($j->{deployments}{list}[0]{state});
is(of($j, 'small-1')->{state}, 'limited', 'at its rpm limit');
is(of($j, 'dear-1')->{state}, 'over_budget', 'over its budget');
ok(of($j, 'dear-1')->{budget}{spend} == 5 && of($j, 'dear-1')->{budget}{ends} > time(), 'its budget');
is($j->{status}, 'bad', 'groups that can not be served');
like(join(' ', map { "$_->{level}:$_->{name}" } @{$j->{problems}}), qr/^(bad:\w+ ){3,}(warn:\w+ ?)+$/, 'the worst first');
($p) = grep { $_->{name} eq 'fails' } @{$j->{problems}};
is($p->{text}, '1 of 1 deployment can be called: 1 failing most calls', 'what is said of one that fails');

# limits

ask(first => 'good') for 1 .. 9;
ask(third => 'good') for 1 .. 4;
$j = limits_when(sub { near($_[0], 'api_key', 'requests')->{used} && near($_[0], 'model_per_key', 'requests')->{used} });
my $l = near($j, 'api_key', 'requests');
is("$l->{name} $l->{alias} $l->{used} $l->{max} $l->{percent}", 'sk-...abcd </script><b>first</b> 9 10 90', 'a key near its rpm');
$l = near($j, 'model_per_key', 'requests');
is("$l->{name} $l->{alias} $l->{model} $l->{used} $l->{percent}", 'sk-...ijkl third good 4 100', 'a key\'s limit of a group');
is($j->{limits}{list}[0]{percent} >= $j->{limits}{list}[-1]{percent}, 1, 'the nearest first');
ok($j->{limits}{near} >= 2 && $j->{limits}{over} >= 1 && $j->{limits}{accounts} > 2, 'how many');
is(near($j, 'api_key', 'tokens')->{name}, undef, 'nobody who is far from a limit');

# counters

my $c = of($j, 'good-1')->{counters};
is("$c->{ok} $c->{in} $c->{out}", '19 133 57', 'counters of a deployment');
my $sum = 0;
$sum += $_ for @{$c->{latency}};
is("$sum " . @{$c->{latency}} . ' ' . @{$j->{bounds}{coarse}}, '19 18 17', 'its latencies');
is_deeply(of($j, 'fails-1')->{counters}{errors}, { InternalServerError => 6 }, 'its errors');
is($j->{totals}{attempts}, (my $n = eval { my $k = 0; for my $d (@{$j->{deployments}{list}}) { my $x = $d->{counters} or next; $k += $x->{ok}; $k += $_ for values %{$x->{errors}} } $k }), 'totals: attempts');
ok($j->{totals}{requests} >= $n && $j->{totals}{spend} > 5, 'totals: requests and spend');

# what is not said

my $raw = http_get('/status?format=json')->{body};
unlike($raw, qr/secret|sk-(first|second|third|fourth|more|other)|[0-9a-f]{64}/, 'no key, no hash of one');
like($raw, qr/"api_base":"http:\/\/127\.0\.0\.1:\d+\/good-1"/, 'an address without its query');
is(of($j, 'evil-1')->{group}, $evil, 'a name is told as it is');

# search

$j = status('&search=PAIR-2');
is("$j->{deployments}{total} $j->{deployments}{found} $j->{deployments}{list}[0]{id}", '10 1 pair-2', 'search');
is(status('&search=%00%ff%22nothing')->{deployments}{found}, 0, 'search: nothing');

# a reload: the same

$t->reload;
my $end = time() + 10 * $slow;
do { $j = status(); sleep 0.05 } while of($j, 'pair-1')->{state} ne 'cooldown' && time() < $end;
is(of($j, 'pair-1')->{cooldown}{error}, 'RateLimitError', 'a cooldown outlives a reload');

# directives

sub conf {
    my $more = shift;
    $t->write_file_expand('try.conf', "%%TEST_GLOBALS%%\nevents {}\nhttp {\n%%TEST_GLOBALS_HTTP%%\nserver {\nlisten 127.0.0.1:%%PORT_8080%%;\n$more\n}\n}\n");
    return ($t->test_conf(conf => 'try.conf'))[1];
}
$t->write_file('open.yaml', "model_list:\n  - {model_name: m, litellm_params: {model: openai/m, api_key: k}}\n");
like(conf('location / { litellm_status maybe; }'), qr/invalid parameter "maybe"/, 'an unknown parameter');
like(conf('location / { litellm_status; litellm_status key; }'), qr/is duplicate/, 'twice');
like(conf('location / { litellm; litellm_config open.yaml; litellm_status; }'), qr/both "litellm" and "litellm_status" in location "\/"/, 'both');
like(conf('location / { litellm_status key; }'), qr/without "litellm_config"/, 'key without a file');
like(conf('location / { litellm_status key; litellm_config open.yaml; }'), qr/has no "master_key"/, 'key without one');
like(conf('location / { litellm_status; }'), qr/test is successful/, 'alone');
