package LiteLLM::Test;

# Runs an nginx with the module for one test file, in a directory of its own
# and on ports that nobody else has.  In the habits of nginx's own tests:
#
#   my $t = LiteLLM::Test->new->plan(3);
#   $t->write_file_expand('nginx.conf', <<'EOF');      %%TEST_GLOBALS%%,
#   $t->write_file_expand('litellm.yaml', <<'EOF');    %%PORT_8080%%, %%DIR%%
#   my $mock = $t->mock(8081, sub { ... });
#   $t->run;
#   like(http_get('/health/liveliness')->{body}, qr/alive/);
#
# At the end of every file two more checks are made: that error.log has no
# line at alert, crit or emerg, and that no sanitizer reported anything.
#
# TEST_NGINX_BINARY   nginx to run (nginx)
# TEST_NGINX_MODULE   the module's file to load; empty: it is linked in
# TEST_NGINX_SLOW     factor on all time-outs
# TEST_NGINX_LEAVE    keep the directory
# TEST_NGINX_VERBOSE  print error.log at the end
# TEST_NGINX_SKIP     what needs a program that is not there is passed over

use warnings;
use strict;

use Cwd qw(abs_path);
use Exporter 'import';
use Fcntl qw(:flock);
use File::Path ();
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use LiteLLM::Mock;
use LiteLLM::Peer;
use POSIX qw(:sys_wait_h);
use Test::More ();
use Time::HiRes qw(time);

our @EXPORT = qw(http http_get http_post chat events stray texts json_of json_text start finish
    exchange minute);

my $current;
my $slow = $LiteLLM::Peer::slow;
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

sub new {
    my $class = shift;
    my $dir = File::Temp::tempdir('litellm-test-XXXXXX', TMPDIR => 1);
    chmod 0755, $dir;
    my $self = bless { dir => abs_path($dir), ports => {}, locks => [], mocks => [], owner => $$,
        binary => $ENV{TEST_NGINX_BINARY} || 'nginx', allowed => [], plan => 0 }, $class;
    $self->{module} = exists $ENV{TEST_NGINX_MODULE} ? $ENV{TEST_NGINX_MODULE}
        : abs_path("build/ngx_http_litellm_module.so");

    # so that an interrupted test leaves no nginx behind
    $SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 1 };

    # with a gateway that answers nothing each check waits for its own end
    $SIG{ALRM} = sub { Test::More::diag('this file takes too long'); exit 1 };
    alarm 300 * $slow;
    return $current = $self;
}

# what nginx was built with; skips the whole file without
sub has {
    my ($self, @features) = @_;
    for my $feature (@features) {
        next if $self->has_feature($feature);
        absent($1) if $feature =~ /^program (.*)/;
        Test::More::plan(skip_all => "no $feature");
    }
    return $self;
}

# Programs that tests need are installed by "./build.sh test": without one a file
# fails, it does not look as if it had passed.
sub absent {
    my $program = shift;
    Test::More::plan(skip_all => "no $program") if $ENV{TEST_NGINX_SKIP};
    Test::More::plan(tests => 1);
    Test::More::fail("there is $program");
    Test::More::diag("$program is not there: ./build.sh test installs it, TEST_NGINX_SKIP=1 passes over what needs it");
    exit 1;
}

sub has_feature {
    my ($self, $feature) = @_;
    $self->{built} //= `$self->{binary} -V 2>&1`;
    return eval { require IO::Socket::SSL; 1 } if $feature eq 'io_socket_ssl';
    return scalar grep { -x "$_/$1" } split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/bin' if $feature =~ /^program (.*)/;
    return $self->{built} =~ /--with-(http_)?\Q$feature\E(_module)?\b/;
}

sub plan {
    my ($self, $n) = @_;
    Test::More::plan(tests => $n + 2);
    $self->{plan} = 1;
    return $self;
}

# a pattern for lines of error.log at alert or crit that a test provokes
sub allow_log { push @{$_[0]{allowed}}, $_[1]; return $_[0] }

sub dir { $_[0]{dir} }


