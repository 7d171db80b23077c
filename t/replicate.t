#!/usr/bin/perl

# An OpenAI client and Replicate: predictions that are created and looked at
# until they end, whole and streamed, through nginx.  The translation itself is
# tested natively (t/unit).

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time);

use LiteLLM::Mock qw(answer);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(36);

$t->write_conf;
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: llama
    litellm_params:
      model: replicate/meta/meta-llama-3-70b-instruct
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      api_key: r8_provider_one
  - model_name: own
    litellm_params:
      model: replicate/deployments/acme/owl
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      api_key: r8_provider_one
  - model_name: hasty
    litellm_params:
      model: replicate/acme/hasty
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      api_key: r8_provider_one
      timeout: 2
  - model_name: any/*
    litellm_params:
      model: replicate/*
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      api_key: r8_provider_one
litellm_settings:
  num_retries: 0
END

# what a prediction shows, look for look; the temperature says which it is

my %looks = (
    0 => [{ status => 'starting' }, { status => 'processing', output => ['Hel'] },
        { status => 'succeeded', output => ['Hel', 'lo ', 'you'],
            metrics => { input_token_count => 11, output_token_count => 5 } }],
    1 => [{ status => 'succeeded', output => 'at once' }],
    2 => [{ status => 'starting' }, { status => 'processing', output => ['Half '] },
        { status => 'failed', output => ['Half '], error => 'CUDA out of memory' }],
    3 => [{ status => 'starting', urls => { get => 'http://127.0.0.1:1/v1/predictions/x' } },
        { status => 'succeeded', output => ['mine'] }],
    4 => [{ status => 'processing' }],
    5 => [{ status => 'starting' }, { status => 'canceled' }],
    6 => [{ status => 'starting', id => '../../account' }],
);

my $up = $t->mock(8081, sub {
    my ($peer, $req, $n) = @_;

    if ($req->{line} =~ /^POST/) {
        my $case = json_of($req->{body})->{input}{temperature} // 0;
        return answer(422, '{"title":"T","detail":"input.prompt: is required","status":422}') if $case == 9;
        return answer(201, json_text({ id => "c$case", urls => {}, %{$looks{$case}[0]} }));
    }

    my ($case) = $req->{line} =~ m{^GET /v1/predictions/c(\d) } or return answer(404, '{}');

    # how many looks at this one there were

    open my $f, '>>', $t->dir . "/looks-$case" or die $!;
    syswrite $f, '.';
    my $all = $looks{$case};
    my $seen = -s $f;
    return answer(200, json_text({ id => "c$case", %{$all->[$seen < @$all ? $seen : -1]} }));
});
$t->run;

my @seen;

# the answer, and what the provider saw for it
sub call {
    my $at = @seen;
    my $r = http(chat(@_));
    @seen = $up->requests;
    return ($r, @seen[$at .. $#seen]);
}

sub looked { return -s $t->dir . "/looks-$_[0]" || 0 }

# whole

my $began = time;
my ($r, @req) = call('llama', temperature => 0, headers => ['Authorization' => 'Bearer sk-client']);
my $took = time - $began;
is($r->{status}, 200, 'status');
my $j = json_of($r->{body});
is($j->{choices}[0]{message}{content}, 'Hello you', 'text');
is($j->{choices}[0]{finish_reason}, 'stop', 'finish_reason');
is_deeply([@{$j->{usage}}{qw(prompt_tokens completion_tokens total_tokens)}], [11, 5, 16], 'usage');
is_deeply([map { $_->{line} } @req], ['POST /v1/models/meta/meta-llama-3-70b-instruct/predictions HTTP/1.1',
    ('GET /v1/predictions/c0 HTTP/1.1') x 2], 'created, then looked at');
is_deeply([map { $_->{header}{authorization} } @req], [('Bearer r8_provider_one') x 3], 'the key, each time');
ok(!grep({ $_->{raw} =~ /sk-client/ } @req), 'not the client\'s key');
ok(!grep({ $_->{line} =~ /r8_/ } @req), 'no key in a URL');
is($req[0]{header}{prefer}, 'wait=30', 'Prefer');
is_deeply([map { $_->{header}{'content-length'} } @req[1, 2]], [undef, undef], 'a look has no body');
like(json_of($req[0]{body})->{input}{prompt}, qr/^<\|begin_of_text\|>.*Hello<\|eot_id\|>/s, 'prompt');
ok($took > 0.9 && $took < 5, "half a second before each look ($took)");

($r, @req) = call('llama', temperature => 1);
is(json_of($r->{body})->{choices}[0]{message}{content}, 'at once', 'ended at once');
is(scalar(@req), 1, 'ended at once: no look');

($r, @req) = call('own', temperature => 1);
is($req[0]{line}, 'POST /v1/deployments/acme/owl/predictions HTTP/1.1', 'a deployment');

# a name that a wildcard lets through

($r, @req) = call('any/../../account');
is($r->{status}, 400, 'a name that is a path is refused');
is(scalar(@req), 0, 'and not sent');
($r, @req) = call('any/acme/new-owl', temperature => 1);
is($req[0]{line}, 'POST /v1/models/acme/new-owl/predictions HTTP/1.1', 'a name that is none');

# streamed

unlink $t->dir . '/looks-0';
($r, @req) = call('llama', temperature => 0, stream => JSON::PP::true,
    stream_options => { include_usage => JSON::PP::true });
is($r->{status}, 200, 'stream: status');
like($r->{header}{'content-type'}, qr/^text\/event-stream/, 'stream: type');
is(texts($r->{body}), 'Hello you', 'stream: text');
my @events = events($r->{body});
is($events[-1], '[DONE]', 'stream: [DONE]');
is(json_of($events[0])->{choices}[0]{delta}{content}, 'Hel', 'stream: as it grows');
is(json_of($events[-2])->{usage}{total_tokens}, 16, 'stream: usage');
is(scalar(@req), 3, 'stream: by looks');
is($req[0]{header}{prefer}, undef, 'stream: not waited for');

($r) = call('llama', temperature => 2, stream => JSON::PP::true);
is(texts($r->{body}), 'Half ', 'a stream that fails: the text before');
like((events($r->{body}))[-1], qr/"error".*CUDA out of memory/, 'a stream that fails: an error');

# what the provider says is not trusted

($r, @req) = call('llama', temperature => 3);
is(json_of($r->{body})->{choices}[0]{message}{content}, 'mine', 'an address of the provider\'s is not followed');
is($req[1]{line}, 'GET /v1/predictions/c3 HTTP/1.1', 'it is looked at where it was made');
($r, @req) = call('llama', temperature => 6);
is($r->{status}, 502, 'an id that is a path');
is(scalar(@req), 1, 'is not looked at');

# failures

unlink $t->dir . '/looks-2';
($r) = call('llama', temperature => 2);
is($r->{status}, 500, 'a prediction that failed');
($r) = call('llama', temperature => 5);
like(json_of($r->{body})->{error}{message}, qr/canceled/, 'a prediction that was canceled');
($r) = call('llama', temperature => 9);
is($r->{status}, 422, 'an input that is refused');

# one that never ends

$began = time;
($r) = call('hasty', temperature => 4);
ok($r->{status} >= 408 && time - $began < 10, 'one that never ends is ended by the time-out');
