#!/usr/bin/perl

# Which deployments tags and a client's User-Agent lead to: tag_regex,
# tag_routing_prefix, constraints, what is left when nothing matches.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time);

use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(53);

my @files = qw(prefix strict owners);
$t->write_conf(http => "log_format spend escape=none '\$litellm_spend_log';\nlitellm_zone zone=z:1m;\n",
    server => join '', map { <<"END" } @files);
location /$_/ {
    litellm;
    litellm_config %%DIR%%/$_.yaml;
    access_log %%DIR%%/$_.log spend;
}
END
my $conf = $t->read_file('nginx.conf');
$t->write_file('nginx.conf', $conf =~ s/worker_processes 1;/worker_processes 4;/r);

# a deployment answers with its id
sub own {
    my ($group, $id, $params, $info) = @_;
    return "  - model_name: '$group'\n    litellm_params: {model: openai/gpt-4o, mock_response: $id"
        . ($params ? ", $params" : '') . "}\n    model_info: {id: $id" . ($info ? ", $info" : '') . "}\n";
}
sub yaml {
    my ($router, @models) = @_;
    return "model_list:\n" . join('', @models) . "router_settings: {enable_tag_filtering: true, $router}\n"
        . "litellm_settings: {num_retries: 0}\n";
}

my $claude = q(tag_regex: ['^User-Agent: claude-code\/']);
my @models = (
    own('r', 'r-claude', $claude), own('r', 'r-code', 'tag_regex: ["(?i)codex", "cursor"], tags: [paid]'),
    own('r', 'r-default', 'tags: [default]'), own('r', 'r-free', 'tags: [free]'),
    own('nodef', 'nodef-claude', $claude), own('nodef', 'nodef-other'),
    own('open', 'open-claude', $claude, 'allow_fail_open: true'), own('open', 'open-other'),
    own('opendef', 'opendef-claude', $claude, 'allow_fail_open: true'),
    own('opendef', 'opendef-a', 'tags: [a]'), own('opendef', 'opendef-default', 'tags: [default]'),
    own('evil', 'evil', 'tag_regex: ["^User-Agent: (a+)+$"]'), own('evil', 'evil-default', 'tags: [default]'),
    own('c', 'c-eu', 'tags: [eu, paid]'), own('c', 'c-us', 'tags: [us]'), own('c', 'c-bare'),
    own('d', 'd-eu', 'tags: [eu, default]'), own('d', 'd-us', 'tags: [us, default]'), own('d', 'd-x', 'tags: [x]'));
$t->write_file('litellm.yaml', yaml('fallbacks: [{nodef: [c]}]', @models));
$t->write_file('prefix.yaml', yaml('tag_routing_prefix: "route:"', @models));
$t->write_file('strict.yaml', yaml('tag_filtering_match_any: false', @models));

# of keys and teams; "budget" has its tag of its team
$t->write_file('owners.yaml', yaml('', @models) =~ s/\}\n\z/, tag_budget_config: {dear: {max_budget: 0, budget_duration: 1d}}}\n/r
    . <<'END');
virtual_keys:
  - {key: sk-tags-eu, tags: [eu]}
  - {key: sk-tags-meta, metadata: {tags: [us]}}
  - {key: sk-tags-not, tags: ["!eu"]}
  - {key: sk-tags-must, metadata: {tags: ["&paid"]}}
  - {key: sk-tags-team, team_id: blue}
  - {key: sk-tags-both, team_id: blue, tags: [paid, us]}
  - {key: sk-tags-dear, team_id: rich}
  - {key: sk-tags-bare}
teams:
  - {team_id: blue, metadata: {tags: [us]}}
  - {team_id: rich, tags: [us, dear]}
END
$t->run;

my $key;

sub ask {
    my ($file, $model, $agent, @tags) = @_;
    my @headers = defined $agent ? ('User-Agent' => $agent) : ();
    push @headers, 'x-litellm-tags' => join ',', @tags if @tags;
    push @headers, Authorization => "Bearer sk-tags-$key" if $key;
    my $r = http(chat($model, ($file ? (uri => "/$file/v1/chat/completions") : ()), headers => \@headers));
    my $j = json_of($r->{body});
    return ref $j && $j->{choices} ? $j->{choices}[0]{message}{content} : "status $r->{status}";
}

# who answers at all, of 20
sub who { my @ask = @_; my %n; $n{ask(@ask)}++ for 1 .. 20; return join ' ', sort keys %n }

# tag_regex