# --- ports: any name; a lock file keeps other test files off

sub port {
    my ($self, $name) = @_;
    return $self->{ports}{$name} //= $self->free_port;
}

sub free_port {
    my $self = shift;
    my $tmp = File::Spec->tmpdir;
    for (1 .. 2000) {
        my $port = 15000 + int rand 15000;
        open my $lock, '>>', "$tmp/litellm-test-port-$port" or next;
        flock $lock, LOCK_EX | LOCK_NB or next;

        # whoever had it removed it meanwhile: the next one makes another
        my ($mine, $named) = map { join ' ', (stat $_)[0, 1] } $lock, "$tmp/litellm-test-port-$port";
        next if $mine ne $named;
        my $tcp = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port,
            Listen => 1, ReuseAddr => 1) or next;
        my $udp = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port,
            Proto => 'udp') or next;
        push @{$self->{locks}}, [$lock, "$tmp/litellm-test-port-$port"];
        return $port;
    }
    die "no free port\n";
}


# --- files

# in one: a mock that reads it meanwhile has the one before
sub write_file {
    my ($self, $name, $text) = @_;
    my $path = "$self->{dir}/$name";
    open my $f, '>', "$path.written" or die "$name: $!";
    binmode $f;
    print $f $text;
    close $f or die "$name: $!";
    rename "$path.written", $path or die "$name: $!";
    return $self;
}

sub write_file_expand {
    my ($self, $name, $text) = @_;
    return $self->write_file($name, $self->expand($text));
}

sub expand {
    my ($self, $text) = @_;
    my $user = $> == 0 ? 'user root;' : '';
    my $load = $self->{module} ? "load_module $self->{module};" : '';
    my $globals = "daemon off;\nmaster_process on;\nworker_processes 1;\n$user\n$load\n"
        . "pid $self->{dir}/nginx.pid;\nerror_log $self->{dir}/error.log "
        . ($ENV{TEST_NGINX_LEVEL} || 'info') . ";\n";
    my $http = join '', map { "${_}_temp_path $self->{dir}/temp_$_;\n" }
        qw(client_body proxy fastcgi uwsgi scgi);
    $http .= "access_log $self->{dir}/access.log;\n";
    $text =~ s/%%TEST_GLOBALS%%/$globals/g;
    $text =~ s/%%TEST_GLOBALS_HTTP%%/$http/g;
    $text =~ s/%%DIR%%/$self->{dir}/g;
    $text =~ s/%%PORT_(\w+)%%/$self->port($1)/ge;
    return $text;
}

# The usual nginx.conf: one server on PORT_8080 with "litellm" in "/";
# http, server, location, main: more lines there.
sub write_conf {
    my ($self, %more) = @_;
    my $text = '';
    $text .= "%%TEST_GLOBALS%%\n" . ($more{main} || '') . "\nevents { worker_connections 512; }\n"
        . "http {\n%%TEST_GLOBALS_HTTP%%\nlitellm_config %%DIR%%/litellm.yaml;\n" . ($more{http} || '')
        . "\nserver {\nlisten 127.0.0.1:%%PORT_8080%%" . ($more{listen} || '') . ";\n"
        . "server_name localhost;\n" . ($more{server} || '')
        . "\nlocation / {\nlitellm;\n" . ($more{location} || '') . "\n}\n}\n}\n";
    return $self->write_file_expand('nginx.conf', $text);
}

