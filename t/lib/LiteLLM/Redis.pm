package LiteLLM::Redis;

# A real redis-server for one test, in the test's directory: on a unix socket,
# and on a TCP port or with TLS if asked for.
#
#   my $redis = LiteLLM::Redis->start($t, args => ['--requirepass', 'secret']);
#   $redis->path, $redis->port, $redis->do('SET', 'a', 1)
#   $redis->stop; $redis->again;

use warnings;
use strict;

use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(time sleep);

# without a name: there is a redis-server, or the file ends here
sub has {
    my $program = $_[1] || 'redis-server';
    my $has = grep { -x "$_/$program" } split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/bin';
    LiteLLM::Test::absent($program) if !$has && !$_[1];
    return $has;
}

sub start {
    my ($class, $t, %opt) = @_;
    my $self = bless { dir => $t->dir, name => $opt{name} || 'redis', args => $opt{args} || [],
        port => $opt{port} || 0, program => $opt{program} || 'redis-server', password => $opt{password}, owner => $$ }, $class;
    return $self->again;
}

sub path { return "$_[0]{dir}/$_[0]{name}.sock" }
sub port { return $_[0]{port} }

sub again {
    my $self = shift;
    unlink $self->path;
    my $pid = fork() // die "fork: $!";
    if ($pid == 0) {
        open STDOUT, '>>', "$self->{dir}/$self->{name}.log";
        open STDERR, '>&', \*STDOUT;
        $ENV{PATH} .= ':/usr/sbin:/usr/bin';
        exec($self->{program}, '--unixsocket', $self->path, '--port', $self->{port}, '--save', '',
            '--appendonly', 'no', '--dir', $self->{dir}, '--bind', '127.0.0.1',
            @{$self->{args}}) or POSIX::_exit(127);
    }
    $self->{pid} = $pid;
    my $end = time() + 20 * $LiteLLM::Peer::slow;
    until (eval { ($self->do('PING') // '') =~ /PONG|NOAUTH/ }) {
        die "redis-server did not start\n" if time() > $end || waitpid($pid, WNOHANG) == $pid;
        sleep 0.02;
    }
    return $self;
}

# kills it: nothing is said to its clients
sub stop {
    my $self = shift;
    my $pid = delete $self->{pid} or return $self;
    kill 'KILL', $pid;
    waitpid $pid, 0;
    return $self;
}

sub signal { kill $_[1], $_[0]{pid} }

# a command and its reply: text, or a reference to a list
sub do {
    my ($self, @command) = @_;
    my $s = IO::Socket::UNIX->new(Peer => $self->path) or die "redis: $!";
    my $text = '';
    my @login = ($self->{password} ? ["AUTH", $self->{password}] : (), $self->{db} ? ["SELECT", $self->{db}] : ());
    for my $c (@login, \@command) {
        $text .= '*' . @$c . "\r\n" . join '', map { '$' . length($_) . "\r\n$_\r\n" } @$c;
    }
    print $s $text;
    $s->flush;
    reply($s) for @login;
    return reply($s);
}

sub reply {
    my $s = shift;
    local $/ = "\r\n";
    my $line = <$s> // return undef;
    chomp $line;
    my $kind = substr $line, 0, 1, '';
    if ($kind eq '$') {
        return undef if $line < 0;
        read $s, my $data, $line + 2;
        return substr $data, 0, $line;
    }
    return [map { reply($s) } 1 .. $line] if $kind eq '*';
    return $line;
}

sub DESTROY {
    my $self = shift;
    return if $$ != $self->{owner};
    local ($?, $@, $!);
    $self->stop;
}

1;
