package LiteLLM::Peer;

# One end of a TCP connection, for tests: reads with a deadline, reads whole
# HTTP requests or answers and keeps their bytes as they came, and can end in
# every way a real peer does (close, half close, reset).  Used by the tests for
# the client's side and by the mock providers for theirs.

use warnings;
use strict;

use IO::Select;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER SO_RCVBUF IPPROTO_TCP TCP_NODELAY);
use Time::HiRes ();

# sanitizers make everything slower
our $slow = $ENV{TEST_NGINX_SLOW} || 1;

sub new {
    my ($class, $sock) = @_;
    binmode $sock;
    $sock->autoflush(1);
    setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 1;
    return bless { sock => $sock, in => '', eof => 0,
        ends => [map { $sock->can($_) && $sock->$_ || 0 } qw(peerport sockport)] }, $class;
}

# connect(port, rcvbuf => bytes): to 127.0.0.1; a small receive buffer makes a
# slow reader felt early
sub connect {
    my ($class, $port, %opt) = @_;
    my $sock;

    if ($opt{rcvbuf}) {
        socket($sock, Socket::PF_INET(), Socket::SOCK_STREAM(), 0) or die "socket: $!";
        setsockopt $sock, SOL_SOCKET, SO_RCVBUF, $opt{rcvbuf};
        CORE::connect($sock, Socket::pack_sockaddr_in($port, Socket::inet_aton('127.0.0.1')))
            or die "connect to port $port: $!\n";
        bless $sock, 'IO::Socket::INET';

    } else {
        $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port)
            or die "connect to port $port: $!\n";
    }

    return $class->new($sock);
}

