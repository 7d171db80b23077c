#!/usr/bin/perl

# Reload: new models come, a broken file changes nothing, streams under way go
# on in the old worker, which then ends.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(time);

use LiteLLM::Mock qw(answer chunked openai_chat openai_stream);
use LiteLLM::Test;

my $t = LiteLLM::Test->new->plan(20);
$t->allow_log(qr/\[emerg\].*litellm/);

$t->write_conf(http => 'litellm_env_file %%DIR%%/.env;');
$t->write_file('.env', "ROTATED_KEY=sk-first\n");
my $yaml = <<'END';
model_list:
  - model_name: one
    litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:%%PORT_8081%%/v1", api_key: os.environ/ROTATED_KEY}
litellm_settings: {num_retries: 0}
END
$t->write_file_expand('litellm.yaml', $yaml);
my $up = $t->listener(8081);
$t->run;

sub call {
    my $model = shift;
    my $c = start(chat($model));
    my ($peer, $req) = $up->request(3);
    return (finish($c), { header => {} }) if !$peer;
    $peer->write(answer(200, openai_chat('hi'), 'Connection' => 'close'));
    $peer->close;
    return (finish($c), $req);
}

my ($r, $req) = call('one');
is($r->{status}, 200, 'before');
is($req->{header}{authorization}, 'Bearer sk-first', 'key of the file');

# a stream over a reload

my @stream = openai_stream('Hel', 'lo ', 'you');
my $c = start(chat('one', stream => JSON::PP::true));
my ($peer) = $up->request;
$peer->write(chunked(@stream[0, 1], undef));
ok($c->read_until(qr/Hel/), 'a stream has begun');

my ($old) = $t->workers;
$t->write_file_expand('litellm.yaml', $yaml =~ s/litellm_settings/  - {model_name: two, litellm_params: {model: openai\/gpt-4o, api_base: "http:\/\/127.0.0.1:%%PORT_8081%%\/v1", api_key: k}}\nlitellm_settings/r);
$t->write_file('.env', "ROTATED_KEY=sk-second\n");
ok($t->reload, 'reload');

($r) = call('two');
is($r->{status}, 200, 'a new model');
($r, $req) = call('one');
is($req->{header}{authorization}, 'Bearer sk-second', 'a new key');
ok(kill(0, $old), 'the old worker lives');
$peer->write(LiteLLM::Mock::chunk(join '', @stream[2 .. $#stream]) . "0\r\n\r\n");
ok($c->read_until(qr/\[DONE\]/), 'the stream goes on to its end');
$c->close;
$peer->close;

sub gone {
    my ($pid, $seconds) = @_;
    my $end = time + $seconds * $LiteLLM::Peer::slow;
    while (time < $end) {
        return 1 if !grep { $_ == $pid } $t->workers;
        Time::HiRes::sleep(0.05);
    }
    return 0;
}
ok(gone($old, 5), 'then the old worker ends');

# broken files

for my $case (
    ['not YAML', "model_list: [\n"],
    ['a wrong type', "model_list: 5\n"],
    ['nothing', ''],
    ['no model_name', "model_list:\n  - litellm_params: {model: openai/x}\n"])
{
    my ($name, $text) = @$case;
    $t->write_file('litellm.yaml', $text);
    my $at = $t->log_size;
    $t->signal('HUP');
    if ($text eq '') {
        $t->wait_log(qr/reconfiguring/, $at);
        $t->wait_log(qr/start worker process|\[emerg\]/, $at);
    } else {
        ok($t->wait_log(qr/litellm\.yaml:\d+:/, $at), "$name: told with file and line");
    }
    next if $text eq '';
    ($r) = call('two');
    is($r->{status}, 200, "$name: the old configuration goes on");
}

# idle connections and the reload: the old worker ends at once

$t->write_file_expand('litellm.yaml', $yaml);
$t->reload;
($r) = call('one');
is($r->{status}, 200, 'after a good file');
$c = start(chat('one'));
($peer) = $up->request;
$peer->write(answer(200, openai_chat('hi')));
is(finish($c)->{status}, 200, 'a connection is kept');
$t->wait_log(qr/gracefully shutting down/);
($old) = $t->serving;
$t->reload;
ok(gone($old, 5), 'an idle connection does not keep the old worker');
ok($peer->closed(5), 'it is closed');

# a graceful end waits for streams

$c = start(chat('one', stream => JSON::PP::true));
($peer) = $up->request;
$peer->write(chunked(@stream[0, 1], undef));
$c->read_until(qr/Hel/);
$t->signal('QUIT');
Time::HiRes::sleep(0.2);
$peer->write(LiteLLM::Mock::chunk(join '', @stream[2 .. $#stream]) . "0\r\n\r\n");
ok($c->read_until(qr/\[DONE\]/), 'SIGQUIT lets a stream end');
$c->close;
$peer->close;
