package LiteLLM::Mock;

# Mock providers, two kinds.
#
# LiteLLM::Mock::Listener lives in the test: accept() gives the connection that
# nginx made, and the test itself reads and writes on it.  So chunk borders,
# stalls and resets happen exactly when the test wants, without sleeping.
#
# LiteLLM::Mock::Server is a process that answers by a handler, for tests that
# care about the gateway's requests rather than about timing.  It keeps every
# request byte for byte; requests() gives them to the test.
#
# The functions at the end make answers as OpenAI and Anthropic send them.

use warnings;
use strict;

use Exporter 'import';
use Fcntl qw(:flock);
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use LiteLLM::Peer;
use POSIX ();

our @EXPORT_OK = qw(
    answer chunked sse
    openai_chat openai_chunk openai_stream openai_error openai_text
    anthropic_message anthropic_stream anthropic_error
);

my $json = JSON::PP->new->canonical->ascii;


# --- answers

# answer(status, body, [name => value]...): with Content-Length, kept alive
sub answer {
    my ($status, $body, @headers) = @_;
    my %reason = (200 => 'OK', 400 => 'Bad Request', 401 => 'Unauthorized', 404 => 'Not Found',
        429 => 'Too Many Requests', 500 => 'Internal Server Error', 503 => 'Service Unavailable',
        529 => 'Overloaded');
    my $head = "HTTP/1.1 $status " . ($reason{$status} || 'Status') . "\r\n";
    my $type = 0;
    while (@headers) {
        my ($name, $value) = splice @headers, 0, 2;
        $type = 1 if lc $name eq 'content-type';
        $head .= "$name: $value\r\n";
    }
    $head .= "Content-Type: application/json\r\n" if !$type;
    return $head . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}

sub chunk { sprintf "%x\r\n%s\r\n", length $_[0], $_[0] }

# header of a chunked stream, then a chunk for each piece; the last chunk too
# unless the last argument is undef
sub chunked {
    my @pieces = @_;
    my $open = @pieces && !defined $pieces[-1];
    pop @pieces if $open;
    return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n"
        . join('', map { chunk($_) } @pieces) . ($open ? '' : "0\r\n\r\n");
}

sub sse { map { "data: $_\n\n" } @_ }

sub openai_chat {
    my ($text, %more) = @_;
    return $json->encode({
        id => 'chatcmpl-1', object => 'chat.completion', created => 1700000000,
        model => 'gpt-4o-2024-08-06',
        choices => [{ index => 0, finish_reason => 'stop',
            message => { role => 'assistant', content => $text } }],
        usage => { prompt_tokens => 7, completion_tokens => 3, total_tokens => 10 },
        %more });
}

sub openai_text {
    my ($text) = @_;
    return $json->encode({
        id => 'cmpl-1', object => 'text_completion', created => 1700000000, model => 'm',
        choices => [{ index => 0, finish_reason => 'stop', text => $text, logprobs => undef }],
        usage => { prompt_tokens => 7, completion_tokens => 3, total_tokens => 10 } });
}

# one event's JSON: delta a hash or a text
sub openai_chunk {
    my ($delta, %more) = @_;
    $delta = { content => $delta } if !ref $delta;
    return $json->encode({
        id => 'chatcmpl-1', object => 'chat.completion.chunk', created => 1700000000,
        model => 'gpt-4o-2024-08-06',
        choices => [{ index => 0, delta => $delta, finish_reason => undef }], %more });
}

# the events of a whole stream, as OpenAI frames them
sub openai_stream {
    my @texts = @_;
    return sse(
        openai_chunk({ role => 'assistant', content => '' }),
        (map { openai_chunk($_) } @texts),
        openai_chunk({}, choices => [{ index => 0, delta => {}, finish_reason => 'stop' }]),
        '[DONE]');
}

sub openai_error {
    my ($message, $type, $code) = @_;
    return $json->encode({ error => { message => $message, type => $type, param => undef,
        code => $code } });
}

sub anthropic_message {
    my ($text, %more) = @_;
    return $json->encode({
        id => 'msg_1', type => 'message', role => 'assistant', model => 'claude-3-5-sonnet-20241022',
        content => [{ type => 'text', text => $text }],
        stop_reason => 'end_turn', stop_sequence => undef,
        usage => { input_tokens => 11, output_tokens => 5 }, %more });
}

# the events of a stream: "event: NAME\ndata: JSON\n\n" each
sub anthropic_stream {
    my @texts = @_;
    my @events = (
        { type => 'message_start', message => { id => 'msg_1', type => 'message',
            role => 'assistant', model => 'claude-3-5-sonnet-20241022', content => [],
            stop_reason => undef, stop_sequence => undef,
            usage => { input_tokens => 11, output_tokens => 1 } } },
        { type => 'content_block_start', index => 0,
            content_block => { type => 'text', text => '' } },
        { type => 'ping' },
        (map { { type => 'content_block_delta', index => 0,
            delta => { type => 'text_delta', text => $_ } } } @texts),
        { type => 'content_block_stop', index => 0 },
        { type => 'message_delta', delta => { stop_reason => 'end_turn', stop_sequence => undef },
            usage => { output_tokens => 5 } },
        { type => 'message_stop' });
    return map { "event: $_->{type}\ndata: " . $json->encode($_) . "\n\n" } @events;
}

