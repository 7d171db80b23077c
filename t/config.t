#!/usr/bin/perl

# nginx -t as the linter of a LiteLLM file: errors and warnings with file and
# line; directives; and that thousands of deployments are no burden.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time);

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(59);
$t->write_conf;

my $one = "model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/gpt-4o\n      api_key: sk-secret-value\n";

# (name, YAML, line, pattern); a line of 0: no line is asked for
sub refused {
    my ($name, $yaml, $line, $text) = @_;
    $t->write_file('litellm.yaml', $yaml);
    my ($rc, $out) = $t->test_conf;
    isnt($rc, 0, "$name: refused");
    my ($l) = grep { /\[emerg\]/ && /litellm\.yaml:$line\b/ } split /\n/, $out;
    like($l // $out, $text, "$name: told at line $line");
}

sub warned {
    my ($name, $yaml, $line, $text, %env) = @_;
    $t->write_file('litellm.yaml', $yaml);
    my ($rc, $out) = $t->test_conf(env => \%env);
    is($rc, 0, "$name: accepted") or diag($out);
    my ($l) = grep { /\[warn\]/ && $_ =~ $text } split /\n/, $out;
    like($l // $out, $line ? qr/litellm\.yaml:$line\b/ : $text, "$name: a warning") or diag($out);
    unlike($out, qr/sk-secret-value/, "$name: no secret");
}

refused('not YAML', "model_list:\n  - [\n", '\d+', qr/./);
refused('a tab', "model_list:\n\t- a: 1\n", '\d+', qr/tab|character/i);
refused('model_list a number', "model_list: 5\n", 1, qr/model_list/);
refused('no model_name', "model_list:\n  - litellm_params: {model: openai/x}\n", 2, qr/model_name/);
refused('no litellm_params.model', "model_list:\n  - model_name: a\n    litellm_params: {api_key: x}\n", '[23]', qr/model/);
refused('a duplicate id', "model_list:\n" . ("  - {model_name: a, litellm_params: {model: openai/x, api_key: k}, model_info: {id: same}}\n" x 2),
    '[23]', qr/same/);
refused('an unknown strategy', "${one}router_settings:\n  routing_strategy: fastest\n", 7, qr/fastest.*simple-shuffle/s);
refused('fallbacks of a wrong form', "${one}litellm_settings:\n  fallbacks: [a, b]\n", 7, qr/fallbacks/);
refused('master_key in litellm_settings', "${one}litellm_settings:\n  master_key: sk-secret-value\n", 7, qr/general_settings/);

warned('no master key', $one, 0, qr/master.key/i);
warned('a well-known master key', "${one}general_settings:\n  master_key: sk-1234\n", '\d+', qr/master_key/);
warned('an unset variable', "model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/gpt-4o\n      api_key: os.environ/NOT_SET_ANYWHERE\n",
    5, qr/NOT_SET_ANYWHERE/);
warned('an unknown provider', "model_list:\n  - model_name: a\n    litellm_params: {model: antropic/claude-3, api_key: k}\n", '[23]', qr/anthropic/);
warned('${X}', "model_list:\n  - model_name: a\n    litellm_params: {model: openai/gpt-4o, api_key: \"\${OPENAI_API_KEY}\"}\n", 3, qr/OPENAI_API_KEY/);
warned('an unknown key', "${one}router_setings:\n  num_retries: 3\n", 6, qr/router_setings/);
warned('a fallback nobody answers', "${one}litellm_settings:\n  fallbacks: [{a: [nobody]}]\n", 7, qr/nobody/);

# a missing file, a missing directive

unlink $t->dir . '/litellm.yaml';
my ($rc, $out) = $t->test_conf;
isnt($rc, 0, 'a missing file');
like($out, qr/litellm\.yaml/, 'it is named');
$t->write_file('none.conf', $t->read_file('nginx.conf') =~ s/litellm_config \S+;/litellm_direct off;/r);
$t->write_file('litellm.yaml', $one);
($rc, $out) = $t->test_conf(conf => 'none.conf');
isnt($rc, 0, 'litellm without litellm_config');
like($out, qr/litellm_config/, 'it is named');

# include, anchors

mkdir $t->dir . '/sub';
$t->write_file('sub/more.yaml', "model_list:\n  - {model_name: b, litellm_params: {model: openai/x, api_key: k}}\n");
$t->write_file_expand('litellm.yaml', <<'END');
include: [sub/more.yaml]
x-common: &common
  api_base: http://127.0.0.1:%%PORT_8081%%/v1
  api_key: os.environ/SOME_KEY
model_list:
  - model_name: a
    litellm_params: {<<: *common, model: openai/gpt-4o}
  - model_name: "wild/*"
    litellm_params: {<<: *common, model: "openai/*"}
router_settings:
  model_group_alias: {nick: a}
litellm_settings: {num_retries: 0}
environment_variables: {SOME_KEY: from-the-file}
END
my $mock = $t->mock(8081, sub { answer(200, openai_chat('hi')) });
$t->run;
is(join(' ', map { $_->{id} } @{json_of(http_get('/models')->{body})->{data}}) =~ /\bb\b/, 1, 'include');
is(http(chat('a'))->{status}, 200, 'anchors');
is(($mock->requests)[-1]{header}{authorization}, 'Bearer from-the-file', 'environment_variables');
is(http(chat('nick'))->{status}, 200, 'model_group_alias');
is(http(chat('wild/model-x'))->{status}, 200, 'a wildcard');
is(json_of(($mock->requests)[-1]{body})->{model}, 'model-x', 'its star');
$t->stop;

# 5,000 deployments

$t->write_file('litellm.yaml', "model_list:\n" . join '', map {
    "  - model_name: m$_\n    litellm_params:\n      model: openai/gpt-4o\n      api_base: http://h$_.example:80/v1\n      api_key: k$_\n"
} 1 .. 5000);
my $from = time;
($rc, $out) = $t->test_conf;
is($rc, 0, '5,000 deployments');
cmp_ok(time - $from, '<', 2 * $LiteLLM::Peer::slow, 'in less than 2 s');

# what the zone holds is told without keys, too: the API makes them at run time

$t->write_file('litellm.yaml', $one);
for my $zone ('litellm:8m', 'z:2m') {
    my ($name, $size) = $zone =~ /(\w+):(\d+)/;
    $t->write_conf($name eq 'z' ? (http => "litellm_zone zone=$zone;\n") : ());
    ($rc, $out) = $t->test_conf;
    is($rc, 0, "zone $name: accepted");
    my ($holds, $bytes, $n) = $out =~ /litellm_zone "$name" holds (\d+) accounts of (\d+) bytes, for (\d+) keys/;
    is($n, 0, "zone $name: told without keys");
    cmp_ok(abs($holds * $bytes / ($size * 1048576) - 0.75), '<', 0.01, "zone $name: three quarters of it") or diag($out);
    unlike($out, qr/make it larger/, "zone $name: no warning");
}
