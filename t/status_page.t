#!/usr/bin/perl

# The status page in a browser: what it shows of a gateway with trouble, that
# nothing of it becomes markup, and that the browser has nothing to complain of;
# that all this would be seen if the page's script were another.

use warnings;
use strict;

use JSON::PP ();
use Test::More;

use LiteLLM::Mock qw(answer chunked openai_chat openai_chunk openai_error sse);
use LiteLLM::Test;

my ($browser) = grep { -x } map { ("$_/chromium-headless-shell", "$_/chromium") } split /:/, "$ENV{PATH}:/usr/bin";
my $t = LiteLLM::Test->new;
LiteLLM::Test::absent('chromium-headless-shell') if !$browser;
$t->plan(44);
my $slow = $LiteLLM::Peer::slow;

$t->write_conf(http => 'litellm_cache_zone zone=answers:1m;',
    server => 'location = /status { litellm_status; } location = /keyed { litellm_status key; } location /kept/ { litellm; litellm_cache answers; }');
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
virtual_keys:
  - {key: sk-near, key_alias: '<img src=y>', rpm_limit: 5}
END
$t->mock(8081, sub {
    my ($peer, $req) = @_;
    return answer(429, openai_error('no', 'rate')) if $req->{uri} =~ /^\/bad/;
    return answer(200, openai_chat('Hi')) if !json_of($req->{body})->{stream};
    return chunked(sse(openai_chunk('Hi'), openai_chunk({}, choices => [], usage => { prompt_tokens => 7, completion_tokens => 3, total_tokens => 10 }), '[DONE]'));
});
$t->run;
my @key = (headers => [Authorization => 'Bearer sk-master']);
my $evil = '<img src=x onerror="document.title=1">';
http(chat($evil, @key)) for 1 .. 2;
http(chat($evil, @key, uri => '/kept/v1/chat/completions')) for 1 .. 2;
http(chat($evil, @key, stream => JSON::PP::true()));
http(chat('cold', @key));
http(chat($evil, headers => [Authorization => 'Bearer sk-near'])) for 1 .. 4;