sub write {
    my ($self, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $off = 0;
    while ($off < length $bytes) {
        my $n = syswrite $self->{sock}, $bytes, length($bytes) - $off, $off;
        return 0 if !defined $n;
        $off += $n;
    }
    return 1;
}

# the bytes in pieces of the given sizes (the last size repeats), each in a
# write of its own
sub write_split {
    my ($self, $bytes, @sizes) = @_;
    my $off = 0;
    while ($off < length $bytes) {
        my $n = @sizes > 1 ? shift @sizes : $sizes[0];
        $self->write(substr $bytes, $off, $n) or return 0;
        $off += $n;
    }
    return 1;
}

# As much as the socket takes without blocking within the given time; returns
# how many bytes.  For telling whether the other side reads.
sub flood {
    my ($self, $bytes, $seconds) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $end = Time::HiRes::time() + $seconds * $slow;
    my $off = 0;
    $self->{sock}->blocking(0);
    while ($off < length $bytes) {
        my $left = $end - Time::HiRes::time();
        last if $left <= 0;
        next if !IO::Select->new($self->{sock})->can_write($left);
        my $n = syswrite $self->{sock}, $bytes, length($bytes) - $off, $off;
        last if !defined $n && !$!{EAGAIN};
        $off += $n || 0;
    }
    $self->{sock}->blocking(1);
    return $off;
}

# reads once; 1: bytes came, 0: the end, undef: not in time
sub fill {
    my ($self, $timeout) = @_;
    return 0 if $self->{eof};
    return undef if !IO::Select->new($self->{sock})->can_read($timeout);
    my $n = sysread $self->{sock}, $self->{in}, 65536, length $self->{in};
    if (!$n) {
        $self->{eof} = defined $n ? 'end' : 'reset';
        return 0;
    }
    return 1;
}

# Everything up to the end of what the pattern matches; undef when that does
# not come.
sub read_until {
    my ($self, $re, $timeout) = @_;
    my $end = Time::HiRes::time() + ($timeout || 10) * $slow;
    while (1) {
        return substr $self->{in}, 0, $+[0], '' if $self->{in} =~ /$re/;
        my $left = $end - Time::HiRes::time();
        return undef if $left <= 0 || !$self->fill($left);
    }
}

sub read_bytes {
    my ($self, $n, $timeout) = @_;
    my $end = Time::HiRes::time() + ($timeout || 10) * $slow;
    while (length $self->{in} < $n) {
        my $left = $end - Time::HiRes::time();
        return undef if $left <= 0 || !$self->fill($left);
    }
    return substr $self->{in}, 0, $n, '';
}

# everything until the other side ends; undef when it does not
sub read_eof {
    my ($self, $timeout) = @_;
    my $end = Time::HiRes::time() + ($timeout || 10) * $slow;
    while (!$self->{eof}) {
        my $left = $end - Time::HiRes::time();
        return undef if $left <= 0;
        $self->fill($left);
    }
    my $all = $self->{in};
    $self->{in} = '';
    return $all;
}

# The other end's socket, on this machine: the bytes that are not acknowledged,
# and those that are not read; nothing when there is none any more.
sub other {
    my $self = shift;
    my $ends = sprintf '%04X [0-9A-F]{8}:%04X', @{$self->{ends}};
    open my $in, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!";
    my ($line) = grep { /^\s*\d+: [0-9A-F]{8}:$ends 0[1458]/ } <$in>;
    return $line && $line =~ / ([0-9A-F]{8}):([0-9A-F]{8}) / ? (hex $1, hex $2) : ();
}

# waits until that is so of them: by default, until all is read; true when it is
sub await {
    my ($self, $so) = @_;
    $so ||= sub { @_ && !$_[1] };
    my $end = Time::HiRes::time() + 10 * $slow;
    while (Time::HiRes::time() < $end) {
        return 1 if $so->($self->other);
        Time::HiRes::sleep(0.005);
    }
    return 0;
}

# true when the other side ends (or resets) in time; what it sent is dropped
sub closed {
    my ($self, $timeout) = @_;
    return defined $self->read_eof($timeout);
}

# true when nothing comes for so long
sub quiet {
    my ($self, $seconds) = @_;
    return 0 if length $self->{in};
    return !defined $self->fill($seconds);
}

# Header and body of a request or an answer:
#   { line, head, header => { name => value }, headers => [[name, value]...],
#     body, raw }; undef at the end of the connection or without one in time.
# no_body: an answer to HEAD, or one without a body.
sub read_message {
    my ($self, %opt) = @_;
    my $end = Time::HiRes::time() + ($opt{timeout} || 10) * $slow;
    my $left = sub { my $l = ($end - Time::HiRes::time()) / $slow; $l > 0.001 ? $l : 0.001 };

    my $head = $self->read_until(qr/\r\n\r\n/, $left->());
    return undef if !defined $head;

    my %m = (head => $head, body => '', raw => $head, header => {}, headers => []);
    my @lines = split /\r\n/, $head;
    $m{line} = shift @lines;
    for (@lines) {
        my ($name, $value) = /^([^:]+):[ \t]*(.*?)[ \t]*$/ or next;
        push @{$m{headers}}, [$name, $value];
        $m{header}{lc $name} = exists $m{header}{lc $name} ? "$m{header}{lc $name}, $value" : $value;
    }
    ($m{method}, $m{uri}) = $m{line} =~ /^(\S+) (\S+) HTTP/ if $m{line} !~ /^HTTP/;
    ($m{status}) = $m{line} =~ /^HTTP\/\S+ (\d+)/;

    if ($m{status} && $m{status} =~ /^1/ && $m{status} != 101) {
        return $self->read_message(%opt, timeout => $left->());
    }
    return \%m if $opt{no_body} || ($m{status} && $m{status} =~ /^(204|304)$/);

    if (lc($m{header}{'transfer-encoding'} || '') eq 'chunked') {
        while (1) {
            my $size = $self->read_until(qr/\r\n/, $left->());
            return undef if !defined $size;
            $m{raw} .= $size;
            my $n = hex(($size =~ /^([0-9a-f]+)/i)[0] // die "bad chunk size: $size");
            my $data = $self->read_bytes($n + 2, $left->());
            return undef if !defined $data;
            $m{raw} .= $data;
            last if $n == 0;
            $m{body} .= substr $data, 0, $n;
        }

    } elsif (defined $m{header}{'content-length'}) {
        $m{body} = $self->read_bytes($m{header}{'content-length'}, $left->());
        return undef if !defined $m{body};
        $m{raw} .= $m{body};

    } elsif ($m{status}) {
        $m{body} = $self->read_eof($left->());
        return undef if !defined $m{body};
        $m{raw} .= $m{body};
    }
    return \%m;
}

sub shutdown { CORE::shutdown $_[0]{sock}, 1 }

sub close { CORE::close $_[0]{sock} }

# ends the connection with a RST
sub reset {
    my $self = shift;
    setsockopt $self->{sock}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    CORE::close $self->{sock};
}

1;