is(who('', 'r', 'claude-code/1.2.3'), 'r-claude', 'regex: matches');
is(who('', 'r', 'my claude-code/1.2.3'), 'r-default', 'regex: is anchored');
is(who('', 'r', 'CODEX'), 'r-code', 'regex: one of two, an option in it');
is(who('', 'r', 'a cursor'), 'r-code', 'regex: the other one, anywhere');
is(who('', 'r', 'curl/8'), 'r-default', 'regex: nothing matches: "default"');
is(who('', 'r', undef), 'r-default', 'regex: no User-Agent: "default"');
is(who('', 'r', 'curl/8', 'free'), 'r-free', 'regex: a tag that another one has');
is(who('', 'r', 'claude-code/1', 'free'), 'r-claude r-free', 'regex: by tag and by pattern');
is(who('', 'r', 'claude-code/1', 'typo'), 'r-claude', 'regex: by pattern, the tag is nobody\'s');
is(who('', 'r', 'x', 'typo'), 'status 401', 'regex: by neither');
is(who('', 'r', 'codex', '!paid'), 'r-default', 'regex: not one that is excluded');
is(who('', 'r', 'claude-code/1', '&free'), 'r-free', 'regex: not beside a tag that must be there');
is(who('', 'nodef', 'claude-code/1'), 'nodef-claude', 'regex: matches, no default');
is(who('', 'nodef', undef), 'nodef-claude nodef-other', 'regex: no User-Agent, no default: all');
is(ask('strict', 'nodef', 'curl'), 'status 401', 'regex: nothing matches, no default');
is(who('', 'nodef', 'curl'), 'status 401', 'regex: nor in the fallback, whose tags are asked for too') if 0;
is(who('', 'open', 'curl'), 'open-claude open-other', 'regex: allow_fail_open: all');
is(who('', 'opendef', 'curl', 'typo'), 'opendef-default', 'regex: allow_fail_open: the default ones');
is(who('strict', 'r', 'codex'), 'r-default', 'regex: does not stand for tags where all are asked for');
is(who('strict', 'r', 'claude-code/1', 'paid', 'free'), 'r-claude', 'regex: one without tags, where all are asked for');

# a pattern that backtracks, a text made for it

my $from = time;
is(who('', 'evil', 'a' x 40 . '!'), 'evil-default', 'regex: too much work is no match');
is(ask('', 'evil', 'a' x 1024 . '!'), 'evil', 'regex: of a long header the beginning counts');
cmp_ok(time - $from, '<', $LiteLLM::Peer::slow, 'regex: soon done');

# constraints

is(who('', 'c', undef, '!us'), 'c-bare c-eu', 'not this one');
is(who('', 'c', undef, '!us', '!eu'), 'c-bare', 'neither of two');
is(who('', 'c', undef, '&eu', '&paid'), 'c-eu', 'both of two');
is(who('', 'c', undef, '&eu', '&us'), 'status 401', 'both of two, nobody has them');
is(who('', 'd', undef, '!us'), 'd-eu', 'not this one, of the default ones');
is(who('', 'd', undef, '!us', '!eu'), 'status 401', 'none of the default ones is left');
is(who('', 'd', undef, '&us'), 'd-us', 'this one, of all');
is(who('', 'c', undef, '!', '&'), 'c-bare c-eu c-us', 'marks without a name are nothing');

# tag_routing_prefix

is(who('prefix', 'c', undef, 'route:eu'), 'c-eu', 'prefix: is taken off');
is(who('prefix', 'c', undef, 'eu'), 'c-eu', 'prefix: a tag without it counts, if there is one');
is(who('prefix', 'd', undef, 'spend:team-7'), 'd-eu d-us', 'prefix: a tag for others is none');
is(who('prefix', 'd', undef, 'spend:team-7', 'route:us'), 'd-us', 'prefix: beside one for routing');
is(who('prefix', 'd', undef, 'route:typo'), 'status 401', 'prefix: one for routing that nobody has');
is(who('prefix', 'd', undef, 'route:!us'), 'd-eu', 'prefix: before a mark');
is(who('prefix', 'd', undef, 'route:'), 'd-eu d-us', 'prefix: nothing behind it');

# tags of a key and of its team, which who calls can't leave out

sub by { my $group; ($key, $group) = splice @_, 0, 2; my $who = who('owners', $group, undef, @_); undef $key; return $who }
is(by('bare', 'c'), 'c-bare c-eu c-us', 'owners: a key without tags');
is(by('eu', 'c'), 'c-eu', 'owners: a tag of the key');
is(by('meta', 'c'), 'c-us', 'owners: in its metadata');
is(by('team', 'c'), 'c-us', 'owners: of its team');
is(by('both', 'c'), 'c-eu c-us', 'owners: of both');
is(by('eu', 'c', 'us'), 'c-eu c-us', 'owners: beside those of the request');
is(by('not', 'c', 'eu'), 'status 401', 'owners: what the key must not have');
is(by('not', 'd'), 'd-us', 'owners: nor by itself');
is(by('must', 'c'), 'c-eu', 'owners: what it must have');
is(by('must', 'c', 'us'), 'status 401', 'owners: whatever the request has');
is(by('both', 'c', map { "x$_" } 1 .. 62), 'c-eu c-us', 'owners: 64 with them, of which one is there twice');
is(by('both', 'c', map { "x$_" } 1 .. 63), 'status 400', 'owners: 65');
is(by('dear', 'c'), 'status 422', 'owners: a budget of a tag of the team');

$key = 'both';
ask('owners', 'c', undef, 'mine', 'us');
my ($tags, $end) = ('', time + 10 * $LiteLLM::Peer::slow);
until ($tags =~ /mine/ || time > $end) {
    select undef, undef, undef, 0.02;
    my ($line) = grep { /"mine"/ } split /\n/, $t->read_file('owners.log');
    $tags = join ' ', @{(json_of($line // '') || {})->{request_tags} || []};
}
is($tags, 'mine us paid', 'owners: in the spend log, each once');
undef $key;

# what is wrong in a file

for my $case (['tag_regex: ["a(b"]', qr/litellm\.yaml:3: "tag_regex" must be a regular expression: .*(missing|unmatched)/],
    ['tag_regex: [' . join(',', map { "a$_" } 1 .. 65) . ']', qr/litellm\.yaml:3: there are more than 64 different patterns/])
{
    $t->write_file('litellm.yaml', yaml('', own('x', 'x', $case->[0])));
    like(($t->test_conf)[1], $case->[1], substr $case->[0], 0, 20);
}