sub anthropic_error {
    my ($type, $message) = @_;
    return $json->encode({ type => 'error', error => { type => $type, message => $message } });
}


package LiteLLM::Mock::Listener;

use Errno ();

sub new {
    my ($class, $port, $addr) = @_;
    my $sock = IO::Socket::INET->new(LocalAddr => $addr || '127.0.0.1', LocalPort => $port,
        Listen => 128, ReuseAddr => 1) or die "listen on $port: $!\n";
    return bless { sock => $sock, port => $port }, $class;
}

sub port { $_[0]{port} }

# the next connection, undef when none comes
sub accept {
    my ($self, $timeout) = @_;
    return undef
        if !IO::Select->new($self->{sock})->can_read(($timeout || 10) * $LiteLLM::Peer::slow);
    my $conn = $self->{sock}->accept() or return undef;
    return LiteLLM::Peer->new($conn);
}

# the next connection and the request on it
sub request {
    my ($self, $timeout) = @_;
    my $peer = $self->accept($timeout) or return;
    my $req = $peer->read_message(timeout => $timeout) or return;
    return ($peer, $req);
}

sub close { CORE::close($_[0]{sock}) }


package LiteLLM::Mock::Server;

# new(port, dir, handler): a process with one child for each connection.
# handler(peer, request, n) answers; n counts requests from 1.  It returns
# true for the connection to be kept, anything else closes it.  What it returns
# as a string is written first.  addr: another address than 127.0.0.1.
sub new {
    my ($class, $port, $dir, $handler, $addr) = @_;
    my $self = bless { port => $port, log => "$dir/mock-$port" . ($addr ? "-$addr" : '') . '.log' }, $class;
    my $listener = LiteLLM::Mock::Listener->new($port, $addr);
    CORE::close($self->open_log('>'));

    my $pid = fork() // die "fork: $!";
    if ($pid == 0) {
        $SIG{CHLD} = 'IGNORE';
        $SIG{TERM} = sub { POSIX::_exit(0) };
        while (1) {
            my $peer = $listener->accept(3600) or next;
            my $child = fork();
            next if $child;
            CORE::close($listener->{sock});
            $self->serve($peer, $handler);
            POSIX::_exit(0);
        }
    }
    $self->{pid} = $pid;
    CORE::close($listener->{sock});
    return $self;
}

sub port { $_[0]{port} }

sub serve {
    my ($self, $peer, $handler) = @_;
    while (my $req = $peer->read_message(timeout => 120)) {
        my $n = $self->keep($req->{raw});
        my $rc = eval { $handler->($peer, $req, $n) };
        warn "mock: $@" if $@;
        if (defined $rc && !ref $rc && $rc =~ /^HTTP\//) {
            $peer->write($rc) or last;
            next if $rc !~ /^connection:\s*close/im && $rc =~ /^(content-length|transfer-encoding):/im;
            last;
        }
        last if !$rc;
    }
    $peer->close;
}

sub open_log {
    my ($self, $mode) = @_;
    open(my $f, $mode, $self->{log}) or die "$self->{log}: $!";
    binmode $f;
    return $f;
}

# appends the request; returns its number
sub keep {
    my ($self, $raw) = @_;
    my $f = $self->open_log('+<');
    flock $f, Fcntl::LOCK_EX();
    my $n = 1;
    local $/ = "\n";
    while (my $size = <$f>) {
        chomp $size;
        seek $f, $size, 1;
        $n++;
    }
    print $f length($raw) . "\n$raw";
    CORE::close($f);
    return $n;
}

# the raw requests so far
sub raw_requests {
    my $self = shift;
    my $f = $self->open_log('<');
    flock $f, Fcntl::LOCK_SH();
    my @all;
    local $/ = "\n";
    while (my $size = <$f>) {
        chomp $size;
        my $raw;
        read $f, $raw, $size;
        push @all, $raw;
    }
    return @all;
}

# as { line, method, uri, header, headers, body, raw }; those of a URI pattern
sub requests {
    my ($self, $uri) = @_;
    my @all;
    for my $raw ($self->raw_requests) {
        my ($head, $body) = split /\r\n\r\n/, $raw, 2;
        my @lines = split /\r\n/, $head;
        my %m = (raw => $raw, body => $body, line => shift @lines, header => {}, headers => []);
        ($m{method}, $m{uri}) = split / /, $m{line};
        for (@lines) {
            my ($name, $value) = /^([^:]+):[ \t]*(.*)$/ or next;
            push @{$m{headers}}, [$name, $value];
            $m{header}{lc $name} = $value;
        }
        push @all, \%m if !defined $uri || $m{uri} =~ $uri;
    }
    return @all;
}

sub stop {
    my $self = shift;
    my $pid = delete $self->{pid} or return;
    kill 'TERM', $pid;
    waitpid $pid, 0;
}

1;