# litellm.yaml with an OpenAI deployment "gpt" (model gpt-4o) at PORT_8081 and
# an Anthropic one "claude" at PORT_8082; more: YAML below
sub write_yaml {
    my ($self, $more) = @_;
    return $self->write_file_expand('litellm.yaml', <<'END' . ($more // ''));
model_list:
  - model_name: gpt
    litellm_params:
      model: openai/gpt-4o
      api_base: http://127.0.0.1:%%PORT_8081%%/v1
      api_key: sk-provider-one
  - model_name: claude
    litellm_params:
      model: anthropic/claude-3-5-sonnet-20241022
      api_base: http://127.0.0.1:%%PORT_8082%%
      api_key: sk-provider-two
END
}

# all of it; of a log the whole lines: the last one may be half written
sub read_file {
    my ($self, $name) = @_;
    open my $f, '<', "$self->{dir}/$name" or return '';
    binmode $f;
    local $/;
    my $text = <$f> // '';
    substr($text, 1 + rindex $text, "\n") = '' if $name =~ /\.log\z/;
    return $text;
}


# --- providers

# a process: handler(peer, request, n), see LiteLLM::Mock::Server; addr: where
# it listens, if not on 127.0.0.1
sub mock {
    my ($self, $port, $handler, $addr) = @_;
    my $mock = LiteLLM::Mock::Server->new($self->port($port), $self->{dir}, $handler, $addr);
    push @{$self->{mocks}}, $mock;
    return $mock;
}

# in the test itself
sub listener {
    my ($self, $port) = @_;
    return LiteLLM::Mock::Listener->new($self->port($port));
}

# a process that runs code until it is killed
sub daemon {
    my ($self, $code) = @_;
    my $pid = fork() // die "fork: $!";
    if ($pid == 0) {
        $SIG{TERM} = sub { POSIX::_exit(0) };
        eval { $code->() };
        warn $@ if $@;
        POSIX::_exit(0);
    }
    push @{$self->{daemons}}, $pid;
    return $pid;
}


# --- nginx

# nginx -t: (exit status, output); more: arguments
sub test_conf {
    my ($self, %opt) = @_;
    my $pid = open(my $out, '-|') // die "fork: $!";
    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        $self->environment(%opt);
        exec($self->{binary}, '-t', '-p', "$self->{dir}/", '-c', $opt{conf} || 'nginx.conf', '-e',
            "$self->{dir}/error-t.log") or POSIX::_exit(127);
    }
    local $/;
    my $text = <$out> // '';
    close $out;
    return ($? >> 8, $text);
}

sub environment {
    my ($self, %opt) = @_;
    delete @ENV{grep { /_API_KEY$|_API_BASE$|_BASE_URL$|^LITELLM_/ } keys %ENV};
    $ENV{$_} = $opt{env}{$_} for keys %{$opt{env} || {}};
    $ENV{ASAN_OPTIONS} ||= 'detect_leaks=0:detect_odr_violation=0';
    $ENV{UBSAN_OPTIONS} ||= 'print_stacktrace=1';
}

sub run {
    my ($self, %opt) = @_;
    unlink "$self->{dir}/nginx.pid";
    my $pid = fork() // die "fork: $!";
    if ($pid == 0) {
        $self->environment(%opt);
        open STDERR, '>>', "$self->{dir}/stderr.log";
        open STDOUT, '>&', \*STDERR;
        exec($self->{binary}, '-p', "$self->{dir}/", '-c', 'nginx.conf', '-e',
            "$self->{dir}/error.log") or POSIX::_exit(127);
    }
    $self->{pid} = $pid;

    # listening sockets are open before the file is written, workers come behind it
    my ($workers) = $self->read_file('nginx.conf') =~ /^worker_processes (\d+);/m;
    my $end = time() + 20 * $slow;
    until (-s "$self->{dir}/nginx.pid" && $self->workers >= ($workers // 1)) {
        if (waitpid($pid, WNOHANG) == $pid) {
            delete $self->{pid};
            my $why = $self->read_file('stderr.log') . $self->read_file('error.log');
            die "nginx did not start:\n$why\n";
        }
        die "nginx wrote no pid file, or has no workers\n" if time() > $end;
        Time::HiRes::sleep(0.01);
    }
    return $self;
}

# The gateway, running, in front of a provider in the test itself, which is
# what comes back: its port, the entries of model_list, and what follows them
# (no retries); more: as for run().
sub in_front_of {
    my ($self, $port, $models, $settings, %more) = @_;
    $self->write_conf;
    $self->write_file_expand('litellm.yaml', "model_list:\n$models"
        . ($settings // "litellm_settings:\n  num_retries: 0\n"));
    my $up = $self->listener($port);
    $self->run(%more);
    return $up;
}

sub signal { kill $_[1], $_[0]{pid} }

# waits for a line in error.log, from an offset on; true when it came
sub wait_log {
    my ($self, $re, $offset, $timeout) = @_;
    my $end = time() + ($timeout || 10) * $slow;
    while (time() < $end) {
        return 1 if substr($self->read_file('error.log'), $offset || 0) =~ $re;
        Time::HiRes::sleep(0.02);
    }
    return 0;
}

# waits for a line in access.log with this word in it, or in another file
sub wait_access { return $_[0]->wait_file('access.log', @_[1, 2]) }

sub wait_file {
    my ($self, $name, $re, $timeout) = @_;
    my $end = time() + ($timeout || 10) * $slow;
    while (time() < $end) {
        return 1 if $self->read_file($name) =~ $re;
        Time::HiRes::sleep(0.02);
    }
    return 0;
}

sub log_size { length $_[0]->read_file('error.log') }

# reload, and wait until all old workers accept nothing any more (or for the
# refusal)
sub reload {
    my $self = shift;
    my $at = $self->log_size;
    my @old = $self->workers;
    $self->signal('HUP');
    my $end = time() + 10 * $slow;
    while (time() < $end) {
        my $log = $self->read_file('error.log');
        return 1 if substr($log, $at) =~ /\[emerg\]/;
        my %told = map { $_ => 1 } $log =~ /(\d+)#\d+: gracefully shutting down/g;
        @old = grep { !$told{$_} && kill 0, $_ } @old;
        return 1 if !@old;
        Time::HiRes::sleep(0.02);
    }
    return 0;
}

sub workers {
    my $self = shift;
    return map { int } grep { /\d/ } `ps -o pid= --ppid $self->{pid}`;
}

# those that were not told to leave
sub serving {
    my $self = shift;
    my %left = map { $_ => 1 } $self->read_file('error.log') =~ /(\d+)#\d+: gracefully shutting down/g;
    return grep { !$left{$_} } $self->workers;
}

sub stop {
    my ($self, $signal) = @_;
    my $pid = delete $self->{pid} or return $self;
    kill $signal || 'QUIT', $pid;
    my $end = time() + 15 * $slow;
    while (waitpid($pid, WNOHANG) == 0) {
        if (time() > $end) {
            if (!$self->{killed}) {
                Test::More::diag('nginx did not end after SIGQUIT');
                $self->{hung} = 1;
            }
            kill $self->{killed}++ ? 'KILL' : 'TERM', $pid;
            $end = time() + 5 * $slow;
        }
        Time::HiRes::sleep(0.01);
    }
    return $self;
}

sub finish_checks {
    my $self = shift;
    my $log = $self->read_file('error.log') . $self->read_file('stderr.log');
    my @bad = grep { /\[(alert|crit|emerg)\]/ } split /\n/, $log;
    for my $allowed (@{$self->{allowed}}) {
        @bad = grep { !/$allowed/ } @bad;
    }
    push @bad, 'nginx did not end in time after SIGQUIT' if $self->{hung};
    Test::More::is(join("\n", @bad), '', 'no alerts in error.log');
    my $reports = $log =~ /((?:^.*(?:Sanitizer|runtime error:).*$)(?:.*\n){0,30})/m ? $1 : '';
    Test::More::is($reports, '', 'no sanitizer errors');
}

sub DESTROY {
    my $self = shift;
    return if $$ != $self->{owner};
    local ($?, $@, $!);
    $self->cleanup;
}

sub cleanup {
    my $self = shift;
    return if $self->{cleaned}++;
    $self->stop;
    for my $pid (@{$self->{daemons} || []}) {
        kill 'TERM', $pid;
        waitpid $pid, 0;
    }
    $_->stop for @{$self->{mocks}};
    $self->finish_checks if $self->{plan};
    Test::More::diag($self->read_file('error.log')) if $ENV{TEST_NGINX_VERBOSE};
    for (@{$self->{locks}}) {
        unlink $_->[1];
        close $_->[0];
    }
    if ($ENV{TEST_NGINX_LEAVE}) {
        Test::More::diag("left $self->{dir}");
    } else {
        File::Path::remove_tree($self->{dir});
    }
}

END {
    if ($current && $$ == $current->{owner}) {
        my $status = $?;
        $current->cleanup;
        $? = $status || $?;
    }
}


# --- clients

# start(raw request, port => n, rcvbuf => n): the connection
sub start {
    my ($raw, %opt) = @_;
    my $peer = LiteLLM::Peer->connect($opt{port} || $current->port(8080), %opt);
    $peer->write($raw);
    return $peer;
}

# the rest of the answer on a connection
sub finish {
    my ($peer, %opt) = @_;
    return $peer->read_message(%opt) || { status => 0, body => '', header => {}, headers => [],
        raw => $peer->{in}, head => '' };
}

# a raw request in, an answer out: { status, header, headers, body, raw, head }
sub http {
    my ($raw, %opt) = @_;
    my $peer = start($raw, %opt);
    my $m = finish($peer, no_body => scalar($raw =~ /^HEAD /), %opt);
    $peer->close;
    return $m;
}

# A raw request, and the provider's answer to it, all at once or split at these
# lengths: what the provider got, what the client got.
sub exchange {
    my ($up, $raw, $answer, @split) = @_;
    my $c = start($raw);
    my ($peer, $req) = $up->request;
    return ({ line => '', header => {}, body => '', raw => '' }, finish($c)) if !$peer;
    @split ? $peer->write_split($answer, @split) : $peer->write($answer);
    $peer->close if $answer !~ /^(content-length|transfer-encoding):/im;
    my $r = finish($c);
    $peer->close;
    return ($req, $r);
}

sub lines { my $text = ''; while (@_) { my ($n, $v) = splice @_, 0, 2; $text .= "$n: $v\r\n" } $text }

sub http_get {
    my ($uri, @headers) = @_;
    return http("GET $uri HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        . lines(@headers) . "\r\n");
}

sub post_request {
    my ($uri, $body, @headers) = @_;
    $body = $json->encode($body) if ref $body;
    my $type = (grep { lc($_) eq 'content-type' } @headers) ? '' : "Content-Type: application/json\r\n";
    return "POST $uri HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n$type" . lines(@headers)
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}

sub http_post {
    my ($uri, $body, @headers) = @_;
    return http(post_request($uri, $body, @headers));
}

# chat(model, more => value...): the raw request of a short chat
sub chat {
    my ($model, %more) = @_;
    my @headers = @{delete $more{headers} || []};
    my $uri = delete $more{uri} || '/v1/chat/completions';
    return post_request($uri, { model => $model,
        messages => [{ role => 'user', content => 'Hello' }], %more }, @headers);
}

# the data of a stream's events
sub events {
    my $body = shift;
    my @all;
    for my $event (split /\n\n/, $body) {
        my @data = map { /^data: ?(.*)/s ? $1 : () } split /\n/, $event;
        push @all, join "\n", @data if @data;
    }
    return @all;
}

# lines of a stream of ours that are no event: each of those is one line of JSON
sub stray {
    return grep { $_ ne '' && !/^data: (?:\[DONE\]|\{.*\})$/ } split /\n/, $_[0];
}

# the text of all deltas of a stream
sub texts {
    my $body = shift;
    my $text = '';
    for my $data (events($body)) {
        my $e = eval { $json->decode($data) };
        next if ref $e ne 'HASH';
        $text .= $_->{delta}{content} // $_->{text} // '' for @{$e->{choices} || []};
    }
    return $text;
}

# what is counted begins anew with each minute: waits for the next one if there are
# not so many seconds left
sub minute {
    my $need = $_[0] * $slow;
    my $left = 60 - time() % 60;
    Time::HiRes::sleep($left + 0.1) if $left < ($need > 30 ? 30 : $need);
}

sub json_of { return eval { $json->decode($_[0]) } }

sub json_text { return $json->encode($_[0]) }

1;
