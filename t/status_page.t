#!/usr/bin/perl

# The status page in a browser: what it shows of a gateway with trouble, that
# nothing of it becomes markup, and that the browser has nothing to complain of.

use warnings;
use strict;

use Test::More;

use LiteLLM::Mock qw(answer openai_chat openai_error);
use LiteLLM::Test;

my ($browser) = grep { -x } map { ("$_/chromium-headless-shell", "$_/chromium") } split /:/, "$ENV{PATH}:/usr/bin";
my $t = LiteLLM::Test->new;
LiteLLM::Test::absent('chromium-headless-shell') if !$browser;
$t->plan(12);
my $slow = $LiteLLM::Peer::slow;

$t->write_conf(server => 'location = /status { litellm_status; } location = /keyed { litellm_status key; }');
$t->write_file_expand('litellm.yaml', <<'END');
model_list:
  - model_name: '<img src=x onerror="document.title=1">'
    litellm_params: {model: openai/gpt-4o, api_base: 'http://127.0.0.1:%%PORT_8081%%/good', api_key: k}
    model_info: {id: one}
  - model_name: cold
    litellm_params: {model: openai/gpt-4o, api_base: 'http://127.0.0.1:%%PORT_8081%%/bad', api_key: k}
    model_info: {id: two, cooldown_time: 600, allowed_fails_policy: {RateLimitErrorAllowedFails: 0}}
litellm_settings: {num_retries: 0}
general_settings: {master_key: sk-master}
END
$t->mock(8081, sub {
    my ($peer, $req) = @_;
    $peer->write($req->{uri} =~ /^\/bad/ ? answer(429, openai_error('no', 'rate')) : answer(200, openai_chat('Hi')));
});
$t->run;
my @key = (headers => [Authorization => 'Bearer sk-master']);
http(chat('<img src=x onerror="document.title=1">', @key)) for 1 .. 3;
http(chat('cold', @key));

# the page as it is some seconds later: (its markup, what the browser said)
sub page {
    my ($path, @more) = @_;
    my @run = ($browser, '--no-sandbox', '--disable-gpu', '--user-data-dir=' . $t->dir . '/browser', '--enable-logging=stderr',
        '--virtual-time-budget=7000', @more, '--dump-dom', 'http://127.0.0.1:' . $t->port(8080) . $path);
    my $pid = open(my $out, '-|') // die "fork: $!";
    if ($pid == 0) {
        open STDERR, '>', $t->dir . '/browser.log';
        exec @run or POSIX::_exit(127);
    }
    local $/;
    my $dom = <$out> // '';
    close $out;
    return ($dom, join "\n", grep { /CONSOLE/ } split /\n/, $t->read_file('browser.log'));
}

for ([light => '--window-size=1280,900'], [phone => '--window-size=390,800', '--blink-settings=preferredColorScheme=0']) {
    my ($name, @more) = @$_;
    my ($dom, $said) = page('/status', @more);
    like($dom, qr/<h1 id="verdict">cold can't be served<\/h1>/, "$name: the first line says what is worst");
    like($dom, qr/cooldown \d+ (?:s|min) \xc2\xb7 RateLimitError/, "$name: a cooldown, why and how long");
    is(() = $dom =~ /<details/g, 2, "$name: a row for each deployment");
    ok($dom =~ /<b>&lt;img src=x onerror="document.title=1"&gt;<\/b>/ && $dom !~ /<img/, "$name: a name is a text");
    is($said, '', "$name: the browser has no complaints");
}
my ($dom, $said) = page('/keyed');
like($dom, qr/The master key is needed/, 'key: it is asked for');
unlike($dom, qr/cold|<details/, 'key: nothing is shown without');
