#!/usr/bin/perl

# The cache under floods, with several workers: answers of 1 MB that are all
# different, small ones that are asked for all the time besides, and then
# nothing but small ones.  The zone is all the memory there is, each client
# gets the answer to its own request, what is used stays, nothing starves a
# large value, and all blocks are free again in the end.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer openai_chat);
use LiteLLM::Test;

use constant { ZONE => 12 * 1048576, LARGE => 1_000_000, SMALL => 40 };

my $t = LiteLLM::Test->new->plan(29);
my $slow = $LiteLLM::Peer::slow > 1;
my $rounds = $slow ? 16 : 48;

$t->write_conf(main => 'worker_processes 4;', http => <<'END', location => 'litellm_cache on;');
litellm_zone zone=z:2m;
litellm_cache_zone zone=answers:12m;
litellm_cache_max_response_size 2m;
END
(my $conf = $t->read_file('nginx.conf')) =~ s/worker_processes 1;\n//;
$t->write_file('nginx.conf', $conf);
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
litellm_settings: {num_retries: 0, cache: true}
general_settings: {master_key: sk-master}
END

my @key = (Authorization => 'Bearer sk-master');

# the answer is told by the request: "SIZE NAME"
$t->mock(8081, sub {
    my ($peer, $req) = @_;
    my ($size, $name) = $req->{body} =~ /"content":"(\d+) (\w+)"/ or return 0;
    my $text = $name . 'x' x ($size - 2 * length $name) . $name;
    return answer(200, openai_chat('@') =~ s/@/$text/r);
});
$t->run;

sub ask {
    my ($size, $name) = @_;
    return start(chat('gpt', messages => [{ role => 'user', content => "$size $name" }], headers => \@key));
}

# 1: from the cache, 0: from the provider, undef: not its answer
sub got {
    my ($peer, $size, $name) = @_;
    my $r = finish($peer);
    $peer->close;
    my ($text) = $r->{body} =~ /"content":"([^"]*)"/;
    return undef if $r->{status} != 200 || length($text // '') != $size
        || $text !~ /^${name}x+$name\z/;
    return defined $r->{header}{'x-litellm-cache-key'} ? 1 : 0;
}

sub one { return got(ask(@_), @_) }

# several at a time: how many of each kind
sub many {
    my @list = @_;
    my %n = (hit => 0, miss => 0, bad => 0);
    while (my @some = splice @list, 0, 8) {
        my @peers = map { ask(@$_) } @some;
        for my $i (0 .. $#some) {
            my $hit = got($peers[$i], @{$some[$i]});
            $n{defined $hit ? $hit ? 'hit' : 'miss' : 'bad'}++;
        }
    }
    return \%n;
}

sub metric {
    my $name = shift;
    my ($n) = http_get('/metrics', @key)->{body} =~ /^litellm_ngx_\Q$name\E\{[^}]*zone="answers"[^}]*\} (\S+)$/m;
    return $n // -1;
}

# memory that is a worker's own, in KB
sub own {
    my $sum = 0;
    for my $pid ($t->workers) {
        open my $f, '<', "/proc/$pid/status" or next;
        $sum += join('', <$f>) =~ /^RssAnon:\s+(\d+)/m ? $1 : 0;
    }
    return $sum;
}

my $free = metric('zone_free_bytes');
cmp_ok($free, '>', 10 * 1048576, 'an empty zone');
cmp_ok($free, '<=', ZONE, 'not larger than it was told to be');

# nothing but large ones

my @large = map { [LARGE, "a$_"] } 1 .. $rounds;
is_deeply(many(@large), { hit => 0, miss => $rounds, bad => 0 }, 'large answers, all different');
my $own = own();
is_deeply(many(map { [LARGE, "b$_"] } 1 .. $rounds), { hit => 0, miss => $rounds, bad => 0 },
    'once more, others');
