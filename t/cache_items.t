#!/usr/bin/perl

# Embeddings are kept by input: of a batch only those go upstream that nobody
# asked for before, and the answer is put together in order; usage and cost;
# what makes two inputs two; a provider of another dialect; answers that can't
# be put together; fallbacks; what is forgotten.  Two workers.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer openai_error);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(83)->allow_log(qr/did not answer each of/);

$t->write_conf(main => 'worker_processes 2;', http => <<'END',
litellm_cache_zone zone=answers:8m;
log_format cached '$http_mark $litellm_cache_status $litellm_prompt_tokens $litellm_cost';
access_log %%DIR%%/cached.log cached;
END
    location => 'litellm_cache answers; litellm_cache_bypass $http_fresh; litellm_no_cache $http_secret;');

(my $conf = $t->read_file('nginx.conf')) =~ s/worker_processes 1;\n//;
$t->write_file('nginx.conf', $conf);

$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: e
    litellm_params: {model: openai/text-embedding-3-small, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: k}
    model_info: {input_cost_per_token: 0.001}
  - model_name: cohere
    litellm_params: {model: cohere/embed-v4.0, api_base: "http://127.0.0.1:%%PORT_8082%%", api_key: k}
  - model_name: other
    litellm_params: {model: openai/other, api_base: "http://127.0.0.1:%%PORT_8083%%/v1", api_key: k}
litellm_settings:
  cache: true
  cache_params: {ttl: 300, max_size: 200k}
router_settings:
  num_retries: 1
  disable_cooldowns: true
  fallbacks: [{other: [e]}]
general_settings: {master_key: sk-master}
END

my %up = (e => $t->listener(8081), cohere => $t->listener(8082), other => $t->listener(8083));
$t->run;

my $mark = 0;

sub request {
    my ($model, $input, %more) = @_;
    $mark++;
    my @head = @{delete $more{headers} || []};
    return chat($model, uri => '/v1/embeddings', messages => undef, input => $input, %more,
        headers => ['Authorization', 'Bearer sk-master', 'mark', "m$mark.", @head]);
}

sub hit { return http(request(@_)) }

sub logged {
    my $id = "m$mark.";
    my $end = time() + 10 * $LiteLLM::Peer::slow;
    while (time() < $end) {
        return split / /, $1 if $t->read_file('cached.log') =~ /^\Q$id\E (.+)$/m;
        select undef, undef, undef, 0.02;
    }
    return 'no line';
}

sub status_of { return (logged())[0] }

# nginx lingers, and then writes its log: the client has to go
sub ended { my $r = finish($_[0]); $_[0]->close; return $r }

