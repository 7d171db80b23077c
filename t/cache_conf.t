#!/usr/bin/perl

# The directives of the cache: what they accept, what they inherit, which zone
# is there without a word.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(41);
$t->allow_log(qr/\[emerg\]/);
$t->write_yaml;

sub refused {
    my ($text, %conf) = @_;
    $t->write_conf(%conf);
    my ($rc, $out) = $t->test_conf;
    ok($rc != 0 && $out =~ $text, join ' ', 'refused:', %conf) or diag($out);
}

sub accepted {
    my (%conf) = @_;
    $t->write_conf(%conf);
    my ($rc, $out) = $t->test_conf;
    is($rc, 0, join ' ', 'accepted:', %conf) or diag($out);
}

refused(qr/number of arguments/, location => 'litellm_cache;');
refused(qr/number of arguments/, location => 'litellm_cache on off;');
refused(qr/empty name/, location => 'litellm_cache "";');
refused(qr/duplicate/, location => 'litellm_cache on; litellm_cache off;');
refused(qr/zero size shared memory zone "nobody"/, location => 'litellm_cache nobody;');
refused(qr/invalid value/, location => 'litellm_cache_valid soon;');
refused(qr/from 1s to 366d/, location => 'litellm_cache_valid 0;');
refused(qr/from 1s to 366d/, location => 'litellm_cache_valid 2y;');
refused(qr/duplicate/, location => 'litellm_cache_valid 1s; litellm_cache_valid 2s;');
refused(qr/number of arguments/, location => 'litellm_cache_scope;');
refused(qr/invalid parameter "keys", expected/, location => 'litellm_cache_scope keys;');
refused(qr/"none" beside other/, location => 'litellm_cache_scope none key;');
refused(qr/unknown "nobody_knows" variable/, location => 'litellm_cache_scope $nobody_knows;');
refused(qr/duplicate/, location => 'litellm_cache_scope key; litellm_cache_scope team;');
refused(qr/invalid value/, location => 'litellm_cache_max_response_size much;');
refused(qr/number of arguments/, location => 'litellm_cache_bypass;');
refused(qr/number of arguments/, location => 'litellm_no_cache;');

refused(qr/invalid parameter "maybe"/, location => 'litellm_cache_redis maybe;');
refused(qr/invalid parameter "timeout=0"/, location => 'litellm_cache_redis on timeout=0;');
refused(qr/duplicate/, location => 'litellm_cache_redis on; litellm_cache_redis off;');
refused(qr/"litellm_cache_redis" needs a Redis/, location => 'litellm_cache on; litellm_cache_redis on;');
accepted(location => 'litellm_cache on; litellm_cache_redis off;');
accepted(http => 'litellm_redis 127.0.0.1:1;', location => 'litellm_cache on; litellm_cache_redis only timeout=20ms;');
accepted(location => 'litellm_cache on;');
accepted(location => 'litellm_cache off;');
accepted(location => 'litellm_cache a;', http => 'litellm_cache_zone zone=a:1m;');
accepted(http => 'litellm_cache a; litellm_cache_zone zone=a:1m;');
accepted(http => 'litellm_cache on; litellm_cache_valid 10m; litellm_cache_scope key team user end_user $arg_a "x$arg_b";',
    server => 'litellm_cache_scope none; litellm_cache_bypass $arg_c $arg_d; litellm_no_cache $arg_c;',
    location => 'litellm_cache off; litellm_cache_max_response_size 64k;');

# the default zone is there with the YAML's word, not without, and not twice

sub zone {
    my ($yaml, $want, %conf) = @_;
    $t->write_yaml($yaml);
    $t->write_conf(%conf, http => ($conf{http} // '')
        . 'litellm_zone zone=litellm_cache:1m;');
    my ($rc, $out) = $t->test_conf;
    is($rc != 0 && $out =~ /shared memory zone "litellm_cache"/ ? 1 : 0, $want,
        join ' ', $yaml, %conf, $want ? 'has it' : 'has it not') or diag($out);
}

my $on = "litellm_settings: {cache: true}\n";

zone('', 0);
zone($on, 1);
zone($on, 0, location => 'litellm_cache off;');
zone($on, 0, http => 'litellm_cache_zone zone=a:1m;');
zone('', 1, location => 'litellm_cache on;');
zone("cache: {type: redis, ttl: 3600}\n", 1);
zone($on, 0, location => 'litellm_cache_redis only;', http => 'litellm_redis 127.0.0.1:1;');

# which Redis it is

sub says {
    my ($yaml, $want, %conf) = @_;
    $t->write_yaml($yaml);
    $t->write_conf(%conf);
    my ($rc, $out) = $t->test_conf;
    ok($rc == 0 && ($want ? $out =~ $want : $out !~ /\[warn\]/), "$yaml: " . ($want // 'nothing is said')) or diag($out);
}

my $params = 'litellm_settings: {cache: true, cache_params: {type: redis, host: 127.0.0.1, port: 1, ttl: 5}}' . "\n"
    . "general_settings: {master_key: sk-master-key-1}\n";
says($params, undef);
says($params, undef, http => 'litellm_redis 127.0.0.1:1;');
says($params, qr/that of "litellm_redis": the one of "cache_params"/, http => 'litellm_redis 127.0.0.1:2;');
says("cache: {type: redis}\n", qr/answers are kept in memory alone/);

# it serves

$t->mock(8081, sub {
    my ($peer, $req) = @_;
    $peer->write(answer(200, openai_chat('hi')));
});

$t->write_yaml($on);
$t->write_conf(location => 'litellm_cache_scope key $arg_a;');
$t->run;

is(finish(start(chat('gpt')))->{status}, 200, 'serves');
ok($t->reload, 'over a reload');

$t->stop;