SKIP: {
    skip 'memory of a slow build', 1 if $slow;
    cmp_ok(own() - $own, '<', 16 * 1024, 'memory of the workers does not grow with them');
}
my $entries = metric('cache_entries');
cmp_ok($entries, '>=', 9, 'as many are kept as there is room for');
cmp_ok($entries, '<=', 12, 'and not more');
cmp_ok(metric('cache_evicted_total'), '>=', 2 * $rounds - 12, 'the others had to leave');
cmp_ok(metric('zone_free_bytes'), '<', 3 * 1048576, 'the zone is full');
is(one(LARGE, "b$rounds"), 1, 'the last one is there');
is(one(LARGE, 'a1'), 0, 'the first one is not');

# large ones, and small ones that are asked for all the time

my @small = map { [200 + 50 * $_, "s$_"] } 1 .. SMALL;
is_deeply(many(@small), { hit => 0, miss => SMALL, bad => 0 }, 'small ones');
my ($hits, $bad) = (0, 0);
for my $n (1 .. $rounds / 4) {
    my $r = many((map { [LARGE, "c$n.$_" =~ s/\./x/r] } 1 .. 4), @small);
    $hits += $r->{hit};
    $bad += $r->{bad};
}
is($bad, 0, 'answers to large and small ones');
is($hits, SMALL * $rounds / 4, 'each small one was found, in each round');

# nothing but small ones: pieces of the zone everywhere

my $n = $slow ? 300 : 900;
my @mixed = map { [500 + ($_ * 7919) % 40000, "d$_"] } 1 .. $n;
is_deeply(many(@mixed), { hit => 0, miss => $n, bad => 0 }, 'many of many sizes');
is_deeply(many(reverse @mixed[-50 .. -1]), { hit => 50, miss => 0, bad => 0 }, 'those that came last are there');
cmp_ok(metric('zone_free_bytes'), '<', 3 * 1048576, 'the zone is full') if !$slow;
pass('the zone may not be full') if $slow;
is(one(LARGE, 'e1'), 0, 'a large one among them');
is(one(LARGE, 'e1'), 1, 'is kept');
is_deeply(many(map { [LARGE, "e$_"] } 1 .. 8), { hit => 1, miss => 7, bad => 0 }, 'and more of them');
is_deeply(many(map { [LARGE, "e$_"] } 1 .. 8), { hit => 8, miss => 0, bad => 0 }, 'all are kept');

# too large: not kept, and nothing leaves for it

my $evicted = metric('cache_evicted_total');
is(one(1_900_000, 'f'), 0, 'more than an eighth of the zone');
is(one(1_900_000, 'f'), 0, 'is not kept');
is(metric('cache_evicted_total'), $evicted, 'and nothing had to leave for it');

# the same ones made anew, and each in the place of what was there

sub anew {
    my ($size, $name) = @_;
    return got(start(chat('gpt', messages => [{ role => 'user', content => "$size $name" }],
        cache => { 'no-cache' => JSON::PP::true }, headers => \@key)), $size, $name);
}
$entries = metric('cache_entries');
is(scalar(grep { anew(LARGE, "e$_") == 0 } map { ($_) x 3 } 1 .. 4), 12, 'made anew');
cmp_ok(metric('cache_entries'), '<=', $entries, 'nothing is there twice');

# a client that leaves in the midst of a hit, one that leaves before its answer

for my $i (1 .. 8) {
    my $peer = ask(LARGE, 'e8');
    $peer->read_bytes(100) if $i % 2;
    $peer->close;
}

is(http_post('/cache/flushall', '{}', @key)->{status}, 200, 'flushed');
my $end = time + 20 * $LiteLLM::Peer::slow;
select undef, undef, undef, 0.05 while metric('zone_free_bytes') != $free && time < $end;
is(metric('zone_free_bytes'), $free, 'all blocks are free again');
is(metric('cache_entries'), 0, 'and nothing is kept');