# the vector of an input says which it is
my %number;
sub vector { my $id = ref $_[0] ? join ' ', @{$_[0]} : $_[0]; return ($number{$id} //= 1 + keys %number) + 0.5 }

sub objects {
    my $n = 0;
    return map { '{"object":"embedding","index":' . $n++ . ',"embedding":[' . vector($_) . ']}' } @_;
}

sub list {
    my ($objects, $tokens, %more) = @_;
    return '{"object":"list","data":[' . join(',', @$objects) . '],"model":"te3"'
        . join('', map { ",\"$_\":$more{$_}" } sort keys %more)
        . ",\"usage\":{\"prompt_tokens\":$tokens,\"total_tokens\":$tokens}}";
}

# what comes upstream, answered well; tokens: of that
sub miss {
    my ($model, $input, %more) = @_;
    my $tokens = delete $more{tokens} || 10;
    my $c = start(request($model, $input, %more));
    my ($peer, $req) = $up{$model}->request;
    return undef if !$peer;
    my $sent = json_of($req->{body});
    my $in = $sent->{input};
    $peer->write(answer(200, list([reverse objects(ref $in && !ref $in->[0] && $in->[0] =~ /^\d+$/ ? $in : ref $in ? @$in : $in)],
        $tokens)));
    my $r = ended($c);
    $peer->close;
    return ($r, $sent);
}

sub in_order {
    my ($r, @input) = @_;
    my $a = json_of($r->{body}) or return 'no JSON';
    return join(' ', map { "$_->{index}:$_->{embedding}[0]" } @{$a->{data}})
        eq join(' ', map { "$_:" . vector($input[$_]) } 0 .. $#input) ? 'in order' : substr($r->{body}, 0, 1000);
}

# --- one input, as a text and as a list of one

my ($r, $sent) = miss('e', 'alpha', tokens => 3);
is($sent->{input}, 'alpha', 'one: sent as it is');
is(status_of(), 'MISS', 'one: a miss');
my $first = $r->{body};
$r = hit('e', 'alpha');
is($r->{body}, $first, 'one: a hit, to the byte');
is(status_of(), 'HIT', 'one: $litellm_cache_status');
like($r->{header}{'x-litellm-cache-key'}, qr/^[0-9a-f]{64}$/, 'one: its key');
is($r->{header}{'x-litellm-response-cost'}, '0', 'one: costs nothing');
my $key = $r->{header}{'x-litellm-cache-key'};
$r = hit('e', ['alpha']);
is($r->{body}, $first, 'a list of it is the same');
is($r->{header}{'x-litellm-cache-key'}, $key, 'a list of it: the same key');

# --- a batch

($r, $sent) = miss('e', ['beta', 'alpha', 'gamma', 'alpha', 'delta'], tokens => 12);
is(json_text($sent->{input}), '["beta","gamma","delta"]', 'a batch: its misses are sent');
is(in_order($r, qw(beta alpha gamma alpha delta)), 'in order', 'a batch: in order');
is(json_of($r->{body})->{model}, 'te3', 'a batch: model');
is(json_of($r->{body})->{usage}{prompt_tokens}, 18, 'a batch: usage, with what was kept');
is(json_of($r->{body})->{usage}{total_tokens}, 18, 'a batch: total');
my ($status, $tokens, $cost) = logged();
is($status, 'PARTIAL', 'a batch: $litellm_cache_status');
is($tokens, 12, 'a batch: tokens taken are those that were sent');
is($cost, '0.012', 'a batch: and so is the cost');
is($r->{header}{'x-litellm-response-cost'}, '0.012', 'a batch: cost in the header');
is($r->{header}{'x-litellm-cache-key'}, undef, 'a batch: no key');

$r = hit('e', ['delta', 'gamma', 'beta', 'alpha']);
is(in_order($r, qw(delta gamma beta alpha)), 'in order', 'all are there');
is(status_of(), 'HIT', 'all are there: a hit');
is(json_of($r->{body})->{usage}{prompt_tokens}, 15, 'all are there: their tokens, none lost');
is(json_of($r->{body})->{object}, 'list', 'all are there: object');
is(scalar(split /,/, $r->{header}{'x-litellm-cache-key'}), 4, 'all are there: a key for each');
is((logged())[2], '0', 'all are there: no cost');

# one that is missing, at the end; the list stays one

($r, $sent) = miss('e', ['alpha', 'epsilon']);
is(json_text($sent->{input}), '["epsilon"]', 'one is missing: a list of it');
is($sent->{model}, 'text-embedding-3-small', 'one is missing: the provider\'s model');
is(in_order($r, qw(alpha epsilon)), 'in order', 'one is missing: in order');

# --- escapes and blanks make no difference; what does

my $raw = LiteLLM::Test::post_request('/v1/embeddings', '{"input" : [ "\u0061lpha" , "beta"],  "model":"e"}',
    'Authorization', 'Bearer sk-master');
is(in_order(http($raw), qw(alpha beta)), 'in order', 'escapes and blanks');
for ([dimensions => 8], [encoding_format => 'base64'], [encoding_format => 'float']) {
    ($r, $sent) = miss('e', ['alpha', 'beta'], @$_);
    is(json_text($sent->{input}), '["alpha","beta"]', "another: @$_");
    $r = hit('e', ['beta', 'alpha'], @$_);
    is(in_order($r, qw(beta alpha)), 'in order', "the same: @$_");
}
$r = hit('e', ['alpha', 'beta'], user => 'somebody');
is(status_of(), 'HIT', 'the same, of another user');

# --- tokens

($r, $sent) = miss('e', [1, 2, 3], tokens => 3);
is(json_text($sent->{input}), '[1,2,3]', 'tokens: a list of them is one input');
($r, $sent) = miss('e', [[4, 5], [1, 2, 3], [6]], tokens => 30);
is(json_text($sent->{input}), '[[4,5],[6]]', 'tokens: misses');
is(in_order($r, [4, 5], [1, 2, 3], [6]), 'in order', 'tokens: in order');
$r = hit('e', [[6]]);
is(json_of($r->{body})->{usage}{prompt_tokens}, 10, 'tokens: its share of those that were taken');
($r, $sent) = miss('e', '1');
is(status_of(), 'MISS', 'a text is no list of tokens');
($r, $sent) = miss('e', ['123']);
is(status_of(), 'MISS', 'nor is another one');

# --- a provider of another dialect

sub cohere {
    my ($input, @want) = @_;
    my $c = start(request('cohere', $input));
    my ($peer, $req) = $up{cohere}->request;
    my $sent = json_of($req->{body});
    $peer->write(answer(200, json_text({ meta => { billed_units => { input_tokens => 4 } },
        embeddings => { float => [map { [vector($_)] } @{$sent->{texts}}] } })));
    my $r = ended($c);
    $peer->close;
    return ($r, $sent);
}

($r, $sent) = cohere(['one', 'two']);
is(json_text($sent->{texts}), '["one","two"]', 'translated: all are sent');
($r, $sent) = cohere(['three', 'two', 'four', 'one']);
is(json_text($sent->{texts}), '["three","four"]', 'translated: misses are');
is(in_order($r, qw(three two four one)), 'in order', 'translated: in order');
is(json_of($r->{body})->{usage}{prompt_tokens}, 8, 'translated: usage');
is(in_order(hit('cohere', [qw(four three two one)]), qw(four three two one)), 'in order', 'translated: all are there');
is(json_of($r->{body})->{model}, 'cohere', 'translated: model');

# --- answers that can't be put together: the whole is asked for, once more

sub broken {
    my ($name, $answer, $why) = @_;
    my $c = start(request('e', ['alpha', "$name 1", "$name 2"]));
    my ($peer, $req) = $up{e}->request;
    is(scalar @{json_of($req->{body})->{input}}, 2, "$name: two are sent");
    $peer->write(answer(200, $answer));
    $peer->close;
    ($peer, $req) = $up{e}->request;
    is(json_text(json_of($req->{body})->{input}), json_text(['alpha', "$name 1", "$name 2"]), "$name: then all");
    my $whole = list([objects('alpha', "$name 1", "$name 2")], 9, extra => 1);
    $peer->write(answer(200, $whole));
    $peer->close;
    my $r = ended($c);
    is($r->{body}, $whole, "$name: that is the answer");
    my ($status, $tokens) = logged();
    is($status, 'MISS', "$name: a miss");
    is($tokens, $why, "$name: both calls count");
}

broken('too few', list([objects('x')], 4), 13);
broken('too many', list([objects('x', 'y', 'z')], 4), 13);
broken('twice the same', list([map { s/"index":1/"index":0/r } objects('x', 'y')], 4), 13);

# of a batch that was not cut such answers pass, and are not kept

for (list([map { s/"index":\d,//r } objects('u', 'v')], 4), list([objects('u')], 4), '{"data":[]}') {
    my ($req, $res) = exchange($up{e}, request('e', ['u', 'v']), answer(200, $_));
    is($res->{body}, $_, 'as it came');
}

# --- fallbacks: another model has other vectors

miss('other', ['alpha', 'beta']);
my $c = start(request('other', ['alpha', 'zeta']));
for (1, 2) {
    my ($peer, $req) = $up{other}->request;
    is(json_text(json_of($req->{body})->{input}), '["zeta"]', "a fallback: attempt $_");
    $peer->write(answer(500, openai_error('no', 'server_error', undef)));
    $peer->close;
}
my ($peer, $req) = $up{e}->request;
is(json_text(json_of($req->{body})->{input}), '["alpha","zeta"]', 'a fallback: all go to the other group');
$peer->write(answer(200, list([objects('alpha', 'zeta')], 7)));
$peer->close;
$r = ended($c);
is(in_order($r, qw(alpha zeta)), 'in order', 'a fallback: in order');
is(status_of(), 'MISS', 'a fallback: a miss');
($r, $sent) = miss('e', ['zeta', 'alpha']);
is(json_text($sent->{input}), '["zeta"]', 'a fallback: not kept');

# --- bypass, no-store, s-maxage, items that are too large, too many of them

($r, $sent) = miss('e', ['alpha', 'beta'], headers => ['Fresh', 1]);
is(json_text($sent->{input}), '["alpha","beta"]', 'bypass: all are sent');
is(status_of(), 'BYPASS', 'bypass');
($r, $sent) = miss('e', ['alpha', 'secret'], headers => ['Secret', 1]);
is(json_text($sent->{input}), '["secret"]', 'not stored: what is there is taken');
($r, $sent) = miss('e', ['secret', 'alpha']);
is(json_text($sent->{input}), '["secret"]', 'not stored');
my $large = '{"object":"embedding","index":0,"embedding":[' . join(',', (0.125) x 40000) . ']}';
exchange($up{e}, request('e', 'large'), answer(200, list([$large], 1)));
($r, $sent) = miss('e', ['large', 'alpha']);
is(json_text($sent->{input}), '["large"]', 'too large: not stored');

my @many = map { "n$_" } 1 .. 2049;
($r, $sent) = miss('e', \@many);
is(scalar @{$sent->{input}}, 2049, 'too many: all are sent');
is(hit('e', \@many)->{body}, $r->{body}, 'too many: kept as a whole');
pop @many;
($r, $sent) = miss('e', \@many);
is(scalar @{$sent->{input}}, 2048, 'many: none was kept before');
@many = (@many[0 .. 1000], 'new', @many[1001 .. 2046]);
($r, $sent) = miss('e', \@many);
is(json_text($sent->{input}), '["new"]', 'many: all are kept');
is(in_order($r, @many), 'in order', 'many: in order');

# --- what is forgotten

is(http_post('/cache/delete', { keys => [$key] }, 'Authorization', 'Bearer sk-master')->{status}, 200, 'delete');
($r, $sent) = miss('e', ['alpha', 'beta']);
is(json_text($sent->{input}), '["alpha"]', 'deleted: one input');
