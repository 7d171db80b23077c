package LiteLLM::DNS;

# A nameserver on a UDP port of the test, in a process of its own.  Its zone is
# a file that is read anew for each question, so that names come, move and go
# while nginx runs: one line each,
#
#   name ttl address...      A records, in this order (AAAA: none)
#   name ttl cname:other     CNAME, with the records of the other name
#   name 0 silent            no answer
#   name 0                   does not exist
#
# A line of the name "*" is for all that have none.  Other names do not exist.

use warnings;
use strict;

use IO::Socket::INET;

# new($t, port name, line...): it listens when this returns
sub new {
    my ($class, $t, $port, @lines) = @_;
    my $self = bless { dir => $t->dir }, $class;
    $self->zone(@lines);
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $t->port($port), Proto => 'udp')
        or die "dns: $!";
    $t->daemon(sub { $self->serve($s) });
    close $s;
    return $self;
}

# all of the zone, from now on
sub zone {
    my ($self, @lines) = @_;
    open my $f, '>', "$self->{dir}/zone.new" or die "zone: $!";
    print $f map { "$_\n" } @lines;
    close $f;
    rename "$self->{dir}/zone.new", "$self->{dir}/zone";
}

# how often this name was asked for
sub questions {
    my ($self, $name) = @_;
    return scalar grep { $_ eq $name } split /\n/, $self->text('questions');
}

sub text {
    my ($self, $name) = @_;
    open my $f, '<', "$self->{dir}/$name" or return '';
    local $/;
    return scalar <$f> // '';
}

sub serve {
    my ($self, $s) = @_;
    while (1) {
        defined $s->recv(my $q, 4096) or next;
        my ($id) = unpack 'n', $q;
        my ($name, $off) = ('', 12);
        while (my $len = unpack 'C', substr $q, $off, 1) {
            $name .= ($name eq '' ? '' : '.') . substr $q, $off + 1, $len;
            $off += $len + 1;
        }
        my $type = unpack 'n', substr $q, $off + 1, 2;
        my $question = substr $q, 12, $off + 5 - 12;
        open my $f, '>>', "$self->{dir}/questions";
        print $f "$name\n";
        close $f;
        my %zone = map { /^(\S+) (\d+) ?(.*)$/ ? (lc $1 => [$2, split / /, $3]) : () }
            split /\n/, $self->text('zone');
        my ($ttl, @values) = @{$zone{lc $name} || $zone{'*'} || []};
        next if @values && $values[0] eq 'silent';
        my @records;
        my $owner = pack 'n', 0xc00c;
        if (@values && $values[0] =~ /^cname:(.*)/) {
            my $target = join('', map { pack 'C/a*', $_ } split /\./, $1) . "\0";
            push @records, $owner . pack('nnNn/a*', 5, 1, $ttl, $target);
            $owner = $target;
            (undef, @values) = @{$zone{$1}};
        }
        my $rcode = @values ? 0 : 3;
        if ($type == 1) {
            push @records, $owner . pack('nnNn/a*', 1, 1, $ttl, pack 'C4', split /\./, $_) for @values;
        }
        $s->send(pack('nnnnnn', $id, 0x8180 | $rcode, 1, scalar @records, 0, 0) . $question . join '', @records);
    }
}

1;
