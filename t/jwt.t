#!/usr/bin/perl

# conf-examples/jwt.conf as it is shipped, but for ports: a token that somebody
# else checks, and the limits of who it says it is.

use warnings;
use strict;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new;
plan(skip_all => 'no auth_request') if !$t->has_feature('http_auth_request');
$t->plan(22);

my $top = dirname(dirname(abs_path(__FILE__)));
for my $name (qw(jwt.conf jwt.yaml)) {
    open my $f, '<', "$top/conf-examples/$name" or die "$name: $!";
    local $/;
    my $text = <$f>;
    if ($name eq 'jwt.conf') {
        $text =~ s/^load_module .*\n\nworker_processes .*$/%%TEST_GLOBALS%%/m;
        $text =~ s/^http \{$/http {\n%%TEST_GLOBALS_HTTP%%/m;
        $text =~ s/listen 4000;/listen 127.0.0.1:%%PORT_8080%%;/;
        $text =~ s/127\.0\.0\.1:4180/127.0.0.1:%%PORT_8082%%/g;
    }
    $text =~ s/(api_key: os)/api_base: http:\/\/127.0.0.1:%%PORT_8081%%\/v1\n      $1/ if $name eq 'jwt.yaml';
    $t->write_file_expand($name eq 'jwt.conf' ? 'nginx.conf' : $name, $text);
}

my %env = (OPENAI_API_KEY => 'k', LITELLM_MASTER_KEY => 'sk-secret-master-of-all');
my $mock = $t->mock(8081, sub { return answer(200, openai_chat('Hi')) });
my %tokens = ('eyJ.ann.x' => ['ann', 'staff,llm-search'], 'eyJ.bob.x' => ['bob', 'llm-ads,other'],
    'eyJ.eve.x' => ['intern', 'none'], 'eyJ.none.x' => ['', '']);
my $oidc = $t->mock(8082, sub {
    my ($peer, $req) = @_;
    my ($token) = ($req->{header}{authorization} // '') =~ /^Bearer (\S+)$/;
    return if ($token // '') eq 'eyJ.gone.x';
    my $who = $tokens{$token // ''} or return answer(401, '');
    return answer(202, '', 'X-Auth-Request-User' => $who->[0], 'X-Auth-Request-Groups' => $who->[1]);
});

my ($rc, $out) = $t->test_conf(env => \%env);
is($rc, 0, 'the example is good') or diag($out);
unlike($out, qr/\[(warn|error|emerg)\]/, 'without a warning') or diag($out);

$t->run(env => \%env);

sub ask { my ($token, %more) = @_;
    return http(chat('gpt-4o', headers => [$token ? (Authorization => "Bearer $token") : (), @{delete $more{headers} || []}], %more)) }

my $r = ask('eyJ.ann.x');
is($r->{status}, 200, 'a token');
is($r->{header}{'x-ratelimit-team-limit-requests'}, 600, 'its team');
is(($oidc->requests)[-1]{body}, '', 'who checks it does not see the prompt');
is(ask('eyJ.bob.x')->{header}{'x-ratelimit-team-limit-requests'}, undef, 'another team');
is(ask('eyJ.bob.x', model => 'claude')->{status}, 403, 'and its models');
is(ask(undef)->{status}, 401, 'no token');
is(ask('eyJ.bad.x')->{status}, 401, 'a wrong token');
is(ask('eyJ.none.x')->{status}, 401, 'nobody');
is(ask('sk-secret-unknown')->{status}, 401, 'a key is none');
is($mock->requests, 2, 'none of these has reached the provider');

# headers of a client's own say nothing

$r = ask('eyJ.eve.x', headers => ['X-Auth-Request-Groups' => 'llm-search', 'X-Auth-Request-User' => 'ann']);
is($r->{status}, 200, 'the intern');
is($r->{header}{'x-ratelimit-team-limit-requests'}, undef, 'has no team');
is($r->{header}{'x-ratelimit-user-limit-requests'}, 2, 'but limits');
is(ask('eyJ.eve.x')->{status}, 200, 'twice');
$r = ask('eyJ.eve.x');
is($r->{status}, 429, 'three times');
like(json_of($r->{body})->{error}{message}, qr/^Rate limit exceeded for user: intern\. /, 'who it is');
is(ask('eyJ.ann.x')->{status}, 200, 'others go on');

# the API is for who has the master key, which nobody has checked here

is(http_get('/key/list', Authorization => 'Bearer sk-secret-master-of-all')->{status}, 401, 'the checker comes first');
is(http_get('/key/list', Authorization => 'Bearer eyJ.ann.x')->{status}, 401, 'a user is no admin');

# what checks does not answer

is(ask('eyJ.gone.x')->{status}, 500, 'nobody checks: nobody comes in');
