#!/usr/bin/perl

# The management API in a zone that is too small: what has no room is refused
# and nothing is lost; what is deleted makes room.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(18);
my $master = 'sk-secret-master-key';

$t->write_conf(http => "litellm_zone zone=z:512k;\n");
$t->write_file_expand('litellm.yaml', <<END);
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
general_settings:
  master_key: $master
END

$t->mock(8081, sub { return answer(200, openai_chat('Hi')) });
$t->run;

sub post { my ($path, $body) = @_;
    my $r = http_post($path, $body, Authorization => "Bearer $master");
    return ($r->{status}, json_of($r->{body})) }
sub get { return json_of(http_get($_[0], Authorization => "Bearer $master")->{body}) }
sub use_key { return http(chat('gpt', headers => [Authorization => "Bearer $_[0]"]))->{status} }

my @keys;
my ($s, $j);
for (1 .. 2000) {
    ($s, $j) = post('/key/generate', { metadata => { text => 'x' x 1500 } });
    last if $s != 200;
    push @keys, $j->{key};
}

is($s, 507, 'no room for another key');
is($j->{error}{type}, 'internal_server_error', 'its type');
is($j->{error}{code}, '507', 'its code');
like($j->{error}{message}, qr/no memory left for this key; nothing was changed/, 'what is said');
cmp_ok(scalar @keys, '>', 20, 'some had room');
is(get('/key/list')->{total_count}, scalar @keys, 'all of those are there');
is(use_key($_), 200, 'and work') for $keys[0], $keys[-1];

($s, $j) = post('/key/update', { key => $keys[0], metadata => { text => 'y' x 30000 } });
is($s, 507, 'nor for a larger record');
is(length get("/key/info?key=$keys[0]")->{info}{metadata}{text}, 1500, 'it is as it was');
($s) = post('/key/regenerate', { key => $keys[0] });
is($s, 507, 'nor for two at a time');
is(use_key($keys[0]), 200, 'the old one works');
($s) = post('/team/new', { team_id => 'big', metadata => { text => 'z' x 3000 } });
is($s, 507, 'nor for a team');

($s) = post('/key/delete', { keys => [@keys[0 .. 9]] });
is($s, 200, 'some are deleted');
is(use_key($keys[0]), 401, 'they are gone');
($s, $j) = post('/key/generate', { metadata => { text => 'x' x 1500 } });
is($s, 200, 'there is room again');
is(use_key($j->{key}), 200, 'for one that works');
like($t->read_file('error.log'), qr/the zone has no room for a record; make "litellm_zone" larger/, 'the log says so');