# the page as it is some seconds later: (its markup, what the browser said)
sub page {
    my ($port, $path, @more) = @_;
    my @run = ($browser, '--no-sandbox', '--disable-gpu', '--user-data-dir=' . $t->dir . '/browser', '--enable-logging=stderr',
        '--virtual-time-budget=7000', @more, '--dump-dom', 'http://127.0.0.1:' . $port . $path);
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

# what is seen of it
sub seen {
    my ($dom, $said) = @_;
    return (
        verdict => ($dom =~ /<h1 id="verdict">cold can't be served<\/h1>/) || 0,
        cooldown => ($dom =~ /cooldown \d+ (?:s|min) \xc2\xb7 RateLimitError/) || 0,
        rows => scalar(() = $dom =~ /<details/g),
        names => ($dom =~ /<b>&lt;img src=x onerror="document.title=1"&gt;<\/b>/) || 0,
        aliases => ($dom =~ /&lt;img src=y&gt;/ && $dom =~ /4 of 5 requests/) || 0,
        times => ($dom =~ /Latency p50<\/dt><dd data-v="[^"]+">[\d.]+ m?s<\/dd><dd>p95 \d/ && $dom =~ /data-l="p50 \/ p95"[^>]*>[\d.]+ \/ [\d.]+ m?s</) || 0,
        ttft => ($dom =~ /First token p50<\/dt><dd data-v="[^"]+">[\d.]+ m?s<\/dd>/ && $dom =~ /data-l="First token"[^>]*>[\d.]+ \/ [\d.]+ m?s</) || 0,
        counts => ($dom =~ /Tokens<\/dt><dd data-v="80">80<.*Spend<\/dt><dd data-v="[^"]+">\$0\.00038 .*data-l="Spend">\$0\.00038</s) || 0,
        hits => ($dom =~ /Cache hits<\/dt><dd data-v="50%">50%<\/dd><dd>1 of 2</) || 0,
        errors => ($dom =~ /id="errlist"><div class="bar"><span>RateLimitError<\/span><i><b class="bad"[^>]*><\/b><\/i><em>1<\/em>/) || 0,
        markup => scalar(() = $dom =~ /<img/g),
        complaints => $said);
}
my %right = (verdict => 1, cooldown => 1, rows => 2, names => 1, aliases => 1, times => 1, ttft => 1, counts => 1, hits => 1, errors => 1, markup => 0, complaints => '');

for ([light => '--window-size=1280,900'], [phone => '--window-size=390,800', '--blink-settings=preferredColorScheme=0']) {
    my ($name, @more) = @$_;
    my %seen = seen(page($t->port(8080), '/status', @more));
    is($seen{$_}, $right{$_}, "$name: $_") for sort keys %right;
}
my ($dom, $said) = page($t->port(8080), '/keyed');
like($dom, qr/The master key is needed/, 'key: it is asked for');
unlike($dom, qr/cold|<details/, 'key: nothing is shown without');

# the same page with another script: it is there, but what was seen above is not

my %other = (
    rows => ['list.insertBefore(r.box, at ? at.nextSibling : list.firstChild);', ''],
    markup => ['node.textContent = s;', 'node.innerHTML = s;'],
    markup2 => ['node.textContent = String(s);', 'node.innerHTML = String(s);'],
    complaints => ['"use strict";', 'console.error("no");']);
my $looks = '"use strict"; setInterval(function () { var e = document.documentElement, s = getComputedStyle(document.body);'
    . ' e.dataset.looks = (e.scrollWidth - innerWidth) + " " + s.backgroundColor + " " + s.color; }, 500);';
# each answer five seconds after the one before; in the first one nobody had asked for "one"
sub later {
    my ($body, $n) = @_;
    return $body if $body !~ /^\{/;
    my ($j, $first) = (json_of($body), !-e $t->dir . '/later');
    $t->write_file('later', '');
    $j->{time} += 5000 * $n;
    delete $_->{counters} for grep { $_->{id} eq 'one' && $first } @{$j->{deployments}{list}};
    return JSON::PP->new->encode($j);
}
$t->mock(8082, sub {
    my ($peer, $req, $n) = @_;
    my ($name, $query) = $req->{uri} =~ m{^/(\w+)(\?.*)?$};
    if ($name && $name eq 'later') {
        return $peer->write(answer(200, later(http_get('/status' . ($query // ''))->{body}, $n), 'Content-Type' => $query ? 'application/json' : 'text/html'));
    }
    my $of = $name && ($other{$name} || $name eq 'looks' && ['"use strict";', $looks]) or return $peer->write(answer(404, ''));
    my $r = http_get('/status' . ($query // ''));
    if (!$query && $r->{body} !~ s/\Q$of->[0]\E/$of->[1]/) {
        return $peer->write(answer(500, ''));
    }
    $peer->write(answer(200, $r->{body}, 'Content-Type' => $r->{header}{'content-type'}));
});
for my $name (sort keys %other) {
    my %seen = seen(page($t->port(8082), "/$name"));
    is($seen{verdict}, 1, "another script, $name: it runs");
    isnt($seen{$name =~ s/2//r}, $right{$name =~ s/2//r}, "another script, $name: it is seen");
}

# as wide as its window, and dark where that is asked for

for (['light', 1280, 1], ['light on a phone', 390, 1], ['dark', 1280, 0], ['dark on a phone', 390, 0]) {
    my ($name, $width, $light) = @$_;
    ($dom) = page($t->port(8082), '/looks', "--window-size=$width,900", $light ? () : '--blink-settings=preferredColorScheme=0');
    my ($over, $back, $front) = $dom =~ /<html[^>]* data-looks="(-?\d+) rgb\((\d+), \d+, \d+\) rgb\((\d+), \d+, \d+\)"/;
    ok(defined $over && $over <= 0, "$name: nothing is beyond the window");
    ok(defined $over && ($light ? $back - $front : $front - $back) > 150, "$name: its colours");
}

($dom) = page($t->port(8082), '/later');
like($dom, qr/<b>&lt;img src=x(?:(?!<details).)*data-l="Req\/s">[01]\.\d+</s, 'rates of one that was never called before');
like($dom, qr/<b>cold(?:(?!<details).)*data-l="Req\/s">0</s, 'and of one that was, and is not now');
