package LiteLLM::Liar;

# A server in the place of a Redis that lets everybody in and then answers
# EVAL with something else: the next of a list of lies for each command.
#
#   my $liar = LiteLLM::Liar->start($t, $path, GARBLED);   names of lies
#   $liar->stop;
#   $liar->told                                            how often each was
#
# GARBLED: what is no reply of our script.  FALSE: what has its form, and is not
# true.

use warnings;
use strict;

use IO::Select;
use IO::Socket::UNIX;
use LiteLLM::Peer;
use Time::HiRes qw(time);

sub bulk { return map { "\$" . length($_) . "\r\n$_\r\n" } @_ }
sub list { return '*' . @_ . "\r\n" . join '', @_ }

# a reply as the script's: the time, and for each account its window, the end
# of its period, and what others have
sub reply {
    my ($n, %is) = @_;
    my $now = $is{now} // int(time * 1000);
    return list(bulk("$now 1 0 1"), map { list(bulk($is{window} // 0, $is{ends} // 0, @{$is{others} || []})) } 1 .. $n);
}

my $large = '9' x 18;

# number of accounts, and the window that the gateway says it is in
my %garbled = (
    garbage => sub { "HTTP/1.1 400 Bad Request\r\n\r\n" },
    zeros => sub { "\0" x 100 },
    integer => sub { ":1\r\n" },
    status => sub { "+OK\r\n" },
    nil => sub { "\$-1\r\n" },
    nothing => sub { "*-1\r\n" },
    empty => sub { "*0\r\n" },
    half => sub { [substr reply($_[0]), 0, -7] },
    silence => sub { [''] },
    close => sub { undef },
    fewer => sub { reply($_[0] - 1) },
    more => sub { reply($_[0] + 1) },
    twice => sub { "+OK\r\n+OK\r\n" },
    length => sub { "\$99999999999999\r\n" },
    negative => sub { "\$-5\r\n" },
    elements => sub { "*2147483647\r\n" },
    deep => sub { "*1\r\n" x 200 },
    words => sub { list(bulk('now'), map { list(bulk('w', 'p')) } 1 .. $_[0]) },
    overflow => sub { reply($_[0], now => '9' x 40) },
    integers => sub { list(":1\r\n", map { list(":1\r\n", ":1\r\n") } 1 .. $_[0]) },
    flat => sub { list(bulk('1 1 0 1', ('1') x $_[0])) },
    nils => sub { list(bulk('1 1 0 1'), map { list("\$-1\r\n", "\$-1\r\n") } 1 .. $_[0]) },
    loading => sub { "-LOADING Redis is loading the dataset in memory\r\n" },
    noscript => sub { "-NOSCRIPT No matching script. Please use EVAL.\r\n" },
    oom => sub { "-OOM command not allowed when used memory > 'maxmemory'.\r\n" },
    readonly => sub { "-READONLY You can't write against a read only replica.\r\n" },
    moved => sub { "-MOVED 3999 127.0.0.1:6381\r\n" },
    busy => sub { "-BUSY Redis is busy running a script.\r\n" },
    noauth => sub { "-NOAUTH Authentication required.\r\n" },
    noname => sub { "-\r\n" },
    within => sub { list(bulk('1 1 0 1'), map { "-ERR no\r\n" } 1 .. $_[0]) });

my %false = (
    unknown => sub { reply($_[0]) },
    window => sub { reply($_[0], window => int(time * 1000) + $_[2]) },
    past => sub { reply($_[0], now => 0, window => 1) },
    future => sub { reply($_[0], now => $large, window => $large) },
    below => sub { reply($_[0], window => $_[1], others => ["1 $_[1] -100 -100 -100 0 0 0 " . int(time * 1000)]) },
    least => sub { reply($_[0], now => "-$large", window => "-$large", ends => "-$large",
        others => ["-$large " x 5 . '0 0 0 0']) },
    most => sub { reply($_[0], window => $_[1], others => [("$large $_[1] $large $large $large 0 0 0 $large") x 3]) },
    ends => sub { reply($_[0], window => $_[1], ends => int(time) + 1) },
    junk => sub { reply($_[0], window => $_[1], others => ['', ' ', '-', '1 2', 'x' x 1000, "1 $_[1] 0 0 0 0 0 0"]) });

sub GARBLED { return sort keys %garbled }
sub FALSE { return sort keys %false }

sub start {
    my ($class, $t, $path, @lies) = @_;
    my $self = bless { log => "$path.told", owner => $$ }, $class;
    unlink $path, $self->{log};
    my $listen = IO::Socket::UNIX->new(Local => $path, Listen => 64) or die "$path: $!";
    $self->{pid} = fork() // die "fork: $!";
    if ($self->{pid} == 0) {
        $SIG{PIPE} = 'IGNORE';
        $SIG{TERM} = sub { POSIX::_exit(0) };
        eval { serve($listen, $self->{log}, @lies) };
        warn $@ if $@;
        POSIX::_exit(0);
    }
    close $listen;
    return $self;
}

sub serve {
    my ($listen, $log, @lies) = @_;
    open my $told, '>>', $log or die "$log: $!";
    $told->autoflush(1);
    my $all = IO::Select->new($listen);
    my (%in, $k);
    while (1) {
        for my $s ($all->can_read) {
            if ($s == $listen) {
                my $c = $listen->accept or next;
                $all->add($c);
                $in{$c} = '';
                next;
            }
            my $open = sysread $s, $in{$s}, 65536, length $in{$s};
            while ($open && (my $argv = command(\$in{$s}))) {
                my $answer = "+OK\r\n";
                if (uc $argv->[0] eq 'PING') {
                    $answer = "+PONG\r\n";
                } elsif ($argv->[0] =~ /^EVAL/i) {
                    my $name = $lies[$k++ % @lies];
                    my $n = grep { !/:data$/ } @$argv[3 .. 2 + $argv->[2]];
                    my ($window) = grep { /^\d{13}$/ } @$argv[3 + $argv->[2] .. $#$argv];
                    $answer = ($garbled{$name} || $false{$name})->($n, $window // 0, $k);
                    print $told "$name\n";
                }
                $open = 0 if !defined $answer;
                if (ref $answer) {          # and nothing more on this one
                    syswrite $s, $answer->[0];
                    $all->remove($s);
                    $in{$s . 'held'} = $s;
                    last;
                }
                syswrite $s, $answer if defined $answer;
            }
            if (!$open) {
                $all->remove($s);
                delete $in{$s};
                close $s;
            }
        }
    }
}

# takes one command off the text
sub command {
    my $text = shift;
    $$text =~ /^\*(\d+)\r\n/ or return;
    my ($n, $at, @argv) = ($1, $+[0]);
    for (1 .. $n) {
        pos($$text) = $at;
        $$text =~ /\G\$(\d+)\r\n/g or return;
        $at = pos($$text);
        return if length($$text) < $at + $1 + 2;
        push @argv, substr $$text, $at, $1;
        $at += $1 + 2;
    }
    substr $$text, 0, $at, '';
    return \@argv;
}

sub told {
    my $self = shift;
    my %told;
    open my $f, '<', $self->{log} or return \%told;
    chomp, $told{$_}++ while <$f>;
    return \%told;
}

sub stop {
    my $self = shift;
    my $pid = delete $self->{pid} or return;
    kill 'TERM', $pid;
    waitpid $pid, 0;
}

sub DESTROY {
    my $self = shift;
    return if $$ != $self->{owner};
    local ($?, $@, $!);
    $self->stop;
}

1;
